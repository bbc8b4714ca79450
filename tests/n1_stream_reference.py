"""The encoders of packets of n1_implant and of n1 in plain Python, written from docs/streaming.md: slow, and
independent of the kernels."""

from __future__ import annotations

import struct
import zlib
from collections import Counter

from n1_implant_reference import Channel, Coder, Tables
from n1_reference import Lane, Model, Profile, ans, clamp, log16

Row = list[int]


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def stretch(code: int) -> int:
    return int(code * 65535 / 1023 - 32768)


class Packets:
    """One packet after the other, from samples as lists of rows.

    ``events`` counts what happens to the coders. From the packet on that ``aim`` is set for, after so many frames, the
    coders choose the samples that bring a carry through so many bytes of 0xFF, and write them into the rows.
    """

    kind = b"\2"
    aim: tuple[int, int] | None = None

    def __init__(self, tables: bytes, channels: int, frames: int, period: int) -> None:
        self._begin(tables, channels, frames, period)
        self.t = Tables(tables)
        self.channels: list[Channel] = [Channel(self.t, 512)] * channels

    def _begin(self, tables: bytes, channels: int, frames: int, period: int) -> None:
        self.code = {stretch(k): k for k in range(1024)}
        groups, self.count = -(-channels // 8), -(-channels // 512)
        self.width = -(-groups // self.count) * 8
        self.period, self.sequence, self.number = period, 0, channels
        self.seed = zlib.crc32(tables)
        self.seed = zlib.crc32(struct.pack("<QQQ", channels, frames, period), self.seed)
        self.events: Counter[str] = Counter()

    def push(self, rows: list[Row]) -> bytes:
        head = self.kind + struct.pack("<I", self.sequence)
        body = b"".join(self._section(i, rows) for i in range(self.count))
        self.sequence += 1
        return head + struct.pack("<I", zlib.crc32(body, zlib.crc32(head, self.seed))) + body

    def _members(self, i: int) -> range:
        return range(i * self.width, min((i + 1) * self.width, self.number))

    def _key(self, i: int) -> bool:
        return self.sequence == 0 or self.sequence % self.period == i * self.period // self.count

    def _stored(self, members: range, rows: list[Row]) -> list[int]:
        return [c for c in members if any(row[c] not in self.code for row in rows)]

    def _put_stored(self, members: range, stored: list[int], rows: list[Row]) -> bytes:
        body, last = varint(len(stored)) if stored else b"", members[0] - 1
        for c in stored:
            body += varint(c - last - 1) + struct.pack(f"<{len(rows)}h", *(row[c] for row in rows))
            last = c
        return body

    def _section(self, i: int, rows: list[Row]) -> bytes:
        members, key = self._members(i), self._key(i)
        stored = self._stored(members, rows)
        coder = Coder()
        for t, row in enumerate(rows):
            if self.aim and self.aim[0] == t:
                coder.aim(self.aim[1])
            for c in members:
                if c in stored:
                    continue
                if key and t == 0:
                    self.channels[c] = coder.first(self.t, self.code[row[c]])
                else:
                    row[c] = stretch(coder.next(self.t, self.channels[c], self.code[row[c]]))
        coded = coder.end()[1:]
        self.events += coder.events
        if len(coded) > 2 * len(rows) * (len(members) - len(stored)):
            stored, coded = list(members), b""
        for c in stored:
            self.channels[c] = Channel(self.t, (rows[-1][c] + 32768) // 64)
        body = self._put_stored(members, stored, rows) + coded
        return varint(4 * len(body) + 2 * bool(stored) + key) + body


class N1Packets(Packets):
    """Those of n1 with the built-in profile, as long as no channel has 128 frames since it began."""

    kind = b"\0"
    START = 112

    def __init__(self, profile: bytes, channels: int, frames: int, period: int) -> None:
        self._begin(profile, channels, frames, period)
        self.model = Model(Profile(profile), 1024, 0, channels, self.START)
        self.age = [0] * channels

    def _restart(self, c: int, start: int) -> None:
        self.model.lanes[c] = Lane(self.model, start)
        self.age[c] = 0

    def _section(self, i: int, rows: list[Row]) -> bytes:
        members = self._members(i)
        key = self._key(i)
        starts = b""
        for c in members if key else ():
            start = clamp(log16(self.model.lanes[c].means[0] >> 8 | 1) // 2 + 16 * (self.model.shift - 2), 32, 191)
            start = self.START if self.sequence == 0 else start
            self._restart(c, start)
            starts += bytes([start])
        stored = self._stored(members, rows)
        groups = [members[k : k + 8] for k in range(0, len(members), 8)]
        last = len(rows) if len(groups) == 1 or len(rows) < 8 else 8
        lockstep, tail = [], []
        for group in groups:
            for t, row in enumerate(rows):
                coded = [(0, 0)] * 8
                for c in set(group) - set(stored):
                    assert self.age[c] < 128
                    coded[c - group[0]] = self.model.give(c, self.code[row[c]])
                    self.age[c] += 1
                if group is groups[-1] and t >= len(rows) - last:
                    tail += [pair for pair in coded if pair[1]]
                else:
                    lockstep.append(coded)
        body, events = ans(tail, lockstep, len(groups) > 1)
        self.events += events
        if len(body) > 2 * len(rows) * (len(members) - len(stored)):
            stored, body = list(members), b""
        for c in stored:
            self._restart(c, self.START)
        body = starts + self._put_stored(members, stored, rows) + body
        return varint(4 * len(body) + 2 * bool(stored) + key) + body
