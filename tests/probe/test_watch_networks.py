"""Watching changes nothing: forty networks trained watched and unwatched, to the same bits in everything that there is.

The architectures are written here in the manner of their models, small: what matters is what they do to hooks (in-place operations, modules
used twice, outputs that are no tensors, recomputation, second derivatives), not how well they learn.
"""

import contextlib
import copy
import math
import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrizations
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from torch.utils.checkpoint import checkpoint

from vitral.errors import VitralError
from vitral.nets import build, zoo
from vitral.probe import calls
from vitral.probe.watch import watch

STEPS = 6


def conv(i, o, size=3, **options):
    return nn.Conv2d(i, o, size, **{"padding": size // 2, **options})


def block(i, o, *, inplace=True, **options):
    return nn.Sequential(conv(i, o, bias=False, **options), nn.BatchNorm2d(o), nn.ReLU(inplace=inplace))


class Basic(nn.Module):
    """As ResNet's basic block: the shortcut is added in place and passed through an in-place ReLU."""

    def __init__(self, i, o, stride=1):
        super().__init__()
        self.conv1, self.bn1 = conv(i, o, stride=stride, bias=False), nn.BatchNorm2d(o)
        self.conv2, self.bn2 = conv(o, o, bias=False), nn.BatchNorm2d(o)
        self.relu = nn.ReLU(inplace=True)  # one module, called twice
        self.down = nn.Sequential(conv(i, o, 1, stride=stride, bias=False), nn.BatchNorm2d(o)) if stride > 1 or i != o else nn.Identity()

    def forward(self, x):
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        y += self.down(x)
        return self.relu(y)


class Bottleneck(nn.Module):
    """As in the second version: normalisation and ReLU come first."""

    def __init__(self, c):
        super().__init__()
        self.body = nn.Sequential(
            nn.BatchNorm2d(c), nn.ReLU(inplace=False), conv(c, c // 2, 1), nn.BatchNorm2d(c // 2), nn.ReLU(True), conv(c // 2, c // 2),
            nn.BatchNorm2d(c // 2), nn.ReLU(True), conv(c // 2, c, 1),
        )  # fmt: skip

    def forward(self, x):
        return x + self.body(x)


class Inception(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.ways = nn.ModuleList(
            [conv(c, 4, 1), nn.Sequential(conv(c, 3, 1), nn.ReLU(True), conv(3, 4)), nn.Sequential(conv(c, 2, 1), conv(2, 4, 5)),
             nn.Sequential(nn.MaxPool2d(3, 1, 1), conv(c, 4, 1))]
        )  # fmt: skip

    def forward(self, x):
        return torch.cat([way(x) for way in self.ways], 1)


class Inverted(nn.Module):
    """As in MobileNet: depthwise in the middle, ReLU6 in place."""

    def __init__(self, c, times=3):
        super().__init__()
        w = c * times
        self.body = nn.Sequential(
            conv(c, w, 1, bias=False), nn.BatchNorm2d(w), nn.ReLU6(True), conv(w, w, groups=w, bias=False), nn.BatchNorm2d(w), nn.ReLU6(True),
            conv(w, c, 1, bias=False), nn.BatchNorm2d(c),
        )  # fmt: skip

    def forward(self, x):
        return x + self.body(x)


class Dense(nn.Module):
    def __init__(self, c, grow=4, count=3):
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(nn.BatchNorm2d(c + n * grow), nn.ReLU(True), conv(c + n * grow, grow)) for n in range(count)
        )

    def forward(self, x):
        for layer in self.layers:
            x = torch.cat([x, layer(x)], 1)
        return x


class Fire(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.squeeze, self.one, self.three, self.relu = conv(c, 3, 1), conv(3, 6, 1), conv(3, 6), nn.ReLU(inplace=True)

    def forward(self, x):
        x = self.relu(self.squeeze(x))
        return torch.cat([self.relu(self.one(x)), self.relu(self.three(x))], 1)


class Shuffle(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.one, self.two = block(c, c, groups=2), block(c, c, groups=2)

    def forward(self, x):
        b, c, h, w = (y := self.one(x)).shape
        return self.two(y.view(b, 2, c // 2, h, w).transpose(1, 2).reshape(b, c, h, w)) + x


class Excite(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.body, self.gate = (
            nn.Sequential(conv(c, c), nn.SiLU(inplace=True)),
            nn.Sequential(nn.AdaptiveAvgPool2d(1), conv(c, c, 1), nn.Sigmoid()),
        )

    def forward(self, x):
        y = self.body(x)
        return x + y * self.gate(y)


class Modern(nn.Module):
    """As in ConvNeXt: normalisation over the last axis, a factor that is a bare parameter, stochastic depth from torch's generator."""

    def __init__(self, c):
        super().__init__()
        self.spread, self.norm = conv(c, c, 7, groups=c), nn.LayerNorm(c)
        self.up, self.down, self.factor = nn.Linear(c, 2 * c), nn.Linear(2 * c, c), nn.Parameter(torch.full((c,), 0.1))

    def forward(self, x):
        y = self.norm(self.spread(x).permute(0, 2, 3, 1))
        y = (self.down(F.gelu(self.up(y))) * self.factor).permute(0, 3, 1, 2)
        return x + y * (torch.rand(len(x), 1, 1, 1) > 0.3) if self.training else x + y


class Unet(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two, self.three = block(3, 6), block(6, 8), block(14, 6)
        self.pool, self.up, self.out = nn.MaxPool2d(2), nn.ConvTranspose2d(8, 8, 2, stride=2), conv(6, 1, 1)

    def forward(self, x):
        first = self.one(x)
        return self.out(self.three(torch.cat([first, self.up(self.two(self.pool(first)))], 1)))


class Attend(nn.Module):
    def __init__(self, d, *, batch_first=True):
        super().__init__()
        self.norm1, self.attention = nn.LayerNorm(d), nn.MultiheadAttention(d, 2, dropout=0.1, batch_first=batch_first)
        self.norm2, self.mlp = nn.LayerNorm(d), nn.Sequential(nn.Linear(d, 2 * d), nn.GELU(), nn.Dropout(0.1), nn.Linear(2 * d, d))

    def forward(self, x):
        y = self.norm1(x)
        x = x + self.attention(y, y, y)[0]
        return x + self.mlp(self.norm2(x))


class Vit(nn.Module):
    def __init__(self):
        super().__init__()
        self.patch, self.token, self.place = (
            nn.Conv2d(3, 8, 4, stride=4),
            nn.Parameter(torch.randn(1, 1, 8)),
            nn.Parameter(torch.randn(1, 17, 8)),
        )
        self.body, self.head = nn.Sequential(Attend(8), Attend(8)), nn.Linear(8, 5)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        return self.head(self.body(torch.cat([self.token.expand(len(x), -1, -1), x], 1) + self.place)[:, 0])


class Mixer(nn.Module):
    def __init__(self):
        super().__init__()
        self.patch, self.along, self.across = nn.Conv2d(3, 8, 4, stride=4), nn.Linear(16, 16), nn.Linear(8, 8)

    def forward(self, x):
        x = self.patch(x).flatten(2)
        return self.across((x + self.along(x)).transpose(1, 2)).mean(1)


class Tied(nn.Module):
    """An autoencoder whose decoder is the encoder's own matrix turned round."""

    def __init__(self):
        super().__init__()
        self.encode, self.bias = nn.Linear(768, 6), nn.Parameter(torch.zeros(768))

    def forward(self, x):
        return F.linear(torch.tanh(self.encode(x.flatten(1))), self.encode.weight.t(), self.bias)


class TwoNames(nn.Module):
    """One matrix under two names, one module under two names, and one module called three times."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(12, 12), nn.Linear(12, 12)
        self.b.weight = self.a.weight
        self.c = self.a
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        for layer in (self.a, self.b, self.c, self.a):
            x = self.relu(layer(x))
        return x


class Recurrent(nn.Module):
    def __init__(self, kind, **options):
        super().__init__()
        self.cells, self.options = kind(5, 7, **options), options
        self.head = nn.Linear(14 if options.get("bidirectional") else 7, 3)

    def forward(self, x):
        y, _ = self.cells(x if self.options.get("batch_first") else x.transpose(0, 1))
        return self.head(y)


class Packed(nn.Module):
    def __init__(self):
        super().__init__()
        self.cells, self.head = nn.GRU(5, 4, batch_first=True, bidirectional=True), nn.Linear(8, 2)

    def forward(self, x):
        y, _ = self.cells(pack_padded_sequence(x, [6, 5, 3, 2], batch_first=True))
        return self.head(pad_packed_sequence(y, batch_first=True)[0])


class Cells(nn.Module):
    """A cell that is called once a step of time, 80 times: more often than a look keeps."""

    def __init__(self):
        super().__init__()
        self.cell, self.lstm, self.head = nn.RNNCell(5, 6), nn.LSTMCell(6, 4), nn.Linear(4, 2)

    def forward(self, x):
        h, state = x.new_zeros(len(x), 6), (x.new_zeros(len(x), 4), x.new_zeros(len(x), 4))
        for _ in range(80):
            h = self.cell(x[:, 0], h)
            state = self.lstm(h, state)
        return self.head(state[0])


class Recomputed(nn.Module):
    def __init__(self, *, reentrant):
        super().__init__()
        self.first, self.reentrant = block(3, 6), reentrant
        self.middle, self.last = nn.Sequential(block(6, 6), nn.Dropout(0.3), block(6, 6)), conv(6, 2)

    def forward(self, x):
        return self.last(checkpoint(self.middle, self.first(x), use_reentrant=self.reentrant))


class Doubling(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.mark_dirty(x)
        return x.mul_(2)

    @staticmethod
    def backward(ctx, gradient):
        return gradient * 2


class Custom(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two = conv(3, 4), conv(4, 2)

    def forward(self, x):
        y = Doubling.apply(self.one(x))
        y[:, 0].clamp_(min=0)  # in place, on a view of what a layer gave
        return {"maps": self.two(y), "names": "a text", "aside": None, "more": [y.mean(), (y[:, 1].amax(),)]}


class Branches(nn.Module):
    """Gives a tuple, skips a layer in every other step, and catches an exception of one of its own layers."""

    def __init__(self):
        super().__init__()
        self.one, self.two, self.never = nn.Linear(12, 12), nn.Linear(12, 4), nn.Linear(5, 5)
        self.count = 0

    def forward(self, x):
        self.count += 1
        x = self.one(x) if self.count % 2 else x
        try:
            self.never(x)
        except RuntimeError:
            pass
        return self.two(x), x


class Recursive(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(12, 12)

    def forward(self, x, depth=3):
        return self.layer(x) if depth == 0 else torch.tanh(self.layer(self(x, depth - 1)))


class Sparse(nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.bag, self.head = nn.Embedding(20, 6, sparse=True), nn.EmbeddingBag(20, 6), nn.Linear(6, 3)

    def forward(self, x):
        return self.head(self.table(x).mean(1) + self.bag(x))


class Frozen(nn.Module):
    """Transfer: a backbone in evaluation mode without gradients, a head that learns."""

    def __init__(self):
        super().__init__()
        self.backbone, self.head = nn.Sequential(block(3, 6), nn.AdaptiveAvgPool2d(1), nn.Flatten()), nn.Linear(6, 3)
        self.backbone.requires_grad_(False)

    def train(self, mode=True):
        super().train(mode)
        self.backbone.eval()
        return self

    def forward(self, x):
        return self.head(self.backbone(x))


class Transform(nn.Module):
    def __init__(self):
        super().__init__()
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.encoder, self.head = nn.TransformerEncoder(layer, 2), nn.Linear(8, 3)

    def forward(self, x):
        return self.head(self.encoder(x))


def images(source):
    return torch.randn(4, 3, 16, 16, generator=source)


def vectors(source):
    return torch.randn(4, 12, generator=source)


def sequences(source):
    return torch.randn(4, 6, 5, generator=source)


def sentences(source):
    return torch.randn(4, 6, 8, generator=source)


def words(source):
    return torch.randint(0, 20, (4, 5), generator=source)


def tensors(output):
    if isinstance(output, torch.Tensor):
        return [output]
    if isinstance(output, dict):
        output = list(output.values())
    return [x for part in output for x in tensors(part)] if isinstance(output, (list, tuple)) else []


def learn(at):
    """One ordinary step."""
    at.optimiser.zero_grad()
    answers = tensors(at.model(at.x))
    sum(y.square().mean() for y in answers if y.requires_grad).backward()
    at.optimiser.step()
    return answers


def in_bfloat16(at):
    at.optimiser.zero_grad()
    with torch.autocast("cpu", torch.bfloat16):
        y = at.model(at.x)
    y.float().square().mean().backward()
    at.optimiser.step()
    return [y]


def with_evaluation(at):
    seen = learn(at)
    at.model.eval()
    with torch.no_grad():
        seen.append(at.model(at.x))
    with torch.inference_mode():
        seen.append(at.model(at.x).clone())
    at.model.train()
    return seen


def twice_differentiated(at):
    """A gradient penalty: the gradient is itself differentiated."""
    at.optimiser.zero_grad()
    x = at.x.clone().requires_grad_()
    y = at.model(x)
    (slope,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    (y.square().mean() + (slope.flatten(1).norm(dim=1) - 1).square().mean()).backward()
    at.optimiser.step()
    return [y, slope, x.grad]


def in_parts(at):
    """Gradients of three parts add up before the weights move."""
    at.optimiser.zero_grad()
    seen = []
    for part in at.x.split(2):
        y = at.model(part)
        (y.square().mean() / 2).backward()
        seen.append(y)
    at.optimiser.step()
    return seen


def by_hand(at):
    """No optimiser at all, the graph kept and walked twice."""
    y = at.model(at.x)
    loss = y.square().mean()
    loss.backward(retain_graph=True)
    loss.backward()
    with torch.no_grad():
        for parameter in at.model.parameters():
            parameter -= 0.01 * parameter.grad
            parameter.grad = None
    return [y]


def searching(at):
    """LBFGS calls the model many times within a step."""

    def closure():
        at.optimiser.zero_grad()
        loss = at.model(at.x).square().mean()
        loss.backward()
        return loss

    return [at.optimiser.step(closure)]


def against_each_other(at):
    """The model judges real and made-up examples in one step."""
    at.optimiser.zero_grad()
    real, made = at.model(at.x), at.model(at.x.flip(0) * 0.5)
    (F.softplus(-real).mean() + F.softplus(made).mean()).backward()
    at.optimiser.step()
    return [real, made]


def copied(at):
    """A copy of the model is made and trained along, as for a moving average."""
    seen = learn(at)
    twin = copy.deepcopy(at.model)
    seen.append(twin(at.x))
    with torch.no_grad():
        for own, live in zip(twin.parameters(), at.model.parameters(), strict=True):
            own.lerp_(live, 0.1)
            seen.append(own)
    return seen


def broken(at):
    """A pass that breaks at its first layer, one that breaks later on, and two that go on."""
    for x in (at.x[:, :2], at.x[:1, :, :1, :1]):
        with pytest.raises((RuntimeError, ValueError)):
            at.model(x)
    return learn(at) + learn(at) + learn(at)


def with_hooks(at):
    """The person has hooks of their own."""
    seen = []
    layer = next(module for module in at.model.modules() if isinstance(module, nn.Conv2d))
    hooks = [
        layer.register_forward_hook(lambda _m, _i, y: y * 1.5),
        layer.register_full_backward_hook(lambda _m, given, _: seen.extend(g for g in given if g is not None)),
        layer.weight.register_hook(lambda g: g * 0.5),
    ]
    seen += learn(at)
    for hook in hooks:
        hook.remove()
    return seen


def vitral(name):
    def make():
        experiment = zoo.load(name)
        net = build(experiment.network, seed=3)
        channels, height, width = experiment.network.image
        if net.whitens:
            net.prepare(torch.randn(50, channels, height, width))
        return net.to(memory_format=torch.channels_last)

    make.images = lambda source: torch.randn(4, *zoo.load(name).network.image, generator=source).to(memory_format=torch.channels_last)
    return make


HEAD = (nn.AdaptiveAvgPool2d(1), nn.Flatten())
CASES = {
    "lenet": (lambda: nn.Sequential(conv(3, 6, 5), nn.Tanh(), nn.AvgPool2d(2), conv(6, 8, 5), nn.Tanh(), nn.Flatten(), nn.Linear(512, 10)), images),
    "alexnet": (lambda: nn.Sequential(
        conv(3, 8, 5, stride=2), nn.ReLU(True), nn.LocalResponseNorm(3), nn.MaxPool2d(3, 2), conv(8, 8, groups=2), nn.ReLU(True), nn.Flatten(),
        nn.Dropout(), nn.Linear(72, 20), nn.ReLU(True), nn.Dropout(), nn.Linear(20, 10)), images),
    "vgg": (lambda: nn.Sequential(block(3, 6), block(6, 6), nn.MaxPool2d(2), block(6, 8), nn.MaxPool2d(2), *HEAD, nn.Linear(8, 10)), images),
    "resnet": (lambda: nn.Sequential(block(3, 6), Basic(6, 6), Basic(6, 8, 2), *HEAD, nn.Linear(8, 10)), images),
    "preactivated resnet": (lambda: nn.Sequential(conv(3, 8), Bottleneck(8), Bottleneck(8), *HEAD), images),
    "inception": (lambda: nn.Sequential(block(3, 6), Inception(6), nn.ReLU(True), Inception(16), *HEAD), images),
    "mobilenet": (lambda: nn.Sequential(block(3, 6), Inverted(6), Inverted(6), *HEAD), images),
    "densenet": (lambda: nn.Sequential(conv(3, 6), Dense(6), conv(18, 6, 1), Dense(6), *HEAD), images),
    "squeezenet": (lambda: nn.Sequential(conv(3, 6), Fire(6), Fire(12), *HEAD), images),
    "shufflenet": (lambda: nn.Sequential(conv(3, 8), Shuffle(8), Shuffle(8), *HEAD), images),
    "efficientnet": (lambda: nn.Sequential(conv(3, 6), Excite(6), Excite(6), nn.Dropout2d(0.2), *HEAD), images),
    "convnext": (lambda: nn.Sequential(conv(3, 6), Modern(6), Modern(6), *HEAD), images),
    "unet": (Unet, images),
    "vit": (Vit, images),
    "mixer": (Mixer, images),
    "tied autoencoder": (Tied, images),
    "group norm and prelu": (lambda: nn.Sequential(conv(3, 8), nn.GroupNorm(2, 8), nn.PReLU(8), nn.InstanceNorm2d(8), nn.RReLU(inplace=True), *HEAD), images),
    "volumes": (lambda: nn.Sequential(nn.Unflatten(1, (1, 3)), nn.Conv3d(1, 4, 3, padding=1), nn.BatchNorm3d(4), nn.MaxPool3d((1, 2, 2)), nn.Flatten()), images),
    "wavenet": (lambda: nn.Sequential(nn.Conv1d(6, 8, 2, dilation=2), nn.ReLU(True), nn.Conv1d(8, 4, 2), nn.BatchNorm1d(4)), sequences),
    "two names": (TwoNames, vectors),
    "lstm": (lambda: Recurrent(nn.LSTM, num_layers=2, dropout=0.2, batch_first=True), sequences),
    "gru": (lambda: Recurrent(nn.GRU, bidirectional=True), sequences),
    "projected lstm": (lambda: nn.LSTM(5, 7, proj_size=3, batch_first=True), sequences),
    "packed sequences": (Packed, sequences),
    "cells": (Cells, sequences),
    "recomputed": (lambda: Recomputed(reentrant=False), images),
    "recomputed, old way": (lambda: Recomputed(reentrant=True), lambda source: images(source).requires_grad_()),
    "in place on a view": (Custom, images),
    "branches": (Branches, vectors),
    "recursive": (Recursive, vectors),
    "sparse": (Sparse, words),
    "frozen backbone": (Frozen, images),
    "transformer": (Transform, sentences),
    "transformer evaluated": (Transform, sentences, with_evaluation),
    "fused layer alone": (lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), sentences, with_evaluation),
    "attention over time first": (lambda: Attend(8, batch_first=False), sentences),
    "spectral norm": (lambda: nn.Sequential(parametrizations.spectral_norm(conv(3, 6)), nn.ReLU(True), parametrizations.weight_norm(conv(6, 4))), images),
    "orthogonal": (lambda: nn.Sequential(parametrizations.orthogonal(nn.Linear(12, 12)), nn.ELU(inplace=True), nn.Linear(12, 2)), vectors),
    "lazy": (lambda: nn.Sequential(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d(), nn.ReLU(True), nn.Flatten(), nn.LazyLinear(3)), images),
    "bfloat16": (lambda: nn.Sequential(block(3, 6), Basic(6, 6), *HEAD, nn.Linear(6, 3)), images, in_bfloat16),
    "evaluation between": (lambda: nn.Sequential(block(3, 6), nn.Dropout(), conv(6, 2)), images, with_evaluation),
    "double backward": (lambda: nn.Sequential(conv(3, 6), nn.Softplus(), conv(6, 4), nn.Tanh(), *HEAD), images, twice_differentiated),
    "accumulated": (lambda: nn.Sequential(block(3, 6), *HEAD, nn.Linear(6, 3)), images, in_parts),
    "by hand": (lambda: nn.Sequential(conv(3, 6), nn.LeakyReLU(0.1, inplace=True), *HEAD), images, by_hand),
    "lbfgs": (lambda: nn.Sequential(nn.Linear(12, 6), nn.Tanh(), nn.Linear(6, 2)), vectors, searching),
    "adversarial": (lambda: nn.Sequential(conv(3, 6), nn.LeakyReLU(0.2, True), *HEAD, nn.Linear(6, 1)), images, against_each_other),
    "copied": (lambda: nn.Sequential(block(3, 6), nn.Dropout(), conv(6, 2)), images, copied),
    "broken step": (lambda: nn.Sequential(conv(3, 6), nn.Dropout(), nn.BatchNorm2d(6), conv(6, 2)), images, broken),
    "hooks of one's own": (lambda: nn.Sequential(block(3, 6, inplace=False), conv(6, 2)), images, with_hooks),
    **{f"zoo: {name}": (vitral(name), vitral(name).images) for name in ("default", "cifar10-fast", "cifar10-alexnet", "digits")},
}  # fmt: skip


def state_of_chance():
    return [torch.get_rng_state(), torch.tensor(list(random.getstate()[1])), torch.from_numpy(np.random.get_state()[1].astype(np.int64))]


def bits(x):
    x = x.detach().coalesce().to_dense() if x.is_sparse else x.detach()
    return x.contiguous().view(torch.uint8) if x.ndim else x.reshape(1).view(torch.uint8)


def lived(make, inputs, step=learn, *, watched):
    """Train a few steps and give everything that could differ, and the model."""
    torch.manual_seed(7)
    random.seed(7)
    np.random.seed(7)
    model = make()
    source = torch.Generator().manual_seed(11)
    if any(isinstance(p, nn.parameter.UninitializedParameter) for p in model.parameters()):
        model(inputs(torch.Generator().manual_seed(0)))
    kind = torch.optim.LBFGS if step is searching else torch.optim.SGD
    at = SimpleNamespace(model=model, optimiser=kind(model.parameters(), lr=0.01), x=None)
    told = []
    if watched:
        watching = watch(model, every=2, **{key: value for key, value in watched.items() if key != "audience"})
        if "audience" in watched:
            watching.show_to(watched["audience"])
        with watching as seen:
            for _ in range(STEPS):
                at.x = inputs(source)
                told += step(at)
                told += [p.grad for p in model.parameters() if p.grad is not None]
    else:
        seen = None
        for _ in range(STEPS):
            at.x = inputs(source)
            told += step(at)
            told += [p.grad for p in model.parameters() if p.grad is not None]
    own = [module.generator.get_state() for module in model.modules() if hasattr(module, "generator") and module.generator is not None]
    return [*told, *model.state_dict().values(), *own, *state_of_chance()], model, seen


class Curious:
    """Asks for the arithmetic of a number of every layer, in the middle of the training."""

    def __init__(self):
        self.explained, self.outcome = 0, ""

    def between(self, watching):
        for name, call in watching.calls.kept.items():
            with contextlib.suppress(VitralError):
                place = () if call.given is None else (0,) * (call.given.ndim - 1)
                found = calls.explain(watching.calls.kept, name, place)
                self.explained += 1
                assert math.isfinite(found.computed)

    def closed(self, outcome):
        self.outcome = outcome


def hooks_on(model):
    tables = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return sum(len(getattr(module, table)) for module in model.modules() for table in tables) + sum(
        len(p._backward_hooks or ()) + len(p._post_accumulate_grad_hooks or ()) for p in model.parameters()
    )


@pytest.mark.filterwarnings(
    "ignore:LSTM with projections",
    "ignore:None of the inputs have requires_grad",
    "ignore:Full backward hook is firing",
    "ignore:.*nested tensor.*",
    "ignore:Lazy modules",
    "ignore:.*lazy.*",
)
@pytest.mark.parametrize("passes", ["training", "all", "shown"])
@pytest.mark.parametrize("name", CASES)
def test_watched_and_unwatched_have_the_same_bits(name, passes):
    expected, _, _ = lived(*CASES[name], watched={})
    curious = Curious()
    audience = {"audience": curious} if passes == "shown" else {}
    got, model, seen = lived(*CASES[name], watched={"passes": "training" if audience else passes, **audience})
    assert seen.problem == ""
    if audience:
        assert curious.outcome == "finished"
    assert len(got) == len(expected)
    for n, (one, other) in enumerate(zip(got, expected, strict=True)):
        assert one.dtype == other.dtype
        assert torch.equal(bits(one), bits(other)), f"number {n} of {len(got)}"
    assert hooks_on(model) == 0
    assert not nn.modules.module._global_forward_pre_hooks
    looks = [look for look in seen if any(layer.activation for layer in look)]
    assert len(looks) >= 3, f"{len(seen)} looks at {seen.num_steps} passes"
    assert all(look.settled for look in looks)
    assert any(layer.gradient for look in looks for layer in look)
    assert any(layer.weight_gradients for look in looks for layer in look)
    if step_of(name) is not searching:
        assert any(layer.update_ratios for look in looks for layer in look)


def step_of(name):
    return CASES[name][2] if len(CASES[name]) > 2 else learn
