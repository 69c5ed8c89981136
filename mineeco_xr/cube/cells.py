"""Height and width of the cells of a grid in metres."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mineeco_xr.cube.grid import require_metres

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox


def cell_size(grid: GeoBox, function: str) -> tuple[float, float]:
    """Return the height and the width of a grid's cells, m.

    Parameters
    ----------
    grid : odc.geo.geobox.GeoBox
        Projected, in metres, its rows along the x axis.
    function : str
        Name of the function that measures distances, for the message.

    Returns
    -------
    tuple of float
        Both positive, whichever way the axes run.

    Raises
    ------
    GridMismatch
        If the grid is geographic or its unit is not the metre.

    Examples
    --------
    >>> import mineeco_xr as mx
    >>> cell_size(mx.make_grid((0, 0, 90, 40), crs="EPSG:32650", resolution=(30, 20)), "distance")
    (20.0, 30.0)
    """
    require_metres(grid, function)
    return abs(float(grid.affine.e)), abs(float(grid.affine.a))
