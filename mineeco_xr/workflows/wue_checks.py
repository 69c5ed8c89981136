"""Checks of a carbon and water run that need pixels: cheap reductions before the long part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from mineeco_xr.carbonwater.wue import wue
from mineeco_xr.chunks import reduce_blocks
from mineeco_xr.errors import DataError, UnitError
from mineeco_xr.workflows.wue_config import WueSpec

if TYPE_CHECKING:
    import pandas as pd


def require_plausible(npp: xr.DataArray, et: xr.DataArray, spec: WueSpec) -> float:
    """Refuse carbon and water whose ratio cannot be, before the long computation.

    Parameters
    ----------
    npp, et : xarray.DataArray
        As for :func:`mineeco_xr.wue`.
    spec : WueSpec
        With the plausible range.

    Returns
    -------
    float
        The efficiency of the middle date, all cells together, gC m-2 mm-1.

    Raises
    ------
    DataError
        If no cell has a value on any date.
    UnitError
        If the ratio lies outside the plausible range, with the most likely reason.

    Notes
    -----
    Reads one date; when that is all nodata, every date.
    """
    middle = npp.sizes.get("time", 1) // 2
    value = (
        _overall(npp, et, spec, [middle]) if "time" in npp.dims else _overall(npp, et, spec, None)
    )
    if np.isnan(value) and "time" in npp.dims:
        value = _overall(npp, et, spec, list(range(npp.sizes["time"])))
    if np.isnan(value):
        raise DataError(
            f"no cell has both {npp.name!r} and {et.name!r} above their limits on any date: check "
            "the grid's place, fill values and scale."
        )
    low, high = spec.plausible
    if not low <= value <= high:
        reason = (
            f"{npp.name!r} may be in kgC m-2 while its units say {npp.attrs.get('units')!r}"
            if value < low
            else f"{npp.name!r} may be stored numbers without their scale, or {et.name!r} in cm"
        )
        raise UnitError(
            f"carbon over water is {value:.3g} gC m-2 mm-1, outside the plausible {low:g} to "
            f"{high:g}: {reason}. Correct units or scale of the variable, or widen wue.plausible."
        )
    return value


def _overall(npp: xr.DataArray, et: xr.DataArray, spec: WueSpec, dates: Any) -> float:
    if dates is not None:
        npp, et = npp.isel(time=dates), et.isel(time=dates)
    # The ratio of the mean to itself carries the unit conversions into the check.
    ratio = wue(npp, et, et_min=spec.et_min, npp_min=spec.npp_min)
    water = et.where(ratio.notnull())
    total = reduce_blocks(_block_sums, _add, ratio * water, water).compute()
    return total[0] / total[1] if total[1] > 0 else float("nan")


def _block_sums(carbon: np.ndarray, water: np.ndarray, *, shared: Any) -> tuple[float, float]:
    return (
        float(np.nansum(carbon, dtype="float64")),
        float(np.nansum(water, dtype="float64")),
    )


def _add(parts: list[tuple[float, float]]) -> tuple[float, float]:
    return sum(part[0] for part in parts), sum(part[1] for part in parts)


def source_notes(layers: xr.Dataset) -> list[str]:
    """Say of which files several processing generations lay side by side.

    Parameters
    ----------
    layers : xarray.Dataset
        As they were ingested.

    Returns
    -------
    list of str
        Sentences for the report.
    """
    notes = []
    for name, layer in layers.data_vars.items():
        earlier = str(layer.attrs.get("replaced_generations", "")).split()
        if earlier:
            notes.append(
                f"Of {name} {len(earlier)} files were processed again later and not used, such as "
                f"{earlier[0]}."
            )
    return notes


def year_notes(yearly: pd.DataFrame, series: pd.DataFrame | None) -> list[str]:
    """Say which dates and zones have no value, or few.

    Parameters
    ----------
    yearly : pandas.DataFrame
        From ``yearly_table``.
    series : pandas.DataFrame, optional
        From ``zone_series``.

    Returns
    -------
    list of str
        Sentences for the report.
    """
    notes = []
    empty = yearly.loc[yearly["cells"] == 0, "time"]
    if len(empty):
        dates = ", ".join(str(date)[:10] for date in empty)
        notes.append(f"No cell has a value on {dates}: these dates are nodata and count nowhere.")
    usual = yearly["cells"].median()
    few = yearly[(yearly["cells"] > 0) & (yearly["cells"] < 0.5 * usual)]
    notes += [
        f"Only {row.cells:.0f} cells have a value on {str(row.time)[:10]}, against a median of "
        f"{usual:.0f}: compare that date with care."
        for row in few.itertuples()
    ]
    if series is not None:
        counts = series.groupby("zone", sort=False)["cells"].sum()
        empty_zones = counts.index[counts == 0]
        notes += [f"Zone {zone} holds no valid cell on any date." for zone in empty_zones]
    return notes
