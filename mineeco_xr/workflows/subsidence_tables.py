"""Tables of a subsidence run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from mineeco_xr.subsidence import level_areas
from mineeco_xr.subsidence.level_table import class_names

if TYPE_CHECKING:
    import geopandas as gpd

    from mineeco_xr.subsidence import Panels


@dataclass
class SubsidenceResults:
    """Cube, tables and notes of a run; what a case does not ask for is None.

    Attributes
    ----------
    cube : xarray.Dataset
        The stored layers.
    panels : Panels
        Those that reach the grid or all that were given.
    areas : pandas.DataFrame
        Area of each level at each date.
    land : pandas.DataFrame
        Area of each level on each land use at each date.
    mines : geopandas.GeoDataFrame
        Outlines in the reference system of the grid.
    mine_years : pandas.DataFrame
        What each mine has lost by each date.
    profiles : pandas.DataFrame
        Subsidence along the lines.
    lines : geopandas.GeoDataFrame
        These lines.
    water : pandas.DataFrame
        Area and volume of water at each date.
    notes : list of str
        What the reader must know.
    """

    cube: xr.Dataset
    panels: Panels
    areas: pd.DataFrame
    land: pd.DataFrame | None = None
    mines: gpd.GeoDataFrame | None = None
    mine_years: pd.DataFrame | None = None
    profiles: pd.DataFrame | None = None
    lines: gpd.GeoDataFrame | None = None
    water: pd.DataFrame | None = None
    notes: list[str] = field(default_factory=list)


def area_table(levels: xr.DataArray) -> pd.DataFrame:
    """Return the area of every level at every date, also of levels without a cell.

    Parameters
    ----------
    levels : xarray.DataArray
        Dims ``(time, y, x)``.

    Returns
    -------
    pandas.DataFrame
        time, code, level, cells, area (ha), share (percent of the affected area); the unaffected
        ground is left out.
    """
    names = {code: name for code, name in class_names(levels).items() if code > 0}
    found = level_areas(levels).set_index(["time", "code"])
    every = pd.MultiIndex.from_product([levels["time"].values, list(names)], names=["time", "code"])
    frame = found.reindex(every)[["cells", "area"]].fillna(0).reset_index()
    frame["cells"] = frame["cells"].astype("int64")
    frame.insert(2, "level", frame["code"].map(names))
    total = frame.groupby("time")["area"].transform("sum")
    frame["share"] = (100 * frame["area"] / total.where(total > 0)).fillna(0.0)
    frame.attrs["units"] = {"area": "ha", "share": "%"}
    return frame


def land_table(levels: xr.DataArray, land_use: xr.DataArray) -> pd.DataFrame:
    """Return the area of the levels on each land use: a row a date and land use.

    Parameters
    ----------
    levels : xarray.DataArray
        Dims ``(time, y, x)``.
    land_use : xarray.DataArray
        Classes, dims ``(y, x)`` or ``(time, y, x)``.

    Returns
    -------
    pandas.DataFrame
        time, land_use, a column a level (ha), affected (their sum, ha), share (percent of the land
        use's area); land uses that nothing touches are left out.
    """
    if "time" in land_use.dims:
        land_use = land_use_at(land_use, levels["time"])
    found = level_areas(levels, land_use)
    names = [name for code, name in class_names(levels).items() if code > 0]
    wide = found.pivot_table(
        index=["time", "land_use"], columns="level", values="area", aggfunc="sum", fill_value=0.0,
        sort=False,
    )  # fmt: skip
    total = wide.sum(axis=1)
    wide = wide.reindex(columns=names, fill_value=0.0)
    wide["affected"] = wide.sum(axis=1)
    wide["share"] = 100 * wide["affected"] / total
    wide.columns.name = None
    ever = wide.groupby("land_use")["affected"].max()
    frame = wide.reset_index()
    frame = frame[frame["land_use"].map(ever) > 0]
    order = ever.sort_values(ascending=False).index.tolist()
    frame = frame.sort_values(
        ["time", "land_use"], key=lambda c: c.map(order.index) if c.name == "land_use" else c
    ).reset_index(drop=True)
    frame.attrs["units"] = {**dict.fromkeys([*names, "affected"], "ha"), "share": "%"}
    return frame


def land_use_at(land_use: xr.DataArray, dates: xr.DataArray) -> xr.DataArray:
    """Return the map that holds at each date: the last one not after it, else the first one."""
    known = land_use["time"].values
    at = np.maximum(np.searchsorted(known, dates.values, side="right") - 1, 0)
    return land_use.isel(time=at).assign_coords(time=dates)


def water_table(cube: xr.Dataset) -> pd.DataFrame:
    """Return the area of each kind of water at each date, ha.

    Parameters
    ----------
    cube : xarray.Dataset
        With ``water``, classes of which 0 is land.
    """
    frame = area_table(cube["water"]).rename(columns={"level": "water"})
    frame = frame.drop(columns=["code", "share"])
    frame.attrs["units"] = {"area": "ha"}
    return frame


def panel_list(panels: Panels, most: int | None = None) -> pd.DataFrame:
    """Return what a report says of the panels, in the order of mining."""
    table = panels.table
    area = [outline.area / 1e4 for outline in table["geometry"]]
    frame = pd.DataFrame(
        {
            "panel": table["name"],
            "seam": table["seam"],
            "start": table["start"].dt.strftime("%Y-%m-%d"),
            "end": table["end"].dt.strftime("%Y-%m-%d"),
            "area": area,
            **{name: table[name] for name in ("depth", "thickness", "dip", "q", "tan_beta", "b")},
        }
    )
    order = table["start"].fillna(table["end"]).argsort(kind="stable")
    frame = frame.iloc[order].reset_index(drop=True)
    frame = frame.drop(columns=[name for name in ("seam",) if frame[name].isna().all()])
    frame.attrs["units"] = {"area": "ha", "depth": "m", "thickness": "m", "dip": "degrees"}
    return frame if most is None else frame.head(most)
