"""Correlation matrices against scipy.stats, pair by pair, the kernels by themselves, the cache, n1codec correlate."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import signal
from hypothesis import given
from hypothesis import strategies as st

from n1codec.analysis import correlation, matrices
from n1codec.analysis.correlation import MEASURES, Cancelled, cached, digest, matrix, ranks
from n1codec.cli.correlate import command
from n1codec.codec import CodecError
from n1codec.native import KernelError
from n1codec.recordings import open_recording, wav


def reference(signals: np.ndarray, measure: str) -> np.ndarray:
    from scipy import stats  # takes a second, for which no other test waits

    coefficient = {"pearson": stats.pearsonr, "spearman": stats.spearmanr, "kendall": stats.kendalltau}[measure]
    signals, result = signals.astype(np.float64), np.eye(len(signals))
    for i, j in combinations(range(len(signals)), 2):
        result[i, j] = result[j, i] = coefficient(signals[i], signals[j]).statistic
    return result


def check(signals: np.ndarray, measure: str) -> None:
    found = matrix(signals, measure, jobs=2)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, found.T)
    np.testing.assert_allclose(found, reference(signals, measure), rtol=0, atol=1e-12)


def awkward(frames: int = 3000) -> np.ndarray:
    """Channels of int16: recordings that share noise, ties, extremes, few values, many values, ramps."""
    rng = np.random.default_rng(3)
    one = signal(frames, 3).T
    shared = (one[0] // 2 + rng.integers(-500, 500, frames)).astype(np.int16)
    rails = rng.choice(np.array([-32768, 32767], np.int16), frames)
    everything = rng.integers(-32768, 32768, frames).astype(np.int16)
    ramp = np.linspace(-32768, 32767, frames).astype(np.int16)
    rare = (rng.random(frames) < 0.002).astype(np.int16)
    return np.stack([*one, shared, rails, everything, ramp, -ramp // 3, rare, -32768 * rare])


@pytest.mark.parametrize("measure", MEASURES)
def test_equals_scipy(measure: str) -> None:
    check(awkward(), measure)
    check(awkward(2), measure)


@pytest.mark.parametrize("measure", MEASURES)
@given(data=st.data())
def test_equals_scipy_on_anything(measure: str, data: st.DataObject) -> None:
    frames = data.draw(st.integers(2, 40))
    values = st.sampled_from(data.draw(st.sampled_from([[0, 1], [-32768, 0, 32767], [*range(30)]])))
    columns = st.lists(values, min_size=frames, max_size=frames).filter(lambda column: len(set(column)) > 1)
    rows = data.draw(st.lists(columns, min_size=2, max_size=4))
    check(np.array(rows, np.int16), measure)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "int64", "float32", "float64"])
@pytest.mark.parametrize("measure", MEASURES)
def test_any_dtype(measure: str, dtype: str) -> None:
    rng = np.random.default_rng(5)
    scale = {"u": 100, "i": 2**30, "f": 1e-3}[np.dtype(dtype).kind]
    noise = rng.random((3, 500))
    noise[1] += noise[0]
    check((noise * scale).astype(dtype), measure)


@pytest.mark.parametrize("measure", MEASURES)
def test_offset_costs_no_precision(measure: str) -> None:
    small = np.random.default_rng(6).integers(0, 5, (2, 4000))
    np.testing.assert_array_equal(
        matrix((small + 32000).astype(np.int16), measure), matrix(small.astype(np.int16), measure)
    )


@pytest.mark.parametrize("measure", MEASURES)
def test_constant_channel_has_no_correlation(measure: str) -> None:
    signals = np.concatenate([signal(100, 2).T, np.full((1, 100), 7, np.int16)])
    found = matrix(signals, measure)
    assert np.isfinite(found[:2, :2]).all()
    assert np.isnan(found[2, :2]).all()
    assert np.isnan(found[:2, 2]).all()
    assert found[2, 2] == 1


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("shape", [(0, 0), (0, 10), (1, 10), (3, 0), (3, 1)])
def test_next_to_nothing(measure: str, shape: tuple[int, int]) -> None:
    found = matrix(np.zeros(shape, np.int16), measure)
    assert found.shape == (shape[0], shape[0])
    assert np.isnan(found[~np.eye(shape[0], dtype=bool)]).all()
    assert (np.diag(found) == 1).all()


def test_equal_and_opposite_channels() -> None:
    x = signal(5000)[:, 0]
    for measure in MEASURES:
        np.testing.assert_array_equal(matrix(np.stack([x, x, ~x]), measure)[0], [1, 1, -1])


def test_kendall_of_many_values_in_trees() -> None:
    """Channels too varied for a table, of more values than 16 bits hold, and both beside small ones."""
    rng = np.random.default_rng(7)
    frames = 70_000
    wide = rng.permutation(frames).astype(np.int32)
    near = wide + rng.integers(-20_000, 20_000, frames)
    signals = np.stack([wide, near, near // 10_000, rng.integers(0, 60_000, frames), wide // 12])
    assert ranks(signals[0])[0].dtype == np.uint32
    check(signals, "kendall")


def test_tables_and_trees_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    signals = awkward()
    tables = matrix(signals, "kendall")
    monkeypatch.setattr(correlation, "_MOST_CELLS", 0)
    np.testing.assert_array_equal(matrix(signals, "kendall"), tables)


def concordance(x: np.ndarray, y: np.ndarray) -> int:
    """Concordant less discordant pairs, by looking at each of them."""
    first, second = np.triu_indices(len(x), 1)
    return int((np.sign(x[first] - x[second]) * np.sign(y[first] - y[second])).sum())


@given(st.integers(1, 60), st.integers(1, 9), st.integers(0, 2**32))
def test_kernels_equal_their_reference(frames: int, values: int, seed: int) -> None:
    x, y = np.random.default_rng(seed).integers(0, values, (2, frames))
    out, levels = np.empty(2, np.int64), np.full(2, values, np.int64)
    both = np.stack([x, y]).astype(np.uint16)
    correlation._table(
        both, levels, 0, np.array([1, 0]), np.empty(correlation._table_work_size(values, values), np.uint8), out
    )
    assert out.tolist() == [concordance(x, y), concordance(x, x)]
    order = np.argsort(x)
    work = np.empty(correlation._tree_work_size(values), np.uint8)
    correlation._tree(x[order].astype(np.uint32), y[order].astype(np.uint32), values, work, out[:1])
    assert out[0] == concordance(x, y)


def test_kernels_refuse_what_is_out_of_range() -> None:
    both, levels = np.array([[0, 1, 2], [0, 1, 1]], np.uint16), np.array([3, 2])
    table, out = np.empty(correlation._table_work_size(3, 2), np.uint8), np.empty(1, np.int64)
    good = (both, levels, 0, np.array([1]), table, out)
    assert correlation._table(*good) == 1
    for place, bad in ((1, np.array([2, 2])), (1, np.array([3, 1])), (2, 2), (3, np.array([2])), (4, table[:-1])):
        with pytest.raises(KernelError):
            correlation._table(*good[:place], bad, *good[place + 1 :])
    ascending, work = np.array([0, 0, 1], np.uint32), np.empty(correlation._tree_work_size(2), np.uint8)
    assert correlation._tree(ascending, np.array([1, 0, 1], np.uint32), 2, work, out) == 1
    for x, y in (([0, 1, 0], [1, 0, 1]), ([0, 0, 1], [1, 2, 0]), ([0, 0], [1, 0, 1])):
        with pytest.raises(KernelError):
            correlation._tree(np.array(x, np.uint32), np.array(y, np.uint32), 2, work, out)


@given(st.lists(st.integers(-(2**31), 2**31 - 1) | st.integers(-3, 3), min_size=1, max_size=50))
def test_ranks(values: list[int]) -> None:
    rank, counts = ranks(np.array(values, np.int32))
    _, inverse, expected = np.unique(values, return_inverse=True, return_counts=True)
    np.testing.assert_array_equal(rank, inverse)
    np.testing.assert_array_equal(counts, expected)


def test_progress_ascends_to_one() -> None:
    for measure in MEASURES:
        shares: list[float] = []
        matrix(awkward(20_000), measure, progress=shares.append)
        assert shares == sorted(shares)
        assert shares[0] == 0
        assert shares[-1] == 1
        assert len(shares) > 3


def test_cancel() -> None:
    for measure in MEASURES:
        cancel = Event()

        def stop(share: float, cancel: Event = cancel) -> None:
            if share > 0:
                cancel.set()

        with pytest.raises(Cancelled):
            matrix(awkward(20_000), measure, progress=stop, cancel=cancel)


def test_wrong_questions() -> None:
    with pytest.raises(CodecError, match="use pearson, spearman, kendall"):
        matrix(awkward(10), "cosine")
    with pytest.raises(CodecError, match="channels of frames"):
        matrix(awkward(10)[0], "pearson")
    with pytest.raises(CodecError, match="channels of frames"):
        matrix(awkward(10).astype(complex), "pearson")


def test_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    signals = signal(500, 3).T
    first = cached(signals, "kendall", tmp_path / "new" / "folder")
    (path,) = (tmp_path / "new" / "folder").iterdir()
    assert digest(signals) in path.name

    mapped = np.lib.format.open_memmap(tmp_path / "signals.npy", "w+", signals.dtype, signals.shape)
    mapped[:] = signals
    monkeypatch.setattr(correlation, "_kendall", None)  # it is not computed again
    np.testing.assert_array_equal(cached(mapped, "kendall", path.parent), first)
    monkeypatch.undo()

    for damage in (b"", path.read_bytes()[:-1], b"no array at all", path.read_bytes().replace(b"(3, 3)", b"(9, 1)")):
        path.write_bytes(damage)
        np.testing.assert_array_equal(cached(signals, "kendall", path.parent), first)
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_cache_tells_contents_apart(tmp_path: Path) -> None:
    signals = signal(500, 3).T
    other = signals.copy()
    other[2, -1] += 1
    cached(signals, "pearson", tmp_path)
    for another in (other, signals[:2], signals.astype(np.int32), signals.reshape(6, 250)):
        np.testing.assert_array_equal(cached(another, "pearson", tmp_path), matrix(another, "pearson"))


def test_cancelled_computation_leaves_nothing(tmp_path: Path) -> None:
    cancel = Event()
    cancel.set()
    with pytest.raises(Cancelled):
        cached(signal(500, 3).T, "kendall", tmp_path / "cache", cancel=cancel)
    assert not (tmp_path / "cache").exists()


@pytest.mark.slow
def test_recordings_equal_scipy(recordings: list[Path]) -> None:
    found = [open_recording(path).read(0, 98_567, 0)[:, 0] for path in recordings[:4]]
    for measure in MEASURES:
        check(np.stack(found), measure)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    target = tmp_path / "recordings"
    target.mkdir()
    for number, column in enumerate(signal(4000, 4).T):
        (target / f"{number}.wav").write_bytes(wav.write(column[: 4000 - 100 * number], 19531))
    (target / "pair.wav").write_bytes(wav.write(signal(3900, 2, seed=1), 19531))
    return target


def test_command(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = CliRunner().invoke(command, [str(folder), "--out", str(out)], catch_exceptions=False)
    assert result.exit_code == 0
    assert "6 channels of 3700 frames" in result.stdout
    for measure in MEASURES:
        header, *rows = csv.reader((out / f"{measure}.csv").read_text().splitlines())
        assert header == ["channel", "0.wav", "1.wav", "2.wav", "3.wav", "pair.wav:0", "pair.wav:1"]
        assert [row[0] for row in rows] == header[1:]
        columns = [wav.read(path.read_bytes()).samples[:3700] for path in sorted(folder.iterdir())]
        expected = matrix(np.concatenate(columns, axis=1).T, measure)
        np.testing.assert_array_equal(np.array([row[1:] for row in rows], float), expected)
    places = list(csv.DictReader((out / "order.csv").read_text().splitlines()))
    assert len(places) == 3 * 4 * 6
    assert sorted(p["channel"] for p in places if p["measure"] == "kendall" and p["linkage"] == "ward") == [*"012345"]


def test_command_repeats_recordings(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    args = [
        "--as-channels",
        "8",
        "--frames",
        "3000",
        "--measure",
        "pearson",
        "--json",
        "--format",
        "npy",
        "--out",
        str(out),
    ]
    result = CliRunner().invoke(command, [str(folder), *args], catch_exceptions=False)
    figures = json.loads(result.stdout)
    assert (figures["channels"], figures["frames"]) == (8, 3000)
    assert [step["step"] for step in figures["steps"]][:2] == ["pearson", "pearson single"]
    found = np.load(out / "pearson.npy")
    assert found.shape == (8, 8)
    assert abs(found[0, 6]) < 0.5  # the same recording, but a thousand frames on
    assert np.isclose(found[6, 7], found[0, 1])


def test_a_measure_that_there_is_not(tmp_path: Path) -> None:
    signals = signal(100, 3).T
    np.save(tmp_path / f"{digest(signals)}-cosine-1.npy", np.eye(3))  # not even if its matrix lies there
    with pytest.raises(CodecError, match="cosine: there is no such correlation"):
        cached(signals, "cosine", tmp_path)


def test_progress_of_each_measure() -> None:
    seen: dict[str, list[float]] = {}
    matrices.run(signal(500, 3).T, progress=lambda measure, share: seen.setdefault(measure, []).append(share))
    assert list(seen) == list(MEASURES)
    assert all(shares == sorted(shares) and shares[-1] == 1 for shares in seen.values())


def test_a_recording_that_is_very_short_is_left_out(folder: Path, tmp_path: Path, run: Callable) -> None:
    plain = json.loads(run("n1codec", "correlate", folder, "--json").stdout)
    (folder / "short.wav").write_bytes(wav.write(signal(1), 19531))
    done = run("n1codec", "correlate", folder, "--json", "--out", tmp_path / "out")
    assert done.returncode == 0
    assert "short.wav" in done.stderr and "left out" in done.stderr
    figures = json.loads(done.stdout)
    assert figures["left_out"] == ["short.wav"]
    assert (figures["channels"], figures["frames"]) == (plain["channels"], plain["frames"])
    assert "nan" not in (tmp_path / "out" / "pearson.csv").read_text()


def test_recordings_that_are_all_too_short(tmp_path: Path, run: Callable) -> None:
    for index in range(2):
        (tmp_path / f"{index}.wav").write_bytes(wav.write(signal(1), 19531))
    done = run("n1codec", "correlate", tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "too short" in done.stderr


def test_names_that_are_no_utf8_are_kept(folder: Path, tmp_path: Path, run: Callable) -> None:
    odd = folder / os.fsdecode(b"caf\xe9.wav")
    odd.write_bytes(next(folder.glob("*.wav")).read_bytes())
    done = run("n1codec", "correlate", folder, "--measure", "pearson", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert b"caf\xe9.wav" in (tmp_path / "out" / "pearson.csv").read_bytes()


def test_the_strongest_pairs_are_told(folder: Path, tmp_path: Path, run: Callable) -> None:
    copy = folder / "copy.wav"
    first = sorted(folder.glob("*.wav"))[0]
    copy.write_bytes(first.read_bytes())
    done = run("n1codec", "correlate", folder, "--measure", "pearson")
    pair = next(line for line in done.stdout.splitlines() if line.startswith("pearson "))
    assert {"copy.wav", first.name} <= set(pair.split())
    assert "--out DIR" in done.stdout
    assert "pearson.csv" in run("n1codec", "correlate", folder, "--out", tmp_path / "out").stdout


def test_strongest_passes_over_constant_channels() -> None:
    r = np.array([[1, np.nan, 0.2], [np.nan, np.nan, np.nan], [0.2, np.nan, 1]])
    assert matrices.strongest(r) == [(0, 2, 0.2)]
