"""Every codec and filter that the registry knows, held to what all of them promise."""

from __future__ import annotations

import os
import re
from functools import cache

import numpy as np
import pytest
from conftest import signal
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import n1codec
from n1codec import registry
from n1codec.codec import CodecError, Coder, Filter, FormatError, Layout, SpecError, Stage
from n1codec.container import DTYPES
from n1codec.pipeline import Pipeline, _split, get_codec

NAMES = [name for name in registry.names() if not registry.find(name).whole_file]
GRID = sorted({get_codec(spec).spec for name in NAMES for spec in registry.find(name).grid})
ARRAY_DTYPES = [dtype for dtype in DTYPES if dtype != "int24"]


@cache
def codec(name: str) -> Pipeline:
    """Return the stage as a codec: a filter with nothing behind it but copy."""
    return usable(name if issubclass(registry.find(name), Coder) else f"{name}|copy")


def usable(spec: str) -> Pipeline:
    built = get_codec(spec)
    if reason := built.unavailable():
        if os.environ.get("N1_REQUIRE_ALL"):
            pytest.fail(reason)
        pytest.skip(reason)
    return built


def check(built: Pipeline, x: np.ndarray) -> bytes:
    """Encode and decode, and hold a lossless codec to equality, a lossy one to what it promises."""
    try:
        payload = built.encode(x)
    except CodecError as error:
        assert not built.lossless
        assert x.dtype.kind == "f" or x.dtype.itemsize > 2
        assert re.search("no numbers|tell apart|too large|too fine", str(error))
        return b""
    restored = built.decode(payload, Layout.of(x))
    assert restored.dtype == x.dtype
    assert restored.shape == x.shape
    if built.lossless:
        assert restored.tobytes() == x.tobytes()
    elif x.size:
        near(built.stages[0], x, restored)
    return payload


def near(stage: Stage, x: np.ndarray, restored: np.ndarray) -> None:
    """Hold a lossy stage to its promise, for each of the arrays that it is given."""
    assert stage.loss()
    for given_, back in zip(_split(x, stage), _split(restored, stage), strict=True):
        promise = stage.promise(given_)
        exact = np.float64 if x.dtype.kind == "f" else object
        difference = given_.astype(exact) - back.astype(exact)
        assert any(value is not None for value in promise)
        noise = float((difference.astype(np.float64) ** 2).mean())
        if promise.error is not None:
            assert abs(difference).max() <= promise.error
        if promise.rms is not None:
            assert noise <= promise.rms**2
        if promise.snr is not None:
            assert noise * 10 ** (promise.snr / 10) <= given_.astype(np.float64).var() * 1.01


def extremes(dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    limits = np.finfo(dtype) if np.dtype(dtype).kind == "f" else np.iinfo(dtype)
    x = np.empty(shape, dtype)
    x.reshape(-1)[0::2] = limits.min
    x.reshape(-1)[1::2] = limits.max
    return x


def awkward(dtype: str) -> list[np.ndarray]:
    rng = np.random.default_rng(5)
    noise = rng.integers(0, 256, (97 * 3 * 8,), np.uint8).view(dtype)[: 97 * 3]
    ramp = np.arange(300).astype(dtype)
    return [
        np.empty((0,), dtype),
        np.empty((0, 2), dtype),
        np.empty((3, 0), dtype),
        np.ones((1,), dtype),
        np.ones((1, 1), dtype),
        np.zeros((2, 3), dtype),
        np.full((517,), 7, dtype),
        extremes(dtype, (130,)),
        extremes(dtype, (65, 3)),
        noise,
        noise.reshape(97, 3),
        ramp,
        signal(3000)[:, 0].astype(dtype),
        signal(700, 4).astype(dtype),
    ]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", ARRAY_DTYPES)
def test_round_trip_of_awkward_arrays(name: str, dtype: str) -> None:
    for x in awkward(dtype):
        check(codec(name), x)


@pytest.mark.parametrize("spec", GRID)
def test_round_trip_of_every_grid_spec(spec: str) -> None:
    built = usable(spec)
    for x in (signal(6000), signal(500, 3), extremes("int16", (129, 1)), np.ones((1, 1), np.int16)):
        check(built, x)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25)
@given(
    x=hnp.arrays(
        np.int16,
        hnp.array_shapes(min_dims=1, max_dims=2, max_side=70),
        elements=st.one_of(st.integers(-5, 5), st.integers(-(2**15), 2**15 - 1)),
    )
)
def test_round_trip_of_any_int16(name: str, x: np.ndarray) -> None:
    check(codec(name), x)


@pytest.mark.parametrize("name", NAMES)
def test_same_input_same_bytes(name: str) -> None:
    x = signal(2500, 2)
    assert codec(name).encode(x) == codec(name).encode(x.copy())


@pytest.mark.parametrize("name", NAMES)
def test_input_is_left_as_it_was(name: str) -> None:
    x = signal(2000, 2)
    x.flags.writeable = False
    before = x.tobytes()
    check(codec(name), x)
    assert x.tobytes() == before


def misaligned(x: np.ndarray) -> np.ndarray:
    return np.frombuffer(b"\0" + x.tobytes(), x.dtype, offset=1).reshape(x.shape)


def unusual(x: np.ndarray) -> dict[str, np.ndarray]:
    """Return arrays that equal ``x``, of shape (frames, channels), and lie in memory in other ways."""
    wide = np.zeros((2 * len(x), x.shape[1] + 3), x.dtype)
    wide[::2, 1:-2] = x
    read_only = x.copy()
    read_only.flags.writeable = False
    return {
        "misaligned": misaligned(x),
        "F-ordered": np.asfortranarray(x),
        "strided": wide[::2, 1:-2],
        "reversed": x[::-1, ::-1].copy()[::-1, ::-1],
        "big-endian": x.astype(x.dtype.newbyteorder(">")),
        "misaligned big-endian": misaligned(x.astype(x.dtype.newbyteorder(">"))),
        "read-only": read_only,
    }


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", ["int16", "int32", "float64"])
def test_arrays_may_lie_in_memory_in_any_way(name: str, dtype: str) -> None:
    two = signal(257, 2).astype(dtype)
    for x in (two, np.ascontiguousarray(two[:, :1])):
        expected = codec(name).encode(x)
        for kind, same in unusual(x).items():
            assert codec(name).encode(same) == expected, kind
            restored = codec(name).decode(expected, Layout.of(same))
            plain = codec(name).decode(expected, Layout.of(x))
            assert (restored.dtype, restored.tobytes()) == (x.dtype, plain.tobytes()), kind
            assert not codec(name).lossless or plain.tobytes() == x.tobytes()
    flat = misaligned(two.reshape(-1))
    assert not flat.flags.aligned
    assert codec(name).encode(flat) == codec(name).encode(two.reshape(-1))


class Watching(Coder):
    """A coder that takes only what a stage may be given."""

    name, family, params = "watching", "test", {}

    def encode(self, x: np.ndarray) -> bytes:
        assert x.flags.c_contiguous and x.flags.aligned and x.dtype.isnative
        return x.tobytes()

    def decode(self, data: bytes, layout: Layout) -> np.ndarray:
        assert layout.dtype.isnative
        return misaligned(np.frombuffer(data, layout.dtype).reshape(layout.shape))


class WatchingFilter(Filter):
    """A filter that takes only what a stage may be given, and gives neither alignment nor order."""

    name, family, params, side = "watching_filter", "test", {}, False

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, bytes]:
        assert x.flags.c_contiguous and x.flags.aligned and x.dtype.isnative
        return misaligned(x), b""

    def inverse(self, y: np.ndarray, side: bytes, layout: Layout) -> np.ndarray:
        assert y.flags.c_contiguous and y.flags.aligned and y.dtype.isnative
        return y


@pytest.mark.parametrize("dtypes", [(), ("int16",)])
@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "float64"])
def test_a_stage_is_given_plain_arrays_alone(
    dtype: str, per_channel: bool, dtypes: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    for stage in (Watching, WatchingFilter):
        monkeypatch.setattr(stage, "dtypes", dtypes)
    monkeypatch.setattr(Watching, "per_channel", per_channel)
    built = Pipeline([WatchingFilter(), WatchingFilter(), Watching()])
    for x in unusual(signal(65, 3).astype(dtype)).values():
        restored = built.decode(built.encode(x), Layout.of(x))
        assert np.array_equal(restored, x)
        assert restored.dtype.isnative


@pytest.mark.parametrize("name", NAMES)
def test_truncated_payload_is_refused_or_harmless(name: str) -> None:
    x = signal(400, 2)
    payload = codec(name).encode(x)
    for length in {*range(min(len(payload), 40)), len(payload) // 2, len(payload) - 1}:
        survives(codec(name), payload[:length], Layout.of(x))


def survives(built: Pipeline, payload: bytes, layout: Layout) -> None:
    """Decode bytes that may be anything: either CodecError, or an array of the layout that was asked for."""
    try:
        x = built.decode(payload, layout)
    except CodecError:
        return
    assert Layout.of(x) == layout


@pytest.mark.parametrize("name", NAMES)
@given(payload=st.binary(max_size=300))
def test_arbitrary_payload_is_survived(name: str, payload: bytes) -> None:
    survives(codec(name), payload, Layout((500, 1), np.dtype(np.int16)))


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_damaged_payload_is_survived(name: str, data: st.DataObject) -> None:
    x = signal(300, 2)
    payload = bytearray(codec(name).encode(x))
    for _ in range(data.draw(st.integers(1, 4))):
        payload[data.draw(st.integers(0, len(payload) - 1))] ^= data.draw(st.integers(1, 255))
    survives(codec(name), bytes(payload), Layout.of(x))


@pytest.mark.parametrize("name", NAMES)
def test_a_huge_claim_is_refused(name: str) -> None:
    """A few bytes that claim to be terabytes must not make a decoder take memory or time for them."""
    x = signal(300)[:, 0]
    with pytest.raises(CodecError):
        codec(name).decode(codec(name).encode(x), Layout((1 << 40,), x.dtype))


@pytest.mark.parametrize("name", NAMES)
def test_declares_what_the_registry_needs(name: str) -> None:
    stage = registry.find(name)
    assert re.fullmatch("[a-z0-9_]+", name)
    assert issubclass(stage, Filter | Coder)
    assert not stage.wire or re.fullmatch("[A-Za-z0-9]{1,2}", stage.wire)
    assert (stage.wire or name)[0].lower() == name[0]
    assert (stage.__module__.startswith("n1codec.algorithms.") and stage.__doc__) or stage.__module__
    assert all(param.help for param in stage.params.values()), "every parameter has a help text"
    for param in stage.params.values():
        assert param.parse(param.default) == param.default


def test_wire_names_are_unique() -> None:
    wires = [registry.find(name).wire or name for name in NAMES]
    assert len(set(wires)) == len(wires)
    for name in NAMES:
        assert registry.find_wire(registry.find(name).wire or name) is registry.find(name)


@pytest.mark.parametrize("name", NAMES)
def test_wrong_parameters_are_refused_with_the_valid_ones(name: str) -> None:
    stage: type[Stage] = registry.find(name)
    with pytest.raises(SpecError, match="has no parameter"):
        stage(no_such_parameter=1)
    for key, param in stage.params.items():
        if param.range != "text":
            with pytest.raises(SpecError, match=re.escape(param.range)):
                stage(**{key: "no such value"})


@pytest.mark.parametrize("spec", [*registry.CLASSIC, *GRID])
def test_container_round_trip_and_spelling(spec: str) -> None:
    built = usable(spec)
    assert get_codec(built.spec).spec == built.spec
    x = signal(1500, 2)
    assert np.array_equal(n1codec.decode(n1codec.encode(x, spec, 30_000)), x)


def test_the_grid_is_large() -> None:
    assert len({*GRID, *(get_codec(spec).spec for spec in registry.CLASSIC)}) >= 60


def test_a_decoder_is_told_apart_from_its_encoder() -> None:
    with pytest.raises(FormatError):
        get_codec("zstd").decode(b"no zstd frame", Layout((10,), np.dtype(np.int16)))
