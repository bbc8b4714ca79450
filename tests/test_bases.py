"""The comparison of bases: transforms, rates, the bound, and the command."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import signal

from n1codec.codec import CodecError, UnavailableError
from n1codec.lossy import bases, bound, learned, transforms
from n1codec.lossy.curves import SHARES, STEPS, Coded, adaptive_bits, coded_curve, curve, terms
from n1codec.lossy.learned import Dictionary
from n1codec.lossy.transforms import BASES, Basis
from n1codec.pipeline import get_codec
from n1codec.recordings import wav

UNTRAINED = [name for name, make in BASES.items() if not make().trained]
TRAINED = [name for name in BASES if name not in UNTRAINED]
BIORTHOGONAL = ("5/3", "9/7", "ica32")


def pink(frames: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    spectrum = np.fft.rfft(rng.normal(0, 1, frames)) / np.arange(1, frames // 2 + 2) ** 0.6
    slow = np.fft.irfft(spectrum, frames)
    return np.rint(40 * slow / slow.std() + rng.normal(0, 2, frames))


def usable(name: str) -> Basis:
    try:
        return BASES[name]().fitted([pink(20_000, seed=s) for s in (1, 2)])
    except UnavailableError as error:
        assert not os.environ.get("N1_REQUIRE_ALL"), error
        pytest.skip(str(error))


def tried(basis: Basis, x: np.ndarray) -> list[np.ndarray]:
    try:
        return basis.forward(x)
    except UnavailableError as error:
        assert not os.environ.get("N1_REQUIRE_ALL"), error
        pytest.skip(str(error))


@pytest.mark.filterwarnings("ignore:Level value")
@pytest.mark.parametrize("frames", [4096, 5000, 1, 77])
@pytest.mark.parametrize("name", BASES)
def test_a_basis_gives_back_the_signal(name: str, frames: int) -> None:
    basis, x = usable(name), pink(5000)[:frames]
    bands = tried(basis, x)
    np.testing.assert_allclose(basis.inverse(bands, frames), x, atol=1e-8)


@pytest.mark.parametrize("name", [name for name in BASES if name not in BIORTHOGONAL])
def test_an_orthonormal_basis_keeps_the_energy(name: str) -> None:
    x = pink(8192)
    energy = sum(float((band**2).sum()) for band in tried(usable(name), x))
    mirrored = name.startswith("mdct")  # half a block more at either end
    assert energy == pytest.approx(float((x**2).sum()), rel=0.2 if mirrored else 1e-9)


@pytest.mark.parametrize("name", [name for name in UNTRAINED if name != "identity"])
def test_a_basis_gathers_the_energy_of_a_slow_signal(name: str) -> None:
    x = np.sin(np.arange(8192) * 0.01) * 100
    bands = tried(usable(name), x)
    sizes = np.sort(np.concatenate(bands) ** 2)[::-1]
    assert sizes[: sizes.size // 8].sum() > 0.95 * sizes.sum()


def test_trained_bases_are_fitted() -> None:
    x = [pink(30_000, seed) for seed in range(2)]
    klt, dct = BASES["klt64"]().fitted(x), BASES["dct64"]()
    log = [np.log2([band.var() for band in basis.forward(x[0])]) for basis in (klt, dct)]
    assert log[0][0] >= log[1][0] - 0.05
    assert TRAINED == ["klt64", "klt128", "ica32"]


def test_a_dictionary_has_more_than_one_way_to_choose() -> None:
    pytest.importorskip("sklearn")
    basis, x = Dictionary().fitted([pink(8_000, seed) for seed in (1, 2)]), pink(4096)
    bands = basis.forward(x)
    assert sum(band.size for band in bands) == 2 * x.size
    errors = []
    for step in (8.0, 60.0):
        chosen = basis.for_step(bands, step)
        multiples = np.concatenate(chosen) / step
        np.testing.assert_allclose(multiples, np.rint(multiples), atol=1e-9)
        assert 0 < np.count_nonzero(multiples) < 2 * x.size
        errors.append(float((basis.inverse(chosen, x.size) - x).var()))
    assert errors[0] < errors[1] / 3 < x.var() / 15
    snr, _ = bases.at_bits(curve(basis, x, 0), np.array([2.0, 1.0]))
    assert (snr > [8, 5]).all()


def test_a_convolution_begins_as_a_lapped_transform_and_learns() -> None:
    x = [pink(20_000, seed) for seed in (1, 2)]
    start = learned._lapped()
    before = learned.Convolution((start, start))
    np.testing.assert_allclose(before.inverse(before.forward(x[0]), x[0].size), x[0], atol=1e-8)
    pytest.importorskip("torch")
    after = learned.Convolution(rounds=20).fitted(x)
    assert after._filters is not None
    assert 1e-4 < np.abs(after._filters[0] - start).max() < 0.1
    both = [bases.at_bits(curve(basis, x[0], 0), np.array([2.0, 1.0]))[0] for basis in (before, after)]
    np.testing.assert_allclose(both[1], both[0], atol=0.5)


def alike(frames: int = 4096) -> list[bases.Signal]:
    rng = np.random.default_rng(0)
    common = pink(frames)
    codes = [np.rint(gain * common + rng.normal(0, 1.5, frames)) for gain in (1, 0.8, 0.9)]
    return [bases.Signal(f"a:{i}", x, 20_000, float(np.ptp(x)), "a") for i, x in enumerate(codes)]


def test_bases_across_channels_use_what_they_have_in_common() -> None:
    names = [f"{kind}-mdct256" for kind in ("joint", "mean", "neighbour", "klt")]
    alone = bases.Signal("b", pink(5000), 20_000, 300.0)
    found = bases.run([*alike(), alone], ["mdct256", *names], 1)
    at = {line["basis"]: line["snr_db"] for line in bases.table(alike(), {n: _three(found[n]) for n in found}, [6.0])}
    assert abs(at["joint-mdct256"] - at["mdct256"]) < 0.5
    assert min(at[name] for name in names[1:]) > at["joint-mdct256"] + 2
    assert [sorted(found[name]) for name in names] == [[0, 1, 2]] * 4  # what has no other channels is left out
    bits = [found["klt-mdct256"][number].curve.bits for number in range(3)]
    assert (bits[0] == bits[1]).all()
    assert {name: make().trained for name, make in bases.METHODS.items() if name in names} == {
        name: name == "klt-mdct256" for name in names
    }
    assert [line["basis"] for line in bases.compaction(found)] == ["mdct256"]


def _three(by_signal: dict[int, bases.Found]) -> dict[int, bases.Found]:
    return {number: one for number, one in by_signal.items() if number < 3}


def test_a_finding_across_channels_depends_on_all_of_them(tmp_path: Path) -> None:
    log, names = tmp_path / "log.csv", ["mean-mdct256"]
    signals = alike()
    whole = bases.run(signals, names, 1, log=log)
    text = log.read_text()
    assert bases.table(signals, bases.run(signals, names, 1, log=log)) == bases.table(signals, whole)
    assert log.read_text() == text
    signals[2] = signals[2]._replace(codes=signals[2].codes[::-1].copy())
    bases.run(signals, names, 1, log=log)
    assert len(log.read_text()) > 1.9 * len(text)


def test_adaptive_bits_are_those_of_counting() -> None:
    numbers = np.random.default_rng(0).integers(-3, 4, 300).astype(float)
    counts, bits = dict.fromkeys(range(-3, 4), 0.5), 0.0
    for number in numbers:
        bits -= np.log2(counts[int(number)] / sum(counts.values()))
        counts[int(number)] += 1
    assert adaptive_bits(numbers) == pytest.approx(bits + 2 * (2 * 3))
    assert adaptive_bits(np.zeros(5000)) < 10
    assert adaptive_bits(np.empty(0)) == 0


def test_the_bound_of_white_noise_and_of_an_autoregressive_process() -> None:
    bits = np.array([0.5, 1, 2])
    assert bound.snr_at(np.full(1000, 7.0), bits) == pytest.approx(6.0206 * bits, abs=1e-3)
    a = 0.9
    frequencies = np.pi * (np.arange(20_000) + 0.5) / 20_000
    power = 1 / np.abs(1 - a * np.exp(-1j * frequencies)) ** 2
    # Above a bit or so the water covers nothing: D = (1 - a^2) variance 2^(-2R).
    gain = -10 * np.log10(1 - a**2)
    assert bound.snr_at(power, np.array([2.0, 3.0])) == pytest.approx([12.0412 + gain, 18.0618 + gain], abs=1e-3)


def test_the_spectrum_of_a_signal() -> None:
    x = pink(60_000)
    power = bound.spectrum(x)
    assert power.mean() == pytest.approx(x.var(), rel=0.05)
    assert power[3] > 10 * power[-3]


def test_a_curve_falls_and_stays_below_the_bound() -> None:
    from scipy.signal import lfilter

    x = np.rint(lfilter([20], [1, -0.9], np.random.default_rng(0).normal(0, 1, 40_000)))
    found = curve(BASES["mdct256"](), x, 20_000)
    half = len(STEPS)
    assert (np.diff(found.bits[:half]) < 0).all()
    assert (np.diff(found.snr_db[:half]) <= 0).all()
    assert not np.isnan(found.spike_db).any()
    assert np.isnan(curve(BASES["mdct256"](), x, 2_000).spike_db).all()
    snr, _ = bases.at_bits(found, np.array([2.0, 1.0, 0.5]))
    limit = bound.snr_at(bound.spectrum(x), np.array([2.0, 1.0, 0.5]))
    assert (limit - 2.5 < snr).all()
    assert (snr < limit).all()


def test_dependent_quantisation_is_worth_half_a_decibel() -> None:
    """Beside the same basis with a scalar quantiser and an ideal code: what the encoder does less well shows here."""
    x, bits = pink(60_000), np.array([3.0, 2.0, 1.5, 1.0])
    scalar, _ = bases.at_bits(curve(BASES["mdct256"](), x, 0), bits)
    coded, _ = bases.at_bits(coded_curve(Coded("mdct:step={}"), x, 0), bits)
    assert (coded - scalar > [0.85, 0.75, 0.45, 0.45]).all()


def test_fine_steps_of_whole_numbers_lose_nothing() -> None:
    found = curve(BASES["dct256"](), pink(9000), 20_000)
    assert found.snr_db[0] > 45


def test_the_largest_terms() -> None:
    x = pink(20_000)
    found = terms(BASES["dct256"](), x)
    assert (np.diff(found) > 0).all()
    assert len(found) == len(SHARES)
    assert found[0] > terms(BASES["identity"](), x)[0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "recordings"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.wav").write_bytes(wav.write(signal(12_000 + number, seed=number), 19_531))
    return folder


def test_the_command(folder: Path, tmp_path: Path, run: Callable[..., Any]) -> None:
    out = tmp_path / "out"
    options = ("--bases", "identity mdct256 klt64", "--ratio", "6,20", "--jobs", 1, "--json")
    done = run("n1codec", "bases", folder, *options, "--out", out)
    assert done.returncode == 0, done.stderr
    lines = json.loads(done.stdout)
    assert [(line["basis"], line["ratio"]) for line in lines] == [
        (name, ratio) for name in ("identity", "mdct256", "klt64") for ratio in (6, 20)
    ]
    for line in lines:
        assert set(line) == {"basis", "trained", "ratio", "bits_per_sample", "snr_db", "snr_spike_db", "psnr_db",
                             "bound_db", "gap_db", "files"}  # fmt: skip
        assert line["files"] == 3
        assert line["bits_per_sample"] == pytest.approx(16 / line["ratio"])
        assert line["gap_db"] == pytest.approx(line["bound_db"] - line["snr_db"])
        assert line["trained"] == (line["basis"] == "klt64")
    by = {(line["basis"], line["ratio"]): line for line in lines}
    assert by["mdct256", 6]["snr_db"] > by["identity", 6]["snr_db"] + 3
    assert by["mdct256", 6]["psnr_db"] > by["mdct256", 6]["snr_db"] + 20
    for name in ("bases.csv", "terms.csv", "README.md", "rate.png", "terms.svg"):
        assert (out / name).stat().st_size > 100
    log = (out / ".curves.csv").read_text()
    again = run("n1codec", "bases", folder, *options, "--out", out)
    assert (json.loads(again.stdout), (out / ".curves.csv").read_text()) == (lines, log)


def test_a_codec_stands_beside_the_bases_with_its_bytes(folder: Path, tmp_path: Path, run: Callable[..., Any]) -> None:
    done = run("n1codec", "bases", folder, "--bases", "codec-mdct", "--ratio", "6", "--jobs", 1, "--json", "--out",
               tmp_path / "out")  # fmt: skip
    assert done.returncode == 0, done.stderr
    (line,) = json.loads(done.stdout)
    assert line["gap_db"] > 0
    assert not (tmp_path / "out" / "terms.csv").exists()
    (first, *_) = bases.signals(sorted(folder.iterdir()))
    (found,) = bases.measure((bases.METHODS["codec-mdct"](), [first]))
    x = first.codes.astype(np.int32)
    payload = get_codec(f"mdct:step={STEPS[9]:g}").encode(x)
    assert found.curve.bits[9] == pytest.approx(8 * len(payload) / x.size)


def test_an_interrupted_run_goes_on(folder: Path, tmp_path: Path) -> None:
    signals = bases.signals(sorted(folder.iterdir()))
    log = tmp_path / "log.csv"
    whole = bases.run(signals, ["dct64", "haar" if _has_wavelets() else "dct16"], 1, log=log)
    text = log.read_text()
    _, _, unfitted = next(bases.tasks(signals, ["klt64"], lambda *_: True))
    assert isinstance(unfitted, transforms.KarhunenLoeve)
    assert unfitted._vectors is None  # what is known needs no fit
    log.write_text(text[: len(text) * 2 // 3])
    again = bases.run(signals, list(whole), 1, log=log)
    assert bases.table(signals, again) == bases.table(signals, whole)
    assert len(log.read_text()) > len(text) * 2 // 3
    done = log.read_text()
    assert bases.table(signals, bases.run(signals, list(whole), 1, log=log)) == bases.table(signals, whole)
    assert log.read_text() == done


def test_other_samples_of_one_name_are_measured_anew(folder: Path, tmp_path: Path) -> None:
    """And of a trained basis all that stand beside them: it was fitted to others."""
    log, names = tmp_path / "log.csv", ["dct16", "klt64"]
    before = bases.run(bases.signals(sorted(folder.iterdir())), names, 1, log=log)
    (folder / "1.wav").write_bytes(wav.write(signal(12_001, seed=9), 19_531))
    signals, done = bases.signals(sorted(folder.iterdir())), []
    after = bases.run(signals, names, 1, done.append, log=log)
    assert [text for text in done if " " in text] == ["dct16 1.wav", "klt64 0.wav", "klt64 2.wav", "klt64 1.wav"]
    assert after["dct16"][0].curve.bits.tolist() == before["dct16"][0].curve.bits.tolist()
    assert after["dct16"][1].curve.bits.tolist() != before["dct16"][1].curve.bits.tolist()
    assert after["klt64"][0].curve.snr_db.tolist() != before["klt64"][0].curve.snr_db.tolist()


def _has_wavelets() -> bool:
    try:
        transforms._pywt()
    except UnavailableError:
        return False
    return True


def test_what_the_command_refuses(folder: Path, tmp_path: Path, run: Callable[..., Any]) -> None:
    for options, said, code in (
        (("--bases", "sawtooth"), "no basis 'sawtooth'", 1),
        (("--ratio", "8,x"), "name numbers", 2),
        (("--ratio", "0.1"), "name numbers", 2),
    ):
        done = run("n1codec", "bases", folder, *options)
        assert (done.returncode, done.stderr.count("\n")) == (code, 1)
        assert said in done.stderr
    (tmp_path / "short.wav").write_bytes(wav.write(signal(500), 19_531))
    (tmp_path / "silent.wav").write_bytes(wav.write(np.zeros((9000, 1), np.int16), 19_531))
    for name in ("short.wav", "silent.wav"):
        with pytest.raises(CodecError, match="no channel has"):
            bases.signals([tmp_path / name])


def test_without_the_library_the_others_are_compared(
    folder: Path, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    done = run("n1codec", "bases", folder, "--every", 3, "--ratio", "8", "--jobs", 1, "--json")
    assert done.returncode == 0
    assert {line["basis"] for line in json.loads(done.stdout)} >= {"identity", "dct16", "mdct256", "codec-mdct"}
    assert "left out: haar" in done.stderr
    assert "n1codec[lossy]" in done.stderr


def test_without_the_library_there_is_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    transforms._pywt.cache_clear()
    monkeypatch.setitem(sys.modules, "pywt", None)
    with pytest.raises(UnavailableError, match=r"pip install 'n1codec\[lossy\]'"):
        BASES["haar"]().forward(pink(1000))
    monkeypatch.setitem(sys.modules, "sklearn.decomposition", None)
    with pytest.raises(UnavailableError, match=r"pip install 'n1codec\[lossy\]'"):
        BASES["ica32"]().fitted([pink(1000)])
    transforms._pywt.cache_clear()
