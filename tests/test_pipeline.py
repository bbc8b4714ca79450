from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from conftest import signal
from hypothesis import given
from hypothesis import strategies as st

import n1codec
from n1codec import registry
from n1codec.codec import (
    ByteCoder,
    Choice,
    Filter,
    Float,
    FormatError,
    Int,
    Layout,
    SpecError,
    Text,
    UnavailableError,
)
from n1codec.pipeline import Pipeline, _quote, _split, _unpack, default_codec, get_codec, parse
from n1codec.varint import Reader, put_bytes, put_uint


@pytest.mark.parametrize(
    ("spec", "stages"),
    [
        ("zstd", [("zstd", {})]),
        ("delta | zstd:level=3", [("delta", {}), ("zstd", {"level": "3"})]),
        ("delta:order=2|lzma:preset=1", [("delta", {"order": "2"}), ("lzma", {"preset": "1"})]),
        ('x:path="a:b,c|\\"d\\\\"', [("x", {"path": 'a:b,c|"d\\'})]),
        ("delta_blosc_lz4", [("delta", {}), ("blosc", {"cname": "lz4"})]),
        ("huff", [("huffman", {})]),
    ],
)
def test_grammar(spec: str, stages: list[tuple[str, dict[str, str]]]) -> None:
    assert parse(spec) == stages


WRONG = (
    """|;zstd|;|zstd;zstd:;zstd:level;zstd:level=;zstd:level=3,;zstd:level="3;a:b=1,b=2;zstd level=3;a=b;a:b=c=d;a,b"""
)


@pytest.mark.parametrize("spec", WRONG.split(";"))
def test_what_does_not_follow_the_grammar_is_refused(spec: str) -> None:
    with pytest.raises(SpecError):
        parse(spec)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), min_size=1))
def test_quoting_survives_any_text(text: str) -> None:
    assert parse(f"a:b={_quote(text)}") == [("a", {"b": text})]


@given(st.text())
def test_any_text_is_a_spec_or_a_spec_error(text: str) -> None:
    with contextlib.suppress(SpecError):
        get_codec(text)


def test_one_codec_has_one_spelling() -> None:
    assert get_codec("zstd:level=22").spec == get_codec("zstd").spec == "zstd"
    assert get_codec(" delta:order=1 | zstd:level=+03").spec == "delta|zstd:level=3"


def test_order_of_stages_is_checked() -> None:
    with pytest.raises(SpecError, match="must stand last"):
        get_codec("zstd|delta")
    with pytest.raises(SpecError, match="a coder must follow"):
        get_codec("delta")


def test_unknown_name_gets_the_nearest_ones() -> None:
    with pytest.raises(SpecError, match="did you mean zstd"):
        get_codec("zstdd")


def test_an_alias_takes_no_parameters() -> None:
    with pytest.raises(SpecError, match="huff is an alias of huffman"):
        get_codec("huff:level=1")


def test_family_is_the_coders_or_predictive() -> None:
    assert get_codec("zstd").family == "dictionary"
    assert get_codec("delta|zstd").family == "predictive"
    assert get_codec("bitshuffle|zstd").family == "dictionary"


def test_the_environment_names_the_codec_where_nobody_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("N1_CODEC", raising=False)
    assert default_codec() is None
    monkeypatch.setenv("N1_CODEC", "auto")
    assert default_codec() is None
    monkeypatch.setenv("N1_CODEC", "zstd:level=1")
    named = default_codec()
    assert named is not None and named.spec == "zstd:level=1"


# -- a new algorithm is one file --------------------------------------------------------------------------------------

REVERSE = '''
"""Samples last to first."""
import numpy as np
from n1codec.codec import Filter, Layout

class Reverse(Filter):
    side = False
    grid = ("reverse|zstd",)

    def forward(self, x):
        return np.ascontiguousarray(x[::-1]), b""

    def inverse(self, y, side, layout):
        return np.ascontiguousarray(y[::-1])
'''


@pytest.fixture
def forget_modules() -> Iterator[None]:
    for cached in (registry._modules, registry._load, registry.find_wire):
        cached.cache_clear()
    yield
    for cached in (registry._modules, registry._load, registry.find_wire):
        cached.cache_clear()


@pytest.mark.usefixtures("forget_modules")
def test_a_module_in_a_folder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / "reverse.py").write_text(REVERSE)
    monkeypatch.setenv("N1CODEC_PATH", str(tmp_path))
    assert "reverse" in registry.names()
    assert registry.find("reverse").family == "mirror"
    x = signal(100, 3)
    codec = get_codec("delta|reverse|zstd")
    assert np.array_equal(codec.decode(codec.encode(x), Layout.of(x)), x)


@pytest.mark.usefixtures("forget_modules")
def test_our_own_module_goes_before_one_of_the_same_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "zstd.py").write_text(REVERSE)
    monkeypatch.setenv("N1CODEC_PATH", str(tmp_path))
    assert registry.find("zstd").family == "dictionary"
    assert "it is left out" in registry.problems()[0]
    with pytest.raises(SpecError, match="it is left out"):
        registry.find("no_such_codec")


BROKEN = {
    "syntax": "def",
    "imports": "import no_such_module",
    "exits": "import sys; sys.exit(3)",
    "nothing": "x = 1",
    "abstract": "from n1codec.codec import Coder\nclass A(Coder):\n    def encode(self, x): return b''",
}


@pytest.mark.usefixtures("forget_modules")
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_module_is_unavailable_and_breaks_no_other(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / f"z{name}.py").write_text(BROKEN[name])
    (tmp_path / "zgood.py").write_text(REVERSE)
    monkeypatch.setenv("N1CODEC_PATH", f"{tmp_path}{os.pathsep}{tmp_path / 'none'}")
    with pytest.raises(UnavailableError, match=f"z{name}.py"):
        registry.find(f"z{name}")
    x = signal(100)
    assert np.array_equal(n1codec.decode(n1codec.encode(x, "zgood|zstd")), x)
    assert "no such folder" in registry.problems()[0]


@pytest.mark.usefixtures("forget_modules")
def test_a_short_name_that_is_taken_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "zebra.py").write_text(REVERSE.replace("side = False", 'side = False\n    wire = "z"'))
    (tmp_path / "z.py").write_text(REVERSE)
    monkeypatch.setenv("N1CODEC_PATH", str(tmp_path))
    x = signal(100)
    assert np.array_equal(n1codec.decode(n1codec.encode(x, "zebra|zstd")), x)
    with pytest.raises(SpecError, match="another codec has this short name"):
        n1codec.encode(x, "z|zstd")


# -- parameters -------------------------------------------------------------------------------------------------------


def test_whole_numbers() -> None:
    param = Int(3, 1, 9)
    assert [param.parse(value) for value in (1, 9, "7", 3.0, np.int64(4), True)] == [1, 9, 7, 3, 4, 1]
    assert type(param.parse(3.0)) is int
    for wrong in (3.5, 0, 10, "3.0", "x", float("nan"), float("inf"), None, 0.999, 9.001):
        with pytest.raises((ValueError, TypeError, OverflowError)):
            param.parse(wrong)
    for wrong in (3.5, float("inf"), None):
        with pytest.raises(SpecError, match=r"is not allowed"):
            registry.find("zstd")(level=wrong)


def test_numbers_words_and_text() -> None:
    assert [Float(1, 0.5, 2).parse(value) for value in (0.5, 2, "1.5")] == [0.5, 2.0, 1.5]
    for wrong in (0.49, 2.01, float("nan"), "x"):
        with pytest.raises(ValueError):
            Float(1, 0.5, 2).parse(wrong)
    assert Choice("a", "b").default == "a"
    assert Choice("a", "b", default="b").default == "b"
    with pytest.raises(ValueError):
        Choice("a", "b").parse("c")
    assert (Int(3, 1, 9).range, Float(1, 0.5, 2).range, Choice("a", "b").range) == ("1..9", "0.5..2", "a|b")
    assert Text().parse(5) == "5"


# -- pieces -----------------------------------------------------------------------------------------------------------


class Plain(ByteCoder):
    """Bytes as they are."""

    name, family, params = "plain", "test", {}

    def compress(self, data: bytes) -> bytes:
        return data

    def decompress(self, data: bytes, size: int) -> bytes:
        return bytes(data)


class Mono(Plain):
    """Bytes as they are, of int16 and one channel at a time."""

    dtypes, per_channel = ("int16",), True


class Twice(Filter):
    """A filter with side information that wants each channel apart."""

    name, family, params, per_channel = "twice", "test", {}, True

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, bytes]:
        return x + x, b"2"

    def inverse(self, y: np.ndarray, side: bytes, layout: Layout) -> np.ndarray:
        assert side == b"2"
        return y // 2


def test_what_an_array_is_split_into() -> None:
    """Planes of 16 bits, the lowest first, and of each plane one channel after the other."""
    x = np.array([[0x00020001, -1], [0x7FFF8000, 5]], np.int32)
    pieces = [piece.tolist() for piece in _split(x, Mono())]
    assert pieces == [[1, -32768], [-1, 5], [2, 32767], [-1, 0]]
    assert [len(part) for part in _unpack(Pipeline([Mono()]).encode(x), 4)] == [4] * 4
    assert [piece.tolist() for piece in _split(np.array([200, 7], np.uint8), Mono())] == [[200, 7]]
    assert [piece.dtype for piece in _split(np.array([1.5]), Mono())] == [np.dtype(np.int16)] * 4


def test_bytes_behind_the_last_piece_are_refused() -> None:
    x = np.arange(6, dtype=np.int16).reshape(3, 2)
    payload = Pipeline([Mono()]).encode(x)
    assert Pipeline([Mono()]).decode(payload, Layout.of(x)).tolist() == x.tolist()
    with pytest.raises(FormatError, match="after its last piece"):
        Pipeline([Mono()]).decode(payload + b"\0", Layout.of(x))
    assert _unpack(b"ab", 1) == [b"ab"]
    assert _unpack(b"\1a\1b", 2) == [b"a", b"b"]
    with pytest.raises(FormatError, match="after its last piece"):
        _unpack(b"\1a\1bc", 2)


def test_bytes_behind_side_information_are_refused() -> None:
    stages = Pipeline([Twice(), Plain()])
    x = np.arange(6, dtype=np.int16).reshape(3, 2)
    payload = stages.encode(x)
    assert payload[:5] == b"\x04\x012\x012"
    assert stages.decode(payload, Layout.of(x)).tolist() == x.tolist()
    with pytest.raises(FormatError, match="after its last piece"):
        stages.decode(b"\x05\x012\x012\0" + payload[5:], Layout.of(x))


@pytest.mark.parametrize(
    "wrong", [np.zeros(5, np.int16), np.zeros((6, 1), np.int16), np.zeros(6, np.uint16), np.zeros(6, np.int32)]
)
def test_a_stage_that_gives_something_else_is_noticed(wrong: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.arange(6, dtype=np.int16)
    payload = Pipeline([Plain()]).encode(x)
    monkeypatch.setattr(Plain, "decode", lambda *_: wrong)
    with pytest.raises(FormatError, match=r"plain decoded .* instead of int16\[6\]"):
        Pipeline([Plain()]).decode(payload, Layout.of(x))
    monkeypatch.undo()
    payload = Pipeline([Twice(), Plain()]).encode(x)
    monkeypatch.setattr(Twice, "inverse", lambda *_: wrong)
    with pytest.raises(FormatError, match=r"twice decoded .* instead of int16\[6\]"):
        Pipeline([Twice(), Plain()]).decode(payload, Layout.of(x))


def test_an_empty_array_takes_no_bytes() -> None:
    for shape in ((0,), (0, 2), (3, 0)):
        x = np.empty(shape, np.int32)
        assert Pipeline([Plain()]).encode(x) == b""
        with pytest.raises(FormatError, match="takes no bytes"):
            Pipeline([Plain()]).decode(b"\0", Layout.of(x))


@pytest.mark.parametrize("error", [ValueError("no"), KeyError("no"), RuntimeError("no"), AssertionError("no")])
def test_whatever_a_library_raises_is_a_damaged_payload(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(Plain, "decompress", fail)
    with pytest.raises(FormatError, match=f"damaged: {type(error).__name__}"):
        Pipeline([Plain()]).decode(b"ab", Layout((1,), np.dtype(np.int16)))
    monkeypatch.setattr(Plain, "decompress", lambda *_: (_ for _ in ()).throw(MemoryError()))
    with pytest.raises(FormatError, match="memory"):
        Pipeline([Plain()]).decode(b"ab", Layout((1,), np.dtype(np.int16)))
    monkeypatch.setattr(Plain, "decompress", lambda *_: (_ for _ in ()).throw(ImportError("no libplain")))
    with pytest.raises(UnavailableError, match="libplain"):
        Pipeline([Plain()]).decode(b"ab", Layout((1,), np.dtype(np.int16)))


# -- integers of any length -------------------------------------------------------------------------------------------


@given(st.integers(0, 2**64 - 1), st.binary(max_size=50))
def test_varints_round_trip(value: int, data: bytes) -> None:
    reader = Reader(put_uint(value) + put_bytes(data) + b"rest")
    assert reader.uint() == value
    assert reader.prefixed() == data
    assert reader.rest() == b"rest"


def test_varints_have_64_bits_in_10_bytes() -> None:
    most = b"\xff" * 9 + b"\x01"
    assert put_uint(2**64 - 1) == most
    assert Reader(most).uint() == 2**64 - 1
    assert Reader(b"\x80" * 9 + b"\x00").uint() == 0
    for data in (b"\xff" * 9 + b"\x02", b"\x80" * 9 + b"\x02", b"\x80" * 10 + b"\x00", b"\x81" + b"\x80" * 9 + b"\x01"):
        with pytest.raises(FormatError, match="integer in it is too long"):
            Reader(data).uint()


def test_a_payload_of_one_part_is_not_copied() -> None:
    data = bytes(range(100))
    assert Reader(data).rest() is data
    for other in (bytearray(data), memoryview(data), np.frombuffer(data, "<i4")):
        reader = Reader(other)
        assert (reader.take(3), reader.rest()) == (data[:3], data[3:])


def test_a_reader_stops_at_its_end() -> None:
    assert Reader(b"abc").take(3) == b"abc"
    assert Reader(b"").rest() == b""
    assert Reader(b"\x02ab").prefixed() == b"ab"
    for data in (b"\x03ab", put_uint(2**64 - 1) + b"ab"):
        with pytest.raises(FormatError, match="too early"):
            Reader(data).prefixed()
    with pytest.raises(FormatError, match="too early"):
        Reader(b"abc").take(4)


@pytest.mark.parametrize("data", [b"", b"\x80", b"\xff" * 20])
def test_broken_varints_are_refused(data: bytes) -> None:
    with pytest.raises(FormatError):
        Reader(data).uint()


def test_a_library_that_is_missing_is_named() -> None:
    class Needs(ByteCoder):
        requires, extra = ("json", "no_such_library"), "more"

    assert Needs.unavailable() == "needs the Python module no_such_library (pip install 'n1codec[more]')"
    Needs.requires = ("json",)
    assert Needs.unavailable() is None
