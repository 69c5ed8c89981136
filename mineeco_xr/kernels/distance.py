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
def _rows_below(mask: np.ndarray, top: int, below: np.ndarray) -> np.ndarray:
    """Return the nearest feature row at or below each cell."""
    rows, columns = mask.shape
    found = np.empty((rows, columns), dtype=np.int32)
    pending = below.copy()
    for row in range(rows - 1, -1, -1):
        for column in range(columns):
            if mask[row, column] == FEATURE:
                pending[column] = top + row
            found[row, column] = pending[column]
    return found


@njit(nogil=True, cache=True)
def _envelope(height: np.ndarray, across: float, site: np.ndarray, start: np.ndarray) -> int:
    """Fill the columns whose parabolas form the lower envelope and where each begins to rule.

    ``height`` holds the squared distance within each column, below zero where it has no feature;
    ``across`` is the squared width of a cell. Returns how many parabolas there are.
    """
    count = 0
    width = height.size
    for column in range(width):
        own = height[column]
        if own < 0:
            continue
        while count > 0:
            other, begin = site[count - 1], start[count - 1]
            left, right = float(begin - other), float(begin - column)
            if across * left * left + height[other] > across * right * right + own:
                count -= 1
            else:
                break
        begin = 0
        if count > 0:
            other = site[count - 1]
            between = across * (float(column) * column - float(other) * other)
            reach = math.floor((between + own - height[other]) / (2.0 * across * (column - other)))
            if reach + 1 >= width:
                continue
            begin = int(reach) + 1
        site[count], start[count] = column, begin
        count += 1
    return count


@njit(nogil=True, cache=True)
def _vertical(
    row: int, above: np.ndarray, below: np.ndarray, tall: float, nearest: np.ndarray,
    height: np.ndarray,
) -> None:  # fmt: skip
    """Choose each column's nearest feature row, the upper one when two are equally near."""
    for column in range(above.size):
        up, down = above[column], below[column]
        if up == ABSENT and down == ABSENT:
            nearest[column], height[column] = ABSENT, -1.0
            continue
        if down == ABSENT or (up != ABSENT and row - up <= down - row):
            nearest[column] = up
        else:
            nearest[column] = down
        gap = tall * (row - nearest[column])
        height[column] = gap * gap


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
    after = _rows_below(mask, top, below)
    before, nearest = above.copy(), np.empty(columns, dtype=np.int32)
    height = np.empty(columns, dtype=np.float64)
    site, start = np.empty(columns, dtype=np.int64), np.empty(columns + 1, dtype=np.int64)
    for row in range(rows):
        for column in range(columns):
            if mask[row, column] == FEATURE:
                before[column] = top + row
        _vertical(top + row, before, after[row], weights[0], nearest, height)
        count = _envelope(height, weights[1] * weights[1], site, start)
        line = out[row]
        if count == 0:
            line[:] = np.inf
        start[count] = columns
        for part in range(count):
            column = site[part]
            gap = cell[0] * (top + row - nearest[column])
            square = gap * gap
            for x in range(start[part], start[part + 1]):
                side = cell[1] * (x - column)
                length = math.sqrt(side * side + square)
                line[x] = length if length <= limit else np.inf
        for column in range(columns):
            if mask[row, column] == NODATA:
                line[column] = np.nan


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
    after = _rows_below(mask, top, below)
    before, nearest = above.copy(), np.empty(columns, dtype=np.int32)
    height = np.empty(columns, dtype=np.float64)
    site, start = np.empty(columns, dtype=np.int64), np.empty(columns + 1, dtype=np.int64)
    found_row = np.full((rows, columns), ABSENT, dtype=np.int32)
    found_column = np.full((rows, columns), ABSENT, dtype=np.int32)
    for row in range(rows):
        for column in range(columns):
            if mask[row, column] == FEATURE:
                before[column] = top + row
        _vertical(top + row, before, after[row], weights[0], nearest, height)
        count = _envelope(height, weights[1] * weights[1], site, start)
        start[count] = columns
        for part in range(count):
            column = site[part]
            gap = cell[0] * (top + row - nearest[column])
            for x in range(start[part], start[part + 1]):
                side = cell[1] * (x - column)
                if math.sqrt(side * side + gap * gap) <= limit:
                    found_row[row, x] = nearest[column]
                    found_column[row, x] = column
    return found_row, found_column
