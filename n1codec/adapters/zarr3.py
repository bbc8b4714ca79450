"""A codec for Zarr 3: an array's samples to bytes, the ``serializer`` of an array.

It is found without an import of n1codec, under the name ``n1codec``, by an entry point. Its configuration is the spec.
A chunk holds a checksum of its samples and what the codec made of them, and nothing that the array's metadata say
already (docs/format.md, "Chunks in other formats"). It works inside shards, too.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Self

from zarr.abc.codec import ArrayBytesCodec

from n1codec import registry
from n1codec.adapters import chunks
from n1codec.codec import CodecError

__all__ = ["N1", "N1Codec", "N1Implant", "N1Max", "N1Multi"]

NAME = "n1codec"
"""It stands in the metadata of arrays, and never changes."""


@dataclass(frozen=True)
class N1Codec(ArrayBytesCodec):  # type: ignore[misc, unused-ignore]
    """Any codec of n1codec, by its spec.

    Attributes:
        spec: such as ``remap|lpc|rans``; ``n1codec list`` shows all. It is kept in its canonical spelling.

    Raises:
        SpecError: the spec is wrong.
        CodecError: it is a codec of files and not of arrays.
    """

    is_fixed_size = False

    spec: str = registry.INTEGERS

    def __post_init__(self) -> None:
        object.__setattr__(self, "spec", chunks.codec_of(self.spec).spec)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Return the codec that metadata name.

        Raises:
            ValueError: they name another codec, or have what this one does not know.
        """
        configuration = data.get("configuration", {})
        if data.get("name") != NAME or not isinstance(configuration, dict) or set(configuration) - {"spec"}:
            raise ValueError(f"the codec {NAME} is written {{'name': {NAME!r}, 'configuration': {{'spec': ...}}}}, "
                             f"not {data!r}")  # fmt: skip
        return cls(**configuration)

    def to_dict(self) -> dict[str, Any]:
        return {"name": NAME, "configuration": {"spec": self.spec}}

    def validate(self, *, shape: Any, dtype: Any, chunk_grid: Any) -> None:
        """Refuse arrays that cannot be kept bit for bit, when they are made.

        Raises:
            ValueError: the dtype is no integer or float of 8 to 64 bits.
        """
        try:
            chunks.check_dtype(dtype.to_native_dtype())
        except CodecError as error:
            raise ValueError(str(error)) from error

    def evolve_from_array_spec(self, array_spec: Any) -> Self:
        return self

    def compute_encoded_size(self, input_byte_length: int, _chunk_spec: Any) -> int:
        raise NotImplementedError

    def _encode_sync(self, chunk_array: Any, chunk_spec: Any) -> Any:
        coded = chunks.encode(chunk_array.as_numpy_array(), chunks.codec_of(self.spec))
        return chunk_spec.prototype.buffer.from_bytes(coded)

    def _decode_sync(self, chunk_bytes: Any, chunk_spec: Any) -> Any:
        dtype = chunk_spec.dtype.to_native_dtype()
        samples = chunks.decode(chunk_bytes.as_numpy_array(), chunks.decoder_of(self.spec), chunk_spec.shape, dtype)
        return chunk_spec.prototype.nd_buffer.from_numpy_array(samples)

    async def _encode_single(self, chunk_array: Any, chunk_spec: Any) -> Any:
        return await asyncio.to_thread(self._encode_sync, chunk_array, chunk_spec)

    async def _decode_single(self, chunk_bytes: Any, chunk_spec: Any) -> Any:
        return await asyncio.to_thread(self._decode_sync, chunk_bytes, chunk_spec)


def N1(**parameters: Any) -> N1Codec:
    """Return the codec for recordings of the N1 implant: ``profile``, see docs/codec.md."""
    return N1Codec(chunks.spec_of("n1", parameters))


def N1Implant(**parameters: Any) -> N1Codec:
    """Return the same in small integers: parameters are those that ``n1codec list`` shows, see docs/implant.md."""
    return N1Codec(chunks.spec_of("n1_implant", parameters))


def N1Max(**parameters: Any) -> N1Codec:
    """Return the same by a network that learns on the way, for the smallest files: see docs/max.md."""
    return N1Codec(chunks.spec_of("n1_max", parameters))


def N1Multi(**parameters: Any) -> N1Codec:
    """Return the codec for channels recorded together: ``preset`` ("best" or "fast"), ``profile``; docs/multi.md."""
    return N1Codec(chunks.spec_of("n1_multi", parameters))
