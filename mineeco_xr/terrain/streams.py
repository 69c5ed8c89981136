"""Streams: cells through which enough drains."""

from __future__ import annotations

import numpy as np
import xarray as xr

from mineeco_xr.chunks import pointwise
from mineeco_xr.cube.grid import geobox_of
from mineeco_xr.cube.nodata import as_float
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.errors import ParameterError
from mineeco_xr.terrain.invest_tiles import checked_corner
from mineeco_xr.terrain.routing import as_codes, flow_method, nodata_attrs, on_directions
from mineeco_xr.terrain.stream_trace import trace_invest, trace_streams

CONVENTIONS = ("complete", "invest")
TRACE = 0.7
"""InVEST's share of the threshold at which a cell may join two streams."""


def streams(
    accumulation: xr.DataArray,
    threshold: float,
    direction: xr.DataArray | None = None,
    *,
    trace: float | None = None,
    inclusive: bool | None = None,
    convention: str = "complete",
    corner: tuple[int, int] = (0, 0),
) -> xr.DataArray:
    """Find the cells through which more than a threshold drains.

    Parameters
    ----------
    accumulation : xarray.DataArray
        From :func:`flow_accumulation`, dims ``(y, x)`` or ``(time, y, x)``; NaN is nodata.
    threshold : float
        In units of the accumulation: cells when it has no weights. Above 0.
    direction : xarray.DataArray, optional
        The directions it was made of, on the same grid. With those of several receivers streams
        are traced from the outlets, see the notes.
    trace : float, optional
        Share of the threshold from which a cell may join a stream above it to one below, 0 to 1;
        only with directions of several receivers, default 0.7 there.
    inclusive : bool, optional
        Whether a cell of exactly the threshold is a stream. Default as InVEST has it: with one
        receiver it is not, with several it is. The attribute ``flow_method`` of the accumulation,
        or the directions, tell them apart; without either it is not.
    convention : {"complete", "invest"}
        Of traced streams: all cells that the rule keeps, or those that InVEST keeps; see the notes.
    corner : tuple of int
        Row and column of the cell at which InVEST's raster begins, as for :func:`flow_direction`.

    Returns
    -------
    xarray.DataArray
        uint8: 1 on streams, 0 elsewhere, 255 (``_FillValue``) nodata. No stream at all is no
        error: a lower threshold finds some. Lazy when an input is; traced streams as in
        :func:`flow_accumulation`.

    Raises
    ------
    GridMismatch
        If the directions are not on the grid of the accumulation.
    ParameterError
        If the threshold is not positive, the convention is unknown, ``trace`` is out of range
        or without directions of several receivers, or ``corner`` is not two whole numbers or is
        given without ``"invest"``.

    Notes
    -----
    With directions of several receivers, InVEST's rule: from the cells of at least the threshold
    whose flow leaves the data, upwards through cells of at least ``trace`` times the threshold;
    those below the threshold are kept only when a stream further up flows into them, directly or
    through such cells. ``"complete"`` is the fixed point of that rule, equal for any chunking.
    InVEST visits cells in the order of a queue and of its tiles, and leaves out about one in a
    hundred: weaker cells that it meets after the streams above them. ``"invest"`` does the same,
    cell for cell, always as one task that holds the raster. Otherwise pointwise.

    Examples
    --------
    >>> import numpy as np
    >>> from mineeco_xr.testing import with_grid
    >>> sums = with_grid(np.array([[1.0, 2.0, 3.0, np.nan]]))
    >>> streams(sums, 2).values
    array([[  0,   0,   1, 255]], dtype=uint8)
    """
    if not threshold > 0:
        raise ParameterError(f"threshold is {threshold}: a stream drains more than nothing.")
    if convention not in CONVENTIONS:
        raise ParameterError(f"convention {convention!r} is unknown: choose from {CONVENTIONS}.")
    corner = checked_corner(corner, used=convention == "invest")
    geobox_of(accumulation)
    method = accumulation.attrs.get("flow_method") if direction is None else flow_method(direction)
    traced = direction is not None and method == "mfd"
    if trace is not None and not (traced and 0 <= trace <= 1):
        raise ParameterError(
            f"trace is {trace} with {method or 'no'} flow directions: it is a share from 0 to 1 of "
            "the threshold, and needs direction= of method 'mfd'. Leave it out otherwise."
        )
    if inclusive is None:
        inclusive = method == "mfd"
    plain = as_float(accumulation)
    # In the accumulation's own precision: 0.1 of float32 is not 0.1 of float64.
    edge = plain.dtype.type(threshold)
    limit = float(edge if inclusive else np.nextafter(edge, plain.dtype.type(np.inf)))
    sums = plain.astype("float64").transpose(..., "y", "x")
    inputs = {"accumulation": accumulation}
    if direction is not None:
        inputs["direction"] = direction
    if traced and direction is not None:
        share = TRACE if trace is None else trace
        codes, sums = on_directions(as_codes(direction, "mfd"), direction, accumulation=sums)
        if convention == "complete":
            result = trace_streams(codes, sums, limit, share * threshold)
        else:
            result = trace_invest(codes, sums, limit, share * threshold, corner)
    else:
        share = None
        result = pointwise(_above, sums, dtype="uint8", parameters={"limit": limit})
    return finalize(
        result.transpose(..., *accumulation.dims, missing_dims="ignore"),
        function="streams",
        parameters={
            "threshold": threshold,
            "trace": share,
            "inclusive": inclusive,
            "convention": convention,
            **({"corner": corner} if any(corner) else {}),
        },
        inputs=inputs,
        attrs={
            "units": "1",
            "long_name": "stream",
            "flag_values": np.array([0, 1], dtype="uint8"),
            "flag_meanings": "no_stream stream",
            **nodata_attrs("uint8", 255),
        },
        name="stream",
    )


def _above(sums: np.ndarray, *, limit: float) -> np.ndarray:
    return np.where(np.isnan(sums), 255, sums >= limit)
