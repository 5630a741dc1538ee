"""Written whole or not at all: every system call of a durable write is made to fail in turn (tests/faults does it for whole saves)."""

import errno
import os
from pathlib import Path

import pytest

from vitral.errors import StoreError
from vitral.store import durable


class Watched:
    """An `os` that notes what is called, and fails one call with an error number."""

    def __init__(self, fail: str = "", number: int = 0):
        self.calls: list[str] = []
        self.fail, self.number = fail, number

    def __getattr__(self, name):
        real = getattr(os, name)
        if name not in {"open", "write", "fsync", "replace", "close", "unlink", "mkdir"}:
            return real

        def call(*args, **kwargs):
            self.calls.append(name)
            if name == self.fail:
                raise OSError(self.number, os.strerror(self.number))
            return real(*args, **kwargs)

        return call


def test_bytes_are_on_the_disk_before_the_name_and_the_name_before_the_return(tmp_path, monkeypatch):
    watched = Watched()
    monkeypatch.setattr(durable, "os", watched)
    durable.write(tmp_path / "a", b"hello")
    assert watched.calls == ["open", "write", "fsync", "close", "replace", "open", "fsync", "close"]
    assert (tmp_path / "a").read_bytes() == b"hello"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("call", ["open", "write", "fsync", "replace"])
def test_a_failing_call_leaves_the_old_file_and_no_temporary_one(tmp_path, monkeypatch, call):
    target = tmp_path / "a"
    target.write_bytes(b"old")
    monkeypatch.setattr(durable, "os", Watched(call, errno.ENOSPC))
    with pytest.raises(
        StoreError, match=r"a could not be written: disk full: it needs 0\.0 MB in .* MB are free; free some space; all is well"
    ):
        durable.write(target, b"new", kept="all is well")
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "disk full"),
        (errno.EDQUOT, "quota"),
        (errno.EFBIG, "ulimit -f"),
        (errno.EACCES, "no permission .EACCES."),
        (errno.EROFS, "read-only file system"),
        (errno.EIO, "the disk reported a failure"),
        (errno.ENOENT, "expected a folder"),
        (errno.EMFILE, "too many open files"),
        (errno.ENOTSUP, "check the folder"),
    ],
)
def test_each_refusal_of_the_system_has_its_sentence(tmp_path, number, words):
    error = durable.explain(OSError(number, os.strerror(number)), "x could not be written", tmp_path, num_bytes=1_234_567)
    assert "\n" not in str(error)
    with pytest.raises(StoreError, match=words):
        raise error


def test_short_writes_are_gone_on_with(tmp_path, monkeypatch):
    class Short(Watched):
        def write(self, handle, data):
            return os.write(handle, data[:3])

    monkeypatch.setattr(durable, "os", Short())
    durable.write(tmp_path / "a", b"0123456789")
    assert (tmp_path / "a").read_bytes() == b"0123456789"


def test_sweep_takes_what_dead_writers_left_and_nothing_else(tmp_path):
    for name in (f".a.123{durable.MARK}", "a", ".lock", f"b{durable.MARK}"):
        (tmp_path / name).write_bytes(b"x")
    assert durable.sweep(tmp_path) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "a", f"b{durable.MARK}"]


def test_folders_are_made_with_those_above_them(tmp_path: Path):
    durable.make_folder(tmp_path / "a" / "b" / "c")
    durable.make_folder(tmp_path / "a" / "b" / "c")
    assert (tmp_path / "a" / "b" / "c").is_dir()
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match="could not be made"):
        durable.make_folder(tmp_path / "file" / "b")
