"""Many receivers a cell: sums along a flow that divides, a block at a time, each cell once.

A cell is computed when all that it depends on is final (Kahn 1962), and by pulling from its
neighbours in the order of the directions. So the bits of the result depend neither on the order in
which cells become ready nor on where a raster is cut into blocks.

Weights are packed as InVEST packs them: 4 bits a direction, direction ``k`` at bit ``4 k``. Arrays
are windows: a block with one cell around it, flat and row-major.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from mineeco_xr.kernels.flow_direction import COLUMNS, ROWS, offsets

DONE, NEVER = -1, 100
"""States beside the number of neighbours that are waited for: final, or not to be computed."""


def count_upstream(packed: np.ndarray) -> np.ndarray:
    """Count the neighbours that flow into each cell.

    Parameters
    ----------
    packed : ndarray, (h + 2, w + 2), uint32
        Packed weights, 0 for nodata and outside the raster.

    Returns
    -------
    ndarray, (h + 2, w + 2), int8
        Counts; ``NEVER`` at nodata and around the block.
    """
    pending = np.full(packed.shape, NEVER, dtype=np.int8)
    _count(packed, True, pending)
    return pending


def count_downstream(packed: np.ndarray) -> np.ndarray:
    """Count the neighbours that each cell flows into and that flow on themselves.

    Parameters
    ----------
    packed : ndarray, (h + 2, w + 2), uint32
        Packed weights, 0 for nodata, ends of flow and outside the raster.

    Returns
    -------
    ndarray, (h + 2, w + 2), int8
        Counts; ``NEVER`` where nothing flows on and around the block.
    """
    pending = np.full(packed.shape, NEVER, dtype=np.int8)
    _count(packed, False, pending)
    return pending


@njit(nogil=True, cache=True)
def _count(packed, upstream, pending):  # type: ignore[no-untyped-def]
    for i in range(1, packed.shape[0] - 1):
        for j in range(1, packed.shape[1] - 1):
            own = packed[i, j]
            if own == 0:
                continue
            count = 0
            for k in range(8):
                other = packed[i + ROWS[k], j + COLUMNS[k]]
                if upstream:
                    count += (other >> np.uint32(4 * ((k + 4) & 7))) & np.uint32(15) != 0
                else:
                    count += other != 0 and (own >> np.uint32(4 * k)) & np.uint32(15) != 0
            pending[i, j] = count


def accumulate_window(
    packed: np.ndarray, values: np.ndarray, pending: np.ndarray, arrived: np.ndarray | None = None
) -> int:
    """Sum values down the flow as far as this window allows, in place.

    Parameters
    ----------
    packed : ndarray, (h + 2, w + 2), uint32
        Packed weights.
    values : ndarray, (h + 2, w + 2), float64
        Own values of cells; sums of those that are final, here and around the block.
    pending : ndarray, (h + 2, w + 2), int8
        From :func:`count_upstream`, then as left by the call before.
    arrived : ndarray of int64, optional
        Cells around the block that became final since; default: the first call, none.

    Returns
    -------
    int
        How many cells became final.
    """
    around = offsets(packed.shape[1])
    first = arrived is None
    ready = np.empty(0, dtype=np.int64) if arrived is None else arrived
    return _accumulate(packed.ravel(), around, values.ravel(), pending.ravel(), ready, first)


@njit(nogil=True, cache=True)
def _accumulate(packed, around, values, pending, arrived, first):  # type: ignore[no-untyped-def]
    # A cell enters once, so that this cannot overflow; pages that are never written cost nothing.
    stack = np.empty(packed.size, dtype=np.int64)
    top, count = 0, 0
    for cell in arrived:
        top = release_downstream(packed, around, pending, stack, top, cell)
    for start in range(packed.size if first else 1):
        if first and pending[start] == 0:
            stack[top] = start
            top += 1
        while top > 0:
            top -= 1
            cell = stack[top]
            pending[cell] = DONE
            count += 1
            total = values[cell]
            for k in range(8):
                giver = cell + around[k]
                code = np.int64(packed[giver])
                share = (code >> (4 * ((k + 4) & 7))) & 15
                if share != 0:
                    total += values[giver] * share / sum_of_shares(code)
            values[cell] = total
            top = release_downstream(packed, around, pending, stack, top, cell)
    return count


@njit(nogil=True, cache=True)
def release_downstream(packed, around, pending, stack, top, cell):  # type: ignore[no-untyped-def]
    """Put on the stack which receivers of a final cell wait for no other; return its new top."""
    code = np.int64(packed[cell])
    for k in range(8):
        if (code >> (4 * k)) & 15:
            receiver = cell + around[k]
            if 0 <= receiver < pending.size and pending[receiver] != NEVER:
                pending[receiver] -= 1
                if pending[receiver] == 0:
                    stack[top] = receiver
                    top += 1
    return top


@njit(nogil=True, cache=True)
def sum_of_shares(code):  # type: ignore[no-untyped-def]
    """Add the eight 4-bit numbers: pairs in each byte, then the bytes by one multiplication."""
    pairs = (code & 0x0F0F0F0F) + ((code >> 4) & 0x0F0F0F0F)
    return ((pairs * 0x01010101) >> 24) & 0xFF


def descend_window(
    packed: np.ndarray,
    lengths: np.ndarray,
    weights: np.ndarray | None,
    values: np.ndarray,
    pending: np.ndarray,
    arrived: np.ndarray | None = None,
) -> int:
    """Average the ways down to the ends of flow as far as this window allows, in place.

    Parameters
    ----------
    packed : ndarray, (h + 2, w + 2), uint32
        Packed weights; 0 where flow ends.
    lengths : ndarray, (8,), float64
        Length of a step in each direction.
    weights : ndarray, (h + 2, w + 2), float64, optional
        Factor of the steps into each cell.
    values : ndarray, (h + 2, w + 2), float64
        0 at ends that count, NaN elsewhere; averages of those that are final.
    pending : ndarray, (h + 2, w + 2), int8
        From :func:`count_downstream`, then as left by the call before.
    arrived : ndarray of int64, optional
        Cells around the block that became final since; default: the first call, none.

    Returns
    -------
    int
        How many cells became final.
    """
    first = arrived is None
    ready = np.empty(0, dtype=np.int64) if arrived is None else arrived
    flat = np.empty(0) if weights is None else weights.ravel()
    around = offsets(packed.shape[1])
    return _descend(
        packed.ravel(), around, lengths, flat, values.ravel(), pending.ravel(), ready, first
    )


@njit(nogil=True, cache=True)
def _descend(packed, around, lengths, weights, values, pending, arrived, first):  # type: ignore[no-untyped-def]
    stack = np.empty(packed.size, dtype=np.int64)
    top, count = 0, 0
    for cell in arrived:
        top = _release_upstream(packed, around, pending, stack, top, cell)
    for start in range(packed.size if first else 1):
        if first and pending[start] == 0:
            stack[top] = start
            top += 1
        while top > 0:
            top -= 1
            cell = stack[top]
            pending[cell] = DONE
            count += 1
            code = np.int64(packed[cell])
            shares, total = np.int64(0), 0.0
            for k in range(8):
                share = (code >> (4 * k)) & 15
                if share == 0:
                    continue
                receiver = cell + around[k]
                if values[receiver] == values[receiver]:
                    step = lengths[k]
                    if weights.size:
                        step *= weights[receiver]
                    shares += share
                    total += share * (step + values[receiver])
            values[cell] = total / shares if shares else np.nan
            top = _release_upstream(packed, around, pending, stack, top, cell)
    return count


@njit(nogil=True, cache=True)
def _release_upstream(packed, around, pending, stack, top, cell):  # type: ignore[no-untyped-def]
    for k in range(8):
        giver = cell + around[k]
        if not (0 <= giver < pending.size) or pending[giver] == NEVER:
            continue
        if (np.int64(packed[giver]) >> (4 * ((k + 4) & 7))) & 15:
            pending[giver] -= 1
            if pending[giver] == 0:
                stack[top] = giver
                top += 1
    return top
