"""Forged and damaged files of version 2 are refused in one line, before they take memory; nothing is left behind."""

from __future__ import annotations

import json
import struct
import sys
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from forge_chunks import (
    ARRAY,
    FILE,
    SAMPLES,
    SOURCE,
    Chunked,
    bare,
    chunk,
    entry,
    file,
    index_of,
    model,
    section,
    some,
    stream,
    tail,
    uints,
    written_on,
)
from recording_files import open_ephys, spikeglx, walks
from test_container import flipped

import n1codec
from n1codec import cli
from n1codec.codec import CodecError, FormatError
from n1codec.container import DTYPES, Archive, encode_file, version2
from n1codec.container.access import Memory
from n1codec.container.convert import restore
from n1codec.container.recovery import recover
from n1codec.container.restoring import Restorer
from n1codec.varint import put_uint

COPY = b"\xe3"
"""The short name of the coder copy."""
ONE, TWO = SAMPLES[0:2] + SAMPLES[4:6] + SAMPLES[8:10], SAMPLES[2:4] + SAMPLES[6:8] + SAMPLES[10:12]
SPLIT = FILE.but(
    streams=(stream(groups=uints(2, 1, 0, 1) + COPY + uints(1, 1, 1) + COPY),),
    sections=(some(0, 0, b"head"), chunk(group=0, payload=ONE), chunk(group=1, payload=TWO), some(0, 1, b"end")),
)
"""The same file, each channel coded by itself."""


def files_of(blob: bytes) -> list[bytes]:
    """Decode everything in a file of version 2, and return its files, or the samples of its streams if it has none."""
    archive = Archive(Memory(blob))
    if not archive.head.files:
        return [one.read().tobytes() for one in archive.streams.values()]
    made = [bytearray() for _ in archive.head.files]

    def put(number: int, data: memoryview, at: int) -> None:
        made[number].extend(bytes(max(0, at + data.nbytes - len(made[number]))))
        made[number][at : at + data.nbytes] = data

    restore(archive, Restorer(archive, put))
    return [bytes(one) for one in made]


def test_what_is_forged_without_a_fault_is_read() -> None:
    """Else the tests below would test nothing."""
    assert files_of(FILE.bytes()) == files_of(SPLIT.bytes()) == [SOURCE]
    assert n1codec.decode(ARRAY.bytes()).tolist() == [[1, 2], [3, 4], [5, 6]]
    packed = FILE.but(sections=(some(0, 0, zlib.compress(b"head"), 1), chunk(), some(0, 1, b"en"), some(0, 1, b"d")))
    assert files_of(packed.bytes()) == [SOURCE]
    assert files_of(FILE.but(sections=(model(), model(number=9), *FILE.sections)).bytes()) == [SOURCE]
    again = written_on(ARRAY.bytes(), ARRAY.but(sections=(chunk(start=3),), frames=put_uint(6),
                                                previous=index_of(ARRAY.bytes())))  # fmt: skip
    assert files_of(again) == [SAMPLES * 2]
    two = FILE.but(files=(file(channels=1), file(b"y", first=1, channels=1)),
                   checksums=struct.pack("<II", zlib.crc32(b"head" + ONE + b"end"), zlib.crc32(TWO)))  # fmt: skip
    assert files_of(two.bytes()) == [b"head" + ONE + b"end", TWO]
    nothing = Chunked(flags=1, streams=(), files=(), sections=(), frames=b"", checksums=b"")
    assert Archive(Memory(nothing.bytes())).head.folder
    no_channels = ARRAY.but(streams=(stream(channels=0, groups=b"\0"),), sections=(), frames=b"\0")
    assert n1codec.decode(no_channels.bytes()).shape == (0, 0)


def test_a_section_that_a_later_version_added_may_be_left_out(tmp_path: Path) -> None:
    before, *rest = FILE.sections
    blob = FILE.but(sections=((b"a", b"whatever"), before, (b"z", b""), *rest)).bytes()
    assert files_of(blob) == [SOURCE]
    (tmp_path / "cut.n1c").write_bytes(blob[:-20])
    recover(tmp_path / "cut.n1c", tmp_path / "whole.n1c")
    assert files_of((tmp_path / "whole.n1c").read_bytes()) == [SOURCE]
    for tag in (b"A", b"Z", b"`", b"{", b"\0", b"H", b"I", b"T"):
        with pytest.raises(FormatError, match="kind"):
            files_of(FILE.but(sections=((tag, b"whatever"), *FILE.sections)).bytes())


def fields(content: bytes) -> bytes:
    """Return the content of a section of a head of which the fields are given."""
    return zlib.compress(content)


HEADS = {
    "flags": (FILE.but(flags=4), "does not know"),
    "all flags": (FILE.but(flags=0xFC), "does not know"),
    "no fields": (FILE.but(head=b""), "head is damaged"),
    "fields that are no zlib": (FILE.but(head=b"no zlib"), "head is damaged"),
    "fields that do not end": (FILE.but(head=zlib.compress(bytes(99))[:-1]), "head is damaged"),
    "fields that are cut off": (FILE.but(head=fields(b"\0\1")), "too early"),
    "more behind the fields": (FILE.but(more_head=b"\0"), "bytes after its head"),
    "2^40 streams": (FILE.but(stream_count=1 << 40), "more streams"),
    "a stream too many": (FILE.but(stream_count=(1 << 16) + 1), "more streams"),
    "a stream that is not there": (FILE.but(stream_count=2), "."),
    "two streams of one name": (FILE.but(streams=(stream(), stream())), "two of its streams"),
    **{f"dtype {kind}": (FILE.but(streams=(stream(form=kind),)), "dtype") for kind in range(len(DTYPES), 16)},
    "bits of a stream": (FILE.but(streams=(stream(form=1 | 64),)), "does not know"),
    "one axis of two channels": (FILE.but(streams=(stream(form=1 | 32),)), "shape makes no sense"),
    "a rate that is none": (FILE.but(streams=(stream(rate=b"\x18"),)), "sampling rate"),
    "a rate below 0": (FILE.but(streams=(stream(rate=b"\x40" + struct.pack("<d", -1)),)), "sampling rate"),
    "too many channels": (FILE.but(streams=(stream(channels=(1 << 20) + 1),)), "shape makes no sense"),
    "too many channels of all streams": (
        FILE.but(streams=(*(stream(bytes([i]), channels=1 << 18) for i in range(4)), stream(channels=1))),
        "shape makes no sense",
    ),
    "2^40 groups": (FILE.but(streams=(stream(groups=put_uint(1 << 40)),)), "."),
    "no groups": (FILE.but(streams=(stream(groups=b"\0"),)), "groups of channels"),
    "a channel in no group": (FILE.but(streams=(stream(groups=uints(1, 1, 0, 1) + COPY),)), "groups of channels"),
    "a channel twice": (FILE.but(streams=(stream(groups=uints(1, 2, 0, 1, 0, 1) + COPY),)), "groups of channels"),
    "a channel in two groups": (
        FILE.but(streams=(stream(groups=uints(2, 1, 0, 1) + COPY + uints(1, 0, 1) + COPY),)),
        "groups of channels",
    ),
    "a channel that is not there": (FILE.but(streams=(stream(groups=uints(1, 1, 1, 2) + COPY),)), "groups of channels"),
    "a group of no runs": (FILE.but(streams=(stream(groups=b"\1\0" + COPY),)), "groups of channels"),
    "a run of nothing": (FILE.but(streams=(stream(groups=uints(1, 2, 0, 0, 0, 2) + COPY),)), "groups of channels"),
    "2^40 runs": (FILE.but(streams=(stream(groups=uints(1, 1 << 40)),)), "."),
    "a run that is long": (FILE.but(streams=(stream(groups=uints(1, 1, 0, 1 << 40) + COPY),)), "groups of channels"),
    "a run far away": (FILE.but(streams=(stream(groups=uints(1, 1, 1 << 63, 2) + COPY),)), "groups of channels"),
    "many groups of all channels": (
        FILE.but(streams=(stream(channels=1 << 10, groups=put_uint(999) + (uints(1, 0, 1 << 10) + COPY) * 999),)),
        "groups of channels",
    ),
    "stages without an end": (FILE.but(streams=(stream(groups=uints(1, 1, 0, 2) + b"d" * 300),)), "name of a stage"),
    "no coder": (FILE.but(streams=(stream(groups=uints(1, 1, 0, 2) + b"\xe4"),)), "."),
    "2^40 files": (FILE.but(file_count=1 << 40), "more files"),
    "a file too many": (FILE.but(file_count=(1 << 16) + 1), "more files"),
    "a file that is not there": (FILE.but(file_count=2), "too early"),
    "two files of one name": (FILE.but(files=(file(), bare(b"x.raw"))), "names a file twice"),
    "a file of no stream": (FILE.but(files=(file(number=2),)), "a stream that is not there"),
    "a file of a stream far away": (FILE.but(files=(file(number=1 << 40),)), "a stream that is not there"),
    **{f"a file of dtype {kind}": (FILE.but(files=(file(form=kind),)), "dtype") for kind in range(len(DTYPES), 16)},
    **{
        f"a file of {DTYPES[kind]}": (FILE.but(files=(file(form=kind),)), "dtypes of its files")
        for kind in range(len(DTYPES))
        if kind != 1
    },
    "bits of a file": (FILE.but(files=(file(form=1 | 64),)), "does not know"),
    "a file of no channels": (FILE.but(files=(file(), file(b"y", first=2, channels=0))), "each channel once"),
    "a channel in no file": (FILE.but(files=(file(channels=1),)), "each channel once"),
    "the first channel in no file": (FILE.but(files=(file(first=1, channels=1),)), "each channel once"),
    "no file of a stream": (FILE.but(files=(bare(),)), "each channel once"),
    "a channel in two files": (FILE.but(files=(file(), file(b"y", first=1, channels=1))), "each channel once"),
    "all channels in two files": (FILE.but(files=(file(), file(b"y"))), "each channel once"),
    "a channel too many in a file": (FILE.but(files=(file(channels=3),)), "each channel once"),
    "metadata that are no zlib": (FILE.but(metadata=b"no zlib"), "metadata are damaged"),
    "metadata that do not end": (FILE.but(metadata=zlib.compress(b"[{}]")[:-1]), "metadata are damaged"),
    "more behind the metadata": (FILE.but(metadata=zlib.compress(b"[{}]") + b"\0"), "metadata are damaged"),
    "metadata that are no JSON": (FILE.but(metadata=zlib.compress(b"[{}")), "metadata are damaged"),
    "metadata that are no text": (FILE.but(metadata=zlib.compress(b"\xff\xfe\xfd")), "metadata are damaged"),
    "metadata in a deep nest": (FILE.but(metadata=zlib.compress(b"[" * 99_999)), "metadata are damaged"),
    "metadata of nothing": (FILE.but(metadata=zlib.compress(b"{}")), "metadata make no sense"),
    "metadata of another stream": (FILE.but(metadata=zlib.compress(b"[{},{}]")), "metadata make no sense"),
    "metadata that are a number": (FILE.but(metadata=zlib.compress(b"[1]")), "metadata make no sense"),
}

GAP = "sections that it names are not those that are there"
LOST = "one before it that is not there"
INDEXES = {
    "no zlib": (FILE.but(index=b"no zlib"), "index are damaged"),
    "a zlib stream that does not end": (FILE.but(index=zlib.compress(bytes(99))[:-1]), "index are damaged"),
    "more behind the zlib stream": (FILE.but(index=zlib.compress(b"\0\3\0\0\0\0") + b"\0"), "index are damaged"),
    "more behind the fields": (FILE.but(more_index=b"\0"), "bytes after its index"),
    "2^60 entries": (FILE.but(entry_count=1 << 60), "."),
    "an entry too many": (FILE.but(entry_count=4), "."),
    "an entry too few": (FILE.but(entry_count=2), GAP),
    "no entries": (FILE.but(entries=()), GAP),
    "an entry of 2^60 bytes": (FILE.but(entries=(entry(*FILE.sections[0], length=1 << 60),)), GAP),
    "an entry of no bytes": (FILE.but(entries=(entry(*FILE.sections[0], length=0),)), GAP),
    "an entry of 5 bytes": (FILE.but(entries=(entry(*FILE.sections[0], length=5),)), GAP),
    "a gap": (FILE.but(between=b"hidden"), GAP),
    "an index that is cut off": (FILE.but(checksums=b"\0\0\0"), "too early"),
    "no checksums": (FILE.but(checksums=b""), "too early"),
    "fewer frames": (FILE.but(frames=put_uint(2)), "do not make up a recording"),
    "more frames": (FILE.but(frames=put_uint(4)), "do not make up a recording"),
    "2^60 frames": (FILE.but(frames=put_uint(1 << 60)), "do not make up a recording"),
    "frames of no channels": (
        ARRAY.but(streams=(stream(channels=0, groups=b"\0"),), sections=(), frames=put_uint(5)),
        "do not make up a recording",
    ),
    "an index before it that is none": (FILE.but(previous=20), LOST),
    "an index before it in the head": (FILE.but(previous=1), LOST),
    "an index before it that is itself": (FILE.but(previous=index_of(FILE.bytes())), LOST),
    "an index before it beyond the end": (FILE.but(previous=1 << 60), LOST),
    "an index in the head": (FILE.but(index_at=4), "not where it should be"),
    "an index at 0": (FILE.but(index_at=0), "."),
    "an index beyond the end": (FILE.but(index_at=1 << 63), "not where it should be"),
    "an index that is a chunk": (FILE.but(index_at=index_of(FILE.bytes()) - 12), "."),
    "a chunk of another stream": (ARRAY.but(sections=(chunk(stream=1),)), "a chunk of nothing"),
    "a chunk of another group": (ARRAY.but(sections=(chunk(group=1),)), "a chunk of nothing"),
    "a chunk of no frames": (ARRAY.but(sections=(chunk(frames=0), chunk())), "a chunk of nothing"),
    "a model of another stream": (ARRAY.but(sections=(model(stream=1), chunk())), "a model of nothing"),
    "a model of another group": (ARRAY.but(sections=(model(group=1), chunk())), "a model of nothing"),
    "a model without a number": (ARRAY.but(sections=(model(number=0), chunk())), "a model of nothing"),
    "the same model twice": (ARRAY.but(sections=(model(), model(), chunk())), "same model twice"),
    "a chunk whose model is missing": (ARRAY.but(sections=(chunk(model=1),)), "a model that is not there"),
    "a chunk before its model": (ARRAY.but(sections=(chunk(model=1), model())), "a model that is not there"),
    "bytes of another file": (FILE.but(sections=(*FILE.sections, some(1, 0, b"x"))), "bytes of no file"),
    "bytes of no file": (ARRAY.but(sections=(*ARRAY.sections, some(0, 0, b"x"))), "bytes of no file"),
    "bytes beside the samples": (FILE.but(sections=(*FILE.sections, some(0, 2, b"x"))), "bytes of no file"),
    "the same chunk twice": (ARRAY.but(sections=(chunk(), chunk()), frames=b"\6"), "same chunk twice"),
    "chunks that overlap": (ARRAY.but(sections=(chunk(), chunk(start=2)), frames=b"\5"), "do not make up a recording"),
    "chunks with a gap": (ARRAY.but(sections=(chunk(), chunk(start=4)), frames=b"\7"), "do not make up a recording"),
    "no first chunk": (ARRAY.but(sections=(chunk(start=3),), frames=b"\6"), "do not make up a recording"),
    "no chunks": (ARRAY.but(sections=()), "do not make up a recording"),
    "a group without a chunk": (SPLIT.but(sections=SPLIT.sections[:2]), "do not make up a recording"),
    "groups cut at other frames": (
        SPLIT.but(sections=(chunk(group=0, payload=ONE), chunk(group=1, frames=2, payload=TWO[:4]),
                            chunk(group=1, start=2, frames=1, payload=TWO[4:]))),
        "do not make up a recording",
    ),
    "a chunk that is too long": (
        ARRAY.but(sections=(chunk(frames=(1 << 26) + 1),), frames=put_uint((1 << 26) + 1)),
        "longer than one may be",
    ),
    "a chunk of 2^60 frames": (ARRAY.but(sections=(chunk(frames=1 << 60),), frames=put_uint(1 << 60)), "longer than"),
}  # fmt: skip

CHUNK = ARRAY.sections[0]
OTHER = "not the one that its index promises"
SECTIONS = {
    **{
        f"an index that says another {what}": (
            ARRAY.but(sections=(model(), one), frames=frames, entries=(entry(*model()), entry(*one, fields=said))),
            OTHER,
        )
        for what, one, said, frames in (
            ("model", CHUNK, uints(0, 0, 0, 3, 1), b"\3"),
            ("length", CHUNK, uints(0, 0, 0, 2, 0), b"\2"),
            ("stream", chunk(stream=7), uints(0, 0, 0, 3, 0), b"\3"),
            ("group", chunk(group=7), uints(0, 0, 0, 3, 0), b"\3"),
            ("start", chunk(start=7), uints(0, 0, 0, 3, 0), b"\3"),
        )
    },
    "a chunk that is a model": (
        ARRAY.but(sections=((b"M", CHUNK[1]),), entries=(entry(*CHUNK),)),
        "a chunk in it is not where it should be",
    ),
    "a chunk that is longer": (
        ARRAY.but(sections=(CHUNK, (b"a", b"")), entries=(entry(*CHUNK, length=len(section(*CHUNK)) + 6),)),
        "a chunk in it is not where it should be",
    ),
    "a chunk that is cut off": (
        ARRAY.but(sections=((b"C", CHUNK[1][:7]),), entries=(entry(*CHUNK, length=13),)),
        "too early",
    ),
    "a payload that is too short": (ARRAY.but(sections=(chunk(payload=SAMPLES[:-1]),)), "11 bytes instead of 12"),
    "a payload that is too long": (ARRAY.but(sections=(chunk(payload=SAMPLES + b"\0"),)), "13 bytes instead of 12"),
    "no payload": (ARRAY.but(sections=(chunk(payload=b""),)), "."),
    "a chunk that is large": (ARRAY.but(sections=(chunk(frames=1 << 26),), frames=put_uint(1 << 26)), "12 bytes"),
    "many large chunks": (
        ARRAY.but(sections=tuple(chunk(start=i << 26, frames=1 << 26) for i in range(99)), frames=put_uint(99 << 26)),
        "12 bytes",
    ),
    "another checksum of a chunk": (ARRAY.but(sections=(chunk(checksum=1),)), "decodes to something else"),
    "another checksum of a file": (FILE.but(checksums=bytes(4)), "decodes to something else"),
    "other bytes before": (FILE.but(sections=(some(0, 0, b"heaD"), *FILE.sections[1:])), "decodes to something else"),
    "other bytes behind": (FILE.but(sections=(*FILE.sections[:2], some(0, 1, b"enD"))), "decodes to something else"),
    "no bytes behind": (FILE.but(sections=FILE.sections[:2]), "decodes to something else"),
    "bytes at another place": (
        FILE.but(entries=(entry(*FILE.sections[0], fields=b"\0\1"), *(entry(*one) for one in FILE.sections[1:]))),
        OTHER,
    ),
    "bytes that are packed in another way": (
        FILE.but(sections=(some(0, 0, b"head", 2), *FILE.sections[1:])),
        "does not know",
    ),
    "bytes that are no zlib": (FILE.but(sections=(some(0, 0, b"head", 1), *FILE.sections[1:])), "are damaged"),
    "too many bytes": (
        FILE.but(sections=(some(0, 0, bytes((1 << 22) + 1)), *FILE.sections[1:])),
        "longer than one may be",
    ),
    "too many bytes in few": (
        FILE.but(sections=(some(0, 0, zlib.compress(bytes((1 << 22) + 1)), 1), *FILE.sections[1:])),
        "bytes of its source are damaged",
    ),
}


def least_memory(data: bytes) -> int:
    """Return the least that any implementation needs to look at a file."""
    return 40 * len(data) + 800_000


LARGER = {
    "too many channels of all streams": 100 << 20,
    "too many bytes in few": 20 << 20,
    "a run that is long": 1 << 20,
}
"""Memory that the format's own bounds allow, in bytes."""


SLOW = "too many channels of all streams"  # a million of them
FORGED = {**HEADS, **{f"index: {what}": forged for what, forged in INDEXES.items()}, **SECTIONS}


@pytest.mark.parametrize(
    "what", [pytest.param(what, marks=pytest.mark.slow if what == SLOW else ()) for what in FORGED]
)
def test_a_forged_file_is_refused_in_one_line(what: str) -> None:
    name = what.removeprefix("index: ")
    forged, message = FORGED[what]
    data = forged.bytes()
    tracemalloc.start()
    with pytest.raises(FormatError, match=message) as caught:
        files_of(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300
    assert peak < LARGER.get(name, least_memory(data)), f"{peak} bytes of memory for {len(data)}"


# -- zlib streams that hold much -------------------------------------------------------------------------------------


def peak_of(refused: Callable[[], object]) -> int:
    tracemalloc.start()
    with pytest.raises(FormatError):
        refused()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_what_a_zlib_stream_may_hold_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = zlib.compress(bytes(50 << 20), 9)
    assert peak_of(lambda: files_of(FILE.but(index=bomb).bytes())) < 2 << 20, "an index is backed by its sections"
    assert peak_of(lambda: files_of(FILE.but(head=bomb).bytes())) < 3 * version2.MOST_HEAD
    assert peak_of(lambda: files_of(FILE.but(metadata=bomb).bytes())) < 3 * version2.MOST_HEAD
    monkeypatch.setattr(version2, "MOST_HEAD", 1000)
    text = json.dumps([{"a": "b" * 988}], separators=(",", ":")).encode()
    assert len(text) == 1000 - 2
    assert files_of(FILE.but(metadata=zlib.compress(text.replace(b"a", b"abc"))).bytes()) == [SOURCE]
    with pytest.raises(FormatError, match="metadata are damaged"):
        files_of(FILE.but(metadata=zlib.compress(text.replace(b"a", b"abcd"))).bytes())
    longest = 1000 - len(b"\0\5x.raw\1\0\1\x0c\2\1\1\0\2\xe3\1" + b"\xbe\7" + b"\1\0\2\1")
    for more, fits in ((0, True), (1, False)):
        named = FILE.but(files=(file(b"x" * (longest + more)),))
        if fits:
            assert len(Archive(Memory(named.bytes())).head.files[0].name) == longest
        else:
            with pytest.raises(FormatError, match="head is damaged"):
                Archive(Memory(named.bytes()))


def test_a_chain_of_indexes_does_not_multiply_its_sections() -> None:
    """An index that named the sections before the one before it would make a short file a long list."""
    first = ARRAY.bytes()
    chunks = ARRAY.but(sections=(chunk(start=3),), frames=b"\6", previous=index_of(first))
    assert files_of(written_on(first, chunks)) == [SAMPLES * 2]
    both = chunks.but(entries=(entry(*CHUNK), entry(*chunk(start=3))))
    with pytest.raises(FormatError, match=GAP):
        files_of(written_on(first, both))
    with pytest.raises(FormatError, match=GAP):
        files_of(written_on(first, chunks.but(previous=0)))
    blob = first
    for start in range(3, 300, 3):
        blob = written_on(blob, chunks.but(sections=(chunk(start=start),), frames=put_uint(start + 3),
                                           previous=index_of(blob)))  # fmt: skip
    assert files_of(blob) == [SAMPLES * 100]
    other_tail = first[:-17] + tail(index_of(first) - 1)
    with pytest.raises(FormatError, match=LOST):
        files_of(written_on(other_tail, chunks))


def test_metadata_that_make_no_sense_are_left_out() -> None:
    for wrong in (
        {"gains": "much", "offsets": [1, 2, 3], "geometry": [[1, 2]] * 3, "converters": [0.5], "sync": [2]},
        {"gains": [10**400, 1], "offsets": {}, "geometry": 5.5, "converters": [1e300, 0], "sync": [-1]},
        {"gains": [[1], [2, 3]], "offsets": [None, "x"], "channel_names": ["a"], "converters": [None, 0], "sync": 1},
        {"gains": [True, []], "channel_names": [1, 2], "geometry": [[[1]]], "converters": "x", "sync": ["0"]},
    ):
        blob = FILE.but(metadata=zlib.compress(json.dumps([wrong | {"more": None}]).encode())).bytes()
        archive = Archive(Memory(blob))
        (found,) = archive.streams.values()
        assert found.channel_names == ("0", "1")
        assert found.gains is None and found.offsets is None and found.converters is None and not found.sync
        assert files_of(blob) == [SOURCE]
    good = {"gains": 2, "offsets": [1, None], "geometry": [[0, 20], [None, None]], "converters": [3, -1], "sync": [1]}
    (found,) = Archive(Memory(FILE.but(metadata=zlib.compress(json.dumps([good]).encode())).bytes())).streams.values()
    assert found.gains is not None and found.gains.tolist() == [2, 2]
    assert found.offsets is not None and found.offsets[0] == 1 and np.isnan(found.offsets[1])
    assert found.converters is not None and found.converters.tolist() == [3, -1]
    assert found.sync == (1,)


def test_a_head_that_no_reader_would_take_is_not_written() -> None:
    many = tuple(version2.File(str(number), -1) for number in range((1 << 16) + 1))
    for head in (
        version2.Head("x", True, False, (), many),
        version2.Head("x", True, False, (version2.Stream("", "int16", None, (1 << 20) + 1, ()),), ()),
        version2.Head("x" * (1 << 24), True, False, (), ()),
    ):
        with pytest.raises(CodecError, match="can hold"):
            version2.put_head(head, [[] for _ in head.streams])


# -- damage ----------------------------------------------------------------------------------------------------------


def small(kind: str, at: Path) -> bytes:
    """Return a small file of version 2 that the program wrote."""
    target = at / "x.n1c"
    if kind == "written on":
        with n1codec.create(target, 2, rate=1000.0, spec="copy", channel_names=["a", "b"]) as new:
            new.write(walks(3, 2))
        with n1codec.append(target) as more:
            more.write(walks(2, 2))
        return target.read_bytes()
    if kind == "folder":
        source = open_ephys(at / "run", {"ap": walks(5, 2), "lf": walks(4, 1)})
        (source / "structure.oebin").write_text((source / "structure.oebin").read_text().replace(" ", ""))
    elif kind == "order f":
        source = at / "f.npy"
        np.save(source, np.asfortranarray(walks(5, 2).astype(">i4")))
    else:
        source = spikeglx(at / "run.ap.bin", walks(6, 3))
    encode_file(source, target, "delta|copy")
    return target.read_bytes()


@pytest.mark.parametrize("kind", ["written on", "folder", "order f", "bin and meta"])
def test_every_prefix_and_flipped_bits_of_a_file_are_refused(kind: str, tmp_path: Path) -> None:
    blob = small(kind, tmp_path)
    assert blob[3] == 2
    files_of(blob)
    whole_before = blob.find(version2.END) + len(version2.END)
    for size in range(len(blob)):
        if size != whole_before:  # what was there before somebody wrote on is a file by itself
            with pytest.raises(FormatError):
                files_of(blob[:size])
    assert (whole_before < len(blob)) == (kind == "written on")
    bits = 8 * len(blob)
    for bit in range(0, bits, 1 if bits < 4000 else 5):
        with pytest.raises(FormatError):
            files_of(flipped(blob, bit))
    for more in (b"\0", blob[-17:], blob):
        with pytest.raises(FormatError):
            files_of(blob + more)


# -- names of files --------------------------------------------------------------------------------------------------

OUTSIDE = ["../y", "/tmp/y", "..", ".", "", "a/../../y", "a//b", "./a", "a/", "a\0b", "/"]
"""Names that no file of a source has."""


def everything(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def n1codec_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: object) -> list[str]:
    """Run a command of the program, which must fail, and return its lines on stderr."""
    monkeypatch.setattr(sys, "argv", ["n1codec", *map(str, words)])
    assert cli.main() == 1
    out, err = capsys.readouterr()
    assert not out or words[0] == "verify"
    return err.splitlines()


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize("folder", [False, True], ids=["files", "folder"])
def test_names_that_lead_elsewhere_are_refused(
    name: str, folder: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    inside = tmp_path / "here"
    inside.mkdir()
    blob = FILE.but(flags=int(folder), files=(file(), bare(name.encode())), checksums=FILE.checksums + bytes(4)).bytes()
    (inside / "x.n1c").write_bytes(blob)
    lines = n1codec_command(monkeypatch, capsys, "decode", inside / "x.n1c", inside / "out")
    assert len(lines) == 1 and "it names a file that no source has" in lines[0] and "x.n1c" in lines[0]
    assert everything(tmp_path) == ["here", "here/x.n1c"]


@pytest.mark.parametrize(
    ("folder", "names"), [(0, ["a/b"]), (1, ["a", "a/b"]), (1, ["a/b/c", "a/b"]), (1, ["a/b", "a"])]
)
def test_names_that_cannot_all_be_written_are_refused(
    folder: int, names: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    more = tuple(bare(name.encode()) for name in names)
    blob = FILE.but(flags=folder, files=(file(), *more), checksums=FILE.checksums + bytes(4 * len(names))).bytes()
    (tmp_path / "x.n1c").write_bytes(blob)
    lines = n1codec_command(monkeypatch, capsys, "decode", tmp_path / "x.n1c", tmp_path / "out")
    assert (len(lines) == 1 and "it names a file" in lines[0]) or "one of its files" in lines[0]
    assert everything(tmp_path) == ["x.n1c"]


# -- the commands ----------------------------------------------------------------------------------------------------

COMMANDS = ["info", "decode", "verify", "cat"]
DAMAGED = {
    "a head that is damaged": flipped(FILE.bytes(), 8 * 12),
    "a chunk that is damaged": FILE.but(sections=(FILE.sections[0], chunk(checksum=1), FILE.sections[2])).bytes(),
    "an index that is damaged": flipped(FILE.bytes(), 8 * (len(FILE.bytes()) - 30)),
    "no end": FILE.bytes()[:-20],
    "an index that lies": FILE.but(frames=b"\7").bytes(),
    "a file that differs": FILE.but(checksums=bytes(4)).bytes(),
    "a folder that differs": FILE.but(flags=1, checksums=bytes(4)).bytes(),
    "bytes that are none": FILE.but(sections=(some(0, 0, b"head", 1), *FILE.sections[1:])).bytes(),
    "nothing but a start": b"N1C\x02",
}


NOT_LOOKED_AT = {
    "info": {"a chunk that is damaged", "a file that differs", "a folder that differs"},
    "cat": {"a file that differs", "a folder that differs", "bytes that are none"},
}
"""Damage that a command has no need to see."""


@pytest.mark.parametrize(
    ("command", "what"),
    [(one, what) for one in COMMANDS for what in DAMAGED if what not in NOT_LOOKED_AT.get(one, ())],
)
def test_commands_tell_it_in_one_line_and_leave_nothing_behind(
    command: str, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.n1c"
    path.write_bytes(DAMAGED[what])
    more = {"decode": [tmp_path / "out"], "cat": ["-o", tmp_path / "out.npy"]}.get(command, [])
    lines = n1codec_command(monkeypatch, capsys, command, path, *more)
    assert len(lines) == 1 and len(lines[0]) < 300 and str(path) in lines[0], lines
    assert everything(tmp_path) == ["x.n1c"]


def test_recover_refuses_what_is_forged(tmp_path: Path) -> None:
    path = tmp_path / "x.n1c"
    for forged in (HEADS["2^40 streams"][0], FILE.but(sections=(*FILE.sections, some(7, 0, b"x")))):
        path.write_bytes(forged.bytes())
        with pytest.raises(FormatError):
            recover(path, tmp_path / "out.n1c")
        assert not (tmp_path / "out.n1c").exists()
    ends = chunk(start=1 << 60, frames=1 << 60), (b"C", b""), (b"M", b""), (b"B", b"")
    path.write_bytes(ARRAY.but(sections=(CHUNK, ends[0])).bytes())
    assert recover(path, tmp_path / "out.n1c").frames == (3,)
    for section_ in ends[1:]:
        path.write_bytes(ARRAY.but(sections=(CHUNK, section_), entries=()).bytes())
        assert recover(path, tmp_path / "out.n1c").frames == (3,)
        assert files_of((tmp_path / "out.n1c").read_bytes()) == [SAMPLES]


def test_files_that_travel_with_the_first_get_names_like_its_own(tmp_path: Path) -> None:
    more = (bare(b"run.ap.bin.json"), bare(b"run.ap.meta"), bare(b"notes.txt"))
    forged = FILE.but(files=(file(b"run.ap.bin"), *more), checksums=FILE.checksums + bytes(12))
    (tmp_path / "x.n1c").write_bytes(forged.bytes())
    n1codec.decode_file(tmp_path / "x.n1c", tmp_path / "new.raw")
    assert everything(tmp_path) == ["new.meta", "new.raw", "new.raw.json", "notes.txt", "x.n1c"]
    assert (tmp_path / "new.raw").read_bytes() == SOURCE
    with pytest.raises(CodecError, match="the same name"):
        n1codec.decode_file(tmp_path / "x.n1c", tmp_path / "new.meta")
