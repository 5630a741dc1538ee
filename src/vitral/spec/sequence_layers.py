"""The layers of networks that read sequences: texts symbol by symbol, series of numbers step by step."""

# T time  F features  D hidden units  K filters

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import WrapValidator

from vitral.errors import ShapeError
from vitral.spec.base import (
    NONE,
    Count,
    Flag,
    Layer,
    NotNegative,
    Number,
    Positive,
    Shape,
    Window,
    one_padding,
    sequence,
    slide_along,
)
from vitral.spec.weighted import Learning, Weighted

Along = Annotated[NotNegative | Literal["same"], WrapValidator(one_padding)]


class Embedding(Learning):
    """Gives every symbol a vector of its own that is learned: a table with one row a symbol."""

    kind: Literal["embedding"] = "embedding"
    size: Positive
    """How many numbers stand for one symbol."""

    def output(self, shape: Shape) -> Shape:
        return sequence(shape)[0], self.size

    def parameters(self, shape: Shape) -> Count:
        symbols = sequence(shape)[1]
        return Count(f"{symbols}x{self.size}", symbols * self.size)

    def summary(self) -> str:
        return f"{self.size} numbers a symbol"


class Recurrent(Learning):
    """A cell that reads one step at a time and hands its activation on to itself: the same weights at every step."""

    gates: ClassVar[int] = 1
    """How many small networks of ``hidden_size`` units the cell holds."""

    hidden_size: Positive
    """How many units: the size of the memory that is handed on."""
    bidirectional: Flag = False
    """Read the sequence a second time from its end, with weights of its own; twice as many numbers come out."""

    @property
    def directions(self) -> int:
        """Count the readings: 1, or 2 when bidirectional."""
        return 1 + self.bidirectional

    def output(self, shape: Shape) -> Shape:
        return sequence(shape)[0], self.hidden_size * self.directions

    def parameters(self, shape: Shape) -> Count:
        """Count W_ih (D x F), W_hh (D x D) and two biases (D each) for every gate.

        Two biases, one beside each matrix, do what one could do: cuDNN's cells and so torch's are made like this, and weights can be
        exchanged with both.
        """
        f, d = sequence(shape)[1], self.hidden_size
        text = f"{d}x({f}+{d})+2x{d}"
        value = d * (f + d) + 2 * d
        if self.gates > 1:
            text, value = f"{self.gates}x({text})", self.gates * value
        return Count(f"2x{text}" if self.gates > 1 else f"2x({text})", 2 * value) if self.bidirectional else Count(text, value)

    def multiply_adds(self, shape: Shape) -> int:
        """Count those of a whole sequence; divided by its length, those of one step."""
        t, f = sequence(shape)
        return t * self.directions * self.gates * self.hidden_size * (f + self.hidden_size)

    def window(self, shape: Shape) -> Window | None:
        return Window((sequence(shape)[0], 1), (1, 1))  # the last step has heard of all before it

    def summary(self) -> str:
        return f"{self.hidden_size} units{', both directions' if self.bidirectional else ''}"


class Rnn(Recurrent):
    """The simple recurrent cell (Elman 1990): h = f(W_ih x + b_ih + W_hh h' + b_hh)."""

    kind: Literal["rnn"] = "rnn"
    activation: Literal["tanh", "relu"] = "tanh"
    """The function f."""

    def summary(self) -> str:
        return f"{super().summary()}, {self.activation}"


class Lstm(Recurrent):
    """A cell with a long-term memory beside the short-term one, and three valves (Hochreiter & Schmidhuber 1997; Gers et al. 2000)."""

    gates: ClassVar[int] = 4

    kind: Literal["lstm"] = "lstm"
    forget_bias: Number = 0.0
    """Added to the forget gate's first bias: 1 keeps the long-term memory open at first (Jozefowicz et al. 2015)."""


class Gru(Recurrent):
    """A cell with two valves and one memory (Cho et al. 2014, arXiv:1406.1078), as torch has it: the reset acts behind W_hn."""

    gates: ClassVar[int] = 3

    kind: Literal["gru"] = "gru"


class OverTime(Layer):
    """Makes one vector of a sequence: its last step, or each feature's mean or maximum over time."""

    kind: Literal["over_time"] = "over_time"
    mode: Literal["last", "mean", "max"] = "last"
    """What is kept; the last step of a bidirectional cell is the last of one reading and the first of the other."""

    def output(self, shape: Shape) -> Shape:
        return (sequence(shape)[1],)

    def window(self, shape: Shape) -> Window | None:
        return Window((sequence(shape)[0], 1), (1, 1))

    def summary(self) -> str:
        return self.mode


class Repeat(Layer):
    """Makes a sequence of one vector by handing it to every step: one-to-many."""

    kind: Literal["repeat"] = "repeat"
    length: Positive
    """How many steps."""

    def output(self, shape: Shape) -> Shape:
        if len(shape) != 1:
            raise ShapeError(f"expected a vector, got {'x'.join(map(str, shape))}; put over_time or flatten before it")
        return self.length, shape[0]

    def summary(self) -> str:
        return f"{self.length} times"


class Convolution1d(Weighted):
    """Slides ``filters`` kernels along a sequence: shared weights in time."""

    kind: Literal["convolution_1d"] = "convolution_1d"
    filters: Positive
    """How many kernels, and so how many features come out."""
    size: Positive
    """How many neighbouring steps one position looks at."""
    stride: Positive = 1
    """How far the kernel moves from one position to the next."""
    padding: Along = 0
    """Steps of zeros before and after the sequence; "same" keeps its length (stride 1)."""

    def output(self, shape: Shape) -> Shape:
        t, _ = sequence(shape)
        if self.padding == "same":
            if self.stride != 1:
                raise ShapeError(f'padding = "same" needs stride = 1, got {self.stride}; give padding as a number')
            return t, self.filters
        return slide_along(self.size, self.stride, self.padding, t, "kernel"), self.filters

    def parameters(self, shape: Shape) -> Count:
        f = sequence(shape)[1]
        weights, text = self.filters * self.size * f, f"{self.filters}x{self.size}x{f}"
        return Count(f"{text}+{self.filters}", weights + self.filters) if self.bias else Count(text, weights)

    def multiply_adds(self, shape: Shape) -> int:
        return self.output(shape)[0] * self.filters * self.size * sequence(shape)[1]

    def window(self, shape: Shape) -> Window:
        return Window((self.size, 1), (self.stride, 1))

    def summary(self) -> str:
        stride = f" stride {self.stride}" if self.stride != 1 else ""
        pad = f" pad {self.padding}" if self.padding != 0 else ""
        return f"{self.filters}@{self.size}{stride}{pad}"


class Pooling1d(Layer):
    """Keeps the maximum or the mean of each stretch of time: the sequence gets shorter, features stay."""

    kind: Literal["pooling_1d"] = "pooling_1d"
    mode: Literal["max", "average"] = "max"
    """Keep the largest number of each stretch, or the mean."""
    size: Positive = 2
    """How many steps one stretch has; the next begins where it ends."""

    def output(self, shape: Shape) -> Shape:
        t, f = sequence(shape)
        return slide_along(self.size, self.size, 0, t, "window"), f

    def parameters(self, shape: Shape) -> Count:
        return NONE

    def window(self, shape: Shape) -> Window:
        return Window((self.size, 1), (self.size, 1))

    def summary(self) -> str:
        return f"{self.mode} {self.size}"


CAUSAL = frozenset({"embedding", "rnn", "lstm", "gru", "dense", "dropout", "scale"})
"""Kinds whose answer at a step depends on that step and those before it alone, and activations do so too."""
