"""The encoder of packets of events in plain Python, written from docs/events.md: slow, and independent of the kernels.

Only the tables of usual waveforms and tones are read from native/src/events.c, where they stand.
"""

from __future__ import annotations

import re
import zlib
from pathlib import Path
from typing import Any

from entropy_reference import Encoder

SOURCE = (Path(__file__).parents[1] / "native" / "src" / "events.c").read_text()


def table(name: str) -> list[int]:
    found = re.search(rf"\b{name}(?:\[\w+\])+ = \{{(.*?)\}};", SOURCE, re.DOTALL)
    assert found
    return [int(number) for number in re.findall(r"-?\d+", found[1])]


SNIPPET, BEFORE, BLOCK, COEFFICIENTS, TONES = 32, 8, 64, 12, 39
FLAT = table("basis")
BASIS = [FLAT[i : i + SNIPPET] for i in range(0, len(FLAT), SNIPPET)]
MEANS, SIZES, TONE_SIZES = table("basis_means"), table("basis_sizes"), table("tone_sizes")
COSINES = table("cosines")
QUARTERS = (16384, 19484, 23170, 27554)
COUNT_STARTS, RANK_STARTS, TONE_STARTS = table("count_starts"), table("rank_starts"), table("tone_starts")
FIRST_TONE_CLASS = 8
KEY_BINS, USUAL_BINS, UNARY = 64, 16, 14


def cosine(j: int) -> int:
    j &= 255
    if j > 128:
        j = 256 - j
    return COSINES[j] if j <= 64 else -COSINES[128 - j]


WAVES = [[cosine(k * (2 * n + 1)) for n in range(BLOCK // 2)] for k in range(TONES)]


def octaves(v: int) -> int:
    width = v.bit_length() - 1
    mantissa = v << 14 - width if width <= 14 else v >> width - 14
    part = 3
    while part and mantissa < QUARTERS[part]:
        part -= 1
    return 4 * width + part


def power(n: int, bits: int) -> int:
    return QUARTERS[n & 3] << (n >> 2) + bits >> 14


def quotient(v: int, by: int) -> int:
    """Division that rounds towards zero, as C does."""
    return -(-v // by) if v < 0 else v // by


def divided(v: int, by: int) -> int:
    return -((-v + by // 2) // by) if v < 0 else (v + by // 2) // by


class Layer(Encoder):
    """What writes a layer: sizes and numbers beside what a range coder has."""

    def __init__(self) -> None:
        super().__init__()
        self.models: dict[tuple[str, int], dict[Any, tuple[int, int]]] = {}

    def raw(self, v: int, bits: int) -> None:
        if bits > 12:
            self.raw(v >> 12, bits - 12)
            v, bits = v & 4095, 12
        if bits:
            self.uniform(bits, v)

    def put(self, name: str, mean: int, v: int) -> None:
        width = mean.bit_length()
        which = 0 if width < 2 else min(2 * (width - 1) + (mean >> width - 2 & 1), 39)
        if (name, which) not in self.models:
            p = (mean + 1 << 22) // (mean + 257)
            self.models[name, which] = dict.fromkeys(range(UNARY), (p, 12))
            row = 4 * (which - FIRST_TONE_CLASS)
            if name == "tones" and 0 <= row < len(TONE_STARTS):
                self.models[name, which] = starting(TONE_STARTS[row : row + 4])
        self.unary(self.models[name, which], v)

    def unary(self, counters: dict[Any, tuple[int, int]], v: int) -> None:
        for i in range(UNARY):
            self.bit(counters, i, 60, int(v > i))
            if v <= i:
                return
        bits = (v - 13).bit_length() - 1
        self.raw(bits, 4)
        self.raw(v - 13 & (1 << bits) - 1, bits)

    def number(self, name: str, mean: int, v: int) -> None:
        self.put(name, mean, min(abs(v), 13 + 65535))
        if v:
            self.raw(int(v < 0), 1)


def starting(probabilities: list[int]) -> dict[Any, tuple[int, int]]:
    """Return counters that begin with probabilities in 256ths, of which the last one stands for all that follow."""
    return {i: (probabilities[min(i, len(probabilities) - 1)] << 14, 40) for i in range(UNARY)}


class Channel:
    def __init__(self, first: int, frames: int) -> None:
        self.first = self.slow = first << 8
        self.second = self.before = self.older = self.usual = self.sum = self.count = self.rest = 0
        self.median, self.best, self.age, self.key, self.tokens = 16 << 12, 0, -1, 0, 16 << 16
        self.strength = 0
        self.history, self.field = [0] * 64, [0] * BLOCK
        self.lowest = self.total = self.threshold = 0

    def filter(self, v: int, t: int, adapt: int) -> None:
        """Take a sample."""
        high = (v << 8) - self.first
        self.first += high >> self.shift
        higher = high - self.second
        self.second += higher >> self.shift
        y = min(max(self.older + 2 * self.before + higher >> 10, -32768), 32767)
        self.older, self.before = self.before, higher
        size = abs(y)
        step = (self.median >> adapt) + 1
        self.median += step if size << 12 > self.median else -step
        self.lowest = min(self.lowest, y)
        self.sum += size
        self.total += v
        self.history[t & 63] = y

    shift = 4

    def watch(self, t: int, hold: int, apart: int) -> bool:
        """Return whether a spike is decided with a sample."""
        y = self.history[t & 63]
        if self.rest > 0:
            self.rest -= 1
        elif self.age >= 0:
            if y < self.best:
                self.best, self.age = y, 0
            else:
                self.age += 1
                if self.age == hold:
                    self.age, self.rest = -1, max(apart - hold, 0)
                    return True
        elif y < -self.threshold:
            self.best, self.age = y, 0
        return False


class Events:
    """Settings are those of ``EventEncoder`` as it gives them to the kernel."""

    def __init__(self, first: list[int], frames: int, shift: int, hold: int, apart: int, bin: int, window: int,
                 budget: int, layers: int, most_rate: int) -> None:  # fmt: skip
        self.frames, self.hold, self.apart, self.bin, self.window = frames, hold, apart, bin, window
        self.budget, self.layers, self.most_rate = budget, layers, most_rate
        self.channels = [Channel(v, frames) for v in first]
        for channel in self.channels:
            channel.shift = shift
        self.packet, self.quality, self.since = 0, 8, 0
        self.bits_left = self.gathered = budget // 64
        self.period = 65536 // (64 * bin) * (64 * bin)
        self.pending: list[tuple[int, int, int]] = []

    # -- listening ---------------------------------------------------------------------------------------------------

    def listen(self, x: list[list[int]]) -> list[tuple[int, int]]:
        """Return the spikes of a packet's frames."""
        adapt = 8 if self.packet < 100 else 11 if self.packet < 800 else 14
        start, found = self.packet * self.frames, []
        for c, channel in enumerate(self.channels):
            channel.lowest = channel.total = 0
            for i in range(self.frames):
                channel.filter(x[i][c], start + i, adapt)
            channel.threshold = (channel.median * 493 >> 18) + 1
            near = channel.lowest < -channel.threshold or channel.age >= 0 or channel.rest > 0
            if self.packet >= BLOCK and near:
                for t in range(start, start + self.frames):
                    if channel.watch(t, self.hold, self.apart):
                        found.append((t - self.hold - start, c))
                        channel.count = min(channel.count + 1, 255)
            mean = quotient(channel.total << 8, self.frames)
            channel.field[self.packet & 63] = min(max(mean - channel.slow >> 8, -32768), 32767)
            channel.slow += mean - channel.slow >> 8
            channel.tokens = min(channel.tokens + (self.most_rate << 16) // self.window, 16 << 16)
        return sorted(found)

    def chosen(self, found: list[tuple[int, int]]) -> list[tuple[int, int]]:
        kept = []
        for t, c in found:
            if self.channels[c].tokens >= 1 << 16:
                self.channels[c].tokens -= 1 << 16
                kept.append((t, c))
        return kept

    # -- layers ------------------------------------------------------------------------------------------------------

    def level(self, channel: Channel) -> int:
        return 1 + octaves(channel.sum) if channel.sum else 0

    def usual(self, channel: Channel) -> int:
        usual = 256 * self.level(channel) if self.packet < self.bin else channel.usual
        return usual + 16 >> 5

    def is_key(self, c: int) -> bool:
        bins = self.packet // self.bin
        return (bins < KEY_BINS and not bins & bins + 1) or (bins + c) % KEY_BINS == 0

    def turn(self) -> range:
        return range(self.packet % self.bin, len(self.channels), self.bin)

    def put_bins(self) -> bytes:
        e = Layer()
        counts, ranks = starting(COUNT_STARTS), (starting(RANK_STARTS[:UNARY]), starting(RANK_STARTS[UNARY:]))
        for c in self.turn():
            channel = self.channels[c]
            e.unary(counts, channel.count)
            if not self.layers & 16:
                continue
            key = self.usual(channel) if self.is_key(c) else channel.key
            if self.is_key(c):
                e.raw(key, 10)
            e.unary(ranks[int(channel.count > 0)], rank_of(self.level(channel), key))
        return e.end()

    def finish_bins(self) -> None:
        passed = min(self.packet // self.bin + 1, USUAL_BINS)
        for c in self.turn():
            channel = self.channels[c]
            if self.is_key(c):
                channel.key = self.usual(channel)
            channel.usual += quotient(self.level(channel) * 256 - channel.usual, passed)
            channel.sum = channel.count = 0

    def put_events(self, events: list[tuple[int, int]]) -> bytes:
        e = Layer()
        e.put("counts", 1280, len(events))
        mean = self.frames * len(self.channels) // (len(events) + 1)
        low = mean.bit_length() - 1 if mean > 1 else 0
        last = 0
        for t, c in events:
            slot = (t + self.hold) * len(self.channels) + c
            e.put("gaps", 192, slot - last >> low)
            e.raw(slot - last & (1 << low) - 1, low)
            last = slot + 1
        return e.end()

    def put_waves(self, ready: list[tuple[int, int, int]]) -> bytes:
        e = Layer()
        older = sum(sent != self.packet for _, _, sent in ready)
        e.put("counts", 1280, older)
        e.put("counts", 1280, len(ready) - older)
        for trough, c, _ in ready:
            y = [self.channels[c].history[trough - BEFORE + j & 63] for j in range(SNIPPET)]
            depth = octaves(-y[BEFORE]) if y[BEFORE] < -1 else 0
            step = power(depth - 4, 7) if depth >= 4 else 128
            e.put("depths", 640, depth >> 4)
            e.raw(depth & 15, 4)
            for k in range(COEFFICIENTS):
                product = sum(b * v for b, v in zip(BASIS[k], y, strict=True))
                e.number("numbers", power(4, 8) * SIZES[k] >> 8, divided(product, step) - usual(k))
        return e.end()

    def follow_field(self) -> None:
        for c in range(self.packet & 63, len(self.channels), BLOCK):
            channel = self.channels[c]
            size = sum(abs(v) for v in channel.field)
            channel.strength += quotient(size - channel.strength, 8) if channel.strength else size

    def put_field(self, quality: int) -> bytes:
        e = Layer()
        e.raw(quality, 6)
        total = count = 0
        for c in range(self.packet & 63, len(self.channels), BLOCK):
            channel = self.channels[c]
            strength = octaves(channel.strength) >> 1 if channel.strength else 0
            step = power(2 * strength - quality, 0) if 2 * strength > quality else 1
            if count:
                e.number("strengths", 333, strength - (2 * total + count) // (2 * count))
            else:
                e.raw(strength, 6)
            total, count, near, far = total + strength, count + 1, 0, 0
            for k, v in enumerate(self.transform(channel)):
                size = (abs(v) + step // 3) // step
                mean = power(quality, 8) * TONE_SIZES[k] >> 14
                if k > 1:
                    mean = (2 * mean + (2 * near + far << 8) // 3) // 3
                e.number("tones", mean, -size if v < 0 else size)
                near, far = size, near
        return e.end()

    def transform(self, channel: Channel) -> list[int]:
        first = [channel.field[self.packet + 1 + n & 63] for n in range(BLOCK // 2)]
        last = [channel.field[self.packet + BLOCK - n & 63] for n in range(BLOCK // 2)]
        halves = [a + b for a, b in zip(first, last, strict=True)], [a - b for a, b in zip(first, last, strict=True)]
        tones = []
        for k in range(TONES):
            half = halves[k & 1]
            tones.append(sum(w * v for w, v in zip(WAVES[k], half, strict=True)) >> 12)
        return [tones[0] * 11585 >> 14, *tones[1:]]

    # -- the packet --------------------------------------------------------------------------------------------------

    def push(self, x: list[list[int]]) -> bytes:
        """Return the packet of some frames."""
        self.bits_left = min(self.bits_left + (self.budget - self.gathered) // self.window, self.gathered)
        left, layers, pieces, crowded = min(self.bits_left // 8, 65536) - 5, 0, [], False
        events = self.chosen(self.listen(x))
        start, end = self.packet * self.frames, (self.packet + 1) * self.frames
        for layer in range(4):
            room = left - 3
            if not self.layers >> layer & 1:
                continue
            if room < 1:
                events = [] if layer == 1 else events
                continue
            ready = [v for v in self.pending if v[0] + SNIPPET - BEFORE <= end]
            if layer == 0:
                written = self.put_bins()
            elif layer == 1:
                while len(written := self.put_events(events)) > room and events:
                    events = events[: len(events) // 2]
            elif layer == 2:
                written = self.put_waves(ready)
            else:
                self.follow_field()
                for coarser in (0, 3, 6):
                    crowded |= coarser > 0
                    if len(written := self.put_field(max(self.quality - coarser, 0))) <= room:
                        break
            if layer == 1 and len(written) <= room:
                self.pending += [(start + t, c, self.packet) for t, c in events]
            if len(written) > room:
                crowded = True
                continue
            pieces.append(written)
            left, layers = left - len(varint(len(written)) + written), layers | 1 << layer
        self.pending = [v for v in self.pending if v[0] + SNIPPET - BEFORE > end]
        self.finish_bins()
        body = b"".join(varint(len(piece)) + piece for piece in pieces[:-1]) + b"".join(pieces[-1:])
        head = bytes([layers]) + (self.packet % self.period).to_bytes(2, "little")
        packet = head + (zlib.crc32(head + body) & 0xFFFF).to_bytes(2, "little") + body
        self.bits_left -= 8 * len(packet)
        self.adjust(crowded)
        self.packet += 1
        return packet

    def adjust(self, crowded: bool) -> None:
        self.since += 1
        if self.since < 8:
            return
        if crowded or self.bits_left < self.gathered // 4:
            self.quality, self.since = max(self.quality - 1, 0), 0
        elif self.bits_left > self.gathered // 4 * 3 and self.quality < 40:
            self.quality, self.since = self.quality + 1, 0


def rank_of(level: int, key: int) -> int:
    """Return how many levels are nearer to a key, which has 3 bits below the point."""
    low, up = key >> 3, (key & 7) > 4
    off = low + 1 - level if up else level - low
    return 2 * off - 1 if off > 0 else -2 * off


def usual(k: int) -> int:
    v = power(4, 8) * MEANS[k]
    return -((-v + 32768) >> 16) if v < 0 else v + 32768 >> 16


def varint(v: int) -> bytes:
    out = b""
    while v > 127:
        out, v = out + bytes([v & 127 | 128]), v >> 7
    return out + bytes([v])
