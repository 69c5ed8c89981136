"""Carbon and water of a mine: from sources to cube, tables, maps and report."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import xarray as xr

from mineeco_xr.carbonwater import wue
from mineeco_xr.cube import geobox_of, ingest, open_cube, read_vectors, write_cube
from mineeco_xr.cube.store import side_for
from mineeco_xr.errors import SchemaError
from mineeco_xr.stats import trend, trend_classes, variation
from mineeco_xr.stats.zones import zone_layers
from mineeco_xr.workflows.output import RunFolder
from mineeco_xr.workflows.wue_change import (
    disturbance_layers,
    disturbance_tables,
    driver_layers,
    driver_tables,
    factors_of,
    layer_series,
)
from mineeco_xr.workflows.wue_checks import require_plausible, source_notes, year_notes
from mineeco_xr.workflows.wue_config import WueCase
from mineeco_xr.workflows.wue_layers import joined, one_a_year, point_notes, yearly_layers
from mineeco_xr.workflows.wue_report import Section, write_report
from mineeco_xr.workflows.wue_results import WueResults
from mineeco_xr.workflows.wue_sharp import (
    accuracy_tables,
    flag_notes,
    mass_table,
    require_trainable,
    sharpened,
    trained_models,
    with_wue_spread,
)
from mineeco_xr.workflows.wue_tables import trend_areas, yearly_table, zone_series, zone_trends
from mineeco_xr.workflows.wue_zones import phase_tables, require_years, ring_table, with_ring

if TYPE_CHECKING:
    import geopandas as gpd

    from mineeco_xr.carbonwater.downscale_model import DownscaleModel

MAPS = (
    *("wue_period", "wue_slope", "wue_p", "wue_change", "wue_variation", "wue"),
    *("npp", "et", "disturbance_year", "disturbance_magnitude", "recovery_recovered"),
    *("dominant_driver", "dominant_driver_r"),
)
"""Layers that are also written for a GIS, as far as a run has them."""

BLOCKS = 16
"""Of a downscaling at least, as long as they are not small: it is the long part of a run."""


def wue_cube(layers: xr.Dataset, case: WueCase) -> xr.Dataset:
    """Compose the derived layers of a run, lazily.

    Parameters
    ----------
    layers : xarray.Dataset
        Yearly, with the case's NPP and ET, and what its steps name.
    case : WueCase
        The configuration.

    Returns
    -------
    xarray.Dataset
        ``wue`` by date, ``wue_period`` (ratio of the sums over all dates), ``wue_variation``,
        ``wue_slope``, ``wue_intercept``, ``wue_p``, ``wue_tau``, ``wue_n``, ``wue_change``
        (classes); with the steps of the case ``disturbance_year`` and so on, and
        ``dominant_driver``.
    """
    inputs = (layers[case.wue.npp], layers[case.wue.et])
    efficiency = partial(wue, *inputs, et_min=case.wue.et_min, npp_min=case.wue.npp_min)
    yearly = efficiency()
    fitted = trend(yearly, min_n=case.trend.min_n, correction=case.trend.correction)
    derived = {
        "wue": yearly,
        "wue_period": efficiency(over="time"),
        "wue_variation": variation(yearly),
        **{f"wue_{name}": fitted[name] for name in ("slope", "intercept", "p", "tau", "n")},
    }
    stored = {name: layer.astype("float32", keep_attrs=True) for name, layer in derived.items()}
    levels = (case.trend.alpha, case.trend.alpha / 5)
    cube = xr.Dataset(stored).assign(wue_change=trend_classes(fitted, alpha=levels))
    if case.disturbance is not None:
        cube = joined(cube, disturbance_layers(layers, case.disturbance))
    if case.drivers is not None:
        cube = joined(cube, driver_layers(yearly, layers, case.drivers))
    return cube


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
        Replace the cubes of another run.
    more : callable, optional
        Adds sections to the report.

    Returns
    -------
    WueResults
        Cube, tables and notes, as the report shows them.
    """
    store = partial(write_cube, resume=resume, overwrite=overwrite)
    with folder.step("Reading headers and checking inputs"):
        layers = yearly_layers(case)
        coarse = one_a_year(ingest(case.coarse_manifest())) if case.coarse else None
        products = layers if coarse is None else coarse
        zones = _zones(case, layers)
        _require_layers(layers, coarse, case)
        notes = [*source_notes(products), *point_notes(case, layers)]
    with folder.step("Checking the range of the values"):
        require_plausible(products[case.wue.npp], products[case.wue.et], case.wue)
    models: dict[str, DownscaleModel] = {}
    if coarse is not None:
        with folder.step("Computing and writing the yearly layers"):
            side = _side(layers)
            store(layers, folder.layers, chunk=side)
            layers = open_cube(folder.layers)
        with folder.step("Training the models that downscale carbon and water"):
            models = trained_models(layers, coarse, case)
        with folder.step("Downscaling carbon and water"):
            sharp = sharpened(layers, coarse, models, case.downscale)
            store(with_wue_spread(sharp, case.wue), folder.sharp, chunk=side)
            sharp = open_cube(folder.sharp)
            layers = joined(layers, sharp[[case.wue.npp, case.wue.et]])
    with folder.step("Computing and writing the cube"):
        derived = wue_cube(layers, case)
        # What a store holds already is not written again.
        store(derived if coarse is not None else joined(layers, derived), folder.cube)
        cube = open_cube(folder.cube)
        if coarse is not None:
            cube = joined(layers, cube)
    with folder.step("Summarising years and zones"):
        results = _summarise(cube, case, zones, folder)
        results.notes += notes
        if coarse is not None:
            _judge(results, open_cube(folder.sharp), coarse, models, case, folder)
    with folder.step("Writing maps"):
        for name in MAPS:
            if name in cube:
                folder.map(cube[name], name)
        if results.zones is not None:
            folder.vectors(results.zones, "zones")
    with folder.step("Drawing figures and writing the report"):
        write_report(results, case, folder, more)
    folder.record(case.model_dump(mode="json"), results.notes)
    return results


def _side(layers: xr.Dataset) -> int:
    """Return the side of blocks for a forest: enough of them for several processors."""
    side = side_for(4 * layers.sizes.get("time", 1))
    rows, columns = layers.sizes["y"], layers.sizes["x"]
    while side > 128 and -(-rows // side) * -(-columns // side) < BLOCKS:
        side //= 2
    return side


def _require_layers(layers: xr.Dataset, coarse: xr.Dataset | None, case: WueCase) -> None:
    """Check now what later steps name, before anything long begins."""
    if coarse is not None:
        require_trainable(layers, coarse, case)
    if case.drivers is not None:
        factors_of(layers, case.drivers)
    if case.disturbance is not None:
        disturbance_layers(layers, case.disturbance)


def _zones(case: WueCase, layers: xr.Dataset) -> gpd.GeoDataFrame | None:
    """Read the zones and check now what would otherwise fail after the long part."""
    if case.zones is None:
        return None
    zones = read_vectors(case.base / case.zones.path, layer=case.zones.layer)
    wanted = (case.zones.name, *case.zones.marks)
    missing = [column for column in wanted if column not in zones.columns]
    if missing:
        raise SchemaError(f"zones have no columns {missing}; there are {sorted(zones.columns)}.")
    for mark in case.zones.marks:
        require_years(zones[mark], mark)
    raster = next(layer for layer in layers.data_vars.values() if {"y", "x"} <= set(layer.dims))
    zones = with_ring(zones, raster, case.zones)
    names = zones[case.zones.name].tolist()
    if case.zones.reference not in (None, *names):
        raise SchemaError(f"zones.reference is {case.zones.reference!r}; the zones are {names}.")
    zone_layers(zones, raster, geobox_of(raster), name=case.zones.name)
    return zones


def _summarise(
    cube: xr.Dataset, case: WueCase, zones: gpd.GeoDataFrame | None, folder: RunFolder
) -> WueResults:
    npp, et = cube[case.wue.npp], cube[case.wue.et]
    limits = {"et_min": case.wue.et_min, "npp_min": case.wue.npp_min}
    yearly = folder.table(yearly_table(npp, et, **limits), "years")
    areas = folder.table(trend_areas(cube, case.trend.alpha), "trend_areas")
    results = WueResults(cube=cube, yearly=yearly, areas=areas, zones=zones)
    if case.zones is not None and zones is not None:
        _summarise_zones(results, case, zones, folder, limits)
    if case.disturbance is not None:
        years, agreement = disturbance_tables(cube, case.disturbance)
        results.disturbed = folder.table(years, "disturbance_years")
        results.agreement = folder.table(agreement, "disturbance_methods")
    if case.drivers is not None:
        name = None if case.zones is None else case.zones.name
        table = driver_tables(cube["wue"], cube, case.drivers, zones, name)
        results.drivers = folder.table(table, "drivers")
    results.notes = year_notes(yearly, results.series)
    return results


def _summarise_zones(
    results: WueResults,
    case: WueCase,
    zones: gpd.GeoDataFrame,
    folder: RunFolder,
    limits: dict[str, float],
) -> None:
    assert case.zones is not None
    npp, et = results.cube[case.wue.npp], results.cube[case.wue.et]
    series = zone_series(npp, et, zones, case.zones.name, **limits)
    results.series = folder.table(series, "zone_years")
    results.trends = folder.table(
        zone_trends(series, case.trend.min_n, case.trend.correction), "zone_trends"
    )
    found = phase_tables(series, zones, case.zones)
    if found is not None:
        results.phases = folder.table(found[0], "zone_phases")
        results.turns = folder.table(found[1], "zone_turns")
    if case.zones.ring is not None:
        results.ring = folder.table(ring_table(series), "zone_recovery")
    if case.disturbance is not None:
        curve = layer_series(results.cube[case.disturbance.variable], zones, case.zones.name)
        variable = case.disturbance.variable.lower()
        results.curve = folder.table(curve, f"zone_{variable}")
        seen = phase_tables(curve, zones, case.zones, value="mean")
        if seen is not None:
            results.turns_seen = folder.table(seen[1], f"zone_turns_{variable}")


def _judge(
    results: WueResults,
    sharp: xr.Dataset,
    coarse: xr.Dataset,
    models: dict[str, DownscaleModel],
    case: WueCase,
    folder: RunFolder,
) -> None:
    """Tabulate how well carbon and water were downscaled."""
    targets = [case.wue.npp, case.wue.et]
    accuracy, importance = accuracy_tables(models)
    results.accuracy = folder.table(accuracy, "accuracy")
    results.importance = folder.table(importance, "importance")
    results.mass = folder.table(mass_table(sharp, coarse, targets), "mass_error")
    results.notes += flag_notes(sharp, targets)
    results.sharp, results.coarse = sharp, coarse
