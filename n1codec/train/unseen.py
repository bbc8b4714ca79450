"""What trained codecs reach on recordings that they were not trained on.

Two-fold cross-validation (Stone, "Cross-validatory choice and assessment of statistical predictions", J. R. Stat. Soc.
B 36, 1974): each half of the recordings is coded with tables trained on the other one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import suppress
from importlib import import_module
from typing import NamedTuple, Protocol

import numpy as np

from n1codec import container, registry
from n1codec.codec import CodecError, SpecError, UnavailableError
from n1codec.pipeline import get_codec
from n1codec.recordings import wav

_RATE = 19531


class Trainer(Protocol):
    """A module that makes the tables of a codec."""

    PASSES: int
    """How often ``train`` calls ``advance`` for each recording."""
    PROFILE: bool
    """Whether the tables are a profile, a file that the codec takes as a parameter."""

    def train(self, recordings: Sequence[np.ndarray], advance: Callable[..., None]) -> bytes: ...

    def measure(self, recordings: Sequence[np.ndarray], tables: bytes) -> float:
        """Return the bytes that recordings take with these tables, without a container."""

    def ladder(self, tables: bytes) -> list[tuple[str, bytes]]:
        """Return what to measure to see what each part of the tables gains, with a name for each, the least first."""

    def to_c(self, tables: bytes) -> str:
        """Return C source that holds the tables as the built-in ones."""


class Cost(NamedTuple):
    """What the samples of recordings cost."""

    bits_per_sample: float
    ratio: float
    """Bytes of the WAV files, one for each recording, / bytes of the .n1c files."""


def trainer(codec: str) -> Trainer:
    """Return the module that trains a codec.

    Raises:
        SpecError: the codec is not known, or is not trained.
    """
    name = registry.find(codec).trainer
    if not name:
        raise SpecError(f"{codec} is not trained ({', '.join(codecs())} are)")
    module: Trainer = import_module(name)
    return module


def codecs() -> list[str]:
    """Return the names of the codecs that can be trained."""
    found = []
    for name in registry.names():
        with suppress(UnavailableError):
            if registry.find(name).trainer:
                found.append(name)
    return found


def halves(recordings: Sequence[np.ndarray]) -> list[tuple[Sequence[np.ndarray], Sequence[np.ndarray]]]:
    """Return (to train on, to measure on), twice: each recording is once in either."""
    return [(recordings[half::2], recordings[1 - half :: 2]) for half in (0, 1)]


def cost(codec: str, recordings: Sequence[np.ndarray], payload: float) -> Cost:
    """Return what recordings cost that take so many bytes without a container."""
    stages, one = get_codec(codec), recordings[0][:, None]
    source = wav.write(one, _RATE)
    around = len(source) - one.nbytes
    wrapped = len(container.encode_bytes(source, stages)) - len(stages.encode(one))
    samples = sum(x.size for x in recordings)
    files = len(recordings)
    return Cost(8 * payload / samples, (2 * samples + around * files) / (payload + wrapped * files))


def validate(
    codecs: Sequence[str],
    references: Sequence[str],
    recordings: Sequence[np.ndarray],
    jobs: int,
    advance: Callable[..., None] = lambda *_: None,
) -> dict[str, Cost | str]:
    """Return what recordings cost each codec that did not see them, and each reference, which knows none; or why there
    is no figure.

    Args:
        codecs: names of codecs that can be trained.
        references: specs of any codecs.
        recordings: int16 arrays of shape (frames,).
        jobs: how many trainings run at the same time.
        advance: called with a name, twice for each of them.
    """
    # The longest first, so that none is left to run by itself at the end.
    with ProcessPoolExecutor(jobs) as pool:
        tasks = {
            pool.submit(work, name, seen, others): name
            for work, names in ((_unseen, sorted(codecs, key=_is_quick)), (_known, references))
            for name in names
            for seen, others in halves(recordings)
        }
        payloads = dict.fromkeys([*codecs, *references], 0.0)
        problems = {}
        for task in as_completed(tasks):
            try:
                payloads[tasks[task]] += task.result()
            except CodecError as error:
                problems[tasks[task]] = str(error)
            advance(tasks[task])
    return {name: problems.get(name) or cost(name, recordings, payload) for name, payload in payloads.items()}


def _is_quick(codec: str) -> bool:
    return "slow" not in registry.find(codec).traits


def _unseen(codec: str, seen: Sequence[np.ndarray], others: Sequence[np.ndarray]) -> float:
    module = trainer(codec)
    return module.measure(others, module.train(seen, lambda *_: None))


def _known(spec: str, _: Sequence[np.ndarray], others: Sequence[np.ndarray]) -> float:
    stages = get_codec(spec)
    return sum(len(stages.encode(x[:, None])) for x in others)
