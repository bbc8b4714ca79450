"""A result belongs to the code that made it: whatever shapes the bytes of a file is part of a codec's version."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from n1codec import native, registry
from n1codec.bench.measure import machine

EVERYTHING = ("codec", "container", "pipeline", "registry", "varint", "recordings")


def changes(monkeypatch: pytest.MonkeyPatch, word: str, *names: str) -> bool:
    """Return whether an edit of the files whose path has a word in it is another version of these stages."""
    stages = [registry.find(name) for name in names]
    before = machine.code_version(stages)
    checksum = machine._checksum
    monkeypatch.setattr(machine, "_checksum", lambda path: checksum(path) ^ (word in path.as_posix()))
    after = machine.code_version(stages)
    monkeypatch.undo()
    return before != after


@pytest.mark.parametrize("module", EVERYTHING)
@pytest.mark.parametrize("name", ["zstd", "n1", "copy"])
def test_the_framework_is_part_of_every_version(name: str, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert changes(monkeypatch, f"/n1codec/{module}", name)


@pytest.mark.parametrize(
    ("names", "word"),
    [
        (("zstd",), "/zstd.py"),
        (("delta", "zstd"), "/delta.py"),
        (("haar",), "/lifting.py"),
        (("bz2",), "/stream_coder.py"),
        (("n1",), "/native.py"),
        (("n1",), "libn1c"),
        (("delta", "rice"), "libn1c"),
        (("rice", "delta"), "/rice.py"),
    ],
)
def test_a_stage_and_what_it_uses_is_part_of_its_version(
    names: tuple[str, ...], word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert changes(monkeypatch, word, *names)


@pytest.mark.parametrize(
    "word", ["libn1c", "/native.py", "/lifting.py", "/bz2.py", "/n1codec/bench/", "/n1codec/cli/", "/n1codec/viewer/"]
)
def test_what_shapes_nothing_is_no_part_of_a_version(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not changes(monkeypatch, word, "zstd")


def test_libraries_and_further_files_are_part_of_a_version(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stage = registry.find("zstd")
    before = machine.code_version([stage])
    (tmp_path / "tool").write_bytes(b"1")
    one = machine.code_version([stage], [tmp_path / "tool"])
    (tmp_path / "other").write_bytes(b"2")
    two = machine.code_version([stage], [tmp_path / "other"])
    monkeypatch.setattr(machine, "libraries", lambda stages: "zstandard 99")
    assert len({before, one, two, machine.code_version([stage])}) == 4


def test_which_stages_have_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, kernels in (("n1", True), ("rice", True), ("lpc", True), ("zstd", False), ("haar", False)):
        assert machine.uses_kernels(registry.find(name)) is kernels
    for name in registry.names():
        stage = registry.find(name)
        own = any(isinstance(thing, native.Kernel) for thing in vars(sys.modules[stage.__module__]).values())
        assert machine.uses_kernels(stage) or not own


STAGE = """
from n1codec.codec import ByteCoder

class {name}(ByteCoder):
    def compress(self, data):
        from .helper import FACTOR
        from n1codec.pipeline import parse
        return data

    def decompress(self, data, size):
        return data
"""


def test_imports_are_found_wherever_they_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a function, relative, of a package, of a class or a module."""
    package = tmp_path / "n1codec_kin"
    package.mkdir()
    (package / "__init__.py").write_text("from n1codec import files\nimport n1codec.varint as varint\n")
    (package / "stage.py").write_text(STAGE.format(name="Kin"))
    monkeypatch.syspath_prepend(str(tmp_path))
    found = machine.sources(["n1codec_kin", "n1codec_kin.stage"])
    assert {"n1codec_kin", "n1codec_kin.stage", "n1codec.codec", "n1codec.pipeline", "n1codec.varint"} <= set(found)
    assert "n1codec.files" in found
    assert not {"n1codec", "n1codec.codec.ByteCoder", "n1codec.pipeline.parse", "n1codec.container"} & set(found)
    assert list(found) == sorted(found)
    assert found["n1codec.varint"].name == "varint.py"
