"""What the encoder of n1_implant takes as energy: ``make rtl-energy LIB="cells.lib.gz ..." DATA=path/to/wavs``.

The encoder is mapped onto the cells of a Liberty library. The netlist is simulated with the library's delays, so with
glitches, on codes of 1024 channels, and must return what the Verilog returns. Energies of toggles are the library's;
those of wires, of the clock's tree and of memories are assumed, and said. Without DATA the channels are noise. Where
OpenSTA is installed, its figures for the same toggles stand beside.
"""

from __future__ import annotations

import argparse
import math
import re
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from rich.console import Console

from n1codec import n1_mapping
from n1codec.recordings import open_recording

from . import netlist, opensta, trace
from .liberty import Library

RATE = 20000 * trace.CHANNELS
WARM = 49 * trace.FRAMES
"""Frames that adapt the channels before those that count; a packet begins behind them."""
WIRE_SIDES, WIRE_FARADS = 7, 0.2e-15
"""The wire to a pin is as long as so many sides of a mean cell, and has so many F a micrometre: a guess."""
MEMORY = (
    (1.5, 285e-15, "the middle of what a macro of OpenRAM takes in 130 nm"),
    (0.9, 156e-15, "a cache of 8 kB in 45 nm, 10 pJ for 64 bits"),
    (0.0, 52.5e-15, "an SRAM of 128 kb in 28 nm at 0.45 V"),
)
"""From which supply voltage on: J for a bit that is read or written, and of what; docs/silicon.md has the sources."""
MEMORY_BITS = {"state memory": 2 * 184, "tables": 32 + 2 * 38}
"""Bits that are read or written for a sample."""


def recorded(folder: Path, frames: int) -> np.ndarray:
    """Return codes of the WAV files in a folder, shape (frames, 1024): files in turn, then later seconds of them."""
    paths = sorted(folder.glob("*.wav"))
    if not paths:
        raise SystemExit(f"rtl-energy: {folder} has no WAV files (take another DATA)")
    columns: list[np.ndarray] = []
    start = 0
    while len(columns) < trace.CHANNELS:
        for path in paths[: trace.CHANNELS - len(columns)]:
            samples = open_recording(path).read(start, start + frames)
            if len(samples) < frames:
                raise SystemExit(f"rtl-energy: {path} is too short")
            columns.append(n1_mapping.codes(samples.reshape(-1)))
        start += 10 * frames
    return np.stack(columns, 1)


def generated(frames: int) -> np.ndarray:
    """Return codes that take about as many bits as recordings, shape (frames, 1024)."""
    rng = np.random.default_rng(1)
    slow = 12 * np.sin(np.arange(frames)[:, None] / rng.uniform(10, 300, trace.CHANNELS))
    noise = rng.normal(0, 1, (frames, trace.CHANNELS)) * rng.uniform(2, 8, trace.CHANNELS)
    return np.round(512 + slow + noise).clip(0, 1023).astype(int)


def part(name: str, kind: str) -> str:
    """Return the module's instance that a cell is part of; registers and the product of stage 7 are in none."""
    inner = re.match(r"(?:\$flatten)?\\?(\w+)\.", name)
    return inner[1] if inner else "product of stage 7" if kind == "gate" else "registers"


def parts_of(found: netlist.Netlist) -> dict[str, list[int]]:
    parts: dict[str, list[int]] = {}
    for i, instance in enumerate(found.instances):
        parts.setdefault(part(instance.name, instance.cell.kind), []).append(i)
    return parts


def line(*values: object) -> None:
    name, *numbers = values
    print(f"{name:24}" + "".join(f"{number:>16}" for number in numbers), flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="make rtl-energy", description=__doc__)
    parser.add_argument("libraries", nargs="+", type=Path, metavar="LIB", help="Liberty files of one library")
    parser.add_argument("--data", type=Path, help="a folder of N1 recordings as WAV files")
    parser.add_argument("--samples", type=int, default=2048, help="how many are simulated (2048)")
    parser.add_argument("--wire", type=float, metavar="fF", help="capacitance of the wire to a pin")
    parser.add_argument("--tree", type=float, default=2, help="how often clock pins load, for the tree (2)")
    parser.add_argument("--unused", default="lpflow|probe", metavar="PATTERN", help="cells that are not to be used")
    parser.add_argument("--enables", action="store_true", help="no clock gates: gates before flip-flops instead")
    options = parser.parse_args()
    try:
        library = Library(options.libraries, options.unused)
    except (OSError, ValueError) as error:
        sys.exit(f"rtl-energy: {error}")
    frames = WARM + -(-options.samples // trace.CHANNELS)
    codes = (recorded(options.data, frames) if options.data else generated(frames)).reshape(-1)
    console = Console(stderr=True)
    with TemporaryDirectory() as name, console.status("mapping the encoder") as status:
        folder = Path(name)
        found = netlist.netlist_of(netlist.map_onto(library, folder, not options.enables), library)
        area = sum(instance.cell.area for instance in found.instances)
        wire = (
            options.wire * 1e-15 if options.wire else WIRE_SIDES * math.sqrt(area / len(found.instances)) * WIRE_FARADS
        )
        timing = netlist.Timing(found, library, wire)
        status.update("running the Verilog")
        given, seen = trace.record(found, codes[: WARM * trace.CHANNELS + options.samples], options.samples, folder)
        status.update("simulating the netlist")
        activity = netlist.Activity(found, timing, given, trace.QUIET, folder)
        wrong = trace.differences(seen, trace.split(activity.returned, found.outputs))
        joules = netlist.energies(found, library, timing, activity, options.tree)
        status.stop()
        report(library, found, activity, joules, wire, options, area)
        for port, clocks in wrong.items():
            print(f"rtl-energy: {port} of the netlist is not that of the Verilog in {clocks} clocks", file=sys.stderr)
        if opensta.is_there():
            theirs = opensta.energies(found, options.libraries, library, activity, folder)
            beside(library, found, activity, theirs, options.samples)
        else:
            print("\nno OpenSTA to compare with: apt-get install opensta")
    return int(bool(wrong))


def report(
    library: Library,
    found: netlist.Netlist,
    activity: netlist.Activity,
    joules: list[netlist.Energy],
    wire: float,
    options: argparse.Namespace,
    area: float,
) -> None:
    samples = options.samples
    flops = sum(instance.cell.kind == "flop" for instance in found.instances)
    print(f"{library.volts:g} V, {len(found.instances)} cells, {flops} flip-flops of them, area {area:.6g}")
    print(f"settled {1e9 * activity.settles:.3g} ns after the clock's edge at the latest, flip-flops included")
    print(f"assumed: {1e15 * wire:.2g} fF of wire to each pin, clock pins load {options.tree:g} times, for the tree")
    codes = "recordings" if options.data else "noise"
    print(f"{samples} samples of {codes}, {activity.counted} clocks; pJ a sample:\n")
    line("part", "cells", "flip-flops", "logic", "of it glitches", "clock", "sum")
    parts = parts_of(found)

    def row(name: str, members: list[int]) -> float:
        logic, clock, glitches = (
            1e12 / samples * sum(getattr(joules[i], what) for i in members) for what in ("logic", "clock", "glitches")
        )
        held = sum(found.instances[i].cell.kind == "flop" for i in members)
        line(name, len(members), held, *(f"{x:.3g}" for x in (logic, glitches, clock, logic + clock)))
        return logic + clock

    for name, members in sorted(
        parts.items(), key=lambda item: -sum(joules[i].logic + joules[i].clock for i in item[1])
    ):
        row(name, members)
    encoder = row("encoder", list(range(len(found.instances))))
    _, per_bit, source = next(entry for entry in MEMORY if library.volts >= entry[0])
    leakage = sum(instance.cell.leakage for instance in found.instances)
    memories = {name: 1e12 * per_bit * bits for name, bits in MEMORY_BITS.items()}
    print(f"\nmW at {trace.CHANNELS} channels of 20 kHz; memories by {1e15 * per_bit:g} fJ a bit: {source}\n")
    line("", "pJ a sample", "mW")
    for name, energy in {"encoder": encoder, **memories}.items():
        line(name, f"{energy:.4g}", f"{energy * RATE * 1e-9:.3g}")
    line("leakage of the encoder", f"{1e12 * leakage / RATE:.3g}", f"{1e3 * leakage:.3g}")
    whole = encoder + sum(memories.values()) + 1e12 * leakage / RATE
    line("in all", f"{whole:.4g}", f"{whole * RATE * 1e-9:.3g}")


OPENSTA = """
OpenSTA {version} on the same netlist, without wires and tree; pJ a sample. It reads no toggles from a file: it is asked
for each cell on its own, at a global activity that is how often the cell's output toggles. By its rule is what our
toggles take if each takes what the tables say of rising and of falling, and of all conditions: docs/silicon.md.
"""


def beside(
    library: Library, found: netlist.Netlist, activity: netlist.Activity, theirs: np.ndarray, samples: int
) -> None:
    """Print what OpenSTA tells, ``theirs`` in J, beside our figures for the same, and why they differ."""
    if not theirs.any():
        print("\nOpenSTA tells no power: it needs default_operating_conditions in the library")
        return
    bare, rule = netlist.Timing(found, library, 0.0), opensta.by_its_rule(found)
    ours, ruled = (netlist.energies(each, library, bare, activity, 1) for each in (found, rule))
    rows = [(o.internal, t[0], r.internal, o.switching, t[1]) for o, t, r in zip(ours, theirs, ruled, strict=True)]
    figures = np.array(rows) * 1e12 / samples
    sums = {name: figures[members].sum(0) for name, members in parts_of(found).items()}
    print(OPENSTA.format(version=opensta.version()))
    line("part", "internal", "OpenSTA", "by its rule", "switching", "OpenSTA")
    for name, row in sorted(sums.items(), key=lambda item: -item[1].sum()):
        line(name, *(f"{x:.3g}" for x in row))
    whole = figures.sum(0)
    line("encoder", *(f"{x:.4g}" for x in whole))
    internal, by_rule, switching = whole[1] / whole[0], whole[1] / whole[2], whole[4] / whole[3]
    print(f"\nOpenSTA tells {internal:.2f} times our internal energy, {by_rule:.2f} times that by its rule")
    print(f"and {switching:.2f} times our energy of switching")
    for name, row in sums.items():
        for what, our, their in (("internal energy by its rule", row[2], row[1]), ("switching", row[3], row[4])):
            if not our / 2 < their < 2 * our:
                print(f"{name}: {what} differs by more than 2 times, and nothing here says why")


if __name__ == "__main__":
    raise SystemExit(main())
