"""Drives n1_core with cocotb; what leaves must be what tests/n1_implant_reference.py makes of the same codes.

test_rtl.py runs it in Icarus Verilog.
"""

from __future__ import annotations

import random
from functools import cache
from typing import NamedTuple

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles, RisingEdge
from driving import STALLS, reset, start, test
from n1_implant_reference import Channel, Coder, Tables, carrying, integer_codes

from n1codec.native import Kernel, writes

CHANNELS = 16


class Slot(NamedTuple):
    """What the core takes in one clock; one with ``end`` has no code."""

    code: int = 0
    channel: int = 0
    section: int = 0
    first: bool = False
    start: bool = False
    end: bool = False


@cache
def tables() -> bytes:
    found = np.empty(1 << 13, np.uint8)
    return found[: Kernel("n1c_n1_implant_tables", writes(np.uint8))(found)].tobytes()


def expected(slots: list[Slot]) -> list[bytes]:
    """Return the sections that the reference makes of slots, in the order of their ends."""
    t = Tables(tables())
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


async def offer(dut, slots: list[Slot], share: float, chance: random.Random) -> None:
    """Offer slots one after the other; in a share of the clocks there is none."""
    for slot in slots:
        while chance.random() < share:
            dut.in_valid.value = 0
            await RisingEdge(dut.clk)
        dut.in_valid.value = 1
        for name, value in slot._asdict().items():
            getattr(dut, f"in_{name}").value = int(value)
        await RisingEdge(dut.clk)
        while not dut.in_ready.value:
            await RisingEdge(dut.clk)
    dut.in_valid.value = 0


async def sections(dut, count: int, share: float, chance: random.Random) -> list[bytes]:
    """Return sections in the order of their ends; in a share of the clocks nothing is taken, and nothing may change."""
    outputs = (dut.out_count, dut.out_bytes, dut.out_section, dut.out_end)
    found: list[bytes] = []
    parts = [b"", b""]
    refused = None
    while len(found) < count:
        takes = chance.random() >= share
        dut.out_ready.value = int(takes)
        await RisingEdge(dut.clk)
        if not int(dut.out_count.value) and not dut.out_end.value:
            assert refused is None
            continue
        number, data, section, end = now = tuple(int(output.value) for output in outputs)
        assert refused in (None, now)
        refused = None if takes else now
        if takes:
            parts[section] += data.to_bytes(3, "big")[:number]
            if end:
                found.append(parts[section])
                parts[section] = b""
    return found


async def compare(dut, slots: list[Slot], coded: list[bytes], stalls: tuple[float, float]) -> None:
    chance = random.Random(1)
    feeding = cocotb.start_soon(offer(dut, slots, stalls[0], chance))
    assert await sections(dut, len(coded), stalls[1], chance) == coded
    await feeding


@cache
def keyed() -> tuple[list[Slot], list[bytes]]:
    """Return slots of four packets, in two of which channels restart, and their sections."""
    rng = np.random.default_rng(1)
    steps = rng.normal(0, 3, (40, CHANNELS)) + rng.normal(0, 2, (40, CHANNELS)).cumsum(0)
    codes = (512 + steps).round().clip(0, 1023).astype(int)
    keys = {(packet, c) for packet in (1, 3) for c in range(CHANNELS) if packet == 3 or c % 3 == 0}
    slots = interleaved(4, 10, codes, keys)
    return slots, expected(slots)


@test
@cocotb.parametrize(stalls=STALLS)
async def keys_in_mid_stream(dut, stalls) -> None:
    await start(dut)
    await compare(dut, *keyed(), stalls)


@test
@cocotb.parametrize(stalls=STALLS)
async def extremes(dut, stalls) -> None:
    """The outermost codes and the middle by chance, for long, and any codes by chance."""
    rng = np.random.default_rng(1)
    some = rng.choice([0, 1, 2, 511, 512, 1021, 1022, 1023], (12, CHANNELS))
    rows = (some, np.full((6, CHANNELS), 1023), np.zeros((6, CHANNELS), int), rng.integers(0, 1024, (12, CHANNELS)))
    slots = interleaved(4, 9, np.concatenate(rows), {(2, 5)})
    await start(dut)
    await compare(dut, slots, expected(slots), stalls)


@test
@cocotb.parametrize(stalls=STALLS)
async def one_channel_alone(dut, stalls) -> None:
    """Its next code waits for its state."""
    slots = one_channel(integer_codes(200))
    await start(dut)
    await compare(dut, slots, expected(slots), stalls)


@cache
def runs(zeros: int, carry: bool) -> tuple[list[Slot], list[bytes]]:
    codes, ends = carrying(integer_codes(30 + zeros % 7), tables(), zeros, carry)
    slots = one_channel(codes) + [slot for end in ends[:2] for slot in one_channel(codes[:end])]
    return slots, expected(slots)


@test
@cocotb.parametrize(zeros=(1, 2, 3, 5, 300, 330), carry=(True, False), stalls=STALLS)
async def carries_and_runs(dut, zeros, carry, stalls) -> None:
    """A carry through so many bytes of 0xFF, or so many that stay; and sections whose end brings the carry."""
    slots, coded = runs(zeros, carry)
    assert zeros * (b"\0" if carry else b"\xff") in coded[0]
    await start(dut)
    await compare(dut, slots, coded, stalls)


@test
@cocotb.parametrize(clocks=range(30, 40, 2))
async def a_reset_forgets(dut, clocks) -> None:
    """A reset in the midst of a section leaves nothing behind, wherever its codes and bytes are."""
    await start(dut)
    dut.out_ready.value = 1
    feeding = cocotb.start_soon(offer(dut, keyed()[0], 0, random.Random(1)))
    await ClockCycles(dut.clk, clocks)
    feeding.cancel()
    await reset(dut)
    await compare(dut, *keyed(), (0, 0))


@test
async def bytes_leave_in_the_tenth_clock(dut) -> None:
    """The end of a section pushes out the byte that was held back, and is a byte itself in the next clock."""
    await start(dut)
    dut.out_ready.value = 1
    await offer(dut, one_channel([0]), 0, random.Random(1))
    left = []
    for clock in range(2, 15):  # the first one has taken the end
        await RisingEdge(dut.clk)
        if int(dut.out_count.value):
            left.append((clock, int(dut.out_end.value)))
    assert left == [(10, 0), (11, 1)]
