"""Histograms whose bins do not depend on the blocks: distinct values, coarse bins, fine bins.

A coarse bin holds the float32 numbers that share their upper 16 bits, 128 bins a power of two: it
is fixed before anything is known of the data. A fine bin is an equal part of a coarse one. Counts
and the sums of positions inside a bin are integers, so that blocks add up in any order.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

COARSE_BINS = 1 << 16
POSITION_STEPS = 1 << 14
"""Steps in which a value's place inside a fine bin is summed."""


class Distinct(NamedTuple):
    """Each value, sorted, and how often it occurs."""

    values: np.ndarray
    counts: np.ndarray


class Coarse(NamedTuple):
    """The occupied coarse bins, sorted, with their counts and the extremes of their values."""

    bins: np.ndarray
    counts: np.ndarray
    low: np.ndarray
    high: np.ndarray


class Layout(NamedTuple):
    """How coarse bins are cut into fine ones.

    ``first`` is the number of a coarse bin's first fine bin, ``parts`` how many it has, ``start``
    where they begin and ``scale`` how many there are to a unit; each has ``COARSE_BINS`` entries.
    ``total`` counts the fine bins.
    """

    first: np.ndarray
    parts: np.ndarray
    start: np.ndarray
    scale: np.ndarray
    total: int


def distinct_counts(values: np.ndarray, limit: int) -> Distinct | None:
    """Count each distinct value, or give up when there are more than ``limit``.

    Parameters
    ----------
    values : ndarray, (n,), float32 or float64
        What is not finite is left out.
    limit : int
        Most distinct values.

    Returns
    -------
    Distinct or None
        Values as float64; the two zeros are one.
    """
    bits = values.view(np.uint32 if values.dtype == np.float32 else np.uint64)
    size = 1 << int(2 * limit - 1).bit_length()
    keys = np.zeros(size, dtype=bits.dtype)
    counts = np.zeros(size, dtype=np.int64)
    shift = 64 - (size.bit_length() - 1)
    if _distinct(values, bits, limit, shift, keys, counts) > limit:
        return None
    used = np.flatnonzero(counts)
    found = keys[used].view(values.dtype).astype(np.float64)
    order = np.argsort(found)
    return Distinct(found[order], counts[used][order])


@njit(nogil=True, cache=True)
def _distinct(values, bits, limit, shift, keys, counts):  # type: ignore[no-untyped-def]
    """Fill an open-addressing table; return the number of distinct values, at most limit + 1."""
    mask, upper = np.uint64(keys.size - 1), np.uint64(shift)
    zero = bits.dtype.type(0)
    found = 0
    for i in range(values.size):
        value = values[i]
        if not np.isfinite(value):
            continue
        key = zero if value == 0 else bits[i]
        # Fibonacci hashing: the upper bits of the product mix all bits of the key.
        slot = (np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)) >> upper
        while counts[slot] > 0 and keys[slot] != key:
            slot = (slot + np.uint64(1)) & mask
        if counts[slot] == 0:
            found += 1
            if found > limit:
                return found
            keys[slot] = key
        counts[slot] += 1
    return found


def merge_distinct(parts: list[Distinct], limit: int) -> Distinct | None:
    """Add up the counts of blocks, or give up when there are more than ``limit`` values."""
    values, inverse = np.unique(np.concatenate([p.values for p in parts]), return_inverse=True)
    if values.size > limit:
        return None
    counts = np.zeros(values.size, dtype=np.int64)
    np.add.at(counts, inverse, np.concatenate([p.counts for p in parts]))
    return Distinct(values, counts)


def coarse_keys(values: np.ndarray) -> np.ndarray:
    """Return the bits of the float32 nearest to each value.

    Parameters
    ----------
    values : ndarray, float32 or float64
        Any.

    Returns
    -------
    ndarray, uint32
        A view for float32.
    """
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)


def coarse_counts(values: np.ndarray) -> Coarse:
    """Count the coarse bins.

    Parameters
    ----------
    values : ndarray, (n,), float32 or float64
        What is not finite is left out.

    Returns
    -------
    Coarse
        Of the occupied bins.
    """
    counts = np.zeros(COARSE_BINS, dtype=np.int64)
    ends = np.empty((COARSE_BINS, 2))
    ends[:, 0], ends[:, 1] = np.inf, -np.inf
    _coarse(values, coarse_keys(values), counts, ends)
    used = np.flatnonzero(counts)
    return Coarse(used, counts[used], ends[used, 0], ends[used, 1])


@njit(nogil=True, cache=True)
def _bin_of(key):  # type: ignore[no-untyped-def]
    """Return the coarse bin of float32 bits: ordered as the numbers are, both zeros in one."""
    upper = np.int64(key >> np.uint32(16))
    if key == np.uint32(0x80000000) or upper < 32768:
        return (upper & 32767) + 32768
    return 65535 - upper


@njit(nogil=True, cache=True)
def _coarse(values, keys, counts, ends):  # type: ignore[no-untyped-def]
    for i in range(values.size):
        value = np.float64(values[i])
        if not np.isfinite(value):
            continue
        place = _bin_of(keys[i])
        counts[place] += 1
        ends[place, 0] = min(ends[place, 0], value)
        ends[place, 1] = max(ends[place, 1], value)


def coarse_of_distinct(found: Distinct) -> Coarse:
    """Return the coarse bins of values whose counts are known."""
    keys = coarse_keys(found.values)
    upper = (keys >> np.uint32(16)).astype(np.int64)
    positive = (upper < 32768) | (keys == np.uint32(0x80000000))
    bins = np.where(positive, (upper & 32767) + 32768, 65535 - upper)
    used, starts = np.unique(bins, return_index=True)
    if not used.size:
        return Coarse(used, found.counts, found.values, found.values)
    last = np.append(starts[1:], bins.size) - 1
    return Coarse(
        used, np.add.reduceat(found.counts, starts), found.values[starts], found.values[last]
    )


def merge_coarse(parts: list[Coarse]) -> Coarse:
    """Add up the coarse bins of blocks."""
    used = np.unique(np.concatenate([part.bins for part in parts]))
    counts = np.zeros(used.size, dtype=np.int64)
    low, high = np.full(used.size, np.inf), np.full(used.size, -np.inf)
    for part in parts:
        at = np.searchsorted(used, part.bins)
        counts[at] += part.counts
        low[at] = np.minimum(low[at], part.low)
        high[at] = np.maximum(high[at], part.high)
    return Coarse(used, counts, low, high)


def cut_bins(coarse: Coarse, parts: np.ndarray) -> Layout:
    """Cut each occupied coarse bin into equal parts between the extremes of its values.

    Parameters
    ----------
    coarse : Coarse
        The occupied bins.
    parts : ndarray of int
        Into how many, at least 1 each.

    Returns
    -------
    Layout
        For :func:`fine_counts`.
    """
    first = np.full(COARSE_BINS, -1, dtype=np.int64)
    cut = np.zeros(COARSE_BINS, dtype=np.int64)
    start, scale = np.zeros(COARSE_BINS), np.zeros(COARSE_BINS)
    first[coarse.bins] = np.cumsum(parts) - parts
    cut[coarse.bins] = parts
    start[coarse.bins] = coarse.low
    width = coarse.high - coarse.low
    scale[coarse.bins] = np.divide(parts, width, out=np.zeros(width.size), where=width > 0)
    return Layout(first, cut, start, scale, int(parts.sum()))


def fine_counts(values: np.ndarray, layout: Layout) -> tuple[np.ndarray, np.ndarray]:
    """Count the fine bins.

    Parameters
    ----------
    values : ndarray, (n,), float32 or float64
        What is not finite is left out; the others lie in the bins of ``layout``.
    layout : Layout
        From :func:`cut_bins`.

    Returns
    -------
    counts : ndarray, (total, 2), int64
        Values in each bin, and the sum of their positions in it in ``POSITION_STEPS``.
    top : ndarray, (total,), float64
        Largest value in each bin; minus infinite in an empty one.
    """
    counts = np.zeros((layout.total, 2), dtype=np.int64)
    top = np.full(layout.total, -np.inf)
    places = np.stack([layout.first, layout.parts], axis=1)
    lines = np.stack([layout.start, layout.scale], axis=1)
    _fine(values, coarse_keys(values), places, lines, counts, top)
    return counts, top


@njit(nogil=True, cache=True)
def _fine(values, keys, places, lines, counts, top):  # type: ignore[no-untyped-def]
    for i in range(values.size):
        value = np.float64(values[i])
        if not np.isfinite(value):
            continue
        coarse = _bin_of(keys[i])
        position = (value - lines[coarse, 0]) * lines[coarse, 1]
        part = min(int(position), places[coarse, 1] - 1)
        bin_ = places[coarse, 0] + part
        counts[bin_, 0] += 1
        counts[bin_, 1] += int((position - part) * 16384.0 + 0.5)
        top[bin_] = max(top[bin_], value)


def fine_means(counts: np.ndarray, layout: Layout) -> np.ndarray:
    """Return the mean of the values in each fine bin, NaN in an empty one."""
    used = np.flatnonzero(layout.first >= 0)
    used = used[np.argsort(layout.first[used])]
    parts = layout.parts[used]
    part = np.arange(layout.total) - np.repeat(layout.first[used], parts)
    scale = np.repeat(layout.scale[used], parts)
    inside = np.full(layout.total, np.nan)
    np.divide(counts[:, 1], counts[:, 0] * POSITION_STEPS, out=inside, where=counts[:, 0] > 0)
    offset = np.divide(part + inside, scale, out=np.zeros(layout.total), where=scale > 0)
    return np.where(counts[:, 0] > 0, np.repeat(layout.start[used], parts) + offset, np.nan)
