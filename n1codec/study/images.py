"""Recordings as pictures: a row a channel, a column a frame, 16 bits of grey; by Pillow, which matplotlib brings."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from n1codec.codec import CodecError, Layout

_PREDICTOR, _DIFFERENCES = 317, 2
"""The TIFF tag that says how a row is predicted, and its value for horizontal differences (TIFF 6.0, section 14)."""


class Picture:
    """A lossless picture format of samples of 16 bits, shape (frames, channels)."""

    def __init__(self, form: str, **options: Any) -> None:
        """``form`` and the options are Pillow's."""
        self.form, self.options = form, options

    def encode(self, x: np.ndarray) -> bytes:
        from PIL import Image

        if x.dtype.itemsize != 2 or x.dtype.kind not in "iu":
            raise CodecError(f"pictures have 16 bits of grey, {x.dtype} does not fit")
        file = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(_flipped(x).T)).save(file, self.form, **self.options)
        return file.getvalue()

    def decode(self, data: bytes, layout: Layout) -> np.ndarray:
        from PIL import Image

        with Image.open(io.BytesIO(data), formats=[self.form]) as picture:
            grey = np.asarray(picture).astype(np.uint16).T
        return _flipped(grey.view(layout.dtype)).view(layout.dtype)


def _flipped(x: np.ndarray) -> np.ndarray:
    """Return signed samples as grey values in their order, or such values as samples: the highest bit is turned."""
    return x.view(np.uint16) ^ np.uint16(0x8000 if x.dtype.kind == "i" else 0)


class Png(Picture):
    """PNG: each row is predicted from its neighbours on the left and above, then deflated (ISO/IEC 15948)."""

    def __init__(self) -> None:
        super().__init__("PNG")


class Tiff(Picture):
    """TIFF, compressed by LZW or, with horizontal differences before it, by deflate."""

    def __init__(self, compression: str) -> None:
        differences = {_PREDICTOR: _DIFFERENCES} if compression == "tiff_adobe_deflate" else {}
        super().__init__("TIFF", compression=compression, tiffinfo=differences)
