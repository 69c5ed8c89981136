"""How freely threats may act: a raster, or InVEST's polygons of protection."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from mineeco_xr.chunks import Reduced
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


@dataclass(frozen=True)
class Access:
    """How freely threats may act.

    Attributes
    ----------
    layer : xarray.DataArray
        Shares, float32 or float64, NaN where nothing is said, which means 1; or numbers of the
        polygons, which weigh less.
    shares : ndarray of float32, optional
        By number of polygon, where the layer holds those.
    check : Reduced, optional
        Of the layer, unless it was made.
    """

    layer: xr.DataArray
    shares: np.ndarray | None = None
    check: Reduced | None = None


def access_layer(access: Any, lulc: xr.DataArray) -> Access:
    """Return how freely threats may act on each cell.

    Parameters
    ----------
    access : xarray.DataArray, geopandas.GeoDataFrame, str or Path
        A raster from 0 (fully protected) to 1; or polygons, of which a column ``access`` of any
        case holds it, and later ones lie on top.
    lulc : xarray.DataArray
        On the grid.

    Returns
    -------
    Access
        Lazy when ``lulc`` is.

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
        return Access(reread(as_float(access), "access"), check=check)
    if isinstance(access, str | Path):
        access = read_vectors(access)
    if not hasattr(access, "columns") or not hasattr(access, "geometry"):
        raise ParameterError(
            f"access is {type(access).__name__}; expected a raster, or polygons with a column "
            f"{COLUMN!r}: a GeoDataFrame or the path of a file of them."
        )
    return _burned(access, lulc)


def _burned(polygons: gpd.GeoDataFrame, lulc: xr.DataArray) -> Access:
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
    # By number of polygon, from 1; where there is none, or it says nothing, threats act freely.
    shares = np.concatenate([[1.0], np.nan_to_num(values, nan=1.0)]).astype("float32")
    small = np.min_scalar_type(shares.size)
    return Access(burn(polygons, lulc, chunks=chunk_sides(lulc), dtype=small), shares)
