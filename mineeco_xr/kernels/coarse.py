"""Fine cells inside coarse ones: exact sums, bilinear weights, and a coarse field spread out.

Places inside a coarse cell are whole numbers of its 2^20-th part, so that sums of bilinear weights
are exact integers and do not depend on the order of adding.
"""

from __future__ import annotations

import numpy as np
from numba import njit

PARTS = 1 << 20
"""Parts of the side of a coarse cell in which places are counted."""
_HALF = PARTS // 2


def accumulate(
    values: np.ndarray, cell: np.ndarray, weight: np.ndarray, cells: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Sum layers over the coarse cells in which their fine cells lie, where all are finite.

    Sums carry their rounding error along (Neumaier 1974). While the values of one coarse cell are
    float32 numbers within some 17 decades of each other, or exact products of such numbers by
    whole numbers below 2^20, sum and error together are exact, whatever the order.

    Parameters
    ----------
    values : ndarray, (layers, n), float64
        Layers; a fine cell counts when all are finite.
    cell : ndarray, (n,), int64
        Coarse cell of each fine one, -1 for none.
    weight : ndarray, (n,), float64
        Weights, whole numbers.
    cells : int
        Number of coarse cells.

    Returns
    -------
    sums, errors, lows : ndarray, (layers, cells), float64
        Weighted sums, what rounding took from them, and least values (inf without any).
    counts : ndarray, (cells,), float64
        Weights of the fine cells that count.
    """
    layers = values.shape[0]
    sums, errors = np.zeros((layers, cells)), np.zeros((layers, cells))
    lows, counts = np.full((layers, cells), np.inf), np.zeros(cells)
    _accumulate(values, cell, weight, sums, errors, lows, counts)
    return sums, errors, lows, counts


@njit(nogil=True, cache=True)
def _accumulate(values, cell, weight, sums, errors, lows, counts):  # type: ignore[no-untyped-def]
    layers = values.shape[0]
    for i in range(cell.size):
        at = cell[i]
        if at < 0:
            continue
        whole = True
        for k in range(layers):
            if not np.isfinite(values[k, i]):
                whole = False
                break
        if not whole:
            continue
        counts[at] += weight[i]
        for k in range(layers):
            value = values[k, i]
            if value < lows[k, at]:
                lows[k, at] = value
            term = value * weight[i]
            before = sums[k, at]
            after = before + term
            if abs(before) >= abs(term):
                errors[k, at] += (before - after) + term
            else:
                errors[k, at] += (term - after) + before
            sums[k, at] = after


def merge_sums(
    sums: np.ndarray, errors: np.ndarray, more: np.ndarray, more_errors: np.ndarray
) -> None:
    """Add sums with their errors to others, in place.

    Parameters
    ----------
    sums, errors : ndarray
        Changed.
    more, more_errors : ndarray
        What is added, of the same shape.
    """
    total = sums + more
    lost = np.where(np.abs(sums) >= np.abs(more), (sums - total) + more, (more - total) + sums)
    errors += more_errors + lost
    sums[...] = total


def stencil_weights(
    cell: np.ndarray, across: np.ndarray, down: np.ndarray, valid: np.ndarray, cells: int
) -> np.ndarray:
    """Sum the bilinear weights that fine cells give to their coarse cell and its 8 neighbours.

    Parameters
    ----------
    cell : ndarray, (n,), int64
        Coarse cell of each fine one, -1 for none.
    across, down : ndarray, (n,), int64
        Place in the coarse cell from its left and upper border, in 1 / 2^20 of its side.
    valid : ndarray, (n,), bool
        Fine cells that count.
    cells : int
        Number of coarse cells.

    Returns
    -------
    ndarray, (9, cells), int64
        By neighbour in row-major order, the cell itself fifth; in 1 / 2^40.
    """
    out = np.zeros((9, cells), dtype=np.int64)
    _stencil(cell, across, down, valid, out)
    return out


@njit(nogil=True, cache=True)
def _stencil(cell, across, down, valid, out):  # type: ignore[no-untyped-def]
    for i in range(cell.size):
        at = cell[i]
        if at < 0 or not valid[i]:
            continue
        # The four nearest centres: its own, and those towards the half in which the place lies.
        dx = 1 if across[i] >= _HALF else -1
        dy = 1 if down[i] >= _HALF else -1
        wx, wy = abs(across[i] - _HALF), abs(down[i] - _HALF)
        out[4, at] += (PARTS - wx) * (PARTS - wy)
        out[4 + dx, at] += wx * (PARTS - wy)
        out[4 + 3 * dy, at] += (PARTS - wx) * wy
        out[4 + 3 * dy + dx, at] += wx * wy


def spread_bilinear(
    row: np.ndarray, column: np.ndarray, across: np.ndarray, down: np.ndarray, field: np.ndarray
) -> np.ndarray:
    """Interpolate a coarse field between the centres of its cells.

    Parameters
    ----------
    row, column : ndarray, (n,), int64
        Coarse cell of each fine one, -1 for none.
    across, down : ndarray, (n,), int64
        As for :func:`stencil_weights`.
    field : ndarray, (h + 2, w + 2), float64
        The field with a ring of one cell around it.

    Returns
    -------
    ndarray, (n,), float64
        NaN without a coarse cell.
    """
    out = np.full(row.size, np.nan)
    _spread(row, column, across, down, field, out)
    return out


@njit(nogil=True, cache=True)
def _spread(row, column, across, down, field, out):  # type: ignore[no-untyped-def]
    for i in range(row.size):
        if row[i] < 0:
            continue
        r, c = row[i] + 1, column[i] + 1
        dx = 1 if across[i] >= _HALF else -1
        dy = 1 if down[i] >= _HALF else -1
        wx = abs(across[i] - _HALF) / PARTS
        wy = abs(down[i] - _HALF) / PARTS
        near = (1 - wx) * field[r, c] + wx * field[r, c + dx]
        far = (1 - wx) * field[r + dy, c] + wx * field[r + dy, c + dx]
        out[i] = (1 - wy) * near + wy * far
