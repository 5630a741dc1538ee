"""What the server says, the Spanish page says in Spanish: its list is held against our source and against real refusals, both ways."""

from __future__ import annotations

import ast
import asyncio
import errno
import itertools
import json
import os
import re
import runpy
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import house
import pytest
import torch
from safetensors.torch import save
from test_uploads import bomb, picture, tensors, zipped

from harness import tiny
from vitral import wire
from vitral.data import catalogue, cifar, digits, idx, places, spoken
from vitral.data.download import _reason, _wrong, download
from vitral.data.source import File
from vitral.errors import VitralError
from vitral.nets import build, zoo
from vitral.nets.interchange import parse_convnetjs, write_convnetjs
from vitral.probe import calls
from vitral.runtime import history, snapshots, workspace
from vitral.runtime.commands import obey
from vitral.runtime.looks import Look
from vitral.runtime.pictures import Pictures
from vitral.runtime.showing import Showing
from vitral.runtime.stage import Stage
from vitral.runtime.subject import Subject
from vitral.server.lab import experiment_of
from vitral.server.room import Room
from vitral.server.run import GOING_ON, RESUMABLE, Run
from vitral.server.viewers import Viewer
from vitral.store import durable, locks, rows, states, weights
from vitral.train import divergence
from vitral.train.control import Controls
from vitral.train.loop import Trainer

HOME = Path(__file__).resolve().parents[2]
SOURCE = HOME / "src" / "vitral"
PAGE = HOME / "frontend" / "src" / "words" / "said.ts"
NODE = str(runpy.run_path(str(HOME / "frontend" / "build.py"))["find_node"]()[0])


def modules(**folders: str) -> list[str]:
    return [f"{folder}/{name}" for folder, names in folders.items() for name in names.split()]


APART = {"guard", "routes", "app", "serve", "static", "token", "socket", "bodies", "viewers", "log"}
"""Modules of the server that speak to browsers, terminals and whoever writes requests by hand; some of them below."""

WHOLE = modules(
    server=" ".join(sorted({path.stem for path in (SOURCE / "server").glob("*.py")} - APART)),
    runtime="pictures history snapshots run workspace",
    store="durable states locks weights",
    train="divergence",
    probe="layers translate",
    nets="interchange",
    data="places download",
)
"""Modules of which every sentence reaches the page."""

RAISED = modules(
    server="routes guard viewers",
    runtime="stage showing gallery finished checkpoint live",
    store="rows runs generations",
    train="control loop state",
    nets="zoo",
    probe="backward calls",
    data="registry catalogue cifar idx books picture folder digits names spoken vowels codes text",
)
"""Modules of which it meets what is raised."""

REFUSALS = {"Refusal", "told", "explain", "damaged", "Progress"}
"""Functions whose sentences are shown as well."""

UNHEARD = re.compile(
    # what only somebody who writes requests by hand hears
    "a command has its name|toml is a text|experiment is a name|sets is a list|this address knows|there is nothing at this|"
    "there is no operation|preset is a name|at is a place|place is a list|.* is no question|"
    # what no page shows: the link is opened without one, and one that took nothing comes back by itself
    "this link has been used|more than .* answers|"
    # what only the terminal hears
    ".* cannot be measured in the way|run .* learned |.* is not what run|expected at most .* things at once|.* is the beginning of|"
    "there is no example .*: the test split has|there is no experiment .* and no such file|"
    ".*: expected .*, got a file of another kind|.* has .*, but the network reads|.* cannot be looked at \\(|.* cannot be looked into|"
    ".*; and .* more \\(vitral data check|"
    # what is said to ourselves
    "a stage is not opened|the server does not say|a tensor lies outside|no error number$|it holds .*$|no header$|.* has no policy: |"
    "there is a policy for|the route .* answers|a route of a kind|bytes |vitral \\(https|data\\.|it computes in|the curve lost|"
    # parts that other parts stand around: real refusals show them whole
    "expected ⟦1⟧ ⟦3⟧, got|.* \\(killed\\)$| and |passed over: |, both directions$|.* layers⟦|the file$"
)

RUN = """
import { pattern, spanish, SAID } from %r;
import { readFileSync } from "node:fs";
const exec = RegExp.prototype.exec, used = new Set();
RegExp.prototype.exec = function (text) { const found = exec.call(this, text); if (found) used.add(this.source); return found; };
const said = JSON.parse(readFileSync(0, "utf8")).map((sentence) => spanish(sentence));
RegExp.prototype.exec = exec;
console.log(JSON.stringify({ said, idle: SAID.map(([english]) => english).filter((english) => !used.has(pattern(english).source)) }));
"""


def heard(sentences: list[str]) -> tuple[list[str | None], list[str]]:
    """Ask the page's own list: each sentence in Spanish, and the entries that none of them needed."""
    command = [NODE, "--input-type=module", "-e", RUN % PAGE.as_uri()]
    done = subprocess.run(command, input=json.dumps(sentences), capture_output=True, text=True, check=False, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    return found["said"], found["idle"]


# what stands in the source


def template(node: ast.expr) -> str | None:
    """Give a literal's text, with a mark in every place that a value will take."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=values):
            return "".join(_part(n, value) for n, value in enumerate(values))
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            found = template(left), template(right)
            return None if found == (None, None) else (found[0] or "⟦l⟧") + (found[1] or "")
    return None


def _part(number: int, value: ast.expr) -> str:
    if not isinstance(value, ast.FormattedValue):
        return template(value) or ""
    call = ast.unparse(value.value)
    if call.startswith("nearest("):
        return f'; did you mean "⟦{number}⟧"?'
    return f" (⟦{number}⟧)" if call == "self._why()" else f"⟦{number}⟧"


def sentences(node: ast.AST) -> Iterator[str]:
    """Find every text of some words below a node; docstrings and what we assert are for ourselves."""
    if isinstance(node, ast.Assert) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
        return
    text = template(node) if isinstance(node, ast.expr) else None
    if text is not None and " " in text.strip() and re.search("[a-z]{2}", re.sub("⟦.*?⟧", "", text)):
        yield text
    inner = [v.value for v in node.values if isinstance(v, ast.FormattedValue)] if isinstance(node, ast.JoinedStr) else None
    for child in inner if inner is not None else ast.iter_child_nodes(node):
        if text is None or inner is not None:
            yield from sentences(child)


def refusals(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) or (isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in REFUSALS):
            yield node


def written() -> list[str]:
    """List what stands in the source, each once."""
    found: dict[str, None] = {}
    for name in (*WHOLE, *RAISED):
        tree = ast.parse((SOURCE / f"{name}.py").read_text(encoding="utf-8"))
        for node in [tree] if name in WHOLE else refusals(tree):
            found |= dict.fromkeys(text for text in sentences(node) if not UNHEARD.match(text))
    return list(found)


# what real people meet


def refused(attempt: Callable[[], object]) -> str:
    with pytest.raises(VitralError) as cause:
        attempt()
    return str(cause.value)


def settings(_: Path) -> Iterator[str]:
    controls = Controls.of(zoo.load("digits").training)
    for name, value in [
        ("learning_rate", -0.5), ("learning_rate", 0), ("learning_rate", "fast"), ("batch_size", 0), ("batch_size", 10**9),
        ("batch_size", 1.5), ("decay", -0.25), ("momentum", 1.5), ("optimiser", "newton"), ("augmentation", True),
    ]:  # fmt: skip
        yield refused(lambda name=name, value=value: controls.set("optimiser", "momentum").set(name, value))
    yield refused(lambda: controls.set("learning_rate", float("inf")))
    yield refused(lambda: controls.set("optimiser", "adadelta").set("momentum", 0.5))
    text = Trainer(tiny.experiment(learned="text"), tiny.text(), device="cpu")
    yield refused(lambda: text.change("batch_size", 60_000))
    for name in ("/nowhere/pictures", "cifar1O"):
        yield refused(lambda name=name: catalogue.get(name))
    for values in ({"experiment": "digitz"}, {"experiment": "?"}, {"seed": -1}, {"seed": 2**63}, {"seed": 0.5}):
        yield refused(lambda values=values: experiment_of(values))


def uploads(workspace: Path) -> Iterator[str]:
    large = b"x" * 21_000_000
    good, odd = {"a/1.png": picture(), "b/1.png": picture()}, {"a/1.png": picture(), "b/1.png": b"text"}
    sent = [
        ("images", b"text"), ("images", large), ("images", bomb(30_000, 30_000)), ("images", picture()[:200]), ("images", picture("TIFF")[:90]),
        ("data", b"text"), ("data", zipped({"a/1.png": picture()})), ("data", zipped(odd)), ("data", zipped({**good, "../c/1.png": b""})),
        ("data", zipped({"train/a/1.png": picture(), "train/b/1.png": picture(), "test/c/1.png": picture()})),
        ("weights", b"text"), ("weights", b"{}"), ("weights", tensors(x={"dtype": "F32", "shape": [2], "data_offsets": [20, 28]})),
    ]  # fmt: skip

    async def scene() -> list[str]:
        found = house.parts(workspace)
        answers = [await house.ask(found.app, "POST", f"/api/{kind}", house.let_in(found), body) for kind, body in sent]
        assert {answer.status for answer in answers} <= {413, 422}
        unknown = [refused(lambda kind=kind: found.lab.uploads.path(kind, "a" * 32)) for kind in ("image", "weights", "zip")]
        return [*unknown, *(answer.json["error"] for answer in answers)]

    yield from house.run(scene())
    large_picture = workspace / "large.png"
    large_picture.write_bytes(large)
    from PIL import Image

    from vitral.data import picture as pictures

    Image.new("F", (9, 9)).save(workspace / "float.tiff")
    Image.new("L", (900, 2)).save(workspace / "long.png")
    for name in ("large.png", "float.tiff", "long.png", ".", "nowhere.png"):
        yield refused(lambda name=name: pictures.read(workspace / name, (3, 8, 8)))


def brought(folder: Path) -> Iterator[str]:
    """Weights that do not fit, and what cannot go out to ConvNetJS."""
    net = Trainer(tiny.experiment(), tiny.dataset(), device="cpu").net
    other = write_convnetjs(build(zoo.load("cifar10-convnetjs").network, seed=0))
    state = net.state_dict()
    contents: list[bytes] = [
        b"text", b'{"layers": 3}', b'{"layers": [NaN', b'{"layers": "\xff"}', save({"a": torch.ones(2)}), json.dumps(other).encode(),
        save({n: t[..., :1].contiguous() if t.ndim == 4 else t for n, t in state.items()}),
        save({n: (t * float("nan")).contiguous() if t.ndim == 4 else t for n, t in state.items()}),
    ]  # fmt: skip
    for content in contents:
        (folder / "theirs.json").write_bytes(content)
        yield refused(lambda: snapshots.read_weights(folder / "theirs.json", net))
    yield refused(lambda: snapshots.read_weights(folder / "nowhere", net))
    spoiled = [
        (0, {"layer_type": "conv"}), (1, {"layer_type": 3}), (1, {"layer_type": "transformer"}), (1, {"layer_type": "rel"}), (1, {"sx": "a"}),
        (1, {"stride": 0.5}), (1, {"out_sx": 7}), (1, {"filters": []}), (1, {"filters": None}),
        (1, {"biases": {"sx": 1, "sy": 1, "depth": 16}}), (1, {"biases": 3}), (2, {"layer_type": "dropout", "drop_prob": 1.5}),
        (1, {"biases": {"sx": 1, "sy": 1, "depth": 16, "w": [1]}}), (1, {"biases": {"sx": 1, "sy": 1, "depth": 16, "w": ["a"] * 16}}),
        (2, {"layer_type": "lrn", "n": 4}),
    ]  # fmt: skip
    for number, changes in spoiled:
        layers = [{**layer, **changes} if n == number else layer for n, layer in enumerate(other["layers"])]
        yield refused(lambda layers=layers: parse_convnetjs(json.dumps({"layers": layers}), "theirs.json"))
    kept = json.loads(json.dumps(other))
    kept["layers"][1]["l1_decay_mul"] = 0.5
    yield from parse_convnetjs(json.dumps(kept), "theirs.json").notes
    yield snapshots.CENTRED
    yield refused(lambda: write_convnetjs(net))


def questions(folder: Path) -> Iterator[str]:
    with tiny.begin(folder) as run:
        own = Showing(Subject(run.id, run.experiment, run.dataset, run.trainer, run.folder))
        for _, event in zip(range(9), run.events(), strict=False):
            own.seen(event)
        asked: list[tuple[str, dict[str, Any]]] = [
            ("explain", {"layer": "conv9", "place": [0]}), ("explain", {"layer": "?", "place": [0]}),
            ("explain", {"layer": "conv1", "place": [9, 9, 9]}), ("explain", {"layer": "conv1", "place": [9, 9, 9], "backward": True}),
            ("explain", {"layer": "pool1", "place": [9, 9, 9]}), ("explain", {"layer": "norm1", "place": [9, 9, 9]}),
            ("explain", {"layer": "conv1", "place": [0, 0, -1]}), ("explain", {"layer": "conv1", "place": [0], "split": "all"}),
            ("explain", {"layer": "conv1", "place": [0], "at": 3}), ("confusion", {"true": 4, "said": 0}), ("confusion", {"true": 1}),
            ("explain", {"layer": "conv1", "place": [0], "backward": True, "of": "shift"}), ("augmented", {"example": 1096}),
        ]  # fmt: skip
        for name, values in asked:
            yield refused(lambda name=name, values=values: own.answer(name, values))
        yield refused(lambda: own.layers(Look(99)))
        stage = Stage(SimpleNamespace(), obey)  # type: ignore[arg-type]
        yield stage._answer("augmented", {"number": torch})[0]["error"]
        run.stop()
    yield refused(stage.trained)
    for learned, data in (("text", tiny.text()), ("sequences", tiny.series())):
        experiment = tiny.experiment(learned=learned)  # type: ignore[arg-type]
        own = Showing(Subject(learned, experiment, data, Trainer(experiment, data, device="cpu"), folder))
        yield refused(lambda own=own: own.answer("augmented", {}))
        yield refused(lambda own=own: own.layers(Look(10**6)))
        yield refused(lambda own=own: own.answer("predict", {"image": "x"}))
        if learned == "text":
            yield refused(lambda own=own: own.answer("explain", {"layer": "dense1", "place": [0, 0], "backward": True}))
    yield refused(lambda: history.History(folder / "empty").read(7))
    noted: list[str] = []
    looks = Pictures(lambda key, frame: None, noted.append)

    class Broken:
        def layers(self, look: Look) -> bytes:
            raise RuntimeError("out of memory")

    from vitral.runtime.looks import Wish

    looks.look([Wish()])
    looks.show(Broken(), 1, training=False)  # type: ignore[arg-type]
    yield from noted
    from torch import nn

    from vitral.probe.translate import translate

    x = torch.zeros(1, 3, 8, 8)
    modules: list[tuple[nn.Module, torch.Tensor]] = [
        (nn.PixelShuffle(2), x), (nn.Conv2d(3, 3, 3, padding_mode="circular"), x), (nn.MaxPool2d(2, ceil_mode=True), x),
        (nn.AdaptiveAvgPool2d(2), x), (nn.LSTM(8, 4, 2), x[0]), (nn.GRU(8, 4, 2, bidirectional=True), x[0]),
    ]  # fmt: skip
    for module, entered in modules:
        yield refused(lambda module=module, entered=entered: translate(module, entered, 0))


def watched(_: Path) -> Iterator[str]:
    """A number of someone's own model that cannot be explained."""
    model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Dropout(0.99))
    own = calls.Calls(dict(list(model.named_modules())[1:]), example=0)
    yield refused(lambda: calls.explain(own.kept, "0", (0,)))
    own.attach()
    torch.manual_seed(0)
    model(torch.ones(2, 4))
    own.detach()
    for layer, place in (("conv1", (0,)), ("0", (9,)), ("1", (0,))):
        yield refused(lambda layer=layer, place=place: calls.explain(own.kept, layer, place))


def disks(folder: Path) -> Iterator[str]:
    for name in ("ENOSPC", "EDQUOT", "EFBIG", "EACCES", "EROFS", "EIO", "ENOENT", "EMFILE", "EBUSY"):
        number = getattr(errno, name)
        yield str(durable.explain(OSError(number, os.strerror(number)), "x.safetensors could not be written", folder, num_bytes=1_250_000))
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    yield str(durable.explain(full, "the upload could not be kept", folder / "gone", kept="the checkpoint of step 40 is intact"))
    yield str(durable.explain(full, "run a-1 could not be locked", folder, kept="no earlier checkpoint was written"))
    saved = weights.save(folder, {"net.w": torch.ones(3)}, {"format": 1}, 7)
    saved.path.write_bytes(saved.path.read_bytes()[:-1])
    yield refused(lambda: weights.load(saved.path))
    yield refused(lambda: weights.load_newest(folder))
    yield refused(lambda: weights.decode(b"text"))
    import sqlite3

    for code in ("FULL", "READONLY", "BUSY", "IOERR", "CORRUPT"):
        with pytest.raises(VitralError) as cause, rows.stated(folder / rows.FILE):
            wrong = sqlite3.DatabaseError("malformed")
            wrong.sqlite_errorname = f"SQLITE_{code}"
            raise wrong
        yield str(cause.value)
    for other in (MemoryError(), PermissionError(errno.EACCES, os.strerror(errno.EACCES))):
        with pytest.raises(VitralError) as cause, rows.stated(folder / rows.FILE):
            raise other
        yield str(cause.value)


class Hands:
    """The laboratory of a room, as far as this needs one."""

    def resolve(self, name: str, values: dict[str, Any]) -> dict[str, Any]:
        return values


def runs(folder: Path) -> Iterator[str]:
    """A run that is sought, locked, finished, diverged."""
    yield refused(lambda: workspace.find(folder / "empty", "a-1"))
    with tiny.begin(folder, epochs=1) as run:
        yield refused(lambda: locks.take(run.folder, run.id, 4711))
        yield refused(lambda: locks.take(run.folder, run.id, 0))
        list(run.events())
    yield refused(lambda: workspace.find(folder, run.id[:-1] + "x"))
    yield refused(lambda: workspace.find(folder, "?"))
    with tiny.begin(folder, epochs=1) as wild:
        wild.change("learning_rate", 1e30)
        for _ in wild.events():
            pass
    yield workspace.find(folder, wild.id).note
    yield refused(wild.trainer.state)
    for before, after in itertools.product(get_args(states.State), repeat=2):
        if (before, after) not in states.MOVES:
            yield refused(lambda before=before, after=after: states.check("a-1", before, after))
    room = Room(Run("a-1", "a-1"), folder, Hands())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Room, "going_on", True)
        for room.run.state in GOING_ON:
            yield refused(lambda: asyncio.run(room.begin({"do": "open"})))

    async def answered(kind: str) -> str:
        viewer = Viewer(room.run.log, 0, print)
        await room.hear(viewer, {"id": 1, "kind": kind})
        return str(wire.unpack(await viewer.next())[0]["error"])

    yield asyncio.run(answered("predict"))
    for room.run.state in RESUMABLE:
        yield asyncio.run(answered("run"))
    net: Any = build(tiny.experiment().network, seed=0).eval()
    x = torch.zeros(2, 3, 8, 8)
    yield divergence.locate(net, lambda: net(x)).what
    yield divergence.locate(net, lambda: net(x * torch.nan)).what
    net.norm1.running_mean[0] = torch.inf
    yield divergence.locate(net, lambda: None).what
    net.conv1.weight.grad = torch.full_like(net.conv1.weight, torch.nan)
    yield divergence.locate(net, lambda: None).what


UNREACHABLE = [
    TimeoutError(),
    *(OSError(n, os.strerror(n)) for n in (errno.ECONNREFUSED, errno.ENETUNREACH, errno.EACCES, errno.ENOENT, errno.ENOSPC)),
    socket.gaierror(socket.EAI_NONAME, "Name or service not known"), socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"),
]  # fmt: skip


def fetched(folder: Path) -> Iterator[str]:
    """Data that cannot be had."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VITRAL_CACHE", str(folder / "cache"))
        patch.delenv("VITRAL_DATA", raising=False)
        yield refused(lambda: download("https://127.0.0.1:1/x", folder / "x", attempts=1))
        yield refused(lambda: download("ftp://127.0.0.1:1/x", folder / "x", attempts=1))
        yield from (f"example.org: {_reason(wrong)}" for wrong in UNREACHABLE)
        (folder / "file").write_bytes(b"")
        yield refused(lambda: download("https://127.0.0.1:1/x", folder / "file" / "x", attempts=1))

        file = File("mnist.gz", 3, "0" * 64)
        for size in (0, 3, 9):
            (folder / "mnist").write_bytes(b"x" * size)
            cure = places.Place(folder, given=size > 0).cure("mnist")
            yield refused(lambda cure=cure: places.content(folder / "mnist", file, cure))
        yield from (_wrong(folder / "mnist", None, *sums) for sums in (("0" * 32, None), (None, "0" * 64)))
        yield refused(lambda: idx.parse(b"", 3, "mnist.gz"))
        yield refused(lambda: cifar._keep(b"text", file, folder, folder / "cifar.tgz"))
        yield spoken._other(places.Place(folder, given=False), spoken.SPOKEN)

        def cut(*_: object, **__: object) -> None:
            raise catalogue.DataUnavailable("example.org: no answer in time")

        patch.setattr("vitral.data.idx.download", cut)
        yield refused(lambda: catalogue.get("mnist"))
        patch.setattr(digits.importlib.util, "find_spec", lambda name: None)
        yield refused(digits.locate)


def lives(folder: Path) -> Iterator[str]:
    """A process that is killed, and one that nobody understands: what the page is told, and what it then hears."""

    async def scene(server: house.Server) -> list[str]:
        told: list[str] = []
        async with server.page() as page:
            take = page.take

            async def listen(seconds: float = 20.0) -> dict[str, Any]:
                header = await take(seconds)
                told.extend(header[key] for key in ("note", "error") if header.get(key))
                return header

            page.take = listen  # type: ignore[method-assign]
            await page.until(lambda page: page.hello.get("run"))
            run = page.hello["run"]
            await page.ask("die")
            await page.until(lambda page: page.state == "lost")
            await page.ask("run")
            with server.client() as client:
                told.append(client.post("/api/runs/nobody/resume", json={}).json()["error"])
                for _ in range(9):
                    started = client.post("/api/runs", json={"experiment": "edges", "seed": 9})
                told.append(started.json()["error"])
                told.append(client.get(f"/api/runs/{run}/snapshot").json()["error"])
        return told

    with house.open_server(folder / "workspace") as server:
        yield from asyncio.run(scene(server))


MEETINGS = (settings, uploads, brought, questions, watched, disks, runs, fetched, lives)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Every refusal that was met, each once."""
    return list(dict.fromkeys(text for meeting in MEETINGS for text in meeting(tmp_path_factory.mktemp(meeting.__name__))))


ENGLISH = re.compile(r"(?<![\w-])(the|expected|got|is|are|be|of|and|could|cannot|has|with)(?![\w-])|:;|: :")


def numbers(text: str) -> list[str]:
    """The numbers of a sentence, in whatever language they are written."""
    return sorted(re.sub("[.,]", "", found.strip(".,")) for found in re.findall(r"\d[\d.,]*", text))


def names(text: str) -> set[str]:
    """The names of files, runs and layers in a sentence."""
    return set(re.findall(r"[A-Za-z][\w-]*[./\d][\w./-]*\w", text))


def test_every_sentence_of_the_source_is_said_in_spanish_with_all_that_stands_in_it() -> None:
    found = written()
    assert len(found) > 200
    for english, spanish in zip(found, heard(found)[0], strict=True):
        assert spanish is not None, f"frontend/src/words/said.ts does not know: {english}"
        assert sorted(re.findall("⟦.*?⟧", spanish)) == sorted(re.findall("⟦.*?⟧", english)), (english, spanish)
        assert numbers(spanish) == numbers(english), (english, spanish)
        assert not ENGLISH.search(spanish), spanish


# What other programs say stands in brackets or behind a colon, as it is.
OTHERS = re.compile(
    r"\(.*(deserializing|header).*\)|JSONDecodeError\(.*\)|Device or resource busy|\w+Error: .*|SQLite informa de .*, \w+|`.*?`"
)


def test_every_refusal_is_said_in_spanish_with_its_numbers_and_names(real: list[str]) -> None:
    for english, spanish in zip(real, heard(real)[0], strict=True):
        assert spanish is not None, f"frontend/src/words/said.ts does not know: {english}"
        assert numbers(spanish) == numbers(english), (english, spanish)
        assert names(spanish) >= names(english), (english, spanish)
        assert not ENGLISH.search(OTHERS.sub("", spanish)), (english, spanish)


def test_nothing_stands_in_the_list_that_nobody_says(real: list[str]) -> None:
    idle = heard([*written(), *real])[1]
    assert not idle, "\n".join(idle)


def test_a_number_is_written_as_the_page_writes_it() -> None:
    said, _ = heard(["decay cannot be -1e-05: input should be less than 20,000.50", "expected at most 2,000 bytes, got 21000000"])
    assert said == [
        "el decaimiento no puede ser −0,00001: debe ser menor que 20.000,50",
        "se admiten como máximo 2000 bytes y son 21000000",
    ]


def test_a_sentence_of_several_parts_is_said_part_by_part() -> None:
    said, _ = heard(["a.org: connection refused; b.org: no answer in time", "x, layer 3: every weight should be a finite number; b"])
    assert said == ["a.org: conexión rechazada; b.org: no hubo respuesta a tiempo", None]


@pytest.mark.parametrize("changed", ["the run's process was killed by SIGKILL", "", "{run}", "a: b", ": ; " * 200])
def test_what_nobody_has_translated_stays_as_it_is(changed: str) -> None:
    assert heard([changed])[0] == [None]
