"""The vector-quantising autoencoder in NumPy: what sends and receives codewords of spikes, without PyTorch.

T. Wu, W. Zhao, E. Keefer, Z. Yang, "Deep compressive autoencoder for action potential compression in large-scale neural
recording", J. Neural Eng. 15, 066019 (2018): a residual encoder of convolutions, latents that are replaced by the
nearest of some codewords, a residual decoder. Here the latents of a spike are one vector, and codewords are taken in
stages, each for what the stages before leave of it, so that one model serves many rates.
"""

from __future__ import annotations

import json
from importlib.resources import files as resources
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from n1codec import files
from n1codec.codec import CodecError

SUFFIX = ".safetensors"
_DTYPES = {"I8": np.int8, "F32": np.float32}
_MOST_HEADER = 1 << 20
BLOCKS = 3
"""Residual blocks of the encoder, and of the decoder."""


class Network(NamedTuple):
    """Weights by name (docs/spikes.md lists them), and what a model is for."""

    weights: dict[str, np.ndarray]
    """float64; those of convolutions are of shape (out, in, taps)."""
    channels: int
    samples: int
    bytes_decoder: int
    """Of the decoder and the codewords in the model's file."""
    about: dict[str, str]
    """How it was trained."""

    @property
    def stages(self) -> int:
        return len(self.weights["codewords"])

    def fitting(self, channels: int, samples: int) -> Network:
        """Return itself, if it is for such waveforms.

        Raises:
            CodecError: it is for others.
        """
        if (self.channels, self.samples) != (channels, samples):
            raise CodecError(
                f"the model is for {self.channels} x {self.samples} samples, these spikes have {channels} x {samples} "
                "(n1codec spikes train makes another one)"
            )
        return self

    def encode(self, x: np.ndarray) -> np.ndarray:
        """Return the codewords of waveforms, uint8 of shape (spikes, stages).

        Args:
            x: in multiples of the noise, shape (spikes, channels, samples).
        """
        w = self.weights
        h = _convolved(x.astype(np.float64), w, "enc.in")
        for i in range(BLOCKS):
            h = _block(h, w, f"enc.{i}")
            if i < BLOCKS - 1:
                h = _convolved(h, w, f"enc.down{i}")[:, :, ::2]
        left = _linear(np.maximum(h, 0).reshape(len(x), -1), w, "enc.out")
        chosen = np.empty((len(x), self.stages), np.uint8)
        for stage, codewords in enumerate(w["codewords"]):
            away = (codewords**2).sum(axis=1) - 2 * left @ codewords.T
            chosen[:, stage] = away.argmin(axis=1)
            left = left - codewords[chosen[:, stage]]
        return chosen

    def cost(self) -> tuple[int, int]:
        """Return what :meth:`encode` takes of a spike: multiplications, and bytes of its weights, one for each."""
        w, products, length = self.weights, 0, self.samples
        names = ["enc.in", *(f"enc.{i}.{half}" for i in range(BLOCKS) for half in "ab")]
        for name in names:
            block = name.split(".")[1]
            length = self.samples >> (0 if block == "in" else int(block))
            products += w[f"{name}.weight"].size * length
        downs = [f"enc.down{i}" for i in range(BLOCKS - 1)]
        products += sum(w[f"{name}.weight"].size * (self.samples >> i + 1) for i, name in enumerate(downs))
        products += w["enc.out.weight"].size + w["codewords"].size
        sizes = [weight.size for name, weight in w.items() if name.startswith("enc.")]
        return products, sum(sizes) + w["codewords"].size

    def decode(self, chosen: np.ndarray) -> np.ndarray:
        """Return the waveforms of codewords, float64 of shape (spikes, channels, samples), in multiples of the noise.

        Args:
            chosen: shape (spikes, stages); of fewer stages than there are the first ones.

        Raises:
            CodecError: there is no such codeword.
        """
        w = self.weights
        if chosen.shape[1] > self.stages or (chosen.size and chosen.max() >= w["codewords"].shape[1]):
            raise CodecError("the model has no such codeword")
        z = sum((w["codewords"][s][chosen[:, s]] for s in range(chosen.shape[1])), np.zeros((len(chosen), 1)))
        h = _linear(z, w, "dec.in").reshape(len(chosen), -1, self.samples >> (BLOCKS - 1))
        for i in range(BLOCKS):
            h = _block(h, w, f"dec.{i}")
            if i < BLOCKS - 1:
                h = _convolved(np.repeat(h, 2, axis=2), w, f"dec.up{i}")
        return _convolved(np.maximum(h, 0), w, "dec.out")


def _convolved(x: np.ndarray, w: dict[str, np.ndarray], name: str) -> np.ndarray:
    kernel = w[f"{name}.weight"]
    half = kernel.shape[2] // 2
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(x, ((0, 0), (0, 0), (half, half))), kernel.shape[2], 2)
    flat = windows.transpose(0, 2, 1, 3).reshape(len(x), x.shape[2], -1)
    return (flat @ kernel.reshape(len(kernel), -1).T + w[f"{name}.bias"]).transpose(0, 2, 1)


def _block(x: np.ndarray, w: dict[str, np.ndarray], name: str) -> np.ndarray:
    inner = np.maximum(_convolved(np.maximum(x, 0), w, f"{name}.a"), 0)
    return x + _convolved(inner, w, f"{name}.b")


def _linear(x: np.ndarray, w: dict[str, np.ndarray], name: str) -> np.ndarray:
    return np.asarray(x @ w[f"{name}.weight"].T + w[f"{name}.bias"])


# -- files -----------------------------------------------------------------------------------------------------------


def pack(weights: dict[str, np.ndarray], about: dict[str, str]) -> bytes:
    """Return a model as the bytes of a file in the format safetensors: int8, and a float32 scale for each output.

    Args:
        weights: any dtype. Vectors stay float32, others are rounded to 255 steps of each row.
        about: strings, of which ``channels`` and ``samples`` say what it is for.
    """
    tensors: dict[str, np.ndarray] = {}
    for name, weight in sorted(weights.items()):
        if weight.ndim == 1:
            tensors[name] = weight.astype(np.float32)
            continue
        rows = weight.reshape(len(weight), -1)
        scale = (np.maximum(np.abs(rows).max(axis=1), 1e-12) / 127).astype(np.float32)
        tensors[name] = np.rint(rows / scale[:, None]).astype(np.int8).reshape(weight.shape)
        tensors[f"{name}.scale"] = scale
    header: dict[str, Any] = {"__metadata__": dict(sorted(about.items()))}
    at = 0
    for name, tensor in tensors.items():
        kind = "I8" if tensor.dtype == np.int8 else "F32"
        header[name] = {"dtype": kind, "shape": list(tensor.shape), "data_offsets": [at, at + tensor.nbytes]}
        at += tensor.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    pieces = [t.astype(t.dtype.newbyteorder("<")).tobytes() for t in tensors.values()]
    return len(text).to_bytes(8, "little") + text + b"".join(pieces)


def unpack(data: bytes, name: str) -> Network:
    """Return the model that a file holds.

    Args:
        name: of the file, for messages.

    Raises:
        CodecError: it is none, or damaged.
    """
    try:
        size = int.from_bytes(data[:8], "little")
        if len(data) < 8 or size > min(len(data) - 8, _MOST_HEADER):
            raise ValueError("it ends too early")
        header, body = json.loads(data[8 : 8 + size]), data[8 + size :]
        about = header.pop("__metadata__")
        tensors: dict[str, np.ndarray] = {}
        for key, entry in header.items():
            start, stop = entry["data_offsets"]
            piece = np.frombuffer(body[start:stop], np.dtype(_DTYPES[entry["dtype"]]).newbyteorder("<"))
            tensors[key] = piece.reshape(entry["shape"])
        weights = {}
        for key, tensor in tensors.items():
            if key.endswith(".scale"):
                continue
            scale = tensors[f"{key}.scale"] if tensor.dtype == np.int8 else np.ones(1)
            weights[key] = tensor * scale.astype(np.float64).reshape(-1, *[1] * (tensor.ndim - 1))
        decoder = sum(t.nbytes for key, t in tensors.items() if not key.startswith("enc."))
        found = Network(weights, int(about["channels"]), int(about["samples"]), decoder, about)
        trial = found.encode(np.zeros((1, found.channels, found.samples)))
        if found.decode(trial).shape != (1, found.channels, found.samples):
            raise ValueError("it makes waveforms of another size")
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, CodecError) as error:
        raise CodecError(f"{name}: it is no model of spikes, or damaged (n1codec spikes train makes one)") from error
    return found


def load(path: str | Path) -> Network:
    """Return the model in a file.

    Raises:
        CodecError: it is none, or damaged.
        OSError: it cannot be read.
    """
    return unpack(files.read(path), str(path))


def shipped(channels: int, samples: int) -> Network | None:
    """Return the model that comes with the package for such waveforms, if there is one."""
    name = f"vqae_{channels}x{samples}{SUFFIX}"
    place = resources("n1codec.spikes").joinpath("models", name)
    return unpack(place.read_bytes(), name) if place.is_file() else None
