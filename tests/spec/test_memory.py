"""The estimate of memory against what torch really keeps for the backward pass."""

from typing import Any

import pytest
import torch
from torch import nn

from vitral import spec
from vitral.nets import zoo
from vitral.spec.layers import BatchNorm, Convolution, Dense, Dropout, Pooling
from vitral.spec.memory import check, physical

BATCH = 16


def kept(network: nn.Module, x: torch.Tensor) -> int:
    """Bytes of all that autograd saves in one forward pass, weights left out, each storage once."""
    weights = {p.untyped_storage().data_ptr() for p in (*network.parameters(), *network.buffers())}
    storages: dict[int, int] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights and tensor.numel() > 1024:  # not the few numbers a channel of batch norm
            storages[storage.data_ptr()] = storage.nbytes()
        held.append(tensor)  # else its address would be used again
        return tensor

    held: list[torch.Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        network(x)
    return sum(storages.values())


NETWORKS: dict[str, tuple[list[Any], nn.Module]] = {
    "lecture": (
        [Convolution(filters=16, size=5, padding=2), spec.Activation(kind="relu"), Pooling(), Dense(units=10)],
        nn.Sequential(nn.Conv2d(3, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16 * 256, 10)),
    ),
    "norm": (
        [Convolution(filters=8, size=3), BatchNorm(), spec.Activation(kind="relu"), Convolution(filters=8, size=3), Dense(units=10)],
        nn.Sequential(
            nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.Flatten(), nn.Linear(8 * 28 * 28, 10)
        ),
    ),
    "dropout": (
        [Dense(units=2048), spec.Activation(kind="gelu"), Dropout(), Dense(units=2048), spec.Activation(kind="tanh"), Dense(units=10)],
        nn.Sequential(
            nn.Flatten(), nn.Linear(3072, 2048), nn.GELU(), nn.Dropout(), nn.Linear(2048, 2048), nn.Tanh(), nn.Linear(2048, 10)
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
def test_activations_are_what_autograd_keeps_and_little_more(name: str) -> None:
    layers, network = NETWORKS[name]
    experiment = spec.Experiment(
        name="x",
        data=spec.Data(source="y"),
        network=spec.Network(input=(3, 32, 32), layers=layers),
        training=spec.Training(batch_size=BATCH),
    )
    torch.manual_seed(0)
    memory = spec.estimate(experiment)
    real = kept(network, torch.randn(BATCH, 3, 32, 32))
    assert real <= memory.activations + memory.batch <= 1.8 * real


@pytest.mark.parametrize(
    ("kind", "make"),
    [
        ("sgd", lambda p: torch.optim.SGD(p, lr=0.1)),
        ("momentum", lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9)),
        ("nesterov", lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True)),
        ("adagrad", torch.optim.Adagrad),
        ("rmsprop", lambda p: torch.optim.RMSprop(p, momentum=0.9)),
        ("adadelta", torch.optim.Adadelta),
        ("adam", torch.optim.Adam),
        ("adamw", torch.optim.AdamW),
    ],
)
def test_optimisers_remember_as_many_numbers_as_torchs_do(kind: str, make: Any) -> None:
    layers = nn.Sequential(nn.Conv2d(3, 16, 5), nn.Flatten(), nn.Linear(16 * 28 * 28, 10))
    optimiser = make(layers.parameters())
    layers(torch.randn(2, 3, 32, 32)).sum().backward()
    optimiser.step()
    state = [value for entry in optimiser.state.values() for value in entry.values() if torch.is_tensor(value) and value.dim()]
    experiment = spec.Experiment(
        name="x",
        data=spec.Data(source="y"),
        network=spec.Network(input=(3, 32, 32), layers=[Convolution(filters=16, size=5), Dense(units=10)]),
        training=spec.Training(optimiser=spec.Optimiser(kind=kind)),
    )
    memory = spec.estimate(experiment)
    assert memory.optimiser == sum(value.nbytes for value in state)
    assert memory.weights == memory.gradients == 4 * sum(p.numel() for p in layers.parameters())


def test_muon_moves_the_matrices_and_others_the_rest() -> None:
    fast = zoo.load("cifar10-fast")
    memory = spec.estimate(fast)
    # one number a kernel or dense weight (muon) and one a bias or shift (nesterov); the whitening kernels never move
    assert memory.optimiser == 4 * (fast.network.num_parameters - 24 * 2 * 2 * 3)
    default = spec.estimate(zoo.load("default", ["training.optimiser={kind = 'muon', learning_rate = 0.01}"]))
    # adamw remembers two numbers of each of the last layer's weights and of every bias, muon one of each kernel's
    assert default.optimiser == 4 * (2 * 3210 + 2 * (16 + 20 + 20) + (1216 + 8020 + 10020) - (16 + 20 + 20))


def test_frozen_layers_have_neither_gradient_nor_state() -> None:
    memory = spec.estimate(zoo.load("default", ["network.layers.conv1.learning_rate_factor=0"]))
    assert (memory.layers[0].weights, memory.layers[0].gradients, memory.layers[0].optimiser) == (4 * 1216, 0, 0)


def test_an_average_and_bfloat16_are_counted() -> None:
    plain = spec.estimate(zoo.load("default"))
    averaged = spec.estimate(zoo.load("default", ["training.average=0.99"]))
    assert averaged.average == averaged.weights
    assert plain.average == 0
    half = spec.estimate(zoo.load("default", ["training.precision=bfloat16"]))
    assert half.batch * 2 == plain.batch


def test_activations_grow_with_the_batch_and_weights_do_not() -> None:
    small = spec.estimate(zoo.load("default", ["training.batch_size=10"]))
    large = spec.estimate(zoo.load("default", ["training.batch_size=100"]))
    assert large.activations == 10 * small.activations
    assert large.weights == small.weights


def test_the_limit_is_the_machines_memory() -> None:
    assert physical() > 2**28
    memory = check(zoo.load("default"), 2**40)
    assert memory.costliest.name == "conv1"


@pytest.mark.parametrize(
    ("num_bytes", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (89_864, "90 kB"), (2**40, "1.1 TB"), (10**21, "1000 EB")]
)
def test_bytes_are_written_for_people(num_bytes: int, text: str) -> None:
    assert spec.amount(num_bytes) == text
