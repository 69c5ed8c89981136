"""Tables of a carbon and water run."""

from __future__ import annotations

from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from mineeco_xr.carbonwater import wue_zonal
from mineeco_xr.carbonwater.wue import ET_MIN
from mineeco_xr.cube import cell_area, geobox_of
from mineeco_xr.cube.time import decimal_years

if TYPE_CHECKING:
    import geopandas as gpd

LAG_BOUND = NormalDist().inv_cdf(0.975)
"""Standard errors beyond which an autocorrelation counts, as by default in ``trend``."""
_COLUMNS = {"wue": "wue", "npp": "npp", "et": "et", "std": "wue_std", "count": "cells",
            "valid_share": "valid_share", "area": "area"}  # fmt: skip


def zone_series(
    npp: xr.DataArray,
    et: xr.DataArray,
    zones: gpd.GeoDataFrame,
    name: str,
    *,
    et_min: float = ET_MIN,
    npp_min: float = 0.0,
) -> pd.DataFrame:
    """Return yearly carbon, water and efficiency of each zone, a row a zone and date.

    Parameters
    ----------
    npp, et : xarray.DataArray
        Dims ``(time, y, x)``.
    zones : geopandas.GeoDataFrame
        Polygons.
    name : str
        Column that names them.
    et_min, npp_min : float
        As for :func:`mineeco_xr.wue`.

    Returns
    -------
    pandas.DataFrame
        zone, time, wue (ratio of sums), npp, et, wue_std, cells, valid_share, area (ha);
        ``attrs["units"]`` says the units.
    """
    found = wue_zonal(npp, et, zones, name=name, et_min=et_min, npp_min=npp_min).compute()
    frame = _as_frame(found)
    order = {label: i for i, label in enumerate(found["zone"].values.tolist())}
    frame = frame.sort_values(
        ["zone", "time"], key=lambda c: c.map(order) if c.name == "zone" else c
    )
    return frame[["zone", "time", *_COLUMNS.values()]].reset_index(drop=True)


def yearly_table(
    npp: xr.DataArray, et: xr.DataArray, *, et_min: float = ET_MIN, npp_min: float = 0.0
) -> pd.DataFrame:
    """Return the series of the whole grid: one zone of all cells."""
    one = npp.isel(time=0, drop=True) if "time" in npp.dims else npp
    everywhere = xr.ones_like(one, dtype="uint8").rename("grid")
    everywhere.attrs = {"flag_values": np.array([1], dtype="uint8"), "flag_meanings": "grid"}
    found = (
        wue_zonal(npp, et, everywhere, et_min=et_min, npp_min=npp_min)
        .compute()
        .isel(zone=0, drop=True)
    )
    frame = _as_frame(found)
    frame["area"] *= frame["valid_share"]
    return frame[["time", "wue", "npp", "et", "wue_std", "cells", "area"]]


def _as_frame(found: xr.Dataset) -> pd.DataFrame:
    """Return the columns of the tables, areas in hectares, with their units."""
    frame = found[list(_COLUMNS)].rename(_COLUMNS).to_dataframe().reset_index()
    frame["area"] /= 1e4
    units = {_COLUMNS[key]: str(found[key].attrs.get("units", "1")) for key in _COLUMNS}
    frame.attrs["units"] = {**units, "wue_std": units["wue"], "area": "ha"}
    return frame


def zone_trends(series: pd.DataFrame, min_n: int, correction: str | None = None) -> pd.DataFrame:
    """Return the Theil-Sen slope and Mann-Kendall test of each zone's efficiency.

    Parameters
    ----------
    series : pandas.DataFrame
        From :func:`zone_series`.
    min_n : int
        Valid dates that a zone needs.
    correction : str, optional
        Of the test for autocorrelation; see :func:`mineeco_xr.trend`.

    Returns
    -------
    pandas.DataFrame
        zone, valid_area (the largest of the dates, ha), wue (ratio of sums over all dates), first,
        last, slope, p, n.
    """
    from mineeco_xr.kernels.trend import OUTPUTS, sen_mann_kendall

    wide = series.pivot(index="time", columns="zone", values="wue")
    wide = wide[series["zone"].drop_duplicates()]
    years = decimal_years(xr.DataArray(wide.index, dims="time", coords={"time": wide.index}))
    values = wide.to_numpy("float64")
    rows = sen_mann_kendall(values, years, min_n)
    if correction is not None:
        from mineeco_xr.kernels.autocorrelation import corrected_mann_kendall

        rows = corrected_mann_kendall(values, years, rows, correction, LAG_BOUND, None)
    found = dict(zip(OUTPUTS, rows, strict=True))
    valid = series["area"] * series["valid_share"]
    sums = series.assign(carbon=series["npp"] * valid, water=series["et"] * valid)
    sums = sums.groupby("zone", sort=False)[["carbon", "water"]].sum()
    frame = pd.DataFrame(
        {
            "zone": wide.columns,
            "valid_area": valid.groupby(series["zone"], sort=False).max().to_numpy(),
            "wue": (sums["carbon"] / sums["water"]).to_numpy(),
            "first": wide.bfill().iloc[0].to_numpy(),
            "last": wide.ffill().iloc[-1].to_numpy(),
            "slope": found["slope"],
            "p": found["p"],
            "n": found["n"].astype(int),
        }
    )
    unit = series.attrs["units"]["wue"]
    frame.attrs["units"] = {"valid_area": "ha", "wue": unit, "first": unit, "last": unit,
                            "slope": f"{unit} yr-1"}  # fmt: skip
    return frame


def trend_areas(cube: xr.Dataset, alpha: float) -> pd.DataFrame:
    """Return area and share of the classes of change.

    Parameters
    ----------
    cube : xarray.Dataset
        With ``wue_slope`` and ``wue_p``.
    alpha : float
        Level of significance; a stricter class has a fifth of it.

    Returns
    -------
    pandas.DataFrame
        change, area (ha), share (percent) of the area with a trend.
    """
    slope, p = cube["wue_slope"], cube["wue_p"]
    strict = alpha / 5
    masks = {
        f"increase, p < {strict:g}": (slope > 0) & (p < strict),
        f"increase, {strict:g} <= p < {alpha:g}": (slope > 0) & (p < alpha) & (p >= strict),
        "no significant change": slope.notnull() & ~((p < alpha) & (slope != 0)),
        f"decrease, {strict:g} <= p < {alpha:g}": (slope < 0) & (p < alpha) & (p >= strict),
        f"decrease, p < {strict:g}": (slope < 0) & (p < strict),
    }
    rows = xr.Dataset({str(i): mask.sum("x") for i, mask in enumerate(masks.values())}).compute()
    area = cell_area(geobox_of(cube)).values / 1e4
    hectares = [float((rows[str(i)].values * area).sum()) for i in range(len(masks))]
    total = sum(hectares) or np.nan
    frame = pd.DataFrame(
        {"change": list(masks), "area": hectares, "share": [100 * h / total for h in hectares]}
    )
    frame.attrs["units"] = {"area": "ha", "share": "%"}
    return frame
