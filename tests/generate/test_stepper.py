"""A network stepped symbol by symbol against torch, which reads the whole text at once."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import one_hot

from vitral.errors import SpecError
from vitral.generate import product as products
from vitral.generate.product import product
from vitral.generate.stepper import Stepper
from vitral.nets import blocks, build
from vitral.spec.network import Network

KINDS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


class Text(nn.Module):
    """The layers of a network that writes text, and what torch makes of them."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        for number, layer in enumerate(layers):
            self.add_module(f"layer{number}", layer)

    def forward(self, tokens: torch.Tensor, num_symbols: int) -> torch.Tensor:
        x = tokens
        for layer in self.children():
            if x is tokens and not isinstance(layer, nn.Embedding):
                x = one_hot(tokens, num_symbols).to(next(self.parameters()).dtype)
            x = layer(x)[0] if isinstance(layer, nn.RNNBase) else layer(x)
        return x


def random(net: nn.Module, seed: int, dtype: torch.dtype = torch.float64) -> nn.Module:
    """Draw the weights anew, in that type from the start, none of them special."""
    generator = torch.Generator().manual_seed(seed)
    net.to(dtype)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64) / max(parameter.shape[-1], 2) ** 0.5)
    return net


def stepped(stepper: Stepper, tokens: torch.Tensor) -> np.ndarray:
    return np.stack([stepper.step(symbol).copy() for symbol in tokens.tolist()])


def asked(net: nn.Module, tokens: torch.Tensor, num_symbols: int) -> np.ndarray:
    with torch.no_grad():
        return net.eval()(tokens[None], num_symbols)[0].numpy()


@settings(max_examples=60, deadline=None)
@given(
    cells=st.lists(st.tuples(st.sampled_from(sorted(KINDS)), st.integers(1, 9), st.booleans()), min_size=1, max_size=3),
    embedding=st.integers(0, 5),
    num_symbols=st.integers(2, 12),
    seed=st.integers(0, 2**31),
)
def test_any_row_of_cells_gives_what_torch_gives(cells, embedding, num_symbols, seed) -> None:
    layers: list[nn.Module] = [nn.Embedding(num_symbols, embedding)] if embedding else []
    size = embedding or num_symbols
    for kind, hidden, bias in cells:
        layers += [KINDS[kind](size, hidden, bias=bias, batch_first=True), nn.Dropout(0.5)]
        size = hidden
    net = random(Text(*layers, nn.Linear(size, num_symbols)), seed)
    tokens = torch.randint(0, num_symbols, (20,), generator=torch.Generator().manual_seed(seed))
    found = stepped(Stepper.of(net, np.float64), tokens)
    np.testing.assert_allclose(found, asked(net, tokens, num_symbols), atol=1e-12)


@pytest.mark.parametrize("kind", [*KINDS, "relu"])
def test_in_float32_it_stays_within_rounding_of_float64(kind) -> None:
    cell = nn.RNN(30, 64, nonlinearity="relu", batch_first=True) if kind == "relu" else KINDS[kind](30, 64, batch_first=True)
    net = random(Text(cell, nn.Linear(64, 30)), 5)
    with torch.no_grad():
        cell.weight_hh_l0.mul_(0.7)  # so that a ReLU's memory does not grow without end
    tokens = torch.randint(0, 30, (200,), generator=torch.Generator().manual_seed(1))
    exact = asked(net, tokens, 30)
    rounded = stepped(Stepper.of(net), tokens)
    assert rounded.dtype == np.float32
    assert np.abs(rounded - exact).max() < 2e-5 * np.abs(exact).max()


def test_activations_and_dense_layers_stand_anywhere() -> None:
    """In front of the cell they become part of the table of symbols, behind it they run at every step."""
    every = [nn.ReLU(), nn.Sigmoid(), nn.Tanh(), nn.GELU(), nn.SiLU(), nn.ELU(), nn.Softplus(), nn.LeakyReLU(0.2), blocks.Scale(1.5)]
    before = [layer for activation in every for layer in (nn.Linear(7, 7), activation)]
    behind = [layer for activation in every for layer in (activation, nn.Linear(7, 7))]
    net = random(Text(nn.Identity(), blocks.Scale(0.5), *before, nn.GRU(7, 7, batch_first=True), *behind), 3)
    tokens = torch.randint(0, 7, (30,), generator=torch.Generator().manual_seed(2))
    np.testing.assert_allclose(stepped(Stepper.of(net, np.float64), tokens), asked(net, tokens, 7), atol=1e-12)


def test_cells_of_several_layers_in_one_module_are_stepped() -> None:
    net = random(Text(nn.LSTM(6, 5, num_layers=3, batch_first=True), nn.Linear(5, 6)), 8)
    tokens = torch.randint(0, 6, (30,), generator=torch.Generator().manual_seed(2))
    np.testing.assert_allclose(stepped(Stepper.of(net, np.float64), tokens), asked(net, tokens, 6), atol=1e-12)


def test_a_network_without_a_memory_looks_its_answer_up() -> None:
    net = random(Text(nn.Embedding(6, 3), nn.Tanh(), nn.Linear(3, 6)), 8)
    tokens = torch.tensor([0, 5, 5, 3])
    stepper = Stepper.of(net, np.float64)
    np.testing.assert_allclose(stepped(stepper, tokens), asked(net, tokens, 6), atol=1e-12)
    assert stepper.memory() == ()


def test_networks_of_our_own_are_stepped_with_every_layer_that_reads_step_by_step() -> None:
    """Whatever a specification allows in a network that predicts the next symbol."""
    rows = [
        ["embedding", "lstm", "dropout", "gru", "dense"],
        ["rnn", "relu", "lstm"],
        ["dense", "tanh", "gru", "scale", "leaky_relu"],
        ["dropout", "rnn_relu", "gelu", "silu", "elu", "softplus", "sigmoid"],
        ["embedding", "dense"],
    ]
    settings = {
        "embedding": {"size": 5},
        "lstm": {"hidden_size": 9, "forget_bias": 1.0},
        "gru": {"hidden_size": 8},
        "rnn": {"hidden_size": 7},
        "rnn_relu": {"kind": "rnn", "hidden_size": 7, "activation": "relu"},
        "dense": {"units": 6},
        "dropout": {"probability": 0.5},
        "scale": {"factor": 0.5},
    }
    tokens = torch.randint(0, 11, (40,), generator=torch.Generator().manual_seed(2))
    for row in rows:
        layers = [{"kind": kind, **settings.get(kind, {})} for kind in row] + [{"kind": "dense", "units": "symbols"}]
        network = Network.model_validate({"input": {"kind": "tokens", "length": 10, "symbols": 11}, "layers": layers})
        assert network.predicts_next
        net = build(network, seed=3)
        with torch.no_grad():
            expected = net.eval()(tokens[None])[0].numpy()
        np.testing.assert_allclose(stepped(Stepper.of(net.train()), tokens), expected, atol=1e-5, err_msg=str(row))


def test_memory_is_copied_brought_back_and_forgotten() -> None:
    net = random(Text(nn.LSTM(6, 5, batch_first=True), nn.GRU(5, 4, batch_first=True), nn.Linear(4, 6)), 8, torch.float32)
    stepper = Stepper.of(net)
    first = stepper.step(3).copy()
    kept = stepper.memory()
    assert [part.shape for part in kept] == [(5,), (5,), (4,)], "h and c of the LSTM, h of the GRU"
    on = [stepper.step(symbol).copy() for symbol in (1, 2, 0)]
    stepper.remember(kept)
    assert all(np.array_equal(stepper.step(symbol), scores) for symbol, scores in zip((1, 2, 0), on, strict=True))
    stepper.forget()
    assert np.array_equal(stepper.step(3), first)
    assert not any(np.shares_memory(a, b) for a in kept for b in stepper.memory())


def test_a_network_in_training_is_read_and_nothing_else() -> None:
    """Weights, gradients, mode and torch's generator stay, and later training does not change the copy."""
    net = random(Text(nn.LSTM(6, 5, batch_first=True), blocks.Dropout(0.5, torch.Generator()), nn.Linear(5, 6)), 8, torch.float32).train()
    net(torch.tensor([[1, 2, 3]]), 6).sum().backward()
    before = {name: (p.detach().clone(), p.grad.clone(), p._version) for name, p in net.named_parameters()}
    state = torch.random.get_rng_state()
    stepper = Stepper.of(net)
    scores = stepper.step(2).copy()
    assert torch.equal(torch.random.get_rng_state(), state)
    assert net.training
    for name, parameter in net.named_parameters():
        assert torch.equal(parameter, before[name][0])
        assert torch.equal(parameter.grad, before[name][1])
        assert parameter._version == before[name][2]
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(1)
    stepper.forget()
    assert np.array_equal(stepper.step(2), scores)


@settings(max_examples=30, deadline=None)
@given(rows=st.integers(1, 70), columns=st.integers(1, 150), largest=st.integers(50, 3000), seed=st.integers(0, 1000))
def test_a_product_in_parts_is_the_product(rows, columns, largest, seed) -> None:
    draw = np.random.default_rng(seed)
    matrix, x, out = draw.standard_normal((rows, columns)), np.zeros(rows), np.empty(columns)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(products, "LARGEST", largest)
        run = product(x, matrix, out)
    x[:] = draw.standard_normal(rows)
    run()
    np.testing.assert_allclose(out, x @ matrix, atol=1e-12)


def test_products_of_any_size_run_on_one_thread() -> None:
    """Threads that wake for every product are slower than one beside anything else that runs: the process spends no more than the thread."""
    import time

    x, out = np.ones(700, np.float32), np.empty(2800, np.float32)
    run = product(x, np.ones((700, 2800), np.float32), out)
    run()
    process, thread = time.process_time(), time.thread_time()
    for _ in range(200):
        run()
    assert time.process_time() - process < 1.3 * (time.thread_time() - thread) + 0.005


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
def test_more_cores_change_no_score(kind: type[nn.RNNBase]) -> None:
    net = nn.Sequential(kind(9, 700), nn.Linear(700, 9))
    few, many = Stepper.of(net), Stepper.of(net, alone=True)
    for symbol in (3, 1, 4, 1, 5):
        np.testing.assert_allclose(many.step(symbol), few.step(symbol), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([nn.LSTM(6, 5, bidirectional=True), nn.Linear(10, 6)], 'layer "layer0": it reads in both directions'),
        ([nn.LSTM(6, 5, proj_size=2), nn.Linear(2, 6)], r'layer "layer0": its activations are projected \(proj_size = 2\)'),
        ([nn.LSTM(6, 5), nn.BatchNorm1d(5), nn.Linear(5, 6)], 'layer "layer1": BatchNorm1d cannot be run one step at a time'),
        ([nn.GELU("tanh"), nn.Linear(5, 6)], 'layer "layer0": GELU is approximated by "tanh"'),
        ([nn.LSTM(6, 5), nn.Linear(5, 7)], "reads 6 different symbols and gives 7 scores"),
        ([nn.ReLU()], "has no layers with weights"),
    ],
)
def test_what_cannot_be_stepped_is_named(layers, message) -> None:
    with pytest.raises(SpecError, match=message):
        Stepper.of(Text(*layers))
