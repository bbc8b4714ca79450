"""libn1c, the C99 kernels, through ctypes.

Every kernel takes arrays as pairs (pointer, int64 length) and numbers as int64, and returns an int64: a count, or one
of the negative error codes of n1c.h. Lengths always come from the arrays themselves, so that a kernel knows its bounds.
"""

from __future__ import annotations

import ctypes
import os
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import n1codec
from n1codec.codec import FormatError, UnavailableError

_LIBRARY = {"win32": "n1c.dll", "darwin": "libn1c.dylib"}.get(sys.platform, "libn1c.so")
SIMD = int(os.environ.get("N1CODEC_SIMD") != "0")
"""1, or 0 where ``N1CODEC_SIMD=0`` is set: kernels that have a path for AVX2 go without. The bytes are the same."""
_ERRORS = {-1: "the bytes are damaged", -2: "the output is too small", -3: "an argument is out of range"}


@cache
def library() -> ctypes.CDLL:
    """Return libn1c.

    Raises:
        UnavailableError: it was not built.
    """
    for folder in n1codec.__path__:
        path = Path(folder) / _LIBRARY
        if path.exists():
            try:
                return ctypes.CDLL(str(path))
            except OSError as error:
                raise UnavailableError(f"the C kernels do not load: {error} (run make install)") from error
    raise UnavailableError(f"the C kernels ({_LIBRARY}) are not built (run make install)")


@cache
def _function(symbol: str) -> Any:
    function = getattr(library(), symbol)
    function.restype = ctypes.c_int64
    return function


class Kernel:
    """One function of libn1c: ``Kernel("n1c_rice_encode", np.int16, np.uint8, int)`` takes two arrays and a number.

    An array argument must be C-contiguous and of the declared dtype; ``bytes`` pass as uint8.
    """

    def __init__(self, symbol: str, *arguments: type) -> None:
        self.symbol = symbol
        self.arguments = tuple(int if a is int else np.dtype(a) for a in arguments)

    def __call__(self, *values: Any) -> int:
        """Call the kernel.

        Raises:
            FormatError: the kernel returned an error code.
            TypeError: an array has another dtype, or is not contiguous.
        """
        flat: list[Any] = []
        for wanted, value in zip(self.arguments, values, strict=True):
            if wanted is int:
                flat.append(ctypes.c_int64(value))
                continue
            array = np.frombuffer(value, np.uint8) if isinstance(value, bytes) else value
            if array.dtype != wanted or not array.flags.c_contiguous:
                raise TypeError(f"{self.symbol} takes contiguous {wanted} arrays, not {array.dtype}")
            flat += [ctypes.c_void_p(array.ctypes.data), ctypes.c_int64(array.size)]
        result = int(_function(self.symbol)(*flat))
        if result < 0:
            raise FormatError(f"{self.symbol}: {_ERRORS.get(result, f'error {result}')}")
        return result
