"""Recordings for SpikeInterface: ``read_n1c("run.n1c")``. Our codecs for its Zarr folders are in ``n1codec.zarr``."""

from __future__ import annotations

from n1codec.codec import UnavailableError

try:
    from n1codec.adapters.spikeinterface import N1CRecordingExtractor, read_n1c
except ModuleNotFoundError as error:
    raise UnavailableError(
        f"n1codec.spikeinterface needs SpikeInterface: {error} (pip install 'n1codec[spikeinterface]')"
    ) from error

__all__ = ["N1CRecordingExtractor", "read_n1c"]
