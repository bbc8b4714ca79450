"""Sources of every format go through a .n1c file and come back: each file, each byte, by the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, signal
from recording_files import NEUROPIXELS_2, OPEN_EPHYS, open_ephys, spikeglx, walks

import n1codec
from n1codec.codec import CodecError
from n1codec.container.convert import decode_file, encode_file
from n1codec.recordings import open_recording, open_source, wav

Run = Callable[..., subprocess.CompletedProcess[str]]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def npy(path: Path, x: np.ndarray) -> None:
    np.save(path, x, allow_pickle=False)


WRITERS: dict[str, Callable[[Path], object]] = {
    "a.wav": lambda path: path.write_bytes(wav.write(signal(3000, 3), 24000)),
    "a.ap.bin": lambda path: spikeglx(path, walks(900, 9)),
    "a.npy": lambda path: npy(path, walks(500, 5)),
    "f.npy": lambda path: npy(path, np.asfortranarray(walks(500, 5))),
    "big.npy": lambda path: npy(path, walks(500, 5).astype(">i4")),
    "floats.npy": lambda path: npy(path, walks(500, 2) / np.float32(3)),
    "one.npy": lambda path: npy(path, walks(500, 1)[:, 0]),
    "none.npy": lambda path: npy(path, np.zeros((0, 3), np.int16)),
    "text": lambda path: path.write_text("no recording"),
    "nothing": lambda path: path.write_bytes(b""),
}


@pytest.mark.parametrize("codec", [[], ["--codec", "delta|zstd:level=3"]], ids=["auto", "named"])
@pytest.mark.parametrize("name", WRITERS)
def test_a_file_comes_back_with_what_belongs_to_it(run: Run, name: str, codec: list[str], tmp_path: Path) -> None:
    there, back = tmp_path / "there", tmp_path / "back"
    there.mkdir()
    back.mkdir()
    WRITERS[name](there / name)
    done = run("encode", there / name, tmp_path / "a.n1c", *codec)
    assert done.returncode == 0, done.stderr
    assert run("decode", tmp_path / "a.n1c", back / name).returncode == 0
    assert contents(back) == contents(there)
    assert run("n1codec", "verify", tmp_path / "a.n1c").returncode == 0
    (about,) = json.loads(run("n1codec", "info", "--json", tmp_path / "a.n1c").stdout)
    assert about["original_bytes"] == sum(map(len, contents(there).values()))
    if name not in ("text", "nothing"):
        np.testing.assert_array_equal(n1codec.open(tmp_path / "a.n1c")[:], open_recording(there / name)[:])


def test_the_batch_keeps_what_belongs_together(run: Run, tmp_path: Path) -> None:
    there = tmp_path / "there"
    for name, write in WRITERS.items():
        (there / "files").mkdir(parents=True, exist_ok=True)
        write(there / "files" / name)
    (there / "files" / "flat.dat").write_bytes(walks(300, 4).tobytes())
    (there / "files" / "flat.dat.json").write_text('{"channels": 4, "rate": 1000}')
    done = run("encode", "--out-dir", tmp_path / "packed", "--jobs", "2", there / "files")
    assert done.returncode == 0, done.stderr
    names = {path.name for path in (tmp_path / "packed").iterdir()}
    assert names == {f"{name}.n1c" for name in (*WRITERS, "flat.dat")}
    assert n1codec.open(tmp_path / "packed" / "flat.dat.n1c").rate == 1000
    assert run("decode", "--out-dir", tmp_path / "back", "--jobs", "2", tmp_path / "packed").returncode == 0
    assert contents(tmp_path / "back") == contents(there / "files")


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "run_g0"
    spikeglx(folder / "run_g0_imec0" / "run_g0_t0.imec0.ap.bin", walks(900, 9))
    spikeglx(folder / "run_g0_imec0" / "run_g0_t0.imec0.lf.bin", walks(75, 9), imSampRate=2500, snsApLfSy="0,8,1")
    (folder / "notes.txt").write_text("a good day")
    (folder / ".hidden").write_bytes(b"")
    return folder


@pytest.fixture
def record_node(tmp_path: Path) -> Path:
    folder = tmp_path / "Record Node 101"
    open_ephys(folder / "experiment1" / "recording1", {"Probe-AP": walks(1200, 5)})
    (folder / "settings.xml").write_text("<SETTINGS/>")
    np.save(folder / "experiment1" / "recording1" / "words.npy", np.array(["one", "two"]))
    return folder


@pytest.mark.parametrize("kind", ["run_folder", "record_node"])
def test_a_folder_that_is_one_recording_comes_back(
    run: Run, kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    folder: Path = request.getfixturevalue(kind)
    done = run("encode", folder, tmp_path / "a.n1c")
    assert done.returncode == 0, done.stderr
    assert run("decode", tmp_path / "a.n1c", tmp_path / "back").returncode == 0
    assert contents(tmp_path / "back") == contents(folder)
    assert run("n1codec", "export", tmp_path / "a.n1c", tmp_path / "exported").returncode == 0
    assert contents(tmp_path / "exported" / folder.name) == contents(folder)
    assert run("encode", "--out-dir", tmp_path / "packed", folder).returncode == 0
    assert [path.name for path in (tmp_path / "packed").iterdir()] == [f"{folder.name}.n1c"]
    for name, stream in open_source(folder).streams.items():
        if not stream.auxiliary:
            found = n1codec.open(tmp_path / "a.n1c", stream=name)
            np.testing.assert_array_equal(found[:], stream[:])
            assert (found.rate, found.channel_names, found.sync) == (stream.rate, stream.channel_names, stream.sync)
            np.testing.assert_array_equal(found.gains, stream.gains)
    done = run("decode", tmp_path / "a.n1c", tmp_path / "back")
    assert done.returncode == 1 and "it exists" in done.stderr and done.stderr.count("\n") == 1
    done = run("encode", folder, tmp_path / "b.n1c", "--delete-original")
    assert done.returncode == 0 and not folder.exists()


def test_several_streams_and_none_named_are_listed(run_folder: Path, tmp_path: Path) -> None:
    encode_file(run_folder, tmp_path / "a.n1c")
    with pytest.raises(CodecError, match=r"several streams: imec0\.ap, imec0\.lf"):
        n1codec.open(tmp_path / "a.n1c")


def test_what_cannot_be_written_beside_is_said(tmp_path: Path) -> None:
    spikeglx(tmp_path / "a.ap.bin", walks(100, 9))
    encode_file(tmp_path / "a.ap.bin", tmp_path / "a.n1c")
    command = [sys.executable, ROOT / "decode.py", tmp_path / "a.n1c", "-"]
    piped = subprocess.run(command, capture_output=True)
    assert (piped.returncode, piped.stdout) == (0, (tmp_path / "a.ap.bin").read_bytes())
    assert piped.stderr == b"decode: -: a.ap.meta is not written\n"
    decode_file(tmp_path / "a.n1c", tmp_path / "other.name.bin")
    assert (tmp_path / "other.name.meta").read_bytes() == (tmp_path / "a.ap.meta").read_bytes()


def test_one_channel_files_become_one_recording(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    x = signal(2000, 3)
    for channel in range(3):
        (folder / f"{channel}.wav").write_bytes(wav.write(x[: 2000 - channel, channel], 20000))
    done = run("encode", "--group", "all", folder, tmp_path / "a.n1c")
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(n1codec.open(tmp_path / "a.n1c")[:], x[:1998])
    assert run("decode", tmp_path / "a.n1c", tmp_path / "back").returncode == 0
    assert contents(tmp_path / "back") == contents(folder)
    done = run("encode", "--group", "auto", "--out-dir", tmp_path / "packed", folder)
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "packed").iterdir())) == 3


def test_real_recordings(tmp_path: Path) -> None:
    if not NEUROPIXELS_2.is_dir():
        pytest.skip("no real recordings here")
    for number, folder in enumerate((NEUROPIXELS_2, OPEN_EPHYS)):
        done = encode_file(folder, tmp_path / f"{number}.n1c", jobs=2)
        assert done.source_bytes / done.packed_bytes > (2.4, 5.4)[number]
        decode_file(tmp_path / f"{number}.n1c", tmp_path / str(number), jobs=2)
        assert contents(tmp_path / str(number)) == contents(folder)
