"""What Python programs call: wrong arguments are told in plain words, and what is public is picklable."""

from __future__ import annotations

import array
import pickle
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from fractions import Fraction
from multiprocessing import get_context
from typing import Any

import numpy as np
import pytest
from conftest import signal

import n1codec
from n1codec import registry
from n1codec.codec import CodecError, FormatError, Layout, SpecError, UnavailableError
from n1codec.pipeline import Pipeline, get_codec

X = signal(700, 2)
SPECS = ("n1", "remap|lpc|rans", "remap|delta|huffman", "n1_implant", "zstd:level=3", "remap|arange")


@pytest.mark.parametrize(
    ("samples", "what"),
    [
        (np.ma.masked_equal(X, X[0, 0]), "masked"),
        (np.ma.array(X), "masked"),
        ([[1, 2], [3]], "no array"),
        ("text", "shape"),
        (None, "shape"),
        (5, "shape"),
        (np.zeros((2, 2, 2), np.int16), "shape"),
        (np.zeros(3, complex), "dtype complex128"),
        (np.zeros(3, bool), "dtype bool"),
        (np.zeros((0, (1 << 20) + 1), np.int8), "axes swapped"),
    ],
)
def test_what_is_no_samples_is_told(samples: Any, what: str) -> None:
    with pytest.raises(CodecError, match=what):
        n1codec.encode(samples, "copy")


@pytest.mark.parametrize("rate", ["30000", b"1", True, -1, float("nan"), float("inf"), 1 << 53, 10**400, 1j, [1]])
def test_what_is_no_rate_is_told(rate: Any) -> None:
    with pytest.raises(CodecError, match="sampling rate"):
        n1codec.encode(X, "copy", rate)


@pytest.mark.parametrize(
    "rate", [None, 0, 19531, 30_000.5, np.float32(25_000), np.int64(48_000), Fraction(1, 3), (1 << 53) - 1]
)
def test_rates_are_kept(rate: Any) -> None:
    header = n1codec.container.read(n1codec.encode(X, "copy", rate))
    assert header.rate == (rate if rate is None else float(rate))


@pytest.mark.parametrize("spec", [5, b"zstd", ["zstd"], 1.0, True])
def test_what_is_no_spec_is_told(spec: Any) -> None:
    with pytest.raises(SpecError, match="named by a text"):
        n1codec.encode(X, spec)
    with pytest.raises(SpecError):
        n1codec.get_codec(spec)


def test_an_empty_spec_is_no_default() -> None:
    with pytest.raises(SpecError):
        n1codec.encode(X, "")


@pytest.mark.parametrize("blob", ["abc", None, 5, [1, 2]])
def test_what_is_no_bytes_is_told(blob: Any) -> None:
    with pytest.raises(FormatError, match=f"not {type(blob).__name__}"):
        n1codec.decode(blob)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, lambda blob: np.frombuffer(blob, np.uint8)])
def test_any_buffer_is_decoded(kind: Any) -> None:
    assert np.array_equal(n1codec.decode(kind(n1codec.encode(X, "remap|delta|zstd"))), X)


def test_any_buffer_is_encoded() -> None:
    for samples, want in (
        (b"abc", np.frombuffer(b"abc", np.uint8)),
        (bytearray(b"abc"), np.frombuffer(b"abc", np.uint8)),
        (memoryview(b"abc"), np.frombuffer(b"abc", np.uint8)),
        (array.array("h", [1, -2, 3]), np.array([1, -2, 3], np.int16)),
        (memoryview(X), X),
        (X.tolist(), X.astype(np.int64)),
    ):
        back = n1codec.decode(n1codec.encode(samples, "delta|zstd"))
        assert back.dtype == want.dtype and np.array_equal(back, want)


@pytest.mark.parametrize("name", [*registry.names()])
def test_every_stage_is_picklable(name: str) -> None:
    stage = registry.find(name)
    values = {"enc": "a {in} {out}", "dec": "b {in} {out}"} if stage.whole_file else {}
    again = pickle.loads(pickle.dumps(stage(**values)))
    assert type(again) is stage and again.get_config() == stage(**values).get_config()


def test_a_codec_is_picklable_and_says_what_it_is() -> None:
    codec = get_codec("remap|lpc:order=8|zstd:level=3")
    again = pickle.loads(pickle.dumps(codec))
    assert isinstance(again, Pipeline) and again.spec == codec.spec
    assert eval(repr(codec), {"get_codec": get_codec}).spec == codec.spec


def encode(codec: Pipeline) -> bytes:
    return codec.encode(X)


def test_a_codec_goes_to_another_process() -> None:
    codec = get_codec("remap|lpc|zstd:level=3")
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        assert pool.submit(encode, codec).result() == codec.encode(X)


@pytest.mark.parametrize("spec", SPECS)
def test_one_codec_works_in_many_threads(spec: str) -> None:
    codec = get_codec(spec)
    inputs = [signal(3000 + 100 * i, seed=i) for i in range(16)]
    with ThreadPoolExecutor(4) as pool:
        payloads = list(pool.map(codec.encode, inputs))
        again = list(pool.map(codec.decode, payloads, map(Layout.of, inputs)))
    assert payloads == [codec.encode(x) for x in inputs]
    assert all(np.array_equal(x, y) for x, y in zip(inputs, again, strict=True))


def test_capabilities_are_declared() -> None:
    assert {"lossless", "trainable", "packets", "trained"} <= set(registry.find("n1").capabilities())
    assert {"packets", "streaming"} <= set(registry.find("n1_implant").capabilities())
    assert "packets" not in registry.find("n1_max").capabilities()
    assert "slow" in registry.find("n1_max").capabilities()
    assert "whole_file" in registry.find("exec").capabilities()
    assert registry.find("zstd").capabilities() == ["lossless"]


def test_what_is_not_here_is_not_found() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        n1codec.nothing  # noqa: B018
    assert {"encode", "decode", "encode_file", "decode_file", "get_codec"} <= set(dir(n1codec))
    with pytest.raises(UnavailableError):
        registry.find_wire("\x7f")
