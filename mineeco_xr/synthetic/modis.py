"""NPP and ET as MODIS sees them: its sinusoidal grid, its integers, its fill classes, its files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from mineeco_xr.errors import ParameterError, SchemaError

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

SINUSOIDAL = "+proj=sinu +lon_0=0 +x_0=0 +y_0=0 +R=6371007.181 +units=m +no_defs"
"""The reference system of MODIS' land products, a sphere of 6371007.181 m."""
UPPER_LEFT = (-20015109.354, 10007554.677)
CELL = 463.312716528
"""Side of a 500 m cell, m."""
PRODUCTS = {
    "npp": ("MOD17A3HGF.061_Npp_500m", "int16", 32767, {"barren": 32765, "water": 32766}),
    "et": ("MOD16A3GF.061_ET_500m", "uint16", 65535, {"barren": 65533, "water": 65534}),
}
"""Name of the layer, type, fill value and fill classes."""
DN_PER_UNIT = 10.0
"""Both layers count tenths: 0.0001 kgC m-2 yr-1 is 0.1 gC m-2 yr-1, ET is in 0.1 mm yr-1."""
BATCH_CELLS = 4_000_000


def modis_grid(bounds: tuple[float, float, float, float], crs: Any) -> GeoBox:
    """Return the part of MODIS' global 500 m grid that covers an extent.

    Parameters
    ----------
    bounds : tuple of float
        Left, bottom, right, top in units of ``crs``.
    crs : Any
        Reference system of the bounds.

    Returns
    -------
    odc.geo.geobox.GeoBox
        In the sinusoidal projection, its cells aligned with MODIS' global ones.

    Notes
    -----
    Away from the central meridian the projection shears: at 116 E, 44 N a square of the UTM grid
    is a parallelogram here, and about half of the cells of the result lie outside the extent.

    Examples
    --------
    >>> grid = modis_grid((410_000, 4_860_000, 420_000, 4_870_000), "EPSG:32650")
    >>> round((grid.affine.c - UPPER_LEFT[0]) / CELL, 6) % 1
    0.0
    """
    from affine import Affine
    from odc.geo.geobox import GeoBox
    from pyproj import Transformer

    left, bottom, right, top = bounds
    # Points along all four edges: what is straight here is curved there.
    along = np.linspace(0, 1, 33)
    eastward, northward = left + along * (right - left), bottom + along * (top - bottom)
    x = np.concatenate([eastward, eastward, np.full(33, left), np.full(33, right)])
    y = np.concatenate([np.full(33, bottom), np.full(33, top), northward, northward])
    transformer = Transformer.from_crs(crs, SINUSOIDAL, always_xy=True)
    east, north = transformer.transform(x, y)
    first_column = int(np.floor((east.min() - UPPER_LEFT[0]) / CELL))
    last_column = int(np.ceil((east.max() - UPPER_LEFT[0]) / CELL))
    first_row = int(np.floor((UPPER_LEFT[1] - north.max()) / CELL))
    last_row = int(np.ceil((UPPER_LEFT[1] - north.min()) / CELL))
    affine = Affine(
        CELL, 0, UPPER_LEFT[0] + first_column * CELL, 0, -CELL, UPPER_LEFT[1] - first_row * CELL
    )
    return GeoBox((last_row - first_row, last_column - first_column), affine, SINUSOIDAL)


def coarsen(layers: dict[str, xr.DataArray], grid: GeoBox, chunk: int) -> dict[str, xr.DataArray]:
    """Average layers over the cells of the MODIS grid that lie whole inside theirs.

    Parameters
    ----------
    layers : dict of str to DataArray
        Lazy, on one projected grid.
    grid : GeoBox
        From :func:`modis_grid`.
    chunk : int
        Cells a side of the chunks of the layers.

    Returns
    -------
    dict of str to DataArray
        Area-weighted means; NaN where a cell reaches beyond the layers.
    """
    from mineeco_xr.cube.warp import warp

    # A sheared coarse block reads about three times its own area of fine cells.
    side = max(8, chunk // 24)
    return {
        name: warp(layer, grid, resampling="average", chunks=side, min_valid=1 - 1e-4)
        for name, layer in layers.items()
    }


def write_modis_tiles(
    coarse: xr.Dataset,
    folder: str | Path,
    *,
    barren_below: float = 0.15,
    water_above: float = 0.5,
) -> list[Path]:
    """Write yearly GeoTIFFs of NPP and ET as AppEEARS delivers them.

    ``MOD17A3HGF.061_Npp_500m_doy2001001_aid0001.tif`` holds int16 numbers of 0.0001 kgC m-2 yr-1,
    ``MOD16A3GF.061_ET_500m_doy2001001_aid0001.tif`` uint16 numbers of 0.1 mm yr-1. As in the real
    products there is no value on barren land (32765, 65533), which is where the pit lies, nor on
    water (32766, 65534); cells outside the extent are fill (32767, 65535).

    Parameters
    ----------
    coarse : xarray.Dataset
        ``Coalfield.coarse``: npp, et, vegetation_cover and water on the sinusoidal grid.
    folder : str or Path
        Made when it is missing.
    barren_below : float
        Vegetation cover below which a cell counts as barren.
    water_above : float
        Share of water above which a cell counts as water.

    Returns
    -------
    list of Path
        The files, by year, NPP before ET.

    Raises
    ------
    SchemaError
        If a variable is missing.
    ParameterError
        If a threshold is not a share.
    """
    missing = [name for name in (*PRODUCTS, "vegetation_cover", "water") if name not in coarse]
    if missing:
        raise SchemaError(f"the coarse cube lacks {missing}: pass Coalfield.coarse.")
    for name, value in (("barren_below", barren_below), ("water_above", water_above)):
        if not 0 <= value <= 1:
            raise ParameterError(f"{name} is {value}: give a share from 0 to 1.")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    batch = max(1, BATCH_CELLS // (coarse.sizes["y"] * coarse.sizes["x"]))
    paths: list[Path] = []
    for start in range(0, coarse.sizes["time"], batch):
        part = coarse.isel(time=slice(start, start + batch)).compute()
        for index in range(part.sizes["time"]):
            year = part.isel(time=index)
            barren = (year.vegetation_cover < barren_below).values
            water = (year.water > water_above).values
            paths.extend(_write_tile(year[name], name, barren, water, folder) for name in PRODUCTS)
    return paths


def digital_numbers(
    values: np.ndarray, name: str, barren: np.ndarray, water: np.ndarray
) -> np.ndarray:
    """Return the stored integers of a layer: tenths, with the fill classes of MODIS."""
    _, dtype, fill, classes = PRODUCTS[name]
    valid = np.isfinite(values)
    numbers = np.where(valid, np.round(np.where(valid, values, 0) * DN_PER_UNIT), fill)
    numbers = np.where(valid & barren, classes["barren"], numbers)
    numbers = np.where(valid & water, classes["water"], numbers)
    return numbers.astype(dtype)


def _write_tile(
    layer: xr.DataArray, name: str, barren: np.ndarray, water: np.ndarray, folder: Path
) -> Path:
    import rasterio

    from mineeco_xr.cube import geobox_of

    product, dtype, fill, _ = PRODUCTS[name]
    grid = geobox_of(layer)
    year = int(str(layer.time.dt.year.item()))
    path = folder / f"{product}_doy{year}001_aid0001.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=grid.shape[1], height=grid.shape[0], count=1,
        dtype=dtype, nodata=fill, crs=SINUSOIDAL, transform=grid.affine, compress="deflate",
    ) as target:  # fmt: skip
        target.write(digital_numbers(layer.values, name, barren, water), 1)
        units = {"npp": ("0.0001", "kg_C/m^2/yr"), "et": ("0.1", "kg/m^2/yr")}[name]
        target.update_tags(scale_factor=units[0], add_offset="0", units=units[1])
    return path
