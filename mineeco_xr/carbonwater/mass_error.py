"""By how much a downscaled raster misses the means of the coarse one."""

from __future__ import annotations

import numpy as np
import xarray as xr

from mineeco_xr.carbonwater.aggregate import MIN_SHARE, aggregate_to
from mineeco_xr.carbonwater.training import coarse_layer
from mineeco_xr.cube.grid import geobox_of, layer_of
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.errors import SchemaError


def mass_error(
    downscaled: xr.Dataset,
    coarse: xr.DataArray | xr.Dataset,
    *,
    target: str | None = None,
    min_share: float = MIN_SHARE,
) -> xr.Dataset:
    """Compare the means of a downscaled raster with the coarse one, before and after the residual.

    Parameters
    ----------
    downscaled : xarray.Dataset
        From :func:`mineeco_xr.downscale`: the target and its ``residual``.
    coarse : xarray.DataArray or xarray.Dataset
        What it was made from.
    target : str, optional
        Variable of both; default that of the downscaling.
    min_share : float
        Share of a coarse cell that must be predicted for it to count.

    Returns
    -------
    xarray.Dataset
        Dim ``stage`` (``"before"``, ``"after"``) and ``time`` if there is one, float64: ``rms`` and
        ``largest`` (of aggregate less coarse, in units of the target), ``bias`` (their mean),
        ``relative`` (``rms`` over the mean of the coarse values, 1) and ``n`` (coarse cells). Lazy
        when the raster is.

    Raises
    ------
    SchemaError
        If the target or ``residual`` is missing.

    Notes
    -----
    Crosses chunks as :func:`mineeco_xr.aggregate_to`: bit-identical.

    Examples
    --------
    >>> import mineeco_xr as mx
    >>> grid = mx.make_grid((0, 0, 240, 120), crs="EPSG:32650", resolution=30)
    >>> wide = mx.make_grid((0, 0, 240, 120), crs="EPSG:32650", resolution=120)
    >>> fine = xr.Dataset({"npp": mx.cube.full(grid, 5.0), "residual": mx.cube.full(grid, 2.0)})
    >>> coarse = mx.cube.full(wide, 5.0, name="npp").assign_attrs(units="gC m-2 yr-1")
    >>> mass_error(fine, coarse)["rms"].values
    array([2., 0.])
    """
    name = (
        target
        or downscaled.attrs.get("target")
        or (coarse.name if isinstance(coarse, xr.DataArray) else None)
    )
    lacking = [part for part in (name, "residual") if part not in downscaled]
    if lacking:
        raise SchemaError(
            f"the downscaled cube lacks {lacking}; it has {sorted(map(str, downscaled))}. Pass the "
            "result of downscale, and name its target with target='...'."
        )
    after, residual = layer_of(downscaled, str(name)), layer_of(downscaled, "residual")
    wanted = str(name) if isinstance(coarse, xr.Dataset) else None
    source = coarse_layer(coarse, wanted, geobox_of(after))
    stages = {"before": after.astype("float64") - residual, "after": after}
    tables = []
    for fine in stages.values():
        mean = aggregate_to(fine.rename(str(name)), source.grid, min_share=min_share)
        expected = source.values.drop_vars("spatial_ref", errors="ignore")
        expected = expected.sel(y=mean["y"], x=mean["x"], method="nearest")
        expected = expected.assign_coords(y=mean["y"], x=mean["x"]).astype("float64")
        tables.append(_measured(mean.drop_vars("spatial_ref"), expected))
    result = xr.concat(tables, xr.DataArray(list(stages), dims="stage", name="stage"))
    texts = {
        "rms": (source.units, "root mean square of aggregate less coarse"),
        "largest": (source.units, "largest difference of aggregate and coarse"),
        "bias": (source.units, "mean of aggregate less coarse"),
        "relative": ("1", "rms over the mean of the coarse values"),
        "n": ("1", "coarse cells"),
    }
    for measure, (units, text) in texts.items():
        result[measure].attrs = {"units": units, "long_name": text}
    return finalize(
        result,
        function="mass_error",
        parameters={"target": str(name), "min_share": min_share},
        inputs={str(name): after, "residual": residual, "coarse": source.values},
    )


def _measured(mean: xr.DataArray, expected: xr.DataArray) -> xr.Dataset:
    error = mean - expected
    over = ("y", "x")
    rms = np.sqrt((error**2).mean(over))
    return xr.Dataset(
        {
            "rms": rms,
            "largest": abs(error).max(over),
            "bias": error.mean(over),
            "relative": rms / expected.where(error.notnull()).mean(over),
            "n": error.notnull().sum(over).astype("float64"),
        }
    )
