"""Values of border cells of a flow that divides, found by blocks that run in rounds.

A block computes what it can, says which of its border cells are final, and runs again when cells
around it have become final that it waits for. Every cell is computed once, and the border values
that this ends with suffice to compute each block by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks import rounds, tile_inputs
from mineeco_xr.kernels.perimeter import perimeter_cells
from mineeco_xr.terrain.drainage import Chunks, Index, border_number, chunk_edges


@dataclass
class State:
    """What a block keeps between its runs: windows of one cell more on each side.

    Attributes
    ----------
    packed : ndarray, (h + 2, w + 2), uint32
        Packed weights.
    values : ndarray, (h + 2, w + 2)
        The results so far.
    pending : ndarray, (h + 2, w + 2), optional
        What the kernel keeps beside them.
    rest : dict
        Further inputs of the kernel.
    """

    packed: np.ndarray
    values: np.ndarray
    pending: np.ndarray | None = None
    rest: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Flow:
    """A computation along a flow, as plain module-level functions.

    Attributes
    ----------
    begin : callable
        ``begin(packed, *windows, given, **parameters)`` returns the first :class:`State`.
    advance : callable
        ``advance(state, arrived)`` computes in place what can be; ``arrived`` are flat positions of
        cells around the block whose values became final, None in the first call.
    final, waits : callable
        ``final(state, cells)``: whether values of some cells, flat positions, are final;
        ``waits``: whether they still wait for others.
    downstream : bool
        Whether values are handed on with the flow, or against it.
    """

    begin: Callable[..., State]
    advance: Callable[[State, np.ndarray | None], None]
    final: Callable[[State, Any], np.ndarray]
    waits: Callable[[State, Any], np.ndarray]
    downstream: bool


def exchange(
    flow: Flow,
    layers: Sequence[xr.DataArray],
    fills: Sequence[float],
    *,
    parameters: Mapping[str, Any],
    dtype: Any,
    description: str,
    given: Mapping[Index, Any] | None = None,
) -> dict[Index, np.ndarray]:
    """Run blocks until nothing crosses their borders any more. Computes.

    Parameters
    ----------
    flow : Flow
        What is computed.
    layers : sequence of xarray.DataArray
        Dims ``(y, x)``, packed weights first; one at least is lazy.
    fills : sequence of float
        What stands outside the raster in each.
    parameters : mapping
        Of ``flow.begin``.
    dtype : dtype
        Of the values.
    description : str
        For the progress line.
    given : mapping, optional
        What else ``flow.begin`` gets for each block.

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
    from mineeco_xr.kernels.drainage import circle_error

    down, across = next(layer.chunks for layer in layers if layer.chunks is not None)
    blocks = tile_inputs(*layers)
    mesh = _Mesh((down, across), np.dtype(dtype))
    mesh.read(blocks, flow.downstream, description)
    rounds(
        _run_block,
        {key: (mesh.rings(key, fills), (given or {}).get(key), *blocks[key]) for key in mesh.keys},
        dict.fromkeys(mesh.keys, (0.0, None)),
        mesh.route,
        parameters={"flow": flow, "options": dict(parameters)},
        again=False,
        description=description,
    )
    if any(mesh.unfinished.values()):
        raise circle_error()
    return {key: mesh.around(key, mesh.values, mesh.absent) for key in mesh.keys}


class _Mesh:
    """The border cells of all blocks, and who waits for whose."""

    def __init__(self, chunks: Chunks, dtype: np.dtype) -> None:
        self.chunks, self.absent = chunks, float("nan") if dtype.kind == "f" else 0.0
        self.tops, self.lefts = chunk_edges(chunks)
        self.keys = [(i, j) for i in range(len(chunks[0])) for j in range(len(chunks[1]))]
        self.shapes = {(i, j): (chunks[0][i], chunks[1][j]) for i, j in self.keys}
        sizes = [perimeter_cells(self.shapes[key]).size for key in self.keys]
        self.starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        self.values = np.full(self.starts[-1], self.absent, dtype=dtype)
        self.known = np.zeros(self.starts[-1], dtype=bool)
        self.unfinished: dict[Index, bool] = {}
        self.layers: list[np.ndarray] = []
        self.waiting: dict[Index, list[tuple[Index, np.ndarray, np.ndarray]]] = {}

    def part(self, key: Index) -> slice:
        """Return where a block's border cells stand."""
        number = key[0] * len(self.chunks[1]) + key[1]
        return slice(int(self.starts[number]), int(self.starts[number + 1]))

    def numbers(self, key: Index) -> np.ndarray:
        """Return which border cells of other blocks lie around a block."""
        height, width = self.shapes[key]
        row, column = np.divmod(perimeter_cells((height + 2, width + 2)), width + 2)
        return border_number(
            row + self.tops[key[0]] - 1, column + self.lefts[key[1]] - 1, self.starts, self.chunks
        )

    def around(self, key: Index, values: np.ndarray, absent: float) -> np.ndarray:
        """Return the values of the cells around a block."""
        numbers = self.numbers(key)
        return np.where(numbers >= 0, values[numbers], np.asarray(absent).astype(values.dtype))

    def rings(self, key: Index, fills: Sequence[float]) -> list[np.ndarray]:
        """Return what stands around a block in each layer."""
        return [self.around(key, *pair) for pair in zip(self.layers, fills, strict=True)]

    def read(self, blocks: Mapping[Index, Any], downstream: bool, description: str) -> None:
        """Read the border cells of all layers, and find out which ones blocks wait for."""
        found: dict[Index, tuple[np.ndarray, ...]] = {}

        def keep(key: Any, reply: Any) -> dict[Any, Any]:
            found[key] = reply
            return {}

        everyone = dict.fromkeys(self.keys, (0.0, None))
        rounds(_read_border, blocks, everyone, keep, description=f"{description}, borders")
        for borders in zip(*(found[key] for key in self.keys), strict=True):
            self.layers.append(np.concatenate(borders))
        self.waiting = {key: [] for key in self.keys}
        for key in self.keys:
            numbers, wanted = self.numbers(key), self._wanted(key, downstream)
            for owner in self._neighbours(key):
                part = self.part(owner)
                mine = np.flatnonzero(wanted & (numbers >= part.start) & (numbers < part.stop))
                if mine.size:
                    self.waiting[owner].append((key, mine, numbers[mine] - part.start))

    def _neighbours(self, key: Index) -> list[Index]:
        near = [(key[0] + i, key[1] + j) for i in (-1, 0, 1) for j in (-1, 0, 1) if i or j]
        return [other for other in near if other in self.shapes]

    def _wanted(self, key: Index, downstream: bool) -> np.ndarray:
        """Return for which cells around a block there is flow between them and the block."""
        from mineeco_xr.kernels.flow_direction import COLUMNS, ROWS

        height, width = self.shapes[key]
        packed = np.zeros((height + 2, width + 2), dtype=np.uint32)
        cells = perimeter_cells((height + 2, width + 2))
        packed.ravel()[cells] = self.around(key, self.layers[0], 0)
        inner = perimeter_cells((height, width))
        packed[1 + inner // width, 1 + inner % width] = self.layers[0][self.part(key)]
        row, column = np.divmod(cells, width + 2)
        wanted = np.zeros(cells.size, dtype=bool)
        for k in range(8):
            i, j = row + ROWS[k], column + COLUMNS[k]
            inside = (i > 0) & (i <= height) & (j > 0) & (j <= width)
            other = packed[np.where(inside, i, 0), np.where(inside, j, 0)]
            back = np.uint32(4 * ((k + 4) & 7))
            code = packed[row, column] >> np.uint32(4 * k) if downstream else other >> back
            wanted |= inside & (code & np.uint32(15) != 0)
        return wanted

    def route(self, key: Any, reply: tuple[np.ndarray, np.ndarray, bool]) -> dict[Any, Any]:
        """Take what a block knows of its border cells, and tell those who wait for them."""
        final, values, self.unfinished[key] = reply
        part = self.part(key)
        fresh = final & ~self.known[part]
        self.known[part] |= fresh
        self.values[part][fresh] = values[fresh]
        messages = {}
        for other, ring, border in self.waiting[key]:
            chosen = fresh[border]
            if chosen.any():
                messages[other] = (0.0, (ring[chosen], values[border[chosen]]))
        return messages


def _read_border(state: Any, messages: Any, *blocks: np.ndarray) -> tuple[None, Any]:
    cells = perimeter_cells((blocks[0].shape[0], blocks[0].shape[1]))
    return None, tuple(np.ascontiguousarray(block).ravel()[cells] for block in blocks)


def _run_block(
    state: State | None,
    messages: Sequence[Any],
    rings: Sequence[np.ndarray] = (),
    given: Any = None,
    *blocks: np.ndarray,
    flow: Flow,
    options: dict[str, Any],
) -> tuple[State, Any]:
    """Run a block once.

    The state is changed in place: it is as large as the block, and most runs touch a few cells. A
    run that is repeated finds its messages heard, and its reply is all that is final, so that
    nothing is counted twice or lost.
    """
    fresh = state is None
    if state is None:
        state = flow.begin(*map(_window, blocks, rings), given=given, **options)
    height, width = state.packed.shape[0] - 2, state.packed.shape[1] - 2
    cells = perimeter_cells((height + 2, width + 2))
    if fresh:
        state.rest["heard"] = np.zeros(cells.size, dtype=bool)
        flow.advance(state, None)
    heard, values = state.rest["heard"], state.values.ravel()
    for position, arrived in (message for message in messages if message is not None):
        new = ~heard[position] & (state.packed.ravel()[cells[position]] != 0)
        heard[position] = True
        values[cells[position[new]]] = arrived[new]
        flow.advance(state, cells[position[new]])
    inner = perimeter_cells((height, width))
    inner = (inner // width + 1) * (width + 2) + inner % width + 1
    unfinished = bool(flow.waits(state, inner).any())
    return state, (flow.final(state, inner), values[inner], unfinished)


def _window(block: np.ndarray, ring: np.ndarray) -> np.ndarray:
    window = np.empty((block.shape[0] + 2, block.shape[1] + 2), dtype=block.dtype)
    window[1:-1, 1:-1] = block
    window.ravel()[perimeter_cells((window.shape[0], window.shape[1]))] = ring
    return window
