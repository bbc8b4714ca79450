"""The kernels under sanitizers: round trips, short outputs, damaged and random bytes (tests/native/fuzz_kernels.c).

$N1C_FUZZ_ITERATIONS sets the rounds per kernel, 400 by default.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import ROOT

DRIVER = ROOT / "tests" / "native" / "fuzz_kernels.c"
HEADER = ROOT / "native" / "include" / "n1c.h"
UNCHECKED = "-DFUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION"
"""Packets are decoded whatever their checksum says."""

CHECKS = {
    "gcc": ("gcc", "-fsanitize=address,undefined"),
    "clang": ("clang", "-fsanitize=address,undefined"),
    "clang memory": ("clang", "-fsanitize=memory"),
    "libFuzzer": ("clang", "-fsanitize=fuzzer,address,undefined"),
}


def build(tmp_path: Path, compiler: str, sanitize: str, *flags: str) -> Path:
    """Compile all kernels with the driver; skip where this machine lacks the compiler or its sanitizer."""
    if not shutil.which(compiler):
        pytest.skip(f"no {compiler} here")
    common = [compiler, "-std=c99", sanitize, *flags]
    probe = tmp_path / "probe.c"
    probe.write_text(
        "#include <stddef.h>\n#include <stdint.h>\n"
        "int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n) { return d && n > 9 ? 0 : 0; }\n"
        + ("" if "fuzzer" in sanitize else "int main(void) { return 0; }\n")
    )
    if subprocess.run([*common, str(probe), "-o", str(tmp_path / "probe")], capture_output=True).returncode:
        pytest.skip(f"{compiler} has no {sanitize} here")
    target = tmp_path / "fuzz_kernels"
    warnings = ["-Wall", "-Wextra", "-Werror", "-g", "-O1", "-fno-sanitize-recover=all", UNCHECKED]
    sources = [*map(str, sorted((ROOT / "native" / "src").glob("*.c"))), str(DRIVER)]
    subprocess.run(
        [*common, *warnings, f"-I{HEADER.parent}", f"-I{ROOT / 'native' / 'src'}", *sources, "-lm", "-o", str(target)],
        check=True,
        timeout=300,
    )
    return target


def run(program: Path, *args: str) -> str:
    result = subprocess.run([str(program), *args], capture_output=True, text=True, timeout=300, cwd=program.parent)
    assert result.returncode == 0, result.stderr[-4000:]
    return result.stdout + result.stderr


@pytest.mark.slow
@pytest.mark.parametrize("check", ["gcc", "clang", "clang memory"])
def test_kernels_under_sanitizers(check: str, tmp_path: Path) -> None:
    # Recordings of more than 2^30 samples in small.
    program = build(tmp_path, *CHECKS[check], "-DN1C_COUNTED=5000")
    report = run(program, os.environ.get("N1C_FUZZ_ITERATIONS", "400"))
    assert re.findall(r"KERNEL\((\w+)\)", DRIVER.read_text())[1:] == re.findall(r"^(\w+): \d+ rounds", report, re.M)


@pytest.mark.slow
def test_driver_is_a_libfuzzer_target(tmp_path: Path) -> None:
    program = build(tmp_path, *CHECKS["libFuzzer"], "-DN1C_LIBFUZZER")
    assert "Done 3000 runs" in run(program, "-runs=3000", "-seed=1", "-max_len=600")


def test_every_kernel_is_fuzzed() -> None:
    source = DRIVER.read_text()
    coders = re.findall(r"^(?:CODER|ADAPTIVE_FILTER)\((\w+)", source, re.M)
    called = set(re.findall(r"\bn1c_\w+", source)) | {
        f"n1c_{name}_{way}" for name in coders for way in ("encode", "decode")
    }
    assert set(re.findall(r"N1C_API \w+ (n1c_\w+)\(", HEADER.read_text())) <= called
