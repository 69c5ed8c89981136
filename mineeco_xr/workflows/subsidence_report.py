"""The report of a subsidence run."""

from __future__ import annotations

import numpy as np
import xarray as xr

from mineeco_xr.cube import geobox_of
from mineeco_xr.report import (
    Report,
    map_figure,
    panel_figure,
    stacked_figure,
)
from mineeco_xr.workflows.output import RunFolder
from mineeco_xr.workflows.subsidence_config import SubsidenceCase
from mineeco_xr.workflows.subsidence_sections import (
    by_date,
    colours_of,
    land_use_section,
    last_date,
    mine_section,
    outlines,
    profile_section,
    water_section,
)
from mineeco_xr.workflows.subsidence_tables import SubsidenceResults, panel_list

MOST_MAPS = 20
MOST_PANELS = 30
DEPTH_MAP = "YlOrBr"
ONE_SIGN = {"displacement": "YlGnBu", "tilt": "YlGnBu"}
TWO_SIGNS = "RdBu_r"
MOST_ZOOMS = 8
SMALL = 0.25
"""Share of a map's area below which a mine on it gets maps of its own."""
FUNCTIONS = {
    "knothe": "Knothe's 1 - exp(-c t)",
    "weibull": "1 - exp(-c t^k)",
    "normal": "(1 - exp(-c t))^n",
    "logistic": "a logistic curve",
    "mmf": "t^k / (w + t^k)",
}


def write_report(results: SubsidenceResults, case: SubsidenceCase, folder: RunFolder) -> Report:
    """Draw the figures of a run and write ``report.html``."""
    report = Report(case.title, case.subtitle)
    _cards(report, results)
    for note in results.notes:
        report.note(note, kind="warning")
    window = affected_window(results.cube["level"])
    _ground(report, results, case, folder, window)
    _levels(report, results, folder, window)
    if results.land is not None:
        land_use_section(report, results, folder)
    if results.water is not None:
        water_section(report, results, case, folder, window)
    if results.profiles is not None:
        profile_section(report, results, folder)
    if results.mine_years is not None:
        mine_section(report, results, folder)
    _panels(report, results)
    _method(report, results, case)
    report.provenance(
        parameters=case.model_dump(mode="json", exclude={"variables", "base"}),
        inputs={
            "panels": case.panels.path,
            **{name: str(spec.path) for name, spec in case.variables.items()},
        },
    )
    report.write(folder.root / "report.html")
    folder.files.append("report.html")
    return report


def affected_window(levels: xr.DataArray) -> dict[str, slice]:
    """Return the rows and columns that hold all affected cells of the last date, and a margin.

    Parameters
    ----------
    levels : xarray.DataArray
        Dims ``(time, y, x)``.

    Returns
    -------
    dict of str to slice
        For ``isel``; empty when nothing or nearly everything is affected.
    """
    last = levels.isel(time=-1, drop=True)
    fill = levels.attrs.get("_FillValue")
    hit = (last > 0) & (last != fill) if fill is not None else last > 0
    found = xr.Dataset({"y": hit.any("x").variable, "x": hit.any("y").variable}).compute()
    window = {}
    for dim in ("y", "x"):
        at = np.flatnonzero(found[dim].values)
        if not at.size:
            return {}
        margin = max(2, (at[-1] - at[0]) // 12)
        window[dim] = slice(max(0, int(at[0] - margin)), int(at[-1] + margin + 1))
    return window


def _final(results: SubsidenceResults) -> xr.DataArray:
    sunk = results.cube["subsidence"]
    return sunk.isel(time=-1, drop=True) if "time" in sunk.dims else sunk


def _cards(report: Report, results: SubsidenceResults) -> None:
    date = last_date(results)
    sunk = _final(results)
    cell = abs(geobox_of(sunk).affine.a * geobox_of(sunk).affine.e)
    totals = xr.Dataset({"deep": sunk.max(), "sum": sunk.sum(dtype="float64")}).compute()
    last = results.areas[results.areas["time"] == results.areas["time"].max()]
    report.card("Greatest subsidence", float(totals["deep"]), units="m", note=date)
    report.card("Affected area", float(last["area"].sum()), units="ha",
                note=f"from the first level on, {date}")  # fmt: skip
    report.card(f"{last['level'].iloc[-1].capitalize()}", float(last["area"].iloc[-1]),
                units="ha", note=f"the deepest level, {date}")  # fmt: skip
    report.card("Volume of the ground lost", float(totals["sum"]) * cell / 1e6, units="hm3",
                note="10⁶ m³")  # fmt: skip
    if results.water is not None:
        water = results.water[results.water["time"] == results.water["time"].max()]
        report.card("Under water", float(water["area"].sum()), units="ha", note=date)
    report.card("Panels", f"{len(results.panels)}", note="in the prediction")


def _ground(
    report: Report, results: SubsidenceResults, case: SubsidenceCase, folder: RunFolder,
    window: dict[str, slice],
) -> None:  # fmt: skip
    section = report.section("How far the ground sinks")
    section.text(
        f"Subsidence predicted for {last_date(results)} by the probability integral method, as "
        "the sum over all panels that were mined by then and of what has come of each."
    )
    zones, label = outlines(results)
    sunk = _final(results).isel(window).assign_attrs(long_name="Subsidence", units="m")
    figure = map_figure(sunk, cmap=DEPTH_MAP, robust=False, zones=zones, zones_label=label)
    section.figure(folder.figure(figure, "subsidence"), "Subsidence at the last date.")
    for name in case.method.output:
        layer = _per_thousand(results.cube[name].isel(window))
        figure = map_figure(
            layer, cmap=ONE_SIGN.get(name, TWO_SIGNS), robust=False,
            diverging=name not in ONE_SIGN, zones=zones, zones_label=label,
        )  # fmt: skip
        text = str(layer.attrs.get("long_name", name))
        section.figure(folder.figure(figure, name), f"{text[:1].upper()}{text[1:]}.")


def _per_thousand(layer: xr.DataArray) -> xr.DataArray:
    """Write tilt and strain in mm/m and curvature in 1e-3/m, as tables of damage do."""
    units = {"m m-1": "mm m-1", "m-1": "km-1"}.get(str(layer.attrs.get("units")))
    return layer if units is None else (layer * 1000).assign_attrs(layer.attrs, units=units)


def _some_dates(data: xr.DataArray) -> xr.DataArray:
    if data.sizes["time"] <= MOST_MAPS:
        return data
    at = np.unique(np.linspace(0, data.sizes["time"] - 1, MOST_MAPS).round().astype(int))
    return data.isel(time=at)


def _levels(
    report: Report, results: SubsidenceResults, folder: RunFolder, window: dict[str, slice]
) -> None:
    levels = results.cube["level"]
    section = report.section("Levels, year by year")
    bounds = ", ".join(f"{bound:g}" for bound in np.atleast_1d(levels.attrs["levels"]))
    section.text(
        f"The levels begin at {bounds} {levels.attrs['level_units']} of subsidence; less than the "
        "first is unaffected."
    )
    shown = _some_dates(levels.isel(window)).assign_attrs(long_name="Level of subsidence")
    columns = 5 if shown.sizes["time"] > 8 else min(4, shown.sizes["time"])
    figure = panel_figure(shown, columns=columns, crop=False)
    section.figure(folder.figure(figure, "levels"), "Levels of subsidence at each date.")
    for number, (name, near) in enumerate(_zooms(results, shown), start=1):
        figure = panel_figure(near, columns=columns, crop=False)
        section.figure(
            folder.figure(figure, f"levels_mine_{number}"), f"Levels of subsidence near {name}."
        )
    wide = by_date(results.areas, "level")
    figure = stacked_figure(
        wide, group="date", parts=colours_of(levels), label="Area", units="ha", upright=True
    )
    section.figure(folder.figure(figure, "level_areas"), "Area of each level at each date.")
    wide["affected"] = wide.drop(columns="date").sum(axis=1)
    section.table(wide, "Area of each level at each date.",
                  units=dict.fromkeys(wide.columns[1:], "ha"),
                  decimals=dict.fromkeys(wide.columns[1:], 1))  # fmt: skip


def _zooms(results: SubsidenceResults, shown: xr.DataArray) -> list[tuple[str, xr.DataArray]]:
    """Return the surroundings of each mine where the mines are small on the map of all."""
    mines, table = results.mines, results.mine_years
    if mines is None or table is None or len(mines) > MOST_ZOOMS:
        return []
    box = geobox_of(shown).boundingbox
    names = table["mine"].drop_duplicates().tolist()
    found = []
    for name, outline in zip(names, mines.geometry, strict=True):
        left, bottom, right, top = outline.buffer(0.15 * outline.length / 4).bounds
        y, x = shown["y"], shown["x"]
        near = shown.isel(y=((y > bottom) & (y < top)).values, x=((x > left) & (x < right)).values)
        if (right - left) * (top - bottom) > SMALL * box.span_x * box.span_y or not near.size:
            continue
        found.append((str(name), near))
    return found


def _panels(report: Report, results: SubsidenceResults) -> None:
    section = report.section("Panels")
    section.table(
        panel_list(results.panels),
        "Panels in the order of mining, with the parameters used. tables/panels.csv has all.",
        most_rows=MOST_PANELS,
        decimals={"area": 1, "depth": 0, "thickness": 2, "dip": 1, "q": 2, "tan_beta": 2, "b": 2},
    )


def _method(report: Report, results: SubsidenceResults, case: SubsidenceCase) -> None:
    section = report.section("Method")
    function = case.method.time_function
    time = (
        "All of the subsidence comes as the coal is taken."
        if function == "none"
        else f"Of each slice of a panel it comes by {FUNCTIONS[function]}, from when it was mined."
    )
    kept = "of all dates" if case.store_float else "of the last date"
    section.text(
        "The probability integral method (Knothe-Budryk; He 1991) sums over the panels the mined "
        "thickness times the subsidence factor q times the cosine of the dip, blurred by a "
        "Gaussian whose influence radius is the depth over tan(beta). Rectangles are computed in "
        "closed form, other outlines by boundary integrals. "
        f"{time} Results are equal for any division into chunks.\n\n"
        "The method is linear: it knows no strength of the ground, no faults, and no limit but the "
        "parameters, which should come from surveys of the mine itself. Errors of q and tan(beta) "
        "move depths and edges in proportion.\n\n"
        f"cube.zarr holds the levels of all dates and the subsidence {kept}; tables/, maps/, "
        "figures/, vectors/ and run.json lie beside this page."
    )
