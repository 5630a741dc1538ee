"""How fast the lecture's network trains: Vitral's own Trainer against a plain PyTorch loop, blocks of steps taken in turn in one process.

    python bench/throughput.py [--optimiser adamw|adadelta|...] [--batch-size 128] [--rounds 7] [--block 30]
                               [--keras PYTHON] [--convnetjs FOLDER]

The plain loop is what one writes first: float32, NCHW, images normalised in memory, flips and shifts by index arithmetic on the whole batch,
torch's default implementation of the optimiser, ``loss.item()`` at every step. Both train the same network from CIFAR-10's images (or, where
these are not at hand, from noise: the arithmetic is the same). A step is augmentation, forward, backward and optimiser. A ratio is taken in
each round, of two neighbouring blocks, so that a machine that is slower for a while slows both; given are the median and the extremes.

Peers run where they are: Keras through the Python interpreter of an environment that has it (the back end by KERAS_BACKEND), ConvNetJS under
Node from its folder. They are programs of their own, run after one another with a block of Vitral before and after.
"""

# B batch  C channels  H height  W width

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from vitral.data import catalogue
from vitral.data.dataset import Dataset, Examples, Statistics
from vitral.errors import DataError
from vitral.nets import zoo
from vitral.spec import experiment as spec
from vitral.train.loop import Trainer

Step = Callable[[], float]
Clock = Callable[[], float]
HERE = Path(__file__).parent
ENDLESS = 2**20


def images() -> tuple[Dataset, str]:
    """Give CIFAR-10, or noise of its shape."""
    try:
        return catalogue.load(spec.Data(source="cifar10"), download=False), "CIFAR-10"
    except DataError:
        source = torch.Generator().manual_seed(0)
        pixels = torch.randint(0, 256, (50000, 32, 32, 3), dtype=torch.uint8, generator=source)
        noise = Examples(pixels, torch.randint(0, 10, (50000,), generator=source))
        return Dataset("noise", tuple("0123456789"), noise, Examples(noise.pixels[:10], noise.targets[:10]), None, ""), "noise"  # type: ignore[arg-type]


def plain(dataset: Dataset, settings: spec.Optimiser, batch_size: int) -> Step:
    """Write the loop as in a tutorial."""
    statistics: Statistics = dataset.statistics
    x = dataset.train.pixels.permute(0, 3, 1, 2).float() / 255
    x = ((x - torch.tensor(statistics.mean).view(3, 1, 1)) / torch.tensor(statistics.deviation).view(3, 1, 1)).float().contiguous()
    y = dataset.train.targets
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for before, after in ((3, 16), (16, 20), (20, 20)):
        layers += [nn.Conv2d(before, after, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)]
    model = nn.Sequential(*layers, nn.Flatten(), nn.Linear(320, 10))
    rate = settings.learning_rate
    optimiser = {
        "sgd": lambda p: torch.optim.SGD(p, lr=rate),
        "nesterov": lambda p: torch.optim.SGD(p, lr=rate, momentum=settings.momentum, nesterov=True),
        "adadelta": lambda p: torch.optim.Adadelta(p, lr=rate, rho=settings.rho, eps=settings.eps),
        "adam": lambda p: torch.optim.Adam(p, lr=rate),
        "adamw": lambda p: torch.optim.AdamW(p, lr=rate, weight_decay=0),
    }[settings.kind](model.parameters())
    rows = torch.arange(32)
    order, place = torch.randperm(len(x)), 0

    def step() -> float:
        nonlocal order, place
        if place + batch_size > len(order):
            order, place = torch.randperm(len(x)), 0
        chosen = order[place : place + batch_size]
        place += batch_size
        batch = x[chosen]
        batch = torch.where((torch.rand(batch_size) < 0.5).view(-1, 1, 1, 1), batch.flip(3), batch)
        batch = F.pad(batch, (2, 2, 2, 2))
        dy, dx = torch.randint(0, 5, (batch_size, 1)), torch.randint(0, 5, (batch_size, 1))
        batch = batch[torch.arange(batch_size)[:, None, None], :, (dy + rows)[:, :, None], (dx + rows)[:, None, :]]
        batch = batch.permute(0, 3, 1, 2).contiguous()
        loss = F.cross_entropy(model(batch), y[chosen])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return loss.item()

    return step


def ours(dataset: Dataset, settings: spec.Optimiser, batch_size: int, precision: str) -> Step:
    """Let Vitral's trainer do it, event by event."""
    recipe = zoo.load("cifar10-convnetjs")
    training = spec.Training.model_validate(
        {"epochs": ENDLESS, "evaluate_every": ENDLESS, "batch_size": batch_size, "optimiser": settings, "precision": precision}
    )
    data = recipe.data.model_copy(update={"normalise": "standard"})
    events = Trainer(recipe.model_copy(update={"training": training, "data": data}), dataset).events()

    def step() -> float:
        while (event := next(events)).kind != "batch_done":
            pass
        return event.loss  # type: ignore[attr-defined]

    return step


def block(step: Step, count: int, clock: Clock = time.perf_counter) -> float:
    """Give the seconds that one step of a block takes."""
    start = clock()
    for _ in range(count):
        step()
    return (clock() - start) / count


def ceiling(dtype: torch.dtype, clock: Clock, side: int = 2048) -> float:
    """Give the best rate of a square matrix product, in FLOP/s."""
    a, b = (torch.randn(side, side).to(dtype) for _ in "ab")
    torch.mm(a, b)
    return 2 * side**3 / min(block(lambda: torch.mm(a, b).numel(), 1, clock) for _ in range(7))


def flops_per_example() -> float:
    """Count what training costs: forward, gradient of weights, gradient of inputs (not the first layer's); an addition and a product each."""
    network = zoo.load("cifar10-convnetjs").network
    return 2 * (3 * network.multiply_adds - network.reports[0].multiply_adds)


def compare(name: str, times: dict[str, list[float]], batch_size: int) -> str:
    """Write one line of the table."""
    ratios = sorted(a / b for a, b in zip(times["plain"], times[name], strict=True))
    middle = statistics.median(times[name])
    return (
        f"{name:18s} {middle * 1e3:8.2f} ms  {batch_size / middle:8.0f} images/s   "
        f"x {statistics.median(ratios):.2f}  ({ratios[0]:.2f} to {ratios[-1]:.2f})"
    )


def peer(command: list[str], step: Step, batch_size: int, count: int) -> str:
    """Run another program that prints images per second, between two blocks of ours."""
    before = batch_size / block(step, count)
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    if found.returncode:
        return f"not run: {found.stderr.strip().splitlines()[-1] if found.stderr.strip() else found.returncode}"
    after = batch_size / block(step, count)
    theirs = float(found.stdout.split()[-1])
    return f"{theirs:8.1f} images/s; Vitral before and after {before:.0f} and {after:.0f}: x {(before + after) / 2 / theirs:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--optimiser", default="adamw")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--block", type=int, default=30, help="steps of a block")
    parser.add_argument("--threads", type=int, default=0, help="torch's number of threads; its own choice by default")
    parser.add_argument("--keras", help="a Python interpreter that has Keras")
    parser.add_argument("--convnetjs", help="the folder of the npm package convnetjs")
    parser.add_argument(
        "--cpu-time", action="store_true", help="count this process's own seconds: for a machine that others use; with --threads 1"
    )
    options = parser.parse_args()
    clock = time.process_time if options.cpu_time else time.perf_counter
    if options.threads:
        torch.set_num_threads(options.threads)
    settings = spec.Optimiser.model_validate({"kind": options.optimiser})
    dataset, what = images()
    steps = {"plain": plain(dataset, settings, options.batch_size)}
    for precision in ("float32", "bfloat16"):
        steps[f"vitral {precision}"] = ours(dataset, settings, options.batch_size, precision)
    times: dict[str, list[float]] = {name: [] for name in steps}
    for step in steps.values():
        block(step, 5)
    for _ in range(options.rounds):
        for name, step in steps.items():
            times[name].append(block(step, options.block, clock))
    print(
        f"torch {torch.__version__}, Python {sys.version.split()[0]}, {torch.get_num_threads()} threads, {what}, {'CPU' if options.cpu_time else 'wall-clock'} time"
    )
    print(
        f"batch {options.batch_size}, {options.optimiser}, {options.rounds} rounds of {options.block} steps; ratio to the plain loop: median (extremes)"
    )
    for name in steps:
        print(compare(name, times, options.batch_size))
    work = flops_per_example() * options.batch_size
    for dtype, name in ((torch.float32, "vitral float32"), (torch.bfloat16, "vitral bfloat16")):
        top, reached = ceiling(dtype, clock), work / statistics.median(times[name])
        print(f"{name}: {reached / 1e9:.0f} GFLOP/s of {top / 1e9:.0f} in a {str(dtype)[6:]} matrix product of 2048: {reached / top:.0%}")
    fastest = steps["vitral bfloat16"]
    if options.keras:
        print("keras   ", peer([options.keras, str(HERE / "keras_peer.py")], fastest, options.batch_size, options.block))
    if options.convnetjs:
        print("convnetjs", peer(["node", str(HERE / "convnetjs.js"), options.convnetjs], fastest, options.batch_size, options.block))


if __name__ == "__main__":
    main()
