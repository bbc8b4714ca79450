"""SpikeInterface reads our recordings and writes its own with our codecs; test_environments runs this where it is."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import code_of
from recording_files import open_ephys, spikeglx, walks

pytest.importorskip("spikeinterface")  # which goes with other libraries than ours

import spikeinterface as si
from spikeinterface.core import read_zarr_array
from spikeinterface.core.job_tools import TimeSeriesChunkExecutor

import n1codec
from n1codec.codec import CodecError, FormatError
from n1codec.spikeinterface import N1CRecordingExtractor, read_n1c
from n1codec.zarr import N1Codec, N1Multi

SAMPLES = walks(9000, 9)


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A .n1c file of a SpikeGLX recording in several chunks."""
    folder = tmp_path_factory.mktemp("packed")
    path = spikeglx(folder / "r_g0_t0.imec0.ap.bin", SAMPLES, imSampRate=1500)
    n1codec.encode_file(path, folder / "r.n1c", "n1_multi:block=3")
    return folder / "r.n1c"


def test_an_extractor_tells_what_the_file_tells(packed: Path) -> None:
    recording, own = read_n1c(packed), n1codec.open(packed)
    assert isinstance(recording, N1CRecordingExtractor)
    assert recording.get_sampling_frequency() == 1500
    assert (recording.get_num_samples(), recording.get_num_channels()) == (9000, 8)
    assert recording.get_dtype() == np.int16
    assert list(recording.channel_ids) == [f"AP{number}" for number in range(8)]
    assert np.array_equal(recording.get_channel_gains(), own.gains[:8])
    assert np.array_equal(recording.get_channel_offsets(), np.zeros(8))
    assert np.array_equal(recording.get_channel_locations(), own.geometry[:8])
    assert np.array_equal(recording.get_traces(), SAMPLES[:, :8])
    assert np.array_equal(recording.get_traces(start_frame=1490, end_frame=3020), SAMPLES[1490:3020, :8])
    assert np.array_equal(recording.get_traces(channel_ids=["AP5", "AP2"]), SAMPLES[:, [5, 2]])
    assert np.allclose(recording.get_traces(end_frame=9, return_in_uV=True), SAMPLES[:9, :8] * own.gains[:8])


def test_digital_lines_are_loaded_where_they_are_asked_for(packed: Path) -> None:
    recording = read_n1c(packed, load_sync_channel=True)
    assert list(recording.channel_ids)[-1] == "SY0"
    assert not recording.has_probe()
    assert np.array_equal(recording.get_traces(), SAMPLES)


def test_it_is_opened_anew_elsewhere(packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(packed.parent)
    recording = read_n1c(packed.name)
    monkeypatch.chdir(tmp_path)
    recording.dump(tmp_path / "it.json")
    recording.dump(tmp_path / "it.pkl")
    for again in (pickle.loads(pickle.dumps(recording)), si.load(tmp_path / "it.json"), si.load(tmp_path / "it.pkl")):
        assert np.array_equal(again.get_traces(start_frame=4000, end_frame=4100), SAMPLES[4000:4100, :8])
        assert np.array_equal(again.get_channel_locations(), recording.get_channel_locations())


def _sum(segment_index: int, start_frame: int, end_frame: int, worker: dict[str, Any]) -> int:
    traces = worker["recording"].get_traces(segment_index=segment_index, start_frame=start_frame, end_frame=end_frame)
    return int(traces.astype(np.int64).sum())


def _worker(recording: Any) -> dict[str, Any]:
    return {"recording": recording if not isinstance(recording, dict) else si.load(recording)}


@pytest.mark.parametrize("pool", [("process", "fork"), ("process", "spawn"), ("thread", None)], ids=str)
def test_pools(packed: Path, pool: tuple[str, str | None], monkeypatch: pytest.MonkeyPatch) -> None:
    # SpikeInterface starts no pool on one processor.
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    engine, context = pool
    executor = TimeSeriesChunkExecutor(
        read_n1c(packed), _sum, _worker, (read_n1c(packed),), handle_returns=True, n_jobs=2, chunk_size=1000,
        pool_engine=engine, mp_context=context,
    )  # fmt: skip
    parts = executor.run()
    assert len(parts) == 9
    assert sum(parts) == SAMPLES[:, :8].astype(np.int64).sum()


@pytest.mark.parametrize("jobs", [1, 2])
def test_zarr_with_our_codec(packed: Path, tmp_path: Path, jobs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    recording = read_n1c(packed)
    recording.set_times(np.arange(9000) / 1500 + 20)
    recording.save(format="zarr", folder=tmp_path / "a.zarr", compressor=N1Multi(), n_jobs=jobs, mp_context="spawn",
                   chunk_duration="1s", progress_bar=False, verbose=False)  # fmt: skip
    again = si.load(tmp_path / "a.zarr")
    assert np.array_equal(again.get_traces(), SAMPLES[:, :8])
    assert np.array_equal(again.get_times(), recording.get_times())
    assert np.array_equal(again.get_channel_gains(), recording.get_channel_gains())
    assert np.array_equal(again.get_channel_locations(), recording.get_channel_locations())
    stored = again._root["traces_seg0"]
    assert stored.compressor == N1Multi()
    assert stored.chunks == (1500, 8)


def test_a_plain_array_of_ours(tmp_path: Path) -> None:
    import zarr

    z = zarr.open(str(tmp_path / "z"), "w", shape=SAMPLES.shape, chunks=(3000, 9), dtype="i2", compressor=N1Codec("n1"))
    z[:] = SAMPLES
    recording = read_zarr_array(str(tmp_path / "z"), sampling_frequency=1500)
    assert np.array_equal(recording.get_traces(start_frame=2000, end_frame=5000), SAMPLES[2000:5000])


def test_times_of_open_ephys(tmp_path: Path) -> None:
    folder = open_ephys(
        tmp_path / "Record Node 1" / "experiment1" / "recording1", {"A": walks(2000, 3), "B": walks(90, 2)}
    )
    times = 12.5 + np.arange(2000) / 30000
    np.save(folder / "continuous" / "A" / "timestamps.npy", times)
    n1codec.encode_file(tmp_path / "Record Node 1", tmp_path / "node.n1c")
    assert read_n1c(tmp_path / "node.n1c", stream="A").get_times()[0] == 0
    assert np.array_equal(read_n1c(tmp_path / "node.n1c", stream="A", load_times=True).get_times(), times)
    assert read_n1c(tmp_path / "node.n1c", stream="B", load_times=True).get_times()[0] == 0
    with pytest.raises(CodecError, match="several streams: A, B"):
        read_n1c(tmp_path / "node.n1c")


def test_the_lines_of_the_page(packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run.n1c").symlink_to(packed)
    exec(code_of("SpikeInterface"), found := {})
    assert np.array_equal(found["again"].get_traces(), SAMPLES[:, :8])


def test_other_files_and_what_is_none(packed: Path, tmp_path: Path) -> None:
    recording = read_n1c(packed.with_name("r_g0_t0.imec0.ap.bin"))
    assert np.array_equal(recording.get_traces(), SAMPLES[:, :8])
    np.save(tmp_path / "a.npy", SAMPLES)
    with pytest.raises(CodecError, match=r"a\.npy: its sampling rate is not known"):
        read_n1c(tmp_path / "a.npy")
    (tmp_path / "cut.n1c").write_bytes(packed.read_bytes()[:-9])
    with pytest.raises(FormatError):
        read_n1c(tmp_path / "cut.n1c")
