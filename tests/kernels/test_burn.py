"""Burning against shapely and GDAL."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import rasterio.features
import shapely
import shapely.affinity
from hypothesis import given
from hypothesis import strategies as st

from mineeco_xr.cube import burn, make_grid
from mineeco_xr.errors import ParameterError, SchemaError

GRID = make_grid((0, 0, 300, 210), crs="EPSG:32650", resolution=10)


def frame(geometries):
    return gpd.GeoDataFrame(geometry=list(geometries), crs="EPSG:32650")


def blobs(seed, count=8):
    rng = np.random.default_rng(seed)
    discs = [
        shapely.Point(*rng.uniform(-20, 320, 2)).buffer(rng.uniform(5, 90), quad_segs=5)
        for _ in range(count)
    ]
    discs[0] = discs[0].difference(shapely.affinity.scale(discs[0], 0.5, 0.5))
    return discs


def cells():
    rows, columns = np.indices(GRID.shape)
    return shapely.box(columns * 10, 210 - (rows + 1) * 10, (columns + 1) * 10, 210 - rows * 10)


@given(seed=st.integers(0, 10_000))
def test_interior_equals_gdal(seed):
    shapes = blobs(seed)
    expected = rasterio.features.rasterize(
        [(shape, i + 1) for i, shape in enumerate(shapes)],
        out_shape=GRID.shape,
        transform=GRID.affine,
    )
    np.testing.assert_array_equal(burn(frame(shapes), GRID, chunks=None), expected)


@given(seed=st.integers(0, 10_000))
def test_touched_equals_shapely(seed):
    rng = np.random.default_rng(seed)
    shapes = [blobs(seed, 1)[0], shapely.LineString(rng.uniform(-50, 300, (4, 2))),
              shapely.MultiPoint(rng.uniform(0, 200, (3, 2)))]  # fmt: skip
    for shape in shapes:
        found = burn(frame([shape]), GRID, all_touched=True, chunks=None).values > 0
        shapely.prepare(shape)
        np.testing.assert_array_equal(found, shapely.intersects(shape, cells()))


def test_neighbours_share_their_border_without_gap():
    """Tiles of a tessellation whose corners lie on cell centres fill each cell once."""
    rng = np.random.default_rng(1)
    points = shapely.MultiPoint(np.round(rng.uniform(0, 300, (40, 2)) / 5) * 5)
    tiles = shapely.voronoi_polygons(points, extend_to=shapely.box(-50, -50, 350, 350))
    count = sum(burn(frame([tile]), GRID, chunks=None).values.astype(int) for tile in tiles.geoms)
    assert count.min() == 1
    assert count.max() == 1


def test_empty_features_burn_nothing():
    found = burn(frame([shapely.Polygon(), shapely.box(0, 0, 20, 20)]), GRID, chunks=None)
    assert sorted(np.unique(found).tolist()) == [0, 2]


def test_a_collection_burns_its_areas():
    mixed = shapely.GeometryCollection(
        [shapely.box(0, 0, 60, 60), shapely.LineString([(0, 100), (300, 90)])]
    )
    alone = burn(frame([shapely.box(0, 0, 60, 60)]), GRID, chunks=None)
    np.testing.assert_array_equal(burn(frame([mixed]), GRID, chunks=None), alone)


@pytest.mark.parametrize(
    ("values", "dtype"),
    [([300], "uint8"), ([np.nan], "int32"), ([2.7], "int32"), ([-1], "uint16")],
)
def test_values_that_do_not_fit_are_refused(values, dtype):
    with pytest.raises(ParameterError, match="cannot hold the value"):
        burn(frame([shapely.box(0, 0, 60, 60)]), GRID, values=values, dtype=dtype)


def test_more_features_than_the_type_can_number():
    with pytest.raises(ParameterError, match="cannot hold"):
        burn(frame([shapely.box(0, 0, 60, 60)] * 256), GRID, dtype="uint8")
    with pytest.raises(SchemaError, match="give numbers"):
        burn(frame([shapely.box(0, 0, 60, 60)]), GRID, values=["pit"])
