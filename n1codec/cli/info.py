"""``n1codec info``."""

from __future__ import annotations

import json

import click

from n1codec import files
from n1codec.codec import CodecError
from n1codec.container import VERSION, read


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
    for file in paths:
        blob = files.read(file)
        try:
            header = read(blob)
        except CodecError as error:
            raise CodecError(f"{file}: {error}") from error
        raw = header.layout.size * (3 if header.kind == "int24" else header.layout.dtype.itemsize)
        original = raw + len(header.prefix) + len(header.suffix) + (44 if header.source_kind == "wav" else 0)
        found.append(
            {
                "file": file,
                "format_version": VERSION,
                "codec": header.spec,
                "source": header.source_kind,
                "dtype": header.kind,
                "frames": header.frames,
                "channels": header.channels,
                "rate": header.rate,
                "seconds": header.frames / header.rate if header.rate else None,
                "original_bytes": original,
                "compressed_bytes": len(blob),
                "ratio": original / len(blob),
                "bits_per_sample": len(blob) * 8 / header.layout.size if header.layout.size else None,
                "overhead_bytes": len(blob) - len(header.payload),
                "source_crc32": f"{header.checksum:08x}",
            }
        )
    if as_json:
        click.echo(json.dumps(found, indent=1))
        return
    for entry in found:
        width = max(map(len, entry))
        click.echo("\n".join(f"{key.replace('_', ' '):{width}}  {value}" for key, value in entry.items()))
        click.echo()
