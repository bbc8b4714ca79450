"""The sweep: what it measures, stores and adds up, and what is left when it is killed or a codec misbehaves."""

from __future__ import annotations

import ast
import csv
import gzip
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zlib
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import called, stored

import n1codec
from n1codec import registry
from n1codec.bench.measure import cases, limits
from n1codec.bench.measure.run import Settings
from n1codec.bench.measure.sweep import Result, sweep
from n1codec.bench.results import store, summary
from n1codec.cli import _sweep_view as view
from n1codec.codec import CodecError, Coder, Layout, ModelCoder, SpecError
from n1codec.recordings import wav

FILES = 5
RATE = 19531

MODULE = """
import os, time
from n1codec.codec import ByteCoder

class Stage(ByteCoder):
    grid = ("{name}",)
    {extra}

    def compress(self, data):
        {compress}
        return data

    def decompress(self, data, size):
        {decompress}
        return data
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rng = np.random.default_rng(7)
    folder = tmp_path / "tiny"
    folder.mkdir()
    for index in range(FILES):
        samples = (np.cumsum(rng.integers(-9, 10, 2000 + 10 * index)) * 64).astype(np.int16)
        (folder / f"{index}.wav").write_bytes(wav.write(samples, RATE))
    return folder


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A function that adds a codec whose encoder or decoder first runs the given statement."""
    folder = tmp_path / "modules"
    folder.mkdir()
    monkeypatch.setenv("N1CODEC_PATH", str(folder))

    def add(name: str, compress: str = "pass", decompress: str = "pass", extra: str = "") -> None:
        text = MODULE.format(name=name, compress=compress, decompress=decompress, extra=extra)
        (folder / f"{name}.py").write_text(text)

    return add


def command(data: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "n1codec", "grid", "--data", str(data), "--results", str(data.parent / "results"),
            "--min-time", "0", *options]  # fmt: skip


def grid(data: Path, *options: str, code: int = 0) -> SimpleNamespace:
    done = called(*command(data, *options)[2:])
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    folder = data.parent / "results" / data.name
    table = {}
    if (folder / summary.FILE).exists():
        table = {line["spec"]: line for line in csv.DictReader((folder / summary.FILE).open())}
    return SimpleNamespace(
        folder=folder, rows=stored(folder / store.FILE), table=table, out=done.stdout, err=done.stderr
    )


# -- a sweep ---------------------------------------------------------------------------------------------------------


def test_sweep_and_its_summary(data: Path) -> None:
    got = grid(data, "--codecs", "copy zstd:level=3 delta_bz2", "--codec", "bz2")
    assert len(got.rows) == 4 * FILES
    assert {row["verified"] for row in got.rows} == {"1"}
    assert not (got.folder / ".work" / "copy").exists()
    assert [p.name for p in (got.folder / ".work").iterdir()] == ["lock"]
    header = (got.folder / summary.FILE).read_text().partition("\n")[0]
    assert header.startswith(
        "mode,total_original_size_bytes,total_compressed_size_bytes,compression_ratio,"
        "average_compression_speed_xRT,average_decompression_speed_xRT,"
    )
    assert set(got.table) == {"copy", "zstd:level=3", "delta|bz2", "bz2"}
    assert got.table["delta|bz2"]["mode"] == "delta_bz2"
    ratios = [float(line["compression_ratio"]) for line in got.table.values()]
    assert ratios == sorted(ratios, reverse=True)

    originals = {path.name: path.read_bytes() for path in data.iterdir()}
    for spec, line in got.table.items():
        rows = [row for row in got.rows if row["spec"] == spec]
        assert {row["file"] for row in rows} == set(originals)
        total = sum(len(original) for original in originals.values())
        packed = sum(int(row["compressed_bytes"]) for row in rows)
        samples = sum(len(original) - 44 for original in originals.values()) // 2
        seconds = {d: sum(float(row[f"{d}_seconds"]) for row in rows) for d in ("encode", "decode")}
        assert int(line["total_original_size_bytes"]) == total
        assert int(line["total_compressed_size_bytes"]) == packed
        assert float(line["compression_ratio"]) == total / packed
        assert float(line["bits_per_sample"]) == 8 * packed / samples
        assert float(line["average_compression_speed_xRT"]) == pytest.approx(samples / RATE / seconds["encode"])
        assert float(line["average_decompression_speed_xRT"]) == pytest.approx(samples / RATE / seconds["decode"])
        for direction in seconds:
            assert float(line[f"{direction}_MB_per_second"]) == pytest.approx(total / seconds[direction] / 1e6)
        assert (line["files"], line["verified"], line["status"]) == (str(FILES), str(FILES), "ok")
        each = [int(row["original_bytes"]) / int(row["compressed_bytes"]) for row in rows]
        assert float(line["ratio_p50"]) == pytest.approx(float(np.median(each)))
    assert f"{float(got.table['bz2']['compression_ratio']):#.10g}" in got.out
    assert f"data set {data.name}" in got.out
    assert str(got.folder / store.FILE) in got.out
    assert "\x1b" not in got.out + got.err


def test_sizes_are_those_of_the_files(data: Path, tmp_path: Path) -> None:
    got = grid(data, "--codecs", "delta|zstd")
    from n1codec import encode_file

    for row in got.rows:
        target = tmp_path / "x.n1c"
        encode_file(data / row["file"], target, "delta|zstd")
        assert int(row["compressed_bytes"]) == target.stat().st_size
        share = np.bincount(np.frombuffer(target.read_bytes(), np.uint8)) / target.stat().st_size
        share = share[share > 0]
        assert float(row["byte_entropy_after"]) == pytest.approx(-np.sum(share * np.log2(share)))


def test_repeats_fill_the_minimum_time(data: Path) -> None:
    got = grid(data, "--codecs", "zstd:level=1", "--min-time", "0.1")
    for direction in ("encode", "decode"):
        assert all(int(row[f"{direction}_repeats"]) > 1 for row in got.rows)
    assert all(float(row["encode_spread"]) >= 0 for row in got.rows)
    assert {row["settings"] for row in got.rows} == {"min_time=0.1 pin=off memory=off timeout=3600"}


def test_repeats_take_no_longer_than_they_must(data: Path) -> None:
    from n1codec.bench.measure.work import Work
    from n1codec.bench.measure.worker import MOST_REPEATS, repeat
    from n1codec.pipeline import get_codec

    work = Work((data / "0.wav").read_bytes(), "encode", get_codec("bz2"))
    times, processor = repeat(work, 0.05)
    assert sum(times) >= 0.05 > sum(times[:-1])
    assert 0 < processor < 0.05
    assert len(repeat(work, 1e-9)[0]) == 1
    assert len(repeat(Work(b"x", "encode", get_codec("copy")), 9)[0]) == MOST_REPEATS


@pytest.mark.slow
def test_the_first_pass_does_not_count_where_there_are_repeats(data: Path, module) -> None:
    module("warming", extra="seen = set()", compress="time.sleep(0.1 * (data not in self.seen)); self.seen.add(data)")
    got = grid(data, "--codecs", "warming", "--min-time", "1")
    assert all(int(row["encode_repeats"]) > 1 and float(row["encode_seconds"]) < 0.1 for row in got.rows)
    rows = grid(data, "--codecs", "warming", "--min-time", "0.4").rows[FILES:]
    # The warm-up has seen the first file; of the others, the first pass took their share of the time, and is all.
    assert [int(row["encode_repeats"]) > 1 for row in rows] == [True] + [False] * (FILES - 1)
    assert all(float(row["encode_seconds"]) >= 0.1 for row in rows[1:])


@pytest.mark.slow
def test_another_way_to_measure_is_measured_again(data: Path) -> None:
    grid(data, "--codecs", "copy")
    assert len(grid(data, "--codecs", "copy", "--timeout", "100").rows) == FILES
    got = grid(data, "--codecs", "copy", "--min-time", "0.01")
    assert len(got.rows) == 2 * FILES
    assert got.table["copy"]["settings"].startswith("min_time=0.01 ")


@pytest.mark.slow
def test_process_time_and_memory_are_the_work_s_own(data: Path, module) -> None:
    module("sleepy", compress="time.sleep(0.05)", decompress="bytearray(64 << 20)")
    module("heavy", extra="ballast = bytearray(128 << 20)", compress="x = bytearray(16 << 20)")
    table = grid(data, "--codecs", "sleepy heavy").table
    assert float(table["sleepy"]["encode_seconds"]) >= 0.05 * FILES
    assert float(table["sleepy"]["encode_cpu_seconds"]) < 0.05 * FILES
    if sys.platform == "linux":
        memory = {spec: int(line["encode_memory_bytes"]) >> 20 for spec, line in table.items()}
        assert memory["sleepy"] <= 4
        assert 15 <= memory["heavy"] <= 20
        assert 63 <= int(table["sleepy"]["decode_memory_bytes"]) >> 20 <= 68


def test_memory_counts_what_is_there_at_the_same_time() -> None:
    from n1codec.bench.measure import meter

    kept = bytearray(32 << 20)
    meter.reset_peak()
    before = meter.resident()
    assert len(bytes(kept)) == len(kept)
    if sys.platform == "linux":
        assert before is not None
        assert meter.peak() - before == pytest.approx(32 << 20, abs=4 << 20)
        del kept
        assert meter.resident() < before


@pytest.mark.slow
def test_jobs_are_marked(data: Path) -> None:
    got = grid(data, "--codecs", "copy bz2 zstd", "--jobs", "2")
    assert {row["jobs"] for row in got.rows} == {"2"}
    assert {line["jobs"] for line in got.table.values()} == {"2"}


@pytest.mark.slow
def test_a_reference_sweep_times_anew_what_a_parallel_one_has_timed(data: Path) -> None:
    codecs = ("--codecs", "copy bz2")
    parallel, alone = grid(data, *codecs, "--jobs", "2"), grid(data, *codecs)
    assert len(alone.rows) == 2 * len(parallel.rows)
    assert not any("at a time" in line["warning"] for line in alone.table.values())
    assert len(grid(data, *codecs, "--jobs", "2").rows) == len(alone.rows)


def test_relative_paths(data: Path, module, monkeypatch: pytest.MonkeyPatch) -> None:
    module("mine")
    monkeypatch.chdir(data.parent)
    monkeypatch.setenv("N1CODEC_PATH", "modules")
    got = grid(Path(data.name), "--codecs", "mine", "--results", "there")
    assert got.rows == []
    assert len(stored(Path("there") / data.name / store.FILE)) == FILES


@pytest.mark.parametrize(
    ("named", "codecs"), [({"CODECS": "copy bz2", "CODEC": "zstd"}, 2), ({"CODECS": "", "CODEC": "copy"}, 1)]
)
def test_script(data: Path, named: dict[str, str], codecs: int) -> None:
    script = Path(__file__).parent.parent / "grid_search.sh"
    environment = os.environ | {"DATA": str(data), "RESULTS": str(data.parent / "there")} | named
    environment.pop("JOBS", None)
    done = subprocess.run(
        ["bash", str(script), "--min-time", "0"], capture_output=True, text=True, env=environment, timeout=120
    )
    if not (script.parent / ".venv" / "bin" / "n1codec").exists():
        assert "make install" in done.stderr
        return
    assert done.returncode == 0, done.stderr
    assert len(stored(data.parent / "there" / data.name / store.FILE)) == codecs * FILES


def test_wrong_use(data: Path, tmp_path: Path) -> None:
    assert "zstd" in grid(data, "--codecs", "zsdt", code=1).err
    assert "--no" in grid(data, "--no", code=2).err
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "no WAV files" in grid(empty, code=1).err


def test_default_cases_hold_the_classic_ones_once() -> None:
    found = cases.default()
    specs = [case.spec for case in found]
    assert len(specs) == len(set(specs))
    modes = {case.mode for case in found}
    assert {"zstd", "delta_zstd", "bz2", "delta_lz4", "lstd_numcodec"} <= modes
    assert "copy" in modes
    with pytest.raises(SpecError):
        cases.make(["nothing_of_that_name"])


def test_blanks_in_quotes_do_not_split() -> None:
    assert cases.split('a  b:c="d e\\" f"|g\nh') == ["a", 'b:c="d e\\" f"|g', "h"]


# -- resuming --------------------------------------------------------------------------------------------------------


def test_verified_results_are_not_run_again(data: Path) -> None:
    first = grid(data, "--codecs", "copy bz2")
    again = grid(data, "--codecs", "copy bz2 zstd")
    assert "2 codecs have verified results already" in again.err
    assert len(again.rows) == 3 * FILES
    forced = grid(data, "--codecs", "bz2", "--force")
    assert len(forced.rows) == 4 * FILES
    assert forced.rows[: 2 * FILES] == first.rows
    assert forced.table["bz2"]["files"] == str(FILES)


@pytest.mark.slow
def test_new_files_alone_are_run(data: Path) -> None:
    grid(data, "--codecs", "bz2")
    (data / "new.wav").write_bytes(wav.write(np.arange(500, dtype=np.int16), RATE))
    got = grid(data, "--codecs", "bz2")
    assert [row["file"] for row in got.rows[FILES:]] == ["new.wav"]
    assert got.table["bz2"]["files"] == str(FILES + 1)
    total = sum(path.stat().st_size for path in data.iterdir())
    assert int(got.table["bz2"]["total_original_size_bytes"]) == total


def _folders(data: Path) -> list[str]:
    return sorted(path.name for path in (data.parent / "results").iterdir())


@pytest.mark.slow
def test_two_folders_of_one_name_do_not_mix(data: Path) -> None:
    other = data.parent / "elsewhere" / data.name
    other.mkdir(parents=True)
    for index in range(2):
        (other / f"{index}.wav").write_bytes(wav.write(np.arange(500 + index, dtype=np.int16), RATE))
    results = ("--results", str(data.parent / "results"))
    first = grid(data, "--codecs", "copy")
    said = grid(other, "--codecs", "copy", *results).out
    plain, second = _folders(data)
    assert (plain, re.fullmatch(r"tiny-[0-9a-f]{8}", second) is not None) == ("tiny", True)
    assert f"data set {second}: 2 files" in said
    rows = stored(data.parent / "results" / second / store.FILE)
    assert {row["dataset"] for row in rows} == {second}
    assert [int(row["original_bytes"]) for row in rows] == [path.stat().st_size for path in sorted(other.iterdir())]
    assert "1 codec has verified results already" in grid(other, "--codecs", "copy", *results).err
    assert grid(data, "--codecs", "copy").rows == first.rows
    assert _folders(data) == [plain, second]


@pytest.mark.slow
def test_a_file_that_was_replaced_makes_another_data_set(data: Path) -> None:
    first = grid(data, "--codecs", "copy")
    before = (data / "0.wav").read_bytes()
    (data / "0.wav").write_bytes(wav.write(np.arange(700, dtype=np.int16), RATE))
    assert grid(data, "--codecs", "copy").rows == first.rows
    plain, replaced = _folders(data)
    lines = list(csv.DictReader((data.parent / "results" / replaced / summary.FILE).open()))
    assert [(line["files"], line["dataset"]) for line in lines] == [(str(FILES), replaced)]
    assert int(lines[0]["total_original_size_bytes"]) == sum(path.stat().st_size for path in data.iterdir())
    (data / "0.wav").write_bytes(before)
    grid(data, "--codecs", "copy")
    assert _folders(data) == [plain, replaced]


@pytest.mark.slow
def test_what_is_no_recording_has_bytes_a_second_alone(data: Path) -> None:
    for path in data.iterdir():
        path.write_bytes(b"junk" * 500)
    got = grid(data, "--codecs", "copy bz2")
    for line in got.table.values():
        assert line["status"] == "ok"
        assert {line["average_compression_speed_xRT"], line["average_decompression_speed_xRT"]} == {""}
        assert line["bits_per_sample"] == ""
        for direction in ("encode", "decode"):
            rate = int(line["total_original_size_bytes"]) / float(line[f"{direction}_seconds"]) / 1e6
            assert float(line[f"{direction}_MB_per_second"]) == pytest.approx(rate)
    assert "xRT" not in got.err
    shown = got.out.splitlines()[1].split()
    assert (len(shown), shown[0]) == (8, "bz2")
    done = subprocess.run(
        [sys.executable, "-m", "n1codec", "eval", "--codec", "bz2", "--data", str(data)],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Compression ratio" in done.stdout
    assert "xRT" not in done.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
@pytest.mark.slow
def test_names_that_are_no_utf8(data: Path, module) -> None:
    odd = os.fsencode(data) + b"/\xff\xe9.wav"
    (data / "0.wav").rename(os.fsdecode(odd))
    got = grid(data, "--codecs", "copy bz2")
    assert os.fsdecode(b"\xff\xe9.wav") in {row["file"] for row in got.rows}
    assert {line["files"] for line in got.table.values()} == {str(FILES)}
    assert "2 codecs have verified results already" in grid(data, "--codecs", "copy bz2").err
    module("bad", compress="raise ValueError('no')")
    assert grid(data, "--codecs", "bad", code=1).table["bad"]["status"] == "failed"


@pytest.mark.slow
def test_changed_code_is_run_again(data: Path, module) -> None:
    module("mine")
    grid(data, "--codecs", "mine")
    module("mine", compress="time.sleep(0)")
    got = grid(data, "--codecs", "mine")
    assert len(got.rows) == 2 * FILES
    assert len({row["codec_version"] for row in got.rows}) == 2
    assert got.table["mine"]["files"] == str(FILES)


def test_what_another_version_of_a_codec_left_behind_is_removed(data: Path) -> None:
    work = data.parent / "results" / data.name / ".work"
    spec = "delta|zstd:level=3"
    stale, other = (
        work / f"delta_zstd_level=3-{zlib.crc32(spec.encode()):08x}-00000000",
        work / "zstd-00000000-00000000",
    )
    for folder in (stale, other):
        folder.mkdir(parents=True)
    grid(data, "--codecs", spec)
    assert not stale.exists()
    assert other.exists()


def _wait_for(condition, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
@pytest.mark.parametrize(
    "number", [signal.SIGKILL, *(pytest.param(n, marks=pytest.mark.slow) for n in (signal.SIGINT, signal.SIGTERM))]
)
def test_killed_in_the_middle_of_a_codec(data: Path, module, tmp_path: Path, number: int) -> None:
    journal = tmp_path / "journal"
    module("crawl", compress=f"time.sleep(0.3); open({str(journal)!r}, 'a').write('x')")
    sweep = subprocess.Popen(
        command(data, "--codecs", "copy crawl bz2"), stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    _wait_for(lambda: journal.exists() and len(journal.read_text()) >= 2)
    sweep.send_signal(number)
    _, err = sweep.communicate(timeout=30)
    if number != signal.SIGKILL:
        assert sweep.returncode == 130
        assert "nothing is lost" in err
        assert "Traceback" not in err
    time.sleep(0.5)  # time in which an orphan would go on
    before = len(journal.read_text())
    time.sleep(0.5)
    assert len(journal.read_text()) == before < FILES, "the encoder outlived the sweep"

    got = grid(data, "--codecs", "copy crawl bz2")
    assert "1 codec has verified results" in got.err
    pairs = [(row["spec"], row["file"]) for row in got.rows]
    assert len(pairs) == len(set(pairs)) == 3 * FILES
    assert {line["verified"] for line in got.table.values()} == {str(FILES)}
    assert len(journal.read_text()) <= FILES + 1, "a finished file was encoded again"
    assert [p.name for p in (got.folder / ".work").iterdir()] == ["lock"]


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
def test_two_sweeps_do_not_mix(data: Path, module, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    module("crawl", compress=f"open({str(begun)!r}, 'w').close(); time.sleep(60)")
    sweep = subprocess.Popen(command(data, "--codecs", "crawl"), stderr=subprocess.DEVNULL)
    try:
        _wait_for(begun.exists)
        assert f"another sweep (process {sweep.pid})" in grid(data, "--codecs", "copy", code=1).err
    finally:
        sweep.send_signal(signal.SIGTERM)  # SIGINT is ignored by what a shell started in the background
        sweep.wait(30)
    grid(data, "--codecs", "copy")


# -- codecs that misbehave -------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
def test_bad_codecs_are_their_own_affair(data: Path, module, tmp_path: Path) -> None:
    expected = {
        "segfault": ("failed", "SIGSEGV"),
        "hang": ("timeout", "time limit"),
        "hog": ("memory", "0.wav: not enough memory"),
        "hungry_module": ("memory", "not enough memory"),
        "own_words": ("memory", "0.wav: not enough memory"),
        "wrong": ("failed", "checksum"),
        "leaves": ("failed", "nothing came of"),
        "polite": ("failed", "it tried to end the process"),
        "exits": ("failed", "exit code 7"),
        "noisy": ("ok", ""),
    }
    noise = "print('x' * 70000); os.write(1, b'y' * 70000); os.write(2, b'nothing came of it')"
    module("segfault", compress="import ctypes; ctypes.string_at(0)")
    module("hang", compress="time.sleep(60)")
    module("hog", compress="bytearray(1 << 30)")
    module("hungry_module", compress="type(self).kept = getattr(self, 'kept', b'') + bytes(60 << 20)")
    module("own_words", compress="raise RuntimeError('Allocation error : not enough memory')")
    module("wrong", decompress="return bytes(size)")
    module("leaves", compress="os._exit(0)")
    module("polite", decompress="raise SystemExit(0)")
    module("exits", compress="os._exit(7)")
    module("noisy", compress=noise, decompress=noise)
    options = ("--timeout", "6", "--memory-limit", "200M", "--jobs", "2")
    got = grid(data, "--codecs", " ".join([*expected, "copy"]), *options, code=1)
    assert {spec: line["status"] for spec, line in got.table.items()} == {"copy": "ok"} | {
        spec: status for spec, (status, _) in expected.items()
    }
    for spec, (_, reason) in expected.items():
        assert reason in got.table[spec]["reason"]
    assert {row["verified"] for row in got.rows if row["spec"] in ("copy", "noisy")} == {"1"}
    assert "memory=209715200" in got.table["copy"]["settings"]


def test_only_what_failed_is_run_again(data: Path, module) -> None:
    module("bad", compress="raise ValueError('no')")
    before = grid(data, "--codecs", "bad copy", code=1).rows
    module("bad")
    got = grid(data, "--codecs", "bad copy bz2", "--only-failed")
    assert [row["spec"] for row in got.rows[len(before) :]] == ["bad"] * FILES
    assert got.table["bad"]["status"] == "ok"
    assert len(grid(data, "--codecs", "bad copy bz2", "--only-failed").rows) == len(got.rows)


@pytest.mark.slow
def test_what_was_verified_and_then_failed_is_run_again(data: Path, module, tmp_path: Path) -> None:
    trouble = tmp_path / "trouble"
    module("moody", compress=f"assert not os.path.exists({str(trouble)!r})")
    grid(data, "--codecs", "moody")
    trouble.touch()
    assert grid(data, "--codecs", "moody", "--force", code=1).table["moody"]["status"] == "failed"
    trouble.unlink()
    got = grid(data, "--codecs", "moody", "--only-failed")
    assert got.table["moody"]["status"] == "ok"
    assert len(got.rows) == 2 * FILES + 1
    assert len(grid(data, "--codecs", "moody").rows) == len(got.rows)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system pins no processes")
def test_pinned_to_a_processor(data: Path, module) -> None:
    cpu = max(os.sched_getaffinity(0))
    module("where", compress=f"assert os.sched_getaffinity(0) == {{{cpu}}}, os.sched_getaffinity(0)")
    got = grid(data, "--codecs", "where", "--pin", str(cpu))
    assert {row["settings"].split()[1] for row in got.rows} == {f"pin={cpu}"}
    assert len(grid(data, "--codecs", "where", "--pin", str(cpu)).rows) == FILES


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system pins no processes")
def test_processors_that_cannot_be_pinned_to(data: Path) -> None:
    cpu = max(os.sched_getaffinity(0))
    for wrong in ("999", "x", f"{cpu},{cpu}"):
        assert "choose from the processors" in grid(data, "--pin", wrong, code=2).err
    assert "need 2 processors" in grid(data, "--pin", str(cpu), "--jobs", "2", code=2).err


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("callgrind_control"), reason="needs Valgrind")
def test_instructions_repeat(data: Path) -> None:
    from n1codec.bench.measure import counters

    first, again = (counters.count("encode", "delta|huffman", data / "4.wav", 120) for _ in range(2))
    assert first == pytest.approx(again, rel=0.02)
    assert first > 2000
    assert counters.count("encode", "delta|huffman", data / "missing.wav", 120) is None


@pytest.mark.parametrize(("text", "size"), [("500M", 500 << 20), ("2G", 2 << 30), ("1.5 KiB", 1536), ("4096", 4096)])
def test_sizes(text: str, size: int) -> None:
    assert limits.memory(text) == size


@pytest.mark.parametrize("text", ["", "many", "0", "-1G", "1P"])
def test_no_sizes(text: str) -> None:
    with pytest.raises(ValueError, match="it is no size"):
        limits.memory(text)


def test_the_sweep_tells_its_overhead(data: Path, module) -> None:
    module("sleepy", compress="time.sleep(0.1)", decompress="time.sleep(0.1)")
    got = json.loads(grid(data, "--codecs", "sleepy copy", "--json").out)
    assert 0.2 * FILES <= got["own_seconds"] < 0.2 * FILES + 0.1
    assert got["seconds"] > got["own_seconds"]
    assert 1 < got["overhead"] <= got["seconds"] / got["own_seconds"]
    assert json.loads(grid(data, "--codecs", "sleepy copy", "--json").out)["overhead"] is None


# -- other machines --------------------------------------------------------------------------------------------------


EXACT = ("dataset", "file", "spec", "status", "verified", "original_bytes", "compressed_bytes", "frames", "crc32",
         "byte_entropy_after", "codec_version", "machine")  # fmt: skip


def exact(rows: list[dict[str, str]]) -> list[tuple[str, ...]]:
    return sorted(tuple(row[column] for column in EXACT) for row in rows)


@pytest.mark.slow
def test_any_executor_measures_the_same(data: Path, tmp_path: Path) -> None:
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    chosen = cases.make(["copy", "delta|bz2"])
    sources = [cases.source(path) for path in sorted(data.iterdir())]
    way = Settings(60, 0, 1)
    here = sweep(data.name, chosen, sources, tmp_path / "here", way, view.Quiet())
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        there = sweep(data.name, chosen, sources, tmp_path / "there", way, view.Quiet(), executor=pool)
        again = sweep(data.name, chosen, sources, tmp_path / "there", way, view.Quiet(), executor=pool)
    assert (here.ran, there.ran, again.ran) == (2, 2, 0)
    rows = [stored(result.folder / store.FILE) for result in (here, there)]
    assert exact(rows[0]) == exact(rows[1])
    assert len(rows[0]) == 2 * FILES


def test_a_worker_with_other_files_or_codecs_is_refused(data: Path) -> None:
    from n1codec.bench.measure import remote

    (case,) = cases.make(["copy"])
    path = data / "0.wav"
    source = cases.source(path)
    with pytest.raises(CodecError, match="a worker has another codec"):
        remote.measure(replace(case, version="0"), [source], Settings(60, 0, 1))
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(CodecError, match="another file of that name"):
        remote.measure(case, [source], Settings(60, 0, 1))
    path.unlink()
    with pytest.raises(CodecError, match="a worker does not have it"):
        remote.measure(case, [source], Settings(60, 0, 1))


def test_a_lost_machine_is_a_failure_of_its_codec(data: Path, tmp_path: Path) -> None:
    from concurrent.futures import Future

    class Broken:
        def submit(self, fn, /, case, *rest) -> Future:
            future: Future = Future()
            if case.spec == "bz2":
                future.set_exception(RuntimeError("gone\nfor good"))
            else:
                future.set_result(fn(case, *rest))
            return future

    sources = [cases.source(path) for path in sorted(data.iterdir())]
    way = Settings(60, 0, 1)
    result = sweep("d", cases.make(["bz2", "copy"]), sources, tmp_path, way, view.Quiet(), executor=Broken())
    assert [outcome.reason for outcome in result.bad] == ["its worker was lost: RuntimeError: gone for good"]
    assert summary.read(result.folder).set_index("spec")["verified"].to_dict() == {"bz2": 0, "copy": FILES}


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
def test_a_cluster_that_loses_a_worker(data: Path, module, tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    journal = tmp_path / "journal"
    module("crawl", compress=f"time.sleep(0.3); open({str(journal)!r}, 'a').write(f'{{os.getppid()}} ')")
    specs = "crawl copy bz2 delta|bz2 zstd:level=1 delta|zstd:level=1 gzip lzma"
    started: list[subprocess.Popen[str]] = []

    def start(what: str, *options: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", f"distributed.cli.dask_{what}", *options, "--no-dashboard"]
        process = subprocess.Popen(
            command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True
        )
        started.append(process)
        return process

    note = tmp_path / "scheduler.json"
    try:
        start("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(note))
        _wait_for(lambda: note.exists() and note.read_text().endswith("}"), 60)
        address = json.loads(note.read_text())["address"]
        for _ in range(2):
            start("worker", address, "--no-nanny", "--nthreads", "1", "--local-directory", str(tmp_path / "dask"))
        from distributed import Client

        with Client(address, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=60)
        there = subprocess.Popen(
            [*command(data, "--codecs", specs, "--dask", address), "--results", str(tmp_path / "there")],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        started.append(there)
        _wait_for(lambda: journal.exists() and len(journal.read_text().split()) >= 2, 120)
        victim = next(p for p in started if p.pid == int(journal.read_text().split()[0]))
        victim.kill()
        _, err = there.communicate(timeout=240)
        assert there.returncode == 0, err
    finally:
        for process in reversed(started):
            process.kill()
            process.wait()
    assert len(journal.read_text().split()) > FILES, "the codec was not begun anew on the other worker"
    rows = stored(tmp_path / "there" / data.name / store.FILE)
    here = grid(data, "--codecs", specs)
    assert len(rows) == 8 * FILES
    assert exact(rows) == exact(here.rows)
    assert {row["verified"] for row in rows} == {"1"}
    assert {row["jobs"] for row in rows} == {"2"}


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
def test_a_failure_is_a_row_and_the_others_go_on(data: Path, module) -> None:
    reasons = {
        "bad_encoder": r"^encode: .*too many spikes",
        "bad_decoder": r"^decode: .*too few spikes",
        "crash": r"^encode: .*SIGSEGV",
        "silent": r"^decode: nothing came of 0\.wav",
        "wrong": r"^decode: .*checksum",
    }
    module("bad_encoder", compress="raise ValueError('too many spikes')")
    module("bad_decoder", decompress="raise ValueError('too few spikes')")
    module("crash", compress="os.kill(os.getpid(), 11)")
    module("silent", decompress="os._exit(0)")
    module("wrong", decompress="return data[:-1] + b'x'")
    got = grid(data, "--codecs", " ".join([*reasons, "copy"]), "--jobs", "2", code=1)
    assert got.table["copy"]["status"] == "ok"
    assert "5 of 6 codecs failed" in got.err
    for name, reason in reasons.items():
        line = got.table[name]
        assert line["status"] == "failed"
        assert re.search(reason, line["reason"]), line["reason"]
        assert str(data.parent) not in line["reason"]
        assert line["compression_ratio"] == ""

    module("bad_decoder")
    assert grid(data, "--codecs", "bad_decoder").table["bad_decoder"]["verified"] == str(FILES)


def test_a_codec_that_hangs_is_ended(data: Path, module, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    module("hang", decompress=f"open({str(journal)!r}, 'a').write(f'{{os.getpid()}} '); time.sleep(60)")
    started = time.monotonic()
    got = grid(data, "--codecs", "hang copy", "--timeout", "5", code=1)
    assert time.monotonic() - started < 30
    assert (got.table["hang"]["status"], got.table["copy"]["status"]) == ("timeout", "ok")
    assert "time limit" in got.table["hang"]["reason"]
    if os.name == "posix":
        for pid in set(journal.read_text().split()):
            with pytest.raises(ProcessLookupError):
                os.kill(int(pid), 0)


def test_a_timed_out_codec_leaves_nothing(data: Path, module) -> None:
    module("hang", compress="time.sleep(60)")
    got = grid(data, "--codecs", "hang", "--timeout", "1", code=1)
    assert [path.name for path in (got.folder / ".work").iterdir()] == ["lock"]


def test_a_failed_codec_counts_the_files_that_it_was_asked_for(data: Path, module) -> None:
    module("bad", compress="raise ValueError('no')")
    got = grid(data, "--codecs", "bad", code=1)
    assert (got.table["bad"]["files"], got.table["bad"]["verified"]) == (str(FILES), "0")
    assert f" 0/{FILES} " in got.out


def test_a_full_disk_is_no_failure_of_a_codec(data: Path, module) -> None:
    full = "__import__('unittest.mock').mock.Mock(side_effect=OSError(28, 'full'))"
    module("victim", compress=f"from n1codec import files; files.write = {full}")
    got = grid(data, "--codecs", "victim", code=1)
    assert got.err.splitlines()[-1].endswith(": no space left on its disk (free some, or write to another disk)")
    assert got.rows == []


def test_codecs_may_be_named_often(data: Path) -> None:
    assert set(grid(data, "--codecs", "copy bz2", "--codecs", "zstd", "--codec", "lz4").table) == {
        "copy", "bz2", "zstd", "lz4"
    }  # fmt: skip


def test_rows_with_counters_are_measured_in_another_way() -> None:
    plain, counted = (Settings(60, 1, 1, counters=counters) for counters in (False, True))
    assert Settings.key_of(plain.text) == plain.key
    assert Settings.key_of(counted.text) == counted.key != plain.key


def test_a_sweep_goes_by_the_whole_way_of_measuring(data: Path, tmp_path: Path) -> None:
    chosen, sources = cases.make(["copy"]), [cases.source(path) for path in sorted(data.iterdir())]
    way = Settings(60, 0, 1)
    first = sweep("d", chosen, sources, tmp_path, way, view.Quiet())
    path = first.folder / store.FILE
    text = gzip.decompress(path.read_bytes()).replace(b"pin=off ", b"pin=off counters=callgrind ")
    path.write_bytes(gzip.compress(text))
    assert sweep("d", chosen, sources, tmp_path, way, view.Quiet()).ran == 1
    assert sweep("d", chosen, sources, tmp_path, way, view.Quiet()).ran == 0


def test_files_that_are_stored_are_named_with_the_reason(data: Path) -> None:
    (data / "odd.wav").write_bytes(b"RIFX    WAVE")
    got = grid(data, "--codecs", "copy")
    (line,) = [line for line in got.err.splitlines() if "stored" in line]
    assert line.startswith("n1codec grid: odd.wav: stored as it is, so it compares no codecs: ")
    assert "RIFX" in line


def test_words_of_a_sweep() -> None:
    result = Result(Path(), 1, [], 200.0, 100.0, 2.0)
    assert view.overhead(result).startswith("1 codec in 200.0 s; 50% of it went into starting processes")
    assert view.overhead(replace(result, ran=2, own_seconds=1.0)) == "2 codecs in 200.0 s"


def test_a_decoder_that_deceives_the_checksum_is_found_out(data: Path, module) -> None:
    path = Path(os.environ["N1CODEC_PATH"]) / "liar.py"
    path.write_text(
        "import zlib\nfrom n1codec.codec import ByteCoder\n"
        "class _Yes(int):\n    __hash__ = int.__hash__\n"
        "    def __ne__(self, other):\n        return False\n"
        "    def __eq__(self, other):\n        return True\n"
        "class Liar(ByteCoder):\n"
        "    def compress(self, data):\n        return data\n"
        "    def decompress(self, data, size):\n"
        "        zlib.crc32 = lambda *_: _Yes()\n"
        "        return data[:-1] + bytes([data[-1] ^ 1])\n"
    )
    got = grid(data, "--codecs", "liar copy", code=1)
    assert got.table["liar"]["status"] == "mismatch"
    assert "differs from the original" in got.table["liar"]["reason"]
    assert got.table["liar"]["verified"] == "0"
    assert {row["verified"] for row in got.rows if row["spec"] == "copy"} == {"1"}


def test_an_unavailable_codec_is_skipped_with_its_reason_and_said_once(data: Path, module) -> None:
    module("absent", extra="requires = ('no_such_library',)\n    extra = 'more'")
    got = grid(data, "--codecs", "absent copy")
    assert got.table["absent"]["status"] == "skipped"
    assert "no_such_library" in got.table["absent"]["reason"]
    assert "n1codec[more]" in got.table["absent"]["reason"]
    assert len(grid(data, "--codecs", "absent copy").rows) == len(got.rows)


def test_a_module_that_does_not_load_is_a_row_of_the_default_grid(module, monkeypatch: pytest.MonkeyPatch) -> None:
    code = "from n1codec.bench.measure import cases; print([c.problem for c in cases.default() if c.mode == 'rubbish'])"
    module("rubbish", extra="1 / 0")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "ZeroDivisionError" in done.stdout, done.stderr


# -- the summary ----------------------------------------------------------------------------------------------------


def test_unstable_and_parallel_times_get_a_warning(tmp_path: Path) -> None:
    def row(spec: str, jobs: int, spread: float) -> dict[str, object]:
        return {"spec": spec, "mode": spec, "file": "a", "status": "ok", "jobs": jobs, "verified": 1,
                "original_bytes": 1000, "compressed_bytes": 500, "frames": 478, "channels": 1, "recording_seconds": 1.0,
                "encode_seconds": 0.1, "encode_repeats": 9, "encode_spread": spread, "decode_seconds": 0.05,
                "decode_repeats": 9, "decode_spread": 0.01, "byte_entropy_before": 5, "byte_entropy_after": 8,
                "encode_cpu_seconds": 0.1 * (1 - spread / 2), "encode_instructions": 956,
                "encode_memory_bytes": 4096}  # fmt: skip

    store.Store(tmp_path / store.FILE).append([row("calm", 1, 0.1), row("wild", 1, 0.25), row("both", 2, 0.3)])
    summary.write(tmp_path)
    table = summary.read(tmp_path).set_index("spec")
    assert table["warning"].to_dict() == {
        "calm": "",
        "wild": "encode times spread 25%, encode waited 12% of its time",
        "both": "encode times spread 30%, encode waited 15% of its time, timed 2 at a time",
    }
    assert table.loc["calm", ["encode_instructions", "encode_memory_bytes"]].tolist() == [2, 4096]
    shown = {line[0]: line[-1] for line in view.table(summary.read(tmp_path))}
    assert shown == {spec: f"ok: {warning}" if warning else "ok" for spec, warning in table["warning"].items()}


def test_summary_counts_the_last_version_only(tmp_path: Path) -> None:
    def row(file: str, version: str, size: int, status: str = "ok") -> dict[str, object]:
        base = {"spec": "zstd", "mode": "zstd", "file": file, "codec_version": version, "status": status, "jobs": 1}
        if status == "ok":
            base |= {"verified": 1, "original_bytes": 1000, "compressed_bytes": size, "frames": 478, "channels": 1,
                     "recording_seconds": 1.0, "encode_seconds": 0.1, "encode_repeats": 1, "decode_seconds": 0.05,
                     "decode_repeats": 1, "byte_entropy_before": 5.0, "byte_entropy_after": 8.0}  # fmt: skip
        else:
            base |= {"verified": 0, "reason": "why"}
        return base

    writer = store.Store(tmp_path / store.FILE)
    writer.append([row("a", "1", 500), row("b", "1", 500), row("c", "1", 500)])
    writer.append([row("", "2", 0, "failed")])
    assert summary.write(tmp_path).iloc[0][["files", "verified", "status", "reason"]].tolist() == [
        0,
        0,
        "failed",
        "why",
    ]
    writer.append([row("a", "2", 250), row("b", "2", 400)])
    writer.append([row("a", "2", 200)])
    line = summary.write(tmp_path).iloc[0]
    assert line["status"] == "ok"
    assert line["files"] == 2
    assert line["compression_ratio"] == 2000 / 600
    assert line["average_compression_speed_xRT"] == pytest.approx(10)


# -- the speed of single stages --------------------------------------------------------------------------------------


def bench(data: Path, *options: str, code: int = 0) -> str:
    done = called("n1codec", "bench", "--data", data, "--min-time", "0", *options)
    assert done.returncode == code, done.stderr
    return done.stdout


def test_bench_holds_each_stage_that_calls_the_kernels_or_promises_a_speed() -> None:
    from n1codec.bench.measure import kernels

    measured = {target.stage.name for target in kernels.targets()}
    promising = {name for name in registry.names() if registry.find(name).floor_xrt}
    calling = {name for name in registry.names() if "Kernel(" in Path(_file_of(name)).read_text()}
    assert promising | calling | {"copy", "zstd", "flac", "pcodec"} == measured


def test_a_stage_declares_what_stands_beside_it_in_a_bench(data: Path, module) -> None:
    module("rival", extra="reference = ('delta|rival',)")
    (line,) = json.loads(bench(data, "--filter", "rival", "--files", "1", "--min-time", "0", "--json"))
    assert (line["stage"], line["behind"]) == ("rival", "delta")


def test_a_model_is_fitted_in_each_pass_or_beforehand() -> None:
    from n1codec.bench.measure import kernels

    fits: list[int] = []

    class Fitting(ModelCoder):
        name = "fitting"
        family = "n1"

        def fit(self, x: np.ndarray, converters: np.ndarray | None = None) -> bytes:
            fits.append(len(x))
            return b"model"

        def encode_with(self, x: np.ndarray, model: bytes) -> bytes:
            assert model == b"model"
            return x.tobytes()

        def decode_with(self, data: bytes, layout: Layout, model: bytes) -> np.ndarray:
            assert model == b"model"
            return np.frombuffer(data, layout.dtype).reshape(layout.shape)

    samples = kernels.Signal(np.arange(6000, dtype=np.int16).reshape(3000, 2), 1000)
    each = kernels.measure(kernels.Target(Fitting(), ()), [samples], 0)
    assert each.problem == ""
    assert each.ratio == pytest.approx(1, rel=0.01)
    assert len(fits) == 1 + each.encode.repeats
    fits.clear()
    before = kernels.measure(kernels.Target(Fitting(), (), fitted=True), [samples], 0)
    assert (before.problem, before.ratio, fits) == ("", None, [3000])
    names = [target.name for target in kernels.targets()]
    assert {"n1_multi", "n1_multi, its model fitted", "n1_multi:preset=fast, its model fitted"} <= set(names)


def test_the_bench_names_no_coder() -> None:
    coders = {name for name in registry.names() if issubclass(registry.find(name), Coder)}
    house = Path(str(n1codec.__file__)).parent
    for path in (*(house / "bench").rglob("*.py"), house / "cli" / "bench.py"):
        texts = [node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)]
        stages = {stage.partition(":")[0] for text in texts if isinstance(text, str) for stage in text.split("|")}
        assert not stages & coders, path


def _file_of(name: str) -> str:

    return str(sys.modules[registry.find(name).__module__].__file__)


def test_bench_figures_agree_with_each_other(data: Path) -> None:
    (copy,) = json.loads(bench(data, "--filter", "copy", "--files", "3", "--json"))
    assert copy["ratio"] == 1
    for direction in ("encode", "decode"):
        speed = copy[direction]
        assert speed["ns_per_sample"] * 1e-9 * RATE * speed["xrt"] == pytest.approx(1)
        assert speed["best_xrt"] >= speed["xrt"]
        assert speed["repeats"] >= 5


@pytest.mark.slow
def test_bench_marks_what_is_slower_than_promised(data: Path, module) -> None:
    module("hasty", extra="floor_xrt = 10**12")
    module("steady", extra="floor_xrt = 1")
    assert bench(data, "--filter", "hasty", code=0).rstrip().endswith("slow")
    bench(data, "--filter", "hasty", "--check", code=1)
    assert bench(data, "--filter", "steady", "--check").rstrip().endswith("ok")
    module("wrong", decompress="return data[:-1] + b'x'", extra="floor_xrt = 1")
    assert "does not give back" in bench(data, "--filter", "wrong", "--check", code=1)
    bench(data, "--filter", "no such stage", code=2)
