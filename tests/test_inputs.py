"""Every command that takes recordings takes any recording, and says the same of it whatever its format is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from conftest import ROOT, signal, stored

from n1codec import encode_file
from n1codec.cli import command
from n1codec.codec import CodecError
from n1codec.datasets import dataset
from n1codec.datasets.dataset import Reading
from n1codec.recordings import Flat, Place, UnknownFormat, open_recording, wav
from n1codec.recordings.columns import columns, frames_within, names, signals

RATE, FRAMES, CHANNELS = 20_000, 6000, 3
DESCRIBED = ("--channels", str(CHANNELS), "--dtype", "int16", "--rate", str(RATE))


@pytest.fixture(scope="module")
def samples() -> np.ndarray:
    """Three channels, of which the first two share a signal: shape (frames, channels), int16."""
    own, shared = signal(FRAMES, CHANNELS, 1) // 2, signal(FRAMES, 1, 2) // 2
    return (own + shared * np.array([1, 1, 0])).astype(np.int16)


def as_wav(folder: Path, x: np.ndarray) -> tuple[str, ...]:
    (folder / "rec.wav").write_bytes(wav.write(x, RATE))
    return (str(folder / "rec.wav"),)


def as_flat(folder: Path, x: np.ndarray) -> tuple[str, ...]:
    (folder / "rec.bin").write_bytes(x.astype("<i2").tobytes())
    return (str(folder / "rec.bin"), *DESCRIBED)


def as_columns(folder: Path, x: np.ndarray) -> tuple[str, ...]:
    (folder / "rec.dat").write_bytes(b"head" + x.T.astype(">i2").tobytes())
    described = ("--channels", str(CHANNELS), "--dtype", ">i2", "--rate", str(RATE), "--order", "F", "--offset", "4")
    return (str(folder / "rec.dat"), *described)


def as_sidecar(folder: Path, x: np.ndarray) -> tuple[str, ...]:
    (folder / "rec.bin").write_bytes(x.astype("<i2").tobytes())
    (folder / "rec.bin.json").write_text(json.dumps({"channels": CHANNELS, "dtype": "int16", "rate": RATE}))
    return (str(folder / "rec.bin"),)


def as_spikeglx(folder: Path, x: np.ndarray) -> tuple[str, ...]:
    digital = np.arange(len(x)).reshape(-1, 1) // 100 % 2 * 64
    data = np.hstack([x, digital]).astype("<i2")
    (folder / "run_g0_t0.imec0.ap.bin").write_bytes(data.tobytes())
    about = {
        "acqApLfSy": f"{CHANNELS},0,1", "snsApLfSy": f"{CHANNELS},0,1", "snsSaveChanSubset": f"0:{CHANNELS}",
        "nSavedChans": CHANNELS + 1, "imSampRate": RATE, "typeThis": "imec", "fileSizeBytes": data.nbytes,
        "imAiRangeMax": 0.6, "imAiRangeMin": -0.6, "imDatPrb_type": 0,
        "~imroTbl": f"(0,{CHANNELS})" + "".join(f"({c} 0 0 500 250 1)" for c in range(CHANNELS)),
        "~snsChanMap": f"({CHANNELS},0,1)" + "".join(f"(AP{c};{c}:{c})" for c in range(CHANNELS)) + "(SY0;384:384)",
    }  # fmt: skip
    text = "".join(f"{key}={value}\n" for key, value in about.items())
    (folder / "run_g0_t0.imec0.ap.meta").write_text(text)
    return (str(folder / "run_g0_t0.imec0.ap.bin"),)


def as_run_folder(folder: Path, x: np.ndarray) -> tuple[str, ...]:
    inner = folder / "run_g0" / "run_g0_imec0"
    inner.mkdir(parents=True)
    as_spikeglx(inner, x)
    return (str(folder / "run_g0"),)


def as_npy(folder: Path, x: np.ndarray) -> tuple[str, ...]:
    np.save(folder / "rec.npy", x)
    return (str(folder / "rec.npy"), *DESCRIBED)


def as_group(folder: Path, x: np.ndarray) -> tuple[str, ...]:
    for channel, column in enumerate(x.T):
        (folder / f"c{channel}.wav").write_bytes(wav.write(column, RATE))
    return (str(folder), "--group", "all")


FORMATS = {
    "wav": as_wav, "flat": as_flat, "flat, columns": as_columns, "flat, sidecar": as_sidecar,
    "npy": as_npy, "spikeglx": as_spikeglx, "run folder": as_run_folder, "group": as_group,
}  # fmt: skip


@pytest.fixture(scope="module", params=FORMATS)
def given(request: pytest.FixtureRequest, samples: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The arguments that name the samples in one of the formats."""
    return list(FORMATS[request.param](tmp_path_factory.mktemp("in"), samples))


def call(*arguments: str) -> Result:
    result = CliRunner().invoke(command, arguments)
    if result.exception and not isinstance(result.exception, SystemExit | CodecError):
        raise result.exception
    return result


def said(*arguments: str) -> Any:
    result = call(*arguments)
    assert result.exception is None, result.exception
    return json.loads(result.stdout)


# -- every command, every format ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def of_wav(samples: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What stats and correlate say of the WAV file with the same samples."""
    (path,) = as_wav(tmp_path_factory.mktemp("wav"), samples)
    return {
        "stats": said("stats", path, "--json", "--quiet", "--jobs", "1"),
        "correlate": said("correlate", path, "--json", "--measure", "pearson"),
    }


def test_stats(given: list[str], of_wav: dict[str, Any], samples: np.ndarray) -> None:
    found = said("stats", *given, "--json", "--quiet", "--jobs", "1")
    (row,), (same,) = found["files"], of_wav["stats"]["files"]
    assert row["channels"] == CHANNELS and row["frames"] == FRAMES and row["rate"] == RATE
    assert {k: v for k, v in row.items() if k != "file" and "_uv" not in k} == {
        k: v for k, v in same.items() if k != "file" and "_uv" not in k
    }
    assert found["psd"]["p50"] == of_wav["stats"]["psd"]["p50"]
    assert [each["mean"] for each in found["channels"]] == pytest.approx(samples.mean(axis=0).tolist())
    assert [each["sd"] for each in found["channels"]] == pytest.approx(samples.std(axis=0).tolist())
    assert sum(each["spikes"] for each in found["channels"]) == row["spikes"]


def test_correlate(given: list[str], of_wav: dict[str, Any], samples: np.ndarray) -> None:
    found = said("correlate", *given, "--json", "--measure", "pearson")
    assert (found["channels"], found["frames"]) == (CHANNELS, FRAMES)
    assert found["groups"] == of_wav["correlate"]["groups"] == [[0, 1]]
    (first, second, r), *_ = found["strongest"]["pearson"]
    assert r == pytest.approx(np.corrcoef(samples[:, 0], samples[:, 1])[0, 1])
    assert first != second and first[-1] == "0" and second[-1] == "1"


def test_train(given: list[str], tmp_path: Path, samples: np.ndarray) -> None:
    profile = tmp_path / "my.n1p"
    told = call("train", *given, "-o", str(profile), "--quiet").output
    assert told.startswith(f"{CHANNELS} recordings\n")
    (path,) = as_wav(tmp_path, samples)
    call("train", path, "-o", str(tmp_path / "same.n1p"), "--quiet")
    assert profile.read_bytes() == (tmp_path / "same.n1p").read_bytes()


def test_latency(given: list[str]) -> None:
    found = said("latency", *given, "--as-channels", "5", "--packets", "20", "--json")
    assert found["ratio"] > 0 and found["encode"]["p50_ms"] > 0


def test_bench(given: list[str]) -> None:
    found = said("bench", *given, "--filter", "delta:order=2", "--min-time", "0", "--json")
    assert [row["stage"] for row in found] == ["delta:order=2"] and found[0]["encode"]["ns_per_sample"] > 0


def test_search(given: list[str]) -> None:
    options = ("--filters", "delta", "--coders", "zlib", "--jobs", "1", "--depth", "1", "--finalists", "2")
    found = said("search", *given, *options, "--json", "--quiet")
    best = found["finalists"][0]
    assert best["verified"] and best["files"] == 1 and best["spec"].startswith(("delta|zlib", "zlib"))
    assert not found["stopped"] and not found["failures"]
    samples = FRAMES * _all_channels(given)
    assert best["bits_per_sample"] == pytest.approx(8 * best["compressed_bytes"] / samples)


def test_eval_and_grid(given: list[str], tmp_path: Path) -> None:
    told = call("eval", *given, "--codec", "delta|zlib").output
    original = FRAMES * _all_channels(given) * 2
    size = int(next(line for line in told.splitlines() if line.startswith("Original size")).split()[-1])
    assert original <= size < original + 200, told  # headers of WAV files count
    results = tmp_path / "results"
    call("grid", *given, "--codecs", "delta|zlib", "--min-time", "0", "--results", str(results), "--quiet")
    (folder,) = results.iterdir()
    (row,) = stored(folder / "files.csv.gz")
    assert row["status"] == "ok" and row["verified"] == "1" and int(row["original_bytes"]) == size
    assert (int(row["frames"]), int(row["channels"])) == (FRAMES, _all_channels(given))
    assert float(row["recording_seconds"]) == pytest.approx(FRAMES / RATE)
    again = call("grid", *given, "--codecs", "delta|zlib", "--min-time", "0", "--results", str(results), "--json")
    assert json.loads(again.stdout[again.stdout.index("{") :])["ran"] == 0
    report = call("report", *given, "--results", str(folder), "--jobs", "1")
    assert report.exception is None and (folder / "report.html").is_file(), report.exception
    assert json.loads((folder / "stats.json").read_text())["total"]["channels"] == CHANNELS


def test_view(given: list[str], tmp_path: Path, samples: np.ndarray) -> None:
    opening = pytest.importorskip("n1codec.viewer.opening")
    reading = _reading(given)
    shown = opening.open_paths([given[0]], tmp_path / "cache", home=tmp_path, reading=reading)
    assert shown.rate == RATE and shown.frames == FRAMES and shown.channels == _all_channels(given)
    assert np.array_equal(shown.signals[:CHANNELS], samples.T)
    assert opening.open_paths([given[0]], tmp_path / "cache", home=tmp_path, reading=reading).key == shown.key


def _all_channels(given: list[str]) -> int:
    """The channels of the file: SpikeGLX files have one for digital lines besides."""
    return CHANNELS + ("run_g0" in given[0])


def _reading(given: list[str]) -> Reading:
    options = dict(zip(given[1::2], given[2::2], strict=True))
    if group := options.get("--group"):
        return Reading(group=group)
    if "--channels" not in options:
        return Reading()
    order, offset = options.get("--order", "C"), int(options.get("--offset", 0))
    return Reading(flat=Flat(CHANNELS, options["--dtype"], float(options["--rate"]), order, offset))


# -- what of a recording is meant --------------------------------------------------------------------------------------


def test_channels_are_selected(tmp_path: Path, samples: np.ndarray) -> None:
    given = as_flat(tmp_path, samples)
    found = said("stats", *given, "--select", "2,0-1", "--json", "--quiet", "--jobs", "1")
    assert [row["channel"] for row in found["channels"]] == ["2", "0", "1"]
    assert found["channels"][0]["mean"] == pytest.approx(samples[:, 2].mean())
    problem = call("stats", *given, "--select", "3", "--quiet", "--jobs", "1").exception
    assert isinstance(problem, CodecError) and "no channel 3" in str(problem)
    for wrong in ("x", "1-0", "0,0", "-1", ""):
        done = call("stats", *given, f"--select={wrong}")
        assert done.exit_code == 2 and "--select" in done.stderr


def test_selected_channels_are_no_whole_file(tmp_path: Path, samples: np.ndarray) -> None:
    for name in ("eval", "grid"):
        problem = call(name, *as_wav(tmp_path, samples), "--select", "0").exception
        assert isinstance(problem, CodecError) and "whole" in str(problem)


def test_a_stream_has_to_be_named(tmp_path: Path, samples: np.ndarray) -> None:
    as_run_folder(tmp_path, samples)
    run = tmp_path / "run_g0" / "run_g0_imec0"
    for kind in ("bin", "meta"):
        text = (run / f"run_g0_t0.imec0.ap.{kind}").read_bytes()
        (run / f"run_g0_t0.imec0.lf.{kind}").write_bytes(text.replace(b"snsApLfSy=3,0,1", b"snsApLfSy=0,3,1"))
    for line in ("stats", "correlate", "latency", "view"):
        problem = call(line, str(tmp_path / "run_g0")).exception
        assert isinstance(problem, CodecError) and "--stream" in str(problem), line
    streams = str(call("stats", str(tmp_path / "run_g0")).exception)
    name = next(word.strip(",") for word in streams.split() if word.strip(",").endswith("ap"))
    found = said("stats", str(tmp_path / "run_g0"), "--stream", name, "--json", "--quiet", "--jobs", "1")
    assert found["total"]["channels"] == CHANNELS and found["files"][0]["file"].endswith(f":{name}")


def test_a_description_is_whole_and_of_a_flat_file(tmp_path: Path, samples: np.ndarray) -> None:
    done = call("stats", *as_flat(tmp_path, samples)[:1], "--dtype", "int16")
    assert done.exit_code == 2 and "--channels" in done.stderr
    done = call("stats", str(tmp_path / "rec.bin"), "--channels", "3", "--dtype", "text")
    assert done.exit_code == 2 and "the dtype 'text'" in done.stderr
    problem = call("stats", str(tmp_path / "rec.bin")).exception
    assert isinstance(problem, CodecError) and "--channels" in str(problem)
    problem = call("stats", *as_wav(tmp_path, samples), "--channels", "2").exception
    assert isinstance(problem, CodecError) and "it has 3 channels" in str(problem)
    wavs = tmp_path / "wavs"
    wavs.mkdir()
    as_wav(wavs, samples)
    problem = call("stats", str(wavs), *DESCRIBED).exception
    assert isinstance(problem, CodecError) and "flat binary" in str(problem)


def test_as_channels_had_another_name(tmp_path: Path, samples: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    class Stopped(CodecError):
        pass

    def encoder(channels: int, *_: object) -> None:
        asked.append(channels)
        raise Stopped("enough")

    monkeypatch.setattr("n1codec.stream.packets.PacketEncoder", encoder)
    flat = as_flat(tmp_path, samples)
    for arguments in (
        (*as_wav(tmp_path, samples), "--channels", "7"),
        (*as_wav(tmp_path, samples), "--as-channels", "8"),
        (*flat, "--as-channels", "9"),
        flat,
    ):
        assert isinstance(call("latency", *arguments).exception, Stopped)
    assert asked == [7, 8, 9, 1024]


# -- data sets ---------------------------------------------------------------------------------------------------------


def test_a_folder_of_recordings_without_wav_files(tmp_path: Path, samples: np.ndarray) -> None:
    folder = tmp_path / "trials"
    folder.mkdir()
    for number in range(2):
        (folder / f"t{number}.raw").write_bytes(samples.tobytes())
    (folder / "notes.txt").write_text("no recording")
    found = dataset.resolve(folder, reading=Reading(flat=Flat(CHANNELS, rate=float(RATE))))
    assert (found.name, [path.name for path in found.files]) == ("trials", ["t0.raw", "t1.raw"])
    np.save(folder / "a.npy", samples)
    assert [path.name for path in dataset.resolve(folder).files] == ["a.npy"]


def test_files_are_grouped(tmp_path: Path, samples: np.ndarray) -> None:
    as_group(tmp_path, samples)
    whole = dataset.resolve(tmp_path, reading=Reading(group="all", select=(2, 0)))
    (recording,) = whole.recordings()
    assert np.array_equal(recording.read(), samples[:, [2, 0]])
    assert str(whole) == f"{whole.name} (1 recording of 3 files in {tmp_path})"
    pair, alone = dataset.resolve(tmp_path, reading=Reading(group="auto")).recordings()
    assert np.array_equal(pair.read(), samples[:, :2]) and np.array_equal(alone.read(), samples[:, 2:])


def test_what_cannot_be_read_is_left_out_or_told(tmp_path: Path, samples: np.ndarray) -> None:
    as_wav(tmp_path, samples)
    (tmp_path / "bad.wav").write_bytes(b"nothing")
    assert [one.name for one in dataset.resolve(tmp_path).recordings()] == ["rec.wav"]
    (tmp_path / "rec.wav").write_bytes(b"nothing either")
    with pytest.raises(UnknownFormat, match=r"bad\.wav.*1 files more"):
        list(dataset.resolve(tmp_path).recordings())


@pytest.mark.parametrize("damage", ["cut", "flipped head", "flipped payload"])
@pytest.mark.parametrize(
    "name", ["stats", "correlate", "bench", "latency", "events", "bases", "view", "cat", "quality", "search"]
)
def test_a_damaged_n1c_file_is_named(name: str, damage: str, tmp_path: Path, samples: np.ndarray) -> None:
    as_wav(tmp_path, samples)
    path = tmp_path / "rec.n1c"
    encode_file(tmp_path / "rec.wav", path, "n1_multi")
    data = bytearray(path.read_bytes())
    if damage == "cut":
        del data[-100:]
    else:
        data[9 if damage == "flipped head" else len(data) // 2] ^= 16
    path.write_bytes(data)
    more = {"view": ["--no-browser", "--port", "0"], "cat": ["-o", str(tmp_path / "out.csv")]}.get(name, [])
    problem = str(call(name, str(path), *more).exception)
    assert problem.count("rec.n1c") == 1, problem
    assert "damaged" in problem


# -- channels one by one -----------------------------------------------------------------------------------------------


def test_columns_are_read_in_blocks(tmp_path: Path, samples: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    as_spikeglx(tmp_path, samples)
    recording = open_recording(tmp_path / "run_g0_t0.imec0.ap.bin")
    monkeypatch.setattr("n1codec.recordings.columns.BLOCK_BYTES", 1000)
    plain = signals(recording)
    assert np.array_equal(columns(plain), samples.T)
    assert np.array_equal(columns(plain, 700, 333), samples[333:700].T)
    assert names(plain) == [f"{recording.name}:AP{channel}" for channel in range(CHANNELS)]
    assert frames_within([plain, plain], 2 * FRAMES * CHANNELS) is None
    assert frames_within([plain, plain], 2 * FRAMES * CHANNELS - 1) == FRAMES - 1
    assert frames_within([plain], 1) == 1
    assert signals(plain) is plain


def test_a_place_goes_to_another_process_as_text() -> None:
    for place in (
        Place(Path("a.wav")),
        Place(Path("run"), "imec0.ap", None, (3, 1)),
        Place(Path("b.bin"), flat=Flat(4, ">i2", 15000.0, "F", 8)),
        Place(Path("all"), members=(Path("x.wav"), Path("y.wav"))),
    ):
        assert Place.parsed(place.as_json()) == place


def test_stretches_of_one_recording_are_shared_among_processes(tmp_path: Path, samples: np.ndarray) -> None:
    given = as_flat(tmp_path, np.tile(samples, (8, 1)))
    script = (
        "import sys; from n1codec.analysis import stats; from n1codec.recordings import *; from pathlib import Path\n"
        "stats.STRETCH, stats.SHORTEST_STRETCH = 7001, 100\n"
        "shares = []\n"
        f"place = Place(Path('rec.bin'), flat=Flat({CHANNELS}, rate={RATE}.0))\n"
        "advance = lambda _, share: shares.append(share)\n"
        "found = [stats.collect([place], jobs=jobs, advance=advance) for jobs in (1, 3)]\n"
        "assert found[0].files == found[1].files or str(found[0].files) == str(found[1].files)\n"
        "assert abs(sum(shares) - 2) < 1e-9 and len(shares) == 14, shares\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, timeout=300)
    assert done.returncode == 0, done.stderr
    assert Path(given[0]).name == "rec.bin"


@pytest.mark.parametrize("name", ["stats", "correlate", "train", "search", "grid", "eval", "view", "report", "latency"])
def test_every_command_has_the_options(name: str) -> None:
    help_text = call(name, "--help").output
    for option in ("--channels", "--dtype", "--rate", "--order", "--offset", "--stream", "--select", "--group"):
        assert option in help_text


@pytest.mark.skipif(sys.platform == "win32", reason="needs bash")
@pytest.mark.parametrize("form", ["flat, sidecar", "spikeglx", "run folder"])
def test_eval_sh_takes_a_recording_with_what_belongs_to_it(tmp_path: Path, samples: np.ndarray, form: str) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (path,) = FORMATS[form](folder, samples)
    programs = {name.upper(): str(ROOT / f"{name}.py") for name in ("encode", "decode")}
    own = {"DATA": path, "CODEC": "delta|zlib", "TMPDIR": str(tmp_path), "JOBS": "1"}
    done = subprocess.run(
        ["bash", str(ROOT / "eval.sh")], capture_output=True, text=True, env=os.environ | programs | own, timeout=300
    )
    assert done.returncode == 0, done.stderr
    line = next(line for line in done.stdout.splitlines() if "losslessly" in line)
    size = FRAMES * _all_channels([path]) * 2
    before, after = (int(word) for word in line.split() if word.isdigit())
    assert before == size and after < 0.9 * size
    assert [kept.name for kept in tmp_path.iterdir()] == ["in"]


def test_eval_takes_the_codec_that_suits_each_recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("N1_CODEC", raising=False)
    folder = tmp_path / "both"
    folder.mkdir()
    (folder / "one.wav").write_bytes(wav.write(signal(3000), 19531))
    (folder / "two.wav").write_bytes(wav.write(signal(3000, 2, seed=1), 19531))
    told = call("eval", str(folder)).output
    assert "codec: n1, n1_multi\n" in told
    assert sorted(line.split()[0] for line in told.splitlines() if "losslessly" in line) == ["one.wav", "two.wav"]
    assert f"Original size (bytes): {sum(path.stat().st_size for path in folder.iterdir())}\n" in told
