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
        raw: the whole file; 16 bits a sample, one channel.
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
            if (channels, width) != (1, 2):
                raise DataError(f"{what}: expected one channel of 16 bits, got {channels} of {8 * width}; convert it")
            if not 1000 <= rate <= 192_000 or count > rate * MAX_SECONDS:
                raise DataError(
                    f"{what}: expected at most {MAX_SECONDS} seconds of 1,000 to 192,000 samples, got {count:,} at {rate:,}; cut it"
                )
            body = file.readframes(count)
    except (wave.Error, EOFError, struct.error, OSError, OverflowError, ValueError, RuntimeError) as cause:  # as damaged files have shown
        said = str(cause).lower() or "it ends too early"
        raise DataError(f"{what}: is no readable WAV file ({said}); record or download it again") from None
    if len(body) != 2 * count or not count:
        raise DataError(f"{what}: its head says {count:,} samples, got {len(body) // 2:,}; record or download it again")
    return np.frombuffer(body, "<i2") / 32768.0, rate
