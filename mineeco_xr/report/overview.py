"""Thin a big raster to what a page can show, block by block and lazily."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import xarray as xr

from mineeco_xr.cube import geobox_of, grid_coords
from mineeco_xr.errors import ParameterError

MARGIN = 0.03
"""Share of a side that a cropped map keeps around its data."""


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
    valid: xr.DataArray = xr.apply_ufunc(np.isfinite, bare, dask="allowed")
    windows: dict[Any, int] = {"y": step, "x": step}
    total = bare.astype("float64").where(valid, 0).coarsen(windows, boundary="pad").sum()
    count = valid.astype("float32").coarsen(windows, boundary="pad").sum()
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
    """Move a grid by cells, and enlarge its cells; free of Affine's products, which warn."""
    from affine import Affine
    from odc.geo.geobox import GeoBox

    a, e = grid.affine.a, grid.affine.e
    affine = Affine(a * step, 0, grid.affine.c + a * right, 0, e * step, grid.affine.f + e * down)
    return GeoBox(shape, affine, grid.crs)


def _on_grid(data: xr.DataArray, grid: Any) -> xr.DataArray:
    """Replace the grid mapping, whose GeoTransform no longer describes the coordinates."""
    stale = [
        name for name, coordinate in data.coords.items()
        if {"crs_wkt", "spatial_ref"} & set(coordinate.attrs)
    ]  # fmt: skip
    return data.drop_vars(stale).assign_coords(spatial_ref=grid_coords(grid)["spatial_ref"])


def valid_view(data: xr.DataArray, thin: xr.DataArray, valid: np.ndarray) -> tuple[Any, np.ndarray]:
    """Return the part of a grid that holds valid cells, with a margin.

    Parameters
    ----------
    data : xarray.DataArray
        The full raster, north up.
    thin : xarray.DataArray
        Its overview.
    valid : numpy.ndarray
        Booleans, dims ``(y, x)`` of the overview.

    Returns
    -------
    grid : odc.geo.geobox.GeoBox
        A window of the grid of ``data``; all of it when no cell or nearly every row and column
        holds data.
    valid : numpy.ndarray
        What of the booleans lies in it.
    """
    grid = geobox_of(data)
    step = max(1, round(geobox_of(thin).affine.a / grid.affine.a))
    window = []
    for axis, dim in enumerate(("y", "x")):
        held = np.flatnonzero(valid.any(axis=1 - axis))
        count = valid.shape[axis]
        margin = max(1, round(MARGIN * count))
        first, last = (held[0] - margin, held[-1] + 1 + margin) if held.size else (0, count)
        first, last = max(int(first), 0), min(int(last), count)
        if last - first > 0.9 * count:
            first, last = 0, count
        window.append((first, last, first * step, min(last * step, data.sizes[dim])))
    (top, bottom, row, row_end), (left, right, column, column_end) = window
    view = _coarser(grid, (row_end - row, column_end - column), 1, column, row)
    return view, valid[top:bottom, left:right]


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
    a, c, e, f = grid.affine.a, grid.affine.c, grid.affine.e, grid.affine.f
    if "y" in turned:
        e, f = -e, f + e * rows
    if "x" in turned:
        a, c = -a, c + a * columns
    return GeoBox(grid.shape, Affine(a, 0, c, 0, e, f), grid.crs)


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
    mask = ~np.isfinite(values)
    fill = data.attrs.get("_FillValue", data.encoding.get("_FillValue"))
    if fill is not None and np.isfinite(fill):
        mask = mask | (values == fill)
    return np.ma.masked_array(values, mask=mask)
