"""The search: what it tries, what it keeps, and that a candidate that misbehaves costs itself alone."""

from __future__ import annotations

import csv
import io
import json
import os
import signal as signals
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import signal

from n1codec import container, registry
from n1codec.bench.search import selection, space, trial
from n1codec.bench.search.halving import Found, Rung, Search
from n1codec.bench.search.pool import Failure, Pool, Task, TimeUp
from n1codec.bench.search.space import Candidate
from n1codec.bench.search.trial import Measured
from n1codec.codec import CodecError, Filter, SpecError
from n1codec.pipeline import get_codec
from n1codec.recordings import Place, wav

# -- what is tried ---------------------------------------------------------------------------------------------------


def test_stages_are_those_that_can_run_and_are_wanted() -> None:
    names = {stage.name for stage in space.stages()}
    assert {"remap", "zstd", "n1"} <= names
    assert "exec" not in names
    names = {stage.name for stage in space.stages(["remap"], ["zstd", "n1", "rice"], ["n1"])}
    assert names == {"remap", "zstd", "rice"}


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ((["zstd"], []), "zstd is no filter"),
        (([], ["delta"]), "delta is no coder"),
        (([], ["zzstd"]), "unknown codec"),
        (([], [], ["n2"]), "no codec, filter or family 'n2'"),
        (([], ["zstd"], ["dictionary"]), "no coder is left"),
    ],
)
def test_a_wrong_choice_says_so(wanted: tuple, says: str) -> None:
    with pytest.raises(SpecError, match=says):
        space.stages(*wanted)


def test_variants_are_what_grids_declare_and_a_step_of_each_parameter() -> None:
    found = space.variants("pcodec")
    assert "pcodec:level=12,delta=conv1,order=8" in found
    assert {"pcodec:level=4", "pcodec:level=7", "pcodec:level=9", "pcodec:level=0", "pcodec:delta=none"} <= set(found)
    assert "pcodec" not in found and len(set(found)) == len(found)
    blocks = [spec for spec in space.variants("lpc:block=64") if "block=" in spec]
    assert "lpc:block=128" in blocks and "lpc:block=32" not in blocks
    assert space.variants("copy") == []


def test_neighbours_change_one_stage() -> None:
    found = space.neighbours(Candidate(("remap", "lpc:order=8"), "rice"))
    assert Candidate(("remap", "lpc:order=16"), "rice") in found
    assert Candidate(("remap", "lpc"), "rice") in found
    assert all(get_codec(candidate.spec).spec == candidate.spec for candidate in found)


def test_declared_chains_are_of_the_chosen_filters() -> None:
    chosen = space.stages(["remap", "delta", "zigzag", "planes"])
    chains = space.chains_declared(chosen)
    assert () in chains and ("remap", "delta", "zigzag", "planes") in chains
    assert not {name for chain in chains for name in chain} - {stage.name for stage in chosen}


# -- what is kept ----------------------------------------------------------------------------------------------------


def measured(spec: str, size: int, encode: float, decode: float) -> Measured:
    *filters, coder = spec.split("|")
    return Measured(Candidate(tuple(filters), coder), 1000, size, size, 500, 1.0, encode, decode, 1)


def test_the_front_is_what_nothing_dominates() -> None:
    best = measured("remap|arange", 100, 1.0, 1.0)
    quick = measured("rice", 200, 0.1, 0.5)
    quick_back = measured("zstd", 200, 2.0, 0.01)
    slower = measured("bz2", 150, 1.1, 1.1)
    hardly_faster = measured("gzip", 150, 0.99, 0.99)
    everything = [slower, quick_back, hardly_faster, quick, best]
    assert selection.front(everything) == [best, quick, quick_back]


def test_leaders_are_the_best_of_all_and_of_each_coder() -> None:
    best, same = measured("remap|rans", 100, 1, 1), measured("remap|zigzag|rans", 100, 1, 1)
    second, third = measured("delta|rans:x", 110, 1, 1), measured("rans", 120, 1, 1)
    other, worse = measured("lzma", 500, 1, 1), measured("delta|lzma", 600, 1, 1)
    everything = [worse, other, third, second, same, best]
    assert selection.leaders(everything, 2) == [best, second]
    assert selection.leaders(everything, 1, 1) == [best, other]
    assert selection.leaders(everything, 0, 2) == [best, second, other, worse]


# -- processes -------------------------------------------------------------------------------------------------------


def prepare(what: str) -> None:
    if what == "crash":
        os._exit(3)
    if what == "raise":
        raise ValueError("not today")


def work(what: str, item: str) -> str:
    if item == "crash":
        os.kill(os.getpid(), signals.SIGKILL) if os.name == "posix" else os._exit(9)
    if item == "hang":
        time.sleep(1000)
    if item == "raise":
        raise SpecError("a wrong spec")
    return item.upper()


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_what_crashes_or_hangs_costs_itself_alone(jobs: int) -> None:
    tasks = [
        Task(prepare, work, ("",), ("a", "raise", "b", "crash", "c", "hang", "d"), 20.0),
        Task(prepare, work, ("raise",), ("e", "f"), 20.0),
        Task(prepare, work, ("crash",), ("g",), 20.0),
        Task(prepare, work, ("",), ("h",), 20.0),
    ]
    with Pool(jobs) as pool:
        found = [(item, result) for _, item, result in pool.run(tasks)]
    results = dict(found)
    assert sorted(item for item, _ in found) == ["a", "b", "c", "crash", "d", "e", "f", "g", "h", "hang", "raise"]
    assert {item: results[item] for item in "abcdh"} == {item: item.upper() for item in "abcdh"}
    assert results["raise"] == Failure("a wrong spec")
    assert results["e"] == results["f"] == Failure("ValueError: not today")
    assert results["g"] == Failure("its process was ended by exit code 3")
    assert results["hang"] == Failure("it took longer than 20 s")
    assert isinstance(results["crash"], Failure) and "ended by" in results["crash"].reason


def test_time_is_up_in_the_middle_and_the_pool_goes_on() -> None:
    with Pool(1) as pool:
        pool.deadline = time.monotonic() + 1
        with pytest.raises(TimeUp):
            list(pool.run([Task(prepare, work, ("",), ("hang",), 100.0)]))
        pool.deadline = float("inf")
        assert [result for *_, result in pool.run([Task(prepare, work, ("",), ("a",), 100.0)])] == ["A"]


# -- searches --------------------------------------------------------------------------------------------------------


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "tiny"
    folder.mkdir()
    for index in range(4):
        (folder / f"{index}.wav").write_bytes(wav.write(signal(6000, seed=index), 19531))
    return folder


@contextmanager
def watch(total: float, title: str) -> Iterator[Callable[..., None]]:
    yield lambda text="", step=1: None


def hunt(data: Path, **options: object) -> Found:
    chosen = space.stages(["remap", "delta", "zigzag"], ["rice", "zstd", "copy"])
    rungs = (Rung(1, 2000, 8, 1, 0.5), Rung(2, 4000, 4, 1, 0.7), Rung(3, 1 << 40, 3, 0, 0.9))
    options = {"jobs": 2, "depth": 2, "rungs": rungs, "watch": watch, "tell": lambda step: None} | options
    return Search(sorted(data.iterdir()), chosen, **options).run()  # type: ignore[arg-type]


def test_a_search_finds_verifies_and_counts(data: Path) -> None:
    found = hunt(data)
    assert not found.stopped and not found.failures
    assert all(m.verified and m.files == 4 for m in found.finalists)
    assert {"remap", "delta"} <= {spec.partition(":")[0] for spec in found.finalists[0].candidate.filters}
    assert found.finalists[0].candidate.coder.startswith("rice")
    assert "copy" in {m.candidate.coder for m in found.front}, "nothing is faster"
    best, total = found.finalists[0], sum(path.stat().st_size for path in data.iterdir())
    assert best.original_bytes == total
    packed = [container.encode_bytes(p.read_bytes(), get_codec(best.candidate.spec)) for p in data.iterdir()]
    assert best.compressed_bytes == sum(map(len, packed))
    assert best.payload_bytes == sum(len(container.read(blob).payload) for blob in packed)
    chains = 1 + 3 + 6  # of up to two of three filters
    first, *_ = found.steps
    declared = sum(len(space.settings_declared(registry.find(name))) for name in ("rice", "zstd", "copy"))
    assert first.tried == chains * declared
    assert [step.tried - step.pruned - step.failed for step in found.steps] == [step.kept for step in found.steps]


def test_the_same_seed_finds_the_same_ratios(data: Path) -> None:
    first, second = (hunt(data, seed=3, jobs=jobs) for jobs in (1, 2))
    assert first.steps[0].best == second.steps[0].best
    assert first.finalists[0].candidate == second.finalists[0].candidate
    assert first.finalists[0].compressed_bytes == second.finalists[0].compressed_bytes


def test_a_time_limit_is_kept(data: Path) -> None:
    found = hunt(data, time_limit=1e-3)
    assert "cut short by the time limit" in found.stopped


def test_files_without_samples_are_verified_and_no_more(data: Path) -> None:
    (data / "empty.wav").write_bytes(wav.write(signal(0), 19531))
    found = hunt(data)
    assert not found.failures and found.finalists[0].files == 5
    for path in data.glob("[0-9].wav"):
        path.unlink()
    with pytest.raises(CodecError, match="no file has samples"):
        hunt(data)


def test_a_file_that_is_no_recording_has_no_size(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no recording")
    assert trial.size(Place(tmp_path / "notes.txt")) == (0, 0, 0)


def test_trained_coders_get_samples() -> None:
    trained = [registry.find(name) for name in registry.names() if "trained" in registry.find(name).traits]
    assert trained and not any(issubclass(stage, Filter) for stage in trained)


def command(data: Path, *options: str, code: int = 0, **env: str) -> subprocess.CompletedProcess[str]:
    arguments = [sys.executable, "-m", "n1codec", "search", "--data", str(data), *options]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=120, env={**os.environ, **env})
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done


MODULE = """
import os
from n1codec.codec import ByteCoder

class Stage(ByteCoder):
    def compress(self, data):
        {compress}
        return data

    def decompress(self, data, size):
        return {result}
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
def test_candidates_that_crash_or_lie_are_told(data: Path, tmp_path: Path) -> None:
    modules = tmp_path / "modules"
    modules.mkdir()
    (modules / "crash.py").write_text(MODULE.format(compress="os.kill(os.getpid(), 11)", result="data"))
    (modules / "liar.py").write_text(MODULE.format(compress="pass", result="bytes(size)"))
    options = ("--filters", "remap delta", "--coders", "crash liar zstd", "--json")
    found = json.loads(command(data, *options, N1CODEC_PATH=str(modules)).stdout)
    assert found["failures"]["remap|crash"] == "its process was ended by SIGSEGV"
    assert found["failures"]["liar"] == "it does not give back what it got"
    assert {entry["spec"].rpartition("|")[2].partition(":")[0] for entry in found["finalists"]} == {"zstd"}
    assert found["steps"][0]["failed"] == 2 * 5


@pytest.mark.slow
def test_tables(data: Path) -> None:
    options = ("--filters", "remap delta", "--coders", "rice copy", "--jobs", "1", "--finalists", "4")
    done = command(data, *options)
    heading, *lines = done.stdout.split("\n\n")[0].splitlines()
    assert heading.split()[:4] == ["pipeline", "ratio", "payload", "ratio"]
    assert lines[0].startswith("remap|delta|rice ") and lines[-1].startswith("copy ")
    assert "candidates tried" in done.stdout and "verified on all files" in done.stdout
    assert all(word in done.stderr for word in ("rung 0", "rung 3", "tried", "pruned", "verify"))
    rows = list(csv.DictReader(io.StringIO(command(data, *options, "--csv", "--quiet").stdout)))
    assert rows[0]["spec"] == "remap|delta|rice" and rows[0]["verified"] == "True"
    assert lines[0].split()[1] == f"{float(rows[0]['ratio']):#.10g}"
    done = command(data, "--time-limit", "0.001", *options, code=1)
    assert done.stderr.splitlines()[-1].startswith("n1codec: rung 0 was cut short by the time limit")
    assert "no filter" in command(data, "--filters", "zstd", code=2).stderr


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
def test_an_interruption_leaves_what_there_is(data: Path) -> None:
    arguments = [
        sys.executable,
        "-m",
        "n1codec",
        "search",
        "--data",
        str(data),
        "--exclude",
        "n1",
        "--depth",
        "1",
        "--json",
    ]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr and process.stdout
        while not process.stderr.readline().startswith("rung 0"):
            assert process.poll() is None
        process.send_signal(signals.SIGINT)
        found = json.loads(process.stdout.read())
        assert process.wait(20) == 130
    assert found["stopped"] == "interrupted"
    assert found["finalists"] and not any(entry["verified"] for entry in found["finalists"])


def test_reasons_of_failures_are_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    from n1codec.cli.search import _tell_failures

    reasons = {f"a{index}": "it broke" for index in range(3)} | {f"b{index}": f"odd {index}" for index in range(6)}
    _tell_failures(Found(failures=reasons))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "3 failed, such as a0: it broke"
    assert lines[1] == "1 failed, such as b0: odd 0"
    assert lines[-1] == "2 failed for 2 other reasons (--json lists them all)"


def test_a_trial_measures_what_it_was_given(tmp_path: Path) -> None:
    parts = []
    for number, (frames, channels) in enumerate(((3000, 1), (2000, 2))):
        path = tmp_path / f"{number}.wav"
        path.write_bytes(wav.write(signal(frames, channels), 20_000))
        parts.append((Place(path), 1000 * (number + 1), 10_000))
    found = trial.measure(tuple(parts), ("delta",), "copy")
    assert (found.samples, found.original_bytes, found.files) == (1000 + 4000, 10_000, 2)
    assert found.recording_seconds == pytest.approx(0.05 + 0.1)
    assert 10_000 < found.compressed_bytes < 10_020, "side information counts"


def test_a_cluster_is_told_by_what_its_workers_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a network: what connect() makes of a scheduler's answers."""
    from types import SimpleNamespace

    from n1codec.bench.measure import cluster

    asked: list[object] = []

    class Client:
        def __init__(self, address: str, **options: object) -> None:
            asked.append(address)

        def __enter__(self) -> Client:
            return self

        def __exit__(self, *_: object) -> None:
            asked.append("closed")

        def scheduler_info(self, n_workers: int = 5) -> dict[str, object]:
            asked.append(n_workers)
            threads = {"a": ("one", 2), "b": ("one", 3), "c": ("two", 4)}
            return {"workers": {key: {"host": host, "nthreads": n} for key, (host, n) in threads.items()}}

        def run(self, function: object) -> dict[str, dict[str, str]]:
            return {"a": {"machine": "x"}, "b": {"machine": "x"}, "c": {"machine": "y"}}

        def get_executor(self, pure: bool) -> object:
            assert not pure, "the same work twice is measured twice"
            return "executor"

    monkeypatch.setitem(sys.modules, "distributed", SimpleNamespace(Client=Client))
    with cluster.connect("tcp://host:1") as found:
        assert found == ("executor", [{"machine": "x"}, {"machine": "y"}], 5, 3)
    assert asked == ["tcp://host:1", -1, "closed"], "all workers are asked for"
