"""``./encode`` and ``n1codec encode``."""

from __future__ import annotations

from typing import Any

import click

from n1codec.cli import run
from n1codec.cli._data import describes_flat_files
from n1codec.cli._files import convert, file_options
from n1codec.container.convert import as_pipeline
from n1codec.pipeline import default_codec


@click.command()
@file_options
@click.option("--codec", metavar="SPEC", help="The codec; the same as CODEC.")
@click.option("--group", type=click.Choice(["all", "auto"]),
              help="Files of one channel become one recording: all of them, or those that were recorded together.")
@click.option("--verify", is_flag=True, help="Decode what was written, from the disk, and compare it byte for byte.")
@click.option("--delete-original", is_flag=True, help="Remove a file when that went well.")
@click.option("--dask", metavar="ADDRESS", help="Code on the workers of a Dask scheduler (tcp://host:8786).")
@describes_flat_files
def command(paths: tuple[str, ...], codec: str | None, **options: Any) -> int:
    """Compress recordings: IN OUT [CODEC], or --out-dir DIR IN... for many.

    CODEC is a pipeline such as delta|zstd:level=19 (see n1codec list). Without it $N1_CODEC is taken, or what suits the
    recording. IN is a file of any kind, or a folder that is one recording (SpikeGLX run, Open Ephys record node); each
    comes back byte for byte, and with it what belongs to it, such as the .meta of a .bin. Files that nobody understands
    are stored as they are. "-" is standard input or output. A lossy codec, such as round:error=2|n1, says what is lost.

    \b
    Examples:
      encode recording.wav recording.n1c
      encode run_g0_t0.imec0.ap.bin run.n1c --jobs 4 --verify --delete-original
      encode tetrode.raw tetrode.n1c "remap|lpc|rans" --channels 4 --dtype int16 --rate 15000
      encode --out-dir packed --codec zstd --jobs 4 recordings/
      encode recording.wav recording.n1c "round:error=2|n1"
      encode recording.wav recording.n1c 'exec:enc="./their_encode {in} {out}",dec="./their_decode {in} {out}"'
    """
    if options["out_dir"] is None:
        if len(paths) == 3 and codec is None:
            *paths_, codec = paths
            paths = tuple(paths_)
        if len(paths) != 2 and not options["group"]:
            raise click.UsageError("takes IN OUT [CODEC], or --out-dir DIR IN...")
    stages = as_pipeline(codec) if codec else default_codec()
    if stages and stages.loss() and options["delete_original"]:
        raise click.UsageError(f"--delete-original: {stages.spec} is lossy ({stages.loss()}), so the original stays")
    return convert("encode", paths, stages, **options)


def main() -> int:
    return run(command, "encode")
