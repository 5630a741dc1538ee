"""Each optimiser against its formula in NumPy float64, and what layers say about their own rates and decay."""

# w weight  g gradient  u whatever is remembered between steps

import numpy as np
import pytest
import torch

from vitral.errors import SpecError, StoreError
from vitral.nets.net import Learned
from vitral.spec import experiment as spec
from vitral.train.optimise import Optimiser, View

RATE, STEPS, L1, L2 = 0.03, 5, 0.01, 0.02
EPS = 1e-6


def sgd(w, g, u, t):
    return w - RATE * g


def momentum(w, g, u, t):
    u["v"] = 0.7 * u["v"] + g if t else g
    return w - RATE * u["v"]


def nesterov(w, g, u, t):
    u["v"] = 0.7 * u["v"] + g if t else g
    return w - RATE * (g + 0.7 * u["v"])


def adagrad(w, g, u, t):
    u["s"] = u.get("s", 0) + g**2
    return w - RATE * g / (np.sqrt(u["s"]) + EPS)


def rmsprop(w, g, u, t):
    u["s"] = 0.9 * u.get("s", 0) + 0.1 * g**2
    u["v"] = 0.7 * u.get("v", 0) + g / (np.sqrt(u["s"]) + EPS)
    return w - RATE * u["v"]


def adadelta(w, g, u, t):
    u["s"] = 0.9 * u.get("s", 0) + 0.1 * g**2
    d = np.sqrt(u.get("d", 0) + EPS) / np.sqrt(u["s"] + EPS) * g
    u["d"] = 0.9 * u.get("d", 0) + 0.1 * d**2
    return w - RATE * d


def adam(w, g, u, t):
    u["m"] = 0.8 * u.get("m", 0) + 0.2 * g
    u["s"] = 0.95 * u.get("s", 0) + 0.05 * g**2
    return w - RATE * (u["m"] / (1 - 0.8 ** (t + 1))) / (np.sqrt(u["s"] / (1 - 0.95 ** (t + 1))) + EPS)


FORMULAS = {
    "sgd": (sgd, {}),
    "momentum": (momentum, {"momentum": 0.7}),
    "nesterov": (nesterov, {"momentum": 0.7}),
    "adagrad": (adagrad, {"eps": EPS}),
    "rmsprop": (rmsprop, {"rho": 0.9, "momentum": 0.7, "eps": EPS}),
    "adadelta": (adadelta, {"rho": 0.9, "eps": EPS}),
    "adam": (adam, {"betas": (0.8, 0.95), "eps": EPS}),
    "adamw": (adam, {"betas": (0.8, 0.95), "eps": EPS}),
}


def draw(*shape, seed):
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def parameters():
    weight, bias = torch.nn.Parameter(draw(4, 3, 2, 2, seed=1)), torch.nn.Parameter(draw(4, seed=2))
    return weight, bias, [Learned("conv1.weight", weight, True, 1.0, 0.5), Learned("conv1.bias", bias, False, 1.0, 0.5)]


@pytest.mark.parametrize("kind", FORMULAS)
def test_steps_follow_the_formula_with_decay_on_weights_only(kind):
    formula, options = FORMULAS[kind]
    weight, bias, learned = parameters()
    settings = spec.Optimiser(kind=kind, learning_rate=RATE * 2, **options)
    optimiser = Optimiser(learned, settings, l1_decay=L1, l2_decay=L2)
    w, b, uw, ub = weight.detach().numpy().copy(), bias.detach().numpy().copy(), {}, {}
    for t in range(STEPS):
        weight.grad, bias.grad = draw(4, 3, 2, 2, seed=10 + t), draw(4, seed=20 + t)
        g = weight.grad.numpy() + L1 * 0.5 * np.sign(w)
        if kind == "adamw":
            w = w * (1 - RATE * L2 * 0.5)
        else:
            g = g + L2 * 0.5 * w
        w, b = formula(w, g, uw, t), formula(b, bias.grad.numpy(), ub, t)
        optimiser.step(factor=0.5)
    np.testing.assert_allclose(weight.detach().numpy(), w, atol=1e-12)
    np.testing.assert_allclose(bias.detach().numpy(), b, atol=1e-12)


def test_layers_learn_at_their_own_rate():
    weight, bias, _ = parameters()
    learned = [Learned("a.weight", weight, True, 0.25, 1.0), Learned("a.bias", bias, False, 4.0, 1.0)]
    before = weight.detach().clone(), bias.detach().clone()
    weight.grad, bias.grad = torch.ones_like(weight), torch.ones_like(bias)
    Optimiser(learned, spec.Optimiser(kind="sgd", learning_rate=0.1), l1_decay=0, l2_decay=0).step(1.0)
    torch.testing.assert_close(weight, before[0] - 0.025)
    torch.testing.assert_close(bias, before[1] - 0.4)


@pytest.mark.parametrize("adjust", ["original", "match_rms_adamw"])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_muon_moves_a_kernel_as_torchs_muon_moves_its_matrix(memory_format, adjust):
    kernel = draw(6, 3, 2, 2, seed=1).float().to(memory_format=memory_format)
    dense, bias, last = draw(5, 24, seed=2).float(), draw(6, seed=3).float(), draw(2, 5, seed=4).float()
    ours = [torch.nn.Parameter(t.clone()) for t in (kernel, dense, bias, last)]
    names = ("conv1.weight", "dense1.weight", "conv1.bias", "dense2.weight")
    learned = [Learned(name, p, p.dim() > 1, 1.0, 1.0) for name, p in zip(names, ours, strict=True)]
    others = spec.Optimiser(kind="sgd", learning_rate=0.1)
    settings = spec.Optimiser(kind="muon", learning_rate=0.02, momentum=0.8, orthogonal_steps=3, adjust=adjust, others=others)
    optimiser = Optimiser(learned, settings, l1_decay=0, l2_decay=0.01)

    def rows(tensor):
        return (tensor.permute(0, 2, 3, 1) if memory_format is torch.channels_last else tensor).reshape(6, -1).clone()

    theirs = [torch.nn.Parameter(rows(kernel)), torch.nn.Parameter(dense.clone())]
    muon = torch.optim.Muon(theirs, lr=0.02, momentum=0.8, weight_decay=0.01, ns_steps=3, adjust_lr_fn=adjust)
    moved, moved_last = bias.clone(), last.clone()
    for t in range(3):
        gradients = [draw(*p.shape, seed=30 + 10 * t + n).float() for n, p in enumerate(ours)]
        for parameter, gradient in zip(ours, gradients, strict=True):
            parameter.grad = gradient.clone()  # contiguous even where the kernel is channels last
        theirs[0].grad, theirs[1].grad = rows(gradients[0]), gradients[1].clone()
        moved -= 0.1 * gradients[2]
        moved_last -= 0.1 * (gradients[3] + 0.01 * moved_last)
        optimiser.step(1.0)
        muon.step()
    assert torch.equal(rows(ours[0].detach()), theirs[0].detach())
    assert torch.equal(ours[1], theirs[1])
    torch.testing.assert_close(ours[2].detach(), moved)
    torch.testing.assert_close(ours[3].detach(), moved_last)


def test_a_network_of_one_layer_learns_by_the_others_alone():
    weight, bias, learned = parameters()
    settings = spec.Optimiser(kind="muon", others=spec.Optimiser(kind="sgd", learning_rate=0.5))
    optimiser = Optimiser(learned, settings, l1_decay=0, l2_decay=0)
    weight.grad, bias.grad = torch.ones_like(weight), torch.ones_like(bias)
    before = weight.detach().clone()
    optimiser.step(1.0)
    torch.testing.assert_close(weight.detach(), before - 0.5)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("shape", [(4, 3, 2, 2), (4, 3, 1, 1), (4, 1, 3, 3), (1, 3, 2, 2)])
def test_a_view_shares_its_kernels_memory(shape, memory_format):
    kernel = torch.nn.Parameter(draw(*shape, seed=1).to(memory_format=memory_format))
    view = View.of(kernel)
    with torch.no_grad():
        view.matrix.zero_()
    assert not kernel.any()


def test_clipping_scales_the_whole_gradient():
    weight, bias, learned = parameters()
    before = weight.detach().clone(), bias.detach().clone()
    weight.grad, bias.grad = draw(4, 3, 2, 2, seed=3), draw(4, seed=4)
    length = torch.cat([weight.grad.ravel(), bias.grad]).norm()
    shift = weight.grad / length * 0.5, bias.grad / length * 0.5
    Optimiser(learned, spec.Optimiser(kind="sgd", learning_rate=1.0), l1_decay=0, l2_decay=0).step(1.0, clip=0.5)
    torch.testing.assert_close(before[0] - weight, shift[0], atol=1e-6, rtol=0)
    torch.testing.assert_close(before[1] - bias, shift[1], atol=1e-6, rtol=0)


def test_penalty_is_the_decays_own_loss():
    weight, _, learned = parameters()
    other = torch.nn.Parameter(draw(2, 5, seed=9))
    learned.append(Learned("dense1.weight", other, True, 1.0, 2.0))
    optimiser = Optimiser(learned, spec.Optimiser(), l1_decay=L1, l2_decay=L2)
    w, v = weight.detach(), other.detach()
    expected = 0.5 * (L1 * w.abs().sum() + L2 / 2 * (w**2).sum()) + 2.0 * (L1 * v.abs().sum() + L2 / 2 * (v**2).sum())
    assert optimiser.penalty() == pytest.approx(expected.item(), rel=1e-12)
    optimiser.l1_decay = 0
    optimiser.set(spec.Optimiser(), 0)
    assert optimiser.penalty() == 0


@pytest.mark.parametrize("kind", [*FORMULAS, "muon"])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_what_was_accumulated_can_be_taken_up_again(kind, memory_format):
    def make():
        kernel = torch.nn.Parameter(draw(4, 3, 2, 2, seed=1).float().to(memory_format=memory_format))
        bias = torch.nn.Parameter(draw(4, seed=2).float())
        learned = [Learned("conv1.weight", kernel, True, 1.0, 1.0), Learned("conv1.bias", bias, False, 1.0, 1.0)]
        return kernel, bias, Optimiser(learned, spec.Optimiser(kind=kind, learning_rate=RATE), l1_decay=0, l2_decay=L2)

    def move(kernel, bias, optimiser, steps):
        for t in steps:
            kernel.grad, bias.grad = draw(4, 3, 2, 2, seed=60 + t).float().to(memory_format=memory_format), draw(4, seed=70 + t).float()
            optimiser.step(1.0)

    kernel, bias, optimiser = make()
    move(kernel, bias, optimiser, range(3))
    saved = optimiser.tensors()
    assert all(name.startswith("optimiser.conv1.") for name in saved)
    kernel2, bias2, optimiser2 = make()
    with torch.no_grad():
        kernel2.copy_(kernel)
        bias2.copy_(bias)
    optimiser2.load(saved)
    move(kernel, bias, optimiser, range(3, 6))
    move(kernel2, bias2, optimiser2, range(3, 6))
    assert torch.equal(kernel, kernel2)
    assert torch.equal(bias, bias2)


def test_a_state_of_another_network_is_refused():
    _, _, learned = parameters()
    optimiser = Optimiser(learned, spec.Optimiser(kind="adam"), l1_decay=0, l2_decay=0)
    with pytest.raises(StoreError, match=r'"optimiser.conv9.weight.exp_avg" stands in only one of them'):
        optimiser.load({"optimiser.conv9.weight.exp_avg": torch.zeros(4, 3, 2, 2)})


def test_nothing_that_learns_is_refused():
    with pytest.raises(SpecError, match="nothing learns"):
        Optimiser([], spec.Optimiser(), l1_decay=0, l2_decay=0)
