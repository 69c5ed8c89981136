"""Subsidence of mines: from panels to cube, tables, maps and report."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import xarray as xr

from mineeco_xr.cube import (
    ingest,
    open_cube,
    read_vectors,
    write_cube,
)
from mineeco_xr.errors import MineecoWarning, SchemaError
from mineeco_xr.stats.zones import zone_layers
from mineeco_xr.subsidence import (
    mine_table,
    profile,
)
from mineeco_xr.subsidence.line_profile import placed_lines
from mineeco_xr.workflows.output import RunFolder
from mineeco_xr.workflows.subsidence_config import OutlineSpec, SubsidenceCase
from mineeco_xr.workflows.subsidence_layers import (
    case_panels,
    grid_of,
    predicted,
    reaching,
    side_of,
    subsidence_cube,
)
from mineeco_xr.workflows.subsidence_report import write_report
from mineeco_xr.workflows.subsidence_tables import (
    SubsidenceResults,
    area_table,
    land_table,
    panel_list,
    water_table,
)

if TYPE_CHECKING:
    import geopandas as gpd
    from odc.geo.geobox import GeoBox

    from mineeco_xr.subsidence import Panels


def run_subsidence(
    case: SubsidenceCase, folder: RunFolder, *, resume: bool = True, overwrite: bool = False
) -> SubsidenceResults:
    """Run a case of ``kind = "subsidence"``.

    Parameters
    ----------
    case : SubsidenceCase
        The configuration.
    folder : RunFolder
        Where outputs go.
    resume : bool
        Go on with an interrupted run.
    overwrite : bool
        Replace the cube of another run.

    Returns
    -------
    SubsidenceResults
        Cube, tables and notes, as the report shows them.
    """
    notes: list[str] = []
    with folder.step("Reading panels and checking inputs"), _noted(notes):
        layers = ingest(case.manifest()) if case.variables else xr.Dataset()
        grid = grid_of(case, layers)
        panels = reaching(case, case_panels(case.panels, case.base, grid), grid, notes)
        layers = layers.chunk(y=side_of(case), x=side_of(case)) if layers.data_vars else layers
        ground = predicted(case, panels, grid)
        cube = subsidence_cube(ground, layers, case)
        mines, lines = _mines(case, cube, grid), _lines(case, grid)
    with folder.step("Computing and writing the cube"):
        write_cube(cube, folder.cube, resume=resume, overwrite=overwrite)
        stored = open_cube(folder.cube)
    with folder.step("Summarising levels, land use and mines"):
        results = SubsidenceResults(stored, panels, area_table(stored["level"]), notes=notes)
        folder.table(results.areas, "level_years")
        folder.table(panel_list(panels), "panels")
        _summarise(results, case, ground["subsidence"], mines, lines, folder)
    with folder.step("Writing maps and vectors"):
        for name in stored.data_vars:
            if name != case.land_use:
                folder.map(stored[name], str(name))
        folder.vectors(panel_frame(panels, grid), "panels")
        if results.mines is not None:
            folder.vectors(results.mines, "mines")
    with folder.step("Drawing figures and writing the report"):
        write_report(results, case, folder)
    folder.record(case.model_dump(mode="json"), results.notes)
    return results


@contextmanager
def _noted(notes: list[str]) -> Iterator[None]:
    """Keep our own warnings for the report; others pass."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for warning in caught:
        if issubclass(warning.category, MineecoWarning):
            notes.append(str(warning.message)[:1].upper() + str(warning.message)[1:])
        else:
            warnings.warn_explicit(
                warning.message, warning.category, warning.filename, warning.lineno
            )


def _mines(case: SubsidenceCase, cube: xr.Dataset, grid: GeoBox) -> gpd.GeoDataFrame | None:
    if case.mines is None:
        return None
    mines = _outlines(case.mines, case.base, "mines")
    zone_layers(mines, cube["level"], grid, name=case.mines.name)
    return mines.to_crs(grid.crs.proj)


def _lines(case: SubsidenceCase, grid: GeoBox) -> gpd.GeoDataFrame | None:
    if case.profiles is None:
        return None
    lines = _outlines(case.profiles, case.base, "profiles")
    placed_lines(lines, grid, case.profiles.name)
    return lines.to_crs(grid.crs.proj)


def _outlines(spec: OutlineSpec, base: Path, what: str) -> gpd.GeoDataFrame:
    found = read_vectors(base / spec.path, layer=spec.layer)
    if spec.name not in found.columns:
        raise SchemaError(
            f"{what} have no column {spec.name!r}; there are {sorted(map(str, found.columns))}. "
            f"Name the one you mean with {what}.name."
        )
    return found


def _summarise(
    results: SubsidenceResults,
    case: SubsidenceCase,
    sunk: xr.DataArray,
    mines: gpd.GeoDataFrame | None,
    lines: gpd.GeoDataFrame | None,
    folder: RunFolder,
) -> None:
    cube = results.cube
    # What was not stored is computed again, block by block.
    depths = cube["subsidence"] if case.store_float else sunk
    if case.land_use is not None:
        use = cube[case.land_use]
        use = use.rename(land_use_time="time") if "land_use_time" in use.dims else use
        results.land = folder.table(land_table(cube["level"], use), "level_land_use_years")
    if mines is not None and case.mines is not None:
        table = mine_table(depths, cube["level"], mines, name=case.mines.name)
        results.mine_years = folder.table(table, "mine_years")
        last = table[table["time"] == table["time"].max()].drop(columns="time")
        own = last.rename(columns={"mine": case.mines.name})
        results.mines = mines.merge(own, on=case.mines.name, suffixes=("_given", ""))
    if lines is not None and case.profiles is not None:
        results.lines = lines
        along = profile(depths, lines, name=case.profiles.name)
        results.profiles = folder.table(along, "profiles")
    if case.water is not None:
        results.water = folder.table(water_table(cube), "water_years")


def panel_frame(panels: Panels, grid: GeoBox) -> gpd.GeoDataFrame:
    """Return the panels' outlines with what is known of them."""
    import geopandas as gpd

    plain = panels.table.drop(columns=["corners", "geometry"])
    return gpd.GeoDataFrame(plain, geometry=list(panels.table["geometry"]), crs=grid.crs.proj)
