"""Fields that all versions of the .n1c format are made of: sampling rates, names of stages, compressed bytes."""

from __future__ import annotations

import struct
import zlib

from n1codec import registry
from n1codec.codec import Coder, FormatError
from n1codec.container.header import MOST_AROUND, RATES
from n1codec.pipeline import MOST_STAGES, Pipeline
from n1codec.varint import Reader, put_uint

_OTHER_RATE = 64
_WHOLE_RATE = 65
_LONGEST_NAME = 100
"""Of a stage, in bytes: what is longer is no module's name, and would fill an error message."""


def put_rate(rate: float | None, *, short: bool = False) -> bytes:
    """Return a sampling rate as a uint: an index into RATES, 64 and then a float64, or the whole rate + 65.

    Args:
        short: a whole rate below 65536 that is not in RATES is a uint16 instead; nothing else has 2 bytes then.
    """
    if rate in RATES:
        return put_uint(RATES.index(rate))
    if rate is not None and rate == int(rate) >= 0:
        return int(rate).to_bytes(2, "little") if short and rate < 1 << 16 else put_uint(int(rate) + _WHOLE_RATE)
    return put_uint(_OTHER_RATE) + struct.pack("<d", float("nan") if rate is None else rate)


def take_rate(reader: Reader, *, whole: bool) -> float | None:
    """Return the sampling rate that a uint stands for, None where nobody said it.

    Args:
        whole: it must be a whole number, as in a WAV file.

    Raises:
        FormatError: it makes no sense.
    """
    code = reader.uint()
    if code >= _WHOLE_RATE:
        return code - _WHOLE_RATE
    if code == _OTHER_RATE:
        if whole:
            raise FormatError("its sampling rate makes no sense for a WAV file, whose rate is a whole number")
        (rate,) = struct.unpack("<d", reader.take(8))
        if rate != rate:
            return None
        if not 0 <= rate < float("inf"):
            raise FormatError(f"its sampling rate of {rate} Hz makes no sense")
        return float(rate)
    if code >= len(RATES):
        raise FormatError("its sampling rate is not known")
    return RATES[code]


def put_stages(stages: Pipeline) -> bytes:
    """Return the short names of a codec's stages, the coder last, the last character of each with bit 7 set."""
    body = bytearray()
    for stage in stages.stages:
        wire = registry.wire(stage).encode("ascii")
        body += wire[:-1] + bytes([wire[-1] | 0x80])
    return bytes(body)


def take_stages(reader: Reader) -> str:
    """Return the names of a codec's stages as a spec.

    Raises:
        FormatError: there are too many, or one is too long.
        UnavailableError: there is no such stage here.
    """
    names: list[str] = []
    while True:
        if len(names) == MOST_STAGES:
            raise FormatError("it names more stages than a codec has")
        wire = bytearray()
        while not wire or wire[-1] < 0x80:
            wire += reader.take(1)
            if len(wire) > _LONGEST_NAME:
                raise FormatError("the name of a stage in it is too long")
        wire[-1] &= 0x7F
        stage = registry.find_wire(wire.decode("ascii", "replace"))
        names.append(stage.name)
        if issubclass(stage, Coder):
            return "|".join(names)


def inflate(data: bytes, what: str, most: int = MOST_AROUND) -> bytes:
    """Return what a zlib stream holds, ``most`` bytes at most.

    Raises:
        FormatError: the stream is damaged, or holds more.
    """
    inflater = zlib.decompressobj()
    try:
        out = inflater.decompress(data, most + 1)
    except zlib.error as error:
        raise FormatError(f"{what} are damaged: {error}") from error
    if not inflater.eof or inflater.unused_data or len(out) > most:
        raise FormatError(f"{what} are damaged")
    return out
