"""Arrays to .n1c bytes and back: what ``n1codec.encode`` and ``n1codec.decode`` do."""

from __future__ import annotations

import numbers
from typing import TYPE_CHECKING, Any

import numpy as np

from n1codec import registry
from n1codec.codec import CodecError, FormatError
from n1codec.container.access import Memory
from n1codec.container.archive import Archive, checksum_of
from n1codec.container.convert import restore
from n1codec.container.header import ARRAY, DTYPES, MOST_CHANNELS, Header, decode_samples, differs
from n1codec.container.packing import of_n1, suited
from n1codec.container.restoring import Restorer
from n1codec.container.version1 import assemble
from n1codec.pipeline import Pipeline, default_codec, get_codec
from n1codec.recordings import Source

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

_FASTEST = 1 << 53
"""A sampling rate in Hz that is too high to be one; lower whole numbers are exact in float64."""


def encode(samples: Any, spec: str | None = None, rate: float | None = None) -> bytes:
    """Return .n1c bytes of an array.

    Args:
        samples: shape (frames,) or (frames, channels), any integer or float dtype of 8 to 64 bits: a NumPy array,
            whatever NumPy makes an array of, or any buffer (``bytes`` are uint8).
        spec: a codec such as ``delta|zstd:level=19``; the default codec if None.
        rate: sampling rate in Hz, kept beside the samples.

    Raises:
        SpecError: the spec is wrong.
        CodecError: the array has another shape or dtype, its mask would be lost, the rate is none, or the codec cannot
            run here.
    """
    x = _array(samples)
    hertz = _hertz(rate)
    stages = _codec(spec) or _suited(x)
    if stages.external:
        raise CodecError(f"{stages.coder.name} codes files, not arrays (use encode_file)")
    channels = x.shape[1] if x.ndim == 2 else 1
    payload, kept = stages.coded(x)
    header = Header(ARRAY, x.dtype.name, hertz, len(x), channels, x.ndim, b"", b"", stages.spec,
                    checksum_of(kept), payload)  # fmt: skip
    return b"".join(assemble(header, stages))


def _suited(x: np.ndarray) -> Pipeline:
    one = x.size == len(x) and x.size > 0
    return get_codec(registry.DEFAULT) if one and x.dtype == np.int16 and of_n1([x]) else suited(x.dtype)


def decode(blob: Buffer) -> np.ndarray:
    """Return the samples in .n1c bytes, as they were encoded, in an array that can be written to.

    Samples of a WAV file have the shape (frames, channels).

    Args:
        blob: the whole file, in any buffer.

    Raises:
        FormatError: the bytes are damaged, or not .n1c, or no bytes at all.
        UnavailableError: the codec that wrote them is not here.
    """
    try:
        archive = Archive(Memory(blob))
    except TypeError as error:
        raise FormatError(f".n1c bytes are wanted, not {type(blob).__name__} (read the file first)") from error
    if archive.old is None:
        x = Source("it", archive.streams, ()).stream().read()
    elif archive.old.source == ARRAY:
        x = decode_samples(archive.old)
        if checksum_of(x) != archive.old.checksum:
            raise differs()
    else:
        kept: list[np.ndarray] = []
        restorer = Restorer(archive, lambda number, data, at: None)
        restore(archive, restorer, keep=kept.append)
        x = kept[0].reshape(archive.old.layout.shape) if kept else np.empty(archive.old.layout.shape, archive.dtype(0))
    return x if x.flags.writeable else x.copy()


def _codec(spec: str | None) -> Pipeline | None:
    if spec is None:
        return default_codec()
    return None if spec == "auto" else get_codec(spec)


def _array(samples: Any) -> np.ndarray:
    """Return what was given for samples as an array that can be coded, in this machine's byte order."""
    if isinstance(samples, np.ma.MaskedArray):
        raise CodecError("samples are a masked array, whose mask would be lost (fill it: samples.filled(value))")
    try:
        x = np.frombuffer(samples, np.uint8) if isinstance(samples, bytes | bytearray) else np.asarray(samples)
    except ValueError as error:
        raise CodecError(f"samples are no array: {error}") from error
    if x.ndim not in (1, 2):
        raise CodecError(f"samples have shape {x.shape}, not (frames,) or (frames, channels)")
    if x.ndim == 2 and x.shape[1] > MOST_CHANNELS:
        raise CodecError(f"samples have {x.shape[1]} channels, more than {MOST_CHANNELS} (are the axes swapped?)")
    if x.dtype.name not in DTYPES:
        known = ", ".join(name for name in DTYPES if name != "int24")
        raise CodecError(f"samples have dtype {x.dtype}, not one of {known}")
    return np.require(x, x.dtype.newbyteorder("="), ["C", "A"])


def _hertz(rate: Any) -> float | None:
    """Return a sampling rate as a float64.

    Raises:
        CodecError: it is no number of Hz.
    """
    if rate is None:
        return None
    if not isinstance(rate, numbers.Real) or isinstance(rate, bool):
        raise CodecError(f"a sampling rate is a number of Hz, not {rate!r}")
    if not 0 <= rate < _FASTEST:  # type: ignore[operator]
        raise CodecError(f"a sampling rate of {rate} Hz makes no sense")
    return float(rate)
