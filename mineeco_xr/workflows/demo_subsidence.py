"""The demo's second run: what the longwall panels of the synthetic coalfield do to the ground."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from mineeco_xr.cube import write_cube
from mineeco_xr.cube.manifest import load_toml, validated
from mineeco_xr.report import write_cog
from mineeco_xr.subsidence.level_table import class_names
from mineeco_xr.workflows.output import RunFolder, write_geopackage
from mineeco_xr.workflows.subsidence import run_subsidence
from mineeco_xr.workflows.subsidence_config import SubsidenceCase

if TYPE_CHECKING:
    import geopandas as gpd

    from mineeco_xr.synthetic import Coalfield

_CASE = """\
# Written by `mineeco demo`: longwall panels below a synthetic coalfield, with the land cover and
# the terrain above them.
kind = "subsidence"
title = "Subsidence over the longwall panels of a synthetic coalfield"
subtitle = "Levels every two years, by land cover; ponds on the sunken terrain"
dates = {dates}
land_use = "land_cover"

[grid]
like = "elevation"

[variables.elevation]
path = "terrain.zarr"

[variables.land_cover]
path = "land_cover/*.tif"
classes = {{ {classes} }}

[panels]
path = "panels.gpkg"
outside = "ignore"

[method]
output = ["tilt", "strain_max"]

[water]
table = 2.0
dem = "elevation"

[mines]
path = "longwall_mine.gpkg"

[profiles]
path = "profiles.gpkg"
"""


def demo_subsidence(field: Coalfield, root: Path, folder: RunFolder) -> RunFolder:
    """Run subsidence on a coalfield's panels, into a folder of its own.

    Parameters
    ----------
    field : Coalfield
        The landscape.
    root : Path
        Folder of the outputs; the inputs go to ``inputs`` inside it.
    folder : RunFolder
        Of the demo; gets the time that this took.

    Returns
    -------
    RunFolder
        Of the subsidence.
    """
    own = RunFolder(root, lambda _: None)
    with folder.step("Predicting the subsidence over the longwall panels"):
        path = write_subsidence_inputs(field, root / "inputs")
        case = validated(SubsidenceCase, {"base": path.parent, **load_toml(path)}, source=str(path))
        run_subsidence(case, own, overwrite=True)
    return own


def write_subsidence_inputs(field: Coalfield, inputs: Path) -> Path:
    """Write a coalfield's panels, terrain, land cover and case file.

    Parameters
    ----------
    field : Coalfield
        The landscape.
    inputs : Path
        Folder; made when absent.

    Returns
    -------
    Path
        The case, a TOML file.
    """
    inputs.mkdir(parents=True, exist_ok=True)
    write_cube(field.cube[["elevation"]], inputs / "terrain.zarr", overwrite=True)
    for date in field.cube["date"].values:
        cover = field.cube["land_cover"].sel(date=date, drop=True)
        write_cog(cover, inputs / "land_cover" / f"land_cover_{str(date)[:4]}.tif")
    mine = field.mines[field.mines["name"] == "longwall_mine"]
    for name, frame in (
        ("panels", field.panels), ("longwall_mine", mine), ("profiles", _lines(field)),
    ):  # fmt: skip
        write_geopackage(frame, inputs / f"{name}.gpkg")
    years = list(range(field.years[0], field.years[-1] + 1))
    first = int(field.panels["start"].dt.year.min())
    dates = [year for year in years if year > first][::2] or years[-1:]
    case = inputs / "subsidence.toml"
    names = class_names(field.cube["land_cover"])
    classes = ", ".join(f"{code} = {json.dumps(name)}" for code, name in names.items())
    case.write_text(_CASE.format(dates=dates, classes=classes), encoding="utf-8")
    return case


def _lines(field: Coalfield) -> gpd.GeoDataFrame:
    """Return a line along the first panel and one across all, as far as the grid goes."""
    import geopandas as gpd
    import numpy as np
    import shapely

    azimuth = np.radians(float(field.panels["azimuth"].iloc[0]))
    along = np.array([np.sin(azimuth), np.cos(azimuth)])
    across = np.array([along[1], -along[0]])
    everything = field.panels.geometry.union_all()
    first = np.array(field.panels.geometry.iloc[0].centroid.coords[0])
    reach = 0.75 * float(np.hypot(*np.ptp(np.reshape(everything.bounds, (2, 2)), axis=0)))
    box = shapely.box(*field.grid.boundingbox.bbox)
    lines = [
        shapely.LineString([first - reach * way, first + reach * way]).intersection(box)
        for way in (along, across)
    ]
    names = ["along the first panel", "across the panels"]
    return gpd.GeoDataFrame({"name": names}, geometry=lines, crs=field.grid.crs.proj)
