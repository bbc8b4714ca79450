"""Every method that the study measures, as data: a new codec of this house is one line here.

The class project: B. Antin and A. Degleris, "Compressing Neuropixel recordings", EE376A, Stanford (2019), measured on
60 seconds of a Neuropixels 3A probe.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from n1codec.codec import Layout
from n1codec.pipeline import get_codec
from n1codec.study.differences import Differences
from n1codec.study.images import Png, Tiff
from n1codec.study.sprintz import Sprintz
from n1codec.study.wavelets import Wavelet


class Lossless(Protocol):
    """What a method is measured by; the house's codecs are such."""

    def encode(self, x: np.ndarray, /) -> bytes:
        """Return the bytes of samples of shape (frames, channels)."""

    def decode(self, data: bytes, layout: Layout, /) -> np.ndarray:
        """Return the samples from nothing but their bytes, shape and dtype."""


@dataclass(frozen=True)
class ChannelMajor:
    """A codec of this house that sees all frames of a channel, then those of the next, as one long channel."""

    spec: str

    def encode(self, x: np.ndarray) -> bytes:
        return get_codec(self.spec).encode(np.ascontiguousarray(x.T).reshape(-1))

    def decode(self, data: bytes, layout: Layout) -> np.ndarray:
        frames, channels = layout.shape
        return get_codec(self.spec).decode(data, Layout((layout.size,), layout.dtype)).reshape(channels, frames).T


class Method(NamedTuple):
    """One way to store a recording."""

    name: str
    group: str
    """The part of the table that it stands in."""
    spec: str
    """The codec of this house that does it, or what does it, in words."""
    codec: Callable[[], Lossless]
    published: float | None = None
    """The ratio that the class project reached with it."""
    timed: bool = True
    """False: it is a reference that was written to be read, so that its speed means nothing."""


def _house(name: str, group: str, spec: str, published: float | None = None) -> Method:
    """A codec of this house that is given frames of all channels; one for single channels gets them one by one."""
    return Method(name, group, spec, lambda: get_codec(spec), published)


def _apart(name: str, group: str, spec: str, published: float | None = None) -> Method:
    """A codec of this house that is given the channels one behind the other."""
    return Method(name, group, f"{spec} (channel after channel)", lambda: ChannelMajor(spec), published)


THEIRS, NAMED, PREDICTORS, WAVELETS, TODAY = (
    "the class project",
    "other known methods",
    "differences and linear predictors",
    "wavelets",
    "codecs of today",
)

_ASIDE = "outliers aside, value and index"
_GREY = "16 bits of grey, a row a channel"
_BLOSC = "blosc:cname=zstd,clevel=5,shuffle=bit,typesize=2"

METHODS: tuple[Method, ...] = (
    _house("raw", THEIRS, "copy", 1.0),
    _house("gzip", THEIRS, "gzip", 2.38),
    _house("bzip2", THEIRS, "bz2", 3.15),
    _apart("bzip2, channel after channel", THEIRS, "bz2"),
    *(Method(f"{bits}-bit differences", THEIRS, _ASIDE, lambda bits=bits: Differences(bits), published, False)  # type: ignore[misc]
      for bits, published in ((8, 1.92), (6, None), (4, None))),
    *(Method(f"{bits}-bit differences + bzip2", THEIRS, f"{_ASIDE}, bz2",
             lambda bits=bits: Differences(bits, "bz2"), published, False)  # type: ignore[misc]
      for bits, published in ((8, 3.31), (6, 3.19), (4, 1.94))),
    _apart("integer Haar wavelet + bzip2", THEIRS, "haar|bz2", 2.65),
    Method("Sprintz, delta", NAMED, "delta, zigzag, packed in blocks of 8", lambda: Sprintz("delta"), timed=False),
    Method("Sprintz, FIRE", NAMED, "FIRE, zigzag, packed in blocks of 8", lambda: Sprintz("fire"), timed=False),
    Method("Sprintz, FIRE + Huffman", NAMED, "the same, then Huffman codes of its bytes",
           lambda: Sprintz("fire", huffman=True), timed=False),
    Method("PNG", NAMED, _GREY, Png),
    Method("TIFF, LZW", NAMED, _GREY, lambda: Tiff("tiff_lzw")),
    Method("TIFF, deflate, differences", NAMED, _GREY, lambda: Tiff("tiff_adobe_deflate")),
    _house("8-bit differences, outliers in line", NAMED, "kbit|copy"),
    _house("first differences + Huffman", NAMED, "delta|huffman"),
    _house("no prediction", PREDICTORS, "arange"),
    _house("first differences", PREDICTORS, "delta|arange"),
    _house("second differences", PREDICTORS, "delta:order=2|arange"),
    _house("third differences", PREDICTORS, "delta:order=3|arange"),
    *(_house(f"linear predictor, order {order}", PREDICTORS, f"lpc:order={order}|arange")
      for order in (1, 2, 4, 8, 16, 32)),
    _house("Haar wavelet in time", WAVELETS, "haar|arange"),
    _house("5/3 wavelet in time", WAVELETS, "legall53|arange"),
    *(Method(f"{title} wavelet in time and across channels + {coder}", WAVELETS, f"{name} in both dimensions, {coder}",
             lambda name=name, coder=coder: Wavelet(name, coder))  # type: ignore[misc]
      for name, title in (("haar", "Haar"), ("legall53", "5/3")) for coder in ("bz2", "arange")),
    _apart("mtscomp: time differences + zlib 6", TODAY, "delta|zlib:level=6"),
    _house("blosc zstd 5, bits shuffled (SpikeInterface)", TODAY, _BLOSC),
    _house("differences + blosc zstd 5, bits shuffled", TODAY, f"delta|{_BLOSC}"),
    _house("zstd 3", TODAY, "zstd:level=3"),
    _house("WavPack, fast", TODAY, "wavpack:level=1"),
    _house("WavPack, very high", TODAY, "wavpack"),
    _house("FLAC 5", TODAY, "flac:level=5"),
    _house("FLAC 8", TODAY, "flac"),
    _house("pcodec 8", TODAY, "pcodec"),
    _house("pcodec 12, linear predictor", TODAY, "pcodec:level=12,delta=conv1,order=8"),
    _house("ours: linear predictor, adaptive range coder", TODAY, "remap|lpc|arange"),
    _house("ours: n1 for each channel", TODAY, "n1:profile=none"),
    _house("ours: n1_multi, fast", TODAY, "n1_multi:preset=fast"),
    _house("ours: n1_multi", TODAY, "n1_multi"),
)  # fmt: skip

PUBLISHED_BITS = {"entropy of samples": 3.53, "entropy of first differences": 3.37}
"""Bits of the class project's bounds, by the name of the row, as they were given."""
