"""Models that chunks share: how much of a recording each serves, what it is fitted to, and which are in memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock

from n1codec.codec import ModelCoder
from n1codec.pipeline import Pipeline

_STRETCHES = 4
"""How many stretches of a span a model is fitted to at most."""
_ASSUMED = 30000.0
"""Frames a second, where nobody knows the rate."""


def frames_of_model(codec: Pipeline, rate: float, chunk: int) -> int:
    """Return how many frames of a recording one model serves, a whole number of chunks; 0 where chunks share none.

    Args:
        rate: frames a second; 0 where it is not known.
        chunk: frames of a chunk.
    """
    if codec.model_coder is None:
        return 0
    return chunk * max(1, round(codec.model_coder.model_seconds * (rate or _ASSUMED) / chunk))


def looked_at(coder: ModelCoder, rate: float, start: int, stop: int) -> list[tuple[int, int]]:
    """Return what a model is fitted to, (first frame, frame behind the last) of each stretch.

    It is all there is, or as many seconds as the coder wants, in stretches that are equally long and evenly spread.

    Args:
        rate: frames a second; 0 where it is not known.
        start, stop: the frames that the model serves.
    """
    return stretches(start, stop, max(1, round(coder.fit_seconds * (rate or _ASSUMED))))


def stretches(start: int, stop: int, most: int) -> list[tuple[int, int]]:
    """Return so many of the frames from ``start`` to ``stop`` - 1 at most, as (first, behind the last) of each stretch.

    Stretches are equally long and evenly spread; where there are no more frames, all are one.
    """
    frames = stop - start
    if frames <= most:
        return [(start, stop)]
    count = min(_STRETCHES, most)
    length = most // count
    firsts = [start + number * (frames - length) // max(1, count - 1) for number in range(count)]
    return [(first, first + length) for first in firsts]


class Kept:
    """The models that were asked for last. Each is made once, by one thread, and others that want it wait for it.

    Args:
        most: how many are kept.
    """

    def __init__(self, most: int) -> None:
        self._most, self._lock = most, Lock()
        self._slots: OrderedDict[Hashable, _Slot] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], bytes]) -> bytes:
        """Return the model called ``key``, made by ``make`` if it is not here."""
        with self._lock:
            slot = self._slots.setdefault(key, _Slot())
            self._slots.move_to_end(key)
            while len(self._slots) > self._most:
                self._slots.popitem(last=False)
        with slot.lock:
            if slot.model is None:
                slot.model = make()
            return slot.model

    def clear(self) -> None:
        with self._lock:
            self._slots.clear()


class _Slot:
    """A place for a model that is made by whoever comes first."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.model: bytes | None = None
