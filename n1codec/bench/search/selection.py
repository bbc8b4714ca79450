"""What a search keeps: the best by ratio, the best of each coder, and the Pareto front."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from n1codec.bench.search.trial import Measured

TOLERANCE = 1.05
"""A candidate that is not faster by this factor is not faster: so far do times repeat."""


def front(measured: Iterable[Measured]) -> list[Measured]:
    """Return those that no other equals in ratio and, within TOLERANCE, in both speeds; the best ratio first."""
    kept: list[Measured] = []
    for m in sorted(measured, key=order):
        if not any(k.encode_xrt * TOLERANCE >= m.encode_xrt and k.decode_xrt * TOLERANCE >= m.decode_xrt for k in kept):
            kept.append(m)
    return kept


def leaders(measured: Iterable[Measured], keep: int, each: int = 0) -> list[Measured]:
    """Return the ``keep`` best by ratio and the ``each`` best of each coder.

    Of those that come to the same size, the one with the fewest stages stands for all.
    """
    sizes: dict[int, Measured] = {}
    for m in sorted(measured, key=order):
        sizes.setdefault(m.compressed_bytes, m)
    found = list(sizes.values())[:keep]
    seen: Counter[str] = Counter()
    for m in sizes.values():
        name = m.candidate.coder.partition(":")[0]
        seen[name] += 1
        if seen[name] <= each:
            found.append(m)
    return list(dict.fromkeys(found))


def order(m: Measured) -> tuple[float, int, str]:
    return -m.ratio, len(m.candidate.filters), m.candidate.spec
