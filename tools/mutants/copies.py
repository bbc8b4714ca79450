"""Working copies of the checkout: each with its own virtual environment and its own build of libn1c.

A mutant never touches the checkout, and no two jobs share a copy.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from contextlib import suppress
from pathlib import Path

from .mutant import Mutant

HOOKS = """
void __gcov_dump(void);
void __gcov_reset(void);
__attribute__((visibility("default"))) void n1c_write_coverage(void) { __gcov_dump(); __gcov_reset(); }
"""
"""What the plugin calls after every test, linked into the libn1c that counts its lines."""


class BuildError(Exception):
    """The C sources do not compile."""


class Copy:
    """One working copy, in a folder of its own below build/mutants/."""

    def __init__(self, root: Path, folder: Path) -> None:
        """Make the copy, or bring the one that is there up to date."""
        self.root = root
        self.folder = folder
        self.python = folder / ".venv" / "bin" / "python"
        self._fresh: dict[str, bytes] = {}
        self._source = b""
        self.sync()
        if not self.python.exists():
            self._environment()
        self._stamp()

    def sync(self) -> None:
        """Copy what git tracks, and new files that it does not ignore; remove what is gone."""
        listed = subprocess.check_output(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=self.root)
        names = {name for name in listed.decode().split("\0") if name and (self.root / name).is_file()}
        for name in names:
            target = self.folder / name
            data = (self.root / name).read_bytes()
            if not target.is_file() or target.read_bytes() != data:
                self._write(target, data)
                shutil.copymode(self.root / name, target)
        for path in list(self.folder.rglob("*")):
            relative = path.relative_to(self.folder)
            kept = relative.parts[0] in (".venv", "build", "encode", "decode") or path.suffix in (".so", ".dylib")
            if not kept and "__pycache__" not in relative.parts and path.is_file() and relative.as_posix() not in names:
                path.unlink()
        for program in ("encode", "decode"):
            with suppress(FileExistsError):
                (self.folder / program).symlink_to(f"{program}.py")

    def _environment(self) -> None:
        """Make a virtual environment that has the checkout's packages, but n1codec from this copy.

        The checkout's own is an editable install, whose import hook would always find the checkout.
        """
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", self.folder / ".venv"], check=True)
        home = Path(sysconfig.get_path("purelib"))
        inside = Path(sysconfig.get_path("purelib", vars={"base": str(self.folder / ".venv")}))
        for path in home.iterdir():
            if path.name != "n1codec" and "editable" not in path.name:
                (inside / path.name).symlink_to(path)
        (inside / "checkout.pth").write_text(f"{self.folder}\n")
        (inside / "coverage_of_children.pth").write_text(
            "import os; 'COVERAGE_PROCESS_START' in os.environ and __import__('coverage').process_startup()\n"
        )
        scripts = Path(sys.executable).parent
        for path in scripts.iterdir():
            target = self.folder / ".venv" / "bin" / path.name
            if not target.exists() and path.is_file() and (text := path.read_bytes()).startswith(b"#!"):
                target.write_bytes(text.replace(str(scripts).encode(), str(target.parent).encode()))
                target.chmod(0o755)

    def _write(self, path: Path, data: bytes) -> None:
        """Write a source; Python must not take the bytecode of the one before, which may be as long and as old."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        for stale in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
            stale.unlink()

    def _stamp(self) -> None:
        """Keep make from installing anew because a source is newer."""
        stamp = self.root / ".venv" / ".installed"
        (self.folder / ".venv" / ".installed").write_text(stamp.read_text() if stamp.exists() else "")

    def build(self, *, count_lines: bool = False) -> dict[str, bytes]:
        """Build libn1c and the C programs, put libn1c in its place, and return what was built, by name.

        With `count_lines` libn1c tells which lines ran (gcov).

        Raises:
            BuildError: a source does not compile.
        """
        folder = self.folder / "build" / ("counting" if count_lines else "plain")
        if not (folder / "CMakeCache.txt").exists():
            folder.mkdir(parents=True)
            options = ["-DN1C_TOOLS=ON", f"-DN1C_TOOLS_DIR={folder}"]
            if count_lines:
                (folder / "hooks.c").write_text(HOOKS)
                subprocess.run(["cc", "-fPIC", "-c", "hooks.c"], cwd=folder, check=True)
                (folder / "launch").write_text('#!/bin/sh\nexec "$@" -O1 --coverage\n')  # -O3 takes minutes to count
                (folder / "launch").chmod(0o755)
                options += [f"-DCMAKE_C_COMPILER_LAUNCHER={folder}/launch"]
                options += [f'-DCMAKE_SHARED_LINKER_FLAGS=--coverage "{folder}/hooks.o"']
                options += ["-DCMAKE_EXE_LINKER_FLAGS=--coverage"]
            subprocess.run(["cmake", "-S", self.folder, "-B", folder, *options], check=True, stdout=subprocess.DEVNULL)
        done = subprocess.run(["cmake", "--build", folder, "--parallel", "2"], capture_output=True, text=True)
        if done.returncode:
            raise BuildError(done.stdout + done.stderr)
        built = [path for name in ("libn1c.*", "n1enc", "n1dec") for path in sorted(folder.rglob(name))]
        for path in built:
            if path.name.startswith("libn1c."):
                (self.folder / "n1codec" / path.name).unlink(missing_ok=True)
                shutil.copy(path, self.folder / "n1codec")
        return {path.name: path.read_bytes() for path in built}

    def plain(self) -> None:
        """Build the unchanged sources, and remember what comes out."""
        self._fresh = self.build()

    def apply(self, mutant: Mutant) -> bool:
        """Put the mutant in; return False where the C compiler makes the same of it as of the source.

        Raises:
            BuildError: it does not compile.
        """
        self._source = (self.folder / mutant.file).read_bytes()
        self._write(self.folder / mutant.file, mutant.applied(self._source))
        self._stamp()
        return mutant.file.endswith(".py") or self.build() != self._fresh

    def restore(self, mutant: Mutant) -> None:
        """Take the mutant out again."""
        self._write(self.folder / mutant.file, self._source)
        self._stamp()
        for name, data in self._fresh.items():
            if name.startswith("libn1c."):
                (self.folder / "n1codec" / name).write_bytes(data)

    def run(self, arguments: list[str], env: dict[str, str], timeout: float) -> tuple[int | None, str]:
        """Run the copy's Python; return the exit status and what was printed, or None where it took too long."""
        more = {"MUTANTS_COPY": str(self.folder), "PYTHONDONTWRITEBYTECODE": ""}  # bytecode halves the time
        said = self.folder / "build" / "said.txt"  # a pipe would stay open as long as any child
        with said.open("wb") as out:
            process = subprocess.Popen(
                [self.python, *arguments], cwd=self.folder, env={**os.environ, **env, **more},
                stdin=subprocess.DEVNULL, stdout=out, stderr=out,
            )  # fmt: skip
            try:
                status = process.wait(timeout)
            except subprocess.TimeoutExpired:
                status = None
            finally:
                process.kill()
                self.end_children()
                process.wait()
        return status, said.read_text(errors="replace")

    def end_children(self) -> None:
        """End what a broken test left running; its processes may have sessions of their own."""
        mark = f"MUTANTS_COPY={self.folder}".encode()
        for path in Path("/proc").glob("[0-9]*/environ"):
            with suppress(OSError):
                if mark in path.read_bytes().split(b"\0"):
                    os.kill(int(path.parent.name), signal.SIGKILL)
