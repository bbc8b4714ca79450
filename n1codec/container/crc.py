"""CRC-32 of bytes that are met out of order: the checksums of two stretches give that of both together."""

from __future__ import annotations

from functools import lru_cache

_POLYNOMIAL = 0xEDB88320
_Matrix = tuple[int, ...]
"""32 columns over GF(2): what becomes of a checksum, which is linear in its bits, when zeros follow."""


def combine(first: int, second: int, length: int) -> int:
    """Return the CRC-32 of two stretches of bytes one behind the other.

    The checksum of the first is carried over as many zeros as the second has bytes: the remainder of a product in
    GF(2)[x], computed by repeated squaring, as zlib's ``crc32_combine`` does.

    Args:
        first, second: the CRC-32 of each.
        length: bytes of the second.
    """
    return _apply(_zeros(length), first) ^ second


def _apply(matrix: _Matrix, vector: int) -> int:
    found = 0
    for column in matrix:
        if vector & 1:
            found ^= column
        vector >>= 1
        if not vector:
            break
    return found


@lru_cache(64)
def _zeros(length: int) -> _Matrix:
    """Return what ``length`` bytes of zero do to a checksum."""
    power: _Matrix = (_POLYNOMIAL, *(1 << bit for bit in range(31)))  # a zero bit
    for _ in range(3):
        power = tuple(_apply(power, column) for column in power)
    found: _Matrix = tuple(1 << bit for bit in range(32))
    while length:
        if length & 1:
            found = tuple(_apply(power, column) for column in found)
        power = tuple(_apply(power, column) for column in power)
        length >>= 1
    return found
