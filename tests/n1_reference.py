"""A coder of n1 payloads in plain Python, written from docs/codec.md: slow, and independent of the kernels."""

from __future__ import annotations

import math
import struct
from collections import Counter

import numpy as np

EIGHTHS = (65536, 71468, 77936, 84990, 92682, 101070, 110218, 120194)
SCALES, Z_MAX, FULL, ONE, BOUND = 400, 1 << 14, 1 << 20, 1 << 22, 1 << 30
PAIRS = [(i, j) for j in range(8) for i in range(j + 1)]


def clamp(x: int, low: int, high: int) -> int:
    return min(max(x, low), high)


def quotient(a: int, b: int) -> int:
    """Division that rounds towards zero, as C does."""
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


def log16(v: int) -> int:
    octave = v.bit_length() - 1
    return 16 * octave + ((v << 4 >> octave) & 15)


def to_int32(x: int) -> int:
    return (x + (1 << 31)) % (1 << 32) - (1 << 31)


class Profile:
    def __init__(self, data: bytes) -> None:
        magic, stretch, self.floor, self.codes, first, self.step, self.weight = struct.unpack_from("<4sBBHHHHxx", data)
        assert magic == b"N1P\3"
        self.stretch, self.first = bool(stretch), first - 32768
        self.prior = struct.unpack_from("<36i", data, 16)
        self.shape = struct.unpack_from("<513I", data, 160)
        self.widths = struct.unpack_from(f"<{self.codes}H", data, 2212)


class Lane:
    """What is known of one lane's past, which begins with errors of a scale."""

    def __init__(self, model: Model, start: int) -> None:
        self.power = model.power(start)
        self.moments, self.block = [0] * 36, [0] * 36
        self.new = True
        self.fill(0)

    def fill(self, c: int) -> None:
        self.levels, self.sums = [c] * 8, [c << 2 * i + 1 for i in range(5)]
        self.means = [self.power << 8, self.power << 3, self.power >> 1]

    def learn(self, c: int, p: int, shift: int) -> None:
        if self.new:
            self.new = False
            self.fill(c)
            return
        last = self.levels[0]
        square = clamp((c - (p >> 5)) >> shift, -1023, 1023) ** 2
        for i, window in enumerate((12, 7, 3)):
            self.means[i] += square - (self.means[i] >> window)
        steps = [clamp((x - last) >> shift, -2000, 2000) for x in (c, *self.levels[1:])]
        for n, (i, j) in enumerate(PAIRS):
            self.block[n] += steps[i] * steps[j]
        for i in range(5):
            self.sums[i] += last - (self.sums[i] >> 2 * i + 1)
        self.levels = [c, last, self.levels[1], *(v >> 2 * i + 1 for i, v in enumerate(self.sums))]

    def end_block(self) -> None:
        self.moments = [m + (b + 32 >> 6) for m, b in zip(self.moments, self.block, strict=True)]
        self.block = [0] * 36


class Model:
    def __init__(self, profile: Profile, codes: int, origin: int, lanes: int, start: int) -> None:
        self.codes, self.floor, self.profile, self.start = codes, profile.floor, profile, start
        self.adaptive = not profile.codes and codes <= 4096
        self.cold = not profile.codes
        twice = (origin << 20) // codes + ((origin + 1 << 20) // codes)
        self.origin = (twice >> 6) - (FULL >> 6) if origin else 0
        self.set_widths(profile.widths or [1] * codes)
        mass = (1 << 24) - codes * self.floor
        self.shape = [v * mass >> 24 for v in (*profile.shape, profile.shape[-1])]
        self.count = [0] * codes
        self.shift = start // 16 - 5 if start >= 96 else 0
        self.lanes = [Lane(self, start) for _ in range(lanes)]
        self.recip = []
        for i in range(SCALES):
            square = ((1 << 53) // (33 + 2 * (i % 16))) >> (i // 16 + 2 * self.shift)
            self.recip.append(max(math.isqrt(square), 160))
        self.next = 128 // lanes
        self.solve([])

    def power(self, start: int) -> int:
        rest = start - 16 * self.shift
        return max((EIGHTHS[rest % 8] << rest // 8) >> 12, 1)

    def set_widths(self, widths: list[int]) -> None:
        total, edges = sum(widths) or 1, [0]
        for w in widths:
            edges.append(edges[-1] + w)
        self.threshold = [(e << 20) // total - FULL // 2 for e in edges]
        self.centre = [(a + b) >> 6 for a, b in zip(self.threshold, self.threshold[1:], strict=False)]
        if self.origin:
            self.threshold = [v - 32 * self.origin for v in self.threshold]
            self.centre = [clamp(v - self.origin, -32767, 32767) for v in self.centre]
        self.threshold[0], self.threshold[-1] = -8 << 20, 8 << 20

    def adapt(self) -> None:
        widths = []
        for k in range(self.codes):
            near = [(7 - abs(d), self.count[k + d]) for d in range(-6, 7) if 0 <= k + d < self.codes]
            smooth = (sum(w * c for w, c in near) << 8) // sum(w for w, _ in near) + (16 << 8)
            widths.append(((self.count[k] + 16) << 20) // smooth + 1)
        self.set_widths(widths)

    def solve(self, lanes: list[Lane]) -> None:
        a = [[0] * 8 for _ in range(8)]
        for n, (i, j) in enumerate(PAIRS):
            prior = (self.profile.prior[n] * self.profile.weight >> 10) * self.power(self.start) >> 16
            a[i][j] = prior + sum(lane.moments[n] for lane in lanes)
            a[i][j] += (a[i][j] >> 14) + 1 if i == j else 0
        down = max(1, *(a[i][i] for i in range(8))).bit_length() - 30
        for i, j in PAIRS:
            a[i][j] = clamp(a[i][j] >> down if down >= 0 else a[i][j] << -down, -BOUND, BOUND)
        for k in range(7, 0, -1):
            for j in range(k) if a[k][k] >= 64 else ():
                part = clamp(quotient(a[j][k] * ONE, a[k][k]), -64 * ONE, 64 * ONE)
                for i in range(j + 1):
                    a[i][j] = clamp(a[i][j] - (part * a[i][k] >> 22), -BOUND, BOUND)
        w = [ONE] + [0] * 7
        for k in range(1, 8):
            if a[k][k] >= 64:
                rest = a[0][k] * ONE - sum(a[i][k] * w[i] for i in range(1, k))
                w[k] = clamp(quotient(rest, a[k][k]), -16 * ONE, 16 * ONE)
            w[0] -= w[k]
        most = max(abs(v) for v in w)
        q = next(q for q in range(13, 0, -1) if most < 32760 << (22 - q))
        rounded = [(v + (1 << (21 - q))) >> (22 - q) for v in w[1:]]
        self.weights, self.weight_shift = [(1 << q) - sum(rounded), *rounded], q
        for lane in lanes:
            lane.moments = [m - (m >> 3) for m in lane.moments]

    def before(self, step: int) -> None:
        if step != self.next and step % 128:
            return
        for lane in self.lanes:
            lane.end_block()
        if step != self.next:
            return
        self.solve(self.lanes)
        if self.adaptive:
            self.adapt()
        for lane in self.lanes if self.cold else []:
            if lane.means[0] >> 6 > lane.means[1]:
                lane.means[0] = lane.means[1] << 5
        self.next += min(step, 4096 // len(self.lanes))

    def predict(self, lane: int) -> tuple[int, int]:
        state = self.lanes[lane]
        total = sum(w * x for w, x in zip(self.weights, state.levels, strict=True))
        slow, middle, fast = state.means
        v = (5 * (slow >> 8) + 9 * (middle >> 3) + 2 * (fast << 1)) >> 4
        scale = clamp(log16(v | 1) + (96 if state.new else 0), 0, SCALES - 1)
        return clamp(to_int32(total) >> (self.weight_shift - 5), -FULL, FULL), scale

    def below(self, code: int, p: int, scale: int) -> int:
        recip = self.recip[scale]
        reach = -(-(1 << 30) // recip)
        z = clamp((clamp(self.threshold[code] - p, -reach, reach) * recip >> 16) + Z_MAX, 0, 2 * Z_MAX)
        low, high = self.shape[z >> 6 : (z >> 6) + 2]
        return low + ((high - low) * (z & 63) >> 6) + code * self.floor

    def take(self, lane: int, slot: int) -> tuple[int, int, int]:
        """Return the code whose interval holds a slot, the interval's start and length; learn from it."""
        p, scale = self.predict(lane)
        low, high = 0, self.codes
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if slot >= self.below(middle, p, scale) else (low, middle)
        return low, *self.learn(lane, low, p, scale)

    def give(self, lane: int, code: int) -> tuple[int, int]:
        """Return the start and the length of a code's interval; learn from it."""
        return self.learn(lane, code, *self.predict(lane))

    def learn(self, lane: int, code: int, p: int, scale: int) -> tuple[int, int]:
        self.lanes[lane].learn(self.centre[code], p, self.shift)
        self.count[code] += 1
        start = self.below(code, p, scale)
        return start, self.below(code + 1, p, scale) - start


class Head:
    """What a payload in model mode says before its lanes; ``profiles`` holds the built-in ones by number."""

    def __init__(self, payload: bytes, n: int, profiles: dict[int, bytes]) -> None:
        head = payload[0]
        assert head & 3 == 3
        profile = Profile(profiles[head >> 3 & 3])
        codes, at = profile.codes or 1024, 1
        origin = 0
        if head & 4:
            first, step, phase, codes, origin = struct.unpack_from("<HIHHH", payload, at)
            codes, at = codes + 1, at + 12
            self.table = [first - 32768 + (k * step + phase >> 13) for k in range(codes)]
        else:
            self.table = [math.trunc(k * 65535 / 1023 - 32768) for k in range(codes)]
        self.end = at + 1
        self.lanes = 1 if n < 4096 else 8
        self.model = Model(profile, codes, origin, self.lanes, payload[at])
        length = n // self.lanes
        self.steps = 0 if self.lanes == 1 else length - 8
        self.ends = [length] * (self.lanes - 1) + [n - length * (self.lanes - 1)]
        self.tail = [(t, lane) for t in range(self.steps, self.ends[-1]) for lane in range(self.lanes)]
        self.tail = [(t, lane) for t, lane in self.tail if t < self.ends[lane]]


def decode(payload: bytes, n: int, profiles: dict[int, bytes]) -> np.ndarray:
    """Return the samples of a payload in model mode; ``profiles`` holds the built-in ones by number."""
    head = Head(payload, n, profiles)
    model, lanes, steps, table, at = head.model, head.lanes, head.steps, head.table, head.end
    out = [[0] * end for end in head.ends]
    tail = b""
    if lanes == 8:
        (lengths,) = struct.unpack_from("<H", payload, at)
        at += 2
        states = []
        for lane in range(8):
            size = 5 + (lengths >> 2 * lane & 3)
            states.append(int.from_bytes(payload[at : at + size], "little"))
            at += size
        for t in range(steps):
            model.before(t)
            for lane, s in enumerate(states):
                code, low, frequency = model.take(lane, s % (1 << 24))
                out[lane][t] = code
                s = frequency * (s >> 24) + s % (1 << 24) - low
                if s < 1 << 32:
                    s = s << 32 | int.from_bytes(payload[at : at + 4], "little")
                    at += 4
                states[lane] = s
        assert all(s >> 32 == 1 for s in states)
        tail = b"".join((s % (1 << 32)).to_bytes(4, "little") for s in states)
    tail += payload[at:]
    state, at = int.from_bytes(tail[:4], "big"), 4
    for t, lane in head.tail:
        if lanes == 1:
            model.before(t)
        code, low, frequency = model.take(lane, state % (1 << 24))
        out[lane][t] = code
        state = frequency * (state >> 24) + state % (1 << 24) - low
        while state < 1 << 24 and at < len(tail):
            state, at = state << 8 | tail[at], at + 1
    assert state == 1 << 24
    return np.array([table[code] for lane in out for code in lane], np.int16)


def encode(x: np.ndarray, payload: bytes, profiles: dict[int, bytes]) -> tuple[bytes, Counter[str]]:
    """Return the payload of samples, and what happened on the way; the head is taken from the kernel's ``payload``."""
    head = Head(payload, x.size, profiles)
    model, lanes, steps = head.model, head.lanes, head.steps
    code = {value: k for k, value in enumerate(head.table)}
    codes = [code[value] for value in x.tolist()]
    starts = [0] + [sum(head.ends[: lane + 1]) for lane in range(lanes)]
    lockstep: list[list[tuple[int, int]]] = []
    for t in range(steps):
        model.before(t)
        lockstep.append([model.give(lane, codes[starts[lane] + t]) for lane in range(lanes)])
    tail = []
    for t, lane in head.tail:
        if lanes == 1:
            model.before(t)
        tail.append(model.give(lane, codes[starts[lane] + t]))
    body, events = ans(tail, lockstep, lanes > 1)
    return (payload[: head.end] + body).ljust(x.size // 2048 + 1, b"\0"), events


def ans(
    tail: list[tuple[int, int]], lockstep: list[list[tuple[int, int]]], several: bool
) -> tuple[bytes, Counter[str]]:
    """Return the bytes of intervals (start, length) of 2^24, and what happened on the way.

    Those of the tail share one state that bytes leave; those in lockstep have a state for each of eight lanes, which
    begin with the tail's first bytes, and lose 32 bits at a time. A length of 0 is a lane without a sample.
    """
    events: Counter[str] = Counter()
    state, out = 1 << 24, bytearray()
    for start, length in reversed(tail):
        count = 0
        while state >= length << 8:
            events["tail at its bound"] += state == length << 8
            out.append(state & 255)
            state, count = state >> 8, count + 1
        events[f"tail loses {count} bytes"] += 1
        state = (state // length << 24) + state % length + start
    end = state.to_bytes(4, "big") + bytes(reversed(out))
    if not several:
        return end, events
    events["tail shorter than the states"] += len(end) < 32
    events["tail longer than the states"] += len(end) > 32
    states = [1 << 32 | int.from_bytes(end[4 * lane : 4 * lane + 4], "little") for lane in range(8)]
    words = bytearray()
    for row in reversed(lockstep):
        for lane in reversed(range(8)):
            start, length = row[lane]
            if not length:
                events["idle"] += 1
                continue
            state = states[lane]
            if state >= length << 40:
                words += (state & 0xFFFFFFFF).to_bytes(4, "big")
                state >>= 32
                events[f"word of lane {lane}"] += 1
            states[lane] = (state // length << 24) + state % length + start
    sizes = [max((state.bit_length() + 7) // 8, 5) for state in states]
    events.update(f"state of {size} bytes" for size in sizes)
    lengths = sum(size - 5 << 2 * lane for lane, size in enumerate(sizes))
    packed = b"".join(state.to_bytes(size, "little") for state, size in zip(states, sizes, strict=True))
    return lengths.to_bytes(2, "little") + packed + bytes(reversed(words)) + end[32:], events
