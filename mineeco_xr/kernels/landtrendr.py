"""Straight segments of many yearly series, after LandTrendr (Kennedy, Yang and Cohen 2010).

The series is simplified from many vertices to few; the F test picks one of the models. The steps
are in ``landtrendr_vertices`` and ``landtrendr_fit``; here they are put in order, with scratch
memory that all series share.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from mineeco_xr.kernels.landtrendr_fit import (
    best_model,
    cheapest_vertex,
    fastest_recovery,
    fit_in_order,
    fit_together,
    log_p,
    squared_errors,
)
from mineeco_xr.kernels.landtrendr_vertices import cull_vertices, damp_spikes, find_vertices

_SLAB = 8192


def landtrendr(
    values: np.ndarray,
    years: np.ndarray,
    *,
    max_segments: int = 6,
    spike_threshold: float = 0.9,
    vertex_count_overshoot: int = 3,
    prevent_one_year_recovery: bool = True,
    recovery_threshold: float = 0.25,
    pval: float = 0.05,
    best_model_proportion: float = 0.75,
    min_obs: int = 6,
) -> np.ndarray:
    """Return the vertices of the segments of each series.

    Parameters
    ----------
    values : ndarray, (t, ...), float
        Series along the first axis, oriented so that a loss is an increase; what is not finite is
        missing.
    years : ndarray, (t,), float64
        Strictly increasing, evenly spaced or not.
    max_segments : int
        At most this many segments.
    spike_threshold : float
        Spikes of a larger share are damped; 1 damps none.
    vertex_count_overshoot : int
        So many vertices more are found at first, and then culled by angle.
    prevent_one_year_recovery : bool
        Whether recovery within a year is barred.
    recovery_threshold : float
        Share of the fitted range a year, above which a recovery is barred.
    pval : float
        Least significance; a series without a model of this p becomes its mean.
    best_model_proportion : float
        Of the models with p up to ``2 - best_model_proportion`` times the least, that with most
        vertices is taken.
    min_obs : int
        Series with fewer values get no vertices.

    Returns
    -------
    ndarray, (2 + 2 * (max_segments + 1), ...), float64
        Number of vertices, root mean squared error over the valid dates (of the values as given,
        spikes included), years of the vertices, fitted values at the vertices; NaN beyond the
        number. Before the first and after the last vertex the fitted value stays constant.
    """
    flat = values.reshape(values.shape[0], -1)
    size = max_segments + 1
    out = np.empty((2 + 2 * size, flat.shape[1]))
    years = np.array(years, dtype=np.float64)
    rules = (bool(prevent_one_year_recovery), float(recovery_threshold))
    bounds = (
        math.log(max(2.0 - best_model_proportion, 1.0)),
        math.log(pval) if pval > 0.0 else -math.inf,
        float(spike_threshold),
    )
    counts = (size, int(vertex_count_overshoot), int(min_obs))
    for start in range(0, flat.shape[1], _SLAB):
        # Always a copy: a read-only block would be a second type to compile for.
        slab = np.array(flat[:, start : start + _SLAB], dtype=np.float64, order="C")
        _each_series(slab, years, out, start, counts, rules, bounds)
    return out.reshape(len(out), *values.shape[1:])


@njit(nogil=True, cache=True)
def _each_series(values, years, out, start, counts, rules, bounds):  # type: ignore[no-untyped-def]
    size, overshoot, min_obs = counts
    log_ratio, log_pval, spike_threshold = bounds
    length, series = values.shape
    x, y, error = np.empty(length), np.empty(length), np.empty(length)
    dates = np.empty(length, dtype=np.int64)
    candidates = np.empty(size + overshoot + 2, dtype=np.int64)
    peak, score = np.empty_like(candidates), np.empty(candidates.size)
    # A row for each number of vertices, 2..size.
    vertices, fits = np.empty((size + 1, size), dtype=np.int64), np.empty((size + 1, size))
    log_ps, barred = np.empty(size + 1), np.zeros(size + 1, dtype=np.bool_)
    models = (vertices, fits, log_ps, barred)
    scratch = (error, np.empty(size), np.empty(size))
    for s in range(series):
        result = out[:, start + s]
        result[:] = np.nan
        n = _valid(values[:, s], dates, y)
        result[0] = 0.0
        if n < min_obs or n < 2:
            continue
        damp_spikes(y, n, spike_threshold)
        low, unit, mean, total = _to_unit_square(years, dates, n, x, y)
        best = 0
        if total > 0.0:
            count = find_vertices(x, y, n, min(size + overshoot, n - 2), candidates, score, peak)
            count = cull_vertices(x, y, candidates, count, size, score)
            vertices[count, :count] = candidates[:count]
            span = years[dates[n - 1]] - years[dates[0]]
            for together in range(2):
                _fit_models(x, y, n, count, total, span, rules, together == 1, models, scratch)
                best = best_model(log_ps, barred, count, log_ratio)
                if best > 0 and log_ps[best] <= log_pval:
                    break
                best = 0
        if best == 0:
            best = 2
            vertices[2, 0], vertices[2, 1] = 0, n - 1
            fits[2, :2] = mean
        for i in range(n):
            y[i] = (values[dates[i], s] - low) / unit
        rest = squared_errors(x, y, vertices[best], best, fits[best], error)
        result[0], result[1] = best, math.sqrt(rest / n) * unit
        for k in range(best):
            result[2 + k] = years[dates[vertices[best, k]]]
            result[2 + size + k] = low + unit * fits[best, k]


@njit(nogil=True, cache=True)
def _valid(values, dates, y):  # type: ignore[no-untyped-def]
    n = 0
    for t in range(values.size):
        if np.isfinite(values[t]):
            dates[n], y[n] = t, values[t]
            n += 1
    return n


@njit(nogil=True, cache=True)
def _to_unit_square(years, dates, n, x, y):  # type: ignore[no-untyped-def]
    """Scale time and value to 0..1; return the value's origin and unit, mean and sum of squares."""
    origin, span = years[dates[0]], years[dates[n - 1]] - years[dates[0]]
    low, high = y[0], y[0]
    for i in range(n):
        low, high = min(low, y[i]), max(high, y[i])
    unit = high - low if high > low else 1.0
    mean, total = 0.0, 0.0
    for i in range(n):
        x[i] = (years[dates[i]] - origin) / span
        y[i] = (y[i] - low) / unit
        mean += y[i] / n
    for i in range(n):
        total += (y[i] - mean) ** 2
    return low, unit, mean, total


@njit(nogil=True, cache=True)
def _fit_models(x, y, n, count, total, span, rules, together, models, scratch):  # type: ignore[no-untyped-def]
    """Fit the model of ``count`` vertices and each simpler one, down to a single segment.

    Fitted in order, each model loses a vertex to the next: that where too fast a recovery ends,
    else the cheapest. Fitted together, the models keep the vertices that they have.
    """
    vertices, fits, log_ps, barred = models
    error, pivot, beside = scratch
    prevent, threshold = rules
    for k in range(count, 1, -1):
        places, fit = vertices[k], fits[k]
        if together:
            fit_together(x, y, places, k, fit, pivot, beside)
        else:
            fit_in_order(x, y, places, k, fit)
        log_ps[k] = log_p(squared_errors(x, y, places, k, fit, error), total, n, k)
        fast = fastest_recovery(x, places, k, fit, span, prevent, threshold)
        barred[k] = fast >= 0
        if together or k == 2:
            continue
        # The last date stays a vertex, so a last segment that recovers too fast loses its start.
        dropped = min(fast + 1, k - 2)
        if fast < 0:
            dropped = cheapest_vertex(x, y, places, k, fit, error)
        for j in range(k - 1):
            vertices[k - 1, j] = places[j if j < dropped else j + 1]
