"""Download of the public recordings: resumable, each file verified before it is put into place."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Collection
from http.client import HTTPException, HTTPResponse
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from n1codec import __version__, files
from n1codec.codec import CodecError
from n1codec.datasets import manifest

URL = "https://content.neuralink.com/compression-challenge/data.zip"
ARCHIVE = "n1-download.zip"
ATTEMPTS = 4
"""How often in a row a transfer may break before a single byte came."""
_TIMEOUT = 30.0
_BLOCK = 1 << 16
_LARGEST_FILE = 1 << 26

Progress = Callable[[int, int | None], None]


class Fetched(NamedTuple):
    """What a download left in the folder."""

    new: int
    present: int
    """Recordings that are there now, the new ones included."""
    total: int
    """Recordings in the manifest."""


class _Broken(Exception):
    """The transfer stopped; what came stays."""


class _Damaged(Exception):
    """The archive is not what the manifest says."""


def default_url() -> str:
    return os.environ.get("N1_DATA_URL") or URL


def fetch(url: str, folder: Path, progress: Progress = lambda done, total: None, pause: float = 1.0) -> Fetched:
    """Download the archive of recordings, verify every file in it, and put the files into ``folder``.

    The archive grows as ``n1-download.zip.part``, which a later call goes on with; it is removed in the end.
    Recordings that are already there and intact are kept; where all are, nothing is downloaded. All files of an
    archive are put into place, or none of them.

    Args:
        url: http or https.
        folder: made if it is not there.
        progress: called with the bytes that are there and, if the server says it, those that there will be.
        pause: seconds before the first new attempt after a break, doubled each time.

    Raises:
        CodecError: no answer, a damaged archive or file; the message says which and what to do.
        OSError: the folder.
    """
    if not re.match(r"https?://", url, re.IGNORECASE):
        raise CodecError(f"{url}: only http and https can be fetched (--archive takes a file that is here)")
    total, missing = len(manifest.load()), _missing(folder)
    if not missing:
        return Fetched(0, total, total)
    archive = folder / ARCHIVE
    if not archive.exists():
        _download(url, archive, progress, pause)
    try:
        new = _unpack(archive, folder, missing)
    except _Damaged as error:
        archive.unlink()
        raise CodecError(f"{url}: the archive is damaged: {error} (nothing of it was kept; fetch it again)") from error
    archive.unlink()
    return Fetched(new, total - len(missing) + new, total)


def unpack(archive: Path, folder: Path) -> Fetched:
    """Verify every recording in an archive that is here already, and put them into ``folder`` as ``fetch`` does.

    Raises:
        CodecError: the archive or a file in it is damaged, or it holds none of the recordings.
        OSError: the archive cannot be read, or the folder not written.
    """
    total, missing = len(manifest.load()), _missing(folder)
    try:
        new = _unpack(archive, folder, missing)
    except _Damaged as error:
        raise CodecError(f"{archive}: the archive is damaged: {error} (nothing of it was kept)") from error
    return Fetched(new, total - len(missing) + new, total)


def _missing(folder: Path) -> set[str]:
    """Return the recordings that are not in a folder, which is made if it is not there, or damaged."""
    folder.mkdir(parents=True, exist_ok=True)
    known = manifest.load()
    return known.keys() - set(manifest.check(path for name in known if (path := folder / name).is_file()).ok)


# -- the transfer ----------------------------------------------------------------------------------------------------


def _download(url: str, archive: Path, progress: Progress, pause: float) -> None:
    part = archive.with_name(archive.name + ".part")
    notes = archive.with_name(archive.name + ".part.json")
    broken = 0
    while True:
        before = part.stat().st_size if part.exists() else 0
        try:
            _transfer(url, part, notes, progress)
            break
        except _Broken as error:
            here = part.stat().st_size if part.exists() else 0
            broken = broken + 1 if here <= before else 1
            if broken >= ATTEMPTS:
                kept = f"; {here} bytes are kept, the same command goes on from there" if here else ""
                raise CodecError(f"{url}: {error}{kept}") from error
        time.sleep(pause * 2 ** (broken - 1))
    part.replace(archive)
    notes.unlink(missing_ok=True)


def _transfer(url: str, part: Path, notes: Path, progress: Progress) -> None:
    """Bring a partial file to its end with one request (RFC 9110: Range and If-Range)."""
    have, headers = 0, {"User-Agent": f"n1codec/{__version__}"}
    if part.exists() and (noted := _noted(notes)).get("url") == url:
        have = part.stat().st_size
    if have:
        headers["Range"] = f"bytes={have}-"
        if noted.get("validator"):
            headers["If-Range"] = noted["validator"]
    try:
        response: HTTPResponse = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        with error:
            if error.code == 416 and have:
                if error.headers.get("Content-Range", "").strip() == f"bytes */{have}":
                    return
                part.unlink()
                raise _Broken("the partial download is not part of what is there now") from error
            if error.code >= 500 or error.code in (408, 429):
                raise _Broken(f"the server answers {error.code} {error.reason}") from error
            raise CodecError(
                f"{url}: the server answers {error.code} {error.reason} (name another address with --url)"
            ) from error
    except (OSError, HTTPException) as error:
        raise _Broken(f"no connection: {getattr(error, 'reason', error)}") from error
    except ValueError as error:
        raise CodecError(f"{url}: it is no address: {error}") from error
    with response:
        if response.status == 206:
            span = re.match(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
            if not span or int(span[1]) != have:
                part.unlink()
                raise _Broken("the server sent another part than it was asked for")
            total = None if span[2] == "*" else int(span[2])
        else:
            have = 0
            length = response.headers.get("Content-Length", "")
            total = int(length) if length.isdigit() else None
            etag = response.headers.get("ETag", "")
            validator = etag if etag.startswith('"') else response.headers.get("Last-Modified")
            part.unlink(missing_ok=True)
            files.write_text(notes, json.dumps({"url": url, "validator": validator}), durable=False)
        with files.named(part), part.open("ab") as file:
            while block := _read(response):
                file.write(block)
                have += len(block)
                progress(have, total)
    if total is not None and have < total:
        raise _Broken(f"the connection broke after {have} of {total} bytes")


def _read(response: HTTPResponse) -> bytes:
    try:
        return response.read(_BLOCK)
    except (OSError, HTTPException) as error:
        raise _Broken(f"the connection broke: {error}") from error


def _noted(notes: Path) -> dict[str, str]:
    try:
        noted = json.loads(notes.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return noted if isinstance(noted, dict) else {}


# -- the archive -----------------------------------------------------------------------------------------------------


def _unpack(archive: Path, folder: Path, wanted: Collection[str]) -> int:
    """Put the wanted recordings of an archive into ``folder`` and return how many they were.

    A file goes by its bare name, which must be in the manifest: no path in an archive leads out of the folder.
    """
    known = manifest.load()
    found: set[str] = set()
    try:
        with tempfile.TemporaryDirectory(prefix=".new-", dir=folder) as temporary, zipfile.ZipFile(archive) as zipped:
            new = []
            for info in zipped.infolist():
                name = PurePosixPath(info.filename).name
                if name not in known or name in found:
                    continue
                found.add(name)
                if name in wanted:
                    _extract(zipped, info, Path(temporary) / name, known[name])
                    new.append(name)
            if not found:
                raise _Damaged("none of the recordings is in it")
            for name in new:
                (Path(temporary) / name).replace(folder / name)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise _Damaged(str(error)) from error
    return len(new)


def _extract(zipped: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path, digest: str) -> None:
    if info.file_size > _LARGEST_FILE:
        raise _Damaged(f"{target.name} is too large")
    hashed = hashlib.sha256()
    try:
        with zipped.open(info) as source, files.writing(target, durable=False) as file:
            while block := source.read(_BLOCK):
                hashed.update(block)
                file.write(block)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise _Damaged(f"{target.name}: {error}") from error
    if hashed.hexdigest() != digest:
        raise _Damaged(f"{target.name} has another SHA-256 than the manifest says")
