"""One run, one process; the system frees what a dead process held."""

import signal
import subprocess
import sys
import threading

import pytest

from vitral.errors import StoreError
from vitral.store import locks

HOLD = "import sys, time; from pathlib import Path; from vitral.store import locks; l = locks.take(Path(sys.argv[1]), 'a-1', 0); print('held', flush=True); time.sleep(60)"


def test_a_second_taker_hears_which_process_has_it(tmp_path):
    lock = locks.take(tmp_path, "a-1", 0)
    assert not locks.is_free(tmp_path)
    with pytest.raises(StoreError, match=r"run a-1 is being trained by process 4711: .*wait for it or stop it"):
        locks.take(tmp_path, "a-1", 4711)
    lock.release()
    assert locks.is_free(tmp_path)
    locks.take(tmp_path, "a-1", 0).release()


def test_a_killed_process_holds_nothing(tmp_path):
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        assert not locks.is_free(tmp_path)
        with pytest.raises(StoreError, match="another process"):
            locks.take(tmp_path, "a-1", 0)
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    assert locks.is_free(tmp_path)


def test_a_place_that_cannot_be_locked_is_nobodys(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    assert locks.is_free(tmp_path / "nowhere")
    assert locks.is_free(tmp_path / "file")
    with pytest.raises(StoreError, match=r"run a-1 could not be locked: .*; was it moved"):
        locks.take(tmp_path / "file", "a-1", 0)


def test_two_who_look_at_the_same_moment_do_not_take_each_other_for_the_holder(tmp_path):
    locks.take(tmp_path, "a-run", 0).release()
    seen = []
    looking = [threading.Thread(target=lambda: seen.extend(locks.is_free(tmp_path) for _ in range(300))) for _ in range(2)]
    for thread in looking:
        thread.start()
    for thread in looking:
        thread.join()
    assert all(seen)
    assert len(seen) == 600
