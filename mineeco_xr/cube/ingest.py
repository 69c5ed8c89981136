"""Ingest: stacks of files become one lazy cube on one grid."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from mineeco_xr.chunks import pointwise
from mineeco_xr.cube.decode import codes_to_change, decoded, recode_block, resampling_of
from mineeco_xr.cube.grid import grid_difference, make_grid
from mineeco_xr.cube.lookup import source_window
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.cube.sources import Slice, open_sources
from mineeco_xr.cube.stack import stack_tiffs
from mineeco_xr.cube.store import side_for
from mineeco_xr.cube.time import require_same_times
from mineeco_xr.cube.units import convert_units
from mineeco_xr.cube.warp import warp
from mineeco_xr.errors import GridMismatch, SchemaError

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

    from mineeco_xr.cube.manifest import LayerSpec, Manifest


def ingest(
    manifest: Manifest | Mapping[str, Any] | str | os.PathLike[str],
    *,
    base: str | os.PathLike[str] | None = None,
    chunk: int | None = None,
    grid: GeoBox | None = None,
) -> xr.Dataset:
    """Bring rasters from files onto one grid, lazily.

    Parameters
    ----------
    manifest : Manifest, mapping, or path of a TOML file
        The target grid and the variables; see :class:`mineeco_xr.cube.manifest.LayerSpec` for what
        each may say.
    base : path-like, optional
        Folder that relative paths start from; default that of the file, or the working folder.
    chunk : int, optional
        Cells a side of the cube's chunks; default as they will be stored.
    grid : odc.geo.geobox.GeoBox, optional
        The target grid, in place of the manifest's.

    Returns
    -------
    xarray.Dataset
        Dims ``(time, y, x)`` or ``(y, x)`` a variable; float32 with NaN, or the classes' own
        integer type with ``_FillValue``. Nothing is read.

    Raises
    ------
    DataError
        If a file is absent, truncated or unreadable.
    SchemaError
        If a variable, band or date is missing or stands twice, or dates differ between variables.
    GridMismatch
        If a source has no reference system, or another grid and no resampling.
    UnitError
        If the units given contradict the file's.
    ParameterError
        If the manifest has an unknown key or a wrong value.

    Notes
    -----
    Crosses chunks by windows, with :func:`mineeco_xr.warp`: equal bits for any chunking. Of MODIS
    granules that differ in their production time alone the latest is taken, and
    ``attrs["replaced_generations"]`` of the variable names the others; with ``product`` only files
    of its ``layer`` are taken where their names say which they are.

    Examples
    --------
    >>> import mineeco_xr as mx, numpy as np, rioxarray, tempfile
    >>> from mineeco_xr.testing import with_grid
    >>> folder = tempfile.mkdtemp()
    >>> for year in (2001, 2002):
    ...     ndvi = with_grid(np.full((4, 5), 0.1, "float32"))
    ...     _ = ndvi.rio.to_raster(f"{folder}/ndvi_{year}.tif")
    >>> cube = ingest({"grid": {"like": "ndvi"}, "variables": {"ndvi": {"path": folder}}})
    >>> cube["ndvi"].sizes["time"]
    2
    """
    checked = _as_manifest(manifest, base)
    sources = {
        name: open_sources(name, spec, checked.base) for name, spec in checked.variables.items()
    }
    grid = grid or _target_grid(checked, sources)
    for name, slices in sources.items():
        _require_resampling(name, checked.variables[name], slices, grid)
    side = chunk or _side(sources)
    layers: dict[str, xr.DataArray] = {}
    for name, spec in checked.variables.items():
        layers |= _layer(name, spec, sources[name], grid, side)
        replaced = [earlier for part in sources[name] for earlier in part.replaced]
        if replaced:
            layers[name].attrs["replaced_generations"] = " ".join(dict.fromkeys(replaced))
    layers = _with_common_times(layers, checked)
    cube = xr.Dataset(layers)
    return finalize(
        cube,
        function="ingest",
        parameters={"variables": sorted(checked.variables), "grid": checked.grid.model_dump()},
        inputs={},
        attrs={"Conventions": "CF-1.11"},
    )


def _as_manifest(manifest: Any, base: Any) -> Manifest:
    # Here, for pydantic takes a tenth of a second that most uses of the package need not wait.
    from mineeco_xr.cube.manifest import Manifest, load_toml, validated

    if isinstance(manifest, Manifest):
        return manifest if base is None else manifest.model_copy(update={"base": Path(base)})
    if isinstance(manifest, Mapping):
        values, source, folder = dict(manifest), "manifest", Path()
    else:
        path = Path(manifest)
        values, source, folder = load_toml(path), str(path), path.parent
    values.setdefault("base", Path(base) if base is not None else folder)
    return validated(Manifest, values, source=source)


def _target_grid(manifest: Manifest, sources: dict[str, list[Slice]]) -> GeoBox:
    spec = manifest.grid
    if spec.like is not None:
        return sources[spec.like][0].grid
    assert spec.bounds is not None
    assert spec.resolution is not None
    return make_grid(spec.bounds, crs=spec.crs, resolution=spec.resolution)


def _require_resampling(name: str, spec: LayerSpec, slices: list[Slice], grid: GeoBox) -> None:
    for part in slices:
        difference = grid_difference(part.grid, grid)
        if difference is None:
            continue
        if spec.resampling is None:
            raise GridMismatch(
                f"variable {name!r} ({part.origin}) {difference}: name its resampling: 'nearest' "
                "or 'mode' for classes, 'average' onto coarser cells, 'bilinear' onto finer ones, "
                "'sum' for counts."
            )
        rows, columns = slice(0, grid.shape[0]), slice(0, grid.shape[1])
        if source_window(rows, columns, grid, part.grid) is None:
            raise GridMismatch(f"variable {name!r} ({part.origin}) does not overlap the grid.")


def _side(sources: dict[str, list[Slice]]) -> int:
    """Cells a side of a chunk that holds all dates of the longest variable as float32."""
    dates = (sum(len(part.dates) for part in slices) for slices in sources.values())
    return side_for(4 * max([1, *dates]))


def _layer(
    name: str, spec: LayerSpec, slices: list[Slice], grid: GeoBox, side: int
) -> dict[str, xr.DataArray]:
    if all(part.tiff is not None for part in slices):
        stacked = stack_tiffs(name, spec, slices, grid, side)
        return {
            key: _joined(key, [array], spec if key == name else None)
            for key, array in stacked.items()
        }
    parts: dict[str, list[xr.DataArray]] = {}
    for part in slices:
        for key, values in decoded(name, spec, part.load(chunk=side), part.origin).items():
            how = resampling_of(key, name, spec)
            placed = warp(values.chunk(), grid, resampling=how, chunks=side)
            if part.dates and "time" not in placed.dims:
                placed = placed.expand_dims(time=np.asarray(part.dates, "datetime64[ns]"))
            parts.setdefault(key, []).append(placed)
    return {
        key: _joined(key, arrays, spec if key == name else None) for key, arrays in parts.items()
    }


def _joined(name: str, arrays: list[xr.DataArray], spec: LayerSpec | None) -> xr.DataArray:
    attrs = {k: v for k, v in arrays[0].attrs.items() if k not in ("history", "mineeco")}
    named = spec.classes if spec is not None and spec.classes else {}
    arrays = [_like_first(array, attrs, name, named) for array in arrays]
    joined = arrays[0] if len(arrays) == 1 else xr.concat(arrays, "time", join="exact")
    if "time" in joined.dims:
        if not joined.indexes["time"].is_monotonic_increasing:
            joined = joined.sortby("time")
        joined["time"].attrs = {"standard_name": "time", "axis": "T"}
    if spec is not None:
        given = {"long_name": spec.long_name, "standard_name": spec.standard_name}
        attrs |= {key: value for key, value in given.items() if value is not None}
        if spec.classes:
            codes = sorted(spec.classes)
            attrs["flag_values"] = np.asarray(codes, dtype=joined.dtype)
            attrs["flag_meanings"] = " ".join(spec.classes[c].replace(" ", "_") for c in codes)
    joined.attrs = attrs
    return joined.rename(name)


def _like_first(
    array: xr.DataArray, attrs: dict[str, Any], name: str, classes: Mapping[int, str]
) -> xr.DataArray:
    """Give one file of a stack the unit and the nodata code of the first."""
    if "units" in attrs and "units" in array.attrs:
        array = convert_units(array, attrs["units"], name=name)
    codes = codes_to_change(name, array.attrs, attrs, classes)
    if codes is None:
        return array
    parameters = dict(zip(("own", "first"), codes, strict=True))
    return pointwise(recode_block, array, dtype=array.dtype, parameters=parameters).assign_attrs(
        array.attrs
    )


def _with_common_times(
    layers: dict[str, xr.DataArray], manifest: Manifest
) -> dict[str, xr.DataArray]:
    dated = {name: layer for name, layer in layers.items() if "time" in layer.dims}
    if manifest.missing_dates == "error":
        try:
            require_same_times(dated)
        except SchemaError as error:
            raise SchemaError(
                f"{error} Or set missing_dates = 'nodata' to keep all dates."
            ) from None
        return layers
    union = pd.DatetimeIndex(
        sorted({date for layer in dated.values() for date in layer["time"].values})
    )
    filled = {}
    for name, layer in dated.items():
        fill = layer.attrs.get("_FillValue", np.nan)
        if layer.dtype.kind in "iu" and "_FillValue" not in layer.attrs:
            raise SchemaError(f"classes {name!r} lack dates and name no nodata value: add one.")
        filled[name] = layer.reindex(time=union, fill_value=fill)
    return {**layers, **filled}
