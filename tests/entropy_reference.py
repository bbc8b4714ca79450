"""The entropy coders in plain Python, both ways: slow, and sharing nothing with the kernels but the format.

A model is one function for either direction. It is given a coder, which is told each value and returns it:
``Encoder`` codes what it is told, ``Decoder`` ignores that and returns what its bytes say, and ``Steered`` chooses the
values itself, such that a carry comes when the test wants one. Encoders count what happens to them, so that a test can
assert that its vectors reach each case.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np

SCALE = 20
"""Intervals of a static model are parts of 2^20."""
STORED = "stored as they are"

Counters = dict[Any, tuple[int, int]]


# -- the range coder ---------------------------------------------------------------------------------------------------


class Coder(Protocol):
    """What the models use of an encoder or a decoder."""

    def bit(self, counters: Counters, key: Any, limit: int, value: int = 0) -> int: ...
    def tree(self, counters: Counters, key: Any, bits: int, limit: int, value: int = 0) -> int: ...
    def uniform(self, bits: int, value: int = 0) -> int: ...
    def symbol(self, table: Sequence[tuple[int, int]], bits: int, rank: int = 0) -> int: ...


class _Bits:
    """What both directions share: adaptive bits on top of ``choose``, which takes one of two parts of the interval."""

    size: int

    def choose(self, one: int, value: int) -> int:
        raise NotImplementedError

    def bit(self, counters: Counters, key: Any, limit: int, value: int = 0) -> int:
        """Code a bit whose counter is (probability of a 1 in 2^-22, bits seen)."""
        p, seen = counters.get(key, (1 << 21, 0))
        bit = self.choose((self.size >> 16) * (p >> 6 | 1), value)
        rate = 131072 // (2 * seen + 3)
        p += (2**22 - 1 - p) * rate >> 16 if bit else -(p * rate >> 16)
        counters[key] = p, min(seen + 1, max(limit, seen))
        return bit

    def tree(self, counters: Counters, key: Any, bits: int, limit: int, value: int = 0) -> int:
        path = 1
        for i in reversed(range(bits)):
            path = 2 * path + self.bit(counters, (key, path), limit, value >> i & 1)
        return path - (1 << bits)


class Encoder(_Bits):
    """A range encoder whose interval begins at an integer of any length, so that carries need no thought.

    ``out`` bits leave it at a time once the interval is smaller than 2^``bottom``. A carry is one out of the lowest
    ``window`` bits, into what has left.
    """

    def __init__(self, low: int = 0, size: int = 2**64 - 1, window: int = 64, bottom: int = 32, out: int = 32) -> None:
        self.low, self.size, self.shifts = low, size, 0
        self.window, self.bottom, self.out = window, bottom, out
        self.events: Counter[str] = Counter()

    @property
    def bytes_out(self) -> int:
        return self.shifts * self.out // 8

    def narrow(self, skip: int, size: int) -> None:
        self._move(self.low + skip, "carry")
        self.size, shifts = size, 0
        while self.size < 1 << self.bottom:
            self.low, self.size, shifts = self.low << self.out, self.size << self.out, shifts + 1
        self.shifts += shifts
        self.events[f"shifts at once: {shifts}"] += 1

    def _move(self, low: int, what: str) -> None:
        before, self.low = self.low >> self.window, low
        if before == low >> self.window:
            return
        run = 0
        while before & 0xFF == 0xFF and run < self.bytes_out:
            before, run = before >> 8, run + 1
        self.events[f"{what} through {run}"] += 1

    def interval(self, start: int, size: int, bits: int) -> None:
        unit = self.size >> bits
        self.narrow(unit * start, unit * size)

    def uniform(self, bits: int, value: int = 0) -> int:
        self.interval(value, 1, bits)
        return value

    def choose(self, one: int, value: int) -> int:
        self.narrow(0 if value else one, one if value else self.size - one)
        return value

    def symbol(self, table: Sequence[tuple[int, int]], bits: int, rank: int = 0) -> int:
        self.interval(*table[rank], bits)
        return rank

    def end(self) -> bytes:
        """Return all bytes, the fewest that lead into the interval whatever follows as zeros."""
        for count in range(1, 9):
            bits = self.window - 8 * count
            value = -(-self.low >> bits) << bits
            if value - self.low < self.size:
                break
        self._move(value, "final carry")
        self.events[f"ends with {count}"] += 1
        return (value >> bits).to_bytes(self.bytes_out + count, "big")


class Steered(Encoder):
    """An encoder that goes where a carry will be.

    From ``aim`` on it chooses the values whose intervals hold a number that goes on with ``zeros`` bytes of zeros, and
    then a byte 0x80. The interval begins just below that number without the 0x80 and ends above it: the bytes that
    leave are 0xFF, until the byte 0x80 is reached, and the carry runs through all of them.
    """

    target = 0
    zeros = 0
    sign = 1
    since: int | None = None

    def aim(self, zeros: int, carry: bool = True) -> None:
        """Go for a carry through so many bytes of 0xFF; or, without, for as many of them that stay."""
        self.sign = 1 if carry else -1
        grain = 8 * zeros % self.out  # so that runs of every length come, not only of whole words
        self.target, self.zeros, self.since = (self.low + self.size // 3) >> grain << grain, zeros, self.bytes_out

    def place(self) -> int:
        """Return how far into the interval the number lies."""
        assert self.since is not None
        shift = self.bytes_out - self.since
        end = 0x80 << 8 * (shift - self.zeros - 1) if shift > self.zeros else 0
        return (self.target << 8 * shift) + self.sign * end - self.low

    def choose(self, one: int, value: int) -> int:
        return super().choose(one, value if self.since is None else int(self.place() < one))

    def uniform(self, bits: int, value: int = 0) -> int:
        slot = value if self.since is None else self.place() // (self.size >> bits)
        return super().uniform(bits, min(slot, (1 << bits) - 1))

    def symbol(self, table: Sequence[tuple[int, int]], bits: int, rank: int = 0) -> int:
        if self.since is not None:
            rank = rank_of(table, min(self.place() // (self.size >> bits), (1 << bits) - 1))
        return super().symbol(table, bits, rank)


class Decoder(_Bits):
    """A range decoder that keeps the code and the range as exact integers."""

    def __init__(self, data: bytes) -> None:
        self.words = (int.from_bytes(data[i : i + 4].ljust(4, b"\0"), "big") for i in range(0, len(data) + 16, 4))
        self.size = 2**64 - 1
        self.code = next(self.words) << 32 | next(self.words)

    def narrow(self, skip: int, size: int) -> None:
        self.code, self.size = self.code - skip, size
        if size < 2**32:
            self.code, self.size = self.code << 32 | next(self.words), size << 32

    def interval(self, start: int, size: int, bits: int) -> None:
        unit = self.size >> bits
        self.narrow(unit * start, unit * size)

    def uniform(self, bits: int, value: int = 0) -> int:
        value = self.code // (self.size >> bits)
        self.interval(value, 1, bits)
        return value

    def choose(self, one: int, value: int) -> int:
        bit = int(self.code < one)
        self.narrow(0 if bit else one, one if bit else self.size - one)
        return bit

    def symbol(self, table: Sequence[tuple[int, int]], bits: int, rank: int = 0) -> int:
        rank = rank_of(table, self.code // (self.size >> bits))
        self.interval(*table[rank], bits)
        return rank


def rank_of(table: Sequence[tuple[int, int]], slot: int) -> int:
    return bisect_right(table, (slot, 1 << SCALE)) - 1


# -- tables of static models -------------------------------------------------------------------------------------------


def code_table(
    coder: Coder, exact: bool, symbols: Sequence[int] = (0,), weights: Sequence[int] = (1,)
) -> tuple[list[int], list[int]]:
    """Code the symbols (0..65535, -32768 is 0) and their weights; return them as the decoder will see them."""
    counters: Counters = {}

    def number(key: Any, value: int) -> int:
        width = coder.tree(counters, (key, "width"), 5, 60, value.bit_length())
        if width < 2:
            return width
        top = 1 << width - 1
        if width <= 4:
            return top + coder.tree(counters, (key, width), width - 1, 60, value % top)
        return top + coder.uniform(width - 1, value % top)

    def given(values: Sequence[int], i: int) -> int:
        return values[i] if i < len(values) else 0

    size = number("size", len(symbols) - 1) + 1
    found, kept_weights = [coder.uniform(16, symbols[0])], []
    if size == 1:
        return found, [1]
    older, newer, repeated, level, change = 1, 1, True, 0, 2
    for i in range(size):
        if i:
            gap = given(symbols, i) - given(symbols, i - 1)
            repeated_before = repeated
            repeated = bool(coder.bit(counters, ("new", repeated), 60, int(gap == newer)))
            if not repeated:
                swapped = coder.bit(counters, ("old", repeated_before), 60, int(gap == older))
                older, newer = newer, older if swapped else number("gap", gap)
            found.append(found[-1] + newer)
        weight = given(weights, i)
        step = (weight if exact else weight.bit_length()) - level
        change = unzigzag(number(("weight", min(abs(change), 2)), zigzag(step) % 65536))
        level += change
        kept = 0 if exact or level < 6 else (level - 4) // 2
        lost = level - 1 - kept
        mantissa = (1 << kept) + (coder.uniform(kept, (weight >> max(lost, 0)) % (1 << kept)) if kept else 0)
        kept_weights.append(level if exact else int((mantissa + 0.5) * 2**lost) if lost else mantissa)
    return found, kept_weights


def intervals(weights: list[int]) -> list[tuple[int, int]]:
    """Return (start, size) of each weight in 2^20."""
    sizes = [1 + w * (2**SCALE - len(weights)) // sum(weights) for w in weights]
    sizes[weights.index(max(weights))] += 2**SCALE - sum(sizes)
    starts = np.concatenate([[0], np.cumsum(sizes)]).tolist()
    return list(zip(starts, sizes, strict=False))


def counted(x: Sequence[int]) -> tuple[list[int], list[int]]:
    """Return the symbols in samples, ascending, and their counts."""
    counts = Counter(sample + 32768 for sample in x)
    symbols = sorted(counts)
    return symbols, [counts[symbol] for symbol in symbols]


def put_table(table: bytes) -> bytes:
    length, out = len(table), bytearray()
    while length > 127:
        out.append(length & 127 | 128)
        length >>= 7
    return bytes([*out, length]) + table


def split_table(data: bytes) -> tuple[bytes, bytes]:
    length = shift = at = 0
    while True:
        length |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 0x80:
            return data[at : at + length], data[at + length :]


# -- the models --------------------------------------------------------------------------------------------------------


def zigzag(x: int) -> int:
    return -2 * x - 1 if x < 0 else 2 * x


def unzigzag(u: int) -> int:
    return -(u + 1 >> 1) if u % 2 else u >> 1


def code_adaptive(coder: Coder, n: int, x: Sequence[int] = ()) -> Iterator[int]:
    """Code n samples as arange does; without samples they are what the coder says."""
    total = 0
    counters: Counters = {}
    for i in range(n):
        u = zigzag(x[i]) if x else 0
        octave = total.bit_length()
        context = (octave, octave > 1 and total >> octave - 2 & 1)
        width = coder.tree(counters, ("width", context), 5, 1000, u.bit_length())
        rest = u
        u = width
        if width > 1:
            top = 1 << width - 1
            u = top + coder.tree(counters, ("bits", width), width - 1, 1000, rest % top)
        total += u - total // 4
        yield unzigzag(u)


def decode_arange(data: bytes, n: int) -> Iterator[int]:
    return code_adaptive(Decoder(data), n)


def encode_arange(x: list[int]) -> tuple[bytes, Counter[str]]:
    encoder = Encoder()
    assert list(code_adaptive(encoder, len(x), x)) == x
    return encoder.end(), encoder.events


def decode_range(data: bytes, n: int) -> Iterator[int]:
    source = Decoder(data)
    symbols, weights = code_table(source, exact=False)
    table = intervals(weights)
    for _ in range(n):
        yield symbols[source.symbol(table, SCALE) if len(symbols) > 1 else 0] - 32768


def encode_range(x: list[int]) -> tuple[bytes, Counter[str]]:
    encoder = Encoder()
    symbols, weights = code_table(encoder, False, *counted(x))
    table = intervals(weights)
    rank = {symbol: i for i, symbol in enumerate(symbols)}
    for sample in x if len(symbols) > 1 else ():
        encoder.symbol(table, SCALE, rank[sample + 32768])
    return encoder.end(), encoder.events


def decode_rans(data: bytes, n: int) -> Iterator[int]:
    head, rest = split_table(data)
    symbols, weights = code_table(Decoder(head), exact=False)
    table = intervals(weights)
    states = [int.from_bytes(rest[:8], "little"), int.from_bytes(rest[8:16], "little")]
    at = 16
    for i in range(n):
        if len(symbols) == 1:
            yield symbols[0] - 32768
            continue
        high, slot = divmod(states[i % 2], 2**SCALE)
        rank = rank_of(table, slot)
        start, size = table[rank]
        state = size * high + slot - start
        if state < 2**31:
            state = state << 32 | int.from_bytes(rest[at : at + 4], "little")
            at += 4
        states[i % 2] = state
        yield symbols[rank] - 32768


def encode_rans(x: list[int]) -> tuple[bytes, Counter[str]]:
    coder = Encoder()
    symbols, weights = code_table(coder, False, *counted(x))
    events = Counter({f"table: {what}": count for what, count in coder.events.items()})
    out = put_table(coder.end())
    if len(symbols) == 1:
        return out, events
    table = intervals(weights)
    rank = {symbol: i for i, symbol in enumerate(symbols)}
    states, words = [1 << 31, 1 << 31], b""
    for i in reversed(range(len(x))):
        start, size = table[rank[x[i] + 32768]]
        state = states[i % 2]
        bound = size << 63 - SCALE
        events[f"state {i % 2} at its bound"] += state == bound
        if state >= bound:
            words = (state % 2**32).to_bytes(4, "little") + words
            state >>= 32
            events[f"word of state {i % 2}"] += 1
        states[i % 2] = (state // size << SCALE) + state % size + start
    events["states of 8 bytes"] += sum(state >> 56 > 0 for state in states)
    return out + b"".join(state.to_bytes(8, "little") for state in states) + words, events


LONGEST_CODE = 20


def code_lengths(counts: list[int]) -> list[int]:
    """Return the lengths of the best code of at most 20 bits: the coin collector's problem, with packages as lists.

    Of a symbol and a package of the same count, the symbol is taken first.
    """
    order = sorted(range(len(counts)), key=lambda rank: counts[rank])
    leaves = [(counts[rank], [rank]) for rank in order]
    items = leaves
    for _ in range(LONGEST_CODE - 1):
        pairs = [(a[0] + b[0], a[1] + b[1]) for a, b in zip(items[::2], items[1::2], strict=False)]
        items = sorted(leaves + pairs, key=lambda item: item[0])
    lengths = [0] * len(counts)
    for _, ranks in items[: 2 * len(counts) - 2]:
        for rank in ranks:
            lengths[rank] += 1
    return lengths


def canonical(symbols: list[int], lengths: list[int]) -> dict[int, str]:
    """Return the code of each symbol as text of 0 and 1."""
    codes, code, last = {}, 0, 0
    for length, symbol in sorted(zip(lengths, symbols, strict=True)):
        code <<= length - last
        codes[symbol] = f"{code:0{length}b}"
        code, last = code + 1, length
    return codes


def decode_huffman(data: bytes, n: int) -> Iterator[int]:
    table, rest = split_table(data)
    symbols, lengths = code_table(Decoder(table), exact=True)
    if len(symbols) == 1:
        yield from (symbols[0] - 32768 for _ in range(n))
        return
    symbol = {code: symbol for symbol, code in canonical(symbols, lengths).items()}
    bits = iter("".join(f"{byte:08b}" for byte in rest))
    for _ in range(n):
        word = ""
        while word not in symbol:
            word += next(bits)
        yield symbol[word] - 32768


def encode_huffman(x: list[int]) -> tuple[bytes, Counter[str]]:
    symbols, counts = counted(x)
    coder = Encoder()
    lengths = code_lengths(counts) if len(symbols) > 1 else [1]
    code_table(coder, True, symbols, lengths)
    events = Counter({f"table: {what}": count for what, count in coder.events.items()})
    codes = canonical(symbols, lengths)
    words = [codes[sample + 32768] for sample in x] if len(symbols) > 1 else []
    events.update(f"code of {len(word)} bits" for word in words)
    return put_table(coder.end()) + bits_to_bytes("".join(words)), events


def bits_to_bytes(text: str) -> bytes:
    """Return the bits, the highest of each byte first, the last byte filled up with zeros."""
    text += "0" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big") if text else b""


def decode_rice(data: bytes, n: int) -> Iterator[int]:
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


def encode_rice(x: list[int]) -> tuple[bytes, Counter[str]]:
    words, total = [], 0
    events: Counter[str] = Counter()
    for sample in x:
        u = zigzag(sample)
        k = (total // 64).bit_length()
        ones = u >> k
        events[f"parameter {k}"] += 1
        if k >= 15:
            words.append(f"{u:016b}")
        elif ones < 20:
            events[f"{ones} ones"] += 1
            words.append("1" * ones + "0" + (f"{u % (1 << k):0{k}b}" if k else ""))
        else:
            events["escape"] += 1
            words.append("1" * 20 + f"{u:016b}")
        total += u - total // 32
    return bits_to_bytes("".join(words)), events


NAMES = ("huffman", "range", "rans", "arange", "rice")
DECODE: dict[str, Callable[[bytes, int], Iterator[int]]] = {name: globals()[f"decode_{name}"] for name in NAMES}
ENCODE: dict[str, Callable[[list[int]], tuple[bytes, Counter[str]]]] = {n: globals()[f"encode_{n}"] for n in NAMES}


def decode(name: str, payload: bytes, n: int) -> list[int]:
    """Return the n samples of a coder's payload."""
    if len(payload) == 2 * n:
        return np.frombuffer(payload, "<i2").tolist()
    return list(DECODE[name](payload, n))


def encode(name: str, x: np.ndarray) -> tuple[bytes, Counter[str]]:
    """Return the payload that a coder makes of int16 samples, shape (n,), and what happened on the way."""
    payload, events = ENCODE[name](x.tolist())
    if len(payload) >= 2 * x.size:
        return x.astype("<i2").tobytes(), Counter({STORED: 1})
    return payload.ljust(x.size // 65536, b"\0"), events
