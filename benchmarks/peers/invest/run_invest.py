"""Run one model of natcap.invest: ``python -m benchmarks.peers.invest.run_invest MODEL IN OUT``.

A process of its own, by the interpreter that has natcap.invest; it needs nothing of ours.
"""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path
from typing import Any

from benchmarks.peers.invest.parameters import (
    ALGORITHMS,
    CARBON_VALUE,
    CARBON_YEARS,
    HALF_SATURATION,
    MODELS,
    SEASONALITY,
    SEDIMENT,
    stream_threshold,
)

MODULES = {
    "habitat": "natcap.invest.habitat_quality.habitat_quality",
    "sediment": "natcap.invest.sdr.sdr",
    "water_yield": "natcap.invest.annual_water_yield.annual_water_yield",
    "carbon": "natcap.invest.carbon.carbon",
}


def arguments(model: str, folder: Path, side: int, algorithm: str) -> dict[str, Any]:
    """Return the arguments of a model's ``execute``, but for the workspace."""

    def path(name: str) -> str:
        return str(folder / name)

    if model == "habitat":
        return {
            "lulc_cur_path": path("lulc.tif"),
            "lulc_bas_path": path("lulc_baseline.tif"),
            "threats_table_path": path("threats.csv"),
            "sensitivity_table_path": path("sensitivity.csv"),
            "access_vector_path": path("access.shp"),
            "half_saturation_constant": HALF_SATURATION,
        }
    if model == "sediment":
        return {
            "dem_path": path("dem.tif"),
            "erosivity_path": path("erosivity.tif"),
            "erodibility_path": path("erodibility.tif"),
            "lulc_path": path("lulc.tif"),
            "watersheds_path": path("watersheds.shp"),
            "biophysical_table_path": path("sediment.csv"),
            "threshold_flow_accumulation": stream_threshold(side),
            "flow_dir_algorithm": algorithm,
            **SEDIMENT,
        }
    if model == "water_yield":
        return {
            "lulc_path": path("lulc.tif"),
            "depth_to_root_rest_layer_path": path("soil_depth.tif"),
            "precipitation_path": path("precipitation.tif"),
            "pawc_path": path("available_water.tif"),
            "eto_path": path("evapotranspiration.tif"),
            "watersheds_path": path("watersheds.shp"),
            "biophysical_table_path": path("water.csv"),
            "demand_table_path": path("demand.csv"),
            "valuation_table_path": path("valuation.csv"),
            "seasonality_constant": SEASONALITY,
        }
    first, last = CARBON_YEARS
    return {
        "lulc_bas_path": path("lulc.tif"),
        "lulc_alt_path": path("lulc_future.tif"),
        "carbon_pools_path": path("carbon.csv"),
        "calc_sequestration": True,
        "do_valuation": True,
        "lulc_bas_year": first,
        "lulc_alt_year": last,
        **CARBON_VALUE,
    }


def main() -> None:
    """Run the model named on the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("model", choices=MODELS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--algorithm", choices=ALGORITHMS, default="mfd")
    given = parser.parse_args()
    from osgeo import gdal

    gdal.UseExceptions()
    side = gdal.Open(str(given.folder / "lulc.tif")).RasterXSize
    found = arguments(given.model, given.folder.resolve(), side, given.algorithm)
    found["workspace_dir"] = str(given.out.resolve())
    importlib.import_module(MODULES[given.model]).execute(found)


if __name__ == "__main__":
    main()
