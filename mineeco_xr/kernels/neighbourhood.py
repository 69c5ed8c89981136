"""Sums over a neighbourhood of fixed shape, by widening each row once.

The sum of ``2 h + 1`` cells of a row is that of ``2 h - 1`` and two more, so that all half-widths
of a disc cost two additions each; every widened row is added to the output rows it belongs to.
An output cell adds the same numbers in the same order wherever its block begins.
"""

from __future__ import annotations

import numpy as np
from numba import njit


def half_widths(radius: float, dx: float, dy: float, shape: str) -> np.ndarray:
    """Return how far each row of a neighbourhood reaches to either side.

    Parameters
    ----------
    radius : float
        Of the neighbourhood, metres.
    dx, dy : float
        Size of a cell, metres.
    shape : {"disc", "square"}
        Cells whose centre lies within the radius, or within it along x and along y.

    Returns
    -------
    ndarray, int64
        From the cell's own row outwards, never growing.
    """
    # A radius of a whole number of cells takes in the cells at just that distance.
    reach = radius * (1 + 1e-9)
    rows = np.arange(int(reach / dy) + 1) * dy
    across = np.sqrt(np.maximum(0.0, reach**2 - rows**2)) if shape == "disc" else 0 * rows + reach
    return (across / dx).astype(np.int64)


def neighbour_sums(window: np.ndarray, widths: np.ndarray, depth: int) -> np.ndarray:
    """Sum the finite cells of each cell's neighbourhood, and count them.

    Parameters
    ----------
    window : ndarray, (..., h + 2 depth, w + 2 depth), float64
        NaN is nodata.
    widths : ndarray, int64
        From :func:`half_widths`.
    depth : int
        Cells beyond the block on each side.

    Returns
    -------
    ndarray, (..., h, w), complex128
        Sum as real and count as imaginary part; NaN at cells that are nodata themselves.
    """
    stack = np.ascontiguousarray(window).reshape(-1, *window.shape[-2:])
    height, width = (size - 2 * depth for size in window.shape[-2:])
    out = np.empty((stack.shape[0], height, width), dtype=np.complex128)
    for layer, result in zip(stack, out, strict=True):
        _sums(layer, widths, depth, result)
    return out.reshape(*window.shape[:-2], height, width)


@njit(nogil=True, cache=True)
def _sums(window, widths, depth, out):  # type: ignore[no-untyped-def]
    height, width = out.shape
    reach, widest = widths.size - 1, widths[0]
    ring = 2 * reach + 1
    strip = 512
    sums = np.empty((ring, strip))
    counts = np.empty((ring, strip), dtype=np.int32)
    values, valid = np.empty(strip + 2 * widest), np.empty(strip + 2 * widest, dtype=np.int32)
    wide, many = np.empty(strip), np.empty(strip, dtype=np.int32)
    for left in range(0, width, strip):
        size = min(strip, width - left)
        sums[:], counts[:] = 0.0, 0
        for row in range(-reach, height + reach):
            source = window[row + depth, left + depth - widest : left + depth + widest + size]
            for i in range(source.size):
                finite = np.isfinite(source[i])
                values[i] = source[i] if finite else 0.0
                valid[i] = np.int32(finite)
            wide[:size] = values[widest : widest + size]
            many[:size] = valid[widest : widest + size]
            grown = 0
            for away in range(reach, -1, -1):
                while grown < widths[away]:
                    grown += 1
                    _widen(wide, values, size, widest - grown, widest + grown)
                    _widen(many, valid, size, widest - grown, widest + grown)
                _add(sums[(row - away) % ring], wide, size)
                _add(counts[(row - away) % ring], many, size)
                if away > 0:
                    _add(sums[(row + away) % ring], wide, size)
                    _add(counts[(row + away) % ring], many, size)
            done = row - reach
            slot = done % ring
            if done >= 0:
                own = window[done + depth, left + depth : left + depth + size]
                for i in range(size):
                    total = sums[slot, i] if np.isfinite(own[i]) else np.nan
                    out[done, left + i] = complex(total, counts[slot, i])
            sums[slot], counts[slot] = 0.0, 0


@njit(nogil=True, cache=True)
def _widen(wide, values, size, before, after):  # type: ignore[no-untyped-def]
    first, second, grown = values[before : before + size], values[after:], wide[:size]
    for i in range(size):
        grown[i] += first[i] + second[i]


@njit(nogil=True, cache=True)
def _add(total, part, size):  # type: ignore[no-untyped-def]
    for i in range(size):
        total[i] += part[i]
