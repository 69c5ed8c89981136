"""Sediment of the Mud River headwaters, before and after mountaintop mining."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

import mineeco_xr as mx
from benchmarks.measure import table
from benchmarks.real_services import figures
from benchmarks.real_services.assumptions import (
    ACTIVE,
    COVER,
    ERODIBILITY,
    HECTARES_OF_A_STREAM,
    UNDISTURBED,
)
from benchmarks.real_services.invest import Twin

YEARS = (1984, 2016)
RUNS = {
    (terrain, year): f"terrain {terrain}, cover {year}"
    for terrain in ("pre", "post")
    for year in YEARS
}
SETTINGS = {"k_param": 2.0, "ic_0_param": 0.5, "sdr_max": 0.8, "l_max": 122.0}
"""InVEST's names of what are our defaults."""
FLOWS = ("usle", "sediment_export", "sediment_deposition")
Run = tuple[str, int]


class Catchment:
    """The data at one cell size, in memory."""

    def __init__(self, data: Path, side: int) -> None:
        variables: dict[str, dict[str, Any]] = {
            name: {"path": f"dem_{name}_{side}m.tif", "static": True, "units": "m"}
            for name in ("pre", "post")
        }
        variables["cover"] = {
            "path": "landcover_derived_1984_2016_30m.tif",
            "bands": "time",
            "resampling": "nearest",
        }
        variables["erosivity"] = {
            "path": "climate_soil_STANDIN_30m.tif",
            "band": "erosivity_R_MJmm_ha_h_yr",
            "static": True,
            "units": "MJ mm ha-1 h-1 yr-1",
            "resampling": "nearest",
        }
        cube = mx.ingest({"grid": {"like": "pre"}, "variables": variables}, base=data)
        basins = mx.read_vectors(data / "vectors.gpkg", layer="subbasins_derived")
        self.ds = cube.compute()
        self.basins = basins.rename(columns={"sub_id": "ws_id"})[["ws_id", "geometry"]]
        self.hectares = (side / 100) ** 2
        self.threshold = HECTARES_OF_A_STREAM / self.hectares

    def cover(self, year: int | None) -> xr.DataArray:
        """Return the land cover of a year, or of all."""
        cover = self.ds["cover"]
        return cover if year is None else cover.sel(time=str(year)).squeeze("time", drop=True)

    def erodibility(self, year: int | None) -> xr.DataArray:
        """Return K by land cover, 0 where that is unknown."""
        cover = self.cover(year)
        found = xr.zeros_like(cover, dtype="float32").drop_attrs(deep=False)
        for code, k in ERODIBILITY.items():
            found = found.where(cover != code, np.float32(k))
        return found.rename("erodibility").assign_attrs(units="t ha h MJ-1 ha-1 mm-1")

    def sediment(
        self, terrain: str, year: int | None, method: str = "mfd", **options: Any
    ) -> xr.Dataset:
        """Return all layers of a run."""
        given = {"biophysical": COVER, **options}
        return mx.sediment(
            self.ds[terrain],
            self.cover(year),
            self.ds["erosivity"],
            self.erodibility(year),
            threshold=self.threshold,
            method=method,
            watersheds=self.basins,
            **given,
        )

    def tonnes(self, found: xr.Dataset, name: str) -> xr.DataArray:
        """Return the sum of a layer in t yr-1."""
        return found[name].sum(("y", "x"), dtype="float64") * self.hectares


def _row(catchment: Catchment, name: str, found: xr.Dataset) -> dict[str, Any]:
    land = found["streams"] == 0
    flows = {flow: float(catchment.tonnes(found, flow)) for flow in FLOWS}
    return {
        "run": name,
        "soil loss t/yr": flows["usle"],
        "export t/yr": flows["sediment_export"],
        "deposition t/yr": flows["sediment_deposition"],
        "mean SDR": float(found["sdr"].where(land).mean()),
        "stream cells": int((found["streams"] == 1).sum()),
        "without stream t/yr": float(catchment.tonnes(found.where(found["sdr"].isnull()), "usle")),
    }


def split(export: dict[Run, Any]) -> dict[str, Any]:
    """Return what terrain and cover change, each the mean of its two orders."""
    first, last = YEARS
    a, b = export["pre", first], export["pre", last]
    c, d = export["post", first], export["post", last]
    return {
        "before": a,
        "after": d,
        "change": d - a,
        "by terrain": ((c - a) + (d - b)) / 2,
        "by cover": ((b - a) + (d - c)) / 2,
        "terrain alone": c - a,
        "cover alone": b - a,
    }


def totals(catchment: Catchment, side: int) -> dict[Run, xr.Dataset]:
    """Print the totals of the four runs, by both kinds of flow; return those of divided flow."""
    kept: dict[Run, xr.Dataset] = {}
    rows, splits = [], []
    for method in ("mfd", "d8"):
        runs = {run: catchment.sediment(*run, method=method) for run in RUNS}
        rows += [_row(catchment, f"{method}, {RUNS[run]}", found) for run, found in runs.items()]
        export = {run: float(catchment.tonnes(x, "sediment_export")) for run, x in runs.items()}
        splits.append({"flow": method, **split(export)})
        kept = kept or runs
    table(f"Mud River, {side} m: totals", rows)
    table(f"Mud River, {side} m: export, t/yr, and its change", splits)
    return kept


def sensitivity(catchment: Catchment) -> None:
    """Print how the split hangs on the cover factor of mines, which is an assumption."""
    rows = []
    for factor in (1.0, 0.5, 0.25):
        cover = COVER.assign(usle_c=COVER["usle_c"].where(COVER["lucode"] != ACTIVE, 0.9 * factor))
        export = {
            run: float(
                catchment.tonnes(catchment.sediment(*run, biophysical=cover), "sediment_export")
            )
            for run in RUNS
        }
        rows.append({"C of active mines": 0.9 * factor, **split(export)})
    table("Mud River, 30 m, mfd: export, t/yr, by the C of active mines", rows)


def by_basin(catchment: Catchment, runs: dict[Run, xr.Dataset], folder: Path) -> pd.DataFrame:
    """Print and write the export of each basin before and after, with the parts of the change."""
    export = {
        run: mx.sediment_totals(found[["sediment_export"]], catchment.basins, name="ws_id")[
            "sediment_export"
        ].to_series()
        for run, found in runs.items()
    }
    mined = (catchment.cover(YEARS[1]) != UNDISTURBED).where(runs["post", YEARS[1]]["streams"] < 2)
    share = mx.zonal(mined.astype("float32"), catchment.basins, ["mean"], name="ws_id")["mean"]
    found = pd.DataFrame({"mined %": share.to_series() * 100, **split(export)})
    found.rename_axis("ws_id").to_csv(folder / "export_by_basin.csv")
    rows = found.sort_values("mined %").reset_index(names="basin").to_dict("records")
    table("Mud River, 30 m, mfd: export by basin, t/yr", rows)
    print("rank correlation of mined share and change:",
          round(found["mined %"].corr(found["change"], method="spearman"), 2))  # fmt: skip
    return found


def by_class(catchment: Catchment, found: xr.Dataset) -> None:
    """Print soil loss and delivery of each class in the last year."""
    cover, rows = catchment.cover(YEARS[1]), []
    for code, name in zip(COVER["lucode"], COVER["name"], strict=True):
        own = found.where((cover == code) & found["usle"].notnull())
        rows.append(
            {
                "cover": name,
                "km2": int(own["usle"].count()) * catchment.hectares / 100,
                "soil loss t/ha": float(own["usle"].mean()),
                "SDR": float(own["sdr"].mean()),
                "export t/ha": float(own["sediment_export"].mean()),
                "share of export %": 100 * float(
                    own["sediment_export"].sum() / found["sediment_export"].sum()
                ),
            }
        )  # fmt: skip
    table("Mud River, 30 m, mfd: by cover of 2016 on the terrain after mining", rows)


def series(catchment: Catchment, folder: Path) -> None:
    """Print and write the export of every year on both terrains."""
    found = {}
    for terrain in ("pre", "post"):
        runs = catchment.sediment(terrain, None)
        found[f"terrain {terrain}"] = catchment.tonnes(runs, "sediment_export").to_series()
    frame = pd.DataFrame(found)
    frame.index = frame.index.year.rename("year")
    frame["active mine km2"] = [
        int((catchment.cover(year) == ACTIVE).where(catchment.ds["pre"].notnull()).sum())
        * catchment.hectares
        / 100
        for year in frame.index
    ]
    frame.to_csv(folder / "export_by_year.csv")
    chosen = frame.loc[[1984, 1990, 1995, 2000, 2005, 2010, 2016]]
    table(
        "Mud River, 30 m, mfd: export of every year, t/yr", chosen.reset_index().to_dict("records")
    )


def agrees(catchment: Catchment, side: int, run: Run, method: str, where: Path, py: str) -> bool:
    """Run InVEST on the same rasters and compare every cell and every basin."""
    terrain, year = run
    twin = Twin(py, where / f"{side}m-{method}-{terrain}-{year}")
    took = twin.invest(
        "sediment",
        dem_path=twin.raster("dem", catchment.ds[terrain]),
        erosivity_path=twin.raster("erosivity", catchment.ds["erosivity"]),
        erodibility_path=twin.raster("erodibility", catchment.erodibility(year)),
        lulc_path=twin.raster("lulc", catchment.cover(year)),
        watersheds_path=twin.vectors("watersheds", catchment.basins),
        biophysical_table_path=twin.table("sediment", COVER),
        threshold_flow_accumulation=catchment.threshold,
        flow_dir_algorithm=method,
        **SETTINGS,
    )
    found = catchment.sediment(*run, method=method, convention="invest")
    sums = mx.sediment_totals(found, catchment.basins, name="ws_id").to_dataframe()
    print(f"InVEST took {took.seconds:.1f} s and {took.peak:.0f} MiB")
    return twin.agrees("sediment", found, sums.rename_axis("ws_id"), method)


def run(data: Path, folder: Path, invest_python: str | None) -> bool:
    """Print all tables, write the figures, and compare with InVEST where it is given."""
    catchment, fine = Catchment(data, 30), Catchment(data, 10)
    runs = totals(catchment, 30)
    totals(fine, 10)
    sensitivity(catchment)
    basins = by_basin(catchment, runs, folder)
    by_class(catchment, runs["post", YEARS[1]])
    series(catchment, folder)
    figures.mud_river(catchment, runs, basins, folder)
    if invest_python is None:
        return True
    cases = [
        (catchment, 30, ("pre", YEARS[0]), "mfd"),
        (catchment, 30, ("post", YEARS[1]), "mfd"),
        (catchment, 30, ("pre", YEARS[0]), "d8"),
        (catchment, 30, ("post", YEARS[1]), "d8"),
        (fine, 10, ("post", YEARS[1]), "mfd"),
    ]
    found = [agrees(*case, folder / "invest", invest_python) for case in cases]
    return all(found)
