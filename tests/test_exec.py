"""Somebody else's programs as a codec: the protocol, what they may do wrong, and that no file can name them."""

from __future__ import annotations

import csv
import json
import os
import re
import signal as signals
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, signal

import n1codec
from n1codec import container, registry
from n1codec.bench.measure import cases, machine
from n1codec.bench.measure.work import Work
from n1codec.codec import CodecError, FormatError, SpecError
from n1codec.pipeline import get_codec

pytestmark = pytest.mark.skipif(os.name != "posix", reason="its programs are shell scripts")

Run = Callable[..., subprocess.CompletedProcess[str]]
Script = Callable[..., str]


@pytest.fixture
def script(tmp_path: Path) -> Script:
    """A function that makes a shell script and returns its command."""
    folder = tmp_path / "their programs"
    folder.mkdir()

    def make(name: str, *lines: str) -> str:
        path = folder / name
        path.write_text("\n".join(("#!/bin/sh", *lines, "")))
        path.chmod(0o755)
        return f"'{path}' {{in}} {{out}}"

    return make


def spec(enc: str, dec: str, **more: str) -> str:
    values = {"enc": enc, "dec": dec, **more}
    return "exec:" + ",".join(f"{key}={json.dumps(value)}" for key, value in values.items())


@pytest.fixture
def gzipped(script: Script) -> str:
    return spec(script("pack", 'gzip -9 <"$1" >"$2"'), script("unpack", 'gzip -d <"$1" >"$2"'))


def left_over() -> list[Path]:
    import tempfile

    return list(Path(tempfile.gettempdir()).glob("n1-exec-*"))


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep temporary files of a test to itself."""
    import tempfile

    (tmp_path / "scratch").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "scratch"))
    monkeypatch.setattr(tempfile, "tempdir", None)


def test_programs_get_the_file_and_their_output_is_the_payload(tmp_path: Path, wav_file: Path, script: Script) -> None:
    seen = tmp_path / "seen"
    pack = script("pack", f'cp "$1" {seen}', "echo noise", "echo noise >&2", 'gzip -n <"$1" >"$2"')
    codec = get_codec(spec(pack, script("unpack", 'gzip -d <"$1" >"$2"')))
    packed, restored = tmp_path / "a.n1c", tmp_path / "a.wav"
    container.encode_file(wav_file, packed, codec)
    assert seen.read_bytes() == wav_file.read_bytes()
    header = container.read(packed.read_bytes())
    gzip = subprocess.run(["gzip", "-n"], stdin=wav_file.open(), capture_output=True, check=True).stdout
    assert (header.spec, header.payload) == ("exec", gzip)
    assert packed.stat().st_size - len(gzip) <= 24
    container.decode_file(packed, restored, codec)
    assert restored.read_bytes() == wav_file.read_bytes()
    assert left_over() == []


def test_any_file_goes_through(tmp_path: Path, gzipped: str) -> None:
    for name, content in {"notes.txt": b"no recording", "empty": b""}.items():
        source, packed, restored = tmp_path / name, tmp_path / "packed", tmp_path / "restored"
        source.write_bytes(content)
        container.encode_file(source, packed, gzipped)
        container.decode_file(packed, restored, gzipped)
        assert restored.read_bytes() == content


def test_no_file_names_programs(run: Run, tmp_path: Path, wav_file: Path, gzipped: str) -> None:
    packed, out = tmp_path / "a.n1c", tmp_path / "out.wav"
    assert run("encode", wav_file, packed, gzipped).returncode == 0
    assert b"their programs" not in packed.read_bytes()
    for options in ((), ("--codec", "zstd")):
        done = run("decode", *options, packed, out, N1_CODEC=gzipped)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
        assert re.search("a file cannot say which program to run|written by exec, not by zstd", done.stderr)
        assert not out.exists()
    with pytest.raises(CodecError, match="cannot say which program"):
        n1codec.decode(packed.read_bytes())
    assert run("decode", "--codec", gzipped, packed, out).returncode == 0
    assert out.read_bytes() == wav_file.read_bytes()


def test_a_given_codec_decodes_nothing_else(tmp_path: Path, wav_file: Path, gzipped: str) -> None:
    packed = tmp_path / "a.n1c"
    container.encode_file(wav_file, packed, "zstd")
    with pytest.raises(CodecError, match="written by zstd, not by exec"):
        container.decode_file(packed, tmp_path / "out", gzipped)
    container.decode_file(packed, tmp_path / "out", "zstd:level=3")
    assert (tmp_path / "out").read_bytes() == wav_file.read_bytes()


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("exec", "enc is no command with"),
        ('exec:enc="./pack {in}",dec="./unpack {in} {out}"', "enc is no command with"),
        ('exec:enc="./pack {in} {out}",dec="./unpack"', "dec is no command with"),
        ('exec:enc="./pack \'{in} {out}",dec="./unpack {in} {out}"', "enc=.* no closing quotation"),
        ('exec:enc="cp {in} {out}",dec="cp {in} {out}",start=""', "start is empty"),
        ('delta|exec:enc="cp {in} {out}",dec="cp {in} {out}"', "no filter can stand before it"),
    ],
)
def test_a_wrong_spec_says_so(wrong: str, says: str) -> None:
    with pytest.raises(SpecError, match=says):
        get_codec(wrong)


def test_arrays_are_no_files(gzipped: str) -> None:
    with pytest.raises(CodecError, match="codes files, not arrays"):
        n1codec.encode(signal(10), gzipped)


def test_no_shell_reads_a_command(tmp_path: Path, wav_file: Path) -> None:
    odd = spec("cp {in} {out} ; touch oops", "cp {in} {out}")
    with pytest.raises(CodecError, match=r"^cp failed with exit code 1: cp: "):
        container.encode_file(wav_file, tmp_path / "a.n1c", odd)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (("echo out of cheese >&2", "echo >&2", "exit 3"), r"bad failed with exit code 3: out of cheese$"),
        (("echo it says $1; exit 4",), r"bad failed with exit code 4: it says in\.wav$"),
        (("kill -SEGV $$",), r"bad failed with SIGSEGV$"),
        (("exit 0",), r"bad wrote no output$"),
    ],
)
def test_what_an_encoder_does_wrong(tmp_path: Path, wav_file: Path, script: Script, body: tuple, says: str) -> None:
    with pytest.raises(CodecError, match=says):
        container.encode_file(wav_file, tmp_path / "a.n1c", spec(script("bad", *body), "cp {in} {out}"))
    assert not (tmp_path / "a.n1c").exists()
    assert left_over() == []


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("./no/such/program {in} {out}", "^./no/such/program: there is no such program$"),
        ("/dev/null {in} {out}", "^/dev/null: permission denied$"),
    ],
)
def test_a_program_that_cannot_run(tmp_path: Path, wav_file: Path, command: str, says: str) -> None:
    with pytest.raises(CodecError, match=says):
        container.encode_file(wav_file, tmp_path / "a.n1c", spec(command, "cp {in} {out}"))
    with pytest.raises(CodecError, match=r"start='false' failed"):
        container.encode_file(wav_file, tmp_path / "a.n1c", spec("cp {in} {out}", "cp {in} {out}", start="false"))


@pytest.mark.parametrize("wrong", ["head -c 100", "tr a b", "sed p"])
def test_a_wrong_decoder_is_found_out(tmp_path: Path, wav_file: Path, script: Script, wrong: str) -> None:
    codec = spec("cp {in} {out}", script("bad", f'{wrong} <"$1" >"$2"'))
    container.encode_file(wav_file, tmp_path / "a.n1c", codec)
    with pytest.raises(FormatError, match=r"exec gave|checksum"):
        container.decode_file(tmp_path / "a.n1c", tmp_path / "a.wav", codec)
    assert not (tmp_path / "a.wav").exists()


@pytest.mark.parametrize(
    ("program", "starts", "own"),
    [
        (0.5, [0.2] * 15, 0.3),
        (0.5, [0.1] * 7 + [0.2] + [0.3] * 7, 0.3),
        (0.25, [0.1] * 7 + [0.2] + [0.3] * 7, 0.2),  # less than the spread cannot be told from nothing
    ],
)
def test_the_start_of_a_process_is_subtracted(
    wav_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: float, starts: list[float], own: float
) -> None:
    module = sys.modules[registry.find("exec").__module__]
    module._starts.cache_clear()
    left = iter(starts)

    def spawn(words: list[str], said: object) -> tuple[float, int]:
        if words == ["nothing"]:
            return next(left), 0
        Path(words[2]).write_bytes(b"packed")
        return program, 0

    monkeypatch.setattr(module, "_spawn", spawn)
    codec = get_codec(spec("cp {in} {out}", "cp {in} {out}", start="nothing"))
    done = Work(wav_file.read_bytes(), "encode", codec).run()
    module._starts.cache_clear()
    assert done.seconds == pytest.approx(own) and done.start_seconds == 0.2


def test_another_program_is_another_version(script: Script, gzipped: str) -> None:
    (before,) = cases.make([gzipped])
    script("unpack", 'gunzip <"$1" >"$2"')
    machine._checksum.cache_clear()  # of another process
    (after,) = cases.make([gzipped])
    assert before.spec == after.spec
    assert before.version != after.version


def test_the_spec_is_spelled_so_that_it_can_be_read_again(gzipped: str) -> None:
    assert get_codec(gzipped).spec == gzipped
    assert cases.split(f"copy {gzipped} bz2") == ["copy", gzipped, "bz2"]


# -- in the bench ----------------------------------------------------------------------------------------------------


def gone(pid: Path) -> bool:
    """Whether the process that wrote its number there ends within some seconds."""
    for _ in range(100):
        try:
            os.kill(int(pid.read_text()), 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def wait_for(pid: Path) -> None:
    for _ in range(600):
        if pid.exists() and pid.read_text().strip():
            return
        time.sleep(0.05)
    pytest.fail("the program was not started")


def bench(tmp_path: Path, wav_file: Path, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "n1codec", *arguments, "--data", str(wav_file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == code, done.stderr
    return done


@pytest.mark.slow
def test_eval_and_eval_sh(tmp_path: Path, wav_file: Path, gzipped: str) -> None:
    done = bench(tmp_path, wav_file, "eval", "--codec", gzipped)
    ratio = re.search(r"^Compression ratio: (\S+)$", done.stdout, re.MULTILINE)
    assert done.stdout.count("Start of a process, not in it (s): 0.") == 2
    for direction in ("encode", "decode"):  # eval.sh takes what stands beside it
        (tmp_path / direction).symlink_to(ROOT / f"{direction}.py")
    (tmp_path / "eval.sh").symlink_to(ROOT / "eval.sh")
    environment = {k: v for k, v in os.environ.items() if k not in ("ENCODE", "DECODE")}
    environment |= {"CODEC": gzipped, "DATA": str(wav_file)}
    script = subprocess.run(["bash", tmp_path / "eval.sh"], capture_output=True, text=True, env=environment)
    assert script.returncode == 0, script.stderr
    assert ratio and f"Compression ratio of the recordings: {ratio[1]}\n" in script.stdout


@pytest.mark.slow
def test_side_by_side_with_the_others(tmp_path: Path, wav_file: Path, script: Script, gzipped: str) -> None:
    bad = spec(script("bad_pack", "echo no >&2; exit 9"), "cp {in} {out}")
    wrong = spec("cp {in} {out}", script("bad_unpack", 'tr a b <"$1" >"$2"'))
    options = [f"--codec={codec}" for codec in (gzipped, bad, wrong, "gzip")]
    done = bench(tmp_path, wav_file, "grid", "--results", str(tmp_path / "r"), "--min-time", "0", *options, code=1)
    lines = {line.split("  ")[0]: line for line in done.stdout.splitlines()}
    assert " 1/1 " in lines[get_codec(gzipped).spec] and lines["gzip"].endswith("ok")
    assert lines[get_codec(bad).spec].endswith("bad_pack failed with exit code 9: no")
    assert "checksum" in lines[get_codec(wrong).spec]
    (summary,) = (tmp_path / "r").glob("*/summary.csv")
    table = {line["spec"]: line for line in csv.DictReader(summary.open())}
    assert float(table[get_codec(gzipped).spec]["encode_start_seconds"]) > 0
    assert table["gzip"]["encode_start_seconds"] == ""


@pytest.mark.slow
def test_a_hanging_program_ends_with_its_codecs_time(tmp_path: Path, wav_file: Path, script: Script) -> None:
    pid = tmp_path / "pid"
    hang = spec(script("hang", "sleep 1000 &", f"echo $! >{pid}", "wait"), "cp {in} {out}")
    done = bench(
        tmp_path, wav_file, "grid", "--results", str(tmp_path / "r"), "--timeout", "3", "--codec", hang, code=1
    )
    assert "longer than the time limit" in done.stdout
    assert gone(pid)
    assert left_over() == []


def test_an_interrupted_encoder_ends_its_program(tmp_path: Path, wav_file: Path, script: Script) -> None:
    pid = tmp_path / "pid"
    hang = spec(script("hang", "sleep 1000 &", f"echo $! >{pid}", "wait"), "cp {in} {out}")
    command = [sys.executable, "-m", "n1codec", "encode", str(wav_file), str(tmp_path / "a.n1c"), hang]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        wait_for(pid)
        process.terminate()
        assert process.wait(20) == 130
    assert gone(pid)
    assert left_over() == []


@pytest.mark.slow
def test_a_killed_sweep_ends_the_programs(tmp_path: Path, wav_file: Path, script: Script) -> None:
    pid = tmp_path / "pid"
    hang = spec(script("hang", "sleep 1000 &", f"echo $! >{pid}", "wait"), "cp {in} {out}")
    command = [sys.executable, "-m", "n1codec", "grid", "--data", str(wav_file), "--results", str(tmp_path / "r"),
               "--codec", hang]  # fmt: skip
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        wait_for(pid)
        process.kill()
    assert gone(pid)
    assert left_over() == []


SHELL = ("cat {in} > {out}", "cat {in} | tee {out}", "X=1 nothing {in} {out}", "cp $HOME/{in} {out}", "cp ~/{in} {out}")


@pytest.mark.parametrize("command", SHELL)
def test_words_for_a_shell_get_a_hint(command: str) -> None:
    codec = get_codec(spec(command, command))
    with pytest.raises(CodecError, match=r"no shell runs the command: .* sh -c"):
        codec.encode(np.arange(5))


def test_other_failures_get_no_hint() -> None:
    codec = get_codec(spec("false {in} {out}", "false {in} {out}"))
    with pytest.raises(CodecError) as caught:
        codec.encode(np.arange(5))
    assert "shell" not in str(caught.value)


def worker_of(sweep: int) -> int:
    """The process that a sweep has started to encode or to decode."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if int(fields[1]) == sweep and b"n1codec.bench.measure.worker" in words:
            return int(folder.name)
    pytest.fail("the sweep has no worker")


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux' /proc")
@pytest.mark.parametrize("how", [signals.SIGKILL, signals.SIGTERM])
@pytest.mark.slow
def test_a_killed_worker_ends_the_programs(
    tmp_path: Path, wav_file: Path, script: Script, how: signals.Signals
) -> None:
    pid = tmp_path / "pid"
    hang = spec(script("hang", "sleep 1000 &", f"echo $! >{pid}", "wait"), "cp {in} {out}")
    command = [sys.executable, "-m", "n1codec", "grid", str(wav_file), "--results", str(tmp_path / "r"),
               "--codec", hang]  # fmt: skip
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        wait_for(pid)
        os.kill(worker_of(process.pid), how)
        assert process.wait(30) == 1
    assert gone(pid)
