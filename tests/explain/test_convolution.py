import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from oracle import LIMIT, compare, error, leaf, many

from vitral.errors import DataError, ShapeError, SpecError
from vitral.explain import convolve, kernel

FUNCTIONS = {"identity": lambda x: x, "relu": F.relu, "tanh": torch.tanh, "leaky_relu": lambda x: F.leaky_relu(x, 0.2)}


@st.composite
def cases(draw):
    small = st.integers(1, 3)
    groups, fill = draw(st.integers(1, 3)), draw(st.sampled_from(["zero", "reflect", 0.7]))
    size, dilation, stride = ((draw(small), draw(small)) for _ in range(3))
    padding = draw(st.integers(0, 3)), draw(st.integers(0, 3))
    least = [max(d * (n - 1) + 1 - 2 * p, p + 1, 1) for n, d, p in zip(size, dilation, padding, strict=True)]
    sides = [draw(st.integers(n, n + 2)) for n in least]
    shape = (groups * draw(st.integers(1, 2)), *sides)
    kernels = (groups * draw(st.integers(1, 2)), shape[0] // groups, *size)
    function = draw(st.sampled_from(sorted(FUNCTIONS)))
    settings = {
        "stride": stride,
        "padding": padding,
        "dilation": dilation,
        "groups": groups,
        "fill": fill,
        "activation": function,
        "slope": 0.2,
    }
    return shape, kernels, settings, draw(st.integers(0, 2**32 - 1))


def torch_convolve(x, w, b, settings):
    (top, left), fill = settings["padding"], settings["fill"]
    mode = {"mode": "reflect"} if fill == "reflect" else {"value": 0.0 if fill == "zero" else fill}
    padded = F.pad(x[None], (left, left, top, top), **mode)
    keys = {key: settings[key] for key in ("stride", "dilation", "groups")}
    return FUNCTIONS[settings["activation"]](F.conv2d(padded, w, b, **keys)[0])


@many
@given(cases())
def test_forward_and_gradient_are_torchs(case):
    shape, kernels, settings, seed = case
    rng = np.random.default_rng(seed)
    x, w, b = rng.normal(size=shape), rng.normal(size=kernels), rng.normal(size=kernels[0])
    X, W, B = leaf(x), leaf(w), leaf(b)
    trace = convolve(x, w, b, **settings)
    scale = float(torch_convolve(X.abs(), W.abs(), B.abs(), settings | {"activation": "identity"}).detach().max())
    compare(trace, torch_convolve(X, W, B, settings), {"image": X, "kernels": W, "bias": B}, rng, scale)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
def test_same_padding_is_torchs(size):
    rng = np.random.default_rng(size)
    x, w = rng.normal(size=(2, 6, 7)), rng.normal(size=(3, 2, size, size))
    with warnings.catch_warnings(action="ignore"):  # torch warns that an even kernel costs it a copy
        wanted = F.conv2d(leaf(x)[None], leaf(w), padding="same")[0]
    assert error(convolve(x, w, padding="same").output, wanted) <= LIMIT


def test_every_window_gives_the_very_bits_of_the_output():
    rng = np.random.default_rng(2)
    trace = convolve(rng.normal(size=(4, 9, 8)), rng.normal(size=(6, 2, 3, 2)), stride=(2, 1), padding=2, groups=2, activation="gelu")
    assert all(trace.output[place] == trace.window(*place).value for place in np.ndindex(trace.shape))


def test_a_window_shows_its_arithmetic():
    rng = np.random.default_rng(3)
    x, w = rng.normal(size=(2, 5, 5)), rng.normal(size=(3, 2, 3, 3))
    window = convolve(x, w, [0.1, 0.2, 0.3], padding=1, activation="relu").window(1, 0, 4)
    assert window.rows.tolist() == [-1, 0, 1]
    assert window.columns.tolist() == [3, 4, 5]
    assert window.padded.tolist() == [[True, True, True], [False, False, True], [False, False, True]]
    assert np.array_equal(window.cells[:, 1:, :2], x[:, :2, 3:])
    assert not window.cells[:, window.padded].any()
    assert np.array_equal(window.products, window.cells * w[1])
    assert window.before == pytest.approx(window.products.sum() + 0.2)
    assert [step.name for step in window.steps] == ["products", "sum", "bias", "activation"]
    assert window.value == max(window.before, 0)


@many
@given(cases(), st.integers(0, 2), st.integers(0, 2))
def test_shift_the_image_and_the_map_shifts(case, down, right):
    shape, kernels, settings, seed = case
    rng = np.random.default_rng(seed)
    step = settings["stride"]
    whole = rng.normal(size=(shape[0], shape[1] + down * step[0] + 9, shape[2] + right * step[1] + 9))
    w = rng.normal(size=kernels)
    settings = settings | {"padding": 0, "fill": "zero"}
    first = convolve(whole, w, **settings).output
    moved = convolve(whole[:, down * step[0] :, right * step[1] :], w, **settings).output
    height, width = moved.shape[1:]
    assert np.array_equal(moved, first[:, down : down + height, right : right + width])


@many
@given(cases(), st.randoms(use_true_random=False))
def test_permute_the_kernels_and_the_channels_permute(case, random):
    shape, kernels, settings, seed = case
    rng = np.random.default_rng(seed)
    settings = settings | {"groups": 1}
    x, w, b = rng.normal(size=shape), rng.normal(size=(kernels[0], shape[0], *kernels[2:])), rng.normal(size=kernels[0])
    order = list(range(len(w)))
    random.shuffle(order)
    assert np.array_equal(convolve(x, w[order], b[order], **settings).output, convolve(x, w, b, **settings).output[order])


def test_a_kernel_is_not_flipped():
    assert convolve([[1.0, 2.0]], [[10.0, 1.0]]).output.tolist() == [[[12.0]]]


def test_weights_are_counted_shared_unshared_and_fully_connected():
    assert convolve(np.zeros((10, 10)), kernel("edge")).sharing == (10, 576, 6400)


def test_what_is_explained_does_not_change_under_the_explanation():
    image = np.ones((3, 3))
    trace = convolve(image, kernel("blur"))
    image[:] = 9
    assert trace.output[0, 0, 0] == pytest.approx(1)
    with pytest.raises(ValueError, match="read-only"):
        trace.image[0, 0, 0] = 2


def test_a_window_is_made_alone(monkeypatch):
    trace = convolve(np.ones((8, 30, 30)), np.ones((4, 8, 3, 3)))
    trace.window(3, 27, 27)
    assert "output" not in vars(trace)


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"kernels": np.ones((1, 2, 3, 3))}, ShapeError, r"read 2 channels but the image has 1; give kernels of 1 channels"),
        ({"kernels": np.ones((5, 5))}, ShapeError, r"a 5x5 kernel does not fit a 4x4 image; use padding >= 1 or a smaller kernel"),
        ({"dilation": 2}, ShapeError, r"a 3x3 kernel \(spread over 5x5 by its dilation\) does not fit a 4x4 image; use padding >= 1"),
        ({"stride": 0}, SpecError, r"stride must be one or two whole numbers from 1 to 1048576, as 2 or \[2, 1\], got 0"),
        ({"stride": True}, SpecError, r"stride must be .*, got true"),
        ({"padding": -1}, SpecError, r"padding must be .*, got -1"),
        ({"padding": "full"}, SpecError, r'padding must be one or two whole numbers or "same", got "full"'),
        ({"padding": "same", "stride": 2}, SpecError, r'padding = "same" needs stride = 1'),
        ({"padding": 4, "fill": "reflect"}, ShapeError, r"reflecting 4 pixels needs a side of at least 5, got 4x4; use padding <= 3"),
        ({"fill": "mirror"}, SpecError, r'fill must be "zero", "reflect" or a number, got "mirror"'),
        ({"groups": 2}, ShapeError, r"groups = 2 must divide both the 1 channels and the 1 kernels; use groups = 1"),
        ({"bias": [1, 2]}, ShapeError, r"bias is 2 but the kernels ask for 1; make it 1"),
        ({"activation": "rleu"}, SpecError, r'activation must be one of identity, relu, .*, got "rleu"'),
        ({"image": [[1, np.nan], [0, 0]]}, DataError, r"image holds NaN at \(0, 0, 1\); every number must be finite"),
        ({"image": [[1, np.inf], [0, 0]]}, DataError, r"image holds infinity at \(0, 0, 1\)"),
        ({"image": [[1, 1e200], [0, 0]]}, DataError, r"image holds 1e\+200 at \(0, 0, 1\)"),
        ({"image": [["a"]]}, DataError, r"image must be numbers, got \[\['a'\]\]; give lists of numbers"),
        ({"image": [[1, 2], [3]]}, DataError, r"image has rows of different lengths"),
        ({"image": np.zeros((1, 0, 3))}, ShapeError, r"image is empty \(1x0x3\)"),
        ({"image": [1, 2]}, ShapeError, r"image must have 3 axes \(C, H, W\), got 1 \(2\)"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(arguments, kind, message):
    with pytest.raises(kind, match=message) as told:
        convolve(**({"image": np.ones((4, 4)), "kernels": np.ones((3, 3))} | arguments))
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("place", [(1, 0, 0), (0, 2, 0), (0, 0, -3), (0, 0), (0, 0.5, 0)])
def test_a_window_that_is_not_there(place):
    with pytest.raises(
        ShapeError, match=r"there is no window \(kernel, row, column\) .*: the output is 1x2x2, the last place is \(0, 1, 1\)"
    ):
        convolve(np.ones((4, 4)), np.ones((3, 3))).window(*place)
