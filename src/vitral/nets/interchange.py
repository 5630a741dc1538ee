"""ConvNetJS networks in and out: its snapshots' JSON as a specification with weights, and a network of ours as its JSON.

A volume is ``{sx, sy, depth, w}``, number ((sx * y) + x) * depth + d, so ``w`` read as (sy, sx, depth). It slides kernels without flipping
them, as torch does, and rounds sizes down. It keeps neither the optimiser nor the step, the normalisation or the names of classes.

Dropout differs. ConvNetJS zeroes numbers while it trains and leaves the others as they are; ours also divides them by 1 - p. A dropout that
comes in is therefore followed by a ``scale`` of 1 - p, and where one goes out without it the next weights take the factor: training is the
same on both sides, and ours evaluates what training expects on average. (Its own evaluation multiplies by p where 1 - p is meant, which is
right for p = 1/2 alone.)

Source: A. Karpathy, ConvNetJS, github.com/karpathy/convnetjs, src/convnet_*.js (``toJSON``, ``fromJSON``).
"""

# C channels  H height  W width  K kernels or units

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from vitral.errors import DataError, SpecError, VitralError
from vitral.nets.net import Net
from vitral.spec import layers as spec
from vitral.spec.base import pair
from vitral.spec.complaint import nearest
from vitral.spec.network import Hinge, Network, Regression
from vitral.spec.shapes import LayerReport

Values = dict[str, Any]
Array = npt.NDArray[np.float64]

LOSSES = {"softmax": "softmax", "svm": "hinge", "regression": "regression"}
MAX_LAYERS = 200
MAX_NUMBERS = 2**27


@dataclass(frozen=True, eq=False)
class Imported:
    """A network that was read.

    Attributes:
        network: its layers, named as ours are by default (conv1, relu1, ...).
        tensors: its weights by name, float64: ``conv1.weight`` (K, C, H, W), ``dense1.weight`` (K, C * H * W).
        notes: what could not be taken over as it is, one sentence each.
    """

    network: Network
    tensors: dict[str, Tensor]
    notes: tuple[str, ...] = ()


def parse_convnetjs(text: str, source: str = "the file") -> Imported:
    """Read a network from the text of a JSON file.

    Raises:
        DataError: it is no JSON, or not what ConvNetJS writes.
    """
    try:
        values = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as wrong:
        raise DataError(f"{source} is not JSON: {str(wrong)[:100]}; save the network in ConvNetJS again") from None
    return read_convnetjs(values, source)


def read_convnetjs(values: Any, source: str = "the file") -> Imported:
    """Read a network from ConvNetJS's ``net.toJSON()``.

    Args:
        values: ``{"layers": [...]}``.
        source: how the file is called in errors.

    Raises:
        DataError: something is missing, or does not have the size that it says.
        SpecError: a layer or setting that has no counterpart here.
    Example:
        The demonstration's snapshot gives a network of 22,466 parameters.
    """
    given = values.get("layers") if isinstance(values, Mapping) else None
    if not isinstance(given, list) or not 2 <= len(given) <= MAX_LAYERS or not all(isinstance(layer, Mapping) for layer in given):
        raise DataError(f'{source}: expected {{"layers": [...]}} with an input and further layers, got something else; save it again')
    places = [Place(layer, f"{source}, layer {n}") for n, layer in enumerate(given)]
    first, *others = places
    if first.kind != "input":
        raise DataError(f'{first.name}: expected the input, got "{first.kind}"; save the network in ConvNetJS again')
    loss = {"kind": LOSSES[others.pop().kind]} if others[-1].kind in LOSSES else {"kind": "regression"}
    layers: list[Values] = []
    weighted: list[tuple[Place, int]] = []
    notes: list[str] = []
    for place in others:
        read = READERS.get(place.kind)
        if read is None:
            raise SpecError(f'{place.name}: "{place.kind:.40}" is no layer that is known here{nearest(place.kind, READERS)}')
        if place.kind in ("conv", "fc"):
            weighted.append((place, len(layers)))
            if place.number("l1_decay_mul", 1.0) not in (0.0, place.number("l2_decay_mul", 1.0)):
                notes.append(f"{place.name}: its own factor for L1 decay is left out; that for L2 decay holds for both")
        layers.extend(read(place))
    shape = first.count("out_depth"), first.count("out_sy"), first.count("out_sx")
    try:
        network = Network.model_validate({"input": shape, "layers": layers, "loss": loss})
        reports = network.reports
    except ValidationError as wrong:
        raise SpecError(f"{source}: {wrong.errors()[0]['msg'][:200]}") from None
    except VitralError as wrong:
        raise type(wrong)(f"{source}: {wrong}") from None
    if network.num_parameters > MAX_NUMBERS:
        raise DataError(f"{source}: expected at most {MAX_NUMBERS:,} weights, got {network.num_parameters:,}; use a smaller network")
    tensors: dict[str, Tensor] = {}
    for place, number in weighted:
        report = reports[number]
        place.fits(report)
        weight, bias = place.weights(report)
        tensors |= {f"{report.name}.weight": torch.from_numpy(weight), f"{report.name}.bias": torch.from_numpy(bias)}
    return Imported(network, tensors, tuple(notes))


def write_convnetjs(net: Net) -> Values:
    """Write a network as ConvNetJS's ``net.toJSON()``, which its ``fromJSON`` reads and which gives the same answers there.

    Raises:
        SpecError: a layer or setting that ConvNetJS does not have, by number and name.
    Example:
        ``json.dumps(write_convnetjs(vitral.load("last").net))``
    """
    channels, height, width = net.network.image
    written: list[Values] = [{"layer_type": "input", "out_depth": channels, "out_sy": height, "out_sx": width}]
    laid: tuple[int, ...] | None = None
    owed = 1.0  # what the numbers before the next weights are too small by
    reports = list(net.network.reports)
    while reports:
        report = reports.pop(0)
        layer = report.layer
        if isinstance(layer, spec.Flatten):
            laid = report.input  # ConvNetJS keeps the image: what follows reads its volume
            continue
        write = WRITERS.get(type(layer))
        if write is None or not (values := write(layer)):
            raise SpecError(f'layer {report.number} "{report.name}" ({layer.kind}) has no counterpart in ConvNetJS; {CURE}')
        alone = isinstance(layer, spec.Activation | spec.Dropout)
        if laid and not alone and not isinstance(layer, spec.Dense):
            raise SpecError(f'layer {report.number} "{report.name}" ({layer.kind}) reads a vector that ConvNetJS has as an image; {CURE}')
        entered = laid or report.input
        values["out_depth"], values["out_sy"], values["out_sx"] = _sides(entered if alone else report.output)
        if isinstance(layer, spec.Pooling):
            values["in_depth"] = _sides(entered)[0]
        if isinstance(layer, spec.Dropout):
            following = reports[0].layer if reports else None
            if isinstance(following, spec.Scale) and math.isclose(following.factor, 1 - layer.probability):
                reports.pop(0)
                owed *= following.factor
            owed /= 1 - layer.probability
        if isinstance(layer, spec.Convolution | spec.Dense):
            values |= _weights(net.get_submodule(report.name), _sides(entered), owed)
            laid, owed = None, 1.0
        elif (owed != 1.0 and not isinstance(layer, spec.Dropout | spec.Activation | spec.Pooling | spec.Maxout)) or (
            owed != 1.0 and isinstance(layer, spec.Activation) and layer.kind != "relu"
        ):
            raise SpecError(
                f'layer {report.number} "{report.name}" ({layer.kind}) stands behind dropout, whose size it would change; {CURE}'
            )
        written.append(values)
    if owed != 1.0:
        raise SpecError(f"the network ends with dropout, which ConvNetJS scales otherwise; {CURE}")
    classes = net.network.output[0]
    written.append({"layer_type": _loss(net), "out_depth": classes, "out_sx": 1, "out_sy": 1, "num_inputs": classes})
    return {"layers": written}


CURE = (
    "expected convolution (no dilation, no groups), max-pooling, dense, relu, sigmoid, tanh, maxout, dropout and local response norm "
    "of odd size"
)


@dataclass(frozen=True, eq=False)
class Place:
    """One layer of the file, read with an eye on what it holds."""

    values: Mapping[str, Any]
    name: str

    @property
    def kind(self) -> str:
        """Give the layer's type."""
        kind = self.values.get("layer_type")
        if not isinstance(kind, str):
            raise DataError(f'{self.name}: expected a "layer_type", got {kind!r:.40}; save the network in ConvNetJS again')
        return kind

    def number(self, key: str, otherwise: float | None = None) -> float:
        """Read a finite number."""
        value = self.values.get(key, otherwise)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise DataError(f"{self.name}: {key} should be a number, got {value!r:.40}; save the network in ConvNetJS again")
        return float(value)

    def count(self, key: str, otherwise: int | None = None) -> int:
        """Read a whole number from 0 on."""
        value = self.number(key, otherwise)
        if value != int(value) or not 0 <= value <= 2**20:
            raise DataError(f"{self.name}: {key} should be a whole number, got {value:g}; save the network in ConvNetJS again")
        return int(value)

    def fits(self, report: LayerReport) -> None:
        """Insist that the layer gives what the file says that it gives."""
        said = self.count("out_depth"), self.count("out_sy"), self.count("out_sx")
        if said != _sides(report.output):
            raise DataError(f"{self.name}: it says that it gives {said}, but it gives {_sides(report.output)}; save it again")

    def weights(self, report: LayerReport) -> tuple[Array, Array]:
        """Read kernels as torch lays them out, and biases."""
        kernels = self.values.get("filters")
        units = self.count("out_depth")
        if not isinstance(kernels, list) or len(kernels) != units:
            raise DataError(
                f"{self.name}: expected {units} filters, got {len(kernels) if isinstance(kernels, list) else 'none'}; save it again"
            )
        channels, height, width = _sides(report.input)
        if self.kind == "conv":
            size = self.count("sy", self.count("sx")), self.count("sx"), channels
            stack = np.stack([self._volume(kernel, size) for kernel in kernels])  # (K, H, W, C)
            weight = stack.transpose(0, 3, 1, 2)
        else:
            row = (1, 1, channels * height * width)
            stack = np.stack([self._volume(kernel, row) for kernel in kernels]).reshape(units, height, width, channels)
            weight = stack.transpose(0, 3, 1, 2).reshape(units, -1)  # ours reads an image channel by channel
        return np.ascontiguousarray(weight), self._volume(self.values.get("biases"), (1, 1, units)).reshape(-1)

    def _volume(self, value: Any, shape: tuple[int, int, int]) -> Array:
        """Read a volume as (sy, sx, depth). ``w`` is an object {"0": ...} where it was a typed array, or a plain list."""
        if not isinstance(value, Mapping):
            raise DataError(f"{self.name}: expected a volume {{sx, sy, depth, w}}, got {value!r:.40}; save the network in ConvNetJS again")
        inner = Place(value, self.name)
        got = inner.count("sy"), inner.count("sx"), inner.count("depth")
        numbers = value.get("w")
        size = math.prod(shape)
        if isinstance(numbers, Mapping):
            numbers = [numbers.get(str(n)) for n in range(len(numbers))]
        if got != shape or not isinstance(numbers, list) or len(numbers) != size:
            held = len(numbers) if isinstance(numbers, list) else "no"
            raise DataError(f"{self.name}: expected {size} weights as (sy, sx, depth) = {shape}, got {held} as {got}; save it again")
        if not all(isinstance(n, int | float) and not isinstance(n, bool) and math.isfinite(n) for n in numbers):
            raise DataError(f"{self.name}: every weight should be a finite number; the network was broken when it was saved")
        return np.array(numbers, dtype=np.float64).reshape(shape)


def _read_conv(place: Place) -> list[Values]:
    return [
        {
            "kind": "convolution",
            "filters": place.count("out_depth"),
            "size": (place.count("sy", place.count("sx")), place.count("sx")),
            "stride": place.count("stride", 1),
            "padding": place.count("pad", 0),
            "decay_factor": place.number("l2_decay_mul", 1.0),
        }
    ]


def _read_fc(place: Place) -> list[Values]:
    return [{"kind": "dense", "units": place.count("out_depth"), "decay_factor": place.number("l2_decay_mul", 1.0)}]


def _read_pool(place: Place) -> list[Values]:
    size = (place.count("sy", place.count("sx")), place.count("sx"))
    return [{"kind": "pooling", "size": size, "stride": place.count("stride", 2), "padding": place.count("pad", 0)}]


def _read_dropout(place: Place) -> list[Values]:
    probability = place.number("drop_prob")
    if not 0 <= probability < 1:
        raise DataError(f"{place.name}: drop_prob should be at least 0 and less than 1, got {probability:g}; save it again")
    scale = [{"kind": "scale", "factor": 1 - probability}] if probability else []
    return [{"kind": "dropout", "probability": probability}, *scale]


def _read_lrn(place: Place) -> list[Values]:
    size = place.count("n")
    if size % 2 == 0:
        raise SpecError(f"{place.name}: local response norm over n = {size} neighbours lies off its centre; expected an odd n")
    return [
        {
            "kind": "local_response_norm",
            "size": size,
            "k": place.number("k"),
            "alpha": place.number("alpha"),
            "beta": place.number("beta"),
        }
    ]


READERS: dict[str, Callable[[Place], list[Values]]] = {
    "conv": _read_conv,
    "fc": _read_fc,
    "pool": _read_pool,
    "relu": lambda _: [{"kind": "relu"}],
    "sigmoid": lambda _: [{"kind": "sigmoid"}],
    "tanh": lambda _: [{"kind": "tanh"}],
    "maxout": lambda place: [{"kind": "maxout", "group_size": place.count("group_size")}],
    "dropout": _read_dropout,
    "lrn": _read_lrn,
}


def _write_conv(layer: Any) -> Values:
    (height, width), stride = pair(layer.size), pair(layer.stride)
    if layer.padding == "same":
        padding: tuple[float, float] = (height - 1) / 2, (width - 1) / 2
    else:
        padding = pair(layer.padding)
    plain = layer.groups == 1 and pair(layer.dilation) == (1, 1) and stride[0] == stride[1] and padding[0] == padding[1]
    if not plain or padding[0] != int(padding[0]):
        return {}
    decay = {"l1_decay_mul": layer.decay_factor, "l2_decay_mul": layer.decay_factor}
    return {"layer_type": "conv", "sx": width, "sy": height, "stride": stride[0], "pad": int(padding[0]), **decay}


def _write_pool(layer: Any) -> Values:
    (height, width), stride, padding = pair(layer.size), layer.step(), pair(layer.padding)
    if layer.mode != "max" or stride[0] != stride[1] or padding[0] != padding[1]:
        return {}
    return {"layer_type": "pool", "sx": width, "sy": height, "stride": stride[0], "pad": padding[0]}


def _write_lrn(layer: Any) -> Values:
    known = {"k": layer.k, "n": layer.size, "alpha": layer.alpha, "beta": layer.beta}
    return {"layer_type": "lrn", **known} if layer.size % 2 else {}


WRITERS: dict[type, Callable[[Any], Values]] = {
    spec.Convolution: _write_conv,
    spec.Dense: lambda layer: {"layer_type": "fc", "l1_decay_mul": layer.decay_factor, "l2_decay_mul": layer.decay_factor},
    spec.Pooling: _write_pool,
    spec.Activation: lambda layer: {"layer_type": layer.kind} if layer.kind in ("relu", "sigmoid", "tanh") else {},
    spec.Maxout: lambda layer: {"layer_type": "maxout", "group_size": layer.group_size},
    spec.Dropout: lambda layer: {"layer_type": "dropout", "drop_prob": layer.probability},
    spec.LocalResponseNorm: _write_lrn,
}


def _weights(module: nn.Module, entered: tuple[int, int, int], factor: float) -> Values:
    assert isinstance(module, nn.Conv2d | nn.Linear)
    channels, height, width = entered
    weight = module.weight.detach().to("cpu", torch.float64).numpy() * factor
    units = len(weight)
    bias = np.zeros(units) if module.bias is None else module.bias.detach().to("cpu", torch.float64).numpy()
    if isinstance(module, nn.Linear):
        rows = weight.reshape(units, channels, height, width).transpose(0, 2, 3, 1).reshape(units, 1, 1, -1)
        own: Values = {"num_inputs": channels * height * width}
    else:
        rows, own = weight.transpose(0, 2, 3, 1), {"in_depth": channels}
    return {**own, "filters": [_volume(row) for row in rows], "biases": _volume(bias.reshape(1, 1, -1))}


def _volume(values: Array) -> Values:
    height, width, depth = values.shape
    return {"sx": width, "sy": height, "depth": depth, "w": {str(n): float(v) for n, v in enumerate(values.reshape(-1))}}


def _loss(net: Net) -> str:
    loss = net.network.loss
    if isinstance(loss, Hinge) and loss.margin != 1:
        raise SpecError(f"ConvNetJS's hinge loss has margin 1, this one {loss.margin:g}; set margin = 1")
    return "svm" if isinstance(loss, Hinge) else "regression" if isinstance(loss, Regression) else "softmax"


def _sides(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Give (depth, sy, sx): a vector is 1x1 with depth."""
    return (shape[0], shape[1], shape[2]) if len(shape) == 3 else (math.prod(shape), 1, 1)


def _refuse(name: str) -> float:
    raise ValueError(f"it holds {name}")
