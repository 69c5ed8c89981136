"""Area of cells, true to the ellipsoid on a geographic grid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from mineeco_xr.cube.grid import grid_coords

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox


def cell_area(grid: GeoBox) -> xr.DataArray:
    """Return the area of the cells of each row of a grid.

    On a projected grid this is the product of the cell sizes. On a geographic grid it is the
    exact area on the ellipsoid between two parallels and two meridians,
    ``a^2 (1 - e^2) dlon [q(lat2) - q(lat1)] / 2`` with
    ``q = sin / (1 - e^2 sin^2) + artanh(e sin) / e`` (Snyder 1987, eq. 3-12).

    Parameters
    ----------
    grid : odc.geo.geobox.GeoBox
        A grid without rotation.

    Returns
    -------
    xarray.DataArray
        Dims ``(y,)``, float64, m2: all cells of a row have one area.

    Examples
    --------
    >>> import mineeco_xr as mx
    >>> float(cell_area(mx.make_grid((0, 0, 60, 60), crs="EPSG:32650", resolution=30))[0])
    900.0
    """
    height = grid.shape[0]
    edges = grid.affine.f + grid.affine.e * np.arange(height + 1)
    if grid.crs is not None and grid.crs.geographic:
        areas = _ellipsoid_areas(np.radians(edges), np.radians(abs(grid.affine.a)), grid.crs.proj)
    else:
        factor = 1.0 if grid.crs is None else grid.crs.proj.axis_info[0].unit_conversion_factor
        areas = np.full(height, abs(grid.affine.a * grid.affine.e) * factor**2)
    attrs = {"units": "m2", "standard_name": "cell_area", "long_name": "area of a cell"}
    return xr.DataArray(areas, dims=("y",), coords={"y": grid_coords(grid)["y"]}, attrs=attrs)


def _ellipsoid_areas(latitudes: np.ndarray, width: float, crs: Any) -> np.ndarray:
    ellipsoid = crs.ellipsoid
    a, b = ellipsoid.semi_major_metre, ellipsoid.semi_minor_metre
    eccentricity2 = 1 - (b / a) ** 2
    sine = np.sin(latitudes)
    if eccentricity2 <= 0:
        q = 2 * sine
    else:
        e = np.sqrt(eccentricity2)
        q = (1 - eccentricity2) * (sine / (1 - eccentricity2 * sine**2) + np.arctanh(e * sine) / e)
    return np.abs(np.diff(q)) * a**2 * width / 2
