"""Work through a block of many short series in slabs that fit the cache.

A slab is turned to float64 on the way, so that a kernel is compiled for one type only.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

SLAB_VALUES = 65_536
"""Values of a slab: half a MiB, in a core's own cache."""


def by_slabs(
    kernel: Callable[[np.ndarray, np.ndarray], None], values: np.ndarray, rows: int
) -> np.ndarray:
    """Run a kernel on slabs of series.

    Parameters
    ----------
    kernel : callable
        ``kernel(series, out)`` fills ``out`` (rows, cells) from ``series`` (t, cells), float64.
    values : ndarray, (t, ...)
        Series along the first axis.
    rows : int
        How many numbers a series gets.

    Returns
    -------
    ndarray, (rows, ...), float64
        What the kernel wrote.

    Examples
    --------
    >>> by_slabs(lambda series, out: np.sum(series, axis=0, out=out[0]), np.ones((3, 2, 2)), 1)
    array([[[3., 3.],
            [3., 3.]]])
    """
    flat = values.reshape(values.shape[0], -1)
    out = np.empty((rows, flat.shape[1]))
    # Odd: rows a power of two apart would all fall into the same few lines of the cache.
    width = max(1, SLAB_VALUES // max(1, flat.shape[0])) | 1
    for begin in range(0, flat.shape[1], width):
        slab = slice(begin, begin + width)
        # Copies: of one layout and writable whatever came, so that one compilation serves all.
        series = np.array(flat[:, slab], dtype=np.float64, order="C")
        found = np.empty((rows, series.shape[1]))
        kernel(series, found)
        out[:, slab] = found
    return out.reshape(rows, *values.shape[1:])
