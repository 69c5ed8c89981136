"""Statistics of zones in one pass over a block, run by run, and exact quantiles by counting.

Moments are merged with the pairwise update of Chan, Golub and LeVeque (1983), which loses nothing
when the spread is small against the mean; sums carry their rounding error along (Neumaier 1974).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

FIELDS = ("count", "cells", "weight", "area", "mean", "moment", "sum", "error", "low", "high")
COUNT, CELLS, WEIGHT, AREA, MEAN, MOMENT, SUM, ERROR, LOW, HIGH = range(len(FIELDS))


def locate_zones(zones: np.ndarray, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give the zones of a block local numbers.

    Parameters
    ----------
    zones : ndarray, (h, w), integer
        Zone of each cell.
    ids : ndarray, (z,), int64, sorted
        The zones that count; cells of any other value belong to none.

    Returns
    -------
    index : ndarray, (h, w), int32
        Local number of each cell's zone, -1 for none.
    present : ndarray, (k,), int64
        Position in ``ids`` of each local number, sorted.
    """
    index = np.empty(zones.shape, dtype=np.int32)
    seen = np.zeros(ids.size, dtype=np.int32)
    _locate(zones, ids, index, seen)
    present = np.flatnonzero(seen)
    numbers = np.full(ids.size + 1, -1, dtype=np.int32)
    numbers[present] = np.arange(present.size, dtype=np.int32)
    _renumber(index, numbers)
    return index, present


@njit(nogil=True, cache=True)
def _locate(zones, ids, index, seen):  # type: ignore[no-untyped-def]
    for i in range(zones.shape[0]):
        last = zones[i, 0]
        position = _search(ids, last)
        for j in range(zones.shape[1]):
            if zones[i, j] != last:
                last = zones[i, j]
                position = _search(ids, last)
            index[i, j] = position
            if position >= 0:
                seen[position] = 1


@njit(nogil=True, cache=True)
def _search(ids, value):  # type: ignore[no-untyped-def]
    low, high = 0, ids.size
    while low < high:
        middle = (low + high) // 2
        if ids[middle] < value:
            low = middle + 1
        else:
            high = middle
    return low if low < ids.size and ids[low] == value else -1


@njit(nogil=True, cache=True)
def _renumber(index, numbers):  # type: ignore[no-untyped-def]
    for i in range(index.shape[0]):
        for j in range(index.shape[1]):
            index[i, j] = numbers[index[i, j]] if index[i, j] >= 0 else -1


def zone_moments(
    values: np.ndarray, index: np.ndarray, row_area: np.ndarray, count: int, nodata: float
) -> np.ndarray:
    """Accumulate the statistics of ``FIELDS`` for each time and zone.

    Parameters
    ----------
    values : ndarray, (t, h, w)
        The values; NaN and ``nodata`` are left out.
    index : ndarray, (h, w), int32
        From :func:`locate_zones`.
    row_area : ndarray, (h,), float64
        Weight of the cells of each row.
    count : int
        Number of local zones.
    nodata : float
        Nodata value of integers; NaN for none.

    Returns
    -------
    ndarray, (t, count, 10), float64
        The fields.
    """
    out = np.zeros((values.shape[0], count, len(FIELDS)))
    out[..., LOW], out[..., HIGH] = np.inf, -np.inf
    _moments(values, index, row_area, nodata, out)
    return out


@njit(nogil=True, cache=True)
def _moments(values, index, row_area, nodata, out):  # type: ignore[no-untyped-def]
    times, height, width = values.shape
    for t in range(times):
        for i in range(height):
            zone_row, value_row, area = index[i], values[t, i], row_area[i]
            j = 0
            while j < width:
                zone = zone_row[j]
                if zone < 0:
                    j += 1
                    continue
                n, cells = 0, 0
                base, s1, s2, low, high = 0.0, 0.0, 0.0, np.inf, -np.inf
                while j < width and zone_row[j] == zone:
                    value = float(value_row[j])
                    cells += 1
                    if value == value and value != nodata:
                        if n == 0:
                            base = value
                        n += 1
                        shifted = value - base
                        s1 += shifted
                        s2 += shifted * shifted
                        low = value if value < low else low
                        high = value if value > high else high
                    j += 1
                _add_run(out[t, zone], n, cells, area, base, s1, s2, low, high)


@njit(nogil=True, cache=True)
def _add_run(field, n, cells, area, base, s1, s2, low, high):  # type: ignore[no-untyped-def]
    field[CELLS] += cells
    field[AREA] += cells * area
    if n == 0:
        return
    mean = base + s1 / n
    moment = area * max(0.0, s2 - s1 * s1 / n)
    before, weight = field[WEIGHT], n * area
    after = before + weight
    delta = mean - field[MEAN]
    field[COUNT] += n
    field[WEIGHT] = after
    field[MEAN] += delta * weight / after
    field[MOMENT] += moment + delta * delta * before * weight / after
    run = n * base + s1
    total = field[SUM] + run
    if abs(field[SUM]) >= abs(run):
        field[ERROR] += (field[SUM] - total) + run
    else:
        field[ERROR] += (run - total) + field[SUM]
    field[SUM] = total
    field[LOW] = min(field[LOW], low)
    field[HIGH] = max(field[HIGH], high)


def merge_moments(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Merge two sets of fields; either may be empty.

    Parameters
    ----------
    left, right : ndarray, (..., 10)
        From :func:`zone_moments`, zones aligned.

    Returns
    -------
    ndarray, (..., 10)
        The fields of the union.
    """
    out = np.empty_like(left)
    for field in (COUNT, CELLS, AREA):
        out[..., field] = left[..., field] + right[..., field]
    a, b = left[..., WEIGHT], right[..., WEIGHT]
    weight = a + b
    share = np.divide(b, weight, out=np.zeros_like(b), where=weight > 0)
    delta = right[..., MEAN] - left[..., MEAN]
    out[..., WEIGHT] = weight
    out[..., MEAN] = left[..., MEAN] + delta * share
    out[..., MOMENT] = left[..., MOMENT] + right[..., MOMENT] + delta * delta * a * share
    x, y = left[..., SUM], right[..., SUM]
    total = x + y
    lost = np.where(np.abs(x) >= np.abs(y), (x - total) + y, (y - total) + x)
    out[..., SUM] = total
    out[..., ERROR] = left[..., ERROR] + right[..., ERROR] + lost
    out[..., LOW] = np.minimum(left[..., LOW], right[..., LOW])
    out[..., HIGH] = np.maximum(left[..., HIGH], right[..., HIGH])
    return out


def ordered_keys(values: Any) -> np.ndarray:
    """Map numbers to unsigned integers of the same order; NaN to the largest.

    Parameters
    ----------
    values : ndarray
        float32, float64 or integers.

    Returns
    -------
    ndarray
        uint32 or uint64.
    """
    if values.dtype.kind in "iub":
        return (values.astype(np.int64).view(np.uint64)) ^ np.uint64(1 << 63)
    unsigned = np.uint32 if values.dtype == np.float32 else np.uint64
    top = unsigned(1 << (values.dtype.itemsize * 8 - 1))
    # Adding zero turns -0.0 into 0.0: the two are equal and must share a key.
    bits: Any = np.ascontiguousarray(values + values.dtype.type(0)).view(unsigned)
    keys = np.where(bits & top, ~bits, bits | top)
    keys[np.isnan(values)] = np.iinfo(unsigned).max
    return keys


def from_ordered_keys(keys: Any, dtype: np.dtype) -> np.ndarray:
    """Invert :func:`ordered_keys`.

    Parameters
    ----------
    keys : ndarray of uint64
        Keys.
    dtype : dtype
        Of the values.

    Returns
    -------
    ndarray
        The values, as float64.
    """
    if dtype.kind in "iub":
        return (keys ^ np.uint64(1 << 63)).view(np.int64).astype(np.float64)
    unsigned = np.uint32 if dtype == np.float32 else np.uint64
    narrow: Any = keys.astype(unsigned)
    top = unsigned(1 << (dtype.itemsize * 8 - 1))
    bits = np.where(narrow & top, narrow ^ top, ~narrow)
    return bits.view(dtype).astype(np.float64)


def digit_counts(
    keys: np.ndarray,
    valid: np.ndarray,
    index: np.ndarray,
    prefixes: np.ndarray,
    shift: int,
    bits: int,
) -> np.ndarray:
    """Count the next digit of the keys that begin with their zone's prefix.

    Parameters
    ----------
    keys : ndarray, (t, h, w), unsigned
        From :func:`ordered_keys`.
    valid : ndarray, (t, h, w), bool
        Cells that count.
    index : ndarray, (h, w), int32
        From :func:`locate_zones`.
    prefixes : ndarray, (2, t, z), uint64
        Leading digits found so far of the two middle values.
    shift, bits : int
        Place and width of the digit.

    Returns
    -------
    ndarray, (2, t, z, 2 ** bits), int64
        Counts.
    """
    out = np.zeros((*prefixes.shape, 1 << bits), dtype=np.int64)
    _digits(keys, valid, index, prefixes, shift, bits, out)
    return out


@njit(nogil=True, cache=True)
def _digits(keys, valid, index, prefixes, shift, bits, out):  # type: ignore[no-untyped-def]
    mask = np.uint64((1 << bits) - 1)
    place, beyond = np.uint64(shift), np.uint64(shift + bits)
    whole = shift + bits >= 64
    for t in range(keys.shape[0]):
        for i in range(keys.shape[1]):
            for j in range(keys.shape[2]):
                zone = index[i, j]
                if zone < 0 or not valid[t, i, j]:
                    continue
                key = np.uint64(keys[t, i, j])
                head = np.uint64(0) if whole else key >> beyond
                digit = (key >> place) & mask
                for side in range(2):
                    if head == prefixes[side, t, zone]:
                        out[side, t, zone, digit] += 1
