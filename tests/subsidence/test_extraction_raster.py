"""Rasters of thickness: polygons on the cells' borders, any chunking, nodata and bad input."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from mineeco_xr.errors import GridMismatch, ParameterError, UnitError
from mineeco_xr.subsidence.extraction_raster import subsidence_of_extraction
from mineeco_xr.subsidence.outputs import OUTPUTS, compute_outputs
from mineeco_xr.subsidence.polygons import COMPONENTS, polygon_pieces, subside_block
from mineeco_xr.testing import assert_chunk_invariant, assert_lazy, chunkings, with_grid

SHAPE = (30, 34)
HOW = {"q": 0.8, "tan_beta": 2.0}


def of_extraction(*layers, **how):
    return subsidence_of_extraction(*layers, **how)["subsidence"]


def mined(seed, *, gaps=True):
    rng = np.random.default_rng(seed)
    values = np.zeros(SHAPE, "float32")
    for _ in range(3):
        i, j = rng.integers(0, 22, 2)
        values[i : i + rng.integers(1, 9), j : j + rng.integers(1, 12)] = rng.uniform(1, 6)
    if gaps:
        values[rng.random(SHAPE) < 0.05] = np.nan
        values[rng.integers(0, 30)] = np.nan
    return values


@pytest.mark.parametrize("constant", [True, False])
@pytest.mark.parametrize("descending", [True, False])
def test_panels_of_whole_cells_are_polygons(constant, descending):
    values = np.zeros((60, 70), "float32")
    values[20:40, 15:45] = 3.0
    thickness = with_grid(values, resolution=(30.0, 20.0), units="m")
    if not descending:
        thickness = thickness.isel(y=slice(None, None, -1))
    depth = 400.0 if constant else xr.full_like(thickness, 400.0)
    found = subsidence_of_extraction(thickness, depth, b=0.25, output="all", **HOW)
    where = thickness.where(thickness > 0, drop=True)
    (x0, x1), (y0, y1) = (
        (float(where[d].min()) - s / 2, float(where[d].max()) + s / 2)
        for d, s in (("x", 30), ("y", 20))
    )
    ring = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
    pieces = polygon_pieces([[ring]], 200.0, 2.4, 0.25, tolerance=1e-10)
    sums = subside_block(pieces, thickness.y.values, thickness.x.values, COMPONENTS)
    expected = compute_outputs(list(OUTPUTS), COMPONENTS, sums)
    assert list(found) == list(OUTPUTS)
    for name, (one,) in zip(OUTPUTS, expected, strict=True):
        np.testing.assert_allclose(
            found[name], one, rtol=0, atol=2e-6 * np.abs(one).max(), err_msg=name
        )


@settings(max_examples=15)
@given(
    seed=st.integers(0, 9999),
    data=st.data(),
    output=st.sampled_from(["subsidence", "tilt_x", "curvature_y", "strain_min"]),
    radius=st.sampled_from([20.0, 70.0, 900.0]),
    varying=st.booleans(),
)
def test_any_chunking_agrees(seed, data, output, radius, varying):
    """The radius is from less than a cell to more than the raster."""
    thickness = with_grid(mined(seed), units="m")
    rng = np.random.default_rng(seed)
    rasters = [thickness]
    depth = 2 * radius
    if varying:
        depths = 2 * radius * rng.uniform(0.5, 1, SHAPE).astype("float32")
        depths[np.nan_to_num(thickness.values) == 0] = np.nan
        rasters.append(with_grid(depths, units="m"))

    def run(thickness, *depths):
        how = {"output": output, "max_radius": radius, **HOW}
        return subsidence_of_extraction(thickness, *(depths or (depth,)), **how)

    assert_chunk_invariant(run, *rasters, chunks=data.draw(chunkings(SHAPE)))


def test_varying_depth_by_brute_force():
    thickness = with_grid(mined(1, gaps=False), units="m")
    rng = np.random.default_rng(1)
    depth, q = rng.uniform(100, 300, SHAPE), rng.uniform(0.5, 1.0, SHAPE)
    found = of_extraction(
        thickness, with_grid(depth, units="m"), q=with_grid(q), tan_beta=2.0, cutoff=4.0
    )
    x, y = thickness.x.values, thickness.y.values
    cell_ring = np.array([[-15.0, -15], [15, -15], [15, 15], [-15, 15]])
    expected = np.zeros(SHAPE)
    for i, j in zip(*np.nonzero(thickness.values), strict=True):
        ring = cell_ring + np.array([x[j], y[i]])
        cell = polygon_pieces([[ring]], depth[i, j] / 2, float(thickness[i, j]) * q[i, j])
        expected += subside_block(cell, y, x, cutoff=6.0, dtype="float64")[0, 0]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 * expected.max())


def test_nodata_is_unknown_and_causes_nothing():
    values = mined(0, gaps=False)
    gaps = values.copy()
    gaps[5, 7] = np.nan
    gaps[values == 0] = np.where(np.arange((values == 0).sum()) % 3, 0, np.nan)
    found = of_extraction(with_grid(gaps, units="m"), 200.0, **HOW)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(gaps))
    filled = of_extraction(with_grid(np.nan_to_num(gaps), units="m"), 200.0, **HOW)
    known = ~np.isnan(gaps)
    np.testing.assert_array_equal(found.values[known], filled.values[known])
    codes = with_grid(np.where(np.isnan(gaps), 255, gaps.round()).astype("uint8"), units="m")
    coded = of_extraction(codes.assign_attrs(_FillValue=255), 200.0, **HOW)
    np.testing.assert_array_equal(np.isnan(coded), np.isnan(gaps))
    nothing = of_extraction(with_grid(values * np.nan, units="m"), 200.0, **HOW)
    assert np.isnan(nothing).all()


def test_units_steps_and_attributes():
    values = np.stack([mined(s, gaps=False) for s in (1, 2)])
    thickness = with_grid(values, units="m")
    found = subsidence_of_extraction(
        thickness, 300.0, output=("subsidence", "displacement_x"), **HOW
    )
    assert found["subsidence"].dims == ("time", "y", "x")
    for t in range(2):
        alone = of_extraction(thickness.isel(time=t), 300.0, **HOW)
        np.testing.assert_array_equal(alone, found["subsidence"].isel(time=t))
    assert found["subsidence"].attrs["units"] == "m"
    assert found["subsidence"].dtype == "float32"
    assert "displacement towards east" in found["displacement_x"].attrs["long_name"]
    assert "subsidence_of_extraction" in found.attrs["history"]
    depth = with_grid(np.full(SHAPE, 0.3), units="km")
    in_mm = with_grid((values * 1000).astype("float64"), units="mm")
    converted = of_extraction(in_mm, depth, **HOW)
    np.testing.assert_allclose(converted, found["subsidence"], rtol=0, atol=1e-5)


def test_volume_is_kept():
    values = np.zeros((60, 60))
    values[25:35, 20:40] = np.random.default_rng(0).uniform(0, 5, (10, 20))
    found = of_extraction(with_grid(values, units="m"), 500.0, cutoff=3.0, **HOW)
    np.testing.assert_allclose(found.sum(), 0.8 * values.sum(), rtol=1e-5)


def test_lazy_inputs_stay_lazy_in_any_place():
    thickness, depth = with_grid(mined(0), units="m"), with_grid(np.full(SHAPE, 200.0), units="m")
    how = {"max_radius": 100.0, **HOW}
    expected = of_extraction(thickness, depth, **how)
    chunked = {"y": 12, "x": 20}
    for layers in ((thickness.chunk(chunked), depth), (thickness, depth.chunk(chunked))):
        found = assert_lazy(of_extraction, *layers, **how)
        assert found.chunks is not None
        np.testing.assert_array_equal(found, expected)


def test_bad_input():
    thickness, depth = with_grid(mined(0), units="m"), with_grid(np.full(SHAPE, 200.0), units="m")
    run = of_extraction
    with pytest.raises(ParameterError, match="q is 60: expected a number above 0 and at most"):
        run(thickness, 200.0, q=60, tan_beta=2.0)
    with pytest.raises(ParameterError, match="depth is -3"):
        run(thickness, -3, **HOW)
    with pytest.raises(ParameterError, match="different names of"):
        run(thickness, 200.0, output="W", **HOW)
    with pytest.raises(ParameterError, match="cutoff is 0"):
        run(thickness, 200.0, cutoff=0, **HOW)
    with pytest.raises(ParameterError, match=r"depth is a lazy raster.*max_radius="):
        run(thickness, depth.chunk(10), **HOW)
    with pytest.raises(ParameterError, match="main influence radius is 100 m; expected at most"):
        run(thickness, depth, max_radius=80.0, **HOW)
    with pytest.raises(ParameterError, match="Is depth in metres"):
        run(with_grid(np.zeros((3, 30_000)), units="m"), 4e6, **HOW)
    with pytest.raises(ParameterError, match="thickness is -1 m"):
        run(thickness.where(thickness < 1, -1), 200.0, **HOW)
    with pytest.raises(ParameterError, match=r"depth is nodata in \d+ cells where something is"):
        run(thickness, depth.where(thickness < 1), **HOW)
    with pytest.raises(ParameterError, match="q is 70 somewhere; expected at most"):
        run(thickness, 200.0, q=depth * 0 + 70, tan_beta=2.0)
    with pytest.raises(GridMismatch, match="not on the grid of 'thickness'"):
        run(thickness, depth.isel(x=slice(1, None)), **HOW)
    with pytest.raises(GridMismatch, match="metres"):
        run(with_grid(np.zeros((4, 5)), crs="EPSG:4326", resolution=0.1, origin=(0, 9)), 1, **HOW)
    with pytest.raises(UnitError, match="does not measure the same"):
        run(thickness.assign_attrs(units="kg"), 200.0, **HOW)
    with pytest.raises(ParameterError, match="Select one of"):
        run(thickness, depth.expand_dims(time=2), **HOW)
