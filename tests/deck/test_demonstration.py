"""The lecture's numbers on the demonstration: L12 and L13, the network and the trainer of ConvNetJS' CIFAR-10 page."""

import pytest

from vitral import spec
from vitral.nets import zoo


@pytest.mark.parametrize("name", ["default", "cifar10-convnetjs"])
def test_l12_the_network_has_22466_parameters_layer_by_layer(name: str) -> None:
    network = zoo.load(name).network
    learned = [str(report.parameters) for report in network.reports if report.parameters.value]
    assert learned == ["16x5x5x3+16 = 1216", "20x5x5x16+20 = 8020", "20x5x5x20+20 = 10020", "10x320+10 = 3210"]
    assert network.num_parameters == 22466


def test_l12_every_layer_has_its_size_filter_and_stride() -> None:
    rows = spec.describe(zoo.load("default")).rows
    assert [(row.name, row.output) for row in rows] == [
        ("input", "3x32x32"),
        ("conv1", "16x32x32"),
        ("relu1", "16x32x32"),
        ("pool1", "16x16x16"),
        ("conv2", "20x16x16"),
        ("relu2", "20x16x16"),
        ("pool2", "20x8x8"),
        ("conv3", "20x8x8"),
        ("relu3", "20x8x8"),
        ("pool3", "20x4x4"),
        ("dense1", "10"),
    ]
    assert (rows[1].settings, rows[3].settings) == ("16@5x5 pad 2", "max 2x2 stride 2")


def test_l13_the_trainer_is_adadelta_with_flips_and_shifts_of_2() -> None:
    experiment = zoo.load("cifar10-convnetjs")
    training, augmentation = experiment.training, experiment.augmentation
    assert (training.optimiser.kind, training.optimiser.rho, training.optimiser.eps) == ("adadelta", 0.95, 1e-8)
    assert (training.batch_size, training.l2_decay, training.optimiser.learning_rate) == (4, 1e-4, 1.0)
    assert (augmentation.flip, augmentation.shift, augmentation.fill) == ("random", 2, "zero")
    assert experiment.data.normalise == "centred"
    convolutions = [layer for layer in experiment.network.layers if isinstance(layer, spec.Convolution)]
    assert [(layer.init, layer.bias_init) for layer in convolutions] == [("lecun", 0.1)] * 3
    assert experiment.network.layers[-1] == spec.Dense(kind="dense", units=10, init="lecun", bias_init=0.0)
