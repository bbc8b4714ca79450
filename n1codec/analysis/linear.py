"""Linear prediction of many channels at once: each from its own past (J. Makhoul, "Linear prediction: a tutorial
review", Proc. IEEE 63(4), 1975)."""

from __future__ import annotations

import numpy as np

_WHITE = 1e-9
"""Share of the power that is added as white noise, so that a channel that can be predicted exactly has a solution."""


def autocovariance(x: np.ndarray, order: int) -> np.ndarray:
    """Return the autocovariance of channels at lags 0 to ``order``, float64 of shape (order + 1, channels).

    Args:
        x: shape (frames, channels), with a mean of about 0 in each channel; what is outside it counts as 0, which
            makes every predictor that follows from the result a stable one.
    """
    products = [np.einsum("tc,tc->c", x[lag:], x[: len(x) - lag], dtype=np.float64) for lag in range(order + 1)]
    return np.stack(products) / max(len(x), 1)


def levinson(covariance: np.ndarray) -> np.ndarray:
    """Return predictors of many channels by the Levinson-Durbin recursion.

    Args:
        covariance: shape (order + 1, channels).

    Returns:
        Weights of the samples 1, 2, ... order frames back, float64 of shape (order, channels); 0 for a channel
        without power.
    """
    order = len(covariance) - 1
    weights = np.zeros((order, covariance.shape[1]))
    error = covariance[0] * (1 + _WHITE)
    for step in range(order):
        past = weights[:step]
        gain = covariance[step + 1] - (past * covariance[step:0:-1]).sum(axis=0)
        reflection = np.divide(gain, error, out=np.zeros_like(gain), where=error > 0)
        weights[:step] = past - reflection * past[::-1]
        weights[step] = reflection
        error = error * (1 - reflection * reflection)
    return weights


def residual(x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return samples less what they are predicted to be, float64 of shape (frames, channels).

    Samples before the first one count as 0.

    Args:
        x: shape (frames, channels).
        weights: as from :func:`levinson`.
    """
    rest = x.astype(np.float64)
    for lag, weight in enumerate(weights, 1):
        rest[lag:] -= weight * x[:-lag]
    return rest
