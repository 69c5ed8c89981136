"""Flow of which each cell keeps a share: what passes on, and what stays.

A cell hands on ``weight + (1 - share) * inflow`` and keeps ``share * inflow``. Both come to stand
where the weights and the shares were, so that no array is held beside them. A cell without a
weight, a share or a direction has the share NaN: it keeps nothing and hands nothing on.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from mineeco_xr.errors import ParameterError
from mineeco_xr.kernels.drainage import EXIT, NODATA, ON_PATH, UNSEEN, circle_error, refuse
from mineeco_xr.kernels.flow_direction import offsets
from mineeco_xr.kernels.multiple_flow import DONE, release_downstream, sum_of_shares


def open_cells(direction: np.ndarray, nodata: int, weights: np.ndarray, shares: np.ndarray) -> None:
    """Give cells without a weight, a share or a direction the weight 0 and the share NaN, in place.

    Parameters
    ----------
    direction : ndarray, (h, w), uint8 or uint32
        Directions or packed weights.
    nodata : int
        What means none.
    weights, shares : ndarray, (h, w), float64
        NaN is nodata.

    Raises
    ------
    ParameterError
        If a weight is negative or infinite, or a share outside 0..1.
    """
    least, most, lowest, highest = _open_cells(
        direction.ravel(), nodata, weights.ravel(), shares.ravel()
    )
    if least < 0 or most == np.inf:
        raise ParameterError(
            f"weights of flow_retention go from {least:.6g} to {most:.6g}; expected finite ones of "
            "0 or more. Negative weights have no meaning along a flow: clip them, or run their "
            "positive and negative parts."
        )
    if lowest < 0 or highest > 1:
        raise ParameterError(
            f"retained of flow_retention goes from {lowest:.6g} to {highest:.6g}; expected the "
            "share of the inflow that a cell keeps, 0 to 1. Divide by its maximum, or clip it."
        )


@njit(nogil=True, cache=True)
def _open_cells(direction, nodata, weights, shares):  # type: ignore[no-untyped-def]
    least, most, lowest, highest = 0.0, 0.0, 0.0, 0.0
    for cell in range(direction.size):
        weight, share = weights[cell], shares[cell]
        least, most = min(least, weight), max(most, weight)
        lowest, highest = min(lowest, share), max(highest, share)
        if direction[cell] == nodata or weight != weight or share != share:
            weights[cell] = 0.0
            shares[cell] = np.nan
    return least, most, lowest, highest


def retain(codes: np.ndarray, weights: np.ndarray, shares: np.ndarray, inflow: np.ndarray) -> None:
    """Lead flow with one receiver a cell through a block, in place.

    Parameters
    ----------
    codes : ndarray, (h, w), uint8
        From ``drainage.closed_codes``.
    weights : ndarray, (h, w), float64
        From :func:`open_cells`; on return what cells hand on, NaN at nodata.
    shares : ndarray, (h, w), float64
        From :func:`open_cells`; on return what cells keep.
    inflow : ndarray, (h, w), float64
        What enters from outside the block; on return all that enters each cell.

    Raises
    ------
    SchemaError
        If flow runs in a circle, or a code is none of the directions.
    """
    around = offsets(codes.shape[1])
    refuse(codes, _retain(codes.ravel(), around, weights.ravel(), shares.ravel(), inflow.ravel()))


@njit(nogil=True, cache=True)
def _retain(codes, around, weights, shares, inflow):  # type: ignore[no-untyped-def]
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
            code, share, outflow = codes[cell], shares[cell], 0.0
            if share == share:
                entered = inflow[cell]
                outflow = (1.0 - share) * entered + weights[cell]
                weights[cell] = outflow
                shares[cell] = share * entered
            if code > 7:
                break
            cell += around[code]
            inflow[cell] += outflow
            pending[cell] -= np.uint8(1)
            if pending[cell] != 0:
                break
    for cell in range(codes.size):
        code = codes[cell]
        if code != NODATA and (pending[cell] != done or 7 < code < EXIT):
            return cell
        if shares[cell] != shares[cell]:
            weights[cell] = np.nan
    return -1


def passed_through(codes: np.ndarray, shares: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Multiply what is handed on along the way from some cells to where it leaves the block.

    Parameters
    ----------
    codes : ndarray, (h, w), uint8
        From ``drainage.closed_codes``.
    shares : ndarray, (h, w), float64
        From :func:`open_cells`.
    starts : ndarray of int64
        Cells wanted.

    Returns
    -------
    ndarray, like ``starts``
        Of one unit that enters there, what is left behind the last cell of the way, that cell and
        the first included.

    Raises
    ------
    SchemaError
        If flow runs in a circle.
    """
    left = np.full(codes.size, float(UNSEEN))
    if _passed_through(codes.ravel(), offsets(codes.shape[1]), shares.ravel(), starts, left) >= 0:
        raise circle_error()
    return left[starts]


@njit(nogil=True, cache=True)
def _passed_through(codes, around, shares, starts, left):  # type: ignore[no-untyped-def]
    path = np.empty(codes.size, dtype=np.int64)
    for start in starts:
        cell = start
        top = 0
        while left[cell] == UNSEEN:
            path[top] = cell
            top += 1
            if codes[cell] > 7:
                break
            left[cell] = ON_PATH
            cell += around[codes[cell]]
        if left[cell] == ON_PATH:
            return cell
        total = 1.0 if left[cell] == UNSEEN else left[cell]
        while top > 0:
            top -= 1
            share = shares[path[top]]
            total *= 1.0 - share if share == share else 0.0
            left[path[top]] = total
    return -1


def retain_window(
    packed: np.ndarray,
    weights: np.ndarray,
    shares: np.ndarray,
    pending: np.ndarray,
    arrived: np.ndarray | None = None,
    *,
    single: bool = False,
) -> None:
    """Lead flow with many receivers a cell as far as this window allows, in place.

    Parameters
    ----------
    packed : ndarray, (h + 2, w + 2), uint32
        Packed weights.
    weights : ndarray, (h + 2, w + 2), float64
        From :func:`open_cells`; where cells are final, here and around the block, what they hand
        on, 0 at nodata.
    shares : ndarray, (h + 2, w + 2), float64
        From :func:`open_cells`; where cells are final what they keep.
    pending : ndarray, (h + 2, w + 2), int8
        From ``multiple_flow.count_upstream``, then as left by the call before.
    arrived : ndarray of int64, optional
        Cells around the block that became final since; default: the first call, none.
    single : bool
        Round the part of its flow that a cell sends to a receiver to float32, as InVEST does.
    """
    first = arrived is None
    ready = np.empty(0, dtype=np.int64) if arrived is None else arrived
    flat = (array.ravel() for array in (weights, shares, pending))
    _retain_window(packed.ravel(), offsets(packed.shape[1]), *flat, ready, first, single)


@njit(nogil=True, cache=True)
def _retain_window(  # type: ignore[no-untyped-def]
    packed, around, weights, shares, pending, arrived, first, single
):
    # A cell enters once, so that this cannot overflow; pages that are never written cost nothing.
    stack = np.empty(packed.size, dtype=np.int64)
    top = 0
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
            share = shares[cell]
            if share == share:
                entered = 0.0
                for k in range(8):
                    giver = cell + around[k]
                    code = np.int64(packed[giver])
                    part = (code >> (4 * ((k + 4) & 7))) & 15
                    if part != 0 and single:
                        rounded = np.float32(part) / np.float32(sum_of_shares(code))
                        entered += weights[giver] * np.float64(rounded)
                    elif part != 0:
                        entered += weights[giver] * part / sum_of_shares(code)
                weights[cell] += (1.0 - share) * entered
                shares[cell] = share * entered
            top = release_downstream(packed, around, pending, stack, top, cell)
