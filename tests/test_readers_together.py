"""Files of one channel each, taken together as one recording."""

from __future__ import annotations

import pickle
import resource
from pathlib import Path

import numpy as np
import pytest
from recording_files import walks

from n1codec import files
from n1codec.analysis import grouping
from n1codec.codec import CodecError
from n1codec.recordings import Flat, Place, Source, open_recording, open_source, wav
from n1codec.recordings.together import group


def sources(folder: Path, *signals: np.ndarray, rate: int = 20000) -> list[Source]:
    for number, signal in enumerate(signals):
        (folder / f"{number}.wav").write_bytes(wav.write(signal, rate))
    return [open_source(folder / f"{number}.wav") for number in range(len(signals))]


def test_files_become_channels_and_come_back_byte_for_byte(tmp_path: Path) -> None:
    samples = walks(500, 3)
    made = group(sources(tmp_path, samples[:, 0], np.append(samples[:, 1], samples[:2, 1]), samples[:, 2]), "all")
    found = made.stream()
    assert made.folder and made.name == "all" and found.shape == (500, 3) and found.rate == 20000
    assert np.array_equal(found.read(), samples) and found.channel_names == ("0", "1", "2")
    assert np.array_equal(found[100:200, [2, 0]], samples[100:200, [2, 0]]) and np.array_equal(found[5], samples[5])
    assert np.array_equal(found.read(channels=1), samples[:, 1:2]) and found.read(channels=[]).shape == (500, 0)
    with pytest.raises(IndexError):
        found.read(channels=3)
    for number, file in enumerate(made.files):
        assert (file.first_channel, file.channels, file.stream) == (number, 1, "")
        whole = bytes(file.prefix) + bytes(file.form.pack(found.read(channels=number))) + bytes(file.suffix)
        assert whole == (tmp_path / file.name).read_bytes()
    again = pickle.loads(pickle.dumps(found))
    assert np.array_equal(again.read(), samples)
    found.release()


def test_files_that_do_not_belong_together_are_told(tmp_path: Path) -> None:
    x = walks(500, 2)
    one, two = sources(tmp_path, x[:, 0], x[:450, 1])
    with pytest.raises(CodecError, match=r"0\.wav: .* together with 1\.wav: they have 500 frames and 450"):
        group([one, two], "all")
    (slow,) = sources(tmp_path, x[:, 0], rate=10000)
    with pytest.raises(CodecError, match="10000 frames a second and 20000"):
        group([one, slow], "all")
    (wide,) = sources(tmp_path, x[:, 0].astype(np.int32))
    with pytest.raises(CodecError, match="samples of int32 and of int16"):
        group([one, wide], "all")
    with pytest.raises(CodecError, match="two files of that name"):
        group([one, one], "all")
    (several,) = sources(tmp_path, x)
    with pytest.raises(CodecError, match="it has 2 channels"):
        group([one, several], "all")
    with pytest.raises(CodecError, match="no recordings"):
        group([], "all")


def test_sidecars_travel_along(tmp_path: Path) -> None:
    x = walks(500, 2)
    for number in (0, 1):
        (tmp_path / f"{number}.bin").write_bytes(x[:, number].tobytes())
        (tmp_path / f"{number}.bin.json").write_text('{"channels": 1, "rate": 10}')
    made = group([open_source(tmp_path / f"{number}.bin") for number in (0, 1)], "all")
    assert [file.name for file in made.files] == ["0.bin", "0.bin.json", "1.bin", "1.bin.json"]
    assert np.array_equal(made.stream().read(), x)


def test_simultaneous_files_are_found_by_their_samples(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    common = rng.normal(0, 50, 5000)
    pair = [(common + rng.normal(0, 50, 5000)).astype(np.int16) for _ in range(2)]
    alone = rng.normal(0, 50, 5000).astype(np.int16)
    longer = (np.append(common, 0) + rng.normal(0, 5, 5001)).astype(np.int16)
    opened = sources(tmp_path, pair[0], alone, longer, pair[1])
    several, text = tmp_path / "several.bin", tmp_path / "text"
    several.write_bytes(walks(5000, 2).tobytes())
    text.write_text("no samples")
    places = [Place(tmp_path / f"{number}.wav", select=(0,)) for number in range(len(opened))]
    others = [Place(several, flat=Flat(2)), Place(text)]
    found = grouping.auto_places([*places, *others])
    assert [place.path.name for place in found] == ["0+1", "1.wav", "2.wav", "several.bin", "text"]
    assert found[1:] == [places[1], places[2], *others]
    both = found[0]._replace(select=(1, 0))
    recording = open_recording(both)
    assert np.array_equal(recording.read(), np.stack(pair[::-1], 1)) and recording.name == "0+1"
    assert np.array_equal(pickle.loads(pickle.dumps(recording)).read(), recording.read())
    assert [file.name for file in open_source(both).files] == ["0.wav", "3.wav"]
    grouped = grouping.auto(opened)
    assert [source.name for source in grouped] == ["0+1", "1.wav", "2.wav"] and grouped[1] is opened[1]
    assert np.array_equal(grouped[0].stream().read(), np.stack(pair, 1))
    assert grouping.auto([]) == [] and grouping.auto_places([]) == []


def test_more_files_than_a_process_may_open_at_first(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    few = len(list(Path("/dev/fd").iterdir())) + 20
    if few + 20 > before[1]:
        pytest.skip("no more files may be opened here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (few, before[1]))
    try:
        views = [files.view(path) for _ in range(40)]
        assert all(bytes(view) == b"x" for view in views)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
