"""``make rtl-energy`` by hand: a library of round numbers, and netlists whose toggles can be counted."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from test_rtl import done, need

from tools.energy import netlist
from tools.energy.liberty import Library, truth

TINY = Path(__file__).with_name("tiny.lib")
WIRE = 1e-15


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
    assert tiny.cells["INV"].leakage == pytest.approx(2e-9)
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
    assert of_inv.logic == pytest.approx((3 + 5 + 2 * 3 / 2) * 1e-15)  # internal, and 3 fF twice
    # By A it falls, by B it rises: 11 + 13, and 1 + 1 fF twice. A moved once while B was low, 7.
    assert of_nand.logic == pytest.approx((11 + 13 + 2 * 2 / 2 + 7) * 1e-15)
    assert of_nand.glitches == pytest.approx(of_nand.logic)
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
    assert first.clock == pytest.approx(10 * (17 + 19 + 2 * 4) * 1e-15)
    # Its load is a pin, the wire to it, and that of the output.
    assert first.logic == pytest.approx(4 * (23 + (1 + 1 + 1) / 2) * 1e-15)
    assert gater.clock == pytest.approx((10 * (2 * 29 + 2 * 5) + 3 * 2 * 31) * 1e-15)
    assert second.clock == pytest.approx(3 * (17 + 19 + 2 * 4) * 1e-15)
    assert second.logic == pytest.approx(2 * (23 + 1 / 2) * 1e-15)


def energy(*arguments: object) -> str:
    need("yosys", "verilator", "make", "g++", "cc")
    return done(sys.executable, "-m", "tools.energy", *arguments)


@pytest.mark.slow
def test_a_netlist_returns_what_the_verilog_returns() -> None:
    """The command fails if it does not. The library of round numbers has all that the encoder needs."""
    text = energy(TINY)
    assert "of noise" in text
    assert "in all" in text


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
