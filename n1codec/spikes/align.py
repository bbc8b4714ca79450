"""Waveforms of spikes, cut out of filtered samples so that their troughs lie on each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from n1codec.codec import CodecError
from n1codec.recordings import Recording
from n1codec.recordings.columns import columns, signals
from n1codec.spikes import detect

SAMPLES = 64
"""Of a waveform, on each channel."""
BEFORE = 20
"""Of them before the trough."""
BAND = (300.0, 5000.0)
"""Hz, of waveforms that are compared."""
LOUDEST = 100.0
"""Troughs of spikes from many recordings, in multiples of the noise: what is deeper bounces between the rails."""
PHASES = 4
"""Places between two samples at which a trough may lie."""
_TAPS = 16


class Spikes(NamedTuple):
    """Spikes of channels that were recorded together."""

    waveforms: np.ndarray
    """float32 of shape (spikes, channels, samples), in the unit of the samples."""
    frames: np.ndarray
    """Where the trough is, int64 of shape (spikes,), rising."""
    channels: np.ndarray
    """Where each is greatest, int64 of shape (spikes,)."""
    seconds: float
    """Of the recording that they are from."""
    rate: float
    noise: float
    """Standard deviation of the noise, the mean over the channels."""


def _kernels() -> np.ndarray:
    """Return what interpolates at 0, 1/4, 2/4 and 3/4 behind a sample: windowed sinc functions, (PHASES, taps)."""
    at = np.arange(_TAPS) - (_TAPS // 2 - 1)
    away = at - (np.arange(PHASES) / PHASES)[:, None]
    kernels = np.sinc(away) * np.cos(np.pi * away / (_TAPS + 2)) ** 2
    return np.asarray(kernels / kernels.sum(axis=1, keepdims=True))


def cut(
    x: np.ndarray, frames: np.ndarray, channels: np.ndarray, samples: int = SAMPLES, before: int = BEFORE
) -> tuple[np.ndarray, np.ndarray]:
    """Return waveforms aligned to a quarter of a sample, and which spikes they are of: not those too near to an end.

    The trough of the channel where a spike is greatest is looked for at quarters of a sample around its frame, and all
    channels are interpolated there.

    Args:
        x: filtered samples, shape (frames, channels).
        frames: of the troughs, shape (spikes,).
        channels: where each spike is greatest, shape (spikes,).

    Returns:
        Waveforms, float32 of shape (kept, channels, samples), and a mask of shape (spikes,).
    """
    margin = _TAPS // 2 + 2
    kept = (frames >= before + margin) & (frames + samples - before + margin < len(x))
    frames, channels = frames[kept], channels[kept]
    kernels = _kernels()
    near = np.arange(-1 - (_TAPS // 2 - 1), 1 + _TAPS // 2)
    around = x[frames[:, None] + near, channels[:, None]]
    windows = np.lib.stride_tricks.sliding_window_view(around, _TAPS, axis=1)  # from the frame before to the one behind
    fine = np.einsum("swt,pt->swp", windows[:, :2], kernels).reshape(len(frames), 2 * PHASES)
    best = fine.argmin(axis=1) - PHASES
    starts, phases = frames + best // PHASES, best % PHASES
    out = np.empty((len(frames), x.shape[1], samples), np.float32)
    reach = np.arange(-before - (_TAPS // 2 - 1), samples - before + _TAPS // 2)
    for phase in range(PHASES):
        chosen = np.flatnonzero(phases == phase)
        pieces = x[starts[chosen][:, None] + reach]
        windows = np.lib.stride_tricks.sliding_window_view(pieces, _TAPS, axis=1)
        out[chosen] = np.einsum("swct,t->scw", windows, kernels[phase])
    return out, kept


def neighbourhoods(recording: Recording, size: int) -> np.ndarray:
    """Return for each channel the numbers of those around it and its own, rising, int64 of shape (channels, size).

    They are the nearest ones on the probe, or by their numbers where a recording does not say where its channels are.
    """
    size = min(size, recording.channels)
    places = recording.geometry
    if places is None or np.isnan(places).any():
        places = np.arange(recording.channels)[:, None]
    away = np.linalg.norm(places[:, None] - places, axis=2)
    return np.sort(np.argsort(away, axis=1, kind="stable")[:, :size], axis=1)


def collect(
    recording: Recording,
    size: int,
    detector: str = "mad",
    factor: float | None = None,
    samples: int = SAMPLES,
    before: int = BEFORE,
) -> Spikes:
    """Return the spikes of a recording: filtered without delay, found, and cut out on the channels around each.

    Args:
        recording: all of it is held in memory.
        size: channels of a waveform.
        detector, factor: as :func:`n1codec.spikes.detect.together` takes them.

    Raises:
        CodecError: it has no rate, too few channels, too few frames, or no spikes.
    """
    if not recording.rate:
        raise CodecError(f"{recording.name}: its sampling rate is not known (--rate)")
    if recording.channels < size:
        raise CodecError(f"{recording.name}: it has {recording.channels} channels, and waveforms of {size} are wanted")
    if recording.frames <= samples + 2 * _TAPS:
        raise CodecError(f"{recording.name}: it has {recording.frames} frames, fewer than a waveform needs")
    filtered = detect.bandpass(columns(recording), recording.rate, BAND)
    if filtered is None:
        raise CodecError(f"{recording.name}: at {recording.rate:g} Hz it has no band of spikes")
    x = np.ascontiguousarray(filtered.T)
    around = neighbourhoods(recording, size)
    found = detect.together(x, recording.rate, detector, factor, around=around)
    whole, kept = cut(x, found.frames, found.channels, samples, before)
    frames, channels = found.frames[kept], found.channels[kept]
    if not frames.size:
        raise CodecError(f"{recording.name}: no spikes were found in it (a lower --factor finds more)")
    waveforms = whole[np.arange(len(whole))[:, None], around[channels]]
    noise = float(np.mean([detect.noise_level(column) for column in x.T]))
    return Spikes(waveforms, frames, channels, recording.seconds, recording.rate, noise)


def of_all(recordings: Sequence[Recording], size: int, detector: str = "mad", factor: float | None = None) -> Spikes:
    """Return the spikes of recordings, each in multiples of its own noise where there are several, in turn.

    Arguments and errors are those of :func:`collect`; a waveform has no more channels than the recordings have. Of
    several, those in which no spikes are found are left out, and those that bounce between the rails: most of their
    spikes are deeper than ``LOUDEST``. Of the others such spikes are left out.
    """
    recordings = [signals(recording) for recording in recordings]
    size = min(size, *(recording.channels for recording in recordings)) if len(recordings) > 1 else size
    if len(recordings) == 1:
        return collect(recordings[0], min(size, recordings[0].channels), detector, factor)
    found, at = [], 0
    reason: CodecError | None = None
    for recording in recordings:
        try:
            spikes = collect(recording, size, detector, factor)
        except CodecError as error:
            reason = error
            continue
        waveforms = spikes.waveforms / np.float32(spikes.noise)
        kept = waveforms.min(axis=(1, 2)) >= -LOUDEST
        if 2 * kept.sum() > kept.size:
            found.append(spikes._replace(waveforms=waveforms[kept], frames=spikes.frames[kept] + at,
                                         channels=spikes.channels[kept]))  # fmt: skip
        at += recording.frames
    if not found:
        raise reason or CodecError(f"no spikes were found, but jumps of over {LOUDEST:g} times the noise")
    waveforms, frames, channels = (
        np.concatenate([getattr(spikes, name) for spikes in found]) for name in ("waveforms", "frames", "channels")
    )
    seconds = sum(spikes.seconds for spikes in found)
    return Spikes(waveforms, frames, channels, seconds, found[0].rate, 1.0)
