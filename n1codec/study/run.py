"""The whole study of one recording."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from n1codec import files
from n1codec.recordings import Recording
from n1codec.study import bounds, ladder, tables
from n1codec.study.measure import Excerpt, Row, measure
from n1codec.study.methods import METHODS, Method
from n1codec.study.neighbours import Alike, correlations

SECONDS = 10.0
"""How much of a longer recording is studied."""
TABLE, PAGE = "study.csv", "README.md"


@dataclass
class Study:
    """What came out."""

    excerpt: Excerpt
    rows: list[Row] = field(default_factory=list)
    alike: list[Alike] = field(default_factory=list)
    """Correlations between channels."""

    def as_dicts(self) -> list[dict[str, Any]]:
        """Return the rows as they are printed with ``--json``."""
        return [row._asdict() for row in self.rows]


def run(
    recording: Recording, seconds: float = SECONDS, advance: Callable[..., None] = lambda *_: None,
    methods: tuple[Method, ...] = METHODS,
) -> Study:  # fmt: skip
    """Study the first seconds of a recording.

    Args:
        advance: is called ``steps(methods)`` times, with what comes next.

    Raises:
        CodecError: it holds no integers.
    """
    study = Study(Excerpt(recording, seconds))
    for method in methods:
        advance(method.name, 0)
        study.rows.append(measure(method, study.excerpt))
        advance(method.name)
    for title, compute in _COMPUTED.items():
        advance(title, 0)
        study.rows += compute(study.excerpt)
        advance(title)
    study.rows += ladder.rows(study.excerpt, advance)
    study.alike = correlations(study.excerpt)
    advance("correlations")
    return study


_COMPUTED: dict[str, Callable[[Excerpt], list[Row]]] = {
    "entropies": bounds.entropies,
    "spikes": bounds.binary_spikes,
}


def steps(methods: tuple[Method, ...] = METHODS) -> int:
    """Return how many steps :func:`run` takes."""
    return len(methods) + len(_COMPUTED) + len(ladder.STEPS) + 1


def write(study: Study, folder: Path) -> list[Path]:
    """Write tables and plots into a folder, which is made if need be, and return their paths."""
    from n1codec.bench.measure import machine
    from n1codec.report import study_plots

    folder.mkdir(parents=True, exist_ok=True)
    contents: dict[str, tuple[type[NamedTuple], Sequence[NamedTuple]]] = {
        TABLE: (Row, study.rows), "correlation.csv": (Alike, study.alike),
    }  # fmt: skip
    written = []
    for name, (kind, rows) in contents.items():
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(kind._fields)
        writer.writerows(rows)
        files.write(folder / name, text.getvalue().encode())
        written.append(folder / name)
    plots = study_plots.draw(folder, study)
    names = [path.name for path in plots if path.suffix == ".png"]
    files.write(folder / PAGE, tables.markdown(study, machine.cpu(), names).encode())
    return [*written, *plots, folder / PAGE]
