"""The data analysis, against slow computations in exact numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from n1codec.analysis import spectrum


def test_psd_is_welchs() -> None:
    """Against the definition: windowed, detrended segments that overlap by half, their periodograms averaged."""
    rng = np.random.default_rng(0)
    x, rate = rng.normal(100, 30, (5000, 2)), 19531
    frequencies, density = spectrum.psd(x, rate)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(1024) / 1024)
    starts = range(0, 5000 - 1024 + 1, 512)
    segments = np.array([x[s : s + 1024] - x[s : s + 1024].mean(axis=0) for s in starts])
    power = np.abs(np.fft.rfft(segments * window[:, None], axis=1)) ** 2
    expected = power.mean(axis=0) / (rate * (window**2).sum())
    expected[1:-1] *= 2
    assert density == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert frequencies == pytest.approx(np.arange(513) * rate / 1024)
    assert spectrum.psd(x[:, 0], rate)[1] == pytest.approx(density[:, 0])


def test_spectrogram_of_a_chirp_follows_it() -> None:
    rate = 8000
    t = np.arange(rate * 2) / rate
    frequencies, times, density = spectrum.spectrogram(np.sin(2 * np.pi * (200 * t + 400 * t**2)), rate)
    assert density.shape == (frequencies.size, times.size)
    assert frequencies[density.argmax(axis=0)] == pytest.approx(200 + 800 * times, abs=2 * rate / 256)


@pytest.mark.parametrize("frames", [0, 1, 100])
def test_spectra_of_short_recordings(frames: int) -> None:
    x = np.arange(frames, dtype=np.int16)
    frequencies, density = spectrum.psd(x, 1000)
    assert frequencies.shape == density.shape
    frequencies, times, density = spectrum.spectrogram(x, 1000)
    assert density.shape == (frequencies.size, times.size)


def test_spectral_entropy() -> None:
    assert spectrum.spectral_entropy(np.ones(512)) == pytest.approx(9)
    assert spectrum.spectral_entropy(np.ones(512), base=math.e) == pytest.approx(9 * math.log(2))
    assert spectrum.spectral_entropy(np.array([0, 3.0, 0])) == 0
    assert math.isnan(spectrum.spectral_entropy(np.zeros(9)))
