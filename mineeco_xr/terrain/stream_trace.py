"""Streams where a cell has many receivers: traced from outlets, joined over weaker cells."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks import Place, finish_tiles
from mineeco_xr.kernels.perimeter import perimeter_cells
from mineeco_xr.terrain.exchange import Flow, State, exchange
from mineeco_xr.terrain.multiple import along_flow

FILLS = (0, float("nan"))


INVEST_TILE = 256
"""Side of the tiles in which pygeoprocessing writes and walks rasters."""


def trace_streams(
    packed: xr.DataArray, sums: xr.DataArray, threshold: float, trace: float
) -> xr.DataArray:
    """Return streams, uint8; see ``streams``."""
    return along_flow(
        _traced, _trace_blocks, (packed, sums), FILLS,
        dtype="uint8", parameters={"threshold": threshold, "trace": trace},
    )  # fmt: skip


def _trace_blocks(*layers: xr.DataArray, **parameters: float) -> xr.DataArray:
    """Reach up from the outlets through all blocks, then keep what is joined from above."""
    options: dict[str, Any] = {"parameters": parameters, "dtype": "uint8"}
    reached = exchange(REACH, layers, FILLS, description="streams, reach", **options)
    kept = exchange(KEEP, layers, FILLS, description="streams, join", given=reached, **options)
    around = {key: np.stack([reached[key], kept[key]]) for key in reached}
    return finish_tiles(
        _finish, around, *layers,
        dtypes={"streams": "uint8"}, depth=1, fill=FILLS, parameters=parameters,
    )["streams"]  # fmt: skip


def _traced(packed: np.ndarray, sums: np.ndarray, *, threshold: float, trace: float) -> np.ndarray:
    state = _begin_reach(packed, sums, threshold=threshold, trace=trace)
    _advance_reach(state, None)
    _advance_keep(state, None)
    return _streams(state, sums)


def trace_invest(
    packed: xr.DataArray, sums: xr.DataArray, threshold: float, trace: float
) -> xr.DataArray:
    """Return streams as InVEST finds them, uint8; always one task."""
    return along_flow(
        _traced_in_order, None, (packed, sums), FILLS,
        dtype="uint8", parameters={"threshold": threshold, "trace": trace},
    )  # fmt: skip


def _traced_in_order(
    packed: np.ndarray, sums: np.ndarray, *, threshold: float, trace: float
) -> np.ndarray:
    from mineeco_xr.kernels.stream_trace import trace_in_order

    state = _begin_reach(packed, sums, threshold=threshold, trace=trace)
    trace_in_order(packed, state.values, state.rest["outlets"], INVEST_TILE)
    return _streams(state, sums)


def _finish(
    packed: np.ndarray, sums: np.ndarray, *, answer: np.ndarray, place: Place, **parameters: float
) -> dict[str, np.ndarray]:
    reached, kept = answer
    state = _begin_keep(packed, sums, given=reached, **parameters)
    _mark_around(state, kept)
    _advance_keep(state, None)
    return {"streams": _streams(state, sums)}


def _streams(state: State, sums: np.ndarray) -> np.ndarray:
    from mineeco_xr.kernels.stream_trace import STRONG_REACHED, WEAK_KEPT

    found = (state.values == STRONG_REACHED) | (state.values == WEAK_KEPT)
    return np.where(np.isnan(sums), 255, found)[1:-1, 1:-1]


def _mark_around(state: State, marks: np.ndarray) -> None:
    cells = perimeter_cells((state.values.shape[0], state.values.shape[1]))
    state.values.ravel()[cells[marks > 0]] = marks[marks > 0]


def _begin_reach(
    packed: np.ndarray, sums: np.ndarray, *, threshold: float, trace: float, given: Any = None
) -> State:
    from mineeco_xr.kernels.stream_trace import classify_cells

    values = classify_cells(sums, threshold, trace)
    return State(packed, values, rest={"outlets": np.isnan(sums)})


def _advance_reach(state: State, arrived: np.ndarray | None) -> None:
    from mineeco_xr.kernels.stream_trace import reach_upstream

    outlets = state.rest["outlets"] if arrived is None else None
    reach_upstream(state.packed, state.values, outlets)


def _is_reached(state: State, cells: Any) -> np.ndarray:
    from mineeco_xr.kernels.stream_trace import STRONG_REACHED, WEAK_REACHED

    found = state.values.ravel()[cells]
    return (found == STRONG_REACHED) | (found == WEAK_REACHED)


def _begin_keep(
    packed: np.ndarray, sums: np.ndarray, *, given: np.ndarray, **parameters: float
) -> State:
    """Reach up within the block again: what enters from around is known."""
    state = _begin_reach(packed, sums, **parameters)
    _mark_around(state, given)
    _advance_reach(state, None)
    return state


def _advance_keep(state: State, arrived: np.ndarray | None) -> None:
    from mineeco_xr.kernels.stream_trace import keep_downstream

    keep_downstream(state.packed, state.values)


def _is_kept(state: State, cells: Any) -> np.ndarray:
    from mineeco_xr.kernels.stream_trace import WEAK_KEPT

    return state.values.ravel()[cells] == WEAK_KEPT


def _never_waits(state: State, cells: Any) -> np.ndarray:
    return np.zeros(1, dtype=bool)


REACH = Flow(_begin_reach, _advance_reach, _is_reached, _never_waits, downstream=False)
KEEP = Flow(_begin_keep, _advance_keep, _is_kept, _never_waits, downstream=True)
