"""What stands in C and in Python: tables, checksums, integers; and the bounds of what C code takes from a file."""

from __future__ import annotations

import ctypes
import os
import platform
import re
import shutil
import signal as signals
import subprocess
import sys
import zlib
from pathlib import Path

import n1_multi_reference
import numpy as np
import pytest
from conftest import ROOT, signal
from entropy_reference import Encoder, bits_to_bytes, code_table, encode_rice
from hypothesis import given
from hypothesis import strategies as st

from n1codec import n1_mapping, native
from n1codec.codec import FormatError
from n1codec.container import header
from n1codec.native import SCRATCH, Kernel, KernelError, reads, updates, writes
from n1codec.train.profile import Profile
from n1codec.varint import Reader, put_uint

NATIVE = ROOT / "native"
HEADERS = sorted((NATIVE / "include").glob("**/*.h"))
LINKED = ("crc32", "alphabet", "n1_implant", "n1_implant_tables", "n1_multi_model")
"""Sources of libn1c with functions that it does not export."""
COMPILERS = {"gcc": ("gcc", "c", "c99"), "clang": ("clang", "c", "c99"), "g++": ("g++", "c++", "c++11"),
             "clang++": ("clang++", "c++", "c++11")}  # fmt: skip


@pytest.fixture(scope="module", params=["-DN1C_FAST", "-DN1C_SMALL"], ids=["fast", "small"])
def c(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """Return tests/native/internals.c as a library, with the code of libn1c and with that of n1enc and n1dec."""
    if not shutil.which("gcc"):
        pytest.skip("no gcc here")
    target = tmp_path_factory.mktemp("internals") / "internals.so"
    sources = [ROOT / "tests" / "native" / "internals.c", *(NATIVE / "src" / f"{n}.c" for n in LINKED)]
    includes = [f"-I{NATIVE / folder}" for folder in ("include", "src", "tools")]
    library = Path(native.library()._name)
    flags = ["-std=c99", "-O1", "-shared", "-fPIC", "-fvisibility=hidden", f"-Wl,-rpath,{library.parent}"]
    command = ["gcc", request.param, *flags, *includes, *map(str, sources), str(library), "-o", str(target)]
    subprocess.run(command, check=True, timeout=60)
    found = ctypes.CDLL(str(target))
    for name in ("crc32_of", "load32", "load16", "counter_rate", "multi_shape_of"):
        getattr(found, name).restype = ctypes.c_uint32
    for name in ("store_leb128", "read_leb128", "container_rate", "decode_alphabet"):
        getattr(found, name).restype = ctypes.c_int64
    found.load_bytes.restype = ctypes.c_uint64
    return found


# -- headers -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("compiler", COMPILERS)
def test_every_public_header_compiles_alone(compiler: str, tmp_path: Path) -> None:
    program, language, standard = COMPILERS[compiler]
    if not shutil.which(program):
        pytest.skip(f"no {program} here")
    for path in HEADERS:
        source = tmp_path / f"{path.stem}.{language}"
        name = path.relative_to(NATIVE / "include").as_posix()
        source.write_text(f'#include "{name}"\n#include "{name}"\nint64_t (*f)(void) = n1c_version;\n')
        flags = ["-x", language, f"-std={standard}", "-pedantic", "-Wall", "-Wextra", "-Werror", "-fsyntax-only"]
        subprocess.run([program, *flags, f"-I{NATIVE / 'include'}", str(source)], check=True, timeout=60)


def test_every_public_function_is_documented() -> None:
    """In the comments of its section, each argument has its @param, and what is returned its @return."""
    count = 0
    for path in HEADERS:
        for section in re.split(r"/\* -- ", path.read_text()):
            told = set(re.findall(r"@param (\w+)", section))
            for name, arguments in re.findall(r"N1C_API int64_t (n1c_\w+)\(([^)]*)\);", section):
                wanted = set(re.findall(r"(\w+)(?:,|$)", arguments)) - {"void"} - {"simd"}
                assert wanted <= told and "@return" in section, (name, wanted - told)
                count += 1
    assert count > 40


def test_no_includes_run_in_a_circle() -> None:
    files = {path.name: path for path in NATIVE.glob("**/*.[ch]")}
    found = {name: re.findall(r'#\s*include "(?:.*/)?(.*?)"', path.read_text()) for name, path in files.items()}

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, (*above, name)
        for other in found[name]:
            visit(other, (*above, name))

    for name in found:
        visit(name, ())


# -- numbers -----------------------------------------------------------------------------------------------------------


@given(st.binary(max_size=100), st.integers(0, 2**32 - 1))
def test_crc32_is_that_of_zlib(c: ctypes.CDLL, data: bytes, before: int) -> None:
    assert c.crc32_of(ctypes.c_uint32(before), data, ctypes.c_int64(len(data))) == zlib.crc32(data, before)


def test_crc32_of_every_byte_at_every_place(c: ctypes.CDLL) -> None:
    for place in range(9):
        for byte in range(256):
            data = bytes(place) + bytes([byte]) + bytes(8 - place)
            assert c.crc32_of(ctypes.c_uint32(0), data, ctypes.c_int64(9)) == zlib.crc32(data)


def read_leb128(c: ctypes.CDLL, data: bytes, most: int = 10) -> int | None:
    value = ctypes.c_uint64()
    read = c.read_leb128(data, ctypes.c_int64(len(data)), most, ctypes.byref(value))
    return None if read < 0 else value.value


@given(st.integers(0, 2**64 - 1) | st.integers(0, 300))
def test_leb128_is_pythons(c: ctypes.CDLL, value: int) -> None:
    out = ctypes.create_string_buffer(10)
    length = c.store_leb128(out, ctypes.c_uint64(value))
    assert out.raw[:length] == put_uint(value)
    assert read_leb128(c, put_uint(value)) == value == Reader(put_uint(value)).uint()


@given(st.binary(max_size=12))
def test_leb128_of_any_bytes(c: ctypes.CDLL, data: bytes) -> None:
    """C reads what Python reads, and refuses what Python refuses."""
    try:
        expected = Reader(data).uint()
    except FormatError:
        expected = None
    assert read_leb128(c, data) == expected


def test_leb128_has_64_bits_at_most(c: ctypes.CDLL) -> None:
    for last in range(256):
        data = b"\xff" * 9 + bytes([last, 0])
        assert read_leb128(c, data) == (2**64 - 1 if last == 1 else 2**63 - 1 if last == 0 else None)


@pytest.mark.parametrize("most", range(1, 10))
def test_leb128_has_so_many_bytes_at_most(c: ctypes.CDLL, most: int) -> None:
    longest = b"\xff" * (most - 1) + b"\x7f"
    assert read_leb128(c, longest, most) == 2 ** (7 * most) - 1
    assert read_leb128(c, longest[:-1], most) is None
    assert read_leb128(c, b"\xff" * most + b"\0", most) is None


@given(st.binary(min_size=8, max_size=8))
def test_little_endian(c: ctypes.CDLL, data: bytes) -> None:
    assert c.load16(data) == int.from_bytes(data[:2], "little")
    assert c.load32(data) == int.from_bytes(data[:4], "little")
    for size in range(9):
        assert c.load_bytes(data, size) == int.from_bytes(data[:size], "little")


# -- tables in both languages ------------------------------------------------------------------------------------------


def test_counter_rates_follow_their_formula(c: ctypes.CDLL) -> None:
    assert [c.counter_rate(seen) for seen in range(1024)] == [131072 // (2 * seen + 3) for seen in range(1024)]


def test_rates_of_the_container_are_pythons(c: ctypes.CDLL) -> None:
    assert [c.container_rate(i) for i in range(len(header.RATES) + 1)] == [*header.RATES, -1]


def test_n1s_mapping_is_pythons(c: ctypes.CDLL) -> None:
    samples = n1_mapping.values().tolist()
    assert [c.sample_of_code(k) for k in range(1024)] == samples
    assert [c.code_of_sample(v) for v in samples] == list(range(1024))


def test_n1_multis_distributions_are_what_its_page_says(c: ctypes.CDLL) -> None:
    normal, tailed = n1_multi_reference.tables()
    assert [c.multi_shape_of(0, 256 + i) for i in range(257)] == normal.tolist()
    assert [c.multi_shape_of(256, 256 + i) for i in range(257)] == tailed.tolist()


# -- bounds ------------------------------------------------------------------------------------------------------------


def alphabet(c: ctypes.CDLL, symbols: list[int], weights: list[int], exact: bool) -> tuple[list[int], list[int]] | None:
    """Return what C reads of a table that may break every rule, None if it is refused."""
    encoder = Encoder()
    code_table(encoder, exact, symbols, weights)
    data = encoder.end()
    found, heavy = (np.zeros(1 << 16, np.uint32) for _ in range(2))
    size = c.decode_alphabet(data, ctypes.c_int64(len(data)), int(exact), found.ctypes.data_as(ctypes.c_void_p),
                             heavy.ctypes.data_as(ctypes.c_void_p))  # fmt: skip
    return None if size < 0 else (found[:size].tolist(), heavy[:size].tolist())


@pytest.mark.parametrize(
    ("symbols", "good"), [([0, 65535], True), ([1, 65536], False), ([7, 7], False), ([7, 8], True)]
)
@pytest.mark.parametrize("exact", [False, True])
def test_symbols_of_a_table_rise_and_have_16_bits(c: ctypes.CDLL, symbols: list[int], good: int, exact: bool) -> None:
    assert alphabet(c, symbols, [1, 1], exact) == ((symbols, [1, 1]) if good else None)


@pytest.mark.parametrize("exact", [False, True])
def test_a_table_of_one_symbol(c: ctypes.CDLL, exact: bool) -> None:
    assert alphabet(c, [513], [1], exact) == ([513], [1])


@pytest.mark.parametrize(("length", "good"), [(0, False), (1, True), (31, True), (32, False)])
def test_code_lengths_of_a_table(c: ctypes.CDLL, length: int, good: bool) -> None:
    assert alphabet(c, [3, 9], [length, 1], True) == (([3, 9], [length, 1]) if good else None)


@pytest.mark.parametrize(("weight", "good"), [(0, False), (1, True), (2**31 - 1, True), (2**31, False)])
def test_counts_of_a_table(c: ctypes.CDLL, weight: int, good: bool) -> None:
    assert (alphabet(c, [3, 9], [weight, 1], False) is not None) == good


rice = Kernel("n1c_rice_decode", reads(np.uint8), writes(np.int16))


@pytest.mark.parametrize(("value", "good"), [(65535, True), (65536, False)])
def test_a_rice_code_has_16_bits(value: int, good: bool) -> None:
    loud = [12_000] * 400  # the parameter becomes 14
    words = encode_rice([*loud, -32768])[0]  # zigzag: 65535, three ones and 14 bits
    x = np.empty(401, np.int16)
    if good:
        assert rice(words, x) == 401 and x[-1] == -32768
        return
    text = "".join(f"{byte:08b}" for byte in words)
    at = text.rindex("1110" + "1" * 14)
    with pytest.raises(FormatError):
        rice(bits_to_bytes(text[:at] + "11110" + "0" * 14), x)


def test_lane_states_have_33_to_64_bits(c: ctypes.CDLL) -> None:
    for state, good in ((2**32 - 1, False), (2**32, True), (2**64 - 1, True), (0, False)):
        assert c.states_are_loaded(ctypes.c_uint64(state), 0) == good, state
    assert not c.states_are_loaded(ctypes.c_uint64(2**32), -1)  # a byte short


def test_lane_states_end_where_the_tail_begins(c: ctypes.CDLL) -> None:
    for state, good in ((2**32, True), (2**33 - 1, True), (2**32 - 1, False), (2**33, False)):
        assert c.tail_begins(ctypes.c_uint64(state)) == good, state


def test_the_implants_coder_counts_pending_bytes_in_24_bits(c: ctypes.CDLL) -> None:
    assert [c.implant_gives_up(n) for n in (0, 1, 2**24 - 2, 2**24 - 1)] == [0, 0, 0, 1]


@pytest.mark.parametrize(("shift", "cells"), [(0, range(1, 511)), (1, range(511, 512)), (24, range(511, 512))])
def test_the_implants_decoder_begins_to_look_within_the_shape(c: ctypes.CDLL, shift: int, cells: range) -> None:
    quantiles = np.empty(1024, np.int16)
    c.implant_quantiles(shift, quantiles.ctypes.data_as(ctypes.c_void_p))
    assert np.all(np.diff(quantiles) >= 0)
    assert quantiles[-1] + 2**14 >> 6 in cells


# -- profiles ----------------------------------------------------------------------------------------------------------

size_of = Kernel("n1c_n1_work_size", int)
encode = Kernel("n1c_n1_encode", reads(np.int16), reads(np.uint8), SCRATCH, writes(np.uint8), int)
decode = Kernel("n1c_n1_decode", reads(np.uint8), reads(np.uint8), SCRATCH, writes(np.int16), int)
memory_of = Kernel("n1c_stream_memory_size", int, int, int)
open_stream = Kernel("n1c_stream_open", updates(np.uint8), int, reads(np.uint8), int, int, int)
SAMPLES = np.ascontiguousarray(signal(5000)[:, 0])
PRIOR, SHAPE = 16, 16 + 4 * 36


def built_in() -> bytes:
    out = np.empty(1 << 16, np.uint8)
    return out[: Kernel("n1c_n1_profile", int, writes(np.uint8))(1, out)].tobytes()


def pack(profile: bytes) -> bytes:
    out = np.empty(2 * SAMPLES.size + 1, np.uint8)
    return out[: encode(SAMPLES, profile, np.empty(size_of(SAMPLES.size), np.uint8), out, 1)].tobytes()


def unpack(data: bytes, profile: bytes) -> np.ndarray:
    x = np.empty_like(SAMPLES)
    decode(data, profile, np.empty(size_of(x.size), np.uint8), x, 1)
    return x


def put(profile: bytes, at: int, value: int, size: int) -> bytes:
    return profile[:at] + value.to_bytes(size, "little", signed=value < 0) + profile[at + size :]


def shape_at(profile: bytes, i: int) -> int:
    return int.from_bytes(profile[SHAPE + 4 * i : SHAPE + 4 * i + 4], "little")


def profiles() -> dict[str, tuple[bytes, bool]]:
    """Return profiles at both sides of every bound, and whether they are good."""
    good = built_in()
    level = put(good, SHAPE + 4 * 257, shape_at(good, 256), 4)
    return {
        "as it is": (good, True),
        "magic": (b"N1Q" + good[3:], False),
        "version": (put(good, 3, 1, 1), False),
        "mapping": (put(good, 4, 2, 1), False),
        "floor 0": (put(good, 5, 0, 1), False),
        "floor 1": (put(good, 5, 1, 1), True),
        "floor 16": (put(good, 5, 16, 1), True),
        "floor 17": (put(good, 5, 17, 1), False),
        "codes": (put(good, 6, 1023, 2)[:-2], False),
        "step 0": (put(good, 10, 0, 2), False),
        "a level shape": (level, True),
        "a falling shape": (put(good, SHAPE + 4 * 257, shape_at(good, 256) - 1, 4), False),
        "a shape that does not begin at 0": (put(good, SHAPE, 1, 4), False),
        "a shape that does not end at 1": (put(good, SHAPE + 4 * 512, (1 << 24) - 1, 4), False),
        "a shape beyond 1": (put(good, SHAPE + 4 * 512, (1 << 24) + 1, 4), False),
        "prior 2^28": (put(good, PRIOR + 4, 1 << 28, 4), True),
        "prior 2^28 + 1": (put(good, PRIOR + 4, (1 << 28) + 1, 4), False),
        "prior -2^28": (put(good, PRIOR + 4, -(1 << 28), 4), True),
        "prior -2^28 - 1": (put(good, PRIOR + 4, -(1 << 28) - 1, 4), False),
        "no variance": (put(good, PRIOR, 0, 4), True),
        "a byte less": (good[:-1], False),
        "a byte more": (good + b"\0", False),
    }


@pytest.mark.parametrize("name", profiles())
def test_a_profile_is_checked_by_n1_and_by_packets(name: str) -> None:
    profile, good = profiles()[name]
    memory = np.empty(memory_of(0, 2, 20), np.uint8)
    if good:
        assert np.array_equal(unpack(pack(profile), profile), SAMPLES)
        assert open_stream(memory, 0, profile, 2, 20, 10) == memory.size
        return
    with pytest.raises(KernelError, match="not allowed"):
        pack(profile)
    with pytest.raises(KernelError, match="not allowed"):
        open_stream(memory, 0, profile, 2, 20, 10)
    asks = pack(built_in())  # a payload that asks for a profile by its checksum
    asks = asks[:1] + zlib.crc32(profile).to_bytes(4, "little") + asks[5:]
    with pytest.raises(KernelError, match="not allowed"):
        unpack(asks, profile)


def test_a_payload_is_decoded_with_its_own_profile_alone() -> None:
    profile = built_in()
    data, other = pack(profile), put(profile, 12, 3999, 2)
    assert int.from_bytes(data[1:5], "little") == zlib.crc32(profile)
    assert np.array_equal(unpack(data, profile), SAMPLES)
    for wrong in (other, b"", b"\1"):
        with pytest.raises(FormatError):
            unpack(data, wrong)


def test_a_profile_of_ours_is_pythons() -> None:
    assert Profile.from_bytes(built_in()).to_bytes() == built_in()


# -- floating point ----------------------------------------------------------------------------------------------------


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="the mode is that of x86")
@pytest.mark.parametrize("mode", [0x1F80 | 0x8040, 0x1F80 | 0x2000, 0x1F80 | 0x4000, 0x1F80 | 0x6000])
def test_a_threads_floating_point_mode_changes_no_bytes(c: ctypes.CDLL, mode: int) -> None:
    """Flush to zero and denormals are zero, round down, up, towards zero: as some libraries set it, and leave it."""
    library = native.library()
    x = SAMPLES[:1500].copy()
    work = np.empty(Kernel("n1c_n1_max_work_size", int)(x.size), np.uint8)
    plain, out, y = np.empty(3001, np.uint8), np.empty(3001, np.uint8), np.empty_like(x)
    size = Kernel("n1c_n1_max_encode", reads(np.int16), SCRATCH, writes(np.uint8), int)(x, work, plain, 1)
    size64, address = ctypes.c_int64, ctypes.c_void_p
    common = address(x.ctypes.data), size64(x.size), address(work.ctypes.data), size64(work.size)
    encoded = *common, address(out.ctypes.data), size64(out.size), size64(1)
    decoded = address(plain.ctypes.data), size64(size), *common[2:], address(y.ctypes.data), size64(y.size), size64(1)
    before = c.float_mode()
    c.set_float_mode(mode)
    try:
        length = library.n1c_n1_max_encode(*encoded)
        count = library.n1c_n1_max_decode(*decoded)
        after = c.float_mode()
    finally:
        c.set_float_mode(before)
    assert after & ~0x3F == mode, "the caller's mode is given back"
    assert out[:length].tobytes() == plain[:size].tobytes() and plain[0] & 0x80
    assert count == x.size and np.array_equal(x, y)


# -- processors --------------------------------------------------------------------------------------------------------

WITHOUT_AVX2 = """
import sys
from pathlib import Path
import numpy as np
from conftest import signal
import n1codec
from n1codec import native
native.library = lambda found=native._load(Path(sys.argv[1])): found
from n1codec.stream.packets import PacketDecoder, PacketEncoder
x = signal(200, 12)
for spec in ("n1", "n1:profile=none", "n1_max"):
    assert np.array_equal(n1codec.decode(n1codec.encode(x[:, 0], spec)), x[:, 0])
for spec in ("n1", "n1:profile=none"):
    ends = [end(12, 20000, spec) for end in (PacketEncoder, PacketDecoder)]
    for i in range(0, 200, 20):
        assert np.array_equal(ends[1].push(ends[0].push(x[i : i + 20])).frames, x[i : i + 20])
"""


@pytest.fixture(scope="module")
def without_avx2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return libn1c with functions for AVX2 that end the program; $HAS_AVX2 says that the processor has it."""
    if not shutil.which("gcc"):
        pytest.skip("no gcc here")
    folder = tmp_path_factory.mktemp("avx2")
    replaced = ("n1_avx2", "n1_max_avx2")
    sources = [path for path in (NATIVE / "src").glob("*.c") if path.stem not in replaced]
    declared = "".join(path.read_text() for path in (NATIVE / "src").glob("*.h"))
    found = set(re.findall(r"^\w[\w *]*?\b(n1_\w+_avx2)\(.*;$|^\w[\w *]*?\b(n1_\w+_avx2)\([^;{]*$", declared, re.M))
    functions = sorted(first or second for first, second in found)
    assert len(functions) == 6
    (folder / "ends.c").write_text(
        '#include <stdlib.h>\nint n1_avx2(void) { return getenv("HAS_AVX2") != 0; }\n'
        + "".join(f"void {name}(void) {{ abort(); }}\n" for name in functions)
    )
    flags = ["-std=c99", "-O0", "-shared", "-fPIC", *(f"-I{NATIVE / name}" for name in ("include", "src"))]
    command = ["gcc", *flags, *map(str, sources), str(folder / "ends.c"), "-lm", "-o", str(folder / "libn1c.so")]
    subprocess.run(command, check=True, timeout=120)
    return folder / "libn1c.so"


@pytest.mark.slow
@pytest.mark.parametrize(("simd", "has", "ends"), [("0", "1", False), ("1", "", False), ("1", "1", True)])
def test_no_avx2_where_there_is_none_or_it_is_not_wanted(without_avx2: Path, simd: str, has: str, ends: bool) -> None:
    env = {name: value for name, value in os.environ.items() if name not in ("HAS_AVX2", "N1CODEC_SIMD")}
    env |= {"N1CODEC_SIMD": simd, "PYTHONPATH": str(ROOT / "tests")} | ({"HAS_AVX2": "1"} if has else {})
    command = [sys.executable, "-c", WITHOUT_AVX2, str(without_avx2)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)
    assert (done.returncode == -signals.SIGABRT) if ends else (done.returncode == 0), done.stderr
