"""Exact Euclidean distance to the nearest feature, one strip of whole rows at a time.

Column by column the nearest feature row is carried into the strip from above and below; along each
row the lower envelope of the parabolas ``(wx (x - i))^2 + (wy g_i)^2`` gives the nearest column
(Meijster, Roerdink and Hesselink 2000). Of features at one distance the leftmost column wins, then
the upper row.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

NONE, FEATURE, NODATA = 0, 1, 2
ABSENT = -1
"""Row of a feature that a column does not have."""

FAR = 2**30
"""Farther than any row: stands for an absent feature while gaps are compared."""


@njit(nogil=True, cache=True)
def column_ends(mask: np.ndarray, top: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the first and the last feature row of each column, counted from the raster's top.

    Parameters
    ----------
    mask : ndarray of uint8, (h, w)
        ``NONE``, ``FEATURE`` or ``NODATA``.
    top : int
        Row of the raster that the strip begins with.

    Returns
    -------
    tuple of ndarray of int32, (w,)
        ``ABSENT`` where a column has no feature.
    """
    rows, columns = mask.shape
    first = np.full(columns, ABSENT, dtype=np.int32)
    last = np.full(columns, ABSENT, dtype=np.int32)
    for row in range(rows):
        for column in range(columns):
            if mask[row, column] == FEATURE:
                last[column] = top + row
                if first[column] == ABSENT:
                    first[column] = top + row
    return first, last


@njit(nogil=True, cache=True)
def _gaps(mask: np.ndarray, top: int, above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Return how many rows down the nearest feature of each cell's column is; negative is up.

    Of two that are equally near the upper one is taken; ``FAR`` and more where there is none.
    """
    rows, columns = mask.shape
    gaps = np.empty((rows, columns), dtype=np.int32)
    near = np.empty(columns, dtype=np.int32)
    for column in range(columns):
        near[column] = FAR if below[column] == ABSENT else below[column] - top - rows
    for row in range(rows - 1, -1, -1):
        line, out = mask[row], gaps[row]
        for column in range(columns):
            step = near[column] + 1 if near[column] < FAR else FAR
            step = 0 if line[column] == FEATURE else step
            near[column], out[column] = step, step
    for column in range(columns):
        near[column] = FAR if above[column] == ABSENT else top - 1 - above[column]
    for row in range(rows):
        line, out = mask[row], gaps[row]
        for column in range(columns):
            step = near[column] + 1 if near[column] < FAR else FAR
            step = 0 if line[column] == FEATURE else step
            near[column] = step
            out[column] = -step if step <= out[column] and step < FAR else out[column]
    return gaps


@njit(nogil=True, cache=True)
def _height(gaps: np.ndarray, column: int, end: int, tall: float) -> float:
    """Return the squared distance within a column, infinity without a feature."""
    if column >= end or gaps[column] == FAR:
        return np.inf
    length = tall * gaps[column]
    return length * length


@njit(nogil=True, cache=True)
def _envelope(
    gaps: np.ndarray,
    begin: int,
    end: int,
    weights: tuple[float, float],
    site: np.ndarray,
    start: np.ndarray,
    level: np.ndarray,
) -> int:
    """Fill the columns whose parabolas form the lower envelope and where each begins to rule.

    Columns ``begin`` to ``end`` (not included) are looked at; ``level`` is scratch. Returns how
    many parabolas there are.
    """
    count = 0
    across = weights[1] * weights[1]
    before, here, after = np.inf, np.inf, _height(gaps, begin, end, weights[0])
    for column in range(begin, end):
        before, here, after = here, after, _height(gaps, column + 1, end, weights[0])
        # A parabola above the mean of its neighbours by the square of a cell rules nowhere.
        if here == np.inf or here + here > before + after + 2.0 * across:
            continue
        first = begin
        while count > 0:
            other = site[count - 1]
            # Where the two parabolas meet: exact where heights are equal, whatever the cells.
            middle, apart = 0.5 * (column + other), 2.0 * across * (column - other)
            higher = here - level[count - 1]
            if higher >= (start[count - 1] - middle) * apart:
                first = int(math.floor(middle + higher / apart)) + 1
                break
            count -= 1
        if first >= end:
            continue
        site[count], start[count], level[count] = column, max(first, begin), here
        count += 1
    start[count] = end
    return count


@njit(nogil=True, cache=True)
def strip_distance(
    mask: np.ndarray,
    top: int,
    above: np.ndarray,
    below: np.ndarray,
    weights: tuple[float, float],
    cell: tuple[float, float],
    limit: float,
    out: np.ndarray,
) -> None:
    """Fill the distance of every cell of a strip to the nearest feature.

    Parameters
    ----------
    mask : ndarray of uint8, (h, w)
        ``NONE``, ``FEATURE`` or ``NODATA``.
    top : int
        Row of the raster that the strip begins with.
    above, below : ndarray of int32, (w,)
        Nearest feature row before and after the strip in each column, or ``ABSENT``.
    weights : tuple of float
        Height and width of a cell in numbers that compare exactly, such as ``(2, 3)``.
    cell : tuple of float
        Height and width of a cell in the unit of the result.
    limit : float
        Distances beyond become infinity.
    out : ndarray of float, (h, w)
        Filled: infinity where there is no feature, NaN at nodata.
    """
    rows, columns = mask.shape
    gaps = _gaps(mask, top, above, below)
    site, start = np.empty(columns, dtype=np.int64), np.empty(columns + 1, dtype=np.int64)
    level = np.empty(columns, dtype=np.float64)
    for row in range(rows):
        line, gap_line, result = mask[row], gaps[row], out[row]
        column = 0
        while column < columns:
            if line[column] == FEATURE:
                result[column] = 0.0
                column += 1
                continue
            # A feature in this row hides whatever lies beyond it.
            first = column
            while column < columns and line[column] != FEATURE:
                column += 1
            begin, end = max(0, first - 1), min(columns, column + 1)
            count = _envelope(gap_line, begin, end, weights, site, start, level)
            if count == 0:
                result[first:column] = np.inf
            for part in range(count):
                own = site[part]
                gap = cell[0] * gap_line[own]
                square = gap * gap
                here, there = max(first, start[part]), min(column, start[part + 1])
                for x in range(here, there):
                    side = cell[1] * (x - own)
                    result[x] = math.sqrt(side * side + square)
                if limit < np.inf:
                    for x in range(here, there):
                        side = cell[1] * (x - own)
                        if math.sqrt(side * side + square) > limit:
                            result[x] = np.inf
        for column in range(columns):
            if line[column] == NODATA:
                result[column] = np.nan


@njit(nogil=True, cache=True)
def strip_sites(
    mask: np.ndarray,
    top: int,
    above: np.ndarray,
    below: np.ndarray,
    weights: tuple[float, float],
    cell: tuple[float, float],
    limit: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the row and the column of the nearest feature of every cell of a strip.

    Parameters
    ----------
    mask, top, above, below, weights, cell, limit
        As for :func:`strip_distance`.

    Returns
    -------
    tuple of ndarray of int32, (h, w)
        Rows count from the raster's top; ``ABSENT`` where no feature is within the limit.
    """
    rows, columns = mask.shape
    gaps = _gaps(mask, top, above, below)
    site, start = np.empty(columns, dtype=np.int64), np.empty(columns + 1, dtype=np.int64)
    level = np.empty(columns, dtype=np.float64)
    found_row = np.full((rows, columns), ABSENT, dtype=np.int32)
    found_column = np.full((rows, columns), ABSENT, dtype=np.int32)
    for row in range(rows):
        gap_line = gaps[row]
        count = _envelope(gap_line, 0, columns, weights, site, start, level)
        for part in range(count):
            own = site[part]
            gap = cell[0] * gap_line[own]
            for x in range(start[part], start[part + 1]):
                side = cell[1] * (x - own)
                if math.sqrt(side * side + gap * gap) <= limit:
                    found_row[row, x] = top + row + gap_line[own]
                    found_column[row, x] = own
    return found_row, found_column
