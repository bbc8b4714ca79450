"""Training of the codec n1: its tables are a profile, the bytes of a .n1p file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from n1codec.native import SCRATCH, Kernel, reads, writes
from n1codec.train import fit
from n1codec.train.profile import Profile, to_c_tables, untrained

PASSES = fit.PASSES
PROFILE = True

_work_size = Kernel("n1c_n1_work_size", int)
_encode = Kernel("n1c_n1_encode", reads(np.int16), reads(np.uint8), SCRATCH, writes(np.uint8), int)


def train(recordings: Sequence[np.ndarray], advance: Callable[..., None] = lambda *_: None) -> bytes:
    """Return the profile of recordings, int16 arrays of shape (frames,).

    Args:
        advance: called ``PASSES`` times for each recording.

    Raises:
        CodecError: none of them is long enough.
    """
    return fit.fit(recordings, advance).to_bytes()


def measure(recordings: Sequence[np.ndarray], tables: bytes) -> float:
    """Return the bytes that the codec needs with a profile, or without one if ``tables`` is empty."""
    size = 0
    for x in recordings:
        out = np.empty(2 * x.size + 32, np.uint8)
        size += _encode(x, tables, np.empty(_work_size(x.size), np.uint8), out, 1)
    return size


def ladder(tables: bytes) -> list[tuple[str, bytes]]:
    """Return what to measure to see what each part of a profile gains, with a name for each, the least first."""
    profile, start = Profile.from_bytes(tables), untrained()
    untold: dict[str, Any] = {"prior": start.prior, "weight": start.weight}
    steps = [("widths learned on the way (profile=none)", b"")]
    if profile.widths is not None:
        equal = profile._replace(widths=np.ones(profile.widths.size), shape=start.shape, **untold)
        steps.insert(0, ("equal widths", equal.to_bytes()))
        steps.append(("trained widths", profile._replace(shape=start.shape, **untold).to_bytes()))
    return [
        *steps,
        ("and trained shape of the residual", profile._replace(**untold).to_bytes()),
        ("and trained prior of the predictor: the profile", tables),
    ]


def to_c(tables: bytes) -> str:
    """Return C source that holds a profile, and that of a cold start, as the built-in ones."""
    return to_c_tables({"n1_profile_none": untrained().to_bytes(), "n1_profile_n1": tables})
