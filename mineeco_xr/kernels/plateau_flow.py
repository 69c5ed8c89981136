"""Directions of flow over plateaus, once the distances to the drain are known.

Frames and positions are those of ``plateau``.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from mineeco_xr.kernels.flow_direction import DIAGONAL, NODATA, offsets
from mineeco_xr.kernels.plateau import SQRT2, STRAIGHT


def direct_d8(
    codes: np.ndarray, distance: np.ndarray, cells: np.ndarray, drains: np.ndarray
) -> np.ndarray:
    """Return the direction of flat cells: to the neighbour that their distance came from.

    Parameters
    ----------
    codes, distance : ndarray, (h + 4, w + 4)
        Directions of cells that are not flat, distances of those that are.
    cells, drains : ndarray
        From :func:`flat_cells`.

    Returns
    -------
    ndarray of uint8
        Of equally short ways that to the neighbour nearest to the drain, which is a diagonal one;
        then the first direction. Towards nodata at distance 0, by InVEST's rule: the first straight
        one, else the last diagonal one. ``NODATA`` for a pit.
    """
    out = np.full(cells.size, NODATA, np.uint8)
    _direct_d8(codes.ravel(), distance.ravel(), cells, drains, offsets(codes.shape[1]), out)
    return out


@njit(nogil=True, cache=True)
def _direct_d8(codes, distance, cells, drains, around, out):  # type: ignore[no-untyped-def]
    for number in range(cells.size):
        cell, mask = cells[number], drains[number]
        here = distance[cell]
        if here == np.inf:
            continue
        if mask:
            # Beside a drain no way over a flat cell, which has at least 1, is as short.
            mask = mask & STRAIGHT if mask & STRAIGHT else mask
            direction = 0
            while mask & 1 == 0:
                mask >>= 1
                direction += 1
            out[number] = direction
        elif here > 0.0:
            found = NODATA
            # The last one stays: straight ones from 6 down, then diagonal ones from 7 to 1.
            for back in range(8):
                direction = 6 - 2 * back if back < 4 else 15 - 2 * back
                step = SQRT2 if direction & 1 else 1.0
                same = distance[cell + around[direction]] + step == here
                found = direction if same else found
            out[number] = found
        else:
            for direction in range(8):
                if codes[cell + around[direction]] == NODATA:
                    out[number] = direction
                    if direction & 1 == 0:
                        break


def direct_mfd(
    codes: np.ndarray, distance: np.ndarray, cells: np.ndarray, drains: np.ndarray
) -> np.ndarray:
    """Return the shares of flow of flat cells: to all equally high neighbours nearer to a drain.

    Parameters
    ----------
    codes, distance : ndarray, (h + 4, w + 4)
        Directions of cells that are not flat, distances of those that are.
    cells, drains : ndarray
        From :func:`flat_cells`.

    Returns
    -------
    ndarray of uint32
        Eight times 4 bits, from weights of 1 and 1 / sqrt(2); towards nodata at distance 0; 0 for
        a pit.
    """
    out = np.zeros(cells.size, np.uint8)
    _nearer(codes.ravel(), distance.ravel(), cells, drains, offsets(codes.shape[1]), out)
    return _shares()[out]


def _shares() -> np.ndarray:
    """Return the packed shares for every set of directions."""
    chosen = np.arange(256)[:, None] >> np.arange(8) & 1
    weight = np.where(chosen, np.where(np.arange(8) & 1, DIAGONAL, 1.0), 0.0)
    # Added one by one, in the order of InVEST.
    total = np.maximum(np.cumsum(weight, axis=1)[:, -1:], DIAGONAL)
    bits = (0.5 + weight / total * 15.0).astype(np.uint32) << (4 * np.arange(8, dtype=np.uint32))
    return np.bitwise_or.reduce(bits, axis=1)


@njit(nogil=True, cache=True)
def _nearer(codes, distance, cells, drains, around, out):  # type: ignore[no-untyped-def]
    for number in range(cells.size):
        cell, mask = cells[number], np.int64(drains[number])
        here = distance[cell]
        if here == np.inf:
            continue
        for direction in range(8):
            other = cell + around[direction]
            if here > 0.0:
                taken = distance[other] >= 0.0 and distance[other] < here
            else:
                taken = codes[other] == NODATA
            mask |= int(taken) << direction
        out[number] = mask
