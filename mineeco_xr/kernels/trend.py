"""Theil-Sen slope and Mann-Kendall test of many short series.

The median slope is found by counting: slopes half a series apart bracket it, a few counts narrow
the bracket to a handful of candidates, and those are sorted. The result is an exact order
statistic; the counting passes are vector operations.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

OUTPUTS = ("slope", "intercept", "s", "z", "p", "tau", "n")
_FEW = 16
_MOST_COUNTS = 24


def sen_mann_kendall(values: np.ndarray, times: np.ndarray, min_n: int) -> np.ndarray:
    """Return slope, intercept, S, Z, p, tau and n of each series.

    Parameters
    ----------
    values : ndarray, (t, ...), float
        Series along the first axis; what is not finite is missing.
    times : ndarray, (t,), float64
        Strictly increasing.
    min_n : int
        Series with fewer values get NaN everywhere but in ``n``.

    Returns
    -------
    ndarray, (7, ...), float64
        In the order of ``OUTPUTS``.
    """
    flat = np.ascontiguousarray(values).reshape(values.shape[0], -1)
    out = np.empty((len(OUTPUTS), flat.shape[1]))
    _each_series(flat, np.ascontiguousarray(times, dtype=np.float64), min_n, out)
    return out.reshape(len(OUTPUTS), *values.shape[1:])


@njit(nogil=True, cache=True)
def _each_series(values, times, min_n, out):  # type: ignore[no-untyped-def]
    length, count = values.shape
    value, when = np.empty(length), np.empty(length)
    slopes = np.empty(length * (length - 1) // 2)
    scratch = np.empty(slopes.size + 1)
    for i in range(count):
        n = 0
        for t in range(length):
            if np.isfinite(values[t, i]):
                value[n], when[n] = values[t, i], times[t]
                n += 1
        out[6, i] = n
        if n < min_n or n < 2:
            out[:6, i] = np.nan
            continue
        pairs = slopes[: n * (n - 1) // 2]
        score = pair_slopes(value, when, n, pairs)
        slope = _median_slope(pairs, value, when, n, scratch)
        sort_first(value, n)
        out[0, i] = slope
        out[1, i] = _middle(value, n) - slope * _middle(when, n)
        mann_kendall(score, value, n, out[:, i])


@njit(nogil=True, cache=True)
def pair_slopes(value, when, n, slopes):  # type: ignore[no-untyped-def]
    """Fill all pairwise slopes and return S, the rises less the falls."""
    start, score = 0, 0
    for i in range(n - 1):
        later, dates = value[i + 1 : n], when[i + 1 : n]
        row = slopes[start : start + n - 1 - i]
        for j in range(n - 1 - i):
            rise = later[j] - value[i]
            row[j] = rise / (dates[j] - when[i])
            score += (1 if rise > 0.0 else 0) - (1 if rise < 0.0 else 0)
        start += n - 1 - i
    return score


@njit(nogil=True, cache=True)
def _at_most(slopes, bound):  # type: ignore[no-untyped-def]
    count = 0
    for k in range(slopes.size):
        count += 1 if slopes[k] <= bound else 0
    return count


@njit(nogil=True, cache=True)
def _median_slope(slopes, value, when, n, scratch):  # type: ignore[no-untyped-def]
    """Return the exact median of the slopes.

    The bracket ``low < slope <= high`` always holds the lower middle one: ``below`` slopes are at
    most ``low``, ``upto`` at most ``high``, and ``below <= rank < upto``.
    """
    rank = (slopes.size - 1) // 2
    low, high = _first_bracket(value, when, n, scratch)
    below, upto = _at_most(slopes, low), _at_most(slopes, high)
    if below > rank:
        high, upto = low, below
        low, below = np.nextafter(slopes.min(), -np.inf), 0
    elif upto <= rank:
        low, below = high, upto
        high, upto = slopes.max(), slopes.size
    for _ in range(_MOST_COUNTS):
        if upto - below <= _FEW or not low < high:
            break
        share = (rank + 0.5 - below) / (upto - below)
        middle = low + (high - low) * min(max(share, 0.1), 0.9)
        count = _at_most(slopes, middle)
        if count <= rank:
            low, below = middle, count
        else:
            high, upto = middle, count
    return _pick(slopes, low, high, rank - below, scratch)


@njit(nogil=True, cache=True)
def _first_bracket(value, when, n, scratch):  # type: ignore[no-untyped-def]
    """Return the quartiles of the slopes half a series apart: few, and near the median."""
    half = n // 2
    count = n - half
    for i in range(count):
        scratch[i] = (value[i + half] - value[i]) / (when[i + half] - when[i])
    sort_first(scratch, count)
    return scratch[count // 4], scratch[count - 1 - count // 4]


@njit(nogil=True, cache=True)
def _pick(slopes, low, high, place, scratch):  # type: ignore[no-untyped-def]
    """Sort what lies in the bracket and return the median; the upper middle may lie beyond."""
    count = 0
    for k in range(slopes.size):
        scratch[count] = slopes[k]
        count += 1 if low < slopes[k] <= high else 0
    sort_first(scratch, count)
    if slopes.size % 2 == 1:
        return scratch[place]
    if place + 1 < count:
        return (scratch[place] + scratch[place + 1]) / 2.0
    beyond = np.inf
    for k in range(slopes.size):
        if high < slopes[k] < beyond:
            beyond = slopes[k]
    return (scratch[place] + beyond) / 2.0


@njit(nogil=True, cache=True)
def sort_first(values, count):  # type: ignore[no-untyped-def]
    """Sort the first values in place: by insertion when they are few."""
    if count > 4 * _FEW:
        values[:count] = np.sort(values[:count])
        return
    for i in range(1, count):
        value = values[i]
        j = i - 1
        while j >= 0 and values[j] > value:
            values[j + 1] = values[j]
            j -= 1
        values[j + 1] = value


@njit(nogil=True, cache=True)
def _middle(ordered, n):  # type: ignore[no-untyped-def]
    half = n // 2
    return ordered[half] if n % 2 == 1 else (ordered[half - 1] + ordered[half]) / 2.0


@njit(nogil=True, cache=True)
def mann_kendall(score, ordered, n, out):  # type: ignore[no-untyped-def]
    """Write S, Z, p and tau into rows 2 to 5, after Kendall (1975), from S and the sorted values.

    The variance is that with ties, Z has the continuity correction, p is two-sided.
    """
    variance = score_variance(ordered, n)
    z = 0.0
    if score > 0 and variance > 0.0:
        z = (score - 1.0) / math.sqrt(variance)
    elif score < 0 and variance > 0.0:
        z = (score + 1.0) / math.sqrt(variance)
    out[2] = score
    out[3] = z
    out[4] = math.erfc(abs(z) / math.sqrt(2.0))
    out[5] = score / (0.5 * n * (n - 1.0))


@njit(nogil=True, cache=True)
def score_variance(ordered, n):  # type: ignore[no-untyped-def]
    """Return the variance of S, corrected for ties, from the sorted values."""
    variance = n * (n - 1.0) * (2.0 * n + 5.0)
    run = 1
    for k in range(1, n + 1):
        if k < n and ordered[k] == ordered[k - 1]:
            run += 1
            continue
        variance -= run * (run - 1.0) * (2.0 * run + 5.0)
        run = 1
    return variance / 18.0
