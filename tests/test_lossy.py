"""What is special to lossy codecs: their promises, and that nobody takes what they write for what was recorded."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import mdct_reference
import numpy as np
import pytest
from conftest import ROOT, signal, stored
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import n1codec
from n1codec import n1_mapping, registry
from n1codec.bench.measure import cases
from n1codec.codec import CodecError, FormatError, Layout, Promise, SpecError
from n1codec.container import Archive, access
from n1codec.container.convert import verify
from n1codec.lossy.distortion import measure
from n1codec.native import SCRATCH, Kernel, KernelError, reads, writes
from n1codec.pipeline import get_codec
from n1codec.recordings import open_recording, wav

ROUND = registry.find("round")
INTEGERS = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")


def rounded(x: np.ndarray, error: float) -> np.ndarray:
    built = get_codec(f"round:error={error}|copy")
    return built.decode(built.encode(x), Layout.of(x))


def off(x: np.ndarray, y: np.ndarray) -> int:
    """The greatest difference, computed without overflow."""
    return max(abs(int(a) - int(b)) for a, b in zip(x.ravel(), y.ravel(), strict=True))


# -- round: the bound ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", INTEGERS)
@given(data=st.data(), error=st.sampled_from([0, 1, 2, 3, 4, 7, 100, 40_000, 1 << 31]))
def test_no_sample_is_off_by_more(dtype: str, data: st.DataObject, error: int) -> None:
    limits = np.iinfo(dtype)
    elements = st.one_of(
        st.integers(max(-9, limits.min), 9),
        st.integers(limits.max - 9, limits.max),
        st.integers(limits.min, limits.max),
    )
    x = data.draw(hnp.arrays(dtype, hnp.array_shapes(min_dims=1, max_dims=2, max_side=30), elements=elements))
    step = max(int(np.gcd.reduce((row - row.min()).astype(np.uint64) if row.dtype.kind == "u" else
                   np.array([int(v) - int(row.min()) for v in row], np.uint64))) or 1
               for row in x.reshape(len(x), -1).T)  # fmt: skip
    try:
        y = rounded(x, error)
    except CodecError:
        assert error == 0
        assert x.dtype.itemsize == 8
        return
    assert off(x, y) <= error * step
    for channel, back in zip(x.reshape(len(x), -1).T, y.reshape(len(x), -1).T, strict=True):
        assert channel.min() <= back.min()
        assert back.max() <= channel.max()


@pytest.mark.parametrize("error", [1, 2, 4, 8, 300, 2000])
def test_an_n1_sample_comes_back_as_a_value_of_the_mapping(error: int) -> None:
    values = n1_mapping.values()
    x = np.concatenate([signal(5000)[:, 0], values[[0, 1, 1022, 1023]]])
    y = rounded(x, error)
    assert n1_mapping.covers(y)
    apart = abs(n1_mapping.codes(x) - n1_mapping.codes(y))
    assert apart.max() == min(error, apart.max())
    assert apart.max() >= min(error, 30)


def test_bins_are_dense_integers_around_the_median() -> None:
    x = n1_mapping.values()[np.array([500, 500, 500, 497, 503, 498, 502, 508])]
    bins, _ = ROUND(error=2).forward(x)
    assert bins.tolist() == [0, 0, 0, -1, 1, 0, 0, 2]
    assert rounded(x, 2).tolist() == n1_mapping.values()[[500, 500, 500, 495 + 2, 505 - 0, 500, 500, 508]].tolist()


def test_few_values_are_not_taken_for_a_converters_codes() -> None:
    """A channel that is dead but for an artefact has no step of 1000."""
    x = np.zeros((500, 2), np.int16)
    x[77, 0] = 1000
    x[:, 1] = signal(500)[:, 0] >> 6 << 3
    assert off(x, rounded(x, 2)) == 16
    assert off(x[:, :1], rounded(x[:, :1], 2)) <= 2


@pytest.mark.parametrize("step", [1, 3, 64, 1000])
def test_steps_of_the_converter_are_found(step: int) -> None:
    x = ((signal(4000, 3).astype(np.int64) >> 6) * step + 17).astype(np.int32)
    y = rounded(x, 2)
    assert off(x, y) == 2 * step
    assert ROUND(error=2).promise(x).error == 2 * step


def test_a_scale_that_is_no_whole_number() -> None:
    codes = signal(4000)[:, 0].astype(np.int64) >> 6
    x = (codes * 2341 >> 10).astype(np.int32)
    assert off(x, rounded(x, 2)) <= ROUND(error=2).promise(x).error <= 6


def test_channels_have_bins_of_their_own() -> None:
    x = np.stack([signal(500)[:, 0].astype(np.int32) >> 6, np.arange(500, dtype=np.int32) * 1_000_000], 1)
    y = rounded(x, 3)
    assert off(x[:, :1], y[:, :1]) == 3
    assert off(x[:, 1:], y[:, 1:]) == 3_000_000


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@given(data=st.data(), error=st.sampled_from([1e-3, 0.5, 2, 1e6]))
def test_floats_are_bounded_in_their_own_unit(dtype: str, data: st.DataObject, error: float) -> None:
    width = np.dtype(dtype).itemsize * 8
    elements = st.floats(-30_000, 30_000, width=width)
    x = data.draw(hnp.arrays(dtype, hnp.array_shapes(min_dims=1, max_dims=2, max_side=30), elements=elements))
    try:
        y = rounded(x, error)
    except CodecError as problem:
        assert "tell apart" in str(problem)
        assert np.spacing(abs(x).max()) > error / 8
        return
    for a, b in zip(x.ravel(), y.ravel(), strict=True):
        assert abs(Fraction(float(a)) - Fraction(float(b))) <= Fraction(error)


@pytest.mark.parametrize(
    ("x", "error", "said"),
    [
        ([1.0, np.nan], 2, "no numbers"),
        ([1.0, np.inf], 2, "no numbers"),
        ([1.0, 2.0], 0, "error=0"),
        ([1e300, -1e300], 2, "tell apart"),
    ],
)
def test_floats_that_no_bound_holds_for(x: list[float], error: float, said: str) -> None:
    with pytest.raises(CodecError, match=said):
        n1codec.encode(np.array(x), f"round:error={error}|zstd")


def test_damaged_side_information_is_refused() -> None:
    x = signal(300, 2)
    bins, side = ROUND(error=2).forward(x)
    stage, layout = ROUND(), Layout.of(x)
    with pytest.raises(FormatError, match="after the last"):
        stage.inverse(bins, side + b"\0", layout)
    with pytest.raises(FormatError, match="does not have"):
        stage.inverse(bins + np.int16(2000), side, layout)
    for bad in (b"", b"\3" + side[1:]):
        with pytest.raises(FormatError, match="size"):
            stage.output(layout, bad)


# -- in the house ----------------------------------------------------------------------------------------------------


def test_what_is_lossy_stands_first() -> None:
    for spec in ("delta|round|zstd", "round|round|zstd", "remap|round|n1"):
        with pytest.raises(SpecError, match=r"round .*must stand first"):
            get_codec(spec)
    assert get_codec("round:error=4|n1").spec == "round:error=4|n1"
    assert not get_codec("round|n1").lossless
    assert get_codec("delta|zstd").lossless


@pytest.mark.parametrize("coder", ["n1", "n1_multi", "zstd"])
def test_a_file_is_checked_against_what_comes_back(tmp_path: Path, coder: str) -> None:
    x, rate = signal(70_000, 2), 20_000
    source, packed, back = tmp_path / "a.wav", tmp_path / "a.n1c", tmp_path / "b.wav"
    source.write_bytes(wav.write(x, rate))
    done = n1codec.encode_file(source, packed, f"round:error=2|{coder}")
    assert "2 steps" in done.loss
    assert Archive(access(packed)).head.lossy
    assert "not the same" in n1codec.decode_file(packed, back).loss
    y = open_recording(back).read()
    apart = abs(n1_mapping.codes(x) - n1_mapping.codes(y))
    assert apart.max() == 2
    np.testing.assert_array_equal(n1codec.decode(n1codec.encode(x, f"round:error=2|{coder}")), y)


@pytest.mark.parametrize(("order", "coder"), [("c", "rans"), ("f", "rans"), ("c", "n1"), ("f", "n1")])
def test_long_recordings_of_many_channels(tmp_path: Path, run: Callable[..., Any], order: str, coder: str) -> None:
    """All channels together, and in two groups."""
    x = signal(60_000, 40)
    source, packed, back = tmp_path / "a.bin", tmp_path / "a.n1c", tmp_path / "b.bin"
    source.write_bytes(x.tobytes(order.upper()))
    options = ("--channels", 40, "--rate", 20_000, "--order", order)
    done = run("encode", source, packed, f"round:error=1|{coder}", *options, "--verify")
    assert done.returncode == 0, done.stderr
    assert "lossy: no sample is off by more than 1 step" in done.stderr
    assert run("n1codec", "verify", packed).returncode == 0
    done = run("decode", packed, back)
    assert (done.returncode, "lossy" in done.stderr) == (0, True)
    y = np.frombuffer(back.read_bytes(), np.int16).reshape(x.shape, order=order.upper())
    assert abs(n1_mapping.codes(x) - n1_mapping.codes(y)).max() == 1
    with n1codec.open(packed) as opened:
        np.testing.assert_array_equal(opened[100:200, 3:5], y[100:200, 3:5])


def test_what_is_written_while_it_is_recorded(tmp_path: Path) -> None:
    x = signal(5000, 3)
    for name, parts in (("a.n1c", (x[:3000], x[3000:])), ("b.n1c", (x,))):
        with n1codec.create(tmp_path / name, 3, np.int16, 20_000, "round:error=2|rans") as recorder:
            for part in parts:
                recorder.write(part)
                recorder.flush()
        with n1codec.open(tmp_path / name) as opened:
            y = opened[:]
        assert abs(n1_mapping.codes(x) - n1_mapping.codes(y)).max() == 2
        assert verify(tmp_path / name) == x.nbytes
        assert Archive(access(tmp_path / name)).head.lossy


def test_when_a_promise_holds() -> None:
    x = np.array([0, 10, 0, -10], np.int16)
    y = x + np.array([2, 0, 0, 0], np.int16)  # a mean square of 1, beside a variance of 50
    for kept, broken in (
        (Promise(error=2), Promise(error=1.9)),
        (Promise(rms=1), Promise(rms=0.99)),
        (Promise(snr=16.98), Promise(snr=17)),
    ):
        for dtype in (np.int16, np.int64, np.float32):
            assert kept.holds(x.astype(dtype), y.astype(dtype))
            assert not broken.holds(x.astype(dtype), y.astype(dtype))
    ends = np.array([0, 255], np.uint8)
    assert Promise(error=255).holds(ends, ends[::-1])
    assert not Promise(error=254).holds(ends, ends[::-1])
    assert Promise().holds(x, -x)


def test_a_quality_sweep_of_odd_files(tmp_path: Path, run: Callable[..., Any]) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    rng = np.random.default_rng(0)
    odd = {
        "empty": wav.write(np.zeros((0, 1), np.int16), 20_000),
        "one": wav.write(np.array([[5]], np.int16), 20_000),
        "constant": wav.write(np.full((90, 2), -3, np.int16), 20_000),
        "bytes": wav.write(rng.integers(0, 255, (500, 1)).astype(np.uint8), 20_000),
        "stored": b"no recording",
        "mono": wav.write(signal(3000), 20_000),
    }
    for name, data in odd.items():
        (folder / f"{name}.wav").write_bytes(data)
    options = ("--data", folder, "--results", tmp_path / "results", "--min-time", 0)
    done = run("n1codec", "grid", "--quality", "--codec", "round|n1", "--codec", "mdct", *options)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    rows = {(row["spec"], row["file"]): row for row in stored(tmp_path / "results" / "odd" / "quality.csv.gz")}
    assert {row["verified"] for row in rows.values()} == {"1"}
    assert len(rows) == 12
    assert rows["mdct", "empty.wav"]["snr_db"] == ""
    assert float(rows["round|n1", "one.wav"]["snr_db"]) == np.inf
    assert float(rows["round|n1", "mono.wav"]["largest_error"]) == 2


def test_what_comes_back_has_as_many_bytes(tmp_path: Path, wav_file: Path) -> None:
    (case,), source = cases.make(["round|zstd"]), cases.source(wav_file)
    for size, good in ((0, True), (1, False), (-2, False)):
        data = wav_file.read_bytes()
        (tmp_path / "back").write_bytes(data + b"\0" if size > 0 else data[: len(data) + size])
        assert (cases.distortion(case, source, tmp_path / "back") is not None) is good


def test_originals_of_lossy_files_stay(tmp_path: Path, run: Callable[..., Any], wav_file: Path) -> None:
    done = run("encode", wav_file, tmp_path / "a.n1c", "round|n1", "--delete-original")
    assert done.returncode == 2
    assert "round" in done.stderr
    assert "stays" in done.stderr
    assert wav_file.exists()
    assert not (tmp_path / "a.n1c").exists()


def test_info_and_list_say_so(tmp_path: Path, run: Callable[..., Any], wav_file: Path) -> None:
    n1codec.encode_file(wav_file, tmp_path / "a.n1c", "round|n1")
    assert '"lossy": true' in run("n1codec", "info", "--json", tmp_path / "a.n1c").stdout
    assert "lossy" in run("n1codec", "info", tmp_path / "a.n1c").stdout
    assert "lossy" in ROUND.capabilities()
    assert "lossless" not in ROUND.capabilities()


@pytest.mark.parametrize("command", [("grid", "--codec", "round|n1"), ("eval", "--codec", "round|n1")])
def test_a_lossless_comparison_refuses_them(
    tmp_path: Path, run: Callable[..., Any], wav_file: Path, command: tuple[str, ...]
) -> None:
    options = ("--results", tmp_path / "results") if command[0] == "grid" else ()
    done = run("n1codec", *command, "--data", wav_file, *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "round|n1" in done.stderr
    assert "lossy" in done.stderr


# -- how much is lost ------------------------------------------------------------------------------------------------


def sine(rate: float, hertz: float, amplitude: float, frames: int = 20_000) -> np.ndarray:
    return amplitude * np.sin(2 * np.pi * hertz * np.arange(frames) / rate)


def test_figures_of_what_is_lost() -> None:
    """A slow and a fast sine, of which the fast one is lost: all of the spike band, a hundredth of the power."""
    slow, fast = sine(20_000, 20, 1000), sine(20_000, 1000, 100)
    x, y = (slow + fast)[:, None], slow[:, None]
    found = measure(x, y, 20_000)
    assert found.snr_db == pytest.approx(10 * np.log10(1.01 / 0.01), abs=1e-3)
    assert found.snr_spike_db == pytest.approx(0, abs=0.01)
    assert found.psnr_peak == np.ptp(x)
    assert found.psnr_db == pytest.approx(10 * np.log10(np.ptp(x) ** 2 / 5000), abs=1e-3)
    assert found.largest_error == pytest.approx(100, abs=0.01)
    assert measure(x, y, 12_000).snr_spike_db is None
    assert measure(x[:20], y[:20], 20_000).snr_spike_db is None
    assert measure(x, x, 20_000)[:3] == (np.inf, np.inf, np.inf)
    assert measure(x * 0, y, 20_000).snr_db == -np.inf


def test_figures_of_several_channels_weigh_by_power() -> None:
    loud, quiet = sine(20_000, 1000, 1000), sine(20_000, 1000, 10)
    x = np.stack([loud, quiet], 1)
    y = np.stack([loud * 0.9, quiet * 0], 1)
    assert measure(x, y, 20_000).snr_db == pytest.approx(10 * np.log10(1_000_100 / (10_000 + 100)), abs=1e-3)


def test_n1_recordings_are_measured_in_codes() -> None:
    x = signal(30_000)
    y = rounded(x, 2)
    found = measure(x, y, 20_000)
    codes = n1_mapping.codes(x) - n1_mapping.codes(y)
    assert (found.psnr_peak, found.largest_error) == (1023, 2)
    assert found.psnr_db == pytest.approx(10 * np.log10(1023**2 / (codes**2).mean()))
    steps = (n1_mapping.codes(x) * 7).astype(np.int32)
    assert measure(steps, rounded(steps, 2), 20_000).largest_error == 2


def test_a_quality_sweep(tmp_path: Path, run: Callable[..., Any], wav_file: Path) -> None:
    results = tmp_path / "results"
    specs = ("--codec", "round:error=1|n1", "--codec", "round:error=4|zstd")
    options = ("--data", wav_file, "--results", results, "--min-time", 0)
    assert run("n1codec", "grid", "--codec", "zstd", *options).returncode == 0
    before = (results / wav_file.stem / "summary.csv").read_bytes()
    done = run("n1codec", "grid", "--quality", *specs, *options)
    assert done.returncode == 0, done.stderr
    for word in ("SNR dB", "SNR 300-6000 Hz", "PSNR dB", "largest error", "quality.csv.gz"):
        assert word in done.stdout
    x = open_recording(wav_file).read()
    rows = {row["spec"]: row for row in stored(results / wav_file.stem / "quality.csv.gz")}
    for error, coder in ((1, "n1"), (4, "zstd")):
        row = rows[f"round:error={error}|{coder}"]
        assert (row["status"], row["verified"], float(row["largest_error"])) == ("ok", "1", error)
        assert float(row["snr_db"]) == pytest.approx(measure(x, rounded(x, error), 19_531).snr_db)
    assert (results / wav_file.stem / "summary.csv").read_bytes() == before
    assert "snr_db" not in before.decode()
    assert b"snr_spike_db" in (results / wav_file.stem / "quality.csv").read_bytes()


def test_a_broken_promise_is_a_mismatch(tmp_path: Path, start: Callable[..., Any], wav_file: Path) -> None:
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "worse.py").write_text(WORSE)
    options = ("--data", wav_file, "--results", tmp_path / "results", "--min-time", 0)
    own = {"N1CODEC_PATH": str(tmp_path / "modules")}
    done = start("n1codec", "grid", "--quality", "--codec", "worse|zstd", *options, **own)
    assert done.returncode == 1
    (row,) = stored(tmp_path / "results" / wav_file.stem / "quality.csv.gz")
    assert (row["status"], row["verified"]) == ("mismatch", "0")
    assert "promised" in row["reason"]


def test_a_stage_that_says_only_that_it_is_lossy(tmp_path: Path, start: Callable[..., Any], wav_file: Path) -> None:
    """Its files are checked against what comes back, too, and say that something is lost."""
    (tmp_path / "modules").mkdir()
    silent = WORSE[: WORSE.index("    def loss")] + WORSE[WORSE.index("    def forward") :]
    (tmp_path / "modules" / "silent.py").write_text(silent.replace("class Worse", "class Silent"))
    own = {"N1CODEC_PATH": str(tmp_path / "modules")}
    done = start("encode", wav_file, tmp_path / "a.n1c", "silent|zstd", **own)
    assert (done.returncode, "lossy: what comes back is near" in done.stderr) == (0, True), done.stderr
    done = start("decode", tmp_path / "a.n1c", tmp_path / "b.wav", **own)
    assert (done.returncode, "not the same" in done.stderr) == (0, True), done.stderr
    x, y = (open_recording(path).read() for path in (wav_file, tmp_path / "b.wav"))
    np.testing.assert_array_equal(y, x & -256)


WORSE = """
from n1codec.codec import Filter, Promise


class Worse(Filter):
    lossless = False

    def loss(self):
        return "more than it says"

    def promise(self, x):
        return Promise(error=1)

    def forward(self, x):
        return x & -256, b""

    def inverse(self, y, side, layout):
        return y
"""


# -- mdct ------------------------------------------------------------------------------------------------------------


def kernel(x: np.ndarray, step: int, bit_price: int = 90) -> bytes:
    """The kernel's bytes of numbers around 0."""
    work = np.empty(Kernel("n1c_mdct_encode_work_size")(), np.uint8)
    out = np.empty(16 * (x.size + 512), np.uint8)
    encode = Kernel("n1c_mdct_encode", reads(np.int32), int, int, writes(np.uint8), SCRATCH)
    return out[: encode(x, step, bit_price, out, work)].tobytes()


def unkernel(payload: bytes, step: int, size: int) -> np.ndarray:
    x = np.empty(size, np.int32)
    work = np.empty(Kernel("n1c_mdct_decode_work_size")(), np.uint8)
    Kernel("n1c_mdct_decode", reads(np.uint8), int, writes(np.int32), SCRATCH)(payload, step, x, work)
    return x


def awkward_signals() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    codes = n1_mapping.codes(signal(1500)[:, 0])
    loud = (1 << 19) - 1
    return {
        "codes": codes - 512,
        "one": np.array([77], np.int32),
        "constant": np.full(300, -9, np.int32),
        "loud": rng.choice([-loud, loud], 700).astype(np.int32),
        "step": np.repeat(np.array([-loud, loud, 0], np.int32), 260),
        "quiet, then loud": np.concatenate([codes - 512, 900 * (codes - 512)]).astype(np.int32),
    }


@pytest.mark.parametrize("step", [16, 300, 5000, 1 << 28])
@pytest.mark.parametrize("kind", awkward_signals())
def test_the_reference_decodes_the_same(kind: str, step: int) -> None:
    x = awkward_signals()[kind]
    payload = kernel(x, step)
    assert mdct_reference.decode(payload, step, x.size) == unkernel(payload, step, x.size).tolist()


@pytest.mark.parametrize(("kind", "step"), [("codes", 300), ("codes", 3000), ("one", 16), ("step", 5000), ("loud", 1)])
def test_the_reference_encodes_the_same(kind: str, step: int) -> None:
    x = awkward_signals()[kind]
    assert mdct_reference.encode(x.tolist(), step, 90) == kernel(x, step)


def steered(x: np.ndarray, step: int, noise: int, length: int) -> tuple[bytes, np.ndarray]:
    """The kernel's bytes with about so much noise or length, and the samples that it says they stand for."""
    work, back = np.empty(Kernel("n1c_mdct_encode_work_size")(), np.uint8), np.empty(x.size, np.int32)
    out, integer = np.empty(16 * (x.size + 512), np.uint8), (int, int, int, int)
    encode = Kernel("n1c_mdct_encode_to", reads(np.int32), *integer, writes(np.uint8), writes(np.int32), SCRATCH)
    return out[: encode(x, step, 90, noise, length, out, back, work)].tobytes(), back


@pytest.mark.parametrize(("noise", "length"), [(7, 0), (0, 1)])
@pytest.mark.parametrize(("kind", "step"), [("codes", 3000), ("constant", 300), ("quiet, then loud", 3000)])
def test_the_reference_steers_the_same(kind: str, step: int, noise: int, length: int) -> None:
    x = awkward_signals()[kind]
    payload, back = steered(x, step, noise * x.size, length * x.size // 4)
    assert mdct_reference.encode(x.tolist(), step, 90, noise * x.size, length * x.size // 4) == payload
    assert back.tolist() == unkernel(payload, step, x.size).tolist()


@pytest.mark.parametrize("goal", [0.97, 1, 1.25])
def test_noise_and_length_come_to_what_is_wanted(goal: float) -> None:
    x, step = 8 * (n1_mapping.codes(lfp(100_000)[:, 0]) - 512), 4000
    payload = kernel(x, step)
    noise = int(goal * ((x - unkernel(payload, step, x.size)) ** 2).sum())
    _, back = steered(x, step, noise, 0)
    assert ((x - back) ** 2).sum() == pytest.approx(noise, rel=0.03)
    length = int(len(payload) * (1.2 - goal / 5))
    assert len(steered(x, step, 0, length)[0]) == pytest.approx(length, rel=0.02)


def test_sizes_of_coefficients_are_counted() -> None:
    x, counts = awkward_signals()["quiet, then loud"], np.empty(128, np.int64)
    count = Kernel("n1c_mdct_sizes", reads(np.int32), writes(np.int64))
    mirrored = np.concatenate([x[255::-1], x, x[::-1][: 512 - x.size % 256]]).tolist()
    blocks = range(0, len(mirrored) - 511, 256)
    folded = [mdct_reference.fold([v << 10 for v in mirrored[at : at + 512]]) for at in blocks]
    sizes = [mdct_reference.class_of(abs(v) >> 2) for block in folded for v in mdct_reference.transform(block)]
    assert count(x, counts) == len(sizes)
    assert counts.tolist() == np.bincount(sizes, minlength=128).tolist()
    assert count(x[:0], counts) == counts.sum() == 0
    for bad, room in ((x * 400, counts), (x, counts[1:])):
        with pytest.raises(KernelError, match="not allowed"):
            count(bad, room)


def test_those_signals_take_every_rare_path() -> None:
    """Escapes, those of more than 16 bits, raw bits in pieces, counters taken over from classes on either side."""
    events: Counter[str] = Counter()
    for kind, step in (("loud", 1), ("step", 16), ("quiet, then loud", 16)):
        x = awkward_signals()[kind]
        payload = kernel(x, step)
        assert mdct_reference.decode(payload, step, x.size, events) == unkernel(payload, step, x.size).tolist()
    assert {name for name, count in events.items() if count} == {
        "escape", "long escape", "low bits", "lower", "higher"
    }  # fmt: skip


@pytest.mark.parametrize("kind", awkward_signals())
def test_fine_steps_give_back_every_sample(kind: str) -> None:
    x = awkward_signals()[kind] // 16
    np.testing.assert_array_equal(unkernel(kernel(x, 32, 0), 32, x.size), x)


def test_an_encoder_has_room_for_the_worst_and_says_when_it_has_not() -> None:
    x = awkward_signals()["loud"]
    assert len(kernel(x, 1)) < 16 * (x.size + 512)
    encode = Kernel("n1c_mdct_encode", reads(np.int32), int, int, writes(np.uint8), SCRATCH)
    work = np.empty(Kernel("n1c_mdct_encode_work_size")(), np.uint8)
    with pytest.raises(KernelError, match="too small"):
        encode(x, 1, 90, np.empty(500, np.uint8), work)
    with pytest.raises(KernelError, match="not allowed"):
        steered(x, 256, 1, 1)
    for bad, step, price in ((x * 2, 256, 90), (x, 0, 90), (x, (1 << 28) + 1, 90), (x, 256, -1), (x, 256, 65537)):
        with pytest.raises(KernelError, match="not allowed"):
            encode(bad, step, price, np.empty(20_000, np.uint8), work)


def test_the_table_of_sines() -> None:
    source = (ROOT / "native" / "src" / "mdct.c").read_text()
    numbers = re.findall(r"\d+", source.split("sines[513] = {")[1].split("}")[0])
    assert [int(number) for number in numbers] == mdct_reference.TABLE[:513]


def lfp(frames: int = 40_000) -> np.ndarray:
    """A recording whose power falls with the frequency, as that of real ones does."""
    rng = np.random.default_rng(2)
    spectrum = np.fft.rfft(rng.normal(0, 1, frames)) / np.arange(1, frames // 2 + 2) ** 0.6
    slow = np.fft.irfft(spectrum, frames)
    codes = np.clip(512 + 40 * slow / slow.std() + rng.normal(0, 2, frames), 0, 1023).astype(np.int64)
    return n1_mapping.values()[codes][:, None]


def test_larger_steps_take_fewer_bytes_and_lose_more() -> None:
    x, last = lfp(), (0.0, np.inf)
    for step in (2, 5, 10, 25, 60, 200):
        blob = n1codec.encode(x, f"mdct:step={step}")
        now = (x.nbytes / len(blob), measure(x, n1codec.decode(blob), 20_000).snr_db)
        assert now[0] > 1.2 * last[0]
        assert now[1] < last[1] - 1
        last = now


@pytest.mark.parametrize("wanted", [3, 10, 20, 30, 60])
def test_a_signal_to_noise_ratio_is_kept_and_hardly_exceeded(wanted: int) -> None:
    for x in (lfp(), lfp().astype(np.float32) / 7, (lfp().astype(np.int64) << 20)):
        found = 10 * np.log10(
            x.astype(float).var()
            / ((x - n1codec.decode(n1codec.encode(x, f"mdct:snr={wanted}")).astype(float)) ** 2).mean()
        )
        assert wanted <= found < wanted + (0.5 if wanted < 40 else 60)


@pytest.mark.parametrize("wanted", [0.2, 1, 2.5])
def test_a_rate_is_kept_and_used(wanted: float) -> None:
    x = lfp()
    bits = 8 * len(get_codec(f"mdct:rate={wanted}").encode(x)) / x.size
    assert 0.97 * wanted < bits <= wanted
    assert len(n1codec.encode(x[:3], f"mdct:rate={wanted}")) < 100


def test_what_is_asked_for_is_met_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    mdct = sys.modules[type(get_codec("mdct").coder).__module__]
    x, tries, real = lfp(60_000), [0], mdct._coded_to

    def counted(*args: Any, **more: Any) -> Any:
        tries[0] += 1
        return real(*args, **more)

    monkeypatch.setattr(mdct, "_coded_to", counted)
    for wanted in (0.05, 0.5, 3):
        tries[0] = 0
        bits = 8 * len(get_codec(f"mdct:rate={wanted}").encode(x)) / x.size
        assert 0.97 * wanted < bits <= wanted
        assert tries[0] <= 2
    for wanted in (5, 15, 30):
        tries[0] = 0
        _, back = get_codec(f"mdct:snr={wanted}").coded(x)
        assert wanted <= measure(x, back, 0).snr_db < wanted + 0.1
        assert tries[0] <= 2


def test_a_rate_beyond_the_finest_step_takes_that() -> None:
    for x in (lfp(2000), lfp(2000).astype(np.float64) / 1e9, np.full((2000, 1), 3, np.int16)):
        blob, back = get_codec("mdct:rate=30").coded(x)
        assert len(blob) <= 30 * x.size / 8
        np.testing.assert_allclose(back, x, rtol=0, atol=np.ptp(x) / 2**17)


def test_floats_may_be_volts() -> None:
    x = (lfp() * 1e-8).astype(np.float32)
    for wanted in (20, 60):
        _, back = get_codec(f"mdct:snr={wanted}").coded(x)
        assert wanted <= measure(x, back, 0).snr_db < wanted + 0.12


def test_what_mdct_refuses() -> None:
    with pytest.raises(SpecError, match="snr and rate"):
        get_codec("mdct:snr=10,rate=1")
    for x, spec, said in (
        (np.array([1.0, np.nan]), "mdct", "no numbers"),
        (np.array([-1e308, 1e308]), "mdct", "too large"),
        (np.array([0.0, 1e12]), "mdct:step=1", "too fine"),
        (np.array([0, 1 << 40]), "mdct", "too fine"),
        (np.random.default_rng(0).normal(0, 1e9, 500), "mdct:snr=190", "fewer dB"),
    ):
        with pytest.raises(CodecError, match=said):
            n1codec.encode(x, spec)


def test_a_forged_head_is_refused() -> None:
    x = lfp(600)[:, 0]
    stage, layout = registry.find("mdct")(), Layout.of(x)
    payload = stage.encode(x)
    head = payload.index(b"\x80\x14", 5)  # a step of 10
    assert stage.decode(payload, layout).shape == x.shape
    for bad in (payload[:head] + b"\0" + payload[head + 2 :], payload[:head], payload[: head + 2], b""):
        with pytest.raises(FormatError):
            get_codec("mdct").decode(bad, layout)
