"""What the rows of a data set add up to: one line per codec."""

from __future__ import annotations

import csv
import os
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from n1codec.bench.results import store
from n1codec.codec import CodecError

if TYPE_CHECKING:
    import pandas as pd

FILE = "summary.csv"
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
MOST_SPREAD = 0.1
"""A codec with a larger spread of its repeats, in either direction, gets a warning."""
MOST_WAITING = 0.1
"""And so does one whose process time falls short of its wall time by a larger share: the machine was busy."""
LEAST_TO_JUDGE = 0.1
"""Seconds below which such a difference says nothing."""
_LAST = ("mode", "spec", "family", "settings", "dataset", "machine", "cpu", "python", "n1codec", "codec_version",
         "libraries", "timestamp")  # fmt: skip


def latest(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that count: of each codec its last version on its last machine, of each file the last row.

    The row that says that a codec failed as a whole counts only if nothing was added after it.
    """
    identity = ["codec_version", "machine", "python", "n1codec"]
    last = rows.groupby("spec")[identity].transform("last")
    rows = rows[(rows[identity] == last).all(axis=1)]
    rows = rows[~rows.duplicated(["spec", "file"], keep="last")]
    final = ~rows.duplicated("spec", keep="last")
    return rows[(rows["file"] != "") | final]


def summarise(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one line per codec, the highest ratio first; figures only where every file was verified."""
    import pandas as pd

    table = pd.DataFrame([_line(group) for _, group in latest(rows).groupby("spec")], columns=list(COLUMNS))
    return table.sort_values(["compression_ratio", "mode"], ascending=[False, True], ignore_index=True)


def _line(rows: pd.DataFrame) -> dict[str, Any]:
    files = rows[rows["file"] != ""]
    bad = rows[rows["status"] != "ok"]
    line: dict[str, Any] = {column: rows[column].iloc[-1] for column in _LAST}
    line |= {
        "files": len(files),
        "verified": int(files["verified"].sum()),
        "status": bad["status"].iloc[0] if len(bad) else "ok",
        "reason": bad["reason"].iloc[0] if len(bad) else "",
        "jobs": int(rows["jobs"].max()),
    }
    if len(bad):
        return line
    original, compressed = int(files["original_bytes"].sum()), int(files["compressed_bytes"].sum())
    samples = int((files["frames"] * files["channels"]).sum())
    ratios = files["original_bytes"] / files["compressed_bytes"]
    encode, decode, recording = (float(files[f"{what}_seconds"].sum()) for what in ("encode", "decode", "recording"))
    line |= {
        "encode_spread": files["encode_spread"].median(),
        "decode_spread": files["decode_spread"].median(),
    }
    return line | {
        "warning": _warning(line, files),
        "total_original_size_bytes": original,
        "total_compressed_size_bytes": compressed,
        "compression_ratio": original / compressed,
        "average_compression_speed_xRT": recording / encode if recording and encode else None,
        "average_decompression_speed_xRT": recording / decode if recording and decode else None,
        "bits_per_sample": 8 * compressed / samples if samples else None,
        "byte_entropy_before": float((files["byte_entropy_before"] * files["original_bytes"]).sum()) / original,
        "byte_entropy_after": float((files["byte_entropy_after"] * files["compressed_bytes"]).sum()) / compressed,
        "ratio_p5": ratios.quantile(0.05),
        "ratio_p50": ratios.quantile(0.5),
        "ratio_p95": ratios.quantile(0.95),
        "encode_seconds": encode,
        "decode_seconds": decode,
        **{f"{d}_cpu_seconds": files[f"{d}_cpu_seconds"].sum(min_count=1) for d in ("encode", "decode")},
        **{f"{d}_start_seconds": files[f"{d}_start_seconds"].median() for d in ("encode", "decode")},
        **{f"{d}_memory_bytes": files[f"{d}_memory_bytes"].max() for d in ("encode", "decode")},
        **{f"{d}_instructions": _per_sample(files, f"{d}_instructions") for d in ("encode", "decode")},
        "recording_seconds": recording,
        "repeats": int(files[["encode_repeats", "decode_repeats"]].min().min()),
    }


def _warning(line: dict[str, Any], files: pd.DataFrame) -> str:
    warnings = [
        f"{direction} times spread {line[f'{direction}_spread']:.0%}"
        for direction in ("encode", "decode")
        if line[f"{direction}_spread"] > MOST_SPREAD
    ]
    for direction in ("encode", "decode"):
        wall, process = (files[f"{direction}_{which}"].sum() for which in ("seconds", "cpu_seconds"))
        if wall >= LEAST_TO_JUDGE and 0 < process < (1 - MOST_WAITING) * wall:
            warnings.append(f"{direction} waited {1 - process / wall:.0%} of its time")
    if line["jobs"] > 1:
        warnings.append(f"timed {line['jobs']} at a time")
    return ", ".join(warnings)


def _per_sample(files: pd.DataFrame, column: str) -> float | None:
    counted = files[files[column].notna()]
    samples = (counted["frames"] * counted["channels"]).sum()
    return counted[column].sum() / samples if samples else None


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


def write(folder: Path) -> pd.DataFrame:
    """Compute the summary of a results folder from its rows, write it there and return it.

    Raises:
        CodecError: there are no results.
    """
    table = summarise(store.read_frame(folder / store.FILE))
    for column in ("total_original_size_bytes", "total_compressed_size_bytes", "encode_memory_bytes",
                   "decode_memory_bytes", "repeats"):  # fmt: skip
        table[column] = table[column].astype("Int64")  # whole numbers, also where some are missing
    temporary = folder / f".{FILE}.part"
    with temporary.open("w", newline="", encoding="utf-8") as file:
        table.to_csv(file, index=False, lineterminator="\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(folder / FILE)
    return table


def read(folder: Path) -> pd.DataFrame:
    """Return the summary of a results folder; columns that an older version did not have are empty.

    Raises:
        CodecError: there is none.
    """
    path = folder / FILE
    if not path.exists():
        raise CodecError(f"{path}: there is no summary (run n1codec grid first)")
    with path.open(newline="", encoding="utf-8") as file:
        rows = [dict.fromkeys(COLUMNS, "") | row for row in csv.DictReader(file)]
    return store.frame(rows, (*_LAST, "status", "reason", "warning"))


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
