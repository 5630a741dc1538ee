"""The states of a run and the moves between them. Each move that is not allowed has a sentence of its own."""

from __future__ import annotations

from typing import Literal, get_args

from vitral.errors import StoreError

State = Literal["created", "running", "finished", "interrupted", "diverged", "failed"]
STATES: tuple[State, ...] = get_args(State)

MOVES: frozenset[tuple[State, State]] = frozenset(
    {
        ("created", "running"),
        ("running", "running"),  # its process was killed: who holds the run's lock may go on from the last checkpoint
        ("running", "finished"),
        ("running", "interrupted"),
        ("running", "diverged"),
        ("running", "failed"),
        ("interrupted", "running"),
        ("failed", "running"),
    }
)

REFUSED: dict[tuple[State, State], str] = {
    ("finished", "running"): "it has taken all its steps: expected a run that stopped early, got a finished one; "
    "look at it with `vitral show`, or train a new run with more epochs",
    ("diverged", "running"): "its numbers stopped being finite and would do so again: expected a run that stopped early, got a diverged "
    "one; train a new run with a smaller learning rate",
}


def check(run: str, before: State, after: State) -> None:
    """Let a run go from one state to another, or say why it cannot.

    Raises:
        StoreError: the move is not allowed.
    Example:
        ``check("a-1", "finished", "running")`` says that the run has taken all its steps.
    """
    if (before, after) in MOVES:
        return
    if sentence := REFUSED.get((before, after)):
        raise StoreError(f"run {run} cannot go on: {sentence}")
    if after == "created":
        raise StoreError(f"run {run} exists already and is {before}: a run is created once; start another one")
    if before == "created":
        raise StoreError(f"run {run} was never trained: expected a running one to call {after}, got a created one; start it first")
    raise StoreError(f"run {run} is {before} and cannot become {after}: expected a running one; resume it first")
