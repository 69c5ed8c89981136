"""Pits filled to the height at which water leaves them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks import Place, stitch
from mineeco_xr.cube.grid import geobox_of
from mineeco_xr.cube.nodata import as_float, code_in, fill_value_of
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.terrain.seams import Index, Lines, Sides, ends_of_raster, is_whole, sides_of


def fill_pits(dem: xr.DataArray) -> xr.DataArray:
    """Raise every depression to the height at which water leaves it.

    Parameters
    ----------
    dem : xarray.DataArray
        Elevations, any unit, floats or integers, dims ending in ``(y, x)``; each slice of leading
        dims is filled by itself. NaN, infinities and ``_FillValue`` are nodata.

    Returns
    -------
    xarray.DataArray
        Same dims, dtype and unit, without depressions: from every cell a path that never rises
        leads to the edge of the raster or to a cell beside nodata, where water leaves. Nodata
        stays. Lazy when the elevations are.

    Raises
    ------
    GridMismatch
        If the raster has no grid.

    Notes
    -----
    Crosses chunks by stitching, bit-identical for any chunking and equal to a priority flood
    without gradients (Barnes et al. 2014), as in InVEST and richdem. ``W(c) = max(z(c), L(b(c)))``
    where the basin ``b(c)`` is the end of a descending path and ``L`` the minimax height from
    there to the ocean. Blocks tell only of basins on their borders and of the heights between
    them; the graph of these is solved in one small task.

    Filled depressions and lakes are exactly flat: :func:`flow_direction` leads water over them.

    References
    ----------
    Barnes, R., Lehman, C., Mulla, D. (2014). Computers & Geosciences 62, 117-127.
    Barnes, R. (2016). Computers & Geosciences 96, 56-68.

    Examples
    --------
    >>> import numpy as np
    >>> from mineeco_xr.testing import with_grid
    >>> dem = np.array([[9.0, 9, 9, 9], [9, 1, 2, 5], [9, 9, 9, 9]])
    >>> fill_pits(with_grid(dem)).values[1]
    array([9., 5., 5., 5.])
    """
    geobox_of(dem)
    values = as_float(dem).transpose(..., "y", "x")
    fill, dtype = fill_value_of(dem), dem.dtype.newbyteorder("=")
    code = None if fill is None or dtype.kind not in "iu" else code_in(fill, dtype)
    result = stitch(
        _local_basins,
        _solve_levels,
        _raise_block,
        values,
        dtype=dtype,
        parameters={"code": code, "dtype": str(dtype)},
    )
    units = {"units": dem.attrs["units"]} if "units" in dem.attrs else {}
    nodata = {} if code is None else {"_FillValue": code}
    label = dem.attrs.get("long_name", dem.name or "elevation")
    return finalize(
        result.transpose(*dem.dims),
        function="fill_pits",
        parameters={},
        inputs={str(dem.name or "dem"): dem},
        attrs={**units, **nodata, "long_name": f"{label}, pits filled"},
        name=f"{dem.name or 'elevation'}_filled",
    )


@dataclass(frozen=True)
class _Borders:
    """Of a block: elevations and basins along its sides, and the heights between these basins.

    ``node`` counts the basins on the sides from 1; 0 is the ocean.
    """

    elevation: Sides
    node: Sides
    count: int
    first: np.ndarray
    second: np.ndarray
    weight: np.ndarray


def _tree(block: np.ndarray, place: Place) -> tuple[np.ndarray, int, Any]:
    from mineeco_xr.kernels import basin_tree as kernels

    framed = kernels.frame(block, ends_of_raster(place))
    labels, count = kernels.find_basins(framed)
    return labels, count, kernels.basin_tree(framed, labels, count)


def _numbered(labels: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the basins on the sides, from 1, and the number of each of all basins, or -1."""
    found = np.unique(np.concatenate(sides_of(labels[1:-1, 1:-1])))
    found = found[found > 0].astype("int64")
    number = np.full(count + 1, -1, np.int64)
    number[found] = np.arange(1, found.size + 1)
    number[0] = 0
    return found, number


def _local_basins(
    block: np.ndarray, *, place: Place, code: float | None, dtype: str
) -> _Borders | None:
    from mineeco_xr.kernels import fill as kernels

    if is_whole(place):
        return None
    labels, count, (first, second, weight) = _tree(block, place)
    found, number = _numbered(labels, count)
    first, second, weight = kernels.contract(first, second, weight, number >= 0)
    top, bottom, left, right = (number[side] for side in sides_of(labels[1:-1, 1:-1]))
    height = np.where(np.isfinite(block), block, -np.inf)
    return _Borders(
        elevation=sides_of(height),
        node=(top, bottom, left, right),
        count=found.size,
        first=number[first],
        second=number[second],
        weight=weight,
    )


def _solve_levels(
    records: Mapping[Index, _Borders | None], chunks: Any, *, code: float | None, dtype: str
) -> dict[Index, np.ndarray | None]:
    """Return the level of the basins on the sides of each block."""
    from mineeco_xr.kernels import fill as kernels

    known = {index: record for index, record in records.items() if record is not None}
    if not known:
        return dict.fromkeys(records)
    offset, total = {}, 0
    for index in sorted(known):
        offset[index] = total
        total += known[index].count
    # The ocean is node 0 of every block; all others are moved apart.
    blocks = (len(chunks[0]), len(chunks[1]))
    nodes = Lines.of(
        {i: _moved_sides(record.node, offset[i]) for i, record in known.items()}, blocks
    ).touching()
    heights = Lines.of({i: record.elevation for i, record in known.items()}, blocks).touching()
    across = nodes[0] != nodes[1]
    first = [nodes[0][across], *(_moved(r.first, offset[i]) for i, r in known.items())]
    second = [nodes[1][across], *(_moved(r.second, offset[i]) for i, r in known.items())]
    weight = [np.maximum(*heights)[across], *(record.weight for record in known.values())]
    joined = np.concatenate(weight).astype("float64")
    order = np.argsort(joined)
    level = kernels.water_levels(
        np.concatenate(first)[order], np.concatenate(second)[order], joined[order], total + 1
    )
    return {i: level[offset[i] + 1 : offset[i] + 1 + record.count] for i, record in known.items()}


def _moved(nodes: np.ndarray, offset: int) -> np.ndarray:
    return np.where(nodes > 0, nodes + offset, 0)


def _moved_sides(sides: Sides, offset: int) -> Sides:
    top, bottom, left, right = (_moved(side, offset) for side in sides)
    return top, bottom, left, right


def _raise_block(
    block: np.ndarray, *, answer: np.ndarray | None, place: Place, code: Any, dtype: str
) -> np.ndarray:
    from mineeco_xr.kernels import fill as kernels

    labels, count, (first, second, weight) = _tree(block, place)
    if answer is not None:
        found, _ = _numbered(labels, count)
        first = np.concatenate([found, first])
        second = np.concatenate([np.zeros_like(found), second])
        weight = np.concatenate([answer, weight])
        order = np.argsort(weight)
        first, second, weight = first[order], second[order], weight[order]
    level = kernels.water_levels(first, second, weight, count + 1)
    filled = kernels.raise_cells(block, labels, level.astype(block.dtype))
    filled[~np.isfinite(filled)] = np.nan if code is None else code
    return filled.astype(dtype, copy=False)
