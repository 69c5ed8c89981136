"""Where a yearly series bends: damped spikes, candidate vertices, and the cull of the flattest.

Steps 1 to 3 of LandTrendr (Kennedy et al. 2010, sections 2.4.1 and 2.4.2). Time and value are
scaled to 0..1 but for the spikes. A later candidate displaces an earlier one only when it is better
by more than rounding, so that exact ties fall to the earlier one whatever the units.
"""

from __future__ import annotations

import math

from numba import njit

TIE = 1e-9
# Residuals whose squares sum to less, the range being 1, are rounding: float32 leaves 1e-14.
EXACT = 1e-12
_LOSS_WEIGHT = 2.0


@njit(nogil=True, cache=True)
def damp_spikes(y, n, threshold):  # type: ignore[no-untyped-def]
    """Pull spikes towards the mean of their neighbours, the worst first, in place.

    The share of a spike is 1 where both neighbours agree, and falls to 0 where they differ as much
    as the spike stands out; a share above ``threshold`` is corrected by itself.
    """
    for _ in range(10 * n):
        worst, place = threshold, -1
        for i in range(1, n - 1):
            out = max(abs(y[i] - y[i - 1]), abs(y[i] - y[i + 1]))
            if out > 0.0:
                share = 1.0 - abs(y[i - 1] - y[i + 1]) / out
                if share > worst and (place < 0 or share > worst + TIE):
                    worst, place = share, i
        if place < 0:
            return
        y[place] += worst * ((y[place - 1] + y[place + 1]) / 2.0 - y[place])


@njit(nogil=True, cache=True)
def find_vertices(x, y, n, most, vertices, score, peak):  # type: ignore[no-untyped-def]
    """Split the segment of largest mean squared error at its largest residual, again and again.

    ``score`` and ``peak`` are scratch: of each segment the error, and where it would be split.
    Returns the number of vertices.
    """
    vertices[0], vertices[1] = 0, n - 1
    score[0], peak[0] = _straight_line(x, y, 0, n - 1, n)
    count = 2
    while count < most:
        worst = 0
        for k in range(1, count - 1):
            if score[k] > score[worst] * (1.0 + TIE) + EXACT:
                worst = k
        if score[worst] == 0.0:
            break
        for k in range(count, worst + 1, -1):
            vertices[k] = vertices[k - 1]
        for k in range(count - 1, worst + 1, -1):
            score[k], peak[k] = score[k - 1], peak[k - 1]
        middle = peak[worst]
        vertices[worst + 1] = middle
        score[worst], peak[worst] = _straight_line(x, y, vertices[worst], middle, n)
        score[worst + 1], peak[worst + 1] = _straight_line(x, y, middle, vertices[worst + 2], n)
        count += 1
    return count


@njit(nogil=True, cache=True)
def _straight_line(x, y, first, last, n):  # type: ignore[no-untyped-def]
    """Return the mean squared residual of a segment and where its largest residual lies.

    The last date but one counts only when the last step is a loss: a single low value at the end
    is no recovery. Nothing to split gives an error of 0.
    """
    if last - first < 2:
        return 0.0, -1
    m = last - first + 1
    mean_x, mean_y = 0.0, 0.0
    for i in range(first, last + 1):
        mean_x += x[i]
        mean_y += y[i]
    mean_x /= m
    mean_y /= m
    sxx, sxy = 0.0, 0.0
    for i in range(first, last + 1):
        away = x[i] - mean_x
        sxx += away * away
        sxy += away * (y[i] - mean_y)
    slope = sxy / sxx
    end = last if last < n - 1 or y[n - 1] > y[n - 2] + TIE else last - 1
    error, largest, place = 0.0, 0.0, -1
    for i in range(first, last + 1):
        residual = abs(y[i] - mean_y - slope * (x[i] - mean_x))
        error += residual * residual
        if first < i < end and residual > largest * (1.0 + TIE):
            largest, place = residual, i
    if error <= EXACT or place < 0:
        return 0.0, -1
    return error / m, place


@njit(nogil=True, cache=True)
def cull_vertices(x, y, vertices, count, most, turn):  # type: ignore[no-untyped-def]
    """Drop interior vertices of the smallest turn until ``most`` are left; return how many are.

    ``turn`` is scratch. A turn is the change of direction in the square of time and value, larger
    when a loss follows.
    """
    if count <= most:
        return count
    for k in range(1, count - 1):
        turn[k] = _turn(x, y, vertices[k - 1], vertices[k], vertices[k + 1])
    while count > max(most, 2):
        least = 1
        for k in range(2, count - 1):
            if turn[k] < turn[least] * (1.0 - TIE) - EXACT:
                least = k
        count -= 1
        for k in range(least, count):
            vertices[k], turn[k] = vertices[k + 1], turn[k + 1]
        for k in range(max(least - 1, 1), min(least + 1, count - 1)):
            turn[k] = _turn(x, y, vertices[k - 1], vertices[k], vertices[k + 1])
    return count


@njit(nogil=True, cache=True)
def _turn(x, y, before, at, after):  # type: ignore[no-untyped-def]
    rise = y[after] - y[at]
    incoming = math.atan2(y[at] - y[before], x[at] - x[before])
    outgoing = math.atan2(rise, x[after] - x[at])
    return abs(outgoing - incoming) * (1.0 + max(0.0, rise * _LOSS_WEIGHT))
