"""Flow over plateaus: the geodesic distance of flat cells to where their plateau drains.

A cell is flat when no neighbour is lower. Flat neighbours are equally high, since the higher of two
would have a lower neighbour; so flat cells that touch are one plateau, and a plateau drains where a
cell of it touches an equally high one that is not flat. Only a plateau without such a place drains
at cells beside nodata or the edge of the raster.

Distances are sums of 1 and sqrt(2), added from the drain on in float64, least over all paths. That
least value is one number, however the cells are visited: adding is monotone.

Blocks stand in frames of two cells on each side: the inner of the two belongs to the neighbours.
``distance`` in a frame is ``-1`` where a cell is not flat.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from mineeco_xr.kernels.flow_direction import FLAT, NODATA, offsets

SQRT2 = 2.0**0.5
STRAIGHT = 0b01010101
"""Bits of the directions along rows and columns."""
RIM = 2
"""Cells of the frame on each side."""


def flat_cells(z: np.ndarray, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the flat cells of a block, and where equally high cells that drain are beside them.

    Parameters
    ----------
    z : ndarray, (h + 4, w + 4)
        Elevations.
    codes : ndarray, (h + 4, w + 4), uint8
        From ``flow_direction.steepest``.

    Returns
    -------
    cells : ndarray of int64
        Positions in the flattened frame, of the block's own flat cells, upwards.
    drains : ndarray of uint8
        Bit ``i`` is set where the neighbour in direction ``i`` is equally high and not flat.
    """
    count = int(np.count_nonzero(codes[RIM:-RIM, RIM:-RIM] == FLAT))
    cells, drains = np.empty(count, np.int64), np.zeros(count, np.uint8)
    if count:
        around = offsets(codes.shape[1])
        _flat_cells(z.ravel(), codes.ravel(), *codes.shape, around, cells, drains)
    return cells, drains


@njit(nogil=True, cache=True)
def _flat_cells(z, codes, rows, stride, around, cells, drains):  # type: ignore[no-untyped-def]
    number = 0
    for i in range(RIM, rows - RIM):
        for cell in range(i * stride + RIM, (i + 1) * stride - RIM):
            if codes[cell] != FLAT:
                continue
            mask = 0
            for direction in range(8):
                other = cell + around[direction]
                mask |= int(codes[other] < FLAT and z[other] == z[cell]) << direction
            cells[number], drains[number] = cell, mask
            number += 1


def first_steps(drains: np.ndarray) -> np.ndarray:
    """Return the distance of flat cells to a neighbour that drains.

    Parameters
    ----------
    drains : ndarray of uint8
        From :func:`flat_cells`.

    Returns
    -------
    ndarray of float64
        1, sqrt(2), or ``inf`` without such a neighbour.
    """
    return np.where(drains & STRAIGHT, 1.0, np.where(drains, SQRT2, np.inf))


def beside_nodata(codes: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Say of cells whether nodata or the edge of the raster is a neighbour.

    Parameters
    ----------
    codes : ndarray, (h + 4, w + 4), uint8
        From ``flow_direction.steepest``.
    cells : ndarray of int64
        Positions in the flattened frame.

    Returns
    -------
    ndarray of bool
        One a cell.
    """
    found = np.zeros(cells.size, np.bool_)
    _beside_nodata(codes.ravel(), cells, offsets(codes.shape[1]), found)
    return found


@njit(nogil=True, cache=True)
def _beside_nodata(codes, cells, around, found):  # type: ignore[no-untyped-def]
    for number in range(cells.size):
        for direction in range(8):
            found[number] |= codes[cells[number] + around[direction]] == NODATA


def spread(distance: np.ndarray, stride: int, cells: np.ndarray) -> None:
    """Find the distances of flat cells from those that are known, in place.

    Parameters
    ----------
    distance : ndarray, flattened frame, float64
        ``inf`` or more than the least in ``cells``, known ones among them; ``-1`` in walls and in
        the outermost cells.
    stride : int
        Cells of a row of the frame.
    cells : ndarray of int64
        Positions of the cells to find, upwards.

    Notes
    -----
    A sweep down and up in the order of the rows settles most cells; what is left to lower goes on
    from a queue (Vincent 1993).
    """
    lower(distance, stride, _sweep(distance, offsets(stride), cells))


@njit(nogil=True, cache=True)
def _pulled(distance, cell, east, north_east, north, north_west):  # type: ignore[no-untyped-def]
    """Return the distance by way of four neighbours; walls are negative."""
    here = distance[cell]
    a, b = distance[cell + east], distance[cell + north_east]
    c, d = distance[cell + north], distance[cell + north_west]
    here = a + 1.0 if a >= 0.0 and a + 1.0 < here else here
    here = b + SQRT2 if b >= 0.0 and b + SQRT2 < here else here
    here = c + 1.0 if c >= 0.0 and c + 1.0 < here else here
    return d + SQRT2 if d >= 0.0 and d + SQRT2 < here else here


@njit(nogil=True, cache=True)
def longer(values):  # type: ignore[no-untyped-def]
    """Return an array of twice the length that begins with these values."""
    out = np.empty(2 * values.size, values.dtype)
    for number in range(values.size):
        out[number] = values[number]
    return out


@njit(nogil=True, cache=True)
def _sweep(distance, around, cells):  # type: ignore[no-untyped-def]
    """Sweep down and up, and return the cells that could still lower a neighbour."""
    e, ne, n, nw = around[0], around[1], around[2], around[3]
    for cell in cells:
        distance[cell] = _pulled(distance, cell, -e, ne, n, nw)
    count, left = 0, np.empty(1024, np.int64)
    for number in range(cells.size - 1, -1, -1):
        cell = cells[number]
        here = _pulled(distance, cell, e, -ne, -n, -nw)
        distance[cell] = here
        # Cells before this one are still to be swept; those after it were swept without it.
        a, b = distance[cell + e], distance[cell - ne]
        c, d = distance[cell - n], distance[cell - nw]
        if a > here + 1.0 or b > here + SQRT2 or c > here + 1.0 or d > here + SQRT2:
            if count == left.size:
                left = longer(left)
            left[count] = cell
            count += 1
    return left[:count]


def lower(distance: np.ndarray, stride: int, entries: np.ndarray) -> None:
    """Lower the distances of all cells that a few entries reach, in place.

    Parameters
    ----------
    distance : ndarray, flattened frame, float64
        ``-1`` in walls and in the outermost cells.
    stride : int
        Cells of a row of the frame.
    entries : ndarray of int64
        Positions to start from.

    Notes
    -----
    Buckets of width 1: no step is shorter, so that a bucket cannot improve itself; none is as long
    as 2, so that three buckets are enough.
    """
    if entries.size:
        order = np.argsort(distance[entries], kind="stable")
        _lower(distance, offsets(stride), entries[order], np.empty((3, 1024), np.int64))


@njit(nogil=True, cache=True)
def _lower(distance, around, entries, bucket):  # type: ignore[no-untyped-def]
    size = np.zeros(3, np.int64)
    taken, level = 0, int(distance[entries[0]])
    while True:
        if size[0] + size[1] + size[2] == 0:
            if taken == entries.size:
                return
            # An entry that was reached on a shorter way stands earlier now; it is passed over.
            level = max(level, int(distance[entries[taken]]))
        now = level % 3
        while taken < entries.size and int(distance[entries[taken]]) <= level:
            if int(distance[entries[taken]]) == level:
                if size[now] == bucket.shape[1]:
                    bucket = _wider(bucket)
                bucket[now, size[now]] = entries[taken]
                size[now] += 1
            taken += 1
        for place in range(size[now]):
            cell = bucket[now, place]
            here = distance[cell]
            if int(here) != level:
                continue
            for direction in range(8):
                other = cell + around[direction]
                length = here + (SQRT2 if direction & 1 else 1.0)
                if length < distance[other]:
                    distance[other] = length
                    put = int(length) % 3
                    if size[put] == bucket.shape[1]:
                        bucket = _wider(bucket)
                    bucket[put, size[put]] = other
                    size[put] += 1
        size[now] = 0
        level += 1


@njit(nogil=True, cache=True)
def _wider(bucket):  # type: ignore[no-untyped-def]
    out = np.empty((3, 2 * bucket.shape[1]), bucket.dtype)
    for number in range(3):
        for place in range(bucket.shape[1]):
            out[number, place] = bucket[number, place]
    return out
