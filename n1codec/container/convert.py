"""Files to .n1c files and back: what ``n1codec.encode_file`` and ``n1codec.decode_file`` do."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from n1codec import files
from n1codec.container.header import decoder
from n1codec.container.sources import open_source, restore
from n1codec.container.version1 import read
from n1codec.pipeline import Pipeline, default_spec, get_codec


class Converted(NamedTuple):
    """What became of one file."""

    source_bytes: int
    """Bytes of the original file."""
    packed_bytes: int
    """Bytes of the .n1c file."""
    spec: str
    """The codec; of a decoded file the stages' names alone."""
    stored: str = ""
    """Why the file is stored as it is; empty where its samples are coded, and after decoding."""


def encode_file(source: str | Path, target: str | Path, spec: str | Pipeline | None = None) -> Converted:
    """Encode one file, a WAV file or any other, into a .n1c file.

    Args:
        source, target: paths; ``-`` is standard input or output.
        spec: the codec; the default codec if None.

    Raises:
        SpecError, UnavailableError, CodecError: the codec.
        OSError: the files.
    """
    opened = open_source(files.view(source), as_pipeline(spec) or get_codec(default_spec()))
    packed = opened.seal(opened.stages.encode(opened.samples))
    files.write(target, *packed)
    sizes = len(opened.data), sum(len(memoryview(piece)) for piece in packed)
    return Converted(*sizes, opened.stages.spec, opened.stored)


def decode_file(source: str | Path, target: str | Path, spec: str | Pipeline | None = None) -> Converted:
    """Decode one .n1c file into the file it was made from, byte for byte; nothing is written if it is damaged.

    Args:
        source, target: paths; ``-`` is standard input or output.
        spec: the codec, for a file that somebody else's program wrote; the others say themselves what it is.

    Raises:
        CodecError: ``spec`` did not write it, or is needed.
        FormatError, UnavailableError: the .n1c file.
        OSError: the files.
    """
    packed = files.view(source)
    header = read(packed)
    x = decoder(header, as_pipeline(spec)).decode(header.payload, header.layout)
    size = files.write(target, *restore(header, x))
    return Converted(size, len(packed), header.spec)


def as_pipeline(spec: str | Pipeline | None) -> Pipeline | None:
    """Return a codec that may be given as a spec."""
    return get_codec(spec) if isinstance(spec, str) else spec
