"""The result store: what is whole is read, what is torn is cut off, and nothing is ever replaced."""

from __future__ import annotations

import csv
import gzip
import io
import os
import subprocess
import sys
import zlib
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import stored

from n1codec import cli
from n1codec.bench.results import store, summary, tables
from n1codec.codec import CodecError


def _row(index: int, **cells: object) -> dict[str, str]:
    row = dict.fromkeys(store.COLUMNS, "") | {"file": f"{index}.wav", "reason": 'a "quoted", reason\nof two lines'}
    return row | {key: str(cell) for key, cell in cells.items()}


def _good(file: str, spec: str = "zstd", **cells: object) -> dict[str, object]:
    return {"dataset": "d", "file": file, "mode": spec, "spec": spec, "status": "ok", "verified": 1, "jobs": 1,
            "original_bytes": 1000, "compressed_bytes": 500, "frames": 478, "channels": 1, "recording_seconds": 1.0,
            "encode_seconds": 0.1, "encode_repeats": 1, "decode_seconds": 0.05, "decode_repeats": 1,
            "byte_entropy_before": 5.0, "byte_entropy_after": 8.0, "crc32": "00000000"} | cells  # fmt: skip


def _written(path: Path, members: int) -> list[int]:
    """Write members of one row each; return where each ends."""
    writer = store.Store(path)
    ends = []
    for index in range(members):
        writer.append([_row(index)])
        ends.append(path.stat().st_size)
    return ends


def _names(path: Path) -> list[str]:
    return store.Store(path).rows["file"].tolist()


@pytest.fixture
def results(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """A function that runs ``n1codec results`` and returns its exit code, and what it says on stdout and stderr."""

    def run(*arguments: object) -> SimpleNamespace:
        monkeypatch.setattr(sys, "argv", ["n1codec", "results", *map(str, arguments)])
        code = cli.main()
        out, err = capsys.readouterr()
        return SimpleNamespace(code=code, out=out, err=err)

    return run


def test_it_is_a_gzipped_csv(tmp_path: Path) -> None:
    path = tmp_path / store.FILE
    _written(path, 3)
    plain = list(csv.DictReader(io.StringIO(gzip.decompress(path.read_bytes()).decode(), newline="")))
    assert plain == [_row(index) for index in range(3)]
    assert store.read(path)["reason"].tolist() == [row["reason"] for row in plain]


# -- torn and damaged files ------------------------------------------------------------------------------------------


def test_any_prefix_gives_its_whole_members_and_is_mended(tmp_path: Path) -> None:
    path = tmp_path / store.FILE
    ends = _written(path, 3)
    whole = path.read_bytes()
    for cut in [0, *range(ends[0], len(whole))]:
        path.write_bytes(whole[:cut])
        assert _names(path) == [f"{index}.wav" for index in range(sum(end <= cut for end in ends))]
    for cut in (0, ends[0], ends[0] + 1, ends[1] - 1, ends[1] + 4):
        path.write_bytes(whole[:cut])
        kept = sum(end <= cut for end in ends)
        store.Store(path).append([_row(9)])
        assert [row["file"] for row in stored(path)] == [f"{i}.wav" for i in range(kept)] + ["9.wav"]


@pytest.mark.parametrize("left", [bytes(1000), gzip.compress(b"d,9", mtime=0)[:12] + bytes(500)])
def test_zeros_that_a_crash_leaves_behind_are_cut_off(tmp_path: Path, left: bytes) -> None:
    path = tmp_path / store.FILE
    _written(path, 2)
    path.write_bytes(path.read_bytes() + left)
    assert len(store.read(path)) == 2
    store.Store(path).append([_row(2)])
    assert len(stored(path)) == 3


def _unpacked(whole: bytes) -> bytes:
    return gzip.decompress(whole)


def _packed_anew_and_cut(whole: bytes) -> bytes:
    return gzip.compress(gzip.decompress(whole), mtime=0)[:-30]


def _an_empty_gzip(_: bytes) -> bytes:
    return gzip.compress(b"")


def _rubbish(_: bytes) -> bytes:
    return b"rubbish" * 100


def _rubbish_behind(whole: bytes) -> bytes:
    return whole + b"rubbish"


def _another_table(_: bytes) -> bytes:
    return gzip.compress(b"mode,ratio\nzstd,2\n")


def _a_flipped_bit(whole: bytes) -> bytes:
    at = len(whole) // 2
    return whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :]


def _two_and_the_second_cut(whole: bytes) -> bytes:
    return whole + gzip.compress(gzip.decompress(whole).replace(b",,", b","), mtime=0)[:-40]


@pytest.mark.parametrize(
    "damage",
    [_unpacked, _packed_anew_and_cut, _an_empty_gzip, _rubbish, _rubbish_behind, _another_table, _a_flipped_bit,
     _two_and_the_second_cut],
)  # fmt: skip
def test_what_is_not_understood_is_refused_and_stays(tmp_path: Path, damage, results) -> None:
    path = tmp_path / store.FILE
    writer = store.Store(path)
    for index in range(24):
        writer.append([_good(f"{index}.wav")])
    path.write_bytes(damaged := damage(path.read_bytes()))
    with pytest.raises(CodecError, match="move it away"):
        store.Store(path)
    done = results("show", tmp_path)
    assert done.code == 1
    assert "move it away" in done.err
    assert "run grid" not in done.err
    assert path.read_bytes() == damaged


@pytest.mark.slow
def test_a_grid_leaves_what_it_does_not_understand(tmp_path: Path, wav_file: Path) -> None:
    def grid(code: int) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "n1codec", "grid", "--data", wav_file, "--results", tmp_path / "results",
             "--codecs", "copy", "--min-time", "0", "--force"],
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
        return done.stderr

    grid(0)
    path = tmp_path / "results" / wav_file.stem / store.FILE
    unpacked = gzip.decompress(path.read_bytes())
    path.write_bytes(unpacked)
    assert "not gzipped" in grid(1)
    assert path.read_bytes() == unpacked


@pytest.mark.parametrize(
    ("damage", "rows"),
    [(_unpacked, 24), (_packed_anew_and_cut, 22), (_rubbish_behind, 24), (_a_flipped_bit, 23),
     (lambda whole: b"rubbish" + whole, 24), (lambda whole: whole, 24)],
)  # fmt: skip
def test_whole_rows_are_saved(tmp_path: Path, damage, rows: int, results) -> None:
    path, saved = tmp_path / store.FILE, tmp_path / "saved" / store.FILE
    writer = store.Store(path)
    for index in range(24):
        writer.append([_good(f"{index}.wav", reason=os.urandom(30).hex())])
    before = path.read_bytes()
    whole = stored(path)
    path.write_bytes(damage(before))
    saved.parent.mkdir()
    done = results("recover", path, saved)
    assert done.code == 0, done.err
    assert f"{len(stored(saved))} whole rows" in done.out
    assert len(stored(saved)) >= rows
    assert all(row in whole for row in stored(saved))
    store.Store(saved).append([_good("more.wav")])
    assert path.read_bytes() == damage(before)
    assert "exists" in results("recover", path, saved).err


def test_nothing_is_recovered_from_rubbish(tmp_path: Path, results) -> None:
    path = tmp_path / store.FILE
    path.write_bytes(b"rubbish\n" * 100)
    done = results("recover", path, tmp_path / "new.csv.gz")
    assert done.code == 1
    assert "no whole row" in done.err
    assert not (tmp_path / "new.csv.gz").exists()


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="needs /dev/full")
def test_a_full_disk_leaves_it_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / store.FILE
    _written(path, 2)
    before = path.read_bytes()
    writer = store.Store(path)
    write = os.write

    def full(descriptor: int, data: bytes) -> int:
        write(descriptor, bytes(data)[:20])
        with Path("/dev/full").open("wb", buffering=0) as sink:
            return sink.write(data)

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space left") as caught:
        writer.append([_row(2)])
    monkeypatch.undo()
    assert caught.value.filename == str(path)
    assert path.read_bytes() == before
    writer.append([_row(2)])
    assert len(stored(path)) == 3


def test_rows_of_another_program_are_never_cut_off(tmp_path: Path) -> None:
    path = tmp_path / store.FILE
    _written(path, 1)
    first, second = store.Store(path), store.Store(path)
    first.append([_row(1)])
    with pytest.raises(CodecError, match="another program"):
        second.append([_row(2)])
    assert [row["file"] for row in stored(path)] == ["0.wav", "1.wav"]


# -- columns ---------------------------------------------------------------------------------------------------------


def _old(path: Path, without: str, more: str = "") -> list[str]:
    """Write a store of a version that does not know a column, and knows another that nobody else does."""
    columns = [column for column in store.COLUMNS if column != without] + [more] * bool(more)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerow(_good("old.wav", "bz2") | {more: "1e3"})
    path.write_bytes(gzip.compress(text.getvalue().encode(), mtime=0))
    return columns


def test_new_columns_join_an_old_store(tmp_path: Path, results) -> None:
    path = tmp_path / store.FILE
    _old(path, "jobs", "watts")
    before = path.read_bytes()
    store.Store(path).append([_good("new.wav"), _good("newer.wav", jobs=2)])
    assert path.read_bytes().startswith(before)
    rows = store.read(path)
    assert rows["file"].tolist() == ["old.wav", "new.wav", "newer.wav"]
    assert rows["jobs"].tolist()[1:] == [1, 2]
    assert rows["jobs"].isna().tolist() == [True, False, False]
    assert rows["watts"].tolist() == ["1e3", "", ""]
    assert rows.columns[: len(store.COLUMNS)].tolist() == list(store.COLUMNS)
    assert store.Store(path, ["spec"]).rows.columns.tolist() == ["spec"]
    done = results("show", tmp_path)
    assert done.code == 0, done.err


def test_the_places_of_columns_stay(tmp_path: Path) -> None:
    """Whoever reads the file by the places that its first line gives reads it right to its end."""
    path = tmp_path / store.FILE
    columns = _old(path, "jobs", "watts")
    store.Store(path).append([_good("new.wav", jobs=7)])
    store.Store(path).append([_good("newer.wav", jobs=7)])
    text = gzip.decompress(path.read_bytes()).decode()
    lines = [row[: len(columns)] for row in csv.reader(io.StringIO(text, newline=""))]
    assert [line[columns.index("file")] for line in lines] == ["file", "old.wav", "file", "new.wav", "newer.wav"]
    assert text.count("dataset,file,mode,") == 2  # names stand there once more, where there are new ones


def test_a_new_column_that_is_empty_adds_no_line_of_names(tmp_path: Path) -> None:
    path = tmp_path / store.FILE
    _old(path, "files")
    store.Store(path).append([_good("new.wav")])
    assert gzip.decompress(path.read_bytes()).count(b"dataset,file,mode,") == 1


def test_names_alone_are_an_empty_store(tmp_path: Path) -> None:
    path = tmp_path / store.FILE
    path.write_bytes(gzip.compress((",".join(store.COLUMNS) + "\n").encode(), mtime=0))
    with pytest.raises(CodecError, match="there are no results"):
        store.read(path)
    store.Store(path).append([_good("a.wav")])
    assert len(store.read(path)) == 1


def test_it_may_be_packed_anew_as_one_member(tmp_path: Path) -> None:
    path = tmp_path / store.FILE
    _old(path, "jobs")
    store.Store(path).append([_good("new.wav", jobs=2)])
    before = store.read(path)
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes())))
    assert store.read(path).equals(before)


def test_names_of_files_keep_their_bytes(tmp_path: Path) -> None:
    path = tmp_path / store.FILE
    store.Store(path).append([_good(os.fsdecode(b"caf\xe9.wav"))])
    assert store.read(path)["file"].tolist() == [os.fsdecode(b"caf\xe9.wav")]
    assert b"caf\xe9.wav" in gzip.decompress(path.read_bytes())


# -- rows that were edited by hand -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b",0.1,", b",0.1s,", "encode_seconds in row 2 is '0.1s' and no number"),
        (b",500,", b",,", "row 2 is ok but has no file or no sizes"),
        (b",500,", b",0,", "row 2 is ok but has no file or no sizes"),
        (b"b.wav", b"", "row 2 is ok but has no file or no sizes"),
        (b",500,", b",500,500,", f"row 2 has {len(store.COLUMNS) + 1} cells instead of {len(store.COLUMNS)}"),
        (b",500,", b",500,500,7,", f"row 2 has {len(store.COLUMNS) + 2} cells instead of {len(store.COLUMNS)}"),
        (b",478,1,", b",478,", f"row 2 has {len(store.COLUMNS) - 1} cells instead of {len(store.COLUMNS)}"),
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_edited_rows_are_named(tmp_path: Path, old: bytes, new: bytes, said: str, first: bool, results) -> None:
    path = tmp_path / store.FILE
    store.Store(path).append([_good("a.wav"), _good("b.wav"), _good("c.wav")])
    title, *rows = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    rows[1] = rows[1].replace(old, new, 1)
    if first:
        rows = rows[1:]
        said = said.replace("row 2", "row 1")
    path.write_bytes(gzip.compress(b"".join([title, *rows])))
    done = results("show", tmp_path)
    assert done.code == 1
    assert done.err.count("\n") == 1
    assert said in done.err
    assert str(path) in done.err


def test_empty_cells_are_no_figures(tmp_path: Path, results) -> None:
    path = tmp_path / store.FILE
    sparse = {"dataset": "d", "file": "a.wav", "spec": "bare", "status": "ok", "original_bytes": 9,
              "compressed_bytes": 3}  # fmt: skip
    store.Store(path).append([sparse])
    done = results("show", tmp_path)
    assert done.code == 0, done.err
    assert "3.0" in done.out


@pytest.mark.parametrize("lines", [b"", b"jibber\njabber\n", b"mode,ratio_p5\nzstd,x\n", b"\xff\xfe"])
def test_an_edited_summary_is_named(tmp_path: Path, lines: bytes) -> None:
    (tmp_path / summary.FILE).write_bytes(lines)
    with pytest.raises(CodecError, match=r"summary\.csv: "):
        summary.read(tmp_path)


def test_no_file_has_a_duration(tmp_path: Path, results) -> None:
    rows = [
        _good("a", recording_seconds=0.0, frames="", channels=""),
        _good("b", original_bytes=0, recording_seconds=0),
    ]
    store.Store(tmp_path / store.FILE).append(rows)
    done = results("show", tmp_path)
    assert done.code == 0, done.err
    assert "2/2" in done.out
    empty = [_good("a", original_bytes=0, recording_seconds=0, byte_entropy_before=0)]
    (tmp_path / "empty").mkdir()
    store.Store(tmp_path / "empty" / store.FILE).append(empty)
    assert results("show", tmp_path / "empty").code == 0
    assert tables.compare(tables.load(tmp_path), tables.load(tmp_path))["verdict"].tolist()


# -- how long it takes -----------------------------------------------------------------------------------------------


def test_the_work_grows_with_the_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bytes that are handed to the decompressor are a few times those of the file, however many members it has."""
    path = tmp_path / store.FILE
    _written(path, 1)
    member = gzip.compress(gzip.decompress(path.read_bytes()).split(b"\n", 1)[1], mtime=0)
    path.write_bytes(path.read_bytes() + 2000 * member)
    handed = 0

    class Watched:
        def __init__(self, wbits: int) -> None:
            self.real = zlib_decompressobj(wbits=wbits)

        def decompress(self, data: bytes) -> bytes:
            nonlocal handed
            handed += len(data)
            return self.real.decompress(data)

        def __getattr__(self, name: str) -> object:
            return getattr(self.real, name)

    zlib_decompressobj = zlib.decompressobj
    monkeypatch.setattr(zlib, "decompressobj", Watched)
    assert len(store.read(path)) == 2001
    assert handed < 50 * path.stat().st_size
