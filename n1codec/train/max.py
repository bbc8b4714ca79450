"""Training of the codec n1_max.

Code widths come from the training of n1. The linear predictors get the mean of the recordings' own weights and the
covariance of these as a prior. The network learns by the codec's own kernel, from several recordings in turn, at a
rate that falls from pass to pass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from n1codec import n1_mapping
from n1codec.codec import CodecError
from n1codec.native import SCRATCH, Kernel, reads, updates
from n1codec.train import fit

INPUTS, H1, H2, PARTS = 64, 64, 32, 8
NET = INPUTS * H1 + H1 * H2 + H2 + H2 * 3 * PARTS + 3 * PARTS
EPOCHS = 3
PASSES = fit.PASSES + EPOCHS
PROFILE = False
TOGETHER = 12
"""Recordings that the network learns from in turn, 16 samples each."""
FIRST_RATE, LAST_RATE = 1e-3, 1e-5

_work_size = Kernel("n1c_n1_max_learn_work_size", int)
_learn = Kernel("n1c_n1_max_learn", reads(np.uint16), reads(np.uint8), updates(np.float32), SCRATCH, int, int)


def _codes(samples: np.ndarray) -> np.ndarray:
    return n1_mapping.codes(samples).astype(np.uint16)


def _regressors(x: np.ndarray) -> np.ndarray:
    """Running means over 32, 64, .. 4096 samples and the last 24 samples before each of x, shape (32, samples)."""
    from scipy.signal import lfilter

    rows = []
    for octave in range(5, 13):
        rate = 0.5**octave
        rows.append(lfilter([0, rate], [1, rate - 1], x, zi=[x[0]])[0])
    rows += [np.concatenate([np.full(lag, x[0]), x[:-lag]]) for lag in range(24, 0, -1)]
    return np.array(rows)


def _priors(recordings: Sequence[np.ndarray], centres: np.ndarray) -> bytes:
    """For the predictors of all 32 regressors and of the last 16: mean weights and the inverse of their covariance."""
    weights: dict[int, list[np.ndarray]] = {32: [], 16: []}
    for codes in recordings:
        x = centres[codes]
        settled = min(4096, x.size // 2)
        if np.ptp(x[settled:]) > 900:
            continue  # from rail to rail: no signal of the usual kind
        a = _regressors(x)[:, settled:]
        covariance, against = a @ a.T, a @ x[settled:]
        for order, found in weights.items():
            part = covariance[-order:, -order:]
            part = part + np.eye(order) * (np.trace(part) / order * 1e-9)
            found.append(np.linalg.solve(part, against[-order:]))
    out = b""
    for order, found in weights.items():
        if len(found) < 2:
            raise CodecError("there is too little to train on: it takes two recordings or more that stay off the rails")
        spread = np.cov(np.array(found).T)
        spread += np.eye(order) * np.trace(spread) / order * 0.02
        out += np.mean(found, axis=0).astype("<f4").tobytes() + np.linalg.inv(spread).astype("<f4").tobytes()
    return out


def _start(rng: np.random.Generator) -> np.ndarray:
    """Random parameters, and after them the mean squares of their gradients, float32."""
    first = rng.normal(0, 0.0625, (INPUTS, H1))
    first[-1] = rng.normal(0, 0.3, H1)
    second = rng.normal(0, 0.125, (H1, H2))
    third = rng.normal(0, 0.03, (H2, 3 * PARTS))
    means = [-1.5, -0.7, -0.3, 0, 0, 0.3, 0.7, 1.5]
    scales = [-0.3, -0.3, -0.3, -0.3, 0.3, -0.3, -0.3, -0.3]
    parts = (first.ravel(), second.ravel(), np.zeros(H2), third.ravel(), np.zeros(PARTS), means, scales)
    return np.concatenate([*parts, np.full(NET, 0.01)]).astype(np.float32)


def _pack(head: bytes, net: np.ndarray) -> bytes:
    parameters = np.round(net[:NET] * 4096).clip(-32768, 32767).astype("<i2")
    moments = np.round(2 * np.log2(net[NET:] + 1e-18)).clip(-128, 127).astype(np.int8)
    return head + parameters.tobytes() + moments.tobytes()


def train(
    recordings: Sequence[np.ndarray],
    advance: Callable[..., None] = lambda *_: None,
    *,
    epochs: float = EPOCHS,
    seed: int = 0,
    widths: np.ndarray | None = None,
) -> bytes:
    """Return the tables of the codec n1_max.

    Args:
        recordings: int16 arrays of shape (frames,), N1 samples.
        advance: called ``PASSES`` times for each recording.
        epochs: how often each is learned from.
        widths: of the 1024 codes; None: they are fitted first.

    Raises:
        CodecError: they are no N1 recordings, or too few.
    """
    if widths is None:
        if not fit.find_mapping(recordings).stretch:
            raise CodecError("n1_max is for recordings of 10 bits stretched to 16")
        profile = fit.fit(recordings, advance)
        if profile.widths is None:
            raise CodecError("n1_max is for recordings of 10 bits stretched to 16")
        widths = profile.widths
    stored = np.round(widths * 1024).clip(1, 65535).astype("<u2")
    thresholds = np.concatenate([[0], np.cumsum(stored, dtype=np.int64)])
    centres = (thresholds[1:] + thresholds[:-1] - thresholds[-1]) * (512 / thresholds[-1])
    recordings = [_codes(x) for x in recordings if x.size >= fit.SHORTEST]
    head = stored.tobytes() + _priors(recordings, centres)
    rng = np.random.default_rng(seed)
    net = _start(rng)
    tables = np.frombuffer(_pack(head, net), np.uint8)
    together = min(TOGETHER, len(recordings))
    passes = max(1, round(epochs * len(recordings) / together))
    order = np.concatenate([rng.permutation(len(recordings)) for _ in range(int(epochs) + 2)])
    work = np.empty(_work_size(together), np.uint8)
    for number in range(passes):
        group = [recordings[i] for i in order[number * together : (number + 1) * together]]
        length = min(x.size for x in group) // 16 * 16
        rate = FIRST_RATE * (LAST_RATE / FIRST_RATE) ** (number / max(passes - 1, 1))
        codes = np.concatenate([x[:length] for x in group])
        _learn(codes, tables, net, work, together, round(rate * 1e9))
        advance("", together)
    return _pack(head, net)


def measure(recordings: Sequence[np.ndarray], tables: bytes) -> float:
    """Return the bytes of the ideal code; the codec's own are as many and a few for each recording."""
    work, net = np.empty(_work_size(1), np.uint8), np.zeros(2 * NET, np.float32)
    return sum(_learn(_codes(x), tables, net, work, 1, 0) for x in recordings) / 8


def ladder(tables: bytes) -> list[tuple[str, bytes]]:
    """Return what to measure to see what the tables gain, with a name for it."""
    return [("trained tables", tables)]


def to_c(tables: bytes) -> str:
    """Return C source that holds the tables."""
    lines = [
        "/* Tables of the codec n1_max. Written by n1codec train --codec n1_max --c-source. */",
        '#include "n1_max.h"',
        "",
    ]
    lines += ["const uint8_t n1_max_tables[] = {"]
    lines += ["    " + ", ".join(map(str, tables[i : i + 28])) + "," for i in range(0, len(tables), 28)]
    return "\n".join([*lines, "};"]) + "\n"
