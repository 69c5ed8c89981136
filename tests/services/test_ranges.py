"""Checks of values: what is out of range is counted before anything long starts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mineeco_xr.chunks import pointwise
from mineeco_xr.chunks.reduced import constant
from mineeco_xr.errors import ParameterError
from mineeco_xr.services.ranges import require_range
from mineeco_xr.testing import assert_lazy, chunkings, rasters, with_grid

CHECK = {"name": "rain", "remedy": "Correct it."}


@settings(max_examples=25)
@given(
    values=rasters(shape=(9, 8)),
    low=st.sampled_from([-1000.0, 0.0, 7.0, 90.0, 1000.0]),
    high=st.sampled_from([3.0, 7.0, 110.0, np.inf]),
    data=st.data(),
)
def test_counts_and_extremes_in_any_chunking(values, low, high, data):
    raster = with_grid(values).chunk(data.draw(chunkings((9, 8))))
    check = assert_lazy(require_range, raster, low, high, **CHECK)
    bad = values[(values < low) | (values > high)]
    if not bad.size:
        assert check.compute() is None
        return
    with pytest.raises(ParameterError) as error:
        check.compute()
    text = str(error.value)
    assert text.startswith(
        f"rain has {bad.size} cells between {bad.min():g} and {bad.max():g} that are out of range"
    )
    assert ("or more" in text) == np.isinf(high)
    assert text.endswith("Correct it.")


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "float32", "float64"])
def test_nodata_is_not_out_of_range(dtype):
    code = 255 if dtype == "uint8" else -9999
    values = np.full((3, 4), 5, dtype)
    values[1, :2] = code
    raster = with_grid(values).assign_attrs(_FillValue=code)
    assert require_range(raster, 0, 10, **CHECK).compute() is None
    with pytest.raises(ParameterError, match=f"rain has 2 cells between {code} and {code}"):
        require_range(raster.drop_attrs(deep=False), 0, 10, **CHECK).compute()
    with pytest.raises(ParameterError, match=r"10 cells between 5 and 5 .* expected 6 to 10"):
        require_range(raster, 6, 10, **CHECK).compute()


def test_empty_rasters_ends_and_infinities():
    assert require_range(with_grid(np.full((2, 2), np.nan)), 0, 1, **CHECK).compute() is None
    assert require_range(with_grid(np.array([[0.0, 1.0]])), 0, 1, **CHECK).compute() is None
    with pytest.raises(ParameterError, match="1 cells between inf and inf"):
        require_range(with_grid(np.array([[0.0, np.inf]])), 0, 1, **CHECK).compute()


def test_dates_count_together():
    values = np.zeros((3, 4, 5), "f4")
    values[0, 0, 0], values[2, 3, 4] = -1, -7
    cube = with_grid(values).chunk({"time": 1, "y": 2})
    with pytest.raises(ParameterError, match="2 cells between -7 and -1"):
        require_range(cube.transpose("x", "time", "y"), 0, **CHECK).compute()


def test_a_failed_check_lets_no_block_be_computed():
    seen = []

    def watched(block, *, shared):
        seen.append(shared)
        return block

    values = np.ones((20, 20))
    values[19, 19] = -1
    raster = with_grid(values).chunk(5)
    for low, fails in ((0, True), (-1, False)):
        shared = constant("ready").after(require_range(raster, low, **CHECK))
        found = assert_lazy(pointwise, watched, raster, dtype="float64", shared=shared)
        if fails:
            with pytest.raises(ParameterError):
                found.compute()
            assert not seen
        else:
            np.testing.assert_array_equal(found, values)
            assert set(seen) == {"ready"}
