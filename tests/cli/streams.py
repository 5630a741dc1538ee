"""Made-up runs, event by event, for the displays' tests: one that learns images, one that learns a text."""

import dataclasses
from collections.abc import Iterator

from vitral.events import BatchDone, Checkpointed, EpochDone, Evaluated, Event, RunEnded, RunStarted, SampleWritten


def start(num_steps: int = 20) -> RunStarted:
    return RunStarted(
        step=0,
        run="default-20261123-184503-001",
        experiment="default",
        seed=0,
        device="cpu",
        precision="bfloat16",
        memory_format="channels_last",
        num_threads=2,
        num_parameters=22466,
        num_train=1280,
        num_test=1000,
        num_steps=num_steps,
        steps_per_epoch=10,
        batch_size=128,
        data="cifar10",
        data_sha256="0" * 64,
        versions={},
    )


def batch(step: int, *, loss: float = 1.0, num_correct: int | None = 64) -> BatchDone:
    return BatchDone(
        step=step,
        epoch=1 + (step - 1) // 10,
        loss=loss,
        penalty=0.0,
        num_correct=num_correct,
        num_examples=128,
        learning_rate=0.005,
        seconds=0.01,
    )


def evaluated(step: int, accuracy: float | None = 0.61) -> Evaluated:
    known = accuracy is not None
    return Evaluated(
        step=step,
        epoch=step // 10,
        split="test",
        views="one",
        num_examples=1000,
        loss=1.1,
        num_correct=610 if known else None,
        accuracy=accuracy,
        low=0.58 if known else None,
        high=0.64 if known else None,
        confusion=((610, 390), (0, 0)) if known else None,
        seconds=0.1,
    )


def run(num_steps: int = 20, *, outcome: str = "finished") -> Iterator[Event]:
    yield start(num_steps)
    for step in range(1, num_steps + 1):
        yield batch(step, loss=2.5 - step / 10)
        if step % 10 == 0:
            yield EpochDone(step=step, epoch=step // 10, loss=1.5, accuracy=0.5, num_examples=1280, seconds=0.1)
            yield evaluated(step)
            yield Checkpointed(step=step, file="x.safetensors", num_bytes=182_333, seconds=0.01)
    yield RunEnded(step=num_steps, outcome=outcome, seconds=72.0)


def sample(step: int, text: str, prompt: str = "She said: ") -> SampleWritten:
    return SampleWritten(step=step, prompt=prompt, text=text, temperature=0.8, top_k=None, top_p=None, seed=0, seconds=0.1)


def text_run(num_steps: int = 20, *, written: str = "it was the best of times\n" * 20) -> Iterator[Event]:
    yield dataclasses.replace(start(num_steps), unit="characters", data="war-and-peace", num_train=2_600_000, num_test=325_825)
    for step in range(1, num_steps + 1):
        yield dataclasses.replace(batch(step, loss=2.5 - step / 10), num_examples=5000, num_correct=2000)
        if step % 5 == 0:
            yield sample(step, written[: step * 20])
        if step % 10 == 0:
            yield EpochDone(step=step, epoch=step // 10, loss=1.5, accuracy=0.5, num_examples=50_000, seconds=0.1)
            yield dataclasses.replace(evaluated(step, 0.57), confusion=None, split="validation", loss=1.45, num_examples=325_824)
    yield dataclasses.replace(evaluated(num_steps, 0.56), confusion=None, split="test", loss=1.47, num_examples=325_824)
    yield RunEnded(step=num_steps, outcome="finished", seconds=72.0)
