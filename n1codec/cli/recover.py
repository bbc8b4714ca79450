"""``n1codec recover``."""

from __future__ import annotations

import click


@click.command()
@click.argument("path", metavar="FILE.part")
@click.option("-o", "--out", "target", required=True, metavar="OUT", help="The .n1c file to write.")
def command(path: str, target: str) -> None:
    """Give back every whole chunk of a .n1c file that a kill or a power cut left, or whose end is lost.

    OUT is a .n1c file as any other; decoded, it gives the source up to where it was lost.

    \b
    Example:
      n1codec recover recording.n1c.part -o recording.n1c
    """
    from n1codec.codec import CodecError
    from n1codec.container.recovery import recover

    try:
        found = recover(path, target)
    except CodecError as error:
        raise CodecError(f"{path}: {error}") from error
    length = f", {found.seconds:.6g} s" if found.seconds else ""
    plural = "" if found.chunks == 1 else "s"
    orphans = "" if found.without_model == 1 else "s"
    models = f", among them {found.without_model} whole chunk{orphans} whose model is damaged"
    click.echo(f"{target}: {max(found.frames, default=0)} frames in {found.chunks} chunk{plural}{length}; "
               f"{found.lost_bytes} bytes are lost{models if found.without_model else ''}")  # fmt: skip
