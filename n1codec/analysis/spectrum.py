"""Power spectra, from scipy.signal."""

from __future__ import annotations

import numpy as np

from n1codec.recordings.recording import BLOCK_BYTES, Recording

SEGMENT = 1024
"""Frames of a segment, over which a spectrum is taken."""


def psd(
    x: np.ndarray, rate: float, nperseg: int = SEGMENT, window: str = "hann", detrend: str | bool = "constant"
) -> tuple[np.ndarray, np.ndarray]:
    """Return the power spectral density by Welch's method (1967), segments overlapping by half.

    Args:
        x: samples of shape (frames,) or (frames, channels), any real dtype.
        rate: frames per second.
        nperseg: frames of a segment; all frames where there are fewer.
        window: the name of a window of scipy.signal.
        detrend: "constant" takes each segment's mean away, "linear" its trend, False nothing.

    Returns:
        Frequencies in Hz, float64 of shape (bins,), and the density in squared units of x per Hz, float64 of shape
        (bins,) or (bins, channels), all 0 for no frames.
    """
    from scipy import signal

    size = min(nperseg, len(x))
    if not size:
        bins = nperseg // 2 + 1
        return np.arange(bins) * (rate / nperseg), np.zeros((bins, *x.shape[1:]))
    return signal.welch(x.astype(np.float64), rate, window=window, nperseg=size, detrend=detrend, axis=0)


def recording_psd(recording: Recording, rate: float, nperseg: int = SEGMENT) -> tuple[np.ndarray, np.ndarray]:
    """Return what :func:`psd` gives for all samples of a recording, read a stretch at a time.

    Args:
        rate: frames per second.
        nperseg: frames of a segment.

    Returns:
        Frequencies in Hz, float64 of shape (bins,), and the density, float64 of shape (bins, channels).
    """
    size = min(nperseg, recording.frames)
    hop = size - size // 2
    segments = (recording.frames - size // 2) // hop if size else 0
    at_a_time = max(1, BLOCK_BYTES // (recording.channels * recording.dtype.itemsize * max(hop, 1)))
    if segments <= at_a_time:
        return psd(recording.read(), rate, nperseg)
    total: np.ndarray | None = None
    for first in range(0, segments, at_a_time):
        count = min(at_a_time, segments - first)
        stretch = recording.read(first * hop, (first + count - 1) * hop + size)
        frequencies, density = psd(stretch, rate, nperseg)
        total = density * count if total is None else total + density * count
        recording.release()
    assert total is not None
    return frequencies, total / segments


def spectrogram(
    x: np.ndarray, rate: float, nperseg: int = 256, noverlap: int | None = None, window: str = "hann"
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return how the power spectral density goes on in time.

    Args:
        x: samples of shape (frames,), any real dtype.
        rate: frames per second.
        nperseg: frames of a segment; all frames where there are fewer.
        noverlap: frames that neighbouring segments share; half a segment if None.
        window: the name of a window of scipy.signal.

    Returns:
        Frequencies in Hz, shape (bins,); the middles of the segments in seconds, shape (segments,); the density in
        squared units of x per Hz, shape (bins, segments). All are float64.
    """
    from scipy import signal

    size = min(nperseg, len(x))
    if not size:
        bins = nperseg // 2 + 1
        return np.arange(bins) * (rate / nperseg), np.zeros(0), np.zeros((bins, 0))
    shared = min(size // 2 if noverlap is None else noverlap, size - 1)
    return signal.spectrogram(
        x.astype(np.float64), rate, window=window, nperseg=size, noverlap=shared, detrend="constant"
    )


def spectral_entropy(density: np.ndarray, base: float = 2.0) -> float:
    """Return the Shannon entropy of a power spectral density that is taken as a distribution over its bins.

    Args:
        density: not negative, shape (bins,).
        base: 2 for bits.

    Returns:
        0 (one frequency) to log(bins) (white noise); NaN where there is no power at all.
    """
    total = density.sum()
    if not total > 0:
        return float("nan")
    share = density[density > 0] / total
    return float(-(share * np.log(share)).sum() / np.log(base)) + 0.0
