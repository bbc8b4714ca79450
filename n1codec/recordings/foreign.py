"""Formats that SpikeInterface and neo read: NWB, Intan, Blackrock, Plexon, EDF, Zarr and more.

Their samples can be looked at: by stats, view, cat and the like, a stretch at a time. They are not coded as samples:
where in a file they stand, these libraries do not say. So the source of such a recording has its whole files and no
samples in them, and encoding stores the files as they are, byte for byte.

The libraries are the extra ``n1codec[spikeinterface]``, and are imported when such a file is opened.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from n1codec.recordings.recording import Recording, UnknownFormat
from n1codec.recordings.source import Source, SourceFile

_HDF5 = b"\x89HDF\r\n\x1a\n"
_INSTALL = "pip install 'n1codec[spikeinterface]'"


class Kind(NamedTuple):
    """A format that SpikeInterface reads."""

    name: str
    """What people call it."""
    reader: str
    """SpikeInterface's function ``spikeinterface.extractors.read_...``, without ``read_``."""
    starts: tuple[bytes, ...] = ()
    """What its files begin with, one of these; empty if that tells nothing."""
    suffixes: tuple[str, ...] = ()
    """What the names of its files end with, one of these; empty if they may have any."""


KINDS = (
    Kind("NWB", "nwb_recording", (_HDF5,), (".nwb",)),
    Kind("3Brain BioCAM", "biocam", (_HDF5,), (".brw",)),
    Kind("Multi Channel Systems HDF5", "mcsh5", (_HDF5,), (".mcs.h5",)),
    Kind("Maxwell MaxOne or MaxTwo", "maxwell", (_HDF5,), (".raw.h5",)),
    Kind("MEArec", "mearec", (_HDF5,), (".h5",)),
    Kind("Intan RHD", "intan", (b"\x02\x27\x91\xc6",), ()),
    Kind("Intan RHS", "intan", (b"\xac\x27\x91\xd6",), ()),
    Kind("Blackrock", "blackrock", (b"NEURALSG", b"NEURALCD", b"BRSMPGRP"), ()),
    Kind("Plexon", "plexon", (b"PLEX",), ()),
    Kind("Plexon 2", "plexon2", (), (".pl2",)),
    Kind("EDF", "edf", (b"0       ",), (".edf",)),
    Kind("BDF", "edf", (b"\xffBIOSEMI",), ()),
    Kind("Axon ABF", "axon", (b"ABF ", b"ABF2"), ()),
    Kind("Multi Channel Systems raw", "mcsraw", (b"MC_DataTool",), ()),
    Kind("CED Spike2", "ced", (), (".smr", ".smrx")),
    Kind("SpikeGadgets", "spikegadgets", (b"<?xml", b"<Config"), (".rec",)),
    Kind("Neuralynx", "neuralynx", (b"######## Neuralynx",), (".ncs",)),
)
"""Formats of files, the first that fits being taken."""
_FOLDERS = (
    ("Zarr", "zarr", (".zgroup", "zarr.json")),
    ("TDT", "tdt", ("*.tbk", "*.Tbk")),
    ("Neuralynx", "neuralynx", ("*.ncs",)),
    ("Alpha Omega", "alphaomega", ("*.mpx",)),
)
"""Formats of folders: what they are called, what reads them, and files of which a folder has one."""


def kind_of(path: Path, data: memoryview) -> Kind | None:
    """Return the format of a file, None if it is none of these."""
    start, name = bytes(data[:32]), path.name.lower()
    for kind in KINDS:
        if kind.starts and not start.startswith(kind.starts):
            continue
        if kind.suffixes and not name.endswith(kind.suffixes):
            continue
        return kind
    return None


def kind_of_folder(path: Path) -> Kind | None:
    """Return the format of a folder, None if it is none of these."""
    for name, reader, patterns in _FOLDERS:
        if any(next(path.glob(pattern), None) is not None for pattern in patterns):
            return Kind(name, reader)
    return None


def read(path: Path, kind: Kind, held: tuple[SourceFile, ...], *, folder: bool = False) -> Source:
    """Return the recordings in a file or folder as streams for reading, and its files without samples.

    A recording that consists of several stretches in time has one stream for each.

    Args:
        held: the files of the source, none of them with samples.

    Raises:
        UnknownFormat: SpikeInterface is not installed, or cannot read it; the message says which and what to do.
    """
    extractors = _extractors(kind)
    streams: dict[str, Recording] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            for name, extractor in _streams(extractors, path, kind):
                count = extractor.get_num_segments()
                for segment in range(count):
                    part = name if count == 1 else f"{name or 'segment'} {segment + 1}"
                    streams[part] = Extracted(path.name, extractor, segment)
                    streams[part].stream = part
        except ImportError as error:
            raise UnknownFormat(f"it is {kind.name}, and SpikeInterface reads it with a package that is not installed "
                                f"({_line(error)})") from error  # fmt: skip
        except Exception as error:  # what neo raises for a damaged file may be anything
            raise UnknownFormat(f"SpikeInterface cannot read it as {kind.name} ({_line(error)})") from error
    return Source(path.absolute().name, streams, held, folder)


class Extracted(Recording):
    """A stretch of a recording that SpikeInterface reads, in the units of the file."""

    def __init__(self, name: str, extractor: Any, segment: int = 0) -> None:
        """Take a ``spikeinterface.BaseRecording``."""
        self.name, self.extractor, self.segment = name, extractor, segment
        self.rate = float(extractor.get_sampling_frequency())
        self.frames = int(extractor.get_num_samples(segment))
        self.channels = int(extractor.get_num_channels())
        self.dtype = np.dtype(extractor.get_dtype()).newbyteorder("=")
        self.bits = self.dtype.itemsize * 8
        names = extractor.get_property("channel_name")
        self.channel_names = tuple(str(one) for one in (extractor.channel_ids if names is None else names))
        self.gains = _floats(extractor.get_channel_gains())
        self.offsets = _floats(extractor.get_channel_offsets())
        places = _floats(extractor.get_property("location"))
        self.geometry = None if places is None else places[:, :2]

    def _frames(self, start: int, stop: int) -> np.ndarray:
        traces: np.ndarray = self.extractor.get_traces(segment_index=self.segment, start_frame=start, end_frame=stop)
        return traces


def _extractors(kind: Kind) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import spikeinterface.extractors as extractors
    except ImportError as error:
        raise UnknownFormat(f"it is {kind.name}, which SpikeInterface reads ({_INSTALL})") from error
    return extractors


def _streams(extractors: Any, path: Path, kind: Kind) -> Iterator[tuple[str, Any]]:
    """Yield the streams of a file with their names; the name is empty where there is one."""
    open_: Callable[..., Any] = getattr(extractors, f"read_{kind.reader}")
    try:
        names = list(extractors.get_neo_streams(kind.reader, path)[0])
    except (KeyError, ValueError, NotImplementedError, AttributeError, AssertionError):
        names = []  # neo has nothing to do with this format, or not with streams of it
    if len(names) < 2:
        yield "", open_(path)
        return
    for name in names:
        yield str(name), open_(path, stream_name=name)


def _floats(values: Any) -> np.ndarray | None:
    return None if values is None else np.asarray(values, np.float64)


def _line(error: BaseException) -> str:
    """Return what an error says, as a part of one line."""
    words = " ".join(str(error).split())
    return words[:200] or type(error).__name__
