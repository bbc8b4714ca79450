"""SpikeGLX: single files and run folders; what their .meta says of channels, gains, places and converters."""

from __future__ import annotations

import hashlib
import os
import pickle
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from recording_files import NEUROPIXELS_2, spikeglx, walks

from n1codec.codec import CodecError
from n1codec.recordings import Place, UnknownFormat, open_recording, open_source
from n1codec.recordings import spikeglx as reader


def test_an_ap_file_and_its_meta(tmp_path: Path) -> None:
    samples = walks(200, 5)
    path = spikeglx(tmp_path / "r_g0_t0.imec0.ap.bin", samples)
    source = open_source(path)
    found = source.stream()
    assert (found.shape, found.rate, found.dtype) == ((200, 5), 30000.5, np.int16)
    assert np.array_equal(found.read(), samples) and found.missing_frames == 0
    assert found.channel_names == ("AP0", "AP1", "AP2", "AP3", "SY0") and found.sync == (4,)
    assert found.gains is not None and np.allclose(found.gains[:2], 0.6 / 512 / 500 * 1e6)
    assert found.gains[2] == pytest.approx(2 * found.gains[0]) and found.gains[4] == 1
    assert found.offsets is not None and not found.offsets.any()
    assert found.converters is not None and list(found.converters) == [0, 1, 0, 1, -1]
    assert found.geometry is not None and found.geometry[:4].tolist() == [[27, 0], [59, 0], [11, 20], [43, 20]]
    assert np.isnan(found.geometry[4]).all()
    assert [file.name for file in source.files] == [path.name, "r_g0_t0.imec0.ap.meta"]
    assert bytes(source.files[1].suffix) == path.with_suffix(".meta").read_bytes()


def test_an_lf_file_has_gains_of_its_own(tmp_path: Path) -> None:
    path = spikeglx(
        tmp_path / "r_g0_t0.imec0.lf.bin", walks(50, 3), imSampRate=2500, snsApLfSy="0,2,1",
        snsSaveChanSubset="385,386,768", imMaxInt=512,
    )  # fmt: skip
    found = open_recording(path)
    assert found.rate == 2500 and found.channel_names == ("LF1", "LF2", "SY0") and found.sync == (2,)
    assert found.gains is not None and np.allclose(found.gains, [0.6 / 512 / 250e-6, 0.6 / 512 / 125e-6, 1])
    assert found.geometry is not None and found.geometry[:2].tolist() == [[59, 0], [11, 20]]


def test_channels_that_were_not_saved_are_left_out(tmp_path: Path) -> None:
    names = "".join(f"(C{n};{n}:{n})" for n in range(385))
    path = spikeglx(
        tmp_path / "a.bin", walks(50, 4), snsApLfSy="4,0,0", snsSaveChanSubset="0,24:25,383", acqApLfSy="384,0,1",
        **{"~snsChanMap": f"(384,0,1){names}"},
    )  # fmt: skip
    found = open_recording(path)
    assert found.channel_names == ("C0", "C24", "C25", "C383") and found.sync == ()
    assert found.converters is not None and list(found.converters) == [0, 2, 3, 31]
    assert found.geometry is not None and found.geometry[3].tolist() == [43, 191 * 20]


def test_a_probe_of_neuropixels_2(tmp_path: Path) -> None:
    tags: dict[str, object] = {
        "imDatPrb_type": 24, "imMaxInt": 8192, "imAiRangeMax": 0.5, "acqApLfSy": "384,0,1",
        "snsSaveChanSubset": "0:3,384", "snsApLfSy": "4,0,1", "~imroTbl": "(24,384)" + "".join(
            f"({n} {n % 4} 0 0 {2 * n})" for n in range(384)
        ),
    }  # fmt: skip
    path = spikeglx(tmp_path / "a.bin", walks(50, 5), **tags)
    found = open_recording(path)
    assert found.gains is not None and found.gains[0] == pytest.approx(0.5 / 8192 / 80 * 1e6)
    assert found.geometry is not None and found.geometry[:4].tolist() == [[27, 0], [277, 15], [527, 30], [777, 45]]
    tags |= {"imChan0apGain": 100, "~snsGeomMap": "(NP2010,4,250,70)(0:27:0:1)(1:27:15:1)(2:59:30:1)(3:59:45:0)",
             "~muxTbl": "(2,2)(1 0)(3 2)"}  # fmt: skip
    found = open_recording(spikeglx(tmp_path / "b.bin", walks(50, 5), **tags))
    assert found.gains is not None and found.gains[0] == pytest.approx(0.5 / 8192 / 100 * 1e6)
    assert found.geometry is not None and found.geometry[:4].tolist() == [[27, 0], [277, 15], [559, 30], [809, 45]]
    assert found.converters is not None and list(found.converters) == [1, 0, 1, 0, -1]


FIRST = (0, 1000, 1001, *range(1010, 1018))
SECOND = (21, 24, 2003, 2004, 2005, 2006, 2013, 2014)
UNKNOWN = (1, 22, 23, 25, 999, 1002, 1009, 1018, 2002, 2007, 2012, 2015)


@pytest.mark.parametrize(
    ("probes", "places"),
    [(FIRST, [[27, 0], [59, 0], [11, 20], [43, 20]]), (SECOND, [[27, 0], [59, 0], [27, 15], [59, 15]]),
     (UNKNOWN, None)],
)  # fmt: skip
def test_where_the_channels_of_probes_are(tmp_path: Path, probes: tuple[int, ...], places: list[list[int]]) -> None:
    """Probes of the first generation have a checkerboard of sites, those of the second straight columns."""
    for probe in probes:
        entries = (f"({n} 0 0 500 250 1)" if probes is FIRST else f"({n} 0 0 0 {n})" for n in range(384))
        table = f"({probe},384)" + "".join(entries)
        found = open_recording(
            spikeglx(tmp_path / f"{probe}.bin", walks(5, 5), imDatPrb_type=probe, **{"~imroTbl": table})
        )
        assert (found.geometry is None) if places is None else found.geometry[:4].tolist() == places, probe


def test_a_probe_with_one_gain_in_the_head_of_its_table(tmp_path: Path) -> None:
    path = spikeglx(tmp_path / "a.bin", walks(50, 3), imDatPrb_type=1110, **{"~imroTbl": "(1110,0,1,400,200,1)(0 0 0)"})
    found = open_recording(path)
    assert found.gains is not None and found.gains[0] == pytest.approx(0.6 / 512 / 400 * 1e6)
    assert found.geometry is None, "nothing is known of its places"


def test_an_ni_device(tmp_path: Path) -> None:
    path = spikeglx(
        tmp_path / "r_g0_t0.nidq.bin", walks(50, 5), typeThis="nidq", niSampRate=25000, niAiRangeMax=5, niMaxInt=32768,
        niMNGain=200, niMAGain=10, snsMnMaXaDw="1,1,2,1", acqMnMaXaDw="1,1,2,1", snsSaveChanSubset="all",
        snsApLfSy=None,
    )  # fmt: skip
    found = open_recording(path)
    assert found.rate == 25000 and found.channel_names == ("MN0", "MA0", "XA0", "XA1", "DW0") and found.sync == (4,)
    volt = 5 / 32768 * 1e6
    assert found.gains is not None and np.allclose(found.gains, [volt / 200, volt / 10, volt, volt, 1])
    assert found.geometry is None and found.converters is None


def test_a_onebox(tmp_path: Path) -> None:
    path = spikeglx(
        tmp_path / "r_g0_t0.obx0.obx.bin", walks(50, 4), typeThis="obx", obSampRate=30303, obAiRangeMax=5,
        obMaxInt=32768, snsXaDwSy="2,1,1", acqXaDwSy="12,1,1", snsSaveChanSubset="0:1,12,13", snsApLfSy=None,
    )  # fmt: skip
    found = open_recording(path)
    assert found.channel_names == ("XA0", "XA1", "DW0", "SY0") and found.sync == (2, 3) and found.rate == 30303
    assert found.gains is not None and np.allclose(found.gains, [5 / 32768 * 1e6] * 2 + [1, 1])


def test_a_file_that_was_cut_off_or_is_longer_than_its_meta_says(tmp_path: Path) -> None:
    samples = walks(50, 3)
    path = spikeglx(tmp_path / "a.bin", samples, fileSizeBytes=60 * 6)
    assert open_recording(path).missing_frames == 10 and open_recording(path).frames == 50
    path.write_bytes(path.read_bytes() + b"x")
    source = open_source(path)
    assert source.stream().frames == 50 and bytes(source.files[0].suffix) == b"x"
    path = spikeglx(tmp_path / "b.bin", samples, fileSizeBytes=0)
    assert open_recording(path).shape == (50, 3) and open_recording(path).missing_frames == 0


@pytest.mark.parametrize(
    "damaged",
    [
        {"~imroTbl": None}, {"~imroTbl": "(0,384)(0 0"}, {"~imroTbl": ""}, {"snsApLfSy": "x"}, {"snsApLfSy": "3,1,1"},
        {"snsSaveChanSubset": "0:9999"}, {"~snsGeomMap": "(NP)(1)"},
        {"~snsGeomMap": "(NP,4,250,70)" + "(1e400:0:0:1)" * 4}, {"imAiRangeMax": "inf"}, {"~snsShankMap": "(1,2)(0)"},
        {"~muxTbl": "(32,12)"}, {"imAiRangeMax": ""}, {"imMaxInt": "0"}, {"~snsChanMap": "()"},
        {"imDatPrb_type": "new"},
    ],
)  # fmt: skip
def test_a_meta_that_is_damaged_leaves_the_samples(tmp_path: Path, damaged: dict[str, str | None]) -> None:
    samples = walks(50, 5)
    found = open_recording(spikeglx(tmp_path / "a.bin", samples, **damaged))
    assert np.array_equal(found.read(), samples) and len(found.channel_names) == 5


@pytest.mark.parametrize(("tag", "value"), [("nSavedChans", 0), ("nSavedChans", "x"), ("imSampRate", None)])
def test_a_meta_without_channels_or_rate_is_told(tmp_path: Path, tag: str, value: object) -> None:
    path = spikeglx(tmp_path / "a.bin", walks(50, 5), **{tag: value})
    with pytest.raises(UnknownFormat, match=r"a\.bin: its \.meta"):
        open_source(path)


def test_another_file_called_meta_means_nothing(tmp_path: Path) -> None:
    path = spikeglx(tmp_path / "a.bin", walks(50, 5), nSavedChans=None)
    with pytest.raises(UnknownFormat, match="no reader understands it"):
        open_source(path)


def test_the_checksum_of_the_meta(tmp_path: Path) -> None:
    samples = walks(50, 5)
    sha1 = hashlib.sha1(samples.tobytes()).hexdigest().upper()
    path = spikeglx(tmp_path / "a.bin", samples, fileSHA1=sha1)
    assert reader.verify_sha1(path)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert not reader.verify_sha1(path)
    for bad in (spikeglx(tmp_path / "b.bin", samples), tmp_path / "c.bin"):
        with pytest.raises(CodecError, match=r"no \.meta with a checksum"):
            reader.verify_sha1(bad)


def test_the_checksum_as_a_command(tmp_path: Path, run: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    samples = walks(50, 5)
    noted = hashlib.sha1(samples.tobytes()).hexdigest()
    good = spikeglx(tmp_path / "a.bin", samples, fileSHA1=noted)
    other = spikeglx(tmp_path / "b.bin", samples + 1, fileSHA1=noted)
    nothing = spikeglx(tmp_path / "c.bin", samples)
    done = run("n1codec", "verify", good, other, nothing)
    assert done.returncode == 1 and done.stdout == f"{good}: good, 500 bytes with the SHA-1 in its .meta\n"
    assert done.stderr.splitlines() == [
        f"n1codec verify: {other}: it is not as it was recorded: the SHA-1 in its .meta is another",
        f"n1codec verify: {nothing}: there is no .meta with a checksum beside it",
    ]
    assert run("n1codec", "verify", "--quiet", good).stdout == ""


# -- run folders -----------------------------------------------------------------------------------------------------


def test_a_run_folder_is_one_source_of_all_its_files(tmp_path: Path) -> None:
    ap, lf, ni = walks(300, 5), walks(25, 5, 2), walks(200, 2, 3)
    run = tmp_path / "r_g0"
    spikeglx(run / "r_g0_imec0/r_g0_t0.imec0.ap.bin", ap)
    spikeglx(
        run / "r_g0_imec0/r_g0_t0.imec0.lf.bin", lf, imSampRate=2500, snsApLfSy="0,4,1", snsSaveChanSubset="384:387,768"
    )
    spikeglx(
        run / "r_g0_t0.nidq.bin", ni, typeThis="nidq", niSampRate=25000, snsMnMaXaDw="0,0,1,1", snsSaveChanSubset="all"
    )
    (run / ".hidden").write_bytes(b"kept")
    np.save(run / "times.npy", np.arange(1000.0))
    (tmp_path / "elsewhere.txt").write_text("linked")
    (run / "notes.txt").symlink_to(tmp_path / "elsewhere.txt")
    source = open_source(run)
    assert source.folder and source.name == "r_g0"
    assert set(source.streams) == {"imec0.ap", "imec0.lf", "nidq", "times.npy"}
    for name, samples in (("imec0.ap", ap), ("imec0.lf", lf), ("nidq", ni)):
        assert np.array_equal(source.stream(name).read(), samples) and source.stream(name).stream == name
        again = pickle.loads(pickle.dumps(source.stream(name)))
        assert np.array_equal(again.read(), samples) and again.rate == source.stream(name).rate
    with pytest.raises(CodecError, match=r"several streams: imec0\.ap, imec0\.lf, nidq \(choose one"):
        source.stream()
    assert open_recording(Place(run, "nidq", select=(1,))).shape == (200, 1)
    for file in source.files:
        inside = source.streams[file.stream].read() if file.channels else np.zeros((0, 1), np.int16)
        whole = bytes(file.prefix) + bytes(file.form.pack(inside)) + bytes(file.suffix)
        assert whole == (run / file.name).read_bytes()
    assert {file.name for file in source.files} == {
        str(path.relative_to(run)) for path in run.rglob("*") if path.is_file()
    }  # fmt: skip
    assert source.streams["times.npy"].auxiliary


def test_streams_of_one_name_are_told_apart_by_gate_and_trigger(tmp_path: Path) -> None:
    for name in ("r_g0_t0", "r_g0_t1", "r_g1_t0"):
        spikeglx(tmp_path / f"{name}.imec0.ap.bin", walks(10, 3))
    spikeglx(tmp_path / "r_g1_t0.imec1.ap.bin", walks(10, 3))
    spikeglx(tmp_path / "copy" / "r_g1_t0.imec1.ap.bin", walks(10, 3))
    spikeglx(tmp_path / "other.bin", walks(10, 3))
    assert set(open_source(tmp_path).streams) == {
        "g0_t0.imec0.ap", "g0_t1.imec0.ap", "g1.imec0.ap", "copy/r_g1_t0.imec1.ap", "r_g1_t0.imec1.ap", "other"
    }  # fmt: skip


def test_folders_that_hold_no_recording_or_cannot_be_kept(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("nothing")
    with pytest.raises(UnknownFormat, match="holds no SpikeGLX run"):
        open_source(tmp_path)
    spikeglx(tmp_path / "a.bin", walks(10, 3))
    loop = tmp_path / "b"
    loop.mkdir()
    (loop / "up").symlink_to(tmp_path)
    with pytest.raises(CodecError, match="link to a folder that it lies in"):
        open_source(tmp_path)
    (loop / "up").unlink()
    (loop / "gone").symlink_to(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError):
        open_source(tmp_path)
    (loop / "gone").unlink()
    os.mkfifo(loop / "pipe")
    with pytest.raises(CodecError, match="neither a file nor a folder"):
        open_source(tmp_path)


def test_a_folder_that_is_linked_comes_as_a_folder(tmp_path: Path) -> None:
    samples = walks(10, 3)
    spikeglx(tmp_path / "disk" / "r_g0_t0.imec0.ap.bin", samples)
    run = tmp_path / "run"
    run.mkdir()
    (run / "imec0").symlink_to(tmp_path / "disk")
    source = open_source(run)
    assert np.array_equal(source.stream("imec0.ap").read(), samples)
    assert [file.name for file in source.files] == ["imec0/r_g0_t0.imec0.ap.bin", "imec0/r_g0_t0.imec0.ap.meta"]


def test_the_real_run() -> None:
    if not NEUROPIXELS_2.exists():
        pytest.skip("the real recordings are not here")
    (path,) = NEUROPIXELS_2.rglob("*.bin")
    assert reader.verify_sha1(path)
    found = open_recording(NEUROPIXELS_2)
    assert found.stream == "imec0.ap" and found.shape == (15000, 385) and found.sync == (384,)
    assert found.gains is not None and found.gains[0] == pytest.approx(0.762939, rel=1e-5)
    assert found.converters is not None and len(set(found.converters)) == 25
    meta = dict(reader.parse(path.with_suffix(".meta").read_bytes()))
    for left_out in (["snsGeomMap"], ["snsGeomMap", "snsShankMap"], ["muxTbl"]):
        less = reader.read(b"", "a", {tag: value for tag, value in meta.items() if tag not in left_out})
        assert less.geometry is not None and less.converters is not None
        assert np.array_equal(less.geometry, found.geometry, equal_nan=True)
        assert np.array_equal(less.converters, found.converters)
