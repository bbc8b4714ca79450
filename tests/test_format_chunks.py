"""docs/format.md, version 2: a reader that was written from it reads what the program writes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import format_reference
import numpy as np
import pytest
from conftest import signal
from recording_files import open_ephys, spikeglx, walks

import n1codec
from n1codec.container import access, encode_file, packing
from n1codec.recordings import Flat, Place, wav
from n1codec.recordings.samples import Form


def folder(at: Path) -> Path:
    return open_ephys(at / "run", {"ap": walks(90, 3), "lf": walks(40, 2, 2)})


def bin_and_meta(at: Path) -> Path:
    return spikeglx(at / "run.ap.bin", walks(120, 5))


def order_f(at: Path) -> Path:
    np.save(at / "f.npy", np.asfortranarray(walks(80, 4).astype(">i4") * 77))
    with (at / "f.npy").open("ab") as file:
        file.write(b"behind")
    return at / "f.npy"


def floats(at: Path) -> Path:
    np.save(at / "x.npy", walks(60, 3).astype(">f4") / 7)
    return at / "x.npy"


def one_axis(at: Path) -> Path:
    np.save(at / "x.npy", walks(300, 1)[:, 0])
    return at / "x.npy"


def deep_wav(at: Path) -> Path:
    deep = Form("int24").pack(signal(700, 2).astype(np.int32) * 200).tobytes()
    (at / "deep.wav").write_bytes(wav.header(700, 2, 48_000, 24) + deep + b"LIST\x04\0\0\0abcd")
    return at / "deep.wav"


def bare(at: Path) -> Place:
    (at / "x.raw").write_bytes(b"head" + walks(333, 2).astype(">i2").tobytes() + b"x")
    return Place(at / "x.raw", flat=Flat(2, ">i2", 999.5, offset=4))


def text(at: Path) -> Path:
    (at / "x.txt").write_bytes(b"no recording at all\n" * 500)
    return at / "x.txt"


SOURCES = [folder, bin_and_meta, order_f, floats, one_axis, deep_wav, bare, text]


@pytest.mark.parametrize("spec", ["delta|zstd", "remap|delta|rice", "planes|zlib"])
@pytest.mark.parametrize("source", SOURCES)
def test_the_reference_reads_files_of_chunks(
    source: Callable[[Path], Path | Place], spec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "CHUNK_BYTES", 400)
    monkeypatch.setattr(packing, "_SHORTEST", 0)
    place = source(tmp_path)
    path = place.path if isinstance(place, Place) else place
    target = tmp_path / "x.n1c"
    encode_file(place, target, spec)
    blob = target.read_bytes()
    assert blob[3] == 2
    archive = n1codec.container.Archive(access(target))
    assert max(len(spans) for spans in archive.spans) > 1
    streams, values, files, made = format_reference.read_chunks(blob)
    for file, data in zip(files, made, strict=True):
        original = path / file.name if path.is_dir() else path.with_name(file.name)
        assert data == original.read_bytes()
    assert len(files) == (sum(one.is_file() for one in path.rglob("*")) if path.is_dir() else len(archive.head.files))
    for stream, x in zip(streams, values, strict=True):
        found = archive.streams[stream.name]
        assert (stream.channels, stream.rate) == (found.channels, found.rate) or not found.rate
        assert found.read().ravel().tolist() == x
        if stream.about:
            assert set(stream.about) <= {"channel_names", "gains", "offsets", "geometry", "converters", "sync"}


def test_the_reference_reads_files_that_were_written_on(tmp_path: Path) -> None:
    path, x = tmp_path / "x.n1c", walks(700, 3)
    with n1codec.create(
        path, 3, rate=30_000.25, spec="delta|zstd", channel_names=["a", "b", "c"], gains=[1, 2, 3]
    ) as new:
        new.write(x[:100])
        new.flush()
        new.write(x[100:220])
    for start in (220, 500):
        with n1codec.append(path) as more:
            more.write(x[start : start + 280])
    (stream,), (values,), files, _ = format_reference.read_chunks(path.read_bytes())
    assert values == x.ravel().tolist()
    assert not files
    assert (stream.rate, stream.about) == (30_000.25, {"channel_names": ["a", "b", "c"], "gains": [1, 2, 3]})
