"""Vectors onto cells, from segments in cell coordinates of the whole grid.

Every crossing is computed from the segment alone, never from the block it is burned into, so that
blocks of any shape agree bit for bit and neighbouring polygons share their border without gap.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit


def burn_features(
    segments: np.ndarray,
    starts: np.ndarray,
    bounds: np.ndarray,
    areal: np.ndarray,
    values: np.ndarray,
    *,
    touched: bool,
    origin: tuple[int, int],
    out: np.ndarray,
) -> None:
    """Burn features in their order, later ones on top.

    Parameters
    ----------
    segments : ndarray, (s, 4), float64
        ``x0, y0, x1, y1`` of edges, in cells of the whole grid; a point is an edge of no length.
    starts : ndarray, (f + 1,), int64
        First segment of each feature.
    bounds : ndarray, (f, 4), float64
        ``xmin, ymin, xmax, ymax`` of each feature, in cells.
    areal : ndarray, (f,), bool
        Features with an interior: their cells are those whose centre they hold (even-odd rule).
        The others burn the cells that they pass through.
    values : ndarray, (f,)
        What to write.
    touched : bool
        Also burn the cells that the border of an areal feature passes through.
    origin : tuple of int
        Row and column of the block's first cell in the whole grid.
    out : ndarray, (h, w)
        The block, changed in place.
    """
    _burn(segments, starts, bounds, areal, values, touched, origin[0], origin[1], out)


@njit(nogil=True, cache=True)
def _burn(segments, starts, bounds, areal, values, touched, row0, column0, out):  # type: ignore[no-untyped-def]
    height, width = out.shape
    for f in range(values.size):
        if (
            bounds[f, 0] > column0 + width
            or bounds[f, 2] < column0
            or bounds[f, 1] > row0 + height
            or bounds[f, 3] < row0
        ):
            continue
        own = segments[starts[f] : starts[f + 1]]
        if areal[f]:
            _fill_interior(own, values[f], row0, column0, out)
        if touched or not areal[f]:
            _fill_touched(own, values[f], row0, column0, out)


@njit(nogil=True, cache=True)
def _fill_interior(segments, value, row0, column0, out):  # type: ignore[no-untyped-def]
    height, width = out.shape
    starts = np.zeros(height + 1, dtype=np.int64)
    for segment in segments:
        first, end = _rows_crossed(segment, row0, height)
        for r in range(first, end):
            starts[r + 1] += 1
    for r in range(height):
        starts[r + 1] += starts[r]
    crossings = np.empty(starts[height])
    filled = starts[:height].copy()
    for segment in segments:
        first, end = _rows_crossed(segment, row0, height)
        for r in range(first, end):
            crossings[filled[r]] = _crossing(segment, row0 + r + 0.5)
            filled[r] += 1
    for r in range(height):
        line = np.sort(crossings[starts[r] : starts[r + 1]])
        for k in range(0, line.size - 1, 2):
            left = max(int(math.ceil(line[k] - 0.5)) - column0, 0)
            right = min(int(math.ceil(line[k + 1] - 0.5)) - column0, width)
            for c in range(left, right):
                out[r, c] = value


@njit(nogil=True, cache=True)
def _rows_crossed(segment, row0, height):  # type: ignore[no-untyped-def]
    """Rows of the block whose centre line the segment crosses, its lower end left out."""
    low, high = min(segment[1], segment[3]), max(segment[1], segment[3])
    first = int(math.ceil(low - 0.5)) - row0
    end = int(math.ceil(high - 0.5)) - row0
    return max(first, 0), min(end, height)


@njit(nogil=True, cache=True)
def _crossing(segment, y):  # type: ignore[no-untyped-def]
    """Abscissa at ``y``, from the upper end, whichever way the segment was drawn."""
    x0, y0, x1, y1 = segment
    if y0 > y1:
        x0, y0, x1, y1 = x1, y1, x0, y0
    return x0 + (y - y0) * (x1 - x0) / (y1 - y0)


@njit(nogil=True, cache=True)
def _fill_touched(segments, value, row0, column0, out):  # type: ignore[no-untyped-def]
    height, width = out.shape
    for segment in segments:
        x0, y0, x1, y1 = segment
        if y0 > y1:
            x0, y0, x1, y1 = x1, y1, x0, y0
        first = max(int(math.floor(y0)) - row0, 0)
        last = min(int(math.floor(y1)) - row0, height - 1)
        for r in range(first, last + 1):
            a, b = x0, x1
            if y1 > y0:
                top, bottom = max(y0, row0 + r), min(y1, row0 + r + 1.0)
                a = x0 + (top - y0) * (x1 - x0) / (y1 - y0)
                b = x0 + (bottom - y0) * (x1 - x0) / (y1 - y0)
            left = max(int(math.floor(min(a, b))) - column0, 0)
            right = min(int(math.floor(max(a, b))) - column0, width - 1)
            for c in range(left, right + 1):
                out[r, c] = value
