"""Many receivers a cell: several sums down the same flow at once, as in ``multiple_flow``."""

from __future__ import annotations

import numpy as np
from numba import njit

from mineeco_xr.kernels.flow_direction import offsets
from mineeco_xr.kernels.multiple_flow import DONE, release_downstream, sum_of_shares


def accumulate_layers_window(
    packed: np.ndarray, values: np.ndarray, pending: np.ndarray, arrived: np.ndarray | None = None
) -> None:
    """Sum several values down the flow as far as this window allows, in place.

    Parameters
    ----------
    packed : ndarray, (h + 2, w + 2), uint32
        Packed weights.
    values : ndarray, (h + 2, w + 2, n), float64
        Own values of cells; sums of those that are final, here and around the block.
    pending : ndarray, (h + 2, w + 2), int8
        From ``multiple_flow.count_upstream``, then as left by the call before.
    arrived : ndarray of int64, optional
        Cells around the block that became final since; default: the first call, none.

    Notes
    -----
    Each of the ``n`` sums has the bits that ``multiple_flow.accumulate_window`` gives it alone.
    """
    first = arrived is None
    ready = np.empty(0, dtype=np.int64) if arrived is None else arrived
    flat = values.reshape(-1, values.shape[2])
    _accumulate(packed.ravel(), offsets(packed.shape[1]), flat, pending.ravel(), ready, first)


@njit(nogil=True, cache=True)
def _accumulate(packed, around, values, pending, arrived, first):  # type: ignore[no-untyped-def]
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
            for k in range(8):
                giver = cell + around[k]
                code = np.int64(packed[giver])
                share = (code >> (4 * ((k + 4) & 7))) & 15
                if share != 0:
                    shares = sum_of_shares(code)
                    for n in range(values.shape[1]):
                        values[cell, n] += values[giver, n] * share / shares
            top = release_downstream(packed, around, pending, stack, top, cell)
