"""Flow directions of cells with a lower neighbour, by the rules of InVEST.

Directions count anticlockwise from the east: 0=E 1=NE 2=N 3=NW 4=W 5=SW 6=S 7=SE. Arithmetic is in
float64, as there, so that ties are the same ones.
"""

from __future__ import annotations

import numpy as np
from numba import njit

ROWS = np.array([0, -1, -1, -1, 0, 1, 1, 1], dtype=np.int64)
COLUMNS = np.array([1, 1, 0, -1, -1, -1, 0, 1], dtype=np.int64)
DIAGONAL = 1.0 / 2.0**0.5
FLAT, NODATA = 8, 255
"""Codes of a cell without a lower neighbour, and of nodata and what lies outside."""


def offsets(stride: int) -> np.ndarray:
    """Return the steps to the eight neighbours in a flattened raster, by direction.

    Parameters
    ----------
    stride : int
        Columns of the raster.

    Returns
    -------
    ndarray of int64, (8,)
    """
    return ROWS * stride + COLUMNS


def steepest(z: np.ndarray, north: float = 1.0, diagonal: float = DIAGONAL) -> np.ndarray:
    """Return the direction of the steepest drop to a neighbour; the first of equal ones.

    Parameters
    ----------
    z : ndarray, (h, w), float64
        Elevations; NaN is nodata.
    north, diagonal : float
        The step to the east over the steps to the north and the north-east.

    Returns
    -------
    ndarray, (h, w), uint8
        0 to 7, ``FLAT`` or ``NODATA``; the outermost cells are ``NODATA``.
    """
    out = np.full(z.shape, NODATA, np.uint8)
    if min(z.shape) > 2:
        _steepest(z, north, diagonal, out)
    return out


@njit(nogil=True, cache=True)
def _steepest(z, north, diagonal, codes):  # type: ignore[no-untyped-def]
    height, width = z.shape[0] - 2, z.shape[1] - 2
    for i in range(height):
        above, middle, below = z[i], z[i + 1], z[i + 2]
        nw, n, ne = above[:width], above[1 : width + 1], above[2 : width + 2]
        w, here, e = middle[:width], middle[1 : width + 1], middle[2 : width + 2]
        sw, s, se = below[:width], below[1 : width + 1], below[2 : width + 2]
        out = codes[i + 1, 1 : width + 1]
        for j in range(width):
            top = here[j]
            code, best = 8, 0.0
            # NaN compares false: nodata is never chosen.
            drop = top - e[j]
            code, best = (0, drop) if drop > best else (code, best)
            drop = (top - ne[j]) * diagonal
            code, best = (1, drop) if drop > best else (code, best)
            drop = (top - n[j]) * north
            code, best = (2, drop) if drop > best else (code, best)
            drop = (top - nw[j]) * diagonal
            code, best = (3, drop) if drop > best else (code, best)
            drop = top - w[j]
            code, best = (4, drop) if drop > best else (code, best)
            drop = (top - sw[j]) * diagonal
            code, best = (5, drop) if drop > best else (code, best)
            drop = (top - s[j]) * north
            code, best = (6, drop) if drop > best else (code, best)
            drop = (top - se[j]) * diagonal
            code, best = (7, drop) if drop > best else (code, best)
            out[j] = code if top == top else 255


@njit(nogil=True, cache=True)
def _fall(drop, factor):  # type: ignore[no-untyped-def]
    return drop * factor if drop > 0.0 else 0.0


def proportions(z: np.ndarray, north: float = 1.0, diagonal: float = DIAGONAL) -> np.ndarray:
    """Return the shares of flow to all lower neighbours, each in 4 bits.

    Parameters
    ----------
    z : ndarray, (h, w), float64
        Elevations; NaN is nodata.
    north, diagonal : float
        The step to the east over the steps to the north and the north-east.

    Returns
    -------
    ndarray, (h, w), uint32
        ``int(0.5 + 15 s_i / sum s)`` at bits ``4 i``, with ``s`` the drop over the step; 0 where no
        neighbour is lower, at nodata and in the outermost cells.
    """
    out = np.zeros(z.shape, np.uint32)
    if min(z.shape) > 2:
        _proportions(z, north, diagonal, out)
    return out


@njit(nogil=True, cache=True, error_model="numpy")
def _proportions(z, north, diagonal, packed):  # type: ignore[no-untyped-def]
    height, width = z.shape[0] - 2, z.shape[1] - 2
    for i in range(height):
        above, middle, below = z[i], z[i + 1], z[i + 2]
        nw, n, ne = above[:width], above[1 : width + 1], above[2 : width + 2]
        w, here, e = middle[:width], middle[1 : width + 1], middle[2 : width + 2]
        sw, s, se = below[:width], below[1 : width + 1], below[2 : width + 2]
        out = packed[i + 1, 1 : width + 1]
        for j in range(width):
            top = here[j]
            f0, f1 = _fall(top - e[j], 1.0), _fall(top - ne[j], diagonal)
            f2, f3 = _fall(top - n[j], north), _fall(top - nw[j], diagonal)
            f4, f5 = _fall(top - w[j], 1.0), _fall(top - sw[j], diagonal)
            f6, f7 = _fall(top - s[j], north), _fall(top - se[j], diagonal)
            total = f0 + f1 + f2 + f3 + f4 + f5 + f6 + f7
            total = total if total > 0.0 else 1.0
            out[j] = (
                np.uint32(0.5 + f0 / total * 15.0)
                | np.uint32(0.5 + f1 / total * 15.0) << np.uint32(4)
                | np.uint32(0.5 + f2 / total * 15.0) << np.uint32(8)
                | np.uint32(0.5 + f3 / total * 15.0) << np.uint32(12)
                | np.uint32(0.5 + f4 / total * 15.0) << np.uint32(16)
                | np.uint32(0.5 + f5 / total * 15.0) << np.uint32(20)
                | np.uint32(0.5 + f6 / total * 15.0) << np.uint32(24)
                | np.uint32(0.5 + f7 / total * 15.0) << np.uint32(28)
            )
