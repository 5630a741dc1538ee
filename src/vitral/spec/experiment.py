"""An experiment: data, augmentation, network, training and seed, in one value that a TOML file holds."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from vitral.errors import SpecError
from vitral.spec.base import Amount, Fraction, NotNegative, Number, Positive, Rate, Share, Spec, short
from vitral.spec.network import Network

Text = Annotated[str, Field(max_length=4096)]


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
    symbols: Literal["characters", "bytes"] = "characters"
    """Of a text: what one symbol is. bytes takes any file as it is."""
    split: tuple[Share, Share, Share] = (0.8, 0.1, 0.1)
    """Of a text: which shares of it, from its beginning on, are learned from, watched while learning, and tested on at the end."""
    validation: Text | None = None
    """Of a text: a file of its own to watch while learning, in place of a share of the source."""
    test: Text | None = None
    """Of a text: a file of its own to test on at the end, in place of a share of the source."""
    otherwise: Text | None = None
    """The experiment of the zoo that runs instead where the data cannot be had (no network)."""

    @model_validator(mode="after")
    def _shares(self) -> Self:
        if self.split[0] == 0 or abs(sum(self.split) - 1) > 1e-9:
            shares = ", ".join(f"{share:g}" for share in self.split)
            raise ValueError(
                f"expected three shares with the sum 1 of which the first is not 0, got split = [{shares}]; as [0.8, 0.1, 0.1]"
            )
        return self


class Augmentation(Spec):
    """How a training image is varied each time it is met. Every draw belongs to (seed, epoch, example): the batch plays no part."""

    flip: Literal["none", "random", "alternating"] = "none"
    """Mirror left and right: each time with probability 1/2, or in every other epoch (a first random draw per image, then in turn)."""
    shift: Annotated[int, Field(ge=0, le=64, strict=True)] = 0
    """Move by up to so many pixels both ways, uniformly."""
    fill: Literal["zero", "reflect"] = "zero"
    """What appears at the border after a shift; zero means a black pixel of the normalised scale's zero."""
    cutout: Annotated[int, Field(ge=0, le=256, strict=True)] = 0
    """Blank a square of so many pixels at a random place (DeVries & Taylor 2017, arXiv:1708.04552)."""


class Choice(Spec):
    """A part whose ``kind`` decides which of its fields have a meaning; the others must keep their default."""

    uses: ClassVar[dict[str, tuple[str, ...]]] = {}
    """The kinds that use a field, for the fields that not all kinds use."""

    kind: str

    @model_validator(mode="after")
    def _unused(self) -> Self:
        fields = type(self).model_fields
        for name, kinds in type(self).uses.items():
            if self.kind not in kinds and getattr(self, name) != fields[name].default:
                raise ValueError(
                    f'with kind "{self.kind}" has no use for {name} = {short(getattr(self, name))} '
                    f"(only {', '.join(kinds)} has); leave {name} out"
                )
        return self


class Optimiser(Choice):
    """How gradients move the weights. All of them run in torch.optim; fields that a kind does not use must keep their default."""

    uses: ClassVar = {
        "momentum": ("momentum", "nesterov", "rmsprop", "muon"),
        "rho": ("adadelta", "rmsprop"),
        "betas": ("adam", "adamw"),
        "eps": ("adagrad", "rmsprop", "adadelta", "adam", "adamw"),
        "orthogonal_steps": ("muon",),
        "adjust": ("muon",),
        "others": ("muon",),
    }

    kind: Literal["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adadelta", "adam", "adamw", "muon"] = "adamw"
    """Which rule."""
    learning_rate: Rate = 1e-3
    """How far one step goes, before the schedule's factor."""
    momentum: Fraction = 0.9
    """Share of the last step that is kept in this one. Of momentum, nesterov, rmsprop and muon."""
    rho: Fraction = 0.95
    """Decay of adadelta's and rmsprop's running squares."""
    betas: tuple[Fraction, Fraction] = (0.9, 0.999)
    """Decay of adam's and adamw's running means."""
    eps: Rate = 1e-8
    """Added to the divisor, so that nothing is divided by zero; of adagrad, rmsprop, adadelta, adam and adamw."""
    orthogonal_steps: Annotated[int, Field(ge=1, le=20, strict=True)] = 5
    """Of muon: how many Newton-Schulz steps bring each update near an orthogonal matrix."""
    adjust: Literal["original", "match_rms_adamw"] = "original"
    """Of muon: scale each update by sqrt(max(1, rows/columns)), or to the size that adamw's updates have."""
    others: Optimiser | None = None
    """Muon moves the kernels and the dense weights of all layers but the last; this one moves the rest (adamw by default)."""

    @model_validator(mode="after")
    def _one_muon(self) -> Self:
        if self.others is not None and self.others.kind == "muon":
            raise ValueError('expected an optimiser for what muon cannot move, got others.kind = "muon"; use adamw or nesterov there')
        return self


class Schedule(Choice):
    """How the learning rate goes from step to step, as a factor of the optimiser's own."""

    uses: ClassVar = {"final": ("cosine", "linear", "one_cycle"), "every": ("step",), "gamma": ("step",), "after": ("step",)}

    kind: Literal["constant", "step", "cosine", "linear", "one_cycle"] = "constant"
    """The curve after the warm-up; one_cycle is a warm-up and a cosine down."""
    warm_up: Share = 0.0
    """Share of all steps in which the factor rises linearly from ``start`` to 1."""
    start: Share = 0.0
    """The factor at step 0 when there is a warm-up."""
    final: Share = 0.0
    """The factor after the last step, for cosine, linear and one_cycle."""
    every: Positive = 30
    """For step: multiply by ``gamma`` after each so many epochs."""
    gamma: Share = 0.1
    """The factor that step multiplies by."""
    after: NotNegative = 0
    """For step: so many epochs pass before it begins to count."""


class Samples(Spec):
    """Texts that the network writes while it learns: always from the same prompt and seed, so that they can be compared."""

    at: Annotated[tuple[Positive, ...], Field(max_length=1000)] = (100, 300, 700, 2000)
    """After which steps, as the lecture shows them."""
    every: Positive | None = None
    """And after each so many steps."""
    prompt: Text = ""
    """What the network reads first; the first line of the text when left out."""
    length: Annotated[int, Field(ge=1, le=100_000, strict=True)] = 300
    """How many symbols it writes."""
    temperature: Amount = 0.8
    """Divides the scores: below 1 it writes what is likely, above 1 it dares more; 0 takes the likeliest symbol each time."""
    top_k: Positive | None = None
    """Choose among so many likeliest symbols only."""
    top_p: Annotated[Number, Field(gt=0, le=1)] | None = None
    """Choose among the likeliest symbols that have this probability together (nucleus sampling, arXiv:1904.09751)."""
    seed: Annotated[int, Field(ge=0, lt=2**63, strict=True)] = 0
    """Of the draws."""

    def due(self, step: int) -> bool:
        """Say whether a text is written after this step."""
        return step in self.at or (self.every is not None and step % self.every == 0)


class Training(Spec):
    """How long, how fast and with what restraint a network learns."""

    epochs: Positive | None = None
    """How many times the whole training set is seen."""
    steps: Positive | None = None
    """Give epochs or steps, not both; 10 epochs by default."""
    batch_size: Annotated[int, Field(ge=1, le=65536, strict=True)] = 128
    """How many examples one step learns from."""
    optimiser: Optimiser = Optimiser()
    """How gradients move the weights."""
    schedule: Schedule = Schedule()
    """How the learning rate goes from step to step."""
    l1_decay: Amount = 0.0
    """Adds l1_decay * sum |w| to the loss (weights, not biases)."""
    l2_decay: Amount = 0.0
    """Adds l2_decay / 2 * sum w^2 to the loss (weights, not biases); for adamw and muon the decoupled decay."""
    clip: Rate | None = None
    """Scale the whole gradient down to this length when it is longer."""
    average: Fraction = 0.0
    """Decay of an exponential moving average of the weights (EMA), which is then what is evaluated; 0 for none."""
    evaluate_every: Positive = 1
    """Measure on the whole test set after each so many epochs, and after the last."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Of the numbers that flow through the layers; auto takes what the device is fast at, weights are float32 always."""
    memory_format: Literal["auto", "contiguous", "channels_last"] = "auto"
    """How images lie in memory; auto takes what the device is fast at."""
    samples: Samples = Samples()
    """What a network that reads a text writes while it learns."""

    @model_validator(mode="before")
    @classmethod
    def _epochs_or_steps(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("epochs") is None and values.get("steps") is None:
            return {**values, "epochs": 10}
        if isinstance(values, dict) and values.get("epochs") is not None and values.get("steps") is not None:
            raise ValueError("has both epochs and steps; give one of them")
        return values


class Words(Spec):
    """The same sentence in Spanish and in English."""

    es: Text = ""
    """In Spanish."""
    en: Text = ""
    """In English."""


class Experiment(Spec):
    """All that decides a run: the same experiment and seed on the same machine give the same weights, bit for bit."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    """What its runs are called after."""
    title: Words = Words()
    """One sentence for people."""
    data: Data
    """What is learned from."""
    augmentation: Augmentation = Augmentation()
    """How training images are varied."""
    network: Network
    """What learns."""
    training: Training = Training()
    """How it learns."""
    seed: Annotated[int, Field(ge=0, lt=2**63, strict=True)] = 0
    """Where all random draws start: weights, order of the examples, augmentation, dropout."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        self.network.reports  # noqa: B018 - raises ShapeError naming the layer
        if self.reads_sequences:
            if self.augmentation != Augmentation():
                raise SpecError("augmentation varies images, but the network reads sequences; leave augmentation out")
            return self
        side = min(self.network.image[1:])
        for name in ("shift", "cutout"):
            if (value := getattr(self.augmentation, name)) >= side:
                h, w = self.network.image[1:]
                raise SpecError(f"augmentation.{name} = {value} leaves nothing of a {h}x{w} image; use less than {side}")
        return self

    @property
    def reads_sequences(self) -> bool:
        """Say whether the network reads texts or series instead of images."""
        return not isinstance(self.network.input, tuple)
