"""How fast a plain PyTorch loop writes, with PyTorch's own settings: python bench/plain_writer.py --cell lstm --hidden 512.

What one writes first: one call of ``nn.LSTM`` a character on a one-hot vector, the dense layer, softmax, multinomial, under
``torch.no_grad``. Needs nothing of Vitral, whose settings of threads and memory hold for the whole process that imports it. Prints one
number, characters a second after the first fifty, and PyTorch's version and threads.
"""

# V vocabulary  D hidden

import argparse
import itertools
import time
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import nn

LAYERS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


@torch.no_grad()
def plain(layer: nn.RNNBase, dense: nn.Linear, generator: torch.Generator) -> Iterator[int]:
    """Write as in a tutorial."""
    size, state, symbol = layer.input_size, None, 0
    while True:
        x = F.one_hot(torch.tensor(symbol), size).float().view(1, 1, -1)
        out, state = layer(x, state)
        symbol = int(torch.multinomial(torch.softmax(dense(out).view(-1), 0), 1, generator=generator))
        yield symbol


def network(kind: str, hidden: int, symbols: int) -> nn.Sequential:
    """Give the same untrained network to whoever asks."""
    torch.manual_seed(0)
    return nn.Sequential(LAYERS[kind](symbols, hidden, batch_first=True), nn.Linear(hidden, symbols))


def block(source: Iterator[object], seconds: float) -> float:
    """Take characters for that long and give how many came in a second."""
    count, began = 0, time.perf_counter()
    while True:
        for _ in itertools.islice(source, 20):
            pass
        count += 20
        if (spent := time.perf_counter() - began) >= seconds:
            return count / spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cell", choices=LAYERS, default="lstm")
    parser.add_argument("--hidden", type=int, default=512)
    parser.add_argument("--symbols", type=int, default=87)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--threads", type=int, default=0, help="torch's number of threads; its own choice by default")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    net = network(options.cell, options.hidden, options.symbols)
    source = plain(net[0], net[1], torch.Generator().manual_seed(0))
    for _ in itertools.islice(source, 50):
        pass
    print(f"{block(source, options.seconds):.1f} torch {torch.__version__}, {torch.get_num_threads()} threads")


if __name__ == "__main__":
    main()
