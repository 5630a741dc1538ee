"""The order of an epoch is a pure function."""

import torch

from vitral.data.batches import order, take
from vitral.data.dataset import Examples


def test_an_order_is_a_permutation_that_belongs_to_seed_and_epoch() -> None:
    first = order(1, 0, 500)
    assert first.dtype == torch.int64
    assert first.sort().values.tolist() == list(range(500))
    assert torch.equal(first, order(1, 0, 500))
    for other in (order(1, 1, 500), order(2, 0, 500)):
        assert not torch.equal(first, other)


def test_an_order_draws_nothing_from_the_global_generator() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    order(3, 4, 100)
    assert torch.equal(before, torch.get_rng_state())


def test_the_order_of_today_is_the_order_of_tomorrow() -> None:
    """A checkpoint of another version goes on in the same order: these numbers must not change."""
    assert order(0, 0, 10).tolist() == [6, 8, 1, 0, 9, 5, 4, 2, 7, 3]


def test_take_copies_the_named_examples() -> None:
    examples = Examples(torch.arange(24, dtype=torch.uint8).view(6, 2, 2, 1), torch.tensor([5, 4, 3, 2, 1, 0]))
    batch = take(examples, torch.tensor([4, 1]))
    assert len(batch) == 2
    assert batch.pixels[:, 0, 0, 0].tolist() == [16, 4]
    assert batch.targets.tolist() == [1, 4]
