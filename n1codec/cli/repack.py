"""``n1codec repack``."""

from __future__ import annotations

import click


@click.command()
@click.argument("path", metavar="FILE.nwb")
@click.option("-o", "--out", "target", metavar="OUT", help="The file to write (FILE.nwb itself, which is replaced).")
@click.option("--codec", "spec", default="n1_multi", help="A codec of the HDF5 filter (n1_multi).")
@click.option("--quiet", is_flag=True, help="Print only what is wrong.")
def command(path: str, target: str | None, spec: str, quiet: bool) -> None:
    """Code the electrical series of an NWB file anew, with the HDF5 filter of this package, and verify them.

    All else in the file stays as it is. Samples, attributes and links are compared with those of the old file before
    the new one gets its name. Who reads it needs the filter (import n1codec.hdf5).

    \b
    Examples:
      n1codec repack session.nwb
      n1codec repack session.nwb -o smaller.nwb --codec n1_multi:preset=fast
    """
    from n1codec.cli._progress import progress
    from n1codec.codec import CodecError, SpecError, UnavailableError

    try:
        from n1codec.adapters.repack import repack, size_of_series

        with progress(2 * size_of_series(path), "repack", quiet=quiet, of_bytes=True) as advance:
            found = repack(path, target or path, spec, lambda size: advance("", size))
    except (SpecError, UnavailableError):
        raise
    except CodecError as error:
        raise CodecError(f"{path}: {error}") from error
    for one in found if not quiet else ():
        sizes = f"{one.samples} bytes of samples, {one.before} before, {one.after} now"
        click.echo(f"{target or path}: {one.name}: {sizes}, ratio {one.samples / one.after:.3f}, verified")
