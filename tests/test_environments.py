"""What needs libraries that cannot stand in one environment, tested in those that ``make environments`` makes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from conftest import ROOT

from tools import environments

TESTS = {
    "zarr2": ["test_zarr.py", "test_dask.py", "test_spikeinterface.py"],
    "zarr3": ["test_zarr.py", "test_dask.py"],
}


def test_each_environment_has_its_tests() -> None:
    names = {path.stem for path in (ROOT / "tools" / "environments").glob("*.txt")}
    assert set(TESTS) == names - environments.APART


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(TESTS))
def test_the_tests_pass_in(name: str, tmp_path: Path) -> None:
    folder = ROOT / "build" / "environments" / name
    if not (folder / "made").is_file():
        pytest.skip(f"needs build/environments/{name} (make environments)")
    python = next(path for path in (folder / "bin" / "python", folder / "Scripts" / "python.exe") if path.exists())
    # Of the libraries of our codecs only some are there.
    env = {key: value for key, value in os.environ.items() if key not in ("N1_REQUIRE_ALL", "PYTHONPATH")}
    command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *(ROOT / "tests" / test for test in TESTS[name])]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=env, timeout=600)
    assert done.returncode == 0, done.stdout[-5000:]
