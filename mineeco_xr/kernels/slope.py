"""Gradient of a terrain by Horn's weights, with InVEST's fallbacks beside nodata.

Cells around ``e`` are named by rows ``a b c``, ``d e f``, ``g h i``; ``dz/dx`` is
``((a - c) + 2 (d - f) + (g - i)) / (8 dx)``, its sign being of no account. Each of the three
differences falls back by itself: to the half of it that is known, and on an outer row without its
middle cell to the diagonal, times sqrt(2). The sum is over the weights that were used.
"""

from __future__ import annotations

import numpy as np
from numba import njit

SQRT2 = 2.0**0.5


def gradient(z: np.ndarray, dx: float, dy: float) -> np.ndarray:
    """Return the length of the gradient of every cell but the outermost.

    Parameters
    ----------
    z : ndarray, (h + 2, w + 2), float64
        Elevations; NaN is nodata.
    dx, dy : float
        Sizes of a cell in the unit of the elevations.

    Returns
    -------
    ndarray, (h, w), float64
        Rise over run; NaN at nodata, 0 where no neighbour is known.
    """
    out = np.empty((z.shape[0] - 2, z.shape[1] - 2))
    _gradient(z, dx, dy, out)
    return out


@njit(nogil=True, cache=True, error_model="numpy")
def _gradient(z, dx, dy, out):  # type: ignore[no-untyped-def]
    height, width = out.shape
    for row in range(height):
        above, middle, below = z[row], z[row + 1], z[row + 2]
        a, b, c = above[:width], above[1 : width + 1], above[2 : width + 2]
        d, e, f = middle[:width], middle[1 : width + 1], middle[2 : width + 2]
        g, h, i = below[:width], below[1 : width + 1], below[2 : width + 2]
        found = out[row]
        for j in range(width):
            across = (a[j] - c[j] + 2.0 * (d[j] - f[j]) + (g[j] - i[j])) / (8.0 * dx)
            down = (a[j] - g[j] + 2.0 * (b[j] - h[j]) + (c[j] - i[j])) / (8.0 * dy)
            steep = np.sqrt(across * across + down * down)
            found[j] = steep if e[j] == e[j] else np.nan
        for j in range(width):
            if found[j] != found[j] and e[j] == e[j]:
                found[j] = _beside_nodata(
                    a[j], b[j], c[j], d[j], e[j], f[j], g[j], h[j], i[j], dx, dy
                )


@njit(nogil=True, cache=True)
def _outer(first, middle, last, centre):  # type: ignore[no-untyped-def]
    """Return the difference along an outer row or column, and its weight."""
    has_first, has_middle, has_last = first == first, middle == middle, last == last
    if has_first and has_last:
        return first - last, 2.0
    if has_first and has_middle:
        return first - middle, 1.0
    if has_middle and has_last:
        return middle - last, 1.0
    if has_first:
        return (first - centre) * SQRT2, 1.0
    if has_last:
        return (centre - last) * SQRT2, 1.0
    return 0.0, 0.0


@njit(nogil=True, cache=True)
def _inner(first, last, centre):  # type: ignore[no-untyped-def]
    """Return the difference along the row or column of the cell, and its weight."""
    if first == first and last == last:
        return 2.0 * (first - last), 4.0
    if first == first:
        return 2.0 * (first - centre), 2.0
    if last == last:
        return 2.0 * (centre - last), 2.0
    return 0.0, 0.0


@njit(nogil=True, cache=True)
def _beside_nodata(a, b, c, d, e, f, g, h, i, dx, dy):  # type: ignore[no-untyped-def]
    first, first_weight = _outer(a, b, c, e)
    second, second_weight = _inner(d, f, e)
    third, third_weight = _outer(g, h, i, e)
    weight = first_weight + second_weight + third_weight
    across = (first + second + third) / (weight * dx) if weight > 0.0 else 0.0
    first, first_weight = _outer(a, d, g, e)
    second, second_weight = _inner(b, h, e)
    third, third_weight = _outer(c, f, i, e)
    weight = first_weight + second_weight + third_weight
    down = (first + second + third) / (weight * dy) if weight > 0.0 else 0.0
    return np.sqrt(across * across + down * down)
