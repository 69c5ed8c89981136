"""Stacks of GeoTIFFs: one task a block reads, decodes and resamples the windows of all dates."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks import generate
from mineeco_xr.cube.decode import codes_to_change, decoded, recode_block, resampling_of
from mineeco_xr.cube.geotiff import stored_attrs, tiff_reader
from mineeco_xr.cube.grid import grid_coords, grid_difference
from mineeco_xr.cube.lookup import affordable_chunks, source_window
from mineeco_xr.cube.nodata import as_float
from mineeco_xr.cube.sources import Slice
from mineeco_xr.cube.units import unit_factor
from mineeco_xr.cube.warp import MARGINS, fill_for, warp_window

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

    from mineeco_xr.cube.manifest import LayerSpec


@dataclass(frozen=True)
class StackPart:
    """One date of a stack.

    Attributes
    ----------
    read : callable
        ``read(rows, columns)`` gives stored numbers.
    attrs : dict
        What the file says of them.
    origin : str
        File and band.
    grid : GeoBox or None
        The file's grid; None when it is the target's.
    factor : float
        Into the units of the first date.
    codes : tuple or None
        Own nodata code and the first date's, where they differ.
    """

    read: Any
    attrs: dict[str, Any]
    origin: str
    grid: Any
    factor: float
    codes: tuple[Any, Any] | None


def stack_tiffs(
    name: str, spec: LayerSpec, slices: list[Slice], grid: GeoBox, side: int
) -> dict[str, xr.DataArray]:
    """Bring a layer of GeoTIFFs onto a grid, lazily.

    Parameters
    ----------
    name : str
        Name of the layer.
    spec : LayerSpec
        Its description.
    slices : list of Slice
        Its files and bands, in order of date.
    grid : GeoBox
        The target grid.
    side : int
        Cells a side of the chunks.

    Returns
    -------
    dict of str to DataArray
        The layer, and ``<name>_fill_class`` of a MODIS product; dims ``(time, y, x)``, or
        ``(y, x)`` for a static layer. Equal to decoding and warping each file by itself.
    """
    samples = [decoded(name, spec, _sample(part), part.origin) for part in slices]
    return {
        key: _stacked(key, name, spec, slices, [found[key] for found in samples], grid, side)
        for key in samples[0]
    }


def _sample(part: Slice) -> xr.DataArray:
    """Return one cell of the file's type, which shows what decoding will make of it."""
    info, band = part.tiff
    zero = np.zeros((1, 1), dtype=info.dtypes[band])
    return xr.DataArray(zero, dims=("y", "x"), attrs=stored_attrs(info, band))


def _stacked(
    key: str,
    name: str,
    spec: LayerSpec,
    slices: list[Slice],
    samples: list[xr.DataArray],
    grid: GeoBox,
    side: int,
) -> xr.DataArray:
    resampling = resampling_of(key, name, spec)
    first = samples[0]
    parts = tuple(
        _part(name, spec, part, sample, first, grid)
        for part, sample in zip(slices, samples, strict=True)
    )
    away = any(part.grid is not None for part in parts)
    averaged = away and resampling not in ("nearest", "mode")
    shown = as_float(first) if averaged else first
    fill = fill_for(shown, name) if away else float("nan")
    sides = _sides(grid, parts, side, shown.dtype, resampling)
    raster = generate(
        _stack_block,
        grid_coords(grid),
        dtype=shown.dtype,
        chunks=sides,
        leading={"time": np.array([p.dates[0] for p in slices], "datetime64[ns]")}
        if slices[0].dates
        else None,
        parameters={
            "parts": parts,
            "decode": partial(_decode_window, name, spec, key, averaged),
            "target": grid,
            "resampling": resampling,
            "fill": fill,
            "kind": str(shown.dtype),
            "static": not slices[0].dates,
        },
    )
    return raster.chunk({"y": side, "x": side}).assign_attrs(shown.attrs)


def _part(
    name: str,
    spec: LayerSpec,
    part: Slice,
    sample: xr.DataArray,
    first: xr.DataArray,
    grid: GeoBox,
) -> StackPart:
    info, band = part.tiff
    own, wanted = sample.attrs.get("units"), first.attrs.get("units")
    return StackPart(
        read=tiff_reader(info, band),
        attrs=stored_attrs(info, band),
        origin=part.origin,
        grid=None if grid_difference(part.grid, grid) is None else part.grid,
        factor=unit_factor(own, wanted, name=repr(name)) if own and wanted else 1.0,
        codes=codes_to_change(name, sample.attrs, first.attrs, spec.classes or {}),
    )


def _sides(
    grid: GeoBox, parts: tuple[StackPart, ...], side: int, dtype: np.dtype, resampling: str
) -> tuple[int, int]:
    """Return the sides of a task's block: smaller where a coarse cell covers much of its source."""
    wanted = min(side, *grid.shape) if min(grid.shape) else side
    for source in {part.grid for part in parts if part.grid is not None}:
        rows, _ = affordable_chunks(
            grid, source, ((wanted,), (wanted,)), dtype.itemsize, MARGINS[resampling]
        )
        wanted = min(wanted, rows[0][0])
    return (wanted, wanted) if wanted < side else (side, side)


def _decode_window(
    name: str, spec: LayerSpec, key: str, averaged: bool, window: np.ndarray, part: StackPart
) -> np.ndarray:
    stored = xr.DataArray(window, dims=("y", "x"), attrs=dict(part.attrs))
    values = decoded(name, spec, stored, part.origin)[key]
    if averaged:
        values = as_float(values)
    block = values.values
    if part.factor != 1.0:
        block = block * block.dtype.type(part.factor)
    if part.codes is not None:
        block = recode_block(block, own=part.codes[0], first=part.codes[1])
    return block


def _stack_block(
    rows: slice,
    columns: slice,
    *,
    parts: tuple[StackPart, ...],
    decode: Any,
    target: GeoBox,
    resampling: str,
    fill: float,
    kind: str,
    static: bool,
) -> np.ndarray:
    shape = (rows.stop - rows.start, columns.stop - columns.start)
    out = np.empty((len(parts), *shape), dtype=kind)
    for number, part in enumerate(parts):
        if part.grid is None:
            out[number] = decode(part.read(rows, columns), part)
            continue
        place = source_window(rows, columns, target, part.grid, MARGINS[resampling])
        if place is None:
            out[number] = fill
            continue
        window = decode(part.read(slice(*place[:2]), slice(*place[2:])), part)
        out[number] = warp_window(
            np.ascontiguousarray(window, dtype=kind),
            place=place,
            rows=rows,
            columns=columns,
            target=target,
            source=part.grid,
            resampling=resampling,
            fill=fill,
            min_valid=0.0,
        )
    return out[0] if static else out
