"""The SHA-256 of every recording of the Neuralink compression challenge, and what it says of a folder."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import NamedTuple

MANIFEST = Path(__file__).parent / "n1_manifest.sha256"


class Report(NamedTuple):
    """Names of files against the manifest, each list sorted."""

    ok: list[str]
    missing: list[str]
    damaged: list[str]
    unknown: list[str]


@cache
def load(path: Path = MANIFEST) -> dict[str, str]:
    """Return {file name: SHA-256 in hex} of a list as sha256sum writes it."""
    entries = (line.split(maxsplit=1) for line in path.read_text(encoding="ascii").splitlines())
    return {name: digest for digest, name in entries}


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check(files: Iterable[Path]) -> Report:
    """Compare files, by name and content, with the manifest."""
    known = load()
    paths = {path.name: path for path in files}
    here = sorted(paths.keys() & known.keys())
    intact = {name for name in here if sha256(paths[name]) == known[name]}
    return Report(
        sorted(intact),
        sorted(known.keys() - paths.keys()),
        [name for name in here if name not in intact],
        sorted(paths.keys() - known.keys()),
    )
