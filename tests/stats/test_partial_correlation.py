"""Partial correlation in every cell."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import mineeco_xr as mx
from mineeco_xr.errors import GridMismatch, ParameterError, SchemaError
from mineeco_xr.testing import assert_chunk_invariant, chunkings, rasters, with_grid

SHAPE = (5, 7)


def residual_correlation(target, other, *held):
    """Regress both on the others by least squares; return r and p of what is left."""
    use = np.all([np.isfinite(v) for v in (target, other, *held)], axis=0)
    base = np.column_stack([np.ones(use.sum()), *(v[use] for v in held)])
    left, right = (
        v[use] - base @ np.linalg.lstsq(base, v[use], rcond=None)[0] for v in (target, other)
    )
    r = stats.pearsonr(left, right).statistic
    freedom = use.sum() - 2 - len(held)
    return r, 2 * stats.t.sf(abs(r) * np.sqrt(freedom / (1 - r * r)), freedom), use.sum()


@settings(max_examples=10)
@given(
    values=st.tuples(*(rasters(times=12, shape=SHAPE) for _ in range(3))),
    detrend=st.sampled_from([None, "linear", "difference"]),
    data=st.data(),
)
def test_any_chunking_gives_the_same_bits(values, detrend, data):
    chunks = {**data.draw(chunkings(SHAPE)), "time": data.draw(st.sampled_from([1, 5, 12]))}

    def call(one, two, three):
        return mx.partial_correlation(one, two, [three], min_n=6, detrend=detrend, fdr=True)

    assert_chunk_invariant(call, *map(with_grid, values), chunks=chunks)


@pytest.mark.parametrize("count", [1, 2, 4])
@pytest.mark.parametrize("gaps", [0.0, 0.03])
def test_equals_the_correlation_of_residuals(count, gaps):
    rng = np.random.default_rng(count)
    common = rng.normal(size=(24, 4, 5))
    series = [common * share + rng.normal(size=common.shape) for share in range(count + 2)]
    for one in series:
        one[rng.random(one.shape) < gaps] = np.nan
    found = mx.partial_correlation(*map(with_grid, series[:2]), list(map(with_grid, series[2:])))
    for i, j in np.ndindex(4, 5):
        r, p, n = residual_correlation(*(one[:, i, j] for one in series))
        assert found["r"][i, j] == pytest.approx(r, abs=1e-12)
        assert found["p"][i, j] == pytest.approx(p, abs=1e-12)
        assert found["n"][i, j] == n


def test_time_held_fixed_is_a_linear_trend_taken_off():
    rng = np.random.default_rng(0)
    one, two = (with_grid(rng.normal(size=(15, 3, 3)).cumsum(axis=0)) for _ in range(2))
    years = xr.DataArray(np.arange(15.0), dims="time", coords={"time": one["time"]})
    held = mx.partial_correlation(one, two, years)
    off = mx.pearson(one, two, detrend="linear")
    for name in ("r", "p", "n"):
        np.testing.assert_allclose(held[name], off[name], rtol=1e-12)


def test_collinear_and_constant_variables_are_nodata():
    rng = np.random.default_rng(0)
    one, two, three = (with_grid(rng.normal(size=(15, 1, 1))) for _ in range(3))
    half = (0.5 * three + 7).astype("float32")
    for held in ([three, 2 * three + 1], [half, 3 * half - 1], [three, half], [three * 0 + 3]):
        found = mx.partial_correlation(one, two, held)
        assert np.isnan(found["r"]).all()
        assert np.isnan(found["p"]).all()
        assert found["n"].item() == 15
    assert np.isnan(mx.partial_correlation(one, 2 * three, three)["r"]).all()
    exact = mx.partial_correlation(two + three, two, three)
    assert exact["r"].item() == pytest.approx(1, abs=1e-12)


def test_planted_partial_correlations_are_found():
    # rain drives production, warmth only seems to: it comes with rain.
    rng = np.random.default_rng(3)
    rain = rng.normal(size=(24, 30, 30))
    warmth = 0.8 * rain + 0.6 * rng.normal(size=rain.shape)
    npp = rain + rng.normal(size=rain.shape)
    layers = {"npp": npp, "rain": rain, "warmth": warmth}
    cube = xr.Dataset({name: with_grid(values, name=name) for name, values in layers.items()})
    seeming = cube["npp"].mine.pearson(cube["warmth"])["r"]
    true = cube["npp"].mine.partial_correlation(cube["warmth"], cube[["rain"]])
    real = cube["npp"].mine.partial_correlation(cube["rain"], {"warmth": cube["warmth"]})
    assert float(seeming.mean()) == pytest.approx(0.8 / np.sqrt(2), abs=0.02)
    assert float(true["r"].mean()) == pytest.approx(0, abs=0.02)
    # r_ab.c = (r_ab - r_ac r_bc) / sqrt((1 - r_ac^2) (1 - r_bc^2))
    expected = (np.sqrt(0.5) - 0.8 * 0.8 * np.sqrt(0.5)) / (0.6 * np.sqrt(1 - 0.32))
    assert float(real["r"].mean()) == pytest.approx(expected, abs=0.02)
    assert float((true["p"] < 0.05).mean()) == pytest.approx(0.05, abs=0.025)


def test_bad_input():
    raster = with_grid(np.random.default_rng(0).normal(size=(12, 3, 4)))
    with pytest.raises(ParameterError, match="at least one DataArray"):
        mx.partial_correlation(raster, raster, [])
    with pytest.raises(ParameterError, match="at least one DataArray"):
        mx.partial_correlation(raster, raster, ["rain"])
    with pytest.raises(ParameterError, match="2 variables held fixed a test needs at least 5"):
        mx.partial_correlation(raster, raster, [raster, raster], min_n=4)
    with pytest.raises(SchemaError, match=r"'given\[1\]' and 'data' have different dates"):
        mx.partial_correlation(raster, raster, [raster, raster[1:]])
    moved = raster.assign_coords(y=raster["y"] + 30)
    with pytest.raises(GridMismatch, match="'rain' is shifted"):
        mx.partial_correlation(raster, raster, {"rain": moved})
