"""What a viewer can tell a run to do, by name. A command acts on the stage between two steps and gives its answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from vitral.errors import SpecError
from vitral.events import to_json
from vitral.runtime import snapshots
from vitral.runtime.showing import ANSWERS, Answer
from vitral.runtime.stage import Goal, Stage
from vitral.spec.complaint import nearest

Command = Callable[[Stage, Mapping[str, Any]], Answer]


def _go(goal: Goal) -> Command:
    def command(stage: Stage, values: Mapping[str, Any]) -> Answer:
        stage.trained()
        stage.aim(goal)
        return {"state": stage.state}

    return command


def _stop(stage: Stage, values: Mapping[str, Any]) -> Answer:
    stage.stop()
    return {}


def _set(stage: Stage, values: Mapping[str, Any]) -> Answer:
    change = stage.trained().change(str(values.get("name")), values.get("value"))
    return {"change": json.loads(to_json(change)), "controls": stage.controls()}


def _snapshot(stage: Stage, values: Mapping[str, Any]) -> Answer:
    stage.trained().save()
    stage.nudge()
    return {"step": stage.step}


def _load(stage: Stage, values: Mapping[str, Any]) -> Answer:
    """Go on with the weights of an upload, whose id the server has turned into a path."""
    run = stage.trained()
    change, notes = snapshots.load(run.trainer, Path(str(values.get("weights"))), str(values.get("name") or ""))
    run.save()  # a run that is resumed goes on from here, too
    stage.nudge()
    return {"change": json.loads(to_json(change)), "notes": list(notes)}


COMMANDS: dict[str, Command] = {
    "run": _go("run"),
    "pause": _go("pause"),
    "batch": _go("batch"),
    "epoch": _go("epoch"),
    "stop": _stop,
    "set": _set,
    "snapshot": _snapshot,
    "load": _load,
}


def obey(stage: Stage, name: str, values: Mapping[str, Any]) -> Answer:
    """Carry a command out.

    Raises:
        VitralError: there is no such command, or it cannot be done; nothing has changed then.
    """
    if command := COMMANDS.get(name):
        return command(stage, values)
    if name in ANSWERS:
        return stage.showing().answer(name, dict(values))
    raise SpecError(f'there is no command "{name:.40}"{nearest(name, (*COMMANDS, *ANSWERS))}')
