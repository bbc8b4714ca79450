"""Tables and the plot of the road from lossless codecs to counts of spikes."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from n1codec import files
from n1codec.lossy.road import EVENTS, LEVELS, LOSSLESS, NEAR, TRANSFORM
from n1codec.report.plots import headed, save
from n1codec.report.style import GREY, INK, RULE, colour, marker
from n1codec.stream.energy import LIMIT_MW, NODES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "The road to one megabit a second"
_GROUPS = (LOSSLESS, NEAR, TRANSFORM, EVENTS)
_TICKS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000)
Line = dict[str, Any]


def _figure(value: Any, digits: int = 2) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _digits(value: float) -> str:
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"


def _range(line: Line, name: str) -> str:
    return f"{_digits(line[f'{name}_low'])} - {_digits(line[f'{name}_high'])}"


_KEPT: tuple[tuple[str, Callable[[Line], str]], ...] = (
    ("kbit/s", lambda line: _digits(line["kbit_s"])),
    ("of 16 bits", lambda line: _digits(line["ratio_16"])),
    ("of 10 bits", lambda line: "" if line["ratio_10"] is None else _digits(line["ratio_10"])),
    ("SNR dB", lambda line: _figure(line["snr_db"])),
    ("300-6000 Hz", lambda line: _figure(line["snr_spike_db"])),
    *((f"hits at {level}", lambda line, level=level: _figure(line[f"hit_{level}"], 3)) for level in LEVELS),
    ("false a second", lambda line: _figure(line["false_alarms_per_s"], 3)),
    ("sorting", lambda line: _figure(line["accuracy"], 3)),
)
_SPENT: tuple[tuple[str, Callable[[Line], str]], ...] = (
    ("operations", lambda line: _digits(line["operations"])),
    ("bytes", lambda line: _digits(line["touched_bytes"])),
    ("memory kB", lambda line: _digits(line["memory_bytes"] / 1e3)),
    *((f"pJ, {node} nm", lambda line, node=node: _range(line, f"pj_{node}")) for node in NODES),
    *((f"mW, {node} nm", lambda line, node=node: _range(line, f"mw_{node}")) for node in NODES),
    ("radio mW", lambda line: _range(line, "radio_mw")),
    ("Bluetooth mW", lambda line: _figure(line["bluetooth_mw"])),
)
_AUTOENCODER: tuple[tuple[str, Callable[[Line], str]], ...] = (
    ("spikes a second", lambda line: _range(line, "spikes_per_s")),
    ("multiplications", lambda line: f"{line['multiplications_per_spike']}"),
    ("weight bytes", lambda line: f"{line['weight_bytes']}"),
    ("codewords kbit/s", lambda line: _digits(line["kbit_s_low"])),
    *((f"mW, {node} nm", lambda line, node=node: _range(line, f"mw_{node}")) for node in NODES),
    ("times real time", lambda line: _digits(line["real_time_low"])),
)


def tables(lines: Sequence[Line], network: Sequence[Line]) -> list[tuple[str, list[list[str]]]]:
    """Return titles and cells, the head first: what is kept, what it takes, and what the autoencoder takes."""
    models = [{"point": f"{line['model']}, {line['channels']} channels"} | line for line in network]
    return [
        (title, [["point", *(name for name, _ in columns)],
                 *([line["point"], *(text(line) for _, text in columns)] for line in of)])
        for title, columns, of in (
            ("What is kept", _KEPT, lines),
            ("What it takes: an estimate", _SPENT, lines),
            ("The autoencoders' encoders", _AUTOENCODER, models),
        )
        if of
    ]  # fmt: skip


def as_text(lines: Sequence[Line], network: Sequence[Line]) -> list[str]:
    """Return the tables as lines of text in columns."""
    out: list[str] = []
    for title, cells in tables(lines, network):
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        out += [""] * bool(out) + [title]
        for first, *others in cells:
            right = [f"{cell:>{width}}" for cell, width in zip(others, widths[1:], strict=True)]
            out.append("  ".join([f"{first:<{widths[0]}}", *right]))
    return out


def write(folder: Path, about: str, command: str, lines: Sequence[Line], network: Sequence[Line]) -> list[Path]:
    """Write README.md, road.csv, autoencoder.csv and the plot into a folder; return the files written.

    Args:
        about: the recordings in words.
        command: what made the results.
    """
    texts = {"road.csv": _csv(lines), "README.md": _page(about, command, lines, network)}
    if network:
        texts["autoencoder.csv"] = _csv(network)
    for name, text in texts.items():
        files.write_text(folder / name, text)
    return [*(folder / name for name in texts), *save({"road": lambda: plot(lines, about)}, folder)]


def _csv(rows: Sequence[Line]) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: "" if value is None else value for name, value in row.items()} for row in rows)
    return text.getvalue()


def _page(about: str, command: str, lines: Sequence[Line], network: Sequence[Line]) -> str:
    text = [f"# {TITLE}", "", f"Made by `{command}` of {about}. docs/radio.md explains the figures.", ""]
    for title, cells in tables(lines, network):
        text += [f"## {title}", ""]
        rows = [cells[0], ["---", *["---:"] * (len(cells[0]) - 1)], *cells[1:]]
        text += [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows] + [""]
    return "\n".join([*text, "![The road](road.png)", ""])


def plot(lines: Sequence[Line], about: str) -> Figure:
    """Draw signal-to-noise ratios, hits and power against the ratio, which has a scale of either kind."""
    figure = headed(11, 8.6, TITLE, about,
                    foot="Power: an estimate from counted operations and published energies; a bar is its range. "
                    "docs/radio.md says what is in it.")  # fmt: skip
    panels = figure.subplots(2, 2, sharex=True)
    (full, spikes), (hits, power) = panels
    for axes, key, title in (
        (full, "snr_db", "signal-to-noise ratio, full band, dB"),
        (spikes, "snr_spike_db", "signal-to-noise ratio, 300 to 6000 Hz, dB"),
    ):
        _groups(axes, lines, key)
        axes.set_ylabel(title)
    for style, level in zip(("-", "--", ":"), reversed(LEVELS), strict=True):
        _groups(hits, lines, f"hit_{level}", style, labelled=False)
        hits.plot([], [], color=GREY, linestyle=style, label=f"spikes of {level} times the noise")
    sorting = [(line["ratio_16"], line["accuracy"]) for line in lines if line["accuracy"] is not None]
    if sorting:
        hits.scatter(*zip(*sorting, strict=True), s=46, facecolors="none", edgecolors=INK, marker="h", zorder=4,
                     label="sorting accuracy, generated")  # fmt: skip
    hits.set_ylim(-0.03, 1.03)
    hits.set_ylabel("share that is found")
    hits.legend(fontsize=8, frameon=False, loc="lower left")
    _power(power, lines)
    low, high = 0.8 * min(line["ratio_16"] for line in lines), 1.4 * max(line["ratio_16"] for line in lines)
    ticks = [tick for tick in _TICKS if low <= tick <= high]
    for axes in panels.flat:
        axes.set_xscale("log")
        axes.set_xlim(low, high)
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.set_xticks([], minor=True)
        axes.grid(color=RULE, linewidth=0.5)
        megabit = _at_a_megabit(lines)
        if low < megabit < high:
            axes.axvline(megabit, color=GREY, linewidth=0.9, linestyle=(0, (5, 3)))
    for axes in panels[1]:
        axes.set_xlabel("compression ratio of 16-bit samples")
    if all(line["ratio_10"] is not None for line in lines):
        for axes in panels[0]:
            above = axes.secondary_xaxis("top", functions=(lambda r: r * 10 / 16, lambda r: r * 16 / 10))
            above.set_xscale("log")
            above.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
            above.set_xticks([], minor=True)
            above.set_xlabel("compression ratio of 10-bit codes")
    spikes.annotate("1 Mbit/s", (_at_a_megabit(lines), 1), xycoords=("data", "axes fraction"), xytext=(3, -10),
                    textcoords="offset points", fontsize=8, color=GREY)  # fmt: skip
    full.legend(fontsize=8, frameon=False)
    return figure


def _at_a_megabit(lines: Sequence[Line]) -> float:
    """Return the ratio of 16-bit samples at which all channels take 1 Mbit/s."""
    return lines[0]["ratio_16"] * lines[0]["kbit_s"] / 1e3


def _groups(axes: Axes, lines: Sequence[Line], key: str, style: str = "-", labelled: bool = True) -> None:
    for slot, group in enumerate(_GROUPS):
        own = [line for line in lines if line["group"] == group and line[key] is not None]
        axes.plot([line["ratio_16"] for line in own], [line[key] for line in own], color=colour(slot),
                  marker=marker(slot), markersize=5, linewidth=1.3, linestyle=style,
                  label=group if labelled else None)  # fmt: skip


def _power(axes: Axes, lines: Sequence[Line]) -> None:
    for shift, node, style in ((0.96, NODES[0], "-"), (1.04, NODES[1], "--")):
        for slot, group in enumerate(_GROUPS):
            for line in lines:
                if line["group"] == group:
                    at, ends = line["ratio_16"] * shift, (line[f"mw_{node}_low"], line[f"mw_{node}_high"])
                    axes.plot((at, at), ends, color=colour(slot), linewidth=2, linestyle=style)
                    axes.plot(at, (ends[0] * ends[1]) ** 0.5, color=colour(slot), marker=marker(slot), markersize=4)
        axes.plot([], [], color=GREY, linestyle=style, linewidth=2, label=f"encoder, {node} nm")
    across = [line["ratio_16"] for line in lines]
    axes.fill_between(across, [line["radio_mw_low"] for line in lines], [line["radio_mw_high"] for line in lines],
                      color=GREY, alpha=0.25, linewidth=0, label="impulse radio")  # fmt: skip
    small = [(line["ratio_16"], line["bluetooth_mw"]) for line in lines if line["bluetooth_mw"] is not None]
    if small:
        axes.plot(*zip(*small, strict=True), color=GREY, marker="x", markersize=4, linewidth=1, label="Bluetooth")
    axes.axhline(LIMIT_MW, color=INK, linewidth=1, linestyle=":")
    axes.annotate(f"{LIMIT_MW:g} mW", (1, LIMIT_MW), xycoords=("axes fraction", "data"), xytext=(-3, 3),
                  textcoords="offset points", fontsize=8, ha="right")  # fmt: skip
    axes.set_yscale("log")
    most = max(line[f"mw_{NODES[0]}_high"] for line in lines)
    ticks = [10.0**exponent for exponent in range(-3, 10) if 10.0**exponent <= 10 * most]
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_yticks([], minor=True)
    axes.set_ylabel("power of all channels, mW (estimate)")
    axes.legend(fontsize=8, frameon=False)
