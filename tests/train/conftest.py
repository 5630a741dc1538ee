"""Small experiments on invented images, for tests of training; those on texts and series stand in ``lettering`` and ``counting``."""

import sys
from pathlib import Path

import pytest
import torch

from vitral.data.dataset import Dataset, Examples
from vitral.spec.experiment import Experiment

sys.path.insert(0, str(Path(__file__).parent))

SMALL = (
    {"kind": "convolution", "filters": 6, "size": 3, "padding": 1},
    {"kind": "batch_norm"},
    {"kind": "relu"},
    {"kind": "pooling"},
    {"kind": "dropout", "probability": 0.2},
    {"kind": "dense", "units": 3},
)


def invent(num_train=100, num_test=40, *, seed=0, regression=False):
    """Images of noise in which one colour is brighter: the class."""
    source = torch.Generator().manual_seed(seed)

    def examples(count):
        classes = torch.randint(0, 3, (count,), generator=source)
        pixels = torch.randint(0, 156, (count, 8, 8, 3), generator=source, dtype=torch.uint8)
        pixels[torch.arange(count), :, :, classes] += 100
        return Examples(pixels, torch.nn.functional.one_hot(classes, 3).float() if regression else classes)

    train, test = examples(num_train), examples(num_test)
    return Dataset("invented", () if regression else ("red", "green", "blue"), train, test, None, f"{seed}")


def describe(layers=SMALL, *, loss="softmax", flip="random", **training):
    return Experiment.model_validate(
        {
            "name": "small",
            "seed": 11,
            "data": {"source": "invented"},
            "augmentation": {"flip": flip, "shift": 1},
            "network": {"input": (3, 8, 8), "layers": layers, "loss": {"kind": loss}},
            "training": {"batch_size": 32, **training},
        }
    )


@pytest.fixture(scope="session")
def dataset():
    return invent()


@pytest.fixture(scope="session")
def make_dataset():
    return invent


@pytest.fixture(scope="session")
def experiment():
    """A function that gives an experiment; its keywords are those of training."""
    return describe
