"""``./encode`` and ``n1codec encode``."""

from __future__ import annotations

from typing import Any

import click

from n1codec.cli import run
from n1codec.cli._files import convert, file_options
from n1codec.container.convert import as_pipeline
from n1codec.pipeline import default_codec


@click.command()
@file_options
@click.option("--codec", metavar="SPEC", help="The codec; the same as CODEC.")
def command(paths: tuple[str, ...], codec: str | None, **options: Any) -> int:
    """Compress files without loss: IN OUT [CODEC], or --out-dir DIR IN... for many.

    CODEC is a pipeline such as delta|zstd:level=19 (see n1codec list); without it $N1_CODEC or the default.
    WAV files of any kind come back byte for byte; other files are stored as they are. "-" is standard input or output.

    \b
    Examples:
      encode recording.wav recording.n1c
      encode recording.wav recording.n1c "remap|lpc|rans"
      encode --out-dir packed --codec zstd --jobs 4 recordings/
      encode recording.wav recording.n1c 'exec:enc="./their_encode {in} {out}",dec="./their_decode {in} {out}"'
    """
    if options["out_dir"] is None:
        if len(paths) == 3 and codec is None:
            *paths_, codec = paths
            paths = tuple(paths_)
        if len(paths) != 2:
            raise click.UsageError("takes IN OUT [CODEC], or --out-dir DIR IN...")
    stages = as_pipeline(codec) if codec else default_codec()
    return convert("encode", paths, stages, **options)


def main() -> int:
    return run(command, "encode")
