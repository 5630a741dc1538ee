"""How fast a network writes: ``vitral.generate`` against a plain PyTorch loop, blocks of characters taken in turn in one process.

    python bench/generation.py [--rounds 9] [--seconds 0.2] [--symbols 87] [--threads 2 1] [--hidden 128 512] [--products] [--alone] [--apart]

The plain loop is what one writes first: one call of ``nn.LSTM`` a character on a one-hot vector, the dense layer, softmax, multinomial, under
``torch.no_grad``. The second peer uses ``nn.LSTMCell``, which has less to do around the arithmetic. Both sides compute in float32, batch 1, and
draw each character; the time of drawing is in. A ratio is taken in each round, of neighbouring blocks, so that a machine that is slower for a
while slows both; given are the median and the extremes. ``--threads`` are PyTorch's; NumPy's BLAS keeps its own setting, and takes a second
thread with ``--alone`` only.

``--apart`` puts the plain loop into a process of its own that knows nothing of Vitral, with PyTorch's number of threads: Vitral tells these
threads to sleep soon, and a plain loop beside it in one process gains by that.

``--products`` times one step's product alone, by how the matrix lies in memory, and how much of a second core it takes.
"""

# V vocabulary  D hidden

import argparse
import itertools
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from plain_writer import block, network, plain
from vitral.generate.product import product
from vitral.generate.stepper import Stepper
from vitral.generate.write import write

CELLS = {"rnn": (nn.RNNCell, 1), "lstm": (nn.LSTMCell, 4), "gru": (nn.GRUCell, 3)}
HERE = Path(__file__).parent


@torch.no_grad()
def by_cell(layer: nn.RNNBase, dense: nn.Linear, generator: torch.Generator) -> Iterator[int]:
    """Write with torch's own single step."""
    kind, gates = CELLS[type(layer).__name__.lower()]
    cell = kind(layer.input_size, layer.hidden_size)
    cell.load_state_dict({name.removesuffix("_l0"): weights for name, weights in layer.state_dict().items()})
    size, state, symbol = layer.input_size, None, 0
    while True:
        state = cell(F.one_hot(torch.tensor(symbol), size).float().view(1, -1), state)
        h = state[0] if gates == 4 else state
        symbol = int(torch.multinomial(torch.softmax(dense(h).view(-1), 0), 1, generator=generator))
        yield symbol


def compare(kind: str, hidden: int, threads: int, *, alone: bool, symbols: int, rounds: int, seconds: float) -> None:
    """Print one line of the table."""
    torch.set_num_threads(threads)
    net = network(kind, hidden, symbols)
    generator = torch.Generator().manual_seed(0)
    ours = (written.symbol for written in write(Stepper.of(net, alone=alone), [0], 10**12))
    sources = [plain(net[0], net[1], generator), by_cell(net[0], net[1], generator), ours]
    for source in sources:
        block(source, seconds / 4)
    table = [[block(source, seconds) for source in sources] for _ in range(rounds)]
    figures = [statistics.median(column) for column in zip(*table, strict=True)]
    ratios = [[row[2] / row[peer] for row in table] for peer in (0, 1)]
    shown = [f"**{statistics.median(r):.1f}** ({min(r):.1f} to {max(r):.1f})" for r in ratios]
    print(
        f"| {kind} | {hidden} | {threads} | {figures[0]:,.0f} | {figures[1]:,.0f} | {figures[2]:,.0f} | {shown[0]} | {shown[1]} |",
        flush=True,
    )


def apart(kind: str, hidden: int, *, alone: bool, symbols: int, rounds: int, seconds: float) -> None:
    """Print one line against the plain loop in a process of its own, as PyTorch sets itself up there: in turn with blocks of ours."""
    net = network(kind, hidden, symbols)
    ours = (written.symbol for written in write(Stepper.of(net, alone=alone), [0], 10**12))
    block(ours, seconds / 4)
    command = [sys.executable, str(HERE / "plain_writer.py"), "--cell", kind, "--hidden", str(hidden), "--symbols", str(symbols)]
    plainly = {name: value for name, value in os.environ.items() if name != "GOMP_SPINCOUNT"}  # which ``import vitral`` has set here
    theirs, own, name = [], [], ""
    for _ in range(rounds):
        said = subprocess.run([*command, "--seconds", str(seconds)], env=plainly, capture_output=True, text=True, check=True).stdout
        figure, _, name = said.strip().partition(" ")
        theirs.append(float(figure))
        own.append(block(ours, seconds))
    ratios = sorted(a / b for a, b in zip(own, theirs, strict=True))
    print(
        f"| {kind} | {hidden} | {statistics.median(theirs):,.0f} ({name}) | {statistics.median(own):,.0f} | "
        f"**{statistics.median(ratios):.1f}** ({ratios[0]:.1f} to {ratios[-1]:.1f}) |",
        flush=True,
    )


def time_of(run: Callable[[], object], rounds: int, seconds: float) -> tuple[float, float]:
    """Give microseconds a call, the median, and how many threads worked at it."""
    run()
    times, process, own = [], time.process_time(), time.thread_time()
    for _ in range(rounds):
        count, start = 0, time.perf_counter()
        while time.perf_counter() - start < seconds:
            for _ in range(10):
                run()
            count += 10
        times.append((time.perf_counter() - start) / count * 1e6)
    return statistics.median(times), (time.process_time() - process) / (time.thread_time() - own)


def products(hiddens: list[int], rounds: int, seconds: float) -> None:
    """Print what one step's product costs, by the way in which the matrix lies in memory."""
    print("| D | M | rows, W h | columns, h W | columns in parts (ours) |\n|---|---|---|---|---|")
    draw = np.random.default_rng(0)
    for hidden, gates in itertools.product(hiddens, (1, 3, 4)):
        x, out = draw.standard_normal(hidden).astype(np.float32), np.empty(gates * hidden, np.float32)
        across = draw.standard_normal((hidden, gates * hidden)).astype(np.float32)
        down = np.ascontiguousarray(across.T)
        ways = [lambda down=down, x=x, out=out: np.dot(down, x, out), lambda across=across, x=x, out=out: np.dot(x, across, out)]
        figures = [time_of(run, rounds, seconds) for run in [*ways, product(x, across, out)]]
        cells = " | ".join(f"{microseconds:.1f} µs, {cores:.1f} threads" for microseconds, cores in figures)
        print(f"| {hidden} | {gates * hidden} | {cells} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.2)
    parser.add_argument("--symbols", type=int, default=87)
    parser.add_argument("--threads", type=int, nargs="+", default=[torch.get_num_threads(), 1])
    parser.add_argument("--hidden", type=int, nargs="+", default=[128, 512])
    parser.add_argument("--products", action="store_true")
    parser.add_argument("--apart", action="store_true", help="the plain loop in a process of its own, with PyTorch's own settings")
    parser.add_argument("--alone", action="store_true", help="every core for Vitral's large products, as `vitral sample` takes them")
    options = parser.parse_args()
    for name in ("OPENBLAS_CORETYPE", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        if name in os.environ:
            print(f"{name}={os.environ[name]}")
    if options.products:
        products(options.hidden, options.rounds, options.seconds)
        return
    print(
        f"torch {torch.__version__}, NumPy {np.__version__}, {options.symbols} symbols; characters a second, and Vitral's ratio to each peer"
    )
    common = {name: getattr(options, name) for name in ("alone", "symbols", "rounds", "seconds")}
    if options.apart:
        print("| cell | D | nn module, in a process of its own | Vitral | ratio |\n|---|---|---|---|---|")
        for hidden, kind in itertools.product(options.hidden, CELLS):
            apart(kind, hidden, **common)
        return
    print("| cell | D | torch threads | nn module | nn cell | Vitral | to nn module | to nn cell |\n|---|---|---|---|---|---|---|---|")
    for threads, hidden, kind in itertools.product(dict.fromkeys(options.threads), options.hidden, CELLS):
        compare(kind, hidden, threads, **common)


if __name__ == "__main__":
    main()
