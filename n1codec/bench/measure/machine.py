"""What a measurement was made on: machine, Python, versions of the codec and of the libraries under it."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
import zlib
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path

import n1codec
from n1codec import codec, container, native, pipeline
from n1codec.codec import Stage, UnavailableError

_FRAMEWORK = tuple(Path(module.__file__) for module in (codec, pipeline, container) if module.__file__)


@cache
def cpu() -> str:
    """Return the processor's model and the number of its logical cores, and whether our kernels do without its SIMD."""
    model = ""
    try:
        if sys.platform.startswith("linux"):
            found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
            model = found[1] if found else ""
        elif sys.platform == "darwin":
            command = ["sysctl", "-n", "machdep.cpu.brand_string"]
            model = subprocess.run(command, capture_output=True, text=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        pass
    without = "" if native.SIMD else " without SIMD"
    return f"{model or platform.processor() or platform.machine()} x{os.cpu_count()}{without}"


@cache
def name() -> str:
    """Return a short name that machines share exactly if their timings may be compared."""
    kind = f"{platform.system()}-{platform.machine()}".lower()
    return f"{kind}-{zlib.crc32(f'{kind} {cpu()}'.encode()):08x}"


def fingerprint() -> dict[str, str]:
    """Return the columns of a result row that do not depend on the codec."""
    return {
        "machine": name(),
        "cpu": cpu(),
        "python": platform.python_version(),
        "n1codec": n1codec.__version__,
    }


@cache
def _distributions() -> dict[str, list[str]]:
    return dict(packages_distributions())


def libraries(stages: list[type[Stage]]) -> str:
    """Return ``name version`` of every package that stages need, joined by "; "."""
    found = []
    for module in dict.fromkeys(m for stage in stages for m in stage.requires):
        package = _distributions().get(module.partition(".")[0], [module])[0]
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            found.append(f"{package} ?")
    return "; ".join(found)


@cache
def _checksum(path: Path) -> int:
    return zlib.crc32(path.read_bytes())


def uses_kernels(stage: type[Stage]) -> bool:
    """Whether a stage's module calls libn1c."""
    return any(isinstance(thing, native.Kernel) for thing in vars(sys.modules[stage.__module__]).values())


def code_version(stages: list[type[Stage]], files: Sequence[Path] = ()) -> str:
    """Return 8 hex digits that change when what makes a file of these stages does.

    That is the code of the stages and of what they inherit, the framework that shapes the bytes around them, the
    versions of their libraries, and, if one of them calls it, libn1c. The last is one file: an edit of any kernel is a
    new version of every codec with a kernel, which is run again. Which kernels share code is not worth knowing here: a
    result that is measured once too often does no harm, a stale one does. ``files`` are others that they depend on.
    """
    digest = zlib.crc32(libraries(stages).encode())
    paths = [*_FRAMEWORK, *files]
    for stage in stages:
        modules = dict.fromkeys(base.__module__ for base in stage.__mro__ if issubclass(base, Stage))
        found = (getattr(sys.modules[module], "__file__", None) for module in modules)
        paths += [Path(path) for path in found if path]
    if any(uses_kernels(stage) for stage in stages):
        with suppress(UnavailableError):
            paths.append(Path(native.library()._name))
    for path in paths:
        digest = zlib.crc32(_checksum(path).to_bytes(4, "little"), digest)
    return f"{digest:08x}"
