"""``pip install n1codec`` without an extra: NumPy, click and rich, and our own codecs."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from recording_files import spikeglx, walks

import n1codec
from n1codec import cli
from n1codec.recordings import wav

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
MODULES = ("scipy", "zstandard", "lz4", "brotli", "numcodecs", "blosc2", "pandas", "matplotlib", "PIL")


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide what only the extra bench brings."""
    for module in MODULES:
        monkeypatch.setitem(sys.modules, module, None)


def test_it_brings_three_packages() -> None:
    names = [entry.partition(">")[0] for entry in PROJECT["dependencies"]]
    assert names == ["numpy", "click", "rich"]
    assert len(PROJECT["optional-dependencies"]["bench"]) == len(MODULES)


def test_every_kind_of_recording_is_coded(bare: None, tmp_path: Path) -> None:
    path = spikeglx(tmp_path / "run_g0_t0.imec0.ap.bin", walks(900, 5))
    (tmp_path / "back").mkdir()
    (tmp_path / "notes").write_text("no samples in here")
    for source in (path, tmp_path / "notes"):
        n1codec.encode_file(source, tmp_path / "packed.n1c")
        n1codec.decode_file(tmp_path / "packed.n1c", tmp_path / "back" / source.name)
        assert (tmp_path / "back" / source.name).read_bytes() == source.read_bytes()
    for x in (np.arange(60.0), np.arange(60, dtype=np.int32), walks(60, 2)):
        assert np.array_equal(n1codec.decode(n1codec.encode(x)), x)
    with pytest.raises(ImportError, match="zstandard"):
        n1codec.encode(walks(60, 2), "zstd")


def test_commands_that_need_more_say_so(
    bare: None, tmp_path: Path, run: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wav.write(walks(2000, 1), 19531))
    done = run("n1codec", "stats", path)
    assert done.returncode == 1
    assert done.stderr == "n1codec: needs the Python module scipy (pip install 'n1codec[bench]')\n"


def test_other_modules_that_are_missing_are_faults_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_: object) -> None:
        raise ModuleNotFoundError("No module named 'n1codec.nothing'", name="n1codec.nothing")

    monkeypatch.setattr(cli.command, "main", broken)
    with pytest.raises(ModuleNotFoundError):
        cli.run(cli.command, "n1codec")
