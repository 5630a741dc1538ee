"""Small experiments on invented sequences of different lengths, for tests of training."""

import numpy as np

from vitral.data.sequence import SequenceSet, assemble, pack
from vitral.data.source import Source
from vitral.data.vocabulary import Vocabulary
from vitral.spec.experiment import Experiment

SOURCE = Source("invented", "sequences of ours", "CC0-1.0", "drawn", "", 0)
CLASSES = ("down", "flat", "up")
LONGEST = 9
FEATURES = 2


def _series(source, target):
    steps = int(source.integers(1, LONGEST + 3))  # some are longer than a network reads
    slope = np.arange(steps)[:, None] * (target - 1) * np.array([1.0, -2.0])
    return (100 + slope + source.normal(size=(steps, FEATURES))).astype(np.float32)


def _word(source, target):
    return source.choice(5, int(source.integers(1, LONGEST + 3)), p=np.roll([0.6, 0.1, 0.1, 0.1, 0.1], target))


def invent(num_train=70, num_test=31, *, seed=0, tokens=False) -> SequenceSet:
    """Series that fall, stay or rise; or words with a favourite letter."""
    source = np.random.default_rng(seed)

    def split(count):
        targets = np.arange(count) % 3
        return pack([(_word if tokens else _series)(source, target) for target in targets], targets)

    vocabulary = Vocabulary("characters", tuple("abcde")) if tokens else None
    return assemble(CLASSES, split(num_train), split(num_test), SOURCE, vocabulary=vocabulary)


LAYERS = ({"kind": "lstm", "hidden_size": 6}, {"kind": "dropout", "probability": 0.2}, {"kind": "over_time"}, {"kind": "dense", "units": 3})


def describe(layers=LAYERS, *, tokens=False, length=LONGEST, normalise="standard", loss="softmax", read=None, **training):
    series = {"kind": "series", "length": length, "features": FEATURES}
    return Experiment.model_validate(
        {
            "name": "counting",
            "seed": 9,
            "data": {"source": "invented", "normalise": normalise},
            "network": {
                "input": read or ({"kind": "tokens", "length": length, "symbols": 5} if tokens else series),
                "layers": layers,
                "loss": {"kind": loss},
            },
            "training": {"batch_size": 16, "precision": "float32", **training},
        }
    )
