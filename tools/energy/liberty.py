"""Read Liberty libraries: functions, delays and energies of cells with one output.

The format is that of the Liberty User Guides and Reference Manual (Open Source Liberty, 2017).
"""

from __future__ import annotations

import gzip
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

GROUP = re.compile(r"\s*([\w]+)\s*\(([^(){}]*)\)\s*\{")
ATTRIBUTE = re.compile(r"\s*(\w+)\s*:\s*(\"[^\"]*\"|[^;\n\"]*)[\s;]*")
CALL = re.compile(r"\s*(\w+)\s*\(([^()]*)\)[\s;]*")
END = re.compile(r"\s*\}[\s;]*")
UNUSED = re.compile(r"output_current|receiver_capacitance|dc_current|normalized_driver")
SCALES = {"f": 1e-15, "p": 1e-12, "n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1.0}


@dataclass
class Group:
    kind: str
    names: list[str]
    values: dict[str, str] = field(default_factory=dict)
    groups: list[Group] = field(default_factory=list)

    def all(self, *kinds: str) -> Iterator[Group]:
        return (group for group in self.groups if group.kind in kinds)

    def first(self, *kinds: str) -> Group | None:
        return next(self.all(*kinds), None)


def of_ground(power: Group) -> bool:
    return power.values.get("related_pg_pin", "").upper() in ("VSS", "GND", "VGND")


def words(text: str) -> list[str]:
    return [word.strip().strip('"') for word in text.split(",") if word.strip()]


def skipped(text: str, at: int) -> int:
    """Return where the group ends whose contents begin at ``at``."""
    depth = 1
    for brace in re.compile(r"[{}]").finditer(text, at):
        depth += 1 if brace.group() == "{" else -1
        if not depth:
            return brace.end()
    raise ValueError("a group of the library has no end")


def parse(text: str) -> Group:
    """Return the library that the text of a Liberty file describes, without its current sources.

    ValueError: it is no Liberty file.
    """
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL).replace("\\\n", " ").rstrip()
    root = Group("", [])
    open_groups, at = [root], 0
    while at < len(text):
        if found := END.match(text, at):
            open_groups.pop()
        elif found := GROUP.match(text, at):
            if UNUSED.match(found[1]):
                at = skipped(text, found.end())
                continue
            group = Group(found[1], words(found[2]))
            open_groups[-1].groups.append(group)
            open_groups.append(group)
        elif found := ATTRIBUTE.match(text, at):
            open_groups[-1].values[found[1]] = found[2].strip().strip('"')
        elif found := CALL.match(text, at):
            open_groups[-1].values[found[1]] = found[2]
        if not found or not open_groups:
            raise ValueError(f"no Liberty: {text[at : at + 40].strip()!r}")
        at = found.end()
    library = root.first("library")
    if not library or len(open_groups) != 1:
        raise ValueError("no Liberty: it holds no whole library")
    return library


class Table:
    """A value over the slew of an input and the load of the output, or over one of them, or over nothing."""

    def __init__(self, group: Group, template: Group | None) -> None:
        both = {**(template.values if template else {}), **group.values}
        axes = [[float(x) for x in words(both[f"index_{i}"].replace('"', ""))] for i in (1, 2) if f"index_{i}" in both]
        values = [float(x) for x in words(group.values["values"].replace('"', ""))]
        loads = ["output" in both.get(f"variable_{i}", "output" if i == 2 else "input") for i in (1, 2)]
        if len(values) == 1:
            axes = []
        elif len(axes) == 2 and loads[0]:  # slews come first here
            columns = len(axes[1])
            values = [values[i * columns + k] for k in range(columns) for i in range(len(axes[0]))]
            axes.reverse()
        elif len(axes) == 1 and loads[0]:
            axes = [[0.0], axes[0]]
        self.slews = axes[0] if axes else [0.0]
        self.loads = axes[1] if len(axes) == 2 else [0.0]
        self.values = values
        if len(values) != len(self.slews) * len(self.loads):
            raise ValueError(
                f"a table of the library has {len(values)} values, not {len(self.slews)} x {len(self.loads)}"
            )

    def at(self, slew: float, load: float) -> float:
        """Return the value between four points of the table, of the outermost ones beyond them."""
        i, x = place(self.slews, slew)
        k, y = place(self.loads, load)
        v, columns = self.values, len(self.loads)
        at = i * columns + k
        right, below = (1 if columns > 1 else 0), (columns if len(self.slews) > 1 else 0)
        upper = v[at] + y * (v[at + right] - v[at])
        lower = v[at + below] + y * (v[at + below + right] - v[at + below])
        return upper + x * (lower - upper)


def place(axis: list[float], x: float) -> tuple[int, float]:
    if len(axis) == 1:
        return 0, 0.0
    i = min(max(bisect_right(axis, x) - 1, 0), len(axis) - 2)
    return i, (x - axis[i]) / (axis[i + 1] - axis[i])


def truth(expression: str, variables: dict[str, int], states: int) -> int:
    """Return the states, as bits, in which a Boolean expression holds; ``variables`` are such bits, too."""
    tokens = re.findall(r"[\w\[\]]+|[!'*&+|^()]", expression)
    everything = (1 << states) - 1
    at = 0

    def peek() -> str:
        return tokens[at] if at < len(tokens) else ""

    def factor() -> int:
        nonlocal at
        token = peek()
        at += 1
        if token == "!":
            return everything ^ factor()
        if token == "(":
            value = sums()
            at += 1
        elif token in ("0", "1"):
            value = everything * int(token)
        elif token in variables:
            value = variables[token]
        else:
            raise ValueError(f"{expression!r}: what is {token!r}?")
        while peek() == "'":
            at += 1
            value ^= everything
        return value

    def odd() -> int:
        nonlocal at
        value = factor()
        while peek() == "^":
            at += 1
            value ^= factor()
        return value

    def product() -> int:
        nonlocal at
        value = odd()
        while peek() and peek() not in "+|)":
            if peek() in "*&":
                at += 1
            value &= odd()
        return value

    def sums() -> int:
        nonlocal at
        value = product()
        while peek() and peek() in "+|":
            at += 1
            value |= product()
        return value

    return sums()


@dataclass
class Edges:
    """Tables for a rising and for a falling pin, and the states in which they hold."""

    states: int
    always: bool  # no condition is given
    rise: Table | None
    fall: Table | None


@dataclass
class Cell:
    """A gate, a flip-flop ("flop") or a gate of the clock ("gater") with one output.

    Its states are the bits of ``inputs``, the lowest first; a flip-flop and a gater have one more, what they hold.
    ``lut`` has a bit for each state of the inputs: the output of a gate, what a flip-flop holds next, whether a gater
    lets the clock pass.
    """

    name: str
    kind: str
    inputs: list[str]
    clock: str
    output: str
    lut: int
    area: float
    leakage: float  # W
    capacitance: dict[str, float]
    delays: dict[str, list[Group]]
    energies: dict[str, list[Edges]]  # by the related pin, of the output
    passive: dict[str, list[Edges]]  # by the pin, of an input
    grounded: bool  # the library tells energies of ground, too, which are left out here


class Library:
    """Cells of one or several Liberty files with the same units."""

    def __init__(self, paths: list[Path], unused: str) -> None:
        """Read files, zipped or not, without the cells whose name the pattern ``unused`` matches.

        OSError, ValueError: one cannot be read, or it is no Liberty file.
        """
        self.cells: dict[str, Cell] = {}
        self.groups: list[Group] = []
        self.templates: dict[str, Group] = {}
        units = set()
        for path in paths:
            data = path.read_bytes()
            try:
                library = parse((gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode("latin-1"))
                units.add((self._unit(library, "time_unit"), self._load_unit(library), self._voltage(library)))
                self.leakage_unit = self._unit(library, "leakage_power_unit")
                self._read(library, re.compile(unused))
            except (KeyError, IndexError, ValueError) as error:
                raise ValueError(f"{path}: {error}") from error
            self.head = library
        if len(units) != 1:
            raise ValueError("the libraries differ in their units or voltages")
        self.seconds, self.farads, self.volts = units.pop()

    @staticmethod
    def _unit(library: Group, name: str) -> float:
        number, scale = re.fullmatch(r"([\d.]+)\s*([fpnum]?)[sSWV]", library.values[name]).groups()  # type: ignore[union-attr]
        return float(number) * SCALES[scale]

    @staticmethod
    def _load_unit(library: Group) -> float:
        number, unit = words(library.values["capacitive_load_unit"])
        return float(number) * SCALES[unit[0].lower()]

    @staticmethod
    def _voltage(library: Group) -> float:
        return float(library.values["nom_voltage"])

    def _read(self, library: Group, unused: re.Pattern[str]) -> None:
        self.templates |= {group.names[0]: group for group in library.groups if "template" in group.kind}
        for group in library.all("cell"):
            if unused.search(group.names[0]) or group.values.get("dont_use") == "true":
                continue
            cell = self._cell(group)
            if cell:
                self.cells[cell.name] = cell
                self.groups.append(group)

    def table(self, group: Group | None) -> Table | None:
        if not group or "values" not in group.values:
            return None
        return Table(group, self.templates.get(group.names[0]) if group.names else None)

    def _cell(self, group: Group) -> Cell | None:
        """Return a cell, None where it is not one of those that this module knows."""
        pins = {pin.names[0]: pin for pin in group.all("pin")}
        ways = {name: pin.values.get("direction", "") for name, pin in pins.items()}
        inputs = [name for name, way in ways.items() if way == "input"]
        outputs = [name for name, way in ways.items() if way == "output"]
        flop = group.first("ff")
        gates_clock = group.values.get("clock_gating_integrated_cell", "")
        if len(outputs) != 1 or len(inputs) > 6 or group.first("latch", "ff_bank", "latch_bank"):
            return None
        output, clock, kind = outputs[0], "", "gate"
        function = pins[output].values.get("function", "")
        held: dict[str, str] = {}
        if gates_clock:
            if not gates_clock.startswith("latch_posedge"):
                return None
            kind = "gater"
            clock = next(name for name in inputs if pins[name].values.get("clock_gate_clock_pin") == "true")
            held = {name: "=" for name, way in ways.items() if way == "internal"} | {output: "="}
            function = " + ".join(name for name in inputs if name != clock)
        elif flop:
            kind, clock = "flop", flop.values["clocked_on"].strip()
            if clock not in inputs or {"clear", "preset"} & set(flop.values) or function not in flop.names:
                return None
            same = function == flop.names[0]
            held = {output: "=", flop.names[0]: "=" if same else "!", flop.names[1]: "!" if same else "="}
            function = f"({flop.values['next_state']})" if same else f"!({flop.values['next_state']})"
        elif not function or group.first("statetable"):
            return None
        if "three_state" in pins[output].values:
            return None
        data = [name for name in inputs if name != clock]
        count = 1 << len(data)
        states = count << (kind != "gate")
        bits = {name: sum(1 << s for s in range(states) if s >> i & 1) for i, name in enumerate(data)}
        known = dict(bits)
        everything = (1 << states) - 1
        for name, way in held.items():
            value = everything ^ ((1 << count) - 1)
            known[name] = value if way == "=" else everything ^ value
        if clock:
            known[clock] = everything  # what moves moves in the first half of a clock
        try:
            whole = truth(function, known, states)
        except ValueError:
            return None
        lut = whole & ((1 << count) - 1)
        if kind == "gate":
            known[output] = lut

        def edges(power: Group) -> Edges:
            when = power.values.get("when", "")
            one = self.table(power.first("power"))
            rise, fall = (self.table(power.first(name)) or one for name in ("rise_power", "fall_power"))
            return Edges(truth(when, known, states) if when else everything, not when, rise, fall)

        def powers(pin: str) -> Iterator[Group]:
            """Yield energies; those of ground are the same charge once more, on its way out."""
            for power in pins[pin].all("internal_power"):
                if not of_ground(power):
                    yield power

        energies: dict[str, list[Edges]] = {}
        for power in powers(output):
            for name in power.values.get("related_pin", "").split():
                energies.setdefault(name, []).append(edges(power))
        delays: dict[str, list[Group]] = {}
        for timing in pins[output].all("timing"):
            if timing.values.get("timing_type", "combinational") in DELAYS:
                for name in timing.values.get("related_pin", "").split():
                    delays.setdefault(name, []).append(timing)
        return Cell(
            name=group.names[0],
            kind=kind,
            inputs=data,
            clock=clock,
            output=output,
            lut=lut,
            area=float(group.values.get("area", 0)),
            leakage=self._leakage(group),
            capacitance={name: float(pins[name].values.get("capacitance", 0)) for name in inputs},
            delays=delays,
            energies=energies,
            passive={name: [edges(power) for power in powers(name)] for name in inputs},
            grounded=any(map(of_ground, pins[output].all("internal_power"))),
        )

    def _leakage(self, cell: Group) -> float:
        """Return the mean leakage, in W."""
        if "cell_leakage_power" in cell.values:
            return float(cell.values["cell_leakage_power"]) * self.leakage_unit
        found = [group for group in cell.all("leakage_power") if not of_ground(group)]
        whole = [group for group in found if "when" not in group.values] or found
        return sum(float(group.values["value"]) for group in whole) / max(len(whole), 1) * self.leakage_unit

    def smallest(self, kind: str) -> Cell:
        """Return the smallest cell of a kind.

        ValueError: the library has none.
        """
        found = [cell for cell in self.cells.values() if cell.kind == kind]
        if not found:
            raise ValueError(f"the library has no {kind}")
        return min(found, key=lambda cell: cell.area)

    def write(self, path: Path) -> None:
        """Write what a synthesis needs of it as one Liberty file."""
        keep = ("delay_model", "time_unit", "voltage_unit", "current_unit", "leakage_power_unit",
                "pulling_resistance_unit", "nom_voltage")  # fmt: skip
        lines = ["library (cells) {"]
        lines += [f'  {name} : "{self.head.values[name]}";' for name in keep if name in self.head.values]
        lines.append(f"  capacitive_load_unit ({self.head.values['capacitive_load_unit']});")
        for group in self.templates.values():
            if group.kind == "lu_table_template":
                lines += text_of(group, 1)
        for group in self.groups:
            lines += text_of(group, 1)
        path.write_text("\n".join([*lines, "}", ""]))


DELAYS = ("combinational", "combinational_rise", "combinational_fall", "rising_edge")
NEEDED = {"cell", "pin", "timing", "ff", "cell_rise", "cell_fall", "rise_transition", "fall_transition",
          "lu_table_template"}  # fmt: skip


def text_of(group: Group, depth: int) -> list[str]:
    tab = "  " * depth
    lines = [f"{tab}{group.kind} ({', '.join(group.names)}) {{"]
    for name, value in group.values.items():
        if name.startswith(("index_", "values")):
            lines.append(f"{tab}  {name} ({value});")
        else:
            lines.append(f'{tab}  {name} : "{value}";')
    for inner in group.groups:
        if inner.kind in NEEDED:
            lines += text_of(inner, depth + 1)
    return [*lines, tab + "}"]
