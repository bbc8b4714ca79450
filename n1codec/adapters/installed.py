"""Which generation of Zarr is installed, and our codecs for it."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType

from n1codec.codec import UnavailableError


def codecs() -> ModuleType:
    """Return the module of our codecs for the Zarr that is installed.

    Raises:
        UnavailableError: none is, or it lacks numcodecs.
    """
    try:
        generation = int(version("zarr").split(".")[0])
        return import_module("n1codec.adapters.zarr3" if generation > 2 else "n1codec.adapters.numcodecs")
    except (PackageNotFoundError, ModuleNotFoundError) as error:
        raise UnavailableError(f"this needs Zarr: {error} (pip install 'n1codec[zarr]')") from error
