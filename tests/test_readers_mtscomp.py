"""mtscomp's files, as their program writes them."""

from __future__ import annotations

import json
import pickle
import zlib
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from recording_files import spikeglx, walks

from n1codec.codec import FormatError
from n1codec.recordings import UnknownFormat, open_recording, open_source


def write(path: Path, samples: np.ndarray, length: int = 100, *, across: bool = False, order: str = "F") -> Path:
    """Write ``X.cbin`` and ``X.ch`` with chunks of some frames."""
    bounds = [*range(0, len(samples), length), len(samples)]
    pieces = []
    for start, stop in pairwise(bounds):
        x = samples[start:stop]
        x = np.diff(x, axis=0, prepend=np.zeros_like(x[:1]))
        if across:
            x = np.diff(x, axis=1, prepend=np.zeros_like(x[:, :1]))
        pieces.append(zlib.compress(x.tobytes(order)))  # type: ignore[arg-type]
    path.write_bytes(b"".join(pieces))
    offsets = [0, *np.cumsum([len(piece) for piece in pieces]).tolist()]
    about = {
        "algorithm": "zlib", "chunk_bounds": bounds, "chunk_offsets": offsets,
        "chunk_order": order, "do_spatial_diff": across, "do_time_diff": True, "dtype": samples.dtype.name,
        "n_channels": samples.shape[1], "sample_rate": 30000.0, "shape": samples.shape, "version": "1.0",
    }  # fmt: skip
    path.with_suffix(".ch").write_text(json.dumps(about))
    return path


def change(path: Path, **keys: object) -> None:
    about = json.loads(path.with_suffix(".ch").read_text())
    path.with_suffix(".ch").write_text(json.dumps(about | keys))


@pytest.mark.parametrize("across", [False, True])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["int16", "uint16", "int32"])
def test_chunks_are_read_as_they_are_needed(tmp_path: Path, dtype: str, order: str, across: bool) -> None:
    samples = (walks(1050, 4) * 200).astype(dtype)  # differences of neighbours do not fit 16 bits
    path = write(tmp_path / "a.cbin", samples, across=across, order=order)
    source = open_source(path)
    found = source.stream()
    assert found.shape == (1050, 4) and found.dtype == samples.dtype and found.rate == 30000
    assert np.array_equal(found.read(), samples) and np.array_equal(found[250:701, [3, 0]], samples[250:701, [3, 0]])
    assert np.array_equal(found[100:200], samples[100:200]) and found[5:5].shape == (0, 4)
    assert np.array_equal(np.concatenate(list(found.blocks())), samples)
    assert [(file.name, file.channels) for file in source.files] == [("a.cbin", 0), ("a.ch", 0)]
    assert bytes(source.files[0].suffix) == path.read_bytes()
    assert np.array_equal(pickle.loads(pickle.dumps(found)).read(), samples)


def test_a_meta_tells_about_the_channels(tmp_path: Path) -> None:
    samples = walks(150, 5)
    spikeglx(tmp_path / "a.ap.bin", samples).unlink()
    path = write(tmp_path / "a.ap.cbin", samples)
    source = open_source(path)
    assert [file.name for file in source.files] == ["a.ap.cbin", "a.ap.ch", "a.ap.meta"]
    assert source.stream().sync == (4,) and source.stream().gains is not None


def test_a_file_that_was_cut_off_has_its_whole_chunks(tmp_path: Path) -> None:
    samples = walks(350, 4)
    path = write(tmp_path / "a.cbin", samples)
    path.write_bytes(path.read_bytes()[:-1])
    found = open_recording(path)
    assert found.frames == 300 and found.missing_frames == 50 and np.array_equal(found.read(), samples[:300])


def test_damage_is_told(tmp_path: Path) -> None:
    samples = walks(350, 4)
    path = write(tmp_path / "a.cbin", samples)
    data = bytearray(path.read_bytes())
    data[5:30] = bytes(25)
    path.write_bytes(data)
    with pytest.raises(FormatError, match=r"a\.cbin: its chunk 0 is damaged"):
        open_recording(path).read()
    path.write_bytes(zlib.compress(bytes(10**6)))
    change(path, chunk_bounds=[0, 100], chunk_offsets=[0, path.stat().st_size])
    with pytest.raises(FormatError, match="chunk 0 is damaged"):
        open_recording(path).read()


@pytest.mark.parametrize(
    "keys",
    [
        {"algorithm": "lzma"}, {"dtype": "float32"}, {"dtype": "text"}, {"n_channels": 0}, {"sample_rate": -1},
        {"chunk_bounds": [0]}, {"chunk_bounds": [5, 100, 200]}, {"chunk_bounds": [0, 200, 100]}, {"chunk_bounds": None},
        {"chunk_offsets": [0, 0, 5]}, {"chunk_offsets": [-1, 2, 5]}, {"chunk_bounds": [0, 10**10, 10**11]},
    ],
)  # fmt: skip
def test_a_description_that_makes_no_sense_is_told(tmp_path: Path, keys: dict[str, object]) -> None:
    path = write(tmp_path / "a.cbin", walks(200, 4))
    change(path, **keys)
    with pytest.raises(UnknownFormat, match=r"a\.cbin: its \.ch"):
        open_source(path)


@pytest.mark.parametrize("text", ["", "[]", "{}"])
def test_a_damaged_description_is_told(tmp_path: Path, text: str) -> None:
    path = write(tmp_path / "a.cbin", walks(200, 4))
    path.with_suffix(".ch").write_text(text)
    with pytest.raises(UnknownFormat, match=r"its \.ch is damaged"):
        open_source(path)
    path.with_suffix(".ch").unlink()
    with pytest.raises(UnknownFormat, match="no reader understands it"):
        open_source(path)
