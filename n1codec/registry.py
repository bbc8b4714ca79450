"""Name -> stage class, found lazily in algorithms/, in the folders of $N1CODEC_PATH and in entry points.

Nothing is imported before it is asked for by name: ``./encode`` pays for one codec, not for fifty.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from n1codec import algorithms
from n1codec.codec import SpecError, Stage, UnavailableError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

ENTRY_POINTS = "n1codec.codecs"

AUTO = "auto"
"""Stands for the codec that suits a recording: what whoever names none gets (see n1codec.container.packing.choose)."""
DEFAULT = "n1"
"""The codec of one channel of N1's codes where nobody names one."""
INTEGERS = "n1_multi"
"""The codec of all other integers where nobody names one."""
STORED = "copy"
"""The codec that does nothing."""

CLASSIC = {
    "huff": "huffman",
    "zstd": "zstd",
    "blosc_zstd": "blosc:cname=zstd",
    "blosc_lz4": "blosc:cname=lz4",
    "blosc_lz4hc": "blosc:cname=lz4hc",
    "blosc_zlib": "blosc:cname=zlib",
    "gzip": "gzip",
    "lzma": "lzma",
    "lz4": "lz4",
    "lstd_numcodec": "numcodecs_zstd",
    "bz2": "bz2",
    "wavpack": "wavpack",
}
CLASSIC |= {f"delta_{name}": f"delta|{coder}" for name, coder in CLASSIC.items()}
"""The 24 classic mode names and what they stand for. A stage's defaults are the classic settings."""


class _Module(NamedTuple):
    family: str
    path: Path
    own: bool


@cache
def _modules() -> dict[str, _Module]:
    """Return {name: module} of every local module that is a stage; our own go before those of $N1CODEC_PATH."""
    _problems.clear()
    found: dict[str, _Module] = {}
    own = algorithms.HOME
    for folder in (own, *map(Path, filter(None, os.environ.get("N1CODEC_PATH", "").split(os.pathsep)))):
        if not folder.is_dir():
            _problems.append(f"{folder}: no such folder (look at N1CODEC_PATH)")
        for path in sorted((*folder.glob("*.py"), *folder.glob("*/*.py"))):
            if path.name.startswith("_") or path.parent.name.startswith("_"):
                continue  # helpers
            family = path.parent.name if path.parent != folder else "external"
            if path.stem in found:
                _problems.append(f"{path}: it is left out, {found[path.stem].path} has that name (rename one of them)")
                continue
            found[path.stem] = _Module(family, path, folder == own)
    return found


_problems: list[str] = []


def problems() -> list[str]:
    """Return a line for each folder or module that was left out."""
    _modules()
    return list(_problems)


@cache
def _load(name: str) -> type[Stage]:
    family, path, _ = _modules()[name]
    qualified = f"{algorithms.__name__}.{family}.{name}"
    spec = spec_from_file_location(qualified, path)
    assert spec and spec.loader
    module = module_from_spec(spec)
    sys.modules[qualified] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise UnavailableError(f"{path}: {type(error).__name__}: {error}") from error
    own = [
        thing
        for thing in vars(module).values()
        if isinstance(thing, type)
        and issubclass(thing, Stage)
        and thing.__module__ == qualified
        and not thing.__name__.startswith("_")
    ]
    if len(own) != 1:
        raise UnavailableError(f"{path}: defines {len(own)} stages instead of one (see CONTRIBUTING.md)")
    return _named(own[0], name, family, str(path))


def _named(stage: type[Stage], name: str, family: str, where: str) -> type[Stage]:
    if missing := sorted(getattr(stage, "__abstractmethods__", ())):
        raise UnavailableError(f"{where}: {stage.__name__} lacks {', '.join(missing)} (see CONTRIBUTING.md)")
    stage.name, stage.family = name, family
    return stage


@cache
def _entry_points() -> dict[str, EntryPoint]:
    from importlib.metadata import entry_points

    return {point.name: point for point in entry_points(group=ENTRY_POINTS)}


@cache
def _load_entry_point(name: str) -> type[Stage]:
    point = _entry_points()[name]
    where = f"{point.value} ({point.dist.name if point.dist else 'no distribution'})"
    try:
        stage = point.load()
        if not issubclass(stage, Stage):
            raise TypeError("it is no filter and no coder")
    except (Exception, SystemExit) as error:
        raise UnavailableError(f"{where}: {type(error).__name__}: {error}") from error
    return _named(stage, name, getattr(stage, "family", "external"), where)


def find(name: str) -> type[Stage]:
    """Return the stage class called ``name``.

    Raises:
        SpecError: nothing has that name; the message names the nearest ones.
        UnavailableError: its module does not load.
    """
    if name in _modules():
        return _load(name)
    if name in _entry_points():
        return _load_entry_point(name)
    from difflib import get_close_matches

    near = get_close_matches(name.lower(), {*_modules(), *CLASSIC, *_entry_points()}, n=3, cutoff=0.5)
    hint = f"did you mean {', '.join(near)}?" if near else "see n1codec list"
    raise SpecError("; ".join([f"unknown codec or filter {name!r} ({hint})", *problems()]))


def build(name: str, values: Mapping[str, Any]) -> Stage:
    """Return the stage called ``name`` with these values of its parameters; pickled stages are restored by it."""
    return find(name)(**values)


def family(name: str) -> str:
    """Return the family of a stage without importing its module."""
    return _modules()[name].family if name in _modules() else "external"


@cache
def find_wire(wire: str) -> type[Stage]:
    """Return the stage class whose short name in .n1c files, or whose name, is ``wire``.

    A short name begins with its stage's first letter, so only such modules are imported, up to the one that has it.

    Raises:
        UnavailableError: no stage here has it, or its module does not load.
    """
    letter = wire[:1].lower()
    for name in _modules():
        if name[0] != letter:
            continue
        try:
            if wire in (name, _load(name).wire):
                return _load(name)
        except UnavailableError:
            if wire == name:
                raise
    if wire in _entry_points():
        return _load_entry_point(wire)
    raise UnavailableError(f"it was written by the codec {wire!r}, which is not here (set N1CODEC_PATH or install it)")


def wire(stage: Stage) -> str:
    """Return the name of a stage in .n1c files: the short one where it has one that no other has.

    Raises:
        SpecError: both its names are another's.
    """
    if stage.name in _modules() and _modules()[stage.name].own:
        return stage.wire or stage.name
    for candidate in filter(None, (stage.wire, stage.name)):
        try:
            if find_wire(candidate) is type(stage):
                return candidate
        except UnavailableError:
            continue
    raise SpecError(f"{stage.name}: another codec has this short name (rename the module)")


def names() -> Iterator[str]:
    """Yield the name of every stage, by family; entry points last."""
    local = _modules()
    yield from sorted(local, key=lambda name: (local[name].family, name))
    yield from (name for name in sorted(_entry_points()) if name not in local)
