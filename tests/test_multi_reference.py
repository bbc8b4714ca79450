"""The codec n1_multi against its reference, tests/n1_multi_reference.py, where usual and where rare things happen."""

from __future__ import annotations

from collections.abc import Iterator

import n1_multi_reference as reference
import numpy as np
import pytest
from test_multi import decode, encode, fit, probe

from n1codec import n1_mapping, registry
from n1codec.codec import ModelCoder


def check(x: np.ndarray, model: bytes) -> reference.Chunk:
    """Assert that all ways to encode and to decode are one; return the chunk as the reference saw it."""
    data = encode(x, model, 0)
    assert encode(x, model, 1) == data
    for simd in (0, 1):
        np.testing.assert_array_equal(decode(data, model, x.shape, simd), x)
    chunk = reference.Chunk(data, reference.read(model), len(x))
    np.testing.assert_array_equal(chunk.out, x)
    return chunk


@pytest.fixture(params=[0, 1], ids=["best", "fast"])
def fast(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.mark.parametrize("shape", [(1, 1), (15, 4), (16, 3), (17, 5), (31, 40), (700, 6)], ids=str)
def test_the_reference_decodes_what_the_kernel_encodes(shape: tuple[int, int], fast: int) -> None:
    x = probe(*shape)
    check(x, fit(x, fast=fast))


def test_several_converters() -> None:
    x = np.concatenate([probe(20_000, 3, seed) for seed in (1, 2)], axis=1)
    model = fit(x, np.array([0, 0, 0, 1, 1, 1]))
    assert [group.widths is None for group in reference.read(model).groups] == [False, False]
    check(x[:300], model)


@pytest.mark.parametrize("step", [3, 12.0192, 4.6875, 64.5])
def test_steps(step: float, fast: int) -> None:
    x = np.floor(probe(300, 5) // 2 * step + np.arange(5) * 7).astype(np.int16)
    model = fit(x, fast=fast)
    assert all(channel.step for channel in reference.read(model).channels)
    check(x, model)
    x[5::19] += 1
    assert check(x, model).events["beyond"] > 60


def test_codes_of_n1() -> None:
    x = n1_mapping.values()[np.clip(probe(300, 3) + 512, 0, 1023)]
    model = fit(x)
    assert [channel.step for channel in reference.read(model).channels] == [1, 1, 1]
    check(x, model)
    x[::9] += 1
    assert check(x, model).events["beyond"] > 100


def test_all_kinds_of_channels(fast: int) -> None:
    """Coded, constant, copied and stored ones, each of them a neighbour of those behind it."""
    x = probe(800, 8)
    model = fit(x, fast=fast)
    x = x[:300]
    x[:, 1], x[:, 2] = -7, x[:, 0]
    x[:, 3] = np.random.default_rng(3).integers(-32768, 32768, 300)
    x[50:55, 4] = [32767, -32768, 0, 5000, -5000]
    chunk = check(x, model)
    assert chunk.kinds == [0, 1, 2, 3, 0, 0, 0, 0]
    assert chunk.events["beyond"] == 4


def test_a_chunk_that_is_stored() -> None:
    x = np.random.default_rng(5).integers(-32768, 32768, (40, 3)).astype(np.int16)
    assert check(x, fit(probe(800, 3))).kinds == []


def test_unsigned_samples() -> None:
    x = (probe(300, 4).astype(np.int32) + 32768).astype(np.uint16)
    codec = registry.find("n1_multi")()
    assert isinstance(codec, ModelCoder)
    model = codec.fit(x)
    decoded = reference.decode(codec.encode_with(x, model), model, len(x))
    np.testing.assert_array_equal(decoded.astype(np.int32) + 32768, x)


# -- models that nothing was fitted for ------------------------------------------------------------------------------


def plain(head: reference.Head, group: list[int], channel: list[int]) -> bytes:
    """Return a model whose groups and channels are all of the same numbers."""
    return reference.write(head, [0, 64, *group * head.groups, *channel * head.channels])


def test_states_that_take_two_words_and_codes_that_are_far_from_the_guess() -> None:
    """An outlier takes a whole state, and the quantiles that the decoder looks a code up with are far from it."""
    model = plain(reference.Head(1, 1, 0, 0, 0, 0, False), [-2048, 4096, 0], [0, 0, 4, 2048, 8, 0])
    x = np.random.default_rng(1).normal(size=(800, 1)).astype(np.int16)
    x[::37] += 500
    events = check(x, model).events
    assert events["two words"] > 5 and events["far out"] > 5


@pytest.mark.parametrize("sign", [1, -1])
def test_x_is_clamped(sign: int) -> None:
    """Also where the mean of earlier channels loses one of them, as the encoder does."""
    head = reference.Head(3, 1, 0, 0, 0, 0, True)
    model = plain(head, [-32768, 65536, 0], [0, 0, 4, 32768, 8, 0, 1])
    x = (np.random.default_rng(2).normal(size=(200, 3)) * 9 + 30000 * sign).astype(np.int16)
    x[50, 2] = -32768 if sign > 0 else 32767
    assert check(x, model).events["clamped"] == 1


@pytest.mark.parametrize("scale", [1, 40, 1000])
def test_residuals_without_a_symbol(scale: int) -> None:
    """Low bits of large ones are stored as they are."""
    head = reference.Head(2, 1, 1, 1, 0, 5, False, fast=True)
    model = reference.write(head, [3, 64, -32768, 65536, 0, 0, 0, 0, 32768, 8, 0, 9, 0, 0, 0, 32768, 8, 1, 1, 9, 7])
    x = (np.random.default_rng(4).normal(size=(400, 2)) * scale).clip(-32768, 32767).astype(np.int16)
    x[::50] = 25000
    assert check(x, model).events["no symbol"] > 5


def test_sums_wrap() -> None:
    head = reference.Head(1, 1, 2, 0, 0, 14, False)
    model = plain(head, [-32768, 65536, 0], [0, 0, 4, 32768, 8, 0, -32768, -32768])
    x = np.random.default_rng(3).normal(size=(2000, 1)).astype(np.int16)
    x[100::401] = x[101::401] = -20000
    assert check(x, model).events["wrapped"] == 5


def forged(rng: np.random.Generator, head: reference.Head) -> Iterator[int]:
    """Yield the numbers of a model, of any values that there may be."""
    yield from (int(rng.integers(256)), int(rng.integers(16, 256)))
    sizes = []
    for _ in range(head.groups):
        sizes.append(int(rng.choice([2, 3, 40, 400])))
        widths = rng.random() < 0.7
        yield from (int(rng.integers(-32768, 32768)), sizes[-1], widths)
        if widths:
            yield from np.clip(rng.normal(size=sizes[-1]) * rng.choice([0, 2, 30]), -64, 32).astype(int).tolist()
    for index in range(head.channels):
        group = int(rng.integers(head.groups))
        step = int(rng.choice([0, 8192, rng.integers(1, 65536), rng.integers(1, 65535 << 13)]))
        yield from (group, step)
        if step:
            yield from (int(rng.integers(-32768, 32768)), int(rng.integers(8192)))
        yield from (int(rng.integers(-6, 11)), int(rng.integers(2 * sizes[group])), int(rng.integers(-32, 145)))
        count = int(rng.integers(min(index, head.neighbours) + 1))
        yield from (count, *(int(rng.integers(1, index + 1)) for _ in range(count)))
        taps = head.order + (count + head.mean) * (2 * head.reach + 1)
        yield from (rng.normal(size=taps) * 2.0 ** rng.integers(0, 14)).astype(int).clip(-32768, 32767).tolist()


@pytest.mark.parametrize("seed", range(60))
def test_models_of_any_numbers(seed: int) -> None:
    rng = np.random.default_rng(seed)
    channels = int(rng.choice([1, 3, 8, 70], p=[0.2, 0.4, 0.35, 0.05]))
    groups, order, most = int(rng.integers(1, 4)), int(rng.choice([0, 1, 4, 32])), int(rng.integers(9))
    head = reference.Head(
        channels,
        min(groups, channels),
        order,
        most,
        int(rng.choice([0, 1, 8])),
        int(rng.integers(15)),
        rng.random() < 0.5,
        fast=seed % 4 == 3,
    )
    model = reference.write(head, forged(rng, head))
    x = np.empty((int(rng.choice([3, 16, 60, 200])), channels), np.int16)
    for c, channel in enumerate(reference.read(model).channels):
        codes = rng.normal(size=len(x)) * channel.group.codes / 8 + channel.group.codes / 2
        x[:, c] = channel.samples(codes.astype(int).clip(0, channel.group.codes - 1))
    beyond = rng.random(x.shape) < rng.choice([0, 0.03])
    x[beyond] = rng.integers(-32768, 32768, beyond.sum())
    check(x, model)
