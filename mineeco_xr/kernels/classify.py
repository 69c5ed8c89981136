"""The class of each value by upper bounds that belong to their class."""

from __future__ import annotations

import numpy as np
from numba import njit


def class_codes(values: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """Return 1 for values up to the first bound, 2 for those up to the second, and so on.

    Parameters
    ----------
    values : ndarray, (g, n), float32 or float64
        A group a row.
    bounds : ndarray, (g, k), float64
        Ascending upper bounds of each group, inclusive; at most 254.

    Returns
    -------
    ndarray, (g, n), uint8
        0 for what is not finite; ``k + 1`` beyond the last bound.
    """
    out = np.empty(values.shape, dtype=np.uint8)
    _codes(np.ascontiguousarray(values), np.ascontiguousarray(bounds), out)
    return out


@njit(nogil=True, cache=True)
def _codes(values, bounds, out):  # type: ignore[no-untyped-def]
    strip = 1024
    for group in range(values.shape[0]):
        for start in range(0, values.shape[1], strip):
            row = values[group, start : start + strip]
            codes = out[group, start : start + strip]
            for i in range(row.size):
                codes[i] = 1 if np.isfinite(row[i]) else 0
            for b in range(bounds.shape[1]):
                bound = bounds[group, b]
                for i in range(row.size):
                    codes[i] += np.uint8(codes[i] > 0) & np.uint8(row[i] > bound)
