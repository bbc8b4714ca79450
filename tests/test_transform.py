"""Transforms against slow references, and on damaged side information."""

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np
import pytest
from conftest import signal
from filters import damaged, make, round_trip, signals, survives
from hypothesis import given
from hypothesis import strategies as st

from n1codec import native, registry
from n1codec.codec import INTEGERS, Filter, FormatError, Layout
from n1codec.pipeline import get_codec
from n1codec.recordings import wav

NAMES = [n for n in registry.names() if registry.find(n).family == "transform"]
NAMES = [n for n in NAMES if issubclass(registry.find(n), Filter)]
N1 = [int((k * 65535 - 32768 * 1023) / 1023) for k in range(1024)]
"""Python's int() truncates towards zero; these quotients are exact enough for it."""


def dtypes_of(name: str) -> tuple[str, ...]:
    return registry.find(name).dtypes or INTEGERS


def wrap(value: int, bits: int) -> int:
    half = 1 << (bits - 1)
    return (value + half) % (2 * half) - half


# -- references ------------------------------------------------------------------------------------------------------


def reference_bitshuffle(x: list[int]) -> list[int]:
    row = -(-len(x) // 8)
    out = [0] * (16 * row)
    for i, v in enumerate(x):
        for plane in range(16):
            out[plane * row + i // 8] |= (v >> plane & 1) << i % 8
    return out


def reference_haar(x: list[int], levels: int, bits: int) -> list[int]:
    if levels == 0 or len(x) < 2:
        return x
    low, high = [], []
    for i in range(0, len(x), 2):
        if i + 1 == len(x):
            low.append(x[i])
            continue
        high.append(wrap(x[i + 1] - x[i], bits))
        low.append(wrap(x[i] + (high[-1] >> 1), bits))
    return reference_haar(low, levels - 1, bits) + high


def reference_legall53(x: list[int], levels: int, bits: int) -> list[int]:
    """The standard's formulas on the signal mirrored at its ends, modulo the word size."""
    n = len(x)
    if levels == 0 or n < 2:
        return x

    def mirrored(i: int) -> int:
        i = abs(i)
        return i if i < n else 2 * (n - 1) - i

    y = list(x)
    for i in range(1, n, 2):
        y[i] = wrap(x[i] - ((x[i - 1] + x[mirrored(i + 1)]) >> 1), bits)
    for i in range(0, n, 2):
        average = (y[mirrored(i - 1)] + y[mirrored(i + 1)]) >> 1
        y[i] = wrap(x[i] + (wrap(average + 1, bits) >> 1), bits)
    return reference_legall53(y[::2], levels - 1, bits) + y[1::2]


# -- each transform equals its reference -----------------------------------------------------------------------------


@given(x=signals())
def test_bitshuffle(x: np.ndarray) -> None:
    y, _ = round_trip(make("bitshuffle"), x)
    assert y.tolist() == reference_bitshuffle(x.tolist())


@pytest.mark.parametrize(("n", "shuffled", "restored"), [(-1, -3, -3), (-(1 << 63), -3, -3), ((1 << 63) - 1, -2, -1)])
def test_bitshuffle_checks_its_arguments_before_it_computes(n: int, shuffled: int, restored: int) -> None:
    x, y = np.zeros(8, np.int16), np.zeros(16, np.uint8)
    samples, planes = (ctypes.c_void_p(x.ctypes.data), ctypes.c_int64(n)), (ctypes.c_void_p(y.ctypes.data),)
    shuffle, restore = native.library().n1c_bitshuffle16, native.library().n1c_bitunshuffle16
    shuffle.restype = restore.restype = ctypes.c_int64
    assert shuffle(*samples, *planes, ctypes.c_int64(16)) == shuffled
    assert restore(*planes, ctypes.c_int64(0), *samples) == restored


@pytest.mark.parametrize("dtype", INTEGERS)
@given(data=st.data())
def test_zigzag(dtype: str, data: st.DataObject) -> None:
    x = data.draw(signals(dtype))
    y, _ = round_trip(make("zigzag"), x)
    assert y.dtype.kind == "u"
    bits = 8 * x.dtype.itemsize
    signed = [wrap(v, bits) for v in x.tolist()]
    assert y.tolist() == [2 * v if v >= 0 else -2 * v - 1 for v in signed]


@pytest.mark.parametrize("dtype", [*INTEGERS, "float32"])
@pytest.mark.parametrize("channels", [1, 3])
def test_planes(dtype: str, channels: int) -> None:
    x = signal(50, channels).astype(dtype)
    y, _ = round_trip(make("planes"), x)
    raw = x.astype(x.dtype.newbyteorder("<")).tobytes()
    assert y.tolist() == [b for plane in range(x.dtype.itemsize) for b in raw[plane :: x.dtype.itemsize]]


@pytest.mark.parametrize("dtype", ["int16", "uint8", "int32", "uint64"])
@given(data=st.data(), levels=st.sampled_from([1, 2, 3, 32]))
def test_haar(dtype: str, data: st.DataObject, levels: int) -> None:
    x = data.draw(signals(dtype))
    y, _ = round_trip(make("haar", levels=levels), x)
    bits = 8 * x.dtype.itemsize
    expected = reference_haar([wrap(v, bits) for v in x.tolist()], levels, bits)
    assert [wrap(v, bits) for v in y.tolist()] == expected


@pytest.mark.parametrize("dtype", ["int16", "uint8", "int32", "uint64"])
@given(data=st.data(), levels=st.sampled_from([1, 2, 3, 32]))
def test_legall53(dtype: str, data: st.DataObject, levels: int) -> None:
    x = data.draw(signals(dtype))
    y, _ = round_trip(make("legall53", levels=levels), x)
    bits = 8 * x.dtype.itemsize
    expected = reference_legall53([wrap(v, bits) for v in x.tolist()], levels, bits)
    assert [wrap(v, bits) for v in y.tolist()] == expected


@pytest.mark.parametrize("name", ["haar", "legall53"])
def test_wavelets_gather_energy(name: str) -> None:
    x = np.round(1000 * np.sin(np.arange(4096) / 200)).astype(np.int16)
    y, _ = round_trip(make(name, levels=4), x)
    assert np.abs(y[256:]).mean() < 0.06 * np.abs(x).mean()


# -- remap: each form, chosen by itself ------------------------------------------------------------------------------


def form_of(side: bytes) -> int:
    return side[0] if side else 0


@pytest.mark.parametrize("dtype", ["int16", "int32", "int64"])
def test_remap_of_every_n1_value(dtype: str) -> None:
    x = np.array(N1, dtype)
    y, side = round_trip(make("remap"), x)
    assert side == b"\x01"
    assert y.tolist() == list(range(-512, 512))


@given(
    codes=st.lists(st.integers(0, 1023), min_size=1, max_size=200),
    at=st.integers(0, 199),
    value=st.integers(-32768, 32767),
)
def test_remap_takes_the_n1_form_for_n1_values_only(codes: list[int], at: int, value: int) -> None:
    x = np.array([N1[k] for k in codes], np.int16)
    assert make("remap").forward(x)[1] == b"\x01"
    x[at % x.size] = value
    _, side = round_trip(make("remap"), x)
    assert (side == b"\x01") == (value in N1)


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("step", [1, 3, 12])
@pytest.mark.parametrize("offset", [-60, -1, 0, 5, 61])
def test_remap_divides_by_the_common_step(dtype: str, step: int, offset: int) -> None:
    codes = np.random.default_rng(1).integers(-4, 5, 500)
    if np.dtype(dtype).kind == "u":
        offset += 128
    x = (offset + step * codes).astype(dtype)
    y, side = round_trip(make("remap"), x)
    assert form_of(side) in (0, 2)
    assert len(side) < 6
    assert len(np.unique(y)) == 9
    assert int(y.max()) - int(y.min()) == 8
    if np.dtype(dtype).kind == "u" or np.dtype(dtype).itemsize > 2:
        assert y.min() == 0
    else:
        assert abs(float(y.mean())) < (1 if x.min() > 0 or x.max() < 0 else 65 / step)


def test_remap_keeps_zero_where_samples_have_both_signs() -> None:
    x = (12 * np.random.default_rng(2).integers(-50, 60, 1000)).astype(np.int16)
    y, _ = round_trip(make("remap"), x)
    assert np.array_equal(y, x // 12)


WIDE = ["int16", "uint16", "int32", "uint32", "int64", "uint64"]


@pytest.mark.parametrize("dtype", WIDE)
def test_remap_tabulates_uneven_steps(dtype: str) -> None:
    rng = np.random.default_rng(3)
    values = np.cumsum(rng.integers(20, 40, 200)) - (0 if np.dtype(dtype).kind == "u" else 2700)
    x = values[rng.normal(100, 20, 5000).astype(int)].astype(dtype)
    y, side = round_trip(make("remap"), x)
    assert form_of(side) == 3
    used = np.unique(y)
    assert len(side) < 20 + used.size
    assert np.array_equal(used, np.arange(used[0], used[0] + used.size))
    assert np.array_equal(x[y >= 0], x[x >= 0]) if dtype == "int16" else used[0] == 0


@pytest.mark.parametrize("dtype", WIDE)
@pytest.mark.parametrize("scale", [2.71828, 12.01923, 64.0615836])
@pytest.mark.parametrize("start", [0.0, -2000.3, "high"])
def test_remap_finds_a_fractional_scale(dtype: str, scale: float, start: float | str) -> None:
    codes = np.random.default_rng(4).normal(100, 20, 5000).astype(int)
    codes[-2:] = 1, 190  # most of what lies between these and the others is not used
    limits = np.iinfo(dtype)
    span = int(scale * 200)
    offset = limits.max - span if start == "high" else max(int(start), limits.min)
    x = np.array([int(v) + offset for v in np.floor(codes * scale + 0.37)], dtype)
    y, side = round_trip(make("remap"), x)
    assert form_of(side) == 4
    assert len(side) < 30
    shift = int(codes[0]) - int(y[0])
    assert np.array_equal(codes, y.astype(np.int64) + shift), "equal steps of the converter stay equal"


def test_remap_tabulates_what_fits_no_scale() -> None:
    codes = np.random.default_rng(5).normal(0, 30, 5000).astype(int)
    x = np.trunc(codes * 12.3).astype(np.int16)  # towards 0: no line through both signs
    y, side = round_trip(make("remap"), x)
    assert form_of(side) == 3
    assert np.unique(np.diff(np.unique(y))).tolist() == [1]


def test_remap_leaves_alone_what_has_nothing_to_undo() -> None:
    rng = np.random.default_rng(4)
    for x in (
        rng.normal(0, 300, 5000).astype(np.int16),
        rng.integers(-32768, 32768, 20_000).astype(np.int16),
        rng.normal(0, 1, 500).astype(np.float32),
    ):
        y, side = round_trip(make("remap"), x)
        assert side == b""
        assert np.array_equal(y, x)


def test_remap_of_each_channel_by_itself() -> None:
    rng = np.random.default_rng(5)
    x = (rng.integers(-30, 30, (400, 3)) * [12, 5, 7]).astype(np.int16)
    plain, mapped = get_codec("zlib"), get_codec("remap|zlib")
    payload = mapped.encode(x)
    assert np.array_equal(mapped.decode(payload, Layout.of(x)), x)
    assert len(payload) < 0.9 * len(plain.encode(x))


@pytest.mark.parametrize("dtype", INTEGERS)
@given(data=st.data(), step=st.integers(1, 30))
def test_remap_of_anything(dtype: str, data: st.DataObject, step: int) -> None:
    x = data.draw(signals(dtype))
    round_trip(make("remap"), x)
    round_trip(make("remap"), x // np.array(step, dtype) * np.array(step, dtype))


@pytest.mark.parametrize("dtype", ["int8", "uint8", *WIDE])
@given(
    seed=st.integers(0, 1 << 30),
    scale=st.floats(1.01, 300),
    offset=st.floats(-300, 300),
    spread=st.sampled_from([2, 10, 100]),
    size=st.sampled_from([10, 100, 3000]),
    rounding=st.sampled_from([np.floor, np.rint, np.trunc]),
)
def test_remap_of_anything_scaled(
    dtype: str, seed: int, scale: float, offset: float, spread: int, size: int, rounding: np.ufunc
) -> None:
    codes = np.rint(np.random.default_rng(seed).normal(0, spread, size))
    x = rounding(codes * scale + offset).astype(np.int64).astype(dtype)
    round_trip(make("remap"), x)


@pytest.mark.parametrize(
    "side",
    [
        b"\x00",
        b"\x04",
        b"\x02",
        b"\x02\x01",
        b"\x03\x01\x00\x00",
        b"\x03\x01\x00\x00\x01\x01",
        b"\x03\x01\x00\x00\x05\x01garbage",
        b"\x03\x01\x00\x00\xff\xff\xff\xff\x7f\x08",
        b"\x04\x01\x00\x00\x08\x01",
        b"\x04\x01\x00\x00\x19\x01\x01",
        b"\x04\x01\x00\x00\x08" + b"\xff" * 9 + b"\x01\x01",
    ],
)
def test_remap_refuses_side_information_that_makes_no_sense(side: bytes) -> None:
    x = np.arange(50, dtype=np.int16)
    with pytest.raises(FormatError):
        make("remap").inverse(x, side, Layout.of(x))


@pytest.mark.parametrize("code", [-513, 512, 32767, -32768])
def test_remap_refuses_codes_without_a_value(code: int) -> None:
    x = np.array([code], np.int16)
    with pytest.raises(FormatError, match="no value"):
        make("remap").inverse(x, b"\x01", Layout.of(x))


@pytest.mark.parametrize("coder", ["flac", "wavpack"])
def test_remap_makes_audio_codecs_work_on_real_recordings(coder: str, recordings: list[Path]) -> None:
    plain, mapped = get_codec(coder), get_codec(f"remap|{coder}")
    if reason := plain.unavailable():
        pytest.skip(reason)
    samples = [wav.read(path.read_bytes()).samples for path in recordings]
    sizes = [sum(len(built.encode(x)) for x in samples) for built in (plain, mapped)]
    assert sizes[1] < 0.5 * sizes[0]


# -- any signal, any side information --------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "dtype"), [(name, dtype) for name in NAMES for dtype in dtypes_of(name)])
def test_round_trip_of_extremes(name: str, dtype: str) -> None:
    limits = np.iinfo(dtype)
    rng = np.random.default_rng(6)
    for size in (1, 2, 3, 7, 8, 9, 1000, 1001):
        for x in (
            np.full(size, limits.min, dtype),
            np.full(size, limits.max, dtype),
            rng.choice(np.array([limits.min, limits.max], dtype), size),
            rng.integers(limits.min, limits.max, size, dtype=dtype, endpoint=True),
        ):
            round_trip(make(name), x)


@pytest.mark.parametrize("name", NAMES)
@given(x=signals(longest=3000))
def test_round_trip(name: str, x: np.ndarray) -> None:
    round_trip(make(name), x)


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_damage_is_survived(name: str, data: st.DataObject) -> None:
    stage = make(name)
    dtype = data.draw(st.sampled_from(dtypes_of(name)))
    survives(stage, *data.draw(damaged(stage, dtype)))


@pytest.mark.parametrize("name", ["haar", "legall53"])
@pytest.mark.parametrize("side", [b"", b"\x01\x01"])
def test_wavelets_refuse_side_information_of_another_length(name: str, side: bytes) -> None:
    x = np.zeros(9, np.int16)
    with pytest.raises(FormatError):
        make(name).inverse(x, side, Layout.of(x))
