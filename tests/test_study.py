"""The study of multichannel recordings: its reference codecs, its figures, and the command."""

from __future__ import annotations

import csv
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from scipy.linalg import solve_toeplitz

from n1codec import registry
from n1codec.analysis import linear, widths
from n1codec.analysis.codes import codes_of
from n1codec.codec import CodecError, FormatError, Layout
from n1codec.recordings import wav
from n1codec.recordings.samples import Form, Mapped
from n1codec.study import bounds, ladder, measure, methods, neighbours, tables
from n1codec.study import run as whole
from n1codec.study.differences import Differences
from n1codec.study.images import Png, Tiff
from n1codec.study.measure import Excerpt
from n1codec.study.methods import ChannelMajor, Method
from n1codec.study.sprintz import Sprintz
from n1codec.study.wavelets import Wavelet

Run = Callable[..., subprocess.CompletedProcess[str]]

CODECS: dict[str, Callable[[], methods.Lossless]] = {
    "sprintz delta": lambda: Sprintz("delta"),
    "sprintz fire": lambda: Sprintz("fire"),
    "sprintz huffman": lambda: Sprintz("fire", huffman=True),
    "4 bits": lambda: Differences(4),
    "6 bits": lambda: Differences(6),
    "8 bits, bz2": lambda: Differences(8, "bz2"),
    "png": Png,
    "tiff lzw": lambda: Tiff("tiff_lzw"),
    "tiff deflate": lambda: Tiff("tiff_adobe_deflate"),
    "haar": lambda: Wavelet("haar", "bz2"),
    "5/3": lambda: Wavelet("legall53", "arange"),
    "apart": lambda: ChannelMajor("haar|bz2"),
}


def walk(frames: int, channels: int, seed: int = 0) -> np.ndarray:
    """Return samples of random walks, int16 of shape (frames, channels)."""
    rng = np.random.default_rng(seed)
    return np.cumsum(rng.normal(0, 6, (frames, channels)), axis=0).astype(np.int16)


def recording(x: np.ndarray, rate: float = 30000.0) -> Mapped:
    data = memoryview(x.tobytes())
    return Mapped("made.bin", rate, x.shape[1], Form(x.dtype.name), data)


def samples() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    still = walk(400, 3)
    still[8:400] = still[7]
    return {
        "walk": walk(403, 5),
        "one channel": walk(77, 1),
        "even": walk(64, 4),
        "short": walk(5, 3),
        "one frame": walk(1, 2),
        "extremes": rng.choice(np.array([-32768, 32767, 0, -1], np.int16), (50, 3)),
        "any": rng.integers(-32768, 32768, (333, 2)).astype(np.int16),
        "unsigned": rng.integers(0, 65536, (100, 3)).astype(np.uint16),
        "zeros": np.zeros((80, 2), np.int16),
        "constant": np.full((80, 2), -77, np.int16),
        "still from the second block on": still,
    }


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize("kind", samples())
def test_what_was_decoded_is_what_was_encoded(name: str, kind: str) -> None:
    x = samples()[kind]
    codec = CODECS[name]()
    back = codec.decode(codec.encode(x), Layout.of(x))
    assert back.dtype == x.dtype
    np.testing.assert_array_equal(back, x)


def test_sprintz_takes_the_published_number_of_bytes() -> None:
    x = np.zeros((16, 3), np.int16)
    x[:8, 0] = [1, 2, 3, 4, 5, 6, 7, 11]  # differences up to 4: 8 when zigzagged, 4 bits
    x[:8, 1] = [0, 0, -16, 0, 0, 0, 0, 0]  # -16 and 16: 31 and 32, 6 bits
    x[8:] = x[7]  # an empty block: a header of zeros and the length of the run, in 2 bytes
    header, frames = 2 * 2, 8 * 2  # 3 channels take 2 bytes of header; 10 bits of a frame take 2 bytes
    lengths = 3  # of the three parts, a byte each
    assert len(Sprintz("delta").encode(x)) == header + frames + 2 + lengths


def test_sprintz_gives_samples_of_15_bits_16() -> None:
    x = np.array([[0], [1 << 13], [0], [0], [0], [0], [0], [0]], np.int16)  # zigzagged 2**14, which has 15 bits
    assert len(Sprintz("delta").encode(x)) == 1 + 8 * 2 + 3


def test_sprintz_joins_empty_blocks_beyond_the_longest_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("n1codec.study.sprintz._LONGEST_RUN", 3)
    x = np.zeros((8 * 8, 2), np.int16)
    data = Sprintz("delta").encode(x)
    assert len(data) == 3 * (1 + 2) + 3  # runs of 3, 3 and 2 blocks
    np.testing.assert_array_equal(Sprintz("delta").decode(data, Layout.of(x)), x)
    with pytest.raises(FormatError, match="another number"):
        Sprintz("delta").decode(data, Layout((8 * 9, 2), x.dtype))


def test_fire_learns_how_differences_go_on() -> None:
    rng = np.random.default_rng(0)
    steps = np.zeros(20000)
    for i in range(1, len(steps)):
        steps[i] = 0.9 * steps[i - 1] + rng.normal(0, 40)
    x = np.cumsum(steps - steps.mean()).astype(np.int16)[:, None]
    assert len(Sprintz("fire").encode(x)) < 0.97 * len(Sprintz("delta").encode(x))


@pytest.mark.parametrize(("bits", "outliers"), [(4, 2), (6, 1), (8, 0)])
def test_outliers_stand_aside_with_index_and_value(bits: int, outliers: int) -> None:
    x = np.cumsum([0, 7, -8, 8, 1, 100, -28, 0]).astype(np.int16)[:, None]
    if bits == 4:
        outliers = 3  # 8, 100 and -28
    assert len(Differences(bits).encode(x)) == 1 + bits + 6 * outliers


@pytest.mark.parametrize("codec", [Sprintz("delta"), Png(), Differences(8)])
def test_what_takes_16_bits_says_so(codec: methods.Lossless) -> None:
    with pytest.raises(CodecError, match="16 bits"):
        codec.encode(np.zeros((8, 2), np.int32))


def test_pictures_have_a_row_a_channel_and_16_bits_of_grey() -> None:
    data = Png().encode(walk(300, 7))
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert (int.from_bytes(data[16:20]), int.from_bytes(data[20:24])) == (300, 7)
    assert data[24:26] == bytes([16, 0])  # 16 bits, greyscale


@pytest.mark.parametrize("name", ["haar", "legall53"])
@pytest.mark.parametrize("frames", [1, 2, 7, 64, 65])
def test_wavelets_take_many_channels_at_once(name: str, frames: int) -> None:
    stage, x = registry.build(name, {"levels": 3}), walk(frames, 4)
    y, side = stage.forward(x)  # type: ignore[attr-defined]
    for channel in range(4):
        alone, _ = stage.forward(x[:, channel].copy())  # type: ignore[attr-defined]
        np.testing.assert_array_equal(y[:, channel], alone)
    np.testing.assert_array_equal(stage.inverse(y, side, Layout.of(x)), x)  # type: ignore[attr-defined]


# -- the table -------------------------------------------------------------------------------------------------------


def test_every_method_is_measured_and_verified() -> None:
    excerpt = Excerpt(recording(walk(2000, 6)), 1)
    names = [method.name for method in methods.METHODS]
    assert len(set(names)) == len(names)
    for method in methods.METHODS:
        row = measure.measure(method, excerpt)
        if row.status != "ok":
            assert "needs" in row.status or "cannot load" in row.status, row
            continue
        assert row.bytes and row.ratio == pytest.approx(24000 / row.bytes)
        assert row.bits_per_sample == pytest.approx(8 * row.bytes / 12000)
        assert method.timed == (row.enc_mb_s is not None) == (row.dec_mb_s is not None)


def test_figures_of_the_class_project_stand_beside() -> None:
    published = {method.name: method.published for method in methods.METHODS if method.published}
    assert published == {
        "raw": 1.0, "gzip": 2.38, "bzip2": 3.15, "8-bit differences": 1.92, "8-bit differences + bzip2": 3.31,
        "6-bit differences + bzip2": 3.19, "4-bit differences + bzip2": 1.94, "integer Haar wavelet + bzip2": 2.65,
    }  # fmt: skip


class Lying:
    """A codec that keeps nothing."""

    def encode(self, x: np.ndarray) -> bytes:
        return b"x"

    def decode(self, data: bytes, layout: Layout) -> np.ndarray:
        return np.zeros(layout.shape, layout.dtype)


class Unable(Lying):
    def encode(self, x: np.ndarray) -> bytes:
        raise CodecError("it cannot")


def test_a_codec_that_fails_has_no_ratio() -> None:
    excerpt = Excerpt(recording(walk(100, 2)), 1)
    lying = measure.measure(Method("a", "b", "c", Lying, 2.0), excerpt)
    assert (lying.bytes, lying.ratio, lying.published_ratio) == (None, None, 2.0)
    assert "differs" in lying.status
    assert measure.measure(Method("a", "b", "c", Unable), excerpt).status == "it cannot"


def test_an_excerpt_leaves_out_channels_without_signal_and_ends_in_time() -> None:
    x = walk(1000, 4)
    made = recording(x, 1000.0)
    made.sync, made.converters = (1,), np.array([0, -1, 1, 0])
    excerpt = Excerpt(made, 0.5)
    assert (excerpt.frames, excerpt.size, excerpt.nbytes) == (500, 1500, 3000)
    np.testing.assert_array_equal(np.concatenate(list(excerpt.stretches())), x[:500, [0, 2, 3]])
    assert excerpt.converters is not None and excerpt.converters.tolist() == [0, 1, 0]
    assert Excerpt(recording(x, 0.0), 0.5).frames == 1000


@pytest.mark.parametrize("x", [np.zeros((0, 3), np.int16), np.zeros((9, 2), np.float32)])
def test_what_cannot_be_studied_is_told(x: np.ndarray) -> None:
    with pytest.raises(CodecError, match=r"made\.bin"):
        Excerpt(recording(x), 1)


def test_long_recordings_are_taken_in_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    x = walk(1000, 3)
    whole = bounds.entropies(Excerpt(recording(x), 1))
    monkeypatch.setattr(measure, "STRETCH_BYTES", 6 * 64)
    excerpt = Excerpt(recording(x), 1)
    assert [len(stretch) for stretch in excerpt.stretches()] == [64] * 15 + [40]
    assert bounds.entropies(excerpt) == whole
    assert measure.measure(methods.METHODS[0], excerpt).bytes == x.nbytes


def test_entropies_are_those_of_the_symbols() -> None:
    x = np.stack([np.arange(1024) % 4, np.arange(1024) % 16 + 100], axis=1).astype(np.int16)
    rows = {row.method: row for row in bounds.entropies(Excerpt(recording(x), 1))}
    assert rows["entropy of samples, by channel"].bits_per_sample == pytest.approx((2 + 4) / 2)
    assert rows["entropy of samples"].bits_per_sample == pytest.approx((2 + 4) / 2 + 1)
    assert rows["entropy of samples"].published_bits == 3.53
    falls = np.array([[255, 768], [63, 960]]) / 1023  # one in 4 or 16 differences is a fall, the others are steps of 1
    assert rows["entropy of first differences, by channel"].bits_per_sample == pytest.approx(
        -(falls * np.log2(falls)).sum() / 2
    )


def test_spikes_in_bins_are_counted() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(0, 5, (30000, 2))
    for frame in range(500, 30000, 1000):  # 30 in a second
        x[frame : frame + 6, 0] -= 150
    each, coded = bounds.binary_spikes(Excerpt(recording(x.astype(np.int16)), 1))
    assert each.bits_per_sample == pytest.approx(1 / 30)
    share = 30 / 1000
    assert coded.bits_per_sample == pytest.approx(
        -(share * np.log2(share) + (1 - share) * np.log2(1 - share)) / 2 / 30, rel=0.15
    )
    assert bounds.binary_spikes(Excerpt(recording(x.astype(np.int16), 0.0), 1)) == []


# -- predictors ------------------------------------------------------------------------------------------------------


def autoregressive(frames: int, innovations: np.ndarray, weights: tuple[float, ...] = (0.8, -0.3)) -> np.ndarray:
    from scipy.signal import lfilter

    return lfilter([1.0], [1.0, *(-np.array(weights))], innovations, axis=0)[-frames:]


def test_levinson_solves_the_normal_equations() -> None:
    x = autoregressive(5000, np.random.default_rng(0).normal(0, 10, (5100, 3)))
    x[:, 2] = 0
    covariance = linear.autocovariance(x, 6)
    found = linear.levinson(covariance)
    for channel in (0, 1):
        np.testing.assert_allclose(
            found[:, channel], solve_toeplitz(covariance[:-1, channel], covariance[1:, channel]), rtol=1e-6
        )
    assert not found[:, 2].any()
    np.testing.assert_allclose(linear.residual(x, found)[50:, :2].std(axis=0), 10, rtol=0.05)


def uneven(channels: int = 8, frames: int = 30000) -> tuple[np.ndarray, np.ndarray]:
    """Return codes of two converters with uneven widths, and those widths, shape (2, 64)."""
    rng = np.random.default_rng(5)
    true = np.exp(0.5 * rng.normal(size=(2, 64)))
    true *= 64 / true.sum(axis=1, keepdims=True)
    x = autoregressive(frames, rng.normal(0, 5, (frames + 100, channels))) + 32
    codes = [np.searchsorted(np.cumsum(true[channel % 2])[:-1], x[:, channel]) for channel in range(channels)]
    return np.stack(codes, axis=1).astype(np.int16), true


def test_widths_of_codes_are_found() -> None:
    codes, true = uneven()
    found = widths.estimate(codes, np.arange(8) % 2)
    middle = slice(20 - found.low, 44 - found.low)
    for converter in (0, 1):
        assert np.corrcoef(found.widths[converter, middle], true[converter, 20:44])[0, 1] > 0.97
    common = widths.estimate(codes)
    assert common.widths.shape[0] == 1
    assert np.corrcoef(common.widths[0, middle], true.mean(axis=0)[20:44])[0, 1] > 0.9


def test_codes_beyond_those_seen_are_one_wide() -> None:
    converter = widths.equal(np.array([[3, 5], [4, 6]]))
    low, high = converter.interval(np.array([[1, 9]]))
    assert low.tolist() == [[0.5, 8.5]] and high.tolist() == [[1.5, 9.5]]
    assert converter.centre(np.array([[4, 5]])).tolist() == [[4, 5]]


def test_ideal_bits_are_those_of_the_innovations() -> None:
    x = np.rint(autoregressive(20000, np.random.default_rng(0).normal(0, 20, (20100, 2)))).astype(np.int16)
    rows = ladder.rows(Excerpt(recording(x), 1), steps=ladder.STEPS[:3])
    ideal = np.log2(20 * np.sqrt(2 * np.pi * np.e))
    assert rows[0].bits_per_sample - ideal > 0.05  # order 1 does not do for an autoregressive signal of order 2
    assert rows[1].bits_per_sample == pytest.approx(ideal, abs=0.04)
    assert rows[1].ratio == pytest.approx(16 / rows[1].bits_per_sample)  # type: ignore[operator]


def test_neighbours_bring_what_they_share() -> None:
    rng = np.random.default_rng(0)
    common, own = rng.normal(0, 20, (20100, 1)), rng.normal(0, 20, (20100, 8))
    x = np.rint(autoregressive(20000, common + own)).astype(np.int16)
    steps = [ladder.Step("alone", 4), ladder.Step("with", 4, 4, (-2, -1, 0))]
    alone, together = (row.bits_per_sample for row in ladder.rows(Excerpt(recording(x), 1), steps=steps))
    # Their past tells what is new in them. Given k others, the variance of the error falls from 2 to 1 + 1 / (k + 1).
    gain = np.mean([0.5 * np.log2(2 / (1 + 1 / (min(channel, 4) + 1))) for channel in range(8)])
    assert alone - together == pytest.approx(gain, abs=0.02)  # type: ignore[operator]


def test_learned_widths_save_bits() -> None:
    codes, _ = uneven()
    made = recording(codes)
    made.converters = np.arange(8) % 2
    steps = [ladder.Step("equal", 4), ladder.Step("common", 4, learned="common"), ladder.Step("own", 4, learned="own")]
    equal, common, own = (row.bits_per_sample for row in ladder.rows(Excerpt(made, 10), steps=steps))
    assert equal > common + 0.02 > own + 0.04  # type: ignore[operator]


def test_steps_that_a_recording_does_not_allow_are_left_out() -> None:
    called = []
    rows = ladder.rows(Excerpt(recording(walk(4000, 1)), 1), lambda *text: called.append(text))
    assert len(called) == len(ladder.STEPS)
    assert rows and not any("neighbours" in row.method or "each converter" in row.method for row in rows)
    some = ladder.rows(Excerpt(recording(walk(4000, 3)), 1))
    assert [row.method for row in some if "neighbours" in row.method] == [
        "ideal: order 16, 4 neighbours, frames -2 to 2"
    ]
    assert ladder.rows(Excerpt(recording(walk(100, 3)), 1)) == []


def test_samples_are_told_apart_from_their_codes() -> None:
    codes = walk(500, 2) % 50
    x = codes.copy()
    x[:, 1] = np.rint(12.02 * codes[:, 1] - 7)
    found = codes_of(x)
    np.testing.assert_array_equal(found.codes[:, 0], codes[:, 0])
    np.testing.assert_array_equal(found.codes[:, 1], codes[:, 1] - codes[:, 1].min())
    assert found.step[0] == 1 and found.step[1] == pytest.approx(12.02, abs=0.02)
    assert not found.comparable
    np.testing.assert_array_equal(np.rint(found.first[1] + found.step[1] * found.codes[:, 1]), x[:, 1])


def test_channels_of_one_instant_are_found() -> None:
    assert neighbours.instants(np.array([0, 1, 0, 1, -1, 0])).tolist() == [0, 0, 1, 1, -1, 2]


def test_correlations_are_those_of_each_kind_of_pair() -> None:
    rng = np.random.default_rng(0)
    channels = 24
    converters = np.tile([0, 1], 12)
    at = neighbours.instants(converters)
    shared = rng.normal(0, 20, (6100, 12))[:, at]
    x = np.rint(autoregressive(6000, shared + rng.normal(0, 20, (6100, channels)))).astype(np.int16)
    made = recording(x)
    made.converters = converters
    made.geometry = np.stack([np.zeros(channels), 20.0 * np.arange(channels)], axis=1)
    kinds = {(row.kind, row.apart): row for row in neighbours.correlations(Excerpt(made, 1))}
    assert kinds["channels apart", 1.0].pairs == 23
    assert kinds["channels apart", 1.0].errors == pytest.approx(0.5 * 12 / 23, abs=0.03)
    assert kinds["micrometres apart", 20.0][2:] == pytest.approx(kinds["channels apart", 1.0][2:])
    assert kinds["channels apart", 9.0].errors == pytest.approx(0, abs=0.03)
    assert "sampled at the same instant, not beside each other" not in {kind for kind, _ in kinds}
    assert neighbours.correlations(Excerpt(recording(x[:, :1]), 1)) == []


# -- the command -----------------------------------------------------------------------------------------------------

PLOTS = ("signals", "histograms", "ratios", "speeds", "neighbours")
FIELDS = {"method", "bytes", "ratio", "enc_mb_s", "dec_mb_s", "bits_per_sample"}


@pytest.fixture(scope="module")
def wav_of_many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("study") / "probe.wav"
    path.write_bytes(wav.write(walk(3000, 4), 30000))
    return path


def test_the_command_prints_one_json_list_and_writes_tables(run: Run, wav_of_many: Path, tmp_path: Path) -> None:
    done = run("n1codec", "study", "neuropixels", wav_of_many, "--json", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert all(row.keys() >= FIELDS for row in rows)
    with (tmp_path / "out" / whole.TABLE).open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["method"] for row in table] == [row["method"] for row in rows]
    assert {row["method"] for row in rows} >= {method.name for method in methods.METHODS}
    assert all(Path(line).stat().st_size for line in done.stderr.splitlines())
    names = {path.name for path in (tmp_path / "out").iterdir()}
    pictures = {f"{name}.{end}" for name in PLOTS for end in ("png", "svg")}
    assert names == pictures | {whole.TABLE, whole.PAGE, "correlation.csv"}
    page = (tmp_path / "out" / whole.PAGE).read_text()
    assert all(f"({name}.png)" in page for name in PLOTS)
    gzip = next(row for row in rows if row["method"] == "gzip")
    assert f"| gzip | {gzip['bytes']:,} | {gzip['ratio']:.3f} | 2.38 |" in page


def test_the_command_prints_a_table(run: Run, wav_of_many: Path) -> None:
    done = run("n1codec", "study", "neuropixels", wav_of_many, "--seconds", "0.05")
    lines = done.stdout.splitlines()
    assert lines[0] == "probe.wav: 4 channels of 1500 frames, 0.05 s at 30000 Hz, 12000 bytes of samples"
    (gzip,) = (line for line in lines if line.startswith("gzip "))
    assert "2.38" in gzip


def test_the_command_takes_one_recording(run: Run, wav_of_many: Path, tmp_path: Path) -> None:
    for name in ("a.wav", "b.wav"):
        (tmp_path / name).write_bytes(wav_of_many.read_bytes())
    done = run("n1codec", "study", "neuropixels", tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "there are 2 recordings in it" in done.stderr


def test_plots_of_a_recording_without_rate_or_neighbours(tmp_path: Path) -> None:
    from n1codec.report import study_plots

    excerpt = Excerpt(recording(walk(300, 1), 0.0), 1)
    rows = [measure.measure(method, excerpt) for method in methods.METHODS[-2:]] + bounds.entropies(excerpt)
    written = study_plots.draw(tmp_path, whole.Study(excerpt, rows))
    assert {path.stem for path in written} == {"signals", "histograms", "ratios", "speeds"}
    assert tables.correlations([])[1].startswith("| ---")


def test_the_documentation_shows_the_results_that_are_here() -> None:
    """Every line of a table that the command wrote stands in the documentation."""
    page = (ROOT / "results" / "neuropixels2-study" / whole.PAGE).read_text().splitlines()
    shown = (ROOT / "docs" / "neuropixels.md").read_text().splitlines()
    assert [line for line in page if line.startswith("|") and line not in shown] == []
    with (ROOT / "results" / "neuropixels2-study" / whole.TABLE).open(newline="") as file:
        measured = list(csv.DictReader(file))
    assert {row["status"] for row in measured} == {"ok", "bound"}
    assert {method.name for method in methods.METHODS} <= {row["method"] for row in measured}


def test_the_command_tells_in_one_line_what_it_does_not_take(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "none.wav"
    path.write_bytes(wav.write(walk(0, 2), 30000))
    done = run("n1codec", "study", "neuropixels", path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "none.wav: there are no samples in it" in done.stderr
