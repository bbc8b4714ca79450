"""Statistics of recordings, kept in the folder that has the results measured on them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from n1codec import files
from n1codec.analysis.stats import Settings, collect
from n1codec.bench.results import summary
from n1codec.codec import CodecError
from n1codec.datasets.dataset import Dataset
from n1codec.report import tables
from n1codec.report.html import STATS


def save(folder: Path, data: Dataset, jobs: int, advance: Callable[[str, float], object]) -> Path:
    """Analyse recordings with the usual settings, write stats.json into a results folder and return its path.

    Raises:
        CodecError: the results are of another data set.
    """
    names = set(summary.read(folder)["dataset"])
    if data.name not in names:
        raise CodecError(f"{data.path}: it is the data set {data.name}, but {folder} has results of {', '.join(names)}")
    settings = Settings()
    path = folder / STATS
    files.write_text(path, tables.to_json(data.name, collect(data.places, settings, jobs, advance), settings) + "\n")
    return path
