"""The plots: drawn from the CSV files alone, the same bytes each time, legible with many codecs."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from conftest import stored

from n1codec.bench.results import store, summary
from n1codec.cli import run
from n1codec.cli.plot import command
from n1codec.codec import CodecError
from n1codec.report import page
from n1codec.report.style import MATPLOTLIB

NAMES = ("pareto", "codecs")
FAMILIES = ("baseline", "dictionary", "predictive", "entropy", "audio", "blosc", "numeric", "n1", "of others", "$more$")


def results(folder: Path, codecs: int, files: int = 4, specs: Sequence[str] = ()) -> Path:
    folder.mkdir(parents=True)
    rng = np.random.default_rng(3)
    writer = store.Store(folder / store.FILE)
    shared = {"dataset": "made up", "jobs": 1, "codec_version": "1", "machine": "m", "cpu": "c", "python": "3",
              "n1codec": "1"}  # fmt: skip
    for index in range(codecs):
        spec = specs[index] if specs else f"remap|delta|zigzag|planes|codec_{index}:level=12"
        if index % 3:
            ratio, encode, decode = 1 + 1.5 * rng.random(), *10 ** rng.uniform((-1, 1), (3, 4))
        else:  # a front on which many are near each other
            ratio, encode, decode = 3.5 - 0.01 * index, 20 * (index + 1), 70 * (index + 1)
        about = {"spec": spec, "mode": spec, "family": FAMILIES[index % len(FAMILIES)], "status": "ok", "verified": 1}
        writer.append(
            shared
            | about
            | {
                "file": f"{file}.wav",
                "original_bytes": 200_000,
                "compressed_bytes": int(200_000 / (ratio * (1 + 0.1 * file))),
                "frames": 99_978,
                "channels": 1,
                "recording_seconds": 5.0,
                "encode_seconds": 5 / encode,
                "encode_repeats": 2,
                "decode_seconds": 5 / decode,
                "decode_repeats": 2,
                "encode_memory_bytes": (index + 1) * 1_000_000,
                "decode_memory_bytes": 500_000,
                "byte_entropy_before": 5.0,
                "byte_entropy_after": 8.0,
            }
            for file in range(files)
        )
    about = {"spec": "absent", "mode": "absent", "family": "audio", "status": "skipped", "reason": "gone"}
    writer.append([shared | about | {"verified": 0}])
    summary.write(folder)
    return folder


def test_places_of_axes_have_few_digits(tmp_path: Path) -> None:
    """The last digits of a layout vary from one drawing to the next, and names in SVG files follow from them."""
    from n1codec.report.plots import headed, save

    figure = headed(7, 3, "A title", "a line")
    for axes in figure.subplots(1, 3):
        axes.plot([1, 3], label="some")
        axes.set_ylabel("long words\nin lines")
    save({"some": lambda: figure}, tmp_path)
    edges = np.array([axes.get_position().bounds for axes in figure.axes])
    assert np.abs(edges - edges.round(6)).max() < 1e-12


@pytest.mark.parametrize("codecs", [1, pytest.param(12, marks=pytest.mark.slow)])
def test_plots_are_drawn_and_are_the_same_each_time(tmp_path: Path, codecs: int, capsys) -> None:
    from n1codec.report.plots import draw

    folder = results(tmp_path / "results" / "some", codecs)
    command.callback(results=folder)  # type: ignore[misc]
    printed = capsys.readouterr().out.splitlines()
    plots = [f"{name}.{end}" for name in NAMES for end in ("png", "svg")]
    assert [Path(line).name for line in printed] == [*plots, "README.md"]
    first = {Path(line).name: Path(line).read_bytes() for line in printed}
    assert {path.name for path in folder.iterdir()} == {*first, store.FILE, summary.FILE}
    for name, content in first.items():
        if name.endswith(".png"):
            assert content.startswith(b"\x89PNG")
        elif name.endswith(".svg"):
            assert ElementTree.fromstring(content).tag.endswith("svg")
    assert {path.name: path.read_bytes() for path in draw(folder)} == {name: first[name] for name in plots}


def test_lines_are_wrapped_at_blanks_and_long_words_anywhere() -> None:
    from n1codec.report.plots import wrapped

    text = "not shown: failed: one, two, three and more of them than fit into a line"
    lines = wrapped(text, 1.5, 8)
    assert len(lines) > 2 and " ".join(lines) == text
    assert wrapped("short", 5, 8) == ["short"]
    long = wrapped("a " + "x" * 100 + " b", 1.5, 8)
    assert "".join(long).replace(" ", "") == "a" + "x" * 100 + "b" and len(long) > 3
    assert wrapped("ab", 0.001, 8) == ["a", "b"]


def _page(folder: Path) -> Any:
    from n1codec.report import plots

    table = summary.read(folder)
    return plots._Page(table, table[table["status"] == "ok"].reset_index(drop=True))


def _points(axes: Any) -> np.ndarray:
    kinds = [c for c in axes.collections if type(c).__name__ == "PathCollection"]
    return np.array(sorted(map(tuple, np.concatenate([kind.get_offsets() for kind in kinds]).tolist())))


def test_what_is_drawn_is_what_was_measured(tmp_path: Path) -> None:
    from n1codec.report import plots

    page = _page(results(tmp_path / "r", 9, files=5))
    good = page.good.set_index("mode")
    ratio, encode, decode = (
        good[name] for name in
        ("compression_ratio", "average_compression_speed_xRT", "average_decompression_speed_xRT")
    )  # fmt: skip

    def pairs(x: Any, y: Any) -> Any:
        return pytest.approx(np.array(sorted(zip(x, y, strict=True))))

    lines = page.lines(page.named())
    named = [(y, line.label) for y, line in enumerate(lines) if not line.family]
    panels = plots._codecs(page, lines).axes
    assert [label.get_text() for label in panels[0].get_yticklabels()] == [line.label for line in lines]
    assert sorted(label for _, label in named) == sorted(good.index)
    for axes, values in zip(panels, (ratio, encode, decode), strict=True):
        assert _points(axes) == pairs([values[label] for _, label in named], [y for y, _ in named])
    written = {text.get_text() for text in panels[0].texts}
    assert written == {f"{x:.3f}" for x in ratio}
    (bars,) = (kind for kind in panels[0].collections if type(kind).__name__ == "LineCollection")
    ends = sorted(tuple(segment[:, 0]) for segment in bars.get_segments())
    assert np.array(ends) == pairs(good["ratio_p5"], good["ratio_p95"])
    for axes, speeds in zip(plots._pareto(page).axes, (encode, decode), strict=True):
        assert _points(axes) == pairs(speeds, ratio)
        best = summary.front(speeds.to_numpy(), ratio.to_numpy())
        (front,) = (line for line in axes.lines if len(line.get_xdata()) == len(best))
        assert sorted(front.get_xdata()) == pytest.approx(sorted(speeds.iloc[best]))
        names = {text.get_text().partition("  ")[2] for text in axes.texts} - {""}
        assert names == {good.index[i] for i in best}


def test_of_many_codecs_the_best_are_named_and_all_are_in_the_appendix(tmp_path: Path) -> None:
    from n1codec.report import plots

    page = _page(results(tmp_path / "many", 143))
    modes = page.good["mode"]
    chosen = page.lines(page.named())
    named = {line.label for line in chosen if not line.family}
    best = {modes[group["compression_ratio"].idxmax()] for _, group in page.good.groupby("family")}
    front = {modes[i] for column in plots._SPEEDS for i in page.front(column)}
    assert named == best | front and len(chosen) < 80
    assert sorted(place for line in chosen for place in line.members) == list(range(143))
    parts = plots._parts(page)
    assert [len(part) for part in parts[:-1]] == [plots._PER_PAGE] * (len(parts) - 1)
    assert all(part[0].family and not part[-1].family for part in parts)
    listed = [line.label for part in parts for line in part if not line.family]
    assert sorted(listed) == sorted(modes)
    families = dict(zip(modes, page.good["family"], strict=True))
    for part in parts:
        for line in part:
            if line.family:
                family = line.label.removesuffix(", continued")
            else:
                assert families[line.label] == family


def test_pictures_of_more_codecs_than_there_are_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from n1codec.report import plots

    monkeypatch.setattr(plots, "save", lambda found, folder: [folder / f"{name}.png" for name in found])
    monkeypatch.setattr(plots, "_NAMED", 2)
    folder = results(tmp_path / "r", 3)
    for name in ("all-1.png", "all-2.png", "all-2.svg", "all-of-it.txt"):
        (folder / name).write_bytes(b"")
    assert [path.name for path in plots.draw(folder)] == ["pareto.png", "codecs.png", "all-1.png"]
    assert {path.name for path in folder.glob("all-*")} == {"all-1.png", "all-of-it.txt"}
    assert "## Appendix: all codecs, by family\n\n![All codecs](all-1.png)" in page.write(folder).read_text()


@pytest.mark.slow
def test_names_of_a_front_do_not_overlap_and_nothing_is_cut_off(tmp_path: Path) -> None:
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.text import Annotation, Text

    from n1codec.report import plots

    page = _page(results(tmp_path / "many", 70))
    with matplotlib.rc_context(MATPLOTLIB):
        figure = plots._pareto(page)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        for axes in figure.axes:
            names = [t for t in axes.texts if isinstance(t, Annotation) and "codec_" in t.get_text()]
            # an Annotation's own extent would hold its leader line too
            boxes = [Text.get_window_extent(name, canvas.get_renderer()) for name in names]
            assert len(boxes) >= 24
            assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
            assert all(figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1 for box in boxes)
        for lines in (page.lines(page.named()), *plots._parts(page)):
            figure = plots._codecs(page, lines)
            canvas = FigureCanvasAgg(figure)
            canvas.draw()
            labels = [label.get_window_extent() for label in figure.axes[0].get_yticklabels()]
            assert len(labels) == len(lines)
            assert all(figure.bbox.x0 <= box.x0 for box in labels)
            assert not any(a.overlaps(b) for a, b in pairwise(labels))
            figures = [Text.get_window_extent(t, canvas.get_renderer()) for a in figure.axes for t in a.texts]
            assert all(box.x1 <= figure.bbox.x1 for box in figures)
            assert not any(a.overlaps(b) for i, a in enumerate(figures) for b in figures[:i])


def test_what_is_not_shown_is_named_within_the_picture(tmp_path: Path) -> None:
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    from n1codec.report import plots

    folder = results(tmp_path / "r", 3)
    writer = store.Store(folder / store.FILE)
    names = [f"remap|delta|zigzag|planes|{letter * 40}:level=12" for letter in "abcd"]
    for status in ("failed", "timeout", "memory", "mismatch"):
        writer.append(
            [{"dataset": "made up", "spec": f"{status}{n}", "mode": f"{status}|{n}", "family": "audio",
              "status": status, "reason": "gone", "verified": 0, "jobs": 1} for n in names]
        )  # fmt: skip
    summary.write(folder)
    table = summary.read(folder)
    table["cpu"] = "a processor with a long name " * 8
    page = plots._Page(table, table[table["status"] == "ok"].reset_index(drop=True))
    with matplotlib.rc_context(MATPLOTLIB):
        for figure in (plots._pareto(page), plots._codecs(page, page.lines(page.named()))):
            FigureCanvasAgg(figure).draw()
            boxes = [text.get_window_extent() for text in figure.texts]
            assert all(box.x0 >= 0 and box.y0 >= 0 for box in boxes)
            assert all(box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1 for box in boxes)
            assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
            written = "".join("".join(text.get_text().split()) for text in reversed(figure.texts))
            assert all("".join(f"{status}|{name}".split()) in written for status in ("memory",) for name in names)
            assert not any(axes.get_tightbbox().overlaps(box) for axes in figure.axes for box in boxes)


def test_front_holds_what_no_other_beats() -> None:
    from n1codec.bench.results.summary import front

    rng = np.random.default_rng(0)
    for _ in range(50):
        speed, ratio = rng.integers(0, 12, (2, 30)).astype(float)
        found = front(speed, ratio)
        points = set(zip(speed, ratio, strict=True))
        unbeaten = {(s, r) for s, r in points if not any(a >= s and b >= r and (a, b) != (s, r) for a, b in points)}
        assert {(speed[i], ratio[i]) for i in found} == unbeaten
        assert len(found) == len(unbeaten)
        assert (np.diff(speed[found]) < 0).all()


def test_spread_out_keeps_order_gap_and_bounds() -> None:
    from n1codec.report.plots import spread_out

    rng = np.random.default_rng(1)
    for count in (0, 1, 2, 7, 25, 60):
        wanted = rng.random(count) ** 3
        places = spread_out(wanted, 0.03, 0.0, 1.0)
        order = np.argsort(wanted, kind="stable")
        assert (np.diff(places[order]) >= min(0.03, 1 / max(count - 1, 1)) - 1e-9).all()
        assert ((places >= -1e-9) & (places <= 1 + 1e-9)).all()
    assert spread_out(np.array([0.2, 0.8]), 0.03, 0.0, 1.0) == pytest.approx([0.2, 0.8])


def test_no_results_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    from n1codec.report.plots import draw

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["plot"])
    assert run(command, "plot") == 1
    assert "run n1codec grid first" in capsys.readouterr().err
    with pytest.raises(CodecError, match="no codec has verified results"):
        draw(results(tmp_path / "results" / "none", 0))


def test_results_may_be_a_data_set_or_the_folder_of_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    old, new = results(tmp_path / "r" / "old", 1), results(tmp_path / "r" / "new", 1)
    os.utime(old / summary.FILE, (1, 1))
    monkeypatch.setattr("n1codec.report.plots.draw", lambda folder: [folder / "drawn"])
    monkeypatch.setattr(page, "write", lambda folder: folder)
    for given, drawn in ((tmp_path / "r", new), (old, old), (new, new)):
        monkeypatch.setattr("sys.argv", ["plot", "--results", str(given)])
        assert run(command, "plot") == 0
        assert capsys.readouterr().out.splitlines() == [str(drawn / "drawn"), str(drawn)]
    monkeypatch.setattr("sys.argv", ["plot", "--results", str(tmp_path)])
    assert run(command, "plot") == 1
    assert "there are no results" in capsys.readouterr().err


def _without_times(folder: Path) -> Path:
    """Add rows of files that are no recordings to a folder that has none."""
    writer = store.Store(results(folder, 0) / store.FILE)
    about = {"dataset": "made up", "jobs": 1, "family": "baseline", "status": "ok", "verified": 1, "encode_repeats": 1}
    sizes = {"original_bytes": 10, "compressed_bytes": 9, "recording_seconds": 0.0, "encode_seconds": 1,
             "decode_seconds": 1, "decode_repeats": 1, "byte_entropy_before": 5.0,
             "byte_entropy_after": 5.0}  # fmt: skip
    writer.append([about | sizes | {"spec": "copy", "mode": "copy", "file": "a.wav"}])
    summary.write(folder)
    return folder


def test_files_that_are_no_recordings_have_no_times_of_recording(tmp_path: Path) -> None:
    from n1codec.report.plots import draw

    folder = _without_times(tmp_path / "r")
    assert {path.stem for path in draw(folder)} == {"codecs"}
    text = page.write(folder).read_text()
    assert re.search(r"^\| `copy` \| 1\.1111 \|  \|  \|  \| \S+ \| \S+ \| baseline \|$", text, re.M)
    assert "nan" not in text


def test_page_marks_the_rough_speeds_alone_and_aligns_words_left(tmp_path: Path) -> None:
    folder = results(tmp_path / "r", 2, specs=("zstd", "bz2"))
    rows = [row for row in stored(folder / store.FILE) if row["spec"] == "bz2"]
    assert "~" not in page.write(folder).read_text()
    store.Store(folder / store.FILE).append(row | {"jobs": "4"} for row in rows)
    summary.write(folder)
    text = page.write(folder).read_text()
    assert "up to 4 codecs" in text
    for codec, marks in (("bz2", 4), ("zstd", 0)):
        (line,) = (line for line in text.splitlines() if line.startswith(f"| `{codec}` |") and line.count("|") == 9)
        assert line.count("| ~") == marks
    assert f"| decode xRT | encode MB/s | decode MB/s | family |\n| --- |{6 * ' ---: |'} --- |" in text
    assert "| codec | status | reason |\n| --- | --- | --- |" in text


def test_page_has_the_figures_and_the_peers(tmp_path: Path) -> None:
    folder = results(tmp_path / "r", 3, specs=("zstd", "delta|zstd", "remap|zstd"))
    (folder / "peers.csv").write_text("peer,files,original_bytes,compressed_bytes\nsome|peer,3,3000,1000\n")
    text = page.write(folder).read_text()
    ratios = summary.read(folder).set_index("spec")["compression_ratio"]
    alone, delta, remap = (f"{ratios[spec]:.4f}" for spec in ("zstd", "delta|zstd", "remap|zstd"))
    assert f"| `zstd` | {alone} | {delta} | {remap} |" in text
    assert f"| `remap\\|zstd` | {remap} |" in text
    assert "| `some\\|peer` | 3.0000 |" in text
    assert "| `absent` | skipped | gone |" in text
