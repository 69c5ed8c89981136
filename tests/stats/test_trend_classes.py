"""Classes of change against plain comparisons and SciPy's control of false discoveries."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

import mineeco_xr as mx
from mineeco_xr.errors import GridMismatch, ParameterError, SchemaError
from mineeco_xr.testing import assert_lazy, chunkings, with_grid

SHAPE = (40, 50)
FILL = 0


def a_trend(seed=0, share=0.3, dtype="float64"):
    """Return slopes and p of which a share is far below chance."""
    rng = np.random.default_rng(seed)
    p = rng.random(SHAPE)
    p = np.where(rng.random(SHAPE) < share, p**6, p)
    p.flat[:3] = 0.0, 1.0, 1e-310
    slope = rng.normal(size=SHAPE)
    slope[rng.random(SHAPE) < 0.1] = np.nan
    p[rng.random(SHAPE) < 0.1] = np.nan
    layers = {"slope": with_grid(slope.astype(dtype)), "p": with_grid(p.astype(dtype))}
    return xr.Dataset(layers, attrs={"variable": "npp"})


def expected_codes(slope, p, levels):
    degree = 1 + (p < levels[0]).astype(int) + (p < levels[1])
    codes = 4 + np.sign(np.nan_to_num(slope)) * degree
    return np.where(np.isnan(slope) | np.isnan(p), FILL, codes)


def test_codes_follow_sign_and_levels():
    found = mx.trend_classes(a_trend())
    source = a_trend()
    expected = expected_codes(source["slope"].values, source["p"].values, (0.05, 0.01))
    np.testing.assert_array_equal(found, expected)
    assert set(np.unique(expected)) == {0, 1, 2, 3, 5, 6, 7}
    assert (found.dtype, found.attrs["_FillValue"]) == (np.uint8, 0)
    assert len(found.attrs["flag_meanings"].split()) == len(found.attrs["flag_values"]) == 7
    assert found.attrs["long_name"] == "change of npp by direction and significance"
    other = mx.trend_classes(source, alpha=(0.2, 0.001))
    np.testing.assert_array_equal(
        other, expected_codes(source["slope"].values, source["p"].values, (0.2, 0.001))
    )


def test_a_level_itself_is_not_significant():
    p = with_grid(np.array([[0.05, 0.01, np.nextafter(0.05, 0), np.nextafter(0.01, 0)]]))
    found = mx.trend_classes(xr.Dataset({"slope": xr.ones_like(p), "p": p}))
    np.testing.assert_array_equal(found, [[5, 6, 6, 7]])


@pytest.mark.parametrize("share", [0.0, 0.05, 0.5])
@pytest.mark.parametrize("seed", [0, 1])
def test_false_discoveries_are_those_of_scipy(share, seed):
    source = a_trend(seed, share)
    slope, p = source["slope"].values, source["p"].values
    valid = ~(np.isnan(slope) | np.isnan(p))
    adjusted = np.full(SHAPE, np.nan)
    adjusted[valid] = false_discovery_control(p[valid])
    degree = 1 + (adjusted <= 0.05).astype(int) + (adjusted <= 0.01)
    expected = np.where(valid, 4 + np.sign(np.nan_to_num(slope)) * degree, FILL)
    found = mx.trend_classes(source, fdr=True)
    np.testing.assert_array_equal(found, expected)
    assert found.attrs["long_name"].endswith("false discovery rate controlled")


@settings(max_examples=10)
@given(data=st.data(), fdr=st.booleans(), dtype=st.sampled_from(["float32", "float64"]))
def test_any_chunking_gives_the_same_codes(data, fdr, dtype):
    source = a_trend(dtype=dtype)
    expected = mx.trend_classes(source, fdr=fdr)
    chunked = source.chunk(data.draw(chunkings(SHAPE)))
    found = assert_lazy(mx.trend_classes, chunked, fdr=fdr)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found.compute(), expected)


def test_of_a_lazy_trend_and_of_any_method():
    values = np.random.default_rng(0).normal(size=(12, 9, 8))
    values[:, 0] += np.linspace(0, 9, 12)[:, None]
    values[:, 1] -= np.linspace(0, 9, 12)[:, None]
    values[:, 2] = np.nan
    values[:, 3] = 1.0
    for options in ({}, {"correction": "tfpw"}, {"method": "ols"}):
        whole = mx.trend(with_grid(values), **options)
        lazy = mx.trend(with_grid(values).chunk({"y": 2, "x": 5, "time": 4}), **options)
        for fdr in (False, True):
            found = whole.mine.trend_classes(fdr=fdr)
            np.testing.assert_array_equal(lazy.mine.trend_classes(fdr=fdr).compute(), found)
            assert (found[0] >= 6).all()
            assert (found[1] <= 2).all()
            assert (found[2] == FILL).all()
            assert (found[3] == 4).all()


def test_the_score_tells_the_direction_of_a_slope_of_zero():
    steps = np.where(np.arange(24) < 19, 0.0, 1.0)[:, None, None] * np.array([1.0, -1.0])
    found = mx.trend(with_grid(steps))
    assert (found["slope"] == 0).all()
    np.testing.assert_array_equal(mx.trend_classes(found), [[7, 1]])


def test_bad_input():
    source = a_trend()
    with pytest.raises(SchemaError, match=r"lacks \['p'\]; it has \['slope'\]"):
        mx.trend_classes(source[["slope"]])
    for alpha in (0.05, (0.01, 0.05), (0.05, 0.05), (5, 1), (0.05, 0.01, 0.001)):
        with pytest.raises(ParameterError, match="give two levels between 0 and 1"):
            mx.trend_classes(source, alpha=alpha)
    with pytest.raises(ParameterError, match=r"with fdr=True choose two of \(0.1, 0.05, 0.01\)"):
        mx.trend_classes(source, alpha=(0.05, 0.001), fdr=True)
    with pytest.raises(GridMismatch):
        mx.trend_classes(source.drop_vars("spatial_ref"))
