"""Rasters averaged over the cells of a coarse grid."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer

import mineeco_xr as mx
from mineeco_xr.errors import GridMismatch, ParameterError, SchemaError, UnitError
from mineeco_xr.testing import assert_chunk_invariant, chunkings, rasters, with_grid

SINUSOIDAL = "+proj=sinu +lon_0=0 +x_0=0 +y_0=0 +R=6371007.181 +units=m +no_defs"
SHAPE = (22, 25)


def coarse_under(fine, size=200.0, crs=SINUSOIDAL):
    box = mx.cube.geobox_of(fine).boundingbox
    to = Transformer.from_crs("EPSG:32650", crs, always_xy=True)
    return mx.make_grid(to.transform_bounds(*box.bbox), crs=crs, resolution=size)


def brute_force(fine, coarse, rule, min_share=0.0):
    """Put each centre into its cell one by one."""
    x, y = np.meshgrid(fine["x"], fine["y"])
    to = Transformer.from_crs("EPSG:32650", coarse.crs.to_wkt(), always_xy=True)
    column, row = ~coarse.affine * np.array(to.transform(x, y))
    out = np.full(tuple(coarse.shape), np.nan)
    for i, j in np.ndindex(out.shape):
        held = (np.floor(row) == i) & (np.floor(column) == j)
        values = fine.values[held & np.isfinite(fine.values)].astype("float64")
        if values.size and values.size >= min_share * held.sum():
            out[i, j] = rule(values)
    return out


@settings(max_examples=15)
@given(values=rasters(times=2, shape=SHAPE), data=st.data())
def test_any_chunking_gives_the_same_bits(values, data):
    fine = with_grid(values, units="K")
    chunks = {**data.draw(chunkings(SHAPE)), "time": data.draw(st.integers(1, 2))}
    how = data.draw(st.sampled_from(["mean", "temperature", "std", "share"]))
    like = coarse_under(fine)
    assert_chunk_invariant(mx.aggregate_to, fine, chunks=chunks, like=like, how=how, min_share=0.1)


def test_any_chunking_on_a_geographic_grid():
    rng = np.random.default_rng(0)
    values = rng.lognormal(3, 2, (30, 31)).astype("float32")
    fine = with_grid(values, crs="EPSG:4326", resolution=0.001, origin=(116.0, 44.0))
    like = mx.make_grid((116.0, 43.97, 116.031, 44.0), crs="EPSG:4326", resolution=0.0045)
    for chunks in ({"y": 7, "x": 11}, {"y": 1, "x": 31}):
        assert_chunk_invariant(mx.aggregate_to, fine, chunks=chunks, like=like)


@pytest.mark.parametrize("how", ["mean", "temperature", "std"])
def test_equals_brute_force_between_reference_systems(how):
    rng = np.random.default_rng(1)
    values = rng.uniform(270, 310, SHAPE)
    values[rng.random(SHAPE) < 0.2] = np.nan
    fine = with_grid(values, units="K")
    rules = {"mean": np.mean, "std": np.std, "temperature": lambda v: (v**4).mean() ** 0.25}
    coarse = coarse_under(fine)
    found = mx.aggregate_to(fine, coarse, how=how, min_share=0)
    expected = brute_force(fine, mx.cube.geobox_of(found), rules[how])
    assert np.isfinite(expected).sum() > 10
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_cells_weigh_by_area_on_a_geographic_grid():
    values = np.array([[1.0], [5.0]])
    fine = with_grid(values, crs="EPSG:4326", resolution=20.0, origin=(0.0, 40.0))
    like = mx.make_grid((0, 0, 20, 40), crs="EPSG:4326", resolution=40.0)
    area = mx.cell_area(mx.cube.geobox_of(fine)).values
    expected = (area * values[:, 0]).sum() / area.sum()
    assert mx.aggregate_to(fine, like, min_share=0).item() == pytest.approx(expected, rel=1e-6)


def test_the_share_that_is_covered():
    values = np.ones((6, 6))
    values[:3, :2] = np.nan
    fine = with_grid(values)
    like = mx.make_grid((500_000.0, 4_799_790.0, 500_210.0, 4_800_000.0), crs="EPSG:32650",
                        resolution=90.0)  # fmt: skip
    share = mx.aggregate_to(fine, like, how="share")
    np.testing.assert_allclose(share[:2, :2], [[1 / 3, 1], [1, 1]])
    found = mx.aggregate_to(fine, like, min_share=0.5)
    np.testing.assert_array_equal(np.isnan(found[:2, :2]), [[True, False], [False, False]])
    half = with_grid(np.ones((6, 4)))
    np.testing.assert_allclose(mx.aggregate_to(half, like, how="share")[:2, :2], [[1, 1 / 3]] * 2)


def test_nodata_codes_and_empty_blocks():
    codes = np.array([[10, 20, 255, 255]], "uint8")
    fine = with_grid(codes).assign_attrs(_FillValue=255)
    like = mx.make_grid((500_000.0, 4_799_970.0, 500_120.0, 4_800_000.0), crs="EPSG:32650",
                        resolution=(60.0, 30.0))  # fmt: skip
    np.testing.assert_array_equal(mx.aggregate_to(fine, like), [[15.0, np.nan]])
    np.testing.assert_array_equal(mx.aggregate_to(fine.chunk(x=2), like), [[15.0, np.nan]])


def test_bad_input():
    fine = with_grid(np.ones((4, 4)), name="lst", units="degC")
    like = coarse_under(fine)
    with pytest.raises(UnitError, match="'lst' is in 'degC'"):
        mx.aggregate_to(fine, like, how="temperature")
    with pytest.raises(ParameterError, match="choose one of"):
        mx.aggregate_to(fine, like, how="median")
    with pytest.raises(ParameterError, match="from 0 to 1"):
        mx.aggregate_to(fine, like, min_share=2)
    far = mx.make_grid((0, 0, 900, 900), crs="EPSG:32650", resolution=90)
    with pytest.raises(GridMismatch, match="do not cover a single cell"):
        mx.aggregate_to(fine, far)
    finer = mx.make_grid((500_000.0, 4_799_880.0, 500_120.0, 4_800_000.0), crs="EPSG:32650",
                         resolution=10.0)  # fmt: skip
    with pytest.raises(GridMismatch, match="3 times finer"):
        mx.aggregate_to(fine, finer)
    with pytest.raises(SchemaError, match="select one of"):
        mx.aggregate_to(fine.expand_dims(band=2), like)
