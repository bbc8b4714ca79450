"""Spikes by their shape: matched filters for the neurons that a channel hears, which also tell these neurons apart.

The neurons are learned from the channel's own spikes. A stretch of samples is a spike of a neuron if the neuron's mean
waveform, a little louder or softer, explains it better than noise does; what it explains is subtracted, so that spikes
that overlap are found, too. M. Pachitariu et al., "Fast and accurate spike sorting of high-channel count probes with
KiloSort", NIPS 2016, equations 3 to 6, is the score; here for one channel, and for noise that is not white.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from n1codec import files
from n1codec.codec import CodecError
from n1codec.spikes import align, detect
from n1codec.spikes.codebooks import k_means, nearest, principal

BEFORE, AFTER = 5e-4, 1e-3
"""Seconds of a waveform before and behind its trough."""
FACTOR = 4.5
"""Times the noise of a matched filter that a spike has to reach."""
LOUDNESS = 0.1
"""Standard deviation of the loudness of a neuron's spikes, of which the mean is 1."""
LIKE = 0.5
"""Normalised correlation with the neuron's waveform, in whitened samples, that a spike has to have at least."""
LEAST = 8
"""Spikes of a neuron from which it is learned."""
MOST = 12
"""Neurons of a channel."""
APART = 2.85
"""Standard deviations between two clusters, below which they are taken for one neuron."""
OFF = 0.5
"""Samples by which noise moves troughs, so that waveforms of a neuron are that far from lying on each other."""
ALONE = 2e-3
"""Seconds between spikes to learn from: nearer troughs may belong to the ringing of a deeper one."""
ECHO = 0.8
"""Normalised correlation, in whitened samples, from which one waveform is found in what is around another."""
_COMPONENTS = 5
_STARTS = 6
"""Of k-means, of which the best counts: from a single one it often takes two neurons for one."""
_ROUNDS = 3
_RIDGE = 0.05
"""Of the noise's power, below which no direction of it is believed to be: the band pass leaves some almost empty."""


class Noise(NamedTuple):
    """What noise is like over the length of a waveform."""

    inverse: np.ndarray
    """Of its covariance, shape (samples, samples)."""
    whitening: np.ndarray
    """Makes it white with the standard deviation 1: rows of samples @ whitening, shape (samples, samples)."""


class Matched(NamedTuple):
    """Spikes of a channel."""

    frames: np.ndarray
    """Of the troughs, rising, int64 of shape (spikes,)."""
    units: np.ndarray
    """Which neuron each is of, int64 of shape (spikes,)."""


def size(rate: float) -> tuple[int, int]:
    """Return the samples of a waveform, and those of them before its trough."""
    before = max(2, round(BEFORE * rate))
    return before + max(4, round(AFTER * rate)), before


def noise_of(x: np.ndarray, spikes: np.ndarray, samples: int) -> Noise:
    """Return what noise is like, by the samples that are away from spikes.

    Args:
        x: filtered samples, shape (frames,), more of them than ``samples``.
        spikes: frames near which there is more than noise.
    """
    quiet = np.ones(len(x))
    near = spikes[:, None] + np.arange(-samples, samples + 1)
    quiet[np.clip(near, 0, len(x) - 1)] = 0
    long = 1 << (len(x) + samples).bit_length()
    sums, counts = (np.fft.irfft(np.abs(np.fft.rfft(some, long)) ** 2, long)[:samples] for some in (x * quiet, quiet))
    powers = sums / np.maximum(counts, 1.0)
    values, vectors = np.linalg.eigh(powers[np.abs(np.subtract.outer(np.arange(samples), np.arange(samples)))])
    values = np.maximum(values, max(_RIDGE * powers[0], float(np.finfo(float).tiny)))
    return Noise((vectors / values) @ vectors.T, vectors / np.sqrt(values))


def learn(x: np.ndarray, rate: float, most: int = MOST) -> np.ndarray:
    """Return the mean waveforms of the neurons that a channel hears, the most frequent first.

    Troughs below ``detect.DEPTH`` times the noise are clustered by k-means on principal components of their whitened
    waveforms, and clusters that are not ``APART`` become one. Those of few spikes are left out, and those that follow
    another neuron's spikes.

    Args:
        x: filtered samples, shape (frames,).
        rate: frames per second.
        most: neurons at most.

    Returns:
        float64 of shape (neurons, samples), of :func:`size`, in the unit of x.
    """
    samples, before = size(rate)
    reach = round(ALONE * rate)
    at = detect.troughs(x, rate, apart=ALONE)
    noise = noise_of(x, at, samples)
    wide = align.cut(x[:, None], at, np.zeros(at.size, np.int64), samples + 2 * reach, before + reach)[0][:, 0]
    if len(wide) < LEAST:
        return np.zeros((0, samples))
    cut = wide[:, reach : reach + samples].astype(np.float64)
    white = cut @ noise.whitening
    onto = noise.whitening @ principal(white - white.mean(axis=0))[:_COMPONENTS].T
    of = _merged(cut @ onto, OFF * np.gradient(cut, axis=1) @ onto, _clusters(cut @ onto, most))
    counts = np.bincount(of)
    units = [unit for unit in np.argsort(-counts, kind="stable") if counts[unit] >= LEAST]
    if not units:
        return np.zeros((0, samples))
    means = np.stack([wide[of == unit].mean(axis=0, dtype=np.float64) for unit in units])
    return means[~_echoes(means, samples, before, noise), reach : reach + samples]


def _clusters(features: np.ndarray, most: int) -> np.ndarray:
    """Return the cluster of each spike by k-means, int64 of shape (spikes,)."""
    count = min(most, max(1, len(features) // LEAST))
    best, found = np.inf, np.zeros(len(features), np.int64)
    for seed in range(_STARTS):
        words = k_means(features, count, seed=seed)
        of = nearest(features, words)
        if (away := float(((features - words[of]) ** 2).sum())) < best:
            best, found = away, of
    return found


def _merged(features: np.ndarray, slopes: np.ndarray, of: np.ndarray) -> np.ndarray:
    """Return clusters that are apart: the two that are least so become one, and so on.

    Two clusters are as far apart as their means are, in standard deviations of either along the line between them, and
    these are at least what a neuron's spikes differ by: noise, ``LOUDNESS``, and troughs that are ``OFF``. Halves of a
    normal cluster are 2.7 apart.

    Args:
        features: whitened, shape (spikes, some).
        slopes: what features change by where a trough is ``OFF``, of the same shape.
        of: the cluster of each, int64 of shape (spikes,); that of the result.
    """
    of = of.copy()
    while len(left := np.unique(of)) > 1:
        best, pair = APART, None
        means = {one: features[of == one].mean(axis=0) for one in left}
        for place, a in enumerate(left):
            for b in left[:place]:
                away = float(np.linalg.norm(means[a] - means[b]))
                line = (means[a] - means[b]) / max(away, 1e-9)
                along = []
                for one in (a, b):
                    off, louder = slopes[of == one].mean(axis=0) @ line, LOUDNESS * means[one] @ line
                    along.append(max(1 + off**2 + louder**2, ((features[of == one] - means[one]) @ line).var()))
                if (apart := away / float(np.sqrt(np.mean(along)))) < best:
                    best, pair = apart, (a, b)
        if pair is None:
            break
        of[of == pair[0]] = pair[1]
    return of


def _echoes(means: np.ndarray, samples: int, before: int, noise: Noise) -> np.ndarray:
    """Return which clusters follow another neuron's spikes: around their mean is its waveform, and stronger.

    A causal filter rings behind a spike, and where noise lifts the spike and not the ringing, this is what is found.

    Args:
        means: of the clusters, with as many samples more on either side as an echo may be away, (clusters, long).

    Returns:
        bool of shape (clusters,).
    """
    windows = np.lib.stride_tricks.sliding_window_view(means, samples, axis=1)
    middle = windows.shape[1] // 2
    white = windows @ noise.whitening
    energy = (white**2).sum(axis=2)
    alike = np.einsum("cls,us->clu", white, white[:, middle])
    alike /= np.maximum(np.sqrt(energy[:, :, None] * energy[:, middle]), float(np.finfo(float).tiny))
    alike[np.arange(len(means)), :, np.arange(len(means))] = 0
    elsewhere = np.abs(np.arange(windows.shape[1]) - middle) > before
    stronger = elsewhere & (energy > energy[:, middle, None])
    return np.asarray((stronger & (alike.max(axis=2) > ECHO)).any(axis=1))


def match(x: np.ndarray, rate: float, waveforms: np.ndarray, factor: float = FACTOR) -> Matched:
    """Return the spikes of neurons that are known.

    Args:
        x: filtered samples, shape (frames,).
        rate: frames per second.
        waveforms: of the neurons, shape (neurons, samples), of :func:`size`, in the unit of x.
        factor: of the threshold: half its square is how much likelier than noise a spike is, as a logarithm.
    """
    from scipy import signal

    samples, before = size(rate)
    nothing = Matched(np.zeros(0, np.int64), np.zeros(0, np.int64))
    if not len(waveforms) or len(x) < 2 * samples:
        return nothing
    noise = noise_of(x, detect.troughs(x, rate), samples)
    filters = waveforms @ noise.inverse
    energy = (filters * waveforms).sum(axis=1)[:, None]
    scores = np.stack([np.correlate(x, row, "valid") for row in filters])
    # what a waveform takes from the scores around it when it is subtracted, by itself and by the neuron scored
    taken = np.stack([[np.correlate(wave, row, "full") for row in filters] for wave in waveforms])
    left = x.astype(np.float64)
    certain = 1 / LOUDNESS**2
    reach = max(1, round(detect.APART * rate))
    frames, units = [nothing.frames], [nothing.units]
    lags = np.arange(1 - samples, samples)
    for _ in range(_ROUNDS):
        gains = np.maximum(scores + certain, 0) ** 2 / (2 * (energy + certain)) - certain / 2
        best = gains.max(axis=0)
        at = signal.find_peaks(best, factor**2 / 2, distance=reach // 2 or 1)[0]
        of = gains[:, at].argmax(axis=0)
        pieces = left[at[:, None] + np.arange(samples)]
        whole = np.einsum("ps,st,pt->p", pieces, noise.inverse, pieces)
        alike = scores[of, at] >= LIKE * np.sqrt(energy[of, 0] * np.maximum(whole, 0))
        at, of = at[alike], of[alike]
        if not at.size:
            break
        sizes = (scores[of, at] + certain) / (energy[of, 0] + certain)
        np.subtract.at(left, at[:, None] + np.arange(samples), sizes[:, None] * waveforms[of])
        near = at[:, None] + lags
        inside = (near >= 0) & (near < scores.shape[1])
        for unit, row in enumerate(scores):
            np.subtract.at(row, near[inside], (sizes[:, None] * taken[of, unit])[inside])
        silent = np.clip(at[:, None] + np.arange(1 - reach, reach), 0, scores.shape[1] - 1)
        scores[of[:, None], silent] = -np.inf
        frames.append(at + before)
        units.append(of)
    every = np.concatenate(frames)
    order = np.argsort(every, kind="stable")
    return Matched(every[order], np.concatenate(units)[order])


def spikes(x: np.ndarray, rate: float, factor: float | None = None) -> Matched:
    """Return the spikes of the neurons that a channel's own spikes tell of: :func:`learn`, then :func:`match`."""
    return match(x, rate, learn(x, rate), factor or FACTOR)


def read(path: Path) -> dict[str, np.ndarray]:
    """Return the waveforms of neurons in a file, by the channel: shape (neurons, samples), in multiples of its noise.

    Raises:
        CodecError: it holds none.
        OSError: it cannot be read.
    """
    try:
        with np.load(io.BytesIO(files.read(path)), allow_pickle=False) as arrays:
            found = {name: arrays[name].astype(np.float64, casting="same_kind") for name in arrays.files}
        if not all(waveforms.ndim == 2 and np.isfinite(waveforms).all() for waveforms in found.values()):
            raise ValueError
    except (ValueError, TypeError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        raise CodecError(
            f"{path}: it holds no waveforms of neurons (n1codec spikes detect --keep writes them)"
        ) from error
    return found


def of_channel(known: dict[str, np.ndarray], name: str, rate: float, path: str) -> np.ndarray:
    """Return the waveforms of a channel's neurons, of what :func:`read` gave.

    Raises:
        CodecError: there are none of the channel, or they are of another rate.
    """
    if name not in known:
        raise CodecError(f"{path}: it has no waveforms of the channel {name}")
    samples = size(rate)[0]
    if known[name].shape[1] != samples:
        found = known[name].shape[1]
        raise CodecError(f"{path}: waveforms of {name} have {found} samples, and at {rate:g} Hz they have {samples}")
    return known[name]
