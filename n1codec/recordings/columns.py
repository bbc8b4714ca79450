"""The channels of recordings as signals one by one, for what looks at channels and not at frames."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from n1codec.recordings.recording import BLOCK_BYTES, Recording
from n1codec.recordings.selected import Selected


def signals(recording: Recording) -> Recording:
    """Return a recording without the channels that hold digital lines; all of it where there are no others."""
    left = [channel for channel in range(recording.channels) if channel not in recording.sync]
    return Selected(recording, left) if left and recording.sync else recording


def names(recording: Recording) -> list[str]:
    """Return what its channels are called for people: the file's name, and the channel's where there are several."""
    if recording.channels == 1:
        return [recording.name]
    return [f"{recording.name}:{channel}" for channel in recording.channel_names]


def columns(recording: Recording, stop: int | None = None, start: int = 0) -> np.ndarray:
    """Return frames of a recording channel by channel, the first ones unless it is said where they start.

    Args:
        stop: the frame behind the last one; the recording's end if None or beyond it.
        start: the first frame.

    Returns:
        Shape (channels, frames), each row contiguous. That of one channel may be a read-only view of the file; others
        are read a block at a time, and are as large as what is returned.
    """
    stop = recording.frames if stop is None else min(stop, recording.frames)
    if recording.channels == 1:
        return recording.read(start, stop).T
    result = np.empty((recording.channels, stop - start), recording.dtype)
    step = max(1, BLOCK_BYTES // max(1, recording.channels * recording.dtype.itemsize))
    for at in range(start, stop, step):
        block = recording.read(at, min(at + step, stop))
        result[:, at - start : at - start + len(block)] = block.T
        recording.release()
    return result


def frames_within(recordings: Sequence[Recording], samples: int) -> int | None:
    """Return how many frames of each recording may be held, so that all channels have so many samples together at most.

    Returns:
        None where all of them may be held, else at least 1.
    """
    if sum(recording.frames * recording.channels for recording in recordings) <= samples:
        return None
    return max(1, samples // sum(recording.channels for recording in recordings))
