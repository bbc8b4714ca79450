"""Recordings are read where and when they are asked for; what no reader understands is told with its reason."""

from __future__ import annotations

import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import signal
from hypothesis import given
from hypothesis import strategies as st
from test_wav import DATA, LIST, SAMPLES, chunk, comes_back, extensible, fmt, raw, riff

from n1codec.recordings import UnknownFormat, open_recording, wav
from n1codec.recordings import recording as recording_module
from n1codec.recordings.samples import Form

Run = Callable[..., subprocess.CompletedProcess[str]]
WAVE64_TAIL = bytes.fromhex("f3acd3118cd100c04f8edb8a")


def guid_chunk(name: bytes, body: bytes, size: int | None = None) -> bytes:
    padded = body + bytes(-len(body) % 8)
    return name + WAVE64_TAIL + struct.pack("<Q", 24 + len(body) if size is None else size) + padded


def wave64(*chunks: bytes) -> bytes:
    body = b"wave" + WAVE64_TAIL + b"".join(chunks)
    head = b"riff" + bytes.fromhex("2e91cf11a5d628db04c10000")
    return head + struct.pack("<Q", 24 + len(body)) + body


def wave64_fmt(bits: int = 16, channels: int = 1, tag: int = wav.PCM) -> bytes:
    return guid_chunk(b"fmt ", fmt(bits, channels, tag)[8:])


BYTES = SAMPLES.tobytes()
READ = {
    "BW64": riff(
        chunk(b"ds64", struct.pack("<QQQI", 0, len(BYTES), 0, 0)), fmt(), chunk(b"data", BYTES, 0xFFFFFFFF),
        name=b"BW64", size=0xFFFFFFFF,
    ),
    "BW64 with a size of its own": riff(chunk(b"ds64", bytes(28)), fmt(), DATA, LIST, name=b"BW64"),
    "Wave64": wave64(wave64_fmt(), guid_chunk(b"data", BYTES)),
    "Wave64 with chunks around": wave64(guid_chunk(b"bext", b"odd"), wave64_fmt(), guid_chunk(b"data", BYTES), b"tail"),
    "Wave64 that was cut off": wave64(wave64_fmt(), guid_chunk(b"data", BYTES, 0)[: 24 + len(BYTES)]),
}  # fmt: skip


@pytest.mark.parametrize("source", READ.values(), ids=READ)
def test_large_file_forms_are_read_as_the_samples_that_they_are(source: bytes) -> None:
    found = wav.read(source)
    assert found.shape == (777, 1) and found.rate == 19531 and found.missing_frames == 0
    assert np.array_equal(found.samples[:, 0], SAMPLES)
    header = comes_back(source)
    assert (header.source_kind, header.frames, header.kind) == ("wav with extra chunks", 777, "int16")


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("wide", [False, True], ids=["plain", "extensible"])
def test_64_bit_integers_are_read(channels: int, wide: bool) -> None:
    data, values = raw(64, channels)
    source = riff(extensible(64, channels) if wide else fmt(64, channels), chunk(b"data", data))
    assert np.array_equal(wav.read(source).samples, values)
    assert comes_back(source).kind == "int64"


STORED = {
    "no WAV file": (b"some text", "it is no WAV file"),
    "empty": (b"", "it is no WAV file"),
    "RIFX": (riff(fmt(), DATA, name=b"RIFX"), "big-endian"),
    "mu-law": (riff(fmt(8, tag=7), chunk(b"data", BYTES)), "mu-law"),
    "A-law": (riff(fmt(8, tag=6), chunk(b"data", BYTES)), "A-law"),
    "an unknown coding": (riff(fmt(16, tag=0x1234), DATA), "format 4660"),
    "mu-law in an extensible header": (riff(extensible(8, 1, 7), chunk(b"data", BYTES)), "mu-law"),
    "an odd chunk without its pad byte": (riff(chunk(b"note", b"odd")[:-1], fmt(), DATA), "pad byte"),
    "40 bits": (riff(fmt(40, block=5), DATA), "integers of 40 bits"),
    "16-bit floating point": (riff(fmt(16, tag=wav.FLOAT), DATA), "floating-point numbers of 16 bits"),
    "no channels": (riff(fmt(16, 0), DATA), "contradicts itself"),
    "a wrong block size": (riff(fmt(block=3), DATA), "contradicts itself"),
    "no fmt chunk": (riff(LIST, DATA), "no chunk fmt"),
    "no data chunk": (riff(fmt(), LIST), "no chunk data"),
}


@pytest.mark.parametrize(("source", "why"), STORED.values(), ids=STORED)
def test_what_is_not_read_is_stored_with_its_reason(source: bytes, why: str) -> None:
    with pytest.raises(UnknownFormat, match=why):
        wav.read(source)
    assert comes_back(source).source_kind == "opaque"


def test_encode_says_that_a_file_is_stored_and_why(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(STORED["mu-law"][0])
    done = run("encode", tmp_path / "a.wav", tmp_path / "a.n1c")
    assert done.returncode == 0 and done.stdout == ""
    assert done.stderr.startswith(f"encode: {tmp_path}/a.wav: stored as it is: ") and "mu-law" in done.stderr
    assert done.stderr.count("\n") == 1
    assert run("encode", "--quiet", tmp_path / "a.wav", tmp_path / "a.n1c").stderr == ""


@given(data=st.binary(max_size=200))
def test_any_bytes_are_a_recording_or_have_a_reason(data: bytes) -> None:
    for source in (data, b"RIFF" + data, READ["Wave64"][:60] + data, riff(fmt()) + data):
        try:
            found = wav.read(source)
        except UnknownFormat as error:
            assert str(error)
            continue
        assert bytes(found.prefix) + bytes(found.encoded) + bytes(found.suffix) == source
        assert found.samples.shape == found.shape


@pytest.mark.parametrize(("claimed", "missing"), [(2 * 777, 0), (2 * 777 + 2, 1), (2 * 777 + 1001, 500), (0, 0)])
def test_missing_frames_are_counted(claimed: int, missing: int) -> None:
    assert wav.read(riff(fmt(), chunk(b"data", BYTES, claimed))).missing_frames == missing


def open_written(tmp_path: Path, bits: int, channels: int, tag: int = wav.PCM) -> tuple[wav.Wav, np.ndarray]:
    data = np.random.default_rng(bits).bytes(301 * channels * bits // 8)
    path = tmp_path / "a.wav"
    path.write_bytes(riff(chunk(b"note", b"an odd one"), fmt(bits, channels, tag), chunk(b"data", data)))
    found = open_recording(path)
    assert isinstance(found, wav.Wav)
    return found, Form(wav._KINDS[tag, bits]).unpack(data, channels)


@pytest.mark.parametrize("bits", [8, 16, 24, 32, 64])
def test_any_stretch_of_any_channels(tmp_path: Path, bits: int) -> None:
    found, x = open_written(tmp_path, bits, 5)
    assert found.name == "a.wav" and len(found.channel_names) == 5 and found.gains is None
    for start, stop in ((0, None), (3, 17), (-20, -3), (290, 9999), (9999, 2), (17, 3), (301, None)):
        several = ([4, 0, 4], [1, 2, 3], [-2, -1, 0], [], slice(1, 4))
        for channels, index in ((None, slice(None)), (2, [2]), *zip(several, several, strict=True)):
            part = found.read(start, stop, channels)
            assert part.dtype == found.dtype and part.flags.c_contiguous and part.flags.aligned
            assert np.array_equal(part, x[start:stop][:, index])
    with pytest.raises(IndexError):
        found.read(channels=[5])


@pytest.mark.parametrize("overlap", [0, 1, 7])
def test_blocks_go_through_all_frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overlap: int) -> None:
    monkeypatch.setattr(recording_module, "BLOCK_BYTES", 24 * 4)
    found, x = open_written(tmp_path, 24, 2)
    at = 0
    for block in found.blocks(overlap):
        before = min(overlap, at)
        assert np.array_equal(block, x[at - before : at + len(block) - before])
        at += len(block) - before
        assert len(block) <= 12 + overlap
    assert at == len(x)


def test_an_error_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(STORED["RIFX"][0])
    with pytest.raises(UnknownFormat, match=f"{tmp_path}/a.wav: .*RIFX"):
        open_recording(tmp_path / "a.wav")


def sparse_rf64(path: Path, megabytes: int) -> None:
    """Write a WAV file of 16-bit samples, most of which take no room on the disk."""
    size = megabytes << 20
    head = riff(
        chunk(b"ds64", struct.pack("<QQQI", 0, size, size // 2, 0)), fmt(), chunk(b"data", b"", 0xFFFFFFFF),
        name=b"RF64", size=0xFFFFFFFF,
    )  # fmt: skip
    with path.open("wb") as file:
        file.write(head + signal(50_000).tobytes())
        file.truncate(len(head) + size)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells a process's peak memory so")
def test_encoding_and_decoding_hold_no_copies_of_the_file(tmp_path: Path) -> None:
    """Beyond the file itself, mapped or decoded, and what the codec returns, next to nothing is held."""
    sparse_rf64(tmp_path / "a.wav", 128)
    calls = (("encode", "a.wav", "a.n1c", "lz4:acceleration=1000"), ("decode", "a.n1c", "b.wav"))
    for program, *arguments in calls:
        script = (
            f"import sys; sys.argv = ['{program}', *{arguments!r}]\n"
            f"from n1codec.cli.{program} import main\n"
            "assert main() == 0\n"
            "print(*[line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')])\n"
        )
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, timeout=300)
        assert done.returncode == 0, done.stderr
        # The codec takes bytes, a copy of the samples, and returns an array of them; the file is mapped once.
        assert int(done.stdout) < (2 * 128 + 160) * 1024
    assert (tmp_path / "b.wav").stat().st_size == (tmp_path / "a.wav").stat().st_size
