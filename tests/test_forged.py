"""Forged files with right checksums are refused in one line, before they take memory."""

from __future__ import annotations

import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from forge import ARRAY, OPAQUE, WAV, WAV_AND_MORE, Forged, around

import n1codec
from n1codec.codec import FormatError, SpecError, UnavailableError
from n1codec.container import DTYPES, decode_bytes, encode_bytes, read, version1
from n1codec.pipeline import MOST_STAGES, get_codec
from n1codec.recordings import wav
from n1codec.varint import put_bytes, put_uint

ARRAY_OF_3 = Forged()
SEVERAL = Forged(mono=False, frames=put_uint(1), channels=put_uint(3), axes=b"\2")
WAV_OF_3 = Forged(WAV, payload=b"\1\0\2\0\3\0").but(checksum=zlib.crc32(wav.header(3, 1, 30000, 16) + b"\1\0\2\0\3\0"))
MORE = Forged(WAV_AND_MORE, around=around(b"before", b"behind")).but(checksum=zlib.crc32(b"before\1\0\2\0\3\0behind"))
BYTES = Forged(OPAQUE, kind=0, rate=b"", frames=put_uint(6))


def test_what_is_forged_without_a_fault_is_read() -> None:
    """Else the tests below would test nothing."""
    assert n1codec.decode(ARRAY_OF_3.bytes()).tolist() == [1, 2, 3]
    assert n1codec.decode(SEVERAL.bytes()).tolist() == [[1, 2, 3]]
    assert decode_bytes(WAV_OF_3.bytes()) == wav.header(3, 1, 30000, 16) + b"\1\0\2\0\3\0"
    assert decode_bytes(MORE.bytes()) == b"before\1\0\2\0\3\0behind"
    assert decode_bytes(BYTES.bytes()) == b"\1\0\2\0\3\0"
    for file in (WAV_OF_3, MORE, BYTES):
        assert n1codec.decode(file.bytes()).ravel().view(np.uint8).tolist() == [1, 0, 2, 0, 3, 0]
    assert read(ARRAY_OF_3.but(short_rate=True, rate=struct.pack("<H", 7)).bytes()).rate == 7
    assert read(SEVERAL.but(channels=put_uint(1 << 20), frames=put_uint(1 << 27)).bytes()).channels == 1 << 20


FORGED = {
    **{f"dtype {kind}": (ARRAY_OF_3.but(kind=kind), "dtype is not known") for kind in range(len(DTYPES), 16)},
    "bytes with a rate": (BYTES.but(short_rate=True, rate=b"\0\0"), "dtype is not known"),
    "bytes of another dtype": (BYTES.but(kind=1, frames=put_uint(3)), "not that of bytes"),
    "bytes in channels": (BYTES.but(mono=False, channels=put_uint(2), frames=put_uint(3)), "not that of bytes"),
    "bytes in one channel that is told": (BYTES.but(mono=False, channels=b"\1"), "not that of bytes"),
    "axes 0": (SEVERAL.but(axes=b"\0"), "shape makes no sense"),
    "axes 3": (SEVERAL.but(axes=b"\3"), "shape makes no sense"),
    "axes 255": (SEVERAL.but(axes=b"\xff"), "shape makes no sense"),
    "one axis of three channels": (SEVERAL.but(axes=b"\1"), "shape makes no sense"),
    "too many channels": (SEVERAL.but(channels=put_uint((1 << 20) + 1), frames=b"\0"), "shape makes no sense"),
    "too many samples": (SEVERAL.but(channels=put_uint(2), frames=put_uint(1 << 47)), "shape makes no sense"),
    "too many frames": (ARRAY_OF_3.but(frames=put_uint(1 << 48)), "shape makes no sense"),
    "too many frames of no channel": (SEVERAL.but(channels=b"\0", frames=put_uint(1 << 48)), "shape makes no sense"),
    "a rate code that is none": (ARRAY_OF_3.but(rate=put_uint(24)), "sampling rate"),
    "the last rate code that is none": (ARRAY_OF_3.but(rate=put_uint(63)), "sampling rate"),
    "a negative rate": (ARRAY_OF_3.but(rate=put_uint(64) + struct.pack("<d", -1.0)), "sampling rate"),
    "an infinite rate": (ARRAY_OF_3.but(rate=put_uint(64) + struct.pack("<d", float("inf"))), "sampling rate"),
    "an infinite rate of a WAV file": (WAV_OF_3.but(rate=b"\x40" + struct.pack("<d", float("inf"))), "sampling rate"),
    "a rate of a WAV file in floating point": (
        WAV_OF_3.but(rate=b"\x40" + struct.pack("<d", 30000.0)),
        "sampling rate",
    ),
    "a rate cut short": (ARRAY_OF_3.but(rate=b"\x40\0", frames=b"", stages=(), payload=b""), "too early"),
    "a long integer": (ARRAY_OF_3.but(frames=b"\x83" + b"\x80" * 9 + b"\0"), "integer"),
    "an integer of 65 bits": (ARRAY_OF_3.but(frames=b"\x80" * 9 + b"\x02"), "integer"),
    "a prefix longer than the file": (MORE.but(around=put_uint(1 << 40) + b"x"), "too early"),
    "a prefix that is no zlib": (MORE.but(around=put_bytes(b"no zlib") + put_bytes(b"")), "around its samples"),
    "a prefix that does not end": (MORE.but(around=put_bytes(zlib.compress(b"ab")[:-1]) + around(b"")), "around its"),
    "a suffix with more behind it": (
        MORE.but(around=put_bytes(zlib.compress(b"a")) + put_bytes(zlib.compress(b"b") + b"c")),
        "around its samples",
    ),
    "no stages": (ARRAY_OF_3.but(stages=(), payload=b""), "too early"),
    "no coder": (ARRAY_OF_3.but(stages=(b"delta", b"zigzag"), payload=b""), "too early"),
    "a name that does not end": (ARRAY_OF_3.but(stages=(), payload=b"copy" * 3), "too early"),
    "a very long name": (ARRAY_OF_3.but(stages=(b"a" * 1000,)), "name"),
    "no payload": (ARRAY_OF_3.but(payload=b""), "payload|bytes|damaged"),
    "a payload that is too short": (ARRAY_OF_3.but(payload=b"\1\0\2\0\3"), "5 bytes instead of 6"),
    "a payload that is too long": (ARRAY_OF_3.but(payload=b"\1\0\2\0\3\0\4"), "7 bytes instead of 6"),
    "a payload of nothing": (ARRAY_OF_3.but(frames=b"\0"), "empty array takes no bytes"),
    "many frames of a few bytes": (ARRAY_OF_3.but(frames=put_uint(1 << 47)), "6 bytes instead of"),
    "another source": (ARRAY_OF_3.but(checksum=1), "checksum does not match"),
    "another file": (WAV_OF_3.but(checksum=1), "checksum does not match"),
    "other bytes around": (MORE.but(around=around(b"before", b"behinD")), "checksum does not match"),
    "other bytes": (BYTES.but(checksum=1), "checksum does not match"),
}


def least_memory(data: bytes) -> int:
    """Return the least that any implementation needs to look at a file."""
    return 40 * len(data) + 600_000


@pytest.mark.parametrize("what", FORGED)
def test_a_forged_file_is_refused_in_one_line(what: str) -> None:
    forged, message = FORGED[what]
    data = forged.bytes()
    for decoder in (n1codec.decode, decode_bytes):
        if decoder is decode_bytes and forged.source == ARRAY:
            message = f"{message}|holds an array"
        with pytest.raises(FormatError, match=message) as caught:
            decoder(data)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 300
        tracemalloc.start()
        with pytest.raises(FormatError):
            decoder(data)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < least_memory(data), f"{peak} bytes of memory for {len(data)}"


@pytest.mark.parametrize("name", [b"nosuch", b"z\n\x1b[2J", b"\x7f\x01", b"x" * 60])
def test_a_stage_that_is_not_here_is_named_in_one_line(name: bytes) -> None:
    with pytest.raises(UnavailableError, match="was written by the codec") as caught:
        n1codec.decode(ARRAY_OF_3.but(stages=(b"delta", name)).bytes())
    assert str(caught.value).isprintable()


def test_an_array_is_no_file() -> None:
    with pytest.raises(FormatError, match="holds an array"):
        decode_bytes(ARRAY_OF_3.bytes())


def test_a_file_that_names_a_program_is_refused() -> None:
    from n1codec.codec import CodecError

    with pytest.raises(CodecError, match="cannot say which program"):
        n1codec.decode(BYTES.but(stages=(b"exec",)).bytes())


def test_bytes_around_samples_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few bytes of zlib can claim a thousand times as many."""
    monkeypatch.setattr(version1, "MOST_AROUND", 1000)
    read(MORE.but(around=around(bytes(1000), bytes(1000))).bytes())
    for wrong in (around(bytes(1001)), around(b"", bytes(1001))):
        with pytest.raises(FormatError, match="around its samples"):
            read(MORE.but(around=wrong).bytes())


@pytest.mark.parametrize("spec", ["copy", "delta|zstd", "n1"])
def test_every_layer_refuses_more_bytes(spec: str) -> None:
    """A byte more behind the payload, in a piece of it, or in a stage's side information."""
    stages = get_codec(spec)
    x = np.arange(12, dtype=np.int32).reshape(4, 3)
    payload = stages.encode(x)
    names = tuple(stage.name.encode() for stage in stages.stages)
    shape = {
        "mono": False,
        "kind": DTYPES.index("int32"),
        "frames": put_uint(4),
        "channels": put_uint(3),
        "axes": b"\2",
    }
    checksum = zlib.crc32(x.tobytes())
    whole = Forged(stages=names, payload=payload, checksum=checksum, **shape)  # type: ignore[arg-type]
    assert n1codec.decode(whole.bytes()).tolist() == x.tolist()
    for wrong in (payload + b"\0", payload[:-1]):
        with pytest.raises(FormatError):
            n1codec.decode(whole.but(payload=wrong).bytes())


def test_the_checksum_of_a_file_is_that_of_its_bytes() -> None:
    source = wav.write(np.arange(60, dtype=np.int16)[:, None], 19531) + b"behind"
    assert read(encode_bytes(source, get_codec("zstd"))).checksum == zlib.crc32(source)
    assert read(n1codec.encode(np.arange(60, dtype=">i4"), "zstd")).checksum == zlib.crc32(
        np.arange(60, dtype="<i4").tobytes()
    )


def test_a_codec_has_a_bound_of_stages() -> None:
    longest = "zigzag|" * (MOST_STAGES - 1) + "copy"
    assert np.array_equal(n1codec.decode(n1codec.encode([1, -2, 3], longest)), [1, -2, 3])
    with pytest.raises(SpecError, match="too long"):
        n1codec.encode([1, -2, 3], f"zigzag|{longest}")
    with pytest.raises(FormatError, match="more stages"):
        n1codec.decode(Forged(stages=(*[b"Z"] * MOST_STAGES, b"copy")).bytes())
