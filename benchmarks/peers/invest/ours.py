"""Our models, Zarr to Zarr.

All calls of the services are here. ``routing`` writes the steps that need only elevations.
"""

from __future__ import annotations

import argparse
import gc
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dask
import xarray as xr
from dask import threaded

import mineeco_xr as mx
from benchmarks.peers.invest.layers import CUBE_FILE, LAYERS, TOTALS, TOTALS_FILE
from benchmarks.peers.invest.parameters import (
    ALGORITHMS,
    CARBON_VALUE,
    CARBON_YEARS,
    HALF_SATURATION,
    MODELS,
    SEASONALITY,
    SEDIMENT,
    THREATS,
    stream_threshold,
)
from mineeco_xr.services.invest_box import invest_corner

if TYPE_CHECKING:
    import pandas as pd

CHUNK = 2048
Result = tuple[xr.Dataset, "Callable[[xr.Dataset], pd.DataFrame] | None"]
"""A cube to write, and what makes the totals of the written one."""


def habitat(ds: xr.Dataset, folder: Path, algorithm: str) -> Result:
    """Degradation, quality and rarity of the present land use."""
    made = mx.habitat_quality(
        ds["lulc"],
        threats={name: ds[name] for name in THREATS},
        threat_table=folder / "threats.csv",
        sensitivity=folder / "sensitivity.csv",
        half_saturation=HALF_SATURATION,
        access=mx.read_vectors(folder / "access.shp"),
        rule="nearest",
        convention="invest",
    )
    rarity = mx.habitat_rarity(ds["lulc"], ds["lulc_baseline"])
    return made.assign(habitat_rarity=rarity), None


def sediment(ds: xr.Dataset, folder: Path, algorithm: str) -> Result:
    """Erosion, delivery, deposition; totals by watershed."""
    watersheds = mx.read_vectors(folder / "watersheds.shp")
    made = mx.sediment(
        ds["dem"],
        ds["lulc"],
        ds["erosivity"],
        ds["erodibility"],
        biophysical=folder / "sediment.csv",
        threshold=stream_threshold(ds.sizes["x"]),
        watersheds=watersheds,
        method=algorithm,
        borselli_k=SEDIMENT["k_param"],
        borselli_ic0=SEDIMENT["ic_0_param"],
        sdr_max=SEDIMENT["sdr_max"],
        l_max=SEDIMENT["l_max"],
        convention="invest",
    )
    return made, lambda written: _table(mx.sediment_totals(written, watersheds, name="ws_id"))


def water_yield(ds: xr.Dataset, folder: Path, algorithm: str) -> Result:
    """Water yield and evapotranspiration; volume, scarcity and hydropower by watershed."""
    made = mx.water_yield(
        ds["lulc"],
        ds["precipitation"],
        ds["evapotranspiration"],
        ds["soil_depth"],
        ds["available_water"],
        biophysical=folder / "water.csv",
        seasonality=SEASONALITY,
        convention="invest",
    )

    def totals(written: xr.Dataset) -> pd.DataFrame:
        made = mx.water_yield_totals(
            written,
            folder / "watersheds.shp",
            lulc=ds["lulc"],
            precipitation=ds["precipitation"],
            demand=folder / "demand.csv",
            valuation=folder / "valuation.csv",
            name="ws_id",
            convention="invest",
        )
        return _table(made)

    return made, totals


def carbon(ds: xr.Dataset, folder: Path, algorithm: str) -> Result:
    """Storage now and in the future, the change and its value."""
    before = mx.carbon(ds["lulc"], pools=folder / "carbon.csv")
    after = mx.carbon(ds["lulc_future"], pools=folder / "carbon.csv")
    change = mx.carbon_sequestration(
        before["carbon_storage"], after["carbon_storage"], convention="invest"
    )
    first, last = CARBON_YEARS
    value = mx.carbon_value(
        change,
        price=CARBON_VALUE["price_per_metric_ton_of_c"],
        years=last - first,
        discount_rate=CARBON_VALUE["discount_rate"],
        price_change=CARBON_VALUE["rate_change"],
    )
    layers = {
        "carbon_storage": before["carbon_storage"],
        "carbon_storage_future": after["carbon_storage"],
        "carbon_change": change,
        "carbon_value": value,
    }
    return xr.Dataset(layers), _carbon_totals


def _carbon_totals(written: xr.Dataset) -> pd.DataFrame:
    """Sum over the map, under the names of InVEST's rasters."""
    import pandas as pd

    found = mx.carbon_totals(written).compute()
    rows = {layer.theirs: float(found[layer.ours]) for layer in LAYERS["carbon"]}
    return pd.DataFrame({"total": rows}).rename_axis(TOTALS["carbon"].key)


def _table(totals: xr.Dataset) -> pd.DataFrame:
    return totals.compute().to_dataframe().rename_axis("ws_id")


def routing(ds: xr.Dataset, folder: Path, algorithm: str) -> Result:
    """Fill, slope, directions, accumulation and streams inside the watersheds."""
    watersheds = mx.read_vectors(folder / "watersheds.shp")
    inside = mx.burn(watersheds, ds, dtype="uint8") > 0
    known = ds["lulc"] != ds["lulc"].attrs["_FillValue"]
    for name in ("erosivity", "erodibility"):
        known &= ds[name].notnull()
    filled = mx.fill_pits(ds["dem"].where(inside & known).assign_attrs(ds["dem"].attrs))
    order: dict[str, Any] = {"convention": "invest", "corner": invest_corner(watersheds, ds["dem"])}
    direction = mx.flow_direction(filled, algorithm, **order)
    accumulation = mx.flow_accumulation(direction)
    streams = mx.streams(accumulation, stream_threshold(ds.sizes["x"]), direction, **order)
    layers = {
        "filled": filled,
        "slope": mx.slope(filled),
        "direction": direction,
        "accumulation": accumulation,
        "streams": streams,
    }
    return xr.Dataset(layers), None


RUNS: dict[str, Callable[[xr.Dataset, Path, str], Any]] = {
    "habitat": habitat,
    "sediment": sediment,
    "water_yield": water_yield,
    "carbon": carbon,
    "routing": routing,
}


def main() -> None:
    """Run the model named on the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("model", choices=(*MODELS, "routing"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--algorithm", choices=ALGORITHMS, default="mfd")
    given = parser.parse_args()
    # One process: Dask need not import distributed to look for a client.
    dask.config.set({"scheduler": threaded.get, "array.rechunk.method": "tasks"})
    ds = mx.open_cube(given.folder / "cube.zarr")
    given.out.mkdir(parents=True, exist_ok=True)
    made, totals = RUNS[given.model](ds, given.folder, given.algorithm)
    # What InVEST does not make is not written either.
    wanted = made[[layer.ours for layer in LAYERS[given.model]]]
    path = mx.write_cube(wanted, given.out / CUBE_FILE, chunk=CHUNK, resume=False, overwrite=True)
    if totals is not None:
        totals(mx.open_cube(path)).to_csv(given.out / TOTALS_FILE)
    # What is left is all of the modules: to look for cycles among them takes 0.2 s at the end.
    gc.freeze()
