"""A text written by a network, one symbol after the other."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from vitral.errors import SpecError
from vitral.generate.choose import Choice, Written, uniforms
from vitral.generate.stepper import Stepper


def write(
    stepper: Stepper,
    prime: Sequence[int],
    length: int,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int = 0,
    candidates: int = 0,
) -> Iterator[Written]:
    """Let a network read ``prime`` and go on from there, symbol by symbol.

    The network begins with an empty memory. Every draw is a pure function of (seed, place in the text): the same seed gives the same
    text, whatever else is drawn, and a longer text begins with the shorter one.

    Args:
        stepper: the network; it is in use until the last symbol is taken.
        prime: at least one symbol to begin with; it does not come back.
        length: how many symbols to write.
        temperature: divides the scores, as ``Choice`` says; 0 takes the likeliest symbol each time.
        top_k: draw among so many likeliest symbols only.
        top_p: draw among the fewest symbols that have this probability together.
        seed: of the draws, from 0.
        candidates: how many of the likeliest symbols to name with each one that is chosen.

    Raises:
        SpecError: a number out of range, or a prime that is empty.
        DataError: when a symbol is taken: the network's scores are not finite.
    Example:
        ``"".join(vocabulary.decode([w.symbol]) for w in write(Stepper.of(net), vocabulary.encode("To be"), 200, seed=1))``
    """
    choice = Choice(temperature, top_k, top_p)
    if length < 0 or candidates < 0 or not 0 <= seed < 2**63:
        raise SpecError(f"length, candidates and seed: expected whole numbers from 0, got {length}, {candidates} and {seed}")
    if not len(prime):
        raise SpecError("prime: expected at least one symbol, got none; a network says what comes next only after something")
    draws = itertools.islice(uniforms(seed), length)
    return _write(stepper, [int(symbol) for symbol in prime], draws, choice, candidates)


def _write(stepper: Stepper, prime: list[int], draws: Iterator[float], choice: Choice, candidates: int) -> Iterator[Written]:
    stepper.forget()
    stepper.read(prime[:-1])
    step, choose, symbol = stepper.step, choice.choose, prime[-1]
    for uniform in draws:
        written = choose(step(symbol), uniform, candidates)
        symbol = written.symbol
        yield written
