"""What methods make of spikes that are other than those they were fitted to, and what that does to sorting.

Everything is generated, so that neurons and waveforms without noise are known. Codes are fitted once, to the usual
spikes, at about 8 bits each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from n1codec.spikes import evaluate, generate
from n1codec.spikes.codebooks import METHODS, Code, Given, Stepped, k_means, nearest, principal
from n1codec.spikes.network import Network

BITS = 8.0
"""Of a spike, at most."""
NOISES = (0.5, 0.7, 1.4, 2.0)
"""Times the noise to which methods are fitted."""
JITTERS = (1.0, 2.0, 4.0)
"""Samples by which troughs are off at most, either way; 0.25 is usual."""
CONDITIONS = 2 + len(NOISES) + len(JITTERS)
COMPONENTS = 12
"""By which spikes are sorted."""
PARTS = 3
"""Clusters of k-means for each neuron."""
HALF = generate.UNITS // 2
"""Neurons of either half, one to fit to and one to be measured."""


class Row(NamedTuple):
    condition: str
    method: str
    bits_per_spike: float
    sndr_db: float
    """Against the spikes that were coded, as everywhere: mean of decibels."""
    clean_db: float
    """Against the same spikes without noise."""
    sorted_before: float
    """Share of the spikes that sorting gives to the right neuron."""
    sorted_after: float
    """The same of what comes back."""


def run(
    methods: Sequence[str],
    model: Network | None = None,
    count: int = generate.COUNT,
    advance: Callable[..., Any] = lambda text="", step=1: None,
) -> list[Row]:
    """Return a row for each condition and method.

    Args:
        methods: keys of ``METHODS``.
        model: of the autoencoder, which is left out without one. Which neurons it has seen depends on its training;
            there are no rows of ``not fitted to`` for it.
        count: of generated spikes.
        advance: called after each condition.
    """
    usual = generate.spikes(count)
    fitted = codes(methods, evaluate.split(usual.noisy), 1.0, model)
    rows = []
    conditions = [
        ("usual", usual),
        *((f"noise x {noise:g}", generate.spikes(count, noise=noise)) for noise in NOISES),
        *((f"jitter {jitter:g}", generate.spikes(count, jitter=jitter)) for jitter in JITTERS),
    ]
    test = np.arange(count) >= round(count * sum(evaluate.SHARES[:2]))
    for condition, made in conditions:
        rows += _rows(condition, fitted, made, test)
        advance(condition)
    later = usual.units >= HALF
    rows += _rows(f"neurons {HALF} to {generate.UNITS - 1}", fitted, usual, test & later)
    others = codes([name for name in methods if name != "vqae"], evaluate.split(usual.noisy[~later]), 1.0)
    rows += _rows(f"neurons {HALF} to {generate.UNITS - 1}, not fitted to", others, usual, test & later)
    advance("neurons")
    return rows


def codes(methods: Sequence[str], parts: evaluate.Split, noise: float, model: Network | None = None) -> dict[str, Code]:
    """Return codes of about ``BITS`` a spike, those of ``parts.validation``, fitted to ``parts.train``.

    Args:
        methods: keys of ``METHODS``.
        noise: standard deviation of the samples around spikes.
        model: of the autoencoder, which is left out without one.
    """
    given = Given(parts.train, noise, model)
    found = {}
    for method in methods:
        fitted = METHODS[method](given)
        if callable(fitted):
            found[method] = _stepped(fitted, parts.validation)
        elif fitted:
            fits = [code for code in fitted if _bits(code, parts.validation) <= BITS * (1 + evaluate.NEAR)]
            found[method] = (fits or fitted[:1])[-1]
    return found


def _stepped(code: Stepped, x: np.ndarray) -> Code:
    low, high = -2.0, 4.0
    for _ in range(9):  # the bits fall as the step grows
        middle = (low + high) / 2
        low, high = (middle, high) if _bits(code(float(np.exp(middle))), x) > BITS else (low, middle)
    return code(float(np.exp(high)))


def _bits(code: Code, x: np.ndarray) -> float:
    return evaluate.adaptive_length(code.encode(x.reshape(len(x), -1)))


def _rows(condition: str, fitted: dict[str, Code], made: generate.Generated, chosen: np.ndarray) -> list[Row]:
    x, clean, units = made.noisy[chosen], made.clean[chosen], made.units[chosen]
    before = sorting(x, units)
    rows = []
    for method, code in fitted.items():
        numbers = code.encode(x.reshape(len(x), -1))
        back = code.decode(numbers).reshape(x.shape)
        sndr, clean_db = (float(evaluate.sndr(back, wanted).mean()) for wanted in (x, clean))
        length = evaluate.adaptive_length(numbers)
        rows.append(Row(condition, method, length, sndr, clean_db, before, sorting(back, units)))
    return rows


def sorting(x: np.ndarray, units: np.ndarray) -> float:
    """Return the share of spikes that clustering gives to the right neuron.

    Spikes are clustered by k-means on principal components, into more clusters than there are neurons, and these by
    Ward's method (J. Am. Stat. Assoc. 58, 1963) into as many. Each neuron is the cluster with which the most spikes are
    right in all.

    Args:
        x: shape (spikes, channels, samples).
        units: shape (spikes,).
    """
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.optimize import linear_sum_assignment

    flat = x.reshape(len(x), -1)
    flat = flat - flat.mean(axis=0)
    features = flat @ principal(flat)[:COMPONENTS].T
    names, of = np.unique(units, return_inverse=True)
    words = k_means(features, PARTS * len(names))
    joined = fcluster(linkage(words, "ward"), len(names), "maxclust") - 1
    table = np.zeros((len(names), len(names)), np.int64)
    np.add.at(table, (of, joined[nearest(features, words)]), 1)
    return float(table[linear_sum_assignment(-table)].sum()) / len(x)
