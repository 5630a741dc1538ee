"""Pooling, activations, dense, softmax, norms and dropout against torch."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from oracle import compare, leaf, many

from vitral.errors import DataError, ShapeError, SpecError
from vitral.explain import activate, cross_entropy, drop, join, normalise_batch, normalise_neighbours, pool, pool_globally, softmax
from vitral.explain.activation import NAMES

seeds = st.integers(0, 2**32 - 1)
TORCH = {
    "identity": lambda x: x,
    "relu": F.relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "gelu": F.gelu,
    "silu": F.silu,
    "elu": F.elu,
    "softplus": lambda x: torch.log1p(torch.exp(x)),
    "leaky_relu": lambda x: F.leaky_relu(x, 0.1),
}


@st.composite
def pools(draw):
    size = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    stride = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    padding = draw(st.integers(0, size[0] // 2)), draw(st.integers(0, size[1] // 2))
    sides = [draw(st.integers(n, n + 3)) for n in size]
    return (draw(st.integers(1, 2)), *sides), size, stride, padding, draw(st.sampled_from(["max", "average"])), draw(seeds)


@many
@given(pools())
def test_pooling_is_torchs(case):
    shape, size, stride, padding, mode, seed = case
    rng = np.random.default_rng(seed)
    x = rng.normal(size=shape) - 1
    X = leaf(x)
    function = F.max_pool2d if mode == "max" else F.avg_pool2d
    trace = pool(x, size, stride=stride, padding=padding, mode=mode)
    compare(trace, function(X[None], size, stride, padding)[0], {"image": X}, rng)


@many
@given(st.integers(1, 2), st.integers(1, 3), st.integers(1, 3), seeds)
def test_of_several_winners_the_first_takes_the_gradient_as_in_torch(channels, height, width, seed):
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 2, size=(channels, height + 1, width + 1)).astype(float)
    X = leaf(x)
    compare(pool(x, 2, stride=1), F.max_pool2d(X[None], 2, 1)[0], {"image": X}, rng)


@many
@given(st.integers(1, 4), st.integers(1, 5), st.integers(1, 5), st.sampled_from(["max", "average"]), seeds)
def test_global_pooling_is_torchs(channels, height, width, mode, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(channels, height, width))
    X = leaf(x)
    compare(pool_globally(x, mode=mode), X.amax((1, 2)) if mode == "max" else X.mean((1, 2)), {"image": X}, rng)


@pytest.mark.parametrize("name", NAMES)
def test_activations_are_torchs(name):
    rng = np.random.default_rng(7)
    for _ in range(60):
        x = rng.normal(size=tuple(rng.integers(1, 5, size=rng.integers(1, 4)))) * rng.choice([0.1, 1, 10])
        X = leaf(x)
        compare(activate(x, name, slope=0.1), TORCH[name](X), {"x": X}, rng, 1.0)


def test_no_activation_overflows():
    for name in NAMES:
        trace = activate([-1e100, -800.0, 0.0, 800.0, 1e100], name)
        assert np.isfinite(trace.output).all()
        assert np.isfinite(trace.backward().total("x")).all()


@many
@given(st.integers(1, 8), st.integers(1, 6), st.sampled_from(["identity", "relu", "tanh", "sigmoid"]), seeds)
def test_dense_is_torchs(inputs, units, function, seed):
    rng = np.random.default_rng(seed)
    x, w, b = rng.normal(size=inputs), rng.normal(size=(units, inputs)), rng.normal(size=units)
    X, W, B = leaf(x), leaf(w), leaf(b)
    scale = float(F.linear(X.abs(), W.abs(), B.abs()).detach().max())
    compare(join(x, w, b, activation=function), TORCH[function](F.linear(X, W, B)), {"x": X, "weights": W, "bias": B}, rng, scale)


@many
@given(st.integers(1, 8), st.floats(0.1, 10), seeds)
def test_softmax_is_torchs(classes, temperature, seed):
    rng = np.random.default_rng(seed)
    s = rng.normal(size=classes) * 3
    S = leaf(s)
    compare(softmax(s, temperature=temperature), torch.softmax(S / temperature, 0), {"scores": S}, rng)


@many
@given(st.integers(1, 8), st.floats(0.1, 10), st.booleans(), seeds)
def test_cross_entropy_is_torchs(classes, temperature, one, seed):
    rng = np.random.default_rng(seed)
    s, target = rng.normal(size=classes) * 3, int(rng.integers(classes))
    shares = rng.dirichlet(np.ones(classes))
    S = leaf(s)
    wanted = F.cross_entropy(S / temperature, torch.tensor(target) if one else torch.tensor(shares))
    compare(cross_entropy(s, target if one else shares, temperature=temperature), wanted, {"scores": S}, rng, 1.0)


@many
@given(st.integers(2, 3), st.integers(1, 3), st.integers(1, 2), st.integers(1, 3), st.booleans(), seeds)
def test_batch_norm_is_torchs(batch, channels, height, width, running, seed):
    rng = np.random.default_rng(seed)
    x, g, b = rng.normal(size=(batch, channels, height, width)), rng.normal(size=channels), rng.normal(size=channels)
    m, v = rng.normal(size=channels), rng.uniform(0.1, 2, size=channels)
    X, G, B = leaf(x), leaf(g), leaf(b)
    given_statistics = {"mean": m, "variance": v} if running else {}
    wanted = F.batch_norm(X, torch.tensor(m.copy()), torch.tensor(v.copy()), G, B, training=not running, eps=1e-3)
    compare(normalise_batch(x, g, b, eps=1e-3, **given_statistics), wanted, {"batch": X, "scale": G, "shift": B}, rng, 10.0)


@many
@given(st.integers(1, 7), st.integers(1, 3), st.integers(1, 6), seeds)
def test_local_response_norm_is_torchs(channels, side, size, seed):
    rng = np.random.default_rng(seed)
    x, alpha, beta, k = rng.normal(size=(channels, side, side)) * 3, rng.uniform(0, 2), rng.uniform(0, 2), rng.uniform(0.5, 2)
    X = leaf(x)
    wanted = F.local_response_norm(X[None], size, alpha, beta, k)[0]
    compare(normalise_neighbours(x, size, alpha=alpha, beta=beta, k=k), wanted, {"image": X}, rng, 1.0)


@many
@given(st.integers(1, 6), st.integers(1, 6), st.floats(0, 0.9), seeds)
def test_dropout_is_its_mask(rows, columns, probability, seed):
    rng = np.random.default_rng(seed)
    x, mask = rng.normal(size=(rows, columns)), rng.integers(0, 2, size=(rows, columns))
    X = leaf(x)
    compare(drop(x, mask, probability=probability), X * torch.tensor(mask) / (1 - probability), {"x": X}, rng)


def test_a_formula_is_written_for_the_symbol_it_is_put_to():
    assert join([1.0], [[1.0]], activation="relu").at(0).steps[-1].formula == "y = max(z, 0)"
    assert join([1.0], [[1.0]], activation="elu").at(0).steps[-1].formula == "y = max(z, 0) + min(exp(z) - 1, 0)"


def test_padding_never_wins_even_where_every_pixel_is_negative():
    trace = pool([[-3.0, -2.0], [-5.0, -4.0]], 2, stride=1, padding=1)
    assert trace.output[0].tolist() == [[-3, -2, -2], [-3, -2, -2], [-5, -4, -4]]
    assert trace.window(0, 0, 0).winner == (0, 0)


def test_a_winner_and_its_ties_are_told():
    window = pool([[6.0, 6.0], [1.0, 6.0]]).window(0, 0, 0)
    assert window.winner == (0, 0)
    assert window.ties == 3
    assert window.steps[0].operands[0].marks.tolist() == [[True, True], [False, True]]


def test_pooling_keeps_a_quarter_of_the_area_and_all_of_the_depth():
    trace = pool(np.ones((5, 6, 8)))
    assert trace.shape == (5, 3, 4)
    assert trace.area_kept == 0.25


def test_probabilities_sum_to_one_and_a_common_shift_changes_nothing():
    rng = np.random.default_rng(5)
    scores = rng.normal(size=9)
    assert softmax(scores).output.sum() == pytest.approx(1)
    assert np.allclose(softmax(scores + 1000).output, softmax(scores).output, rtol=1e-12)
    assert np.isfinite(cross_entropy([1000.0, -1000.0], 1).output)


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (lambda: pool(np.ones((2, 2)), 3), ShapeError, r"a 3x3 window does not fit a 2x2 image; use padding >= 1 or a smaller window"),
        (lambda: pool(np.ones((4, 4)), 2, stride=0), SpecError, "stride must be"),
        (lambda: pool(np.ones((4, 4)), 2, padding=2), ShapeError, r"padding 2 is more than half of the 2x2 window; use padding <= 1"),
        (lambda: pool(np.ones((4, 4)), mode="min"), SpecError, 'mode must be one of max, average, got "min"'),
        (lambda: pool([[np.nan]], 1), DataError, r"image holds NaN at \(0, 0, 0\)"),
        (lambda: join([1, 2], [[1, 2, 3]]), ShapeError, r"the weights \(1x3\) read 3 numbers but x has 2; give weights of 2 columns"),
        (lambda: softmax([]), ShapeError, r"scores is empty \(0\)"),
        (lambda: softmax([1.0], temperature=0), SpecError, "temperature must be a number between 0 and inf, got 0"),
        (lambda: cross_entropy([1.0, 2.0], 2), SpecError, "target must be a whole number from 0 to 1, got 2"),
        (lambda: cross_entropy([1.0, 2.0], [0.5, 0.6]), SpecError, "target must be shares of 1, got a sum of 1.1"),
        (lambda: normalise_batch([1.0]), ShapeError, r"batch must have at least 2 axes \(B, C\), got 1"),
        (lambda: normalise_batch([[1.0]], mean=[0]), SpecError, "variance is missing"),
        (lambda: normalise_batch([[1.0]], eps=0), SpecError, r"variance \+ eps must be above 0, got 0"),
        (lambda: drop([1.0], [1, 0]), ShapeError, "mask is 2 but x is 1; make it 1"),
        (lambda: drop([1.0], [0.5]), SpecError, r"mask must hold 0 \(drop\) and 1 \(keep\) alone, got 0.5"),
        (lambda: drop([1.0], [1], probability=1), SpecError, "probability must be below 1"),
        (lambda: activate([1.0]).backward([1.0, 2.0]), ShapeError, "upstream is 2 but the output is 1"),
        (lambda: activate([1.0]).backward().of("weights", 0), SpecError, 'activation has no gradient of "weights"; expected one of x'),
        (lambda: activate([1.0]).backward().of("x", 3), ShapeError, r"there is no number of x \(3,\): the output is 1"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(make, kind, message):
    with pytest.raises(kind, match=message) as told:
        make()
    assert "\n" not in str(told.value)
