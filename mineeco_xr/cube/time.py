"""Time coordinates: checked, and turned into years."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr

from mineeco_xr.errors import SchemaError


def decimal_years(data: xr.DataArray, dim: str = "time") -> np.ndarray:
    """Return the time coordinate in years since its first date.

    Dates on one day of the year, such as those of yearly composites, are whole years apart;
    otherwise a date counts as its year plus the elapsed share of that year.

    Parameters
    ----------
    data : xarray.DataArray
        With the coordinate ``dim``: dates, or numbers that are taken as years.
    dim : str
        Name of the dim.

    Returns
    -------
    ndarray of float64
        Strictly increasing, beginning with 0.

    Raises
    ------
    SchemaError
        If the coordinate is missing, has gaps, or is not strictly increasing.

    Examples
    --------
    >>> import pandas as pd, xarray as xr
    >>> dates = pd.to_datetime(["2010-09-30", "2011-09-30", "2013-09-30"])
    >>> decimal_years(xr.DataArray([1, 2, 3], dims="time", coords={"time": dates}))
    array([0., 1., 3.])
    """
    label = data.name or "the raster"
    if dim not in data.dims:
        raise SchemaError(f"{label!r} has no dim {dim!r}: it has {tuple(data.dims)}.")
    if dim not in data.coords:
        raise SchemaError(f"{label!r} has no {dim!r} coordinate: assign the dates.")
    values = data[dim].values
    if np.issubdtype(values.dtype, np.datetime64):
        dates = pd.DatetimeIndex(values)
        if dates.hasnans:
            raise SchemaError(f"{label!r} has a date that is missing (NaT) along {dim!r}.")
        same_day = len(set(zip(dates.month.tolist(), dates.day.tolist(), strict=True))) == 1
        share = 0 if same_day else (dates.day_of_year - 1) / np.where(dates.is_leap_year, 366, 365)
        years = np.asarray(dates.year + share, dtype="float64")
    elif np.issubdtype(values.dtype, np.number):
        years = np.asarray(values, dtype="float64")
    else:
        raise SchemaError(f"{label!r}: {dim!r} holds {values.dtype}, neither dates nor years.")
    require_increasing(years, values, str(label), dim)
    return years - years[0] if years.size else years


def require_increasing(years: np.ndarray, values: np.ndarray, label: str, dim: str) -> None:
    """Refuse dates that repeat or go backwards, naming the first.

    Raises
    ------
    SchemaError
        With the date at fault.
    """
    wrong = np.flatnonzero(np.diff(years) <= 0)
    if wrong.size:
        at = int(wrong[0]) + 1
        kind = "stands twice" if values[at] == values[at - 1] else "is out of order"
        raise SchemaError(
            f"{label!r}: the date {str(values[at])[:10]} {kind} along {dim!r}. Drop the duplicate "
            f"or call sortby({dim!r})."
        )


def require_same_times(layers: Mapping[str, xr.DataArray], dim: str = "time") -> None:
    """Check that all layers that have a time dim have the same dates.

    Raises
    ------
    SchemaError
        Naming the dates that one layer has and the other lacks.
    """
    dated = {
        name: pd.Index(layer[dim].values) for name, layer in layers.items() if dim in layer.dims
    }
    if not dated:
        return
    first, *others = dated
    for name in others:
        if dated[name].equals(dated[first]):
            continue
        lacking = dated[first].difference(dated[name])
        extra = dated[name].difference(dated[first])
        raise SchemaError(
            f"{name!r} and {first!r} have different dates along {dim!r}: {name!r} lacks "
            f"{_some(lacking)} and has {_some(extra)} beside them. Select common dates with "
            f"sel({dim}=...), or reindex to mark gaps."
        )


def _some(dates: pd.Index, most: int = 4) -> str:
    if not len(dates):
        return "none"
    shown = [str(date)[:10] for date in dates[:most]]
    return "[" + ", ".join(shown) + (", ..." if len(dates) > most else "") + "]"
