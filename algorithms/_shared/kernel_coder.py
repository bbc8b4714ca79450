"""What the entropy coders have in common that are two functions of libn1c."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from n1codec.codec import Coder, Layout
from n1codec.native import SCRATCH, Kernel, reads, writes


class KernelCoder(Coder):
    """A coder of int16 samples by ``n1c_NAME_encode`` and ``n1c_NAME_decode``, whose payload is never longer than they.

    Both work in memory as large as ``n1c_NAME_encode_work_size`` and ``n1c_NAME_decode_work_size`` say.
    """

    dtypes = ("int16",)
    kernel: ClassVar[str]
    """NAME in the functions' names."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls._sizes = {way: Kernel(f"n1c_{cls.kernel}_{way}_work_size") for way in ("encode", "decode")}
        cls._encode = Kernel(f"n1c_{cls.kernel}_encode", reads(np.int16), writes(np.uint8), SCRATCH)
        cls._decode = Kernel(f"n1c_{cls.kernel}_decode", reads(np.uint8), writes(np.int16), SCRATCH)

    _sizes: ClassVar[dict[str, Kernel]]
    _encode: ClassVar[Kernel]
    _decode: ClassVar[Kernel]

    def encode(self, x: np.ndarray) -> bytes:
        out = np.empty(2 * x.size, np.uint8)
        return out[: self._encode(x, out, np.empty(self._sizes["encode"](), np.uint8))].tobytes()

    def decode(self, data: bytes, layout: Layout) -> np.ndarray:
        x = np.empty(layout.shape, np.int16)
        self._decode(data, x, np.empty(self._sizes["decode"](), np.uint8))
        return x
