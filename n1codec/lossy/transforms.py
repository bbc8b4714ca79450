"""Bases: signals to coefficients in bands, and back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import numpy as np

from n1codec.codec import UnavailableError

_MOST_BANDS = 24
"""Of the bands that the coefficients of a block make up: each has statistics of its own."""
_LEVELS = 8
"""Of a wavelet transform, of signals that are long enough."""
_PACKET_DEPTH = 6
_BITS_OF_A_BAND = 60
"""For its range, and until its statistics are learned, about."""
SAMPLES_TO_TRAIN_ON = 2_000_000


class Basis(ABC):
    """A transform of one channel; every method takes and gives float64."""

    trained = False
    """Whether it has to be fitted to recordings."""
    needs = ""
    """A module that is not always there."""

    @abstractmethod
    def forward(self, x: np.ndarray) -> list[np.ndarray]:
        """Return the coefficients of ``x``, shape (frames,), by bands: flat arrays of any length."""

    def for_step(self, bands: list[np.ndarray], step: float) -> list[np.ndarray]:
        """Return what is to be rounded with a step, of the signal that ``forward`` gave these coefficients of last.

        Those are the coefficients, unless there are more of them than samples, and so more than one way to choose.
        """
        return bands

    @abstractmethod
    def inverse(self, bands: Sequence[np.ndarray], frames: int) -> np.ndarray:
        """Return the signal of so many frames that coefficients stand for."""

    def fitted(self, signals: Sequence[np.ndarray]) -> Basis:
        """Return it as fitted to signals."""
        return self


class Identity(Basis):
    """The samples themselves."""

    def forward(self, x: np.ndarray) -> list[np.ndarray]:
        return [x]

    def inverse(self, bands: Sequence[np.ndarray], frames: int) -> np.ndarray:
        return bands[0]


def band_edges(size: int) -> np.ndarray:
    """Return where bands begin among coefficients that are ordered from important to unimportant, and ``size``."""
    edges = np.unique(np.round(size ** (np.arange(_MOST_BANDS + 1) / _MOST_BANDS)).astype(int))
    return np.unique(np.concatenate([[0], edges]))


class Blocks(Basis):
    """Blocks of equal length, side by side, each multiplied by a matrix; the last is filled up by mirroring."""

    size: int

    @abstractmethod
    def transform(self, blocks: np.ndarray) -> np.ndarray:
        """Return the coefficients of blocks, shape (blocks, size), in the order of their importance."""

    @abstractmethod
    def back(self, coefficients: np.ndarray) -> np.ndarray: ...

    def forward(self, x: np.ndarray) -> list[np.ndarray]:
        coefficients = self.transform(blocks_of(x, self.size))
        return [part.ravel() for part in np.split(coefficients, band_edges(self.size)[1:-1], axis=1)]

    def inverse(self, bands: Sequence[np.ndarray], frames: int) -> np.ndarray:
        widths = np.diff(band_edges(self.size))
        parts = [band.reshape(-1, width) for band, width in zip(bands, widths, strict=True)]
        return self.back(np.concatenate(parts, axis=1)).ravel()[:frames]


def blocks_of(x: np.ndarray, size: int) -> np.ndarray:
    """Return a signal as blocks, shape (blocks, size); what the last one lacks is the end mirrored."""
    missing = -len(x) % size
    return np.pad(x, (0, missing), "symmetric").reshape(-1, size)


class Cosine(Blocks):
    """DCT-II (Ahmed, Natarajan, Rao 1974)."""

    def __init__(self, size: int) -> None:
        self.size = size

    def transform(self, blocks: np.ndarray) -> np.ndarray:
        from scipy import fft

        return np.asarray(fft.dct(blocks, norm="ortho"))

    def back(self, coefficients: np.ndarray) -> np.ndarray:
        from scipy import fft

        return np.asarray(fft.idct(coefficients, norm="ortho"))


class Fourier(Blocks):
    """The discrete Fourier transform of real blocks: real and imaginary parts side by side."""

    def __init__(self, size: int) -> None:
        self.size = size

    def transform(self, blocks: np.ndarray) -> np.ndarray:
        spectrum = np.fft.rfft(blocks, norm="ortho")
        pairs = np.stack([spectrum.real, spectrum.imag], axis=-1).reshape(len(blocks), -1) * np.sqrt(2)
        found = np.concatenate(
            [pairs[:, :1], pairs[:, 2:-1]], axis=1
        )  # the first and the last one have no imaginary part
        found[:, [0, -1]] /= np.sqrt(2)
        return found

    def back(self, coefficients: np.ndarray) -> np.ndarray:
        scaled = coefficients / np.sqrt(2)
        scaled[:, [0, -1]] *= np.sqrt(2)
        pairs = np.insert(scaled, [1, self.size], 0, axis=1).reshape(len(scaled), -1, 2)
        return np.fft.irfft(pairs[..., 0] + 1j * pairs[..., 1], self.size, norm="ortho")


class LappedCosine(Basis):
    """MDCT with a sine window (Princen, Johnson, Bradley 1987): blocks of 2 ``size`` samples that overlap by half."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._window = np.sin(np.pi * (np.arange(2 * size) + 0.5) / (2 * size))

    def forward(self, x: np.ndarray) -> list[np.ndarray]:
        from scipy import fft

        size, half = self.size, self.size // 2
        padded = np.pad(x, (size, size + -len(x) % size), "symmetric")
        blocks = np.lib.stride_tricks.sliding_window_view(padded, 2 * size)[::size] * self._window
        a, b, c, d = (blocks[:, half * i : half * (i + 1)] for i in range(4))
        folded = np.concatenate([-c[:, ::-1] - d, a - b[:, ::-1]], axis=1)
        coefficients = np.asarray(fft.dct(folded, type=4, norm="ortho"))
        return [part.ravel() for part in np.split(coefficients, band_edges(size)[1:-1], axis=1)]

    def inverse(self, bands: Sequence[np.ndarray], frames: int) -> np.ndarray:
        from scipy import fft

        size, half = self.size, self.size // 2
        widths = np.diff(band_edges(size))
        coefficients = np.concatenate(
            [band.reshape(-1, width) for band, width in zip(bands, widths, strict=True)], axis=1
        )
        folded = np.asarray(fft.dct(coefficients, type=4, norm="ortho"))
        low, high = folded[:, :half], folded[:, half:]
        blocks = np.concatenate([high, -high[:, ::-1], -low[:, ::-1], -low], axis=1) * self._window
        return (blocks[1:, :size] + blocks[:-1, size:]).ravel()[:frames]


@cache
def _pywt() -> Any:
    try:
        import pywt
    except ImportError as error:
        raise UnavailableError("wavelets need the Python module pywt (pip install 'n1codec[lossy]')") from error
    return pywt


class Wavelet(Basis):
    """A discrete wavelet transform (Mallat 1989), periodic; each scale is a band."""

    needs = "pywt"

    def __init__(self, name: str) -> None:
        self.name = name

    def forward(self, x: np.ndarray) -> list[np.ndarray]:
        levels = max(1, min(_LEVELS, _pywt().dwt_max_level(len(x), self.name)))
        return list(_pywt().wavedec(_padded(x, levels), self.name, "periodization", levels))

    def inverse(self, bands: Sequence[np.ndarray], frames: int) -> np.ndarray:
        return np.asarray(_pywt().waverec(bands, self.name, "periodization"))[:frames]


def _padded(x: np.ndarray, levels: int) -> np.ndarray:
    """Return a signal that can be halved so often."""
    return np.pad(x, (0, -len(x) % (1 << levels)), "symmetric")


class Packets(Basis):
    """Wavelet packets (Coifman, Wickerhauser 1992): all of one depth, or the tree that is best for a signal.

    The best tree takes the fewest bits, by the logarithms of its bands' variances and what each band takes by itself.
    """

    needs = "pywt"

    def __init__(self, name: str, *, best: bool) -> None:
        self.name, self.best = name, best
        self._paths: list[str] = []

    def forward(self, x: np.ndarray) -> list[np.ndarray]:
        bands = {"": _padded(x, _PACKET_DEPTH)}
        leaves = [""]
        for _ in range(_PACKET_DEPTH):
            split = []
            for path in leaves:
                low, high = _pywt().dwt(bands[path], self.name, "periodization")
                bands[path + "0"], bands[path + "1"] = low, high
                split += [path + "0", path + "1"]
            leaves = split
        self._paths = self._tree(bands, "")[1] if self.best else leaves
        return [bands[path] for path in self._paths]

    def _tree(self, bands: dict[str, np.ndarray], path: str) -> tuple[float, list[str]]:
        cost = _BITS_OF_A_BAND + bands[path].size * np.log2(1 + (bands[path] ** 2).mean()) / 2
        if len(path) == _PACKET_DEPTH:
            return cost, [path]
        parts = [self._tree(bands, path + side) for side in "01"]
        together = sum(part[0] for part in parts)
        return (together, parts[0][1] + parts[1][1]) if together < cost else (cost, [path])

    def inverse(self, bands: Sequence[np.ndarray], frames: int) -> np.ndarray:
        left = dict(zip(self._paths, bands, strict=True))
        for depth in range(_PACKET_DEPTH, 0, -1):
            for path in sorted({path[:-1] for path in left if len(path) == depth}):
                left[path] = _pywt().idwt(left.pop(path + "0"), left.pop(path + "1"), self.name, "periodization")
        return np.asarray(left[""])[:frames]


class KarhunenLoeve(Blocks):
    """The eigenvectors of the covariance of blocks, the largest eigenvalue first."""

    trained = True

    def __init__(self, size: int, vectors: np.ndarray | None = None) -> None:
        self.size, self._vectors = size, vectors

    def fitted(self, signals: Sequence[np.ndarray]) -> KarhunenLoeve:
        covariance = np.zeros((self.size, self.size))
        for x in signals:
            blocks = blocks_of(x, self.size)
            covariance += blocks.T @ blocks / len(blocks)
        return KarhunenLoeve(self.size, np.linalg.eigh(covariance)[1][:, ::-1].copy())

    def transform(self, blocks: np.ndarray) -> np.ndarray:
        assert self._vectors is not None
        return blocks @ self._vectors

    def back(self, coefficients: np.ndarray) -> np.ndarray:
        assert self._vectors is not None
        return coefficients @ self._vectors.T


class Independent(Blocks):
    """Independent components of blocks (FastICA, Hyvaerinen 1999), scaled to columns of length 1."""

    trained = True
    needs = "sklearn"

    def __init__(self, size: int, matrices: tuple[np.ndarray, np.ndarray] | None = None) -> None:
        self.size, self._matrices = size, matrices

    def fitted(self, signals: Sequence[np.ndarray]) -> Independent:
        from warnings import catch_warnings, simplefilter

        try:
            from sklearn.decomposition import FastICA
        except ImportError as error:
            raise UnavailableError("ICA needs the Python module sklearn (pip install 'n1codec[lossy]')") from error
        share = max(1, sum(len(x) for x in signals) // SAMPLES_TO_TRAIN_ON)
        blocks = np.concatenate([blocks_of(x, self.size)[::share] for x in signals])
        with catch_warnings():
            simplefilter("ignore")  # that it has not converged: it is good enough to be compared
            found = FastICA(whiten="unit-variance", random_state=0, max_iter=60, tol=1e-3).fit(blocks - blocks.mean(0))
        lengths = np.linalg.norm(found.mixing_, axis=0)
        order = np.argsort(-lengths)
        mixing = (found.mixing_ / lengths)[:, order]
        return Independent(self.size, (np.linalg.inv(mixing), mixing))

    def transform(self, blocks: np.ndarray) -> np.ndarray:
        assert self._matrices is not None
        return blocks @ self._matrices[0].T

    def back(self, coefficients: np.ndarray) -> np.ndarray:
        assert self._matrices is not None
        return coefficients @ self._matrices[1].T


BASES: dict[str, Callable[[], Basis]] = {
    "identity": Identity,
    **{f"dct{size}": partial(Cosine, size) for size in (16, 64, 256, 1024)},
    "dft256": partial(Fourier, 256),
    **{f"mdct{size}": partial(LappedCosine, size) for size in (64, 256, 1024)},
    **{name: partial(Wavelet, name) for name in ("haar", "db2", "db4", "sym8")},
    "5/3": partial(Wavelet, "bior2.2"),
    "9/7": partial(Wavelet, "bior4.4"),
    "packets": partial(Packets, "sym8", best=False),
    "best-packets": partial(Packets, "sym8", best=True),
    **{f"klt{size}": partial(KarhunenLoeve, size) for size in (64, 128)},
    "ica32": partial(Independent, 32),
}
"""Every basis by its name."""
