"""Sums and bounds of the patches of one block, run by run."""

from __future__ import annotations

import numpy as np
from numba import njit

SUMS = ("cells", "row_sum", "column_sum", "sides", "ends")
FIELDS = (*SUMS, "top", "left", "first", "bottom", "right")
CELLS, ROWS, COLUMNS, SIDES, ENDS, TOP, LEFT, FIRST, BOTTOM, RIGHT = range(len(FIELDS))
NORTH, SOUTH, WEST, EAST = 1, 2, 4, 8
"""Bits of a cell's borders to another patch, or to none: as :func:`border_bits` sets them."""


def border_bits(window: np.ndarray) -> np.ndarray:
    """Mark the sides on which a cell borders what is not its patch.

    Parameters
    ----------
    window : ndarray, (h + 2, w + 2)
        Labels, with one cell more on each side.

    Returns
    -------
    ndarray, (h, w), uint8
        Sum of ``NORTH``, ``SOUTH``, ``WEST`` and ``EAST``.
    """
    out = np.empty((window.shape[0] - 2, window.shape[1] - 2), dtype=np.uint8)
    _borders(window, out)
    return out


@njit(nogil=True, cache=True)
def _borders(window, out):  # type: ignore[no-untyped-def]
    for i in range(out.shape[0]):
        above, row, below = window[i], window[i + 1], window[i + 2]
        for j in range(out.shape[1]):
            label = row[j + 1]
            out[i, j] = (
                NORTH * (above[j + 1] != label)
                + SOUTH * (below[j + 1] != label)
                + WEST * (row[j] != label)
                + EAST * (row[j + 2] != label)
            )


def patch_runs(labels: np.ndarray, none: int) -> np.ndarray:
    """Return the label of each run of cells, row by row.

    Parameters
    ----------
    labels : ndarray, (h, w), int32 or int64
        Patch of each cell, 0 for none.
    none : int
        Another label that means none.

    Returns
    -------
    ndarray, (runs,)
        Labels; a run of no patch is left out.
    """
    runs = np.empty(labels.size, dtype=labels.dtype)
    return runs[: _runs(labels, none, runs)].copy()


@njit(nogil=True, cache=True)
def _runs(labels, none, runs):  # type: ignore[no-untyped-def]
    count = 0
    for i in range(labels.shape[0]):
        last = labels[i, 0] * 0
        for j in range(labels.shape[1]):
            label = labels[i, j]
            if label != last and label != 0 and label != none:
                runs[count] = label
                count += 1
            last = label
    return count


def patch_sums(
    labels: np.ndarray,
    borders: np.ndarray,
    position: np.ndarray,
    window: tuple[int, int, int],
    lengths: np.ndarray,
    count: int,
    none: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Sum up the patches of a block.

    Parameters
    ----------
    labels : ndarray, (h, w), int32 or int64
        Patch of each cell.
    borders : ndarray, (h, w), uint8
        From :func:`border_bits`.
    position : ndarray, (runs,), int64
        Where the patch of each run of :func:`patch_runs` stands in the result.
    window : tuple of int
        Row and column of the block's first cell in the raster, and the raster's width.
    lengths : ndarray, (h, 4), float64
        For each row: area of a cell, and the lengths of its upper, lower and upright sides.
    count : int
        Number of patches.
    none : int
        As in :func:`patch_runs`.

    Returns
    -------
    fields : ndarray, (count, 10), int64
        ``FIELDS``: cells, sums of their rows and columns, upright and level sides that are border,
        extreme rows and columns, and the first cell, counted along the rows of the raster.
    measures : ndarray, (count, 2), float64
        Area and perimeter.
    """
    fields, measures = _no_patches(count), np.zeros((count, 2))
    _sums(labels, borders, position, *window, lengths, none, fields, measures)
    return fields, measures


def _no_patches(count: int) -> np.ndarray:
    fields = np.zeros((count, len(FIELDS)), dtype=np.int64)
    fields[:, TOP : FIRST + 1] = np.iinfo(np.int64).max
    fields[:, BOTTOM:] = -1
    return fields


@njit(nogil=True, cache=True)
def _sums(  # type: ignore[no-untyped-def]
    labels, borders, position, top, left, across, lengths, none, fields, measures
):
    height, width = labels.shape
    run = 0
    for i in range(height):
        j = 0
        while j < width:
            label = labels[i, j]
            if label == 0 or label == none:
                j += 1
                continue
            begin = j
            north, south, upright = 0, 0, 0
            while j < width and labels[i, j] == label:
                bits = borders[i, j]
                north += bits & 1
                south += (bits >> 1) & 1
                upright += ((bits >> 2) & 1) + (bits >> 3)
                j += 1
            field, measure = fields[position[run]], measures[position[run]]
            run += 1
            cells, row, column = j - begin, top + i, left + begin
            last = left + j - 1
            field[CELLS] += cells
            field[ROWS] += cells * row
            field[COLUMNS] += cells * (column + last) // 2
            field[SIDES] += upright
            field[ENDS] += north + south
            field[TOP] = min(field[TOP], row)
            field[BOTTOM] = max(field[BOTTOM], row)
            field[LEFT] = min(field[LEFT], column)
            field[RIGHT] = max(field[RIGHT], last)
            field[FIRST] = min(field[FIRST], row * across + column)
            measure[0] += cells * lengths[i, 0]
            measure[1] += north * lengths[i, 1] + south * lengths[i, 2] + upright * lengths[i, 3]


def merge_fields(fields: np.ndarray, position: np.ndarray, count: int) -> np.ndarray:
    """Merge the fields of several blocks.

    Parameters
    ----------
    fields : ndarray, (n, 10), int64
        From :func:`patch_sums`, block after block.
    position : ndarray, (n,)
        Where each belongs.
    count : int
        Number of patches.

    Returns
    -------
    ndarray, (count, 10), int64
        Fields of the union.
    """
    out = _no_patches(count)
    for columns, merge in (
        (slice(0, len(SUMS)), np.add),
        (slice(TOP, FIRST + 1), np.minimum),
        (slice(BOTTOM, RIGHT + 1), np.maximum),
    ):
        merge.at(out[:, columns], position, fields[:, columns])
    return out
