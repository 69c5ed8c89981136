"""Sources and targets of a cost distance, as a raster of numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from mineeco_xr.chunks import pointwise
from mineeco_xr.cube.grid import require_same_grid
from mineeco_xr.cube.nodata import code_in, fill_value_of
from mineeco_xr.cube.vectors import burn
from mineeco_xr.errors import ParameterError

if TYPE_CHECKING:
    import geopandas as gpd

LARGEST_NUMBER = 2**31 - 2


def numbered(
    features: gpd.GeoDataFrame | xr.DataArray, like: xr.DataArray, role: str = "sources"
) -> xr.DataArray:
    """Return features as a raster of their numbers, int32, with 0 for none.

    Parameters
    ----------
    features : geopandas.GeoDataFrame or xarray.DataArray
        Rows are numbered from 1; a raster of integers or bool must lie on the grid.
    like : xarray.DataArray
        Dims ``(y, x)``; gives the grid.
    role : str
        What the features are, for messages.

    Returns
    -------
    xarray.DataArray
        Dims ``(y, x)``; lazy when the raster or ``like`` is.

    Raises
    ------
    GridMismatch
        If the raster lies on another grid.
    ParameterError
        If there is no feature or the raster's dims differ; if its values are fractions, when it
        is computed.
    """
    if not isinstance(features, xr.DataArray):
        if len(features) == 0:
            raise ParameterError(f"{role} has no feature: give at least one.")
        chunks = None if like.chunks is None else 2048
        return burn(features, like, chunks=chunks, name=role).drop_attrs()
    names = str(like.name or "raster"), str(features.name or role)
    require_same_grid(dict(zip(names, (like, features), strict=False)))
    if features.dims != like.dims:
        raise ParameterError(f"{role} has dims {features.dims}: give {like.dims}.")
    fill = fill_value_of(features)
    parameters = {"fill": fill, "role": role}
    result = pointwise(_number_block, features, dtype="int32", parameters=parameters)
    return result.rename(features.name)


def _number_block(block: np.ndarray, *, fill: float | None, role: str) -> np.ndarray:
    code = None if fill is None else code_in(fill, block.dtype)
    none = np.zeros(block.shape, dtype=bool) if code is None else block == code
    if block.dtype.kind == "f":
        none |= np.isnan(block)
        if np.any((block != np.floor(block)) & ~none):
            raise ParameterError(f"{role} holds fractions: number them 1, 2, 3 ...")
    values = np.where(none, 0, block)
    if values.size and not 0 <= values.min() <= values.max() <= LARGEST_NUMBER:
        raise ParameterError(
            f"{role} are numbered {values.min()} to {values.max()}: number them from 1 to "
            f"{LARGEST_NUMBER}."
        )
    return values.astype("int32")


def require_all(
    features: gpd.GeoDataFrame | xr.DataArray, found: np.ndarray, role: str = "sources"
) -> None:
    """Check that every feature of a table has a cell of its own on the grid.

    Raises
    ------
    ParameterError
        Naming those that have none.
    """
    if isinstance(features, xr.DataArray):
        return
    missing = np.setdiff1d(np.arange(1, len(features) + 1), found)
    if missing.size:
        raise ParameterError(
            f"{role} {missing[:5].tolist()} (rows counted from 1) have no cell: they are smaller "
            "than a cell, off the grid or under a later one. Buffer them, or leave them out."
        )
