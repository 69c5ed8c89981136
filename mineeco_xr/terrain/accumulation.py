"""Flow accumulation: what drains through each cell."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks import Place, stitch
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.kernels.perimeter import perimeter_cells
from mineeco_xr.terrain.drainage import Border, Chunks, Index, border_of, is_whole, linked
from mineeco_xr.terrain.multiple_sums import accumulate_multiple
from mineeco_xr.terrain.routing import (
    as_codes,
    as_weights,
    flow_method,
    label_of,
    on_directions,
    plain_weights,
)


def flow_accumulation(
    direction: xr.DataArray, weights: xr.DataArray | None = None, *, method: str | None = None
) -> xr.DataArray:
    """Sum what drains through each cell, itself included.

    Parameters
    ----------
    direction : xarray.DataArray
        From :func:`flow_direction`, dims ``(y, x)`` or ``(time, y, x)``: uint8 codes of one
        receiver (0 east, counter-clockwise to 7 south-east, 255 nodata) or uint32 with the packed
        weights of several (4 bits a direction, 0 nodata).
    weights : xarray.DataArray, optional
        What each cell adds, on the same grid, not negative; nodata adds nothing. Default 1: cells
        are counted.
    method : {"d8", "mfd"}, optional
        Kind of the directions, where their type does not tell it.

    Returns
    -------
    xarray.DataArray
        float64, units of the weights, NaN where the direction is nodata. Its attribute
        ``flow_method`` says the kind. Lazy when an input is; see the notes for many receivers.

    Raises
    ------
    GridMismatch
        If the weights are not on the grid of the directions.
    ParameterError
        If the kind is unknown, or, when it is computed, a weight is negative.
    SchemaError
        When it is computed: if flow runs in a circle, or a code is not a direction.

    Notes
    -----
    ``a_i = w_i + sum_j a_j p_ji`` over the cells ``j`` that flow into ``i``, with ``p`` the share
    of the flow, as in InVEST and pygeoprocessing. One receiver: crosses chunks by stitching
    (Barnes 2017): counts are equal for any chunking, weighted sums to 1e-12. Several receivers:
    each cell is summed once, in the order of the directions, so that the bits do not depend on
    chunks; when 20 bytes a cell fit into 60 % of the memory of a worker the whole raster is one
    lazy task, else blocks run in strips, which computes at once, with progress, and returns the
    lazy sums of each block.

    References
    ----------
    Barnes, R. (2017). Geomorphology 295, 97-105.

    Examples
    --------
    >>> import numpy as np
    >>> from mineeco_xr.testing import with_grid
    >>> east = with_grid(np.zeros((1, 4), dtype="uint8"))
    >>> flow_accumulation(east).values
    array([[1., 2., 3., 4.]])
    """
    method = flow_method(direction, method)
    codes = as_codes(direction, method)
    layers = on_directions(codes, direction, weights=as_weights(weights))
    if method == "d8":
        result = stitch(_local, _solve, _finish, *layers, dtype="float64")
    else:
        result = accumulate_multiple(*layers)
    inputs = {"direction": direction} | ({} if weights is None else {"weights": weights})
    attrs: dict[str, Any] = {"units": "1", "long_name": "cells that drain through each cell"}
    if weights is not None:
        attrs["long_name"] = f"{label_of(weights, 'weight')} that drains through each cell"
        attrs["units"] = str(weights.attrs.get("units", "1"))
    return finalize(
        result.transpose(..., *direction.dims, missing_dims="ignore"),
        function="flow_accumulation",
        parameters={"method": method},
        inputs=inputs,
        attrs={**attrs, "flow_method": method},
        name="flow_accumulation",
    )


def _own(direction: np.ndarray, weights: tuple[np.ndarray, ...]) -> np.ndarray:
    if not weights:
        return np.ones(direction.shape)
    return plain_weights(weights[0], "flow_accumulation")


def _local(direction: np.ndarray, *weights: np.ndarray, place: Place) -> Border | None:
    from mineeco_xr.kernels.drainage import accumulate, closed_codes

    if is_whole(place):
        return None
    codes, sums = closed_codes(direction), _own(direction, weights)
    accumulate(codes, sums)
    return border_of(direction, codes, sums.ravel()[perimeter_cells(direction.shape)])


def _solve(records: dict[Index, Any], chunks: Chunks) -> dict[Index, Any]:
    """Sum what enters each border cell from other blocks."""
    from mineeco_xr.kernels.flow_forest import sum_to_roots

    if len(records) == 1:
        return dict.fromkeys(records)
    graph = linked(records, chunks)
    entering = np.zeros(graph.across.size)
    out = graph.across >= 0
    np.add.at(entering, graph.across[out], graph.values[out])
    sum_to_roots(entering, graph.successor, graph.order)
    return {index: entering[part] for index, part in graph.slices.items()}


def _finish(
    direction: np.ndarray, *weights: np.ndarray, answer: np.ndarray | None, place: Place
) -> np.ndarray:
    from mineeco_xr.kernels.drainage import accumulate, closed_codes

    sums = _own(direction, weights)
    if answer is not None:
        sums.ravel()[perimeter_cells(direction.shape)] += answer
    accumulate(closed_codes(direction), sums)
    return sums
