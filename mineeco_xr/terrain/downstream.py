"""Downstream distance: how far flow goes from each cell to a stream."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks import Place, stitch
from mineeco_xr.cube.grid import geobox_of, require_metres
from mineeco_xr.cube.nodata import fill_value_of
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.errors import ParameterError
from mineeco_xr.kernels.perimeter import perimeter_cells
from mineeco_xr.terrain.drainage import Border, Chunks, Index, border_of, is_whole, linked
from mineeco_xr.terrain.multiple_sums import descend_multiple
from mineeco_xr.terrain.routing import (
    as_codes,
    as_weights,
    flow_method,
    is_stream,
    on_directions,
    plain_weights,
)

CONVENTIONS = ("metres", "invest")


def downstream_distance(
    direction: xr.DataArray,
    streams: xr.DataArray,
    *,
    weights: xr.DataArray | None = None,
    convention: str = "metres",
    method: str | None = None,
) -> xr.DataArray:
    """Measure the way that flow takes from each cell to a stream.

    Parameters
    ----------
    direction : xarray.DataArray
        From :func:`flow_direction`, dims ``(y, x)`` or ``(time, y, x)``.
    streams : xarray.DataArray
        Where the way ends, on the same grid: not zero and not nodata.
    weights : xarray.DataArray, optional
        Factor of the length of a step, on the same grid, not negative; nodata counts as 0.
    convention : {"metres", "invest"}
        Length of a step: between the centres of the cells in metres; or as in InVEST, which counts
        1 straight and the root of 2 diagonally without weights, and always 1 with weights.
    method : {"d8", "mfd"}, optional
        Kind of the directions, where their type does not tell it.

    Returns
    -------
    xarray.DataArray
        float64: 0 on streams, NaN where no flow reaches one. Units m, or of the weights times the
        length. Lazy when an input is; with several receivers see :func:`flow_accumulation`.

    Raises
    ------
    GridMismatch
        If layers differ in grid, or metres are asked of a grid that has none.
    ParameterError
        If the convention or the kind is unknown or, when it is computed, a weight is negative.
    SchemaError
        When it is computed: if flow runs in a circle, or a code is not a direction.

    Notes
    -----
    One receiver ``n``: ``d_i = l_in w_i + d_n``. Several: ``d_i = sum_n p_in (l_in w_n + d_n) /
    sum_n p_in`` over the receivers whose own distance is defined: the weight is the receiver's,
    as in InVEST. One receiver crosses chunks by stitching, equal to 1e-12 for any chunking (to
    the bit when steps are whole numbers); several as in :func:`flow_accumulation`, to the bit.

    Examples
    --------
    >>> import numpy as np
    >>> from mineeco_xr.testing import with_grid
    >>> east = with_grid(np.zeros((1, 4), dtype="uint8"))
    >>> river = with_grid(np.array([[0, 0, 1, 0]], dtype="uint8"))
    >>> downstream_distance(east, river).values
    array([[60., 30.,  0., nan]])
    """
    if convention not in CONVENTIONS:
        raise ParameterError(f"convention {convention!r} is unknown: choose from {CONVENTIONS}.")
    method = flow_method(direction, method)
    lengths = _lengths(direction, convention, weighted=weights is not None)
    layers = on_directions(
        as_codes(direction, method), direction, streams=streams, weights=as_weights(weights)
    )
    parameters: dict[str, Any] = {"lengths": lengths, "fill": fill_value_of(streams)}
    if method == "d8":
        result = stitch(_local, _solve, _finish, *layers, dtype="float64", parameters=parameters)
    else:
        result = descend_multiple(*layers, **parameters)
    inputs = {"direction": direction, "streams": streams}
    units = "m" if convention == "metres" else "1"
    if weights is not None:
        inputs["weights"] = weights
        own = str(weights.attrs.get("units", "1"))
        units = own if units == "1" else units if own == "1" else f"{own} {units}"
    return finalize(
        result.transpose(..., *direction.dims, missing_dims="ignore"),
        function="downstream_distance",
        parameters={"convention": convention, "method": method},
        inputs=inputs,
        attrs={"units": units, "long_name": "distance along the flow to a stream"},
        name="downstream_distance",
    )


def _lengths(direction: xr.DataArray, convention: str, *, weighted: bool) -> np.ndarray:
    if convention == "invest":
        return np.array([1.0, 1.0 if weighted else np.sqrt(2.0)] * 4)
    grid = geobox_of(direction)
    require_metres(grid, "downstream_distance")
    across, down = abs(grid.affine.a), abs(grid.affine.e)
    return np.array([across, np.hypot(across, down), down, np.hypot(across, down)] * 2)


def _own(weights: tuple[np.ndarray, ...]) -> np.ndarray | None:
    return plain_weights(weights[0], "downstream_distance") if weights else None


def _local(
    direction: np.ndarray,
    streams: np.ndarray,
    *weights: np.ndarray,
    place: Place,
    lengths: np.ndarray,
    fill: float | None,
) -> Border | None:
    from mineeco_xr.kernels.drainage import closed_codes, downstream_sums

    if is_whole(place):
        return None
    codes = closed_codes(direction, is_stream(streams, fill))
    own, cells = _own(weights), perimeter_cells(direction.shape)
    steps = _steps(direction, own, lengths, cells)
    sums = downstream_sums(codes, lengths, own, steps, starts=cells)
    return border_of(direction, codes, sums.ravel()[cells])


def _steps(
    direction: np.ndarray, weights: np.ndarray | None, lengths: np.ndarray, cells: np.ndarray
) -> np.ndarray:
    """Return the steps out of some cells."""
    steps = lengths[np.minimum(direction.ravel()[cells], 7)]
    return steps if weights is None else steps * weights.ravel()[cells]


def _solve(records: dict[Index, Any], chunks: Chunks, **_: Any) -> dict[Index, Any]:
    """Find what is left of the way behind each border cell whose flow leaves its block."""
    from mineeco_xr.kernels.flow_forest import sum_from_roots

    if len(records) == 1:
        return dict.fromkeys(records)
    graph = linked(records, chunks)
    sums = np.where(graph.leaves & (graph.successor < 0), np.nan, graph.values)
    sum_from_roots(sums, graph.successor, graph.order)
    beyond = np.where(graph.across >= 0, sums[graph.across], np.nan)
    return {index: beyond[part] for index, part in graph.slices.items()}


def _finish(
    direction: np.ndarray,
    streams: np.ndarray,
    *weights: np.ndarray,
    answer: np.ndarray | None,
    place: Place,
    lengths: np.ndarray,
    fill: float | None,
) -> np.ndarray:
    from mineeco_xr.kernels.drainage import closed_codes, downstream_sums

    own, cells = _own(weights), perimeter_cells(direction.shape)
    beyond = np.full(cells.size, np.nan) if answer is None else answer
    steps = _steps(direction, own, lengths, cells)
    codes = closed_codes(direction, is_stream(streams, fill))
    return downstream_sums(codes, lengths, own, beyond + steps)
