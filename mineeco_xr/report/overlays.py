"""What lies over a map: outlines of zones with their names, and stipple where a mask is true."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from mineeco_xr.cube import geobox_of
from mineeco_xr.errors import GridMismatch, SchemaError
from mineeco_xr.report.overview import bounds_of
from mineeco_xr.report.style import INK, NOTE_SIZE

if TYPE_CHECKING:
    import geopandas as gpd

STIPPLE_INCHES = 0.055


def add_zones(
    axes: Any,
    data: xr.DataArray,
    zones: gpd.GeoDataFrame,
    *,
    names: str | None = None,
    colour: str = INK,
) -> None:
    """Draw the outlines of zones on a map, and their names.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        A framed map.
    data : xarray.DataArray
        The raster, whose reference system the outlines are brought to.
    zones : geopandas.GeoDataFrame
        Polygons, lines or points.
    names : str, optional
        Column with the names to write.
    colour : str
        Of the lines.

    Raises
    ------
    GridMismatch
        If the zones have no reference system.
    SchemaError
        If the column of names is missing.
    """
    from matplotlib.collections import LineCollection
    from matplotlib.patheffects import withStroke

    if zones.crs is None:
        raise GridMismatch("the zones have no coordinate reference system: call zones.set_crs.")
    if names is not None and names not in zones.columns:
        raise SchemaError(f"zones have no column {names!r}; they have {list(zones.columns)}.")
    crs = geobox_of(data).crs
    placed = zones.to_crs(crs.proj if crs is not None else zones.crs)
    placed = placed[~(placed.geometry.isna() | placed.geometry.is_empty)]
    lines, points = _line_work(placed.geometry)
    halo = [withStroke(linewidth=2.4, foreground="white", alpha=0.75)]
    if lines:
        axes.add_collection(
            LineCollection(lines, colors=colour, linewidths=1.0, zorder=4, path_effects=halo,
                           gid="zones"), autolim=False,
        )  # fmt: skip
    if points:
        x, y = np.array(points).T
        axes.scatter(x, y, s=16, c=colour, edgecolors="white", linewidths=0.7, zorder=4,
                     gid="zones")  # fmt: skip
    if names is not None:
        _write_names(axes, placed, names, colour)


def _line_work(geometry: Any) -> tuple[list[np.ndarray], list[tuple[float, float]]]:
    import shapely

    parts = shapely.get_parts(geometry.to_numpy())
    kinds = shapely.get_type_id(parts)
    points = [(float(p.x), float(p.y)) for p in parts[kinds == 0]]
    rings = shapely.get_parts(shapely.boundary(parts[kinds == 3]))
    lines = [*parts[np.isin(kinds, (1, 2))], *rings]
    return [shapely.get_coordinates(line) for line in lines], points


def _write_names(axes: Any, placed: Any, names: str, colour: str) -> None:
    from matplotlib.patheffects import withStroke

    left, right = sorted(axes.get_xlim())
    bottom, top = sorted(axes.get_ylim())
    for name, shape in zip(placed[names], placed.geometry, strict=True):
        point = shape.representative_point()
        if left < point.x < right and bottom < point.y < top:
            axes.annotate(
                str(name), (point.x, point.y), ha="center", va="center", fontsize=NOTE_SIZE,
                color=colour, zorder=7, annotation_clip=True,
                path_effects=[withStroke(linewidth=2.2, foreground="white", alpha=0.9)],
            )  # fmt: skip


def add_stipple(axes: Any, hatch: xr.DataArray, image: Any, inches: tuple[float, float]) -> None:
    """Dot the cells that are true, on a lattice whose density does not depend on the cells.

    A dot stands where the cell under it is true, so the dotted share of the map is the share
    of true cells.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        A framed map.
    hatch : xarray.DataArray
        Boolean, dims ``(y, x)``, computed.
    image : matplotlib.image.AxesImage
        What the dots lie on: they are white where it is dark.
    inches : tuple of float
        Width and height of the map on paper.
    """
    left, bottom, right, top = bounds_of(hatch)
    mask = np.asarray(hatch.values, dtype=bool)
    view_left, view_right = sorted(axes.get_xlim())
    view_bottom, view_top = sorted(axes.get_ylim())
    columns = max(2, round(inches[0] / STIPPLE_INCHES))
    rows = max(2, round(inches[1] / STIPPLE_INCHES))
    x = view_left + (np.arange(columns) + 0.25) * (view_right - view_left) / columns
    y = view_bottom + (np.arange(rows) + 0.5) * (view_top - view_bottom) / rows
    x, y = np.meshgrid(x, y)
    # Every other row is shifted by half a step: a diamond lattice shows no stripes.
    x[1::2] += 0.5 * (view_right - view_left) / columns
    dotted = _sampled(mask, (left, bottom, right, top), x, y).astype(bool)
    x, y = x[dotted], y[dotted]
    left, right, bottom, top = image.get_extent()
    under = image.cmap(image.norm(image.get_array()))[..., :3] @ (0.2126, 0.7152, 0.0722)
    dark = _sampled(under, (left, bottom, right, top), x, y) < 0.4
    axes.scatter(x, y, s=2.0, c=np.where(dark, "#ffffff", INK), linewidths=0, zorder=3, gid="hatch")


def _sampled(
    values: np.ndarray, bounds: tuple[float, float, float, float], x: np.ndarray, y: np.ndarray
) -> np.ndarray:
    """Look up the cells under points; zero outside."""
    left, bottom, right, top = bounds
    rows, columns = values.shape
    column = np.floor((x - left) / (right - left) * columns).astype(int)
    row = np.floor((top - y) / (top - bottom) * rows).astype(int)
    inside = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
    return np.where(inside, values[row.clip(0, rows - 1), column.clip(0, columns - 1)], 0)
