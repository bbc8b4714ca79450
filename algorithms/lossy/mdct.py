"""Transform coding: modified discrete cosine transform, dependent quantisation, adaptive range coding.

J. P. Princen, A. W. Johnson, A. B. Bradley, "Subband/transform coding using filter bank designs based on time domain
aliasing cancellation", ICASSP 1987; H. Schwarz et al., "Quantization and entropy coding in the Versatile Video Coding
standard", IEEE Trans. CSVT 31(10), 2021, section III. What the kernel (native/src/mdct.c) gets are the converter's
codes (n1codec/converter.py) less the middle one; floats, and codes that spread over 2^19 and more, in a unit that is a
power of two. docs/lossy.md describes the bytes.
"""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from collections.abc import Callable
from math import ceil, floor, inf, log2, log10, sqrt
from typing import Any

import numpy as np

from n1codec import converter
from n1codec.codec import CodecError, Coder, Float, FormatError, Layout, Promise, SpecError
from n1codec.converter import Steps
from n1codec.native import SCRATCH, Kernel, reads, writes
from n1codec.varint import Reader, put_uint

_encode_work_size = Kernel("n1c_mdct_encode_work_size")
_decode_work_size = Kernel("n1c_mdct_decode_work_size")
_encode = Kernel("n1c_mdct_encode", reads(np.int32), int, int, writes(np.uint8), SCRATCH)
_decode = Kernel("n1c_mdct_decode", reads(np.uint8), int, writes(np.int32), SCRATCH)

_BIT_PRICE = 90
"""What a bit may cost, in 256ths of the square of half a step; it was tuned for the ratios from 6 to 50 of N1 files."""
_STEP_BITS = 8
_MOST_STEP = 1 << 28
_BITS = 19
"""What the kernel gets is less than 2^19 either way."""
_LEAST_EXPONENT = -1022
_LARGEST = 2.0**1000
_FINEST = 1 / 4
"""The least step, in the unit of what the kernel gets."""
_CLOSE_DB = 0.1
_CLOSE_RATE = 0.02
"""How much better than asked for a search may end: in dB, and as a logarithm of the bytes to the base 2."""
_MOST_TRIES = 12
_NARROW = 1 / 64
"""Octaves between two steps that are as good as the same."""
_ROUGHLY = 4
"""How many times that a first guess may be off, and how much less close it may be."""
_APART = 0.25
"""Octaves between two steps that say how fast a function falls."""
_STRETCHES, _STRETCH = 4, 2048
"""What a search begins with in the place of all samples, which costs little: for a rate as one, for what is learned."""


class Mdct(Coder):
    wire = "m"
    per_channel = True
    lossless = False
    step: float
    snr: float
    rate: float
    params = {
        "step": Float(10, 1 / 4, 1e9, "the quantiser's, in steps of the converter; of floats in their unit"),
        "snr": Float(0, 0, 200, "the coarsest step that keeps so many dB, instead of step; 0: step counts"),
        "rate": Float(0, 0, 64, "the finest step that takes so many bits a sample, instead of step; 0: step counts"),
    }
    quality_grid = (*(f"mdct:step={step}" for step in (4, 6, 10, 16, 24, 48, 100)), "mdct:snr=20", "mdct:snr=12")
    floor_xrt = 200

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        if self.snr and self.rate:
            raise SpecError("mdct: snr and rate do not go together (name one of them)")

    def loss(self) -> str:
        if self.snr:
            return f"the signal's variance is {self.snr:g} dB above the mean square of the error"
        if self.rate:
            return f"what does not fit into {self.rate:g} bits a sample"
        return (
            f"the root mean square of the error is {self.step:g} steps of the converter at most (floats: of their unit)"
        )

    def promise(self, x: np.ndarray) -> Promise:
        if self.snr:
            return Promise(snr=self.snr)
        if self.rate:
            return Promise()
        form = b"" if x.dtype.kind == "f" else converter.find(x, even=True)[1]
        return Promise(rms=self.step * converter.distance(form, 1))

    def encode(self, x: np.ndarray) -> bytes:
        signal = _Signal.of(x, self.step)
        if self.snr:
            return signal.payload(self._step_for_snr(x, signal))
        if self.rate:
            return signal.payload(self._step_for_rate(x, signal))
        return signal.payload(signal.kernel_step(self.step))

    def _step_for_snr(self, x: np.ndarray, signal: _Signal) -> int:
        def margin(log: float) -> float:
            step = signal.kernel_step(2**log)
            back = signal.restored(_samples(signal.coded(step), step, x.size), Layout.of(x))
            return decibels(float(((x.astype(np.float64) - back) ** 2).mean()), power)

        def rough(log: float) -> float:
            step = signal.kernel_step(2**log)
            errors = [values - _samples(_coded(values, step), step, values.size) for values in stretches]
            return decibels(float(np.mean(np.square(errors))), float(signal.values.var()))

        def decibels(noise: float, power: float) -> float:
            return 10 * log10(power / noise) - self.snr if noise and power else (inf if not noise else -inf)

        power, stretches = float(x.astype(np.float64).var()), signal.stretches(_STRETCHES, _STRETCH)
        start = log2(max(sqrt(power / 10 ** (self.snr / 10) * 12) / signal.distance, signal.unit))
        guess, least = rough if stretches else None, log2(signal.finest * signal.unit)
        log = _search(margin, guess, start, 6.0, _CLOSE_DB, least)
        if log is None:
            raise CodecError(f"mdct: snr={self.snr:g} is more than can be kept of such samples (name fewer dB)")
        return signal.kernel_step(2**log)

    def _step_for_rate(self, x: np.ndarray, signal: _Signal) -> int:
        def margin(log: float) -> float:
            return log2(self.rate * x.size / 8 / len(signal.payload(signal.kernel_step(2**-log))))

        def rough(log: float) -> float:
            step = signal.kernel_step(2**-log)
            size = sum(len(_coded(values, step)) for values in stretches)
            return log2(self.rate * _STRETCHES * _STRETCH / 8 / max(size, 1))

        stretches, least = signal.stretches(1, _STRETCHES * _STRETCH), -log2(1e9 * signal.unit)
        start, slope = -log2(10 * signal.unit), 1.0
        log = _search(margin, rough if stretches else None, start, slope, _CLOSE_RATE, least)
        return signal.kernel_step(2**-log if log is not None else 1e9 * signal.unit)

    def decode(self, data: bytes, layout: Layout) -> np.ndarray:
        reader = Reader(data)
        signal = _Signal.read(reader, layout.dtype)
        step = reader.uint()
        if not 1 <= step <= _MOST_STEP:
            raise FormatError("its step makes no sense")
        return signal.restored(_samples(np.frombuffer(reader.rest(), np.uint8), step, layout.size), layout)


def _search(
    margin: Callable[[float], float],
    rough: Callable[[float], float] | None,
    at: float,
    slope: float,
    close: float,
    least: float,
) -> float | None:
    """Return about the largest argument of which a falling function is not negative; None if it is at ``least``.

    Near its zero it falls by fits and starts: what an adaptive code learns depends on all that went before.

    Args:
        rough: a function that costs less and is about the same, for a first guess.
        at, slope: where to begin, and by how much it falls about for each step of 1.
        close: how small the function may be to be near enough to 0.
    """
    if rough:
        guess = _narrowed(rough, at, slope, _ROUGHLY * close, _ROUGHLY * _NARROW, least)
        if guess is not None:
            there, beyond = rough(guess), rough(guess + _APART)
            at, slope = guess, (there - beyond) / _APART if inf > there > beyond > -inf else slope
            at += (there - close / 2) / slope if there < inf else 0.0
    return _narrowed(margin, at, slope, close, _NARROW, least)


def _narrowed(
    margin: Callable[[float], float], at: float, slope: float, close: float, narrow: float, least: float
) -> float | None:
    """Search as :func:`_search` says, until the zero is known as well as ``narrow`` says."""
    good: tuple[float, float] | None = None
    bad: tuple[float, float] | None = None
    best: tuple[float, float] | None = None  # where the function does not fall everywhere, it is not the last
    for _ in range(_MOST_TRIES):
        value = max(min(margin(at), 60.0), -60.0)
        if 0 <= value <= close:
            return at
        if value >= 0:
            good = (at, value)
            best = min(best or good, good, key=lambda found: found[1])
        elif at <= least:
            return None
        else:
            bad = (at, value)
        if good and bad:
            if bad[0] - good[0] < narrow:
                break
            share = (good[1] - close / 2) / (good[1] - bad[1])
            at = good[0] + (bad[0] - good[0]) * min(max(share, 0.1), 0.9)
        else:
            at = max(at + (value - close / 2) / slope, least)
    if good is None and margin(least) >= 0:
        return least
    return best[0] if best else None


def _coded(values: np.ndarray, step: int) -> np.ndarray:
    """Return the kernel's bytes."""
    out = np.empty(16 * (values.size + 512), np.uint8)
    return out[: _encode(values, step, _BIT_PRICE, out, np.empty(_encode_work_size(), np.uint8))].copy()


def _samples(coded: np.ndarray, step: int, size: int) -> np.ndarray:
    """Return what the kernel makes of its bytes, int32."""
    x = np.empty(size, np.int32)
    _decode(coded, step, x, np.empty(_decode_work_size(), np.uint8))
    return x


class _Signal(ABC):
    """Samples of one channel as the kernel gets them: numbers of a unit, around a middle."""

    head: bytes
    """What a decoder needs to know of it."""
    unit: float
    """In steps of the converter, or of floats in theirs; a power of two."""
    finest: float
    """The least step that makes sense, in units."""
    distance = 1
    """How far apart two samples are at most that are a step of the converter apart."""
    values: np.ndarray
    """int32; only of samples that are to be coded."""

    @staticmethod
    def of(x: np.ndarray, step: float) -> _Signal:
        return _Reals.made_of(x, step) if x.dtype.kind == "f" else _Codes.made_of(x)

    @staticmethod
    def read(reader: Reader, dtype: np.dtype) -> _Signal:
        return _Reals.read_from(reader) if dtype.kind == "f" else _Codes.read_from(reader)

    @abstractmethod
    def restored(self, values: np.ndarray, layout: Layout) -> np.ndarray:
        """Return the samples that are nearest to what came out of the kernel."""

    def kernel_step(self, step: float) -> int:
        """Return a step of the converter, or of the floats' unit, as the kernel wants it.

        Raises:
            CodecError: it is finer than what the kernel gets.
        """
        units = step / self.unit
        if units < self.finest:
            raise CodecError(
                f"mdct: a step of {step:g} is too fine for samples that lie so far apart (name one of "
                f"{self.finest * self.unit:g} or more)"
            )
        return round(min(units * (1 << _STEP_BITS), _MOST_STEP))

    def coded(self, step: int) -> np.ndarray:
        """Return the kernel's bytes, of the last step that was asked for from memory."""
        if self._last is None or self._last[0] != step:
            self._last = step, _coded(self.values, step)
        return self._last[1]

    def stretches(self, count: int, size: int) -> list[np.ndarray]:
        """Return so many stretches of the values, equally far apart; none of a signal that is hardly longer."""
        apart = self.values.size // count
        if apart < 2 * size:
            return []
        first = (apart - size) // 2
        return [self.values[at : at + size] for at in range(first, first + count * apart, apart)]

    _last: tuple[int, np.ndarray] | None = None

    def payload(self, step: int) -> bytes:
        return self.head + put_uint(step) + self.coded(step).tobytes()


class _Codes(_Signal):
    """Integers: the codes of their converter, counted from the lowest."""

    def __init__(self, counted: Steps, middle: int) -> None:
        self._counted, self._middle = counted, middle
        self._shift = max(0, counted.highest.bit_length() - _BITS)
        self.unit = 1 << self._shift
        self.finest = _FINEST if not self._shift else 1
        self.head = counted.put() + put_uint(middle)

    @classmethod
    def made_of(cls, x: np.ndarray) -> _Codes:
        counted, steps = Steps.of(x)
        made = cls(counted, min(round(float(steps.mean())), counted.highest))
        made.distance = converter.distance(counted.form, 1)
        made.values = ((steps >> made._shift).astype(np.int64) - (made._middle >> made._shift)).astype(np.int32)
        return made

    @classmethod
    def read_from(cls, reader: Reader) -> _Codes:
        return cls(Steps.take(reader), reader.uint())

    def restored(self, values: np.ndarray, layout: Layout) -> np.ndarray:
        highest = self._counted.highest
        numbers = np.clip(values.astype(np.int64) + (self._middle >> self._shift), 0, highest >> self._shift)
        few = highest < values.size
        steps = np.arange(highest + 1, dtype=np.uint64) if few else numbers.astype(np.uint64)
        if self._shift:
            steps = np.minimum((steps << self._shift) + (1 << self._shift >> 1), highest)
        samples = self._counted.samples(steps, layout.dtype)
        return samples[numbers] if few else samples


class _Reals(_Signal):
    """Floats, as numbers of a unit that is small beside the step."""

    finest = 1

    def __init__(self, low: float, high: float, middle: float, exponent: int) -> None:
        self._low, self._high, self._middle = low, high, middle
        self.unit = 2.0**exponent
        self.head = struct.pack("<dddh", low, high, middle, exponent)

    @classmethod
    def made_of(cls, x: np.ndarray, step: float) -> _Reals:
        if not np.isfinite(x).all():
            raise CodecError("mdct: some samples are no numbers (NaN or infinite), of which there is no spectrum")
        low, high = float(x.min()), float(x.max())
        if not high - low < _LARGEST:
            raise CodecError("mdct: its samples are too large to tell how far apart they are")
        exponent = floor(log2(step / 64))
        if high > low:
            exponent = max(exponent, ceil(log2((high - low) / (1 << _BITS))), _LEAST_EXPONENT)
        made = cls(low, high, min(max(float(x.mean(dtype=np.float64)), low), high), exponent)
        made.values = np.rint((x.astype(np.float64) - made._middle) / made.unit).astype(np.int32)
        return made

    @classmethod
    def read_from(cls, reader: Reader) -> _Reals:
        low, high, middle, exponent = struct.unpack("<dddh", reader.take(26))
        if not (np.isfinite((low, high, middle)).all() and _LEAST_EXPONENT <= exponent <= 1023):
            raise FormatError("its unit makes no sense")
        return cls(low, high, middle, exponent)

    def restored(self, values: np.ndarray, layout: Layout) -> np.ndarray:
        return np.clip(values * self.unit + self._middle, self._low, self._high).astype(layout.dtype)
