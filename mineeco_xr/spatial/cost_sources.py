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
    if features.dtype == np.int32 and fill in (None, 0):
        return features
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
    return np.where(none, 0, block).astype("int32")
