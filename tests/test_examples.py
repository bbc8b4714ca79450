"""Each script in examples/ runs and prints what its text says."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, signal

from n1codec.recordings import wav

SCRIPTS = {
    "arrays.py": r"n1 +\d\.\d{3}\nremap\|lpc\|rans +\d\.\d{3}\n.*",
    "sweep.py": r"file,codec,.*",
    "own_codec.py": r"zlib +\d\.\d{3}\nown_codec +\d\.\d{3}\ndelta\|own_codec:level=9 +\d\.\d{3}\n",
    "long.py": r"7 s of 64 channels in 2 chunks, \d+ bytes\nelectrode 3 at 1 s: \[.*\]\n",
    "in_zarr.py": r"\(30000, 16\) in chunks of \(10000, 16\): \d\.\d{3}\n",
    "packets.py": r"\d\.\d{3} bits per sample, \d\d\.\d% of the samples can be read although a packet was lost\n",
    "hdf5.py": r"n1_multi +ratio \d\.\d{3}, written at .*\ngzip 9 with shuffle +ratio .*",
    "describe.py": r"2 files, 0\.4.* s, 1 channel\(s\) at 19531 Hz\n.*",
}


def run(script: str, *args: object) -> str:
    command = [sys.executable, str(ROOT / "examples" / script), *map(str, args)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for i in range(2):
        (tmp_path / f"{i}.wav").write_bytes(wav.write(signal(4000, seed=i), 19531))
    return tmp_path


@pytest.mark.parametrize("script", sorted(SCRIPTS))
def test_it_runs(script: str, folder: Path) -> None:
    arguments = [folder] if script in ("sweep.py", "describe.py") else []
    assert re.fullmatch(SCRIPTS[script], run(script, *arguments), re.DOTALL)


def test_the_sweep_is_a_table(folder: Path) -> None:
    rows = list(csv.DictReader(run("sweep.py", folder).splitlines()))
    assert len(rows) == 8
    assert {row["original_bytes"] for row in rows} == {"8044"}
    assert all(0 < int(row["compressed_bytes"]) <= 8044 + 24 for row in rows)
    assert max(rows, key=lambda row: int(row["compressed_bytes"]))["codec"] == "copy"


def test_all_are_listed_and_tested() -> None:
    scripts = sorted(path.name for path in (ROOT / "examples").glob("*.py"))
    assert scripts == sorted(SCRIPTS)
    listed = re.findall(r"\[(.+?\.py)\]", (ROOT / "examples" / "README.md").read_text())
    assert sorted(listed) == scripts
