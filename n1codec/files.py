"""Reading files, writing them durably, and saying in plain words what went wrong.

Every file that outlives the program is written by :func:`write` or :func:`writing`: under a temporary name, synced to
the disk, renamed, and the folder synced. After a crash or a power cut a name stands for the old content or for the new,
whole: people delete their originals on the strength of it.
"""

from __future__ import annotations

import errno
import mmap
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

STANDARD = "-"
"""The name of standard input and of standard output."""

_WORDS = {
    errno.ENOSPC: "no space left on its disk (free some, or write to another disk)",
    errno.EDQUOT: "your quota of its disk is used up (free some, or write to another disk)",
    errno.EROFS: "its disk is read-only (write to another one)",
    errno.EFBIG: "it would be larger than its disk allows",
    errno.EIO: "its disk reports an error while reading or writing",
    errno.EMFILE: "too many files are open",
    errno.ENAMETOOLONG: "its name is too long",
    errno.ENOTDIR: "a part of its path is a file and no folder",
    errno.ELOOP: "it is a link that leads back to itself",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.ETXTBSY: "it is a program that is running",
}


class ReadOnlyError(PermissionError):
    """An output that exists and is marked read-only."""


# -- reading ---------------------------------------------------------------------------------------------------------


def read(path: str | Path) -> bytes:
    """Return the bytes of a file; ``-`` is standard input.

    Raises:
        OSError: it cannot be read; ``filename`` is set.
    """
    if str(path) == STANDARD:
        with named("standard input"):
            if sys.stdin is None:
                raise OSError(errno.EBADF, "it is closed")
            return sys.stdin.buffer.read()
    with named(path):
        return Path(path).read_bytes()


def view(path: str | Path) -> memoryview:
    """Return a read-only view of the bytes of a file, mapped into memory where that is possible.

    A mapped file takes no memory of the process beyond the pages in use. Standard input (``-``), pipes, devices and
    empty files cannot be mapped, so they are read.

    Raises:
        OSError: it cannot be read; ``filename`` is set.
    """
    if str(path) == STANDARD:
        return memoryview(read(path))
    try:
        return _view(path)
    except OSError as error:
        if error.errno != errno.EMFILE or not _allow_more_open_files():
            raise
        return _view(path)


def _view(path: str | Path) -> memoryview:
    with named(path), Path(path).open("rb") as file:
        about = os.fstat(file.fileno())
        if stat.S_ISREG(about.st_mode) and about.st_size:
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        return memoryview(file.read())


def _allow_more_open_files() -> bool:
    """Raise the process's limit of open files as far as it may itself, and return whether that is any farther.

    Each mapped file counts as an open one, and a recording may be a folder of a thousand.
    """
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return False
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    except (ValueError, OSError):
        return False
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0] != now


def forget(path: str | Path) -> None:
    """Ask the system to read a file from the disk, and not from its memory, when it is read next."""
    if hasattr(os, "posix_fadvise"):
        with named(path), Path(path).open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


# -- writing ---------------------------------------------------------------------------------------------------------


def write(path: str | Path, *pieces: Buffer, durable: bool = True) -> int:
    """Write the pieces, one behind the other, as one file, and return its bytes: see :func:`writing`."""
    with writing(path, durable=durable) as file:
        return sum(file.write(piece) for piece in pieces)


def write_text(path: str | Path, text: str, *, durable: bool = True) -> None:
    """Write text as UTF-8; bytes of file names that are no UTF-8 (surrogate escapes) stand in it as they are."""
    write(path, text.encode("utf-8", "surrogateescape"), durable=durable)


@contextmanager
def writing(path: str | Path, *, durable: bool = True) -> Iterator[BinaryIO]:
    """Give a binary file that appears under its name, whole, when the block ends, and not at all if it fails.

    ``-`` is standard output; a special file (a pipe, ``/dev/stdout``) is written to directly. A link keeps pointing at
    its file, and that file is replaced. A file that is replaced passes its mode on; a new one has the umask's.

    Args:
        durable: sync file and folder to the disk. Caches and files that are made again after a crash do without.

    Raises:
        ReadOnlyError: the file exists and nobody may write to it.
        OSError: the disk is full, the folder is not there, and the like; ``filename`` is set.
    """
    if str(path) == STANDARD:
        with named("standard output"):
            if sys.stdout is None:
                raise OSError(errno.EBADF, "it is closed")
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
        return
    with named(path):
        target = Path(path)
        if target.exists() and not target.is_file() and not target.is_dir():
            with target.open("wb") as special:
                yield special
            return
        target = target.resolve()
        mode = mode_to_keep(target, str(path))
        temporary = target.with_name(f".{os.getpid()}-{os.urandom(4).hex()}.part")
        try:
            with temporary.open("x+b") as file:
                yield file
                file.flush()
                if mode is not None and hasattr(os, "fchmod"):
                    os.fchmod(file.fileno(), mode)
                if durable:
                    os.fsync(file.fileno())
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        if durable:
            sync_folder(target.parent)


def mode_to_keep(target: Path, name: str) -> int | None:
    """Return the permissions of the regular file that is to be replaced, None if there is none yet.

    Args:
        name: what the user calls it.
    """
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    try:
        mode = stat.S_IMODE(target.stat().st_mode)
    except FileNotFoundError:
        return None
    if not mode & 0o222 or not os.access(target, os.W_OK):  # the superuser may write anything: only the bits tell
        raise ReadOnlyError(errno.EACCES, "it exists and is read-only (make it writable, or choose another name)", name)
    return mode


def sync_folder(folder: Path) -> None:
    """Sync to the disk which names a folder has; systems that cannot (Windows) do it by themselves."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems have no such call
            raise
    finally:
        os.close(descriptor)


@contextmanager
def named(name: str | Path) -> Iterator[None]:
    """Let an OSError that is raised within the block tell the name of a file that the user knows.

    It has none, or a temporary one, when writing to an open file fails.
    """
    try:
        yield
    except OSError as error:
        if error.filename is not None and not _is_ours(error, name):
            raise
        raise OSError(error.errno, error.strerror, str(name)) from error


def _is_ours(error: OSError, name: str | Path) -> bool:
    """Return whether an error is about the file ``name`` itself, its temporary file, or its folder."""
    about, target = Path(os.fsdecode(error.filename)), Path(name).resolve()
    if isinstance(error, ReadOnlyError):
        return False
    return about in (target, target.parent, Path(name).parent) or (
        about.parent == target.parent and about.suffix == ".part"
    )


def lock(file: IO[Any]) -> None:
    """Lock an open file for this program; the system frees it when the program ends, however.

    Raises:
        OSError: another program has locked it.
    """
    if sys.platform == "win32":
        import msvcrt

        file.seek(1 << 30)  # a byte far behind the text, which stays readable
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


# -- errors in plain words -------------------------------------------------------------------------------------------


def explain(error: BaseException) -> str:
    """Return an error as one line for a person: the file, what is wrong with it, and what to do."""
    if isinstance(error, MemoryError):
        return "not enough memory (close other programs, or use a machine with more)"
    if not isinstance(error, OSError) or isinstance(error, ImportError):
        return f"{type(error).__name__}: {error}"
    about = f"{os.fsdecode(error.filename)}: " if error.filename not in (None, "") else ""
    if isinstance(error, ReadOnlyError):
        return f"{about}{error.strerror}"
    if isinstance(error, IsADirectoryError):
        return f"{about}it is a folder (name a file, or use --out-dir for many)"
    if isinstance(error, FileNotFoundError):
        return f"{about}no such file or folder"
    words = _WORDS.get(error.errno or 0) or (error.strerror or str(error) or type(error).__name__).lower()
    return f"{about}{words}"
