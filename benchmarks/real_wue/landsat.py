"""Two Landsat 7 scenes by the anthracite field of Pennsylvania: stored numbers to NDVI and kelvin.

``python -m benchmarks.real_wue.landsat --data DIR`` prints what each step makes of both dates.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

import mineeco_xr as mx
from benchmarks.measure import table

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
FOLDER = "landsat7_pennsylvania"
LINES = {"green": 1, "red": 2, "nir": 3, "swir1": 4}
"""Band to its place in the file: B1, B2, B3, B4, B5, B61, B62, B7."""
RADIANCE = {"green": (0.79569, -6.4), "red": (0.61922, -5.0), "nir": (0.63725, -5.1),
            "swir1": (0.12573, -1.0)}  # fmt: skip
"""Gain and bias, W m-2 sr-1 um-1, as the scenes' documentation gives them."""
SUNLIGHT = {"green": 1812.0, "red": 1533.0, "nir": 1039.0, "swir1": 230.8}
"""Mean sunlight above the air, W m-2 um-1 (Chander et al. 2009)."""
SATURATED = 255


@dataclass(frozen=True)
class Date:
    """One scene.

    Attributes
    ----------
    file : str
        Name.
    day : str
        Date.
    sun_elevation : float
        Degrees.
    """

    file: str
    day: str
    sun_elevation: float


DATES = {
    "july": Date("etm_july.tif", "2002-07-20", 61.4),
    "november": Date("etm_nov.tif", "2002-11-25", 26.2),
}


def stored(folder: Path, date: Date, chunk: int | None = None) -> xr.DataArray:
    """Return the stored numbers, (band, y, x), saturated ones as nodata."""
    import rioxarray

    scene = rioxarray.open_rasterio(folder / date.file, chunks=chunk and {"y": chunk, "x": chunk})
    return scene.drop_attrs(deep=False).assign_attrs(_FillValue=SATURATED)


def reflectance(numbers: xr.DataArray, date: Date) -> xr.Dataset:
    """Return reflectance above the air: ``pi L d^2 / (E sin(elevation))``."""
    day = pd.Timestamp(date.day).day_of_year
    distance = 1 - 0.01672 * np.cos(np.radians(0.9856 * (day - 4)))
    sun = np.sin(np.radians(date.sun_elevation)) / (np.pi * distance**2)
    bands = {}
    for name, place in LINES.items():
        gain, bias = RADIANCE[name]
        band = numbers[place].drop_vars("band").astype("float32")
        valid = band.where((band > 0) & (band < SATURATED))
        bands[name] = ((valid * gain + bias) / (sun * SUNLIGHT[name])).clip(0, None)
    return xr.Dataset(bands)


def scene(folder: Path, date: Date, chunk: int | None = None) -> xr.Dataset:
    """Return NDVI and brightness temperature of one date.

    The high gain resolves 0.25 K a step; where it is saturated there is no value.
    """
    numbers = stored(folder, date, chunk)
    ndvi = mx.indices(reflectance(numbers, date), ["NDVI"])["NDVI"].rename("ndvi")
    lst = mx.brightness_temperature(numbers[6].drop_vars("band"), "ETM_HIGH").rename("lst")
    return xr.Dataset({"ndvi": ndvi, "lst": lst})


def main() -> None:
    """Print the steps of both dates."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("MINEECO_DATA", DATA)))
    folder = parser.parse_args().data / FOLDER
    rows = []
    for name, date in DATES.items():
        numbers, found = stored(folder, date), scene(folder, date)
        ndvi = found["ndvi"]
        low = mx.brightness_temperature(numbers[5].drop_vars("band"), "ETM_LOW")
        rows.append(
            {
                "scene": name,
                "saturated (%)": float((numbers == SATURATED).any("band").mean() * 100),
                "red": float(reflectance(numbers, date)["red"].median()),
                "nir": float(reflectance(numbers, date)["nir"].median()),
                "NDVI": float(ndvi.median()),
                "NDVI range": f"{float(ndvi.min()):.2f} to {float(ndvi.max()):.2f}",
                "K, high gain": float(found["lst"].median()),
                "K, low gain": float(low.median()),
            }
        )
    table("Landsat 7 by the anthracite field, medians", rows)


if __name__ == "__main__":
    main()
