"""The container reader under Atheris: any exception but CodecError is a find.

An input is a .n1c file without its first eight bytes, which are put right: magic, version, checksum. $N1C_SEEDS is a
folder to write first inputs to. `make fuzz KERNELS=container_py` runs this.
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

from n1codec import codec, container, pipeline, registry, varint
from n1codec.recordings import wav

STAGES = {"copy", "delta", "zigzag"}
"""Payloads of these are decoded; of others the header alone is read, because it is not libraries that are looked at."""


@cache
def cheap(spec: str) -> pipeline.Pipeline:
    """Stand in for the container's get_codec."""
    if not STAGES.issuperset(spec.split("|")):
        raise codec.CodecError(f"{spec} is not looked at")
    return pipeline.get_codec(spec)


def read_one(body: bytes) -> None:
    blob = container.MAGIC + bytes([container.VERSION]) + struct.pack("<I", zlib.crc32(body)) + body
    with suppress(codec.CodecError):
        (container.decode if len(body) > 4 and body[4] & 3 == 3 else container.decode_bytes)(blob)


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
    for i, blob in enumerate(blobs):
        (folder / f"seed-{i:03}").write_bytes(blob[8:])


def follow(space: object) -> None:
    """Have Atheris see the branches of a module's or class's functions."""
    for member in list(vars(space).values()):
        if isinstance(member, FunctionType):
            atheris.instrument_func(member)
        elif isinstance(member, type) and member.__module__ == getattr(space, "__name__", None):
            follow(member)


if __name__ == "__main__":
    for module in (container, pipeline, registry, varint, wav):
        follow(module)
    for name in registry.names():  # all modules are there before the first input
        registry.find(name)
    if seeds := os.environ.get("N1C_SEEDS"):
        write_seeds(Path(seeds))
    container.get_codec = cheap
    atheris.Setup(sys.argv, read_one)
    atheris.Fuzz()
