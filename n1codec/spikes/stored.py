"""Files of spikes: when each was, where, and which codewords say what it looked like.

    "N1S" 1 | channels | samples | rate, noise, seconds as float64 | model | frames | channels of the spikes | codewords

Numbers are LEB128, the model and what follows are each behind their length. The model is empty for the one that comes
with the package, a .safetensors file, or "RVQ" and the codewords as float32 of shape (stages, words * channels *
samples) in a .n1c file. Frames (as differences), channels and codewords are .n1c files, too, so that each has its
checksum.
"""

from __future__ import annotations

import struct

import numpy as np

import n1codec
from n1codec.codec import FormatError
from n1codec.spikes import network
from n1codec.spikes.align import Spikes
from n1codec.spikes.codebooks import Autoencoder, Code, Words
from n1codec.varint import Reader, put_bytes, put_uint

MAGIC = b"N1S\1"
_RVQ = b"RVQ"
_FIGURES = struct.Struct("<3d")
_MOST = 1 << 16


def pack(spikes: Spikes, code: Code, model: bytes = b"") -> bytes:
    """Return a file of spikes.

    Args:
        code: codewords that were fitted, or the autoencoder.
        model: the autoencoder's file, unless it is the one that comes with the package.
    """
    count, channels, samples = spikes.waveforms.shape
    numbers = code.encode(spikes.waveforms.reshape(count, -1).astype(np.float64)).astype(np.int16)
    if isinstance(code, Words):
        model = _RVQ + n1codec.encode(np.stack(code.books).astype(np.float32).reshape(len(code.books), -1), "zstd")
    steps = np.diff(spikes.frames, prepend=0).astype(np.int32)
    return b"".join(
        [
            MAGIC, put_uint(channels), put_uint(samples), _FIGURES.pack(spikes.rate, spikes.noise, spikes.seconds),
            put_bytes(model),
            put_bytes(n1codec.encode(steps, "planes|arange")),
            put_bytes(n1codec.encode(spikes.channels.astype(np.int16), "arange")),
            put_bytes(n1codec.encode(numbers, "arange")),
        ]
    )  # fmt: skip


def unpack(data: bytes) -> Spikes:
    """Return the spikes of a file, with the waveforms that their codewords stand for.

    Raises:
        FormatError: it is none, or damaged.
        CodecError: its model is damaged, or one that this version does not have.
    """
    if not data.startswith(MAGIC):
        raise FormatError("it is no file of spikes (n1codec spikes encode makes one)")
    reader = Reader(data)
    reader.take(len(MAGIC))
    channels, samples = reader.uint(), reader.uint()
    rate, noise, seconds = _FIGURES.unpack(reader.take(_FIGURES.size))
    model = reader.prefixed()
    steps, where, numbers = (n1codec.decode(reader.prefixed()) for _ in range(3))
    fits = steps.shape == where.shape == numbers.shape[:1] and numbers.ndim == 2 and np.isfinite((rate, noise)).all()
    if reader.rest() or not (fits and 0 < channels < _MOST and 0 < samples < _MOST and rate > 0 and noise > 0):
        raise FormatError("its parts do not fit each other")
    code = _code(model, channels, samples, noise, numbers)
    waveforms = code.decode(numbers.astype(np.int64)).reshape(-1, channels, samples).astype(np.float32)
    return Spikes(waveforms, np.cumsum(steps, dtype=np.int64), where.astype(np.int64), seconds, rate, noise)


def _code(model: bytes, channels: int, samples: int, noise: float, numbers: np.ndarray) -> Code:
    if model.startswith(_RVQ):
        books = n1codec.decode(model[len(_RVQ) :])
        if books.ndim != 2 or not books.size or books.dtype.kind != "f" or books.shape[1] % (channels * samples):
            raise FormatError("its codewords are of another size")
        words = books.shape[1] // (channels * samples)
        code: Code = Words(list(books.astype(np.float64).reshape(len(books), words, -1)))
        stages = len(books)
    else:
        found = network.unpack(model, "its model") if model else network.shipped(channels, samples)
        if found is None or (found.channels, found.samples) != (channels, samples):
            raise FormatError(f"there is no model for {channels} x {samples} samples in this version")
        words, stages = found.weights["codewords"].shape[1], numbers.shape[1]
        code = Autoencoder(found, stages, noise)
        if stages > found.stages:
            raise FormatError("it has more stages of codewords than its model")
    if numbers.shape[1] != stages or (numbers.size and not (numbers.min() >= 0 and numbers.max() < words)):
        raise FormatError("its model has no such codeword")
    return code
