from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from n1codec import container, n1_mapping
from n1codec.codec import SpecError
from n1codec.pipeline import get_codec
from n1codec.recordings import wav
from n1codec.train import unseen

ZSTD = "remap|delta|zstd:level=3"


@pytest.fixture(scope="module")
def recordings() -> list[np.ndarray]:
    """N1 samples of a converter with every fourth code a quarter as wide as its neighbours."""
    rng = np.random.default_rng(0)
    edges = np.cumsum(np.where(np.arange(1024) % 4, 1.25, 0.25)) - 512
    levels = [np.convolve(rng.normal(0, 6, 5004), [1, 0.8, 0.5, 0.2, 0.1], "valid") for _ in range(5)]
    return [n1_mapping.values()[np.searchsorted(edges, level).clip(0, 1023)] for level in levels]


def test_each_recording_is_measured_once_and_never_trained_on(recordings: list[np.ndarray]) -> None:
    pairs = unseen.halves(recordings)
    measured = [x.tobytes() for _, others in pairs for x in others]
    assert sorted(measured) == sorted(x.tobytes() for x in recordings)
    for seen, others in pairs:
        assert not {x.tobytes() for x in seen} & {x.tobytes() for x in others}


def test_ratios_are_those_of_whole_files(recordings: list[np.ndarray]) -> None:
    """With the same tables for all, which is what a codec without training has."""
    sources = [wav.write(x, 19531) for x in recordings]
    costs = unseen.validate([], [ZSTD], recordings, jobs=1)
    packed = [container.encode_bytes(source, get_codec(ZSTD)) for source in sources]
    cost = costs[ZSTD]
    assert isinstance(cost, unseen.Cost)
    assert cost.ratio == pytest.approx(sum(map(len, sources)) / sum(map(len, packed)), rel=1e-12)


@pytest.mark.slow
def test_training_is_worth_it_on_what_it_has_not_seen(recordings: list[np.ndarray]) -> None:
    done: list[str] = []
    costs = unseen.validate(unseen.codecs(), [ZSTD], recordings, 2, done.append)
    assert sorted(done) == sorted([*unseen.codecs(), ZSTD] * 2)
    assert list(costs) == [*unseen.codecs(), ZSTD]
    ratios = {name: cost.ratio for name, cost in costs.items() if isinstance(cost, unseen.Cost)}
    assert all(ratios[codec] > 1.2 * ratios[ZSTD] for codec in unseen.codecs())
    (seen, others), _ = unseen.halves(recordings)
    n1 = unseen.trainer("n1")
    assert n1.measure(others, n1.train(seen, lambda *_: None)) < n1.measure(others, b"")


def test_what_cannot_be_trained_says_why() -> None:
    noise = [np.random.default_rng(seed).integers(-999, 999, 5000, np.int16) for seed in range(2)]
    costs = unseen.validate(["n1_implant"], [ZSTD], noise, 1)
    assert "N1" in str(costs["n1_implant"])
    assert isinstance(costs[ZSTD], unseen.Cost)


@pytest.mark.slow
def test_bench_prints_them(recordings: list[np.ndarray], tmp_path: Path, run: Callable) -> None:
    for number, x in enumerate(recordings[:4]):
        (tmp_path / f"{number}.wav").write_bytes(wav.write(x, 19531))
    options = ("bench", "--data", tmp_path, "--unseen", "--filter", "n1_implant", "--min-time", "0")
    done = run("n1codec", *options, "--json")
    assert done.returncode == 0, done.stderr
    stage, cost = json.loads(done.stdout)
    assert (stage["stage"], cost["codec"]) == ("n1_implant", "n1_implant")
    assert 1 < cost["unseen"]["ratio"] < 16
    assert f"{cost['unseen']['ratio']:.4f}" in run("n1codec", *options).stdout


def test_what_is_not_trained_is_told() -> None:
    assert unseen.codecs() == ["n1", "n1_implant", "n1_max"]
    with pytest.raises(SpecError, match=r"zstd is not trained .*n1_implant"):
        unseen.trainer("zstd")
    with pytest.raises(SpecError, match="unknown codec"):
        unseen.trainer("n1_maxx")
