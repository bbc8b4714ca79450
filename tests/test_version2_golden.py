"""Golden files of format version 2 decode for ever, each into all of its files."""

from __future__ import annotations

import json
from pathlib import Path

import format_reference
import numpy as np
import pytest
from test_version2_forged import files_of

import n1codec
from n1codec.container import Archive, encode_file, packing
from n1codec.container.access import Memory

GOLDEN = Path(__file__).parent / "golden" / "version2"
CODECS = {
    "folder": "n1",
    "bin-and-meta": "remap|delta|rice",
    "order-f": "delta|zlib",
    "text": "copy",
    "written-on": "delta|bz2",
}
"""The codec of each golden file."""


def samples(frames: int, channels: int) -> np.ndarray:
    """Return int16 samples of shape (frames, channels), by integer arithmetic alone."""
    n = np.arange(frames, dtype=np.int64)[:, None]
    c = np.arange(channels, dtype=np.int64)
    noise = ((n * n * 1103515245 + n * (12345 + c)) >> 7) % 61
    return (noise - 30 + 40 * ((n // 25 + c) % 9)).astype("<i2")


def sources() -> dict[str, dict[str, bytes]]:
    """Return the files of each golden file by name; the first is the one that is named, or a folder holds them all."""
    streams = [
        {"folder_name": f"{name}/", "sample_rate": rate, "num_channels": channels,
         "channels": [{"channel_name": f"CH{n}", "bit_volts": 0.195} for n in range(channels)]}
        for name, rate, channels in (("ap", 30000.0, 3), ("lf", 2500.0, 2))
    ]  # fmt: skip
    header = "{'descr': '>i4', 'fortran_order': True, 'shape': (60, 3), }"
    npy = b"\x93NUMPY\x01\0" + (118).to_bytes(2, "little") + header.ljust(117).encode() + b"\n"
    meta = "typeThis=imec\nnSavedChans=4\nimSampRate=30000.5\nfileSizeBytes=1200\nsnsApLfSy=3,0,1\nacqApLfSy=3,0,1\n"
    return {
        "folder": {
            "structure.oebin": json.dumps({"GUI version": "0.6.0", "continuous": streams}).encode(),
            "continuous/ap/continuous.dat": samples(150, 3).tobytes(),
            "continuous/lf/continuous.dat": samples(40, 2).tobytes(),
        },
        "bin-and-meta": {"run.ap.bin": samples(150, 4).tobytes(), "run.ap.meta": meta.encode()},
        "order-f": {"f.npy": npy + (samples(60, 3).astype(">i4") * 70000).T.tobytes() + b"behind"},
        "text": {"notes.txt": b"no recording at all\n" * 50},
        "written-on": {"": samples(200, 3).tobytes()},
    }


def write_missing(folder: Path) -> None:
    """Write the golden files that are missing, in chunks of a few hundred bytes."""
    packing.CHUNK_BYTES, packing._SHORTEST = 600, 0
    for kind, files in sources().items():
        target = GOLDEN / f"{kind}~{CODECS[kind].replace('|', '+')}~v2.n1c"
        if target.exists():
            continue
        if kind == "written-on":
            x = np.frombuffer(files[""], "<i2").reshape(-1, 3)
            with n1codec.create(target, 3, rate=1000.5, spec=CODECS[kind], channel_names=["a", "b", "c"]) as new:
                new.write(x[:130])
            with n1codec.append(target) as more:
                more.write(x[130:])
            continue
        for name, data in files.items():
            path = folder / kind / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        encode_file(folder / kind if kind == "folder" else folder / kind / next(iter(files)), target, CODECS[kind])


PATHS = sorted(GOLDEN.glob("*.n1c"))


def test_there_is_one_of_each_kind() -> None:
    """Whoever adds a kind runs tests/make_golden.py and commits what it writes."""
    assert [path.name.split("~")[0] for path in PATHS] == sorted(sources()) == sorted(CODECS)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_golden_files_of_version_2_decode_for_ever(path: Path) -> None:
    blob, files = path.read_bytes(), sources()[path.name.split("~")[0]]
    archive = Archive(Memory(blob))
    names = [file.name for file in archive.head.files] or [""]
    assert archive.version == 2
    assert dict(zip(names, files_of(blob), strict=True)) == files
    assert max(map(len, archive.spans)) > 1
    if "n1" not in archive.head.streams[0].groups[0].spec:
        _, values, _, made = format_reference.read_chunks(blob)
        assert made == [files[name] for name in names] if made else len(values[0]) == 600


def test_what_golden_files_say_of_their_channels() -> None:
    found = {path.name.split("~")[0]: Archive(Memory(path.read_bytes())).streams for path in PATHS}
    (ap, lf) = found["folder"].values()
    assert (ap.rate, ap.channels, ap.channel_names) == (30000, 3, ("CH0", "CH1", "CH2"))
    assert (lf.rate, lf.frames) == (2500, 40)
    assert ap.gains is not None and ap.gains.tolist() == [0.195] * 3
    (recorded,) = found["written-on"].values()
    assert (recorded.rate, recorded.channel_names) == (1000.5, ("a", "b", "c"))
    assert found["bin-and-meta"][""].sync == (3,)
