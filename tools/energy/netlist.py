"""Map the encoder onto the cells of a library, simulate the netlist, and sum what its toggles take as energy."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .liberty import Cell, Edges, Library, Table

ROOT = Path(__file__).resolve().parents[2]
RTL = ROOT / "rtl"
HERE = Path(__file__).parent
TOP = "n1_encoder"
LEAST_GATED = 4
"""Flip-flops with a common enable that a clock gate pays for."""

GATED = """module \\$_DFFE_PP_ (input D, C, E, output Q);
  wire clock;
  {gater} gater (.{clock}(C), {enables}, .{output}(clock));
  \\$_DFF_P_ flop (.D(D), .C(clock), .Q(Q));
endmodule
"""


def run(folder: Path, *command: object) -> str:
    """Run a program and return what it prints; SystemExit with its last words if it fails."""
    program = shutil.which(str(command[0])) or shutil.which(str(command[0]), path=str(Path(sys.executable).parent))
    if not program:
        raise SystemExit(f"rtl-energy: no {command[0]}: apt-get install yosys verilator g++")
    done = subprocess.run([program, *map(str, command[1:])], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"rtl-energy: {Path(program).name}: {(done.stdout + done.stderr)[-800:]}")
    return done.stdout


def sources(folder: Path) -> None:
    for path in (*RTL.glob("n1_*.v"), RTL / "n1_constants.vh"):
        shutil.copy(path, folder)


def map_onto(library: Library, folder: Path, gated: bool) -> dict:
    """Return the netlist of the encoder as yosys describes it; names of cells begin with those of their modules.

    ``gated``: flip-flops with an enable get a gate of their clock, one for all of a module with the same enable.
    """
    sources(folder)
    library.write(folder / "cells.lib")
    flops, read = "dfflegalize -cell $_DFF_P_ x", ""
    if gated:
        gater = library.smallest("gater")
        enable, *tests = gater.inputs
        enables = ", ".join([f".{enable}(E)", *(f".{name}(1'b0)" for name in tests)])
        text = GATED.format(gater=gater.name, clock=gater.clock, enables=enables, output=gater.output)
        (folder / "gated.v").write_text(text)
        ports = [f"input {name}" for name in (*gater.inputs, gater.clock)] + [f"output {gater.output}"]
        (folder / "gater.v").write_text(f"(* blackbox *) module {gater.name} ({', '.join(ports)}); endmodule\n")
        read = "read_verilog -lib gater.v; "
        flops = (
            f"dfflegalize -mince {LEAST_GATED} -cell $_DFF_P_ x -cell $_DFFE_PP_ x; techmap -map gated.v; "
            f"opt_merge -share_all; {flops}"
        )
    steps = (
        f"{read}read_verilog n1_*.v; synth -top {TOP}; {flops}; opt_clean; "
        f"dfflibmap -liberty cells.lib; abc -liberty cells.lib; flatten; opt_clean -purge; write_json netlist.json"
    )
    run(folder, "yosys", "-q", "-p", steps)
    modules = json.loads((folder / "netlist.json").read_text())["modules"]
    return modules[TOP]


@dataclass
class Instance:
    name: str
    cell: Cell
    nets: list[int]  # of the inputs
    out: int
    clock: int  # the instance that gates its clock, -1 without


@dataclass
class Netlist:
    """Instances of cells; nets are numbers, 0 and 1 are constants."""

    instances: list[Instance]
    nets: int
    inputs: dict[str, list[int]]  # nets by port
    outputs: dict[str, list[int]]


def netlist_of(module: dict, library: Library) -> Netlist:
    numbers: dict[object, int] = {"0": 0, "1": 1, "x": 0}

    def net(bit: object) -> int:
        return numbers.setdefault(bit, len(numbers) - 1)

    sides: dict[str, dict[str, list[int]]] = {"input": {}, "output": {}}
    clock = None
    for name, port in module["ports"].items():
        if name == "clk":
            clock = net(port["bits"][0])
        else:
            sides[port["direction"]][name] = [net(bit) for bit in port["bits"]]
    made = []
    for name, described in module["cells"].items():
        kind = described["type"].lstrip("\\")
        if kind not in library.cells:
            raise SystemExit(f"rtl-energy: the netlist has a cell {kind}, which the library has not")
        cell, pins = library.cells[kind], {pin: net(bits[0]) for pin, bits in described["connections"].items()}
        made.append((name, cell, pins))
    gaters = {pins[cell.output]: i for i, (_, cell, pins) in enumerate(made) if cell.kind == "gater"}
    instances = []
    for name, cell, pins in made:
        gated = -1
        if cell.clock and pins[cell.clock] != clock:
            gated = gaters[pins[cell.clock]]
        instances.append(Instance(name, cell, [pins[pin] for pin in cell.inputs], pins[cell.output], gated))
    return Netlist(instances, len(numbers) - 1, sides["input"], sides["output"])


def mean_of(tables: list[Table | None], slew: float, load: float) -> float:
    found = [table.at(slew, load) for table in tables if table]
    return sum(found) / len(found) if found else 0.0


class Timing:
    """Loads of nets, slews and delays of all instances, by the tables of the library."""

    def __init__(self, netlist: Netlist, library: Library, wire: float) -> None:
        """``wire`` is the capacitance of the wire to each pin, F."""
        self.library = library
        self.wire = wire / library.farads
        self.loads = [0.0] * netlist.nets
        for instance in netlist.instances:
            for name, net in zip(instance.cell.inputs, instance.nets, strict=True):
                self.loads[net] += instance.cell.capacitance[name] + self.wire
        for nets in netlist.outputs.values():
            for net in nets:
                self.loads[net] += self.wire
        flop = library.smallest("flop")
        self.clock_slew = self._slews(flop.delays[flop.clock])[1]
        self.slews = [(self.clock_slew, self.clock_slew)] * netlist.nets
        self.delays: list[list[tuple[float, float]]] = [[] for _ in netlist.instances]
        self._pass(netlist)

    def _slews(self, timings: list) -> list[float]:
        table = next(found for t in timings if (found := self.library.table(t.first("cell_rise", "cell_fall"))))
        return table.slews if len(table.slews) > 1 else [0.0, 0.0]

    def _pass(self, netlist: Netlist) -> None:
        """Follow the netlist from flip-flops and inputs on."""
        drivers = {instance.out: i for i, instance in enumerate(netlist.instances) if instance.cell.kind == "gate"}
        users: list[list[int]] = [[] for _ in netlist.instances]
        missing = [0] * len(netlist.instances)
        for i, instance in enumerate(netlist.instances):
            if instance.cell.kind == "gate":
                for net in instance.nets:
                    if net in drivers:
                        users[drivers[net]].append(i)
                        missing[i] += 1
        ready = [i for i, instance in enumerate(netlist.instances) if instance.cell.kind != "gate"]
        ready += [i for i, instance in enumerate(netlist.instances) if instance.cell.kind == "gate" and not missing[i]]
        arcs: dict[tuple[str, str], list] = {}
        for i in ready:
            instance = netlist.instances[i]
            cell, load = instance.cell, self.loads[instance.out]
            pins = [cell.clock] if cell.clock else cell.inputs
            nets = [-1] if cell.clock else instance.nets
            slews, delays = [], []
            for pin, net in zip(pins, nets, strict=True):
                slew = self.clock_slew if net < 0 else sum(self.slews[net]) / 2
                if (cell.name, pin) not in arcs:
                    timings = cell.delays.get(pin, [])
                    names = ("cell_fall", "cell_rise", "fall_transition", "rise_transition")
                    arcs[cell.name, pin] = [[self.library.table(t.first(name)) for t in timings] for name in names]
                fall, rise, falls, rises = (mean_of(tables, slew, load) for tables in arcs[cell.name, pin])
                delays.append((fall, rise))
                slews.append((falls, rises))
            self.delays[i] = [(0.0, 0.0)] * len(cell.inputs) + delays if cell.clock else delays
            if slews:
                self.slews[instance.out] = (
                    sum(s[0] for s in slews) / len(slews),
                    sum(s[1] for s in slews) / len(slews),
                )
            for user in users[i]:
                missing[user] -= 1
                if not missing[user]:
                    ready.append(user)
        if len(ready) != len(netlist.instances):
            raise SystemExit("rtl-energy: the netlist has a loop")


STEPS = 4096
"""Steps of time in the longest delay."""


class Activity:
    """What toggles, by gatesim.c.

    ``counts`` has an array of shape (3, pins, states) for each instance, ``functional`` how often its output is another
    one at a clock's end than at its beginning, ``returned`` the outputs at each clock's end, shape (clocks, bits).
    """

    def __init__(self, netlist: Netlist, timing: Timing, given: Path, quiet: int, folder: Path) -> None:
        """Simulate the inputs in a file, a byte a bit; the first ``quiet`` clocks do not count."""
        longest = max(max(max(pair) for pair in delays) for delays in timing.delays if delays)
        step = longest / STEPS
        both = list(zip(netlist.instances, timing.delays, strict=True))
        flops = [delays[-1] for instance, delays in both if instance.cell.kind == "flop"]
        arrival = sum(map(sum, flops)) / (2 * len(flops))  # inputs come from registers, too

        def steps(delay: float) -> int:
            return max(1, round(delay / step))

        kinds = {"gate": 0, "flop": 1, "gater": 2}
        ins = [net for nets in netlist.inputs.values() for net in nets]
        outs = [net for nets in netlist.outputs.values() for net in nets]
        lines = [f"{netlist.nets} {len(netlist.instances)} {len(ins)} {len(outs)} {steps(arrival)} {quiet}"]
        lines += [" ".join(map(str, ins)), " ".join(map(str, outs))]
        for instance, delays in both:
            cell = instance.cell
            numbers = [kinds[cell.kind], len(cell.inputs), instance.out, instance.clock]
            lines.append(" ".join(map(str, numbers)) + f" {cell.lut:x} " + " ".join(map(str, instance.nets)))
            lines.append(" ".join(f"{steps(fall)} {steps(rise)}" for fall, rise in delays))
        (folder / "netlist").write_text("\n".join(lines) + "\n")
        run(folder, "cc", "-std=c99", "-O2", "-o", "gatesim", HERE / "gatesim.c")
        told = run(folder, folder / "gatesim", "netlist", given, "returned", "counts")
        self.clocks, last = map(int, told.split())
        self.counted = self.clocks - quiet
        self.settles = last * step * timing.library.seconds
        self.returned = np.fromfile(folder / "returned", np.uint8).reshape(self.clocks, len(outs))
        counts = np.fromfile(folder / "counts", np.uint32)
        self.counts, self.functional, at = [], [], 0
        for instance in netlist.instances:
            pins = len(instance.cell.inputs) + bool(instance.cell.clock)
            size = 3 * pins << pins
            self.counts.append(counts[at : at + size].reshape(3, pins, 1 << pins))
            self.functional.append(int(counts[at + size]))
            at += size + 1


def energy_of(edges: list[Edges], counts: np.ndarray, rises: int, slew: float, load: float) -> float:
    """Return the energy of toggles, shape (states,); in the states ``rises`` (bits) the pin has risen.

    What holds in a state alone goes before what holds always.
    """
    total = 0.0
    for state in np.flatnonzero(counts):
        given = [e for e in edges if not e.always and e.states >> int(state) & 1]
        fits = next(iter(given or [e for e in edges if e.always]), None)
        table = fits and (fits.rise if rises >> int(state) & 1 else fits.fall)
        if table:
            total += int(counts[state]) * table.at(slew, load)
    return total


@dataclass
class Energy:
    """Of one instance, J in all clocks that count."""

    internal: float  # by the tables of the library
    switching: float  # of the net that it drives, a clock's too
    logic: float  # of both without clocks
    clock: float  # of its clock pin, with the wire to it and the tree before it
    glitches: float  # of the logic


def energies(netlist: Netlist, library: Library, timing: Timing, activity: Activity, tree: float) -> list[Energy]:
    """Return the energy of each instance; the load of clock pins counts ``tree`` times, for the tree of buffers."""
    half = library.volts**2 / 2
    clock_loads: dict[int, float] = defaultdict(float)
    for instance in netlist.instances:
        if instance.cell.clock:
            clock_loads[instance.clock] += instance.cell.capacitance[instance.cell.clock] + timing.wire
    found = []
    for i, (instance, counts) in enumerate(zip(netlist.instances, activity.counts, strict=True)):
        cell = instance.cell
        gates_clock = cell.kind == "gater"
        load = clock_loads[i] if gates_clock else timing.loads[instance.out]
        pins = len(cell.inputs) + bool(cell.clock)
        logic = of_clock = at_clock = 0.0
        for pin, name in enumerate(cell.inputs):
            slew = sum(timing.slews[instance.nets[pin]]) / 2
            moved = sum(1 << s for s in range(1 << pins) if s >> pin & 1)
            logic += energy_of(cell.passive[name], counts[0, pin], moved, slew, 0.0)
            if cell.kind == "gate":
                logic += energy_of(cell.energies.get(name, []), counts[1, pin], cell.lut, slew, load)
        toggles = int(counts[1].sum())
        if cell.clock:
            every, slew = (1 << (1 << pins)) - 1, timing.clock_slew
            pin = len(cell.inputs)
            of_clock += energy_of(cell.passive[cell.clock], counts[0, pin], every, slew, 0.0)
            of_clock += energy_of(cell.passive[cell.clock], counts[2, pin], 0, slew, 0.0)
            pulses = int(counts[0, pin].sum())
            at_clock += 2 * pulses * half * tree * (cell.capacitance[cell.clock] + timing.wire)
            held = sum(1 << s for s in range(1 << pins) if s >> pin & 1)
            related = cell.energies.get(cell.clock, [])
            if gates_clock:  # its output rises and falls; the pins behind it count what they load
                of_clock += energy_of(related, counts[1, pin], every, slew, load)
                of_clock += energy_of(related, counts[1, pin], 0, slew, load)
            else:
                logic += energy_of(related, counts[1, pin], held, slew, load)
        internal, switching = logic + of_clock, (2 if gates_clock else 1) * toggles * half * load
        if not gates_clock:
            logic += switching
        functional = activity.functional[i]
        glitches = logic * max(0, toggles - functional) / toggles if toggles and cell.kind == "gate" else 0.0
        joules = (internal, switching, logic, of_clock + at_clock, glitches)
        found.append(Energy(*(value * library.farads for value in joules)))
    return found
