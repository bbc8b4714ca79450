"""NumPy's .npy files, formats 1 to 3 (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html).

Arrays are (frames,) or (frames, channels). Nothing in such a file is run: arrays of Python objects are refused.
"""

from __future__ import annotations

import io
import warnings
from tokenize import TokenError
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib import format as npy_format

from n1codec.recordings.recording import UnknownFormat
from n1codec.recordings.samples import Form, Mapped

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

_MAGIC = b"\x93NUMPY"
_LARGEST_HEADER = 1 << 16


def is_npy(data: Buffer) -> bool:
    """Return whether bytes begin as a .npy file does."""
    return bytes(memoryview(data)[:6]) == _MAGIC


def read(data: Buffer, name: str = "") -> Mapped:
    """Return the array in the bytes of a .npy file as a recording whose rate is not known.

    What is there of an array that was cut off is read; what follows an array is left out.

    Raises:
        UnknownFormat: it is no .npy file, or its array is none of samples; the message says which.
    """
    data = memoryview(data).cast("B")
    if not is_npy(data):
        raise UnknownFormat("it is no .npy file")
    shape, fortran, dtype, start = _header(data)
    if dtype.kind not in "iuf" or dtype.itemsize > 8:
        raise UnknownFormat(f"it holds an array of {dtype}, which are no samples")
    if len(shape) not in (1, 2) or 0 in shape[1:]:
        raise UnknownFormat(f"it holds an array of shape {shape}, which is not (frames,) or (frames, channels)")
    channels = shape[1] if len(shape) == 2 else 1
    form = Form(dtype.newbyteorder("=").name, dtype.str[0] == ">", fortran and channels > 1)
    size = shape[0] * channels * dtype.itemsize
    if form.channels_apart and len(data) - start < size:
        raise UnknownFormat("it was cut off, and its array stands column by column")
    return Mapped(name, 0.0, channels, form, data, start, size)


def _header(data: memoryview) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """Return the shape, whether columns stand together, the dtype, and where the array begins."""
    version = tuple(data[6:8])
    if version not in ((1, 0), (2, 0), (3, 0)):
        raise UnknownFormat(f"it is a .npy file of format {'.'.join(map(str, version))}, which is not known")
    head = io.BytesIO(bytes(data[8 : 12 + _LARGEST_HEADER]))
    # Format 3 differs from 2 in the encoding of names of fields, which samples have none of.
    parse = npy_format.read_array_header_1_0 if version == (1, 0) else npy_format.read_array_header_2_0
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # headers that Python 2 wrote are read all the same
            shape, fortran, dtype = parse(head, max_header_size=_LARGEST_HEADER)
    except (ValueError, TypeError, SyntaxError, TokenError, MemoryError, RecursionError) as error:
        raise UnknownFormat("it is a .npy file whose header is damaged") from error
    if any(extent < 0 for extent in shape):
        raise UnknownFormat("it is a .npy file whose header is damaged")
    return shape, fortran, dtype, 8 + head.tell()
