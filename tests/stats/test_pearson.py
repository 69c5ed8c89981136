"""Pearson correlation in every cell."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import mineeco_xr as mx
from mineeco_xr.errors import GridMismatch, ParameterError, SchemaError
from mineeco_xr.testing import assert_chunk_invariant, assert_lazy, chunkings, rasters, with_grid

SHAPE = (9, 11)


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


@settings(max_examples=15)
@given(
    one=rasters(times=12, shape=SHAPE),
    two=rasters(times=12, shape=SHAPE),
    detrend=st.sampled_from([None, "linear", "difference"]),
    data=st.data(),
)
def test_any_chunking_gives_the_same_bits(one, two, detrend, data):
    chunks = {**data.draw(chunkings(SHAPE)), "time": data.draw(st.sampled_from([1, 5, 12]))}
    layers = with_grid(one), with_grid(two, name="other")
    assert_chunk_invariant(
        mx.pearson, *layers, chunks=chunks, min_n=4, detrend=detrend, fdr=data.draw(st.booleans())
    )


@settings(max_examples=15)
@given(one=rasters(times=14, shape=(3, 3)), two=rasters(times=14, shape=(3, 3), dtype="float64"))
def test_equals_scipy_with_gaps(one, two):
    found = mx.pearson(with_grid(one), with_grid(two))
    for i, j in np.ndindex(3, 3):
        x, y = one[:, i, j].astype("float64"), two[:, i, j]
        use = np.isfinite(x) & np.isfinite(y)
        assert found["n"][i, j] == use.sum()
        if use.sum() < 10 or np.ptp(x[use]) == 0 or np.ptp(y[use]) == 0:
            assert np.isnan(found["r"][i, j])
            assert np.isnan(found["p"][i, j])
            continue
        peer = stats.pearsonr(x[use], y[use])
        assert found["r"][i, j] == pytest.approx(peer.statistic, abs=1e-12)
        assert found["p"][i, j] == pytest.approx(peer.pvalue, abs=1e-12)


def test_a_station_is_a_raster_of_one_value_a_date():
    rain = noise(12)
    npp = with_grid(noise(12, 3, 4, seed=1), name="npp")
    station = xr.DataArray(rain, dims="time", coords={"time": npp["time"]}, name="rain")
    spread = with_grid(np.broadcast_to(rain[:, None, None], (12, 3, 4)).copy())
    expected = mx.pearson(npp, spread)
    for data, other in ((npp, station), (npp.chunk({"x": 3}), station.chunk({"time": 5}))):
        found = mx.pearson(data, other)
        for name in ("r", "p", "n"):
            np.testing.assert_array_equal(found[name], expected[name])


def test_a_shared_trend_is_taken_off():
    years = np.arange(20.0)[:, None, None]
    one, two = noise(20, 2, 2), noise(20, 2, 2, seed=1)
    layers = with_grid(one + years), with_grid(two - years)
    assert (mx.pearson(*layers)["r"] < -0.9).all()
    found = mx.pearson(*layers, detrend="linear")
    base = np.column_stack([np.ones(20), years[:, 0, 0]])
    for i, j in np.ndindex(2, 2):
        left, right = (
            layer.values[:, i, j] - base @ np.linalg.lstsq(base, layer.values[:, i, j])[0]
            for layer in layers
        )
        r = stats.pearsonr(left, right).statistic
        t = abs(r) * np.sqrt(17 / (1 - r * r))
        assert found["r"][i, j] == pytest.approx(r, abs=1e-12)
        assert found["p"][i, j] == pytest.approx(2 * stats.t.sf(t, 17), abs=1e-12)
    steps = mx.pearson(*layers, detrend="difference")
    peer = stats.pearsonr(np.diff(layers[0].values[:, 0, 0]), np.diff(layers[1].values[:, 0, 0]))
    assert steps["r"][0, 0] == pytest.approx(peer.statistic, abs=1e-12)
    assert (steps["n"] == 19).all()


def test_a_gap_costs_the_steps_on_both_its_sides():
    values = noise(14, 1, 1)
    values[5] = np.nan
    found = mx.pearson(with_grid(values), with_grid(noise(14, 1, 1, seed=1)), detrend="difference")
    assert found["n"].item() == 11


def test_a_line_leaves_nothing_when_its_trend_is_taken():
    line = with_grid((0.1 * np.arange(12.0) + 3)[:, None, None].astype("float32"))
    other = with_grid(noise(12, 1, 1))
    for detrend in ("linear", "difference"):
        assert np.isnan(mx.pearson(other, line, detrend=detrend)["r"]).all()
    assert np.isfinite(mx.pearson(other, line)["r"]).all()


def test_significance_is_benjamini_and_hochbergs():
    one = noise(12, 40, 50)
    two = noise(12, 40, 50, seed=1)
    two[:, :10] += 2 * one[:, :10]
    one[:, 3, 4] = np.nan
    layers = with_grid(one).chunk({"x": 20}), with_grid(two).chunk({"y": 13})
    found = assert_lazy(mx.pearson, *layers, fdr=True).compute()
    p, code = found["p"].values, found["significance"].values
    use = np.isfinite(p)
    q = stats.false_discovery_control(p[use])
    for number, level in ((2, 0.10), (3, 0.05), (4, 0.01)):
        np.testing.assert_array_equal(code[use] >= number, q <= level)
    assert (code[~use] == 0).all()
    assert found["significance"].attrs["_FillValue"] == 0
    assert found["significance"].attrs["flag_meanings"].split()[0] == "not_significant"
    assert 300 < (code[use] >= 3).sum() < 560


def test_perfect_correlation_counts_as_a_test():
    one = noise(12, 1, 40)
    found = mx.pearson(with_grid(one), with_grid(2 * one), fdr=True)
    assert (found["significance"] == 4).all()


def test_integers_nodata_codes_and_the_order_of_dims():
    values = np.arange(12, dtype="int16")[:, None, None] * np.ones((1, 2, 3), "int16")
    stored = with_grid(values.copy())
    stored[4, 0, 0] = -999
    stored.attrs["_FillValue"] = -999
    other = with_grid(np.sqrt(values.astype(float)))
    found = mx.pearson(stored, other)
    expected = stats.pearsonr(values[:, 0, 0], np.sqrt(np.arange(12.0))).statistic
    assert found["n"].values.tolist() == [[11, 12, 12], [12, 12, 12]]
    assert found["r"][0, 1].item() == pytest.approx(expected, abs=1e-12)
    turned = mx.pearson(stored.transpose("x", "y", "time"), other.transpose("y", "time", "x"))
    np.testing.assert_array_equal(turned["r"], found["r"])
    assert turned["r"].dims == ("y", "x")


def test_bad_input():
    raster = with_grid(noise(12, 3, 4), name="npp")
    with pytest.raises(GridMismatch, match="'other' is shifted"):
        mx.pearson(raster, raster.assign_coords(x=raster["x"] + 15))
    with pytest.raises(SchemaError, match=r"'other' lacks \[2012"):
        mx.pearson(raster, raster[:11])
    with pytest.raises(SchemaError, match="12 common dates and min_n is 13"):
        mx.pearson(raster, raster, min_n=13)
    with pytest.raises(SchemaError, match="11 common differences and min_n is 12"):
        mx.pearson(raster, raster, min_n=12, detrend="difference")
    with pytest.raises(ParameterError, match="at least 3 dates"):
        mx.pearson(raster, raster, min_n=2)
    with pytest.raises(ParameterError, match="at least 4 dates"):
        mx.pearson(raster, raster, min_n=3, detrend="linear")
    with pytest.raises(ParameterError, match="'quadratic'"):
        mx.pearson(raster, raster, detrend="quadratic")
    with pytest.raises(SchemaError, match=r"'other' \(npp\) has dims \('y', 'x'\)"):
        mx.pearson(raster, raster[0])
    with pytest.raises(SchemaError, match="'data'"):
        mx.pearson(raster[:, 0, 0], raster)
    twice = raster.isel(time=[0, *range(11)])
    with pytest.raises(SchemaError, match="stands twice"):
        mx.pearson(twice, twice)


def test_what_it_is_is_written_down():
    one = with_grid(noise(12, 2, 2), name="npp", units="gC m-2 yr-1")
    found = one.mine.pearson(with_grid(noise(12, 2, 2, seed=1), name="rain", units="mm"))
    assert found["r"].attrs["long_name"] == "Pearson correlation of npp and rain"
    assert {layer.attrs["units"] for layer in found.values()} == {"1"}
    assert "pearson(npp, rain" in found.attrs["history"]
    assert (found.attrs["other"], found.attrs["other_units"]) == ("rain", "mm")
