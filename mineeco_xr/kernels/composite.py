"""Composites of one season: median, medoid and the date of the largest index of each cell."""

from __future__ import annotations

import numpy as np
from numba import njit


def season_median(values: np.ndarray) -> np.ndarray:
    """Return the median of the dates of each cell.

    Parameters
    ----------
    values : ndarray, (t, ...), float32 or float64
        Dates along the first axis; NaN is missing.

    Returns
    -------
    ndarray, (...)
        Of the same type; NaN without any value.
    """
    flat = values.reshape(values.shape[0], -1)
    out = np.empty(flat.shape[1], dtype=values.dtype)
    _medians(flat, out)
    return out.reshape(values.shape[1:])


def medoid_date(bands: np.ndarray) -> np.ndarray:
    """Return the date whose spectrum is nearest to that of the medians.

    ``argmin_t sum_b (x_bt - median_b)^2`` over the dates on which all bands have a value; the
    earliest of equal ones.

    Parameters
    ----------
    bands : ndarray, (b, t, ...), float32
        Bands, dates; NaN is missing.

    Returns
    -------
    ndarray, (...), int16
        Number of the date; -1 without any.
    """
    flat = bands.reshape(*bands.shape[:2], -1)
    out = np.empty(flat.shape[2], dtype=np.int16)
    _medoids(flat, out)
    return out.reshape(bands.shape[2:])


@njit(nogil=True, cache=True)
def _middle(scratch, n):  # type: ignore[no-untyped-def]
    """Sort the first ``n`` numbers in place and return their median."""
    for i in range(1, n):
        value = scratch[i]
        j = i
        while j > 0 and scratch[j - 1] > value:
            scratch[j] = scratch[j - 1]
            j -= 1
        scratch[j] = value
    half = n // 2
    if n % 2 == 1:
        return scratch[half]
    return (scratch[half - 1] + scratch[half]) / scratch.dtype.type(2)


@njit(nogil=True, cache=True)
def _medians(values, out):  # type: ignore[no-untyped-def]
    length, count = values.shape
    scratch = np.empty(length, dtype=values.dtype)
    for i in range(count):
        n = 0
        for t in range(length):
            value = values[t, i]
            if not np.isnan(value):
                scratch[n] = value
                n += 1
        out[i] = _middle(scratch, n) if n > 0 else np.nan


@njit(nogil=True, cache=True)
def _medoids(bands, out):  # type: ignore[no-untyped-def]
    width, length, count = bands.shape
    scratch = np.empty(length, dtype=bands.dtype)
    dates = np.empty(length, dtype=np.int64)
    distance = np.empty(length)
    for i in range(count):
        n = 0
        for t in range(length):
            whole = True
            for b in range(width):
                whole &= not np.isnan(bands[b, t, i])
            if whole:
                dates[n] = t
                n += 1
        out[i] = -1
        if n == 0:
            continue
        distance[:n] = 0.0
        for b in range(width):
            for k in range(n):
                scratch[k] = bands[b, dates[k], i]
            middle = np.float64(_middle(scratch, n))
            for k in range(n):
                difference = np.float64(bands[b, dates[k], i]) - middle
                distance[k] += difference * difference
        best = 0
        for k in range(1, n):
            if distance[k] < distance[best]:
                best = k
        out[i] = dates[best]
