"""``n1codec info``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import numpy as np

from n1codec import files
from n1codec.cli import say
from n1codec.cli._data import describes_recordings
from n1codec.codec import CodecError
from n1codec.container import MAGIC, Archive, access
from n1codec.container.version2 import Chunk, Stream
from n1codec.recordings import Place, Reading, open_recording, open_source
from n1codec.recordings.flat import doubt
from n1codec.recordings.samples import Form


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="FILE...")
@click.option("--json", "as_json", is_flag=True, help="One JSON list of objects on stdout.")
@describes_recordings
def command(paths: tuple[str, ...], as_json: bool, reading: Reading) -> None:
    """Show what is in .n1c files and in recordings: codec, streams, shape, rate, gains, sizes. Nothing is decoded.

    \b
    Examples:
      n1codec info recording.n1c
      n1codec info run_g0_t0.imec0.ap.bin
      n1codec info tetrode.raw --channels 4 --rate 15000
    """
    found: list[dict[str, Any]] = []
    for path in paths:
        try:
            found += _describe(path) if _is_packed(path) else _recordings(reading.place(Path(path)))
        except CodecError as error:
            raise CodecError(str(error) if str(error).startswith(f"{path}: ") else f"{path}: {error}") from error
    if as_json:
        click.echo(json.dumps(found, indent=1))
        return
    for entry in found:
        width = max(map(len, entry))
        for key, value in entry.items():
            if value is not None:
                shown = f"{value:.10g}" if isinstance(value, float) else value
                click.echo(f"{key.replace('_', ' '):{width}}  {shown}")
        click.echo()


def _is_packed(path: str) -> bool:
    if Path(path).is_dir():
        return False
    with files.named(path), Path(path).open("rb") as file:
        return file.read(3) == MAGIC


def _recordings(place: Place) -> list[dict[str, Any]]:
    """Return what there is to say of each recording at a place, by name; None where it does not say it."""
    source = open_source(place)
    shown = [one for one in source.streams.values() if not one.auxiliary]
    if place.stream:
        shown = [source.stream(place.stream)]
    if place.select is not None:
        shown = [open_recording(place._replace(stream=one.stream)) for one in shown]
    for line in filter(None, map(doubt, shown)):
        say("n1codec info", line)
    return [
        {
            "file": str(place.path),
            "stream": one.stream or None,
            "dtype": "int24" if one.bits == 24 else one.dtype.name,
            "frames": one.frames,
            "missing_frames": one.missing_frames or None,
            "channels": one.channels,
            "sync_channels": len(one.sync) or None,
            "rate": one.rate or None,
            "seconds": one.seconds or None,
            "microvolts_per_unit": _range(one.gains, [n for n in range(one.channels) if n not in one.sync]),
            "geometry": None if one.geometry is None else "known",
            "converters": None if one.converters is None else len(set(one.converters[one.converters >= 0].tolist())),
            "files": len(source.files),
            "bytes": sum(len(file.data) for file in source.files),
        }
        for one in shown
    ]


def _range(gains: np.ndarray | None, channels: list[int]) -> float | str | None:
    """Return the gain that all channels have, or the smallest and the largest."""
    if gains is None or not channels:
        return None
    low, high = float(gains[channels].min()), float(gains[channels].max())
    return low if low == high else f"{low:.10g} to {high:.10g}"


def _describe(path: str) -> list[dict[str, Any]]:
    """Return what there is to say of each stream of a .n1c file, by name; None where the file does not say it."""
    archive = Archive(access(Path(path)))
    head, size = archive.head, archive.access.size
    shown = [(number, one) for number, one in enumerate(head.streams) if not one.auxiliary or len(head.streams) == 1]
    return [_stream(path, archive, number, one, size) for number, one in shown] or [
        {"file": path, "format_version": archive.version, "source": head.name, "files": len(head.files),
         "compressed_bytes": size}
    ]  # fmt: skip


def _stream(path: str, archive: Archive, number: int, stream: Stream, size: int) -> dict[str, Any]:
    header, frames = archive.old, archive.frames[number]
    samples = frames * stream.channels
    chunks = [chunk for chunk in archive.chunks if chunk.stream == number]
    models = [model for model in archive.models.values() if model.stream == number]
    own = sum(chunk.length for chunk in chunks) + sum(model.length for model in models)
    alone = sum(not one.auxiliary for one in archive.head.streams) <= 1
    around = sum(archive.around(file) for file in range(len(archive.head.files)))
    original = samples * Form(stream.kind).bits // 8 + (around if header else 0)
    if alone and not header:
        original = around + sum(
            count * one.channels * Form(one.kind).bits // 8
            for count, one in zip(archive.frames, archive.head.streams, strict=True)
        )
    packed = size if alone else own
    said: dict[str, Any] = {
        "file": path,
        "format_version": archive.version,
        "codec": " and ".join(dict.fromkeys(group.spec for group in stream.groups)),
        "needs": _needs(archive, chunks) or None,
        "source": header.source_kind if header else archive.head.name or "array",
        "stream": stream.name or None,
        "dtype": stream.kind,
        "frames": frames,
        "channels": stream.channels,
        "rate": stream.rate,
        "seconds": frames / stream.rate if stream.rate else None,
        "original_bytes": original,
        "compressed_bytes": packed,
        "ratio": original / packed if packed else None,
        "bits_per_sample": packed * 8 / samples if samples else None,
    }
    if header:
        said |= {"overhead_bytes": size - len(header.payload), "source_crc32": f"{header.checksum:08x}"}
    else:
        said |= {
            "overhead_bytes": size - sum(chunk.length for chunk in archive.chunks) if alone else None,
            "chunks": len(archive.spans[number]),
            "chunk_frames": archive.spans[number][0].frames if archive.spans[number] else None,
            "models": len(models) or None,
            "files": len(archive.head.files) or None,
            "source_crc32": f"{archive.checksums[0]:08x}" if len(archive.checksums) == 1 else None,
        }
    return said | {"lossy": True if archive.head.lossy else None}


def _needs(archive: Archive, chunks: list[Chunk]) -> str:
    """Return what decoding takes beside this program, in words."""
    found: dict[str, None] = {}
    for chunk in {chunk.group: chunk for chunk in chunks}.values():
        try:
            _, payload, layout = archive.payload(chunk)
            needs = archive.pipeline(chunk.stream, chunk.group).needs(payload, layout, archive.model(chunk))
        except CodecError as error:
            needs = str(error)
        if needs:
            found[needs] = None
    return ", ".join(found)
