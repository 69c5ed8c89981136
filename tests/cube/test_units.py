"""Units: read, compared, converted."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import xarray as xr

from mineeco_xr.cube import convert_units, parse_units, unit_factor, unit_ratio
from mineeco_xr.errors import MineecoWarning, UnitError


@pytest.mark.parametrize(
    "text",
    ["gC m-2 yr-1", "g C m-2 year-1", "gC/m2/yr", "gC m^-2 a-1", "gC m**-2 yr**-1", "gC/m²/yr"],
)
def test_spellings_of_one_unit(text):
    assert parse_units(text) == {"gC": 1, "m": -2, "yr": -1}


@pytest.mark.parametrize(
    ("found", "target", "factor"),
    [
        ("kgC m-2 yr-1", "gC m-2 yr-1", 1000),
        ("tC ha-1", "gC m-2", 100),
        ("cm", "mm", 10),
        ("mm d-1", "mm yr-1", 365.25),
        ("m2", "ha", 1e-4),
        ("%", "1", 0.01),
        ("1", "1", 1),
    ],
)
def test_factors(found, target, factor):
    assert unit_factor(found, target) == pytest.approx(factor, rel=1e-12)


@pytest.mark.parametrize(
    ("found", "target", "text"),
    [
        ("g m-2", "gC m-2", "does not measure the same"),
        ("mm", "mm yr-1", "does not measure the same"),
        ("furlongz", "m", "unknown unit"),
        ("degC", "K", "offset"),
        ("m-2-", "m", "cannot read"),
    ],
)
def test_wrong_units(found, target, text):
    with pytest.raises(UnitError, match=text):
        unit_factor(found, target, name="'npp'")


def test_equal_units_need_no_pint(monkeypatch):
    monkeypatch.delitem(sys.modules, "pint", raising=False)
    assert unit_factor("gC m-2 yr-1", "gC/m2/year") == 1.0
    assert unit_ratio("gC m-2 yr-1", "mm yr-1") == "gC m-2 mm-1"
    assert "pint" not in sys.modules


def test_conversion_is_lazy_and_keeps_the_type():
    data = xr.DataArray(np.ones(4, "float32"), dims="x", attrs={"units": "kgC m-2"}, name="npp")
    lazy = convert_units(data.chunk({"x": 2}), "gC m-2")
    assert lazy.chunks is not None
    assert lazy.dtype == "float32"
    assert lazy.attrs["units"] == "gC m-2"
    assert lazy.compute().values.tolist() == [1000.0] * 4


def test_a_missing_unit_warns_and_is_taken_as_expected():
    data = xr.DataArray([1.0], dims="x", name="npp")
    with pytest.warns(MineecoWarning, match=r"'npp' has no units: taken as 'gC m-2'"):
        assert convert_units(data, "gC m-2").item() == 1.0
