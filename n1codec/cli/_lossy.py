"""What lossless commands say of lossy codecs."""

from __future__ import annotations

from collections.abc import Iterable

import click

from n1codec.codec import CodecError
from n1codec.pipeline import get_codec


def refuse(specs: Iterable[str | None]) -> None:
    """Refuse codecs that lose something: their ratios do not stand beside those of others.

    Args:
        specs: what is no spec is left to whoever uses it.

    Raises:
        click.UsageError: one of them is lossy.
    """
    for spec in specs:
        try:
            loss = get_codec(spec).loss() if spec and spec != "auto" else ""
        except CodecError:
            continue
        if loss:
            raise click.UsageError(f"{spec} is lossy ({loss}); n1codec grid --quality measures such codecs")
