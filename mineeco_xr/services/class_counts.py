"""How many cells of each code a map has, block by block."""

from __future__ import annotations

import numpy as np

WIDEST = 2**22
"""Codes from the lowest to the highest that a direct table may span."""

MANY = 2**18
"""Bytes from which it pays to count them in pairs."""

STRIP = 2**18
"""Pairs counted at once."""

Counts = tuple[np.ndarray, np.ndarray]
"""Codes in their order, and the cells of each."""


def has_class(classes: np.ndarray, nodata: float | None) -> np.ndarray:
    """Return where a map has a class: neither NaN, infinite nor the code of nodata."""
    known = np.isfinite(classes) if classes.dtype.kind == "f" else np.ones(classes.shape, bool)
    return known if nodata is None else known & (classes != nodata)


def count_codes(codes: np.ndarray) -> Counts:
    """Return the codes of some cells and how many cells have each.

    Parameters
    ----------
    codes : ndarray
        Integers or finite floats, any shape.

    Returns
    -------
    tuple of ndarray
        Distinct codes in increasing order, and their counts.
    """
    flat = codes.ravel()
    if flat.dtype == np.uint8 and flat.size >= MANY:
        return _count_bytes(flat)
    if flat.size and flat.dtype.kind in "iu":
        low, high = int(flat.min()), int(flat.max())
        if high - low < WIDEST:
            small = flat.dtype.itemsize < 3 and low >= 0
            # int8 and int16 cannot hold the difference of their own ends.
            counts = np.bincount(flat if small else np.subtract(flat, low, dtype=np.int64))
            found = np.flatnonzero(counts)
            return found + (0 if small else low), counts[found]
    return np.unique(flat, return_counts=True)


def _count_bytes(flat: np.ndarray) -> Counts:
    """Count bytes two at a time, which halves the work, in strips that a core's cache holds."""
    pairs = flat[: flat.size // 2 * 2].view(np.uint16)
    table = np.zeros(2**16, dtype=np.int64)
    for start in range(0, pairs.size, STRIP):
        table += np.bincount(pairs[start : start + STRIP], minlength=2**16)
    square = table.reshape(256, 256)
    counts = square.sum(axis=0) + square.sum(axis=1)
    counts[flat[2 * pairs.size :]] += 1
    found = np.flatnonzero(counts)
    return found, counts[found]


def merge_counts(parts: list[Counts]) -> Counts:
    """Return the counts of several parts together.

    Parameters
    ----------
    parts : list of tuple of ndarray
        As :func:`count_codes` returns them.

    Returns
    -------
    tuple of ndarray
        The same of all.
    """
    unique, place = np.unique(np.concatenate([part[0] for part in parts]), return_inverse=True)
    counts = np.zeros(unique.size, dtype=np.int64)
    np.add.at(counts, place, np.concatenate([part[1] for part in parts]))
    return unique, counts
