"""Recordings as arrays of Dask, and these to and from Zarr with our codecs, in this process and on a cluster."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import code_of, needs, signal

da, zarr = needs("dask.array"), needs("zarr")

import n1codec  # noqa: E402
from n1codec.codec import UnavailableError  # noqa: E402
from n1codec.container.archive import Archive  # noqa: E402
from n1codec.zarr import N1Multi  # noqa: E402

SAMPLES = signal(2500, 6)
OURS = {"compressor": N1Multi()} if zarr.__version__ < "3" else {"serializer": N1Multi(), "compressors": None}


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    """A .n1c file of 2500 frames in chunks of 1000, three channels of which are coded together."""
    with n1codec.create(tmp_path / "a.n1c", channels=6, dtype="int16", rate=100, spec="n1_multi:block=3") as writer:
        writer.write(SAMPLES)
    return tmp_path / "a.n1c"


def test_a_block_for_each_chunk(packed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recording = n1codec.open(packed)
    x = recording.to_dask()
    assert (x.shape, x.dtype) == ((2500, 6), np.int16)
    assert x.chunks == (tuple(stop - start for start, stop in recording.chunks), (6,))
    assert len(x.chunks[0]) > 1
    decoded = []
    decode = Archive.decode
    monkeypatch.setattr(Archive, "decode", lambda self, chunk: decoded.append(chunk[1:3]) or decode(self, chunk))
    assert np.array_equal(x[1100:1200, 4].compute(scheduler="sync"), SAMPLES[1100:1200, 4])
    assert decoded == [(1, 1000)]
    for scheduler in ("sync", "threads"):
        assert np.array_equal(x.compute(scheduler=scheduler), SAMPLES)
        assert x.mean(axis=0).compute(scheduler=scheduler) == pytest.approx(SAMPLES.mean(axis=0))
        assert np.array_equal(x[::7, [5, 2]].compute(scheduler=scheduler), SAMPLES[::7, [5, 2]])


def test_other_files_and_none_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.save(tmp_path / "a.npy", SAMPLES)
    assert np.array_equal(n1codec.open(tmp_path / "a.npy").to_dask().compute(), SAMPLES)
    np.save(tmp_path / "b.npy", SAMPLES[:0])
    n1codec.encode_file(tmp_path / "b.npy", tmp_path / "b.n1c")
    assert n1codec.open(tmp_path / "b.n1c").to_dask().compute().shape == (0, 6)
    monkeypatch.setitem(sys.modules, "dask.array", None)
    with pytest.raises(UnavailableError, match=r"n1codec\[dask\]"):
        n1codec.open(tmp_path / "a.npy").to_dask()


@pytest.mark.skipif(zarr.__version__ < "3", reason="the page has the lines for Zarr 3")
def test_the_lines_of_the_page(packed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(packed.parent)
    packed.rename("run.n1c")
    exec(code_of("Dask"), found := {})
    assert np.array_equal(found["x"].compute(), SAMPLES)
    assert np.array_equal(found["da"].from_zarr("a.zarr").compute(), SAMPLES)


def through_zarr(packed: Path, folder: Path) -> Any:
    """Write a recording into Zarr by Dask, and return what it reads there."""
    x = n1codec.open(packed).to_dask().rechunk((1000, 6))
    da.to_zarr(x, str(folder / "z"), **OURS)
    (about,) = [file for file in (folder / "z").iterdir() if file.name in (".zarray", "zarr.json")]
    assert "n1_multi" in about.read_text()
    return da.from_zarr(str(folder / "z"))


def test_to_zarr_and_back(packed: Path, tmp_path: Path) -> None:
    assert np.array_equal(through_zarr(packed, tmp_path).compute(), SAMPLES)


@pytest.mark.slow
def test_a_cluster_of_two_processes(packed: Path, tmp_path: Path) -> None:
    needs("distributed")
    script = f"""
from distributed import Client, LocalCluster

if __name__ == "__main__":
    import sys
    from pathlib import Path

    import numpy as np

    sys.path.insert(0, {str(Path(__file__).parent)!r})
    import test_dask

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        back = test_dask.through_zarr(Path({str(packed)!r}), Path({str(tmp_path)!r}))
        assert np.array_equal(back.compute(), test_dask.SAMPLES)
        print(len(client.scheduler_info()["workers"]), float(back.sum().compute()))
"""
    (tmp_path / "script.py").write_text(script)
    done = subprocess.run([sys.executable, tmp_path / "script.py"], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["2", str(float(SAMPLES.sum(dtype=np.int64)))]
