"""Theil-Sen slope and Mann-Kendall test of many short series at once.

Eight series go side by side, so that every pass over the pairs is a vector operation. The median
slope is found by counting: a few bisections leave a handful of candidates, which are then sorted,
so the result is an exact order statistic and not an approximation.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

OUTPUTS = ("slope", "intercept", "s", "z", "p", "tau", "n")
_LANES = 8
_FEW = 24
_MOST_BISECTIONS = 16


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
    _series_by_lanes(flat, np.ascontiguousarray(times, dtype=np.float64), min_n, out)
    return out.reshape(len(OUTPUTS), *values.shape[1:])


@njit(nogil=True, cache=True)
def _series_by_lanes(values, times, min_n, out):  # type: ignore[no-untyped-def]
    length, count = values.shape
    pairs = length * (length - 1) // 2
    lanes = np.empty((length, _LANES))
    slopes = np.empty((pairs, _LANES))
    score = np.empty(_LANES)
    low, high = np.empty(_LANES), np.empty(_LANES)
    below = np.empty(_LANES, dtype=np.int64)
    number = np.empty(_LANES, dtype=np.int64)
    target = np.empty(_LANES, dtype=np.int64)
    ordered, when = np.empty(length), np.empty(length)
    candidates = np.empty(max(pairs, 1))
    for start in range(0, count, _LANES):
        used = min(_LANES, count - start)
        _load(values, start, used, lanes, number)
        if number.max() < min_n or number.max() < 2:
            for b in range(used):
                out[:6, start + b] = np.nan
                out[6, start + b] = number[b]
            continue
        _pair_pass(lanes, times, slopes, score, low, high)
        for b in range(_LANES):
            target[b] = (number[b] * (number[b] - 1) // 2 - 1) // 2
        _narrow(slopes, target, low, high, below)
        for b in range(used):
            at = start + b
            n = number[b]
            out[6, at] = n
            if n < min_n or n < 2:
                out[:6, at] = np.nan
                continue
            valid_pairs = n * (n - 1) // 2
            slope = _median_between(
                slopes, b, low[b], high[b], below[b], target[b], valid_pairs, candidates
            )
            _order(lanes, times, b, ordered, when)
            out[0, at] = slope
            out[1, at] = _middle(ordered, n) - slope * _middle(when, n)
            _mann_kendall(score[b], n, ordered, out, at)


@njit(nogil=True, cache=True)
def _load(values, start, used, lanes, number):  # type: ignore[no-untyped-def]
    """Fill the lanes; missing values and unused lanes become NaN."""
    lanes[:] = np.nan
    number[:] = 0
    for t in range(values.shape[0]):
        for b in range(used):
            value = values[t, start + b]
            if np.isfinite(value):
                lanes[t, b] = value
                number[b] += 1


@njit(nogil=True, cache=True)
def _pair_pass(lanes, times, slopes, score, low, high):  # type: ignore[no-untyped-def]
    """Compute all pairwise slopes, S, and the extreme slopes; missing pairs become +inf."""
    score[:] = 0.0
    low[:] = np.inf
    high[:] = -np.inf
    k = 0
    for i in range(lanes.shape[0] - 1):
        first = lanes[i]
        for j in range(i + 1, lanes.shape[0]):
            second = lanes[j]
            row = slopes[k]
            step = times[j] - times[i]
            for b in range(_LANES):
                difference = second[b] - first[b]
                slope = difference / step
                missing = difference != difference
                score[b] += (1.0 if difference > 0.0 else 0.0) - (1.0 if difference < 0.0 else 0.0)
                row[b] = np.inf if missing else slope
                low[b] = slope if slope < low[b] else low[b]
                high[b] = slope if slope > high[b] else high[b]
            k += 1


@njit(nogil=True, cache=True)
def _narrow(slopes, target, low, high, below):  # type: ignore[no-untyped-def]
    """Bisect until few slopes lie in ``low < slope <= high`` about the lower median's rank.

    ``below`` counts the slopes ``<= low``, which is kept at or under ``target``, the rank.
    """
    middle = np.empty(_LANES)
    at_most = np.empty(_LANES, dtype=np.int64)
    above = np.empty(_LANES, dtype=np.int64)
    below[:] = 0
    for b in range(_LANES):
        low[b] = np.nextafter(low[b], -np.inf)
        above[b] = slopes.shape[0]
    for _ in range(_MOST_BISECTIONS):
        widest = 0
        for b in range(_LANES):
            middle[b] = low[b] + (high[b] - low[b]) * 0.5
            at_most[b] = 0
        for k in range(slopes.shape[0]):
            row = slopes[k]
            for b in range(_LANES):
                at_most[b] += 1 if row[b] <= middle[b] else 0
        for b in range(_LANES):
            if at_most[b] <= target[b]:
                low[b] = middle[b]
                below[b] = at_most[b]
            else:
                high[b] = middle[b]
                above[b] = at_most[b]
            if high[b] > low[b]:
                widest = max(widest, above[b] - below[b])
        if widest <= _FEW:
            return


@njit(nogil=True, cache=True)
def _median_between(slopes, b, low, high, below, target, pairs, candidates):  # type: ignore[no-untyped-def]
    """Return the exact median: the lower middle is a candidate, the upper one may lie beyond."""
    count = 0
    beyond = np.inf
    for k in range(slopes.shape[0]):
        slope = slopes[k, b]
        if low < slope <= high:
            candidates[count] = slope
            count += 1
        elif slope > high and slope < beyond:
            beyond = slope
    rank = target - below
    _sort(candidates, count)
    lower = candidates[rank]
    if pairs % 2 == 1:
        return lower
    upper = candidates[rank + 1] if rank + 1 < count else beyond
    return (lower + upper) / 2.0


@njit(nogil=True, cache=True)
def _sort(values, count):  # type: ignore[no-untyped-def]
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
def _order(lanes, times, b, ordered, when):  # type: ignore[no-untyped-def]
    count = 0
    for t in range(lanes.shape[0]):
        if not np.isnan(lanes[t, b]):
            ordered[count] = lanes[t, b]
            when[count] = times[t]
            count += 1
    _sort(ordered, count)


@njit(nogil=True, cache=True)
def _middle(ordered, n):  # type: ignore[no-untyped-def]
    half = n // 2
    return ordered[half] if n % 2 == 1 else (ordered[half - 1] + ordered[half]) / 2.0


@njit(nogil=True, cache=True)
def _mann_kendall(score, n, ordered, out, at):  # type: ignore[no-untyped-def]
    """Kendall (1975): variance with ties, continuity-corrected Z, two-sided p."""
    variance = n * (n - 1.0) * (2.0 * n + 5.0)
    run = 1
    for k in range(1, n + 1):
        if k < n and ordered[k] == ordered[k - 1]:
            run += 1
            continue
        variance -= run * (run - 1.0) * (2.0 * run + 5.0)
        run = 1
    variance /= 18.0
    z = 0.0
    if score > 0.0 and variance > 0.0:
        z = (score - 1.0) / math.sqrt(variance)
    elif score < 0.0 and variance > 0.0:
        z = (score + 1.0) / math.sqrt(variance)
    out[2, at] = score
    out[3, at] = z
    out[4, at] = math.erfc(abs(z) / math.sqrt(2.0))
    out[5, at] = score / (0.5 * n * (n - 1.0))
