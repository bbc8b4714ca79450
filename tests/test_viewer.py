"""The viewer without a browser: state, session, figures, what a person is told, the CSV files."""

from __future__ import annotations

import base64
import csv
import io
import json
import os
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import signal

from n1codec.analysis import decimate, spectrum
from n1codec.codec import CodecError
from n1codec.datasets import synth
from n1codec.recordings import wav
from n1codec.viewer import canvas, export, session, state
from n1codec.viewer.figures import correlation, image, results, style
from n1codec.viewer.figures.style import DARK, LIGHT, nice
from n1codec.viewer.jobs import Cancelled, Jobs
from n1codec.viewer.session import Session
from n1codec.viewer.state import State

CHANNELS, FRAMES, RATE = 6, 9000, 19531


def needs_dash() -> None:
    if not os.environ.get("N1_REQUIRE_ALL"):
        pytest.importorskip("dash")
        pytest.importorskip("plotly")


def unpack(array: dict[str, Any]) -> np.ndarray:
    flat = np.frombuffer(base64.b64decode(array["bdata"]), array["dtype"])
    return flat.reshape([int(n) for n in array["shape"].split(",")]) if "shape" in array else flat


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """Six synthetic channels; the third and the last are shorter, and the first has one spike."""
    folder = tmp_path_factory.mktemp("recordings")
    samples = synth.synthesize(CHANNELS, FRAMES / RATE)[:FRAMES]
    samples[4321, 0] = 32767
    for channel, length in enumerate((FRAMES, FRAMES, 8000, FRAMES, FRAMES, 7500)):
        (folder / f"channel_{channel}.wav").write_bytes(wav.write(samples[:length, channel].copy(), RATE))
    made = session.open_paths([folder], tmp_path_factory.mktemp("cache"))
    made.prepare().wait()
    return made


def drawn(opened: Session, wanted: State, width: float = 900, height: float = 600, dark: bool = False) -> canvas.Canvas:
    made = canvas.draw(opened, wanted, canvas.Size(width, height), style.theme(dark), Path("no-results"))
    while made.job:
        found = opened.jobs.get(made.job)
        assert found is not None
        found.wait()
        assert not found.error
        made = canvas.draw(opened, wanted, canvas.Size(width, height), style.theme(dark), Path("no-results"))
    return made


# -- state -----------------------------------------------------------------------------------------------------------


def test_a_query_reproduces_the_state() -> None:
    shown = State(view="image", first=3, last=40, start=100, stop=9000, linkage="ward", codec='remap|zstd:level=3&"ä')
    assert state.parse(shown.query()) == shown
    assert State().query() == ""


@pytest.mark.parametrize(
    "query",
    ["?view=nothing", "?first=1e9", "?start=;rm", "?unknown=1", "?linkage=<script>", "?codec=" + "x" * 300, "?first=٣"],
)
def test_what_is_not_allowed_in_a_query_is_passed_over(query: str) -> None:
    assert state.parse(query) == State()


@pytest.mark.parametrize(
    "wild", [State(start=-5, stop=10**14), State(first=99, last=3), State(focus=-3, other=77), State(start=10**9)]
)
def test_any_state_fits_any_session(wild: State) -> None:
    for channels, frames in ((1, 20), (6, 9000), (6, 5)):
        fitted = state.fit(wild, channels, frames)
        start, stop = state.window(fitted, frames)
        first, last = state.shown(fitted, channels)
        assert 0 <= start < stop <= frames
        assert 0 <= first < last <= channels
        assert 0 <= fitted.focus < channels and -1 <= fitted.other < channels


def test_zoom_and_pan_stay_within_the_recording() -> None:
    now = State()
    for _ in range(30):
        now = state.zoom(now, 0.5, 1000)
    start, stop = state.window(now, 1000)
    assert stop - start == state.SHORTEST and abs(start + stop - 1000) < 10
    now = state.pan(now, 1000.0, 1000)
    assert state.window(now, 1000) == (984, 1000)
    assert state.window(state.pan(now, -0.25, 1000), 1000) == (980, 996)
    for _ in range(30):
        now = state.zoom(now, 2, 1000)
    assert state.window(now, 1000) == (0, 1000)


def test_the_mouse_moves_the_range() -> None:
    zoomed = state.relayout(State(), {"xaxis.range[0]": 0.1, "xaxis.range[1]": 0.2}, 1000, 5000)
    assert (zoomed.start, zoomed.stop) == (100, 200)
    assert state.relayout(State(), {"xaxis.range": [0.2, 0.1]}, 1000, 5000) == zoomed
    assert state.relayout(zoomed, {"xaxis.autorange": True}, 1000, 5000) == State()
    assert state.relayout(zoomed, {"autosize": True}, 1000, 5000) == zoomed
    beyond = state.relayout(State(), {"xaxis.range": [-3, 99]}, 1000, 5000)
    assert (beyond.start, beyond.stop) == (0, 5000)
    point = state.relayout(State(), {"xaxis.range": [4.9999, 5.0]}, 1000, 5000)
    assert point.stop - point.start == state.SHORTEST and point.stop <= 5000


def test_keys() -> None:
    assert state.key(State(), "3", 6, 900).view == "correlation"
    assert state.key(State(), "o", 6, 900).mode == "overlaid"
    assert state.key(State(linkage="ward"), "r", 6, 900).linkage == ""
    assert state.shown(state.key(State(), "]", 30, 900), 30) == (8, 16)
    assert state.key(State(), ",", 6, 900).focus == 5
    assert state.key(State(start=5, stop=50, last=3), "0", 6, 900) == State()
    assert state.key(State(), "x", 6, 900) == State()


@pytest.mark.parametrize("chosen", [State(last=372), State(first=5, last=120), State(), State(mode="overlaid")])
def test_every_channel_can_be_paged_to(chosen: State) -> None:
    now, channels, seen = state.fit(replace(chosen, first=0), 372, 900), 372, set()
    for _ in range(372):
        seen |= set(range(*state.visible(now, channels)))
        now = state.key(now, "]", channels, 900)
    assert seen == set(range(channels))
    assert state.visible(now, channels)[1] == channels
    for _ in range(372):
        now = state.key(now, "[", channels, 900)
    assert state.visible(now, channels)[0] == 0


def test_the_plots_drawn_are_those_that_paging_counts(tmp_path: Path) -> None:
    (tmp_path / "many.wav").write_bytes(wav.write(np.arange(100 * 130, dtype=np.int16).reshape(100, 130), 1000))
    made = session.open_paths([tmp_path], tmp_path / "cache")
    now, seen = State(last=130), []
    for _ in range(3):
        figure = drawn(made, now).main
        traces = figure["data"]
        assert len(traces) <= state.MOST_PLOTS
        seen += [trace["name"] for trace in traces]
        for name, trace in zip(seen[-len(traces) :], traces, strict=True):
            column = int(name.partition(":")[2])
            assert np.array_equal(unpack(trace["y"]), made.signals[column])
        now = state.key(now, "]", made.channels, made.frames)
    assert set(seen) == set(made.labels)


# -- session ---------------------------------------------------------------------------------------------------------


def test_recordings_are_padded_and_marked(opened: Session) -> None:
    assert isinstance(opened.signals, np.memmap)
    assert opened.signals.shape == (CHANNELS, FRAMES) and opened.signals.dtype == np.int16
    assert opened.lengths.tolist() == [FRAMES, FRAMES, 8000, FRAMES, FRAMES, 7500]
    assert opened.common == 7500
    assert not opened.signals[5, 7500:].any() and opened.signals[5, :7500].any()
    figure = drawn(opened, State(last=6)).main
    padded = [shape for shape in figure["layout"]["shapes"] if shape["name"] == "padded"]
    assert [(p["yref"], p["x0"]) for p in padded] == [("y3 domain", 8000 / RATE), ("y6 domain", 7500 / RATE)]
    z = unpack(drawn(opened, State(view="image")).main["data"][0]["z"])
    assert np.isnan(z[5, -1]) and np.isfinite(z[0]).all()


def test_the_cache_is_found_by_content(opened: Session, tmp_path: Path) -> None:
    folder, cache = tmp_path / "a", tmp_path / "cache"
    folder.mkdir()
    (folder / "x.wav").write_bytes(wav.write(signal(500, 3), 1000))
    first = session.open_paths([folder], cache)
    assert first.names == ["x:0", "x:1", "x:2"]
    other = tmp_path / "b"
    folder.rename(other)
    assert session.open_paths([other / "x.wav"], cache).key == first.key
    (other / "x.wav").write_bytes(wav.write(signal(500, 3, seed=1), 1000))
    assert session.open_paths([other], cache).key != first.key
    again = session.reopen(first.key[:12], cache)
    assert again is not None and np.array_equal(again.signals, first.signals)
    for key in ("", "../../etc", first.key[:3], "*" * 8):
        assert session.reopen(key, cache) is None
    assert not list(cache.glob(".new-*"))


def test_other_widths_are_shown_at_16_bits(tmp_path: Path) -> None:
    wide = np.array([-(1 << 23), 0, (1 << 23) - 1] * 20, np.int32)[:, None]
    (tmp_path / "wide.wav").write_bytes(wav.write(wide, 1000))
    (tmp_path / "byte.wav").write_bytes(wav.write(np.array([0, 128, 255] * 20, np.uint8), 1000))
    made = session.open_paths([tmp_path], tmp_path / "cache")
    assert made.signals[0, :3].tolist() == [-128, 0, 127]
    assert made.signals[1, :3].tolist() == [-32768, 0, 32767]
    assert len(made.notes) == 2 and "divided by 256" in made.notes[1]


def test_what_cannot_be_opened_is_told(tmp_path: Path) -> None:
    for name, data, words in (
        ("text.wav", b"no sound", "text.wav: it is no WAV file"),
        ("empty.wav", wav.write(np.zeros(0, np.int16), 1000), "empty.wav: there are no samples"),
    ):
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises(CodecError, match=words):
            session.open_paths([path], tmp_path / "cache")
    for name, rate in (("a.wav", 1000), ("b.wav", 2000)):
        (tmp_path / name).write_bytes(wav.write(signal(100), rate))
    with pytest.raises(CodecError, match=r"b\.wav has 2000 Hz and a\.wav has 1000 Hz"):
        session.open_paths([tmp_path / "a.wav", tmp_path / "b.wav"], tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_one_broken_file_keeps_no_other_from_opening(tmp_path: Path) -> None:
    folder, cache = tmp_path / "folder", tmp_path / "cache"
    folder.mkdir()
    for name in ("a", "c"):
        (folder / f"{name}.wav").write_bytes(wav.write(signal(400, seed=ord(name)), 1000))
    whole = session.open_paths([folder], cache)
    assert whole.notes == []
    (folder / "b.wav").write_bytes(b"no sound")
    (folder / "d.wav").write_bytes(wav.write(np.zeros(0, np.int16), 1000))
    (folder / "e.wav").mkdir()
    (folder / "f.wav").symlink_to(tmp_path / "nowhere")
    made = session.open_paths([folder], cache)
    assert made.names == ["a", "c"] and np.array_equal(made.signals, whole.signals)
    assert len(made.notes) == 2 and made.key != whole.key
    assert made.notes[0].startswith("Left out: b.wav: it is no WAV file")
    assert made.notes[1].startswith("Left out: d.wav: there are no samples")
    files = [folder / "a.wav", tmp_path / "gone.wav", folder / "c.wav"]
    assert session.open_files(files, cache, "x").notes == ["Left out: gone.wav: no such file or folder"]
    with pytest.raises(CodecError, match=r"no recordings to show\nLeft out: b\.wav"):
        session.open_paths([folder / "b.wav", folder / "d.wav"], cache)


def test_many_notes_are_counted(tmp_path: Path) -> None:
    (tmp_path / "good.wav").write_bytes(wav.write(signal(400), 1000))
    for number in range(30):
        (tmp_path / f"x{number:02}.wav").write_bytes(b"no sound")
    made = session.open_paths([tmp_path], tmp_path / "cache")
    assert len(made.notes) == 20 and made.notes[-1] == "and 11 notes more"


@pytest.mark.parametrize("missing", [0, 1, 2000])
def test_a_file_that_was_cut_off_says_how_much_is_missing(tmp_path: Path, missing: int) -> None:
    data = wav.write(signal(5000, 3), 1000)
    (tmp_path / "cut.wav").write_bytes(data[: len(data) - 6 * missing + (2 if missing else 0)])
    made = session.open_paths([tmp_path], tmp_path / "cache")
    assert np.array_equal(made.signals.T, signal(5000, 3)[: 5000 - missing])
    told = [f"cut.wav: it was cut off, {missing:,} of its 5,000 frames are missing"]
    assert made.notes == (told if missing else [])


def test_what_is_read_in_stretches_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    for dtype in (np.int16, np.uint8, np.int32):
        reach = np.iinfo(dtype)
        samples = rng.integers(reach.min, reach.max, (1503, 2), dtype, endpoint=True)
        samples[-1, -1] = reach.max
        (tmp_path / f"{np.dtype(dtype).name}.wav").write_bytes(wav.write(samples, 1000))
    whole = session.open_paths([tmp_path], tmp_path / "one")
    levels, medians = whole.pyramid.levels, whole.pyramid.medians
    assert np.array_equal(medians, np.median(whole.signals, axis=1))
    monkeypatch.setattr(session, "_STRETCH_BYTES", 1000)
    monkeypatch.setattr(decimate, "_STRETCH", 256)
    monkeypatch.setattr(decimate, "_RELEASED", 1000)
    parts = session.open_paths([tmp_path], tmp_path / "two")
    assert np.array_equal(parts.signals, whole.signals) and parts.notes == whole.notes
    assert np.array_equal(parts.pyramid.levels, levels)
    assert np.array_equal(parts.pyramid.medians, medians)
    for size in (64, 101, 1503):
        expected = spectrum.psd(whole.signals[0], 1000, size)[1]
        assert np.allclose(session._psd(whole.signals[0], 1000, size), expected, rtol=1e-9)


def test_details_of_a_long_channel_are_of_the_frames_shown(opened: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    assert opened.looked_at(5, 100, 200) == (0, 7500)
    monkeypatch.setattr(session, "_WHOLE", 1000)
    assert opened.looked_at(0, 100, 200) == (100, 200)
    assert opened.looked_at(0, 100, 9000) == (100, 1100)
    assert opened.looked_at(5, 8000, 9000) == (7499, 7500)
    shown = State(view="compression", codec="remap|delta|rice", start=2000, stop=2600)
    made = drawn(opened, shown)
    assert made.detail is not None and "of the frames 2,000 to 2,600" in made.note
    seconds, left = (unpack(made.detail["data"][1][axis]) for axis in "xy")
    codes = opened.signals[0, 2000:2600].astype(int) + 32768 >> 6
    inside = (seconds * RATE >= 2000.5) & (seconds * RATE < 2599.5)
    assert np.array_equal(left[inside][: len(codes) - 1], np.diff(codes)[: inside.sum()])
    assert unpack(made.detail["data"][3]["y"]).sum() == pytest.approx(600, abs=3)


def test_a_long_spectrogram_averages_segments(tmp_path: Path) -> None:
    x = signal(400_000, 2)
    x[250_000:] *= 0
    (tmp_path / "long.wav").write_bytes(wav.write(x, 10_000))
    made = session.open_paths([tmp_path], tmp_path / "cache")
    shown = State(view="spectrum", spectrum="spectrogram", start=1000, stop=399_000, focus=1)
    _, seconds, power = canvas.spectrogram(made, shown, 200)
    hop = 398_000 // 200
    assert power.shape == (129, 200) and seconds == pytest.approx((1000 + (np.arange(200) + 0.5) * hop) / 10_000)
    for column in (0, 77, 199):
        firsts = 1000 + column * hop + np.arange(7) * (hop // 7)
        each = [spectrum.psd(x[first : first + 256, 1], 10_000, 256)[1] for first in firsts]
        assert power[:, column] == pytest.approx(np.mean(each, axis=0))
    assert power[:, 130:].max() < 1e-6 < power[5, :120].min()


MEASURE = """
import sys
from pathlib import Path
from n1codec.viewer import canvas, session
from n1codec.viewer.figures.style import LIGHT
from n1codec.viewer.state import State

opened = session.open_paths([sys.argv[1]], Path(sys.argv[2]))
if sys.argv[3] == "all":
    job = opened.prepare()
    job.wait()
    assert not job.error, job.error
for shown in (State(), State(view="image"), State(start=10**6, stop=10**6 + 5000)):
    figure = canvas.draw(opened, shown, canvas.Size(), LIGHT, Path("none")).main
    assert figure["data"]
low, high = opened.pyramid.window([opened.channels - 1], 0, opened.frames, 1000)[1:3]
assert (low.min(), high.max()) == (-123, 4567)
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(opened.channels, opened.frames, int(status["VmHWM"].split()[0]) // 1024)
"""


def peak_memory(folder: Path, channels: int, frames: int, what: str = "") -> int:
    """Return the MiB that the viewer's process takes at most to open a sparse RF64 file and to show it."""
    size, path = 2 * channels * frames, folder / "sparse.wav"
    head = struct.pack("<4sI4s4sIQQQI", b"RF64", 0xFFFFFFFF, b"WAVE", b"ds64", 28, size + 72, size, frames, 0)
    head += struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, channels, 30000, 60000 * channels, 2 * channels, 16)
    head += struct.pack("<4sI", b"data", 0xFFFFFFFF)
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + size)
        for place, value in ((size // 2, -123), (size, 4567)):
            file.seek(len(head) + place // (2 * channels) * 2 * channels - 2)  # the last channel's
            file.write(struct.pack("<h", value))
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, path, folder / "cache", what], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = [int(word) for word in done.stdout.split()]
    assert found[:2] == [channels, frames]
    return found[2]


needs_proc = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")


@needs_proc
@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    assert peak_memory(tmp_path, 32, 3_000_000) < 183  # MiB that the file has: whoever holds it has more


@needs_proc
@pytest.mark.slow
def test_four_gigabytes_open_in_one(tmp_path: Path) -> None:
    assert peak_memory(tmp_path, 64, (1 << 32) // 128 + 1000, "all") < 1024


def test_names_are_cut_to_what_tells_them_apart() -> None:
    long = ["0052503c-2849-4f41-ab51", "0052503d-2849-4f41-ab51", "03e83b0d-2849-4f41-ab51"]
    assert session.shorten(long) == ["0052503c", "0052503d", "03e83b0d"]
    assert session.shorten(["short", "also short"]) == ["short", "also short"]
    assert session.shorten(["the same and long name"] * 2) == ["the same"] * 2


def test_no_spec_opens_a_file_or_runs_a_program() -> None:
    for spec in ("n1:profile=/etc/passwd", 'n1:profile="secret"', "remap|n1:profile=x.n1p|copy"):
        with pytest.raises(CodecError):
            session.checked(spec)
    assert session.checked("n1:profile=none").spec == "n1:profile=none"


def test_jobs_tell_and_can_be_cancelled() -> None:
    jobs = Jobs()

    def endless(progress: Any, cancel: Any) -> None:
        progress(0.5)
        cancel.wait(20)
        raise Cancelled

    job = jobs.start("a", "A", endless)
    assert jobs.start("a", "A", endless) is job
    jobs.cancel("a")
    job.wait(10)
    assert not job.running and job.share == 0.5 and not job.error
    jobs.forget("a")
    assert jobs.get("a") is None

    def broken(progress: Any, cancel: Any) -> None:
        raise CodecError("what was wrong")

    job = jobs.start("b", "B", broken)
    job.wait(10)
    assert job.error == "what was wrong"


# -- figures ---------------------------------------------------------------------------------------------------------


def wanted() -> list[State]:
    base = State(view="correlation")
    return [
        State(),
        State(mode="overlaid"),
        State(linkage="average", start=100, stop=900),
        State(view="image", linkage="single", colours="full"),
        *(replace(base, measure=m) for m in state.CHOICES["measure"]),
        *(replace(base, linkage=link) for link in state.CHOICES["linkage"]),
        replace(base, linkage="ward", distance="1-|r|", first=1, last=4, focus=0, other=2),
        *(State(view="spectrum", spectrum=kind, focus=2) for kind in state.CHOICES["spectrum"]),
        State(view="spectrum", spectrum="spectrogram", start=8990, stop=9000, focus=5),
        State(view="compression", focus=5),
        State(view="compression", codec="zstd:level=1", start=8000, stop=9000, focus=2),
        State(view="results"),
        State(view="compression", codec="no such codec"),
    ]


@pytest.mark.parametrize("shown", wanted(), ids=lambda shown: shown.query() or "?")
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_figure_is_one_that_plotly_takes(opened: Session, shown: State, dark: bool) -> None:
    needs_dash()
    from plotly import graph_objects

    for width in (900, 360):
        made = drawn(opened, state.fit(shown, opened.channels, opened.frames), width, dark=dark)
        for figure in filter(None, (made.main, made.detail)):
            graph_objects.Figure(figure)
            assert figure["layout"]["paper_bgcolor"] == (DARK if dark else LIGHT).paper
            json.dumps(figure, allow_nan=False)


@pytest.mark.parametrize("start, stop", [(0, FRAMES), (4000, 5000), (4300, 4400), (4000, 4322)])
def test_no_spike_is_lost_at_any_zoom(opened: Session, start: int, stop: int) -> None:
    shown = State(start=start, stop=stop)
    for width in (100, 900):
        assert unpack(drawn(opened, shown, width).main["data"][0]["y"]).max() == 32767
        assert unpack(drawn(opened, replace(shown, mode="overlaid"), width).main["data"][0]["y"]).max() == 32767
        assert np.nanmax(unpack(drawn(opened, replace(shown, view="image"), width).main["data"][0]["z"])[0]) == 32767


def test_all_samples_are_drawn_where_there_is_room(opened: Session) -> None:
    trace = drawn(opened, State(start=1000, stop=1200)).main["data"][1]
    inside = slice(*np.searchsorted(unpack(trace["x"]) * RATE, (999.5, 1199.5)))
    assert np.array_equal(unpack(trace["y"])[inside], opened.signals[1, 1000:1200])


def test_the_y_range_follows_what_is_visible(opened: Session) -> None:
    def reach(start: int, stop: int) -> list[float]:
        return drawn(opened, State(start=start, stop=stop)).main["layout"]["yaxis"]["range"]

    assert reach(4000, 4400)[1] >= 32767
    assert reach(100, 500)[1] < 20000
    low, high = reach(100, 500)
    assert low <= opened.signals[0, 100:500].min() and opened.signals[0, 100:500].max() <= high


def test_round_ranges_stay_while_little_changes() -> None:
    assert style.nice(-1000, 1000) == style.nice(-1010, 1005)
    rng = np.random.default_rng(0)
    for low, span in zip(rng.normal(0, 1e4, 200), 10 ** rng.uniform(-3, 5, 200), strict=True):
        bottom, top = style.nice(low, low + span)
        assert bottom <= low and low + span <= top and top - bottom < 1.5 * span
    bottom, top = style.nice(5, 5)
    assert bottom < top


def test_colours_are_kept_between_modes_and_orders(opened: Session) -> None:
    def colours(shown: State) -> dict[str, str]:
        return {trace["name"]: trace["line"]["color"] for trace in drawn(opened, shown).main["data"]}

    separate = colours(State())
    assert len(set(separate.values())) == CHANNELS
    assert separate == colours(State(mode="overlaid")) == colours(State(linkage="ward", mode="overlaid"))


def test_the_order_is_that_of_the_clustering_in_every_view(opened: Session) -> None:
    drawn(opened, State(view="correlation", linkage="ward"))
    tree = opened.tree("pearson", "ward", "1-r")
    assert tree is not None
    names = [opened.labels[c] for c in tree.leaves]
    assert [t["name"] for t in drawn(opened, State(linkage="ward")).main["data"]] == names
    for view in ("image", "correlation", "compression"):
        axis = drawn(opened, State(view=view, linkage="ward")).main["layout"]["yaxis"]
        assert axis["ticktext"] == names
    r = unpack(drawn(opened, State(view="correlation", linkage="ward")).main["data"][0]["z"])
    expected = np.corrcoef(opened.signals[tree.leaves, : opened.common].astype(float))
    assert np.allclose(r, expected, atol=1e-6)


def test_labels_vanish_when_there_are_too_many() -> None:
    assert style.rows(LIGHT, ["a"] * 40, 600)["ticktext"] == ["a"] * 40
    assert not style.rows(LIGHT, ["a"] * 60, 600)["showticklabels"]


def test_the_scale_of_the_image_follows_what_is_shown() -> None:
    quiet, loud = np.arange(-50, 51)[None], np.append(np.tile(np.arange(-50, 51), 4), 30_000)[None]
    assert image.scale(quiet, robust=False) == (-50, 50)
    assert image.scale(loud, robust=False)[1] == 30_000
    assert image.scale(loud, robust=True)[1] < 100


def test_the_dendrogram_joins_what_the_clustering_joins() -> None:
    linkage = np.array([[0, 2, 0.25, 2], [1, 3, 0.75, 3]])
    x, y = correlation.dendrogram(linkage, np.array([1, 0, 2]))
    assert x.reshape(2, 5)[:, :4].tolist() == [[0, 0.25, 0.25, 0], [0, 0.75, 0.75, 0.25]]
    assert y.reshape(2, 5)[:, :4].tolist() == [[1, 1, 2, 2], [0, 0, 1.5, 1.5]]
    assert np.isnan(x.reshape(2, 5)[:, 4]).all()


def test_the_correlogram_is_at_the_lag_of_the_second_signal() -> None:
    x = np.random.default_rng(0).normal(size=4000)
    lags, r = correlation.correlogram(x, np.roll(x, 7), 1000, 0.02)
    assert len(lags) == 41 and lags[np.argmax(r)] == pytest.approx(0.007)
    assert r.max() == pytest.approx(1, abs=0.02)
    assert correlation.correlogram(x, np.zeros(4000), 1000)[1].max() == 0


def test_simultaneous_pairs_are_marked(tmp_path: Path) -> None:
    shared = synth.synthesize(2, 0.5)[:, 0].astype(np.int32)
    rng = np.random.default_rng(1)
    apart = [rng.normal(0, 900, len(shared)) for _ in range(3)]
    channels = [shared // 2, apart[0], shared // 2 + rng.normal(0, 500, len(shared)), apart[1], apart[2]]
    for number, samples in enumerate(channels):
        (tmp_path / f"{number}.wav").write_bytes(wav.write(np.clip(samples, -32768, 32767).astype(np.int16), RATE))
    made = drawn(session.open_paths([tmp_path], tmp_path / "cache"), State(view="correlation"))
    (marks,) = (trace for trace in made.main["data"] if trace.get("name") == "simultaneous")
    assert sorted(zip(marks["y"], marks["x"], strict=True)) == [(0, 2), (2, 0)]
    assert "1 simultaneous pair " in made.note and "3 show nothing simultaneous" in made.note


def test_compression_counts_every_bit(opened: Session) -> None:
    drawn(opened, State(view="compression", codec="copy"))
    made = opened.compress("copy").result
    assert np.nanmin(made.bits) == np.nanmax(made.bits) == 16
    assert np.isnan(made.bits[5]).sum() == -(-FRAMES // opened.block) - -(-7500 // opened.block)
    assert np.allclose(opened.bits_per_sample(made), 16)
    left = opened.residual("remap|delta|rice", 2)
    codes = opened.signals[2, :8000].astype(int) + 32768 >> 6
    assert left.spec == "remap|delta" and np.array_equal(left.values[1:], np.diff(codes))
    assert opened.residual("zstd", 2).spec == "remap|lpc"


def test_a_histogram_draws_no_comb() -> None:
    rng = np.random.default_rng(0)
    for codes in (np.arange(1024).repeat(50), np.clip(rng.normal(512, 160, 300_000), 0, 1023).astype(int)):
        x = np.trunc(codes * 65535 / 1023 - 32768).astype(np.int16)
        values, counts = canvas.counted(x)
        steps = np.diff(values) * 1023 / 65535
        together = round(steps[0])
        assert steps == pytest.approx(together, abs=0.01)
        table = np.bincount(codes, minlength=1024)
        first = round((values[0] + 32768) * 1023 / 65535 - (together - 1) / 2)
        expected = [table[first + i * together : first + (i + 1) * together].sum() for i in range(len(values) - 1)]
        assert counts[:-1].tolist() == expected
    values, counts = canvas.counted(np.array([0, 0, 3, 3, 3, 4]))
    assert (values.tolist(), counts.tolist()) == ([0, 1, 2, 3, 4], [2, 0, 0, 3, 1])


def test_the_front_has_what_nothing_beats() -> None:
    import pandas as pd

    table = pd.DataFrame(
        {
            "status": ["ok"] * 4 + ["failed"],
            "mode": list("abcde"),
            "spec": list("abcde"),
            "family": ["n1", "n1", "audio", "new", "n1"],
            "compression_ratio": [3.0, 2.0, 1.0, 1.9, None],
            "average_compression_speed_xRT": [10.0, 100.0, 1000.0, 50.0, None],
            "average_decompression_speed_xRT": [10.0, 9.0, 8.0, 7.0, None],
            "bits_per_sample": [5.0, 6.0, 7.0, 8.0, None],
            "encode_MB_per_second": [1.0, 10.0, 100.0, 5.0, None],
            "decode_MB_per_second": [1.0, 0.9, 0.8, 0.7, None],
        }
    )
    front = results.draw(table, "encode", 500, LIGHT)["data"][0]
    assert unpack(front["x"]).tolist() == [1000, 100, 10]
    assert unpack(front["y"]).tolist() == [1, 2, 3]
    assert front["line"]["shape"] == "hv"  # the ratio of a front between two codecs is that of the faster one's
    assert unpack(results.draw(table, "decode", 500, LIGHT)["data"][0]["x"]).tolist() == [10]


# -- CSV -------------------------------------------------------------------------------------------------------------


def test_csv_of_every_view(opened: Session, tmp_path: Path) -> None:
    def rows(shown: State) -> list[list[str]]:
        drawn(opened, shown)
        return list(csv.reader(io.StringIO(export.csv(opened, shown, tmp_path)[1])))

    signals = rows(State(start=7400, stop=7600, first=4, last=6))
    assert signals[0] == ["sample", "channel_4", "channel_5"]
    assert signals[1] == ["7400", str(opened.signals[4, 7400]), str(opened.signals[5, 7400])]
    assert signals[-1] == ["7599", str(opened.signals[4, 7599]), ""]
    matrix = rows(State(view="correlation", measure="kendall"))
    assert matrix[0][1:] == opened.names and matrix[1][1] == "1"
    assert rows(State(view="spectrum"))[0] == ["Hz", *opened.names]
    assert rows(State(view="spectrum", spectrum="spectrogram"))[0][1].endswith(" s")
    assert rows(State(view="compression", codec="copy"))[1] == ["0", *["16"] * CHANNELS]
    with pytest.raises(CodecError, match="there are no results"):
        export.csv(opened, State(view="results"), tmp_path)


def test_a_csv_has_a_limit(opened: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "MOST_CELLS", 1000)
    with pytest.raises(CodecError, match="choose fewer"):
        export.csv(opened, State(view="image"), tmp_path)


# -- ranges ----------------------------------------------------------------------------------------------------------


def test_ranges_hold_what_is_drawn_and_end_at_round_numbers() -> None:
    assert nice(0, 0) == nice(-1, 1)
    assert nice(-865, 7020) == (-2000, 8000)
    for low, high in ((5, 6), (1900, 2230), (-32768, 32767)):
        bottom, top = nice(low, high)
        assert bottom <= low < high <= top
        assert top - bottom < 2 * (high - low)
