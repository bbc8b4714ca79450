"""Our codecs for Zarr: ``N1Multi()``, ``N1Codec(spec)`` and others are what the installed Zarr takes.

Under Zarr 3 each is a ``serializer``, under Zarr 2 (and SpikeInterface, which needs it) a ``compressor``. For an array
of Zarr's second format under Zarr 3 the compressor is ``numcodecs.get_codec({"id": "n1_multi"})``.

``save`` writes a recording into a group, from which ``restore`` writes its original files again, byte for byte.
"""

from __future__ import annotations

from n1codec.adapters import installed

__all__ = ["N1", "N1Codec", "N1Implant", "N1Max", "N1Multi", "restore", "save"]

N1, N1Codec, N1Implant, N1Max, N1Multi = (getattr(installed.codecs(), name) for name in __all__[:5])

from n1codec.adapters.originals import restore, save  # noqa: E402  (which says less well that there is no Zarr)
