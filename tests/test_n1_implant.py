from __future__ import annotations

import ctypes
import hashlib
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import signal
from n1_implant_reference import Coder, carrying, integer_codes, operations
from n1_implant_reference import encode as reference

from n1codec import n1_mapping
from n1codec.codec import CodecError, FormatError, Layout
from n1codec.native import SCRATCH, Kernel, KernelError, reads, writes
from n1codec.pipeline import get_codec
from n1codec.recordings import wav
from n1codec.train import implant

encode_kernel = Kernel("n1c_n1_implant_encode", reads(np.int16), reads(np.uint8), SCRATCH, writes(np.uint8))
decode_kernel = Kernel("n1c_n1_implant_decode", reads(np.uint8), reads(np.uint8), SCRATCH, writes(np.int16))
work_size = Kernel("n1c_n1_implant_work_size", int)
state_size, coder_size, tables_size = (Kernel(f"n1c_n1_implant_{what}_size") for what in ("state", "coder", "tables"))
tables_kernel = Kernel("n1c_n1_implant_tables", writes(np.uint8))


def encode(x: np.ndarray, tables: bytes = b"") -> bytes:
    out = np.empty(2 * x.size + 1, np.uint8)
    return out[
        : encode_kernel(x, np.frombuffer(tables, np.uint8), np.full(work_size(x.size), 0xA5, np.uint8), out)
    ].tobytes()


def decode(data: bytes, n: int, tables: bytes = b"") -> np.ndarray:
    x = np.empty(n, np.int16)
    work = np.full(work_size(n), 0x5A, np.uint8)
    assert decode_kernel(np.frombuffer(data, np.uint8), np.frombuffer(tables, np.uint8), work, x) == n
    return x


def built_in() -> bytes:
    out = np.empty(tables_size(), np.uint8)
    return out[: tables_kernel(out)].tobytes()


def mono(frames: int, seed: int = 0) -> np.ndarray:
    return np.ascontiguousarray(signal(frames, 1, seed)[:, 0])


def n1_signals() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    n = 3000
    codes = {
        "two": np.array([511, 512]),
        "nine": np.array(integer_codes(9)),
        "noise of small range": rng.integers(505, 520, n),
        "noise": rng.integers(0, 1024, n),
        "constant": np.full(5000, 511),
        "low rail": np.where(rng.random(n) < 0.9, 0, rng.integers(0, 1024, n)),
        "high rail": np.where(rng.random(n) < 0.9, 1023, rng.integers(0, 1024, n)),
        "rails": np.where(rng.random(n) < 0.5, 0, 1023),
        "square": np.where(np.arange(n) // 20 % 2, 1023, 0),
        "ramp": np.arange(n) % 1024,
        "burst": np.concatenate([integer_codes(1000), rng.integers(0, 1024, 50), integer_codes(1000)]),
        "steps": 300 + 400 * (np.arange(n) // 500 % 2) + rng.integers(-4, 5, n),
    }
    return {name: n1_mapping.values()[value] for name, value in codes.items()}


def others() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    n = 9001
    return {
        "one": np.array([-5], np.int16),
        "constant": np.full(n, 78, np.int16),
        "noise": rng.integers(-32768, 32768, n).astype(np.int16),
        "rails": np.where(rng.random(n) < 0.5, 32766, -32768).astype(np.int16),
        "sine": (32767 * np.sin(np.arange(n) / 50)).astype(np.int16),
        "step 12": (12 * rng.normal(0, 9, n).astype(np.int16)).astype(np.int16),
        "almost N1": np.concatenate([mono(n), np.array([1], np.int16)]),
    }


@pytest.mark.parametrize("name", [*n1_signals(), "long"])
def test_the_reference_writes_the_same_bytes(name: str) -> None:
    x = mono(4000) if name == "long" else n1_signals()[name]
    expected = reference(((x.astype(int) + 32768) >> 6).tolist(), built_in())
    data = encode(x)
    if len(expected) <= min(2 * x.size, x.size * 5 // 4):
        assert data == expected
    else:
        assert len(data) <= min(len(expected), 2 * x.size + 1)
    assert np.array_equal(decode(data, x.size), x)


def same_bytes(codes: list[int], tables: bytes) -> tuple[bytes, Counter[str]]:
    """Check that the kernel writes what the reference writes and reads it back; return that and what happened."""
    coder = Coder()
    expected = reference(codes, tables, coder)
    x = n1_mapping.values()[codes]
    assert encode(x) == expected
    assert np.array_equal(decode(expected, x.size), x)
    return expected, coder.events


def test_carries_run_through_bytes_that_are_pending() -> None:
    tables, found = built_in(), Counter[str]()
    for zeros in range(1, 20):
        for start in (30, 31):
            codes, _ = carrying(integer_codes(start + zeros), tables, zeros)
            found += same_bytes(codes, tables)[1]
    assert {f"carry through {run}" for run in range(19)} <= set(found)


def test_pending_bytes_are_sent_as_they_are_without_a_carry() -> None:
    tables = built_in()
    for run in range(1, 16):
        codes, _ = carrying(integer_codes(30 + run), tables, run, carry=False)
        data, _ = same_bytes(codes, tables)
        assert b"\xff" * run in data


def test_the_last_carry_comes_at_the_end() -> None:
    tables, runs = built_in(), set()
    for start in (25, 28, 30, 33):
        codes, ends = carrying(integer_codes(start), tables, 20)
        for end in ends:
            _, events = same_bytes(codes[:end], tables)
            runs |= {int(run) for what in events for run in re.findall(r"^final carry through (\d+)$", what)}
    assert set(range(10)) <= runs


@pytest.mark.parametrize("name", [*n1_signals(), *others()])
def test_signals_come_back_and_never_grow(name: str) -> None:
    x = {**n1_signals(), **others()}[name]
    data = encode(x)
    assert len(data) <= 2 * x.size + 1
    assert np.array_equal(decode(data, x.size), x)


def test_golden_payloads() -> None:
    """Files of any released version decode for ever: these bytes may change only with a new mode in byte 0."""
    data = encode(n1_mapping.values()[integer_codes(20_000)])
    assert (len(data), hashlib.sha256(data).hexdigest()[:16]) == GOLDEN


GOLDEN = (15369, "e6649e7ed1b9a000")


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("level", ["-O0", "-O3"])
def test_every_compiler_gives_the_same_bytes(compiler: str, level: str, tmp_path: Path) -> None:
    if not shutil.which(compiler):
        pytest.skip(f"no {compiler} here")
    native = Path(__file__).parent.parent / "native"
    sources = [native / "src" / f"{name}.c" for name in ("n1_implant", "n1_implant_tables", "slms", "rice")]
    library = tmp_path / "implant.so"
    flags = ["-std=c99", level, "-fPIC", "-shared", f"-I{native / 'include'}"]
    subprocess.run([compiler, *flags, *map(str, sources), "-o", str(library)], check=True, timeout=120)
    kernel = ctypes.CDLL(str(library)).n1c_n1_implant_encode
    for x in (mono(9000), n1_signals()["burst"], n1_signals()["low rail"]):
        out, work = np.empty(2 * x.size + 1, np.uint8), np.empty(work_size(x.size), np.uint8)
        arrays = ((x, x.size), (out, 0), (work, work.size), (out, out.size))
        arguments = [value for a, n in arrays for value in (ctypes.c_void_p(a.ctypes.data), ctypes.c_int64(n))]
        assert out[: kernel(*arguments)].tobytes() == encode(x)


def test_what_firmware_has_to_hold() -> None:
    channel, coder, tables = state_size(), coder_size(), tables_size()
    assert (channel, coder, tables) == (24, 12, 4144)
    assert channel + coder <= 40
    assert tables == len(built_in()) <= 6500


def test_operations_per_sample() -> None:
    """docs/implant.md states them."""
    found = operations(integer_codes(3000), built_in())
    page = (Path(__file__).parent.parent / "docs" / "implant.md").read_text()
    for what, number in found.items():
        assert f"| {what} | {number:.0f} |" in page
    assert f"{sum(found.values()):.0f} operations" in page


def seen_through_n1(frames: int) -> np.ndarray:
    """Noise with a slow part, through the converter that the built-in tables describe."""
    rng = np.random.default_rng(4)
    level = rng.normal(0, 160, frames) + np.cumsum(rng.normal(0, 60, frames))
    level = level - np.convolve(level, np.ones(500) / 500, "same") + 32768
    edges = np.frombuffer(built_in(), "<u2", 1025, 2052)
    return n1_mapping.values()[np.searchsorted(edges[1:-1], level)]


def test_what_resembles_n1_takes_less_than_with_public_codecs() -> None:
    x = seen_through_n1(40_000)
    data = encode(x)
    assert np.array_equal(decode(data, x.size), x)
    for rival in ("remap|delta|zstd", "remap|delta|zigzag|planes|brotli"):
        assert len(data) < 0.97 * len(get_codec(rival).encode(x))


def test_recordings(recordings: list[Path]) -> None:
    size = raw = 0
    for path in recordings:
        x = np.ascontiguousarray(wav.read(path.read_bytes()).samples[:, 0])
        data = encode(x)
        assert np.array_equal(decode(data, x.size), x)
        size, raw = size + len(data) + 19, raw + 2 * x.size + 44
    assert raw / size > 3.4


@pytest.mark.parametrize("x", [mono(6000), mono(900), others()["sine"]], ids=["N1", "short", "sine"])
def test_damage_is_refused_or_decodes_to_something(x: np.ndarray) -> None:
    """The container's checksums find damage; a kernel must only survive it."""
    data = encode(x)
    rng = np.random.default_rng(0)
    noticed = 0
    for at in [*range(20), *rng.integers(0, len(data), 80)]:
        broken = bytearray(data)
        broken[at] ^= 1 << int(rng.integers(8))
        try:
            noticed += not np.array_equal(decode(bytes(broken), x.size), x)
        except FormatError:
            noticed += 1
    assert noticed > 90
    for length in (0, 1, 2, len(data) // 2, len(data) - 1):
        with pytest.raises(FormatError):
            decode(data[:length], x.size)


def test_any_bytes_are_survived() -> None:
    rng = np.random.default_rng(3)
    for _ in range(300):
        data = bytearray(rng.bytes(int(rng.integers(1, 400))))
        data[0] = rng.choice([1, 1, 2, data[0]])
        try:
            decode(bytes(data), int(rng.choice([1, 8, 100, 4096])))
        except FormatError:
            continue


def test_a_payload_stands_for_so_many_samples_only() -> None:
    x = np.full(1 << 20, n1_mapping.values()[0])
    data = encode(x)
    assert len(data) == 513
    assert np.array_equal(decode(data, x.size), x)
    with pytest.raises(FormatError):
        decode(data, 1 << 23)


def test_tables_that_cannot_be_are_refused() -> None:
    good = built_in()
    x = mono(100)
    assert encode(x, good) == encode(x)
    for at in (3, 2052 + 1, 2052 + 2050 + 1):
        broken = bytearray(good)
        broken[at] = 255 if at < 2100 else 0
        with pytest.raises(KernelError):
            encode(x, bytes(broken))
    with pytest.raises(KernelError):
        decode(encode(x), 100, good[:-1])


# -- training --------------------------------------------------------------------------------------------------------


def uneven(seed: int, frames: int = 20_000) -> np.ndarray:
    """N1 samples of a converter with every fourth code a quarter as wide as its neighbours."""
    rng = np.random.default_rng(seed)
    level = np.convolve(rng.normal(0, 6, frames + 4), [1, 0.8, 0.5, 0.2, 0.1], "valid")
    edges = np.cumsum(np.where(np.arange(1024) % 4, 1.25, 0.25)) - 512
    return n1_mapping.values()[np.searchsorted(edges, level).clip(0, 1023)]


def test_trained_tables_gain_on_what_they_have_not_seen() -> None:
    tables = implant.train([uneven(seed) for seed in range(4)])
    x = uneven(99)
    data = encode(x, tables)
    assert len(data) < 0.97 * len(encode(x))
    assert np.array_equal(decode(data, x.size, tables), x)
    assert implant.measure([x], tables) == len(data)


def test_training_needs_n1_recordings() -> None:
    with pytest.raises(CodecError, match="for recordings of N1"):
        implant.train([np.arange(6000, dtype=np.int16)])


def test_the_built_in_tables_are_what_training_writes() -> None:
    source = Path(__file__).parent.parent / "native" / "src" / "n1_implant_tables.c"
    assert source.read_text() == implant.to_c(built_in())


def test_train_command(tmp_path: Path, run: Callable[..., object]) -> None:
    for seed in range(2):
        (tmp_path / f"{seed}.wav").write_bytes(wav.write(uneven(seed, 8000)[:, None], 19531))
    train = ("n1codec", "train", tmp_path, "--codec", "n1_implant")
    done = run(*train, "--c-source", tmp_path / "tables.c", "--check")
    assert done.returncode == 0, done.stderr
    assert "tables of 4144 bytes" in done.stdout
    assert "trained on one half, measured on the other" in done.stdout
    assert "const implant_tables n1_implant_n1 = {" in (tmp_path / "tables.c").read_text()
    assert run(*train, "-o", tmp_path / "my.n1p").returncode == 2


def test_layout_is_kept() -> None:
    x = signal(5000, 3)
    codec = get_codec("n1_implant")
    assert np.array_equal(codec.decode(codec.encode(x), Layout.of(x)), x)
