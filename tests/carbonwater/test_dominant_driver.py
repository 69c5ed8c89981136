"""The map of dominant drivers."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import mineeco_xr as mx
from mineeco_xr.errors import ParameterError, SchemaError
from mineeco_xr.testing import assert_chunk_invariant, assert_lazy, chunkings, rasters, with_grid

SHAPE = (7, 9)


@settings(max_examples=8)
@given(
    values=st.tuples(*(rasters(times=12, shape=SHAPE) for _ in range(3))),
    method=st.sampled_from(["pearson", "partial"]),
    fdr=st.booleans(),
    data=st.data(),
)
def test_any_chunking_gives_the_same_bits(values, method, fdr, data):
    chunks = {**data.draw(chunkings(SHAPE)), "time": data.draw(st.sampled_from([1, 5, 12]))}

    def call(target, first, second):
        return mx.dominant_driver(
            target, {"first": first, "second": second}, method=method, fdr=fdr, min_n=5
        )

    assert_chunk_invariant(call, *map(with_grid, values), chunks=chunks)


def scene(seed=0):
    rng = np.random.default_rng(seed)
    factors = {name: with_grid(rng.normal(size=(16, 20, 30))) for name in ("rain", "warmth", "dig")}
    target = with_grid(rng.normal(size=(16, 20, 30)), name="wue")
    target[:, :, :10] += 2 * factors["rain"][:, :, :10]
    target[:, :, 10:20] -= 2 * factors["dig"][:, :, 10:20]
    target[:, 0, 0] = np.nan
    factors["rain"][:, 0, 1] = 7.0
    return target, factors


@pytest.mark.parametrize("fdr", [False, True])
def test_equals_a_search(fdr):
    target, factors = scene()
    found = mx.dominant_driver(target, factors, fdr=fdr)
    r, p = (np.full((3, 20, 30), np.nan) for _ in range(2))
    for number, layer in enumerate(factors.values()):
        for i, j in np.ndindex(20, 30):
            x, y = target.values[:, i, j], layer.values[:, i, j]
            if np.isfinite(x).all() and np.ptp(y):
                r[number, i, j], p[number, i, j] = stats.pearsonr(x, y)
    if fdr:
        for tests in p:
            use = np.isfinite(tests)
            tests[use] = stats.false_discovery_control(tests[use])
    size = np.where(p <= 0.05, np.abs(r), 0)
    code = np.where(size.max(axis=0) > 0, size.argmax(axis=0) + 2, 1)
    code[np.isnan(r).all(axis=0)] = 0
    np.testing.assert_array_equal(found["driver"], code)
    expected = np.take_along_axis(r, np.clip(code - 2, 0, 2)[None], axis=0)[0]
    np.testing.assert_allclose(found["r"], np.where(code > 1, expected, np.nan), atol=1e-12)
    assert code[0, 0] == 0


def test_it_finds_what_was_planted():
    target, factors = scene()
    found = mx.dominant_driver(target, factors, fdr=True)
    assert found["driver"].attrs["flag_meanings"] == "none_significant rain warmth dig"
    assert found["driver"].attrs["flag_values"].tolist() == [1, 2, 3, 4]
    code = found["driver"].values
    assert (code[1:, :10] == 2).mean() > 0.9
    assert (code[:, 10:20] == 4).mean() > 0.9
    assert (code[:, 20:] == 1).mean() > 0.9
    planted = code[:, 10:20] == 4
    assert (found["r"].values[:, 10:20][planted] < 0).all()


def test_partial_sees_through_a_companion():
    rng = np.random.default_rng(1)
    rain = rng.normal(size=(24, 15, 15))
    companion = rain + 0.5 * rng.normal(size=rain.shape)
    target = with_grid(rain + 0.7 * rng.normal(size=rain.shape))
    factors = xr.Dataset({"companion": with_grid(companion), "rain": with_grid(rain)})
    plain = target.mine.dominant_driver(factors)["driver"]
    partial = target.mine.dominant_driver(factors, method="partial")["driver"]
    assert float((plain == 2).mean()) > 0.05
    assert float((partial == 2).mean()) < 0.05


def test_one_station_among_rasters_stays_lazy():
    target, factors = scene()
    station = factors["warmth"][:, 3, 3].drop_vars(["y", "x"])
    lazy = {"rain": factors["rain"].chunk({"x": 11}), "station": station}
    found = assert_lazy(mx.dominant_driver, target.chunk({"y": 6}), lazy, fdr=True)
    assert found["driver"].chunks is not None
    assert found["driver"].dtype == "uint8"
    assert (found["driver"].values[1:, :8] == 2).mean() > 0.9


def test_bad_input():
    target, factors = scene()
    with pytest.raises(ParameterError, match="give 2 to 254"):
        mx.dominant_driver(target, {"rain": factors["rain"]})
    with pytest.raises(ParameterError, match="method is 'rank'"):
        mx.dominant_driver(target, factors, method="rank")
    with pytest.raises(ParameterError, match=r"with fdr=True one of \(0.1, 0.05, 0.01\)"):
        mx.dominant_driver(target, factors, alpha=0.2, fdr=True)
    with pytest.raises(ParameterError, match="alpha is 0"):
        mx.dominant_driver(target, factors, alpha=0)
    with pytest.raises(SchemaError, match=r"'rain' and 'wue' have different dates"):
        mx.dominant_driver(target, {**factors, "rain": factors["rain"][1:]})
    with pytest.raises(SchemaError, match="'rain'"):
        mx.dominant_driver(target, {**factors, "rain": factors["rain"][0]})
