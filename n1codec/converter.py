"""The codes of the converter that made some samples: which numbers they are, and how to get the samples back.

Converters have 8 to 16 bits, files have 16 or 32, and who writes a file scales and shifts. By itself :func:`find` takes
the first of these forms that fits, and says which in the bytes that :func:`restore` needs beside the codes:

    (nothing)          the samples as they are
    1                  N1: the 10-bit code k of v = trunc(k * 65535 / 1023 - 32768), as k - 512
    2 step origin      v = origin + step * code
    3 step low zero n width zlib
                       a table of the n used values, the code of the one at index `zero` being 0: their distances in
                       steps, the first value being `low`
    4 step low zero bits factor bias
                       v = low + step * ((factor * (code + zero) + bias) >> bits): a scale that is no whole number

where width (of a distance, in bytes) and bits are bytes, origin and low are zigzag uint, the others are uint. Codes of
8 and 16 bits have the sign that keeps them near 0, wider ones are not negative, so that their upper halves are 0.
"""

from __future__ import annotations

import zlib
from typing import NamedTuple

import numpy as np

from n1codec import n1_mapping
from n1codec.codec import FormatError, Layout
from n1codec.varint import Reader, put_bytes, put_uint

_N1, _STEP, _TABLE, _SCALE = 1, 2, 3, 4
_N1_LOW, _N1_HIGH = -(1 << 15), (1 << 15) - 1
_N1_CENTRE = 512
_MOST_VALUES = 1 << 16
_MOST_BITS = 24
_PAY = 2
"""A table has to save so many times its own bytes: the estimate of what it saves is rough."""
_SURE = 32
"""So many values do not have a common step, or lie on a scale, by accident."""
_WORTH = 1 / 32
"""Nor is a table worth it that saves fewer bytes for each sample: it bends the signal for predictors."""


def find(x: np.ndarray, even: bool = False) -> tuple[np.ndarray, bytes]:
    """Return the codes of samples, which rise with them modulo the words' size, and what :func:`restore` needs.

    Args:
        x: samples of one channel, at least one.
        even: whether the distance of two codes has to be that of their samples: there is no table of the used values
            then, and few values that happen to have a common step are not taken for a converter's codes.

    Returns:
        Codes in the shape and of the dtype of ``x``, and the form that it took.
    """
    if x.dtype.kind == "f":
        return x, b""
    low, high = int(x.min()), int(x.max())
    if (codes := _n1_codes(x, low, high)) is not None:
        return codes, bytes([_N1])
    unsigned = x.view(_unsigned(x.dtype))
    offsets = unsigned - unsigned.dtype.type(low % (1 << 8 * x.dtype.itemsize))
    step = _common_step(offsets)
    if even and step > 1 and len(np.unique(offsets)) < _SURE:
        step = step.dtype.type(1)
    # The code 0 stands for 0 where samples have both signs, else for their mean.
    centre = low
    if x.dtype.kind == "i" and x.dtype.itemsize <= 2:
        centre = 0 if low <= 0 <= high else round(float(x.mean()))
    if (mapped := _uneven(offsets // step, low, int(step), centre, even)) is not None:
        codes, side = mapped
        return codes.astype(x.dtype), side
    origin = low + (centre - low) // int(step) * int(step)
    if step == 1 and origin == 0:
        return x, b""
    codes = offsets // step - unsigned.dtype.type((origin - low) // int(step))
    return codes.view(x.dtype), bytes([_STEP]) + put_uint(int(step)) + _put_int(origin)


def restore(y: np.ndarray, side: bytes, layout: Layout) -> np.ndarray:
    """Return the samples of ``layout`` whose codes ``y`` and form ``side`` :func:`find` returned.

    Raises:
        FormatError: they are not what it returns.
    """
    if not side:
        return y
    if y.dtype.kind == "f":
        raise FormatError("floating-point samples have no codes")
    reader = Reader(side)
    form = reader.take(1)[0]
    if form == _N1:
        return _lookup(n1_mapping.values(), y, _N1_CENTRE, layout.dtype)
    word = _unsigned(y.dtype)
    modulus = 1 << 8 * y.dtype.itemsize
    if form == _STEP:
        step, origin = reader.uint(), _int(reader)
        x = y.view(word) * word.type(step % modulus) + word.type(origin % modulus)
        return x.view(layout.dtype)
    if form == _TABLE:
        step, low, zero, count = reader.uint(), _int(reader), reader.uint(), reader.uint()
        offsets = _unpack(reader, count)
        values = offsets.astype(word) * word.type(step % modulus) + word.type(low % modulus)
        return _lookup(values.view(layout.dtype), y, zero, layout.dtype)
    if form == _SCALE:
        step, low, zero, bits = reader.uint(), _int(reader), reader.uint(), reader.take(1)[0]
        factor, bias = reader.uint(), reader.uint()
        if bits > _MOST_BITS or max(zero, factor, bias) >> 63:
            raise FormatError("its scale makes no sense")
        scaled = ((y.astype(np.int64) + zero) * factor + bias >> bits).astype(word)
        return (scaled * word.type(step % modulus) + word.type(low % modulus)).view(layout.dtype)
    raise FormatError(f"its codes have the form {form}, which is not known")


class Steps(NamedTuple):
    """How the samples of a channel are counted: in steps of their converter, from the lowest on."""

    form: bytes
    """Of :func:`find`, for ``even``."""
    lowest: int
    """The code of the lowest sample, as a word without sign."""
    highest: int
    """Steps from there to the highest."""

    @classmethod
    def of(cls, x: np.ndarray) -> tuple[Steps, np.ndarray]:
        """Return how samples of one channel are counted, and their steps, words without sign."""
        codes, form = find(x, even=True)
        words = codes.view(_unsigned(codes.dtype))
        lowest = words[x.argmin()]
        steps = words - lowest
        return cls(form, int(lowest), int(steps.max())), steps

    def put(self) -> bytes:
        return put_bytes(self.form) + put_uint(self.lowest) + put_uint(self.highest)

    @classmethod
    def take(cls, reader: Reader) -> Steps:
        return cls(reader.prefixed(), reader.uint(), reader.uint())

    def samples(self, steps: np.ndarray, dtype: np.dtype) -> np.ndarray:
        """Return the samples that lie so many steps above the lowest.

        Args:
            steps: uint64 of any length.
            dtype: of the samples, an integer one.

        Raises:
            FormatError: one of them has no value.
        """
        words = (steps + np.uint64(self.lowest)).astype(_unsigned(dtype))
        return restore(words.view(dtype), self.form, Layout(words.shape, dtype))


def distance(form: bytes, codes: int) -> int:
    """Return how far apart two samples are at most whose codes are so many apart.

    Args:
        form: one that :func:`find` returns for ``even``.
    """
    if not form:
        return codes
    reader = Reader(form)
    kind = reader.take(1)[0]
    if kind == _N1:
        values = n1_mapping.values().astype(np.int64)
        apart = min(codes, len(values) - 1)
        return int((values[apart:] - values[: len(values) - apart]).max())
    step = reader.uint()
    if kind == _STEP:
        return step * codes
    _, _, bits, factor = _int(reader), reader.uint(), reader.take(1)[0], reader.uint()
    return step * -(-factor * codes >> bits)


def _unsigned(dtype: np.dtype) -> np.dtype:
    return np.dtype(f"u{dtype.itemsize}")


def _put_int(value: int) -> bytes:
    if value >= 1 << 63:
        value -= 1 << 64  # what is read is taken modulo the word size, and so fits 64 bits
    return put_uint(2 * value if value >= 0 else -2 * value - 1)


def _int(reader: Reader) -> int:
    folded = reader.uint()
    return -(folded + 1 >> 1) if folded & 1 else folded >> 1


def _n1_codes(x: np.ndarray, low: int, high: int) -> np.ndarray | None:
    if x.dtype.kind != "i" or x.dtype.itemsize < 2 or low < _N1_LOW or high > _N1_HIGH:
        return None
    codes = x >> 6
    values = n1_mapping.values().astype(x.dtype)
    return codes if np.array_equal(values[codes + _N1_CENTRE], x) else None


def _lookup(values: np.ndarray, codes: np.ndarray, zero: int, dtype: np.dtype) -> np.ndarray:
    low, high = int(codes.min()) + zero, int(codes.max()) + zero
    if low < 0 or high >= len(values):
        raise FormatError("a code has no value")
    shifted = values.astype(dtype)
    # Negative codes count from the end, as indices do: the values from `zero` on come first.
    return np.roll(shifted, -zero)[codes]


def _common_step(offsets: np.ndarray) -> np.unsignedinteger:
    """Return the greatest common divisor of unsigned numbers, 1 if all are 0."""
    step = np.gcd.reduce(offsets[:256])
    if step != 1 and (step == 0 or (offsets % step).any()):
        step = np.gcd.reduce(offsets)
    return step or offsets.dtype.type(1)


def _uneven(offsets: np.ndarray, low: int, step: int, centre: int, even: bool) -> tuple[np.ndarray, bytes] | None:
    """Return codes and side information of values at uneven distances, or None if the distances are not worth it."""
    if int(offsets.max()) < 16 * offsets.size:
        histogram = np.bincount(offsets)
        values = np.flatnonzero(histogram)
        counts, ranks = histogram[values], (np.cumsum(histogram > 0) - 1)[offsets]
    else:
        values, ranks, counts = np.unique(offsets, return_inverse=True, return_counts=True)
    if not 1 < len(values) <= _MOST_VALUES:
        return None
    gaps = np.diff(values)
    saved = float((counts[1:] * np.log2(gaps.astype(np.float64))).sum()) / 8
    if saved < _WORTH * offsets.size:
        return None
    if (not even or len(values) >= _SURE) and (fitted := _fit_scale(values)):
        form, numbers, parameters = _SCALE, *fitted
    elif even:
        return None
    else:
        width = (int(gaps.max()).bit_length() + 7) // 8
        raw = gaps.astype("<u8")[:, None].view(np.uint8)[:, :width].tobytes()
        parameters = put_uint(len(values)) + bytes([width]) + zlib.compress(raw, 9)
        if saved < _PAY * len(parameters):
            return None
        form, numbers = _TABLE, np.arange(len(values))
    zero = int(numbers[np.searchsorted(values, (centre - low) // step)]) if centre != low else 0
    return numbers[ranks] - zero, bytes([form]) + put_uint(step) + _put_int(low) + put_uint(zero) + parameters


def _fit_scale(values: np.ndarray) -> tuple[np.ndarray, bytes] | None:
    """Find number[i], bits, factor and bias with values[i] = (factor * number[i] + bias) >> bits.

    Returns:
        The numbers, int64, the first of them 0, and the bytes of the rest; None if there are none such.
    """
    if len(values) < 8 or int(values[-1]) >= 1 << 32:
        return None
    exact = values.astype(np.int64)
    gaps = np.diff(exact)
    least = int(gaps.min())
    if least < 2:
        return None
    slope = float(gaps[gaps < 1.5 * least + 0.6].mean())
    numbers = np.zeros(len(exact), np.int64)
    for _ in range(4):
        numbers[1:] = np.cumsum(np.rint(gaps / slope))
        centred = numbers - numbers.mean()
        slope = float((centred * exact).sum() / (centred * centred).sum())
    # Every value bounds slope and bias from two sides. Where a slope leaves no room for a bias, the two values at fault
    # tell on which side of it the right slopes lie.
    below, above = slope - 1 / len(exact), slope + 1 / len(exact)
    for _ in range(20):
        rests = exact - slope * numbers
        top, bottom = int(rests.argmax()), int(rests.argmin())
        if rests[top] < rests[bottom] + 1:
            break
        bound = (exact[bottom] + 1 - exact[top]) / (numbers[bottom] - numbers[top])
        below, above = (below, bound) if numbers[bottom] > numbers[top] else (bound, above)
        if not below < above:
            return None
        slope = (below + above) / 2
    for bits in (8, 12, 16, 20, 24):
        factor = round(slope * (1 << bits))
        rest = (exact << bits) - factor * numbers
        least_bias, most_bias = int(rest.max()), int(rest.min()) + (1 << bits) - 1
        if least_bias <= most_bias:
            return numbers, bytes([bits]) + put_uint(factor) + put_uint(least_bias)
    return None


def _unpack(reader: Reader, count: int) -> np.ndarray:
    """Return the ``count`` used values in steps above the lowest."""
    width = reader.take(1)[0]
    if not (1 < count <= _MOST_VALUES and 1 <= width <= 8):
        raise FormatError("its table of values makes no sense")
    size = (count - 1) * width
    inflater = zlib.decompressobj()
    try:
        raw = inflater.decompress(reader.rest(), size + 1)
    except zlib.error as error:
        raise FormatError(f"its table of values is damaged: {error}") from error
    if len(raw) != size or not inflater.eof:
        raise FormatError("its table of values is damaged")
    gaps = np.zeros((count - 1, 8), np.uint8)
    gaps[:, :width] = np.frombuffer(raw, np.uint8).reshape(-1, width)
    return np.concatenate([np.zeros(1, np.uint64), np.cumsum(gaps.view("<u8")[:, 0], dtype=np.uint64)])
