"""Profiles: .n1p files that ``n1codec train`` makes. What is coded with one names it by its CRC-32."""

from __future__ import annotations

import os
import zlib
from pathlib import Path

from n1codec import files
from n1codec.codec import SpecError, UnavailableError

OF_CODES = b"N1P\3"
"""What a profile of one converter's codes begins with (:mod:`n1codec.train.profile`)."""
OF_CHANNELS = b"N1P\2"
"""What a profile of many channels begins with (n1_multi)."""


def read(codec: str, path: str, magic: bytes) -> bytes:
    """Return the profile of a codec that the user named.

    Args:
        codec: its name, for messages.
        path: the .n1p file.
        magic: what it begins with.

    Raises:
        SpecError: it cannot be read, or is none.
    """
    try:
        data = files.read(path)
    except OSError as error:
        raise SpecError(f"{codec}: profile {files.explain(error)}") from error
    if not data.startswith(magic):
        raise SpecError(f"{codec}: profile {path}: it is none (make one with n1codec train --codec {codec})")
    return data


def find(checksum: int) -> bytes:
    """Return the profile of this CRC-32 from the files and folders that $N1CODEC_PROFILES names.

    Raises:
        UnavailableError: it is not there.
    """
    for place in filter(None, os.environ.get("N1CODEC_PROFILES", "").split(os.pathsep)):
        for path in sorted(Path(place).glob("*.n1p")) if Path(place).is_dir() else [Path(place)]:
            data = path.read_bytes() if path.is_file() else b""
            if zlib.crc32(data) == checksum:
                return data
    raise UnavailableError(
        f"it was encoded with the profile {checksum:08x}, which is not here (let N1CODEC_PROFILES name its .n1p file "
        "or the folder that holds it)"
    )


def wanted(checksum: int) -> str:
    """Return, in words, that a profile is needed."""
    return f"the profile {checksum:08x} (let N1CODEC_PROFILES name its .n1p file)"
