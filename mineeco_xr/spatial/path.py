"""Least-cost paths as lines, traced back through the blocks that they cross."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks import reduce_blocks
from mineeco_xr.cube.cells import cell_size
from mineeco_xr.cube.grid import geobox_of
from mineeco_xr.errors import ParameterError, SchemaError
from mineeco_xr.spatial.cost_sources import numbered, require_all

if TYPE_CHECKING:
    import geopandas as gpd

BLOCKS_HELD = 16
"""Blocks of back links that are kept while paths are traced."""


def least_cost_paths(
    field: xr.Dataset, targets: gpd.GeoDataFrame | xr.DataArray
) -> gpd.GeoDataFrame:
    """Trace the least-cost path from every target to the source that it is cheapest from.

    Parameters
    ----------
    field : xarray.Dataset
        What :func:`cost_distance` returned, with or without a dim ``source``.
    targets : geopandas.GeoDataFrame or xarray.DataArray
        Features, numbered 1, 2, 3 ... in the order of the rows, or a raster of numbers on the same
        grid with 0 for none. A path starts at a target's cheapest cell, of equal ones the first
        in row-major order.

    Returns
    -------
    geopandas.GeoDataFrame
        One row a target and source that are connected, ordered by both: ``source``, ``target``,
        ``cost``, ``length`` (m) and a LineString through the centres of the cells from source to
        target, whose corners alone are kept. The path of a target that lies on its source is a
        line of no length.

    Raises
    ------
    SchemaError
        If ``field`` is not a result of :func:`cost_distance`, or its links were changed.
    ParameterError
        If there is no target, or a feature has no cell.

    Notes
    -----
    Computes when it is called: one pass finds the cheapest cell of each target, then the path is
    followed block by block, and no block that it does not cross is computed. The same line for
    any chunking.

    Examples
    --------
    >>> import numpy as np, mineeco_xr as mx
    >>> from mineeco_xr.testing import with_grid
    >>> resistance = with_grid(np.ones((1, 5)), resolution=10)
    >>> patches = with_grid(np.array([[1, 0, 0, 0, 2]]), resolution=10)
    >>> field = mx.cost_distance(resistance, patches.where(patches == 1, 0))
    >>> paths = mx.least_cost_paths(field, patches.where(patches == 2, 0))
    >>> paths[["source", "target", "cost", "length"]].values.tolist()
    [[1.0, 2.0, 40.0, 40.0]]
    """
    import geopandas as gpd

    missing = [name for name in ("cost_distance", "back_link") if name not in field]
    if missing:
        raise SchemaError(f"the field lacks {missing}: give the result of cost_distance whole.")
    grid = geobox_of(field)
    goals = numbered(
        targets, field["cost_distance"].isel(source=0, missing_dims="ignore"), "targets"
    )
    slices: list[tuple[int | None, xr.Dataset]] = (
        [(int(k), field.sel(source=k)) for k in field["source"].values]
        if "source" in field.dims
        else [(None, field)]
    )
    rows = []
    for number, layer in slices:
        present, best = _cheapest(layer["cost_distance"], goals)
        require_all(targets, present, "targets")
        links = _Blocks(layer["back_link"])
        owners = None if number is not None else _Blocks(layer["allocation"])
        for target, (cost, place) in sorted(best.items()):
            cells = _trace(links, place)
            source = number if owners is None else owners.at(place)
            rows.append({"source": source, "target": target, "cost": cost, **_line(cells, grid)})
    frame = gpd.GeoDataFrame(
        rows, columns=["source", "target", "cost", "length", "geometry"], crs=str(grid.crs)
    )
    return frame.sort_values(["source", "target"], ignore_index=True)


Best = dict[int, tuple[float, tuple[int, int]]]


def _cheapest(cost: xr.DataArray, goals: xr.DataArray) -> tuple[np.ndarray, Best]:
    """Return the numbers of all targets, and the cheapest cell of those that can be reached."""
    rows, columns = (
        xr.DataArray(np.arange(cost.sizes[dim]), dims=dim, coords={dim: cost[dim]})
        for dim in ("y", "x")
    )
    plain = cost.drop_vars(["spatial_ref", "source"], errors="ignore")
    goals = goals.drop_vars("spatial_ref", errors="ignore").assign_coords(y=cost["y"], x=cost["x"])
    found: dict[str, Any] = reduce_blocks(
        _block_best, _merge_best, plain, goals, rows, columns
    ).compute()
    if not found["present"].size:
        raise ParameterError("there is no target: give cells other than 0, or features on the grid")
    return found["present"], found["best"]


def _block_best(
    cost: np.ndarray, goals: np.ndarray, rows: np.ndarray, columns: np.ndarray, *, shared: Any
) -> dict[str, Any]:
    i, j = np.nonzero((goals != 0) & np.isfinite(cost))
    i_all, j_all = rows.ravel()[i], columns.ravel()[j]
    order = np.lexsort((j_all, i_all, cost[i, j], goals[i, j]))
    ids, first = np.unique(goals[i, j][order], return_index=True)
    chosen = order[first]
    best = {
        int(k): (float(cost[i[n], j[n]]), (int(i_all[n]), int(j_all[n])))
        for k, n in zip(ids, chosen, strict=True)
    }
    return {"present": np.unique(goals[goals != 0]), "best": best}


def _merge_best(parts: list[dict[str, Any]]) -> dict[str, Any]:
    merged: Best = {}
    for part in parts:
        for target, found in part["best"].items():
            merged[target] = min(found, merged.get(target, found))
    present = np.unique(np.concatenate([part["present"] for part in parts]))
    return {"present": present, "best": merged}


class _Blocks:
    """Reads single cells of a lazy raster, holding the blocks last used."""

    def __init__(self, data: xr.DataArray) -> None:
        self.data = data
        chunks = data.chunks or tuple((size,) for size in data.shape)
        self.starts = [np.cumsum([0, *sizes]) for sizes in chunks]
        self.held: OrderedDict[tuple[int, int], np.ndarray] = OrderedDict()

    def at(self, place: tuple[int, int]) -> int:
        index = tuple(
            int(np.searchsorted(starts, cell, side="right")) - 1
            for starts, cell in zip(self.starts, place, strict=True)
        )
        block = self._block(index[0], index[1])
        return int(block[place[0] - self.starts[0][index[0]], place[1] - self.starts[1][index[1]]])

    def _block(self, i: int, j: int) -> np.ndarray:
        if (i, j) in self.held:
            self.held.move_to_end((i, j))
            return self.held[i, j]
        cut = {
            dim: slice(int(starts[k]), int(starts[k + 1]))
            for dim, starts, k in zip(("y", "x"), self.starts, (i, j), strict=True)
        }
        self.held[i, j] = self.data.isel(cut).values
        if len(self.held) > BLOCKS_HELD:
            self.held.popitem(last=False)
        return self.held[i, j]


def _trace(links: _Blocks, place: tuple[int, int]) -> np.ndarray:
    """Follow back links to the source; return the cells from source to target."""
    from mineeco_xr.kernels.cost import STEPS

    cells = [place]
    while (link := links.at(place)) != 0:
        if link > len(STEPS) or len(cells) > links.data.size:
            raise SchemaError(
                "the back links of the field do not lead to a source: it was changed or damaged. "
                "Compute it again with cost_distance."
            )
        step = STEPS[link - 1]
        place = place[0] + step[0], place[1] + step[1]
        cells.append(place)
    return np.array(cells[::-1])


def _line(cells: np.ndarray, grid: Any) -> dict[str, Any]:
    from shapely import LineString

    tall, wide = cell_size(grid, "least_cost_paths")
    steps = np.diff(cells, axis=0)
    length = float(np.sqrt((steps[:, 0] * tall) ** 2 + (steps[:, 1] * wide) ** 2).sum())
    turns = np.ones(len(cells), dtype=bool)
    turns[1:-1] = (steps[1:] != steps[:-1]).any(axis=1)
    corners = cells[turns] if len(cells) > 1 else np.repeat(cells, 2, axis=0)
    x, y = grid.affine * (corners[:, 1] + 0.5, corners[:, 0] + 0.5)
    return {"length": length, "geometry": LineString(np.column_stack([x, y]))}
