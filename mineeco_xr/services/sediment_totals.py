"""What soil loss, export and retention come to in each watershed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import xarray as xr

from mineeco_xr.cube.provenance import finalize
from mineeco_xr.errors import SchemaError
from mineeco_xr.services.watersheds import WATERSHED, read_watersheds, zone_totals

if TYPE_CHECKING:
    import geopandas as gpd

SUMMED = (
    "rkls",
    "usle",
    "sediment_export",
    "sediment_deposition",
    "avoided_erosion",
    "avoided_export",
)


def sediment_totals(
    sediment: xr.Dataset, watersheds: gpd.GeoDataFrame | str | Path, *, name: str = WATERSHED
) -> xr.Dataset:
    """Sum soil loss, export, deposition and what avoids them over watersheds.

    Parameters
    ----------
    sediment : xarray.Dataset
        From :func:`sediment`, or the written cube of it: whichever of ``rkls``, ``usle``,
        ``sediment_export``, ``sediment_deposition``, ``avoided_erosion`` and ``avoided_export``
        it holds, t ha-1 yr-1.
    watersheds : geopandas.GeoDataFrame, str or Path
        Polygons, or a shapefile or GeoPackage of them.
    name : str
        Column of ids, InVEST's ``ws_id`` by default.

    Returns
    -------
    xarray.Dataset
        Dims ``(zone,)`` or ``(zone, time)``, t yr-1, lazy when the cube is. NaN in a watershed
        without a valid cell.

    Raises
    ------
    SchemaError
        If the cube holds none of them, or ids are missing or stand twice.
    GridMismatch
        If a watershed lies outside the grid.

    Notes
    -----
    Sums over cells whose centre a watershed holds, times the area of a cell, as InVEST. Crosses
    chunks by reduction, equal to 1e-12 for any chunking.

    Examples
    --------
    >>> import geopandas as gpd, numpy as np, shapely
    >>> from mineeco_xr.testing import with_grid
    >>> usle = with_grid(np.full((2, 4), 5.0), resolution=100, units="t ha-1 yr-1", name="usle")
    >>> basin = gpd.GeoDataFrame({"ws_id": [7]}, crs="EPSG:32650",
    ...                          geometry=[shapely.box(500_000, 4_799_800, 500_200, 4_800_000)])
    >>> sediment_totals(usle.to_dataset(), basin)["usle"].values
    array([20.])
    """
    found = {key: sediment[key] for key in SUMMED if key in sediment}
    if not found:
        raise SchemaError(
            f"the cube holds {sorted(map(str, sediment.data_vars))}; expected some of {SUMMED}, "
            "as mineeco_xr.sediment makes them."
        )
    return finalize(
        zone_totals(found, read_watersheds(watersheds, name), name=name),
        function="sediment_totals",
        parameters={"name": name},
        inputs=found,
    )
