"""Samples of any type, the same on every machine and with every NumPy: golden files hold some."""

from __future__ import annotations

import numpy as np


def walk(frames: int, channels: int, dtype: str = "<i2") -> np.ndarray:
    """Random walks of whole numbers, shape (frames, channels); those of few bits overflow."""
    state = np.arange(frames * channels, dtype=np.uint64) * np.uint64(2654435761) % np.uint64(1 << 32)
    steps = (state >> np.uint64(16)).astype(np.int64).reshape(frames, channels) % 7 - 3
    with np.errstate(over="ignore"):
        return np.cumsum(steps, axis=0).astype(dtype)
