"""What is special to the adapters of libraries: bounds, headers, missing libraries, known settings."""

from __future__ import annotations

import struct
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from n1codec import registry
from n1codec.codec import CodecError, FormatError, Layout, SpecError
from n1codec.pipeline import get_codec

FAMILIES = ("dictionary", "blosc", "audio", "numeric")
NAMES = [name for name in registry.names() if registry.find(name).family in FAMILIES]
STREAMS = ("zlib", "gzip", "bz2", "lzma", "brotli", "isal", "zstd", "numcodecs_zstd", "libdeflate", "bzip3", "snappy")
AUDIO = ("flac", "wavpack", "tta", "alac")


def codec(spec):
    built = get_codec(spec)
    if reason := built.unavailable():
        pytest.skip(reason)
    return built


def module_of(name):
    return sys.modules[registry.find(name).__module__]


def walk(size, seed=0, dtype=np.int16):
    steps = np.random.default_rng(seed).integers(-30, 31, size)
    return np.cumsum(steps).astype(dtype)


def refuse(monkeypatch, owner, name):
    """Make a library's function fail the test if it is called."""

    def called(*_args, **_settings):
        pytest.fail(f"{name} was given bytes that do not bear out their header")

    monkeypatch.setattr(owner, name, called)


# -- whatever the library --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_refuses_every_truncation_and_what_follows_the_end(name):
    built, x = codec(name), walk(200)
    payload = built.encode(x)
    for broken in (*(payload[:end] for end in range(len(payload))), payload + b"\0", payload + payload):
        with pytest.raises(FormatError):
            built.decode(broken, Layout.of(x))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("frames", (199, 201, 200_000, 1 << 40))
def test_refuses_another_size(name, frames):
    built, x = codec(name), walk(200)
    with pytest.raises(FormatError):
        built.decode(built.encode(x), Layout((frames,), x.dtype))


@pytest.mark.parametrize("name", STREAMS)
def test_output_is_bounded(name):
    built = codec(name)
    bomb = built.encode(np.zeros(1 << 24, np.uint8))
    assert len(bomb) < 1 << 20
    try:
        raw = built.coder.decompress(bomb, 1000)
    except Exception:
        return
    assert len(raw) <= 1001


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_library_is_told_with_what_to_do(name, monkeypatch):
    stage = registry.find(name)
    for module in stage.requires:
        monkeypatch.setitem(sys.modules, module, None)
    reason = stage.unavailable()
    if not stage.requires:
        assert reason is None
        return
    assert stage.requires[0] in reason
    assert "pip install" in reason
    assert "\n" not in reason


@pytest.mark.parametrize(
    "small, large",
    [
        ("zlib", "zlib:level=1"),
        ("gzip", "gzip:level=1"),
        ("lzma", "lzma:preset=0"),
        ("zstd", "zstd:level=1"),
        ("zstd:level=1", "zstd:level=-7"),
        ("numcodecs_zstd", "numcodecs_zstd:level=1"),
        ("lz4:acceleration=1", "lz4:acceleration=50"),
        ("lz4hc", "lz4hc:level=1"),
        ("brotli", "brotli:quality=1"),
        ("libdeflate", "libdeflate:level=1"),
        ("isal", "isal:level=0"),
        ("blosc:cname=zstd", "blosc:cname=zstd,clevel=1"),
        ("blosc2", "blosc2:clevel=0"),
        ("pcodec:level=12", "pcodec:level=0"),
        ("pcodec:delta=conv1,order=8", "pcodec:delta=none"),
        ("flac", "flac:level=0"),
        ("wavpack", "wavpack:level=1"),
    ],
)
def test_more_effort_is_no_larger(small, large):
    x = walk(20_000)
    assert len(codec(small).encode(x)) <= len(codec(large).encode(x))


# -- the classic settings --------------------------------------------------------------------------------------------


def test_lz4_and_zstd_are_those_of_numcodecs():
    numcodecs = pytest.importorskip("numcodecs")
    x = walk(5000)
    assert codec("lz4").encode(x) == numcodecs.LZ4(acceleration=9).encode(x)
    assert codec("numcodecs_zstd").encode(x) == numcodecs.Zstd(level=22).encode(x)


@pytest.mark.parametrize("cname", ("lz4", "lz4hc", "zlib", "zstd"))
def test_classic_blosc_shuffles_bytes_of_size_one(cname):
    numcodecs = pytest.importorskip("numcodecs")
    x = walk(5000)
    classic = numcodecs.Blosc(cname=cname, clevel=9, shuffle=numcodecs.Blosc.SHUFFLE)
    assert codec(f"blosc:cname={cname}").encode(x) == classic.encode(x.tobytes())
    assert len(codec(f"blosc:cname={cname},typesize=2").encode(x)) != len(classic.encode(x.tobytes()))


def test_lzma_is_preset_nine():
    import lzma

    x = walk(5000)
    payload = codec("lzma").encode(x)
    reference = lzma.compress(x.tobytes(), lzma.FORMAT_ALONE, preset=9)
    assert payload[13:] == reference[13:]  # the window's size apart
    assert lzma.decompress(payload) == x.tobytes()


def test_lzma_refuses_what_the_format_cannot_say():
    with pytest.raises(SpecError, match="at most 4"):
        get_codec("lzma:lc=3,lp=2")


# -- headers that libraries believe ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "at, value",
    [
        (0, b"\x09"),  # version
        (3, b"\x00"),  # bytes of a sample
        (4, struct.pack("<I", 1 << 30)),  # size
        (8, b"\x00\x00\x00\x00"),  # block
        (8, b"\x01\x00\x00\x00"),  # more blocks than there is room for
        (12, struct.pack("<I", 1 << 30)),  # length
        (16, struct.pack("<I", 1 << 30)),  # where the first block is
    ],
)
def test_blosc_header_is_checked_first(at, value, monkeypatch):
    built, x = codec("blosc:cname=lz4"), walk(5000)
    payload = bytearray(built.encode(x))
    payload[at : at + len(value)] = value
    from numcodecs import blosc

    refuse(monkeypatch, blosc, "decompress")
    with pytest.raises(FormatError):
        built.decode(bytes(payload), Layout.of(x))


@pytest.mark.parametrize(
    "at, value",
    [
        (2, 0xC5),  # a plug-in's format
        (3, 0),  # bytes of a sample
        (4, 1),  # size
        (15, 0x7F),  # length
        (16, 35),  # a plug-in's filter
        (22, 38),  # a plug-in's codec
        (31, 0x08),  # a chunk that lies in a file
        (31, 0x40),  # memory as it is found
    ],
)
def test_blosc2_trusts_no_plugins_and_no_files(at, value, monkeypatch):
    built, x = codec("blosc2"), walk(5000)
    payload = bytearray(built.encode(x))
    payload[at] = value
    import blosc2

    refuse(monkeypatch, blosc2, "decompress2")
    with pytest.raises(FormatError):
        built.decode(bytes(payload), Layout.of(x))


@pytest.mark.parametrize("name", ("blosc", "blosc2"))
def test_blosc_goes_on_in_chunks(name, monkeypatch):
    built, x = codec(name), walk(5000)
    monkeypatch.setattr(module_of(name), "_CHUNK", 4096)
    payload = built.encode(x)
    assert np.array_equal(built.decode(payload, Layout.of(x)), x)
    with pytest.raises(FormatError):
        built.decode(payload[:-1], Layout.of(x))


@pytest.mark.parametrize("cname", ("lz4", "zstd", "blosclz"))
def test_bitshuffle_works_on_odd_lengths(cname):
    built, x = codec(f"blosc:cname={cname},shuffle=bit,typesize=2"), (walk(98_685) & 63).astype(np.int16)
    payload = built.encode(x)
    assert len(payload) < 1.01 * len(built.encode(x[:98_680])) + 64
    assert np.array_equal(built.decode(payload, Layout.of(x)), x)


@pytest.mark.parametrize("at, value", [(5, 0xFFFFFFFF), (9, 0xFFFFFFFF), (9, 0x80000000), (13, 0xFFFFFFFF), (13, 1)])
def test_bzip3_header_is_checked_first(at, value, monkeypatch):
    built, x = codec("bzip3"), walk(5000)
    payload = bytearray(built.encode(x))
    struct.pack_into("<I", payload, at, value)
    import bz3

    refuse(monkeypatch, bz3, "decompress")
    with pytest.raises(FormatError):
        built.decode(bytes(payload), Layout.of(x))


def test_wavpack_blocks_are_checked_first(monkeypatch):
    built, x = codec("wavpack"), walk(300_000)  # several blocks
    payload = built.encode(x)
    (size,) = struct.unpack_from("<I", payload, 4)
    from wavpack_numcodecs import wavpack

    refuse(monkeypatch, wavpack, "decompress")
    flipped = [payload[:at] + bytes([payload[at] ^ 0x10]) + payload[at + 1 :] for at in range(50, size, size // 20)]
    shorter = (payload[: 8 + size], payload[8 + size :], b"x" + payload[1:], payload + payload[: 8 + size])
    for broken in (*shorter, *flipped, payload[:-1] + bytes([payload[-1] ^ 1])):
        with pytest.raises(FormatError):
            built.decode(broken, Layout.of(x))


# -- Pcodec ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", (1, 8, 32))
@pytest.mark.parametrize("base", (0, 256, 512, 99_072, 1 << 18, 1 << 19))
def test_conv1_takes_any_number_of_samples(order, base):
    built, x = codec(f"pcodec:level=1,delta=conv1,order={order}"), walk((1 << 19) + 40)
    for size in {base + 1, base + order - 1, base + order, base + 33} - {0}:
        payload = built.encode(x[:size])
        assert np.array_equal(built.decode(payload, Layout((size,), x.dtype)), x[:size])


def test_the_short_page_costs_little():
    built, x = codec("pcodec:level=8,delta=conv1,order=8"), walk(99_400)
    plain, short = (len(built.encode(x[:size])) for size in (99_072 + 100, 99_072 + 5))
    assert short < plain + 100


def test_pcodec_goes_on_in_chunks(monkeypatch):
    built, x = codec("pcodec:level=1,delta=conv1"), walk(20_005)
    monkeypatch.setattr(module_of("pcodec"), "_CHUNK", 4096)
    assert np.array_equal(built.decode(built.encode(x), Layout.of(x)), x)


@pytest.mark.parametrize("dtype", (np.int64, np.float64, np.uint64))
def test_conv1_gives_way_on_64_bits(dtype):
    built, x = codec("pcodec:delta=conv1"), walk(1000, dtype=dtype)
    assert np.array_equal(built.decode(built.encode(x), Layout.of(x)), x)


@pytest.mark.parametrize(
    "spec", ("pcodec:delta=consecutive,order=8", "pcodec:order=1", "pcodec:delta=lookback,order=2")
)
def test_pcodec_refuses_orders_that_make_no_sense(spec):
    with pytest.raises(SpecError, match="at most"):
        get_codec(spec)


def test_a_panic_is_a_damaged_stream(monkeypatch):
    built, x = codec("pcodec"), walk(500)
    payload = built.encode(x)
    from pcodec import wrapped

    class PanicException(BaseException):
        pass

    def panics(_data):
        raise PanicException

    monkeypatch.setattr(wrapped, "FileDecompressor", SimpleNamespace(new=panics))
    with pytest.raises(FormatError, match="damaged"):
        built.decode(payload, Layout.of(x))
    monkeypatch.setattr(wrapped, "FileCompressor", lambda: panics(b""))
    with pytest.raises(CodecError, match="the library fails"):
        built.encode(x)


def test_pcodec_hands_over_bounded_pieces(monkeypatch):
    from pcodec import wrapped

    pieces = []

    class Chunk:
        def __init__(self, chunk):
            self.chunk = chunk

        def read_page_into(self, data, *rest):
            pieces.append(len(data))
            return self.chunk.read_page_into(data, *rest)

    class File:
        def __init__(self, file):
            self.file = file

        def chunk_decompressor(self, data, kind):
            pieces.append(len(data))
            chunk, used = self.file.chunk_decompressor(data, kind)
            return Chunk(chunk), used

    real = wrapped.FileDecompressor

    def new(data):
        file, used = real.new(data)
        return File(file), used

    built, module = codec("pcodec:level=0"), module_of("pcodec")
    monkeypatch.setattr(module, "_CHUNK", 1 << 14)
    monkeypatch.setattr(module, "_PAGE", 1 << 12)
    monkeypatch.setattr(module, "_LONGEST_META", 1 << 14)
    x = np.random.default_rng(0).integers(-(1 << 15), 1 << 15, 1 << 18).astype(np.int16)
    payload = built.encode(x)
    monkeypatch.setattr(wrapped, "FileDecompressor", SimpleNamespace(new=new))
    assert np.array_equal(built.decode(payload, Layout.of(x)), x)
    assert len(pieces) == 16 + 64
    assert max(pieces) < len(payload) / 5


@pytest.mark.parametrize("dtype", (np.int8, np.int16, np.uint64, np.float64))
@pytest.mark.parametrize("delta", ("none", "consecutive", "lookback", "auto"))
def test_no_page_of_pcodec_is_longer_than_is_assumed(dtype, delta):
    module = module_of("pcodec")
    for size in (1, 300, 5000):
        x = np.frombuffer(np.random.default_rng(size).bytes(size * np.dtype(dtype).itemsize), dtype)
        built = codec(f"pcodec:level=12,delta={delta}")
        assert len(built.encode(x)) < module._longest_page(size, x.itemsize)


# -- audio -----------------------------------------------------------------------------------------------------------

EDGES = {
    "one": np.array([-32768], np.int16),
    "two": np.array([32767, -32768], np.int16),
    "extremes": np.tile(np.array([-32768, 32767], np.int16), 5001),
    "minimum": np.full(4097, -32768, np.int16),
    "noise": np.random.default_rng(3).integers(-32768, 32768, 20_001).astype(np.int16),
    "silence": np.zeros(8191, np.int16),
    "odd": walk(4096 * 3 + 17, 4),
    "longer": walk(100_311, 5),  # a sample more than a frame of TTA
}


@pytest.mark.parametrize("name", AUDIO)
@pytest.mark.parametrize("edge", EDGES)
def test_audio_is_exact(name, edge):
    built, x = codec(name), EDGES[edge]
    payload = built.encode(x)
    assert np.array_equal(built.decode(payload, Layout.of(x)), x)
    assert len(payload) < x.nbytes * 1.05 + 160


@pytest.mark.parametrize("name", AUDIO)
def test_audio_has_no_container(name):
    assert len(codec(name).encode(np.zeros(1, np.int16))) < 80


@pytest.mark.parametrize("name", ("flac", "wavpack"))
def test_wide_samples(name):
    built = codec(name)
    narrow = walk(5000, dtype=np.int32) * 100
    wide = np.random.default_rng(5).integers(-(1 << 31), 1 << 31, 999).astype(np.int32)
    edge = np.array([-(1 << 23), (1 << 23) - 1] * 20, np.int32)
    for x in (narrow, wide, edge, edge - 1):
        assert np.array_equal(built.decode(built.encode(x), Layout.of(x)), x)
    halves = sum(len(built.encode(half)) for half in (narrow.astype(np.int16), (narrow >> 16).astype(np.int16)))
    assert len(built.encode(narrow)) < halves


def test_wavpack_sees_channels_together():
    built, one = codec("wavpack"), walk(5000)
    pair = np.stack([one, one], axis=1)
    payload = built.encode(pair)
    assert len(payload) < 1.4 * len(built.encode(one))
    assert np.array_equal(built.decode(payload, Layout.of(pair)), pair)


def test_wavpack_without_its_shared_library(tmp_path, monkeypatch):
    package = tmp_path / "wavpack_numcodecs"
    package.mkdir()
    (package / "__init__.py").write_text("raise ImportError('libwavpack.so.1: cannot open shared object file')\n")
    monkeypatch.syspath_prepend(tmp_path)
    for module in [module for module in sys.modules if module.split(".")[0] == "wavpack_numcodecs"]:
        monkeypatch.delitem(sys.modules, module)
    reason = registry.find("wavpack").unavailable()
    assert "libwavpack.so.1" in reason
    assert "apt-get install wavpack libwavpack-dev" in reason
    assert "brew install wavpack" in reason


# -- OpenZL ----------------------------------------------------------------------------------------------------------


def test_openzl_finds_the_used_values():
    codes = walk(50_000, dtype=np.int64) % 1024
    stretched = np.trunc(codes * 65535 / 1023 - 32768).astype(np.int16)
    tokens, delta = (len(codec(f"openzl:graph={graph}").encode(stretched)) for graph in ("tokens", "delta"))
    assert tokens < delta * 0.9
