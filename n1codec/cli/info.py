"""``n1codec info``."""

from __future__ import annotations

import json
from typing import Any

import click

from n1codec import files
from n1codec.codec import CodecError
from n1codec.container import decoder, read


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="FILE...")
@click.option("--json", "as_json", is_flag=True, help="One JSON list of objects on stdout.")
def command(paths: tuple[str, ...], as_json: bool) -> None:
    """Show what is in .n1c files: codec, shape, rate, sizes, checksum. Nothing is decoded.

    \b
    Example:
      n1codec info recording.n1c
    """
    found = []
    for path in paths:
        try:
            found.append(_describe(path))
        except CodecError as error:
            raise CodecError(f"{path}: {error}") from error
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


def _describe(path: str) -> dict[str, Any]:
    """Return what there is to say of a .n1c file, by name; None where the file does not say it."""
    blob = files.view(path)
    header = read(blob)
    samples = header.layout.size
    around = len(header.prefix) + len(header.suffix) + (44 if header.source_kind == "wav" else 0)
    original = samples * header.bits // 8 + around
    try:
        needs = decoder(header).needs(header.payload, header.layout)
    except CodecError as error:
        needs = str(error)
    return {
        "file": path,
        "format_version": header.version,
        "codec": header.spec,
        "needs": needs or None,
        "source": header.source_kind,
        "dtype": header.kind,
        "frames": header.frames,
        "channels": header.channels,
        "rate": header.rate,
        "seconds": header.frames / header.rate if header.rate else None,
        "original_bytes": original,
        "compressed_bytes": len(blob),
        "ratio": original / len(blob),
        "bits_per_sample": len(blob) * 8 / samples if samples else None,
        "overhead_bytes": len(blob) - len(header.payload),
        "source_crc32": f"{header.checksum:08x}",
    }
