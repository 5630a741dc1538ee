"""The events that a server keeps: whole where they are new, thinned where they are old, and never lost."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vitral.server.log import Log
from vitral.wire import unpack


def batch(step: int, loss: float | None = 1.0) -> str:
    values = {"event": "batch_done", "step": step, "epoch": 1, "loss": loss, "penalty": 0.5, "num_correct": 1, "num_examples": 4}
    return json.dumps({**values, "learning_rate": 0.1, "seconds": 0.25}, separators=(",", ":"))


def evaluated(step: int) -> str:
    return json.dumps({"event": "evaluated", "step": step}, separators=(",", ":"))


def read(log: Log, position: int) -> tuple[list[dict], int]:
    """All events from a position on, as a page takes them."""
    events: list[dict] = []
    while position != log.end:
        frame, position = log.frame(position)
        header, _ = unpack(frame)
        del events[header["from"] :]
        events += header["events"]
        assert header["to"] == position
    return events, position


def test_what_is_new_comes_as_it_is() -> None:
    log = Log([batch(1), batch(2), evaluated(2)])
    assert read(log, 0) == ([json.loads(text) for text in (batch(1), batch(2), evaluated(2))], 3)
    assert unpack(log.frame(2)[0])[0] == {"kind": "events", "from": 2, "to": 3, "events": [json.loads(evaluated(2))], "blobs": []}


def test_the_same_bytes_go_to_everybody_who_stands_at_one_place() -> None:
    log = Log([batch(1), batch(2)])
    assert log.frame(1)[0] is log.frame(1)[0]
    before = log.frame(1)[0]
    log.extend(2, [batch(3)])
    assert log.frame(1)[0] != before


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 12), st.integers(4, 40), st.lists(st.booleans(), max_size=400), st.integers(0, 400))
def test_thinning_loses_nothing(keep: int, most: int, kinds: list[bool], position: int) -> None:
    texts = [batch(number, number) if kind else evaluated(number) for number, kind in enumerate(kinds)]
    log = Log(texts, keep=keep, most=most)
    assert log.end == len(texts)
    events, _ = read(log, 0)
    points = [event for event in events if event["event"] == "batch_done"]
    assert [event["step"] for event in events if event["event"] == "evaluated"] == [n for n, kind in enumerate(kinds) if not kind]
    assert sum(point.get("thinned", 1) for point in points) == sum(kinds)
    assert sum(point["num_examples"] for point in points) == 4 * sum(kinds)
    assert sum(point["loss"] * point.get("thinned", 1) for point in points) == pytest.approx(sum(n for n, kind in enumerate(kinds) if kind))
    assert [event["step"] for event in events] == sorted(event["step"] for event in events)
    assert len(points) <= most + 2 * keep
    assert events[len(events) - min(keep, len(texts)) :] == [json.loads(text) for text in texts[len(texts) - min(keep, len(texts)) :]]
    _, end = read(log, min(position, len(texts)))
    assert end == len(texts)


def test_a_loss_that_is_not_finite_stays_without_a_number() -> None:
    log = Log([batch(1, None), *(batch(n) for n in range(2, 30))], keep=2, most=4)
    events, _ = read(log, 0)
    assert events[0]["loss"] is None
    assert events[0]["penalty"] == 0.5


def test_a_resumed_run_takes_the_place_of_what_it_forgot() -> None:
    log = Log([batch(n) for n in range(10)])
    log.extend(4, [evaluated(4)])
    assert [event["step"] for event in read(log, 0)[0]] == [0, 1, 2, 3, 4]
    with pytest.raises(ValueError, match="between 0 and 5"):
        log.extend(7, [evaluated(7)])


def test_memory_stays_where_it_is() -> None:
    log = Log(keep=64, most=64)
    for first in range(0, 100_000, 100):
        log.extend(first, [batch(first + n) for n in range(100)])
    assert len(log._tail) < 2 * 64
    assert len(log._points) <= 64
    assert len(log._cached) <= 9


def test_it_knows_whether_something_has_happened() -> None:
    log = Log([batch(1), evaluated(1), batch(2)])
    assert log.has("evaluated", 0)
    assert log.has("evaluated", 1)
    assert not log.has("evaluated", 2)
