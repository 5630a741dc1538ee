"""Numbers brought to a common scale: by their batch (batch norm) or by their neighbours among the channels (local response norm)."""

# B batch  C channels  H height  W width

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from vitral.errors import ShapeError, SpecError
from vitral.explain.checks import inside, numbers, real, same_shape, shown, whole
from vitral.explain.trace import Array, Contributions, Moment, Operand, Place, Step, Trace, number


@dataclass(frozen=True, eq=False)
class Normalised(Moment):
    """One number of one channel."""

    place: Place
    x: Array
    channel: Array
    """All numbers of the channel, over the batch and the image: (n,)."""
    mean: Array
    variance: Array
    scale: Array
    shift: Array
    eps: float
    running: bool
    """True when mean and variance are given, False when they are the batch's own."""

    @cached_property
    def centred(self) -> Array:
        """Give (x - mean) / sqrt(variance + eps)."""
        return number((self.x - self.mean) / np.sqrt(self.variance + self.eps))

    @property
    def steps(self) -> tuple[Step, ...]:
        """Give mean, variance, the normalised number and its scale and shift."""
        values, mean, variance = Operand("x", self.channel), Operand("m", self.mean), Operand("v", self.variance)
        measured = (
            Step("mean", "m = Σ x / n", "Σ/n", (values,), mean),
            Step("variance", "v = Σ (x - m)^2 / n", "Σ/n", (values, mean), variance),
        )
        centred, result = Operand("n", self.centred), Operand("y", number(self.scale * self.centred + self.shift))
        return (
            *(() if self.running else measured),
            Step("normalise", f"n = (x - m) / sqrt(v + {self.eps:g})", "-", (Operand("x", self.x), mean, variance), centred),
            Step("scale", "y = g * n + b", "×", (Operand("g", self.scale), centred, Operand("b", self.shift)), result),
        )


@dataclass(frozen=True, eq=False)
class BatchNorm(Trace):
    """Each channel by its mean and variance. Build one with ``normalise_batch``."""

    operation: ClassVar[str] = "batch_norm"
    learned: ClassVar[tuple[str, ...]] = ("scale", "shift")
    differentiable: ClassVar[tuple[str, ...]] = ("batch", "scale", "shift")
    batch: Array
    scale: Array
    shift: Array
    mean: Array | None
    variance: Array | None
    eps: float

    @property
    def shape(self) -> Place:
        """Give the batch's own shape."""
        return self.batch.shape

    @property
    def inputs(self) -> Mapping[str, Array]:
        """Give the batch, scale and shift, and the running statistics where they are given."""
        running = {} if self.mean is None or self.variance is None else {"mean": self.mean, "variance": self.variance}
        return {"batch": self.batch, "scale": self.scale, "shift": self.shift, **running}

    @property
    def settings(self) -> Mapping[str, Any]:
        """Give eps."""
        return {"eps": self.eps}

    @cached_property
    def statistics(self) -> tuple[Array, Array]:
        """Give mean and variance of every channel, (C,) each: those given, or the batch's own (variance over n, not n - 1)."""
        if self.mean is not None and self.variance is not None:
            return self.mean, self.variance
        axes = tuple(axis for axis in range(self.batch.ndim) if axis != 1)
        return self.batch.mean(axis=axes), self.batch.var(axis=axes)

    def at(self, *place: int) -> Normalised:
        """Show one number. Raises ShapeError when there is no such place."""
        at = inside("place", place, self.shape)
        c = at[1]
        (mean, variance), channel = self.statistics, np.moveaxis(self.batch, 1, 0)[c].reshape(-1)
        scale, shift = number(self.scale[c]), number(self.shift[c])
        return Normalised(
            at, number(self.batch[at]), channel, number(mean[c]), number(variance[c]), scale, shift, self.eps, self.mean is not None
        )

    def contributions(self, name: str, place: Place) -> Contributions:
        """Through the batch's mean and variance a number touches all of its channel, not its own place alone."""
        c = place[1] if name == "batch" else place[0]
        mean, variance = (values[c] for values in self.statistics)
        inverse = 1 / np.sqrt(variance + self.eps)
        if name == "batch" and self.mean is not None:
            return Contributions(np.array([place], dtype=np.intp), np.array([self.scale[c] * inverse]), np.ones(1))
        grid = np.indices((self.shape[0], *self.shape[2:])).reshape(self.batch.ndim - 1, -1).T
        places = np.insert(grid, 1, c, axis=1)
        centred = (np.moveaxis(self.batch, 1, 0)[c].reshape(-1) - mean) * inverse
        if name != "batch":
            return Contributions(places, centred if name == "scale" else np.ones(len(places)), np.ones(len(places)))
        own = (places == np.array(place)).all(axis=1)
        n = len(places)
        local = self.scale[c] * inverse * (own - 1 / n - centred * centred[own] / n)
        return Contributions(places, local, np.ones(n))


@dataclass(frozen=True, eq=False)
class Damped(Moment):
    """One number over the strength of its neighbours."""

    place: Place
    x: Array
    neighbours: Array
    size: int
    alpha: float
    beta: float
    k: float

    @property
    def steps(self) -> tuple[Step, ...]:
        """Give the squares, their sum, the divisor and the quotient."""
        squares = Operand("q", self.neighbours**2)
        total = Operand("s", number(squares.values.sum()))
        divisor = Operand("d", number((self.k + self.alpha / self.size * total.values) ** self.beta))
        y = Operand("y", number(self.x / divisor.values))
        return (
            Step("squares", "q = x^2", "^2", (Operand("x", self.neighbours),), squares),
            Step("sum", "s = Σ q", "Σ", (squares,), total),
            Step("divisor", f"d = ({self.k:g} + {self.alpha:g} / {self.size} * s)^{self.beta:g}", "^", (total,), divisor),
            Step("quotient", "y = x / d", "/", (Operand("x", self.x), divisor), y),
        )


@dataclass(frozen=True, eq=False)
class LocalResponseNorm(Trace):
    """Each number by its neighbours among the channels. Build one with ``normalise_neighbours``."""

    operation: ClassVar[str] = "local_response_norm"
    differentiable: ClassVar[tuple[str, ...]] = ("image",)
    image: Array
    size: int
    alpha: float
    beta: float
    k: float

    @property
    def shape(self) -> Place:
        """Give the image's own shape."""
        return self.image.shape

    @property
    def inputs(self) -> Mapping[str, Array]:
        """Give the image."""
        return {"image": self.image}

    @property
    def settings(self) -> Mapping[str, Any]:
        """Give size, alpha, beta and k."""
        return {"size": self.size, "alpha": self.alpha, "beta": self.beta, "k": self.k}

    def at(self, *place: int) -> Damped:
        """Show one number. Raises ShapeError when there is no such place."""
        c, i, j = inside("place (channel, row, column)", place, self.shape)
        first, last = self._reach(c)
        return Damped((c, i, j), number(self.image[c, i, j]), self.image[first:last, i, j], self.size, self.alpha, self.beta, self.k)

    def _reach(self, c: int) -> tuple[int, int]:
        return max(0, c - self.size // 2), min(len(self.image), c + (self.size - 1) // 2 + 1)

    def contributions(self, name: str, place: Place) -> Contributions:
        """A number touches itself, and by its square every channel that counts it as a neighbour."""
        own, i, j = place
        places, local = [], []
        for c in range(len(self.image)):
            first, last = self._reach(c)
            if first <= own < last:
                strength = self.k + self.alpha / self.size * float((self.image[first:last, i, j] ** 2).sum())
                through = 2 * self.beta * self.alpha / self.size * self.image[c, i, j] * self.image[place] * strength ** (-self.beta - 1)
                places.append((c, i, j))
                local.append((c == own) * strength**-self.beta - through)
        return Contributions(np.array(places, dtype=np.intp), np.array(local), np.ones(len(local)))


def normalise_batch(
    batch: Any, scale: Any = None, shift: Any = None, *, mean: Any = None, variance: Any = None, eps: float = 1e-5
) -> BatchNorm:
    """Centre and scale each channel over the batch and the image.

    y = scale * (x - mean) / sqrt(variance + eps) + shift

    Args:
        batch: (B, C), (B, C, H, W) or any array whose second axis is the channel.
        scale: (C,); ones when left out.
        shift: (C,); zeros when left out.
        mean: (C,) running means, as a trained network uses them; the batch's own when left out.
        variance: (C,) running variances; the batch's own when left out.
        eps: added to the variance.

    Raises:
        ShapeError: no channel axis, or statistics of another number of channels.
        SpecError: mean without variance, a negative variance.

    Example: ``normalise_batch([[1.0], [3.0]], eps=0).output`` is ``[[-1], [1]]``.

    Source: Ioffe & Szegedy 2015, arXiv:1502.03167
    """
    batch = numbers("batch", batch, "")
    if batch.ndim < 2:
        raise ShapeError(f"batch must have at least 2 axes (B, C), got {shown(batch.shape)}; wrap it in one more list")
    channels = (batch.shape[1],)
    vectors = {"scale": scale, "shift": shift, "mean": mean, "variance": variance}
    read = {name: None if given is None else numbers(name, given, "C") for name, given in vectors.items()}
    for name, values in read.items():
        if values is not None:
            same_shape(name, values.shape, channels, "the batch has channels")
    if (mean is None) != (variance is None):
        missing = "mean" if mean is None else "variance"
        raise SpecError(f"{missing} is missing; running statistics are a mean and a variance, give both or neither")
    eps = real("eps", eps, 0)
    trace = BatchNorm(
        batch,
        np.ones(channels) if read["scale"] is None else read["scale"],
        np.zeros(channels) if read["shift"] is None else read["shift"],
        read["mean"],
        read["variance"],
        eps,
    )
    least = float(trace.statistics[1].min())
    if least < 0 or least + eps <= 0:
        raise SpecError(f"variance + eps must be above 0, got {least + eps:g}; use eps = 1e-5")
    return trace


def normalise_neighbours(image: Any, size: int = 5, *, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> LocalResponseNorm:
    """Divide each number by the strength of ``size`` neighbouring channels at its place.

    y[c] = x[c] / (k + alpha / size * sum over neighbours of x^2)^beta

    Args:
        image: (C, H, W).
        size: how many neighbouring channels, itself among them.
        alpha: how much the squares weigh.
        beta: the power.
        k: the number under the sum.

    Source: Krizhevsky et al. 2012; alpha over size as in torch.nn.LocalResponseNorm
    """
    image = numbers("image", image, "C H W")
    power, weight = real("beta", beta, 0), real("alpha", alpha, 0)
    return LocalResponseNorm(image, whole("size", size, 1), weight, power, real("k", k, 0, np.inf, open_ends=True))
