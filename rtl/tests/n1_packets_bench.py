"""Drives n1_packets with cocotb; what leaves must be the packets of the C library.

test_rtl.py runs it in Icarus Verilog. The many samples are those of packets.cpp: here it is about when things happen.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles, RisingEdge
from driving import STALLS, reset, start, test
from streams import like_n1, packets_of


async def offer(dut, codes: np.ndarray, share: float, chance: random.Random, restarts: Sequence[int] = ()) -> None:
    """Offer codes, in a share of the clocks none; ``restarts`` tells with which codes a restart is asked for."""
    for i, code in enumerate(codes):
        while chance.random() < share:
            dut.in_valid.value = 0
            await RisingEdge(dut.clk)
        dut.in_valid.value = 1
        dut.in_code.value = int(code)
        if i in restarts:
            dut.restart.value = 1
        await RisingEdge(dut.clk)
        dut.restart.value = 0
        while not dut.in_ready.value:
            await RisingEdge(dut.clk)
    dut.in_valid.value = 0


async def packets(dut, count: int, share: float, chance: random.Random) -> list[bytes]:
    """Return packets; in a share of the clocks no word is taken, and then it stays."""
    outputs = (dut.out_word, dut.out_count, dut.out_last)
    found: list[bytes] = []
    packet = b""
    refused = None
    while len(found) < count:
        takes = chance.random() >= share
        dut.out_ready.value = int(takes)
        await RisingEdge(dut.clk)
        if not dut.out_valid.value:
            assert refused is None
            continue
        word, number, last = now = tuple(int(output.value) for output in outputs)
        assert refused in (None, now)
        refused = None if takes else now
        if takes:
            assert number == 4 or last
            packet += word.to_bytes(4, "little")[:number]
            if last:
                found.append(packet)
                packet = b""
    return found


def stream(dut, count: int, restarts: Sequence[int] = ()) -> tuple[np.ndarray, list[bytes]]:
    """Return codes, and their packets of the C library with a restart before some of them."""
    channels, frames, period = (int(dut[name].value) for name in ("CHANNELS", "FRAMES", "PERIOD"))
    codes = like_n1(count * frames, channels, 6)
    return codes.reshape(-1), packets_of(codes, frames, period, restarts)


async def begin(dut) -> None:
    dut.restart.value = 0
    await start(dut)


@test
@cocotb.parametrize(stalls=(*STALLS, (0, 0.8)))
async def stalls_on_both_sides(dut, stalls) -> None:
    chance = random.Random(1)
    codes, expected = stream(dut, 5)
    await begin(dut)
    cocotb.start_soon(offer(dut, codes, stalls[0], chance))
    assert await packets(dut, 5, stalls[1], chance) == expected


@test
async def nothing_is_lost_while_no_word_is_taken(dut) -> None:
    """Codes wait as long as it takes, and go on where they were."""
    codes, expected = stream(dut, 10)
    await begin(dut)
    cocotb.start_soon(offer(dut, codes, 0, random.Random(1)))
    waits = 0
    while waits < 2000:
        await RisingEdge(dut.clk)
        waits = 0 if dut.in_ready.value else waits + 1
    assert await packets(dut, 10, 0, random.Random(1)) == expected


@test
@cocotb.parametrize(place=(0, 0.5, 1))
async def a_restart_makes_the_next_packet_a_key(dut, place) -> None:
    """It is asked for with the second code of packet 2, with one in its midst, and with its last one."""
    codes, expected = stream(dut, 5, restarts=[3])
    long = len(codes) // 5
    await begin(dut)
    cocotb.start_soon(offer(dut, codes, 0, random.Random(1), restarts=[2 * long + 1 + int(place * (long - 2))]))
    assert await packets(dut, 5, 0, random.Random(1)) == expected


@test
@cocotb.parametrize(clocks=(700, 2900))
async def a_reset_begins_with_packet_0(dut, clocks) -> None:
    codes, expected = stream(dut, 3)
    await begin(dut)
    dut.out_ready.value = 1
    feeding = cocotb.start_soon(offer(dut, codes, 0, random.Random(1)))
    await ClockCycles(dut.clk, clocks)
    feeding.cancel()
    await reset(dut)
    cocotb.start_soon(offer(dut, codes, 0, random.Random(1)))
    assert await packets(dut, 3, 0, random.Random(1)) == expected
