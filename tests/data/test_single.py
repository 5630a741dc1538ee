"""One sequence to be named is read as those that were learned from."""

import io
import wave
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vitral.data import single, wav
from vitral.data.catalogue import load_sequences
from vitral.data.sequence import Values
from vitral.data.vocabulary import Vocabulary
from vitral.errors import DataError
from vitral.spec.experiment import Data


def test_a_text_is_its_letters() -> None:
    vocabulary = Vocabulary.of("Kowalski")
    assert vocabulary.decode(single.read(" Kowalski\n", source="names", size=8, vocabulary=vocabulary)) == "Kowalski"  # type: ignore[arg-type]
    for text, message in {"  ": "expected a text to name, got nothing", "Núñez": "'N', 'ú', 'ñ'.* not among the"}.items():
        with pytest.raises(DataError, match=message):
            single.read(text, source="names", size=8, vocabulary=vocabulary)


def test_a_recording_of_the_set_is_the_set_s_own_sequence(vitral_data: Path) -> None:
    found = load_sequences(Data(source="spoken-digits"))
    values = single.read(str(vitral_data / "sequences" / "recordings" / "3_theo_2.wav"), source="spoken-digits", size=32)
    same = [n for n in range(len(found.test)) if np.array_equal(found.test[n], values)]
    assert [int(found.test.targets[n]) for n in same] == [3]


def recording(rate: int, channels: int, frequency: float = 440) -> bytes:
    tone = 0.5 * np.sin(2 * np.pi * frequency * np.arange(rate) / rate)
    stream = io.BytesIO()
    with wave.open(stream, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.repeat((tone * 32767).astype("<i2"), channels).tobytes())
    return stream.getvalue()


def heard(folder: Path, raw: bytes) -> Values:
    (folder / "a.wav").write_bytes(raw)
    return single.read(str(folder / "a.wav"), source="spoken-digits", size=32)


@pytest.mark.parametrize(("rate", "channels"), [(8000, 2), (16000, 1), (44100, 2), (48000, 1), (6000, 1)])
def test_a_tone_sounds_the_same_at_any_rate(tmp_path: Path, rate: int, channels: int) -> None:
    wanted, got = heard(tmp_path, recording(8000, 1)), heard(tmp_path, recording(rate, channels))
    assert got.shape == wanted.shape
    loud = wanted > wanted.max() - 5  # the bands that hold the tone
    assert np.abs(got - wanted)[loud].max() < 0.02


def test_what_the_lower_rate_cannot_hold_disappears(tmp_path: Path) -> None:
    assert heard(tmp_path, recording(44100, 1, 5000))[10:-10].max() < heard(tmp_path, recording(44100, 1, 440)).max() - 10


def test_resampling_keeps_whole_waves_exactly() -> None:
    time = np.arange(44100) / 44100
    got = wav.resample(np.sin(2 * np.pi * 440 * time) + 0.3 * np.cos(2 * np.pi * 3000 * time), 44100, 8000)
    time = np.arange(8000) / 8000
    assert np.abs(got - np.sin(2 * np.pi * 440 * time) - 0.3 * np.cos(2 * np.pi * 3000 * time)).max() < 1e-10


def test_a_picture_is_its_rows(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (28, 28), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    values = single.read(str(tmp_path / "a.png"), source="digits-by-row", size=28)
    assert np.array_equal(np.rint(values * 255), pixels)


@pytest.mark.parametrize("written", ["x,y\n1,2\n3,4.5\n", "series,label,x,y\na,b,1,2\na,b,3,4.5\n", "x;y\n1;2\n3;4,5\n"])
def test_a_table_is_its_lines(tmp_path: Path, written: str) -> None:
    (tmp_path / "a.csv").write_text(written)
    assert single.read(str(tmp_path / "a.csv"), source="mine.csv", size=2).tolist() == [[1, 2], [3, 4.5]]


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("x,y\n1,2\n", "a.csv: expected 3 numbers a step, got 2; the network learned from mine.csv"),
        ("x,y,z\n1,2,a\n", "a.csv, line 2, column \"z\": expected a finite number, got 'a'"),
        ("series,x,y,z\na,1,2,3\nb,1,2,3\n", "a.csv, line 3: expected one series"),
        ("x,y,z\n", "a.csv: expected a heading and lines of numbers, got none"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, written: str, message: str) -> None:
    (tmp_path / "a.csv").write_text(written)
    with pytest.raises(DataError, match=message):
        single.read(str(tmp_path / "a.csv"), source="mine.csv", size=3)


def test_no_file_is_said(tmp_path: Path) -> None:
    for source in ("spoken-digits", "digits-by-row", "mine.csv"):
        with pytest.raises(DataError, match="gone.wav: .*no such file"):
            single.read(str(tmp_path / "gone.wav"), source=source, size=28)
