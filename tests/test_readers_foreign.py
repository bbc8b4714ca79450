"""Formats that SpikeInterface reads: here with a stand-in for it, and with the real one where that is installed."""

from __future__ import annotations

import pickle
import struct
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from recording_files import walks

from n1codec.recordings import Place, UnknownFormat, foreign, open_recording, open_source

SAMPLES = walks(500, 3)


class Extractor:
    """What is used of ``spikeinterface.BaseRecording``."""

    channel_ids = ["a", "b", "c"]

    def __init__(self, segments: int = 1, scale: int = 1, **properties: object) -> None:
        self.segments, self.scale, self.properties = segments, scale, properties

    def get_num_segments(self) -> int:
        return self.segments

    def get_num_samples(self, segment_index: int) -> int:
        return 500 - segment_index

    def get_sampling_frequency(self) -> float:
        return 30000.0

    def get_num_channels(self) -> int:
        return 3

    def get_dtype(self) -> np.dtype[Any]:
        return np.dtype(">i2")

    def get_property(self, name: str) -> object:
        return self.properties.get(name)

    def get_channel_gains(self) -> object:
        return self.properties.get("gains")

    get_channel_offsets = get_channel_gains

    def get_traces(self, segment_index: int, start_frame: int, end_frame: int) -> np.ndarray:
        return (SAMPLES[start_frame:end_frame] * self.scale + segment_index).astype(">i2")


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """``spikeinterface.extractors`` with readers of NWB (no streams), Intan (two streams) and Plexon (two segments)."""

    def streams(name: str, path: Path) -> tuple[list[str], list[str]]:
        if name == "nwb_recording":
            raise KeyError(name)
        return (["amplifier", "auxiliary"], ["0", "1"]) if name == "intan" else (["one"], ["0"])

    def missing(path: Path) -> None:
        raise ImportError("No module named 'pyedflib'")

    def damaged(path: Path) -> None:
        raise AssertionError

    said = {"channel_name": ["A", "B", "C"], "gains": [0.5, 1, 2], "location": [[0, 1, 9], [2, 3, 9], [4, 5, 9]]}
    module = ModuleType("spikeinterface.extractors")
    vars(module).update(
        get_neo_streams=streams,
        read_nwb_recording=lambda path: Extractor(**said),
        read_intan=lambda path, stream_name: Extractor(scale=2 if stream_name == "auxiliary" else 1),
        read_plexon=lambda path: Extractor(segments=2),
        read_edf=missing,
        read_blackrock=damaged,
        read_zarr=lambda path: Extractor(),
    )
    package = ModuleType("spikeinterface")
    package.extractors = module  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "spikeinterface", package)
    monkeypatch.setitem(sys.modules, "spikeinterface.extractors", module)
    return SimpleNamespace(module=module)


def hdf5(path: Path) -> Path:
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    return path


@pytest.mark.usefixtures("stand_in")
def test_a_recording_is_read_in_the_units_of_the_file(tmp_path: Path) -> None:
    source = open_source(hdf5(tmp_path / "a.nwb"))
    found = source.stream()
    assert found.shape == (500, 3) and found.dtype == np.int16 and found.rate == 30000 and found.name == "a.nwb"
    assert np.array_equal(found.read(), SAMPLES) and np.array_equal(found[7:20, [2, 0]], SAMPLES[7:20, [2, 0]])
    assert found.channel_names == ("A", "B", "C") and found.gains is not None and list(found.gains) == [0.5, 1, 2]
    assert found.geometry is not None and found.geometry.tolist() == [[0, 1], [2, 3], [4, 5]]
    (file,) = source.files
    assert file.channels == 0 and bytes(file.suffix) == (tmp_path / "a.nwb").read_bytes(), "kept as it is"
    assert np.array_equal(pickle.loads(pickle.dumps(found)).read(), SAMPLES)


@pytest.mark.usefixtures("stand_in")
def test_streams_and_stretches_have_names(tmp_path: Path) -> None:
    intan = tmp_path / "a.rhd"
    intan.write_bytes(struct.pack("<I", 0xC6912702) + bytes(100))
    assert set(open_source(intan).streams) == {"amplifier", "auxiliary"}
    second = open_recording(Place(intan, "auxiliary"))
    assert np.array_equal(second.read(), SAMPLES * 2) and second.channel_names == ("a", "b", "c")
    assert second.gains is None and second.geometry is None
    plexon = tmp_path / "b"
    plexon.write_bytes(b"PLEX" + bytes(100))
    source = open_source(plexon)
    assert [(name, one.frames) for name, one in source.streams.items()] == [("segment 1", 500), ("segment 2", 499)]
    assert np.array_equal(source.stream("segment 2").read(), SAMPLES[:499] + 1)


@pytest.mark.usefixtures("stand_in")
def test_a_folder_is_kept_whole(tmp_path: Path) -> None:
    (tmp_path / "0").mkdir()
    for name in (".zgroup", "0/0.0"):
        (tmp_path / name).write_bytes(b"chunk")
    source = open_source(tmp_path)
    assert source.folder and [file.name for file in source.files] == [".zgroup", "0/0.0"]
    assert np.array_equal(source.stream().read(), SAMPLES)


@pytest.mark.usefixtures("stand_in")
def test_what_it_cannot_read_is_told_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.bdf"
    path.write_bytes(b"\xffBIOSEMI" + bytes(100))
    with pytest.raises(UnknownFormat, match=r"a\.bdf: it is BDF, .* not installed \(No module named 'pyedflib'\)"):
        open_source(path)
    path.write_bytes(b"NEURALCD" + bytes(100))
    with pytest.raises(UnknownFormat, match=r"cannot read it as Blackrock \(AssertionError\)"):
        open_source(path)


def test_without_the_extra_the_way_to_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spikeinterface", None)
    monkeypatch.setitem(sys.modules, "spikeinterface.extractors", None)
    with pytest.raises(UnknownFormat, match=r"a\.nwb: it is NWB, .*pip install 'n1codec\[spikeinterface\]'"):
        open_source(hdf5(tmp_path / "a.nwb"))


@pytest.mark.parametrize(
    ("name", "start", "kind"),
    [
        ("a.nwb", b"\x89HDF\r\n\x1a\n", "NWB"),
        ("a.raw.h5", b"\x89HDF\r\n\x1a\n", "Maxwell MaxOne or MaxTwo"),
        ("a.H5", b"\x89HDF\r\n\x1a\n", "MEArec"),
        ("a.nwb", b"text", None),
        ("a", b"\xac\x27\x91\xd6", "Intan RHS"),
        ("a.edf", b"0       ", "EDF"),
        ("a.txt", b"0       ", None),
        ("a.smrx", b"", "CED Spike2"),
        ("a.rec", b"<?xml", "SpikeGadgets"),
        ("a.bin", b"", None),
    ],
)
def test_files_are_known_by_their_first_bytes(name: str, start: bytes, kind: str | None) -> None:
    found = foreign.kind_of(Path(name), memoryview(start))
    assert (found and found.name) == kind


# -- with the real libraries -----------------------------------------------------------------------------------------


def test_a_blackrock_file_through_spikeinterface(tmp_path: Path) -> None:
    pytest.importorskip("spikeinterface.extractors")
    path = tmp_path / "a.ns5"
    head = b"NEURALSG" + b"30 kS/s".ljust(16, b"\0") + struct.pack("<II", 1, 3) + struct.pack("<3I", 1, 2, 3)
    path.write_bytes(head + SAMPLES.tobytes())
    found = open_recording(path)
    assert found.rate == 30000 and found.channels == 3 and 499 <= found.frames <= 500
    assert np.array_equal(found.read(), SAMPLES[: found.frames])


def test_a_zarr_folder_of_spikeinterface(tmp_path: Path) -> None:
    core = pytest.importorskip("spikeinterface.core")
    folder = tmp_path / "a.zarr"
    recording = core.NumpyRecording([SAMPLES], 30000.0)
    recording.set_channel_gains(0.195)
    recording.set_channel_offsets(0)
    recording.save(folder=folder, format="zarr", progress_bar=False, verbose=False)
    source = open_source(folder)
    assert np.array_equal(source.stream().read(), SAMPLES) and source.stream().gains is not None
    assert len(source.files) == sum(path.is_file() for path in folder.rglob("*"))
