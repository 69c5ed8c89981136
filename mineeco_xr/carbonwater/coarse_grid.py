"""Where fine cells lie in a coarse grid, in any pair of reference systems."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from mineeco_xr.cube.area import cell_area
from mineeco_xr.cube.grid import crs_name
from mineeco_xr.cube.lookup import source_coordinates, source_window
from mineeco_xr.errors import GridMismatch

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

AREA_PARTS = 1 << 20
"""The largest cell area of a geographic grid in whole numbers, so that weighted sums are exact."""
SNAP = 1e-9
"""Share of a coarse cell within which a centre counts as lying on the border."""
BATCH_BYTES = 256 * 2**20
"""What the sums of the dates that are reduced together may weigh."""


@dataclass(frozen=True)
class Places:
    """Where fine cells lie in the coarse grid.

    Attributes
    ----------
    row, column : ndarray, (n,), int64
        The coarse cell that holds the centre, -1 for none.
    across, down : ndarray, (n,), int64
        Place within it, see :mod:`mineeco_xr.kernels.coarse`.
    """

    row: np.ndarray
    column: np.ndarray
    across: np.ndarray
    down: np.ndarray


def covering_window(fine: GeoBox, coarse: GeoBox, name: str) -> tuple[slice, slice]:
    """Return the rows and columns of a coarse grid that a fine grid touches.

    Raises
    ------
    GridMismatch
        If the two do not meet, or the coarse cells are the finer ones.
    """
    rows, columns = fine.shape
    window = source_window(slice(0, rows), slice(0, columns), fine, coarse, 1)
    if window is None:
        raise GridMismatch(
            f"the predictors do not cover a single cell of {name!r}: they lie in "
            f"{_extent(fine)}, it lies in {_extent(coarse)}. Check the reference systems of both."
        )
    found = slice(window[0], window[1]), slice(window[2], window[3])
    middle = np.array([[rows // 2 + 0.0, rows // 2 + 1.0], [columns // 2 + 0.0] * 2])
    _, down = source_coordinates(middle[1], middle[0], fine, coarse)
    if abs(down[1] - down[0]) > 1:
        raise GridMismatch(
            f"a cell of {name!r} is {abs(down[1] - down[0]):.3g} times finer than those of the "
            "predictors: the coarse raster goes in as coarse, the fine one as cube."
        )
    return found


def _extent(grid: GeoBox) -> str:
    box = grid.boundingbox
    return f"{crs_name(grid)} ({box.left:.6g}, {box.bottom:.6g}, {box.right:.6g}, {box.top:.6g})"


def places_of(rows: np.ndarray, columns: np.ndarray, fine: GeoBox, coarse: GeoBox) -> Places:
    """Return where the centres of a block of fine cells lie in the coarse grid.

    Parameters
    ----------
    rows, columns : ndarray
        Places of the block's rows and columns in the whole fine grid.
    fine, coarse : GeoBox
        The grids.

    Returns
    -------
    Places
        Row by row.
    """
    from mineeco_xr.kernels.coarse import PARTS

    grid_r, grid_c = np.meshgrid(rows.ravel() + 0.5, columns.ravel() + 0.5, indexing="ij")
    x, y = source_coordinates(grid_c.ravel(), grid_r.ravel(), fine, coarse)
    with np.errstate(invalid="ignore"):
        inside = np.isfinite(x) & np.isfinite(y)
        x, y = (np.where(inside, _snapped(along), -1.0) for along in (x, y))
        inside &= (x >= 0) & (y >= 0) & (x < coarse.shape[1]) & (y < coarse.shape[0])
    column, row = (np.where(inside, np.floor(along), -1).astype("int64") for along in (x, y))
    across, down = (
        np.where(inside, (along - cell) * PARTS, 0).astype("int64")
        for along, cell in ((x, column), (y, row))
    )
    return Places(row, column, across, down)


def _snapped(along: np.ndarray) -> np.ndarray:
    nearest = np.rint(along)
    return np.where(np.abs(along - nearest) < SNAP, nearest, along)


def grid_positions(data: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    """Return the places of a raster's rows and columns as layers of its dims ``y`` and ``x``."""
    rows, columns = (
        xr.DataArray(np.arange(data.sizes[dim], dtype="float64"), dims=dim, coords={dim: data[dim]})
        for dim in ("y", "x")
    )
    return rows, columns


def row_weights(data: xr.DataArray, fine: GeoBox) -> xr.DataArray:
    """Return the area of the cells of each row in whole numbers: 1 where all are equal."""
    areas = cell_area(fine).values
    largest = areas.max()
    if areas.min() == largest:
        whole = np.ones(areas.size)
    else:
        whole = np.maximum(1.0, np.rint(areas / largest * AREA_PARTS))
    return xr.DataArray(whole, dims="y", coords={"y": data["y"]})


def date_batches(dates: int, cells: int, fields: int) -> Iterator[slice]:
    """Cut dates into slices whose sums stay small."""
    each = max(1, BATCH_BYTES // max(1, cells * fields * 8))
    for start in range(0, dates, each):
        yield slice(start, min(start + each, dates))


def expected_cells(total: np.ndarray, fine: GeoBox, coarse: GeoBox) -> np.ndarray:
    """Return how many fine centres a coarse cell would hold if the fine grid went on for ever.

    Parameters
    ----------
    total : ndarray, (h, w)
        How many it does hold.
    fine, coarse : GeoBox
        The grids.

    Returns
    -------
    ndarray, (h, w)
        ``total`` for cells that lie whole inside the fine grid; for the others their area in fine
        cells, and at least ``total``.
    """
    rows, columns = coarse.shape
    grid_r, grid_c = np.meshgrid(np.arange(rows + 1.0), np.arange(columns + 1.0), indexing="ij")
    x, y = source_coordinates(grid_c, grid_r, coarse, fine)
    corners = [np.s_[:-1, :-1], np.s_[:-1, 1:], np.s_[1:, 1:], np.s_[1:, :-1]]
    area, inside = np.zeros((rows, columns)), np.ones((rows, columns), dtype=bool)
    with np.errstate(invalid="ignore"):
        for here, there in zip(corners, [*corners[1:], corners[0]], strict=True):
            area += (x[here] * y[there] - x[there] * y[here]) / 2
            inside &= (x[here] >= 0) & (x[here] <= fine.shape[1])
            inside &= (y[here] >= 0) & (y[here] <= fine.shape[0])
    area = np.where(np.isfinite(area), np.abs(area), np.inf)
    return np.where(inside & (total > 0), total, np.maximum(area, total))


def share_of_cells(
    number: np.ndarray, total: np.ndarray, fine: GeoBox, coarse: GeoBox
) -> np.ndarray:
    """Return the share of each coarse cell that its valid fine cells cover, 0 to 1."""
    return np.asarray(number / np.maximum(expected_cells(total, fine, coarse), 1.0))
