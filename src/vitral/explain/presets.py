"""The examples of the lecture as numbers to begin with, each under its row (L1 to L11, L20 to L28)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from vitral.errors import SpecError
from vitral.explain import memories, pictures
from vitral.explain.operations import OPERATIONS, build
from vitral.explain.trace import Array, Place, Trace

Arguments = Mapping[str, Any]


@dataclass(frozen=True)
class Preset:
    """An example: an operation, its numbers, and the place to look at first."""

    name: str
    operation: str
    arguments: Callable[[], Arguments]
    place: Place
    english: str
    spanish: str

    def trace(self) -> Trace:
        """Make the trace."""
        return build(self.operation, self.arguments())


def _disc(**settings: Any) -> Callable[[], Arguments]:
    return lambda: {"image": pictures.DISC, "kernels": "edge", **settings}


def _edges() -> Array:
    return build("convolution", _disc(activation="relu")()).output


def _pooled() -> Array:
    return build("pooling", {"image": _edges(), "size": 2}).output


def _judged() -> Arguments:
    weights = np.stack([np.full(16, 0.1), np.full(16, -0.1)])
    return {"x": _pooled(), "weights": weights, "bias": [-1.0, 1.0]}


def _large() -> Arguments:
    return {"image": pictures.CHECKS, "kernels": pictures.turned(32), "padding": 1}


def _large_map() -> Arguments:
    return {"image": build("convolution", _large()).output, "size": 2}


NEURON = {"weights": [[0.5, -1.0, 0.25]], "bias": [0.1]}
THREE = [[1.0, 0.5, -1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 2.0]]
WINDOW = [[1, 3, 2], [6, 6, 4], [5, 7, 6]]
SQUARE = [[1, 3, 2, 1], [6, 6, 4, 0], [5, 7, 6, 2], [0, 1, 3, 8]]

PRESETS: tuple[Preset, ...] = (
    Preset("L1", "convolution", _disc(activation="relu"), (0, 2, 0),
           "The first of three kinds of layer: a convolution", "La primera de tres clases de capa: una convolución"),
    Preset("L1", "pooling", lambda: {"image": _edges(), "size": 2}, (0, 0, 1),
           "The second: pooling what the convolution found", "La segunda: agrupación de lo que halló la convolución"),
    Preset("L1", "dense", _judged, (0,), "The third: fully connected units judge the whole", "La tercera: unidades totalmente conectadas juzgan el conjunto"),
    Preset("L1", "softmax", lambda: {"scores": build("dense", _judged()).output}, (0,),
           "Their scores as probabilities: is there an edge?", "Sus puntuaciones como probabilidades: ¿hay un borde?"),
    Preset("L2", "convolution", _disc(), (0, 2, 0),
           "A pixel is an edge where it differs from the 8 around it", "Un píxel es borde donde difiere de los 8 que lo rodean"),
    Preset("L3", "convolution", _disc(bias=[0.0]), (0, 3, 3),
           "Shared weights: 64 windows, the same 9 weights", "Pesos compartidos: 64 ventanas, los mismos 9 pesos"),
    Preset("L4", "convolution", _disc(activation="relu"), (0, 0, 0),
           "ReLU says which pixel is an edge and which is not", "ReLU dice qué píxel es borde y cuál no"),
    Preset("L5", "convolution", lambda: {"image": WINDOW, "kernels": "edge"}, (0, 0, 0),
           "The arithmetic of one window: the sum of nine products", "La aritmética de una ventana: la suma de nueve productos"),
    Preset("L6", "convolution", _disc(), (0, 7, 7),
           "Without padding the layer shrinks: 10x10 to 8x8", "Sin padding la capa encoge: de 10x10 a 8x8"),
    Preset("L6-stride", "convolution", _disc(stride=2), (0, 1, 2),
           "With stride 2 it shrinks further: 10x10 to 4x4", "Con stride 2 encoge más: de 10x10 a 4x4"),
    Preset("L7", "convolution", lambda: {"image": pictures.SIX, "kernels": "edge", "padding": 1}, (0, 0, 0),
           "Zero-padding 1 keeps 6x6 at 6x6", "Zero-padding 1 mantiene 6x6 en 6x6"),
    Preset("L8", "pooling", lambda: {"image": [SQUARE, SQUARE[::-1], np.negative(SQUARE)], "size": 2}, (2, 0, 0),
           "Width and height shrink, depth never: 3x4x4 to 3x2x2", "Encogen ancho y alto, nunca la profundidad: de 3x4x4 a 3x2x2"),
    Preset("L9", "convolution", _large, (3, 40, 40),
           "640x480 under 32 filters with zero-padding 1: 640x480x32", "640x480 bajo 32 filtros con zero-padding 1: 640x480x32"),
    Preset("L9", "pooling", _large_map, (3, 20, 20),
           "Pooled to 25 % of its area: 320x240x32", "Agrupada al 25 % de su área: 320x240x32"),
    Preset("L10", "pooling", lambda: {"image": SQUARE, "size": 2, "stride": 2}, (0, 1, 0),
           "Max-pooling 2x2 with stride 2: the largest of four", "Max-pooling 2x2 con stride 2: el mayor de cuatro"),
    Preset("L11", "pooling", lambda: {"image": SQUARE, "size": 2, "stride": 2, "mode": "average"}, (0, 1, 0),
           "The alternative: the mean of the same four", "La alternativa: la media de los mismos cuatro"),
    Preset("L11-large", "pooling", lambda: {"image": SQUARE, "size": 4}, (0, 0, 0),
           "A 4x4 window keeps 1 number of 16: larger than 3x3 usually gives bad results",
           "Una ventana 4x4 guarda 1 número de 16: mayor que 3x3 suele dar malos resultados"),
    Preset("L20", "rnn", lambda: {"x": [[1.0], [0.0], [0.0], [0.0]], "weight_ih": [[1.0]], "weight_hh": [[0.5]]}, (1,),
           "One model, folded and unfolded in time: S(t) from S(t-1) and X(t)", "Un modelo, plegado y desplegado en el tiempo: S(t) de S(t-1) y X(t)"),
    Preset("L21", "dense", lambda: {"x": THREE[0], **NEURON, "activation": "tanh"}, (0,),
           "The traditional neuron: inputs, weights, sum, activation", "La neurona tradicional: entradas, pesos, suma, activación"),
    Preset("L21", "rnn", lambda: {"x": THREE, "weight_ih": NEURON["weights"], "bias_ih": NEURON["bias"], "weight_hh": [[0.8]]}, (1,),
           "The recurrent neuron: the same weights at every step, and its own last answer",
           "La neurona recurrente: los mismos pesos en cada paso, y su propia respuesta anterior"),
    Preset("L22", "rnn", memories.forgetful, (19,),
           "Twenty steps: an RNN's gradient fades on the way back", "Veinte pasos: el gradiente de una RNN se apaga hacia atrás"),
    Preset("L22", "lstm", memories.mindful, (19,),
           "Twenty steps: an LSTM's long-term memory carries it back", "Veinte pasos: la memoria a largo plazo de una LSTM lo lleva hacia atrás"),
    Preset("L23", "lstm", memories.four_gates, (0,),
           "Four gates, each a small neural network, a sigmoid and a product", "Cuatro puertas, cada una una pequeña red, una sigmoide y un producto"),
    Preset("L24", "lstm", lambda: memories.told("learn", "nothing"), (0,),
           "Learn: the sigmoid selects what to learn", "Aprender: la sigmoide selecciona qué aprender"),
    Preset("L25", "lstm", lambda: memories.told("learn", "forget"), (1,),
           "Forget: part of the long-term memory is dropped", "Olvidar: se descarta parte de la memoria a largo plazo"),
    Preset("L26", "lstm", lambda: memories.told("learn", "learn"), (1,),
           "Remember: what was kept and what was learned make the new long-term memory",
           "Recordar: lo conservado y lo aprendido forman la nueva memoria a largo plazo"),
    Preset("L27", "lstm", lambda: memories.told("learn", "use"), (1,),
           "Use: from the long-term memory comes the new short-term memory, which is the output",
           "Usar: de la memoria a largo plazo sale la nueva memoria a corto plazo, que es la salida"),
    Preset("L28", "lstm", lambda: memories.told("learn", "nothing", "use", "forget"), (2,),
           "Both memories feed the next step", "Ambas memorias alimentan el paso siguiente"),
    Preset("L28", "gru", memories.single, (2,), "The same with one memory and two valves: a GRU", "Lo mismo con una memoria y dos válvulas: una GRU"),
)  # fmt: skip


def names(operation: str) -> tuple[str, ...]:
    """List the presets of an operation."""
    return tuple(preset.name for preset in PRESETS if preset.operation == operation)


def load(operation: str, name: str | None = None) -> Preset:
    """Give a preset by its name, or an operation's first.

    Raises:
        SpecError: an unknown operation or name.

    Example: ``load("convolution", "L5").trace().output`` is ``[[[14]]]``.
    """
    own = [preset for preset in PRESETS if preset.operation == operation]
    if not own:
        known = "there is no such operation" if operation not in OPERATIONS else "it has no presets, give its numbers in a file"
        raise SpecError(f"{operation} has no preset {name or 'to begin with'}: {known}")
    found = [preset for preset in own if name is None or preset.name.lower() == name.lower()]
    if not found:
        raise SpecError(f'{operation} has no preset "{name}"; expected one of {", ".join(preset.name for preset in own)}')
    return found[0]
