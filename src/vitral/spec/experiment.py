"""An experiment: data, augmentation, network, training and seed, in one value that a TOML file holds."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from vitral.spec.base import Amount, Positive, Rate, Share, Spec
from vitral.spec.network import Network


class Data(Spec):
    """Where the examples come from and how their pixels become numbers."""

    source: Annotated[str, Field(min_length=1, max_length=4096)]
    """A name of ``vitral data list``, or the path of a folder, zip, CSV or NumPy file."""
    normalise: Literal["centred", "unit", "standard"] = "standard"
    """centred: p/255 - 0.5; unit: p/255; standard: (p/255 - mean) / deviation of the training set, each channel."""
    train_size: Positive | None = None
    """Use only the first so many training examples."""
    test_size: Positive | None = None
    """Use only the first so many test examples."""
    otherwise: str | None = None
    """The experiment of the zoo that runs instead where the data cannot be had (no network)."""


class Augmentation(Spec):
    """How a training image is varied each time it is met. Every draw belongs to (seed, epoch, example): the batch plays no part."""

    flip: Literal["none", "random", "alternating"] = "none"
    """Mirror left and right: each time with probability 1/2, or in every other epoch (a first random draw per image, then in turn)."""
    shift: Annotated[int, Field(ge=0, le=64)] = 0
    """Move by up to so many pixels both ways, uniformly."""
    fill: Literal["zero", "reflect"] = "zero"
    """What appears at the border after a shift; zero means a black pixel of the normalised scale's zero."""
    cutout: Annotated[int, Field(ge=0, le=256)] = 0
    """Blank a square of so many pixels at a random place (DeVries & Taylor 2017, arXiv:1708.04552)."""


class Optimiser(Spec):
    """How gradients move the weights. All of them run in torch.optim; fields that a kind does not use must keep their default."""

    kind: Literal["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adadelta", "adam", "adamw", "muon"] = "adamw"
    learning_rate: Rate = 1e-3
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """Of momentum, nesterov, rmsprop and muon."""
    rho: Annotated[float, Field(ge=0, lt=1)] = 0.95
    """Decay of adadelta's and rmsprop's running squares."""
    betas: tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]] = (0.9, 0.999)
    """Decay of adam's and adamw's running means."""
    eps: Rate = 1e-8
    others: Optimiser | None = None
    """Muon moves matrices (kernels and dense weights) only: this one moves the rest; by default adamw."""


class Schedule(Spec):
    """How the learning rate goes from step to step, as a factor of the optimiser's own."""

    kind: Literal["constant", "step", "cosine", "linear", "one_cycle"] = "constant"
    warm_up: Share = 0.0
    """Share of all steps in which the factor rises linearly from ``start`` to 1."""
    start: Share = 0.0
    """The factor at step 0 when there is a warm-up."""
    final: Share = 0.0
    """The factor after the last step, for cosine, linear and one_cycle."""
    every: Positive = 30
    """For step: multiply by ``gamma`` after each so many epochs."""
    gamma: Share = 0.1


class Training(Spec):
    """How long, how fast and with what restraint a network learns."""

    epochs: Positive | None = None
    steps: Positive | None = None
    """Give epochs or steps, not both; 10 epochs by default."""
    batch_size: Annotated[int, Field(ge=1, le=65536)] = 128
    optimiser: Optimiser = Optimiser()
    schedule: Schedule = Schedule()
    l1_decay: Amount = 0.0
    """Adds l1_decay * sum |w| to the loss (weights, not biases)."""
    l2_decay: Amount = 0.0
    """Adds l2_decay / 2 * sum w^2 to the loss (weights, not biases); for adamw and muon the decoupled decay."""
    clip: Rate | None = None
    """Scale the whole gradient down to this length when it is longer."""
    average: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Decay of an exponential moving average of the weights (EMA), which is then what is evaluated; 0 for none."""
    evaluate_every: Positive = 1
    """Measure on the whole test set after each so many epochs, and after the last."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    memory_format: Literal["auto", "contiguous", "channels_last"] = "auto"

    @model_validator(mode="before")
    @classmethod
    def _epochs_or_steps(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("epochs") is None and values.get("steps") is None:
            return {**values, "epochs": 10}
        if isinstance(values, dict) and values.get("epochs") is not None and values.get("steps") is not None:
            raise ValueError("give epochs or steps, not both")
        return values


class Words(Spec):
    """The same sentence in Spanish and in English."""

    es: str = ""
    en: str = ""


class Experiment(Spec):
    """All that decides a run: the same experiment and seed on the same machine give the same weights, bit for bit."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    title: Words = Words()
    data: Data
    augmentation: Augmentation = Augmentation()
    network: Network
    training: Training = Training()
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0

    @model_validator(mode="after")
    def _fits(self) -> Self:
        self.network.reports  # noqa: B018 - raises ShapeError naming the layer
        return self
