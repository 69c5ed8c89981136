"""Values of a raster along lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from mineeco_xr.cube.grid import geobox_of, require_metres
from mineeco_xr.cube.nodata import as_float
from mineeco_xr.cube.vectors import on_grid
from mineeco_xr.errors import GridMismatch, ParameterError, SchemaError

if TYPE_CHECKING:
    import geopandas as gpd

MOST_POINTS = 100_000


def profile(
    data: xr.DataArray,
    lines: gpd.GeoDataFrame,
    *,
    spacing: float | None = None,
    name: str | None = None,
) -> pd.DataFrame:
    """Sample a raster along lines.

    Parameters
    ----------
    data : xarray.DataArray
        Dims ``(y, x)``, or one further dim such as ``time``; on a grid in metres.
    lines : geopandas.GeoDataFrame
        Lines in any reference system.
    spacing : float, optional
        Distance between samples, m; default the side of a cell.
    name : str, optional
        Column of ``lines`` that names them; default their index.

    Returns
    -------
    pandas.DataFrame
        A row a sample (and step of the further dim, in its column): ``line``, ``distance`` from
        the beginning (m), ``x``, ``y``, and a column named as the raster. ``attrs["units"]`` says
        the units.

    Raises
    ------
    GridMismatch
        If the grid is not in metres, or a line does not touch it.
    SchemaError
        If the lines are none, or not uniquely named.
    ParameterError
        If ``spacing`` is not positive, or gives more than 100,000 samples.

    Notes
    -----
    Bilinear between the four centres around a sample; NaN where one of them is nodata or the
    sample lies beyond the outermost centres. It computes, and reads only the blocks that the lines
    cross.

    Examples
    --------
    >>> import geopandas as gpd, shapely
    >>> from mineeco_xr.testing import with_grid
    >>> ramp = with_grid(np.add.outer(np.zeros(3), np.arange(4.0)), resolution=10, name="ramp")
    >>> line = shapely.LineString([(500_010, 4_799_985), (500_030, 4_799_985)])
    >>> found = profile(ramp, gpd.GeoDataFrame(geometry=[line], crs=32650), spacing=5)
    >>> found[["distance", "ramp"]].values.T
    array([[ 0. ,  5. , 10. , 15. , 20. ],
           [ 0.5,  1. ,  1.5,  2. ,  2.5]])
    """
    grid = geobox_of(data)
    require_metres(grid, "profile")
    others = [str(dim) for dim in data.dims if dim not in ("y", "x")]
    if len(others) > 1:
        raise SchemaError(f"{data.name!r} has dims {data.dims}: select one of {others} first.")
    labels, shapes = placed_lines(lines, grid, name)
    step = float(abs(grid.affine.a) if spacing is None else spacing)
    parts = [_points_along(shape, step) for shape in shapes]
    places = np.concatenate([points for _, points in parts])
    values = _bilinear(data, grid, places)
    label = str(data.name or "value")
    frame = pd.DataFrame(
        {
            "line": np.repeat(np.asarray(labels, dtype=object), [len(d) for d, _ in parts]),
            "distance": np.concatenate([distance for distance, _ in parts]),
            "x": places[:, 0],
            "y": places[:, 1],
        }
    )
    if others:
        steps = data[others[0]].values
        frame = pd.concat([frame.assign(**{others[0]: at}) for at in steps], ignore_index=True)
    frame[label] = values.reshape(-1)
    frame.attrs["units"] = {"distance": "m", "x": "m", "y": "m"}
    if "units" in data.attrs:
        frame.attrs["units"][label] = str(data.attrs["units"])
    return frame


def placed_lines(
    lines: gpd.GeoDataFrame, grid: Any, name: str | None
) -> tuple[list[Any], list[Any]]:
    """Return the names and the geometries of lines on a grid, checked.

    Raises
    ------
    SchemaError
        If there are none, one is no line, or names are missing or stand twice.
    GridMismatch
        If one lies outside the grid.
    """
    import shapely

    if not len(lines):
        raise SchemaError("the lines of the profiles are empty: give at least one.")
    if name is not None and name not in lines.columns:
        raise SchemaError(f"the lines have no column {name!r}; there are {sorted(lines.columns)}.")
    labels = (lines[name] if name else lines.index.to_series()).tolist()
    if len(set(labels)) < len(labels):
        raise SchemaError(f"names of the lines stand twice: {labels}. Rename them.")
    shapes = []
    for label, shape in zip(labels, on_grid(lines, grid, name="lines").geometry, strict=True):
        shape = shapely.line_merge(shape) if shape.geom_type == "MultiLineString" else shape
        if shape.geom_type != "LineString" or shape.length == 0:
            raise SchemaError(
                f"line {label!r} is a {shape.geom_type} of {shape.length:g} m; expected one "
                "connected line."
            )
        if not shape.intersects(grid.extent.geom):
            raise GridMismatch(
                f"line {label!r} lies outside the grid: check its reference system, or leave it "
                "out."
            )
        shapes.append(shape)
    return labels, shapes


def _points_along(line: Any, spacing: float) -> tuple[np.ndarray, np.ndarray]:
    import shapely

    if not spacing > 0 or line.length / spacing > MOST_POINTS:
        raise ParameterError(
            f"spacing is {spacing:g} m along a line of {line.length:.0f} m: give a positive one "
            f"that makes at most {MOST_POINTS} samples."
        )
    distance = np.arange(0.0, line.length + 1e-9 * spacing, spacing)
    return distance, shapely.get_coordinates(shapely.line_interpolate_point(line, distance))


def _bilinear(data: xr.DataArray, grid: Any, places: np.ndarray) -> np.ndarray:
    """Return values with the samples last."""
    inverse = ~grid.affine
    column = inverse.a * places[:, 0] + inverse.c - 0.5
    row = inverse.e * places[:, 1] + inverse.f - 0.5
    rows, columns = grid.shape
    inside = (row >= 0) & (row <= rows - 1) & (column >= 0) & (column <= columns - 1)
    first_row = np.clip(np.floor(row), 0, max(rows - 2, 0)).astype(int)
    first_column = np.clip(np.floor(column), 0, max(columns - 2, 0)).astype(int)
    down, right = row - first_row, column - first_column
    values = as_float(data).transpose(..., "y", "x")
    corners = [
        values.isel(
            y=xr.DataArray(np.minimum(first_row + i, rows - 1), dims="sample"),
            x=xr.DataArray(np.minimum(first_column + j, columns - 1), dims="sample"),
        ).drop_vars(["y", "x"])
        for i in (0, 1)
        for j in (0, 1)
    ]
    read = xr.concat(corners, "corner").transpose("corner", ..., "sample").values
    weights = [(1 - down) * (1 - right), (1 - down) * right, down * (1 - right), down * right]
    # A corner without weight may be nodata.
    total = sum(
        np.where(weight > 0, weight * corner.astype("float64"), 0.0)
        for weight, corner in zip(weights, read, strict=True)
    )
    return np.where(inside, total, np.nan)
