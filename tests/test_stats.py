"""The data analysis, against slow computations in exact numbers."""

from __future__ import annotations

import csv
import errno
import json
import math
import os
import struct
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import signal
from test_recordings import sparse_rf64

from n1codec import cli
from n1codec.analysis import spectrum, stats
from n1codec.analysis.entropy import Pool, entropy, neighbours
from n1codec.analysis.moments import Moments, moments
from n1codec.analysis.stats import Settings, collect, measure
from n1codec.codec import CodecError
from n1codec.recordings.samples import Form
from n1codec.spikes import detect

Run = Callable[..., subprocess.CompletedProcess[str]]


def wav_of(samples: np.ndarray, rate: int, bits: int, tag: int = 1) -> bytes:
    """A WAV file of any of the reader's forms, samples of shape (frames, channels)."""
    block = samples.shape[1] * bits // 8
    form = struct.pack("<HHIIHH", tag, samples.shape[1], rate, rate * block, block, bits)
    data = Form("int24" if bits == 24 else samples.dtype.name).pack(samples).tobytes()
    body = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def some(kind: str) -> list[tuple[np.ndarray, int, int]]:
    """Some recordings of one form: samples, bits, format tag."""
    rng = np.random.default_rng(5)
    made = []
    for index, (frames, channels) in enumerate(((900, 1), (700, 3), (1, 2), (2500, 1))):
        wide = rng.normal(3, 2 + 5 * index, (frames, channels)).cumsum(axis=0) + rng.integers(0, 40, (frames, channels))
        samples = {
            "u8": lambda x: np.clip(x + 128, 0, 255).astype(np.uint8),
            "i16": lambda x: np.clip(x * 64, -32768, 32767).astype(np.int16),
            "i24": lambda x: np.clip(x * 5000, -(1 << 23), (1 << 23) - 1).astype(np.int32),
            "i32": lambda x: np.clip(x * 1e6, -(1 << 31), (1 << 31) - 1).astype(np.int32),
            "f32": lambda x: (x * 1e-3 + 1000).astype(np.float32),
            "f64": lambda x: x * 1e-200,
        }[kind](wide)
        made.append((samples, int(kind[1:] if kind != "u8" else 8), 3 if kind[0] == "f" else 1))
    return made


def write(folder: Path, made: list[tuple[np.ndarray, int, int]], rate: int = 15_000) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    for index, (samples, bits, tag) in enumerate(made):
        (folder / f"r{index}.wav").write_bytes(wav_of(samples, rate, bits, tag))
    return sorted(folder.iterdir())


def slow(channels: list[list[Any]]) -> dict[str, float]:
    """Every figure of amplitude and entropy from its definition, in exact numbers as far as there are such."""
    samples = [Fraction(value) for channel in channels for value in channel]
    n = len(samples)
    mean = sum(samples) / n
    second, third, fourth = (sum((value - mean) ** k for value in samples) / n for k in (2, 3, 4))
    counts = Counter(samples)
    most = max(counts.values())
    ordered = sorted(samples)
    distinct = sorted(counts)
    gaps = Counter(b - a for a, b in pairwise(distinct))
    commonest = max(gaps.values(), default=0)
    pairs = Counter((a, b) for channel in channels for a, b in pairwise(channel))
    step = min((g for g, count in gaps.items() if count == commonest), default=math.nan)
    near = [g for g in gaps.elements() if g < step * Fraction(3, 2)]
    unit = sum(near) / len(near) if near else 1
    steps = [max(1, round((b - a) / unit)) for a, b in pairwise(distinct)]
    if max(steps, default=1) >= 1 << 20:
        steps = [1] * len(steps)
    contexts, code = Counter[Any](), dict(zip(map(float, distinct), accumulate(steps, initial=0), strict=True))
    for (a, _), count in pairs.items():
        contexts[a] += count

    def bits(found: Counter[Any]) -> float:
        whole = sum(found.values())
        return -math.fsum(c / whole * math.log2(c / whole) for c in found.values())

    def root(square: Fraction) -> float:
        """To 15 digits, whatever its size."""
        scale = 10 ** max(0, 40 - len(str(square.numerator)) + len(str(square.denominator)))
        return float(Fraction(math.isqrt(square.numerator * scale**2 // square.denominator), scale))

    differences, codes = Counter[Any](), Counter[Any]()
    for (a, b), count in pairs.items():
        differences[b - a] += count
        codes[code[float(b)] - code[float(a)]] += count
    return {
        "samples": n,
        "mean": float(mean),
        "sd": root(second),
        "skewness": math.copysign(root(third**2 / second**3), third) if second else math.nan,
        "kurtosis": float(fourth / second**2) - 3 if second else math.nan,
        "median": float(ordered[(n - 1) // 2] + ordered[n // 2]) / 2,
        "mode": float(min(value for value, count in counts.items() if count == most)),
        "min": float(ordered[0]),
        "max": float(ordered[-1]),
        "values": len(distinct),
        "absent": sum(steps) - len(steps),
        "step": float(step),
        "step_min": float(min(gaps, default=math.nan)),
        "step_max": float(max(gaps, default=math.nan)),
        "entropy_0": bits(counts),
        "entropy_1": bits(pairs) - bits(contexts),
        "entropy_diff": bits(differences),
        "entropy_code_diff": bits(codes),
    }


def assert_same(found: dict[str, Any], expected: dict[str, float]) -> None:
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-11, abs=1e-11 if "entropy" in name else 0, nan_ok=True), name


@pytest.mark.parametrize("kind", ["u8", "i16", "i24", "i32", "f32", "f64"])
@pytest.mark.parametrize("jobs", [1, 2])
def test_figures_are_exact(tmp_path: Path, kind: str, jobs: int) -> None:
    made = some(kind)
    stats = collect(write(tmp_path, made), jobs=jobs)
    channels = [[[v.item() for v in column] for column in samples.T] for samples, _, _ in made]
    names = [] if kind[0] != "f" else ["entropy_diff", "step", "step_min", "step_max"]  # there differences are rounded
    for row, own in zip(stats.files, channels, strict=True):
        assert_same(row, {k: v for k, v in slow(own).items() if k not in names})
    assert_same(stats.total, {k: v for k, v in slow([c for own in channels for c in own]).items() if k not in names})
    shares = [(samples.size, row["entropy_0"]) for (samples, _, _), row in zip(made, stats.files, strict=True)]
    assert stats.total["entropy_0_own"] == pytest.approx(
        sum(n * bits for n, bits in shares) / sum(n for n, _ in shares)
    )
    assert not stats.problems


def test_moments_far_from_zero_keep_their_digits() -> None:
    """Sums in floating point would have nothing left of the variance here."""
    x = np.array([2**31 - 1, 2**31 - 1, 2**31 - 3, 2**31 - 1], np.int64).repeat(10**5)
    found = moments(*np.unique(x, return_counts=True)) + Moments()
    assert found.figures() == {
        "mean": 2**31 - 1.5,
        "sd": pytest.approx(math.sqrt(0.75), rel=1e-15),
        "skewness": pytest.approx(-2 / math.sqrt(3), rel=1e-15),
        "kurtosis": pytest.approx(-2 / 3, rel=1e-15),
    }


def test_a_pool_forgets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    from n1codec.analysis import entropy

    rng = np.random.default_rng(2)
    parts = [rng.integers(-50 * i, 50 * i + 1, (400, 2)) for i in range(1, 8)]
    monkeypatch.setattr(entropy, "_SMALL", 1000)
    pool = Pool()
    for part in parts:
        pool.add(neighbours(part))
    total = pool.total()
    assert dict(zip(total.values.tolist(), total.counts.tolist(), strict=True)) == Counter(
        value for part in parts for value in part.reshape(-1).tolist()
    )
    pairs = zip(total.values[total.first].tolist(), total.values[total.second].tolist(), strict=True)
    assert dict(zip(pairs, total.pair_counts.tolist(), strict=True)) == Counter(
        pair for part in parts for c in part.T.tolist() for pair in pairwise(c)
    )


def test_steps_and_absent_values() -> None:
    made = np.array([0, 64, 129, 193, 321, 0, 64], np.int16)[:, None]  # 193 + 64 never occurs
    stats = neighbours(made)
    from n1codec.analysis.stats import amplitude

    found = amplitude(moments(stats.values, stats.counts), stats)
    assert [found[k] for k in ("values", "step", "step_min", "step_max", "absent", "mode")] == [5, 64, 64, 128, 1, 0]


@pytest.mark.parametrize(
    ("samples", "bits", "expected"),
    [
        ([-32768, 5, 32767, 32767], 16, (1, 2)),
        ([0, 7, 255, 254], 8, (1, 1)),
        ([-(1 << 23), 0, 1, (1 << 23) - 1], 24, (1, 1)),
    ],
)
def test_clipping(tmp_path: Path, samples: list[int], bits: int, expected: tuple[int, int]) -> None:
    dtype = {8: np.uint8, 16: np.int16, 24: np.int32}[bits]
    (path,) = write(tmp_path, [(np.array(samples, dtype)[:, None], bits, 1)])
    figures = measure(path).figures
    assert (figures["clipped_low"], figures["clipped_high"]) == expected
    assert figures["clipped"] == sum(expected) / 4
    assert measure(path, Settings(rails=(-1e9, 1e9))).figures["clipped"] == 0


def test_noise_is_found_under_spikes() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(500, 20, 50_000)
    x[::100] += 3000
    assert detect.noise_level(x) == pytest.approx(20, rel=0.03)
    assert detect.noise_level(np.arange(5)) == 1 / 0.6745
    assert math.isnan(detect.noise_level(np.zeros(0)))


def test_band() -> None:
    rate = 20_000
    t = np.arange(rate) / rate
    for hertz, low, high in ((30, 0, 0.01), (1500, 0.97, 1.03), (9500, 0, 0.1)):
        kept = detect.bandpass(np.sin(2 * np.pi * hertz * t), rate)
        assert kept is not None
        assert low <= np.abs(kept[2000:-2000]).max() <= high
    assert detect.bandpass(np.zeros(100), 500) is None
    assert detect.bandpass(np.zeros(3), rate) is None


def test_neo() -> None:
    x = np.array([3, -1, 4, 1, -5, 9])
    assert detect.neo(x).tolist() == [0, *(int(x[n] ** 2 - x[n - 1] * x[n + 1]) for n in range(1, 5)), 0]
    assert detect.neo(np.zeros(1)).tolist() == [0]


def test_spikes_are_found_where_they_are() -> None:
    rng = np.random.default_rng(1)
    rate, truth = 20_000, np.arange(300, 100_000, 777)
    x = rng.normal(0, 10, 100_000)
    for at in truth:
        x[at - 10 : at + 11] -= 150 * np.exp(-((np.arange(-10, 11) / 4) ** 2))
    filtered = detect.bandpass(x, rate)
    assert filtered is not None
    found = detect.neo_spikes(filtered, rate)
    assert len(found) == len(truth)
    assert np.abs(found - truth).max() <= 5
    assert detect.neo_spikes(np.zeros(100), rate).size == detect.neo_spikes(np.zeros(2), rate).size == 0


def test_a_spike_has_eight_times_the_mean_energy() -> None:
    x = np.zeros(20_000)
    for number, at in enumerate(range(200, 20_000, 200)):
        x[at] = 10 + number  # from less than the mean energy to several times as much
    found = detect.neo_spikes(x, 20_000).tolist()
    assert found == detect.neo_spikes(x, 20_000, factor=8.0).tolist()
    assert len({len(detect.neo_spikes(x, 20_000, factor)) for factor in (7.0, 8.0, 9.0)}) == 3


def test_other_files_are_left_out_and_named(tmp_path: Path, run: Run) -> None:
    paths = write(tmp_path / "in", [(signal(3000), 16, 1)])
    (tmp_path / "in" / "z.wav").write_bytes(b"RIFF of another kind")
    bad = wav_of(np.array([[0.0], [np.nan]], np.float32), 100, 32, 3)
    (tmp_path / "in" / "nan.wav").write_bytes(bad)
    done = run("n1codec", "stats", tmp_path / "in", "--json", "--jobs", 1)
    assert done.returncode == 1
    assert [line.split(": ")[2] for line in done.stderr.splitlines()] == [
        "some of its samples are no finite numbers (left out)",
        "it is no WAV file (left out)",
    ]
    assert [row["file"] for row in json.loads(done.stdout)["files"]] == ["r0.wav"]
    with pytest.raises(CodecError, match="no WAV file"):
        collect([tmp_path / "in" / "z.wav"])
    assert collect(paths).total["samples"] == 3000


def test_command(tmp_path: Path, run: Run) -> None:
    """Text, JSON and CSV say the same, to 9 digits at least."""
    folder = tmp_path / "in"
    write(folder, [(signal(3000 + 40 * i, seed=i), 16, 1) for i in range(3)], rate=19531)
    done = run("n1codec", "stats", folder, COLUMNS="40", FORCE_COLOR="1")
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    printed: dict[str, str] = {}
    for line in done.stdout.splitlines():
        if line and line[0].islower():
            printed.setdefault(*line.split()[:2])  # the total comes before the spread
    found = json.loads(run("n1codec", "stats", folder, "--json", "--csv", tmp_path / "csv").stdout)
    total, files = found["total"], found["files"]
    for name in ("mean", "sd", "skewness", "kurtosis", "entropy_1", "spectral_entropy_sd", "noise_band"):
        assert float(printed[name]) == pytest.approx(total[name], rel=1e-11)
    assert sum(found["histogram"]["counts"]) == total["samples"] == 9120
    assert len(found["psd"]["frequencies"]) == len(found["psd"]["p50"]) == 513
    assert found["settings"]["nperseg"] == 1024
    rows = list(csv.DictReader((tmp_path / "csv" / "files.csv").open()))
    assert [{k: row[k] for k in ("file", "mean", "entropy_0")} for row in rows] == [
        {k: str(row[k]) for k in ("file", "mean", "entropy_0")} for row in files
    ]
    pairs = csv.DictReader((tmp_path / "csv" / "total.csv").open())
    assert {row["figure"]: row["value"] for row in pairs}["sd"] == str(total["sd"])
    run("n1codec", "stats", folder, "--csv", tmp_path / "one.csv")
    *_, last = csv.DictReader((tmp_path / "one.csv").open())
    assert (last["file"], last["sd"], last["values"]) == ("total", str(total["sd"]), str(total["values"]))


@pytest.mark.parametrize("name", ["all.csv", "folder"])
def test_tables_on_a_full_disk_leave_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    (recording,) = write(tmp_path / "in", [(signal(3000), 16, 1)])
    target = tmp_path / "out" / name
    target.parent.mkdir()
    monkeypatch.setattr(os, "fsync", full)
    monkeypatch.setattr(sys, "argv", ["n1codec", "stats", str(recording), "--csv", str(target), "--jobs", "1"])
    assert cli.main() == 1
    assert f"{target}{'' if target.suffix else '/files.csv'}: no space left on its disk" in capsys.readouterr().err
    assert not [path for path in target.parent.rglob("*") if path.is_file()]


@pytest.mark.slow
def test_settings_reach_the_figures(tmp_path: Path, run: Run) -> None:
    (path,) = write(tmp_path, [(signal(9000), 16, 1)])

    def figures(**settings: Any) -> dict[str, Any]:
        return measure(path, Settings(**settings)).figures

    base = figures()
    assert figures(base=math.e)["spectral_entropy"] == pytest.approx(base["spectral_entropy"] * math.log(2))
    assert figures(nperseg=256)["spectral_entropy"] < base["spectral_entropy"]
    other = figures(fs=20_000)
    assert other["spectral_entropy"] == pytest.approx(base["spectral_entropy"])
    assert (other["rate"], other["seconds"]) == (20_000, 9000 / 20_000)
    assert figures(band=(500, 1000))["noise_band"] < base["noise_band"]
    assert figures(neo_factor=2)["spikes"] > base["spikes"]
    assert figures(rails=(-1, 1))["clipped"] == 1
    options = [
        "--nperseg",
        "256",
        "--fs",
        "20000",
        "--base",
        "10",
        "--band",
        "500",
        "1000",
        "--neo-factor",
        "2",
        "--rails",
        "-1",
        "1",
    ]
    found = json.loads(run("n1codec", "stats", path, "--json", *options).stdout)
    assert found["settings"] == {
        "nperseg": 256, "fs": 20000, "base": 10, "band": [500, 1000], "neo_factor": 2, "rails": [-1, 1]
    }  # fmt: skip
    assert found["total"]["clipped"] == 1
    assert run("n1codec", "stats", path, "--band", 5, 2).returncode == 2
    assert run("n1codec", "stats", path, "--rails", 1, -1).returncode == 2


def test_several_arguments_make_one_data_set(tmp_path: Path, run: Run) -> None:
    paths = write(tmp_path, [(signal(500, seed=i), 16, 1) for i in range(3)])
    found = json.loads(run("n1codec", "stats", paths[0], paths[2], "--json").stdout)
    assert [row["file"] for row in found["files"]] == ["r0.wav", "r2.wav"]


def test_recordings_of_one_time_have_one_group(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    shared = rng.normal(0, 40, 20_000)
    own = [rng.normal(0, 60, 20_000) for _ in range(4)]
    made = [own[0] + shared, own[1], own[2] + shared, own[3][:19_000]]
    paths = write(tmp_path, [(x.astype(np.int16)[:, None], 16, 1) for x in made])
    stats = collect(paths)
    (group,) = stats.groups
    assert group["files"] == ["r0.wav", "r2.wav"]
    assert group["r"][0, 1] == pytest.approx(40**2 / (40**2 + 60**2), abs=0.03)
    assert [row["group"] for row in stats.files] == pytest.approx([1, math.nan, 1, math.nan], nan_ok=True)
    assert (stats.total["groups"], stats.total["grouped_files"]) == (1, 2)


@pytest.mark.slow
def test_plots(tmp_path: Path, run: Run) -> None:
    from test_plots import results

    folder = tmp_path / "in"
    write(folder, [(signal(3000, channels=1 + i % 2, seed=i), 16, 1) for i in range(3)])
    stored = results(tmp_path / "results" / "in", 9)
    for there in (stored.parent, tmp_path / "none"):
        done = run("n1codec", "stats", folder, "--plots", tmp_path / "out", "--results", there)
        assert done.returncode == 0, done.stderr
        written = {path.name for path in (tmp_path / "out").iterdir()}
        assert written == {f"{n}.{e}" for n in ("amplitude", "psd", "spectrogram", "files", "entropy") for e in
                           ("png", "svg")}  # fmt: skip
    (short,) = write(tmp_path / "short", [(np.zeros((1, 1), np.int16), 16, 1)])
    assert run("n1codec", "stats", short, "--plots", tmp_path / "out").returncode == 0


def test_real_recordings_have_the_published_values(recordings: list[Path]) -> None:
    """Moments of 16-bit recordings against sums of Python's integers over all samples."""
    stats = collect(recordings[:3])
    whole = np.concatenate([np.frombuffer(path.read_bytes()[44:], "<i2") for path in recordings[:3]]).tolist()
    n, sums = len(whole), [sum(value**k for value in whole) for k in (1, 2)]
    assert stats.total["mean"] == sums[0] / n
    assert stats.total["sd"] == pytest.approx(math.sqrt(n * sums[1] - sums[0] ** 2) / n, rel=1e-14)
    assert all(row["step"] == 64 for row in stats.files)


def test_psd_is_welchs() -> None:
    """Against the definition: windowed, detrended segments that overlap by half, their periodograms averaged."""
    rng = np.random.default_rng(0)
    x, rate = rng.normal(100, 30, (5000, 2)), 19531
    frequencies, density = spectrum.psd(x, rate)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(1024) / 1024)
    starts = range(0, 5000 - 1024 + 1, 512)
    segments = np.array([x[s : s + 1024] - x[s : s + 1024].mean(axis=0) for s in starts])
    power = np.abs(np.fft.rfft(segments * window[:, None], axis=1)) ** 2
    expected = power.mean(axis=0) / (rate * (window**2).sum())
    expected[1:-1] *= 2
    assert density == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert frequencies == pytest.approx(np.arange(513) * rate / 1024)
    assert spectrum.psd(x[:, 0], rate)[1] == pytest.approx(density[:, 0])


def test_spectrogram_of_a_chirp_follows_it() -> None:
    rate = 8000
    t = np.arange(rate * 2) / rate
    frequencies, times, density = spectrum.spectrogram(np.sin(2 * np.pi * (200 * t + 400 * t**2)), rate)
    assert density.shape == (frequencies.size, times.size)
    assert frequencies[density.argmax(axis=0)] == pytest.approx(200 + 800 * times, abs=2 * rate / 256)


@pytest.mark.parametrize("frames", [0, 1, 100])
def test_spectra_of_short_recordings(frames: int) -> None:
    x = np.arange(frames, dtype=np.int16)
    frequencies, density = spectrum.psd(x, 1000)
    assert frequencies.shape == density.shape
    frequencies, times, density = spectrum.spectrogram(x, 1000)
    assert density.shape == (frequencies.size, times.size)


def test_spectral_entropy() -> None:
    assert spectrum.spectral_entropy(np.ones(512)) == pytest.approx(9)
    assert spectrum.spectral_entropy(np.ones(512), base=math.e) == pytest.approx(9 * math.log(2))
    assert spectrum.spectral_entropy(np.array([0, 3.0, 0])) == 0
    assert math.isnan(spectrum.spectral_entropy(np.zeros(9)))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", ["i16", "u8", "f32"])
def test_a_recording_in_stretches_has_the_figures_of_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, channels: int, kind: str
) -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(0, 20, (50_000, channels)).cumsum(axis=0) % 200
    samples = x.astype({"i16": np.int16, "u8": np.uint8, "f32": np.float32}[kind])
    path = tmp_path / "a.wav"
    path.write_bytes(wav_of(samples, 20_000, samples.itemsize * 8, 3 if kind == "f32" else 1))
    whole = measure(path)
    monkeypatch.setattr(stats, "STRETCH", 7001)
    monkeypatch.setattr(stats, "SHORTEST_STRETCH", 100)
    monkeypatch.setattr(stats, "TOGETHER", 10_000)
    parts = measure(path)
    assert parts.moments == whole.moments
    for one, other in zip(parts.neighbours, whole.neighbours, strict=True):
        assert np.array_equal(one, other)
    assert np.allclose(parts.density, whole.density, rtol=1e-9)
    for name, value in whole.figures.items():
        near = 0.05 if name in ("noise_band", "spikes", "spike_rate") else 1e-9
        assert parts.figures[name] == (value if isinstance(value, str) else pytest.approx(value, rel=near, nan_ok=True))


@pytest.mark.parametrize("x", [[5], [1, 2], [1, 1, 4, 9], [-3, 0, 0, 0, 7, 8, 100], list(range(50))])
def test_the_noise_of_counts_is_that_of_the_samples(x: list[int]) -> None:
    values, counts = np.unique(np.array(x, np.int16), return_counts=True)
    assert detect.noise_of_counts(values, counts) == detect.noise_level(np.array(x, float))
    assert math.isnan(detect.noise_of_counts(values[:0], counts[:0]))


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells a process's peak memory so")
def test_the_length_of_a_recording_costs_no_memory(tmp_path: Path) -> None:
    peaks = []
    for megabytes in (16, 128):
        sparse_rf64(tmp_path / "a.wav", megabytes)
        script = (
            "from pathlib import Path; from n1codec.analysis.stats import collect\n"
            "collect([Path('a.wav')])\n"
            "print(*[line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')])\n"
        )
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, timeout=600)
        assert done.returncode == 0, done.stderr
        peaks.append(int(done.stdout))
    assert peaks[1] < peaks[0] + 30 * 1024, peaks


def test_spread_of_what_is_defined() -> None:
    found = stats.spread_of([math.nan, *range(101), math.nan])
    assert found == {
        "mean": 50,
        "sd": pytest.approx(math.sqrt(850)),
        "min": 0,
        "p5": 5,
        "p50": 50,
        "p95": 95,
        "max": 100,
    }
    assert all(map(math.isnan, stats.spread_of([math.nan]).values()))


def test_no_entropy_is_zero_without_a_sign() -> None:
    for counts in ([], [7], [0, 7, 0]):
        assert str(entropy(np.array(counts, np.int64))) == "0.0"
