"""Values at given vertices, how well they fit, and which vertex a simpler model does without.

Steps 4 to 7 of LandTrendr (Kennedy et al. 2010, sections 2.4.3 to 2.4.5), on time and value scaled
to 0..1.
"""

from __future__ import annotations

import math

from numba import njit

from mineeco_xr.kernels.landtrendr_vertices import EXACT, TIE

REJECTED = 1.0


@njit(nogil=True, cache=True)
def fit_in_order(x, y, vertices, count, fit):  # type: ignore[no-untyped-def]
    """Fit segment after segment: the first by least squares, each other through the last's end.

    The paper also tries the line to the observed value at the next vertex and keeps the smaller
    error; that line starts at the same anchor, so least squares through the anchor never loses.
    """
    first, last = vertices[0], vertices[1]
    mean_x, mean_y = 0.0, 0.0
    for i in range(first, last + 1):
        mean_x += x[i]
        mean_y += y[i]
    mean_x /= last - first + 1
    mean_y /= last - first + 1
    sxx, sxy = 0.0, 0.0
    for i in range(first, last + 1):
        away = x[i] - mean_x
        sxx += away * away
        sxy += away * (y[i] - mean_y)
    fit[0] = mean_y + sxy / sxx * (x[first] - mean_x)
    fit[1] = mean_y + sxy / sxx * (x[last] - mean_x)
    for k in range(1, count - 1):
        first, last = vertices[k], vertices[k + 1]
        sxx, sxy = 0.0, 0.0
        for i in range(first + 1, last + 1):
            away = x[i] - x[first]
            sxx += away * away
            sxy += away * (y[i] - fit[k])
        fit[k + 1] = fit[k] + sxy / sxx * (x[last] - x[first])


@njit(nogil=True, cache=True)
def fit_together(x, y, vertices, count, fit, pivot, beside):  # type: ignore[no-untyped-def]
    """Fit all vertices at once: least squares on the hat functions, a tridiagonal system.

    Every vertex is an observed date, so the system is positive definite. ``pivot`` and ``beside``
    are scratch.
    """
    for k in range(count):
        pivot[k], beside[k], fit[k] = 0.0, 0.0, 0.0
    for k in range(count - 1):
        first, last = vertices[k], vertices[k + 1]
        width = x[last] - x[first]
        for i in range(first if k == 0 else first + 1, last + 1):
            right = (x[i] - x[first]) / width
            left = 1.0 - right
            pivot[k] += left * left
            pivot[k + 1] += right * right
            beside[k] += left * right
            fit[k] += left * y[i]
            fit[k + 1] += right * y[i]
    for k in range(1, count):
        share = beside[k - 1] / pivot[k - 1]
        pivot[k] -= share * beside[k - 1]
        fit[k] -= share * fit[k - 1]
    fit[count - 1] /= pivot[count - 1]
    for k in range(count - 2, -1, -1):
        fit[k] = (fit[k] - beside[k] * fit[k + 1]) / pivot[k]


@njit(nogil=True, cache=True)
def squared_errors(x, y, vertices, count, fit, error):  # type: ignore[no-untyped-def]
    """Fill the squared error of each date and return their sum."""
    total = 0.0
    for k in range(count - 1):
        first, last = vertices[k], vertices[k + 1]
        slope = (fit[k + 1] - fit[k]) / (x[last] - x[first])
        for i in range(first if k == 0 else first + 1, last + 1):
            away = y[i] - fit[k] - slope * (x[i] - x[first])
            error[i] = away * away
            total += error[i]
    return total


@njit(nogil=True, cache=True)
def fastest_recovery(x, vertices, count, fit, span, prevent, threshold):  # type: ignore[no-untyped-def]
    """Return the segment that recovers faster than is believed, or -1.

    The rate is the share of the fitted range that a year brings back.
    """
    low, high = fit[0], fit[0]
    for k in range(1, count):
        low, high = min(low, fit[k]), max(high, fit[k])
    worst, place = 0.0, -1
    for k in range(count - 1):
        gain = fit[k] - fit[k + 1]
        years = (x[vertices[k + 1]] - x[vertices[k]]) * span
        if gain > TIE:
            rate = gain / years / (high - low)
            barred = rate > threshold * (1.0 + TIE) or (prevent and years <= 1.0 + TIE)
            if barred and rate > worst * (1.0 + TIE):
                worst, place = rate, k
    return place


@njit(nogil=True, cache=True)
def cheapest_vertex(x, y, vertices, count, fit, error):  # type: ignore[no-untyped-def]
    """Return the interior vertex that raises the error least when its neighbours are joined."""
    least, place = math.inf, 1
    for k in range(1, count - 1):
        first, last = vertices[k - 1], vertices[k + 1]
        slope = (fit[k + 1] - fit[k - 1]) / (x[last] - x[first])
        cost = 0.0
        for i in range(first + 1, last):
            away = y[i] - fit[k - 1] - slope * (x[i] - x[first])
            cost += away * away - error[i]
        if k == 1 or cost < least - abs(least) * TIE - EXACT:
            least, place = cost, k
    return place


@njit(nogil=True, cache=True)
def log_p(residual, total, n, count):  # type: ignore[no-untyped-def]
    """Return ln p of the F test of a model with ``count`` vertices against the mean.

    With 2 (count - 1) numerator degrees of freedom, which is even, the tail of F is the finite sum
    r^a sum_j (a)_j / j! (1 - r)^j, j < count - 1, where r is the residual share of the total sum of
    squares and a half the denominator's degrees of freedom.
    """
    a = (n - 2 * count + 1) / 2.0
    share = max(residual / total, EXACT)
    if a <= 0.0 or share >= 1.0:
        return 0.0
    term, tail = 1.0, 1.0
    for j in range(1, count - 1):
        term *= (a + j - 1.0) / j * (1.0 - share)
        tail += term
    return min(a * math.log(share) + math.log(tail), 0.0)


@njit(nogil=True, cache=True)
def best_model(log_ps, barred, most, log_ratio):  # type: ignore[no-untyped-def]
    """Return the largest model whose p is near the least and that breaks no rule, or 0.

    ``log_ps`` and ``barred`` are by number of vertices, 2..most; rejected ones are marked there.
    """
    for _ in range(most - 1):
        least = REJECTED
        for count in range(2, most + 1):
            least = min(least, log_ps[count])
        best = 0
        for count in range(2, most + 1):
            if log_ps[count] <= min(least + log_ratio + TIE, 0.0):
                best = count
        if not barred[best]:
            return best
        log_ps[best] = REJECTED
    return 0
