"""Predictive filters against slow references, and on damaged side information."""

from __future__ import annotations

import zlib
from itertools import pairwise

import numpy as np
import pytest
from conftest import signal
from filters import damaged, make, round_trip, signals, survives
from hypothesis import given
from hypothesis import strategies as st

from n1codec import registry
from n1codec.codec import Filter, FormatError, Layout
from n1codec.native import SCRATCH, Kernel, KernelError, reads, writes
from n1codec.varint import Reader

NAMES = [n for n in registry.names() if registry.find(n).family == "predictive"]
NAMES = [n for n in NAMES if issubclass(registry.find(n), Filter)]


def wrap(value: int) -> int:
    return (value + 32768) % 65536 - 32768


def check_both_ways(stage: Filter, x: np.ndarray, expected: list[int]) -> None:
    y, _ = round_trip(stage, x)
    assert y.tolist() == expected


# -- references ------------------------------------------------------------------------------------------------------


def reference_delta(x: list[int], order: int) -> tuple[list[int], list[int]]:
    firsts = []
    for _ in range(order):
        firsts.append(x[0])
        x = [0] + [wrap(b - a) for a, b in pairwise(x)]
    return x, firsts


POLYNOMIALS = [[], [1], [2, -1], [3, -3, 1], [4, -6, 4, -1]]


def reference_fixed(x: list[int], block: int) -> tuple[list[int], list[int]]:
    def residual(i: int, order: int) -> int:
        taps = POLYNOMIALS[min(order, i)]
        return wrap(x[i] - sum(c * x[i - 1 - j] for j, c in enumerate(taps)))

    orders, y = [], []
    for start in range(0, len(x), block):
        indices = range(start, min(start + block, len(x)))
        costs = [sum(abs(residual(i, order)) for i in indices) for order in range(5)]
        orders.append(costs.index(min(costs)))
        y += [residual(i, orders[-1]) for i in indices]
    return y, orders


def reference_lpc(x: list[int], side: bytes) -> list[int]:
    """Return the residual of ``x`` under the predictors that ``side`` describes."""
    reader = Reader(side)
    block = reader.uint()
    bits = iter(np.unpackbits(np.frombuffer(reader.rest(), np.uint8), bitorder="little").tolist())

    def take(count: int) -> int:
        return sum(next(bits) << i for i in range(count))

    taps: list[int] = []
    shift, y = 0, []
    for start in range(0, len(x), block):
        if not take(1):
            taps, shift = [0] * take(6), 0
            if taps:
                shift, k = take(4), take(4)
                for j in range(len(taps)):
                    quotient = 0
                    while take(1):
                        quotient += 1
                    folded = quotient << k | take(k)
                    taps[j] = -(folded >> 1) - 1 if folded & 1 else folded >> 1
        for i in range(start, min(start + block, len(x))):
            total = sum(c * x[i - 1 - j] for j, c in enumerate(taps) if i - 1 - j >= 0)
            total = (total + (1 << shift >> 1) + 2**31) % 2**32 - 2**31
            y.append(wrap(x[i] - (total >> shift)))
    assert not any(bits)
    return y


def reference_slms(x: list[int], order: int, step: int) -> list[int]:
    limit = 32767 - 64
    weights, past, last, y = [0] * order, [0] * order, 0, []
    for i, sample in enumerate(x):
        total = (sum(w * d for w, d in zip(weights, past, strict=True)) + 4096 + 2**31) % 2**32 - 2**31
        difference = wrap(sample - last)
        error = wrap(difference - (total >> 13))
        y.append(error)
        gain = step * (4 if i < 2000 else 2 if i < 8000 else 1)
        for j in range(order):
            moved = weights[j] + gain * int(np.sign(error)) * int(np.sign(past[j]))
            weights[j] = max(-limit, min(limit, moved))
        past = [difference, *past[:-1]]
        last = sample
    return y


def reference_nlms(x: list[int], order: int, rate: int) -> list[int]:
    weights, past, last, y = [0] * order, [0] * order, 0, []
    for sample in x:
        total = sum(w * d for w, d in zip(weights, past, strict=True)) + (1 << 23)
        predicted = max(-32767, min(32767, total >> 24))
        difference = wrap(sample - last)
        error = wrap(difference - predicted)
        y.append(error)
        energy = 64 * order + 1 + sum(d * d for d in past)
        gain = abs(error) * (1 << (32 - rate)) // energy
        gain = min(gain, 1 << 40) * int(np.sign(error))
        for j in range(order):
            moved = weights[j] + ((gain * past[j] + 128) >> 8)
            weights[j] = max(-(1 << 30), min(1 << 30, moved))
        past = [difference, *past[:-1]]
        last = sample
    return y


def reference_kbit(x: list[int], bits: int) -> bytes:
    half = 1 << (bits - 1)
    text, last = "", 0
    for sample in x:
        difference = sample - last
        if abs(difference) < half:
            text = f"{difference + half:0{bits}b}" + text
        else:
            text = f"{sample % 65536:016b}" + "0" * bits + text
        last = sample
    return int(text, 2).to_bytes((len(text) + 7) // 8, "little")


def reference_rle(x: list[int], run: int, most: int) -> list[int]:
    kept: list[int] = []
    numbers: list[int] = []
    at = 0
    while at < len(x):
        same = 1
        while at + same < len(x) and x[at + same] == x[at] and same < run + most:
            same += 1
        kept += [x[at]] * min(same, run)
        if same >= run:
            numbers.append(same - run)
        at += same
    return kept + numbers


# -- each filter equals its reference --------------------------------------------------------------------------------


@given(x=signals(), order=st.integers(1, 3))
def test_delta(x: np.ndarray, order: int) -> None:
    y, side = round_trip(make("delta", order=order), x)
    expected, firsts = reference_delta(x.tolist(), order)
    assert y.tolist() == expected
    assert np.frombuffer(side, "<i2").tolist() == firsts


def test_delta_of_channels_is_each_channel_s_own() -> None:
    x = signal(100, 3)
    y, _ = round_trip(make("delta", order=2), x)
    for channel in range(3):
        assert np.array_equal(y[:, channel], make("delta", order=2).forward(x[:, channel])[0])


@given(x=signals(), block=st.sampled_from([16, 17, 64, 4096]))
def test_fixed(x: np.ndarray, block: int) -> None:
    y, side = round_trip(make("fixed", block=block), x)
    expected, orders = reference_fixed(x.tolist(), block)
    assert y.tolist() == expected
    packed = side[len(side) - -(-len(orders) // 3) :]
    assert [packed[i // 3] // 5 ** (i % 3) % 5 for i in range(len(orders))] == orders


@given(
    x=signals(longest=400),
    order=st.sampled_from([1, 2, 4, 5, 8, 9, 16, 17, 24, 25, 32]),
    block=st.sampled_from([64, 65, 128, 4096]),
    precision=st.sampled_from([5, 12, 15]),
)
def test_lpc(x: np.ndarray, order: int, block: int, precision: int) -> None:
    y, side = round_trip(make("lpc", order=order, block=block, precision=precision), x)
    assert y.tolist() == reference_lpc(x.tolist(), side)


def autoregression(frames: int, taps: list[float], seed: int = 3) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 50, frames)
    x = np.zeros(frames)
    for i in range(len(taps), frames):
        x[i] = noise[i] + sum(a * x[i - 1 - j] for j, a in enumerate(taps))
    return np.round(x).astype(np.int16)


def test_lpc_finds_the_innovations() -> None:
    x = autoregression(8000, [1.6, -1.1, 0.3])
    y, side = round_trip(make("lpc"), x)
    assert y.std() < 51
    assert len(side) < 20, "one set of coefficients serves all blocks of a stationary signal"


def test_lpc_changes_its_coefficients_with_the_signal() -> None:
    x = np.concatenate([autoregression(8192, [1.6, -0.9]), autoregression(8192, [-0.9])])
    y, _ = round_trip(make("lpc"), x)
    assert y[:8192].std() < 52
    assert y[8192:].std() < 52


@pytest.mark.parametrize(("order", "checksum"), [(4, 0xA5E4E0A7), (8, 0xDBE37682), (16, 0x6A5075D7), (32, 0x4710B505)])
def test_lpc_chooses_the_same_coefficients_everywhere(order: int, checksum: int) -> None:
    """Any choice can be decoded; whoever betters how it is made replaces the checksums, and looks at the ratios."""
    tones = zip((0.1, 0.4, 0.7, 1.1, 1.6, 2.0, 2.4, 2.9), (9000, 4000, 2000, 900, 5000, 300, 1000, 3000), strict=True)
    x = np.round(sum(size * np.sin(np.arange(9000) * step) for step, size in tones)).astype(np.int16)
    _, side = round_trip(make("lpc", order=order), x)
    assert zlib.crc32(side) == checksum


@given(x=signals(), order=st.sampled_from([1, 4, 8, 11, 16, 32]), step=st.sampled_from([1, 3, 16]))
def test_slms(x: np.ndarray, order: int, step: int) -> None:
    check_both_ways(make("slms", order=order, step=step), x, reference_slms(x.tolist(), order, step))


def test_slms_past_its_start() -> None:
    x = signal(9000)[:, 0] >> 6
    check_both_ways(make("slms", order=8), x, reference_slms(x.tolist(), 8, 3))


@given(x=signals(), order=st.sampled_from([1, 7, 16, 32, 128]), rate=st.sampled_from([1, 5, 16]))
def test_nlms(x: np.ndarray, order: int, rate: int) -> None:
    check_both_ways(make("nlms", order=order, rate=rate), x, reference_nlms(x.tolist(), order, rate))


def test_nlms_past_its_window() -> None:
    x = signal(3000)[:, 0] >> 6
    check_both_ways(make("nlms", order=16), x, reference_nlms(x.tolist(), 16, 5))


@pytest.mark.parametrize("name", ["lpc", "slms", "nlms", "fixed"])
def test_prediction_lowers_the_residual(name: str) -> None:
    x = signal(20_000)[:, 0] >> 6
    y, _ = round_trip(make(name), x)
    assert y[2000:].astype(float).var() < 0.7 * x[2000:].astype(float).var()


@given(x=signals(), bits=st.sampled_from(["4", "6", "8"]))
def test_kbit(x: np.ndarray, bits: str) -> None:
    y, _ = round_trip(make("kbit", bits=bits), x)
    assert y.tobytes() == reference_kbit(x.tolist(), int(bits))


@pytest.mark.parametrize("bits", [4, 6, 8])
def test_kbit_escapes_what_is_just_too_far(bits: int) -> None:
    """Differences at and beyond the largest of a code, from rail to rail, several escapes in a row, at every bit."""
    half = 1 << (bits - 1)
    steps = [0, half - 1, 1 - half, half, -half, half + 1, 65535, -65535, 65535, half - 1, 1 - half] * 9
    x = [-32768]
    for i, step in enumerate(steps):
        x.append(min(max(x[-1] + step, -32768), 32767))
        x += [x[-1]] * (i // 11 % 3)
    for first in range(4):
        samples = np.array(x[first:], np.int16)
        escapes = np.abs(np.diff(samples.astype(int), prepend=0)) >= half
        assert escapes.sum() > 20 and (escapes[1:] & escapes[:-1]).any() and not escapes.all()
        y, _ = round_trip(make("kbit", bits=str(bits)), samples)
        assert y.tobytes() == reference_kbit(samples.tolist(), bits)
        assert 8 * y.size >= samples.size * bits + 16 * escapes.sum() > 8 * y.size - 8


@pytest.mark.parametrize("bits", [4, 6, 8])
def test_kbit_refuses_bytes_that_do_not_end_where_they_should(bits: int) -> None:
    stage = make("kbit", bits=str(bits))
    x = np.arange(11, dtype=np.int16)
    y, side = stage.forward(x)
    for wrong in (y[:-1], np.append(y, np.uint8(0)), np.append(y[:-1], np.uint8(255))):
        with pytest.raises(FormatError):
            stage.inverse(wrong, side, Layout((x.size + (wrong.size == y.size and bits == 8),), x.dtype))


@given(x=signals(), run=st.sampled_from([1, 2, 4, 255]))
def test_rle(x: np.ndarray, run: int) -> None:
    y, _ = round_trip(make("rle", run=run), x)
    assert y.tolist() == reference_rle(x.tolist(), run, 65535)


@given(x=signals("int8", longest=1200), run=st.sampled_from([1, 4, 255]))
def test_rle_of_runs_longer_than_a_number(x: np.ndarray, run: int) -> None:
    y, _ = round_trip(make("rle", run=run), x)
    assert y.view(np.uint8).tolist() == [v % 256 for v in reference_rle(x.tolist(), run, 255)]


def test_rle_of_a_long_flat_signal() -> None:
    y, _ = round_trip(make("rle"), np.full(3_000_000, -7, np.int16))
    assert y.size < 300


# -- any signal, any side information --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
@given(x=signals(longest=5000))
def test_round_trip(name: str, x: np.ndarray) -> None:
    round_trip(make(name), x)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [1, 4095, 4096, 4097, 8191, 8192, 8193])
def test_round_trip_around_block_edges(name: str, size: int) -> None:
    rng = np.random.default_rng(size)
    round_trip(make(name), rng.integers(-32768, 32768, size).astype(np.int16))
    round_trip(make(name), np.full(size, -32768, np.int16))


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_damage_is_survived(name: str, data: st.DataObject) -> None:
    stage = make(name)
    survives(stage, *data.draw(damaged(stage)))


@pytest.mark.parametrize(
    ("name", "side"),
    [
        ("delta", b""),
        ("delta", bytes(8)),
        ("fixed", b"\x00" + bytes(4)),
        ("fixed", b"\x40\x7d"),
        ("lpc", b"\x00" + bytes(4)),
        ("lpc", b"\x40\x00\x00\x00"),
        ("lpc", b"\x40\x42"),
        ("lpc", b"\x40"),
        ("lpc", b"\x40\x02\x80"),  # ends within a coefficient
        ("slms", bytes([0, 3])),
        ("slms", bytes([33, 3])),
        ("slms", bytes([16, 17])),
        ("slms", b""),
        ("nlms", bytes([0, 5])),
        ("nlms", bytes([129, 5])),
        ("nlms", bytes([16, 0])),
        ("nlms", bytes([16, 17])),
        ("nlms", b"\x10"),
    ],
)
def test_wrong_side_information_is_refused(name: str, side: bytes) -> None:
    x = np.zeros(50, np.int16)
    with pytest.raises(FormatError):
        make(name).inverse(x, side, Layout.of(x))


@pytest.mark.parametrize("side", [b"", b"\x08", b"\x08\x01", b"\x09\x32", b"\x04\xff\xff\x7f", b"\x08\x32\x00"])
def test_kbit_refuses_a_length_that_cannot_be(side: bytes) -> None:
    with pytest.raises(FormatError):
        make("kbit").output(Layout((50,), np.dtype(np.int16)), side)


@pytest.mark.parametrize("side", [b"", b"\x00\x01\x00", b"\x04\x00\x00", b"\x04\x33\x00", b"\x04\x05\x06", bytes(9)])
def test_rle_refuses_numbers_that_cannot_be(side: bytes) -> None:
    with pytest.raises(FormatError):
        make("rle").output(Layout((50,), np.dtype(np.int16)), side)


def test_rle_refuses_runs_of_another_length() -> None:
    stage = make("rle")
    y, side = stage.forward(np.zeros(50, np.int16))
    with pytest.raises(FormatError):
        stage.inverse(y, side, Layout((51,), y.dtype))


@pytest.mark.parametrize(("order", "good"), [(-1, False), (0, True), (32, True), (33, False)])
def test_lpc_refuses_orders_that_there_are_not(order: int, good: bool) -> None:
    kernel = Kernel("n1c_lpc_encode", reads(np.int16), int, int, int, SCRATCH, writes(np.uint8), writes(np.int16))
    x = np.arange(500, dtype=np.int16)
    size = Kernel("n1c_lpc_encode_work_size", int, int)(x.size, 256)
    given = x, 256, order, 12, np.empty(size, np.uint8), np.empty(4096, np.uint8), np.empty_like(x)
    if good:
        assert kernel(*given) > 0
    else:
        with pytest.raises(KernelError, match="not allowed"):
            kernel(*given)
