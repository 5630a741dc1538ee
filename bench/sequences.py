"""How long the networks of one task take to read a batch of its test sequences: CNN and RNN in turn, in one process.

    python bench/sequences.py names-cnn names-lstm names-gru [--batch-sizes 1 64 256] [--rounds 40] [--threads 1] [--float32]

Each round times every network once on the same batch, so that a machine that is slower for a while slows all of them. Given are the median of the
process's own time with its quartiles, and the median of the rounds' ratios to the first network. The weights are untrained: time does not
depend on them. bfloat16 autocast as in training on a CPU that has it, unless ``--float32``.
"""

import argparse
import time

import numpy as np
import torch

from vitral.data.catalogue import load_sequences
from vitral.nets import zoo
from vitral.nets.builders import build
from vitral.nets.sequences import Sequences


def measure(names: list[str], batch_size: int, rounds: int, *, lowers: bool) -> None:
    """Print a line for each network."""
    experiments = [zoo.load(name) for name in names]
    dataset = load_sequences(experiments[0].data)
    test = dataset.test.normalised(dataset.statistics) if dataset.statistics else dataset.test
    values, lengths = test.padded(np.arange(min(batch_size, len(test))), experiments[0].network.input.length)
    batch = Sequences(torch.from_numpy(values), torch.from_numpy(lengths))
    nets = [build(experiment.network, seed=0).eval() for experiment in experiments]
    seconds = np.empty((rounds, len(nets)))
    for number in range(-3, rounds):  # the first three warm up
        for place, net in enumerate(nets):
            with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=lowers):
                start = time.process_time()
                net(batch)
                seconds[number, place] = time.process_time() - start  # a warm-up lies in rows that are written again
    ratios = np.median(seconds / seconds[:, :1], 0)
    for name, times, ratio in zip(names, 1e3 * seconds.T, ratios, strict=True):
        low, middle, high = np.percentile(times, [25, 50, 75])
        print(
            f"{name:22s} {len(lengths):4d} sequences of {lengths.mean():5.1f} steps {middle:8.2f} ms ({low:.2f} to {high:.2f})   x {ratio:.2f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiments", nargs="+", help="names of the zoo, of one task")
    parser.add_argument("--batch-sizes", nargs="+", type=int, default=[1, 64, 256])
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--float32", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    for batch_size in options.batch_sizes:
        measure(options.experiments, batch_size, options.rounds, lowers=not options.float32)


if __name__ == "__main__":
    main()
