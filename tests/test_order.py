"""The order of channels by hierarchical clustering."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from n1codec.analysis.correlation import MEASURES, matrix
from n1codec.analysis.order import DISTANCES, LINKAGES, distances, tree
from n1codec.codec import CodecError


def families(frames: int = 2000) -> np.ndarray:
    """Eight channels of two families, which alternate; the last one of each has the opposite sign."""
    rng = np.random.default_rng(0)
    sources = rng.normal(size=(2, frames))
    channels = np.stack([sources[i % 2] * 100 + rng.normal(size=frames) * 20 * (i + 1) for i in range(8)])
    channels[6:] *= -1
    return channels.astype(np.int16)


@pytest.mark.parametrize("optimal", [False, True])
@pytest.mark.parametrize("linkage", LINKAGES)
def test_families_stand_together(linkage: str, optimal: bool) -> None:
    r = matrix(families(), "pearson")
    found = tree(r, linkage, "1-|r|", optimal)
    assert sorted(found.leaves) == list(range(8))
    assert len({*(found.leaves[:4] % 2)}) == 1
    assert found.linkage.shape == (7, 4)
    assert found.linkage[-1, 3] == 8
    signed = tree(r, linkage, "1-r", optimal).leaves
    where = {channel: place for place, channel in enumerate(signed)}
    assert max(where[c] for c in (0, 2, 4)) - min(where[c] for c in (0, 2, 4)) == 2


def test_optimal_order_has_closer_neighbours() -> None:
    r = matrix(np.random.default_rng(1).integers(0, 50, (30, 200)), "pearson")
    d = distances(r, "1-r")

    def length(leaves: np.ndarray) -> float:
        return float(d[leaves[:-1], leaves[1:]].sum())

    assert length(tree(r, "average", optimal=True).leaves) < length(tree(r, "average", optimal=False).leaves)


@pytest.mark.parametrize("measure", MEASURES)
def test_ward_clusters_by_a_euclidean_distance(measure: str) -> None:
    """Of the correlations' own vectors, so that scipy gets the same tree from coordinates."""
    from scipy.cluster.hierarchy import linkage

    r = matrix(families(200), measure)
    values, vectors = np.linalg.eigh(r)
    assert values.min() > -1e-9
    points = vectors * np.sqrt(np.clip(values, 0, None))
    np.testing.assert_allclose(pdist(points) ** 2 / 2, distances(r, "1-r")[np.triu_indices(8, 1)], atol=1e-9)
    for method in ("centroid", "ward"):
        np.testing.assert_allclose(tree(r, method, optimal=False).linkage, linkage(points, method), atol=1e-7)


@pytest.mark.parametrize("linkage", LINKAGES)
@pytest.mark.parametrize("distance", DISTANCES)
def test_constant_channels_are_ordered_too(linkage: str, distance: str) -> None:
    signals = families()
    signals[3] = 5
    found = tree(matrix(signals, "spearman"), linkage, distance)
    assert sorted(found.leaves) == list(range(8))
    assert np.isfinite(found.linkage).all()


def test_few_channels() -> None:
    assert tree(np.ones((0, 0))).leaves.tolist() == []
    assert tree(np.ones((1, 1))).leaves.tolist() == [0]
    assert tree(np.ones((1, 1))).linkage.shape == (0, 4)
    assert sorted(tree(np.ones((2, 2))).leaves) == [0, 1]


def test_wrong_names() -> None:
    with pytest.raises(CodecError, match="use single, average, centroid, ward"):
        tree(np.eye(3), "median")
    with pytest.raises(CodecError, match="use 1-r or"):
        tree(np.eye(3), "ward", "r")
