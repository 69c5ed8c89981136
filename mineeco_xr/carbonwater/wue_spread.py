"""Spread of carbon and water carried into their ratio."""

from __future__ import annotations

import numpy as np
import xarray as xr

from mineeco_xr.carbonwater.wue import ET_MIN, UNITS, wue
from mineeco_xr.chunks import pointwise
from mineeco_xr.cube.grid import require_same_grid
from mineeco_xr.cube.nodata import as_float
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.cube.time import require_same_times
from mineeco_xr.cube.units import unit_factor, units_of
from mineeco_xr.errors import ParameterError


def wue_spread(
    npp: xr.DataArray,
    et: xr.DataArray,
    npp_spread: xr.DataArray,
    et_spread: xr.DataArray,
    *,
    correlation: float = 0.0,
    et_min: float = ET_MIN,
    npp_min: float = 0.0,
) -> xr.DataArray:
    """Return the standard deviation of water-use efficiency that those of its parts cause.

    Parameters
    ----------
    npp, et : xarray.DataArray
        As for :func:`mineeco_xr.wue`.
    npp_spread, et_spread : xarray.DataArray
        Their standard deviations, such as ``spread`` of :func:`mineeco_xr.downscale`, in units that
        convert to those of ``npp`` and ``et``, on the same grid and dates.
    correlation : float
        Of the errors of both, -1 to 1. Default 0; errors of one sign in both partly cancel, so that
        0 is cautious where they have it.
    et_min, npp_min : float
        As for :func:`mineeco_xr.wue`.

    Returns
    -------
    xarray.DataArray
        gC m-2 mm-1, float type of the layers; NaN where the efficiency, or a spread, is. Lazy when
        the layers are.

    Raises
    ------
    ParameterError
        If the correlation is none.
    UnitError, GridMismatch, SchemaError
        As for :func:`mineeco_xr.wue`; also for the spreads.

    Notes
    -----
    ``s = WUE sqrt(a^2 + b^2 - 2 rho a b)`` with ``a = s_NPP / NPP`` and ``b = s_ET / ET``, the
    first terms of a Taylor series: good while both are well below 1. It carries what the spreads
    say and no more: the trees of a forest agree more than the forest is right. Pointwise:
    bit-identical for any chunking.

    Examples
    --------
    >>> import numpy as np
    >>> from mineeco_xr.testing import with_grid
    >>> npp, et = with_grid(np.array([[400.0]]), units="gC m-2 yr-1"), with_grid(
    ...     np.array([[500.0]]), units="mm yr-1")
    >>> wue_spread(npp, et, npp * 0 + 40, et * 0 + 25).values.round(4)
    array([[0.0894]])
    """
    if not -1.0 <= correlation <= 1.0:
        raise ParameterError(f"correlation is {correlation}: give a number from -1 to 1.")
    ratio = wue(npp, et, et_min=et_min, npp_min=npp_min)
    named = {"npp": npp, "et": et, "npp_spread": npp_spread, "et_spread": et_spread}
    require_same_grid(named)
    require_same_times(named)
    layers = [ratio, *(as_float(layer) for layer in named.values())]
    result = pointwise(
        _spread_block,
        *layers,
        dtype=np.result_type(*(layer.dtype for layer in layers)),
        parameters={
            "factors": (_factor(npp_spread, npp, "npp"), _factor(et_spread, et, "et")),
            "correlation": float(correlation),
        },
    )
    return finalize(
        result,
        function="wue_spread",
        parameters={"correlation": correlation, "et_min": et_min, "npp_min": npp_min},
        inputs=named,
        attrs={"units": UNITS, "long_name": "standard deviation of water-use efficiency"},
        name="wue_spread",
    )


def _factor(spread: xr.DataArray, of: xr.DataArray, name: str) -> float:
    """Return what brings a spread to the units of its layer; without units it has those."""
    if "units" not in spread.attrs or "units" not in of.attrs:
        return 1.0
    wanted = units_of(of, expected="1", name=name)
    return unit_factor(str(spread.attrs["units"]), wanted, name=repr(f"{name}_spread"))


def _spread_block(
    ratio: np.ndarray,
    npp: np.ndarray,
    et: np.ndarray,
    npp_spread: np.ndarray,
    et_spread: np.ndarray,
    *,
    factors: tuple[float, float],
    correlation: float,
) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        # ratio * s / npp, written so that no production is no division by it.
        carbon = npp_spread * factors[0] * (ratio / np.where(npp == 0, 1, npp))
        water = et_spread * factors[1] * (ratio / et)
        square = carbon**2 + water**2 - 2 * correlation * carbon * water
        found = np.sqrt(np.maximum(square, 0))
    valid = np.isfinite(ratio) & (npp != 0) & np.isfinite(found)
    return np.where(valid, found, np.nan)
