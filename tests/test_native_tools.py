"""n1enc and n1dec, the codec n1 as programs of their own, beside the Python ones."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, signal
from forge import ARRAY, OPAQUE, WAV, WAV_AND_MORE, Forged, sealed
from test_forged import ARRAY_OF_3, BYTES, FORGED, MORE, SEVERAL, WAV_OF_3
from test_sanitizers import CHECKS, run

import n1codec
from n1codec import container
from n1codec.codec import CodecError
from n1codec.pipeline import get_codec
from n1codec.recordings import UnknownFormat, wav
from n1codec.recordings.samples import Form

LARGEST = 120_000
"""Bytes of each program, tables included."""
WINDOWS = sys.platform == "win32"
SUFFIX = ".exe" if WINDOWS else ""


def build_with_make(folder: Path) -> None:
    if WINDOWS or not shutil.which("make") or not shutil.which("cc"):
        pytest.skip("no make and cc here")
    subprocess.run(["make", "-s", "native", f"NATIVE={folder}"], cwd=ROOT, check=True, timeout=300)


def build_with_cmake(folder: Path) -> None:
    if not shutil.which("cmake"):
        pytest.skip("no cmake here")
    configure = ["-S", ROOT, "-B", folder / "build", "-DN1C_TOOLS=ON", f"-DN1C_TOOLS_DIR={folder.as_posix()}"]
    build = ["--build", folder / "build", "--config", "Release", "--target", "n1enc", "n1dec"]
    for args in (configure, build):
        done = subprocess.run(["cmake", *map(str, args)], capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that the programs are in."""
    folder = tmp_path_factory.mktemp("tools")
    (build_with_cmake if WINDOWS else build_with_make)(folder)
    return folder


def call(tools: Path, program: str, *args: object, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [str(tools / (program + SUFFIX)), *map(str, args)]
    return subprocess.run(command, input=stdin, capture_output=True, timeout=60)


def pack(tools: Path, source: bytes) -> bytes:
    done = call(tools, "n1enc", "-", "-", stdin=source)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout


def unpack(tools: Path, packed: bytes) -> bytes:
    done = call(tools, "n1dec", "-", "-", stdin=packed)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout


def python(source: bytes, spec: str = "n1") -> bytes:
    return container.encode_bytes(source, get_codec(spec))


def assert_one_line(done: subprocess.CompletedProcess[bytes], code: int, text: str) -> None:
    error = done.stderr.decode()
    assert (done.returncode, done.stdout, error.count("\n")) == (code, b"", 1)
    assert text in error


def raw_wav(raw: bytes, channels: int, rate: int, bits: int) -> bytes:
    return wav.header(len(raw) * 8 // (channels * bits), channels, rate, bits) + raw


def canonical() -> dict[str, bytes]:
    """Return WAV files of which the 44 bytes before the samples tell everything."""
    rng = np.random.default_rng(0)
    noise = rng.integers(-32768, 32768, 5000, np.int16)
    walk = np.cumsum(rng.integers(-3000, 3001, (6000, 3)), axis=0).astype("<i4")
    steps = np.cumsum(rng.integers(-2, 3, 9000))
    files = {
        "one channel": wav.write(signal(20_000), 19531),
        "two channels": wav.write(signal(6000, 2), 30000),
        "nine channels": wav.write(signal(100, 9), 30000),
        "other rate": wav.write(signal(5000, seed=1), 12345),
        "no rate": wav.write(signal(50), 0),
        "highest rate": wav.write(signal(50), 2**31 - 1),
        "no frames": raw_wav(b"", 1, 19531, 16),
        "no frames of many channels": raw_wav(b"", 300, 19531, 16),
        "8 bits": wav.write(np.clip(128 + steps, 0, 255).astype(np.uint8), 8000),
        "8 bits, odd size": wav.write(rng.integers(0, 256, (4999, 3), np.uint8), 8000),
        "24 bits": raw_wav(Form("int24").pack(walk[:, :1]).tobytes(), 1, 44100, 24),
        "24 bits, three channels": raw_wav(Form("int24").pack(walk).tobytes(), 3, 48000, 24),
        "24 bits, noise": raw_wav(rng.bytes(3 * 5001), 1, 44100, 24),
        "32 bits": wav.write(walk * 40_000, 96000),
        "constant": wav.write(np.full(100_000, -77, np.int16), 19531),
        "noise": wav.write(noise, 19531),
        "square wave": wav.write(np.where(np.arange(5000) // 50 % 2, 32767, -32768).astype(np.int16), 19531),
        "steps of 16": wav.write((steps * 16).astype(np.int16), 30000),
        "12 bits": wav.write(np.clip(steps, -2048, 2047).astype(np.int16), 30000),
    }
    return files | {f"{n} samples": wav.write(signal(n), 19531) for n in (1, 7, 8, 9, 4095, 4096, 4097)}


def others() -> dict[str, bytes]:
    """Return files that are no WAV files, or not only samples."""
    plain = wav.write(signal(1000), 19531)
    samples = plain[44:]
    float_form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 3, 1, 19531, 4 * 19531, 4, 32)
    return {
        "nothing": b"",
        "text": b"no recording",
        "random": np.random.default_rng(1).bytes(3000),
        "cut header": plain[:43],
        "no channels": plain[:22] + b"\0\0" + plain[24:],
        "7 bytes a frame": plain[:32] + b"\7\0" + plain[34:],
        "chunk before": plain[:36] + b"LIST\4\0\0\0abcd" + plain[36:],
        "chunk after": plain + b"LIST\4\0\0\0abcd",
        "odd byte": plain + b"\0",
        "cut samples": plain[:-3],
        "size of none": plain[:40] + bytes(4) + samples,
        "other size of the file": plain[:4] + bytes(4) + plain[8:],
        "13 bits": plain[:34] + b"\r\0" + plain[36:],
        "float": plain[:12] + float_form + struct.pack("<4sI", b"data", 4000) + bytes(4000),
        "empty .n1c": n1codec.encode(np.empty(0, np.int16), "copy"),
    }


def test_the_programs_are_small(tools: Path) -> None:
    """The challenge counts their size: a table of a few kilobytes more shows in the ratio."""
    assert all((tools / name).stat().st_size < 48_000 for name in ("n1enc", "n1dec"))


@pytest.mark.parametrize("name", canonical())
def test_canonical_files_give_the_bytes_of_encode(tools: Path, name: str) -> None:
    source = canonical()[name]
    parsed = wav.read(source)
    assert parsed.canonical
    packed = pack(tools, source)
    assert packed == python(source)
    assert unpack(tools, packed) == source


@pytest.mark.parametrize("name", others())
def test_other_files_are_stored(tools: Path, name: str) -> None:
    source = others()[name]
    packed = pack(tools, source)
    assert container.read(packed).source_kind == "opaque"
    assert len(packed) <= len(source) + 32
    assert container.decode_bytes(packed) == unpack(tools, packed) == source
    try:
        wav.read(source)
    except UnknownFormat:
        assert packed == python(source)


def test_recordings_give_the_bytes_of_encode(tools: Path, recordings: list[Path]) -> None:
    for path in recordings:
        source = path.read_bytes()
        packed = pack(tools, source)
        assert packed == python(source)
        assert unpack(tools, packed) == source


def test_files_of_the_first_version(tools: Path) -> None:
    packed = ROOT / "tests" / "golden" / "mono16~n1~v1.n1c"
    assert unpack(tools, packed.read_bytes()) == container.decode_bytes(packed.read_bytes())


def test_programs_are_small(tools: Path) -> None:
    assert all((tools / (name + SUFFIX)).stat().st_size < LARGEST for name in ("n1enc", "n1dec"))


@pytest.mark.slow
def test_cmake_builds_the_same_programs(tools: Path, tmp_path: Path) -> None:
    build_with_cmake(tmp_path)
    source = wav.write(signal(6000, 2), 30000)
    assert pack(tmp_path, source) == pack(tools, source)
    assert unpack(tmp_path, pack(tools, source)) == source


def test_files_are_replaced_whole(tools: Path, wav_file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "a folder"
    folder.mkdir()
    packed, restored = folder / "packed.n1c", folder / "restored.wav"
    packed.write_bytes(b"what was there")
    assert call(tools, "n1enc", wav_file, packed).returncode == 0
    assert packed.read_bytes() == python(wav_file.read_bytes())
    assert call(tools, "n1dec", packed, restored).returncode == 0
    assert restored.read_bytes() == wav_file.read_bytes()
    assert sorted(p.name for p in folder.iterdir()) == ["packed.n1c", "restored.wav"]


@pytest.mark.skipif(WINDOWS, reason="POSIX permissions and links")
def test_outputs_have_the_umasks_mode_and_links_stay(tools: Path, wav_file: Path, tmp_path: Path) -> None:
    target, link, new = tmp_path / "target", tmp_path / "link", tmp_path / "new"
    target.write_bytes(b"")
    link.symlink_to(target)
    old = os.umask(0o027)
    try:
        call(tools, "n1enc", wav_file, link)
        call(tools, "n1enc", wav_file, new)
    finally:
        os.umask(old)
    assert link.is_symlink() and target.read_bytes() == new.read_bytes() != b""
    assert new.stat().st_mode & 0o777 == 0o640


def test_damaged_files_are_refused(tools: Path, wav_file: Path, tmp_path: Path) -> None:
    source = wav_file.read_bytes()
    blob = pack(tools, source)
    flipped = bytearray(blob)
    flipped[len(blob) // 2] ^= 4
    future = blob[:3] + b"\2" + blob[4:]
    profile = bytearray(python(wav.write(signal(5000), 19531)))
    profile[len(profile) - len(container.read(bytes(profile)).payload)] |= 3 << 3
    body = struct.pack("<I", zlib.crc32(profile[8:]))
    bad, out = tmp_path / "bad.n1c", tmp_path / "out.wav"
    for data, words in (
        (b"", "it is empty"),
        (blob[:-5], "damaged or truncated"),
        (blob[:9], "it is truncated"),
        (bytes(flipped), "damaged or truncated"),
        (future, "format version"),
        (source, "it is not a .n1c file"),
        (bytes(profile[:4] + body + profile[8:]), "profile of its own (restore it with ./decode)"),
        (n1codec.encode(np.zeros(4, np.int16), "copy"), "it holds an array"),
        (python(source, "delta|zstd"), "another codec than n1 (restore it with ./decode)"),
        (python(source, "zstd"), "another codec than n1 (restore it with ./decode)"),
        (python(others()["chunk after"]), "more than samples in it (restore it with ./decode)"),
    ):
        bad.write_bytes(data)
        assert_one_line(call(tools, "n1dec", bad, out), 1, words)
        assert call(tools, "n1dec", bad, out).stderr.startswith(f"n1dec: {bad}: ".encode())
        assert sorted(p.name for p in tmp_path.iterdir()) == ["bad.n1c", "recording.wav"]


def test_every_cut_and_changed_byte_is_refused(tools: Path, tmp_path: Path) -> None:
    blob = pack(tools, wav.write(signal(20), 19531))
    bad, out = tmp_path / "bad.n1c", tmp_path / "out.wav"
    cut = [blob[:i] for i in range(len(blob))]
    changed = [blob[:i] + bytes([blob[i] ^ 1]) + blob[i + 1 :] for i in range(len(blob))]
    for data in cut + changed:
        bad.write_bytes(data)
        assert_one_line(call(tools, "n1dec", bad, out), 1, "bad.n1c: it")
        assert not out.exists()


def test_bad_files(tools: Path, wav_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.n1c"
    assert_one_line(call(tools, "n1enc", tmp_path / "none.wav", out), 1, "none.wav: no such file")
    assert_one_line(call(tools, "n1enc", tmp_path, out), 1, "it is a folder (name a file)")
    assert_one_line(call(tools, "n1enc", wav_file, tmp_path), 1, "it is a folder (name a file)")
    assert_one_line(call(tools, "n1enc", wav_file, tmp_path / "no" / "out"), 1, "no such file or folder")
    assert_one_line(call(tools, "n1enc", wav_file, wav_file), 2, "it is the input")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["recording.wav"]


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="no /dev/full here")
def test_full_disk(tools: Path, wav_file: Path) -> None:
    assert_one_line(call(tools, "n1enc", wav_file, "/dev/full"), 1, "/dev/full: no space left")


@pytest.mark.parametrize("program", ["n1enc", "n1dec"])
def test_usage(tools: Path, program: str) -> None:
    for args in ((), ("a",), ("a", "b", "c"), ("--no-such-option", "a"), ("a", "--such")):
        assert_one_line(call(tools, program, *args), 2, f"{program}: takes IN OUT (see {program} --help)")
    done = call(tools, program, "--help")
    assert done.returncode == 0 and b"Example:" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("check", ["gcc", "clang", "clang memory"])
def test_containers_under_sanitizers(check: str, tmp_path: Path) -> None:
    compiler, sanitize = CHECKS[check]
    if not shutil.which(compiler):
        pytest.skip(f"no {compiler} here")
    native = ROOT / "native"
    sources = [
        ROOT / "tests/native/fuzz_container.c",
        native / "tools/container.c",
        *(
            native / "src" / f"{name}.c"
            for name in ("crc32", "n1", "n1_model", "n1_lanes", "n1_avx2", "n1_tables", "n1_steps")
        ),
    ]
    command = [compiler, "-std=c99", sanitize, "-g", "-O1", "-fno-sanitize-recover=all", "-Wall", "-Wextra", "-Werror"]
    folders = [f"-I{native / name}" for name in ("include", "src", "tools")]
    program = tmp_path / "fuzz_container"
    subprocess.run([*command, *folders, *map(str, sources), "-o", str(program)], check=True, timeout=300)
    assert "300 damaged ones" in run(program, "10")


def forged(body: bytes, source: bytes = b"") -> bytes:
    """Return a .n1c file of version 1 whose checksums hold, whatever stands in it."""
    return sealed(zlib.crc32(source).to_bytes(4, "little") + body)


def changes(file: Forged) -> dict[str, object]:
    """Return the fields in which a forged file differs from the good one that it was made from."""
    good = (ARRAY_OF_3, SEVERAL, WAV_OF_3, MORE, BYTES)
    found = [{k: v for k, v in vars(file).items() if v != getattr(base, k)} for base in good]
    return min(found, key=len)


THREE = np.arange(3, dtype=np.int16)
OF_N1 = {
    "WAV": Forged(WAV, stages=(b"n",), payload=get_codec("n1").encode(THREE)).but(
        checksum=zlib.crc32(wav.write(THREE, 30000))
    ),
    "bytes": BYTES.but(stages=(b"c",)),
}
"""Files that n1dec reads, as tests/test_forged.py has others."""


@pytest.mark.parametrize("base", OF_N1)
def test_n1dec_and_python_say_the_same_of_forged_files(tools: Path, base: str) -> None:
    good = OF_N1[base]
    assert unpack(tools, good.bytes()) == container.decode_bytes(good.bytes())
    cases = {what: file for what, (file, _) in FORGED.items()}
    seen = 0
    for what, file in cases.items():
        fields = changes(file)
        if file.source in (ARRAY, WAV_AND_MORE):
            assert_one_line(call(tools, "n1dec", "-", "-", stdin=file.bytes()), 1, ": it")
        if "around" in fields or "axes" in fields or (good.source == OPAQUE and "rate" in fields):
            continue
        data = good.but(**fields).bytes()
        done = call(tools, "n1dec", "-", "-", stdin=data)
        try:
            expected = container.decode_bytes(data)
        except CodecError:
            assert_one_line(done, 1, ": it")
        else:
            assert (done.returncode, done.stdout) == (0, expected), what
        seen += 1
    assert seen > 15


@pytest.mark.parametrize(("size", "good"), [(1, True), (10, True), (11, False)])
def test_an_integer_has_so_many_bytes_at_most(tools: Path, size: int, good: bool) -> None:
    length = bytes([0x80 | 3] + [0x80] * (size - 2) + [0]) if size > 1 else b"\3"
    body = bytes([1 << 2]) + length + bytes([0x80 | ord("c")]) + b"abc"
    done = call(tools, "n1dec", "-", "-", stdin=forged(body, b"abc"))
    assert (done.stdout == b"abc") == good and (done.returncode == 0) == good


@pytest.mark.skipif(WINDOWS, reason="limits are set by a shell")
def test_memory_is_taken_only_for_what_the_bytes_back(tools: Path) -> None:
    frames = bytes([0x80, 0x80, 0x80, 0x80, 1])  # 2^28 samples, half a GB
    packed = forged(bytes([1 | 1 << 2 | 1 << 3, 0]) + frames + bytes([0x80 | ord("n")]) + bytes(100))
    done = subprocess.run(
        ["sh", "-c", f'ulimit -v 200000; exec "{tools / "n1dec"}" - -'], input=packed, capture_output=True, timeout=60
    )
    assert_one_line(done, 1, "damaged")
