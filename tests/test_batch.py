"""Folders of files: what is taken, what is left out and said, and where the outputs stand."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import signal

from n1codec import batch
from n1codec.codec import CodecError
from n1codec.recordings import wav

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a bit of everything in it."""
    source = tmp_path / "in"
    (source / "deep" / "deeper").mkdir(parents=True)
    for place in ("a.wav", "deep/a.wav", "deep/deeper/b.wav", ".hidden.wav"):
        (source / place).write_bytes(wav.write(signal(900, seed=len(place)), 19531))
    (source / "dangling.wav").symlink_to("nowhere")
    (source / "link.wav").symlink_to("a.wav")
    (source / "linked").symlink_to("deep")
    os.mkfifo(source / "pipe")
    return source


def test_what_is_left_out_of_a_folder_is_said(run: Run, folder: Path, tmp_path: Path) -> None:
    done = run("encode", "--out-dir", tmp_path / "out", folder)
    assert done.returncode == 0
    assert sorted(done.stderr.splitlines()) == sorted(
        f"encode: left out: {folder}/{line}"
        for line in (
            ".hidden.wav: it is hidden (name it to have it encoded)",
            "dangling.wav: it is a link to nothing",
            "deep: it is a subfolder (--recursive goes into it)",
            "linked: it is a subfolder (--recursive goes into it)",
            "pipe: it is no regular file",
        )
    )
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.wav.n1c", "link.wav.n1c"]
    assert run("encode", "--quiet", "--out-dir", tmp_path / "out", folder).stderr == ""


@pytest.mark.parametrize("jobs", [1, 2])
def test_subfolders_come_back_as_they_were(run: Run, folder: Path, tmp_path: Path, jobs: int) -> None:
    packed, restored = tmp_path / "packed", tmp_path / "restored"
    done = run("encode", "--recursive", "--jobs", jobs, "--out-dir", packed, folder)
    assert done.returncode == 0
    assert f"left out: {folder}/linked: it is a link to a folder" in done.stderr
    assert run("decode", "--recursive", "--jobs", jobs, "--out-dir", restored, packed).returncode == 0
    found = {str(path.relative_to(restored)) for path in restored.rglob("*") if path.is_file()}
    assert found == {"a.wav", "link.wav", "deep/a.wav", "deep/deeper/b.wav"}
    for name in found:
        assert (restored / name).read_bytes() == (folder / name).read_bytes()


def test_the_folder_of_the_outputs_is_no_input(folder: Path) -> None:
    out = folder / "out"
    out.mkdir()
    (out / "old.wav").write_bytes(b"")
    planned = batch.plan("encode", [str(folder)], out, recursive=True)
    assert str(out / "old.wav") not in dict(planned.pairs)
    assert f"{out}: it is the folder of the outputs" in planned.skipped
    with pytest.raises(ValueError, match="it is the folder of the outputs, too"):
        batch.plan("encode", [str(folder)], folder)


def test_names_that_clash_are_refused(folder: Path, tmp_path: Path) -> None:
    inputs = [str(folder / "a.wav"), str(folder / "deep" / "a.wav")]
    with pytest.raises(ValueError, match="has the same name"):
        batch.plan("encode", inputs, tmp_path / "out")


def test_only_n1c_files_are_decoded(folder: Path, tmp_path: Path) -> None:
    (folder / "b.n1c").write_bytes(b"")
    planned = batch.plan("decode", [str(folder)], tmp_path / "out")
    assert planned.pairs == [(str(folder / "b.n1c"), str(tmp_path / "out" / "b"))]
    assert f"{folder}/a.wav: its name does not end in .n1c" in planned.skipped
    for name in ("a.wav", ".n1c"):
        with pytest.raises(ValueError, match=r"does not end in \.n1c"):
            batch.plan("decode", [str(folder / name)], tmp_path / "out")
    with pytest.raises(ValueError, match="standard input has no name"):
        batch.plan("decode", ["-"], tmp_path / "out")


def test_an_empty_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    with pytest.raises(CodecError, match="no file in it to encode; --recursive goes into subfolders"):
        batch.plan("encode", [str(tmp_path / "in")], tmp_path / "out")
    with pytest.raises(CodecError, match=r"no file in it to encode$"):
        batch.plan("encode", [str(tmp_path / "in")], tmp_path / "out", recursive=True)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can become somebody else")
def test_a_folder_without_permission_is_not_called_empty(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir(mode=0o700)
    (folder / "a.wav").write_bytes(b"")
    os.seteuid(65534)
    try:
        with pytest.raises(PermissionError) as caught:
            batch.plan("encode", [str(folder)], tmp_path / "out")
        assert caught.value.filename == str(folder)
    finally:
        os.seteuid(0)


def test_recursive_is_for_folders(run: Run, wav_file: Path, tmp_path: Path) -> None:
    done = run("encode", "--recursive", wav_file, tmp_path / "out.n1c")
    assert done.returncode == 2 and "--out-dir" in done.stderr
