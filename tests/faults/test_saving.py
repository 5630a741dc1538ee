"""Saves under failing system calls, power cuts and changed bytes; and each harness catching a bug planted for it."""

import contextlib
import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

import pytest

from harness import calls, flips, power
from vitral.errors import StoreError
from vitral.store import durable, rows, weights


def kept(report):
    assert not report.failures, str(report)
    return report


def test_every_failing_call_leaves_a_checkpoint_and_a_sentence(tmp_path):
    report = kept(calls.run(tmp_path))
    assert {"open", "write", "fsync", "replace", "close", "unlink"} <= report.details.keys()
    assert report.trials >= 45


def test_every_power_cut_leaves_the_last_checkpoint_that_was_reported(tmp_path):
    assert kept(power.run(tmp_path)).trials > 25


def test_no_changed_checkpoint_is_loaded(tmp_path):
    kept(flips.run_checkpoints(tmp_path, 300))


def test_no_changed_book_is_shown_as_true(tmp_path):
    report = kept(flips.run_book(tmp_path, 60))
    assert int(report.details["refused"]) > 5
    assert int(report.details["right"]) > 5


@pytest.mark.long
def test_a_thousand_flips(tmp_path):
    kept(flips.run_checkpoints(tmp_path, 1000, seed=1))
    kept(flips.run_book(tmp_path / "book", 1000, seed=1))


LIMITED = """
import resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from harness.samples import tensors
from vitral.errors import StoreError
from vitral.store import weights
weights.save(Path(sys.argv[1]), tensors(1), {}, 1)
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
try:
    weights.save(Path(sys.argv[1]), tensors(2), {}, 2)
except StoreError as cause:
    print(cause)
print(weights.load_newest(Path(sys.argv[1])).step, len(list(Path(sys.argv[1]).iterdir())))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are Unix's")
def test_a_limit_on_file_sizes_is_said_and_costs_nothing(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path), str(Path(__file__).parent)], capture_output=True, text=True, check=True
    )
    assert "larger than a file may be here: it needs 0.0 MB" in done.stdout
    assert "raise the limit (ulimit -f)" in done.stdout
    assert "the checkpoint of step 1 is intact\n1 1\n" in done.stdout


# Bugs planted on purpose: a harness that does not see them proves nothing.


def old_ones_first(folder, tensors, values, step):
    for path in weights.generations(folder):
        path.unlink()
    return weights.save(folder, tensors, values, step)


def silently(folder, tensors, values, step):
    with contextlib.suppress(StoreError):
        weights.save(folder, tensors, values, step)


@pytest.mark.parametrize("save", [old_ones_first, silently])
def test_failing_calls_catch_a_planted_bug(tmp_path, save):
    assert calls.run(tmp_path, save=save, numbers=(calls.errno.ENOSPC,)).failures


def test_failing_calls_catch_a_system_error_that_is_handed_on(tmp_path):
    with patch.object(durable, "explain", lambda cause, *args, **kwargs: cause):
        assert calls.run(tmp_path, numbers=(calls.errno.EIO,)).failures


@pytest.mark.parametrize("missing", ["file", "folder"])
def test_power_cuts_catch_a_missing_fsync(tmp_path, missing):
    class Forgetful(power.Recorder):
        def fsync(self, handle):
            is_folder = Path(self.paths[handle]).is_dir()
            if is_folder != (missing == "folder"):
                super().fsync(handle)

    with patch.object(power, "Recorder", Forgetful):
        assert power.run(tmp_path).failures


def test_power_cuts_catch_old_checkpoints_deleted_first(tmp_path):
    def early(folder, tensors, values, step):
        for path in weights.generations(folder):
            durable.remove(path)
        return weights.save(folder, tensors, values, step)

    assert power.run(tmp_path, save=early).failures


def test_flips_catch_a_load_that_does_not_verify(tmp_path):
    def trusting(path):
        tensors, values = weights.decode(path.read_bytes())
        return weights.Loaded(path, weights.step_of(path), tensors, values)

    assert flips.run_checkpoints(tmp_path, 60, load=trusting).failures


def test_flips_catch_a_book_without_checksums(tmp_path):
    with patch.object(rows, "crc_of", lambda values: 0):
        assert flips.run_book(tmp_path, 1000, until_first=True).failures
