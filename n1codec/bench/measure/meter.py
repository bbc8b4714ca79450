"""Process time and peak memory of this process, and limits of it."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from time import process_time

from n1codec.codec import CodecError

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

_STATUS = Path("/proc/self/status")
_RESET = Path("/proc/self/clear_refs")


def processor_seconds() -> float:
    """Return the process time of all threads, and of processes that were started and have ended.

    It is a system call, and dear on virtual machines: not for every pass of something quick.
    """
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
