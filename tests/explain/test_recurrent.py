import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from oracle import LIMIT, error, leaf, many

from vitral.errors import DataError, ShapeError, SpecError
from vitral.explain import fade, unfold_gru, unfold_lstm, unfold_rnn

CELLS = {"rnn": (unfold_rnn, torch.nn.RNN, 1), "lstm": (unfold_lstm, torch.nn.LSTM, 4), "gru": (unfold_gru, torch.nn.GRU, 3)}
NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
kinds = pytest.mark.parametrize("kind", CELLS)


def numbers(kind, steps, features, size, seed):
    rng = np.random.default_rng(seed)
    rows = CELLS[kind][2] * size
    weights = dict(zip(NAMES, (rng.normal(size=s) for s in ((rows, features), (rows, size), rows, rows)), strict=True))
    memory = {"hidden": rng.normal(size=size)} | ({"cell": rng.normal(size=size)} if kind == "lstm" else {})
    return rng, {"x": rng.normal(size=(steps, features)), **weights, **memory}


def in_torch(kind, given, **settings):
    module = CELLS[kind][1](given["x"].shape[1], len(given["hidden"]), dtype=torch.float64, **settings)
    with torch.no_grad():
        for name in NAMES:
            getattr(module, f"{name}_l0").copy_(torch.tensor(given[name]))
    leaves = {name: leaf(given[name]) for name in ("x", "hidden", "cell") if name in given}
    first = tuple(leaves[name][None] for name in ("hidden", "cell") if name in leaves)
    output, last = module(leaves["x"], first if kind == "lstm" else first[0])
    leaves |= {name: getattr(module, f"{name}_l0") for name in NAMES}
    return output, last[1][0] if kind == "lstm" else None, leaves


@kinds
@many
@given(steps=st.integers(1, 5), features=st.integers(1, 4), size=st.integers(1, 4), seed=st.integers(0, 2**32 - 1))
def test_forward_and_gradient_are_torchs(kind, steps, features, size, seed):
    rng, given_numbers = numbers(kind, steps, features, size, seed)
    trace = CELLS[kind][0](**given_numbers)
    output, cell, leaves = in_torch(kind, given_numbers)
    assert error(trace.output, output) <= LIMIT
    upstream, upstream_cell = rng.normal(size=(steps, size)), rng.normal(size=size) if kind == "lstm" else None
    loss = (output * torch.tensor(upstream)).sum()
    if cell is not None:
        assert error(trace.ticks[-1].cell, cell) <= LIMIT
        loss = loss + (cell * torch.tensor(upstream_cell)).sum()
    loss.backward()
    backward = trace.backward(upstream, *([] if upstream_cell is None else [upstream_cell]))
    for name, tensor in leaves.items():
        assert error(backward.total(name), tensor.grad, 1.0) <= LIMIT, name


def test_the_relu_of_an_rnn_is_torchs():
    _, given_numbers = numbers("rnn", 4, 2, 3, 8)
    assert error(unfold_rnn(**given_numbers, function="relu").output, in_torch("rnn", given_numbers, nonlinearity="relu")[0]) <= LIMIT


@kinds
def test_unfolded_is_the_folded_loop_over_single_steps(kind):
    _, given_numbers = numbers(kind, 6, 3, 4, 4)
    whole = CELLS[kind][0](**given_numbers)
    memory = {name: given_numbers.pop(name) for name in ("hidden", "cell") if name in given_numbers}
    x = given_numbers.pop("x")
    for t in range(6):
        (tick,) = CELLS[kind][0](x=x[t : t + 1], **given_numbers, **memory).ticks
        assert np.array_equal(tick.hidden, whole.output[t])
        memory = {"hidden": tick.hidden} | ({"cell": tick.cell} if kind == "lstm" else {})


@kinds
def test_every_order_of_the_gates_gives_another_answer(kind):
    from itertools import permutations

    _, given_numbers = numbers(kind, 3, 2, 3, 5)
    size, gates = 3, CELLS[kind][2]
    answers = []
    for order in permutations(range(gates)):
        rows = np.concatenate([np.arange(n * size, (n + 1) * size) for n in order])
        moved = given_numbers | {name: given_numbers[name][rows] for name in NAMES}
        answers.append(CELLS[kind][0](**moved).output)
    assert all(np.abs(answers[0] - other).max() > 1e-3 for other in answers[1:])


def test_a_grus_two_biases_are_not_one():
    _, given_numbers = numbers("gru", 3, 2, 3, 6)
    swapped = given_numbers | {"bias_ih": given_numbers["bias_hh"], "bias_hh": given_numbers["bias_ih"]}
    assert np.abs(unfold_gru(**given_numbers).output - unfold_gru(**swapped).output).max() > 1e-3


def test_permute_the_units_and_the_memory_permutes():
    _, given_numbers = numbers("lstm", 4, 2, 3, 9)
    order = np.array([2, 0, 1])
    rows = np.concatenate([n * 3 + order for n in range(4)])
    moved = {name: given_numbers[name][rows] for name in NAMES} | {name: given_numbers[name][order] for name in ("hidden", "cell")}
    moved["weight_hh"] = moved["weight_hh"][:, order]
    assert np.allclose(
        unfold_lstm(given_numbers["x"], **moved).output, unfold_lstm(**given_numbers).output[:, order], rtol=1e-13, atol=1e-15
    )


def test_one_step_names_every_product_of_every_gate():
    _, given_numbers = numbers("lstm", 2, 3, 2, 10)
    trace = unfold_lstm(**given_numbers)
    tick = trace.at(1)
    assert [gate.symbol for gate in tick.gates] == ["i", "f", "g", "o"]
    assert np.array_equal(tick["f"].input_products, given_numbers["weight_ih"][2:4] * given_numbers["x"][1])
    assert np.array_equal(tick["o"].hidden_products, given_numbers["weight_hh"][6:8] * trace.at(0).hidden)
    stages = [step.part for step in tick.steps if step.part in ("learn", "forget", "remember", "use")]
    assert stages == ["learn", "forget", "remember", "use", "use"]
    assert np.allclose(tick.cell, tick.kept + tick.learned)
    assert tick.value is tick.hidden


@kinds
def test_a_weights_gradient_is_a_sum_over_time_with_a_difference_beside_it(kind):
    rng, given_numbers = numbers(kind, 5, 2, 3, 11)
    backward = CELLS[kind][0](**given_numbers).backward(rng.normal(size=(5, 3)))
    for name in (*NAMES, "x", "hidden", *(["cell"] if kind == "lstm" else [])):
        place = tuple(int(i) for i in rng.integers(given_numbers[name].shape))
        gradient = backward.of(name, *place)
        assert gradient.value == backward.total(name)[place]
        assert gradient.check.deviation < 1e-7
        if name in NAMES:
            assert gradient.places[:, 0].tolist() == [0, 1, 2, 3, 4]


def test_a_step_back_shows_its_own_arithmetic():
    for kind, count in (("rnn", 1), ("lstm", 6), ("gru", 4)):
        rng, given_numbers = numbers(kind, 3, 2, 2, 12)
        backward = CELLS[kind][0](**given_numbers).backward(rng.normal(size=(3, 2)))
        assert len(backward.at(1).steps) == count
        for step in backward.at(1).steps:
            if step.sign == "×":
                assert np.allclose(np.prod([part.values for part in step.operands], axis=0), step.value.values)


def test_an_rnn_forgets_where_an_lstm_keeps():
    steps = 12
    plain = unfold_rnn(np.zeros((steps, 1)), [[1.0]], [[0.5]])
    assert fade(plain).survival == pytest.approx(0.5 ** np.arange(steps)[::-1])
    assert fade(plain).cell_survival is None
    keeper = unfold_lstm(np.zeros((steps, 1)), np.zeros((4, 1)), np.zeros((4, 1)), [0, 6, 0, 0])
    open_valve = 1 / (1 + np.exp(-6))
    assert fade(keeper).cell_survival == pytest.approx(open_valve ** np.arange(steps)[::-1])


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"x": []}, ShapeError, r"the sequence is empty; give at least one step, as \[\[1.0, 0.0\]\]"),
        ({"x": np.zeros((0, 2))}, ShapeError, "the sequence is empty"),
        ({"x": [1.0]}, ShapeError, r"x must have 2 axes \(T, F\), got 1"),
        ({"x": [[1.0, np.nan]]}, DataError, r"x holds NaN at \(0, 1\)"),
        ({"x": [[1.0]]}, ShapeError, r"weight_ih \(8x2\) reads 2 features but the data have 1; give it 1 columns"),
        (
            {"weight_ih": np.ones((6, 2))},
            ShapeError,
            r"weight_ih \(6x2\) has 6 rows but an LSTM with 2 hidden units needs 4 x 2 = 8 \(i, f, g, o\)",
        ),
        ({"bias_ih": [1.0]}, ShapeError, "bias_ih is 1 but the weights ask for 8"),
        ({"cell": [1.0]}, ShapeError, "cell is 1 but the weights ask for 2"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(changes, kind, message):
    rng = np.random.default_rng(0)
    fine = {"x": rng.normal(size=(3, 2)), "weight_ih": rng.normal(size=(8, 2)), "weight_hh": rng.normal(size=(8, 2))}
    with pytest.raises(kind, match=message) as told:
        unfold_lstm(**(fine | changes))
    assert "\n" not in str(told.value)


def test_a_step_that_is_not_there_and_a_cell_state_that_is_not():
    trace = unfold_rnn([[1.0]], [[1.0]], [[1.0]])
    with pytest.raises(ShapeError, match=r"there is no step \(1,\): the output is 1, the last place is \(0\)"):
        trace.at(1)
    with pytest.raises(SpecError, match="rnn has no cell state; leave upstream_cell out"):
        trace.backward(upstream_cell=[1.0])
    with pytest.raises(SpecError, match='function must be one of tanh, relu, got "elu"'):
        unfold_rnn([[1.0]], [[1.0]], [[1.0]], function="elu")
