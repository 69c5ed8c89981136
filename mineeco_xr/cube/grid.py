"""The grid of a cube: an odc-geo GeoBox, how to find it, compare it and measure its cells."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from mineeco_xr.errors import GridMismatch

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

SPATIAL_DIMS = ("y", "x")
GRID_TOLERANCE = 1e-6
"""Largest difference between equal grids, in cells."""


def geobox_of(data: xr.DataArray | xr.Dataset) -> GeoBox:
    """Return the grid of a raster or cube.

    Parameters
    ----------
    data : xarray.DataArray or xarray.Dataset
        With dims ``y`` and ``x``, regularly spaced cell-centre coordinates and a coordinate
        reference system in a CF grid-mapping variable (``spatial_ref``).

    Returns
    -------
    odc.geo.geobox.GeoBox
        Shape, affine and coordinate reference system.

    Raises
    ------
    GridMismatch
        If a dimension, the regular spacing or the reference system is missing.

    Examples
    --------
    >>> import mineeco_xr as mx
    >>> grid = mx.make_grid((0, 0, 300, 150), crs="EPSG:32650", resolution=30)
    >>> geobox_of(mx.cube.full(grid, 1.0)) == grid
    True
    """
    import odc.geo.xr  # noqa: F401  registers .odc
    from odc.geo.geobox import GeoBox

    name = _label(data)
    missing = [dim for dim in SPATIAL_DIMS if dim not in data.dims]
    if missing:
        raise GridMismatch(
            f"{name} has dims {tuple(data.dims)} and lacks {missing}: "
            "rename its spatial dims to 'y' and 'x'."
        )
    _require_regular(data, name)
    found = data.odc.geobox
    if found is None:
        raise GridMismatch(
            f"{name} has no usable grid: its x and y coordinates must be regularly spaced cell "
            "centres. Assign them, or bring the layer in with mineeco_xr.ingest."
        )
    crs = found.crs or _crs_of(data)
    if crs is None:
        raise GridMismatch(
            f"{name} has no coordinate reference system: write one with "
            'data.rio.write_crs("EPSG:...") before using it.'
        )
    return GeoBox(found.shape, _exact_affine(data) or found.affine, _by_code(str(crs)))


@lru_cache(maxsize=256)
def _by_code(text: str) -> Any:
    """Return a reference system by its EPSG code when it is exactly that one."""
    from odc.geo.crs import CRS

    crs = CRS(text)
    epsg = crs.proj.to_epsg(min_confidence=100)
    return CRS(f"EPSG:{epsg}") if epsg else crs


def _label(data: xr.DataArray | xr.Dataset) -> str:
    if isinstance(data, xr.Dataset):
        return "the cube"
    return f"variable {data.name!r}" if data.name else "the raster"


def _require_regular(data: xr.DataArray | xr.Dataset, name: str) -> None:
    for dim in SPATIAL_DIMS:
        if dim not in data.coords:
            raise GridMismatch(f"{name} has no {dim!r} coordinate: assign its cell centres.")
        values = np.asarray(data[dim].values, dtype="float64")
        if values.size < 2:
            continue
        steps = np.diff(values)
        if steps[0] == 0 or np.abs(steps - steps.mean()).max() > 1e-3 * abs(steps.mean()):
            raise GridMismatch(
                f"{name} is not on a regular grid: the {dim!r} coordinate steps by "
                f"{steps.min():.6g} to {steps.max():.6g}. Sort it and fill the gaps, or warp it "
                "from its source."
            )


def grid_mapping_of(data: xr.DataArray | xr.Dataset) -> xr.DataArray | None:
    """Return the CF grid-mapping variable of a raster or cube, or None."""
    holders = data.variables if isinstance(data, xr.Dataset) else data.coords
    for name in holders:
        attrs = data[name].attrs
        if "crs_wkt" in attrs or "spatial_ref" in attrs:
            return data[name]
    return None


def _crs_of(data: xr.DataArray | xr.Dataset) -> Any:
    from odc.geo.crs import CRS

    mapping = grid_mapping_of(data)
    if mapping is None:
        return None
    return CRS(mapping.attrs.get("crs_wkt") or mapping.attrs["spatial_ref"])


def _exact_affine(data: xr.DataArray | xr.Dataset) -> Any:
    """Return the affine of the GeoTransform attribute, when it describes these coordinates."""
    from affine import Affine

    mapping = grid_mapping_of(data)
    text = "" if mapping is None else str(mapping.attrs.get("GeoTransform", ""))
    if len(text.split()) != 6:
        return None
    affine = Affine.from_gdal(*(float(part) for part in text.split()))
    for dim, step, start in (("x", affine.a, affine.c), ("y", affine.e, affine.f)):
        values = data[dim].values
        ends = np.array([values[0], values[-1]])
        expected = start + step * (np.array([0, values.size - 1]) + 0.5)
        if np.abs(ends - expected).max() > GRID_TOLERANCE * abs(step):
            return None
    return affine


def layer_of(cube: xr.Dataset, name: str) -> xr.DataArray:
    """Return a variable of a cube with its reference system.

    A store that was opened without ``decode_coords="all"`` keeps the reference system as a variable
    of its own, which a plain ``cube[name]`` would leave behind.
    """
    found = cube[name]
    mapping = grid_mapping_of(cube)
    if "spatial_ref" not in found.coords and mapping is not None:
        found = found.assign_coords(spatial_ref=mapping)
    return found


def make_grid(
    bounds: tuple[float, float, float, float],
    *,
    crs: Any,
    resolution: float | tuple[float, float],
) -> GeoBox:
    """Return the grid that covers ``bounds`` with cells of ``resolution``.

    The upper left corner is ``(left, top)`` exactly; the right and lower edges are moved
    outwards to whole cells.

    Parameters
    ----------
    bounds : tuple of float
        Left, bottom, right, top in units of ``crs``.
    crs : str, int or CRS
        Anything that ``pyproj.CRS.from_user_input`` takes.
    resolution : float or tuple of float
        Cell size in units of ``crs``, one number or ``(x, y)``, positive.

    Returns
    -------
    odc.geo.geobox.GeoBox
        North-up grid.

    Raises
    ------
    ParameterError
        If the bounds are empty or the resolution is not positive.

    Examples
    --------
    >>> make_grid((0, 0, 100, 50), crs="EPSG:32650", resolution=30).shape
    Shape2d(x=4, y=2)
    """
    from affine import Affine
    from odc.geo.geobox import GeoBox

    from mineeco_xr.errors import ParameterError

    left, bottom, right, top = bounds
    step_x, step_y = resolution if isinstance(resolution, tuple) else (resolution, resolution)
    if step_x <= 0 or step_y <= 0:
        raise ParameterError(f"resolution is {resolution}: give a positive cell size.")
    if right <= left or top <= bottom:
        raise ParameterError(f"bounds are {bounds}: give left < right and bottom < top.")
    width = max(1, int(np.ceil((right - left) / step_x - GRID_TOLERANCE)))
    height = max(1, int(np.ceil((top - bottom) / step_y - GRID_TOLERANCE)))
    return GeoBox((height, width), Affine(step_x, 0, left, 0, -step_y, top), crs)


def grid_coords(grid: GeoBox) -> dict[str, xr.DataArray]:
    """Return the ``y``, ``x`` and ``spatial_ref`` coordinates of a grid, named ``y`` and ``x``.

    Parameters
    ----------
    grid : odc.geo.geobox.GeoBox
        Any grid without rotation.

    Returns
    -------
    dict of str to xarray.DataArray
        CF attributes set, the grid mapping as rioxarray writes it.
    """
    from odc.geo.xr import xr_coords

    found = xr_coords(grid, dims=SPATIAL_DIMS)
    coords = {str(name): value for name, value in found.items()}
    geographic = grid.crs is not None and grid.crs.geographic
    for dim, letter in (("y", "Y"), ("x", "X")):
        if geographic:
            standard = {"y": "latitude", "x": "longitude"}[dim]
            units = {"y": "degrees_north", "x": "degrees_east"}[dim]
        else:
            standard, units = f"projection_{dim}_coordinate", "m"
        coords[dim].attrs = {"standard_name": standard, "units": units, "axis": letter}
    return coords


def full(
    grid: GeoBox, value: float, *, dtype: Any = "float32", name: str | None = None
) -> xr.DataArray:
    """Return a raster on ``grid`` filled with one value.

    Parameters
    ----------
    grid : odc.geo.geobox.GeoBox
        The grid.
    value : float
        The value of every cell.
    dtype : dtype, optional
        Default float32.
    name : str, optional
        Name of the result.

    Returns
    -------
    xarray.DataArray
        In memory, dims ``(y, x)``.
    """
    data = np.full(tuple(grid.shape), value, dtype=dtype)
    return xr.DataArray(data, dims=SPATIAL_DIMS, coords=grid_coords(grid), name=name)


def grid_difference(found: GeoBox, expected: GeoBox) -> str | None:
    """Say in words how two grids differ, or return None when they are equal.

    Parameters
    ----------
    found, expected : odc.geo.geobox.GeoBox
        The grids; coordinates are compared to a millionth of a cell.

    Returns
    -------
    str or None
        The first difference that matters: reference system, cell size, offset, shape.
    """
    if found.crs != expected.crs:
        return f"has CRS {crs_name(found)} where {crs_name(expected)} was expected"
    step = np.array([expected.affine.a, expected.affine.e])
    steps = np.array([found.affine.a, found.affine.e])
    extent = max(*expected.shape, 1)
    if np.abs((steps - step) / step).max() * extent > GRID_TOLERANCE:
        return f"has cells of {tuple(steps.tolist())} where {tuple(step.tolist())} was expected"
    origin = np.array([expected.affine.c, expected.affine.f])
    shift = (np.array([found.affine.c, found.affine.f]) - origin) / step
    if np.abs(shift).max() > GRID_TOLERANCE:
        return f"is shifted by {shift[0]:.6g} cells in x and {shift[1]:.6g} in y"
    if tuple(found.shape) != tuple(expected.shape):
        return f"has {tuple(found.shape)} cells where {tuple(expected.shape)} were expected"
    return None


def crs_name(grid: GeoBox) -> str:
    """Return a short name of a grid's reference system, for messages."""
    crs = grid.crs
    if crs is None:
        return "none"
    return f"EPSG:{crs.epsg}" if crs.epsg else str(crs.proj.name)


def require_same_grid(layers: Mapping[str, xr.DataArray | xr.Dataset | GeoBox]) -> GeoBox:
    """Check that all layers lie on the grid of the first, and return it.

    Parameters
    ----------
    layers : mapping of str to DataArray, Dataset or GeoBox
        Names for the message, and the layers.

    Returns
    -------
    odc.geo.geobox.GeoBox
        The common grid.

    Raises
    ------
    GridMismatch
        Naming every layer that differs and how, and the call that mends it.
    """
    grids = {
        name: geobox_of(layer) if isinstance(layer, xr.DataArray | xr.Dataset) else layer
        for name, layer in layers.items()
    }
    first, *others = grids
    wrong = [
        f"{name!r} {difference}"
        for name in others
        if (difference := grid_difference(grids[name], grids[first])) is not None
    ]
    if wrong:
        raise GridMismatch(
            f"layers are not on the grid of {first!r}: " + "; ".join(wrong) + ". Bring them onto "
            f"it with mineeco_xr.warp(layer, like={first}, resampling=...)."
        )
    return grids[first]


def require_metres(grid: GeoBox, function: str) -> None:
    """Refuse a grid whose coordinates are not metres.

    Parameters
    ----------
    grid : odc.geo.geobox.GeoBox
        The grid.
    function : str
        Name of the function that needs metres, for the message.

    Raises
    ------
    GridMismatch
        If the reference system is geographic or its unit is not the metre.
    """
    crs = grid.crs
    unit = None if crs is None or crs.geographic else crs.proj.axis_info[0].unit_name
    if unit not in {"metre", "meter", "m"}:
        raise GridMismatch(
            f"{function} measures distances and needs a projected grid in metres; this one is "
            f"{crs_name(grid)}. Warp the layer onto a projected grid with mineeco_xr.warp."
        )
