"""Sprintz as a reference in NumPy: D. Blalock, S. Madden, J. Guttag, "Sprintz: time series compression for the Internet
of Things", Proc. ACM IMWUT 2(3), 2018.

Each sample is predicted by the one before it in its channel (delta) or by that and a learned share of the last
difference (FIRE). Errors are zigzagged and packed in blocks of 8 frames: the header of a block has the width that each
channel needs, in 4 bits; frames follow, each from a whole byte on. A run of blocks without errors is a header of zeros
and the run's length. An optional last step gives the bytes Huffman codes.

It takes as many bytes as the published format for many channels. Headers and packed frames stand apart here, which
does not change how many they are. Nothing in it is made for speed.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from n1codec.codec import CodecError, FormatError, Layout
from n1codec.pipeline import get_codec
from n1codec.varint import Reader, put_bytes, put_uint

BLOCK = 8
_GROUP = 512
"""Blocks that are packed at a time, so that their bits, a byte each, stay small."""
_LEARN_SHIFT = 1
"""The learning rate is 2**-1, as in the paper."""
_LOW, _HIGH = -(1 << 15) << _LEARN_SHIFT, (1 << 16) << _LEARN_SHIFT
"""Sums of gradients at which the share of the last difference is -1/2 and 1, the ends of its useful range."""
_LONGEST_RUN = (1 << 16) - 1


class Sprintz:
    """A lossless codec of int16 samples of shape (frames, channels)."""

    def __init__(self, predictor: str, huffman: bool = False) -> None:
        """``predictor`` is "delta" or "fire"."""
        self.fire, self.huffman = predictor == "fire", huffman

    def encode(self, x: np.ndarray) -> bytes:
        if x.dtype.name not in ("int16", "uint16"):
            raise CodecError(f"Sprintz is for samples of 16 bits, not for {x.dtype}")
        x = x.view(np.int16)
        whole = len(x) // BLOCK * BLOCK
        errors = self._errors(x[:whole])
        zigzagged = (errors << 1 ^ errors >> 15).view(np.uint16).reshape(-1, BLOCK, x.shape[1])
        data = _pack(zigzagged) + x[whole:].astype("<i2").tobytes()
        if not self.huffman:
            return data
        return put_uint(len(data)) + get_codec("huffman").encode(np.frombuffer(data, np.uint8))

    def decode(self, data: bytes, layout: Layout) -> np.ndarray:
        if self.huffman:
            reader = Reader(data)
            size = reader.uint()
            data = get_codec("huffman").decode(reader.rest(), Layout((size,), np.dtype(np.uint8))).tobytes()
        frames, channels = layout.shape
        blocks = frames // BLOCK
        zigzagged, used = _unpack(data, blocks, channels)
        errors = (zigzagged >> 1 ^ -(zigzagged & 1)).view(np.int16).reshape(-1, channels)
        x = np.empty((frames, channels), np.int16)
        x[: blocks * BLOCK] = self._samples(errors)
        x[blocks * BLOCK :] = np.frombuffer(data[used:], "<i2").reshape(-1, channels)
        return x.view(layout.dtype)

    def _errors(self, x: np.ndarray) -> np.ndarray:
        """Return samples less their predictions, modulo 2**16."""
        deltas = np.diff(x, axis=0, prepend=np.zeros((1, x.shape[1]), np.int16))
        if not self.fire:
            return deltas
        learned = _Fire(x.shape[1])
        errors = np.empty_like(deltas)
        before = np.concatenate([np.zeros((1, x.shape[1]), np.int16), deltas[:-1]])
        for at in range(0, len(x), BLOCK):
            block = slice(at, at + BLOCK)
            errors[block] = deltas[block] - learned.predict(before[block])
            learned.train(errors[block], before[block])
        return errors

    def _samples(self, errors: np.ndarray) -> np.ndarray:
        if not self.fire:
            return np.add.accumulate(errors, axis=0, dtype=np.int16)
        learned = _Fire(errors.shape[1])
        deltas = np.zeros((len(errors) + 1, errors.shape[1]), np.int16)  # deltas[i + 1] belongs to errors[i]
        for at in range(0, len(errors), BLOCK):
            for i in range(at, at + BLOCK):
                deltas[i + 1] = errors[i] + learned.predict(deltas[i])
            learned.train(errors[at : at + BLOCK], deltas[at : at + BLOCK])
        return np.add.accumulate(deltas[1:], axis=0, dtype=np.int16)


class _Fire:
    """What FIRE has learned: for each channel, which share of a difference the next one will be."""

    def __init__(self, channels: int) -> None:
        self.sums = np.zeros(channels, np.int64)

    def predict(self, before: np.ndarray) -> np.ndarray:
        """Return what the differences that follow ``before`` will be, in its shape."""
        return ((self.sums >> _LEARN_SHIFT) * before.astype(np.int64) >> 16).astype(np.int16)

    def train(self, errors: np.ndarray, before: np.ndarray) -> None:
        """Learn from a block: one step along the mean gradient of every other frame."""
        gradients = np.sign(errors[1::2].astype(np.int64)) * before[1::2]
        self.sums = np.clip(self.sums + gradients.sum(axis=0) // (BLOCK // 2), _LOW, _HIGH)


def _widths(blocks: np.ndarray) -> np.ndarray:
    """Return the bits that each channel needs in each block, uint8 of shape (blocks, channels); 16 in place of 15."""
    widths = np.ceil(np.log2(blocks.max(axis=1, initial=0).astype(np.float64) + 1)).astype(np.uint8)
    widths[widths == 15] = 16
    return widths


def _pack(blocks: np.ndarray) -> bytes:
    """Return the headers and the frames of blocks of shape (blocks, BLOCK, channels), uint16."""
    widths = _widths(blocks)
    empty: np.ndarray = widths.max(axis=1, initial=0) == 0
    headers, runs, frames = [], [], []
    edges = np.flatnonzero(np.diff(empty, prepend=not empty[:1].any(), append=not empty[-1:].any()))
    for start, stop in pairwise(edges):
        if empty[start]:
            for at in range(start, stop, _LONGEST_RUN):
                headers.append(_nibbles(np.zeros((1, blocks.shape[2]), np.uint8)))
                runs.append(min(stop - at, _LONGEST_RUN))
            continue
        headers.append(_nibbles(widths[start:stop]))
        frames += [_frames(blocks[at : min(at + _GROUP, stop)], widths[at : min(at + _GROUP, stop)])
                   for at in range(start, stop, _GROUP)]  # fmt: skip
    return put_bytes(b"".join(headers)) + put_bytes(np.array(runs, "<u2").tobytes()) + put_bytes(b"".join(frames))


def _nibbles(widths: np.ndarray) -> bytes:
    """Return widths in 4 bits each, the header of each block from a whole byte on; 15 stands for 16."""
    even = np.zeros((len(widths), widths.shape[1] + widths.shape[1] % 2), np.uint8)
    even[:, : widths.shape[1]] = np.minimum(widths, 15)
    return (even[:, ::2] | even[:, 1::2] << 4).tobytes()


def _mask(widths: np.ndarray) -> np.ndarray:
    """Return which of the 16 bits of each sample are there, (blocks, channels + 1, 16): highest first.

    The last column fills a frame up to a whole byte.
    """
    fill = -widths.sum(axis=1, dtype=np.int64, keepdims=True) % 8
    return np.arange(15, -1, -1) < np.concatenate([widths, fill], axis=1)[:, :, None]


def _frames(blocks: np.ndarray, widths: np.ndarray) -> bytes:
    """Return the packed frames of blocks none of which is empty."""
    mask = np.broadcast_to(_mask(widths)[:, None], (len(blocks), BLOCK, blocks.shape[2] + 1, 16))
    bits = np.zeros(mask.shape, np.uint8)
    bits[:, :, :-1] = np.unpackbits(blocks.astype(">u2")[..., None].view(np.uint8), axis=-1)
    return np.packbits(bits[mask]).tobytes()


def _unpack(data: bytes, count: int, channels: int) -> tuple[np.ndarray, int]:
    """Return ``count`` blocks, uint16 of shape (count, BLOCK, channels), and how many bytes they took."""
    reader = Reader(data)
    headers, runs, frames = (np.frombuffer(reader.prefixed(), kind) for kind in (np.uint8, "<u2", np.uint8))
    used = len(data) - len(reader.rest())
    packed = headers.reshape(-1, (channels + 1) // 2)
    widths = np.stack([packed & 15, packed >> 4], axis=-1).reshape(len(packed), 2 * packed.shape[1])[:, :channels]
    widths[widths == 15] = 16
    empty = ~widths.any(axis=1)
    lengths = np.ones(len(widths), np.int64)
    lengths[empty] = runs
    if lengths.sum() != count:
        raise FormatError("its Sprintz blocks are of another number")
    first = np.cumsum(lengths) - lengths
    blocks = np.zeros((count, BLOCK, channels), np.uint16)
    at = 0
    kept = np.flatnonzero(~empty)
    for group in (kept[i : i + _GROUP] for i in range(0, len(kept), _GROUP)):
        mask = np.broadcast_to(_mask(widths[group])[:, None], (len(group), BLOCK, channels + 1, 16))
        size = int(np.count_nonzero(mask)) // 8
        bits = np.zeros(mask.shape, np.uint8)
        bits[mask] = np.unpackbits(frames[at : at + size])
        blocks[first[group]] = np.packbits(bits[:, :, :-1], axis=-1).view(">u2")[..., 0]
        at += size
    return blocks, used
