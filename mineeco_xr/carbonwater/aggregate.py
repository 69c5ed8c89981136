"""Rasters averaged over the cells of a coarse grid, without putting the coarse grid onto theirs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from mineeco_xr.carbonwater.cell_sums import CellSums, sum_over_cells, whole_window
from mineeco_xr.carbonwater.coarse_grid import covering_window, date_batches, share_of_cells
from mineeco_xr.cube.grid import geobox_of, grid_coords
from mineeco_xr.cube.nodata import as_float
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.cube.units import parse_units, units_of
from mineeco_xr.errors import ParameterError, SchemaError, UnitError

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

RULES = ("mean", "temperature", "std", "share")
POWERS = {"mean": 1, "temperature": 4, "std": 1, "share": 1}
MIN_SHARE = 0.5


def aggregate_to(
    data: xr.DataArray,
    like: GeoBox | xr.DataArray | xr.Dataset,
    *,
    how: str = "mean",
    min_share: float = MIN_SHARE,
) -> xr.DataArray:
    """Average a fine raster over the cells of a coarse grid in any reference system.

    Parameters
    ----------
    data : xarray.DataArray
        Dims ``(y, x)`` or ``(time, y, x)``; NaN, infinities and the ``_FillValue`` of integers are
        nodata.
    like : GeoBox, DataArray or Dataset
        The coarse grid, such as MODIS' sinusoidal one. Its cells need not be a whole number of
        fine ones wide.
    how : {"mean", "temperature", "std", "share"}
        The mean weighted by area; the mean as of radiation, ``mean(T^4)^(1/4)``, for temperatures
        in K; the standard deviation as of a population; or the share of the coarse cell that valid
        fine cells cover.
    min_share : float
        A coarse cell of which less is covered is nodata. 0 asks for one valid cell.

    Returns
    -------
    xarray.DataArray
        Float64 on the part of the coarse grid that the fine one touches. Lazy when ``data`` is.

    Raises
    ------
    GridMismatch
        If the grids do not meet, or ``like`` is the finer one.
    ParameterError
        If ``how`` is unknown or ``min_share`` is no share.
    UnitError
        If ``how="temperature"`` and the unit is not K.
    SchemaError
        If ``data`` has other dims.

    Notes
    -----
    A fine cell belongs to the coarse cell that holds its centre. :func:`mineeco_xr.warp` with
    ``resampling="average"`` cuts fine cells at the border instead; with 15 of them across a coarse
    cell the two differ by some 2 % of the standard deviation inside it, and this one costs a
    fraction. Crosses chunks by a reduction of exact sums: bit-identical for any chunking, while the
    values of a coarse cell lie within 17 decades (float32) or 8 (float64), else equal to 1e-15.
    Memory: a block, and the coarse raster.

    Examples
    --------
    >>> import mineeco_xr as mx
    >>> fine = mx.make_grid((0, 0, 120, 60), crs="EPSG:32650", resolution=30)
    >>> coarse = mx.make_grid((0, 0, 120, 60), crs="EPSG:32650", resolution=60)
    >>> aggregate_to(mx.cube.full(fine, 2.0), coarse).values
    array([[2., 2.]])
    """
    if how not in RULES:
        raise ParameterError(f"how is {how!r}: choose one of {RULES}.")
    require_share(min_share)
    label = str(data.name or "the raster")
    require_dates(data, label)
    if how == "temperature":
        require_kelvin(data, label)
    fine = geobox_of(data)
    given = geobox_of(like) if isinstance(like, xr.DataArray | xr.Dataset) else like
    coarse = given[covering_window(fine, given, "like")]
    result = _aggregated(as_float(data), fine, coarse, how, min_share)
    units = "1" if how == "share" else str(data.attrs.get("units", "1"))
    words = {"mean": "mean", "temperature": "radiative mean", "std": "standard deviation"}
    text = f"{words.get(how, 'covered share')} of {data.attrs.get('long_name', label)}"
    return finalize(
        result,
        function="aggregate_to",
        parameters={"like": f"{tuple(coarse.shape)} {coarse.crs}", "how": how,
                    "min_share": min_share},
        inputs={label: data},
        attrs={"units": units, "long_name": text},
        name=None if data.name is None else str(data.name),
    )  # fmt: skip


def require_share(min_share: float) -> None:
    """Refuse what is no share."""
    if not 0 <= min_share <= 1:
        raise ParameterError(f"min_share is {min_share}: give a share from 0 to 1.")


def require_dates(data: xr.DataArray, label: str) -> None:
    """Refuse dims beside time, y and x."""
    extra = [dim for dim in data.dims if dim not in ("time", "y", "x")]
    if extra:
        raise SchemaError(f"{label!r} has dims {data.dims}: select one of {extra} first.")


def require_kelvin(data: xr.DataArray, label: str) -> None:
    """Refuse to take the fourth power of what is not in K."""
    found = units_of(data, expected="K", name=label)
    if parse_units(found) != {"K": 1}:
        raise UnitError(
            f"{label!r} is in {found!r}: a mean of fourth powers needs K. Add 273.15 to degC, or "
            "average with 'mean'."
        )


def _aggregated(
    data: xr.DataArray, fine: GeoBox, coarse: GeoBox, how: str, min_share: float
) -> xr.DataArray:
    dated = "time" in data.dims
    finish = partial(_finish, fine=fine, coarse=coarse, how=how, min_share=min_share)
    squares = how == "std"
    cells = coarse.shape[0] * coarse.shape[1]
    parts = []
    for dates in date_batches(data.sizes.get("time", 1), cells, 12 if squares else 5):
        chosen = data.isel(time=dates) if dated else data
        reduced = sum_over_cells(
            [chosen], fine, coarse, powers=[POWERS[how]], squares=squares, finish=finish
        )
        shape = (chosen.sizes.get("time", 1), *coarse.shape)
        values = reduced.to_array(_same, shape, "float64")
        parts.append(xr.DataArray(values, dims=("time", "y", "x")))
    joined = xr.concat(parts, "time") if len(parts) > 1 else parts[0]
    joined = joined.assign_coords(grid_coords(coarse))
    joined = joined.assign_coords(time=data["time"]) if dated else joined.isel(time=0)
    return joined if data.chunks is not None else joined.compute()


def _finish(
    sums: CellSums, _: None, *, fine: GeoBox, coarse: GeoBox, how: str, min_share: float
) -> np.ndarray:
    whole = whole_window(sums, coarse)
    share = share_of_cells(whole.number, whole.total, fine, coarse)
    seen = (whole.number > 0) & (share >= min_share)
    if how == "share":
        return np.minimum(share, 1.0)
    found = np.sqrt(np.sqrt(whole.mean())) if how == "temperature" else whole.mean()
    if how == "std":
        found = np.sqrt(np.maximum(0.0, whole.mean(2) - whole.mean(1) ** 2))
    return np.where(seen, found, np.nan)


def _same(values: np.ndarray) -> np.ndarray:
    return values
