"""The kernels under sanitizers: round trips, short outputs, damaged and random bytes (tests/native/fuzz_kernels.c).

The libFuzzer targets run for a moment each; `make fuzz` runs them for long.

$N1C_FUZZ_ITERATIONS sets the rounds per kernel, 150 by default.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "tools"))
import fuzz  # type: ignore[import-not-found]

DRIVER = ROOT / "tests" / "native" / "fuzz_kernels.c"
INCLUDE = ROOT / "native" / "include"
UNCHECKED = "-DFUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION"
"""Packets are decoded whatever their checksum says."""

CHECKS = {
    "gcc": ("gcc", "-fsanitize=address,undefined"),
    "clang": ("clang", "-fsanitize=address,undefined"),
    "clang memory": ("clang", "-fsanitize=memory"),
}


def probe(folder: Path, compiler: str, sanitize: str) -> None:
    """Skip where this machine lacks the compiler or its sanitizer."""
    if not shutil.which(compiler):
        pytest.skip(f"no {compiler} here")
    source = folder / "probe.c"
    source.write_text(
        "#include <stddef.h>\n#include <stdint.h>\n"
        "int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n) { return d && n > 9 ? 0 : 0; }\n"
        + ("" if "fuzzer" in sanitize else "int main(void) { return 0; }\n")
    )
    command = [compiler, "-std=c99", sanitize, str(source), "-o", str(folder / "probe")]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip(f"{compiler} has no {sanitize} here")


def build(tmp_path: Path, compiler: str, sanitize: str, *flags: str) -> Path:
    """Compile all kernels with the driver."""
    probe(tmp_path, compiler, sanitize)
    target = tmp_path / "fuzz_kernels"
    warnings = ["-Wall", "-Wextra", "-Werror", "-g", "-O1", "-fno-sanitize-recover=all", UNCHECKED]
    sources = [*map(str, sorted((ROOT / "native" / "src").glob("*.c"))), str(DRIVER)]
    includes = [f"-I{INCLUDE}", f"-I{ROOT / 'native' / 'src'}"]
    subprocess.run(
        [compiler, "-std=c99", sanitize, *flags, *warnings, *includes, *sources, "-lm", "-o", str(target)],
        check=True,
        timeout=300,
    )
    return target


def run(program: Path, *args: str) -> str:
    """Run a sanitized program: it reserves terabytes of addresses, which a soft limit of data would count."""
    unlimited = ["sh", "-c", 'ulimit -S -d "$(ulimit -H -d)" && exec "$0" "$@"', str(program)]
    result = subprocess.run([*unlimited, *args], capture_output=True, text=True, timeout=1200, cwd=program.parent)
    assert result.returncode == 0, result.stderr[-4000:]
    return result.stdout + result.stderr


def test_a_few_rounds_of_every_kernel_under_sanitizers(tmp_path: Path) -> None:
    """Some ten seconds on two cores; less where build/sanitizers holds what these sources compile to.

    Without optimization, since it is the compiler that takes the time.
    """
    compiler = "clang" if shutil.which("clang") else "gcc"
    command = [
        *CHECKS[compiler],
        "-std=c99",
        "-g1",
        "-O0",
        "-fno-sanitize-recover=all",
        UNCHECKED,
        "-DN1C_COUNTED=5000",
    ]
    probe(tmp_path, *CHECKS[compiler])
    headers = sorted(ROOT.glob("native/**/*.h"))
    command += [f"-I{folder}" for folder in sorted({path.parent for path in headers})]
    cache = ROOT / "build" / "sanitizers"
    cache.mkdir(parents=True, exist_ok=True)
    common = hashlib.sha256(repr(command).encode() + b"".join(path.read_bytes() for path in headers))

    def compiled(source: Path) -> Path:
        digest = common.copy()
        digest.update(source.read_bytes())
        target = cache / f"{source.stem}-{digest.hexdigest()[:16]}.o"
        if not target.exists():
            part = tmp_path / target.name
            subprocess.run([*command, "-c", str(source), "-o", str(part)], check=True, timeout=120)
            part.replace(target)
        return target

    sources = [*sorted((ROOT / "native" / "src").rglob("*.c")), DRIVER]
    with ThreadPoolExecutor(2) as pool:
        objects = list(pool.map(compiled, sources))
    for old in set(cache.iterdir()) - set(objects):
        old.unlink()
    program = tmp_path / "smoke"
    subprocess.run([*command, *map(str, objects), "-lm", "-o", str(program)], check=True, timeout=120)
    report = run(program, os.environ.get("N1C_SMOKE_ITERATIONS", "6"))
    assert re.findall(r"^(\w+): \d+ rounds", report, re.M) == fuzz.KERNELS


@pytest.mark.slow
@pytest.mark.parametrize("check", ["gcc", "clang", "clang memory"])
def test_kernels_under_sanitizers(check: str, tmp_path: Path) -> None:
    # Recordings of more than 2^30 samples in small.
    program = build(tmp_path, *CHECKS[check], "-DN1C_COUNTED=5000")
    report = run(program, os.environ.get("N1C_FUZZ_ITERATIONS", "150"))
    assert re.findall(r"^(\w+): \d+ rounds", report, re.M) == fuzz.KERNELS


@pytest.mark.slow
@pytest.mark.parametrize("check", ["clang", "clang memory"])
def test_files_and_chunks_of_hdf5_under_sanitizers(check: str, tmp_path: Path) -> None:
    """Without optimization, since it is the compiler that takes the time."""
    compiler, sanitize = CHECKS[check]
    probe(tmp_path, compiler, sanitize)
    native = ROOT / "native"
    command = [compiler, "-std=c99", sanitize, "-g1", "-O0", "-fno-sanitize-recover=all", UNCHECKED]
    command += [f"-I{native / name}" for name in ("include", "src", "file", "hdf5")]
    sources = [*(native / "src").glob("*.c"), *(native / "file").glob("*.c"), native / "hdf5" / "filter.c"]
    drivers = [DRIVER.with_name(f"fuzz_{name}.c") for name in ("file", "hdf5")]
    for source in [*sources, *drivers]:
        subprocess.run([*command, "-c", source, "-o", tmp_path / f"{source.stem}.o"], check=True, timeout=120)
    for driver, words in zip(drivers, ("files", "chunks"), strict=True):
        parts = [tmp_path / f"{source.stem}.o" for source in (*sources, driver)]
        program = tmp_path / driver.stem
        subprocess.run([*command, *parts, "-lm", "-o", program], check=True, timeout=120)
        assert re.search(rf"^\d+ {words}, \d+ damaged ones$", run(program, "20"), re.M)


@pytest.fixture(scope="module")
def targets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the libFuzzer targets; skip where this machine lacks clang or its fuzzer."""
    folder = tmp_path_factory.mktemp("fuzz")
    probe(folder, "clang", "-fsanitize=fuzzer,address,undefined")
    fuzz.compile_targets(folder, fuzz.TARGETS)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", fuzz.TARGETS)
def test_inputs_of_old_are_survived(name: str, targets: Path) -> None:
    """tests/corpus holds inputs that reach every part of a decoder, and all that ever broke one."""
    if name == "container_py":
        pytest.importorskip("atheris")
    inputs = sorted(map(str, (fuzz.CORPUS / name).iterdir()))
    assert inputs
    command = [*fuzz.command(targets, name), *inputs]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300, env=fuzz.environment(name))
    assert result.returncode == 0, result.stderr[-4000:]
    assert result.stderr.count("Executed ") == len(inputs)


@pytest.mark.slow
@pytest.mark.parametrize("name", fuzz.TARGETS)
def test_short_fuzzing(name: str, targets: Path) -> None:
    if name == "container_py":
        pytest.importorskip("atheris")
    fuzz.fuzz(targets, name, 1_000_000, 2, False)
    assert not fuzz.finds(targets, name), (targets / "logs" / f"{name}-1.log").read_text(errors="replace")[-4000:]
    reached = fuzz.tally(targets, name)
    assert reached.executions > 200 and reached.edges > 10


@pytest.mark.slow
def test_short_fuzzing_of_round_trips(targets: Path) -> None:
    folder = targets / "round_trips"
    folder.mkdir()
    for program in ("fuzz_kernels", "fuzz_container"):
        (folder / program).symlink_to(targets / program)
    for name in ("n1", "stream", "container"):
        fuzz.fuzz(folder, name, 100_000, 2, True)
        assert fuzz.tally(folder, name).executions > 100 and not fuzz.finds(folder, name)


def test_a_log_that_was_cut_off_counts(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    done = "#7\tNEW    cov: 20 ft: 9 corp: 4/9b exec/s: 3\n#900\tDONE   cov: 31 ft: 9 corp: 5/9b exec/s: 3\n"
    (tmp_path / "logs" / "rice-1.log").write_text(done + "Done 900 runs in 10 second(s)\n")
    (tmp_path / "logs" / "rice-2.log").write_text("#64\tpulse  cov: 30 ft: 9 corp: 6/9b lim: 9 exec/s: 16 rss: 9Mb\n")
    assert fuzz.tally(tmp_path, "rice") == fuzz.Tally(964, 14, 31, 6)
    assert fuzz.tally(tmp_path, "rans").executions == 0


def test_every_kernel_is_fuzzed() -> None:
    source = "".join(path.read_text() for path in DRIVER.parent.glob("fuzz_*.c"))
    coders = re.findall(r"^(?:CODER|ADAPTIVE_FILTER)\((\w+)", source, re.M)
    called = set(re.findall(r"\bn1c_\w+", source)) | {
        f"n1c_{name}_{way}" for name in coders for way in ("encode", "decode")
    }
    headers = "".join(path.read_text() for path in INCLUDE.glob("**/*.h"))
    assert set(re.findall(r"N1C_API \w+ (n1c_\w+)\(", headers)) <= called


def test_first_inputs_of_chunks_are_sound() -> None:
    """Else fuzzing would begin at the door and stay there."""
    pytest.importorskip("atheris")
    import fuzz_container
    from forge_chunks import ARRAY, FILE

    from n1codec.container import Archive
    from n1codec.container.access import Memory

    seeds = [fuzz_container.assemble(seed.removeprefix(fuzz_container.MARK)) for seed in fuzz_container.chunk_seeds()]
    for blob in seeds:
        archive = Archive(Memory(blob))
        assert all(one.read().shape == one.shape for one in archive.streams.values())
    plain = [len(one.bytes()) for one in (FILE, ARRAY)]
    assert abs(len(seeds[0]) - plain[0]) < 20 and len(seeds[3]) > plain[1]
