"""How freely threats may act: a raster, or InVEST's polygons of protection."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from mineeco_xr.chunks import Reduced, pointwise
from mineeco_xr.chunks.reread import reread
from mineeco_xr.cube.grid import require_same_grid
from mineeco_xr.cube.nodata import as_float
from mineeco_xr.cube.vectors import burn, read_vectors
from mineeco_xr.errors import ParameterError, SchemaError
from mineeco_xr.services.ranges import require_range
from mineeco_xr.services.threats import chunk_sides

if TYPE_CHECKING:
    import geopandas as gpd

COLUMN = "access"


def access_layer(access: Any, lulc: xr.DataArray) -> tuple[xr.DataArray, Reduced | None]:
    """Return how freely threats may act on each cell, and the check of that.

    Parameters
    ----------
    access : xarray.DataArray, geopandas.GeoDataFrame, str or Path
        A raster from 0 (fully protected) to 1; or polygons, of which a column ``access`` of any
        case holds it, and later ones lie on top.
    lulc : xarray.DataArray
        On the grid.

    Returns
    -------
    tuple of DataArray and Reduced
        float32 or float64, NaN where nothing is said, which means 1; no check where it was made.

    Raises
    ------
    SchemaError
        If polygons have no such column.
    ParameterError
        If it is something else, or the access of a polygon is out of its range; a raster's when
        computed.
    GridMismatch
        If a raster is on another grid.
    """
    if isinstance(access, xr.DataArray):
        require_same_grid({str(lulc.name or "land use"): lulc, "access": access})
        remedy = "Give the share of a threat that acts, or declare its nodata with _FillValue."
        check = require_range(access, 0.0, 1.0, name="access", remedy=remedy)
        return reread(as_float(access), "access"), check
    if isinstance(access, str | Path):
        access = read_vectors(access)
    if not hasattr(access, "columns") or not hasattr(access, "geometry"):
        raise ParameterError(
            f"access is {type(access).__name__}; expected a raster, or polygons with a column "
            f"{COLUMN!r}: a GeoDataFrame or the path of a file of them."
        )
    return _burned(access, lulc), None


def _burned(polygons: gpd.GeoDataFrame, lulc: xr.DataArray) -> xr.DataArray:
    columns = [name for name in polygons.columns if str(name).strip().lower() == COLUMN]
    if len(columns) != 1:
        raise SchemaError(
            f"the access polygons have {len(columns)} columns named {COLUMN!r}; they have "
            f"{sorted(map(str, polygons.columns))}. Give one, from 0 (protected) to 1."
        )
    values = pd.to_numeric(polygons[columns[0]], errors="coerce").to_numpy("float64")
    bad = (values < 0) | (values > 1)
    if bad.any():
        raise ParameterError(
            f"{COLUMN} of {int(bad.sum())} polygons is out of range, such as {values[bad][0]:g}; "
            "expected 0 (protected) to 1. Correct it."
        )
    numbers = burn(polygons, lulc, chunks=chunk_sides(lulc))
    # By number of polygon, from 1; where there is none, or it says nothing, threats act freely.
    table = np.concatenate([[1.0], np.nan_to_num(values, nan=1.0)]).astype("float32")
    return pointwise(_look_up, numbers, dtype="float32", parameters={"table": table})


def _look_up(numbers: np.ndarray, *, table: np.ndarray) -> np.ndarray:
    return table[numbers]
