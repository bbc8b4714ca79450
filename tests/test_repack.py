"""``n1codec repack``: NWB files with our filter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import called
from walks import walk

h5py = pytest.importorskip("h5py", reason="no h5py here (pip install 'n1codec[hdf5]')")
import n1codec.hdf5  # noqa: E402


def series(file: h5py.File, path: str, x: np.ndarray, rate: float = 1000.0) -> h5py.Group:
    group = file.create_group(path)
    group.attrs["neurodata_type"] = "ElectricalSeries"
    data = group.create_dataset("data", data=x, chunks=(100, *x.shape[1:]), compression="gzip")
    data.attrs.update({"conversion": 2.3e-6, "unit": "volts"})
    group.create_dataset("starting_time", data=0.5).attrs["rate"] = rate
    return group


def write(path: Path) -> None:
    """A file with all kinds of things that NWB files have."""
    with h5py.File(path, "w", track_order=True) as file:
        raw = series(file, "acquisition/raw", walk(2500, 6))
        lfp = series(file, "processing/ecephys/LFP/lfp", walk(700, 4, "<f4"))
        table = file.create_dataset("general/electrodes/id", data=np.arange(6))
        table.attrs["table"] = file["general/electrodes"].ref
        raw.create_dataset("electrodes", data=np.arange(6)).attrs["region"] = table.regionref[1:4]
        pairs = np.dtype([("start", "<i4"), ("series", h5py.ref_dtype)])
        rows = file.create_dataset("intervals/series", (3,), pairs, maxshape=(None,), chunks=(3,))
        rows[...] = np.array([(1, raw.ref), (2, lfp.ref), (3, h5py.Reference())], pairs)
        file.attrs[".specloc"] = file["general"].ref
        file.attrs["empty"] = h5py.Empty("f4")
        file["general/session"] = "one"
        file["general/words"] = np.array(["a", "bcd"], h5py.string_dtype())
        file["general/words"].attrs["fixed"] = np.array([b"ab", b"c"])
        file["soft"] = h5py.SoftLink("/acquisition/raw")
        file["away"] = h5py.ExternalLink("other.nwb", "/x")
        file["again"] = raw["data"]
        file["later"] = file["general"]
        file.create_group("acquisition/link").attrs["neurodata_type"] = "ElectricalSeries"
        file["acquisition/link/data"] = h5py.SoftLink("/acquisition/raw/data")


def filters(dataset: h5py.Dataset) -> list[int]:
    plist = dataset.id.get_create_plist()
    return [plist.get_filter(i)[0] for i in range(plist.get_nfilters())]


def test_series_are_coded_anew_and_all_else_stays(tmp_path: Path) -> None:
    path, target = tmp_path / "a.nwb", tmp_path / "b.nwb"
    write(path)
    before = path.read_bytes()
    done = called("n1codec", "repack", path, "-o", target)
    assert (done.returncode, done.stderr) == (0, "")
    first, second = done.stdout.splitlines()
    assert first.startswith(f"{target}: /acquisition/raw/data: 30000 bytes of samples, ") and "verified" in first
    assert "/processing/ecephys/LFP/lfp/data: 11200 bytes of samples" in second
    assert path.read_bytes() == before
    with h5py.File(target) as file:
        raw = file["acquisition/raw/data"]
        assert raw.chunks == (1000, 6) and filters(raw) == [n1codec.hdf5.FILTER_ID]
        assert (raw[...] == walk(2500, 6)).all() and dict(raw.attrs) == {"conversion": 2.3e-6, "unit": "volts"}
        assert (file["processing/ecephys/LFP/lfp/data"][...] == walk(700, 4, "<f4")).all()
        assert file["again"] == raw and file["later"] == file["general"] and file["soft/data"] == raw
        assert file.get("away", getlink=True).filename == "other.nwb"
        assert file[file.attrs[".specloc"]] == file["general"] and file.attrs["empty"] == h5py.Empty("f4")
        assert [file[r] if r else None for r in file["intervals/series"]["series"]] == [
            file["acquisition/raw"],
            file["processing/ecephys/LFP/lfp"],
            None,
        ]
        region = file["acquisition/raw/electrodes"].attrs["region"]
        assert file["general/electrodes/id"][region].tolist() == [1, 2, 3]
        assert file["general/words"].asstr()[...].tolist() == ["a", "bcd"]
        with h5py.File(path) as old:
            assert list(file) == list(old)


def test_a_file_is_replaced_and_repacked_again(tmp_path: Path) -> None:
    path = tmp_path / "a.nwb"
    write(path)
    for spec in ("n1_multi", "n1"):
        assert called("n1codec", "repack", path, "--codec", spec, "--quiet").stdout == ""
        with h5py.File(path) as file:
            assert (file["acquisition/raw/data"][...] == walk(2500, 6)).all()
            numbers = file["acquisition/raw/data"].id.get_create_plist().get_filter(0)[2]
        assert numbers[:2] == (1, n1codec.adapters.hdf5.CODECS[spec])
    assert [p.name for p in tmp_path.iterdir()] == ["a.nwb"]


def test_what_cannot_be_repacked(tmp_path: Path) -> None:
    none, text, bools = tmp_path / "none.nwb", tmp_path / "text.nwb", tmp_path / "bools.nwb"
    text.write_text("no HDF5")
    with h5py.File(none, "w") as file:
        file["x"] = 1
    with h5py.File(bools, "w") as file:
        series(file, "acquisition/a", np.ones((100, 2), bool))
    for path, words in (
        (tmp_path / "no.nwb", "no such file"),
        (text, "it is no HDF5 file"),
        (none, "there is no electrical series in it"),
        (bools, "/acquisition/a/data: the filter does not take bool"),
    ):
        done = called("n1codec", "repack", path, "-o", tmp_path / "out.nwb")
        assert done.returncode == 1 and words in done.stderr and done.stderr.count("\n") == 1
        assert str(path) in done.stderr
    assert "the HDF5 filter has only" in called("n1codec", "repack", bools, "--codec", "zstd").stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bools.nwb", "none.nwb", "text.nwb"]


def test_a_copy_that_differs_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from n1codec.adapters import repack

    path = tmp_path / "a.nwb"
    write(path)
    before = path.read_bytes()
    monkeypatch.setattr(repack._Copy, "_attributes", lambda self, name: None)
    done = called("n1codec", "repack", path)
    assert done.returncode == 1 and "came out otherwise" in done.stderr
    assert path.read_bytes() == before


@pytest.mark.slow
def test_pynwb_reads_it(tmp_path: Path) -> None:
    pynwb = pytest.importorskip("pynwb", reason="no pynwb here (pip install 'n1codec[nwb]')")
    from datetime import UTC, datetime

    path = tmp_path / "a.nwb"
    file = pynwb.NWBFile("a session", "n1codec", datetime(2026, 1, 1, tzinfo=UTC))
    group = file.create_electrode_group("probe", "a probe", "cortex", file.create_device(name="device"))
    for _ in range(4):
        file.add_electrode(location="cortex", group=group)
    region = file.create_electrode_table_region([0, 1, 2, 3], "all of them")
    made = pynwb.ecephys.ElectricalSeries(name="raw", data=walk(3000, 4), electrodes=region, rate=1000.0)
    file.add_acquisition(made)
    with pynwb.NWBHDF5IO(path, "w") as io:
        io.write(file)
    assert called("n1codec", "repack", path).returncode == 0
    with pynwb.NWBHDF5IO(path, "r") as io:
        found = io.read().acquisition["raw"]
        assert (found.data[...] == walk(3000, 4)).all() and filters(found.data) == [n1codec.hdf5.FILTER_ID]
        assert list(found.electrodes["location"]) == ["cortex"] * 4
