"""Clouds: discs scattered by a hash, the gaps of the satellite layers."""

from __future__ import annotations

import numpy as np

from mineeco_xr.kernels.hash import stream_key, uniform_cells

SQUARE = 48
"""Side of the squares in which cloud discs are scattered, cells."""
RADII = (0.15, 0.45)
"""Smallest and largest radius, in squares."""


def cloudy(year: int, rows: slice, columns: slice, *, seed: int, share: float) -> np.ndarray:
    """Return which cells of a window are under clouds in a year.

    In each square of the whole grid there may be some discs, each with a probability such that
    a cell is covered with probability ``share``: with n discs a square of mean area A in
    squares, ``1 - exp(-p n A) = share``.

    Parameters
    ----------
    year : int
        Every year has its own clouds.
    rows, columns : slice
        Window in cells of the whole grid.
    seed : int
        The user's seed.
    share : float
        Of cells covered, from 0 to below 1, in the mean over many cells.

    Returns
    -------
    numpy.ndarray
        bool.
    """
    hidden = np.zeros((rows.stop - rows.start, columns.stop - columns.start), dtype=bool)
    if share <= 0:
        return hidden
    small, large = RADII
    mean_area = np.pi * (small**2 + small * large + large**2) / 3
    needed = -np.log1p(-share) / mean_area
    discs = int(np.ceil(needed))
    # A disc reaches at most one square away from its own.
    square_rows = slice(rows.start // SQUARE - 1, (rows.stop - 1) // SQUARE + 2)
    square_columns = slice(columns.start // SQUARE - 1, (columns.stop - 1) // SQUARE + 2)
    for disc in range(discs):
        exists, dy, dx, size = (
            uniform_cells(stream_key(seed, "cloud", year, disc, what), square_rows, square_columns)
            for what in ("exists", "row", "column", "size")
        )
        for row, column in zip(*np.nonzero(exists < needed / discs), strict=True):
            y = (square_rows.start + row + dy[row, column]) * SQUARE
            x = (square_columns.start + column + dx[row, column]) * SQUARE
            radius = (small + (large - small) * size[row, column]) * SQUARE
            _paint(hidden, rows, columns, y, x, radius)
    return hidden


def _paint(
    hidden: np.ndarray, rows: slice, columns: slice, y: float, x: float, radius: float
) -> None:
    top, bottom = _clip(y, radius, rows)
    left, right = _clip(x, radius, columns)
    if top >= bottom or left >= right:
        return
    dy = np.arange(top, bottom)[:, None] + 0.5 - y
    dx = np.arange(left, right)[None, :] + 0.5 - x
    part = hidden[
        top - rows.start : bottom - rows.start, left - columns.start : right - columns.start
    ]
    part |= dy**2 + dx**2 < radius**2


def _clip(centre: float, radius: float, window: slice) -> tuple[int, int]:
    first = max(window.start, int(np.floor(centre - radius)))
    return first, min(window.stop, int(np.ceil(centre + radius)) + 1)
