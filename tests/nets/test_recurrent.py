"""The recurrent cells against torch's own in float64, short sequences against each one alone, carried memory against one long window."""

# B batch  T time  F features  V vocabulary  D hidden

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from vitral.errors import StoreError
from vitral.nets import build
from vitral.nets.recurrent import Gru, Lstm, Rnn
from vitral.nets.sequences import Sequences
from vitral.nets.unrolled import Columns
from vitral.spec.network import Network

KINDS = [(Rnn, nn.RNN, {}), (Rnn, nn.RNN, {"nonlinearity": "relu"}), (Lstm, nn.LSTM, {}), (Gru, nn.GRU, {})]
each_kind = pytest.mark.parametrize(("ours", "theirs", "options"), KINDS, ids=["rnn", "relu", "lstm", "gru"])


def pair(ours, theirs, options, f, d, *, seed=0, dtype=torch.float64, bidirectional=False):
    """A cell of ours and torch's with the same random weights."""
    source = torch.Generator().manual_seed(seed)
    cells = [kind(f, d, batch_first=True, dtype=dtype, bidirectional=bidirectional, **options) for kind in (ours, theirs)]
    with torch.no_grad():
        for mine, other in zip(*(cell.parameters() for cell in cells), strict=True):
            mine.copy_(torch.randn(mine.shape, dtype=dtype, generator=source) * 0.6)
            other.copy_(mine)
    return cells


def random(*shape, seed=1, dtype=torch.float64):
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def grown(y, cell, *others):
    """Gradients of a lopsided sum of y."""
    push = random(*y.shape, seed=9, dtype=y.dtype)
    return torch.autograd.grad((y * push).sum(), [*cell.parameters(), *others])


def close(a, b, atol=1e-11):
    torch.testing.assert_close(a, b, atol=atol, rtol=1e-11 if atol < 1e-8 else 1e-4)


@each_kind
@settings(max_examples=15, deadline=None)
@given(b=st.integers(1, 5), t=st.integers(1, 9), f=st.integers(1, 5), d=st.integers(1, 6), both=st.booleans(), seed=st.integers(0, 2**20))
def test_numbers_and_gradients_are_torchs(ours, theirs, options, b, t, f, d, both, seed):
    mine, other = pair(ours, theirs, options, f, d, seed=seed, bidirectional=both)
    x = random(b, t, f, seed=seed + 1).requires_grad_()
    y, (expected, _) = mine(x), other(x)
    close(y, expected)
    for got, wanted in zip(grown(y, mine, x), grown(expected, other, x), strict=True):
        close(got, wanted)


@each_kind
@pytest.mark.parametrize("both", [False, True])
def test_float32_agrees_to_rounding(ours, theirs, options, both):
    mine, other = pair(ours, theirs, options, 5, 32, dtype=torch.float32, bidirectional=both)
    for cell in (mine, other):
        with torch.no_grad():
            for p in cell.parameters():
                p.mul_(0.3)
    x = random(4, 20, 5, dtype=torch.float32).requires_grad_()
    y, expected = mine._run_unrolled(x, None, mine._first(x))[0], other(x)[0]
    close(mine(x), expected, 1e-5)
    close(y, expected, 1e-5)
    for got, wanted in zip(grown(y, mine, x), grown(expected, other, x), strict=True):
        close(got, wanted, 1e-4)


@each_kind
def test_gradients_reach_the_memory_before_the_first_step(ours, theirs, options):
    mine, other = pair(ours, theirs, options, 3, 4)
    x = random(2, 5, 3)
    first = [random(1, 2, 4, seed=n).requires_grad_() for n in range(mine.num_memories)]
    y, last = mine._run_unrolled(x, None, tuple(first))
    expected, torchs = other(x, tuple(first) if len(first) > 1 else first[0])
    close(y, expected)
    for got, wanted in zip(last, torchs if len(first) > 1 else [torchs], strict=True):
        close(got, wanted.detach())
    for got, wanted in zip(grown(y, mine, *first), grown(expected, other, *first), strict=True):
        close(got, wanted)


@each_kind
@pytest.mark.parametrize("both", [False, True])
def test_codes_are_one_hot_vectors(ours, theirs, options, both):
    mine, other = pair(ours, theirs, options, 11, 6, bidirectional=both)
    codes = torch.randint(0, 11, (4, 7), generator=torch.Generator().manual_seed(3))
    y, (expected, _) = mine(codes), other(F.one_hot(codes, 11).double())
    close(y, expected)
    for got, wanted in zip(grown(y, mine), grown(expected, other), strict=True):
        close(got, wanted)


@each_kind
@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("lengths", [[3, 7, 1, 5], [7, 7, 7, 7], [2, 2, 1, 1], [1, 1, 1, 1]])
def test_each_sequence_is_read_as_if_it_were_alone(ours, theirs, options, both, lengths):
    mine, other = pair(ours, theirs, options, 3, 5, bidirectional=both)
    x = random(4, 7, 3)
    for row, length in zip(x, lengths, strict=True):
        row[length:] = 0
    x.requires_grad_()
    y, same = mine(Sequences(x, torch.tensor(lengths)))
    assert same.tolist() == lengths
    alone = torch.stack([F.pad(other(row[None, :n])[0][0], (0, 0, 0, 7 - n)) for row, n in zip(x, lengths, strict=True)])
    close(y, alone)
    for row, length in zip(y, lengths, strict=True):
        assert not row[length:].any()
    for got, wanted in zip(grown(y, mine, x), grown(alone, other, x), strict=True):
        close(got, wanted)


@each_kind
def test_what_lies_behind_an_end_has_no_influence(ours, theirs, options):
    mine, _ = pair(ours, theirs, options, 3, 5, bidirectional=True)
    x, lengths = random(3, 6, 3), torch.tensor([4, 2, 6])
    changed = x.clone()
    changed[0, 4:], changed[1, 2:] = 1e9, -1e9
    assert torch.equal(mine(Sequences(x, lengths)).values, mine(Sequences(changed, lengths)).values)


@each_kind
def test_two_windows_with_carried_memory_are_one_long_window(ours, theirs, options):
    mine, _ = pair(ours, theirs, options, 3, 5)
    x = random(2, 10, 3)
    whole = mine(x)
    mine.carries = True
    close(torch.cat([mine(x[:, :4]), mine(x[:, 4:])], 1), whole, 1e-14)
    assert all(not part.requires_grad for part in mine.memory)
    assert torch.equal(mine(x[:1]), pair(ours, theirs, options, 3, 5)[0](x[:1]))  # another batch size: blank


@each_kind
def test_carried_memory_of_short_sequences_is_that_of_their_own_last_step(ours, theirs, options):
    mine, other = pair(ours, theirs, options, 3, 5)
    mine.carries = True
    x, lengths = random(3, 6, 3), [4, 6, 1]
    mine(Sequences(x, torch.tensor(lengths)))
    for n, length in enumerate(lengths):
        _, last = other(x[n : n + 1, :length])
        for got, wanted in zip(mine.memory, last if isinstance(last, tuple) else [last], strict=True):
            close(got[:, n : n + 1], wanted.detach())


@each_kind
@pytest.mark.parametrize("unrolled", [False, True])
def test_bfloat16_is_close_to_float32_and_its_memory_is_handed_on_in_float32(ours, theirs, options, unrolled):
    mine, _ = pair(ours, theirs, options, 20, 32, dtype=torch.float32)
    with torch.no_grad():
        for p in mine.parameters():
            p.mul_(0.3)
    codes = torch.randint(0, 20, (8, 30), generator=torch.Generator().manual_seed(3))
    y = mine(codes)
    mine.carries = True
    with torch.autocast("cpu", torch.bfloat16):
        low = mine(Sequences(codes, torch.full((8,), 30))).values if unrolled else mine(codes)
    assert low.dtype is torch.bfloat16
    assert all(part.dtype is torch.float32 for part in mine.memory)
    assert (low - y).abs().max() < 0.06
    exact, rough = grown(y, mine), grown(low.float(), mine)
    for fine, coarse in zip(exact, rough, strict=True):
        assert coarse.dtype is torch.float32
        assert (fine - coarse).norm() < (0.1 if options else 0.03) * fine.norm()  # a ReLU may open or close by rounding


@pytest.mark.parametrize("ours", [Lstm, Gru])
def test_a_memory_may_change_by_less_than_bfloat16_can_show(ours):
    """Kept in bfloat16, a memory of 1 that gains 1/1000 a step stays at 1."""
    d = 400  # a smaller LSTM is oneDNN's, which does keep it in bfloat16
    cell = ours(1, d, batch_first=True)
    with torch.no_grad():
        for p in cell.parameters():
            p.zero_()
        if ours is Lstm:  # i = f = 1, g = 1/1000
            cell.bias_ih_l0[: 2 * d], cell.bias_ih_l0[2 * d : 3 * d] = 20, 0.001
        else:  # z = 1 - 1/1000, n = 1
            cell.bias_ih_l0[d : 2 * d], cell.bias_ih_l0[2 * d :] = 6.9, 20
    cell.carries = True
    cell.memory = tuple(torch.ones(1, 2, d) * (1 if ours is Lstm else 0.5) for _ in range(cell.num_memories))
    with torch.autocast("cpu", torch.bfloat16):
        cell(torch.zeros(2, 100, 1))
    expected = 1 + 100 * 0.001 if ours is Lstm else 1 - 0.5 * 0.999**100
    torch.testing.assert_close(cell.memory[-1], torch.full((1, 2, d), expected), rtol=0.005, atol=0)


def test_gradients_of_a_frequent_symbol_are_summed_in_float32():
    """Summed one by one in bfloat16, ten thousand ones stop at 256."""
    weight, bias = torch.zeros(2, 3, requires_grad=True), torch.zeros(2, requires_grad=True)
    codes = torch.ones(100, 101, dtype=torch.int64)
    Columns.apply(codes, weight, bias, torch.bfloat16).backward(torch.ones(100, 101, 2, dtype=torch.bfloat16))
    assert weight.grad.tolist() == [[0, 10_100, 0]] * 2
    assert bias.grad.tolist() == [10_100] * 2


@each_kind
@pytest.mark.parametrize("lowers", [False, True])
@pytest.mark.parametrize("short", [False, True])
def test_the_same_bits_each_time(ours, theirs, options, lowers, short):
    def run():
        mine, _ = pair(ours, theirs, options, 40, 64, dtype=torch.float32, bidirectional=True)
        codes = torch.randint(0, 40, (50, 30), generator=torch.Generator().manual_seed(3))
        with torch.autocast("cpu", torch.bfloat16, enabled=lowers):
            y = (mine(Sequences(codes, torch.arange(50) % 30 + 1)).values if short else mine(codes)).float()
        return [y, *grown(y, mine)]

    for first, second in zip(run(), run(), strict=True):
        assert torch.equal(first, second)


@each_kind
def test_a_cell_on_a_gpu_would_hand_all_to_torch(ours, theirs, options):
    """The way of GPUs, walked on the CPU."""
    mine, _ = pair(ours, theirs, options, 3, 5, bidirectional=True)
    x, lengths = random(3, 6, 3), torch.tensor([4, 6, 1])
    memory = mine._first(x)
    for asked in (None, lengths):
        y, last = mine._run_unrolled(x, asked, memory)
        fused, torchs = mine._run_fused(x, asked, memory)
        close(y, fused)
        for got, wanted in zip(last, torchs, strict=True):
            close(got, wanted)


def tokens(*layers, length=10, symbols=13, **options):
    return Network.model_validate({"input": {"kind": "tokens", "length": length, "symbols": symbols}, "layers": layers, **options})


def series(*layers, length=10, features=4, **options):
    return Network.model_validate({"input": {"kind": "series", "length": length, "features": features}, "layers": layers, **options})


DEEP = [
    {"kind": "lstm", "hidden_size": 6},
    {"kind": "dropout", "probability": 0.3},
    {"kind": "gru", "hidden_size": 5},
    {"kind": "dense", "units": "symbols"},
]


def test_a_network_of_cells_has_torchs_names_and_the_specifications_numbers():
    net = build(tokens({"kind": "embedding", "size": 3}, *DEEP), seed=0)
    names = [f"{name}_l0" for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
    assert [name for name, _ in net.lstm1.named_parameters()] == names
    both = build(series({"kind": "rnn", "hidden_size": 3, "bidirectional": True}, {"kind": "over_time"}), seed=0)
    assert [name for name, _ in both.rnn1.named_parameters()] == [*names, *(f"{name}_reverse" for name in names)]
    assert {learned.name for learned in net.learned if learned.decays} == {
        "embed1.weight",
        "lstm1.weight_ih_l0",
        "lstm1.weight_hh_l0",
        "gru1.weight_ih_l0",
        "gru1.weight_hh_l0",
        "dense1.weight",
    }


def test_first_weights_are_uniform_and_nothing_global_is_drawn():
    before = torch.get_rng_state()
    net = build(tokens({"kind": "lstm", "hidden_size": 100, "forget_bias": 1.5}, *DEEP[1:]), seed=4)
    net.train()
    net(torch.zeros(2, 10, dtype=torch.int64)).sum().backward()
    assert torch.equal(torch.get_rng_state(), before)
    for name, parameter in net.lstm1.named_parameters():
        if name.startswith("weight"):
            assert 0.099 < parameter.abs().max() <= 0.1
            assert parameter.std().item() == pytest.approx(0.1 / 3**0.5, rel=0.02)
    plain = build(tokens({"kind": "lstm", "hidden_size": 100}, *DEEP[1:]), seed=4)
    close(net.lstm1.bias_ih_l0[100:200], plain.lstm1.bias_ih_l0[100:200] + 1.5)
    close(net.lstm1.bias_ih_l0[200:], plain.lstm1.bias_ih_l0[200:])
    assert torch.equal(net.lstm1.bias_hh_l0, plain.lstm1.bias_hh_l0)


def test_memories_are_kept_given_set_and_laid_aside():
    net = build(tokens(*DEEP), seed=0).double().eval()
    codes = torch.randint(0, 13, (3, 20), generator=torch.Generator().manual_seed(3))
    whole = net(codes)
    assert net.memories() == {}
    net.carry()
    first = net(codes[:, :9])
    kept = net.memories()
    assert list(kept) == ["lstm1.h", "lstm1.c", "gru1.h"]
    with net.aside():
        close(net(codes), whole, 1e-14)
    second = net(codes[:, 9:])
    close(torch.cat([first, second], 1), whole, 1e-14)
    net.remember(kept)
    assert torch.equal(net(codes[:, 9:]), second)
    net.forget()
    close(net(codes), whole, 1e-14)
    net.carry(False)
    assert net.memories() == {}
    close(net(codes), whole, 1e-14)


def test_memories_of_another_network_are_refused():
    net = build(tokens(*DEEP), seed=0)
    with pytest.raises(StoreError, match='no layer has "lstm2.h"'):
        net.remember({"lstm2.h": torch.zeros(1, 2, 6)})
    with pytest.raises(StoreError, match=r'"lstm1.c" missing, expected \(1, B, 6\)'):
        net.remember({"lstm1.h": torch.zeros(1, 2, 6)})
    with pytest.raises(StoreError, match=r'"gru1.h" \(1, 2, 6\), expected \(1, B, 5\)'):
        net.remember({"gru1.h": torch.zeros(1, 2, 6)})


def test_weights_of_sequences_stay_as_they_are_in_channels_last():
    net = build(
        series(
            {"kind": "convolution_1d", "filters": 4, "size": 3}, {"kind": "lstm", "hidden_size": 5}, {"kind": "over_time"}, loss=REGRESSION
        ),
        seed=0,
    )
    x = random(2, 10, 4, dtype=torch.float32)
    y = net(x)
    assert torch.equal(net.to(memory_format=torch.channels_last)(x), y)


REGRESSION = {"kind": "regression"}

LAYERS = [
    {"kind": "convolution_1d", "filters": 5, "size": 3},
    {"kind": "convolution_1d", "filters": 5, "size": 4, "padding": "same"},
    {"kind": "convolution_1d", "filters": 5, "size": 3, "padding": 1, "stride": 2},
    {"kind": "pooling_1d", "size": 3},
    {"kind": "pooling_1d", "size": 2, "mode": "average"},
    {"kind": "dense", "units": 3},
    {"kind": "sigmoid"},
    {"kind": "gru", "hidden_size": 4, "bidirectional": True},
]


@pytest.mark.parametrize("mode", ["last", "mean", "max"])
@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: "-".join(map(str, layer.values())))
@pytest.mark.parametrize("reads", ["numbers", "codes"])
def test_sequences_of_different_lengths_pass_every_layer_as_if_alone(layer, mode, reads):
    layers = [layer, {"kind": "over_time", "mode": mode}]
    lengths = torch.tensor([4, 10, 7, 6])
    if reads == "codes":
        if layer["kind"] in {"sigmoid", "pooling_1d"}:
            pytest.skip("reads numbers only")
        net = build(tokens(*layers, loss=REGRESSION), seed=2).double()
        x = torch.randint(0, 13, (4, 10), generator=torch.Generator().manual_seed(3))
    else:
        net = build(series(*layers, loss=REGRESSION), seed=2).double()
        x = random(4, 10, 4)
    for row, length in zip(x, lengths, strict=True):
        row[length:] = 0
    alone = torch.cat([net(row[None, :length]) for row, length in zip(x, lengths, strict=True)])
    close(net(Sequences(x, lengths)), alone)


@pytest.mark.parametrize("mode", ["max", "average"])
def test_a_sequence_shorter_than_a_stretch_is_pooled_over_the_steps_that_it_has(mode):
    net = build(series({"kind": "pooling_1d", "size": 5, "mode": mode}, {"kind": "over_time"}, loss=REGRESSION), seed=0)
    x = F.pad(-random(2, 3, 4).abs(), (0, 0, 0, 7))
    expected = x[:, :3].amax(1) if mode == "max" else x[:, :3].mean(1)
    close(net(Sequences(x, torch.tensor([3, 3]))), expected)


def test_the_last_step_of_two_directions_is_the_first_of_the_second():
    between = [{"kind": "dropout"}, {"kind": "tanh"}]
    net = build(series({"kind": "lstm", "hidden_size": 3, "bidirectional": True}, *between, {"kind": "over_time"}, loss=REGRESSION), seed=0)
    net.double().eval()
    x = random(2, 10, 4)
    _, (h, _) = nn.LSTM.forward(net.lstm1, x)
    close(net(x), torch.cat(list(h), 1).tanh())
    mixed = build(
        series(
            {"kind": "lstm", "hidden_size": 3, "bidirectional": True}, {"kind": "dense", "units": 6}, {"kind": "over_time"}, loss=REGRESSION
        ),
        seed=0,
    )
    assert not mixed.over_time1.halves


def test_repeat_hands_a_vector_to_every_step():
    net = build(
        series(
            {"kind": "over_time"},
            {"kind": "repeat", "length": 3},
            {"kind": "rnn", "hidden_size": 2},
            {"kind": "over_time"},
            loss=REGRESSION,
        ),
        seed=0,
    )
    x = random(2, 10, 4, dtype=torch.float32)
    close(net(x), net.rnn1(x[:, -1:].repeat(1, 3, 1))[:, -1], 1e-6)


def test_convolution_along_time_is_torchs():
    net = build(
        series(
            {"kind": "convolution_1d", "filters": 5, "size": 3, "stride": 2, "padding": 1},
            {"kind": "over_time", "mode": "mean"},
            loss=REGRESSION,
        ),
        seed=0,
    ).double()
    x = random(2, 10, 4)
    close(net(x), F.conv1d(x.transpose(1, 2), net.conv1.weight, net.conv1.bias, stride=2, padding=1).mean(2))


def test_a_frozen_cell_hands_gradients_on_and_keeps_its_weights():
    net = build(
        tokens({"kind": "embedding", "size": 3}, {"kind": "lstm", "hidden_size": 4, "learning_rate_factor": 0.0}, *DEEP[3:]), seed=0
    )
    net(torch.zeros(2, 10, dtype=torch.int64)).sum().backward()
    assert net.embed1.weight.grad.any()
    assert all(p.grad is None for p in net.lstm1.parameters())
