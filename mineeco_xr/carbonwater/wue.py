"""Water-use efficiency: carbon fixed for water spent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from mineeco_xr.chunks import pointwise
from mineeco_xr.cube.grid import require_same_grid
from mineeco_xr.cube.nodata import as_float
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.cube.time import require_same_times
from mineeco_xr.cube.units import format_units, parse_units, unit_factor, units_of
from mineeco_xr.errors import ParameterError, UnitError

if TYPE_CHECKING:
    import geopandas as gpd

UNITS = "gC m-2 mm-1"
ET_MIN = 20.0
_ATTRS = {"units": UNITS, "long_name": "water-use efficiency"}
_TIME_UNITS = ("yr", "season", "month", "d", "week", "s")


def wue(
    npp: xr.DataArray,
    et: xr.DataArray,
    *,
    et_min: float = ET_MIN,
    npp_min: float = 0.0,
    over: str | None = None,
) -> xr.DataArray:
    """Return water-use efficiency, net primary production over evapotranspiration.

    Parameters
    ----------
    npp : xarray.DataArray
        Net primary production, mass of carbon per area and period, such as gC m-2 yr-1 or
        kgC m-2 season-1; ``units`` are read and converted.
    et : xarray.DataArray
        Evapotranspiration of the same period, mm or kg m-2 (1 kg of water on 1 m2 is 1 mm), on the
        same grid and dates.
    et_min : float
        Evapotranspiration in mm per period below which the ratio means nothing: the result is
        nodata there, never infinite. Default 20.
    npp_min : float
        Production in gC m-2 per period below which the cell is nodata. Default 0.
    over : str, optional
        A dim, such as ``"time"``, over which sums are taken first: the efficiency of a period is
        the ratio of its sums, over the dates on which both are valid, not the mean of ratios.

    Returns
    -------
    xarray.DataArray
        ``npp / et`` in gC m-2 mm-1, which is gC per kg of water; float32 for float32 inputs. Lazy
        when the inputs are.

    Raises
    ------
    UnitError
        If a unit is unknown, measures something else, or the periods differ in kind.
    GridMismatch, SchemaError
        If the grids or the dates differ.

    Notes
    -----
    Pointwise: bit-identical for any chunking.

    Examples
    --------
    >>> import numpy as np
    >>> from mineeco_xr.testing import with_grid
    >>> npp = with_grid(np.array([[0.4, 0.4]]), name="npp", units="kgC m-2 yr-1")
    >>> et = with_grid(np.array([[400.0, 0.0]]), name="et", units="mm yr-1")
    >>> wue(npp, et).values
    array([[ 1., nan]])
    """
    if et_min <= 0:
        raise ParameterError(f"et_min is {et_min}: it must be positive, in mm per period.")
    require_same_grid({"npp": npp, "et": et})
    require_same_times({"npp": npp, "et": et})
    factors = _factors(npp, et)
    if over is not None and over not in npp.dims:
        raise ParameterError(f"over is {over!r}, but npp has dims {tuple(npp.dims)}.")
    layers = (as_float(npp), as_float(et))
    result = pointwise(
        _ratio_block,
        *layers,
        dtype=np.result_type(*(layer.dtype for layer in layers)),
        core_dim=over,
        parameters={
            "npp_factor": factors[0],
            "et_factor": factors[1],
            "npp_min": npp_min,
            "et_min": et_min,
            "sums": over is not None,
        },
    )
    return finalize(
        result,
        function="wue",
        parameters={"et_min": et_min, "npp_min": npp_min, "over": over},
        inputs={str(npp.name or "npp"): npp, str(et.name or "et"): et},
        attrs=_ATTRS if over is None else {**_ATTRS, "cell_methods": f"{over}: ratio of sums"},
        name="wue",
    )


def _factors(npp: xr.DataArray, et: xr.DataArray) -> tuple[float, float]:
    """Return what turns the inputs into gC m-2 and mm, both per the period of ``npp``."""
    npp_name, et_name = str(npp.name or "npp"), str(et.name or "et")
    npp_units = units_of(npp, expected="gC m-2 yr-1", name=npp_name)
    per_period = _per_period(npp_units)
    et_units = units_of(et, expected=f"mm{per_period}", name=et_name)
    depth = _as_depth(et_units)
    try:
        return (
            unit_factor(npp_units, f"gC m-2{per_period}", name=repr(npp_name)),
            unit_factor(depth, f"mm{per_period}", name=repr(et_name)),
        )
    except UnitError as error:
        raise UnitError(
            f"{error} WUE needs carbon per area (gC m-2, kgC m-2, tC ha-1) and water as a depth "
            f"(mm, kg m-2) of the same period; found {npp_units!r} and {et_units!r}."
        ) from error


def _per_period(units: str) -> str:
    """Return the part of a unit that says per which time, with a space before it, or nothing."""
    period = {u: e for u, e in parse_units(units).items() if u in _TIME_UNITS}
    return f" {format_units(period)}" if period else ""


def _as_depth(units: str) -> str:
    factors = parse_units(units)
    if factors.get("kg") == 1 and factors.get("m") == -2:
        rest = {u: e for u, e in factors.items() if u not in ("kg", "m")}
        return format_units({"mm": 1, **rest})
    return units


def _ratio_block(
    npp: np.ndarray,
    et: np.ndarray,
    *,
    npp_factor: float,
    et_factor: float,
    npp_min: float,
    et_min: float,
    sums: bool,
) -> np.ndarray:
    """Divide cell by cell, or the sums over the first axis of what is valid."""
    kind = np.result_type(npp, et)
    carbon: np.ndarray = npp if npp_factor == 1.0 else npp * npp.dtype.type(npp_factor)
    water: np.ndarray = et if et_factor == 1.0 else et * et.dtype.type(et_factor)
    with np.errstate(invalid="ignore"):
        valid = (water >= et_min) & (carbon >= npp_min) & np.isfinite(water) & np.isfinite(carbon)
    if sums:
        carbon, water = (
            np.where(valid, part, 0).sum(axis=0, dtype="float64") for part in (carbon, water)
        )
        valid = valid.any(axis=0)
    out = np.full(valid.shape, np.nan, dtype=np.result_type(carbon, water))
    return np.divide(carbon, water, out=out, where=valid).astype(kind, copy=False)


def wue_zonal(
    npp: xr.DataArray,
    et: xr.DataArray,
    zones: gpd.GeoDataFrame | xr.DataArray,
    *,
    how: str = "ratio_of_sums",
    name: str | None = None,
    et_min: float = ET_MIN,
    npp_min: float = 0.0,
) -> xr.Dataset:
    """Return the water-use efficiency of zones.

    Parameters
    ----------
    npp, et : xarray.DataArray
        As for :func:`wue`.
    zones : geopandas.GeoDataFrame or xarray.DataArray
        As for :func:`mineeco_xr.zonal`.
    how : {"ratio_of_sums", "mean_of_ratios"}
        The carbon of the zone over its water, which is what the zone did; or the area-weighted mean
        of its cells' efficiencies.
    name : str, optional
        Column that names the zones.
    et_min, npp_min : float
        As for :func:`wue`.

    Returns
    -------
    xarray.Dataset
        Dims ``(zone,)`` or ``(zone, time)``: ``wue`` (gC m-2 mm-1), ``npp`` and ``et`` (means over
        the cells where both are valid, in gC m-2 and mm per period), ``count``, ``std`` (of the
        cells' efficiencies), ``valid_share`` and ``area``.

    Raises
    ------
    ParameterError
        If ``how`` is unknown.

    Notes
    -----
    Crosses chunks by reduction; counts are equal for any chunking, the rest to 1e-12.
    """
    from mineeco_xr.stats.zonal import zonal

    if how not in ("ratio_of_sums", "mean_of_ratios"):
        raise ParameterError(f"how is {how!r}: choose 'ratio_of_sums' or 'mean_of_ratios'.")
    ratio = wue(npp, et, et_min=et_min, npp_min=npp_min)
    factors = _factors(npp, et)
    cells = zonal(ratio, zones, ["mean", "std", "count", "valid_share", "area"], name=name)
    carbon, water = (
        zonal((as_float(data) * factor).where(ratio.notnull()), zones, ["mean"], name=name)["mean"]
        for data, factor in zip((npp, et), factors, strict=True)
    )
    value = carbon / water if how == "ratio_of_sums" else cells["mean"]
    per_period = _per_period(str(npp.attrs.get("units", "gC")))
    result = xr.Dataset(
        {
            "wue": value.assign_attrs(_ATTRS),
            "npp": carbon.assign_attrs(units=f"gC m-2{per_period}", long_name="mean NPP"),
            "et": water.assign_attrs(units=f"mm{per_period}", long_name="mean ET"),
            **{stat: cells[stat] for stat in ("std", "count", "valid_share", "area")},
        }
    )
    return finalize(
        result,
        function="wue_zonal",
        parameters={"how": how, "name": name, "et_min": et_min, "npp_min": npp_min},
        inputs={str(npp.name or "npp"): npp, str(et.name or "et"): et},
    )
