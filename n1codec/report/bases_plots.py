"""Tables and plots of the comparison of bases."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from n1codec import files
from n1codec.lossy.bases import RATIOS, Found, Signal, compaction, table
from n1codec.lossy.curves import SHARES
from n1codec.lossy.peers import columns
from n1codec.report.plots import headed, save
from n1codec.report.style import INK, RULE, colour, marker

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DRAWN = ("codec-mdct", "mdct256", "9/7", "dct256", "klt64", "haar", "identity")
"""The bases that are told apart, those of them that were measured; the others are within a line's width of these."""


def write(
    folder: Path,
    name: str,
    signals: Sequence[Signal],
    found: dict[str, dict[int, Found]],
    lines: Sequence[dict[str, Any]],
    peers: Sequence[dict[str, Any]] = (),
    equal: Sequence[dict[str, Any]] = (),
) -> list[Path]:
    """Write README.md, bases.csv, terms.csv, peers.csv and the plots into a folder; return the files written.

    Args:
        lines: of the bases, by ``bases.table``.
        peers, equal: points of other codecs and their ratios at equal errors, by ``peers.table`` and ``near_lossless``.
    """
    curves = table(signals, found, RATIOS)
    largest = compaction(found)
    about = f"{name}: {len(signals)} {'channel' if len(signals) == 1 else 'channels'}"
    texts = {"bases.csv": _csv(lines), "README.md": _page(about, lines, largest, peers, equal)}
    plots = {"rate": lambda: _rate(curves, about, peers)}
    if peers:
        texts["peers.csv"] = _csv(peers)
    if largest:
        texts["terms.csv"] = _csv(largest)
        plots["terms"] = lambda: _terms(largest, about)
    for file, text in texts.items():
        files.write_text(folder / file, text)
    return [*(folder / file for file in texts), *save(plots, folder)]


def _csv(rows: Sequence[dict[str, Any]]) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: "" if value is None else value for key, value in row.items()} for row in rows)
    return text.getvalue()


def _page(
    about: str,
    lines: Sequence[dict[str, Any]],
    largest: Sequence[dict[str, Any]],
    peers: Sequence[dict[str, Any]],
    equal: Sequence[dict[str, Any]],
) -> str:
    ratios = list(dict.fromkeys(line["ratio"] for line in lines))
    cells = {(line["basis"], line["ratio"]): line for line in lines}
    names = sorted({line["basis"] for line in lines}, key=lambda one: -cells[one, ratios[len(ratios) // 2]]["snr_db"])
    head = "| " + " | ".join(["basis", *(f"{ratio:g}" for ratio in ratios)]) + " |\n"
    rule = "| --- |" + " ---: |" * len(ratios) + "\n"

    def rows(key: str, first: Sequence[str] = ()) -> str:
        def text(value: float | None) -> str:
            return "" if value is None else f"{value:.2f}"

        limit = ["| *bound* | " + " | ".join(text(cells[names[0], ratio]["bound_db"]) for ratio in ratios) + " |"]
        body = [f"| {one} | " + " | ".join(text(cells[one, ratio][key]) for ratio in ratios) + " |" for one in names]
        return "\n".join([*(limit if first else ()), *body]) + "\n"

    return (
        f"# Bases\n\nMade by `n1codec bases` of {about}. Ratios are those of 16-bit samples; dB are means over the\n"
        "channels. Bits are those of an adaptive code of each band, with all side information. docs/bases.md explains\n"
        "the measurement.\n\n## Signal-to-noise ratio\n\n"
        + head + rule + rows("snr_db", ("bound",))
        + "\n## Between 300 and 6000 Hz\n\n" + head + rule + rows("snr_spike_db")
        + "\n## Below the bound\n\n" + head + rule + rows("gap_db")
        + "\n![rate](rate.png)\n"
        + (_peers(peers, equal) if peers else "")
        + (_largest(largest) if largest else "")
    )  # fmt: skip


def _peers(peers: Sequence[dict[str, Any]], equal: Sequence[dict[str, Any]]) -> str:
    head = [
        "codec",
        "ratio",
        "SNR dB",
        "300-6000 Hz",
        "bound dB",
        "largest error",
        "encode xRT",
        "decode xRT",
        "channels",
    ]
    text = [
        "\n## Peers\n\nOther codecs (`--peers`) with the bytes that they really write, and the ratio of all channels",
        "together. The bound of a line is the mean of the channels' bounds, each at the bits that it took; times are",
        "those of the processor. No decibels stand where a channel came back without loss.\n",
        f"| {' | '.join(head)} |",
        "| --- |" + " ---: |" * (len(head) - 1),
    ]
    for line in peers:
        name = line["basis"].replace("|", r"\|")
        snr, spike = ("" if line[key] is None else f"{line[key]:.2f}" for key in ("snr_db", "snr_spike_db"))
        text.append(
            f"| `{name}` | {line['ratio']:.3f} | {snr} | {spike} | {line['bound_db']:.2f} | {line['largest_error']:g} "
            f"| {line['encode_xrt']:.0f} | {line['decode_xrt']:.0f} | {line['files']} |"
        )
    if equal:
        names = columns(equal)
        cells = [name.replace("|", r"\|") for name in names]
        text += [
            "\n## At equal errors\n\nRatios at the same largest error, in steps of the converter. WavPack has none:",
            "`wavpack_error` is the coarsest of its settings that keeps it, for each channel; `wavpack_snr` has",
            "the signal-to-noise ratio of `round`, its bits interpolated between settings (its coarsest if that has",
            "more).\n",
            f"| error | {' | '.join(f'`{cell}`' for cell in cells)} |",
            "| ---: |" + " ---: |" * len(names),
        ]
        for line in equal:
            ratios = (f"{line[name]:.3f}" if name in line else "" for name in names)
            text.append(f"| {line['error']:g} | {' | '.join(ratios)} |")
    return "\n".join(text) + "\n"


def _largest(rows: Sequence[dict[str, Any]]) -> str:
    head = "| basis | " + " | ".join(f"{share:.1%}" for share in SHARES) + " |\n| --- |" + " ---: |" * len(SHARES)
    body = [f"| {row['basis']} | " + " | ".join(f"{row[f'{share:g}']:.2f}" for share in SHARES) + " |" for row in rows]
    return "\n".join(
        ["\n## The largest coefficients alone\n\nSignal-to-noise ratio of so large a share of the coefficients:\n",
         head, *body, "\n![terms](terms.png)\n"]
    )  # fmt: skip


def _lines(axes: Axes, names: Sequence[str], points: dict[str, tuple[list[float], list[float]]]) -> None:
    """Draw a line for each basis: those that are told apart in colours and with markers, the others thin and grey."""
    told = [name for name in _DRAWN if name in names]
    for name in names:
        if name not in told:
            axes.plot(*points[name], color=RULE, linewidth=1, zorder=1)
    for slot, name in enumerate(told):
        axes.plot(*points[name], color=colour(slot), marker=marker(slot), markersize=4, linewidth=1.4, label=name)


def _logarithmic(axes: Axes, ticks: Sequence[float]) -> None:
    axes.set_xscale("log")
    axes.set_xticks(list(ticks), [f"{tick:g}" for tick in ticks])
    axes.set_xticks([], minor=True)


def _points(axes: Axes, peers: Sequence[dict[str, Any]], key: str) -> None:
    """Draw other codecs as points, each with a marker of its own; all are within the ratios of the lines."""
    families: dict[str, list[tuple[float, float]]] = {}
    for line in peers:
        name, _, rest = line["basis"].partition(":")
        if line[key] is not None and RATIOS[0] / 2 <= line["ratio"] <= RATIOS[-1]:
            families.setdefault(name + "".join(rest.partition("|")[1:]), []).append((line["ratio"], line[key]))
    for slot, (name, points) in enumerate(families.items()):
        ratios, decibels = zip(*points, strict=True)
        axes.scatter(ratios, decibels, s=22, facecolors="none", edgecolors=colour(slot), linewidths=1.1,
                     marker=marker(slot + len(_DRAWN)), label=name, zorder=3)  # fmt: skip


def _rate(lines: Sequence[dict[str, Any]], about: str, peers: Sequence[dict[str, Any]]) -> Figure:
    figure = headed(10, 6, "Rate and distortion", f"{about} · means of dB; grey: the other bases")
    panels = figure.subplots(1, 2, sharex=True)
    names = list(dict.fromkeys(line["basis"] for line in lines))
    for axes, key, title in zip(panels, ("snr_db", "snr_spike_db"), ("full band", "300 to 6000 Hz"), strict=True):
        by_name = {name: [line for line in lines if line["basis"] == name] for name in names}
        points = {
            name: (
                [line["ratio"] for line in rows],
                [np.nan if line[key] is None else line[key] for line in rows],
            )
            for name, rows in by_name.items()
        }
        if key == "snr_db":
            rows = by_name[names[0]]
            axes.plot([line["ratio"] for line in rows], [line["bound_db"] for line in rows], color=INK, linewidth=1.6,
                      linestyle="--", label="bound R(D)")  # fmt: skip
        _lines(axes, names, points)
        _points(axes, peers, key)
        _logarithmic(axes, RATIOS)
        axes.set_title(title, fontsize=9)
        axes.set_xlabel("compression ratio (16-bit samples)")
        axes.set_ylabel("signal-to-noise ratio, dB")
        axes.grid(color=RULE, linewidth=0.5)
    panels[0].legend(fontsize=8, frameon=False)
    return figure


def _terms(largest: Sequence[dict[str, Any]], about: str) -> Figure:
    figure = headed(8, 6, "The largest coefficients alone", f"{about} · means of dB; grey: the other bases")
    axes = figure.subplots()
    names = [row["basis"] for row in largest]
    points = {
        row["basis"]: ([100 * share for share in SHARES], [row[f"{share:g}"] for share in SHARES]) for row in largest
    }
    _lines(axes, names, points)
    _logarithmic(axes, [100 * share for share in SHARES])
    axes.set_xlabel("coefficients kept, %")
    axes.set_ylabel("signal-to-noise ratio, dB")
    axes.grid(color=RULE, linewidth=0.5)
    axes.legend(fontsize=8, frameon=False)
    return figure
