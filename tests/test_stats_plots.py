"""The plots of what recordings are like: what is drawn is what was measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import signal
from test_plots import results

from n1codec.analysis.stats import Settings, Stats, collect
from n1codec.bench.results import summary
from n1codec.datasets import dataset
from n1codec.datasets.dataset import Dataset
from n1codec.recordings import wav
from n1codec.report import stats_plots

RATE = 8000


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("recordings") / "made up"
    folder.mkdir()
    for number in range(5):
        samples = signal(4000, seed=number)
        if number == 3:
            samples[100] = 32767
        (folder / f"{number}.wav").write_bytes(wav.write(samples, RATE))
    return dataset.describe(folder)


@pytest.fixture(scope="module")
def stats(data: Dataset) -> Stats:
    return collect(data.files, Settings(), 1, lambda name, share: None)


def titles(figure: Any) -> str:
    return " ".join(text.get_text() for text in figure.texts)


def test_amplitude_has_every_sample_once(stats: Stats, data: Dataset) -> None:
    whole, core = stats_plots._amplitude(stats, "about").axes
    samples = np.concatenate([wav.read(path.read_bytes()).samples[:, 0] for path in data.files])
    for axes, expected in ((whole, samples), (core, samples[np.abs(samples - samples.mean()) <= core.get_xlim()[1]])):
        (drawn,) = axes.patches
        counts, edges, _ = drawn.get_data()
        found, _ = np.histogram(expected, edges)
        assert len(counts) <= 256 and np.abs(np.cumsum(counts) - np.cumsum(found)).max() <= 0.001 * len(samples)
        steps = np.diff(edges) / 64.06
        assert steps == pytest.approx(round(steps[0]), rel=0.01)  # whole codes: no combs
        mean, mode = (line.get_xdata()[0] for line in axes.lines)
        values, often = np.unique(samples, return_counts=True)
        assert mean == pytest.approx(samples.mean()) and mode == values[often.argmax()]
    assert whole.patches[0].get_data()[0].sum() == len(samples)
    assert (whole.get_yscale(), core.get_yscale()) == ("log", "linear")
    low, high = core.get_xlim()
    assert low == pytest.approx(samples.mean() - 4 * stats.spread["sd"]["p50"])
    assert high == pytest.approx(samples.mean() + 4 * stats.spread["sd"]["p50"])


def test_psd_is_the_median_between_its_percentiles(stats: Stats) -> None:
    figure = stats_plots._psd(stats, Settings(), "about")
    (axes,) = figure.axes
    (line,) = axes.lines
    assert np.array_equal(line.get_xdata(), stats.frequencies[1:-1])
    assert np.allclose(line.get_ydata(), np.median(stats.densities, axis=0)[1:-1])
    (band,) = axes.collections
    inside = band.get_paths()[0].vertices
    assert inside[:, 1].min() == pytest.approx(np.percentile(stats.densities, 5, axis=0)[1:-1].min())
    assert inside[:, 1].max() == pytest.approx(np.percentile(stats.densities, 95, axis=0)[1:-1].max())
    assert axes.get_xscale() == axes.get_yscale() == "log"
    assert "Welch nperseg=1024" in titles(figure)
    silent = stats._replace(densities=np.zeros_like(stats.densities))
    assert stats_plots._psd(silent, Settings(), "about").axes[0].get_yscale() == "linear"


def test_spectrogram_is_of_the_file_in_the_middle(stats: Stats, data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    path = stats_plots._typical(data, stats)
    ordered = sorted(row["spectral_entropy"] for row in stats.files)
    assert {row["file"]: row["spectral_entropy"] for row in stats.files}[path.name] == ordered[2]
    figure = stats_plots._spectrogram(path)
    assert path.name in titles(figure)
    (image,) = figure.axes[0].images
    left, right, low, high = image.get_extent()
    assert (low, high) == (0, RATE / 2) and 0 < left < right < 4000 / RATE
    level = np.asarray(image.get_array())
    samples = wav.read(path.path.read_bytes()).samples[:256, 0].astype(float)
    tapered = (samples - samples.mean()) * np.hanning(257)[:-1]
    power = np.abs(np.fft.rfft(tapered)) ** 2 * 2 / RATE / np.sum(np.hanning(257)[:-1] ** 2)
    assert level[1:-1, 0] == pytest.approx(10 * np.log10(power[1:-1]), abs=0.01)
    monkeypatch.setattr(stats_plots, "_SECONDS", 0.25)
    assert stats_plots._spectrogram(path).axes[0].images[0].get_extent()[1] < 0.25


def test_each_file_is_a_dot(stats: Stats) -> None:
    figure = stats_plots._files(stats, "about")
    assert len(figure.axes) == len(stats_plots._SPREAD)
    for axes, name in zip(figure.axes, stats_plots._SPREAD, strict=True):
        dots, line = axes.collections
        values = [row[name] for row in stats.files]
        assert sorted(dots.get_offsets()[:, 1]) == pytest.approx(sorted(values))
        assert line.get_segments()[0][:, 1] == pytest.approx(np.median(values))


def test_entropies_stand_beside_what_codecs_reach(stats: Stats, tmp_path: Path) -> None:
    folder = results(tmp_path / "results" / "made-up", 12)
    (axes,) = stats_plots._entropy(stats, "about", folder).axes
    marks = [float(line.get_xdata()[0]) for line in axes.lines if len(line.get_xdata())]
    expected = [stats.total[name] for bound in stats_plots._BOUNDS for name in (bound, f"{bound}_own")]
    assert marks == pytest.approx(expected)
    table = summary.read(folder)
    bits = table[table["status"] == "ok"]["bits_per_sample"]
    points = np.concatenate(
        [c.get_offsets()[:, 0] for c in axes.collections if len(c.get_offsets()) and c.get_label()[0] != "_"]
    )
    assert sorted(points) == pytest.approx(sorted(bits[bits <= 1.6 * bits.min()]))
    assert any(f"{bits.min():.3f}" in text.get_text() for text in axes.texts)
    alone = stats_plots._entropy(stats, "about", None).axes[0]
    assert len(alone.texts) == len(stats_plots._BOUNDS)
    empty = results(tmp_path / "results" / "none", 0)
    assert len(stats_plots._entropy(stats, "about", empty).axes[0].texts) == len(stats_plots._BOUNDS)


def test_draw_makes_all_of_them(stats: Stats, data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: dict[str, Any] = {}

    def keep(plots: Any, folder: Path) -> list[Path]:
        made.update({name: plot() for name, plot in plots.items()})
        return [folder]

    monkeypatch.setattr(stats_plots, "save", keep)
    home = results(tmp_path / "results" / data.name, 3).parent
    assert stats_plots.draw(tmp_path / "plots", data, stats, Settings(), home) == [tmp_path / "plots"]
    assert set(made) == {"amplitude", "psd", "spectrogram", "files", "entropy"}
    assert all("5 files, 20,000 samples" in titles(made[name]) for name in ("amplitude", "psd", "files", "entropy"))
    best = summary.read(home / data.name)["bits_per_sample"].min()
    assert any(f"{best:.3f}" in text.get_text() for text in made["entropy"].axes[0].texts)
    assert stats_plots._folder(tmp_path, data.name) is None
    assert stats_plots._folder(home / data.name, "another") == home / data.name
