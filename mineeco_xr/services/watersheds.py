"""Watersheds: polygons with ids, their areas, and what rasters come to in each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from mineeco_xr.cube.units import unit_ratio
from mineeco_xr.cube.vectors import read_vectors
from mineeco_xr.errors import GridMismatch, SchemaError
from mineeco_xr.stats.zonal import statistic_attrs, zonal

if TYPE_CHECKING:
    import geopandas as gpd

WATERSHED = "ws_id"
"""InVEST's name of the column of ids."""

HECTARE = 1e4
"""m2."""


def read_watersheds(
    watersheds: gpd.GeoDataFrame | str | Path, name: str | None = None
) -> gpd.GeoDataFrame:
    """Return watersheds, or other polygons, with checked ids.

    Parameters
    ----------
    watersheds : geopandas.GeoDataFrame, str or Path
        Polygons, or a shapefile, GeoPackage or other vector file of them.
    name : str, optional
        Column of ids, such as InVEST's ``ws_id``; upper and lower case do not matter.

    Returns
    -------
    geopandas.GeoDataFrame
        A copy. Whole ids that the file holds as decimals become integers.

    Raises
    ------
    DataError
        If the file cannot be read.
    SchemaError
        If there is no polygon, something that is no polygon, or no such column; if an id is
        missing or stands twice; if these are no vectors at all.
    GridMismatch
        If the polygons have no reference system.

    Examples
    --------
    >>> import geopandas as gpd, shapely
    >>> frame = gpd.GeoDataFrame({"WS_ID": [3.0]}, geometry=[shapely.box(0, 0, 9, 9)],
    ...                          crs="EPSG:32650")
    >>> read_watersheds(frame, "ws_id")["ws_id"].tolist()
    [3]
    """
    import shapely

    if isinstance(watersheds, str | Path):
        frame, label = read_vectors(watersheds), str(watersheds)
    elif not hasattr(watersheds, "crs"):
        raise SchemaError(
            f"watersheds are {type(watersheds).__name__}; expected polygons as a GeoDataFrame, or "
            "the path of a file of them."
        )
    else:
        frame, label = watersheds.copy(), "watersheds"
    if frame.crs is None:
        raise GridMismatch(f"{label} have no reference system: set one with set_crs.")
    if not len(frame):
        raise SchemaError(f"{label} are empty: give at least one polygon.")
    flat = frame.geometry.notna() & (shapely.get_dimensions(frame.geometry.values) == 2)
    if not flat.all():
        rows = np.flatnonzero(~flat).tolist()
        raise SchemaError(f"{label} hold something other than polygons in rows {rows}: drop them.")
    return frame if name is None else _with_ids(frame, name, label)


def _with_ids(frame: gpd.GeoDataFrame, name: str, label: str) -> gpd.GeoDataFrame:
    found = [column for column in frame.columns if str(column).lower() == name.lower()]
    if not found:
        columns = sorted(str(column) for column in frame.columns if column != frame.geometry.name)
        raise SchemaError(
            f"{label} have no column {name!r}; there are {columns}. Name the one you mean with "
            "name=..."
        )
    frame = frame.rename(columns={name if name in found else found[0]: name})
    ids = frame[name]
    if ids.isna().any():
        rows = np.flatnonzero(ids.isna()).tolist()
        raise SchemaError(f"{label} lack an id in {name!r} in rows {rows}: fill it in.")
    if ids.duplicated().any():
        twice = sorted(ids[ids.duplicated()].unique().tolist())
        raise SchemaError(f"{label} have two polygons of {name} {twice}: dissolve or rename them.")
    if ids.dtype.kind == "f" and (ids == ids.round()).all():
        frame[name] = ids.astype("int64")
    return frame


def polygon_area(frame: gpd.GeoDataFrame) -> np.ndarray:
    """Return the areas of polygons in m2, in the plane of their own reference system.

    Parameters
    ----------
    frame : geopandas.GeoDataFrame
        Polygons; those in degrees are measured on the ellipsoid.

    Returns
    -------
    ndarray of float64

    Examples
    --------
    >>> import geopandas as gpd, shapely
    >>> field = gpd.GeoDataFrame(geometry=[shapely.box(0, 0, 30, 20)], crs="EPSG:32650")
    >>> polygon_area(field)
    array([600.])
    """
    if frame.crs.is_geographic:
        geod = frame.crs.get_geod()
        found = [abs(geod.geometry_area_perimeter(shape)[0]) for shape in frame.geometry]
        return np.array(found, dtype="float64")
    metres = frame.crs.axis_info[0].unit_conversion_factor
    return np.asarray(frame.geometry.area, dtype="float64") * metres**2


def zone_tables(
    layers: Mapping[str, xr.DataArray],
    zones: gpd.GeoDataFrame | xr.DataArray,
    stats: Sequence[str],
    *,
    name: str | None = None,
) -> dict[str, xr.Dataset]:
    """Return what :func:`mineeco_xr.zonal` says of each of several rasters.

    Rasters alike and without dates are summarised together, so that the zones are burned, and the
    cells of each found, once.

    Parameters
    ----------
    layers : mapping of str to DataArray
        On one grid.
    zones : geopandas.GeoDataFrame or xarray.DataArray
        As for :func:`mineeco_xr.zonal`.
    stats : sequence of str
        As for :func:`mineeco_xr.zonal`.
    name : str, optional
        Column that names the zones.

    Returns
    -------
    dict of str to Dataset
        By the name of the layer.
    """
    alike = len({layer.dtype for layer in layers.values()}) == 1
    if not alike or any(set(layer.dims) != {"y", "x"} for layer in layers.values()):
        return {key: zonal(layer, zones, stats, name=name) for key, layer in layers.items()}
    stack = xr.concat(
        [layer.transpose("y", "x").reset_coords(drop=True) for layer in layers.values()],
        pd.Index(list(layers), name="layer"),
        join="override",
        coords="minimal",
        compat="override",
        combine_attrs="override",
    )
    spatial_ref = next(iter(layers.values())).coords.get("spatial_ref")
    table = zonal(stack.assign_coords(spatial_ref=spatial_ref), zones, stats, name=name)
    found = {}
    for key, layer in layers.items():
        own = table.sel(layer=key, drop=True)
        for stat in stats:
            own[stat].attrs = {**own[stat].attrs, **statistic_attrs(stat, layer)}
        found[key] = own
    return found


def zone_totals(
    layers: Mapping[str, xr.DataArray],
    zones: gpd.GeoDataFrame | xr.DataArray,
    *,
    name: str | None = None,
) -> xr.Dataset:
    """Return what each of several rasters, given per hectare, comes to in each zone.

    Parameters
    ----------
    layers : mapping of str to DataArray
        On one grid, with ``units`` per hectare such as t ha-1 yr-1.
    zones : geopandas.GeoDataFrame or xarray.DataArray
        As for :func:`mineeco_xr.zonal`.
    name : str, optional
        Column that names the zones.

    Returns
    -------
    xarray.Dataset
        Dims ``(zone,)`` or ``(zone, time)``; units of the layers less the hectare. Sums over the
        valid cells of the value times the cell's true area; NaN in a zone without any. Lazy when
        a layer is.

    Raises
    ------
    GridMismatch
        If a zone lies outside the grid.
    """
    found: dict[str, Any] = {}
    tables = zone_tables(layers, zones, ["mean", "valid_share", "area"], name=name)
    for key, layer in layers.items():
        table = tables[key]
        total = table["mean"] * (table["valid_share"] * table["area"] / HECTARE)
        units = unit_ratio(layer.attrs.get("units", "ha-1"), "ha-1")
        long_name = f"total {layer.attrs.get('long_name', key)}"
        found[key] = total.assign_attrs(units=units, long_name=long_name)
    return xr.Dataset(found)
