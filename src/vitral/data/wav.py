"""A recording as numbers: WAV files with whole samples, through the standard library's reader."""

from __future__ import annotations

import io
import struct
import wave
from typing import Final

import numpy as np
import numpy.typing as npt

from vitral.errors import DataError

MAX_SECONDS: Final = 600


def parse(raw: bytes, what: str) -> tuple[npt.NDArray[np.float64], int]:
    """Read the bytes of a WAV file.

    Args:
        raw: the whole file; 16 bits a sample, one channel or two, of which the mean is taken.
        what: its name, for errors.
    Returns:
        The samples between -1 and 1, (n,), and how many of them make a second.
    Raises:
        DataError: no WAV file, another kind of samples, or fewer of them than its head says.
    Example:
        A sample of -16384 becomes -0.5.
    """
    try:
        with wave.open(io.BytesIO(raw)) as file:
            channels, width, rate, count = file.getnchannels(), file.getsampwidth(), file.getframerate(), file.getnframes()
            if channels not in {1, 2} or width != 2:
                raise DataError(f"{what}: expected one or two channels of 16 bits, got {channels} of {8 * width}; convert it")
            if not 1000 <= rate <= 192_000 or count > rate * MAX_SECONDS:
                raise DataError(
                    f"{what}: expected at most {MAX_SECONDS} seconds of 1,000 to 192,000 samples, got {count:,} at {rate:,}; cut it"
                )
            body = file.readframes(count)
    except (wave.Error, EOFError, struct.error, OSError, OverflowError, ValueError, RuntimeError) as cause:  # as damaged files have shown
        said = str(cause).lower() or "it ends too early"
        raise DataError(f"{what}: is no readable WAV file ({said}); record or download it again") from None
    if len(body) != 2 * channels * count or not count:
        got = len(body) // (2 * channels)
        raise DataError(f"{what}: its head says {count:,} samples, got {got:,}; record or download it again")
    return np.frombuffer(body, "<i2").reshape(count, channels).mean(1) / 32768.0, rate


def resample(samples: npt.NDArray[np.float64], rate: int, wanted: int) -> npt.NDArray[np.float64]:
    """Turn a sound of one rate into the same sound at another: the frequencies that both can hold stay, the others go.

    The whole sound is one Fourier series, of which the terms below half of the lower rate are kept.

    Args:
        samples: (n,).
        rate: samples a second.
        wanted: how many there should be.
    Returns:
        (round(n * wanted / rate),), at least one.
    Example:
        A second at 44,100 becomes 8,000 samples; a tone of 440 Hz stays what it is, one of 5 kHz disappears.
    """
    if rate == wanted:
        return samples
    count = max(1, round(len(samples) * wanted / rate))
    spectrum = np.fft.rfft(samples)
    kept = spectrum[: min(len(spectrum), count // 2 + 1)]
    return np.asarray(np.fft.irfft(kept, count) * (count / len(samples)))
