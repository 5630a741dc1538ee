"""The demonstration's own trained network, read by its format's rules, against what convnetjs.js itself answered."""

import json

import numpy as np
import pytest
import torch

from vitral.nets import build
from vitral.nets.loss import criterion
from vitral.spec.network import Network, Softmax

CONV = {"kind": "convolution", "size": 5, "padding": 2}
LAYERS = [part for filters in (16, 20, 20) for part in ({**CONV, "filters": filters}, {"kind": "relu"}, {"kind": "pooling"})]
NETWORK = Network.model_validate({"input": (3, 32, 32), "layers": [*LAYERS, {"kind": "dense", "units": 10}]})


def volume(saved):
    return np.array([saved["w"][str(i)] for i in range(len(saved["w"]))]).reshape(saved["sy"], saved["sx"], saved["depth"])


@pytest.fixture
def net(vitral_data):
    layers = json.loads((vitral_data / "convnetjs" / "cifar10_snapshot.json").read_text())["layers"]
    net = build(NETWORK, seed=0).double()
    learned = [layer for layer in layers if "filters" in layer]
    with torch.no_grad():
        for module, saved in zip((net.conv1, net.conv2, net.conv3, net.dense1), learned, strict=True):
            kernels = np.stack([volume(v) for v in saved["filters"]])  # (K, sy, sx, D)
            if saved["layer_type"] == "fc":
                kernels = kernels.reshape(10, 4, 4, 20).transpose(0, 3, 1, 2).reshape(10, -1)
            else:
                kernels = kernels.transpose(0, 3, 1, 2)
            module.weight.copy_(torch.from_numpy(kernels.copy()))
            module.bias.copy_(torch.from_numpy(volume(saved["biases"]).ravel()))
    return net


@pytest.fixture
def questions(vitral_data):
    folder = vitral_data / "convnetjs"
    x = torch.tensor(json.loads((folder / "in4.json").read_text())["x"], dtype=torch.float64)
    return x.view(4, 32, 32, 3).permute(0, 3, 1, 2), json.loads((folder / "fixture_pretrained4.json").read_text())


def test_probabilities_loss_and_gradients_are_the_demonstrations(net, questions):
    images, answers = questions
    for image, answer in zip(images, answers, strict=True):
        x = image[None].clone().requires_grad_()
        scores = net(x)
        np.testing.assert_allclose(scores.softmax(1)[0].detach().numpy(), answer["probs"], atol=1e-12)
        loss = criterion(Softmax())(scores, torch.tensor([answer["label"]]))
        assert loss.item() == pytest.approx(answer["loss"], abs=1e-12)
        net.zero_grad()
        loss.backward()
        np.testing.assert_allclose(net.conv1.weight.grad[0].permute(1, 2, 0).ravel().numpy(), answer["conv1_filter0_dw"], atol=1e-12)
        np.testing.assert_allclose(net.conv1.bias.grad.numpy(), answer["conv1_bias_dw"], atol=1e-12)
        np.testing.assert_allclose(x.grad[0].permute(1, 2, 0).ravel()[:12].numpy(), answer["input_dw_first12"], atol=1e-12)


def test_every_layers_extremes_are_the_demonstrations(net, questions):
    images, answers = questions
    net.run_in_order()
    seen = []
    for _, layer in net.layers():
        layer.register_forward_hook(lambda _, __, y: seen.append((y.max().item(), y.min().item())))
    for image, answer in zip(images, answers, strict=True):
        seen.clear()
        net(image[None])
        theirs = [(layer["max"], layer["min"]) for layer in answer["layer_stats"][1:-1]]
        np.testing.assert_allclose(seen, theirs, atol=1e-12)


def test_float32_and_bfloat16_stay_near(net, questions):
    images, answers = questions
    probabilities = torch.tensor([answer["probs"] for answer in answers])
    net.float()
    single = net(images.float()).softmax(1)
    torch.testing.assert_close(single, probabilities, atol=1e-5, rtol=0)
    with torch.autocast("cpu", torch.bfloat16):
        half = net(images.float()).float().softmax(1)
    torch.testing.assert_close(half, probabilities, atol=0.05, rtol=0)
