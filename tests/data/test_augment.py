"""Varied images against a loop over single pixels in float64."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vitral.data.augment import Augmenter, draw, normaliser
from vitral.data.dataset import Examples, Statistics, measure
from vitral.spec.experiment import Augmentation


def pictures(count: int, height: int, width: int, channels: int, seed: int = 0) -> Examples:
    pixels = np.random.default_rng(seed).integers(0, 256, (count, height, width, channels), dtype=np.uint8)
    return Examples(torch.from_numpy(pixels), torch.zeros(count, dtype=torch.int64))


def plain(pixels: np.ndarray, statistics: Statistics, normalise: str) -> np.ndarray:
    """(N, H, W, C) bytes to float64 numbers, as the specification says it."""
    p = pixels.astype(np.float64) / 255
    if normalise == "centred":
        return p - 0.5
    if normalise == "unit":
        return p
    return (p - np.array(statistics.mean)) / np.array(statistics.deviation)


def naive(x: np.ndarray, *, dy: int, dx: int, mirrored: bool, fill: str, cut: int = 0, cy: int = 0, cx: int = 0) -> np.ndarray:
    """Shift, then mirror, then blank one image (H, W, C), a pixel at a time."""
    h, w, _ = x.shape
    out = np.zeros_like(x)
    for i in range(h):
        for j in range(w):
            column = w - 1 - j if mirrored else j
            y, z = i + dy, column + dx
            if fill == "reflect":
                y = -y if y < 0 else 2 * (h - 1) - y if y >= h else y
                z = -z if z < 0 else 2 * (w - 1) - z if z >= w else z
            if 0 <= y < h and 0 <= z < w:
                out[i, j] = x[y, z]
            if cut and 0 <= i - (cy - cut // 2) < cut and 0 <= j - (cx - cut // 2) < cut:
                out[i, j] = 0
    return out


@pytest.mark.parametrize("normalise", ["centred", "unit", "standard"])
@pytest.mark.parametrize("channels", [1, 3])
def test_evaluation_is_the_formula(normalise: str, channels: int) -> None:
    examples = pictures(50, 7, 9, channels)
    statistics = measure(examples.pixels)
    look = normaliser(examples, statistics, normalise=normalise)
    indices = torch.tensor([3, 0, 49, 3])
    want = plain(examples.pixels.numpy()[indices], statistics, normalise).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(look(indices).numpy(), want, rtol=0, atol=4e-7)  # two roundings of numbers below 2 in float32


def test_unit_gives_the_numbers_zero_and_one() -> None:
    examples = Examples(torch.tensor([0, 255, 255, 0], dtype=torch.uint8).view(1, 2, 2, 1), torch.zeros(1))
    look = normaliser(examples, measure(examples.pixels), normalise="unit")
    assert look(torch.tensor([0])).tolist() == [[[[0, 1], [1, 0]]]]


def test_a_channel_that_never_varies_becomes_zero() -> None:
    examples = Examples(torch.full((3, 4, 4, 1), 77, dtype=torch.uint8), torch.zeros(3))
    assert not normaliser(examples, measure(examples.pixels), normalise="standard")(torch.arange(3)).any()


@pytest.mark.parametrize("fill", ["zero", "reflect"])
@pytest.mark.parametrize("flip", ["none", "random", "alternating"])
@pytest.mark.parametrize(("shift", "cutout", "channels"), [(2, 0, 3), (0, 3, 1), (3, 4, 3), (4, 1, 2), (1, 0, 9)])
def test_every_image_is_what_a_loop_makes_of_it(fill: str, flip: str, shift: int, cutout: int, channels: int) -> None:
    augmentation = Augmentation(flip=flip, shift=shift, fill=fill, cutout=cutout)
    examples = pictures(60, 8, 6, channels)
    statistics = measure(examples.pixels)
    augment = Augmenter(augmentation, examples, statistics, normalise="standard", seed=11)
    unvaried = normaliser(examples, statistics, normalise="standard")
    indices = torch.randperm(60, generator=torch.Generator().manual_seed(1))[:40]
    for epoch in (0, 1, 7):
        drawn = draw(augmentation, seed=11, epoch=epoch, count=60, height=8, width=6)
        got = augment(indices, epoch).numpy()
        for row, index in enumerate(indices.tolist()):
            dy, column, cy, cx = drawn[:, index].tolist()
            side = 2 * shift + 1
            image = unvaried(torch.tensor([index]))[0].permute(1, 2, 0).numpy()
            want = naive(image, dy=dy - shift, dx=column % side - shift, mirrored=column >= side, fill=fill, cut=cutout, cy=cy, cx=cx)
            np.testing.assert_array_equal(got[row], want.transpose(2, 0, 1))


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_an_image_does_not_depend_on_its_batch(data: st.DataObject) -> None:
    augmentation = Augmentation(
        flip=data.draw(st.sampled_from(["none", "random", "alternating"])),
        shift=data.draw(st.integers(0, 3)),
        fill=data.draw(st.sampled_from(["zero", "reflect"])),
        cutout=data.draw(st.integers(0, 4)),
    )
    examples = pictures(20, 6, 5, 3)
    augment = Augmenter(augmentation, examples, measure(examples.pixels), normalise="centred", seed=data.draw(st.integers(0, 2**63 - 1)))
    indices = torch.tensor(data.draw(st.lists(st.integers(0, 19), min_size=1, max_size=30)))
    epochs = data.draw(st.lists(st.integers(0, 5), min_size=1, max_size=4))
    together = {epoch: augment(indices, epoch) for epoch in epochs}
    for epoch in reversed(epochs):
        alone = torch.cat([augment(index[None], epoch) for index in indices])
        assert torch.equal(together[epoch], alone)


def test_mirroring_twice_gives_the_image_back() -> None:
    """Alternating: an epoch and the one after it are mirror images of each other."""
    examples = pictures(30, 5, 8, 3)
    augment = Augmenter(Augmentation(flip="alternating"), examples, measure(examples.pixels), normalise="unit", seed=2)
    epochs = [augment(torch.arange(30), epoch) for epoch in range(4)]
    for before, after in itertools.pairwise(epochs):
        assert torch.equal(before, after.flip(3))
        assert not torch.equal(before, after)
    assert torch.equal(epochs[0], epochs[2])


def test_an_odd_epoch_shows_what_an_even_one_did_not() -> None:
    """In epoch 0 about half of the images are mirrored, by a draw of their own."""
    mirrored = draw(Augmentation(flip="alternating"), seed=4, epoch=0, count=10_000, height=4, width=4)[1]
    assert abs(mirrored.sum() - 5000) < 6 * 50


@pytest.mark.parametrize("epoch", [0, 3])
def test_shifts_and_flips_are_uniform(epoch: int) -> None:
    drawn = draw(Augmentation(flip="random", shift=2, cutout=3), seed=1, epoch=epoch, count=50_000, height=32, width=32)
    cells = np.bincount(10 * drawn[0] + drawn[1], minlength=50)
    assert ((cells - 1000) ** 2 / 1000).sum() < 49 + 6 * 98**0.5
    centres = np.bincount(32 * drawn[2] + drawn[3], minlength=1024)
    expected = 50_000 / 1024
    assert ((centres - expected) ** 2 / expected).sum() < 1023 + 6 * 2046**0.5


def test_epochs_and_seeds_differ() -> None:
    examples = pictures(40, 8, 8, 3)
    statistics = measure(examples.pixels)
    seen = [
        Augmenter(Augmentation(shift=2), examples, statistics, normalise="unit", seed=seed)(torch.arange(40), epoch)
        for seed, epoch in [(0, 0), (0, 1), (1, 0), (1, 1)]
    ]
    for a in range(4):
        for b in range(a):
            assert not torch.equal(seen[a], seen[b])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("memory_format", [torch.channels_last, torch.contiguous_format])
def test_type_and_layout_change_no_number(dtype: torch.dtype, memory_format: torch.memory_format) -> None:
    examples = pictures(16, 8, 8, 3)
    statistics = measure(examples.pixels)
    for augmentation in (Augmentation(), Augmentation(flip="random", shift=2)):
        reference = Augmenter(augmentation, examples, statistics, normalise="standard", seed=3)(torch.arange(16), 1)
        got = Augmenter(augmentation, examples, statistics, normalise="standard", seed=3, dtype=dtype, memory_format=memory_format)(
            torch.arange(16), 1
        )
        assert got.dtype == dtype
        assert got.is_contiguous(memory_format=memory_format)
        assert torch.equal(got, reference.to(dtype))


def test_without_variation_training_sees_what_evaluation_sees() -> None:
    examples = pictures(9, 6, 6, 3)
    statistics = measure(examples.pixels)
    augment = Augmenter(Augmentation(), examples, statistics, normalise="standard", seed=1)
    assert torch.equal(augment(torch.arange(9), 5), normaliser(examples, statistics, normalise="standard")(torch.arange(9)))


def test_a_zero_border_is_zero_on_the_normalised_scale() -> None:
    """With every pixel white, what comes in from outside is 0 and nothing else is."""
    examples = Examples(torch.full((64, 6, 6, 3), 255, dtype=torch.uint8), torch.zeros(64))
    statistics = Statistics((0.49139968, 0.48215841, 0.44653091), (0.24703223, 0.24348513, 0.26158784))
    x = Augmenter(Augmentation(shift=2), examples, statistics, normalise="standard", seed=0)(torch.arange(64), 0)
    dy, dx, *_ = draw(Augmentation(shift=2), seed=0, epoch=0, count=64, height=6, width=6)
    outside = 36 - (6 - abs(dy - 2)) * (6 - abs(dx - 2))
    assert (x[:, 0] == 0).sum((1, 2)).tolist() == outside.tolist()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_draws_what_a_cpu_draws() -> None:
    examples = pictures(64, 8, 8, 3)
    statistics = measure(examples.pixels)
    augmentation = Augmentation(flip="random", shift=2, cutout=3)
    ours, theirs = (Augmenter(augmentation, examples, statistics, normalise="standard", seed=3, device=d) for d in ("cpu", "cuda"))
    torch.testing.assert_close(theirs(torch.arange(64), 2).cpu(), ours(torch.arange(64), 2), rtol=0, atol=1e-6)
