"""Streams of a flow that divides: what outlets reach upwards, and what joins it from above.

Arrays are windows as in ``multiple_flow``. Both passes only ever raise a mark where a neighbour's
is raised, so that their fixed points do not depend on the order of cells.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from mineeco_xr.kernels.flow_direction import offsets

NONE, STRONG, WEAK, STRONG_REACHED, WEAK_REACHED, WEAK_KEPT = range(6)
"""Below the trace threshold; at least the threshold; between; and what was found of them."""


def classify_cells(sums: np.ndarray, threshold: float, trace: float) -> np.ndarray:
    """Return the first state of cells.

    Parameters
    ----------
    sums : ndarray, (h + 2, w + 2), float
        Flow accumulation; NaN is nodata.
    threshold, trace : float
        Of streams, and of cells that may join two of them.

    Returns
    -------
    ndarray, (h + 2, w + 2), uint8
        ``STRONG``, ``WEAK`` or ``NONE``.
    """
    state = np.zeros(sums.shape, dtype=np.uint8)
    state[sums >= trace] = WEAK
    state[sums >= threshold] = STRONG
    return state


def reach_upstream(
    packed: np.ndarray,
    state: np.ndarray,
    outlets: np.ndarray,
    arrived: np.ndarray | None = None,
) -> None:
    """Mark the cells from which flow reaches an outlet through streams, in place.

    Parameters
    ----------
    packed : ndarray, (h + 2, w + 2), uint32
        Packed weights.
    state : ndarray, (h + 2, w + 2), uint8
        From :func:`classify_cells`; marks around the block are taken from its neighbours.
    outlets : ndarray of bool, (h + 2, w + 2)
        Nodata and cells outside the raster: a strong cell that flows there is an outlet.
    arrived : ndarray of int64, optional
        Cells around the block that were marked since; default: the first call, all are looked at.
    """
    first, marked = arrived is None, np.empty(0, dtype=np.int64) if arrived is None else arrived
    around = offsets(state.shape[1])
    _reach(packed.ravel(), around, outlets.ravel(), state.shape, state, marked, first)


@njit(nogil=True, cache=True)
def _reach(packed, around, beyond, shape, state2d, arrived, first):  # type: ignore[no-untyped-def]
    state = state2d.ravel()
    rows, columns = shape
    stack = np.empty(state.size, dtype=np.int64)
    top = arrived.size
    stack[:top] = arrived
    for i in range(rows if first else 0):
        inside = 0 < i < rows - 1
        for j in range(columns):
            cell = i * columns + j
            if state[cell] == STRONG_REACHED or state[cell] == WEAK_REACHED:
                stack[top] = cell
                top += 1
                continue
            if not (state[cell] == STRONG and inside and 0 < j < columns - 1):
                continue
            if _drains_out(packed, around, beyond, cell):
                state[cell] = STRONG_REACHED
                stack[top] = cell
                top += 1
    while top > 0:
        top -= 1
        cell = stack[top]
        for k in range(8):
            giver = cell + around[k]
            i, j = giver // columns, giver % columns
            if not (0 < i < rows - 1 and 0 < j < columns - 1):
                continue
            if state[giver] != STRONG and state[giver] != WEAK:
                continue
            if (np.int64(packed[giver]) >> (4 * ((k + 4) & 7))) & 15:
                state[giver] += np.uint8(STRONG_REACHED - STRONG)
                stack[top] = giver
                top += 1


def keep_downstream(
    packed: np.ndarray, state: np.ndarray, arrived: np.ndarray | None = None
) -> None:
    """Keep the weak cells that a stream flows into, directly or through such cells, in place.

    Parameters
    ----------
    packed : ndarray, (h + 2, w + 2), uint32
        Packed weights.
    state : ndarray, (h + 2, w + 2), uint8
        As :func:`reach_upstream` left it everywhere; marks around the block included.
    arrived : ndarray of int64, optional
        Cells around the block that were marked since; default: the first call, all are looked at.
    """
    first, marked = arrived is None, np.empty(0, dtype=np.int64) if arrived is None else arrived
    _keep(packed.ravel(), offsets(state.shape[1]), state.shape, state, marked, first)


@njit(nogil=True, cache=True)
def _keep(packed, around, shape, state2d, arrived, first):  # type: ignore[no-untyped-def]
    state = state2d.ravel()
    rows, columns = shape
    stack = np.empty(state.size, dtype=np.int64)
    top = arrived.size
    stack[:top] = arrived
    for cell in range(state.size if first else 0):
        if state[cell] == STRONG_REACHED or state[cell] == WEAK_KEPT:
            stack[top] = cell
            top += 1
    while top > 0:
        top -= 1
        cell = stack[top]
        for k in range(8):
            if (np.int64(packed[cell]) >> (4 * k)) & 15 == 0:
                continue
            receiver = cell + around[k]
            i, j = receiver // columns, receiver % columns
            if 0 < i < rows - 1 and 0 < j < columns - 1 and state[receiver] == WEAK_REACHED:
                state[receiver] = WEAK_KEPT
                stack[top] = receiver
                top += 1


def trace_in_order(
    packed: np.ndarray,
    state: np.ndarray,
    outlets: np.ndarray,
    tile: int,
    corner: tuple[int, int] = (0, 0),
) -> None:
    """Trace streams cell by cell in the order of pygeoprocessing, in place.

    Parameters
    ----------
    packed : ndarray, (h + 2, w + 2), uint32
        Packed weights.
    state : ndarray, (h + 2, w + 2), uint8
        From :func:`classify_cells`.
    outlets : ndarray of bool, (h + 2, w + 2)
        Nodata and cells outside the raster.
    tile : int
        Side of the tiles in whose order outlets are met.
    corner : tuple of int
        Row and column of the raster at which a tile begins.

    Notes
    -----
    A queue of cells is followed upstream, and each stream cell it meets joins the weak cells met
    before it. A weak cell met after all streams above it is therefore left out.
    """
    around = offsets(state.shape[1])
    # The tile that holds the first cell begins at or before it, in the window's frame.
    first = tuple((place % tile - tile if place % tile else 0) + 1 for place in corner)
    _trace_in_order(
        packed.ravel(), around, outlets.ravel(), state.shape, tile, first, state.ravel()
    )


@njit(nogil=True, cache=True)
def _trace_in_order(packed, around, outlets, shape, tile, first, state):  # type: ignore[no-untyped-def]
    rows, columns = shape
    queue = np.empty(state.size, dtype=np.int64)
    joining = np.empty(state.size, dtype=np.int64)
    head, tail = 0, 0
    across = (columns - 2 - first[1]) // tile + 1
    for number in range(((rows - 2 - first[0]) // tile + 1) * across):
        top, left = number // across * tile + first[0], number % across * tile + first[1]
        for i in range(max(top, 1), min(top + tile, rows - 1)):
            for j in range(max(left, 1), min(left + tile, columns - 1)):
                root = i * columns + j
                if state[root] != STRONG or not _drains_out(packed, around, outlets, root):
                    continue
                state[root] = STRONG_REACHED
                queue[tail] = root
                tail += 1
                while head < tail:
                    cell = queue[head]
                    head += 1
                    for k in range(8):
                        giver = cell + around[k]
                        found = state[giver]
                        if found != STRONG and found != WEAK:
                            continue
                        if (np.int64(packed[giver]) >> (4 * ((k + 4) & 7))) & 15 == 0:
                            continue
                        state[giver] += np.uint8(STRONG_REACHED - STRONG)
                        queue[tail] = giver
                        tail += 1
                        if found == STRONG:
                            _join(packed, around, joining, giver, state)


@njit(nogil=True, cache=True)
def _drains_out(packed, around, outlets, cell):  # type: ignore[no-untyped-def]
    for k in range(8):  # noqa: SIM110  numba does not compile any()
        if (np.int64(packed[cell]) >> (4 * k)) & 15 and outlets[cell + around[k]]:
            return True
    return False


@njit(nogil=True, cache=True)
def _join(packed, around, queue, start, state):  # type: ignore[no-untyped-def]
    queue[0] = start
    head, tail = 0, 1
    while head < tail:
        cell = queue[head]
        head += 1
        for k in range(8):
            receiver = cell + around[k]
            if (np.int64(packed[cell]) >> (4 * k)) & 15 and state[receiver] == WEAK_REACHED:
                state[receiver] = WEAK_KEPT
                queue[tail] = receiver
                tail += 1
