"""What n1_core is given, and what tests/n1_implant_reference.py makes of it: test_rtl.py compares."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from n1_implant_reference import Channel, Coder, Tables, carrying, integer_codes

CHANNELS = 16


class Slot(NamedTuple):
    """What the core takes in one clock; one with ``end`` has no code."""

    code: int = 0
    channel: int = 0
    section: int = 0
    first: bool = False
    start: bool = False
    end: bool = False

    @property
    def word(self) -> int:
        """As core_bench.v reads it."""
        flags = self.end << 3 | self.start << 2 | self.first << 1 | self.section
        return flags << 14 | self.channel << 10 | self.code


def expected(slots: Iterable[Slot], tables: bytes) -> list[bytes]:
    """Return the sections that the reference makes of slots, in the order of their ends."""
    t = Tables(tables)
    coders: dict[int, Coder] = {}
    channels: dict[int, Channel] = {}
    found = []
    for slot in slots:
        if slot.end:
            found.append(coders[slot.section].end()[1:])  # without the byte of the mode
            continue
        if slot.start:
            coders[slot.section] = Coder()
        coder = coders[slot.section]
        if slot.first:
            channels[slot.channel] = coder.first(t, slot.code)
        else:
            coder.next(t, channels[slot.channel], slot.code)
    return found


def interleaved(packets: int, frames: int, codes: np.ndarray, keys: set[tuple[int, int]]) -> list[Slot]:
    """Return slots of two sections, channels in turn; keys are (packet, channel) that restart."""
    half = CHANNELS // 2
    slots = []
    for packet in range(packets):
        for frame in range(frames):
            row = codes[packet * frames + frame]
            for c in range(CHANNELS):
                first = frame == 0 and (packet == 0 or (packet, c) in keys)
                slots.append(Slot(int(row[c]), c, c // half, first, frame == 0 and c % half == 0))
                if frame == frames - 1 and c % half == half - 1:
                    slots.append(Slot(section=c // half, end=True))
    return slots


def one_channel(codes: list[int]) -> list[Slot]:
    return [Slot(code, 3, 0, i == 0, i == 0) for i, code in enumerate(codes)] + [Slot(end=True)]


def runs(tables: bytes) -> Iterator[list[Slot]]:
    """Return slots: keys in mid-stream, extremes, one channel alone, carries and runs of 0xFF of all kinds."""
    rng = np.random.default_rng(1)
    steps = rng.normal(0, 3, (40, CHANNELS)) + rng.normal(0, 2, (40, CHANNELS)).cumsum(0)
    codes = (512 + steps).round().clip(0, 1023).astype(int)
    keys = {(packet, c) for packet in (1, 3) for c in range(CHANNELS) if packet == 3 or c % 3 == 0}
    yield interleaved(4, 10, codes, keys)
    some = [0, 1, 2, 511, 512, 1021, 1022, 1023]
    rows = (rng.choice(some, (12, CHANNELS)), np.full((6, CHANNELS), 1023), np.zeros((6, CHANNELS), int))
    codes = np.concatenate([*rows, rng.integers(0, 1024, (12, CHANNELS))])
    yield interleaved(4, 9, codes, {(2, 5)})
    yield one_channel(integer_codes(200))
    for zeros in (1, 2, 3, 5, 300, 330):
        for carry in (True, False):
            codes, ends = carrying(integer_codes(30 + zeros % 7), tables, zeros, carry)
            yield one_channel(codes)
            for end in ends[:2]:
                yield one_channel(codes[:end])
