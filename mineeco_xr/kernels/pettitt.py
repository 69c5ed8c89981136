"""Pettitt's test for a change of level in many short series, and its exact distribution."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from mineeco_xr.kernels.signs import centred_ranks
from mineeco_xr.kernels.slabs import by_slabs

OUTPUTS = ("last", "first", "u", "p", "mean_before", "mean_after", "n")


def pettitt_test(values: np.ndarray, min_n: int, exact: np.ndarray) -> np.ndarray:
    """Return where the level of each series changes, and how surely.

    Parameters
    ----------
    values : ndarray, (t, ...), float
        Series along the first axis; what is not finite is missing.
    min_n : int
        At least 2; series with fewer values get NaN everywhere but in ``n``.
    exact : ndarray, (m, k), float64
        Row ``n`` holds the p of ``K = 0, 1, ...`` of ``n`` values; longer series get the
        approximation of Pettitt (1979).

    Returns
    -------
    ndarray, (7, ...), float64
        In the order of ``OUTPUTS``: the position of the last value before the change and of the
        first after it, U there, p, the means of the two parts, and n.
    """
    table = np.array(exact, dtype=np.float64)

    def kernel(series: np.ndarray, out: np.ndarray) -> None:
        _each_series(series, min_n, table, out)

    return by_slabs(kernel, values, len(OUTPUTS))


@njit(nogil=True, cache=True)
def _each_series(values, min_n, exact, out):  # type: ignore[no-untyped-def]
    length, count = values.shape
    value, rank = np.empty(length), np.empty(length)
    place = np.empty(length, dtype=np.int64)
    for i in range(count):
        n = 0
        for t in range(length):
            if np.isfinite(values[t, i]):
                value[n], place[n] = values[t, i], t
                n += 1
        out[6, i] = n
        if n < min_n or n < 2:
            out[:6, i] = np.nan
            continue
        centred_ranks(value, n, 0.0, rank)
        u, at, largest = 0.0, 0, -1.0
        for k in range(n - 1):
            u += rank[k]
            if abs(u) > largest:
                at, largest = k, abs(u)
        before, after, own = 0.0, 0.0, 0.0
        for k in range(n):
            if k <= at:
                before += value[k]
                own += rank[k]
            else:
                after += value[k]
        out[0, i], out[1, i] = place[at], place[at + 1]
        out[2, i] = own
        out[4, i], out[5, i] = before / (at + 1.0), after / (n - 1.0 - at)
        if n < exact.shape[0]:
            out[3, i] = exact[n, int(largest)]
        else:
            cube = n * n * (n + 1.0)
            out[3, i] = min(1.0, 2.0 * math.exp(-6.0 * largest * largest / cube))


def exact_p(n: int) -> np.ndarray:
    """Return the p of each K of a series of ``n`` values without ties, all orders being as likely.

    Parameters
    ----------
    n : int
        At least 2; memory and time double with each one more.

    Returns
    -------
    ndarray, (n^2 // 4 + 1,), float64
        ``P(max_t |U_t| >= K)`` for ``K = 0, 1, ...``

    Notes
    -----
    ``U_t`` depends on which of the ranks are among the first ``t``, not on their order. So the
    orders in which no ``|U|`` goes beyond a bound are the ways from the empty set to the set of all
    ranks that pass through such sets only. What comes after the middle mirrors what came before it.
    """
    tail = np.ones(n * n // 4 + 1)
    size, reach = _sets(n)
    for bound in range(tail.size - 1):
        tail[bound + 1] = max(1.0 - _share_within(size, reach, n, bound), 0.0)
    return tail


@njit(nogil=True, cache=True)
def _sets(n):  # type: ignore[no-untyped-def]
    """Return how many ranks each set of them holds, bit by bit, and its ``|U|``."""
    size = np.zeros(1 << n, dtype=np.int8)
    total = np.zeros(1 << n, dtype=np.int16)
    for bit in range(n):
        for held in range(1 << bit):
            size[held | 1 << bit] = size[held] + 1
            total[held | 1 << bit] = total[held] + bit + 1
    return size, np.abs(2 * total - size * np.int16(n + 1))


@njit(nogil=True, cache=True)
def _share_within(size, reach, n, bound):  # type: ignore[no-untyped-def]
    """Return the share of all orders whose ``|U|`` never exceeds the bound."""
    half = n // 2
    share = np.zeros(size.size)
    share[0] = 1.0
    for held in range(1, size.size):
        if reach[held] <= bound and size[held] <= n - half:
            left, total = held, 0.0
            while left:
                total += share[held ^ (left & -left)]
                left &= left - 1
            # Each of its ranks is as likely to have come last.
            share[held] = total / size[held]
    within, sets = 0.0, 0
    for held in range(size.size):
        if size[held] == half:
            within += share[held] * share[size.size - 1 - held]
            sets += 1
    return within / sets
