"""Losses in segmented series: found, filtered and chosen.

A segmentation is an array ``(2 + 2 v, n)``: number of vertices (0: not enough valid dates), root
mean square of the residuals, years of up to ``v`` vertices, fitted values there.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from mineeco_xr.kernels.landtrendr_vertices import damp_spikes

FIELDS = ("year", "end_year", "magnitude", "duration", "pre_value", "post_value", "rate", "snr")
CHOICES = ("greatest", "first", "latest", "longest", "fastest")
FILTERS = ("year", "magnitude", "duration", "pre_value", "snr")
"""Each has a least and a largest value, both allowed."""


def year_steps(
    values: np.ndarray, years: np.ndarray, *, spike_threshold: float = 1.0, min_obs: int = 6
) -> np.ndarray:
    """Return each series as a segmentation with a vertex at every valid date.

    Parameters
    ----------
    values : ndarray, (t, n), float
        A series a column; what is not finite is a gap.
    years : ndarray, (t,), float64
        Strictly increasing.
    spike_threshold : float
        Spikes of a larger share are damped, as by LandTrendr; 1 leaves all alone.
    min_obs : int
        Series with fewer valid dates get no vertices.

    Returns
    -------
    ndarray, (2 + 2 t, n), float64
        Row 1 is the noise of a value, from the root mean square of all steps but the largest over
        the square root of two.
    """
    out = np.full((2 + 2 * values.shape[0], values.shape[1]), np.nan)
    _steps(
        np.ascontiguousarray(values, dtype=np.float64),
        np.ascontiguousarray(years, dtype=np.float64),
        spike_threshold,
        max(min_obs, 2),
        out,
    )
    return out


@njit(nogil=True, cache=True)
def _steps(values, years, threshold, min_obs, out):  # type: ignore[no-untyped-def]
    length, count = values.shape
    value = np.empty(length)
    for i in range(count):
        n = 0
        for t in range(length):
            if np.isfinite(values[t, i]):
                value[n] = values[t, i]
                out[2 + n, i] = years[t]
                n += 1
        if n < min_obs:
            out[:, i] = np.nan
            out[0, i] = 0.0
            continue
        damp_spikes(value, n, threshold)
        largest, total = 0.0, 0.0
        for t in range(n):
            out[2 + length + t, i] = value[t]
            if t > 0:
                step = (value[t] - value[t - 1]) ** 2
                total += step
                largest = max(largest, step)
        out[0, i] = n
        out[1, i] = math.sqrt(max(total - largest, 0.0) / max(n - 2, 1) / 2.0)


def loss_events(
    segments: np.ndarray,
    values: np.ndarray,
    years: np.ndarray,
    calendar: np.ndarray,
    *,
    loss_is_decrease: bool,
    limits: np.ndarray,
    join_rate: float,
    which: str,
) -> tuple[np.ndarray, np.ndarray]:
    """Find the losses of segmented series and choose among those that pass the limits.

    Neighbouring losing segments are one loss when the slower of their rates is at least
    ``join_rate`` of the faster one.

    Parameters
    ----------
    segments : ndarray, (2 + 2 v, n), float64
        Vertices at valid dates.
    values : ndarray, (t, n), float
        The series, for their gaps.
    years, calendar : ndarray, (t,), float64
        Dates as the vertices have them, and the calendar year of each.
    loss_is_decrease : bool
        Whether a loss is a fall or a rise.
    limits : ndarray, (5, 2), float64
        Least and largest allowed value of each of :data:`FILTERS`.
    join_rate : float
        Above 1 joins nothing.
    which : str
        One of :data:`CHOICES`, or ``"all"``, in order of time; the earliest of equals.

    Returns
    -------
    events : ndarray, (8, m, n), float64
        :data:`FIELDS` of one event, or of up to ``v - 1``; NaN beyond. ``year`` is that of the
        first valid date after the first vertex of the loss, ``end_year`` that of its last vertex,
        ``magnitude`` what was lost (positive), ``snr`` that over the root mean square.
    summary : ndarray, (2, n), float64
        Number of losses that pass the limits, and the root mean square; NaN without segments.
    """
    vertices = (segments.shape[0] - 2) // 2
    most = max(vertices - 1, 1) if which == "all" else 1
    out = np.full((len(FIELDS), most, segments.shape[1]), np.nan)
    summary = np.full((2, segments.shape[1]), np.nan)
    _events(
        np.ascontiguousarray(segments, dtype=np.float64),
        np.ascontiguousarray(values, dtype=np.float64),
        np.ascontiguousarray(years, dtype=np.float64),
        np.ascontiguousarray(calendar, dtype=np.float64),
        1.0 if loss_is_decrease else -1.0,
        np.ascontiguousarray(limits, dtype=np.float64),
        join_rate,
        -1 if which == "all" else CHOICES.index(which),
        out,
        summary,
    )
    return out, summary


@njit(nogil=True, cache=True)
def _events(segments, values, years, calendar, sign, limits, join_rate, choice, out, summary):  # type: ignore[no-untyped-def]
    vertices = (segments.shape[0] - 2) // 2
    event = np.empty(out.shape[0])
    for i in range(segments.shape[1]):
        count = int(segments[0, i])
        if count < 1:
            continue
        noise = segments[1, i]
        found, best, a = 0, -np.inf, 0
        while a < count - 1:
            b = _loss_end(segments, i, a, count, vertices, sign, join_rate)
            if b == a:
                a += 1
                continue
            _describe(segments, values, years, calendar, i, a, b, vertices, sign, noise, event)
            a = b
            if not _passes(event, limits):
                continue
            if choice < 0:
                out[:, found, i] = event
            else:
                rank = _rank(event, choice, found)
                if rank > best:
                    best = rank
                    out[:, 0, i] = event
            found += 1
        summary[0, i] = found
        summary[1, i] = noise


@njit(nogil=True, cache=True)
def _loss_end(segments, i, a, count, vertices, sign, join_rate):  # type: ignore[no-untyped-def]
    """Return the last vertex of the loss that begins at vertex a, or a where none does."""
    past, b = 0.0, a
    while b < count - 1:
        lost = sign * (segments[2 + vertices + b, i] - segments[3 + vertices + b, i])
        rate = lost / (segments[3 + b, i] - segments[2 + b, i])
        if not rate > 0.0:
            break
        if b > a and min(rate, past) < join_rate * max(rate, past):
            break
        past = rate
        b += 1
    return b


@njit(nogil=True, cache=True)
def _describe(segments, values, years, calendar, i, a, b, vertices, sign, noise, event):  # type: ignore[no-untyped-def]
    start, end = segments[2 + a, i], segments[2 + b, i]
    t = np.searchsorted(years, start) + 1
    while t < years.size - 1 and not np.isfinite(values[t, i]):
        t += 1
    before, after = segments[2 + vertices + a, i], segments[2 + vertices + b, i]
    magnitude = sign * (before - after)
    event[0] = calendar[t]
    event[1] = calendar[np.searchsorted(years, end)]
    event[2] = magnitude
    event[3] = end - start
    event[4] = before
    event[5] = after
    event[6] = magnitude / (end - start)
    event[7] = magnitude / noise if noise > 0.0 else np.inf


@njit(nogil=True, cache=True)
def _passes(event, limits):  # type: ignore[no-untyped-def]
    for k in range(limits.shape[0]):
        field = (0, 2, 3, 4, 7)[k]
        if not limits[k, 0] <= event[field] <= limits[k, 1]:
            return False
    return True


@njit(nogil=True, cache=True)
def _rank(event, choice, found):  # type: ignore[no-untyped-def]
    """Return what the chosen event has most of."""
    if choice == 0:
        return event[2]
    if choice == 1:
        return -float(found)
    if choice == 2:
        return float(found)
    return event[3] if choice == 3 else event[6]
