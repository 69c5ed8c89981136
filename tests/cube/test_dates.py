"""Dates in names."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mineeco_xr.cube.dates import parse_date
from mineeco_xr.errors import ParameterError, SchemaError


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("MOD17A3HGF.061_Npp_500m_doy2004001_aid0001.tif", "2004-01-01"),
        ("MOD16A3GF.A2012366.h26v04.061.2022.tif", "2012-12-31"),
        ("LC08_20190715_sr.tif", "2019-07-15"),
        ("ndvi_2019-07-15.tif", "2019-07-15"),
        ("mapbiomas_1985_30m.tif", "1985-01-01"),
        ("2001.tif", "2001-01-01"),
        ("lst_2003-08.tif", "2003-08-01"),
    ],
)
def test_usual_names(name, day):
    assert parse_date(name) == np.datetime64(day)


@given(day=st.dates(min_value=np.datetime64("1850-01-01").astype(object)))
def test_any_day_comes_back(day):
    if day.year > 2199:
        return
    assert parse_date(f"a_{day:%Y%m%d}_b.tif", "_{year}{month}{day}_") == np.datetime64(day)
    assert parse_date(f"a{day:%Y%j}.tif", "a{year}{doy}") == np.datetime64(day)
    assert parse_date(f"{day:%Y}x", r"(?P<year>\d{4})x") == np.datetime64(f"{day:%Y}-01-01")


@pytest.mark.parametrize("name", ["dem.tif", "band_123456789.tif", "v1.tif"])
def test_no_date(name):
    with pytest.raises(SchemaError, match="holds no date"):
        parse_date(name)


def test_impossible_dates_and_patterns():
    with pytest.raises(SchemaError, match="impossible date"):
        parse_date("x_20010231", "_{year}{month}{day}")
    with pytest.raises(SchemaError, match="no day 366 in 2001"):
        parse_date("doy2001366")
    with pytest.raises(ParameterError, match=r"has no \{year\}"):
        parse_date("x", "{month}")
    with pytest.raises(ParameterError, match="regular expression"):
        parse_date("x", "(?P<year>")
