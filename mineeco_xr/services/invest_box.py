"""The box that InVEST cuts rasters to, which decides where its tiles begin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import xarray as xr

from mineeco_xr.cube.grid import geobox_of
from mineeco_xr.services.watersheds import read_watersheds

if TYPE_CHECKING:
    import geopandas as gpd

EDGE_POINTS = 11
"""To which pygeoprocessing divides the edges of a box before it projects them."""
SAME = 1e-8
"""Metres by which it takes a box for a whole number of cells."""


def invest_corner(watersheds: gpd.GeoDataFrame | str, like: xr.DataArray) -> tuple[int, int]:
    """Return the row and column of the cell at which InVEST's rasters begin.

    Parameters
    ----------
    watersheds : geopandas.GeoDataFrame or str
        Polygons, or a file of them.
    like : xarray.DataArray
        Any raster on the grid of the elevations, north up.

    Returns
    -------
    tuple of int
        For ``corner=`` of :func:`.flow_direction` and :func:`.streams`.

    Raises
    ------
    SchemaError
        If there are no polygons.
    GridMismatch
        If they have no reference system.

    Notes
    -----
    The box around the polygons, cut off at the grid, is widened to whole cells: first to the west
    and the south, then to the north and the east (``align_and_resize_raster_stack``).

    Examples
    --------
    >>> import geopandas as gpd, numpy as np, shapely
    >>> from mineeco_xr.testing import with_grid
    >>> dem = with_grid(np.zeros((40, 50)), resolution=30, origin=(0, 1200))
    >>> frame = gpd.GeoDataFrame(geometry=[shapely.box(95, 305, 640, 1000)], crs="EPSG:32650")
    >>> invest_corner(frame, dem)
    (6, 3)
    """
    grid = geobox_of(like)
    frame = read_watersheds(watersheds)
    bounds = tuple(frame.total_bounds)
    if frame.crs != grid.crs:
        from pyproj import Transformer

        transformer = Transformer.from_crs(frame.crs, grid.crs, always_xy=True)
        bounds = transformer.transform_bounds(*bounds, densify_pts=EDGE_POINTS)
    whole = grid.extent.boundingbox
    width, height = abs(grid.affine.a), abs(grid.affine.e)
    column = int((max(bounds[0], whole.left) - whole.left) / width)
    below = int((max(bounds[1], whole.bottom) - whole.bottom) / height)
    reach = max(min(bounds[3], whole.top) - (whole.bottom + below * height), 0.0)
    rows = int(reach / height)
    if reach - rows * height > SAME:
        rows += 1
    return grid.shape[0] - below - rows, column
