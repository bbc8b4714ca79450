"""Fuzz every decoder and both container readers: `make fuzz`, in short runs or long ones.

Each target is a libFuzzer run of its own, so that its executions count by themselves:

    the kernels of tests/native/fuzz_kernels.c, by name (decoders alone; --round-trips: encoder and decoder)
    container       the reader of n1dec (tests/native/fuzz_container.c)
    file            the reader of the C library (tests/native/fuzz_file.c)
    hdf5            the filter of HDF5 (tests/native/fuzz_hdf5.c)
    container_py    the reader in Python (tests/fuzz_container.py, needs atheris)

build/fuzz keeps what they found worth keeping (corpus/), their logs (logs/), inputs that broke one (finds/). A run
goes on where the last one ended, until a target has as many executions as are asked for in the logs of that folder. The
table at the end is made from these logs.

    python tools/fuzz.py                                 10 million executions of each, one after the other
    python tools/fuzz.py --kernels "n1 rice" --jobs 2 --seconds 60
    python tools/fuzz.py --report
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
NATIVE = ROOT / "tests" / "native"
CORPUS = ROOT / "tests" / "corpus"
KERNELS = re.findall(r"KERNEL\((\w+)", (NATIVE / "fuzz_kernels.c").read_text().split("kernels[] =")[1])
_FILE = ["file/format.c", "file/payload.c", "file/reader.c", "file/writer.c"]
OTHERS = {"container": ["tools/container.c"], "file": _FILE, "hdf5": [*_FILE, "hdf5/filter.c"]}
"""Targets with a program of their own, and what it is made of beside the kernels."""
TARGETS = [*KERNELS, *OTHERS, "container_py"]
LONGEST = {"n1_max": 64, "container": 512, "file": 512, "hdf5": 512, "container_py": 512}
"""Bytes of an input, 256 for others: a short one reaches as much in less time."""

FLAGS = [
    "-std=c99", "-g", "-O2", "-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all",
    # The encoders' own bytes are where a run starts: what an input is compared with need not be guessed.
    "-fno-sanitize-coverage=trace-cmp", f"-fsanitize-coverage-ignorelist={NATIVE / 'uncovered.txt'}",
    f"-fsanitize-ignorelist={NATIVE / 'tables.txt'}",
    # Checksums are not looked at, and what happens to long recordings happens to short ones.
    "-DFUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION", "-DN1C_LIBFUZZER", "-DN1C_SHORT=96", "-DN1C_COUNTED=500",
]  # fmt: skip


class Tally(NamedTuple):
    """What a target's logs tell."""

    executions: int
    seconds: int
    edges: int
    inputs: int
    """Size of the corpus."""


def compile_targets(folder: Path, which: list[str]) -> None:
    """Build what the targets need with clang, unless it is there and newer than every source."""
    sources = sorted((ROOT / "native").glob("**/*.[ch]")) + sorted(NATIVE.iterdir())
    newest = max(path.stat().st_mtime for path in sources)
    programs = sorted({program_of(name) for name in which if name != "container_py"})
    if all((folder / name).exists() and (folder / name).stat().st_mtime > newest for name in programs):
        return
    objects = folder / "objects"
    objects.mkdir(exist_ok=True)
    includes = [f"-I{ROOT / 'native' / part}" for part in ("include", "src", "tools", "file", "hdf5")]

    def compiled(source: Path) -> str:
        target = objects / f"{source.stem}.o"
        if not target.exists() or target.stat().st_mtime <= newest:
            subprocess.run(["clang", *FLAGS, *includes, "-c", str(source), "-o", str(target)], check=True)
        return str(target)

    for program in programs:
        more = [ROOT / "native" / part for part in OTHERS.get(program.removeprefix("fuzz_"), [])]
        c_files = [*sorted((ROOT / "native" / "src").glob("*.c")), *more, NATIVE / f"{program}.c"]
        parts = [compiled(source) for source in c_files]
        subprocess.run(["clang", *FLAGS, *parts, "-lm", "-o", str(folder / program)], check=True)


def program_of(name: str) -> str:
    return f"fuzz_{name}" if name in OTHERS else "fuzz_kernels"


def command(folder: Path, name: str) -> list[str]:
    if name == "container_py":
        return [sys.executable, str(ROOT / "tests" / "fuzz_container.py")]
    return [str(folder / program_of(name))]


def environment(name: str, round_trips: bool = False) -> dict[str, str]:
    more = {"N1C_KERNEL": name, "ASAN_OPTIONS": "quarantine_size_mb=16"}
    return {**os.environ, **more, **({"N1C_ROUND_TRIPS": "1"} if round_trips else {})}


def tally(folder: Path, name: str) -> Tally:
    total = Tally(0, 0, 0, 0)
    for log in sorted((folder / "logs").glob(f"{name}-*.log")):
        text = log.read_text(errors="replace")
        counts = re.findall(r"^#(\d+)\s.* cov: (\d+) .*corp: (\d+)/", text, re.M)
        pulses = re.findall(r"^(?:#|stat::number_of_executed_units: *|Done )(\d+)", text, re.M)
        took = re.findall(r"^Done \d+ runs in (\d+) second", text, re.M)
        rates = re.findall(r"exec/s: (\d+)", text)
        executions = max(map(int, pulses), default=0)
        rate = int(rates[-1]) if rates else 0
        seconds = int(took[-1]) if took else executions // rate if rate else 0
        _, edges, inputs = counts[-1] if counts else (0, 0, 0)
        total = Tally(total.executions + executions, total.seconds + seconds, max(total.edges, int(edges)), int(inputs))
    return total


def finds(folder: Path, name: str) -> list[Path]:
    return sorted(path for path in (folder / "finds" / name).glob("*") if not path.name.startswith("slow-unit"))


def fuzz(folder: Path, name: str, runs: int, seconds: int, round_trips: bool) -> None:
    """Run one target until its logs hold `runs` executions, `seconds` have passed, or it breaks."""
    left = runs - tally(folder, name).executions
    if left <= 0:
        return
    corpus, broken = folder / "corpus" / name, folder / "finds" / name
    for path in (corpus, broken, folder / "logs"):
        path.mkdir(parents=True, exist_ok=True)
    env = environment(name, round_trips)
    if not any(corpus.iterdir()):
        env["N1C_SEEDS"] = str(corpus)
    number = 1
    while (log := folder / "logs" / f"{name}-{number}.log").exists():
        number += 1
    known = [str(CORPUS / name)] if (CORPUS / name).is_dir() and not round_trips else []
    limits = [f"-runs={left}", f"-max_len={LONGEST.get(name, 256)}", "-timeout=30", "-rss_limit_mb=2048"]
    limits += [f"-max_total_time={seconds}"] if seconds else []
    with log.open("wb") as out:
        options = [*limits, "-detect_leaks=0", "-print_final_stats=1", f"-artifact_prefix={broken}/"]
        subprocess.run([*command(folder, name), str(corpus), *known, *options], env=env, stdout=out, stderr=out)


def report(folder: Path, which: list[str]) -> bool:
    """Print the table; return whether something was found."""
    print(f"{'target':<14}{'executions':>12}{'per second':>12}{'edges':>8}{'corpus':>8}{'finds':>7}")
    for name in which:
        t = tally(folder, name)
        rate = t.executions // max(t.seconds, 1)
        print(
            f"{name:<14}{t.executions:>12}{rate:>12}{t.edges:>8}{t.inputs:>8}{len(finds(folder, name)):>7}", flush=True
        )
    broken = [path for name in which for path in finds(folder, name)]
    for path in broken:
        print(f"find: {path}")
    return bool(broken)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kernels", default="", help=f"some of: {' '.join(TARGETS)}")
    parser.add_argument("--runs", type=int, default=10_000_000, help="executions of each (10000000)")
    parser.add_argument("--seconds", type=int, default=0, help="at most so long for each (0: no limit)")
    parser.add_argument("--jobs", type=int, default=1, help="how many at a time (1)")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "fuzz", help="corpora, logs and finds")
    parser.add_argument("--round-trips", action="store_true", help="encode and decode, in a folder of their own")
    parser.add_argument("--report", action="store_true", help="print the table of what was done so far, nothing else")
    options = parser.parse_args()
    which = options.kernels.replace(",", " ").split() or TARGETS
    if unknown := set(which) - set(TARGETS):
        parser.error(f"no target is called {' '.join(sorted(unknown))} (there are {' '.join(TARGETS)})")
    if options.round_trips:
        which = [name for name in which if name != "container_py"]
    folder = options.folder.resolve() / ("round_trips" if options.round_trips else ".")
    if not options.report:
        folder.mkdir(parents=True, exist_ok=True)
        compile_targets(folder, which)
        with ThreadPoolExecutor(options.jobs) as pool:
            list(pool.map(lambda n: fuzz(folder, n, options.runs, options.seconds, options.round_trips), which))
    return report(folder, which)


if __name__ == "__main__":
    sys.exit(main())
