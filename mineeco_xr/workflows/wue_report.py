"""The report of a carbon and water run."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from mineeco_xr.report import (
    Report,
    histogram_figure,
    map_figure,
    panel_figure,
    pretty_units,
    series_figure,
    trend_figure,
)
from mineeco_xr.workflows.output import RunFolder
from mineeco_xr.workflows.wue_config import WueCase
from mineeco_xr.workflows.wue_results import UNITS, WueResults
from mineeco_xr.workflows.wue_sections import change_sections, downscaling, phases_of_zones

if TYPE_CHECKING:
    import pandas as pd

CORRECTIONS = {
    None: "",
    "hamed_rao": " and after Hamed and Rao for autocorrelation",
    "yue_wang": " and after Yue and Wang for autocorrelation",
    "tfpw": ", after trend-free pre-whitening",
}
Section = Callable[[Report, WueResults], None]
"""Adds something to a report before its method section."""


def write_report(
    results: WueResults, case: WueCase, folder: RunFolder, more: Section | None = None
) -> Report:
    """Draw the figures of a run and write ``report.html``."""
    report = Report(case.title, case.subtitle)
    _cards(report, results)
    for note in results.notes:
        report.note(note, kind="warning")
    if results.accuracy is not None:
        downscaling(report, results, case, folder)
    _overall(report, results, folder)
    _years(report, results, folder)
    _change(report, results, case, folder)
    if results.series is not None:
        _zones(report, results, case, folder)
        phases_of_zones(report, results, case, folder)
    change_sections(report, results, case, folder)
    if more is not None:
        more(report, results)
    _method(report, case)
    report.provenance(
        parameters=case.model_dump(mode="json", exclude={"variables", "coarse", "base"}),
        inputs={n: str(spec.path) for n, spec in (case.variables | case.coarse).items()},
    )
    report.write(folder.root / "report.html")
    folder.files.append("report.html")
    return report


def _cards(report: Report, results: WueResults) -> None:
    years = results.yearly
    some = years[years["cells"] > 0]
    carbon, water = (some[c] * some["area"] for c in ("npp", "et"))
    report.card("WUE of all dates", f"{carbon.sum() / water.sum():.3f}", units=UNITS,
                note="all carbon over all water")  # fmt: skip
    best = some.loc[some["wue"].idxmax()]
    worst = some.loc[some["wue"].idxmin()]
    report.card("Highest date", f"{best['wue']:.3f}", units=UNITS, note=_when(best))
    report.card("Lowest date", f"{worst['wue']:.3f}", units=UNITS, note=_when(worst))
    share = results.areas.set_index("change")["share"]
    for word in ("increase", "decrease"):
        value = share[[c for c in share.index if c.startswith(word)]].sum()
        report.card(
            f"Significant {word}", f"{value:.1f}", units="%", note="of the area with a trend"
        )


def _when(row: pd.Series) -> str:
    return str(row["time"])[:10]


def _overall(report: Report, results: WueResults, folder: RunFolder) -> None:
    section = report.section("Where carbon is fixed for the water spent")
    section.text(
        "Water-use efficiency (WUE) is net primary production over evapotranspiration, in grams of "
        "carbon fixed for each millimetre of water, that is per kilogram of water on 1 m². "
        "For all dates together it is the ratio of the sums, not the mean of the ratios."
    )
    zones = results.zones
    figure = map_figure(
        results.cube["wue_period"],
        label="Water-use efficiency",
        zones=zones,
        zones_label=None if zones is None else "zones",
    )
    section.figure(folder.figure(figure, "wue_period"), "Water-use efficiency of all dates.")
    figure = histogram_figure(results.cube["wue_period"])
    section.figure(folder.figure(figure, "wue_histogram"), "Distribution over the cells.")


def _years(report: Report, results: WueResults, folder: RunFolder) -> None:
    section = report.section("From date to date")
    figure = panel_figure(results.cube["wue"], label="Water-use efficiency")
    section.figure(folder.figure(figure, "wue_dates"), "Water-use efficiency of each date.")
    table = results.yearly.assign(time=[str(t)[:10] for t in results.yearly["time"]])
    table.attrs = results.yearly.attrs
    section.table(table.rename(columns={"time": "date", "wue_std": "spread"}),
                  "Carbon, water and efficiency of all valid cells; efficiency is the ratio of the "
                  "means, spread the standard deviation of the cells' efficiencies.",
                  units={**results.yearly.attrs["units"], "spread": UNITS})  # fmt: skip
    figure = map_figure(
        results.cube["wue_variation"], label="Coefficient of variation", cmap="cividis"
    )
    section.figure(
        folder.figure(figure, "wue_variation"),
        "Coefficient of variation over the dates: the standard deviation over the mean.",
    )


def _change(report: Report, results: WueResults, case: WueCase, folder: RunFolder) -> None:
    alpha = case.trend.alpha
    section = report.section("Trend")
    cells = np.isfinite(results.cube["wue_slope"]).sum().compute().item()
    if not cells:
        section.text(f"No cell has the {case.trend.min_n} valid dates that a trend needs.")
        return
    section.text(
        f"The slope is the median of all pairwise slopes (Theil-Sen); its significance that of the "
        f"Mann-Kendall test, corrected for ties{CORRECTIONS[case.trend.correction]}, of cells with "
        f"at least {case.trend.min_n} valid dates. Cells are tested one by one: with many cells, "
        f"some are significant by chance (about {100 * alpha:g} % of those without a trend)."
    )
    trend = results.cube[["wue_slope", "wue_p"]]
    figure = trend_figure(
        trend, alpha, slope="wue_slope", p="wue_p", label="Trend of WUE", zones=results.zones
    )
    section.figure(
        folder.figure(figure, "wue_trend"),
        f"Trend of water-use efficiency; stippled where p < {alpha:g}.",
    )
    section.table(results.areas, "Area by class of change.", decimals={"area": 1, "share": 1})


def _zones(report: Report, results: WueResults, case: WueCase, folder: RunFolder) -> None:
    assert results.series is not None
    assert results.trends is not None
    assert case.zones is not None
    section = report.section("Zones")
    section.text(
        "A zone's efficiency is its carbon over its water. Cells belong to a zone that holds their "
        "centre and weigh by their true area; zones may overlap."
    )
    marks = None
    if results.zones is not None and case.zones.marks:
        years = results.zones[list(case.zones.marks)]
        # A year of 0 means that the zone never saw that beginning.
        marks = years.where(years > 0).assign(zone=results.zones[case.zones.name])
    figure = series_figure(
        results.series, value="wue", label="Water-use efficiency", units=UNITS, marks=marks
    )
    section.figure(folder.figure(figure, "zone_series"), "Water-use efficiency of the zones.")
    if results.zones is not None:
        figure = map_figure(
            results.cube["wue_period"], label="Water-use efficiency",
            zones=results.zones, zone_names=case.zones.name,
        )  # fmt: skip
        section.figure(folder.figure(figure, "zones"), "The zones.")
    section.table(
        results.trends.drop(columns=["first", "last"]),
        "Zones: area with values, efficiency of all dates, Theil-Sen slope, two-sided p of the "
        "Mann-Kendall test, and number of valid dates.",
        decimals={"p": 3, "wue": 3, "slope": 4, "valid_area": 1},
    )


def _method(report: Report, case: WueCase) -> None:
    section = report.section("Method")
    cubes = "layers.zarr, downscaled.zarr, cube.zarr" if case.coarse else "cube.zarr"
    section.text(
        f"Cells with less than {case.wue.et_min:g} mm of evapotranspiration or less than "
        f"{case.wue.npp_min:g} {pretty_units('gC m-2')} of production in a period have no "
        "efficiency; they are nodata, never infinite. Every cell is computed from its own "
        "series; results are equal bit for bit for any division into chunks and any number of "
        f"workers. Cubes, tables and maps lie beside this page: {cubes}, tables/, maps/, "
        "figures/, vectors/ and run.json."
    )
