"""The report of a data set: one HTML file that needs no network, from the result store and the statistics alone.

The tables are in the page itself, so that it can be read and printed without scripts; the script of assets/ sorts and
filters them, and draws the plots. Whatever comes from files is escaped.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import n1codec
from n1codec import files, registry
from n1codec.analysis.histogram import histogram
from n1codec.analysis.stats import Settings
from n1codec.bench.results import store, summary
from n1codec.bench.results.summary import speed
from n1codec.codec import CodecError
from n1codec.lossy import quality
from n1codec.pipeline import get_codec
from n1codec.report import quality_page, tables
from n1codec.report.page import PEERS
from n1codec.report.style import colour, marker, slots

if TYPE_CHECKING:
    import pandas as pd

FILE = "report.html"
STATS = "stats.json"
"""What ``n1codec stats --json`` says of the recordings of a results folder."""
_MOST_BARS = 2048
_ASSETS = Path(__file__).parent / "assets"
_SHAPES = {
    "X": "M-5-3-3-5 0-2 3-5 5-3 2 0 5 3 3 5 0 2-3 5-5 3-2 0z",
    "o": "M-4.4 0a4.4 4.4 0 1 1 8.8 0a4.4 4.4 0 1 1-8.8 0z",
    "s": "M-4-4H4V4H-4z",
    "D": "M0-5.4 5.4 0 0 5.4-5.4 0z",
    "^": "M0-5 5 4H-5z",
    "v": "M0 5 5-4H-5z",
    "P": "M-2-5H2V-2H5V2H2V5H-2V2H-5V-2H-2z",
    "*": "M0-6.5 1.7-2.2 6.2-2 2.7.9 3.8 5.3 0 2.8-3.8 5.3-2.7.9-6.2-2-1.7-2.2z",
    "<": "M-5 0 4-5V5z",
    ">": "M5 0-4-5V5z",
    "p": "M0-5 4.8-1.5 2.9 4H-2.9L-4.8-1.5z",
    "h": "M0-5 4.3-2.5V2.5L0 5-4.3 2.5V-2.5z",
}
"""Paths of the markers, by the names of matplotlib, around 0 and 10 wide."""
_SECTIONS = {
    "tradeoff": "Ratio and speed",
    "ranking": "Codecs",
    "single": "Single files",
    "bounds": "Bounds",
    "peers": "Peers",
    "recordings": "Recordings",
    "science": "Science",
    "repeat": "Repeat it",
}
_BOUNDS = (
    ("entropy_0", "Order 0", "each sample coded by itself"),
    ("entropy_diff", "First differences", "of the samples as they are"),
    ("entropy_code_diff", "Differences of codes", "in steps of the converter"),
    ("entropy_1", "Order 1", "the sample before is known"),
)


def write(folder: Path, target: Path | None = None) -> Path:
    """Write the report of a results folder and return its path.

    Args:
        folder: has summary.csv and files.csv.gz, and may have peers.csv and stats.json; or science.jsonl, or all of
            these.
        target: the file; report.html in the folder if None.

    Raises:
        CodecError: there are no results, or not one codec was verified.
    """
    path = target or folder / FILE
    text = render(folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write(path, text.encode("utf-8", "replace"))
    return path


def render(folder: Path) -> str:
    """Return the report of a results folder as one HTML page; see ``write``."""
    if not (folder / summary.FILE).exists() and quality_page.there(folder):
        return _science_alone(folder)
    found = summary.read(folder)
    good = found[found["status"] == "ok"].sort_values(["compression_ratio", "mode"], ascending=[False, True])
    if good.empty:
        raise CodecError(f"{folder}: no codec has verified results (see {summary.FILE} for the reasons)")
    codecs = [_codec(row) for row in good.to_dict("records")]
    peers = _peers(folder)
    stats = _stats(folder)
    files, originals, sizes = _sizes(folder, [codec["spec"] for codec in codecs])
    families = [
        {"name": name, "colour": _colour(slot), "shape": _SHAPES[marker(slot)]}
        for name, slot in slots(good["family"]).items()
    ]
    data = {
        "codecs": codecs,
        "families": families,
        "peer": peers[0] if peers else None,
        "files": files,
        "originals": originals,
        "sizes": sizes,
        "bounds": _bounds(stats),
        "histogram": _histogram(stats),
        "psd": stats and stats["psd"],
        "perFile": _per_file(stats, files),
    }
    dataset = str(good["dataset"].iloc[0])
    parts = {
        "families": "".join(map(_chip, families)),
        "example": escape(_example(codecs), quote=True),
        "codecs": _codec_table(codecs, families),
        "peers": _peer_table(peers, codecs),
        "bounds": _bound_table(stats, codecs),
        "stats": _stats_section(stats),
        "rest": _rest(found),
        "science": _science(folder),
        "machine": _machine(good),
        "repeat": _repeat(dataset),
    }
    script = _asset("report.js")
    return _filled(
        "frame.html",
        {
            **_shared(f"N1 Codec: {dataset}", f"Results: {dataset}", _lead(good)),
            "first": "#ranking",
            "top": f'<ul class="cards">{_cards(codecs, peers, good)}</ul>\n{_navigation(quality_page.there(folder))}',
            "main": _filled("report.html", parts),
            "sizes": "Sizes are whole .n1c files against whole files of the recordings.",
            "script_source": f"'{content_hash(script)}'",
            "scripts": '<div id="tip" role="status" hidden></div>\n'
            f'<script type="application/json" id="data">{embedded(data)}</script>\n<script>{script}</script>',
        },
    )


def _science_alone(folder: Path) -> str:
    """Return the page of a folder that has no sweep."""
    title = f"N1 Codec: {folder.resolve().name}"
    return _filled(
        "frame.html",
        {
            **_shared(title, title, quality_page.about(quality_page.measured(folder))),
            "first": "#science",
            "top": "",
            "main": _science(folder),
            "sizes": "Ratios count the bytes of whole .n1c files.",
            "script_source": "'none'",
            "scripts": "",
        },
    )


def _shared(title: str, heading: str, lead: str) -> dict[str, str]:
    """Return what every page has."""
    text = {"title": title, "heading": heading, "lead": lead, "version": n1codec.__version__}
    return {name: escape(value) for name, value in text.items()} | {"style": _asset("report.css")}


def _asset(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8")


def _filled(template: str, parts: Mapping[str, str]) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], _asset(template))


def content_hash(script: str) -> str:
    """Return the source in a Content-Security-Policy by which the browser runs this inline script and no other."""
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode('ascii')}"


def embedded(data: Any) -> str:
    """Return JSON that may stand in a script element, whatever strings it has."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


# -- what goes into it -----------------------------------------------------------------------------------------------


def _number(row: Mapping[str, Any], name: str, digits: int = 9) -> float | None:
    """Return a figure of a row, None if it is absent or undefined."""
    value = row.get(name)
    if value is None or isinstance(value, str) or isnan(value):
        return None
    return float(f"{value:.{digits}g}")


def _codec(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "mode": row["mode"],
        "spec": row["spec"],
        "family": row["family"],
        "ratio": _number(row, "compression_ratio", 12),
        "bytes": _number(row, "total_compressed_size_bytes", 15),
        "bits": _number(row, "bits_per_sample", 12),
        "encode": _number(row, "average_compression_speed_xRT", 4),
        "decode": _number(row, "average_decompression_speed_xRT", 4),
        "encodeRate": _number(row, "encode_MB_per_second", 4),
        "decodeRate": _number(row, "decode_MB_per_second", 4),
        "warning": _warning(row),
        "memory": _most(row, "encode_memory_bytes", "decode_memory_bytes"),
        "encodeInstructions": _number(row, "encode_instructions", 4),
        "decodeInstructions": _number(row, "decode_instructions", 4),
        "p5": _number(row, "ratio_p5", 6),
        "p50": _number(row, "ratio_p50", 6),
        "p95": _number(row, "ratio_p95", 6),
        "libraries": row.get("libraries", ""),
        "files": _number(row, "files"),
    }


def _most(row: Mapping[str, Any], *names: str) -> float | None:
    found = [value for name in names if (value := _number(row, name, 4)) is not None]
    return max(found, default=None)


def _warning(row: Mapping[str, Any]) -> str:
    """Return why the speeds of a row are rough, "" if they are not.

    Older results have no column for it; there, times of several jobs at once are rough.
    """
    jobs = _number(row, "jobs") or 1
    return str(row.get("warning") or "") or (f"timed {jobs:.0f} at a time" if jobs > 1 else "")


def _peers(folder: Path) -> list[dict[str, Any]]:
    """Return the names and ratios of the compressors in peers.csv, the highest ratio first; none without the file."""
    path = folder / PEERS
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        rows = [
            {"name": row["peer"], "ratio": int(row["original_bytes"]) / int(row["compressed_bytes"])}
            for row in csv.DictReader(file)
        ]
    return sorted(rows, key=lambda row: -row["ratio"])


def _stats(folder: Path) -> dict[str, Any] | None:
    path = folder / STATS
    if not path.exists():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return found if {"total", "spread", "histogram", "psd", "files", "settings"} <= found.keys() else None
    except (ValueError, AttributeError) as error:
        raise CodecError(f"{path}: it is not what n1codec stats --json writes (write it again)") from error


def _sizes(folder: Path, specs: Sequence[str]) -> tuple[list[str], str, list[str]]:
    """Return the names of the files, their sizes, and those that each codec made of them: uint32 in base64."""
    rows = summary.latest(store.read(folder / store.FILE))
    rows = rows[(rows["file"] != "") & rows["spec"].isin(specs) & (rows["status"] == "ok")]
    compressed = rows.pivot(index="spec", columns="file", values="compressed_bytes").reindex(list(specs))
    originals = rows.groupby("file")["original_bytes"].last().reindex(compressed.columns)
    packed = [_packed(line) for line in compressed.to_numpy()]
    return list(map(str, compressed.columns)), _packed(originals.to_numpy()), packed


def _packed(numbers: np.ndarray) -> str:
    whole = np.nan_to_num(numbers.astype(np.float64)).clip(0, 2**32 - 1).astype("<u4")
    return base64.b64encode(whole.tobytes()).decode("ascii")


def _bounds(stats: dict[str, Any] | None) -> list[dict[str, Any]]:
    if stats is None:
        return []
    return [
        {"name": title, "shared": stats["total"][name], "own": stats["total"][f"{name}_own"]}
        for name, title, _ in _BOUNDS
    ]


def _histogram(stats: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the histogram of all samples. Its bins have the same number of codes each; the plot joins neighbours."""
    if stats is None:
        return None
    values, counts = (np.array(stats["histogram"][name]) for name in ("values", "counts"))
    found = histogram(values, counts, _MOST_BARS)
    return {
        "low": float(found.values[0]) if found.values.size else 0.0,
        "width": found.width,
        "counts": found.counts.tolist(),
    }


def _per_file(stats: dict[str, Any] | None, files: Sequence[str]) -> dict[str, list[float | None]]:
    """Return figures of the recordings in the order of ``files``, for the horizontal axis of a plot."""
    rows = {row["file"]: row for row in stats["files"]} if stats else {}
    names = ("noise_band", "sd", "spectral_entropy", "spike_rate", "entropy_0", "entropy_code_diff")
    if not rows:
        return {}
    return {name: [_number(rows.get(file, {}), name, 5) for file in files] for name in names}


# -- the parts of the page -------------------------------------------------------------------------------------------


def _table(headings: Iterable[str], rows: Iterable[Sequence[str]], caption: str, figures: int = 1) -> str:
    """Return a table of cells that are HTML already; the last ``figures`` columns are numbers."""
    head = list(headings)
    sides = [' class="n"' if i >= len(head) - figures else "" for i in range(len(head))]
    lines = [
        f'<div class="scroll" tabindex="0" role="region" aria-label="{caption}"><table>',
        f"<caption>{caption}</caption><thead><tr>",
        *(f'<th scope="col"{side}>{text}</th>' for text, side in zip(head, sides, strict=True)),
        "</tr></thead><tbody>",
    ]
    for first, *others in rows:
        cells = "".join(f"<td{side}>{cell}</td>" for cell, side in zip(others, sides[1:], strict=True))
        lines.append(f'<tr><th scope="row">{first}</th>{cells}</tr>')
    return "\n".join([*lines, "</tbody></table></div>"])


def _code(text: str) -> str:
    """Return a spec that a narrow column may break behind its bars and commas."""
    return f"<code>{escape(text).replace('|', '|<wbr>').replace(',', ',<wbr>')}</code>"


def _lead(good: pd.DataFrame) -> str:
    files = int(good["files"].max())
    megabytes = good["total_original_size_bytes"].max() / 1e6
    seconds = good["recording_seconds"].max() if "recording_seconds" in good else 0.0
    length = f", {seconds / 60:.1f} minutes" if seconds and seconds > 90 else ""
    data = f"{files} recordings ({megabytes:.1f} MB{length})"
    return f"{len(good)} codecs on {data}, every round trip compared byte for byte"


def _navigation(science: bool) -> str:
    links = (f'<a href="#{name}">{title}</a>' for name, title in _SECTIONS.items() if science or name != "science")
    return f'<nav aria-label="Sections">{" ".join(links)}</nav>'


def _example(codecs: list[dict[str, Any]]) -> str:
    """Return words to filter with that find something: two stages of a codec, and one that it has not."""
    stages = [[stage.partition(":")[0] for stage in codec["spec"].split("|")] for codec in codecs]
    best = next((i for i, names in enumerate(stages) if len(names) > 1), 0)
    words = stages[best][:2]
    text = " ".join(codecs[best][key] for key in ("mode", "spec", "family"))
    others = (names[-1] for names in reversed(stages) if set(words) <= set(names) and names[-1] not in text)
    return " ".join([*words, *(f"-{name}" for name in others)][: len(words) + 1])


def _cards(codecs: list[dict[str, Any]], peers: list[dict[str, Any]], good: pd.DataFrame) -> str:
    best = codecs[0]
    cards = [(f"{best['ratio']:.4f}", "highest ratio", best["mode"])]
    default = registry.DEFAULT
    spec = get_codec(default).spec
    for codec in codecs:
        if codec["spec"] == spec and codec is not best:
            pace = f", encodes at {speed(codec['encode'])} xRT" if codec["encode"] else ""
            cards.append((f"{codec['ratio']:.4f}", f"the default{pace}", codec["mode"]))
    timed = [codec for codec in codecs if codec["encode"] and codec["ratio"] >= 0.95 * best["ratio"]]
    if timed:
        fastest = max(timed, key=lambda codec: codec["encode"])
        cards.append((f"{speed(fastest['encode'])} xRT", "fastest within 5 % of the best", fastest["mode"]))
    if peers:
        cards.append((f"{peers[0]['ratio']:.4f}", "best of the peers", peers[0]["name"]))
    return "".join(
        f'<li><b>{escape(figure)}</b><span>{escape(about)}</span><span class="who">{_code(who)}</span></li>'
        for figure, about, who in cards
    )


def _colour(slot: int) -> str:
    """Return a family's colour in CSS; black is that of the text, which is light on dark."""
    return "var(--ink)" if colour(slot) == "#000000" else colour(slot)


def _icon(family: Mapping[str, str]) -> str:
    return (
        f'<svg class="icon" viewBox="-7 -7 14 14" aria-hidden="true">'
        f'<path class="mark" d="{family["shape"]}" style="--c:{family["colour"]}"/></svg>'
    )


def _chip(family: Mapping[str, str]) -> str:
    name = escape(family["name"], quote=True)
    return f'<button type="button" class="chip" data-family="{name}" aria-pressed="true">{_icon(family)}{name}</button>'


_COLUMNS = (
    ("mode", "codec", ""),
    ("ratio", "ratio", "bytes of the recordings / bytes of the .n1c files"),
    ("bits", "bits/sample", "bits of .n1c files per sample"),
    ("encode", "encode xRT", "seconds of recording per second of encoding, more is faster"),
    ("decode", "decode xRT", "seconds of recording per second of decoding, more is faster"),
    ("encodeRate", "encode MB/s", "millions of bytes of the recordings per second of encoding"),
    ("decodeRate", "decode MB/s", "millions of bytes of the recordings per second of decoding"),
    ("memory", "memory MB", "the most memory of the codec's own work, in MB"),
    ("encodeInstructions", "encode instr.", "instructions per sample"),
    ("decodeInstructions", "decode instr.", "instructions per sample"),
    ("p50", "single files", "ratios of single files: 5 %, median, 95 %"),
    ("family", "family", ""),
)
"""Key in the data, heading, explanation; a column is shown if some codec has it."""


def _codec_table(codecs: list[dict[str, Any]], families: list[dict[str, str]]) -> str:
    icons = {family["name"]: _icon(family) for family in families}
    shown = [column for column in _COLUMNS if any(codec[column[0]] is not None for codec in codecs)]
    head = "".join(
        f'<th scope="col" class="{key}" aria-sort="{"descending" if key == "ratio" else "none"}">'
        f'<button type="button" data-sort="{key}" title="{escape(about, quote=True)}">{title}</button></th>'
        for key, title, about in shown
    )
    low = min((codec["p5"] for codec in codecs if codec["p5"]), default=0.0)
    high = max((codec["p95"] for codec in codecs if codec["p95"]), default=1.0)
    best = codecs[0]["ratio"]

    def spread(codec: dict[str, Any]) -> str:
        if not codec["p5"]:
            return ""
        at = [100 * (codec[key] - low) / (high - low or 1) for key in ("p5", "p50", "p95")]
        text = f"{codec['p5']:.2f} to {codec['p95']:.2f}, median {codec['p50']:.2f}"
        return (
            f'<svg class="spread" viewBox="0 0 100 10" preserveAspectRatio="none" role="img" aria-label="{text}">'
            f'<title>{text}</title><path d="M{at[0]:.1f} 5H{at[2]:.1f}" class="range"/>'
            f'<path d="M{at[1]:.1f} 1V9" class="middle"/></svg>'
        )

    def pace(codec: dict[str, Any], key: str) -> str:
        if not codec[key]:
            return ""
        if not codec["warning"]:
            return speed(codec[key])
        return f'<span title="{escape(codec["warning"], quote=True)}">~{speed(codec[key])}</span>'

    def figure(value: float | None, form: str) -> str:
        return "" if value is None else format(value, form)

    lines = []
    for index, codec in enumerate(codecs):
        memory = codec["memory"]
        cells = {
            "ratio": f'<span class="bar" style="--w:{codec["ratio"] / best:.4f}">{codec["ratio"]:.4f}</span>',
            "bits": figure(codec["bits"], ".3f"),
            "encode": pace(codec, "encode"),
            "decode": pace(codec, "decode"),
            "encodeRate": pace(codec, "encodeRate"),
            "decodeRate": pace(codec, "decodeRate"),
            "memory": "" if memory is None else speed(memory / 1e6),
            "encodeInstructions": figure(codec["encodeInstructions"], ",.0f"),
            "decodeInstructions": figure(codec["decodeInstructions"], ",.0f"),
            "p50": spread(codec),
            "family": f"{icons[codec['family']]}{escape(codec['family'])}",
        }
        body = "".join(f'<td class="{key}">{cells[key]}</td>' for key, _, _ in shown[1:])
        name = _code(codec["mode"])
        lines.append(
            f'<tr data-i="{index}"><th scope="row" class="mode">'
            f'<button type="button" class="pick">{name}</button></th>{body}</tr>'
        )
    return (
        f'<table id="codecs"><caption>All codecs</caption><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table>"
    )


def _peer_table(peers: list[dict[str, Any]], codecs: list[dict[str, Any]]) -> str:
    if not peers:
        return '<p class="note">There is no peers.csv beside these results.</p>'
    rows = []
    for peer in peers:
        better = sum(codec["ratio"] > peer["ratio"] for codec in codecs)
        rows.append((_code(peer["name"]), f"{peer['ratio']:.4f}", str(better)))
    return _table(("codec", "ratio", "codecs here that reach more"), rows, "Peers", figures=2)


def _bound_table(stats: dict[str, Any] | None, codecs: list[dict[str, Any]]) -> str:
    if stats is None:
        return _no_stats()
    bits = stats["total"]["bits"]
    rows = []
    for name, title, about in _BOUNDS:
        shared, own = stats["total"][name], stats["total"][f"{name}_own"]
        better = sum(codec["bits"] is not None and codec["bits"] < shared for codec in codecs)
        ratio = f"{bits / shared:.3f}" if bits and shared else ""
        label = f'{escape(title)} <span class="note">{escape(about)}</span>'
        rows.append((label, f"{shared:.4f}", f"{own:.4f}", ratio, str(better)))
    head = ("model", "one table for all files", "a table for each file, not counted", "ratio", "codecs below")
    return _table(head, rows, "Entropies, in bits per sample", figures=4)


def _no_stats() -> str:
    return (
        '<p class="note">The recordings were not analysed: '
        f"<code>n1codec report --data DIR</code> writes {STATS} beside the results, from which this is shown.</p>"
    )


def _stats_section(stats: dict[str, Any] | None) -> str:
    if stats is None:
        return _no_stats()
    names = {name: about for section in tables.ABOUT.values() for name, about in section.items()}

    def plain(value: Any) -> str:
        if isinstance(value, float) and not isnan(value):
            short = f"{value:.5g}" if abs(value) < 1e4 else f"{value:,.0f}"
            return f'<span title="{tables.exact(value)}">{short}</span>'
        return f"{value:,}" if isinstance(value, int) else escape(tables.exact(value))

    rows = [
        (f'<code>{name}</code> <span class="note">{escape(about)}</span>', plain(stats["total"][name]))
        for name, about in names.items()
        if stats["total"].get(name) is not None
    ]
    half = (len(rows) + 1) // 2
    both = "".join(
        f"<table><caption>{caption}</caption><tbody>"
        + "".join(f'<tr><th scope="row">{name}</th><td class="n">{value}</td></tr>' for name, value in part)
        + "</tbody></table>"
        for part, caption in ((rows[:half], "All samples together"), (rows[half:], "All samples together, continued"))
    )
    settings = Settings(**{**stats["settings"], "band": tuple(stats["settings"]["band"])})
    return f'<div class="pair">{both}</div><p class="note">{escape(tables.describe(settings))}.</p>'


def _rest(found: pd.DataFrame) -> str:
    bad = found[found["status"] != "ok"]
    if bad.empty:
        return ""
    rows = [(_code(row.mode), escape(row.status), escape(str(row.reason))) for row in bad.itertuples()]
    body = _table(("codec", "status", "reason"), rows, "Codecs without results", figures=0)
    return f'<section id="rest"><h2>Without results</h2>{body}</section>'


def _science(folder: Path) -> str:
    """Return the section of what ``n1codec quality`` has measured; empty where that is nothing."""
    rows = quality_page.measured(folder)
    if not rows:
        return ""
    png = base64.b64encode(quality_page.picture(rows)).decode("ascii")
    shown = "Accuracy of sorting, and signal-to-noise ratio of the band of spikes, against ratio"
    parts = [
        f'<section id="science"><h2>{quality_page.TITLE}</h2>',
        f"<p>{escape(quality_page.about(rows))}; means over the recordings (<code>n1codec quality</code>).</p>",
        f'<figure><img style="max-width:100%" alt="{shown}" src="data:image/png;base64,{png}"></figure>',
    ]
    for found in quality_page.tables(quality.table(rows)):
        body = [(_code(row[0].strip("*")), *map(escape, row[1:])) for row in found.body]
        parts.append(_table(map(escape, found.head), body, escape(found.title), figures=len(found.head) - 1))
    return "".join([*parts, "</section>"])


def _machine(good: pd.DataFrame) -> str:
    def only(column: str) -> str:
        if column not in good:
            return ""
        return ", ".join(sorted({str(value) for value in good[column].dropna()} - {""}))

    times = sorted(str(value) for value in good["timestamp"] if value) if "timestamp" in good else []
    libraries = sorted({one for part in only("libraries").split(", ") for one in part.split("; ")} - {""})
    jobs = int(good["jobs"].fillna(1).max()) if "jobs" in good else 1
    warned = sum(bool(warning) for warning in good["warning"]) if "warning" in good else 0
    rows = [
        ("Machine", escape(only("cpu"))),
        ("Fingerprint", escape(only("machine"))),
        ("Python", escape(only("python"))),
        ("n1codec", escape(only("n1codec"))),
        ("Measured", escape(" to ".join(dict.fromkeys((times[0], times[-1])))) if times else ""),
        ("Codecs at a time", str(jobs)),
        ("Settings", escape(only("settings"))),
        ("Rough speeds", f"{warned}, behind a ~ that says why" if warned else ""),
        ("Fewest repeats", f"{good['repeats'].min():.0f}" if "repeats" in good else ""),
        ("Libraries", escape(", ".join(libraries))),
    ]
    lines = (f"<dt>{name}</dt><dd>{value}</dd>" for name, value in rows if value)
    return f"<dl>{''.join(lines)}</dl>"


def _repeat(dataset: str) -> str:
    where = f"results/{dataset}"
    lines = (
        "make data      # the public recordings; or DATA=folder, or N1_DATA_ZIP=data.zip",
        "make grid      # every codec, one at a time",
        f"make report RESULTS={where} DATA=data",
    )
    return f"<pre><code>{escape(chr(10).join(lines))}</code></pre>"
