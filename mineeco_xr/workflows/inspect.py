"""What a file or cube holds, without reading pixels."""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from mineeco_xr.cube import open_cube
from mineeco_xr.cube.describe import describe
from mineeco_xr.cube.geotiff import open_tiff, tiff_info
from mineeco_xr.errors import DataError


def inspect_path(path: str | Path) -> str:
    """Describe a Zarr cube, a GeoTIFF or a NetCDF file.

    Parameters
    ----------
    path : path-like
        What to look into.

    Returns
    -------
    str
        Grid, dates, variables, units.

    Raises
    ------
    DataError
        If it is absent, unfinished, truncated or of an unknown kind.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix in (".tif", ".tiff"):
        return describe(_tiff(path))
    if suffix in (".nc", ".nc4", ".cdf", ".h5"):
        if not path.exists():
            raise DataError(f"{path} does not exist.")
        try:
            with xr.open_dataset(path, chunks={}) as ds:
                return describe(ds)
        except (OSError, ValueError) as error:
            raise DataError(f"{path} cannot be read: {error}") from error
    return describe(open_cube(path))


def _tiff(path: Path) -> xr.Dataset:
    info = tiff_info(path)
    bands = {}
    for number, text in enumerate(info.bands):
        bands[text or f"band {number + 1}"] = open_tiff(info, number)
    return xr.Dataset(bands)
