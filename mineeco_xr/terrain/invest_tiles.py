"""The tiles of InVEST's rasters, in whose order it visits cells."""

from __future__ import annotations

from operator import index

from mineeco_xr.errors import ParameterError

INVEST_TILE = 256
"""Side of the tiles in which pygeoprocessing writes and walks rasters."""


def checked_corner(corner: tuple[int, int], *, used: bool) -> tuple[int, int]:
    """Return the row and column of the cell at which InVEST's raster begins.

    Parameters
    ----------
    corner : tuple of int
        As given by the user; tiles go on in all directions from it.
    used : bool
        Whether the result depends on it.

    Raises
    ------
    ParameterError
        If it is not two whole numbers, or is given though it is not used.
    """
    try:
        row, column = (index(value) for value in corner)
    except (TypeError, ValueError):
        raise ParameterError(
            f"corner is {corner!r}: expected the row and column of a cell, such as (0, 0)."
        ) from None
    if (row or column) and not used:
        raise ParameterError(
            f"corner is {(row, column)}: only what follows the order of InVEST's tiles depends on "
            "it. Leave it out, or say convention='invest'."
        )
    return row, column
