"""A slow reader of .n1c files in plain Python, written from docs/format.md.

Of other people's coders it knows those of Python's library and Zstandard.
"""

from __future__ import annotations

import bz2
import json
import lzma
import struct
import zlib
from dataclasses import dataclass

import zstandard

RATES = (19531, 8000, 10000, 11025, 12500, 15000, 16000, 20000, 22050, 24000, 24414, 25000, 30000, 32000, 44100, 48000,
         50000, 96000, 192000, 1000, 1250, 2000, 2500, 40000)  # fmt: skip
DTYPES = ("uint8", "int16", "int24", "int32", "int8", "uint16", "uint32", "int64", "uint64", "float16", "float32",
          "float64")  # fmt: skip
ALL = {name for name in DTYPES if "int" in name and name != "int24"}
ANY = {*ALL, *DTYPES}
LETTERS = {"float16": "e", "float32": "f", "float64": "d"}


class Cursor:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        assert self.at + count <= len(self.data)
        self.at += count
        return self.data[self.at - count : self.at]

    def u8(self) -> int:
        return self.take(1)[0]

    def uint(self) -> int:
        value = shift = 0
        while True:
            byte = self.u8()
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def signed(self) -> int:
        return unzigzag(self.uint())

    def bytes(self) -> bytes:
        return self.take(self.uint())

    def rest(self) -> bytes:
        return self.take(len(self.data) - self.at)


def unzigzag(u: int) -> int:
    return -(u + 1) // 2 if u & 1 else u // 2


def wrap(value: int, kind: str) -> int:
    """Return a number modulo the width of a dtype, in the dtype's range."""
    bits = width(kind) * 8
    value %= 1 << bits
    return value - (1 << bits) if kind[0] == "i" and value >> (bits - 1) else value


def width(kind: str) -> int:
    return int(kind.lstrip("uintfloa")) // 8


@dataclass
class Array:
    """Samples in the order of the file; ``channels`` is 0 of a flat array."""

    values: list
    channels: int
    kind: str


@dataclass
class Form:
    size: int
    channels: int
    kind: str


# -- filters: (dtypes, for one channel, has side information, layout of the output, inverse) --------------------------


def same(form: Form, side: bytes) -> Form:
    return form


def undelta(y: list, side: bytes, form: Form) -> list:
    columns = form.channels or 1
    wide = width(form.kind)
    firsts = [wrap(int.from_bytes(side[i : i + wide], "little"), form.kind) for i in range(0, len(side), wide)]
    for order in reversed(range(len(firsts) // columns)):
        y = firsts[order * columns : (order + 1) * columns] + y[columns:]
        for i in range(columns, len(y)):
            y[i] = wrap(y[i] + y[i - columns], form.kind)
    return y


def unfixed(y: list, side: bytes, form: Form) -> list:
    cursor = Cursor(side)
    block, orders = cursor.uint(), cursor.rest()
    taps = ([], [1], [2, -1], [3, -3, 1], [4, -6, 4, -1])
    x: list = []
    for i, residual in enumerate(y):
        b = i // block
        order = orders[b // 3] // 5 ** (b % 3) % 5
        x.append(wrap(residual + sum(c * x[i - 1 - j] for j, c in enumerate(taps[min(i, order)])), "int16"))
    return x


def bits_up(data: bytes):
    at = 0

    def get(count: int) -> int:
        nonlocal at
        value = 0
        for i in range(count):
            value |= (data[at >> 3] >> (at & 7) & 1) << i
            at += 1
        return value

    return get


def unlpc(y: list, side: bytes, form: Form) -> list:
    cursor = Cursor(side)
    block = cursor.uint()
    get = bits_up(cursor.rest())
    shift, taps, x = 0, [], []
    for i, residual in enumerate(y):
        if i % block == 0 and not get(1):
            shift, taps = 0, []
            if order := get(6):
                shift, k = get(4), get(4)
                for _ in range(order):
                    quotient = 0
                    while get(1):
                        quotient += 1
                    taps.append(unzigzag(quotient << k | get(k)))
        total = sum(c * x[i - 1 - j] for j, c in enumerate(taps) if j < i)
        x.append(wrap(residual + (wrap(total + (1 << shift >> 1), "int32") >> shift), "int16"))
    return x


def within(value: int, limit: int) -> int:
    return max(-limit, min(value, limit))


def unnlms(y: list, side: bytes, form: Form) -> list:
    order, rate = side
    w, h, energy, x, out = [0] * order, [0] * order, 64 * order + 1, 0, []
    for e in y:
        d = wrap(e + within((1 << 23) + sum(a * b for a, b in zip(w, h, strict=True)) >> 24, 32767), "int16")
        x = wrap(x + d, "int16")
        moved = abs(e << 32 - rate) // energy
        g = within(-moved if e < 0 else moved, 1 << 40)
        w = [within(a + (g * b + 128 >> 8), 1 << 30) for a, b in zip(w, h, strict=True)]
        energy += d * d - h[0] * h[0]
        h = [*h[1:], d]
        out.append(x)
    return out


def unslms(y: list, side: bytes, form: Form) -> list:
    order, step = side
    w, h, x, out = [0] * order, [0] * order, 0, []
    for i, e in enumerate(y):
        total = (1 << 12) + sum(a * b for a, b in zip(w, h, strict=True))
        d = wrap(e + (wrap(total, "int32") >> 13), "int16")
        x = wrap(x + d, "int16")
        gain = step * (4 if i < 2000 else 2 if i < 8000 else 1)
        move = gain * ((e > 0) - (e < 0))
        w = [within(a + move * ((b > 0) - (b < 0)), 32703) for a, b in zip(w, h, strict=True)]
        h = [*h[1:], d]
        out.append(x)
    return out


def unkbit(y: list, side: bytes, form: Form) -> list:
    get = bits_up(bytes(y))
    x: list = []
    for i in range(form.size):
        code = get(side[0])
        x.append(wrap((x[i - 1] if i else 0) + code - (1 << side[0] - 1) if code else get(16), "int16"))
    return x


def kbit_form(form: Form, side: bytes) -> Form:
    return Form(Cursor(side[1:]).uint(), 0, "uint8")


def unrle(y: list, side: bytes, form: Form) -> list:
    cursor = Cursor(side)
    run, kept = cursor.uint(), cursor.uint()
    numbers = iter(y[kept:])
    x: list = []
    row = 0
    for i, value in enumerate(y[:kept]):
        row = row + 1 if i and value == y[i - 1] and row < run else 1
        x.append(value)
        if row == run:
            x += [value] * wrap(next(numbers), "u" + form.kind.lstrip("u"))
    return x


def rle_form(form: Form, side: bytes) -> Form:
    cursor = Cursor(side)
    cursor.uint()
    return Form(cursor.uint() + cursor.uint(), 0, form.kind)


def unbitshuffle(y: list, side: bytes, form: Form) -> list:
    row = (form.size + 7) // 8
    return [wrap(sum((y[b * row + i // 8] >> i % 8 & 1) << b for b in range(16)), "int16") for i in range(form.size)]


def unplanes(y: list, side: bytes, form: Form) -> list:
    n = form.size
    raw = [bytes(y[plane * n + i] for plane in range(width(form.kind))) for i in range(n)]
    return numbers(b"".join(raw), form.kind)


def unzig(y: list, side: bytes, form: Form) -> list:
    return [wrap(unzigzag(u), form.kind) for u in y]


def lifted(undo):
    def inverse(y: list, side: bytes, form: Form) -> list:
        kind = form.kind.lstrip("u")
        x = [wrap(value, kind) for value in y]
        sizes = []
        size = len(x)
        while size > 1 and len(sizes) < side[0]:
            sizes.append(size)
            size = (size + 1) // 2
        for size in reversed(sizes):
            even, odd = x[: (size + 1) // 2], x[(size + 1) // 2 : size]
            undo(even, odd, kind)
            x[0:size:2], x[1:size:2] = even, odd
        return [wrap(value, form.kind) for value in x]

    return inverse


def unhaar(even: list, odd: list, kind: str) -> None:
    for i in range(len(odd)):
        even[i] = wrap(even[i] - (odd[i] >> 1), kind)
        odd[i] = wrap(odd[i] + even[i], kind)


def unlegall(even: list, odd: list, kind: str) -> None:
    for i in range(len(even)):
        left, right = odd[max(i - 1, 0)], odd[min(i, len(odd) - 1)]
        even[i] = wrap(even[i] - ((left + right >> 1) + 1 >> 1), kind)
    for i in range(len(odd)):
        odd[i] = wrap(odd[i] + (even[i] + even[min(i + 1, len(even) - 1)] >> 1), kind)


def unmap(y: list, side: bytes, form: Form) -> list:
    if not side:
        return y
    cursor = Cursor(side)
    what = cursor.u8()
    if what == 1:
        return [int((k + 512) * 65535 / 1023 - 32768) for k in y]
    step, low = cursor.uint(), cursor.signed()
    if what == 2:
        return [wrap(low + step * k, form.kind) for k in y]
    zero = cursor.uint()
    if what == 3:
        count, wide = cursor.uint(), cursor.u8()
        raw = zlib.decompress(cursor.rest())
        distance = [0]
        for i in range(count - 1):
            distance.append(distance[-1] + int.from_bytes(raw[wide * i : wide * (i + 1)], "little"))
        return [wrap(low + step * distance[k + zero], form.kind) for k in y]
    bits, factor, bias = cursor.u8(), cursor.uint(), cursor.uint()
    return [wrap(low + step * (factor * (k + zero) + bias >> bits), form.kind) for k in y]


def unround(y: list, side: bytes, form: Form) -> list:
    columns = form.channels or 1
    cursor = Cursor(side[1:])
    x: list = [0] * len(y)
    if form.kind[0] == "f":
        wide, *ends = struct.unpack(f"<{1 + 3 * columns}d", cursor.rest())
        for i, b in enumerate(y):
            low, high, median = ends[3 * (i % columns) :][:3]
            x[i] = min(max(median + b * wide, low), high)
        return numbers(struct.pack(f"<{len(x)}{LETTERS[form.kind]}", *x), form.kind)
    error = cursor.uint()
    for column in range(columns):
        code, lowest, highest, median = cursor.bytes(), cursor.uint(), cursor.uint(), cursor.uint()
        pad = (error - median) % (2 * error + 1)
        zero = (median + pad) // (2 * error + 1)
        steps = [min(max((b + zero) * (2 * error + 1) - pad + error, 0), highest) for b in y[column::columns]]
        x[column::columns] = unmap([wrap(lowest + step, form.kind) for step in steps], code, form)
    return x


def bins_form(form: Form, side: bytes) -> Form:
    return Form(form.size, form.channels, f"int{8 * side[0]}")


FILTERS = {
    "d": (ALL, False, True, same, undelta),
    "f": ({"int16"}, True, True, same, unfixed),
    "k": ({"int16"}, True, True, kbit_form, unkbit),
    "l": ({"int16"}, True, True, same, unlpc),
    "nl": ({"int16"}, True, True, same, unnlms),
    "s": ({"int16"}, True, True, same, unslms),
    "rl": (ALL, True, True, rle_form, unrle),
    "b": ({"int16"}, True, False, lambda form, _: Form(16 * ((form.size + 7) // 8), 0, "uint8"), unbitshuffle),
    "h": (ALL, True, True, same, lifted(unhaar)),
    "le": (ALL, True, True, same, lifted(unlegall)),
    "p": (ANY, False, False, lambda form, _: Form(form.size * width(form.kind), 0, "uint8"), unplanes),
    "r": (ANY, True, True, same, unmap),
    "ro": (ANY, False, True, bins_form, unround),
    "Z": (ALL, False, False, lambda form, _: Form(form.size, form.channels, "u" + form.kind.lstrip("u")), unzig),
}


# -- coders: (dtypes, for one channel, decoder) -----------------------------------------------------------------------


def numbers(raw: bytes, kind: str) -> list:
    letter = LETTERS.get(kind)
    if letter is None:
        letter = "bhiq"[width(kind).bit_length() - 1]
        letter = letter.upper() if kind[0] == "u" else letter
    return list(struct.unpack(f"<{len(raw) // width(kind)}{letter}", raw))


def rice(data: bytes, size: int) -> list:
    bits = "".join(f"{byte:08b}" for byte in data) + "0" * 64
    at = s = 0
    x = []
    for _ in range(size):
        k = (s >> 6).bit_length()
        ones = 0
        while k < 15 and ones < 20 and bits[at] == "1":
            ones, at = ones + 1, at + 1
        if k >= 15 or ones == 20:
            u, at = int(bits[at : at + 16], 2), at + 16
        else:
            u, at = ones << k | int("0" + bits[at + 1 : at + 1 + k], 2), at + 1 + k
        s = s - (s >> 5) + u
        x.append(unzigzag(u))
    return x


class Range:
    """The range decoder, with adaptive bits and trees."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data + bytes(16), 8
        self.range, self.code = (1 << 64) - 1, int.from_bytes(self.data[:8], "big")

    def narrow(self, start: int, size: int) -> None:
        self.code -= start
        self.range = size
        if size < 1 << 32:
            self.range <<= 32
            self.code = self.code << 32 | int.from_bytes(self.data[self.at : self.at + 4].ljust(4, b"\0"), "big")
            self.at += 4

    def even(self, k: int) -> int:
        unit = self.range >> k
        v = min(self.code // unit, (1 << k) - 1)
        self.narrow(unit * v, unit)
        return v

    def bit(self, counters: dict, name: object, limit: int) -> int:
        p, seen = counters.get(name, (1 << 21, 0))
        one = (self.range >> 16) * (p >> 6 | 1)
        bit = int(self.code < one)
        self.narrow(0 if bit else one, one if bit else self.range - one)
        rate = 131072 // (2 * seen + 3)
        p = p + (((1 << 22) - 1 - p) * rate >> 16) if bit else p - (p * rate >> 16)
        counters[name] = p, min(seen + 1, max(limit, seen))
        return bit

    def tree(self, counters: dict, name: object, offset: int, k: int, limit: int) -> int:
        node = 1
        for _ in range(k):
            node = 2 * node + self.bit(counters, (name, offset + node), limit)
        return node - (1 << k)

    def number(self, counters: dict, name: str, modelled: int = 4) -> int:
        wide = self.tree(counters, name, 0, 5, 60)
        if wide < 2:
            return wide
        if wide <= modelled:
            return (1 << wide - 1) + self.tree(counters, name + " bits", 1 << wide - 1, wide - 1, 60)
        return (1 << wide - 1) + self.even(wide - 1)


def table(d: Range, lengths: bool) -> dict[int, int]:
    """Return {sample: weight} of the symbols that occur, in ascending order."""
    counters: dict = {}
    size = d.number(counters, "size") + 1
    symbol = d.even(16)
    if size == 1:
        return {symbol - 32768: 1}
    g0 = g1 = repeated = 1
    level, change, weights = 0, 2, {}
    for i in range(size):
        if i:
            if d.bit(counters, ("repeat", repeated, 0), 60):
                repeated = 1
            else:
                gap = g1 if d.bit(counters, ("repeat", repeated, 1), 60) else d.number(counters, "gap")
                g0, g1, repeated = gap, g0, 0
            symbol += g0
        change = unzigzag(d.number(counters, f"weight {min(abs(change), 2)}"))
        level += change
        weight = level
        if not lengths:
            kept = (level - 4) // 2 if level >= 6 else 0
            lost = level - 1 - kept
            weight = (1 << kept | (d.even(kept) if kept else 0)) << lost | 1 << lost >> 1
        weights[symbol - 32768] = weight
    return weights


def slots(weights: dict[int, int]) -> list[tuple[int, int, int]]:
    """Return (sample, first slot, number of slots) of each symbol."""
    total = sum(weights.values())
    numbers = {x: 1 + c * ((1 << 20) - len(weights)) // total for x, c in weights.items()}
    numbers[max(weights, key=lambda x: weights[x])] += (1 << 20) - sum(numbers.values())
    found, first = [], 0
    for x, number in numbers.items():
        found.append((x, first, number))
        first += number
    return found


def holder(intervals: list[tuple[int, int, int]], slot: int) -> tuple[int, int, int]:
    return next(found for found in intervals if slot < found[1] + found[2])


def huffman(data: bytes, size: int) -> list:
    cursor = Cursor(data)
    weights = table(Range(cursor.bytes()), lengths=True)
    if len(weights) == 1:
        return [*weights] * size
    codes, code, before = {}, 0, 0
    for x in sorted(weights, key=lambda x: (weights[x], x)):
        code <<= weights[x] - before
        before = weights[x]
        codes[before, code] = x
        code += 1
    bits = iter("".join(f"{byte:08b}" for byte in cursor.rest()))
    out = []
    for _ in range(size):
        length = code = 0
        while (length, code) not in codes:
            length, code = length + 1, code << 1 | int(next(bits))
        out.append(codes[length, code])
    return out


def static_range(data: bytes, size: int) -> list:
    d = Range(data)
    weights = table(d, lengths=False)
    if len(weights) == 1:
        return [*weights] * size
    intervals, out = slots(weights), []
    for _ in range(size):
        unit = d.range >> 20
        x, first, number = holder(intervals, d.code // unit)
        d.narrow(unit * first, unit * number)
        out.append(x)
    return out


def rans(data: bytes, size: int) -> list:
    cursor = Cursor(data)
    weights = table(Range(cursor.bytes()), lengths=False)
    if len(weights) == 1:
        return [*weights] * size
    intervals, out = slots(weights), []
    states = list(struct.unpack("<QQ", cursor.take(16)))
    for i in range(size):
        state = states[i & 1]
        slot = state % (1 << 20)
        x, first, number = holder(intervals, slot)
        state = (state >> 20) * number + slot - first
        if state < 1 << 31:
            state = state << 32 | int.from_bytes(cursor.take(4), "little")
        states[i & 1] = state
        out.append(x)
    assert states == [1 << 31, 1 << 31]
    return out


def arange(data: bytes, size: int) -> list:
    d, counters, s, out = Range(data), {}, 0, []
    for _ in range(size):
        context = s.bit_length()
        if context >= 2:
            context = 2 * context + (s >> context - 2 & 1)
        u = d.tree(counters, context, 0, 5, 1000)
        if u > 1:
            u = (1 << u - 1) + d.tree(counters, "bits", 1 << u - 1, u - 1, 1000)
        s = s - (s >> 2) + u
        out.append(unzigzag(u))
    return out


def entropy(decode):
    """Return a coder's decoder: bytes that are no fewer than the samples' are the samples."""
    return lambda data, form: numbers(data, "int16") if len(data) == 2 * form.size else decode(data, form.size)


def plain(inflate):
    return ANY, False, lambda data, form: numbers(inflate(data), form.kind)


CODERS = {
    "c": plain(bytes),
    "z": plain(zstandard.decompress),
    "zl": plain(zlib.decompress),
    "g": plain(lambda data: zlib.decompress(data, 31)),
    "i": plain(lambda data: zlib.decompress(data, -15)),
    "ld": plain(lambda data: zlib.decompress(Cursor(data).bytes(), -15)),
    "bz": plain(bz2.decompress),
    "lz": plain(lambda data: lzma.decompress(data, lzma.FORMAT_ALONE)),
    "ri": ({"int16"}, True, entropy(rice)),
    "hu": ({"int16"}, False, entropy(huffman)),
    "ra": ({"int16"}, False, entropy(static_range)),
    "rn": ({"int16"}, False, entropy(rans)),
    "ar": ({"int16"}, True, entropy(arange)),
}


# -- pieces -----------------------------------------------------------------------------------------------------------


def pieces_of(form: Form, dtypes: set[str], one: bool) -> list[Form]:
    planes = 0 if form.kind in dtypes else max(width(form.kind) // 2, 1)
    split = one and form.channels
    piece = Form(
        form.size // form.channels if split else form.size,
        0 if split else form.channels,
        "int16" if planes else form.kind,
    )
    return [piece] * (max(planes, 1) * (form.channels if split else 1))


def joined(parts: list[list], form: Form, dtypes: set[str], one: bool) -> list:
    if one and form.channels:
        n = form.channels
        parts = [[v for frame in zip(*parts[i : i + n], strict=True) for v in frame] for i in range(0, len(parts), n)]
    if form.kind in dtypes:
        return parts[0]
    if width(form.kind) == 1:
        return [wrap(value, form.kind) for value in parts[0]]
    raw = b"".join(struct.pack(f"<{len(words)}h", *words) for words in zip(*parts, strict=True))
    return numbers(raw, form.kind)


def several(data: bytes, count: int) -> list[bytes]:
    cursor = Cursor(data)
    return [data] if count == 1 else [cursor.bytes() for _ in range(count)]


def side_by_side(outputs: list[Form]) -> bool:
    return all(not output.channels and output == outputs[0] for output in outputs)


def output_form(form: Form, stage: tuple, side: bytes) -> tuple[Form, list[Form], list[bytes], list[Form]]:
    dtypes, one, has_side, layout, _ = stage
    inputs = pieces_of(form, dtypes, one)
    sides = several(side, len(inputs)) if has_side else [b""] * len(inputs)
    outputs = [layout(piece, part) for piece, part in zip(inputs, sides, strict=True)]
    total = sum(output.size for output in outputs)
    if len(outputs) == 1:
        whole = outputs[0]
    else:
        whole = Form(total, len(outputs) if side_by_side(outputs) else 0, outputs[0].kind)
    return whole, inputs, sides, outputs


def undo(y: list, form: Form, stage: tuple, side: bytes) -> list:
    dtypes, one, _, _, inverse = stage
    _, inputs, sides, outputs = output_form(form, stage, side)
    if len(outputs) == 1:
        parts = [y]
    elif side_by_side(outputs):
        parts = [y[i :: len(outputs)] for i in range(len(outputs))]
    else:
        parts, at = [], 0
        for output in outputs:
            parts.append(y[at : at + output.size])
            at += output.size
    restored = [inverse(part, s, piece) for part, s, piece in zip(parts, sides, inputs, strict=True)]
    return joined(restored, form, dtypes, one)


def samples(payload: bytes, names: list[str], form: Form) -> list:
    if not form.size:
        return []
    cursor = Cursor(payload)
    steps = []
    for name in names[:-1]:
        stage = FILTERS[name]
        side = cursor.bytes() if stage[2] else b""
        steps.append((form, stage, side))
        form = output_form(form, stage, side)[0]
    dtypes, one, decode = CODERS[names[-1]]
    inputs = pieces_of(form, dtypes, one)
    parts = several(cursor.rest(), len(inputs))
    x = joined([decode(part, piece) for part, piece in zip(parts, inputs, strict=True)], form, dtypes, one)
    for form, stage, side in reversed(steps):
        x = undo(x, form, stage, side)
    return x


def read(blob: bytes) -> bytes:
    """Return the bytes of the source of a .n1c file of version 1: of the file, or of the array's samples.

    Raises:
        KeyError: a stage is not known here.
    """
    cursor = Cursor(blob)
    assert cursor.take(4) == b"N1C\x01"
    file_sum, source_sum = struct.unpack("<II", cursor.take(8))
    assert zlib.crc32(blob[8:]) == file_sum
    form = cursor.u8()
    source, mono, kind = form & 3, form & 4, DTYPES[form >> 3 & 15]
    rate: float = 0
    if source and form & 128:
        (rate,) = struct.unpack("<H", cursor.take(2))
    elif source:
        code = cursor.uint()
        rate = RATES[code] if code < 64 else code - 65 if code > 64 else struct.unpack("<d", cursor.take(8))[0]
    frames = cursor.uint()
    channels = 1 if mono else cursor.uint()
    axes = 1 if source in (0, 3) else 2
    if source == 3 and not mono:
        axes = cursor.u8()
    prefix = suffix = b""
    if source == 2:
        prefix, suffix = zlib.decompress(cursor.bytes()), zlib.decompress(cursor.bytes())
    names = stages(cursor)
    held = "int32" if kind == "int24" else kind
    x = samples(cursor.rest(), names, Form(frames * channels, channels if axes == 2 else 0, held))
    bits = 24 if kind == "int24" else 8 * width(kind)
    raw = pack(x, held, bits)
    if source == 1:
        block = channels * bits // 8
        form_chunk = struct.pack("<HHIIHH", 1, channels, int(rate), int(rate) * block, block, bits)
        prefix = b"RIFF" + struct.pack("<I", 36 + len(raw)) + b"WAVEfmt " + struct.pack("<I", 16) + form_chunk
        prefix += b"data" + struct.pack("<I", len(raw))
    whole = prefix + raw + suffix
    assert zlib.crc32(whole) == source_sum
    return whole


def stages(cursor: Cursor) -> list[str]:
    names: list[str] = []
    while not names or names[-1] in FILTERS:
        name = ""
        while True:
            byte = cursor.u8()
            name += chr(byte & 0x7F)
            if byte & 0x80:
                break
        if name not in FILTERS and name not in CODERS:
            raise KeyError(name)
        names.append(name)
    return names


def pack(x: list, kind: str, bits: int) -> bytes:
    if kind.startswith("f"):
        return struct.pack(f"<{len(x)}{ {16: 'e', 32: 'f', 64: 'd'}[bits] }", *x)
    return b"".join((value % (1 << bits)).to_bytes(bits // 8, "little") for value in x)


# -- version 2 --------------------------------------------------------------------------------------------------------


@dataclass
class Stream:
    name: str
    kind: str
    rate: float
    channels: int
    axes: int
    groups: list[tuple[list[int], list[str]]]
    about: dict


@dataclass
class File:
    name: str
    stream: int | None
    first: int = 0
    channels: int = 0
    kind: str = ""
    big_endian: bool = False
    apart: bool = False


def section(blob: bytes, at: int) -> tuple[str, bytes, int]:
    """Return the tag and the content of the section at an offset, and where it ends."""
    cursor = Cursor(blob)
    cursor.at = at
    tag = chr(cursor.u8())
    content = cursor.bytes()
    checksum = zlib.crc32(blob[at : cursor.at])
    assert (checksum,) == struct.unpack("<I", cursor.take(4))
    return tag, content, cursor.at


def head_of(content: bytes) -> tuple[list[Stream], list[File], bool]:
    inflater = zlib.decompressobj()
    cursor = Cursor(inflater.decompress(content))
    flags, _ = cursor.u8(), cursor.bytes()
    streams = []
    for _ in range(cursor.uint()):
        name, form, code = cursor.bytes().decode(), cursor.u8(), cursor.uint()
        rate = RATES[code] if code < 64 else code - 65 if code > 64 else struct.unpack("<d", cursor.take(8))[0]
        channels, groups = cursor.uint(), []
        for _ in range(cursor.uint()):
            runs = [(cursor.uint(), cursor.uint()) for _ in range(cursor.uint())]
            groups.append(([channel for first, count in runs for channel in range(first, first + count)],
                           stages(cursor)))  # fmt: skip
        assert sorted(channel for group, _ in groups for channel in group) == list(range(channels))
        streams.append(Stream(name, DTYPES[form & 15], rate, channels, 1 if form & 32 else 2, groups, {}))
    files = []
    for _ in range(cursor.uint()):
        name, number = cursor.bytes().decode(), cursor.uint()
        if number:
            first, channels, form = cursor.uint(), cursor.uint(), cursor.u8()
            files.append(File(name, number - 1, first, channels, DTYPES[form & 15], bool(form & 16), bool(form & 32)))
        else:
            files.append(File(name, None))
    assert not cursor.rest()
    if inflater.unused_data:
        for stream, about in zip(streams, json.loads(zlib.decompress(inflater.unused_data)), strict=True):
            stream.about = about
    return streams, files, bool(flags & 1)


def index_of(blob: bytes, at: int, begin: int, streams: int, files: int) -> tuple[list[tuple], list[int], tuple]:
    """Return (tag, offset, fields) of each section, the frames of each stream, and the checksum of each file."""
    tag, content, _ = section(blob, at)
    assert tag == "I"
    cursor = Cursor(content)
    previous = cursor.uint()
    sections: list[tuple] = []
    if previous:
        end = section(blob, previous)[2]
        assert tail(blob[end : end + 17]) == previous
        sections, _, _ = index_of(blob, previous, begin, streams, files)
        begin = end + 17
    cursor = Cursor(zlib.decompress(cursor.rest()))
    for _ in range(cursor.uint()):
        tag, length = chr(cursor.u8()), cursor.uint()
        fields = [cursor.uint() for _ in range({"C": 5, "M": 3, "B": 2}.get(tag, 0))]
        assert tag in "CMB" or tag.islower()
        sections.append((tag, begin, fields))
        begin += length
    assert begin == at
    frames = [cursor.uint() for _ in range(streams)]
    checksums = struct.unpack(f"<{files}I", cursor.rest())
    return sections, frames, checksums


def tail(last: bytes) -> int:
    tag, at, checksum, magic = struct.unpack("<cQI4s", last)
    assert (tag, checksum, magic) == (b"T", zlib.crc32(last[:9]), b"2C1N")
    return at


def read_chunks(blob: bytes) -> tuple[list[Stream], list[list], list[File], list[bytes]]:
    """Return the streams of a .n1c file of version 2, the samples of each, its files, and the bytes of each.

    Samples are in the order of frames, the channels of a frame together.

    Raises:
        KeyError: a stage is not known here.
    """
    assert blob[:4] == b"N1C\x02"
    tag, content, begin = section(blob, 4)
    assert tag == "H"
    streams, files, _ = head_of(content)
    sections, frames, checksums = index_of(blob, tail(blob[-17:]), begin, len(streams), len(files))
    values = [[0] * (count * stream.channels) for count, stream in zip(frames, streams, strict=True)]
    done = [[0] * len(stream.groups) for stream in streams]
    around: list[list[bytes]] = [[b"", b""] for _ in files]
    for kind, offset, fields in sections:
        tag, content, _ = section(blob, offset)
        cursor = Cursor(content)
        assert tag == kind and fields == [cursor.uint() for _ in fields]
        if tag == "B":
            file, behind = fields
            around[file][behind] += zlib.decompress(cursor.rest()) if cursor.u8() else cursor.rest()
        elif tag == "C":
            number, group, start, count, _ = fields
            stream, (channels, names) = streams[number], streams[number].groups[group]
            assert start == done[number][group]
            done[number][group] += count
            checksum = cursor.take(4)
            held = "int32" if stream.kind == "int24" else stream.kind
            form = Form(count * len(channels), len(channels) if stream.axes == 2 else 0, held)
            x = samples(cursor.rest(), names, form)
            assert struct.pack("<I", zlib.crc32(pack(x, held, 8 * width(held)))) == checksum
            for column, channel in enumerate(channels):
                first = start * stream.channels + channel
                values[number][first : first + count * stream.channels : stream.channels] = x[column :: len(channels)]
    assert all(count == frames[number] for number, counts in enumerate(done) for count in counts)
    made = []
    for file, (before, behind), checksum in zip(files, around, checksums, strict=True):
        inside = b"" if file.stream is None else stood(values[file.stream], file, streams[file.stream])
        whole = before + inside + behind
        assert zlib.crc32(whole) == checksum
        made.append(whole)
    return streams, values, files, made


def stood(x: list, file: File, stream: Stream) -> bytes:
    """Return samples as they stand in a file."""
    columns = [x[channel :: stream.channels] for channel in range(file.first, file.first + file.channels)]
    if not file.apart:
        columns = [list(frame) for frame in zip(*columns, strict=True)]
    bits = 24 if file.kind == "int24" else 8 * width(file.kind)
    little = pack([value for column in columns for value in column], file.kind, bits)
    step = bits // 8
    if file.big_endian:
        return b"".join(little[i : i + step][::-1] for i in range(0, len(little), step))
    return little
