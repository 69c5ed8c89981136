"""Mean and standard deviation of many short series with gaps."""

from __future__ import annotations

import numpy as np
from numba import njit


def coefficient_of_variation(values: np.ndarray, min_n: int) -> np.ndarray:
    """Return the sample standard deviation over the mean.

    Parameters
    ----------
    values : ndarray, (t, ...), float
        Series along the first axis; what is not finite is missing.
    min_n : int
        Series with fewer values, or a mean of zero, give NaN.

    Returns
    -------
    ndarray, (...), float64
        Standard deviation with ``n - 1`` over the mean.
    """
    flat = np.ascontiguousarray(values).reshape(values.shape[0], -1)
    out = np.empty(flat.shape[1])
    _variation(flat, min_n, out)
    return out.reshape(values.shape[1:])


@njit(nogil=True, cache=True)
def _variation(values, min_n, out):  # type: ignore[no-untyped-def]
    length, count = values.shape
    number = np.zeros(count, dtype=np.int64)
    mean = np.zeros(count)
    moment = np.zeros(count)
    for t in range(length):
        row = values[t]
        for i in range(count):
            value = float(row[i])
            if np.isfinite(value):
                number[i] += 1
                delta = value - mean[i]
                mean[i] += delta / number[i]
                moment[i] += delta * (value - mean[i])
    for i in range(count):
        if number[i] < min_n or number[i] < 2 or mean[i] == 0.0:
            out[i] = np.nan
        else:
            out[i] = np.sqrt(moment[i] / (number[i] - 1)) / mean[i]
