"""Mann-Kendall test of many short series that remember: three corrections for autocorrelation."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from mineeco_xr.kernels.signs import centred_ranks, kendall_score
from mineeco_xr.kernels.slabs import by_slabs
from mineeco_xr.kernels.trend import OUTPUTS, mann_kendall, sort_first

CORRECTIONS = ("hamed_rao", "yue_wang", "tfpw")
_HAMED_RAO, _YUE_WANG = 0, 1
_TIE = 1e-11
"""Values this close are equal, as a share of the largest value or rise: detrending and the division
before it round at about 1e-16 of it."""


def corrected_mann_kendall(
    values: np.ndarray,
    times: np.ndarray,
    fitted: np.ndarray,
    correction: str,
    bound: float,
    lags: int | None = None,
) -> np.ndarray:
    """Correct the test of each series for the autocorrelation of what its trend leaves.

    Parameters
    ----------
    values : ndarray, (t, ...), float
        Series along the first axis; what is not finite is missing, and the series closes up.
    times : ndarray, (t,), float64
        Strictly increasing.
    fitted : ndarray, (7, ...), float64
        What ``sen_mann_kendall`` found.
    correction : {"hamed_rao", "yue_wang", "tfpw"}
        Hamed and Rao (1998), Yue and Wang (2004), or trend-free pre-whitening (Yue et al. 2002).
    bound : float
        Quantile of the standard normal distribution beyond which ``r_k sqrt(n)`` is significant;
        of use to Hamed and Rao only.
    lags : int, optional
        Take the first so many lags into the variance; all when not given.

    Returns
    -------
    ndarray, (7, ...), float64
        ``fitted`` with the corrected Z and p; trend-free pre-whitening gives S and tau too.
    """
    way = CORRECTIONS.index(correction)
    most = len(values) if lags is None else lags
    when = np.array(times, dtype=np.float64)
    given = fitted.reshape(len(OUTPUTS), -1)
    begin = 0

    def kernel(series: np.ndarray, out: np.ndarray) -> None:
        nonlocal begin
        end = begin + series.shape[1]
        out[:] = given[:, begin:end]
        _each_series(series, when, way, bound, most, out)
        begin = end

    return by_slabs(kernel, values, len(OUTPUTS))


@njit(nogil=True, cache=True)
def _each_series(values, times, way, bound, most, out):  # type: ignore[no-untyped-def]
    length, count = values.shape
    value, when, rest = np.empty(length), np.empty(length), np.empty(length)
    scratch, lagged = np.empty(length), np.empty(length)
    for i in range(count):
        slope = out[0, i]
        if np.isnan(slope):
            continue
        n, largest = 0, 0.0
        for t in range(length):
            if np.isfinite(values[t, i]):
                value[n], when[n] = values[t, i], times[t]
                rest[n] = value[n] - slope * when[n]
                largest = max(largest, abs(value[n]), abs(slope * when[n]))
                n += 1
        tolerance = _TIE * largest
        if way == _HAMED_RAO:
            centred_ranks(rest, n, tolerance, scratch)
            factor = _hamed_rao(scratch, n, bound / math.sqrt(n), most, lagged)
        else:
            square = _centre(rest, n, tolerance, scratch)
            if way == _YUE_WANG:
                factor = _yue_wang(scratch, n, square, most)
            else:
                _pre_whiten(scratch, n, square, slope, when, rest)
                _test_again(rest, n - 1, tolerance, out[:, i])
                continue
        out[3, i] /= math.sqrt(factor)
        out[4, i] = math.erfc(abs(out[3, i]) / math.sqrt(2.0))


@njit(nogil=True, cache=True)
def _hamed_rao(rank, n, bound, most, lagged):  # type: ignore[no-untyped-def]
    """Return ``1 + 2 / (n (n-1) (n-2)) sum_k (n-k) (n-k-1) (n-k-2) r_k`` over significant lags.

    A sum that is not positive is no variance: it leaves the test as it was.
    """
    lagged[:n] = 0.0
    for i in range(n):
        own, later = rank[i], rank[i:n]
        for k in range(n - i):
            lagged[k] += own * later[k]
    if lagged[0] == 0.0:
        return 1.0
    total = 0.0
    for k in range(1, min(n - 3, most) + 1):
        share = lagged[k] / lagged[0]
        if abs(share) > bound:
            total += (n - k) * (n - k - 1.0) * (n - k - 2.0) * share
    factor = 1.0 + 2.0 / (n * (n - 1.0) * (n - 2.0)) * total
    return factor if factor > 0.0 else 1.0


@njit(nogil=True, cache=True)
def _centre(rest, n, tolerance, out):  # type: ignore[no-untyped-def]
    """Write ``rest`` less its mean and return the sum of squares; 0 where only rounding is left."""
    mean, square, largest = 0.0, 0.0, 0.0
    for k in range(n):
        mean += rest[k]
    mean /= n
    for k in range(n):
        out[k] = rest[k] - mean
        square += out[k] * out[k]
        largest = max(largest, abs(out[k]))
    return square if largest > tolerance else 0.0


@njit(nogil=True, cache=True)
def _yue_wang(rest, n, square, most):  # type: ignore[no-untyped-def]
    """Return ``1 + 2 sum_k (1 - k/n) r_k``; over all lags, partial sums give it at once.

    ``sum_{i<j} (j - i) d_i d_j = -sum_m P_m^2`` for ``P_m = d_1 + ... + d_m`` and ``P_n = 0``, so
    that the factor is ``2 sum_m P_m^2 / (n sum_i d_i^2)``: never negative. Over some lags it can
    be, which leaves the test as it was.
    """
    if square == 0.0:
        return 1.0
    partial, total = 0.0, 0.0
    if most < n - 1:
        for k in range(1, most + 1):
            for i in range(n - k):
                partial += rest[i] * rest[i + k]
            total += (1.0 - k / n) * partial
            partial = 0.0
        factor = 1.0 + 2.0 * total / square
        return factor if factor > 0.0 else 1.0
    for k in range(n - 1):
        partial += rest[k]
        total += partial * partial
    return 2.0 * total / (n * square) if total > 0.0 else 1.0


@njit(nogil=True, cache=True)
def _pre_whiten(centred, n, square, slope, when, rest):  # type: ignore[no-untyped-def]
    """Turn ``rest`` into ``d_i - r_1 d_{i-1} + slope t_i``, one value shorter."""
    r = 0.0
    for k in range(n - 1):
        r += centred[k] * centred[k + 1]
    r = r / square if square > 0.0 else 0.0
    for k in range(n - 1):
        rest[k] = rest[k + 1] - r * rest[k] + slope * when[k + 1]


@njit(nogil=True, cache=True)
def _test_again(value, n, tolerance, out):  # type: ignore[no-untyped-def]
    score = kendall_score(value, n, tolerance)
    sort_first(value, n)
    for k in range(1, n):
        if value[k] - value[k - 1] <= tolerance:
            value[k] = value[k - 1]
    mann_kendall(score, value, n, out)
