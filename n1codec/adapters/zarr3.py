"""Codecs for Zarr 3: an array's samples to bytes, the ``serializer`` of an array, and filters in front of anybody's.

They are found without an import of n1codec, under the names ``n1codec`` and ``n1codec_filter``, by entry points. Their
configuration is the spec. A chunk of the first holds a checksum of its samples and what the codec made of them, and
nothing that the array's metadata say already (docs/format.md, "Chunks in other formats"). It works inside shards, too.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from zarr.abc.codec import ArrayArrayCodec, ArrayBytesCodec
from zarr.dtype import parse_dtype

from n1codec import registry
from n1codec.adapters import chunks
from n1codec.codec import CodecError, Filter, Layout, SpecError
from n1codec.pipeline import get_codec

__all__ = ["N1", "N1Codec", "N1Filter", "N1Implant", "N1Max", "N1Multi"]

NAME, FILTER = "n1codec", "n1codec_filter"
"""They stand in the metadata of arrays, and never change."""


def _spec_in(data: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the configuration in a codec's metadata: a spec, or nothing.

    Raises:
        ValueError: they name another codec, or have what this one does not know.
    """
    configuration = data.get("configuration", {})
    if data.get("name") != name or not isinstance(configuration, dict) or set(configuration) - {"spec"}:
        raise ValueError(
            f"the codec {name} is written {{'name': {name!r}, 'configuration': {{'spec': ...}}}}, not {data!r}"
        )
    return configuration


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
        return cls(**_spec_in(data, NAME))

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


@dataclass(frozen=True)
class N1Filter(ArrayArrayCodec):  # type: ignore[misc, unused-ignore]
    """A filter of n1codec in front of another ``serializer``, and its ``compressors``.

    Attributes:
        spec: a filter without side information: zigzag, planes or bitshuffle. Zarr has no place for that of others;
            they are part of the spec of an N1Codec.

    Raises:
        SpecError: it is none of these.
    """

    is_fixed_size = True

    spec: str = "zigzag"

    def __post_init__(self) -> None:
        pipeline = get_codec(f"{self.spec}|{registry.STORED}")
        if len(pipeline.filters) != 1 or pipeline.filters[0].side:
            raise SpecError(
                f"{self.spec}: it is no filter without side information (zigzag, planes and bitshuffle are)"
            )
        object.__setattr__(self, "spec", pipeline.spec.removesuffix(f"|{registry.STORED}"))

    @property
    def _filter(self) -> Filter:
        return get_codec(f"{self.spec}|{registry.STORED}").filters[0]

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Return the filter that metadata name.

        Raises:
            ValueError: they name another codec, or have what this one does not know.
        """
        return cls(**_spec_in(data, FILTER))

    def to_dict(self) -> dict[str, Any]:
        return {"name": FILTER, "configuration": {"spec": self.spec}}

    def validate(self, *, shape: Any, dtype: Any, chunk_grid: Any) -> None:
        """Refuse arrays whose dtype the filter does not take, when they are made.

        Raises:
            ValueError: it does not.
        """
        taken, native = self._filter.dtypes, dtype.to_native_dtype().newbyteorder("=")
        try:
            chunks.check_dtype(native)
        except CodecError as error:
            raise ValueError(str(error)) from error
        if taken and native.name not in taken:
            raise ValueError(f"{self.spec} does not take {native} (it takes {', '.join(taken)})")

    def evolve_from_array_spec(self, array_spec: Any) -> Self:
        return self

    def compute_encoded_size(self, input_byte_length: int, _chunk_spec: Any) -> int:
        return input_byte_length

    def resolve_metadata(self, chunk_spec: Any) -> Any:
        """Return what is known of a chunk behind the filter."""
        made = self._filter.output(_layout(chunk_spec), b"")
        dtype = parse_dtype(made.dtype, zarr_format=3)
        return replace(chunk_spec, shape=made.shape, dtype=dtype, fill_value=dtype.default_scalar())

    def _encode_sync(self, chunk_array: Any, chunk_spec: Any) -> Any:
        x = np.ascontiguousarray(chunk_array.as_numpy_array(), _layout(chunk_spec).dtype)
        return chunk_spec.prototype.nd_buffer.from_numpy_array(self._filter.forward(x)[0])

    def _decode_sync(self, chunk_array: Any, chunk_spec: Any) -> Any:
        layout = _layout(chunk_spec)
        made = self._filter.output(layout, b"")
        y = np.ascontiguousarray(chunk_array.as_numpy_array(), made.dtype).reshape(made.shape)
        return chunk_spec.prototype.nd_buffer.from_numpy_array(self._filter.inverse(y, b"", layout))

    async def _encode_single(self, chunk_array: Any, chunk_spec: Any) -> Any:
        return await asyncio.to_thread(self._encode_sync, chunk_array, chunk_spec)

    async def _decode_single(self, chunk_array: Any, chunk_spec: Any) -> Any:
        return await asyncio.to_thread(self._decode_sync, chunk_array, chunk_spec)


def _layout(chunk_spec: Any) -> Layout:
    return Layout(chunk_spec.shape, chunk_spec.dtype.to_native_dtype().newbyteorder("="))


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
