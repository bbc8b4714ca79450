"""One direction of one codec on one file, timed apart from reading, parsing, checksums and writing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

from n1codec.codec import FileCoder
from n1codec.container import decoder, open_source, read, restore
from n1codec.pipeline import Pipeline

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer


class Pass(NamedTuple):
    """What came of doing the work once."""

    result: Any
    """For :meth:`Work.finish`: a payload, or samples."""
    seconds: float
    """The codec's own."""
    start_seconds: float = 0.0
    """What the start of a process took that is not in them, where somebody else's program does the work."""


class Work:
    """The work of a codec on a file, to be done once or many times.

    Args:
        data: the file to encode, or the .n1c file to decode.
        direction: "encode" or "decode".
        given: the codec; None decodes with the one that the file names.

    Raises:
        CodecError: the .n1c file is damaged, or needs another codec.
    """

    def __init__(self, data: Buffer, direction: str, given: Pipeline | None) -> None:
        self.data = memoryview(data)
        self.stored = ""
        """Why a file to encode is stored as it is; empty where its samples are coded."""
        self._do: Callable[[], Any]
        if direction == "encode":
            assert given
            source = open_source(data, given)
            self.codec, self.stored = source.stages, source.stored
            self.finish: Callable[[Any], Iterable[Buffer]] = source.seal
            if isinstance(coder := self.codec.coder, FileCoder):
                self._do = partial(coder.run_encoder, source.samples.tobytes())
            else:
                self._do = lambda: self.codec.encode(source.samples)
        else:
            header = read(data)
            layout, self.codec = header.layout, decoder(header, given)
            self.finish = partial(restore, header)
            if isinstance(coder := self.codec.coder, FileCoder):
                self._do = partial(coder.run_decoder, bytes(header.payload), layout.nbytes)
                as_array = coder.as_array
                self.finish = lambda output: restore(header, as_array(output, layout))
            else:
                self._do = lambda: self.codec.decode(header.payload, layout)

    def run(self) -> Pass:
        """Do it once."""
        if isinstance(self.codec.coder, FileCoder):
            return Pass(*self._do())
        start = perf_counter()
        result = self._do()
        return Pass(result, perf_counter() - start)
