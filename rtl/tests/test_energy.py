"""``make rtl-energy`` by hand: a library of round numbers, and netlists whose toggles can be counted."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_rtl import done, need

from tools.energy import netlist, opensta, trace
from tools.energy.liberty import Library, truth

TINY = Path(__file__).with_name("tiny.lib")
WIRE = 1e-15


def near(joules: float, relative: float = 1e-6) -> object:
    """What pytest takes for equal by itself is more than what a cell takes."""
    return pytest.approx(joules, rel=relative, abs=0)


@pytest.fixture(scope="module")
def tiny() -> Library:
    return Library([TINY], "^$")


def test_boolean_expressions() -> None:
    a, b, c = 0xAA, 0xCC, 0xF0
    pins = {"A": a, "B": b, "C": c}
    for text, states in (
        ("A", a), ("!A", 0xFF ^ a), ("A'", 0xFF ^ a), ("A B", a & b), ("A*B + !C", a & b | 0xFF ^ c), ("1", 0xFF),
        ("A&(B|C)", a & (b | c)), ("A ^ B ^ C", a ^ b ^ c), ("(A B)' C", (0xFF ^ a & b) & c), ("A !B", a & ~b),
        ("!(A+B)", 0xFF ^ (a | b)),
    ):  # fmt: skip
        assert truth(text, pins, 8) == states, text
    with pytest.raises(ValueError, match="D"):
        truth("A*D", pins, 8)


def test_what_is_read_of_a_library(tiny: Library, tmp_path: Path) -> None:
    assert (tiny.seconds, tiny.farads, tiny.volts) == (1e-12, 1e-15, 1.0)
    assert {name: cell.kind for name, cell in tiny.cells.items()} == {
        "INV": "gate", "BUF": "gate", "NAND": "gate", "NOR": "gate", "XOR": "gate", "DFF": "flop", "GATER": "gater",
    }  # fmt: skip
    assert (tiny.cells["INV"].lut, tiny.cells["NAND"].lut, tiny.cells["DFF"].lut) == (0b01, 0b0111, 0b10)
    assert tiny.cells["INV"].leakage == near(2e-9)
    delay = tiny.table(tiny.cells["INV"].delays["A"][0].first("cell_rise"))
    assert delay is not None
    assert [delay.at(30, load) for load in (0, 5, 10)] == pytest.approx([10, 15, 20])
    zipped = tmp_path / "tiny.lib.gz"
    zipped.write_bytes(gzip.compress(TINY.read_bytes()))
    assert set(Library([zipped], "GATER|OR|BUF").cells) == {"INV", "NAND", "DFF"}
    tiny.write(tmp_path / "again.lib")
    again = Library([tmp_path / "again.lib"], "GATER")
    assert {name: cell.lut for name, cell in again.cells.items()} == {
        "INV": 0b01, "BUF": 0b10, "NAND": 0b0111, "NOR": 0b0001, "XOR": 0b0110, "DFF": 0b10,
    }  # fmt: skip


def test_what_is_no_library_is_refused(tmp_path: Path) -> None:
    for text in ("", "library (x) {", "}", "cell (x) { }", "library (x) { } nonsense"):
        (tmp_path / "bad.lib").write_text(text)
        with pytest.raises(ValueError, match=r"bad\.lib"):
            Library([tmp_path / "bad.lib"], "^$")


def simulated(
    library: Library, cells: list[netlist.Instance], nets: int, given: list[str], outs: list[int], tmp_path: Path
) -> tuple[netlist.Activity, list[netlist.Energy]]:
    """Return what toggles with one input, net 2, and its energies; the clocks before the first ``1`` count, too."""
    need("cc")
    found = netlist.Netlist(cells, nets, {"in": [2]}, {"out": outs})
    timing = netlist.Timing(found, library, WIRE)
    np.array([[int(bit)] for bit in given], np.uint8).tofile(tmp_path / "given")
    activity = netlist.Activity(found, timing, tmp_path / "given", 0, tmp_path)
    return activity, netlist.energies(found, library, timing, activity, 2)


def test_a_glitch_is_counted_and_a_short_one_is_not(tiny: Library, tmp_path: Path) -> None:
    """A NAND of a signal and its inverse: it falls as long as the inverter takes, if it is not slower itself."""
    inv, nand = tiny.cells["INV"], tiny.cells["NAND"]
    cells = [netlist.Instance("i", inv, [2], 3, -1), netlist.Instance("n", nand, [2, 3], 4, -1)]
    cells.append(netlist.Instance("d", tiny.cells["DFF"], [4], 5, -1))
    given = list("0010")
    activity, (of_inv, of_nand, _) = simulated(tiny, cells, 6, given, [4], tmp_path)
    assert activity.returned.reshape(-1).tolist() == [1, 1, 1, 1]
    # The inverter's load is a pin of 2 fF and its wire of 1 fF: it takes 13 ps, the NAND 8.
    assert int(activity.counts[1][1].sum()) == 2
    assert activity.functional[1] == 0
    assert of_inv.logic == near((3 + 5 + 2 * 3 / 2) * 1e-15)  # internal, and 3 fF twice
    # By A it falls, by B it rises: 11 + 13, and a pin and two wires of 1 fF twice. A moved once while B was low, 7.
    assert of_nand.logic == near((11 + 13 + 2 * 3 / 2 + 7) * 1e-15)
    assert of_nand.glitches == near(of_nand.logic)
    slow = Library([TINY], "^$")
    for timing in slow.cells["NAND"].delays["A"]:
        for name in ("cell_rise", "cell_fall"):
            timing.first(name).values["values"] = '"18, 18", "18, 18"'  # type: ignore[union-attr]
    cells[1] = netlist.Instance("n", slow.cells["NAND"], [2, 3], 4, -1)
    activity, _ = simulated(slow, cells, 6, given, [4], tmp_path)
    assert int(activity.counts[1][1].sum()) == 0


def test_flip_flops_and_their_clock(tiny: Library, tmp_path: Path) -> None:
    """A flip-flop at the root clock and one behind a gate that the first one opens."""
    flop = tiny.cells["DFF"]
    cells = [
        netlist.Instance("first", flop, [2], 3, -1),
        netlist.Instance("gater", tiny.cells["GATER"], [3], 4, -1),
        netlist.Instance("second", flop, [2], 5, 1),
    ]
    activity, (first, gater, second) = simulated(tiny, cells, 6, list("0110010000"), [3, 5], tmp_path)
    assert activity.returned.T.tolist() == [[0, 0, 1, 1, 0, 0, 1, 0, 0, 0], [0, 0, 0, 1, 0, 0, 0, 0, 0, 0]]
    # Every clock: 17 + 19 internal, and 3 + 1 fF up and down, twice for the tree.
    assert first.clock == near(10 * (17 + 19 + 2 * 4) * 1e-15)
    # Its load is a pin, the wire to it, and that of the output.
    assert first.logic == near(4 * (23 + (1 + 1 + 1) / 2) * 1e-15)
    assert gater.clock == near((10 * (2 * 29 + 2 * 5) + 3 * 2 * 31) * 1e-15)
    assert second.clock == near(3 * (17 + 19 + 2 * 4) * 1e-15)
    assert second.logic == near(2 * (23 + 1 / 2) * 1e-15)


def test_opensta_tells_what_its_rule_makes_of_our_toggles(tiny: Library, tmp_path: Path) -> None:
    """Of flip-flops, one with a gated clock, of inverters, and of a gate whose tables have conditions."""
    if not opensta.is_there():
        pytest.skip("no OpenSTA: apt-get install opensta")
    power = 'internal_power () { related_pin : "A B"; power (scalar) { values ("12"); } }'
    given = [
        f'internal_power () {{ related_pin : "{pin}"; when : "{when}"; rise_power (scalar) {{ values ("{joules}"); }} '
        f'fall_power (scalar) {{ values ("{joules + 1}"); }} }}\n'
        for pin, when, joules in (("A", "B", 12), ("A", "!B", 14), ("B", "A", 3), ("B", "!A", 7))
    ]
    before, after = TINY.read_text().split("cell (XOR)")
    path = tmp_path / "conditions.lib"
    path.write_text(f"{before}cell (XOR){after.replace(power, ''.join(given), 1)}")
    tiny = Library([path], "^$")
    flop, inv = tiny.cells["DFF"], tiny.cells["INV"]
    cells = [
        netlist.Instance("first", flop, [2], 3, -1),
        netlist.Instance("inv", inv, [3], 4, -1),
        netlist.Instance("again", inv, [4], 5, -1),
        netlist.Instance("gater", tiny.cells["GATER"], [2], 6, -1),
        netlist.Instance("second", flop, [5], 7, 3),
        netlist.Instance("xor", tiny.cells["XOR"], [3, 7], 8, -1),
    ]
    activity, _ = simulated(tiny, cells, 9, list("0110010000") * 5, [8], tmp_path)
    found = netlist.Netlist(cells, 9, {"in": [2]}, {"out": [8]})
    told = opensta.energies(found, [path], tiny, activity, tmp_path)
    bare = netlist.Timing(found, tiny, 0.0)
    by_rule = netlist.energies(opensta.by_its_rule(found), tiny, bare, activity, 1)
    for energy, (internal, switching) in zip(by_rule, told, strict=True):
        assert internal == near(energy.internal, 0.02)
        assert switching == near(energy.switching, 0.02)
    (*_, xor) = netlist.energies(found, tiny, bare, activity, 1)
    assert by_rule[-1].internal > 3 * xor.internal > 0


def energy(*arguments: object) -> str:
    need("yosys", "verilator", "make", "g++", "cc")
    return done(sys.executable, "-m", "tools.energy", *arguments)


@pytest.mark.slow
def test_a_netlist_returns_what_the_verilog_returns() -> None:
    """The command fails if it does not. The library of round numbers has all that the encoder needs."""
    text = energy(TINY)
    assert "of noise" in text
    assert "in all" in text


def extremes(channels: int) -> np.ndarray:
    """Return codes of frames, one after the other: the outermost and the middle, any, none but one."""
    rng = np.random.default_rng(1)
    frames = [rng.choice([0, 1, 511, 512, 1022, 1023], (4, channels)), rng.integers(0, 1024, (2, channels))]
    frames += [np.full((2, channels), code) for code in (1023, 0, 512)]
    return np.concatenate(frames).reshape(-1)


@pytest.mark.slow
def test_a_netlist_codes_extremes_as_the_verilog_does(tiny: Library, tmp_path: Path) -> None:
    """Keys in mid-stream, ends of sections, and codes that wait for room; one wrong gate is noticed."""
    need("yosys", "verilator", "make", "g++", "cc")
    found = netlist.netlist_of(netlist.map_onto(tiny, tmp_path, True), tiny)
    codes = extremes(514)
    settings = {"channels": 514, "frames": 1, "period": 4, "room": 3}
    given, seen = trace.record(found, codes, codes.size, tmp_path, settings)
    inputs = trace.split(np.fromfile(given, np.uint8).reshape(len(seen["in_ready"]), -1), found.inputs)
    assert inputs["in_end"].any() and inputs["in_first"][10000:].any() and not inputs["out_ready"].all()
    waits = inputs["in_valid"] > seen["in_ready"]
    assert waits.sum() > 1000

    def returned(wrong: netlist.Netlist) -> dict[str, int]:
        timing = netlist.Timing(wrong, tiny, WIRE)
        activity = netlist.Activity(wrong, timing, given, trace.QUIET, tmp_path)
        return trace.differences(seen, trace.split(activity.returned, wrong.outputs))

    assert returned(found) == {}
    gates = [i for i, instance in enumerate(found.instances) if instance.cell.name == "NAND"]
    at = gates[len(gates) // 2]
    found.instances[at] = replace(found.instances[at], cell=tiny.cells["NOR"])
    assert returned(found)


@pytest.mark.slow
def test_what_is_promised_of_real_libraries() -> None:
    """N1_LIBERTY names folders of sky130hd*.lib.gz and asap7*.lib.gz; N1_DATA one of recordings, if it is given."""
    folder = os.environ.get("N1_LIBERTY")
    if not folder:
        pytest.skip("no Liberty library: N1_LIBERTY=folder")
    data = ("--data", os.environ["N1_DATA"]) if os.environ.get("N1_DATA") else ()
    for pattern, bound in (("sky130hd*", 440), ("asap7*", 9.2)):
        files = sorted(Path(folder).glob(pattern))
        assert files, pattern
        rows = [line.split() for line in energy(*files, *data).splitlines() if line.startswith("encoder")]
        assert float(rows[0][-1]) <= bound


def test_an_error_is_one_line(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.lib", Path(__file__)):
        told = subprocess.run(
            [sys.executable, "-m", "tools.energy", path], capture_output=True, text=True, cwd=TINY.parents[2]
        )
        assert told.returncode == 1
        assert len(told.stderr.splitlines()) == 1
        assert told.stderr.startswith("rtl-energy: ")
        assert path.name in told.stderr
