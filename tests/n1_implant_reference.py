"""The encoder of n1_implant in plain Python, written from docs/implant.md: slow, and independent of the kernels.

As a program it counts the operations that a sample takes: python tests/n1_implant_reference.py
"""

from __future__ import annotations

import struct
from collections import Counter
from typing import Any

from entropy_reference import Steered

TOTAL = 1 << 22
TABLES = struct.Struct("<513I1025H32B4hH")

counts: Counter[str] = Counter()


class Counted(int):
    """An integer that counts what is done with it; comparisons are counted by ``clamp`` and ``less``."""

    def _count(self, what: str, value: int) -> Counted:
        counts[what] += 1
        return Counted(value)

    def __add__(self, other: int) -> Counted:
        return self._count("additions", int(self) + int(other))

    def __sub__(self, other: int) -> Counted:
        return self._count("additions", int(self) - int(other))

    def __neg__(self) -> Counted:
        return self._count("additions", -int(self))

    def __mul__(self, other: int) -> Counted:
        bits = sorted((max(int(self).bit_length(), 1), max(int(other).bit_length(), 1)))
        return self._count("multiplications 16 x 16" if bits[1] <= 16 else "wider multiplications", int(self) * other)

    def __lshift__(self, other: int) -> Counted:
        return self._count("shifts", int(self) << int(other))

    def __rshift__(self, other: int) -> Counted:
        return self._count("shifts", int(self) >> int(other))

    def __and__(self, other: int) -> Counted:
        return self._count("masks", int(self) & int(other))


def less(a: int, b: int) -> bool:
    counts["comparisons"] += 1
    return int(a) < int(b)


def clamp(x: int, low: int, high: int) -> int:
    if less(x, low):
        return Counted(low)
    return Counted(high) if less(high, x) else x


class Tables:
    def __init__(self, data: bytes) -> None:
        values = TABLES.unpack(data)
        self.shape, self.edges, self.recip = values[:513], values[513:1538], values[1538:1570]
        self.weights, self.mean = values[1570:1574], values[1574]

    def read(self, table: str, i: int) -> Counted:
        counts["table reads"] += 1
        return Counted(getattr(self, table)[int(i)])


class Channel:
    """What is kept from sample to sample."""

    def __init__(self, t: Tables, first: int) -> None:
        level = Counted((t.edges[first] + t.edges[first + 1]) // 2 - 32768)
        self.last, self.step, self.slow = level, Counted(0), [level] * 3
        self.weights = [Counted(w) for w in t.weights]
        self.mean = [Counted(t.mean)] * 3

    def predict(self) -> None:
        slow, middle, fast = self.mean
        v = clamp(((slow << 2) + slow + (middle << 1) + fast) >> 3, 64, 16383)
        counts["leading zeros"] += 1
        self.exponent = Counted(v.bit_length() - 1)
        self.mantissa = (v >> (self.exponent - 5)) & 31
        s = self.slow
        self.r = [self.step, difference(s[0], self.last), difference(s[1], s[0]), difference(s[2], s[1])]
        total = Counted(1 << 2)
        for w, r in zip(self.weights, self.r, strict=True):
            total = total + (w >> 8) * r
        self.level = clamp(self.last + (total >> 3), -32768, 32767)

    def bounds(self, t: Tables, code: int) -> tuple[int, int, int]:
        """Return the frequencies below a code, those below the next, and the code's level."""
        recip = t.read("recip", self.mantissa)
        base = self.level + 32768
        found, edges = [], []
        for k in (Counted(code), Counted(code) + 1):
            edge = t.read("edges", k)
            edges.append(edge)
            distance = clamp((edge - base << 10) >> self.exponent, -4096, 4095)
            z = clamp((distance * recip >> 6) + 2048, 0, 4095)
            cell = z >> 3
            low = t.read("shape", cell)
            rise = t.read("shape", cell + 1) - low
            found.append(low + (rise * (z & 7) >> 3) + k)
            counts["comparisons"] += 1
        low, high = (0 if code == 0 else found[0]), (TOTAL if code == 1023 else found[1])
        return low, high, (edges[0] + edges[1] >> 1) - 32768

    def learn(self, level: int) -> None:
        error = level - self.level
        negative, positive = less(error, 0), less(0, error)
        size = -error if negative else error
        size = (Counted(8191) if less(8191, size) else size) << 3
        for i, r in enumerate(self.r):
            move = r >> 2
            w = self.weights[i]
            self.weights[i] = clamp(w + move if positive else w - move if negative else w, -32767, 32767)
        self.mean = [follow(m, size, shift) for m, shift in zip(self.mean, (10, 7, 3), strict=True)]
        self.step = difference(level, self.last)
        self.last = level
        self.slow = [follow(s, level, shift) for s, shift in zip(self.slow, (3, 6, 9), strict=True)]


def difference(x: int, y: int) -> int:
    return clamp((x - y) >> 4, -128, 127)


def follow(x: int, to: int, shift: int) -> int:
    return x + ((to - x + (1 << (shift - 1))) >> shift)


class Coder(Steered):
    """A range coder whose interval begins at a number of any length, behind a byte 1.

    Once it is steered (see ``Steered``), it chooses the codes itself.
    """

    def __init__(self) -> None:
        super().__init__(1 << 32, (1 << 32) - 1, window=32, bottom=24, out=8)

    def first(self, t: Tables, code: int) -> Channel:
        self.narrow(self.share(code << 12), self.share(1 << 12))
        return Channel(t, code)

    def next(self, t: Tables, channel: Channel, code: int) -> int:
        channel.predict()
        if self.since is not None:
            code = self._code_here(t, channel)
        below, up_to, level = channel.bounds(t, code)
        self.narrow(self.share(below), self.share(up_to - below))
        channel.learn(level)
        return code

    def share(self, frequency: int) -> int:
        return (int(self.size) >> 16) * int(frequency) >> 6

    def _code_here(self, t: Tables, channel: Channel) -> int:
        low, high, place = 0, 1024, self.place()
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.share(channel.bounds(t, middle)[0]) <= place else (low, middle)
        return low

    def end(self) -> bytes:
        self._move(self.low + 2**24 - 1, "final carry")
        return (self.low >> 24).to_bytes(self.shifts + 2, "big")


def encode(codes: list[int], tables: bytes, coder: Coder | None = None) -> bytes:
    """Return the payload in mode 1 of codes 0 .. 1023; ``coder`` then knows what happened on the way."""
    t, coder = Tables(tables), coder or Coder()
    channel = coder.first(t, codes[0])
    for code in codes[1:]:
        coder.next(t, channel, code)
    return coder.end().ljust(len(codes) // 2048 + 1, b"\0")


def carrying(codes: list[int], tables: bytes, zeros: int, carry: bool = True) -> tuple[list[int], list[int]]:
    """Return codes and more, which bring a carry through ``zeros`` bytes of 0xFF, or so many of them that stay.

    Return also after how many codes the end would bring a carry.
    """
    t, coder = Tables(tables), Coder()
    channel = coder.first(t, codes[0])
    for code in codes[1:]:
        coder.next(t, channel, code)
    coder.aim(zeros, carry)
    codes, ends = codes.copy(), []
    while coder.bytes_out < coder.since + zeros + 5:
        codes.append(coder.next(t, channel, 0))
        if coder.low % 2**32 + 2**24 - 1 >= 2**32:
            ends.append(len(codes))
    return codes, ends


def integer_codes(frames: int) -> list[int]:
    """Codes of 0 to 1023 from integer arithmetic only."""
    state, slow, codes = 12345, 0, []
    for _ in range(frames):
        total = 0
        for _ in range(6):
            state = (state * 1103515245 + 12345) % (1 << 31)
            total += (state >> 16) % 11 - 5
        slow += (total * 16 - slow) // 8
        codes.append(min(max(512 + total + slow // 8, 0), 1023))
    return codes


def operations(codes: list[int], tables: bytes) -> dict[str, float]:
    """Return the mean number of operations per sample of the encoder's model, and of its coder beside the carries."""
    counts.clear()
    payload = encode(codes, tables)
    n, bytes_out = len(codes) - 1, len(payload) / len(codes)
    found: dict[str, Any] = {what: count / n for what, count in counts.items()}
    # The coder: two shares of the range, low + start, end - start; a carry and a full byte are looked for, and for each
    # byte out two shifts of a register each, one for the byte, and a look at whether it is 0xFF.
    found["wider multiplications"] = found.get("wider multiplications", 0) + 2
    found["additions"] += 2
    found["shifts"] += 2 + 3 * bytes_out
    found["comparisons"] += 2 + 2 * bytes_out
    return found


if __name__ == "__main__":
    import numpy as np

    from n1codec.native import Kernel, writes

    tables = np.empty(1 << 13, np.uint8)
    length = Kernel("n1c_n1_implant_tables", writes(np.uint8))(tables)
    found = operations(integer_codes(3000), tables[:length].tobytes())
    for what, number in sorted(found.items()):
        print(f"{number:7.1f}  {what}")
    print(f"{sum(found.values()):7.1f}  in all")
