"""The .n1c file: self-describing, checksummed, versioned (docs/format.md).

``header``     what a file of version 1 says of its source
``version1``   the bytes of format version 1: one chunk
``version2``   the bytes of format version 2: streams of chunks, with an index
``models``     what chunks share, where a codec fits itself to a recording
``packing``    a source ready to be encoded; ``writer`` the sections that come of it
``archive``    a file of either version ready to be decoded; ``restoring`` the files that come of it
``convert``    files to files, in threads
``recorder``   files that frames are added to as they come; ``recovery`` what a kill leaves of a file
``sources``    the bytes of files, in memory
``arrays``     arrays to .n1c bytes and back
"""

from __future__ import annotations

from typing import Any

from n1codec.container.access import access
from n1codec.container.archive import Archive, Stored
from n1codec.container.arrays import decode, encode
from n1codec.container.convert import Converted, decode_file, encode_file
from n1codec.container.header import DTYPES, MAGIC, MOST_AROUND, MOST_CHANNELS, RATES, Header, decode_samples, decoder
from n1codec.container.packing import Packing
from n1codec.container.recorder import append, create
from n1codec.container.sources import decode_bytes, encode_bytes
from n1codec.container.version1 import VERSION, read
from n1codec.recordings import Recording, Source, open_source

__all__ = [
    "DTYPES",
    "MAGIC",
    "MOST_AROUND",
    "MOST_CHANNELS",
    "RATES",
    "VERSION",
    "Archive",
    "Converted",
    "Header",
    "Packing",
    "access",
    "append",
    "create",
    "decode",
    "decode_bytes",
    "decode_file",
    "decode_samples",
    "decoder",
    "encode",
    "encode_bytes",
    "encode_file",
    "open",
    "packed_source",
    "read",
]


def open(path: Any, threads: int | None = None, stream: str | None = None) -> Recording:
    """Open a recording for random access: ``rec[start:stop]``, ``rec[start:stop, channels]``.

    Args:
        path: a .n1c file, of which only the chunks that are needed are decoded, or any other recording that n1codec
            reads; the .n1c file may be a file object that seeks, or an address (``https://...``, ``s3://...``; extra
            ``n1codec[remote]``).
        threads: how many chunks are decoded at the same time; as many as there are processors if None.
        stream: which one, where there are several.

    Returns:
        What has ``shape`` (frames, channels), ``dtype``, ``rate``, ``channel_names``, ``gains`` (microvolts per unit),
        ``offsets``, ``geometry``; a context manager.

    Raises:
        FormatError, UnavailableError: the .n1c file is damaged, or needs a codec that is not here.
        UnknownFormat: no reader understands the file.
        CodecError: there are several streams, and none is named.
        OSError: it cannot be read.
    """
    import os

    source = open_source(path) if _is_path(path) else packed_source(Archive(access(path)), str(path))
    found = source.stream(stream or "")
    if isinstance(found, Stored):
        found.threads = threads or os.cpu_count() or 1
        if isinstance(path, str | os.PathLike):
            found.origin = (path, threads, stream)
    return found


def _is_path(path: Any) -> bool:
    import os

    return isinstance(path, os.PathLike) or (isinstance(path, str) and "://" not in path)


def packed_source(archive: Archive, name: str) -> Source:
    """Return the recordings in a .n1c file as a source; its files are in it, and not beside it."""
    streams = dict(archive.streams)
    for one in streams.values():
        one.name = one.name or name
    return Source(name, streams, ())
