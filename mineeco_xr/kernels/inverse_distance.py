"""Inverse-distance weighting of points on a block of cells.

The block is halved again and again, and every part keeps the points that can be among the nearest
of one of its cells: with ``r`` the distance of the part's middle to its k-th nearest point and
``h`` that to its corners, none of them lies beyond ``r + 2 h`` of the middle. What is left for a
small part is a short list, in the order of the table, in which the nearest are found by looking;
the cell before tells how far to look. A cell's result depends on the points alone, never on the
parts.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

TIES = 1e-9
"""Relative: points whose squared distances differ by less are equally far."""

_SPARE = 1.0 + 1e-6
_FEW_CELLS = 4


class _Near(NamedTuple):
    """Squared distances to the points within reach and their places in the list; and scratch."""

    squares: np.ndarray
    places: np.ndarray
    heap: np.ndarray


def weigh_points(
    points: np.ndarray,
    values: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    *,
    power: float,
    neighbours: int,
    radius: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the weighted means of the nearest points, and the distance to the nearest.

    Parameters
    ----------
    points : ndarray, (n, 2), float64
        ``x, y`` of at least one point.
    values : ndarray, (n, v), float64
        Finite values of the points.
    x, y : ndarray, float64
        Coordinates of the columns and of the rows of the block.
    power : float
        Exponent of the distance, positive.
    neighbours : int
        How many points count, with all that are as far as the last of them; 0 for all.
    radius : float
        Points farther away do not count; may be infinite.

    Returns
    -------
    values : ndarray, (v, rows, columns), float64
        NaN where no point counts.
    nearest : ndarray, (rows, columns), float64
        Distance to the nearest point, whatever the radius.
    """
    out = np.empty((values.shape[1], y.size, x.size))
    nearest = np.empty((y.size, x.size))
    _each_part(
        np.ascontiguousarray(points, dtype=np.float64),
        np.ascontiguousarray(values, dtype=np.float64),
        np.ascontiguousarray(x, dtype=np.float64),
        np.ascontiguousarray(y, dtype=np.float64),
        float(power),
        min(neighbours, len(points)),
        float(radius),
        out,
        nearest,
    )
    return out, nearest


@njit(nogil=True, cache=True)
def _each_part(points, values, x, y, power, k, radius, out, nearest):  # type: ignore[no-untyped-def]
    count = points.shape[0]
    least = max(k, 1)
    lists = np.arange(count)
    near = _Near(np.empty(count), np.empty(count, dtype=np.int64), np.empty(count))
    across, along = np.empty(count), np.empty(count)
    # Row span, column span, and where the part's list of points stands.
    stack = np.empty((128, 6), dtype=np.int64)
    stack[0] = 0, y.size, 0, x.size, 0, count
    depth = 1
    while depth > 0:
        depth -= 1
        top, bottom, left, right, begin, end = stack[depth]
        if bottom <= top or right <= left:
            continue
        rows, columns = bottom - top, right - left
        if rows * columns < y.size * x.size:
            if 2 * end - begin > lists.size:
                longer = np.empty(2 * (2 * end - begin), dtype=np.int64)
                longer[:end] = lists[:end]
                lists = longer
            middle_x = 0.5 * (x[left] + x[right - 1])
            middle_y = 0.5 * (y[top] + y[bottom - 1])
            half = math.hypot(x[left] - middle_x, y[top] - middle_y)
            for i in range(begin, end):
                near.squares[i - begin] = _square(
                    points[lists[i], 0] - middle_x, points[lists[i], 1] - middle_y
                )
            bound = math.sqrt(_kth_smallest(near.squares, end - begin, least, near.heap)) + half
            if k == 0:
                bound = max(bound, radius)
            limit = ((bound + half) * _SPARE) ** 2
            kept = end
            for i in range(begin, end):
                lists[kept] = lists[i]
                kept += near.squares[i - begin] <= limit
            begin, end = end, kept
        if end - begin <= 2 * least + 8 or rows * columns <= _FEW_CELLS:
            for i in range(begin, end):
                across[i - begin], along[i - begin] = points[lists[i]]
            first = np.inf
            for i in range(top, bottom):
                reach = first + abs(y[i] - y[i - 1]) if i > top else np.inf
                for j in range(left, right):
                    if j > left:
                        reach += abs(x[j] - x[j - 1])
                    found = _gather(across, along, end - begin, x[j], y[i], reach, near)
                    last = _kth_smallest(near.squares, found, least, near.heap)
                    reach = math.sqrt(last)
                    if k == 0:
                        reach = max(reach, radius)
                    if j == left:
                        first = reach
                    limit = radius * radius * (1.0 + TIES)
                    if k > 0:
                        limit = min(limit, last * (1.0 + TIES))
                    nearest[i, j] = _weigh(
                        values, lists[begin:end], found, near, limit, power, out[:, i, j]
                    )
        elif rows >= columns:
            half_way = top + rows // 2
            stack[depth] = top, half_way, left, right, begin, end
            stack[depth + 1] = half_way, bottom, left, right, begin, end
            depth += 2
        else:
            half_way = left + columns // 2
            stack[depth] = top, bottom, left, half_way, begin, end
            stack[depth + 1] = top, bottom, half_way, right, begin, end
            depth += 2


@njit(nogil=True, cache=True)
def _square(across, along):  # type: ignore[no-untyped-def]
    return across * across + along * along


@njit(nogil=True, cache=True)
def _gather(across, along, count, x, y, reach, near):  # type: ignore[no-untyped-def]
    """List the points within reach of a cell, in their order, and return how many they are."""
    limit = (reach * _SPARE) ** 2
    found = 0
    for i in range(count):
        square = _square(across[i] - x, along[i] - y)
        near.squares[found] = square
        near.places[found] = i
        found += square <= limit
    return found


@njit(nogil=True, cache=True)
def _kth_smallest(values, count, k, heap):  # type: ignore[no-untyped-def]
    """Return the k-th smallest, or the greatest where there are fewer.

    A heap keeps the k smallest, or their complement's greatest when those are fewer.
    """
    k = min(k, count)
    sign, size = (1.0, k) if 2 * k <= count + 1 else (-1.0, count - k + 1)
    for i in range(count):
        value = sign * values[i]
        if i < size:
            at = i
            while at > 0 and heap[(at - 1) // 2] < value:
                heap[at] = heap[(at - 1) // 2]
                at = (at - 1) // 2
            heap[at] = value
        elif value < heap[0]:
            at, child = 0, 1
            while child < size:
                if child + 1 < size and heap[child + 1] > heap[child]:
                    child += 1
                if heap[child] <= value:
                    break
                heap[at] = heap[child]
                at, child = child, 2 * child + 1
            heap[at] = value
    return sign * heap[0]


@njit(nogil=True, cache=True)
def _weigh(values, names, found, near, limit, power, out):  # type: ignore[no-untyped-def]
    """Write the weighted means of one cell, and return the distance to its nearest point."""
    squares = near.squares
    nearest = np.inf
    for i in range(found):
        nearest = min(nearest, squares[i])
    if nearest > limit:
        out[:] = np.nan
        return math.sqrt(nearest)
    out[:] = 0.0
    total = 0.0
    for i in range(found):
        if squares[i] > limit or (nearest == 0.0 and squares[i] > 0.0):
            continue
        # Weights relative to the nearest point's: no power overflows.
        ratio = nearest / squares[i] if nearest > 0.0 else 1.0
        if power == 2.0:
            weight = ratio
        elif power == 1.0:
            weight = math.sqrt(ratio)
        else:
            weight = ratio ** (0.5 * power)
        total += weight
        for j in range(out.size):
            out[j] += weight * values[names[near.places[i]], j]
    for j in range(out.size):
        out[j] /= total
    return math.sqrt(nearest)
