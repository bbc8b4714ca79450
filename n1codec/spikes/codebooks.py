"""Ways to say what a spike looks like in few bits, each fitted to some spikes and measured on others.

A method turns waveforms into whole numbers and these into waveforms. The numbers of one kind (a column) are coded by an
adaptive code that knows nothing beforehand; their bits are its exact length, as
:func:`n1codec.lossy.curves.adaptive_bits` counts it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from n1codec.spikes.network import Network

SEED = 0


class Code(ABC):
    """A method that is fitted. Waveforms are float64 of shape (spikes, channels * samples)."""

    @abstractmethod
    def encode(self, x: np.ndarray) -> np.ndarray:
        """Return whole numbers, int64 of shape (spikes, columns)."""

    @abstractmethod
    def decode(self, numbers: np.ndarray) -> np.ndarray:
        """Return the waveforms that numbers stand for."""

    @property
    @abstractmethod
    def model_bytes(self) -> int:
        """What a receiver has to be sent before: a byte for each weight, two for each of a codeword's samples."""

    latents: int
    """Columns that tell of a spike, which the literature counts."""


# -- k-means ---------------------------------------------------------------------------------------------------------


def nearest(x: np.ndarray, words: np.ndarray) -> np.ndarray:
    """Return the number of the nearest of some codewords, int64 of shape (spikes,)."""
    return np.asarray(((words**2).sum(axis=1) - 2 * x @ words.T).argmin(axis=1))


def k_means(x: np.ndarray, count: int, rounds: int = 30, seed: int = SEED) -> np.ndarray:
    """Return codewords, float64 of shape (count, numbers): means of the vectors that are nearest to each.

    S. Lloyd, "Least squares quantization in PCM", IEEE Trans. IT 28(2), 1982; begun as D. Arthur and S. Vassilvitskii,
    "k-means++", 2007. There are no more codewords than vectors.
    """
    random = np.random.default_rng(seed)
    count = min(count, len(x))
    words = x[random.integers(len(x))][None].copy()
    away = ((x - words[0]) ** 2).sum(axis=1)
    while len(words) < count:
        total = float(away.sum())
        at = int(random.choice(len(x), p=away / total)) if total > 0 else int(random.integers(len(x)))
        words = np.vstack([words, x[at]])
        away = np.minimum(away, ((x - x[at]) ** 2).sum(axis=1))
    for _ in range(rounds):
        near = nearest(x, words)
        counts = np.bincount(near, minlength=count)
        order = np.argsort(near, kind="stable")
        sums = np.add.reduceat(x[order], np.minimum(np.cumsum(counts) - counts, len(x) - 1), axis=0)
        new = np.where(counts[:, None] > 0, sums / np.maximum(counts, 1)[:, None], words)
        if np.array_equal(new, words):
            break
        words = new
    return words


class Words(Code):
    """Codewords in stages, each for what the stages before leave (residual vector quantisation; one stage: k-means).

    B.-H. Juang and A. Gray, "Multiple stage vector quantization for speech coding", ICASSP 1982.
    """

    def __init__(self, books: list[np.ndarray]) -> None:
        self.books, self.latents = books, len(books)

    @classmethod
    def fitted(cls, x: np.ndarray, count: int, stages: int = 1) -> Words:
        """Return stages of so many codewords, by :func:`k_means`."""
        books = []
        for _ in range(stages):
            books.append(k_means(x, count))
            x = x - books[-1][nearest(x, books[-1])]
        return cls(books)

    def encode(self, x: np.ndarray) -> np.ndarray:
        numbers = []
        for book in self.books:
            numbers.append(nearest(x, book))
            x = x - book[numbers[-1]]
        return np.stack(numbers, axis=1)

    def decode(self, numbers: np.ndarray) -> np.ndarray:
        return np.asarray(sum(book[column] for book, column in zip(self.books, numbers.T, strict=True)))

    @property
    def model_bytes(self) -> int:
        return 2 * sum(book.size for book in self.books)


# -- transforms ------------------------------------------------------------------------------------------------------


BINS = 2
"""On either side of 0, whose coefficients have a mean of their own; beyond them the middle of a bin will do."""


class Bins:
    """Coefficients rounded to multiples of one step, each of which comes back as the mean of those in its bin.

    At less than a bit for each most coefficients are within half a step of 0, and the middle of the next bin is far
    out. The mean is the best that a decoder can say (S. Lloyd, "Least squares quantization in PCM", IEEE Trans. IT
    28(2), 1982).

    Args:
        left: the coefficients to fit to, shape (spikes, coefficients); None for bins whose middles come back.
    """

    def __init__(self, step: float, left: np.ndarray | None = None) -> None:
        self._step, self._means = step, None
        if left is None:
            return
        bins = np.rint(left / step)
        numbers = np.arange(-BINS, BINS + 1)
        inside = [bins == number for number in numbers]
        sums = np.stack([(left * mask).sum(axis=0) for mask in inside])
        counts = np.stack([mask.sum(axis=0) for mask in inside])
        self._means = np.where(counts > 0, sums / np.maximum(counts, 1), numbers[:, None] * step)

    def numbers(self, coefficients: np.ndarray) -> np.ndarray:
        """Return the bins of coefficients, int64 of the shape (spikes, coefficients)."""
        return np.rint(coefficients / self._step).astype(np.int64)

    def coefficients(self, numbers: np.ndarray) -> np.ndarray:
        """Return what bins stand for, float64 of the shape (spikes, coefficients)."""
        if self._means is None:
            return numbers * self._step
        means = np.take_along_axis(self._means, np.clip(numbers + BINS, 0, 2 * BINS), axis=0)
        return np.where(np.abs(numbers) <= BINS, means, numbers * self._step)

    @property
    def model_bytes(self) -> int:
        """Of the means."""
        return 0 if self._means is None else self._means.size


class Transform(Code):
    """An orthonormal transform whose coefficients are rounded.

    Args:
        rows: shape (coefficients, channels * samples).
        bins: of the coefficients.
        mean: what is taken off before, shape (channels * samples,); None for a transform that nobody fitted, which does
            not have to be sent.
    """

    def __init__(self, rows: np.ndarray, bins: Bins, mean: np.ndarray | None = None) -> None:
        self._rows, self._bins, self._mean = rows, bins, mean
        self.latents = len(rows)

    def encode(self, x: np.ndarray) -> np.ndarray:
        return self._bins.numbers((x if self._mean is None else x - self._mean) @ self._rows.T)

    def decode(self, numbers: np.ndarray) -> np.ndarray:
        back = self._bins.coefficients(numbers) @ self._rows
        return np.asarray(back if self._mean is None else back + self._mean)

    @property
    def model_bytes(self) -> int:
        return 0 if self._mean is None else self._rows.size + 2 * self._mean.size + self._bins.model_bytes


def principal(x: np.ndarray) -> np.ndarray:
    """Return the principal components of vectors with the mean 0, the strongest first, as rows."""
    return np.asarray(np.linalg.eigh(x.T @ x)[1].T[::-1])


def cosines(samples: int) -> np.ndarray:
    """Return the orthonormal cosine transform (DCT-II) of so many samples as rows."""
    k, n = np.arange(samples)[:, None], np.arange(samples)
    rows = np.sqrt(2 / samples) * np.cos(np.pi * k * (2 * n + 1) / (2 * samples))
    rows[0] /= np.sqrt(2)
    return np.asarray(rows)


_SYM4 = np.array([-0.07576571478927333, -0.02963552764599851, 0.49761866763201545, 0.8037387518059161,
                  0.29785779560527736, -0.09921954357684722, -0.012603967262037833, 0.0322231006040427])  # fmt: skip
"""Lowpass of the least asymmetric wavelet with four vanishing moments: I. Daubechies, "Ten Lectures on Wavelets"."""


def wavelets(samples: int) -> np.ndarray:
    """Return the orthonormal transform of the wavelet sym4 as rows, periodic, on all levels that are even."""
    rows, size = np.eye(samples), samples
    high = _SYM4[::-1] * (-1.0) ** np.arange(_SYM4.size)
    while size % 2 == 0 and size >= 2 * _SYM4.size:
        level = np.zeros((size, size))
        for k in range(size // 2):
            at = (2 * k + np.arange(_SYM4.size)) % size
            level[k, at], level[size // 2 + k, at] = _SYM4, high
        rows[:size] = level @ rows[:size]
        size //= 2
    return rows


class ClassTransform(Code):
    """The nearest of some codewords, and the principal components of what it leaves.

    Args:
        words: shape (classes, channels * samples).
        rows: components.
        bins: of their coefficients.
    """

    def __init__(self, words: np.ndarray, rows: np.ndarray, bins: Bins) -> None:
        self._words, self._rows, self._bins = words, rows, bins
        self.latents = 1 + len(rows)

    def encode(self, x: np.ndarray) -> np.ndarray:
        near = nearest(x, self._words)
        return np.column_stack([near, self._bins.numbers((x - self._words[near]) @ self._rows.T)])

    def decode(self, numbers: np.ndarray) -> np.ndarray:
        return np.asarray(self._words[numbers[:, 0]] + self._bins.coefficients(numbers[:, 1:]) @ self._rows)

    @property
    def model_bytes(self) -> int:
        return 2 * self._words.size + self._rows.size + self._bins.model_bytes


# -- compressed sensing ----------------------------------------------------------------------------------------------


class Sensing(Code):
    """Sums of samples with random signs, from which few wavelets are found that explain them.

    D. Donoho, "Compressed sensing", IEEE Trans. IT 52(4), 2006; found by orthogonal matching pursuit (J. Tropp and A.
    Gilbert, IEEE Trans. IT 53(12), 2007).

    Args:
        sums: of each channel.
        step: of a sum.
    """

    def __init__(self, channels: int, samples: int, sums: int, step: float) -> None:
        self._shape, self._step = (channels, samples), step
        signs = np.random.default_rng(SEED).choice([-1.0, 1.0], (sums, samples)) / np.sqrt(samples)
        self._signs, self._rows = signs, wavelets(samples)
        self.latents = channels * sums

    def encode(self, x: np.ndarray) -> np.ndarray:
        sums = x.reshape(-1, self._shape[1]) @ self._signs.T
        return np.rint(sums / self._step).astype(np.int64).reshape(len(x), -1)

    def decode(self, numbers: np.ndarray) -> np.ndarray:
        sums = numbers.reshape(-1, len(self._signs)) * self._step
        atoms = self._signs @ self._rows.T
        atoms_norm = np.linalg.norm(atoms, axis=0)
        chosen = np.zeros((len(sums), 0), np.int64)
        left, found = sums, np.zeros((len(sums), 0))
        for _ in range(max(1, len(self._signs) // 8)):
            gain = np.abs(left @ atoms) / atoms_norm
            np.put_along_axis(gain, chosen, -1.0, axis=1)
            chosen = np.column_stack([chosen, gain.argmax(axis=1)])
            used = atoms.T[chosen]  # (signals, atoms so far, sums)
            gram = used @ used.transpose(0, 2, 1) + 1e-9 * np.eye(chosen.shape[1])
            found = np.linalg.solve(gram, used @ sums[:, :, None])[:, :, 0]
            left = sums - np.einsum("sk,skm->sm", found, used)
        coefficients = np.zeros((len(sums), self._shape[1]))
        np.put_along_axis(coefficients, chosen, found, axis=1)
        return np.asarray((coefficients @ self._rows).reshape(len(numbers), -1))

    @property
    def model_bytes(self) -> int:
        return 0


# -- autoencoder -----------------------------------------------------------------------------------------------------


class Autoencoder(Code):
    """The first stages of a trained network's codewords.

    Args:
        scale: of the waveforms, one unit of the noise.
    """

    def __init__(self, model: Network, stages: int, scale: float) -> None:
        self._model, self._scale, self.latents = model, scale, stages

    def encode(self, x: np.ndarray) -> np.ndarray:
        shaped = x.reshape(len(x), self._model.channels, self._model.samples) / self._scale
        return self._model.encode(shaped)[:, : self.latents].astype(np.int64)

    def decode(self, numbers: np.ndarray) -> np.ndarray:
        return self._model.decode(numbers).reshape(len(numbers), -1) * self._scale

    @property
    def model_bytes(self) -> int:
        return self._model.bytes_decoder


# -- all of them -----------------------------------------------------------------------------------------------------


class Given(NamedTuple):
    """What methods are fitted to."""

    waveforms: np.ndarray
    """float64 of shape (spikes, channels, samples)."""
    noise: float
    """Standard deviation of the samples around spikes."""
    model: Network | None

    @property
    def flat(self) -> np.ndarray:
        return self.waveforms.reshape(len(self.waveforms), -1)


Stepped = Callable[[float], Code]
"""What gives a code for a step in multiples of the noise: the larger, the fewer bits."""


def _pca(given: Given) -> Stepped:
    mean = given.flat.mean(axis=0)
    rows = principal(given.flat - mean)
    left = (given.flat - mean) @ rows.T
    return lambda step: Transform(rows, Bins(step * given.noise, left), mean)


def _per_channel(rows: np.ndarray, given: Given) -> Stepped:
    every = np.kron(np.eye(given.waveforms.shape[1]), rows)
    return lambda step: Transform(every, Bins(step * given.noise))


def _kmeans(given: Given) -> list[Code]:
    return [Words.fitted(given.flat, 1 << bits) for bits in range(2, 9) if 1 << bits <= len(given.flat) // 2]


def _rvq(given: Given) -> list[Code]:
    count = 64 if len(given.flat) >= MANY else 16
    books = Words.fitted(given.flat, count, RVQ_STAGES).books
    return [Words(books[: 1 + i]) for i in range(RVQ_STAGES)]


def _class_pca(given: Given) -> Stepped:
    words = k_means(given.flat, 128 if len(given.flat) >= MANY else 8)
    rest = given.flat - words[nearest(given.flat, words)]
    rows = principal(rest)
    left = rest @ rows.T
    return lambda step: ClassTransform(words, rows, Bins(step * given.noise, left))


def _cs(given: Given) -> list[Code]:
    _, channels, samples = given.waveforms.shape
    return [Sensing(channels, samples, samples // part, step * given.noise)
            for part, step in ((8, 8.0), (8, 4.0), (4, 4.0), (4, 2.0), (2, 2.0))]  # fmt: skip


def _vqae(given: Given) -> list[Code]:
    return [Autoencoder(given.model, 1 + i, given.noise) for i in range(given.model.stages)] if given.model else []


RVQ_STAGES = 4
MANY = 4000
"""Spikes that a large codebook can be fitted to."""
METHODS: dict[str, Callable[[Given], list[Code] | Stepped]] = {
    "pca": _pca,
    "dct": lambda given: _per_channel(cosines(given.waveforms.shape[2]), given),
    "wavelet": lambda given: _per_channel(wavelets(given.waveforms.shape[2]), given),
    "kmeans": _kmeans,
    "rvq": _rvq,
    "class_pca": _class_pca,
    "cs": _cs,
    "vqae": _vqae,
}
"""By name: what is fitted to spikes, codes of rising rate or one that takes any step."""
