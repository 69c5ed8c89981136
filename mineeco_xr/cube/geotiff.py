"""GeoTIFFs as lazy rasters, checked for truncation before any pixel is read."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks import generate
from mineeco_xr.cube.grid import grid_coords
from mineeco_xr.errors import DataError, GridMismatch, SchemaError

READ_SIDE = 2048


@dataclass(frozen=True)
class TiffInfo:
    """What the header of a GeoTIFF says.

    Attributes
    ----------
    path : Path
        The file.
    grid : GeoBox
        Shape, affine and reference system.
    bands : tuple of str
        Descriptions; empty strings where there are none.
    dtypes : tuple of str
        Types of the bands.
    nodata : tuple
        Nodata value of each band, or ``None``.
    scales, offsets : tuple of float
        Stored scaling of each band.
    units : tuple
        Units of each band, or ``None``.
    """

    path: Path
    grid: Any
    bands: tuple[str, ...]
    dtypes: tuple[str, ...]
    nodata: tuple[float | None, ...]
    scales: tuple[float, ...]
    offsets: tuple[float, ...]
    units: tuple[str | None, ...]

    def band_index(self, band: int | str | None) -> int:
        """Return the number, from 0, of a band given by number from 1 or by description.

        Raises
        ------
        SchemaError
            If there is no such band, or none is named and there are several.
        """
        if band is None:
            if len(self.bands) > 1:
                raise SchemaError(
                    f"{self.path} has {len(self.bands)} bands {self._names()}: name one with "
                    "band=, or bands = 'time' when they are dates."
                )
            return 0
        if isinstance(band, int) and 1 <= band <= len(self.bands):
            return band - 1
        if isinstance(band, str) and self.bands.count(band) == 1:
            return self.bands.index(band)
        raise SchemaError(
            f"{self.path} has no band {band!r}: it has {len(self.bands)} bands {self._names()}."
        )

    def _names(self) -> str:
        named = [name for name in self.bands if name]
        return f"({', '.join(named[:12])}{', ...' if len(named) > 12 else ''})" if named else ""


def tiff_info(path: str | Path, *, crs: str | None = None) -> TiffInfo:
    """Read and check the header of a GeoTIFF.

    Parameters
    ----------
    path : path-like
        The file.
    crs : str, optional
        Reference system of a file that names none.

    Returns
    -------
    TiffInfo
        What the header says.

    Raises
    ------
    DataError
        If the file is absent, no raster, or shorter than its header says.
    GridMismatch
        If it has no reference system or a rotated grid.
    """
    import rasterio
    from affine import Affine
    from odc.geo.geobox import GeoBox

    path = Path(path)
    if not path.exists():
        raise DataError(f"raster {path} does not exist.")
    try:
        with rasterio.open(path) as source:
            _require_complete(source, path)
            if source.crs is None and crs is None:
                raise GridMismatch(
                    f"raster {path} names no reference system: write one into it, or name it in "
                    "the manifest with crs = '...'."
                )
            if source.transform.b or source.transform.d:
                raise GridMismatch(f"raster {path} has a rotated grid: warp it north-up first.")
            grid = GeoBox(
                (source.height, source.width),
                Affine(*source.transform[:6]),
                _crs_text(source.crs) if source.crs is not None else crs,
            )
            return TiffInfo(
                path=path,
                grid=grid,
                bands=tuple(text or "" for text in source.descriptions),
                dtypes=tuple(source.dtypes),
                nodata=tuple(source.nodatavals),
                scales=tuple(source.scales),
                offsets=tuple(source.offsets),
                units=tuple(text or None for text in source.units),
            )
    except rasterio.errors.RasterioIOError as error:
        raise DataError(f"raster {path} cannot be read: {error}") from error


def _crs_text(crs: Any) -> str:
    epsg = crs.to_epsg(confidence_threshold=100)
    return f"EPSG:{epsg}" if epsg else str(crs.to_wkt())


def _require_complete(source: Any, path: Path) -> None:
    """Compare the file's length with the ends of its blocks, which TIFF keeps in its header."""
    if source.driver != "GTiff":
        return
    length = path.stat().st_size
    for band in range(1, source.count + 1):
        height, width = source.block_shapes[band - 1]
        for row in range(-(-source.height // height)):
            for column in range(-(-source.width // width)):
                place = f"{column}_{row}"
                start = source.get_tag_item(f"BLOCK_OFFSET_{place}", "TIFF", bidx=band)
                size = source.get_tag_item(f"BLOCK_SIZE_{place}", "TIFF", bidx=band)
                if start is not None and size is not None and int(start) + int(size) > length:
                    raise DataError(
                        f"raster {path} is truncated: band {band} needs {int(start) + int(size)} "
                        f"bytes and the file has {length}. Copy or download it again."
                    )
        if str(source.interleaving).lower().endswith("pixel"):
            return


def open_tiff(info: TiffInfo, band: int = 0, *, chunk: int = READ_SIDE) -> xr.DataArray:
    """Return a band as a lazy raster of stored numbers.

    Parameters
    ----------
    info : TiffInfo
        From :func:`tiff_info`.
    band : int
        From 0.
    chunk : int
        Cells a side of a chunk.

    Returns
    -------
    xarray.DataArray
        Dims ``(y, x)``, the file's own type, ``attrs["_FillValue"]`` from its nodata value, and
        ``scale_factor`` and ``add_offset`` where the file has them.
    """
    raster = generate(
        tiff_reader(info, band), grid_coords(info.grid), dtype=info.dtypes[band], chunks=chunk
    )
    return raster.assign_attrs(stored_attrs(info, band))


def tiff_reader(info: TiffInfo, band: int) -> Callable[[slice, slice], np.ndarray]:
    """Return a function of rows and columns that reads a window of a band."""
    status = os.stat(info.path)
    return partial(
        _read_block,
        path=str(info.path.resolve()),
        band=band + 1,
        # Part of a task's identity: a file that changed is another input.
        stamp=(status.st_mtime_ns, status.st_size),
    )


def stored_attrs(info: TiffInfo, band: int) -> dict[str, Any]:
    """Return what a file says of a band: ``_FillValue``, ``units``, ``scale_factor``."""
    attrs: dict[str, Any] = {}
    dtype, nodata = np.dtype(info.dtypes[band]), info.nodata[band]
    if nodata is not None and dtype.kind in "iu":
        attrs["_FillValue"] = _as_integer(nodata, dtype, info.path)
    elif nodata is not None and not np.isnan(nodata):
        attrs["_FillValue"] = dtype.type(nodata)
    if (info.scales[band], info.offsets[band]) != (1.0, 0.0):
        attrs |= {"scale_factor": info.scales[band], "add_offset": info.offsets[band]}
    if info.units[band]:
        attrs["units"] = info.units[band]
    return attrs


def _as_integer(nodata: float, dtype: np.dtype, path: Path) -> Any:
    limits = np.iinfo(dtype)
    if not limits.min <= nodata <= limits.max:
        raise SchemaError(
            f"raster {path} is {dtype} and names the nodata value {nodata}, which it cannot hold: "
            "name the real one with fill_values."
        )
    return dtype.type(nodata)


def _read_block(
    rows: slice, columns: slice, *, path: str, band: int, stamp: tuple[int, int]
) -> np.ndarray:
    import rasterio
    from rasterio.windows import Window

    window = Window.from_slices((rows.start, rows.stop), (columns.start, columns.stop))
    try:
        with rasterio.open(path) as source:
            return source.read(band, window=window)
    except rasterio.errors.RasterioError as error:
        text = re.sub(r"\s+", " ", str(error))
        raise DataError(f"raster {path} cannot be read at {rows}, {columns}: {text}") from error
