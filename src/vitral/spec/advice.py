"""Advice while one designs: what usually goes wrong with a network, at which layer, and why. Advice never refuses anything."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from vitral.spec.base import pair, times, times_of, volume
from vitral.spec.experiment import Experiment, Words
from vitral.spec.layers import BatchNorm, Convolution, Dense, Pooling, Residual
from vitral.spec.sequence_layers import Recurrent
from vitral.spec.shapes import LayerReport

# Each sentence says what, then why, then what to do. {layer} and the other words in braces are filled in by the rule of that name.
SENTENCES: dict[str, tuple[str, str]] = {
    "pooling_window": (
        "a {size} pooling window throws away {lost} % of its numbers at once; windows larger than 3x3 usually give bad results: use 2x2 or 3x3",
        "una ventana de pooling de {size} descarta de golpe el {lost} % de sus números; por encima de 3x3 suele dar malos resultados: use 2x2 o 3x3",
    ),
    "pooling_stride": (
        "a pooling stride of {stride} shrinks the image too fast; strides above 2 usually give bad results: use 2 and pool once more later",
        "un stride de {stride} en el pooling reduce la imagen demasiado deprisa; por encima de 2 suele dar malos resultados: use 2 y otro pooling después",
    ),
    "pooling_average": (
        "average pooling is an alternative, but experience favours max-pooling between convolutions: train both and compare",
        "el average-pooling es una alternativa, pero la experiencia favorece el max-pooling entre convoluciones: entrene ambos y compare",
    ),
    "stride_skips": (
        "a stride of {stride} is larger than the {size} window: {lost} % of the positions are never looked at; use a stride of at most the size",
        "un stride de {stride} es mayor que la ventana de {size}: el {lost} % de las posiciones nunca se mira; use como mucho el tamaño",
    ),
    "leftover": (
        "the window of {size} in steps of {stride} does not end at the border of {sides}: {rows} rows and {columns} columns are never seen; "
        "use padding, or sizes that divide",
        "la ventana de {size} en pasos de {stride} no termina en el borde de {sides}: {rows} filas y {columns} columnas nunca se ven; "
        "use padding, o tamaños que dividan",
    ),
    "padding_beyond": (
        "padding {padding} reaches beyond the {size} kernel: the outermost positions see nothing but zeros; use at most {most}",
        "un padding de {padding} supera el kernel de {size}: las posiciones exteriores solo ven ceros; use como mucho {most}",
    ),
    "linear_pair": (
        "nothing non-linear stands between {other} and {layer}, so both together can do no more than one linear layer: put an activation between",
        "no hay nada no lineal entre {other} y {layer}, así que juntas no pueden más que una sola capa lineal: ponga una activación entre ellas",
    ),
    "bias_before_norm": (
        "the bias of {layer} is taken away again by {other}, which subtracts the mean of each channel: use bias = false",
        "el sesgo de {layer} lo anula {other}, que resta la media de cada canal: use bias = false",
    ),
    "dropout_before_norm": (
        "dropout changes the variance while training but not at test time, and {other} learns the former: put dropout after it",
        "dropout cambia la varianza al entrenar pero no al probar, y {other} aprende la primera: ponga dropout después",
    ),
    "small_batch_norm": (
        "{layer} takes its mean and variance from batches of {batch}, which is too few to be steady: use a batch_size of 16 or more",
        "{layer} toma su media y varianza de lotes de {batch}, demasiado pocos para ser estables: use un batch_size de 16 o más",
    ),
    "small_field": (
        "a position of {layer} sees {field} of the {sides} pixels: what is larger only the layers after it can put together; "
        "add a convolution, or a pooling earlier",
        "una posición de {layer} ve {field} de los {sides} píxeles: lo que sea mayor solo pueden componerlo las capas siguientes; "
        "añada una convolución, o un pooling antes",
    ),
    "heavy_dense": (
        "{layer} holds {share} % of all parameters ({count}): it will learn by heart first; pool more before it, or use global_pooling",
        "{layer} tiene el {share} % de todos los parámetros ({count}): será la primera en memorizar; reduzca más antes, o use global_pooling",
    ),
    "last_activation": (
        "{kind} at the end bends the scores that the {loss} loss reads, so that some classes cannot be told apart: leave the last layer linear",
        "{kind} al final deforma las puntuaciones que lee la función de pérdida {loss}, y algunas clases no podrán distinguirse: deje lineal la última capa",
    ),
    "last_dropout": (
        "dropout at the end zeroes whole scores while training: put it before the last dense layer",
        "dropout al final anula puntuaciones enteras al entrenar: póngalo antes de la última capa densa",
    ),
    "vanishing": (
        "{count} sigmoid layers make gradients shrink on their way back, since a sigmoid's slope is at most 1/4: use relu, or batch_norm before each",
        "{count} capas sigmoid encogen los gradientes en su camino de vuelta, pues la pendiente de una sigmoide es como mucho 1/4: use relu, o batch_norm antes",
    ),
    "zero_start": (
        "{layer} starts with all weights at zero, so no gradient passes through it at first: use zero only at the end of a residual block",
        "{layer} empieza con todos los pesos a cero, y ningún gradiente la atraviesa al principio: use zero solo al final de un bloque residual",
    ),
    "long_memory": (
        "a gradient fades on its way back through {length} steps of a simple recurrent cell, so that it learns only from the last few: use lstm or gru",
        "un gradiente se desvanece al volver por {length} pasos de una celda recurrente simple, que solo aprende de los últimos: use lstm o gru",
    ),
    "no_clip": (
        "through time a gradient can also explode, all at once, and nothing holds it here: use training.clip = 5",
        "a través del tiempo un gradiente también puede explotar, de golpe, y aquí nada lo frena: use training.clip = 5",
    ),
    "high_learning_rate": (
        "a learning rate of {rate} is high for {kind}, which usually diverges above {limit}: start with {start}",
        "una tasa de aprendizaje de {rate} es alta para {kind}, que suele divergir por encima de {limit}: empiece con {start}",
    ),
    "low_learning_rate": (
        "a learning rate of {rate} is low for {kind}, which finds the size of its steps itself and expects about {start}",
        "una tasa de aprendizaje de {rate} es baja para {kind}, que calcula el tamaño de sus pasos y espera alrededor de {start}",
    ),
}

SOURCES = {
    "pooling_window": "lecture L11",
    "pooling_stride": "lecture L11",
    "pooling_average": "lecture L11",
    "bias_before_norm": "arXiv:1502.03167, section 3.2",
    "dropout_before_norm": "arXiv:1801.05134",
    "small_batch_norm": "arXiv:1803.08494",
    "long_memory": "lecture L22",
    "no_clip": "arXiv:1211.5063",
}

LIMITS = {
    "sgd": (1.0, 0.1),
    "momentum": (0.5, 0.05),
    "nesterov": (0.5, 0.05),
    "adagrad": (0.3, 0.01),
    "rmsprop": (0.03, 0.001),
    "adadelta": (5.0, 1.0),
    "adam": (0.03, 0.001),
    "adamw": (0.03, 0.001),
    "muon": (0.5, 0.05),
}
"""The learning rate above which each optimiser usually diverges, and one to start with."""

LONG = 30
"""How many steps a simple recurrent cell's gradient survives at best."""

BENDING = {"relu", "sigmoid", "tanh", "gelu", "silu", "elu", "softplus", "leaky_relu", "maxout"}


@dataclass(frozen=True)
class Advice:
    """One piece of advice. ``number`` and ``layer`` name the layer (None for the training), ``layer`` as ``block1.conv2`` inside a block.

    ``code`` stays the same in every language; ``text`` is the sentence in Spanish and English; ``source`` says where the advice
    comes from, where that is somebody's.
    """

    code: str
    number: int | None
    layer: str | None
    text: Words
    source: str = ""


def advise(experiment: Experiment) -> tuple[Advice, ...]:
    """Look for what usually goes wrong.

    Example:
        A 5x5 pooling window gives the code ``pooling_window`` at that layer, with the lecture's reason (L11).
    """
    found = [*_layers(experiment.network.reports, experiment, "", None), *_whole(experiment), *_time(experiment), *_rate(experiment)]
    return tuple(sorted(found, key=lambda advice: advice.number or 10**6))


def _say(code: str, number: int | None, layer: str | None, **words: object) -> Advice:
    en, es = SENTENCES[code]
    words = {"layer": layer, **words}
    return Advice(code, number, layer, Words(en=en.format(**words), es=es.format(**words)), SOURCES.get(code, ""))


def _layers(reports: tuple[LayerReport, ...], experiment: Experiment, prefix: str, top: int | None) -> Iterator[Advice]:
    """Advise on each layer and its neighbours; ``prefix`` and ``top`` name the residual block they are in."""
    linear: str | None = None  # the last weighted layer, while all after it was linear
    for position, report in enumerate(reports):
        layer, name, number = report.layer, prefix + report.name, top or report.number
        after = reports[position + 1] if position + 1 < len(reports) else None
        if isinstance(layer, Residual):
            yield from _layers(report.inner, experiment, f"{name}.", number)
            linear = None  # what it was given is added again, so nothing collapses
        elif isinstance(layer, Convolution | Dense):
            if linear and not (isinstance(layer, Convolution) and layer.groups > 1):
                yield _say("linear_pair", number, name, other=linear)
            linear = None if isinstance(layer, Convolution) and layer.groups > 1 else name
            norm = next((r for r in reports[position + 1 :] if not isinstance(r.layer, Pooling)), None)
            if layer.bias and norm and isinstance(norm.layer, BatchNorm):
                yield _say("bias_before_norm", number, name, other=prefix + norm.name)
            if layer.init == "zero" and not prefix and after and layer.learning_rate_factor:
                yield _say("zero_start", number, name)
        elif layer.kind in BENDING or layer.kind == "local_response_norm" or (isinstance(layer, Pooling) and layer.mode == "max"):
            linear = None
        if layer.kind == "dropout" and after and isinstance(after.layer, BatchNorm):
            yield _say("dropout_before_norm", number, name, other=prefix + after.name)
        if isinstance(layer, BatchNorm) and experiment.training.batch_size < 8:
            yield _say("small_batch_norm", number, name, batch=experiment.training.batch_size)
        if isinstance(layer, Convolution | Pooling):
            yield from _window(report, layer, number, name)


def _window(report: LayerReport, layer: Convolution | Pooling, number: int, name: str) -> Iterator[Advice]:
    """Advise on how a window goes over its image."""
    window = layer.window(report.input)
    size, stride, sides = window.size, window.stride, (report.input[1], report.input[2])
    padding = (0, 0) if layer.padding == "same" else pair(layer.padding)
    if isinstance(layer, Pooling):
        if max(size) > 3:
            yield _say("pooling_window", number, name, size=times(size), lost=round(100 - 100 / volume(size)))
        if max(stride) > 2:
            yield _say("pooling_stride", number, name, stride=_both(stride))
        if layer.mode == "average":
            yield _say("pooling_average", number, name)
    skips = [max(0, step - extent) for step, extent in zip(stride, size, strict=True)]
    if any(skips) and (report.output[1] > 1 or report.output[2] > 1):
        seen = math.prod(min(1.0, extent / step) for extent, step in zip(size, stride, strict=True))
        yield _say("stride_skips", number, name, stride=_both(stride), size=times(size), lost=round(100 - 100 * seen))
    left = [
        max(0, (side + 2 * rings - extent) % step - rings) for side, rings, extent, step in zip(sides, padding, size, stride, strict=True)
    ]
    if layer.padding != "same" and any(left) and not any(skips):
        yield _say("leftover", number, name, size=times(size), stride=_both(stride), sides=times(sides), rows=left[0], columns=left[1])
    if any(rings >= extent for rings, extent in zip(padding, size, strict=True)):
        most = (size[0] - 1, size[1] - 1)
        yield _say("padding_beyond", number, name, padding=_both(padding), size=times(size), most=_both(most))


def _whole(experiment: Experiment) -> Iterator[Advice]:
    """Advise on the network as a whole: what it sees, where its parameters are, how it ends."""
    network = experiment.network
    reports = network.reports
    last = reports[-1]
    spatial = [report for report in reports if len(report.output) == 3]
    if spatial and len(last.output) == 1 and any(isinstance(r.layer, Convolution | Residual) for r in spatial):
        end, (_, height, width) = spatial[-1], network.image
        if end.field[0] < height or end.field[1] < width:
            yield _say("small_field", end.number, end.name, field=times_of(end.seen(network.shape)), sides=times((height, width)))
    for report in reports:
        share = report.parameters.value / max(1, network.num_parameters)
        if isinstance(report.layer, Dense) and share > 0.9 and spatial:
            yield _say("heavy_dense", report.number, report.name, share=round(100 * share), count=f"{report.parameters.value:,}")
    if network.loss.kind != "regression" and last.layer.kind in BENDING - {"maxout"}:
        yield _say("last_activation", last.number, last.name, kind=last.layer.kind, loss=network.loss.kind)
    if last.layer.kind == "dropout":
        yield _say("last_dropout", last.number, last.name)
    bent = [report for report in reports if report.layer.kind == "sigmoid"]
    if len(bent) > 2 and not any(isinstance(r.layer, BatchNorm | Residual) for r in reports):
        yield _say("vanishing", bent[-1].number, bent[-1].name, count=len(bent))


def _time(experiment: Experiment) -> Iterator[Advice]:
    """Advise on what happens to gradients on their way back through time."""
    cells = [report for report in experiment.network.reports if isinstance(report.layer, Recurrent)]
    for report in cells:
        if report.layer.kind == "rnn" and report.input[0] > LONG:
            yield _say("long_memory", report.number, report.name, length=report.input[0])
    if cells and experiment.training.clip is None:
        yield _say("no_clip", None, None)


def _rate(experiment: Experiment) -> Iterator[Advice]:
    """Advise on the learning rate."""
    optimiser = experiment.training.optimiser
    limit, start = LIMITS[optimiser.kind]
    rate = optimiser.learning_rate
    if rate > limit:
        yield _say("high_learning_rate", None, None, rate=f"{rate:g}", kind=optimiser.kind, limit=f"{limit:g}", start=f"{start:g}")
    if optimiser.kind == "adadelta" and rate < 0.05:
        yield _say("low_learning_rate", None, None, rate=f"{rate:g}", kind=optimiser.kind, start=f"{start:g}")


def _both(value: tuple[int, int]) -> str:
    return str(value[0]) if value[0] == value[1] else times(value)
