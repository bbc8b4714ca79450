"""The hardware of n1_implant: cocotb and Icarus Verilog against the references, Verilator against the C library.

`make rtl` runs these tests; they are no part of `make test`. What a missing program would do is skipped, or fails if
N1_REQUIRE_ALL is set.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from streams import RATE, like_n1, packets_of

from n1codec import n1_mapping
from n1codec.stream import PacketDecoder

ROOT = Path(__file__).parent.parent.parent
RTL = Path("rtl")
"""Programs run in the checkout and get names within it: some take no path with a blank."""
SOURCES = sorted(path.relative_to(ROOT) for path in (ROOT / RTL).glob("n1_*.v"))


def leave_out(reason: str) -> None:
    if os.environ.get("N1_REQUIRE_ALL"):
        pytest.fail(reason)
    pytest.skip(reason)


def need(*programs: str) -> None:
    missing = [program for program in programs if not shutil.which(program)]
    if missing:
        leave_out(f"no {' '.join(missing)}: apt-get install iverilog verilator yosys g++")


def done(*command: object, cwd: Path = ROOT) -> str:
    result = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, (result.stdout + result.stderr)[-3000:]
    return result.stdout


def test_settings_that_do_not_exist_are_refused(tmp_path: Path) -> None:
    need("iverilog", "vvp")
    program = tmp_path / "packets"
    flags = ("-g2005", f"-I{RTL}", "-s", "n1_packets", "-Pn1_packets.CHANNELS=7", "-o", program)
    done("iverilog", *flags, *SOURCES)
    assert done("vvp", program).startswith("n1_packets: CHANNELS is even")


def test_the_tables_are_current() -> None:
    done(sys.executable, "tools/rtl_tables.py", "--check")


@pytest.mark.parametrize("channels", [4, 64, 600, 1024])
def test_lint_is_clean(channels: int) -> None:
    need("verilator")
    flags = ("--lint-only", "-Wall", "--language", "1364-2005", f"-I{RTL}", "--top-module", "n1_packets")
    done("verilator", *flags, f"-GCHANNELS={channels}", "-GFRAMES=10", RTL / "lint.vlt", *SOURCES)


@pytest.mark.parametrize(
    ("top", "parameters"),
    [("n1_core", {"CHANNEL_BITS": 4}), ("n1_packets", {"CHANNELS": 514, "FRAMES": 2, "PERIOD": 4})],
)
def test_cocotb(top: str, parameters: dict[str, int], tmp_path: Path) -> None:
    """Keys in mid-stream, extremes, stalls at random times, runs of more than 300 bytes of 0xFF, restarts, resets."""
    need("iverilog", "vvp")
    try:
        from cocotb_tools.runner import get_runner
        from find_libpython import find_libpython
    except ImportError:
        leave_out("no cocotb: make install EXTRAS=dev,rtl")
    if not find_libpython():
        leave_out("no shared library of Python, which cocotb needs: apt-get install libpython3-dev")
    flags = ["-Wall", "-Wno-timescale"]
    sources = [ROOT / path for path in SOURCES]
    icarus = get_runner("icarus")
    icarus.build(
        sources=sources, includes=[ROOT / RTL], build_args=flags, hdl_toplevel=top, parameters=parameters,
        build_dir=tmp_path,
    )  # fmt: skip
    # Only the benches' assertions are rewritten: of the package the hook would find the sources without the kernels.
    told = {"COCOTB_REWRITE_ASSERTION_FILES": "*_bench.py"}
    icarus.test(test_module=f"{top}_bench", hdl_toplevel=top, build_dir=tmp_path, seed=1, extra_env=told)


def bench(folder: Path, channels: int, frames: int, period: int) -> Path:
    """Return the program of rtl/tests/packets.cpp with hardware of these settings, built in a folder."""
    need("verilator", "make", "g++")
    for name in ("lint.vlt", "n1_constants.vh", "tests/packets.cpp"):
        shutil.copy(ROOT / RTL / name, folder)
    for path in SOURCES:
        shutil.copy(ROOT / path, folder)
    settings = (f"-GCHANNELS={channels}", f"-GFRAMES={frames}", f"-GPERIOD={period}")
    done(
        "verilator", "--cc", "--exe", "--build", "-O3", "-CFLAGS", "-O1", "--top-module", "n1_packets",
        *settings, "-Mdir", ".", "lint.vlt", *(path.name for path in SOURCES), "packets.cpp", cwd=folder,
    )  # fmt: skip
    return folder / "Vn1_packets"


def compare(program: Path, codes: np.ndarray, packets: list[bytes], folder: Path, stalls: tuple[int, int]) -> dict:
    codes.astype("<u2").tofile(folder / "codes")
    (folder / "packets").write_bytes(b"".join(packets))
    return json.loads(done(program, folder / "codes", folder / "packets", *stalls, 1))


def test_a_million_samples_of_1024_channels(tmp_path: Path) -> None:
    """A code per clock but four a packet, where packets take 13 bits a sample at most; the first may take more."""
    program = bench(tmp_path, 1024, 20, 30)
    for width, most_bits in ((4, 7), (24, 9), (50, 10)):
        codes = like_n1(1000, 1024, width)
        packets = packets_of(codes, 20, 30)
        bits = [8 * len(packet) / 20480 for packet in packets]
        assert most_bits - 2 < np.mean(bits) < most_bits
        seen = compare(program, codes, packets, tmp_path, (0, 0))
        assert (seen["codes"], seen["packets"]) == (1_024_000, 50)
        first = 0 if max(bits) < 13 else 3
        assert max(bits[first:]) < 13
        assert max(seen["waits"][first:]) <= 4, (width, seen)
    compare(program, codes[:40], packets_of(codes[:40], 20, 30), tmp_path, (200, 700))


@pytest.mark.parametrize(("channels", "frames", "period"), [(4, 10, 3), (12, 1, 2), (600, 3, 4)])
def test_other_numbers_of_channels(channels: int, frames: int, period: int, tmp_path: Path) -> None:
    program = bench(tmp_path, channels, frames, period)
    codes = like_n1(12 * frames, channels, 6)
    for stalls in ((0, 0), (300, 300)):
        compare(program, codes, packets_of(codes, frames, period), tmp_path, stalls)


def test_what_the_library_would_store_is_decoded_too(tmp_path: Path) -> None:
    """Noise takes more than 16 bits a sample: the hardware has no samples to store, its packets become longer."""
    program = bench(tmp_path, 4, 10, 3)
    codes = np.random.default_rng(1).choice([0, 1023], (300, 4))
    codes[::7] = 512
    codes.astype("<u2").tofile(tmp_path / "codes")
    (tmp_path / "packets").write_bytes(b"")
    out = tmp_path / "out"
    done(program, tmp_path / "codes", out, 0, 0, 1, "write")
    data = out.read_bytes()
    decoder = PacketDecoder(4, RATE, "n1_implant", 10, key_seconds=30.1 / RATE)
    expected, at, longer = n1_mapping.values()[codes], 0, 0
    for i in range(30):
        length, shift, body = 0, 0, at + 9
        while True:
            length |= (data[body] & 127) << shift
            shift, body = shift + 7, body + 1
            if data[body - 1] < 128:
                break
        end = body + (length >> 2)
        assert np.array_equal(decoder.push(data[at:end]).frames, expected[10 * i : 10 * i + 10])
        longer += length >> 2 > 2 * 40
        at = end
    assert at == len(data) and longer


@pytest.mark.slow
def test_the_queue_and_the_carries_are_proven(tmp_path: Path) -> None:
    need("yosys")
    done(sys.executable, RTL / "formal" / "prove.py", tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "before", "after"),
    [
        ("n1_fifo", "pushes = push && !count[BITS]", "pushes = push"),
        ("n1_carry", "passed = in_carry ? 8'h00 : 8'hff", "passed = 8'hff"),
        ("n1_carry", "next_run   = {15'd0, last_ff};", "next_run   = 16'd0;"),
    ],
)
def test_a_broken_one_is_not_proven(module: str, before: str, after: str, tmp_path: Path) -> None:
    need("yosys")
    shutil.copytree(ROOT / RTL, tmp_path / "rtl")
    source = tmp_path / "rtl" / f"{module}.v"
    assert before in source.read_text()
    source.write_text(source.read_text().replace(before, after))
    (tmp_path / "work").mkdir()
    command = [sys.executable, str(ROOT / RTL / "formal" / "prove.py"), str(tmp_path / "work"), str(tmp_path / "rtl")]
    told = subprocess.run(command, capture_output=True, text=True)
    assert told.returncode == 1
    assert f"{module}: not proven" in told.stdout


def test_every_module_is_said_in_the_readme() -> None:
    text = (ROOT / RTL / "README.md").read_text()
    modules = {
        name for path in SOURCES for name in re.findall(r"^module (\w+)", (ROOT / path).read_text(), re.MULTILINE)
    }
    assert {name for name in modules if f"`{name}`" not in text} == set()
