"""Which modules are imported for a name, and whose name it is."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest

import n1codec
from n1codec import registry
from n1codec.codec import ByteCoder, Coder, SpecError, UnavailableError

OWN = [name for name, module in registry._modules().items() if module.own]
CACHES = (registry._modules, registry._load, registry.find_wire, registry._entry_points, registry._load_entry_point)


@pytest.fixture
def fresh() -> Iterator[None]:
    """A registry that has not looked at anything, before and after."""
    for cached in CACHES:
        cached.cache_clear()
    yield
    for cached in CACHES:
        cached.cache_clear()


def coder(wire: str = "") -> str:
    """Return the source of a codec that stores bytes."""
    return f'''
from n1codec.codec import ByteCoder

class Stored(ByteCoder):
    """Bytes as they are."""
    wire = {wire!r}

    def compress(self, data):
        return data

    def decompress(self, data, size):
        return data
'''


def imported(code: str) -> set[str]:
    """Return the stages that are imported when a program ends."""
    program = f"import sys, n1codec\n{code}\nprint(*(m for m in sys.modules if m.startswith('n1codec.algorithms.')))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    modules = {name.split(".")[3] for name in done.stdout.split() if name.count(".") == 3}
    return {name for name in modules if not name.startswith("_")} & set(OWN)


@pytest.mark.parametrize("name", ["zstd", "copy", "n1", "bz2"])
def test_decoding_imports_no_further_than_the_stage_that_it_looks_for(name: str) -> None:
    blob = n1codec.encode(np.arange(50, dtype=np.int16), f"zigzag|{name}")
    expected = set()
    for wanted in ("zigzag", name):
        rivals = [other for other in OWN if other[0] == wanted[0]]
        expected |= set(rivals[: rivals.index(wanted) + 1])
    assert imported(f"n1codec.decode({blob!r})") == expected


def test_encoding_imports_only_what_it_uses() -> None:
    code = "import numpy\nn1codec.encode(numpy.arange(50), 'zigzag|zstd')"
    assert imported(code) == {"zigzag", "zstd"}
    assert imported("n1codec.encode") == set()


@pytest.mark.parametrize("name", OWN)
def test_a_short_name_imports_the_modules_before_its_own(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wire = registry.find(name).wire or name
    loaded: list[str] = []
    load = registry._load
    monkeypatch.setattr(registry, "_load", lambda name: loaded.append(name) or load(name))
    registry.find_wire.cache_clear()
    assert registry.find_wire(wire) is registry.find(name)
    rivals = [other for other in OWN if other[0] == name[0]]
    assert list(dict.fromkeys(loaded)) == rivals[: rivals.index(name) + 1]


def test_a_short_name_of_no_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []
    load = registry._load
    monkeypatch.setattr(registry, "_load", lambda name: loaded.append(name) or load(name))
    for wire in ("q", "z9", "", "zstandard"):
        registry.find_wire.cache_clear()
        with pytest.raises(UnavailableError, match=f"by the codec {wire!r}, which is not here"):
            registry.find_wire(wire)
    assert set(loaded) == {name for name in OWN if name[0] == "z"}


def test_names_are_sorted_by_family() -> None:
    families = [registry.find(name).family for name in registry.names() if name in OWN]
    assert families == sorted(families)
    assert sorted(registry.names()) == sorted(set(registry.names()))
    for name in OWN:
        assert registry.find(name).name == name
        assert registry._modules()[name].path.parent.name == registry.find(name).family


@pytest.mark.usefixtures("fresh")
def test_of_two_modules_with_one_short_name_one_gets_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours before others, then the first by name; the others are written by their own name."""
    for name, wire in (("quick", "q1"), ("quiet", "q1"), ("zebra", "z")):
        (tmp_path / f"{name}.py").write_text(coder(wire))
    monkeypatch.setenv("N1CODEC_PATH", str(tmp_path))
    assert registry.find_wire("q1").name == "quick"
    assert registry.find_wire("z").name == "zstd"
    assert [registry.wire(registry.find(name)()) for name in ("quick", "quiet", "zebra")] == ["q1", "quiet", "zebra"]
    x = np.arange(9, dtype=np.int16)
    for name in ("quick", "quiet", "zebra"):
        assert n1codec.decode(n1codec.encode(x, name)).tolist() == x.tolist()


@pytest.mark.usefixtures("fresh")
def test_folders_are_looked_at_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder / "kin").mkdir(parents=True)
        (tmp_path / folder / "kin" / "quick.py").write_text(coder("q" + folder))
        (tmp_path / folder / "kin" / "_helper.py").write_text("raise RuntimeError")
        (tmp_path / folder / "_shared").mkdir()
        (tmp_path / folder / "_shared" / "part.py").write_text("raise RuntimeError")
    monkeypatch.setenv("N1CODEC_PATH", f"{tmp_path / 'a'}::{tmp_path / 'b'}")
    assert registry.find("quick").wire == "qa"
    assert registry.find("quick").family == "kin"
    assert not {"_helper", "part"} & set(registry.names())
    (problem,) = registry.problems()
    assert str(tmp_path / "b" / "kin" / "quick.py") in problem and str(tmp_path / "a" / "kin" / "quick.py") in problem


class Point:
    """An entry point that counts how often it is loaded."""

    dist = None

    def __init__(self, name: str, thing: object) -> None:
        self.name, self.value, self.thing, self.loads = name, f"far:{name}", thing, 0

    def load(self) -> object:
        self.loads += 1
        if isinstance(self.thing, BaseException):
            raise self.thing
        return self.thing


class Far(ByteCoder):
    """Bytes as they are, from an installed package."""

    def compress(self, data: bytes) -> bytes:
        return bytes(data)

    def decompress(self, data: bytes, size: int) -> bytes:
        return bytes(data)


@pytest.mark.usefixtures("fresh")
def test_entry_points_are_asked_only_after_a_local_miss(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [Point("far", Far), Point("zstd", Far), Point("broken", ImportError("no far")), Point("text", "text")]
    points += [Point("number", int), Point("abstract", Coder), Point("leaves", SystemExit(3))]
    asked: list[str] = []

    def entry_points(group: str) -> list[Point]:
        asked.append(group)
        return points

    monkeypatch.setattr("importlib.metadata.entry_points", entry_points)
    registry.find("zstd")
    registry.find_wire("z")
    assert not asked
    assert registry.find("far") is Far and registry.find("far") is Far
    assert asked == [registry.ENTRY_POINTS] and points[0].loads == 1
    assert (Far.name, Far.family) == ("far", "external")
    assert registry.wire(Far()) == "far" and registry.find_wire("far") is Far
    assert registry.find("zstd") is not Far and points[1].loads == 0
    assert list(registry.names())[-6:] == ["abstract", "broken", "far", "leaves", "number", "text"]
    for name, word in (("broken", "no far"), ("text", "issubclass"), ("number", "no filter and no coder"),
                       ("abstract", "lacks decode, encode"), ("leaves", "SystemExit")):  # fmt: skip
        with pytest.raises(UnavailableError, match=word):
            registry.find(name)
    with pytest.raises(SpecError, match="did you mean far"):
        registry.find("farr")
    x = np.arange(9, dtype=np.int16)
    assert n1codec.decode(n1codec.encode(x, "far")).tolist() == x.tolist()


def test_the_point_of_these_tests_is_like_a_real_one() -> None:
    real = EntryPoint("far", "far:Far", registry.ENTRY_POINTS)
    assert all(hasattr(real, name) for name in ("name", "value", "dist", "load"))
