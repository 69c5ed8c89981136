"""The cell-by-cell steps of Gi*: standard scores, z from sums of neighbours, confidence bins."""

from __future__ import annotations

import numpy as np
from numba import njit

NODATA = -128
"""Bin of a cell without a z score."""


def standard_scores(values: np.ndarray, facts: np.ndarray) -> np.ndarray:
    """Return ``(value - mean) / deviation`` of each value.

    Parameters
    ----------
    values : ndarray, (g, n), float32 or float64
        A group a row.
    facts : ndarray, (4, g), float64
        Count, mean, standard deviation and rest of the mean (what rounding took) of each group.

    Returns
    -------
    ndarray, (g, n), float64
        NaN for what is not finite, and everywhere in a group without spread.
    """
    out = np.empty(values.shape)
    _standard(np.ascontiguousarray(values), np.ascontiguousarray(facts), out)
    return out


@njit(nogil=True, cache=True)
def _standard(values, facts, out):  # type: ignore[no-untyped-def]
    for group in range(values.shape[0]):
        row, scores = values[group], out[group]
        mean, spread, rest = facts[1, group], facts[2, group], facts[3, group]
        for i in range(row.size):
            value = np.float64(row[i])
            some = np.isfinite(value) and spread > 0
            scores[i] = ((value - mean) - rest) / spread if some else np.nan


def z_scores(sums: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Return ``sum / sqrt(W (n - W) / (n - 1))`` of standard scores.

    Parameters
    ----------
    sums : ndarray, (g, n), complex128
        Sum of the standard scores near each cell, and their number ``W`` as imaginary part.
    cells : ndarray, (g,), float64
        Valid cells ``n`` of each group.

    Returns
    -------
    ndarray, (g, n), float64
        NaN where a neighbourhood holds all valid cells.
    """
    out = np.empty(sums.shape)
    _z(np.ascontiguousarray(sums), cells, out)
    return out


@njit(nogil=True, cache=True)
def _z(sums, cells, out):  # type: ignore[no-untyped-def]
    for group in range(sums.shape[0]):
        row, scores = sums[group], out[group]
        total = cells[group]
        for i in range(row.size):
            near = row[i].imag
            spread = near * (total - near) / max(total - 1.0, 1.0)
            scores[i] = row[i].real / np.sqrt(spread) if spread > 0 else np.nan


def confidence_bins(z: np.ndarray, cuts: np.ndarray) -> np.ndarray:
    """Return how many cuts each ``|z|`` reaches, with the sign of z.

    Parameters
    ----------
    z : ndarray, (g, n), float64
        NaN is nodata.
    cuts : ndarray, (levels, g), float64
        Cuts of each group.

    Returns
    -------
    ndarray, (g, n), int8
        ``NODATA`` where z is NaN.
    """
    out = np.empty(z.shape, dtype=np.int8)
    _bins(np.ascontiguousarray(z), np.ascontiguousarray(cuts), out)
    return out


@njit(nogil=True, cache=True)
def _bins(z, cuts, out):  # type: ignore[no-untyped-def]
    for group in range(z.shape[0]):
        for i in range(z.shape[1]):
            value = z[group, i]
            reached = 0
            for level in range(cuts.shape[0]):
                reached += abs(value) >= cuts[level, group]
            found = reached if value > 0 else -reached
            out[group, i] = found if value == value else NODATA
