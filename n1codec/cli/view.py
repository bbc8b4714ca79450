"""``n1codec view``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from n1codec.cli._data import takes_data
from n1codec.codec import UnavailableError

if TYPE_CHECKING:
    from n1codec.recordings import Reading


@click.command()
@takes_data(many=True)
@click.option("--port", type=click.IntRange(0, 65535), default=8050, show_default=True, help="0 takes a free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 is the network.")
@click.option("--no-browser", is_flag=True, help="Do not open a browser.")
@click.option("--cache", type=click.Path(file_okay=False, path_type=Path), help="Folder of prepared recordings.")
@click.option(
    "--results",
    type=click.Path(file_okay=False, path_type=Path),
    default="results",
    show_default=True,
    help="Folder of results, for the view of ratio and speed.",
)
@click.option("--bench", is_flag=True, help="Print the time of every kind of answer, serve nothing.")
def command(
    data: tuple[str, ...],
    port: int,
    host: str,
    no_browser: bool,
    cache: Path | None,
    results: Path,
    bench: bool,
    reading: Reading,
) -> None:
    """Look at recordings in the browser: signals, image, correlations, spectra, what a codec makes of them.

    DATA is a recording of one channel or many, a folder of WAV files, or a zip archive. Several are shown together;
    the shorter ones are padded. Without DATA the viewer shows the recordings that are here. Of several files, those
    that cannot be read are left out and named. Only this machine is served unless --host says otherwise; the page
    sends nothing to any other.

    \b
    Examples:
      n1codec view
      n1codec view recordings/ --port 8080
      n1codec view a.wav b.wav --no-browser
      n1codec view recordings/ --bench
    """
    try:
        import dash  # noqa: F401
    except ImportError:
        raise UnavailableError("the viewer needs dash (make view, or pip install 'n1codec[viewer]')") from None
    from n1codec.cli._progress import progress
    from n1codec.viewer import session
    from n1codec.viewer.callbacks import Sessions

    folder = cache or session.default_cache()
    with progress(0, "reading") as advance:
        opened = session.open_paths(data, folder, advance, reading=reading)
    for note in opened.notes:
        click.echo(note, err=True)
    if bench:
        from n1codec.viewer import speed

        for line in speed.report(Sessions(opened, folder), results):
            click.echo(line)
        return
    from n1codec.viewer import app

    made = app.create(Sessions(opened, folder), results, host)
    server = app.server(made, host, port)
    address = f"http://{'localhost' if host in app.LOCAL else host}:{server.server_port}/"
    click.echo(f"{opened.title}: {opened.channels} channels of {opened.frames} frames at {opened.rate:g} Hz", err=True)
    click.echo(f"The viewer is at {address} (Ctrl-C ends it)", err=True)
    opened.prepare()
    if not no_browser:
        import webbrowser

        webbrowser.open(address)
    server.serve_forever()
