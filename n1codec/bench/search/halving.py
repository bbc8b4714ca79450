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
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from n1codec.bench.search import selection, space, trial
from n1codec.bench.search.pool import Failure, Pool, Task, TimeUp
from n1codec.bench.search.space import Candidate
from n1codec.bench.search.trial import Measured
from n1codec.codec import CodecError, Coder, Filter, Stage
from n1codec.recordings import Place

INTERRUPTED = "interrupted"
VERIFY = "verify"
BEAM = 16
"""How many chains of filters of each length are kept to be made longer by another filter."""
PATIENCE = 10.0
"""Seconds that a candidate may take on a sample, beside a quarter of the time that its recordings last."""
_WHOLE = 1 << 40
"""More frames than any file has."""
MOST_SAMPLES = 1 << 22
"""Samples of all recordings together that a rung measures at most."""


class Rung(NamedTuple):
    """One step of successive halving: the sample that candidates are measured on, and how many go on."""

    files: int
    """Files in the sample."""
    frames: int
    """Frames of each file, from its beginning. Where there are fewer files, those of many channels give as many
    samples as that many files of one channel would, from channels that lie beside each other."""
    keep: int
    """How many candidates go on because their ratio is among the best. The Pareto front goes on, too."""
    each: int
    """How many of each coder go on because their ratio is among the best with that coder."""
    until: float
    """Share of the search's time limit at which the rung is cut short."""


RUNGS = (
    Rung(2, 1 << 14, 120, 4, 0.40),
    Rung(6, 1 << 15, 50, 2, 0.50),
    Rung(16, 1 << 16, 24, 1, 0.58),
    Rung(32, _WHOLE, 12, 1, 0.66),
)


@dataclass
class Step:
    """What a rung, or the verification at the end, did: numbers of candidates, and the best of them."""

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
        return selection.front(self.finalists)

    @property
    def tried(self) -> int:
        return sum(step.tried for step in self.steps if step.name != VERIFY)


Watch = Callable[[float, str], AbstractContextManager[Callable[..., None]]]
"""A progress bar: (total, title) -> context of a function that moves it on."""


class Search:
    """One search.

    Args:
        files: WAV files.
        chosen: the stages to combine, see :func:`n1codec.bench.search.space.stages`.
        depth: the most filters in a chain.
        jobs: processes that measure at the same time.
        finalists: the most candidates that are verified on all files.
        time_limit: seconds that the search may take in all; candidates that there is no time for are left out.
        seed: of the random order of files; a sample has the first of them.
        rungs: the steps before the verification.
        watch: shows progress.
        tell: called with each step when it has ended.

    Raises:
        CodecError: no file has samples.
    """

    def __init__(
        self,
        places: Sequence[Path | Place],
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
        order = np.random.default_rng(seed).permutation(len(places))
        self.places = [Place.of(places[index]) for index in order]
        self.recordings = [place for place in self.places if trial.size(place).seconds]
        if not self.recordings:
            raise CodecError("no file has samples to measure on, or their rate is not known (--rate)")
        self.samples = sum(trial.size(place).samples for place in self.recordings)
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
        """Do the rungs one after the other. The candidates that the last one kept become the finalists."""
        alive: list[Candidate] = []
        lead: set[Candidate] = set()  # the best by ratio are chosen among these; the front may differ from run to run
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
                fresh = [other for m in best for other in space.neighbours(m.candidate)]
                lead |= set(fresh)
                fresh += [other for m in kept for other in space.neighbours(m.candidate)]
                measured |= self._measure([c for c in dict.fromkeys(fresh) if c not in measured], rung, step)
                best, kept = self._prune(measured, lead, rung)
            lead = {m.candidate for m in best}
            alive = [m.candidate for m in kept]
            self.found.finalists = sorted(kept, key=selection.order) or self.found.finalists
            self._end(step, measured.values(), len(kept))

    def _prune(
        self, measured: dict[Candidate, Measured], lead: set[Candidate], rung: Rung
    ) -> tuple[list[Measured], list[Measured]]:
        """Return the best of ``lead`` by ratio; and all that go on, which are these and the Pareto front."""
        best = selection.leaders((m for c, m in measured.items() if c in lead), rung.keep, rung.each)
        return best, list(dict.fromkeys([*best, *selection.front(measured.values())]))

    def _end(self, step: Step, measured: Iterable[Measured], kept: int) -> None:
        step.kept, step.pruned = kept, step.tried - step.failed - kept
        if first := min(measured, key=selection.order, default=None):
            step.best = f"{first.ratio:.4f} {first.candidate.spec}"
        self.tell(step)

    def _grow(self, rung: Rung, step: Step) -> dict[Candidate, Measured]:
        """Measure chains of filters, each longer than the best of the last, with every coder behind them."""
        filters = [stage.name for stage in self.chosen if issubclass(stage, Filter)]
        coders = [stage for stage in self.chosen if issubclass(stage, Coder)]
        known = space.chains_declared(self.chosen)
        measured: dict[Candidate, Measured] = {}
        level: list[tuple[str, ...]] = [()]
        for length in range(self.depth + 1):
            fresh = [
                Candidate(chain, spec)
                for chain in level
                for coder in coders
                # A trained coder knows samples, not what filters make of them.
                if not chain or "trained" not in coder.traits
                for spec in space.settings_declared(coder)
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
        """Return the measurements of candidates, sorted by candidate; without those that failed or had no time."""
        coders: dict[tuple[str, ...], list[str]] = {}
        for candidate in candidates:
            if candidate.spec not in self.found.failures:
                coders.setdefault(candidate.filters, []).append(candidate.coder)
        chosen = self.recordings[: rung.files]
        each = min(rung.files * rung.frames, MOST_SAMPLES) // len(chosen)
        sample = tuple(trial.Part(place, rung.frames, each) for place in chosen)
        limit = PATIENCE + sum(trial.size(place).seconds * trial.size(place).channels for place in chosen) / 4
        tasks = [
            Task(trial.prepare, trial.measure, (sample, chain), tuple(specs), limit) for chain, specs in coders.items()
        ]
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
        """End the block quietly when the time is up, and note that its step was cut short."""
        try:
            yield
        except TimeUp:
            self.found.stopped = f"{step.name} was cut short by the time limit (--time-limit gives more)"

    def _verify(self, last: Sequence[Measured]) -> None:
        """Verify on all files the best by ratio, the best of each coder, and the Pareto front from end to end."""
        self.pool.deadline = self.started + self.time_limit
        step = Step(VERIFY, f"all of {len(self.places)} files")
        self.found.steps.append(step)
        share = -(-self.finalists // 4)
        best = list(dict.fromkeys([*selection.leaders(last, share), *selection.leaders(last, 0, 1)[: 2 * share]]))[
            : self.finalists
        ]
        edge = [m for m in selection.front(last) if m not in best]
        spread = np.linspace(len(edge) - 1, 0, min(self.finalists - len(best), len(edge))).round().astype(int)
        wanted = [*best, *(edge[index] for index in sorted(spread))]
        verified: list[Measured] = []
        with self.watch(len(wanted) * len(self.places), step.name) as advance, self._in_time(step):
            for m in wanted:
                more = self.samples / m.samples / self.jobs
                if time.monotonic() + more * (m.encode_seconds + m.decode_seconds) > self.pool.deadline:
                    raise TimeUp
                chunks = [tuple(self.places[start :: self.jobs]) for start in range(min(self.jobs, len(self.places)))]
                limit = PATIENCE + max(trial.size(place).seconds * trial.size(place).channels for place in self.places)
                parts: list[Measured] = []
                for _, place, result in self.pool.run(
                    Task(trial.nothing, trial.verify, tuple(m.candidate), chunk, limit) for chunk in chunks
                ):
                    advance(f"{place.name}  {m.candidate.spec}")
                    if isinstance(result, Failure):
                        self.found.failures[m.candidate.spec] = f"{place.name}: {result.reason}"
                    else:
                        parts.append(result)
                step.tried += 1
                if len(parts) < len(self.places):
                    step.failed += 1
                    continue
                verified.append(trial.total(parts))
                self.found.finalists = sorted(verified, key=selection.order)
        self._end(step, verified, len(selection.front(verified)))
