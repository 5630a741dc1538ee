"""Downloads from a real server that cuts, lies and refuses."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vitral.data.download import download
from vitral.data.progress import Progress
from vitral.data.source import DataUnavailable
from vitral.errors import DataError

BODY = bytes(range(256)) * 4000  # 1,024,000 bytes: several blocks
MD5 = hashlib.md5(BODY).hexdigest()
SHA256 = hashlib.sha256(BODY).hexdigest()


@pytest.fixture
def server(serving: Any) -> Iterator[Any]:
    with serving(BODY) as manners:
        yield manners


def fetch(server: Any, target: Path, **settings: Any) -> Path:
    settings = {"num_bytes": len(BODY), "md5": MD5, "sha256": SHA256, **settings}
    return download(server.url, target, schemes=("http",), timeout_seconds=5, sleep=lambda _: None, **settings)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_arrives_and_its_way_is_told(server: Any, tmp_path: Path) -> None:
    told: list[Progress] = []
    target = fetch(server, tmp_path / "new" / "file.bin", progress=told.append)
    assert target.read_bytes() == BODY
    assert names(target.parent) == ["file.bin"]
    assert told[-1].done == told[-1].total == len(BODY)
    assert [now.done for now in told] == sorted(now.done for now in told)
    assert told[-1].share == 1
    assert told[0].what == "file.bin"


def test_a_cut_connection_goes_on_where_it_was(server: Any, tmp_path: Path) -> None:
    server.cuts = [300_000, 5, 600_000]
    assert fetch(server, tmp_path / "file.bin").read_bytes() == BODY
    assert [asked for _, asked in server.asked] == [None, "bytes=300000-", "bytes=300005-", "bytes=900005-"]


def test_a_later_call_goes_on_too(server: Any, tmp_path: Path) -> None:
    server.cuts = [400_000, 0, 0, 0, 0]
    with pytest.raises(DataUnavailable, match=r"broke after 400,000 of 1,024,000 bytes"):
        fetch(server, tmp_path / "file.bin")
    assert names(tmp_path) == ["file.bin.part"]
    server.cuts = []
    assert fetch(server, tmp_path / "file.bin").read_bytes() == BODY
    assert server.asked[-1][1] == "bytes=400000-"


def test_a_server_that_knows_no_ranges_begins_again(server: Any, tmp_path: Path) -> None:
    (tmp_path / "file.bin.part").write_bytes(BODY[:1000])
    server.ranges = False
    assert fetch(server, tmp_path / "file.bin").read_bytes() == BODY


def test_what_an_earlier_call_left_of_another_file_is_thrown_away(server: Any, tmp_path: Path) -> None:
    (tmp_path / "file.bin.part").write_bytes(b"x" * 1000)
    assert fetch(server, tmp_path / "file.bin").read_bytes() == BODY
    assert [asked for _, asked in server.asked] == ["bytes=1000-", None]


@pytest.mark.parametrize("left", [len(BODY), len(BODY) + 7])
def test_a_part_as_long_as_the_file_is_checked(server: Any, tmp_path: Path, left: int) -> None:
    (tmp_path / "file.bin.part").write_bytes((BODY + b"1234567")[:left])
    assert fetch(server, tmp_path / "file.bin").read_bytes() == BODY
    assert len(server.asked) == (left != len(BODY))


@pytest.mark.parametrize(("left", "asked"), [(BODY, ["bytes=1024000-"]), (b"x" * len(BODY), ["bytes=1024000-", None])])
def test_a_whole_part_of_unknown_size_is_checked(server: Any, tmp_path: Path, left: bytes, asked: list[str | None]) -> None:
    (tmp_path / "file.bin.part").write_bytes(left)
    assert fetch(server, tmp_path / "file.bin", num_bytes=None).read_bytes() == BODY
    assert [range_ for _, range_ in server.asked] == asked


@pytest.mark.parametrize("kind", ["md5", "sha256"])
def test_a_wrong_checksum_leaves_nothing(server: Any, tmp_path: Path, kind: str) -> None:
    server.body = BODY[:-1] + b"\0"
    with pytest.raises(DataUnavailable, match=f"expected {kind} .*, got "):
        fetch(server, tmp_path / "file.bin", **{"md5": None, "sha256": None, kind: {"md5": MD5, "sha256": SHA256}[kind]})
    assert names(tmp_path) == []


@pytest.mark.parametrize("status", [403, 404, 410])
def test_what_is_not_there_is_not_asked_for_again(server: Any, tmp_path: Path, status: int) -> None:
    server.status = [status]
    with pytest.raises(DataUnavailable, match=f"127.0.0.1:[0-9]+: the server answers {status}"):
        fetch(server, tmp_path / "file.bin")
    assert len(server.asked) == 1


def test_a_busy_server_is_asked_again(server: Any, tmp_path: Path) -> None:
    server.status = [503, 429]
    assert fetch(server, tmp_path / "file.bin").read_bytes() == BODY
    server.status = [503] * 9
    with pytest.raises(DataUnavailable, match="answers 503"):
        fetch(server, tmp_path / "again.bin")
    assert len(server.status) == 6


def test_waiting_grows(server: Any, tmp_path: Path) -> None:
    server.status = [503] * 9
    waited: list[float] = []
    with pytest.raises(DataUnavailable):
        download(server.url, tmp_path / "file.bin", schemes=("http",), attempts=4, sleep=waited.append)
    assert waited == [0.5, 1.0, 2.0]


def test_more_than_was_announced_to_us_is_refused(server: Any, tmp_path: Path) -> None:
    with pytest.raises(DataUnavailable, match="expected at most 1,000 bytes, the server announces 1,024,000"):
        fetch(server, tmp_path / "file.bin", num_bytes=1000)
    server.length = -1  # until the connection closes
    with pytest.raises(DataUnavailable, match="expected at most 500,000 bytes, the server sends more"):
        fetch(server, tmp_path / "file.bin", num_bytes=None, max_bytes=500_000)
    assert names(tmp_path) == []


def test_less_than_is_known_is_refused(server: Any, tmp_path: Path) -> None:
    server.body = BODY[:1000]
    with pytest.raises(DataUnavailable, match="expected 1,024,000 bytes, got 1,000"):
        fetch(server, tmp_path / "file.bin")


def test_another_range_than_asked_for_is_refused(server: Any, tmp_path: Path) -> None:
    (tmp_path / "file.bin.part").write_bytes(BODY[:1000])
    server.wrong_range = True
    with pytest.raises(DataUnavailable, match="another range"):
        fetch(server, tmp_path / "file.bin")


def test_plain_http_is_refused(server: Any, tmp_path: Path) -> None:
    with pytest.raises(DataUnavailable, match="expected an address of https, got http"):
        download(server.url, tmp_path / "file.bin")
    assert server.asked == []


@pytest.mark.parametrize("place", ["ftp://127.0.0.1/file.bin", "file:///etc/hostname", "https://127.0.0.1:9/file.bin"])
def test_a_redirection_must_keep_to_the_scheme(server: Any, tmp_path: Path, place: str) -> None:
    server.redirect = place
    with pytest.raises(DataUnavailable):
        fetch(server, tmp_path / "file.bin")
    assert names(tmp_path) == []
    assert len(server.asked) == 1


def test_nobody_there_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    with pytest.raises(DataUnavailable, match=r"127\.0\.0\.1:9: connection refused"):
        download("https://127.0.0.1:9/file.bin", tmp_path / "file.bin", sleep=lambda _: None)
    with pytest.raises(DataUnavailable, match=r"no-such-host\.invalid: "):
        download("https://no-such-host.invalid/file.bin", tmp_path / "file.bin", sleep=lambda _: None)


def test_a_target_that_cannot_be_written_is_ours_not_the_network_s(server: Any, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file where a folder should be")
    with pytest.raises(DataError, match="cannot be written") as caught:
        fetch(server, tmp_path / "taken" / "file.bin")
    assert not isinstance(caught.value, DataUnavailable)
