"""Count, sum, sum of squares and extremes of blocks, with twice the digits of a float.

A sum is kept as two floats, the rounded sum and what the rounding lost (Knuth's two-sum; Dekker's
two-product for the squares). With some 106 bits the order of adding shows only far below the last
digit of the mean and the standard deviation, so that they are those of any chunking.
"""

from __future__ import annotations

import numpy as np
from numba import njit

FIELDS = ("count", "sum", "sum_error", "square", "square_error", "low", "high")
COUNT, SUM, SUM_ERROR, SQUARE, SQUARE_ERROR, LOW, HIGH = range(len(FIELDS))


def moments(values: np.ndarray) -> np.ndarray:
    """Accumulate ``FIELDS`` of each row; what is not finite is left out.

    Parameters
    ----------
    values : ndarray, (g, n), float32 or float64
        A group a row.

    Returns
    -------
    ndarray, (g, 7), float64
        The fields; ``low`` is infinite and ``high`` minus infinite where nothing is finite.
    """
    out = np.zeros((values.shape[0], len(FIELDS)))
    # The square of a float32 is exact in a float64.
    _moments(np.ascontiguousarray(values), values.dtype == np.float32, out)
    return out


@njit(nogil=True, cache=True)
def _moments(values, squares_are_exact, out):  # type: ignore[no-untyped-def]
    for group in range(values.shape[0]):
        row = values[group]
        count = 0
        total, lost, square, square_lost = 0.0, 0.0, 0.0, 0.0
        low, high = np.inf, -np.inf
        for i in range(row.size):
            value = np.float64(row[i])  # float() would leave a float32 one
            if not np.isfinite(value):
                continue
            count += 1
            low = value if value < low else low
            high = value if value > high else high
            new = total + value
            part = new - total
            lost += (total - (new - part)) + (value - part)
            total = new
            product = value * value
            if not squares_are_exact:
                # Dekker (1971): 2^27 + 1 splits a float64 into halves whose products are exact.
                factor = 134217729.0 * value
                upper = factor - (factor - value)
                lower = value - upper
                square_lost += lower * lower - ((product - upper * upper) - 2.0 * upper * lower)
            new = square + product
            part = new - square
            square_lost += (square - (new - part)) + (product - part)
            square = new
        field = out[group]
        field[0], field[1], field[2] = count, total, lost
        field[3], field[4], field[5], field[6] = square, square_lost, low, high


def merge_moments(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Merge two sets of fields; either may be empty.

    Parameters
    ----------
    left, right : ndarray, (g, 7)
        From :func:`moments`.

    Returns
    -------
    ndarray, (g, 7)
        The fields of the union.
    """
    out = np.empty_like(left)
    out[:, COUNT] = left[:, COUNT] + right[:, COUNT]
    for field, error in ((SUM, SUM_ERROR), (SQUARE, SQUARE_ERROR)):
        a, b = left[:, field], right[:, field]
        total = a + b
        part = total - a
        lost = (a - (total - part)) + (b - part)
        out[:, field] = total
        out[:, error] = left[:, error] + right[:, error] + lost
    out[:, LOW] = np.minimum(left[:, LOW], right[:, LOW])
    out[:, HIGH] = np.maximum(left[:, HIGH], right[:, HIGH])
    return out
