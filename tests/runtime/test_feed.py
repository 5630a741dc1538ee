"""Events reach the book in order, at most a second late, never twice."""

from vitral.events import RunEnded
from vitral.runtime import feed
from vitral.runtime.feed import Feed
from vitral.store.runs import Runs, read_events


def ended(step):
    return RunEnded(step=step, outcome="finished")


def test_events_are_committed_once_a_second_and_when_asked(tmp_path, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(feed.time, "monotonic", lambda: clock[0])
    with Runs(tmp_path) as book:
        run = book.create("tiny", "{}", 1).id
        stream = Feed(book, run, 0)
        stream.add(ended(1))
        clock[0] += 0.9
        stream.add(ended(2))
        assert read_events(tmp_path, run) == []
        clock[0] += 0.1
        stream.add(ended(3))
        assert [event.step for event in read_events(tmp_path, run)] == [1, 2, 3]
        stream.add(ended(4))
        assert len(read_events(tmp_path, run)) == 3
        stream.flush(lasting=True)
        stream.flush()
        assert [event.step for event in read_events(tmp_path, run)] == [1, 2, 3, 4]
        assert stream.num_events == 4
