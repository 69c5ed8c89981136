"""The demo: a synthetic coalfield, written as the files that one would download, and run."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from mineeco_xr.synthetic import coalfield, write_modis_tiles
from mineeco_xr.workflows.config import load_case
from mineeco_xr.workflows.output import RunFolder
from mineeco_xr.workflows.wue_tables import zone_series

if TYPE_CHECKING:
    from mineeco_xr.report import Report
    from mineeco_xr.synthetic import Coalfield
    from mineeco_xr.workflows.wue_report import WueResults

_CASE = """\
# Written by `mineeco demo`: the yearly MODIS products of a synthetic coalfield, as they come.
kind = "wue"
title = "Water-use efficiency of a synthetic coalfield"
subtitle = "MODIS-like NPP and ET, 500 m, brought onto a grid of 250 m"

[grid]
crs = {crs}
resolution = 250.0
bounds = {bounds}

[variables.npp]
path = "modis/MOD17A3HGF.061_Npp_500m_*.tif"
product = "MOD17A3HGF"
resampling = "nearest"

[variables.et]
path = "modis/MOD16A3GF.061_ET_500m_*.tif"
product = "MOD16A3GF"
resampling = "nearest"

[zones]
path = "zones.gpkg"
name = "name"
marks = ["disposal_start", "restoration_start"]
"""


def demo(
    out: str | os.PathLike[str],
    *,
    size: int = 512,
    seed: int = 0,
    say: Callable[[str], None] = print,
) -> RunFolder:
    """Make a coalfield and run carbon and water on its coarse products.

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
        same zones.
    """
    from mineeco_xr.workflows.wue import run_wue

    folder = RunFolder(Path(out), say)
    with folder.step(f"Making a coalfield of {size} x {size} cells"):
        field = coalfield(size, seed=seed)
        case_path = write_inputs(field, folder.root / "inputs")
    run_wue(
        load_case(case_path), folder, overwrite=True, more=partial(_against_truth, field, folder)
    )
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
    place = inputs / "zones.gpkg"
    place.unlink(missing_ok=True)
    field.zones.to_file(place, driver="GPKG", layer="zones")
    box = field.grid.boundingbox
    case = inputs / "wue.toml"
    text = _CASE.format(
        crs=json.dumps(str(field.grid.crs)), bounds=[box.left, box.bottom, box.right, box.top]
    )
    case.write_text(text, encoding="utf-8")
    return case


def _against_truth(
    field: Coalfield, folder: RunFolder, report: Report, results: WueResults
) -> None:
    """Set the zones as the coarse product sees them against the known truth."""
    from mineeco_xr.report import series_figure

    assert results.series is not None
    truth = zone_series(field.truth["npp"], field.truth["et"], field.zones, "name")
    folder.table(truth, "truth_zone_years")
    section = report.section("Against the truth")
    section.text(
        "This landscape is synthetic, so its efficiency is known at 30 m. The coarse product mixes "
        "a dump with the grassland around it, and has no value where most of a cell is bare: it "
        "sees the decline late and weakened. What it misses is what downscaling must recover."
    )
    figure = series_figure(truth, value="wue", label="True water-use efficiency")
    section.figure(
        folder.figure(figure, "truth_zone_series"), "The zones' true efficiency at 30 m."
    )
    table = folder.table(truth_errors(results.series, truth), "truth_errors")
    section.table(table, "Coarse product minus truth, over the dates on which both have a value.")


def truth_errors(series: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    """Return bias, root mean square error and correlation of each zone's series.

    Parameters
    ----------
    series, truth : pandas.DataFrame
        From ``zone_series``.

    Returns
    -------
    pandas.DataFrame
        zone, truth, product (means), bias, rmse, r, dates.
    """
    both = truth.merge(series, on=["zone", "time"], suffixes=("_true", "")).dropna(subset=["wue"])
    both["difference"] = both["wue"] - both["wue_true"]
    rows = [
        {
            "zone": zone,
            "truth": part["wue_true"].mean(),
            "product": part["wue"].mean(),
            "bias": part["difference"].mean(),
            "rmse": (part["difference"] ** 2).mean() ** 0.5,
            "r": part["wue"].corr(part["wue_true"]),
            "dates": len(part),
        }
        for zone, part in both.groupby("zone", sort=False)
    ]
    frame = pd.DataFrame(rows)
    unit = series.attrs["units"]["wue"]
    frame.attrs["units"] = dict.fromkeys(("truth", "product", "bias", "rmse"), unit)
    return frame
