"""What the rows of a data set add up to: one line per codec."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from n1codec import files
from n1codec.bench.results import parsing, store
from n1codec.codec import CodecError

if TYPE_CHECKING:
    import pandas as pd

FILE = "summary.csv"
QUALITY = "quality.csv"
"""The same of lossy codecs."""
COLUMNS = (
    "mode",
    "total_original_size_bytes",
    "total_compressed_size_bytes",
    "compression_ratio",
    "average_compression_speed_xRT",
    "average_decompression_speed_xRT",
    "bits_per_sample",
    "spec",
    "family",
    "files",
    "verified",
    "status",
    "reason",
    "warning",  # why the speeds are not to be trusted; empty if they are
    "byte_entropy_before",  # bits per byte, mean over files weighted by their bytes
    "byte_entropy_after",
    "ratio_p5",  # percentiles over files
    "ratio_p50",
    "ratio_p95",
    "encode_spread",  # median over files of interquartile range / median of the repeats
    "decode_spread",
    "encode_seconds",  # the codec's own work on all files once
    "decode_seconds",
    "encode_cpu_seconds",
    "decode_cpu_seconds",
    "encode_start_seconds",  # median over files of the start of a process, for each not in the seconds
    "decode_start_seconds",
    "encode_memory_bytes",  # the most of any file
    "decode_memory_bytes",
    "encode_instructions",  # per sample, over the files where they were counted
    "decode_instructions",
    "recording_seconds",
    "encode_MB_per_second",  # millions of bytes of the original files
    "decode_MB_per_second",
    "repeats",  # the fewest of any file and direction
    "jobs",  # the most codecs that were measured at the same time
    "settings",
    "dataset",
    "machine",
    "cpu",
    "python",
    "n1codec",
    "codec_version",
    "libraries",
    "timestamp",
)
DISTORTIONS = ("snr_db", "snr_spike_db", "psnr_db", "psnr_peak", "largest_error")
"""Further columns of lossy codecs: means of decibels over files, the peak if all have the same, the largest error."""
DIRECTIONS = ("encode", "decode")
MOST_SPREAD = 0.1
"""A codec with a larger spread of its repeats, in either direction, gets a warning."""
MOST_WAITING = 0.1
"""And so does one whose process time falls short of its wall time by a larger share: the machine was busy."""
LEAST_TO_JUDGE = 0.1
"""Seconds below which such a difference says nothing."""
NUMBERS = frozenset(COLUMNS + DISTORTIONS) - {"mode", "spec", "family", "status", "reason", "warning", "settings",
                                               "dataset", "machine", "cpu", "python", "n1codec", "codec_version",
                                               "libraries", "timestamp"}  # fmt: skip
_LAST = ("mode", "spec", "family", "settings", "dataset", "machine", "cpu", "python", "n1codec", "codec_version",
         "libraries", "timestamp")  # fmt: skip


def latest(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that count: of each codec its last version on its last machine, of each file the last row.

    The row that says that a codec failed as a whole counts only if nothing was added after it.
    """
    import pandas as pd

    codes, specs = pd.factorize(rows["spec"].to_numpy())
    last = np.zeros(len(specs), np.intp)
    np.maximum.at(last, codes, np.arange(len(rows)))
    counts = np.ones(len(rows), bool)
    for column in ("codec_version", "machine", "python", "n1codec"):
        cells = rows[column].to_numpy()
        counts &= cells == cells[last][codes]
    rows = rows[counts]
    rows = rows[~rows.duplicated(["spec", "file"], keep="last")]
    final = ~rows.duplicated("spec", keep="last")
    return rows[(rows["file"] != "") | final]


def summarise(rows: pd.DataFrame, quality: bool = False) -> pd.DataFrame:
    """Return one line per codec, the highest ratio first; figures only where every file was verified.

    Args:
        quality: with the columns of lossy codecs, too.
    """
    import pandas as pd

    rows = latest(rows).sort_values("spec", kind="stable")
    columns = {name: rows[name].to_numpy() for name in store.COLUMNS}
    spec = columns["spec"]
    bounds = [0, *(np.flatnonzero(spec[1:] != spec[:-1]) + 1), len(spec)]
    lines = [_line({name: cells[a:b] for name, cells in columns.items()}) for a, b in pairwise(bounds)]
    table = pd.DataFrame(lines, columns=[*COLUMNS, *(DISTORTIONS if quality else ())])
    for column in NUMBERS & {*table.columns}:
        if table[column].dtype == object:  # there is no number in it, or not in each line
            table[column] = table[column].astype(float)
    return table.sort_values(["compression_ratio", "mode"], ascending=[False, True], ignore_index=True)


Cells = dict[str, np.ndarray]
"""The rows of one codec: by column an array of shape (rows,), float64 or str objects."""


def _line(rows: Cells) -> dict[str, Any]:
    line: dict[str, Any] = {column: rows[column][-1] for column in _LAST}
    bad = rows["status"] != "ok"
    jobs = int(_most(rows["jobs"]) or 1)
    line |= {
        "files": max(int(np.count_nonzero(rows["file"] != "")), int(_most(rows["files"]) or 0)),
        "verified": int(_sum(rows["verified"])),
        "status": rows["status"][bad][0] if bad.any() else "ok",
        "reason": rows["reason"][bad][0] if bad.any() else "",
        "jobs": jobs,
    }
    return line if bad.any() else line | _figures(rows, jobs)


def _figures(files: Cells, jobs: int) -> dict[str, Any]:
    """Return the columns of a codec that only one has that did all files.

    Args:
        files: rows of files, each verified.
        jobs: the most codecs that were measured at the same time.
    """
    original, compressed = int(_sum(files["original_bytes"])), int(_sum(files["compressed_bytes"]))
    samples = int(_sum(files["frames"] * files["channels"]))
    ratios = files["original_bytes"] / files["compressed_bytes"]
    encode, decode, recording = (_sum(files[f"{what}_seconds"]) for what in ("encode", "decode", "recording"))
    repeats = _over(np.min, np.concatenate([files[f"{d}_repeats"] for d in DIRECTIONS]))
    return {
        "warning": _warning(files, jobs),
        "total_original_size_bytes": original,
        "total_compressed_size_bytes": compressed,
        "compression_ratio": original / compressed,
        "average_compression_speed_xRT": recording / encode if recording and encode else None,
        "average_decompression_speed_xRT": recording / decode if recording and decode else None,
        "bits_per_sample": 8 * compressed / samples if samples else None,
        "byte_entropy_before": _mean(files["byte_entropy_before"], files["original_bytes"]),
        "byte_entropy_after": _mean(files["byte_entropy_after"], files["compressed_bytes"]),
        **{f"ratio_p{percent}": float(np.percentile(ratios, percent)) for percent in (5, 50, 95)},
        **{f"{d}_spread": _over(np.median, files[f"{d}_spread"]) for d in DIRECTIONS},
        "encode_seconds": encode,
        "decode_seconds": decode,
        **{f"{d}_cpu_seconds": _over(np.sum, files[f"{d}_cpu_seconds"]) for d in DIRECTIONS},
        **{f"{d}_start_seconds": _over(np.median, files[f"{d}_start_seconds"]) for d in DIRECTIONS},
        **{f"{d}_memory_bytes": _most(files[f"{d}_memory_bytes"]) for d in DIRECTIONS},
        **{f"{d}_instructions": _per_sample(files, f"{d}_instructions") for d in DIRECTIONS},
        "recording_seconds": recording,
        "encode_MB_per_second": original / encode / 1e6 if encode else None,
        "decode_MB_per_second": original / decode / 1e6 if decode else None,
        "repeats": None if repeats is None else int(repeats),
        **{column: _over(np.mean, files[column]) for column in DISTORTIONS[:3]},
        "psnr_peak": _over(np.min, files["psnr_peak"]) if len({*files["psnr_peak"]}) == 1 else None,
        "largest_error": _most(files["largest_error"]),
    }


def _warning(files: Cells, jobs: int) -> str:
    warnings = [
        f"{direction} times spread {spread:.0%}"
        for direction in DIRECTIONS
        if (spread := _over(np.median, files[f"{direction}_spread"]) or 0) > MOST_SPREAD
    ]
    for direction in DIRECTIONS:
        wall, process = (_sum(files[f"{direction}_{which}"]) for which in ("seconds", "cpu_seconds"))
        if wall >= LEAST_TO_JUDGE and 0 < process < (1 - MOST_WAITING) * wall:
            warnings.append(f"{direction} waited {1 - process / wall:.0%} of its time")
    if jobs > 1:
        warnings.append(f"timed {jobs} at a time")
    return ", ".join(warnings)


def _sum(cells: np.ndarray) -> float:
    return float(np.nansum(cells))


def _over(function: Callable[[np.ndarray], Any], cells: np.ndarray) -> float | None:
    """Return what a function makes of the numbers that are there, None if there are none."""
    there = cells[~np.isnan(cells)]
    return float(function(there)) if len(there) else None


def _most(cells: np.ndarray) -> float | None:
    return _over(np.max, cells)


def _mean(cells: np.ndarray, weights: np.ndarray) -> float | None:
    whole = _sum(weights)
    return _sum(cells * weights) / whole if whole else None


def _per_sample(files: Cells, column: str) -> float | None:
    counted = ~np.isnan(files[column])
    samples = _sum((files["frames"] * files["channels"])[counted])
    return _sum(files[column]) / samples if samples else None


def front(speed: np.ndarray, ratio: np.ndarray) -> np.ndarray:
    """Return the indices of the codecs, of one dimension both, that no other beats in speed and ratio; the fastest
    first."""
    order = np.lexsort((-ratio, -speed))
    highest = np.maximum.accumulate(np.concatenate(([-np.inf], ratio[order])))
    return order[ratio[order] > highest[:-1]]


def speed(value: float) -> str:
    """Return a measured speed with three significant digits, without an exponent; "" for NaN, which is none."""
    if isnan(value):
        return ""
    return f"{value:.3g}" if value < 999.5 else f"{float(f'{value:.2e}'):.0f}"


def write(folder: Path, quality: bool = False) -> pd.DataFrame:
    """Compute the summary of a results folder from its rows, write it there and return it.

    Args:
        quality: that of lossy codecs.

    Raises:
        CodecError: there are no results.
    """
    table = summarise(store.read(folder / (store.QUALITY if quality else store.FILE)), quality)
    for column in ("total_original_size_bytes", "total_compressed_size_bytes", "encode_memory_bytes",
                   "decode_memory_bytes", "repeats"):  # fmt: skip
        table[column] = table[column].astype("Int64")  # whole numbers, also where some are missing
    files.write_text(folder / (QUALITY if quality else FILE), table.to_csv(index=False, lineterminator="\n"))
    return table


def read(folder: Path, quality: bool = False) -> pd.DataFrame:
    """Return the summary of a results folder; columns that an older version did not have are empty.

    Args:
        quality: that of lossy codecs.

    Raises:
        CodecError: there is none.
    """
    path = folder / (QUALITY if quality else FILE)
    if not path.exists():
        raise CodecError(f"{path}: there is no summary (run n1codec grid first)")
    title, _, text = files.read(path).partition(b"\n")
    columns = title.decode("utf-8", "replace").strip().split(",")
    if "mode" not in columns:
        raise CodecError(f"{path}: it is no summary of results (remove it, and run n1codec grid)")
    table = parsing.parse(columns, NUMBERS, text)
    if table is None:
        wrong = parsing.what_is_wrong(columns, NUMBERS, text)
        raise CodecError(f"{path}: {wrong} (mend it, or remove it and run n1codec grid)")
    return parsing.complete(table, COLUMNS + (DISTORTIONS if quality else ()), NUMBERS)


def newest(results: Path, name: str = FILE) -> Path:
    """Return a results folder itself, or the one in it whose summary, or file of that name, is the newest.

    Raises:
        CodecError: there are no results in either.
    """
    if (results / name).exists():
        return results
    found = sorted(results.glob(f"*/{name}"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise CodecError(f"{results}: there are no results (run n1codec grid first, or name another folder)")
    return found[-1].parent
