"""What a measurement was made on: machine, Python, versions of the codec and of the libraries under it."""

from __future__ import annotations

import ast
import os
import platform
import re
import subprocess
import sys
import zlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from importlib.util import find_spec, resolve_name
from pathlib import Path

import n1codec
from n1codec import container, native
from n1codec.codec import Stage, UnavailableError


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


@cache
def _imported(path: Path, package: str) -> frozenset[str]:
    """Return the modules of n1codec that a source file of ``package`` imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            home = resolve_name("." * node.level + (node.module or ""), package) if node.level else node.module or ""
            found.update((home, *(f"{home}.{alias.name}" for alias in node.names)))
    return frozenset(name for name in found if name.startswith("n1codec."))


@cache
def _source(module: str) -> tuple[Path, str] | None:
    """Return a module's file and its package; None for what is no module, such as a class."""
    try:
        spec = find_spec(module)
    except (ModuleNotFoundError, ValueError):
        return None
    if not spec or not spec.origin or not spec.has_location:
        return None
    return Path(spec.origin), spec.name if spec.submodule_search_locations else spec.parent or ""


def sources(modules: Iterable[str]) -> dict[str, Path]:
    """Return {name: file} of modules and of every module of n1codec that they import, sorted by name.

    Packages count as imported with their modules; n1codec itself, which only names things, does not.
    """
    found: dict[str, Path] = {}
    todo = list(modules)
    while todo:
        name = todo.pop()
        source = None if name in found else _source(name)
        if source:
            found[name] = source[0]
            parent = name.rpartition(".")[0]
            todo += _imported(*source) | ({parent} if parent.startswith("n1codec.") else set())
    return dict(sorted(found.items()))


def _modules(stage: type[Stage]) -> list[str]:
    """Return the modules of a stage and of what it inherits."""
    return [base.__module__ for base in stage.__mro__ if issubclass(base, Stage)]


def uses_kernels(stage: type[Stage]) -> bool:
    """Return whether a stage's code calls libn1c."""
    return native.__name__ in sources(_modules(stage))


def code_version(stages: list[type[Stage]], files: Sequence[Path] = ()) -> str:
    """Return 8 hex digits that change when the code that makes a file of these stages does.

    This is the code of the stages, of what they inherit, of the container, and of every module of n1codec that one of
    these imports; the versions of the stages' libraries; and libn1c if a stage calls it. libn1c is one file: an edit of
    any kernel is a new version of every codec with a kernel, which is run again. Which kernels share code is not worth
    knowing here: a result that is measured once too often does no harm, a stale one does.

    Args:
        files: further files that the stages depend on.
    """
    digest = zlib.crc32(libraries(stages).encode())
    modules = sources([container.__name__, *(module for stage in stages for module in _modules(stage))])
    paths = [*modules.values(), *files]
    if any(uses_kernels(stage) for stage in stages):
        with suppress(UnavailableError):
            paths.append(Path(native.library()._name))
    for path in paths:
        digest = zlib.crc32(_checksum(path).to_bytes(4, "little"), digest)
    return f"{digest:08x}"
