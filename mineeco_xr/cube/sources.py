"""Sources of a layer: which files, which dates, and their stored numbers as lazy rasters."""

from __future__ import annotations

import glob
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from mineeco_xr.cube.dates import parse_date
from mineeco_xr.cube.geotiff import open_tiff, tiff_info
from mineeco_xr.cube.granules import files_of_layer, latest_generations
from mineeco_xr.cube.grid import geobox_of, grid_mapping_of
from mineeco_xr.cube.modis import layer_row
from mineeco_xr.errors import DataError, GridMismatch, SchemaError

if TYPE_CHECKING:
    from mineeco_xr.cube.manifest import LayerSpec

_TIFF = (".tif", ".tiff")
_NETCDF = (".nc", ".nc4", ".cdf", ".h5")
_DIM_NAMES = {
    "y": ("y", "lat", "latitude", "northing", "rows", "ydim"),
    "x": ("x", "lon", "longitude", "easting", "columns", "xdim"),
    "time": ("time", "date", "year", "t"),
}


@dataclass(frozen=True)
class Slice:
    """One raster of a layer, known by its header and loaded with the chunks that are wanted.

    Attributes
    ----------
    origin : str
        File and band, for messages.
    grid : GeoBox
        Its own grid.
    dates : tuple of numpy.datetime64
        None for a static raster.
    load : callable
        ``load(chunk=...)`` gives the stored numbers, lazy, with dims ``(y, x)``, or
        ``(time, y, x)`` where the source has a time dim itself.
    tiff : tuple of TiffInfo and int, optional
        Header and band, from 0, of a GeoTIFF.
    replaced : tuple of str
        Names of files of the same granule, processed earlier, in whose place this one is taken.
    """

    origin: str
    grid: Any
    dates: tuple[np.datetime64, ...]
    load: Callable[..., xr.DataArray]
    tiff: Any = None
    replaced: tuple[str, ...] = ()


def open_sources(name: str, spec: LayerSpec, base: Path) -> list[Slice]:
    """Open all sources of a layer; no pixel is read.

    Parameters
    ----------
    name : str
        Name of the layer, for messages.
    spec : LayerSpec
        Its description.
    base : Path
        Folder that relative paths start from.

    Returns
    -------
    list of Slice
        In order of date. Of several generations of a MODIS granule only the latest.

    Raises
    ------
    DataError
        If a file is absent, truncated, or of an unknown kind.
    SchemaError
        If a band, variable or date is missing or stands twice, or a file's name says that it is
        of another MODIS product.
    """
    slices: list[Slice] = []
    files = source_files(name, spec.path, base)
    if spec.product is not None:
        files = files_of_layer(name, files, spec.product, spec.layer)
    for path, replaced in latest_generations(files).items():
        if path.suffix.lower() in _TIFF:
            opened = _tiff_slices(path, spec)
        else:
            opened = [_gridded_slice(name, path, spec)]
        slices += [replace(part, replaced=replaced) for part in opened] if replaced else opened
    _require_dates(name, slices)
    return sorted(slices, key=lambda part: part.dates[:1])


def source_files(name: str, paths: str | list[str], base: Path) -> list[Path]:
    """Return the files that paths, folders and patterns name.

    Raises
    ------
    DataError
        If there is none.
    """
    patterns = [paths] if isinstance(paths, str) else paths
    found: list[Path] = []
    for pattern in patterns:
        path = base / pattern
        if path.is_dir() and path.suffix != ".zarr" and not (path / "zarr.json").exists():
            members = sorted(p for p in path.iterdir() if p.suffix.lower() in _TIFF)
        elif path.exists():
            members = [path]
        else:
            members = sorted(Path(match) for match in glob.glob(str(path)))
        if not members:
            raise DataError(f"variable {name!r}: no file at {path}.")
        found += members
    return found


def _tiff_slices(path: Path, spec: LayerSpec) -> list[Slice]:
    info = tiff_info(path, crs=spec.crs)
    if spec.bands != "time":
        dates = () if spec.static else (parse_date(path.name, spec.date_pattern),)
        band = info.band_index(spec.band)
        return [Slice(str(path), info.grid, dates, partial(open_tiff, info, band), (info, band))]
    return [
        Slice(
            f"{path} band {number + 1}",
            info.grid,
            (parse_date(text or "(no description)", spec.date_pattern),),
            partial(open_tiff, info, number),
            (info, number),
        )
        for number, text in enumerate(info.bands)
    ]


def _gridded_slice(name: str, path: Path, spec: LayerSpec) -> Slice:
    ds = _open_dataset(path, masked=spec.product is None)
    wanted = spec.variable or name
    if spec.product is not None and spec.variable is None and name not in ds:
        wanted = str(layer_row(spec.product, spec.layer)["layer"])
    if wanted not in ds:
        raise SchemaError(
            f"variable {name!r}: {path} has no variable {wanted!r}; it has "
            f"{sorted(map(str, ds.data_vars))}. Name one with variable=."
        )
    if spec.classes or "flag_values" in ds[wanted].attrs:
        # Masked they would be floats: classes keep their type and their code of nodata.
        ds = _open_dataset(path, masked=False)
    data = _standard_dims(ds[wanted], f"{path}:{wanted}")
    mapping = grid_mapping_of(ds)
    crs = spec.crs
    if crs is None and mapping is not None:
        # The reference system alone: the coordinates say where the cells are.
        crs = mapping.attrs.get("crs_wkt") or mapping.attrs["spatial_ref"]
    if crs is not None:
        # By one name, whatever the file calls its own.
        data = data.rio.write_crs(crs, grid_mapping_name="spatial_ref")
    if "spatial_ref" not in data.coords:
        raise GridMismatch(f"variable {name!r}: {path} names no reference system: add crs = '...'.")
    dates = tuple(data["time"].values) if "time" in data.dims else ()
    return Slice(f"{path}:{wanted}", geobox_of(data), dates, lambda chunk: data)


def dataset_layers(path: Path) -> list[str]:
    """Return the names of the rasters in a NetCDF or Zarr source.

    Raises
    ------
    DataError
        If it cannot be read.
    """
    ds = _open_dataset(path, masked=False)
    return [str(name) for name in ds.data_vars if ds[name].ndim >= 2]


def _open_dataset(path: Path, *, masked: bool) -> xr.Dataset:
    import rioxarray  # noqa: F401  registers .rio

    try:
        if path.is_dir():
            return xr.open_zarr(path, chunks={}, mask_and_scale=masked)
        if path.suffix.lower() in _NETCDF:
            return xr.open_dataset(path, chunks="auto", mask_and_scale=masked)
    except Exception as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    raise DataError(
        f"{path} is of an unknown kind: GeoTIFF ({', '.join(_TIFF)}), NetCDF "
        f"({', '.join(_NETCDF)}) and Zarr folders can be read."
    )


def _standard_dims(data: xr.DataArray, origin: str) -> xr.DataArray:
    renamed = {}
    for target, names in _DIM_NAMES.items():
        for dim in data.dims:
            if str(dim).lower() in names and dim != target:
                renamed[dim] = target
    data = data.rename(renamed).reset_coords(drop=True)
    extra = set(data.dims) - {"time", "y", "x"}
    if extra or not {"y", "x"} <= set(data.dims):
        raise SchemaError(f"{origin} has dims {tuple(data.dims)}: (time, y, x) were expected.")
    if "time" in data.dims:
        data = data.assign_coords(time=_as_dates(data, origin))
    return data.transpose(..., "y", "x")


def _as_dates(data: xr.DataArray, origin: str) -> np.ndarray:
    """Return the dates of a file; whole numbers are years, other calendars go by their day."""
    if "time" not in data.coords:
        raise SchemaError(f"{origin} has a time dim without dates: assign them in the file.")
    values = data["time"].values
    if np.issubdtype(values.dtype, np.datetime64):
        return values.astype("datetime64[ns]")
    if np.issubdtype(values.dtype, np.number):
        if not ((values >= 1800) & (values <= 2200) & (values == np.round(values))).all():
            raise SchemaError(
                f"{origin} has the times {values[:3].tolist()}, which are neither dates nor years: "
                "write CF dates into the file."
            )
        years = [f"{int(year)}-01-01" for year in values]
        return np.asarray(years, dtype="datetime64[ns]")
    try:
        days = [f"{t.year:04d}-{t.month:02d}-{t.day:02d}" for t in values]
        return np.asarray(days, dtype="datetime64[ns]")
    except (AttributeError, ValueError) as error:
        raise SchemaError(f"{origin}: its times cannot be read as dates ({error}).") from None


def _require_dates(name: str, slices: list[Slice]) -> None:
    if len(slices) > 1 and not all(part.dates for part in slices):
        raise SchemaError(f"variable {name!r} has {len(slices)} files and is static: keep one.")
    seen: dict[np.datetime64, str] = {}
    for part in slices:
        for date in part.dates:
            day = date.astype("datetime64[D]")
            if day in seen:
                raise SchemaError(
                    f"variable {name!r}: the date {day} stands twice, in {seen[day]} and in "
                    f"{part.origin}. Remove one, or sharpen date_pattern."
                )
            seen[day] = part.origin
