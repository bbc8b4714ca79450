"""Which basis makes recordings cheap: rate and distortion of every signal in every basis, and the bound beside it."""

from __future__ import annotations

import csv
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from n1codec import converter, files, n1_mapping
from n1codec.codec import CodecError
from n1codec.lossy import bound
from n1codec.lossy.across import Across
from n1codec.lossy.curves import DEAD_ZONES, SHARES, STEPS, Coded, Curve, at_bits, coded_curve, curve, terms
from n1codec.lossy.learned import Convolution, Dictionary
from n1codec.lossy.transforms import BASES, Basis
from n1codec.recordings import Place, Recording, open_recording

Method = Basis | Across | Coded
METHODS: dict[str, Callable[[], Method]] = {
    **BASES,
    "dictionary": Dictionary,
    "convolution": Convolution,
    **{f"{kind}-mdct256": partial(Across, kind) for kind in ("joint", "mean", "neighbour", "klt")},
    "codec-mdct": lambda: Coded("mdct:step={}"),
}
"""Every basis by its name, those across channels, and lossy codecs to stand beside them."""
RATIOS = (4.0, 6.0, 8.0, 10.0, 15.0, 20.0, 50.0, 100.0, 200.0)
SAMPLE_BITS = 16
"""Of a sample in the files that ratios go by."""
SHORTEST = 4096
"""Frames of a signal that is measured; of fewer a spectrum says nothing."""


class Signal(NamedTuple):
    """One channel of a recording, in steps of its converter."""

    name: str
    codes: np.ndarray
    """float64 of shape (frames,)."""
    rate: float
    peak: float
    """What PSNR goes by: 1023 for N1 recordings, else the range."""
    recording: str = ""
    """What channels of one recording have in common; nothing for one that has no others."""


class Found(NamedTuple):
    """What was measured of a signal in a basis."""

    curve: Curve
    terms: np.ndarray
    """Signal-to-noise ratios of the largest coefficients alone, for each of ``curves.SHARES``; NaN of a codec."""


def signals(places: Sequence[Path | Place]) -> list[Signal]:
    """Return all channels of recordings that have a signal.

    Raises:
        CodecError: there is none, or none that is long enough.
    """
    found = []
    for place in places:
        recording = open_recording(place)
        found += list(_channels(recording))
    if not found:
        raise CodecError(f"no channel has {SHORTEST} frames and a signal (bases are compared on longer recordings)")
    return found


def _channels(recording: Recording) -> Iterator[Signal]:
    x = recording.read()
    n1 = x.dtype == np.int16 and x.size > 0 and n1_mapping.covers(x)
    for channel in range(recording.channels):
        samples = np.ascontiguousarray(x[:, channel])
        if channel in recording.sync or len(samples) < SHORTEST or not np.isfinite(samples).all():
            continue
        if samples.min() == samples.max():
            continue
        if n1:
            codes = n1_mapping.codes(samples).astype(np.float64)
        else:
            form = b"" if samples.dtype.kind == "f" else converter.find(samples, even=True)[1]
            codes = samples.astype(np.float64) / converter.distance(form, 1)
        peak = float(n1_mapping.CODES - 1) if n1 else float(np.ptp(codes))
        name = recording.name if recording.channels == 1 else f"{recording.name}:{channel}"
        yield Signal(name, codes, recording.rate, peak, recording.name if recording.channels > 1 else "")


def measure(task: tuple[Method, list[Signal]]) -> list[Found]:
    """Return what one signal takes and loses in one basis, or codec; across channels, what several do."""
    basis, signals = task
    first = signals[0]
    if isinstance(basis, Basis):
        return [Found(curve(basis, first.codes, first.rate), terms(basis, first.codes))]
    if isinstance(basis, Coded):
        curves = [coded_curve(basis, first.codes, first.rate)]
    else:
        curves = basis.curves([signal.codes for signal in signals], first.rate)
    return [Found(one, np.full(len(SHARES), np.nan)) for one in curves]


def tasks(
    all_signals: Sequence[Signal],
    names: Sequence[str],
    known: Callable[[str, Sequence[int]], bool] = lambda name, numbers: False,
) -> Iterator[tuple[str, list[int], Method]]:
    """Yield (basis, numbers of signals, the basis as fitted for them).

    Trained ones are fitted to the other half of the signals, unless all is ``known`` that they would be used for. Those
    across channels get all channels of a recording at once, all others one signal after another.
    """
    for name in names:
        basis = METHODS[name]()
        if isinstance(basis, Across):
            for numbers in _recordings(all_signals):
                yield name, numbers, basis
        elif isinstance(basis, Coded) or not basis.trained:
            for number in range(len(all_signals)):
                yield name, [number], basis
        elif len(all_signals) > 1:
            for half in (0, 1):
                numbers, fitted = list(range(half, len(all_signals), 2)), basis
                if not known(name, numbers):
                    fitted = basis.fitted([signal.codes - signal.codes.mean() for signal in all_signals[1 - half :: 2]])
                for number in numbers:
                    yield name, [number], fitted


def _recordings(all_signals: Sequence[Signal]) -> list[list[int]]:
    """Return the numbers of the channels of each recording of several."""
    found: dict[str, list[int]] = {}
    for number, signal in enumerate(all_signals):
        if signal.recording:
            found.setdefault(signal.recording, []).append(number)
    return [numbers for numbers in found.values() if len(numbers) > 1]


def run(
    all_signals: Sequence[Signal],
    names: Sequence[str],
    jobs: int,
    advance: Callable[..., Any] = lambda text="": None,
    log: Path | None = None,
) -> dict[str, dict[int, Found]]:
    """Measure every signal in every basis; return what was found by basis and number of the signal.

    Args:
        jobs: processes.
        log: a file that each finding is appended to, and that a run which was interrupted goes on from.
    """
    found: dict[str, dict[int, Found]] = {name: {} for name in names}
    keys = _keys(all_signals, names)
    known = _read(log) if log and log.exists() else {}
    left = []

    def is_known(name: str, numbers: Sequence[int]) -> bool:
        return all(keys[name, number] in known for number in numbers)

    for name, numbers, basis in tasks(all_signals, names, is_known):
        if is_known(name, numbers):
            found[name] |= {number: known[keys[name, number]] for number in numbers}
            for _ in numbers:
                advance(name)
        else:
            left.append((name, numbers, basis))
    work = [(basis, [all_signals[number] for number in numbers]) for _, numbers, basis in left]
    with _pool(jobs) as mapped:
        for (name, numbers, _), several in zip(left, mapped(measure, work), strict=True):
            for number, one in zip(numbers, several, strict=True):
                found[name][number] = one
                if log:
                    _append(log, keys[name, number], one)
                advance(f"{name} {all_signals[number].name}")
    return found


@contextmanager
def _pool(jobs: int) -> Iterator[Callable[..., Any]]:
    """Give something like ``map`` over processes, or in this one."""
    if jobs == 1:
        yield map
        return
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    executor = ProcessPoolExecutor(jobs, get_context("spawn"))
    try:
        yield executor.map
    finally:
        executor.shutdown(cancel_futures=True)


_Key = tuple[str, str, str]
"""Basis, signal, and CRC-32 of all samples that the finding depends on."""
_COLUMNS = ("basis", "signal", "crc32", "what", *(str(i) for i in range(len(DEAD_ZONES) * len(STEPS))))


def _keys(all_signals: Sequence[Signal], names: Sequence[str]) -> dict[tuple[str, int], _Key]:
    """Return what each finding stands under in a log: that of a trained basis, or across channels, depends on all."""
    own = [zlib.crc32(signal.codes.tobytes()) for signal in all_signals]
    every = zlib.crc32(np.array(own, np.uint32).tobytes())
    return {
        (name, number): (
            name,
            signal.name,
            f"{zlib.crc32(signal.codes.tobytes(), every if shared else 0):08x}",
        )
        for name in names
        for shared in [METHODS[name]().trained or isinstance(METHODS[name](), Across)]
        for number, signal in enumerate(all_signals)
    }


def _append(log: Path, key: _Key, found: Found) -> None:
    new = not log.exists()
    with log.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(_COLUMNS)
        rows = {**found.curve._asdict(), "terms": found.terms}
        writer.writerows([*key, what, *map(repr, map(float, row))] for what, row in rows.items())


def logged(log: Path) -> list[list[str]]:
    """Return the lines of a log, and cut a last one off of it that a kill left unfinished."""
    data = files.read(log)
    whole = data[: data.rfind(b"\n") + 1]
    if len(whole) < len(data):
        files.write(log, whole)
    return list(csv.reader(whole.decode("utf-8", "replace").splitlines()))


def _read(log: Path) -> dict[_Key, Found]:
    """Return what a log holds; a finding of which lines are missing is left out."""
    rows: dict[_Key, dict[str, np.ndarray]] = {}
    for line in logged(log):
        if len(line) > 4 and line[0] in METHODS:
            rows.setdefault((line[0], line[1], line[2]), {})[line[3]] = np.array(line[4:], float)
    return {
        key: Found(Curve(row["bits"], row["snr_db"], row["spike_db"]), row["terms"])
        for key, row in rows.items()
        if set(row) == {*Curve._fields, "terms"}
    }


def table(
    all_signals: Sequence[Signal], found: dict[str, dict[int, Found]], ratios: Sequence[float] = RATIOS
) -> list[dict[str, Any]]:
    """Return one line per basis and ratio: means of decibels over the signals, and how far they are from the bound."""
    bits = SAMPLE_BITS / np.array(ratios)
    bounds = [bound.snr_at(bound.spectrum(signal.codes), bits) for signal in all_signals]
    to_peak = [10 * np.log10(signal.peak**2 / signal.codes.var()) for signal in all_signals]
    lines = []
    for name, by_signal in found.items():
        if not by_signal:
            continue
        numbers = sorted(by_signal)
        pairs = [at_bits(by_signal[number].curve, bits) for number in numbers]
        snr = np.array([pair[0] for pair in pairs])
        spike = np.array([pair[1] for pair in pairs])
        for at, ratio in enumerate(ratios):
            limit = float(np.mean([bounds[number][at] for number in numbers]))
            mean = float(snr[:, at].mean())
            heard = spike[:, at][~np.isnan(spike[:, at])]
            lines.append({
                "basis": name,
                "trained": METHODS[name]().trained,
                "ratio": float(ratio),
                "bits_per_sample": float(bits[at]),
                "snr_db": mean,
                "snr_spike_db": float(heard.mean()) if heard.size else None,
                "psnr_db": mean + float(np.mean([to_peak[number] for number in numbers])),
                "bound_db": limit,
                "gap_db": limit - mean,
                "files": len(numbers),
            })  # fmt: skip
    return lines


def compaction(found: dict[str, dict[int, Found]]) -> list[dict[str, Any]]:
    """Return one line per basis: the mean over the signals of what the largest coefficients alone have, in dB."""
    return [
        {"basis": name} | {f"{share:g}": float(np.mean([one.terms[i] for one in by_signal.values()]))
                           for i, share in enumerate(SHARES)}
        for name, by_signal in found.items()
        if by_signal and isinstance(METHODS[name](), Basis)
    ]  # fmt: skip


def as_text(lines: Sequence[dict[str, Any]]) -> list[str]:
    """Return a table of signal-to-noise ratios under the bound, the best basis at the middle ratio first."""
    ratios = list(dict.fromkeys(line["ratio"] for line in lines))
    by_basis: dict[str, list[float]] = {}
    for line in lines:
        by_basis.setdefault(line["basis"], []).append(line["snr_db"])
    middle = len(ratios) // 2
    limit = [next(line["bound_db"] for line in lines if line["ratio"] == ratio) for ratio in ratios]
    rows = [("bound", limit), *sorted(by_basis.items(), key=lambda item: -item[1][middle])]
    width = max(len(name) for name, _ in rows)
    head = " " * width + "  " + "".join(f"{ratio:>8g}" for ratio in ratios)
    return ["SNR in dB at each ratio:", head] + [
        f"{name:<{width}}  " + "".join(f"{value:8.2f}" for value in values) for name, values in rows
    ]
