"""Files that describe recordings, damaged at random: they are read, or refused in one line."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest
from recording_files import open_ephys, spikeglx, walks
from test_readers_mtscomp import write as mtscomp
from test_readers_openephys import SETTINGS, probe

from n1codec.codec import CodecError
from n1codec.recordings import Source, open_source

WORDS = (
    b"-1",
    b"0",
    b"9" * 21,
    b"1e400",
    b"nan",
    b"inf",
    b"null",
    b"[]",
    b"{}",
    b"(",
    b")",
    b'"',
    b",",
    b":",
    b"\xff",
    b"",
)
TABLES = {
    "~imroTbl": "(24,3)(0 2 0 0 96)(1 2 0 0 97)(2 2 0 0 98)", "~muxTbl": "(2,2)(1 0)(3 2)", "imDatPrb_type": 24,
    "~snsGeomMap": "(NP2010,4,250,70)(0:27:0:1)(1:27:15:1)(2:59:30:1)",
    "~snsChanMap": "(3,0,1)(AP0;0:0)(AP1;1:1)(AP2;2:2)(SY0;768:3)",
}  # fmt: skip


def damaged(data: bytes, rng: random.Random) -> bytes:
    """Return bytes of which a few were replaced, removed or put in."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5))):
        at, length = rng.randrange(len(out) + 1), rng.choice((0, 1, 1, 2, 10))
        out[at : at + length] = rng.choice(WORDS) if rng.random() < 0.6 else rng.randbytes(2)
    return bytes(out)


def look_through(source: Source) -> None:
    for one in source.streams.values():
        assert one.read().shape == one.shape
        assert len(one.channel_names) == one.channels
        assert one.gains is None or (one.gains.shape == (one.channels,) and np.isfinite(one.gains).all())
        assert one.geometry is None or one.geometry.shape == (one.channels, 2)
        assert one.converters is None or one.converters.shape == (one.channels,)
    for file in source.files:
        samples = source.streams[file.stream].read() if file.channels else np.zeros((0, 1), np.int16)
        assert bytes(file.prefix) + bytes(file.form.pack(samples)) + bytes(file.suffix) == bytes(file.data)


def places(folder: Path) -> dict[str, tuple[Path, Path]]:
    """Write recordings, and return what to open with the file to damage, by a name."""
    samples = walks(60, 4)
    meta = spikeglx(folder / "g" / "r_g0_t0.imec0.ap.bin", samples, **TABLES).with_suffix(".meta")
    recording = open_ephys(folder / "o" / "experiment1" / "recording1", {"P": samples}, names=["a", "b", "c", "SYNC"])
    (folder / "o" / "settings.xml").write_text(SETTINGS.format(probe(32, 3)))
    compressed = mtscomp(folder / "a.cbin", samples, 20)
    np.save(folder / "a.npy", samples)
    (folder / "a.bin").write_bytes(samples.tobytes())
    sidecar = folder / "a.bin.json"
    sidecar.write_text(json.dumps({"channels": 4, "dtype": "<i2", "rate": 3.5, "order": "F", "offset": 2}))
    return {
        "meta": (folder / "g", meta), "oebin": (folder / "o", recording / "structure.oebin"),
        "xml": (folder / "o", folder / "o" / "settings.xml"), "ch": (compressed, compressed.with_suffix(".ch")),
        "cbin": (compressed, compressed), "npy": (folder / "a.npy", folder / "a.npy"),
        "json": (folder / "a.bin", sidecar),
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["meta", "oebin", "xml", "ch", "cbin", "npy", "json"])
def test_damaged_descriptions(tmp_path: Path, kind: str) -> None:
    opened, file = places(tmp_path)[kind]
    whole, rng = file.read_bytes(), random.Random(1)
    look_through(open_source(opened))
    refused = 0
    for _ in range(60):
        file.write_bytes(damaged(whole, rng))
        try:
            source = open_source(opened)
            if all(one.frames * one.channels < 10**6 for one in source.streams.values()):
                look_through(source)
        except CodecError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > 0 or kind == "xml", "nothing that was wrong was seen"
