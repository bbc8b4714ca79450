"""Spikes: detection, alignment, codebooks, the autoencoder, files, and the commands."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from n1codec.codec import CodecError, FormatError
from n1codec.lossy.sorting import Sorter, Sorting
from n1codec.recordings import Recording, open_recording
from n1codec.recordings.source import Flat, Place
from n1codec.spikes import align, codebooks, detect, evaluate, generate, network, rebuilt, robust, stored
from n1codec.spikes.align import Spikes

Run = Callable[..., subprocess.CompletedProcess[str]]
RATE = 20_000.0


def a_tetrode(seconds: float = 4.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Noise on four channels, int16 of shape (frames, 4), with spikes of two units; and the frames of their troughs."""
    random = np.random.default_rng(seed)
    frames = round(seconds * RATE)
    x = random.normal(0, 10, (frames, 4))
    at = np.arange(300, frames - 300, 450) + random.integers(0, 100, len(range(300, frames - 300, 450)))
    t = (np.arange(60) - 20) / RATE * 1e3
    for number, frame in enumerate(at):
        wave = generate.shape(t, np.random.default_rng(number % 2))
        x[frame - 20 : frame + 40] += wave[:, None] * ([[150, 80, 40, 20], [30, 60, 170, 90]][number % 2])
    return np.rint(x).astype(np.int16), at


def a_channel(path: Path, x: np.ndarray) -> Recording:
    """Return samples of shape (frames,) as a recording of one channel, which is written to a file."""
    x.astype(np.int16).tofile(path)
    return open_recording(Place(path, flat=Flat(1, rate=RATE)))


@pytest.fixture(scope="module")
def tetrode(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("spikes") / "tetrode.raw"
    a_tetrode()[0].tofile(path)
    return path


# -- detection -------------------------------------------------------------------------------------------------------


def test_a_causal_filter_looks_at_nothing_later() -> None:
    x = np.random.default_rng(0).normal(500, 10, 4000)
    whole, part = detect.causal(x, RATE), detect.causal(x[:2000], RATE)
    assert whole is not None
    assert part is not None
    assert np.array_equal(whole[:2000], part)
    assert abs(whole[0]) < 50  # it begins settled
    assert detect.causal(x, 500.0) is None


@pytest.mark.parametrize("detector", detect.DETECTORS)
def test_spikes_of_a_tetrode_are_found_once_on_their_channel(detector: str) -> None:
    x, at = a_tetrode()
    filtered = detect.bandpass(x.T, RATE)
    assert filtered is not None
    found = detect.together(np.ascontiguousarray(filtered.T), RATE, detector)
    near = np.abs(found.frames[:, None] - at).min(axis=1) <= 4
    assert near.mean() > 0.95
    assert (np.abs(found.frames - at[:, None]).min(axis=1) <= 4).mean() > 0.98
    units = np.abs(found.frames[near, None] - at).argmin(axis=1) % 2
    assert (found.channels[near] == 2 * units).mean() > 0.98


def test_a_median_is_not_lifted_by_many_spikes() -> None:
    x = np.random.default_rng(0).normal(0, 1, 20_000)
    x[200::40] -= 30
    mean, median = (detect.neo_spikes(x, RATE, 15.0, level=level).size for level in (np.mean, np.median))
    assert median > mean


def test_troughs_reach_a_multiple_of_the_noise() -> None:
    x = np.random.default_rng(0).normal(0, 1, 50_000)
    x[1000::1000] = -np.arange(4.0, 8.9, 0.1)
    found = detect.troughs(x, RATE, 6.0)
    assert (x[found] <= -6.0 * detect.noise_level(x)).all()
    assert 25 <= found.size <= 32
    assert detect.troughs(np.zeros(0), RATE).size == detect.troughs(np.zeros(50), RATE).size == 0


# -- alignment -------------------------------------------------------------------------------------------------------


def test_waveforms_lie_on_each_other_whatever_lies_between_samples() -> None:
    t, at = np.arange(4000), np.arange(200, 3800, 100)
    parts = (np.arange(at.size) % 8) / 8 - 0.5
    x = -sum(np.exp(-(((t - frame - part) / 6) ** 2)) for frame, part in zip(at, parts, strict=True))[:, None]
    waveforms, kept = align.cut(x, at, np.zeros(at.size, np.int64))
    assert kept.all()
    assert waveforms.shape == (at.size, 1, align.SAMPLES)
    assert (waveforms[:, 0].argmin(axis=1) == align.BEFORE).all()
    assert np.abs(waveforms - waveforms.mean(axis=0)).max() < 0.03
    unaligned = np.stack([x[frame - align.BEFORE : frame - align.BEFORE + align.SAMPLES, 0] for frame in at])
    assert np.abs(unaligned - unaligned.mean(axis=0)).max() > 0.06


def test_spikes_at_the_ends_are_left_out() -> None:
    x = np.random.default_rng(0).normal(size=(300, 1))
    _, kept = align.cut(x, np.array([5, 150, 297]), np.zeros(3, np.int64))
    assert kept.tolist() == [False, True, False]


def test_what_bounces_between_the_rails_is_no_spike_among_many_recordings(tmp_path: Path) -> None:
    x, _ = a_tetrode(2.0)
    broken = np.zeros(len(x), np.int16)
    broken[5000:25_000:1000] = -30_000
    good, bad = a_channel(tmp_path / "good.raw", x[:, 0]), a_channel(tmp_path / "bad.raw", broken)
    assert align.of_all([bad], 1).frames.size
    found = align.of_all([bad, good], 1)
    assert found.frames.min() > len(x)
    assert len(found.frames) == len(align.of_all([good], 1).frames)
    with pytest.raises(CodecError, match="no spikes were found, but"):
        align.of_all([bad, bad], 1)


# -- codes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [codebooks.cosines(64), codebooks.wavelets(64)])
def test_transforms_are_orthonormal(rows: np.ndarray) -> None:
    assert np.allclose(rows @ rows.T, np.eye(64), atol=1e-9)


def test_k_means_finds_what_vectors_gather_around() -> None:
    random = np.random.default_rng(0)
    centres = 20 * random.normal(size=(5, 8))
    x = centres[random.integers(0, 5, 400)] + random.normal(size=(400, 8))
    words = codebooks.k_means(x, 5)
    assert np.abs(words[codebooks.nearest(centres, words)] - centres).max() < 1
    assert len(codebooks.k_means(x[:3], 5)) == 3
    assert len(codebooks.k_means(np.ones((4, 2)), 3)) == 3


def test_every_method_has_rows_and_more_bits_tell_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "RATES", (13.0, 205.0))
    made = generate.spikes(300)
    parts = evaluate.split(made.noisy)
    rows = evaluate.run_split(parts, parts, 1.0, 10.0)
    by_method = {name: [row for row in rows if row.method == name] for name in codebooks.METHODS}
    assert not by_method.pop("vqae")  # it needs a model
    for name, found in by_method.items():
        bits = [row.bits_per_spike for row in found]
        assert len(found) >= 2, name
        assert bits == sorted(bits) or name == "cs", name
        assert found[-1].sndr_db > found[0].sndr_db, name
    at = {row.method: row for row in rows if abs(row.bits_per_spike - 205) < 11}
    assert at["class_pca"].sndr_db > at["dct"].sndr_db > by_method["cs"][-1].sndr_db
    row = at["class_pca"]
    assert row.ratio_all < row.ratio_times < 4096 / row.bits_per_spike < row.ratio_ideal
    assert row.sndr_db_channel < row.sndr_db
    assert row.sndr_db_sd > 0


def test_a_coefficient_comes_back_as_the_mean_of_its_bin() -> None:
    random = np.random.default_rng(0)
    left = random.laplace(size=(5000, 3)) * [1, 2, 4]
    bins, middles = codebooks.Bins(2.0, left), codebooks.Bins(2.0)
    numbers = bins.numbers(left)
    assert np.array_equal(numbers, middles.numbers(left))
    back = bins.coefficients(numbers)
    for number in range(-codebooks.BINS, codebooks.BINS + 1):
        inside = numbers[:, 2] == number
        assert back[inside, 2] == pytest.approx(left[inside, 2].mean())
    far = np.full((1, 3), 9)
    assert np.array_equal(bins.coefficients(far), middles.coefficients(far))
    assert ((left - back) ** 2).mean() < 0.97 * ((left - 2.0 * numbers) ** 2).mean()
    assert (bins.model_bytes, middles.model_bytes) == (3 * (2 * codebooks.BINS + 1), 0)


def test_components_have_means_of_bins_as_classes_have() -> None:
    made = generate.spikes(600)
    given = codebooks.Given(made.noisy[:400], 1.0, None)
    code = codebooks.METHODS["pca"](given)
    assert callable(code)
    flat = made.noisy.reshape(600, -1)
    mean = flat[:400].mean(axis=0)
    rows = codebooks.principal(flat[:400] - mean)
    middles = codebooks.Transform(rows, codebooks.Bins(8.0), mean)
    numbers = code(8.0).encode(flat[400:])
    assert np.array_equal(numbers, middles.encode(flat[400:]))
    errors = [((one.decode(numbers) - flat[400:]) ** 2).sum() for one in (code(8.0), middles)]
    assert errors[0] < 0.99 * errors[1]


def test_denoising_is_measured_against_what_is_clean() -> None:
    made = generate.spikes(600)
    noisy, clean = evaluate.split(made.noisy), evaluate.split(made.clean)
    row = evaluate.run_split(noisy, clean, 1.0, 0.0, ("kmeans",))[3]
    usual = evaluate.run_split(noisy, noisy, 1.0, 0.0, ("kmeans",))[3]
    assert row.sndr_db > usual.sndr_db + 5


def test_bits_of_times_are_those_of_a_poisson_process() -> None:
    frames = np.arange(100)
    spikes = Spikes(np.zeros((100, 1, 4)), frames, np.arange(100) % 2, 100 * 256 / RATE, RATE, 1.0)
    assert evaluate.time_bits(spikes) == pytest.approx(np.log2(np.e * 256 * 4) + 1)


def test_few_spikes_are_too_few() -> None:
    with pytest.raises(CodecError, match="there are 3 spikes, too few"):
        evaluate.split(np.zeros((3, 1, 4)))


# -- the autoencoder -------------------------------------------------------------------------------------------------


def a_model(channels: int = 1, samples: int = 16, width: int = 4) -> bytes:
    """A network that nobody trained."""
    random = np.random.default_rng(0)
    weights = {"codewords": random.normal(size=(3, 5, 6))}
    for side, ways in (("enc", "down"), ("dec", "up")):
        for i in range(network.BLOCKS):
            for name in (f"{side}.{i}.a", f"{side}.{i}.b", *([f"{side}.{ways}{i}"] if i < network.BLOCKS - 1 else [])):
                weights[f"{name}.weight"] = random.normal(size=(width, width, 3)) / 4
                weights[f"{name}.bias"] = random.normal(size=width)
    for name, shape in (("enc.in", (width, channels, 5)), ("dec.out", (channels, width, 5)),
                        ("enc.out", (6, width * samples // 4)), ("dec.in", (width * samples // 4, 6))):  # fmt: skip
        weights[f"{name}.weight"] = random.normal(size=shape) / 4
        weights[f"{name}.bias"] = random.normal(size=shape[0])
    return network.pack(weights, {"channels": str(channels), "samples": str(samples)})


def test_convolutions_are_sums_over_taps() -> None:
    random = np.random.default_rng(0)
    x, kernel, bias = random.normal(size=(2, 3, 9)), random.normal(size=(4, 3, 5)), random.normal(size=4)
    found = network._convolved(x, {"a.weight": kernel, "a.bias": bias}, "a")
    for spike, out, at in np.ndindex(found.shape):
        terms = [
            x[spike, channel, at + tap - 2] * kernel[out, channel, tap]
            for channel in range(3)
            for tap in range(5)
            if 0 <= at + tap - 2 < 9
        ]
        assert found[spike, out, at] == pytest.approx(bias[out] + sum(terms))


def test_codewords_of_the_first_stages_suffice() -> None:
    model = network.unpack(a_model(), "a")
    x = np.random.default_rng(1).normal(size=(7, 1, 16))
    numbers = model.encode(x)
    assert numbers.shape == (7, 3)
    assert model.decode(numbers[:, :2]).shape == x.shape
    assert np.ptp(model.decode(numbers), axis=0).max() > 0
    with pytest.raises(CodecError, match="no such codeword"):
        model.decode(np.array([[5]]))


def test_a_model_comes_back_from_its_file_within_half_a_step() -> None:
    weight = np.random.default_rng(0).normal(size=(3, 4, 5))
    data = a_model()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    assert header["codewords"]["dtype"] == "I8"
    random = np.random.default_rng(0)
    wanted, found = random.normal(size=(3, 5, 6)), network.unpack(data, "a").weights["codewords"]
    assert np.abs(found - wanted).max() <= np.abs(wanted).max() / 254 + 1e-6
    assert weight.shape  # three dimensions are stored by rows


def test_damaged_models_are_refused() -> None:
    data = a_model()
    for cut in (0, 7, 8, 100, len(data) // 2, len(data) - 1):
        with pytest.raises(CodecError, match="m: it is no model of spikes, or damaged"):
            network.unpack(data[:cut], "m")
    for old, new in ((b'"samples":"16"', b'"samples":"20"'), (b'"I8"', b'"X8"'), (b"enc.in.bias", b"enc.in.bios")):
        with pytest.raises(CodecError):
            network.unpack(data.replace(old, new), "m")


SHIPPED = sorted((Path(network.__file__).parent / "models").glob("*.safetensors"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_shipped_models_are_small(path: Path) -> None:
    model = network.load(path)
    assert path.name == f"vqae_{model.channels}x{model.samples}.safetensors"
    assert model.bytes_decoder < 20_000
    assert path.stat().st_size < 60_000
    found = network.shipped(model.channels, model.samples)
    assert found
    assert found.about == model.about
    assert network.shipped(3, 7) is None


@pytest.mark.parametrize("denoise", [False, True])
def test_more_spikes_than_there_are_have_the_noise_of_others(denoise: bool) -> None:
    from n1codec.spikes import vqae

    made = generate.spikes(200, units=3)
    mixing = vqae._Mixing(made.noisy, made.clean if denoise else None, np.random.default_rng(0))
    chosen = np.arange(100)
    x, target = mixing(chosen)
    assert x.shape == target.shape == (100, *made.noisy.shape[1:])
    if not denoise:
        assert np.array_equal(x, target)
        return
    louder = (target / made.clean[chosen]).mean(axis=(1, 2))
    assert (np.abs(louder - 1) <= 0.1 + 1e-9).all()
    noise = (x - target) / louder[:, None, None]
    of = np.array([np.abs(noise[i] - (made.noisy - made.clean)).sum(axis=(1, 2)).argmin() for i in chosen])
    assert np.allclose(noise, (made.noisy - made.clean)[of])
    assert 0.3 < (of == chosen).mean() < 0.7


@pytest.mark.slow
@pytest.mark.skipif(not find_spec("torch"), reason="needs the extra torch")
def test_training_lowers_the_loss_and_numpy_gives_what_torch_does() -> None:
    from n1codec.spikes import vqae

    made = generate.spikes(260)
    parts = evaluate.split(made.noisy)
    said: list[str] = []
    few = vqae.Settings(width=8, epochs=12, stages=2)
    data = vqae.train((parts.train, parts.validation), few, advance=lambda text="", step=1: said.append(text))
    assert float(said[-1].split()[0]) > float(said[0].split()[0]) + 0.5
    assert data == vqae.train((parts.train, parts.validation), few)
    model = network.unpack(data, "a")
    rows = evaluate.run_split(parts, parts, 1.0, 0.0, ("vqae",), model)
    assert [row.method for row in rows] == ["vqae"] * 2


# -- what spikes are that nothing was fitted to ----------------------------------------------------------------------


def test_sorting_finds_neurons_that_are_apart() -> None:
    random = np.random.default_rng(0)
    units = np.arange(400) % 5
    x = 10 * random.normal(size=(5, 2, 30))[units] + random.normal(size=(400, 2, 30))
    assert robust.sorting(x, units) > 0.99
    assert robust.sorting(random.normal(size=x.shape), units) < 0.5


def test_other_noise_jitter_and_neurons_have_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(robust, "NOISES", (2.0,))
    monkeypatch.setattr(robust, "JITTERS", (4.0,))
    rows = {(row.condition, row.method): row for row in robust.run(("pca", "kmeans"), count=600)}
    assert len(rows) == 2 * 5
    for method in ("pca", "kmeans"):
        usual = rows["usual", method]
        assert usual.bits_per_spike < 9
        assert usual.clean_db > usual.sndr_db
        assert all(rows[condition, method].clean_db < usual.clean_db for condition in ("noise x 2", "jitter 4"))
        seen, unseen = (rows[f"neurons 12 to 23{how}", method] for how in ("", ", not fitted to"))
        assert unseen.sndr_db < seen.sndr_db
        assert unseen.sorted_before == seen.sorted_before


# -- sorting what comes back -----------------------------------------------------------------------------------------


def test_spikes_are_drawn_where_they_were_and_noise_is_elsewhere() -> None:
    waves = np.full((3, 2, 64), 100.0, np.float32)
    waves[2] = 50
    spikes = Spikes(waves, np.array([100, 500, 530]), np.array([0, 2, 2]), 1.0, RATE, 1.0)
    around = np.array([[0, 1], [0, 1], [1, 2]])
    x = rebuilt.drawn(spikes, around, 2000, np.array([5.0, 5.0, 20.0]))
    assert x.dtype == np.int16
    assert (x[80:144, :2] == 100).all()
    assert (x[480:510, 1:] == 100).all()
    assert (x[510:544, 1:] == 75).all()
    assert (x[544:574, 1:] == 50).all()
    assert x[600:].std(axis=0) == pytest.approx([5, 5, 20], rel=0.1)
    assert abs(x[80:144, 2].mean()) < 10


class ByDepth:
    """A sorter that takes for a unit what is deep on a channel."""

    name = "by depth"
    failure = ""

    def __call__(self, x: np.ndarray, rate: float, geometry: np.ndarray | None) -> Sorting:
        return Sorting(
            {i: detect.troughs(column.astype(float), rate, 5.5) for i, column in enumerate(x.T)}, self.failure
        )


def test_what_is_drawn_is_sorted_beside_the_recording() -> None:
    sorter = cast(Sorter, ByDepth())
    said: list[str] = []
    rows = rebuilt.run(sorter, ("rvq",), (0,), seconds=4.0, advance=lambda text="", step=1: said.append(text))
    assert [row.method for row in rows] == [rebuilt.RECORDING, rebuilt.UNCODED, "rvq"]
    assert said[:3] == ["generated, seed 0, the recording", "", "generated, seed 0, its spikes"]
    plain, uncoded, coded = rows
    assert plain.ratio is plain.bits_per_spike is uncoded.ratio is None
    assert min(plain.accuracy, uncoded.accuracy, coded.accuracy) > 0.15
    assert plain.false_units > 10
    assert coded.bits_per_spike
    assert coded.bits_per_spike < 9
    assert coded.ratio
    assert 500 < coded.ratio < 5000
    sorter.failure = "ValueError: no"  # type: ignore[attr-defined]
    with pytest.raises(CodecError, match="seed 0, the recording: by depth fails: ValueError: no"):
        rebuilt.run(sorter, (), (0,), seconds=2.0)


# -- files -----------------------------------------------------------------------------------------------------------


def some_spikes(count: int = 60) -> Spikes:
    made = generate.spikes(count)
    frames = np.cumsum(np.random.default_rng(0).integers(30, 3000, count))
    return Spikes(made.noisy.astype(np.float32), frames, made.units % 4, 9.0, RATE, 1.0)


def test_a_file_of_spikes_comes_back() -> None:
    spikes = some_spikes()
    flat = spikes.waveforms.reshape(60, -1).astype(np.float64)
    code = codebooks.Words.fitted(flat, 8, 2)
    back = stored.unpack(stored.pack(spikes, code))
    assert np.array_equal(back.frames, spikes.frames)
    assert np.array_equal(back.channels, spikes.channels)
    assert (back.rate, back.noise, back.seconds) == (RATE, 1.0, 9.0)
    assert np.allclose(back.waveforms.reshape(60, -1), code.decode(code.encode(flat)), atol=1e-5)


def test_a_file_may_bring_its_network() -> None:
    spikes = some_spikes()._replace(waveforms=np.random.default_rng(0).normal(size=(60, 1, 16)).astype(np.float32))
    data = a_model()
    code = codebooks.Autoencoder(network.unpack(data, "a"), 2, 1.0)
    back = stored.unpack(stored.pack(spikes, code, data))
    flat = spikes.waveforms.reshape(60, -1).astype(np.float64)
    assert np.allclose(back.waveforms.reshape(60, -1), code.decode(code.encode(flat)), atol=1e-5)


@pytest.mark.parametrize("channels", [1, 4])
def test_generated_spikes_have_as_many_channels_as_wanted(channels: int) -> None:
    made = generate.spikes(200, channels=channels)
    assert made.noisy.shape == (200, channels, generate.SAMPLES)
    assert (made.clean.min(axis=(1, 2)) < -4).all()


def test_damaged_files_of_spikes_are_refused() -> None:
    spikes = some_spikes(30)
    code = codebooks.Words.fitted(spikes.waveforms.reshape(30, -1).astype(np.float64), 4)
    data = stored.pack(spikes, code)
    for cut in range(0, len(data), 7):
        with pytest.raises(CodecError):
            stored.unpack(data[:cut])
    with pytest.raises(FormatError, match="parts do not fit"):
        stored.unpack(data + b"\0")
    random = np.random.default_rng(0)
    for _ in range(200):
        bad = bytearray(data)
        bad[random.integers(len(bad))] ^= 1 << random.integers(8)
        try:
            back = stored.unpack(bytes(bad))
        except CodecError:
            continue
        assert back.waveforms.shape[0] == 30  # a figure in the head, which has no checksum


# -- commands --------------------------------------------------------------------------------------------------------

FLAT = ("--channels", 4, "--rate", RATE)


def test_detect_tells_every_channel(run: Run, tetrode: Path) -> None:
    done = run("n1codec", "spikes", "detect", tetrode, *FLAT, "--json")
    rows = json.loads(done.stdout)
    assert len(rows) == 4
    assert 85 <= rows[0]["spikes"] <= 178  # all of the near unit's, some of the other's
    assert rows[0]["noise"] == pytest.approx(7.5, rel=0.2)
    assert "spikes," in run("n1codec", "spikes", "detect", tetrode, *FLAT, "--detector", "neo").stdout


def test_evaluate_prints_a_table_and_json(run: Run, tetrode: Path) -> None:
    done = run("n1codec", "spikes", "evaluate", tetrode, *FLAT, "--methods", "kmeans rvq", "--json")
    rows = json.loads(done.stdout)
    assert {row["method"] for row in rows} == {"kmeans", "rvq"}
    wanted = {
        "bits_per_spike",
        "ratio_ideal",
        "ratio_times",
        "ratio_all",
        "sndr_db_sd",
        "sndr_db_pooled",
        "sndr_db_channel",
    }
    assert wanted <= rows[0].keys()
    assert "kmeans" in run("n1codec", "spikes", "evaluate", tetrode, *FLAT, "--methods", "kmeans").stdout


def test_encode_and_decode(run: Run, tetrode: Path, tmp_path: Path) -> None:
    run("n1codec", "spikes", "encode", tetrode, *FLAT, "--stages", 2, "-o", tmp_path / "a.n1s")
    run("n1codec", "spikes", "decode", tmp_path / "a.n1s", "-o", tmp_path / "a.npz")
    found = np.load(tmp_path / "a.npz")
    assert found["waveforms"].shape[1:] == (4, 64)
    _, at = a_tetrode()
    assert (np.abs(found["frames"] - at[:, None]).min(axis=1) <= 4).mean() > 0.95


def test_one_channel_goes_by_the_model_of_the_package(run: Run, tmp_path: Path) -> None:
    x, _ = a_tetrode()
    recording = a_channel(tmp_path / "one.raw", x[:, 2])
    flat = ("--channels", 1, "--rate", RATE)
    run("n1codec", "spikes", "encode", tmp_path / "one.raw", *flat, "-o", tmp_path / "a.n1s")
    run("n1codec", "spikes", "encode", tmp_path / "one.raw", *flat, "--method", "rvq", "-o", tmp_path / "b.n1s")
    assert 4 * (tmp_path / "a.n1s").stat().st_size < (tmp_path / "b.n1s").stat().st_size  # it brings no model
    run("n1codec", "spikes", "decode", tmp_path / "a.n1s", "-o", tmp_path / "a.npz")
    found = np.load(tmp_path / "a.npz")
    assert found["waveforms"].shape[1:] == (1, 64)
    wanted = align.collect(recording, 1)
    assert np.array_equal(found["frames"], wanted.frames)
    error = ((found["waveforms"] - wanted.waveforms) ** 2).sum(axis=(1, 2))
    assert np.median(10 * np.log10((wanted.waveforms**2).sum(axis=(1, 2)) / error)) > 5


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("evaluate", "--methods", "pcq"), 2, "there is no method pcq"),
        (("evaluate", "--clean"), 2, "--clean is for --generated"),
        (("evaluate", "--robust"), 2, "--robust is for --generated"),
        (("evaluate", "--sorter", "tridesclous2"), 2, "--sorter is for --generated"),
        (("train", "--generated", "--clean", "-o", "x.safetensors"), 2, "--clean is for --generated"),
        (("train", "--generated", "--neighbours", 5, "-o", "x.safetensors"), 2, "have 4 channels (--neighbours)"),
        (("evaluate", "--factor", 1000), 1, "no spikes were found"),
        (("evaluate", "--model", "README.md"), 1, "README.md: it is no model of spikes"),
        (("evaluate", "--model", SHIPPED[0]), 1, "the model is for 1 x 64 samples, these spikes have 4 x 64"),
        (("encode", "--model", SHIPPED[0], "-o", "x.n1s"), 1, "the model is for 1 x 64 samples"),
        (("encode", "--method", "vqae", "--neighbours", 3, "-o", "x.n1s"), 1, "no model for such waveforms"),
    ],
)
def test_errors_are_one_line(
    run: Run, tetrode: Path, arguments: tuple[str, ...], code: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, *options = arguments
    done = run("n1codec", "spikes", name, tetrode, *FLAT, *options)
    assert done.returncode == code
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("how", [("--methods", "vqae"), ("--robust",)])
def test_models_of_other_waveforms_are_refused_for_generated_ones(run: Run, how: tuple[str, ...]) -> None:
    done = run("n1codec", "spikes", "evaluate", "--generated", *how, "--model", SHIPPED[0])
    assert done.returncode == 1
    assert done.stderr == (
        "n1codec: the model is for 1 x 64 samples, these spikes have 4 x 64 (n1codec spikes train makes another one)\n"
    )


def test_short_recordings_are_told(run: Run, tmp_path: Path) -> None:
    np.zeros((50, 4), np.int16).tofile(tmp_path / "short.raw")
    done = run("n1codec", "spikes", "evaluate", tmp_path / "short.raw", *FLAT)
    assert done.returncode == 1
    assert "fewer than a waveform needs" in done.stderr
    np.zeros((20, 4), np.int16).tofile(tmp_path / "short.raw")
    done = run("n1codec", "spikes", "detect", tmp_path / "short.raw", *FLAT, "--json")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith("short.raw: no channel has a band of spikes: there are too few frames, or the rate is "
                                "too low or not known (--rate)\n")  # fmt: skip
    (tmp_path / "other.n1s").write_bytes(b"something")
    done = run("n1codec", "spikes", "decode", tmp_path / "other.n1s", "-o", tmp_path / "a.npz")
    assert "other.n1s: it is no file of spikes" in done.stderr
    if not find_spec("torch"):
        a_tetrode()[0].tofile(tmp_path / "a.raw")
        done = run("n1codec", "spikes", "train", tmp_path / "a.raw", *FLAT, "-o", tmp_path / "m")
        assert "training needs PyTorch" in done.stderr
