"""A landscape of any size for the kernels: terrain, patches, resistance, sources."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

import mineeco_xr as mx
from mineeco_xr.chunks import generate

CHUNK = 2048
OCTAVES = ((1024.0, 300.0), (256.0, 90.0), (64.0, 25.0), (16.0, 6.0), (4.0, 1.5))
"""Wavelength in cells and height in metres of the terrain's noises."""


def terrain(rows: slice, columns: slice) -> np.ndarray:
    """Return heights with pits at all scales, m."""
    from mineeco_xr.kernels.hash import gradient_noise, stream_key

    heights = np.add.outer(np.r_[rows] * 0.01, np.r_[columns] * 0.02)
    for number, (wavelength, height) in enumerate(OCTAVES):
        key = stream_key(0, "terrain", number)
        heights += height * gradient_noise(key, rows, columns, wavelength=wavelength)
    return heights.astype("float32")


def patches(rows: slice, columns: slice, *, share: float) -> np.ndarray:
    """Return patches of habitat that cover a share of the land, a few cells to kilometres wide."""
    from mineeco_xr.kernels.hash import gradient_noise, stream_key

    field = sum(
        weight * gradient_noise(stream_key(1, "patch", n), rows, columns, wavelength=size)
        for n, (size, weight) in enumerate(((200.0, 1.0), (40.0, 0.6), (8.0, 0.35)))
    )
    return (field > np.quantile(_sample(), 1 - share)).astype("uint8")


def _sample() -> np.ndarray:
    rng = np.random.default_rng(0)
    return sum(rng.normal(0, 0.25 * weight, 100_000) for weight in (1.0, 0.6, 0.35))


def resistance(rows: slice, columns: slice) -> np.ndarray:
    """Return a weighted sum of classes between 1 and 5 in steps of 0.01, a few percent of walls."""
    from mineeco_xr.kernels.hash import gradient_noise, stream_key

    field = sum(
        gradient_noise(stream_key(2, "cost", n), rows, columns, wavelength=size)
        for n, size in enumerate((300.0, 60.0, 12.0))
    )
    values = np.round(np.clip(3.0 + 2.0 * field, 1.0, 5.0), 2)
    return np.where(field > 1.0, np.nan, values).astype("float32")


def sources(rows: slice, columns: slice, *, every: int) -> np.ndarray:
    """Return small numbered squares on a coarse lattice."""
    i, j = np.meshgrid(np.r_[rows], np.r_[columns], indexing="ij")
    inside = (i % every < 4) & (j % every < 4)
    return np.where(inside, 1 + (i // every) * 64 + j // every, 0).astype("int32")


def landscape(side: int, chunk: int | None = CHUNK) -> xr.Dataset:
    """Return the layers on a square grid of 30 m, lazily (in memory for ``chunk=None``)."""
    grid = mx.make_grid((0, 0, side * 30, side * 30), crs="EPSG:32650", resolution=30)
    coords = mx.cube.grid_coords(grid)

    def layer(function: Any, dtype: str, **parameters: Any) -> xr.DataArray:
        return generate(function, coords, dtype=dtype, chunks=chunk, parameters=parameters)

    friction = layer(resistance, "float32")
    squares = layer(sources, "int32", every=max(50, side // 5))
    return xr.Dataset(
        {
            "dem": layer(terrain, "float32").assign_attrs(units="m"),
            "patches": layer(patches, "uint8", share=0.02),
            "crop": layer(patches, "uint8", share=0.35),
            "resistance": friction.assign_attrs(units="1"),
            "sources": squares.where(friction.notnull(), 0).astype("int32"),
        }
    )


def stored_landscape(folder: Path, side: int) -> xr.Dataset:
    """Open the landscape, written before unless it is there; a larger one is cut to size."""
    path = folder / f"landscape-{side}.zarr"
    if not path.exists():
        mx.write_cube(_cut(folder, side), path, chunk=min(CHUNK, side))
    return mx.open_cube(path)


def _cut(folder: Path, side: int) -> xr.Dataset:
    larger = [p for p in folder.glob("landscape-*.zarr") if int(p.stem.split("-")[1]) > side]
    if not larger:
        return landscape(side)
    corner = mx.open_cube(larger[0]).isel(y=slice(side), x=slice(side))
    return corner.chunk({"y": min(CHUNK, side), "x": min(CHUNK, side)})
