"""The cells on the border of a block, in one order: top, bottom, left and right side."""

from __future__ import annotations

import numpy as np


def perimeter_cells(shape: tuple[int, int]) -> np.ndarray:
    """Return the border cells of a block, each once.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns, at least 1 each.

    Returns
    -------
    ndarray, (p,), int64
        Row-major positions in the block.

    Examples
    --------
    >>> perimeter_cells((3, 3))
    array([0, 1, 2, 6, 7, 8, 3, 5])
    """
    rows, columns = shape
    across = np.arange(columns, dtype=np.int64)
    sides = [across]
    if rows > 1:
        sides.append(across + (rows - 1) * columns)
    inner = np.arange(1, rows - 1, dtype=np.int64) * columns
    sides.append(inner)
    if columns > 1:
        sides.append(inner + columns - 1)
    return np.concatenate(sides)


def perimeter_position(
    row: np.ndarray, column: np.ndarray, rows: np.ndarray, columns: np.ndarray
) -> np.ndarray:
    """Return where border cells stand in :func:`perimeter_cells`.

    Parameters
    ----------
    row, column : ndarray of int
        Border cells, counted in their block.
    rows, columns : ndarray of int
        Shape of the block of each.

    Returns
    -------
    ndarray of int
        Positions.

    Examples
    --------
    >>> perimeter_position(*np.array([[1, 2], [2, 0], [3, 3], [3, 3]]))
    array([7, 3])
    """
    side = 2 * columns + row - 1
    inner = np.where(column == 0, side, side + rows - 2)
    return np.where(row == 0, column, np.where(row == rows - 1, columns + column, inner))
