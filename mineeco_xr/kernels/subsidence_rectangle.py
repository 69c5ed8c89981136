"""Subsidence over rectangles by the closed form of the probability integral.

In a panel's own axes, ``s`` along the strike and ``t`` up the dip, its subsidence is
``W0 A(s) B(t)`` with ``A(s) = (erf(p s / r) - erf(p (s - l) / r)) / 2``, ``p = sqrt(pi)``, and
``B`` likewise with a radius for either edge. Every derivative and every displacement, turned into
the axes of the map, is a sum of products of ``A``, ``B`` and their derivatives: ``PRODUCTS``.

A panel reaches as far as a rectangle drawn around it, and touches of each row the cells within.
Whether and how a cell is touched depends on its own coordinates alone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from mineeco_xr.kernels.erf import erf, gaussian
from mineeco_xr.kernels.panel_reach import ROOT_PI, extent, indices, misses, panel_of, touched

PRODUCTS = ("AB", "AB'", "AB''", "AD", "AD'", "A'B", "A'B'", "A'D", "A''B")
"""``D = g(t / r_low) - g((t - L) / r_high)`` with ``g(u) = exp(-pi u^2)`` is the displacement."""

_PAD = 16
"""Rows are computed in whole vectors of float32, the last one past their end."""


class Rectangles(NamedTuple):
    """Panels as rectangles, each cut along the strike into one piece or more.

    Parameters
    ----------
    origin : ndarray of float64, (panels, 2)
        Where ``s`` and ``t`` are 0 on the map, ``x`` and ``y``, m.
    strike, rise : ndarray of float64, (panels, 2)
        Unit vectors of ``s`` and of ``t``.
    edges : ndarray of float64, (panels, 2)
        Lower and upper end in ``t``, m, where they act at the surface.
    radius : ndarray of float64, (panels, 3)
        Influence radius along the strike, at the lower and at the upper edge, m.
    begin : ndarray of int64, (panels + 1,)
        First of each panel's ``cuts``; panel ``p`` has the pieces from ``begin[p] - p`` on.
    cuts : ndarray of float64
        Ends of the pieces in ``s``, m, ascending.
    """

    origin: np.ndarray
    strike: np.ndarray
    rise: np.ndarray
    edges: np.ndarray
    radius: np.ndarray
    begin: np.ndarray
    cuts: np.ndarray


def superpose_rectangles(
    panels: Rectangles,
    y: np.ndarray,
    x: np.ndarray,
    response: np.ndarray,
    weights: np.ndarray,
    *,
    cutoff: float,
    dtype: str = "float32",
) -> np.ndarray:
    """Return the sum of what panels do to the cells of a block.

    Parameters
    ----------
    panels : Rectangles
        Those out of reach cost next to nothing.
    y, x : ndarray of float64, (ny,) and (nx,)
        Coordinates of the cells' centres, evenly spaced, ascending or descending, m.
    response : ndarray of float64, (panels, components, 9)
        Factors of ``PRODUCTS`` for each component.
    weights : ndarray of float64, (steps, pieces)
        The share of each piece that counts in a step.
    cutoff : float
        Influence radii beyond an edge from which on a panel is passed over.
    dtype : str
        float32 or float64.

    Returns
    -------
    ndarray, (steps, components, ny, nx)
        The same bits for a cell whatever the block.
    """
    steps, components = weights.shape[0], response.shape[1]
    out = np.zeros((steps, components, y.size, x.size), dtype=dtype)
    if y.size and x.size and len(panels.origin):
        tilts = bool(np.any(response[:, :, 1:]))
        _superpose(
            Rectangles(*(np.ascontiguousarray(part) for part in panels)),
            np.ascontiguousarray(y, dtype=np.float64),
            np.ascontiguousarray(x, dtype=np.float64),
            np.ascontiguousarray(response, dtype=np.float64),
            np.ascontiguousarray(weights.T, dtype=dtype),
            float(cutoff),
            3 if tilts else 1,
            int(np.diff(panels.begin).max()) - 1,
            out,
        )
    return out


@njit(nogil=True, cache=True, error_model="numpy")
def _superpose(panels, y, x, response, weights, cutoff, orders, most, out):  # type: ignore[no-untyped-def]
    components, wide = response.shape[1], x.size + _PAD
    east, row = np.zeros(wide, out.dtype), np.zeros(wide, out.dtype)
    along, mixed = np.zeros((orders, most, wide), out.dtype), np.zeros((orders, wide), out.dtype)
    across = np.zeros((5 if orders > 1 else 1, wide), out.dtype)
    factors = np.zeros((components, 9), out.dtype)
    for p in range(panels.origin.shape[0]):
        panel = panel_of(panels, p, cutoff)
        south, north = extent(panel, panel.strike_y, panel.rise_y)
        west, rim = extent(panel, panel.strike_x, panel.rise_x)
        if misses(y, panel.y + south, panel.y + north) or misses(x, panel.x + west, panel.x + rim):
            continue
        if not _counts(weights, panel.piece, panel.pieces, 0, out.shape[0]):
            continue
        top, bottom = indices(y, 0, y.size, panel.y + south, panel.y + north)
        left, right = indices(x, 0, x.size, panel.x + west, panel.x + rim)
        for i in range(left, right):
            east[i] = x[i] - panel.x
        for c in range(components):
            for q in range(9):
                factors[c, q] = response[p, c, q]
        if orders == 1 and components == 1 and panel.pieces == 1:
            _add_subsidence(
                panel, panels.cuts, weights, y, x, top, bottom, left, right, east, row, factors, out
            )
        else:
            for j in range(top, bottom):
                begin, end = touched(panel, y[j] - panel.y, x, left, right)
                if begin < end:
                    profiles = (along, mixed, across, row)
                    _add_row(
                        panel, panels.cuts, weights, y[j] - panel.y, begin, end, east, profiles,
                        factors, j, out,
                    )  # fmt: skip


@njit(nogil=True, cache=True)
def _counts(weights, begin, count, first, last):  # type: ignore[no-untyped-def]
    for piece in range(begin, begin + count):
        for step in range(first, last):
            if weights[piece, step] != 0:
                return True
    return False


@njit(nogil=True, cache=True, error_model="numpy")
def _add_subsidence(  # type: ignore[no-untyped-def]
    panel, cuts, weights, y, x, top, bottom, left, right, east, row, factors, out
):
    """Add a panel of one piece: its four error functions in one loop."""
    kind = out.dtype.type
    slopes = (
        kind(panel.strike_x * panel.scale),
        kind(panel.rise_x * panel.low_scale),
        kind(panel.rise_x * panel.high_scale),
    )
    most = factors[0, 0] * kind(0.25)
    start, stop = cuts[panel.cut], cuts[panel.cut + 1]
    for j in range(top, bottom):
        north = y[j] - panel.y
        begin, end = touched(panel, north, x, left, right)
        if begin >= end:
            continue
        s, t = north * panel.strike_y, north * panel.rise_y
        places = (
            kind((s - start) * panel.scale),
            kind((s - stop) * panel.scale),
            kind((t - panel.low) * panel.low_scale),
            kind((t - panel.high) * panel.high_scale),
        )
        # Indices that cannot be negative: a check for wrapping round would stop the vectors.
        first, last, past = np.uint64(begin), np.uint64(end), np.uint64(_padded(begin, end))
        _subsidence(row, east, slopes, places, most, first, past)
        for step in range(out.shape[0]):
            _add(out, step, 0, j, row, weights[panel.piece, step], first, last)


@njit(nogil=True, cache=True)
def _padded(begin, end):  # type: ignore[no-untyped-def]
    return begin + (end - begin + _PAD - 1) // _PAD * _PAD


@njit(nogil=True, cache=True, error_model="numpy")
def _add_row(panel, cuts, weights, north, begin, end, east, profiles, factors, j, out):  # type: ignore[no-untyped-def]
    along, mixed, across, row = profiles
    steps, components, orders, kind = out.shape[0], out.shape[1], along.shape[0], out.dtype.type
    first, last, past = np.uint64(begin), np.uint64(end), np.uint64(_padded(begin, end))
    s, t = north * panel.strike_y, north * panel.rise_y
    slopes = (kind(panel.rise_x * panel.low_scale), kind(panel.rise_x * panel.high_scale))
    places = (
        kind((t - panel.low) * panel.low_scale),
        kind((t - panel.high) * panel.high_scale),
    )
    scales = (kind(panel.low_scale / ROOT_PI), kind(panel.high_scale / ROOT_PI))
    _across(across, east, slopes, places, scales, first, past)
    slope, scale = kind(panel.strike_x * panel.scale), kind(panel.scale / ROOT_PI)
    for piece in range(panel.pieces):
        start = kind((s - cuts[panel.cut + piece]) * panel.scale)
        stop = kind((s - cuts[panel.cut + piece + 1]) * panel.scale)
        _along(along, piece, east, slope, start, stop, scale, first, past)
    if panel.pieces == 1:
        for q in range(orders):
            _copy(mixed, q, along, first, past)
        for c in range(components):
            _component(row, mixed, across, factors, c, first, past)
            for step in range(steps):
                _add(out, step, c, j, row, weights[panel.piece, step], first, last)
        return
    for step in range(steps):
        if not _counts(weights, panel.piece, panel.pieces, step, step + 1):
            continue
        for q in range(orders):
            _mix(mixed, q, along, weights, panel.piece, panel.pieces, step, first, past)
        for c in range(components):
            _component(row, mixed, across, factors, c, first, past)
            _add(out, step, c, j, row, kind(1.0), first, last)


@njit(nogil=True, cache=True, error_model="numpy")
def _subsidence(row, east, slopes, places, most, first, past):  # type: ignore[no-untyped-def]
    slope, low_slope, high_slope = slopes
    start, stop, low, high = places
    zero = row.dtype.type(0.0)
    for i in range(first, past):
        along = erf(east[i] * slope + start) - erf(east[i] * slope + stop)
        across = erf(east[i] * low_slope + low) - erf(east[i] * high_slope + high)
        # Not below zero where rounding, or a far larger lower radius, would have it so.
        row[i] = most * max(along, zero) * max(across, zero)


@njit(nogil=True, cache=True, error_model="numpy")
def _along(a, piece, east, slope, start, stop, scale, first, past):  # type: ignore[no-untyped-def]
    """Fill ``A`` of a piece and, where wanted, its two derivatives."""
    kind = east.dtype.type
    zero, half, bend = kind(0.0), kind(0.5), kind(-2.0 * ROOT_PI) * scale * scale
    for i in range(first, past):
        a[0, piece, i] = half * max(
            erf(east[i] * slope + start) - erf(east[i] * slope + stop), zero
        )
    if a.shape[0] > 1:
        for i in range(first, past):
            near, far = east[i] * slope + start, east[i] * slope + stop
            rise, fall = gaussian(near), gaussian(far)
            a[1, piece, i] = scale * (rise - fall)
            a[2, piece, i] = bend * (near * rise - far * fall)


@njit(nogil=True, cache=True, error_model="numpy")
def _across(b, east, slopes, places, scales, first, past):  # type: ignore[no-untyped-def]
    """Fill ``B`` and, where wanted, its two derivatives, ``D`` and its derivative."""
    kind = east.dtype.type
    (low_slope, high_slope), (low, high), (low_scale, high_scale) = slopes, places, scales
    zero, half, bend = kind(0.0), kind(0.5), kind(-2.0 * ROOT_PI)
    for i in range(first, past):
        near, far = east[i] * low_slope + low, east[i] * high_slope + high
        b[0, i] = half * max(erf(near) - erf(far), zero)
    if b.shape[0] > 1:
        for i in range(first, past):
            near, far = east[i] * low_slope + low, east[i] * high_slope + high
            rise, fall = gaussian(near), gaussian(far)
            b[1, i] = low_scale * rise - high_scale * fall
            b[3, i] = rise - fall
            rise, fall = bend * low_scale * near * rise, bend * high_scale * far * fall
            b[2, i] = low_scale * rise - high_scale * fall
            b[4, i] = rise - fall


@njit(nogil=True, cache=True)
def _component(row, a, b, f, c, first, past):  # type: ignore[no-untyped-def]
    """Fill a component from the profiles: the sum of ``PRODUCTS`` times their factors."""
    if a.shape[0] == 1:
        for i in range(first, past):
            row[i] = f[c, 0] * a[0, i] * b[0, i]
        return
    f0, f1, f2, f3, f4 = f[c, 0], f[c, 1], f[c, 2], f[c, 3], f[c, 4]
    f5, f6, f7, f8 = f[c, 5], f[c, 6], f[c, 7], f[c, 8]
    for i in range(first, past):
        value = f0 * b[0, i] + f1 * b[1, i] + f2 * b[2, i] + f3 * b[3, i] + f4 * b[4, i]
        value = a[0, i] * value + a[1, i] * (f5 * b[0, i] + f6 * b[1, i] + f7 * b[3, i])
        row[i] = value + a[2, i] * (f8 * b[0, i])


@njit(nogil=True, cache=True)
def _copy(mixed, q, pieces, first, past):  # type: ignore[no-untyped-def]
    for i in range(first, past):
        mixed[q, i] = pieces[q, 0, i]


@njit(nogil=True, cache=True)
def _mix(mixed, q, pieces, weights, begin, count, step, first, past):  # type: ignore[no-untyped-def]
    """Sum pieces by their shares, four at a time so that the sum stays in registers."""
    for i in range(first, past):
        mixed[q, i] = 0
    for p in range(0, count - 3, 4):
        f0, f1 = weights[begin + p, step], weights[begin + p + 1, step]
        f2, f3 = weights[begin + p + 2, step], weights[begin + p + 3, step]
        if f0 == 0 and f1 == 0 and f2 == 0 and f3 == 0:
            continue
        for i in range(first, past):
            mixed[q, i] += (f0 * pieces[q, p, i] + f1 * pieces[q, p + 1, i]) + (
                f2 * pieces[q, p + 2, i] + f3 * pieces[q, p + 3, i]
            )
    for p in range(count - count % 4, count):
        share = weights[begin + p, step]
        for i in range(first, past):
            mixed[q, i] += share * pieces[q, p, i]


@njit(nogil=True, cache=True)
def _add(out, step, c, j, row, share, first, last):  # type: ignore[no-untyped-def]
    if share != 0:
        for i in range(first, last):
            out[step, c, j, i] += share * row[i]
