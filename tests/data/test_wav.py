"""WAV files, written by the standard library and damaged by us."""

import io
import wave

import numpy as np
import pytest

from vitral.data import wav
from vitral.errors import DataError


def recorded(samples: np.ndarray, *, rate: int = 8000, channels: int = 1, width: int = 2) -> bytes:
    stream = io.BytesIO()
    with wave.open(stream, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(samples.astype({1: np.uint8, 2: "<i2", 4: "<i4"}[width]).tobytes())
    return stream.getvalue()


def test_samples_come_back() -> None:
    samples, rate = wav.parse(recorded(np.array([0, 16384, -16384, 32767, -32768])), "a")
    assert rate == 8000
    assert samples.tolist() == [0, 0.5, -0.5, 32767 / 32768, -1]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "is no readable WAV file"),
        (b"RIFF", "is no readable WAV file"),
        (recorded(np.zeros(10))[:-4], "its head says 10 samples, got 8"),
        (recorded(np.zeros(0)), "its head says 0 samples"),
        (recorded(np.zeros(12), channels=3), "expected one or two channels of 16 bits, got 3 of 16"),
        (recorded(np.zeros(10), width=1), "expected one or two channels of 16 bits, got 1 of 8"),
        (recorded(np.zeros(10), rate=100), "1,000 to 192,000 samples, got 10 at 100"),
        (recorded(np.zeros(601_000), rate=1000), "at most 600 seconds"),
    ],
)
def test_what_is_no_recording_of_ours_is_refused(raw: bytes, message: str) -> None:
    with pytest.raises(DataError, match=f"^a: .*{message}"):
        wav.parse(raw, "a")
