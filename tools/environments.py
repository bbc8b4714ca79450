"""Make environments for libraries that cannot stand in one with ours: ``python tools/environments.py [NAME...]``.

tools/environments/NAME.txt lists what is in one, with pinned versions. It goes to build/environments/NAME, with links
to the package as it is installed where this runs, so that kernels are built once. Tests and measurements run there as
``build/environments/zarr2/bin/python``. One that is as it should be is left alone. Those of APART are made only when
they are named, and do without this package.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parent.parent
LISTS = ROOT / "tools" / "environments"
MADE = ROOT / "build" / "environments"
OLDEST = {"zarr3": (3, 12)}
"""The first Python that an environment's libraries take, where that is not the first that we take."""
APART = frozenset({"sorting"})
"""Large environments in which a program of ours runs by itself, and none of our tests."""
WANTED = {"zarr2": ("wavpack-numcodecs==0.3.0",)}
"""Packages that are built where they can be (this one where libwavpack is), and left out elsewhere."""


def main(names: list[str]) -> int:
    known = sorted(path.stem for path in LISTS.glob("*.txt"))
    if unknown := sorted(set(names) - set(known)):
        print(f"environments: there is no {unknown[0]} (there are: {', '.join(known)})", file=sys.stderr)
        return 2
    made = [make(name) for name in names or sorted(set(known) - APART)]
    return 0 if all(made) else 1


def make(name: str) -> bool:
    """Make an environment, and return whether it is there now."""
    folder, listed = MADE / name, LISTS / f"{name}.txt"
    stamp, digest = folder / "made", hashlib.sha256(listed.read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text().strip() == digest:
        return True
    python = interpreter(OLDEST.get(name, (3, 11)))
    if python is None:
        wanted = ".".join(map(str, OLDEST[name]))
        print(f"environments: without {name}: it needs Python {wanted}, which is not here", file=sys.stderr)
        return False
    print(f"environments: making {folder.relative_to(ROOT)}", file=sys.stderr)
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([python, "-m", "venv", folder], check=True)
    install = [folder / "bin" / "python", "-m", "pip", "install", "-q", "--no-compile", "--disable-pip-version-check"]
    done = subprocess.run([*install, "-r", listed], capture_output=True, text=True)
    if done.returncode:
        print(f"environments: {name} cannot be made: {done.stderr.strip()}", file=sys.stderr)
        return False
    for package in WANTED.get(name, ()):
        if subprocess.run([*install, package], capture_output=True).returncode:
            print(f"environments: {name} goes without {package}", file=sys.stderr)
    if name not in APART:
        (packages,) = folder.glob("lib/python3*/site-packages")
        for path in Path(sysconfig.get_paths()["purelib"]).glob("*n1codec*"):
            (packages / path.name).symlink_to(path)
    stamp.write_text(f"{digest}\n")
    return True


def interpreter(oldest: tuple[int, int]) -> str | None:
    """Return a Python that is no older: this one, or else the oldest that is on the PATH or that pyenv has."""
    if sys.version_info >= oldest:
        return sys.executable
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for minor in range(oldest[1], oldest[1] + 4):
        for found in (shutil.which(f"python3.{minor}"), *pyenv.glob(f"3.{minor}.*/bin/python")):
            if found and not subprocess.run([found, "-c", "import venv"], capture_output=True).returncode:
                return str(found)
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
