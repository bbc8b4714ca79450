"""Sorting spikes with the sorters of SpikeInterface, in a process and an environment of their own.

SpikeInterface pins versions of libraries that this package has in others, so ``make sorting`` gives it an environment,
whose Python runs ``sort_program.py``. That gets files and answers with JSON.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np

from n1codec import files
from n1codec.codec import CodecError, UnavailableError

VARIABLE = "N1CODEC_SORTING"
"""Names the Python of an environment that has SpikeInterface; without it that of ``make sorting`` is taken."""
_HOME = Path("build") / "environments" / "sorting" / "bin" / "python"
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
"""Say that libraries are to use one thread, so that sums do not depend on how many processors a machine has."""
_PROGRAM = Path(__file__).with_name("sort_program.py")
_PITCH = 100.0
"""Micrometres between electrodes of which nobody says where they are: too far to be taken for neighbours."""


class Sorting(NamedTuple):
    """What a sorter found."""

    units: dict[int, np.ndarray]
    """Frames of each unit's spikes, rising, int64."""
    failure: str = ""
    """Why it found nothing, where it ended with an error."""


class Sorter:
    """A sorter by its name in SpikeInterface, with its own settings: a context, which ends its process.

    Args:
        keep: a folder for what was found, which is not looked for again in the same samples.

    Raises:
        UnavailableError: there is no environment for sorters, or it has no SpikeInterface.
        CodecError: the environment has no such sorter.
    """

    def __init__(self, name: str, keep: Path) -> None:
        self.name = name
        self._keep = keep
        python = _python()
        self._log = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115  (close() closes it)
        self._process = subprocess.Popen(
            [python, _PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, text=True,
            env={**os.environ, **dict.fromkeys(_THREADS, "1")},
        )  # fmt: skip
        try:
            there = json.loads(self._line())
            sorters, version = there["sorters"], there["spikeinterface"]
        except (ValueError, LookupError):
            self.close()
            raise UnavailableError(f"{python}: it has no SpikeInterface that runs (make sorting)") from None
        self.version = f"spikeinterface {version}"
        if name not in sorters:
            self.close()
            raise CodecError(f"{name}: there is no such sorter in {python} (it has {', '.join(sorters)})")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()
        self._log.close()

    def _line(self, sent: str = "") -> str:
        """Send a line to the program and return the one that it answers, "" if it has ended."""
        streams = self._process
        assert streams.stdin and streams.stdout
        with suppress(BrokenPipeError):
            streams.stdin.write(sent)
            streams.stdin.flush()
        return streams.stdout.readline()

    def __call__(self, x: np.ndarray, rate: float, geometry: np.ndarray | None) -> Sorting:
        """Return what the sorter finds.

        Args:
            x: samples, shape (frames, channels).
            geometry: places of the electrodes in micrometres, shape (channels, 2); None where nobody knows: each is
                then sorted as if it had no neighbours.

        Raises:
            CodecError: its process ended.
        """
        places = _places(geometry, x.shape[1])
        job = {"sorter": self.name, "rate": rate, "dtype": x.dtype.name, "channels": x.shape[1],
               "geometry": places.tolist()}  # fmt: skip
        text = json.dumps(job)
        digest = hashlib.sha256(f"{self.version} {text}".encode())
        digest.update(np.ascontiguousarray(x).view(np.uint8).data)
        kept = self._keep / f"sorting-{digest.hexdigest()[:20]}.json"
        if not kept.exists():
            self._keep.mkdir(parents=True, exist_ok=True)
            files.write_text(kept, self._sorted(x, text))
        answer = json.loads(files.read(kept))
        units = answer.get("units", {})
        return Sorting({int(unit): np.array(units[unit], np.int64) for unit in units}, answer.get("failure", ""))

    def _sorted(self, x: np.ndarray, job: str) -> str:
        with tempfile.TemporaryDirectory(prefix="n1-sorting-") as name:
            folder = Path(name)
            (folder / "job.json").write_text(job)
            np.ascontiguousarray(x).tofile(folder / "samples.bin")
            if not self._line(f"{folder}\n"):
                self._log.seek(0)
                last = (self._log.read().strip().splitlines() or [f"exit code {self._process.wait()}"])[-1]
                raise CodecError(f"{self.name}: its program ended without an answer: {last}")
            return (folder / "spikes.json").read_text()


def _python() -> Path:
    """Return the Python of the environment for sorters."""
    said = os.environ.get(VARIABLE)
    checkout = Path(__file__).parents[2]
    for path in (Path(said),) if said else (Path.cwd() / _HOME, checkout / _HOME):
        if path.is_file():
            return path
    raise UnavailableError(
        f"{said}: ${VARIABLE} names no Python (make sorting sets an environment up)" if said
        else f"there is no environment for sorters (make sorting, or name the Python of one with ${VARIABLE})"
    )  # fmt: skip


def _places(geometry: np.ndarray | None, channels: int) -> np.ndarray:
    apart = _PITCH * np.array([(0, number) for number in range(channels)], float)
    if geometry is None:
        return apart
    lost = np.isnan(geometry).any(axis=1)
    return np.where(lost[:, None], apart + np.array([1e5, 0]), geometry)
