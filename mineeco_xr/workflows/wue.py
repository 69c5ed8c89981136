"""Carbon and water of a mine: from sources to cube, tables, maps and report."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import xarray as xr

from mineeco_xr.carbonwater import wue
from mineeco_xr.cube import geobox_of, ingest, open_cube, read_vectors, write_cube
from mineeco_xr.errors import SchemaError
from mineeco_xr.stats import trend, variation
from mineeco_xr.stats.zones import zone_layers
from mineeco_xr.workflows.config import WueCase
from mineeco_xr.workflows.output import RunFolder
from mineeco_xr.workflows.wue_checks import require_plausible, year_notes
from mineeco_xr.workflows.wue_report import Section, WueResults, write_report
from mineeco_xr.workflows.wue_tables import trend_areas, yearly_table, zone_series, zone_trends

if TYPE_CHECKING:
    import geopandas as gpd


def wue_cube(sources: xr.Dataset, case: WueCase) -> xr.Dataset:
    """Compose the cube of a run, lazily: what was ingested and what follows from it.

    Parameters
    ----------
    sources : xarray.Dataset
        With the case's NPP and ET.
    case : WueCase
        The configuration.

    Returns
    -------
    xarray.Dataset
        The sources, ``wue`` by date, ``wue_period`` (ratio of the sums over all dates),
        ``wue_variation``, and ``wue_slope``, ``wue_intercept``, ``wue_p``, ``wue_tau``, ``wue_n``.
    """
    layers = (sources[case.wue.npp], sources[case.wue.et])
    efficiency = partial(wue, *layers, et_min=case.wue.et_min, npp_min=case.wue.npp_min)
    yearly = efficiency()
    fitted = trend(yearly, min_n=case.trend.min_n)
    derived = {
        "wue": yearly,
        "wue_period": efficiency(over="time"),
        "wue_variation": variation(yearly),
        **{f"wue_{name}": fitted[name] for name in ("slope", "intercept", "p", "tau", "n")},
    }
    stored = {name: layer.astype("float32", keep_attrs=True) for name, layer in derived.items()}
    return sources.assign(stored)


def run_wue(
    case: WueCase,
    folder: RunFolder,
    *,
    resume: bool = True,
    overwrite: bool = False,
    more: Section | None = None,
) -> WueResults:
    """Run a case of ``kind = "wue"``.

    Parameters
    ----------
    case : WueCase
        The configuration.
    folder : RunFolder
        Where outputs go.
    resume : bool
        Go on with an interrupted run.
    overwrite : bool
        Replace the cube of another run.
    more : callable, optional
        Adds sections to the report.

    Returns
    -------
    WueResults
        Cube, tables and notes, as the report shows them.
    """
    with folder.step("Reading headers and checking inputs"):
        sources = ingest(case.manifest())
        zones = _zones(case, sources)
        lazy = wue_cube(sources, case)
    with folder.step("Checking the range of the values"):
        require_plausible(sources[case.wue.npp], sources[case.wue.et], case.wue)
    with folder.step("Computing and writing the cube"):
        write_cube(lazy, folder.cube, resume=resume, overwrite=overwrite)
        cube = open_cube(folder.cube)
    with folder.step("Summarising years and zones"):
        results = _summarise(cube, case, zones, folder)
    with folder.step("Writing maps"):
        for name in ("wue_period", "wue_slope", "wue_p", "wue_variation", "wue"):
            folder.map(cube[name], name)
        if zones is not None:
            folder.vectors(zones, "zones")
    with folder.step("Drawing figures and writing the report"):
        write_report(results, case, folder, more)
    folder.record(case.model_dump(mode="json"), results.notes)
    return results


def _zones(case: WueCase, sources: xr.Dataset) -> gpd.GeoDataFrame | None:
    """Read the zones and check now what would otherwise fail after the long part."""
    if case.zones is None:
        return None
    zones = read_vectors(case.base / case.zones.path, layer=case.zones.layer)
    missing = [column for column in case.zones.marks if column not in zones.columns]
    if missing:
        raise SchemaError(f"zones have no columns {missing}; there are {sorted(zones.columns)}.")
    carbon = sources[case.wue.npp]
    zone_layers(zones, carbon, geobox_of(carbon), name=case.zones.name)
    return zones


def _summarise(
    cube: xr.Dataset, case: WueCase, zones: gpd.GeoDataFrame | None, folder: RunFolder
) -> WueResults:
    npp, et = cube[case.wue.npp], cube[case.wue.et]
    limits = {"et_min": case.wue.et_min, "npp_min": case.wue.npp_min}
    yearly = folder.table(yearly_table(npp, et, **limits), "years")
    areas = folder.table(trend_areas(cube, case.trend.alpha), "trend_areas")
    series = trends = None
    if case.zones is not None and zones is not None:
        series = zone_series(npp, et, zones, case.zones.name, **limits)
        series = folder.table(series, "zone_years")
        trends = folder.table(zone_trends(series, case.trend.min_n), "zone_trends")
    return WueResults(
        cube=cube,
        yearly=yearly,
        areas=areas,
        series=series,
        trends=trends,
        zones=zones,
        notes=year_notes(yearly, series),
    )
