"""What looking costs: the lecture's network trained watched and unwatched, in turn in one process, and a picture for the page.

    python bench/watch.py [--rounds 40] [--block 12] [--batch-size 128] [--threads N]

Each round takes a block of steps of every kind in turn, the order turned round every other time, and a ratio of two neighbouring blocks, so
that a machine that is slower for a while slows both. Given are the median of the ratios and its 95 % interval (bootstrap). The steps are the
same: one network, one batch, torch's plain loop with autocast as ``vitral train`` runs it. Times are those of the process (all of its
threads), since another program on the machine would else be measured too; on an idle machine --wall gives the clock's.
"""

# B batch

import argparse
import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
import torch.nn.functional as F

from vitral.data.dataset import Dataset, Examples
from vitral.nets import build, zoo
from vitral.probe.pace import Pace
from vitral.probe.watch import Watch
from vitral.runtime.looks import Look
from vitral.runtime.showing import Showing
from vitral.runtime.subject import Subject
from vitral.train.loop import Trainer


def lecture(batch_size: int) -> tuple[torch.nn.Module, Callable[[], None]]:
    """Give the lecture's network and a step of its training."""
    net = build(zoo.load("default").network, seed=0).to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(net.parameters(), lr=1e-3, fused=True)
    x = torch.randn(batch_size, 3, 32, 32).to(torch.bfloat16).to(memory_format=torch.channels_last)
    y = torch.randint(0, 10, (batch_size,))

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16):
            scores = net(x)
        F.cross_entropy(scores.float(), y).backward()
        optimiser.step()

    return net, step


def compare(kinds: dict[str, Callable[[], None]], rounds: int, clock: Callable[[], float]) -> None:
    """Run a block of each kind in turn, and print each one's time against the first's."""
    first, *others = kinds
    ratios: dict[str, list[float]] = {name: [] for name in others}
    took: dict[str, list[float]] = {name: [] for name in kinds}
    for number in range(rounds):
        for name in kinds if number % 2 else reversed(kinds):
            began = clock()
            kinds[name]()
            took[name].append(clock() - began)
        for name in others:
            ratios[name].append(took[name][-1] / took[first][-1])
    print(f"{first}: {statistics.median(took[first]) * 1000:.1f} ms a block (median of {rounds})")
    for name in others:
        draws = sorted(statistics.median(random.choices(ratios[name], k=rounds)) for _ in range(2000))  # noqa: S311 - a bootstrap
        middle = statistics.median(ratios[name])
        print(f"{name}: {(middle - 1) * 100:+.2f} %   95 % interval {(draws[50] - 1) * 100:+.2f} .. {(draws[-50] - 1) * 100:+.2f} %")


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--rounds", type=int, default=40)
    words.add_argument("--block", type=int, default=12)
    words.add_argument("--batch-size", type=int, default=128)
    words.add_argument("--threads", type=int)
    words.add_argument("--wall", action="store_true", help="the clock's time instead of the process's")
    given = words.parse_args()
    if given.threads:
        torch.set_num_threads(given.threads)
    clock = time.perf_counter if given.wall else time.process_time
    net, step = lecture(given.batch_size)
    for _ in range(5):
        step()

    def block() -> Callable[[], None]:
        def run() -> None:
            for _ in range(given.block):
                step()

        return run

    def watched(pace: Callable[[], Pace]) -> Callable[[], None]:
        looking = Watch(net, pace=pace())
        run = block()

        def go() -> None:
            looking.open()
            try:
                run()
            finally:
                looking.close()

        go()  # the first look loads what looking needs
        return go

    def never() -> Pace:
        pace = Pace(rate=1e-9)
        pace.due()
        return pace

    print(f"{given.threads or torch.get_num_threads()} threads, batches of {given.batch_size}, blocks of {given.block} steps")
    compare(
        {
            "unwatched": block(),
            "watched, nothing due": watched(never),
            "every 4th step looked at": watched(lambda: Pace(every=4)),
            "each step looked at": watched(Pace),
        },
        given.rounds,
        clock,
    )
    picture(given, clock)


def picture(given: argparse.Namespace, clock: Callable[[], float]) -> None:
    """Measure a picture for the page against a step of the run's own trainer."""
    source = torch.Generator().manual_seed(0)

    def noise(count: int) -> Examples:
        pixels = torch.randint(0, 256, (count, 32, 32, 3), dtype=torch.uint8, generator=source)
        return Examples(pixels, torch.randint(0, 10, (count,), generator=source))

    data = Dataset("noise", tuple("0123456789"), noise(20_000), noise(1000), None, "")  # type: ignore[arg-type]
    experiment = zoo.load("default", [f"training.batch_size={given.batch_size}", "training.epochs=1000"])
    trainer = Trainer(experiment, data)
    with TemporaryDirectory() as folder:
        showing = Showing(Subject("bench", experiment, data, trainer, Path(folder)))
        stream = trainer.events()
        steps, looks, notes = [], [], []
        for number in range(60 + 4 * given.rounds):
            began = clock()
            event = next(stream)
            after = clock()
            if event.kind != "batch_done":
                continue
            showing.seen(event)
            noted = clock()
            frame = showing.layers(Look(17)) if number % 4 == 0 else None
            done = clock()
            if number > 60:
                steps.append(after - began)
                notes.append(noted - after)
                if frame:
                    looks.append(done - noted)
    step, look = statistics.median(steps) * 1000, statistics.median(looks) * 1000
    print(f"trainer's step {step:.2f} ms; taking note {statistics.median(notes) * 1e6:.0f} us; a picture of all layers {look:.2f} ms")
    print(f"so pictures take 2 % of the time at {0.02 / look * 1000:.1f} a second, 3 % at {0.03 / look * 1000:.1f}")


if __name__ == "__main__":
    main()
