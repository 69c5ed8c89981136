"""InVEST on rasters in memory: what it reads, its run, and the comparison with ours."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

import mineeco_xr as mx
from benchmarks.peers.invest.compare import compare
from benchmarks.peers.invest.layers import CUBE_FILE, LAYERS, TOTALS_FILE
from benchmarks.peers.invest.process import Measured, measured
from benchmarks.peers.invest.run_invest import MODULES

ROOT = Path(__file__).resolve().parents[2]
GAP = -9999.0


def write_geotiff(raster: xr.DataArray, path: Path) -> str:
    """Write a raster as tiles of 256 cells, as InVEST's own are, and return its path."""
    import rasterio

    values, gap = raster.values, raster.attrs.get("_FillValue")
    if values.dtype.kind == "f":
        values, gap = np.where(np.isnan(values), np.float32(GAP), values).astype("float32"), GAP
    grid = mx.cube.geobox_of(raster)
    profile = {
        "driver": "GTiff",
        "height": grid.shape[0],
        "width": grid.shape[1],
        "count": 1,
        "dtype": values.dtype.name,
        "crs": grid.crs.to_wkt(),
        "transform": grid.affine,
        "nodata": gap,
        "tiled": True,
        "blockxsize": 256,
        "blockysize": 256,
        "compress": "lzw",
    }
    with rasterio.open(path, "w", **profile) as file:
        file.write(values, 1)
    return str(path)


def write_table(frame: pd.DataFrame, path: Path) -> str:
    """Write a table as CSV and return its path."""
    frame.to_csv(path, index=False)
    return str(path)


class Twin:
    """One case that both sides run: a folder with the inputs, InVEST's results and ours."""

    def __init__(self, python: str, folder: Path) -> None:
        self.python, self.folder = python, folder
        shutil.rmtree(folder, ignore_errors=True)
        for part in ("inputs", "invest", "ours"):
            (folder / part).mkdir(parents=True)

    def raster(self, name: str, raster: xr.DataArray) -> str:
        """Write a raster for InVEST."""
        return write_geotiff(raster, self.folder / "inputs" / f"{name}.tif")

    def table(self, name: str, frame: pd.DataFrame) -> str:
        """Write a table for InVEST."""
        return write_table(frame, self.folder / "inputs" / f"{name}.csv")

    def vectors(self, name: str, frame: Any) -> str:
        """Write polygons for InVEST."""
        path = self.folder / "inputs" / f"{name}.shp"
        frame.to_file(path)
        return str(path)

    def invest(self, model: str, **arguments: Any) -> Measured:
        """Run InVEST as a process of its own."""
        path = self.folder / "arguments.json"
        path.write_text(json.dumps({"workspace_dir": str(self.folder / "invest"), **arguments}))
        command = ["-m", "benchmarks.real_services.execute", MODULES[model], str(path)]
        log = self.folder / "invest.log"
        found = measured([self.python, *command], where=ROOT, log=log)
        if found.code:
            raise RuntimeError(f"InVEST's {model} failed: see {log}")
        return found

    def agrees(
        self,
        model: str,
        cube: xr.Dataset,
        totals: pd.DataFrame | None = None,
        algorithm: str = "mfd",
    ) -> bool:
        """Write ours, print the comparison and return whether all is within the tolerances."""
        ours = self.folder / "ours"
        wanted = cube[[layer.ours for layer in LAYERS[model]]]
        mx.write_cube(wanted, ours / CUBE_FILE, progress=False)
        if totals is not None:
            totals.to_csv(ours / TOTALS_FILE)
        print(self.folder.name)
        return compare(model, self.folder / "invest", ours, algorithm)
