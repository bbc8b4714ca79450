"""Files are written whole and durably or not at all, and errors are told in plain words."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT

from n1codec import files

pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes and folders are those of POSIX")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_was_written_is_read(tmp_path: Path) -> None:
    files.write(tmp_path / "a", b"one ", memoryview(b"two"), bytearray(b" three"))
    assert files.read(tmp_path / "a") == b"one two three" == bytes(files.view(tmp_path / "a"))
    assert names(tmp_path) == ["a"]
    files.write_text(tmp_path / "a", "name \udcff")
    assert files.read(tmp_path / "a") == b"name \xff"


@pytest.mark.parametrize("content", [b"", b"x"])
def test_a_view_is_read_only(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    view = files.view(tmp_path / "a")
    assert bytes(view) == content and view.readonly


def test_a_view_of_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    writer = subprocess.Popen(["sh", "-c", 'printf hello >"$0"', str(tmp_path / "pipe")])
    assert bytes(files.view(tmp_path / "pipe")) == b"hello"
    assert writer.wait() == 0


def test_file_and_folder_are_synced_around_the_renaming(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The content must be on the disk before it gets the name, and the name before the call returns."""
    events: list[str] = []
    sync, rename = os.fsync, Path.replace

    def fsync(descriptor: int) -> None:
        kind = os.fstat(descriptor).st_mode
        events.append("folder" if stat.S_ISDIR(kind) else f"file of {os.fstat(descriptor).st_size}")
        sync(descriptor)

    def replace(self: Path, target: Path) -> Path:
        events.append("rename")
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", replace)
    files.write(tmp_path / "a", b"12345")
    assert events == ["file of 5", "rename", "folder"]
    events.clear()
    files.write(tmp_path / "a", b"12345", durable=False)
    assert events == ["rename"]


@pytest.mark.parametrize("call", ["fsync", "replace", "write"])
def test_a_failure_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def full(*_: Any) -> Any:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    (tmp_path / "a").write_bytes(b"old")
    if call == "fsync":
        monkeypatch.setattr(os, "fsync", full)
    elif call == "replace":
        monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space left") as caught, files.writing(tmp_path / "a") as file:
        file.write(b"new")
        if call == "write":
            full()
    assert caught.value.filename == str(tmp_path / "a")
    assert files.explain(caught.value).startswith(f"{tmp_path / 'a'}: no space left on its disk")
    assert names(tmp_path) == ["a"] and (tmp_path / "a").read_bytes() == b"old"


def test_an_interruption_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), files.writing(tmp_path / "a") as file:
        file.write(b"new")
        raise KeyboardInterrupt
    assert names(tmp_path) == []


def test_a_read_only_file_is_not_replaced(tmp_path: Path) -> None:
    target = tmp_path / "a"
    target.write_bytes(b"old")
    target.chmod(0o444)
    with pytest.raises(files.ReadOnlyError) as caught:
        files.write(target, b"new")
    assert "read-only" in files.explain(caught.value) and str(target) in files.explain(caught.value)
    assert target.read_bytes() == b"old" and names(tmp_path) == ["a"]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755])
def test_a_file_that_is_replaced_keeps_its_mode(tmp_path: Path, mode: int) -> None:
    target = tmp_path / "a"
    target.write_bytes(b"old")
    target.chmod(mode)
    files.write(target, b"new")
    assert stat.S_IMODE(target.stat().st_mode) == mode and target.read_bytes() == b"new"


def test_a_new_file_has_the_mode_of_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        files.write(tmp_path / "a", b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


def test_a_link_keeps_pointing_at_its_file(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "dangling").symlink_to("missing")
    files.write(tmp_path / "link", b"new")
    files.write(tmp_path / "dangling", b"made")
    assert (tmp_path / "real").read_bytes() == b"new" and (tmp_path / "link").is_symlink()
    assert (tmp_path / "missing").read_bytes() == b"made"


def test_errors_name_what_the_user_named(tmp_path: Path) -> None:
    for attempt, words in (
        (lambda: files.read(tmp_path / "no"), "no such file or folder"),
        (lambda: files.view(tmp_path / "no"), "no such file or folder"),
        (lambda: files.read(tmp_path), "it is a folder"),
        (lambda: files.write(tmp_path, b""), "it is a folder"),
        (lambda: files.write(tmp_path / "no" / "a", b""), "no such file or folder"),
        (lambda: files.write(tmp_path / ("n" * 300), b""), "its name is too long"),
    ):
        with pytest.raises(OSError) as caught:
            attempt()
        said = files.explain(caught.value)
        assert words in said and ".part" not in said and "[Errno" not in said and said.startswith(str(tmp_path))


def test_an_error_about_another_file_keeps_its_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught, files.writing(tmp_path / "a"):
        files.read(tmp_path / "other")
    assert caught.value.filename == str(tmp_path / "other")


@pytest.mark.parametrize("code", sorted(errno.errorcode))
def test_no_error_is_told_by_its_number(code: int) -> None:
    for error in (OSError(code, os.strerror(code)), OSError(code, os.strerror(code), "name")):
        said = files.explain(error)
        assert said and "[Errno" not in said
        assert not said[0].isupper() and "\n" not in said


def test_other_errors_in_words() -> None:
    assert files.explain(MemoryError()).startswith("not enough memory")
    assert files.explain(OSError("the reason")) == "the reason"
    assert files.explain(ValueError("why")) == "ValueError: why"


def test_a_closed_standard_input_is_told(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "encode.py"), "-", str(tmp_path / "out.n1c")]
    result = subprocess.run(["sh", "-c", 'exec "$0" "$@" <&-', *command], capture_output=True, text=True, timeout=60)
    assert (result.returncode, result.stderr) == (1, "encode: standard input: it is closed\n")


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="needs /dev/full")
def test_a_full_device_is_told() -> None:
    with pytest.raises(OSError) as caught:
        files.write("/dev/full", b"x" * 100_000)
    assert files.explain(caught.value).startswith("/dev/full: no space left on its disk")


@pytest.mark.parametrize("program", ["encode", "decode"])
def test_a_read_only_output_is_refused(
    program: str, wav_file: Path, tmp_path: Path, run: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    packed, target = tmp_path / "packed.n1c", tmp_path / "target"
    assert run("encode", wav_file, packed).returncode == 0
    target.write_bytes(b"precious")
    target.chmod(0o444)
    result = run(program, wav_file if program == "encode" else packed, target)
    assert result.returncode == 1 and result.stderr.count("\n") == 1
    assert "read-only" in result.stderr and str(target) in result.stderr
    assert target.read_bytes() == b"precious"
    target.chmod(0o600)
    assert run(program, wav_file if program == "encode" else packed, target).returncode == 0
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
