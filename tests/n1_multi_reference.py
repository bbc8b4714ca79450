"""A slow decoder of n1_multi in Python, with float32 and integers in the order that docs/multi.md asks for.

A step is computed for all lanes at a time, which is what NumPy is good for and changes nothing: lanes do not depend on
each other. What seldom happens is counted in ``events``, so that a test can tell that its vectors reach it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from entropy_reference import Coder, Counters, Decoder, Encoder
from format_reference import Cursor

from n1codec import n1_mapping

f = np.float32
EIGHTHS = (65536, 71468, 77936, 84990, 92682, 101070, 110218, 120194)
QUARTERS = (1, 1.18920708, 1.41421354, 1.68179286)
LANES = 16
ORDER = (0, 1, 2, 3, 8, 9, 10, 11, 4, 5, 6, 7, 12, 13, 14, 15)
MOST = 1 << 24


def normal(z: float) -> float:
    return 0.5 * (1 + math.erf(z / math.sqrt(2)))


def tables() -> np.ndarray:
    """Return the distribution functions, normal and with tails, at 0, 1/32, .. 8 sigmas: shape (2, 257), of 2^24."""

    def tailed(z: float) -> float:
        return 0.5 * normal(z / 2) + 0.5 * normal(z / 4)

    stretch = 0.5 / (tailed(8) - 0.5)
    both = [
        [normal(i / 32) for i in range(257)],
        [0.5 + (tailed(i / 32) - 0.5) * stretch for i in range(257)],
    ]
    found = np.floor(np.array(both) * MOST + 0.5).astype(np.int64)
    found[:, -1] = MOST
    return found


def distribution(tail: int) -> np.ndarray:
    """Return the distribution function, and its last entry once more."""
    normal, tailed = tables()
    half = (normal * (256 - tail) + tailed * tail) >> 8
    return np.concatenate([MOST - half[:0:-1], half, half[-1:]])


def power(quarters: int) -> np.float32:
    return f(QUARTERS[quarters % 4]) * f(2.0 ** (quarters // 4))


def truncated(a: int, b: int) -> int:
    return abs(a) // b * (1 if a >= 0 else -1)


def wrapped(v: np.ndarray) -> np.ndarray:
    return (v + (1 << 31)) % (1 << 32) - (1 << 31)


def clamp16(v: np.ndarray) -> np.ndarray:
    return np.clip(v, -32768, 32767)


def shifted(v: np.ndarray, down: int) -> np.ndarray:
    return v >> down if down >= 0 else v << -down


def uint(value: int) -> bytes:
    out = []
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


class Numbers:
    """Numbers of any sign, each of a kind that has counters of its own.

    They are what a decoder's bytes say, or with an encoder what is wanted, one after the other.
    """

    def __init__(self, coder: Coder, wanted: Iterable[int] = ()) -> None:
        self.coder, self.counters, self.wanted = coder, Counters(), iter(wanted)

    def __call__(self, expected: int, *kind: object) -> int:
        """Return a number that is coded as its distance from what is expected."""
        value = next(self.wanted, expected) - expected
        told = (2 * value if value >= 0 else -2 * value - 1) + 1

        def bit(value: int, *key: object) -> int:
            return self.coder.bit(self.counters, (kind, *key), 60, value)

        width = 1
        while width < 32 and bit(int(width < told.bit_length()), "unary", width):
            width += 1
        found = 1
        for at in reversed(range(width - 1)):
            one = told >> at & 1
            if at == width - 2:
                one = bit(one, "first", width)
            elif at == width - 3:
                one = bit(one, "second", width, found & 1)
            else:
                one = self.coder.uniform(1, one)
            found = 2 * found + one
        u = found - 1
        return expected + (-(u + 1 >> 1) if u % 2 else u >> 1)


class Group:
    """Channels of one converter."""

    def __init__(self, first: int, codes: int, widths: list[int] | None, tail: int) -> None:
        self.first, self.codes, self.widths = first, codes, widths
        eighths = [EIGHTHS[w % 8] << w // 8 + 8 for w in widths or [0] * codes]
        edges = np.concatenate([[0], np.cumsum(eighths)]) >> 14
        self.centre = (edges[:-1] + edges[1:]) >> 1
        self.cells = codes if widths is None else int(edges[-1]) * 8 // 1024 + 1
        self.threshold = edges.astype(f) * f(2.0**-10)
        self.threshold[[0, -1]] = -1e30, 1e30
        self.shape = (distribution(tail) * (MOST - codes)) >> 24


@dataclass
class Channel:
    group: Group
    step: int
    first: int
    phase: int
    shift: int
    mean: int
    start: int
    neighbours: list[int]
    """Channels, by number."""
    own: list[int] = field(default_factory=list)
    others: list[list[int]] = field(default_factory=list)
    """Weights of each neighbour, then of the mean, at lags -S .. S."""

    def samples(self, codes: np.ndarray) -> np.ndarray:
        if not self.step:
            return self.group.first + codes
        if self.step == 1:
            return n1_mapping.values()[codes & 1023].astype(np.int64)
        return self.first + ((codes * self.step + self.phase) >> 13)

    def codes(self, samples: np.ndarray) -> np.ndarray:
        last = self.group.codes - 1
        if not self.step:
            return np.clip(samples - self.group.first, 0, last)
        away = np.maximum(samples - self.first, 0)
        codes = np.minimum(((away << 13) + self.step // 2) // self.step, last)
        if self.step == 1:
            codes = np.minimum((samples + 32768) >> 6, last)
        return np.where(self.samples(codes) == samples, codes, 0)


class Head(NamedTuple):
    channels: int
    groups: int
    order: int
    neighbours: int
    reach: int
    precision: int
    mean: bool
    """Whether the mean of earlier channels is a regressor."""
    fast: bool = False


class Model:
    def __init__(self, head: Head, number: Numbers) -> None:
        self.head, self.number = head, number
        self.tail, self.gain = number(0, "shape"), number(64, "shape")
        self.widths: dict[int, list[int]] = {}
        """Of each sample, those that groups so far have."""
        self.groups: list[Group] = []
        for _ in range(head.groups):
            self.groups.append(self.group())
        self.means: dict[object, tuple[int, int]] = {}
        """Of weights by their place, and how many channels they are of."""
        self.channels: list[Channel] = []
        for _ in range(head.channels):
            self.channels.append(self.channel())

    def group(self) -> Group:
        number, last = self.number, self.groups[-1] if self.groups else Group(0, 1024, [0] * 1024, 0)
        first, codes = number(last.first, "first"), number(last.codes, "codes")
        if not number(int(last.widths is not None), "has widths"):
            return Group(first, codes, None, self.tail)
        widths: list[int] = []
        off = 0
        for k in range(codes):
            known = self.widths.setdefault((first + k) % 65536, [])
            total, count = sum(known), max(len(known), 1)
            expected = truncated(2 * total + (count if total >= 0 else -count), 2 * count)
            widths.append(number(expected, "width", bool(known), 0 if not off else 1 if abs(off) <= 2 else 2))
            off = widths[-1] - expected
            if len(known) < 100:
                known.append(widths[-1])
        return Group(first, codes, widths, self.tail)

    def channel(self) -> Channel:
        number, index, head = self.number, len(self.channels), self.head
        last = self.channels[-1] if index else Channel(self.groups[0], 0, 0, 0, 4, 0, 32, [])
        following = self.groups.index(last.group) + (1 if index and len(self.groups) > 1 else 0)
        group = self.groups[number(following, "group")]
        step = number(last.step, "step")
        first = number(last.first, "first") if step else 0
        phase = number(last.phase, "phase") if step else 0
        shift, mean, start = number(last.shift, "shift"), number(last.mean, "mean"), number(last.start, "start")
        back, backs = 0, []
        for i in range(number(min(head.neighbours, index), "count")):
            back = number(back + 1, "back", i)
            backs.append(back)
        new = Channel(group, step, first, phase, shift, mean, start, [index - back for back in backs])
        lags = range(-head.reach, head.reach + 1)
        learnt: list[tuple[object, int]] = []

        def weight(lag: int, kind: str, *place: int) -> int:
            mean, _ = self.means.get((kind, lag, *place), (0, 0))
            w = number(mean + 128 >> 8, kind, lag)
            learnt.append(((kind, lag, *place), w))
            return w

        new.own = [weight(lag, "own") for lag in range(1, head.order + 1)]
        new.others = [[weight(lag, "neighbour", min(back, 64)) for lag in lags] for back in backs]
        if head.mean:
            new.others.append([weight(lag, "all") for lag in lags])
        for place, w in learnt:
            mean, n = self.means.get(place, (0, 0))
            n = min(n + 1, 12)
            self.means[place] = mean + truncated(256 * w - mean, n), n
        return new


def read(data: bytes) -> Model:
    source = Cursor(data)
    preset = source.u8()
    assert preset in (1, 2, 4)
    channels, groups, codes, cells = (source.uint() for _ in range(4))
    order, reach, precision = source.take(3)
    head = Head(channels, groups, order, reach >> 4, reach & 15, precision >> 1, bool(precision & 1), preset == 2)
    model = Model(head, Numbers(Decoder(source.rest())))
    assert codes >= sum(group.codes for group in model.groups)
    assert cells >= sum(group.cells for group in model.groups)
    return model


def write(head: Head, wanted: Iterable[int]) -> bytes:
    """Return the model of some numbers, in their order in the format; beyond their end it is as expected."""
    coder = Encoder()
    model = Model(head, Numbers(coder, wanted))
    codes, cells = sum(group.codes for group in model.groups), sum(group.cells for group in model.groups)
    sizes = b"".join(map(uint, (head.channels, head.groups, codes, cells)))
    parts = head.order, head.neighbours << 4 | head.reach, head.precision << 1 | head.mean
    return bytes([1 + head.fast]) + sizes + bytes(parts) + coder.end()


class States:
    """Sixteen rANS states that share one stream of words; in the fast way a set for even and one for odd steps."""

    def __init__(self, data: bytes, fast: bool, events: Counter[str]) -> None:
        size, self.least = (4, 1 << 16) if fast else (6, 1 << 32)
        self.data, self.at, self.events = data, 0, events
        self.sets = [[0] * LANES for _ in range(2 if fast else 1)]
        for states in self.sets:
            for lane in ORDER:
                states[lane] = int.from_bytes(data[self.at : self.at + size], "little")
                self.at += size
        self.step(0)

    def step(self, t: int) -> None:
        """Turn to the states of a step."""
        self.state = self.sets[t % len(self.sets)]

    def word(self) -> int:
        self.at += 2
        return int.from_bytes(self.data[self.at - 2 : self.at], "little")

    def refill(self) -> int:
        """Give a word to each state that is too small; return how many there were."""
        count = 0
        for lane in ORDER:
            if self.state[lane] < self.least:
                self.state[lane] = self.state[lane] << 16 | self.word()
                count += 1
        return count

    def take(self, below: Callable[[np.ndarray], np.ndarray], codes: int, alive: int) -> np.ndarray:
        """Return each lane's code; ``below`` gives the frequencies below codes, one of each lane."""

        def code_at(slots: np.ndarray) -> np.ndarray:
            low, high = np.zeros(LANES, np.int64), np.full(LANES, codes)
            while (high - low > 1).any():
                middle = (low + high) // 2
                up = below(middle) <= slots
                low, high = np.where(up, middle, low), np.where(up, high, middle)
            return low

        slots = np.array([s % MOST for s in self.state])
        low = code_at(slots)
        # A decoder may look codes up by the highest bits of slots; it will not find this one near.
        self.events["far out"] += int((abs(low - code_at(slots & ~4095 | 2048)) > 2)[:alive].sum())
        start, end = below(low), below(low + 1)
        for lane in range(alive):
            s = self.state[lane]
            self.state[lane] = int(end[lane] - start[lane]) * (s >> 24) + s % MOST - int(start[lane])
        self.refill()
        self.events["two words"] += self.refill()
        return low


class Chunk:
    """The samples of a chunk, coded with a model."""

    def __init__(self, data: bytes, model: Model, frames: int) -> None:
        self.model, self.frames, self.events = model, frames, Counter[str]()
        channels = model.channels
        self.x = np.zeros((frames, len(channels)), np.int64)
        """What is predicted, and predicted from."""
        self.out = np.zeros((frames, len(channels)), np.int64)
        self.kinds: list[int] = []
        source = Cursor(data)
        if source.take(1) == b"\0":
            self.out[:] = np.frombuffer(source.take(2 * self.out.size), "<i2").reshape(self.out.shape)
            return
        self.number = Numbers(Decoder(source.bytes()))
        self.states = States(source.rest(), model.head.fast, self.events)
        lengths = np.full(LANES, frames // LANES) + (np.arange(LANES) < frames % LANES)
        self.begins = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        self.steps = [(t, int((t < lengths).sum())) for t in range(lengths[0])]
        """Each step, and the number of lanes that have a sample."""
        self.sum, self.count = np.zeros(frames, np.int64), 0
        self.least = min(channel.shift for channel in channels)
        for c in range(len(channels)):
            self.kinds.append(self.number(0, "kind"))
            coded = self.coded_fast if model.head.fast else self.coded
            (coded, self.constant, self.copy, self.stored)[self.kinds[-1]](c)
            if self.kinds[-1] in (0, 3):
                self.sum, self.count = self.sum + (self.x[:, c] >> channels[c].shift - self.least), self.count + 1
        assert {s for states in self.states.sets for s in states} == {self.states.least} or 0 not in self.kinds

    def at(self, x: np.ndarray, times: np.ndarray) -> np.ndarray:
        return x[np.clip(times, 0, self.frames - 1)]

    def constant(self, c: int) -> None:
        self.out[:, c] = self.number(0, "constant")

    def copy(self, c: int) -> None:
        back = self.number(0, "copy")
        self.out[:, c] = self.out[:, c - back]
        channel = self.model.channels[c]
        self.x[:, c] = self.expect(channel, channel.codes(self.out[:, c]), channel.mean)

    def expect(self, channel: Channel, codes: np.ndarray, mean: int) -> np.ndarray:
        if self.model.head.fast:
            most = 32767 >> max(channel.shift, 0)
            v = np.clip(codes - mean, -most, most) if channel.shift >= 0 else codes - mean
            return np.clip(shifted(v, -channel.shift), -32768, 32767)
        exact = shifted(channel.group.centre[codes] - 1024 * mean, 10 - channel.shift)
        self.events["clamped"] += int((clamp16(exact) != exact).sum())
        return clamp16(exact)

    def stored(self, c: int) -> None:
        channel = self.model.channels[c]
        mean = self.number(channel.mean, "mean")
        for t, alive in self.steps:
            for lane in range(alive):
                value = self.number.coder.uniform(16)
                self.out[self.begins[lane] + t, c] = value - (value >> 15 << 16)
        self.x[:, c] = self.expect(channel, channel.codes(self.out[:, c]), mean)

    def sums(self, c: int) -> Callable[[int], np.ndarray]:
        """Return what gives the weighted sums of a step, of all lanes."""
        model, channel, x = self.model, self.model.channels[c], self.x[:, c]
        all_mean = np.zeros(self.frames, np.int64)
        if self.count:
            all_mean = np.trunc(self.sum.astype(f) * (f(1) / f(self.count))).astype(np.int64)
        regressors = [self.x[:, n] for n in channel.neighbours] + [all_mean] * model.head.mean
        first = regressors[0] if channel.neighbours else np.zeros(self.frames, np.int64)

        def step(t: int) -> np.ndarray:
            now = np.minimum(self.begins + t, self.frames - 1)
            total = np.zeros(LANES, np.int64)
            for i, w in enumerate(channel.own, 1):
                past = self.at(first, now - i)
                if t:
                    past = clamp16(past + x[self.begins] - first[self.begins])
                total += w * (self.at(x, now - i) if i <= t else past)
            for w_of_lags, other in zip(channel.others, regressors, strict=True):
                for lag, w in enumerate(w_of_lags, -model.head.reach):
                    total += w * self.at(other, now - lag)
            self.events["wrapped"] += int((wrapped(total) != total).sum())
            return wrapped(total)

        return step

    def place(self, c: int, t: int, codes: np.ndarray, mean: int) -> None:
        """Note the codes of a step."""
        channel, now = self.model.channels[c], self.begins[: len(codes)] + t
        self.x[now, c] = self.expect(channel, codes, mean)
        self.out[now, c] = channel.samples(codes)
        self.outermost += now[(codes == 0) | (codes == channel.group.codes - 1)].tolist()

    def beyond(self, c: int) -> None:
        """Take the samples whose codes are the outermost ones."""
        last = 0
        for i in self.outermost:
            last = self.out[i, c] = self.number(last or int(self.out[i, c]), "beyond")
        self.events["beyond"] += len(self.outermost)

    def coded(self, c: int) -> None:
        model, channel = self.model, self.model.channels[c]
        group = channel.group
        mean = self.number(channel.mean, "mean")
        start = self.number(channel.start, "start")
        boost = self.number(0, "boost")
        scale = f(2.0 ** -(model.head.precision + channel.shift))
        a = [np.full(LANES, power(start)) for _ in range(3)]
        x, sums, self.outermost = self.x[:, c], self.sums(c), []
        for t, alive in self.steps:
            total = sums(t)
            at = total.astype(f) * scale + f(mean)
            v = (a[0] * f(0.3125) + a[1] * f(0.5625)) + a[2] * f(0.125)
            if not t:
                v = v * power(boost)
            r = (f(model.gain) / f(2)) / np.sqrt(v)

            def below(k: np.ndarray, at: np.ndarray = at, r: np.ndarray = r) -> np.ndarray:
                z = np.clip((group.threshold[k] - at) * r + f(256), f(0), f(512))
                i = np.trunc(z).astype(np.int64)
                low = group.shape[i].astype(f)
                return np.trunc(low + (group.shape[i + 1].astype(f) - low) * (z - i.astype(f))).astype(np.int64) + k

            self.place(c, t, self.states.take(below, group.codes, alive)[:alive], mean)
            if t:
                now = x[self.begins[:alive] + t]
                e = wrapped((now << model.head.precision) - total[:alive]).astype(f) * scale
                s = np.maximum(e * e, f(2.0**-8))
                for old, window in zip(a, (4096, 128, 8), strict=True):
                    old[:alive] = old[:alive] + (s - old[:alive]) / f(window)
        self.beyond(c)

    def coded_fast(self, c: int) -> None:
        channel, states = self.model.channels[c], self.states
        mean = self.number(channel.mean, "mean")
        raw, sizes = symbols(self.number(channel.start, "start"), self.model.tail)
        starts = np.cumsum(sizes) - sizes
        down = max(self.model.head.precision + channel.shift, 0)
        sums, self.outermost = self.sums(c), []
        for t, alive in self.steps:
            states.step(t)
            planes = [states.word() for _ in range(raw if t else 0)]
            residuals = [0] * LANES
            for place, lane in enumerate(ORDER):
                if lane >= alive:
                    continue
                if not t:
                    residuals[lane] = self.number(0, "first residual")
                    continue
                slot = states.state[lane] % 4096
                symbol = int(np.searchsorted(starts, slot, "right")) - 1
                bits = sum((plane >> place & 1) << bit for bit, plane in enumerate(planes))
                residuals[lane] = (symbol - 128) * (1 << raw) + bits if symbol else self.number(0, "residual")
                self.events["no symbol"] += not symbol
                states.state[lane] = int(sizes[symbol]) * (states.state[lane] >> 12) + slot - int(starts[symbol])
            codes = wrapped((sums(t) >> down) + np.array(residuals) + mean)
            self.place(c, t, np.clip(codes, 0, channel.group.codes - 1)[:alive], mean)
            if t:
                states.refill()
        self.beyond(c)


def symbols(start: int, tail: int) -> tuple[int, np.ndarray]:
    """Return how many low bits of residuals are stored as they are, and the frequencies of the fast way's symbols."""
    sigma, raw = np.sqrt(power(start)), 0
    while sigma > 34:
        sigma, raw = sigma * f(0.5), raw + 1
    edges = np.arange(1, 257).astype(f) - f(128) - f(0 if raw else 0.5)
    z = np.clip(edges * (f(32) / max(sigma, f(0.125))) + f(256), f(0), f(511))
    i = np.trunc(z).astype(np.int64)
    shape = distribution(tail)
    below = shape[i] + np.trunc((shape[i + 1] - shape[i]).astype(f) * (z - i.astype(f))).astype(np.int64)
    sizes = np.concatenate([[1], (np.diff(below) + 2048) >> 12])
    sizes[128 if sizes[128] == sizes.max() else sizes.argmax()] += 4096 - sizes.sum()
    return raw, sizes


def decode(data: bytes, model: bytes, frames: int) -> np.ndarray:
    """Return the samples of a chunk, int16 of shape (frames, channels)."""
    return Chunk(data, read(model), frames).out.astype(np.int16)
