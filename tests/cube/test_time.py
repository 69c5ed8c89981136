"""Time coordinates."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from mineeco_xr.cube.time import decimal_years, require_same_times
from mineeco_xr.errors import SchemaError


def dated(dates, name="npp"):
    return xr.DataArray(
        np.zeros(len(dates)), dims="time", coords={"time": pd.to_datetime(dates)}, name=name
    )


def test_years_within_a_year():
    found = decimal_years(dated(["2001-01-01", "2001-07-02", "2002-01-01", "2004-12-31"]))
    np.testing.assert_allclose(found, [0, 182 / 365, 1, 3 + 365 / 366])


def test_numbers_are_years():
    data = xr.DataArray([1.0, 2.0], dims="time", coords={"time": [1999, 2003]})
    assert decimal_years(data).tolist() == [0, 4]


@pytest.mark.parametrize(
    ("dates", "text"),
    [
        (["2001-01-01", "2001-01-01"], "2001-01-01 stands twice"),
        (["2002-01-01", "2001-01-01"], r"out of order.*sortby"),
        (["2001-01-01", None], "missing"),
    ],
)
def test_bad_dates(dates, text):
    with pytest.raises(SchemaError, match=text):
        decimal_years(dated(dates))


def test_no_time():
    with pytest.raises(SchemaError, match="no dim 'time'"):
        decimal_years(xr.DataArray([1.0], dims="x"))
    with pytest.raises(SchemaError, match="no 'time' coordinate"):
        decimal_years(xr.DataArray([1.0], dims="time"))
    with pytest.raises(SchemaError, match="neither dates nor years"):
        decimal_years(xr.DataArray([1.0], dims="time", coords={"time": ["a"]}))


def test_different_dates_are_named():
    left, right = dated(["2001-01-01", "2002-01-01"]), dated(["2002-01-01", "2003-01-01"], "et")
    with pytest.raises(SchemaError, match=r"'et' lacks \[2001-01-01\] and has \[2003-01-01\]"):
        require_same_times({"npp": left, "et": right})
    require_same_times({"npp": left, "dem": xr.DataArray(1.0)})
