"""Words that several commands print."""

from __future__ import annotations


def count(number: int, what: str) -> str:
    """Return a number of things, such as "1 file" or "2 files"."""
    return f"{number} {what}{'s' * (number != 1)}"


def printable(name: str) -> str:
    """Return the name of a file as it can be printed: bytes that are no UTF-8 as ``\\udcxx``."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")
