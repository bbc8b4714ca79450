from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from conftest import signal
from forge import sealed
from hypothesis import given
from hypothesis import strategies as st

import n1codec
from n1codec import registry
from n1codec.codec import CodecError, Coder, FormatError, UnavailableError
from n1codec.container import decode_bytes, encode_bytes, read
from n1codec.pipeline import get_codec
from n1codec.recordings import wav
from n1codec.recordings.samples import Form

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("spec", ["copy", "delta|zstd", "n1", "remap|delta|zigzag|planes|lzma"])
@pytest.mark.parametrize("rate", [19531, 20833])
def test_overhead_on_a_canonical_wav(spec: str, rate: int) -> None:
    source = wav.write(signal(99_000), rate)
    blob = encode_bytes(source, get_codec(spec))
    assert len(blob) - len(read(blob).payload) <= 24
    assert decode_bytes(blob) == source


@pytest.mark.parametrize("rate", [0, 19531, 44100, 1, 7, 65535, 65536, 2**31, 30000.5, None])
def test_rate_is_kept(rate: float | None) -> None:
    assert read(n1codec.encode(np.zeros(3, np.int16), "copy", rate)).rate == rate


def test_header_says_what_is_inside() -> None:
    header = read(n1codec.encode(signal(50, 3), "delta:order=2|zstd:level=1", 25_000))
    assert header.spec == "delta|zstd"
    assert (header.frames, header.channels, header.kind, header.source_kind) == (50, 3, "int16", "array")


@given(st.binary(max_size=400))
def test_any_file_comes_back(source: bytes) -> None:
    blob = encode_bytes(source, get_codec("delta|zstd:level=1"))
    assert decode_bytes(blob) == source
    assert len(blob) <= len(source) + 24


@given(st.binary(max_size=120))
def test_arbitrary_headers_are_survived(body: bytes) -> None:
    for reader in (n1codec.decode, decode_bytes):
        with contextlib.suppress(CodecError):
            reader(sealed(body))


@given(st.data())
def test_damaged_headers_with_right_checksums_are_survived(data: st.DataObject) -> None:
    source = wav.write(signal(30, 2), 19531)[:-3] + b"more"
    body = bytearray(encode_bytes(source, get_codec("delta|zstd"))[8:])
    for _ in range(3):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(CodecError):
        decode_bytes(sealed(bytes(body)))


def test_other_versions_are_refused() -> None:
    blob = bytearray(n1codec.encode(signal(40), "zstd"))
    blob[3] = 3
    with pytest.raises(FormatError, match="format version 3, this program reads 1 and 2"):
        n1codec.decode(bytes(blob))
    blob[3] = 2
    with pytest.raises(FormatError, match="truncated"):
        n1codec.decode(bytes(blob))


def test_a_codec_that_is_not_here_is_named() -> None:
    body = struct.pack("<I", 0) + bytes([4, 1]) + b"nosuc" + bytes([ord("h") | 0x80])
    with pytest.raises(CodecError, match="'nosuch', which is not here"):
        n1codec.decode(sealed(body))


@pytest.mark.parametrize("shape", [(1 << 47,), (1 << 20, 1 << 20), (1, 200_000_000)])
def test_a_huge_claim_is_refused(shape: tuple[int, ...]) -> None:
    from n1codec.varint import put_uint

    form = 3 | (len(shape) == 1) << 2 | 1 << 3
    sizes = put_uint(shape[0]) + (put_uint(shape[1]) + b"\x02" if len(shape) == 2 else b"")
    body = struct.pack("<I", 0) + bytes([form, 0]) + sizes + bytes([ord("c") | 0x80])
    with pytest.raises(FormatError):
        n1codec.decode(sealed(body))


def test_decoded_samples_can_be_written_to() -> None:
    for spec in ("zstd", "delta|zstd", "n1"):
        n1codec.decode(n1codec.encode(signal(40), spec))[0] = 0


@pytest.mark.parametrize("rate", [-1, float("inf"), float("nan")])
def test_rates_that_make_no_sense_are_refused(rate: float) -> None:
    with pytest.raises(CodecError, match="makes no sense"):
        n1codec.encode(signal(40), "copy", rate)


@pytest.mark.parametrize("x", [np.zeros((2, 2, 2), np.int16), np.zeros(3, complex), np.array(["a"]), np.array(5)])
def test_what_is_no_recording_is_refused(x: np.ndarray) -> None:
    with pytest.raises(CodecError):
        n1codec.encode(x, "copy")


def test_big_endian_and_strided_arrays_are_taken() -> None:
    x = signal(300, 4)[::2, 1:3]
    assert np.array_equal(n1codec.decode(n1codec.encode(x.astype(">i2"), "delta|zstd")), x)


def golden_wavs() -> dict[str, bytes]:
    """Return the sources of the golden files; integer arithmetic alone, so that every platform makes the same."""
    n = np.arange(4000, dtype=np.int64)
    state = (n * n * 1103515245 + n * 12345) >> 7
    mono = ((state % 61) - 30 + 40 * ((n // 25) % 9)).astype(np.int16)
    stereo = np.stack([mono * 64, np.roll(mono, 3) * 12 + 5], axis=1).astype(np.int16)
    deep = Form("int24").pack(mono[:, None].astype(np.int32) * 999).tobytes()
    codes = np.clip(512 + mono // 4, 0, 1023).astype(np.int64)
    stretched = (codes * 64 + codes * 21 // 341 + ((codes < 512) & (codes * 21 % 341 > 0)) - 32768).astype(np.int16)
    return {
        "mono16": wav.write(mono * np.int16(64), 19531),
        "n1": wav.write(stretched, 19531),
        "stereo16-extra": wav.write(stereo, 30000) + b"LIST\x04\0\0\0INFO",
        "mono24": wav.header(len(mono), 1, 48000, 24) + deep,
        "mono8": wav.write((mono[:, None] & 255).astype(np.uint8), 8000),
        "opaque": b"no recording at all\n" * 3,
        "empty": b"",
    }


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.n1c")), ids=lambda path: path.name)
def test_golden_files_decode_for_ever(path: Path) -> None:
    source = golden_wavs()[path.name.split("~")[0]]
    reason = get_codec(read(path.read_bytes()).spec).unavailable()
    if reason and not os.environ.get("N1_REQUIRE_ALL"):
        pytest.skip(reason)
    restored = decode_bytes(path.read_bytes())
    if get_codec(read(path.read_bytes()).spec).lossless:
        assert restored == source
    else:  # the file's own checksum has told that these are the samples it was made for
        apart = np.frombuffer(source[44:], np.int16).astype(int) - np.frombuffer(restored[44:], np.int16)
        assert (restored[:44], len(restored)) == (source[:44], len(source))
        assert 0 < abs(apart).max() <= (128 if "round" in path.name else 64 * 40)


def test_there_are_golden_files_of_every_kind_and_stage() -> None:
    """Whoever adds a stage runs tests/make_golden.py and commits what it writes."""
    paths = sorted(GOLDEN.glob("*.n1c"))
    assert {path.name.split("~")[0] for path in paths} == set(golden_wavs())
    stages = {name for name in registry.names() if registry.find(name).__module__.startswith("n1codec.algorithms.")}
    pinned = {name for path in paths for name in read(path.read_bytes()).spec.split("|")}
    assert {name for name in stages if not registry.find(name).whole_file} == pinned


STAGES = [name for name in registry.names() if not registry.find(name).whole_file]


def small(name: str) -> bytes:
    """Return a small file of a stage."""
    built = get_codec(name if issubclass(registry.find(name), Coder) else f"{name}|copy")
    if reason := built.unavailable():
        pytest.skip(reason)
    return n1codec.encode(signal(24, 2), built.spec, 30_000)


def damaged(blob: bytes, every: int = 1) -> Iterator[bytes]:
    """Yield every prefix of a file, and the file with each of its bits flipped; or one of so many of them."""
    for size in range(0, len(blob), every):
        yield blob[:size]
    for bit in range(0, 8 * len(blob), every):
        yield flipped(blob, bit)


def flipped(blob: bytes, bit: int) -> bytes:
    return blob[: bit >> 3] + bytes([blob[bit >> 3] ^ 1 << (bit & 7)]) + blob[(bit >> 3) + 1 :]


@pytest.mark.parametrize("name", STAGES)
def test_every_prefix_and_every_flipped_bit_of_a_file_is_refused(name: str) -> None:
    blob = small(name)
    for wrong in damaged(blob):
        with pytest.raises(FormatError):
            n1codec.decode(wrong)
    with pytest.raises(FormatError):
        n1codec.decode(blob + b"\0")


@pytest.mark.parametrize("kind", sorted({path.name.split("~")[0] for path in GOLDEN.glob("*.n1c")}))
def test_prefixes_and_flipped_bits_of_golden_files_are_refused(kind: str) -> None:
    for path in sorted(GOLDEN.glob(f"{kind}~*.n1c"))[:3]:
        blob = path.read_bytes()
        for wrong in damaged(blob, max(1, len(blob) // 150)):
            with pytest.raises(FormatError):
                decode_bytes(wrong)


@pytest.mark.parametrize("name", STAGES)
def test_damage_below_a_right_checksum_is_refused_or_means_nothing(name: str) -> None:
    """What a codec makes of a damaged payload is compared with the checksum of the source."""
    blob = small(name)
    x = n1codec.decode(blob)
    payload = len(blob) - len(read(blob).payload)
    noticed = 0
    bits = range(8 * payload, 8 * len(blob), max(1, (len(blob) - payload) // 8))
    for bit in bits:
        try:
            same = n1codec.decode(sealed(flipped(blob, bit)[8:]))
        except (FormatError, UnavailableError):  # a flipped bit may ask for a profile that is not here
            noticed += 1
            continue
        assert same.tobytes() == x.tobytes()
    assert noticed > 0.4 * len(bits)
