"""Codes, and the packets that the C library makes of them."""

from __future__ import annotations

from collections.abc import Container

import numpy as np

from n1codec import n1_mapping
from n1codec.stream import PacketEncoder

RATE = 19531


def like_n1(frames: int, channels: int, width: float, seed: int = 1) -> np.ndarray:
    """Return codes of noise and slow waves, shape (frames, channels)."""
    rng = np.random.default_rng(seed)
    slow = width * np.sin(np.arange(frames)[:, None] / rng.uniform(10, 300, channels))
    return np.round(512 + slow + rng.normal(0, width, (frames, channels))).clip(0, 1023).astype(int)


def packets_of(codes: np.ndarray, frames: int, period: int, restarts: Container[int] = ()) -> list[bytes]:
    """Return what the C library makes of codes, shape (frames, channels), with a restart before some packets."""
    encoder = PacketEncoder(codes.shape[1], RATE, "n1_implant", frames, key_seconds=(period + 0.1) * frames / RATE)
    assert encoder.key_packets == period
    samples = n1_mapping.values()[codes]
    found = []
    for i in range(len(codes) // frames):
        if i in restarts:
            encoder.restart()
        found.append(encoder.push(samples[i * frames : (i + 1) * frames]))
    return found
