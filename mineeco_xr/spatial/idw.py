"""Inverse-distance weighting: points onto a grid."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks import generate
from mineeco_xr.cube.grid import geobox_of, grid_coords, require_metres
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.errors import ParameterError
from mineeco_xr.spatial.samples import Samples, samples_of

if TYPE_CHECKING:
    import geopandas as gpd
    from odc.geo.geobox import GeoBox

POWER = 2.0
NEIGHBOURS = 12
SPACING_QUANTILE = 0.95
BLOCK_BYTES = 128 * 2**20
"""What a block of all dates may weigh as float64."""

Group = tuple[np.ndarray, np.ndarray, np.ndarray]


def idw(
    like: xr.DataArray | xr.Dataset | GeoBox,
    points: gpd.GeoDataFrame,
    column: str | Sequence[str],
    *,
    power: float = POWER,
    neighbours: int | None = NEIGHBOURS,
    radius: float | None = None,
    dates: str | Sequence[Any] | None = None,
    distance: bool = False,
    units: str = "1",
    chunks: int | tuple[int, int] | None = None,
    dtype: Any = "float32",
) -> xr.DataArray | xr.Dataset:
    """Interpolate points onto a grid by inverse-distance weighting.

    Parameters
    ----------
    like : DataArray, Dataset or GeoBox
        The grid, projected in metres. Only the grid counts: values and nodata of ``like`` do not.
    points : geopandas.GeoDataFrame
        Single points in any reference system, also outside the grid, whose cells they inform.
    column : str or sequence of str
        Column of values, or one for each of ``dates``. A point without a value (NaN, infinity) is
        left out, on that date alone.
    power : float
        Exponent ``p`` of the distance, positive; the greater, the more the nearest points count.
        Default 2; :func:`mineeco_xr.idw_error` helps to choose.
    neighbours : int, optional
        How many of the nearest points count, and with the last of them all that are equally far.
        Default 12; ``None`` for all.
    radius : float, optional
        Metres; points farther away do not count, and a cell without a point within is nodata.
    dates : str or sequence of dates, optional
        Column of dates of a long table, with a row for each station and date; or one date for each
        of several columns.
    distance : bool
        Also return how far the nearest point is, and where that is far.
    units : str
        Of the values.
    chunks : int, tuple of int or None
        Cells a side of the result's chunks; default those of ``like``: in memory for a grid in
        memory and for a GeoBox. Smaller where many dates would make a block heavy.
    dtype : dtype
        Of the values: ``"float32"`` or ``"float64"``.

    Returns
    -------
    xarray.DataArray or xarray.Dataset
        Values on the grid, dims ``(y, x)`` or ``(time, y, x)``. With ``distance`` a Dataset of
        ``value``, ``distance`` (m, to the nearest point with a value) and ``far`` (1 where that is
        more than the attribute ``spacing``, within which 95 % of the points have their own
        neighbour: there is nothing but extrapolation there). Lazy when ``like`` is.

    Raises
    ------
    GridMismatch
        If the grid is not in metres or the points have no reference system.
    SchemaError
        If a column is missing or holds no numbers, a date has no value, or a geometry is missing
        or no single point.
    ParameterError
        If ``power``, ``neighbours`` or ``radius`` is not positive.

    Notes
    -----
    ``z = sum(w_i z_i) / sum(w_i)`` with ``w_i = d_i ** -p`` (Shepard 1968), and ``z`` is the value
    of a point that lies on the cell's centre, or the mean of several. Distances are those from cell
    centres. Points whose squared distances differ by less than 1e-9 are equally far, so that
    neither the order of the table nor the chunks decide which of them count.

    Pointwise: bit-identical for any chunking. The points are one node of the graph. Each block
    keeps the points that its cells need; the time does not depend on how they cluster.

    References
    ----------
    Shepard, D. (1968). A two-dimensional interpolation function for irregularly-spaced data.
    Proceedings of the 1968 ACM National Conference, 517-524.

    Examples
    --------
    >>> import geopandas as gpd, mineeco_xr as mx
    >>> grid = mx.make_grid((0, 0, 50, 10), crs="EPSG:32650", resolution=10)
    >>> wells = gpd.GeoDataFrame(
    ...     {"sinking": [-10.0, -30.0]},
    ...     geometry=gpd.points_from_xy([5, 45], [5, 5]),
    ...     crs="EPSG:32650",
    ... )
    >>> idw(grid, wells, "sinking", units="mm").values
    array([[-10., -12., -20., -28., -30.]], dtype=float32)
    """
    grid = geobox_of(like) if isinstance(like, xr.DataArray | xr.Dataset) else like
    require_metres(grid, "idw")
    require_weights(power, neighbours, radius)
    if np.dtype(dtype) not in (np.float64, np.float32):
        raise ParameterError(f"dtype is {dtype}: values are float64 or float32.")
    samples = samples_of(points, column, dates, crs=grid.crs.proj)
    groups = [
        (samples.places[rows], samples.values[np.ix_(rows, columns)], columns)
        for rows, columns in samples.groups()
    ]
    layers = samples.values.shape[1] * (2 if distance else 1)
    sides = _sides(like, chunks, layers)
    raster = generate(
        _idw_block,
        grid_coords(grid),
        dtype="float64" if distance else dtype,
        chunks=sides,
        leading={"layer": np.arange(layers)},
        parameters={
            "groups": groups,
            "transform": tuple(grid.affine)[:6],
            "layers": layers,
            "measures": {
                "power": float(power),
                "neighbours": 0 if neighbours is None else int(neighbours),
                "radius": math.inf if radius is None else float(radius),
            },
        },
    )
    raster = _chunked_like(raster, like, sides, chunks)
    name = column if isinstance(column, str) else "value"
    value = _dated(raster.isel(layer=slice(None, samples.values.shape[1])), samples)
    attrs = {"units": units, "long_name": f"{name} by inverse-distance weighting"}
    given: dict[str, Any] = {
        "function": "idw",
        "parameters": {
            "column": column,
            "power": power,
            "neighbours": neighbours,
            "radius": radius,
            "points": len(samples.places),
        },
        "inputs": {"points": np.column_stack([samples.places, samples.values])},
    }
    if not distance:
        return finalize(value, attrs=attrs, name=name, **given)
    away = _dated(raster.isel(layer=slice(samples.values.shape[1], None)), samples)
    return finalize(_with_distance(value.astype(dtype).assign_attrs(attrs), away, groups), **given)


def require_weights(power: float, neighbours: int | None, radius: float | None) -> None:
    """Refuse what is not a positive power, number of neighbours or radius.

    Raises
    ------
    ParameterError
        Naming it.
    """
    if not (power > 0 and math.isfinite(power)):
        raise ParameterError(f"power is {power}: give a positive exponent, such as 2.")
    if neighbours is not None and (neighbours < 1 or neighbours != int(neighbours)):
        raise ParameterError(f"neighbours is {neighbours}: give a number from 1 on, or None.")
    if radius is not None and not radius > 0:
        raise ParameterError(f"radius is {radius}: give a positive length in metres.")


def _sides(
    like: xr.DataArray | xr.Dataset | GeoBox, chunks: int | tuple[int, int] | None, layers: int
) -> tuple[int, int] | None:
    if chunks is not None:
        sides = chunks if isinstance(chunks, tuple) else (chunks, chunks)
    elif isinstance(like, xr.DataArray | xr.Dataset) and like.chunks:
        sides = (max(like.chunksizes["y"]), max(like.chunksizes["x"]))
    else:
        return None
    most = max(1, math.isqrt(BLOCK_BYTES // (8 * layers)))
    return min(sides[0], most), min(sides[1], most)


def _chunked_like(raster: xr.DataArray, like: Any, sides: Any, chunks: Any) -> xr.DataArray:
    """Cut the result as ``like`` is cut, which may be uneven."""
    if sides is None or chunks is not None:
        return raster
    own = {dim: like.chunksizes[dim] for dim in ("y", "x")}
    return raster.chunk(own) if sides == tuple(max(size) for size in own.values()) else raster


def _idw_block(
    rows: slice,
    columns: slice,
    *,
    groups: list[Group],
    transform: tuple[float, ...],
    layers: int,
    measures: dict[str, Any],
) -> np.ndarray:
    from mineeco_xr.kernels.inverse_distance import weigh_points

    x = transform[2] + transform[0] * (np.arange(columns.start, columns.stop) + 0.5)
    y = transform[5] + transform[4] * (np.arange(rows.start, rows.stop) + 0.5)
    out = np.empty((layers, y.size, x.size))
    dates = sum(len(positions) for _, _, positions in groups)
    for places, values, positions in groups:
        out[positions], nearest = weigh_points(places, values, x, y, **measures)
        if layers > dates:
            out[positions + dates] = nearest
    return out


def _dated(raster: xr.DataArray, samples: Samples) -> xr.DataArray:
    if samples.dates is None:
        return raster.isel(layer=0, drop=True)
    return raster.rename(layer="time").assign_coords(time=samples.dates)


def _with_distance(value: xr.DataArray, away: xr.DataArray, groups: list[Group]) -> xr.Dataset:
    spacing = max(_spacing(places) for places, _, _ in groups)
    far = (away > spacing).astype("uint8")
    return xr.Dataset(
        {
            "value": value,
            "distance": away.astype("float32").assign_attrs(
                units="m", long_name="distance to the nearest point with a value"
            ),
            "far": far.assign_attrs(
                units="1",
                long_name="farther from the points than they are from each other",
                flag_values=np.array([0, 1], "uint8"),
                flag_meanings="near far",
                _FillValue=np.uint8(255),
                spacing=spacing,
            ),
        }
    )


def _spacing(places: np.ndarray) -> float:
    """Return the distance within which most places have another one; 0 for a single place."""
    from scipy.spatial import cKDTree

    spots = np.unique(places, axis=0)
    if len(spots) < 2:
        return 0.0
    found, _ = cKDTree(spots).query(spots, k=2)
    return float(np.quantile(found[:, 1], SPACING_QUANTILE))
