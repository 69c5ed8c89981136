"""Drainage basins: the outlet that each cell drains to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from mineeco_xr.chunks import Place, stitch
from mineeco_xr.cube.nodata import fill_value_of
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.errors import ParameterError
from mineeco_xr.kernels.perimeter import perimeter_cells
from mineeco_xr.terrain.drainage import Border, Chunks, Index, border_of, linked
from mineeco_xr.terrain.routing import (
    as_codes,
    flow_method,
    is_stream,
    nodata_attrs,
    on_directions,
)


def basins(direction: xr.DataArray, *, outlets: xr.DataArray | None = None) -> xr.DataArray:
    """Label each cell by the outlet that it drains to.

    Parameters
    ----------
    direction : xarray.DataArray
        From :func:`flow_direction` with one receiver, dims ``(y, x)`` or ``(time, y, x)``.
    outlets : xarray.DataArray, optional
        Cells where basins end, on the same grid: not zero and not nodata. Default: all cells whose
        flow leaves the raster or enters nodata.

    Returns
    -------
    xarray.DataArray
        int32, ``_FillValue`` 0: basins are numbered from 1 in the order of their outlets, row by
        row. 0 where the direction is nodata, and where flow meets none of the given outlets. A
        basin ends where that of an outlet further up begins. Lazy when an input is.

    Raises
    ------
    GridMismatch
        If the outlets are not on the grid of the directions.
    ParameterError
        If the directions are not of one receiver.
    SchemaError
        When it is computed: if flow runs in a circle, or a code is not a direction.

    Notes
    -----
    Crosses chunks by stitching: equal for any chunking. Each block counts the outlets in its rows,
    so that numbers do not depend on blocks. Given outlets on nodata have no number.

    Examples
    --------
    >>> import numpy as np
    >>> from mineeco_xr.testing import with_grid
    >>> flow = with_grid(np.array([[4, 4, 0, 0]], dtype="uint8"))
    >>> basins(flow).values
    array([[1, 1, 2, 2]], dtype=int32)
    """
    if (method := flow_method(direction)) != "d8":
        raise ParameterError(
            f"the flow direction is {method}: a cell that drains several ways has no one basin. "
            "Use mineeco_xr.flow_direction(dem, method='d8')."
        )
    layers = on_directions(as_codes(direction, method), direction, outlets=outlets)
    result = stitch(
        _local,
        _solve,
        _finish,
        *layers,
        dtype="int32",
        depth=1,
        fill=(255, 0)[: len(layers)],
        parameters={"fill": None if outlets is None else fill_value_of(outlets)},
    )
    return finalize(
        result.transpose(..., *direction.dims, missing_dims="ignore"),
        function="basins",
        parameters={"outlets": outlets is not None},
        inputs={"direction": direction} | ({} if outlets is None else {"outlets": outlets}),
        attrs={"units": "1", "long_name": "drainage basin", **nodata_attrs("int32", 0)},
        name="basin",
    )


@dataclass(frozen=True)
class _Record:
    border: Border
    rows: np.ndarray
    counts: np.ndarray


def _labelled(
    window: np.ndarray, outlets: tuple[np.ndarray, ...], first: np.ndarray, fill: float | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the codes of a block, the numbers of its outlets and how many each row has."""
    from mineeco_xr.kernels.drainage import NODATA, UNSEEN, closed_codes, number_outlets

    direction = np.ascontiguousarray(window[1:-1, 1:-1])
    labels = np.full(direction.shape, UNSEEN, dtype=np.int32)
    if not outlets:
        counts = number_outlets(window, first, labels)
        return closed_codes(direction, labels > 0), labels, counts
    stops = is_stream(outlets[0][1:-1, 1:-1], fill) & (direction != NODATA)
    rank = np.cumsum(stops, axis=1)
    labels[stops] = (rank + first[:, None])[stops]
    return closed_codes(direction, stops), labels, rank[:, -1]


def _local(window: np.ndarray, *outlets: np.ndarray, place: Place, fill: float | None) -> _Record:
    from mineeco_xr.kernels.drainage import flow_ends

    height = window.shape[0] - 2
    codes, labels, counts = _labelled(window, outlets, np.zeros(height, dtype=np.int64), fill)
    cells = perimeter_cells(codes.shape)
    ends = np.full(codes.shape, -1, dtype=np.int32)
    flow_ends(codes, ends, starts=cells, own=True)
    last = ends.ravel()[cells]
    direction = np.ascontiguousarray(window[1:-1, 1:-1])
    border = border_of(direction, codes, np.maximum(labels.ravel()[last], 0))
    return _Record(border, last // codes.shape[1], counts)


def _solve(
    records: dict[Index, _Record], chunks: Chunks, fill: float | None
) -> dict[Index, tuple[np.ndarray, np.ndarray]]:
    """Give the outlets of the whole raster their numbers; find what border cells drain to."""
    from mineeco_xr.kernels.flow_forest import roots

    first = _first_numbers(records, chunks)
    graph = linked({index: record.border for index, record in records.items()}, chunks)
    offset = np.concatenate([first[index][records[index].rows] for index in sorted(records)])
    own = np.where(graph.leaves | (graph.values == 0), 0, graph.values + offset)
    label = own[roots(graph.successor, graph.order)]
    beyond = np.where(graph.across >= 0, label[graph.across], 0)
    return {index: (first[index], beyond[part]) for index, part in graph.slices.items()}


def _first_numbers(records: dict[Index, _Record], chunks: Chunks) -> dict[Index, np.ndarray]:
    """Return for each row of each block how many outlets come before it in the raster."""
    first = {}
    before = 0
    for i in range(len(chunks[0])):
        counts = np.stack([records[i, j].counts for j in range(len(chunks[1]))], axis=1)
        running = np.cumsum(counts).reshape(counts.shape)
        for j in range(len(chunks[1])):
            first[i, j] = before + running[:, j] - counts[:, j]
        before += int(running[-1, -1])
    return first


def _finish(
    window: np.ndarray,
    *outlets: np.ndarray,
    answer: tuple[np.ndarray, np.ndarray],
    place: Place,
    fill: float | None,
) -> np.ndarray:
    from mineeco_xr.kernels.drainage import EXIT, flow_ends

    first, beyond = answer
    codes, labels, _ = _labelled(window, outlets, first, fill)
    cells = perimeter_cells(codes.shape)
    out = codes.ravel()[cells] == EXIT
    labels.ravel()[cells[out]] = beyond[out]
    flow_ends(codes, labels)
    return labels
