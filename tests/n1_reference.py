"""A coder of n1 payloads in plain Python, written from docs/codec.md: slow, and independent of the kernels."""

from __future__ import annotations

import math
import struct
from collections import Counter

import numpy as np

EIGHTHS = (65536, 71468, 77936, 84990, 92682, 101070, 110218, 120194)
SCALES, Z_MAX, FULL = 400, 1 << 14, 1 << 20


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
        assert magic == b"N1P\1"
        self.stretch, self.first = bool(stretch), first - 32768
        self.prior = struct.unpack_from("<33i", data, 16)
        self.shape = struct.unpack_from("<513I", data, 148)
        self.widths = struct.unpack_from(f"<{self.codes}H", data, 2200)


class Model:
    def __init__(self, profile: Profile, codes: int, origin: int, lanes: int, start: int) -> None:
        self.codes, self.lanes, self.floor = codes, lanes, profile.floor
        self.adaptive = not profile.codes and codes <= 4096
        self.cold = not profile.codes
        self.corr_shift = 0 if self.cold else 3
        twice = (origin << 20) // codes + ((origin + 1 << 20) // codes)
        self.origin = (twice >> 6) - (FULL >> 6) if origin else 0
        self.set_widths(profile.widths or [1] * codes)
        mass = (1 << 24) - codes * self.floor
        self.shape = [v * mass >> 24 for v in (*profile.shape, profile.shape[-1])]
        self.count = [0] * codes
        self.shift = start // 16 - 5 if start >= 96 else 0
        rest = start - 16 * self.shift
        mean = max((EIGHTHS[rest % 8] << rest // 8) >> 12, 1)
        self.means = [[mean << 8, mean << 3, mean >> 1] for _ in range(lanes)]
        self.recip = []
        for i in range(SCALES):
            square = ((1 << 53) // (33 + 2 * (i % 16))) >> (i // 16 + 2 * self.shift)
            self.recip.append(max(math.isqrt(square), 160))
        down = 28 + 2 * self.corr_shift - start // 8
        prior = [r * profile.weight * (EIGHTHS[start % 8] >> 4) for r in profile.prior]
        self.prior = [r >> down if down >= 0 else r << -down for r in prior]
        self.corr = [0] * 33
        self.past = [[0] * 32 for _ in range(lanes)]
        self.done = self.next = 0

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

    def solve(self, step: int) -> None:
        for past in self.past:
            x = [c >> self.corr_shift for c in past]
            for t in range(self.done + 32, step + 32):
                for lag in range(33):
                    self.corr[lag] += x[t] * x[t - lag]
        self.done = step
        r = [c + p for c, p in zip(self.corr, self.prior, strict=True)]
        r[0] += (r[0] >> (24 if self.cold else 14)) + 1
        down = r[0].bit_length() - 30
        r = [v >> down if down >= 0 else v << -down for v in r]
        a, error = [0] * 33, r[0]
        self.weights, self.weight_shift, logs = [[0] * 32], [13], [log16(error >> 7 | 1)]
        for order in range(1, 33):
            total = (r[order] << 22) + sum(a[i] * r[order - i] for i in range(1, order))
            k = -quotient(total, error)
            b = a[:]
            for i in range(1, order):
                b[i] += k * a[order - i] >> 22
            b[order] = k
            most = max(abs(v) for v in b)
            left = error - ((error * k >> 22) * k >> 22)
            if abs(k) >= 1 << 22 or most >= 1 << 26 or left < 64:
                break
            a, error = b, left
            logs.append(log16(error >> 7 | 1))
            shift = next(s for s in range(13, 0, -1) if most + 2 < 32767 << (22 - s))
            self.weights.append([-((a[i] + (1 << (21 - shift))) >> (22 - shift)) for i in range(1, 33)])
            self.weights[order][order:] = [0] * (32 - order)
            self.weight_shift.append(shift)
        for column in (self.weights, self.weight_shift, logs):
            column += [column[-1]] * (33 - len(column))
        self.extra = [v - logs[32] for v in logs]
        if self.adaptive and step:
            self.adapt()
        for means in self.means if self.cold else []:
            if means[0] >> 6 > means[1]:
                means[0] = means[1] << 5
        first, period = 128 // self.lanes, 4096 // self.lanes
        self.next = first if step < first else 2 * step if step < period else step + period

    def predict(self, lane: int, step: int) -> tuple[int, int]:
        order = min(step, 32)
        total = sum(w * c for w, c in zip(self.weights[order], reversed(self.past[lane]), strict=False))
        p = clamp(to_int32(total) >> (self.weight_shift[order] - 5), -FULL, FULL)
        slow, middle, fast = self.means[lane]
        v = (5 * (slow >> 8) + 9 * (middle >> 3) + 2 * (fast << 1)) >> 4
        return p, clamp(log16(v | 1) + self.extra[order], 0, SCALES - 1)

    def below(self, code: int, p: int, scale: int) -> int:
        recip = self.recip[scale]
        reach = -(-(1 << 30) // recip)
        z = clamp((clamp(self.threshold[code] - p, -reach, reach) * recip >> 16) + Z_MAX, 0, 2 * Z_MAX)
        low, high = self.shape[z >> 6 : (z >> 6) + 2]
        return low + ((high - low) * (z & 63) >> 6) + code * self.floor

    def take(self, lane: int, step: int, slot: int) -> tuple[int, int, int]:
        """Return the code whose interval holds a slot, the interval's start and length; learn from it."""
        p, scale = self.predict(lane, step)
        low, high = 0, self.codes
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if slot >= self.below(middle, p, scale) else (low, middle)
        return low, *self.learn(lane, step, low, p, scale)

    def give(self, lane: int, step: int, code: int) -> tuple[int, int]:
        """Return the start and the length of a code's interval; learn from it."""
        return self.learn(lane, step, code, *self.predict(lane, step))

    def learn(self, lane: int, step: int, code: int, p: int, scale: int) -> tuple[int, int]:
        centre = self.centre[code]
        self.past[lane].append(centre)
        self.count[code] += 1
        if step >= 32:
            square = clamp((centre - (p >> 5)) >> self.shift, -1023, 1023) ** 2
            means = self.means[lane]
            for i, window in enumerate((12, 7, 3)):
                means[i] += square - (means[i] >> window)
        start = self.below(code, p, scale)
        return start, self.below(code + 1, p, scale) - start


class Head:
    """What a payload in model mode says before its lanes; ``profiles`` holds the built-in ones by number."""

    def __init__(self, payload: bytes, n: int, profiles: dict[int, bytes]) -> None:
        head = payload[0]
        assert head & 3 == 2
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
            if t == model.next:
                model.solve(t)
            for lane, s in enumerate(states):
                code, low, frequency = model.take(lane, t, s % (1 << 24))
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
    for lane in range(lanes):
        for t in range(steps, head.ends[lane]):
            if lanes == 1 and t == model.next:
                model.solve(t)
            code, low, frequency = model.take(lane, t, state % (1 << 24))
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
        if t == model.next:
            model.solve(t)
        lockstep.append([model.give(lane, t, codes[starts[lane] + t]) for lane in range(lanes)])
    tail = []
    for lane in range(lanes):
        for t in range(steps, head.ends[lane]):
            if lanes == 1 and t == model.next:
                model.solve(t)
            tail.append(model.give(lane, t, codes[starts[lane] + t]))
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
