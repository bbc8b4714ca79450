"""Codecs for numcodecs, and so for Zarr 2 and arrays of Zarr's second format.

They are found without an import of n1codec: ``numcodecs.get_codec({"id": "n1_multi"})``, by entry points. Each is the
``compressor`` of an array, without ``filters``, which would hand over samples without their shape: our own filters are
part of a spec. A chunk has the frames along its first axis and says all that decoding needs (docs/format.md, "Chunks in
other formats").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from numcodecs.abc import Codec
from numcodecs.compat import ensure_ndarray_like, ndarray_copy

from n1codec import registry
from n1codec.adapters import chunks

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

__all__ = ["N1", "N1Codec", "N1Implant", "N1Max", "N1Multi"]


class N1Codec(Codec):  # type: ignore[misc, unused-ignore]
    """Any codec of n1codec, by its spec.

    Args:
        spec: such as ``remap|lpc|rans``; ``n1codec list`` shows all.

    Raises:
        SpecError: the spec is wrong.
        CodecError: it is a codec of files and not of arrays.
    """

    codec_id: ClassVar[str] = "n1codec"

    def __init__(self, spec: str = registry.INTEGERS) -> None:
        self.spec = chunks.codec_of(spec).spec

    def encode(self, buf: Any) -> bytes:
        """Return the bytes of an array, or of any buffer; its shape, dtype and order are kept.

        Raises:
            CodecError: it is no array of integers or floats of 8 to 64 bits, or the codec cannot run here.
        """
        return chunks.encode_described(ensure_ndarray_like(buf), chunks.codec_of(self.spec))

    def decode(self, buf: Buffer, out: Any = None) -> Any:
        """Return the array that was encoded, or ``out``, a buffer of its size, filled with it.

        Raises:
            FormatError: the bytes are damaged, or were not written by a codec of this module.
            UnavailableError: they were made with a codec, library or profile that is not here.
        """
        return ndarray_copy(chunks.decode_described(buf), out)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(spec={self.spec!r})"


class _Named(N1Codec):
    """One codec of our own under its own name, with its parameters as arguments."""

    def __init__(self, **parameters: Any) -> None:
        super().__init__(chunks.spec_of(self.codec_id, parameters))
        stage = chunks.codec_of(self.spec).coder
        self._said = {key: value for key, value in stage.get_config().items() if value != stage.params[key].default}

    def get_config(self) -> dict[str, Any]:
        return {"id": self.codec_id, **self._said}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{key}={value!r}' for key, value in self._said.items())})"


class N1(_Named):
    """The codec for recordings of the N1 implant: ``profile``, see docs/codec.md."""

    codec_id = "n1"


class N1Implant(_Named):
    """The same in small integers: parameters are those that ``n1codec list`` shows, see docs/implant.md."""

    codec_id = "n1_implant"


class N1Max(_Named):
    """The same by a network that learns on the way, for the smallest files: see docs/max.md."""

    codec_id = "n1_max"


class N1Multi(_Named):
    """The codec for channels that were recorded together: ``preset`` ("best" or "fast"), ``profile``; docs/multi.md."""

    codec_id = "n1_multi"
