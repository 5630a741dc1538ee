"""The moving average of weights and running statistics."""

import torch

from vitral.nets import build
from vitral.spec.network import Network
from vitral.train.average import Average

NETWORK = Network.model_validate(
    {
        "input": (2, 4, 4),
        "layers": [{"kind": "convolution", "filters": 3, "size": 3}, {"kind": "batch_norm"}],
        "loss": {"kind": "regression"},
    }
)


def test_it_follows_by_the_formula():
    net = build(NETWORK, seed=0)
    average = Average(net, decay=0.9)
    expected = net.conv1.weight.detach().double()
    for step in range(200):
        with torch.no_grad():
            net.conv1.weight.add_(0.01 * step)
        average.follow(step)
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * net.conv1.weight.detach().double()
    torch.testing.assert_close(average.tensors["conv1.weight"].double(), expected, rtol=1e-5, atol=1e-5)
    net(torch.randn(8, 2, 4, 4, generator=torch.Generator().manual_seed(0)))
    average.follow(10_000)
    torch.testing.assert_close(average.tensors["norm1.running_var"], 0.9 * torch.ones(3) + 0.1 * net.norm1.running_var)
    assert average.tensors["norm1.num_batches_tracked"] == 1


def test_the_network_wears_it_and_gets_its_own_memory_back():
    net = build(NETWORK, seed=0)
    average = Average(net, decay=0.5)
    own = net.conv1.weight.detach().clone()
    with torch.no_grad():
        average.tensors["conv1.weight"].fill_(7)
    place = net.conv1.weight.data_ptr()
    with average.worn():
        assert (net.conv1.weight == 7).all()
    assert torch.equal(net.conv1.weight, own)
    assert net.conv1.weight.data_ptr() == place
