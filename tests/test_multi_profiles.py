"""Profiles of n1_multi: files name one where that makes them smaller, and say which one is missing."""

from __future__ import annotations

import json
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from test_multi import probe

from n1codec import container
from n1codec.codec import CodecError, FormatError, Layout, SpecError, UnavailableError
from n1codec.pipeline import get_codec
from n1codec.profiles import OF_CHANNELS
from n1codec.recordings import Recording, open_recording
from n1codec.train import multi
from n1codec.varint import put_bytes

Run = Callable[..., subprocess.CompletedProcess[str]]
CHANNELS = 12


def recording(folder: Path, x: np.ndarray, name: str = "a.npy") -> Recording:
    np.save(folder / name, x)
    return open_recording(folder / name)


@pytest.fixture(scope="module")
def halves() -> tuple[np.ndarray, np.ndarray]:
    x = probe(8000, CHANNELS)
    return x[:6000], x[6000:]


@pytest.fixture
def profile(halves: tuple[np.ndarray, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("N1CODEC_PROFILES", raising=False)
    path = tmp_path / "probe.n1p"
    found = multi.load([recording(tmp_path, halves[0])])
    coder = get_codec("n1_multi").model_coder
    assert coder
    path.write_bytes(coder.profile_of(*multi.part(found)))
    return path


def test_a_short_file_names_the_profile(
    halves: tuple[np.ndarray, np.ndarray], profile: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = f'n1_multi:profile="{profile}"'
    blob = container.encode(halves[1], spec)
    saved = len(container.encode(halves[1], "n1_multi")) - len(blob)
    assert 0 < saved == pytest.approx(len(get_codec("n1_multi").fit(halves[1])), rel=0.5)
    with pytest.raises(UnavailableError, match=f"profile {zlib.crc32(profile.read_bytes()):08x}, which is not here"):
        container.decode(blob)
    for place in (profile, profile.parent):
        monkeypatch.setenv("N1CODEC_PROFILES", str(place))
        np.testing.assert_array_equal(container.decode(blob), halves[1])


@pytest.mark.parametrize("dtype", [np.int16, np.uint16])
def test_a_payload_by_itself_names_it_too(
    halves: tuple[np.ndarray, np.ndarray], profile: Path, monkeypatch: pytest.MonkeyPatch, dtype: type
) -> None:
    x = (halves[1].astype(np.int32) + (32768 if dtype is np.uint16 else 0)).astype(dtype)
    codec = get_codec(f'n1_multi:profile="{profile}"')
    data = codec.encode(x)
    assert data[1:6] == b"\3" + zlib.crc32(profile.read_bytes()).to_bytes(4, "little")
    assert f"{zlib.crc32(profile.read_bytes()):08x}" in codec.needs(data, Layout.of(x))
    assert get_codec("n1_multi").needs(get_codec("n1_multi").encode(x), Layout.of(x)) == ""
    monkeypatch.setenv("N1CODEC_PROFILES", str(profile))
    np.testing.assert_array_equal(get_codec("n1_multi").decode(data, Layout.of(x)), x)


def test_a_profile_never_makes_a_file_larger(profile: Path) -> None:
    spec = f'n1_multi:profile="{profile}"'
    for other in (probe(2000, CHANNELS + 1), 100 * probe(20_000, CHANNELS, 2), np.zeros((2000, CHANNELS), np.int16)):
        fitted, chosen = container.encode(other, "n1_multi"), container.encode(other, spec)
        assert len(chosen) <= len(fitted)
    assert container.encode(probe(2000, CHANNELS + 1), spec) == container.encode(probe(2000, CHANNELS + 1), "n1_multi")


def test_a_model_is_fitted_where_it_pays_for_a_long_array(profile: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a part of the array costs with either is told for all of it."""
    x = probe(20_000, CHANNELS, 3)
    codec = get_codec(f'n1_multi:profile="{profile}"')
    own = get_codec("n1_multi").fit(x)
    assert codec.fit(x) == own
    monkeypatch.setitem(type(codec.coder).fit.__globals__, "_COMPARED", 4 * 100 * CHANNELS)
    assert codec.fit(x)[:1] != b"\3" and codec.fit(x[:400])[:1] == b"\3"


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "it is none"),
        (b"N1P\1" + bytes(100), "it is none"),
        (OF_CHANNELS, "it is damaged"),
        (OF_CHANNELS + b"\0", "it is damaged"),
        (OF_CHANNELS + b"\2\1\x80", "it is damaged"),
        (OF_CHANNELS + put_bytes(b"\1" + bytes([CHANNELS]) + bytes(50)), "it is damaged"),
        (OF_CHANNELS + put_bytes(b"\2" + bytes([CHANNELS]) + bytes(50)), "it was trained with preset=fast"),
        (OF_CHANNELS + put_bytes(b"\3" + bytes([CHANNELS, 0, 0, 0])), "it is damaged"),
        (OF_CHANNELS + put_bytes(b"\4" + bytes([CHANNELS, 1, 2, 2, 0, 0, 0]) + bytes(50)), "it is damaged"),
    ],
)
def test_what_is_no_profile_is_refused(tmp_path: Path, data: bytes, problem: str) -> None:
    path = tmp_path / "bad.n1p"
    path.write_bytes(data)
    with pytest.raises(SpecError, match=rf"n1_multi: profile .*bad\.n1p: {problem}"):
        get_codec(f'n1_multi:profile="{path}"').fit(probe(100, CHANNELS))


def test_a_profile_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"n1_multi: profile .*none\.n1p"):
        get_codec(f'n1_multi:profile="{tmp_path / "none.n1p"}"').fit(probe(100, CHANNELS))


def test_forged_names_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    codec, layout = get_codec("n1_multi"), Layout((100, CHANNELS), np.dtype(np.int16))
    for model in (b"\3", b"\3\0\0\0", b"\3\0\0\0\0\0"):
        with pytest.raises(FormatError, match="5 bytes"):
            codec.decode(b"\1", layout, model)
    other = b"N1P\1" + bytes(100)
    (tmp_path / "other.n1p").write_bytes(other)
    monkeypatch.setenv("N1CODEC_PROFILES", str(tmp_path))
    with pytest.raises(FormatError, match="is not one of n1_multi"):
        codec.decode(b"\1", layout, b"\3" + zlib.crc32(other).to_bytes(4, "little"))


def test_a_profile_is_of_one_probe(tmp_path: Path) -> None:
    some = [recording(tmp_path, probe(500, 4)), recording(tmp_path, probe(500, 5), "b.npy")]
    with pytest.raises(CodecError, match=r"b.* has 5 channels of int16, and a.* has 4"):
        multi.load(some)
    with pytest.raises(CodecError, match="no recordings of 16 bits"):
        multi.load([recording(tmp_path, np.zeros((10, 2), np.float32))])
    with pytest.raises(CodecError, match="too short"):
        multi.part(multi.load([recording(tmp_path, probe(1, 4))]), 0, 0.5)


def test_long_recordings_are_trained_on_in_stretches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.arange(8000, dtype=np.int16).reshape(4000, 2)
    found = multi.load([recording(tmp_path, x), recording(tmp_path, x, "b.npy")])
    assert len(multi.part(found).frames) == 8000
    monkeypatch.setattr(multi, "MOST_SAMPLES", 1600)
    frames = multi.part(found).frames
    assert len(frames) == 800 and frames[0, 0] == 0 and frames[399, 1] == 7999
    assert (np.diff(frames[:400, 0].astype(int)) != 2).sum() == 3


def test_train_and_info_tell_of_it(run: Run, halves: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    np.save(tmp_path / "first.npy", halves[0])
    np.save(tmp_path / "next.npy", halves[1])
    profile = tmp_path / "probe.n1p"
    done = run("n1codec", "train", tmp_path / "first.npy", "--codec", "n1_multi", "-o", profile, "--check")
    assert done.returncode == 0
    checksum = f"{zlib.crc32(profile.read_bytes()):08x}"
    lines = done.stdout.splitlines()
    assert lines[:2] == ["1 recording", f"a profile of {len(profile.read_bytes())} bytes, {checksum}"]
    own, given = (float(line.split()[0]) for line in lines[3:])
    assert given < own
    run("n1codec", "encode", tmp_path / "next.npy", tmp_path / "next.n1c", f"n1_multi:profile={profile}")
    (entry,) = json.loads(run("n1codec", "info", "--json", tmp_path / "next.n1c").stdout)
    assert checksum in entry["needs"] and "N1CODEC_PROFILES" in entry["needs"]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--codec", "n1_multi", "--c-source", "a.c"), "has no tables"),
        (("--codec", "n1_multi:profile=a.n1p", "--check"), "leave profile= out"),
        (("--codec", "zstd", "--check"), "zstd is not trained"),
    ],
)
def test_train_refuses_in_one_line(run: Run, tmp_path: Path, options: tuple[str, ...], problem: str) -> None:
    np.save(tmp_path / "a.npy", probe(100, 2))
    done = run("n1codec", "train", tmp_path / "a.npy", *options)
    assert done.returncode == 2 and problem in done.stderr and not done.stdout
