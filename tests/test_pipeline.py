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
from n1codec.codec import FormatError, Layout, SpecError, UnavailableError
from n1codec.pipeline import _quote, get_codec, parse
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


def test_a_default_codec_is_always_there(monkeypatch: pytest.MonkeyPatch) -> None:
    from n1codec.pipeline import default_spec

    monkeypatch.delenv("N1_CODEC", raising=False)
    assert not get_codec(default_spec()).unavailable()
    monkeypatch.setenv("N1_CODEC", "zstd:level=1")
    assert default_spec() == "zstd:level=1"


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


# -- integers of any length -------------------------------------------------------------------------------------------


@given(st.integers(0, 2**63 - 1), st.binary(max_size=50))
def test_varints_round_trip(value: int, data: bytes) -> None:
    reader = Reader(put_uint(value) + put_bytes(data) + b"rest")
    assert reader.uint() == value
    assert reader.prefixed() == data
    assert reader.rest() == b"rest"


@pytest.mark.parametrize("data", [b"", b"\x80", b"\xff" * 20])
def test_broken_varints_are_refused(data: bytes) -> None:
    with pytest.raises(FormatError):
        Reader(data).uint()
