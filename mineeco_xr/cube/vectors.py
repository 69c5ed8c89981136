"""Vectors: reading them, bringing them onto the grid's reference system, burning them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks import generate
from mineeco_xr.cube.grid import geobox_of, grid_coords
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.errors import DataError, GridMismatch, ParameterError, SchemaError

if TYPE_CHECKING:
    import geopandas as gpd
    from odc.geo.geobox import GeoBox


def read_vectors(path: str | Path, *, layer: str | None = None) -> gpd.GeoDataFrame:
    """Read a vector file.

    Parameters
    ----------
    path : str or Path
        GeoPackage, GeoJSON, shapefile or anything that pyogrio reads.
    layer : str, optional
        Layer of a file with several.

    Returns
    -------
    geopandas.GeoDataFrame
        Features without geometry left out.

    Raises
    ------
    DataError
        If the file is absent or cannot be read.
    SchemaError
        If it has no geometry or no reference system.
    """
    import geopandas as gpd

    path = Path(path)
    if not path.exists():
        raise DataError(f"vector file {path} does not exist.")
    try:
        frame = gpd.read_file(path, layer=layer) if layer else gpd.read_file(path)
    except Exception as error:
        raise DataError(f"vector file {path} cannot be read: {error}") from error
    if not isinstance(frame, gpd.GeoDataFrame):
        raise SchemaError(f"vector file {path} has no geometry.")
    if frame.crs is None:
        raise SchemaError(f"vector file {path} names no reference system: set one in the file.")
    return frame[~(frame.geometry.isna() | frame.geometry.is_empty)].reset_index(drop=True)


def on_grid(vectors: gpd.GeoDataFrame, grid: GeoBox, *, name: str = "vectors") -> gpd.GeoDataFrame:
    """Return vectors in the reference system of a grid.

    Raises
    ------
    GridMismatch
        If the vectors have no reference system.
    """
    if vectors.crs is None:
        raise GridMismatch(f"{name} have no reference system: set one with set_crs.")
    return vectors if vectors.crs == grid.crs.proj else vectors.to_crs(grid.crs.proj)


@dataclass(frozen=True)
class SegmentTable:
    """Features as segments in cell coordinates of a whole grid.

    Attributes
    ----------
    segments : ndarray, (s, 4), float64
        ``x0, y0, x1, y1``.
    starts : ndarray, (f + 1,), int64
        First segment of each feature.
    bounds : ndarray, (f, 4), float64
        Extent of each feature.
    areal : ndarray, (f,), bool
        Whether the feature has an interior.
    """

    segments: np.ndarray
    starts: np.ndarray
    bounds: np.ndarray
    areal: np.ndarray


def segment_table(geometries: Any, grid: GeoBox) -> SegmentTable:
    """Flatten shapely geometries into segments in cells of ``grid``.

    Parameters
    ----------
    geometries : array-like of shapely geometries
        In the grid's reference system: points, lines, polygons and collections of them.
    grid : odc.geo.geobox.GeoBox
        The whole grid.

    Returns
    -------
    SegmentTable
        One feature a geometry.
    """
    import shapely

    inverse = ~grid.affine
    parts, starts, bounds, areal = [], [0], [], []
    for geometry in geometries:
        flat = bool(shapely.get_dimensions(geometry) == 2)
        lines = _segments_of(geometry, shapely, only_areas=flat)
        x, y = lines[:, 0::2], lines[:, 1::2]
        cells = np.empty_like(lines)
        cells[:, 0::2] = inverse.a * x + inverse.b * y + inverse.c
        cells[:, 1::2] = inverse.d * x + inverse.e * y + inverse.f
        parts.append(cells)
        starts.append(starts[-1] + len(cells))
        both = cells.reshape(-1, 2)
        bounds.append([*both.min(axis=0, initial=np.inf), *both.max(axis=0, initial=-np.inf)])
        areal.append(flat)
    return SegmentTable(
        np.concatenate(parts) if parts else np.empty((0, 4)),
        np.asarray(starts, dtype="int64"),
        np.asarray(bounds, dtype="float64").reshape(-1, 4),
        np.asarray(areal, dtype=bool),
    )


def _segments_of(geometry: Any, shapely: Any, *, only_areas: bool) -> np.ndarray:
    """Edges of the parts; of a collection with areas only those, whose rings make the interior."""
    found = []
    for part in shapely.get_parts(geometry):
        if shapely.get_num_geometries(part) > 1 or part.geom_type.startswith("Multi"):
            found.append(_segments_of(part, shapely, only_areas=only_areas))
            continue
        if only_areas and part.geom_type != "Polygon":
            continue
        curves = shapely.get_rings(part) if part.geom_type == "Polygon" else [part]
        for curve in curves:
            xy = shapely.get_coordinates(curve)
            if not len(xy):
                continue
            ends = xy if len(xy) == 1 else xy[1:]
            found.append(np.hstack([xy[: len(ends)], ends]))
    return np.concatenate(found).astype("float64") if found else np.empty((0, 4))


def burn(
    vectors: gpd.GeoDataFrame,
    like: GeoBox | xr.DataArray | xr.Dataset,
    *,
    values: str | Any | None = None,
    fill: float = 0,
    dtype: Any = "int32",
    all_touched: bool = False,
    chunks: int | tuple[int, int] | None = 2048,
    name: str | None = None,
) -> xr.DataArray:
    """Burn vectors onto a grid, lazily, block by block.

    Parameters
    ----------
    vectors : geopandas.GeoDataFrame
        Points, lines or polygons in any reference system; later features lie on top.
    like : GeoBox, DataArray or Dataset
        The grid.
    values : str or array-like, optional
        Column, or one value a feature; default 1, 2, 3 ... in the order of the rows.
    fill : float
        Value of cells without a feature.
    dtype : dtype
        Of the result.
    all_touched : bool
        Burn every cell that a polygon touches instead of those whose centre it holds. Lines and
        points always burn the cells that they pass through.
    chunks : int, tuple of int or None
        Chunks of the result; ``None`` for an array in memory.
    name : str, optional
        Name of the result.

    Returns
    -------
    xarray.DataArray
        Dims ``(y, x)``.

    Raises
    ------
    GridMismatch
        If the vectors or the grid have no reference system.
    SchemaError
        If the column is missing or holds no numbers.
    ParameterError
        If ``dtype`` cannot hold a value.

    Notes
    -----
    A cell centre that lies on a polygon's border belongs to the polygon on its right or below, so
    that neighbours share their border without gap or overlap.

    Examples
    --------
    >>> import geopandas as gpd, mineeco_xr as mx, shapely
    >>> grid = mx.make_grid((0, 0, 40, 20), crs="EPSG:32650", resolution=10)
    >>> pit = gpd.GeoDataFrame(geometry=[shapely.box(10, 0, 30, 20)], crs="EPSG:32650")
    >>> burn(pit, grid, chunks=None).values
    array([[0, 1, 1, 0],
           [0, 1, 1, 0]], dtype=int32)
    """
    grid = geobox_of(like) if isinstance(like, xr.DataArray | xr.Dataset) else like
    placed = on_grid(vectors, grid)
    table = segment_table(placed.geometry.values, grid)
    raster = generate(
        _burn_block,
        grid_coords(grid),
        dtype=dtype,
        chunks=chunks,
        parameters={
            "table": table,
            "values": _burn_values(placed, values, np.dtype(dtype)),
            "fill": fill,
            "touched": all_touched,
        },
    )
    return finalize(
        raster,
        function="burn",
        parameters={"all_touched": all_touched, "fill": fill, "features": len(placed)},
        inputs={"vectors": table.segments},
        name=name,
    )


def _burn_values(vectors: gpd.GeoDataFrame, values: Any, dtype: np.dtype) -> np.ndarray:
    if values is None:
        return _exactly(np.arange(1, len(vectors) + 1), len(vectors), dtype)
    if isinstance(values, str):
        if values not in vectors.columns:
            raise SchemaError(
                f"vectors have no column {values!r}; there are {sorted(map(str, vectors.columns))}."
            )
        values = vectors[values]
    return _exactly(np.asarray(values), len(vectors), dtype)


def _exactly(values: np.ndarray, count: int, dtype: np.dtype) -> np.ndarray:
    """Cast values, and refuse a type that cannot hold them."""
    if values.shape != (count,):
        raise SchemaError(f"{values.size} values for {count} features: give one each.")
    if values.dtype.kind not in "biuf":
        raise SchemaError(f"the values to burn are {values.dtype}: give numbers.")
    with np.errstate(invalid="ignore", over="ignore"):
        cast = values.astype(dtype)
        lossy = ~np.isclose(cast.astype("float64"), values.astype("float64"), equal_nan=True)
    if dtype.kind in "iu":
        lossy |= cast.astype("float64") != values.astype("float64")
    if lossy.any():
        raise ParameterError(
            f"{dtype} cannot hold the value {values[lossy][0]} of feature "
            f"{int(np.flatnonzero(lossy)[0])}: name a wider dtype."
        )
    return cast


def _burn_block(
    rows: slice,
    columns: slice,
    *,
    table: SegmentTable,
    values: np.ndarray,
    fill: float,
    touched: bool,
) -> np.ndarray:
    from mineeco_xr.kernels import burn as kernels

    block = np.full((rows.stop - rows.start, columns.stop - columns.start), fill, values.dtype)
    kernels.burn_features(
        table.segments,
        table.starts,
        table.bounds,
        table.areal,
        values,
        touched=touched,
        origin=(rows.start, columns.start),
        out=block,
    )
    return block
