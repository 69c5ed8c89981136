"""The layers of a subsidence run: panels, what the ground does, levels and water, all lazy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from mineeco_xr.cube import (
    geobox_of,
    make_grid,
    read_vectors,
    require_metres,
)
from mineeco_xr.cube.store import side_for
from mineeco_xr.errors import ParameterError, SchemaError
from mineeco_xr.subsidence import (
    ponding,
    read_panels,
    subsidence,
    subsidence_levels,
    water_depth,
    waterlogging,
)
from mineeco_xr.subsidence.checks import check_reach
from mineeco_xr.subsidence.forward import CUTOFFS
from mineeco_xr.subsidence.panel_table import ALIASES, read_rows
from mineeco_xr.workflows.subsidence_config import PanelSpec, SubsidenceCase, WaterSpec

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

    from mineeco_xr.subsidence import Panels


def grid_of(case: SubsidenceCase, layers: xr.Dataset) -> GeoBox:
    """Return the grid of a case, checked to be in metres.

    Raises
    ------
    GridMismatch
        If it is not.
    """
    spec = case.grid
    if layers.data_vars:
        grid = geobox_of(layers)
    else:
        assert spec.bounds is not None
        assert spec.resolution is not None
        grid = make_grid(spec.bounds, crs=spec.crs, resolution=spec.resolution)
    require_metres(grid, "subsidence")
    return grid


def case_panels(spec: PanelSpec, base: Path, grid: GeoBox) -> Panels:
    """Read the panels of a case, with its names of columns and its defaults.

    Parameters
    ----------
    spec : PanelSpec
        Which file, and how.
    base : Path
        Folder that its path starts from.
    grid : odc.geo.geobox.GeoBox
        Gives the reference system.

    Returns
    -------
    Panels
        Checked.

    Raises
    ------
    DataError
        If the file is absent or cannot be read.
    SchemaError
        If it lacks a column that ``columns`` names.
    """
    path = base / spec.path
    table: Any
    if path.suffix.lower() in (".csv", ".txt"):
        table = read_rows(path)
    else:
        table = read_vectors(path, layer=spec.layer)
    missing = sorted(set(spec.columns) - set(table.columns))
    if missing:
        raise SchemaError(
            f"panels.columns names {missing}; {spec.path} has {sorted(map(str, table.columns))}."
        )
    table = table.rename(columns=spec.columns)
    known = {ALIASES.get(str(c).strip().lower(), str(c).strip().lower()): c for c in table.columns}
    for name, value in spec.defaults.items():
        own = known.get(ALIASES.get(name.lower(), name.lower()))
        table[own or name] = value if own is None else table[own].fillna(value)
    return read_panels(table, crs=grid.crs.proj)


def reaching(case: SubsidenceCase, panels: Panels, grid: GeoBox, notes: list[str]) -> Panels:
    """Return the panels that reach the grid, and note how many do not.

    Raises
    ------
    ParameterError
        If one does not and the case does not say that such are ignored.
    """
    cutoff = case.method.cutoff or CUTOFFS["float32"]
    kept = check_reach(panels, grid, cutoff, case.panels.outside)
    if not len(kept):
        raise ParameterError(f"none of the {len(panels)} panels of {case.panels.path} reaches the "
                             "grid: check its bounds and reference system.")  # fmt: skip
    if len(kept) < len(panels):
        notes.append(
            f"{len(panels) - len(kept)} of {len(panels)} panels do not reach the grid and are left "
            "out."
        )
    return kept


def predicted(case: SubsidenceCase, panels: Panels, grid: GeoBox) -> xr.Dataset:
    """Return what the ground does, lazily: the subsidence of all dates, the rest of the last."""
    options = {
        **case.method.arguments(), "outside": case.panels.outside, "chunks": side_of(case),
    }  # fmt: skip
    ground = subsidence(panels, grid, time=list(case.dates), **options)
    if case.method.output:
        last = subsidence(
            panels, grid, time=[case.dates[-1]], output=case.method.output, **options
        ).isel(time=0, drop=True)
        ground = ground.assign(dict(last.data_vars))
    return ground


def subsidence_cube(ground: xr.Dataset, layers: xr.Dataset, case: SubsidenceCase) -> xr.Dataset:
    """Compose the layers of a run, lazily.

    Parameters
    ----------
    ground : xarray.Dataset
        From :func:`predicted`.
    layers : xarray.Dataset
        The case's variables.
    case : SubsidenceCase
        The configuration.

    Returns
    -------
    xarray.Dataset
        ``level`` by date; ``subsidence`` of the last date, or with ``store_float`` of all;
        the outputs of the last date; ``water`` by date and ``water_depth`` of the last one; the
        land use.
    """
    sunk = ground["subsidence"]
    spec = case.levels
    level = subsidence_levels(sunk, spec.bounds, units=spec.units, labels=spec.labels)
    last = sunk if case.store_float else _last(sunk)
    cube = xr.Dataset({"level": level, "subsidence": last})
    cube = cube.assign({name: ground[name] for name in case.method.output})
    if case.water is not None:
        water, depth = water_layers(sunk, layers, case.water)
        cube = cube.assign(water=water, water_depth=_last(depth))
    if case.land_use is not None:
        use = layers[case.land_use]
        if not np.issubdtype(use.dtype, np.integer):
            raise SchemaError(
                f"land_use {case.land_use!r} holds {use.dtype}: give a GeoTIFF of integers, and "
                f"name its classes in variables.{case.land_use}.classes."
            )
        if "time" in use.dims:
            use = use.rename(time="land_use_time")
        cube = cube.assign({case.land_use: use})
    return cube


def _last(data: xr.DataArray) -> xr.DataArray:
    return data.isel(time=-1, drop=True)


def water_layers(
    sunk: xr.DataArray, layers: xr.Dataset, spec: WaterSpec
) -> tuple[xr.DataArray, xr.DataArray]:
    """Return classes of water by date, and its depth.

    Parameters
    ----------
    sunk : xarray.DataArray
        Subsidence, dims ``(time, y, x)``.
    layers : xarray.Dataset
        With the variables that ``spec`` names, without dates.
    spec : WaterSpec
        How.

    Raises
    ------
    SchemaError
        If a variable has dates.
    """
    for name in spec.variables():
        if set(layers[name].dims) != {"y", "x"}:
            raise SchemaError(
                f"variable {name!r} has dims {tuple(layers[name].dims)}: water needs one map; set "
                f"static = true in variables.{name}."
            )
    table, dry = (
        layers[part] if isinstance(part, str) else part for part in (spec.table, spec.dry_season)
    )
    if spec.dem is not None:
        ponds = ponding(sunk, layers[spec.dem], table, surface=spec.surface)
        depth = ponds["added_depth"]
    else:
        assert table is not None
        depth = water_depth(sunk, table)
        if dry is not None:
            return waterlogging(sunk, table, dry), depth
    # Two levels of depth: land, and water that is deep enough to be seen as such.
    water = subsidence_levels(depth, [max(spec.minimum_depth, 1e-6)], units="m", labels=["water"])
    water.attrs |= {
        "long_name": "water over sunken ground",
        "flag_meanings": "land water",
        "flag_colors": "#F3F0E4 #1F5FA8",
    }
    return water, depth


def side_of(case: SubsidenceCase) -> int:
    """Return the cells a side of the chunks, those in which the cube is stored."""
    dates = len(case.dates)
    return side_for(max(4 * dates if case.store_float else dates, 4))
