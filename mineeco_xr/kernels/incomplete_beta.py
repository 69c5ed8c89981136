"""The regularized incomplete beta function, from which the p of t, F and Pearson's r follow.

I_x(a, b) = x^a (1 - x)^b / B(a, b) over a continued fraction, taken at x or mirrored,
1 - I_{1-x}(b, a), whichever converges fast. The factor in front is formed from the remainders of
Stirling's series, so that it keeps its digits for large a and b, where the difference of logarithms
of gamma functions does not (Loader 2000).
"""

from __future__ import annotations

import math

from numba import njit

_STIRLING_FROM = 10.0
_HALF_LOG_TWO_PI = 0.9189385332046727418
_TINY, _PRECISION, _MOST_TERMS = 1e-300, 2e-16, 100_000


@njit(nogil=True, cache=True)
def _stirling_remainder(z: float) -> float:
    """Return ln gamma(z) - ((z - 1/2) ln z - z + ln(2 pi) / 2), for z of at least 10."""
    s = 1.0 / (z * z)
    tail = 1 / 1188 - s * (691 / 360360 - s * (1 / 156 - s * 3617 / 122400))
    return (1 / 12 - s * (1 / 360 - s * (1 / 1260 - s * (1 / 1680 - s * tail)))) / z


@njit(nogil=True, cache=True)
def _log_remainder(ratio: float, u: float) -> float:
    """Return ln(ratio) - u without cancellation, where u = ratio - 1 is known exactly."""
    if abs(u) > 0.5:
        return math.log(ratio) - u
    r = u / (2.0 + u)
    power, total, k = r * r * r, 0.0, 3.0
    while abs(power) > 1e-17 * abs(total):
        total += power / k
        power *= r * r
        k += 2.0
    return 2.0 * total - r * u


@njit(nogil=True, cache=True)
def _power_term(a: float, b: float, x: float, y: float) -> float:
    """Return x^a y^b / B(a, b), where y = 1 - x."""
    total = a + b
    if min(a, b) >= _STIRLING_FROM:
        away = x * b - y * a
        exponent = a * _log_remainder(x * total / a, away / a)
        exponent += b * _log_remainder(y * total / b, -away / b)
        exponent += _stirling_remainder(total) - _stirling_remainder(a) - _stirling_remainder(b)
        return math.sqrt(a / total * b) * math.exp(exponent - _HALF_LOG_TWO_PI)
    low, high = min(a, b), max(a, b)
    if high < _STIRLING_FROM:
        log_beta = math.lgamma(a) + math.lgamma(b) - math.lgamma(total)
    else:
        log_beta = math.lgamma(low) + low - low * math.log(total)
        log_beta -= (high - 0.5) * math.log1p(low / high)
        log_beta += _stirling_remainder(high) - _stirling_remainder(total)
    log_y = math.log1p(-x) if x < 0.5 else math.log(y)
    log_x = math.log1p(-y) if y < 0.5 else math.log(x)
    return math.exp(a * log_x + b * log_y - log_beta)


@njit(nogil=True, cache=True)
def _continued_fraction(a: float, b: float, x: float, y: float) -> float:
    """Return x^a y^b / (B(a, b) I_x(a, b)), by Lentz's method (DiDonato and Morris 1992, eq. 18).

    The first denominator is formed from x or y, whichever is small, hence without cancellation.
    """
    first = a * y - b * x + 1.0
    if y < 0.5:
        first = (a + b) * y + 1.0 - b
    value = a * first / (a + 1.0)
    c, d = value, 0.0
    for m in range(1, _MOST_TERMS):
        odd = a + 2.0 * m - 1.0
        above = (a + m - 1.0) / odd * ((a + b + m - 1.0) / odd) * m * (b - m) * x * x
        below = m + m * (b - m) * x / odd + (a + m) * (first + m * (1.0 + y)) / (odd + 2.0)
        d = below + above * d
        c = below + above / c
        d = 1.0 / d if d != 0.0 else 1.0 / _TINY
        c = c if c != 0.0 else _TINY
        value *= c * d
        if abs(c * d - 1.0) <= _PRECISION:
            break
    return value


@njit(nogil=True, cache=True)
def regularized_incomplete_beta(a: float, b: float, x: float) -> float:
    """Return I_x(a, b), the distribution function of the beta distribution.

    Parameters
    ----------
    a, b : float
        The parameters, above 0.
    x : float
        Where, 0..1.

    Returns
    -------
    float
        0..1; NaN for arguments outside the domain.

    Notes
    -----
    Two-sided p of Student's t: I_{v/(v+t^2)}(v/2, 1/2); of F: I_{v2/(v2+v1 F)}(v2/2, v1/2); of
    Pearson's r of n pairs: I_{1-r^2}((n-2)/2, 1/2).
    """
    if not (a > 0.0 and b > 0.0 and 0.0 <= x <= 1.0):
        return math.nan
    if x == 0.0 or x == 1.0:
        return x
    y = 1.0 - x
    front = _power_term(a, b, x, y)
    if x < (a + 1.0) / (a + b + 2.0):
        return min(front / _continued_fraction(a, b, x, y), 1.0)
    return max(1.0 - front / _continued_fraction(b, a, y, x), 0.0)
