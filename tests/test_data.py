"""Synthetic recordings, the download, its verification, and which data set is meant."""

from __future__ import annotations

import bz2
import errno
import hashlib
import io
import os
import re
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import signal
from scipy.signal import lfilter

from n1codec import n1_mapping
from n1codec.codec import CodecError
from n1codec.datasets import dataset, fetch, manifest, synth
from n1codec.recordings import UnknownFormat, wav

# -- synthetic recordings --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def embedded() -> np.ndarray:
    return synth.synthesize()


def codes_of(samples: np.ndarray) -> np.ndarray:
    return (samples.astype(np.int64) + 32768) >> 6


def entropy(values: np.ndarray) -> float:
    """Return bits per value of a 1-D array of integers."""
    share = np.unique(values, return_counts=True)[1] / len(values)
    return float(-(share * np.log2(share)).sum())


def test_stretch_is_the_formula_of_the_recordings() -> None:
    codes = np.arange(1024)
    values = n1_mapping.values()[codes]
    assert values.tolist() == [int(k * 65535 / 1023 - 32768) for k in range(1024)]
    assert np.array_equal(codes_of(values), codes)


def test_value_set_of_real_recordings_is_the_synthetic_one(recordings: list[Path]) -> None:
    allowed = n1_mapping.values()[np.arange(1024)]
    for path in recordings:
        parsed = wav.read(path.read_bytes())
        assert parsed is not None
        assert np.isin(parsed.samples, allowed).all()


def test_synthetic_recordings_look_like_n1(embedded: np.ndarray) -> None:
    assert embedded.shape == (97655, 16)
    assert embedded.dtype == np.int16
    codes = codes_of(embedded)
    assert np.array_equal(n1_mapping.values()[codes], embedded)
    assert not (codes == 895).any()
    # The recordings: 6.27 bit, first differences 4.66, bz2 3.12.
    assert 5.9 < np.mean([entropy(column) for column in codes.T]) < 6.5
    assert 4.5 < np.mean([entropy(np.diff(column)) for column in codes.T]) < 4.85
    files = [wav.write(np.ascontiguousarray(column), 19531) for column in embedded.T]
    assert 3.0 < sum(map(len, files)) / sum(len(bz2.compress(file)) for file in files) < 3.25


def test_widths_of_the_codes_are_uneven_and_the_same_in_all_channels(embedded: np.ndarray) -> None:
    usual = np.delete(codes_of(embedded), [5, 10], axis=1)
    halves = [np.bincount(part.ravel(), minlength=1024)[490:560] for part in (usual[:, ::2], usual[:, 1::2])]
    ripples = [np.log((half + 1) / np.convolve(half + 1, np.ones(9) / 9, "same")) for half in halves]
    assert np.corrcoef(ripples)[0, 1] > 0.9
    assert halves[0][511 - 490] < 0.05 * halves[0][512 - 490]


def test_some_channels_are_rail_to_rail_or_loud(embedded: np.ndarray) -> None:
    codes = codes_of(embedded)
    railed = ((codes == 0) | (codes == 1023)).mean(axis=0)
    assert np.flatnonzero(railed > 0.2).tolist() == [5]
    assert (codes[:, 5] == 0).any()
    assert (codes[:, 5] == 1023).any()
    noise = np.median(np.abs(np.diff(codes, axis=0)), axis=0)
    usual = np.median(noise)
    assert np.flatnonzero(noise > 3 * usual).tolist() == [10]


def test_spikes_stand_out_of_the_noise(embedded: np.ndarray) -> None:
    smooth = lfilter(np.ones(6) / 6, [1.0], np.diff(codes_of(embedded), axis=0), axis=0)
    kurtosis = ((smooth - smooth.mean(axis=0)) ** 4).mean(axis=0) / smooth.var(axis=0) ** 2
    assert (kurtosis > 4).sum() >= 4


def test_the_embedded_set_is_the_same_everywhere_and_for_ever(tmp_path: Path) -> None:
    paths = synth.write(tmp_path)
    assert [path.name for path in paths] == [f"synth_{i:02d}.wav" for i in range(16)]
    assert dataset.describe(tmp_path).name == "synthetic"


def test_another_seed_gives_other_recordings_and_a_channel_does_not_depend_on_how_many_there_are() -> None:
    few, many, other = (synth.synthesize(n, 0.1, seed) for n, seed in ((2, 0), (5, 0), (2, 1)))
    assert np.array_equal(few, many[:, :2])
    assert not np.array_equal(few, other)


@pytest.mark.parametrize(("channels", "seconds", "rate"), [(1, 0.001, 19531), (3, 0.00004, 30_000), (101, 0.01, 8000)])
def test_synthetic_sets_of_other_sizes(tmp_path: Path, channels: int, seconds: float, rate: int) -> None:
    paths = synth.write(tmp_path, channels, seconds, 7, rate)
    assert [path.name for path in paths] == sorted(path.name for path in paths)
    assert len(paths) == channels
    parsed = wav.read(paths[-1].read_bytes())
    assert parsed is not None
    assert parsed.canonical
    assert (len(parsed.samples), parsed.rate) == (round(seconds * rate), rate)


# -- a set of recordings with a manifest of its own ------------------------------------------------------------------


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Let the manifest list five small recordings, and return them."""
    files = {f"{i:08x}-0000.wav": wav.write(signal(3000 + i, seed=i), 19531) for i in range(5)}
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    monkeypatch.setattr(manifest, "load", lambda: digests)
    monkeypatch.delenv("N1_DATA_ZIP", raising=False)
    return files


def zipped(files: dict[str, bytes], folder: str = "data/") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(folder + name, data)
    return out.getvalue()


def put(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_the_shipped_manifest_lists_all_recordings() -> None:
    listed = manifest.load(manifest.MANIFEST)
    assert len(listed) == 743
    assert all(len(digest) == 64 and int(digest, 16) for digest in listed.values())
    assert all(name.endswith(".wav") and len(name) == 40 for name in listed)


def test_the_manifest_knows_real_recordings(recordings: list[Path]) -> None:
    report = manifest.check(recordings)
    assert len(report.ok) == len(recordings)
    assert len(report.missing) == 743 - len(recordings)
    assert not report.damaged + report.unknown
    assert dataset.describe(recordings[0].parent).name == f"n1-{len(recordings)}"
    assert dataset.describe(recordings[0]).name == "n1-1"


def test_check_sorts_files(tmp_path: Path, known: dict[str, bytes]) -> None:
    names = sorted(known)
    put(tmp_path, {names[0]: known[names[0]], names[1]: b"x" + known[names[1]][1:], "mine.wav": b""})
    report = manifest.check(dataset.wavs(tmp_path))
    assert report == ([names[0]], names[2:], [names[1]], ["mine.wav"])


# -- download --------------------------------------------------------------------------------------------------------


class Server(ThreadingHTTPServer):
    """Serves one archive on loopback, as well or as badly as its attributes say."""

    archive = b""
    ranges = True
    etag: str | None = '"one"'
    length = True
    cuts: list[int]
    """Bytes after which each next transfer breaks."""
    failures: list[int]
    """Statuses of the next answers."""
    asked: list[str | None]
    """The Range of each request so far."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.cuts, self.failures, self.asked = [], [], []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/challenge/data.zip"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *args: Any) -> None: ...

    def do_GET(self) -> None:
        server, whole = self.server, self.server.archive
        wanted = self.headers.get("Range")
        server.asked.append(wanted)
        if server.failures:
            self.send_error(server.failures.pop(0))
            return
        start = 0
        if wanted and server.ranges and self.headers.get("If-Range") in (None, server.etag):
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= len(whole):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(whole)}")
                self.end_headers()
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(whole) - 1}/{len(whole)}")
        else:
            self.send_response(200)
        if server.etag:
            self.send_header("ETag", server.etag)
        if server.length:
            self.send_header("Content-Length", str(len(whole) - start))
        self.end_headers()
        end = start + server.cuts.pop(0) if server.cuts else len(whole)
        self.wfile.write(whole[start:end])


@pytest.fixture
def server(known: dict[str, bytes]) -> Iterator[Server]:
    with Server() as made:
        made.archive = zipped(known)
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def test_fetch(tmp_path: Path, server: Server, known: dict[str, bytes]) -> None:
    seen: list[tuple[int, int | None]] = []
    result = fetch.fetch(server.url, tmp_path / "data", lambda done, total: seen.append((done, total)))
    assert result == (5, 5, 5)
    assert tree(tmp_path / "data") == known
    assert seen[-1] == (len(server.archive), len(server.archive))
    assert fetch.fetch(server.url, tmp_path / "data") == (0, 5, 5)
    assert len(server.asked) == 1


def test_fetch_brings_only_what_is_missing_or_damaged(tmp_path: Path, server: Server, known: dict[str, bytes]) -> None:
    names = sorted(known)
    put(tmp_path, {names[0]: known[names[0]], names[1]: b"damaged", "mine.wav": b"mine", "notes.txt": b"mine too"})
    assert fetch.fetch(server.url, tmp_path) == (4, 5, 5)
    assert tree(tmp_path) == known | {"mine.wav": b"mine", "notes.txt": b"mine too"}


def test_a_broken_transfer_goes_on_where_it_broke(tmp_path: Path, server: Server, known: dict[str, bytes]) -> None:
    server.cuts = [1000, 2000, 0, 3000]
    assert fetch.fetch(server.url, tmp_path, pause=0).new == 5
    assert server.asked == [None, "bytes=1000-", "bytes=3000-", "bytes=3000-", "bytes=6000-"]
    assert tree(tmp_path) == known


def test_a_later_call_goes_on_with_the_partial_file(tmp_path: Path, server: Server, known: dict[str, bytes]) -> None:
    server.cuts = [1000] + [0] * 10
    with pytest.raises(CodecError, match=r"broke after 1000 of \d+ bytes; 1000 bytes are kept, the same command"):
        fetch.fetch(server.url, tmp_path, pause=0)
    assert (tmp_path / "n1-download.zip.part").read_bytes() == server.archive[:1000]
    assert dataset.wavs(tmp_path) == ()
    server.cuts, server.asked = [], []
    assert fetch.fetch(server.url, tmp_path).new == 5
    assert server.asked == ["bytes=1000-"]
    assert tree(tmp_path) == known


def test_a_full_disk_is_told_with_the_file(tmp_path: Path, server: Server) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OSError) as caught:
        fetch.fetch(server.url, tmp_path, full)
    assert caught.value.filename == str(tmp_path / "n1-download.zip.part")


@pytest.mark.parametrize("change", ["no ranges", "another file", "another address"])
def test_a_partial_file_that_cannot_be_used_is_fetched_anew(
    tmp_path: Path, server: Server, known: dict[str, bytes], change: str
) -> None:
    server.cuts = [1000] + [0] * 10
    with pytest.raises(CodecError):
        fetch.fetch(server.url, tmp_path, pause=0)
    server.cuts, server.asked = [], []
    url = server.url
    if change == "no ranges":
        server.ranges = False
    elif change == "another file":
        server.archive, server.etag = zipped(dict(reversed(known.items()))), '"two"'
    else:
        url += "?mirror"
    assert fetch.fetch(url, tmp_path).new == 5
    assert server.asked == [None if change == "another address" else "bytes=1000-"]
    assert tree(tmp_path) == known


def test_interruptions_without_range_support(tmp_path: Path, server: Server, known: dict[str, bytes]) -> None:
    server.ranges, server.cuts = False, [1000, 500]
    assert fetch.fetch(server.url, tmp_path, pause=0).new == 5
    assert tree(tmp_path) == known


def test_a_partial_file_that_is_whole(tmp_path: Path, server: Server, known: dict[str, bytes]) -> None:
    server.cuts = [1000] + [0] * 10
    with pytest.raises(CodecError):
        fetch.fetch(server.url, tmp_path, pause=0)
    (tmp_path / "n1-download.zip.part").write_bytes(server.archive)
    server.cuts = []
    assert fetch.fetch(server.url, tmp_path).new == 5
    assert tree(tmp_path) == known


def test_a_partial_file_that_is_too_long_is_fetched_anew(
    tmp_path: Path, server: Server, known: dict[str, bytes]
) -> None:
    server.etag, server.cuts = None, [1000] + [0] * 10
    with pytest.raises(CodecError):
        fetch.fetch(server.url, tmp_path, pause=0)
    (tmp_path / "n1-download.zip.part").write_bytes(server.archive + b"more")
    server.cuts = []
    assert fetch.fetch(server.url, tmp_path, pause=0).new == 5
    assert tree(tmp_path) == known


def test_a_server_that_says_no_length(tmp_path: Path, server: Server, known: dict[str, bytes]) -> None:
    server.length = False
    assert fetch.fetch(server.url, tmp_path).new == 5
    assert tree(tmp_path) == known


def test_a_busy_server_is_asked_again(tmp_path: Path, server: Server) -> None:
    server.failures = [503, 429]
    assert fetch.fetch(server.url, tmp_path, pause=0).new == 5
    server.failures = [500] * 10
    with pytest.raises(CodecError, match="answers 500"):
        fetch.fetch(server.url, tmp_path / "other", pause=0)


def test_a_wrong_address_is_not_asked_again(tmp_path: Path, server: Server) -> None:
    server.failures = [404, 404]
    with pytest.raises(CodecError, match="answers 404 Not Found"):
        fetch.fetch(server.url, tmp_path)
    assert len(server.asked) == 1
    for url in ("file:///etc/passwd", "data.zip"):
        with pytest.raises(CodecError, match="only http"):
            fetch.fetch(url, tmp_path)
    server.shutdown()
    server.server_close()
    with pytest.raises(CodecError, match="no connection"):
        fetch.fetch(server.url, tmp_path, pause=0)
    assert tree(tmp_path) == {}


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@pytest.mark.parametrize("damage", ["a recording", "a flipped bit", "half an archive", "no archive", "nothing known"])
def test_a_damaged_archive_leaves_nothing(tmp_path: Path, server: Server, known: dict[str, bytes], damage: str) -> None:
    good, last = server.archive, sorted(known)[-1]
    server.archive, says = {
        "a recording": (zipped(known | {last: flipped(known[last], 3000)}), f"{last} has another SHA-256"),
        "a flipped bit": (flipped(good, 2000), f"{sorted(known)[0]}"),
        "half an archive": (good[: len(good) // 2], "not a zip file"),
        "no archive": (b"<html>hello</html>", "not a zip file"),
        "nothing known": (zipped({"readme.txt": b"hello", "mine.wav": b"hello"}), "none of the recordings"),
    }[damage]
    put(tmp_path, {"mine.wav": b"mine"})
    with pytest.raises(CodecError, match="the archive is damaged") as caught:
        fetch.fetch(server.url, tmp_path)
    assert says in str(caught.value)
    assert tree(tmp_path) == {"mine.wav": b"mine"}
    here = put(tmp_path / "here", {"bad.zip": server.archive, "good.zip": good})
    with pytest.raises(CodecError, match=r"bad\.zip: the archive is damaged") as caught:
        fetch.unpack(here / "bad.zip", tmp_path / "data")
    assert says in str(caught.value)
    assert tree(tmp_path / "data") == {}
    assert tree(here).keys() == {"bad.zip", "good.zip"}
    assert fetch.unpack(here / "good.zip", tmp_path / "data") == (5, 5, 5)
    server.archive = good
    assert fetch.fetch(server.url, tmp_path).new == 5


def test_no_path_in_an_archive_leads_out_of_the_folder(tmp_path: Path, server: Server, known: dict[str, bytes]) -> None:
    (first, one), (second, two), *_ = sorted(known.items())
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(f"../../{first}", one)
        archive.writestr(f"/etc/{second}", two)
        archive.writestr("../escaped.wav", b"no")
        archive.writestr(f"data/nested/{first}", b"not the first of that name")
    server.archive = out.getvalue()
    assert fetch.fetch(server.url, tmp_path / "deep" / "data") == (2, 2, 5)
    assert tree(tmp_path) == {f"deep/data/{first}": one, f"deep/data/{second}": two}


def test_commands(tmp_path: Path, server: Server, known: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    from click.testing import CliRunner

    from n1codec.cli.data import command

    def call(*args: str) -> tuple[int, str]:
        result = CliRunner().invoke(command, args, standalone_mode=False, catch_exceptions=False)
        return result.return_value, result.stdout

    folder = str(tmp_path / "data")
    monkeypatch.setenv("N1_DATA_URL", server.url)
    monkeypatch.delenv("N1_DATA_ZIP", raising=False)
    code, said = call("fetch", "--dir", folder)
    assert (code, said) == (0, f"{folder}: 5 of 5 recordings, every one verified, 5 of them new\n")
    assert call("verify", folder) == (0, f"{folder}: 5 ok, 0 missing, 0 damaged, 0 unknown\n")
    assert call("path", "--dir", folder) == (0, f"{folder}\nn1\n")
    one = Path(folder) / sorted(known)[0]
    one.unlink()
    monkeypatch.setenv("N1_DATA_ZIP", str(put(tmp_path, {"some.zip": server.archive}) / "some.zip"))
    assert call("fetch", "--dir", folder) == (0, f"{folder}: 5 of 5 recordings, every one verified, 1 of them new\n")
    one.write_bytes(flipped(one.read_bytes(), 100))
    assert call("verify", folder) == (1, f"{one}: damaged\n{folder}: 4 ok, 0 missing, 1 damaged, 0 unknown\n")
    assert call("path", folder) == (0, f"{folder}\ndata\n")
    strange = put(tmp_path / "strange", {"a.wav": b"", "b.wav": b""})
    with pytest.raises(CodecError, match="not one of the 5 known recordings"):
        call("verify", str(strange))
    assert call("synth", str(tmp_path / "s"), "--channels", "2", "--seconds", "0.1", "--seed", "3")[0] == 0
    assert np.array_equal(
        wav.read((tmp_path / "s" / "synth_01.wav").read_bytes()).samples[:, 0],  # type: ignore[union-attr]
        synth.synthesize(2, 0.1, 3)[:, 1],
    )


def test_an_error_is_one_line(run: Callable[..., Any], tmp_path: Path) -> None:
    for args in (
        ("fetch", "--url", "ftp://example.org/data.zip", "--dir", tmp_path),
        ("verify", tmp_path / "nowhere"),
        ("path", tmp_path / "nowhere"),
    ):
        done = run("n1codec", "data", *args)
        assert done.returncode == 1
        assert done.stdout == ""
        assert len(done.stderr.splitlines()) == 1


# -- which data set is meant -----------------------------------------------------------------------------------------


@pytest.fixture
def said() -> list[str]:
    return []


def test_named_folder_file_and_archive(tmp_path: Path, known: dict[str, bytes], said: list[str]) -> None:
    home = tmp_path / "home"
    mine = put(tmp_path / "my rats!", {"b.WAV": b"2", "a.wav": b"1", "notes.txt": b"", ".hidden.wav": b""})
    found = dataset.resolve(mine, home, said.append)
    assert (found.name, found.path) == ("my-rats", mine)
    assert [path.name for path in found.files] == ["a.wav", "b.WAV"]
    found = dataset.resolve(mine / "a.wav", home, said.append)
    assert (found.name, found.path, found.files) == ("a", mine / "a.wav", (mine / "a.wav",))
    assert not home.exists()
    archive = tmp_path / "three.zip"
    archive.write_bytes(zipped({name: known[name] for name in sorted(known)[:3]} | {"readme": b"x"}))
    found = dataset.resolve(archive, home, said.append)
    assert (found.name, found.path) == ("n1-3", home / "zip" / "n1-3")
    assert len(said) == 1


def test_names_are_decided_by_content(tmp_path: Path, known: dict[str, bytes]) -> None:
    assert dataset.describe(put(tmp_path / "x", known)).name == "n1"
    put(tmp_path / "x", {"mine.wav": b"mine"})
    assert dataset.describe(tmp_path / "x").name == "x"
    damaged = dict.fromkeys(known, b"damaged")
    assert dataset.describe(put(tmp_path / "n1", damaged)).name == "n1-other"
    assert dataset.describe(put(tmp_path / "synthetic", {"synth_00.wav": b""})).name == "synthetic-other"
    (first, data), *_ = known.items()
    assert dataset.describe(put(tmp_path / "y", {first: data})).name == "n1-1"


def test_folders_that_are_of_no_use(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.txt").write_text("no recording")
    (tmp_path / "bad.zip").write_bytes(b"PK\x03\x04 no archive")
    (tmp_path / "none.zip").write_bytes(zipped({"readme": b"hello"}))
    (tmp_path / "twins.zip").write_bytes(zipped({"a/x.wav": b"1", "b/x.wav": b"2"}))
    for name, says in {
        "empty": "no WAV files in it, and it is no recording",
        "nowhere": "no such file or folder",
        "none.zip": "no WAV files in it",
        "twins.zip": "two files in it are called x.wav",
    }.items():
        with pytest.raises(CodecError, match=says):
            dataset.resolve(tmp_path / name, tmp_path / "home")
    for name in ("text.txt", "bad.zip"):
        with pytest.raises(UnknownFormat, match=re.escape(str(tmp_path / name))):
            list(dataset.resolve(tmp_path / name).recordings())
    put(tmp_path / "many" / "a", {"1.wav": b""})
    assert dataset.resolve(tmp_path / "many").path == tmp_path / "many" / "a"
    put(tmp_path / "many" / "b", {"1.wav": b""})
    with pytest.raises(CodecError, match="several data sets"):
        dataset.resolve(tmp_path / "many")


def test_order_of_places(
    tmp_path: Path, known: dict[str, bytes], said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "data"

    def found() -> tuple[str, Path]:
        return dataset.resolve("", home, said.append)[:2]

    assert found() == ("synthetic", home / "synthetic")
    assert "make data" in said[0]
    archive = tmp_path / "some.zip"
    archive.write_bytes(zipped(known))
    monkeypatch.setenv("N1_DATA_ZIP", str(tmp_path))
    with pytest.raises(CodecError, match="names a folder"):
        found()
    monkeypatch.setenv("N1_DATA_ZIP", str(archive))
    assert found() == ("n1", home / "zip" / "n1")
    put(home / "mine", {"a.wav": b""})
    assert found() == ("mine", home / "mine")
    put(home, {"b.wav": b""})
    assert found() == ("data", home)
    assert sorted(p.name for p in home.iterdir()) == ["b.wav", "mine", "synthetic", "zip"]


def test_what_was_unpacked_is_used_again_and_mended(
    tmp_path: Path, known: dict[str, bytes], said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    archive, home = tmp_path / "some.zip", tmp_path / "data"
    archive.write_bytes(zipped(known))
    monkeypatch.setenv("N1_DATA_ZIP", str(archive))
    first = dataset.resolve(None, home, said.append)
    stamps = [path.stat().st_ino for path in first.files]
    assert dataset.resolve(None, home, said.append) == first
    assert [path.stat().st_ino for path in first.files] == stamps
    assert len(said) == 1
    first.files[0].write_bytes(flipped(first.files[0].read_bytes(), 50))
    assert dataset.resolve(None, home, said.append) == first
    first.files[0].unlink()
    assert dataset.resolve(None, home, said.append) == first
    assert tree(home) == {f"zip/n1/{name}": data for name, data in known.items()}
    archive.write_bytes(zipped({"other.wav": b"other"}))
    assert dataset.resolve(None, home, said.append).path == home / "zip" / "some"
    monkeypatch.setenv("N1_DATA_ZIP", str(tmp_path / "gone.zip"))
    with pytest.raises(CodecError, match="look at N1_DATA_ZIP"):
        dataset.resolve(None, home, said.append)


def test_a_damaged_archive_unpacks_to_nothing(tmp_path: Path, known: dict[str, bytes]) -> None:
    archive = tmp_path / "some.zip"
    archive.write_bytes(flipped(zipped(known), 3000))
    with pytest.raises(CodecError, match="no zip archive that can be read"):
        dataset.resolve(archive, tmp_path / "data")
    assert tree(tmp_path / "data") == {}


def test_a_damaged_synthetic_set_is_written_again(tmp_path: Path, known: dict[str, bytes], said: list[str]) -> None:
    first = dataset.resolve(None, tmp_path, said.append)
    whole = first.files[3].read_bytes()
    first.files[3].write_bytes(whole[:-2])
    assert dataset.resolve(None, tmp_path, said.append) == first
    assert first.files[3].read_bytes() == whole
    assert sorted(p.name for p in tmp_path.iterdir()) == ["synthetic"]
