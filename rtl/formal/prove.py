"""Prove n1_fifo with yosys-smtbmc and Z3: ``python rtl/formal/prove.py FOLDER``; FOLDER is for what yosys writes.

A queue of four entries is proven for all pushes and pops of ten clocks from the reset on.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
CLOCKS = 10


def main() -> int:
    model = Path(sys.argv[1]) / "fifo.smt2"
    steps = (
        f"read_verilog -formal {HERE / 'fifo.v'} {HERE.parent / 'n1_fifo.v'}; prep -flatten -top fifo_proof;"
        f" memory_map; opt -full; dffunmap; write_smt2 -wires {model}"
    )
    subprocess.run(["yosys", "-q", "-p", steps], check=True)
    return subprocess.run(["yosys-smtbmc", "--noprogress", "-s", "z3", "-t", str(CLOCKS), str(model)]).returncode


if __name__ == "__main__":
    raise SystemExit(main())
