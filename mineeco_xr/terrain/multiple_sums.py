"""Accumulation and downstream distance where a cell has many receivers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks import Place, finish_tiles
from mineeco_xr.kernels.perimeter import perimeter_cells
from mineeco_xr.terrain.exchange import Flow, State, Surroundings, settle
from mineeco_xr.terrain.flow_state import cells_of
from mineeco_xr.terrain.multiple import along_flow
from mineeco_xr.terrain.routing import is_stream, plain_weights

NAN = float("nan")


def accumulate_multiple(packed: xr.DataArray, *weights: xr.DataArray) -> xr.DataArray:
    """Sum what drains through each cell; see ``flow_accumulation``."""
    fills = (0, NAN)[: 1 + len(weights)]
    return along_flow(
        _accumulated, _accumulate_blocks, (packed, *weights), fills, dtype="float64", parameters={}
    )


def _accumulate_blocks(*layers: xr.DataArray) -> xr.DataArray:
    fills = (0, None)[: len(layers)]
    return by_blocks(ACCUMULATION, "flow accumulation", layers, fills, {})[0]


def _accumulated(*windows: np.ndarray) -> np.ndarray:
    return completed(ACCUMULATION, _begin_accumulation(*windows), None)


def _begin_accumulation(packed: np.ndarray, *weights: np.ndarray, given: None = None) -> State:
    from mineeco_xr.kernels.multiple_flow import count_upstream

    own = plain_weights(weights[0], "flow_accumulation") if weights else np.ones(packed.shape)
    own[packed == 0] = np.nan
    return State(packed, own, count_upstream(packed))


def _advance_accumulation(state: State, arrived: np.ndarray | None) -> None:
    from mineeco_xr.kernels.multiple_flow import accumulate_window

    assert state.pending is not None
    accumulate_window(state.packed, state.values, state.pending, arrived)


def descend_multiple(
    packed: xr.DataArray,
    streams: xr.DataArray,
    *weights: xr.DataArray,
    lengths: np.ndarray,
    fill: float | None,
) -> xr.DataArray:
    """Average the ways down to streams; see ``downstream_distance``."""
    return along_flow(
        _descended, _descend_blocks, (packed, streams, *weights), (0, 0, NAN)[: 2 + len(weights)],
        dtype="float64", parameters={"lengths": lengths, "fill": fill},
    )  # fmt: skip


def _descend_blocks(*layers: xr.DataArray, **parameters: Any) -> xr.DataArray:
    fills = (0, 0, NAN)[: len(layers)]
    return by_blocks(DESCENT, "downstream distance", layers, fills, parameters)[0]


def _descended(*windows: np.ndarray, **parameters: Any) -> np.ndarray:
    return completed(DESCENT, _begin_descent(*windows, **parameters), None)


def _begin_descent(
    packed: np.ndarray,
    streams: np.ndarray,
    *weights: np.ndarray,
    lengths: np.ndarray,
    fill: float | None,
    given: None = None,
) -> State:
    from mineeco_xr.kernels.multiple_flow import count_downstream

    ends = is_stream(streams, fill)
    packed = np.where(ends, np.uint32(0), packed)
    own = plain_weights(weights[0], "downstream_distance") if weights else None
    values = np.where(ends, 0.0, np.nan)
    rest = {"lengths": lengths, "weights": own}
    return State(packed, values, count_downstream(packed), rest)


def _advance_descent(state: State, arrived: np.ndarray | None) -> None:
    from mineeco_xr.kernels.multiple_flow import descend_window

    assert state.pending is not None
    rest = state.rest
    descend_window(
        state.packed, rest["lengths"], rest["weights"], state.values, state.pending, arrived
    )


def is_final(state: State, cells: Any) -> np.ndarray:
    """Say which cells are computed."""
    from mineeco_xr.kernels.multiple_flow import DONE

    return _pending(state)[cells] == DONE


def waits(state: State, cells: Any) -> np.ndarray:
    """Say which cells wait for others."""
    from mineeco_xr.kernels.multiple_flow import NEVER

    pending = _pending(state)[cells]
    return (pending > 0) & (pending != NEVER)


def _pending(state: State) -> np.ndarray:
    assert state.pending is not None
    return state.pending.ravel()


def by_blocks(
    flow: Flow,
    description: str,
    layers: Sequence[xr.DataArray],
    fills: Sequence[float | None],
    parameters: dict[str, Any],
    components: int | None = None,
) -> tuple[xr.DataArray, ...]:
    """Find what stands around each block, then compute the blocks by themselves.

    Parameters
    ----------
    flow, description, layers, fills, parameters, components
        As for ``exchange``. Weights of a flow that goes downstream need no surroundings.

    Returns
    -------
    tuple of xarray.DataArray
        float64, one for each component, lazy, dims ``(y, x)``.
    """
    found = settle(
        flow, layers, fills, parameters=parameters, dtype="float64", description=description,
        components=components,
    )  # fmt: skip
    names = [f"value {n}" for n in range(components or 1)]
    made = finish_tiles(
        _finish, found.surroundings(), *layers, dtypes=dict.fromkeys(names, "float64"),
        parameters={"flow": flow, "options": parameters, "names": names},
    )  # fmt: skip
    return tuple(made[name] for name in names)


def _finish(
    *blocks: np.ndarray,
    answer: Surroundings,
    place: Place,
    flow: Flow,
    options: dict[str, Any],
    names: list[str],
) -> dict[str, np.ndarray]:
    windows, around = answer.frame(blocks)
    values = completed(flow, flow.begin(*windows, given=None, **options), around)
    layers = np.moveaxis(values, -1, 0) if values.ndim == 3 else [values]
    return dict(zip(names, layers, strict=True))


def completed(flow: Flow, state: State, around: np.ndarray | None) -> np.ndarray:
    """Compute a block whose surroundings are final, and check that nothing waits any more."""
    from mineeco_xr.kernels.drainage import circle_error

    flow.advance(state, None)
    if around is not None:
        cells = perimeter_cells((state.packed.shape[0], state.packed.shape[1]))
        flows = state.packed.ravel()[cells] != 0
        cells_of(state.values)[cells[flows]] = around[flows]
        flow.advance(state, cells[flows])
    if waits(state, slice(None)).any():
        raise circle_error()
    return state.values[1:-1, 1:-1]


ACCUMULATION = Flow(_begin_accumulation, _advance_accumulation, is_final, waits, downstream=True)
DESCENT = Flow(_begin_descent, _advance_descent, is_final, waits, downstream=False)
