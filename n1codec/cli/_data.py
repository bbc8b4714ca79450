"""The recordings that a command works on: DATA as an argument, or the same as ``--data``."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import click


def takes_data(
    *, many: bool = False, required: bool = False, about: str = "The recordings; the same as DATA."
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add an argument DATA and an option ``--data`` to a command, of which the user gives one.

    The command's function gets them as ``data``: the name as text, or None if there is none.

    Args:
        many: several may be given, and the function gets a tuple of them.
        required: one has to be given.
        about: the help of the option.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
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
        return argument(option(command))

    return decorate
