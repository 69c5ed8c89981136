"""Habitat and carbon of the Araguari basin in Amapa, 1985 to 2022, and of the Vila Nova mines."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

import mineeco_xr as mx
from benchmarks.measure import table
from benchmarks.peers.invest.layers import LAYERS, TOTALS
from benchmarks.peers.invest.process import measured
from benchmarks.real_services import figures
from benchmarks.real_services.assumptions import (
    CARBON,
    CARBON_VALUE,
    ECOSYSTEMS,
    FARMING,
    MINE,
    THREATS,
    URBAN,
    sensitivities,
    threats,
)
from benchmarks.real_services.invest import ROOT, Twin

NEAR = 10_000.0
"""Metres around all mines of all years."""
COMPARED = (1995, 2010, 2022)
CASES = {
    "basin": ("mapbiomas_1985_2022_240m.tif", "mining_percent_1985_2022_240m.tif"),
    "vilanova": ("vilanova_mapbiomas_1985_2022_30m.tif", None),
}


def inputs(data: Path, folder: Path, case: str) -> xr.Dataset:
    """Write a cube of land cover, the share of mines in each cell and the road; and open it."""
    cover, mining = CASES[case]
    variables: dict[str, dict[str, Any]] = {"cover": {"path": cover, "bands": "time"}}
    if mining is not None:
        variables["mining"] = {"path": mining, "bands": "time", "scale": 0.01, "units": "1"}
    cube = mx.ingest({"grid": {"like": "cover"}, "variables": variables}, base=data)
    road = mx.read_vectors(data / "vectors.gpkg", layer="roads_br156")
    cube["road"] = mx.burn(road, cube, values=np.ones(len(road)), dtype="uint8")
    path = folder / f"{case}.zarr"
    return mx.open_cube(mx.write_cube(cube, path, resume=False, overwrite=True, progress=False))


def threat_layers(ds: xr.Dataset) -> dict[str, xr.DataArray]:
    """Return the threats of every year, from the land cover itself and the one road."""
    cover = ds["cover"]
    found = (
        ds.get("mining", cover == MINE),
        ds["road"],
        cover == URBAN,
        cover.isin(FARMING),
    )
    return dict(zip(THREATS, found, strict=True))


def habitat(ds: xr.Dataset, **options: Any) -> xr.Dataset:
    """Return habitat quality of the years of a cube."""
    given = {"threats": threat_layers(ds), "half_saturation": "half_max", **options}
    return mx.habitat_quality(
        ds["cover"], threat_table=threats(), sensitivity=sensitivities(), **given
    )


def services(folder: Path, case: str) -> None:
    """Write habitat and carbon of all years, Zarr to Zarr."""
    ds = mx.open_cube(folder / f"{case}.zarr")
    made = habitat(ds).assign(mx.carbon(ds["cover"], CARBON)[["carbon_storage"]])
    path = folder / f"{case}_services.zarr"
    mx.write_cube(made, path, resume=False, overwrite=True, progress=False)


def _timed(folder: Path, case: str) -> dict[str, Any]:
    """Run a case as a process of its own, after one that fills numba's cache."""
    command = [sys.executable, "-m", "benchmarks.real_services.amapa", str(folder), case]
    log = folder / f"{case}.log"
    for _ in range(2):
        found = measured(command, where=ROOT, log=log)
        if found.code:
            raise RuntimeError(f"the services of {case} failed: see {log}")
    cover = mx.open_cube(folder / f"{case}.zarr")["cover"]
    return {
        "case": case,
        "years": cover.sizes["time"],
        "cells a year": cover[0].size,
        "s": found.seconds,
        "MiB": found.peak,
    }


def class_cells(cover: xr.DataArray) -> pd.DataFrame:
    """Return the cells of each class, a row a year, counted by NumPy alone."""
    counts = [np.bincount(year.ravel(), minlength=256) for year in cover.values]
    return pd.DataFrame(counts, index=cover["time"].dt.year.values)


def carbon_is_right(totals: pd.Series, cells: pd.DataFrame, hectares: float) -> bool:
    """Compare totals with the sum over classes of cells x area x pools, and print it."""
    pools = CARBON.set_index("lucode").sum(axis=1)
    expected = (cells[pools.index] * pools).sum(axis=1) * hectares
    worst = float(np.abs(totals / expected - 1).max())
    print(f"carbon of {len(totals)} years against class counts x pools: {worst:.1e} relative")
    return worst < 1e-6


def by_year(ds: xr.Dataset, found: xr.Dataset, near: np.ndarray) -> tuple[pd.DataFrame, bool]:
    """Return quality, areas and carbon of every year, and whether carbon is right."""
    hectares = float(mx.cell_area(mx.cube.geobox_of(ds))[0]) / 1e4
    years, cells = found["time"].dt.year.values, class_cells(ds["cover"])
    quality = found["habitat_quality"]
    carbon = mx.carbon_totals(found["carbon_storage"])["carbon_storage"].to_series().set_axis(years)
    frame = pd.DataFrame(
        {
            "quality": quality.mean(("y", "x")).values,
            "quality near mines": quality.where(near).mean(("y", "x")).values,
            "degradation near mines": found["degradation"].where(near).mean(("y", "x")).values,
            "mining": threat_layers(ds)["mining"].sum(("y", "x")).values * hectares / 100,
            "farming": cells[list(FARMING)].sum(axis=1).values * hectares / 100,
            "carbon Mt": carbon.values / 1e6,
        },
        index=pd.Index(years, name="year"),
    )
    return frame, carbon_is_right(carbon, cells, hectares)


def carbon_changes(ds: xr.Dataset) -> None:
    """Print of which classes the change of carbon from the first to the last year is made."""
    hectares = float(mx.cell_area(mx.cube.geobox_of(ds))[0]) / 1e4
    cells = class_cells(ds["cover"])
    pools = CARBON.set_index("lucode").sum(axis=1)
    rows = [
        {
            "class": name,
            "km2 1985": cells.iloc[0][code] * hectares / 100,
            "km2 2022": cells.iloc[-1][code] * hectares / 100,
            "t/ha": pools[code],
            "change Mt": (cells.iloc[-1][code] - cells.iloc[0][code])
            * hectares
            * pools[code]
            / 1e6,
        }
        for code, (name, _) in ECOSYSTEMS.items()
    ]
    table("Amapa, 240 m: carbon by class", rows)


def biomass(data: Path, cover: xr.DataArray) -> None:
    """Print the mean of the biomass map in cells that are one class in all years."""
    layer = {
        "path": "drivers_960m.tif",
        "band": "aboveground_biomass_Mg_ha (Avitabile)",
        "static": True,
        "units": "Mg ha-1",
    }
    coarse = mx.ingest({"grid": {"like": "map"}, "variables": {"map": layer}}, base=data)["map"]
    rows = []
    for code, (name, _) in ECOSYSTEMS.items():
        own = (cover == code).astype("float32").assign_attrs(units="1")
        share = mx.warp(own, coarse, resampling="average").min("time")
        values = coarse.where(share >= 0.95).values
        if np.isfinite(values).any():
            cells = int(np.isfinite(values).sum())
            rows.append({"class": name, "cells": cells, "Mg/ha": float(np.nanmean(values))})
    table("Amapa: biomass map by class, cells of 960 m that were it in all years", rows)


def as_invest_sees(ds: xr.Dataset, near: np.ndarray, half: float) -> None:
    """Print what the share of mines in a cell changes, against all or nothing."""
    mining, rows = ds["mining"], []
    variants = {
        "share of the cell": mining,
        "any mine in the cell": (mining > 0).astype("float32"),
        "majority of the cell": ds["cover"] == MINE,
    }
    for name, layer in variants.items():
        given = threat_layers(ds) | {"mining": layer}
        found = habitat(ds, threats=given, half_saturation=half).isel(time=[0, -1]).compute()
        means = found.where(near).mean(("y", "x"))
        rows.append(
            {
                "mines are": name,
                "D near mines 1985": float(means["degradation"][0]),
                "D 2022": float(means["degradation"][-1]),
                "Q near mines 1985": float(means["habitat_quality"][0]),
                "Q 2022": float(means["habitat_quality"][-1]),
            }
        )
    table(f"Amapa, 240 m: the intensity of mining, k = {half:.4f}", rows)


def agrees(ds: xr.Dataset, year: int, half: float, where: Path, python: str) -> bool:
    """Run InVEST's habitat and carbon of a year, with the first as baseline, and compare."""
    first = int(ds["time"].dt.year[0])
    now, base = (ds.sel(time=str(y)).squeeze("time", drop=True).compute() for y in (year, first))
    twin = Twin(python, where / f"habitat-{year}")
    layers = threat_layers(now)
    frame = threats().assign(
        cur_path=[twin.raster(name, _plain(layer)) for name, layer in layers.items()], base_path=""
    )
    took = twin.invest(
        "habitat",
        lulc_cur_path=twin.raster("lulc", now["cover"]),
        lulc_bas_path=twin.raster("lulc_baseline", base["cover"]),
        threats_table_path=twin.table("threats", frame),
        sensitivity_table_path=twin.table("sensitivity", sensitivities()),
        half_saturation_constant=half,
    )
    print(f"InVEST's habitat of one year took {took.seconds:.1f} s and {took.peak:.0f} MiB")
    found = habitat(now, half_saturation=half, convention="invest")
    rarity = mx.habitat_rarity(now["cover"], base["cover"])
    good = twin.agrees("habitat", found.assign(habitat_rarity=rarity))

    twin = Twin(python, where / f"carbon-{year}")
    value: dict[str, Any] = dict(CARBON_VALUE)
    took = twin.invest(
        "carbon",
        lulc_bas_path=twin.raster("lulc", base["cover"]),
        lulc_alt_path=twin.raster("lulc_future", now["cover"]),
        carbon_pools_path=twin.table("carbon", CARBON),
        calc_sequestration=True,
        do_valuation=True,
        lulc_bas_year=first,
        lulc_alt_year=year,
        price_per_metric_ton_of_c=value["price"],
        discount_rate=value["discount_rate"],
        rate_change=value["price_change"],
    )
    print(f"InVEST's carbon of two years took {took.seconds:.1f} s and {took.peak:.0f} MiB")
    before, after = (mx.carbon(ds["cover"], CARBON)["carbon_storage"] for ds in (base, now))
    change = mx.carbon_sequestration(before, after, convention="invest")
    made = xr.Dataset(
        {
            "carbon_storage": before,
            "carbon_storage_future": after,
            "carbon_change": change,
            "carbon_value": mx.carbon_value(change, years=year - first, **value),
        }
    )
    sums = mx.carbon_totals(made)
    rows = {layer.theirs: float(sums[layer.ours]) for layer in LAYERS["carbon"]}
    totals = pd.DataFrame({"total": rows}).rename_axis(TOTALS["carbon"].key)
    return good & twin.agrees("carbon", made, totals)


def _plain(layer: xr.DataArray) -> xr.DataArray:
    """Return a threat as a GeoTIFF can hold it."""
    return layer.astype("uint8") if layer.dtype == bool else layer


def run(data: Path, folder: Path, invest_python: str | None) -> bool:
    """Print all tables, write the figures, and compare with InVEST where it is given."""
    cubes = {case: inputs(data, folder, case) for case in CASES}
    table("Amapa: habitat and carbon, Zarr to Zarr", [_timed(folder, case) for case in CASES])
    good, tables = True, {}
    for case, ds in cubes.items():
        found = mx.open_cube(folder / f"{case}_services.zarr").load()
        mines = (threat_layers(ds)["mining"] > 0).any("time").astype("uint8")
        near = mx.distance(mines).values <= NEAR
        frame, right = by_year(ds, found, near)
        frame.to_csv(folder / f"{case}_by_year.csv")
        good, tables[case] = good & right, (found, frame, near)
        rows = frame.loc[[1985, 1990, 1995, 2000, 2005, 2010, 2015, 2020, 2022]].reset_index()
        table(f"Amapa, {case}: by year", rows.to_dict("records"))
    ds = cubes["basin"]
    found, frame, near = tables["basin"]
    half = float(found["degradation"].max()) / 2
    biomass(data, ds["cover"])
    carbon_changes(ds)
    as_invest_sees(ds, near, half)
    figures.amapa(found, frame, near, folder)
    if invest_python is None:
        return good
    where = folder / "invest"
    same = [agrees(ds, year, half, where, invest_python) for year in COMPARED]
    half = float(tables["vilanova"][0]["degradation"].max()) / 2
    where = folder / "invest-vilanova"
    same.append(agrees(cubes["vilanova"], COMPARED[-1], half, where, invest_python))
    return good and all(same)


if __name__ == "__main__":
    services(Path(sys.argv[1]), sys.argv[2])
