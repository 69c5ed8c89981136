"""Calendar years of dates, as integers that a raster can hold."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from mineeco_xr.cube.time import decimal_years
from mineeco_xr.errors import SchemaError

YEAR_TYPE = np.dtype("uint16")
NO_YEAR = YEAR_TYPE.type(0)
"""``_FillValue`` of rasters of years."""


def calendar_years(data: xr.DataArray, dim: str = "time") -> np.ndarray:
    """Return the calendar year of each date.

    Parameters
    ----------
    data : xarray.DataArray
        With the coordinate ``dim``: dates, or numbers that are taken as years.
    dim : str
        Name of the dim.

    Returns
    -------
    ndarray of int64
        From 1 to 65535; equal ones for dates of one year.

    Raises
    ------
    SchemaError
        As for :func:`mineeco_xr.cube.time.decimal_years`, or if a number is no year.

    Examples
    --------
    >>> import pandas as pd, xarray as xr
    >>> dates = pd.to_datetime(["2010-09-30", "2011-06-30"])
    >>> calendar_years(xr.DataArray([1, 2], dims="time", coords={"time": dates}))
    array([2010, 2011])
    """
    decimal_years(data, dim)
    values = data[dim].values
    if np.issubdtype(values.dtype, np.datetime64):
        years = pd.DatetimeIndex(values).year.to_numpy(dtype="int64")
    else:
        years = np.floor(values.astype("float64")).astype("int64")
    if years.size and not 0 < years[0] <= years[-1] <= np.iinfo(YEAR_TYPE).max:
        raise SchemaError(
            f"{data.name or 'the raster'!r}: {dim!r} runs from {values[0]} to {values[-1]}; "
            "expected calendar years such as 2005. Assign dates to it."
        )
    return years
