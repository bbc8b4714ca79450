"""The study as text: for a terminal, and as the README.md of a folder of results."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from n1codec.study.measure import Excerpt, Row
from n1codec.study.neighbours import Alike

if TYPE_CHECKING:
    from n1codec.study.run import Study

SHOWN_APART = (1, 2, 3, 4, 5, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192)
"""Distances in channels that tables show; the file of correlations has all."""
_HEAD = f"{'':52}{'bytes':>11}{'ratio':>13}{'theirs':>8}{'bits':>13}{'enc MB/s':>10}{'dec MB/s':>10}"


def about(excerpt: Excerpt) -> str:
    """Return what was studied, in one line."""
    seconds = f", {excerpt.frames / excerpt.rate:.9g} s at {excerpt.rate:.9g} Hz" if excerpt.rate else ""
    return (f"{excerpt.recording.name}: {len(excerpt.channels)} channels of {excerpt.frames} frames{seconds}, "
            f"{excerpt.nbytes} bytes of samples")  # fmt: skip


def lines(study: Study) -> Iterator[tuple[str, bool]]:
    """Yield the lines of the tables, and whether each is a title."""
    for group, rows in groupby(study.rows, lambda row: row.group):
        yield "", False
        yield group, True
        yield _HEAD, False
        for row in rows:
            cells = [
                f"{'' if row.bytes is None else row.bytes:>11}", _cell(row.ratio, 13, 9), _cell(_theirs(row), 8, 3),
                _cell(row.bits_per_sample, 13, 9), _cell(row.enc_mb_s, 10, 4), _cell(row.dec_mb_s, 10, 4),
            ]  # fmt: skip
            yield f"{row.method:<52}{''.join(cells)}  {_note(row)}", False
    if shown := _shown(study.alike):
        yield "", False
        yield "mean correlations between channels", True
        yield f"{'':52}{'pairs':>11}{'samples':>16}{'differences':>16}{'errors':>16}", False
        for pair in shown:
            figures = "".join(_cell(value, 16, 9) for value in (pair.raw, pair.differences, pair.errors))
            yield f"{_name(pair):<52}{pair.pairs:>11}{figures}", False


def markdown(study: Study, machine: str, plots: Sequence[str]) -> str:
    """Return the page of a folder of results.

    Args:
        machine: where the speeds were measured.
        plots: names of the pictures beside the page.
    """
    page = [_PAGE.format(about=about(study.excerpt), machine=machine), *table(study.rows), ""]
    page += ["## Correlations between channels", "", *correlations(study.alike), ""]
    for name in plots:
        page += [f"![{name.partition('.')[0]}]({name})", ""]
    return "\n".join(page)


_PAGE = """# A study of one recording

Made by `n1codec study neuropixels` of {about}.

Ratios are bytes of samples over bytes of what holds them; channels for synchronisation are left out. What has bytes was
decoded and compared. MB/s are millions of bytes of samples a second of CPU time on {machine}. *Theirs* is what the
class project of 2019 reached on its own recording: a ratio, or bits where there is no file.
"""


def table(rows: Sequence[Row]) -> list[str]:
    """Return the lines of the table of methods in Markdown."""
    out = ["| method | bytes | ratio | theirs | bits | enc MB/s | dec MB/s |", "| --- " + "| ---: " * 6 + "|"]
    for group, members in groupby(rows, lambda row: row.group):
        out.append(f"| **{group}** | | | | | | |")
        for row in members:
            cells = [
                row.method if row.status in ("ok", "bound") else f"{row.method} ({row.status})",
                f"{row.bytes:,}" if row.bytes is not None else "",
                _fixed(row.ratio), _fixed(_theirs(row), 2) + (" bit" if row.published_bits else ""),
                _fixed(row.bits_per_sample), _short(row.enc_mb_s), _short(row.dec_mb_s),
            ]  # fmt: skip
            out.append("| " + " | ".join(cells) + " |")
    return out


def correlations(alike: Sequence[Alike]) -> list[str]:
    """Return the lines of the table of correlations in Markdown."""
    out = ["| pairs | how many | samples | first differences | errors of prediction |", "| --- " + "| ---: " * 4 + "|"]
    for row in _shown(alike):
        figures = " | ".join(_fixed(value) for value in (row.raw, row.differences, row.errors))
        out.append(f"| {_name(row)} | {row.pairs:,} | {figures} |")
    return out


def _shown(alike: Sequence[Alike]) -> list[Alike]:
    return [row for row in alike if row.apart is None or (row.kind == "channels apart" and row.apart in SHOWN_APART)]


def _name(row: Alike) -> str:
    return row.kind if row.apart is None else f"{row.apart:.9g} {row.kind}"


def _theirs(row: Row) -> float | None:
    return row.published_ratio or row.published_bits


def _note(row: Row) -> str:
    return row.spec if row.status in ("ok", "bound") else row.status


def _cell(value: float | None, width: int, digits: int) -> str:
    return f"{'' if value is None else f'{value:.{digits}g}':>{width}}"


def _fixed(value: float | None, digits: int = 3) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
