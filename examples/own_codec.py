"""A codec of your own in one file, without a change to N1 Codec: ``python examples/own_codec.py``

A module in a folder that $N1CODEC_PATH names is a codec like any other; the file's name is the codec's. With
``export N1CODEC_PATH=examples``, ``make grid CODECS="own_codec delta|own_codec zstd"`` measures this one.
"""

import zlib

import numpy as np

from n1codec.codec import ByteCoder, FormatError, Int


class SplitDeflate(ByteCoder):
    """Deflate over the low bytes of all 16-bit samples, then over the high bytes."""

    level: int
    params = {"level": Int(6, 1, 9, "1 is fast, 9 is small")}

    def compress(self, data: bytes) -> bytes:
        return zlib.compress(data[0::2] + data[1::2], self.level)

    def decompress(self, data: bytes, size: int) -> bytes:
        inflater = zlib.decompressobj()
        halves = inflater.decompress(data, size + 1)  # never more than the header claims
        if len(halves) != size or not inflater.eof:
            raise FormatError("its Deflate stream has another size")
        whole = bytearray(size)
        whole[0::2], whole[1::2] = halves[: (size + 1) // 2], halves[(size + 1) // 2 :]
        return bytes(whole)


if __name__ == "__main__":
    import os
    from pathlib import Path

    os.environ["N1CODEC_PATH"] = str(Path(__file__).parent)
    import n1codec

    samples = np.random.default_rng(0).normal(0, 20, 50_000).cumsum().astype(np.int16)
    for spec in ("zlib", "own_codec", "delta|own_codec:level=9"):
        blob = n1codec.encode(samples, spec)
        assert np.array_equal(n1codec.decode(blob), samples)
        print(f"{spec:24} {samples.nbytes / len(blob):.3f}")
