"""Sum a symmetric kernel around the cells of a window: tile by tile, the cheaper of two ways.

A tile without sources is zero; one with few runs of equal cells is scattered; the others go
through Fourier transforms two by two. All agree to about 5e-7 of the layer's largest result. Layers
never share a transform: its rounding goes by the larger of two tiles and would drown the smaller.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np

from mineeco_xr.kernels.overlap_save import convolve_pair, spectrum, transform_size
from mineeco_xr.kernels.scatter import (
    count_runs,
    longest_run,
    running_sums,
    scatter,
    scatter_seconds,
)

LARGEST_TRANSFORM = 48 * 2**20
"""Cells of a complex transform (8 bytes each) that a plan may ask for, if it can."""

LEAST_TILE = 256
"""Cells a side below which a window is cut in no more than two, which make a pair."""

WAYS = ("auto", "scatter", "fourier")


@dataclass(frozen=True, eq=False)
class SymmetricKernel:
    """A kernel that is symmetric about both axes.

    Parameters
    ----------
    key : hashable
        Equal for equal kernels: names the spectrum kept in memory.
    quarter : ndarray, (r + 1, s + 1), float64
        Weights, not negative, at offsets of 0 to ``r`` rows and 0 to ``s`` columns.
    """

    key: Hashable
    quarter: np.ndarray

    @property
    def radii(self) -> tuple[int, int]:
        """Largest offset in rows and in columns."""
        return self.quarter.shape[0] - 1, self.quarter.shape[1] - 1

    @cached_property
    def weight(self) -> float:
        """Sum of all weights, of all four quarters."""
        rows = 2.0 * self.quarter.sum(axis=1) - self.quarter[:, 0]
        return float(2.0 * rows.sum() - rows[0])

    @cached_property
    def sums(self) -> tuple[np.ndarray, np.ndarray]:
        """Running sums of the rows, and how far each reaches."""
        return running_sums(self.quarter)


@dataclass(frozen=True)
class Plan:
    """How a window is cut.

    Parameters
    ----------
    tile : tuple of int
        Rows and columns of every tile, without margins; the last ones overlap their neighbours.
    transform : tuple of int
        Sizes of the transform.
    corners : tuple of (row, column)
        Where the tiles begin in the output.
    seconds : float
        Estimated time of one tile's share of a transform.
    """

    tile: tuple[int, int]
    transform: tuple[int, int]
    corners: tuple[tuple[int, int], ...]
    seconds: float


def convolve(values: np.ndarray, kernel: SymmetricKernel, *, way: str = "auto") -> np.ndarray:
    """Sum ``values * kernel`` around every cell of a window's inside.

    Parameters
    ----------
    values : ndarray, (layers, h, w), float32
        Finite and not negative; NaN counts as nothing.
    kernel : SymmetricKernel
        Radii ``r`` and ``s`` are the margins of the window.
    way : str
        ``"auto"`` takes the cheaper way tile by tile; ``"scatter"`` and ``"fourier"`` force one.

    Returns
    -------
    ndarray, (layers, h - 2 r, w - 2 s), float32
        At least 0. By scatter exact to float32 rounding; by Fourier transform to 1e-6 of the
        largest result of that layer. A layer comes out the same among others and alone.
    """
    values = np.ascontiguousarray(values, dtype=np.float32)
    r, s = kernel.radii
    layers, rows, columns = values.shape[0], values.shape[1] - 2 * r, values.shape[2] - 2 * s
    out = np.zeros((layers, rows, columns), dtype=np.float32)
    if out.size == 0:
        return out
    plan = make_plan((rows, columns), (r, s))
    for layer in range(layers):
        few, many = _sorted_tiles(values, layer, kernel, plan, way)
        room = sum(tile.runs for tile in few)
        # One pass over a whole layer takes no run twice where the margins of tiles overlap.
        height, width = plan.tile if many else (rows, columns)
        for _, top, left in [tile.corner for tile in few] if many else [(layer, 0, 0)]:
            window = (layer, top, left, height + 2 * r, width + 2 * s)
            target = out[layer, top : top + height, left : left + width]
            scatter(values, window, room, kernel.sums, target)
        for first in range(0, len(many), 2):
            real = spectrum(kernel.key, kernel.quarter, plan.transform)
            corners = [tile.corner for tile in many[first : first + 2]]
            convolve_pair(values, corners, plan.tile, real, kernel.radii, kernel.weight, out)
    return out


class _Tile(NamedTuple):
    corner: tuple[int, int, int]
    runs: int
    seconds: float


def _sorted_tiles(
    values: np.ndarray, layer: int, kernel: SymmetricKernel, plan: Plan, way: str
) -> tuple[list[_Tile], list[_Tile]]:
    """Return a layer's tiles to be scattered and transformed; empty ones are in neither."""
    r, s = kernel.radii
    height, width = plan.tile
    # What falls outside the tile is not computed: on average, this share is.
    inside = height * width / ((height + 2 * r) * (width + 2 * s))
    price = inside * scatter_seconds(1, 0, (r, s))
    enough = math.inf if way == "scatter" else 2 * plan.seconds / price
    few: list[_Tile] = []
    many: list[_Tile] = []
    for top, left in plan.corners:
        window = (layer, top, left, height + 2 * r, width + 2 * s)
        runs, cells = count_runs(values, window, enough)
        if runs == 0:
            continue
        seconds = inside * scatter_seconds(runs, cells, (r, s))
        tile = _Tile((layer, top, left), runs + cells // longest_run(s) + 1, seconds)
        cheap = seconds < plan.seconds and runs <= enough
        (few if way == "scatter" or (way == "auto" and cheap) else many).append(tile)
    if way == "auto" and len(many) % 2:
        _even_out(few, many, plan.seconds)
    return few, many


def _even_out(few: list[_Tile], many: list[_Tile], seconds: float) -> None:
    """Give a tile that would be transformed alone, at the price of two, company or another way."""
    cheapest = min(many, key=lambda tile: tile.seconds)
    dearest = max(few, key=lambda tile: tile.seconds, default=None)
    if 2 * seconds - cheapest.seconds > (0.0 if dearest is None else dearest.seconds):
        many.remove(cheapest)
        few.append(cheapest)
    elif dearest is not None:
        few.remove(dearest)
        many.append(dearest)


@lru_cache(maxsize=256)
def make_plan(shape: tuple[int, int], radii: tuple[int, int]) -> Plan:
    """Cut a window into tiles so that the transforms cost least.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of the output.
    radii : tuple of int
        Of the kernel, rows and columns.

    Returns
    -------
    Plan
        Margins are work done twice, and large transforms are slower a cell, so that the best tile
        is some 3 to 12 radii wide; the number of tiles should be even.
    """
    rows, columns = shape
    best: tuple[float, Plan] | None = None
    for down in _cuts(rows, radii[0]):
        for across in _cuts(columns, radii[1]):
            tile = (math.ceil(rows / down), math.ceil(columns / across))
            size = tuple(transform_size(t + 2 * r) for t, r in zip(tile, radii, strict=True))
            seconds = transform_seconds((size[0], size[1]))
            pairs = (down * across + 1) // 2
            too_large = max(1.0, size[0] * size[1] / LARGEST_TRANSFORM)
            cost = pairs * seconds * too_large**2
            if best is None or cost < best[0]:
                corners = tuple(
                    (top, left)
                    for top in _begins(rows, tile[0], down)
                    for left in _begins(columns, tile[1], across)
                )
                best = cost, Plan(tile, (size[0], size[1]), corners, seconds / 2)
    assert best is not None
    return best[1]


def transform_seconds(shape: tuple[int, int]) -> float:
    """Estimate the time of a pair of tiles: forth, product and back."""
    cells = shape[0] * shape[1]
    return 5e-5 + cells * max(6.0, 0.83 * math.log2(cells) - 3.0) * 1e-9


def _cuts(size: int, radius: int) -> range:
    least = max(2 * radius, LEAST_TILE)
    return range(1, max(min(2, size), min(48, math.ceil(size / least))) + 1)


def _begins(size: int, tile: int, count: int) -> list[int]:
    return [min(i * tile, size - tile) for i in range(count)]
