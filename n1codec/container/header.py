"""What a .n1c file says of its source, whatever the version of its format."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from n1codec import registry
from n1codec.codec import CodecError, FormatError, Layout
from n1codec.pipeline import Pipeline, get_codec

MAGIC = b"N1C"
MOST_CHANNELS = 1 << 20
"""A forged header must not make a reader prepare for more channels than anybody records."""
MOST_AROUND = 1 << 28
"""Bytes before or after the samples of a WAV file; one with more is stored as opaque bytes."""

# Both tables belong to format version 1: entries may be added at the end, never moved.
RATES = (19531, 8000, 10000, 11025, 12500, 15000, 16000, 20000, 22050, 24000, 24414, 25000, 30000, 32000, 44100, 48000,
         50000, 96000, 192000, 1000, 1250, 2000, 2500, 40000)  # fmt: skip
"""Common sampling rates in Hz, each of which takes a byte in a file: its number here."""
DTYPES = ("uint8", "int16", "int24", "int32", "int8", "uint16", "uint32", "int64", "uint64", "float16", "float32",
          "float64")  # fmt: skip
"""The dtypes of samples by their number in files; int24 is held in int32."""

OPAQUE, WAV, WAV_AND_MORE, ARRAY = range(4)
"""Kinds of sources: bytes as they are, a WAV file of 44 bytes and samples, any other WAV file, an array."""


class Header(NamedTuple):
    """What a .n1c file says of its source, and the payload that holds the samples."""

    source: int
    """One of OPAQUE, WAV, WAV_AND_MORE and ARRAY."""
    kind: str
    """The dtype's name in DTYPES."""
    rate: float | None
    """Frames a second; None where nobody said it."""
    frames: int
    channels: int
    axes: int
    prefix: bytes | memoryview
    """The bytes of the source before its samples (only WAV_AND_MORE)."""
    suffix: bytes | memoryview
    """Those behind its samples."""
    spec: str
    """The names of the stages; parameters of the encoder are not kept."""
    checksum: int
    """CRC-32 of the source: of the file's bytes, or of the samples of an array."""
    payload: bytes | memoryview
    version: int = 1
    """Of the format."""

    @property
    def layout(self) -> Layout:
        """Layout of the samples: (frames, channels), or (frames,) for a flat array or opaque bytes."""
        shape = (self.frames,) if self.axes == 1 else (self.frames, self.channels)
        return Layout(shape, np.dtype("int32" if self.kind == "int24" else self.kind))

    @property
    def bits(self) -> int:
        """Bits that a sample takes in the source."""
        return 24 if self.kind == "int24" else self.layout.dtype.itemsize * 8

    @property
    def source_kind(self) -> str:
        """What the source is called for people."""
        return ("opaque", "wav", "wav with extra chunks", "array")[self.source]


def decoder(header: Header, given: Pipeline | None = None) -> Pipeline:
    """Return the codec that decodes a header's payload: ``given``, or else the one that the header names.

    Raises:
        CodecError: ``given`` has other stages, or there is none and the header names programs, which it may not.
    """
    if given is None:
        *_, coder = header.spec.split("|")
        if registry.find(coder).whole_file:
            raise CodecError(
                "somebody else's program wrote it, and a file cannot say which program to run "
                f"(say it: decode --codec '{coder}:enc=...,dec=...')"
            )
        return get_codec(header.spec)
    if [stage.name for stage in given.stages] != header.spec.split("|"):
        raise CodecError(f"it was written by {header.spec}, not by {given.spec} (decode it without --codec)")
    return given


def decode_samples(header: Header) -> np.ndarray:
    """Return the samples that a header's payload holds, without a check that they are the source's."""
    return decoder(header).decode(header.payload, header.layout)


def differs() -> FormatError:
    """Return the error of samples that were decoded without complaint and are not those that were encoded."""
    return FormatError("it decodes to something else than was encoded: its checksum does not match")
