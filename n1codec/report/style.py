"""What all plots share: a colour and a marker for each family, and matplotlib's settings.

Colours are those of Okabe and Ito, "Color Universal Design" (2008), which the colour-blind tell apart; each family has
a marker of its own besides.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

FAMILIES = ("baseline", "dictionary", "predictive", "entropy", "audio", "blosc", "numeric", "n1")
BLACK = "#000000"
COLOURS = (BLACK, "#E69F00", "#0072B2", "#009E73", "#CC79A7", "#56B4E9", "#F0E442", "#D55E00")
MARKERS = ("X", "o", "s", "D", "^", "v", "P", "*", "<", ">", "p", "h")
"""By the names of matplotlib."""
INK, GREY, RULE = "#222222", "#666666", "#dddddd"
MATPLOTLIB: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "text.color": INK,
    "text.parse_math": False,  # a $ in a spec is a $
    "axes.edgecolor": RULE,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.titlesize": 10.0,
    "axes.titlelocation": "left",
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 7.5,
    "svg.hashsalt": "n1codec",
    "svg.fonttype": "path",
}


def slots(families: Iterable[str]) -> dict[str, int]:
    """Return {family: number of its colour and marker} of the families present, in the order of a legend."""
    present = set(families)
    others = sorted(present - set(FAMILIES))
    found = {family: slot for slot, family in enumerate(FAMILIES) if family in present}
    return found | {family: len(FAMILIES) + i for i, family in enumerate(others)}


def colour(slot: int) -> str:
    """Return the colour with a number, such as ``#0072B2``; numbers beyond the last colour begin again."""
    return COLOURS[slot % len(COLOURS)]


def marker(slot: int) -> str:
    """Return the marker with a number, by matplotlib's name; numbers beyond the last marker begin again."""
    return MARKERS[slot % len(MARKERS)]
