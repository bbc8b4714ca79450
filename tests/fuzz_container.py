"""The container reader under Atheris: any exception but CodecError is a find.

An input is a .n1c file of version 1 without its first eight bytes, which are put right: magic, version, checksum; or
MARK and a file of version 2 as :func:`assemble` takes it. $N1C_SEEDS is a folder to write first inputs to.
`make fuzz KERNELS=container_py` runs this.
"""

from __future__ import annotations

import os
import struct
import sys
import zlib
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import FunctionType

import atheris
import numpy as np
from forge_chunks import ARRAY, FILE, Chunked, chunk, entry, file, index_of, model, section, some, stream, tail, uints

from n1codec import codec, container, pipeline, registry, varint
from n1codec.container import (
    archive,
    arrays,
    convert,
    fields,
    header,
    restoring,
    sources,
    version1,
    version2,
)
from n1codec.container.access import Memory
from n1codec.recordings import samples, wav

MARK = b"N1C2"
"""What an input of version 2 begins with."""

STAGES = {"copy", "delta", "zigzag"}
"""Payloads of these are decoded; of others the header alone is read, because it is not libraries that are looked at."""


@cache
def cheap(spec: str) -> pipeline.Pipeline:
    """Stand in for the container's get_codec."""
    if not STAGES.issuperset(spec.split("|")):
        raise codec.CodecError(f"{spec} is not looked at")
    return pipeline.get_codec(spec)


def flat(tag: bytes, content: bytes) -> bytes:
    return tag + len(content).to_bytes(2, "little") + content


def assemble(data: bytes) -> bytes:
    """Return a file of version 2 of sections that follow each other as tag, length in two bytes, and content.

    Checksums and the tail are put right. ``H`` holds fields with their length in front, and metadata; both are packed.
    ``I`` holds the offset of the index before, and what is packed: the entries of the sections so far are put in front
    of it, unless it begins with 255.
    """
    blob, at, named, index = b"N1C\x02", 0, [], 0
    while at + 3 <= len(data):
        tag, size = data[at : at + 1], int.from_bytes(data[at + 1 : at + 3], "little")
        content = data[at + 3 : at + 3 + size]
        at += 3 + size
        if tag == b"H":
            first = int.from_bytes(content[:2], "little")
            metadata = content[2 + first :]
            content = zlib.compress(content[2 : 2 + first], 1) + (zlib.compress(metadata, 1) if metadata else b"")
        elif tag == b"I":
            reader = varint.Reader(content)
            with suppress(codec.FormatError):
                previous, rest = reader.uint(), reader.rest()
                own = varint.put_uint(len(named)) + b"".join(named)
                content = varint.put_uint(previous) + zlib.compress(rest[1:] if rest[:1] == b"\xff" else own + rest, 1)
            named, index = [], len(blob)
        else:
            with suppress(codec.FormatError):
                named.append(entry(tag, content))
        blob += section(tag, content)
        if tag == b"I":
            blob += tail(index)
    return blob


def read_one(body: bytes) -> None:
    if body.startswith(MARK):
        with suppress(codec.CodecError):
            read_chunks(assemble(body[len(MARK) :]))
        return
    blob = container.MAGIC + bytes([container.VERSION]) + struct.pack("<I", zlib.crc32(body)) + body
    with suppress(codec.CodecError):
        (container.decode if len(body) > 4 and body[4] & 3 == 3 else container.decode_bytes)(blob)


def read_chunks(blob: bytes) -> None:
    """Read a file of version 2 in each way there is."""
    found = archive.Archive(Memory(blob))
    for one in found.streams.values():
        with suppress(codec.CodecError):
            one.read(one.frames // 3, one.frames // 3 + 99)
    with suppress(codec.CodecError):
        restoring.names(found, "x.raw") if found.head.files else container.decode(blob)
    convert.restore(found, restoring.Restorer(found, lambda number, data, at: None))


def flattened(forged: Chunked, metadata: bytes = b"") -> bytes:
    """Return what :func:`assemble` makes a forged file of."""
    head = bytes([forged.flags]) + varint.put_bytes(b"x") + varint.put_uint(len(forged.streams))
    head += b"".join(forged.streams) + varint.put_uint(len(forged.files)) + b"".join(forged.files)
    whole = flat(b"H", len(head).to_bytes(2, "little") + head + metadata)
    whole += b"".join(flat(*one) for one in forged.sections)
    return MARK + whole + flat(b"I", b"\0" + forged.frames + forged.checksums)


def chunk_seeds() -> list[bytes]:
    """Return first inputs of version 2, each of which is a sound file."""
    apart = FILE.but(
        streams=(
            stream(b"a", groups=uints(2, 1, 0, 1) + b"\xe3" + uints(1, 1, 1) + b"\xe4\xe3"),
            stream(b"b", 0x30, channels=1),
        ),
        files=(file(form=0x31), file(b"d/y", 2, channels=1, form=0)),
        sections=(some(0, 0, b"head"), chunk(group=0, payload=b"abcdef"),
                  chunk(group=1, payload=b"\2\1\0" + bytes(6), checksum=zlib.crc32(b"\1\0\1\0\1\0")),
                  chunk(1, payload=b"abc"), some(1, 1, zlib.compress(b"end" * 9), 1)),
        frames=uints(3, 3), checksums=bytes(8), flags=1,
    )  # fmt: skip
    about = b'[{"channel_names":["a","b"],"gains":2,"geometry":[[0,1],[2,null]],"converters":[3,-1],"sync":[1]}]'
    first = index_of(assemble(flattened(ARRAY)[len(MARK) :]))
    again = flat(*chunk(start=3)) + flat(b"I", uints(first, 6))
    return [
        flattened(FILE), flattened(FILE, about), flattened(apart), flattened(ARRAY) + again,
        flattened(ARRAY.but(sections=(model(), (b"a", b"new"), chunk()))),
    ]  # fmt: skip


def write_seeds(folder: Path) -> None:
    rng = np.random.default_rng(1)
    blobs = []
    for i, kind in enumerate(name for name in container.DTYPES if name != "int24"):
        for shape in ((0,), (3,), (2, 3)):
            x = rng.integers(0, 100, shape).astype(kind)
            for spec in ("copy", "delta|copy", "delta|zigzag|copy"):
                blobs.append(container.encode(x, spec, (None, 20000, 1234, 99999, 0.5)[i % 5]))
    for bits in (8, 16, 24, 32):
        for channels in (1, 2):
            samples = bytes(rng.integers(0, 256, 3 * channels * bits // 8, np.uint8))
            source = wav.header(3, channels, 19531, bits) + samples
            for more in (b"", b"LIST\2\0\0\0ab"):
                for spec in ("copy", "delta|copy"):
                    blobs.append(container.encode_bytes(source + more, pipeline.get_codec(spec)))
    blobs.append(container.encode_bytes(b"no recording", pipeline.get_codec("copy")))
    blobs += [container.encode(np.arange(9, dtype=np.int16), spec) for spec in ("n1", "delta|zstd", "huffman")]
    for i, data in enumerate([*(blob[8:] for blob in blobs), *chunk_seeds()]):
        (folder / f"seed-{i:03}").write_bytes(data)


def follow(space: object) -> None:
    """Have Atheris see the branches of a module's or class's functions."""
    for member in list(vars(space).values()):
        if isinstance(member, FunctionType):
            atheris.instrument_func(member)
        elif isinstance(member, type) and member.__module__ == getattr(space, "__name__", None):
            follow(member)


if __name__ == "__main__":
    for module in (archive, arrays, convert, fields, header, pipeline, registry, restoring, samples, sources,
                   varint, version1, version2, wav):  # fmt: skip
        follow(module)
    for name in registry.names():  # all modules are there before the first input
        registry.find(name)
    if seeds := os.environ.get("N1C_SEEDS"):
        write_seeds(Path(seeds))
    header.get_codec = archive.get_codec = cheap
    atheris.Setup(sys.argv, read_one)
    atheris.Fuzz()
