"""Recordings as groups of Zarr from which their original files come back, byte for byte.

The group has an array for each stream of samples, and one, ``n1codec``, with a .n1c file of the source without its
samples: the names of its files, the bytes of each that are no samples, and the checksum of each.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from n1codec.adapters import chunks, installed
from n1codec.codec import CodecError, FormatError
from n1codec.container.access import Memory
from n1codec.container.archive import Archive, about
from n1codec.container.packing import Packing, chunk_frames
from n1codec.container.restoring import Restorer, check_name, open_targets
from n1codec.container.writer import Writer
from n1codec.recordings import Place

SOURCE = "n1codec"
"""The array with what is known of the source beside its samples; no stream is called so."""
ONLY = "samples"
"""The array of a stream that has no name."""


def save(source: str | Path | Place, store: Any, spec: str | None = None, seconds: float = 1.0) -> Any:
    """Write a recording into a new group of Zarr, an array (frames, channels) for each stream.

    Args:
        source: a file or folder that n1codec reads: SpikeGLX, Open Ephys, WAV, flat, and so on.
        store: a path, or a store of Zarr.
        spec: the codec; None takes the one that suits the recording.
        seconds: how long a chunk is, where the sampling rate is known.

    Returns:
        The group. Attributes of its arrays tell rate, names, gains, offsets and places of the channels.

    Raises:
        CodecError: no reader understands the source, or the codec loses something.
        OSError: it cannot be read.
        zarr's errors: there is a group already, or it cannot be written.
    """
    packing = Packing(source, None if spec is None else chunks.codec_of(spec))
    if packing.loss:
        raise CodecError(
            f"{packing.source.name}: {packing.loss}, and its files would not come back (use another codec)"
        )
    group = zarr.open_group(store, mode="w-")
    for (name, stream), codecs in zip(packing.source.streams.items(), packing.codecs, strict=True):
        frames = round(seconds * stream.rate) or chunk_frames(stream, codecs[0])
        said = {"rate": stream.rate or None, "channel_names": list(stream.channel_names), **about(stream)}
        _fill(group, name or ONLY, codecs[0].spec, stream.shape, stream.dtype, max(1, frames), stream.read, said)
        stream.release()
    known = bytearray()
    writer = Writer(known.extend, packing.head)
    writer.begin(packing.codecs, packing.prefixes())
    writer.finish([0] * len(packing.source.streams), packing.suffixes(), packing.checksums().whole())
    held = np.frombuffer(known, np.uint8)
    _fill(group, SOURCE, "copy", held.shape, held.dtype, len(held), lambda start, stop: held[start:stop], {})
    return group


def restore(store: Any, target: str | Path) -> int:
    """Write the original files of a group that :func:`save` wrote, and return how many bytes they have.

    Args:
        target: the file, or the new folder of a source that is one; files beside it are written beside it.

    Raises:
        FormatError: the group is none of these, or damaged; no file is left then.
        CodecError, OSError: the files cannot be written.
    """
    group = _group(store)
    archive = _source(group)
    arrays = [group[stream.name or ONLY] for stream in archive.head.streams]
    for array, (number, stream) in zip(arrays, enumerate(archive.head.streams), strict=True):
        if array.shape[1:] != (stream.channels,) or array.dtype != archive.dtype(number):
            raise FormatError(f"its array {stream.name or ONLY} is not that of the recording")
    archive.frames = tuple(array.shape[0] for array in arrays)
    with open_targets(archive, str(target)) as (opened, _):
        restorer = Restorer(archive, lambda number, data, at: opened[number].put(data, at))
        restorer.begin()
        for number, array in enumerate(arrays):
            for start in range(0, array.shape[0], array.chunks[0]):
                x = np.asarray(array[start : start + array.chunks[0]])
                groups = archive.head.streams[number].groups
                restorer.add(number, start, [x[:, list(one.channels)] for one in groups])
        restorer.finish(archive.checksums)
    return restorer.size


def name_of(store: Any) -> str:
    """Return the name of the file or folder that a group was made from.

    Raises:
        FormatError: it is none of ours.
    """
    archive = _source(_group(store))
    check_name(archive.head.name, deep=False)
    return archive.head.name


def _group(store: Any) -> Any:
    try:
        return zarr.open_group(store, mode="r")
    except Exception as error:  # each generation has its own
        raise FormatError(f"it is no group of Zarr ({error})") from error


def _source(group: Any) -> Archive:
    if SOURCE not in group:
        raise FormatError("its original files are not known (n1codec.zarr.save keeps what is needed for that)")
    return Archive(Memory(np.asarray(group[SOURCE][:]).tobytes()))


def _fill(
    group: Any,
    name: str,
    spec: str,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    frames: int,
    read: Callable[[int, int], np.ndarray],
    attributes: dict[str, Any],
) -> None:
    """Make an array of a group, and write it chunk by chunk."""
    codec = installed.codecs().N1Codec(spec)
    given = {"shape": shape, "chunks": (max(1, min(frames, shape[0])), *shape[1:]), "dtype": dtype}
    if hasattr(group, "create_array"):
        array = group.create_array(name, serializer=codec, compressors=None, **given)
    else:
        array = group.create_dataset(name, compressor=codec, **given)
    array.attrs.update(attributes)
    for start in range(0, shape[0], array.chunks[0]):
        stop = min(start + array.chunks[0], shape[0])
        array[start:stop] = read(start, stop)
