"""Every layer against arithmetic written out in NumPy, its gradient against finite differences, its first values against nothing global."""

# N batch  C channels  H height  W width  K filters

import numpy as np
import pytest
import torch
from numpy.lib.stride_tricks import sliding_window_view

from vitral.errors import ShapeError
from vitral.nets import build
from vitral.spec.network import Network

SEED = 20


def network(*layers, shape=(4, 7, 6), loss="regression"):
    return Network.model_validate({"input": shape, "layers": layers, "loss": {"kind": loss}})


def net_and_images(*layers, shape=(4, 7, 6), n=3):
    net = build(network(*layers, shape=shape), seed=SEED).double()
    x = torch.randn(n, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(SEED), requires_grad=True)
    return net, x


def windows(x, size, stride, dilation=(1, 1)):
    """(N, C, OH, OW, KH, KW) of numpy images."""
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, size, strict=True)]
    seen = sliding_window_view(x, reach, axis=(2, 3))
    return seen[:, :, :: stride[0], :: stride[1], :: dilation[0], :: dilation[1]]


def convolve(x, kernels, bias, *, stride=(1, 1), pads=((0, 0), (0, 0)), dilation=(1, 1), groups=1):
    x = np.pad(x, ((0, 0), (0, 0), *pads))
    seen = windows(x, kernels.shape[2:], stride, dilation)
    c, k = x.shape[1] // groups, len(kernels) // groups
    parts = [np.einsum("nchwuv,kcuv->nkhw", seen[:, g * c : (g + 1) * c], kernels[g * k : (g + 1) * k]) for g in range(groups)]
    y = np.concatenate(parts, axis=1)
    return y if bias is None else y + bias[:, None, None]


def numbers(net):
    return {name: value.detach().numpy() for name, value in net.state_dict().items()}


CONVOLUTIONS = [
    ({"size": 3, "padding": 1}, {"pads": ((1, 1), (1, 1))}),
    ({"size": (3, 2), "stride": (2, 1), "padding": (0, 1)}, {"stride": (2, 1), "pads": ((0, 0), (1, 1))}),
    ({"size": 5, "padding": "same"}, {"pads": ((2, 2), (2, 2))}),
    ({"size": 2, "padding": "same"}, {"pads": ((0, 1), (0, 1))}),
    ({"size": (4, 3), "padding": "same", "dilation": (1, 2)}, {"pads": ((1, 2), (2, 2)), "dilation": (1, 2)}),
    ({"size": 3, "groups": 2, "bias": False}, {"groups": 2}),
]


@pytest.mark.parametrize(("options", "plain"), CONVOLUTIONS)
def test_convolution_is_the_sum_over_its_window(options, plain):
    net, x = net_and_images({"kind": "convolution", "filters": 6, **options})
    w = numbers(net)
    expected = convolve(x.detach().numpy(), w["conv1.weight"], w.get("conv1.bias"), **plain)
    np.testing.assert_allclose(net(x).detach().numpy(), expected, atol=1e-12)


@pytest.mark.filterwarnings("ignore:Using padding=.same. with even kernel lengths")  # torch says it once a process
def test_same_padding_of_even_kernels_is_torchs_own():
    net, x = net_and_images({"kind": "convolution", "filters": 2, "size": 4, "padding": "same"})
    theirs = torch.nn.functional.conv2d(x, net.conv1.weight, net.conv1.bias, padding="same")
    torch.testing.assert_close(net(x), theirs, atol=1e-12, rtol=0)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def response_norm(x, size=3, k=2.0, alpha=0.3, beta=0.75):
    padded = np.pad(x**2, ((0, 0), (size // 2, (size - 1) // 2), (0, 0), (0, 0)))
    total = sliding_window_view(padded, size, axis=1).sum(-1)
    return x / (k + alpha / size * total) ** beta


def batch_norm(x):
    return (x - x.mean((0, 2, 3), keepdims=True)) / np.sqrt(x.var((0, 2, 3), keepdims=True) + 1e-5)


FUNCTIONS = [
    ({"kind": "relu"}, lambda x: np.maximum(x, 0)),
    ({"kind": "sigmoid"}, sigmoid),
    ({"kind": "tanh"}, np.tanh),
    ({"kind": "silu"}, lambda x: x * sigmoid(x)),
    ({"kind": "elu"}, lambda x: np.where(x > 0, x, np.expm1(x))),
    ({"kind": "softplus"}, lambda x: np.log1p(np.exp(x))),
    ({"kind": "gelu"}, lambda x: x * 0.5 * (1 + np.vectorize(__import__("math").erf)(x / np.sqrt(2)))),
    ({"kind": "leaky_relu", "slope": 0.1}, lambda x: np.where(x > 0, x, 0.1 * x)),
    ({"kind": "scale", "factor": 0.25}, lambda x: x * 0.25),
    ({"kind": "maxout", "group_size": 2}, lambda x: np.maximum(x[:, ::2], x[:, 1::2])),
    ({"kind": "flatten"}, lambda x: x.reshape(len(x), -1)),
    ({"kind": "global_pooling"}, lambda x: x.mean((2, 3))),
    ({"kind": "global_pooling", "mode": "max"}, lambda x: x.max((2, 3))),
    ({"kind": "pooling"}, lambda x: windows(x, (2, 2), (2, 2)).max((4, 5))),
    ({"kind": "pooling", "size": 3, "stride": 2}, lambda x: windows(x, (3, 3), (2, 2)).max((4, 5))),
    (
        {"kind": "pooling", "size": 3, "stride": 2, "padding": 1},
        lambda x: windows(np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=-np.inf), (3, 3), (2, 2)).max((4, 5)),
    ),
    ({"kind": "pooling", "mode": "average", "size": (2, 3)}, lambda x: windows(x, (2, 3), (2, 3)).mean((4, 5))),
    ({"kind": "local_response_norm", "size": 3, "alpha": 0.3}, response_norm),
    ({"kind": "batch_norm"}, batch_norm),
    ({"kind": "batch_norm", "scale": False}, batch_norm),
]


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize(("layer", "expected"), FUNCTIONS, ids=lambda v: v["kind"] if isinstance(v, dict) else "")
def test_layers_without_weights_compute_their_formula(layer, expected, memory_format):
    net, x = net_and_images(layer)
    got = net(x.to(memory_format=memory_format)).detach().numpy()
    np.testing.assert_allclose(got, expected(x.detach().numpy()), atol=1e-12)


def test_dense_reads_an_image_channel_by_channel():
    net, x = net_and_images({"kind": "dense", "units": 5})
    w = numbers(net)
    expected = x.detach().numpy().reshape(3, -1) @ w["dense1.weight"].T + w["dense1.bias"]
    np.testing.assert_allclose(net(x.to(memory_format=torch.channels_last)).detach().numpy(), expected, atol=1e-12)


def test_residual_adds_its_input_or_its_projection():
    inner = [{"kind": "convolution", "filters": 4, "size": 3, "padding": 1}, {"kind": "tanh"}]
    net, x = net_and_images(
        {"kind": "residual", "layers": inner}, {"kind": "residual", "layers": [{**inner[0], "filters": 6}], "shortcut": "projection"}
    )
    w = numbers(net)
    ring = {"pads": ((1, 1), (1, 1))}
    y = x.detach().numpy()
    y = y + np.tanh(convolve(y, w["block1.conv1.weight"], w["block1.conv1.bias"], **ring))
    y = convolve(y, w["block2.conv1.weight"], w["block2.conv1.bias"], **ring) + convolve(y, w["block2.projection.weight"], None)
    np.testing.assert_allclose(net(x).detach().numpy(), y, atol=1e-12)


DIFFERENTIABLE = [
    [{"kind": "convolution", "filters": 4, "size": 3, "stride": 2, "padding": 1, "groups": 2}],
    [{"kind": "convolution", "filters": 2, "size": 2, "padding": "same", "dilation": 3}],
    [{"kind": "dense", "units": 3}, {"kind": "batch_norm"}, {"kind": "maxout", "group_size": 3}],
    [{"kind": "batch_norm", "scale": False}, {"kind": "elu"}, {"kind": "global_pooling", "mode": "max"}],
    [{"kind": "local_response_norm", "alpha": 0.5}, {"kind": "pooling", "mode": "average"}, {"kind": "scale", "factor": 2.0}],
    [
        {
            "kind": "residual",
            "shortcut": "projection",
            "layers": [{"kind": "convolution", "filters": 3, "size": 1}, {"kind": "pooling", "size": 1, "stride": 2}],
        }
    ],
    [{"kind": kind} for kind in ("sigmoid", "tanh", "gelu", "silu", "softplus")] + [{"kind": "leaky_relu"}],
    [{"kind": "relu"}, {"kind": "pooling", "size": 3, "stride": 2, "padding": 1}, {"kind": "flatten"}],
]


@pytest.mark.parametrize("layers", DIFFERENTIABLE, ids=lambda layers: "-".join(layer["kind"] for layer in layers))
def test_gradients_agree_with_finite_differences(layers):
    net, x = net_and_images(*layers, shape=(4, 4, 4), n=2)
    names, values = zip(*net.named_parameters(), strict=True) if list(net.parameters()) else ((), ())
    buffers = {name: value.clone() for name, value in net.named_buffers()}

    def run(image, *weights):
        return torch.func.functional_call(net, {**buffers, **dict(zip(names, weights, strict=True))}, image)

    assert torch.autograd.gradcheck(run, (x, *values))


def test_names_and_parameter_counts_are_the_specifications():
    spec = network(
        {"kind": "convolution", "filters": 16, "size": 5, "padding": 2},
        {"kind": "relu"},
        {"kind": "pooling"},
        {"kind": "convolution", "filters": 20, "size": 5, "padding": 2, "name": "second"},
        {"kind": "relu"},
        {"kind": "pooling"},
        {"kind": "convolution", "filters": 20, "size": 5, "padding": 2},
        {"kind": "relu"},
        {"kind": "pooling"},
        {"kind": "dense", "units": 10},
        shape=(3, 32, 32),
        loss="softmax",
    )
    net = build(spec, seed=0)
    assert net.num_parameters == spec.num_parameters == 22466
    assert net.layer_names == tuple(report.name for report in spec.reports) == tuple(name for name, _ in net.named_children())
    assert net.get_submodule("second").weight.shape == (20, 16, 5, 5)
    assert [one.name for one in net.learned][:2] == ["conv1.weight", "conv1.bias"]


def test_building_neither_reads_nor_moves_the_global_generator():
    spec = network(
        {"kind": "convolution", "filters": 4, "size": 3}, {"kind": "batch_norm"}, {"kind": "dropout"}, {"kind": "dense", "units": 2}
    )
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = build(spec, seed=5)
    first(torch.ones(2, 4, 7, 6))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    second = build(spec, seed=5)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    other = build(spec, seed=6)
    assert not torch.equal(first.conv1.weight, other.conv1.weight)


def test_a_layer_keeps_its_first_weights_when_another_is_added():
    plain = build(network({"kind": "dense", "units": 3, "name": "last"}), seed=5)
    longer = build(
        network({"kind": "convolution", "filters": 4, "size": 3, "padding": 1}, {"kind": "dense", "units": 3, "name": "last"}), seed=5
    )
    assert torch.equal(plain.last.weight, longer.last.weight)


def test_frozen_layers_and_factors_reach_the_parameters():
    net = build(
        network(
            {"kind": "convolution", "filters": 2, "size": 1, "learning_rate_factor": 0},
            {"kind": "batch_norm", "learning_rate_factor": 64},
            {"kind": "dense", "units": 2, "decay_factor": 0.5},
        ),
        seed=0,
    )
    found = {one.name: (one.decays, one.learning_rate_factor, one.decay_factor) for one in net.learned}
    assert found == {
        "norm1.weight": (False, 64, 1),
        "norm1.bias": (False, 64, 1),
        "dense1.weight": (True, 1, 0.5),
        "dense1.bias": (False, 1, 0.5),
    }


def test_impossible_options_name_the_layer():
    with pytest.raises(ShapeError, match=r'layer 1 "block1": a layer inside is called "projection"'):
        build(
            network(
                {
                    "kind": "residual",
                    "shortcut": "projection",
                    "layers": [{"kind": "convolution", "filters": 4, "size": 1, "name": "projection"}],
                }
            ),
            seed=0,
        )
