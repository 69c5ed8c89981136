"""The inputs of a comparison, made once: GeoTIFFs for InVEST, one Zarr cube for us.

``python -m benchmarks.peers.invest.inputs 1000 plain folder``
"""

from __future__ import annotations

import hashlib
import inspect
import shutil
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from benchmarks.peers.invest import fields, parameters, polygons, tables
from benchmarks.peers.invest.parameters import (
    CASES,
    CELL,
    CLASSES,
    CORNER,
    CRS,
    GAPS,
    THREATS,
    lulc_type,
)

CHUNK, TILE = 2048, 256
EMPTY = "mines"
"""Threat that has no cell in the case without."""
MAPS = ("lulc", "lulc_baseline", "lulc_future")
UNITS = {
    "dem": "m",
    "erosivity": "MJ mm ha-1 h-1 yr-1",
    "erodibility": "t ha h MJ-1 ha-1 mm-1",
    "precipitation": "mm yr-1",
    "evapotranspiration": "mm yr-1",
    "soil_depth": "mm",
    "available_water": "1",
}


def _fields(case: str) -> dict[str, tuple[fields.Field, str]]:
    """Return of each layer its function and dtype."""
    floats: dict[str, fields.Field] = {
        "dem": partial(fields.elevation, case=case),
        "erosivity": fields.erosivity,
        "erodibility": fields.erodibility,
        "precipitation": partial(fields.precipitation, case=case),
        "evapotranspiration": fields.evapotranspiration,
        "soil_depth": fields.soil_depth,
        "available_water": fields.available_water,
    }
    return (
        {name: (function, "float32") for name, function in floats.items()}
        | {n: (partial(fields.land_use, year=n, case=case), lulc_type(case)[0]) for n in MAPS}
        | {name: (partial(fields.threat, name), "uint8") for name in THREATS}
    )


def layer(
    rows: slice, columns: slice, *, name: str, case: str, side: int, gap: float
) -> np.ndarray:
    """Return a window of a layer, with its gaps in the irregular case."""
    function, dtype = _fields(case)[name]
    values = function(rows, columns).astype(dtype)
    if case == "unthreatened" and name == EMPTY:
        values[:] = 0
    if case == "irregular":
        values[fields.lacks(name, rows, columns, side)] = gap
    return values


def cube(side: int, case: str) -> xr.Dataset:
    """Return all layers, lazily: NaN is nodata of the floats, a code that of the integers."""
    import mineeco_xr as mx
    from mineeco_xr.chunks import generate

    x, y = CORNER
    bounds = (x, y, x + side * CELL, y + side * CELL)
    coords = mx.cube.grid_coords(mx.make_grid(bounds, crs=CRS, resolution=CELL))
    made = {}
    for name, (_, dtype) in _fields(case).items():
        gap = gap_of(name, case) if dtype != "float32" else float("nan")
        parameters = {"name": name, "case": case, "side": side, "gap": gap}
        raster = generate(layer, coords, dtype=dtype, chunks=CHUNK, parameters=parameters)
        attrs: dict[str, Any] = {"units": UNITS.get(name, "1")}
        if dtype != "float32":
            attrs = {"_FillValue": np.dtype(dtype).type(gap)}
        made[name] = raster.assign_attrs(attrs)
    return xr.Dataset(made)


def gap_of(name: str, case: str) -> float:
    """Return the nodata value of a layer's GeoTIFF."""
    return lulc_type(case)[1] if name in MAPS else GAPS[name]


def _write_geotiff(raster: xr.DataArray, path: Path, gap: float) -> None:
    import rasterio

    values = raster.values
    if values.dtype.kind == "f":
        values = np.where(np.isnan(values), np.float32(gap), values)
    x, y = CORNER
    height, width = values.shape
    profile = {
        "driver": "GTiff",
        "height": height,
        "width": width,
        "count": 1,
        "dtype": values.dtype.name,
        "crs": CRS,
        "transform": rasterio.Affine(CELL, 0, x, 0, -CELL, y + height * CELL),
        "nodata": gap,
        "tiled": True,
        "blockxsize": TILE,
        "blockysize": TILE,
        "compress": "lzw",
        "bigtiff": "yes",
        "num_threads": 2,
    }
    with rasterio.open(path, "w", **profile) as file:
        file.write(values, 1)


def _require_variety(made: xr.Dataset) -> None:
    """Fail where a threat has no cell or a class is missing: such inputs would prove little."""
    for name in THREATS:
        if not bool((made[name] == 1).any()):
            raise RuntimeError(f"no cell of the threat {name}: choose a larger side")
    absent = set(CLASSES) - set(np.unique(made["lulc"]).tolist())
    if absent:
        raise RuntimeError(f"no cell of the classes {sorted(absent)}: choose a larger side")


def make_inputs(folder: Path, side: int, case: str) -> Path:
    """Write the inputs of a case unless they are there, and return their folder."""
    if case not in CASES:
        raise ValueError(f"case is {case!r}, expected one of {CASES}")
    import mineeco_xr as mx

    place = folder / f"{case}-{side}"
    ready = place / "ready"
    if ready.exists() and ready.read_text() == _recipe():
        return place
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    made = mx.open_cube(mx.write_cube(cube(side, case), place / "cube.zarr", chunk=CHUNK))
    if case != "unthreatened":
        _require_variety(made)
    for name in made.data_vars:
        _write_geotiff(made[name], place / f"{name}.tif", gap_of(str(name), case))
    tables.write_tables(place)
    for name, frame in (
        ("watersheds", polygons.watersheds(side, case)),
        ("access", polygons.access(side)),
    ):
        frame.to_file(place / f"{name}.shp")
        frame.to_file(place / f"{name}.gpkg")
    ready.write_text(_recipe())
    return place


def _recipe() -> str:
    """Return a digest of the sources that inputs are made by: old ones are made anew."""
    sources = (fields, parameters, polygons, tables, sys.modules[__name__])
    text = "".join(inspect.getsource(source) for source in sources)
    return hashlib.sha256(text.encode()).hexdigest()


if __name__ == "__main__":
    print(make_inputs(Path(sys.argv[3]), int(sys.argv[1]), sys.argv[2]))
