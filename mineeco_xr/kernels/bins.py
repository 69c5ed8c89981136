"""Bins of one layer and what another one has in each: count, lowest and highest value."""

from __future__ import annotations

import numpy as np
from numba import njit


def bin_extremes(
    by: np.ndarray, values: np.ndarray, edges: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return count, lowest and highest value of each bin, and the range of the binned layer.

    Parameters
    ----------
    by : ndarray, float32 or float64
        What is binned.
    values : ndarray
        Of the same shape; cells of which either is not finite are left out.
    edges : ndarray, (n + 1,), float64
        Increasing and evenly spaced; a bin holds its lower edge and not its upper one.

    Returns
    -------
    counts : ndarray, (n,), int64
        Cells.
    low, high : ndarray, (n,), float64
        Infinite in an empty bin.
    ends : ndarray, (2,), float64
        Least and largest finite number of ``by``, outside the bins as well.
    """
    kind = np.result_type(by, values)
    size = edges.size - 1
    counts = np.zeros(size, dtype=np.int64)
    low, high = np.full(size, np.inf), np.full(size, -np.inf)
    ends = np.array([np.inf, -np.inf])
    _extremes(
        np.ascontiguousarray(by, dtype=kind).ravel(),
        np.ascontiguousarray(values, dtype=kind).ravel(),
        edges,
        counts,
        low,
        high,
        ends,
    )
    return counts, low, high, ends


def bin_numbers(by: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return the bin of each cell.

    Parameters
    ----------
    by : ndarray, float32 or float64
        What is binned.
    edges : ndarray, (n + 1,), float64
        As of :func:`bin_extremes`.

    Returns
    -------
    ndarray, int32
        From 0; -1 outside the bins or where ``by`` is not finite.
    """
    out = np.empty(by.size, dtype=np.int32)
    _numbers(np.ascontiguousarray(by).ravel(), edges, out)
    return out.reshape(by.shape)


@njit(nogil=True, cache=True)
def _bin(value, edges):  # type: ignore[no-untyped-def]
    """Return the bin of a number: guessed by division, then put right by the edges themselves."""
    last = edges.size - 2
    if not (edges[0] <= value < edges[last + 1]):
        return -1
    guess = int((value - edges[0]) / (edges[1] - edges[0]))
    guess = min(max(guess, 0), last)
    while value < edges[guess]:
        guess -= 1
    while value >= edges[guess + 1]:
        guess += 1
    return guess


@njit(nogil=True, cache=True)
def _extremes(by, values, edges, counts, low, high, ends):  # type: ignore[no-untyped-def]
    for i in range(by.size):
        key = np.float64(by[i])
        if not np.isfinite(key):
            continue
        ends[0] = min(ends[0], key)
        ends[1] = max(ends[1], key)
        value = np.float64(values[i])
        if not np.isfinite(value):
            continue
        place = _bin(key, edges)
        if place >= 0:
            counts[place] += 1
            low[place] = min(low[place], value)
            high[place] = max(high[place], value)


@njit(nogil=True, cache=True)
def _numbers(by, edges, out):  # type: ignore[no-untyped-def]
    for i in range(by.size):
        out[i] = _bin(np.float64(by[i]), edges)
