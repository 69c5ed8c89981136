"""Exact sums of fine layers over the cells of a coarse grid, block by block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from mineeco_xr.carbonwater.coarse_grid import Places, grid_positions, places_of, row_weights
from mineeco_xr.chunks import Reduced, reduce_blocks

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox


@dataclass
class CellSums:
    """Sums over the fine cells of each coarse cell, in a window of the coarse grid.

    Attributes
    ----------
    origin : tuple of int
        First row and column of the window.
    total : ndarray, (h, w)
        Fine cells inside each coarse one, valid or not.
    number : ndarray, (t, h, w)
        Those that count.
    weight : ndarray, (t, h, w)
        Their areas in whole numbers.
    sums, errors, lows : ndarray, (t, layers, h, w)
        See :func:`mineeco_xr.kernels.coarse.accumulate`.
    stencil : ndarray, (t, 9, h, w), int64
        Bilinear weights, empty unless asked for.
    """

    origin: tuple[int, int]
    total: np.ndarray
    number: np.ndarray
    weight: np.ndarray
    sums: np.ndarray
    errors: np.ndarray
    lows: np.ndarray
    stencil: np.ndarray

    def mean(self, layer: int = 0) -> np.ndarray:
        """Return the area-weighted mean of a layer, NaN without a valid cell."""
        # One rounding of an exact sum: equal bits for any order of adding.
        total = self.sums[:, layer] + self.errors[:, layer]
        out = np.full(total.shape, np.nan)
        return np.divide(total, self.weight, out=out, where=self.weight > 0)


def sum_over_cells(
    layers: Sequence[xr.DataArray],
    fine: GeoBox,
    coarse: GeoBox,
    *,
    powers: Sequence[int] = (),
    squares: bool = False,
    stencil: bool = False,
    finish: Any = None,
    shared: Any = None,
) -> Reduced:
    """Sum layers over the cells of a coarse grid, where all of them are valid.

    Parameters
    ----------
    layers : sequence of DataArray
        Floats on one grid, dims ``(time, y, x)`` or ``(y, x)``; one without dates holds for all.
    fine, coarse : GeoBox
        The grids.
    powers : sequence of int
        To which each layer is raised first, default 1.
    squares : bool
        Also sum each layer as it is, and its squares: layers ``p`` to ``3 p``.
    stencil : bool
        Also sum bilinear weights.
    finish : callable, optional
        ``finish(sums, shared)``, run once.
    shared : object, optional
        For ``finish``.

    Returns
    -------
    Reduced
        :class:`CellSums`, or what ``finish`` makes of them.
    """
    dated = [layer for layer in layers if "time" in layer.dims]
    leader = next(iter(dated), layers[0])
    dims = ("time", "y", "x") if dated else ("y", "x")
    order = sorted(range(len(layers)), key=lambda i: layers[i] is not leader)
    ready = [layers[i].transpose(*(d for d in dims if d in layers[i].dims)) for i in order]
    ready = [layer.drop_vars("spatial_ref", errors="ignore") for layer in ready]
    parameters = {
        "fine": fine,
        "coarse": coarse,
        "order": tuple(order),
        "powers": tuple(powers) or (1,) * len(layers),
        "squares": squares,
        "stencil": stencil,
    }
    return reduce_blocks(
        _partial_sums,
        _merged,
        *ready,
        row_weights(leader, fine),
        *grid_positions(leader),
        finish=_finisher(finish, shared),
        parameters=parameters,
    )


def _finisher(finish: Any, shared: Any) -> Any:
    return None if finish is None else partial(_finished, finish=finish, own=shared)


def _finished(sums: CellSums, _: Any, *, finish: Any, own: Any) -> Any:
    return finish(sums, own)


def _partial_sums(
    *blocks: np.ndarray,
    shared: None,
    fine: GeoBox,
    coarse: GeoBox,
    order: tuple[int, ...],
    powers: tuple[int, ...],
    squares: bool,
    stencil: bool,
) -> CellSums:
    *layers, weights, rows, columns = blocks
    layers = [layers[order.index(i)] for i in range(len(order))]
    places = places_of(rows, columns, fine, coarse)
    size = (rows.size, columns.size)
    cubes = [layer.reshape(-1, *layer.shape[-2:]) for layer in layers]
    dates = max(cube.shape[0] for cube in cubes)
    held = places.row >= 0
    if not held.any():
        return _no_sums(dates, (3 if squares else 1) * len(layers), 9 if stencil else 0)
    low_r, low_c = int(places.row[held].min()), int(places.column[held].min())
    shape = int(places.row.max()) - low_r + 1, int(places.column.max()) - low_c + 1
    local = np.where(held, (places.row - low_r) * shape[1] + places.column - low_c, -1)
    weight = np.broadcast_to(weights.reshape(-1, 1), size).ravel()
    return _window_sums(
        cubes, places, local, weight, (low_r, low_c), shape, powers, squares, stencil
    )


def _window_sums(
    cubes: list[np.ndarray],
    places: Places,
    local: np.ndarray,
    weight: np.ndarray,
    origin: tuple[int, int],
    shape: tuple[int, int],
    powers: tuple[int, ...],
    squares: bool,
    stencil: bool,
) -> CellSums:
    from mineeco_xr.kernels.coarse import accumulate, stencil_weights

    cells, dates = shape[0] * shape[1], max(cube.shape[0] for cube in cubes)
    weight = np.ascontiguousarray(weight, dtype="float64")
    found: list[tuple[np.ndarray, ...]] = []
    for date in range(dates):
        raw = np.stack([cube[date % cube.shape[0]].ravel() for cube in cubes]).astype("float64")
        values = np.stack([_raised(row, p) for row, p in zip(raw, powers, strict=True)])
        if squares:
            values = np.concatenate([values, raw, raw * raw])
        valid = np.isfinite(values).all(axis=0)
        number = np.bincount(local[valid & (local >= 0)], minlength=cells).astype("float64")
        weights = (
            stencil_weights(local, places.across, places.down, valid, cells)
            if stencil
            else np.zeros((0, cells), dtype="int64")
        )
        found.append((*accumulate(values, local, weight, cells), number, weights))
    sums, errors, lows, counts, numbers, weights_ = (
        np.stack(part).reshape(dates, *part[0].shape[:-1], *shape)
        for part in zip(*found, strict=True)
    )
    total = np.bincount(local[local >= 0], minlength=cells).astype("float64").reshape(shape)
    return CellSums(origin, total, numbers, counts, sums, errors, lows, weights_)


def _raised(values: np.ndarray, power: int) -> np.ndarray:
    if power == 1:
        return values
    # Squares of squares: pow() of the platform is not the same everywhere.
    squared = values * values
    return np.asarray(squared * squared)


def _no_sums(dates: int, layers: int, stencil: int) -> CellSums:
    return _empty((0, 0), (0, 0), dates, layers, stencil)


def _empty(
    origin: tuple[int, int], shape: tuple[int, int], dates: int, layers: int, stencil: int
) -> CellSums:
    return CellSums(
        origin=origin,
        total=np.zeros(shape),
        number=np.zeros((dates, *shape)),
        weight=np.zeros((dates, *shape)),
        sums=np.zeros((dates, layers, *shape)),
        errors=np.zeros((dates, layers, *shape)),
        lows=np.full((dates, layers, *shape), np.inf),
        stencil=np.zeros((dates, stencil, *shape), dtype="int64"),
    )


def _merged(parts: list[CellSums]) -> CellSums:
    held = [part for part in parts if part.total.size]
    if not held:
        return parts[0]
    first = min(part.origin[0] for part in held), min(part.origin[1] for part in held)
    last = (
        max(part.origin[0] + part.total.shape[0] for part in held),
        max(part.origin[1] + part.total.shape[1] for part in held),
    )
    shape = last[0] - first[0], last[1] - first[1]
    dates, layers = held[0].sums.shape[:2]
    return placed_sums(held, first, shape, dates, layers)


def placed_sums(
    parts: Sequence[CellSums],
    first: tuple[int, int],
    shape: tuple[int, int],
    dates: int,
    layers: int,
) -> CellSums:
    """Return sums in a window that holds those of all parts."""
    from mineeco_xr.kernels.coarse import merge_sums

    stencil = parts[0].stencil.shape[1] if parts else 0
    out = _empty(first, shape, dates, layers, stencil)
    for part in parts:
        start = part.origin[0] - first[0], part.origin[1] - first[1]
        at = (
            Ellipsis,
            slice(start[0], start[0] + part.total.shape[0]),
            slice(start[1], start[1] + part.total.shape[1]),
        )
        out.total[at] += part.total
        out.number[at] += part.number
        out.weight[at] += part.weight
        out.stencil[at] += part.stencil
        out.lows[at] = np.minimum(out.lows[at], part.lows)
        merge_sums(out.sums[at], out.errors[at], part.sums, part.errors)
    return out


def whole_window(sums: CellSums, coarse: GeoBox) -> CellSums:
    """Return sums in the window of the whole coarse grid."""
    dates, layers = sums.sums.shape[:2]
    rows, columns = coarse.shape
    parts = [sums] if sums.total.size else [_no_sums(dates, layers, sums.stencil.shape[1])]
    return placed_sums(parts, (0, 0), (rows, columns), dates, layers)
