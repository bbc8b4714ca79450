"""The HDF5 filter plugin, which is in C (native/hdf5/filter.c): where it lies, and what h5py is told of it."""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from pathlib import Path
from typing import Any

import n1codec
from n1codec.codec import CodecError, SpecError, UnavailableError
from n1codec.pipeline import get_codec

FILTER_ID = 52785
"""The number of the filter in files. It stays; it is N1C_HDF5_FILTER in native/hdf5/filter.h."""
CODECS = {"copy": 0, "n1": 1, "n1_multi": 2, "n1_multi:preset=fast": 3, "planes|arange": 4}
"""The codecs that the plugin has, by their specs, and their numbers beside a dataset."""
_LIBRARY = {"win32": "n1c_hdf5.dll"}.get(sys.platform, "libn1c_hdf5.so")
_VERSION = 1


def plugin_folder() -> Path:
    """Return the folder of the plugin, for the environment variable HDF5_PLUGIN_PATH of other programs.

    Raises:
        UnavailableError: it was not built.
    """
    for package in n1codec.__path__:
        folder = Path(package) / "hdf5_plugin"
        if (folder / _LIBRARY).exists():
            return folder
    raise UnavailableError(f"the HDF5 plugin ({_LIBRARY}) is not built (run make install)")


@cache
def register() -> None:
    """Tell h5py of the filter. ``import n1codec.hdf5`` does it.

    Raises:
        UnavailableError: h5py is not installed, or the plugin was not built or does not load.
    """
    try:
        import h5py
    except ImportError as error:
        raise UnavailableError("h5py is not installed (pip install 'n1codec[hdf5]')") from error
    path = plugin_folder() / _LIBRARY
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        raise UnavailableError(f"the HDF5 plugin does not load: {error} (run make install)") from error
    library.H5PLget_plugin_info.restype = ctypes.c_void_p
    if not h5py.h5z.register_filter(library.H5PLget_plugin_info()):
        raise CodecError("h5py does not take the filter")


def compression(spec: str = "n1_multi", channels: int | None = None) -> dict[str, Any]:
    """Return the keyword arguments of h5py's ``create_dataset`` that make it compress with one of our codecs.

    A dataset has chunks of (frames, channels); integers of 8 to 64 bits and floats of 16 to 64 bits are taken, and the
    samples of floats always go in byte planes through ``planes|arange``. pynwb's ``H5DataIO`` takes the same arguments,
    and ``allow_plugin_filters=True``.

    Args:
        spec: ``n1_multi``, ``n1_multi:preset=fast``, ``n1``, ``planes|arange`` or ``copy``.
        channels: of a dataset with a single axis, the samples of a frame, which follow each other; None for 1. Of a
            dataset with more axes it means nothing: all but the first are its channels.

    Raises:
        SpecError: it is another codec, or no number of channels.
    """
    number = CODECS.get(get_codec(spec).spec)
    if number is None:
        raise SpecError(f"{spec}: the HDF5 filter has only {', '.join(CODECS)}")
    if channels is not None and not 1 <= channels <= 1 << 20:
        raise SpecError(f"a dataset has 1 to {1 << 20} channels, not {channels}")
    return {"compression": FILTER_ID, "compression_opts": (_VERSION, number, channels or 0)}
