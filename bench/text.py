"""How fast a network that writes text learns: Vitral's step against a plain PyTorch loop, blocks of steps taken in turn in one process.

    python bench/text.py [--cell rnn lstm gru] [--hidden 128 512] [--batch-size 100] [--length 100] [--rounds 7] [--block 3]
                         [--threads N] [--cpu-time] [--keras PYTHON]

The plain loop is what one writes first: codes one-hot, torch's own cell with batch_first, a linear layer, cross-entropy, torch's default Adam,
the memory handed on without a gradient, ``loss.item()`` at every step; once in float32 and once under bfloat16 autocast. Vitral's network,
criterion and optimiser are those of its trainer. Both learn the same random codes: the arithmetic is the same. A step is forward, backward and
optimiser. A ratio is taken in each round, of two neighbouring blocks, so that a machine that is slower for a while slows both; given are the
median and the extremes. Characters per second count every predicted one. Keras runs in an environment of its own, between two blocks of ours in
wall-clock time, with the back end that KERAS_BACKEND names and, on Linux, on as many cores as ``--threads`` says.
"""

# B batch  T time  V vocabulary  D hidden

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from throughput import Clock, Step, block, ceiling
from vitral.nets.builders import build
from vitral.nets.loss import criterion
from vitral.spec import experiment as spec
from vitral.spec.network import Network
from vitral.train.memory import keep_freed
from vitral.train.optimise import Optimiser

NUM_SYMBOLS = 87
GATES = {"rnn": 1, "gru": 3, "lstm": 4}
HERE = Path(__file__).parent


def codes(batch_size: int, length: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Give a batch of random codes and the ones that follow."""
    text = torch.randint(0, NUM_SYMBOLS, (batch_size, length + 1), generator=torch.Generator().manual_seed(0))
    return text[:, :-1].contiguous(), text[:, 1:].contiguous()


class Plain(nn.Module):
    """One-hot codes, torch's cell, a linear layer."""

    def __init__(self, cell: str, hidden_size: int) -> None:
        super().__init__()
        self.cell = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}[cell](NUM_SYMBOLS, hidden_size, batch_first=True)
        self.scores = nn.Linear(hidden_size, NUM_SYMBOLS)

    def forward(self, x: torch.Tensor, memory: object) -> tuple[torch.Tensor, object]:
        """Give the scores of every step and the memory behind the last."""
        y, memory = self.cell(F.one_hot(x, NUM_SYMBOLS).float(), memory)
        return self.scores(y), memory


def plain(cell: str, hidden_size: int, x: torch.Tensor, y: torch.Tensor, *, lowers: bool) -> Step:
    """Write the loop as in a tutorial."""
    torch.manual_seed(0)
    model, memory = Plain(cell, hidden_size), None
    optimiser = torch.optim.Adam(model.parameters(), lr=0.002)

    def step() -> float:
        nonlocal memory
        with torch.autocast("cpu", torch.bfloat16, enabled=lowers):
            scores, memory = model(x, memory)
        memory = tuple(part.detach() for part in memory) if isinstance(memory, tuple) else memory.detach()
        loss = F.cross_entropy(scores.float().view(-1, NUM_SYMBOLS), y.view(-1))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return loss.item()

    return step


def ours(cell: str, hidden_size: int, x: torch.Tensor, y: torch.Tensor, *, lowers: bool) -> Step:
    """Take a step as Vitral's trainer does."""
    network = Network.model_validate(
        {
            "input": {"kind": "tokens", "length": x.shape[1], "symbols": NUM_SYMBOLS},
            "layers": [{"kind": cell, "hidden_size": hidden_size}, {"kind": "dense", "units": "symbols"}],
        }
    )
    net = build(network, seed=0)
    net.carry()
    compare = criterion(network.loss)
    optimiser = Optimiser(net.learned, spec.Optimiser(kind="adam", learning_rate=0.002), l1_decay=0, l2_decay=0)

    def step() -> float:
        optimiser.clear_gradients()
        with torch.autocast("cpu", torch.bfloat16) if lowers else contextlib.nullcontext():
            scores = net(x)
        loss = compare(scores.float().flatten(0, 1), y.flatten())
        loss.backward()
        optimiser.step(1.0)
        return loss.item()

    return step


def flops(cell: str, hidden_size: int) -> float:
    """Count what one character costs in training: three products with W_hh, two with the scores' weights and one more; a lookup costs none."""
    recurrent = GATES[cell] * hidden_size * hidden_size
    return 2 * 3 * (recurrent + hidden_size * NUM_SYMBOLS)


def measure(cell: str, hidden_size: int, options: argparse.Namespace, clock: Clock) -> None:
    x, y = codes(options.batch_size, options.length)
    steps: dict[str, Step] = {}
    for lowers, name in ((False, "float32"), (True, "bfloat16")):
        steps[f"plain {name}"] = plain(cell, hidden_size, x, y, lowers=lowers)
        steps[f"vitral {name}"] = ours(cell, hidden_size, x, y, lowers=lowers)
    times: dict[str, list[float]] = {name: [] for name in steps}
    for step in steps.values():
        block(step, 2)
    for _ in range(options.rounds):
        for name, step in steps.items():
            times[name].append(block(step, options.block, clock))
    for name in steps:
        ratios = sorted(a / b for a, b in zip(times["plain float32"], times[name], strict=True))
        middle = statistics.median(times[name])
        print(
            f"{cell:4s} {hidden_size:4d}  {name:15s} {middle * 1e3:8.1f} ms  {x.numel() / middle:8.0f} characters/s   "
            f"x {statistics.median(ratios):.2f}  ({ratios[0]:.2f} to {ratios[-1]:.2f})   "
            f"{flops(cell, hidden_size) * x.numel() / middle / 1e9:6.1f} GFLOP/s",
            flush=True,
        )
    if options.keras:
        print(
            f"{cell:4s} {hidden_size:4d}  keras          ",
            peer(cell, hidden_size, options, steps["vitral bfloat16"], x.numel()),
            flush=True,
        )


def peer(cell: str, hidden_size: int, options: argparse.Namespace, step: Step, num_characters: int) -> str:
    """Run Keras, which prints characters per second, between two blocks of ours."""
    command = [options.keras, str(HERE / "keras_text_peer.py"), "--cell", cell, "--hidden", str(hidden_size)]
    command += ["--batch-size", str(options.batch_size), "--length", str(options.length)]
    if options.threads and sys.platform == "linux":  # what JAX and TensorFlow take is the cores that they see
        cores = ",".join(map(str, sorted(os.sched_getaffinity(0))[: options.threads]))
        command = ["taskset", "--cpu-list", cores, *command]
    before = num_characters / block(step, 5)
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    if found.returncode:
        return f"not run: {found.stderr.strip().splitlines()[-1] if found.stderr.strip() else found.returncode}"
    after = num_characters / block(step, 5)
    said, _, name = found.stdout.splitlines()[-1].partition(" ")
    theirs = float(said)
    return (
        f"{theirs:8.0f} characters/s ({name}); Vitral before and after {before:.0f} and {after:.0f}: x {(before + after) / 2 / theirs:.1f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cell", nargs="+", choices=GATES, default=list(GATES))
    parser.add_argument("--hidden", nargs="+", type=int, default=[128, 512])
    parser.add_argument("--batch-size", type=int, default=100)
    parser.add_argument("--length", type=int, default=100, help="steps of a window")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--block", type=int, default=3, help="steps of a block")
    parser.add_argument("--threads", type=int, default=0, help="torch's number of threads; its own choice by default")
    parser.add_argument("--keras", help="a Python interpreter that has Keras")
    parser.add_argument(
        "--cpu-time", action="store_true", help="count this process's own seconds: for a machine that others use; with --threads 1"
    )
    options = parser.parse_args()
    clock = time.process_time if options.cpu_time else time.perf_counter
    if options.threads:
        torch.set_num_threads(options.threads)
    keep_freed()  # as Vitral's trainer does; the plain loop gains by it too
    print(
        f"torch {torch.__version__}, Python {sys.version.split()[0]}, {torch.get_num_threads()} threads, "
        f"{'CPU' if options.cpu_time else 'wall-clock'} time; batch {options.batch_size} x {options.length}, {NUM_SYMBOLS} symbols, adam, "
        f"{options.rounds} rounds of {options.block} steps; ratio to the plain float32 loop: median (extremes)"
    )
    for cell in options.cell:
        for hidden_size in options.hidden:
            measure(cell, hidden_size, options, clock)
    for dtype in (torch.float32, torch.bfloat16):
        print(f"a {str(dtype)[6:]} matrix product of 2048 reaches {ceiling(dtype, clock) / 1e9:.0f} GFLOP/s")


if __name__ == "__main__":
    main()
