"""Pcodec ("Pco"): numbers are binned by range, the bin is coded by tANS and the place in it as bits, behind a delta.

Loncaric, Jeppesen, Zinberg, "Pcodec: Better Compression for Numerical Sequences", arXiv:2502.06112 (2025).
The payload is the number of samples (uint), the header of the library's wrapped format, then for each chunk of at most
2**22 samples a byte (1 if its first page is a short one), the chunk's metadata and its pages.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from n1codec.codec import Choice, CodecError, Coder, FormatError, Int, Layout, SpecError
from n1codec.varint import Reader, put_uint

_CHUNK = 1 << 22
_PAGE = 1 << 18
_BATCH = 256
_MOST = {"consecutive": 7, "conv1": 32}
_LONGEST_META = 1 << 20
"""Bytes of a chunk's metadata at most: three tables of 2**14 bins, each bin under 16 bytes."""


class Pcodec(Coder):
    wire = "pc"
    requires = ("pcodec",)
    extra = "numeric"
    dtypes = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float16", "float32", "float64")
    per_channel = True
    level: int
    delta: str
    order: int
    mode: str
    params = {
        "level": Int(8, 0, 12, "0 is fast, 12 is small"),
        "delta": Choice(
            "auto",
            "none",
            "consecutive",
            "conv1",
            "lookback",
            help="what is predicted: nothing, differences, a linear prediction (up to 32 bits), or a repetition",
        ),
        "order": Int(0, 0, 32, "of consecutive (up to 7) or conv1 (up to 32); 0 is 1 for the one, 8 for the other"),
        "mode": Choice("auto", "classic", help="auto looks for a common step or decimal floats, classic does not"),
    }
    grid = (
        "pcodec",
        "pcodec:level=12",
        "remap|pcodec",
        "remap|pcodec:delta=conv1",
        "remap|pcodec:level=12,delta=conv1,order=8",
        "remap|pcodec:level=12,delta=conv1,order=32",
        "remap|delta|pcodec:level=12,delta=conv1,order=8",
    )
    reference = ("remap|pcodec", "remap|pcodec:level=12,delta=conv1,order=8")

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        most = _MOST.get(self.delta, 0)
        if self.order > most:
            raise SpecError(
                f"pcodec: order={self.order} is not allowed with delta={self.delta} (there it is at most {most})"
            )

    def encode(self, x: np.ndarray) -> bytes:
        with _panics_as(CodecError("pcodec: the library fails on these samples (try another delta or mode)")):
            return self._encode(x)

    def _encode(self, x: np.ndarray) -> bytes:
        from pcodec import wrapped

        compressor = wrapped.FileCompressor()
        out = [put_uint(x.size), compressor.write_header()]
        for at in range(0, x.size, _CHUNK):
            piece = x[at : at + _CHUNK]
            short = _needs_short_page(piece.size)
            chunk = compressor.chunk_compressor(piece, self._config(x.dtype, _pages(piece.size, short)))
            out += [bytes([short]), chunk.write_meta()]
            out += [chunk.write_page(page) for page in range(len(chunk.n_per_page()))]
        return b"".join(out)

    def _config(self, dtype: np.dtype, pages: list[int]) -> Any:
        from pcodec import ChunkConfig, DeltaSpec, ModeSpec, PagingSpec

        delta = "auto" if self.delta == "conv1" and dtype.itemsize > 4 else self.delta
        if delta == "conv1":
            spec = DeltaSpec.try_conv1(self.order or 8)
        elif delta == "consecutive":
            spec = DeltaSpec.try_consecutive(self.order or 1)
        else:
            spec = {"auto": DeltaSpec.auto, "none": DeltaSpec.no_op, "lookback": DeltaSpec.try_lookback}[delta]()
        return ChunkConfig(
            compression_level=self.level,
            mode_spec=ModeSpec.auto() if self.mode == "auto" else ModeSpec.classic(),
            delta_spec=spec,
            paging_spec=PagingSpec.exact_page_sizes(pages),
            enable_8_bit=True,
        )

    def decode(self, data: bytes, layout: Layout) -> np.ndarray:
        with _panics_as(FormatError("its Pcodec stream is damaged")):
            return _decode(data, layout)


@contextmanager
def _panics_as(told: CodecError) -> Iterator[None]:
    """Raise ``told`` where the library raises its PanicException, which is no Exception."""
    try:
        yield
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise told from None


def _needs_short_page(size: int) -> bool:
    """Return whether a chunk of ``size`` samples must begin with a short page.

    The library's conv1 fails on a page whose last batch of 256 is shorter than its order. Half a batch as a page of its
    own in front moves the end of the last page by half a batch.
    """
    return size > _BATCH and 0 < size % _BATCH < _MOST["conv1"]


def _pages(size: int, short: bool) -> list[int]:
    """Return the lengths of the pages of a chunk of ``size`` samples."""
    first = _BATCH // 2 if short else 0
    whole, rest = divmod(size - first, _PAGE)
    return [page for page in (first, *[_PAGE] * whole, rest) if page]


def _longest_page(size: int, itemsize: int) -> int:
    """Return the bytes of a page at most: its state, and of each sample two latents as wide as it is and a lookback.

    Each latent has its bits and those of its bin, 16 at most.
    """
    return 4096 + size * (2 * (itemsize + 2) + 4 + 2)


def _decode(data: bytes, layout: Layout) -> np.ndarray:
    from pcodec import wrapped

    reader = Reader(data)
    if reader.uint() != layout.size:
        raise FormatError("its Pcodec stream has another size")
    data = reader.rest()
    decompressor, at = wrapped.FileDecompressor.new(data)
    x = np.empty(layout.size, layout.dtype)
    kind = layout.dtype.kind + str(8 * layout.dtype.itemsize)
    done = 0
    while done < x.size:
        chunk_size = min(_CHUNK, x.size - done)
        short, at = data[at], at + 1
        if short > 1 or (short and chunk_size <= _BATCH):
            raise FormatError("its Pcodec pages have another size")
        chunk, used = decompressor.chunk_decompressor(data[at : at + _LONGEST_META], kind)
        at += used
        for page in _pages(chunk_size, bool(short)):
            # The library takes bytes alone: each page is given what it may need and not all that is left.
            window = data[at : at + _longest_page(page, x.itemsize)]
            progress, used = chunk.read_page_into(window, page, x[done : done + page])
            if progress.n_processed != page or not progress.finished:
                raise FormatError("its Pcodec page ends too early")
            at, done = at + used, done + page
    if at != len(data):
        raise FormatError("there are bytes after its last Pcodec page")
    return x.reshape(layout.shape)
