"""Instructions of a codec's own work: they repeat where times do not.

They are counted by Callgrind, of one pass after another that is not counted, less those of switching it on and off.
Processors' own counters would be quicker, but virtual machines seldom have them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from n1codec.bench.measure.work import Work
from n1codec.bench.measure.worker import ONE_THREAD
from n1codec.codec import UnavailableError
from n1codec.pipeline import get_codec
from n1codec.recordings import Place

MOST_FILES = 3
"""Files of a data set on which a codec's instructions are counted."""


def require() -> None:
    """Raise UnavailableError where nothing can count."""
    if not shutil.which("valgrind") or not shutil.which("callgrind_control"):
        raise UnavailableError("counting instructions needs Valgrind (install valgrind, or leave --counters away)")


def count(direction: str, spec: str | None, path: str, timeout: float) -> int | None:
    """Return the instructions of one pass over a file, None if they could not be counted.

    Args:
        path: of the file or of the .n1c file to decode, absolute; or a place to encode, as JSON.
        spec: the codec; None decodes with what the file names.
        timeout: seconds that this may take; under Callgrind everything takes some fifty times longer.
    """
    counted, nothing = _collect(direction, spec or "", path, timeout), _switching()
    return None if counted is None or nothing is None else max(counted - nothing, 0)


@cache
def _switching() -> int | None:
    return _collect("nothing", "", "", 120.0)


def _collect(direction: str, spec: str, path: str, timeout: float) -> int | None:
    with TemporaryDirectory(prefix="n1-count-") as folder:
        out = Path(folder) / "out"
        command = ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={out}", sys.executable,
                   "-m", "n1codec.bench.measure.counters", direction, spec, path]  # fmt: skip
        try:
            subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=timeout,
                check=True,
                env=dict.fromkeys(ONE_THREAD, "1") | dict(os.environ) | {"PYTHONHASHSEED": "0"},
            )
        except (OSError, subprocess.SubprocessError):
            return None
        totals = [int(total) for part in Path(folder).iterdir() for total in _totals(part)]
    return sum(totals) or None


def _totals(path: Path) -> list[str]:
    return re.findall(r"^totals: (\d+)", path.read_text("utf-8", "replace"), re.MULTILINE)


def _switch(state: str) -> None:
    subprocess.run(["callgrind_control", "-i", state, str(os.getpid())], capture_output=True, check=True)


def main() -> None:
    direction, spec, path = sys.argv[1:]
    given = get_codec(spec) if spec else None
    work = None
    if path.startswith("["):  # a place as JSON: paths are absolute
        work = Work(b"", direction, given, Place.parsed(path))
    elif path:
        work = Work(Path(path).read_bytes(), direction, given)
    if work:
        work.run()
    _switch("on")
    if work:
        work.run()
    _switch("off")


if __name__ == "__main__":
    main()
