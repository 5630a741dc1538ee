"""A small stand-in for the server, so that the page can be built and tried by itself: it really trains, in one thread, and tells no lies.

    python frontend/dev/fake.py [--experiment default] [--port 8765] [--built]      then `npm run dev` in frontend/ and open its address

It speaks the frames and commands of the laboratory and nothing else of it: no wall, no processes, no store. ``--built`` also serves the
built page, so that one process is enough for a browser test.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import json
import math
import queue
import struct
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket, WebSocketDisconnect

from vitral.errors import VitralError
from vitral.events import to_json
from vitral.nets import zoo
from vitral.probe.layers import explain_layer
from vitral.runtime import run as runs
from vitral.runtime.choice import choose
from vitral.spec import codec
from vitral.spec.table import describe

STATIC = Path(__file__).resolve().parents[2] / "src" / "vitral" / "server" / "static"
HISTORY = [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192]
Values = dict[str, Any]


def frame(header: Values, blobs: list[np.ndarray]) -> bytes:
    """u32 header length | JSON header | zeros to a multiple of 8 | blobs, each at a multiple of 8."""
    kinds = {"float32": "f4", "float16": "f2", "uint8": "u1", "int32": "i4"}
    entries: list[Values] = [{"offset": 0, "shape": list(b.shape), "dtype": kinds[b.dtype.name]} for b in blobs]
    size = -1
    while True:  # the offsets stand in the header whose length decides them
        text = json.dumps({**header, "blobs": entries}, allow_nan=False, separators=(",", ":")).encode()
        if len(text) == size:
            break
        size = len(text)
        at = -(-(4 + size) // 8) * 8
        for entry, blob in zip(entries, blobs, strict=True):
            entry["offset"] = at
            at = -(-(at + blob.nbytes) // 8) * 8
    out = bytearray(struct.pack("<I", size) + text)
    for entry, blob in zip(entries, blobs, strict=True):
        out += bytes(entry["offset"] - len(out)) + np.ascontiguousarray(blob).tobytes()
    return bytes(out + bytes(-len(out) % 8))


class Lesson:
    """One run, trained in a thread; ``look`` is the newest wish of any viewer."""

    def __init__(self, name: str, sets: list[str]) -> None:
        self.experiment = choose(name, sets)
        self.commands: queue.Queue[tuple[Values, Any]] = queue.Queue()
        self.events: list[str] = []
        self.state = "running"
        self.looks: dict[int, Values] = {}
        self.pictures: dict[str, tuple[int, bytes]] = {}
        self.number = 0
        self.kept: dict[int, dict[str, torch.Tensor]] = {}
        self.at: int | None = None
        self.steps_left: float = math.inf
        self.run: runs.Run | None = None
        self.restart(self.experiment.seed)

    def restart(self, seed: int) -> None:
        self.experiment = self.experiment.model_copy(update={"seed": seed})
        self.folder = tempfile.mkdtemp()
        self.run = runs.start(self.experiment, workspace=Path(self.folder))
        self.experiment = self.run.experiment
        self.classes = list(self.run.dataset.classes)
        self.events.clear()
        self.kept.clear()
        self.rows = [dataclasses.asdict(row) for row in describe(self.experiment).rows]

    def hello(self) -> Values:
        controls = self.run.trainer.controls
        values = {n: controls.get(n) for n in ("learning_rate", "momentum", "batch_size", "decay", "optimiser")}
        return {
            "kind": "hello", "run": self.run.id, "experiment": json.loads(codec.to_json(self.experiment)), "rows": self.rows,
            "state": self.state, "position": len(self.events), "classes": self.classes,
            "controls": values | {"augmentation": True}, "num_test": len(self.run.dataset.test), "num_steps": self.run.trainer.num_steps,
        }  # fmt: skip

    def train(self) -> None:
        stream = iter(self.run.events())
        shown = unseen = 0.0
        while True:
            self.obey()
            if self.state == "running" and self.steps_left > 0:
                time.sleep(1 / self.pace)
                event = next(stream, None)
                if event is None:
                    self.state = "finished"
                    continue
                self.events.append(to_json(event))
                if event.kind == "batch_done":
                    self.steps_left -= 1
                    if event.step in HISTORY:
                        self.kept[event.step] = {k: v.clone() for k, v in self.run.trainer.net.state_dict().items()}
                if event.kind == "epoch_done" and self.steps_left == self.steps_left and self.until_epoch:
                    self.steps_left, self.until_epoch = 0, False
                if self.steps_left <= 0:
                    self.state, self.steps_left = "paused", math.inf
            else:
                time.sleep(0.02)
            rate = max((look.get("rate", 0) for look in self.looks.values()), default=0)
            now = time.monotonic()
            if rate and now - shown > 1 / rate:
                shown = now
                with contextlib.suppress(IndexError):
                    self.show(list(self.looks.values())[-1])
            if self.looks and now - unseen > 1.5:
                unseen = now
                self.guess()

    until_epoch = False
    pace = 25.0

    def obey(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                command, answer = self.commands.get_nowait()
                try:
                    answer({"ok": True, **(self.carry_out(command) or {})})
                except (VitralError, ValueError, KeyError, TypeError, IndexError) as cause:
                    answer({"ok": False, "error": str(cause)})

    def carry_out(self, command: Values) -> Values | None:
        kind = command["kind"]
        net = self.run.trainer.net
        match kind:
            case "ping":
                pass
            case "run":
                self.state, self.steps_left = "running", math.inf
            case "pause":
                self.state = "paused"
            case "batch":
                self.state, self.steps_left = "running", 1
            case "epoch":
                self.state, self.until_epoch, self.steps_left = "running", True, math.inf
            case "stop":
                self.state = "interrupted"
            case "set" if command["name"] == "augmentation":
                return {"value": command["value"]}
            case "set":
                event = self.run.change(command["name"], command["value"])
                return {"value": event.after}
            case "explain":
                x = self.picture_of(command)
                place = tuple(command["place"])
                return {"record": self.explained(command, x, place)}
            case "history":
                return {"steps": sorted(self.kept)}
            case "at":
                self.at = command["step"]
            case "confusion":
                return self.confused(command["true"], command["said"])
            case "augmented":
                return self.varied(command.get("number", 16))
            case "predict":
                return self.asked()
            case "restart":
                self.restart(command["seed"])
            case _:
                raise ValueError(f"this stand-in does not know the command {kind}")
        del net
        return None

    def picture_of(self, look: Values) -> torch.Tensor:
        example = int(look.get("example", 17)) % len(self.run.dataset.test)
        return self.run.trainer._test_images(torch.tensor([example])).float().contiguous()

    def network(self) -> torch.nn.Module:
        net = self.run.trainer.net
        if self.at is None or self.at not in self.kept:
            return net
        import copy

        past = copy.deepcopy(net)
        past.load_state_dict(self.kept[self.at])
        return past

    def explained(self, command: Values, x: torch.Tensor, place: tuple[int, ...]) -> Values:
        net = self.network()
        found = explain_layer(net, command["layer"], x, place)
        values = found.to_values()
        values.pop("arguments", None)
        if command.get("backward"):
            name = next(iter(found.trace.differentiable))
            upstream = np.zeros(found.trace.shape)
            upstream[...] = np.random.default_rng(0).normal(size=found.trace.shape) * 0.01
            from vitral.explain.record import differentiate

            values["gradient"] = differentiate(found.trace.backward(upstream).of(name, *place))
        return values

    def show(self, look: Values) -> None:
        began = time.perf_counter()
        net, x = self.network(), self.picture_of(look)
        target = torch.tensor([int(self.run.dataset.test.targets[int(look.get("example", 17))])])
        seen: dict[str, torch.Tensor] = {}
        children = dict(net.named_children())

        def keep(name: str) -> Any:
            def hook(_m: Any, _i: Any, out: torch.Tensor) -> torch.Tensor:
                if out.requires_grad:
                    out.retain_grad()
                seen[name] = out
                return out.clone()

            return hook

        net.eval()
        net._in_order, before = True, net._in_order
        hooks = [m.register_forward_hook(keep(n)) for n, m in children.items()]
        grads = {n: p.grad for n, p in net.named_parameters()}
        for p in net.parameters():
            p.grad = None
        try:
            with torch.enable_grad():
                torch.nn.functional.cross_entropy(net(x), target).backward()
            layers, blobs = [], []
            blobs.append(np.asarray(self.run.dataset.test.pixels[int(look.get("example", 17))]))
            layers.append({"name": "input", "kind": "input", "shape": list(x.shape[1:]), "image": 0, "target": int(target)})
            for name, out in seen.items():
                module = children[name]
                entry: Values = {"name": name, "kind": type(module).__name__.lower(), "shape": list(out.shape[1:])}
                value = out.detach()[0]
                entry["activation"] = self.picture(value, blobs, dead="relu" in name)
                if out.grad is not None:
                    entry["gradient"] = self.picture(out.grad[0], blobs)
                weight = getattr(module, "weight", None)
                if weight is not None:
                    entry["weight"] = self.picture(weight.detach(), blobs)
                    entry["weight_gradient"] = self.picture(weight.grad, blobs)
                    entry["update_ratio"] = 1e-3
                layers.append(entry)
        finally:
            for hook in hooks:
                hook.remove()
            net.train()
            net._in_order = before
            for n, p in net.named_parameters():
                p.grad = grads[n]
        head = {"kind": "layers", "step": self.run.trainer.step if self.at is None else self.at, "example": int(look.get("example", 17)),
                "split": "test", "layers": layers, "milliseconds": (time.perf_counter() - began) * 1000, "forward": 0.07, "backward": 0.16}  # fmt: skip
        self.publish("layers", frame(head, blobs))

    def picture(self, t: torch.Tensor, blobs: list[np.ndarray], dead: bool = False) -> Values:
        a = t.float().numpy()
        largest = float(np.abs(a).max()) if a.size else 0.0
        scale = 2.0 ** (math.ceil(math.log2(largest)) - 15) if largest > 0 else 1.0
        whole = a.shape
        if a.ndim == 3:
            a = a[:64]
        if a.ndim == 2 and a.shape[1] == 320:
            a = a.reshape(10, 20, 4, 4)
        blobs.append((a / scale).astype(np.float16))
        channels = a.reshape(a.shape[0], -1)
        return {"min": float(t.min()), "max": float(t.max()), "mean": float(t.mean()), "std": float(t.std()) if t.numel() > 1 else 0.0,
                "dead": int((np.abs(channels).max(1) == 0).sum()) if dead else 0, "shown": list(range(a.shape[0])), "blob": len(blobs) - 1,
                "scale": scale, "of": whole[0]}  # fmt: skip

    def guess(self) -> None:
        data = self.run.dataset.test
        numbers = np.random.default_rng(int(time.time() * 10)).integers(0, len(data), 8)
        with torch.no_grad():
            net = self.network()
            net.eval()
            p = net(self.run.trainer._test_images(torch.tensor(numbers)).float()).softmax(1)
            net.train()
        top = p.topk(3)
        examples = [
            {"number": int(n), "target": int(data.targets[n]), "top": [[int(c), float(q)] for c, q in zip(cs, qs, strict=True)]}
            for n, cs, qs in zip(numbers, top.indices, top.values, strict=True)
        ]
        images = np.asarray(data.pixels[torch.tensor(numbers)])
        self.publish("unseen", frame({"kind": "unseen", "step": self.run.trainer.step, "examples": examples, "blob": 0}, [images]))

    def confused(self, true: int, said: int) -> Values:
        data = self.run.dataset.test
        where = np.nonzero(np.asarray(data.targets) == true)[0][:24]
        examples = [{"number": int(n), "target": true, "top": [[said, 0.5]]} for n in where]
        return {"examples": examples, "arrays": [np.asarray(data.pixels[torch.tensor(where)])]}

    def varied(self, number: int, copies: int = 8) -> Values:
        images = np.asarray(self.run.dataset.train.pixels[:number])
        rolled = [np.roll(image[:, :: 1 - 2 * (c % 2)], (c % 3 - 1, c % 5 - 2), (0, 1)) for image in images for c in range(copies)]
        return {"copies": copies, "arrays": [np.stack(rolled)]}

    def asked(self) -> Values:
        image = np.asarray(self.run.dataset.test.pixels[3:4])
        return {"top": [[8, 0.91], [0, 0.06], [1, 0.02]], "arrays": [image]}

    def publish(self, stream: str, data: bytes) -> None:
        self.number += 1
        self.pictures[stream] = (self.number, data)


lesson: Lesson


async def live(socket: WebSocket) -> None:
    await socket.accept()
    me, loop = id(socket), asyncio.get_running_loop()
    position = int(socket.query_params.get("from", 0))
    await socket.send_bytes(frame(lesson.hello(), []))
    if position > len(lesson.events):
        position = 0
    sent: dict[str, int] = {}
    answers: asyncio.Queue[Values] = asyncio.Queue()

    async def down() -> None:
        nonlocal position
        known = None
        while True:
            while not answers.empty():
                told = answers.get_nowait()
                await socket.send_bytes(frame(told, told.pop("arrays", [])))
            if lesson.state != known:
                known = lesson.state
                await socket.send_bytes(frame({"kind": "state", "state": known, "note": ""}, []))
            fresh = lesson.events[position:]
            if fresh:
                batch = [json.loads(e) for e in fresh]
                await socket.send_bytes(frame({"kind": "events", "from": position, "events": batch}, []))
                position += len(fresh)
            for stream, (number, data) in list(lesson.pictures.items()):
                if sent.get(stream) != number:
                    sent[stream] = number
                    await socket.send_bytes(data)
            await asyncio.sleep(0.04)

    task = asyncio.create_task(down())
    try:
        while True:
            command = json.loads(await socket.receive_text())
            if command["kind"] == "look":
                lesson.looks[me] = command
                answers.put_nowait({"kind": "answer", "id": command["id"], "ok": True})
                continue

            def answer(values: Values, number: int = command["id"]) -> None:
                loop.call_soon_threadsafe(answers.put_nowait, {"kind": "answer", "id": number, **values})

            lesson.commands.put((command, answer))
    except WebSocketDisconnect:
        pass
    finally:
        lesson.looks.pop(me, None)
        task.cancel()


async def list_runs(_: Request) -> Response:
    row = {"id": lesson.run.id, "name": lesson.experiment.name, "state": lesson.state, "created": "2026-11-25T19:00:00Z",
           "step": lesson.run.trainer.step, "num_steps": lesson.run.trainer.num_steps, "evaluated": None, "note": ""}  # fmt: skip
    return JSONResponse({"runs": [row]})


async def take_image(request: Request) -> Response:
    await request.body()
    return JSONResponse({"image": "one"}, 201)


async def list_zoo(_: Request) -> Response:
    return JSONResponse([{"name": e.name, "title": e.title.model_dump(), "data": e.data.source} for e in map(zoo.load, zoo.names())])


async def page(_: Request) -> Response:
    policy = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    return FileResponse(STATIC / "index.html", headers={"Content-Security-Policy": policy})


def main() -> None:
    """Train and serve."""
    global lesson
    parser = argparse.ArgumentParser()
    parser.add_argument("--experiment", default="default")
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--pace", type=float, default=25.0, help="steps a second at most")
    options = parser.parse_args()
    torch.set_num_threads(1)
    lesson = Lesson(options.experiment, options.set)
    lesson.pace = options.pace
    threading.Thread(target=lesson.train, daemon=True).start()
    routes: list[Any] = [
        WebSocketRoute("/ws/runs/{run}", live),
        Route("/api/runs", list_runs),
        Route("/api/zoo", list_zoo),
        Route("/", page),
        Route("/api/images", take_image, methods=["POST"]),
    ]
    routes.append(Mount("/assets", StaticFiles(directory=STATIC / "assets", check_dir=False)))
    uvicorn.run(Starlette(routes=routes), host="127.0.0.1", port=options.port, log_level="warning")


if __name__ == "__main__":
    main()
