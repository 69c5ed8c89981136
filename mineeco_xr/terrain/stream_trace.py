"""Streams where a cell has many receivers: traced from outlets, joined over weaker cells."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks import Place, finish_tiles, pointwise
from mineeco_xr.kernels.perimeter import perimeter_cells
from mineeco_xr.terrain.exchange import Flow, State, exchange, settle
from mineeco_xr.terrain.flow_mesh import framed
from mineeco_xr.terrain.invest_tiles import INVEST_TILE
from mineeco_xr.terrain.multiple import along_flow

FILLS = (0, float("nan"))
NODATA = 255


def trace_streams(
    packed: xr.DataArray, sums: xr.DataArray, threshold: float, trace: float
) -> xr.DataArray:
    """Return streams, uint8; see ``streams``."""
    return along_flow(
        _traced, _trace_blocks, (packed, sums), FILLS,
        dtype="uint8", parameters={"threshold": threshold, "trace": trace},
    )  # fmt: skip


def _trace_blocks(packed: xr.DataArray, sums: xr.DataArray, **parameters: float) -> xr.DataArray:
    """Reach up from the outlets through all blocks, then keep what is joined from above."""
    layers = packed, pointwise(_classes, sums, dtype="uint8", parameters=parameters)
    options: dict[str, Any] = {"parameters": {}, "dtype": "uint8"}
    found = settle(REACH, layers, (0, NODATA), description="streams, reach", **options)
    reached = {key: found.around(key) for key in found.keys}
    kept = exchange(
        KEEP, layers, (0, NODATA), description="streams, join", given=reached, **options
    )
    answers = {key: (found.rings(key), reached[key], kept[key]) for key in found.keys}
    return finish_tiles(_finish, answers, *layers, dtypes={"streams": "uint8"})["streams"]


def _traced(packed: np.ndarray, sums: np.ndarray, *, threshold: float, trace: float) -> np.ndarray:
    state = _begin_reach(packed, _classes(sums, threshold=threshold, trace=trace))
    _advance_reach(state, None)
    _advance_keep(state, None)
    return _streams(state)


def trace_invest(
    packed: xr.DataArray,
    sums: xr.DataArray,
    threshold: float,
    trace: float,
    corner: tuple[int, int] = (0, 0),
) -> xr.DataArray:
    """Return streams as InVEST finds them, uint8; always one task."""
    return along_flow(
        _traced_in_order, None, (packed, sums), FILLS, dtype="uint8",
        parameters={
            "threshold": threshold, "trace": trace, "tile": INVEST_TILE, "corner": corner,
        },
    )  # fmt: skip


def _traced_in_order(
    packed: np.ndarray,
    sums: np.ndarray,
    *,
    threshold: float,
    trace: float,
    tile: int,
    corner: tuple[int, int],
) -> np.ndarray:
    from mineeco_xr.kernels.stream_trace import trace_in_order

    state = _begin_reach(packed, _classes(sums, threshold=threshold, trace=trace))
    trace_in_order(packed, state.values, state.rest["outlets"], tile, corner)
    return _streams(state)


def _finish(*blocks: np.ndarray, answer: Any, place: Place) -> dict[str, np.ndarray]:
    rings, reached, kept = answer
    state = _begin_keep(*map(framed, blocks, rings), given=reached)
    _mark_around(state, kept)
    _advance_keep(state, None)
    return {"streams": _streams(state)}


def _classes(sums: np.ndarray, *, threshold: float, trace: float) -> np.ndarray:
    """Return what the tracing needs of the sums, in an eighth of their size."""
    from mineeco_xr.kernels.stream_trace import classify_cells

    classes = classify_cells(sums, threshold, trace)
    classes[np.isnan(sums)] = NODATA
    return classes


def _streams(state: State) -> np.ndarray:
    from mineeco_xr.kernels.stream_trace import STRONG_REACHED, WEAK_KEPT

    found = (state.values == STRONG_REACHED) | (state.values == WEAK_KEPT)
    return np.where(state.rest["outlets"], np.uint8(NODATA), found)[1:-1, 1:-1]


def _mark_around(state: State, marks: np.ndarray) -> None:
    cells = perimeter_cells((state.values.shape[0], state.values.shape[1]))
    state.values.ravel()[cells[marks > 0]] = marks[marks > 0]


def _begin_reach(packed: np.ndarray, classes: np.ndarray, *, given: Any = None) -> State:
    from mineeco_xr.kernels.stream_trace import NONE

    outlets = classes == NODATA
    return State(packed, np.where(outlets, np.uint8(NONE), classes), rest={"outlets": outlets})


def _advance_reach(state: State, arrived: np.ndarray | None) -> None:
    from mineeco_xr.kernels.stream_trace import reach_upstream

    reach_upstream(state.packed, state.values, state.rest["outlets"], arrived)


def _is_reached(state: State, cells: Any) -> np.ndarray:
    from mineeco_xr.kernels.stream_trace import STRONG_REACHED, WEAK_REACHED

    found = state.values.ravel()[cells]
    return (found == STRONG_REACHED) | (found == WEAK_REACHED)


def _begin_keep(packed: np.ndarray, classes: np.ndarray, *, given: np.ndarray) -> State:
    """Reach up within the block again: what enters from around is known."""
    state = _begin_reach(packed, classes)
    _mark_around(state, given)
    _advance_reach(state, None)
    return state


def _advance_keep(state: State, arrived: np.ndarray | None) -> None:
    from mineeco_xr.kernels.stream_trace import keep_downstream

    keep_downstream(state.packed, state.values, arrived)


def _is_kept(state: State, cells: Any) -> np.ndarray:
    from mineeco_xr.kernels.stream_trace import WEAK_KEPT

    return state.values.ravel()[cells] == WEAK_KEPT


def _can_be_reached(state: State, cells: Any) -> np.ndarray:
    from mineeco_xr.kernels.stream_trace import STRONG, WEAK

    found = state.values.ravel()[cells]
    return (found == STRONG) | (found == WEAK)


def _can_be_kept(state: State, cells: Any) -> np.ndarray:
    from mineeco_xr.kernels.stream_trace import WEAK_REACHED

    return state.values.ravel()[cells] == WEAK_REACHED


def _never_waits(state: State, cells: Any) -> np.ndarray:
    return np.zeros(1, dtype=bool)


REACH = Flow(
    _begin_reach, _advance_reach, _is_reached, _never_waits, downstream=False,
    opens=_can_be_reached,
)  # fmt: skip
KEEP = Flow(_begin_keep, _advance_keep, _is_kept, _never_waits, downstream=True, opens=_can_be_kept)
