"""Our codecs for Zarr: ``N1Multi()``, ``N1Codec(spec)`` and others are what the installed Zarr takes.

Under Zarr 3 each is a ``serializer``, under Zarr 2 (and SpikeInterface, which needs it) a ``compressor``. For an array
of Zarr's second format under Zarr 3 the compressor is ``numcodecs.get_codec({"id": "n1_multi"})``.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

from n1codec.codec import UnavailableError

__all__ = ["N1", "N1Codec", "N1Implant", "N1Max", "N1Multi"]

try:
    _generation = int(version("zarr").split(".")[0])
    _home = import_module("n1codec.adapters.zarr3" if _generation > 2 else "n1codec.adapters.numcodecs")
except (PackageNotFoundError, ModuleNotFoundError) as error:
    raise UnavailableError(f"n1codec.zarr needs Zarr: {error} (pip install 'n1codec[zarr]')") from error

N1, N1Codec, N1Implant, N1Max, N1Multi = (getattr(_home, name) for name in __all__)
