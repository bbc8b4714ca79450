"""The server: a static page and the answers that it asks for, for this machine or the network it is told to listen on.

Nothing leaves the browser for another server: the headers of every answer tell the browser to refuse that, whatever a
script on the page tries. Requests that name another host, or come from a page of another origin, are refused. Where it
listens on more than this machine, whoever asks has to bring the token that is in the address it prints.
"""

from __future__ import annotations

import logging
import secrets
from hmac import compare_digest
from pathlib import Path
from urllib.parse import urlsplit

from flask import Flask, Response, abort, redirect, request
from werkzeug.exceptions import HTTPException
from werkzeug.serving import BaseWSGIServer, make_server

from n1codec.codec import CodecError
from n1codec.viewer import api
from n1codec.viewer.sessions import MEGABYTES, Sessions

LOCAL = ("127.0.0.1", "localhost", "::1")
COOKIE = "n1codec"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The Content-Security-Policy (W3C, level 3) of every answer."""
PAGE = Path(__file__).with_name("page")
"""The folder of the page: HTML, style and plain ES modules."""
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",  # windows of other sites cannot be spoken to
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",  # samples stay out of the browser's cache on disk
}


def create(sessions: Sessions, results: Path, host: str = LOCAL[0], token: str = "") -> Flask:
    """Return the app.

    Args:
        sessions: the recordings that it shows.
        results: a folder of the result store, or a folder of such folders.
        host: the address that it will be served on.
        token: what a request has to bring, in its address or in a cookie; "": nothing.
    """
    app = Flask("n1codec.viewer", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MEGABYTES << 20

    @app.before_request
    def refuse_strangers() -> Response | None:
        # Another site may let its name resolve to this machine (DNS rebinding); its requests carry that name.
        if host in LOCAL and request.host.rsplit(":", 1)[0].strip("[]") not in LOCAL:
            abort(403)
        origin = request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != request.host:
            abort(403)
        if request.headers.get("Sec-Fetch-Site") == "cross-site" and request.path != "/":
            abort(403)
        if not token:
            return None
        if compare_digest(request.cookies.get(COOKIE, "").encode(), token.encode()):
            return None
        if not compare_digest(request.args.get("token", "").encode(), token.encode()):
            abort(403)
        answer = redirect(request.path)  # the token leaves the address, which people copy
        answer.set_cookie(COOKIE, token, httponly=True, samesite="Strict")
        return answer  # type: ignore[return-value]

    @app.after_request
    def keep_to_itself(response: Response) -> Response:
        response.headers.update(_HEADERS)
        return response

    @app.errorhandler(CodecError)
    def tell(error: CodecError) -> tuple[str, int, dict[str, str]]:
        return str(error), 400, {"Content-Type": "text/plain; charset=utf-8"}

    @app.errorhandler(HTTPException)
    def tell_briefly(error: HTTPException) -> tuple[str, int, dict[str, str]]:
        return f"{error.code} {error.name}", error.code or 500, {"Content-Type": "text/plain; charset=utf-8"}

    kinds = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
    files = {path.name: path for path in PAGE.iterdir() if path.suffix in kinds}

    @app.get("/", defaults={"name": "index.html"})
    @app.get("/<name>")
    def page(name: str) -> Response:
        if name not in files:
            abort(404)
        kind = kinds[files[name].suffix]
        return Response(files[name].read_bytes(), content_type=f"{kind}; charset=utf-8")

    api.register(app, sessions, results)
    return app


def new_token() -> str:
    """Return a token that nobody guesses."""
    return secrets.token_urlsafe(18)


def listen(app: Flask, host: str, port: int) -> BaseWSGIServer:
    """Return a server that listens already, and answers each request in a thread of its own.

    Args:
        port: 0 takes a free one; the server's ``server_port`` tells which.

    Raises:
        CodecError: it cannot listen there, for instance because another program does.
    """
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    try:
        return make_server(host, port, app, threaded=True)
    except (OSError, SystemExit) as error:
        raise CodecError(f"cannot listen on {host} port {port} (choose another with --port)") from error
