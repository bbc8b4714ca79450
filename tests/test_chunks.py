"""Long recordings: chunks, random access, threads, writing on, what a kill leaves, removing originals."""

from __future__ import annotations

import http.server
import io
import os
import pickle
import signal as signals
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import ROOT, signal
from hypothesis import given
from hypothesis import strategies as st

import n1codec
from n1codec import n1_mapping
from n1codec.codec import CodecError, FormatError
from n1codec.container import convert, packing
from n1codec.container.access import Memory
from n1codec.container.archive import Archive
from n1codec.container.convert import compare, decode_file, encode_file, in_order, verify
from n1codec.container.crc import combine
from n1codec.container.recorder import Recorder
from n1codec.container.recovery import recover
from n1codec.recordings import Flat, Place, wav

Run = Callable[..., subprocess.CompletedProcess[str]]
RATE = 1000
CHANNELS = 40
FRAMES = 5300


@pytest.fixture(autouse=True)
def short_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A chunk is a second of 40 channels, of which 32 are coded together."""
    monkeypatch.setattr(packing, "CHUNK_BYTES", 2 * CHANNELS * RATE)


@pytest.fixture
def samples() -> np.ndarray:
    x = signal(FRAMES, CHANNELS)
    x[:, 17] = 5
    return x


@pytest.fixture
def flat(tmp_path: Path, samples: np.ndarray) -> Place:
    """A flat file with a header of 10 bytes, and 7 bytes that fill no frame behind its samples."""
    path = tmp_path / "long.bin"
    path.write_bytes(b"0123456789" + samples.tobytes() + b"rest...")
    return Place(path, flat=Flat(CHANNELS, "int16", float(RATE), "C", 10))


@pytest.fixture
def packed(flat: Place, tmp_path: Path) -> Path:
    encode_file(flat, tmp_path / "long.n1c", "n1")
    return tmp_path / "long.n1c"


def test_a_long_recording_comes_back(flat: Place, packed: Path, tmp_path: Path) -> None:
    assert packed.read_bytes()[3] == 2
    for jobs in (1, 3):
        decode_file(packed, tmp_path / "back.bin", jobs=jobs)
        assert (tmp_path / "back.bin").read_bytes() == flat.path.read_bytes()
    encode_file(flat, tmp_path / "threads.n1c", "n1", jobs=3)
    assert (tmp_path / "threads.n1c").read_bytes() == packed.read_bytes()


def test_a_file_that_fits_one_chunk_is_of_version_1(tmp_path: Path) -> None:
    for seconds, version in ((10, 1), (10.01, 2)):
        path = tmp_path / "a.wav"
        path.write_bytes(wav.write(signal(round(seconds * RATE)), RATE))
        encode_file(path, tmp_path / "a.n1c", "n1")
        assert (tmp_path / "a.n1c").read_bytes()[3] == version
        decode_file(tmp_path / "a.n1c", tmp_path / "b.wav")
        assert (tmp_path / "b.wav").read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("rate", "block", "spec", "frames"),
    [
        (30000.0, 770, "n1", 30000),  # Neuropixels: a second
        (19531.0, 2, "n1", 195310),  # one channel: ten seconds
        (15000.0, 8, "n1", 150000),
        (30000.0, 10000, "n1", 7500),  # 5000 channels: a quarter of a second
        (19531.0, 2, "zstd", (24 << 20) // 2 // 19531 * 19531),
        (0.0, 1, "zstd", 24 << 20),
        (0.0, 1 << 30, "zstd", 1),
    ],
)
def test_how_long_a_chunk_is(monkeypatch: pytest.MonkeyPatch, rate: float, block: int, spec: str, frames: int) -> None:
    monkeypatch.setattr(packing, "CHUNK_BYTES", 24 << 20)
    found = packing.frames_of_chunk(rate, block, n1codec.get_codec(spec).coder)
    if spec == "zstd" and rate:
        assert abs(found - frames) < rate
    else:
        assert found == frames


# -- random access -----------------------------------------------------------------------------------------------------


def test_any_stretch_of_any_channels(packed: Path, samples: np.ndarray) -> None:
    rec = n1codec.open(packed)
    assert (rec.shape, rec.dtype, rec.rate) == ((FRAMES, CHANNELS), np.int16, RATE)
    assert rec.chunks == [(0, 1000), (1000, 2000), (2000, 3000), (3000, 4000), (4000, 5000), (5000, 5300)]
    for frames in (
        slice(0, 1),
        slice(990, 1010),
        slice(None),
        slice(-3, None),
        slice(5299, 9999),
        slice(7, 7),
        slice(9, 2),
    ):
        for channels in (slice(None), slice(30, 35), [39, 0, 17], slice(None, None, 7)):
            np.testing.assert_array_equal(rec[frames, channels], samples[frames, channels])
    np.testing.assert_array_equal(rec[4711], samples[4711])
    np.testing.assert_array_equal(rec[100:3000:7, 3], samples[100:3000:7, 3])
    with pytest.raises(IndexError):
        rec[FRAMES]
    with pytest.raises(IndexError):
        rec[0:5, [CHANNELS]]


def test_only_the_chunks_that_are_needed_are_decoded(packed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[tuple[int, int]] = []
    decode = Archive.decode

    def noted(self: Archive, chunk: Any) -> np.ndarray:
        decoded.append((chunk.start, chunk.group))
        return decode(self, chunk)

    monkeypatch.setattr(Archive, "decode", noted)
    rec = n1codec.open(packed, threads=1)
    assert decoded == []
    rec[1500:2500, 3]
    assert decoded == [(1000, 0), (2000, 0)]
    rec[2600:2700, [2, 1]]
    assert decoded == [(1000, 0), (2000, 0)], "what was decoded last is kept"
    rec[0:1, 35]
    assert decoded[2:] == [(0, 1)]


def test_threads_and_processes_share_it(packed: Path, samples: np.ndarray) -> None:
    rec = n1codec.open(packed, threads=4)
    wrong: list[int] = []

    def read(seed: int) -> None:
        rng = np.random.default_rng(seed)
        for start in rng.integers(0, FRAMES - 200, 20):
            if not np.array_equal(rec[start : start + 200, seed:], samples[start : start + 200, seed:]):
                wrong.append(seed)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    again = pickle.loads(pickle.dumps(rec))
    np.testing.assert_array_equal(again[10:2000], samples[10:2000])


def test_a_file_object_will_do(packed: Path, samples: np.ndarray) -> None:
    rec = n1codec.open(io.BytesIO(packed.read_bytes()))
    np.testing.assert_array_equal(rec[2990:3010, 5], samples[2990:3010, 5])
    with pytest.raises(CodecError, match="open a path"):
        pickle.dumps(rec)


def test_other_recordings_open_the_same_way(flat: Place, samples: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wav.write(samples, RATE))
    with n1codec.open(path) as rec:
        np.testing.assert_array_equal(rec[100:200, 3:5], samples[100:200, 3:5])


class _Ranges(http.server.BaseHTTPRequestHandler):
    """Serves one file by ranges of bytes, and notes how many were asked for."""

    data = b""
    asked: list[int] = []

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.data)))
        self.send_header("Accept-Ranges", "bytes")
        self.end_headers()

    def do_GET(self) -> None:
        first, last = self.headers["Range"].removeprefix("bytes=").split("-")
        part = self.data[int(first) : int(last) + 1]
        self.asked.append(len(part))
        self.send_response(206)
        self.send_header("Content-Length", str(len(part)))
        self.send_header("Content-Range", f"bytes {first}-{int(first) + len(part) - 1}/{len(self.data)}")
        self.end_headers()
        self.wfile.write(part)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(packed: Path) -> Iterator[str]:
    _Ranges.data, _Ranges.asked = packed.read_bytes(), []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Ranges) as found:
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{found.server_address[1]}/long.n1c"
        found.shutdown()
        thread.join()


def test_over_the_network_by_ranges(server: str, samples: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("fsspec")
    pytest.importorskip("aiohttp")
    monkeypatch.setattr(sys.modules["n1codec.container.access"], "BLOCK", 1 << 12)
    rec = n1codec.open(server)
    np.testing.assert_array_equal(rec[2100:2110, 3], samples[2100:2110, 3])
    assert sum(_Ranges.asked) < len(_Ranges.data) / 2


# -- what is cut off, damaged, removed ---------------------------------------------------------------------------------


def test_recover_gives_back_every_whole_chunk(packed: Path, samples: np.ndarray, tmp_path: Path) -> None:
    data = packed.read_bytes()
    chunks = Archive(convert.access(packed)).chunks
    ends = [chunk.offset + chunk.length for chunk in chunks if chunk.group == 1]
    out = tmp_path / "out.n1c"
    for cut in [*(end + by for end in ends for by in (-1, 0, 1)), len(data) - 1]:
        (tmp_path / "cut.part").write_bytes(data[:cut])
        with pytest.raises(FormatError, match="recover"):
            n1codec.open(tmp_path / "cut.part")
        found = recover(tmp_path / "cut.part", out)
        frames = min(FRAMES, sum(end <= cut for end in ends) * RATE)
        assert found.frames == (frames,)
        np.testing.assert_array_equal(n1codec.open(out)[:], samples[:frames])
        decode_file(out, tmp_path / "back.bin")
        rest = b"rest..." if cut == len(data) - 1 else b""
        assert (tmp_path / "back.bin").read_bytes() == b"0123456789" + samples[:frames].tobytes() + rest
        verify(out)


def test_recover_stops_at_a_chunk_that_is_damaged(packed: Path, samples: np.ndarray, tmp_path: Path) -> None:
    data = bytearray(packed.read_bytes())
    third = next(chunk for chunk in Archive(convert.access(packed)).chunks if chunk.start == 2000)
    data[third.offset + third.length // 2] ^= 1
    (tmp_path / "bad.n1c").write_bytes(data)
    with pytest.raises(FormatError, match="damaged"):
        verify(tmp_path / "bad.n1c")
    np.testing.assert_array_equal(n1codec.open(tmp_path / "bad.n1c")[3000:4000], samples[3000:4000])
    assert recover(tmp_path / "bad.n1c", tmp_path / "out.n1c").frames == (2000,)


def test_recover_as_a_command(run: Run, packed: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.part").write_bytes(packed.read_bytes()[:-30])
    done = run("n1codec", "recover", tmp_path / "cut.part", "-o", tmp_path / "out.n1c")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{tmp_path / 'out.n1c'}: 5300 frames in 6 chunks, 5.3 s; ")
    assert run("n1codec", "verify", tmp_path / "out.n1c").returncode == 0
    done = run("n1codec", "recover", __file__, "-o", tmp_path / "no.n1c")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert not (tmp_path / "no.n1c").exists()


def test_verify_as_a_command(run: Run, packed: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.n1c"
    bad.write_bytes(packed.read_bytes()[:-1] + b"?")
    done = run("n1codec", "verify", packed, bad, packed)
    size = FRAMES * CHANNELS * 2 + 17
    assert done.returncode == 1
    assert done.stdout == f"{packed}: good, {size} bytes\n" * 2
    assert done.stderr.count("\n") == 1 and "bad.n1c: " in done.stderr


def test_an_original_is_removed_only_if_it_comes_back(
    flat: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from n1codec import batch

    task = batch.Task(str(flat.path), str(tmp_path / "a.n1c"))
    how = batch.How("encode", None, flat, verify=True, delete_original=True)
    encode = batch.encode_file

    def spoiled(source: Any, target: Any, *rest: Any, **more: Any) -> Any:
        """Write a file that is whole and holds something else."""
        other = tmp_path / "other" / flat.path.name
        other.parent.mkdir(exist_ok=True)
        data = bytearray(flat.path.read_bytes())
        data[5000] ^= 1
        other.write_bytes(data)
        return encode(flat._replace(path=other), target, *rest, **more)

    with monkeypatch.context() as patched:
        patched.setattr(batch, "encode_file", spoiled)
        ((_, outcome),) = batch.convert([task], how)
        assert isinstance(outcome, FormatError) and "differs" in str(outcome)
        assert flat.path.exists()
    whole = flat.path.read_bytes()
    ((_, outcome),) = batch.convert([task], how)
    assert isinstance(outcome, convert.Converted)
    assert not flat.path.exists()
    decode_file(tmp_path / "a.n1c", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == whole


def test_verify_and_delete_as_options(run: Run, samples: np.ndarray, tmp_path: Path) -> None:
    for name in ("a.wav", "b.wav"):
        (tmp_path / name).write_bytes(wav.write(samples, RATE))
    done = run(
        "encode", "--out-dir", tmp_path / "out", "--verify", "--delete-original", tmp_path / "a.wav", tmp_path / "b.wav"
    )
    assert done.returncode == 0, done.stderr
    assert not list(tmp_path.glob("*.wav"))
    assert run("decode", "--out-dir", tmp_path, tmp_path / "out").returncode == 0
    assert (tmp_path / "b.wav").read_bytes() == wav.write(samples, RATE)
    done = run("encode", "--verify", tmp_path / "a.wav", "-")
    assert done.returncode == 2 and "--verify" in done.stderr


def test_a_file_that_grew_meanwhile_is_not_removed(flat: Place, packed: Path) -> None:
    with flat.path.open("ab") as file:
        file.write(b"more")
    with pytest.raises(FormatError, match="other sizes"):
        compare(packed, flat)


# -- writing on --------------------------------------------------------------------------------------------------------


def test_frames_are_written_as_they_come(samples: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "live.n1c"
    names = [f"e{channel}" for channel in range(CHANNELS)]
    with n1codec.create(path, CHANNELS, "int16", RATE, channel_names=names, gains=[0.195] * CHANNELS) as live:
        for start in range(0, FRAMES, 777):
            live.write(samples[start : start + 777])
        assert live.frames == 5000
        assert not path.exists()
        assert recover(f"{path}.part", tmp_path / "so_far.n1c").frames == (5000,)
    rec = n1codec.open(path)
    np.testing.assert_array_equal(rec[:], samples)
    assert rec.channel_names == tuple(names) and rec.gains is not None and rec.gains[3] == 0.195
    before = path.read_bytes()
    head = Archive(Memory(before)).head
    assert (head.name, head.folder, head.lossy, head.files) == ("", False, False, ())
    for _ in range(2):
        with n1codec.append(path) as live:
            live.write(samples[:1500])
    assert path.read_bytes().startswith(before)
    np.testing.assert_array_equal(n1codec.open(path)[:], np.concatenate([samples, samples[:1500], samples[:1500]]))
    np.testing.assert_array_equal(n1codec.decode(path.read_bytes())[FRAMES:6800], samples[:1500])
    assert recover(path, tmp_path / "again.n1c").frames == (8300,)


@pytest.mark.parametrize("begin", [lambda path: n1codec.create(path, CHANNELS, rate=RATE), n1codec.append])
def test_a_chunk_of_a_few_bytes_is_in_the_file_at_once(begin: Callable[[Path], Recorder], tmp_path: Path) -> None:
    path = tmp_path / "a.n1c"
    if begin is n1codec.append:
        n1codec.create(path, CHANNELS, rate=RATE).close()
    with begin(path) as live:
        live.write(np.zeros((1000, CHANNELS), np.int16))
        assert recover(f"{path}.part", tmp_path / "so_far.n1c").frames == (1000,)


def test_flush_writes_what_waits(samples: np.ndarray, tmp_path: Path) -> None:
    live = n1codec.create(tmp_path / "a.n1c", CHANNELS, rate=RATE)
    live.write(samples[:30])
    live.flush()
    assert recover(tmp_path / "a.n1c.part", tmp_path / "b.n1c").frames == (30,)
    live.write(samples[30:40])
    live.close()
    np.testing.assert_array_equal(n1codec.open(tmp_path / "a.n1c")[:], samples[:40])


def test_what_cannot_be_written_on(packed: Path, samples: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(CodecError, match="it was made from a file"):
        n1codec.append(packed)
    live = n1codec.create(tmp_path / "a.n1c", 2, "float32")
    with pytest.raises(CodecError, match="frames of 2 channels of float32 are wanted, not int16"):
        live.write(samples)
    with pytest.raises(CodecError, match="recover, or remove it"):
        n1codec.create(tmp_path / "a.n1c", 2)
    with pytest.raises(CodecError, match="cannot be coded"):
        n1codec.create(tmp_path / "b.n1c", 2, "complex64")
    assert not (tmp_path / "b.n1c.part").exists()
    with pytest.raises(ZeroDivisionError), live:
        live.write(np.ones((5, 2), np.float32))
        1 / 0  # noqa: B018
    assert isinstance(live, Recorder)
    assert not (tmp_path / "a.n1c").exists() and (tmp_path / "a.n1c.part").exists()


# -- kills -------------------------------------------------------------------------------------------------------------

_SLOWLY = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever started the tests may have let it be ignored
from n1codec.cli.encode import main
from n1codec.container import packing
from n1codec.container.writer import Writer
packing.CHUNK_BYTES = 80000
chunk = Writer.chunk
def slow(self, *args):
    chunk(self, *args)
    print(self.size, flush=True)
    time.sleep(0.01)
Writer.chunk = slow
sys.argv = ["encode", *sys.argv[1:]]
sys.exit(main())
"""


def _encoder(flat: Place, out: Path) -> subprocess.Popen[str]:
    options = ["--channels", str(CHANNELS), "--rate", str(RATE), "--offset", "10", "--jobs", "2"]
    command = [sys.executable, "-c", _SLOWLY, str(flat.path), str(out), "n1", *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="kill -9")
def test_a_kill_loses_no_chunk_that_was_written(flat: Place, samples: np.ndarray, tmp_path: Path) -> None:
    out = tmp_path / "out.n1c"
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(20):
        process = _encoder(flat, out)
        assert process.stdout
        for _ in range(int(rng.integers(1, 12))):
            process.stdout.readline()
        process.kill()
        written = [int(line) for line in process.stdout.read().split()]
        process.wait()
        assert not out.exists()
        part = Path(f"{out}.part")
        assert part.stat().st_size >= max(written, default=0)
        found = recover(part, tmp_path / "back.n1c")
        (frames,) = found.frames
        seen.add(frames)
        np.testing.assert_array_equal(n1codec.open(tmp_path / "back.n1c")[:], samples[:frames])
    assert len(seen) > 3
    process = _encoder(flat, out)
    assert process.wait(60) == 0, process.stderr
    assert not Path(f"{out}.part").exists()


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("sent", [signals.SIGINT, signals.SIGTERM])
def test_an_interrupted_encoder_leaves_nothing(flat: Place, tmp_path: Path, sent: signals.Signals) -> None:
    process = _encoder(flat, tmp_path / "out.n1c")
    assert process.stdout
    process.stdout.readline()
    assert (tmp_path / "out.n1c.part").exists()
    process.send_signal(sent)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert [path.name for path in tmp_path.iterdir()] == ["long.bin"]


def test_two_encoders_do_not_write_one_file(flat: Place, tmp_path: Path) -> None:
    out = tmp_path / "out.n1c"
    with convert.writing_part(out), pytest.raises(CodecError, match="another program is writing it"):
        encode_file(flat, out)


def test_a_full_disk_leaves_nothing(flat: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Any, data: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(convert._Unbuffered, "write", full)
    with pytest.raises(OSError, match="No space") as error:
        encode_file(flat, tmp_path / "out.n1c")
    assert error.value.filename == str(tmp_path / "out.n1c")
    assert [path.name for path in tmp_path.iterdir()] == ["long.bin"]


# -- parts -------------------------------------------------------------------------------------------------------------


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_checksums_of_stretches_combine(first: bytes, second: bytes) -> None:
    import zlib

    assert combine(zlib.crc32(first), zlib.crc32(second), len(second)) == zlib.crc32(first + second)


def test_work_is_done_in_order_and_a_few_items_ahead() -> None:
    from concurrent.futures import ThreadPoolExecutor

    begun: list[int] = []

    def work(item: int) -> int:
        begun.append(item)
        time.sleep(0.002 * (item % 3))
        return -item

    with ThreadPoolExecutor(3) as pool:
        for item, found in in_order(pool, work, range(30), 5):
            assert found == -item
            assert len(begun) <= item + 6
    assert sorted(begun) == list(range(30))


@pytest.mark.slow
def test_memory_does_not_grow_with_the_recording(tmp_path: Path) -> None:
    """Chunks are a second of 384 channels, 23 MB: some of them at a time, however long the recording is."""
    path = tmp_path / "long.bin"
    block = np.random.default_rng(0).integers(-9, 9, (30_000, 384), np.int16).tobytes()
    peaks = []
    for seconds in (6, 18):
        with path.open("wb") as file:
            for _ in range(seconds):
                file.write(block)
        script = (
            "import resource, sys; from n1codec.container import encode_file, decode_file;"
            "from n1codec.recordings import Place, Flat; from pathlib import Path;"
            "place = Place(Path(sys.argv[1]), flat=Flat(384, 'int16', 30000.0));"
            "encode_file(place, sys.argv[2], 'zstd:level=1', jobs=2); decode_file(sys.argv[2], sys.argv[3], jobs=2);"
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
        )
        command = [sys.executable, "-c", script, path, tmp_path / "a.n1c", tmp_path / "b.bin"]
        peaks.append(int(subprocess.check_output(command, text=True)) / 1024)
        assert (tmp_path / "b.bin").stat().st_size == path.stat().st_size
    assert peaks[1] - peaks[0] < 150, peaks


@pytest.mark.slow
def test_a_cluster_writes_the_same_file(flat: Place, packed: Path, tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(2, threads_per_worker=1, dashboard_address=None, processes=False) as cluster,
        distributed.Client(cluster) as client,
    ):
        encode_file(flat, tmp_path / "far.n1c", "n1", executor=client.get_executor(pure=False))
    assert (tmp_path / "far.n1c").read_bytes() == packed.read_bytes()


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="kill -9")
@pytest.mark.parametrize("codec", ["n1", "n1_multi"])
def test_what_a_lost_worker_had_is_done_again(codec: str, flat: Place, tmp_path: Path) -> None:
    """Workers are processes of their own, and one of them is killed once the first piece is written."""
    distributed = pytest.importorskip("distributed")
    lost: list[int] = []
    with (
        distributed.LocalCluster(2, threads_per_worker=1, dashboard_address=None, processes=True) as cluster,
        distributed.Client(cluster) as client,
    ):

        def lose_one(_: int) -> None:
            if not lost:
                lost.append(next(iter(client.run(os.getpid).values())))
                os.kill(lost[0], signals.SIGKILL)

        encode_file(flat, tmp_path / "far.n1c", codec, advance=lose_one, executor=client.get_executor(pure=False))
    encode_file(flat, tmp_path / "here.n1c", codec)
    assert lost and lost[0] != os.getpid()
    assert n1codec.open(tmp_path / "far.n1c")[:].tobytes() == n1codec.open(tmp_path / "here.n1c")[:].tobytes()
    decode_file(tmp_path / "far.n1c", tmp_path / "back.bin")
    assert (tmp_path / "back.bin").read_bytes() == flat.path.read_bytes()


def test_export_gives_the_files_their_names(run: Run, flat: Place, packed: Path, tmp_path: Path) -> None:
    done = run("n1codec", "export", packed, tmp_path / "new")
    assert (done.returncode, done.stdout) == (0, f"{tmp_path / 'new' / 'long.bin'}: {flat.path.stat().st_size} bytes\n")
    assert (tmp_path / "new" / "long.bin").read_bytes() == flat.path.read_bytes()
    done = run("n1codec", "export", packed, tmp_path / "new")
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "exists" in done.stderr


@pytest.mark.parametrize("suffix", ["npy", "csv", "wav", "raw"])
def test_cat(run: Run, packed: Path, samples: np.ndarray, tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"out.{suffix}"
    done = run("n1codec", "cat", packed, "--start", "990ms", "--stop", "1.01s", "--select", "3,35-36", "-o", out)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    expected = samples[990:1010, [3, 35, 36]]
    if suffix == "npy":
        found = np.load(out)
    elif suffix == "csv":
        assert out.read_text().startswith("3,35,36\n")
        found = np.loadtxt(out, np.int16, delimiter=",", skiprows=1)
    elif suffix == "wav":
        found = wav.read(out.read_bytes()).samples
    else:
        found = np.fromfile(out, "<i2").reshape(-1, 3)
    np.testing.assert_array_equal(found, expected)


def test_cat_to_a_pipe_and_of_other_recordings(run: Run, samples: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wav.write(samples, RATE))
    command = [sys.executable, "-m", "n1codec", "cat", str(path), "--start", "-2"]
    assert subprocess.check_output(command, cwd=ROOT) == samples[-2:].tobytes()
    for wrong in ("x", "1.5", "10q"):
        done = run("n1codec", "cat", path, "--start", wrong)
        assert done.returncode == 2 and "10s" in done.stderr


def test_workers_in_another_folder_open_the_same_files(
    flat: Place, packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from n1codec.recordings import open_source
    from n1codec.recordings.together import group

    monkeypatch.chdir(tmp_path)
    remote = convert._Remote.__call__
    asked: list[Path] = []

    def elsewhere(self: Any, piece: Any) -> Any:
        asked.append(self.place.path)
        return remote(self, piece)

    monkeypatch.setattr(convert._Remote, "__call__", elsewhere)
    with ThreadPoolExecutor(2) as pool:
        encode_file(flat._replace(path=Path("long.bin")), tmp_path / "a.n1c", "n1", executor=pool)
        assert (tmp_path / "a.n1c").read_bytes() == packed.read_bytes()
        assert set(asked) == {tmp_path / "long.bin"}
        for channel in range(2):
            (tmp_path / f"{channel}.wav").write_bytes(wav.write(signal(3000, seed=channel), RATE))
        together = group([open_source(tmp_path / f"{channel}.wav") for channel in range(2)], "both")
        encode_file(together, tmp_path / "b.n1c", executor=pool)
    np.testing.assert_array_equal(n1codec.open(tmp_path / "b.n1c")[:, 1], signal(3000, seed=1)[:, 0])
    assert len(set(asked)) == 1, "a source that is open is coded here"


def test_any_executor_makes_the_same_file(flat: Place, packed: Path, tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from n1codec import batch

    with ThreadPoolExecutor(2) as pool:
        encode_file(flat, tmp_path / "one.n1c", "n1", executor=pool)
        assert (tmp_path / "one.n1c").read_bytes() == packed.read_bytes()
        sources = []
        for number in range(3):
            sources.append(tmp_path / f"{number}.wav")
            sources[-1].write_bytes(wav.write(signal(9000 * number, 3), RATE))
        tasks = [batch.Task(str(path), f"{path}.n1c") for path in [*sources, tmp_path / "missing"]]
        how = batch.How("encode", n1codec.get_codec("delta|zstd"), None, verify=True, delete_original=True)
        *good, (_, failed) = batch.convert(tasks, how, executor=pool)
    assert isinstance(failed, FileNotFoundError)
    for number, (task, done) in enumerate(good):
        assert isinstance(done, convert.Converted) and done.packed_bytes == Path(task.target).stat().st_size
        assert not Path(task.source).exists()
        decode_file(task.target, task.source)
        assert Path(task.source).read_bytes() == wav.write(signal(9000 * number, 3), RATE)


@pytest.mark.parametrize(
    ("what", "spec"),
    [("n1", "n1"), ("ints", "n1_multi"), ("floats", "planes|zstd"), ("text", "zstd"), ("nothing", "zstd")],
)
def test_the_codec_that_nobody_names_suits_the_recording(
    what: str, spec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("N1_CODEC", raising=False)
    x = signal(500, 2)
    samples = {"n1": n1_mapping.values()[500 + x[:, :1] % 32], "ints": x, "floats": x / np.float32(7)}.get(what)
    path = tmp_path / "a"
    if what in ("n1", "ints"):
        path.write_bytes(wav.write(samples, RATE))
    elif what == "floats":
        np.save(tmp_path / "a.npy", samples)
        path = tmp_path / "a.npy"
    else:
        path.write_bytes(b"some text" if what == "text" else b"")
    for asked in (None, "auto"):
        encode_file(path, tmp_path / "o", asked)
        assert Archive(convert.access(tmp_path / "o")).head.streams[0].groups[0].spec == spec
    if samples is not None:
        blob = n1codec.encode(samples)
        assert Archive(convert.access(blob)).head.streams[0].groups[0].spec == spec
    monkeypatch.setenv("N1_CODEC", "bz2")
    encode_file(path, tmp_path / "o")
    named = "copy" if what in ("text", "nothing") else "bz2"
    assert Archive(convert.access(tmp_path / "o")).head.streams[0].groups[0].spec == named
