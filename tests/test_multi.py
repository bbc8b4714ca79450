"""The codec n1_multi: the same bytes with and without AVX2, all shapes and ranges, and bytes that are not its own."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from n1codec import n1_mapping, pipeline
from n1codec.codec import FormatError, Layout
from n1codec.native import SCRATCH, Kernel, reads, writes

FIT = Kernel("n1c_multi_fit", reads(np.int16), reads(np.int32), SCRATCH, writes(np.uint8), int, int)
FIT_SIZE = Kernel("n1c_multi_fit_work_size", int, int)
ENCODE = Kernel("n1c_multi_encode", reads(np.int16), reads(np.uint8), int, SCRATCH, writes(np.uint8), int)
ENCODE_SIZE = Kernel("n1c_multi_encode_work_size", reads(np.uint8), int)
DECODE = Kernel("n1c_multi_decode", reads(np.uint8), reads(np.uint8), int, SCRATCH, writes(np.int16), int)
DECODE_SIZE = Kernel("n1c_multi_decode_work_size", reads(np.uint8), int)


def fit(x: np.ndarray, converters: np.ndarray | None = None, simd: int = 1, fast: int = 0) -> bytes:
    frames, channels = x.shape
    groups = np.zeros(channels, np.int32) if converters is None else converters.astype(np.int32)
    out = np.empty(2 * x.size + 64 * channels + 1024, np.uint8)
    size = FIT(np.ascontiguousarray(x), groups, np.empty(FIT_SIZE(frames, channels), np.uint8), out, fast, simd)
    return out[:size].tobytes()


def encode(x: np.ndarray, model: bytes, simd: int = 1) -> bytes:
    out = np.empty(2 * x.size + 1, np.uint8)
    work = np.empty(ENCODE_SIZE(model, len(x)), np.uint8)
    return out[: ENCODE(np.ascontiguousarray(x), model, len(x), work, out, simd)].tobytes()


def decode(data: bytes, model: bytes, shape: tuple[int, int], simd: int = 1) -> np.ndarray:
    x = np.empty(shape, np.int16)
    DECODE(data, model, shape[0], np.empty(DECODE_SIZE(model, shape[0]), np.uint8), x, simd)
    return x


def probe(frames: int, channels: int, seed: int = 1, scale: float = 12) -> np.ndarray:
    """Return channels with a past, a common noise, neighbours a sample apart, and a converter of uneven codes."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(frames + 8, channels + 2))
    own = noise[8:] + 0.8 * noise[7:-1] + 0.5 * noise[6:-2]
    x = own[:, 1:-1] + 0.6 * np.roll(own[:, :-2], 1, axis=0) + 0.4 * own[:, 2:]
    x += rng.normal(size=(frames, 1)) + rng.normal(size=channels) * 3
    edges = np.cumsum(np.exp(0.5 * rng.normal(size=4096)))
    return (np.searchsorted(edges, scale * x + edges[2048]) - 2048).astype(np.int16)


SHAPES = [(1, 1), (2, 3), (15, 4), (16, 1), (17, 5), (31, 40), (100, 2), (1000, 33), (4096, 7), (5001, 20), (700, 300)]


@pytest.fixture(params=[0, 1], ids=["best", "fast"])
def fast(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_path_writes_and_reads_the_same_bytes(shape: tuple[int, int], fast: int) -> None:
    x = probe(*shape)
    converters = np.arange(shape[1]) % 3
    model = fit(x, converters, fast=fast)
    assert model == fit(x, converters, 0, fast)
    data = encode(x, model)
    assert data == encode(x, model, 0)
    for simd in (0, 1):
        np.testing.assert_array_equal(decode(data, model, shape, simd), x)


def test_neighbours_and_widths_are_worth_their_bytes() -> None:
    x = probe(20_000, 24)
    alone = sum(len(fit(x[:, i : i + 1])) + len(encode(x[:, i : i + 1], fit(x[:, i : i + 1]))) for i in range(24))
    together = len(fit(x)) + len(encode(x, fit(x)))
    assert together < 0.93 * alone


def test_a_model_serves_what_comes_later(fast: int) -> None:
    """Samples beyond the codes of the model, other levels, constant and copied channels."""
    x = probe(6000, 6)
    model = fit(x[:3000], fast=fast)
    later = x[3000:].copy()
    later[100:110, 1] = [32767, -32768, 5000, -5000, 0, 1, -1, 32767, 32767, -32768]
    later[:, 2] += 300
    later[:, 3] = later[:, 0]
    later[:, 4] = -7
    later[:, 5] = np.random.default_rng(3).integers(-32768, 32768, 3000)
    data = encode(later, model)
    assert data == encode(later, model, 0)
    for simd in (0, 1):
        np.testing.assert_array_equal(decode(data, model, later.shape, simd), later)
    assert len(data) < 2 * 3000 * 4


@pytest.mark.parametrize("reach", [60, 18_000], ids=["codes of 15 bits", "more codes"])
@pytest.mark.parametrize("far", [(-30_000,), (30_000,), (-30_000, 30_000)], ids=str)
def test_samples_beyond_one_end_of_the_codes(reach: int, far: tuple[int, ...], fast: int) -> None:
    """One sample, which is not the first of a lane, tells on its own that something lies beyond."""
    x = np.random.default_rng(1).integers(-reach, reach, (4000, 3)).astype(np.int16)
    model = fit(x, fast=fast)
    for i, value in enumerate(far):
        x[1010 + i, 1] = value
    data = encode(x, model)
    assert data == encode(x, model, 0)
    for simd in (0, 1):
        np.testing.assert_array_equal(decode(data, model, x.shape, simd), x)


@pytest.mark.parametrize("value", [-32768, 0, 32767])
def test_constant_and_copied_channels_cost_next_to_nothing(value: int, fast: int) -> None:
    constant = np.full((30_000, 8), value, np.int16)
    assert 1000 * len(encode(constant, fit(constant, fast=fast))) < constant.nbytes
    one = probe(30_000, 1)
    copies = np.repeat(one, 16, axis=1)
    assert len(encode(copies, fit(copies, fast=fast))) < 16 / 15 * len(encode(one, fit(one, fast=fast)))


@pytest.mark.parametrize("step", [3, 12.0192, 4.6875, 64.5])
def test_steps_that_are_no_whole_numbers(step: float, fast: int) -> None:
    codes = probe(3000, 10) // 2
    offsets = np.arange(10) * 7
    x = np.floor(codes * step + offsets).astype(np.int16)
    plain, scaled = (len(fit(y, fast=fast)) + len(encode(y, fit(y, fast=fast))) for y in (codes, x))
    assert scaled < 1.05 * plain
    np.testing.assert_array_equal(decode(encode(x, fit(x, fast=fast)), fit(x, fast=fast), x.shape), x)


def test_codes_of_n1_are_known_as_what_they_are(fast: int) -> None:
    codes = np.clip(probe(9000, 3) + 512, 0, 1023)
    x = n1_mapping.values()[codes]
    x[:, 2] = -32768
    plain, stretched = (len(fit(y, fast=fast)) + len(encode(y, fit(y, fast=fast))) for y in (codes, x))
    assert stretched < 1.02 * plain
    assert encode(x, fit(x, fast=fast)) == encode(x, fit(x, fast=fast), 0)
    later = x.copy()
    later[5:9, 0] += 1
    np.testing.assert_array_equal(decode(encode(later, fit(x, fast=fast)), fit(x, fast=fast), x.shape), later)


def test_the_whole_range_of_sixteen_bits(fast: int) -> None:
    rng = np.random.default_rng(5)
    smooth = np.clip(np.cumsum(rng.normal(size=(8000, 4)) * 900, axis=0), -32768, 32767).astype(np.int16)
    noise = rng.integers(-32768, 32768, (8000, 4)).astype(np.int16)
    for x in (smooth, noise, np.where(noise > 0, 32767, -32768).astype(np.int16)):
        model = fit(x, fast=fast)
        data = encode(x, model)
        assert data == encode(x, model, 0) and len(data) <= x.nbytes + 1
        for simd in (0, 1):
            np.testing.assert_array_equal(decode(data, model, x.shape, simd), x)


def test_wide_codes_put_a_mean_beyond_the_number_of_codes(fast: int) -> None:
    """Channels at both ends of the range share the widths of codes, whose sum is more than 65536."""
    walk = np.cumsum(np.random.default_rng(0).integers(-3, 4, (3000, 16)), axis=0)[1000:2000].astype(np.uint16)
    x = (walk ^ np.uint16(1 << 15)).view(np.int16)
    model = fit(x, fast=fast)
    np.testing.assert_array_equal(decode(encode(x, model), model, x.shape), x)


def test_samples_far_beyond_what_the_others_reach(fast: int) -> None:
    """Their x is clamped at both ends, in a channel that others have for a neighbour and in their mean."""
    x = probe(3000, 24)
    x[1000:1010, ::3] = 32767
    x[1020:1030, 1::3] = -32768
    x[2000, :] = np.where(np.arange(24) % 2, 32767, -32768)
    model = fit(x, fast=fast)
    data = encode(x, model)
    assert data == encode(x, model, 0)
    for simd in (0, 1):
        np.testing.assert_array_equal(decode(data, model, x.shape, simd), x)


def test_unsigned_samples_stay_neighbours() -> None:
    codec = pipeline.get_codec("n1_multi")
    x = probe(5000, 6)
    unsigned = (x.astype(np.int32) + 32768).astype(np.uint16)
    assert len(codec.encode(unsigned)) == len(codec.encode(x))
    np.testing.assert_array_equal(codec.decode(codec.encode(unsigned), Layout.of(unsigned)), unsigned)


@pytest.mark.slow
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("level", ["-O0", "-O3"])
def test_every_compiler_fits_and_writes_the_same(compiler: str, level: str, tmp_path: Path) -> None:
    if not shutil.which(compiler):
        pytest.skip(f"{compiler} is not here")
    native, target = Path(__file__).parent.parent / "native", tmp_path / "multi.so"
    flags = ["-std=c99", level, "-ffp-contract=off", "-shared", "-fPIC", f"-I{native / 'include'}", "-o", target]
    subprocess.run([compiler, *flags, *(native / "src").glob("*.c"), "-lm"], check=True)
    built = ctypes.CDLL(str(target))
    for fast in (0, 1):
        x = probe(3000, 20)
        model = fit(x, np.arange(20) % 3, fast=fast)
        data = encode(x, model)
        for simd in (0, 1):
            out, work = np.empty(4 * x.size, np.uint8), np.empty(FIT_SIZE(*x.shape), np.uint8)
            size = _call(built.n1c_multi_fit, x, (np.arange(20) % 3).astype(np.int32), work, out, fast, simd)
            assert out[:size].tobytes() == model
            out, work = np.empty(2 * x.size + 1, np.uint8), np.empty(ENCODE_SIZE(model, len(x)), np.uint8)
            size = _call(built.n1c_multi_encode, x, np.frombuffer(model, np.uint8), len(x), work, out, simd)
            assert out[:size].tobytes() == data


def _call(function: Any, *values: Any) -> int:
    """Call a kernel of another library than the one that is installed."""
    flat: list[Any] = []
    for value in values:
        if isinstance(value, np.ndarray):
            flat += [ctypes.c_void_p(value.ctypes.data), ctypes.c_int64(value.size)]
        else:
            flat.append(ctypes.c_int64(value))
    function.restype = ctypes.c_int64
    return int(function(*flat))


def test_bytes_that_are_no_payload_or_no_model(fast: int) -> None:
    x = probe(500, 9)
    model = fit(x, fast=fast)
    data = encode(x, model)
    rng = np.random.default_rng(7)
    for number in range(600):
        forged, other = bytearray(data), bytearray(model)
        target = other if number % 3 == 0 else forged
        for _ in range(rng.integers(1, 4)):
            target[rng.integers(len(target))] ^= 1 << rng.integers(8)
        if number % 5 == 0:
            del target[rng.integers(len(target)) :]
        results = []
        for simd in (0, 1):
            try:
                results.append(decode(bytes(forged), bytes(other), x.shape, simd).tobytes())
            except FormatError:
                results.append(b"")
        assert results[0] == results[1]


def test_models_of_other_channels_are_refused() -> None:
    x = probe(500, 9)
    model, other = fit(x), fit(x[:, :8])
    with pytest.raises(FormatError):
        decode(encode(x, model), other, x.shape)
    with pytest.raises(FormatError):
        decode(encode(x, model), b"", x.shape)


@pytest.mark.parametrize(("spread", "rare"), [(3500, 0.045), (4000, 0.04), (4500, 0.04), (5000, 0.04)])
def test_residuals_without_a_symbol_beside_words_that_hardly_fit(spread: int, rare: float) -> None:
    """The fast way lists such residuals in memory while the words of a payload fill nearly all that is behind."""
    rng = np.random.default_rng(0)
    x = rng.normal(0, spread, 8000)
    far = rng.random(x.size) < rare
    x[far] = rng.choice([-32500, 32500], far.sum())
    x = np.clip(x, -32768, 32767).astype(np.int16).reshape(-1, 1)
    codec = pipeline.get_codec("n1_multi:preset=fast")
    payload = codec.encode(x)
    assert x.nbytes * 1.03 - 4 * far.sum() < len(payload) < x.nbytes
    np.testing.assert_array_equal(codec.decode(payload, Layout.of(x)), x)


def test_the_mean_of_all_earlier_channels_tells_more_than_four_neighbours() -> None:
    """White noise common to all channels, and noise of each: what is best is known."""
    own, shared, channels = 30.0, 50.0, 24
    rng = np.random.default_rng(0)
    x = rng.normal(0, shared, (20_000, 1)) + rng.normal(0, own, (20_000, channels))
    x = np.rint(x).astype(np.int16)

    def bits(most: int) -> float:
        """Return the bits of a sample, where `most` earlier channels are known of each."""
        known = np.minimum(np.arange(channels), most)
        left = own**2 + 1 / (1 / shared**2 + known / own**2)
        return float(np.log2(2 * np.pi * np.e * left).mean() / 2)

    coded = 8 * len(pipeline.get_codec("n1_multi").encode(x)) / x.size
    assert bits(channels) < coded < bits(4) + 0.01
