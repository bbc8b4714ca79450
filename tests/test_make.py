"""The targets of the Makefile, in a checkout and with values whose names a shell or make could misread."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import ROOT, signal

from n1codec.recordings import wav

pytestmark = pytest.mark.skipif(not shutil.which("make") or sys.platform == "win32", reason="needs make")

ODD = "a b'c$d`touch oops`$(touch oops)\"e"
SAMPLE = ["--count", "COUNT", "--seed", "SEED", "--jobs", "JOBS", "--only", "ONLY"]
GRID = ["-P", "-m", "n1codec", "grid", "--data", "DATA", "--codecs", "CODECS", "--jobs", "JOBS", "--results", "RESULTS"]
SAID = ("CODEC", "CODECS", "COUNT", "DATA", "EXTRAS", "JOBS", "KERNELS", "MUTANTS", "ONLY", "PYTHON", "RESULTS", "RUNS",
        "SECONDS", "SEED", "TMPDIR")  # fmt: skip


def tracked(target: Path) -> Path:
    """Copy what git tracks, or would, to a new folder; times stay as they are, and nothing seems newer than it is."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in filter(None, subprocess.check_output(listing, cwd=ROOT, text=True).split("\0")):
        if (ROOT / name).is_file() and not name.startswith(("results/", "tests/")):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    return target


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout at an odd path whose virtual environment is the one that runs the tests."""
    folder = tracked(tmp_path / ODD)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / ".venv"], check=True)
    (packages,) = (folder / ".venv" / "lib").glob("*/site-packages")
    installed = sysconfig.get_paths()["purelib"]
    (packages / "installed.pth").write_text(f"import site; site.addsitedir({installed!r})\n")
    (folder / ".venv" / ".installed").write_text("audio,wavpack,numeric,more,dev\n")
    return folder


@pytest.fixture
def recorder(checkout: Path) -> Path:
    """The same, but its Python writes down how it was called, and does nothing; what is only looked for is there."""
    program(checkout, '[ "$1" = -c ] && exit', 'for word; do printf "%s\\0" "$word"; done >> "${0%/*}/called"')
    return checkout


def program(checkout: Path, *lines: str) -> None:
    """Put a shell script in the place of the checkout's Python."""
    python = checkout / ".venv" / "bin" / "python"
    python.unlink()
    python.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    python.chmod(0o755)


OUTER = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "N1_CODEC", "N1_DATA_ZIP")
"""What the tests themselves may have been started with."""


def make(checkout: Path, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if key not in (*SAID, *OUTER)}
    return subprocess.run(["make", *args], cwd=checkout, capture_output=True, text=True, env=kept | env, timeout=60)


def called(checkout: Path) -> list[str]:
    return (checkout / ".venv" / "bin" / "called").read_text().split("\0")[:-1]


@pytest.mark.parametrize("environment", [False, True])
@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("plot", ["-m", "n1codec", "plot", "--results", "RESULTS"]),
        ("report", ["-m", "n1codec", "report", "--results", "RESULTS", "--data", "DATA"]),
        ("view", ["-m", "n1codec", "view", "--results", "RESULTS", "--", "DATA"]),
        ("bench", ["-m", "n1codec", "bench", "--unseen", "--data", "DATA", "tools/bench_store.py"]),
        ("fuzz", ["tools/fuzz.py", "--runs", "RUNS", "--seconds", "SECONDS", "--jobs", "JOBS", "--kernels", "KERNELS"]),
        ("mutants", ["-m", "tools.mutants", *SAMPLE]),
        ("grid", GRID),
    ],
)
def test_values_arrive_letter_for_letter(recorder: Path, target: str, words: list[str], environment: bool) -> None:
    values = {name: f"{name} {ODD} #" for name in words if name in SAID}
    if environment:
        done = make(recorder, target, **values)
    else:
        done = make(recorder, target, *(f"{name}={value}" for name, value in values.items()))
    assert (done.returncode, done.stderr) == (0, "")
    assert called(recorder) == [values.get(word, word) for word in words]
    assert not list(recorder.glob("oops"))


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("plot", ["-m", "n1codec", "plot"]),
        ("report", ["-m", "n1codec", "report"]),
        ("view", ["-m", "n1codec", "view"]),
        ("bench", ["-m", "n1codec", "bench", "--unseen", "tools/bench_store.py"]),
        ("data", ["-m", "n1codec", "data", "fetch"]),
        ("list", ["-m", "n1codec", "list"]),
        ("test", ["-m", "pytest", "-m", "not slow", "-n", "auto", "--dist", "worksteal"]),
        ("fuzz", ["tools/fuzz.py", "--kernels", ""]),
    ],
)
def test_without_values(recorder: Path, target: str, words: list[str]) -> None:
    done = make(recorder, target)
    assert (done.returncode, done.stderr) == (0, "")
    assert called(recorder) == words


def test_eval_and_grid_at_an_odd_path(checkout: Path) -> None:
    folder = checkout / "my $recordings"
    folder.mkdir()
    for i in range(2):
        (folder / f"{i}.wav").write_bytes(wav.write(signal(3000, seed=i), 19531))
    done = make(checkout, "eval", "CODEC=delta|zstd:level=3", "DATA=my $recordings", "JOBS=1")
    assert (done.returncode, done.stderr) == (0, "")
    assert "codec: delta|zstd:level=3, 1 at a time" in done.stdout
    assert done.stdout.endswith("Data set: my-recordings (2 files)\n")
    done = make(checkout, "grid", "CODECS=copy", "DATA=my $recordings", "RESULTS=the $results")
    assert done.returncode == 0, done.stderr
    assert (checkout / "the $results" / "my-recordings" / "summary.csv").is_file()
    assert not list(checkout.glob("oops"))


@pytest.mark.slow
def test_a_checkout_that_cannot_be_written_to(
    checkout: Path, tmp_path: Path, unprivileged: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    folder = tmp_path / "recordings"
    folder.mkdir()
    (folder / "a.wav").write_bytes(wav.write(signal(3000), 19531))
    assert make(checkout, "encode", "decode").returncode == 0
    env = {
        "DATA": folder,
        "CODEC": "zlib",
        "RESULTS": tmp_path / "results",
        "PYTHONDONTWRITEBYTECODE": "1",
        "JOBS": "1",
    }
    checkout.chmod(0o555)
    try:
        for target in "eval", "grid":
            done = unprivileged("make", "-C", checkout, target, **env)
            assert done.returncode == 0, done.stderr
    finally:
        checkout.chmod(0o755)


@pytest.mark.slow
def test_pip_gets_the_constraints_at_an_odd_path(checkout: Path, tmp_path: Path) -> None:
    """pip itself reads them, but installs nothing here; a slow test installs in full."""
    program(
        checkout,
        'case "$*" in',
        f'*"pip install"*) exec "{sys.executable}" -m pip install --dry-run --no-index --no-deps pip ;;',
        "*compileall*) ;;",
        f'*) exec "{sys.executable}" "$@" ;;',
        "esac",
    )
    (checkout / ".venv" / ".installed").unlink()
    done = make(checkout, "install", "EXTRAS=numeric")
    assert done.returncode == 0, done.stderr
    assert "without the codecs" not in done.stderr
    assert (checkout / ".venv" / ".installed").read_text() == "numeric\n"


@pytest.mark.slow
def test_install_at_an_odd_path(tmp_path: Path) -> None:
    folder = tracked(tmp_path / "a b'c$d")
    done = subprocess.run(["make", "eval", "EXTRAS=", "CODEC=n1"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("Data set: synthetic (16 files)\n")


def test_help_names_every_target_and_variable() -> None:
    makefile = (ROOT / "Makefile").read_text().replace("\\\n", "")
    said = make(ROOT, "help").stdout
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony
    for target in phony[1].split():
        assert f"  make {target} " in said, target
    for variable in ("CODEC", "CODECS", "DATA", "RESULTS", "JOBS", "PYTHON", "EXTRAS"):
        assert f"{variable}=" in said, variable
