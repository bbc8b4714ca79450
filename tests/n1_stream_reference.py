"""The encoder of packets of n1_implant in plain Python, written from docs/streaming.md: slow, and independent of the
kernels."""

from __future__ import annotations

import struct
import zlib
from collections import Counter

from n1_implant_reference import Channel, Coder, Tables

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

    aim: tuple[int, int] | None = None

    def __init__(self, tables: bytes, channels: int, frames: int, period: int) -> None:
        self.t = Tables(tables)
        self.code = {stretch(k): k for k in range(1024)}
        groups, self.count = -(-channels // 8), -(-channels // 512)
        self.width = -(-groups // self.count) * 8
        self.period, self.sequence = period, 0
        self.channels: list[Channel] = [Channel(self.t, 512)] * channels
        self.seed = zlib.crc32(tables)
        self.seed = zlib.crc32(struct.pack("<QQQ", channels, frames, period), self.seed)
        self.events: Counter[str] = Counter()

    def push(self, rows: list[Row]) -> bytes:
        head = b"\2" + struct.pack("<I", self.sequence)
        body = b"".join(self._section(i, rows) for i in range(self.count))
        self.sequence += 1
        return head + struct.pack("<I", zlib.crc32(body, zlib.crc32(head, self.seed))) + body

    def _section(self, i: int, rows: list[Row]) -> bytes:
        members = range(i * self.width, min((i + 1) * self.width, len(self.channels)))
        key = self.sequence == 0 or self.sequence % self.period == i * self.period // self.count
        stored = [c for c in members if any(row[c] not in self.code for row in rows)]
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
        body, last = varint(len(stored)) if stored else b"", members[0] - 1
        for c in stored:
            body += varint(c - last - 1) + struct.pack(f"<{len(rows)}h", *(row[c] for row in rows))
            last = c
            self.channels[c] = Channel(self.t, (rows[-1][c] + 32768) // 64)
        body += coded
        return varint(4 * len(body) + 2 * bool(stored) + key) + body
