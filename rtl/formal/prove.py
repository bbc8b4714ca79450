"""Prove n1_fifo with yosys-smtbmc and Z3: ``python rtl/formal/prove.py FOLDER``; FOLDER is for what yosys writes.

A queue of four entries is proven for all pushes and pops of ten clocks from the reset on.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
CLOCKS = 10


def main() -> int:
    folder = Path(sys.argv[1])
    for source in (HERE / "fifo.v", HERE.parent / "n1_fifo.v"):  # yosys takes no path with a blank
        shutil.copy(source, folder)
    steps = (
        "read_verilog -formal fifo.v n1_fifo.v; prep -flatten -top fifo_proof;"
        " memory_map; opt -full; dffunmap; write_smt2 -wires fifo.smt2"
    )
    subprocess.run(["yosys", "-q", "-p", steps], check=True, cwd=folder)
    proof = ["yosys-smtbmc", "--noprogress", "-s", "z3", "-t", str(CLOCKS), "fifo.smt2"]
    return subprocess.run(proof, cwd=folder).returncode


if __name__ == "__main__":
    raise SystemExit(main())
