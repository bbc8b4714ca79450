"""``filter|filter|coder:key=value`` -> one codec.

Grammar of a spec: stages joined by ``|``, filters first, one coder last; a stage is ``name`` or
``name:key=value,key=value``. A value with any of ``: , | = "`` or a blank stands in double quotes with backslash
escapes. A classic name (``delta_zstd``) stands for the stages it is an alias of.

One rule adapts an array to a stage that does not take it as it is. Channels go apart if the stage is for one channel.
A dtype it does not take is widened to int16 if it is 8 bits wide, seen as int16 if it is 16 bits wide, and split into
16-bit planes, the lowest first, if it is wider. Each piece is coded by itself.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from n1codec import registry
from n1codec.codec import CodecError, Coder, Filter, FormatError, Layout, ModelCoder, SpecError, Stage, UnavailableError
from n1codec.varint import Reader, put_bytes

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

MOST_STAGES = 64
"""Stages of a codec at most, so that a forged file cannot ask for endless work."""
_TOKEN = re.compile(r'\s*(?:"((?:\\.|[^"\\])*)"|([^|:,="\s]+)|([|:,=]))\s*')
_BARE = re.compile(r'[^|:,="\s\\]+')


def parse(spec: str) -> list[tuple[str, dict[str, str]]]:
    """Return [(name, {key: text})] of a spec, classic names expanded.

    Raises:
        SpecError: the text does not follow the grammar.
    """
    tokens: list[tuple[str, str]] = []
    at = 0
    while at < len(spec):
        match = _TOKEN.match(spec, at)
        if not match:
            raise SpecError(f"spec {spec!r}: cannot read it from {spec[at:]!r} on (quotes that do not close?)")
        quoted, word, mark = match.groups()
        tokens.append(("mark", mark) if mark else ("word", word if word else re.sub(r"\\(.)", r"\1", quoted)))
        at = match.end()
    tokens.append(("mark", "|"))

    stages: list[tuple[str, dict[str, str]]] = []
    i = 0

    def take(kind: str, what: str) -> str:
        nonlocal i
        if i >= len(tokens) or tokens[i][0] != kind:
            raise SpecError(f"spec {spec!r}: expected {what} (write it name:key=value,key=value|name)")
        i += 1
        return tokens[i - 1][1]

    while i < len(tokens):
        name = take("word", "a name")
        values: dict[str, str] = {}
        mark = take("mark", "'|' or ':'")
        if mark == ":":
            while True:
                key = take("word", "a parameter")
                if take("mark", "'='") != "=":
                    raise SpecError(f"spec {spec!r}: {key} has no value (write {key}=...)")
                if key in values:
                    raise SpecError(f"spec {spec!r}: {key} stands there twice")
                values[key] = take("word", f"a value for {key}")
                mark = take("mark", "',' or '|'")
                if mark != ",":
                    break
        if mark != "|":
            raise SpecError(f"spec {spec!r}: {mark!r} where '|' should stand")
        alias = registry.CLASSIC.get(name, name)
        if alias != name:
            if values:
                raise SpecError(f"{name} is an alias of {alias} and takes no parameters (give them to {alias})")
            stages += parse(alias)
        else:
            stages.append((name, values))
    return stages


def _quote(value: Any) -> str:
    text = str(int(value) if isinstance(value, float) and value.is_integer() else value)
    if _BARE.fullmatch(text):
        return text
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'


def stage_spec(stage: Stage) -> str:
    """Return the canonical spelling of one stage."""
    shown = [f"{k}={_quote(v)}" for k, v in stage.get_config().items() if v != stage.params[k].default]
    return stage.name + (":" + ",".join(shown) if shown else "")


class Pipeline:
    """Filters and a coder as one codec for arrays of shape (frames,) or (frames, channels).

    Raises:
        SpecError: a coder stands before the end, or a filter at it or before a coder of whole files, or a lossy stage
            behind another, or there are more than MOST_STAGES of them.
    """

    def __init__(self, stages: Sequence[Stage]) -> None:
        if len(stages) > MOST_STAGES:
            raise SpecError(f"a codec of {len(stages)} stages is too long (it has {MOST_STAGES} at most)")
        *filters, coder = stages
        for stage in filters:
            if not isinstance(stage, Filter):
                raise SpecError(f"{stage.name} is a coder and must stand last")
        if not isinstance(coder, Coder):
            raise SpecError(f"{coder.name} is a filter: a coder must follow it, such as {coder.name}|zstd")
        for stage in stages[1:]:
            if not stage.lossless:
                raise SpecError(f"{stage.name} loses something of what it gets: it must stand first")
        self.filters: list[Filter] = [stage for stage in filters if isinstance(stage, Filter)]
        self.coder = coder
        if self.external and self.filters:
            raise SpecError(f"{coder.name} takes a file as it is: no filter can stand before it")

    def __repr__(self) -> str:
        return f"get_codec({self.spec!r})"

    @property
    def stages(self) -> list[Stage]:
        return [*self.filters, self.coder]

    @property
    def spec(self) -> str:
        """The canonical spelling: parameters in declared order, defaults left out."""
        return "|".join(stage_spec(stage) for stage in self.stages)

    @property
    def family(self) -> str:
        """The coder's family, or "predictive" where a predictor leads."""
        families = [stage.family for stage in self.stages]
        return "predictive" if "predictive" in families else families[-1]

    @property
    def lossless(self) -> bool:
        """Whether what comes back is always what was given."""
        return all(stage.lossless for stage in self.stages)

    def loss(self) -> str:
        """Return what is lost, in words; empty where nothing is."""
        return self.stages[0].loss()

    def near(self, x: np.ndarray, back: np.ndarray) -> bool:
        """Return whether what came back of ``x`` is as near to it as was promised."""
        stage = self.stages[0]
        pairs = zip(_split(x, stage), _split(back, stage), strict=True)
        return not x.size or all(stage.promise(piece).holds(piece, restored) for piece, restored in pairs)

    @property
    def external(self) -> bool:
        """Whether it takes files instead of arrays, by programs that are given anew to whoever decodes."""
        return self.coder.whole_file

    @property
    def model_coder(self) -> ModelCoder | None:
        """The coder, if chunks of a recording share its models: if it has any, and no filter stands before it."""
        return self.coder if isinstance(self.coder, ModelCoder) and not self.filters else None

    def unavailable(self) -> str | None:
        """Return why this codec cannot run here, or None if it can."""
        return next((f"{s.name} {why}" for s in self.stages if (why := s.unavailable())), None)

    def fit(self, x: np.ndarray, converters: np.ndarray | None = None) -> bytes:
        """Return a model of samples, for ``encode`` and ``decode``; if it has any (:attr:`model_coder`).

        Args:
            x: shape (frames,) or (frames, channels).
            converters: the number of the converter of each channel, shape (channels,); None where nobody knows.

        Raises:
            UnavailableError: a library is missing.
            CodecError: the coder has no models, or does not take such an array.
        """
        try:
            return _fit(_with_models(self.coder), x, converters)
        except ImportError as error:
            raise UnavailableError(self.unavailable() or str(error)) from error

    def encode(self, x: np.ndarray, model: bytes | None = None) -> bytes:
        """Return the payload of ``x``: the side information of each filter, then the coder's bytes.

        Args:
            x: an array that may lie in memory in any way: strided, misaligned, in the other byte order, read-only.
            model: what :meth:`fit` returned; None where the payload holds all that decoding needs.

        Raises:
            UnavailableError: a library is missing.
            CodecError: a stage does not take such an array.
        """
        try:
            sides = b""
            for stage in self.filters:
                x, side = _forward(stage, x)
                if stage.side:
                    sides += put_bytes(side)
            return sides + _encode(self.coder, x, model)
        except ImportError as error:
            raise UnavailableError(self.unavailable() or str(error)) from error

    def decode(self, payload: Buffer, layout: Layout, model: bytes | None = None) -> np.ndarray:
        """Return the array of ``layout`` that ``encode`` turned into ``payload``, which may be any buffer.

        Its byte order is that of this machine. The model is that which ``encode`` was given.

        Raises:
            UnavailableError: a library is missing.
            FormatError: the payload is not one of this codec, or not of this layout.
        """
        try:
            steps, data, layout = self._unpacked(payload, layout)
            x = _decode(self.coder, data, layout, model)
            for stage, side, wanted in reversed(steps):
                x = _inverse(stage, x, side, wanted)
            return x
        except ImportError as error:
            raise UnavailableError(self.unavailable() or str(error)) from error
        except CodecError:
            raise
        except MemoryError as error:
            raise FormatError("its decoded size is more than this machine's memory") from error
        except Exception as error:  # whatever a library raises on bytes that it does not like
            raise FormatError(f"its payload is damaged: {type(error).__name__}: {error}") from error

    def coded(self, x: np.ndarray, model: bytes | None = None) -> tuple[bytes, np.ndarray]:
        """Return the payload of ``x``, as :meth:`encode` does, and what :meth:`decode` will return for it."""
        payload = self.encode(x, model)
        return payload, x if self.lossless else self.decode(payload, Layout.of(x), model)

    def _unpacked(self, payload: Buffer, layout: Layout) -> tuple[list[tuple[Filter, bytes, Layout]], bytes, Layout]:
        """Return (filter, its side information, layout of its input) of each, the coder's bytes and their layout."""
        reader = Reader(payload)
        steps = []
        if not layout.dtype.isnative:
            layout = Layout(layout.shape, layout.dtype.newbyteorder("="))
        for stage in self.filters:
            side = reader.prefixed() if stage.side else b""
            steps.append((stage, side, layout))
            layout = _output(stage, layout, side)
        return steps, reader.rest(), layout

    def needs(self, payload: Buffer, layout: Layout, model: bytes | None = None) -> str:
        """Return what decoding a payload takes beside this program, in words, such as a profile; empty for nothing.

        The model is that which ``encode`` was given.

        Raises:
            FormatError: the payload is not one of this codec, or not of this layout.
        """
        _, data, layout = self._unpacked(payload, layout)
        if not layout.size:
            return ""
        parts = _unpack(data if model is None else model, len(_piece_layouts(layout, self.coder)))
        asked = self.coder.needs if model is None else _with_models(self.coder).needs_with
        return ", ".join(dict.fromkeys(filter(None, map(asked, parts))))


def get_codec(spec: str) -> Pipeline:
    """Return the codec that a spec such as ``delta|zstd:level=19`` or a classic name describes.

    Raises:
        SpecError: it is no text, or has an unknown name, parameter or value; the message says what is valid.
    """
    if not isinstance(spec, str):
        raise SpecError(f"a codec is named by a text such as 'delta|zstd:level=19', not by {spec!r}")
    return Pipeline([registry.find(name)(**values) for name, values in parse(spec)])


def default_codec() -> Pipeline | None:
    """Return the codec that the environment variable N1_CODEC names; None where none is, and the recording decides."""
    spec = os.environ.get("N1_CODEC") or registry.AUTO
    return None if spec == registry.AUTO else get_codec(spec)


# -- adapting arrays to stages ---------------------------------------------------------------------------------------
# A stage never sees an empty array: it passes filters untouched and costs no bytes.


def _planes(layout: Layout, stage: Stage) -> int:
    """Return into how many 16-bit planes a dtype is split for a stage: 0 if the stage takes it as it is."""
    if not stage.dtypes or layout.dtype.name in stage.dtypes:
        return 0
    return max(layout.dtype.itemsize // 2, 1)


def _channels(layout: Layout, stage: Stage) -> int:
    """Return into how many channels an array is split for a stage: 0 if the stage takes it as it is."""
    return layout.shape[1] if stage.per_channel and len(layout.shape) == 2 else 0


def _piece_layouts(layout: Layout, stage: Stage) -> list[Layout]:
    planes, channels = _planes(layout, stage), _channels(layout, stage)
    shape = layout.shape[:1] if channels else layout.shape
    dtype = np.dtype(np.int16) if planes else layout.dtype
    return [Layout(shape, dtype)] * (max(planes, 1) * max(channels, 1))


def _split(x: np.ndarray, stage: Stage) -> list[np.ndarray]:
    planes = _planes(Layout.of(x), stage)
    if not planes:
        pieces = [x]
    elif x.dtype.itemsize == 1:
        pieces = [x.astype(np.int16)]
    else:
        words = np.ascontiguousarray(x, x.dtype.newbyteorder("<")).view("<i2").reshape(*x.shape, planes)
        pieces = [words[..., plane] for plane in range(planes)]
    if channels := _channels(Layout.of(x), stage):
        pieces = [piece[:, channel] for piece in pieces for channel in range(channels)]
    return [_plain(piece) for piece in pieces]


def _plain(x: np.ndarray) -> np.ndarray:
    """Return the samples C-contiguous, aligned and in native byte order, copied only where they are not.

    Libraries read samples through pointers of their type: openzl aborts the process if such a pointer is misaligned.
    """
    if x.flags.c_contiguous and x.flags.aligned and x.dtype.isnative:
        return x  # in a tenth of the time that np.require takes to find out
    return np.require(x, x.dtype.newbyteorder("="), ["C_CONTIGUOUS", "ALIGNED"])


def _join(pieces: list[np.ndarray], layout: Layout, stage: Stage) -> np.ndarray:
    if channels := _channels(layout, stage):
        pieces = [np.stack(pieces[i : i + channels], axis=1) for i in range(0, len(pieces), channels)]
    planes = _planes(layout, stage)
    if not planes:
        return pieces[0]
    if layout.dtype.itemsize == 1:
        return pieces[0].astype(layout.dtype)
    words = np.stack(pieces, axis=-1).astype("<i2", copy=False)
    return words.view(layout.dtype.newbyteorder("<")).reshape(layout.shape).astype(layout.dtype, copy=False)


def _pack(parts: list[bytes]) -> bytes:
    return parts[0] if len(parts) == 1 else b"".join(map(put_bytes, parts))


def _unpack(data: bytes, count: int) -> list[bytes]:
    if count == 1:
        return [data]
    reader = Reader(data)
    parts = [reader.prefixed() for _ in range(count)]
    if reader.rest():
        raise FormatError("there are bytes after its last piece")
    return parts


def _columns(layouts: list[Layout]) -> bool:
    """Whether the outputs of a filter's pieces stand side by side; otherwise they follow one another."""
    return all(len(layout.shape) == 1 and layout == layouts[0] for layout in layouts)


def _with_models(coder: Coder) -> ModelCoder:
    if not isinstance(coder, ModelCoder):
        raise SpecError(f"{coder.name} has no models (n1codec list --json shows which coders do: model)")
    return coder


def _fit(coder: ModelCoder, x: np.ndarray, converters: np.ndarray | None) -> bytes:
    pieces = _split(x, coder)
    known: list[np.ndarray | None] = [converters] * len(pieces)
    if converters is not None and (channels := _channels(Layout.of(x), coder)):
        known = [converters[i % channels : i % channels + 1] for i in range(len(pieces))]
    return _pack([coder.fit(piece, some) for piece, some in zip(pieces, known, strict=True)])


def _encode(coder: Coder, x: np.ndarray, model: bytes | None) -> bytes:
    if not x.size:
        return b""
    pieces = _split(x, coder)
    if model is None:
        return _pack([coder.encode(piece) for piece in pieces])
    models, coder = _unpack(model, len(pieces)), _with_models(coder)
    return _pack([coder.encode_with(piece, own) for piece, own in zip(pieces, models, strict=True)])


def _decode(coder: Coder, data: bytes, layout: Layout, model: bytes | None) -> np.ndarray:
    if not layout.size:
        if data:
            raise FormatError("an empty array takes no bytes")
        return np.empty(layout.shape, layout.dtype)
    layouts = _piece_layouts(layout, coder)
    parts = _unpack(data, len(layouts))
    if model is None:
        pieces = [coder.decode(part, piece) for part, piece in zip(parts, layouts, strict=True)]
    else:
        models, coder = _unpack(model, len(layouts)), _with_models(coder)
        pieces = [coder.decode_with(*each) for each in zip(parts, layouts, models, strict=True)]
    return _join([_checked(coder, x, piece) for x, piece in zip(pieces, layouts, strict=True)], layout, coder)


def _forward(stage: Filter, x: np.ndarray) -> tuple[np.ndarray, bytes]:
    if not x.size:
        return x, b""
    outputs, sides = zip(*(stage.forward(piece) for piece in _split(x, stage)), strict=True)
    if len(outputs) == 1:
        return outputs[0], sides[0]
    if _columns([Layout.of(y) for y in outputs]):
        return np.stack(outputs, axis=1), _pack(list(sides))
    return np.concatenate([y.ravel() for y in outputs]), _pack(list(sides))


def _piece_outputs(stage: Filter, layout: Layout, side: bytes) -> tuple[list[Layout], list[bytes], list[Layout]]:
    layouts = _piece_layouts(layout, stage)
    sides = _unpack(side, len(layouts) if stage.side else 1)
    sides = sides if stage.side else [b""] * len(layouts)
    return layouts, sides, [stage.output(piece, s) for piece, s in zip(layouts, sides, strict=True)]


def _output(stage: Filter, layout: Layout, side: bytes) -> Layout:
    if not layout.size:
        return layout
    _, _, outputs = _piece_outputs(stage, layout, side)
    if len(outputs) == 1:
        return outputs[0]
    if _columns(outputs):
        return Layout((outputs[0].shape[0], len(outputs)), outputs[0].dtype)
    return Layout((sum(output.size for output in outputs),), outputs[0].dtype)


def _inverse(stage: Filter, y: np.ndarray, side: bytes, layout: Layout) -> np.ndarray:
    if not layout.size:
        return np.empty(layout.shape, layout.dtype)
    layouts, sides, outputs = _piece_outputs(stage, layout, side)
    if len(outputs) == 1:
        pieces = [_plain(y)]
    elif _columns(outputs):
        pieces = [_plain(y[:, i]) for i in range(len(outputs))]
    else:
        ends = np.cumsum([output.size for output in outputs])[:-1]
        pieces = [_plain(part.reshape(o.shape)) for part, o in zip(np.split(y, ends), outputs, strict=True)]
    restored = [
        _checked(stage, stage.inverse(piece, s, wanted), wanted)
        for piece, s, wanted in zip(pieces, sides, layouts, strict=True)
    ]
    return _join(restored, layout, stage)


def _checked(stage: Stage, x: np.ndarray, layout: Layout) -> np.ndarray:
    if Layout.of(x) != layout:
        raise FormatError(
            f"{stage.name} decoded {x.dtype}{list(x.shape)} instead of {layout.dtype}{list(layout.shape)}"
        )
    return x
