"""What a codec is: filters turn arrays into arrays, a coder turns an array into bytes.

A stage is one module under ``algorithms/<family>/`` with one class in it, a :class:`Filter` or a :class:`Coder`.
The file gives the name, the folder gives the family, the class declares everything else: its parameters, the
libraries it needs, the arrays it takes and the specs that belong to the default grid.

A decoder gets only the bytes and the :class:`Layout` of what it must return. Parameters of the encoder are not
stored; whatever the inverse needs beyond that travels in the stage's own bytes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np


class CodecError(Exception):
    """A problem that has a one-line explanation for a person."""


class SpecError(CodecError, ValueError):
    """A spec that names nothing, or a parameter outside its range."""


class UnavailableError(CodecError, ImportError):
    """A codec whose library is not installed."""


class FormatError(CodecError, ValueError):
    """Bytes that are not what they should be: damaged, truncated, of another kind or of a future version."""


class Layout(NamedTuple):
    """Shape and dtype of an array that is yet to be decoded."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @classmethod
    def of(cls, x: np.ndarray) -> Layout:
        return cls(x.shape, x.dtype)

    @property
    def size(self) -> int:
        size = 1
        for extent in self.shape:
            size *= extent
        return size

    @property
    def nbytes(self) -> int:
        return self.size * self.dtype.itemsize


INTEGERS = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
"""``Stage.dtypes`` of a stage that takes integers of any width but no floats."""


class Promise(NamedTuple):
    """What a lossy stage promises of the samples that come back; what is None is not promised."""

    error: float | None = None
    """None of them is off by more than this, in the unit of a sample."""
    rms: float | None = None
    """The square root of the mean square of the error is no more than this."""
    snr: float | None = None
    """The variance of those given is at least so many decibels above the mean square of the error."""

    def holds(self, given: np.ndarray, back: np.ndarray) -> bool:
        """Return whether it holds for samples that were given and what came back of them, of the same dtype."""
        if given.dtype.kind == "f":
            off = np.abs(given.astype(np.float64) - back.astype(np.float64))
        else:
            off = (np.maximum(given, back) - np.minimum(given, back)).view(f"u{given.itemsize}")
        if self.error is not None and off.max() > self.error:
            return False
        noise = (off.astype(np.float64) ** 2).mean()
        if self.rms is not None and noise > self.rms**2:
            return False
        return self.snr is None or bool(noise * 10 ** (self.snr / 10) <= given.astype(np.float64).var())


class Param(ABC):
    """One parameter of a stage: its default, what it may be, and what it does."""

    default: Any
    help: str

    @abstractmethod
    def parse(self, value: Any) -> Any:
        """Return the value in its own type; raise ValueError if it is not allowed."""

    @property
    @abstractmethod
    def range(self) -> str:
        """What is allowed, for help and error messages."""


class Int(Param):
    def __init__(self, default: int, low: int, high: int, help: str = "") -> None:
        self.default, self.low, self.high, self.help = default, low, high, help

    def parse(self, value: Any) -> int:
        number = int(value)
        if isinstance(value, float) and value != number:
            raise ValueError
        if not self.low <= number <= self.high:
            raise ValueError
        return number

    @property
    def range(self) -> str:
        return f"{self.low}..{self.high}"


class Float(Param):
    def __init__(self, default: float, low: float, high: float, help: str = "") -> None:
        self.default, self.low, self.high, self.help = default, low, high, help

    def parse(self, value: Any) -> float:
        number = float(value)
        if not self.low <= number <= self.high:
            raise ValueError
        return number

    @property
    def range(self) -> str:
        return f"{self.low:g}..{self.high:g}"


class Choice(Param):
    """One of some words; the first is the default unless another is named."""

    def __init__(self, *choices: str, default: str | None = None, help: str = "") -> None:
        self.choices, self.default, self.help = choices, default or choices[0], help

    def parse(self, value: Any) -> str:
        if value not in self.choices:
            raise ValueError
        return str(value)

    @property
    def range(self) -> str:
        return "|".join(self.choices)


class Text(Param):
    """Free text, such as a path or a command."""

    def __init__(self, default: str = "", help: str = "") -> None:
        self.default, self.help = default, help

    def parse(self, value: Any) -> str:
        return str(value)

    @property
    def range(self) -> str:
        return "text"


class Stage(ABC):
    """What filters and coders share. Class attributes declare; instances hold parameter values as attributes."""

    name: ClassVar[str]
    """The module's file name; set by the registry."""
    family: ClassVar[str]
    """The module's folder; set by the registry."""
    wire: ClassVar[str] = ""
    """Short name in .n1c files: one or two letters or digits, the first that of ``name`` (a capital will do); fixed."""
    params: ClassVar[Mapping[str, Param]] = {}
    requires: ClassVar[tuple[str, ...]] = ()
    """Modules that must be importable."""
    extra: ClassVar[str] = ""
    """The extra of this package, or the full advice, that brings what ``requires`` names."""
    dtypes: ClassVar[tuple[str, ...]] = ()
    """Dtypes taken as they are, () for all; others are adapted by ``pipeline`` (widened, or split in 16-bit planes)."""
    per_channel: ClassVar[bool] = False
    """True: takes 1-D arrays only, and several channels are handed over one by one."""
    lossless: ClassVar[bool] = True
    """False: what comes back is not always what was given, and :meth:`promise` says how near it is. Such a stage stands
    first in a codec."""
    whole_file: ClassVar[bool] = False
    """True: takes a file as it is, by programs that a .n1c file cannot name (see :class:`FileCoder`)."""
    trainer: ClassVar[str] = ""
    """The module that trains its tables (see :class:`n1codec.train.unseen.Trainer`); empty if it has none."""
    traits: ClassVar[frozenset[str]] = frozenset()
    """Other properties for people and for the choice of codecs, any of: streaming (no sample waits for a later one),
    trained (its tables come from recordings of one kind), slow (below 50 xRT)."""
    grid: ClassVar[tuple[str, ...]] = ()
    """Specs that belong to the default grid."""
    quality_grid: ClassVar[tuple[str, ...]] = ()
    """Specs, lossy ones, that belong to the default sweep of ``n1codec grid --quality``."""
    reference: ClassVar[tuple[str, ...]] = ()
    """Specs that ``n1codec bench`` measures beside our own stages, so that their figures can be compared."""
    floor_xrt: ClassVar[int] = 0
    """The speed promised in either direction on one core, times real time; 0: none is."""

    def __init__(self, **values: Any) -> None:
        unknown = sorted(set(values) - set(self.params))
        if unknown:
            raise SpecError(f"{self.name} has no parameter {unknown[0]!r} ({self.describe_params()})")
        for key, param in self.params.items():
            try:
                setattr(self, key, param.parse(values.get(key, param.default)))
            except (ValueError, TypeError, OverflowError):
                value = values.get(key, param.default)
                raise SpecError(f"{self.name}: {key}={value!r} is not allowed ({self.describe_params()})") from None

    def loss(self) -> str:
        """Return what is lost, in words; empty where nothing is."""
        return "" if self.lossless else "what comes back is near what was given, not the same"

    def promise(self, x: np.ndarray) -> Promise:
        """Return how near to an array, not empty, what comes back of it is."""
        return Promise(error=0 if self.lossless else None)

    def get_config(self) -> dict[str, Any]:
        """Return every parameter with its value."""
        return {key: getattr(self, key) for key in self.params}

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle a stage as its name and parameters, so that it can be restored wherever the registry knows it."""
        from n1codec import registry

        return registry.build, (self.name, self.get_config())

    @classmethod
    def capabilities(cls) -> list[str]:
        """Return what can be asked of this stage, sorted: its traits and what its class declares."""
        declared = {
            "lossless": cls.lossless,
            "lossy": not cls.lossless,
            "whole_file": cls.whole_file,
            "trainable": bool(cls.trainer),
        }
        return sorted(cls.traits | {name for name, has in declared.items() if has})

    def files(self) -> list[Path]:
        """Return the files beside its module that its results depend on, such as programs."""
        return []

    @classmethod
    def describe_params(cls) -> str:
        if not cls.params:
            return "it takes none"
        return "valid: " + ", ".join(f"{k}={p.range} [{p.default}]" for k, p in cls.params.items())

    @classmethod
    def unavailable(cls) -> str | None:
        """Return why this stage cannot run here and what to do about it, or None if it can."""
        for module in cls.requires:
            if find_spec(module) is None:
                advice = cls.extra if " " in cls.extra else f"pip install 'n1codec[{cls.extra}]'"
                return f"needs the Python module {module} ({advice})"
        return None


class Filter(Stage):
    """Array -> array and side information; without loss if not said otherwise."""

    side: ClassVar[bool] = True
    """False: the side information is always empty, and costs nothing in the file."""

    @abstractmethod
    def forward(self, x: np.ndarray) -> tuple[np.ndarray, bytes]:
        """Return the transformed array and what the inverse needs beside it."""

    @abstractmethod
    def inverse(self, y: np.ndarray, side: bytes, layout: Layout) -> np.ndarray:
        """Return the array of ``layout`` that ``forward`` turned into ``y`` and ``side``."""

    def output(self, layout: Layout, side: bytes) -> Layout:
        """Return the layout of what ``forward`` makes of an array of ``layout``, given its side information."""
        return layout


class Coder(Stage):
    """Array -> bytes; without loss if not said otherwise."""

    chunk_seconds: ClassVar[float] = 0
    """Seconds of a recording that it codes as one chunk at most; 0 where only the size of a chunk counts."""

    def packet_model(self) -> tuple[int, bytes]:
        """Return its model for packets of many channels: the number (``N1C_STREAM_`` in n1c/stream.h) and the profile.

        The byte 1 is the profile built in.

        Raises:
            SpecError: there is none.
        """
        raise SpecError(f"{self.name}: it does not code packets (n1codec list shows which codecs do: packets)")

    def needs(self, data: bytes) -> str:
        """Return what decoding ``data`` takes beside this program, in words, such as a profile; empty for nothing."""
        return ""

    @classmethod
    def capabilities(cls) -> list[str]:
        packets = ["packets"] if cls.packet_model is not Coder.packet_model else []
        return sorted([*super().capabilities(), *packets])

    @abstractmethod
    def encode(self, x: np.ndarray) -> bytes:
        """Return the bytes of the C-contiguous array ``x``, of shape (frames,) or (frames, channels)."""

    @abstractmethod
    def decode(self, data: bytes, layout: Layout) -> np.ndarray:
        """Return the array of ``layout`` that ``encode`` turned into ``data``.

        Raises:
            FormatError: (or any other exception) the bytes are not what ``encode`` writes. Memory beyond what the
                bytes back must not be touched, whatever ``layout`` claims.
        """


class ModelCoder(Coder):
    """A coder that fits a model to some seconds of a recording, and codes chunk after chunk of it with that model.

    A file of several chunks holds the model once for all chunks of a span (docs/format.md, "Model"). Everywhere else,
    behind a filter or where an array is coded by itself, ``encode`` puts a model of its own before what it codes.
    """

    model_seconds: ClassVar[float] = 60
    """Seconds of a recording that one model serves; they are made a whole number of chunks."""
    fit_seconds: ClassVar[float] = 4
    """Seconds of these at most that the model is fitted to."""
    block: int = 0
    """Channels of a recording that are coded together at most, so that others need not be decoded with them; 0: all."""

    @abstractmethod
    def fit(self, x: np.ndarray, converters: np.ndarray | None = None) -> bytes:
        """Return a model of samples; the same samples always have the same.

        Args:
            x: shape (frames,) or (frames, channels), C-contiguous: the channels that are coded together. They may be up
                to four stretches of a recording, one behind the other; of what ``encode`` gets, it is all of it.
            converters: the number of each channel's analogue-to-digital converter, -1 for none, shape (channels,); None
                where nobody knows.
        """

    @abstractmethod
    def encode_with(self, x: np.ndarray, model: bytes) -> bytes:
        """Return the bytes of the C-contiguous array ``x``, which the model need not have been fitted to.

        Args:
            x: shape (frames,) or (frames, channels).
            model: what ``fit`` returned for samples of as many channels and the same dtype.
        """

    @abstractmethod
    def decode_with(self, data: bytes, layout: Layout, model: bytes) -> np.ndarray:
        """Return the array of ``layout`` that ``encode_with`` turned into ``data``.

        Raises:
            FormatError: (or any other exception) the bytes or the model are not what they should be. As in ``decode``,
                memory that they do not back must not be touched.
        """

    def profile_of(self, x: np.ndarray, converters: np.ndarray | None = None) -> bytes:
        """Return the profile of samples, the bytes of a .n1p file; arguments are as for ``fit``.

        The coder's parameter ``profile`` takes such a file.

        Raises:
            SpecError: the coder takes none.
        """
        raise SpecError(f"{self.name} takes no profile")

    def needs_with(self, model: bytes) -> str:
        """Return what coding with a model takes beside it, in words, such as a profile; empty for nothing."""
        return ""

    @classmethod
    def capabilities(cls) -> list[str]:
        return sorted([*super().capabilities(), "model"])

    def needs(self, data: bytes) -> str:
        from n1codec.varint import Reader

        return self.needs_with(Reader(data).prefixed())

    def encode(self, x: np.ndarray) -> bytes:
        from n1codec.varint import put_bytes

        model = self.fit(x)
        return put_bytes(model) + self.encode_with(x, model)

    def decode(self, data: bytes, layout: Layout) -> np.ndarray:
        from n1codec.varint import Reader

        reader = Reader(data)
        model = reader.prefixed()
        return self.decode_with(reader.rest(), layout, model)


class ByteCoder(Coder):
    """A coder that sees an array as its little-endian bytes, the last axis fastest."""

    @abstractmethod
    def compress(self, data: bytes) -> bytes: ...

    @abstractmethod
    def decompress(self, data: bytes, size: int) -> bytes:
        """Return the ``size`` bytes that were compressed; never more than ``size`` + 1 of them."""

    def encode(self, x: np.ndarray) -> bytes:
        return self.compress(x.astype(x.dtype.newbyteorder("<"), copy=False).tobytes())

    def decode(self, data: bytes, layout: Layout) -> np.ndarray:
        return self.as_array(self.decompress(data, layout.nbytes), layout)

    def as_array(self, raw: bytes, layout: Layout) -> np.ndarray:
        """Return decompressed bytes as the array of ``layout``.

        Raises:
            FormatError: there are more or fewer of them.
        """
        if len(raw) != layout.nbytes:
            raise FormatError(f"{self.name} gave {len(raw)} bytes instead of {layout.nbytes}")
        return np.frombuffer(raw, layout.dtype.newbyteorder("<")).reshape(layout.shape).astype(layout.dtype, copy=False)


class Run(NamedTuple):
    """What a program made of a file, and how long its own work took."""

    output: bytes
    seconds: float
    """Wall time of the program's own work, without what is not: temporary files, the start of a process."""
    start_seconds: float
    """Seconds that the start of a process took, as it was measured; they are not in ``seconds``."""


class FileCoder(ByteCoder):
    """A coder that takes a file as it is and gives it to programs; it measures the time of their own work itself."""

    whole_file = True

    @abstractmethod
    def run_encoder(self, data: bytes) -> Run:
        """Return what the encoder makes of the bytes of a file."""

    @abstractmethod
    def run_decoder(self, data: bytes, size: int) -> Run:
        """Return what the decoder makes of what the encoder made, never more than ``size`` + 1 bytes of it."""

    def compress(self, data: bytes) -> bytes:
        return self.run_encoder(data).output

    def decompress(self, data: bytes, size: int) -> bytes:
        return self.run_decoder(data, size).output
