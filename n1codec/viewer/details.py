"""What is shown of one channel or two: cross-correlograms, spectrograms, what a codec makes of a channel."""

from __future__ import annotations

import numpy as np

from n1codec.analysis import spectrum
from n1codec.analysis.histogram import histogram
from n1codec.viewer.session import Session
from n1codec.viewer.wire import packed

_REACH = 0.02
"""Seconds that a correlogram reaches to either side."""
_CORRELATED = 1 << 22
"""Frames that it is computed from at the most, the first ones shown."""
_SEGMENT = 256
"""Frames of a segment of a spectrogram, unless few are shown."""
_SEGMENTS = 8
"""Segments that are averaged into a column of a spectrogram at the most."""
_BARS = 400
"""Bins of a histogram at the most."""
_DECODED = 1 << 21
"""Frames that are coded and decoded while the reader waits, at most."""


def pair(session: Session, both: tuple[int, int], start: int, stop: int) -> dict[str, np.ndarray]:
    """Return the cross-correlogram of the frames shown of two channels: lags in seconds and correlations."""
    session.prepare().wait()
    most = session.within(_CORRELATED)
    end = max(start + 2, min(stop, start + most, *(int(session.lengths[channel]) for channel in both)))
    x, y = (np.asarray(session.signals[channel, start:end], np.float64) for channel in both)
    lags, r = correlogram(x, y, session.rate)
    return {"lags": lags, "r": r}


def correlogram(x: np.ndarray, y: np.ndarray, rate: float, reach: float = _REACH) -> tuple[np.ndarray, np.ndarray]:
    """Return the correlation of y, shifted by a lag, with x.

    Args:
        x: shape (frames,).
        y: shape (frames,); an event in it that follows one in x is at a positive lag.
        rate: in Hz.
        reach: the longest lag in seconds.

    Returns:
        Lags in seconds and correlations, float64 of shape (lags,).
    """
    from scipy.signal import correlate

    most = max(1, min(round(reach * rate), len(x) - 1))
    a, b = x - x.mean(dtype=np.float64), y - y.mean(dtype=np.float64)
    scale = np.sqrt(np.dot(a, a) * np.dot(b, b)) or 1.0
    whole = correlate(b, a, "full", "fft") / scale
    middle = len(x) - 1
    return np.arange(-most, most + 1) / rate, whole[middle - most : middle + most + 1]


def spectrogram(
    session: Session, channel: int, start: int, stop: int, columns: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the spectrogram of some frames of a channel, about ``columns`` segments wide.

    Where a column has room for many segments, it is the mean of some that are spread over it.

    Returns:
        Frequencies in Hz, shape (bins,); the middles of the columns in seconds, shape (columns,); the density in
        squared units per Hz, shape (bins, columns).
    """
    end = max(start + 2, min(stop, int(session.lengths[channel])))
    frames = end - start
    segment = max(16, min(_SEGMENT, frames // 8))
    hop = max(1, frames // max(columns, 200))
    session.prepare().wait()
    if hop < 2 * segment:
        x = np.asarray(session.signals[channel, start:end])
        frequencies, seconds, power = spectrum.spectrogram(x, session.rate, segment, max(segment - hop, 0))
        return frequencies, seconds + start / session.rate, power
    each = 1 if session.large else min(hop // segment, _SEGMENTS)
    count = frames // hop
    firsts = start + (np.arange(count)[:, None] * hop + np.arange(each) * (hop // each)).ravel()
    pieces = np.concatenate([session.signals[channel, int(first) : int(first) + segment] for first in firsts])
    session.release()
    frequencies, _, power = spectrum.spectrogram(pieces, session.rate, segment, 0)
    seconds = (start + (np.arange(count) + 0.5) * hop) / session.rate
    return frequencies, seconds, power.reshape(len(frequencies), count, each).mean(axis=2)


def coded(session: Session, spec: str, channel: int, start: int, stop: int, columns: int) -> bytes:
    """Return what a codec makes of a channel: residual, what comes back, histograms.

    The lines are extremes of about ``columns`` bins of the frames shown.
    """
    first, last = session.looked_at(channel, start, stop)
    left = session.residual(spec, channel, first, last)
    codes = np.asarray(session.signals[channel, first:last])
    begin, end = max(start, first), min(stop, last)
    width = max(1, (end - begin) // columns)
    end = min(end, begin + _DECODED)
    back = session.decoded(spec, channel, begin, end).astype(np.int64)
    shown = np.asarray(session.signals[channel, begin:end], np.int64)
    lines = {
        "residual": bins(left.values[begin - first : end - first], width),
        "decoded": bins(back, width),
        "difference": bins(back - shown, width),
    }
    values, counts = counted(codes)
    values_left, counts_left = counted(left.values)
    head = {
        "filters": left.spec,
        "first": first,
        "last": last,
        "begin": begin,
        "end": end,
        "width": width,
        "lossless": bool(np.array_equal(back, shown)),
    }
    return packed(head, **{name: line.astype(np.int32) for name, line in lines.items()}, values=values, counts=counts,
                  values_left=values_left, counts_left=counts_left)  # fmt: skip


def bins(x: np.ndarray, width: int) -> np.ndarray:
    """Return the lowest and the highest of each ``width`` values, shape (bins, 2); the last bin may have fewer."""
    if not len(x):
        return np.zeros((0, 2), x.dtype)
    starts = np.arange(0, len(x), width)
    return np.stack([np.minimum.reduceat(x, starts), np.maximum.reduceat(x, starts)], axis=1)


def counted(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the middles of bins of values, and how many samples each bin has.

    The rarest values at either end, a thousandth of the samples, are left out. A bin holds one value, or a whole number
    of the converter's steps where there are more than 400 values.

    Args:
        x: integers of any shape.
    """
    values, counts = np.unique(x, return_counts=True)
    share = np.cumsum(counts) / max(x.size, 1)
    inside = (share > 0.001) & (share < 0.9995)
    if inside.sum() > 2:
        values, counts = values[inside], counts[inside]
    found = histogram(values, counts, _BARS)
    return found.values, found.counts
