"""Disturbance, recovery and drivers in a carbon and water run: layers and tables."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from mineeco_xr.carbonwater import disturbance, dominant_driver, drivers, recovery
from mineeco_xr.cube import cell_area, geobox_of
from mineeco_xr.cube.calendar import calendar_years
from mineeco_xr.errors import SchemaError
from mineeco_xr.stats import zonal
from mineeco_xr.workflows.wue_config import DisturbanceSpec, DriverSpec

if TYPE_CHECKING:
    import geopandas as gpd

EVENT = ("year", "end_year", "magnitude", "duration", "events")
RECOVERY = ("recovered", "y2r", "years_left")
SHARES = ("same year", "within a year", "earlier")


def disturbance_layers(layers: xr.Dataset, spec: DisturbanceSpec) -> xr.Dataset:
    """Return the disturbance of a layer by one method, its year by others, and the recovery.

    Parameters
    ----------
    layers : xarray.Dataset
        With ``spec.variable``.
    spec : DisturbanceSpec
        Methods and limits.

    Returns
    -------
    xarray.Dataset
        Lazy: ``disturbance_year`` and so on, ``disturbance_year_landtrendr`` for each method that
        is compared, ``recovery_recovered``, ``recovery_y2r`` and ``recovery_years_left``.

    Raises
    ------
    SchemaError
        If there is no such layer.
    """
    if spec.variable not in layers:
        raise SchemaError(
            f"disturbance.variable {spec.variable!r} is no layer; there are "
            f"{sorted(map(str, layers))}."
        )
    data = layers[spec.variable]
    find = partial(disturbance, data, min_magnitude=spec.min_magnitude, min_patch=spec.min_patch)
    found = find(method=spec.method)
    parts = {f"disturbance_{name}": found[name] for name in EVENT}
    for other in spec.compare:
        if other != spec.method:
            parts[f"disturbance_year_{other}"] = find(method=other)["year"]
    healed = recovery(data, found)
    return xr.Dataset(parts | {f"recovery_{name}": healed[name] for name in RECOVERY})


def disturbance_tables(
    cube: xr.Dataset, spec: DisturbanceSpec
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the area disturbed by year and method, and how far the methods agree.

    Parameters
    ----------
    cube : xarray.Dataset
        With the layers of :func:`disturbance_layers`.
    spec : DisturbanceSpec
        Methods.

    Returns
    -------
    tuple of pandas.DataFrame
        year and a column of hectares a method; method, cells with an event in both, and the share
        of these (percent) whose years are equal, within a year, and earlier by more than that.
    """
    names = {spec.method: "disturbance_year"}
    names |= {o: f"disturbance_year_{o}" for o in spec.compare if o != spec.method}
    years = xr.Dataset({method: cube[name] for method, name in names.items()})
    first, last = calendar_years(cube["time"])[[0, -1]].tolist()
    area = cell_area(geobox_of(cube)).values / 1e4
    rows = xr.Dataset(
        {
            f"{method} {year}": (years[method] == year).sum("x")
            for method in names
            for year in range(first, last + 1)
        }
    ).compute()
    table = pd.DataFrame({"year": range(first, last + 1)})
    for method in names:
        table[method] = [
            float((rows[f"{method} {year}"].values * area).sum()) for year in table["year"]
        ]
    table.attrs["units"] = dict.fromkeys(names, "ha")
    return table, _agreement(years, spec.method)


def _agreement(years: xr.Dataset, method: str) -> pd.DataFrame:
    """Compare the years of each other method with those of one."""
    base = years[method].astype("int32")
    rows = []
    for other in (str(name) for name in years if name != method):
        theirs = years[other].astype("int32")
        both, lag = (base > 0) & (theirs > 0), theirs - base
        counts = xr.Dataset(
            {
                "both": both,
                f"only {method}": (base > 0) & (theirs == 0),
                "only it": (base == 0) & (theirs > 0),
                "same year": both & (lag == 0),
                "within a year": both & (abs(lag) <= 1),
                "earlier": both & (lag < -1),
            }
        )
        row = {str(k): int(v) for k, v in counts.sum().compute().items()}
        shares = {k: 100 * row[k] / row["both"] if row["both"] else np.nan for k in SHARES}
        rows.append({"method": other, **row, **shares})
    frame = pd.DataFrame(rows)
    frame.attrs["units"] = dict.fromkeys(SHARES, "%")
    return frame


def layer_series(data: xr.DataArray, zones: gpd.GeoDataFrame, name: str) -> pd.DataFrame:
    """Return the yearly mean of a layer in each zone: the curve of its loss and recovery.

    Parameters
    ----------
    data : xarray.DataArray
        Dims ``(time, y, x)``.
    zones : geopandas.GeoDataFrame
        Polygons.
    name : str
        Column that names them.

    Returns
    -------
    pandas.DataFrame
        zone, time, mean, std, valid_share.
    """
    found = zonal(data, zones, ["mean", "std", "valid_share"], name=name).compute()
    frame = found.to_dataframe().reset_index()
    frame.attrs["units"] = {s: str(data.attrs.get("units", "1")) for s in ("mean", "std")}
    return frame[["zone", "time", "mean", "std", "valid_share"]]


def driver_layers(target: xr.DataArray, layers: xr.Dataset, spec: DriverSpec) -> xr.Dataset:
    """Return the map of the factor that each cell's series follows most, lazily.

    Parameters
    ----------
    target : xarray.DataArray
        The efficiency.
    layers : xarray.Dataset
        With the factors.
    spec : DriverSpec
        Which.

    Returns
    -------
    xarray.Dataset
        ``dominant_driver`` and ``dominant_driver_r``.
    """
    found = dominant_driver(
        target, factors_of(layers, spec), method=spec.method, detrend=spec.detrend
    )
    return xr.Dataset(
        {"dominant_driver": found["driver"], "dominant_driver_r": found["r"].astype("float32")}
    )


def factors_of(layers: xr.Dataset, spec: DriverSpec) -> dict[str, xr.DataArray]:
    """Return the factors by name.

    Raises
    ------
    SchemaError
        If one is no layer.
    """
    missing = [name for name in spec.factors if name not in layers]
    if missing:
        raise SchemaError(
            f"drivers.factors {missing} are no layers; there are {sorted(map(str, layers))}."
        )
    return {name: layers[name] for name in spec.factors}


def driver_tables(
    target: xr.DataArray,
    layers: xr.Dataset,
    spec: DriverSpec,
    zones: gpd.GeoDataFrame | None,
    name: str | None,
) -> pd.DataFrame:
    """Return how the efficiency correlates with each factor, over time, space and both.

    Parameters
    ----------
    target : xarray.DataArray
        The efficiency.
    layers : xarray.Dataset
        With the factors.
    spec : DriverSpec
        Which, and how.
    zones : geopandas.GeoDataFrame, optional
        For correlations of each zone's yearly means.
    name : str, optional
        Column that names them.

    Returns
    -------
    pandas.DataFrame
        over, zone, factor, r, n, n_effective, p, p_independent, q. Over space it is the mean of
        the dates' correlations, and the least of their numbers.
    """
    factors = factors_of(layers, spec)
    parts = []
    for over in ("pooled", "space", "time"):
        detrend = spec.detrend if over == "time" else None
        made = drivers(target, factors, method=spec.method, over=over, detrend=detrend).compute()
        frame = made.to_dataframe().reset_index()
        if over == "space":
            frame = frame.groupby("factor", sort=False).agg(
                {"r": "mean", "n": "min", "n_effective": "min", "p": "median",
                 "p_independent": "median", "q": "median"}
            ).reset_index()  # fmt: skip
        parts.append(frame.assign(over=over, zone="grid"))
    if zones is not None:
        made = drivers(
            target, factors, zones, method=spec.method, over="time", name=name,
            detrend=spec.detrend,
        ).compute()  # fmt: skip
        parts.append(made.to_dataframe().reset_index().assign(over="time"))
    columns = ["over", "zone", "factor", "r", "n", "n_effective", "p", "p_independent", "q"]
    return pd.concat(parts, ignore_index=True)[columns]
