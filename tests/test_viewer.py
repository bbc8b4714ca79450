"""The viewer's server without a browser: opening, tiles, processing, spikes, what the page asks for, who may ask."""

from __future__ import annotations

import csv
import io
import json
import os
import struct
import subprocess
import sys
import threading
import time
import urllib.request
import zipfile
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from conftest import signal
from recording_files import spikeglx, walks

from n1codec.analysis import decimate, spectrum
from n1codec.codec import CodecError
from n1codec.datasets import synth
from n1codec.recordings import Place, wav

if not os.environ.get("N1_REQUIRE_ALL"):
    pytest.importorskip("flask")
from n1codec.viewer import cache, details, export, opening, overview, processing, server, session, signals, spikes, wire
from n1codec.viewer.jobs import Cancelled, Jobs
from n1codec.viewer.processing import Processing
from n1codec.viewer.session import Session
from n1codec.viewer.sessions import Sessions

CHANNELS, FRAMES, RATE = 6, 9000, 19531
LENGTHS = (FRAMES, FRAMES, 8000, FRAMES, FRAMES, 7500)
ALL = np.arange(CHANNELS)
GEOMETRY = "(NP2010,4,250,70)(0:27:0:1)(1:27:15:1)(2:59:30:1)(3:59:45:1)"


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """Six synthetic channels; the third and the last are shorter, and the first has one spike."""
    folder = tmp_path_factory.mktemp("recordings")
    samples = synth.synthesize(CHANNELS, FRAMES / RATE)[:FRAMES]
    samples[4321, 0] = 32767
    for channel, length in enumerate(LENGTHS):
        (folder / f"channel_{channel}.wav").write_bytes(wav.write(samples[:length, channel].copy(), RATE))
    made = opening.open_paths([folder], tmp_path_factory.mktemp("cache"))
    made.prepare().wait()
    return made


@pytest.fixture(scope="module")
def sessions(opened: Session, tmp_path_factory: pytest.TempPathFactory) -> Any:
    made = Sessions(opened, tmp_path_factory.mktemp("cache"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def client(sessions: Sessions) -> Any:
    return server.create(sessions, Path("no-results")).test_client()


def flat(path: Path, samples: np.ndarray, rate: float = 30_000) -> Path:
    """Write samples as a flat binary file with its sidecar."""
    path.write_bytes(samples.astype("<i2").tobytes())
    about = {"channels": samples.shape[1], "rate": rate}
    path.with_name(f"{path.name}.json").write_text(json.dumps(about))
    return path


def get(client: Any, address: str, **values: object) -> Any:
    """Ask the server until what is asked for is there: the head and the arrays of it, or its JSON."""
    deadline = time.monotonic() + 60
    while True:
        answer = client.get(f"/api/{address}", query_string=values)
        assert answer.status_code in (200, 202), answer.text
        if answer.status_code == 200:
            return wire.unpacked(answer.data) if answer.mimetype == "application/octet-stream" else answer.get_json()
        assert answer.get_json()["running"], answer.text
        assert time.monotonic() < deadline
        time.sleep(0.02)


def refused(client: Any, address: str, **values: object) -> str:
    answer = client.get(f"/api/{address}", query_string=values)
    assert answer.status_code == 400, answer.text
    return str(answer.text)


# -- opening ---------------------------------------------------------------------------------------------------------


def test_recordings_are_padded(opened: Session) -> None:
    assert isinstance(opened.signals, np.memmap)
    assert opened.signals.shape == (CHANNELS, FRAMES) and opened.signals.dtype == np.int16
    assert opened.lengths.tolist() == list(LENGTHS)
    assert opened.common == 7500 and not opened.large
    assert not opened.signals[5, 7500:].any() and opened.signals[5, :7500].any()


def test_the_cache_is_found_by_content(tmp_path: Path) -> None:
    folder, home = tmp_path / "a", tmp_path / "cache"
    folder.mkdir()
    (folder / "x.wav").write_bytes(wav.write(signal(500, 3), 1000))
    first = opening.open_paths([folder], home)
    assert first.names == ["x:0", "x:1", "x:2"]
    other = tmp_path / "b"
    folder.rename(other)
    assert opening.open_paths([other / "x.wav"], home).key == first.key
    (other / "x.wav").write_bytes(wav.write(signal(500, 3, seed=1), 1000))
    assert opening.open_paths([other], home).key != first.key
    again = opening.reopen(first.key[:12], home)
    assert again is not None and np.array_equal(again.signals[:, :], first.signals[:, :])
    for key in ("", "../../etc", first.key[:3], "*" * 8):
        assert opening.reopen(key, home) is None
    assert not list(home.glob(".new-*"))


def test_other_widths_are_shown_at_16_bits(tmp_path: Path) -> None:
    wide = np.array([-(1 << 23), 0, (1 << 23) - 1] * 20, np.int32)[:, None]
    (tmp_path / "wide.wav").write_bytes(wav.write(wide, 1000))
    (tmp_path / "byte.wav").write_bytes(wav.write(np.array([0, 128, 255] * 20, np.uint8), 1000))
    np.save(tmp_path / "float.npy", np.array([[-2.0], [0.5], [2.0]] * 20, np.float32))
    made = opening.open_paths([tmp_path], tmp_path / "cache")
    assert made.signals[0, :3].tolist() == [-128, 0, 127]
    assert made.signals[1, :3].tolist() == [-32768, 0, 32767]
    assert (made.signals[:, :3] * made.steps[:, None] + made.zeros[:, None]).tolist() == [
        [0, 128, 255],
        [-(1 << 23), 0, (1 << 23) - 256],
    ]
    assert len(made.notes) == 2 and "divided by 256" in made.notes[1]
    narrow, note = signals.Narrow.of(
        opening.open_recording(tmp_path / "float.npy"), lambda: [(0, np.array([[-2.0], [0.5]]))]
    )
    assert note == "floats, shown with 16 bits" and narrow(np.array([-2.0, 0.5, np.nan])).tolist() == [-32767, 8191, 0]


def test_what_cannot_be_opened_is_told(tmp_path: Path) -> None:
    for name, data, words in (
        ("text.wav", b"no sound", "text.wav: it is no WAV file"),
        ("empty.wav", wav.write(np.zeros(0, np.int16), 1000), "empty.wav: there are no samples"),
    ):
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises(CodecError, match=words):
            opening.open_paths([path], tmp_path / "cache")
    for name, rate in (("a.wav", 1000), ("b.wav", 2000)):
        (tmp_path / name).write_bytes(wav.write(signal(100), rate))
    with pytest.raises(CodecError, match=r"b\.wav has 2000 Hz and a\.wav has 1000 Hz"):
        opening.open_paths([tmp_path / "a.wav", tmp_path / "b.wav"], tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_one_broken_file_keeps_no_other_from_opening(tmp_path: Path) -> None:
    folder, home = tmp_path / "folder", tmp_path / "cache"
    folder.mkdir()
    for name in ("a", "c"):
        (folder / f"{name}.wav").write_bytes(wav.write(signal(400, seed=ord(name)), 1000))
    whole = opening.open_paths([folder], home)
    assert whole.notes == []
    (folder / "b.wav").write_bytes(b"no sound")
    (folder / "d.wav").write_bytes(wav.write(np.zeros(0, np.int16), 1000))
    (folder / "e.wav").mkdir()
    (folder / "f.wav").symlink_to(tmp_path / "nowhere")
    made = opening.open_paths([folder], home)
    assert made.names == ["a", "c"] and np.array_equal(made.signals[:, :], whole.signals[:, :])
    assert len(made.notes) == 2 and made.key != whole.key
    assert made.notes[0].startswith("Left out: b.wav: it is no WAV file")
    assert made.notes[1].startswith("Left out: d.wav: there are no samples")
    files = [folder / "a.wav", tmp_path / "gone.wav", folder / "c.wav"]
    assert opening.open_files(files, home, "x").notes == ["Left out: gone.wav: no such file or folder"]
    with pytest.raises(CodecError, match=r"no recordings to show\nLeft out: b\.wav"):
        opening.open_paths([folder / "b.wav", folder / "d.wav"], home)


def test_many_notes_are_counted(tmp_path: Path) -> None:
    (tmp_path / "good.wav").write_bytes(wav.write(signal(400), 1000))
    for number in range(30):
        (tmp_path / f"x{number:02}.wav").write_bytes(b"no sound")
    made = opening.open_paths([tmp_path], tmp_path / "cache")
    assert len(made.notes) == 20 and made.notes[-1] == "and 11 notes more"


@pytest.mark.parametrize("missing", [0, 1, 2000])
def test_a_file_that_was_cut_off_says_how_much_is_missing(tmp_path: Path, missing: int) -> None:
    data = wav.write(signal(5000, 3), 1000)
    (tmp_path / "cut.wav").write_bytes(data[: len(data) - 6 * missing + (2 if missing else 0)])
    made = opening.open_paths([tmp_path], tmp_path / "cache")
    assert np.array_equal(np.asarray(made.signals[:, :]).T, signal(5000, 3)[: 5000 - missing])
    told = [f"cut.wav: it was cut off, {missing:,} of its 5,000 frames are missing"]
    assert made.notes == (told if missing else [])
    assert made.missing.tolist() == [missing] * 3


def test_what_is_read_in_stretches_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    for dtype in (np.int16, np.uint8, np.int32):
        reach = np.iinfo(dtype)
        samples = rng.integers(reach.min, reach.max, (1503, 2), dtype, endpoint=True)
        samples[-1, -1] = reach.max
        (tmp_path / f"{np.dtype(dtype).name}.wav").write_bytes(wav.write(samples, 1000))
    whole = opening.open_paths([tmp_path], tmp_path / "one")
    whole.prepare().wait()
    expected = whole.tile(16, 0, ALL).values
    assert np.array_equal(whole.centres, np.median(whole.signals[:, :], axis=1))
    monkeypatch.setattr(opening, "_STRETCH_BYTES", 1000)
    monkeypatch.setattr(session, "_STRETCH_BYTES", 1000)
    monkeypatch.setattr(decimate, "_STRETCH", 256)
    monkeypatch.setattr(decimate, "_RELEASED", 1000)
    parts = opening.open_paths([tmp_path], tmp_path / "two")
    parts.prepare().wait()
    assert np.array_equal(parts.signals[:, :], whole.signals[:, :]) and parts.notes == whole.notes
    assert np.array_equal(parts.tile(16, 0, ALL).values, expected)
    for size in (64, 101, 1503):
        exact = spectrum.psd(np.asarray(whole.signals[0, :]), 1000, size)[1]
        assert np.allclose(session.welch(whole.signals[0, :], 1000, size), exact, rtol=1e-9)


def test_names_are_cut_to_what_tells_them_apart() -> None:
    long = ["0052503c-2849-4f41-ab51", "0052503d-2849-4f41-ab51", "03e83b0d-2849-4f41-ab51"]
    assert session.shorten(long) == ["0052503c", "0052503d", "03e83b0d"]
    assert session.shorten(["short", "also short"]) == ["short", "also short"]
    assert session.shorten(["the same and long name"] * 2) == ["the same"] * 2
    assert session.shorten(["run_g0_t0.imec0.ap:AP0", "run_g0_t0.imec0.ap:AP1"]) == ["AP0", "AP1"]


def test_the_cache_has_a_bound_and_goes_when_it_is_told_to(tmp_path: Path) -> None:
    (tmp_path / "keep").mkdir()
    for number in range(3):
        (tmp_path / f"{number}.wav").write_bytes(wav.write(signal(2000, seed=number), 1000))
        made = opening.open_paths([tmp_path / f"{number}.wav"], tmp_path)
        os.utime(tmp_path / made.key / "about.json", (number, number))
    sizes = [cache.size(folder) for folder in cache.prepared(tmp_path)]
    assert len(sizes) == 3 and min(sizes) > 4000
    newest = cache.prepared(tmp_path)[-1]
    assert cache.bound(tmp_path, most=sum(sizes)) == 0
    assert cache.bound(tmp_path, most=sizes[2] + sizes[1]) == sizes[0]
    assert cache.bound(tmp_path, most=1, keep=newest.name) == sizes[1]
    assert cache.prepared(tmp_path) == [newest]
    assert cache.clear(tmp_path) == sizes[2] and (tmp_path / "keep").is_dir() and (tmp_path / "0.wav").is_file()


# -- large recordings, which are read where they are -------------------------------------------------------------------


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    """Eight channels of a flat file that is taken for a large one."""
    monkeypatch.setattr(opening, "MOST_COPIED", 1000)
    monkeypatch.setattr(opening, "_PADDED_FREELY", 1000)
    samples = signal(200_000, 8)
    made = opening.open_paths([flat(tmp_path / "run.bin", samples)], tmp_path / "cache")
    made.prepare().wait()
    return made


def test_a_large_recording_is_read_where_it_is(large: Session, tmp_path: Path) -> None:
    samples = signal(200_000, 8)
    assert large.large and not (tmp_path / "cache" / large.key / "signals.npy").exists()
    assert np.array_equal(large.signals[3, 1000:1100], samples[1000:1100, 3])
    assert np.array_equal(large.signals[[5, 2], 7:9], samples[7:9, [5, 2]].T)
    assert np.array_equal(large.signals[2:4, 7:9], samples[7:9, 2:4].T)
    exact, rough = large.tile(64, 1, np.array([0, 7])), large.tile(128, 0, np.array([0, 7]))
    blocks = samples[64 * 512 : 128 * 512, [0, 7]].T.reshape(2, 512, 64)
    assert exact.exact and np.array_equal(exact.values, np.stack([blocks.min(axis=2), blocks.max(axis=2)], axis=2))
    assert not rough.exact
    glimpses = samples[: 128 * 512, [0, 7]].T.reshape(2, 512, 128)[:, :, :64]
    assert np.array_equal(rough.values, np.stack([glimpses.min(axis=2), glimpses.max(axis=2)], axis=2))
    again = opening.reopen(large.key, tmp_path / "cache")
    assert again is not None and again.large
    (tmp_path / "run.bin").unlink()
    assert opening.reopen(large.key, tmp_path / "cache") is None


def test_the_overview_of_a_large_recording_becomes_exact(
    large: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overview, "_STRETCH_BYTES", 1 << 16)
    samples, channels = signal(200_000, 8), np.array([5, 0])
    enough, shares = threading.Event(), []

    def advance(share: float) -> None:
        shares.append(share)
        if len(shares) == 20:
            enough.set()

    made = overview.Overview((8, 200_000), lambda start, stop: samples[start:stop].T, large._derived)
    with pytest.raises(Cancelled):
        made.fill(advance, enough)
    assert made.frames == 20 * 4096 and shares == sorted(shares)
    again = opening.reopen(large.key, tmp_path / "cache")
    assert again is not None
    first, second = again.tile(128, 0, channels), again.tile(128, 1, channels)
    bins = [signals.extremes(samples[start : start + 65536, channels].T, 128) for start in (0, 65536)]
    assert first.exact and np.array_equal(first.values, bins[0])
    assert not second.exact and np.array_equal(
        second.values[:, :128], bins[1][:, :128]
    )  # what is there is of all samples
    assert (second.values[..., 1] <= bins[1][..., 1]).all() and (second.values != bins[1]).any()
    assert again.overview_read() is None
    job = again.read_all()
    assert job is not None and again.read_all() is job
    job.wait()
    assert (job.error, job.share, again.overview_read()) == ("", 1.0, 1.0)
    for found in (again, opening.reopen(large.key, tmp_path / "cache")):
        assert found is not None
        for width in (128, 256, 4096, 1 << 18, 1 << 22):
            for number in range(-(-200_000 // (512 * width))):
                tile = found.tile(width, number, channels)
                part = samples[number * 512 * width : (number + 1) * 512 * width, channels].T
                assert tile.exact and np.array_equal(tile.values, signals.extremes(part, width))
    (note,) = (tmp_path / "cache" / large.key / "derived").glob("overview-*.json")
    for text in ('{"frames": 1000}', '{"frames": 4e9}', "{", "[]"):
        note.write_text(text)
        broken = opening.reopen(large.key, tmp_path / "cache")
        assert broken is not None and not broken.tile(256, 0, channels).exact


def test_blocks_of_a_long_overview_are_longer(large: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overview, "MOST_BYTES", 4 * 8 * 2 * 200_000 // 1024 + 500)
    monkeypatch.setattr(overview, "_STRETCH_BYTES", 1 << 10)
    monkeypatch.setattr(session, "_STRETCH_BYTES", 1 << 14)
    found = Session(large._derived.parent)
    samples, channels = signal(200_000, 8), np.arange(8)
    for width in (128, 512):
        tile = found.tile(width, 0, channels)
        assert tile.exact and np.array_equal(tile.values, signals.extremes(samples[: 512 * width].T, width))
    assert not found.tile(1024, 0, channels).exact
    job = found.read_all()
    assert job is not None
    job.wait()
    (path,) = found._derived.glob("overview-*.bin")
    assert path.name == "overview-1024.bin" and path.stat().st_size < overview.MOST_BYTES
    tile = found.tile(1024, 0, channels)
    assert tile.exact and np.array_equal(tile.values, signals.extremes(samples.T, 1024))


def test_a_copied_recording_needs_no_overview(opened: Session) -> None:
    assert opened.read_all() is None and opened.overview_read() is None


def test_the_overview_of_filtered_signals_becomes_exact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overview, "_STRETCH_BYTES", 1 << 18)
    monkeypatch.setattr(overview, "_BUSY", 1.0)
    monkeypatch.setattr(session, "_BATCH", 1 << 20)
    made = opening.open_paths([flat(tmp_path / "run.bin", signal(300_000, 8))], tmp_path / "cache")
    made.prepare().wait()
    steps, channels = Processing(300.5, 6000, reference=True), np.array([5, 0])
    whole = made.read(channels, 0, made.frames, steps).astype(int)

    def error(found: Session, width: int) -> int:
        tile = found.tile(width, 0, channels, steps)
        assert tile.exact and tile.scale == made.scale(steps)
        return int(np.abs(tile.values - signals.extremes(whole[:, : 512 * width], width)).max())

    rough = made.tile(512, 0, channels, steps)
    assert not rough.exact and made.overview_read(steps) is None
    job = made.read_all(steps)
    assert job is not None and made.read_all(steps) is job
    job.wait()
    assert (job.error, made.overview_read(steps), made.overview_read()) == ("", 1.0, None)
    again = opening.reopen(made.key, tmp_path / "cache")
    assert again is not None and again.overview_read(steps) == 1.0
    assert again.overview_read(steps._replace(low=301)) is None
    for found in (made, again):
        assert max(error(found, width) for width in (128, 512, 1 << 20)) <= 4  # stretches begin elsewhere
    with pytest.raises(CodecError, match="pass band"):
        made.read_all(Processing(9000, 800))


def test_few_overviews_of_filtered_signals_are_made_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overview, "_STRETCH_BYTES", 1 << 14)
    made = opening.open_paths([flat(tmp_path / "run.bin", signal(300_000, 8))], tmp_path / "cache")
    jobs = [made.read_all(Processing(low)) for low in (300, 400, 500, 600, 700, 800)]
    for job in jobs:
        assert job is not None
        job.wait()
    assert [bool(job and job.cancelled.is_set()) for job in jobs] == [True] * 5 + [False]
    files = {path.name for path in made._derived.glob("overview-*-*.bin")}
    assert "overview-128-800-.bin" in files and len(files) <= session._KEPT
    once_more = made.read_all(Processing(400))
    assert once_more is not None
    once_more.wait()
    assert made.overview_read(Processing(400)) == 1.0 and made.overview_read(Processing(800)) == 1.0


def test_a_processing_is_its_text() -> None:
    for text in ("", "300-6000", "300.5-", "1-2.25+cmr", "+white", "300-+cmr+white"):
        assert Processing.parse(text).text == text


def test_figures_of_a_large_recording_say_that_they_are_of_stretches(
    large: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert large.sampled == ""
    monkeypatch.setattr(session, "MOST_SAMPLES", 1 << 18)
    del large.sample
    assert large.sample.shape == (8, 1 << 15) and "64 stretches of 0.0171 s" in large.sampled
    job = large.correlate("pearson")
    job.wait()
    assert np.allclose(job.result, np.corrcoef(large.sample.astype(float)))
    job = large.spectra()
    job.wait()
    assert job.result[1].shape == (8, 257) and job.result[1].min() >= 0
    monkeypatch.setattr(session, "_MOST_CODED", 8 * 64 * 300)
    job = large.compress("copy")
    job.wait()
    assert (job.result.coded, job.result.block) == (300, 3125) and (job.result.bits == 16).all()


# -- tiles -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [1, 2, 8, 16, 64, 128])
def test_tiles_have_the_extremes_of_their_bins(opened: Session, width: int) -> None:
    channels = np.array([5, 0, 2])
    for number in range(-(-FRAMES // (width * signals.BINS))):
        tile = opened.tile(width, number, channels)
        assert tile.exact and tile.scale == 1
        for row, channel in enumerate(channels):
            for index, (low, high) in enumerate(tile.values[row].tolist()):
                start = (number * signals.BINS + index) * width
                inside = np.asarray(opened.signals[channel, start : min(start + width, FRAMES)])
                if start >= LENGTHS[channel]:
                    assert low > high  # there is nothing
                else:
                    assert (low, high) == (inside.min(), inside.max())
    assert opened.tile(width, 10_000, channels).values.shape == (3, 0, 2)


def test_a_tile_is_there_before_the_levels_are(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(wav.write(signal(200_000, 2), 8000))
    made = opening.open_paths([tmp_path / "a.wav"], tmp_path / "cache")
    rough = made.tile(256, 0, np.arange(2))
    made.prepare().wait()
    exact = made.tile(256, 0, np.arange(2))
    assert not rough.exact and exact.exact
    assert (rough.values[..., 0] >= exact.values[..., 0]).all() and (rough.values[..., 1] <= exact.values[..., 1]).all()


# -- processing --------------------------------------------------------------------------------------------------------


def test_a_processing_is_written_as_text() -> None:
    assert Processing.parse("") == Processing()
    assert Processing.parse("300-") == Processing(300)
    assert Processing.parse("300-6000+cmr+white") == Processing(300, 6000, True, True)
    assert Processing.parse("+white") == Processing(whiten=True)
    for text in ("300", "-6000", "cmr", "300-6000+x", "300-6000 ", "1e3-"):
        with pytest.raises(CodecError, match="is no processing"):
            Processing.parse(text)
    for low, high in ((6000, 300), (16_000, 0), (300, 16_000)):
        with pytest.raises(CodecError, match="no filter has the pass band"):
            processing.check(Processing(low, high), 30_000)


def test_a_filter_passes_its_band_alone_and_no_tile_has_a_seam(tmp_path: Path) -> None:
    seconds = np.arange(60_000) / 30_000
    slow, fast = 4000 * np.sin(2 * np.pi * 20 * seconds), 900 * np.sin(2 * np.pi * 1500 * seconds)
    path = flat(tmp_path / "run.bin", np.stack([slow + fast, slow], axis=1).round())
    made = opening.open_paths([path], tmp_path / "cache")
    steps, both = Processing(300, 6000), np.arange(2)
    whole = made.read(both, 0, 60_000, steps) * made.scale(steps)
    inside = slice(3000, -3000)
    assert np.abs(whole[0, inside] - fast[inside]).max() < 10 and np.abs(whole[1, inside]).max() < 10
    for number in (20, 50):
        tile = made.tile(1, number, both, steps)
        part = whole[:, number * 512 : (number + 1) * 512]
        assert np.abs(tile.values[..., 0] * tile.scale - part).max() < 10
    assert made.scale(steps) == 0.5  # a code has room for fractions


def test_the_common_median_goes_and_what_is_a_channels_own_stays(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    shared, own = rng.normal(0, 900, (5000, 1)), rng.normal(0, 30, (5000, 8))
    own[2500, 3] = 4000
    made = opening.open_paths([flat(tmp_path / "run.bin", shared + own + 100)], tmp_path / "cache")
    steps = Processing(reference=True)
    x = made.read(np.array([3, 0]), 0, 5000, steps) * made.scale(steps)
    assert x.std(axis=1).max() < 80 and x[0].argmax() == 2500 and abs(np.median(x)) == pytest.approx(100, abs=40)
    glimpsed = made.tile(128, 0, np.array([3]), steps)
    assert glimpsed.apart == 8 * 128 and np.abs(glimpsed.values * glimpsed.scale).max() < 300


def test_whitening_leaves_no_correlation(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    mixed = rng.normal(0, 500, (40_000, 6)) @ rng.normal(0, 1, (6, 6))
    made = opening.open_paths([flat(tmp_path / "run.bin", mixed)], tmp_path / "cache")
    steps = Processing(whiten=True)
    x = made.read(np.arange(6), 0, 40_000, steps) * made.scale(steps)
    assert np.cov(x) == pytest.approx(np.eye(6), abs=0.05)
    assert np.array_equal(made.read(np.array([4]), 100, 200, steps)[0] * made.scale(steps), x[4, 100:200])


def test_separate_recordings_have_no_common_reference(opened: Session) -> None:
    assert np.array_equal(
        opened.read(ALL, 0, 500, Processing(reference=True)) * opened.scale(Processing(reference=True)),
        opened.signals[:, :500],
    )


# -- spikes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("copied", [True, False])
def test_planted_spikes_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, copied: bool) -> None:
    if not copied:
        monkeypatch.setattr(opening, "MOST_COPIED", 1000)
        monkeypatch.setattr(opening, "_PADDED_FREELY", 1000)
    rng = np.random.default_rng(0)
    x = rng.normal(0, 40, (60_000, 5))
    planted = np.arange(1000, 59_000, 2000)
    x[planted[:, None] + np.arange(12), 2] -= 900 * np.hanning(12)
    made = opening.open_paths([flat(tmp_path / "run.bin", x)], tmp_path / "cache")
    found = spikes.detect(made, 5.0, Processing())
    found.wait()
    assert not found.error, found.error
    own = found.result.frames[found.result.channels == 2]
    assert len(own) == len(planted) and np.abs(own - planted - 5.5).max() <= 2
    assert (found.result.channels != 2).sum() < 5
    head, arrays = wire.unpacked(spikes.answer(made, found.result, 2, Processing()))
    assert head["total"] == len(planted) and head["borrowed"] and not head["sampled"]
    assert arrays["rates"][2] == pytest.approx(len(planted) / 2)
    mean = arrays["waves"].mean(axis=0) * head["scale"]
    assert arrays["waves"].shape == (len(planted), 90) and mean.argmin() == 30 and mean.min() < -500


def test_a_large_recording_is_looked_at_in_stretches(large: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spikes, "MOST", 8 * 64 * 1000)
    monkeypatch.setattr(spikes, "_STRETCHES", 10)
    found = spikes.detect(large, 4.5, Processing())
    found.wait()
    assert not found.error and found.result.seconds == pytest.approx(10 * 6400 / 30_000)
    assert wire.unpacked(spikes.answer(large, found.result, 0, Processing()))[0]["sampled"]


# -- details -----------------------------------------------------------------------------------------------------------


def test_details_of_a_long_channel_are_of_the_frames_shown(opened: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    assert opened.looked_at(5, 100, 200) == (0, 7500)
    monkeypatch.setattr(session, "_WHOLE", 1000)
    assert opened.looked_at(0, 100, 200) == (100, 200)
    assert opened.looked_at(0, 100, 9000) == (100, 1100)
    assert opened.looked_at(5, 8000, 9000) == (7499, 7500)
    head, arrays = wire.unpacked(details.coded(opened, "remap|delta|rice", 0, 2000, 2600, 600))
    codes = np.asarray(opened.signals[0, 2000:2600]).astype(int) + 32768 >> 6
    assert (head["first"], head["last"], head["width"], head["lossless"]) == (2000, 2600, 1, True)
    assert np.array_equal(arrays["residual"][1:, 0], np.diff(codes))
    assert np.array_equal(arrays["decoded"][:, 1], opened.signals[0, 2000:2600]) and not arrays["difference"].any()
    assert arrays["counts"].sum() == pytest.approx(600, abs=3)


def test_a_lossy_codec_shows_what_it_loses(opened: Session) -> None:
    head, arrays = wire.unpacked(details.coded(opened, "round:error=2|n1_multi", 0, 0, FRAMES, FRAMES))
    assert not head["lossless"] and 64 < np.abs(arrays["difference"]).max() <= 2 * 65


def test_a_long_spectrogram_averages_segments(tmp_path: Path) -> None:
    x = signal(400_000, 2)
    x[250_000:] *= 0
    (tmp_path / "long.wav").write_bytes(wav.write(x, 10_000))
    made = opening.open_paths([tmp_path], tmp_path / "cache")
    _, seconds, power = details.spectrogram(made, 1, 1000, 399_000, 200)
    hop = 398_000 // 200
    assert power.shape == (129, 200) and seconds == pytest.approx((1000 + (np.arange(200) + 0.5) * hop) / 10_000)
    for column in (0, 77, 199):
        firsts = 1000 + column * hop + np.arange(7) * (hop // 7)
        each = [spectrum.psd(x[first : first + 256, 1], 10_000, 256)[1] for first in firsts]
        assert power[:, column] == pytest.approx(np.mean(each, axis=0))
    assert power[:, 130:].max() < 1e-6 < power[5, :120].min()


def test_the_correlogram_is_at_the_lag_of_the_second_signal() -> None:
    x = np.random.default_rng(0).normal(size=4000)
    lags, r = details.correlogram(x, np.roll(x, 7), 1000, 0.02)
    assert len(lags) == 41 and lags[np.argmax(r)] == pytest.approx(0.007)
    assert r.max() == pytest.approx(1, abs=0.02)
    assert details.correlogram(x, np.zeros(4000), 1000)[1].max() == 0


def test_compression_counts_every_bit(opened: Session) -> None:
    job = opened.compress("copy")
    job.wait()
    made = job.result
    assert np.nanmin(made.bits) == np.nanmax(made.bits) == 16
    assert np.allclose(opened.bits_per_sample(made), 16)
    left = opened.residual("remap|delta|rice", 2)
    codes = np.asarray(opened.signals[2, :8000]).astype(int) + 32768 >> 6
    assert left.spec == "remap|delta" and np.array_equal(left.values[1:], np.diff(codes))
    assert opened.residual("zstd", 2).spec == "remap|lpc"


def test_no_block_is_a_short_rest(opened: Session) -> None:
    for channel, length in enumerate(LENGTHS):
        blocks = opened.blocks(channel)
        assert blocks[0][0] == 0 and blocks[-1][1] == length
        assert all(a[1] == b[0] for a, b in pairwise(blocks))
        assert min(stop - start for start, stop in blocks) >= opened.block


def test_as_many_frames_of_each_block_are_coded(opened: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """Longer ones cost less a sample: a last block with what is left over would stand out as a stripe."""
    coded: list[int] = []
    codec = SimpleNamespace(spec="counts", encode=lambda piece: coded.append(len(piece)) or b"")
    monkeypatch.setattr(session, "checked", lambda spec: codec)
    job = opened.compress("counts")
    job.wait()
    assert set(coded) == {opened.block} == {job.result.coded}


def test_a_histogram_draws_no_comb() -> None:
    rng = np.random.default_rng(0)
    for codes in (np.arange(1024).repeat(50), np.clip(rng.normal(512, 160, 300_000), 0, 1023).astype(int)):
        x = np.trunc(codes * 65535 / 1023 - 32768).astype(np.int16)
        values, counts = details.counted(x)
        steps = np.diff(values) * 1023 / 65535
        together = round(steps[0])
        assert steps == pytest.approx(together, abs=0.01)
        table = np.bincount(codes, minlength=1024)
        first = round((values[0] + 32768) * 1023 / 65535 - (together - 1) / 2)
        expected = [table[first + i * together : first + (i + 1) * together].sum() for i in range(len(values) - 1)]
        assert counts[:-1].tolist() == expected
    values, counts = details.counted(np.array([0, 0, 3, 3, 3, 4]))
    assert (values.tolist(), counts.tolist()) == ([0, 1, 2, 3, 4], [2, 0, 0, 3, 1])


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


# -- what the page asks ------------------------------------------------------------------------------------------------


def test_arrays_come_back_as_they_were() -> None:
    sent = {"a": np.arange(7, dtype=np.int16), "b": np.eye(3), "c": np.zeros((0, 4), np.float32)}
    head, arrays = wire.unpacked(wire.packed({"x": 1}, **sent, d=np.arange(3), e=np.array([True, False])))
    assert head == {"x": 1}
    for name, array in sent.items():
        assert arrays[name].dtype == array.dtype and np.array_equal(arrays[name], array)
    assert arrays["d"].tolist() == [0.0, 1.0, 2.0] and arrays["e"].tolist() == [1, 0]


def test_the_page_is_told_what_the_recordings_are(client: Any, opened: Session) -> None:
    about = get(client, "about")
    assert about["names"] == opened.names and about["frames"] == FRAMES and about["lengths"] == list(LENGTHS)
    assert about["gains"] == [None] * CHANNELS and about["places"] is None and about["parts"] == list(range(CHANNELS))


def test_microvolts_and_places_are_those_of_the_file(tmp_path: Path) -> None:
    path = spikeglx(tmp_path / "run_g0_t0.imec0.ap.bin", walks(3000, 5), **{"~snsGeomMap": GEOMETRY})
    made = opening.open_paths([path], tmp_path / "cache")
    found = opening.open_recording(Place(path))
    assert found.gains is not None and np.allclose(made.gains, found.gains)
    assert made.sync == set(found.sync) == {4}
    assert found.geometry is not None and np.array_equal(made.geometry, found.geometry, equal_nan=True)
    client = server.create(Sessions(made, tmp_path), tmp_path).test_client()
    about = get(client, "about")
    assert about["places"][1] == found.geometry[1].tolist() and about["places"][4] == [None, None]
    assert about["labels"][:2] == ["AP0", "AP1"] and about["sync"] == [4]


def test_tiles_travel(client: Any, opened: Session) -> None:
    head, arrays = get(client, "tile", width=4, tile=1, channels="0-1,4")
    assert head == {"scale": 1.0, "apart": 0, "read": None}
    assert np.array_equal(arrays["values"], opened.tile(4, 1, np.array([0, 1, 4])).values)
    assert "no power of 2" in refused(client, "tile", width=3, tile=0)
    assert "there are channels 0 to 5" in refused(client, "tile", width=4, tile=0, channels="0-6")
    assert "tile=" in refused(client, "tile", width=4, tile="-1")
    assert "is no processing" in refused(client, "tile", width=4, tile=0, steps="x")


def test_matrix_order_and_groups(client: Any, opened: Session) -> None:
    _, arrays = get(client, "matrix", measure="pearson")
    expected = np.corrcoef(np.asarray(opened.signals[:, :7500]).astype(float))
    assert np.allclose(arrays["r"], expected, atol=1e-6)
    _, arrays = get(client, "order", measure="pearson", linkage="ward", distance="1-r")
    assert sorted(arrays["leaves"].tolist()) == list(range(CHANNELS)) and arrays["linkage"].shape == (CHANNELS - 1, 4)
    assert get(client, "groups") == {"groups": [[0, 1]]}  # neighbours among the synthetic channels
    assert "is none of" in refused(client, "matrix", measure="x")
    _, arrays = get(client, "pair", focus=0, other=0, start=0, stop=4000)
    assert arrays["r"].max() == pytest.approx(1) and len(arrays["lags"]) == len(arrays["r"])


def test_channels_of_one_recording_are_simultaneous_by_construction(tmp_path: Path) -> None:
    (tmp_path / "two.wav").write_bytes(wav.write(signal(4000, 2), 1000))
    for name in "ab":
        (tmp_path / f"{name}.wav").write_bytes(wav.write(signal(4000, seed=ord(name)), 1000))
    made = opening.open_paths([tmp_path], tmp_path / "cache")
    job = made.simultaneous()
    job.wait()
    assert [group.members for group in job.result] == [(2, 3)]


def test_simultaneous_recordings_are_found(tmp_path: Path) -> None:
    shared = synth.synthesize(2, 0.5)[:, 0].astype(np.int32)
    rng = np.random.default_rng(1)
    apart = [rng.normal(0, 900, len(shared)) for _ in range(3)]
    channels = [shared // 2, apart[0], shared // 2 + rng.normal(0, 500, len(shared)), apart[1], apart[2]]
    for number, samples in enumerate(channels):
        (tmp_path / f"{number}.wav").write_bytes(wav.write(np.clip(samples, -32768, 32767).astype(np.int16), RATE))
    job = opening.open_paths([tmp_path], tmp_path / "cache").simultaneous()
    job.wait()
    assert [group.members for group in job.result] == [(0, 2)]


def test_spectra_and_codecs(client: Any, opened: Session) -> None:
    head, arrays = get(client, "spectra", start=0, stop=2000, channels="1-2")
    power = spectrum.psd(np.asarray(opened.signals[1:3, :2000]).T, RATE, 1024)[1].T
    assert head == {"note": ""} and np.allclose(arrays["power"], 10 * np.log10(power), atol=1e-3)
    assert get(client, "spectrogram", focus=2, start=0, stop=8000, columns=100)[1]["power"].shape[0] == 129
    head, arrays = get(client, "compression", codec="copy")
    assert head["whole"] == 16 and (arrays["bits"][0, :35] == 16).all() and arrays["bits"][5, -1] == -1
    assert "unknown codec" in refused(client, "compression", codec="zzstd")
    assert "may name a file" in refused(client, "coded", codec="n1:profile=x.n1p", focus=0, start=0, stop=9, columns=99)
    assert "focus=" in refused(client, "coded", codec="copy", focus=6, start=0, stop=9, columns=99)
    assert "no frames lie" in refused(client, "spectra", start=9, stop=9)
    head, _ = get(client, "spikes", level=45, focus=0, steps="")
    assert head["level"] == 4.5 and head["total"] >= 1


def test_long_work_is_told_cancelled_and_started_again(
    client: Any, opened: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "_DIRECT", 1000)
    opened.jobs.forget("spectra")

    def work(progress: Any, cancel: threading.Event) -> None:
        progress(0.25)
        cancel.wait(20)
        raise Cancelled

    opened.jobs.start("spectra", "Power spectra", work)
    deadline = time.monotonic() + 20
    while (told := client.get("/api/spectra?start=0&stop=9000&channels=0-5").get_json())["share"] != 0.25:
        assert time.monotonic() < deadline
    assert told == {"job": "spectra", "title": "Power spectra", "share": 0.25, "running": True}
    client.post("/api/cancel?job=spectra")
    told = client.get("/api/spectra?start=0&stop=9000&channels=0-5").get_json()
    assert not told["running"] and told["error"] == "cancelled"
    client.post("/api/again?job=spectra")
    assert get(client, "spectra", start=0, stop=9000)[1]["power"].shape[0] == CHANNELS


def test_csv_of_every_view(client: Any, opened: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {"start": 0, "stop": FRAMES, "focus": 0, "measure": "kendall", "codec": "copy", "level": 45}

    def rows(**values: object) -> list[list[str]]:
        answer = client.get("/api/csv", query_string=asked | values)
        assert answer.status_code == 200, answer.text
        assert "attachment" in answer.headers["Content-Disposition"]
        return list(csv.reader(io.StringIO(answer.text)))

    found = rows(view="signals", start=7400, stop=7600, channels="4-5")
    assert found[0] == ["sample", "channel_4", "channel_5"]
    assert found[1] == ["7400", str(opened.signals[4, 7400]), str(opened.signals[5, 7400])]
    assert found[-1] == ["7599", str(opened.signals[4, 7599]), ""]
    for job in (
        opened.correlate("kendall"),
        opened.spectra(),
        opened.compress("copy"),
        spikes.detect(opened, 4.5, Processing()),
    ):
        job.wait()
    matrix = rows(view="correlation")
    assert matrix[0][1:] == opened.names and matrix[1][1] == "1"
    assert rows(view="spectrum", spectrum="lines")[0] == ["Hz", *opened.names]
    assert rows(view="spectrum", spectrum="spectrogram")[0][1].endswith(" s")
    assert rows(view="compression")[1] == ["0", *["16"] * CHANNELS]
    assert rows(view="spikes")[0] == ["channel", "sample", "seconds"]
    assert rows(view="signals", start=0, stop=50, steps="300-6000")[1][1] != str(opened.signals[0, 0])
    monkeypatch.setattr(export, "MOST_CELLS", 1000)
    assert "choose fewer" in client.get("/api/csv", query_string=asked | {"view": "image"}).text
    assert "there are no results" in client.get("/api/csv", query_string=asked | {"view": "results"}).text


def test_the_result_store_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "summary.csv").write_text(
        "mode,family,spec,compression_ratio,average_compression_speed_xRT,status\n"
        "a,n1,a,3.5,100,ok\nb,audio,b,,,failed\nc,new,c,2,,ok\n"
    )
    told = export.results(tmp_path, "mine")
    assert told["name"] == "mine" and [row["mode"] for row in told["rows"]] == ["a", "c"]
    assert told["rows"][0]["average_compression_speed_xRT"] == 100
    assert told["rows"][1]["average_compression_speed_xRT"] is None
    json.dumps(told, allow_nan=False)
    with pytest.raises(CodecError, match="there are no results"):
        export.results(tmp_path / "empty", "")


def test_results_of_what_is_shown_come_first(opened: Session, tmp_path: Path) -> None:
    for name in (opened.title, "later"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "summary.csv").write_text("mode\n")
    os.utime(tmp_path / opened.title / "summary.csv", (1, 1))
    client = server.create(Sessions(opened, tmp_path / "home"), tmp_path).test_client()
    assert get(client, "about")["results"] == [opened.title, "later"]


# -- files that are dropped --------------------------------------------------------------------------------------------


def dropped(client: Any, files: dict[str, bytes]) -> Any:
    sent = {"file": [(io.BytesIO(data), name) for name, data in files.items()]}
    return client.post("/api/drop", data=sent, content_type="multipart/form-data")


def test_dropped_files_are_read_by_the_same_readers(client: Any, sessions: Sessions) -> None:
    answer = dropped(client, {"../../a/b/mine.wav": wav.write(signal(3000, 2), 8000)})
    made = sessions.get(answer.get_json()["data"])
    assert (made.names, made.frames, made.rate) == (["mine:0", "mine:1"], 3000, 8000)
    assert np.array_equal(np.asarray(made.signals[:, :]).T, signal(3000, 2))
    assert sessions.get("no such key") is sessions.first
    for name, data, words in (
        ("a.wav", b"no sound", "a.wav: it is no WAV file"),
        ("a.txt", b"a text", "a.txt: no reader understands it"),
        ("a.zip", b"PK\3\4 no zip", "a.zip: no reader understands it"),
    ):
        answer = dropped(client, {name: data})
        assert answer.status_code == 400 and words in answer.text and "/tmp" not in answer.text


def test_a_folder_and_a_description_may_be_dropped(client: Any, sessions: Sessions) -> None:
    about, samples = json.dumps({"channels": 2, "rate": 8000}).encode(), signal(3000, 2)
    answer = dropped(client, {"a.bin": samples.astype("<i2").tobytes(), "a.bin.json": about})
    made = sessions.get(answer.get_json()["data"])
    assert (made.names, made.rate, made.notes) == (["a:0", "a:1"], 8000, [])
    whole = wav.write(signal(3000), 8000)
    answer = dropped(client, {"set/one.wav": whole, "set/two.wav": whole[:-400], "set/bad.wav": b"no sound"})
    made = sessions.get(answer.get_json()["data"])
    assert made.names == ["one", "two"] and len(made.notes) == 2


def test_what_was_dropped_goes_with_the_viewer(opened: Session, tmp_path: Path) -> None:
    made = Sessions(opened, tmp_path)
    client = server.create(made, tmp_path).test_client()
    assert dropped(client, {"mine.wav": wav.write(signal(3000), 8000)}).status_code == 200
    folder = Path(made._dropped.name)
    assert list(folder.rglob("mine.wav")) and not list(tmp_path.iterdir())
    made.close()
    assert not folder.exists()


def test_a_zip_may_be_dropped(client: Any, sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in ("x/one.wav", "x/two.wav"):
            archive.writestr(name, wav.write(signal(2000, seed=len(name)), 8000))
    made = sessions.get(dropped(client, {"both.zip": packed.getvalue()}).get_json()["data"])
    assert made.names == ["one", "two"]
    monkeypatch.setattr("n1codec.viewer.sessions.MOST_UNPACKED", 100)
    assert "both.zip: there is more than 0 MB in it" in dropped(client, {"both.zip": packed.getvalue()}).text


def test_padding_has_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "_PADDED_FREELY", 1000)
    for name, shape in (("long.wav", (20_000, 1)), ("wide.wav", (10, 900))):
        (tmp_path / name).write_bytes(wav.write(np.zeros(shape, np.int16), 1000))
    with pytest.raises(CodecError, match="differ too much in length"):
        opening.open_paths([tmp_path / "long.wav", tmp_path / "wide.wav"], tmp_path / "cache")


# -- who may ask -------------------------------------------------------------------------------------------------------


def test_the_page_is_static_and_needs_no_other_server(client: Any) -> None:
    for path in server.PAGE.iterdir():
        answer = client.get("/" if path.name == "index.html" else f"/{path.name}")
        assert answer.status_code == 200, path
        text = answer.text.replace("http://www.w3.org/2000/svg", "")
        assert "http://" not in text and "https://" not in text, path
        assert "eval(" not in text and "innerHTML" not in text, path
    assert " style=" not in client.get("/").text and "<script>" not in client.get("/").text
    assert client.get("/no-such-file.js").status_code == client.get("/../server.py").status_code == 404


def test_the_browser_is_told_to_refuse_other_servers(client: Any) -> None:
    for path in ("/", "/app.js", "/api/about", "/api/tile", "/nothing-here"):
        headers = client.get(path).headers
        rules = dict(rule.split(" ", 1) for rule in headers["Content-Security-Policy"].split("; "))
        assert rules["default-src"] == rules["form-action"] == rules["base-uri"] == "'none'"
        assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin" and headers["Cache-Control"] == "no-store"


def test_strangers_are_refused(sessions: Sessions) -> None:
    def status(listens_on: str, **headers: str) -> int:
        made = server.create(sessions, Path("none"), listens_on).test_client()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return int(made.get("/api/about", headers=named).status_code)

    assert status("127.0.0.1", Host="localhost:8050") == status("127.0.0.1", Host="127.0.0.1:8050") == 200
    assert status("127.0.0.1", Host="rebound.example:8050") == 403
    assert status("0.0.0.0", Host="somewhere.example:8050") == 200
    assert status("127.0.0.1", Host="localhost:8050", Origin="http://localhost:8050") == 200
    assert status("127.0.0.1", Host="localhost:8050", Origin="http://evil.example") == 403
    assert status("127.0.0.1", Host="localhost:8050", Origin="null") == 403
    assert status("127.0.0.1", Host="localhost:8050", Sec_Fetch_Site="cross-site") == 403


def test_a_network_needs_the_token(sessions: Sessions) -> None:
    made = server.create(sessions, Path("none"), "0.0.0.0", "secret").test_client()
    assert made.get("/").status_code == made.get("/api/about").status_code == made.get("/app.js").status_code == 403
    assert made.get("/?token=wrong").status_code == 403
    answer = made.get("/?token=secret")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    assert "HttpOnly" in answer.headers["Set-Cookie"] and "SameSite=Strict" in answer.headers["Set-Cookie"]
    assert made.get("/api/about").status_code == 200
    assert len(server.new_token()) > 20 and server.new_token() != server.new_token()


def test_a_request_has_a_limit(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MEGABYTES", 1)
    made = server.create(sessions, Path("none")).test_client()
    assert dropped(made, {"a.wav": bytes(2 << 20)}).status_code == 413


def test_a_port_that_is_taken_is_told(sessions: Sessions) -> None:
    made = server.create(sessions, Path("none"))
    listening = server.listen(made, "127.0.0.1", 0)
    try:
        assert listening.host == "127.0.0.1"
        with pytest.raises(CodecError, match="choose another with --port"):
            server.listen(made, "127.0.0.1", listening.server_port)
    finally:
        listening.server_close()


# -- memory ------------------------------------------------------------------------------------------------------------

MEASURE = """
import sys
from pathlib import Path
import numpy as np
from n1codec.viewer import opening, server
from n1codec.viewer.sessions import Sessions

opened = opening.open_paths([sys.argv[1]], Path(sys.argv[2]))
job = opened.prepare()
job.wait()
assert not job.error, job.error
client = server.create(Sessions(opened, Path(sys.argv[2])), Path("none")).test_client()
widest = 2 ** int(np.log2(opened.frames / 512))
filtered = "width=64&tile=3&channels=0-47&steps=300-6000%2Bcmr"
for asked in (f"width={widest}&tile=0", "width=64&tile=1", "width=1&tile=9", filtered):
    assert client.get(f"/api/tile?{asked}").status_code == 200
last = opened.channels - 1
values = opened.tile(1, (opened.frames - 1) // 512, np.array([last])).values
assert values.max() == 4567
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(opened.channels, opened.frames, int(status["VmHWM"].split()[0]) // 1024)
"""


READ = """
import sys
import threading
from pathlib import Path
import numpy as np
from n1codec.viewer import opening, overview
overview._BUSY = 1.0
opened = opening.open_paths([sys.argv[1]], Path(sys.argv[2]))
opened.prepare().wait()
width = 1 << 15
before = opened.tile(width, 0, np.arange(opened.channels))
job = opened.read_all()
job.wait()
after = opened.tile(width, 0, np.arange(opened.channels))
assert not before.exact and after.exact and not job.error
assert not before.values.any() and after.values.any()
channel, bin, _ = np.argwhere(after.values)[0]
assert (channel, bin, after.values.max()) == (opened.channels - 1, (opened.frames - 1) // width, 4567)
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(opened.channels, opened.frames, int(status["VmHWM"].split()[0]) // 1024)
"""


PROCESS = """
import sys
from pathlib import Path
import numpy as np
from n1codec.viewer import opening, overview
from n1codec.viewer.processing import Processing
overview._BUSY = 1.0
opened = opening.open_paths([sys.argv[1]], Path(sys.argv[2]))
opened.prepare().wait()
steps, every = Processing.parse("300-6000+cmr"), np.arange(opened.channels)
before = opened.tile(1 << 10, 0, every, steps)
job = opened.read_all(steps)
job.wait()
after = opened.tile(1 << 12, 0, every, steps)
assert not before.exact and after.exact and not job.error and after.values.any()
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(opened.channels, opened.frames, int(status["VmHWM"].split()[0]) // 1024)
"""


def peak_memory(folder: Path, channels: int, frames: int, script: str = MEASURE) -> int:
    """Return the MiB that the viewer's process takes at most to open a sparse RF64 file and to show it."""
    size, path = 2 * channels * frames, folder / "sparse.wav"
    head = struct.pack("<4sI4s4sIQQQI", b"RF64", 0xFFFFFFFF, b"WAVE", b"ds64", 28, size + 72, size, frames, 0)
    head += struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, channels, 30000, 60000 * channels, 2 * channels, 16)
    head += struct.pack("<4sI", b"data", 0xFFFFFFFF)
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + size)
        file.seek(len(head) + size - 2)  # the last channel's
        file.write(struct.pack("<h", 4567))
    done = subprocess.run(
        [sys.executable, "-c", script, path, folder / "cache"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = [int(word) for word in done.stdout.split()]
    assert found[:2] == [channels, frames]
    return found[2]


needs_proc = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")


@needs_proc
@pytest.mark.slow
@pytest.mark.parametrize("frames", [700_000, 3600 * 30_000], ids=["copied", "an hour"])
def test_384_channels_take_less_than_500_megabytes(tmp_path: Path, frames: int) -> None:
    assert peak_memory(tmp_path, 384, frames) < 500


@needs_proc
@pytest.mark.slow
def test_reading_a_long_recording_takes_less_than_500_megabytes(tmp_path: Path) -> None:
    assert peak_memory(tmp_path, 384, 120 * 30_000, READ) < 500


@needs_proc
@pytest.mark.slow
def test_filtering_a_recording_takes_less_than_500_megabytes(tmp_path: Path) -> None:
    assert peak_memory(tmp_path, 384, 700_000, PROCESS) < 500


# -- the command -------------------------------------------------------------------------------------------------------


@pytest.fixture
def view(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run ``n1codec view``, fetch its page once, and end it; return the result, the page and the address opened."""
    from click.testing import CliRunner

    from n1codec.cli.view import command

    monkeypatch.chdir(tmp_path)
    seen: dict[str, Any] = {}
    made = server.listen

    def served(*arguments: Any) -> Any:
        listening = made(*arguments)

        def once() -> None:
            thread = threading.Thread(target=type(listening).serve_forever, args=(listening,))
            thread.start()
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{listening.server_port}/") as answer:
                    seen["page"], seen["headers"] = answer.read().decode(), answer.headers
            except urllib.error.HTTPError as error:
                seen["refused"] = error.code
            listening.shutdown()
            thread.join()

        listening.serve_forever = once
        return listening

    monkeypatch.setattr(server, "listen", served)
    monkeypatch.setattr("webbrowser.open", lambda address: seen.update(opened=address))

    def call(*arguments: object) -> tuple[Any, dict[str, Any]]:
        return CliRunner().invoke(command, [*map(str, arguments), "--cache", "cache"]), seen

    return call


def test_view_serves_the_recordings_and_tells_what_it_left_out(view: Any, tmp_path: Path) -> None:
    (tmp_path / "good.wav").write_bytes(wav.write(signal(900, 2), 8000))
    (tmp_path / "bad.wav").write_bytes(b"no sound")
    done, seen = view(tmp_path, "--port", 0)
    assert done.exit_code == 0, done.output
    assert "2 channels of 900 frames at 8000 Hz" in done.stderr
    assert "Left out: bad.wav: it is no WAV file" in done.stderr
    assert seen["opened"] in done.stderr and seen["opened"].startswith("http://localhost:")
    assert "N1 Codec viewer" in seen["page"] and "default-src 'none'" in seen["headers"]["Content-Security-Policy"]
    assert (tmp_path / "cache").is_dir() and done.stdout == ""
    seen.clear()
    done, seen = view(tmp_path / "good.wav", "--port", 0, "--no-browser", "--host", "0.0.0.0")
    assert done.exit_code == 0 and "opened" not in seen and seen["refused"] == 403 and "?token=" in done.stderr
    done, _ = view("--clear-cache")
    assert "removed " in done.stderr and not list((tmp_path / "cache").iterdir())


def test_view_refuses_what_it_cannot_show(view: Any, tmp_path: Path) -> None:
    done, seen = view(tmp_path / "gone.wav")
    assert isinstance(done.exception, CodecError) and "no such file" in str(done.exception)
    (tmp_path / "bad.wav").write_bytes(b"no sound")
    done, seen = view(tmp_path / "bad.wav")
    assert isinstance(done.exception, CodecError) and "bad.wav: it is no WAV file" in str(done.exception)
    assert seen == {}
    assert view("--port", "70000")[0].exit_code == 2


def test_view_says_how_to_get_flask(view: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "flask", None)
    assert "make view" in str(view()[0].exception)
