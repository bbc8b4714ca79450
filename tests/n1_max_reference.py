"""A coder of n1_max payloads in NumPy, float32 and float64 in the order that docs/max.md asks for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from entropy_reference import Decoder, Encoder, Steered

f = np.float32
STEP = [4096, 2048, 32, 768, 24]
"""Parameters of the network: first layer, second layer, its biases, third layer, its biases."""


def clamp(x: np.ndarray, low: float, high: float) -> np.ndarray:
    return np.minimum(np.maximum(x, f(low)), f(high))


def sum8(x: np.ndarray) -> np.float32:
    return ((x[0] + x[4]) + (x[2] + x[6])) + ((x[1] + x[5]) + (x[3] + x[7]))


def power2(x: np.ndarray) -> np.ndarray:
    x = clamp(np.asarray(x, f), -100, 100)
    n = (x + f(1024.5)).astype(np.int32) - 1024
    part = x - n.astype(f)
    value = np.full(x.shape, f(0.00133336))
    for c in (0.00961813, 0.05550411, 0.24022651, 0.69314718, 1.0):
        value = f(c) + part * value
    return ((n + 127) << 23).astype(np.int32).view(f) * value


def logarithm2(x: np.ndarray) -> np.ndarray:
    bits = np.asarray(x, f).view(np.int32)
    t = ((bits & 0x7FFFFF) | 0x3F800000).view(f) - f(1)
    value = f(0.2208253) - t * f(0.0729523)
    for c in (-0.3473002, 0.4778981, -0.7211659, 1.4426950):
        value = f(c) + t * value
    return ((bits >> 23) - 127).astype(f) + t * value


def product(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    total = np.zeros(w.shape[1], f)
    for value, row in zip(x, w, strict=True):
        total = total + value * row
    return total


def two_sums(x: np.ndarray, w: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
    even = np.zeros(w.shape[1], f) if bias is None else bias
    for i in range(0, len(x), 2):
        even = even + x[i] * w[i]
    return even + product(x[1::2], w[1::2])


def activate(x: np.ndarray) -> np.ndarray:
    return x / (f(1) + np.abs(x))


def slope(h: np.ndarray) -> np.ndarray:
    s = f(1) - np.abs(h)
    return s * s


class Model:
    def __init__(self, tables: bytes, start: int) -> None:
        widths = np.frombuffer(tables, "<u2", 1024).astype(np.int64)
        edges = (np.concatenate([[0], np.cumsum(widths)]) << 20) // widths.sum() - (1 << 19)
        self.centre = (edges[1:] + edges[:-1]).astype(f) * f(1 / 2048)
        self.log_width = clamp(f(0.5) * logarithm2((np.diff(edges) + 64).astype(f) * f(1 / 1024)), -2, 2)
        self.edges = edges.copy()
        self.edges[[0, -1]] = -(8 << 20), 8 << 20
        self.shape = self.normal_distribution()
        at = 2048
        self.prior, self.prior_b, self.w = {}, {}, np.zeros((3, 32), f)
        for order, experts in ((32, (0, 1)), (16, (2,))):
            w = np.frombuffer(tables, "<f4", order, at)
            self.prior[order] = np.frombuffer(tables, "<f4", order * order, at + 4 * order).reshape(order, order)
            self.prior[order] = self.prior[order].astype(float)
            self.prior_b[order] = np.zeros(order)
            for j in range(order):
                self.prior_b[order] = self.prior_b[order] + self.prior[order][:, j] * float(w[j])
            for expert in experts:
                self.w[expert, 32 - order :] = w
            at += 4 * order * (order + 1)
        count = sum(STEP)
        net = np.frombuffer(tables, "<i2", count, at).astype(f) * f(1 / 4096)
        moments = np.frombuffer(tables, np.int8, count, at + 2 * count).astype(f)
        step = f(1e-4) / (power2(f(0.25) * moments) + f(1e-3))
        cuts, shapes = np.cumsum(STEP)[:-1], [(64, 64), (64, 32), (32,), (32, 24), (24,)]
        self.net = [a.reshape(s) for a, s in zip(np.split(clamp(net, -7.9, 7.9), cuts), shapes, strict=True)]
        self.step = [a.reshape(s) for a, s in zip(np.split(step, cuts), shapes, strict=True)]
        sigma = power2(np.array([f(0.125) * f(start) - f(2)]))[0]
        self.slow = self.middle = self.fast = np.full(3, sigma * sigma, f)
        self.odds, self.trust = np.full(8, f(1 / 8)), f(0.95)
        self.window, self.past, self.width = np.zeros(32, f), np.zeros(32, f), np.zeros(2, f)
        self.mean16 = self.mean128 = f(0)
        self.block, self.block_b = np.zeros((32, 32), f), np.zeros(32, f)
        self.r, self.b = np.zeros((2, 32, 32)), np.zeros((2, 32))
        self.batch: list[tuple[np.ndarray, ...]] = []
        self.t = 0

    @staticmethod
    def normal_distribution() -> np.ndarray:
        def density(z: float) -> float:
            x = -z * z / 2 / 1024
            e = 1 + x * (1 + x / 2 * (1 + x / 3 * (1 + x / 4 * (1 + x / 5))))
            for _ in range(10):
                e *= e
            return e

        mass = [0.0]
        for i in range(512):
            z = i / 32 - 8
            mass.append(mass[-1] + density(z) + 4 * density(z + 1 / 64) + density(z + 1 / 32))
        return np.array([int(m / mass[-1] * ((1 << 24) - 1024) + 0.5) for m in mass] + [(1 << 24) - 1024])

    def predict(self) -> None:
        v = f(0.625) * self.slow + f(0.25) * self.middle + f(0.125) * self.fast
        products = self.w * self.window
        lanes = (products[:, :8] + products[:, 8:16]) + (products[:, 16:24] + products[:, 24:])
        self.p = clamp(np.array([sum8(x) for x in lanes]), -700, 700)
        sigmas = np.sqrt(clamp(v, 0.04, 90000))
        p, sigma = self.p[0], sigmas[0]
        self.sigma, self.sigma_slow = sigma, np.sqrt(clamp(self.slow[0], 0.04, 90000))
        inverse = f(1) / sigma
        level = logarithm2(sigma)
        logs = f(0.5) * logarithm2(clamp(np.array([self.fast[0], self.middle[0], self.slow[0]]), 0.04, 90000)) - level
        last = self.window[::-1]
        x = np.zeros(64, f)
        x[:32] = self.past
        x[32:48] = clamp((last[:16] - p) * inverse * f(0.25), -6, 6)
        x[48:50] = clamp((self.p[1:] - p) * inverse * f(8), -6, 6)
        x[50:53] = logs * np.array([1, 1, 2], f)
        x[53] = f(0.5) * (level - f(2.5))
        x[54] = clamp(p * f(1 / 64), -6, 6)
        x[55] = clamp(np.abs(p), 0, 400) * f(1 / 64) - f(1)
        x[56:58] = self.width
        x[58:60] = f(4) * self.mean16, f(8) * self.mean128
        x[60:62] = clamp((self.window[[1, 5]] - p) * inverse * f(0.5), -6, 6)
        x[62] = clamp((last[0] - last[1]) * inverse * f(0.25), -6, 6)
        x[63] = 1
        w1, w2, b2, w3, b3 = self.net
        h1 = activate(product(x, w1))
        h2 = activate(two_sums(h1, w2, b2))
        y = two_sums(h2, w3, b3)
        mixed = power2((y[:8] - y[:8].max()) * f(1.442695))
        mixed = mixed * (f(1) / sum8(mixed))
        self.spread = power2(clamp(y[16:], -4, 5))
        self.inputs = x, h1, h2
        self.mixed = np.concatenate([mixed, self.odds])
        means = [p + sigma * clamp(y[8:16], -16, 16), self.p, np.full(5, p)]
        factors = np.array([0.88, 1.2, 1.5, 2.5, 10], f) * sigma + np.array([0, 0, 0, 0, 10], f)
        scales = [sigma * self.spread, sigmas, factors]
        self.recip = (f(131072) / clamp(np.concatenate(scales), 0.125, 600)).astype(np.int64)
        self.mu = (clamp(np.concatenate(means), -1000, 1000) * f(1024)).astype(np.int64)
        weights = np.repeat(np.array([self.trust, f(1) - self.trust], f), 8)
        self.share = (self.mixed * weights * f(65535)).astype(np.int64)
        self.share[8] += 65536 - self.share.sum()

    def parts(self, code: int) -> np.ndarray:
        reach = ((1 << 30) + self.recip - 1) // self.recip
        z = (np.clip(self.edges[code] - self.mu, -reach, reach) * self.recip >> 16) + (1 << 14)
        z = np.clip(z, 0, 1 << 15)
        below = self.shape[z >> 6]
        return below + ((self.shape[(z >> 6) + 1] - below) * (z & 63) >> 6)

    def below(self, code: int) -> int:
        return int((self.parts(code) * self.share).sum() >> 16) + code

    def learn(self, code: int) -> None:
        value = self.centre[code]
        held = self.mixed * ((self.parts(code + 1) - self.parts(code) + 1).astype(f) * f(2.0**-24))
        mass, linear = sum8(held[:8]), sum8(held[8:])
        self.odds = held[8:] * ((f(1) - f(0.0003)) / linear) + f(0.0003) / f(8)
        a, b = self.trust * mass, (f(1) - self.trust) * linear
        self.trust = (f(1) - f(0.001)) * (a / (a + b)) + f(0.9) * f(0.001)
        inverse = f(1) / (mass + f(1e-7))
        r = self.recip[:8].astype(f) * f(2.0**-27)
        z = [clamp((self.edges[k] - self.mu[:8]).astype(f) * r, -9, 9) for k in (code, code + 1)]
        density = [f(0.39894228) * power2(f(-0.72134752) * x * x) for x in z]
        k = self.mixed[:8] * inverse
        d_mean = clamp(k * (density[1] - density[0]) / self.spread, -4, 4)
        d_scale = clamp(f(0.69314718) * k * (density[1] * z[1] - density[0] * z[0]), -4, 4)
        self.batch.append((*self.inputs, np.concatenate([self.mixed[:8] - held[:8] * inverse, d_mean, d_scale])))
        self.t += 1
        if len(self.batch) == 16:
            self.descend()
        error = value - self.p
        square = error * error
        self.slow = self.slow + f(1) / f(self.t + 196 if self.t < 3900 else 4096) * (square - self.slow)
        self.middle = self.middle + f(1 / 128) * (square - self.middle)
        self.fast = self.fast + f(0.125) * (square - self.fast)
        z0 = error[0] / self.sigma
        self.past = np.concatenate([clamp(np.array([z0]), -6, 6), self.past[:-1]])
        self.mean16 = self.mean16 + f(1 / 16) * (self.past[0] - self.mean16)
        self.mean128 = self.mean128 + f(1 / 128) * (self.past[0] - self.mean128)
        self.width = np.array([self.log_width[code], self.width[0]])
        c = (f(4) / (f(3) + z0 * z0)) / (self.sigma_slow * self.sigma_slow)
        weighted = c * self.window
        self.block_b = self.block_b + weighted * value
        self.block = self.block + weighted[:, None] * self.window
        self.push(value)
        if self.t % 32 == 0:
            self.regress()

    def push(self, value: np.float32) -> None:
        if self.t == 1:
            self.window = np.full(32, value)
        means, last = self.window[:8], self.window[8:]
        reach = np.minimum(self.t, 32 << np.arange(8)).astype(f)
        self.window = np.concatenate([means + (value - means) * (f(1) / reach), last[1:], [value]]).astype(f)

    def descend(self) -> None:
        _, w2, _, w3, _ = self.net
        gradients = [np.zeros_like(a) for a in self.net]
        for x, h1, h2, d3 in self.batch:
            d2 = two_sums(d3, np.ascontiguousarray(w3.T)) * slope(h2)
            d1 = product(d2, np.ascontiguousarray(w2.T)) * slope(h1)
            found = (x[:, None] * d1, h1[:, None] * d2, d2, h2[:, None] * d3, d3)
            gradients = [g + new for g, new in zip(gradients, found, strict=True)]
        self.net = [clamp(w - step * g, -7.9, 7.9) for w, step, g in zip(self.net, self.step, gradients, strict=True)]
        self.batch = []

    def regress(self) -> None:
        for n, keep in enumerate((0.99968, 0.9936)):
            self.r[n] = keep * self.r[n] + self.block.astype(float)
            self.b[n] = keep * self.b[n] + self.block_b.astype(float)
        self.block, self.block_b = np.zeros((32, 32), f), np.zeros(32, f)
        if self.t < 1024 or self.t % 128 == 0:
            for expert, (n, order) in enumerate(((0, 32), (1, 32), (0, 16))):
                a = self.r[n, 32 - order :, 32 - order :] + self.prior[order]
                y = self.b[n, 32 - order :] + self.prior_b[order]
                for k in range(order):
                    factors = -(a[k, k + 1 :] * (1 / a[k, k]))
                    a[k + 1 :] = a[k + 1 :] + factors[:, None] * a[k]
                    y[k + 1 :] = y[k + 1 :] + factors * y[k]
                for k in reversed(range(order)):
                    y[k] = y[k] / a[k, k]
                    y[:k] = y[:k] - a[:k, k] * y[k]
                self.w[expert, 32 - order :] = y.astype(f)


def run(coder: Encoder | Decoder, tables: bytes, start: int, n: int, codes: Sequence[int] = ()) -> np.ndarray:
    """Code n codes, those that are given first; the others are what a decoder's bytes say, or a steered encoder wants.

    Return all of them, shape (n,), int64. The first code that is not given is where an encoder goes for its carry.
    """
    model = Model(tables, start)
    out = np.empty(n, np.int64)
    for t in range(n):
        model.predict()
        if t < len(codes):
            low = codes[t]
        else:
            unit = coder.size >> 24
            slot = (coder.place() if isinstance(coder, Steered) else coder.code) // unit  # type: ignore[union-attr]
            low, high = 0, 1024
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if model.below(middle) <= slot else (low, middle)
        below = model.below(low)
        coder.interval(below, model.below(low + 1) - below, 24)
        out[t] = low
        model.learn(low)
        if isinstance(coder, Steered) and coder.since is None and t + 1 == len(codes) < n:
            coder.aim(coder.zeros)
    return out


def decode(data: bytes, n: int, tables: bytes) -> np.ndarray:
    """Return the n codes of a payload whose first byte is 128 or more, shape (n,), int64."""
    return run(Decoder(data[1:]), tables, data[0] & 127, n)


def encode(codes: Sequence[int], start: int, tables: bytes, coder: Encoder | None = None) -> bytes:
    """Return the payload of codes; ``coder`` then knows what happened on the way."""
    coder = coder or Encoder()
    run(coder, tables, start, len(codes), codes)
    return bytes([128 | start]) + coder.end()
