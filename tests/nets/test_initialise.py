"""First values: their spread, and what is exact about them."""

import pytest
import torch

from vitral.nets import build
from vitral.nets.initialise import generator
from vitral.nets.whiten import whitening_kernels
from vitral.spec.network import Network


def layer(shape=(8, 9, 9), **options):
    spec = Network.model_validate({"input": shape, "layers": [options], "loss": {"kind": "regression"}})
    return next(build(spec, seed=4).children())


@pytest.mark.parametrize(("init", "variance"), [("he", 2 / 200), ("lecun", 1 / 200), ("xavier", 2 / (200 + 25 * 400))])
def test_spread_of_the_first_weights(init, variance):
    conv = layer(kind="convolution", filters=400, size=5, init=init)
    weight = conv.weight.double()
    assert weight.var().item() == pytest.approx(variance, rel=5 * (2 / weight.numel()) ** 0.5)
    assert abs(weight.mean().item()) < 5 * (variance / weight.numel()) ** 0.5
    assert not conv.bias.any()


def test_default_is_torchs_distribution_and_bias_init_wins():
    conv = layer(kind="convolution", filters=400, size=5)
    edge = 200**-0.5
    assert edge * 0.999 < conv.weight.abs().max() <= edge
    assert conv.weight.double().var().item() == pytest.approx(edge**2 / 3, rel=0.02)
    assert edge * 0.95 < conv.bias.abs().max() <= edge
    started = layer(kind="dense", units=3, bias_init=0.1).bias
    assert torch.equal(started, torch.full((3,), 0.1))
    assert not layer(kind="dense", units=3, init="zero").weight.any()


@pytest.mark.parametrize("groups", [1, 2])
def test_dirac_hands_its_input_on(groups):
    x = torch.randn(2, 8, 9, 9, generator=torch.Generator().manual_seed(0))
    conv = layer(kind="convolution", filters=12, size=3, padding=1, init="dirac", groups=groups)
    y = conv(x)
    for group in range(groups):
        filters, channels = 12 // groups, 8 // groups
        handed = min(filters, channels)
        torch.testing.assert_close(y[:, group * filters : group * filters + handed], x[:, group * channels : group * channels + handed])
    if groups == 1:
        assert conv.weight[8:].abs().min() > 0  # the filters beyond the channels are drawn
    square = layer(kind="dense", units=8 * 81, init="dirac")
    torch.testing.assert_close(square(x), x.flatten(1))


def test_purposes_have_unrelated_generators():
    a, b, c = (torch.randn(1000, generator=generator(seed, name)) for seed, name in ((0, "conv1"), (0, "conv2"), (1, "conv1")))
    assert torch.equal(a, torch.randn(1000, generator=generator(0, "conv1")))
    assert abs((a @ b).item()) < 5 * 1000**0.5
    assert abs((a @ c).item()) < 5 * 1000**0.5


def test_whitened_patches_have_unit_moments():
    source = torch.Generator().manual_seed(7)
    mix = torch.randn(3, 3, generator=source)
    images = torch.einsum("cd,ndhw->nchw", mix, torch.randn(300, 3, 12, 12, generator=source))
    images = images + 0.5 * images.roll(1, 3)
    kernels = whitening_kernels(images, (2, 2), eps=0.0)
    assert kernels.shape == (24, 3, 2, 2)
    assert torch.equal(kernels[12:], -kernels[:12])
    seen = torch.nn.functional.conv2d(images, kernels[:12]).transpose(0, 1).flatten(1).double()
    torch.testing.assert_close(seen @ seen.T / seen.shape[1], torch.eye(12, dtype=torch.float64), atol=1e-4, rtol=0)


def test_prepare_whitens_what_the_layer_reads_and_freezes_it():
    spec = Network.model_validate(
        {
            "input": (3, 8, 8),
            "layers": [{"kind": "convolution", "filters": 54, "size": 3, "whitening": True}],
            "loss": {"kind": "regression"},
        }
    )
    net = build(spec, seed=0)
    images = torch.randn(40, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    assert net.whitens
    net.prepare(images)
    assert torch.equal(net.conv1.weight, whitening_kernels(images, (3, 3)))
    assert [one.name for one in net.learned] == ["conv1.bias"]
