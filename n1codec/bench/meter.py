"""Wall time, process time and peak memory of a piece of work."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import perf_counter, process_time
from typing import NamedTuple, TypeVar

from n1codec.codec import CodecError

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

T = TypeVar("T")
_STATUS = Path("/proc/self/status")
_RESET = Path("/proc/self/clear_refs")


class Times(NamedTuple):
    """Seconds of one pass."""

    wall: float
    process: float
    """Of all threads, and of processes that were started and have ended."""


def timed(work: Callable[[], T]) -> tuple[T, Times]:
    """Do something and time it; the clock that is quicker to read is read last and first."""
    process = _processor_seconds()
    start = perf_counter()
    result = work()
    wall = perf_counter() - start
    return result, Times(wall, _processor_seconds() - process)


def _processor_seconds() -> float:
    if resource is None:
        return process_time()
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return process_time() + children.ru_utime + children.ru_stime


def reset_peak() -> None:
    """Forget the peak so far. Where the system has no such thing (it is Linux's) the peak only ever grows."""
    with suppress(OSError):
        _RESET.write_text("5")


def peak() -> int | None:
    """Return the peak resident memory in bytes of this process, None where the system does not tell.

    On Linux it is that since :func:`reset_peak`, to about a quarter of a megabyte.
    """
    return _status("VmHWM:") or _largest()


def resident() -> int | None:
    """Return the resident memory in bytes of this process; its peak where the system tells no more."""
    return _status("VmRSS:") or _largest()


def limit_memory(extra: int) -> None:
    """Let this process take no more than ``extra`` bytes of address space beyond what it has now.

    Raises:
        CodecError: the system has no such limit; Linux has.
    """
    used = _status("VmSize:")
    if resource is None or used is None:
        raise CodecError("this system cannot limit a process's memory (leave --memory-limit away)")
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + extra, hard))


def _status(field: str) -> int | None:
    try:
        lines = _STATUS.read_text("ascii", "replace").splitlines()
    except OSError:
        return None
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith(field)), None)


def _largest() -> int | None:
    if resource is None:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
