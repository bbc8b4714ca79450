"""What is made of stored results: the table, what changed, and files for other programs."""

from __future__ import annotations

import errno
import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from n1codec import cli
from n1codec.bench.results import store, summary, tables
from n1codec.codec import CodecError

Run = Callable[..., subprocess.CompletedProcess[str]]
FILES = 12


def rows(spec: str, sizes: np.ndarray, seconds: float = 0.1, **more: object) -> list[dict[str, object]]:
    about = {"dataset": "d", "spec": spec, "mode": spec, "family": "dictionary", "status": "ok", "verified": 1,
             "jobs": 1, "n1codec": "1.0.0", "codec_version": "aaaa", "machine": "m", "python": "3",
             "original_bytes": 1000,
             "frames": 478, "channels": 1, "recording_seconds": 1.0, "encode_repeats": 3, "decode_repeats": 3,
             "encode_seconds": seconds, "decode_seconds": 0.05, "byte_entropy_before": 5,
             "byte_entropy_after": 8}  # fmt: skip
    return [about | {"file": f"{i}.wav", "crc32": f"{i:08x}", "compressed_bytes": int(size)} | more
            for i, size in enumerate(sizes)]  # fmt: skip


SIZES = np.arange(400, 400 + FILES)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return written(tmp_path / "old", rows("zstd", SIZES), rows("bz2", SIZES - 100), rows("gone", SIZES))


def written(folder: Path, *members: list[dict[str, object]], summarise: bool = True) -> Path:
    folder.mkdir()
    for member in members:
        store.Store(folder / store.FILE).append(member)
    if summarise:
        summary.write(folder)
    return folder


def test_nothing_changed(run: Run, old: Path) -> None:
    done = run("n1codec", "results", "compare", old, old)
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.endswith("same size, same speed") for line in done.stdout.splitlines()[1:]] == [True] * 3


def test_any_byte_more_is_a_regression_within_the_tolerance_or_not(run: Run, old: Path, tmp_path: Path) -> None:
    larger = SIZES.copy()
    larger[3] += 1
    new = written(tmp_path / "new", rows("zstd", larger, 0.05), rows("bz2", SIZES - 101), rows("new", SIZES))
    done = run("n1codec", "results", "compare", old, new, "--json")
    assert (done.returncode, done.stderr) == (1, "")
    found = {line["spec"]: line for line in json.loads(done.stdout)}
    assert {spec: line["verdict"] for spec, line in found.items()} == {
        "zstd": "worse", "bz2": "better", "new": "new", "gone": "gone"
    }  # fmt: skip
    zstd = found["zstd"]
    assert zstd["files"] == FILES
    assert zstd["ratio_before"] == pytest.approx(1000 * FILES / SIZES.sum(), rel=1e-14)
    assert zstd["ratio_change"] == pytest.approx(SIZES.sum() / (SIZES.sum() + 1) - 1, rel=1e-9)
    assert zstd["ratio_change_low"] < zstd["ratio_change"] < zstd["ratio_change_high"] <= 0
    assert zstd["encode_change"] == pytest.approx(1)
    assert zstd["decode_change"] == 0
    assert run("n1codec", "results", "compare", old, new, "--tolerance", 0.1).returncode == 0
    assert run("n1codec", "results", "compare", old, new, "--codec", "bz2").returncode == 0


def test_a_codec_that_fails_now_is_a_regression(run: Run, old: Path, tmp_path: Path) -> None:
    failed = rows("zstd", SIZES[:1], file="", status="failed", reason="why", verified=0)
    done = run("n1codec", "results", "compare", old, written(tmp_path / "new", failed))
    assert done.returncode == 1
    assert "fails now" in done.stdout


def test_other_recordings_cannot_be_compared(run: Run, old: Path, tmp_path: Path) -> None:
    new = written(tmp_path / "new", rows("zstd", SIZES, crc32="ffffffff"))
    done = run("n1codec", "results", "compare", old, new)
    assert (done.returncode, done.stdout) == (1, "")
    assert "no file of one codec in common" in done.stderr


def test_intervals_hold_what_they_should() -> None:
    rng = np.random.default_rng(5)
    held = 0
    for _ in range(200):
        old = rng.normal(400, 20, 60)
        change, low, high = tables._change(old, old / rng.normal(1.02, 0.05, 60))
        held += low <= 0.02 <= high
        assert low < change < high
    assert 0.88 <= held / 200 <= 0.99
    assert tables._change(old, old) == (0, 0, 0)


def test_versions_within_one_store(run: Run, old: Path) -> None:
    store.Store(old / store.FILE).append(rows("zstd", SIZES + 5, codec_version="bbbb", n1codec="1.1.0"))
    assert run("n1codec", "results", "compare", f"{old}@previous", old).returncode == 1
    assert run("n1codec", "results", "compare", old, f"{old}@1.0.0").returncode == 0
    assert len(tables.load(f"{old}@bbbb")) == FILES
    with pytest.raises(CodecError, match="no results of 9"):
        tables.load(f"{old}@9")


def test_one_version_has_no_previous_one(old: Path) -> None:
    with pytest.raises(CodecError, match="one version"):
        tables.load(f"{old}@previous")


def test_columns_that_an_older_version_did_not_have_are_empty(run: Run, old: Path, monkeypatch) -> None:
    new = ("settings", "encode_cpu_seconds", "decode_memory_bytes", "encode_instructions")
    older = old.parent / "older"
    monkeypatch.setattr(store, "COLUMNS", tuple(column for column in store.COLUMNS if column not in new))
    written(older, [{k: v for k, v in row.items() if k not in new} for row in rows("zstd", SIZES)], summarise=False)
    monkeypatch.undo()
    done = run("n1codec", "results", "show", older, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    (line,) = json.loads(done.stdout)
    assert (line["total_compressed_size_bytes"], line["settings"]) == (SIZES.sum(), "")
    assert run("n1codec", "results", "compare", older, old, "--codec", "zstd").returncode == 0


def test_columns_of_something_else_are_refused(tmp_path: Path) -> None:
    (tmp_path / store.FILE).write_bytes(gzip.compress(b"spec,other\nzstd,1\n"))
    with pytest.raises(CodecError, match="no store of results"):
        tables.load(tmp_path)


def test_a_sweep_that_was_killed_before_its_summary_has_results(old: Path) -> None:
    (old / summary.FILE).unlink()
    assert len(tables.load(old)) == len(tables.load(old.parent)) == 3 * FILES


def test_show(run: Run, old: Path) -> None:
    lines = run("n1codec", "results", "show", old, "--codec", "zstd").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["codec", "zstd"]
    assert f"{1000 * FILES / SIZES.sum():#.10g}" in lines[1]
    (line,) = json.loads(run("n1codec", "results", "show", old.parent / "old", "--codec", "bz2", "--json").stdout)
    assert line["total_compressed_size_bytes"] == (SIZES - 100).sum()
    assert line["encode_spread"] is None
    done = run("n1codec", "results", "show", old, "--family", "audio")
    assert done.returncode == 1
    assert "no such codec" in done.stderr


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_export(run: Run, old: Path, tmp_path: Path, ending: str) -> None:
    import pandas as pd

    if ending == "parquet":
        pytest.importorskip("pyarrow")
    odd = rows("odd", SIZES[:1], file="\udcff.wav")
    store.Store(old / store.FILE).append(odd)
    target = tmp_path / f"out.{ending}"
    assert run("n1codec", "results", "export", old, target).returncode == 0
    read = pd.read_parquet if ending == "parquet" else lambda path: pd.read_csv(path, encoding_errors="replace")
    table = read(target)
    assert len(table) == 3 * FILES + 1
    assert list(table.columns) == list(store.COLUMNS)
    assert table["compressed_bytes"].sum() == (3 * SIZES - 100).sum() + SIZES[0]
    assert table["compressed_bytes"].dtype.kind == "i"
    assert run("n1codec", "results", "export", old, target, "--summary").returncode == 0
    assert set(read(target)["spec"]) == {"zstd", "bz2", "gone", "odd"}
    assert run("n1codec", "results", "export", old, tmp_path / "out.txt").returncode == 1


@pytest.mark.parametrize("before", [None, b"old"])
def test_an_export_to_a_full_disk_leaves_what_was_there(
    old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], before: bytes | None
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    folder = tmp_path / "out"
    folder.mkdir()
    if before:
        (folder / "a.csv").write_bytes(before)
    monkeypatch.setattr(os, "fsync", full)
    monkeypatch.setattr(sys, "argv", ["n1codec", "results", "export", str(old), str(folder / "a.csv")])
    assert cli.main() == 1
    assert f"{folder / 'a.csv'}: no space left on its disk" in capsys.readouterr().err
    assert [path.read_bytes() for path in folder.iterdir()] == ([before] if before else [])


@pytest.mark.parametrize(
    ("encode", "decode", "said"),
    [(1.0, 1.05, "same speed"), (4.0, 1.0, "slower"), (1.0, 0.5, "faster"), (4.0, 0.5, "faster and slower")],
)
def test_speeds_have_words_of_their_own(tmp_path: Path, encode: float, decode: float, said: str) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    written(before, rows("zstd", SIZES))
    changed = [
        row | {"encode_seconds": float(row["encode_seconds"]) * encode,
               "decode_seconds": float(row["decode_seconds"]) * decode}
        for row in rows("zstd", SIZES)
    ]  # fmt: skip
    written(after, changed)
    table = tables.compare(tables.load(before), tables.load(after))
    assert table[["verdict", "speed"]].iloc[0].tolist() == ["same", said]


def test_the_printed_verdict_is_of_size_and_of_speed(run: Run, tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    written(before, rows("zstd", SIZES))
    written(after, [row | {"encode_seconds": 4 * float(row["encode_seconds"])} for row in rows("zstd", SIZES)])
    done = run("n1codec", "results", "compare", before, after)
    heading, line = done.stdout.splitlines()
    assert heading.endswith("size, speed")
    assert line.endswith("same size, slower")
