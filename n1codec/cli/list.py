"""``n1codec list``."""

from __future__ import annotations

import json
from typing import Any

import click

from n1codec import registry
from n1codec.codec import CodecError, Coder
from n1codec.pipeline import get_codec


def entries() -> list[dict[str, Any]]:
    """Return a description of every codec, filter and alias that can be named in a spec."""
    found: list[dict[str, Any]] = []
    for name in registry.names():
        try:
            stage = registry.find(name)
        except CodecError as error:
            found.append(_entry(name, "codec", registry.family(name), name, str(error), {}, []))
            continue
        kind = "codec" if issubclass(stage, Coder) else "filter"
        params = {k: {"default": p.default, "range": p.range, "help": p.help} for k, p in stage.params.items()}
        found.append(_entry(name, kind, stage.family, name, stage.unavailable(), params, stage.capabilities()))
    for name, spec in registry.CLASSIC.items():
        if name != spec:
            codec = get_codec(spec)
            found.append(_entry(name, "alias", codec.family, codec.spec, codec.unavailable(), {}, []))
    return found


def _entry(
    name: str, kind: str, family: str, spec: str, reason: str | None, params: dict[str, Any], traits: list[str]
) -> dict[str, Any]:
    return {
        "name": name,
        "kind": kind,
        "family": family,
        "spec": spec,
        "available": reason is None,
        "reason": reason,
        "params": params,
        "traits": traits,
    }


def _about(entry: dict[str, Any]) -> str:
    if not entry["available"]:
        return f"unavailable: {entry['reason']}"
    if entry["kind"] == "alias":
        return str(entry["spec"])
    return ", ".join(f"{k}={p['range']} [{p['default']}]" for k, p in entry["params"].items())


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list, an object per codec, filter and alias.")
def command(as_json: bool) -> None:
    """Show every codec, filter and alias.

    A line has the name, the kind, the family, and the parameters with their ranges and [defaults]. Where a codec cannot
    run here, the line says what is missing.

    \b
    Example:
      n1codec list --json | python -m json.tool
    """
    found = entries()
    for line in registry.problems():
        click.echo(f"n1codec list: {line}", err=True)
    if as_json:
        click.echo(json.dumps(found, indent=1))
        return
    rows = [("NAME", "KIND", "FAMILY", "PARAMETERS")]
    rows += [(e["name"], e["kind"], e["family"], _about(e)) for e in found]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        click.echo("  ".join([*(cell.ljust(w) for cell, w in zip(row, widths, strict=False)), row[3]]).rstrip())
