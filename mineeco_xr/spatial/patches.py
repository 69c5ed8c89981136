"""Patches one by one: size, area, perimeter, place and class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks import halo, reduce_blocks
from mineeco_xr.cube.area import cell_area
from mineeco_xr.cube.grid import geobox_of, require_same_grid
from mineeco_xr.cube.nodata import code_in, fill_value_of
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.errors import SchemaError

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

Table = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Labels of patches, their fields, their measures, and the class at their first cell."""


def patches(labels: xr.DataArray, *, source: xr.DataArray | None = None) -> xr.Dataset:
    """Describe every patch of a raster of labels.

    Parameters
    ----------
    labels : xarray.DataArray
        Dims ``(y, x)``, integers, as :func:`mineeco_xr.label` gives them; any zones will do. 0, or
        ``_FillValue``, is no patch.
    source : xarray.DataArray, optional
        The map that was labelled, on the same grid, for the class of each patch.

    Returns
    -------
    xarray.Dataset
        In memory, a dim ``patch`` with the labels, ascending: ``cells`` (int64); ``area`` (m2, true
        area of the cells); ``perimeter`` (m, the sides of its cells that border another patch,
        none, or the edge of the raster); ``y`` and ``x`` (mean of its cells' centres, in units of
        the grid); ``left``, ``bottom``, ``right``, ``top`` (the box around its cells, in the same
        units); ``row_min``, ``row_max``, ``column_min``, ``column_max`` (int64, counted from 0);
        with ``source``, ``class`` (that of its first cell). It is a table: write it
        with ``.to_dataframe().to_csv(path)``, not with ``write_cube``, which takes rasters.

    Raises
    ------
    SchemaError
        If the labels are no integers or have other dims.
    GridMismatch
        If ``source`` lies on another grid.

    Notes
    -----
    It computes, for how many patches there are is not known before. Crosses chunks by a halo of one
    cell for the sides and by reduction: each block gives the sums of its patches, merged in the
    order of the blocks. Counts, boxes and centroids are integers until the end, and so equal for
    any chunking; so are areas and perimeters on a projected grid, and to 1e-12 on a geographic one,
    where sides are geodesics on the ellipsoid. Memory grows with the patches, not with the raster.
    A perimeter along cell sides is longer than that of a smooth outline: by 4 / pi for a disc.

    Examples
    --------
    >>> import numpy as np
    >>> from mineeco_xr.spatial.label import label
    >>> from mineeco_xr.testing import with_grid
    >>> mined = with_grid(np.array([[1, 0, 0, 1], [1, 1, 0, 0]], bool), name="mined")
    >>> patches(label(mined))[["cells", "area", "perimeter"]].to_dataframe()
           cells    area  perimeter
    patch
    1          3  2700.0      240.0
    2          1   900.0      120.0
    """
    grid = geobox_of(labels)
    if not np.issubdtype(labels.dtype, np.integer) or set(labels.dims) != {"y", "x"}:
        raise SchemaError(
            f"{labels.name or 'the raster'!r} has dims {labels.dims} and type {labels.dtype}: "
            "patches need a raster of integer labels with dims (y, x), such as label() gives; of "
            "a series, select one date."
        )
    layers = {"labels": labels} if source is None else {"labels": labels, "source": source}
    require_same_grid(layers)
    ids, fields, measures, classes = _tabulated(labels, source, grid)
    table = _as_dataset(ids, fields, measures, grid)
    if source is not None:
        table["class"] = ("patch", classes)
    return _described(table, labels, source)


def _tabulated(labels: xr.DataArray, source: xr.DataArray | None, grid: GeoBox) -> Table:
    kind = "int32" if np.can_cast(labels.dtype, np.int32) else "int64"
    fill = fill_value_of(labels)
    code = None if fill is None else code_in(fill, labels.dtype)
    plain = labels.transpose("y", "x").drop_vars("spatial_ref", errors="ignore").astype(kind)
    rows = xr.DataArray(np.arange(labels.sizes["y"]), dims="y", coords={"y": plain["y"]})
    columns = xr.DataArray(np.arange(labels.sizes["x"]), dims="x", coords={"x": plain["x"]})
    layers = [plain, halo(_border_block, plain, depth=1, dtype="uint8", fill=0), rows, columns]
    if source is not None:
        own = source.transpose("y", "x").drop_vars("spatial_ref", errors="ignore")
        layers.append(own.assign_coords(y=plain["y"], x=plain["x"]))
    found: Table = reduce_blocks(
        _partial_block,
        _merge_tables,
        *layers,
        shared=_row_lengths(grid),
        parameters={"none": 0 if code is None else int(code), "across": labels.sizes["x"]},
    ).compute()
    return found


def _border_block(window: np.ndarray) -> np.ndarray:
    from mineeco_xr.kernels.patches import border_bits

    return border_bits(window)


def _partial_block(
    labels: np.ndarray,
    borders: np.ndarray,
    rows: np.ndarray,
    columns: np.ndarray,
    *data: np.ndarray,
    shared: np.ndarray,
    none: int,
    across: int,
) -> Table:
    from mineeco_xr.kernels.patches import FIRST, patch_runs, patch_sums

    ids, position = np.unique(patch_runs(labels, none), return_inverse=True)
    top, left = int(rows.flat[0]), int(columns.flat[0])
    lengths = shared[top : top + labels.shape[0]]
    fields, measures = patch_sums(
        labels, borders, position, (top, left, across), lengths, ids.size, none
    )
    first_rows, first_columns = np.divmod(fields[:, FIRST], across)
    classes = np.zeros(ids.size, dtype=np.uint8)
    if data:
        classes = data[0][first_rows - top, first_columns - left]
    return ids, fields, measures, classes


def _merge_tables(parts: list[Table]) -> Table:
    from mineeco_xr.kernels.patches import FIRST, merge_fields

    labels, fields, measures, classes = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    ids, position = np.unique(labels, return_inverse=True)
    merged = np.zeros((ids.size, 2))
    np.add.at(merged, position, measures)
    # Of each patch the part that holds its first cell knows its class.
    order = np.lexsort((fields[:, FIRST], position))
    leading = order[np.searchsorted(position[order], np.arange(ids.size))]
    return ids, merge_fields(fields, position, ids.size), merged, classes[leading]


def _row_lengths(grid: GeoBox) -> np.ndarray:
    """Return for each row the area of a cell and its upper, lower and upright sides, m2 and m."""
    height, affine = grid.shape[0], grid.affine
    lengths = np.empty((height, 4))
    lengths[:, 0] = cell_area(grid).values
    if grid.crs is not None and grid.crs.geographic:
        ellipsoid = grid.crs.proj.get_geod()
        edges = affine.f + affine.e * np.arange(height + 1)
        zero, step = np.zeros(height + 1), np.full(height + 1, affine.a)
        level = ellipsoid.inv(zero, edges, step, edges)[2]
        lengths[:, 1], lengths[:, 2] = level[:-1], level[1:]
        lengths[:, 3] = ellipsoid.inv(zero[1:], edges[:-1], zero[1:], edges[1:])[2]
    else:
        metres = 1.0 if grid.crs is None else grid.crs.proj.axis_info[0].unit_conversion_factor
        lengths[:, 1:3] = abs(affine.a) * metres
        lengths[:, 3] = abs(affine.e) * metres
    return lengths


def _as_dataset(
    ids: np.ndarray, fields: np.ndarray, measures: np.ndarray, grid: GeoBox
) -> xr.Dataset:
    from mineeco_xr.kernels.patches import FIELDS

    field = dict(zip(FIELDS, fields.T, strict=True))
    area, perimeter = measures.T
    if not grid.crs.geographic:
        # One size for all cells: counts times lengths, exact for any chunking.
        size, across, _, up = _row_lengths(grid)[0]
        area, perimeter = field["cells"] * size, field["sides"] * up + field["ends"] * across
    affine, cells = grid.affine, field["cells"]
    xs = [affine.c + affine.a * column for column in (field["left"], field["right"] + 1)]
    ys = [affine.f + affine.e * row for row in (field["top"], field["bottom"] + 1)]
    columns: dict[str, Any] = {
        "cells": cells,
        "area": area,
        "perimeter": perimeter,
        "y": affine.f + affine.e * (field["row_sum"] / cells + 0.5),
        "x": affine.c + affine.a * (field["column_sum"] / cells + 0.5),
        "left": np.minimum(*xs),
        "bottom": np.minimum(*ys),
        "right": np.maximum(*xs),
        "top": np.maximum(*ys),
        "row_min": field["top"],
        "row_max": field["bottom"],
        "column_min": field["left"],
        "column_max": field["right"],
    }
    return xr.Dataset(
        {name: ("patch", values) for name, values in columns.items()}, coords={"patch": ids}
    )


def _described(table: xr.Dataset, labels: xr.DataArray, source: xr.DataArray | None) -> xr.Dataset:
    own = {dim: str(labels[dim].attrs.get("units", "m")) for dim in ("y", "x")}
    described = {
        "cells": ("1", "cells of the patch"),
        "area": ("m2", "area of the patch"),
        "perimeter": ("m", "perimeter of the patch along the sides of its cells"),
        "y": (own["y"], "mean y of the patch's cells"),
        "x": (own["x"], "mean x of the patch's cells"),
        "left": (own["x"], "left edge of the patch"),
        "bottom": (own["y"], "lower edge of the patch"),
        "right": (own["x"], "right edge of the patch"),
        "top": (own["y"], "upper edge of the patch"),
        "row_min": ("1", "first row of the patch"),
        "row_max": ("1", "last row of the patch"),
        "column_min": ("1", "first column of the patch"),
        "column_max": ("1", "last column of the patch"),
        "class": ("1", "class of the patch's first cell"),
        "patch": ("1", "label of the patch"),
    }
    for name in [*map(str, table.data_vars), "patch"]:
        units, text = described[name]
        table[name].attrs = {"units": units, "long_name": text}
    if source is not None:
        kept = ("units", "flag_values", "flag_meanings", "_FillValue")
        table["class"].attrs |= {key: source.attrs[key] for key in kept if key in source.attrs}
    inputs = {str(labels.name or "labels"): labels}
    if source is not None:
        inputs[str(source.name or "source")] = source
    return finalize(table, function="patches", parameters={}, inputs=inputs)
