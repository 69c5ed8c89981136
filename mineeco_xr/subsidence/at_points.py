"""What panels do at points: bench marks, profiles, pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from mineeco_xr.errors import ParameterError, SchemaError
from mineeco_xr.subsidence.forward import as_dates
from mineeco_xr.subsidence.observations import bring_to, read_places
from mineeco_xr.subsidence.outputs import compute_outputs, resolve_outputs
from mineeco_xr.subsidence.panels import Panels, read_panels
from mineeco_xr.subsidence.points import Pairs, ground_at, shares_at
from mineeco_xr.subsidence.rectangles import FORMS
from mineeco_xr.subsidence.slices import slice_counts


def subsidence_at(
    points: Any,
    panels: Any,
    *,
    output: str | Sequence[str] = "subsidence",
    time: Sequence[Any] | None = None,
    form: str = "textbook",
    time_function: str | None = "knothe",
    time_parameters: Mapping[str, Any] | None = None,
    slices: int | str = "auto",
) -> pd.DataFrame:
    """Predict the subsidence over mined panels at points.

    Parameters
    ----------
    points : GeoDataFrame or DataFrame
        Points in any reference system, or columns ``x`` and ``y`` in that of the panels; and
        perhaps ``name``.
    panels : GeoDataFrame, DataFrame, str, Path or Panels
        As for :func:`mineeco_xr.read_panels`.
    output, time, form, time_function, time_parameters, slices
        As for :func:`mineeco_xr.subsidence`.

    Returns
    -------
    pandas.DataFrame
        ``name``, ``x``, ``y`` (in the panels' reference system), ``time`` where it is asked for,
        and one column an output, m, m m-1 or m-1: one row a point and date.

    Raises
    ------
    SchemaError
        If a column is missing.
    GridMismatch
        If coordinates are in degrees.
    ParameterError
        If a parameter is out of its range.

    Notes
    -----
    The equations of :func:`mineeco_xr.subsidence`, in float64 at the points themselves.

    Examples
    --------
    >>> mine = pd.DataFrame({
    ...     "x": [1500.0], "y": [1500.0], "length": [1200.0], "width": [1200.0], "azimuth": [90.0],
    ...     "depth": [300.0], "thickness": [4.0], "q": [0.8], "tan_beta": [2.0],
    ... })
    >>> marks = pd.DataFrame({"x": [1500.0, 900.0], "y": [1500.0, 900.0]})
    >>> subsidence_at(marks, mine)["subsidence"].round(3).tolist()
    [3.2, 0.8]
    """
    if form not in FORMS:
        raise ParameterError(f"form is {form!r}: choose from {FORMS}.")
    names, components = resolve_outputs(output)
    places, mined = read_together(points, panels)
    table = mined.table
    if any(name[0] in "Ue" for name in components) and table["b"].isna().any():
        raise SchemaError(
            f"panel {table['name'][table['b'].isna()].iloc[0]!r} has no b, which displacement and "
            "strain need: add a column 'b' or overburden; usual are 0.2 to 0.4."
        )
    table = table.fillna({"b": 0.0})
    dates = None if time is None else as_dates(time)
    repeats = 1 if dates is None else len(dates)
    found = pd.concat([places[["name", "x", "y"]]] * repeats, ignore_index=True)
    pairs = Pairs(found["x"].to_numpy(), found["y"].to_numpy(), [table], form)
    counts, shares = np.ones(len(table), dtype="int64"), None
    if dates is not None:
        found["time"] = np.repeat(dates, len(places))
        counts = slice_counts(table, slices)
        never = np.full(len(found), np.datetime64("NaT"), dtype="datetime64[ns]")
        given = time_parameters
        shares = shares_at(table, time_function, given, found["time"].to_numpy(), never)
    values = ground_at(pairs, table, components, counts, shares)
    layers = compute_outputs(names, components, values.T[None, :, :, None])
    for name, layer in zip(names, layers, strict=True):
        found[name] = layer[0, :, 0]
    return found


def read_together(points: Any, panels: Any) -> tuple[pd.DataFrame, Panels]:
    """Read points and panels, in one reference system in metres.

    Raises
    ------
    GridMismatch
        If there is none.
    """
    places, crs = read_places(points)
    mined = read_panels(panels)
    if mined.crs is None and crs is not None:
        places, crs = bring_to(places, crs, None)
        return places, Panels(mined.table, crs)
    return bring_to(places, crs, mined.crs)[0], mined
