"""Name -> stage class, found lazily in algorithms/, in the folders of $N1CODEC_PATH and in entry points.

Nothing is imported before it is asked for by name: ``./encode`` pays for one codec, not for fifty.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from n1codec.codec import SpecError, Stage, UnavailableError

ENTRY_POINTS = "n1codec.codecs"

DEFAULT = "n1"
"""The codec of whoever names none."""

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


def _folders() -> list[Path]:
    package = Path(__file__).parent
    own = package / "algorithms"  # in a wheel
    if not own.is_dir():
        own = package.parent / "algorithms"  # in a checkout
    return [own, *(Path(p) for p in os.environ.get("N1CODEC_PATH", "").split(os.pathsep) if p)]


@cache
def _modules() -> dict[str, tuple[str, Path]]:
    """Return {name: (family, file)} of every module that is a stage, local ones only."""
    found: dict[str, tuple[str, Path]] = {}
    for folder in _folders():
        if not folder.is_dir():
            raise SpecError(f"{folder}: no such folder of algorithms (look at N1CODEC_PATH)")
        for path in sorted((*folder.glob("*.py"), *folder.glob("*/*.py"))):
            if path.name.startswith("_"):
                continue
            family = path.parent.name if path.parent != folder else "external"
            if path.stem in found:
                raise SpecError(f"{path}: {found[path.stem][1]} already has that name (rename one of them)")
            found[path.stem] = family, path
    return found


@cache
def _load(name: str) -> type[Stage]:
    family, path = _modules()[name]
    qualified = f"n1codec.algorithms.{family}.{name}"
    spec = spec_from_file_location(qualified, path)
    assert spec and spec.loader
    module = module_from_spec(spec)
    sys.modules[qualified] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
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
    stage = own[0]
    stage.name, stage.family = name, family
    return stage


@cache
def _entry_points() -> dict[str, type[Stage]]:
    from importlib.metadata import entry_points

    found: dict[str, type[Stage]] = {}
    for point in entry_points(group=ENTRY_POINTS):
        stage = point.load()
        stage.name = point.name
        stage.family = getattr(stage, "family", "external")
        found[point.name] = stage
    return found


def find(name: str) -> type[Stage]:
    """Return the stage class called ``name``.

    Raises:
        SpecError: nothing has that name; the message names the nearest ones.
    """
    if name in _modules():
        return _load(name)
    if name in _entry_points():
        return _entry_points()[name]
    from difflib import get_close_matches

    near = get_close_matches(name, {*_modules(), *CLASSIC, *_entry_points()}, n=3, cutoff=0.5)
    hint = f"did you mean {', '.join(near)}?" if near else "see n1codec list"
    raise SpecError(f"unknown codec or filter {name!r} ({hint})")


def find_wire(wire: str) -> type[Stage]:
    """Return the stage class whose short name in .n1c files is ``wire``.

    A short name begins with its stage's first letter, so only those modules are imported.

    Raises:
        UnavailableError: no stage here has it.
    """
    for name in _modules():
        if name[0] == wire[0] and wire in (name, _load(name).wire):
            return _load(name)
    for name, stage in _entry_points().items():
        if wire in (name, stage.wire):
            return stage
    raise UnavailableError(f"it was written by the codec {wire!r}, which is not here (set N1CODEC_PATH or install it)")


def names() -> Iterator[str]:
    """Yield the name of every stage, by family; entry points last."""
    local = _modules()
    yield from sorted(local, key=lambda name: (local[name][0], name))
    yield from (name for name in sorted(_entry_points()) if name not in local)
