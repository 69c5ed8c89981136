"""Several accumulations over one flow that divides, in one pass."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from mineeco_xr.terrain.exchange import Flow, State
from mineeco_xr.terrain.multiple import along_flow
from mineeco_xr.terrain.multiple_sums import by_blocks, completed, is_final, waits
from mineeco_xr.terrain.routing import plain_weights


def accumulate_layers(
    packed: xr.DataArray, weights: Sequence[xr.DataArray | None]
) -> tuple[xr.DataArray, ...]:
    """Sum what drains through each cell for several weights at once.

    The directions are read and followed once. Each sum has the bits that ``flow_accumulation``
    gives it alone.

    Parameters
    ----------
    packed : xarray.DataArray
        uint32 packed weights, 0 nodata, dims ``(..., y, x)``.
    weights : sequence of xarray.DataArray or None
        What each cell adds, with the dims and the chunks of ``packed``, NaN is nodata; None
        counts cells.

    Returns
    -------
    tuple of xarray.DataArray
        float64 without attributes, one for each of the weights.
    """
    layers = (packed, *(layer for layer in weights if layer is not None))
    parameters = {"given_weights": tuple(layer is not None for layer in weights)}
    found = along_flow(
        _accumulated, _accumulate_blocks, layers, (0, *(None,) * (len(layers) - 1)),
        dtype="float64", parameters=parameters, outputs=len(weights),
    )  # fmt: skip
    return found if isinstance(found, tuple) else (found,)


def _accumulate_blocks(
    *layers: xr.DataArray, given_weights: tuple[bool, ...]
) -> tuple[xr.DataArray, ...]:
    return by_blocks(
        LAYERS, "flow accumulation", layers, (0, *(None,) * (len(layers) - 1)),
        {"given_weights": given_weights}, components=len(given_weights),
    )  # fmt: skip


def _accumulated(
    packed: np.ndarray, *weights: np.ndarray, given_weights: tuple[bool, ...]
) -> np.ndarray:
    values = completed(LAYERS, _begin(packed, *weights, given_weights=given_weights), None)
    return np.moveaxis(values, -1, 0) if len(given_weights) > 1 else values[..., 0]


def _begin(
    packed: np.ndarray, *weights: np.ndarray, given_weights: tuple[bool, ...], given: None = None
) -> State:
    """Return the first state; weights come with or without the cells around the block."""
    from mineeco_xr.kernels.multiple_flow import count_upstream

    values = np.ones((*packed.shape, len(given_weights)))
    inner, rest = values[1:-1, 1:-1], iter(weights)
    for n, is_given in enumerate(given_weights):
        if is_given:
            layer = next(rest)
            own = layer if layer.shape == inner.shape[:2] else layer[1:-1, 1:-1]
            inner[..., n] = plain_weights(own, "flow_accumulation")
    values[packed == 0] = np.nan
    return State(packed, values, count_upstream(packed))


def _advance(state: State, arrived: np.ndarray | None) -> None:
    from mineeco_xr.kernels.multiple_layers import accumulate_layers_window

    assert state.pending is not None
    accumulate_layers_window(state.packed, state.values, state.pending, arrived)


LAYERS = Flow(_begin, _advance, is_final, waits, downstream=True)
