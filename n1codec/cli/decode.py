"""``./decode`` and ``n1codec decode``."""

from __future__ import annotations

from typing import Any

import click

from n1codec.cli import run
from n1codec.cli._files import convert, file_options
from n1codec.pipeline import get_codec


@click.command()
@file_options
@click.option("--codec", metavar="SPEC", help="The codec that wrote the files, if it is exec: its programs.")
def command(paths: tuple[str, ...], codec: str | None, **options: Any) -> int:
    """Restore files from .n1c: IN OUT, or --out-dir DIR IN... for many.

    The file says which codec wrote it. Nothing is written unless every checksum holds. "-" is standard input or output.
    What somebody else's program wrote (see exec in n1codec list) needs --codec: no file names programs to run.

    \b
    Examples:
      decode recording.n1c recording.wav
      decode --out-dir restored --jobs 4 packed/
      decode --codec 'exec:enc="./their_encode {in} {out}",dec="./their_decode {in} {out}"' recording.n1c recording.wav
    """
    if options["out_dir"] is None and len(paths) != 2:
        raise click.UsageError("takes IN OUT, or --out-dir DIR IN...")
    return convert("decode", paths, get_codec(codec) if codec else None, **options)


def main() -> int:
    return run(command, "decode")
