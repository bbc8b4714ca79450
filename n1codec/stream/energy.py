"""Estimates of the energy that encoders and radios take, from counted operations and published figures.

``operations.json`` has what the references of tests/ do with a sample, an event or a block (tests/count_operations.py).
Its counts are multiplied here by published energies of an operation and of an access to memory. What comes out is an
estimate with a range, not a measurement: docs/radio.md says what is in it and what is not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files as resources
from typing import Any, NamedTuple

LIMIT_MW = 10.0
"""What an implant under the skin may take."""

_ADDITION = {"int8": 0.03, "int16": 0.05, "int32": 0.1, "int64": 0.2, "float32": 0.9, "float64": 1.8}
_MULTIPLICATION = {"int8": 0.2, "int16": 0.8, "int32": 3.1, "int64": 12.4, "float32": 3.7, "float64": 14.8}
"""pJ at 45 nm and 0.9 V. M. Horowitz, "Computing's energy problem (and what we can do about it)", ISSCC 2014, figure
1.1.9: whole numbers of 8 and 32 bits, float32. Others follow by width, products by its square."""
_DIVISION = 7.1
"""Multiplications that a division takes, as measured on a Cortex-M4F (PMC8934428, table 3)."""
_MEMORIES = ((8 << 10, 10.0, 10.0), (32 << 10, 20.0, 20.0), (1 << 20, 100.0, 100.0), (1 << 62, 1300.0, 2600.0))
"""Bytes up to which a memory has so many pJ for each 64 bits, at 45 nm. The same figure: caches, and DRAM beyond."""
OVERHEAD = 4.0
"""What logic takes at most, times its operations: registers, clock, wires. Of n1_implant's first design a simulation of
the netlist at 45 nm and 1.1 V found 148 pJ a sample (docs/silicon.md), which is 99 at 0.9 V; its operations are 26."""

_BULK_65, _HIGH_45, _HIGH_32, _HIGH_20 = (
    (3.755, -4.398, 1.975), (1.018, -0.3107, 0.1539), (0.8367, -0.4341, 0.1701), (0.373, -0.1582, 0.04104)
)  # fmt: skip
"""Energy as a polynomial of the voltage, highest power first. A. Stillmaker, B. Baas, "Scaling equations for the
accurate prediction of CMOS device performance from 180 nm to 7 nm", Integration 58, 2017; 45 nm and below those of
high performance."""

UWB_PJ = (5.8, 21.0)
"""pJ a bit of two impulse radios: 28 nm, 1.66 Gbit/s over 15 cm (PMC7614137); 130 nm, 230 Mbit/s over 1 m (arXiv
2212.01710)."""
BLUETOOTH_PJ = 19_200.0
"""pJ a bit of Bluetooth Low Energy: 6.4 mA at 3 V and 0 dBm for 1 Mbit/s (product specification of the nRF52840)."""
BLUETOOTH_BITS = 1_000_000
"""Bits a second that it carries, at most."""

Counts = Mapping[str, Any]


class Range(NamedTuple):
    low: float
    high: float

    def __mul__(self, by: float) -> Range:  # type: ignore[override]
        return Range(self.low * by, self.high * by)

    def plus(self, other: Range) -> Range:
        return Range(self.low + other.low, self.high + other.high)


@cache
def counted() -> dict[str, Counts]:
    """Return what was counted, by name: ``per``, ``operations``, ``touched_bytes``, ``accessed_bytes``."""
    found: dict[str, Counts] = json.loads(resources("n1codec.stream").joinpath("operations.json").read_text())
    return found


def _energy(of: tuple[float, float, float], volts: float) -> float:
    return of[0] * volts**2 + of[1] * volts + of[2]


def node(nanometres: int) -> Range:
    """Return the energy of an operation over that at 45 nm and 0.9 V: 65 nm at 1.0 to 1.2 V, 28 nm at 0.9 V.

    28 nm lies between the equations for 32 and 20 nm, by its logarithm; the high end is that of 32 nm.
    """
    known = _energy(_HIGH_45, 0.9)
    if nanometres == 65:
        return Range(_energy(_BULK_65, 1.0) / known, _energy(_BULK_65, 1.2) / known)
    if nanometres == 28:
        from math import log

        coarse, fine = _energy(_HIGH_32, 0.9) / known, _energy(_HIGH_20, 0.9) / known
        return Range(coarse * (fine / coarse) ** (log(32 / 28) / log(32 / 20)), coarse)
    raise ValueError(f"{nanometres} nm: there are 28 and 65")


NODES = (65, 28)


def operation(name: str) -> float:
    """Return the pJ of an operation at 45 nm, such as ``multiplication int16``."""
    kind, _, form = name.partition(" ")
    return _ADDITION[form] if kind == "addition" else _MULTIPLICATION[form] * (_DIVISION if kind == "division" else 1)


def encoder(counts: Counts, memory: int, nanometres: int) -> Range:
    """Return the pJ of what was counted.

    At its low end operations take what is published for them alone, and memory is read and written once for each place
    that a step touches. At its high end logic takes ``OVERHEAD`` times as much, and every access goes to memory.

    Args:
        memory: bytes of the memory in which what all channels keep lies.
    """
    logic = sum(operation(name) * count for name, count in counts["operations"].items())
    _, low, high = next(one for one in _MEMORIES if memory <= one[0])
    scale = node(nanometres)
    return Range(
        scale.low * (logic + low * counts["touched_bytes"] / 8),
        scale.high * (OVERHEAD * logic + high * counts["accessed_bytes"] / 8),
    )


def milliwatts(picojoules: Range, rate: float) -> Range:
    """Return the power of what happens so many times a second."""
    return picojoules * (rate * 1e-9)


def radio(bits: float) -> tuple[Range, float | None]:
    """Return the mW that so many bits a second take: of impulse radios, and of Bluetooth where it carries them."""
    over_air = Range(*UWB_PJ) * (bits * 1e-9)
    return over_air, BLUETOOTH_PJ * bits * 1e-9 if bits <= BLUETOOTH_BITS else None
