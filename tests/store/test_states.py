"""Every pair of states is either a move or a sentence."""

import itertools

import pytest

from vitral.errors import StoreError
from vitral.store import states


@pytest.mark.parametrize(("before", "after"), list(itertools.product(states.STATES, states.STATES)))
def test_each_move_is_allowed_or_has_a_sentence(before, after):
    if (before, after) in states.MOVES:
        states.check("a-1", before, after)
        return
    with pytest.raises(StoreError, match=r"^run a-1 .*; .+") as caught:
        states.check("a-1", before, after)
    assert "\n" not in str(caught.value)


def test_what_is_over_is_over():
    assert {before for before, after in states.MOVES if after == "running"} == {"created", "running", "interrupted", "failed"}
    assert not [after for before, after in states.MOVES if before in {"finished", "diverged"}]
    with pytest.raises(StoreError, match="taken all its steps"):
        states.check("a-1", "finished", "running")
    with pytest.raises(StoreError, match="smaller learning rate"):
        states.check("a-1", "diverged", "running")
