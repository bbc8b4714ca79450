"""Prove n1_fifo and n1_carry by induction with yosys: ``python rtl/formal/prove.py FOLDER``.

FOLDER is for copies of the sources. What is proven stands in formal/*.vh: it holds after a reset, and what holds for
two clocks holds in the next one (Een, Sorensson: Temporal induction by incremental SAT solving, 2003).
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

RTL = Path(__file__).resolve().parent.parent
STEPS = (
    "read_verilog -formal {0}.v; prep -flatten -top {0}; memory_map; opt -full; techmap; opt -fast; dffunmap;"
    " sat -verify -tempinduct -prove-asserts -set-assumes -seq 1 -maxsteps 2 {0}"
)


def main() -> int:
    folder = Path(sys.argv[1])  # yosys takes no path with a blank
    sources = Path(sys.argv[2]) if len(sys.argv) > 2 else RTL
    (folder / "formal").mkdir()
    for path in (*sources.glob("n1_*.v"), *sources.glob("formal/*.vh")):
        shutil.copy(path, folder / path.relative_to(sources))
    for module in ("n1_fifo", "n1_carry"):
        done = subprocess.run(["yosys", "-p", STEPS.format(module)], cwd=folder, capture_output=True, text=True)
        proven = "Induction step proven: SUCCESS!" in done.stdout
        print(f"{module}: {'proven' if proven else 'not proven'}")
        if not proven or done.returncode:
            return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
