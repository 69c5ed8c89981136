"""Exact least-squares partition of many short series into straight lines.

Two models. *Free* lines may jump between segments: the cost of every possible segment is known from
sums, and a dynamic programme over its last date finds the best partition for every number of
segments at once (Bellman 1961, Bai and Perron 2003). *Continuous* lines meet at their breaks:
every choice of break dates is tried, each in constant time, for the normal equations of the hat
basis are tridiagonal and choices that begin alike share their elimination.

The number of breaks is the one of least ``n ln(SSE / n) + k ln n`` (Schwarz 1978), where a break
date counts among the ``k`` parameters.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

EXACT = 1e-7
"""Residuals below this share of the largest value count as none: what float32 can tell."""


def piecewise_lines(
    values: np.ndarray,
    years: np.ndarray,
    *,
    breaks: int | None = None,
    max_breaks: int = 3,
    min_length: int = 3,
    continuous: bool = False,
    min_obs: int = 6,
) -> np.ndarray:
    """Partition each series into straight lines.

    Parameters
    ----------
    values : ndarray, (t, n), float
        A series a column; what is not finite is a gap.
    years : ndarray, (t,), float64
        Strictly increasing.
    breaks : int, optional
        Number of breaks, or as many as the dates allow; by default the information criterion
        chooses among 0 to ``max_breaks``.
    max_breaks : int
        Most breaks that are tried.
    min_length : int
        Least number of dates of a segment, at least 2; of continuous ones the dates at both ends
        count.
    continuous : bool
        Lines meet at the breaks, which are dates of the series.
    min_obs : int
        Series with fewer valid dates get no segments.

    Returns
    -------
    ndarray, (2 + 2 v, n), float64
        Row 0: number of vertices, 0 without enough valid dates; row 1: root mean square of the
        residuals; then the years of up to ``v`` vertices and the fitted values there, NaN beyond.
        Free lines have two vertices each, so that the jump to the next is itself a short segment.
    """
    count = max_breaks if breaks is None else breaks
    vertices = count + 2 if continuous else 2 * (count + 1)
    out = np.full((2 + 2 * vertices, values.shape[1]), np.nan)
    chosen = -1 if breaks is None else breaks
    fit = _continuous_lines if continuous else _free_lines
    fit(
        np.ascontiguousarray(values, dtype=np.float64),
        np.ascontiguousarray(years, dtype=np.float64),
        count,
        chosen,
        min_length,
        max(min_obs, min_length, 2),
        out,
    )
    return out


@njit(nogil=True, cache=True)
def _valid_series(values, years, i, value, when):  # type: ignore[no-untyped-def]
    """Gather the valid dates of a series; return their number and whether they differ from before.

    ``when`` holds the dates of the series before this one, whose tables may serve again.
    """
    n, same = 0, True
    for t in range(values.shape[0]):
        if np.isfinite(values[t, i]):
            same = same and when[n] == years[t]
            value[n], when[n] = values[t, i], years[t]
            n += 1
    return n, same


@njit(nogil=True, cache=True)
def _noise_floor(value, n):  # type: ignore[no-untyped-def]
    """Return the sum of squares below which a fit is exact, and centre the values."""
    largest, total = 0.0, 0.0
    for t in range(n):
        largest = max(largest, abs(value[t]))
        total += value[t]
    mean = total / n
    for t in range(n):
        value[t] -= mean
    return max(n * (EXACT * largest) ** 2, 1e-300), mean


@njit(nogil=True, cache=True)
def _best_count(squares, n, counts, per_segment, fixed, chosen, floor):  # type: ignore[no-untyped-def]
    """Return the number of breaks of least information criterion, or the one that is asked for."""
    best, found = np.inf, 0
    for m in range(counts):
        parameters = per_segment * m + fixed
        if not np.isfinite(squares[m]):
            continue
        if chosen >= 0:
            if m <= chosen:
                found = m
            continue
        if m > 0 and n <= parameters:
            continue
        criterion = n * math.log(max(squares[m], floor) / n) + parameters * math.log(n)
        if criterion < best:
            best, found = criterion, m
    return found


@njit(nogil=True, cache=True)
def _free_lines(values, years, most, chosen, shortest, min_obs, out):  # type: ignore[no-untyped-def]
    length, count = values.shape
    vertices = (out.shape[0] - 2) // 2
    value, when = np.empty(length), np.full(length, np.nan)
    tables = np.zeros((3, length, length))
    share, first, spread = tables[0], tables[1], tables[2]
    cost = np.full((length, length), np.inf)
    best = np.empty((most + 1, length))
    sums = np.zeros((3, length + 1))
    squares, ends = np.empty(most + 1), np.empty(most + 2, dtype=np.int64)
    before = -1
    for i in range(count):
        n, same = _valid_series(values, years, i, value, when)
        if n < min_obs:
            out[0, i] = 0.0
            before = -1
            continue
        if not same or n != before:
            _date_tables(when, n, shortest, share, first, spread)
        before = n
        floor, mean = _noise_floor(value, n)
        _segment_costs(value, when, n, shortest, share, first, spread, sums, cost)
        _programme(cost, n, shortest, best)
        for m in range(most + 1):
            squares[m] = best[m, n - 1]
        m = _best_count(squares, n, most + 1, 3, 2, chosen, floor)
        _trace_back(cost, best, n, m, shortest, ends)
        rest = 0.0
        for k in range(m + 1):
            rest += _write_line(value, when, ends[k], ends[k + 1], mean, k, vertices, out[:, i])
        out[0, i] = 2 * (m + 1)
        out[1, i] = math.sqrt(rest / n)


@njit(nogil=True, cache=True)
def _date_tables(when, n, shortest, share, first, spread):  # type: ignore[no-untyped-def]
    """Fill what the cost of a segment needs of its dates: 1 / count, sum, 1 / sum of squares.

    The sums are of the dates less the middle one, the squares of the dates less their mean.
    """
    middle = when[n // 2]
    for i in range(n - shortest + 1):
        total, square = 0.0, 0.0
        for j in range(i, n):
            date = when[j] - middle
            total += date
            square += date * date
            if j - i + 1 >= shortest:
                share[i, j] = 1.0 / (j - i + 1)
                first[i, j] = total
                spread[i, j] = 1.0 / (square - total * total * share[i, j])


@njit(nogil=True, cache=True)
def _segment_costs(value, when, n, shortest, share, first, spread, sums, cost):  # type: ignore[no-untyped-def]
    """Fill ``cost[i, j]``, the sum of squares around the line through the dates i to j."""
    middle = when[n // 2]
    y, ty, yy = sums[0], sums[1], sums[2]
    for t in range(n):
        y[t + 1] = y[t] + value[t]
        ty[t + 1] = ty[t] + value[t] * (when[t] - middle)
        yy[t + 1] = yy[t] + value[t] * value[t]
    for i in range(n - shortest + 1):
        row, each, date, width = cost[i], share[i], first[i], spread[i]
        y0, ty0, yy0 = y[i], ty[i], yy[i]
        for j in range(i + shortest - 1, n):
            total = y[j + 1] - y0
            mean = total * each[j]
            joint = ty[j + 1] - ty0 - date[j] * mean
            row[j] = max(yy[j + 1] - yy0 - total * mean - joint * joint * width[j], 0.0)


@njit(nogil=True, cache=True)
def _programme(cost, n, shortest, best):  # type: ignore[no-untyped-def]
    """Fill ``best[m, j]``, the least sum of squares of the dates 0 to j in ``m + 1`` segments."""
    best[:, :n] = np.inf
    for j in range(shortest - 1, n):
        best[0, j] = cost[0, j]
    for m in range(1, best.shape[0]):
        now, past = best[m], best[m - 1]
        for i in range(m * shortest, n - shortest + 1):
            base, row = past[i - 1], cost[i]
            for j in range(i + shortest - 1, n):
                together = base + row[j]
                now[j] = together if together < now[j] else now[j]


@njit(nogil=True, cache=True)
def _trace_back(cost, best, n, m, shortest, ends):  # type: ignore[no-untyped-def]
    """Fill the first date of each segment, and the number of dates; the earliest of equal ones."""
    ends[m + 1] = n
    for k in range(m, 0, -1):
        j = ends[k + 1] - 1
        i = k * shortest
        while best[k - 1, i - 1] + cost[i, j] != best[k, j]:
            i += 1
        ends[k] = i
    ends[0] = 0


@njit(nogil=True, cache=True)
def _write_line(value, when, i, end, mean, k, vertices, out):  # type: ignore[no-untyped-def]
    """Fit the dates i to end - 1, write both ends of the line, return its sum of squares."""
    n = end - i
    t_mean, y_mean = 0.0, 0.0
    for t in range(i, end):
        t_mean += when[t]
        y_mean += value[t]
    t_mean /= n
    y_mean /= n
    joint, square = 0.0, 0.0
    for t in range(i, end):
        joint += (when[t] - t_mean) * (value[t] - y_mean)
        square += (when[t] - t_mean) ** 2
    slope = joint / square
    rest = 0.0
    for t in range(i, end):
        rest += (value[t] - y_mean - slope * (when[t] - t_mean)) ** 2
    for place, t in ((2 * k, i), (2 * k + 1, end - 1)):
        out[2 + place] = when[t]
        out[2 + vertices + place] = mean + y_mean + slope * (when[t] - t_mean)
    return rest


@njit(nogil=True, cache=True)
def _continuous_lines(values, years, most, chosen, shortest, min_obs, out):  # type: ignore[no-untyped-def]
    length, count = values.shape
    vertices = (out.shape[0] - 2) // 2
    value, when = np.empty(length), np.empty(length)
    parts = np.zeros((5, length, length))
    squares = np.empty(most + 1)
    knots = np.empty((most + 1, most + 2), dtype=np.int64)
    path = np.empty(most + 2, dtype=np.int64)
    state = np.empty((most + 2, 3))
    fitted = np.empty(most + 2)
    for i in range(count):
        n, _ = _valid_series(values, years, i, value, when)
        if n < min_obs:
            out[0, i] = 0.0
            continue
        floor, mean = _noise_floor(value, n)
        _interval_sums(value, when, n, parts)
        _try_knots(value, parts, n, shortest - 1, path, state, squares, knots)
        m = _best_count(squares, n, most + 1, 2, 2, chosen, floor)
        _hat_values(value[0], parts, knots[m], m, state, fitted)
        for k in range(m + 2):
            out[2 + k, i] = when[knots[m, k]]
            out[2 + vertices + k, i] = mean + fitted[k]
        out[0, i] = m + 2
        out[1, i] = math.sqrt(_hinge_rest(value, when, knots[m], m, fitted) / n)


@njit(nogil=True, cache=True)
def _interval_sums(value, when, n, parts):  # type: ignore[no-untyped-def]
    """Fill the sums over the dates after a and up to b that a pair of knots (a, b) contributes.

    With ``u`` from 0 at a to 1 at b: of ``(1-u)^2``, ``u (1-u)``, ``u^2``, ``(1-u) y``, ``u y``.
    """
    for a in range(n - 1):
        for b in range(a + 1, n):
            width = when[b] - when[a]
            left = cross = right = left_y = right_y = 0.0
            for t in range(a + 1, b + 1):
                u = (when[t] - when[a]) / width
                left += (1.0 - u) * (1.0 - u)
                cross += u * (1.0 - u)
                right += u * u
                left_y += (1.0 - u) * value[t]
                right_y += u * value[t]
            parts[0, a, b], parts[1, a, b], parts[2, a, b] = left, cross, right
            parts[3, a, b], parts[4, a, b] = left_y, right_y


@njit(nogil=True, cache=True)
def _step(parts, a, b, pivot, right, explained):  # type: ignore[no-untyped-def]
    """Eliminate knot a: return pivot and right side of knot b, and the squares explained so far."""
    pivot += parts[0, a, b]
    right += parts[3, a, b]
    across = parts[1, a, b]
    return (
        parts[2, a, b] - across * across / pivot,
        parts[4, a, b] - across * right / pivot,
        explained + right * right / pivot,
    )


@njit(nogil=True, cache=True)
def _try_knots(value, parts, n, gap, path, state, squares, knots):  # type: ignore[no-untyped-def]
    """Try all knots at least ``gap`` dates apart, depth first, and keep the best of each number.

    ``state[k]`` is pivot, right side and explained squares when knot k is not yet eliminated. The
    first date, which no interval holds, is where the elimination begins.
    """
    total = 0.0
    for t in range(n):
        total += value[t] * value[t]
    squares[:] = np.inf
    path[0] = 0
    state[0, 0], state[0, 1], state[0, 2] = 1.0, value[0], 0.0
    deepest = squares.size - 1
    depth = 0
    path[1] = 0
    while depth >= 0:
        # A knot was just set at path[depth]: close the model here, then go deeper or on.
        at = path[depth]
        pivot, right, explained = _step(
            parts, at, n - 1, state[depth, 0], state[depth, 1], state[depth, 2]
        )
        rest = max(total - explained - right * right / pivot, 0.0)
        if rest < squares[depth]:
            squares[depth] = rest
            knots[depth, : depth + 1] = path[: depth + 1]
            knots[depth, depth + 1] = n - 1
        following = at + gap
        if depth < deepest and following + gap <= n - 1:
            depth += 1
        else:
            while depth > 0 and path[depth] + 1 + gap > n - 1:
                depth -= 1
            following = path[depth] + 1
            if depth == 0:
                return
        path[depth] = following
        past = depth - 1
        state[depth, 0], state[depth, 1], state[depth, 2] = _step(
            parts, path[past], following, state[past, 0], state[past, 1], state[past, 2]
        )


@njit(nogil=True, cache=True)
def _hat_values(start, parts, knots, m, state, fitted):  # type: ignore[no-untyped-def]
    """Solve the normal equations of the hat basis for the values at the knots."""
    pivot, right = 1.0, start
    for k in range(m + 1):
        a, b = knots[k], knots[k + 1]
        state[k, 0], state[k, 1] = pivot + parts[0, a, b], right + parts[3, a, b]
        pivot, right, _ = _step(parts, a, b, pivot, right, 0.0)
    fitted[m + 1] = right / pivot
    for k in range(m, -1, -1):
        across = parts[1, knots[k], knots[k + 1]]
        fitted[k] = (state[k, 1] - across * fitted[k + 1]) / state[k, 0]


@njit(nogil=True, cache=True)
def _hinge_rest(value, when, knots, m, fitted):  # type: ignore[no-untyped-def]
    rest = (value[0] - fitted[0]) ** 2
    for k in range(m + 1):
        a, b = knots[k], knots[k + 1]
        for t in range(a + 1, b + 1):
            u = (when[t] - when[a]) / (when[b] - when[a])
            rest += (value[t] - fitted[k] * (1.0 - u) - fitted[k + 1] * u) ** 2
    return rest
