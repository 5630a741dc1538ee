"""The bands of the mel scale against sums written out, and against what is known of sounds."""

import cmath
import math

import numpy as np
import pytest

from vitral.data import mel, wav


def slowly(samples: list[float], rate: int) -> list[list[float]]:
    """The docstring's formula, one sum at a time: no array, no fast Fourier transform."""
    n, hop, bands = round(0.025 * rate), round(0.010 * rate), 32
    m = 1
    while m < n:
        m *= 2
    count = max(1, 1 + math.ceil((len(samples) - n) / hop))
    top, bottom = (2595 * math.log10(1 + f / 700) for f in (rate / 2, 100))
    edges = [700 * (10 ** ((bottom + (top - bottom) * i / (bands + 1)) / 2595) - 1) for i in range(bands + 2)]
    rows = []
    for t in range(count):
        x = [samples[t * hop + i] if t * hop + i < len(samples) else 0.0 for i in range(n)]
        x = [value * (0.5 - 0.5 * math.cos(2 * math.pi * i / n)) for i, value in enumerate(x)]
        power = [abs(sum(value * cmath.exp(-2j * math.pi * k * i / m) for i, value in enumerate(x))) ** 2 for k in range(m // 2 + 1)]
        row = []
        for low, middle, high in zip(edges, edges[1:], edges[2:], strict=False):
            energy = 0.0
            for k, p in enumerate(power):
                f = k * rate / m
                if low < f <= middle:
                    energy += p * (f - low) / (middle - low)
                elif middle < f < high:
                    energy += p * (high - f) / (high - middle)
            row.append(math.log(max(energy, 1e-8)))
        rows.append(row)
    return rows


@pytest.mark.parametrize("count", [1, 199, 200, 201, 279, 280, 281, 500])
def test_the_formula_slowly(count: int) -> None:
    samples = np.random.default_rng(count).normal(0, 0.1, count).clip(-1, 1)
    found = mel.log_mel(samples, 8000)
    expected = np.array(slowly(samples.tolist(), 8000))
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < 1e-5  # float32 of numbers below 20


def test_a_real_recording_slowly(vitral_data) -> None:
    samples, rate = wav.parse((vitral_data / "sequences" / "recordings" / "7_jackson_32.wav").read_bytes(), "7")
    found = mel.log_mel(samples, rate)
    assert found.shape == (1 + math.ceil((len(samples) - 200) / 80), 32)
    middle = len(found) // 2
    part = samples[middle * 80 : middle * 80 + 360]  # three windows of it
    assert np.abs(found[middle : middle + 3] - np.array(slowly(part.tolist(), rate))).max() < 1e-5


def test_the_docstring_s_numbers() -> None:
    assert round(float(mel.mel(1000))) == 1000
    assert round(float(mel.mel(4000))) == 2146
    assert mel.hertz(mel.mel([100, 440, 4000])) == pytest.approx([100, 440, 4000])
    assert mel.log_mel(np.zeros(4000), 8000).shape == (49, 32)


def test_silence_is_the_floor() -> None:
    assert np.all(mel.log_mel(np.zeros(1000), 8000) == np.float32(math.log(1e-8)))


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
@pytest.mark.parametrize("frequency", [300, 1000, 3000])
def test_a_pure_tone_is_loudest_in_its_own_band(rate: int, frequency: int) -> None:
    samples = 0.5 * np.sin(2 * np.pi * frequency * np.arange(rate) / rate)
    loudest = mel.log_mel(samples, rate)[5:-5].argmax(1)
    middles = mel.hertz(np.linspace(mel.mel(100), mel.mel(rate / 2), 34))[1:-1]
    assert np.abs(loudest - np.abs(middles - frequency).argmin()).max() <= 1


def test_twice_as_loud_is_log_4_more() -> None:
    samples = np.random.default_rng(0).normal(0, 0.1, 2000)
    assert np.allclose(mel.log_mel(2 * samples, 8000) - mel.log_mel(samples, 8000), math.log(4), atol=1e-5)


def test_no_band_is_empty_and_none_is_left_out() -> None:
    for rate in (8000, 16000, 44100):
        bank = mel.bank(rate, 1 << (round(0.025 * rate) - 1).bit_length())
        assert (bank.sum(1) > 0).all()
        inside = bank.sum(0)[(np.arange(bank.shape[1]) * rate / (2 * bank.shape[1] - 2) > 200)][:-10]
        assert inside.max() <= 1 + 1e-12
        assert inside.min() > 0
