"""Flat binary files: samples and nothing else, which somebody has to describe.

The description is given by the user, or stands beside ``FILE`` in ``FILE.json``, an object with the keys of
:class:`Flat`: ``channels``, and where they are not the usual ones ``dtype``, ``rate``, ``order`` and ``offset``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from n1codec import files
from n1codec.codec import CodecError
from n1codec.recordings.recording import Recording
from n1codec.recordings.samples import Form, Mapped
from n1codec.recordings.source import Flat

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

LARGEST_SIDECAR = 1 << 20
"""Bytes: a larger JSON file describes no flat file."""
MOST_CHANNELS = 5000
"""Channel counts that are tried where the stated one may be wrong."""
_BEND = 0.008
"""Bits a sample by which the differences at three lags in a row have to be off a straight line to be a bend."""
_PIECES, _PIECE_SAMPLES = 4, 1 << 17
_BETTER = 0.05
"""Bits a sample by which another channel count has to predict better."""
_NOTCH = 0.02
"""Bits a sample by which differences at a lag have to stand out from those at the lags beside it."""


class Described(Mapped):
    """The samples of a flat file, which are what somebody says they are."""


def form(flat: Flat) -> Form:
    """Return how the samples of a described file stand in it.

    Raises:
        CodecError: the description has a dtype or an order that does not exist.
    """
    if flat.order not in ("C", "F"):
        raise CodecError(f"the order {flat.order!r} does not exist (C: frame by frame, F: channel by channel)")
    apart = flat.order == "F"
    name, big = flat.dtype.strip(), False
    if name[:1] in ("<", ">", "=", "|"):
        name, big = name[1:], name[0] == ">"
    if name in ("int24", "i3"):
        return Form("int24", big, apart)
    try:
        dtype = np.dtype(name)
    except TypeError:
        dtype = np.dtype(object)
    if dtype.kind not in "iuf" or dtype.itemsize > 8:
        raise CodecError(f"the dtype {flat.dtype!r} is none of samples (such are int16, >i2, int24, float32)")
    return Form(dtype.name, big or dtype.byteorder == ">", apart)


def read(data: Buffer, name: str, flat: Flat) -> Described:
    """Return the recording in the bytes of a flat file; bytes that fill no whole frame are left out.

    Raises:
        CodecError: the description makes no sense, or not for this file.
    """
    data = memoryview(data).cast("B")
    found = form(flat)
    if flat.channels < 1:
        raise CodecError(f"{flat.channels} channels are too few")
    if not 0 <= flat.rate < np.inf:
        raise CodecError(f"a rate of {flat.rate} frames a second does not exist")
    if not 0 <= flat.offset <= len(data):
        raise CodecError(f"it has {len(data)} bytes, so its samples cannot begin at byte {flat.offset}")
    return Described(name, float(flat.rate), flat.channels, found, data, flat.offset)


def sidecar(path: Path) -> Path | None:
    """Return the file beside a flat file that describes it, None if there is none."""
    beside = path.with_name(path.name + ".json")
    try:
        if beside.is_file() and beside.stat().st_size <= LARGEST_SIDECAR and _keys(beside) is not None:
            return beside
    except OSError:
        pass  # what cannot be looked at describes nothing
    return None


def described(path: Path) -> Flat:
    """Return the description that is in a sidecar.

    Raises:
        CodecError: a key is not known, or a value is not of its kind; the message names the file.
    """
    keys = _keys(path) or {}
    unknown = sorted(set(keys) - set(Flat._fields))
    if unknown:
        raise CodecError(f"{path}: the key {unknown[0]!r} is not known (known are {', '.join(Flat._fields)})")
    kinds: dict[str, tuple[type, ...]] = {
        "channels": (int,), "dtype": (str,), "rate": (int, float), "order": (str,), "offset": (int,)
    }  # fmt: skip
    for key, value in keys.items():
        if not isinstance(value, kinds[key]) or isinstance(value, bool):
            raise CodecError(f"{path}: {key} cannot be {json.dumps(value)}")
    return Flat(**keys)


def _keys(path: Path) -> dict[str, Any] | None:
    """Return the object in a JSON file that has the key ``channels``; None if there is something else in it."""
    try:
        found = json.loads(bytes(files.view(path)))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and "channels" in found else None


def doubt(recording: Recording) -> str:
    """Return a line for the user where a flat file seems to have another number of channels than is said, else ""."""
    likely = likely_channels(recording) if isinstance(recording, Described) else None
    if likely is None:
        return ""
    return f"{recording.name}: it looks as if it had {likely} channels, not {recording.channels} (is --channels right?)"


def likely_channels(recording: Recording) -> int | None:
    """Return the channel count that a recording seems to have, None where the stated one is as good as any.

    The samples are taken as one long sequence, as they stand in the file. Those that are one frame apart, of the same
    channel, differ less than others: the mean squared difference at all lags up to ``MOST_CHANNELS`` (by FFT, over four
    pieces of the recording, outliers clipped) has a narrow minimum at the true count, and at its multiples, which are
    worse the higher they are. The count is doubted if another such minimum is better by ``_BETTER`` bits a sample,
    unless the stated one stands out, too: then the other is a regularity among the channels.

    Nothing can be said of noise that is white in time, of files whose channels stand one behind the other, or of a few
    hundred samples.
    """
    if isinstance(recording, Mapped) and recording.form.channels_apart:
        return None
    cost = _difference_bits(recording)
    stated = recording.channels
    if len(cost) <= max(stated + 1, 3):
        return None
    depth = np.zeros(len(cost))  # how far differences at a lag stand out from those at the lags beside it
    depth[2:-1] = np.minimum(cost[1:-2], cost[3:]) - cost[2:-1]
    minima = depth > _NOTCH
    minima[1] = cost[2] > cost[1] + 5 * _NOTCH  # samples of one channel differ the more the farther they are apart
    minima[stated] = False
    candidates = np.flatnonzero(minima)
    if not len(candidates):
        return None
    count = int(candidates[cost[candidates] < cost[candidates].min() + _NOTCH][0])
    if cost[count] > cost[stated] - _BETTER:
        return None
    if stated % count:
        return None if depth[stated] > depth[count] / 2 else count
    return None if _is_special(cost[count::count], stated // count - 1) else count


def _is_special(cost: np.ndarray, at: int) -> bool:
    """Return whether the differences at one of the multiples of a lag are out of line with those at the others.

    Each multiple of the true count is a little worse than the one before, and less so the farther it is: one that
    stands out, or from which on that changes, is the true count itself.
    """
    around = cost[[at - 1, min(at + 1, len(cost) - 1)]]
    if max(around.min() - cost[at], cost[at] - around.max()) > _NOTCH:
        return True
    bends = np.abs(np.diff(cost[max(0, at - 9) : at + 10], 2))
    centre = min(at, 9) - 1
    others = np.delete(bends, range(max(0, centre - 1), min(centre + 2, len(bends))))
    # Near lag 0 the curve bends by itself.
    return at >= 7 and centre < len(bends) and bool(bends[centre] > max(_BEND, 3 * np.median(others)))


def _difference_bits(recording: Recording) -> np.ndarray:
    """Return half the log2 of the mean squared difference of samples at the lags 0, 1, ..., float64; inf at lag 0."""
    frames = max(1, _PIECE_SAMPLES // recording.channels)
    last = max(0, recording.frames - frames)
    starts = sorted({round(last * piece / (_PIECES - 1)) for piece in range(_PIECES)})
    pieces = [recording.read(start, start + frames).reshape(-1).astype(np.float64) for start in starts]
    size = min(len(piece) for piece in pieces)
    reach = min(MOST_CHANNELS + 1, size // 4)
    if reach < 2:
        return np.full(1, np.inf)
    middle = np.median(pieces[0])
    usual = np.median(np.abs(pieces[0] - middle)) or 1.0
    length = 1 << (size + reach).bit_length()
    squares = np.zeros(reach + 1)
    for piece in pieces:
        x = np.clip(np.nan_to_num(piece[:size] - middle) / usual, -10, 10)
        transformed = np.fft.rfft(x, length)
        products = np.fft.irfft(np.square(np.abs(transformed)), length)[: reach + 1]
        energy = np.concatenate([[0.0], np.cumsum(x * x)])
        lags = np.arange(reach + 1)
        overlap = energy[size] - energy[lags] + energy[size - lags]
        squares += np.maximum(overlap - 2 * products, 0) / (size - lags)
    cost: np.ndarray = 0.5 * np.log2(squares / len(pieces) + 1e-6)
    cost[0] = np.inf
    return cost
