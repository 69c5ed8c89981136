"""Accumulated cost of moving over a resistance surface, for any chunking and any landscape."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks import finish_tiles
from mineeco_xr.chunks.tiles import join_small
from mineeco_xr.cube.cells import cell_size
from mineeco_xr.cube.grid import geobox_of
from mineeco_xr.cube.nodata import as_float
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.errors import ParameterError
from mineeco_xr.spatial.cost_sources import numbered, require_all

if TYPE_CHECKING:
    import geopandas as gpd

SMALLEST_TILE = 512
"""Cells a side; smaller chunks are joined, so that a run is worth its message."""

DTYPES = {"cost_distance": "float64", "allocation": "int32", "back_link": "uint8"}


def cost_distance(
    resistance: xr.DataArray,
    sources: gpd.GeoDataFrame | xr.DataArray,
    *,
    max_cost: float | None = None,
    connectivity: int = 8,
    each: bool = False,
    progress: bool | None = None,
) -> xr.Dataset:
    """Return the least accumulated cost from every cell to the nearest source.

    Parameters
    ----------
    resistance : xarray.DataArray
        Dims ``(y, x)``, positive, cost per metre; NaN, ``_FillValue`` and infinity are walls.
    sources : xarray.DataArray or geopandas.GeoDataFrame
        A raster on the same grid whose cells other than 0 and nodata are sources, their values
        the sources' numbers (positive integers or bool); or features, numbered 1, 2, 3 ... in the
        order of the rows. A source may have many cells.
    max_cost : float, optional
        Cells that cost more are left unreached.
    connectivity : int
        8 or 4 neighbours.
    each : bool
        Solve for each source by itself, along a dim ``source``, instead of for the nearest.
    progress : bool, optional
        Show the solve's progress; default when the error stream is a terminal.

    Returns
    -------
    xarray.Dataset
        ``cost_distance`` (float64, resistance times metres, 0 on sources, NaN where no source
        reaches), ``back_link`` (uint8: 0 source, 1 E, 2 SE, 3 S, 4 SW, 5 W, 6 NW, 7 N, 8 NE towards
        the predecessor, N towards the first row; ``_FillValue`` 255) and, but for ``each``,
        ``allocation`` (int32 number of the nearest source, ``_FillValue`` 0). Lazy when
        ``resistance`` is.

    Raises
    ------
    GridMismatch
        If the grids differ or are not in metres.
    ParameterError
        If a resistance is zero or negative, the dearest is 1e9 times the cheapest, there is no
        source, a source lies on walls alone or has no cell, or a parameter is out of range.

    Notes
    -----
    A step between neighbours costs ``length * (R_u + R_v) / 2`` (ArcGIS Cost Distance,
    ``skimage.graph.MCP_Geometric`` with ``fully_connected``), in float64. Of sources at equal cost
    the smallest number wins; of equal predecessors the first in the order of the codes.

    Crosses chunks by rounds, and so **computes when it is called**: it reads ``resistance`` once
    to check it and once more to solve, lets the blocks exchange the labels of their borders until
    none improves another, and keeps only those. The surfaces are then lazy, one task a block, and
    bit-identical for any chunking and scheduler. Write a resistance that is costly to compute to a
    store first.

    Examples
    --------
    >>> import numpy as np
    >>> from mineeco_xr.testing import with_grid
    >>> resistance = with_grid(np.array([[1.0, 1, 1], [1, np.nan, 1]]), resolution=10)
    >>> sources = with_grid(np.array([[0, 0, 0], [7, 0, 0]]), resolution=10)
    >>> found = cost_distance(resistance, sources)
    >>> found["cost_distance"].values.round(2)
    array([[10.  , 14.14, 24.14],
           [ 0.  ,   nan, 28.28]])
    """
    from mineeco_xr.kernels.cost import half_steps
    from mineeco_xr.spatial import cost_solve

    if connectivity not in (4, 8):
        raise ParameterError(f"connectivity is {connectivity}: 4 or 8.")
    if max_cost is not None and not max_cost > 0:
        raise ParameterError(f"max_cost is {max_cost}: give a positive cost.")
    if resistance.dims != ("y", "x"):
        raise ParameterError(
            f"{resistance.name or 'resistance'!r} has dims {resistance.dims}: select one "
            "raster with dims ('y', 'x')."
        )
    half = half_steps(cell_size(geobox_of(resistance), "cost_distance"), connectivity)
    most = math.inf if max_cost is None else float(max_cost)
    surface, seeds = _tiled(as_float(resistance), numbered(sources, resistance))
    found = cost_solve.check_pixels(surface, seeds)
    require_all(sources, found)
    numbers = found.tolist() if each else [cost_solve.ALL]
    rings = cost_solve.solve_borders(surface, seeds, numbers, half, most, progress=progress)
    parts = []
    for number in numbers:
        made = finish_tiles(
            cost_solve.finish_tile,
            rings[number],
            surface,
            seeds,
            dtypes=DTYPES,
            depth=1,
            fill=(math.nan, 0),
            parameters={"number": number, "half": half, "most": most},
        )
        parts.append(xr.Dataset(made))
    if each:
        index = xr.DataArray(found, dims="source", name="source")
        result = xr.concat([part.drop_vars("allocation") for part in parts], index)
    else:
        result = parts[0]
    if resistance.chunks is not None:
        result = result.chunk(dict(resistance.chunksizes))
    parameters = {"max_cost": max_cost, "connectivity": connectivity, "each": each}
    return _described(result, resistance, seeds, parameters)


def _tiled(surface: xr.DataArray, seeds: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    """Bring both rasters into equal chunks that are worth a task."""
    if surface.chunks is None:
        return surface, seeds.compute()
    chunks = {
        dim: join_small(surface.chunksizes[dim], min(SMALLEST_TILE, surface.sizes[dim]))
        for dim in ("y", "x")
    }
    return surface.chunk(chunks), seeds.chunk(chunks)


def _described(
    result: xr.Dataset, resistance: xr.DataArray, seeds: xr.DataArray, parameters: dict[str, Any]
) -> xr.Dataset:
    units = resistance.attrs.get("units", "1")
    attrs: dict[str, dict[str, Any]] = {
        "cost_distance": {
            "units": "m" if units == "1" else f"m {units}",
            "long_name": "accumulated cost to the nearest source",
        },
        "allocation": {
            "units": "1",
            "long_name": "number of the nearest source",
            "_FillValue": np.int32(0),
        },
        "back_link": {
            "units": "1",
            "long_name": "direction of the predecessor on the least-cost path",
            "flag_values": np.arange(9, dtype="uint8"),
            "flag_meanings": "source E SE S SW W NW N NE",
            "_FillValue": np.uint8(255),
        },
    }
    for name in result.data_vars:
        result[name].attrs = attrs[str(name)]
    return finalize(
        result,
        function="cost_distance",
        parameters=parameters,
        inputs={str(resistance.name or "resistance"): resistance, "sources": seeds},
    )
