"""SpikeGLX: ``X.bin`` holds int16 samples frame by frame, ``X.meta`` beside it says everything else.

Streams: AP and LF bands of a Neuropixels probe (imec), an NI data acquisition device (nidq), a OneBox (obx). Tags of
the .meta: SpikeGLX, "Metafile Tags" and "IMRO Table Anatomy" (https://billkarsh.github.io/SpikeGLX/).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np

from n1codec import files
from n1codec.codec import CodecError
from n1codec.recordings.recording import Recording, UnknownFormat
from n1codec.recordings.samples import Form, Mapped

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

Meta = Mapping[str, str]
"""The tags of a .meta file, without the ``~`` of tables, and their values as they are written."""

_LARGEST_META = 16 << 20
_HASHED_AT_A_TIME = 16 << 20
_KINDS = {
    "imec": ("snsApLfSy", ("AP", "LF", "SY")),
    "nidq": ("snsMnMaXaDw", ("MN", "MA", "XA", "DW")),
    "obx": ("snsXaDwSy", ("XA", "DW", "SY")),
}
"""For each type of stream the tag that counts its channels, and the kinds of channels in the order of the file."""
_RATES = {"imec": "imSampRate", "nidq": "niSampRate", "obx": "obSampRate"}
_DIGITAL = ("SY", "DW")
_OLD_NEUROPIXELS_2 = {2000: 21, 2010: 24}
"""Probe types by part number, where those before them are numbered otherwise."""


def meta_of(path: Path) -> Path | None:
    """Return the .meta that belongs to a .bin file, None if the file is none of SpikeGLX."""
    beside = path.with_suffix(".meta")
    if path.suffix.lower() != ".bin" or not beside.is_file() or beside.stat().st_size > _LARGEST_META:
        return None
    return beside if "nSavedChans" in parse(bytes(files.view(beside))) else None


def parse(text: bytes) -> Meta:
    """Return the tags in the bytes of a .meta file."""
    lines = (line.partition("=") for line in text.decode("utf-8", "replace").splitlines())
    return {key.strip().removeprefix("~"): value.strip() for key, equals, value in lines if equals}


def read(data: Buffer, name: str, meta: Meta) -> Mapped:
    """Return the recording in the bytes of a .bin file, by its .meta.

    What the .meta does not say, or says in a way that is not understood, is None in the recording; only the number of
    channels and the rate are needed.

    Raises:
        UnknownFormat: the .meta does not say them.
    """
    kind = meta.get("typeThis", "imec")
    try:
        channels, rate = int(meta["nSavedChans"]), float(meta[_RATES[kind]])
        promised = int(meta.get("fileSizeBytes") or 0)
    except (KeyError, ValueError) as error:
        raise UnknownFormat("its .meta does not say its channels and its rate") from error
    if channels < 1 or not 0 < rate < np.inf:
        raise UnknownFormat(f"its .meta speaks of {channels} channels at {rate:g} Hz")
    data = memoryview(data).cast("B")
    # A file that goes on behind what the .meta promises was still recorded when the .meta was written.
    recording = Mapped(name, rate, channels, Form("int16"), data, 0, max(promised, len(data)))
    describe(recording, meta)
    return recording


def describe(recording: Recording, meta: Meta) -> None:
    """Set what a .meta says of the channels of a recording; nothing if it speaks of another number of them."""
    kind, channels = meta.get("typeThis", "imec"), recording.channels
    saved = _understood(lambda: _channels(meta, kind, channels))
    if saved is None:
        return
    recording.sync = tuple(at for at, channel in enumerate(saved) if channel.kind in _DIGITAL)
    recording.channel_names = _understood(lambda: _names(meta, saved)) or tuple(
        f"{channel.kind}{channel.number}" for channel in saved
    )
    recording.gains = _understood(lambda: _gains(meta, kind, saved))
    if recording.gains is not None:
        recording.offsets = np.zeros(channels)
    if kind == "imec":
        recording.geometry = _understood(lambda: _geometry(meta, saved))
        recording.converters = _understood(lambda: _converters(meta, saved))


def verify_sha1(path: Path) -> bool:
    """Return whether a .bin file has the SHA-1 that its .meta has noted when it was recorded.

    Raises:
        CodecError: there is no .meta, or no checksum in it.
    """
    beside = meta_of(path)
    noted = parse(bytes(files.view(beside))).get("fileSHA1", "") if beside else ""
    if not re.fullmatch("[0-9A-Fa-f]{40}", noted):
        raise CodecError(f"{path}: there is no .meta with a checksum beside it")
    found = hashlib.sha1(usedforsecurity=False)
    with files.named(path), path.open("rb") as file:
        while piece := file.read(_HASHED_AT_A_TIME):
            found.update(piece)
    return found.hexdigest() == noted.lower()


def stream_names(name: str) -> list[str]:
    """Return names for the stream in a .bin file of a run folder, from the shortest to one that no other file has.

    Args:
        name: the file's, relative to the folder.
    """
    stem = name[: -len(".bin")]
    found = re.fullmatch(r"(?:.*/)?.*?(?:_(g\d+)_(t\w+))?\.(imec\d*(?:\.(?:ap|lf))?|nidq|obx\d*(?:\.obx)?)", stem)
    if not found:
        return [stem.rpartition("/")[2], stem]
    gate, trigger, stream = found.groups()
    if gate is None:
        return [stream, stem]
    return [stream, f"{gate}.{stream}", f"{gate}_{trigger}.{stream}", stem]


# -- channels --------------------------------------------------------------------------------------------------------

T = TypeVar("T")


class _Channel(NamedTuple):
    kind: str
    """AP, LF, SY, MN, MA, XA or DW."""
    number: int
    """Which channel of its kind it was while recording."""
    acquired: int
    """Which channel of all."""


def _understood(look: Callable[[], T]) -> T | None:
    """Return what the .meta says, None if it does not say it in the way that is known."""
    try:
        return look()
    except (KeyError, ValueError, IndexError, ZeroDivisionError, OverflowError):
        return None


def _finite(value: str | float) -> float:
    """Return a number, or what somebody wrote for one.

    Raises:
        ValueError: it is none, or it has no end.
    """
    number = float(value)
    if not np.isfinite(number):
        raise ValueError(f"{value} is no number to work with")
    return number


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def _table(text: str) -> list[str]:
    """Return the entries of a table: ``(a)(b c)`` has two; the first is its head."""
    return re.findall(r"\(([^()]*)\)", text)


def _channels(meta: Meta, kind: str, count: int) -> list[_Channel]:
    """Return the channels in the file, in order."""
    tag, kinds = _KINDS[kind]
    saved = _numbers(meta[tag])
    acquired = _numbers(meta.get(tag.replace("sns", "acq"), meta[tag]))
    if kind == "imec" and tag.replace("sns", "acq") not in meta:
        acquired = [384, 384, 1]
    kind_of = [_Channel(name, number, 0) for name, many in zip(kinds, acquired, strict=True) for number in range(many)]
    everything = [channel._replace(acquired=at) for at, channel in enumerate(kind_of)]
    subset = meta.get("snsSaveChanSubset", "all")
    if subset in ("all", ""):
        wanted = dict(zip(kinds, saved, strict=True))
        found = [channel for channel in everything if channel.number < wanted[channel.kind]]
    else:
        found = [everything[number] for piece in subset.split(",") for number in _span(piece)]
    if len(found) != count or [sum(c.kind == name for c in found) for name in kinds] != saved:
        raise ValueError("the counts of channels contradict each other")
    return found


def _span(text: str) -> range:
    first, _, last = text.partition(":")
    return range(int(first), int(last or first) + 1)


def _names(meta: Meta, saved: list[_Channel]) -> tuple[str, ...]:
    named = [entry.partition(";")[0] for entry in _table(meta["snsChanMap"])[1:]]
    if len(named) == len(saved):
        return tuple(named)
    return tuple(named[channel.acquired] for channel in saved)


def _gains(meta: Meta, kind: str, saved: list[_Channel]) -> np.ndarray:
    """Return microvolts per unit: the range of the converter, by its largest number, by the amplification."""
    if kind == "imec":
        probe = _probe(meta)
        top = _finite(meta.get("imMaxInt") or (512 if _is_first(probe) else 8192 if probe in (21, 24) else 2048))
        unit = _finite(meta["imAiRangeMax"]) / top
        amplified = _amplification(meta, probe)
        factors = {c: amplified(c) for c in saved if c.kind in ("AP", "LF")}
    elif kind == "nidq":
        unit = _finite(meta["niAiRangeMax"]) / _finite(meta.get("niMaxInt") or 32768)
        by_kind = {"MN": "niMNGain", "MA": "niMAGain"}
        factors = {c: _finite(meta[by_kind[c.kind]]) if c.kind in by_kind else 1.0 for c in saved if c.kind != "DW"}
    else:
        unit = _finite(meta["obAiRangeMax"]) / _finite(meta.get("obMaxInt") or 32768)
        factors = {c: 1.0 for c in saved if c.kind == "XA"}
    return np.array([1e6 * unit / factors[c] if c in factors else 1.0 for c in saved])


# -- probes ----------------------------------------------------------------------------------------------------------


def _probe(meta: Meta) -> int:
    """Return the type of a probe as SpikeGLX numbers them; 0 is Neuropixels 1.0 and its forerunner 3A."""
    said = meta.get("imDatPrb_type") or _digits(meta.get("imDatPrb_pn", "")) or "0"
    return _OLD_NEUROPIXELS_2.get(int(said), int(said))


def _digits(part_number: str) -> str:
    found = re.match(r"NP(\d{4})", part_number)
    return found[1] if found else ""


def _is_first(probe: int) -> bool:
    """Whether a probe is of the generation of Neuropixels 1.0, with 10 bits and a gain to choose for each channel."""
    return probe < 2000 and probe not in (21, 24)


def _amplification(meta: Meta, probe: int) -> Callable[[_Channel], float]:
    """Return a function that gives the amplification of an AP or LF channel."""
    if _is_first(probe) and "imroTbl" in meta:
        head, *entries = _table(meta["imroTbl"])
        if probe == 1110:  # the head has one gain for all channels
            gains = {"AP": _finite(head.split(",")[3]), "LF": _finite(head.split(",")[4])}
            return lambda channel: gains[channel.kind]
        rows = {int(row[0]): row for row in (entry.split() for entry in entries)}
        return lambda channel: _finite(rows[channel.number][3 if channel.kind == "AP" else 4])
    usual = 80.0 if probe in (21, 24) else 100.0
    said = {"AP": meta.get("imChan0apGain"), "LF": meta.get("imChan0lfGain") or meta.get("imChan0apGain")}
    return lambda channel: _finite(said[channel.kind] or usual)


def _geometry(meta: Meta, saved: list[_Channel]) -> np.ndarray:
    places = np.full((len(saved), 2), np.nan)
    electrodes = [at for at, channel in enumerate(saved) if channel.kind in ("AP", "LF")]
    if "snsGeomMap" in meta:
        head, *entries = _table(meta["snsGeomMap"])
        pitch = _finite(head.split(",")[2])
        found = np.array([[_finite(number) for number in entry.split(":")[:3]] for entry in entries]).reshape(-1, 3)
        rows = np.stack([found[:, 1] + found[:, 0] * pitch, found[:, 2]], axis=1)
    else:
        rows = _grid(meta)
    if len(rows) != len(electrodes):  # some writers list the channels that were not saved, too
        rows = rows[[saved[at].number for at in electrodes]]
    places[electrodes] = rows
    return places


def _grid(meta: Meta) -> np.ndarray:
    """Return places by shank, column and row, for probes whose pitches are known; (channels, 2)."""
    probe = _probe(meta)
    if probe in (0, 1000, 1001) or 1010 <= probe <= 1017:
        even, odd, along, shanks = 27.0, 11.0, 20.0, 0.0  # the columns of odd rows stand to the left
    elif probe in (21, 24, 2003, 2004, 2005, 2006, 2013, 2014):
        even, odd, along, shanks = 27.0, 27.0, 15.0, 250.0
    else:
        raise ValueError("nothing is known of this probe's pitches")
    if "snsShankMap" in meta:
        sites = np.array([_numbers(entry.replace(":", ","))[:3] for entry in _table(meta["snsShankMap"])[1:]])
    else:
        sites = np.array([_site(entry, probe) for entry in _table(meta["imroTbl"])[1:]])
    shank, column, row = sites.T
    return np.stack([shank * shanks + column * 32.0 + np.where(row % 2, odd, even), row * along], axis=1)


def _site(entry: str, probe: int) -> tuple[int, int, int]:
    """Return shank, column and row of the electrode in an entry of the IMRO table."""
    numbers = [int(number) for number in entry.split()]
    if _is_first(probe):
        shank, electrode = 0, numbers[1] * 384 + numbers[0]
    else:
        shank, electrode = (0 if len(numbers) == 4 else numbers[1]), numbers[-1]
    return shank, electrode % 2, electrode // 2


def _converters(meta: Meta, saved: list[_Channel]) -> np.ndarray | None:
    """Return the converter of each channel: as the multiplexer's table says, else as in all probes of the type.

    Each entry of the table lists the channels that are converted at one instant, by converter. Channels of a converter
    take turns: 12 of them in Neuropixels 1.0, 16 in 2.0.
    """
    probe = _probe(meta)
    if "muxTbl" in meta:
        rows = [entry.split() for entry in _table(meta["muxTbl"])[1:]]
        by_channel = {int(number): converter for row in rows for converter, number in enumerate(row)}
        return np.array([by_channel[c.number] if c.kind in ("AP", "LF") else -1 for c in saved])
    if probe == 1200:
        return None
    pair = 2 * (12 if _is_first(probe) else 16)
    return np.array([2 * (c.number // pair) + c.number % 2 if c.kind in ("AP", "LF") else -1 for c in saved])
