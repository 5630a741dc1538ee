"""What a person hears in a sound: its energy in bands of the mel scale, a hundred times a second, as a logarithm."""

# T frames  K frequencies of the Fourier transform  F bands

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

WINDOW_SECONDS: Final = 0.025
HOP_SECONDS: Final = 0.010
NUM_BANDS: Final = 32
LOWEST: Final = 100.0  # Hz: below it a man's voice has little, and a band would be narrower than two of the transform's frequencies
FLOOR: Final = 1e-8  # about the energy that rounding to 16 bits leaves in a window of silence


def mel(hertz: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Give the pitch that is heard: 2595 * log10(1 + f / 700).

    Example: 1000 Hz is 1000 mel, 4000 Hz only 2146.
    Source: O'Shaughnessy 1987, "Speech Communication: Human and Machine", p. 150
    """
    return np.asarray(2595.0 * np.log10(1.0 + np.asarray(hertz, np.float64) / 700.0))


def hertz(mels: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Undo ``mel``: 700 * (10 ** (m / 2595) - 1)."""
    return np.asarray(700.0 * (10.0 ** (np.asarray(mels, np.float64) / 2595.0) - 1.0))


def log_mel(samples: npt.NDArray[np.floating[Any]], rate: int) -> npt.NDArray[np.float32]:
    """Turn a sound into rows of numbers that say which pitches are in it.

    Every 10 ms a window of 25 ms is taken, x[t, n] = samples[t * hop + n] (zeros behind the end), weighed with Hann's
    w[n] = 0.5 - 0.5 * cos(2 pi n / N), and transformed. With P[t, k] = |sum over n of w[n] * x[t, n] * exp(-2 pi i k n / M)| ** 2,
    M the next power of two,

        y[t, b] = ln(max(sum over k of H[b, k] * P[t, k], 1e-8))

    H[b] is a triangle over the frequencies: 0 at the middle of band b - 1, 1 at its own, 0 at that of band b + 1; the 32 middles lie
    at equal distances in mel between 100 Hz and half the rate.

    Args:
        samples: the sound between -1 and 1, (n,), at least one sample.
        rate: samples a second.
    Returns:
        y, (T, 32), T = 1 + ceil((n - 0.025 * rate) / (0.010 * rate)), at least 1.
    Example:
        Half a second at 8 kHz is 4,000 samples: windows of 200, a hop of 80, so 49 rows.
    Source: Davis & Mermelstein 1980, doi:10.1109/TASSP.1980.1163420 (bands on the mel scale, there followed by a cosine transform)
    """
    window, hop = round(WINDOW_SECONDS * rate), round(HOP_SECONDS * rate)
    count = 1 + max(0, -(-(len(samples) - window) // hop))
    padded = np.zeros((count - 1) * hop + window)
    padded[: len(samples)] = samples
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop]  # (T, N)
    size = 1 << (window - 1).bit_length()
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
    spectrum = np.fft.rfft(frames * hann, size)
    power = spectrum.real**2 + spectrum.imag**2  # (T, K)
    energy = power @ bank(rate, size).T
    return np.log(np.maximum(energy, FLOOR)).astype(np.float32)


@lru_cache
def bank(rate: int, size: int) -> npt.NDArray[np.float64]:
    """Give the triangles H, (32, K): how much each of the K = size // 2 + 1 frequencies counts in each band."""
    edges = hertz(np.linspace(mel(LOWEST), mel(rate / 2), NUM_BANDS + 2))
    low, middle, high = (edges[start : start + NUM_BANDS, None] for start in range(3))
    frequencies = np.arange(size // 2 + 1) * rate / size
    triangles = np.minimum((frequencies - low) / (middle - low), (high - frequencies) / (high - middle))
    return np.asarray(np.maximum(triangles, 0.0))
