"""Grids: finding, comparing, measuring."""

from __future__ import annotations

import numpy as np
import pyproj
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import mineeco_xr as mx
from mineeco_xr.cube import geobox_of, grid_difference, make_grid, require_metres, require_same_grid
from mineeco_xr.errors import GridMismatch, ParameterError
from mineeco_xr.testing import with_grid


def test_the_grid_survives_a_raster():
    grid = make_grid((500_000, 4_000_000, 500_600, 4_000_300), crs="EPSG:32650", resolution=30)
    assert geobox_of(mx.cube.full(grid, 0)) == grid


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1)])
def test_one_row_and_one_column(shape):
    raster = with_grid(np.zeros(shape, "float32"))
    assert tuple(geobox_of(raster).shape) == shape


def test_half_a_cell_apart():
    one = with_grid(np.zeros((4, 5)), name="npp")
    two = with_grid(np.zeros((4, 5)), name="et", origin=(500_015.0, 4_800_000.0))
    with pytest.raises(GridMismatch, match=r"'et' is shifted by 0.5 cells in x.*mineeco_xr.warp"):
        require_same_grid({"npp": one, "et": two})


def test_every_layer_at_fault_is_named():
    base = with_grid(np.zeros((4, 5)))
    with pytest.raises(GridMismatch) as caught:
        require_same_grid(
            {
                "a": base,
                "b": with_grid(np.zeros((4, 5)), crs="EPSG:32651"),
                "c": with_grid(np.zeros((4, 5)), resolution=10),
                "d": with_grid(np.zeros((3, 5))),
            }
        )
    text = str(caught.value)
    assert "'b' has CRS EPSG:32651 where EPSG:32650" in text
    assert "'c' has cells of (10.0, -10.0)" in text
    assert "'d' has (3, 5) cells" in text


def test_rounding_is_no_difference():
    grid = make_grid((0, 0, 300, 300), crs="EPSG:32650", resolution=30)
    near = make_grid((1e-8, 1e-8, 300, 300), crs="EPSG:32650", resolution=30)
    assert grid_difference(near, grid) is None


def test_missing_parts_are_named():
    values = np.zeros((3, 4))
    with pytest.raises(GridMismatch, match="lacks"):
        geobox_of(xr.DataArray(values, dims=("lat", "lon"), name="npp"))
    with pytest.raises(GridMismatch, match="no 'y' coordinate"):
        geobox_of(xr.DataArray(values, dims=("y", "x")))
    bare = with_grid(values, name="npp").drop_vars("spatial_ref")
    with pytest.raises(GridMismatch, match=r"'npp' has no coordinate reference.*write_crs"):
        geobox_of(bare)
    uneven = with_grid(values).assign_coords(x=[0, 30, 70, 90])
    with pytest.raises(GridMismatch, match="not on a regular grid"):
        geobox_of(uneven)


def test_metres_are_required_for_distances():
    require_metres(make_grid((0, 0, 30, 30), crs="EPSG:32650", resolution=30), "decay")
    for crs in ("EPSG:4326", "EPSG:2263"):
        with pytest.raises(GridMismatch, match="decay measures distances"):
            require_metres(make_grid((0, 0, 30, 30), crs=crs, resolution=30), "decay")


def test_bad_grids():
    with pytest.raises(ParameterError, match="resolution"):
        make_grid((0, 0, 1, 1), crs="EPSG:4326", resolution=0)
    with pytest.raises(ParameterError, match="left < right"):
        make_grid((1, 0, 0, 1), crs="EPSG:4326", resolution=1)


@given(top=st.floats(-80, 80), step=st.floats(0.001, 1))
def test_geographic_area_equals_geodesy(top, step):
    grid = make_grid((10, top - 2 * step, 10 + step, top), crs="EPSG:4326", resolution=step)
    lons = np.concatenate([np.linspace(10, 10 + step, 400), np.linspace(10 + step, 10, 400)])
    lats = np.repeat([top - step, top], 400)
    expected, _ = pyproj.Geod(ellps="WGS84").polygon_area_perimeter(lons, lats)
    assert float(mx.cell_area(grid)[0]) == pytest.approx(abs(expected), rel=1e-5)


def test_area_in_feet_is_given_in_metres():
    grid = make_grid((0, 0, 10, 10), crs="EPSG:2263", resolution=10)
    assert float(mx.cell_area(grid)[0]) == pytest.approx((10 * 1200 / 3937) ** 2)
