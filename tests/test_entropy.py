"""The entropy coders against decoders in plain Python that share nothing with the kernels but the format."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from conftest import signal
from hypothesis import given
from hypothesis import strategies as st

from n1codec import registry
from n1codec.codec import Coder, FormatError, Layout

NAMES = ("huffman", "range", "rans", "arange", "rice")
STATIC = ("huffman", "range", "rans")
TABLE_BITS = 20


def coder(name: str) -> Coder:
    stage = registry.find(name)()
    assert isinstance(stage, Coder)
    return stage


def decode(name: str, payload: bytes, n: int) -> np.ndarray:
    return coder(name).decode(payload, Layout((n,), np.dtype(np.int16)))


# -- reference decoders ------------------------------------------------------------------------------------------------


class Arithmetic:
    """A range decoder that keeps the code and the range as exact integers."""

    def __init__(self, data: bytes) -> None:
        self.words = (int.from_bytes(data[i : i + 4].ljust(4, b"\0"), "big") for i in range(0, len(data) + 16, 4))
        self.range = 2**64 - 1
        self.code = next(self.words) << 32 | next(self.words)

    def narrow(self, skip: int, size: int) -> None:
        self.code, self.range = self.code - skip, size
        if size < 2**32:
            self.code, self.range = self.code << 32 | next(self.words), size << 32

    def slot(self, bits: int) -> int:
        return self.code // (self.range >> bits)

    def interval(self, start: int, size: int, bits: int) -> None:
        unit = self.range >> bits
        self.narrow(unit * start, unit * size)

    def uniform(self, bits: int) -> int:
        value = self.slot(bits)
        self.interval(value, 1, bits)
        return value

    def bit(self, counters: dict[Any, tuple[int, int]], key: Any, limit: int) -> int:
        """Decode a bit whose counter is (probability of a 1 in 2^-22, bits seen)."""
        p, seen = counters.get(key, (1 << 21, 0))
        one = (self.range >> 16) * (p >> 6 | 1)
        bit = int(self.code < one)
        self.narrow(0 if bit else one, one if bit else self.range - one)
        rate = 131072 // (2 * seen + 3)
        p += (2**22 - 1 - p) * rate >> 16 if bit else -(p * rate >> 16)
        counters[key] = p, min(seen + 1, max(limit, seen))
        return bit

    def tree(self, counters: dict[Any, tuple[int, int]], key: Any, bits: int, limit: int) -> int:
        path = 1
        for _ in range(bits):
            path = 2 * path + self.bit(counters, (key, path), limit)
        return path - (1 << bits)


def read_table(source: Arithmetic, exact: bool) -> tuple[list[int], list[int]]:
    """Return the symbols of a table (0..65535, -32768 is 0) and their weights."""
    counters: dict[Any, tuple[int, int]] = {}

    def number(key: Any) -> int:
        width = source.tree(counters, (key, "width"), 5, 60)
        if width < 2:
            return width
        if width <= 4:
            return (1 << width - 1) + source.tree(counters, (key, width), width - 1, 60)
        return (1 << width - 1) + source.uniform(width - 1)

    size = number("size") + 1
    symbols, weights = [source.uniform(16)], []
    if size == 1:
        return symbols, [1]
    older, newer, repeated, level, change = 1, 1, True, 0, 2
    for i in range(size):
        if i:
            repeated_before, repeated = repeated, bool(source.bit(counters, ("new", repeated), 60))
            if not repeated:
                swapped = source.bit(counters, ("old", repeated_before), 60)
                older, newer = newer, older if swapped else number("gap")
            symbols.append(symbols[-1] + newer)
        zigzag = number(("weight", min(abs(change), 2)))
        change = zigzag >> 1 if zigzag % 2 == 0 else -(zigzag + 1 >> 1)
        level += change
        kept = 0 if exact or level < 6 else (level - 4) // 2
        mantissa = (1 << kept) + (source.uniform(kept) if kept else 0)
        lost = level - 1 - kept
        weights.append(level if exact else int((mantissa + 0.5) * 2**lost) if lost else mantissa)
    return symbols, weights


def split_table(data: bytes) -> tuple[bytes, bytes]:
    length = shift = at = 0
    while True:
        length |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 0x80:
            return data[at : at + length], data[at + length :]


def intervals(weights: list[int]) -> list[tuple[int, int]]:
    """Return (start, size) of each weight in 2^20."""
    sizes = [1 + w * (2**TABLE_BITS - len(weights)) // sum(weights) for w in weights]
    sizes[weights.index(max(weights))] += 2**TABLE_BITS - sum(sizes)
    return [(sum(sizes[:i]), size) for i, size in enumerate(sizes)]


def reference_huffman(data: bytes, n: int) -> Iterator[int]:
    table, rest = split_table(data)
    symbols, lengths = read_table(Arithmetic(table), exact=True)
    if len(symbols) == 1:
        yield from (symbols[0] - 32768 for _ in range(n))
        return
    codes, code, last = {}, 0, 0
    for length, symbol in sorted(zip(lengths, symbols, strict=True)):
        code <<= length - last
        codes[f"{code:0{length}b}"] = symbol
        code, last = code + 1, length
    bits = iter("".join(f"{byte:08b}" for byte in rest))
    for _ in range(n):
        word = ""
        while word not in codes:
            word += next(bits)
        yield codes[word] - 32768


def reference_range(data: bytes, n: int) -> Iterator[int]:
    source = Arithmetic(data)
    symbols, weights = read_table(source, exact=False)
    table = intervals(weights)
    for _ in range(n):
        if len(symbols) == 1:
            yield symbols[0] - 32768
            continue
        slot = source.slot(TABLE_BITS)
        at = next(i for i, (start, size) in enumerate(table) if start <= slot < start + size)
        source.interval(*table[at], TABLE_BITS)
        yield symbols[at] - 32768


def reference_rans(data: bytes, n: int) -> Iterator[int]:
    head, rest = split_table(data)
    symbols, weights = read_table(Arithmetic(head), exact=False)
    table = intervals(weights)
    states = [int.from_bytes(rest[:8], "little"), int.from_bytes(rest[8:16], "little")]
    at = 16
    for i in range(n):
        if len(symbols) == 1:
            yield symbols[0] - 32768
            continue
        high, slot = divmod(states[i % 2], 2**TABLE_BITS)
        rank = next(r for r, (start, size) in enumerate(table) if start <= slot < start + size)
        start, size = table[rank]
        state = size * high + slot - start
        if state < 2**31:
            state = state << 32 | int.from_bytes(rest[at : at + 4], "little")
            at += 4
        states[i % 2] = state
        yield symbols[rank] - 32768


def unzigzag(u: int) -> int:
    return -(u + 1 >> 1) if u % 2 else u >> 1


def reference_arange(data: bytes, n: int) -> Iterator[int]:
    source, total = Arithmetic(data), 0
    counters: dict[Any, tuple[int, int]] = {}
    for _ in range(n):
        octave = total.bit_length()
        context = (octave, octave > 1 and total >> octave - 2 & 1)
        width = source.tree(counters, ("width", context), 5, 1000)
        u = width
        if width > 1:
            u = (1 << width - 1) + source.tree(counters, ("bits", width), width - 1, 1000)
        total += u - total // 4
        yield unzigzag(u)


def reference_rice(data: bytes, n: int) -> Iterator[int]:
    bits = "".join(f"{byte:08b}" for byte in data) + "0" * 16
    at = total = 0
    for _ in range(n):
        k = (total // 64).bit_length()
        if k >= 15:
            u, at = int(bits[at : at + 16], 2), at + 16
        elif bits.startswith("1" * 20, at):
            u, at = int(bits[at + 20 : at + 36], 2), at + 36
        else:
            zero = bits.index("0", at)
            u = int("0" + bits[zero + 1 : zero + 1 + k], 2) | zero - at << k
            at = zero + 1 + k
        total += u - total // 32
        yield unzigzag(u)


REFERENCE: dict[str, Callable[[bytes, int], Iterator[int]]] = {name: globals()[f"reference_{name}"] for name in NAMES}


def reference(name: str, payload: bytes, n: int) -> list[int]:
    if len(payload) == 2 * n:
        return np.frombuffer(payload, "<i2").tolist()
    return list(REFERENCE[name](payload, n))


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
    assert reference(name, coder(name).encode(x), x.size) == x.tolist()


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
    assert reference(name, payload, x.size) == x.tolist()


@pytest.mark.parametrize("name", NAMES)
def test_channels_come_back(name: str) -> None:
    x = signal(500, channels=3)
    if coder(name).per_channel:
        pytest.skip("takes one channel at a time")
    payload = coder(name).encode(x)
    np.testing.assert_array_equal(coder(name).decode(payload, Layout.of(x)), x)


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
    table, _ = split_table(coder("huffman").encode(x))
    return read_table(Arithmetic(table), exact=True)[1]


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
