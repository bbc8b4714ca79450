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
@click.option("--clear-cache", is_flag=True, help="Remove all prepared recordings, show nothing.")
def command(
    data: tuple[str, ...],
    port: int,
    host: str,
    no_browser: bool,
    cache: Path | None,
    results: Path,
    clear_cache: bool,
    reading: Reading,
) -> None:
    """Look at recordings in the browser: signals, image, spikes, spectra, correlations, what a codec makes of them.

    DATA is a recording of one channel or many, a folder of WAV files, or a zip archive. Several are shown together;
    the shorter ones are padded. Without DATA the viewer shows the recordings that are here. Of several files, those
    that cannot be read are left out and named. Only this machine is served unless --host says otherwise; then whoever
    asks needs the address that is printed. The page sends nothing to any other machine.

    \b
    Examples:
      n1codec view
      n1codec view recordings/ --port 8080
      n1codec view a.wav b.wav --no-browser
      n1codec view run_g0_t0.imec0.ap.bin
    """
    from n1codec.viewer import cache as caches

    folder = cache or caches.default_cache()
    if clear_cache:
        click.echo(f"removed {caches.clear(folder) / 1e6:.1f} MB of prepared recordings from {folder}", err=True)
        return
    try:
        import flask  # noqa: F401
    except ImportError:
        raise UnavailableError("the viewer needs flask (make view, or pip install 'n1codec[viewer]')") from None
    from n1codec.cli._progress import progress
    from n1codec.viewer import opening, server
    from n1codec.viewer.sessions import Sessions

    with progress(0, "reading") as advance:
        opened = opening.open_paths(data, folder, advance, reading=reading)
    for note in opened.notes:
        click.echo(note, err=True)
    token = "" if host in server.LOCAL else server.new_token()
    sessions = Sessions(opened, folder)
    listening = server.listen(server.create(sessions, results, host, token), host, port)
    name = "localhost" if host in server.LOCAL else f"[{host}]" if ":" in host else host
    address = f"http://{name}:{listening.server_port}/{f'?token={token}' if token else ''}"
    click.echo(f"{opened.title}: {opened.channels} channels of {opened.frames} frames at {opened.rate:g} Hz", err=True)
    click.echo(f"The viewer is at {address} (Ctrl-C ends it)", err=True)
    opened.prepare()
    if not no_browser:
        import webbrowser

        webbrowser.open(address)
    try:
        listening.serve_forever()
    finally:
        sessions.close()
