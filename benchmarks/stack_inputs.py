"""A stack of any size as archives store it: four Landsat bands, NPP and ET of 24 years.

Numbers of the products themselves: collection 2 reflectance as uint16, MOD17A3HGF as int16 and
MOD16A3GF as uint16, with clouds, fill codes, slow trends and sudden losses that recover. The bands
have noise of their own in every cell; production and water are even within 120 m, so that the whole
of 10,000 cells a side fits on a small disk.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

import mineeco_xr as mx
from mineeco_xr.chunks import generate

FIRST, YEARS = 2000, 24
BANDS = {"red": (0.035, 0.200), "nir": (0.460, 0.270), "swir1": (0.190, 0.340),
         "swir2": (0.080, 0.290)}  # fmt: skip
"""Reflectance of full cover and of bare soil."""
PRODUCTS = {"npp": ("int16", 32765), "et": ("uint16", 65533)}
"""Stored type, and the fill code of barren land."""
NOISE, STEP = 0.002, 64
"""Half width of the noise of a band, and the counts in which its numbers are rounded."""
PATCH, SQUARE = 4, 64
"""Cells a side within which production and clouds are even, and of a lattice of losses."""


def stored_stack(folder: Path, side: int) -> Path:
    """Return the store of the inputs, written before unless it is there."""
    path = folder / f"stack-{side}.zarr"
    if not path.exists():
        mx.write_cube(stack(side), path)
    return path


def stack(side: int, *, chunk: int | None = 512, seed: int = 0) -> xr.Dataset:
    """Return the six layers on a grid of 30 m, lazily (in memory for ``chunk=None``)."""
    grid = mx.make_grid((0, 0, side * 30, side * 30), crs="EPSG:32650", resolution=30)
    coords = mx.cube.grid_coords(grid)
    dates = pd.to_datetime([f"{FIRST + year}-08-01" for year in range(YEARS)])

    def layer(function: Any, dtype: str, **parameters: Any) -> xr.DataArray:
        parameters["seed"] = seed
        leading = {"time": dates}
        return generate(
            function, coords, dtype=dtype, chunks=chunk, parameters=parameters, leading=leading
        )

    bands = {name: layer(band_numbers, "uint16", band=name) for name in BANDS}
    products = {
        name: layer(product_numbers, dtype, product=name) for name, (dtype, _) in PRODUCTS.items()
    }
    return xr.Dataset(bands | products)


def band_numbers(rows: slice, columns: slice, *, band: str, seed: int) -> np.ndarray:
    """Return the stored numbers of a Landsat band, 0 under clouds."""
    from mineeco_xr.kernels.hash import gradient_noise, stream_key, triangular_cells

    green, soil = BANDS[band]
    out = np.empty((YEARS, rows.stop - rows.start, columns.stop - columns.start), dtype="uint16")
    for year, cover in enumerate(_covers(rows, columns, seed=seed)):
        noise = triangular_cells(stream_key(seed, "sensor", band, year), rows, columns)
        reflectance = soil + np.float32(green - soil) * cover + np.float32(NOISE) * noise
        counts = np.rint((reflectance + np.float32(0.2)) / np.float32(0.0000275 * STEP)) * STEP
        key = stream_key(seed, "cloud", year)
        clouds = gradient_noise(key, *_patches(rows, columns), wavelength=120 / PATCH)
        out[year] = np.where(_spread(clouds > 0.45, rows, columns), 0, np.clip(counts, 7296, 43584))
    return out


def product_numbers(rows: slice, columns: slice, *, product: str, seed: int) -> np.ndarray:
    """Return the stored numbers of yearly production or evapotranspiration."""
    from mineeco_xr.kernels.hash import gradient_noise, stream_key, triangular_cells

    dtype, fill = PRODUCTS[product]
    base, gain = {"npp": (50.0, 800.0), "et": (180.0, 450.0)}[product]
    inside = _patches(rows, columns)
    barren = gradient_noise(stream_key(seed, "barren"), *inside, wavelength=400 / PATCH) > 0.5
    weather = np.random.default_rng([seed, len(product)]).normal(1.0, 0.06, YEARS)
    out = np.empty((YEARS, rows.stop - rows.start, columns.stop - columns.start), dtype=dtype)
    for year, cover in enumerate(_covers(*inside, seed=seed, size=PATCH)):
        noise = triangular_cells(stream_key(seed, product, year), *inside)
        amount = (base + gain * cover) * weather[year] * (1 + 0.05 * noise)
        out[year] = _spread(np.where(barren, fill, 10 * np.rint(amount)), rows, columns)
    return out


def planted_years(rows: slice, columns: slice, *, seed: int = 0) -> np.ndarray:
    """Return the year of the loss of each cell, 0 where there is none."""
    begun = _losses(rows, columns, seed=seed, size=1)
    return np.where(begun < YEARS, FIRST + begun, 0)


def _covers(rows: slice, columns: slice, *, seed: int, size: int = 1) -> Any:
    """Yield the share of vegetation of each year, in steps of ``size`` cells."""
    from mineeco_xr.kernels.hash import gradient_noise, stream_key

    def noise(name: str, wavelength: float) -> np.ndarray:
        return gradient_noise(stream_key(seed, name), rows, columns, wavelength=wavelength / size)

    vigour = (
        np.float32(0.6)
        + np.float32(0.2) * noise("region", 900)
        + np.float32(0.1) * noise("field", 40)
    )
    drift = np.float32(0.006) * noise("drift", 600)
    begun = _losses(rows, columns, seed=seed, size=size)
    weather = np.random.default_rng(seed).normal(1.0, 0.02, YEARS).astype("float32")
    for year in range(YEARS):
        since = year - begun
        lost = np.where(since >= 0, np.maximum(0.8 - 0.05 * since, 0), 0).astype("float32")
        yield np.clip((vigour + drift * year) * weather[year] * (1 - lost), 0.02, 0.95)


def _losses(rows: slice, columns: slice, *, seed: int, size: int) -> np.ndarray:
    """Return the number of the year in which each cell loses its cover; ``YEARS`` if it does not.

    Every fourth square of the lattice holds a rectangle that is lost in one year.
    """
    from mineeco_xr.kernels.hash import stream_key, uniform_cells

    step = SQUARE // size
    lattice = _lattice(rows, step), _lattice(columns, step)
    chance, when, width = (
        uniform_cells(stream_key(seed, "loss", name), *lattice)
        for name in ("chance", "when", "width")
    )
    begun = np.where(chance < 0.25, 4 + np.floor(when * 16), YEARS)
    i, j = (np.abs(np.r_[part] % step + 0.5 - step / 2) * size for part in (rows, columns))
    at = np.ix_(np.r_[rows] // step - lattice[0].start, np.r_[columns] // step - lattice[1].start)
    reach = (8 + 20 * width)[at]
    inside = (i[:, None] < reach) & (j[None, :] < reach)
    return np.where(inside, begun[at], YEARS).astype("int16")


def _lattice(part: slice, step: int) -> slice:
    return slice(part.start // step, (part.stop - 1) // step + 1)


def _patches(rows: slice, columns: slice) -> tuple[slice, slice]:
    return _lattice(rows, PATCH), _lattice(columns, PATCH)


def _spread(values: np.ndarray, rows: slice, columns: slice) -> np.ndarray:
    """Give each cell the value of its patch."""
    first = rows.start // PATCH, columns.start // PATCH
    return values[np.ix_(np.r_[rows] // PATCH - first[0], np.r_[columns] // PATCH - first[1])]
