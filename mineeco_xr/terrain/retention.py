"""Flow retention: accumulation of which each cell keeps a share."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks import Place, stitch
from mineeco_xr.cube.nodata import as_float
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.cube.units import convert_units
from mineeco_xr.errors import ParameterError
from mineeco_xr.kernels.perimeter import perimeter_cells
from mineeco_xr.terrain.drainage import Border, Chunks, Index, border_of, is_whole, linked
from mineeco_xr.terrain.multiple_retention import retain_multiple
from mineeco_xr.terrain.routing import METHODS, as_codes, flow_method, label_of, on_directions

CONVENTIONS = ("exact", "invest")


def flow_retention(
    direction: xr.DataArray,
    weights: xr.DataArray,
    retained: xr.DataArray,
    *,
    method: str | None = None,
    convention: str = "exact",
) -> xr.Dataset:
    """Lead what each cell adds down the flow, while every cell keeps a share of what enters it.

    Parameters
    ----------
    direction : xarray.DataArray
        From :func:`flow_direction`, dims ``(y, x)`` or ``(time, y, x)``, of either kind.
    weights : xarray.DataArray
        What each cell adds, on the same grid, not negative.
    retained : xarray.DataArray
        Share of its inflow that each cell keeps, on the same grid, 0 to 1 (or in percent, with
        ``units="%"``).
    method : {"d8", "mfd"}, optional
        Kind of the directions, where their type does not tell it.
    convention : {"exact", "invest"}
        With several receivers InVEST rounds the parts of a cell's flow to float32, so that they do
        not add up to 1: some 1e-5 is won or lost on long ways. ``"invest"`` does so too.

    Returns
    -------
    xarray.Dataset
        ``outflow``, what leaves each cell, and ``retained``, what it keeps; float64, units of the
        weights. NaN where the direction, the weight or the share is nodata: such a cell hands
        nothing on, and what enters it is lost. Lazy when an input is; see the notes for many
        receivers.

    Raises
    ------
    GridMismatch
        If the layers are not on one grid.
    ParameterError
        If the kind or the convention is unknown, or, when it is computed, a weight is negative or
        infinite, or a share lies outside 0..1.
    SchemaError
        When it is computed: if flow runs in a circle, or a code is not a direction.
    UnitError
        If the share is in a unit of something else.

    Notes
    -----
    With ``p_ji`` the share of its flow that ``j`` sends to ``i``, ``w`` the weights and ``r`` the
    retained shares::

        inflow_i = sum_j p_ji outflow_j
        outflow_i = (1 - r_i) inflow_i + w_i
        retained_i = r_i inflow_i

    as InVEST deposits sediment: a cell keeps of what enters it, not of what it adds. With no share
    at all the outflow is :func:`flow_accumulation`.

    One receiver: crosses chunks by stitching, equal to 1e-12 for any chunking: the way through a
    block from one border cell to another is one factor. Several receivers: as
    :func:`flow_accumulation`, to the bit, and in one task where 40 bytes a cell fit.

    References
    ----------
    Natural Capital Project. InVEST 3.20 User's Guide, Sediment Delivery Ratio, Sediment Deposition.

    Examples
    --------
    >>> import numpy as np
    >>> from mineeco_xr.testing import with_grid
    >>> east = with_grid(np.zeros((1, 4), dtype="uint8"))
    >>> eroded = with_grid(np.array([[8.0, 0, 0, 1]]), units="t")
    >>> kept = with_grid(np.array([[0.5, 0.5, 0.25, 0]]))
    >>> found = flow_retention(east, eroded, kept)
    >>> found["outflow"].values, found["retained"].values
    (array([[8., 4., 3., 4.]]), array([[0., 4., 1., 0.]]))
    """
    if convention not in CONVENTIONS:
        raise ParameterError(f"convention {convention!r} is unknown: choose from {CONVENTIONS}.")
    method = flow_method(direction, method)
    shares = convert_units(retained, "1") if retained.attrs.get("units") else retained
    layers = on_directions(
        as_codes(direction, method), direction, weights=as_float(weights), retained=as_float(shares)
    )
    if method == "d8":
        found = stitch(_local, _solve, _finish, *layers, dtype="float64", outputs=2)
    else:
        found = retain_multiple(*layers, single=convention == "invest")
    label, units = label_of(weights, "weight"), str(weights.attrs.get("units", "1"))
    texts = {"outflow": "that leaves each cell", "retained": "that each cell retains"}
    result = xr.Dataset(dict(zip(texts, found, strict=True)))
    for name, text in texts.items():
        result[name].attrs = {"units": units, "long_name": f"{label} {text}", "flow_method": method}
    return finalize(
        result.transpose(..., *direction.dims, missing_dims="ignore"),
        function="flow_retention",
        parameters={"method": method, "convention": convention},
        inputs={"direction": direction, "weights": weights, "retained": retained},
    )


def _opened(
    direction: np.ndarray, weights: np.ndarray, shares: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    from mineeco_xr.kernels.retention import open_cells

    cells = weights.astype("float64"), shares.astype("float64")
    open_cells(direction, METHODS["d8"][1], *cells)
    return cells


def _local(
    direction: np.ndarray, weights: np.ndarray, shares: np.ndarray, place: Place
) -> Border | None:
    """Say what leaves at each border cell, and what is left there of one unit that enters."""
    from mineeco_xr.kernels.drainage import closed_codes
    from mineeco_xr.kernels.retention import passed_through, retain

    if is_whole(place):
        return None
    codes, border = closed_codes(direction), perimeter_cells(direction.shape)
    outflow, kept = _opened(direction, weights, shares)
    factors = passed_through(codes, kept, border)
    retain(codes, outflow, kept, np.zeros(codes.shape))
    leaving = np.nan_to_num(outflow.ravel()[border])
    return border_of(direction, codes, np.column_stack([leaving, factors]))


def _solve(records: dict[Index, Any], chunks: Chunks) -> dict[Index, Any]:
    """Sum what enters each border cell from other blocks."""
    from mineeco_xr.kernels.flow_forest import pass_to_roots

    if len(records) == 1:
        return dict.fromkeys(records)
    graph = linked(records, chunks)
    leaving, factors = np.ascontiguousarray(graph.values.T)
    entering = np.zeros(graph.across.size)
    out = graph.across >= 0
    np.add.at(entering, graph.across[out], leaving[out])
    pass_to_roots(entering, factors, graph.successor, graph.order)
    return {index: entering[part] for index, part in graph.slices.items()}


def _finish(
    direction: np.ndarray,
    weights: np.ndarray,
    shares: np.ndarray,
    answer: np.ndarray | None,
    place: Place,
) -> tuple[np.ndarray, np.ndarray]:
    from mineeco_xr.kernels.drainage import closed_codes
    from mineeco_xr.kernels.retention import retain

    outflow, kept = _opened(direction, weights, shares)
    inflow = np.zeros(direction.shape)
    if answer is not None:
        inflow.ravel()[perimeter_cells(direction.shape)] = answer
    retain(closed_codes(direction), outflow, kept, inflow)
    return outflow, kept
