"""Where InVEST's rasters begin: what pygeoprocessing 2.4.11 made of boxes on a grid of 30 m."""

from __future__ import annotations

from unittest import mock

import geopandas as gpd
import numpy as np
import pytest
import shapely
import xarray as xr

import mineeco_xr as mx
from mineeco_xr.services.invest_box import invest_corner
from mineeco_xr.terrain import plateau_order, stream_trace
from mineeco_xr.testing import with_grid

X, Y = 500_000.0, 4_798_800.0
GRID = with_grid(np.zeros((40, 50), "uint8"), resolution=30, origin=(X, Y + 1200))


def polygons(*box):
    west, south, east, north = box
    shapes = [
        shapely.box(X + west, Y + south, X + (west + east) / 2, Y + north),
        shapely.box(X + (west + east) / 2, Y + south, X + east, Y + (south + north) / 2),
    ]
    return gpd.GeoDataFrame(geometry=shapes, crs="EPSG:32650")


@pytest.mark.parametrize(
    ("box", "corner"),
    [
        ((95, 305, 640, 1000), (6, 3)),
        ((90, 300, 630, 990), (7, 3)),
        ((0, 0, 1500, 1200), (0, 0)),
        ((-50, -70, 700, 1300), (0, 0)),
        ((1, 1, 1499, 1199), (0, 0)),
        ((300, 61, 301, 62), (37, 10)),
        ((449.9, 599.9, 1200.1, 1199.9), (0, 14)),
        ((31, 29, 1000, 1171), (0, 1)),
    ],
)
def test_equals_the_corner_of_what_pygeoprocessing_cuts(box, corner, tmp_path):
    assert invest_corner(polygons(*box), GRID) == corner
    polygons(*box).to_file(tmp_path / "watersheds.gpkg")
    assert invest_corner(str(tmp_path / "watersheds.gpkg"), GRID) == corner


def test_polygons_of_another_system_are_projected():
    frame = polygons(95, 305, 640, 1000)
    row, column = invest_corner(frame.to_crs("EPSG:4326"), GRID)
    assert abs(row - 6) <= 1
    assert abs(column - 3) <= 1


def terraces(rng):
    coarse = rng.integers(0, 6, (20, 25)).repeat(2, 0).repeat(2, 1)
    return coarse + np.linspace(9, 0, 50).round()


def hills(rng):
    return rng.random((40, 50)) * 9


# Seeds for which it matters where the tiles begin.
@pytest.mark.parametrize(
    ("method", "terrain", "seed"), [("d8", terraces, 5), ("mfd", hills, 27)], ids=["d8", "mfd"]
)
def test_sediment_routes_over_the_tiles_of_the_box(method, terrain, seed):
    dem = with_grid(
        terrain(np.random.default_rng(seed)).astype("float32"),
        resolution=30, origin=(X, Y + 1200), name="dem", units="m",
    )  # fmt: skip
    frame = polygons(95, 125, 1330, 1100)
    corner = invest_corner(frame, dem)
    assert corner == (3, 3)
    lulc = xr.ones_like(GRID, dtype="uint8")
    with (
        mock.patch.object(plateau_order, "INVEST_TILE", 7),
        mock.patch.object(stream_trace, "INVEST_TILE", 7),
    ):
        made = mx.sediment(
            dem.chunk(13), lulc.chunk(13), 1500.0, 0.03, threshold=6, method=method, usle_c=0.2,
            usle_p=1.0, watersheds=frame, convention="invest",
        )["streams"].compute()  # fmt: skip
        inside = mx.burn(frame, dem, values=np.ones(len(frame)), fill=np.nan, dtype="float32")
        filled = mx.fill_pits(dem.where(inside.notnull()))

        def found(place, convention="invest"):
            direction = mx.flow_direction(filled, method, convention=convention, corner=place)
            sums = mx.flow_accumulation(direction)
            over = direction if method == "mfd" else None
            return mx.streams(sums, 6, over, convention="invest", corner=place).values

        np.testing.assert_array_equal(made, found(corner))
        assert (found((0, 0)) != found(corner)).any()
        if method == "d8":
            assert (found((0, 0), "elevations") != found(corner)).any()
