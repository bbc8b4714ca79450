"""What codecs do to science: generated recordings, agreement of spikes, sorting by another program, and the command."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import ROOT

from n1codec.codec import CodecError, UnavailableError
from n1codec.datasets import synth_spikes, truth
from n1codec.datasets.synth import Random
from n1codec.lossy import agreement, quality, sorting
from n1codec.lossy.quality import Subject
from n1codec.lossy.sorting import Sorter
from n1codec.report import quality_page

CODECS = ("n1_multi", "round:error=4|n1_multi")
FAKE = """\
import json, os, sys, time
print(json.dumps({{"spikeinterface": "1.2.3", "sorters": ["threshold", "broken", "dying"]}}), flush=True)
for line in sys.stdin:
    folder = line.strip()
    job = json.load(open(os.path.join(folder, "job.json")))
    if job["sorter"] == "dying":
        sys.exit("Traceback: out of memory")
    samples = memoryview(open(os.path.join(folder, "samples.bin"), "rb").read()).cast("h")
    answer = {{"units": {{}}}}
    for channel in range(job["channels"]):
        train = [i for i, value in enumerate(samples[channel :: job["channels"]]) if value < -40]
        answer["units"][str(channel)] = [i for i, before in zip(train, [-99, *train]) if i - before > 30]
    if job["sorter"] == "broken":
        answer = {{"failure": "ValueError: no spikes"}}
    json.dump(answer, open(os.path.join(folder, "spikes.json"), "w"))
    print("done", flush=True)
    open({log!r}, "a").write(job["sorter"] + "\\n")
"""


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a program that sorts by a threshold in the place of SpikeInterface; return the list of what it has sorted."""
    log = tmp_path / "sorted.txt"
    log.touch()
    program, source = tmp_path / "fake python", tmp_path / "fake.py"
    source.write_text(FAKE.format(log=str(log)))
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{source}" "$@"\n')  # a first line takes no blank
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv(sorting.VARIABLE, str(program))
    return log


@pytest.fixture(scope="module")
def small() -> Subject:
    """Two channels, and a neuron on each that fires at known times."""
    rng = np.random.default_rng(0)
    x = rng.normal(0, 5, (30_000, 2))
    t = np.arange(-20, 40)
    wave = -60 * np.exp(-((t / 4) ** 2)) + 15 * np.exp(-(((t - 15) / 8) ** 2))
    frames = np.arange(300, 29_000, 400)
    units = np.arange(frames.size) % 2
    for frame, unit in zip(frames, units, strict=True):
        x[frame - 20 : frame + 40, unit] += wave
    samples = np.rint(x).astype(np.int16)
    return Subject("small", samples, 30_000.0, None, truth.of_spikes(samples, 30_000.0, frames, units))


# -- generated recordings --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_neurons_are_beside_the_probe_and_apart(seed: int) -> None:
    places = synth_spikes._places(Random(seed, 0), np.array([20.0, 300.0]))
    apart = np.linalg.norm(places[:, None] - places[None], axis=2) + 1000 * np.eye(len(places))
    assert places.shape == (synth_spikes.UNITS, 3)
    assert (places >= (0, 0, 5)).all() and (places <= (20, 300, 25)).all()
    assert 20 <= apart.min() < 30


def test_generated_recordings_are_what_they_say() -> None:
    made = synth_spikes.generate(1, 2)
    x, known = made.samples, made.truth
    assert (x.shape, x.dtype, made.geometry.shape) == ((60_000, synth_spikes.CHANNELS), np.int16, (32, 2))
    again, other = (synth_spikes.generate(seed, 0.2).samples for seed in (1, 2))
    assert np.array_equal(synth_spikes.generate(1, 0.2).samples, again)
    assert not np.array_equal(other, again)
    assert sorted(known.snr) == list(range(synth_spikes.UNITS))
    assert [known.snr[0], known.snr[19]] == pytest.approx([3, 12])
    assert (np.diff(known.frames) >= 0).all()
    for train in known.trains().values():
        assert train.size > 2
        assert np.diff(train).min() >= 59
    quiet = np.ones(len(x), bool)
    for frame in known.frames:
        quiet[frame - 35 : frame + 65] = False
    assert x[quiet].std(axis=0) == pytest.approx(np.full(32, synth_spikes.NOISE), rel=0.12)
    near, far = (np.corrcoef(x[quiet][:, [0, other]].T)[0, 1] for other in (1, 31))
    assert near > far + 0.2
    for unit in (12, 19):
        train, channel = known.trains()[unit], known.channels[unit]
        depth = -x[train, channel].mean() / synth_spikes.NOISE
        assert depth == pytest.approx(known.snr[unit], rel=0.25)


def test_loudness_is_found_in_the_recording(small: Subject) -> None:
    known = small.truth
    assert known is not None
    assert known.channels == {0: 0, 1: 1}
    assert 10 < known.snr[0] < 25
    silent = truth.of_spikes(np.zeros((20, 1), np.int16), 30_000, np.array([5]), np.array([7]))
    assert (silent.snr, silent.channels) == ({7: 0.0}, {7: 0})
    noise = np.random.default_rng(3).normal(0, 5, (600, 1)).round().astype(np.int16)
    at_the_edge = truth.of_spikes(noise, 30_000, np.array([0]), np.array([7]))
    assert (at_the_edge.snr, at_the_edge.channels) == ({7: 0.0}, {7: 0})


@pytest.mark.parametrize("name", ["spikes.csv", "spikes.npz", "plural.npz"])
def test_known_spikes_come_from_files(tmp_path: Path, small: Subject, name: str) -> None:
    known = small.truth
    assert known is not None
    path = tmp_path / name
    if path.suffix == ".csv":
        rows = [f"{frame},{unit},x" for frame, unit in zip(known.frames[::-1], known.units[::-1], strict=True)]
        path.write_text("\n".join(["frame,unit,note", *rows, "999999,0,behind the end"]))
    else:
        plural = "s" * (name == "plural.npz")
        np.savez(path, **{f"frame{plural}": known.frames, f"unit{plural}": known.units.astype(np.int32)})
    found = truth.read(path, small.samples, small.rate)
    assert np.array_equal(found.frames, known.frames)
    assert np.array_equal(found.units, known.units)
    assert found.snr == known.snr


@pytest.mark.parametrize(
    "content", [b"frame,neuron\n1,2\n", b"frame,unit\n1,a\n", b"\xff\xfe", b"frame,unit\n99999,0\n", b"frame,unit\n"]
)
def test_files_that_name_no_spikes_are_refused(tmp_path: Path, small: Subject, content: bytes) -> None:
    (tmp_path / "spikes.csv").write_bytes(content)
    with pytest.raises(CodecError, match=r"spikes\.csv: (it names no spikes|none of its)"):
        truth.read(tmp_path / "spikes.csv", small.samples, small.rate)


@pytest.mark.parametrize("arrays", [{"frame": [1.5], "unit": [0]}, {"frame": [1, 2], "unit": [0]}, {"a": [1]}])
def test_archives_that_name_no_spikes_are_refused(tmp_path: Path, small: Subject, arrays: dict[str, Any]) -> None:
    np.savez(tmp_path / "spikes.npz", **arrays)
    with pytest.raises(CodecError, match="it names no spikes"):
        truth.read(tmp_path / "spikes.npz", small.samples, small.rate)


# -- agreement -------------------------------------------------------------------------------------------------------


def test_near_spikes_are_the_same() -> None:
    a, b = np.array([10, 20, 30, 50]), np.array([12, 33, 47])
    assert agreement.near(a, b, 2).tolist() == [True, False, False, False]
    assert agreement.near(a, b, 3).tolist() == [True, False, True, True]
    assert agreement.near(a, b[:0], 3).tolist() == [False] * 4
    assert agreement.accuracy(a, b, 3) == 3 / 4
    assert agreement.accuracy(a, a, 0) == 1
    assert agreement.accuracy(a[:0], a[:0], 3) == 0


def test_each_unit_counts_once() -> None:
    a, b = np.arange(0, 1000, 10), np.arange(5, 1000, 10)
    found = {0: a[:80], 1: a[:60], 2: np.sort(np.concatenate([a, b[:20]])), 3: b[:40]}
    assert agreement.paired({7: a, 8: b}, found, 1) == {7: (2, pytest.approx(100 / 120))}
    assert agreement.paired({7: a}, {}, 1) == {}
    assert agreement.paired({7: a, 8: a}, {0: a, 1: a[:90]}, 1) in (
        {7: (0, 1.0), 8: (1, 0.9)}, {7: (1, 0.9), 8: (0, 1.0)},
    )  # fmt: skip


# -- measuring -------------------------------------------------------------------------------------------------------


def test_what_codecs_do_is_measured(small: Subject, tmp_path: Path, fake: Path) -> None:
    with Sorter("threshold", tmp_path / "kept") as sorter:
        rows = quality.run([small], CODECS, tmp_path, sorter)
    lossless, lossy = rows
    assert (lossless["lossy"], lossy["lossy"]) == (False, True)
    assert (lossless["snr_db"], lossless["largest_error"]) == (None, 0)
    assert (lossless["spikes_kept"], lossless["false_alarms_per_s"]) == (1, 0)
    assert (lossless["accuracy"], lossless["accuracy_before"]) == (1, 1)
    assert lossless["units_found"] == lossless["units_sorted"] == 2
    assert lossy["largest_error"] == 4
    assert lossy["ratio"] == pytest.approx(small.samples.nbytes / lossy["compressed_bytes"], rel=1e-5)
    assert lossy["ratio"] > 2 * lossless["ratio"]
    assert 0.9 < lossy["spikes_kept"] <= 1
    for unit in lossy["units"]:
        assert unit["spikes"] in (35, 36)
        assert unit["hits_before"] == unit["hits"] == 1
        assert unit["accuracy_before"] == 1
        assert unit["accuracy"] > 0.9
    assert fake.read_text().split() == ["threshold"] * 2, "what is lossless is not sorted twice"


def test_a_run_goes_on_where_it_was_killed(small: Subject, tmp_path: Path) -> None:
    first = quality.run([small], CODECS[:1], tmp_path)
    store = tmp_path / quality.FILE
    whole = store.read_bytes()
    with store.open("ab") as file:
        file.write(whole[: len(whole) // 2])
    done: list[str] = []
    second = quality.run([small], CODECS, tmp_path, advance=lambda text, step=1: done.append(text) if step else None)
    assert second[0] == first[0]
    assert done == [f"small {codec}" for codec in CODECS]
    assert store.read_bytes().startswith(whole)
    assert [row["codec"] for row in quality.read(tmp_path)] == list(CODECS)
    assert quality.run([small], CODECS, tmp_path) == second
    assert len(store.read_bytes().splitlines()) == 3


def test_other_samples_or_spikes_are_measured_anew(small: Subject, tmp_path: Path) -> None:
    quality.run([small], CODECS[:1], tmp_path)
    quality.run([small._replace(samples=small.samples + 1)], CODECS[:1], tmp_path)
    quality.run([small._replace(truth=None)], CODECS[:1], tmp_path)
    rows = quality.read(tmp_path)
    assert len({row["crc32"] for row in rows}) == len(rows) == 3
    assert rows[2]["units"] == []
    assert len(quality.latest(rows)) == 1


def test_without_known_spikes_the_first_sorting_is_what_counts(small: Subject, tmp_path: Path, fake: Path) -> None:
    with Sorter("threshold", tmp_path / "kept") as sorter:
        (row,) = quality.run([small._replace(truth=None)], CODECS[1:], tmp_path, sorter)
    assert row["reference"] == "what is sorted before"
    assert row["accuracy_before"] == 1
    assert 0.8 < row["accuracy"] <= 1
    assert [unit["unit"] for unit in row["units"]] == [0, 1]
    assert "hits" not in row["units"][0]


def test_a_row_with_a_sorter_stands_before_one_without(small: Subject, tmp_path: Path, fake: Path) -> None:
    with Sorter("threshold", tmp_path / "kept") as sorter:
        quality.run([small], CODECS, tmp_path, sorter)
    quality.run([small], CODECS, tmp_path)
    assert [row["sorter"] for row in quality.latest(quality.read(tmp_path))] == ["threshold", "threshold"]


def test_a_sorter_that_fails_on_what_came_back_finds_nothing(
    small: Subject, tmp_path: Path, fake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Sorter("threshold", tmp_path / "kept") as sorter:
        was = quality.Before(small, sorter)
        assert len(was.sorted) == 2
        sorter.name = "broken"
        row = quality.measure_sorting(small, was, "round:error=2|n1_multi", sorter, [])
        assert row["failure"] == "ValueError: no spikes"
        assert (row["accuracy"], row["accuracy_before"], row["units_sorted"]) == (0, 1, 0)
        with pytest.raises(CodecError, match="fails on the recording itself: ValueError: no spikes"):
            assert quality.Before(small, sorter).sorted


def test_a_sorter_whose_program_ends_is_an_error(small: Subject, tmp_path: Path, fake: Path) -> None:
    with Sorter("dying", tmp_path) as sorter, pytest.raises(CodecError, match="without an answer: Traceback: out of"):
        sorter(small.samples, small.rate, None)


def test_slow_recordings_have_no_spikes(small: Subject, tmp_path: Path) -> None:
    (row,) = quality.run([small._replace(rate=1000.0)], CODECS[1:], tmp_path)
    assert (row["spikes"], row["spikes_kept"], row["snr_spike_db"]) == (None, None, None)
    assert "hits" not in row["units"][0]


def test_electrodes_without_a_place_have_no_neighbours() -> None:
    places = sorting._places(np.array([[0.0, 0.0], [np.nan, np.nan], [0.0, 20.0]]), 3)
    assert places[[0, 2]].tolist() == [[0, 0], [0, 20]]
    assert np.abs(places[1] - places[0]).max() > 1e4
    assert sorting._places(None, 2)[1].tolist() == [0, sorting._PITCH]


def test_the_means_of_several_recordings(small: Subject, tmp_path: Path) -> None:
    louder = small._replace(name="louder", samples=small.samples * 2)
    rows = quality.run([small, louder], CODECS, tmp_path)
    lossless, lossy = quality.table(rows)
    assert (lossless["codec"], lossless["recordings"], lossy["recordings"]) == ("n1_multi", 2, 2)
    assert lossless["snr_db"] is None
    pair = [row for row in rows if row["lossy"]]
    assert lossy["snr_db"] == pytest.approx(np.mean([row["snr_db"] for row in pair]))
    assert lossy["ratio"] == pytest.approx(sum(row["original_bytes"] for row in pair)
                                           / sum(row["compressed_bytes"] for row in pair))  # fmt: skip
    assert [(part["snr"], part["units"]) for part in lossy["classes"]] == [("above 8", 4)]
    assert lossy["accuracy"] is lossy["accuracy_loss"] is None
    pair[0] |= {"accuracy": 0.5, "accuracy_before": 0.75}
    half = quality.table(rows)[1]
    assert half["accuracy"] is half["accuracy_loss"] is half["accuracy_loss_worst"] is None, "not every one is sorted"
    pair[1] |= {"accuracy": 0.75, "accuracy_before": 0.75}
    whole = quality.table(rows)[1]
    assert (whole["accuracy"], whole["accuracy_loss"], whole["accuracy_loss_worst"]) == (0.625, 0.125, 0.25)


# -- the command -----------------------------------------------------------------------------------------------------


@pytest.fixture
def recording(small: Subject, tmp_path: Path) -> Path:
    path = tmp_path / "tetrode.raw"
    small.samples.tofile(path)
    (tmp_path / "tetrode.raw.json").write_text(json.dumps({"channels": 2, "rate": 30_000}))
    known = small.truth
    assert known is not None
    np.savez(tmp_path / "spikes.npz", frames=known.frames, units=known.units)
    return path


def test_the_command(
    recording: Path, tmp_path: Path, run: Callable[..., Any], fake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    options = ("--ground-truth", tmp_path / "spikes.npz", "--sorter", "threshold", "--json")
    done = run("n1codec", "quality", recording, *CODECS, *options)
    assert done.returncode == 0, done.stderr
    lossless, lossy = json.loads(done.stdout)
    assert (lossless["codec"], lossy["codec"]) == CODECS
    assert (lossless["accuracy"], lossless["accuracy_loss"]) == (1, 0)
    assert lossy["accuracy_loss"] == pytest.approx(1 - lossy["accuracy"])
    assert [part["snr"] for part in lossy["classes"]] == ["above 8"]
    folder = tmp_path / "results" / "tetrode-quality"
    for name in ("science.jsonl", "science.csv", "README.md", "science.png", "science.svg"):
        assert str(folder / name)[len(str(tmp_path)) + 1 :] in done.stderr or name == "science.jsonl"
        assert (folder / name).stat().st_size > 100
    text = quality_page.as_text([lossless, lossy])
    assert [line.split()[0] for line in text[2:4]] == list(CODECS)
    assert "Sorting: accuracy, and neurons with 0.8 or more" in text
    assert len(fake.read_text().split()) == 2
    (folder / "science.png").unlink()
    plotted = run("n1codec", "plot", "--results", folder)
    assert plotted.returncode == 0, plotted.stderr
    assert (folder / "science.png").exists()
    reported = run("n1codec", "report", "--results", folder)
    assert reported.returncode == 0, reported.stderr
    page = (folder / "report.html").read_text()
    assert "Accuracy: neurons by their signal-to-noise ratio" in page
    assert "data:image/png;base64," in page
    assert "{{" not in page


@pytest.mark.slow
def test_the_report_of_a_sweep_has_it_too(recording: Path, tmp_path: Path, run: Callable[..., Any]) -> None:
    out = tmp_path / "results" / "tetrode.raw"
    done = run("n1codec", "grid", recording, "--codecs", "copy", "--min-time", 0, "--results", out.parent, "--quiet")
    assert done.returncode == 0, done.stderr
    (folder,) = out.parent.iterdir()
    assert run("n1codec", "quality", recording, *CODECS, "--out", folder).returncode == 0
    assert not (folder / "README.md").exists()
    for command in ("plot", "report"):
        done = run("n1codec", command, "--results", folder)
        assert done.returncode == 0, done.stderr
    assert "## What codecs do to science" in (folder / "README.md").read_text()
    assert 'href="#science"' in (folder / "report.html").read_text()


def test_generated_recordings_by_the_command(tmp_path: Path, run: Callable[..., Any]) -> None:
    done = run("n1codec", "quality", "--ground-truth", "generated", "--seeds", 1, "--seconds", 0.5,
               "round:error=4|n1_multi", "--out", tmp_path, "--json")  # fmt: skip
    assert done.returncode == 0, done.stderr
    (line,) = json.loads(done.stdout)
    assert [part["snr"] for part in line["classes"]] == ["below 5", "5 to 8", "above 8"]
    assert sum(part["units"] for part in line["classes"]) > 15
    assert line["hits_before"] > 0.5


def test_what_the_command_refuses(
    recording: Path, tmp_path: Path, run: Callable[..., Any], fake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "short.raw").write_bytes(b"")
    for arguments, code, said in (
        ((), 2, "name a recording, or --ground-truth generated"),
        ((recording, "sawtooth"), 1, "sawtooth"),
        ((recording, "mdct", "--sorter", "kilosort9"), 1, "kilosort9: there is no such sorter"),
        (("--data", recording, "--ground-truth", "generated"), 2, "leave DATA out"),
        (("mdct", "--ground-truth", "generated", "--seeds", "0"), 2, "--seeds"),
        ((recording, "--channels", 2), 1, "nobody says how many frames a second"),
    ):
        done = run("n1codec", "quality", *arguments)
        assert (done.returncode, done.stderr.count("\n")) == (code, 1), (arguments, done.stderr)
        assert said in done.stderr
    (tmp_path / "science.jsonl").write_text("nothing\n")
    done = run("n1codec", "plot", "--results", tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "science.jsonl: there are no results" in done.stderr


def test_without_the_environment_a_line_names_make_sorting(
    recording: Path, tmp_path: Path, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(sorting.VARIABLE, raising=False)
    monkeypatch.setattr(sorting, "_HOME", Path("nowhere"))
    done = run("n1codec", "quality", recording, "mdct", "--sorter", "spykingcircus2", "--out", tmp_path / "out")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "make sorting" in done.stderr
    monkeypatch.setenv(sorting.VARIABLE, str(tmp_path / "none"))
    with pytest.raises(UnavailableError, match="names no Python"):
        Sorter("spykingcircus2", tmp_path)
    monkeypatch.setenv(sorting.VARIABLE, sys.executable)
    with pytest.raises(UnavailableError, match=r"no SpikeInterface that runs \(make sorting\)"):
        Sorter("spykingcircus2", tmp_path)


COMPARE = """
import json, sys
import numpy as np
from spikeinterface import NumpySorting
from spikeinterface.comparison import compare_sorter_to_ground_truth
known, found = ({int(u): np.array(t) for u, t in json.load(open(path)).items()} for path in sys.argv[1:])
pair = [NumpySorting.from_unit_dict([units], 30000.0) for units in (known, found)]
result = compare_sorter_to_ground_truth(*pair, exhaustive_gt=True)
print(json.dumps({str(u): float(a) for u, a in result.get_performance()["accuracy"].items()}))
"""


@pytest.mark.slow
def test_a_real_sorter_finds_loud_neurons(tmp_path: Path) -> None:
    """And what we call accuracy is what SpikeInterface calls it."""
    python = Path(os.environ.get(sorting.VARIABLE) or ROOT / sorting._HOME)
    if not python.exists():
        pytest.skip("there is no environment for sorters (make sorting)")
    made = synth_spikes.generate(0, 8)
    with Sorter("spykingcircus2", tmp_path) as sorter:
        found = sorter(made.samples, synth_spikes.RATE, made.geometry)
    assert not found.failure
    known = made.truth.trains()
    pairs = agreement.paired(known, found.units, 12)
    assert len(pairs) > 8
    for name, trains in (("known", known), ("found", found.units)):
        (tmp_path / name).write_text(json.dumps({str(unit): train.tolist() for unit, train in trains.items()}))
    done = subprocess.run([python, "-c", COMPARE, tmp_path / "known", tmp_path / "found"], capture_output=True,
                          text=True, check=True)  # fmt: skip
    theirs = {int(unit): value for unit, value in json.loads(done.stdout.splitlines()[-1]).items()}
    assert {unit: pairs.get(unit, (0, 0.0))[1] for unit in known} == pytest.approx(theirs, abs=0.02)
