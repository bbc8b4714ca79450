"""Build wheels for every system that we have users on: ``python tools/wheels.py [TAG...]``, without TAG all of them.

One compiler makes all of them on one machine: ``zig cc`` (pip install ziglang), which is Clang with the C libraries of
the systems, old ones too, so that a wheel for Linux runs where glibc is 2.17 or newer, or musl. The package calls its
kernels through ctypes, so that a wheel is of a system and not of a version of Python. The wheels go to dist/.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent


class Target(NamedTuple):
    """A system to build for."""

    triple: str
    """As ``zig cc -target`` takes it."""
    system: str
    """As CMake names it."""

    @property
    def processor(self) -> str:
        return self.triple.partition("-")[0]


TARGETS = {
    "manylinux_2_17_x86_64": Target("x86_64-linux-gnu.2.17", "Linux"),
    "manylinux_2_17_aarch64": Target("aarch64-linux-gnu.2.17", "Linux"),
    "musllinux_1_2_x86_64": Target("x86_64-linux-musl", "Linux"),
    "musllinux_1_2_aarch64": Target("aarch64-linux-musl", "Linux"),
    "macosx_11_0_x86_64": Target("x86_64-macos.11.0", "Darwin"),
    "macosx_11_0_arm64": Target("aarch64-macos.11.0", "Darwin"),
    "win_amd64": Target("x86_64-windows-gnu", "Windows"),
}
"""The platform tag of each wheel (packaging.python.org, "Platform compatibility tags") and what it is built for."""


def main(tags: list[str]) -> int:
    if unknown := sorted(set(tags) - set(TARGETS)):
        print(f"wheels: there is no {unknown[0]} (there are: {', '.join(TARGETS)})", file=sys.stderr)
        return 2
    missing = [name for name in ("ziglang", "build", "wheel") if importlib.util.find_spec(name) is None]
    if missing:
        print(f"wheels: this needs {', '.join(missing)} (pip install {' '.join(missing)})", file=sys.stderr)
        return 1
    for tag in tags or TARGETS:
        print(f"wheels: {build(tag).relative_to(ROOT)}")
    return 0


def build(tag: str) -> Path:
    """Return the wheel of a platform tag in dist/.

    Raises:
        subprocess.CalledProcessError: it cannot be built; what the compiler said stands on stderr.
    """
    with tempfile.TemporaryDirectory(prefix="wheel-") as name:
        folder = Path(name)
        toolchain = _toolchain(folder, TARGETS[tag])
        command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(ROOT)]
        settings = [f"build-dir={folder}/build", f"cmake.args=-DCMAKE_TOOLCHAIN_FILE={toolchain}"]
        done = subprocess.run(
            [*command, *(f"--config-setting={setting}" for setting in settings)], capture_output=True, text=True
        )
        if done.returncode:
            print(done.stdout + done.stderr, file=sys.stderr)
            done.check_returncode()
        (made,) = folder.glob("*.whl")
        subprocess.run(
            [sys.executable, "-m", "wheel", "tags", "--remove", "--platform-tag", tag, str(made)],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        (made,) = folder.glob("*.whl")
        (ROOT / "dist").mkdir(exist_ok=True)
        return Path(shutil.move(made, ROOT / "dist" / made.name))


def _toolchain(folder: Path, target: Target) -> Path:
    """Return a toolchain file for CMake, with programs beside it that call zig."""
    for name, call in (("cc", f"cc -target {target.triple}"), ("ar", "ar"), ("ranlib", "ranlib")):
        program = folder / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m ziglang {call} "$@"\n')
        program.chmod(0o755)
    text = f"""\
set(CMAKE_SYSTEM_NAME {target.system})
set(CMAKE_SYSTEM_PROCESSOR {target.processor})
set(CMAKE_C_COMPILER {folder}/cc)
set(CMAKE_AR {folder}/ar)
set(CMAKE_RANLIB {folder}/ranlib)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(LIBM {"m" if target.system == "Linux" else '""'})
"""
    path = folder / "zig.cmake"
    path.write_text(text)
    return path


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
