"""What the benches of cocotb have in common."""

from __future__ import annotations

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles

STALLS = ((0, 0), (0.3, 0), (0.1, 0.5))
"""Shares of clocks without a code, and without room for what leaves."""

test = cocotb.test(timeout_time=200_000, timeout_unit="step")
"""Hardware that says nothing for 100,000 clocks fails."""


async def start(dut) -> None:
    """Start the clock and begin with a reset, as each test does."""
    dut.in_valid.value = 0
    dut.out_ready.value = 0
    Clock(dut.clk, 2, unit="step", impl="gpi").start()
    await ClockCycles(dut.clk, 1)
    await reset(dut)


async def reset(dut) -> None:
    """One clock with a reset is enough."""
    dut.rst.value = 1
    await ClockCycles(dut.clk, 1)
    dut.rst.value = 0
