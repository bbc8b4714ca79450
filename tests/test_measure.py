"""What a measurement and a search compare: each bound, seen from both sides."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from n1codec.bench.measure import limits, meter, worker
from n1codec.bench.measure.work import Pass
from n1codec.bench.search import selection
from n1codec.bench.search.space import Candidate
from n1codec.bench.search.trial import Measured

# -- memory ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "size"),
    [("1", 1), ("500", 500), ("1K", 1024), ("1k", 1024), ("2M", 2 << 20), ("1.5G", 3 << 29), ("1T", 1 << 40),
     ("2GiB", 2 << 30), ("2GB", 2 << 30), (" 3 M ", 3 << 20), ("0.5K", 512)],
)  # fmt: skip
def test_sizes(text: str, size: int) -> None:
    assert limits.memory(text) == size


@pytest.mark.parametrize("text", ["", "0", "0M", "-1", "1P", "M", "1.5.2K", "1 000", "x1"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match="it is no size"):
        limits.memory(text)


def test_processors_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 2, 3}, raising=False)
    assert limits.processors("2", 1) == (2,)
    assert limits.processors("3, 0", 2) == (3, 0)
    assert limits.processors("0,2,3", 2) == (0, 2, 3)
    for text in ("1", "0,0", "0,", "x", "-1", ""):
        with pytest.raises(ValueError, match="choose from the processors 0, 2, 3"):
            limits.processors(text, 1)
    with pytest.raises(ValueError, match="2 codecs at the same time need 2 processors"):
        limits.processors("2", 2)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a limit of memory is Linux's")
def test_a_limit_is_what_may_come_on_top() -> None:
    """In a process of its own: 64 MiB more than it has, of which 32 are had and 128 are not."""
    program = """
from n1codec.bench.measure import meter
import resource
held = bytearray(100 << 20)
used = meter._status("VmSize:")
meter.limit_memory(64 << 20)
soft, _ = resource.getrlimit(resource.RLIMIT_AS)
assert abs(soft - used - (64 << 20)) <= 1 << 20, (soft, used)
bytearray(32 << 20)
try:
    bytearray(128 << 20)
except MemoryError:
    print("refused")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "refused\n", done.stderr


def test_peaks_are_of_resident_memory() -> None:
    resident, peak = meter.resident(), meter.peak()
    assert resident and peak and resident <= peak + (1 << 20)
    assert 5 << 20 < resident < 1 << 40


def test_processor_time_has_that_of_processes_that_ended() -> None:
    before = meter.processor_seconds()
    subprocess.run([sys.executable, "-c", "sum(range(4_000_000))"], check=True)
    assert meter.processor_seconds() - before > 0.02


# -- repeats -----------------------------------------------------------------------------------------------------------


class Ticking:
    """Work that takes a quarter of a second a pass, by a clock of its own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.passes = 0
        monkeypatch.setattr(meter, "processor_seconds", lambda: 10 + 0.5 * self.passes)

    def run(self) -> Pass:
        self.passes += 1
        return Pass(None, 0.25)


@pytest.mark.parametrize(("least", "passes"), [(0.1, 1), (0.25, 1), (0.26, 2), (1.0, 4), (1.01, 5)])
def test_work_is_repeated_until_it_took_long_enough(least: float, passes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Processor seconds are those of one pass, however many there were."""
    work = Ticking(monkeypatch)
    times, processor = worker.repeat(work, least)  # type: ignore[arg-type]
    assert times == [0.25] * passes
    assert work.passes == passes
    assert processor == 0.5


def test_repeats_have_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "MOST_REPEATS", 7)
    times, processor = worker.repeat(Ticking(monkeypatch), 1e9)  # type: ignore[arg-type]
    assert len(times) == 7 and processor == 0.5


# -- what a search keeps -----------------------------------------------------------------------------------------------


def candidate(spec: str, size: int, encode: float = 1.0, decode: float = 1.0) -> Measured:
    """Return a candidate of 1000 bytes; speeds are times real time."""
    *filters, coder = spec.split("|")
    return Measured(Candidate(tuple(filters), coder), 1000, size, size, 500, 100.0, 100 / encode, 100 / decode, 1)


BEST = candidate("a", 100, 100, 100)


@pytest.mark.parametrize(
    ("encode", "decode", "kept"),
    [(104.9, 104.9, False), (105.1, 99, True), (99, 105.1, True), (105.1, 104.9, True), (104.9, 105.1, True),
     (50, 104.9, False), (104.9, 50, False), (50, 50, False)],
)  # fmt: skip
def test_faster_is_what_is_faster_beyond_the_tolerance_one_way_or_the_other(
    encode: float, decode: float, kept: bool
) -> None:
    other = candidate("b", 120, encode, decode)
    assert selection.front([other, BEST]) == ([BEST, other] if kept else [BEST])


def test_of_equal_ratio_the_front_has_the_fewest_filters_and_then_the_first_by_name() -> None:
    long, short, later = (candidate(spec, 100, 100, 100) for spec in ("f|a", "b", "c"))
    assert selection.front([later, long, short]) == [short]
    assert sorted([later, long, short], key=selection.order) == [short, later, long]


def test_one_is_dominated_by_one_and_not_by_two_together() -> None:
    quick_encode, quick_decode = candidate("b", 110, 300, 10), candidate("c", 120, 10, 300)
    both = candidate("d", 130, 200, 200)
    assert selection.front([both, quick_decode, quick_encode]) == [quick_encode, quick_decode, both]


def test_the_tolerance() -> None:
    assert selection.TOLERANCE == 1.05


def test_leaders_count_coders_without_their_parameters() -> None:
    a1, a2, a3 = candidate("x:level=1", 100), candidate("x:level=2", 110), candidate("f|x", 120)
    b1 = candidate("y", 130)
    everything = [b1, a3, a2, a1]
    assert selection.leaders(everything, 0, 1) == [a1, b1]
    assert selection.leaders(everything, 0, 2) == [a1, a2, b1]
    assert selection.leaders(everything, 2, 1) == [a1, a2, b1]
    assert selection.leaders(everything, 0, 0) == []
    assert selection.leaders(everything, 9) == [a1, a2, a3, b1]


def test_figures_of_a_candidate() -> None:
    m = candidate("zstd", 250, 50, 25)
    assert (m.ratio, m.encode_xrt, m.decode_xrt) == (4.0, 50.0, 25.0)
    assert m._replace(encode_seconds=0.0).encode_xrt == 100 / 1e-9
    row = m.row()
    assert row["bits_per_sample"] == 4.0 and row["payload_ratio"] == 4.0
    assert (row["encode_xRT"], row["decode_xRT"], row["verified"]) == (50.0, 25.0, False)


# -- programs of others ------------------------------------------------------------------------------------------------


@pytest.fixture
def run_exec(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Run exec's encoder with a program that takes ``seconds`` on a machine that starts a process in ``start``."""
    from n1codec import registry

    stage = registry.find("exec")
    module = sys.modules[stage.__module__]

    def run(seconds: float, start: float, least: float) -> Any:
        monkeypatch.setattr(module, "_process_start", lambda command: (start, least))
        clock = iter([0.0, seconds])
        monkeypatch.setattr(module, "perf_counter", lambda: next(clock, seconds))
        return stage(enc="cp {in} {out}", dec="cp {in} {out}").run_encoder(b"some bytes")

    yield run


@pytest.mark.parametrize(
    ("seconds", "start", "least", "own"), [(1.0, 0.25, 0.1, 0.75), (0.3, 0.25, 0.1, 0.1), (0.1, 0.25, 0.02, 0.02)]
)
def test_the_start_of_a_process_is_not_a_programs_work(
    run_exec: Any, seconds: float, start: float, least: float, own: float
) -> None:
    """Less than the least is no measurement, however quick the program."""
    result = run_exec(seconds, start, least)
    assert bytes(result[0]) == b"some bytes"
    assert result[1] == pytest.approx(own)
    assert result[2] == start


def test_the_harness_is_what_remains_of_the_time() -> None:
    from n1codec.bench.measure.sweep import _overhead

    def outcome(spec: str, own: float, seconds: float) -> Any:
        return SimpleNamespace(case=SimpleNamespace(spec=spec), own_seconds=own, seconds=seconds)

    both = [outcome("copy", 0.5, 2.0), outcome("zstd", 3.0, 4.0), outcome("n1", 1.0, 2.0)]
    assert _overhead(both, 10.0) == (4.0, 2.0)
    assert _overhead(both[:1], 10.0) == (0, None)
