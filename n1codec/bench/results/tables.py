"""Results as tables: of one store, side by side, and for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from n1codec import files
from n1codec.bench.results import store, summary
from n1codec.codec import CodecError, UnavailableError

if TYPE_CHECKING:
    import pandas as pd

VERSIONS = ("n1codec", "codec_version", "machine", "python")
PREVIOUS = "previous"
RESAMPLES = 2000
SEED = 1
LEAST_SPEED = 0.1
"""Share by which a speed has to change to be another: so far do measurements repeat."""
_WHOLE = ("verified", "original_bytes", "compressed_bytes", "frames", "channels", "rate", "bits", "encode_repeats",
          "decode_repeats", "encode_memory_bytes", "decode_memory_bytes", "encode_instructions", "decode_instructions",
          "jobs", "files", "repeats", "total_original_size_bytes", "total_compressed_size_bytes")  # fmt: skip


def load(where: str | Path) -> pd.DataFrame:
    """Return every row of a result store as a frame, one row per file and codec, in the order written.

    Args:
        where: the folder of a data set's results, its files.csv.gz, or a folder of such folders, of which the newest
            is taken. ``@value`` behind it keeps the rows of one n1codec, codec_version, machine or python;
            ``@previous`` keeps, of each codec, the rows before its last version and machine.

    Returns:
        Columns of :data:`n1codec.bench.results.store.COLUMNS`; numbers are float64, NaN where there is none.

    Raises:
        CodecError: there are no results, or none with that value.
    """
    path, _, value = (str(where), "", "") if Path(where).exists() else str(where).rpartition("@")
    path, value = (path, value) if path else (value, "")
    file = Path(path)
    rows = store.read(file if file.is_file() else summary.newest(file, store.FILE) / store.FILE)
    if value == PREVIOUS:
        last = rows.groupby("spec")[list(VERSIONS)].transform("last")
        rows = rows[(rows[list(VERSIONS)] != last).any(axis=1)]
    elif value:
        rows = rows[(rows[list(VERSIONS)] == value).any(axis=1)]
    if rows.empty and value == PREVIOUS:
        raise CodecError(f"{where}: every codec was measured in one version on one machine alone")
    if rows.empty:
        raise CodecError(f"{where}: no results of {value} (it may be {PREVIOUS}, or one of: {', '.join(VERSIONS)})")
    return rows.reset_index(drop=True)


def select(table: pd.DataFrame, codecs: tuple[str, ...] = (), family: str | None = None) -> pd.DataFrame:
    """Return the lines of a summary or a comparison whose mode or spec holds one of ``codecs``, of one family.

    Raises:
        CodecError: there are none.
    """
    keep = np.ones(len(table), bool)
    if codecs:
        keep = np.array([any(c in (m, s) for c in codecs) for m, s in zip(table["mode"], table["spec"], strict=True)])
        if not keep.any():
            keep = np.array([any(c in spec for c in codecs) for spec in table["spec"]])
    if family:
        keep &= (table["family"] == family).to_numpy()
    if not keep.any():
        raise CodecError("there is no such codec in the results (see n1codec results show)")
    return table[keep].reset_index(drop=True)


def compare(before: pd.DataFrame, after: pd.DataFrame, tolerance: float = 0.0) -> pd.DataFrame:
    """Return one line per codec with what changed, over the files that are verified on both sides.

    ``ratio_change`` is ratio after / ratio before - 1, ``encode_change`` and ``decode_change`` are the same of speeds:
    positive is better. Each has ``_low`` and ``_high``, the bounds of a 95 % interval: percentiles over 2000 resamples
    of the files with replacement (Efron 1979), always the same ones. It says how the change would vary with other
    recordings of this kind, not how well a time was measured.

    ``verdict``: "worse" where the ratio fell by more than ``tolerance``, or where a codec that was verified is not any
    more: these are regressions. Else "better" or "same" by the ratio; "new" and "gone" are on one side alone. Speed has
    no part in it. ``speed`` is "faster" or "slower" where a direction changed by more than a tenth, which repeated
    measurements seldom do, "faster and slower" where the two went apart, "same speed" otherwise, "" without times.

    Args:
        before, after: rows of the store; the last of each codec and file count.
        tolerance: share of the ratio that it may lose; sizes are exact, so 0 is sensible.

    Raises:
        CodecError: they have no file of one codec in common.
    """
    import pandas as pd

    sides = [summary.latest(rows) for rows in (before, after)]
    groups = [dict(list(rows.groupby("spec"))) for rows in sides]
    lines = [_compare(spec, groups[0].get(spec), groups[1].get(spec), tolerance) for spec in groups[0] | groups[1]]
    table = pd.DataFrame(lines)
    if not (table["files"] > 0).any() and not (table["verdict"] == "worse").any():
        raise CodecError("they have no file of one codec in common (compare results of the same recordings)")
    return table.sort_values(["ratio_change", "mode"], ignore_index=True)


def _compare(spec: str, before: pd.DataFrame | None, after: pd.DataFrame | None, tolerance: float) -> dict[str, Any]:
    last = after if after is not None else before
    assert last is not None
    line: dict[str, Any] = {"mode": last["mode"].iloc[-1], "spec": spec, "family": last["family"].iloc[-1]}
    empty = ("ratio_before", "ratio_after", *(f"{w}_change{e}" for w in _CHANGES for e in ("", "_low", "_high")))
    line |= {"verdict": "new" if before is None else "gone", "speed": "", "files": 0} | dict.fromkeys(
        empty, float("nan")
    )
    if before is None or after is None:
        return line
    was_good = (before["status"] == "ok").all()
    both = before[before["verified"] == 1].merge(after[after["verified"] == 1], on=["file", "crc32"])
    if was_good and not (after["status"] == "ok").all():
        return line | {"verdict": "worse", "files": len(both)}
    if both.empty:
        return line | {"verdict": "new" if not was_good else "gone"}
    line |= {
        "files": len(both),
        "ratio_before": both["original_bytes_x"].sum() / both["compressed_bytes_x"].sum(),
        "ratio_after": both["original_bytes_y"].sum() / both["compressed_bytes_y"].sum(),
    }
    for what, column in _CHANGES.items():
        old, new = both[f"{column}_x"].to_numpy(), both[f"{column}_y"].to_numpy()
        line |= dict(zip((f"{what}_change{end}" for end in ("", "_low", "_high")), _change(old, new), strict=True))
    change = line["ratio_change"]
    speeds = [line[f"{what}_change"] for what in ("encode", "decode") if np.isfinite(line[f"{what}_change"])]
    words = [word for word, there in (("faster", any(s > LEAST_SPEED for s in speeds)),
                                      ("slower", any(s < -LEAST_SPEED for s in speeds))) if there]  # fmt: skip
    return line | {
        "verdict": "worse" if change < -tolerance else "better" if change > 0 else "same",
        "speed": " and ".join(words) or ("same speed" if speeds else ""),
    }


_CHANGES = {"ratio": "compressed_bytes", "encode": "encode_seconds", "decode": "decode_seconds"}


def _change(old: np.ndarray, new: np.ndarray) -> tuple[float, float, float]:
    """Return sum(old) / sum(new) - 1 over files, and the 95 % bounds of its bootstrap."""
    picked = np.random.default_rng(SEED).integers(0, len(old), (RESAMPLES, len(old)))
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = old[picked].sum(axis=1) / new[picked].sum(axis=1) - 1
        low, high = np.percentile(spread, [2.5, 97.5])
        return float(old.sum() / new.sum() - 1), float(low), float(high)


def export(table: pd.DataFrame, path: Path) -> None:
    """Write a frame as CSV or Parquet, by the ending of ``path``; whole numbers are integers there.

    Raises:
        CodecError: it has another ending.
        UnavailableError: Parquet needs pyarrow.
        OSError: the disk is full and the like; ``filename`` is set. What stood at ``path`` before still stands there.
    """
    table = table.copy()
    for column in table.columns.intersection(list(_WHOLE)):
        values = table[column].dropna()
        if (values == values.round()).all():
            table[column] = table[column].astype("Int64")
    if path.suffix == ".csv":
        files.write_text(path, table.to_csv(index=False, lineterminator="\n"))
        return
    if path.suffix != ".parquet":
        raise CodecError(f"{path}: its name ends neither in .csv nor in .parquet")
    for column in table.select_dtypes(object):  # Parquet's text is UTF-8; other bytes of file names become \udcxx
        table[column] = [str(cell).encode("utf-8", "backslashreplace").decode("utf-8") for cell in table[column]]
    try:
        data = table.to_parquet(None, engine="pyarrow", index=False)
    except ImportError:
        raise UnavailableError("Parquet needs pyarrow (pip install n1codec[parquet])") from None
    files.write(path, data)
