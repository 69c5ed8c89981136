"""Retention along a flow that divides."""

from __future__ import annotations

import numpy as np
import xarray as xr

from mineeco_xr.chunks import Place, finish_tiles
from mineeco_xr.terrain.exchange import Flow, State, exchange
from mineeco_xr.terrain.multiple import along_flow
from mineeco_xr.terrain.multiple_sums import completed, is_final, waits

FILLS = (0, float("nan"), float("nan"))
NAMES = ("outflow", "retained")


def retain_multiple(*layers: xr.DataArray, single: bool) -> tuple[xr.DataArray, xr.DataArray]:
    """Return what cells hand on and what they keep; see ``flow_retention``."""
    found: tuple[xr.DataArray, xr.DataArray] = along_flow(
        _retained, _retain_blocks, layers, (0, None, None),
        dtype="float64", parameters={"single": single}, outputs=2,
    )  # fmt: skip
    return found


def _retain_blocks(*layers: xr.DataArray, single: bool) -> tuple[xr.DataArray, ...]:
    """Find what enters each block in rounds, then compute the blocks by themselves."""
    entering = exchange(
        RETENTION, layers, FILLS, parameters={"single": single}, dtype="float64",
        description="flow retention",
    )  # fmt: skip
    found = finish_tiles(
        _finish, entering, *layers, dtypes=dict.fromkeys(NAMES, "float64"), depth=1, fill=FILLS,
        parameters={"single": single},
    )  # fmt: skip
    return tuple(found[name] for name in NAMES)


def _retained(
    packed: np.ndarray, weights: np.ndarray, shares: np.ndarray, *, single: bool
) -> np.ndarray:
    cells = np.zeros((2, *packed.shape))
    cells[0, 1:-1, 1:-1] = weights
    cells[1, 1:-1, 1:-1] = shares
    return _solved(_opened(packed, cells, single), cells, None)


def _finish(
    packed: np.ndarray,
    weights: np.ndarray,
    shares: np.ndarray,
    *,
    answer: np.ndarray,
    place: Place,
    single: bool,
) -> dict[str, np.ndarray]:
    cells = np.stack([weights, shares], dtype="float64")
    return dict(zip(NAMES, _solved(_opened(packed, cells, single), cells, answer), strict=True))


def _opened(packed: np.ndarray, cells: np.ndarray, single: bool) -> State:
    """Return the state whose arrays are the two ``cells``, weights and shares."""
    from mineeco_xr.kernels.multiple_flow import count_upstream
    from mineeco_xr.kernels.retention import open_cells

    open_cells(packed, 0, cells[0], cells[1])
    rest = {"shares": cells[1], "single": single}
    return State(packed, cells[0], count_upstream(packed), rest)


def _solved(state: State, cells: np.ndarray, entering: np.ndarray | None) -> np.ndarray:
    completed(RETENTION, state, entering)
    outflow, retained = cells
    np.copyto(outflow, np.nan, where=np.isnan(retained))
    return cells[:, 1:-1, 1:-1]


def _begin(
    packed: np.ndarray,
    weights: np.ndarray,
    shares: np.ndarray,
    *,
    single: bool,
    given: None = None,
) -> State:
    return _opened(packed, np.stack([weights, shares], dtype="float64"), single)


def _advance(state: State, arrived: np.ndarray | None) -> None:
    from mineeco_xr.kernels.retention import retain_window

    assert state.pending is not None
    rest = state.rest
    retain_window(
        state.packed, state.values, rest["shares"], state.pending, arrived, single=rest["single"]
    )


RETENTION = Flow(_begin, _advance, is_final, waits, downstream=True)
