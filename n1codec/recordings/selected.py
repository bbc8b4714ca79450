"""Some channels of a recording, in any order, as a recording of their own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from n1codec.codec import CodecError
from n1codec.recordings.recording import Recording


class Selected(Recording):
    """A recording that shows only some channels of another one, with what is known of them."""

    def __init__(self, whole: Recording, channels: Sequence[int]) -> None:
        """Take the channels of these numbers, in this order.

        Raises:
            CodecError: there is no such channel, or none is named.
        """
        wrong = [channel for channel in channels if not 0 <= channel < whole.channels]
        if wrong:
            raise CodecError(f"{whole.name}: it has no channel {wrong[0]} (it has {whole.channels}, counted from 0)")
        if not channels:
            raise CodecError(f"{whole.name}: no channel is selected")
        self.whole, self.numbers = whole, tuple(channels)
        self.name, self.rate, self.stream, self.auxiliary = whole.name, whole.rate, whole.stream, whole.auxiliary
        self.frames, self.missing_frames = whole.frames, whole.missing_frames
        self.dtype, self.bits = whole.dtype, whole.bits
        self.channels = len(self.numbers)
        self.channel_names = tuple(whole.channel_names[number] for number in self.numbers)
        self.gains, self.offsets = _some(whole.gains, self.numbers), _some(whole.offsets, self.numbers)
        self.geometry, self.converters = _some(whole.geometry, self.numbers), _some(whole.converters, self.numbers)
        self.sync = tuple(place for place, number in enumerate(self.numbers) if number in whole.sync)

    def _frames(self, start: int, stop: int) -> np.ndarray:
        return self.whole.read(start, stop, self.numbers)

    def release(self) -> None:
        self.whole.release()


def _some(values: np.ndarray | None, numbers: Sequence[int]) -> np.ndarray | None:
    return None if values is None else values[list(numbers)]
