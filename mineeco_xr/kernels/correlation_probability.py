"""Probability of correlations under independence, for whole degrees of freedom.

It is a finite sum, which a table of ratios turns into a multiplication and addition a term
(Abramowitz and Stegun 1964, 26.7.3-4), and for strong correlations a short series, so that small
probabilities keep ten digits at least.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from mineeco_xr.kernels.incomplete_beta import regularized_incomplete_beta

_MOST_TERMS = 100
_RATIOS = np.array(
    [
        [(2 * k - 1) / (2 * k) if k else 1.0 for k in range(_MOST_TERMS)],
        [2 * k / (2 * k + 1) for k in range(_MOST_TERMS)],
    ]
)
"""Of neighbouring coefficients of the finite sums, for even and for odd degrees of freedom."""
_CANCELS = 1e-5
"""Below this probability one less the sum loses digits: the incomplete beta function keeps them."""
_STRONG = 0.75
"""Where (1 - r^2) / r^2 is less, a short series gives the probability with all its digits."""
_FRONTS = np.array(
    [
        math.exp(math.lgamma((k + 1) / 2) - math.lgamma(k / 2 + 1)) / math.sqrt(math.pi)
        for k in range(2 * _MOST_TERMS)
    ]
)
"""1 / (a B(a, 1/2)) for a = k / 2."""


@njit(nogil=True, cache=True, error_model="numpy")
def two_sided(r, n, lost, out, scratch, size):  # type: ignore[no-untyped-def]
    """Fill the two-sided probabilities of correlations, all of one number of dates together.

    Parameters
    ----------
    r : ndarray, (b,), float64
        Correlations, -1..1 or NaN.
    n : ndarray, (b,), float64
        Dates of each.
    lost : int
        How many degrees of freedom fewer there are.
    out : ndarray, (b,), float64
        I_{1-r^2}(f / 2, 1 / 2) with f degrees of freedom; NaN for NaN, and where none is left.
    scratch : ndarray, (6, b), float64
        To work in.
    size : int
        How many of the b count.
    """
    place, own, p = scratch[0], scratch[1], scratch[2]
    least, most = n[0] - lost, n[0] - lost
    for i in range(size):
        freedom = n[i] - lost
        least = freedom if freedom < least else least
        most = freedom if freedom > most else most
        out[i] = np.nan
    for freedom in range(max(int(least), 1), int(most) + 1):
        count = 0
        for i in range(size):
            place[count] = i
            own[count] = abs(r[i])
            count += 1 if n[i] - lost == freedom and r[i] == r[i] else 0
        if freedom < 2 * _MOST_TERMS:
            _by_size(own, freedom, p, scratch[3:], count)
        else:
            for i in range(count):
                x = (1.0 - own[i]) * (1.0 + own[i])
                p[i] = regularized_incomplete_beta(0.5 * freedom, 0.5, x)
        for i in range(count):
            out[np.int64(place[i])] = p[i]


@njit(nogil=True, cache=True, error_model="numpy")
def _by_size(r, freedom, out, scratch, count):  # type: ignore[no-untyped-def]
    """Choose for each |r| the way that keeps its digits."""
    x, part, u = scratch[0], scratch[1], scratch[2]
    for i in range(count):
        x[i] = (1.0 - r[i]) * (1.0 + r[i])
    strong, weak = 0, 0
    for i in range(count):
        is_strong = x[i] < _STRONG * r[i] * r[i]
        strong += 1 if is_strong else 0
        weak += 0 if is_strong else 1
    if weak:
        _middle(r, x, freedom, part, count)
    if strong:
        _strong_tails(r, x, u, freedom, out, count)
    if weak:
        for i in range(count):
            if x[i] < _STRONG * r[i] * r[i]:
                continue
            if part[i] < 1.0 - _CANCELS:
                out[i] = 1.0 - part[i]
            else:
                out[i] = regularized_incomplete_beta(0.5 * freedom, 0.5, x[i])


@njit(nogil=True, cache=True, error_model="numpy")
def _middle(r, x, freedom, out, count):  # type: ignore[no-untyped-def]
    """Fill the probability of a smaller correlation, a finite sum."""
    out[:count] = 1.0
    for k in range(freedom // 2 - 1, 0, -1):
        ratio = _RATIOS[freedom % 2, k]
        for i in range(count):
            out[i] = 1.0 + out[i] * x[i] * ratio
    for i in range(count):
        out[i] *= r[i]
    if freedom % 2:
        for i in range(count):
            inside = math.sqrt(x[i]) * out[i] if freedom > 1 else 0.0
            out[i] = (math.asin(r[i]) + inside) * (2.0 / math.pi)


@njit(nogil=True, cache=True, error_model="numpy")
def _strong_tails(r, x, u, freedom, out, count):  # type: ignore[no-untyped-def]
    """Fill x^a / (a B(a, 1/2) |r|) 2F1(1, 1/2; a + 1; -x / r^2), with a half the freedom.

    It is the hypergeometric form of the incomplete beta function (Abramowitz and Stegun 1964,
    26.5.4 with 15.3.4), whose terms fall fast for a strong correlation; for others it is not used.
    """
    a = 0.5 * freedom
    steps, least = 0, 1.0
    while least > 1e-17:
        least *= _STRONG * (steps + 0.5) / (a + 1.0 + steps)
        steps += 1
    for i in range(count):
        out[i] = 1.0
        u[i] = x[i] / (r[i] * r[i])
    for k in range(steps - 1, -1, -1):
        ratio = -(k + 0.5) / (a + 1.0 + k)
        for i in range(count):
            out[i] = 1.0 + out[i] * ratio * u[i]
    front = _FRONTS[freedom]
    for i in range(count):
        power, base = front / r[i], x[i]
        power = power * math.sqrt(base) if freedom % 2 else power
        left = freedom // 2
        while left > 0:
            power = power * base if left % 2 else power
            base *= base
            left //= 2
        out[i] *= power
