"""Bases that are learned by descent: a dictionary of more atoms than samples, and a transform by convolution.

J. Mairal, F. Bach, J. Ponce, G. Sapiro, "Online dictionary learning for sparse coding", ICML 2009; S. Mallat, Z. Zhang,
"Matching pursuits with time-frequency dictionaries", IEEE Trans. SP 41(12), 1993; J. Balle, V. Laparra, E. Simoncelli,
"End-to-end optimized image compression", ICLR 2017 (noise in the place of a quantiser).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from warnings import catch_warnings, simplefilter

import numpy as np

from n1codec.codec import UnavailableError
from n1codec.lossy.transforms import Basis, LappedCosine, band_edges, blocks_of

_ATOMS, _SIZE = 128, 64
_BLOCKS_TO_LEARN_FROM = 20_000
_PASSES = 3
_MOST_TERMS = 64
"""Of a block, as many as it has samples; what is left then is lost, at the finest steps."""
_WORTH = 0.6
"""Steps of the quantiser that a coefficient has to have."""

_CHANNELS, _TAPS = 64, 256
_CROP = 64
"""Blocks of a stretch that the convolution learns from."""
_BATCH = 32
_PACE = 1e-4
_STEPS = (1.0, 100.0)


class Dictionary(Basis):
    """128 atoms of 64 samples, and what matching pursuit makes of each block with rounded coefficients."""

    trained = True
    needs = "sklearn"

    def __init__(self, atoms: np.ndarray | None = None) -> None:
        self._atoms = atoms
        self._products = np.empty(0)

    def fitted(self, signals: Sequence[np.ndarray]) -> Dictionary:
        try:
            from sklearn.decomposition import MiniBatchDictionaryLearning
        except ImportError as error:
            raise UnavailableError(
                "a dictionary needs the Python module sklearn (pip install 'n1codec[lossy]')"
            ) from error
        share = max(1, sum(len(x) for x in signals) // (_BLOCKS_TO_LEARN_FROM * _SIZE))
        blocks = np.concatenate([blocks_of(x / x.std(), _SIZE)[::share] for x in signals if x.std()])
        angles = np.outer(np.arange(_ATOMS) / 2, np.arange(_SIZE) + 0.5) * np.pi / _SIZE
        first = np.cos(angles - np.pi / 4 * (np.arange(_ATOMS)[:, None] % 2))
        first /= np.linalg.norm(first, axis=1, keepdims=True)
        with catch_warnings():
            simplefilter("ignore")  # that coordinate descent has not converged
            learned = MiniBatchDictionaryLearning(
                _ATOMS, alpha=1.0, max_iter=_PASSES, batch_size=512, fit_algorithm="cd", dict_init=first, random_state=0
            ).fit(blocks)
        atoms = learned.components_ / np.maximum(np.linalg.norm(learned.components_, axis=1, keepdims=True), 1e-9)
        used = ((blocks @ atoms.T) ** 2).mean(axis=0)
        return Dictionary(atoms[np.argsort(-used)])

    def forward(self, x: np.ndarray) -> list[np.ndarray]:
        assert self._atoms is not None
        self._products = blocks_of(x, _SIZE) @ self._atoms.T
        return self.for_step([], float(np.abs(self._products).max()) / 512)

    def for_step(self, bands: list[np.ndarray], step: float) -> list[np.ndarray]:
        assert self._atoms is not None
        alike = self._atoms @ self._atoms.T
        left, found = self._products.copy(), np.zeros_like(self._products)
        rows = np.arange(len(left))
        for _ in range(_MOST_TERMS):
            best = np.abs(left[rows]).argmax(axis=1)
            values = left[rows, best]
            worth = np.abs(values) > _WORTH * step
            rows, best, values = rows[worth], best[worth], np.rint(values[worth] / step) * step
            if not rows.size:
                break
            found[rows, best] += values
            left[rows] -= values[:, None] * alike[best]
        return [part.ravel() for part in np.split(found, band_edges(_ATOMS)[1:-1], axis=1)]

    def inverse(self, bands: Sequence[np.ndarray], frames: int) -> np.ndarray:
        assert self._atoms is not None
        widths = np.diff(band_edges(_ATOMS))
        parts = [band.reshape(-1, width) for band, width in zip(bands, widths, strict=True)]
        return (np.concatenate(parts, axis=1) @ self._atoms).ravel()[:frames]


class Convolution(Basis):
    """64 filters of 256 taps for each 64 samples, and as many for the way back, learned with the bits in mind.

    They begin as those of an MDCT. What is made small is distortion and rate together, over steps of two orders of
    magnitude: noise stands for the quantiser, and the entropy of a normal distribution for the bits of a channel.
    """

    trained = True
    needs = "torch"

    def __init__(self, filters: tuple[np.ndarray, np.ndarray] | None = None, rounds: int = 800) -> None:
        self._filters, self._rounds = filters, rounds

    def fitted(self, signals: Sequence[np.ndarray]) -> Convolution:
        try:
            import torch
        except ImportError as error:
            raise UnavailableError(
                "a learned transform needs the Python module torch (pip install 'n1codec[torch]')"
            ) from error
        draw = np.random.default_rng(0)
        there = [x for x in signals if len(x) >= _CROP * _CHANNELS]
        start = torch.tensor(_lapped(), dtype=torch.float32)
        ahead = start[:, None].clone().requires_grad_()
        back = start[:, None].clone().requires_grad_()
        descent = torch.optim.Adam([ahead, back], lr=_PACE)
        for number in range(self._rounds):
            for group in descent.param_groups:
                group["lr"] = _PACE * (1 - number / self._rounds)
            crops = []
            for which in draw.integers(len(there), size=_BATCH):
                at = draw.integers(len(there[which]) - _CROP * _CHANNELS + 1)
                crops.append(there[which][at : at + _CROP * _CHANNELS])
            steps = torch.tensor(_STEPS[0] * (_STEPS[1] / _STEPS[0]) ** draw.uniform(size=_BATCH), dtype=torch.float32)[
                :, None, None
            ]
            x = torch.tensor(np.array(crops), dtype=torch.float32)[:, None]
            y = torch.nn.functional.conv1d(x, ahead, stride=_CHANNELS)
            noise = torch.tensor(draw.uniform(-0.5, 0.5, y.shape), dtype=torch.float32) * steps
            power, lost = (y**2).mean(dim=2, keepdim=True), steps**2 / 12
            kept = (y + noise) * (power / (power + lost))
            z = torch.nn.functional.conv_transpose1d(kept, back, stride=_CHANNELS)
            inside = slice(_TAPS, x.shape[2] - _TAPS)
            distortion = ((z - x)[:, :, inside] ** 2).mean(dim=2) / lost[:, :, 0]
            bits = torch.log2(1 + power / lost).mean(dim=1) / 2
            loss = (distortion + 2 * np.log(2) * bits).mean()
            descent.zero_grad()
            loss.backward()
            descent.step()
        return Convolution((_filters(ahead), _filters(back)))

    def forward(self, x: np.ndarray) -> list[np.ndarray]:
        assert self._filters is not None
        edge = _TAPS - _CHANNELS
        padded = np.pad(x, (edge, edge + -len(x) % _CHANNELS), "symmetric")
        windows = np.lib.stride_tricks.sliding_window_view(padded, _TAPS)[::_CHANNELS]
        coefficients = windows @ self._filters[0].T
        return [part.ravel() for part in np.split(coefficients, band_edges(_CHANNELS)[1:-1], axis=1)]

    def inverse(self, bands: Sequence[np.ndarray], frames: int) -> np.ndarray:
        assert self._filters is not None
        widths = np.diff(band_edges(_CHANNELS))
        parts = [band.reshape(-1, width) for band, width in zip(bands, widths, strict=True)]
        pieces = (np.concatenate(parts, axis=1) @ self._filters[1]).reshape(-1, _TAPS // _CHANNELS, _CHANNELS)
        out = np.zeros((len(pieces) + _TAPS // _CHANNELS - 1, _CHANNELS))
        for i in range(_TAPS // _CHANNELS):
            out[i : i + len(pieces)] += pieces[:, i]
        return out.ravel()[_TAPS - _CHANNELS :][:frames]


def _filters(parameter: Any) -> np.ndarray:
    """Return a torch parameter of shape (channels, 1, taps) as an array of shape (channels, taps)."""
    return np.asarray(parameter.detach().numpy(), np.float64)[:, 0]


def _lapped() -> np.ndarray:
    """Return the filters of an MDCT, shape (channels, taps), with zeros at both ends."""
    basis, filters = LappedCosine(_CHANNELS), np.zeros((_CHANNELS, _TAPS))
    for channel in range(_CHANNELS):
        one = np.zeros((6, _CHANNELS))
        one[2, channel] = 1
        bands = [part.ravel() for part in np.split(one, band_edges(_CHANNELS)[1:-1], axis=1)]
        filters[channel] = basis.inverse(bands, 5 * _CHANNELS)[:_TAPS]
    return filters
