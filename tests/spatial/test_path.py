"""Least-cost paths: their cost, their course and where they end."""

from __future__ import annotations

import itertools

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from skimage.graph import MCP_Geometric

import mineeco_xr as mx
from mineeco_xr.errors import ParameterError, SchemaError
from mineeco_xr.testing import chunkings, with_grid


def case(seed, shape=(14, 17)):
    rng = np.random.default_rng(seed)
    values = np.round(rng.uniform(1, 5, shape), 1)
    values[rng.random(shape) < 0.2] = np.nan
    places = rng.choice(values.size, 6, replace=False)
    values.ravel()[places] = 2.0
    sources, targets = np.zeros(shape, "int32"), np.zeros(shape, "int32")
    sources.ravel()[places[:3]] = [4, 2, 9]
    targets.ravel()[places[3:]] = [1, 5, 5]
    return with_grid(values), with_grid(sources), with_grid(targets)


@given(seed=st.integers(0, 10_000), data=st.data())
def test_paths_cost_what_scikit_image_says_and_are_the_same_for_any_chunks(seed, data):
    resistance, sources, targets = case(seed)
    field = mx.cost_distance(resistance, sources, each=True)
    paths = mx.least_cost_paths(field, targets)
    for path in paths.itertuples():
        solver = MCP_Geometric(resistance.fillna(-1).values, sampling=(30, 30))
        cost, _ = solver.find_costs(np.argwhere(sources.values == path.source).tolist())
        assert path.cost == cost[targets.values == path.target].min()
        assert path.length == pytest.approx(path.geometry.length)
        along = cells_of(path.geometry)
        values = resistance.values[along[:, 0], along[:, 1]]
        steps = 30 * np.sqrt((np.diff(along, axis=0) ** 2).sum(axis=1))
        assert (steps * (values[1:] + values[:-1]) / 2).sum() == pytest.approx(path.cost)
        assert sources.values[tuple(along[0])] == path.source
        assert targets.values[tuple(along[-1])] == path.target
    chunks = data.draw(chunkings(resistance.shape))
    again = mx.least_cost_paths(
        mx.cost_distance(resistance.chunk(chunks), sources, each=True), targets
    )
    assert paths.equals(again)


def cells_of(line):
    x, y = np.asarray(line.coords).T
    corners = np.column_stack([(4_800_000 - y) / 30 - 0.5, (x - 500_000) / 30 - 0.5])
    cells = [corners[:1]]
    for start, end in itertools.pairwise(corners):
        count = int(np.abs(end - start).max())
        cells.append(start + (end - start) * np.arange(1, count + 1)[:, None] / max(count, 1))
    return np.rint(np.concatenate(cells)).astype(int)


def test_the_nearest_source_and_a_target_on_its_source():
    resistance = with_grid(np.ones((3, 9)))
    sources = with_grid(np.array([[3, 0, 0, 0, 0, 0, 0, 0, 8]] + [[0] * 9] * 2))
    spots = gpd.GeoDataFrame(
        geometry=[shapely.Point(500_000 + 30 * c + 15, 4_799_985) for c in (2, 7, 0)],
        crs="EPSG:32650",
    )
    paths = resistance.mine.cost_distance(sources).mine.least_cost_paths(spots)
    assert paths[["source", "target", "cost"]].values.tolist() == [
        [3, 1, 60],
        [3, 3, 0],
        [8, 2, 30],
    ]
    assert paths.geometry[1].length == 0
    assert len(paths.geometry[0].coords) == 2
    assert paths.crs == "EPSG:32650"


def test_a_target_that_cannot_be_reached_has_no_path():
    resistance = with_grid(np.array([[1.0, 1, np.nan, 1]]))
    field = mx.cost_distance(resistance, with_grid(np.array([[1, 0, 0, 0]])))
    assert len(mx.least_cost_paths(field, with_grid(np.array([[0, 0, 0, 5]])))) == 0


def test_what_it_refuses():
    field = mx.cost_distance(with_grid(np.ones((2, 3))), with_grid(np.eye(2, 3, dtype="int32")))
    with pytest.raises(ParameterError, match="no target"):
        mx.least_cost_paths(field, with_grid(np.zeros((2, 3), "int32")))
    with pytest.raises(SchemaError, match="back_link"):
        mx.least_cost_paths(field.drop_vars("back_link"), with_grid(np.ones((2, 3), "int32")))


def test_damaged_links_are_an_error_not_an_endless_walk():
    field = mx.cost_distance(with_grid(np.ones((1, 4))), with_grid(np.eye(1, 4, dtype="int32")))
    field["back_link"].values[:] = [[1, 5, 1, 5]]
    with pytest.raises(SchemaError, match="do not lead to a source"):
        mx.least_cost_paths(field, with_grid(np.array([[0, 0, 0, 1]])))
