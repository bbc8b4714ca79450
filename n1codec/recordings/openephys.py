"""The Open Ephys binary format: ``structure.oebin`` describes the folders ``continuous`` and ``events`` beside it.

A record node's folder has ``settings.xml`` and, below, ``experimentN/recordingN/structure.oebin``. Samples are int16,
frame by frame, in ``continuous/NAME/continuous.dat``
(https://open-ephys.github.io/gui-docs/User-Manual/Data-formats/Binary-format.html).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple
from xml.etree import ElementTree

import numpy as np

from n1codec import files
from n1codec.recordings.recording import UnknownFormat
from n1codec.recordings.samples import Form, Mapped

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

STRUCTURE = "structure.oebin"
SAMPLES = "continuous.dat"
_MICROVOLTS = {"V": 1e6, "mV": 1e3}
"""By the unit of ``bit_volts``, which is microvolts elsewhere, whatever its name says."""


class Continuous(NamedTuple):
    """One stream as ``structure.oebin`` describes it."""

    folder: str
    """The name of its folder in ``continuous``."""
    about: dict[str, Any]


def described(text: Buffer) -> list[Continuous]:
    """Return the streams in the bytes of a ``structure.oebin``.

    Raises:
        UnknownFormat: it is none.
    """
    try:
        found = json.loads(bytes(text))["continuous"]
        return [Continuous(str(one["folder_name"]).strip("/\\"), one) for one in found]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UnknownFormat(f"its {STRUCTURE} is damaged") from error


def structure_of(path: Path) -> tuple[Path, Continuous] | None:
    """Return the ``structure.oebin`` above a ``continuous.dat`` and what it says of it; None if there is none.

    Raises:
        UnknownFormat: there is one, and it is damaged or does not know the file.
    """
    path = path.absolute()
    if path.name != SAMPLES:
        return None
    for above in list(path.parents)[1:4]:
        structure = above / STRUCTURE
        if structure.is_file():
            for one in described(files.view(structure)):
                if above / "continuous" / one.folder == path.parent:
                    return structure, one
            raise UnknownFormat(f"{STRUCTURE} does not know it")
    return None


def read(data: Buffer, name: str, about: dict[str, Any], settings: Probe | None = None) -> Mapped:
    """Return the recording in the bytes of a ``continuous.dat``.

    Args:
        about: what ``structure.oebin`` says of it.
        settings: the probe that it comes from, if that is known.

    Raises:
        UnknownFormat: the description is damaged.
    """
    try:
        rate, channels = float(about["sample_rate"]), int(about["num_channels"])
        each = [dict(channel) for channel in about.get("channels", ())]
        scales = [float(channel["bit_volts"]) * _MICROVOLTS.get(channel.get("units", ""), 1.0) for channel in each]
    except (KeyError, ValueError, TypeError, OverflowError) as error:
        raise UnknownFormat(f"its {STRUCTURE} is damaged") from error
    if channels < 1 or not 0 <= rate < np.inf:
        raise UnknownFormat(f"its {STRUCTURE} speaks of {channels} channels at {rate:g} Hz")
    recording = Mapped(name, rate, channels, Form("int16"), memoryview(data).cast("B"))
    if len(each) != channels or not np.isfinite(scales).all():
        return recording
    recording.channel_names = tuple(str(channel.get("channel_name", at)) for at, channel in enumerate(each))
    recording.sync = tuple(at for at, channel in enumerate(each) if _is_sync(channel))
    recording.gains = np.array([1.0 if at in recording.sync else scale for at, scale in enumerate(scales)])
    recording.offsets = np.zeros(channels)
    if settings is not None:
        electrodes = [at for at in range(channels) if at not in recording.sync]
        recording.converters = np.full(channels, -1)
        recording.converters[electrodes] = settings.converters(len(electrodes))
        if len(settings.places) == len(electrodes):
            recording.geometry = np.full((channels, 2), np.nan)
            recording.geometry[electrodes] = settings.places
    return recording


def _is_sync(channel: dict[str, Any]) -> bool:
    words = f"{channel.get('channel_name', '')} {channel.get('description', '')} {channel.get('identifier', '')}"
    return bool(re.search(r"(^|[^a-z])sync([^a-z]|$)", words, re.IGNORECASE))


# -- probes ----------------------------------------------------------------------------------------------------------


class Probe(NamedTuple):
    """A Neuropixels probe as ``settings.xml`` describes it."""

    adcs: int
    """How many converters it has."""
    places: np.ndarray
    """Micrometres across and along the probe, float64 of shape (channels, 2)."""

    def converters(self, channels: int) -> np.ndarray:
        """Return the converter of each channel: 32 of them take turns at 12 channels each, 24 at 16."""
        pair = 2 * (12 if self.adcs == 32 else 16)
        return np.arange(channels) // pair * 2 + np.arange(channels) % 2


def settings_of(structure: Path) -> Path | None:
    """Return the ``settings.xml`` of the record node that a ``structure.oebin`` lies in; None if there is none."""
    experiment = re.fullmatch(r"experiment(\d+)", structure.parent.parent.name)
    number = experiment[1] if experiment else "1"
    found = structure.parent.parent.parent / ("settings.xml" if number == "1" else f"settings_{number}.xml")
    return found if found.is_file() else None


def probe(settings: Path | None, about: dict[str, Any]) -> Probe | None:
    """Return the probe that a stream comes from; None if it comes from none, or nobody knows from which."""
    if settings is None:
        return None
    try:
        tree = ElementTree.parse(settings)
    except (ElementTree.ParseError, OSError, ValueError, LookupError):
        return None
    found = [one for source in _processors(tree, about) for one in source.iter("NP_PROBE")]
    name = str(about.get("stream_name", ""))
    stem = re.sub(r"-(AP|LFP)$", "", name)
    if len(found) > 1:
        lettered = re.fullmatch(r"Probe([A-Z])", stem)
        named = [one for one in found if stem in (one.get("custom_probe_name"), one.get("probe_name"))]
        if not named and lettered and ord(lettered[1]) - ord("A") < len(found):
            named = [found[ord(lettered[1]) - ord("A")]]
        found = named
    if len(found) != 1:
        return None
    try:
        adcs = int(found[0].get("num_adcs", ""))
        across, along = _by_channel(found[0], "ELECTRODE_XPOS"), _by_channel(found[0], "ELECTRODE_YPOS")
    except ValueError:
        return None
    if adcs not in (24, 32):
        return None
    both = sorted(at for at in across.keys() & along.keys() if np.isfinite([across[at], along[at]]).all())
    return Probe(adcs, np.array([[across[at], along[at]] for at in both], np.float64).reshape(-1, 2))


def _processors(tree: ElementTree.ElementTree[Any], about: dict[str, Any]) -> Iterator[ElementTree.Element]:
    """Yield the processor that a stream comes from."""
    for processor in tree.iter("PROCESSOR"):
        if processor.get("nodeId") == str(about.get("source_processor_id")):
            yield processor


def _by_channel(element: ElementTree.Element, tag: str) -> dict[int, float]:
    """Return the attributes CH0, CH1, ... of a part of an element."""
    part = element.find(tag)
    found = {} if part is None else part.attrib
    return {int(key[2:]): float(value) for key, value in found.items() if re.fullmatch(r"CH\d+", key)}


def stream_names(structure: str, folder: str) -> list[str]:
    """Return names for a stream, from the shortest to one that no other stream has.

    Args:
        structure: the name of its ``structure.oebin``, relative to the source's folder.
        folder: the name of its own folder.
    """
    parts = PurePosixPath(structure).parent.parts
    return ["/".join([*parts[len(parts) - many :], folder]) for many in range(len(parts) + 1)]
