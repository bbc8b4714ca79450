"""The server: makes the app and serves it to this machine, or to those that it is told to listen to."""

from __future__ import annotations

import logging
from pathlib import Path

from dash import Dash
from flask import Response, abort, request
from werkzeug.serving import BaseWSGIServer, make_server

from n1codec import __version__
from n1codec.codec import CodecError
from n1codec.viewer import callbacks, canvas, layout
from n1codec.viewer.callbacks import Sessions

LOCAL = ("127.0.0.1", "localhost", "::1")
MOST_DROPPED = 4 * layout.MEGABYTES << 20
"""Bytes that a request may have: a few files at a time, in base64."""


def create(sessions: Sessions, results: Path, host: str = LOCAL[0]) -> Dash:
    """Return the app on some sessions; ``results`` is a folder of the result store, or of such folders."""
    app = Dash(
        "n1codec.viewer",
        assets_folder=str(Path(__file__).with_name("assets")),
        serve_locally=True,
        title="N1 Codec viewer",
        update_title="",
        meta_tags=[
            {"name": "viewport", "content": "width=device-width, initial-scale=1"},
            {"name": "description", "content": f"Neural recordings, n1codec {__version__}"},
        ],
    )
    app.layout = layout.page([folder.name for folder in canvas.folders(results)])
    app.server.config["MAX_CONTENT_LENGTH"] = MOST_DROPPED

    @app.server.before_request
    def only_by_its_own_name() -> None:
        # A page elsewhere may have its name resolve to this machine (DNS rebinding); its requests carry that name.
        if host in LOCAL and request.host.rsplit(":", 1)[0].strip("[]") not in LOCAL:
            abort(403)

    @app.server.after_request
    def keep_to_itself(response: Response) -> Response:
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["X-Frame-Options"] = "DENY"
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    callbacks.register(app, sessions, results)
    return app


def server(app: Dash, host: str, port: int) -> BaseWSGIServer:
    """Return a server that listens, with a thread per request; port 0 takes a free one.

    Raises:
        CodecError: it cannot listen there.
    """
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    try:
        return make_server(host, port, app.server, threaded=True)
    except (OSError, SystemExit) as error:
        raise CodecError(f"cannot listen on {host} port {port} (choose another with --port)") from error
