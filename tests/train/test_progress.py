"""Where training stands: every epoch sees each example once, whatever the batch sizes."""

import json

from hypothesis import given
from hypothesis import strategies as st

from vitral.spec.experiment import Training
from vitral.train.progress import Progress


def run(training, num_train, sizes, *, flips=False):
    """Play a training with the given batch sizes, used in turn; give every place."""
    place, places, turn = Progress(), [], 0
    while not (place.over(training) and not place.due):
        if place.due:
            place = place.next_epoch() if place.due[0] == "epoch" else Progress(**{**place.to_json(), "due": place.due[1:]})
            continue
        size = sizes[turn % len(sizes)]
        seen = min(size, num_train - place.position)
        place = place.after(
            training,
            num_train=num_train,
            ends_at=place.position + seen,
            num_examples=seen,
            loss=2.0,
            num_correct=1,
            seconds=0.5,
            measurements=lambda last: ("one", "flip") if last and flips else ("one",),
        )
        places.append(place)
        turn += 1
    return places, place


@given(st.integers(1, 4), st.integers(1, 60), st.lists(st.integers(1, 70), min_size=1, max_size=4))
def test_epochs_end_at_their_last_example(epochs, num_train, sizes):
    training = Training(epochs=epochs)
    places, end = run(training, num_train, sizes)
    assert (end.epoch, end.position) == (epochs, 0)
    ends = [place for place in places if "epoch" in place.due]
    assert len(ends) == epochs
    assert all(place.position == num_train and place.loss_sum == 2.0 * place.num_examples == 2.0 * num_train for place in ends)
    shares = [place.share(training, num_train) for place in places]
    assert shares == sorted(shares)
    assert all(0 < share <= 1 for share in shares)


@given(st.integers(1, 4), st.integers(1, 60), st.integers(1, 70))
def test_the_number_of_steps_is_foreseen_at_every_place(epochs, num_train, size):
    training = Training(epochs=epochs)
    places, _ = run(training, num_train, [size])
    assert {place.num_steps(training, num_train, size) for place in [Progress(), *places]} == {len(places)}


def test_what_is_due_and_when():
    places, _ = run(Training(epochs=5, evaluate_every=2), 10, [5], flips=True)
    assert [place.due for place in places[1::2]] == [("epoch",), ("epoch", "one"), ("epoch",), ("epoch", "one"), ("epoch", "one", "flip")]
    places, end = run(Training(steps=3), 10, [5])
    assert [place.due for place in places] == [(), ("epoch", "one"), ("one",)]
    assert (end.step, end.epoch, end.position) == (3, 1, 5)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_json_keeps_every_bit(number):
    place = Progress(1, 2, 3, 4, number, 5, number / 3, ("epoch", "one"))
    assert Progress.from_json(json.loads(json.dumps(place.to_json()))) == place
