"""A search over pipelines: filters x coders x parameters, on samples that grow while dominated candidates drop out.

Successive halving (Jamieson and Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization",
AISTATS 2016), for three aims at once: ratio, encode and decode speed. Rung 0 grows chains of filters one by one, from
the best so far (a beam search) and from those that stages declare in their grids; every coder is tried behind each.
On every further rung the candidates are measured on more files and more of each, the best by ratio (of all, and of each
coder, since some are slow to learn) and the Pareto front are kept, variants of their parameters join them, and all are
pruned again. What is left is verified on all files.

Which candidates are best by ratio depends on the seed and the files alone. Speeds are of processor time, and on small
samples they are rough.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from n1codec import container, registry
from n1codec.bench.kernels import Tap
from n1codec.bench.pool import Failure, Pool, Task, TimeUp
from n1codec.codec import Choice, CodecError, Coder, Filter, Float, Int, Layout, SpecError, Stage
from n1codec.pipeline import Pipeline, get_codec, stage_spec
from n1codec.recordings import wav

INTERRUPTED = "interrupted"
VERIFY = "verify"
BEAM = 16
"""Chains of filters that are made longer, of each length."""
TOLERANCE = 1.05
"""A candidate that is not faster by this factor is not faster: so far do times repeat."""
PATIENCE = 10.0
"""Seconds that a candidate has, and a quarter of real time more."""
_MOST_STEPS = 64
"""A parameter of no more values is also tried with its next ones and at the ends of its range."""


_WHOLE = 1 << 40


class Rung(NamedTuple):
    files: int
    frames: int
    """Of each file, from its beginning."""
    keep: int
    """Candidates that go on by ratio alone; the Pareto front goes on, too."""
    each: int
    """Candidates with the same coder that go on by ratio alone."""
    until: float
    """Share of the time limit after which it is cut short."""


RUNGS = (
    Rung(2, 1 << 14, 120, 4, 0.40),
    Rung(6, 1 << 15, 50, 2, 0.50),
    Rung(16, 1 << 16, 24, 1, 0.58),
    Rung(32, _WHOLE, 12, 1, 0.66),
)


class Candidate(NamedTuple):
    filters: tuple[str, ...]
    coder: str

    @property
    def spec(self) -> str:
        return "|".join((*self.filters, self.coder))


class Measured(NamedTuple):
    """A candidate on a sample, or on all files.

    The bytes of a sample are those of its samples and of the payloads, of files those of whole WAV and .n1c files.
    """

    candidate: Candidate
    original_bytes: int
    compressed_bytes: int
    payload_bytes: int
    samples: int
    recording_seconds: float
    encode_seconds: float
    decode_seconds: float
    files: int
    verified: bool = False
    """On all files, from whole .n1c files."""

    @property
    def ratio(self) -> float:
        return self.original_bytes / self.compressed_bytes

    @property
    def encode_xrt(self) -> float:
        return self.recording_seconds / max(self.encode_seconds, 1e-9)

    @property
    def decode_xrt(self) -> float:
        return self.recording_seconds / max(self.decode_seconds, 1e-9)

    def row(self) -> dict[str, Any]:
        """Return what a table shows of it."""
        return {
            "spec": self.candidate.spec,
            "family": get_codec(self.candidate.spec).family,
            "ratio": self.ratio,
            "payload_ratio": self.original_bytes / self.payload_bytes,
            "bits_per_sample": 8 * self.compressed_bytes / self.samples,
            "encode_xRT": self.encode_xrt,
            "decode_xRT": self.decode_xrt,
            "original_bytes": self.original_bytes,
            "compressed_bytes": self.compressed_bytes,
            "payload_bytes": self.payload_bytes,
            "files": self.files,
            "verified": self.verified,
        }


@dataclass
class Step:
    """What became of a rung, or of the verification."""

    name: str
    sample: str
    tried: int = 0
    failed: int = 0
    pruned: int = 0
    kept: int = 0
    best: str = ""
    """Ratio and spec."""


@dataclass
class Found:
    """What a search found."""

    steps: list[Step] = field(default_factory=list)
    finalists: list[Measured] = field(default_factory=list)
    """Those that were verified on all files, or else those of the last rung that was reached; the best ratio first."""
    failures: dict[str, str] = field(default_factory=dict)
    """Spec -> reason."""
    stopped: str = ""
    """Why it ended early."""

    @property
    def front(self) -> list[Measured]:
        return front(self.finalists)

    @property
    def tried(self) -> int:
        return sum(step.tried for step in self.steps if step.name != VERIFY)


Watch = Callable[[float, str], AbstractContextManager[Callable[..., None]]]
"""A progress bar: (total, title) -> context of a function that moves it on."""


# -- what is tried ---------------------------------------------------------------------------------------------------


def stages(
    only_filters: Iterable[str] = (), only_coders: Iterable[str] = (), exclude: Iterable[str] = ()
) -> list[type[Stage]]:
    """Return the stages that can run here, lossless ones of our own process.

    Args:
        only_filters, only_coders: names; all if there are none.
        exclude: names or families.

    Raises:
        SpecError: a name is unknown, of the wrong kind, or nothing is left.
    """
    wanted: dict[type, set[str]] = {Filter: set(only_filters), Coder: set(only_coders)}
    for kind, names in wanted.items():
        for name in names:
            if not issubclass(registry.find(name), kind):
                raise SpecError(f"{name} is no {kind.__name__.lower()}")
    dropped = set(exclude)
    if unknown := sorted(dropped - {*registry.names(), *map(registry.family, registry.names())}):
        raise SpecError(f"there is no codec, filter or family {unknown[0]!r} to exclude (see n1codec list)")
    found = []
    for name in registry.names():
        with suppress(CodecError):  # n1codec list says what is wrong with it
            stage = registry.find(name)
            names = wanted[Coder if issubclass(stage, Coder) else Filter]
            usable = not stage.unavailable() and not stage.traits & {"inexact", "external"}
            if usable and not {name, stage.family} & dropped and (not names or name in names):
                found.append(stage)
    if not any(issubclass(stage, Coder) for stage in found):
        raise SpecError("no coder is left to try")
    return found


@cache
def _declared() -> list[Pipeline]:
    """Return every pipeline that a stage declares in its grid."""
    specs: list[str] = []
    for name in registry.names():
        with suppress(CodecError):
            specs += registry.find(name).grid
    return [get_codec(spec) for spec in dict.fromkeys(specs)]


def chains_declared(chosen: Sequence[type[Stage]]) -> list[tuple[str, ...]]:
    """Return the chains of filters, none of parameters, that grids have."""
    names = {stage.name for stage in chosen}
    found = [tuple(stage.name for stage in codec.filters) for codec in _declared()]
    return sorted({chain for chain in found if set(chain) <= names})


def settings_declared(stage: type[Stage]) -> list[str]:
    """Return a stage with its defaults and with each set of parameters that grids have."""
    found = [stage_spec(stage())]
    found += [stage_spec(used) for codec in _declared() for used in codec.stages if used.name == stage.name]
    return list(dict.fromkeys(found))


@cache
def variants(spec: str) -> list[str]:
    """Return one stage with other parameters: those of grids, and each parameter by itself a step away."""
    coder = issubclass(registry.find(spec.partition(":")[0]), Coder)
    stage: Stage = get_codec(spec if coder else f"{spec}|copy").stages[0]
    config = stage.get_config()
    found = settings_declared(type(stage))
    for key, param in stage.params.items():
        value = config[key]
        others: list[Any] = []
        if isinstance(param, Choice):
            others = list(param.choices)
        elif isinstance(param, Int):
            others = [value // 2, value * 2]
            if param.high - param.low < _MOST_STEPS:
                others += [value - 1, value + 1, param.low, param.high]
        elif isinstance(param, Float):
            others = [value / 2, value * 2]
        for other in others:
            with suppress(SpecError):
                found.append(stage_spec(type(stage)(**config | {key: other})))
    return [other for other in dict.fromkeys(found) if other != spec]


def neighbours(candidate: Candidate) -> list[Candidate]:
    """Return a candidate with the parameters of one of its stages changed."""
    filters, coder = candidate
    found = [Candidate(filters, other) for other in variants(coder)]
    for index, spec in enumerate(filters):
        found += [Candidate((*filters[:index], other, *filters[index + 1 :]), coder) for other in variants(spec)]
    return found


# -- what is kept ----------------------------------------------------------------------------------------------------


def front(measured: Iterable[Measured]) -> list[Measured]:
    """Return those that no other equals in ratio and, within TOLERANCE, in both speeds; the best ratio first."""
    kept: list[Measured] = []
    for m in sorted(measured, key=_order):
        if not any(k.encode_xrt * TOLERANCE >= m.encode_xrt and k.decode_xrt * TOLERANCE >= m.decode_xrt for k in kept):
            kept.append(m)
    return kept


def leaders(measured: Iterable[Measured], keep: int, each: int = 0) -> list[Measured]:
    """Return the ``keep`` best by ratio and the ``each`` best of each coder.

    Of those that come to the same size, the one with the fewest stages stands for all.
    """
    sizes: dict[int, Measured] = {}
    for m in sorted(measured, key=_order):
        sizes.setdefault(m.compressed_bytes, m)
    found = list(sizes.values())[:keep]
    seen: Counter[str] = Counter()
    for m in sizes.values():
        name = m.candidate.coder.partition(":")[0]
        seen[name] += 1
        if seen[name] <= each:
            found.append(m)
    return list(dict.fromkeys(found))


def _order(m: Measured) -> tuple[float, int, str]:
    return -m.ratio, len(m.candidate.filters), m.candidate.spec


# -- measuring, in a process of a pool -------------------------------------------------------------------------------

Sample = tuple[tuple[str, int], ...]
"""(path of a WAV file, frames of it) of each file."""


class _Node(NamedTuple):
    """What a chain of filters makes of a sample."""

    arrays: list[np.ndarray]
    side_bytes: int
    encode_seconds: float
    decode_seconds: float


@lru_cache(maxsize=1)
def _signals(sample: Sample) -> list[wav.Wav]:
    parsed = [(wav.parse(Path(path).read_bytes()), frames) for path, frames in sample]
    cut = [
        signal._replace(samples=np.ascontiguousarray(signal.samples[:frames])) for signal, frames in parsed if signal
    ]
    return [signal for signal in cut if signal.samples.size and signal.rate]


@lru_cache(maxsize=16)
def _node(sample: Sample, filters: tuple[str, ...]) -> _Node:
    if not filters:
        return _Node([signal.samples for signal in _signals(sample)], 0, 0.0, 0.0)
    arrays, side_bytes, encode_seconds, decode_seconds = _node(sample, filters[:-1])
    tap = Tap()
    step = Pipeline([*get_codec(f"{filters[-1]}|copy").filters, tap])
    outputs = []
    for x in arrays:
        side, encoding, decoding = _round_trip(step, x)
        encode_seconds += encoding
        decode_seconds += decoding
        side_bytes += side
        outputs.append(np.ascontiguousarray(tap.seen))
    return _Node(outputs, side_bytes, encode_seconds, decode_seconds)


def _round_trip(codec: Pipeline, x: np.ndarray) -> tuple[int, float, float]:
    """Return the bytes that a codec makes of x, and the process time in seconds of both ways."""
    started = time.process_time()
    payload = codec.encode(x)
    encoded = time.process_time()
    back = codec.decode(payload, Layout.of(x))
    decoded = time.process_time()
    if Layout.of(x) != Layout.of(back) or x.tobytes() != back.tobytes():
        raise CodecError("it does not give back what it got")
    return len(payload), encoded - started, decoded - encoded


@cache
def _warm(coder: str) -> None:
    """Load what a coder needs, so that its first measurement is none of that."""
    with suppress(CodecError):
        codec, x = get_codec(coder), np.zeros(64, np.int16)
        codec.decode(codec.encode(x), Layout.of(x))


def _measure(sample: Sample, filters: tuple[str, ...], coder: str) -> Measured:
    signals, node = _signals(sample), _node(sample, filters)
    _warm(coder)
    codec = get_codec(coder)
    packed, encode_seconds, decode_seconds = node.side_bytes, node.encode_seconds, node.decode_seconds
    for x in node.arrays:
        length, encoding, decoding = _round_trip(codec, x)
        encode_seconds += encoding
        decode_seconds += decoding
        packed += length
    samples = sum(signal.samples.size for signal in signals)
    seconds = sum(len(signal.samples) / signal.rate for signal in signals)
    size = sum(signal.samples.nbytes for signal in signals)
    return Measured(Candidate(filters, coder), size, packed, packed, samples, seconds,
                    encode_seconds, decode_seconds, len(signals))  # fmt: skip


def _verify(filters: tuple[str, ...], coder: str, path: str) -> Measured:
    candidate = Candidate(filters, coder)
    codec, source = get_codec(candidate.spec), Path(path).read_bytes()
    _warm(coder)
    blob, encode_seconds = container.encode_bytes(source, codec)
    back, decode_seconds, _ = container.decode_bytes(blob)
    if back != source:
        raise CodecError("it does not give back what it got")
    header, parsed = container.read(blob), wav.parse(source)
    seconds = len(parsed.samples) / parsed.rate if parsed and parsed.rate else 0.0
    return Measured(candidate, len(source), len(blob), len(header.payload), header.frames * header.channels, seconds,
                    encode_seconds, decode_seconds, 1, True)  # fmt: skip


# -- the search ------------------------------------------------------------------------------------------------------


class Search:
    """One search.

    Args:
        files: WAV files.
        chosen: the stages to combine, see :func:`stages`.
        depth: filters in a chain at most.
        finalists: candidates that are verified on all files at most.
        time_limit: seconds in all; what it has no time for is left out.
        seed: decides which files are in the samples.
        watch: shows progress.
        tell: is called at the end of each step.

    Raises:
        CodecError: no file has samples.
    """

    def __init__(
        self,
        files: Sequence[Path],
        chosen: Sequence[type[Stage]],
        *,
        depth: int = 4,
        jobs: int = 1,
        finalists: int = 32,
        time_limit: float = 600.0,
        seed: int = 0,
        rungs: Sequence[Rung] = RUNGS,
        watch: Watch,
        tell: Callable[[Step], None],
    ) -> None:
        order = np.random.default_rng(seed).permutation(len(files))
        self.files = [str(files[index]) for index in order]
        self.recordings = [path for path in self.files if _seconds(path)]
        if not self.recordings:
            raise CodecError("no file has samples to measure on")
        self.chosen, self.depth, self.jobs, self.finalists, self.watch = chosen, depth, jobs, finalists, watch
        self.rungs, self.tell = rungs, tell
        self.started = time.monotonic()
        self.time_limit = time_limit
        self.found = Found()

    def run(self) -> Found:
        """Return what was found until the end, the time limit or an interruption."""
        try:
            with Pool(self.jobs) as self.pool:
                self._explore()
                self._verify(self.found.finalists)
        except KeyboardInterrupt:
            self.found.stopped = INTERRUPTED
        return self.found

    def _explore(self) -> None:
        """Climb the rungs; what is kept on each are the finalists so far."""
        alive: list[Candidate] = []
        lead: set[Candidate] = set()  # what the best by ratio come from; times have no say in it
        for number, rung in enumerate(self.rungs):
            frames = f"{rung.frames} frames" if rung.frames < _WHOLE else "all"
            step = Step(f"rung {number}", f"{frames} of {min(rung.files, len(self.recordings))} files")
            self.found.steps.append(step)
            self.pool.deadline = self.started + rung.until * self.time_limit
            if number == 0:
                measured = self._grow(rung, step)
                lead = set(measured)
            else:
                measured = self._measure(alive, rung, step)
            best, kept = self._prune(measured, lead, rung)
            if 0 < number < len(self.rungs) - 1:
                lead = {m.candidate for m in best}
                fresh = [other for m in best for other in neighbours(m.candidate)]
                lead |= set(fresh)
                fresh += [other for m in kept for other in neighbours(m.candidate)]
                measured |= self._measure([c for c in dict.fromkeys(fresh) if c not in measured], rung, step)
                best, kept = self._prune(measured, lead, rung)
            lead = {m.candidate for m in best}
            alive = [m.candidate for m in kept]
            self.found.finalists = sorted(kept, key=_order) or self.found.finalists
            self._end(step, measured.values(), len(kept))

    def _prune(
        self, measured: dict[Candidate, Measured], lead: set[Candidate], rung: Rung
    ) -> tuple[list[Measured], list[Measured]]:
        """Return the best by ratio, and them with the Pareto front."""
        best = leaders((m for c, m in measured.items() if c in lead), rung.keep, rung.each)
        return best, list(dict.fromkeys([*best, *front(measured.values())]))

    def _end(self, step: Step, measured: Iterable[Measured], kept: int) -> None:
        step.kept, step.pruned = kept, step.tried - step.failed - kept
        if first := min(measured, key=_order, default=None):
            step.best = f"{first.ratio:.4f} {first.candidate.spec}"
        self.tell(step)

    def _grow(self, rung: Rung, step: Step) -> dict[Candidate, Measured]:
        """Measure chains of filters, each longer than the best of the last, with every coder behind them."""
        filters = [stage.name for stage in self.chosen if issubclass(stage, Filter)]
        coders = [stage for stage in self.chosen if issubclass(stage, Coder)]
        known = chains_declared(self.chosen)
        measured: dict[Candidate, Measured] = {}
        level: list[tuple[str, ...]] = [()]
        for length in range(self.depth + 1):
            fresh = [
                Candidate(chain, spec)
                for chain in level
                for coder in coders
                # A trained coder knows samples, not what filters make of them.
                if not chain or "trained" not in coder.traits
                for spec in settings_declared(coder)
            ]
            now = self._measure(fresh, rung, step)
            measured |= now
            score: dict[tuple[str, ...], float] = {}
            for candidate, m in now.items():
                score[candidate.filters] = max(score.get(candidate.filters, 0.0), m.ratio)
            best = sorted(score, key=lambda chain: (-score[chain], chain))[:BEAM]
            longer = [(*chain, name) for chain in best for name in filters if name not in chain]
            level = list(dict.fromkeys([*longer, *(chain for chain in known if len(chain) == length + 1)]))
        return measured

    def _measure(self, candidates: Iterable[Candidate], rung: Rung, step: Step) -> dict[Candidate, Measured]:
        """Return what came of candidates, in their order, as far as there is time."""
        coders: dict[tuple[str, ...], list[str]] = {}
        for candidate in candidates:
            if candidate.spec not in self.found.failures:
                coders.setdefault(candidate.filters, []).append(candidate.coder)
        sample = tuple((path, rung.frames) for path in self.recordings[: rung.files])
        limit = PATIENCE + sum(_seconds(path) for path, _ in sample) / 4
        tasks = [Task(_node, _measure, (sample, chain), tuple(specs), limit) for chain, specs in coders.items()]
        measured = {}
        with self.watch(sum(map(len, coders.values())), step.name) as advance, self._in_time(step):
            for task, coder, result in self.pool.run(tasks):
                candidate = Candidate(task.arguments[1], coder)
                step.tried += 1
                if isinstance(result, Failure):
                    step.failed += 1
                    self.found.failures[candidate.spec] = result.reason
                else:
                    measured[candidate] = result
                advance(candidate.spec)
        return dict(sorted(measured.items()))

    @contextmanager
    def _in_time(self, step: Step) -> Iterator[None]:
        """Note it if a step is cut short."""
        try:
            yield
        except TimeUp:
            self.found.stopped = f"{step.name} was cut short by the time limit (--time-limit gives more)"

    def _verify(self, last: Sequence[Measured]) -> None:
        """Verify on all files the best by ratio, the best of each coder, and the Pareto front from end to end."""
        self.pool.deadline = self.started + self.time_limit
        step = Step(VERIFY, f"all of {len(self.files)} files")
        self.found.steps.append(step)
        share = -(-self.finalists // 4)
        best = list(dict.fromkeys([*leaders(last, share), *leaders(last, 0, 1)[: 2 * share]]))[: self.finalists]
        edge = [m for m in front(last) if m not in best]
        spread = np.linspace(len(edge) - 1, 0, min(self.finalists - len(best), len(edge))).round().astype(int)
        wanted = [*best, *(edge[index] for index in sorted(spread))]
        verified: list[Measured] = []
        with self.watch(len(wanted) * len(self.files), step.name) as advance, self._in_time(step):
            for m in wanted:
                more = len(self.files) / m.files / self.jobs
                if time.monotonic() + more * (m.encode_seconds + m.decode_seconds) > self.pool.deadline:
                    raise TimeUp
                chunks = [tuple(self.files[start :: self.jobs]) for start in range(min(self.jobs, len(self.files)))]
                limit = PATIENCE + max(map(_seconds, self.files))
                parts: list[Measured] = []
                for _, path, result in self.pool.run(
                    Task(_nothing, _verify, tuple(m.candidate), chunk, limit) for chunk in chunks
                ):
                    advance(f"{Path(path).name}  {m.candidate.spec}")
                    if isinstance(result, Failure):
                        self.found.failures[m.candidate.spec] = f"{Path(path).name}: {result.reason}"
                    else:
                        parts.append(result)
                step.tried += 1
                if len(parts) < len(self.files):
                    step.failed += 1
                    continue
                verified.append(_total(parts))
                self.found.finalists = sorted(verified, key=_order)
        self._end(step, verified, len(front(verified)))


def _nothing(*_: object) -> None:
    """Prepare nothing."""


@cache
def _seconds(path: str) -> float:
    """Return how long a recording is, 0 if the file is none."""
    parsed = wav.parse(Path(path).read_bytes())
    return len(parsed.samples) / parsed.rate if parsed and parsed.rate else 0.0


def _total(parts: Sequence[Measured]) -> Measured:
    first = parts[0]
    sums = {name: sum(getattr(part, name) for part in parts) for name in Measured._fields[1:-1]}
    return first._replace(**sums)
