"""Our codecs in numcodecs and in Zarr, of the generation that is installed; test_environments runs this in others."""

from __future__ import annotations

import asyncio
import json
import pickle
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import code_of, needs, signal
from hypothesis import given
from hypothesis import strategies as st
from recording_files import open_ephys, spikeglx, walks

from n1codec.recordings import wav

numcodecs, zarr = needs("numcodecs"), needs("zarr")

import n1codec.zarr as ours  # noqa: E402
from n1codec.adapters import chunks  # noqa: E402
from n1codec.codec import CodecError, FormatError, SpecError, UnavailableError  # noqa: E402

SECOND = int(zarr.__version__.split(".")[0]) == 2
DTYPES = ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8")


def made(where: Any, x: np.ndarray, chunk: tuple[int, ...], spec: str = "n1_multi", **more: Any) -> Any:
    """Write an array into Zarr, and return it as a reader finds it there."""
    codec = ours.N1Codec(spec)
    more |= {"shape": x.shape, "chunks": chunk, "dtype": x.dtype}
    if SECOND:
        z = zarr.open(where, "w", compressor=codec, **more)
    else:
        z = zarr.create_array(where, serializer=codec, compressors=None, **more)
    z[...] = x
    return zarr.open(where, mode="r")


def bits(dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    """Return an array of a dtype with all bits at random, so that floats are NaN with payloads, too."""
    x = np.random.default_rng(5).integers(0, 256, (*shape, np.dtype(dtype).itemsize), np.uint8)
    return x.view(dtype).reshape(shape)


def same(x: np.ndarray, y: np.ndarray) -> bool:
    return (x.dtype, x.shape, x.tobytes()) == (y.dtype, y.shape, y.tobytes())


# -- numcodecs -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("config", [
    {"id": "n1codec", "spec": "remap|lpc|rans"}, {"id": "n1"}, {"id": "n1_implant"}, {"id": "n1_max"},
    {"id": "n1_multi"}, {"id": "n1_multi", "preset": "fast"}, {"id": "n1", "profile": "none"},
], ids=str)  # fmt: skip
def test_numcodecs_finds_ours_by_their_ids(config: dict[str, str]) -> None:
    codec = numcodecs.get_codec(config)
    assert codec.get_config() == config
    assert json.loads(json.dumps(codec.get_config())) == config
    assert pickle.loads(pickle.dumps(codec)) == codec == numcodecs.get_codec(codec.get_config())
    assert codec != numcodecs.get_codec({"id": "zlib"})
    x = signal(300, 3)
    assert same(pickle.loads(pickle.dumps(codec)).decode(codec.encode(x)), x)


def test_a_codec_is_shown_as_it_is_written() -> None:
    from n1codec.adapters.numcodecs import N1Codec, N1Multi

    for shown in ("N1Codec(spec='delta|zlib')", "N1Multi()", "N1Multi(preset='fast')"):
        codec = eval(shown, {"N1Codec": N1Codec, "N1Multi": N1Multi})
        assert repr(codec) == shown
    assert N1Codec("delta | zlib:level=1").get_config() == {"id": "n1codec", "spec": "delta|zlib:level=1"}
    assert N1Multi(preset="best") == N1Multi() != N1Multi(preset="fast")


def test_what_is_no_codec_of_arrays_is_refused() -> None:
    for config, why in (
        ({"id": "n1codec", "spec": "n1_mutli"}, "did you mean n1_multi"),
        ({"id": "n1codec", "spec": 'exec:enc="x {in} {out}",dec="y {in} {out}"'}, "codes files, not arrays"),
        ({"id": "n1_multi", "presto": "fast"}, "no parameter 'presto'"),
        ({"id": "n1_multi", "preset": "fastest"}, r"best\|fast"),
    ):
        with pytest.raises(CodecError, match=why):
            numcodecs.get_codec(config)


@pytest.mark.parametrize("order", "CF")
@pytest.mark.parametrize("endian", "<>")
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_bit_of_an_array_comes_back(dtype: str, endian: str, order: str) -> None:
    x = np.asarray(bits(endian + dtype, (50, 4)), order=order)
    codec = chunks.codec_of("delta|rice")
    back = chunks.decode_described(chunks.encode_described(x, codec))
    assert same(back, x)
    assert back.flags.f_contiguous == (order == "F")
    assert same(chunks.decode(chunks.encode(x, codec), codec, x.shape, x.dtype), x)


@pytest.mark.parametrize("shape", [(), (0,), (1,), (7,), (0, 3), (3, 0), (5, 1), (6, 2, 3), (2, 3, 2, 2), (1, 0, 2)])
def test_any_number_of_axes(shape: tuple[int, ...]) -> None:
    x, codec = bits("<i2", shape), numcodecs.get_codec({"id": "n1codec", "spec": "delta|rice"})
    assert same(codec.decode(codec.encode(x)), x)
    bare = chunks.encode(x, chunks.codec_of("delta|rice"))
    assert same(chunks.decode(bare, chunks.decoder_of("delta|rice"), x.shape, x.dtype), x)


def test_any_buffer_and_out() -> None:
    codec, x = numcodecs.get_codec({"id": "n1"}), signal(200, 2)
    strided = np.repeat(np.repeat(x, 2, axis=0), 3, axis=1)[::2, ::3]
    read_only = np.frombuffer(x.tobytes(), np.int16).reshape(x.shape)
    for one in (x, memoryview(x), strided, read_only):
        assert same(codec.decode(codec.encode(one)), x)
    assert bytes(codec.decode(codec.encode(x.tobytes()))) == bytes(codec.decode(codec.encode(bytearray(x.tobytes()))))
    coded = codec.encode(x)
    for one in (coded, bytearray(coded), memoryview(coded), np.frombuffer(coded, np.uint8)):
        assert same(codec.decode(one), x)
    for out in (np.empty_like(x), np.empty(x.size, np.int16), bytearray(x.nbytes)):
        assert codec.decode(coded, out=out) is not None
        assert np.array_equal(np.asarray(out).view("i2").reshape(x.shape), x)
    with pytest.raises(ValueError, match=r"reshape|broadcast"):
        codec.decode(coded, out=np.empty(x.size + 1, np.int16))


@pytest.mark.parametrize("x", [
    np.array([1, "a"], object), np.zeros(3, bool), np.zeros(3, complex), np.zeros(3, "M8[s]"), np.zeros(3, "i2,i2"),
    np.array(["a"]), np.ma.masked_array([1, 2], [0, 1]),
], ids=lambda x: str(x.dtype))  # fmt: skip
def test_what_cannot_be_kept_is_refused(x: np.ndarray) -> None:
    with pytest.raises(CodecError, match=r"cannot be coded|mask"):
        numcodecs.get_codec({"id": "n1_multi"}).encode(x)


@pytest.mark.parametrize("described", [True, False])
def test_damage_is_noticed(described: bool) -> None:
    x, codec = signal(60, 2), chunks.codec_of("n1")
    coded = chunks.encode_described(x, codec) if described else chunks.encode(x, codec)

    def read(data: bytes) -> np.ndarray:
        return chunks.decode_described(data) if described else chunks.decode(data, codec, x.shape, x.dtype)

    for cut in range(len(coded)):
        with pytest.raises(CodecError):
            read(coded[:cut])
    for at in range(len(coded)):
        damaged = bytearray(coded)
        damaged[at] ^= 0x55
        try:
            assert same(np.ascontiguousarray(read(bytes(damaged))), x)  # a byte that nobody needs
        except CodecError:
            continue


@given(st.binary(max_size=60), st.sampled_from(["n1", "n1_multi", "delta|rice", "planes|zlib"]))
def test_any_bytes_are_refused_or_are_an_array(data: bytes, spec: str) -> None:
    with suppress(CodecError):
        chunks.decode_described(bytes([chunks.DESCRIBED]) + data)
    with suppress(CodecError):
        assert chunks.decode(bytes([chunks.BARE]) + data, chunks.codec_of(spec), (7, 2), np.dtype(">i2")).shape == (
            7,
            2,
        )


def test_what_a_chunk_is_not_is_said() -> None:
    codec, x = chunks.codec_of("n1"), signal(9, 1)
    with pytest.raises(FormatError, match="later version"):
        chunks.decode_described(b"\7" + chunks.encode_described(x, codec)[1:])
    with pytest.raises(FormatError, match="other generation"):
        chunks.decode_described(chunks.encode(x, codec))
    forged = bytes([chunks.DESCRIBED, 1, 2]) + b"\xff\xff\xff\xff\xff\x3f" * 2 + b"\xee" + bytes(4)
    with pytest.raises(FormatError, match="shape makes no sense"):
        chunks.decode_described(forged)


def test_a_chunk_is_little_more_than_its_payload() -> None:
    x, codec = signal(500, 4), chunks.codec_of("n1_multi")
    assert len(chunks.encode(x, codec)) == len(codec.encode(x)) + 5
    assert len(chunks.encode_described(x, codec)) == len(codec.encode(x)) + 12


def test_the_bytes_of_a_chunk_stay_as_they_are() -> None:
    x = np.array([[1, -2], [3, 40], [-5, 600]], ">i2", order="F")
    bare = bytes.fromhex("01e2a959b1040100feff037bfff80600002a003002")
    described = bytes.fromhex("0231020302e472e9e2a959b1040100feff037bfff80600002a003002")
    assert chunks.encode(x, chunks.codec_of("delta|rice")) == bare
    assert chunks.encode_described(x, chunks.codec_of("delta|rice")) == described
    assert same(chunks.decode(bare, chunks.decoder_of("delta|rice"), x.shape, x.dtype), x)
    assert same(chunks.decode_described(described), x)


def test_reading_opens_no_file_that_metadata_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    x = signal(4000, 4)
    profile = tmp_path / "probe.n1p"
    profile.write_bytes(chunks.codec_of("n1_multi").coder.profile_of(x))
    spec = f"n1_multi:profile={profile}"
    made(str(tmp_path / "z"), x, (4000, 4), spec)
    with pytest.raises(UnavailableError, match="N1CODEC_PROFILES"):
        zarr.open(str(tmp_path / "z"), mode="r")[:]
    monkeypatch.setenv("N1CODEC_PROFILES", str(tmp_path))
    assert same(zarr.open(str(tmp_path / "z"), mode="r")[:], x)


# -- Zarr ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunk", [(400, 6), (250, 6), (250, 4), (1000, 8)])
def test_chunks_with_edges(tmp_path: Path, chunk: tuple[int, int]) -> None:
    x = signal(1000, 6)
    z = made(str(tmp_path / "z"), x, chunk)
    assert same(z[:], x)
    assert same(z[370:420, 2:5], x[370:420, 2:5])
    assert same(z[:, 3], x[:, 3])


@pytest.mark.parametrize("dtype", ["i2", "u2", "f4", "f8", "u1"])
@pytest.mark.parametrize("endian", "<>")
def test_byte_orders(tmp_path: Path, dtype: str, endian: str) -> None:
    x = bits(endian + dtype, (70, 3))
    z = made(str(tmp_path / "z"), x, (30, 3), "delta|rice")
    assert z[:].astype("<" + dtype).tobytes() == x.astype("<" + dtype).tobytes()


def test_three_axes_and_one(tmp_path: Path) -> None:
    for name, x, chunk in (("a", signal(600, 6).reshape(600, 2, 3), (250, 2, 2)), ("b", signal(600)[:, 0], (250,))):
        assert same(made(str(tmp_path / name), x, chunk)[...], x)


def test_memory_of_columns(tmp_path: Path) -> None:
    x = np.asfortranarray(signal(900, 5))
    if SECOND:
        assert same(made(str(tmp_path / "f"), x, (400, 5), order="F")[:], x)
    assert same(made(str(tmp_path / "z"), x, (400, 5))[:], x)


def test_an_array_is_extended(tmp_path: Path) -> None:
    x = signal(700, 4)
    made(str(tmp_path / "z"), x, (300, 4))
    z = zarr.open(str(tmp_path / "z"), mode="a")
    z.append(x)
    assert same(zarr.open(str(tmp_path / "z"), mode="r")[:], np.concatenate([x, x]))


def test_an_object_store() -> None:
    needs("fsspec")
    x = signal(500, 3)
    if SECOND:
        store = zarr.storage.FSStore("memory://n1codec-test")
    else:
        from zarr.storage import FsspecStore

        store = FsspecStore.from_url("memory://n1codec-test")
    made(store, x, (200, 3))
    assert same(zarr.open(store, mode="r")[:], x)


third = pytest.mark.skipif(SECOND, reason="needs Zarr 3")


@third
def test_metadata_name_the_codec_and_its_spec(tmp_path: Path) -> None:
    x = signal(50, 2)
    made(str(tmp_path / "z"), x, (50, 2), "remap | lpc|rans")
    said = json.loads((tmp_path / "z" / "zarr.json").read_text())["codecs"]
    assert said == [{"name": "n1codec", "configuration": {"spec": "remap|lpc|rans"}}]
    assert ours.N1Multi(preset="fast") == ours.N1Codec("n1_multi:preset=fast") != ours.N1Multi()
    for one in ({"name": "n1codec"}, {"name": "n1codec", "configuration": {"spec": "n1"}}, ours.N1Codec("n1")):
        z = zarr.create_array(str(tmp_path / "y"), shape=(9,), dtype="i2", serializer=one, overwrite=True)
        z[:] = np.arange(9)
        assert z[3] == 3
    with pytest.raises(ValueError, match="is written"):
        ours.N1Codec.from_dict({"name": "n1codec", "configuration": {"level": 3}})
    with pytest.raises(SpecError):
        ours.N1Codec("n1_mutli")


@third
def test_shards(tmp_path: Path) -> None:
    x = signal(1000, 6)
    z = made(str(tmp_path / "z"), x, (100, 3), shards=(400, 6))
    assert same(z[:], x)
    assert same(z[250:251, 4], x[250:251, 4])
    assert len([path for path in (tmp_path / "z").rglob("*") if path.is_file()]) == 1 + 3


@third
def test_other_codecs_before_and_behind_it(tmp_path: Path) -> None:
    from zarr.codecs import Crc32cCodec, TransposeCodec

    x = signal(1000, 6)
    for more in ({"compressors": [Crc32cCodec()]}, {"filters": [TransposeCodec(order=(1, 0))], "compressors": None}):
        shape = {"shape": x.shape, "chunks": (300, 6), "dtype": x.dtype, "overwrite": True}
        z = zarr.create_array(str(tmp_path / "z"), serializer=ours.N1Multi(), **shape, **more)
        z[:] = x
        assert same(zarr.open(str(tmp_path / "z"), mode="r")[:], x)


@third
@pytest.mark.parametrize(("spec", "dtypes"), [
    ("zigzag", ("i1", "<i2", ">i2", "<u4", ">i8")), ("planes", ("<i2", ">i2", "<f4", ">f8", "u1")),
    ("bitshuffle", ("<i2", ">i2")),
])  # fmt: skip
def test_filters_in_front_of_other_codecs(spec: str, dtypes: tuple[str, ...], tmp_path: Path) -> None:
    for dtype in dtypes:
        x = bits(dtype, (101, 7))
        for more in ({}, {"shards": (120, 6)}):
            folder = tmp_path / f"{dtype[-2:]}{len(more)}"
            more |= {"shape": x.shape, "chunks": (40, 3), "dtype": x.dtype, "overwrite": True}
            made = zarr.create_array(folder, filters=[ours.N1Filter(spec)], **more)
            made[...] = x
            again = zarr.open(folder, mode="r")
            assert same(np.ascontiguousarray(again[...]).astype(x.dtype), x)
            assert same(np.ascontiguousarray(again[50:60, 2:5]).astype(x.dtype), x[50:60, 2:5])
    (filter_,) = again.metadata.codecs[0].codecs[:1]
    assert filter_ == ours.N1Filter(spec) == pickle.loads(pickle.dumps(filter_))
    assert filter_.to_dict() == {"name": "n1codec_filter", "configuration": {"spec": spec}}


@third
def test_filters_make_smaller_what_others_code(tmp_path: Path) -> None:
    x = np.random.default_rng(1).integers(-20, 21, (4000, 4)).astype(np.int16)
    chains = ([], [ours.N1Filter("zigzag")], [ours.N1Filter("zigzag"), ours.N1Filter("planes")])
    sizes = []
    for filters in chains:
        made = zarr.create_array(tmp_path / str(len(filters)), data=x, chunks=(1000, 4), filters=filters)
        assert same(made[...], x)
        sizes.append(made.nbytes_stored())
    assert sizes[0] > sizes[1] > 1.2 * sizes[2], sizes


@third
def test_what_is_no_filter_for_zarr_is_refused(tmp_path: Path) -> None:
    for spec in ("delta", "zigzag|planes", "zlib", "zigzag|delta", ""):
        with pytest.raises(CodecError):
            ours.N1Filter(spec)
    for wrong in ({"name": "n1codec"}, {"name": "n1codec_filter", "configuration": {"order": 1}}):
        with pytest.raises(ValueError, match="n1codec_filter"):
            ours.N1Filter.from_dict(wrong)
    for spec, dtype in (("zigzag", "f4"), ("bitshuffle", "i4"), ("planes", "c8")):
        with pytest.raises(ValueError):
            zarr.create_array({}, shape=(9, 2), chunks=(3, 2), dtype=dtype, filters=[ours.N1Filter(spec)])


@third
def test_many_tasks_at_a_time(tmp_path: Path) -> None:
    x = signal(1000, 3)
    made(str(tmp_path / "z"), x, (100, 3))

    async def read() -> list[np.ndarray]:
        z = await zarr.api.asynchronous.open_array(store=str(tmp_path / "z"), mode="r")
        return await asyncio.gather(
            *(z.getitem((slice(start, start + 150), slice(None))) for start in range(0, 800, 90))
        )

    for start, part in zip(range(0, 800, 90), asyncio.run(read()), strict=True):
        assert same(np.asarray(part), x[start : start + 150])


@third
def test_dtypes_that_cannot_be_kept_are_refused_when_an_array_is_made(tmp_path: Path) -> None:
    for dtype in ("bool", "c16", "M8[s]"):
        with pytest.raises(ValueError, match="cannot be coded"):
            zarr.create_array(str(tmp_path / dtype), shape=(9,), dtype=dtype, serializer=ours.N1Multi())


@third
@pytest.mark.parametrize("order", "CF")
@pytest.mark.parametrize("dtype", [">i2", "<f4"])
def test_arrays_of_the_second_format(tmp_path: Path, order: str, dtype: str) -> None:
    x = bits(dtype, (90, 4))
    codec = numcodecs.get_codec({"id": "n1codec", "spec": "delta|rice"})
    more = {"shape": x.shape, "chunks": (40, 4), "dtype": dtype, "order": order}
    z = zarr.create_array(str(tmp_path / "z"), zarr_format=2, compressors=codec, **more)
    z[:] = x
    back = zarr.open(str(tmp_path / "z"), mode="r")[:]
    assert back.astype(x.dtype).tobytes() == x.tobytes()


# -- original files --------------------------------------------------------------------------------------------------


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(params=["spikeglx", "open ephys", "wav with more"])
def originals(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder with the files of a recording; the first of them, or a folder of them, stands for it."""
    folder = tmp_path / "in"
    folder.mkdir()
    if request.param == "spikeglx":
        spikeglx(folder / "a_g0_t0.imec0.ap.bin", walks(700, 5), imSampRate=300)
    elif request.param == "open ephys":
        node = open_ephys(
            folder / "Record Node 1" / "experiment1" / "recording1", {"A": walks(500, 3), "B": walks(9, 2)}
        )
        (node / "notes.txt").write_bytes(b"what was seen")
        np.save(node / "continuous" / "A" / "timestamps.npy", np.arange(500) / 30000)
    else:
        (folder / "a.wav").write_bytes(wav.write(signal(400, 2), 8000) + b"LIST\4\0\0\0abcd")
    return folder


def test_original_files_come_back(originals: Path, tmp_path: Path, run: Callable[..., Any]) -> None:
    first = min(originals.iterdir())
    ours.save(first, str(tmp_path / "a.zarr"))
    done = run("n1codec", "export", tmp_path / "a.zarr", tmp_path / "out")
    assert (done.returncode, done.stderr) == (0, "")
    assert contents(tmp_path / "out") == contents(originals)
    assert str(sum(map(len, contents(originals).values()))) in done.stdout
    with pytest.raises(Exception, match=r"(?i)exists|contains"):
        ours.save(first, str(tmp_path / "a.zarr"))


def test_the_arrays_of_a_recording_are_for_everybody(tmp_path: Path) -> None:
    samples = walks(700, 5)
    path = spikeglx(tmp_path / "a_g0_t0.imec0.ap.bin", samples, imSampRate=300)
    group = ours.save(path, str(tmp_path / "a.zarr"), "n1_multi:preset=fast", seconds=0.5)
    z = zarr.open(str(tmp_path / "a.zarr" / "samples"), mode="r")
    assert same(z[:], samples)
    assert z.chunks == (150, 5)
    assert (z.attrs["rate"], z.attrs["channel_names"][:2], z.attrs["sync"]) == (300, ["AP0", "AP1"], [4])
    assert "preset=fast" in repr(group["samples"].compressor if SECOND else group["samples"].serializer)


def test_a_group_that_is_not_that_of_the_files_gives_none(tmp_path: Path, run: Callable[..., Any]) -> None:
    ours.save(spikeglx(tmp_path / "a.ap.bin", walks(300, 5)), str(tmp_path / "a.zarr"))
    z = zarr.open(str(tmp_path / "a.zarr" / "samples"), mode="r+")
    z[100, 2] = z[100, 2] + 1
    for folder, why in (
        ("a.zarr", "checksum does not match"),
        ("plain.zarr", "files are not known"),
        ("in", "no group"),
    ):
        if folder == "plain.zarr":
            zarr.open_group(str(tmp_path / folder), mode="w")
        else:
            (tmp_path / folder).mkdir(exist_ok=True)
        done = run("n1codec", "export", tmp_path / folder, tmp_path / "out")
        assert done.returncode == 1
        assert why in done.stderr
        assert done.stderr.count("\n") == 1
        assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())
    with pytest.raises(CodecError, match="would not come back"):
        ours.save(tmp_path / "a.ap.bin", str(tmp_path / "b.zarr"), "round:error=1|n1_multi")


def test_the_lines_of_the_page_on_original_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = spikeglx(tmp_path / "run_g0_t0.imec0.ap.bin", walks(300, 5))
    exec(code_of("Zarr, and the original files again"))
    assert Path("again.ap.bin").read_bytes() == path.read_bytes()
    assert Path("again.ap.meta").read_bytes() == path.with_suffix(".meta").read_bytes()


def test_the_lines_of_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    x = signal(20_000, 4)
    exec(code_of("numcodecs and Zarr 2" if SECOND else "Zarr 3"), {"x": x})
    assert same(zarr.open("a.zarr", mode="r")[:], x)


def test_importing_n1codec_brings_none_of_these() -> None:
    import subprocess
    import sys

    program = "import sys, n1codec; n1codec.encode; print({'zarr', 'numcodecs', 'dask'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", program], text=True).strip() == "set()"
