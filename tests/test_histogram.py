"""Histograms: every bin holds the same number of values that the converter can make."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from n1codec.analysis.histogram import histogram

N1 = np.trunc(np.arange(1024) * 65535 / 1023 - 32768).astype(np.int16)


@pytest.mark.parametrize("most", [1, 7, 100, 400, 1000])
@pytest.mark.parametrize("values", [N1, np.arange(-9000, 9001), np.arange(3000) * 4 - 7, N1 * np.float32(0.195)])
def test_even_samples_make_even_bins(values: np.ndarray, most: int) -> None:
    found = histogram(values, np.full(len(values), 5), most)
    assert 1 <= len(found.counts) <= most
    assert found.counts.sum() == 5 * len(values)
    assert len(set(found.counts[:-1].tolist())) <= 1  # the last one may be cut by the end of the range
    assert len(found.counts) == 1 or found.counts[-1] <= found.counts[0]
    assert np.allclose(np.diff(found.values), found.width)


def test_bins_are_the_codes_where_there_is_room() -> None:
    present = N1[[500, 501, 503, 510]]
    found = histogram(present, np.array([3, 1, 4, 1]), 400)
    assert found.counts.tolist() == [3, 1, 0, 4, 0, 0, 0, 0, 0, 0, 1]  # codes that never occur are shown as such
    assert np.abs(found.values - N1[500:511]).max() <= 1


@given(st.lists(st.integers(-(2**31), 2**31 - 1), min_size=1, max_size=200), st.integers(1, 50))
def test_no_sample_is_lost_and_each_is_in_its_bin(samples: list[int], most: int) -> None:
    values, counts = np.unique(np.array(samples), return_counts=True)
    found = histogram(values, counts, most)
    assert len(found.counts) <= most and found.counts.sum() == len(samples)
    edges = found.values[0] - found.width / 2 + found.width * np.arange(len(found.counts) + 1)
    for below, edge in enumerate(edges[1:-1], start=1):  # values are rounded to whole numbers, edges are not
        inside = found.counts[:below].sum()
        assert counts[values <= edge - 1].sum() <= inside <= counts[values <= edge + 1].sum()


def test_floats_without_a_step_have_bins_of_any_width() -> None:
    values = np.sort(np.random.default_rng(0).normal(size=5000))
    found = histogram(values, np.ones(5000, int), 30)
    expected, edges = np.histogram(values, 30)
    assert found.counts.tolist() == expected.tolist()
    assert np.allclose(found.values, (edges[1:] + edges[:-1]) / 2)
    assert np.allclose(found.edges, edges)


def test_nothing_and_one_value() -> None:
    assert histogram(np.zeros(0, np.int16), np.zeros(0, int), 10).counts.size == 0
    one = histogram(np.array([-7], np.int16), np.array([3]), 10)
    assert (one.values.tolist(), one.counts.tolist()) == ([-7], [3])


def test_a_smooth_distribution_stays_smooth() -> None:
    counts = (1e6 * np.exp(-0.5 * ((np.arange(1024) - 512) / 150) ** 2)).astype(int)
    for most in (100, 300, 400):
        found = histogram(N1, counts, most).counts
        rising = np.sign(np.diff(found))
        assert (np.diff(rising) != 0).sum() <= 2  # up, and down again
