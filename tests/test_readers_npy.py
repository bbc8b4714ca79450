""".npy files, as NumPy and others write them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from numpy.lib import format as npy_format
from recording_files import walks

from n1codec.recordings import UnknownFormat, npy, open_recording, open_source


def written(array: np.ndarray, version: tuple[int, int] | None = None) -> bytes:
    file = io.BytesIO()
    npy_format.write_array(file, array, version)
    return file.getvalue()


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(
    "dtype", ["int8", "uint8", "<i2", ">i2", "uint16", ">i4", "int64", "float32", ">f8", "float16"]
)
def test_arrays_are_read_in_place(tmp_path: Path, dtype: str, order: str, version: tuple[int, int]) -> None:
    samples = np.array(walks(300, 3) // 4, dtype, order=order)  # type: ignore[call-overload]
    path = tmp_path / "a.npy"
    path.write_bytes(written(samples, version) + b"more")
    source = open_source(path)
    found = source.stream()
    assert found.shape == (300, 3) and found.rate == 0 and found.dtype == samples.dtype.newbyteorder("=")
    assert np.array_equal(found.read(), samples) and np.array_equal(found[9:22, 1], samples[9:22, 1])
    (file,) = source.files
    assert bytes(file.prefix[:6]) == b"\x93NUMPY" and bytes(file.suffix) == b"more"
    assert bytes(file.prefix) + bytes(file.form.pack(found.read())) + b"more" == path.read_bytes()


def test_one_dimension_is_one_channel_and_the_name_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(written(np.arange(10.0)))
    assert np.array_equal(open_recording(path)[:, 0], np.arange(10.0))
    path.write_bytes(written(np.zeros((0, 3))))
    assert open_recording(path).shape == (0, 3)


def test_a_file_that_was_cut_off_has_what_is_there() -> None:
    samples = walks(100, 2)
    data = written(samples)
    found = npy.read(data[:-41])
    assert found.shape == (89, 2) and found.missing_frames == 11 and np.array_equal(found.read(), samples[:89])
    with pytest.raises(UnknownFormat, match="cut off"):
        npy.read(written(np.asfortranarray(samples))[:-41])


HEAD = b"\x93NUMPY\x01\x00"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (written(np.array([1, "a"], object)), "an array of object"),
        (written(np.zeros(5, [("a", "i2")])), "no samples"),
        (written(np.zeros(5, [("ä", "i2")]), (3, 0)), "no samples"),
        (written(np.zeros(5, "complex64")), "complex64"),
        (written(np.zeros(5, bool)), "bool"),
        (written(np.array("text")), "no samples"),
        (written(np.array(5)), r"shape \(\)"),
        (written(np.zeros((2, 2, 2))), r"shape \(2, 2, 2\)"),
        (written(np.zeros((5, 0))), r"shape \(5, 0\)"),
        (HEAD, "damaged"),
        (b"\x93NUMPY", "format"),
        (b"\x93NUMPY\x09\x00" + bytes(50), r"format 9\.0"),
        (HEAD + b"\x05\x00hello", "damaged"),
        (HEAD + b"\xff\x00" + b"(" * 255, "damaged"),
        (HEAD + b"\x3f\x00" + b"{'descr': '<i2', 'fortran_order': False, 'shape': (-1, 2), }   \n", "damaged"),
        (b"no array", "it is no .npy file"),
    ],
)  # fmt: skip
def test_what_is_no_array_of_samples_is_told(data: bytes, words: str) -> None:
    with pytest.raises(UnknownFormat, match=words):
        npy.read(data)


def test_nothing_in_a_file_is_run(tmp_path: Path) -> None:
    array = np.empty(1, object)
    array[0] = Trap(tmp_path / "run")
    with pytest.raises(UnknownFormat):
        npy.read(written(array))
    assert not (tmp_path / "run").exists()


class Trap:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> object:
        return Path.touch, (self.path,)
