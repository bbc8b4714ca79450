"""What a person writes for a memory limit and for processors."""

from __future__ import annotations

import os
import re

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def memory(text: str) -> int:
    """Return a size in bytes: a number with K, M, G or T for powers of 1024, or nothing for bytes.

    Raises:
        ValueError: it is no such size.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)i?B?", text.strip(), re.IGNORECASE)
    if not found or not float(found[1]):
        raise ValueError(f"{text}: it is no size (write 500M or 2G)")
    return int(float(found[1]) * _UNITS[found[2].upper()])


def processors(text: str, jobs: int) -> tuple[int, ...]:
    """Return the processors named in ``text``, separated by commas, one for each of ``jobs`` at least.

    Raises:
        ValueError: they are not there, too few, or the system cannot pin a process to one.
    """
    if not hasattr(os, "sched_getaffinity"):
        raise ValueError("this system cannot pin a process to a processor")
    here = os.sched_getaffinity(0)
    names = [name.strip() for name in text.split(",")]
    if not all(name.isdecimal() and int(name) in here for name in names) or len(set(names)) < len(names):
        raise ValueError(f"{text}: choose from the processors {', '.join(map(str, sorted(here)))}")
    if len(names) < jobs:
        raise ValueError(f"{text}: {jobs} codecs at the same time need {jobs} processors")
    return tuple(map(int, names))
