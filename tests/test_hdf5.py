"""The HDF5 filter: through h5py, the tools of HDF5, pynwb, and as C alone under sanitizers."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from test_container import GOLDEN
from walks import walk

from n1codec.adapters import hdf5
from n1codec.codec import SpecError
from n1codec.pipeline import get_codec

h5py = pytest.importorskip("h5py", reason="no h5py here (pip install 'n1codec[hdf5]')")
import n1codec.hdf5  # noqa: E402

KINDS = ["i1", "u1", "<i2", ">i2", "<u2", ">u2", "<i4", ">i4", "<u4", "<i8", ">u8", "<f2", "<f4", ">f4", "<f8"]
GOLDEN_FILE = GOLDEN / "filter.h5"


def write(path: Path, x: np.ndarray, spec: str = "n1_multi", channels: int | None = None, **how: object) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=x, **how, **hdf5.compression(spec, channels))


def read(path: Path) -> np.ndarray:
    with h5py.File(path) as file:
        return file["x"][...]


def chunks(path: Path) -> list[tuple[tuple[int, ...], bytes]]:
    """Return the place and the bytes of each chunk of ``x``; each has passed the filter."""
    with h5py.File(path) as file:
        x = file["x"].id
        places = [x.get_chunk_info(k).chunk_offset for k in range(x.get_num_chunks())]
        read = [x.read_direct_chunk(place) for place in places]
        assert all(mask == 0 for mask, _ in read)
        return [(place, data) for place, (_, data) in zip(places, read, strict=True)]


def values(path: Path) -> tuple[int, ...]:
    with h5py.File(path) as file:
        number, flags, found, name = file["x"].id.get_create_plist().get_filter(0)
    assert (number, flags, name) == (hdf5.FILTER_ID, 0, b"n1codec")
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_every_type_has_the_bytes_of_the_codec_in_python(kind: str, tmp_path: Path) -> None:
    x = walk(800, 5, kind)
    write(tmp_path / "a.h5", x, chunks=(400, 5))
    back = read(tmp_path / "a.h5")
    assert back.dtype == x.dtype and back.tobytes() == x.tobytes()
    codec = get_codec("planes|arange" if x.dtype.kind == "f" else "n1_multi")
    for (start, _), data in chunks(tmp_path / "a.h5"):
        part = x[start : start + 400].astype(x.dtype.newbyteorder("<"))
        checksum = zlib.crc32(part.tobytes()).to_bytes(4, "little")
        assert data == b"\2" + checksum + codec.encode(part)
        assert len(data) < part.nbytes


@pytest.mark.parametrize("spec", hdf5.CODECS)
def test_every_codec(spec: str, tmp_path: Path) -> None:
    x = walk(1000, 3)
    write(tmp_path / "a.h5", x, spec, chunks=(1000, 3))
    assert (read(tmp_path / "a.h5") == x).all()
    (_, data), *_ = chunks(tmp_path / "a.h5")
    assert data[5:] == get_codec(spec).encode(x)
    assert values(tmp_path / "a.h5") == (1, hdf5.CODECS[spec], 3, 1, x.nbytes)


def test_axes(tmp_path: Path) -> None:
    """Frames are the first axis, channels all others; a single axis has as many as were said."""
    x = walk(600, 6)
    for shaped, chunk, channels, wanted in (
        (x, (200, 2), None, 2),
        (x.reshape(600, 3, 2), (100, 3, 2), None, 6),
        (x.ravel(), (1200,), 6, 6),
        (x.ravel(), (1200,), None, 1),
        (x, (200, 6), 4, 6),
    ):
        write(tmp_path / "a.h5", shaped, channels=channels, chunks=chunk)
        assert (read(tmp_path / "a.h5") == shaped).all()
        assert values(tmp_path / "a.h5")[2] == wanted


def test_noise_is_stored(tmp_path: Path) -> None:
    x = np.frombuffer(np.random.default_rng(0).bytes(4000), "<i2").reshape(-1, 20)
    write(tmp_path / "a.h5", x, chunks=x.shape)
    assert (read(tmp_path / "a.h5") == x).all()
    assert [data[:1] + data[5:] for _, data in chunks(tmp_path / "a.h5")] == [b"\1" + x.tobytes()]


def test_floats_come_back_bit_for_bit(tmp_path: Path) -> None:
    words = np.array([0, 1 << 31, 0x7F800000, 0xFF800000, 0x7FC00001, 0x7F800001, 0xFFFFFFFF, 1], "<u4")
    for kind in ("<f4", ">f4"):
        x = np.tile(words.view(kind), 100)
        write(tmp_path / "a.h5", x, chunks=(800,))
        assert read(tmp_path / "a.h5").tobytes() == x.tobytes()


def test_other_filters_may_stand_behind(tmp_path: Path) -> None:
    x = walk(700, 3)
    write(tmp_path / "a.h5", x, chunks=(256, 3), fletcher32=True)
    assert (read(tmp_path / "a.h5") == x).all()


@pytest.mark.slow
def test_a_long_chunk_is_fitted_to_stretches_as_in_python(tmp_path: Path) -> None:
    channels = 1 << 17
    x = np.tile(walk(70, 64), (1, channels // 64))
    write(tmp_path / "a.h5", x, "n1_multi:preset=fast", chunks=x.shape)
    ((_, data),) = chunks(tmp_path / "a.h5")
    assert data[5:] == get_codec("n1_multi:preset=fast").encode(x)


@pytest.mark.parametrize("kind", ["bool", "S3", "c8", "g", "struct"])
def test_what_cannot_be_coded_is_refused_at_creation(kind: str, tmp_path: Path) -> None:
    dtype = np.dtype([("a", "<i2")]) if kind == "struct" else np.dtype(kind)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        with pytest.raises((ValueError, OSError)):
            file.create_dataset("x", shape=(100,), dtype=dtype, chunks=(10,), **hdf5.compression())
        assert list(file) == []


@pytest.mark.parametrize("opts", [(2,), (1, 5), (1, 256), (1, 2, 7)])
def test_numbers_that_make_no_sense_are_refused_at_creation(opts: tuple[int, ...], tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file, pytest.raises(ValueError):
        file.create_dataset("x", shape=(1000,), dtype="i2", chunks=(100,), compression=52785, compression_opts=opts)


def test_a_damaged_chunk_is_an_error(tmp_path: Path) -> None:
    x = walk(500, 4)
    write(tmp_path / "a.h5", x, chunks=x.shape)
    ((place, data),) = chunks(tmp_path / "a.h5")
    for at in (0, 3, 8, len(data) // 2, len(data) - 1):
        bad = bytearray(data)
        bad[at] ^= 64
        with h5py.File(tmp_path / "a.h5", "a") as file:
            file["x"].id.write_direct_chunk(place, bytes(bad))
        with pytest.raises(OSError):
            read(tmp_path / "a.h5")


def test_compression_says_what_there_is() -> None:
    assert hdf5.compression(channels=385) == {"compression": 52785, "compression_opts": (1, 2, 385)}
    with pytest.raises(SpecError, match=r"delta\|zstd: the HDF5 filter has only copy, n1, n1_multi"):
        hdf5.compression("delta|zstd")
    with pytest.raises(SpecError, match="not 0"):
        hdf5.compression(channels=0)


def test_numbers_are_those_of_the_headers() -> None:
    header = (ROOT / "native/hdf5/filter.h").read_text()
    assert re.findall(r"N1C_HDF5_FILTER (\d+)", header) == [str(n1codec.hdf5.FILTER_ID)]
    names = re.search(r"enum \{ (N1C_CODEC_COPY.*) \};", (ROOT / "native/include/n1c/file.h").read_text())
    assert names and len(names[1].split(",")) == len(hdf5.CODECS)


def test_without_h5py_it_says_what_to_install(tmp_path: Path) -> None:
    code = "import sys; sys.modules['h5py'] = None; import n1codec.hdf5"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "UnavailableError: h5py is not installed (pip install 'n1codec[hdf5]')" in done.stderr


@pytest.mark.skipif(not shutil.which("nm") or sys.platform != "linux", reason="no nm here")
def test_the_plugin_shows_nothing_but_what_hdf5_looks_for() -> None:
    path = hdf5.plugin_folder() / "libn1c_hdf5.so"
    shown = subprocess.check_output(["nm", "-D", "--defined-only", path], text=True)
    assert sorted(line.split()[-1] for line in shown.splitlines()) == ["H5PLget_plugin_info", "H5PLget_plugin_type"]
    assert "H5" not in subprocess.check_output(["nm", "-D", "--undefined-only", path], text=True)


# -- programs that know of the plugin by HDF5_PLUGIN_PATH -------------------------------------------------------------


def call(*command: object) -> str:
    if not shutil.which(str(command[0])):
        pytest.skip(f"no {command[0]} here (Debian: hdf5-tools)")
    env = {**os.environ, "HDF5_PLUGIN_PATH": str(hdf5.plugin_folder())}
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, env=env, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("kind", ["<i2", ">f4"])
def test_tools_of_hdf5_read_what_h5py_wrote_and_the_other_way(kind: str, tmp_path: Path) -> None:
    x = walk(90, 4, kind)
    write(tmp_path / "a.h5", x, chunks=(40, 4))
    shown = call("h5dump", "-d", "x", "-y", "-w", "0", tmp_path / "a.h5")
    numbers = shown.split("DATA {")[1].split("}")[0].replace(",", " ").split()
    assert [float(n) for n in numbers] == x.ravel().tolist()
    for name, how in (("plain", "NONE"), ("coded", "UD=52785,0,0"), ("flat", "UD=52785,0,3,1,3,4")):
        call("h5repack", "-f", f"x:{how}", tmp_path / "a.h5", tmp_path / f"{name}.h5")
        call("h5diff", tmp_path / "a.h5", tmp_path / f"{name}.h5")
        assert (read(tmp_path / f"{name}.h5") == x).all()
    assert values(tmp_path / "coded.h5")[2:] == values(tmp_path / "a.h5")[2:]


def test_h5py_finds_the_plugin_by_the_environment(tmp_path: Path) -> None:
    write(tmp_path / "a.h5", walk(100, 3), chunks=(100, 3))
    code = "import h5py, sys; print(h5py.File(sys.argv[1])['x'][...].sum())"
    shown = call(sys.executable, "-c", code, tmp_path / "a.h5")
    assert int(shown) == walk(100, 3).sum()


@pytest.mark.slow
def test_pynwb(tmp_path: Path) -> None:
    pytest.importorskip("pynwb", reason="no pynwb here")
    from datetime import UTC, datetime

    from hdmf.backends.hdf5 import H5DataIO
    from pynwb import NWBHDF5IO, NWBFile, TimeSeries

    x = walk(3000, 8)
    file = NWBFile("a session", "n1codec", datetime(2026, 1, 1, tzinfo=UTC))
    with pytest.warns(UserWarning, match="may not be available"):
        data = H5DataIO(x, chunks=(1000, 8), allow_plugin_filters=True, **hdf5.compression())
    file.add_acquisition(TimeSeries(name="raw", data=data, unit="V", rate=30000.0))
    with NWBHDF5IO(tmp_path / "a.nwb", "w") as io:
        io.write(file)
    with NWBHDF5IO(tmp_path / "a.nwb", "r") as io:
        series = io.read().acquisition["raw"]
        assert (series.data[...] == x).all()
        assert series.data.id.get_create_plist().get_filter(0)[0] == hdf5.FILTER_ID


# -- files of old --------------- -------------------------------------------------------------------------------------


def golden() -> dict[str, tuple[np.ndarray, str]]:
    """Return the datasets of the golden file, with their codecs."""
    found = {kind: (walk(300, 4, kind), "n1_multi") for kind in KINDS}
    return found | {spec: (walk(300, 4), spec) for spec in hdf5.CODECS}


def write_missing() -> None:
    if GOLDEN_FILE.exists():
        return
    with h5py.File(GOLDEN_FILE, "w", libver="v110") as file:
        for name, (x, spec) in golden().items():
            file.create_dataset(name, data=x, chunks=(300, 4), **hdf5.compression(spec))


def test_golden_file() -> None:
    with h5py.File(GOLDEN_FILE) as file:
        assert set(file) == set(golden())
        for name, (x, _) in golden().items():
            assert file[name].dtype == x.dtype and (file[name][...] == x).all(), name
