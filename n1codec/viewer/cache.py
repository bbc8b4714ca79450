"""The folder of prepared recordings: where it is, how much it may hold, and how it is emptied.

A folder in it belongs to one set of recordings and is named by their content. When there are more bytes than are
allowed, those go first that nobody looked at for longest. Nothing else in the folder is touched.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from contextlib import suppress
from pathlib import Path

MOST_BYTES = 2 << 30
"""Bytes that stay in the cache at the most, beside those of what is open."""
_NAME = re.compile(r"[0-9a-f]{24}")


def default_cache() -> Path:
    """Return the folder that the platform provides."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "n1codec" / "viewer"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "n1codec" / "viewer"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "n1codec" / "viewer"


def prepared(cache: Path) -> list[Path]:
    """Return the folders of prepared recordings, that which was used last at the end."""
    found = [path.parent for path in cache.glob("*/about.json") if _NAME.fullmatch(path.parent.name)]
    return sorted(found, key=_used)


def touch(folder: Path) -> None:
    """Note that a folder is used now."""
    with suppress(OSError):  # a cache that cannot be written to can be read
        os.utime(folder / "about.json")


def size(folder: Path) -> int:
    """Return the bytes of all files in a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def bound(cache: Path, most: int = MOST_BYTES, keep: str = "") -> int:
    """Remove what was used least recently until at most ``most`` bytes are left; return the bytes removed.

    Args:
        keep: the name of a folder that stays.
    """
    folders = [(folder, size(folder)) for folder in prepared(cache)]
    total, removed = sum(each for _, each in folders), 0
    for folder, each in folders:
        if total - removed > most and folder.name != keep:
            shutil.rmtree(folder, ignore_errors=True)
            removed += each
    return removed


def clear(cache: Path) -> int:
    """Remove all prepared recordings; return the bytes removed."""
    return bound(cache, most=-1)


def _used(folder: Path) -> float:
    try:
        return (folder / "about.json").stat().st_mtime
    except OSError:
        return 0.0
