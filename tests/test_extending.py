"""The example of CONTRIBUTING.md, added as a person would add it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import ROOT

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with nothing but the example in it."""
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.DOTALL)
    assert example.count("\n") < 30
    module = tmp_path / "extra" / "numeric" / "bitpack.py"
    module.parent.mkdir(parents=True)
    module.write_text(example)
    return tmp_path / "extra"


def test_it_is_listed(run: Run, folder: Path) -> None:
    listed = json.loads(run("n1codec", "list", "--json", N1CODEC_PATH=str(folder)).stdout)
    (entry,) = [entry for entry in listed if entry["name"] == "bitpack"]
    assert (entry["kind"], entry["family"], entry["available"]) == ("codec", "numeric", True)


def test_it_is_evaluated(run: Run, folder: Path, wav_file: Path, tmp_path: Path) -> None:
    done = run("n1codec", "eval", "--codec", "delta|bitpack", "--data", wav_file.parent, N1CODEC_PATH=str(folder))
    assert done.returncode == 0, done.stderr
    assert "Compression ratio" in done.stdout


@pytest.mark.slow
def test_it_is_in_the_grid(run: Run, folder: Path, wav_file: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    done = run(
        "n1codec", "grid", "--data", wav_file.parent, "--results", results, "--codecs", "bitpack copy",
        "--min-time", 0, N1CODEC_PATH=str(folder),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (summary,) = results.glob("*/summary.csv")
    assert "\nbitpack," in summary.read_text()
    listed = subprocess.run(
        [
            sys.executable,
            "-c",
            "from n1codec.bench.measure import cases; print(*(case.spec for case in cases.default()))",
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "N1CODEC_PATH": str(folder)},
    ).stdout.split()
    assert {"bitpack", "delta|bitpack"} <= set(listed)


@pytest.mark.slow
def test_it_is_held_to_the_conformance_suite(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "tests/test_conformance.py", "-k", "bitpack", "-p", "no:cacheprovider"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "N1CODEC_PATH": str(folder)},
    )
    assert done.returncode == 0, done.stdout
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 20  # type: ignore[index]


def test_an_installed_package_adds_one_too(tmp_path: Path, wav_file: Path, start: Run) -> None:
    """A distribution with an entry point, as pip would install it."""
    (tmp_path / "mirror_codec.py").write_text(
        "from n1codec.codec import ByteCoder\n\n"
        "class Mirror(ByteCoder):\n"
        "    def compress(self, data):\n        return data[::-1]\n\n"
        "    def decompress(self, data, size):\n        return data[::-1]\n"
    )
    info = tmp_path / "mirror_codec-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mirror-codec\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[n1codec.codecs]\nmirror = mirror_codec:Mirror\n")
    packed, restored = tmp_path / "a.n1c", tmp_path / "b.wav"
    env = {"PYTHONPATH": str(tmp_path)}
    assert "mirror" in start("n1codec", "list", **env).stdout
    assert start("encode", wav_file, packed, "delta|mirror", **env).returncode == 0
    assert "mirror" in start("n1codec", "info", packed, **env).stdout
    assert start("decode", packed, restored, **env).returncode == 0
    assert restored.read_bytes() == wav_file.read_bytes()
