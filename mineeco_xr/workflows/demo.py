"""The demo: a synthetic coalfield, written as the files that one would download, and run."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from mineeco_xr.cube import warp, write_cube
from mineeco_xr.synthetic import coalfield, write_modis_tiles
from mineeco_xr.workflows.config import load_case
from mineeco_xr.workflows.output import RunFolder, write_geopackage
from mineeco_xr.workflows.wue_tables import zone_series

if TYPE_CHECKING:
    from odc.geo.geom import BoundingBox

    from mineeco_xr.report import Report
    from mineeco_xr.synthetic import Coalfield
    from mineeco_xr.workflows.wue_results import WueResults

_CASE = """\
# Written by `mineeco demo`: the yearly MODIS products of a synthetic coalfield, as they come, and
# yearly Landsat-like bands of 30 m, which tell where in a coarse cell the carbon and water are.
kind = "wue"
title = "Water-use efficiency of a synthetic coalfield"
subtitle = "MODIS-like NPP and ET of 500 m, downscaled to 30 m by bands"

[grid]
crs = {crs}
resolution = {resolution}
bounds = {bounds}

[coarse.npp]
path = "modis/MOD17A3HGF.061_Npp_500m_*.tif"
product = "MOD17A3HGF"

[coarse.et]
path = "modis/MOD16A3GF.061_ET_500m_*.tif"
product = "MOD16A3GF"

{variables}
[bands]
indices = ["NDVI", "EVI", "NDWI_GAO"]
thermal = "thermal"

[downscale]
n_estimators = 60
cv = ["random", "block"]

[zones]
path = "zones.gpkg"
name = "name"
marks = ["disturbance_start", "restoration_start", "stable_start"]
reference = "reference"
ring = [{ring[0]}, {ring[1]}]

[disturbance]
variable = "NDVI"
compare = ["landtrendr", "maxdrop"]

[drivers]
factors = ["NDVI", "temperature", "precipitation"]
"""

BANDS = ("blue", "green", "red", "nir", "swir1", "swir2", "thermal", "temperature", "precipitation")


def demo(
    out: str | os.PathLike[str],
    *,
    size: int = 512,
    seed: int = 0,
    say: Callable[[str], None] = print,
) -> RunFolder:
    """Make a coalfield; run subsidence on its panels, and carbon and water on its coarse products.

    Parameters
    ----------
    out : path-like
        Folder of the outputs; the inputs go to ``inputs`` inside it.
    size : int
        Cells of 30 m a side.
    seed : int
        Another seed, another coalfield.
    say : callable
        Takes lines for the terminal.

    Returns
    -------
    RunFolder
        Where everything is; ``tables/truth_zone_years.csv`` holds what the 30 m truth says of the
        same zones. The subsidence has a folder and a report of its own, ``subsidence``.
    """
    from mineeco_xr.workflows.demo_subsidence import demo_subsidence
    from mineeco_xr.workflows.wue import run_wue
    from mineeco_xr.workflows.wue_config import WueCase

    folder = RunFolder(Path(out), say)
    with folder.step(f"Making a coalfield of {size} x {size} cells"):
        field = coalfield(size, seed=seed)
        case_path = write_inputs(field, folder.root / "inputs")
    own = demo_subsidence(field, folder.root / "subsidence", folder)
    case = load_case(case_path)
    assert isinstance(case, WueCase)
    run_wue(case, folder, overwrite=True, more=partial(_against_truth, field, folder))
    folder.notes.append(f"The subsidence over the panels is in {own.root / 'report.html'}.")
    return folder


def write_inputs(field: Coalfield, inputs: Path) -> Path:
    """Write a coalfield's coarse products, zones and case file as a user would have them.

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
    write_modis_tiles(field.coarse, inputs / "modis")
    write_cube(field.cube[list(BANDS)], inputs / "bands.zarr", overwrite=True)
    write_geopackage(field.zones, inputs / "zones.gpkg")
    box = field.grid.boundingbox
    case = inputs / "wue.toml"
    text = _CASE.format(
        crs=json.dumps(str(field.grid.crs)),
        resolution=field.grid.affine.a,
        bounds=[box.left, box.bottom, box.right, box.top],
        variables="".join(f'[variables.{band}]\npath = "bands.zarr"\n\n' for band in BANDS),
        ring=_ring(box),
    )
    case.write_text(text, encoding="utf-8")
    return case


def _ring(box: BoundingBox) -> tuple[float, float]:
    """Return distances from the zones that fit any size of coalfield, m."""
    side = min(box.span_x, box.span_y)
    return round(side / 40), round(side / 8)


def _against_truth(
    field: Coalfield, folder: RunFolder, report: Report, results: WueResults
) -> None:
    """Set the zones, downscaled and as the coarse product sees them, against the known truth."""
    from mineeco_xr.report import series_figure

    assert results.series is not None
    assert results.coarse is not None
    truth = zone_series(field.truth["npp"], field.truth["et"], field.zones, "name")
    folder.table(truth, "truth_zone_years")
    section = report.section("Against the truth")
    section.text(
        "This landscape is synthetic, so its efficiency is known at 30 m. The coarse product mixes "
        "a dump with the grassland around it, and has no value where most of a cell is bare: it "
        "sees the decline late and weakened. The tables tell how much of that downscaling mends."
    )
    figure = series_figure(truth, value="wue", label="True water-use efficiency")
    section.figure(
        folder.figure(figure, "truth_zone_series"), "The zones' true efficiency at 30 m."
    )
    table = folder.table(truth_errors(results.series, truth), "truth_errors")
    section.table(table, "Downscaled minus truth, over the dates on which both have a value.")
    npp, et = (warp(results.coarse[n], field.grid, resampling="nearest") for n in ("npp", "et"))
    product = zone_series(npp, et, field.zones, "name")
    table = folder.table(truth_errors(product, truth), "coarse_errors")
    section.table(table, "Coarse product minus truth. A zone without a coarse value is left out.")


def truth_errors(series: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    """Return bias, root mean square error and correlation of each zone's series.

    Parameters
    ----------
    series, truth : pandas.DataFrame
        From ``zone_series``.

    Returns
    -------
    pandas.DataFrame
        zone, truth and estimate (means), bias, rmse, r, dates.
    """
    both = truth.merge(series, on=["zone", "time"], suffixes=("_true", "")).dropna(subset=["wue"])
    both["difference"] = both["wue"] - both["wue_true"]
    rows = [
        {
            "zone": zone,
            "truth": part["wue_true"].mean(),
            "estimate": part["wue"].mean(),
            "bias": part["difference"].mean(),
            "rmse": (part["difference"] ** 2).mean() ** 0.5,
            "r": part["wue"].corr(part["wue_true"]),
            "dates": len(part),
        }
        for zone, part in both.groupby("zone", sort=False)
    ]
    frame = pd.DataFrame(rows)
    unit = series.attrs["units"]["wue"]
    frame.attrs["units"] = dict.fromkeys(("truth", "estimate", "bias", "rmse"), unit)
    return frame
