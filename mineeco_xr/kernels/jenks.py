"""Fisher's optimal classes of sorted, weighted values by divide-and-conquer dynamic programming.

The least sum of squares of ``c`` classes over the first ``j`` values is
``D[c, j] = min_i D[c - 1, i] + cost(i, j)``. The best ``i`` never falls as ``j`` grows, so a layer
takes ``m log m`` steps (Fisher 1958 for the recursion, whose plain form takes ``m^2``).
"""

from __future__ import annotations

import numpy as np
from numba import njit


def optimal_classes(values: np.ndarray, weights: np.ndarray, k: int) -> tuple[np.ndarray, float]:
    """Divide sorted values into ``k`` classes of least within-class sum of squares.

    Parameters
    ----------
    values : ndarray, (m,), float64
        Ascending, distinct.
    weights : ndarray, (m,)
        Positive; how often each value occurs.
    k : int
        Classes, at most ``m``.

    Returns
    -------
    ends : ndarray, (k,), int64
        Position of the last value of each class.
    within : float
        The sum of squares within classes.
    """
    weight = weights.astype(np.float64)
    centre = np.average(values, weights=weight)
    shifted = values - centre
    sums = np.zeros((values.size + 1, 6))
    _prefix_sums(shifted, weight, sums)
    best = np.empty((2, values.size + 1))
    came = np.zeros((k, values.size + 1), dtype=np.int32)
    _solve(sums, k, best, came)
    ends = np.empty(k, dtype=np.int64)
    end = values.size
    for group in range(k - 1, -1, -1):
        ends[group] = end - 1
        end = came[group, end]
    starts = np.concatenate([[0], ends[:-1] + 1])
    means = np.add.reduceat(shifted * weight, starts) / np.add.reduceat(weight, starts)
    apart = shifted - np.repeat(means, np.diff(np.append(starts, values.size)))
    return ends, float((weight * apart * apart).sum())


@njit(nogil=True, cache=True)
def _prefix_sums(values, weights, sums):  # type: ignore[no-untyped-def]
    """Add up weight, first and second moment, each with what its rounding lost."""
    for i in range(values.size):
        term = weights[i]
        for moment in range(3):
            before = sums[i, 2 * moment]
            total = before + term
            part = total - before
            sums[i + 1, 2 * moment] = total
            sums[i + 1, 2 * moment + 1] = (
                sums[i, 2 * moment + 1] + (before - (total - part)) + (term - part)
            )
            term *= values[i]


@njit(nogil=True, cache=True)
def _cost(sums, start, end):  # type: ignore[no-untyped-def]
    weight = sums[end, 0] - sums[start, 0]
    first = (sums[end, 2] - sums[start, 2]) + (sums[end, 3] - sums[start, 3])
    second = (sums[end, 4] - sums[start, 4]) + (sums[end, 5] - sums[start, 5])
    return max(0.0, second - first * first / weight)


@njit(nogil=True, cache=True)
def _solve(sums, k, best, came):  # type: ignore[no-untyped-def]
    size = sums.shape[0] - 1
    best[0, 0] = np.inf
    for j in range(1, size + 1):
        best[0, j] = _cost(sums, 0, j)
    # Ranges of j still to solve, with the range of i that can be best; halved each time.
    stack = np.empty((64, 4), dtype=np.int64)
    for group in range(1, k):
        old, new = best[(group - 1) % 2], best[group % 2]
        new[: group + 1] = np.inf
        depth = 1
        stack[0] = (group + 1, size, group, size - 1)
        while depth > 0:
            depth -= 1
            left, right, least, most = stack[depth]
            if left > right:
                continue
            middle = (left + right) // 2
            lowest, place = np.inf, least
            for i in range(least, min(most, middle - 1) + 1):
                found = old[i] + _cost(sums, i, middle)
                if found < lowest:
                    lowest, place = found, i
            new[middle], came[group, middle] = lowest, place
            stack[depth] = (left, middle - 1, least, place)
            stack[depth + 1] = (middle + 1, right, place, most)
            depth += 2
