"""Rasters for a GIS: Cloud-Optimised GeoTIFF, written block by block."""

from __future__ import annotations

import glob
import itertools
import json
import os
import threading
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks import active_client, run_tasks
from mineeco_xr.cube import geobox_of
from mineeco_xr.errors import ParameterError
from mineeco_xr.report.overview import is_discrete, north_up
from mineeco_xr.report.panels import step_names

TILE = 512
"""Cells a side of a tile of the file."""
CACHE_MEGABYTES = 256
"""What GDAL may keep of a file in memory."""
_LONGEST_DESCRIPTION = 80
_PROCESSES = ("processes", "multiprocessing")


def write_cog(
    data: xr.DataArray,
    path: str | os.PathLike[str],
    *,
    tags: Mapping[str, Any] | None = None,
    done: Callable[[int], None] | None = None,
) -> Path:
    """Write a raster to a Cloud-Optimised GeoTIFF.

    Parameters
    ----------
    data : xarray.DataArray
        Dims ``(y, x)``, or one further dim whose steps become bands, described by their dates
        or labels. Floats are written as float32 with NaN for nodata, booleans as uint8,
        integers as they are with ``_FillValue`` for nodata.
    path : path-like
        Ends in ``.tif`` or ``.tiff``; its directory is made when absent, a file of that name
        replaced at the very end.
    tags : mapping, optional
        Further tags of the file.
    done : callable, optional
        Called with 1 after each block written.

    Returns
    -------
    pathlib.Path
        The file: tiles of 512 cells, deflate with predictor, overviews (averages of
        quantities, the nearest of classes), with units, long name and history as tags.

    Raises
    ------
    GridMismatch
        If the raster has no grid.
    ParameterError
        If it has too many dims, a dtype that GeoTIFF lacks, or the path another ending.

    Notes
    -----
    Each block is computed once, in one graph, and written as it comes; only a few are in memory
    at a time, on the threaded scheduler as on a cluster, whose workers need no common disk. The
    blocks go to a plain tiled file beside ``path`` first, as large as the raster.
    """
    import rasterio.shutil

    target = Path(path)
    if target.suffix.lower() not in {".tif", ".tiff"}:
        raise ParameterError(f"path ends in {target.suffix!r}: a GeoTIFF ends in '.tif'.")
    geobox_of(data)
    bands = _as_bands(north_up(data))
    target.parent.mkdir(parents=True, exist_ok=True)
    stem = f".{target.stem}.{uuid.uuid4().hex}"
    plain, finished = (target.with_name(f"{stem}.{part}.tif") for part in ("plain", "cog"))
    try:
        with rasterio.Env(GDAL_PAM_ENABLED=False, GDAL_CACHEMAX=CACHE_MEGABYTES):
            _write_plain(bands, data, plain, tags or {}, done or (lambda _: None))
            rasterio.shutil.copy(
                plain, finished, driver="COG", compress="DEFLATE", level=1, predictor="YES",
                blocksize=TILE, bigtiff="IF_SAFER", num_threads="ALL_CPUS",
                overview_resampling="NEAREST" if is_discrete(data) else "AVERAGE",
            )  # fmt: skip
        finished.replace(target)
    finally:
        for partial in target.parent.glob(f"{glob.escape(stem)}*"):
            partial.unlink(missing_ok=True)
    return target


def _as_bands(data: xr.DataArray) -> xr.DataArray:
    """Return dims ``(band, y, x)`` in a dtype of GeoTIFF."""
    lead = [dim for dim in data.dims if dim not in ("y", "x")]
    if len(lead) > 1:
        raise ParameterError(
            f"data has dims {tuple(data.dims)}: a GeoTIFF has bands of (y, x); select all dims "
            "but one."
        )
    if data.dtype.kind not in "iufb":
        raise ParameterError(f"data is {data.dtype}: a GeoTIFF holds real numbers.")
    dtype = {"f": "float32", "b": "uint8"}.get(data.dtype.kind, data.dtype)
    bands = data.astype(dtype) if data.dtype != dtype else data
    return bands.transpose(*lead, "y", "x") if lead else bands.expand_dims("band")


def _write_plain(
    bands: xr.DataArray, data: xr.DataArray, path: Path, tags: Mapping[str, Any],
    done: Callable[[int], None],
) -> None:  # fmt: skip
    import rasterio

    grid = geobox_of(bands)
    profile = {
        "driver": "GTiff", "dtype": str(bands.dtype), "count": bands.shape[0],
        "height": bands.sizes["y"], "width": bands.sizes["x"], "crs": grid.crs.to_wkt(),
        "transform": grid.affine, "nodata": _nodata(bands, data), "tiled": True,
        "blockxsize": TILE, "blockysize": TILE, "interleave": "band", "bigtiff": "IF_SAFER",
    }  # fmt: skip
    with rasterio.open(path, "w", **profile) as sink:
        sink.update_tags(**_tags(data, tags))
        units = str(data.attrs.get("units", ""))
        for number, name in enumerate(_descriptions(data), start=1):
            sink.set_band_description(number, name)
            sink.set_band_unit(number, units)
        _write_blocks(bands, _Sink(sink, done))


def _nodata(bands: xr.DataArray, data: xr.DataArray) -> float | int | None:
    if bands.dtype.kind == "f":
        return float("nan")
    fill = data.attrs.get("_FillValue", data.encoding.get("_FillValue"))
    if fill is None or data.dtype.kind == "b":
        return None
    return int(fill)


def _descriptions(data: xr.DataArray) -> list[str]:
    lead = [dim for dim in data.dims if dim not in ("y", "x")]
    if not lead:
        return [str(data.attrs.get("long_name") or data.name or "band 1")[:_LONGEST_DESCRIPTION]]
    if lead[0] in data.coords:
        coordinate = data[lead[0]]
        if coordinate.dtype.kind == "M":
            dates = coordinate.dt.strftime("%Y-%m-%d").values.tolist()
            return dates if len(set(dates)) == len(dates) else step_names(coordinate)
        return step_names(coordinate)
    return [f"{lead[0]} {number}" for number in range(1, data.sizes[lead[0]] + 1)]


def _tags(data: xr.DataArray, tags: Mapping[str, Any]) -> dict[str, str]:
    kept = (
        "long_name", "standard_name", "units", "description", "history", "mineeco",
        "flag_values", "flag_meanings", "source", "references",
    )  # fmt: skip
    found = {key: data.attrs[key] for key in kept if key in data.attrs}
    if data.name is not None:
        found["name"] = data.name
    return {"AREA_OR_POINT": "Area"} | {
        str(key): value if isinstance(value, str) else _text(value)
        for key, value in {**found, **tags}.items()
    }


def _text(value: Any) -> str:
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return " ".join(str(item) for item in value)
    return json.dumps(value, default=str) if isinstance(value, Mapping) else str(value)


class _Sink:
    """An open file that takes blocks from several threads, one at a time."""

    def __init__(self, file: Any, done: Callable[[int], None]) -> None:
        self.file = file
        self.done = done
        self.lock = threading.Lock()

    def put(self, block: np.ndarray, corner: tuple[int, int, int]) -> None:
        """Write a block whose first cell is at ``(band, row, column)``."""
        from rasterio.windows import Window

        band, row, column = corner
        count, height, width = block.shape
        with self.lock:
            self.file.write(
                block,
                window=Window(column, row, width, height),
                indexes=list(range(band + 1, band + 1 + count)),
            )
            self.done(1)


def _write_blocks(bands: xr.DataArray, sink: _Sink) -> None:
    if bands.chunks is None:
        # Bands one by one: GDAL copies what it is given.
        for band in range(bands.shape[0]):
            sink.put(bands.isel({bands.dims[0]: slice(band, band + 1)}).values, (band, 0, 0))
        return
    blocks = bands.data.to_delayed().ravel().tolist()
    corners = _corners(bands.chunks)
    client = active_client()
    if client is not None:
        _collect(client, blocks, corners, sink)
        return
    import dask

    # An open file cannot be sent to another process; threads share it.
    chosen = dask.config.get("scheduler", None)
    with dask.config.set(scheduler="threads" if chosen in _PROCESSES else chosen):
        write = dask.delayed(sink.put, pure=False, traverse=False)
        run_tasks([write(block, corner) for block, corner in zip(blocks, corners, strict=True)])


def _corners(chunks: tuple[tuple[int, ...], ...]) -> list[tuple[int, int, int]]:
    starts = [np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(int).tolist() for sizes in chunks]
    return [(band, row, column) for band, row, column in itertools.product(*starts)]


def _collect(
    client: Any, blocks: list[Any], corners: list[tuple[int, int, int]], sink: _Sink
) -> None:
    """Fetch blocks from a cluster one at a time, as they are finished."""
    from distributed import as_completed

    futures = client.compute(blocks)
    places = {future.key: corner for future, corner in zip(futures, corners, strict=True)}
    try:
        for future in as_completed(futures):
            sink.put(future.result(), places[future.key])
            future.release()
    except BaseException:
        client.cancel(futures)
        raise
