"""What is known of a scene or of each of its dates: reduced first, then used cell by cell."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks import Reduced, reduce_blocks
from mineeco_xr.cube.grid import geobox_of
from mineeco_xr.cube.nodata import as_float
from mineeco_xr.errors import SchemaError


def scene_of(data: xr.DataArray, by: str | None) -> xr.DataArray:
    """Return a raster as floats on a checked grid, ``by`` first and ``(y, x)`` last.

    Raises
    ------
    SchemaError
        If ``by`` is no dim of the raster, or a spatial one.
    """
    geobox_of(data)
    if by is not None and (by not in data.dims or by in ("y", "x")):
        raise SchemaError(
            f"{data.name or 'the raster'!r} has dims {data.dims}: by={by!r} must name one of them "
            "other than 'y' and 'x'."
        )
    first = () if by is None else (by,)
    rest = [dim for dim in data.dims if dim not in (*first, "y", "x")]
    return as_float(data).transpose(*first, *rest, "y", "x")


def groups_of(block: np.ndarray, grouped: bool) -> np.ndarray:
    """Return a block with a row for each group: one for all cells, or one for each first index."""
    return block.reshape(block.shape[0] if grouped else 1, -1)


def small_array(
    reduced: Reduced,
    pick: Callable[[Any], np.ndarray],
    data: xr.DataArray,
    by: str | None,
    *,
    dim: str | None = None,
    size: int = 1,
    dtype: Any = "float64",
) -> xr.DataArray:
    """Return what a reduction found as an array, lazy when the raster is.

    Parameters
    ----------
    reduced : Reduced
        Not computed yet.
    pick : callable
        Plain function from the object to an array ``(groups, size)``, without ``dim``
        ``(groups,)``.
    data : xarray.DataArray
        The raster that was reduced, as :func:`scene_of` gives it.
    by : str, optional
        Dim of the groups.
    dim : str, optional
        Dim of what was found for each group.
    size : int
        Of ``dim``.
    dtype : dtype
        Of the result.

    Returns
    -------
    xarray.DataArray
        Dims ``(dim, by)``, less those that are not given.
    """
    groups = 1 if by is None else data.sizes[by]
    shape = (groups,) if dim is None else (groups, size)
    lazy = reduced.to_array(pick, shape, dtype)
    found = xr.DataArray(lazy, dims=("group",) if dim is None else ("group", dim))
    if by is None:
        found = found.isel(group=0)
    else:
        found = found.rename(group=by)
        if by in data.coords:
            found = found.assign_coords({by: data[by]})
    found = found.transpose(*(() if dim is None else (dim,)), ...)
    return found if data.chunks is not None else found.compute()


def moments_of(data: xr.DataArray, by: str | None) -> Reduced:
    """Reduce a raster to a table of :data:`mineeco_xr.kernels.moments.FIELDS`, one row a group."""
    return reduce_blocks(
        _partial_moments, _merge_moments, data, parameters={"grouped": by is not None}
    )


def _partial_moments(block: np.ndarray, *, shared: None, grouped: bool) -> np.ndarray:
    from mineeco_xr.kernels.moments import moments

    return moments(groups_of(block, grouped))


def _merge_moments(parts: list[np.ndarray]) -> np.ndarray:
    from mineeco_xr.kernels.moments import merge_moments

    merged = parts[0]
    for part in parts[1:]:
        merged = merge_moments(merged, part)
    return merged


def extremes(moments: np.ndarray) -> np.ndarray:
    """Return the least and the largest value of each group, NaN without any."""
    from mineeco_xr.kernels.moments import HIGH, LOW

    ends = moments[:, [LOW, HIGH]]
    return np.where(np.isfinite(ends), ends, np.nan)


def location_and_spread(moments: np.ndarray) -> np.ndarray:
    """Return count, mean, standard deviation (as of a population) and rest of the mean of groups.

    The sums carry twice the digits of a float, and are combined as fractions: what is lost where
    the spread is small against the mean is about 1e-30 of the square of their ratio. The rest is
    what rounding took from the mean, to some 80 bits of it, above where the order of adding shows.
    """
    from mineeco_xr.kernels.moments import COUNT, HIGH, LOW, SQUARE, SQUARE_ERROR, SUM, SUM_ERROR

    out = np.full((moments.shape[0], 4), np.nan)
    for row, fields in zip(out, moments, strict=True):
        count = int(fields[COUNT])
        row[0] = count
        if count == 0:
            continue
        if fields[LOW] == fields[HIGH]:  # equal values have no spread, whatever rounding says
            row[1:] = fields[LOW], 0.0, 0.0
            continue
        mean = (Fraction(fields[SUM]) + Fraction(fields[SUM_ERROR])) / count
        square = (Fraction(fields[SQUARE]) + Fraction(fields[SQUARE_ERROR])) / count
        row[1], row[2] = float(mean), float(max(Fraction(0), square - mean * mean)) ** 0.5
        step = Fraction(float(np.spacing(max(abs(row[1]), abs(row[2]))))) / 2**30
        row[3] = float(round((mean - Fraction(row[1])) / step) * step)
    return out
