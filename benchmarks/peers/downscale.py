"""Downscaling after training: the whole chain, and scikit-learn's predict with NumPy around it."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import dask
import numpy as np
import xarray as xr

import mineeco_xr as mx
from benchmarks.measure import peak_memory, table

TREES, CHUNK, YEARS = 100, 256, [2005, 2012, 2020]
PREDICTORS = ["NDVI", "EVI", "NDWI_GAO", "lst", "precipitation"]


def seconds(function: Callable[[], Any]) -> tuple[float, Any]:
    """Return the least processor seconds of two calls after one that is not counted."""
    function()
    best = np.inf
    for _ in range(2):
        begin = time.process_time()
        found = function()
        best = min(best, time.process_time() - begin)
    return best, found


def by_numpy(cube: xr.Dataset, coarse: xr.DataArray, forest: Any) -> np.ndarray:
    """Predict with scikit-learn, average with bincount, add the residual of the parent cell."""
    from pyproj import Transformer

    shape = cube["NDVI"].shape
    columns = [np.broadcast_to(cube[name].values, shape).ravel() for name in PREDICTORS]
    cells = np.stack(columns, axis=1).astype("float32")
    valid = np.isfinite(cells).all(axis=1)
    out = np.full(cells.shape[0], np.nan)
    out[valid] = forest.predict(cells[valid])
    fine, grid = mx.cube.geobox_of(cube), mx.cube.geobox_of(coarse)
    x, y = np.meshgrid(cube["x"].values, cube["y"].values)
    to = Transformer.from_crs(fine.crs.to_wkt(), grid.crs.to_wkt(), always_xy=True)
    column, row = ~grid.affine * np.array(to.transform(x.ravel(), y.ravel()))
    parent = np.floor(row).astype(int) * grid.shape[1] + np.floor(column).astype(int)
    size = grid.shape[0] * grid.shape[1]
    for layer, product in zip(out.reshape(shape[0], -1), coarse.values, strict=True):
        kept = np.isfinite(layer)
        number = np.bincount(parent[kept], minlength=size)
        mean = np.bincount(parent[kept], layer[kept], size) / np.maximum(number, 1)
        residual = np.where(number > 0, product.ravel() - mean, 0.0)
        layer += np.where(np.isfinite(residual), residual, 0.0)[parent]
    return out.reshape(shape)


def main() -> None:
    """Compare both on a coalfield, one thread each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=512, help="cells a side of the raster")
    side = parser.parse_args().side
    field = mx.coalfield(side, years=YEARS, chunks=CHUNK)
    cube = field.cube.mine.indices(PREDICTORS[:3])
    cube = cube.assign(lst=field.cube["thermal"], precipitation=field.cube["precipitation"])
    cube, coarse = cube.compute(), field.coarse["npp"].compute()
    lazy = cube.chunk(y=CHUNK, x=CHUNK, time=1)

    fit, model = seconds(lambda: mx.fit_downscale(cube, coarse, n_estimators=TREES, cv=[]))
    whole = {"applicability": False, "spread": False, "residual": "block"}
    with dask.config.set(scheduler="synchronous"), peak_memory() as memory:
        ours, found = seconds(lambda: model.apply(lazy, coarse, **whole)["npp"].compute())
        bare, _ = seconds(
            lambda: model.apply(lazy, coarse, **{**whole, "residual": "none"})["npp"].compute()
        )
        means, _ = seconds(lambda: mx.aggregate_to(lazy["NDVI"], coarse).compute())
        inside, _ = seconds(lambda: model.apply(cube, coarse, **whole)["npp"])
        everything, _ = seconds(lambda: model.apply(lazy, coarse).compute())
    forest = model.models[0].estimator
    # Names would make scikit-learn warn of plain arrays.
    plain = type(forest)(**forest.get_params())
    plain.__dict__.update({k: v for k, v in vars(forest).items() if k != "feature_names_in_"})
    theirs, expected = seconds(lambda: by_numpy(cube, coarse, plain))
    used = (found["time"].size * side**2) / 1e6
    both = np.isfinite(found.values) & np.isfinite(expected)
    smooth = np.abs(found.values - np.maximum(expected, 0))[both]
    rows = [
        {"what": "ours: predict, residual, correct, in memory (s)", "value": inside},
        {"what": "scikit-learn and NumPy, in memory (s)", "value": theirs},
        {"what": "ratio", "value": theirs / inside},
        {"what": "ours in chunks, predicted twice (s)", "value": ours},
        {"what": "ours (thousand cells a second and core)", "value": used * 1e3 / inside},
        {"what": "share of cells that differ by more than 0.1 %",
         "value": float((smooth > 1e-3 * expected[both].mean()).mean())},
        {"what": "ours in chunks without residual (s)", "value": bare},
        {"what": "ours with spread, dissimilarity and flags (s)", "value": everything},
        {"what": "averaging one predictor (ns a cell)", "value": means / used * 1e3},
        {"what": "training, without validation (s)", "value": fit},
        {"what": "peak (MiB)", "value": memory.total / 2**20},
    ]  # fmt: skip
    title = f"downscaling, {side} x {side} cells, {len(YEARS)} years, {TREES} trees"
    table(f"{title}, processor seconds of one thread", rows)


if __name__ == "__main__":
    main()
