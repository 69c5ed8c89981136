"""One receiver a cell across blocks: what enters a block leaves it at one known cell, or ends.

Every block says for each of its border cells where flow that enters there leaves (Barnes 2017). The
border cells of all blocks then form one forest, small enough to be solved at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mineeco_xr.chunks import Place
from mineeco_xr.kernels.perimeter import perimeter_cells, perimeter_position

Index = tuple[int, int]
Chunks = tuple[tuple[int, ...], tuple[int, ...]]
INSIDE, ABSENT = -1, -2
"""Ends of border cells beside positions: flow ends in the block; the cell is nodata."""


@dataclass(frozen=True)
class Border:
    """What a block knows of the flow over its border.

    Attributes
    ----------
    ends : ndarray, (p,), int32
        For each border cell, in the order of ``perimeter_cells``, the position on the border of
        the cell where its flow leaves the block, or ``INSIDE`` or ``ABSENT``.
    leaving : ndarray, (p,), uint8
        Direction of the cells whose flow leaves the block, 255 of others.
    values : ndarray, (p,) or (p, n)
        What the operation sums.
    """

    ends: np.ndarray
    leaving: np.ndarray
    values: np.ndarray


def is_whole(place: Place) -> bool:
    """Say whether a block is the whole raster, so that no border has to be told of."""
    size = (place.rows.stop - place.rows.start, place.columns.stop - place.columns.start)
    return size == place.shape


def border_of(direction: np.ndarray, codes: np.ndarray, values: np.ndarray) -> Border:
    """Follow the flow from each border cell of a block.

    Parameters
    ----------
    direction : ndarray, (h, w), uint8
        As it came.
    codes : ndarray, (h, w), uint8
        From ``closed_codes``.
    values : ndarray, (p,) or (p, n)
        See :class:`Border`.

    Returns
    -------
    Border
        To be handed to :func:`linked`.
    """
    from mineeco_xr.kernels.drainage import EXIT, NODATA, UNSEEN, flow_ends

    cells = perimeter_cells((codes.shape[0], codes.shape[1]))
    found = np.full(codes.shape, UNSEEN, dtype=np.int32)
    flow_ends(codes, found, starts=cells, own=True)
    position = np.full(codes.size, INSIDE, dtype=np.int32)
    flat = codes.ravel()
    out = flat[cells] == EXIT
    position[cells[out]] = np.flatnonzero(out)
    ends = position[found.ravel()[cells]]
    ends[flat[cells] == NODATA] = ABSENT
    return Border(ends, np.where(out, direction.ravel()[cells], np.uint8(255)), values)


@dataclass(frozen=True)
class Linked:
    """The border cells of all blocks as one forest.

    Attributes
    ----------
    slices : dict
        Where the cells of each block stand, by its index.
    across : ndarray, (n,), int64
        The cell in the next block that a leaving cell flows into, -1 for none.
    successor : ndarray, (n,), int64
        The cell at which flow through a cell enters the next block, -1 for none.
    leaves : ndarray of bool, (n,)
        Whether flow through a cell leaves its block, be it over the edge of the data.
    order : ndarray, (n,), int64
        From ``forest_order``.
    values : ndarray, one row a cell
        Of all blocks.
    """

    slices: dict[Index, slice]
    across: np.ndarray
    successor: np.ndarray
    leaves: np.ndarray
    order: np.ndarray
    values: np.ndarray


def linked(records: dict[Index, Border], chunks: Chunks) -> Linked:
    """Join the borders of blocks.

    Raises
    ------
    SchemaError
        If flow runs in a circle through several blocks.
    """
    from mineeco_xr.kernels.drainage import circle_error
    from mineeco_xr.kernels.flow_forest import forest_order

    indices = sorted(records)
    counts = [records[index].ends.size for index in indices]
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    slices = {
        index: slice(int(a), int(b))
        for index, a, b in zip(indices, starts[:-1], starts[1:], strict=True)
    }
    ends = np.concatenate([records[index].ends for index in indices]).astype(np.int64)
    leaving = np.concatenate([records[index].leaving for index in indices])
    across = _across(leaving, indices, starts, chunks)
    across[(across >= 0) & (ends[across] == ABSENT)] = -1
    exits = np.where(ends >= 0, ends + np.repeat(starts[:-1], counts), -1)
    successor = np.where(exits >= 0, across[exits], -1)
    order = forest_order(successor)
    if order.size < successor.size:
        raise circle_error()
    values = np.concatenate([records[index].values for index in indices])
    return Linked(slices, across, successor, exits >= 0, order, values)


def _across(
    leaving: np.ndarray, indices: list[Index], starts: np.ndarray, chunks: Chunks
) -> np.ndarray:
    """Return the number of the border cell that each leaving cell flows into, -1 for none."""
    from mineeco_xr.kernels.flow_direction import COLUMNS, ROWS

    tops, lefts = chunk_edges(chunks)
    rows, columns = [], []
    for i, j in indices:
        shape = (chunks[0][i], chunks[1][j])
        row, column = np.divmod(perimeter_cells(shape), shape[1])
        rows.append(row + tops[i])
        columns.append(column + lefts[j])
    out = np.flatnonzero(leaving < 8)
    across = np.full(leaving.size, -1, dtype=np.int64)
    across[out] = border_number(
        np.concatenate(rows)[out] + ROWS[leaving[out]],
        np.concatenate(columns)[out] + COLUMNS[leaving[out]],
        starts,
        chunks,
    )
    return across


def chunk_edges(chunks: Chunks) -> tuple[np.ndarray, np.ndarray]:
    """Return the first row and column of each block, and the ends of the raster."""
    tops, lefts = (np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64) for sizes in chunks)
    return tops, lefts


def border_number(
    row: np.ndarray, column: np.ndarray, starts: np.ndarray, chunks: Chunks
) -> np.ndarray:
    """Return the numbers of border cells of any blocks among those of all blocks.

    Parameters
    ----------
    row, column : ndarray of int64
        Cells of the whole raster that lie on the border of their block, or outside the raster.
    starts : ndarray of int64
        Number of the first border cell of each block, blocks row by row.
    chunks : tuple
        Sizes of the blocks, down and across.

    Returns
    -------
    ndarray of int64
        Numbers, -1 outside.
    """
    tops, lefts = chunk_edges(chunks)
    number = np.full(row.shape, -1, dtype=np.int64)
    inside = (row >= 0) & (row < tops[-1]) & (column >= 0) & (column < lefts[-1])
    row, column = row[inside], column[inside]
    down = np.searchsorted(tops, row, side="right") - 1
    right = np.searchsorted(lefts, column, side="right") - 1
    position = perimeter_position(
        row - tops[down], column - lefts[right], np.diff(tops)[down], np.diff(lefts)[right]
    )
    number[inside] = starts[down * len(chunks[1]) + right] + position
    return number
