"""Inverse-distance weighting on grids, and its error with each point left out."""

from __future__ import annotations

import sys

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

import mineeco_xr as mx
from mineeco_xr.errors import GridMismatch, ParameterError, SchemaError
from mineeco_xr.testing import assert_chunk_invariant, chunkings, with_grid

SHAPE = (11, 13)
LEFT, TOP = 500_000.0, 4_800_000.0


def stations(count=25, seed=0, reach=1.5):
    """Return points within and around the grid, some on centres of cells."""
    rng = np.random.default_rng(seed)
    x = LEFT + rng.random(count) * SHAPE[1] * 30 * reach
    y = TOP - rng.random(count) * SHAPE[0] * 30 * reach
    x[::3] = LEFT + 15 + 30 * np.floor((x[::3] - LEFT) / 30)
    y[::3] = TOP - 15 - 30 * np.floor((TOP - y[::3]) / 30)
    return gpd.GeoDataFrame(
        {"rate": rng.normal(-20, 10, count), "second": rng.normal(size=count)},
        geometry=gpd.points_from_xy(x, y),
        crs="EPSG:32650",
    )


def grid():
    return with_grid(np.zeros(SHAPE, "float32"))


@settings(max_examples=15)
@given(
    data=st.data(), seed=st.integers(0, 1000), neighbours=st.sampled_from([1, 4, None]),
    radius=st.sampled_from([None, 100.0]),
)  # fmt: skip
def test_any_chunking_gives_the_same_bits(data, seed, neighbours, radius):
    points = stations(seed=seed)
    chunks = data.draw(chunkings(SHAPE))
    options = {"neighbours": neighbours, "radius": radius, "distance": True}
    assert_chunk_invariant(mx.idw, grid(), points=points, column="rate", chunks=chunks, **options)


def test_equals_the_formula():
    points = stations()
    found = mx.idw(grid(), points, "rate", neighbours=None, power=3, dtype="float64")
    x, y = np.meshgrid(found["x"], found["y"])
    far = np.hypot(x[..., None] - points.geometry.x.values, y[..., None] - points.geometry.y.values)
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = (far**-3.0 * points["rate"].values).sum(-1) / (far**-3.0).sum(-1)
    on = (far == 0).any(-1)
    assert on.sum() > 3
    np.testing.assert_allclose(found.values[~on], expected[~on], rtol=1e-12)
    rows, columns, which = np.nonzero(far == 0)
    np.testing.assert_array_equal(found.values[rows, columns], points["rate"].values[which])


def test_distance_radius_and_far():
    points = stations()
    found = mx.idw(grid(), points, "rate", radius=60, distance=True)
    x, y = np.meshgrid(found["x"], found["y"])
    far = np.hypot(
        x[..., None] - points.geometry.x.values, y[..., None] - points.geometry.y.values
    ).min(-1)
    np.testing.assert_allclose(found["distance"], far, rtol=1e-6)
    np.testing.assert_array_equal(np.isnan(found["value"]), far > 60)
    assert np.isnan(found["value"]).any()
    np.testing.assert_array_equal(found["far"], far > found["far"].attrs["spacing"])
    assert found["value"].attrs["units"] == "1"
    # A lattice knows its own spacing, and only what lies outside of it is far.
    x, y = np.meshgrid(LEFT + 15 + np.arange(0, 7, 2) * 30.0, TOP - 15 - np.arange(0, 7, 2) * 30.0)
    lattice = gpd.GeoDataFrame(
        {"rate": x.ravel()}, geometry=gpd.points_from_xy(x.ravel(), y.ravel()), crs="EPSG:32650"
    )
    found = mx.idw(grid(), lattice, "rate", distance=True)
    assert found["far"].attrs["spacing"] == 60
    assert not found["far"][:8, :8].any()
    assert found["far"][10, 10] == 1


def test_a_lattice_gives_a_mirrored_map():
    """Ties are kept together: which of four equally far corners counts has no place here."""
    at = np.array([[0, 0], [0, 4], [4, 0], [4, 4]]) * 30.0 + 15
    points = gpd.GeoDataFrame(
        {"rate": [0.0, 1.0, 1.0, 0.0]},
        geometry=gpd.points_from_xy(LEFT + at[:, 0], TOP - at[:, 1]),
        crs="EPSG:32650",
    )
    found = mx.idw(with_grid(np.zeros((5, 5))), points, "rate", neighbours=2, dtype="float64")
    np.testing.assert_allclose(found, found.values.T, atol=1e-15)
    np.testing.assert_allclose(found, found.values[::-1, ::-1], atol=1e-15)
    assert found[2, 2] == 0.5


def test_dates_as_columns_and_as_rows():
    points = stations()
    points.loc[4, "second"] = np.nan
    days = pd.to_datetime(["2012-06-01", "2011-06-01"])
    found = mx.idw(grid(), points, ["rate", "second"], dates=days, distance=True, units="mm")
    assert list(found["time"].dt.year.values) == [2011, 2012]
    later = mx.idw(grid(), points, "rate", distance=True)
    earlier = mx.idw(grid(), points.drop(index=4), "second", distance=True)
    for name in ("value", "distance"):
        np.testing.assert_array_equal(found[name].sel(time="2012-06-01"), later[name])
        np.testing.assert_array_equal(found[name].sel(time="2011-06-01"), earlier[name])
    long = pd.concat(
        [
            points[["geometry"]].assign(value=points[name], day=day)
            for name, day in zip(["rate", "second"], days, strict=True)
        ]
    )
    by_rows = mx.idw(grid(), long, "value", dates="day", distance=True)
    np.testing.assert_allclose(by_rows["value"], found["value"], rtol=1e-5)
    lazy = mx.idw(grid().chunk({"y": 4}), long, "value", dates="day", distance=True)
    np.testing.assert_array_equal(lazy["value"], by_rows["value"])
    with pytest.raises(SchemaError, match="has 2 values on 2012-06-01: keep one"):
        mx.idw(grid(), pd.concat([long, long.iloc[:1]]), "value", dates="day")


def test_points_in_another_system_and_several_in_one_place():
    points = stations()
    there = mx.idw(grid(), points.to_crs(4326), "rate")
    np.testing.assert_allclose(there, mx.idw(grid(), points, "rate"), rtol=1e-4)
    twins = points.iloc[[0, 0]].assign(rate=[1.0, 4.0])
    assert (mx.idw(grid(), twins, "rate") == 2.5).all()


def test_chunks_follow_the_raster_or_the_choice():
    points = stations()
    uneven = grid().chunk({"y": (2, 9), "x": (6, 7)})
    assert mx.idw(uneven, points, "rate").chunksizes == uneven.chunksizes
    assert mx.idw(mx.cube.geobox_of(grid()), points, "rate").chunks is None
    assert mx.idw(grid(), points, "rate", chunks=5).chunks == ((5, 5, 1), (5, 5, 3))
    np.testing.assert_array_equal(uneven.mine.idw(points, "rate"), grid().mine.idw(points, "rate"))


@pytest.mark.parametrize("neighbours", [1, 5, None])
@pytest.mark.parametrize("radius", [None, 80.0])
def test_the_error_is_that_of_each_point_left_out(neighbours, radius):
    points = stations(count=20)
    points = pd.concat([points, points.iloc[[3]].assign(rate=0.0)], ignore_index=True)
    found = mx.idw_error(points, "rate", powers=[2, 3], neighbours=[neighbours], radius=radius)
    for row in found.itertuples():
        differences = []
        for i, point in points.iterrows():
            x, y = point.geometry.x, point.geometry.y
            cell = mx.make_grid((x - 1, y - 1, x + 1, y + 1), crs="EPSG:32650", resolution=2)
            there = mx.idw(
                cell, points.drop(index=i), "rate", power=row.power, neighbours=neighbours,
                radius=radius, dtype="float64",
            )  # fmt: skip
            differences.append(there.item() - point["rate"])
        known = np.array(differences)[np.isfinite(differences)]
        assert row.count == known.size > 5
        assert row.rmse == pytest.approx(np.sqrt((known**2).mean()), rel=1e-6)
        assert row.mae == pytest.approx(np.abs(known).mean(), rel=1e-6)
        assert row.bias == pytest.approx(known.mean(), rel=1e-6)


def test_the_error_does_not_depend_on_batches(monkeypatch):
    points = stations(count=40)
    whole = mx.idw_error(points, "rate")
    assert len(whole) == 9
    module = sys.modules["mineeco_xr.spatial.idw_error"]
    monkeypatch.setattr(module, "PAIRS_AT_ONCE", 60)
    pd.testing.assert_frame_equal(mx.idw_error(points, "rate"), whole, rtol=1e-14)


def test_bad_input():
    points, raster = stations(), grid()
    geographic = with_grid(np.zeros(SHAPE), crs="EPSG:4326", resolution=0.001, origin=(110.0, 40.0))
    with pytest.raises(GridMismatch, match="idw measures distances and needs a projected grid"):
        mx.idw(geographic, points, "rate")
    with pytest.raises(GridMismatch, match="points have no reference system: set one"):
        mx.idw(raster, points.set_crs(None, allow_override=True), "rate")
    with pytest.raises(SchemaError, match=r"no column 'rates'; there are \['rate', 'second'\]"):
        mx.idw(raster, points, "rates")
    with pytest.raises(SchemaError, match=r"holds (object|str): give numbers"):
        mx.idw(raster, points.assign(rate="high"), "rate")
    with pytest.raises(SchemaError, match="no point has a value of 'rate': give at least one"):
        mx.idw(raster, points.assign(rate=np.nan), "rate")
    with pytest.raises(SchemaError, match="no point has a value"):
        mx.idw(raster, points.iloc[:0], "rate")
    lost = points.set_geometry([None, *points.geometry[1:]], crs=points.crs)
    with pytest.raises(
        SchemaError, match="1 of 25 points have no single place, the first in row 0"
    ):
        mx.idw(raster, lost, "rate")
    many = points.set_geometry(
        [shapely.MultiPoint([p, p]) for p in points.geometry], crs=points.crs
    )
    with pytest.raises(SchemaError, match=r"explode\(\) multi-points"):
        mx.idw(raster, many, "rate")
    for name, value in (("power", 0), ("neighbours", 0), ("neighbours", 2.5), ("radius", -1)):
        with pytest.raises(ParameterError, match=f"{name} is {value}"):
            mx.idw(raster, points, "rate", **{name: value})
    with pytest.raises(ParameterError, match="2 columns and no dates"):
        mx.idw(raster, points, ["rate", "second"])
    with pytest.raises(ParameterError, match="2 columns and 1 dates"):
        mx.idw(raster, points, ["rate", "second"], dates=["2011-01-01"])
    with pytest.raises(SchemaError, match="the date 2011-01-01 stands twice"):
        mx.idw(raster, points, ["rate", "second"], dates=["2011-01-01"] * 2)
    with pytest.raises(GridMismatch, match="distances need metres"):
        mx.idw_error(points.to_crs(4326), "rate")
    with pytest.raises(SchemaError, match="only one point has a value"):
        mx.idw_error(points.iloc[:1], "rate")
    with pytest.raises(ParameterError, match="dtype is int32"):
        mx.idw(raster, points, "rate", dtype="int32")
