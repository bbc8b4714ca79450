"""Flat binary files: what describes them, what is read, and which channel counts are doubted."""

from __future__ import annotations

import json
import pickle
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from recording_files import NEUROPIXELS_2, OPEN_EPHYS, TETRODE, walks

from n1codec.codec import CodecError
from n1codec.datasets import dataset
from n1codec.recordings import Flat, Place, UnknownFormat, flat, open_recording, open_source
from n1codec.recordings.samples import Form

DTYPES = ["int8", "uint8", "int16", "uint16", "int32", "int64", "uint64", "float32", "float64", ">i2", ">f4", "<u2"]


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_what_is_described_is_read(tmp_path: Path, dtype: str, order: str) -> None:
    samples = (walks(500, 3) // 4).astype(np.dtype(dtype))
    path = tmp_path / "a.dat"
    path.write_bytes(b"head" + samples.tobytes(order) + b"x")  # type: ignore[arg-type]
    place = Place(path, flat=Flat(3, dtype, 25000, order, 4))
    found = open_recording(place)
    assert (found.shape, found.rate, found.name) == ((500, 3), 25000.0, "a.dat")
    assert found.dtype == samples.dtype.newbyteorder("=") and np.array_equal(found.read(), samples)
    assert np.array_equal(found[77:99, [2, 0]], samples[77:99, [2, 0]])
    (file,) = open_source(place).files
    assert bytes(file.prefix) == b"head" and bytes(file.suffix)[-1:] == b"x"
    assert bytes(file.prefix) + bytes(file.form.pack(found.read())) + bytes(file.suffix) == path.read_bytes()


@pytest.mark.parametrize("name", ["int24", ">int24", "<i3"])
def test_samples_of_three_bytes(tmp_path: Path, name: str) -> None:
    samples = walks(50, 2).astype(np.int32) * 300
    packed = bytes(Form("int24", name[0] == ">").pack(samples))
    found = flat.read(packed, "a", Flat(2, name))
    assert found.bits == 24 and np.array_equal(found.read(), samples)


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_partial_frame_at_the_end_is_kept_as_bytes(order: str) -> None:
    data = np.arange(10, dtype="<i2").tobytes()
    found = flat.read(data, "a", Flat(3, order=order))
    expected = np.arange(9).reshape(3, 3)
    assert np.array_equal(found.read(), expected if order == "C" else expected.T)
    assert found.end == 18 and found.missing_frames == 0


def test_a_sidecar_describes_a_file_and_travels_with_it(tmp_path: Path) -> None:
    samples = walks(100, 5)
    path = tmp_path / "a.bin"
    path.write_bytes(samples.tobytes())
    sidecar = tmp_path / "a.bin.json"
    sidecar.write_text(json.dumps({"channels": 5, "rate": 12500.5}))
    source = open_source(path)
    assert source.stream().shape == (100, 5) and source.stream().rate == 12500.5 and not source.folder
    assert [file.name for file in source.files] == ["a.bin", "a.bin.json"]
    assert bytes(source.files[1].suffix) == sidecar.read_bytes() and source.files[1].channels == 0
    said = open_source(Place(path, flat=Flat(2)))
    assert said.stream().channels == 2, "what the user says goes before the sidecar"
    assert len(said.files) == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"channels": "5"}', 'channels cannot be "5"'),
        ('{"channels": true}', "channels cannot be true"),
        ('{"channels": 5, "type": "int16"}', "'type' is not known"),
        ('{"channels": 5, "dtype": "text"}', "dtype 'text'"),
        ('{"channels": 5, "dtype": "complex64"}', "dtype 'complex64'"),
        ('{"channels": 5, "order": "A"}', "order 'A'"),
        ('{"channels": 0}', "0 channels are too few"),
        ('{"channels": 5, "rate": -1}', "rate of -1"),
        ('{"channels": 5, "offset": 101}', "has 100 bytes"),
    ],
)
def test_a_description_that_makes_no_sense_is_told(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(bytes(100))
    (tmp_path / "a.bin.json").write_text(text)
    with pytest.raises(CodecError) as error:
        open_source(path)
    assert words in str(error.value) and "a.bin" in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("text", ['{"shape": [1]}', "[5]", "channels", '"channels"', ""])
def test_json_that_speaks_of_something_else_is_no_sidecar(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(bytes(100))
    (tmp_path / "a.bin.json").write_text(text)
    with pytest.raises(UnknownFormat, match=r"a\.bin: .*--channels, --dtype and --rate, or a sidecar a\.bin\.json"):
        open_source(path)


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_recording_larger_than_memory_is_read_where_it_is(tmp_path: Path, order: str) -> None:
    path = tmp_path / "sparse.bin"
    frames, channels = 40_000_000, 256  # 40 GB of int32
    with path.open("wb") as file:
        file.truncate(frames * channels * 4)
        last = (frames * channels - 1) * 4
        file.seek(last)
        file.write(np.array([77], ">i4").tobytes())
    found = open_recording(Place(path, flat=Flat(channels, ">i4", order=order)))
    assert found.shape == (frames, channels)
    tail = found[-3:]
    assert tail[-1, -1] == 77 and not tail[:-1].any()


def test_selected_channels_and_other_processes(tmp_path: Path) -> None:
    samples = walks(100, 5)
    path = tmp_path / "a.bin"
    path.write_bytes(samples.tobytes())
    found = open_recording(Place(path, flat=Flat(5), select=(4, 1)))
    assert found.shape == (100, 2) and found.channel_names == ("4", "1")
    assert np.array_equal(found.read(), samples[:, [4, 1]]) and np.array_equal(found[:, 1], samples[:, 1])
    found.release()
    again = pickle.loads(pickle.dumps(found))
    assert np.array_equal(again.read(), found.read()) and again.channel_names == found.channel_names
    for wrong, words in (((5,), "no channel 5"), ((-1,), "no channel -1"), ((), "no channel is selected")):
        with pytest.raises(CodecError, match=words):
            open_recording(Place(path, flat=Flat(5), select=wrong))
    with pytest.raises(TypeError, match="it is in memory"):
        pickle.dumps(flat.read(b"", "a", Flat(1)))


# -- channel counts that may be wrong --------------------------------------------------------------------------------


def doubts(samples: np.ndarray, stated: int) -> int | None:
    return flat.likely_channels(flat.read(samples.tobytes(), "a", Flat(stated)))


@pytest.mark.parametrize("channels", [1, 2, 4, 17, 64])
def test_a_wrong_channel_count_is_doubted_and_the_right_one_is_not(channels: int) -> None:
    samples = walks(40000 // channels + 2000, channels)
    assert doubts(samples, channels) is None
    for wrong in {channels + 1, 2 * channels, 3 * channels, 385}:
        assert doubts(samples, wrong) == channels
    if channels > 2:
        assert doubts(samples, channels - 1) == channels and doubts(samples, 1) == channels


def test_noise_and_too_little_are_not_doubted() -> None:
    noise = np.random.default_rng(1).normal(0, 50, (5000, 16)).astype(np.int16)
    assert [doubts(noise, stated) for stated in (1, 2, 8, 16, 17)] == [None] * 5
    assert doubts(noise[:0], 3) is None and doubts(noise[:1], 3) is None
    assert doubts(np.zeros((1000, 8), np.int16), 8) is None and doubts(np.zeros((1000, 8), np.int16), 7) is None
    assert flat.likely_channels(flat.read(walks(4000, 4).tobytes(), "a", Flat(8, order="F"))) is None


def test_common_noise_is_no_reason_to_doubt_the_right_count() -> None:
    rng = np.random.default_rng(1)
    common = rng.normal(0, 300, (5000, 1))
    samples = (walks(5000, 32) + common).astype(np.int16)
    assert doubts(samples, 32) is None and doubts(samples, 31) is not None
    white = (common + rng.normal(0, 30, (5000, 32))).astype(np.int16)  # nothing in it tells of time
    assert doubts(white, 32) is None


def test_a_doubt_is_one_line_for_the_user(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(walks(4000, 6).tobytes())
    lines: list[str] = []
    for stated in (6, 5):
        dataset.resolve(path, say=lines.append, reading=dataset.Reading("", Flat(stated), None))
    assert lines == ["a.bin: it looks as if it had 6 channels, not 5 (is --channels right?)"]
    np.save(tmp_path / "a.npy", walks(4000, 6).reshape(-1, 5))
    assert flat.doubt(open_recording(tmp_path / "a.npy")) == "", "it says itself what it holds"


@pytest.mark.parametrize(
    ("path", "channels"),
    [
        (NEUROPIXELS_2 / "run-001_g0/run-001_g0_imec0/run-001_g0_t0.imec0.ap.bin", 385),
        (OPEN_EPHYS / "experiment1/recording1/continuous/Neuropix-PXI-100.ProbeA-AP/continuous.dat", 385),
        (TETRODE, 4),
    ],
)
def test_counts_of_real_recordings(path: Path, channels: int) -> None:
    if not path.exists():
        pytest.skip("the real recordings are not here")
    samples = np.fromfile(path, np.int16)
    assert doubts(samples, channels) is None
    for wrong in (1, 2, 3, 8, 16, 24, 64, 384, 386, 770):
        assert doubts(samples, wrong) == channels, wrong


def test_what_may_be_said_on_the_command_line(
    tmp_path: Path, run: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    samples = walks(50, 2).astype(np.int32)
    source, packed, back = (tmp_path / name for name in ("a.bin", "a.n1c", "b.bin"))
    source.write_bytes(Form("int24", big_endian=True).pack(samples))
    options = ["--channels", "2", "--order", "c", "--dtype"]
    done = run("n1codec", "encode", source, packed, "zstd", *options, ">int24")
    assert done.returncode == 0 and np.array_equal(open_recording(packed).read(), samples)
    assert run("n1codec", "decode", packed, back).returncode == 0 and back.read_bytes() == source.read_bytes()
    wrong = run("n1codec", "encode", source, packed, "zstd", *options, "text")
    assert wrong.returncode == 2 and "the dtype 'text' is none of samples" in wrong.stderr
