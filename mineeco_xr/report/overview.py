"""Thin a big raster to what a page can show, block by block and lazily."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import xarray as xr

from mineeco_xr.cube import geobox_of, grid_coords
from mineeco_xr.errors import ParameterError


def overview(data: xr.DataArray, most: int = 1200) -> xr.DataArray:
    """Thin a raster to at most ``most`` cells a side, for display.

    Continuous data become the mean of the valid cells of each block of ``n`` by ``n`` cells;
    classes (integer and boolean data, and data with ``flag_values``) keep the middle cell of
    each block, so that no value is invented.

    Parameters
    ----------
    data : xarray.DataArray
        Dims ``y``, ``x`` and any others, on a regular grid.
    most : int
        Largest number of rows and of columns of the result.

    Returns
    -------
    xarray.DataArray
        Lazy when ``data`` is; same dims, attributes and, except that float16 and float64 means
        keep their type, same dtype. The grid has cells ``n`` times as large. Means stand at the
        centres of whole blocks, the last of which may reach beyond the raster; class cells keep
        their own coordinates. ``data`` itself when it is small enough already.

    Raises
    ------
    ParameterError
        If ``most`` is below 1.
    GridMismatch
        If the raster has no grid.

    Notes
    -----
    Crosses chunk borders as a *reduce* within blocks of cells: no task holds more than a few
    chunks, and the result is small.

    Examples
    --------
    >>> import mineeco_xr as mx
    >>> grid = mx.make_grid((0, 0, 90, 60), crs="EPSG:32650", resolution=10)
    >>> overview(mx.cube.full(grid, 2.0), most=3).shape
    (2, 3)
    """
    if most < 1:
        raise ParameterError(f"most is {most}: give the number of cells a side, at least 1.")
    grid = geobox_of(data)
    step = math.ceil(max(grid.shape) / most)
    if step == 1:
        return data
    encoding = {key: data.encoding[key] for key in ("_FillValue",) if key in data.encoding}
    thin = _middle_cells(data, step) if is_discrete(data) else _block_means(data, step)
    thin.attrs = dict(data.attrs)
    thin.encoding = encoding
    return thin.rename(data.name)


def is_discrete(data: xr.DataArray) -> bool:
    """Tell whether values are classes, whose means would mean nothing.

    Parameters
    ----------
    data : xarray.DataArray
        Any raster.

    Returns
    -------
    bool
        True for integers, booleans and anything with ``attrs["flag_values"]``.
    """
    return "flag_values" in data.attrs or data.dtype.kind in "iub"


def _middle_cells(data: xr.DataArray, step: int) -> xr.DataArray:
    offsets = {dim: min(step - 1, data.sizes[dim] - 1) // 2 for dim in ("y", "x")}
    thin = data.isel({dim: slice(offset, None, step) for dim, offset in offsets.items()})
    # A thinned cell is centred on the one that stands for it.
    shift = {dim: offset + 0.5 - step / 2 for dim, offset in offsets.items()}
    shape = (thin.sizes["y"], thin.sizes["x"])
    return _on_grid(thin, _coarser(geobox_of(data), shape, step, shift["x"], shift["y"]))


def _block_means(data: xr.DataArray, step: int) -> xr.DataArray:
    grid = geobox_of(data)
    bare = data.drop_vars([name for name in data.coords if {"y", "x"} & set(data[name].dims)])
    if bare.chunks is not None:
        bare = bare.chunk({dim: _aligned(bare.chunksizes[dim], step) for dim in ("y", "x")})
    valid = np.isfinite(bare)
    windows: dict[Any, int] = {"y": step, "x": step}
    total = bare.where(valid, 0).coarsen(windows, boundary="pad").sum(dtype="float64")
    count = valid.astype("uint8").coarsen(windows, boundary="pad").sum(dtype="float64")
    mean = (total / count.where(count > 0)).astype(data.dtype).transpose(*data.dims)
    coarse = _coarser(grid, (mean.sizes["y"], mean.sizes["x"]), step)
    coords = grid_coords(coarse)
    mean = mean.assign_coords({d: (d, coords[d].values, data[d].attrs) for d in ("y", "x")})
    return _on_grid(mean, coarse)


def _aligned(chunks: tuple[int, ...], step: int) -> int:
    """Return a chunk near the present ones that holds whole blocks of cells."""
    return max(1, round(max(chunks) / step)) * step


def _coarser(
    grid: Any, shape: tuple[int, int], step: int, right: float = 0.0, down: float = 0.0
) -> Any:
    from affine import Affine
    from odc.geo.geobox import GeoBox

    affine = grid.affine * Affine.translation(right, down) * Affine.scale(step)
    return GeoBox(shape, affine, grid.crs)


def _on_grid(data: xr.DataArray, grid: Any) -> xr.DataArray:
    """Replace the grid mapping, whose GeoTransform no longer describes the coordinates."""
    stale = [
        name for name, coordinate in data.coords.items()
        if {"crs_wkt", "spatial_ref"} & set(coordinate.attrs)
    ]  # fmt: skip
    return data.drop_vars(stale).assign_coords(spatial_ref=grid_coords(grid)["spatial_ref"])


def bounds_of(data: xr.DataArray) -> tuple[float, float, float, float]:
    """Return the outer edges of a raster.

    Parameters
    ----------
    data : xarray.DataArray
        On a regular grid.

    Returns
    -------
    tuple of float
        Left, bottom, right, top in units of its reference system.
    """
    box = geobox_of(data).boundingbox
    return float(box.left), float(box.bottom), float(box.right), float(box.top)


def north_up(data: xr.DataArray) -> xr.DataArray:
    """Return the raster with y falling and x rising, as pictures and files want it.

    Parameters
    ----------
    data : xarray.DataArray
        Dims ``y`` and ``x``.

    Returns
    -------
    xarray.DataArray
        The same cells, lazily turned where needed.
    """
    turned: dict[str, Any] = {}
    if data.sizes["y"] > 1 and float(data["y"][0]) < float(data["y"][-1]):
        turned["y"] = slice(None, None, -1)
    if data.sizes["x"] > 1 and float(data["x"][0]) > float(data["x"][-1]):
        turned["x"] = slice(None, None, -1)
    if not turned:
        return data
    result = data.isel(turned)
    return _on_grid(result, _turned(geobox_of(data), turned))


def _turned(grid: Any, turned: dict[str, Any]) -> Any:
    from affine import Affine
    from odc.geo.geobox import GeoBox

    rows, columns = grid.shape
    affine = grid.affine
    if "y" in turned:
        affine = affine * Affine.translation(0, rows) * Affine.scale(1, -1)
    if "x" in turned:
        affine = affine * Affine.translation(columns, 0) * Affine.scale(-1, 1)
    return GeoBox(grid.shape, affine, grid.crs)


def valid_values(data: xr.DataArray) -> np.ma.MaskedArray:
    """Compute a raster and mask its nodata cells: NaN, infinities and ``_FillValue``.

    Parameters
    ----------
    data : xarray.DataArray
        Small enough for memory.

    Returns
    -------
    numpy.ma.MaskedArray
        Booleans as uint8.
    """
    values = np.asarray(data.values)
    if values.dtype.kind == "b":
        return np.ma.masked_array(values.astype("uint8"), mask=np.zeros(values.shape, bool))
    if values.dtype.kind == "f":
        mask = ~np.isfinite(values)
    else:
        mask = np.zeros(values.shape, dtype=bool)
    fill = data.attrs.get("_FillValue", data.encoding.get("_FillValue"))
    if fill is not None and np.isfinite(fill):
        mask = mask | (values == fill)
    return np.ma.masked_array(values, mask=mask)
