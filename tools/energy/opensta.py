"""What OpenSTA makes of the same netlist and the same toggles, without wires, for comparison.

The version that Debian has, of 2019, reads no VCD, and does not heed activities of pins. It does heed a global one: so
each cell is asked for on its own, under the activity of its output, which then counts for its inputs, too. To OpenSTA
each clock pin moves twice a clock: so a flip-flop is asked for at rest as well, and what it takes there is scaled by
how often its clock comes; and for gates of the clock the clock ends there, and their outputs move as those of others.
"""

from __future__ import annotations

import gzip
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np

from .liberty import Cell, Edges, Library, Table
from .netlist import Activity, Netlist, run

PROGRAM = "sta"
SCRIPT = """
{libraries}
read_verilog cells.v
link_design cells
create_clock -name clk -period {period:g} [get_ports clk]
set_input_delay 0 -clock clk [get_ports n*]
proc ask {{cell activity}} {{
  set_power_activity -global -activity $activity -duty 0.5
  report_power -instances [get_cells $cell] -digits 9
}}
foreach {{cell activity}} {{{cells}}} {{ ask $cell $activity }}
foreach pin {{{gated}}} {{ set_sense -type clock -stop_propagation -clocks [get_clocks clk] [get_pins $pin] }}
foreach {{cell activity}} {{{gaters}}} {{ ask $cell $activity }}
"""


def is_there() -> bool:
    return bool(shutil.which(PROGRAM))


def version() -> str:
    return run(Path(), PROGRAM, "-version").strip()


def energies(netlist: Netlist, libraries: list[Path], library: Library, activity: Activity, folder: Path) -> np.ndarray:
    """Return J in all clocks that count: internal and switching energy of each instance, shape (instances, 2)."""
    clocks = activity.counted
    names = []
    for number, path in enumerate(libraries):
        data = path.read_bytes()
        names.append(f"{number}.lib")
        (folder / names[-1]).write_bytes(gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data)
    (folder / "cells.v").write_text(verilog(netlist))
    kinds = np.array([instance.cell.kind for instance in netlist.instances])
    moves = np.array([counts[1].sum() for counts in activity.counts]) / clocks
    flops, gaters = np.flatnonzero(kinds == "flop"), np.flatnonzero(kinds == "gater")
    gated = [f"u{i}/{netlist.instances[i].cell.output}" for i in gaters]
    period = 1e-6 / library.seconds  # a clock in which everything settles
    asked = [(np.flatnonzero(kinds != "gater"), moves), (flops, 0 * moves), (gaters, 2 * moves)]
    lists = [" ".join(f"u{i} {rates[i]:.9g}" for i in of) for of, rates in asked]
    (folder / "power.tcl").write_text(SCRIPT.format(
        libraries="\n".join(f"read_liberty {name}" for name in names), period=period, gated=" ".join(gated),
        cells=" ".join(lists[:2]), gaters=lists[2],
    ))  # fmt: skip
    told = run(folder, PROGRAM, "-no_splash", "-exit", "power.tcl")
    rows = [words for line in told.splitlines() if len(words := line.split()) == 5 and words[-1][0] == "u"]
    order = np.concatenate([of for of, _ in asked])
    if [words[-1] for words in rows] != [f"u{i}" for i in order]:
        raise SystemExit(f"rtl-energy: {PROGRAM}: {told[:800]}")
    watts = np.array([[float(word) for word in words[:2]] for words in rows])
    moving, resting, gates = np.split(watts, np.cumsum([len(of) for of, _ in asked[:-1]]))
    found = np.zeros((len(kinds), 2))
    found[asked[0][0]] = moving
    found[gaters] = gates
    pulses = np.array([activity.counts[i][0, len(netlist.instances[i].cell.inputs)].sum() for i in flops]) / clocks
    found[flops] += (pulses - 1)[:, None] * resting
    return found * clocks * period * library.seconds


class Sum:
    """Tables added up, each with a weight."""

    def __init__(self, terms: list[tuple[float, Table | None]]) -> None:
        self.terms = [(weight, table) for weight, table in terms if table]

    def at(self, slew: float, load: float) -> float:
        return sum(weight * table.at(slew, load) for weight, table in self.terms)


def both(weight: float, edges: Edges) -> list[tuple[float, Table | None]]:
    return [(weight, edges.rise), (weight, edges.fall)]


def counted(cell: Cell) -> Cell:
    """Return a cell whose energies are those that OpenSTA counts for a move, as probes of single cells show.

    For each it adds what the tables say of rising and of falling. Where a gate's tables have conditions, it adds those
    of all inputs and conditions for each move of the output, by the share of states in which each holds, and those of
    ground, too.
    """

    def separately(pins: dict[str, list[Edges]]) -> dict[str, list[Edges]]:
        return {name: [replace(e, rise=(one := Sum(both(1, e))), fall=one) for e in of] for name, of in pins.items()}

    energies = separately(cell.energies)
    given = [edges for of in cell.energies.values() for edges in of if not edges.always]
    if cell.kind == "gate" and given:
        supplies = 2 if cell.grounded else 1  # the same charge once more
        share = supplies / (1 << len(cell.inputs))
        terms = [term for e in given for term in both(share * e.states.bit_count(), e)]
        energies = {name: [Edges(0, True, Sum(terms), Sum(terms))] for name in cell.energies}
    return replace(cell, energies=energies, passive=separately(cell.passive))


def by_its_rule(netlist: Netlist) -> Netlist:
    """Return the netlist with cells whose energies are counted as OpenSTA counts them."""
    cells = {instance.cell.name: counted(instance.cell) for instance in netlist.instances}
    return replace(
        netlist, instances=[replace(instance, cell=cells[instance.cell.name]) for instance in netlist.instances]
    )


def verilog(netlist: Netlist) -> str:
    """Return the netlist; nets are n2, n3 and so on, cells u0, u1 and so on."""

    def net(number: int) -> str:
        return f"1'b{number}" if number < 2 else f"n{number}"

    inputs = sorted({number for nets in netlist.inputs.values() for number in nets})
    lines = [f"module cells (input clk, {', '.join(f'input n{number}' for number in inputs)});"]
    for i, instance in enumerate(netlist.instances):
        cell = instance.cell
        pins = [f".{name}({net(number)})" for name, number in zip(cell.inputs, instance.nets, strict=True)]
        if cell.clock:
            gater = instance.clock
            pins.append(f".{cell.clock}({'clk' if gater < 0 else net(netlist.instances[gater].out)})")
        lines.append(f"  {cell.name} u{i} ({', '.join(pins)}, .{cell.output}({net(instance.out)}));")
    return "\n".join([*lines, "endmodule", ""])
