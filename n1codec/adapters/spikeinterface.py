"""Recordings for SpikeInterface: what ``n1codec.open`` reads, above all .n1c files.

An extractor is a reader by its path and its arguments: it goes to the processes of SpikeInterface's pools, forked or
spawned, and to JSON, and each opens the file anew. A .n1c file is decoded chunk by chunk, where its traces are asked
for.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from spikeinterface.core import BaseRecording, BaseRecordingSegment
from spikeinterface.core.core_tools import define_function_from_class

from n1codec import container
from n1codec.codec import CodecError
from n1codec.container import Stored
from n1codec.recordings import Recording

__all__ = ["N1CRecordingExtractor", "read_n1c"]


class N1CRecordingExtractor(BaseRecording):  # type: ignore[misc, unused-ignore]
    """A recording in a .n1c file, or in any other that n1codec reads.

    Channels have the names, gains, offsets and places that the file tells of.

    Args:
        file_path: the file, or the folder of a recording; a .n1c file may have an address (``https://...``).
        stream: which one, where there are several.
        load_sync_channel: with channels that hold digital lines and no signal; they have no place on a probe, so that
            the recording then has no probe.
        load_times: with the time of each frame, where there is a file of them beside the samples (``timestamps.npy`` of
            Open Ephys). They are decoded at once. Otherwise the recording begins at 0.
        threads: how many chunks are decoded at the same time.

    Raises:
        FormatError, UnavailableError: the .n1c file is damaged, or needs a codec that is not here.
        CodecError: no reader understands the file, there are several streams and none is named, or nobody knows the
            sampling rate.
        OSError: it cannot be read.
    """

    def __init__(
        self,
        file_path: str | Path,
        stream: str | None = None,
        load_sync_channel: bool = False,
        load_times: bool = False,
        threads: int = 1,
    ) -> None:
        path = file_path if "://" in str(file_path) else Path(file_path).absolute()
        recording = container.open(path, threads, stream)
        if not recording.rate:
            raise CodecError(f"{file_path}: its sampling rate is not known (encode it with --rate)")
        left_out = () if load_sync_channel else recording.sync
        channels = np.array([at for at in range(recording.channels) if at not in left_out], np.intp)
        BaseRecording.__init__(self, recording.rate, _ids(recording, channels), recording.dtype)
        self.add_recording_segment(_Segment(recording, channels))
        if recording.gains is not None:
            self.set_channel_gains(recording.gains[channels])
            self.set_channel_offsets(
                np.zeros(len(channels)) if recording.offsets is None else recording.offsets[channels]
            )
        if recording.geometry is not None and np.isfinite(recording.geometry[channels]).all():
            self.set_dummy_probe_from_locations(recording.geometry[channels])
        if load_times and (times := _times(recording)) is not None:
            self.set_times(times, segment_index=0)
        self._kwargs = {
            "file_path": str(path),
            "stream": stream,
            "load_sync_channel": load_sync_channel,
            "load_times": load_times,
            "threads": threads,
        }


class _Segment(BaseRecordingSegment):  # type: ignore[misc, unused-ignore]
    def __init__(self, recording: Recording, channels: np.ndarray) -> None:
        BaseRecordingSegment.__init__(self, sampling_frequency=recording.rate)
        self._recording, self._channels = recording, channels

    def get_num_samples(self) -> int:
        return self._recording.frames

    def get_traces(
        self, start_frame: int | None = None, end_frame: int | None = None, channel_indices: Any = None
    ) -> np.ndarray:
        channels = self._channels if channel_indices is None else self._channels[channel_indices]
        whole = len(channels) == self._recording.channels and np.array_equal(channels, self._channels)
        return self._recording.read(start_frame or 0, end_frame, None if whole else channels)


read_n1c = define_function_from_class(source_class=N1CRecordingExtractor, name="read_n1c")


def _ids(recording: Recording, channels: np.ndarray) -> list[str]:
    """Return the names of channels, or their numbers where two have the same name."""
    names = [recording.channel_names[channel] for channel in channels]
    return names if len(set(names)) == len(names) else [str(channel) for channel in channels]


def _times(recording: Recording) -> np.ndarray | None:
    """Return the time of each frame in seconds, shape (frames,); None where the source has no file of them."""
    if not isinstance(recording, Stored):
        return None
    for file in recording.archive.head.files:
        if file.channels and file.stream == recording.number:
            beside = recording.archive.streams.get(str(PurePosixPath(file.name).with_name("timestamps.npy")))
            if beside is not None and beside.shape == (recording.frames, 1) and beside.dtype.kind == "f":
                return beside.read()[:, 0]
    return None
