"""The detector by the shape of spikes: what it learns, finds, tells apart and leaves."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from n1codec.lossy import agreement
from n1codec.spikes import detect, generate, hits, templates

Run = Callable[..., subprocess.CompletedProcess[str]]
RATE = 20_000.0


def a_channel(depths: tuple[float, ...] = (7.0, 14.0), seconds: float = 6.0, seed: int = 0) -> generate.Planted:
    """White noise of the standard deviation 10, int16, in which neurons of these depths spike by turns."""
    random = np.random.default_rng(seed)
    x = random.normal(0, 10, round(seconds * RATE))
    at = np.arange(300, len(x) - 300, 500) + random.integers(0, 300, len(range(300, len(x) - 300, 500)))
    kinds = np.arange(at.size) % max(1, len(depths))
    t = (np.arange(90) - 30) / RATE * 1e3
    for frame, kind in zip(at, kinds, strict=True):
        if depths:
            x[frame - 30 : frame + 60] += 10 * depths[kind] * generate.shape(t, np.random.default_rng(40 + kind))
    return generate.Planted(np.rint(x).astype(np.int16), at, kinds)


def heard(x: np.ndarray) -> np.ndarray:
    filtered = detect.bandpass(x, RATE)
    assert filtered is not None
    return filtered


def test_neurons_of_one_electrode_are_told_apart() -> None:
    planted = a_channel()
    x = heard(planted.samples)
    waveforms = templates.learn(x, RATE)
    assert waveforms.shape == (2, templates.size(RATE)[0])
    assert (waveforms.argmin(axis=1) == templates.size(RATE)[1]).all()
    found = templates.match(x, RATE, waveforms)
    assert (np.diff(found.frames) >= 0).all()
    known = {kind: planted.frames[planted.kinds == kind] for kind in (0, 1)}
    trains = {unit: found.frames[found.units == unit] for unit in (0, 1)}
    pairs = agreement.paired(known, trains, 10)
    assert min(pairs[kind][1] for kind in known) > 0.95
    assert pairs[0][0] != pairs[1][0]


@pytest.mark.parametrize("seed", range(4))
def test_one_neuron_that_is_louder_and_softer_is_not_torn(seed: int) -> None:
    random = np.random.default_rng(seed)
    planted = a_channel(())
    x = planted.samples.astype(float)
    for frame in planted.frames:
        t = (np.arange(90) - 30 - random.uniform(-0.5, 0.5)) / RATE * 1e3
        x[frame - 30 : frame + 60] += 400 * random.normal(1, 0.1) * generate.shape(t, np.random.default_rng(40 + seed))
    assert len(templates.learn(heard(x), RATE)) == 1


def test_what_rings_behind_a_spike_is_no_neuron(monkeypatch: pytest.MonkeyPatch) -> None:
    planted = a_channel((), 12.0)
    x = planted.samples.astype(float)
    t = (np.arange(120) - 30) / RATE * 1e3
    wave = 50 * generate.shape(t, np.random.default_rng(40)) - 48 * np.exp(-(((t - 1.3) / 0.1) ** 2) / 2)
    for frame in planted.frames:
        x[frame - 30 : frame + 90] += wave
    assert len(templates.learn(heard(x), RATE)) == 1
    monkeypatch.setattr(templates, "ECHO", 1.1)
    assert len(templates.learn(heard(x), RATE)) == 2


def test_three_neurons_of_few_spikes_are_three() -> None:
    for seed in range(6):
        assert len(templates.learn(heard(a_channel((8.0, 12.0, 18.0), 1.6, seed).samples), RATE)) == 3


def test_spikes_that_overlap_are_both_found() -> None:
    planted = a_channel()
    waveforms = templates.learn(heard(planted.samples), RATE)
    size, before = templates.size(RATE)
    x = np.random.default_rng(1).normal(0, 1, 4000) * detect.noise_level(heard(planted.samples))
    for frame, wave in ((1000, waveforms[0]), (1008, waveforms[1]), (3000, waveforms[1])):
        x[frame - before : frame - before + size] += wave
    found = templates.match(x, RATE, waveforms)
    assert found.units.tolist() == [0, 1, 1]
    assert np.abs(found.frames - [1000, 1008, 3000]).max() <= 1


def test_what_has_another_shape_is_no_spike() -> None:
    planted = a_channel()
    x = heard(planted.samples)
    waveforms = templates.learn(x, RATE)
    sudden = np.zeros(len(x))
    sudden[50_000:50_400] = 150 * np.sin(2 * np.pi * 3000 * np.arange(400) / RATE)  # as deep as spikes, for 20 ms
    jumps = heard(planted.samples + sudden)
    inside = [((at > 49_990) & (at < 50_410)).sum()
              for at in (detect.troughs(jumps, RATE), templates.match(jumps, RATE, waveforms).frames)]  # fmt: skip
    assert inside[0] >= 5
    assert inside[1] <= 0.3 * inside[0]


def test_noise_alone_has_no_neurons() -> None:
    x = heard(a_channel(()).samples)
    assert not len(templates.learn(x, RATE))
    assert not templates.spikes(x, RATE).frames.size
    assert not len(templates.learn(np.zeros(2000), RATE))
    assert not templates.match(x[:20], RATE, np.ones((1, templates.size(RATE)[0]))).frames.size


def test_shapes_find_more_than_depth_does_with_fewer_false_alarms() -> None:
    planted = a_channel((4.2, 4.6), 12.0)
    x = heard(planted.samples)
    found = {name: detect.DETECTORS[name](x, RATE, None) for name in ("mad", "templates")}
    hit = {name: agreement.near(planted.frames, at, 10).mean() for name, at in found.items()}
    false = {name: (~agreement.near(at, planted.frames, 10)).sum() for name, at in found.items()}
    assert hit["templates"] > hit["mad"] + 0.05
    assert false["templates"] <= false["mad"] + 2


def test_bits_of_an_event_are_those_of_its_time_and_neuron() -> None:
    assert hits.event_bits(np.arange(64) % 4, 64 * 512) == pytest.approx(np.log2(np.e * 512) + 2)
    assert hits.event_bits(np.zeros(0, np.int64), 1000) == 0


def test_every_detector_has_a_row_on_planted_spikes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hits, "LEVELS", (5.0, 8.0))
    noise = [a_channel((), 5.0, seed).samples for seed in (5, 6)]
    rows = {(row.level, row.detector, row.factor): row for row in hits.planted(noise, RATE)}
    assert len(rows) == 2 * len(hits.DETECTORS)
    mad, shapes = rows["5", "mad", 4.5], rows["5", "templates", templates.FACTOR]
    assert shapes.hit_rate > mad.hit_rate + 0.1
    assert mad.accuracy is None
    assert shapes.accuracy is not None
    assert min(shapes.accuracy, rows["8", "templates", templates.FACTOR].accuracy or 0) > 0.5
    assert all(row.ratio > 200 for row in rows.values())
    assert shapes.ns > 0
    assert shapes.learn_ns > 0 == mad.learn_ns


@pytest.mark.slow
def test_generated_neurons_are_told_by_their_loudness() -> None:
    rows = hits.generated((1,), 5.0)
    shapes = [row for row in rows if row.detector == "templates"]
    assert [row.level for row in shapes] == ["3 to 5", "5 to 8", "8 to 12.5"]
    assert shapes[-1].hit_rate > 0.98
    assert shapes[-1].accuracy > shapes[0].accuracy  # type: ignore[operator]


# -- commands --------------------------------------------------------------------------------------------------------

FLAT = ("--channels", 1, "--rate", RATE)


@pytest.fixture(scope="module")
def channel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("templates") / "one.raw"
    a_channel().samples.tofile(path)
    return path


def test_detect_tells_the_spikes_of_every_neuron(run: Run, channel: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept.npz"
    done = run("n1codec", "spikes", "detect", channel, *FLAT, "--method", "templates", "--keep", kept, "--json")
    (row,) = json.loads(done.stdout)
    assert len(row["units"]) == 2
    assert sum(row["units"]) == row["spikes"]
    assert row["ratio"] > 200
    again = run("n1codec", "spikes", "detect", channel, *FLAT, "--templates", kept, "--json")
    assert json.loads(again.stdout) == [row]
    said = run("n1codec", "spikes", "detect", channel, *FLAT, "--detector", "templates").stdout
    assert "of 2 neurons" in said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda path: path.write_bytes(b"nothing"), "it holds no waveforms of neurons"),
        (lambda path: np.savez(path, **{"other.raw": np.zeros((1, 30))}), "it has no waveforms of the channel one.raw"),
        (lambda path: np.savez(path, **{"one.raw": np.zeros((1, 29))}), "29 samples, and at 20000 Hz they have 30"),
        (lambda path: np.savez(path, **{"one.raw": np.array([[None] * 30])}), "it holds no waveforms of neurons"),
    ],
)
def test_waveforms_that_do_not_fit_are_refused(
    run: Run, channel: Path, tmp_path: Path, change: Callable[[Path], object], said: str
) -> None:
    kept = tmp_path / "kept.npz"
    change(kept)
    done = run("n1codec", "spikes", "detect", channel, *FLAT, "--templates", kept)
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_evaluate_compares_detectors(run: Run, tmp_path: Path) -> None:
    a_channel((), 5.0, 5).samples.tofile(tmp_path / "noise.raw")
    done = run("n1codec", "spikes", "evaluate", tmp_path / "noise.raw", *FLAT, "--detectors", "--json")
    rows = json.loads(done.stdout)
    assert {row["detector"] for row in rows} == {"mad", "neo", "neo-median", "templates"}
    assert {"hit_rate", "false_alarms_per_s", "accuracy", "ns", "ratio"} <= rows[0].keys()
    table = run("n1codec", "spikes", "evaluate", tmp_path / "noise.raw", *FLAT, "--detectors").stdout
    assert "planted" in table
