"""Seams: patches that meet at the borders of blocks are one, and all get their numbers.

A patch is numbered by the place of its first cell. A block can count for itself the patches that
end inside it, row by row; only of those that reach another block does it tell one by one. Once
these are joined, it is known in which block each begins, and so how many patches begin in each row
of each block: their running sum, row by row and in a row from left to right, gives every block the
number at which each of its rows starts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mineeco_xr.errors import ParameterError

Index = tuple[int, int]
Chunks = tuple[tuple[int, ...], tuple[int, ...]]
MOST = int(np.iinfo(np.int32).max)
NOTHING = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True)
class BlockPatches:
    """The patches of a block, those that reach another block ("open") one by one.

    Attributes
    ----------
    closed : ndarray, (h,), int32
        How many patches that are not open begin in each row.
    rows, columns : ndarray, (open,), int32
        First cell of each open patch, in the order of the cells.
    before : ndarray, (open,), int32
        How many closed patches begin earlier in that row.
    codes : ndarray, (open,)
        Class of each open patch.
    edges : mapping of str to ndarray of int32
        ``top``, ``bottom``, ``left``, ``right`` where the raster goes on there: the open patch of
        each cell, from 1 on, and 0 for none.
    all_rows : ndarray, int64
        Row of the first cell of every patch; stays with the block.
    reached : ndarray, bool
        Whether a patch is open; stays with the block.
    """

    closed: np.ndarray
    rows: np.ndarray
    columns: np.ndarray
    before: np.ndarray
    codes: np.ndarray
    edges: Mapping[str, np.ndarray]
    all_rows: np.ndarray
    reached: np.ndarray

    def record(self) -> BlockPatches:
        """Return what the borders need, without what grows with the area."""
        return replace(self, all_rows=NOTHING, reached=NOTHING)


@dataclass(frozen=True)
class BlockNumbers:
    """What a block must know to number its patches.

    Attributes
    ----------
    base : ndarray, (h,), int64
        Number of the first patch that begins in each row.
    names : ndarray, (open,), int32
        Number of each open patch.
    begins : ndarray, (open,), bool
        Whether the patch begins in this block.
    """

    base: np.ndarray
    names: np.ndarray
    begins: np.ndarray


def describe_block(
    codes: np.ndarray, first: np.ndarray, edges: Mapping[str, np.ndarray]
) -> BlockPatches:
    """Say of a labelled block what its neighbours need.

    Parameters
    ----------
    codes : ndarray, (h, w)
        Class of each cell.
    first : ndarray, (patches,), int64
        First cell of each patch, ascending.
    edges : mapping of str to ndarray
        Patch of the cells on each border behind which the raster goes on, from 1 on.

    Returns
    -------
    BlockPatches
        The description.
    """
    touched = np.zeros(first.size + 1, dtype=bool)
    for edge in edges.values():
        touched[edge] = True
    touched[0] = False
    reached, order = touched[1:], np.cumsum(touched, dtype=np.int32)
    rows, columns = np.divmod(first, codes.shape[1])
    closed = np.bincount(rows[~reached], minlength=codes.shape[0])
    return BlockPatches(
        closed=closed.astype(np.int32),
        rows=rows[reached].astype(np.int32),
        columns=columns[reached].astype(np.int32),
        before=_rank_in_row(~reached, rows, closed)[reached].astype(np.int32),
        codes=codes.ravel()[first[reached]],
        edges={side: np.where(edge, order[edge], 0) for side, edge in edges.items()},
        all_rows=rows,
        reached=reached,
    )


def final_numbers(found: BlockPatches, answer: BlockNumbers) -> np.ndarray:
    """Give each patch of a block its number.

    Parameters
    ----------
    found : BlockPatches
        From :func:`describe_block`.
    answer : BlockNumbers
        From :func:`number_patches`.

    Returns
    -------
    ndarray, (patches + 1,), int32
        Number of each patch; the first element, for no patch, is 0.
    """
    counted = ~found.reached
    counted[found.reached] = answer.begins
    rows = found.all_rows
    rank = _rank_in_row(counted, rows, np.bincount(rows[counted], minlength=found.closed.size))
    names = np.zeros(rows.size + 1, dtype=np.int32)
    names[1:] = answer.base[rows] + rank
    names[1:][found.reached] = answer.names
    return names


def _rank_in_row(counted: np.ndarray, rows: np.ndarray, totals: np.ndarray) -> np.ndarray:
    """Return for each patch how many of those counted come before it in its row."""
    return np.cumsum(counted) - counted - (np.cumsum(totals) - totals)[rows]


def number_patches(
    records: Mapping[Index, BlockPatches], chunks: Chunks, *, diagonal: bool
) -> dict[Index, BlockNumbers]:
    """Join the patches that meet at the borders, and number them all.

    Parameters
    ----------
    records : mapping of index to BlockPatches
        Of all blocks.
    chunks : tuple
        Heights and widths of the blocks.
    diagonal : bool
        Whether cells that share only a corner meet.

    Returns
    -------
    dict of index to BlockNumbers
        For all blocks.

    Raises
    ------
    ParameterError
        If there are more patches than int32 holds.
    """
    order = sorted(records)
    offsets = dict(zip(order, _starts([records[i].rows.size for i in order]), strict=True))
    codes = np.concatenate([records[i].codes for i in order])
    tops, lefts = _starts(chunks[0]), _starts(chunks[1])
    width = int(sum(chunks[1]))
    cells = np.concatenate(
        [(records[i].rows + tops[i[0]]) * width + records[i].columns + lefts[i[1]] for i in order]
    )
    groups = _joined(codes.size, _meetings(records, offsets, chunks, codes, diagonal))
    earliest = np.full(codes.size, np.iinfo(np.int64).max)
    np.minimum.at(earliest, groups, cells)
    begins = cells == earliest[groups]
    own = {i: begins[offsets[i] : offsets[i] + records[i].rows.size] for i in order}
    base = _bases(records, own, chunks)
    names = np.empty(codes.size, dtype=np.int64)
    for i in order:
        rows, new = records[i].rows, own[i]
        rank = _rank_in_row(new, rows, np.bincount(rows[new], minlength=chunks[0][i[0]]))
        names[offsets[i] : offsets[i] + rows.size] = base[i][rows] + records[i].before + rank
    # A patch has the name that it gets in the block where it begins.
    named = np.zeros(codes.size, dtype=np.int64)
    named[groups[begins]] = names[begins]
    final = named[groups].astype(np.int32)
    return {
        i: BlockNumbers(base[i], final[offsets[i] : offsets[i] + own[i].size], own[i])
        for i in order
    }


def _starts(sizes: Any) -> np.ndarray:
    return np.cumsum([0, *sizes], dtype=np.int64)[:-1]


def _bases(
    records: Mapping[Index, BlockPatches], own: Mapping[Index, np.ndarray], chunks: Chunks
) -> dict[Index, np.ndarray]:
    """Return the number of the first patch that begins in each row of each block."""
    base: dict[Index, np.ndarray] = {}
    done = 1
    for down, height in enumerate(chunks[0]):
        counts = np.empty((height, len(chunks[1])), dtype=np.int64)
        for across in range(len(chunks[1])):
            record = records[down, across]
            new = record.rows[own[down, across]]
            counts[:, across] = record.closed + np.bincount(new, minlength=height)
        ends = np.cumsum(counts.ravel()).reshape(counts.shape)
        for across in range(len(chunks[1])):
            base[down, across] = done + ends[:, across] - counts[:, across]
        done += int(ends[-1, -1])
    if done - 1 > MOST:
        raise ParameterError(
            f"the raster has {done - 1} patches and int32 can number {MOST}: name the classes that "
            "matter, or label it on a coarser grid."
        )
    return base


def _meetings(
    records: Mapping[Index, BlockPatches],
    offsets: Mapping[Index, Any],
    chunks: Chunks,
    codes: np.ndarray,
    diagonal: bool,
) -> np.ndarray:
    """Return pairs (2, n) of open patches of one class that meet, each seam from end to end.

    A seam runs through the whole raster, so that the corners of four blocks need no care.
    """
    down, across = len(chunks[0]), len(chunks[1])

    def side(name: str, blocks: list[Index]) -> np.ndarray:
        parts = [(records[i].edges[name], offsets[i]) for i in blocks]
        return np.concatenate([np.where(edge > 0, edge + start - 1, -1) for edge, start in parts])

    seams = [
        (
            side("bottom", [(i, j) for j in range(across)]),
            side("top", [(i + 1, j) for j in range(across)]),
        )
        for i in range(down - 1)
    ]
    seams += [
        (
            side("right", [(i, j) for i in range(down)]),
            side("left", [(i, j + 1) for i in range(down)]),
        )
        for j in range(across - 1)
    ]
    pairs = [NOTHING]
    for one, other in seams:
        for shift in (-1, 0, 1) if diagonal else (0,):
            a = one[max(0, -shift) : one.size - max(0, shift)]
            b = other[max(0, shift) : other.size - max(0, -shift)]
            meet = (a >= 0) & (b >= 0)
            a, b = a[meet], b[meet]
            same = codes[a] == codes[b]
            pairs.append(np.unique(a[same] * codes.size + b[same]))
    return np.stack(np.divmod(np.concatenate(pairs), max(1, codes.size)))


def _joined(count: int, pairs: np.ndarray) -> np.ndarray:
    """Return the group of each of ``count`` patches when those of each pair are one."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    links = coo_array((np.ones(pairs.shape[1], dtype=bool), tuple(pairs)), shape=(count, count))
    return np.asarray(connected_components(links, directed=False)[1]) if count else NOTHING
