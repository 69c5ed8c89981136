"""Resampling of a source window at given source coordinates.

Coordinates are in cells of the *whole* source, column 0 starting at 0.0, and every sum is taken in
row-major order of the source, so that a result does not depend on the window it was cut from.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from mineeco_xr.errors import DataError

SNAP = 1e-6
"""Corners this near to a cell border are put on it: slivers of rounding carry no value."""

MEAN, SUM, MODE = 0, 1, 2
_MOST_CLASSES = 512


def sample_nearest(
    source: np.ndarray,
    origin: tuple[int, int],
    columns: np.ndarray,
    rows: np.ndarray,
    fill: float,
) -> np.ndarray:
    """Take the source cell in which each point lies.

    Parameters
    ----------
    source : ndarray, (t, h, w)
        Window of the source.
    origin : tuple of int
        Row and column of the window's first cell in the whole source.
    columns, rows : ndarray, (H, W), float64
        Points in cells of the whole source.
    fill : float
        What stands outside the window and for points that are not finite.

    Returns
    -------
    ndarray, (t, H, W)
        Of the dtype of the source.
    """
    out = np.empty((source.shape[0], *columns.shape), dtype=source.dtype)
    _nearest(source, origin[0], origin[1], columns, rows, source.dtype.type(fill), out)
    return out


@njit(nogil=True, cache=True)
def _nearest(source, row0, column0, columns, rows, fill, out):  # type: ignore[no-untyped-def]
    times, height, width = source.shape
    for i in range(columns.shape[0]):
        for j in range(columns.shape[1]):
            x, y = columns[i, j], rows[i, j]
            inside = np.isfinite(x) and np.isfinite(y)
            r, c = -1, -1
            if inside:
                r = int(math.floor(_snapped(y, 1e-9))) - row0
                c = int(math.floor(_snapped(x, 1e-9))) - column0
                inside = 0 <= r < height and 0 <= c < width
            for t in range(times):
                out[t, i, j] = source[t, r, c] if inside else fill


@njit(nogil=True, cache=True)
def _snapped(value, tolerance):  # type: ignore[no-untyped-def]
    nearest = np.rint(value)
    return nearest if abs(value - nearest) < tolerance else value


def sample_bilinear(
    source: np.ndarray,
    origin: tuple[int, int],
    columns: np.ndarray,
    rows: np.ndarray,
) -> np.ndarray:
    """Interpolate linearly between the four nearest cell centres.

    Weights of cells that are NaN or beyond the source are shared out among the others; a point
    whose own cell is NaN stays NaN, so that nodata neither grows nor shrinks.

    Parameters
    ----------
    source : ndarray, (t, h, w), float
        Window of the source, NaN as nodata.
    origin, columns, rows
        As for :func:`sample_nearest`.

    Returns
    -------
    ndarray, (t, H, W)
        Of the dtype of the source.
    """
    out = np.empty((source.shape[0], *columns.shape), dtype=source.dtype)
    _bilinear(source, origin[0], origin[1], columns, rows, out)
    return out


@njit(nogil=True, cache=True)
def _bilinear(source, row0, column0, columns, rows, out):  # type: ignore[no-untyped-def]
    times, height, width = source.shape
    for i in range(columns.shape[0]):
        for j in range(columns.shape[1]):
            x, y = columns[i, j], rows[i, j]
            if not (np.isfinite(x) and np.isfinite(y)):
                out[:, i, j] = np.nan
                continue
            own_r = int(math.floor(_snapped(y, 1e-9))) - row0
            own_c = int(math.floor(_snapped(x, 1e-9))) - column0
            if not (0 <= own_r < height and 0 <= own_c < width):
                out[:, i, j] = np.nan
                continue
            left, top = math.floor(x - 0.5), math.floor(y - 0.5)
            dx, dy = x - 0.5 - left, y - 0.5 - top
            c, r = int(left) - column0, int(top) - row0
            for t in range(times):
                if np.isnan(source[t, own_r, own_c]):
                    out[t, i, j] = np.nan
                    continue
                total, weights = 0.0, 0.0
                for k in range(4):
                    rr, cc = r + k // 2, c + k % 2
                    if 0 <= rr < height and 0 <= cc < width:
                        value = source[t, rr, cc]
                        if not np.isnan(value):
                            weight = (dy if k // 2 else 1.0 - dy) * (dx if k % 2 else 1.0 - dx)
                            total += weight * value
                            weights += weight
                out[t, i, j] = total / weights if weights > 0.0 else np.nan


def overlap_reduce(
    source: np.ndarray,
    origin: tuple[int, int],
    columns: np.ndarray,
    rows: np.ndarray,
    *,
    how: int,
    nodata: float,
    min_valid: float = 0.0,
) -> np.ndarray:
    """Reduce the source cells under each target cell, weighted by the exact area of overlap.

    A target cell is the quadrilateral of its four corners; neighbours share corners, so the parts
    of a source cell add up to one whatever the rotation between the grids, and sums are conserved.

    Parameters
    ----------
    source : ndarray, (t, h, w)
        Window of the source.
    origin : tuple of int
        Row and column of the window's first cell in the whole source.
    columns, rows : ndarray, (H + 1, W + 1), float64
        Corners of the target cells in cells of the whole source.
    how : int
        ``MEAN``, ``SUM`` or ``MODE`` (the value with most area; of equals the smallest).
    nodata : float
        Value of the source that counts for nothing, beside NaN; also the result where no valid
        source cell lies below.
    min_valid : float
        Share of a target cell that must be covered by valid source cells.

    Returns
    -------
    ndarray, (t, H, W)
        Of the dtype of the source.

    Raises
    ------
    DataError
        If a mode is asked of more than 512 different values under one target cell.
    """
    shape = (source.shape[0], columns.shape[0] - 1, columns.shape[1] - 1)
    out = np.empty(shape, dtype=source.dtype)
    fill = source.dtype.type(nodata)
    if not _overlap(source, origin[0], origin[1], columns, rows, how, fill, min_valid, out):
        raise DataError(
            f"more than {_MOST_CLASSES} different values under one target cell: a mode is for "
            "classes; use another resampling."
        )
    return out


@njit(nogil=True, cache=True)
def _overlap(source, row0, column0, columns, rows, how, nodata, min_valid, out):  # type: ignore[no-untyped-def]
    times, height, width = source.shape
    quad = np.empty((4, 2))
    scratch = np.empty((2, 12, 2))
    strip = np.empty((12, 2))
    total, weight = np.empty(times), np.empty(times)
    classes = np.empty((times, _MOST_CLASSES), dtype=source.dtype)
    areas = np.empty((times, _MOST_CLASSES))
    count = np.zeros(times, dtype=np.int64)
    for i in range(out.shape[1]):
        for j in range(out.shape[2]):
            total[:] = 0.0
            weight[:] = 0.0
            count[:] = 0
            base_c, base_r = _fill_quad(quad, columns, rows, i, j)
            if not np.isfinite(quad.sum()):
                out[:, i, j] = nodata
                continue
            low_x, high_x = quad[:, 0].min(), quad[:, 0].max()
            low_y, high_y = quad[:, 1].min(), quad[:, 1].max()
            cell = _area(quad, 4)
            upright = _is_upright(quad)
            for r in range(int(math.floor(low_y)), int(math.ceil(high_y))):
                inside_r = r + base_r - row0
                if inside_r < 0 or inside_r >= height:
                    continue
                n_strip = 0
                left, right = low_x, high_x
                tall = min(high_y, r + 1.0) - max(low_y, float(r))
                if not upright:
                    n_strip = _clip_strip(quad, 4, 1, r, scratch, strip)
                    if n_strip < 3:
                        continue
                    left, right = strip[:n_strip, 0].min(), strip[:n_strip, 0].max()
                for c in range(int(math.floor(left)), int(math.ceil(right))):
                    inside_c = c + base_c - column0
                    if inside_c < 0 or inside_c >= width:
                        continue
                    if upright:
                        part = tall * (min(high_x, c + 1.0) - max(low_x, float(c)))
                    else:
                        part = _part(strip, n_strip, c, scratch)
                    if part <= 0.0:
                        continue
                    for t in range(times):
                        value = source[t, inside_r, inside_c]
                        if value != value or value == nodata:
                            continue
                        weight[t] += part
                        if how == 2:
                            count[t] = _count_class(classes[t], areas[t], count[t], value, part)
                            if count[t] > _MOST_CLASSES:
                                return False
                        else:
                            total[t] += part * value
            for t in range(times):
                if weight[t] <= 0.0 or weight[t] < min_valid * cell * (1.0 - 1e-9):
                    out[t, i, j] = nodata
                elif how == 0:
                    out[t, i, j] = total[t] / weight[t]
                elif how == 1:
                    out[t, i, j] = total[t]
                else:
                    out[t, i, j] = _largest(classes[t], areas[t], count[t])
    return True


@njit(nogil=True, cache=True)
def _fill_quad(quad, columns, rows, i, j):  # type: ignore[no-untyped-def]
    """Write the four corners relative to whole-cell offsets, which keeps areas exact far out."""
    for k in range(4):
        di, dj = (0, 0, 1, 1)[k], (0, 1, 1, 0)[k]
        quad[k, 0] = _snapped(columns[i + di, j + dj], SNAP)
        quad[k, 1] = _snapped(rows[i + di, j + dj], SNAP)
    if not np.isfinite(quad.sum()):
        return 0, 0
    base_c, base_r = int(math.floor(quad[:, 0].min())), int(math.floor(quad[:, 1].min()))
    quad[:, 0] -= base_c
    quad[:, 1] -= base_r
    return base_c, base_r


@njit(nogil=True, cache=True)
def _is_upright(quad):  # type: ignore[no-untyped-def]
    """Whether the sides lie along rows and columns, so that parts are products of lengths."""
    return (
        quad[0, 0] == quad[3, 0]
        and quad[1, 0] == quad[2, 0]
        and quad[0, 1] == quad[1, 1]
        and quad[2, 1] == quad[3, 1]
    )


@njit(nogil=True, cache=True)
def _clip_half(polygon, n, axis, bound, sign, out):  # type: ignore[no-untyped-def]
    """Keep where ``sign * (coordinate - bound) >= 0`` (Sutherland and Hodgman 1974)."""
    m = 0
    for k in range(n):
        here, there = k, (k + 1) % n
        a = sign * (polygon[here, axis] - bound)
        b = sign * (polygon[there, axis] - bound)
        if a >= 0.0:
            out[m, 0], out[m, 1] = polygon[here, 0], polygon[here, 1]
            m += 1
        if (a > 0.0 and b < 0.0) or (a < 0.0 and b > 0.0):
            share = a / (a - b)
            other = 1 - axis
            out[m, other] = polygon[here, other] + share * (
                polygon[there, other] - polygon[here, other]
            )
            out[m, axis] = bound
            m += 1
    return m


@njit(nogil=True, cache=True)
def _clip_strip(polygon, n, axis, low, scratch, out):  # type: ignore[no-untyped-def]
    """Clip to ``low <= coordinate <= low + 1``."""
    m = _clip_half(polygon, n, axis, low, 1.0, scratch[0])
    return _clip_half(scratch[0], m, axis, low + 1, -1.0, out)


@njit(nogil=True, cache=True)
def _part(strip, n, column, scratch):  # type: ignore[no-untyped-def]
    m = _clip_strip(strip, n, 0, column, scratch, scratch[1])
    return _area(scratch[1], m) if m >= 3 else 0.0


@njit(nogil=True, cache=True)
def _area(polygon, n):  # type: ignore[no-untyped-def]
    twice = 0.0
    for k in range(1, n - 1):
        ax, ay = polygon[k, 0] - polygon[0, 0], polygon[k, 1] - polygon[0, 1]
        bx, by = polygon[k + 1, 0] - polygon[0, 0], polygon[k + 1, 1] - polygon[0, 1]
        twice += ax * by - ay * bx
    return abs(twice) / 2.0


@njit(nogil=True, cache=True)
def _count_class(classes, areas, count, value, part):  # type: ignore[no-untyped-def]
    for k in range(count):
        if classes[k] == value:
            areas[k] += part
            return count
    if count < classes.size:
        classes[count], areas[count] = value, part
    return count + 1


@njit(nogil=True, cache=True)
def _largest(classes, areas, count):  # type: ignore[no-untyped-def]
    best = 0
    for k in range(1, count):
        more = areas[k] > areas[best] + 1e-9
        equal = abs(areas[k] - areas[best]) <= 1e-9
        if more or (equal and classes[k] < classes[best]):
            best = k
    return classes[best]
