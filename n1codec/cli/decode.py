"""``./decode`` and ``n1codec decode``."""

from __future__ import annotations

from typing import Any

import click

from n1codec.cli import run
from n1codec.cli._files import convert, file_options


@click.command()
@file_options
def command(paths: tuple[str, ...], **options: Any) -> int:
    """Restore files from .n1c: IN OUT, or --out-dir DIR IN... for many.

    The file says which codec wrote it. Nothing is written unless every checksum holds. "-" is standard input or output.

    \b
    Examples:
      decode recording.n1c recording.wav
      decode --out-dir restored --jobs 4 packed/
    """
    if options["out_dir"] is None and len(paths) != 2:
        raise click.UsageError("takes IN OUT, or --out-dir DIR IN...")
    return convert("decode", paths, None, **options)


def main() -> int:
    return run(command, "decode")
