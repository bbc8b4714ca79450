"""What a person sees of a sweep: progress on stderr while it runs, a table on stdout at its end."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from math import isnan
from threading import Lock
from typing import TYPE_CHECKING, Any

from n1codec.bench.measure.cases import Case, Source
from n1codec.bench.measure.run import Outcome, Progress
from n1codec.bench.measure.sweep import BAD, Result
from n1codec.bench.results.summary import speed
from n1codec.cli._text import count

if TYPE_CHECKING:
    import pandas as pd

_STYLES = dict.fromkeys(BAD, "bold red") | {"skipped": "yellow"}


class Quiet:
    """Shows nothing."""

    def plan(self, tasks: Sequence[tuple[Case, int]], done: int) -> None: ...

    def progress(self, step: Progress) -> None: ...

    def finished(self, outcome: Outcome) -> None: ...


class Plain(Quiet):
    """One line for each codec as it is finished."""

    def __init__(self) -> None:
        self._codecs = self._finished = 0

    def plan(self, tasks: Sequence[tuple[Case, int]], done: int) -> None:
        self._codecs = len(tasks)
        if done:
            have = "has" if done == 1 else "have"
            self._print(f"{count(done, 'codec')} {have} verified results already (--force runs them again)")

    def finished(self, outcome: Outcome) -> None:
        self._finished += 1
        self._print(f"[{self._finished}/{self._codecs}] {describe(outcome)}", _STYLES.get(outcome.status, ""))

    def _print(self, line: str, style: str = "") -> None:
        print(line, file=sys.stderr, flush=True)


class Terminal(Plain):
    """Bars: the whole sweep with the time left, and each codec that runs with its file and running ratio."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bars

        super().__init__()
        self._bars = Bars(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[text]}", markup=False),
            console=Console(stderr=True),
            transient=True,
            speed_estimate_period=600,
        )
        self._lock = Lock()
        self._running: dict[str, _Running] = {}
        self._left: dict[str, int] = {}

    def __enter__(self) -> Terminal:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def plan(self, tasks: Sequence[tuple[Case, int]], done: int) -> None:
        super().plan(tasks, done)
        self._left = {case.spec: 2 * files for case, files in tasks}
        self._total = self._bars.add_task(
            "all codecs", total=sum(self._left.values()), text=f"0/{count(len(tasks), 'codec')}"
        )

    def progress(self, step: Progress) -> None:
        with self._lock:
            spec = step.case.spec
            if spec not in self._running:
                task = self._bars.add_task(step.case.mode, total=self._left[spec], text="")
                self._running[spec] = _Running(task)
            running = self._running[spec]
            text = running.add(step)
            self._bars.update(running.task, completed=running.steps, text=text)
            self._bars.advance(self._total)

    def finished(self, outcome: Outcome) -> None:
        super().finished(outcome)
        with self._lock:
            spec = outcome.case.spec
            steps = 0
            if spec in self._running:
                running = self._running.pop(spec)
                steps = running.steps
                self._bars.remove_task(running.task)
            self._bars.advance(self._total, self._left[spec] - steps)
            self._bars.update(self._total, text=f"{self._finished}/{count(self._codecs, 'codec')}")

    def _print(self, line: str, style: str = "") -> None:
        self._bars.console.print(line, style=style, markup=False, highlight=False)


class _Running:
    """How far a codec is."""

    def __init__(self, task: Any) -> None:
        self.task = task
        self.steps = self.original = self.compressed = 0

    def add(self, step: Progress) -> str:
        self.steps += 1
        if step.phase == "encode":
            self.original += step.original_bytes
            self.compressed += step.compressed_bytes
        ratio = f"ratio {self.original / self.compressed:.4f}  " if self.compressed else ""
        return f"{ratio}{step.phase} {step.file}"


def describe(outcome: Outcome) -> str:
    """Return what became of a codec, in one line."""
    name = outcome.case.mode
    if outcome.status != "ok":
        return f"{name}: {outcome.status}: {outcome.reason}"
    rows = outcome.rows
    original, compressed, recording, encode, decode = (
        sum(row.get(column) or 0 for row in rows)
        for column in ("original_bytes", "compressed_bytes", "recording_seconds", "encode_seconds", "decode_seconds")
    )
    speeds = "".join(
        f", {what} {speed(recording / seconds)} xRT"
        for what, seconds in (("encode", encode), ("decode", decode))
        if recording and seconds
    )
    return f"{name}: {count(len(rows), 'file')} verified, ratio {original / compressed:.4f}{speeds}"


def stored(sources: Sequence[Source]) -> list[str]:
    """Return a line for each reason why files are stored as they are: their ratios compare no codecs."""
    reasons: dict[str, list[str]] = {}
    for source in sources:
        if source.stored:
            reasons.setdefault(source.stored, []).append(source.name)
    lines = []
    for reason, names in reasons.items():
        others = f" and {count(len(names) - 1, 'other file')}" if len(names) > 1 else ""
        what = "stored as they are, so they compare" if others else "stored as it is, so it compares"
        lines.append(f"{names[0]}{others}: {what} no codecs: {reason}")
    return lines


LEAST_TO_TELL = 10.0
"""Seconds of work of the codecs from which on it is of interest what the sweep took beside it."""


def overhead(result: Result) -> str:
    """Return how long a sweep took and, unless it was a small one, how much of that was not the codecs' work."""
    line = f"{count(result.ran, 'codec')} in {result.seconds:.1f} s"
    if result.overhead is not None and result.own_seconds >= LEAST_TO_TELL:
        line += (
            f"; {1 - 1 / result.overhead:.0%} of it went into starting processes, reading, writing and comparing files,"
            " and the rest into the codecs' own work"
        )
    return line


def figures(result: Result) -> dict[str, Any]:
    """Return what became of a sweep, for JSON; :class:`n1codec.bench.measure.sweep.Result` explains ``overhead``."""
    return {
        "folder": str(result.folder),
        "ran": result.ran,
        "failed": [outcome.case.mode for outcome in result.bad],
        "seconds": result.seconds,
        "own_seconds": result.own_seconds,
        "overhead": result.overhead,
    }


_FIGURES = ("ratio", "encode xRT", "decode xRT", "encode MB/s", "decode MB/s", "bits/sample", "bytes")
_LOST = ("SNR dB", "SNR 300-6000 Hz", "PSNR dB", "peak", "largest error")


def _headings(quality: bool) -> tuple[str, ...]:
    return ("codec", *_FIGURES, *(_LOST if quality else ()), "verified", "family", "status")


def table(summary: pd.DataFrame, quality: bool = False) -> list[tuple[str, ...]]:
    """Return the lines of the table of a summary; figures that are exact have ten digits."""
    lines: list[tuple[str, ...]] = []
    for row in summary.itertuples():
        good = row.status == "ok"
        about = row.warning if good else row.reason
        status = f"{row.status}: {about}" if about else row.status
        figures: tuple[str, ...] = ("",) * len(_FIGURES)
        if good:
            figures = (
                f"{row.compression_ratio:#.10g}",
                speed(row.average_compression_speed_xRT),
                speed(row.average_decompression_speed_xRT),
                speed(row.encode_MB_per_second),
                speed(row.decode_MB_per_second),
                "" if isnan(row.bits_per_sample) else f"{row.bits_per_sample:#.10g}",
                str(int(row.total_compressed_size_bytes)),
            )
        if quality:
            lost = (row.snr_db, row.snr_spike_db, row.psnr_db, row.psnr_peak, row.largest_error)
            figures += tuple("" if isnan(value) else f"{value:.10g}" for value in lost)
        lines.append((row.mode, *figures, f"{row.verified:.0f}/{row.files:.0f}", row.family, status))
    return lines


def show(summary: pd.DataFrame, quality: bool = False) -> None:
    """Print the table of a summary: coloured on a terminal, else aligned and never cut.

    Args:
        quality: of lossy codecs, with what they lose.
    """
    lines, headings = table(summary, quality), _headings(quality)
    if sys.stdout.isatty():
        from rich import box
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        out = Table(box=box.SIMPLE_HEAD)
        for index, heading in enumerate(headings):
            out.add_column(heading, justify="right" if 1 <= index <= len(headings) - 3 else "left", overflow="fold")
        for line, status in zip(lines, summary["status"], strict=True):
            out.add_row(*map(Text, line), style=_STYLES.get(status, ""))
        Console().print(out)
        return
    _print_aligned(headings, lines, range(1, len(headings) - 4))


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the lines of a table for JSON: numbers with every digit, None where there is none."""
    return [
        {key: None if cell != cell else cell.item() if hasattr(cell, "item") else cell for key, cell in line.items()}
        for line in table.to_dict("records")
    ]


_CHANGE_HEADINGS = ("codec", "files", "ratio before", "ratio after", "ratio change", "interval", "encode speed",
                    "interval", "decode speed", "interval", "size, speed")  # fmt: skip
_SIZES = {"worse": "larger", "same": "same size", "better": "smaller"}


def _verdict(row: dict[str, Any]) -> str:
    """Return what became of the sizes, and what became of the speeds, in words."""
    if row["verdict"] == "worse" and isnan(row["ratio_change"]):
        return "fails now"
    return ", ".join(filter(None, (_SIZES.get(row["verdict"], row["verdict"]), row["speed"])))


def show_changes(table: pd.DataFrame) -> None:
    """Print a table of :func:`n1codec.bench.results.tables.compare`; exact changes, those of ratios, with 9 digits."""
    lines = []
    for row in table.to_dict("records"):
        cells = [row["mode"], str(row["files"])]
        cells += ["" if isnan(row[key]) else f"{row[key]:#.10g}" for key in ("ratio_before", "ratio_after")]
        for what, digits in (("ratio", 9), ("encode", 3), ("decode", 3)):
            change, low, high = (100 * row[f"{what}_change{end}"] for end in ("", "_low", "_high"))
            there = not isnan(change)
            cells += [f"{change:+.{digits}g} %", f"{low:+.3g} to {high:+.3g} %"] if there else ["", ""]
        lines.append((*cells, _verdict(row)))
    _print_aligned(_CHANGE_HEADINGS, lines, range(1, 10))


def _print_aligned(headings: Sequence[str], lines: Sequence[Sequence[str]], right: range) -> None:
    widths = [max(map(len, column)) for column in zip(headings, *lines, strict=True)]
    for line in (headings, *lines):
        cells = [
            cell.rjust(width) if index in right else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())
