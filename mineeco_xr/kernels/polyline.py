"""Distance from every cell of a window to the nearest of many line segments, exactly."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

TILE = 32
"""Cells a side of the tiles within which the same few segments can be nearest."""


@njit(nogil=True, cache=True)
def _project(segment, x, y):  # type: ignore[no-untyped-def]
    """Return the squared distance to a segment and where along it the foot point lies."""
    dx = segment[2] - segment[0]
    dy = segment[3] - segment[1]
    length2 = dx * dx + dy * dy
    t = 0.0
    if length2 > 0.0:
        t = ((x - segment[0]) * dx + (y - segment[1]) * dy) / length2
        t = min(1.0, max(0.0, t))
    ex = x - (segment[0] + t * dx)
    ey = y - (segment[1] + t * dy)
    return ex * ex + ey * ey, t


@njit(nogil=True, cache=True)
def _select(segments, candidates, count, x, y, radius, reach, kept):  # type: ignore[no-untyped-def]
    """Keep the candidates that can be nearest to a point of the disc around (x, y).

    With c the disc's centre and h its radius: some segment lies within ``d(c) + h`` of every
    point, and no point is nearer to a segment than ``d(c, segment) - h``.
    """
    nearest = np.inf
    for k in range(count):
        nearest = min(nearest, _project(segments[candidates[k]], x, y)[0])
    bound = min(math.sqrt(nearest) + 2.0 * radius, reach + radius)
    bound = bound * (1.0 + 1e-9) + 1e-9
    found = 0
    for k in range(count):
        if math.sqrt(_project(segments[candidates[k]], x, y)[0]) <= bound:
            kept[found] = candidates[k]
            found += 1
    return found


@njit(nogil=True, cache=True)
def _solve(segments, corner, step, first, tile, reach, distance, index, fraction):  # type: ignore[no-untyped-def]
    height, width = distance.shape
    every = np.arange(segments.shape[0])
    near = np.empty_like(every)
    nearest = np.empty_like(every)
    diagonal = 0.5 * math.hypot(width * step[0], height * step[1])
    middle_x = corner[0] + (first[1] + 0.5 * width) * step[0]
    middle_y = corner[1] + (first[0] + 0.5 * height) * step[1]
    near_count = _select(segments, every, every.size, middle_x, middle_y, diagonal, reach, near)
    for top in range(0, height, tile):
        for left in range(0, width, tile):
            bottom = min(top + tile, height)
            right = min(left + tile, width)
            middle_x = corner[0] + (first[1] + 0.5 * (left + right)) * step[0]
            middle_y = corner[1] + (first[0] + 0.5 * (top + bottom)) * step[1]
            radius = 0.5 * math.hypot((right - left) * step[0], (bottom - top) * step[1])
            count = _select(segments, near, near_count, middle_x, middle_y, radius, reach, nearest)
            for i in range(top, bottom):
                y = corner[1] + (first[0] + i + 0.5) * step[1]
                for j in range(left, right):
                    x = corner[0] + (first[1] + j + 0.5) * step[0]
                    best = reach * reach
                    for k in range(count):
                        squared, t = _project(segments[nearest[k]], x, y)
                        if squared < best:
                            best = squared
                            index[i, j] = nearest[k]
                            fraction[i, j] = t
                    if index[i, j] >= 0:
                        distance[i, j] = math.sqrt(best)


def nearest_segment(
    segments: np.ndarray,
    rows: slice,
    columns: slice,
    *,
    corner: tuple[float, float],
    step: tuple[float, float],
    reach: float = math.inf,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find for each cell centre of a window the nearest segment.

    Parameters
    ----------
    segments : numpy.ndarray
        ``(n, 4)``, float64: x and y of the start, x and y of the end.
    rows, columns : slice
        Window in cells of the whole grid.
    corner : tuple of float
        x and y of the upper left corner of the whole grid.
    step : tuple of float
        Cell size in x and y, the latter negative on a north-up grid.
    reach : float
        Cells at this distance or farther are left without a segment.

    Returns
    -------
    distance : numpy.ndarray
        float64; infinite where no segment is within reach.
    index : numpy.ndarray
        int32, the nearest segment, the first of equals; -1 where there is none.
    fraction : numpy.ndarray
        float64, the foot point's place along the segment, 0 at its start and 1 at its end.

    Examples
    --------
    >>> line = np.array([[0.0, 0.0, 10.0, 0.0]])
    >>> distance, index, fraction = nearest_segment(
    ...     line, slice(0, 1), slice(0, 2), corner=(0.0, 4.0), step=(5.0, -2.0))
    >>> distance, fraction
    (array([[3., 3.]]), array([[0.25, 0.75]]))
    """
    shape = (rows.stop - rows.start, columns.stop - columns.start)
    distance = np.full(shape, np.inf)
    index = np.full(shape, -1, dtype="int32")
    fraction = np.zeros(shape)
    table = np.ascontiguousarray(segments, dtype="float64").reshape(-1, 4)
    first = (rows.start, columns.start)
    if len(table):
        _solve(table, corner, step, first, TILE, float(reach), distance, index, fraction)
    return distance, index, fraction
