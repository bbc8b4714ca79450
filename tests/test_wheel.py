"""The wheel, used outside the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from conftest import ROOT, signal

from n1codec.recordings import wav


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel in it, built from a copy of what git tracks."""
    work = tmp_path_factory.mktemp("wheel")
    source = work / "source"
    for name in subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True).splitlines():
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(work), str(source)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,) = work.glob("*.whl")
    assert "-py3-none-" in wheel.name
    target = work / "site"
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", target, wheel], check=True)
    return target


def call(installed: Path, folder: Path, *args: object) -> str:
    # -S keeps the editable install of the checkout out of the way.
    paths = os.pathsep.join([str(installed), sysconfig.get_paths()["purelib"]])
    done = subprocess.run(
        [sys.executable, "-S", "-m", "n1codec", *map(str, args)],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": paths},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_wheel_works_outside_the_checkout(installed: Path, tmp_path: Path) -> None:
    where = "import n1codec; print(n1codec.__file__)"
    paths = {**os.environ, "PYTHONPATH": os.pathsep.join([str(installed), sysconfig.get_paths()["purelib"]])}
    found = subprocess.check_output([sys.executable, "-S", "-c", where], text=True, cwd=tmp_path, env=paths)
    assert found.startswith(str(installed))
    source = tmp_path / "in" / "a.wav"
    source.parent.mkdir()
    source.write_bytes(wav.write(signal(5000), 19531))
    call(installed, tmp_path, "encode", source, "a.n1c", "remap|lpc|rans")
    call(installed, tmp_path, "decode", "a.n1c", "a.wav")
    assert (tmp_path / "a.wav").read_bytes() == source.read_bytes()
    assert "huffman" in call(installed, tmp_path, "list")
    assert "verified" in call(installed, tmp_path, "grid", "--data", "in", "--codecs", "huff copy", "--min-time", 0)
    assert "All recordings successfully compressed." in call(installed, tmp_path, "eval", "--data", "in")
    call(installed, tmp_path, "plot")
    assert (tmp_path / "results" / "in" / "codecs.png").stat().st_size > 1000
    call(installed, tmp_path, "report")
    assert "</html>" in (tmp_path / "results" / "in" / "report.html").read_text()
