"""Any WAV file, well formed or not, comes back byte for byte, and its samples are found where there are any."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from conftest import signal
from hypothesis import given
from hypothesis import strategies as st

from n1codec import container
from n1codec.codec import FormatError
from n1codec.container import decode_bytes, encode_bytes, read
from n1codec.pipeline import get_codec
from n1codec.recordings import UnknownFormat, wav

SPEC = "delta|zstd:level=1"
GUID = bytes.fromhex("000000001000800000aa00389b71")
LIST = b"LIST" + struct.pack("<I", 26) + b"INFOISFT" + struct.pack("<I", 14) + b"Lavf60.3.100\0\0"
BEXT = b"bext" + struct.pack("<I", 602) + b"a probe".ljust(602, b"\0")


def chunk(name: bytes, body: bytes, size: int | None = None) -> bytes:
    return name + struct.pack("<I", len(body) if size is None else size) + body + b"\0" * (len(body) & 1)


def fmt(bits: int = 16, channels: int = 1, tag: int = wav.PCM, rate: int = 19531, block: int | None = None) -> bytes:
    block = channels * ((bits + 7) // 8) if block is None else block
    return chunk(b"fmt ", struct.pack("<HHIIHH", tag, channels, rate, rate * block, block, bits))


def extensible(bits: int, channels: int, tag: int = wav.PCM, valid: int | None = None) -> bytes:
    block = channels * bits // 8
    head = struct.pack("<HHIIHH", wav.EXTENSIBLE, channels, 30_000, 30_000 * block, block, bits)
    return chunk(b"fmt ", head + struct.pack("<HHIH", 22, valid or bits, (1 << channels) - 1, tag) + GUID)


def riff(*chunks: bytes, name: bytes = b"RIFF", size: int | None = None) -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return name + struct.pack("<I", len(body) if size is None else size) + body


def comes_back(source: bytes, spec: str = SPEC) -> container.Header:
    """Check the round trip of a file's bytes and return what the .n1c says of it."""
    blob = encode_bytes(source, get_codec(spec))
    assert decode_bytes(blob) == source
    return read(blob)


def raw(bits: int, channels: int, frames: int = 301) -> tuple[bytes, np.ndarray]:
    """Return random sample bytes and the same samples put together one by one."""
    width = bits // 8
    data = np.random.default_rng(bits + channels).bytes(frames * channels * width)
    values = [
        int.from_bytes(data[i : i + width], "little", signed=bits > 8)
        for i in range(0, frames * channels * width, width)
    ]
    return data, np.array(values, np.int64).reshape(frames, channels)


@pytest.mark.parametrize("channels", [1, 2, 5])
@pytest.mark.parametrize("bits", [8, 16, 24, 32])
@pytest.mark.parametrize("wide", [False, True], ids=["plain", "extensible"])
def test_integer_samples(bits: int, channels: int, wide: bool) -> None:
    data, values = raw(bits, channels)
    source = riff(extensible(bits, channels) if wide else fmt(bits, channels), chunk(b"data", data))
    parsed = wav.read(source)
    assert parsed.bits == bits
    assert parsed.samples.dtype == {8: "uint8", 16: "int16"}.get(bits, "int32")
    assert np.array_equal(parsed.samples, values)
    header = comes_back(source)
    assert (header.frames, header.channels, header.rate) == (301, channels, 30_000 if wide else 19531)
    assert header.kind == {8: "uint8", 16: "int16", 24: "int24", 32: "int32"}[bits]


@pytest.mark.parametrize("channels", [1, 5])
@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("wide", [False, True], ids=["plain", "extensible"])
def test_float_samples_with_every_kind_of_value(bits: int, channels: int, wide: bool) -> None:
    data = np.random.default_rng(bits).bytes(400 * channels * bits // 8)  # signalling NaNs and infinities among them
    head = extensible(bits, channels, wav.FLOAT) if wide else fmt(bits, channels, wav.FLOAT)
    header = comes_back(riff(head, chunk(b"data", data)))
    assert header.kind == f"float{bits}"
    assert header.layout.shape == (400, channels)


@pytest.mark.parametrize("bits", [8, 16, 24, 32])
@pytest.mark.parametrize("channels", [1, 2, 5])
@pytest.mark.parametrize("frames", [0, 1, 2, 300])
def test_what_is_not_samples_costs_nothing_for_a_canonical_header(bits: int, channels: int, frames: int) -> None:
    source = wav.header(frames, channels, 19531, bits) + raw(bits, channels, frames)[0]
    blob = encode_bytes(source, get_codec("copy"))
    assert len(blob) - len(read(blob).payload) <= 24
    assert comes_back(source).source_kind == "wav"


def test_longest_overhead_of_a_canonical_recording() -> None:
    source = wav.write(signal(2_000_000), 12_345)
    blob = encode_bytes(source, get_codec("copy"))
    assert len(blob) - 4_000_000 <= 24 + 8  # 8 bytes for a rate that is none of the usual ones
    source = wav.write(signal(2_000_000), 19531)
    blob = encode_bytes(source, get_codec("copy"))
    assert len(blob) - 4_000_000 <= 24


SAMPLES = signal(777)[:, 0]
DATA = chunk(b"data", SAMPLES.tobytes())
AWKWARD = {
    "chunks before": riff(LIST, BEXT, fmt(), DATA),
    "chunks between": riff(fmt(), LIST, BEXT, DATA),
    "chunks after": riff(fmt(), DATA, LIST, BEXT),
    "odd chunk before": riff(chunk(b"note", b"odd"), fmt(), DATA),
    "a fmt chunk of 18 bytes": riff(chunk(b"fmt ", fmt()[8:] + b"\0\0"), DATA),
    "two data chunks": riff(fmt(), DATA, DATA),
    "two fmt chunks": riff(fmt(8), fmt(), DATA),
    "data size 0xFFFFFFFF": riff(fmt(), chunk(b"data", SAMPLES.tobytes(), 0xFFFFFFFF), size=0xFFFFFFFF),
    "data size 0": riff(fmt(), chunk(b"data", SAMPLES.tobytes(), 0), size=0),
    "data larger than the file": riff(fmt(), chunk(b"data", SAMPLES.tobytes(), 2 * 777 + 1000)),
    "wrong riff size": riff(fmt(), DATA, size=4),
    "bytes after the end": riff(fmt(), DATA) + b"\0" * 1001,
    "half a sample at the end": riff(fmt(), chunk(b"data", SAMPLES.tobytes() + b"\x7f", 2 * 777 + 1)),
    "half a sample and its pad byte": riff(fmt(), chunk(b"data", SAMPLES.tobytes() + b"\x7f")),
    "wrong byte rate": riff(chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, 19531, 7, 2, 16)), DATA),
    "10 bits in 16": riff(fmt(10), DATA),
    "RF64": riff(
        chunk(b"ds64", struct.pack("<QQQI", 0, 2 * 777, 777, 0)),
        fmt(),
        chunk(b"data", SAMPLES.tobytes(), 0xFFFFFFFF),
        LIST,
        name=b"RF64",
        size=0xFFFFFFFF,
    ),
    "RF64 without ds64": riff(fmt(), chunk(b"data", SAMPLES.tobytes(), 0xFFFFFFFF), name=b"RF64", size=0xFFFFFFFF),
}


@pytest.mark.parametrize("source", AWKWARD.values(), ids=AWKWARD)
def test_samples_are_found_in_awkward_files(source: bytes) -> None:
    parsed = wav.read(source)
    assert np.array_equal(parsed.samples[:, 0], SAMPLES)
    header = comes_back(source)
    assert header.source_kind == "wav with extra chunks"
    assert header.frames == 777


@pytest.mark.parametrize("after", [LIST, LIST + BEXT, chunk(b"odd ", b"123"), chunk(b"odd ", b"123")[:-1]])
def test_an_empty_data_chunk_before_others_is_empty(after: bytes) -> None:
    assert comes_back(riff(fmt(), chunk(b"data", b""), after)).frames == 0


def test_silence_of_unknown_length_is_samples() -> None:
    assert comes_back(riff(fmt(), chunk(b"data", bytes(800), 0))).frames == 400


NO_SAMPLES = {
    "empty": b"",
    "no header": b"RIFF",
    "another form": b"RIFF\x04\0\0\0AVI ",
    "big-endian": riff(fmt(), DATA, name=b"RIFX"),
    "no data": riff(fmt(), LIST),
    "no fmt": riff(DATA),
    "data before fmt": riff(DATA, fmt()),
    "fmt too short": riff(chunk(b"fmt ", fmt()[8:20]), DATA),
    "no channels": riff(fmt(channels=0, block=2), DATA),
    "block too small": riff(fmt(channels=2, block=2), DATA),
    "block too large": riff(fmt(block=4), DATA),
    "no bits": riff(fmt(0, block=2), DATA),
    "40 bits": riff(fmt(40), DATA),
    "A-law": riff(fmt(8, tag=6), DATA),
    "extensible of another kind": riff(extensible(16, 1, 6), DATA),
    "extensible that is too short": riff(fmt(tag=wav.EXTENSIBLE), DATA),
}


@pytest.mark.parametrize("source", NO_SAMPLES.values(), ids=NO_SAMPLES)
def test_what_has_no_known_samples_is_stored_as_it_is(source: bytes) -> None:
    with pytest.raises(UnknownFormat):
        wav.read(source)
    assert comes_back(source).source_kind == "opaque"


@pytest.mark.parametrize(
    "source",
    [
        riff(LIST, fmt(), chunk(b"data", signal(5, 3).tobytes()), LIST),
        riff(extensible(24, 2, valid=20), chunk(b"note", b"odd"), chunk(b"data", raw(24, 2, 5)[0]), LIST),
        riff(fmt(8), chunk(b"data", bytes(7)), LIST),
        wav.write(signal(9), 19531),
    ],
    ids=["chunks around", "extensible", "pad byte", "canonical"],
)
def test_truncated_at_every_byte(source: bytes) -> None:
    for end in range(len(source)):
        comes_back(source[:end])


@given(st.data())
def test_damaged_headers(draw: st.DataObject) -> None:
    source = bytearray(riff(LIST, extensible(24, 2), DATA, LIST))
    for _ in range(draw.draw(st.integers(1, 6))):
        source[draw.draw(st.integers(0, 130))] = draw.draw(st.integers(0, 255))
    comes_back(bytes(source))


@given(st.lists(st.tuples(st.sampled_from([b"data", b"fmt ", b"LIST", b"ds64"]), st.binary(max_size=45)), max_size=5))
def test_chunks_in_any_order(chunks: list[tuple[bytes, bytes]]) -> None:
    comes_back(riff(fmt(24, 2), *(chunk(name, body) for name, body in chunks)))


def test_more_around_the_samples_than_version_1_takes_goes_into_version_2(monkeypatch: pytest.MonkeyPatch) -> None:
    source = riff(fmt(), DATA, chunk(b"LIST", bytes(1000)))
    around = len(source) - 12 - len(fmt()) - len(DATA)
    monkeypatch.setattr(container.packing, "MOST_AROUND", around)
    assert comes_back(source).source_kind == "wav with extra chunks"
    monkeypatch.setattr(container.packing, "MOST_AROUND", around - 1)
    blob = encode_bytes(source, get_codec(SPEC))
    assert blob[3] == 2
    assert decode_bytes(blob) == source


def test_bytes_around_the_samples_are_bounded_when_read(monkeypatch: pytest.MonkeyPatch) -> None:
    blob = encode_bytes(riff(fmt(), DATA, chunk(b"LIST", bytes(1000))), get_codec("copy"))
    monkeypatch.setattr(container.version1, "MOST_AROUND", 900)
    with pytest.raises(FormatError, match="around its samples"):
        decode_bytes(blob)


def test_real_recordings_are_canonical(recordings: list) -> None:
    for path in recordings:
        source = path.read_bytes()
        parsed = wav.read(source)
        assert parsed.canonical
        assert len(parsed.samples) == (len(source) - 44) // 2
        blob = encode_bytes(source, get_codec("copy"))
        assert len(blob) - len(parsed.samples) * 2 <= 24
        assert zlib.crc32(decode_bytes(blob)) == zlib.crc32(source)


def test_names_of_chunks_are_printable_ascii() -> None:
    assert [byte for byte in range(256) if wav._printable(bytes([65, byte]))] == list(range(0x20, 0x7F))
