"""D8 over plateaus in the order of pygeoprocessing: the way that is found first counts.

A plateau is walked twice from a queue, first in first out: breadth first from its first flat cell
for the cells that drain it, then from these for the ways to them. Of equally long ways the one
found first stays, so that directions hang on which cell is the first: the raster is searched tile
by tile. Whether two ways are equally long is a matter of float64, in which distances are added up
from the drain on.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from mineeco_xr.kernels.flow_direction import FLAT, NODATA, offsets
from mineeco_xr.kernels.plateau import SQRT2

OUTLET = 9
"""Code of a flat cell beside nodata."""
ROOM = 8
"""Cells for which a queue has room at first, as many as one cell adds; sizes are powers of two."""

_SETS = np.arange(256)[:, None] >> np.arange(8) & 1
MEMBERS = np.argsort(1 - _SETS, axis=1, kind="stable").astype(np.uint8)
COUNTS = _SETS.sum(axis=1)
"""Of each set of directions, as the bits of a byte: the directions in it, upwards; their number."""


def direct_in_order(
    z: np.ndarray, codes: np.ndarray, tile: int, corner: tuple[int, int] = (0, 0)
) -> None:
    """Give flat cells the direction that pygeoprocessing gives them, in place.

    Parameters
    ----------
    z : ndarray, (h + 2, w + 2), float64
        Elevations; NaN is nodata and stands around the raster.
    codes : ndarray, (h + 2, w + 2), uint8
        From ``flow_direction.steepest``. ``FLAT`` becomes a direction, or ``NODATA`` in a pit.
    tile : int
        Side of the tiles in whose order the first cell of a plateau is sought.
    corner : tuple of int
        Row and column of the raster at which a tile begins.
    """
    level = np.zeros(codes.shape, np.uint8)
    _level_neighbours(z, codes, level)
    # Pages of the distances are touched on plateaus only.
    distance = np.zeros(codes.size)
    _direct_in_order(
        codes.ravel(), level.ravel(), distance, offsets(codes.shape[1]), codes.shape,
        tile, corner[0] % tile, corner[1] % tile,
    )  # fmt: skip
    codes[(codes == FLAT) | (codes == OUTLET)] = NODATA


@njit(nogil=True, cache=True)
def _level_neighbours(z, codes, level):  # type: ignore[no-untyped-def]
    """Find the set of equally high neighbours of each cell, and mark outlets among flat cells."""
    height, width = z.shape[0] - 2, z.shape[1] - 2
    for i in range(height):
        above, middle, below = z[i], z[i + 1], z[i + 2]
        nw, n, ne = above[:width], above[1 : width + 1], above[2 : width + 2]
        w, here, e = middle[:width], middle[1 : width + 1], middle[2 : width + 2]
        sw, s, se = below[:width], below[1 : width + 1], below[2 : width + 2]
        out, code = level[i + 1, 1 : width + 1], codes[i + 1, 1 : width + 1]
        for j in range(width):
            top = here[j]
            out[j] = (
                (e[j] == top) << 0 | (ne[j] == top) << 1 | (n[j] == top) << 2
                | (nw[j] == top) << 3 | (w[j] == top) << 4 | (sw[j] == top) << 5
                | (s[j] == top) << 6 | (se[j] == top) << 7
            )  # fmt: skip
            # Of the eight a sum is NaN where one is; elevations are finite.
            around = (e[j] + ne[j]) + (n[j] + nw[j]) + (w[j] + sw[j]) + (s[j] + se[j])
            code[j] = code[j] + ((around != around) & (code[j] == FLAT))


@njit(nogil=True, cache=True)
def _direct_in_order(  # type: ignore[no-untyped-def]
    codes, level, distance, around, shape, tile, row, column
):
    height, width = shape[0] - 2, shape[1] - 2
    queue, drains = np.empty(ROOM, np.int64), np.empty(ROOM, np.int64)
    for top in range(row - tile if row else 0, height, tile):
        for left in range(column - tile if column else 0, width, tile):
            for i in range(max(top, 0), min(top + tile, height)):
                for j in range(max(left, 0), min(left + tile, width)):
                    root = (i + 1) * (width + 2) + j + 1
                    # A pit that was searched has distances, and no direction.
                    flat = codes[root] == FLAT or codes[root] == OUTLET
                    if flat and distance[root] == 0.0:
                        queue, drains, found = _find_drains(
                            codes, level, distance, around, root, queue, drains
                        )
                        drains = _drain(codes, level, distance, around, drains, found)


@njit(nogil=True, cache=True)
def _find_drains(codes, level, distance, around, root, queue, drains):  # type: ignore[no-untyped-def]
    """Give all cells of a plateau an infinite distance, and return those that drain it in order.

    They are those with a lower neighbour; only where there is none, those beside nodata.
    """
    queue[0], distance[root] = root, np.inf
    head, tail, found, downhill = 0, 1, 0, False
    while head < tail:
        cell = queue[head & (queue.size - 1)]
        head += 1
        queue = _with_room(queue, head, tail, 8)
        neighbours = level[cell]
        for place in range(COUNTS[neighbours]):
            other = cell + around[MEMBERS[neighbours, place]]
            if distance[other] == 0.0:
                distance[other] = np.inf
                queue[tail & (queue.size - 1)] = other
                tail += 1
        lower = codes[cell] < FLAT
        if lower and not downhill:
            downhill, found = True, 0
        if lower or (codes[cell] == OUTLET and not downhill):
            drains = _with_room(drains, 0, found, 1)
            drains[found] = cell
            found += 1
    return queue, drains, found


@njit(nogil=True, cache=True)
def _drain(codes, level, distance, around, queue, found):  # type: ignore[no-untyped-def]
    """Lead the cells of a plateau to those that drain it, which are first in the queue."""
    for place in range(found):
        cell = queue[place]
        distance[cell] = 0.0
        if codes[cell] == OUTLET:
            codes[cell] = _outwards(codes, around, cell)
    head, tail = 0, found
    while head < tail:
        cell = queue[head & (queue.size - 1)]
        here = distance[cell]
        head += 1
        queue = _with_room(queue, head, tail, 8)
        neighbours = level[cell]
        for place in range(COUNTS[neighbours]):
            direction = MEMBERS[neighbours, place]
            other = cell + around[direction]
            length = here + (SQRT2 if direction & 1 else 1.0)
            if distance[other] > length:
                distance[other] = length
                codes[other] = (direction + 4) & 7
                # A cell that already waits is queued again: its turn is part of the order.
                queue[tail & (queue.size - 1)] = other
                tail += 1
    return queue


@njit(nogil=True, cache=True)
def _outwards(codes, around, cell):  # type: ignore[no-untyped-def]
    """Return the first straight direction to nodata, else the last diagonal one."""
    found = NODATA
    for direction in range(8):
        if codes[cell + around[direction]] == NODATA:
            found = direction
            if direction & 1 == 0:
                break
    return found


@njit(nogil=True, cache=True)
def _with_room(queue, head, tail, more):  # type: ignore[no-untyped-def]
    """Return a ring that has room for some more, of twice the size if it has not."""
    if tail - head + more <= queue.size:
        return queue
    out = np.empty(2 * queue.size, queue.dtype)
    for place in range(head, tail):
        out[place & (out.size - 1)] = queue[place & (queue.size - 1)]
    return out
