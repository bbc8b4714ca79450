"""Rows of results as lines of JSON in a file that is only ever appended to, so that what was killed goes on."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from n1codec import files

Row = dict[str, Any]


def append(path: Path, row: Row) -> Row:
    """Add a row to a file, sync it to the disk, and return it.

    A line that a kill cut off is ended first, and is never read.
    """
    with path.open("a+b") as file:
        file.seek(0, os.SEEK_END)
        if file.tell():
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                file.write(b"\n")
        file.write(json.dumps(row, separators=(",", ":")).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    return row


def read(path: Path, needs: Iterable[str]) -> list[Row]:
    """Return the rows of a file in the order written; lines that a kill cut off, or that lack a key, are left out."""
    if not path.exists():
        return []
    rows, needs = [], set(needs)
    for line in files.read(path).splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and needs <= row.keys():
            rows.append(row)
    return rows


def plain(value: Any) -> Any:
    """Return a figure as JSON has it: with 6 digits, and null for what is infinite."""
    if isinstance(value, float | np.floating):
        return float(f"{value:.6g}") if isfinite(value) else None
    return value
