"""Values of border cells of a flow that divides, so that each block can then be computed by itself.

Blocks are taken in by strips, which compute what they can, run a block again when cells around it
have become final that it waits for, and join. Every cell is computed once, from final cells, and
so to the same bits wherever a raster is cut.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks import join_strips, rounds, tile_inputs
from mineeco_xr.kernels.perimeter import perimeter_cells
from mineeco_xr.terrain.drainage import Index
from mineeco_xr.terrain.flow_mesh import Mesh, border_cells, crossed, framed
from mineeco_xr.terrain.flow_state import Flow, State
from mineeco_xr.terrain.flow_strip import Border, make_strip

__all__ = ["Flow", "Settled", "State", "Surroundings", "exchange", "settle"]


def exchange(
    flow: Flow,
    layers: Sequence[xr.DataArray],
    fills: Sequence[float | None],
    *,
    parameters: Mapping[str, Any],
    dtype: Any,
    description: str,
    given: Mapping[Index, Any] | None = None,
    components: int | None = None,
) -> dict[Index, np.ndarray]:
    """Find the final values around each block. Computes.

    Parameters
    ----------
    flow : Flow
        What is computed.
    layers : sequence of xarray.DataArray
        Dims ``(y, x)``, packed weights first; one at least is lazy.
    fills : sequence of float or None
        What stands outside the raster in each; None when ``flow.begin`` does not look at the
        cells around a block of that layer, which are 0 then.
    parameters : mapping
        Of ``flow.begin``.
    dtype : dtype
        Of the values.
    description : str
        For the progress line.
    given : mapping, optional
        What else ``flow.begin`` gets for each block.
    components : int, optional
        How many values a cell has, as a last axis; default one, without an axis.

    Returns
    -------
    dict
        By block, the final values of the cells around it, in the order of ``perimeter_cells`` of
        its window; NaN, or 0 of integers, where there are none.

    Raises
    ------
    SchemaError
        If border cells wait for each other.
    """
    found = settle(
        flow, layers, fills, parameters=parameters, dtype=dtype, description=description,
        given=given, components=components,
    )  # fmt: skip
    return {key: found.around(key) for key in found.keys}


def settle(
    flow: Flow,
    layers: Sequence[xr.DataArray],
    fills: Sequence[float | None],
    *,
    parameters: Mapping[str, Any],
    dtype: Any,
    description: str,
    given: Mapping[Index, Any] | None = None,
    components: int | None = None,
) -> Settled:
    """Do what :func:`exchange` does, and return the layers around each block as well."""
    from mineeco_xr.kernels.drainage import circle_error

    down, across = next(layer.chunks for layer in layers if layer.chunks is not None)
    blocks = tile_inputs(*layers)
    mesh = Mesh.of((down, across))
    width = () if components is None else (components,)
    absent = float("nan") if np.dtype(dtype).kind == "f" else 0
    # The last number stands for cells outside the raster, which the mesh gives -1.
    values = np.full((int(mesh.starts[-1]) + 1, *width), absent, dtype=dtype)
    borders = _read_borders(blocks, fills, description)
    settled = Settled(flow, mesh, borders, tuple(fills), values)
    found: dict[Index, Border] = join_strips(
        make_strip,
        {
            key: (settled.rings(key), (given or {}).get(key), *blocks[key])
            for key in settled.in_order()
        },
        parameters={"flow": flow, "mesh": mesh, "options": dict(parameters)},
        description=description,
    )
    if any(border.waits for border in found.values()):
        raise circle_error()
    for key in settled.keys:
        values[mesh.part(key)][found[key].final] = found[key].values[found[key].final]
    return settled


@dataclass(frozen=True)
class Settled:
    """Border cells of all blocks: layers and final values.

    Attributes
    ----------
    flow : Flow
        What was computed.
    mesh : Mesh
        Of the blocks.
    borders : list of ndarray or None
        Each layer on all border cells, and once more outside the raster.
    fills : tuple of float or None
        What stands outside.
    values : ndarray, (p + 1,) or (p + 1, n)
        Final values.
    """

    flow: Flow
    mesh: Mesh
    borders: list[np.ndarray | None]
    fills: tuple[float | None, ...]
    values: np.ndarray

    @property
    def keys(self) -> list[Index]:
        """The blocks, row by row."""
        return [
            (i, j) for i in range(len(self.mesh.chunks[0])) for j in range(len(self.mesh.chunks[1]))
        ]

    def in_order(self) -> list[Index]:
        """Return the blocks so that strips, which follow this order, share short borders."""
        if sum(self.mesh.chunks[0]) >= sum(self.mesh.chunks[1]):
            return self.keys
        return sorted(self.keys, key=lambda key: (key[1], key[0]))

    def around(self, key: Index) -> np.ndarray:
        """Return the values of the cells around a block."""
        return self.values[self.mesh.around(key)]

    def rings(self, key: Index) -> list[Any]:
        """Return what stands around a block in each layer, 0 where that is not known."""
        numbers = self.mesh.around(key)
        return [0 if layer is None else layer[numbers] for layer in self.borders]

    def surroundings(self) -> dict[Index, Surroundings]:
        """Return what each block needs to be computed by itself."""
        return {key: self._surroundings(key) for key in self.keys}

    def _surroundings(self, key: Index) -> Surroundings:
        height, width = self.mesh.shape(key)
        rings = self.rings(key)
        packed = np.zeros((height + 2, width + 2), dtype=np.uint32)
        own, around = border_cells((height, width))
        packed.ravel()[around] = rings[0]
        assert self.borders[0] is not None
        packed.ravel()[own] = self.borders[0][self.mesh.part(key)]
        cells = crossed(packed, self.flow.downstream)
        return Surroundings(
            np.packbits(cells),
            [
                0 if layer is None else ring[cells]
                for layer, ring in zip(self.borders, rings, strict=True)
            ],
            [0 if fill is None else fill for fill in self.fills],
            self.around(key)[cells],
        )


@dataclass(frozen=True)
class Surroundings:
    """What stands around a block where flow crosses its border.

    Attributes
    ----------
    crossed : ndarray of uint8
        Bits: for which cells around the block.
    layers : list of ndarray
        Each layer there; 0 when that is not known.
    fills : list of float
        Each layer elsewhere.
    values : ndarray
        Final values there.
    """

    crossed: np.ndarray
    layers: list[Any]
    fills: list[float]
    values: np.ndarray

    def frame(self, blocks: Sequence[np.ndarray]) -> tuple[list[np.ndarray], np.ndarray]:
        """Return blocks with the cells around them, and the values around them."""
        size = border_cells((blocks[0].shape[0], blocks[0].shape[1]))[1].size
        cells = np.unpackbits(self.crossed, count=size).astype(bool)
        windows = []
        for block, layer, fill in zip(blocks, self.layers, self.fills, strict=True):
            ring = np.full(size, fill, dtype=block.dtype)
            ring[cells] = layer
            windows.append(framed(block, ring))
        values = np.full((size, *self.values.shape[1:]), 0, dtype=self.values.dtype)
        values[cells] = self.values
        return windows, values


def _read_borders(
    blocks: Mapping[Index, tuple[Any, ...]], fills: Sequence[float | None], description: str
) -> list[np.ndarray | None]:
    """Return each layer with a fill on the border cells of all blocks, and outside the raster."""
    found: dict[Index, tuple[np.ndarray, ...]] = {}

    def keep(key: Any, reply: Any) -> dict[Any, Any]:
        found[key] = reply
        return {}

    chosen = {
        key: tuple(item for item, fill in zip(items, fills, strict=True) if fill is not None)
        for key, items in blocks.items()
    }
    first = dict.fromkeys(blocks, (0.0, None))
    rounds(_read_border, chosen, first, keep, description=f"{description}, borders")
    columns = zip(*(found[key] for key in blocks), strict=True)
    return [None if fill is None else _with_outside(next(columns), fill) for fill in fills]


def _with_outside(parts: Sequence[np.ndarray], fill: float) -> np.ndarray:
    return np.concatenate([*parts, np.array([fill], dtype=parts[0].dtype)])


def _read_border(state: Any, messages: Any, *blocks: np.ndarray) -> tuple[None, Any]:
    cells = perimeter_cells((blocks[0].shape[0], blocks[0].shape[1]))
    return None, tuple(np.ascontiguousarray(block).ravel()[cells] for block in blocks)
