"""The results of a data set as one page of Markdown, from its CSV files alone."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING

from n1codec import files, registry
from n1codec.bench.results import summary
from n1codec.bench.results.summary import speed
from n1codec.codec import CodecError
from n1codec.pipeline import get_codec
from n1codec.report import quality_page

if TYPE_CHECKING:
    import pandas as pd

FILE = "README.md"
PEERS = "peers.csv"
"""Sizes that codecs outside this project reached on the same files: peer, files, original and compressed bytes."""
_TEXT = frozenset({"codec", "mode", "family", "status", "reason"})
"""Headings of the columns of words; those of figures are aligned right."""
_PLOTS = {
    "pareto": "Ratio against speed, and the codecs that none beats in both",
    "codecs": "Ratio and speed by family: the codecs of the front, and the best of each family",
}


def write(folder: Path) -> Path:
    """Write the page of a results folder into it and return its path."""
    found = summary.read(folder)
    good = found[found["status"] == "ok"].sort_values("compression_ratio", ascending=False)
    text = "\n".join(
        (
            *_head(found, good),
            *_plots(folder),
            *_all(good),
            *_classic(good),
            *_peers(folder),
            *_rest(found),
            *quality_page.section(folder, "##"),
            *_appendix(folder),
        )
    )
    path = folder / FILE
    files.write_text(path, text)
    return path


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    sides = ["---" if heading in _TEXT else "---:" for heading in headings]
    lines = [headings, sides, *rows]
    return [f"| {' | '.join(line)} |" for line in lines] + [""]


def _code(spec: str) -> str:
    return "`" + spec.replace("|", "\\|") + "`"


def _head(found: pd.DataFrame, good: pd.DataFrame) -> list[str]:
    def only(column: str) -> str:
        return ", ".join(sorted({str(value) for value in found[column].dropna()}))

    jobs, files = (int(good[column].max()) if len(good) else 1 for column in ("jobs", "files"))
    rough = "" if jobs == 1 else f" Speeds behind a ~ are rough: up to {jobs} codecs were measured at the same time."
    return [
        f"# Results: {only('dataset')}",
        "",
        f"{len(good)} codecs, {files} file{'s' * (files != 1)}, each file by itself, each",
        "round trip compared byte for byte. Sizes are whole .n1c files against whole files of the recordings. xRT is",
        "seconds of recording / seconds of the codec's own work, MB/s is millions of their bytes / the same seconds,",
        f"one core.{rough}",
        "",
        f"Machine: {only('cpu')}. Python {only('python')}, n1codec {only('n1codec')}.",
        "",
        "This page and its plots: `n1codec plot`. Its figures: `n1codec grid`, in summary.csv and files.csv.gz.",
        "",
    ]


def _all(good: pd.DataFrame) -> list[str]:
    def rough(value: float, jobs: float) -> str:
        return f"~{speed(value)}" if jobs > 1 and not isnan(value) else speed(value)

    headings = ("codec", "ratio", "bits/sample", "encode xRT", "decode xRT", "encode MB/s", "decode MB/s", "family")
    rows = [
        (
            _code(row.mode),
            f"{row.compression_ratio:.4f}",
            "" if isnan(row.bits_per_sample) else f"{row.bits_per_sample:.3f}",
            rough(row.average_compression_speed_xRT, row.jobs),
            rough(row.average_decompression_speed_xRT, row.jobs),
            rough(row.encode_MB_per_second, row.jobs),
            rough(row.decode_MB_per_second, row.jobs),
            row.family,
        )
        for row in good.itertuples()
    ]
    return ["## All codecs", "", *_table(headings, rows)]


def _classic(good: pd.DataFrame) -> list[str]:
    """Return the table of the classic coders: their ratios alone, behind delta, and behind remap."""
    ratios = dict(zip(good["spec"], good["compression_ratio"], strict=True))

    def ratio(spec: str) -> str:
        try:
            value = ratios.get(get_codec(spec).spec)
        except CodecError:
            value = None
        return f"{value:.4f}" if value else ""

    rows = []
    for name, spec in registry.CLASSIC.items():
        if f"delta_{name}" in registry.CLASSIC:
            cells = ratio(spec), ratio(registry.CLASSIC[f"delta_{name}"]), ratio(f"remap|{spec}")
            if any(cells):
                rows.append((f"`{name}`", *cells))
    if not rows:
        return []
    return ["## The classic modes, and what remap does to them", "", *_table(("mode", "alone", "delta", "remap"), rows)]


def _peers(folder: Path) -> list[str]:
    path = folder / PEERS
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        rows = [
            (_code(row["peer"]), f"{int(row['original_bytes']) / int(row['compressed_bytes']):.4f}")
            for row in csv.DictReader(file)
        ]
    where = f"As measured elsewhere ({PEERS}), without this project's container."
    return ["## Other codecs on the same files", "", where, "", *_table(("codec", "ratio"), rows)]


def _rest(found: pd.DataFrame) -> list[str]:
    bad = found[found["status"] != "ok"]
    if bad.empty:
        return []
    rows = [(_code(row.mode), row.status, str(row.reason).replace("|", "\\|")) for row in bad.itertuples()]
    return ["## Without results", "", *_table(("codec", "status", "reason"), rows)]


def _plots(folder: Path) -> list[str]:
    there = [(name, text) for name, text in _PLOTS.items() if (folder / f"{name}.png").exists()]
    return [line for name, text in there for line in (f"![{text}]({name}.png)", "")]


def _appendix(folder: Path) -> list[str]:
    """Return the pictures of all codecs, where they are too many for one."""
    names = sorted(path.name for path in folder.glob("all-*.png"))
    if not names:
        return []
    return [
        "## Appendix: all codecs, by family",
        "",
        *(line for name in names for line in (f"![All codecs]({name})", "")),
    ]
