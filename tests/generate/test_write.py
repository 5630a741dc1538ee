"""A written text against a plain loop over torch's own modules."""

import itertools

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import one_hot

from vitral.errors import DataError, SpecError
from vitral.generate.choose import Choice, uniforms
from vitral.generate.stepper import Stepper
from vitral.generate.write import write

SYMBOLS = 40
KINDS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


def network(kind: str, hidden: int = 48) -> nn.Sequential:
    """Draw a network in float64 whose next symbol is neither sure nor could be anything."""
    generator = torch.Generator().manual_seed(7)
    net = nn.Sequential(KINDS[kind](SYMBOLS, hidden, batch_first=True), nn.Linear(hidden, SYMBOLS)).double()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
        net[0].weight_hh_l0.mul_(0.8 / hidden**0.5)  # a memory that fades: one that is chaotic blows roundings up
        net[1].weight.mul_(0.4)
    return net


def plainly(net: nn.Sequential, prime: list[int], length: int, seed: int, choice: Choice) -> list[int]:
    """Write as a tutorial does it: one step of torch's module a symbol, in float64, and the same draw."""
    state, symbols = None, list(prime)
    draws = uniforms(seed)
    with torch.no_grad():
        for place in range(len(prime) + length - 1):
            x = one_hot(torch.tensor(symbols[place]), SYMBOLS).double().view(1, 1, -1)
            out, state = net[0](x, state)
            if place >= len(prime) - 1:
                symbols.append(choice.choose(net[1](out).view(-1).numpy(), next(draws)).symbol)
    return symbols[len(prime) :]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("choice", [Choice(), Choice(0.7), Choice(1.2, top_k=8), Choice(1, top_p=0.8), Choice(0)])
def test_the_plain_loop_writes_the_same_text(kind, choice) -> None:
    net = network(kind)
    settings = {"temperature": choice.temperature, "top_k": choice.top_k, "top_p": choice.top_p, "seed": 11}
    expected = plainly(net, [3, 1, 4], 400, 11, choice)
    exact = [written.symbol for written in write(Stepper.of(net, np.float64), [3, 1, 4], 400, **settings)]
    rounded = [written.symbol for written in write(Stepper.of(net), [3, 1, 4], 400, **settings)]
    assert exact == expected
    assert rounded == expected, "in float32 too, until rounding parts them: not within these 400"
    assert len(set(expected)) > (1 if choice.greedy else 5), "it says something"


def test_the_same_seed_gives_the_same_text_whatever_else_is_drawn() -> None:
    stepper = Stepper.of(network("gru"))
    first = list(write(stepper, [1], 100, seed=5))
    np.random.default_rng().random()
    torch.rand(3)
    assert list(write(stepper, [1], 100, seed=5)) == first
    assert list(write(stepper, [1], 300, seed=5))[:100] == first, "a longer text begins with the shorter one"
    assert [w.symbol for w in write(stepper, [1], 100, seed=6)] != [w.symbol for w in first]


def test_torchs_and_numpys_generators_stay_as_they_are() -> None:
    net = network("lstm")
    before = torch.random.get_rng_state(), np.random.get_state()[1].copy()
    list(write(Stepper.of(net), [1], 50))
    assert torch.equal(torch.random.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])


def test_probabilities_are_the_networks_own_at_each_place() -> None:
    net = network("lstm")
    found = list(write(Stepper.of(net, np.float64), [3], 30, temperature=0.5, candidates=2))
    tokens = torch.tensor([3, *(written.symbol for written in found[:-1])])
    with torch.no_grad():
        scores = net[1](net[0](one_hot(tokens, SYMBOLS).double()[None])[0])[0]
    own, sharper = scores.softmax(1), (scores / 0.5).softmax(1)
    for place, written in enumerate(found):
        assert written.probability == pytest.approx(float(own[place, written.symbol]), abs=1e-12)
        assert written.chance == pytest.approx(float(sharper[place, written.symbol]), abs=1e-12)
        assert [candidate.symbol for candidate in written.candidates] == own[place].topk(2).indices.tolist()


def test_nothing_is_computed_before_it_is_asked_for() -> None:
    endless = write(Stepper.of(network("rnn")), [1], 10**15)
    assert len(list(itertools.islice(endless, 5))) == 5
    assert list(write(Stepper.of(network("rnn")), [1], 0)) == []


def test_what_makes_no_sense_is_refused_at_once() -> None:
    stepper = Stepper.of(network("rnn"))
    with pytest.raises(SpecError, match="temperature: expected a number from 0, got -1"):
        write(stepper, [1], 10, temperature=-1)
    with pytest.raises(SpecError, match="prime: expected at least one symbol, got none"):
        write(stepper, [], 10)
    with pytest.raises(SpecError, match="expected whole numbers from 0, got -1, 0 and 0"):
        write(stepper, [1], -1)


def test_a_network_that_broke_says_so() -> None:
    net = network("rnn")
    with torch.no_grad():
        net[1].bias[3] = torch.nan
    with pytest.raises(DataError, match="scores are not finite"):
        next(write(Stepper.of(net), [1], 10))
