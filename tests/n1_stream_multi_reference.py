"""A slow decoder of packets of n1_multi in Python, written from docs/streaming.md and docs/multi.md."""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from typing import NamedTuple

import numpy as np
from format_reference import Cursor
from n1_multi_reference import MOST, Channel, Model, clamp16, f, power, read, wrapped

PAST = 32


class Place(NamedTuple):
    """Where a channel of the model is in a packet."""

    channel: int
    row: int


def places(begin: int, end: int) -> list[Place]:
    """Return the order in which the channels of a section are coded."""
    channels = end - begin
    lanes = 1 if channels < 16 else min(channels // 8, 16)
    rows = -(-channels // lanes)
    return [Place(channel, row) for row in range(rows) for channel in range(begin + row, end, rows)]


class State:
    """What a channel knows: x of the last 32 samples and of the packet, and its scale."""

    def __init__(self, channel: Channel) -> None:
        self.channel, self.x = channel, np.zeros(PAST, np.int64)
        self.mean, self.start, self.a = 0, 0, [f(1)] * 3

    def restart(self, mean: int, start: int) -> None:
        self.mean, self.start, self.x = mean, start, np.zeros(PAST, np.int64)
        self.scale()

    def scale(self) -> None:
        self.a = [power(self.start)] * 3

    def expect(self, codes: np.ndarray) -> np.ndarray:
        return clamp16((self.channel.group.centre[codes] - 1024 * self.mean) >> 10 - self.channel.shift)

    def nearest(self, samples: np.ndarray) -> np.ndarray:
        """Return codes, for samples that are none too."""
        c, last = self.channel, self.channel.group.codes - 1
        if not c.step:
            return np.clip(samples - c.group.first, 0, last)
        if c.step == 1:
            return np.minimum((samples + 32768) >> 6, last)
        return np.minimum(((np.maximum(samples - c.first, 0) << 13) + c.step // 2) // c.step, last)


class Packets:
    """Samples of one packet after the other, none of which is missing."""

    def __init__(self, profile: bytes, channels: int, frames: int, period: int) -> None:
        source = Cursor(profile)
        assert source.take(4) == b"N1P\2"
        source.take(source.uint())
        self.model: Model = read(profile[source.at :])
        self.frames, self.number, self.period = frames, channels, period
        self.checksum = zlib.crc32(profile)
        self.seed = zlib.crc32(struct.pack("<QQQ", channels, frames, period))
        self.states = [State(channel) for channel in self.model.channels]
        self.events: Counter[str] = Counter()

    def pull(self, packet: bytes) -> np.ndarray:
        """Return int64 samples of shape (frames, channels)."""
        source = Cursor(packet)
        assert source.take(1) == b"\7"
        source.take(4)
        (told,) = struct.unpack("<I", source.take(4))
        assert told == zlib.crc32(packet[9:], zlib.crc32(packet[:5], self.seed))
        assert source.take(4) == self.checksum.to_bytes(4, "little")
        out = np.zeros((self.frames, self.number), np.int64)
        sections = -(-self.number // 512)
        width = -(self.number // -8 // sections) * 8
        for begin in range(0, self.number, width):
            about = source.uint()
            body = Cursor(source.take(about >> 2))
            self.section(body, begin, min(begin + width, self.number), about, out)
        assert source.at == len(packet)
        return out

    def section(self, body: Cursor, begin: int, end: int, about: int, out: np.ndarray) -> None:
        order = places(begin, end)
        if about & 1:
            for i in range(begin, end):
                mean, start = struct.unpack("<HB", body.take(3))
                self.states[i].restart(mean, start - 32)
            self.events["restarts"] += 1
        stored: set[int] = set()
        last = begin - 1
        for _ in range(body.uint() if about & 2 else 0):
            last += body.uint() + 1
            stored.add(last)
            out[:, last] = np.frombuffer(body.take(2 * self.frames), "<i2")
        self.events["all stored" if len(stored) == end - begin else "stored"] += bool(stored)
        lanes = sum(place.row == 0 for place in order)
        coded = len(stored) < end - begin
        self.words, self.state = body, [int.from_bytes(body.take(6), "little") for _ in range(lanes if coded else 0)]
        for row in range(order[-1].row + 1):
            self.row([i for i, place in enumerate(order, begin) if place.row == row], begin, order, stored, out)
        assert set(self.state) <= {1 << 32} and body.at == len(body.data)
        for i, place in enumerate(order, begin):
            self.states[i].x = self.states[i].x[-PAST:]
            if place.channel in stored:
                self.states[i].scale()

    def row(self, members: list[int], begin: int, order: list[Place], stored: set[int], out: np.ndarray) -> None:
        earlier = self.states[begin : members[0]]
        mean = np.zeros(PAST + self.frames, np.int64)
        if earlier:
            least = min(channel.shift for channel in self.model.channels)
            total = sum(state.x >> state.channel.shift - least for state in earlier)
            mean = clamp16(np.trunc(np.asarray(total).astype(f) * (f(1) / f(len(earlier)))).astype(np.int64))
        columns = [order[i - begin].channel for i in members]
        for i, column in zip(members, columns, strict=True):
            if column in stored:
                state = self.states[i]
                state.x = np.concatenate([state.x, state.expect(state.nearest(out[:, column]))])
        for t in range(self.frames):
            for lane, (i, column) in enumerate(zip(members, columns, strict=True)):
                if column not in stored:
                    self.step(self.states[i], lane, t, mean, out[:, column])
            for _ in range(2):
                for lane, state in enumerate(self.state):
                    if state < 1 << 32:
                        self.state[lane] = state << 16 | int.from_bytes(self.words.take(2), "little")
                        self.events["words"] += 1

    def step(self, state: State, lane: int, t: int, mean: np.ndarray, out: np.ndarray) -> None:
        head, channel = self.model.head, state.channel
        group, last = channel.group, PAST + self.frames - 1
        total = sum(int(w) * int(state.x[PAST + t - i]) for i, w in enumerate(channel.own, 1))
        others = [self.states[n].x for n in channel.neighbours] + [mean] * head.mean
        for weights, x in zip(channel.others, others, strict=True):
            for lag, w in enumerate(weights, -head.reach):
                total += w * int(x[min(PAST + t - lag, last)])
        total = int(wrapped(np.array(total)))
        scale = f(2.0 ** -(head.precision + channel.shift))
        at = f(total) * scale + f(state.mean)
        v = (state.a[0] * f(0.3125) + state.a[1] * f(0.5625)) + state.a[2] * f(0.125)
        r = (f(self.model.gain) / f(2)) / np.sqrt(v)

        def below(k: int) -> int:
            z = np.clip((group.threshold[k] - at) * r + f(256), f(0), f(512))
            i = int(z)
            low = f(group.shape[i])
            return int(low + (f(group.shape[i + 1]) - low) * (z - f(i))) + k

        slot, low, high = self.state[lane] % MOST, 0, group.codes
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if below(middle) <= slot else (low, middle)
        begin = below(low)
        self.state[lane] = (below(low + 1) - begin) * (self.state[lane] >> 24) + slot - begin
        x = state.expect(np.array([low]))
        state.x = np.append(state.x, x)
        out[t] = channel.samples(np.array([low]))[0]
        e = f(int(wrapped((x << head.precision) - total)[0])) * scale
        square = max(e * e, f(2.0**-8))
        state.a = [a + (square - a) / f(window) for a, window in zip(state.a, (4096, 128, 8), strict=True)]
