"""The C library's reader and writer of .n1c files (native/include/n1c/file.h), beside the Python ones."""

from __future__ import annotations

import ctypes
import math
import re
import shutil
import struct
import subprocess
import sys
import zlib
from ctypes import POINTER, byref, c_char_p, c_double, c_int, c_int32, c_int64, c_ubyte, c_void_p
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, signal
from forge_chunks import FILE, SAMPLES, stream
from test_container import GOLDEN, golden_wavs
from test_version2_forged import FORGED, SLOW
from walks import walk

import n1codec
from n1codec import container, native
from n1codec.container.access import Memory
from n1codec.container.convert import verify
from n1codec.container.header import DTYPES
from n1codec.container.packing import frames_of_chunk
from n1codec.container.recovery import recover
from n1codec.pipeline import get_codec
from n1codec.recordings import wav
from n1codec.recordings.samples import Form

KINDS = (
    "uint8",
    "int16",
    "int24",
    "int32",
    "int8",
    "uint16",
    "uint32",
    "int64",
    "uint64",
    "float16",
    "float32",
    "float64",
)
CODECS = ("copy", "n1", "n1_multi", "n1_multi:preset=fast", "planes|arange")
NOT_READ = (
    *(f"metadata {what}" for what in ("that are no JSON", "that are no text", "in a deep nest", "of nothing",
                                      "of another stream", "that are a number")),
    "2^40 files", "a file too many", "a file that is not there", "two files of one name", "a file of no stream",
    "a file of a stream far away", *(f"a file of dtype {kind}" for kind in range(len(DTYPES), 16)),
    *(f"a file of {dtype}" for kind, dtype in enumerate(DTYPES) if kind != 1), "bits of a file",
    "a file of no channels", "a channel in no file", "the first channel in no file", "no file of a stream",
    "a channel in two files", "all channels in two files", "a channel too many in a file", "more behind the fields",
    *(f"index: {what}" for what in ("more behind the fields", "an index that is cut off", "no checksums",
                                    "bytes of another file", "bytes of no file", "bytes beside the samples")),
    "another checksum of a file", "other bytes before", "other bytes behind", "no bytes behind",
    "bytes at another place", "bytes that are packed in another way", "bytes that are no zlib", "too many bytes",
    "too many bytes in few",
    "index: the same model twice",
)  # fmt: skip
"""Forged files whose faults are where the C reader does not look: metadata, the files that samples came from and their
bytes beside the samples; and of two models with one number it takes the first."""
LARGE = "many large chunks"
CORRUPT, CAPACITY, ARGUMENT, IO, MEMORY, UNSUPPORTED = range(-1, -7, -1)


class Info(ctypes.Structure):
    _fields_ = [
        ("frames", c_int64),
        ("channels", c_int64),
        ("chunks", c_int64),
        ("rate", c_double),
        ("dtype", c_int),
        ("sample_bytes", c_int),
        ("lossy", c_int),
        ("version", c_int),
        ("name", c_char_p),
    ]


class Layout(ctypes.Structure):
    _fields_ = [
        ("channels", c_int64),
        ("rate", c_double),
        ("dtype", c_int),
        ("codec", c_int),
        ("metadata", c_char_p),
    ]


READ_AT = ctypes.CFUNCTYPE(c_int, c_void_p, c_int64, c_void_p, c_int64)


def c(name: str, *types: object) -> object:
    function = getattr(native.library(), f"n1c_{name}")
    function.restype, function.argtypes = c_int64, types
    return function


class Failed(Exception):
    """A code that a function returned."""


def good(result: int) -> int:
    if result < 0:
        raise Failed(result)
    return result


class File:
    """A .n1c file that the C library has opened, from a path or from bytes."""

    def __init__(self, source: Path | bytes) -> None:
        self.handle = c_void_p()
        if isinstance(source, bytes):
            self.reads: list[tuple[int, int]] = []

            def read(_: object, offset: int, to: int, length: int) -> int:
                assert offset >= 0 and length >= 0 and offset + length <= len(source)
                self.reads.append((offset, length))
                ctypes.memmove(to, source[offset : offset + length], length)
                return 0

            self.callback = READ_AT(read)
            opened = c("open_with", READ_AT, c_void_p, c_int64, POINTER(c_void_p))
            self.streams = good(opened(self.callback, None, len(source), byref(self.handle)))
        else:
            self.streams = good(c("open", c_char_p, POINTER(c_void_p))(str(source).encode(), byref(self.handle)))

    def __enter__(self) -> File:
        return self

    def __exit__(self, *_: object) -> None:
        close = native.library().n1c_close
        close.restype, close.argtypes = None, [c_void_p]
        close(self.handle)

    def info(self, stream: int = 0) -> Info:
        found = Info()
        good(c("info", c_void_p, c_int64, POINTER(Info))(self.handle, stream, byref(found)))
        return found

    def metadata(self) -> str:
        text = c_char_p()
        length = good(c("metadata", c_void_p, POINTER(c_char_p))(self.handle, byref(text)))
        assert len(text.value) == length
        return text.value.decode()

    def read(self, start: int = 0, frames: int | None = None, stream: int = 0, less: int = 0) -> np.ndarray:
        info = self.info(stream)
        frames = info.frames - start if frames is None else frames
        x = np.zeros((max(frames, 0), info.channels), KINDS[info.dtype])
        read = c("read", c_void_p, c_int64, c_int64, c_int64, c_void_p, c_int64)
        assert good(read(self.handle, stream, start, frames, x.ctypes.data, x.nbytes - less)) == frames
        return x

    def read_channels(self, start: int, frames: int, channels: list[int], stream: int = 0, less: int = 0) -> np.ndarray:
        info = self.info(stream)
        x = np.zeros((max(frames, 0), len(channels)), KINDS[info.dtype])
        listed = (c_int32 * len(channels))(*channels)
        read = c("read_channels", c_void_p, c_int64, c_int64, c_int64, c_void_p, c_int64, c_void_p, c_int64)
        size = x.nbytes - less
        assert good(read(self.handle, stream, start, frames, listed, len(channels), x.ctypes.data, size)) == frames
        return x

    def chunk_end(self, frame: int, stream: int = 0) -> int:
        return good(c("chunk_end", c_void_p, c_int64, c_int64)(self.handle, stream, frame))

    def ranges(
        self, start: int, frames: int, channels: list[int] | None = None, room: int = 99
    ) -> list[tuple[int, int]]:
        listed = None if channels is None else (c_int32 * len(channels))(*channels)
        found = (c_int64 * (2 * room))()
        ask = c("ranges", c_void_p, c_int64, c_int64, c_int64, c_void_p, c_int64, c_void_p, c_int64)
        count = good(ask(self.handle, 0, start, frames, listed, len(channels or []), found, room))
        assert not any(found[2 * count :])
        return [(found[2 * i], found[2 * i + 1]) for i in range(min(count, room))] + [(0, 0)] * max(0, count - room)


def write(
    path: Path, x: np.ndarray, codec: str, rate: float = 30_000.0, step: int = 977, about: str | None = None
) -> int:
    """Write an array as a file of version 2, some frames at a time, and return the frames of a chunk."""
    layout = Layout(x.shape[1], rate, KINDS.index(x.dtype.name), CODECS.index(codec), about.encode() if about else None)
    writer = c_void_p()
    chunk = good(
        c("create", c_char_p, POINTER(Layout), POINTER(c_void_p))(str(path).encode(), byref(layout), byref(writer))
    )
    for start in range(0, len(x), step):
        part = np.ascontiguousarray(x[start : start + step])
        assert good(c("write", c_void_p, c_void_p, c_int64)(writer, part.ctypes.data, len(part))) == start + len(part)
    assert good(c("finish", c_void_p)(writer)) == path.stat().st_size
    return chunk


def encode_array(x: np.ndarray, codec: str, rate: float = math.nan) -> bytes:
    layout = Layout(x.shape[1], rate, KINDS.index(x.dtype.name), CODECS.index(codec), None)
    out = POINTER(c_ubyte)()
    encode = c("encode_array", POINTER(Layout), c_void_p, c_int64, POINTER(POINTER(c_ubyte)))
    size = good(encode(byref(layout), x.ctypes.data, len(x), byref(out)))
    data = ctypes.string_at(out, size)
    free = native.library().n1c_free
    free.restype, free.argtypes = None, [POINTER(c_ubyte)]
    free(out)
    return data


# -- reading what Python wrote ----------------------------------------------------------------------------------------


READ = ("copy", "zstd", "zlib", "n1", "n1_implant", "n1_max", "n1_multi", "n1_multi:preset=fast", "rice", "huffman",
        "range", "rans", "arange", "planes|zstd", "delta|zstd", "delta:order=3|zigzag|planes|arange")  # fmt: skip


@pytest.mark.parametrize("spec", READ)
def test_arrays_of_every_codec_and_type(spec: str) -> None:
    for kind in KINDS:
        if kind == "int24" or (kind.startswith("float") and "delta" in spec):
            continue
        x = walk(300, 3, kind)
        with File(n1codec.encode(x, spec, rate=1000)) as file:
            info = file.info()
            assert (file.streams, info.frames, info.channels, info.rate, info.version) == (1, 300, 3, 1000, 1)
            assert KINDS[info.dtype] == kind
            assert file.read().tobytes() == x.tobytes()
            assert (file.read(17, 40) == x[17:57]).all()


def test_other_arrays() -> None:
    for x, rate in ((np.empty((0, 3), "<i2"), 1.5), (np.empty((0, 1), "<f4"), None), (walk(9, 1)[:, 0], 1e6)):
        for spec in ("copy", "n1", "delta|zstd", "n1_multi"):
            with File(n1codec.encode(x, spec if x.dtype == "<i2" else "planes|zstd", rate=rate)) as file:
                assert file.read().tobytes() == x.tobytes()
                assert file.info().rate == rate or (rate is None and math.isnan(file.info().rate))


def test_wav_files_and_bytes() -> None:
    walks = np.cumsum(np.random.default_rng(0).integers(-3000, 3001, (700, 2)), axis=0).astype("<i4")
    raw = Form("int24").pack(walks).tobytes()
    sources = {
        "int16": (wav.write(signal(900, 2), 19531), signal(900, 2)),
        "uint8": (wav.write(walk(500, 1, "u1"), 12345), walk(500, 1, "u1")),
        "int24": (wav.header(700, 2, 48000, 24) + raw, walks),
    }
    for kind, (source, x) in sources.items():
        for more in (b"", b"LIST\4\0\0\0abcd"):
            with File(container.encode_bytes(source + more, get_codec("n1"))) as file:
                assert (file.read() == x).all(), kind
    with File(container.encode_bytes(b"no recording" * 50, get_codec("zstd"))) as file:
        assert file.read().tobytes() == b"no recording" * 50 and math.isnan(file.info().rate)


def test_golden_files_of_version_1() -> None:
    sources, seen = golden_wavs(), 0
    for path in GOLDEN.glob("*~v1.n1c"):
        kind = path.name.split("~")[0]
        try:
            with File(path) as file:
                read = file.read()
        except Failed as error:
            assert error.args == (UNSUPPORTED,), path.name
            continue
        seen += 1
        if kind in ("mono16", "n1"):
            assert wav.write(read, wav.read(sources[kind]).rate) == sources[kind]
    assert seen >= 19


def test_golden_files_of_version_2() -> None:
    for path in (GOLDEN / "version2").glob("*.n1c"):
        archive = container.Archive(Memory(path.read_bytes()))
        try:
            with File(path) as file:
                for number, stream in enumerate(archive.streams.values()):
                    info = file.info(number)
                    assert (info.name.decode(), info.frames) == (archive.head.streams[number].name, stream.shape[0])
                    assert file.read(stream=number).tobytes() == np.ascontiguousarray(stream.read()).tobytes()
        except Failed as error:
            assert error.args == (UNSUPPORTED,)
            assert any(word in path.name for word in ("remap", "bz2"))


@pytest.mark.parametrize("spec", ["n1", "n1_multi", "n1_multi:block=3", "planes|zstd"])
def test_long_recordings_are_read_at_random(spec: str, tmp_path: Path) -> None:
    x = walk(23_000, 7)
    with n1codec.create(tmp_path / "a.n1c", 7, rate=500, spec=spec, gains=[2.5] * 7) as recorder:
        recorder.write(x)
    with File((tmp_path / "a.n1c").read_bytes()) as file, n1codec.open(tmp_path / "a.n1c") as rec:
        info = file.info()
        assert (info.frames, info.channels, info.rate, info.version, info.lossy) == (23_000, 7, 500, 2, 0)
        assert info.chunks == len(rec.chunks)
        assert '"gains"' in file.metadata()
        for start, frames in ((0, 23_000), (4990, 20), (22_999, 1), (0, 0), (23_000, 0), (100, 9000)):
            assert (file.read(start, frames) == x[start : start + frames]).all()
        if info.chunks > 1:
            file.reads.clear()
            file.read(0, 10)
            first = sum(length for _, length in file.reads)
            file.reads.clear()
            assert (file.read(10, 100) == x[10:110]).all() and file.reads == []
            assert first < (tmp_path / "a.n1c").stat().st_size / 2


@pytest.mark.parametrize("spec", ["n1_multi:block=3", "n1_multi", "planes|zstd"])
def test_some_channels_and_what_they_take(spec: str, tmp_path: Path) -> None:
    x = walk(23_000, 7)
    with n1codec.create(tmp_path / "a.n1c", 7, rate=500, spec=spec) as recorder:
        recorder.write(x)
    blob = (tmp_path / "a.n1c").read_bytes()
    with n1codec.open(tmp_path / "a.n1c") as rec, File(blob) as file:
        chunks = rec.chunks
        for start, stop in chunks:
            assert {file.chunk_end(frame) for frame in (start, stop - 1)} == {stop}
        for start, frames, channels in (
            (0, 23_000, [6, 0]),
            (chunks[-1][0] - 9 if len(chunks) > 1 else 5, 20, [3]),
            (17, 5, [2, 2, 2]),
            (17, 5, []),
            (22_999, 1, list(range(7))[::-1]),
        ):
            # What is foretold is what is read, and nothing is read twice.
            foretold = file.ranges(start, frames, channels)
            file.reads.clear()
            assert (file.read_channels(start, frames, channels) == x[start : start + frames, channels]).all()
            assert sorted(file.reads) == sorted(foretold)
            assert (file.read_channels(start, frames, channels) == x[start : start + frames, channels]).all()
    with File(blob) as file:
        every, some = file.ranges(0, 23_000), file.ranges(0, 23_000, [1])
        assert set(some) <= set(every)
        assert (len(some) < len(every)) == ("block" in spec)
        assert file.ranges(0, 23_000, room=1) == every[:1] + [(0, 0)] * (len(every) - 1)
        assert file.ranges(5, 0) == []
        file.read_channels(0, 3, [1])
        assert not set(file.ranges(0, 3)) & set(some)
        assert (file.read(0, 3) == x[:3]).all() and file.ranges(0, 3) == []
        for frame in (-1, 23_000):
            with pytest.raises(Failed, match=str(ARGUMENT)):
                file.chunk_end(frame)
        with pytest.raises(Failed, match=str(ARGUMENT)):
            file.chunk_end(0, 1)
        for channels in ([7], [-1], [0, 99]):
            for ask in (file.ranges, file.read_channels):
                with pytest.raises(Failed, match=str(ARGUMENT)):
                    ask(0, 1, channels)
        with pytest.raises(Failed, match=str(CAPACITY)):
            file.read_channels(0, 9, [1, 2], less=1)
    whole = n1codec.encode(x, "n1", rate=500)
    with File(whole) as file:
        assert file.chunk_end(0) == file.chunk_end(22_999) == 23_000 and file.ranges(0, 23_000) == []
        assert (file.read_channels(4, 90, [5, 1]) == x[4:94, [5, 1]]).all()


def test_a_recording_that_was_written_on(tmp_path: Path) -> None:
    path = tmp_path / "a.n1c"
    with n1codec.create(path, 2, rate=100, spec="n1_multi") as recorder:
        recorder.write(walk(3000, 2))
    for _ in range(2):
        with n1codec.append(path) as recorder:
            recorder.write(walk(1500, 2))
    with File(path) as file:
        assert (file.read() == np.concatenate([walk(3000, 2), walk(1500, 2), walk(1500, 2)])).all()


def test_a_lossy_file_says_so(tmp_path: Path) -> None:
    with n1codec.create(tmp_path / "a.n1c", 1, rate=100, spec="round:error=2|n1") as recorder:
        recorder.write(walk(1000, 1))
    with pytest.raises(Failed, match=str(UNSUPPORTED)):
        File(tmp_path / "a.n1c")


def test_a_neuropixels_recording(tmp_path: Path) -> None:
    found = sorted((ROOT.parent / "shared" / "recordings").rglob("*.ap.bin"))
    if not found:
        pytest.skip("no recordings here")
    from conftest import called

    assert called("encode", found[0], tmp_path / "a.n1c").returncode == 0
    with File(tmp_path / "a.n1c") as file:
        assert file.read().tobytes() == found[0].read_bytes()


# -- writing what Python reads ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", CODECS)
def test_python_reads_files_of_version_2(codec: str, tmp_path: Path) -> None:
    for kind in KINDS:
        if kind == "int24":
            continue
        x = walk(2500, 3, kind)
        chunk = write(tmp_path / "a.n1c", x, codec, rate=100.0)
        with n1codec.open(tmp_path / "a.n1c") as rec:
            assert rec[:].tobytes() == x.tobytes() and rec.rate == 100 and rec.dtype == x.dtype
            assert (len(rec.chunks) == 3) == (chunk == 1000) == ("n1" in codec)
        assert verify(tmp_path / "a.n1c") == x.nbytes
    assert [path.name for path in tmp_path.iterdir()] == ["a.n1c"]


@pytest.mark.parametrize("codec", ["n1", "n1_multi"])
def test_files_are_those_of_python(codec: str, tmp_path: Path) -> None:
    """Models and payloads are the same bytes; only heads and indexes are stored instead of deflated."""
    x = walk(8000, 40)
    write(tmp_path / "a.n1c", x, codec, rate=100.0, about='[{"gains": 2.5}]')
    with n1codec.create(tmp_path / "b.n1c", 40, rate=100, spec=codec, gains=[2.5] * 40) as recorder:
        recorder.write(x)
    with n1codec.open(tmp_path / "a.n1c") as a:
        assert (a[::7] == x[::7]).all() and np.allclose(a.gains, 2.5)
    sizes = [path.stat().st_size for path in (tmp_path / "a.n1c", tmp_path / "b.n1c")]
    assert abs(sizes[0] - sizes[1]) < 1000


@pytest.mark.parametrize("rate", [19531.0, 12345.0, 40.0, 100_000.0, 1.5, math.nan])
def test_arrays_are_those_of_python(rate: float) -> None:
    for codec in CODECS:
        for x in (walk(500, 3), walk(1, 1), np.empty((0, 4), "<i2"), walk(300, 2, "<f8")):
            data = encode_array(x, codec, rate)
            assert data == n1codec.encode(x, codec, rate=None if math.isnan(rate) else rate)
            with File(data) as file:
                assert file.read().tobytes() == x.tobytes()


@pytest.mark.parametrize(("rate", "block"), [(30_000.0, 770), (math.nan, 2), (0.5, 4), (1000.0, 1 << 21), (4e6, 64)])
def test_chunks_are_as_long_as_those_of_python(rate: float, block: int, tmp_path: Path) -> None:
    for codec in ("n1_multi", "copy"):
        layout, writer = Layout(block // 2, rate, 1, CODECS.index(codec), None), c_void_p()
        create = c("create", c_char_p, POINTER(Layout), POINTER(c_void_p))
        chunk = good(create(str(tmp_path / "a.n1c").encode(), byref(layout), byref(writer)))
        assert chunk == frames_of_chunk(0.0 if math.isnan(rate) else rate, block, get_codec(codec).coder)
        assert (tmp_path / "a.n1c.part").exists()
        abandon = native.library().n1c_abandon
        abandon.restype, abandon.argtypes = None, [c_void_p]
        abandon(writer)
        assert list(tmp_path.iterdir()) == []


def test_what_is_written_can_be_recovered(tmp_path: Path) -> None:
    x = walk(2500, 3)
    layout, writer = Layout(3, 100.0, 1, 2, None), c_void_p()
    c("create", c_char_p, POINTER(Layout), POINTER(c_void_p))(
        str(tmp_path / "a.n1c").encode(), byref(layout), byref(writer)
    )
    c("write", c_void_p, c_void_p, c_int64)(writer, x.ctypes.data, len(x))
    ctypes.CDLL(None).fflush(None)
    shutil.copy(tmp_path / "a.n1c.part", tmp_path / "killed.part")
    recover(tmp_path / "killed.part", tmp_path / "b.n1c")
    with n1codec.open(tmp_path / "b.n1c") as rec:
        assert (rec[:] == x[:2000]).all()
    good(c("finish", c_void_p)(writer))


# -- refusing ---------------------------------------------------------------------------------------------------------


def test_every_cut_and_changed_byte_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.n1c", walk(40, 2), "n1_multi", rate=10.0)
    for blob in (encode_array(walk(40, 2), "n1_multi"), (tmp_path / "a.n1c").read_bytes()):
        bad = [blob[:i] for i in range(len(blob))]
        bad += [blob[:i] + bytes([blob[i] ^ 1]) + blob[i + 1 :] for i in range(len(blob))]
        for data in bad:
            with pytest.raises(Failed), File(data) as file:
                file.read()


@pytest.mark.parametrize("what", [what for what in FORGED if what not in (*NOT_READ, SLOW, LARGE)])
def test_what_is_forged_with_right_checksums_is_refused(what: str) -> None:
    with pytest.raises(Failed), File(FORGED[what][0].bytes()) as file:
        file.read()


def test_a_chunk_that_is_too_short_for_its_frames_is_refused() -> None:
    with File(FORGED[LARGE][0].bytes()) as file, pytest.raises(Failed):
        file.read(frames=10)


@pytest.mark.parametrize("what", NOT_READ)
def test_what_it_does_not_look_at_does_not_disturb_the_samples(what: str) -> None:
    with File(FORGED[what][0].bytes()) as file:
        assert file.read().tobytes() == SAMPLES


@pytest.mark.parametrize("rate", [-1.0, -math.inf, math.inf])
def test_a_rate_that_makes_no_sense_is_refused(rate: float) -> None:
    code = b"\x40" + struct.pack("<d", rate)
    one = bytearray(encode_array(walk(9, 2), "copy", rate=1.5))
    assert one[13:22] == b"\x40" + struct.pack("<d", 1.5)
    one[13:22] = code
    one[4:8] = struct.pack("<I", zlib.crc32(one[8:]))
    for data in (bytes(one), FILE.but(streams=(stream(rate=code),)).bytes()):
        with pytest.raises(Failed, match=str(CORRUPT)):
            File(data)


def test_what_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(Failed, match=str(IO)):
        File(tmp_path / "none.n1c")
    (tmp_path / "text").write_text("no recording at all")
    with pytest.raises(Failed, match=str(CORRUPT)):
        File(tmp_path / "text")
    with pytest.raises(Failed, match=str(UNSUPPORTED)):
        File(n1codec.encode(walk(9, 1), "bz2"))
    with File(encode_array(walk(9, 2), "copy")) as file:
        for start, frames, stream in ((-1, 2, 0), (0, 10, 0), (5, 5, 0), (0, -1, 0), (9, 1, 0)):
            with pytest.raises(Failed, match=str(ARGUMENT)):
                file.read(start, frames, stream)
        with pytest.raises(Failed, match=str(ARGUMENT)):
            file.info(1)
        with pytest.raises(Failed, match=str(CAPACITY)):
            file.read(less=1)
    with pytest.raises(Failed, match=str(IO)):
        write(tmp_path / "none" / "a.n1c", walk(9, 1), "copy")
    for layout in (
        Layout(0, 1, 1, 0),
        Layout(1, 1, 2, 0),
        Layout(1, 1, 12, 0),
        Layout(1, 1, 1, 5),
        Layout(1, 1, 1, -1),
    ):
        out = c_void_p()
        create = c("create", c_char_p, POINTER(Layout), POINTER(c_void_p))
        assert create(str(tmp_path / "a").encode(), byref(layout), byref(out)) == ARGUMENT


def test_errors_have_words() -> None:
    function = native.library().n1c_error
    function.restype, function.argtypes = c_char_p, [c_int64]
    words = [function(code) for code in range(1, -8, -1)]
    assert words[0] == words[1] == b"no error" and words[-1] == b"unknown error" and len(set(words)) == 8


def test_types_are_those_of_python() -> None:
    assert [name for name in KINDS if name != "int24"] == [name for name in DTYPES if name != "int24"]
    names = re.search(r"enum \{(\s+N1C_UINT8,.*?)\};", (ROOT / "native/include/n1c/file.h").read_text(), re.S)
    assert names and tuple(n.lower() for n in re.findall(r"^  N1C_(\w+)", names[1], re.M)) == KINDS


@pytest.mark.skipif(not shutil.which("nm") or sys.platform != "linux", reason="no nm here")
def test_symbols_are_those_of_the_headers() -> None:
    """A name that a program may link to stays."""
    text = "".join(path.read_text() for path in (ROOT / "native/include").glob("**/*.h"))
    declared = set(re.findall(r"N1C_API [\w ]+[ *](n1c_\w+)\(", text))
    shown = subprocess.check_output(["nm", "-D", "--defined-only", native.library()._name], text=True)
    assert {line.split()[-1] for line in shown.splitlines()} - {"_init", "_fini"} == declared
