"""Random specifications: each is built as torch builds it, or refused in one line that names the layer. None crashes or hangs."""

import contextlib
import copy
import datetime
import random
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from vitral import nets, spec
from vitral.errors import ShapeError, SpecError, VitralError
from vitral.spec import sequence_layers as along
from vitral.spec.layers import Convolution, Dense, Pooling, Residual

pytestmark = pytest.mark.filterwarnings("ignore:Using padding=.same. with even kernel lengths")
GIB = 2**30
SHORT = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
LONG = settings(max_examples=5000, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)

WILD: list[Any] = [
    None, True, False, -1, 0, 1, 2**20, 2**20 + 1, 2**63, 2**70, -(2**70), 0.5, -0.0, 1e308, float("inf"), float("nan"), "", "same",
    "relu", "x" * 5000, "línea\n2", "\ud800", "\x00\x1b[31m", [], [[]], [1], [1, 2], [1, 2, 3], [3, 32, 32], {}, {"kind": "relu"}, {"kind": None},
    {"kind": ["relu"]}, {"": ""}, {1: 2}, [None], (3, 3), {3}, b"same", datetime.date(2026, 1, 1), object(),
]  # fmt: skip
KEYS = [
    "filter",
    "Filters",
    "size",
    "kind",
    "layers",
    "nmae",
    "units",
    "",
    "a.b",
    "learning_rate",
    "optimiser",
    "ñ",
    "stride",
    "x" * 3000,
    "\x1b[2J",
    "\ud800",
]


def some_layer(r: random.Random, depth: int = 0) -> dict[str, Any]:
    """A layer with types that are right and numbers that need not fit."""
    few = [1, 1, 1, 2, 2, 3, 3, 4, 5, [1, 2], [3, 1], [2, 5]]
    kind = r.choice(
        ["convolution"] * 5 + ["pooling"] * 4 + ["dense", "relu", "gelu", "tanh", "leaky_relu", "maxout", "dropout", "batch_norm"]
        + ["local_response_norm", "scale", "flatten", "global_pooling", "residual"]
    )  # fmt: skip
    layer: dict[str, Any] = {"kind": kind}
    if kind == "convolution":
        layer |= {"filters": r.choice([1, 2, 3, 4, 6, 8, 24]), "size": r.choice(few)}
        layer |= {"stride": r.choice(few)} if r.random() < 0.4 else {}
        layer |= {"padding": r.choice([0, 1, 2, 3, [0, 2], "same"])} if r.random() < 0.6 else {}
        layer |= {"dilation": r.choice([1, 2, [1, 3]])} if r.random() < 0.2 else {}
        layer |= {"groups": r.choice([1, 2, 3])} if r.random() < 0.2 else {}
        layer |= {"bias": r.random() < 0.5} if r.random() < 0.3 else {}
    elif kind == "pooling":
        layer |= {"size": r.choice(few), "mode": r.choice(["max", "average"])}
        layer |= {"stride": r.choice(few)} if r.random() < 0.5 else {}
        layer |= {"padding": r.choice([0, 1, 2, [0, 1]])} if r.random() < 0.4 else {}
    elif kind == "dense":
        layer |= {"units": r.choice([1, 2, 10, 64])}
    elif kind == "maxout":
        layer |= {"group_size": r.choice([2, 3])}
    elif kind == "scale":
        layer |= {"factor": r.choice([0.1, 2.0])}
    elif kind == "batch_norm":
        layer |= {"scale": r.random() < 0.5}
    elif kind == "residual":
        layer |= {"shortcut": r.choice(["identity", "projection"])}
        layer |= {"layers": [some_layer(r, depth + 1) for _ in range(r.randint(1, 3))] if depth < 3 else [{"kind": "relu"}]}
    return layer


def some_experiment(r: random.Random) -> dict[str, Any]:
    """An experiment whose types are right."""
    layers = [some_layer(r) for _ in range(r.randint(1, 8))]
    if r.random() < 0.7:
        layers.append({"kind": "dense", "units": 10})
    loss = r.choice(["softmax", "softmax", "hinge", "regression"])
    sides = [r.choice([1, 2, 3, 4]), r.choice([1, 5, 8, 12, 17]), r.choice([1, 5, 8, 12, 17])]
    return {
        "name": "fuzz",
        "data": {"source": "somewhere"},
        "network": {"input": sides, "layers": layers, "loss": {"kind": loss}},
        "training": {"batch_size": r.choice([1, 8, 128]), "optimiser": {"kind": r.choice(["sgd", "adam", "muon", "rmsprop"])}},
    }


def some_step(r: random.Random) -> dict[str, Any]:
    """A layer for sequences, or one that does not care; its numbers need not fit."""
    kind = r.choice(
        ["rnn", "lstm", "gru"] * 3 + ["convolution_1d"] * 4 + ["pooling_1d"] * 2 + ["over_time"] * 3
        + ["embedding", "repeat", "dense", "dense", "relu", "tanh", "leaky_relu", "dropout", "scale"] + ["flatten", "batch_norm", "convolution"]
    )  # fmt: skip
    layer: dict[str, Any] = {"kind": kind}
    if kind in {"rnn", "lstm", "gru"}:
        layer |= {"hidden_size": r.choice([1, 2, 3, 5])}
        layer |= {"bidirectional": r.random() < 0.7} if r.random() < 0.4 else {}
        layer |= {"activation": r.choice(["tanh", "relu"])} if kind == "rnn" and r.random() < 0.5 else {}
        layer |= {"forget_bias": 1.0} if kind == "lstm" and r.random() < 0.3 else {}
    elif kind == "convolution_1d":
        layer |= {"filters": r.choice([1, 2, 4]), "size": r.choice([1, 2, 3, 3, 4, 9])}
        layer |= {"padding": r.choice([0, 1, 2, "same"])} if r.random() < 0.7 else {}
        layer |= {"stride": r.choice([1, 2, 3])} if r.random() < 0.3 else {}
        layer |= {"bias": r.random() < 0.5} if r.random() < 0.3 else {}
    elif kind == "pooling_1d":
        layer |= {"mode": r.choice(["max", "average"]), "size": r.choice([1, 2, 3, 8])}
    elif kind == "over_time":
        layer |= {"mode": r.choice(["last", "last", "mean", "max"])}
    elif kind == "embedding":
        layer |= {"size": r.choice([1, 3])}
    elif kind == "repeat":
        layer |= {"length": r.choice([1, 4])}
    elif kind == "dense":
        layer |= {"units": r.choice([1, 3, 7, "symbols"])}
    elif kind == "scale":
        layer |= {"factor": r.choice([0.5, 2.0])}
    elif kind == "convolution":
        layer |= {"filters": 2, "size": 1}
    return layer


def some_sequences(r: random.Random) -> dict[str, Any]:
    """An experiment on symbols or on series, whose types are right."""
    tokens, length = r.random() < 0.5, r.choice([1, 2, 5, 12])
    layers = [some_step(r) for _ in range(r.randint(1, 5))]
    if tokens and r.random() < 0.4:
        layers.insert(0, {"kind": "embedding", "size": r.choice([2, 4])})
    if r.random() < 0.8:
        next_symbol = tokens and r.random() < 0.4
        layers += [{"kind": "dense", "units": "symbols"}] if next_symbol else [{"kind": "over_time"}, {"kind": "dense", "units": 3}]
    series = {"kind": "series", "length": length, "features": r.choice([1, 3])}
    return {
        "name": "fuzz",
        "data": {"source": "somewhere"},
        "network": {"input": {"kind": "tokens", "length": length, "symbols": 7} if tokens else series, "layers": layers},
        "training": {"batch_size": r.choice([1, 8]), "optimiser": {"kind": r.choice(["sgd", "adamw", "muon"])}},
    }


def places(values: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inside = values.items() if isinstance(values, dict) else enumerate(values) if isinstance(values, list) else ()
    return [path, *(place for key, value in inside for place in places(value, (*path, key)))]


def spoil(r: random.Random, values: dict[str, Any]) -> dict[str, Any]:
    """Change one to four places: take away, rename, replace by something wild, repeat, nest."""
    for _ in range(r.randint(1, 4)):
        at = r.choice(places(values))
        if not at:
            values[r.choice(KEYS)] = copy.deepcopy(r.choice(WILD))
            continue
        holder: Any = values
        for key in at[:-1]:
            holder = holder[key]
        key, change = at[-1], r.randrange(5)
        if change == 0:
            del holder[key]
        elif change == 1 and isinstance(holder, dict):
            holder[r.choice(KEYS)] = holder.pop(key)
        elif change == 2 and isinstance(holder, list):
            holder.extend(copy.deepcopy(holder) * r.choice([1, 30]))
        elif change == 3:
            old = holder[key]
            for _ in range(r.choice([1, 2, 5, 12])):
                old = {"kind": "residual", "layers": [old]}
            holder[key] = old
        else:
            holder[key] = copy.deepcopy(r.choice(WILD))
    return values


def build(layer: spec.Layer, shape: tuple[int, ...]) -> nn.Module:
    """The oracle: the same layer by torch's own classes, written apart from ``vitral.nets``."""
    kind = layer.kind
    if isinstance(layer, Convolution):
        return nn.Conv2d(
            shape[0], layer.filters, layer.size, layer.stride, layer.padding, layer.dilation, layer.groups, layer.bias, device="meta"
        )
    if isinstance(layer, Pooling):
        return (nn.MaxPool2d if layer.mode == "max" else nn.AvgPool2d)(layer.size, layer.stride, layer.padding)
    if isinstance(layer, Dense):
        return nn.Sequential(nn.Flatten(), nn.LazyLinear(layer.units, layer.bias, device="meta"))
    if isinstance(layer, Residual):
        return Block(layer, shape)
    simple = {"flatten": nn.Flatten, "relu": nn.ReLU, "gelu": nn.GELU, "tanh": nn.Tanh, "leaky_relu": nn.LeakyReLU, "dropout": nn.Dropout}
    if kind in simple:
        return simple[kind]()
    if kind == "batch_norm":
        return (nn.BatchNorm1d if len(shape) == 1 else nn.BatchNorm2d)(shape[0], device="meta")
    if kind == "local_response_norm":
        return nn.Identity()
    return {"maxout": Groups, "scale": Times, "global_pooling": Whole}[kind](layer)


class Block(nn.Module):
    def __init__(self, layer: Residual, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.inner, end = row(layer.layers, shape)
        self.aside: nn.Module = nn.Identity()
        if layer.shortcut == "projection":
            stride = [-(-a // b) for a, b in zip(shape[1:], end[1:], strict=True)]
            self.aside = nn.Conv2d(shape[0], end[0], 1, stride, bias=False, device="meta")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y, z = self.inner(x), self.aside(x)
        assert y.shape == z.shape
        return y + z


class Groups(nn.Module):
    def __init__(self, layer: spec.Maxout) -> None:
        super().__init__()
        self.size = layer.group_size

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.unflatten(1, (-1, self.size)).amax(2)


class Times(nn.Module):
    def __init__(self, layer: spec.Scale) -> None:
        super().__init__()
        self.factor = layer.factor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.factor


class Whole(nn.Module):
    def __init__(self, layer: spec.GlobalPooling) -> None:
        super().__init__()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean((2, 3))


def row(layers: Any, shape: tuple[int, ...]) -> tuple[nn.Sequential, tuple[int, ...]]:
    modules = nn.Sequential()
    x = torch.empty(2, *shape, device="meta")
    for layer in layers:
        modules.append(build(layer, tuple(x.shape[1:])))
        x = modules[-1](x)
    return modules, tuple(x.shape[1:])


def compare(network: spec.Network) -> None:
    """Ask torch for every shape, every parameter and every multiplication that the specification claims."""
    x = torch.empty(2, *network.input, device="meta")
    for report in network.reports:
        module = build(report.layer, tuple(x.shape[1:]))
        module(x)  # a lazy layer learns its size here
        with FlopCounterMode(display=False) as counter:
            x = module(x)
        assert tuple(x.shape[1:]) == report.output, (report.name, tuple(x.shape[1:]), report.output)
        unscaled = sum(
            inner.layer.scale is False and inner.output[0]
            for inner in (report, *(r for r in flat(report.inner)))
            if isinstance(inner.layer, spec.BatchNorm)
        )  # torch has no batch norm with a shift alone
        assert sum(p.numel() for p in module.parameters()) - unscaled == report.parameters.value, report.name
        cheap = sum(r.multiply_adds for r in (report, *flat(report.inner)) if r.layer.kind in {"batch_norm", "local_response_norm"})
        assert counter.get_total_flops() == 2 * 2 * (report.multiply_adds - cheap), report.name  # a pair of images, 2 a multiply-add


class Step(nn.Module):
    """The oracle for one layer of a sequence: torch's own module, fed and read as it wants to be; codes are made one-hot."""

    def __init__(self, layer: Any, shape: tuple[int, ...], halves: bool) -> None:
        super().__init__()
        self.layer, self.halves, self.symbols = layer, halves, shape[-1]
        options = {"batch_first": True, "bidirectional": getattr(layer, "bidirectional", False)}
        same = getattr(layer, "padding", None) == "same"
        makers: dict[str, Any] = {
            "embedding": lambda: nn.Embedding(shape[1], layer.size),
            "rnn": lambda: nn.RNN(shape[1], layer.hidden_size, nonlinearity=layer.activation, **options),
            "lstm": lambda: nn.LSTM(shape[1], layer.hidden_size, **options),
            "gru": lambda: nn.GRU(shape[1], layer.hidden_size, **options),
            "dense": lambda: nn.Linear(shape[-1], layer.units, layer.bias),
            "convolution_1d": lambda: nn.Conv1d(
                shape[1], layer.filters, layer.size, layer.stride, "same" if same else layer.padding, bias=layer.bias
            ),
            "pooling_1d": lambda: (nn.MaxPool1d if layer.mode == "max" else nn.AvgPool1d)(layer.size),
            "batch_norm": lambda: nn.BatchNorm1d(shape[0]),
        }
        if layer.kind in makers:
            self.own = makers[layer.kind]()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kind = self.layer.kind
        if kind != "embedding" and not x.is_floating_point():
            x = nn.functional.one_hot(x, self.symbols).float()  # the first layer, whatever it is
        match kind:
            case "rnn" | "lstm" | "gru":
                return self.own(x)[0]  # type: ignore[no-any-return]
            case "convolution_1d" | "pooling_1d":
                return self.own(x.transpose(1, 2)).transpose(1, 2)  # type: ignore[no-any-return]
            case "over_time":
                return self._over_time(x)
            case "repeat":
                return torch.stack([x] * self.layer.length, 1)
            case "scale":
                return self.layer.factor * x  # type: ignore[no-any-return]
            case "embedding" | "dense" | "batch_norm":
                return self.own(x)  # type: ignore[no-any-return]
        return build(self.layer, tuple(x.shape[1:])).eval()(x)  # type: ignore[no-any-return]

    def _over_time(self, x: torch.Tensor) -> torch.Tensor:
        if self.layer.mode != "last":
            return x.mean(1) if self.layer.mode == "mean" else x.amax(1)
        half = x.shape[2] // 2
        return torch.cat([x[:, -1, :half], x[:, 0, half:]], 1) if self.halves else x[:, -1]


def compare_sequences(network: spec.Network) -> None:
    """Ask torch for every shape and parameter that the specification claims, and the built network for torch's very numbers."""
    draw = torch.Generator().manual_seed(1)
    x = torch.randn(2, *network.shape, generator=draw)
    if isinstance(network.input, spec.Tokens):
        x = torch.randint(0, network.num_symbols, (2, network.input.length), generator=draw)
    net, y, halves = nets.build(network, seed=0).eval(), x, False
    for report in network.reports:
        module = Step(report.layer, report.input, halves).eval()
        own = net.get_submodule(report.name)
        if hasattr(module, "own"):
            module.own.load_state_dict(own.state_dict())
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            y = module(y)
        assert tuple(y.shape[1:]) == report.output, (report.name, tuple(y.shape[1:]), report.output)
        assert sum(p.numel() for p in module.parameters()) == report.parameters.value, report.name
        if report.layer.kind in {"dense", "convolution_1d"}:
            assert counter.get_total_flops() == 2 * 2 * report.multiply_adds, report.name
        halves = getattr(report.layer, "bidirectional", False) or (
            halves and report.layer.kind in {"relu", "tanh", "leaky_relu", "dropout", "scale", "pooling_1d"}
        )
    with torch.no_grad():
        torch.testing.assert_close(net(x), y, atol=1e-5, rtol=1e-4)


def flat(reports: Any) -> list[Any]:
    return [row for report in reports for row in (report, *flat(report.inner))]


def judge(values: dict[str, Any]) -> spec.Experiment | None:
    """Read a specification: an experiment that holds what it says, or one line."""
    try:
        experiment = spec.parse(values, memory_limit=16 * GIB)
    except VitralError as refusal:
        text = str(refusal)
        assert text.strip(), values
        assert text.isprintable(), text  # one line, and nothing that steers a terminal
        assert len(text) < 1500, text
        return None
    assert spec.from_toml(spec.to_toml(experiment)) == experiment
    assert spec.from_json(spec.to_json(experiment)) == experiment
    description = spec.describe(experiment)
    assert sum(row.num_parameters for row in description.rows if not row.depth) == description.num_parameters
    assert all(advice.text.es and advice.text.en for advice in description.advice)
    return experiment


def check_valid(r: random.Random) -> None:
    experiment = judge(some_experiment(r))
    if experiment:
        compare(experiment.network)


def check_spoilt(r: random.Random) -> None:
    experiment = judge(spoil(r, some_experiment(r)))
    if experiment and experiment.network.multiply_adds < 1e8:
        compare(experiment.network)


def check_sequences(r: random.Random) -> None:
    values = some_sequences(r)
    experiment = judge(values)
    if experiment:
        compare_sequences(experiment.network)
        return
    with pytest.raises(ShapeError, match=r'layer \d+ "[a-z0-9_]+"'):
        spec.parse(values)


def check_spoilt_sequences(r: random.Random) -> None:
    experiment = judge(spoil(r, some_sequences(r)))
    if experiment and experiment.reads_sequences and experiment.network.multiply_adds < 1e6 and max(experiment.network.shape) < 1000:
        compare_sequences(experiment.network)


def check_named(r: random.Random) -> None:
    """One layer is broken: the refusal names that one, with its number and name."""
    values = some_experiment(r)
    layers = values["network"]["layers"]
    index = r.randrange(len(layers))
    layers[index]["name"] = "culprit"
    layers[index][r.choice(["wrong", "Size ", "filtre", "strides"])] = 1
    with pytest.raises(SpecError, match=f'in layer {index + 1} "culprit"'):
        spec.parse(values)
    layers[index] = {"kind": "pooling", "name": "culprit", "size": r.choice([0, -3, "3", 2.5, [1], None, 2**21])}
    with pytest.raises(SpecError, match=f'layer {index + 1} "culprit": size must be'):
        spec.parse(values)
    layers[index] = {"kind": "convolution", "name": "culprit", "filters": 1, "size": 99}
    layers[:index] = [{"kind": "relu"}] * index
    with pytest.raises(ShapeError, match=f'layer {index + 1} "culprit": a 99x99 kernel does not fit'):
        spec.parse(values)


def check_windows(r: random.Random) -> None:
    """One convolution or pooling: refused exactly when torch refuses it."""
    layer = some_layer(r)
    while layer["kind"] not in {"convolution", "pooling"}:
        layer = some_layer(r)
    shape = (r.choice([1, 2, 3, 6]), r.choice([1, 2, 3, 7, 10]), r.choice([1, 2, 3, 7, 10]))
    ours = theirs = None
    known = spec.Network(input=shape, layers=[layer], loss={"kind": "regression"})
    with contextlib.suppress(ShapeError):
        ours = known.reports[0].output
    with contextlib.suppress(RuntimeError, ValueError):
        theirs = tuple(build(known.layers[0], shape)(torch.empty(1, *shape, device="meta")).shape[1:])
    assert ours == theirs, (layer, shape)


def check_bytes(r: random.Random) -> None:
    """Bytes of a file changed at random."""
    raw = bytearray(spec.to_toml(spec.parse(BASE)).encode())
    for _ in range(r.randint(1, 6)):
        at = r.randrange(len(raw))
        raw[at : at + r.choice([0, 1, 1, 5])] = r.choice(
            [b"", b"[", b"]", b'"', b"=", b"\n", b"9" * 5000, b"\xff", b"{", b"[" * 3000, b"-"]
        )
    text = raw.decode("utf-8", "replace")
    try:
        spec.from_toml(text, memory_limit=16 * GIB)
    except VitralError as refusal:
        assert "\n" not in str(refusal)


BASE = {
    "name": "base",
    "data": {"source": "cifar10"},
    "network": {
        "input": [3, 16, 16],
        "layers": [
            {"kind": "convolution", "filters": 8, "size": 3},
            {"kind": "relu"},
            {"kind": "residual", "layers": [{"kind": "batch_norm"}]},
            {"kind": "dense", "units": 10},
        ],
    },
}
CHECKS = [check_valid, check_spoilt, check_sequences, check_spoilt_sequences, check_named, check_windows, check_bytes]


@pytest.mark.parametrize("check", CHECKS)
@SHORT
@given(r=st.randoms(use_true_random=True))
def test_a_random_specification_is_built_or_refused(check: Any, r: random.Random) -> None:
    check(r)


@pytest.mark.long
@pytest.mark.parametrize("check", CHECKS)
@LONG
@given(r=st.randoms(use_true_random=True))
def test_five_thousand_random_specifications_are_built_or_refused(check: Any, r: random.Random) -> None:
    check(r)


def test_the_generator_makes_what_builds_and_what_does_not() -> None:
    built = [judge(some_experiment(random.Random(seed))) is not None for seed in range(300)]
    assert 60 < sum(built) < 240
    spoilt = [judge(spoil(random.Random(seed), some_experiment(random.Random(seed)))) is not None for seed in range(300)]
    assert 0 < sum(spoilt) < 150
    drawn = [some_sequences(random.Random(seed)) for seed in range(300)]
    good = [experiment for values in drawn if (experiment := judge(values))]
    assert 60 < len(good) < 240
    kinds = {layer.kind for experiment in good for layer in experiment.network.layers}
    assert {"embedding", "rnn", "lstm", "gru", "over_time", "repeat", "convolution_1d", "pooling_1d", "dense"} <= kinds
    assert {experiment.network.predicts_next for experiment in good} == {True, False}


@pytest.mark.parametrize("where", ["shape", "parameters", "cost"])
def test_the_harness_sees_a_planted_bug_in_sequences(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pool, count, cost = along.Pooling1d.output, along.Recurrent.parameters, along.Convolution1d.multiply_adds
    if where == "shape":
        monkeypatch.setattr(along.Pooling1d, "output", lambda self, shape: (pool(self, shape)[0] + 1, shape[1]))
    elif where == "parameters":
        monkeypatch.setattr(
            along.Recurrent, "parameters", lambda self, shape: count(self, shape)._replace(value=count(self, shape).value + 1)
        )
    else:
        monkeypatch.setattr(along.Convolution1d, "multiply_adds", lambda self, shape: cost(self, shape) + 1)

    def harness() -> None:
        for seed in range(200):
            check_sequences(random.Random(seed))

    with pytest.raises(AssertionError):
        harness()


@pytest.mark.parametrize("where", ["shape", "parameters", "cost", "crash"])
def test_the_harness_sees_a_planted_bug(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same checks, with a mistake put into the specification, must fail."""
    pool, count, cost = Pooling.output, Convolution.parameters, Dense.multiply_adds
    if where == "shape":
        monkeypatch.setattr(Pooling, "output", lambda self, shape: (*(s := pool(self, shape))[:2], s[2] + 1))
    elif where == "parameters":
        monkeypatch.setattr(Convolution, "parameters", lambda self, shape: count(self, shape)._replace(value=count(self, shape).value + 1))
    elif where == "cost":
        monkeypatch.setattr(Dense, "multiply_adds", lambda self, shape: cost(self, shape) + 1)
    else:
        monkeypatch.setattr(Pooling, "output", lambda self, shape: (shape[0], 1 // (self.step()[0] - 2), 1))

    def harness() -> None:
        for seed in range(200):
            check_valid(random.Random(seed))

    with pytest.raises((AssertionError, ZeroDivisionError)):
        harness()


@pytest.mark.parametrize("depth", [5, 100, 300, 20000])
def test_a_tower_of_residual_blocks_is_refused(depth: int) -> None:
    block: dict[str, Any] = {"kind": "relu"}
    for _ in range(depth):
        block = {"kind": "residual", "layers": [block]}
    with pytest.raises(VitralError, match=r"nested|deep"):
        spec.parse({**BASE, "network": {"input": [3, 16, 16], "layers": [block]}})
    while block.get("layers"):  # taken apart by hand: Python's own clean-up of so deep a tower would run out of stack
        block = block.pop("layers")[0]


def test_what_no_file_can_say_is_refused_too() -> None:
    with pytest.raises(SpecError, match=r"name cannot be read: .*unicode"):
        spec.from_json('{"name": "\\ud800"}')
    with pytest.raises(SpecError):
        spec.parse({1: 2})  # type: ignore[dict-item]
