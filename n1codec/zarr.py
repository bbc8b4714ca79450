"""Our codecs for Zarr: ``N1Multi()``, ``N1Codec(spec)`` and others are what the installed Zarr takes.

Under Zarr 3 each is a ``serializer``, under Zarr 2 (and SpikeInterface, which needs it) a ``compressor``. For an array
of Zarr's second format under Zarr 3 the compressor is ``numcodecs.get_codec({"id": "n1_multi"})``.

Under Zarr 3 there is ``N1Filter(spec)``, too, for a filter in front of somebody else's ``serializer``.

``save`` writes a recording into a group, from which ``restore`` writes its original files again, byte for byte.
"""

from __future__ import annotations

from n1codec.adapters import installed

__all__ = ["N1", "N1Codec", "N1Implant", "N1Max", "N1Multi", "restore", "save"]

_codecs = installed.codecs()
N1, N1Codec, N1Implant, N1Max, N1Multi = (getattr(_codecs, name) for name in __all__[:5])
if hasattr(_codecs, "N1Filter"):
    N1Filter = _codecs.N1Filter
    __all__ += ["N1Filter"]

from n1codec.adapters.originals import restore, save  # noqa: E402  (which says less well that there is no Zarr)
