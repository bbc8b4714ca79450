"""Tables and plots of what codecs do to science."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from n1codec import files
from n1codec.bench.results import summary
from n1codec.codec import CodecError
from n1codec.lossy import quality
from n1codec.report.plots import headed, save
from n1codec.report.style import GREY, RULE, colour, marker

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TABLE, PAGE, PLOT = "science.csv", "README.md", "science"
TITLE = "What codecs do to science"
_BEFORE = "*the recording*"
Line = dict[str, Any]


def _figure(digits: int) -> Callable[[Any], str]:
    return lambda value: "" if value is None else f"{value:.{digits}f}"


_COLUMNS: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
    ("ratio", "ratio", _figure(3)),
    ("bits_per_sample", "bits a sample", _figure(3)),
    ("snr_db", "SNR dB", _figure(2)),
    ("snr_spike_db", "300-6000 Hz", _figure(2)),
    ("largest_error", "largest error", lambda value: "" if value is None else f"{value:g}"),
    ("spikes_kept", "detected still", _figure(3)),
    ("false_alarms_per_s", "new ones a second", _figure(3)),
    ("hits", "of the known ones", _figure(3)),
)
_SORTED: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
    ("accuracy", "accuracy", _figure(3)),
    ("accuracy_loss", "lost", _figure(3)),
    ("accuracy_loss_worst", "lost at worst", _figure(3)),
    ("units_found", "found well", _figure(1)),
    ("units_false", "false units", _figure(1)),
)


def there(folder: Path) -> bool:
    """Return whether ``n1codec quality`` has measured something for a folder of results."""
    return (folder / quality.FILE).exists()


def measured(folder: Path) -> list[quality.Row]:
    """Return the last row of each recording and codec; none if nothing was measured."""
    return quality.latest(quality.read(folder))


def write(folder: Path) -> list[Path]:
    """Write tables and plots of a folder's store beside it, and return the files written.

    README.md is left to the page of a sweep, if the folder has one.

    Raises:
        CodecError: the store has no rows.
    """
    rows = measured(folder)
    if not rows:
        raise CodecError(f"{folder / quality.FILE}: there are no results (run n1codec quality)")
    texts = {TABLE: _csv(quality.table(rows))}
    if not (folder / summary.FILE).exists():
        texts[PAGE] = "\n".join(section(folder))
    for name, text in texts.items():
        files.write_text(folder / name, text)
    return [*(folder / name for name in texts), *save({PLOT: lambda: plot(rows)}, folder)]


def about(rows: Sequence[quality.Row]) -> str:
    """Return in words what was measured."""
    names = list(dict.fromkeys(row["recording"] for row in rows))
    seconds = rows[0]["frames"] / rows[0]["rate"]
    sorters = sorted({f"{row['sorter']} ({row['sorter_version']})" for row in rows if row["sorter"]})
    return (
        f"{names[0]}{f' and {len(names) - 1} more' if len(names) > 1 else ''}: {rows[0]['channels']} channels, "
        f"{seconds:g} s{', sorted by ' + ', '.join(sorters) if sorters else ''}"
    )


def section(folder: Path, mark: str = "#") -> list[str]:
    """Return the tables of a folder's store as lines of Markdown under a title, none if nothing was measured."""
    rows = measured(folder)
    if not rows:
        return []
    lines = quality.table(rows)
    text = [f"{mark} {TITLE}", "", f"Made by `n1codec quality` of {about(rows)}; means over the recordings.",
            f"Spikes are detected on each channel ({rows[0]['detector']}). docs/quality.md explains the figures.",
            ""]  # fmt: skip
    for found in tables(lines):
        text += [f"{mark}# {found.title}", "", *_markdown(found)]
    return [*text, f"![Sorting and spike-band signal against ratio]({PLOT}.png)", ""]


class Table(NamedTuple):
    """A table in words."""

    title: str
    head: list[str]
    body: list[list[str]]


def tables(lines: Sequence[Line]) -> list[Table]:
    """Return what ``quality.table`` has, as tables: samples and detection, sorting, neurons of each loudness."""
    found = [Table("Samples and detected spikes", *_cells(lines, _COLUMNS))]
    if any(line["accuracy"] is not None for line in lines):
        title = f"Sorting: accuracy, and neurons with {quality.WELL:g} or more"
        found.append(Table(title, *_cells(lines, _SORTED)))
    for key, what in (("accuracy", "Accuracy"), ("hits", "Detected")):
        if any(part[f"{key}_before"] is not None for line in lines for part in line["classes"]):
            found.append(_classes(lines, key, what))
    return found


def _cells(
    lines: Sequence[Line], columns: Sequence[tuple[str, str, Callable[[Any], str]]]
) -> tuple[list[str], list[list[str]]]:
    shown = [column for column in columns if any(line[column[0]] is not None for line in lines)]
    return (
        ["codec", *(title for _, title, _ in shown)],
        [[line["codec"], *(text(line[key]) for key, _, text in shown)] for line in lines],
    )


def _classes(lines: Sequence[Line], key: str, what: str) -> Table:
    """Return what becomes of neurons of each loudness."""
    text = _figure(3)
    known = {part["snr"]: part for line in lines for part in line["classes"] if part[f"{key}_before"] is not None}
    body = [[_BEFORE, *(text(part[f"{key}_before"]) for part in known.values())]]
    for line in lines:
        parts = {part["snr"]: part[key] for part in line["classes"]}
        body.append([line["codec"], *(text(parts.get(name)) for name in known)])
    head = ["codec", *(f"{name} ({part['units']})" for name, part in known.items())]
    return Table(f"{what}: neurons by their signal-to-noise ratio", head, body)


def as_text(lines: Sequence[Line]) -> list[str]:
    """Return the tables as lines of text in columns."""
    out: list[str] = []
    for found in tables(lines):
        rows = [found.head, *found.body]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        out += [""] * bool(out) + [found.title]
        for first, *others in rows:
            cells = [f"{cell:>{width}}" for cell, width in zip(others, widths[1:], strict=True)]
            out.append("  ".join([f"{first:<{widths[0]}}", *cells]))
    return out


def _markdown(table: Table) -> list[str]:
    def code(text: str) -> str:
        return text if text == _BEFORE else "`" + text.replace("|", "\\|") + "`"

    sides = ["---", *["---:"] * (len(table.head) - 1)]
    body = [[code(row[0]), *row[1:]] for row in table.body]
    return [f"| {' | '.join(row)} |" for row in (table.head, sides, *body)] + [""]


def _csv(lines: Sequence[Line]) -> str:
    rows = []
    for line in lines:
        row = {key: value for key, value in line.items() if key != "classes"}
        for part in line["classes"]:
            row |= {f"{key} {part['snr']}": value for key, value in part.items() if key != "snr"}
        rows.append(row)
    text = io.StringIO(newline="")
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: "" if value is None else value for key, value in row.items()} for row in rows)
    return text.getvalue()


def picture(rows: Sequence[quality.Row]) -> bytes:
    """Return the plot as PNG."""
    with tempfile.TemporaryDirectory() as name:
        png, _ = save({PLOT: lambda: plot(rows)}, Path(name))
        return files.read(png)


def plot(rows: Sequence[quality.Row]) -> Figure:
    """Draw what is left of spikes, and the signal-to-noise ratio of their band, against the ratio."""
    lines = quality.table(rows)
    figure = headed(10, 4.8, TITLE, about(rows))
    left, right = figure.subplots(1, 2, sharex=True)
    key = "accuracy" if any(line["accuracy"] is not None for line in lines) else "hits"
    if all(line[key] is None for line in lines):
        key = "spikes_kept"
    families = {line["codec"]: _family(line["codec"]) for line in lines}
    for slot, family in enumerate(dict.fromkeys(families.values())):
        group = [line for line in lines if families[line["codec"]] == family]
        for axes, figures in ((left, key), (right, "snr_spike_db")):
            points = [(line["ratio"], line[figures]) for line in group if line[figures] is not None]
            if points:
                axes.plot(*zip(*points, strict=True), color=colour(slot), marker=marker(slot), markersize=5,
                          linewidth=1.4, label=family)  # fmt: skip
        if key == "accuracy":
            _spread(left, rows, [line["spec"] for line in group], colour(slot))
    _axes(left, [line["ratio"] for line in lines],
          {"accuracy": "accuracy of sorting", "hits": "share of the known spikes that is detected",
           "spikes_kept": "share of the spikes that is still detected"}[key])  # fmt: skip
    _axes(right, [line["ratio"] for line in lines], "signal-to-noise ratio 300 to 6000 Hz, dB")
    left.set_ylim(-0.03, 1.03)
    if key != "spikes_kept":
        known = [line[f"{key}_before"] for line in lines if line[f"{key}_before"] is not None]
        left.axhline(float(np.mean(known)), color=GREY, linewidth=1, linestyle="--", label="the recording itself")
    left.legend(fontsize=8, frameon=False)
    return figure


def _family(spec: str) -> str:
    """Return a codec without its parameters: those of one family differ in how much they lose."""
    return "|".join(stage.split(":")[0] for stage in spec.split("|"))


def _spread(axes: Axes, rows: Sequence[quality.Row], codecs: Sequence[str], shade: str) -> None:
    """Draw a dot for each recording."""
    points = [(row["ratio"], row["accuracy"]) for row in rows
              if row["spec"] in codecs and row.get("accuracy") is not None]  # fmt: skip
    if points:
        across, up = zip(*points, strict=True)
        axes.scatter(across, up, s=9, color=shade, alpha=0.45, linewidths=0)


def _axes(axes: Axes, ratios: Sequence[float], title: str) -> None:
    ticks = [tick for tick in (1, 2, 3, 5, 10, 20, 30, 50, 100, 200, 500, 1000)
             if 0.7 * min(ratios) <= tick <= 1.4 * max(ratios)]  # fmt: skip
    axes.set_xscale("log")
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_xticks([], minor=True)
    axes.set_xlabel("compression ratio")
    axes.set_ylabel(title)
    axes.grid(color=RULE, linewidth=0.5)
