"""Measures of recovery after a disturbance, of many short series."""

from __future__ import annotations

import numpy as np
from numba import njit

FIELDS = (
    *("start_year", "recovered_year", "pre_value", "start_value", "target"),
    *("delta_ir", "yryr", "r80p", "y2r", "rri", "recovered", "years_left"),
)


def recovery_measures(
    values: np.ndarray,
    calendar: np.ndarray,
    disturbed: np.ndarray,
    start: np.ndarray,
    target: np.ndarray | None,
    *,
    share: float,
    window: int,
    pre_years: int,
    trend_years: int,
) -> np.ndarray:
    """Measure the recovery of each series.

    Parameters
    ----------
    values : ndarray, (t, n), float
        A series a column; what is not finite is a gap.
    calendar : ndarray, (t,), int
        Strictly increasing calendar years.
    disturbed, start : ndarray, (n,), float64
        First year of the loss, and year from which recovery counts; NaN or 0 is none.
    target : ndarray, (1 or t, 1 or n), float64, optional
        What is to be reached; the value before the disturbance where none is given.
    share : float
        Of the target that counts as recovered.
    window : int
        Years after the start at which the short-term measures look.
    pre_years : int
        Years before the disturbance whose mean is the value before it.
    trend_years : int
        Years up to the last valid date to which the recovery trend is fitted.

    Returns
    -------
    ndarray, (12, n), float64
        :data:`FIELDS`; NaN where there is none.
    """
    out = np.full((len(FIELDS), values.shape[1]), np.nan)
    place = np.full(int(calendar[-1] - calendar[0]) + 1, -1, dtype=np.int64)
    place[calendar - calendar[0]] = np.arange(calendar.size)
    _measure(
        np.ascontiguousarray(values),
        np.ascontiguousarray(calendar, dtype=np.float64),
        place,
        np.ascontiguousarray(disturbed, dtype=np.float64),
        np.ascontiguousarray(start, dtype=np.float64),
        np.full((1, 1), np.nan) if target is None else np.ascontiguousarray(target, np.float64),
        target is None,
        (share, window, pre_years, trend_years),
        out,
    )
    return out


@njit(nogil=True, cache=True)
def _value_in(values, place, i, offset):  # type: ignore[no-untyped-def]
    """Return the value of a year counted from the first one, NaN without it."""
    if offset < 0 or offset >= place.size or place[offset] < 0:
        return np.nan
    value = float(values[place[offset], i])
    return value if np.isfinite(value) else np.nan


@njit(nogil=True, cache=True)
def _measure(values, calendar, place, disturbed, start, target, before, how, out):  # type: ignore[no-untyped-def]
    share, window, pre_years, trend_years = how
    length = calendar.size
    for i in range(values.shape[1]):
        if not (disturbed[i] > 0.0 and start[i] > 0.0):
            continue
        loss = int(disturbed[i] - calendar[0])
        begin = int(start[i] - calendar[0])
        total, count = 0.0, 0
        for year in range(loss - pre_years, loss):
            value = _value_in(values, place, i, year)
            if np.isfinite(value):
                total += value
                count += 1
        pre = total / count if count else np.nan
        first = _value_in(values, place, i, begin)
        after = _value_in(values, place, i, begin + window)
        before_that = _value_in(values, place, i, begin + window - 1)
        last = length - 1
        while last >= 0 and not np.isfinite(values[last, i]):
            last -= 1
        out[0, i] = start[i]
        out[2, i] = pre
        out[3, i] = first
        out[5, i] = after - first
        out[6, i] = (after - first) / window
        best = before_that if before_that > after or not np.isfinite(after) else after
        if pre > first:
            out[9, i] = (best - first) / (pre - first)
        column = min(i, target.shape[1] - 1)
        for t in range(length):
            goal = pre if before else target[min(t, target.shape[0] - 1), column]
            years = calendar[t] - start[i]
            if not np.isfinite(values[t, i]):
                continue
            if years == window and goal > 0.0:
                out[7, i] = values[t, i] / (share * goal)
            reached = goal > 0.0 and years >= 0.0 and values[t, i] >= share * goal
            if reached and np.isnan(out[8, i]):
                out[8, i] = years
                out[1, i] = calendar[t]
            if t == last and years > 0.0:
                out[4, i] = goal
                if goal > first:
                    out[10, i] = (values[t, i] - first) / (goal - first)
                if goal > 0.0:
                    out[11, i] = _years_left(
                        values, calendar, i, t, start[i], trend_years, share * goal
                    )


@njit(nogil=True, cache=True)
def _years_left(values, calendar, i, last, start, trend_years, goal):  # type: ignore[no-untyped-def]
    """Return when a line through the last years of the recovery reaches the goal; NaN if never."""
    since = max(start, calendar[last] - trend_years + 1)
    count, t_mean, y_mean = 0, 0.0, 0.0
    for t in range(last + 1):
        if calendar[t] >= since and np.isfinite(values[t, i]):
            count += 1
            t_mean += calendar[t]
            y_mean += values[t, i]
    if count < 3:
        return np.nan
    t_mean /= count
    y_mean /= count
    joint, square = 0.0, 0.0
    for t in range(last + 1):
        if calendar[t] >= since and np.isfinite(values[t, i]):
            joint += (calendar[t] - t_mean) * (values[t, i] - y_mean)
            square += (calendar[t] - t_mean) ** 2
    slope = joint / square
    missing = goal - y_mean - slope * (calendar[last] - t_mean)
    if missing <= 0.0:
        return 0.0
    return missing / slope if slope > 0.0 else np.nan
