"""The bytes of one chunk of an array that somebody else's format holds: docs/format.md, "Chunks in other formats".

A bare chunk leaves out what the format around it says already: shape, dtype and codec. A described chunk says them.
Both hold a checksum of their samples. An array may have any number of axes, any byte order, and lie in memory by rows
or by columns. A codec sees it as (frames, channels), the first axis being the frames.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from n1codec import registry
from n1codec.codec import CodecError, FormatError, Layout
from n1codec.container.archive import checksum_of
from n1codec.container.fields import put_stages, take_stages
from n1codec.container.header import DTYPES, MOST_CHANNELS
from n1codec.pipeline import Pipeline, get_codec, stage_spec
from n1codec.varint import Reader, put_uint

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

BARE, DESCRIBED = 1, 2
"""The first byte of a chunk: its form. Another one is of a later version of this program."""
_BIG_ENDIAN, _BY_COLUMNS = 0x10, 0x20
_MOST_AXES = 32
_INT24 = DTYPES.index("int24")


@lru_cache(64)
def codec_of(spec: str) -> Pipeline:
    """Return the codec of a spec.

    Raises:
        SpecError: the spec is wrong.
        CodecError: it is a codec of files and not of arrays.
    """
    codec = get_codec(spec)
    if codec.external:
        raise CodecError(f"{codec.coder.name} codes files, not arrays (use another codec)")
    return codec


def decoder_of(spec: str) -> Pipeline:
    """Return the codec that decodes what that of a spec encoded.

    It has no parameters: a decoder needs none, and one that names a file, such as a profile, comes from metadata that
    somebody else may have written. Profiles are found by their checksums instead (see :func:`n1codec.profiles.find`).
    """
    return codec_of("|".join(stage.name for stage in codec_of(spec).stages))


def spec_of(name: str, parameters: dict[str, Any]) -> str:
    """Return the canonical spec of one stage with parameters.

    Raises:
        SpecError: it has no such parameter, or not with such a value.
    """
    return stage_spec(registry.find(name)(**parameters))


def check_dtype(dtype: np.dtype[Any]) -> None:
    """Refuse a dtype that cannot be kept bit for bit.

    Raises:
        CodecError: it is no integer or float of 8 to 64 bits.
    """
    if dtype.newbyteorder("=").name not in DTYPES:
        known = ", ".join(name for name in DTYPES if name != "int24")
        raise CodecError(f"arrays of dtype {dtype} cannot be coded, only those of {known}")


def encode(x: np.ndarray, codec: Pipeline) -> bytes:
    """Return an array as a bare chunk.

    Raises:
        CodecError: it has another dtype, a mask that would be lost, or the codec cannot run here.
    """
    return bytes([BARE]) + _body(x, codec)


def decode(chunk: Buffer, codec: Pipeline, shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
    """Return the array in a bare chunk, C-contiguous and of ``dtype``, whatever its byte order.

    Args:
        codec: has the stages of the one that encoded it.

    Raises:
        FormatError: the chunk is damaged, or no bare one.
        UnavailableError: it was made with a library or profile that is not here.
    """
    reader = _reader(chunk, BARE)
    x = _samples(reader, codec, shape, dtype.newbyteorder("="))
    return x.astype(dtype, copy=False)


def encode_described(x: np.ndarray, codec: Pipeline) -> bytes:
    """Return an array as a described chunk; raises what :func:`encode` raises."""
    body = _body(x, codec)
    big = x.dtype.str.startswith(">")
    by_columns = x.flags.f_contiguous and not x.flags.c_contiguous
    form = DTYPES.index(x.dtype.newbyteorder("=").name) | big * _BIG_ENDIAN | by_columns * _BY_COLUMNS
    said = bytes([DESCRIBED, form]) + b"".join(map(put_uint, (x.ndim, *x.shape)))
    return said + put_stages(codec) + body


def decode_described(chunk: Buffer) -> np.ndarray:
    """Return the array in a described chunk, with its shape, byte order and order of axes in memory.

    Raises:
        FormatError: the chunk is damaged, or no described one.
        UnavailableError: it was made with a codec, library or profile that is not here.
    """
    reader = _reader(chunk, DESCRIBED)
    form = reader.take(1)[0]
    kind = form & 15
    if kind >= len(DTYPES) or kind == _INT24 or form >= 0x40:
        raise FormatError("its dtype is not known")
    axes = reader.uint()
    if axes > _MOST_AXES:
        raise FormatError("its shape makes no sense")
    shape = tuple(reader.uint() for _ in range(axes))
    if prod(max(extent, 1) for extent in shape) >= 1 << 48:
        raise FormatError("its shape makes no sense")
    codec = codec_of(take_stages(reader))
    dtype = np.dtype(DTYPES[kind])
    x = _samples(reader, codec, shape, dtype)
    if form & _BY_COLUMNS:
        x = np.asfortranarray(x)
    return x.astype(dtype.newbyteorder(">" if form & _BIG_ENDIAN else "<"), copy=False)


def _body(x: np.ndarray, codec: Pipeline) -> bytes:
    if isinstance(x, np.ma.MaskedArray):
        raise CodecError("a masked array would lose its mask (fill it: samples.filled(value))")
    check_dtype(x.dtype)
    samples = x.reshape(_layout(x.shape, x.dtype).shape)
    payload, kept = codec.coded(samples)
    return struct.pack("<I", checksum_of(kept)) + payload


def _reader(chunk: Buffer, form: int) -> Reader:
    reader = Reader(chunk)
    found = reader.take(1)[0]
    if found in (BARE, DESCRIBED) and found != form:
        raise FormatError("it is a chunk of the other generation of Zarr: the metadata beside it are not its own")
    if found != form:
        raise FormatError(f"it is no chunk of n1codec, or one of a later version (its form is {found}; update n1codec)")
    return reader


def _samples(reader: Reader, codec: Pipeline, shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
    (checksum,) = struct.unpack("<I", reader.take(4))
    x = codec.decode(reader.rest(), _layout(shape, dtype))
    if checksum_of(x) != checksum:
        raise FormatError("a chunk decodes to something else than was encoded: its checksum does not match")
    return x.reshape(shape)


def _layout(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Layout:
    """Return what a codec sees of an array: (frames, channels), or (samples,) where that makes no sense."""
    frames = shape[0] if shape else 1
    channels = prod(shape[1:])
    if len(shape) < 2 or not 0 < channels <= MOST_CHANNELS:
        return Layout((frames * channels,), dtype)
    return Layout((frames, channels), dtype)
