from __future__ import annotations

import csv
import gzip
import io
import os
import re
import shutil
import signal as signals
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any
from unittest.mock import patch
from warnings import catch_warnings, formatwarning, simplefilter

import numpy as np
import pytest
from hypothesis import settings

from n1codec import cli, registry
from n1codec.bench.measure import machine
from n1codec.recordings import wav

ROOT = Path(__file__).parent.parent

settings.register_profile("default", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("default")


def signal(frames: int, channels: int = 1, seed: int = 0) -> np.ndarray:
    """Coloured noise in 10-bit codes stretched to 16 bits, shape (frames, channels), int16."""
    rng = np.random.default_rng(seed)
    white = rng.normal(0, 12, (frames + 8, channels))
    smooth = sum(white[i : i + frames] * w for i, w in enumerate((1, 0.9, 0.7, 0.5, 0.3, 0.1)))
    codes = np.clip(512 + smooth, 0, 1023).astype(np.int64)
    return np.trunc(codes * 65535 / 1023 - 32768).astype(np.int16)


def needs(module: str) -> Any:
    """Import a library that not everybody has; without it the tests that ask for it are left out."""
    try:
        return import_module(module)
    except ImportError as error:
        assert not os.environ.get("N1_REQUIRE_ALL"), f"{module} is not there: {error}"
        pytest.skip(f"needs {module}", allow_module_level=True)


def code_of(section: str) -> str:
    """Return the Python code in a section of docs/ecosystem.md."""
    _, _, text = (ROOT / "docs" / "ecosystem.md").read_text().partition(f"\n## {section}\n")
    (code,) = re.findall(r"```python\n(.*?)```", text.partition("\n## ")[0], re.DOTALL)
    return str(code)


def stored(path: Path) -> list[dict[str, str]]:
    """The rows of a result store, as text by column: read with no code of the program's; none if there is no file."""
    if not path.exists():
        return []
    text = gzip.decompress(path.read_bytes()).decode("utf-8", "surrogateescape")
    columns: list[str] = []
    rows = []
    for row in csv.reader(io.StringIO(text, newline="")):
        if row[:4] == ["dataset", "file", "mode", "spec"]:
            columns = row
        else:
            rows.append(dict(zip(columns, row, strict=True)))
    return rows


@pytest.fixture
def wav_file(tmp_path: Path) -> Path:
    path = tmp_path / "recording.wav"
    path.write_bytes(wav.write(signal(20_000), 19531))
    return path


def forget_codecs() -> None:
    """Look anew for codecs and at their sources, as a new process does."""
    caches = (registry._modules, registry._load, registry.find_wire, registry._entry_points, registry._load_entry_point)
    for cached in (*caches, machine._checksum, machine._imported, machine._source):
        cached.cache_clear()


def called(program: str, *args: object, **env: str) -> subprocess.CompletedProcess[str]:
    """Do here what ``encode``, ``decode`` or ``n1codec`` does; a process of its own would take a second to begin."""
    main = cli.main if program == "n1codec" else import_module(f"n1codec.cli.{program}").main
    streams = [io.TextIOWrapper(io.BytesIO(), "utf-8", "backslashreplace", write_through=True) for _ in range(2)]
    terminate = signals.getsignal(signals.SIGTERM)
    with (
        patch.dict(os.environ, env),
        patch.object(sys, "argv", [program, *map(str, args)]),
        redirect_stdout(streams[0]),
        redirect_stderr(streams[1]),
        catch_warnings(record=True) as warned,
    ):
        simplefilter("ignore")
        for printed in (UserWarning, RuntimeWarning, FutureWarning):  # those that Python shows
            simplefilter("always", printed)
        own = "N1CODEC_PATH" in os.environ
        if own:
            forget_codecs()
        try:
            code = main()
        finally:
            signals.signal(signals.SIGTERM, terminate)
            if own:
                forget_codecs()
    for warning in warned:
        streams[1].write(formatwarning(warning.message, warning.category, warning.filename, warning.lineno))
    said = [stream.buffer.getvalue().decode() for stream in streams]  # type: ignore[attr-defined]
    return subprocess.CompletedProcess(program, code, *said)


@pytest.fixture
def run() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Call a program by its name and arguments, within this process."""
    return called


@pytest.fixture
def start() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run ``./encode`` and the like as a person would, in a process of its own."""

    def call(program: str, *args: object, **env: str) -> subprocess.CompletedProcess[str]:
        if program in ("encode", "decode"):
            command = [sys.executable, str(ROOT / f"{program}.py")]
        else:
            command = [sys.executable, "-m", program]
        return subprocess.run(
            [*command, *map(str, args)], capture_output=True, text=True, env={**os.environ, **env}, timeout=300
        )

    return call


@pytest.fixture
def unprivileged(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run programs to which permissions of files apply, as they do not to root."""
    prefix = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    if prefix and (not shutil.which("setpriv") or subprocess.run([*prefix, "true"], capture_output=True).returncode):
        pytest.skip("root may read and write everything here")

    def call(*command: object, **env: object) -> subprocess.CompletedProcess[str]:
        given = os.environ | {key: str(value) for key, value in env.items()}
        call = [*prefix, *map(str, command)]
        return subprocess.run(call, capture_output=True, text=True, cwd=tmp_path, env=given, timeout=300)

    return call


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Some of the real N1 recordings that $N1_DATA_ZIP names."""
    archive = os.environ.get("N1_DATA_ZIP")
    if not archive:
        pytest.skip("N1_DATA_ZIP names no archive of recordings")
    folder = tmp_path_factory.mktemp("n1")
    with zipfile.ZipFile(archive) as zipped:
        names = sorted(n for n in zipped.namelist() if n.endswith(".wav"))[:8]
        return [Path(zipped.extract(name, folder)) for name in names]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium, driven by Playwright."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    program = next(filter(None, map(shutil.which, names)), None)
    if not program:
        assert not os.environ.get("N1_REQUIRE_ALL"), "there is no Chromium"
        pytest.skip("there is no Chromium")
    from playwright.sync_api import sync_playwright

    quiet = ("disable-gpu", "disable-quic", "no-first-run", "disable-background-networking", "disable-component-update",
             "disable-sync", "no-sandbox")  # fmt: skip
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=[f"--{flag}" for flag in quiet])
        yield started
        started.close()


@pytest.fixture(scope="session")
def barriers() -> Callable[[Any], list[str]]:
    """What axe-core finds in a page that keeps somebody from using it: what it calls serious or critical."""
    library = files(needs("axe_playwright_python")) / "axe.min.js"
    script = library.read_text(encoding="utf-8")

    def call(page: Any) -> list[str]:
        page.evaluate(script)
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        assert len(found["passes"]) > 10
        serious = [rule for rule in found["violations"] if rule["impact"] in ("serious", "critical")]
        return [f"{rule['id']}: {node['html']}" for rule in serious for node in rule["nodes"]]

    return call
