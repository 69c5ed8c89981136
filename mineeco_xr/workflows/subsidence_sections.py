"""Sections of the report on land use, water, profiles and mines, and what all sections share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import xarray as xr

from mineeco_xr.cube import geobox_of
from mineeco_xr.report import (
    Report,
    map_figure,
    profile_figure,
    stacked_figure,
)
from mineeco_xr.subsidence.level_table import class_names
from mineeco_xr.workflows.output import RunFolder
from mineeco_xr.workflows.subsidence_config import SubsidenceCase
from mineeco_xr.workflows.subsidence_tables import SubsidenceResults

if TYPE_CHECKING:
    import geopandas as gpd

WATER_MAP = "Blues"


def last_date(results: SubsidenceResults) -> str:
    """Return the last date as text."""
    return str(results.cube["time"].values[-1])[:10]


def outlines(results: SubsidenceResults) -> tuple[gpd.GeoDataFrame, str]:
    """Return what lies over the maps: the mines, else the panels."""
    if results.mines is not None:
        return results.mines, "mines"
    import geopandas as gpd

    crs = geobox_of(results.cube).crs.proj
    return gpd.GeoDataFrame(geometry=list(results.panels.table["geometry"]), crs=crs), "panels"


def colours_of(classes: xr.DataArray) -> dict[str, str | None]:
    """Return names and colours of the classes above 0."""
    names = class_names(classes)
    colours: list[str | None] = [*str(classes.attrs.get("flag_colors", "")).split()]
    colours = colours or [None] * len(names)
    pairs = dict(zip(names.items(), colours, strict=True))
    return {name: colour for (code, name), colour in pairs.items() if code > 0}


def _years(dates: pd.Series) -> list[str]:
    from mineeco_xr.report.panels import step_names

    return step_names(xr.DataArray(dates.to_numpy(), dims="time"))


def by_date(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return a row a date, a column a class."""
    wide = table.pivot(index="time", columns=column, values="area")
    wide = wide[table[column].drop_duplicates()].reset_index()
    wide.columns.name = None
    wide.insert(0, "date", _years(wide["time"]))
    return wide.drop(columns="time")


def land_use_section(report: Report, results: SubsidenceResults, folder: RunFolder) -> None:
    """Tell which land uses are affected."""
    assert results.land is not None
    section = report.section("What lies on the sunken ground")
    land = results.land
    if land.empty:
        section.text("No land use is affected.")
        return
    last = land[land["time"] == land["time"].max()].drop(columns="time")
    last.attrs = land.attrs
    parts = colours_of(results.cube["level"])
    figure = stacked_figure(last, group="land_use", parts=parts, label="Area", units="ha")
    section.figure(
        folder.figure(figure, "land_use"), "Affected area of each land use at the last date."
    )
    hectares = dict.fromkeys([*parts, "affected", "share"], 1)
    section.table(
        last.rename(columns={"land_use": "land use"}),
        f"Area of each level on each land use at {last_date(results)}; share is that of the whole "
        "land use on the grid. tables/level_land_use_years.csv has all dates.",
        decimals=hectares,
    )
    wide = land.pivot(index="time", columns="land_use", values="affected")
    wide = wide[land["land_use"].drop_duplicates()].reset_index()
    wide.columns.name = None
    wide.insert(0, "date", _years(wide.pop("time")))
    section.table(wide, "Affected area of each land use at each date.",
                  units=dict.fromkeys(wide.columns[1:], "ha"),
                  decimals=dict.fromkeys(wide.columns[1:], 1))  # fmt: skip


def water_section(
    report: Report, results: SubsidenceResults, case: SubsidenceCase, folder: RunFolder,
    window: dict[str, slice],
) -> None:  # fmt: skip
    """Tell where water comes to stand."""
    assert results.water is not None
    assert case.water is not None
    section = report.section("Water")
    section.text(_water_words(case))
    depth = results.cube["water_depth"].isel(window)
    depth = depth.assign_attrs(long_name="Depth of water", units="m")
    zones, label = outlines(results)
    if bool((depth > 0).any()):
        figure = map_figure(depth, cmap=WATER_MAP, robust=False, zones=zones, zones_label=label)
        section.figure(folder.figure(figure, "water_depth"), "Depth of water at the last date.")
    wide = by_date(results.water, "water")
    parts = colours_of(results.cube["water"])
    if wide[list(parts)].to_numpy().any():
        figure = stacked_figure(
            wide, group="date", parts=parts, label="Area", units="ha", upright=True
        )
        section.figure(folder.figure(figure, "water_areas"), "Area under water at each date.")
    section.table(wide, "Area under water at each date.", units=dict.fromkeys(parts, "ha"),
                  decimals=dict.fromkeys(parts, 1))  # fmt: skip


def _water_words(case: SubsidenceCase) -> str:
    spec = case.water
    assert spec is not None
    table = f"{spec.table:g} m" if isinstance(spec.table, float | int) else f"{spec.table!r}"
    if spec.dem is None:
        words = (
            "Water stands where the ground has sunk below the water table, which is taken to stay "
            f"where it was: {table} below the ground before mining."
        )
        if spec.dry_season is not None:
            dry = spec.dry_season
            dry = f"{dry:g} m" if isinstance(dry, float | int) else f"{dry!r}"
            return (
                f"{words} In the dry season it is {dry} below: what has sunk less is under water "
                "for part of the year."
            )
        return f"{words} Cells count as water from {spec.minimum_depth:g} m on."
    brim = "to the brim of each depression that the sunken terrain has"
    if spec.table is None or spec.surface == "spill":
        rule = brim
    elif spec.surface == "groundwater":
        rule = f"to where the water table was, {table} below the ground"
    else:
        rule = f"to where the water table was, {table} below the ground, but not above the brim"
    return (
        f"Water stands {rule}; what stood there before mining is not counted. Cells count as water "
        f"from {spec.minimum_depth:g} m on."
    )


def profile_section(report: Report, results: SubsidenceResults, folder: RunFolder) -> None:
    """Draw the subsidence along the lines."""
    assert results.profiles is not None
    section = report.section("Profiles")
    figure = profile_figure(
        results.profiles, value="subsidence", label="Subsidence", downwards=True
    )
    section.figure(folder.figure(figure, "profiles"), "Subsidence along the lines, by date.")


def mine_section(report: Report, results: SubsidenceResults, folder: RunFolder) -> None:
    """Tell what each mine has lost."""
    assert results.mine_years is not None
    section = report.section("Mine by mine")
    section.text(
        "Each cell counts for the mine that holds its centre, whichever panels moved it; ground "
        "outside all mines is in none."
    )
    table = results.mine_years
    last = table[table["time"] == table["time"].max()].drop(columns="time").copy()
    last["volume"] /= 1e6
    last.attrs["units"] = {**table.attrs["units"], "volume": "hm3"}
    parts = colours_of(results.cube["level"])
    figure = stacked_figure(
        last.sort_values("affected", ascending=False), group="mine", parts=parts, label="Area",
        units="ha",
    )  # fmt: skip
    section.figure(folder.figure(figure, "mines"), "Area of each level in each mine.")
    section.table(
        last,
        f"Mines at {last_date(results)}: area, area of each level, share of the mine that is "
        "affected, greatest subsidence, volume lost (1 hm³ is a million m³). "
        "tables/mine_years.csv has all dates.",
        decimals={"area": 1, **dict.fromkeys(parts, 1), "affected": 1, "greatest": 2, "volume": 2},
    )
