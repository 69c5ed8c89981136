"""Which cells of a block a rectangle reaches, whatever the block.

Whether a cell is within depends on its own coordinates and the panel alone: bounds are compared
with the coordinates themselves, to the last bit.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

ROOT_PI = math.sqrt(math.pi)


class Panel(NamedTuple):
    """One panel: its axes, its scales ``sqrt(pi) / r``, what it reaches, and where its pieces are.

    Numbers alone: arrays in a tuple would be counted at every row.
    """

    x: float
    y: float
    strike_x: float
    strike_y: float
    rise_x: float
    rise_y: float
    scale: float
    low_scale: float
    high_scale: float
    low: float
    high: float
    least_s: float
    most_s: float
    least_t: float
    most_t: float
    cut: int
    piece: int
    pieces: int


@njit(nogil=True, cache=True, error_model="numpy")
def panel_of(panels, p, cutoff):  # type: ignore[no-untyped-def]
    """Return one panel of many, within its cut-off."""
    begin, end = panels.begin[p], panels.begin[p + 1]
    r, low_r, high_r = panels.radius[p, 0], panels.radius[p, 1], panels.radius[p, 2]
    low, high = panels.edges[p, 0], panels.edges[p, 1]
    return Panel(
        panels.origin[p, 0],
        panels.origin[p, 1],
        panels.strike[p, 0],
        panels.strike[p, 1],
        panels.rise[p, 0],
        panels.rise[p, 1],
        ROOT_PI / r,
        ROOT_PI / low_r,
        ROOT_PI / high_r,
        low,
        high,
        panels.cuts[begin] - cutoff * r,
        panels.cuts[end - 1] + cutoff * r,
        low - cutoff * max(low_r, high_r),
        high + cutoff * max(low_r, high_r),
        begin,
        begin - p,
        end - begin - 1,
    )


@njit(nogil=True, cache=True)
def extent(panel, a, b):  # type: ignore[no-untyped-def]
    """Return how far a panel reaches along an axis of the map, seen from its origin."""
    least = min(panel.least_s * a, panel.most_s * a) + min(panel.least_t * b, panel.most_t * b)
    most = max(panel.least_s * a, panel.most_s * a) + max(panel.least_t * b, panel.most_t * b)
    return least, most


@njit(nogil=True, cache=True)
def misses(values, low, high):  # type: ignore[no-untyped-def]
    """Say whether all coordinates lie on one side of an interval."""
    first, last = values[0], values[-1]
    return max(first, last) < low or min(first, last) > high


@njit(nogil=True, cache=True)
def indices(values, begin, end, low, high):  # type: ignore[no-untyped-def]
    """Return the range of evenly spaced values that lie between two, to the last bit."""
    step = values[1] - values[0] if values.size > 1 else 1.0
    near, far = (low, high) if step > 0 else (high, low)
    first = min(max((near - values[0]) / step, begin), end)
    last = min(max((far - values[0]) / step + 1.0, first), end)
    start, stop = int(first), int(last)
    while start > begin and low <= values[start - 1] <= high:
        start -= 1
    while start < stop and not low <= values[start] <= high:
        start += 1
    while stop < end and low <= values[stop] <= high:
        stop += 1
    while stop > start and not low <= values[stop - 1] <= high:
        stop -= 1
    return start, stop


@njit(nogil=True, cache=True, error_model="numpy")
def touched(panel, north, x, left, right):  # type: ignore[no-untyped-def]
    """Return the range of a row's cells whose ``s`` and ``t`` are both within reach."""
    low, high = -np.inf, np.inf
    for base, slope, least, most in (
        (north * panel.strike_y, panel.strike_x, panel.least_s, panel.most_s),
        (north * panel.rise_y, panel.rise_x, panel.least_t, panel.most_t),
    ):
        if abs(slope) < 1e-12:
            if not least <= base <= most:
                return left, left
            continue
        one, other = (least - base) / slope, (most - base) / slope
        low, high = max(low, min(one, other)), min(high, max(one, other))
    if low > high:
        return left, left
    return indices(x, left, right, panel.x + low, panel.x + high)
