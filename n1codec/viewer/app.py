"""The server: it makes the app, and serves it to this machine or to the network that it is told to listen on.

Nothing leaves the browser for another server: the headers of every answer tell the browser to refuse that, whatever a
script on the page tries.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
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
"""Bytes that a request may have, which is room for a few dropped files in base64."""


def create(sessions: Sessions, results: Path, host: str = LOCAL[0]) -> Dash:
    """Return the app.

    Args:
        sessions: the recordings that it shows.
        results: a folder of the result store, or a folder of such folders.
        host: the address that it will be served on. On an address of this machine, requests that name another host are
            refused with status 403.
    """
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
        # Another site may let its name resolve to this machine (DNS rebinding); its requests carry that name.
        if host in LOCAL and request.host.rsplit(":", 1)[0].strip("[]") not in LOCAL:
            abort(403)

    @app.server.after_request
    def keep_to_itself(response: Response) -> Response:
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["X-Frame-Options"] = "DENY"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cross-Origin-Opener-Policy"] = "same-origin"  # windows of other sites cannot be spoken to
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        response.headers["Content-Security-Policy"] = policy
        return response

    callbacks.register(app, sessions, results)
    policy = content_policy(app.csp_hashes())
    return app


def content_policy(scripts: Sequence[str]) -> str:
    """Return the Content-Security-Policy (W3C, level 3) of the page: everything comes from this server.

    Dash starts itself by an inline script, and Plotly makes style elements while it draws.

    Args:
        scripts: the hashes of the inline scripts that may run, such as ``'sha256-...'`` with its quotes.
    """
    rules = {
        "default-src": "'self'",
        "script-src": " ".join(["'self'", *scripts]),
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data: blob:",
        "font-src": "'self' data:",
        "connect-src": "'self'",
        "object-src": "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return "; ".join(f"{name} {sources}" for name, sources in rules.items())


def server(app: Dash, host: str, port: int) -> BaseWSGIServer:
    """Return a server that listens already, and answers each request in a thread of its own.

    Args:
        port: 0 takes a free one; the server's ``server_port`` tells which.

    Raises:
        CodecError: it cannot listen there, for instance because another program does.
    """
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    try:
        return make_server(host, port, app.server, threaded=True)
    except (OSError, SystemExit) as error:
        raise CodecError(f"cannot listen on {host} port {port} (choose another with --port)") from error
