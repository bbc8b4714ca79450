"""Coders that fit a model to a recording: where models stand in a file, who reads them, what becomes of damage."""

from __future__ import annotations

import io
import json
import struct
import subprocess
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import signal
from forge_chunks import ARRAY, SAMPLES, chunk, model, stream, uints
from recording_files import spikeglx, walks
from test_registry import CACHES

import n1codec
from n1codec import registry
from n1codec.bench.measure.work import Work
from n1codec.codec import CodecError, FormatError, Layout, SpecError
from n1codec.container.access import Memory
from n1codec.container.archive import Archive
from n1codec.container.convert import decode_file, encode_file, verify
from n1codec.container.models import Kept, frames_of_model, looked_at
from n1codec.container.packing import Packing
from n1codec.container.recovery import recover
from n1codec.container.sources import decode_bytes, encode_bytes
from n1codec.pipeline import get_codec
from n1codec.recordings import Flat, Place, wav

Run = Callable[..., subprocess.CompletedProcess[str]]
RATE = 1000
TOY = '''
"""The middle of each channel is the model, and zlib has the distances from it."""

import struct
import time
import zlib

import numpy as np

from n1codec.codec import FormatError, ModelCoder


class Middle(ModelCoder):
    dtypes = ("int16",)
    per_channel = PER_CHANNEL
    chunk_seconds = 1
    model_seconds = 3
    fit_seconds = 0.4
    fits = []

    def fit(self, x, converters=None):
        assert x.flags.c_contiguous and x.dtype == np.int16
        time.sleep(0.01)  # so that whoever does not wait for it would begin another
        x = x.reshape(len(x), -1)
        self.fits.append((x, converters))
        known = np.full(x.shape[1], -9) if converters is None else converters
        assert known.shape == x.shape[1:]
        said = struct.pack("<III", len(x), x.shape[1], zlib.crc32(x.tobytes()))
        return said + np.median(x, axis=0).astype("<i2").tobytes() + known.astype("<i2").tobytes()

    def middle(self, model, columns):
        frames, channels, _ = struct.unpack_from("<III", model)
        if channels != columns or len(model) != 12 + 4 * channels:
            raise FormatError("the model is one of other channels")
        return np.frombuffer(model, "<i2", channels, 12)

    def encode_with(self, x, model):
        x = x.reshape(len(x), -1)
        return zlib.compress((x - self.middle(model, x.shape[1])).astype("<i2").tobytes())

    def decode_with(self, data, layout, model):
        x = np.frombuffer(zlib.decompress(data), "<i2").reshape(layout.shape[0], -1)
        return (x + self.middle(model, x.shape[1])).astype(np.int16).reshape(layout.shape)
'''


@pytest.fixture(autouse=True)
def toys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The codecs ``middle``, of all channels together, and ``middles``, of each by itself."""
    folder = tmp_path / "toys"
    folder.mkdir()
    for name, apart in (("middle", "False"), ("middles", "True")):
        (folder / f"{name}.py").write_text(TOY.replace("PER_CHANNEL", apart))
    monkeypatch.setenv("N1CODEC_PATH", str(folder))
    for cached in CACHES:
        cached.cache_clear()
    yield
    for cached in CACHES:
        cached.cache_clear()


def fits(name: str = "middle") -> list[tuple[np.ndarray, np.ndarray | None]]:
    found: Any = registry.find(name)
    return found.fits  # type: ignore[no-any-return]


def expected(samples: np.ndarray, converters: list[int] | None = None) -> bytes:
    """Return the toy's model of samples, worked out here."""
    channels = samples.shape[1]
    return (
        struct.pack("<III", len(samples), channels, zlib.crc32(samples.tobytes()))
        + np.median(samples, axis=0).astype("<i2").tobytes()
        + np.array([-9] * channels if converters is None else converters, "<i2").tobytes()
    )


def stretches(samples: np.ndarray, start: int, stop: int) -> np.ndarray:
    """Return 4 times 100 frames, the first and the last of which stand at the ends."""
    firsts = [start + i * (stop - start - 100) // 3 for i in range(4)]
    return np.concatenate([samples[first : first + 100] for first in firsts])


def models(path: Path) -> dict[tuple[int, int, int], bytes]:
    """Return the models in a file by stream, group and number, cut out where the index says."""
    data, found = path.read_bytes(), {}
    for key, entry in Archive(Memory(data)).models.items():
        content = data[entry.offset : entry.offset + entry.length]
        length = len(content) - 4
        head = b"M" + uints(length - 1 - len(uints(length - 2))) + uints(*key)
        assert content.startswith(head)
        found[key] = content[len(head) : -4]
    return found


def numbers(path: Path) -> list[tuple[int, int, int, int]]:
    """Return stream, group, first frame and model of each chunk in a file."""
    archive = Archive(Memory(path.read_bytes()))
    return [(one.stream, one.group, one.start, one.model) for one in archive.chunks]


@pytest.fixture
def samples() -> np.ndarray:
    return signal(7300, 5)


@pytest.fixture
def flat(tmp_path: Path, samples: np.ndarray) -> Place:
    path = tmp_path / "long.bin"
    path.write_bytes(b"head" + samples.tobytes() + b"rest")
    return Place(path, flat=Flat(5, "int16", float(RATE), "C", 4))


@pytest.fixture
def packed(flat: Place, tmp_path: Path) -> Path:
    encode_file(flat, tmp_path / "long.n1c", "middle")
    fits().clear()
    return tmp_path / "long.n1c"


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """A run of two streams, AP and LF, with four channels on two converters and one that is no signal."""
    folder = tmp_path / "run_g0"
    spikeglx(folder / "run_g0_t0.imec0.ap.bin", walks(4100, 5), imSampRate=RATE)
    spikeglx(folder / "run_g0_t0.imec0.lf.bin", walks(2050, 5, seed=2), imSampRate=500, snsApLfSy="0,4,1",
             snsSaveChanSubset="384:387,768")  # fmt: skip
    return folder


# -- writing ---------------------------------------------------------------------------------------------------------


def test_each_span_has_a_model(packed: Path, flat: Place, samples: np.ndarray, tmp_path: Path) -> None:
    assert models(packed) == {
        (0, 0, 1): expected(stretches(samples, 0, 3000)),
        (0, 0, 2): expected(stretches(samples, 3000, 6000)),
        (0, 0, 3): expected(stretches(samples, 6000, 7300)),
    }
    assert numbers(packed) == [(0, 0, 1000 * i, i // 3 + 1) for i in range(8)]
    archive = Archive(Memory(packed.read_bytes()))
    for key, entry in archive.models.items():
        assert entry.offset < min(one.offset for one in archive.chunks if one.model == key[2])
        assert entry.offset > max([0] + [one.offset for one in archive.chunks if one.model < key[2]])
    for jobs in (1, 3):
        decode_file(packed, tmp_path / "back.bin", jobs=jobs)
        assert (tmp_path / "back.bin").read_bytes() == flat.path.read_bytes()
        assert verify(packed, jobs=jobs) == flat.path.stat().st_size


def test_each_model_is_fitted_once_whoever_codes(flat: Place, packed: Path, tmp_path: Path) -> None:
    for jobs in (1, 2, 8):
        encode_file(flat, tmp_path / "a.n1c", "middle", jobs=jobs)
        assert len(fits()) == 3
        fits().clear()
        assert (tmp_path / "a.n1c").read_bytes() == packed.read_bytes()
    assert encode_bytes(b"nothing to read", get_codec("middle"))[3] == 1


def test_workers_fit_the_same_models(flat: Place, packed: Path, tmp_path: Path) -> None:
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        encode_file(flat, tmp_path / "a.n1c", "middle", executor=pool)
    assert fits() == []
    assert (tmp_path / "a.n1c").read_bytes() == packed.read_bytes()


def test_a_worker_that_fits_another_model_does_no_harm(
    flat: Place, samples: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two machines may compute sums in another order, and a file has one model for the chunks of both."""
    encode = Packing.encode

    def elsewhere(self: Packing, piece: Any, model: bytes | None = None) -> Any:
        if model is None:
            model = expected(samples[piece.start : piece.start + 10] * 0 + piece.start)
        return encode(self, piece, model)

    monkeypatch.setattr(Packing, "encode", elsewhere)
    with ThreadPoolExecutor(1) as pool:
        encode_file(flat, tmp_path / "a.n1c", "middle", executor=pool)
    assert list(models(tmp_path / "a.n1c").values()) == [
        expected(np.full((10, 5), start, np.int16)) for start in (0, 3000, 6000)
    ]
    np.testing.assert_array_equal(n1codec.open(tmp_path / "a.n1c")[:], samples)


def test_to_fit_is_a_part_of_the_work_that_is_measured(flat: Place, packed: Path) -> None:
    work = Work(b"", "encode", get_codec("middle"), flat)
    for _ in range(2):
        done = work.run()
        assert len(fits()) == 3 and done.seconds > 0.03
        fits().clear()
    assert b"".join(work.finish(done.result)) == packed.read_bytes()
    decoding = Work(packed.read_bytes(), "decode", None)
    assert b"".join(decoding.finish(decoding.run().result)) == flat.path.read_bytes()


@pytest.mark.parametrize("jobs", [1, 2])
def test_streams_have_models_of_their_own(run_folder: Path, jobs: int, tmp_path: Path) -> None:
    ap, lf = walks(4100, 5)[:, :4], walks(2050, 5, seed=2)[:, :4]
    encode_file(run_folder, tmp_path / "run.n1c", "middle", jobs=jobs)
    archive = Archive(Memory((tmp_path / "run.n1c").read_bytes()))
    assert [[group.channels for group in one.groups] for one in archive.head.streams] == [[(0, 1, 2, 3), (4,)]] * 2
    lf_stretches = np.concatenate([lf[i * (1500 - 50) // 3 :][:50] for i in range(4)])
    found = models(tmp_path / "run.n1c")
    assert found == {
        (0, 0, 1): expected(stretches(ap, 0, 3000), [0, 1, 0, 1]),
        (0, 0, 2): expected(stretches(ap, 3000, 4100), [0, 1, 0, 1]),
        (1, 0, 1): expected(lf_stretches, [0, 1, 0, 1]),
        (1, 0, 2): found[1, 0, 2],
    }
    assert {one[3] for one in numbers(tmp_path / "run.n1c") if one[1] == 1} == {0}, "sync is coded without a model"
    decode_file(tmp_path / "run.n1c", tmp_path / "back", jobs=jobs)
    for path in run_folder.iterdir():
        assert (tmp_path / "back" / path.name).read_bytes() == path.read_bytes()
    with n1codec.open(tmp_path / "run.n1c", stream="imec0.lf") as rec:
        np.testing.assert_array_equal(rec[1490:1510, :4], lf[1490:1510])


def test_groups_have_models_of_their_own(tmp_path: Path) -> None:
    x = signal(4100, 40)
    wide = tmp_path / "wide.wav"
    wide.write_bytes(wav.write(x, RATE))
    encode_file(wide, tmp_path / "a.n1c", "middles")
    found = models(tmp_path / "a.n1c")
    assert list(found) == [(0, 0, 1), (0, 1, 1), (0, 0, 2), (0, 1, 2)]
    assert len(fits("middles")) == 80, "each channel once for each span"
    apart = [expected(stretches(x, 0, 3000)[:, [channel]]) for channel in range(32, 40)]
    assert found[0, 1, 1] == b"".join(bytes([len(one)]) + one for one in apart)
    with n1codec.open(tmp_path / "a.n1c", threads=3) as rec:
        np.testing.assert_array_equal(rec[2500:3500, 30:36], x[2500:3500, 30:36])
    verify(tmp_path / "a.n1c", jobs=2)


def test_channels_in_blocks_are_read_without_the_others(tmp_path: Path) -> None:
    x = signal(3000, 10)
    wide = tmp_path / "wide.wav"
    wide.write_bytes(wav.write(x, RATE))
    encode_file(wide, tmp_path / "a.n1c", "n1_multi:block=4")
    encode_file(wide, tmp_path / "all.n1c", "n1_multi")
    data = (tmp_path / "a.n1c").read_bytes()
    archive = Archive(Memory(data))
    assert [group.channels for group in archive.head.streams[0].groups] == [(0, 1, 2, 3), (4, 5, 6, 7), (8, 9)]
    file = _Counted(data)
    rec = n1codec.open(file)
    file.reads.clear()
    np.testing.assert_array_equal(rec[10:20, 5], x[10:20, 5])
    assert file.reads == [place_of(archive.chunks[1]), place_of(archive.models[0, 1, archive.chunks[1].model])]
    verify(tmp_path / "a.n1c")
    with n1codec.open(tmp_path / "all.n1c") as whole:
        np.testing.assert_array_equal(whole[:], rec[:])


def test_each_channel_by_itself_keeps_its_converter(run_folder: Path, tmp_path: Path) -> None:
    encode_file(run_folder / "run_g0_t0.imec0.ap.bin", tmp_path / "a.n1c", "middles")
    assert [known.tolist() for _, known in fits("middles") if known is not None] == [[0], [1], [0], [1]] * 2


@pytest.mark.parametrize("kind", ["uint8", "uint16", "int32", ">i4"])
def test_samples_that_are_adapted_to_the_coder(kind: str, tmp_path: Path) -> None:
    x = (signal(2500, 3) // 64 + 600).astype(kind)
    np.save(tmp_path / "a.npy", x)
    encode_file(tmp_path / "a.npy", tmp_path / "a.n1c", "middle")
    assert list(models(tmp_path / "a.n1c")) == [(0, 0, 1)]
    assert len(fits()) == (2 if x.itemsize == 4 else 1), "there is no rate, and so one long chunk"
    decode_file(tmp_path / "a.n1c", tmp_path / "b.npy")
    assert (tmp_path / "b.npy").read_bytes() == (tmp_path / "a.npy").read_bytes()


def test_what_a_model_is_fitted_to() -> None:
    coder: Any = get_codec("middle").coder
    assert looked_at(coder, 1000.0, 50, 450) == [(50, 450)]
    assert looked_at(coder, 1000.0, 50, 451) == [(50, 150), (150, 250), (250, 350), (351, 451)]
    assert looked_at(coder, 1000.0, 0, 4000) == [(0, 100), (1300, 1400), (2600, 2700), (3900, 4000)]
    assert looked_at(coder, 1000.0, 4000, 4100) == [(4000, 4100)]
    assert looked_at(coder, 5.0, 0, 9) == [(0, 1), (8, 9)]
    assert looked_at(coder, 1.0, 0, 9) == [(0, 1)]
    assert looked_at(coder, 0.0, 0, 12001)[1] == (3000, 6000), "30 kHz where nobody knows"


def test_how_much_a_model_serves() -> None:
    codec = get_codec("middle")
    assert [frames_of_model(codec, rate, 1000) for rate in (1000.0, 999.9, 1000.1, 2000.0, 10.0)] == [
        3000, 3000, 3000, 6000, 1000
    ]  # fmt: skip
    assert frames_of_model(codec, 0.0, 40000) == 80000, "30 kHz where nobody knows"
    assert frames_of_model(get_codec("delta|middle"), 1000.0, 1000) == 0


def test_a_model_is_made_once_and_few_are_kept() -> None:
    kept, made = Kept(2), []

    def get(key: str) -> bytes:
        return kept.get(key, lambda: made.append(key) or key.encode())  # type: ignore[func-returns-value]

    assert [get(key) for key in "abab"] == [b"a", b"b", b"a", b"b"] and made == ["a", "b"]
    get("a")
    get("c")
    assert [get(key) for key in "ab"] == [b"a", b"b"] and made == ["a", "b", "c", "b"], "the one not used for longest"
    with pytest.raises(ZeroDivisionError):
        kept.get("d", lambda: bytes(1 // 0))
    assert get("d") == b"d", "who failed is no obstacle"
    kept.clear()
    get("d")
    assert made[-2:] == ["d", "d"]


# -- where there is no place for a model -------------------------------------------------------------------------------


def test_one_chunk_of_a_wav_brings_its_model(tmp_path: Path, samples: np.ndarray) -> None:
    path = tmp_path / "short.wav"
    path.write_bytes(wav.write(samples[:1000], RATE))
    encode_file(path, tmp_path / "a.n1c", "middle")
    blob = (tmp_path / "a.n1c").read_bytes()
    own = expected(samples[:1000])
    assert blob[3] == 1
    assert bytes([len(own)]) + own in blob
    assert decode_bytes(blob) == path.read_bytes()
    np.testing.assert_array_equal(n1codec.open(tmp_path / "a.n1c")[10:20], samples[10:20])


def test_it_is_a_codec_as_any_other(samples: np.ndarray) -> None:
    for spec in ("middle", "middles", "delta|middle"):
        codec = get_codec(spec)
        for x in (samples, samples[:, 0], samples[:1], samples[:0], samples[:300].astype(np.int64) << 40):
            np.testing.assert_array_equal(codec.decode(codec.encode(x), Layout.of(x)), x)
            np.testing.assert_array_equal(n1codec.decode(n1codec.encode(x, spec)), x)
    payload = get_codec("middle").encode(samples)
    for damaged in (b"", payload[:-1], payload[:30], b"\xff" * 40, b"\0" + payload[1:]):
        with pytest.raises(FormatError):
            get_codec("middle").decode(damaged, Layout.of(samples))


def test_behind_a_filter_each_chunk_brings_its_model(flat: Place, samples: np.ndarray, tmp_path: Path) -> None:
    encode_file(flat, tmp_path / "a.n1c", "delta|middle")
    assert models(tmp_path / "a.n1c") == {}
    assert {one[3] for one in numbers(tmp_path / "a.n1c")} == {0}
    assert len(fits()) == 8
    np.testing.assert_array_equal(n1codec.open(tmp_path / "a.n1c")[:], samples)


def test_codecs_without_models_have_none(samples: np.ndarray) -> None:
    assert get_codec("zstd").model_coder is get_codec("delta|middle").model_coder is None
    codec = get_codec("zstd")
    with pytest.raises(SpecError, match="zstd has no models"):
        codec.fit(samples)
    with pytest.raises(SpecError, match="zstd has no models"):
        codec.encode(samples, b"model")
    with pytest.raises(SpecError, match="zstd has no models"):
        codec.decode(codec.encode(samples), Layout.of(samples), b"model")


def test_the_list_says_who_has_models(run: Run) -> None:
    listed = {entry["name"]: entry["traits"] for entry in json.loads(run("n1codec", "list", "--json").stdout)}
    assert listed["middle"] == ["lossless", "model"]
    assert "model" not in listed["n1"] + listed["zstd"]


# -- reading -----------------------------------------------------------------------------------------------------------


class _Counted(io.BytesIO):
    """A file that notes where it is read, and how much."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.reads: list[tuple[int, int]] = []

    def read(self, size: int | None = -1) -> bytes:
        at, data = self.tell(), super().read(size)
        self.reads.append((at, len(data)))
        return data


def place_of(part: Any) -> tuple[int, int]:
    return part.offset, part.length


def test_tail_index_chunk_and_model_are_read_and_no_more(packed: Path, samples: np.ndarray) -> None:
    data = packed.read_bytes()
    archive = Archive(Memory(data))
    (index,) = struct.unpack("<Q", data[-16:-8])
    file = _Counted(data)
    rec = n1codec.open(file)
    assert [read for read in file.reads if read[0] >= min(1 << 12, archive.chunks[0].offset)] == [
        (len(data) - 17, 17),
        (index, len(data) - 17 - index),
    ], "besides the head"
    file.reads.clear()

    np.testing.assert_array_equal(rec[4000:4010], samples[4000:4010])
    assert file.reads == [place_of(archive.chunks[4]), place_of(archive.models[0, 0, 2])]
    file.reads.clear()
    np.testing.assert_array_equal(rec[5990:6010, 2], samples[5990:6010, 2])
    assert file.reads == [place_of(archive.chunks[5]), place_of(archive.chunks[6]), place_of(archive.models[0, 0, 3])]


def test_threads_read_a_model_once(packed: Path, samples: np.ndarray) -> None:
    archive = Archive(Memory(packed.read_bytes()))
    file = _Counted(packed.read_bytes())
    rec = n1codec.open(file, threads=4)
    np.testing.assert_array_equal(rec[:], samples)
    offsets = [at for at, _ in file.reads]
    assert [offsets.count(entry.offset) for entry in archive.models.values()] == [1, 1, 1]


def test_what_the_commands_say(run: Run, packed: Path, run_folder: Path, samples: np.ndarray, tmp_path: Path) -> None:
    (about,) = json.loads(run("n1codec", "info", "--json", packed).stdout)
    assert about["models"] == 3 and about["codec"] == "middle"
    assert run("n1codec", "verify", packed, "--jobs", 2).returncode == 0
    encode_file(run_folder, tmp_path / "run.n1c", "middle")
    archive = Archive(Memory((tmp_path / "run.n1c").read_bytes()))
    for about in json.loads(run("n1codec", "info", "--json", tmp_path / "run.n1c").stdout):
        number = list(archive.streams).index(about["stream"])
        sections = [one for one in (*archive.chunks, *archive.models.values()) if one.stream == number]
        assert (about["models"], about["compressed_bytes"]) == (2, sum(one.length for one in sections))
    done = run("n1codec", "cat", packed, "--start", "2990", "--stop", "3010", "-o", tmp_path / "piece.npy")
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(np.load(tmp_path / "piece.npy"), samples[2990:3010])


# -- damage ------------------------------------------------------------------------------------------------------------


def test_a_damaged_model_is_one_line(run: Run, packed: Path, samples: np.ndarray, tmp_path: Path) -> None:
    data = bytearray(packed.read_bytes())
    second = Archive(Memory(bytes(data))).models[0, 0, 2]
    data[second.offset + second.length // 2] ^= 1
    bad = tmp_path / "bad.n1c"
    bad.write_bytes(data)
    rec = n1codec.open(bad)
    for start in (4000, 3000):
        with pytest.raises(FormatError, match=f"the model of its chunk at frame {start} is damaged"):
            rec[start : start + 5]
    np.testing.assert_array_equal(rec[:3000], samples[:3000])
    np.testing.assert_array_equal(rec[6000:], samples[6000:])
    for command in (("n1codec", "verify", bad), ("decode", bad, tmp_path / "back.bin")):
        done = run(*command)
        assert (done.returncode, done.stderr.count("\n")) == (1, 1)
        assert "the model of its chunk at frame 3000 is damaged" in done.stderr
    assert not (tmp_path / "back.bin").exists()
    found = recover(bad, tmp_path / "out.n1c")
    assert (found.frames, found.chunks, found.without_model) == ((3000,), 3, 3)
    np.testing.assert_array_equal(n1codec.open(tmp_path / "out.n1c")[:], samples[:3000])
    assert list(models(tmp_path / "out.n1c")) == [(0, 0, 1)]
    done = run("n1codec", "recover", bad, "-o", tmp_path / "again.n1c")
    assert done.stdout.rstrip().endswith(" bytes are lost, among them 3 whole chunks whose model is damaged")


def test_recover_keeps_models(packed: Path, flat: Place, samples: np.ndarray, tmp_path: Path) -> None:
    archive, data = Archive(Memory(packed.read_bytes())), packed.read_bytes()
    cuts = [(archive.models[0, 0, 3].offset + 20, 6000), (archive.chunks[4].offset + 9, 4000), (len(data) - 1, 7300)]
    for cut, frames in cuts:
        (tmp_path / "cut.part").write_bytes(data[:cut])
        found = recover(tmp_path / "cut.part", tmp_path / "out.n1c")
        assert (found.frames, found.without_model) == ((frames,), 0)
        verify(tmp_path / "out.n1c")
        np.testing.assert_array_equal(n1codec.open(tmp_path / "out.n1c")[:], samples[:frames])
        assert len(models(tmp_path / "out.n1c")) == -(-frames // 3000)


GROUPS = uints(1, 1, 0, 2) + b"middl\xe5"
"""Both channels, coded by ``middle``."""


def test_forged_files(tmp_path: Path) -> None:
    x = np.frombuffer(SAMPLES, np.int16).reshape(3, 2)
    codec, own = get_codec("middle"), expected(np.ones((2, 2), np.int16))
    payload, checksum = codec.encode(x, own), zlib.crc32(SAMPLES)
    modelled = ARRAY.but(streams=(stream(groups=GROUPS),))
    good = chunk(model=7, payload=payload, checksum=checksum)
    np.testing.assert_array_equal(n1codec.decode(modelled.but(sections=(model(number=7, data=own), good)).bytes()), x)
    cases = {
        "names a model, which its codec does not have": ARRAY.but(sections=(model(), chunk(model=1))),
        "names no model, which its codec needs": modelled.but(
            sections=(model(data=own), chunk(payload=codec.encode(x), checksum=checksum))
        ),
        "its payload is damaged|the model is one of other channels": modelled.but(
            sections=(model(number=7, data=expected(np.ones((2, 3), np.int16))), good)
        ),
        "its payload is damaged": modelled.but(sections=(model(number=7, data=b""), good)),
        "not the one that its index promises": modelled.but(
            sections=(model(number=7, data=own), good),
            entries=(b"M" + uints(len(own) + 9, 0, 0, 8), b"C" + uints(len(payload) + 15, 0, 0, 0, 3, 8)),
        ),
    }
    for message, forged in cases.items():
        with pytest.raises(FormatError, match=message):
            n1codec.decode(forged.bytes())
        (tmp_path / "forged.n1c").write_bytes(forged.bytes())
        with pytest.raises(FormatError, match=message):
            verify(tmp_path / "forged.n1c")


def test_recover_takes_no_model_from_behind_its_chunk_and_none_twice(tmp_path: Path) -> None:
    x = np.frombuffer(SAMPLES, np.int16).reshape(3, 2)
    own = expected(np.ones((2, 2), np.int16))
    coded = {"payload": get_codec("middle").encode(x, own), "checksum": zlib.crc32(SAMPLES)}
    first, second = chunk(model=1, **coded), chunk(start=3, model=2, **coded)
    forged = ARRAY.but(
        streams=(stream(groups=GROUPS),),
        sections=(model(data=own), model(data=own), model(number=9, data=own), model(5, data=own), first, second,
                  model(number=2, data=own)),
    )  # fmt: skip
    (tmp_path / "forged.n1c").write_bytes(forged.bytes())
    found = recover(tmp_path / "forged.n1c", tmp_path / "out.n1c")
    assert (found.frames, found.chunks, found.without_model) == ((3,), 1, 1)
    assert models(tmp_path / "out.n1c") == {(0, 0, 1): own}
    np.testing.assert_array_equal(n1codec.open(tmp_path / "out.n1c")[:], x)


# -- while recording ---------------------------------------------------------------------------------------------------


def test_while_recording_the_first_chunk_gives_the_model(samples: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "live.n1c"
    with n1codec.create(path, 5, "int16", RATE, "middle", converters=[0, 1, 0, 1, -1]) as live:
        for start in range(0, 7300, 777):
            live.write(samples[start : start + 777])
        assert recover(f"{path}.part", tmp_path / "so_far.n1c").frames == (7000,)
    known = [0, 1, 0, 1, -1]
    firsts = [expected(stretches(samples, start, start + 1000), known) for start in (0, 3000, 6000)]
    assert list(models(path).values()) == firsts
    assert numbers(path) == [(0, 0, 1000 * i, i // 3 + 1) for i in range(8)]
    rec = n1codec.open(path)
    assert rec.converters is not None and rec.converters.tolist() == known
    np.testing.assert_array_equal(rec[:], samples)
    before = path.read_bytes()
    with n1codec.append(path) as live:
        live.write(samples[:2000])
    assert path.read_bytes().startswith(before)
    assert models(path)[0, 0, 4] == expected(stretches(samples, 0, 1000), known)
    assert [one[2:] for one in numbers(path)[8:]] == [(7300, 4), (8300, 4)]
    np.testing.assert_array_equal(n1codec.open(path)[:], np.concatenate([samples, samples[:2000]]))


def test_a_model_of_few_frames_serves_no_whole_chunk(samples: np.ndarray, tmp_path: Path) -> None:
    with n1codec.create(tmp_path / "a.n1c", 5, "int16", RATE, "middle") as live:
        for count in (30, 500, 2000, 20, 1970):
            live.write(samples[live.frames : live.frames + count])
            live.flush()
    assert [one[2:] for one in numbers(tmp_path / "a.n1c")] == [
        (0, 1), (30, 1), (530, 2), (1530, 2), (2530, 2), (2550, 2), (3550, 3)
    ]  # fmt: skip
    np.testing.assert_array_equal(n1codec.open(tmp_path / "a.n1c")[:], samples[:4520])


def test_as_many_converters_as_channels(tmp_path: Path) -> None:
    with pytest.raises(CodecError, match="5 channels have as many converters, not 4"):
        n1codec.create(tmp_path / "a.n1c", 5, converters=[0, 1, 2, 3])
    assert list(tmp_path.glob("a*")) == []
