"""Spoken digits: the 3,000 real recordings, and an archive that comes from a server of ours."""

import io
import wave
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vitral.data import mel, places, spoken, wav
from vitral.data.sequence import SequenceSet
from vitral.errors import DataError


@pytest.fixture(scope="module")
def recordings(vitral_data: Path) -> Path:
    return vitral_data / "sequences" / "recordings"


@pytest.fixture(scope="module")
def found(recordings: Path) -> SequenceSet:
    return spoken.read(spoken.SPOKEN, places.Place(recordings, given=True))


def test_counts_are_the_published_ones(found: SequenceSet) -> None:
    assert np.bincount(found.train.targets).tolist() == [270] * 10
    assert np.bincount(found.test.targets).tolist() == [30] * 10
    assert (found.kind, found.size, found.classes) == ("series", 32, tuple("0123456789"))


def test_the_test_set_is_the_official_one(found: SequenceSet, recordings: Path) -> None:
    """Each of the 300 test sequences is the recording 0 to 4 of a speaker and a digit, read by itself."""
    wanted = {}
    for path in recordings.glob("*_[0-4].wav"):
        wanted[mel.log_mel(*wav.parse(path.read_bytes(), path.name)).tobytes()] = int(path.name[0])
    got = {found.test[n].tobytes(): int(found.test.targets[n]) for n in range(len(found.test))}
    assert len(wanted) == 300
    assert got == wanted


def test_lengths_follow_from_the_files(found: SequenceSet, recordings: Path) -> None:
    total = 0
    for path in recordings.glob("*.wav"):
        with wave.open(str(path)) as file:
            total += 1 + max(0, -(-(file.getnframes() - 200) // 80))
    assert total == len(found.train.values) + len(found.test.values)
    assert found.longest == 227  # 2.28 seconds


def small(number: int) -> bytes:
    stream = io.BytesIO()
    with wave.open(stream, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(np.random.default_rng(number).integers(-9999, 9999, 300).astype("<i2").tobytes())
    return stream.getvalue()


@pytest.fixture(scope="module")
def few() -> dict[str, bytes]:
    return {name: small(number) for number, name in enumerate(spoken.EVERY)}


@pytest.fixture
def ours(few: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """Published by us: 3,000 recordings of noise."""
    monkeypatch.setattr(spoken, "SHA256", spoken.identity(few))


def packed(recordings: dict[str, bytes], top: str = "free-spoken-digit-dataset-master/recordings/") -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("free-spoken-digit-dataset-master/README.md", "read me")
        archive.writestr("../outside.wav", b"no")
        for name, raw in recordings.items():
            archive.writestr(top + name, raw)
    return stream.getvalue()


@pytest.mark.usefixtures("ours")
class TestFetching:
    def fetch(self, server: Any, root: Path) -> None:
        spoken.fetch(spoken.SPOKEN, root, None, url=server.url, schemes=("http",))

    def test_the_archive_is_unpacked_and_read(self, few: dict[str, bytes], serving: Any, tmp_path: Path) -> None:
        with serving(packed({**few, "9_newcomer_0.wav": small(1)})) as server:
            self.fetch(server, tmp_path)
        assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == list(spoken.EVERY)
        found = spoken.read(spoken.SPOKEN, places.Place(tmp_path / "spoken-digits" / "recordings", given=False))
        assert (len(found.train), len(found.test)) == (2700, 300)

    def test_other_recordings_are_refused(self, few: dict[str, bytes], serving: Any, tmp_path: Path) -> None:
        other = {**few, "0_theo_7.wav": small(7)}
        for body, message in {
            packed(other): "expected the 3,000 recordings of spoken-digits with SHA-256 .*, got others",
            packed(dict(list(few.items())[3:])): "0_george_0.wav and 2 more are missing",
            packed(few)[:-100]: "cannot be unpacked",
            b"<html>log in</html>": "cannot be unpacked",
        }.items():
            with serving(body) as server, pytest.raises(DataError, match=message):
                self.fetch(server, tmp_path)
            assert [path for path in tmp_path.rglob("*") if path.is_file()] == []

    def test_a_recording_that_unpacks_to_too_much_is_refused(self, few: dict[str, bytes], serving: Any, tmp_path: Path) -> None:
        with serving(packed({**few, "0_theo_7.wav": bytes(2**20 + 1)})) as server, pytest.raises(DataError, match="of at most 1 MiB"):
            self.fetch(server, tmp_path)

    def test_a_damaged_one_is_named(self, few: dict[str, bytes], tmp_path: Path) -> None:
        for name, raw in few.items():
            (tmp_path / name).write_bytes(raw)
        place = places.Place(tmp_path, given=True)
        assert all(finding.ok for finding in spoken.inspect(place, spoken.SPOKEN))
        (tmp_path / "3_lucas_9.wav").write_bytes(few["3_lucas_9.wav"][:-50])
        with pytest.raises(DataError, match="3_lucas_9.wav: its head says 300 samples, got 275"):
            spoken.read(spoken.SPOKEN, place)
        (bad,) = [finding for finding in spoken.inspect(place, spoken.SPOKEN) if not finding.ok]
        assert bad.file == "3_lucas_9.wav"
        (tmp_path / "3_lucas_9.wav").write_bytes(small(3))
        with pytest.raises(DataError, match="expected the published recordings, .*got others; replace it, or unset VITRAL_DATA"):
            spoken.read(spoken.SPOKEN, place)
        (bad,) = [finding for finding in spoken.inspect(place, spoken.SPOKEN) if not finding.ok]
        assert bad.file == tmp_path.name
