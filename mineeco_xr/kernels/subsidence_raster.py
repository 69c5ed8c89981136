"""Subsidence over a raster of mined thickness, each cell of it a small square panel.

With one influence radius the influence is a sum along rows and then along columns. With a radius
for each mined cell, the influence of each cell is added by itself, a column of weights times a row
of weights. Either way the terms of a cell are added in one order, so that it comes out the same bit
by bit in any block that reaches far enough.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from mineeco_xr.kernels.gaussian import fill_influence

TAPS = 8
"""Weights that one pass over a row adds."""

LANES = 16
"""Cells that vector units take together."""


def reach_of(radius: float, step: float, cutoff: float) -> int:
    """Return how many cells away a cell is felt.

    Examples
    --------
    >>> reach_of(200.0, 30.0, 2.2)
    15
    """
    return math.ceil(cutoff * radius / step)


def cell_taps(radius: float, step: float, order: int, cutoff: float) -> np.ndarray:
    """Return what a mined cell does to those along one axis, integrated over its width.

    Parameters
    ----------
    radius : float
        Main influence radius, m.
    step : float
        Width of cells, m.
    order : int
        0 for the influence, 1 and 2 for its derivatives along the axis, per m to the order.
    cutoff : float
        Influence radii beyond which there is nothing.

    Returns
    -------
    ndarray of float64, (2 n + 1,)
        The cell itself is in the middle.

    Examples
    --------
    >>> bool(abs(cell_taps(200.0, 30.0, 0, 2.2).sum() - 1) < 2e-8)
    True
    """
    reach = reach_of(radius, step, cutoff)
    half = np.empty(reach + 1)
    _half_taps((np.arange(reach + 1) + 0.5) * step, radius, order, half)
    return np.concatenate([half[:0:-1] * (-1.0 if order == 1 else 1.0), half])


def separable_influence(
    volume: np.ndarray, taps: tuple[np.ndarray, np.ndarray], depths: tuple[int, int]
) -> np.ndarray:
    """Sum the influence of the cells of a window that have one radius.

    Parameters
    ----------
    volume : ndarray of float64, (h + 2 a, w + 2 b)
        Largest subsidence over each cell, m; finite.
    taps : tuple of ndarray
        Of :func:`cell_taps`, along columns and along rows, no longer than the margins allow.
    depths : tuple of int
        Margins ``a`` and ``b``.

    Returns
    -------
    ndarray of float64, (h, w)
        Of the cells inside the margins.
    """
    down, across = taps
    a, b = depths[0] - down.size // 2, depths[1] - across.size // 2
    rows, columns = volume.shape[0] - 2 * a, volume.shape[1] - 2 * b
    inside = np.ascontiguousarray(volume[a : a + rows, b : b + columns], dtype=np.float64)
    return _separable(inside, _in_eights(down), down.size, _in_eights(across), across.size)


def scattered_influence(
    volume: np.ndarray,
    radius: np.ndarray,
    step: tuple[float, float],
    orders: tuple[int, int],
    depths: tuple[int, int],
    cutoff: float,
) -> np.ndarray:
    """Sum the influence of the cells of a window, each with its own radius.

    Parameters
    ----------
    volume : ndarray of float64, (h + 2 a, w + 2 b)
        Largest subsidence over each cell, m; finite.
    radius : ndarray of float64, of the same shape
        Main influence radius, m, where ``volume`` is not 0; margins cut off what it reaches beyond.
    step : tuple of float
        Height and width of cells, m.
    orders : tuple of int
        Of the derivatives along columns and along rows.
    depths : tuple of int
        Margins ``a`` and ``b``.
    cutoff : float
        Influence radii beyond which there is nothing.

    Returns
    -------
    ndarray of float64, (h, w)
        Of the cells inside the margins.
    """
    shape = volume.shape[0] - 2 * depths[0], volume.shape[1] - 2 * depths[1]
    out = np.zeros(shape)
    _scatter(
        np.ascontiguousarray(volume, dtype=np.float64),
        np.ascontiguousarray(radius, dtype=np.float64),
        step[0], step[1], orders[0], orders[1], depths[0], depths[1], float(cutoff), out,
    )  # fmt: skip
    return out


def _in_eights(taps: np.ndarray) -> np.ndarray:
    return np.concatenate([taps[::-1], np.zeros(-taps.size % TAPS)])


@njit(nogil=True, cache=True, error_model="numpy")
def _half_taps(edges, radius, order, taps):  # type: ignore[no-untyped-def]
    """Set weights at the cell and beyond it; before it they are the same, less for order 1."""
    fill_influence(edges, 0.0, radius, order - 1, taps)
    before = 0.0 if order == 1 else -1.0
    before *= taps[0]
    for i in range(taps.size):
        here = taps[i]
        taps[i] -= before
        before = here
    if order == 1:
        taps[0] = 0.0


@njit(nogil=True, cache=True, error_model="numpy")
def _separable(volume, down, height, across, width):  # type: ignore[no-untyped-def]
    rows, columns = volume.shape[0] - height + 1, volume.shape[1] - width + 1
    # Padded weights count nothing, but read on: up to seven cells and rows of zeros follow.
    source = np.zeros(volume.shape[1] + TAPS)
    along = np.zeros((volume.shape[0] + TAPS, columns))
    empty = np.ones(along.shape[0], dtype=np.bool_)
    for i in range(volume.shape[0]):
        for j in range(volume.shape[1]):
            source[j] = volume[i, j]
            if volume[i, j] != 0.0:
                empty[i] = False
        if not empty[i]:
            for first in range(0, across.size, TAPS):
                _add_shifted(across, source, first, along, i)
    out = np.zeros((rows, columns))
    for i in range(rows):
        for first in range(0, down.size, TAPS):
            if not empty[i + first : i + first + TAPS].all():
                _add_rows(down, along, first, i, out)
    return out


@njit(nogil=True, cache=True, error_model="numpy")
def _add_shifted(taps, source, first, out, row):  # type: ignore[no-untyped-def]
    i, f = np.uint64(row), np.uint64(first)
    t0, t1, t2, t3 = taps[first], taps[first + 1], taps[first + 2], taps[first + 3]
    t4, t5, t6, t7 = taps[first + 4], taps[first + 5], taps[first + 6], taps[first + 7]
    for j in range(np.uint64(out.shape[1])):
        k = f + j
        out[i, j] += (
            (t0 * source[k] + t1 * source[k + np.uint64(1)])
            + (t2 * source[k + np.uint64(2)] + t3 * source[k + np.uint64(3)])
        ) + (
            (t4 * source[k + np.uint64(4)] + t5 * source[k + np.uint64(5)])
            + (t6 * source[k + np.uint64(6)] + t7 * source[k + np.uint64(7)])
        )


@njit(nogil=True, cache=True, error_model="numpy")
def _add_rows(taps, source, first, row, out):  # type: ignore[no-untyped-def]
    i, k0 = np.uint64(row), np.uint64(row + first)
    k1, k2, k3 = k0 + np.uint64(1), k0 + np.uint64(2), k0 + np.uint64(3)
    k4, k5, k6, k7 = k0 + np.uint64(4), k0 + np.uint64(5), k0 + np.uint64(6), k0 + np.uint64(7)
    t0, t1, t2, t3 = taps[first], taps[first + 1], taps[first + 2], taps[first + 3]
    t4, t5, t6, t7 = taps[first + 4], taps[first + 5], taps[first + 6], taps[first + 7]
    for j in range(np.uint64(out.shape[1])):
        out[i, j] += (
            (t0 * source[k0, j] + t1 * source[k1, j]) + (t2 * source[k2, j] + t3 * source[k3, j])
        ) + ((t4 * source[k4, j] + t5 * source[k5, j]) + (t6 * source[k6, j] + t7 * source[k7, j]))


@njit(nogil=True, cache=True, error_model="numpy")
def _scatter(  # type: ignore[no-untyped-def]
    volume, radius, height, width, order_y, order_x, depth_y, depth_x, cutoff, out
):
    last, tall, wide = -1.0, 0, 0
    # In whole lanes, so that no loop over them ends in single steps.
    edges_y = (np.arange(depth_y // LANES * LANES + LANES) + 0.5) * height
    edges_x = (np.arange(depth_x // LANES * LANES + LANES) + 0.5) * width
    down, across = np.empty(edges_y.size), np.empty(edges_x.size)
    before_y, before_x = -1.0 if order_y == 1 else 1.0, -1.0 if order_x == 1 else 1.0
    shares = np.zeros((2 * depth_y + 1, TAPS))
    profiles = np.zeros((TAPS, 2 * depth_x + 1 + TAPS))
    for i in range(volume.shape[0]):
        held = first = 0
        for j in range(volume.shape[1]):
            share = volume[i, j]
            if share == 0.0:
                continue
            if held == TAPS or (held and j - first > TAPS):
                _add_held(shares, profiles, i - 2 * depth_y, first - 2 * depth_x, out)
                held = 0
            if held == 0:
                first = j
                shares[:] = 0.0
                profiles[:] = 0.0
            if radius[i, j] != last:
                last = radius[i, j]
                tall = min(int(math.ceil(cutoff * last / height)), depth_y) + 1
                wide = min(int(math.ceil(cutoff * last / width)), depth_x) + 1
                _half_taps(edges_y, last, order_y, down)
                _half_taps(edges_x, last, order_x, across)
            for k in range(tall):
                shares[depth_y - k, held] = share * before_y * down[k]
                shares[depth_y + k, held] = share * down[k]
            middle = j - first + depth_x
            for k in range(wide):
                profiles[held, middle - k] = before_x * across[k]
                profiles[held, middle + k] = across[k]
            held += 1
        if held:
            _add_held(shares, profiles, i - 2 * depth_y, first - 2 * depth_x, out)


@njit(nogil=True, cache=True, error_model="numpy")
def _add_held(shares, profiles, top, left, out):  # type: ignore[no-untyped-def]
    """Add eight cells of a row at once, but one after the other, however they were put together."""
    first, last = max(0, -left), min(profiles.shape[1], out.shape[1] - left)
    if first >= last:
        return
    a, begin, count = np.uint64(first), np.uint64(first + left), np.uint64(last - first)
    for row in range(max(0, top), min(out.shape[0], top + shares.shape[0])):
        i, n = np.uint64(row), row - top
        s0, s1, s2, s3 = shares[n, 0], shares[n, 1], shares[n, 2], shares[n, 3]
        s4, s5, s6, s7 = shares[n, 4], shares[n, 5], shares[n, 6], shares[n, 7]
        for j in range(count):
            k = a + j
            total = out[i, begin + j] + s0 * profiles[0, k]
            total = ((total + s1 * profiles[1, k]) + s2 * profiles[2, k]) + s3 * profiles[3, k]
            total = ((total + s4 * profiles[4, k]) + s5 * profiles[5, k]) + s6 * profiles[6, k]
            out[i, begin + j] = total + s7 * profiles[7, k]
