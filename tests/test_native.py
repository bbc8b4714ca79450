"""Calls of libn1c through n1codec.native: what a kernel takes as input and output, and what its errors become."""

from __future__ import annotations

import importlib
import re
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT

from n1codec import native, registry
from n1codec.codec import CodecError, FormatError, Layout, SpecError, UnavailableError
from n1codec.native import Kernel, KernelError, reads, scratch, writes
from n1codec.pipeline import get_codec

HEADERS = sorted((ROOT / "native" / "include").glob("**/*.h"))
encode = Kernel("n1c_rice_encode", reads(np.int16), writes(np.uint8))
decode = Kernel("n1c_rice_decode", reads(np.uint8), writes(np.int16))
C_TYPES = {"float32": "float", "float64": "double"}
SAMPLES = (np.arange(100) % 7 - 3).astype(np.int16)


def packed() -> bytes:
    out = np.empty(2 * SAMPLES.size, np.uint8)
    return out[: encode(SAMPLES, out)].tobytes()


def misaligned(size: int, dtype: str) -> np.ndarray:
    return np.zeros(size * np.dtype(dtype).itemsize + 1, np.uint8)[1:].view(dtype)


def read_only(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array


# -- outputs and inputs ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, list])
def test_only_an_array_is_written_to(kind: type) -> None:
    out = bytes(200)
    before = bytes(bytearray(out))
    with pytest.raises(TypeError, match=f"n1c_rice_encode writes an array of uint8, not {kind.__name__}"):
        encode(SAMPLES, kind(out))
    assert out == before


def test_a_read_only_array_is_not_written_to() -> None:
    out = read_only(np.zeros(200, np.uint8))
    with pytest.raises(TypeError, match="read-only"):
        encode(SAMPLES, out)
    assert not out.any()


UNFIT = {
    "strided": np.zeros(400, np.uint8)[::2],
    "Fortran order": np.zeros((10, 20), np.uint8, "F"),
    "signed": np.zeros(200, np.int8),
    "wide": np.zeros(200, np.uint16),
}


@pytest.mark.parametrize("name", UNFIT)
def test_an_output_of_another_kind_is_refused(name: str) -> None:
    with pytest.raises(TypeError, match="n1c_rice_encode takes C-contiguous, aligned arrays of uint8"):
        encode(SAMPLES, UNFIT[name])
    assert not UNFIT[name].any()


@pytest.mark.parametrize(
    "x",
    [
        SAMPLES[::2],
        SAMPLES.astype(">i2"),
        SAMPLES.astype(np.uint16),
        SAMPLES.astype(np.float32),
        np.asfortranarray(SAMPLES.reshape(10, 10)),
        misaligned(100, "int16"),
        read_only(misaligned(100, "int16")),
        SAMPLES.tobytes(),
        SAMPLES.tolist(),
    ],
    ids=["strided", "big-endian", "unsigned", "float", "F", "misaligned", "misaligned read-only", "bytes", "list"],
)
def test_an_input_of_another_kind_is_refused(x: object) -> None:
    with pytest.raises(TypeError, match="n1c_rice_encode"):
        encode(x, np.empty(200, np.uint8))


def test_a_misaligned_output_is_refused() -> None:
    x = misaligned(100, "int16")
    with pytest.raises(TypeError, match="misaligned"):
        decode(packed(), x)
    assert not x.any()


@pytest.mark.parametrize(
    "kind", [bytes, bytearray, memoryview, lambda b: np.frombuffer(b, np.uint8), lambda b: np.array(bytearray(b))]
)
def test_any_bytes_are_read(kind: type) -> None:
    x = np.empty_like(SAMPLES)
    assert decode(kind(packed()), x) == x.size
    assert np.array_equal(x, SAMPLES)


def test_samples_that_are_read_only_are_read() -> None:
    out = np.empty(200, np.uint8)
    assert out[: encode(read_only(SAMPLES.copy()), out)].tobytes() == packed()


def test_empty_arrays_pass() -> None:
    assert encode(SAMPLES[:0], np.empty(0, np.uint8)) == 0
    assert decode(b"", np.empty(0, np.int16)) == 0


def test_a_declaration_says_what_is_written() -> None:
    with pytest.raises(TypeError, match="say reads"):
        Kernel("n1c_rice_encode", np.int16, np.uint8)  # type: ignore[arg-type]


# -- errors ----------------------------------------------------------------------------------------------------------


def test_an_encoders_error_is_no_damage() -> None:
    with pytest.raises(KernelError, match="n1c_rice_encode: an array is too small") as short:
        encode(SAMPLES, np.empty(199, np.uint8))
    with pytest.raises(KernelError, match="not allowed") as wrong:
        Kernel("n1c_kbit_encode", reads(np.int16), int, writes(np.uint8))(SAMPLES, 9, np.empty(999, np.uint8))
    for error in (short.value, wrong.value):
        assert isinstance(error, CodecError) and not isinstance(error, FormatError)
        assert "damaged" not in str(error)


def test_damage_is_a_format_error() -> None:
    with pytest.raises(FormatError, match="damaged"):
        decode(packed()[:-3], np.empty(100, np.int16))


@pytest.mark.parametrize("number", [1 << 63, -(1 << 63) - 1, 1 << 64])
def test_a_number_is_not_cut_to_64_bits(number: int) -> None:
    with pytest.raises(KernelError, match="64 bits"):
        Kernel("n1c_kbit_decode", reads(np.uint8), int, writes(np.int16))(b"", number, np.empty(1, np.int16))


@pytest.mark.parametrize(
    ("spec", "side"),
    [(f"{name}|copy", bytes(side)) for name in ("slms", "nlms") for side in ([0, 1], [255, 1], [1, 0], [1, 17])],
)
def test_a_filters_numbers_in_a_file_are_checked(spec: str, side: bytes) -> None:
    """They come from the file: what no encoder writes is damage."""
    stage = get_codec(spec).filters[0]
    with pytest.raises(FormatError):
        stage.inverse(SAMPLES, side, Layout.of(SAMPLES))


@pytest.mark.parametrize(("bits", "good"), [(0, False), (1, False), (2, True), (8, True), (9, False), (255, False)])
def test_kbits_width_in_a_file_is_checked(bits: int, good: bool) -> None:
    """The codes would all be differences of 0, if there were codes of so many bits."""
    half = 1 << max(bits - 1, 0)
    packed = sum(half << (bits * i) for i in range(100)).to_bytes((100 * bits + 7) // 8 or 1, "little")
    stage, layout = get_codec("kbit|copy").filters[0], Layout.of(SAMPLES)
    y = np.frombuffer(packed, np.uint8)
    if good:
        assert not stage.inverse(y, bytes([bits]), layout).any()
        return
    with pytest.raises(FormatError):
        stage.inverse(y, bytes([bits]), layout)


ROOM = 301
"""Bytes for what an encoder writes of SAMPLES: more than any asks for."""


def size_of(name: str, *numbers: int) -> int:
    return Kernel(f"n1c_{name}_work_size", *[int] * len(numbers))(*numbers)


def calls() -> dict[str, tuple[int, list[native.Array | type[int]], list[object]]]:
    """Return, for kernels with scratch memory: its size, their arguments, and values without the memory."""
    out, side, x = np.empty(ROOM, np.uint8), np.empty(300, np.uint8), np.empty_like(SAMPLES)
    i, o, b, y, w = reads(np.int16), writes(np.uint8), reads(np.uint8), writes(np.int16), native.SCRATCH
    found: dict[str, tuple[int, list[native.Array | type[int]], list[object]]] = {}
    for name in ("huffman", "range", "rans"):
        found[f"{name}_encode"] = (size_of(f"{name}_encode"), [i, o, w], [SAMPLES, out])
        found[f"{name}_decode"] = (size_of(f"{name}_decode"), [b, y, w], [b"", x])
    found["arange_encode"] = (size_of("arange"), [i, o, w], [SAMPLES, out])
    found["arange_decode"] = (size_of("arange"), [b, y, w], [b"", x])
    found["n1_encode"] = (size_of("n1", 100), [i, b, w, o, int], [SAMPLES, b"\1", out, 1])
    found["n1_decode"] = (size_of("n1", 100), [b, b, w, y, int], [b"", b"", x, 1])
    found["n1_implant_encode"] = (size_of("n1_implant", 100), [i, b, w, o], [SAMPLES, b"", out])
    found["n1_implant_decode"] = (size_of("n1_implant", 100), [b, b, w, y], [b"", b"", x])
    found["n1_max_encode"] = (size_of("n1_max", 100), [i, w, o, int], [SAMPLES, out, 1])
    found["n1_max_decode"] = (size_of("n1_max", 100), [b, w, y, int], [b"", x, 1])
    lpc: list[native.Array | type[int]] = [i, int, int, int, w, o, y]
    found["lpc_encode"] = (size_of("lpc_encode", 100, 64), lpc, [SAMPLES, 64, 8, 12, side, x])

    wide, r = SAMPLES.astype(np.int32), reads(np.int32)
    found["mdct_encode"] = (size_of("mdct_encode"), [r, int, int, o, w], [wide, 256, 90, np.empty(9792, np.uint8)])
    to: list[native.Array | type[int]] = [r, int, int, int, int, o, writes(np.int32), w]
    room = np.empty(9792, np.uint8), np.empty_like(wide)
    found["mdct_encode_to"] = (size_of("mdct_encode"), to, [wide, 256, 90, 50, 0, *room])
    found["mdct_decode"] = (size_of("mdct_decode"), [b, int, writes(np.int32), w], [b"", 256, np.empty_like(wide)])

    converters, fit = np.zeros(2, np.int32), [i, reads(np.int32), w, o, int, int]
    for preset in (0, 1):
        model, work = np.empty(2048, np.uint8), np.empty(size_of("multi_fit", 50, 2), np.uint8)
        model = model[: Kernel("n1c_multi_fit", *fit)(SAMPLES, converters, work, model, preset, 1)]
        sizes = [Kernel(f"n1c_multi_{way}_work_size", b, int)(model, 50) for way in ("encode", "decode")]
        name = f"multi_fit preset {preset}"
        found[name] = (work.size, [*fit], [SAMPLES, converters, np.empty(2048, np.uint8), preset, 1])
        found[f"multi_encode preset {preset}"] = (sizes[0], [i, b, int, w, o, int], [SAMPLES, model, 50, out, 1])
        found[f"multi_decode preset {preset}"] = (sizes[1], [b, b, int, w, y, int], [b"", model, 50, x, 1])
    return found


@pytest.mark.parametrize("name", calls())
def test_scratch_memory_begins_anywhere_and_suffices(name: str) -> None:
    size, arguments, values = calls()[name]
    kernel = Kernel(f"n1c_{name.partition(' ')[0]}", *arguments)
    at = next(i for i, argument in enumerate(arguments) if argument is native.SCRATCH)

    def call(work: np.ndarray) -> int:
        return kernel(*values[:at], work, *values[at:])

    with pytest.raises(KernelError, match="too small"):
        call(np.empty(size - 1, np.uint8))
    for offset in (0, 1, 7):
        work = np.full(size + 64, 0xA5, np.uint8)
        try:
            assert call(work[offset : offset + size]) > 0
        except FormatError:  # there was nothing to decode
            assert "_decode" in name
        assert (work[offset + size :] == 0xA5).all()
        assert (work[:offset] == 0xA5).all()


LEAST = {"huffman": 200, "range": 200, "rans": 200, "arange": 200, "n1": 201, "n1_implant": 201, "multi": 201}
"""Bytes of output that the headers ask for, for 100 samples."""


@pytest.mark.parametrize("name", [name for name in calls() if name.partition("_encode")[0] in LEAST])
def test_an_encoder_asks_for_room_for_the_worst_and_uses_no_more(name: str) -> None:
    size, arguments, values = calls()[name]
    kernel, least = Kernel(f"n1c_{name.partition(' ')[0]}", *arguments), LEAST[name.partition("_encode")[0]]
    noise = np.random.default_rng(1).integers(-32768, 32768, 100).astype(np.int16)
    at = next(i for i, argument in enumerate(arguments) if argument is native.SCRATCH)
    x = next(i for i, value in enumerate(values) if value is SAMPLES)
    out = next(i for i, value in enumerate(values) if isinstance(value, np.ndarray) and value.size == ROOM)
    values.insert(at, np.empty(size, np.uint8))
    out += out >= at
    for samples in (SAMPLES, noise):
        for room in (0, 1, 150, least - 1, least):
            memory = np.full(least + 64, 0xA5, np.uint8)
            values[x], values[out] = samples, memory[:room]
            if room < least:
                with pytest.raises(KernelError, match="too small"):
                    kernel(*values)
            else:
                assert 0 < kernel(*values) <= least
            assert (memory[room:] == 0xA5).all()


def test_a_damaged_profile_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bad.n1p"
    path.write_bytes(b"N1P\3" + bytes(3000))
    with pytest.raises(SpecError, match=r"bad\.n1p: it is damaged"):
        get_codec(f"n1:profile={path}").encode(SAMPLES)


# -- the library -----------------------------------------------------------------------------------------------------


def test_a_library_without_a_kernel_is_told() -> None:
    with pytest.raises(UnavailableError, match=r"do not have n1c_no_such_kernel: .*make install"):
        Kernel("n1c_no_such_kernel", int)(1)


def test_the_interface_is_the_headers() -> None:
    numbers = re.findall(r"#define N1C_VERSION (\d+)", "".join(path.read_text() for path in HEADERS))
    assert numbers == [str(native.VERSION)]


def test_another_interface_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(native.library()._name)
    monkeypatch.setattr(native, "VERSION", 1_000_000)
    with pytest.raises(UnavailableError, match=r"this program needs 1000000 \(run make install\)") as error:
        native._load(path)
    assert "\n" not in str(error.value)


def test_a_library_from_before_there_were_versions_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native.ctypes, "CDLL", lambda path: object())
    with pytest.raises(UnavailableError, match="interface version 1"):
        native._load(Path("libn1c.so"))


def prototypes() -> dict[str, list[str]]:
    """Return every function in the public headers, with the types of its arguments."""
    text = re.sub(r"/\*.*?\*/", "", "".join(path.read_text() for path in HEADERS), flags=re.S)
    found = re.findall(r"N1C_API int64_t (n1c_\w+)\(([^)]*)\);", text)
    return {name: [re.sub(r"\w+$", "", " ".join(a.split())).strip() for a in args.split(",")] for name, args in found}


def kernels() -> dict[str, list[Kernel]]:
    """Return all declarations of kernels in the program, by symbol."""
    modules = [registry.find(name).__module__ for name in registry.names()]
    modules += ["n1codec.analysis.correlation", "n1codec.stream.packets", "n1codec.stream.events"]
    modules += [f"n1codec.train.{name}" for name in ("fit", "n1", "implant", "max")]
    found: dict[str, list[Kernel]] = {}
    for name in modules:
        module = sys.modules.get(name) or importlib.import_module(name)
        for thing in vars(module).values():
            if isinstance(thing, Kernel):
                found.setdefault(thing.symbol, []).append(thing)
    return found


def test_declarations_are_those_of_the_headers() -> None:
    """An argument is written if and only if it is no pointer to const, and has the dtype of the C type."""
    known, declared = prototypes(), kernels()
    for symbol, declarations in declared.items():
        for kernel in declarations:
            wanted: list[str] = []
            for argument in kernel.arguments:
                if isinstance(argument, native.Array):
                    name = C_TYPES.get(str(argument.dtype), f"{argument.dtype}_t")
                    name = "void" if argument is native.SCRATCH else name
                    wanted += [f"{name} *" if argument.written else f"const {name} *", "int64_t"]
                else:
                    wanted.append("int64_t")
            assert [t for t in known[symbol] if t] == wanted, symbol
    assert len(declared) > 30


def test_a_thread_keeps_scratch_memory_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("n1codec.native._thread", threading.local())
    monkeypatch.setattr("n1codec.native._KEPT", 1000)
    first, smaller = scratch(900), scratch(50)
    assert first.shape == (900,) and smaller.shape == (50,) and np.shares_memory(first, smaller)
    with ThreadPoolExecutor(1) as pool:
        assert not np.shares_memory(pool.submit(scratch, 50).result(), first)
    large = scratch(1001)
    assert large.shape == (1001,) and not np.shares_memory(scratch(1001), large)
    assert np.shares_memory(scratch(50), first)
