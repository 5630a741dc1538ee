"""Small experiments on an invented text, for tests of training."""

import numpy as np

from vitral.data.source import Source
from vitral.data.text import Text
from vitral.data.vocabulary import Vocabulary
from vitral.spec.experiment import Experiment

SYMBOLS = "abcdefg"
SOURCE = Source("invented", "a text of ours", "CC0-1.0", "drawn", "", 0)


def write(num_train=400, num_validation=120, num_test=150, *, seed=0):
    """A text in which each symbol depends on the two before it, with a little noise."""
    source = np.random.default_rng(seed)
    codes = [0, 1]
    while len(codes) < num_train + num_validation + num_test:
        codes.append(int((codes[-1] + 2 * codes[-2] + (source.random() < 0.2)) % len(SYMBOLS)))
    train, validation, test, _ = np.split(np.array(codes, np.uint8), np.cumsum([num_train, num_validation, num_test]))
    counts = np.bincount(train, minlength=len(SYMBOLS))
    return Text("invented", Vocabulary("characters", tuple(SYMBOLS)), train, validation, test, SOURCE, f"{seed:064x}", counts)


DEEP = (
    {"kind": "embedding", "size": 5},
    {"kind": "lstm", "hidden_size": 6},
    {"kind": "dropout", "probability": 0.25},
    {"kind": "gru", "hidden_size": 5},
    {"kind": "dense", "units": "symbols"},
)


def single(kind, **options):
    return ({"kind": kind, "hidden_size": 8, **options}, {"kind": "dense", "units": "symbols"})


def describe(layers=DEEP, *, length=6, smoothing=0.0, **training):
    return Experiment.model_validate(
        {
            "name": "letters",
            "seed": 5,
            "data": {"source": "invented"},
            "network": {
                "input": {"kind": "tokens", "length": length, "symbols": len(SYMBOLS)},
                "layers": layers,
                "loss": {"kind": "softmax", "label_smoothing": smoothing},
            },
            "training": {"batch_size": 4, "precision": "float32", **training},
        }
    )
