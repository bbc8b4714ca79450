"""A slow decoder of mdct's payloads in plain Python, written from docs/lossy.md."""

from __future__ import annotations

import math
from collections import Counter

from format_reference import Range

BLOCK = 256
TABLE = [round(math.sin(math.pi * j / 1024) * 2**20) for j in range(1025)]
NEXT = ((0, 2), (2, 0), (1, 3), (3, 1))


def sine(j: int) -> int:
    return TABLE[j]


def cosine(j: int) -> int:
    return TABLE[512 - j] if j <= 512 else -TABLE[j - 512]


def scaled(v: int) -> int:
    return v + 2**19 >> 20


def turned(v: tuple[int, int], j: int) -> tuple[int, int]:
    return (
        scaled(v[0] * cosine(j) + v[1] * sine(j)),
        scaled(v[1] * cosine(j) - v[0] * sine(j)),
    )


def transform(x: list[int]) -> list[int]:
    half = BLOCK // 2
    v = [(0, 0)] * half
    for n in range(half):
        v[int(f"{n:07b}"[::-1], 2)] = turned((x[2 * n], x[BLOCK - 1 - 2 * n]), 4 * n + 1)
    width = 1
    while width < half:
        for k in range(width):
            for i in range(k, half, 2 * width):
                a, b = v[i], turned(v[i + width], k * (1024 // width))
                v[i], v[i + width] = (a[0] + b[0], a[1] + b[1]), (a[0] - b[0], a[1] - b[1])
        width *= 2
    y = [0] * BLOCK
    for k in range(half):
        t = turned(v[k], 4 * k)
        y[2 * k], y[BLOCK - 1 - 2 * k] = scaled(t[0] * 92682), -scaled(t[1] * 92682)
    return y


class Model:
    def __init__(self) -> None:
        self.counters: dict[tuple[int, int], dict] = {}
        self.mean = [0] * BLOCK
        self.around = [0] * BLOCK
        self.blocks = 0
        self.events: Counter[str] = Counter()
        """How often what is rare has happened."""

    def expected(self, i: int, near: int, far: int) -> int:
        weight = min(self.blocks, 60)
        return (weight * self.around[i] + (2 * near + far) * 256 // 3) // (weight + 1)

    def of_class(self, which: int, odd: int) -> dict:
        if (which, odd) not in self.counters:
            used = [c for c, q in self.counters if q == odd]
            own = {}
            if used:
                nearest = min(used, key=lambda c: (abs(c - which), c))
                own = {i: (p, min(seen, 2)) for i, (p, seen) in self.counters[nearest, odd].items()}
                self.events["lower" if nearest < which else "higher"] += 1
            self.counters[which, odd] = own
        return self.counters[which, odd]

    def learn(self, sizes: list[int]) -> None:
        rate = 131072 // (2 * min(self.blocks, 60) + 3)
        for i, size in enumerate(sizes):
            step = (size * 256 - self.mean[i]) * rate
            self.mean[i] += abs(step) // 65536 * (1 if step > 0 else -1)
        for i in range(BLOCK):
            low, high = self.mean[max(i - 1, 0)], self.mean[min(i + 1, BLOCK - 1)]
            self.around[i] = (low + 2 * self.mean[i] + high) // 4
        self.blocks += 1


def class_of(size: int) -> int:
    width = size.bit_length()
    return size if width < 3 else 4 * (width - 2) + (size >> (width - 3) & 3)


def raw(d: Range, bits: int) -> int:
    v = 0
    while bits > 0:
        some = min(bits, 16)
        v = v << some | d.even(some)
        bits -= some
    return v


def number(d: Range, model: Model, size: int, odd: int) -> int:
    counters = model.of_class(class_of(size), odd)
    low = max((size >> 8).bit_length() - 3, 0)
    high = 0
    while high < 15 and d.bit(counters, high, 200):
        high += 1
    if high == 15:
        model.events["escape"] += 1
        bits = 0
        while not d.even(1):
            bits += 1
        high = 14 + (1 << bits | raw(d, bits))
        model.events["long escape"] += bits > 16
    model.events["low bits"] += low > 16
    magnitude = high << low | raw(d, low)
    return -magnitude if magnitude and d.even(1) else magnitude


def decode(payload: bytes, step: int, n: int, events: Counter[str] | None = None) -> list[int]:
    """Return what the kernel gives back: n numbers around 0; count what is rare."""
    d, model, state = Range(payload), Model(), 0
    rest, out = [0] * BLOCK, []
    for block in range(-(-n // BLOCK) + 1):
        coefficients, sizes = [], []
        for i in range(BLOCK):
            odd = state >> 1
            near, far = (sizes[i - back] if i >= back else 0 for back in (1, 2))
            k = number(d, model, model.expected(i, near, far), odd)
            halves = 2 * k - (odd and (k > 0) - (k < 0))
            scaled_up = abs(halves) * step * 1024 // 512
            coefficients.append(scaled_up if halves >= 0 else -scaled_up)
            sizes.append(min(abs(halves), 1 << 20))
            state = NEXT[state][k & 1]
        model.learn(sizes)
        x = transform(coefficients)
        half = BLOCK // 2
        w = [0] * (2 * BLOCK)
        for i in range(half):
            w[i], w[BLOCK - 1 - i] = x[half + i], -x[half + i]
            w[3 * half - 1 - i] = w[3 * half + i] = -x[i]
        if block:
            out += [rest[i] + scaled(w[i] * sine(2 * i + 1)) + 512 >> 10 for i in range(BLOCK)]
        rest = [scaled(w[BLOCK + i] * sine(2 * (BLOCK - 1 - i) + 1)) for i in range(BLOCK)]
    if events is not None:
        events += model.events
    return out[:n]
