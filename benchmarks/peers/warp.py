"""Reprojection: the exact warp and GDAL through rasterio, 4000 x 4000."""

from __future__ import annotations

import inspect

import numpy as np
import rasterio.warp

import mineeco_xr as mx
from benchmarks.measure import best_of, table
from mineeco_xr.testing import with_grid

SIDE = 4000
EXACT = "tolerance" in inspect.signature(rasterio.warp.reproject).parameters


def main() -> None:
    """Compare nearest and bilinear onto a geographic grid."""
    raster = with_grid(np.random.default_rng(0).normal(size=(SIDE, SIDE)).astype("float32"))
    box = raster.mine.grid
    bounds = rasterio.warp.transform_bounds("EPSG:32650", "EPSG:4326", *box.boundingbox)
    grid = mx.make_grid(bounds, crs="EPSG:4326", resolution=(bounds[2] - bounds[0]) / SIDE)
    lazy = raster.chunk(2048)
    rows = []
    for resampling in ("nearest", "bilinear"):
        out = np.empty(grid.shape, "float32")

        def gdal(how: str = resampling, into: np.ndarray = out) -> None:
            extra = {"tolerance": 0} if EXACT else {}
            rasterio.warp.reproject(
                raster.values, into, src_transform=box.affine, src_crs="EPSG:32650",
                dst_transform=grid.affine, dst_crs="EPSG:4326", src_nodata=np.nan,
                dst_nodata=np.nan, resampling=rasterio.warp.Resampling[how], num_threads=2, **extra,
            )  # fmt: skip

        ours = best_of(lambda how=resampling: mx.warp(lazy, grid, resampling=how).compute(), 1)
        theirs = best_of(gdal, 1)
        found = mx.warp(lazy, grid, resampling=resampling).values
        differ = np.mean(~np.isclose(found, out, rtol=1e-5, atol=1e-5, equal_nan=True))
        rows.append(
            {
                "resampling": resampling,
                "ours, 2 threads (s)": ours,
                f"GDAL, {'tolerance 0' if EXACT else 'inexact'} (s)": theirs,
                "cells that differ (%)": 100 * differ,
            }
        )
    table(f"warp of {SIDE} x {SIDE} from UTM to degrees", rows)


if __name__ == "__main__":
    main()
