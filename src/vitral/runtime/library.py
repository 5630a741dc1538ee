"""What ``import vitral`` offers: the same things as the command line, and a look into any model of one's own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vitral import settings
from vitral.events import Evaluated, Event, RunStarted
from vitral.runtime.choice import choose
from vitral.spec.experiment import Experiment
from vitral.spec.table import Description
from vitral.spec.table import describe as lay_out

if TYPE_CHECKING:
    from torch import nn

    from vitral.nets.net import Net
    from vitral.probe.watch import Watch
    from vitral.runtime.finished import Answer, Finished
    from vitral.store.states import State


def fit(
    experiment: str | Path | Experiment = "default",
    *,
    epochs: int | None = None,
    steps: int | None = None,
    seed: int | None = None,
    sets: Sequence[str] = (),
    device: str = "auto",
    workspace: Path | None = None,
) -> Trained:
    """Train a network to the end and give it back; the run is kept in the workspace like any other.

    Args:
        experiment: a name of the zoo, the path of a TOML or JSON file, or an Experiment.
        epochs: how long to train, in place of what the experiment says.
        steps: the same, in optimiser steps; not together with epochs.
        seed: the seed of everything random.
        sets: changes such as ``training.batch_size=64``.
        device: "auto", "cpu" or "cuda".
        workspace: the folder of runs; by default as the setting VITRAL_WORKSPACE says.

    Raises:
        SpecError: no such experiment, or one that says something impossible.
        ShapeError: layers or data that do not fit one another.
        DataError: the data cannot be had.
        StoreError: the workspace cannot be written.
    Example:
        ``vitral.fit("digits", epochs=2).accuracy`` is about 0.95.
    """
    told = stream(experiment, epochs=epochs, steps=steps, seed=seed, sets=sets, device=device, workspace=workspace)
    run = next(event.run for event in told if isinstance(event, RunStarted))
    for _ in told:
        pass
    return load(run, device=device, workspace=workspace)


def stream(
    experiment: str | Path | Experiment = "default",
    *,
    epochs: int | None = None,
    steps: int | None = None,
    seed: int | None = None,
    sets: Sequence[str] = (),
    device: str = "auto",
    workspace: Path | None = None,
) -> Iterator[Event]:
    """Train a network one event at a time: RunStarted, then a BatchDone a step, EpochDone, Evaluated, Checkpointed, and RunEnded.

    Not asking for the next event is a pause. A loop that is left early ends the run as interrupted, with a checkpoint. Arguments and
    errors are those of ``fit``; the experiment is checked now, the data are loaded at the first event.

    Example:
        ``[event.loss for event in vitral.stream("digits", steps=3) if event.kind == "batch_done"]`` are three losses near 2.3 nats.
    """
    chosen = choose(experiment, sets, epochs=epochs, steps=steps, seed=seed)

    def adapt(substitute: Experiment) -> Experiment:
        return choose(substitute, epochs=epochs, steps=steps, seed=seed)

    def live() -> Iterator[Event]:
        from vitral.runtime.run import start

        with start(chosen, workspace=workspace or settings.workspace(), device=device, adapt=adapt) as run:
            yield from run.events()

    return live()


def load(run: str = "last", *, device: str = "auto", workspace: Path | None = None) -> Trained:
    """Take a trained network out of its run.

    Args:
        run: the id, the beginning of it, or ``last``.
        device: "auto", "cpu" or "cuda".
        workspace: the folder of runs; by default as the setting VITRAL_WORKSPACE says.

    Raises:
        StoreError: no such run, or none of its checkpoints is whole.
    Example:
        ``vitral.load("last").predict("cat.jpg")[0].name``
    """
    from vitral.runtime.finished import finished

    place = workspace or settings.workspace()
    return Trained(finished(run, workspace=place, device=device), place)


def describe(experiment: str | Path | Experiment = "default", sets: Sequence[str] = ()) -> Description:
    """Lay out an experiment as rows with totals, memory and advice, without loading torch.

    Raises:
        SpecError: no such experiment, or one that says something impossible.
        ShapeError: layers that do not fit one another.
    Example:
        ``vitral.describe("default").rows[1].parameters`` is ``16x5x5x3+16 = 1216``.
    """
    return lay_out(choose(experiment, sets))


def watch(
    model: nn.Module,
    layers: str | Iterable[str] | None = None,
    *,
    every: int = 1,
    rate: float | None = None,
    share: float | None = None,
    live: bool = False,
    **settings: Any,
) -> Watch:
    """See what goes on inside a model of one's own while it learns, in one's own training loop; the training keeps its bits.

    Args:
        model: any torch module.
        layers: names or patterns such as "features.*"; all that compute something by default.
        every: look at each so many-th step.
        rate: but at most so many times a second.
        share: and never so often that looking takes more than this share of the time.
        live: show it on the page, whose link is printed; ``rate`` is 10 and ``share`` 0.025 then where nothing else is asked for.
        settings: what, limit, example, keep and passes, as ``vitral.probe.watch`` describes them.

    Returns:
        A context manager that gives a ``Seen``.
    Raises:
        SpecError: no such layer, or a setting that makes no sense.
        StoreError: the page could not be opened.
    Example:
        ``with vitral.watch(model, rate=10) as seen: train(model)``, then ``seen["conv1"].activation.figures.max``.
    """
    from vitral.probe import watch as probe

    if not live:
        return probe.watch(model, layers, every=every, rate=rate, share=share, **settings)
    from vitral.runtime.live import RATE, SHARE, Live

    watch = probe.watch(model, layers, every=every, rate=rate or RATE, share=share or SHARE, **settings)
    watch.show_to(audience := Live(model))
    print(f"Vitral shows {type(model).__name__} at {audience.link}", flush=True)  # noqa: T201 - into the script's own output, or the notebook's
    return watch


class Trained:
    """A run whose network can be used: ``id``, ``experiment``, ``net`` (a torch.nn.Module) and ``classes``."""

    def __init__(self, trained: Finished, workspace: Path) -> None:
        self._trained = trained
        self._workspace = workspace
        self.id: str = trained.id
        self.experiment: Experiment = trained.experiment
        self.net: Net = trained.net
        self.classes: tuple[str, ...] = trained.classes

    def __repr__(self) -> str:
        return f"Trained({self.id!r}, state={self.state!r}, accuracy={self.accuracy})"

    @property
    def state(self) -> State:
        """How the run stands: "finished", "interrupted", "diverged", or "running" in another process."""
        from vitral.runtime.workspace import find

        return find(self._workspace, self.id).state

    @property
    def history(self) -> list[Event]:
        """Every event of the run, from its first step on."""
        from vitral.runtime.workspace import events

        return events(self._workspace, self.id)

    @property
    def accuracy(self) -> float | None:
        """The share of test images named rightly at the last measurement with one look at each; None before, and for a regression."""
        measured = [event for event in self.history if isinstance(event, Evaluated) and event.views == "one"]
        return measured[-1].accuracy if measured else None

    def evaluate(self, what: str = "") -> Evaluated:
        """Measure on the whole test set: "one" look at each image, or "flip" for the mean of the image and its mirror image.

        Of a text it is "test", "validation" or "train", the part that is measured.

        Raises:
            DataError: the data cannot be had, or are not those that the network was trained with.
        """
        return self._trained.evaluate(what)

    def predict(self, thing: str | Path, *, top: int = 3) -> tuple[Answer, ...]:
        """Name a picture, or a sequence such as a word: the likeliest classes with ``name`` and ``probability``, the likeliest first.

        Raises:
            DataError: it cannot be read, or the network knows no classes.
        """
        return self._trained.predict([thing], top=top)[0].answers

    def write(
        self,
        prime: str | None = None,
        *,
        length: int = 500,
        temperature: float = 0.8,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int = 0,
    ) -> str:
        """Let a network that has learned a text write one, and give what it wrote behind ``prime``.

        Args:
            prime: what it reads first; by default the prompt of the run's own samples, or a line end.
            length: how many characters, or bytes.
            temperature: below 1 what is likely gets likelier, above 1 rarer things get their turn; 0 takes the likeliest each time.
            top_k: draw among so many likeliest symbols only.
            top_p: draw among the fewest symbols that have this probability together.
            seed: the same one writes the same text.

        Raises:
            DataError: the network reads no text, or never met a symbol of the prime.
            SpecError: a number out of range.
        Example:
            ``vitral.load("last").write("It was", length=80)``
        """
        from vitral.generate.choose import Choice
        from vitral.runtime.written import Author

        author = Author(self._trained)
        written = author.write(author.beginning(prime), length, Choice(temperature, top_k, top_p), seed=seed)
        return author.vocabulary.decode([one.symbol for one in written])
