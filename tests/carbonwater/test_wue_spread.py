"""Spreads of carbon and water in their ratio, against draws and the formula by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mineeco_xr as mx
from mineeco_xr.errors import GridMismatch, ParameterError, UnitError
from mineeco_xr.testing import assert_chunk_invariant, chunkings, rasters, with_grid

SHAPE = (6, 7)


def layers(npp, et, npp_spread, et_spread):
    units = ("gC m-2 yr-1", "mm yr-1", "gC m-2 yr-1", "mm yr-1")
    values = (npp, et, npp_spread, et_spread)
    return [
        with_grid(np.atleast_2d(np.asarray(v, "f8")), units=u)
        for v, u in zip(values, units, strict=True)
    ]


@pytest.mark.parametrize("rho", [-0.6, 0.0, 0.8])
def test_it_is_the_deviation_of_many_draws(rho):
    rng = np.random.default_rng(0)
    shared = np.array([[1, rho], [rho, 1]]) * np.outer([12, 15], [12, 15])
    carbon, water = rng.multivariate_normal([400, 500], shared, size=400_000).T
    found = mx.wue_spread(*layers(400, 500, 12, 15), correlation=rho).item()
    assert found == pytest.approx((carbon / water).std(), rel=0.01)


def test_units_are_converted_and_no_production_has_none():
    npp, et, s_npp, s_et = layers([400, 0, 300], [500, 500, 5], [40, 40, 40], [25, 25, 25])
    expected = 0.8 * np.hypot(0.1, 0.05)
    np.testing.assert_allclose(mx.wue_spread(npp, et, s_npp, s_et), [[expected, np.nan, np.nan]])
    kilos = (s_npp / 1000).assign_attrs(units="kgC m-2 yr-1")
    np.testing.assert_allclose(mx.wue_spread(npp, et, kilos, s_et)[0, 0], expected)
    cube = npp.to_dataset(name="npp").assign(et=et, npp_spread=s_npp, et_spread=s_et)
    assert cube.mine.wue_spread().attrs["units"] == "gC m-2 mm-1"
    np.testing.assert_allclose(cube.mine.wue_spread()[0, 0], expected)


@given(npp=rasters(times=3, shape=SHAPE), et=rasters(times=3, shape=SHAPE), data=st.data())
def test_any_chunking_gives_the_same_bits(npp, et, data):
    carbon, water = (
        with_grid(np.asarray(v), name=n, units=u)
        for v, n, u in ((npp * 5, "npp", "gC m-2 yr-1"), (et * 4, "et", "mm yr-1"))
    )
    spreads = [(abs(layer) * 0.1).assign_attrs(layer.attrs) for layer in (carbon, water)]
    chunks = {**data.draw(chunkings(SHAPE)), "time": data.draw(st.integers(1, 3))}
    assert_chunk_invariant(mx.wue_spread, carbon, water, *spreads, chunks=chunks)


def test_bad_input():
    npp, et, s_npp, s_et = layers(400, 500, 40, 25)
    with pytest.raises(ParameterError, match=r"correlation is 2: give a number from -1 to 1"):
        mx.wue_spread(npp, et, s_npp, s_et, correlation=2)
    with pytest.raises(UnitError):
        mx.wue_spread(npp, et, s_npp.assign_attrs(units="mm"), s_et)
    with pytest.raises(GridMismatch):
        mx.wue_spread(npp, et, s_npp.assign_coords(x=s_npp["x"] + 7), s_et)
