"""./encode, ./decode, list and info as a person meets them."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, signal

import n1codec
from n1codec import container
from n1codec.pipeline import get_codec
from n1codec.recordings import wav

Run = Callable[..., subprocess.CompletedProcess[str]]


def assert_one_line(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1 and done.stderr.endswith("\n"), done.stderr
    for word in words:
        assert word in done.stderr


def test_round_trip(start: Run, wav_file: Path, tmp_path: Path) -> None:
    packed, restored = tmp_path / "packed.n1c", tmp_path / "restored.wav"
    for codec in ((), ("delta|zstd:level=3",)):
        assert start("encode", wav_file, packed, *codec).returncode == 0
        assert start("decode", packed, restored).returncode == 0
        assert restored.read_bytes() == wav_file.read_bytes()
        assert packed.stat().st_size < wav_file.stat().st_size * 0.6


def test_codec_from_the_environment(run: Run, wav_file: Path, tmp_path: Path) -> None:
    run("encode", wav_file, tmp_path / "a.n1c", N1_CODEC="zstd:level=1")
    assert container.read((tmp_path / "a.n1c").read_bytes()).spec == "zstd"


def test_standard_input_and_output(wav_file: Path) -> None:
    packed = subprocess.run(
        [sys.executable, ROOT / "encode.py", "-", "-", "zstd"], input=wav_file.read_bytes(), capture_output=True
    ).stdout
    restored = subprocess.run([sys.executable, ROOT / "decode.py", "-", "-"], input=packed, capture_output=True).stdout
    assert restored == wav_file.read_bytes()


@pytest.mark.parametrize("jobs", [1, 2])
def test_many_files(run: Run, tmp_path: Path, jobs: int) -> None:
    source, packed, restored = (tmp_path / name for name in ("in", "packed", "restored"))
    source.mkdir()
    for i in range(4):
        (source / f"r{i}.wav").write_bytes(wav.write(signal(3000, seed=i), 19531))
    (source / "notes.txt").write_text("no recording")
    log = tmp_path / "log.csv"
    done = run("encode", "--out-dir", packed, "--codec", "zstd:level=1", "--jobs", jobs, "--log", log, source)
    said = (
        f"encode: {source}/notes.txt: stored as it is: no reader understands it (a flat binary file needs --channels, "
    )
    said += "--dtype and --rate, or a sidecar notes.txt.json that says them)\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, "", said)
    assert sorted(p.name for p in packed.iterdir()) == ["notes.txt.n1c", *(f"r{i}.wav.n1c" for i in range(4))]
    rows = list(csv.DictReader(log.open()))
    assert list(rows[0]) == ["file", "codec", "original_bytes", "compressed_bytes", "seconds"]
    assert len(rows) == 5 and all(float(row["seconds"]) >= 0 for row in rows)
    assert {int(row["compressed_bytes"]) for row in rows} == {p.stat().st_size for p in packed.iterdir()}
    assert run("decode", "--out-dir", restored, "--jobs", jobs, packed).returncode == 0
    assert {p.name: p.read_bytes() for p in restored.iterdir()} == {p.name: p.read_bytes() for p in source.iterdir()}


def test_one_bad_file_does_not_stop_the_others(run: Run, wav_file: Path, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.wav.n1c", tmp_path / "bad.wav.n1c"
    run("encode", wav_file, good, "zstd")
    bad.write_bytes(good.read_bytes()[:-1])
    done = run("decode", "--out-dir", tmp_path / "out", bad, good)
    assert_one_line(done, 1, "bad.wav.n1c: it is damaged or truncated")
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["good.wav"]


def test_bad_input_to_encode(run: Run, wav_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.n1c"
    assert_one_line(run("encode", tmp_path / "none.wav", out, "zstd"), 1, "none.wav: no such file")
    assert_one_line(run("encode", tmp_path, out, "zstd"), 1, "it is a folder", "--out-dir")
    assert_one_line(run("encode", wav_file, tmp_path, "zstd"), 1, "it is a folder")
    assert_one_line(run("encode", wav_file, tmp_path / "no" / "out", "zstd"), 1, "no such file or folder")
    assert_one_line(run("encode", wav_file, out, "zzstd"), 1, "unknown codec", "did you mean", "zstd")
    assert_one_line(run("encode", wav_file, out, "zstd:level=77"), 1, "level='77'", "-7..22 [22]")
    assert_one_line(run("encode", wav_file, out, "delta"), 1, "a coder must follow")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["recording.wav"]


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="no /dev/full here")
def test_full_disk(run: Run, wav_file: Path) -> None:
    assert_one_line(run("encode", wav_file, "/dev/full", "zstd"), 1, "/dev/full: no space left")


def test_full_disk_ends_a_batch(wav_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    from n1codec import batch
    from n1codec.cli._files import convert

    def full(*_: object, **options: object) -> None:
        raise OSError(28, "No space left on device", "somewhere")

    (tmp_path / "b.wav").write_bytes(wav_file.read_bytes())
    monkeypatch.setattr(batch, "encode_file", full)
    options = {"jobs": 1, "log": None, "quiet": True, "out_dir": tmp_path / "o", "recursive": False}
    assert convert("encode", (str(tmp_path),), get_codec("zstd"), **options) == 1
    assert capsys.readouterr().err.splitlines() == [
        "encode: somewhere: no space left on its disk (free some, or write to another disk)"
    ]


def test_nothing_is_left_behind_when_a_write_fails(
    wav_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out" / "a.n1c"
    target.parent.mkdir()
    target.write_bytes(b"what was there")

    def full(*_: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space left") as caught:
        container.encode_file(wav_file, target, "zstd")
    assert caught.value.filename == str(target)
    assert [p.name for p in target.parent.iterdir()] == ["a.n1c"]
    assert target.read_bytes() == b"what was there"


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_outputs_have_the_umasks_mode_and_links_stay(wav_file: Path, tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"")
    link.symlink_to(target)
    old = os.umask(0o027)
    try:
        container.encode_file(wav_file, link, "zstd")
        container.encode_file(wav_file, tmp_path / "new", "zstd")
    finally:
        os.umask(old)
    assert link.is_symlink() and target.stat().st_size > 0
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o640


def test_bad_input_to_decode(run: Run, wav_file: Path, tmp_path: Path) -> None:
    out, packed = tmp_path / "out.wav", tmp_path / "packed.n1c"
    blob = n1codec.container.encode_bytes(wav_file.read_bytes(), get_codec("zstd"))
    flipped = bytearray(blob)
    flipped[len(blob) // 2] ^= 4
    future = bytearray(blob)
    future[3] = 9
    for data, words in (
        (b"", "it is empty"),
        (blob[:-5], "damaged or truncated"),
        (blob[:9], "truncated"),
        (bytes(flipped), "damaged"),
        (bytes(future), "format version 9"),
        (wav_file.read_bytes(), "not a .n1c file"),
        (n1codec.encode(np.zeros(4, np.int16), "copy"), "holds an array"),
    ):
        packed.write_bytes(data)
        assert_one_line(run("decode", packed, out), 1, "packed.n1c: ", words)
        assert not out.exists()
    assert_one_line(run("decode", tmp_path / "none.n1c", out), 1, "none.n1c: no such file")


@pytest.mark.parametrize(
    "args",
    [("a",), ("a", "b", "c", "d"), ("--no-such-option",), ("--jobs", "0", "a", "b"), ("--jobs", "x", "a", "b")],
)
def test_wrong_usage(run: Run, args: tuple[str, ...]) -> None:
    assert_one_line(run("encode", *args), 2, "encode --help")


def test_two_inputs_of_one_name_are_refused(run: Run, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.wav").write_bytes(b"")
    done = run("encode", "--out-dir", tmp_path / "o", tmp_path / "a", tmp_path / "b")
    assert_one_line(done, 2, "has the same name")
    assert not (tmp_path / "o").exists()


def test_input_as_output_is_refused(run: Run, wav_file: Path) -> None:
    before = wav_file.read_bytes()
    assert_one_line(run("encode", wav_file, wav_file), 2, "it is the input")
    assert wav_file.read_bytes() == before


@pytest.mark.parametrize("program", ["encode", "decode", "n1codec"])
def test_help_and_version(start: Run, program: str) -> None:
    assert "Examples:" in start(program, "--help").stdout
    assert n1codec.__version__ in start(program, "--version").stdout


def test_every_command_has_help_with_an_example(run: Run) -> None:
    from n1codec.cli import _COMMANDS, command

    for name in _COMMANDS:
        found = command.get_command(None, name)  # type: ignore[arg-type]
        text = found.help or ""
        assert "Example" in text, name


def test_list_as_json(run: Run) -> None:
    from n1codec import registry

    listed = json.loads(run("n1codec", "list", "--json").stdout)
    by_name = {entry["name"]: entry for entry in listed}
    assert len(by_name) == len(listed)
    assert {*registry.CLASSIC, *registry.names()} == set(by_name)
    for entry in listed:
        assert entry.keys() >= {"name", "kind", "family", "spec", "available", "reason", "params", "traits"}
        assert entry["kind"] in ("codec", "filter", "alias")
        assert entry["available"] == (entry["reason"] is None)
    assert by_name["delta_bz2"] | {"spec": "delta|bz2", "family": "predictive", "kind": "alias"} == by_name["delta_bz2"]
    assert by_name["zstd"]["params"]["level"]["default"] == 22


def test_list_as_text_is_not_cut(run: Run) -> None:
    done = run("n1codec", "list", COLUMNS="40")
    assert any(len(line) > 60 for line in done.stdout.splitlines())
    assert "\x1b" not in done.stdout


def test_info_says_that_a_profile_is_needed(run: Run, wav_file: Path, tmp_path: Path) -> None:
    profile = tmp_path / "my.n1p"
    trained = run("n1codec", "train", wav_file.parent, "-o", profile, "--quiet")
    assert (trained.returncode, trained.stdout.splitlines()[0]) == (0, "1 recording")
    run("encode", wav_file, tmp_path / "a.n1c", f"n1:profile={profile}")
    checksum = f"{zlib.crc32(profile.read_bytes()):08x}"
    (entry,) = json.loads(run("n1codec", "info", "--json", tmp_path / "a.n1c").stdout)
    assert checksum in entry["needs"] and "N1CODEC_PROFILES" in entry["needs"]
    assert checksum in run("n1codec", "info", tmp_path / "a.n1c").stdout
    run("encode", wav_file, tmp_path / "b.n1c", "n1")
    assert json.loads(run("n1codec", "info", "--json", tmp_path / "b.n1c").stdout)[0]["needs"] is None


def test_info_rounds_to_what_a_person_reads(run: Run, wav_file: Path, tmp_path: Path) -> None:
    run("encode", wav_file, tmp_path / "a.n1c", "zstd")
    figures = dict(
        re.split(r"  +", line, maxsplit=1)
        for line in run("n1codec", "info", tmp_path / "a.n1c").stdout.splitlines()
        if line
    )
    assert "needs" not in figures
    assert all(len(re.sub(r"\D", "", figures[key])) <= 10 for key in ("ratio", "bits per sample", "seconds"))


def test_info(run: Run, wav_file: Path, tmp_path: Path) -> None:
    run("encode", wav_file, tmp_path / "a.n1c", "delta|zstd")
    (entry,) = json.loads(run("n1codec", "info", "--json", tmp_path / "a.n1c").stdout)
    assert entry["codec"] == "delta|zstd"
    assert entry["original_bytes"] == wav_file.stat().st_size
    assert (entry["frames"], entry["channels"], entry["rate"], entry["dtype"]) == (20_000, 1, 19531, "int16")
    assert "19531" in run("n1codec", "info", tmp_path / "a.n1c").stdout
    (entry,) = json.loads(run("n1codec", "info", "--json", wav_file).stdout)
    assert (entry["frames"], entry["channels"], entry["rate"], entry["dtype"]) == (20_000, 1, 19531, "int16")
    (tmp_path / "text").write_text("no recording")
    assert_one_line(run("n1codec", "info", tmp_path / "text"), 1, "text: no reader understands it")


def test_encode_imports_only_what_it_uses(wav_file: Path, tmp_path: Path) -> None:
    script = (
        "import sys; sys.argv = ['encode', *sys.argv[1:]]; from n1codec.cli.encode import main; code = main();"
        "print(code, *sorted(m for m in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, wav_file, tmp_path / "o", "delta|zstd:level=3"], capture_output=True, text=True
    )
    code, *modules = done.stdout.split()
    assert code == "0", done.stderr
    heavy = {"pandas", "scipy", "matplotlib", "numba", "plotly", "rich", "numcodecs", "blosc2", "lz4", "brotli", "lzma",
             "bz2", "soundfile", "av", "multiprocessing", "concurrent", "asyncio", "dataclasses", "importlib.metadata",
             "difflib", "tempfile", "dask", "torch"}  # fmt: skip
    assert heavy.intersection(modules) == set()
    assert "n1codec.algorithms.dictionary.zstd" in modules
    assert [m for m in modules if m.startswith("n1codec.algorithms.dictionary.")] == [
        "n1codec.algorithms.dictionary.zstd"
    ]


@pytest.mark.parametrize("failure", ["import no_such_module", "open('/no such file')"])
@pytest.mark.parametrize("program", ["encode", "decode"])
def test_a_broken_installation_is_said_in_one_line(tmp_path: Path, program: str, failure: str) -> None:
    shutil.copy(ROOT / f"{program}.py", tmp_path)
    broken = tmp_path / "n1codec" / "cli" / f"{program}.py"
    broken.parent.mkdir(parents=True)
    for module in (broken, broken.with_name("__init__.py"), broken.parents[1] / "__init__.py"):
        module.write_text(failure if module == broken else "")
    done = subprocess.run(
        [sys.executable, "-S", tmp_path / f"{program}.py"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"{program}: ")
    assert done.stderr.endswith("(run make install)\n")
