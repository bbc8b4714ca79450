"""What the tests of filters share: awkward signals, round trips, damaged side information."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from n1codec import registry
from n1codec.codec import Filter, Layout


def make(name: str, **values: Any) -> Filter:
    stage = registry.find(name)(**values)
    assert isinstance(stage, Filter)
    return stage


def round_trip(stage: Filter, x: np.ndarray) -> tuple[np.ndarray, bytes]:
    """Check that ``inverse`` undoes ``forward`` and that ``output`` foretells it; return what ``forward`` made."""
    y, side = stage.forward(x)
    assert stage.side or not side
    assert stage.output(Layout.of(x), side) == Layout.of(y)
    restored = stage.inverse(y, side, Layout.of(x))
    assert Layout.of(restored) == Layout.of(x)
    assert restored.tobytes() == x.tobytes()
    return y, side


@st.composite
def signals(draw: st.DrawFn, dtype: str = "int16", longest: int = 300) -> np.ndarray:
    """Signals of quiet, loud, flat and rail-to-rail stretches, lengths around multiples of 16 and 64 among them."""
    limits = np.iinfo(dtype)
    length = draw(st.one_of(st.integers(1, longest), st.sampled_from([15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 129])))
    rng = np.random.default_rng(draw(st.integers(0, 1 << 30)))
    pieces: list[np.ndarray] = []
    while sum(map(len, pieces)) < length:
        size = int(rng.integers(1, length + 1))
        kind = draw(st.sampled_from(["flat", "quiet", "loud", "rails", "walk"]))
        if kind == "flat":
            pieces.append(np.full(size, rng.integers(limits.min, limits.max, dtype=dtype, endpoint=True), dtype))
        elif kind == "quiet":
            pieces.append(rng.integers(0, 9, size).astype(dtype))
        elif kind == "loud":
            pieces.append(rng.integers(limits.min, limits.max, size, dtype=dtype, endpoint=True))
        elif kind == "rails":
            pieces.append(rng.choice(np.array([limits.min, limits.max], dtype), size))
        else:
            pieces.append(np.cumsum(rng.integers(-20, 21, size)).astype(dtype))
    return np.concatenate(pieces)[:length]


def survives(stage: Filter, y: np.ndarray, side: bytes, layout: Layout) -> None:
    """Invert what may be damaged: an exception, or an array of ``layout``."""
    try:
        if stage.output(layout, side) != Layout.of(y):
            return
        x = stage.inverse(y, side, layout)
    except Exception:
        return
    assert Layout.of(x) == layout


@st.composite
def damaged(draw: st.DrawFn, stage: Filter, dtype: str = "int16") -> tuple[np.ndarray, bytes, Layout]:
    """Side information and array that are made up, or were right until some of their bytes changed."""
    x = draw(signals(dtype))
    y, side = stage.forward(x)
    raw, spoilt = bytearray(y.tobytes()), bytearray(side)
    for data in (raw, spoilt):
        for _ in range(draw(st.integers(0, 3))):
            if data:
                data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    if draw(st.booleans()):
        spoilt = bytearray(draw(st.binary(max_size=40)))
    elif draw(st.booleans()):
        spoilt = spoilt[: draw(st.integers(0, len(spoilt)))]
    size = x.size if draw(st.booleans()) else draw(st.integers(1, 400))
    layout = Layout((size,), x.dtype)
    array = np.frombuffer(bytes(raw), y.dtype)
    try:
        wanted = stage.output(layout, bytes(spoilt))
    except Exception:
        return array, bytes(spoilt), layout
    assert wanted.nbytes <= 64 + 4 * layout.nbytes, "damaged side information must not ask for much memory"
    return np.resize(array, wanted.shape).astype(wanted.dtype), bytes(spoilt), layout
