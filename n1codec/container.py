"""The .n1c file, format version 1: self-describing, checksummed.

Over the payload of a canonical 16-bit WAV, up to five stages and 65,535 Hz take at most 24 bytes.

All integers are little-endian; ``uint`` is LEB128::

    3  magic "N1C"
    1  format version
    4  CRC-32 of every byte after this field
    4  CRC-32 of the source: the bytes of the file, or of the samples where there was no file
    1  form: bits 0..1 source (0 opaque bytes, 1 WAV, 2 WAV with other bytes around its samples, 3 array),
             bit 2 one channel, bits 3..6 dtype, bit 7 rate in 2 bytes
    .  rate, not for opaque bytes: uint16 if bit 7 is set, else uint: below 64 an index into RATES, 64 and then a
       float64, or the whole rate + 65
    .  uint frames
    .  uint channels, and 1 byte number of axes if an array          (not if bit 2 is set)
    .  uint length and bytes of prefix and of suffix, zlib           (only source 2)
    .  short names of the stages, the coder last, the last character of each with bit 7 set
    .  payload
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from n1codec import files, registry
from n1codec.codec import CodecError, Coder, FormatError, Layout
from n1codec.pipeline import Pipeline, default_spec, get_codec
from n1codec.recordings import wav
from n1codec.varint import Reader, put_bytes, put_uint

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

MAGIC = b"N1C"
VERSION = 1
MOST_CHANNELS = 1 << 20
"""A forged header must not make a reader prepare for more channels than anybody records."""

# Both tables belong to format version 1: entries may be added at the end, never moved.
RATES = (19531, 8000, 10000, 11025, 12500, 15000, 16000, 20000, 22050, 24000, 24414, 25000, 30000, 32000, 44100, 48000,
         50000, 96000, 192000, 1000, 1250, 2000, 2500, 40000)  # fmt: skip
DTYPES = ("uint8", "int16", "int24", "int32", "int8", "uint16", "uint32", "int64", "uint64", "float16", "float32",
          "float64")  # fmt: skip
_OPAQUE, _WAV, _WAV_AND_MORE, _ARRAY = range(4)
_OTHER_RATE = 64
_WHOLE_RATE = 65
MOST_AROUND = 1 << 28
"""Bytes before or after the samples of a WAV file; one with more is stored as opaque bytes."""


class Header(NamedTuple):
    """What a .n1c file says of its source."""

    source: int
    kind: str
    """The dtype's name; int24 is held in int32."""
    rate: float | None
    frames: int
    channels: int
    axes: int
    prefix: bytes
    suffix: bytes
    spec: str
    """The stages by name; parameters of the encoder are not kept."""
    checksum: int
    """CRC-32 of the source."""
    payload: bytes

    @property
    def layout(self) -> Layout:
        """Layout of the samples: (frames, channels), or (frames,) for a flat array or opaque bytes."""
        shape = (self.frames,) if self.axes == 1 else (self.frames, self.channels)
        return Layout(shape, np.dtype("int32" if self.kind == "int24" else self.kind))

    @property
    def source_kind(self) -> str:
        return ("opaque", "wav", "wav with extra chunks", "array")[self.source]


class Timed(NamedTuple):
    """What became of one file, and how long the codec's own work on it took."""

    source_bytes: int
    packed_bytes: int
    seconds: float
    spec: str


# -- writing and reading ---------------------------------------------------------------------------------------------


def _assemble(header: Header, stages: Pipeline) -> bytes:
    mono = header.channels == 1 and header.axes == (1 if header.source in (_ARRAY, _OPAQUE) else 2)
    body = bytearray(struct.pack("<I", header.checksum))
    rate = b"" if header.source == _OPAQUE else _put_rate(header.rate)
    body.append(header.source | mono << 2 | DTYPES.index(header.kind) << 3 | (len(rate) == 2) << 7)
    body += rate
    body += put_uint(header.frames)
    if not mono:
        body += put_uint(header.channels)
        if header.source == _ARRAY:
            body.append(header.axes)
    if header.source == _WAV_AND_MORE:
        body += put_bytes(zlib.compress(header.prefix, 9)) + put_bytes(zlib.compress(header.suffix, 9))
    for stage in stages.stages:
        wire = registry.wire(stage).encode("ascii")
        body += wire[:-1] + bytes([wire[-1] | 0x80])
    checksum = zlib.crc32(header.payload, zlib.crc32(body))
    return b"".join((MAGIC, bytes([VERSION]), struct.pack("<I", checksum), body, header.payload))


def read(blob: bytes) -> Header:
    """Return the header of .n1c bytes with the payload in it; nothing is decoded.

    Raises:
        FormatError: not .n1c, another version, damaged.
        UnavailableError: it needs a codec that is not here.
    """
    if not blob:
        raise FormatError("it is empty")
    if blob[:3] != MAGIC:
        raise FormatError("it is not a .n1c file")
    if len(blob) < 14:
        raise FormatError("it is truncated")
    if blob[3] != VERSION:
        raise FormatError(f"it has format version {blob[3]}, this program reads {VERSION} (update n1codec)")
    if zlib.crc32(memoryview(blob)[8:]) != struct.unpack_from("<I", blob, 4)[0]:
        raise FormatError("it is damaged or truncated: its checksum does not match")
    reader = Reader(blob)
    reader.take(8)
    (checksum,) = struct.unpack("<I", reader.take(4))
    form = reader.take(1)[0]
    source, mono, kind, short_rate = form & 3, bool(form & 4), form >> 3 & 15, bool(form & 128)
    if kind >= len(DTYPES) or (short_rate and source == _OPAQUE):
        raise FormatError("its dtype is not known")
    rate: float | None = None
    if source != _OPAQUE:
        rate = int.from_bytes(reader.take(2), "little") if short_rate else _take_rate(reader)
    frames, channels = reader.uint(), 1
    axes = 1 if source in (_OPAQUE, _ARRAY) else 2
    if not mono:
        channels = reader.uint()
        axes = reader.take(1)[0] if source == _ARRAY else 2
    if axes not in (1, 2) or channels > MOST_CHANNELS or frames * max(channels, 1) >= 1 << 48:
        raise FormatError("its shape makes no sense")
    prefix = suffix = b""
    if source == _WAV_AND_MORE:
        prefix, suffix = (_inflate(reader.prefixed()) for _ in range(2))
    names: list[str] = []
    coded = False
    while not coded:
        wire = bytearray()
        while not wire or wire[-1] < 0x80:
            wire += reader.take(1)
        wire[-1] &= 0x7F
        stage = registry.find_wire(wire.decode("ascii", "replace"))
        names.append(stage.name)
        coded = issubclass(stage, Coder)
    return Header(source, DTYPES[kind], rate, frames, channels, axes, prefix, suffix, "|".join(names), checksum,
                  reader.rest())  # fmt: skip


def _put_rate(rate: float | None) -> bytes:
    if rate in RATES:
        return put_uint(RATES.index(rate))
    if rate is not None and rate == int(rate) >= 0:
        return int(rate).to_bytes(2, "little") if rate < 1 << 16 else put_uint(int(rate) + _WHOLE_RATE)
    return put_uint(_OTHER_RATE) + struct.pack("<d", float("nan") if rate is None else rate)


def _take_rate(reader: Reader) -> float | None:
    code = reader.uint()
    if code >= _WHOLE_RATE:
        return code - _WHOLE_RATE
    if code == _OTHER_RATE:
        (rate,) = struct.unpack("<d", reader.take(8))
        return None if rate != rate else rate
    if code >= len(RATES):
        raise FormatError("its sampling rate is not known")
    return RATES[code]


def _inflate(data: bytes) -> bytes:
    """Inflate the bytes around the samples of a WAV file."""
    inflater = zlib.decompressobj()
    try:
        out = inflater.decompress(data, MOST_AROUND + 1)
    except zlib.error as error:
        raise FormatError(f"the bytes around its samples are damaged: {error}") from error
    if not inflater.eof or len(out) > MOST_AROUND:
        raise FormatError("the bytes around its samples are damaged")
    return out


def decoder(header: Header, given: Pipeline | None = None) -> Pipeline:
    """Return the codec that decodes a header's payload: ``given``, or else what the header names.

    Raises:
        CodecError: ``given`` has other stages, or there is none and the header names programs, which it may not.
    """
    if given is None:
        *_, coder = header.spec.split("|")
        if "external" in registry.find(coder).traits:
            raise CodecError(
                "somebody else's program wrote it, and a file cannot say which program to run "
                f"(say it: decode --codec '{coder}:enc=...,dec=...')"
            )
        return get_codec(header.spec)
    if [stage.name for stage in given.stages] != header.spec.split("|"):
        raise CodecError(f"it was written by {header.spec}, not by {given.spec} (decode it without --codec)")
    return given


def decode_samples(header: Header) -> np.ndarray:
    """Return the samples that a header's payload holds; that they are the source's is not checked here."""
    return decoder(header).decode(header.payload, header.layout)


# -- arrays ----------------------------------------------------------------------------------------------------------


def encode(samples: Any, spec: str | None = None, rate: float | None = None) -> bytes:
    """Return .n1c bytes of an array.

    Args:
        samples: shape (frames,) or (frames, channels), any integer or float dtype of 8 to 64 bits.
        spec: a codec such as ``delta|zstd:level=19``; the default codec if None.
        rate: sampling rate in Hz, kept beside the samples.

    Raises:
        SpecError: the spec is wrong.
        CodecError: the array has another shape or dtype, or the codec cannot run here.
    """
    x = np.asarray(samples)
    if x.ndim not in (1, 2):
        raise CodecError(f"samples have shape {x.shape}, not (frames,) or (frames, channels)")
    if x.ndim == 2 and x.shape[1] > MOST_CHANNELS:
        raise CodecError(f"samples have {x.shape[1]} channels, more than {MOST_CHANNELS} (are the axes swapped?)")
    if x.dtype.name not in DTYPES:
        known = ", ".join(name for name in DTYPES if name != "int24")
        raise CodecError(f"samples have dtype {x.dtype}, not one of {known}")
    if rate is not None and not 0 <= float(rate) < float("inf"):
        raise CodecError(f"a sampling rate of {rate} Hz makes no sense")
    x = np.ascontiguousarray(x, x.dtype.newbyteorder("="))
    stages = get_codec(spec or default_spec())
    if stages.external:
        raise CodecError(f"{stages.coder.name} codes files, not arrays (use encode_file)")
    channels = x.shape[1] if x.ndim == 2 else 1
    header = Header(_ARRAY, x.dtype.name, rate, len(x), channels, x.ndim, b"", b"", stages.spec,
                    _array_checksum(x), stages.encode(x))  # fmt: skip
    return _assemble(header, stages)


def decode(blob: Buffer) -> np.ndarray:
    """Return the samples in .n1c bytes, as they were encoded, in an array that can be written to.

    Samples of a WAV file have the shape (frames, channels).

    Raises:
        FormatError: the bytes are damaged, or not .n1c.
        UnavailableError: the codec that wrote them is not here.
    """
    header = read(bytes(blob))
    x = decode_samples(header)
    checksum = _array_checksum(x) if header.source == _ARRAY else zlib.crc32(_file_bytes(header, x))
    if checksum != header.checksum:
        raise FormatError("it decodes to something else than was encoded: its checksum does not match")
    return x if x.flags.writeable else x.copy()


def _array_checksum(x: np.ndarray) -> int:
    return zlib.crc32(np.ascontiguousarray(x, x.dtype.newbyteorder("<")).view(np.uint8).data) if x.size else 0


# -- the bytes of files ----------------------------------------------------------------------------------------------


def encode_bytes(source: bytes, stages: Pipeline) -> tuple[bytes, float]:
    """Return .n1c bytes of a file's bytes, and the seconds of the codec's own work. No WAV file is stored as it is."""
    x, header, stages = open_source(source, stages)
    start = perf_counter()
    payload = stages.encode(x)
    seconds = perf_counter() - start - stages.coder.overhead
    return seal(source, header, stages, payload), seconds


def open_source(source: bytes, stages: Pipeline) -> tuple[np.ndarray, Header, Pipeline]:
    """Return the samples in a file's bytes, a header that lacks checksum and payload, and what will encode them."""
    parsed = None if stages.external else wav.parse(source)
    if parsed is None or max(len(parsed.prefix), len(parsed.suffix)) > MOST_AROUND:
        stages = stages if stages.external else get_codec("copy")
        x = np.frombuffer(source, np.uint8)
        return x, Header(_OPAQUE, "uint8", None, len(x), 1, 1, b"", b"", stages.spec, 0, b""), stages
    x = parsed.samples
    kind = "int24" if parsed.bits == 24 else x.dtype.name
    extra = (b"", b"") if parsed.canonical else (parsed.prefix, parsed.suffix)
    frames, channels = x.shape
    source_kind = _WAV if parsed.canonical else _WAV_AND_MORE
    return x, Header(source_kind, kind, parsed.rate, frames, channels, 2, *extra, stages.spec, 0, b""), stages


def seal(source: bytes, header: Header, stages: Pipeline, payload: bytes) -> bytes:
    """Return the .n1c bytes of what ``open_source`` gave for ``source``, and ``stages`` turned into ``payload``."""
    return _assemble(header._replace(checksum=zlib.crc32(source), payload=payload), stages)


def decode_bytes(blob: bytes, given: Pipeline | None = None) -> tuple[bytes, float, str]:
    """Return the bytes of the file that .n1c bytes hold, the seconds of the codec's own work, and the spec.

    Args:
        given: the codec, where the file may not name it in full (see :func:`decoder`).

    Raises:
        CodecError: ``given`` did not write it, or is needed.
        FormatError: the bytes are damaged, not .n1c, or hold an array that came from no file.
        UnavailableError: the codec that wrote them is not here.
    """
    header = read(blob)
    stages = decoder(header, given)
    start = perf_counter()
    x = stages.decode(header.payload, header.layout)
    seconds = perf_counter() - start - stages.coder.overhead
    return restore(header, x), seconds, header.spec


def restore(header: Header, x: np.ndarray) -> bytes:
    """Return the bytes of the file that a header was read for, from its decoded samples.

    Raises:
        FormatError: they are not the bytes that were encoded, or there was no file.
    """
    if header.source == _ARRAY:
        raise FormatError("it holds an array, not a file (read it with n1codec.decode)")
    source = _file_bytes(header, x)
    if zlib.crc32(source) != header.checksum:
        raise FormatError("it decodes to something else than was encoded: its checksum does not match")
    return source


def _file_bytes(header: Header, x: np.ndarray) -> bytes:
    if header.source == _OPAQUE:
        return x.tobytes()
    bits = 24 if header.kind == "int24" else x.dtype.itemsize * 8
    prefix = header.prefix
    if header.source == _WAV:
        prefix = wav.header(header.frames, header.channels, int(header.rate or 0), bits)
    return prefix + wav.pack(x, bits) + header.suffix


# -- files -----------------------------------------------------------------------------------------------------------


def encode_file(source: str | Path, target: str | Path, spec: str | Pipeline | None = None) -> Timed:
    """Encode one file, a WAV file or any other, into a .n1c file.

    Raises:
        SpecError, UnavailableError, CodecError: the codec.
        OSError: the files.
    """
    stages = spec if isinstance(spec, Pipeline) else get_codec(spec or default_spec())
    data = files.read(source)
    packed, seconds = encode_bytes(data, stages)
    files.write(target, packed)
    return Timed(len(data), len(packed), seconds, stages.spec)


def decode_file(source: str | Path, target: str | Path, spec: str | Pipeline | None = None) -> Timed:
    """Decode one .n1c file into the file it was made from, byte for byte; nothing is written if it is damaged.

    Args:
        spec: the codec, for a file that somebody else's program wrote; the others say themselves what it is.

    Raises:
        CodecError: ``spec`` did not write it, or is needed.
        FormatError, UnavailableError: the .n1c file.
        OSError: the files.
    """
    packed = files.read(source)
    data, seconds, used = decode_bytes(packed, get_codec(spec) if isinstance(spec, str) else spec)
    files.write(target, data)
    return Timed(len(data), len(packed), seconds, used)
