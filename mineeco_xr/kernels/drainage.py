"""One receiver a cell: sums along the flow, sums to where it ends, and the end itself.

Directions are 0 east, 1 north-east and on, counter-clockwise to 7 south-east. A block is first made
self-contained by :func:`closed_codes`, after which no walk leaves it.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from mineeco_xr.errors import SchemaError
from mineeco_xr.kernels.flow_direction import COLUMNS, ROWS, offsets

EXIT, STOP, NODATA = 253, 254, 255
"""Codes beside the directions: flow leaves the block, flow ends here, no cell."""
UNSEEN, ON_PATH = -1, -2


def closed_codes(direction: np.ndarray, stops: np.ndarray | None = None) -> np.ndarray:
    """Return the directions of a block with its ends marked.

    Parameters
    ----------
    direction : ndarray, (h, w), uint8
        Directions, 255 for nodata.
    stops : ndarray, (h, w), bool, optional
        Cells where flow ends, nodata or not.

    Returns
    -------
    ndarray, (h, w), uint8
        ``STOP`` at stops, ``EXIT`` where a border cell's flow leaves the block.
    """
    codes = direction.copy()
    if stops is not None:
        codes[stops] = STOP
    for side, leaving in (
        (codes[0], (1, 2, 3)),
        (codes[-1], (5, 6, 7)),
        (codes[:, 0], (3, 4, 5)),
        (codes[:, -1], (0, 1, 7)),
    ):
        side[np.isin(side, leaving)] = EXIT
    return codes


def accumulate(codes: np.ndarray, values: np.ndarray) -> None:
    """Sum values down the flow within a block, in place.

    Parameters
    ----------
    codes : ndarray, (h, w), uint8
        From :func:`closed_codes`.
    values : ndarray, (h, w), float64
        Own values, on return the sums with all that is upstream; NaN at nodata.

    Raises
    ------
    SchemaError
        If flow runs in a circle, or a code is none of the directions.
    """
    cell = _accumulate(codes.ravel(), offsets(codes.shape[1]), values.ravel())
    refuse(codes, cell)


@njit(nogil=True, cache=True)
def _accumulate(codes, around, values):  # type: ignore[no-untyped-def]
    done = np.uint8(255)
    pending = np.zeros(codes.size, dtype=np.uint8)
    for cell in range(codes.size):
        code = codes[cell]
        if code < 8:
            pending[cell + around[code]] += np.uint8(1)
    for start in range(codes.size):
        if pending[start] != 0:
            continue
        cell = start
        while True:
            pending[cell] = done
            code = codes[cell]
            if code > 7:
                break
            total = values[cell]
            cell += around[code]
            values[cell] += total
            pending[cell] -= np.uint8(1)
            if pending[cell] != 0:
                break
    for cell in range(codes.size):
        code = codes[cell]
        if code == NODATA:
            values[cell] = np.nan
        elif pending[cell] != done or 7 < code < EXIT:
            return cell
    return -1


def downstream_sums(
    codes: np.ndarray,
    lengths: np.ndarray,
    weights: np.ndarray | None,
    beyond: np.ndarray,
    *,
    starts: np.ndarray | None = None,
) -> np.ndarray:
    """Sum the steps of the way down from each cell to a stop.

    Parameters
    ----------
    codes : ndarray, (h, w), uint8
        From :func:`closed_codes`.
    lengths : ndarray, (8,), float64
        Length of a step in each direction.
    weights : ndarray, (h, w), float64, optional
        Factor of the step out of each cell, not negative.
    beyond : ndarray, (p,), float64
        Sums of the border cells whose flow leaves the block, in the order of ``perimeter_cells``;
        those of other cells do not count.
    starts : ndarray of int64, optional
        Cells wanted; default all. Those on their ways are found too, others are negative.

    Returns
    -------
    ndarray, (h, w), float64
        The sums; NaN where no stop is reached.

    Raises
    ------
    SchemaError
        If flow runs in a circle, or a code is none of the directions.
    """
    from mineeco_xr.kernels.perimeter import perimeter_cells

    sums = np.full(codes.size, float(UNSEEN))
    flat = np.empty(0) if weights is None else weights.ravel()
    border = perimeter_cells((codes.shape[0], codes.shape[1]))
    sums[border] = np.where(codes.ravel()[border] == EXIT, beyond, UNSEEN)
    wanted = np.empty(0, dtype=np.int64) if starts is None else starts
    cell = _downstream(codes.ravel(), offsets(codes.shape[1]), lengths, flat, wanted, sums)
    refuse(codes, cell)
    return sums.reshape(codes.shape)


@njit(nogil=True, cache=True)
def _downstream(codes, around, lengths, weights, starts, sums):  # type: ignore[no-untyped-def]
    # Memory is only taken for the longest path: pages that are never written cost nothing.
    path = np.empty(codes.size, dtype=np.int64)
    for number in range(starts.size if starts.size else codes.size):
        cell = starts[number] if starts.size else number
        top = 0
        while sums[cell] == UNSEEN:
            code = codes[cell]
            if code > 7:
                if code < EXIT:
                    return cell
                sums[cell] = 0.0 if code == STOP else np.nan
                break
            after = cell + around[code]
            if codes[after] == NODATA:
                sums[cell] = np.nan
                break
            sums[cell] = ON_PATH
            path[top] = cell
            top += 1
            cell = after
        if sums[cell] == ON_PATH:
            return cell
        total = sums[cell]
        while top > 0:
            top -= 1
            cell = path[top]
            step = lengths[codes[cell]]
            total += step * weights[cell] if weights.size else step
            sums[cell] = total
    return -1


def flow_ends(
    codes: np.ndarray, labels: np.ndarray, *, starts: np.ndarray | None = None, own: bool = False
) -> None:
    """Give each cell the label of the cell where its flow ends, in place.

    Parameters
    ----------
    codes : ndarray, (h, w), uint8
        From :func:`closed_codes`.
    labels : ndarray, (h, w), int32
        Labels of ends, ``UNSEEN`` elsewhere. An end without a label gets 0, or its own position
        with ``own``.
    starts : ndarray of int64, optional
        Cells wanted; default all. Others may stay ``UNSEEN``.
    own : bool
        See ``labels``.

    Raises
    ------
    SchemaError
        If flow runs in a circle, or a code is none of the directions.
    """
    wanted = np.empty(0, dtype=np.int64) if starts is None else starts
    cell = _ends(codes.ravel(), offsets(codes.shape[1]), wanted, own, labels.ravel())
    refuse(codes, cell)


@njit(nogil=True, cache=True)
def _ends(codes, around, starts, own, labels):  # type: ignore[no-untyped-def]
    for number in range(starts.size if starts.size else codes.size):
        start = starts[number] if starts.size else number
        cell = start
        while labels[cell] == UNSEEN:
            code = codes[cell]
            if code > 7:
                if code < EXIT:
                    return cell
                labels[cell] = cell if own and code != NODATA else 0
                break
            after = cell + around[code]
            if codes[after] == NODATA:
                labels[cell] = cell if own else 0
                break
            labels[cell] = ON_PATH
            cell = after
        label = labels[cell]
        if label == ON_PATH:
            return cell
        # The way is walked again instead of being remembered: it is still in the cache.
        cell = start
        while labels[cell] == ON_PATH:
            labels[cell] = label
            cell += around[codes[cell]]
    return -1


def number_outlets(window: np.ndarray, first: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Give numbers to the cells of a block whose flow leaves the data, row by row, in place.

    Parameters
    ----------
    window : ndarray, (h + 2, w + 2), uint8
        Directions of the block and of the cells around it; 255 outside the raster.
    first : ndarray, (h,), int64
        Number before the first of each row.
    labels : ndarray, (h, w), int32
        Gets the numbers at outlets.

    Returns
    -------
    ndarray, (h,), int64
        How many outlets each row has.
    """
    counts = np.zeros(labels.shape[0], dtype=np.int64)
    _number_outlets(window, first, labels, counts)
    return counts


@njit(nogil=True, cache=True)
def _number_outlets(window, first, labels, counts):  # type: ignore[no-untyped-def]
    for i in range(labels.shape[0]):
        for j in range(labels.shape[1]):
            code = window[i + 1, j + 1]
            if code < 8 and window[i + 1 + ROWS[code], j + 1 + COLUMNS[code]] == NODATA:
                counts[i] += 1
                labels[i, j] = first[i] + counts[i]


def refuse(codes: np.ndarray, cell: int) -> None:
    """Raise what is wrong with a cell that a kernel returned, if it is one."""
    if cell < 0:
        return
    code = int(codes.ravel()[cell])
    if 7 < code < EXIT:
        raise SchemaError(
            f"the flow direction holds the code {code}; expected 0 (east) to 7 (south-east), "
            "counter-clockwise, and 255 for nodata. Make it with mineeco_xr.flow_direction."
        )
    raise circle_error()


def circle_error() -> SchemaError:
    """Return the error of a direction raster in which flow does not end."""
    return SchemaError(
        "flow runs in a circle in the flow direction; expected every path to end. Fill the "
        "elevation with mineeco_xr.fill_pits, then make it with mineeco_xr.flow_direction."
    )
