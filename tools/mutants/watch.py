"""The pytest plugin that ends a test which a mutant lets run on for ever, or take all memory.

$MUTANTS_SECONDS names a JSON file with how long each test usually takes.
"""

from __future__ import annotations

import faulthandler
import json
import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

usual: dict[str, float] = {}
"""How long each test usually takes."""
MEMORY = 8 << 30
TERMINAL = os.dup(2)
"""Where pytest, which captures what tests print, does not look: a plugin is loaded before it begins to."""


def limit(seconds: float) -> float:
    """Return after how many seconds a test that usually takes `seconds` is ended.

    It may be the first of those that share what takes long to make, and the machine may have other work.
    """
    return 5 * seconds + 60


def pytest_sessionstart() -> None:
    usual.update(json.loads(Path(os.environ["MUTANTS_SECONDS"]).read_text()))
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY if hard < 0 else min(hard, MEMORY), hard))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    # Its thread needs no interpreter: it ends a kernel that never returns, too.
    faulthandler.dump_traceback_later(limit(usual.get(item.nodeid, 10)), exit=True, file=TERMINAL)
    os.write(TERMINAL, f"\nRUNS {item.nodeid}\n".encode())
    result = yield
    faulthandler.cancel_dump_traceback_later()
    return result
