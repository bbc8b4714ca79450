"""Fitting the tables of the codec n1_implant to N1 recordings: as a profile of n1, over its own predictions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from n1codec import n1_mapping
from n1codec.codec import CodecError
from n1codec.native import SCRATCH, Kernel, reads, writes
from n1codec.train import fit
from n1codec.train.profile import Profile, untrained

CODES = n1_mapping.CODES
TAPS = 4
_WEIGHTS = slice(5, 5 + TAPS)
_MEAN = 5 + TAPS
_STATE = 12
"""A channel's state in int16: five levels, the weights, three running means."""
_TOTAL = (1 << 22) - CODES
PASSES = fit.PASSES
PROFILE = False
_START = np.array([0, 8192, 1024, 1024, 2048], "<i2")
"""Weights and mean error from which training begins."""

_trace = Kernel("n1c_n1_implant_trace", reads(np.int16), reads(np.uint8), writes(np.int32), writes(np.int16))
_work_size = Kernel("n1c_n1_implant_work_size", int)
_encode = Kernel("n1c_n1_implant_encode", reads(np.int16), reads(np.uint8), SCRATCH, writes(np.uint8))


def _reciprocals() -> np.ndarray:
    """2^17 / M * 2^2 / sigma for M = 32.5 to 63.5: sigma is sqrt(pi / 2) times the mean absolute error."""
    ratio = np.sqrt(np.pi / 2) / 8
    return np.round(4 / ratio * 4 * 32 / (np.arange(32) + 32.5)).astype("u1")


def to_bytes(profile: Profile, start: np.ndarray = _START) -> bytes:
    """Return the tables of n1_implant; ``start`` holds the weights and the mean error that a recording begins with."""
    shape = np.round(profile.shape * _TOTAL).astype("<u4")
    widths = np.ones(CODES) if profile.widths is None else profile.widths
    edges = np.concatenate([[0.0], np.cumsum(widths)]) / widths.sum() * 65536
    return b"".join(
        part.tobytes() for part in (shape, np.round(edges).clip(0, 65535).astype("<u2"), _reciprocals(), start)
    )


def _run(samples: np.ndarray, tables: bytes) -> tuple[np.ndarray, np.ndarray]:
    out, state = np.empty(6 * samples.size, np.int32), np.empty(_STATE, np.int16)
    count = _trace(samples, tables, out, state)
    return out[: 6 * count].reshape(count, 6), state


def _scales() -> np.ndarray:
    """The scale index of n1 for each of ours."""
    index = np.arange(32 * 16)
    sigma = 16 * 4 * 2.0 ** (index // 32 + 2) / _reciprocals()[index % 32]
    variance = np.maximum(sigma**2 / 64, 1)
    octave = np.floor(np.log2(variance))
    return (16 * octave + np.floor((variance / 2**octave - 1) * 16)).astype(np.int32)


def trace(samples: np.ndarray, profile: Profile, start: np.ndarray = _START) -> fit.Trace:
    """Run the implant's model over one channel of N1 samples, shape (frames,)."""
    seen, _ = _run(samples, to_bytes(profile, start))
    code, level, scale, low, high, frequency = np.ascontiguousarray(seen.T)
    return fit.Trace(code, level * 16, _scales()[scale], low * 8, high * 8, frequency * 4)


def _settled(recordings: Sequence[np.ndarray], profile: Profile, start: np.ndarray) -> np.ndarray:
    """Return the weights and the mean error that recordings end with, their means."""
    states = np.array([_run(x, to_bytes(profile, start))[1] for x in recordings])
    weights = np.round(states[:, _WEIGHTS].mean(0)).astype("<i2")
    mean = np.round(np.median(states[:, _MEAN].view(np.uint16))).astype("<u2")
    return np.append(weights, mean.view("<i2"))


def train(recordings: Sequence[np.ndarray], advance: Callable[..., None] = lambda *_: None) -> bytes:
    """Return the tables of recordings, int16 arrays of shape (frames,).

    Args:
        advance: called ``PASSES`` times for each recording.

    Raises:
        CodecError: they are not of N1, or none is long enough.
    """
    profile = fit.find_mapping(recordings)
    if not profile.stretch:
        raise CodecError("n1_implant is for recordings of N1, with 10 bits stretched to 16, only")
    start = _settled(recordings, untrained(), _START)
    profile = fit.fit(recordings, advance, trace=lambda x, p: trace(x, p, start))
    return to_bytes(profile, _settled(recordings, profile, start))


def measure(recordings: Sequence[np.ndarray], tables: bytes) -> float:
    """Return the bytes that the codec needs."""
    size = 0
    for x in recordings:
        out = np.empty(2 * x.size + 1, np.uint8)
        size += _encode(x, tables, np.empty(_work_size(x.size), np.uint8), out)
    return size


def ladder(tables: bytes) -> list[tuple[str, bytes]]:
    """Return what to measure to see what the tables gain, with a name for it."""
    return [("trained tables", tables)]


def to_c(tables: bytes) -> str:
    """Return C source that holds tables as the built-in ones."""
    lines = [
        "/* Tables of the codec n1_implant. Written by n1codec train --codec n1_implant --c-source. */",
        '#include "n1_implant.h"',
        "",
        "const implant_tables n1_implant_n1 = {",
    ]
    at = 0
    for dtype, count in (("<u4", 513), ("<u2", CODES + 1), ("u1", 32), ("<i2", TAPS)):
        values = np.frombuffer(tables, dtype, count, at).tolist()
        at += count * np.dtype(dtype).itemsize
        rows = [", ".join(map(str, values[i : i + 16])) for i in range(0, count, 16)]
        lines += ["    {", *(f"        {row}," for row in rows), "    },"]
    lines += [f"    {np.frombuffer(tables, '<u2', 1, at)[0]},", "};"]
    return "\n".join(lines) + "\n"
