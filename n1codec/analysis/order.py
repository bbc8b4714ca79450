"""Hierarchical clustering of channels by their correlations, and the order of channels that follows from it.

Correlations of all three measures are cosines: between signals around their mean, between their ranks, between the
signs of the differences of all pairs of samples (Kendall, "Rank correlation methods", 1948, chapter 2). So sqrt(2 (1
- r)) is the Euclidean distance between two channels of unit length, which the centroid and Ward methods need; they
cluster by it. For 1 - |r| a channel counts as equal to its negative, and they cluster by sqrt(2 (1 - |r|)), the
distance to the nearer of the two, which no space need have; their heights are formal there. The other methods cluster
by the distance itself.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from n1codec.codec import CodecError

LINKAGES = {"single": "nearest point", "average": "UPGMA", "centroid": "UPGMC", "ward": "Ward"}
"""Name -> what people call it."""
DISTANCES = ("1-r", "1-|r|")

_EUCLIDEAN = ("centroid", "ward")


class Tree(NamedTuple):
    linkage: np.ndarray
    """As scipy.cluster.hierarchy has it: float64 of shape (channels - 1, 4), two clusters, height and size a row."""
    leaves: np.ndarray
    """The channels in their new order, int64 of shape (channels,)."""


def distances(matrix: np.ndarray, distance: str) -> np.ndarray:
    """Return distances of shape (channels, channels), 0 on the diagonal.

    Channels without a correlation (NaN) are as far apart as uncorrelated ones.

    Raises:
        CodecError: there is no such distance.
    """
    if distance not in DISTANCES:
        raise CodecError(f"{distance}: there is no such distance (use {' or '.join(DISTANCES)})")
    r = np.nan_to_num(matrix, nan=0.0)
    result = 1 - (np.abs(r) if distance == "1-|r|" else r)
    result = np.clip((result + result.T) / 2, 0, None)
    np.fill_diagonal(result, 0)
    return result


def tree(matrix: np.ndarray, linkage: str = "average", distance: str = "1-r", optimal: bool = True) -> Tree:
    """Cluster channels.

    Args:
        matrix: correlations of shape (channels, channels), NaN where there is none.
        linkage: one of LINKAGES.
        distance: one of DISTANCES.
        optimal: turn the branches so that neighbouring leaves are close (Bar-Joseph, Gifford & Jaakkola, "Fast optimal
            leaf ordering for hierarchical clustering", Bioinformatics 17, 2001).

    Raises:
        CodecError: there is no such linkage or distance.
    """
    if linkage not in LINKAGES:
        raise CodecError(f"{linkage}: there is no such linkage (use {', '.join(LINKAGES)})")
    between = distances(matrix, distance)
    channels = len(between)
    if channels < 2:
        return Tree(np.empty((0, 4)), np.arange(channels))
    from scipy.cluster import hierarchy
    from scipy.spatial.distance import squareform

    condensed = squareform(np.sqrt(2 * between) if linkage in _EUCLIDEAN else between, checks=False)
    merged = hierarchy.linkage(condensed, linkage)
    if optimal:
        merged = hierarchy.optimal_leaf_ordering(merged, condensed)
    return Tree(merged, np.asarray(hierarchy.leaves_list(merged), np.int64))
