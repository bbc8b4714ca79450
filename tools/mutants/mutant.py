"""What a mutant is, how a sample is drawn, and the list of equivalent mutants."""

from __future__ import annotations

import hashlib
import tomllib
from collections import Counter
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path

SCOPE = (
    "n1codec/*.py",
    *(f"n1codec/{room}/**/*.py" for room in ("analysis", "bench", "container", "datasets", "recordings", "stream")),
    "native/src/**/*.[ch]",
    "native/tools/**/*.[ch]",
)
"""The files that a sample is drawn from, as patterns below the checkout."""


@dataclass(frozen=True)
class Mutant:
    """One change of one place in a file."""

    file: str
    """The path below the checkout, with slashes."""
    function: str
    """The function's name, with the classes around it; empty outside functions."""
    before: str
    """The line, or the lines, that the change is in, with each run of blanks as one blank."""
    after: str
    """The same after the change."""
    line: int
    """The number of the changed line, from 1."""
    statement: int
    """The number of the first line of the statement."""
    at_import: bool
    """True where the line runs when the module is imported; in C, where it is outside of functions."""
    start: int
    end: int
    """What is replaced: the bytes start to end of the file."""
    text: str
    """What comes in their place."""
    nth: int = 1
    """Counts equal changes of equal lines in one function, from 1."""

    @property
    def key(self) -> tuple[str, ...]:
        """What names the mutant, whatever else in the file changes."""
        return (self.file, self.function, self.before, self.after, str(self.nth))

    @property
    def digest(self) -> str:
        return hashlib.sha256("\0".join(self.key).encode()).hexdigest()[:16]

    def applied(self, source: bytes) -> bytes:
        return source[: self.start] + self.text.encode() + source[self.end :]


class Sites:
    """Collects the mutants of one file."""

    def __init__(self, file: str, source: bytes) -> None:
        self.file = file
        self.source = source
        self.mutants: list[Mutant] = []
        self._seen: Counter[tuple[str, ...]] = Counter()

    def add(self, start: int, end: int, text: str, function: str, statement: int, at_import: bool) -> None:
        """Note that the bytes start to end may become `text`; a change of nothing is left out."""
        first = self.source.rfind(b"\n", 0, start) + 1
        last = self.source.find(b"\n", end)
        lines = self.source[first : last if last >= 0 else None]
        before = " ".join(lines.decode().split())
        changed = lines[: start - first] + text.encode() + lines[end - first :]
        after = " ".join(changed.decode().split())
        if before == after:
            return
        line = self.source.count(b"\n", 0, start) + 1
        mutant = Mutant(self.file, function, before, after, line, statement, at_import, start, end, text)
        self._seen[mutant.key] += 1
        self.mutants.append(replace(mutant, nth=self._seen[mutant.key]))


def find(root: Path, only: str = "") -> list[Mutant]:
    """Return every mutant of the files in SCOPE, or of the file or folder `only`, which may lie outside of it."""
    from .c_source import c_mutants
    from .python_source import python_mutants

    if only:
        path = root / only
        files = [path] if path.is_file() else [p for p in path.rglob("*") if p.suffix in (".py", ".c", ".h")]
    else:
        files = [path for pattern in SCOPE for path in root.glob(pattern)]
    mutants: list[Mutant] = []
    for path in sorted(set(files)):
        make = python_mutants if path.suffix == ".py" else c_mutants
        mutants += make(path.relative_to(root).as_posix(), path.read_bytes())
    return mutants


def ranked(mutants: list[Mutant], seed: int) -> list[Mutant]:
    """Return the mutants in the order in which a sample takes them: one of Python and one of C in turn.

    The order within a language depends on the mutants' keys and the seed alone, so that a larger sample begins with the
    smaller one, and an edit elsewhere leaves the sample nearly as it is.
    """
    drawn = sorted(mutants, key=lambda m: hashlib.sha256(f"{seed} {m.digest}".encode()).digest())
    python = [mutant for mutant in drawn if mutant.file.endswith(".py")]
    c = [mutant for mutant in drawn if not mutant.file.endswith(".py")]
    return [mutant for pair in zip_longest(python, c) for mutant in pair if mutant]


def read_list(path: Path) -> dict[tuple[str, ...], str]:
    """Return the reasons why mutants are equivalent, by the mutants' keys.

    Raises:
        ValueError: an entry lacks a field.
    """
    entries = tomllib.loads(path.read_text(encoding="utf-8")).get("equivalent", [])
    reasons: dict[tuple[str, ...], str] = {}
    for number, entry in enumerate(entries, 1):
        if missing := {"file", "function", "before", "after", "reason"} - set(entry):
            raise ValueError(f"{path}: entry {number} lacks {', '.join(sorted(missing))}")
        fields = [" ".join(str(entry[name]).split()) for name in ("file", "function", "before", "after")]
        reasons[(*fields, str(entry.get("nth", 1)))] = entry["reason"]
    return reasons
