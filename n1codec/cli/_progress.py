"""A progress bar on stderr: only on a terminal, only for what takes longer than a second."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

PATIENCE = 1.0
"""Seconds of work before a bar appears."""


@contextmanager
def progress(total: float, title: str, *, quiet: bool = False, of_bytes: bool = False) -> Iterator[Callable[..., None]]:
    """Give a function ``advance(text="", step=1)`` that moves the bar on and shows what is being worked on.

    Args:
        of_bytes: the steps are bytes, of which the bar shows how many are done in a second.
    """
    if quiet or not sys.stderr.isatty():
        yield lambda text="", step=1: None
        return
    started = monotonic()
    bar: Any = None
    task: Any = None
    done = 0.0

    def advance(text: str = "", step: float = 1) -> None:
        nonlocal bar, task, done
        done += step
        if bar is None and monotonic() - started > PATIENCE:
            from rich.console import Console
            from rich.progress import (
                BarColumn,
                DownloadColumn,
                MofNCompleteColumn,
                Progress,
                TextColumn,
                TimeRemainingColumn,
                TransferSpeedColumn,
            )

            bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                *([DownloadColumn(), TransferSpeedColumn()] if of_bytes else [MofNCompleteColumn()]),
                TimeRemainingColumn(),
                TextColumn("{task.fields[text]}"),
                console=Console(stderr=True),
                transient=True,
            )
            bar.start()
            task = bar.add_task(title, total=total, text=text)
        if bar is not None:
            bar.update(task, completed=done, text=text)

    try:
        yield advance
    finally:
        if bar is not None:
            bar.stop()
