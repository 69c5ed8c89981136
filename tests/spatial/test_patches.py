"""The table of patches against scikit-image and against plain counting."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import mineeco_xr as mx
from mineeco_xr.cube import cell_area
from mineeco_xr.errors import GridMismatch, SchemaError
from mineeco_xr.spatial import label, patches
from mineeco_xr.testing import chunkings, rasters, with_grid


def counted(labels, number, size=30.0):
    """Count cells and sides of one patch, cell by cell."""
    inside = np.pad(labels == number, 1)
    sides = sum(
        (inside & ~np.roll(inside, shift, axis)).sum() for axis in (0, 1) for shift in (1, -1)
    )
    rows, columns = np.nonzero(labels == number)
    return {
        "cells": rows.size,
        "area": rows.size * size**2,
        "perimeter": sides * size,
        "row_min": rows.min(),
        "row_max": rows.max(),
        "column_min": columns.min(),
        "column_max": columns.max(),
        "y": 4_800_000 - (rows.mean() + 0.5) * size,
        "x": 500_000 + (columns.mean() + 0.5) * size,
        "left": 500_000 + columns.min() * size,
        "right": 500_000 + (columns.max() + 1) * size,
        "top": 4_800_000 - rows.min() * size,
        "bottom": 4_800_000 - (rows.max() + 1) * size,
    }


@given(values=rasters(largest=12), data=st.data())
@settings(max_examples=10)
def test_equals_plain_counting_for_any_chunking(values, data):
    raster = with_grid(np.floor(values / 25))
    labels = label(raster)
    expected = patches(labels, source=raster)
    chunks = data.draw(chunkings(values.shape, most=3))
    found = patches(labels.chunk(chunks), source=raster.chunk(chunks))
    xr.testing.assert_equal(found, expected)
    assert found["patch"].values.tolist() == list(range(1, int(labels.max()) + 1))
    for number in found["patch"].values:
        row = found.sel(patch=number)
        for name, value in counted(labels.values, number).items():
            assert row[name].item() == pytest.approx(value, rel=1e-13), name
        assert row["class"].item() == raster.values[labels.values == number][0]


@given(values=rasters(shape=(14, 15)))
@settings(max_examples=10)
def test_equals_scikit_image(values):
    regionprops = pytest.importorskip("skimage.measure").regionprops
    labels = label(with_grid(values > 100))
    found = patches(labels)
    for region in regionprops(labels.values):
        row = found.sel(patch=region.label)
        assert row["cells"].item() == region.num_pixels
        box = [row[name].item() for name in ("row_min", "column_min", "row_max", "column_max")]
        assert [box[0], box[1], box[2] + 1, box[3] + 1] == list(region.bbox)
        centre = ((4_800_000 - row["y"]) / 30 - 0.5, (row["x"] - 500_000) / 30 - 0.5)
        np.testing.assert_allclose(centre, region.centroid, atol=1e-9)


def test_a_geographic_grid():
    rng = np.random.default_rng(3)
    values = np.floor(rng.random((12, 9)) * 3)
    raster = with_grid(values, crs="EPSG:4326", resolution=0.5, origin=(110.0, 45.0))
    labels = label(raster, connectivity=4)
    found = patches(labels)
    areas = cell_area(mx.cube.geobox_of(raster)).values
    expected = [
        (np.broadcast_to(areas[:, None], values.shape) * (labels.values == number)).sum()
        for number in found["patch"].values
    ]
    np.testing.assert_allclose(found["area"], expected, rtol=1e-12)
    for chunks in (1, 5):
        again = patches(labels.chunk(chunks))
        xr.testing.assert_allclose(again, found, rtol=1e-12)
    one = with_grid(np.ones((1, 1), bool), crs="EPSG:4326", resolution=0.001, origin=(110.0, 45.0))
    square = patches(label(one))
    # At 45 degrees a thousandth of one is 111.1 m north and 78.8 m east.
    assert square["perimeter"].item() == pytest.approx(2 * (111.13 + 78.85), rel=1e-3)


def test_cells_that_are_not_square_and_a_grid_turned_upside_down():
    grid = mx.make_grid((0, 0, 60, 20), crs="EPSG:32650", resolution=(30, 20))
    labels = mx.cube.full(grid, 1, dtype="int32", name="zones")
    found = patches(labels)
    assert found["perimeter"].item() == 2 * (60 + 20)
    assert found["area"].item() == 1200
    turned = patches(labels.isel(y=slice(None, None, -1)))
    np.testing.assert_allclose(turned["top"], found["top"])
    np.testing.assert_allclose(turned["y"], found["y"])


def test_the_table_is_written_as_text(tmp_path):
    found = patches(label(with_grid(np.array([[1, 1, 0], [0, 0, 1]], bool)), connectivity=4))
    found.to_dataframe().to_csv(tmp_path / "patches.csv")
    read = np.genfromtxt(tmp_path / "patches.csv", delimiter=",", names=True)
    assert read["patch"].tolist() == [1, 2]
    assert read["area"].tolist() == found["area"].values.tolist() == [1800, 900]


def test_zones_with_their_own_fill_value_and_type():
    zones = with_grid(np.array([[7, 7, -1], [0, 9, -1]]), name="zones")
    zones.attrs["_FillValue"] = -1
    found = patches(zones)
    assert found["patch"].values.tolist() == [7, 9]
    assert found["cells"].values.tolist() == [2, 1]
    assert found["perimeter"].values.tolist() == [180, 120]


def test_no_patch_at_all():
    found = patches(label(with_grid(np.zeros((3, 4), bool)).chunk(2)))
    assert found.sizes["patch"] == 0
    assert found["area"].attrs["units"] == "m2"


def test_attributes_and_method():
    cover = with_grid(np.array([[1, 2]], "uint8"), name="cover")
    cover.attrs |= {"flag_values": [1, 2], "flag_meanings": "grass mine"}
    found = cover.mine.label().mine.patches(source=cover)
    assert found["class"].attrs["flag_meanings"] == "grass mine"
    assert found["class"].dtype == np.uint8
    assert found["perimeter"].attrs["units"] == found["x"].attrs["units"] == "m"
    assert "patches(cover_patch, cover)" in found.attrs["history"]


def test_bad_input():
    labels = with_grid(np.ones((2, 3), "int32"))
    with pytest.raises(SchemaError, match="integer labels"):
        patches(labels.astype("float32"))
    with pytest.raises(SchemaError, match="select one date"):
        patches(with_grid(np.ones((2, 2, 3), "int32")))
    with pytest.raises(GridMismatch, match="shifted"):
        patches(labels, source=with_grid(np.ones((2, 3)), origin=(500_030.0, 4_800_000.0)))
