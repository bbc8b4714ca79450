"""Rows of CSV as a frame, and what is wrong with those that somebody has edited."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

_EXTRA = "\0"
"""Name of a column behind the last one, which no right row fills."""


def parse(columns: Sequence[str], numbers: Collection[str], text: bytes) -> pd.DataFrame | None:
    """Return rows of CSV as a frame, or None if :func:`what_is_wrong` has something to say.

    Args:
        numbers: the columns that become float64, NaN where a cell is empty; the others stay text.
        text: the rows, without the line of column names.
    """
    import pandas as pd

    if not text:
        return pd.DataFrame(columns=list(columns))
    kinds: dict[str, type] = {column: float if column in numbers else object for column in (*columns, _EXTRA)}
    try:
        table = pd.read_csv(
            _Bytes(text),
            header=None,
            names=[*columns, _EXTRA],
            dtype=kinds,
            na_values={column: [""] for column in columns if column in numbers},
            keep_default_na=False,
            encoding="utf-8",
            encoding_errors="surrogateescape",
            low_memory=False,
        )
    except ValueError:
        return None
    return table.drop(columns=_EXTRA) if _commas(text) == len(table) * (len(columns) - 1) else None


class _Bytes:
    """A file of bytes as pandas' parser in C reads it. It would decode an ``io.BytesIO`` first, and encode it again."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def __iter__(self) -> Iterator[bytes]:
        raise NotImplementedError  # pandas takes only what has this for a file

    def read(self, size: int) -> bytes:
        start, self.at = self.at, self.at + size
        return self.data[start : self.at]


def _commas(text: bytes) -> int:
    """Return how many commas in rows stand between cells, and not within one that is quoted."""
    return text.count(b",") - b"".join(text.split(b'"')[1::2]).count(b",")


def what_is_wrong(columns: Sequence[str], numbers: Collection[str], text: bytes, before: int = 0) -> str:
    """Return what is wrong with the first row that cannot be read."""
    rows = csv.reader(io.StringIO(text.decode("utf-8", "surrogateescape"), newline=""))
    for number, row in enumerate(rows, before + 1):
        if row and len(row) != len(columns):
            return f"row {number} has {len(row)} cells instead of {len(columns)}"
        for column, cell in zip(columns, row, strict=False):
            if column in numbers and cell and not _is_number(cell):
                return f"{column} in row {number} is {cell!r} and no number"
    return "its rows cannot be read"


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def complete(table: pd.DataFrame, columns: Sequence[str], numbers: Collection[str]) -> pd.DataFrame:
    """Return a frame with all of these columns, and behind them those that it has besides.

    What is not there is NaN in the columns of ``numbers`` and empty text in the others.
    """
    if tuple(table.columns) == tuple(columns):
        return table
    missing = {column: np.nan if column in numbers else "" for column in columns if column not in table}
    return table.assign(**missing)[[*columns, *(column for column in table.columns if column not in columns)]]
