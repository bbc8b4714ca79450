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
from functools import cache, cached_property
from math import ceil, erfc, floor, inf, log2, log10, sqrt
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
_encode_to = Kernel(
    "n1c_mdct_encode_to", reads(np.int32), int, int, int, int, writes(np.uint8), writes(np.int32), SCRATCH
)
_count_sizes = Kernel("n1c_mdct_sizes", reads(np.int32), writes(np.int64))
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
_CLOSE_DB, _AIM_DB = 0.1, 0.015
_CLOSE_RATE, _AIM_RATE = 0.02, 0.003
"""How much better than asked for a search may end, and should: in dB, and as a logarithm of the bytes to the base 2."""
_MOST = 1 << 62
"""Of noise or length that the kernel is asked for."""
_MOST_TRIES, _ENOUGH_TRIES, _NEAR = 12, 4, 10
"""After some tries it may end so many times farther off: of few numbers each counts."""
_NARROW = 1 / 64
"""Octaves between two goals that are as good as the same."""
_CLASSES = 128
"""Of coefficients' sizes, as the kernel counts them."""
_ZERO, _LEAST_BITS = 0.6, 4
"""What part of a step is coded at all, in a quantiser that foretells noise and bits; bits of a number that is not 0."""
_DEPENDENT = (0.005, 0.012, 0.1, 0.2, 0.35), (0.16, 0.02, -0.08, -0.07, -0.42)
"""How much more noise the kernel has than that: a logarithm to the base 2, by the share of numbers that are not 0."""
_ADAPTIVE = (0.8, 1.5, 2.5, 5), (1, 1.07, 1, 1.07)
"""How many times its bits, by bits a coefficient. Both were measured on N1 files at steps from 2 to 48."""


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
        if self.snr:
            return self._with_snr(x, _Signal.of(x))
        if self.rate:
            return self._with_rate(x, _Signal.of(x))
        signal = _Signal.of(x, self.step)
        step = signal.kernel_step(self.step)
        return signal.payload(step, _coded(signal.values, step))

    def _with_snr(self, x: np.ndarray, signal: _Signal) -> bytes:
        values, layout = signal.values, Layout.of(x)
        power, wanted = float(x.astype(np.float64).var()), 10 ** (-self.snr / 10)
        allowed = wanted * float(values.var())
        lossless = allowed * values.size < 1

        def attempt(log: float) -> tuple[float, bytes]:
            step = signal.sizes.step_for_noise(4**log, signal.least_step)
            coded, back = _coded_to(values, step, noise=0 if lossless else min(round(4**log * values.size), _MOST))
            lost = float(((x.astype(np.float64) - signal.restored(back, layout)) ** 2).mean())
            margin = 10 * log10(power * wanted / lost) if lost and power else (inf if not lost else -inf)
            return 0.0 if lossless and not lost else margin, signal.payload(step, coded)

        start = log2(max(allowed, 0.01 / values.size)) / 2 - _AIM_DB / 6
        found = _search(attempt, start, 6.0, _CLOSE_DB, _AIM_DB, start - 60)
        if found is None:
            raise CodecError(f"mdct: snr={self.snr:g} is more than can be kept of such samples (name fewer dB)")
        return found

    def _with_rate(self, x: np.ndarray, signal: _Signal) -> bytes:
        wanted = self.rate * x.size / 8

        def attempt(log: float) -> tuple[float, bytes]:
            length = min(max(round(2**log) - len(signal.head) - 4, 1), _MOST)
            step = signal.sizes.step_for_length(length, signal.least_step)
            payload = signal.payload(step, _coded_to(signal.values, step, length=length)[0])
            margin = log2(wanted / len(payload))
            return 0.0 if margin > 0 and step == signal.least_step else margin, payload

        found = _search(attempt, log2(wanted) - _AIM_RATE, 1.0, _CLOSE_RATE, _AIM_RATE, 0.0)
        return found or signal.payload(_MOST_STEP, _coded(signal.values, _MOST_STEP))

    def decode(self, data: bytes, layout: Layout) -> np.ndarray:
        reader = Reader(data)
        signal = _Signal.read(reader, layout.dtype)
        step = reader.uint()
        if not 1 <= step <= _MOST_STEP:
            raise FormatError("its step makes no sense")
        return signal.restored(_samples(np.frombuffer(reader.rest(), np.uint8), step, layout.size), layout)


def _search(
    attempt: Callable[[float], tuple[float, bytes]], at: float, slope: float, close: float, aim: float, least: float
) -> bytes | None:
    """Return the payload of about the largest argument whose margin is not negative; None if there is none.

    Args:
        attempt: a margin, which falls, and a payload.
        at, slope: where to begin, and by how much the margin falls for each step of 1.
        close: how small the margin may be to be near enough to 0.
        aim: how small it should be.
        least: the least argument that makes sense.
    """
    good: tuple[float, float] | None = None
    bad: tuple[float, float] | None = None
    best: tuple[float, bytes] | None = None
    for tries in range(1, _MOST_TRIES + 1):
        at = max(at, least) if tries < _MOST_TRIES or best else least
        margin, payload = attempt(at)
        margin = max(min(margin, 60.0), -60.0)
        if margin >= 0:
            best, good = min(best or (margin, payload), (margin, payload)), (at, margin)
        else:
            bad = (at, margin)
        near = _NEAR * close if good and bad and tries >= _ENOUGH_TRIES else close
        if (best and best[0] <= near) or (not best and at <= least):
            break
        if good and bad:
            if bad[0] - good[0] < _NARROW:
                break
            share = (good[1] - aim) / (good[1] - bad[1])
            at = good[0] + (bad[0] - good[0]) * min(max(share, 0.1), 0.9)
        else:
            at += (margin - aim) / slope
    return best[1] if best else None


def _coded(values: np.ndarray, step: int) -> np.ndarray:
    """Return the kernel's bytes."""
    out = np.empty(16 * (values.size + 512), np.uint8)
    return out[: _encode(values, step, _BIT_PRICE, out, np.empty(_encode_work_size(), np.uint8))].copy()


def _coded_to(values: np.ndarray, step: int, noise: int = 0, length: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return the kernel's bytes with about so much noise or length, and without a length what is decoded of them."""
    out, back = np.empty(16 * (values.size + 512), np.uint8), np.empty(0 if length else values.size, np.int32)
    work = np.empty(_encode_work_size(), np.uint8)
    return out[: _encode_to(values, step, _BIT_PRICE, noise, length, out, back, work)].copy(), back


def _samples(coded: np.ndarray, step: int, size: int) -> np.ndarray:
    """Return what the kernel makes of its bytes, int32."""
    x = np.empty(size, np.int32)
    _decode(coded, step, x, np.empty(_decode_work_size(), np.uint8))
    return x


class _Sizes:
    """What a signal's coefficients come to at each step with a simple quantiser, to which less than ``_ZERO`` is 0.

    Bits go with the share of what is not 0 (Z. He, S. K. Mitra, "A linear source model and a unified rate control
    algorithm for DCT video coding", IEEE Trans. CSVT 12(11), 2002), and so does how much less noise dependent
    quantisation has.
    """

    def __init__(self, values: np.ndarray) -> None:
        counts = np.empty(_CLASSES, np.int64)
        self._number = _count_sizes(values, counts)
        steps, noise, coded, bits = _ladder()
        share = counts @ coded / self._number
        noise = counts @ noise / self._number * 2 ** np.interp(share, *_DEPENDENT)
        self._steps = np.log2(steps)
        self._noise = np.maximum.accumulate([_rounded(variance) for variance in noise]) + 1e-12 * steps
        bits = counts @ bits / self._number
        self._bits = np.minimum.accumulate(bits * np.interp(bits, *_ADAPTIVE))

    def step_for_noise(self, noise: float, least: int) -> int:
        """Return a kernel's step at which the error of whole samples has this mean of squares, about."""
        return self._nearest(np.interp(noise, self._noise, self._steps), least)

    def step_for_length(self, length: int, least: int) -> int:
        """Return a kernel's step at which there are so many bytes, about."""
        return self._nearest(np.interp(-8 * length / self._number, -self._bits, self._steps), least)

    def _nearest(self, log: float, least: int) -> int:
        return min(max(round((1 << _STEP_BITS) * 2 ** float(log)), least), _MOST_STEP)


def _rounded(variance: float) -> float:
    """Return the mean square of normal errors that are rounded to whole numbers."""
    if variance > 0.5:
        return variance + 1 / 12
    return sum((2 * off - 1) * erfc((off - 0.5) / sqrt(2 * variance)) for off in (1, 2, 3)) if variance else 0.0


@cache
def _ladder() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return steps, four an octave, and by class and step a coefficient's noise, chance not to be 0, and bits."""
    steps = 2.0 ** np.arange(-8, 20.25, 0.25)
    numbers = np.arange(_CLASSES)
    least = np.where(numbers < 4, numbers, (4 + numbers % 4) * 2.0 ** (numbers // 4 - 1))
    width = np.where(numbers < 4, 1, 2.0 ** (numbers // 4 - 1))
    sizes = (least[:, None] + width[:, None] * (np.arange(8) + 0.5) / 8) / 256
    ratio = sizes[:, None] / steps[:, None]
    noise = ((ratio - np.floor(ratio + 1 - _ZERO)) ** 2).mean(axis=2) * steps**2
    coded = ratio >= _ZERO
    bits = coded * np.maximum(np.floor(np.log2(ratio)) + 3, _LEAST_BITS)
    return steps, noise, coded.mean(axis=2), bits.mean(axis=2)


class _Signal(ABC):
    """Samples of one channel as the kernel gets them: numbers of a unit, around a middle."""

    head: bytes
    """What a decoder needs to know of it."""
    unit: float
    """In steps of the converter, or of floats in theirs; a power of two."""
    finest: float
    """The least step that makes sense, in units."""
    values: np.ndarray
    """int32; only of samples that are to be coded."""

    @staticmethod
    def of(x: np.ndarray, step: float | None = None) -> _Signal:
        """Return it, for a step of the converter or of floats' unit, or for any."""
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

    @property
    def least_step(self) -> int:
        """The finest, as the kernel wants it."""
        return round(self.finest * (1 << _STEP_BITS))

    @cached_property
    def sizes(self) -> _Sizes:
        return _Sizes(self.values)

    def payload(self, step: int, coded: np.ndarray) -> bytes:
        return self.head + put_uint(step) + coded.tobytes()


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
    def made_of(cls, x: np.ndarray, step: float | None) -> _Reals:
        if not np.isfinite(x).all():
            raise CodecError("mdct: some samples are no numbers (NaN or infinite), of which there is no spectrum")
        low, high = float(x.min()), float(x.max())
        if not high - low < _LARGEST:
            raise CodecError("mdct: its samples are too large to tell how far apart they are")
        exponents = [_LEAST_EXPONENT]
        if high > low:
            exponents.append(ceil(log2((high - low) / ((1 << _BITS) - 1))))
        if step:
            exponents.append(floor(log2(step / 64)))
        exponent = max(exponents)
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
