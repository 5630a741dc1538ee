"""The modules of our own: order of pooling and ReLU, dropout's generator, batch normalisation of a single example."""

import pytest
import torch
import torch.nn.functional as F

from vitral.nets import build
from vitral.nets.blocks import BatchNorm, Dropout
from vitral.spec.network import Network


@pytest.mark.parametrize("pooling", [{}, {"size": 3, "stride": 2}, {"size": 3, "stride": 1, "padding": 1}])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_pooling_before_relu_gives_the_same_bits_ties_included(dtype, memory_format, pooling):
    spec = Network.model_validate(
        {
            "input": (5, 12, 12),
            "layers": [{"kind": "relu"}, {"kind": "pooling", **pooling}, {"kind": "scale", "factor": 3.0}],
            "loss": {"kind": "regression"},
        }
    )
    net = build(spec, seed=0)
    source = torch.Generator().manual_seed(3)
    for rounded in (False, True):  # whole numbers: many ties and many zeros
        x = torch.randn(8, 5, 12, 12, generator=source)
        x = (x * 1.5).round() if rounded else x
        x = x.to(dtype).to(memory_format=memory_format)
        swift, named = x.clone().requires_grad_(), x.clone().requires_grad_()
        y = net(swift)
        net.run_in_order()
        expected = net(named)
        net.run_in_order(False)
        push = torch.randn(y.shape, generator=source).to(dtype)
        y.backward(push)
        expected.backward(push)
        assert torch.equal(y, expected)
        assert torch.equal(swift.grad, named.grad)
        assert torch.equal(expected, F.max_pool2d(F.relu(x), **_torch_words(spec)) * 3)


def _torch_words(spec):
    layer = spec.layers[1]
    return {"kernel_size": layer.size, "stride": layer.step(), "padding": layer.padding}


def test_a_look_at_each_layer_sees_it_in_the_order_of_the_names():
    spec = Network.model_validate({"input": (2, 4, 4), "layers": [{"kind": "relu"}, {"kind": "pooling"}], "loss": {"kind": "regression"}})
    net = build(spec, seed=0)
    sizes = {}
    for name, layer in net.layers():
        layer.register_forward_hook(lambda _, __, y, name=name: sizes.update({name: tuple(y.shape[1:])}))
    net(torch.randn(1, 2, 4, 4))
    assert sizes == {"pool1": (2, 2, 2), "relu1": (2, 2, 2)}  # the swift order: a ReLU on a quarter of the numbers
    net.run_in_order()
    net(torch.randn(1, 2, 4, 4))
    assert sizes == {report.name: report.output for report in spec.reports}


def test_dropout_draws_from_its_own_generator_and_keeps_the_mean():
    source = torch.Generator().manual_seed(1)
    dropout = Dropout(0.25, source)
    x = torch.ones(200, 500)
    before, own = torch.get_rng_state(), source.get_state()
    y = dropout(x)
    assert torch.equal(torch.get_rng_state(), before)
    assert set(y.unique().tolist()) == {0.0, x.new_tensor(1 / 0.75).item()}
    assert y.mean().item() == pytest.approx(1, abs=5 * (0.25 / 0.75 / x.numel()) ** 0.5)
    source.set_state(own)
    assert torch.equal(dropout(x), y)
    assert dropout.eval()(x) is x


def test_batch_norm_follows_torch_and_survives_a_batch_of_one_number():
    norm = BatchNorm(3, momentum=0.3, eps=1e-3, scale=True)
    theirs = torch.nn.BatchNorm1d(3, momentum=0.3, eps=1e-3)
    x = torch.randn(6, 3, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(norm(x), theirs(x), atol=1e-6, rtol=0)
    torch.testing.assert_close(norm.running_var, theirs.running_var)
    before = norm.running_mean.clone()
    y = norm(x[:1])
    torch.testing.assert_close(y, theirs.eval()(x[:1]))
    assert torch.equal(norm.running_mean, before)
