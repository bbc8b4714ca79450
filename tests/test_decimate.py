"""Min-max pyramids: no spike is lost at any zoom."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import signal
from hypothesis import given
from hypothesis import strategies as st

from n1codec.analysis.decimate import Pyramid, Window, interleave

SIGNALS = signal(20_011, 5).T
PYRAMID = Pyramid.build(SIGNALS)


@given(st.integers(0, 20_100), st.integers(0, 20_100), st.integers(1, 3000))
def test_bins_hold_the_extremes_of_their_samples(start: int, stop: int, pixels: int) -> None:
    x, low, high, width = PYRAMID.window(slice(1, 4), start, stop, pixels)
    assert low.shape == high.shape == (3, len(x))
    assert low.dtype == SIGNALS.dtype
    stop = min(stop, 20_011)
    if stop <= start:
        assert len(x) == 0
        return
    assert x[0] <= start < x[0] + width
    assert x[-1] < stop <= x[-1] + width
    assert not (x % width).any()
    for i, first in enumerate(x):
        piece = SIGNALS[1:4, first : first + width]
        np.testing.assert_array_equal(low[:, i], piece.min(axis=1))
        np.testing.assert_array_equal(high[:, i], piece.max(axis=1))


@pytest.mark.parametrize("pixels", [50, 333, 1000, 1921])
def test_about_two_points_a_pixel(pixels: int) -> None:
    for stop in (20_011, 9000, 4001):
        x, _, _, width = PYRAMID.window(0, 0, stop, pixels)
        points = len(x) * (2 if width > 1 else 1)
        assert min(stop, 1.6 * pixels) <= points <= 2.5 * pixels + 4


@pytest.mark.parametrize("at", [0, 1, 7777, 20_009, 20_010])
def test_a_spike_of_one_sample_is_never_lost(at: int) -> None:
    signals = np.zeros((2, 20_011), np.int16)
    signals[1, at] = -9
    pyramid = Pyramid.build(signals)
    for pixels in (1, 2, 17, 100, 1000, 30_000):
        window = pyramid.window([1, 0], 0, 20_011, pixels)
        assert window.low[0].min() == -9
        assert window.low[1].min() == 0
        x, values, width = pyramid.image([0, 1], 0, 20_011, pixels)
        (column,) = np.flatnonzero(values[1])
        assert values[1, column] == -9
        assert x[column] <= at < x[column] + width


def test_panning_changes_nothing() -> None:
    one, two = PYRAMID.window(0, 3000, 13_000, 100), PYRAMID.window(0, 3001, 13_001, 100)
    both, first, second = np.intersect1d(one.x, two.x, return_indices=True)
    assert len(both) >= len(one.x) - 1
    np.testing.assert_array_equal(one.high[:, first], two.high[:, second])


def test_channels_in_any_order() -> None:
    all_of_them = PYRAMID.window(slice(None), 0, 20_011, 200)
    for channels in (3, [3], np.array([4, 0, 3]), [2, 2]):
        some = PYRAMID.window(channels, 0, 20_011, 200)
        np.testing.assert_array_equal(some.low, all_of_them.low[np.atleast_1d(channels)])
        image = PYRAMID.image(channels, 0, 20_011, 200)
        assert image.values.shape == some.low.shape


def test_image_shows_what_is_farthest_from_the_median() -> None:
    signals = np.array([[10] * 50 + [13] + [10] * 30 + [4] + [10] * 46], np.int16)
    pyramid = Pyramid.build(signals)
    assert pyramid.medians.tolist() == [10]
    assert pyramid.image(0, 0, 128, 1).values.tolist() == [[4]]
    assert 13 in pyramid.image(0, 0, 128, 10).values
    extremes = Pyramid.build(np.array([[32767, 32767, -32768]], np.int16))
    assert extremes.image(0, 0, 3, 1).values.tolist() == [[-32768]]


def test_line_through_extremes() -> None:
    window = PYRAMID.window(2, 100, 15_000, 100)
    x, y = interleave(window)
    assert len(x) == len(y) == 2 * len(window.x)
    assert (np.diff(x) >= 0).all()
    np.testing.assert_array_equal(y.reshape(-1, 2).min(axis=1), window.low[0])
    np.testing.assert_array_equal(y.reshape(-1, 2).max(axis=1), window.high[0])
    x, y = interleave(PYRAMID.window(2, 100, 150, 100))
    np.testing.assert_array_equal(x, np.arange(100, 150))
    np.testing.assert_array_equal(y, SIGNALS[2, 100:150])


def test_a_line_turns_in_the_middle_of_each_bin() -> None:
    x, y = interleave(Window(np.array([8, 12]), np.array([[1, 2]]), np.array([[5, 6]]), 4))
    assert x.tolist() == [9.5, 9.5, 13.5, 13.5]
    assert sorted(y[:2].tolist()) == [1, 5] and sorted(y[2:].tolist()) == [2, 6]


@pytest.mark.parametrize("shape", [(0, 0), (3, 0), (2, 1), (1, 16), (1, 17), (2, 33)])
def test_small_signals(shape: tuple[int, int]) -> None:
    signals = np.arange(np.prod(shape), dtype=np.int32).reshape(shape)
    window = Pyramid.build(signals).window(slice(None), 0, shape[1], 1)
    if signals.size:
        np.testing.assert_array_equal(window.high.max(axis=1), signals.max(axis=1))
    else:
        assert window.low.size == 0


def test_cache(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    first = Pyramid.cached(SIGNALS, folder, "key")
    (path,) = folder.iterdir()
    assert isinstance(first.levels, np.memmap)
    np.testing.assert_array_equal(first.levels, PYRAMID.levels)
    stamp = path.stat().st_mtime_ns
    Pyramid.cached(SIGNALS, folder, "key")
    assert path.stat().st_mtime_ns == stamp
    path.write_bytes(path.read_bytes()[:-5])
    np.testing.assert_array_equal(Pyramid.cached(SIGNALS, folder, "key").levels, PYRAMID.levels)
    with pytest.raises(ValueError, match="other signals"):
        Pyramid(SIGNALS[:, :-40], PYRAMID.levels)
