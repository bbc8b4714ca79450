"""The road from lossless codecs to counts of spikes, and what its energies are made of."""

from __future__ import annotations

import csv
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import count_operations
import numpy as np
import pytest
from conftest import signal
from counting import Counts, load
from n1_implant_reference import integer_codes, operations

from n1codec import n1_mapping
from n1codec.lossy import road, rows
from n1codec.native import Kernel, writes
from n1codec.recordings import wav
from n1codec.report import road_page
from n1codec.spikes import network
from n1codec.stream import energy

Run = Callable[..., subprocess.CompletedProcess[str]]


# -- counting --------------------------------------------------------------------------------------------------------


QUICK = ("n1_implant",)


def same(one: energy.Counts, other: energy.Counts) -> bool:
    """Return whether counts agree: operations exactly, bytes but for what lies where something gone has lain."""
    sizes = ("touched_bytes", "accessed_bytes", "kept_bytes")
    near = all(one[name] == pytest.approx(other[name], rel=1e-3) for name in sizes)
    return near and one["operations"] == other["operations"] and one["per"] == other["per"]


@pytest.mark.parametrize(
    "name",
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in count_operations.CODECS],
)
def test_what_stands_there_is_what_is_counted(name: str) -> None:
    assert same(energy.counted()[name], count_operations.CODECS[name]())


@pytest.mark.slow
def test_what_stands_there_of_events_is_what_is_counted() -> None:
    for name, found in count_operations.events().items():
        assert same(energy.counted()[name], found), name


def test_the_counts_agree_with_those_of_a_reference_that_counts_itself() -> None:
    tables = np.empty(1 << 13, np.uint8)
    tables = tables[: Kernel("n1c_n1_implant_tables", writes(np.uint8))(tables)]
    own = operations(integer_codes(600), tables.tobytes())
    ours = count_operations.n1_implant(600)["operations"]
    products = sum(count for name, count in ours.items() if "multiplication" in name)
    assert products == pytest.approx(own["multiplications 16 x 16"] + own["wider multiplications"], rel=0.01)
    others = sum(count for name, count in ours.items() if "addition" in name)
    named = ("additions", "shifts", "masks", "comparisons", "leading zeros")
    assert others == pytest.approx(sum(own[name] for name in named), rel=0.15)
    assert not any("division" in name for name in ours)


SOURCE = """
import numpy as np
TABLE = [3, 300, 70000]

class Adder:
    def __init__(self):
        self.total = 0
        self.seen = [0, 0]

    def add(self, x):
        self.total += x * 7
        self.seen[x & 1] += 1
        if 0 < x <= 1000 and self.total != 5:
            self.total = max(self.total, TABLE[2]) // 3
        for_now = [x, x + 1]
        return for_now[0] + for_now[1]

def many(x):
    return (np.maximum(x, 0) * x).sum() / 2
"""


def test_operations_and_bytes_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "some_reference.py").write_text(SOURCE)
    monkeypatch.setattr("counting.HERE", tmp_path)
    counts = Counts(step="add", scopes=("__init__", "many"))
    module = load("some_reference", counts)
    adder = module.Adder()
    assert adder.add(200) == 401
    assert adder.total == 70000 // 3
    found = counts.found[""]
    # x * 7, total + that, x & 1, seen + 1, two comparisons and one, max, // 3, x + 1, the last sum
    assert sum(count for name, count in found.items() if name.startswith("multiplication")) == 1
    assert sum(count for name, count in found.items() if name.startswith("division")) == 1
    assert sum(count for name, count in found.items() if name.startswith("addition")) == 9
    assert found["division int32"] == 1
    assert found["touched"] == 2 + 1 + 4  # total, written before and read; an element of seen; one of TABLE
    adder.add(200)
    assert found["touched"] == 7 + 2 * 2 + 2 + 4  # what the first step left of the two, written and read; TABLE
    assert module.many(np.array([1.0, -2.0, 3.0], np.float32)) == 5
    assert counts.found["many"] == {"addition float32": 6, "multiplication float32": 3, "division float32": 1}


# -- energy ----------------------------------------------------------------------------------------------------------


def test_energies_are_the_published_ones_times_the_counts() -> None:
    counts = {"operations": {"addition int32": 10.0, "multiplication int32": 1.0}, "touched_bytes": 8.0,
              "accessed_bytes": 16.0}  # fmt: skip
    at_45 = 10 * 0.1 + 3.1
    for nanometres, low, high in ((65, 1.906, 3.012), (28, 0.518, 0.654)):
        spent = energy.encoder(counts, 4096, nanometres)
        assert spent.low == pytest.approx(low * (at_45 + 10), rel=1e-3)
        assert spent.high == pytest.approx(high * (energy.OVERHEAD * at_45 + 20), rel=1e-3)
    assert energy.encoder(counts, 1 << 20, 65).low > energy.encoder(counts, 4096, 65).low
    assert energy.operation("division float32") == pytest.approx(7.1 * 3.7)
    horowitz = {"addition": {"int8": 0.03, "int32": 0.1, "float32": 0.9},
                "multiplication": {"int8": 0.2, "int32": 3.1, "float32": 3.7}}  # fmt: skip
    for operation, dtypes in horowitz.items():
        for dtype, picojoules in dtypes.items():
            assert energy.operation(f"{operation} {dtype}") == picojoules
    for wider, dtype in (("int64", "int32"), ("float64", "float32")):
        assert energy.operation(f"addition {wider}") == 2 * energy.operation(f"addition {dtype}")
        assert energy.operation(f"multiplication {wider}") == 4 * energy.operation(f"multiplication {dtype}")
    assert energy.operation("multiplication int16") == 4 * energy.operation("multiplication int8")
    assert energy.operation("addition int16") == 0.05
    assert energy.milliwatts(energy.Range(1, 2), 20.48e6) == pytest.approx((0.02048, 0.04096))
    with pytest.raises(ValueError, match="there are 28 and 65"):
        energy.node(7)


def test_a_radio_takes_so_much_a_bit() -> None:
    over_air, bluetooth = energy.radio(1e6)
    assert over_air == pytest.approx((0.0058, 0.021))
    assert bluetooth == pytest.approx(19.2)
    assert energy.radio(2e6)[1] is None


@pytest.mark.parametrize("shape", road.MODELS)
def test_the_cost_of_the_autoencoder_is_what_it_multiplies(
    monkeypatch: pytest.MonkeyPatch, shape: tuple[int, int]
) -> None:
    model = network.shipped(*shape)
    assert model
    products = 0

    def convolved(x: np.ndarray, w: dict[str, np.ndarray], name: str) -> np.ndarray:
        nonlocal products
        stride = 2 if "down" in name else 1
        products += w[f"{name}.weight"].size * x.shape[2] // stride
        return plain(x, w, name)

    plain = network._convolved
    monkeypatch.setattr(network, "_convolved", convolved)
    model.encode(np.zeros((1, *shape)))
    products += model.weights["enc.out.weight"].size + model.weights["codewords"].size
    assert model.cost()[0] == products
    assert model.cost()[1] < 60_000


def test_the_autoencoder_takes_more_with_more_spikes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(road, "PATIENCE", 0.01)
    few, many = ({"sent_per_s": rate, "found_per_s": 2 * rate} for rate in (1.0, 3.0))
    one, three = road.autoencoder([few], (1000,)), road.autoencoder([{}, many], (1000,))
    assert len(one) == len(three) == len(road.MODELS)
    for a, b in zip(one, three, strict=True):
        assert b["mw_65_low"] == pytest.approx(3 * a["mw_65_low"], rel=1e-4)
        assert (a["spikes_per_s_low"], a["spikes_per_s_high"]) == (1000, 2000)
    assert road.autoencoder([{}]) == []


# -- the road --------------------------------------------------------------------------------------------------------


def noisy(seed: int) -> np.ndarray:
    """Quiet samples of N1's codes."""
    codes = 512 + np.rint(np.random.default_rng(seed).normal(0, 12, 44_000)).astype(int)
    return n1_mapping.values()[codes]


def test_samples_are_put_on_the_converters_grid() -> None:
    x = noisy(0)
    off = x + np.random.default_rng(1).integers(-20, 20, x.size).astype(np.int16)
    assert np.array_equal(road.on_the_grid(off, x), x)
    steps = (12 * np.random.default_rng(2).integers(-90, 90, 4000) + 5).astype(np.int16)
    assert np.array_equal(road.on_the_grid(steps + 3, steps), steps)


def test_a_codec_keeps_hits_until_it_rounds_them_away() -> None:
    about = road.Recorded([noisy(seed) for seed in range(2)], 20_000.0)
    lossless = road.measure_codec(about, "n1")
    fine, coarse = (road.measure_codec(about, spec) for spec in ("round:error=1|n1", "mdct:step=150"))
    assert lossless["snr_db"] is None
    assert lossless["largest_error"] == 0
    assert lossless["hit_8"] > 0.98
    assert abs(fine["hit_8"] - lossless["hit_8"]) < 0.03
    assert coarse["hit_8"] < 0.5
    assert fine["largest_error"] == 1
    assert lossless["bits_per_sample"] > fine["bits_per_sample"] > coarse["bits_per_sample"]
    assert fine["snr_db"] > coarse["snr_db"]


def test_without_a_quiet_recording_there_are_no_hits() -> None:
    loud = np.ascontiguousarray(signal(44_000, 1)[:, 0])
    loud[::500] = -20_000
    about = road.Recorded([loud], 20_000.0)
    assert not about.trials
    assert about.unchanged["hit_8"] is None


def test_layers_have_their_shares_of_the_energy() -> None:
    row = {"layers": (0, 1, 2, 3), "rate": 20_000.0, "channels": 1024, "sent_per_s": 3.0, "waveforms_per_s": 3.0,
           "packets_per_s": 1000.0}  # fmt: skip
    whole = road._energy(road.Point("", road.EVENTS), row, 1024 * 20_000.0, 1e6)
    few = road._energy(road.Point("", road.EVENTS), row | {"layers": (0,), "waveforms_per_s": 0}, 1024 * 20_000.0, 6e4)
    assert few["operations"] < whole["operations"]
    listened = sum(energy.counted()["events: listen"]["operations"].values())
    field = sum(energy.counted()["events: field"]["operations"].values()) * 1000 / 64 / 20_000
    assert listened < few["operations"] < listened + 3
    assert whole["operations"] > listened + field
    assert few["mw_28_low"] < few["mw_28_high"] < few["mw_65_high"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("recordings")
    for seed in range(2):
        (found / f"{seed}.wav").write_bytes(wav.write(noisy(seed)[:24_000], 20_000))
    return found


def test_the_command(run: Run, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = (folder, "--as-channels", 4, "--seconds", 0.3, "--out", tmp_path / "out", "--json")
    found = json.loads(run("n1codec", "radio", *options).stdout)
    points = {line["point"]: line for line in found["points"]}
    assert points.keys() == {point.name for point in road.POINTS}
    for line in points.values():
        assert line["ratio_10"] == pytest.approx(line["ratio_16"] * 10 / 16, rel=1e-4)
        assert line["kbit_s"] == pytest.approx(4 * 20 * line["bits_per_sample"], rel=1e-4)
        assert line["mw_65_low"] < line["mw_65_high"]
    assert points["n1"]["snr_db"] is None
    assert points["times"]["snr_db"] is None
    assert points["mdct:step=100"]["snr_db"] < points["mdct:step=4"]["snr_db"]
    assert [line["channels"] for line in found["autoencoder"]] in ([1024, 4096, 1024, 4096], [])
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {"README.md", "road.csv", "road.png", "road.jsonl"}
    with (tmp_path / "out" / "road.csv").open(newline="") as file:
        assert [line["point"] for line in csv.DictReader(file)] == list(points)
    store = tmp_path / "out" / road.FILE
    before = store.read_bytes()
    store.write_bytes(before[: before.rindex(b"{") + 9])  # as if it had been killed in the last row
    again = json.loads(run("n1codec", "radio", *options).stdout)
    assert len(rows.read(store, ("point",))) == len(road.POINTS)
    assert again["points"][-2] == found["points"][-2]
    text = road_page.as_text(found["points"], found["autoencoder"])
    assert "What it takes: an estimate" in text
    assert sum(line.startswith("mdct:step=100 ") for line in text) == 2


def test_what_is_no_recording_is_said(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(wav.write(np.zeros(0, np.int16), 20_000))
    done = run("n1codec", "radio", tmp_path)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
