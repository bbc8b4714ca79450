"""The recordings that a command works on, and how they are to be read: the same options for every command."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from n1codec.codec import CodecError

if TYPE_CHECKING:
    from n1codec.recordings import Flat, Reading

Function = Callable[..., Any]


class Numbers(click.ParamType):
    """Numbers of channels: ``0-3,7`` gives (0, 1, 2, 3, 7), in the order in which they stand."""

    name = "channels"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        found: list[int] = []
        for piece in str(value).split(","):
            match = re.fullmatch(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?", piece, re.ASCII)
            first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
            if not first <= last < 1 << 20:
                self.fail(f"{value!r} names no channels (write them as 0-3,7)", param, ctx)
            found += range(first, last + 1)
        if len(set(found)) < len(found):
            self.fail(f"{value!r} names a channel twice", param, ctx)
        return tuple(found)


def takes_data(
    *,
    many: bool = False,
    required: bool = False,
    about: str = "The recordings; the same as DATA.",
    virtual: int | None = None,
) -> Callable[[Function], Function]:
    """Add an argument DATA and an option ``--data`` to a command, of which the user gives one, and how to read it.

    The command's function gets them as ``data``: the name as text, or None if there is none; and as ``reading`` what
    :func:`describes_recordings` adds.

    Args:
        many: several may be given, and the function gets a tuple of them.
        required: one has to be given.
        about: the help of the option.
        virtual: how many channels recordings serve as unless ``--as-channels`` says it, which the command gets then.
    """

    def decorate(function: Function) -> Function:
        @wraps(function)
        def command(*arguments: Any, named: Any, also_named: Any, **options: Any) -> Any:
            if named and also_named:
                raise click.UsageError("name the recordings once: as DATA or with --data")
            data = named or also_named
            if required and not data:
                raise click.UsageError("name the recordings: DATA or --data DATA")
            return function(*arguments, data=data, **options)

        argument = click.argument("named", metavar=f"{'DATA' if required else '[DATA]'}{'...' * many}",
                                  required=False, nargs=-1 if many else 1)  # fmt: skip
        option = click.option("--data", "also_named", metavar="DATA", multiple=many, help=about)
        described = describes_recordings(command if virtual is None else _serves_as_channels(command, virtual))
        return argument(option(described))

    return decorate


def _serves_as_channels(function: Function, usual: int) -> Function:
    """Add the option ``--as-channels``, for which ``--channels`` stands where nothing else describes a flat file."""

    @wraps(function)
    def command(*arguments: Any, as_channels: int | None, reading: Reading, **options: Any) -> Any:
        from n1codec.recordings import Flat

        if (flat := reading.flat) and flat == Flat(flat.channels) and not as_channels:
            as_channels, reading = flat.channels, reading._replace(flat=None)
        return function(*arguments, as_channels=as_channels or usual, reading=reading, **options)

    return click.option(
        "--as-channels", type=click.IntRange(1), metavar="N", show_default=str(usual),
        help="How many channels the recordings serve as. --channels by itself means the same.",
    )(command)  # fmt: skip


def describes_recordings(function: Function) -> Function:
    """Add the options that say how recordings are to be read; the function gets them as ``reading``, a ``Reading``."""

    @describes_flat_files
    @wraps(function)
    def command(
        *arguments: Any,
        stream: str,
        select: tuple[int, ...] | None,
        group: str | None,
        reading: Reading,
        **options: Any,
    ) -> Any:
        said = reading._replace(stream=stream, select=select, group=group or "")
        return function(*arguments, reading=said, **options)

    by_stream = click.option(
        "--stream", default="", metavar="NAME", help="Which stream of a recording that has several."
    )
    by_channel = click.option(
        "--select", type=Numbers(), metavar="0-3,7", help="Which channels; all if none are named."
    )
    together = click.option(
        "--group", type=click.Choice(["all", "auto"]), help="Take files of one channel each as one recording: all of "
        "them, or those that were recorded together, as their samples tell.",
    )  # fmt: skip
    return by_stream(by_channel(together(command)))


def describes_flat_files(function: Function) -> Function:
    """Add the options that say what is in a flat binary file; the function gets them as ``reading``, a ``Reading``."""

    @wraps(function)
    def command(
        *arguments: Any,
        channels: int | None,
        dtype: str | None,
        rate: float | None,
        order: str | None,
        offset: int | None,
        **options: Any,
    ) -> Any:
        from n1codec.recordings import Reading

        flat = _flat(channels, dtype, rate, order, offset)
        return function(*arguments, reading=Reading(flat=flat), **options)

    for option in reversed(
        (
            click.option("--channels", type=click.IntRange(1), metavar="N", help="Channels of a flat binary file."),
            click.option("--dtype", metavar="DTYPE", help="Its samples' type, such as int16 (the default) or >i2."),
            click.option("--rate", type=click.FloatRange(0, min_open=True), metavar="HZ", help="Its sampling rate."),
            click.option("--order", type=click.Choice(["C", "F"], case_sensitive=False),
                         help="C: all channels of a frame stand together (the default); F: all frames of a channel."),
            click.option("--offset", type=click.IntRange(0), metavar="BYTES", help="Bytes before its samples."),
        )
    ):  # fmt: skip
        command = option(command)
    return command


def _flat(
    channels: int | None, dtype: str | None, rate: float | None, order: str | None, offset: int | None
) -> Flat | None:
    """Return what a user says of a flat binary file, or None.

    Raises:
        click.UsageError: something is said, but not how many channels it has, or the type is none that is read.
    """
    if channels is None:
        if (dtype, rate, order, offset) != (None,) * 4:
            raise click.UsageError("--dtype, --rate, --order and --offset describe a flat binary file: say its "
                                   "--channels, too")  # fmt: skip
        return None
    from n1codec.recordings import Flat, flat

    said = Flat(channels, dtype or "int16", rate or 0.0, (order or "C").upper(), offset or 0)
    try:
        flat.form(said)
    except CodecError as error:
        raise click.UsageError(str(error)) from error
    return said
