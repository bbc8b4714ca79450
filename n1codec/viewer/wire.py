"""How arrays travel to the browser: a JSON head and the bytes of arrays, in one answer.

4 bytes     length of the head in bytes, little-endian
head        JSON in UTF-8: what was said beside the arrays, and under "arrays" a list of [name, dtype, shape]
padding     zeros to a multiple of 8 bytes, here and behind each array
arrays      little-endian, in the order of the list
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

DTYPES = ("int16", "int32", "float32", "float64", "uint8")


def packed(head: dict[str, Any], **arrays: np.ndarray) -> bytes:
    """Return an answer of a head and of arrays; 64-bit integers become float64, which the browser can count with."""
    ready = {name: np.ascontiguousarray(_plain(array)) for name, array in arrays.items()}
    listed = [[name, array.dtype.name, list(array.shape)] for name, array in ready.items()]
    text = json.dumps({**head, "arrays": listed}, allow_nan=False).encode()
    pieces = [len(text).to_bytes(4, "little"), text]
    at = 4 + len(text)
    for array in ready.values():
        pieces.append(bytes(-at % 8))
        pieces.append(array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes())
        at += -at % 8 + array.nbytes
    return b"".join(pieces)


def unpacked(data: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return the head and the arrays of an answer; what the browser does, for tests and measurements."""
    length = int.from_bytes(data[:4], "little")
    head = json.loads(data[4 : 4 + length])
    at, arrays = 4 + length, {}
    for name, dtype, shape in head.pop("arrays"):
        at += -at % 8
        count = int(np.prod(shape))
        arrays[name] = np.frombuffer(data, np.dtype(dtype).newbyteorder("<"), count, at).reshape(shape)
        at += arrays[name].nbytes
    return head, arrays


def _plain(array: np.ndarray) -> np.ndarray:
    if array.dtype == bool:
        return array.astype(np.uint8)
    return array if array.dtype.name in DTYPES else array.astype(np.float64)
