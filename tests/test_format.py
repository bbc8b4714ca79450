"""docs/format.md: its tables are the program's, and a reader that was written from it reads what the program writes."""

from __future__ import annotations

import format_reference
import numpy as np
import pytest
from conftest import ROOT, signal

import n1codec
from n1codec import container, registry
from n1codec.codec import INTEGERS, Coder
from n1codec.container import packing, version2
from n1codec.recordings import wav

PAGE = (ROOT / "docs" / "format.md").read_text()
GOLDEN = sorted((ROOT / "tests" / "golden").glob("*.n1c"))


def table(*header: str) -> list[list[str]]:
    """Return the rows of the page's one table whose header has these cells."""
    lines = PAGE.splitlines()
    (at,) = [i for i, line in enumerate(lines) if line == f"| {' | '.join(header)} |"]
    rows = []
    for line in lines[at + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split(" | ")])
    return rows


def test_dtypes_and_rates() -> None:
    assert table("code", "dtype") == [[str(code), name] for code, name in enumerate(container.DTYPES)]
    assert table("code", "Hz") == [[str(code), str(rate)] for code, rate in enumerate(container.RATES)]
    assert f"more than {container.MOST_CHANNELS:,} channels" in " ".join(PAGE.split())
    assert f"more than {container.MOST_AROUND:,} bytes" in " ".join(PAGE.split())
    assert container.MAGIC == b"N1C"
    versions = [str(container.VERSION), str(version2.VERSION)]
    assert [row[0] for row in table("version", "since", "what changed")] == versions
    assert format_reference.RATES == container.RATES
    assert format_reference.DTYPES == container.DTYPES


def test_stages() -> None:
    said = [(row, "filter") for row in table("short", "filter", "dtypes", "channels", "side information")]
    said += [(row, "coder") for row in table("short", "coder", "dtypes", "channels", "its bytes")]
    described = {}
    for (short, name, dtypes, channels, rest), kind in said:
        described[name] = (short.strip("`"), kind, dtypes, channels, kind == "coder" or rest != "none")
    known = {}
    for name in registry.names():
        stage = registry.find(name)
        if "tests" in stage.__module__:
            continue
        coder = issubclass(stage, Coder)
        dtypes = "any" if not stage.dtypes else "all" if stage.dtypes == INTEGERS else ", ".join(stage.dtypes)
        if set(stage.dtypes) == set(container.DTYPES) - {"int24"}:
            dtypes = "all but int24"
        channels = "one" if stage.per_channel else "together"
        known[name] = (stage.wire, "coder" if coder else "filter", dtypes, channels, coder or stage.side)
    assert described == known


def test_bounds_and_constants_of_version_2() -> None:
    said = " ".join(PAGE.split())
    assert f"{version2.MOST_STREAMS:,} at most | | each stream" in said
    assert f"{version2.MOST_FILES:,} at most; 0 for samples" in said
    assert f"all streams together have {container.MOST_CHANNELS:,} at most" in said
    assert f"at most {version2.MOST_BYTES:,} of them" in said
    assert f"have at most {version2.MOST_CHUNK:,} bytes of samples" in said
    assert f"inflate to more than {version2.MOST_HEAD:,} bytes each" in said
    assert f"shorter than {version2.SHORTEST} bytes" in said
    assert f"frames = floor({packing.CHUNK_BYTES} / block)" in said
    assert f"at most floor({version2.MOST_CHUNK} / block)" in said
    assert f"a second has more than {packing.CHUNK_BYTES // 4} bytes" in said
    ten = {name for name in registry.names() if getattr(registry.find(name), "chunk_seconds", 0)}
    assert ten == {"n1", "n1_implant", "n1_max", "n1_multi"} and {
        registry.find(name).chunk_seconds for name in ten
    } == {10}
    assert "at most 10 seconds for `n1`, `n1_implant`, `n1_max` and `n1_multi`" in said
    codecs = dict(table("channels", "codec, where nobody names one"))
    (n1,) = (codec for kind, codec in codecs.items() if "N1's codes" in kind)
    assert (n1, codecs["other integers"]) == (f"`{registry.DEFAULT}`", f"`{registry.INTEGERS}`")
    for row, spec in (
        ("floating point", packing.FLOATS),
        ("auxiliary integers", packing.TIMES),
        ("bytes that no reader understands", packing.STORED),
        ("digital lines and events (`sync`), each a group of its own", packing.STORED),
    ):
        assert codecs[row].strip("`").replace("\\|", "|") == spec.removesuffix(":level=9")


@pytest.mark.parametrize(
    ("rate", "block", "coder", "frames"),
    [
        (30_000, 2 * 385, "zstd", 30_000),
        (30_000, 2 * 385, "n1", 30_000),
        (30_000, 2 * 16, "zstd", 25165824 // 32),
        (30_000, 2 * 16, "n1", 300_000),
        (30_000, 2 * 5000, "zstd", 7500),
        (0, 2 * 4, "n1", 25165824 // 8),
        (0, 1 << 30, "zstd", 1),
        (1e12, 1, "zstd", 1 << 28),
        (2500, 2 * 385, "zstd", 25165824 // 770),
        (0.01, 8, "n1", 1),
    ],
)
def test_how_long_a_chunk_is(rate: float, block: int, coder: str, frames: int) -> None:
    """Worked out by hand from the page's rule."""
    assert packing.frames_of_chunk(rate, block, n1codec.get_codec(coder).coder) == frames


def test_the_reference_reads_the_golden_files() -> None:
    read = 0
    for path in GOLDEN:
        blob = path.read_bytes()
        if blob[3] == version2.VERSION:
            continue
        try:
            source = format_reference.read(blob)
        except KeyError:  # a library's coder that the reference has not
            continue
        header = container.read(blob)
        if header.source_kind == "array":
            assert source == n1codec.decode(blob).astype(header.layout.dtype.newbyteorder("<")).tobytes(), path
        else:
            assert source == container.decode_bytes(blob), path
        read += 1
    assert read >= 27


@pytest.mark.parametrize(
    "spec",
    ["copy", "delta:order=3|zigzag|planes|zlib", "remap|lpc|rice", "fixed:block=32|rice", "kbit:bits=6|lzma", "rle|bz2",
     "haar|rice", "legall53:levels=2|gzip", "bitshuffle|zlib", "remap|delta|bz2", "lpc:order=4,block=64|kbit|copy",
     "huffman", "delta|range", "remap|rans", "arange", "nlms:order=5,rate=4|arange", "remap|slms:order=4|huffman"],
)  # fmt: skip
def test_the_reference_reads_odd_arrays(spec: str) -> None:
    rng = np.random.default_rng(0)
    steep = rng.integers(-(1 << 15), 1 << 15, 300).astype(np.int16)
    runs = np.repeat(rng.integers(0, 5, 40), rng.integers(1, 400, 40))
    scaled = np.round(rng.integers(-300, 300, 500) * 4.69).astype(np.int32)
    arrays = [
        signal(301)[:, 0], signal(200, 3), steep, steep.reshape(-1, 2), runs.astype(np.uint8), scaled,
        (runs * 1000).astype(np.uint32).reshape(-1, 1), rng.integers(-9, 9, (50, 2)).astype(np.int64) << 40,
        np.zeros((0, 2), np.int16), (runs % 2).astype(np.int8),
    ]  # fmt: skip
    for x in arrays:
        assert format_reference.read(n1codec.encode(x, spec, rate=30_000.5)) == x.tobytes()


@pytest.mark.parametrize("spec", ["round|copy", "round:error=1|arange", "round:error=300|bz2"])
@pytest.mark.parametrize("dtype", ["int16", "uint16", "int32", "int64", "uint8", "float16", "float32", "float64"])
def test_the_reference_reads_what_was_rounded(spec: str, dtype: str) -> None:
    two = signal(200, 2)
    shifted = np.random.default_rng(0).integers(0, 200, (90, 2)) * 7
    for x in (two[:, 0].astype(dtype), two.astype(dtype), shifted.astype(dtype), np.full(9, 3, dtype)):
        blob = n1codec.encode(x, spec, rate=30_000.5)
        assert format_reference.read(blob) == n1codec.decode(blob).tobytes()


@pytest.mark.parametrize(
    "spec", ["remap|huffman", "remap|delta|range", "rans", "delta|slms:order=2|rans", "remap|arange"]
)
def test_the_reference_reads_longer_arrays(spec: str) -> None:
    """Long enough for counts of which not all bits are kept, and for the later steps of slms."""
    x = signal(2500, seed=3)[:, 0]
    assert format_reference.read(n1codec.encode(x, spec)) == x.tobytes()


@pytest.mark.parametrize("spec", ["delta|zlib", "remap|lpc|rice", "planes|bz2"])
def test_the_reference_reads_wav_files(spec: str) -> None:
    for source in (
        wav.write(signal(300), 19531),
        wav.write(signal(200, 2), 96_001),
        wav.write(signal(200, 2), 30_000) + b"LIST\x04\0\0\0abcd",
        b"no recording" * 9,
    ):
        blob = container.encode_bytes(source, n1codec.get_codec(spec))
        assert format_reference.read(blob) == source


def test_what_the_page_says_of_the_size() -> None:
    source = wav.write(signal(3000), 48_000)
    codec = n1codec.get_codec("remap|delta|zigzag|planes|zstd")
    blob = container.encode_bytes(source, codec)
    assert "at most 24 bytes more" in PAGE
    assert len(blob) - len(container.read(blob).payload) <= 24
