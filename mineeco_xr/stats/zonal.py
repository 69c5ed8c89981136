"""Zonal statistics: one pass over the blocks, and counting passes for an exact median."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks import reduce_blocks
from mineeco_xr.cube.area import cell_area
from mineeco_xr.cube.grid import geobox_of
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.errors import ParameterError
from mineeco_xr.stats.quantile import (
    block_counts,
    first_state,
    merge_counts,
    middle_values,
    next_state,
    remaining_passes,
)
from mineeco_xr.stats.zones import ZoneLayer, zone_layers

if TYPE_CHECKING:
    import geopandas as gpd

STATISTICS = ("count", "mean", "median", "std", "min", "max", "sum", "valid_share", "area")
DEFAULT_STATISTICS = STATISTICS
FIXED_UNITS = {"count": "1", "valid_share": "1", "area": "m2"}
"""Of statistics that are not in units of the raster."""
FIELD_COUNT = 10


def zonal(
    data: xr.DataArray,
    zones: gpd.GeoDataFrame | xr.DataArray,
    stats: Sequence[str] = DEFAULT_STATISTICS,
    *,
    name: str | None = None,
) -> xr.Dataset:
    """Summarise a raster by zone.

    Parameters
    ----------
    data : xarray.DataArray
        Dims ``(y, x)`` or ``(time, y, x)``; NaN, or ``_FillValue`` of integers, is nodata.
    zones : geopandas.GeoDataFrame or xarray.DataArray
        Polygons (overlaps allowed; a cell belongs to a polygon that holds its centre; what lies
        beyond the grid does not count), or an
        integer raster on the same grid, whose ``_FillValue``, by default 0, means no zone.
    stats : sequence of str
        Of ``count`` (valid cells), ``mean`` and ``std`` (weighted by cell area, as a population),
        ``median`` (of the cells, not weighted), ``min``, ``max``, ``sum`` (of the cells' values),
        ``valid_share`` (valid area over area of the zone's cells) and ``area`` (of all of the
        zone's cells, m2).
    name : str, optional
        Column of ``zones`` that names them; default the index.

    Returns
    -------
    xarray.Dataset
        Dims ``(zone,)`` or ``(zone, time)``, float64, lazy when ``data`` is. A zone without a valid
        cell has a count of 0 and NaN elsewhere.

    Raises
    ------
    GridMismatch
        If a zone lies outside the grid, or the zone raster is on another grid.
    SchemaError
        If zones are empty, not integers, or not uniquely named.
    ParameterError
        If a statistic is unknown.

    Notes
    -----
    Crosses chunks by reduction: each block gives the moments of its zones and the partials are
    merged in the order of the blocks. On a geographic grid the weights are the true areas of the
    cells. Counts, extremes and medians are equal for any chunking, the rest to 1e-12. A median
    reads the data again, twice for float32 and more often where dates and zones are very many or
    numbers are wider, and holds only counts in memory. Infinities are values. Ids of a zone raster
    without ``flag_values`` are read when the result is built.

    Examples
    --------
    >>> import geopandas as gpd, mineeco_xr as mx, shapely
    >>> grid = mx.make_grid((0, 0, 60, 30), crs="EPSG:32650", resolution=30)
    >>> ndvi = mx.cube.full(grid, 0.5, name="ndvi")
    >>> pit = gpd.GeoDataFrame({"name": ["pit"]}, geometry=[shapely.box(0, 0, 30, 30)],
    ...                        crs="EPSG:32650")
    >>> table = zonal(ndvi, pit, ["count", "mean", "area"], name="name")
    >>> table.to_dataframe()
         count  mean   area
    zone
    pit    1.0   0.5  900.0
    """
    unknown = [stat for stat in stats if stat not in STATISTICS]
    if unknown or not stats:
        raise ParameterError(f"statistics {unknown or list(stats)}: choose from {STATISTICS}.")
    grid = geobox_of(data)
    if data.dtype.kind == "b" or data.dtype == np.float16:
        data = data.astype("uint8" if data.dtype.kind == "b" else "float32", keep_attrs=True)
    extra = [dim for dim in data.dims if dim not in ("y", "x")]
    if len(extra) > 1:
        raise ParameterError(f"{data.name!r} has dims {data.dims}: select one of {extra} first.")
    ordered = data.transpose(*extra, "y", "x").drop_vars("spatial_ref", errors="ignore")
    labels, layers = zone_layers(zones, data, grid, name=name)
    area = cell_area(grid).assign_coords(y=ordered["y"]).drop_attrs(deep=False)
    tables = _layer_tables(ordered, layers, area, tuple(stats))
    positions = np.concatenate([layer.positions for layer in layers])
    joined = xr.concat(tables, "zone").isel(zone=np.argsort(positions, kind="stable"))
    joined = joined.assign_coords(zone=labels)
    if data.chunks is None:
        joined = joined.compute()
    return _described(joined, data, stats, name)


def _layer_tables(
    data: xr.DataArray, layers: list[ZoneLayer], area: xr.DataArray, stats: tuple[str, ...]
) -> list[xr.Dataset]:
    """Reduce all layers together, so that a block is read once a pass and then let go."""
    zones = [
        layer.raster.drop_vars("spatial_ref", errors="ignore").assign_coords(
            y=data["y"], x=data["x"]
        )
        for layer in layers
    ]
    ids = [layer.ids for layer in layers]
    nodata = _nodata(data)
    times = data.sizes[data.dims[0]] if data.ndim == 3 else 1
    first = first_state(ids, data.dtype, times) if "median" in stats else None
    parts = [data] if first is not None else _apart(data)
    passed = reduce_blocks(
        _partial_block,
        _merge_blocks,
        *parts,
        area,
        *zones,
        finish=_finish_pass,
        shared={"ids": ids, "median": first},
        parameters={"nodata": nodata},
    )
    medians = remaining_passes(data, zones, passed, first, nodata) if first is not None else None
    tables = []
    for number, layer in enumerate(layers):
        shape = (times, layer.ids.size)
        moments = passed.to_array(
            partial(_layer_moments, number=number), (*shape, FIELD_COUNT), "float64"
        )
        variables = _statistics(moments)
        if medians is not None:
            pick = partial(middle_values, number=number, dtype=str(data.dtype))
            variables["median"] = medians.to_array(pick, shape, "float64")
        tables.append(_as_table(data, {stat: variables[stat] for stat in stats}))
    return tables


def _apart(data: xr.DataArray) -> list[xr.DataArray]:
    """Return the layers of a cube one by one where each is a block, so that none is copied."""
    lead = data.dims[0]
    if data.ndim == 2 or data.chunks is None or max(data.chunks[0]) > 1:
        return [data]
    return [data.isel({lead: number}, drop=True) for number in range(data.sizes[lead])]


def _as_table(data: xr.DataArray, variables: dict[str, Any]) -> xr.Dataset:
    if data.ndim == 2:
        return xr.Dataset({stat: (("zone",), values[0]) for stat, values in variables.items()})
    dim = data.dims[0]
    columns = {stat: ((dim, "zone"), values) for stat, values in variables.items()}
    return xr.Dataset(columns, coords={dim: data[dim]}).transpose("zone", ...)


def _nodata(data: xr.DataArray) -> float:
    if np.issubdtype(data.dtype, np.floating):
        return float("nan")
    return float(data.attrs.get("_FillValue", data.encoding.get("_FillValue", np.nan)))


Sparse = tuple[np.ndarray, np.ndarray]


def _partial_block(*blocks: np.ndarray, shared: Any, nodata: float) -> list[tuple[Sparse, Any]]:
    """Moments of each layer's zones, and the counts of a median's first digit when asked for."""
    from mineeco_xr.kernels import zonal as kernels

    *values, area = blocks[: -len(shared["ids"])]
    zones, state = blocks[-len(shared["ids"]) :], shared["median"]
    cubes = [layer.reshape(-1, *layer.shape[-2:]) for layer in values]
    results = []
    for number, (raster, ids) in enumerate(zip(zones, shared["ids"], strict=True)):
        index, present = kernels.locate_zones(raster.reshape(cubes[0].shape[-2:]), ids)
        fields = np.concatenate(
            [kernels.zone_moments(c, index, area.reshape(-1), present.size, nodata) for c in cubes]
        )
        counts = (
            None if state is None else block_counts(cubes[0], index, present, state, number, nodata)
        )
        results.append(((present, fields), counts))
    return results


def _merge_blocks(parts: list[list[tuple[Sparse, Any]]]) -> list[tuple[Sparse, Any]]:
    merged = []
    for layer in zip(*parts, strict=True):
        counts = [item[1] for item in layer]
        together = None if counts[0] is None else merge_counts(counts)
        merged.append((_merge_sparse([item[0] for item in layer]), together))
    return merged


def _finish_pass(merged: list[tuple[Sparse, Any]], shared: Any) -> dict[str, Any]:
    moments = [
        _dense_moments(fields, ids) for (fields, _), ids in zip(merged, shared["ids"], strict=True)
    ]
    state = shared["median"]
    if state is not None:
        state = next_state([counts for _, counts in merged], state)
    return {"moments": moments, "median": state}


def _layer_moments(passed: dict[str, Any], *, number: int) -> np.ndarray:
    return passed["moments"][number]


def _merge_sparse(parts: list[Sparse]) -> Sparse:
    from mineeco_xr.kernels import zonal as kernels

    present = np.unique(np.concatenate([part[0] for part in parts]))
    merged = _empty_fields(parts[0][1].shape[0], present.size)
    for own, fields in parts:
        at = np.searchsorted(present, own)
        merged[:, at] = kernels.merge_moments(merged[:, at], fields)
    return present, merged


def _empty_fields(times: int, zones: int) -> np.ndarray:
    from mineeco_xr.kernels import zonal as kernels

    fields = np.zeros((times, zones, len(kernels.FIELDS)))
    fields[..., kernels.LOW], fields[..., kernels.HIGH] = np.inf, -np.inf
    return fields


def _dense_moments(merged: Sparse, ids: np.ndarray) -> np.ndarray:
    present, fields = merged
    dense = _empty_fields(fields.shape[0], ids.size)
    dense[:, present] = fields
    return dense


def _statistics(moments: Any) -> dict[str, Any]:
    """Turn the fields (last axis, in the order of the kernel) into statistics, lazily."""
    import dask.array as da

    count, weight, area = moments[..., 0], moments[..., 2], moments[..., 3]
    some = count > 0
    spread = da.sqrt(moments[..., 5] / da.where(some, weight, 1.0))
    return {
        "count": count,
        "mean": da.where(some, moments[..., 4], np.nan),
        "std": da.where(some, spread, np.nan),
        "min": da.where(some, moments[..., 8], np.nan),
        "max": da.where(some, moments[..., 9], np.nan),
        "sum": da.where(some, moments[..., 6] + moments[..., 7], np.nan),
        "valid_share": da.where(area > 0, weight / da.where(area > 0, area, 1.0), np.nan),
        "area": area,
    }


def statistic_attrs(stat: str, data: xr.DataArray) -> dict[str, str]:
    """Return the units and the name of a statistic of a raster."""
    own = {"units": data.attrs["units"]} if "units" in data.attrs else {}
    units = {"units": FIXED_UNITS[stat]} if stat in FIXED_UNITS else own
    return {**units, "long_name": f"{stat} of {data.attrs.get('long_name', data.name or 'value')}"}


def _described(
    table: xr.Dataset, data: xr.DataArray, stats: Sequence[str], name: str | None
) -> xr.Dataset:
    for stat in stats:
        table[stat].attrs = statistic_attrs(stat, data)
    return finalize(
        table,
        function="zonal",
        parameters={"stats": list(stats), "name": name},
        inputs={str(data.name or "data"): data},
        attrs={"variable": str(data.name or "")},
    )
