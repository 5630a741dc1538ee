"""A run's process without torch: it says what a real one says, as fast as it is told to. Run as a script, like the real one.

Its experiment's ``steps`` is how many steps it takes, its ``seed`` how many milliseconds each. Beside the real commands it knows ``die``
(SIGKILL to itself), ``burst`` (so many steps at once), ``slow`` (an answer that takes so many seconds) and ``shout`` (a broken letter).
"""

import contextlib
import os
import queue
import signal
import sys
import time

from vitral import wire
from vitral.runtime.channel import Channel
from vitral.runtime.looks import union, wish

PICTURE = int(os.environ.get("PUPPET_PICTURE", "20000"))


class Puppet:
    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.step = self.number = 0
        self.state = "learning"
        self.looks: dict[str, float] = {}
        self.free: dict[str, bool] = {}
        self.made = 0
        self.next: dict | None = None
        self.gone = False

    def event(self, kind: str, **values: object) -> None:
        self.channel.event(self.number, wire.dumps({"event": kind, "step": self.step, **values}))
        self.number += 1

    def tell_state(self, state: str) -> None:
        self.state = state
        self.channel.tell({"what": "state", "state": state, "note": ""})

    def learn(self) -> None:
        self.step += 1
        values = {"epoch": 1, "loss": 1 / self.step, "penalty": 0.0, "num_correct": self.step % 9, "num_examples": 10}
        self.event("batch_done", **values, learning_rate=0.1, seconds=0.001)

    def live(self, first: dict) -> None:
        self.next = first
        while self.next is not None and not self.gone:
            command, self.next = self.next, None
            import json

            experiment = json.loads(command.get("experiment") or "null") or EXPERIMENT
            if experiment["name"] == "refused":
                self.channel.tell({"what": "refused", "error": "the data cannot be had; connect to the network"})
                return
            self.step = self.number = 0
            steps, pace = command.get("steps") or 10**9, (command.get("seed") or 5) / 1000
            self.state = "paused" if command.get("paused") else "learning"
            self.channel.tell(
                {"what": "hello", "run": f"puppet-{os.getpid()}", "experiment": experiment, "classes": ["a", "b"], "controls": {},
                 "num_steps": steps, "position": self.number if command["do"] != "open" else None, "state": self.state}
            )  # fmt: skip
            if command["do"] != "open":
                self.event("run_started", run="puppet")
                while self.step < steps and not self.gone and self.state in ("learning", "paused"):
                    if self.state == "learning":
                        self.learn()
                        time.sleep(pace)
                    self.serve(wait=0.01 if self.state == "paused" else 0)
                if not self.gone:
                    self.event("run_ended", outcome="finished" if self.step >= steps else "interrupted", seconds=1.0)
                    self.tell_state("finished" if self.step >= steps else "interrupted")
            self.channel.tell({"what": "rest"})
            while self.next is None and not self.gone:
                self.serve(wait=0.1)

    def serve(self, wait: float) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                self.handle(self.channel.commands.get(timeout=wait) if wait else self.channel.commands.get_nowait())
        now = time.monotonic()
        for key, due in self.looks.items():
            if due <= now and self.free.get(key, True):
                self.looks[key], self.free[key] = now + 0.05, False
                self.made += 1
                frame = wire.pack({"kind": "layers", "step": self.step, "key": key}, [wire.Blob(bytes(PICTURE), (PICTURE,), "u1")])
                self.channel.tell({"what": "picture", "key": key}, frame)

    def handle(self, command: dict | None) -> None:
        match command:
            case None | {"do": "leave"}:
                self.gone = True
            case {"do": "look", "looks": looks}:
                keys = [one.look.key for one in union(wish(values) for values in looks)]
                self.looks = {key: self.looks.get(key, 0.0) for key in keys}
                self.free = {key: self.free[key] for key in keys if key in self.free}
            case {"do": "taken", "key": key}:
                self.free[key] = True
            case {"do": "command", "name": name, "values": values, "ticket": ticket, "id": number}:
                found = self.command(name, values)
                self.channel.tell({"what": "answer", "ticket": ticket}, wire.pack({**found, "kind": "answer", "id": number}))
            case {"do": "start" | "resume" | "open"}:
                self.next = command

    def command(self, name: str, values: dict) -> dict:
        match name:
            case "die":
                os.kill(os.getpid(), signal.SIGKILL)
            case "shout":
                os.write(self.channel._up.fileno(), b"\xff" * 64)
            case "burst":
                for _ in range(values["steps"]):
                    self.learn()
            case "slow":
                time.sleep(values["seconds"])
            case "run" | "pause":
                self.tell_state("learning" if name == "run" else "paused")
            case "stop":
                self.state = "stopping"
            case "made":
                return {"ok": True, "made": self.made}
            case "echo" | "predict" | "load":
                return {"ok": True, "values": values}
            case "snapshot":
                self.event("checkpointed", file="", num_bytes=0, seconds=0.0)
            case other:
                return {"ok": False, "error": f"there is no command {other}"}
        return {"ok": True, "step": self.step}


EXPERIMENT = {
    "name": "puppet",
    "data": {"source": "edges"},
    "network": {"input": [1, 12, 12], "layers": [{"kind": "convolution", "filters": 1, "size": 3}], "loss": {"kind": "regression"}},
}


def main() -> None:
    up = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    channel = Channel(os.fdopen(os.dup(0), "rb"), up)
    first = channel.commands.get()
    if first is not None:
        Puppet(channel).live(first)
        channel.close()


if __name__ == "__main__":
    sys.exit(main())
