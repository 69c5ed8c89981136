"""Gi* by its formula, and the false discovery rate by scipy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import false_discovery_control, norm

import mineeco_xr as mx
from mineeco_xr.errors import GridMismatch, ParameterError, SchemaError
from mineeco_xr.stats import false_discovery
from mineeco_xr.testing import assert_chunk_invariant, chunkings, rasters, with_grid

SHAPE = (12, 13)


def by_formula(values, radius, dx, dy, shape="disc"):
    """Getis-Ord Gi* with binary weights, the cell included."""
    valid = np.isfinite(values)
    n, mean, spread = valid.sum(), values[valid].mean(), values[valid].std()
    rows, columns = np.mgrid[: values.shape[0], : values.shape[1]]
    z = np.full(values.shape, np.nan)
    for i, j in zip(*np.nonzero(valid), strict=True):
        down, across = np.abs(rows - i) * dy, np.abs(columns - j) * dx
        reach = np.hypot(down, across) if shape == "disc" else np.maximum(down, across)
        near = valid & (reach <= radius * (1 + 1e-9))
        w = near.sum()
        below = spread * np.sqrt((n * w - w * w) / (n - 1)) if w < n else 0.0
        if below > 0:
            z[i, j] = (values[near].sum() - mean * w) / below
    return z


@given(
    seed=st.integers(0, 9999),
    radius=st.sampled_from([30.0, 45.0, 60.0, 100.0]),
    shape=st.sampled_from(["disc", "square"]),
    offset=st.sampled_from([0.0, 1e5]),
)
def test_equals_the_formula(seed, radius, shape, offset):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=SHAPE) + offset
    values[rng.random(SHAPE) < 0.2] = np.nan
    found = mx.hot_spots(with_grid(values, resolution=(30.0, 20.0)), radius, shape=shape)
    z = by_formula(values - offset, radius, 30, 20, shape)
    np.testing.assert_allclose(found["z"], z, rtol=1e-9, atol=1e-9 if offset else 1e-12)
    np.testing.assert_allclose(found["p"], 2 * norm.sf(np.abs(z)), rtol=1e-8)
    levels = sum((found["p"].values <= level).astype(int) for level in (0.1, 0.05, 0.01))
    codes = np.where(np.isnan(z), -128, np.sign(np.nan_to_num(z)) * levels)
    np.testing.assert_array_equal(found["bin"], codes)


@settings(max_examples=10)
@given(seed=st.integers(0, 9999), offset=st.sampled_from([1e6, 1e8, -3e7]), data=st.data())
def test_a_large_offset_loses_no_digits(seed, offset, data):
    """Values of few bits carry the offset without rounding, so that z must not change."""
    values = np.random.default_rng(seed).integers(-4096, 4096, SHAPE) / 4096
    plain = mx.hot_spots(with_grid(values), 60)["z"]
    raster = with_grid(values + offset)
    found = mx.hot_spots(raster, 60)["z"]
    np.testing.assert_allclose(found, plain, rtol=1e-12, atol=1e-12)
    parts = mx.hot_spots(raster.chunk(data.draw(chunkings(SHAPE))), 60)["z"]
    np.testing.assert_array_equal(parts, found)


@settings(max_examples=15)
@given(
    values=rasters(times=2, shape=SHAPE),
    data=st.data(),
    radius=st.sampled_from([30.0, 70.0, 1000.0]),
    correction=st.sampled_from([None, "fdr"]),
)
def test_any_chunking_agrees(values, data, radius, correction):
    chunks = {**data.draw(chunkings(SHAPE)), "time": data.draw(st.sampled_from([1, 2]))}
    raster = with_grid(values)
    assert_chunk_invariant(
        mx.hot_spots, raster, chunks=chunks, radius=radius, correction=correction
    )


@pytest.mark.parametrize("bins_per_unit", [1, 2048])
@settings(max_examples=12)
@given(seed=st.integers(0, 9999), ties=st.booleans())
def test_false_discovery_rate_equals_scipy(bins_per_unit, seed, ties):
    """One bin a unit leaves bins undecided, whose values are then collected."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(20, 20))
    values[: rng.integers(0, 12), :6] += rng.uniform(0, 3)
    values[rng.random(values.shape) < 0.1] = np.nan
    raster = with_grid(values.round(1) if ties else values)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(false_discovery, "BINS_PER_UNIT", bins_per_unit)
        found = mx.hot_spots(raster.chunk({"x": 7}), 45, correction="fdr").compute()
    valid = np.isfinite(values)
    adjusted = false_discovery_control(found["p"].values[valid])
    levels = sum((adjusted <= level).astype(int) for level in (0.1, 0.05, 0.01))
    expected = np.sign(found["z"].values[valid]) * levels
    np.testing.assert_array_equal(found["bin"].values[valid], expected)
    np.testing.assert_array_equal(found["z"], mx.hot_spots(raster, 45)["z"])


def test_too_many_undecided_scores_stay_on_the_safe_side(monkeypatch):
    rng = np.random.default_rng(5)
    values = rng.normal(size=(30, 30))
    values[:9, :9] += 1.0
    raster = with_grid(values)
    exact = mx.hot_spots(raster, 45, correction="fdr")["bin"].values
    monkeypatch.setattr(false_discovery, "BINS_PER_UNIT", 1)
    monkeypatch.setattr(false_discovery, "MOST_COLLECTED", 0)
    safe = mx.hot_spots(raster, 45, correction="fdr")["bin"].values
    assert (np.abs(safe) <= np.abs(exact)).all()
    assert (safe != exact).any()


def test_dates_are_taken_by_themselves():
    values = np.random.default_rng(0).normal(size=(2, *SHAPE)) * [[[1.0]], [[50.0]]]
    both = mx.hot_spots(with_grid(values).transpose("y", "time", "x"), 60, correction="fdr")
    assert both["z"].dims == ("y", "time", "x")
    for t in range(2):
        alone = mx.hot_spots(with_grid(values[t]), 60, correction="fdr")
        for name in alone:
            np.testing.assert_array_equal(both[name].isel(time=t), alone[name])


@pytest.mark.parametrize(
    "values", [np.full((4, 5), 0.1), np.full((4, 5), np.nan), np.array([[3.0]])],
    ids=["constant", "empty", "one cell"],
)  # fmt: skip
def test_rasters_without_spread_have_no_spots(values):
    for correction in (None, "fdr"):
        found = mx.hot_spots(with_grid(values), 30, correction=correction)
        assert found["z"].isnull().all()
        assert found["p"].isnull().all()
        assert (found["bin"] == -128).all()


def test_attributes():
    found = mx.hot_spots(with_grid(np.eye(4), name="risk"), 30, correction="fdr")
    assert found["bin"].dtype == "int8"
    assert found["bin"].attrs["_FillValue"] == -128
    assert len(found["bin"].attrs["flag_meanings"].split()) == 7
    assert found["z"].attrs["units"] == "1"
    assert "false discovery" in found["bin"].attrs["long_name"]


def test_bad_input():
    raster = with_grid(np.zeros((4, 5)))
    for radius in (29, -1, np.inf, np.nan, "30", None, True, [30]):
        with pytest.raises(ParameterError, match="must reach the next cell"):
            mx.hot_spots(raster, radius)
    with pytest.raises(ParameterError, match="'ring' is unknown"):
        mx.hot_spots(raster, 30, shape="ring")
    with pytest.raises(ParameterError, match="'bonferroni' is unknown"):
        mx.hot_spots(raster, 30, correction="bonferroni")
    with pytest.raises(GridMismatch, match="metres"):
        mx.hot_spots(with_grid(np.zeros((4, 5)), crs="EPSG:4326", resolution=0.1, origin=(0, 9)), 1)
    with pytest.raises(SchemaError, match="select one of"):
        mx.hot_spots(raster.expand_dims(time=2, band=2), 30)
