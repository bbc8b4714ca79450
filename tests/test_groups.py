"""Simultaneous recordings are found, and nothing else is."""

from __future__ import annotations

import zipfile
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from scipy.signal import lfilter

from n1codec.analysis import groups
from n1codec.analysis.correlation import Cancelled
from n1codec.analysis.groups import NEAR, _clipped, _reach, _stands_out, simultaneous
from n1codec.recordings import wav


def coloured(rng: np.random.Generator, frames: int = 20_000) -> np.ndarray:
    return lfilter([1], [1, -0.95, 0.2], rng.normal(size=frames + 500))[500:]


def codes(x: np.ndarray) -> np.ndarray:
    return np.round(200 * x).astype(np.int16)


def test_pairs_are_found_by_a_small_part_that_they_share() -> None:
    rng = np.random.default_rng(0)
    signals = [coloured(rng) for _ in range(12)]
    signals[7] += 0.1 * signals[2]
    signals[9] -= 0.1 * signals[4]
    found = simultaneous([codes(x) for x in signals])
    assert [group.members for group in found] == [(2, 7), (4, 9)]
    assert 0.07 < found[0].r[0, 1] < 0.13
    assert -0.13 < found[1].r[1, 0] < -0.07
    assert (np.diag(found[0].r) == 1).all()


def test_groups_of_more_than_two() -> None:
    rng = np.random.default_rng(1)
    common = coloured(rng)
    signals = [codes(coloured(rng) + (0.3 * common if i in (1, 3, 4) else 0)) for i in range(6)]
    (group,) = simultaneous(signals)
    assert group.members == (1, 3, 4)
    assert group.r.shape == (3, 3)


def test_only_equal_lengths_are_compared() -> None:
    x = codes(coloured(np.random.default_rng(2)))
    assert simultaneous([x, x[:-1]]) == []
    assert [group.members for group in simultaneous([x, x[:-1], x])] == [(0, 2)]


def test_shifted_signals_are_not_simultaneous() -> None:
    x = codes(coloured(np.random.default_rng(3)))
    assert simultaneous([x[500:], x[:-500]]) == []


def test_common_hum_is_not_taken_for_a_common_time() -> None:
    """Two recordings with the same interference correlate at lag 0, and so they do at many others."""
    rng = np.random.default_rng(4)
    hum = 3 * np.sin(2 * np.pi * np.arange(20_000) / 40)
    assert simultaneous([codes(coloured(rng) + hum) for _ in range(4)]) == []


def test_lag_0_is_held_against_the_same_signals_at_other_lags() -> None:
    """Signals so short that few lags count: one more or less is seen."""
    frames = 8 * (NEAR + 12)
    x, y = (coloured(np.random.default_rng(seed), frames) for seed in (8, 9))
    y += x

    def r(lag: int) -> float:
        return float(x[: frames - lag] @ y[lag:] if lag >= 0 else x[-lag:] @ y[: frames + lag])

    others = [r(sign * lag) for lag in range(NEAR + 1, NEAR + 13) for sign in (1, -1)]
    bound = abs(r(0)) / np.sqrt(np.mean(np.square(others)))
    assert _stands_out(x, y, bound * (1 - 1e-9)) and not _stands_out(x, y, bound * (1 + 1e-9))


@pytest.mark.parametrize(("lag", "found"), [(30, True), (-30, True), (31, False), (-31, False)])
def test_near_lags_are_no_background(lag: int, found: bool) -> None:
    x = np.random.default_rng(10).normal(size=4000)
    assert _stands_out(x, x + 5 * np.roll(x, lag), 8) == found


def test_outliers_are_cut_to_four_times_the_usual_size() -> None:
    changes = np.array([1, -1, 1, -2, 1, 1, 500, -1, -1000])
    expected = np.clip(changes, -4 * 1.4826, 4 * 1.4826)
    expected -= expected.mean()
    np.testing.assert_allclose(_clipped(changes), expected / np.sqrt((expected**2).sum()), rtol=1e-6)


def test_no_false_alarms_among_many() -> None:
    rng = np.random.default_rng(5)
    bursts = [1 + 8 * (rng.random(4000) < 0.01) for _ in range(60)]  # heavy tails, as of channels that hit the rails
    assert simultaneous([codes(coloured(rng, 4000) * burst) for burst in bursts]) == []


def test_what_has_nothing_to_compare() -> None:
    x = codes(coloured(np.random.default_rng(6)))
    flat = np.zeros(20_000, np.int16)
    assert simultaneous([]) == []
    assert simultaneous([x]) == []
    assert simultaneous([x[:500], x[:500]]) == []
    assert simultaneous([flat, flat, x]) == []
    assert simultaneous([np.zeros(0, np.int16)] * 2) == []


def test_progress_and_dtypes() -> None:
    x = codes(coloured(np.random.default_rng(7)))
    shares: list[float] = []
    wide = [x.astype(np.int32) * 30_000, x.astype(np.int32) * 30_000, x[:-1].astype(np.float32), x[:-1] * 1.0]
    assert [group.members for group in simultaneous(wide, progress=shares.append)] == [(0, 1), (2, 3)]
    assert shares == [0.5, 1]


@pytest.mark.slow
def test_recordings(recordings: list[Path]) -> None:
    """Of 372 recordings, 152 are in pairs; none of the pairs that have other lengths is taken for one."""
    import os

    with zipfile.ZipFile(os.environ["N1_DATA_ZIP"]) as zipped:
        names = sorted(name for name in zipped.namelist() if name.endswith(".wav"))
        if len(names) != 372:
            pytest.skip("these are not the 372 recordings")
        signals = [wav.read(zipped.read(name)).samples[:, 0] for name in names]
    found = simultaneous(signals)
    assert len(found) == 76
    assert {len(group.members) for group in found} == {2}
    common = simultaneous([signal[:98_567] for signal in signals])
    assert [group.members for group in common] == [group.members for group in found]


def test_a_search_that_is_cancelled_ends() -> None:
    rng = np.random.default_rng(0)
    cancel, shares = Event(), []

    def progress(share: float) -> None:
        shares.append(share)
        cancel.set()

    signals = [codes(coloured(rng, frames)) for frames in (3000, 3000, 4000, 4000)]
    with pytest.raises(Cancelled):
        simultaneous(signals, progress=progress, cancel=cancel)
    assert shares == [0.5]


def test_progress_counts_pairs() -> None:
    rng = np.random.default_rng(0)
    shares: list[float] = []
    simultaneous(
        [codes(coloured(rng, frames)) for frames in (3000, 3000, 3000, 3000, 4000, 4000)], progress=shares.append
    )
    assert shares == [6 / 7, 1]


def test_lags_reach_an_eighth_of_the_signal_and_a_thousand_at_most() -> None:
    assert [_reach(frames) for frames in (800, 8000, 8008, 1_000_000)] == [100, 1000, 1000, 1000]


def test_only_the_start_of_long_signals_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(8)
    shared = rng.normal(0, 10, 20_000)
    signals = [(shared + rng.normal(0, 5, 20_000)).round().astype(np.int16) for _ in range(2)]
    signals[1][5000:] = 0
    monkeypatch.setattr(groups, "MOST_FRAMES", 5000)
    assert [group.members for group in groups.simultaneous(signals)] == [(0, 1)]
