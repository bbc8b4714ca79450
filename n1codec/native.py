"""The C99 kernels of libn1c, called through ctypes.

A kernel takes each array as a pointer and a length (int64), each number as an int64, and returns an int64: a count, or
one of the negative error codes of native/include/n1c/base.h. Lengths always come from the arrays themselves, so that a
kernel knows its bounds. A :class:`Kernel` declares which of its arrays are read and which are written.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from functools import cache
from operator import index
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import n1codec
from n1codec.codec import CodecError, FormatError, UnavailableError

_LIBRARY = {"win32": "n1c.dll", "darwin": "libn1c.dylib"}.get(sys.platform, "libn1c.so")
VERSION = 5
"""The interface of libn1c that this program calls: N1C_VERSION in native/include/n1c/base.h."""
SIMD = int(os.environ.get("N1CODEC_SIMD") != "0")
"""1, or 0 where ``N1CODEC_SIMD=0`` is set: kernels that have a path for AVX2 go without. The bytes are the same."""

_CORRUPT = -1
_REASONS = {-2: "an array is too small", -3: "a number, a length or a table is not allowed"}
_NOTHING = ctypes.c_char * 0
_NUMBERS = range(-(1 << 63), 1 << 63)
_KEPT = 1 << 28
"""Bytes of scratch memory that a thread keeps at most."""
_thread = threading.local()


class KernelError(CodecError, ValueError):
    """A kernel refused what it was called with: the fault is the caller's, not that of the data it should decode."""


@cache
def library() -> ctypes.CDLL:
    """Return libn1c.

    Raises:
        UnavailableError: it was not built, does not load, or was built from other sources than this program's.
    """
    for folder in n1codec.__path__:
        path = Path(folder) / _LIBRARY
        if path.exists():
            return _load(path)
    raise UnavailableError(f"the C kernels ({_LIBRARY}) are not built (run make install)")


def _load(path: Path) -> ctypes.CDLL:
    try:
        found = ctypes.CDLL(str(path))
    except OSError as error:
        raise UnavailableError(f"the C kernels do not load: {error} (run make install)") from error
    version = getattr(found, "n1c_version", lambda: 1)()  # version 1 had no such function
    if version != VERSION:
        raise UnavailableError(
            f"the C kernels have interface version {version}, and this program needs {VERSION} (run make install)"
        )
    return found


def scratch(size: int) -> np.ndarray:
    """Return scratch memory for a kernel, uint8 of shape (size,): the caller's until its thread asks again.

    A thread keeps it for the next call. Memory that is new to a process has to be cleared by the system first, which
    may take a fifth of a kernel's time.
    """
    memory: np.ndarray = getattr(_thread, "scratch", np.empty(0, np.uint8))
    if len(memory) < size:
        memory = np.empty(size, np.uint8)
        if size <= _KEPT:
            _thread.scratch = memory
    return memory[:size]


class Array(NamedTuple):
    """An array argument of a kernel."""

    dtype: np.dtype[Any]
    written: bool


def reads(dtype: Any) -> Array:
    """Declare an array that a kernel only reads; for uint8, any object with bytes in it will do."""
    return Array(np.dtype(dtype), False)


def writes(dtype: Any) -> Array:
    """Declare an array that a kernel writes; what was in it before does not matter."""
    return Array(np.dtype(dtype), True)


def updates(dtype: Any) -> Array:
    """Declare an array that a kernel reads and changes."""
    return Array(np.dtype(dtype), True)


SCRATCH = Array(np.dtype(np.uint8), True)
"""Declares memory that a kernel works in: uint8 of the size that the kernel asks for, with any content."""


class Kernel:
    """One function of libn1c, with what it takes::

        encode = Kernel("n1c_rice_encode", reads(np.int16), writes(np.uint8))

    Args:
        symbol: the name of the C function.
        arguments: for each argument ``reads(dtype)``, ``writes(dtype)``, ``updates(dtype)``, ``SCRATCH``, or ``int``.
            An array is one argument here and two, pointer and length, in C.

    Raises:
        TypeError: an argument is declared as something else.
    """

    def __init__(self, symbol: str, *arguments: Array | type[int]) -> None:
        for argument in arguments:
            if argument is not int and not isinstance(argument, Array):
                raise TypeError(f"{symbol}: say reads(...) or writes(...), not {argument!r}")
        self.symbol = symbol
        self.arguments = arguments
        self._function: Any = None

    def __call__(self, *values: Any) -> int:
        """Call the kernel and return its count. No array is copied or converted.

        Raises:
            FormatError: the bytes to decode are not what the encoder writes.
            KernelError: an array is too small, or an argument is out of its range.
            TypeError: an array has another dtype, is not C-contiguous or not aligned, or should be written and cannot.
            UnavailableError: see ``library``.
        """
        flat: list[Any] = []
        for argument, value in zip(self.arguments, values, strict=True):
            if isinstance(argument, Array):
                flat += self._pointer(argument, value)
            else:
                number = index(value)
                if number not in _NUMBERS:
                    raise KernelError(f"{self.symbol}: {number} does not fit 64 bits")
                flat.append(number)
        result: int = (self._function or self._bind())(*flat)
        if result >= 0:
            return result
        if result == _CORRUPT:
            raise FormatError(f"{self.symbol}: the bytes are damaged")
        raise KernelError(f"{self.symbol}: {_REASONS.get(result, f'error {result}')}")

    def _pointer(self, argument: Array, value: Any) -> tuple[Any, int]:
        dtype, written = argument
        if not isinstance(value, np.ndarray):
            if written or dtype != np.uint8:
                done = "writes" if written else "reads"
                raise TypeError(f"{self.symbol} {done} an array of {dtype}, not {type(value).__name__}")
            if isinstance(value, bytes):
                return value, len(value)
            value = np.frombuffer(value, np.uint8)
        flags = value.flags
        if value.dtype != dtype or not (flags.c_contiguous and flags.aligned):
            raise TypeError(f"{self.symbol} takes C-contiguous, aligned arrays of {dtype}, not {_description(value)}")
        if flags.writeable:
            return _NOTHING.from_buffer(value), value.size  # several times as fast as value.ctypes
        if written:
            raise TypeError(f"{self.symbol} writes to an array of {dtype} that is read-only")
        return value.__array_interface__["data"][0], value.size

    def _bind(self) -> Any:
        function = getattr(library(), self.symbol, None)
        if function is None:
            raise UnavailableError(f"the C kernels do not have {self.symbol}: they are older (run make install)")
        function.restype = ctypes.c_int64
        function.argtypes = [
            kind
            for argument in self.arguments
            for kind in ((ctypes.c_void_p, ctypes.c_int64) if isinstance(argument, Array) else (ctypes.c_int64,))
        ]
        self._function = function
        return function


def _description(array: np.ndarray) -> str:
    layout = "C-contiguous" if array.flags.c_contiguous else "strided"
    return f"{layout}{'' if array.flags.aligned else ', misaligned'} ones of {array.dtype}"
