"""Fitting a profile to recordings.

A recording is thought of as a continuous signal seen through a converter whose codes are of unequal widths. Three
things are fitted in turn until they agree: the prior moments of the signal, the thresholds between codes, and
the distribution of the residual in units of its predicted scale. The predictions themselves come from the codec's own
kernel, so that training and coding cannot differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from n1codec import n1_mapping
from n1codec.codec import CodecError
from n1codec.native import SCRATCH, Kernel, reads, writes
from n1codec.recordings.columns import columns, frames_within, signals
from n1codec.recordings.recording import Recording
from n1codec.train.profile import CELLS, Profile, moments, untrained

ROUNDS = 4
PASSES = 2 * ROUNDS + 1
"""How often fit() goes over each recording."""
MAX_CODES = 4096
SHORTEST = 4096
"""Samples below which a recording says too little."""
RAIL = 24.0
"""Least width of the outermost codes: they hold what is beyond them, though few recordings reach there."""
MOST_SAMPLES = 1 << 27
"""Samples of all recordings together that are trained on."""
ENOUGH = 6_000_000
"""Samples that suffice for the residual's shape."""

_FULL_SCALE = 1 << 20
_CELL = 128
_CELLS = _FULL_SCALE // _CELL
_SCALES = 1024

_work_size = Kernel("n1c_n1_work_size", int)
_trace = Kernel("n1c_n1_trace", reads(np.int16), reads(np.uint8), SCRATCH, writes(np.int32))


class Trace(NamedTuple):
    """What the model says of each sample of a recording; all int32, shape (samples,)."""

    code: np.ndarray
    prediction: np.ndarray
    """In 2^-20 of the full scale."""
    scale: np.ndarray
    """16 per octave of variance."""
    low: np.ndarray
    """Where the code begins in the residual's distribution, 2048 per sigma, from -8 sigmas on."""
    high: np.ndarray
    frequency: np.ndarray
    """Probability of the code, in 2^-24."""

    @property
    def bits(self) -> float:
        """Ideal code length of the whole recording."""
        return float(-np.log2(self.frequency / (1 << 24)).sum())


def trace(samples: np.ndarray, profile: Profile) -> Trace:
    """Run the model over one channel of int16 samples, shape (frames,)."""
    work = np.empty(_work_size(samples.size), np.uint8)
    out = np.empty((samples.size, 6), np.int32)
    count = _trace(samples, profile.to_bytes(), work, out.reshape(-1))
    return Trace(*np.ascontiguousarray(out[:count].T))


def find_mapping(recordings: Sequence[np.ndarray]) -> Profile:
    """Return an untrained profile with the mapping that all recordings share, and equal widths if codes are few."""
    start = untrained()
    if all(map(n1_mapping.covers, recordings)):
        return start._replace(stretch=True, widths=np.ones(n1_mapping.CODES))
    low = min(int(x.min()) for x in recordings)
    high = max(int(x.max()) for x in recordings)
    step = int(np.gcd.reduce([int(np.gcd.reduce(np.unique(x).astype(np.int64) - low)) for x in recordings]))
    codes = (high - low) // max(step, 1) + 1
    if 2 <= codes <= MAX_CODES:
        return start._replace(first=low, step=step, widths=np.ones(codes))
    return start


def fit(
    recordings: Sequence[np.ndarray],
    advance: Callable[..., None] = lambda *_: None,
    trace: Callable[[np.ndarray, Profile], Trace] = trace,
) -> Profile:
    """Return the profile of recordings, int16 arrays of shape (frames,) of one kind of converter.

    Args:
        advance: called after each pass over a recording, ``PASSES`` times for each.
        trace: what a codec's model says of a recording; that of n1 unless another is given.

    Raises:
        CodecError: none of them is long enough.
    """
    recordings = [x for x in recordings if x.size >= SHORTEST and np.ptp(x)]
    if not recordings:
        raise CodecError(f"there is nothing to train on: no recording of {SHORTEST} samples or more that moves")
    profile = find_mapping(recordings)
    for _ in range(ROUNDS):
        profile = profile._replace(prior=_fit_prior(recordings, profile), weight=500)
        counts, places = np.zeros(MAX_CODES), np.zeros((_CELLS + 1, _SCALES))
        for x in recordings:
            seen = trace(x, profile)
            if profile.widths is not None:
                counts += np.bincount(seen.code, minlength=MAX_CODES)
                cell = np.clip((seen.prediction + _FULL_SCALE // 2) // _CELL, 0, _CELLS)
                places += np.bincount(cell * _SCALES + seen.scale, minlength=places.size).reshape(places.shape)
            advance()
        if profile.widths is not None:
            profile = profile._replace(widths=_fit_widths(counts[: profile.widths.size], places, profile.shape))
        profile = profile._replace(shape=_fit_shape(recordings, profile, advance, trace))
    profile = profile._replace(prior=_fit_prior(recordings, profile))
    for _ in recordings:
        advance()
    return profile


def _centres(profile: Profile, samples: np.ndarray) -> np.ndarray:
    if profile.widths is None:
        return samples - (int(samples.min()) + int(samples.max())) / 2
    thresholds = np.concatenate([[0.0], np.cumsum(profile.widths)])
    centres = (thresholds[1:] + thresholds[:-1] - thresholds[-1]) / 2
    if profile.stretch:
        return centres[n1_mapping.codes(samples)]
    return centres[(samples.astype(np.int32) - profile.first) // profile.step]


def _fit_prior(recordings: Sequence[np.ndarray], profile: Profile) -> np.ndarray:
    """Return the mean moments, each recording's in units of its innovation's variance."""
    total = np.zeros_like(profile.prior)
    for x in recordings:
        m = moments(_centres(profile, x)) / x.size
        m[np.diag_indices_from(m)] *= 1 + 1e-9
        total += m / max(m[0, 0] - m[0, 1:] @ np.linalg.solve(m[1:, 1:], m[1:, 0]), m[0, 0] * 1e-6)
    return total / len(recordings)


def _fit_widths(counts: np.ndarray, places: np.ndarray, shape: np.ndarray, doubt: float = 100.0) -> np.ndarray:
    """Put the thresholds where the model's marginal distribution has seen as much as the counts.

    Args:
        counts: how often each code came.
        places: how often each (prediction, scale) came.
        doubt: counts that speak for width 1, so that codes which hardly occur keep it.
    """
    pad = _CELLS // 2
    mass = np.full(_CELLS + 1 + 2 * pad, 1e-6)
    grid = np.arange(-CELLS // 2, CELLS // 2 + 1) / 32
    for scale in np.flatnonzero(places.sum(0)):
        sigma = 8 * np.sqrt((33 + 2 * (scale & 15)) / 32 * 2.0 ** (scale >> 4))
        used = np.flatnonzero(places[:, scale])
        first, column = used[0], places[used[0] : used[-1] + 1, scale]
        reach = min(int(8 * sigma / _CELL) + 1, pad - 1)
        edges = (np.arange(-reach, reach + 2) - 0.5) * _CELL / sigma
        kernel = np.diff(np.interp(edges, grid, shape, left=0, right=1))
        size = column.size + kernel.size - 1
        fast = 1 << (size - 1).bit_length()
        spread = np.fft.irfft(np.fft.rfft(column, fast) * np.fft.rfft(kernel, fast), fast)[:size]
        mass[pad + first - reach : pad + first - reach + size] += np.maximum(spread, 0)
    per_code = _FULL_SCALE / counts.size / _CELL
    below = np.concatenate([[0.0], np.cumsum(mass)]) / mass.sum()
    places_of_edges = (np.arange(below.size) - pad) / per_code
    thresholds = np.interp(np.concatenate([[0.0], np.cumsum(counts)]) / counts.sum(), below, places_of_edges)
    middle = (thresholds[1:] + thresholds[:-1]) / 2
    expected = np.interp(middle, places_of_edges[:-1] + 0.5 / per_code, mass) / mass.sum() * counts.sum() * per_code
    widths = ((counts + doubt) / (expected + doubt)).clip(0.001, 60)
    widths[[0, -1]] = np.maximum(widths[[0, -1]], RAIL)
    return widths * (counts.size / widths.sum())


def _fit_shape(
    recordings: Sequence[np.ndarray],
    profile: Profile,
    advance: Callable[..., None],
    trace: Callable[[np.ndarray, Profile], Trace],
    rounds: int = 25,
) -> np.ndarray:
    """Fit a piecewise constant density to residuals that are known as intervals, by expectation maximisation.

    Some ``ENOUGH`` samples, from recordings spread over all, say all of it.
    """
    lows, highs = [], []
    every = max(1, sum(x.size for x in recordings) // ENOUGH)
    for number, x in enumerate(recordings):
        if number % every == 0:
            seen = trace(x, profile)
            lows.append(seen.low)
            highs.append(seen.high)
        advance()
    low, high = np.concatenate(lows), np.concatenate(highs)
    cell_low, cell_high = np.minimum(low >> 6, CELLS - 1), np.minimum(high >> 6, CELLS - 1)
    part_low, part_high = low / 64 - cell_low, high / 64 - cell_high
    density = np.diff(profile.shape)
    tails = 1e-3 / (1 + np.abs(np.arange(CELLS) - (CELLS - 1) / 2))
    for _ in range(rounds):
        below = np.concatenate([[0.0], np.cumsum(density)])
        held = below[cell_high] + density[cell_high] * part_high - below[cell_low] - density[cell_low] * part_low
        share = np.where(held > 1e-9, 1 / np.maximum(held, 1e-9), 0)
        whole = np.cumsum(np.bincount(cell_low, share, CELLS) - np.bincount(cell_high, share, CELLS))
        parts = np.bincount(cell_high, share * part_high, CELLS) - np.bincount(cell_low, share * part_low, CELLS)
        density = np.maximum(density * (whole + parts), 0) + tails
        density /= density.sum()
    shape = np.concatenate([[0.0], np.cumsum(density)])
    shape[-1] = 1
    return np.minimum(shape, 1)


def load(recordings: Iterable[Recording]) -> list[np.ndarray]:
    """Return every channel of the recordings of 16 bits, as arrays of shape (frames,).

    Of recordings that have more than ``MOST_SAMPLES`` together, these are the first frames of each channel.

    Raises:
        CodecError: there are none.
    """
    found = [signals(one) for one in recordings if one.dtype == np.int16 and one.frames]
    if not found:
        raise CodecError("there are no recordings of 16 bits to train on")
    frames = frames_within(found, MOST_SAMPLES)
    return [channel for recording in found for channel in columns(recording, frames)]
