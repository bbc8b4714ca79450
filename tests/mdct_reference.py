"""A slow decoder of mdct's payloads in plain Python, written from docs/lossy.md, and the encoder.

The format leaves an encoder free to choose its numbers; this one chooses as native/src/mdct.c does.
"""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise

from entropy_reference import Encoder
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

    def serving(self, which: int, odd: int) -> dict:
        """Return the counters that serve for a class, without beginning any."""
        used = [c for c, q in self.counters if q == odd]
        return self.counters[min(used, key=lambda c: (abs(c - which), c)), odd] if used else {}

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


def coefficient(halves: int, step: int) -> int:
    size = abs(halves) * step * 1024 // 512
    return size if halves >= 0 else -size


class Samples:
    """Samples of blocks of coefficients, which overlap."""

    def __init__(self, n: int) -> None:
        self.n, self.blocks, self.rest = n, 0, [0] * BLOCK
        self.out: list[int] = []

    def add(self, coefficients: list[int]) -> None:
        x, half = transform(coefficients), BLOCK // 2
        w = [0] * (2 * BLOCK)
        for i in range(half):
            w[i], w[BLOCK - 1 - i] = x[half + i], -x[half + i]
            w[3 * half - 1 - i] = w[3 * half + i] = -x[i]
        if self.blocks:
            self.out += [self.rest[i] + scaled(w[i] * sine(2 * i + 1)) + 512 >> 10 for i in range(BLOCK)]
            del self.out[self.n :]
        self.rest = [scaled(w[BLOCK + i] * sine(2 * (BLOCK - 1 - i) + 1)) for i in range(BLOCK)]
        self.blocks += 1


def decode(payload: bytes, step: int, n: int, events: Counter[str] | None = None) -> list[int]:
    """Return what the kernel gives back: n numbers around 0; count what is rare."""
    d, model, state, samples = Range(payload), Model(), 0, Samples(n)
    for _ in range(-(-n // BLOCK) + 1):
        coefficients, sizes = [], []
        for i in range(BLOCK):
            odd = state >> 1
            near, far = (sizes[i - back] if i >= back else 0 for back in (1, 2))
            k = number(d, model, model.expected(i, near, far), odd)
            halves = 2 * k - (odd and (k > 0) - (k < 0))
            coefficients.append(coefficient(halves, step))
            sizes.append(min(abs(halves), 1 << 20))
            state = NEXT[state][k & 1]
        model.learn(sizes)
        samples.add(coefficients)
    if events is not None:
        events += model.events
    return samples.out


# -- the encoder -------------------------------------------------------------------------------------------------------

UNARY, BITS = 15, 8
"""Of a number's high part, and of a price below the point."""
SOURCES = ((0, 0), (1, 1)), ((2, 0), (3, 1)), ((0, 1), (1, 0)), ((2, 1), (3, 0))
"""By state: the states and parities that lead there."""


def price(p: int) -> int:
    """Return -log2(p / 512), the last bits cut off."""
    v, log, fraction = p << 22, 0, 0
    while v < 1 << 31:
        v, log = v << 1, log + 1
    for _ in range(BITS):
        v = v * v >> 31
        fraction *= 2
        if v >> 32:
            v, fraction = v >> 1, fraction + 1
    return (log << BITS) - fraction


ONES = [price(2 * i + 1) for i in range(256)]
ZEROS = [price(511 - 2 * i) for i in range(256)]


class Prices:
    """What high parts of numbers take, 0 to 15, computed anew for each block."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.sums: dict[tuple[int, int], list[int]] = {}

    def of_class(self, which: int, odd: int) -> list[int]:
        if (which, odd) not in self.sums:
            counters, ones, found = self.model.serving(which, odd), 0, []
            for i in range(UNARY):
                p, _ = counters.get(i, (1 << 21, 0))
                slot = p >> 14
                found.append(ones + ZEROS[slot])
                ones += ONES[slot]
            self.sums[which, odd] = [*found, ones]
        return self.sums[which, odd]

    def of_number(self, which: int, odd: int, low: int, k: int) -> int:
        high = k >> low
        bits = self.of_class(which, odd)[min(high, UNARY)]
        if high >= UNARY:
            bits += 2 * (high - UNARY + 1).bit_length() - 1 << BITS
        return bits + (low + (k != 0) << BITS)


def fold(u: list[int]) -> list[int]:
    half = BLOCK // 2
    w = [scaled(u[i] * sine(2 * min(i, 2 * BLOCK - 1 - i) + 1)) for i in range(2 * BLOCK)]
    upper = [-w[3 * half - 1 - i] - w[3 * half + i] for i in range(half)]
    return upper + [w[i] - w[BLOCK - 1 - i] for i in range(half)]


def choose(model: Model, prices: Prices, bit_price: int, x: list[int], state: int) -> tuple[list[int], int]:
    """Return the numbers of a block's coefficients, in half steps with 8 bits below the point, and the last state."""
    far_off = 1 << 60
    ways = [(0 if s == state else far_off, 0, 0) for s in range(4)]
    steps = []
    for i, v in enumerate(x):
        magnitude, choices = abs(v), []
        for s, (cost, near, far) in enumerate(ways):
            odd = s >> 1
            size = model.expected(i, near, far)
            which, low = class_of(size), max((size >> 8).bit_length() - 3, 0)
            below, found = (magnitude >> 8) + odd >> 1, {}
            for k in (below, below + 1):
                off = magnitude - (2 * k - (odd if k else 0) << 8)
                found[k & 1] = cost + off * off + prices.of_number(which, odd, low, k) * bit_price, k
            if below and magnitude < 6 << 8:
                to_zero = cost + magnitude * magnitude + prices.of_number(which, odd, low, 0) * bit_price
                if to_zero < found[0][0]:
                    found[0] = to_zero, 0
            choices.append(found)
        following, step = [], []
        for (first, first_parity), (second, second_parity) in SOURCES:
            one, other = choices[first][first_parity], choices[second][second_parity]
            (cost, k), source = (other, second) if other[0] < one[0] else (one, first)
            following.append((cost, min(max(2 * k - (source >> 1 if k else 0), 0), 1 << 20), ways[source][1]))
            step.append((k, source))
        ways = following
        steps.append(step)
    last = s = min(range(4), key=lambda one: ways[one][0])
    numbers = [0] * BLOCK
    for i in reversed(range(BLOCK)):
        k, s = steps[i][s]
        numbers[i] = -k if x[i] < 0 else k
    return numbers, last


def put_raw(e: Encoder, v: int, bits: int) -> None:
    while bits > 0:
        some = min(bits, 16)
        bits -= some
        e.uniform(some, v >> bits & (1 << some) - 1)


def put_number(e: Encoder, model: Model, size: int, odd: int, k: int) -> None:
    counters = model.of_class(class_of(size), odd)
    low = max((size >> 8).bit_length() - 3, 0)
    high = abs(k) >> low
    for i in range(UNARY):
        e.bit(counters, i, 200, high > i)
        if high == i:
            break
    if high >= UNARY:
        rest = high - UNARY + 1
        for _ in range(rest.bit_length() - 1):
            put_raw(e, 0, 1)
        put_raw(e, 1, 1)
        put_raw(e, rest, rest.bit_length() - 1)
    put_raw(e, abs(k), low)
    if k:
        put_raw(e, k < 0, 1)


def foretold(halves: list[int], noise: bool) -> int:
    """Return what share of all noise or length a block has, in any unit."""
    sizes = [abs(v) for v in halves]
    coded = [size for size in sizes if size >= 307]
    if not noise:
        return sum(max((min(size, 1 << 30) >> 7).bit_length(), 4) for size in coded)
    squares = sum((size - (size + 205) // 512 * 512) ** 2 for size in sizes)
    return squares * (9 * 36 - 2 * min(max(len(coded) - 51, 0), 36))


def price_in(bit_price: int, octaves: float) -> int:
    e = int((min(max(octaves, -2), 2) + 2) * 256)
    return (bit_price * (256 + (e & 255)) << (e >> 8)) >> 10


def given(mirrored: list[int], n: int, block: int, step: int) -> list[int]:
    """Return a block's coefficients in half steps with 8 bits below the point."""
    places = range((block - 1) * BLOCK, (block + 1) * BLOCK)
    folded = fold([mirrored[(-1 - i if i < 0 else i) % (2 * n)] << 10 for i in places])
    scaled_up = [v << 7 for v in transform(folded)]
    return [v // step if v >= 0 else -(-v // step) for v in scaled_up]


def encode(x: list[int], step: int, bit_price: int, noise: int = 0, length: int = 0) -> bytes:
    """Return the kernel's payload of numbers around 0, with about so much noise or so many bytes."""
    e, model, state, n = Encoder(), Model(), 0, len(x)
    mirrored, blocks, price = x + x[::-1], -(-n // BLOCK) + 1, bit_price
    samples = Samples(n) if noise else None
    parts = []
    if noise or length:
        parts = [foretold(given(mirrored, n, block, step), bool(noise)) for block in range(blocks)]
    if noise:
        parts = [0] + [before + part for before, part in pairwise(parts)]
    for block in range(blocks):
        halves = given(mirrored, n, block, step)
        prices, first = Prices(model), state
        numbers, state = choose(model, prices, price, halves, first)
        sizes: list[int] = []
        restored = []
        for i, k in enumerate(numbers):
            odd = first >> 1
            near, far = (sizes[i - back] if i >= back else 0 for back in (1, 2))
            put_number(e, model, model.expected(i, near, far), odd, k)
            sizes.append(min(max(2 * abs(k) - (odd if k else 0), 0), 1 << 20))
            if samples:
                restored.append(coefficient(2 * k - odd * ((k > 0) - (k < 0)), step))
            first = NEXT[first][k & 1]
        model.learn(sizes)
        lost = 0
        if samples:
            samples.add(restored)
            lost = sum((a - b) ** 2 for a, b in zip(x, samples.out, strict=False))
        if sum(parts):
            taken = lost / noise if noise else (8 * e.bytes_out + 64 - e.size.bit_length()) / 8 / length
            over = (taken - sum(parts[: block + 1]) / sum(parts)) * blocks
            octaves = over / max((blocks - 1 - block) / 24, 4)
            price = price_in(bit_price, -octaves if noise else octaves)
    return e.end().ljust(n // 65536, b"\0")
