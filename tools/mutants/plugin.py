"""The pytest plugin that measures: how long each test takes, and which lines of C and Python it runs.

It is loaded within a working copy, under `coverage run`. $MUTANTS_OUT names the folder for what it measures.
"""

from __future__ import annotations

import ctypes
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import coverage
import pytest

OUT = Path(os.environ["MUTANTS_OUT"])
LIBRARY = Path.cwd() / "n1codec" / "libn1c.so"
EMPTY: dict[str, int] = {}
"""How long a file of gcov is where no line ran."""

measured: dict[str, dict[str, object]] = {}


def write_c_coverage(folder: Path) -> None:
    """Let libn1c write which lines ran, if this process has loaded it; programs that were called have done so."""
    os.environ["GCOV_PREFIX"] = str(folder)
    try:
        ctypes.CDLL(str(LIBRARY), mode=os.RTLD_NOLOAD | os.RTLD_NOW).n1c_write_coverage()
    except OSError:
        return  # not loaded


def used(folder: Path) -> bool:
    """Remove the files without any line that ran; return whether one is left."""
    left = False
    for path in list(folder.rglob("*.gcda")):
        if path.stat().st_size == EMPTY.get(path.name):
            path.unlink()
        else:
            left = True
    return left


def pytest_sessionstart() -> None:
    library = ctypes.CDLL(str(LIBRARY))
    for _ in range(2):  # the first writes what loading ran
        os.environ["GCOV_PREFIX"] = str(OUT / "empty")
        library.n1c_write_coverage()
        found = list((OUT / "empty").rglob("*.gcda"))
        EMPTY.update({path.name: path.stat().st_size for path in found})
        for path in found:
            path.unlink()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    measured[item.nodeid] = {"passed": True, "failed": False, "slow": item.get_closest_marker("slow") is not None}
    folder = OUT / "c" / str(len(measured))
    os.environ["MUTANTS_TEST"] = item.nodeid  # the context of child processes
    os.environ["GCOV_PREFIX"] = str(folder)
    running = coverage.Coverage.current()
    assert running
    running.switch_context(item.nodeid)
    started = time.perf_counter()
    result = yield
    measured[item.nodeid]["seconds"] = time.perf_counter() - started
    running.switch_context("")
    write_c_coverage(folder)
    if used(folder):
        measured[item.nodeid]["c"] = str(folder)
    return result


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    test = measured[report.nodeid]
    test["passed"] = test["passed"] and report.passed
    test["failed"] = test["failed"] or report.failed


def pytest_sessionfinish() -> None:
    (OUT / "tests.json").write_text(json.dumps(measured))
