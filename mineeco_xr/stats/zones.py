"""Zones: polygons or an integer raster, as layers of cells that do not overlap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks import reduce_blocks
from mineeco_xr.cube.grid import crs_name, require_same_grid
from mineeco_xr.cube.vectors import burn, on_grid
from mineeco_xr.errors import GridMismatch, SchemaError

if TYPE_CHECKING:
    import geopandas as gpd
    from odc.geo.geobox import GeoBox


@dataclass(frozen=True)
class ZoneLayer:
    """Zones that share no cell.

    Attributes
    ----------
    raster : xarray.DataArray
        Integer zone of each cell.
    ids : ndarray of int64
        The zones in it, sorted.
    positions : ndarray of int64
        Where each zone stands in the final table.
    """

    raster: xr.DataArray
    ids: np.ndarray
    positions: np.ndarray


def zone_layers(
    zones: gpd.GeoDataFrame | xr.DataArray, data: xr.DataArray, grid: GeoBox, *, name: str | None
) -> tuple[np.ndarray, list[ZoneLayer]]:
    """Return the zones' labels and the layers that hold them.

    Polygons that overlap, such as a mine and the dumps inside it, go to different layers, so that
    each zone keeps all of its cells.

    Parameters
    ----------
    zones : GeoDataFrame or DataArray
        Polygons, or integers on the grid of ``data``.
    data : xarray.DataArray
        The raster that will be summarised; gives the chunks.
    grid : odc.geo.geobox.GeoBox
        Its grid.
    name : str, optional
        Column with the polygons' labels.

    Returns
    -------
    labels : ndarray
        One a zone, in the order of the rows, or sorted ids of a raster.
    layers : list of ZoneLayer
        At least one.
    """
    if isinstance(zones, xr.DataArray):
        return _raster_layer(zones, data, grid)
    return _vector_layers(zones, data, grid, name)


def _raster_layer(
    zones: xr.DataArray, data: xr.DataArray, grid: GeoBox
) -> tuple[np.ndarray, list[ZoneLayer]]:
    if not np.issubdtype(zones.dtype, np.integer):
        raise SchemaError(
            f"zones {zones.name!r} are {zones.dtype}: a zone raster holds integers. Convert it "
            "with fillna(0).astype('int32')."
        )
    require_same_grid({"data": grid, "zones": zones})
    ids = _known_ids(zones)
    labels = ids.astype(object) if "flag_meanings" in zones.attrs else ids
    if "flag_meanings" in zones.attrs:
        meanings = dict(
            zip(
                np.atleast_1d(zones.attrs["flag_values"]).tolist(),
                str(zones.attrs["flag_meanings"]).split(),
                strict=True,
            )
        )
        labels = np.array([meanings[i] for i in ids.tolist()], dtype=object)
    return labels, [ZoneLayer(zones, ids, np.arange(ids.size))]


def _known_ids(zones: xr.DataArray) -> np.ndarray:
    """Ids from the flag values, else from the cells: the one read that zonal does at once."""
    nodata = zones.attrs.get("_FillValue", zones.encoding.get("_FillValue", 0))
    if "flag_values" in zones.attrs:
        ids = np.unique(np.atleast_1d(zones.attrs["flag_values"]))
    else:
        ids = reduce_blocks(_block_ids, _merge_ids, zones).compute()
    ids = ids[ids != nodata].astype("int64")
    if not ids.size:
        raise SchemaError(f"zone raster {zones.name!r} has no zone: every cell is {nodata}.")
    return ids


def _block_ids(block: np.ndarray, *, shared: Any) -> np.ndarray:
    return np.unique(block)


def _merge_ids(parts: list[np.ndarray]) -> np.ndarray:
    return np.unique(np.concatenate(parts))


def _vector_layers(
    zones: gpd.GeoDataFrame, data: xr.DataArray, grid: GeoBox, name: str | None
) -> tuple[np.ndarray, list[ZoneLayer]]:
    if not len(zones):
        raise SchemaError("the zones are empty: give at least one polygon.")
    if name is not None and name not in zones.columns:
        raise SchemaError(f"zones have no column {name!r}; there are {sorted(zones.columns)}.")
    missing = np.flatnonzero(zones.geometry.isna() | zones.geometry.is_empty)
    if missing.size:
        raise SchemaError(f"zones in rows {missing.tolist()} have no geometry: drop them.")
    placed = on_grid(zones, grid, name="zones").reset_index(drop=True)
    labels = (zones[name] if name else zones.index.to_series()).to_numpy()
    if any(label is None or label != label for label in labels.tolist()):
        raise SchemaError(f"column {name!r} of the zones has empty names: fill them in.")
    if len(set(labels.tolist())) < len(labels):
        raise SchemaError(f"zone names are not unique: {labels.tolist()}. Dissolve or rename them.")
    require_inside(placed, labels, grid)
    chunks = None
    if data.chunks is not None:
        chunks = (max(data.chunksizes["y"]), max(data.chunksizes["x"]))
    layers = []
    for members in _disjoint_sets(placed.geometry.values):
        raster = burn(placed.iloc[members], grid, values=members + 1, dtype="int32", chunks=chunks)
        layers.append(ZoneLayer(raster, members + 1, members))
    return labels, layers


def require_inside(
    placed: gpd.GeoDataFrame, labels: np.ndarray, grid: GeoBox, *, name: str = "zones"
) -> None:
    """Refuse polygons that do not touch a grid.

    Parameters
    ----------
    placed : GeoDataFrame
        In the reference system of the grid.
    labels : ndarray
        What the message calls them.
    grid : odc.geo.geobox.GeoBox
        The grid.
    name : str
        What they are, for the message.

    Raises
    ------
    GridMismatch
        If one lies outside.
    """
    box = grid.extent.geom
    outside = [
        str(label) for label, hit in zip(labels, placed.intersects(box), strict=True) if not hit
    ]
    if outside:
        raise GridMismatch(
            f"{name} {outside} lie outside the grid, whose extent is "
            f"{tuple(round(value, 6) for value in box.bounds)} in {crs_name(grid)}: check their "
            "reference system, or leave them out."
        )


def _disjoint_sets(geometries: Any) -> list[np.ndarray]:
    """Split polygons greedily into sets whose interiors do not meet."""
    import shapely

    tree = shapely.STRtree(geometries)
    left, right = tree.query(geometries, predicate="intersects")
    meet = (left != right) & shapely.relate_pattern(
        geometries[left], geometries[right], "T********"
    )
    neighbours: dict[int, set[int]] = {}
    for a, b in zip(left[meet].tolist(), right[meet].tolist(), strict=True):
        neighbours.setdefault(a, set()).add(b)
    colours: list[int] = []
    for i in range(len(geometries)):
        taken = {colours[j] for j in neighbours.get(i, ()) if j < i}
        colours.append(next(c for c in range(len(geometries)) if c not in taken))
    found = np.asarray(colours)
    return [np.flatnonzero(found == colour) for colour in range(found.max() + 1)]
