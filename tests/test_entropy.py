"""The entropy coders against those in plain Python that share nothing with the kernels but the format."""

from __future__ import annotations

import heapq
from collections import Counter
from typing import Any

import entropy_reference as reference
import numpy as np
import pytest
from conftest import signal
from entropy_reference import NAMES
from hypothesis import given
from hypothesis import strategies as st

from n1codec import registry
from n1codec.codec import Coder, FormatError, Layout

STATIC = ("huffman", "range", "rans")


def coder(name: str) -> Coder:
    stage = registry.find(name)()
    assert isinstance(stage, Coder)
    return stage


def decode(name: str, payload: bytes, n: int) -> np.ndarray:
    return coder(name).decode(payload, Layout((n,), np.dtype(np.int16)))


# -- samples -----------------------------------------------------------------------------------------------------------


def fibonacci_counts(terms: int, most: int = 1 << 62) -> np.ndarray:
    counts = [1, 1]
    while len(counts) < terms:
        counts.append(min(counts[-1] + counts[-2], most))
    return np.array(counts)


def skewed(terms: int) -> np.ndarray:
    """Samples whose Huffman code would need ``terms`` - 1 bits."""
    values = np.arange(terms, dtype=np.int16) * 321 - 5000
    return np.random.default_rng(terms).permutation(np.repeat(values, fibonacci_counts(terms)))


def loud_then_quiet() -> np.ndarray:
    rng = np.random.default_rng(5)
    return np.concatenate([rng.normal(0, 2000, 4000), rng.normal(0, 3, 4000)]).astype(np.int16)


RNG = np.random.default_rng(7)
SAMPLES = {
    "one": np.array([-32768], np.int16),
    "two": np.array([5, -5], np.int16),
    "constant": np.full(1000, -7, np.int16),
    "long constant": np.full(5 * 65536 + 1, 32767, np.int16),
    "alternating extremes": np.tile(np.array([-32768, 32767], np.int16), 700),
    "outlier": np.where(np.arange(3000) == 1234, 32767, 0).astype(np.int16),
    "full alphabet": np.arange(-32768, 32768).astype(np.int16),
    "full alphabet, uneven": np.concatenate([np.arange(-32768, 32768), np.full(200_000, 9)]).astype(np.int16),
    "noise": RNG.integers(-32768, 32768, 5000).astype(np.int16),
    "residual": RNG.normal(0, 20, 5000).astype(np.int16),
    "heavy tails": np.clip(RNG.standard_cauchy(5000) * 5, -32768, 32767).astype(np.int16),
    "stretched codes": signal(5000)[:, 0],
    "loud, then quiet": loud_then_quiet(),
    "ramp": (np.arange(5000) % 300).astype(np.int16),
    "skewed": skewed(18),
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", SAMPLES)
def test_round_trip(name: str, kind: str) -> None:
    x = SAMPLES[kind]
    payload = coder(name).encode(x)
    np.testing.assert_array_equal(decode(name, payload, x.size), x)
    assert x.size // 65536 <= len(payload) <= 2 * x.size


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", [kind for kind, x in SAMPLES.items() if x.size <= 10_000])
def test_reference_decodes_the_same(name: str, kind: str) -> None:
    x = SAMPLES[kind]
    assert reference.decode(name, coder(name).encode(x), x.size) == x.tolist()


@st.composite
def arrays(draw: st.DrawFn) -> np.ndarray:
    n = draw(st.integers(1, 400))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    low, high = sorted((draw(st.integers(-32768, 32767)), draw(st.integers(-32768, 32767))))
    step = draw(st.sampled_from((1, 1, 7, 64)))
    x = rng.integers(low, high + 1, n)
    if draw(st.booleans()):
        x = (rng.standard_cauchy(n) * draw(st.sampled_from((0.1, 3, 300)))).round() * step
    elif draw(st.booleans()):
        x = np.cumsum(rng.integers(-1, 2, n)) * step
    return np.clip(x, -32768, 32767).astype(np.int16)


@pytest.mark.parametrize("name", NAMES)
@given(x=arrays())
def test_any_samples_and_the_reference(name: str, x: np.ndarray) -> None:
    payload = coder(name).encode(x)
    np.testing.assert_array_equal(decode(name, payload, x.size), x)
    assert reference.decode(name, payload, x.size) == x.tolist()


@pytest.mark.parametrize("name", NAMES)
def test_channels_come_back(name: str) -> None:
    x = signal(500, channels=3)
    if coder(name).per_channel:
        pytest.skip("takes one channel at a time")
    payload = coder(name).encode(x)
    np.testing.assert_array_equal(coder(name).decode(payload, Layout.of(x)), x)


# -- what is rare ------------------------------------------------------------------------------------------------------
# Each vector forces something that hardly ever happens; the reference counts it, and the bytes must be the same.


def same_bytes(name: str, x: np.ndarray) -> Counter[str]:
    """Check that the kernel writes what the reference writes and reads it back; return what happened on the way."""
    expected, events = reference.encode(name, x)
    payload = coder(name).encode(x)
    assert payload == expected
    np.testing.assert_array_equal(decode(name, payload, x.size), x)
    return events


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", [kind for kind, x in SAMPLES.items() if x.size <= 10_000])
def test_the_reference_writes_the_same_bytes(name: str, kind: str) -> None:
    same_bytes(name, SAMPLES[kind][:1500])


class _Aiming:
    """A coder that goes for a carry when so many samples were coded."""

    def __init__(self, samples: int, zeros: int) -> None:
        self.steered, self.samples, self.zeros = reference.Steered(), samples, zeros

    def tree(self, counters: reference.Counters, key: Any, bits: int, limit: int, value: int = 0) -> int:
        if key[0] == "width":
            self.samples -= 1
            if self.samples == -1:
                self.steered.aim(self.zeros)
        return self.steered.tree(counters, key, bits, limit, value)


def carrying_arange(zeros: int, steps: int) -> np.ndarray:
    """Samples of which arange has a carry through about ``zeros`` bytes of 0xFF, or is ended before it."""
    quiet = [3, -2, 0, 1, 5, -4, 2, 0, -1, 1] * 14
    for samples in range(100, len(quiet)):
        x = list(reference.code_adaptive(_Aiming(samples, zeros), samples + steps, quiet[:samples] + [0] * steps))
        if all(abs(sample) < 32768 for sample in x):
            return np.array(x, np.int16)
    raise AssertionError("no such samples were found")


def carrying_range(zeros: int) -> np.ndarray:
    """Samples of which range has a carry through about ``zeros`` bytes of 0xFF."""
    symbols, counts = [32768 + 7 * i for i in range(64)], [40] * 64
    steered = reference.Steered()
    _, weights = reference.code_table(steered, False, symbols, counts)
    table = reference.intervals(weights)
    left = Counter(dict(enumerate(counts)))
    x = []
    for i in range(30 + 3 * zeros):
        if i == 10:
            steered.aim(zeros)
        rank = steered.symbol(table, reference.SCALE, i % 64)
        x.append(7 * rank)
        left[rank] -= 1
    assert min(left.values()) >= 0
    return np.array(x + [7 * rank for rank in left.elements()], np.int16)


@pytest.mark.parametrize("name", ["range", "arange"])
def test_carries_run_back_through_what_is_written(name: str) -> None:
    events = Counter[str]()
    for zeros in range(4, 21):
        x = carrying_range(zeros) if name == "range" else carrying_arange(zeros, 3 * zeros + 45)
        events += same_bytes(name, x)
    assert {f"carry through {run}" for run in (0, 4, 5, 6, 7, 8, 10, 11, 13, 14)} <= set(events)


def test_the_last_carry_comes_at_the_end() -> None:
    events = Counter[str]()
    for zeros in (60, 61, 62, 63):
        x = carrying_arange(zeros, 110)
        for size in (*range(zeros - 59, 100, 4), *range(x.size - 90, x.size, 3)):
            events += same_bytes("arange", x[:size])
    assert {f"final carry through {run}" for run in range(25)} <= set(events)
    assert {f"ends with {count}" for count in range(1, 5)} <= set(events)


# Two symbols of the same number: each takes one bit of a state, and the last 31 of each lane fill it up to its bound
# exactly, where the next one is another.
HALVES = np.repeat(np.array([1, -1], np.int16), 62)


@pytest.mark.parametrize("x", [HALVES, np.tile(HALVES, 3), np.append(HALVES, np.int16([1, -1]))[:-1]])
def test_rans_at_the_bounds_of_its_states(x: np.ndarray) -> None:
    events = same_bytes("rans", x)
    if not x.size % 2:
        assert events["state 0 at its bound"] and events["state 1 at its bound"]
        assert events["word of state 0"] and events["word of state 1"]


def test_rans_refuses_states_that_no_encoder_leaves() -> None:
    """An encoder that kept its last word would leave a state of 2^63 or more, from which the same samples come."""
    x = np.repeat(np.array([1, -1], np.int16), 64)
    payload = coder("rans").encode(x)
    at, half = 1 + payload[0], 1 << 19
    words = payload[at + 16 :]
    for lane in range(2):
        states = [int.from_bytes(payload[at + 8 * i : at + 8 * i + 8], "little") for i in range(2)]
        before = states[lane] // (2 * half) * half + states[lane] % half
        before = before << 32 | int.from_bytes(words[4 * lane : 4 * lane + 4], "little")
        states[lane] = before // half * 2 * half + before % half + half
        assert states[lane] >> 63 == 1
        kept = words[: 4 * lane] + words[4 * lane + 4 :]
        forged = payload[:at] + b"".join(state.to_bytes(8, "little") for state in states) + kept
        assert attempt("rans", forged, x.size) is None


def test_rans_has_a_carry_in_its_table_and_states_of_any_size() -> None:
    events = Counter[str]()
    for seed in range(60):
        rng = np.random.default_rng(seed)
        x = rng.normal(0, rng.integers(1, 400), 120).astype(np.int16)
        events += same_bytes("rans", x)
        same_bytes("huffman", x)
    assert {"table: carry through 0", "states of 8 bytes"} <= set(+events)


def test_huffman_codes_of_every_length() -> None:
    """Codes of one look-up and longer ones, the longest limited to 20 bits."""
    events = same_bytes("huffman", skewed(25))
    assert {f"code of {bits} bits" for bits in (2, 10, 11, 12, 13, 18, 19, 20)} <= set(events)
    assert "code of 21 bits" not in events
    events = same_bytes("huffman", skewed(18))
    assert {f"code of {bits} bits" for bits in range(1, 18)} <= set(events)


@pytest.mark.parametrize("ahead", range(1, 9))
def test_huffman_codes_of_most_bits_in_a_row(ahead: int) -> None:
    """The rarest samples lie together, behind bits that bring their codes to any place in a byte."""
    counts = np.concatenate([np.ones(8, np.int64), 8 * fibonacci_counts(18)[1:]])
    x = np.repeat(np.arange(25, dtype=np.int16), counts)
    assert code_lengths(x).count(20) == 8
    x = np.concatenate([x[-ahead:], x[:-ahead]])
    assert np.array_equal(decode("huffman", coder("huffman").encode(x), x.size), x)


@pytest.mark.parametrize("seed", range(12))
def test_huffman_packages_of_equal_counts(seed: int) -> None:
    """Where counts are equal, which is taken first decides about the lengths."""
    rng = np.random.default_rng(seed)
    counts = rng.choice([1, 1, 2, 2, 3, 4, 8, 500, 40_000], 40)
    same_bytes("huffman", np.repeat(np.arange(40, dtype=np.int16), counts))


def test_rice_with_every_parameter_and_escapes() -> None:
    events = Counter[str]()
    levels = [0, 1, 2, 3, 5, 9, 17, 33, 65, 129, 257, 600, 1200, 2400, 4800, 9600, 19200, 32767]
    for up in (levels, levels[::-1]):
        x = np.repeat(np.array(up, np.int16), 60)
        x[::2] *= -1
        events += same_bytes("rice", np.concatenate([x, np.zeros(4000, np.int16)]))
    jumps = [sample for ones in (18, 19, 20, 21) for sample in (*(0,) * 300, reference.unzigzag(ones))]
    events += same_bytes("rice", np.array(jumps, np.int16))
    events += same_bytes("rice", np.array([0] * 99 + [-32768] + [0] * 99 + [32767], np.int16))
    assert {*(f"parameter {k}" for k in range(16)), "escape", "0 ones", "18 ones", "19 ones"} <= set(events)


@pytest.mark.parametrize("name", NAMES)
def test_what_would_grow_is_stored(name: str) -> None:
    x = np.random.default_rng(8).integers(-32768, 32768, 300).astype(np.int16)
    assert same_bytes(name, x) == {reference.STORED: 1}
    for size in range(1, 30):
        same_bytes(name, x[:size])


# -- size --------------------------------------------------------------------------------------------------------------


def entropy_bytes(x: np.ndarray) -> float:
    counts = np.unique(x, return_counts=True)[1]
    return float(-(counts * np.log2(counts / counts.sum())).sum() / 8)


@pytest.mark.parametrize("name", STATIC)
def test_tables_are_small(name: str) -> None:
    x = signal(100_000)[:, 0]
    size = len(coder(name).encode(x))
    if name == "huffman":
        assert size <= 1.007 * entropy_bytes(x) + len(np.unique(x)) * 0.6 + 16
    else:
        assert size <= entropy_bytes(x) + len(np.unique(x)) * 0.8 + 32


@pytest.mark.parametrize("name", NAMES)
def test_noise_never_grows(name: str) -> None:
    x = np.random.default_rng(3).integers(-32768, 32768, 50_000).astype(np.int16)
    assert len(coder(name).encode(x)) == x.nbytes


def test_adaptive_coder_follows_the_scale() -> None:
    x = loud_then_quiet()
    assert len(coder("arange").encode(x)) < 0.9 * len(coder("range").encode(x))


def test_adaptive_coder_is_close_to_the_entropy_of_a_residual() -> None:
    x = np.random.default_rng(4).normal(0, 8, 100_000).astype(np.int16)
    assert len(coder("arange").encode(x)) < 1.006 * entropy_bytes(x)


@pytest.mark.parametrize("scale", [0.5, 3, 20, 150, 1000])
def test_rice_is_close_to_the_entropy_of_a_residual(scale: float) -> None:
    x = np.random.default_rng(6).laplace(0, scale, 100_000).round().clip(-32768, 32767).astype(np.int16)
    assert len(coder("rice").encode(x)) < 1.06 * entropy_bytes(x) + 1000


# -- the Huffman code --------------------------------------------------------------------------------------------------


def code_lengths(x: np.ndarray) -> list[int]:
    table, _ = reference.split_table(coder("huffman").encode(x))
    return reference.code_table(reference.Decoder(table), exact=True)[1]


def huffman_cost(counts: list[int]) -> int:
    heap = list(counts)
    heapq.heapify(heap)
    cost = 0
    while len(heap) > 1:
        joint = heapq.heappop(heap) + heapq.heappop(heap)
        cost += joint
        heapq.heappush(heap, joint)
    return cost


def limited_cost(counts: list[int], limit: int) -> int:
    """Cost of the best code of at most ``limit`` bits: the coin collector's problem, with packages as lists."""
    leaves = sorted((count, [symbol]) for symbol, count in enumerate(counts))
    items = leaves
    for _ in range(limit - 1):
        pairs = [(a[0] + b[0], a[1] + b[1]) for a, b in zip(items[::2], items[1::2], strict=False)]
        items = sorted(leaves + pairs)
    return sum(count for count, _ in items[: 2 * len(counts) - 2])


@given(x=arrays())
def test_huffman_code_is_optimal(x: np.ndarray) -> None:
    counts = np.unique(x, return_counts=True)[1].tolist()
    if len(coder("huffman").encode(x)) == x.nbytes or len(counts) == 1:
        return
    lengths = code_lengths(x)
    assert sum(n * length for n, length in zip(counts, lengths, strict=True)) == huffman_cost(counts)


def test_huffman_lengths_are_limited_at_the_least_cost() -> None:
    x = skewed(25)
    lengths = code_lengths(x)
    counts = fibonacci_counts(25).tolist()
    assert huffman_cost(counts) < limited_cost(counts, 20)
    assert max(lengths) == 20
    assert sum(2 ** (20 - length) for length in lengths) == 2**20
    assert sum(n * length for n, length in zip(counts, lengths, strict=True)) == limited_cost(counts, 20)
    np.testing.assert_array_equal(decode("huffman", coder("huffman").encode(x), x.size), x)


# -- damage ------------------------------------------------------------------------------------------------------------


def attempt(name: str, payload: bytes, n: int) -> np.ndarray | None:
    """Return what comes out of a damaged payload, None if it is refused; anything else fails the test."""
    try:
        x = decode(name, payload, n)
    except FormatError:
        return None
    assert x.shape == (n,)
    assert x.dtype == np.int16
    return x


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["residual", "stretched codes", "constant", "two", "alternating extremes"])
def test_truncated(name: str, kind: str) -> None:
    x = SAMPLES[kind][:600]
    payload = coder(name).encode(x)
    wrong = [end for end in range(len(payload)) if np.array_equal(attempt(name, payload[:end], x.size), x)]
    assert not [end for end in wrong if any(payload[end:])]  # zeros at the end may go
    if 8 < len(payload) < x.nbytes:
        assert attempt(name, payload[: len(payload) // 3], x.size) is None


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_refused(name: str) -> None:
    with pytest.raises(FormatError):
        decode(name, b"", 5)


@pytest.mark.parametrize("name", NAMES)
def test_flipped_bits(name: str) -> None:
    x = SAMPLES["stretched codes"][:800]
    payload = coder(name).encode(x)
    for bit in range(0, 8 * len(payload), 3):
        damaged = bytearray(payload)
        damaged[bit // 8] ^= 1 << bit % 8
        attempt(name, bytes(damaged), x.size)


@pytest.mark.parametrize("name", NAMES)
@given(data=st.binary(max_size=200), n=st.integers(1, 5000))
def test_any_bytes(name: str, data: bytes, n: int) -> None:
    attempt(name, data, n)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n", [1 << 20, 1 << 31, 1 << 40])
def test_few_bytes_cannot_claim_many_samples(name: str, n: int) -> None:
    for x in (np.zeros(100, np.int16), SAMPLES["residual"][:10]):
        with pytest.raises((FormatError, MemoryError)):
            decode(name, coder(name).encode(x)[:15], n)


@pytest.mark.parametrize("name", STATIC)
def test_another_count_is_refused_or_safe(name: str) -> None:
    x = SAMPLES["residual"]
    payload = coder(name).encode(x)
    assert attempt(name, payload, 2 * x.size) is None
    attempt(name, payload, x.size - 1)


def test_rans_ends_where_it_began() -> None:
    x = SAMPLES["residual"]
    payload = coder("rans").encode(x)
    for n in (x.size - 1, x.size + 1):
        assert attempt("rans", payload, n) is None
    refused = 0
    for at in range(len(payload) - 200, len(payload)):
        damaged = bytearray(payload)
        damaged[at] ^= 0x10
        refused += attempt("rans", bytes(damaged), x.size) is None
    assert refused >= 190  # the others are what the encoder makes of other samples
