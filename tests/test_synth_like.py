"""Generated recordings that are like a given one."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import lfilter

from n1codec.analysis import widths
from n1codec.analysis.spectrum import psd
from n1codec.codec import CodecError
from n1codec.datasets import synth_like
from n1codec.datasets.synth_like import Model, blocks, learn
from n1codec.recordings import open_recording
from n1codec.recordings.samples import Form, Mapped

Run = Callable[..., subprocess.CompletedProcess[str]]
CHANNELS, RATE = 8, 20000.0


def recording(x: np.ndarray, rate: float = RATE) -> Mapped:
    return Mapped("made.bin", rate, x.shape[1], Form(x.dtype.name), memoryview(x.tobytes()))


def probe(frames: int = 60000) -> tuple[Mapped, np.ndarray]:
    """Return a recording of two uneven converters, channels that share noise, a drift, and one channel for lines.

    The second array is the widths of the converters' codes, shape (2, 200).
    """
    rng = np.random.default_rng(3)
    true = np.exp(0.5 * rng.normal(size=(2, 200)))
    true *= 200 / true.sum(axis=1, keepdims=True)
    shared = rng.normal(0, 4, (frames, CHANNELS // 2)).repeat(2, axis=1)  # channels 0 and 1, 2 and 3, ...
    signal = lfilter([1.0], [1, -1.3, 0.4], shared + rng.normal(0, 4, (frames, CHANNELS)), axis=0)
    signal += 100 + np.arange(CHANNELS)
    x = np.zeros((frames, CHANNELS + 1), np.int16)
    for channel in range(CHANNELS):
        thresholds = np.cumsum(true[channel // 4])[:-1]
        x[:, channel] = np.searchsorted(thresholds, signal[:, channel]) - 100
    made = recording(x)
    made.sync, made.converters = (CHANNELS,), np.array([0] * 4 + [1] * 4 + [-1])
    return made, true


@pytest.fixture(scope="module")
def real() -> Mapped:
    return probe()[0]


@pytest.fixture(scope="module")
def model(real: Mapped) -> Model:
    return learn(real)


@pytest.fixture(scope="module")
def generated(model: Model) -> np.ndarray:
    return np.concatenate(list(blocks(model, 60000)))


def test_spectra_and_amplitudes_are_the_same(real: Mapped, generated: np.ndarray) -> None:
    x = real.read(channels=range(CHANNELS)).astype(float)
    np.testing.assert_allclose(generated.mean(axis=0), x.mean(axis=0), atol=1.0)
    np.testing.assert_allclose(generated.std(axis=0), x.std(axis=0), rtol=0.05)
    for channel in range(CHANNELS):
        (_, wanted), (_, found) = (psd(y[:, channel].astype(float), RATE, 256) for y in (x, generated))
        assert np.abs(np.log2(found[2:-2] / wanted[2:-2])).mean() < 0.15


def test_correlations_between_channels_are_the_same(real: Mapped, generated: np.ndarray) -> None:
    x = real.read(channels=range(CHANNELS)).astype(float)
    wanted, found = (np.corrcoef(np.diff(y.astype(float), axis=0), rowvar=False) for y in (x, generated))
    assert wanted[0, 1] > 0.35 > 0.05 > abs(wanted[0, 2])
    np.testing.assert_allclose(found, wanted, atol=0.03)


def test_the_converters_are_as_uneven(real: Mapped, generated: np.ndarray) -> None:
    _, true = probe(100)
    found = widths.estimate(generated, np.array([0] * 4 + [1] * 4))
    codes = np.arange(85, 120)
    for converter in (0, 1):
        found_there = found.widths[converter, codes - 100 - found.low]
        assert np.corrcoef(found_there, true[converter, codes])[0, 1] > 0.95


def test_it_is_as_hard_to_compress(real: Mapped, generated: np.ndarray) -> None:
    from n1codec import get_codec

    codec = get_codec("n1:profile=none")
    wanted, found = (len(codec.encode(y)) for y in (real.read(channels=range(CHANNELS)), generated))
    assert found == pytest.approx(wanted, rel=0.02)


@pytest.mark.parametrize(("block", "jobs"), [(1, 1), (777, 2), (5000, 3)])
def test_the_bytes_do_not_depend_on_the_blocks(model: Model, generated: np.ndarray, block: int, jobs: int) -> None:
    frames = 300 if block == 1 else 9000
    again = np.concatenate(list(blocks(model, frames, block=block, jobs=jobs)))
    np.testing.assert_array_equal(again, generated[:frames])


def test_another_seed_gives_other_bytes(model: Model, generated: np.ndarray) -> None:
    other = next(blocks(model, 4096, seed=1)).astype(float)
    assert abs(np.corrcoef(np.diff(other[:, 0]), np.diff(generated[:4096, 0].astype(float)))[0, 1]) < 0.1


def test_fewer_and_more_channels(model: Model, generated: np.ndarray) -> None:
    few = next(blocks(model, 4096, channels=3))
    assert few.shape == (4096, 3)
    many = next(blocks(model, 4096, channels=19))
    np.testing.assert_array_equal(many[:, :8], generated[:4096])
    second = np.corrcoef(np.diff(many.astype(float), axis=0), rowvar=False)
    assert second[8, 9] > 0.35  # the second copy has the same structure,
    assert np.abs(second[:8, 8:]).max() < 0.1  # and nothing in common with the first


def test_no_sum_is_too_large_to_be_exact(model: Model) -> None:
    made = synth_like._Probe(model, CHANNELS, np.random.PCG64(0))
    most = np.abs(synth_like._normal()).max() * np.abs(made.mixing).astype(np.float64).sum(axis=1)
    assert (most < 1 << 24).all()
    assert (most > 1 << 22).all()  # and no digits are given away


def test_steps_and_offsets_of_samples_are_kept() -> None:
    codes = probe(20000)[0].read(channels=range(4))
    x = np.rint(12.02 * codes + 5).astype(np.int16)
    found = np.concatenate(list(blocks(learn(recording(x)), 20000)))
    for channel in range(4):
        legal = np.rint(12.02 * np.arange(-200, 200) + 5)
        assert np.isin(found[:, channel], legal).mean() > 0.999
    assert found.std() == pytest.approx(x.std(), rel=0.1)


def test_a_constant_channel_stays_constant() -> None:
    x = probe(5000)[0].read(channels=range(3)).copy()
    x[:, 1] = 7
    found = np.concatenate(list(blocks(learn(recording(x)), 500)))
    assert (found[:, 1] == 7).all()
    assert found[:, 0].std() > 1


@pytest.mark.parametrize(
    ("x", "rate", "words"),
    [
        (np.zeros((9, 2), np.int16), RATE, "too few"),
        (np.zeros((900, 2), np.float32), RATE, "16-bit integers, not of float32"),
        (np.zeros((900, 2), np.int16), 0.0, "rate is not known"),
    ],
)
def test_what_cannot_be_learned_from_is_told(x: np.ndarray, rate: float, words: str) -> None:
    with pytest.raises(CodecError, match=words):
        learn(recording(x, rate))


def test_the_command_writes_a_file_that_every_command_reads(run: Run, real: Mapped, tmp_path: Path) -> None:
    source = tmp_path / "real.bin"
    source.write_bytes(real.encoded)
    (tmp_path / "real.bin.json").write_text(json.dumps({"channels": CHANNELS + 1, "rate": RATE}))
    out = tmp_path / "long.bin"
    done = run("n1codec", "data", "synth", out, "--like", source, "--seconds", "0.5", "--channels", "4", "--seed", "5")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{out}: 4 channels of 10000 frames at 20000 Hz like real.bin, seed 5\n"
    opened = open_recording(out)
    assert (opened.shape, opened.rate, opened.dtype) == ((10000, 4), RATE, np.dtype("int16"))
    assert json.loads((tmp_path / "long.bin.json").read_text()).keys() == {
        "channels",
        "dtype",
        "rate",
        "order",
        "offset",
    }
    np.testing.assert_array_equal(
        opened.read(0, 1000), next(blocks(learn(open_recording(source)), 1000, channels=4, seed=5, block=1000))
    )


def test_options_that_do_not_go_together(run: Run, tmp_path: Path) -> None:
    source = tmp_path / "real.bin"
    source.write_bytes(bytes(100))
    done = run("n1codec", "data", "synth", tmp_path / "out.bin", "--like", source, "--rate", "5")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    done = run("n1codec", "data", "synth", tmp_path / "out", "--seconds", "4000")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert [path.name for path in tmp_path.iterdir()] == ["real.bin"]
