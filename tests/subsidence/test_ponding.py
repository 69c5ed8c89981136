"""Water over sunken ground against a priority flood and against sums by hand."""

from __future__ import annotations

import heapq

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from mineeco_xr.errors import GridMismatch, ParameterError, SchemaError
from mineeco_xr.subsidence import ponding, water_depth, waterlogging
from mineeco_xr.testing import assert_chunk_invariant, assert_lazy, chunkings, with_grid


def flooded(z):
    """Priority flood from the edge and from nodata, 8 neighbours, cell by cell."""
    rows, columns = z.shape
    level = np.full(z.shape, np.inf)
    queue = []
    around = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if i or j]

    def ends(i, j):
        near = [(i + a, j + b) for a, b in around]
        inside = [(a, b) for a, b in near if 0 <= a < rows and 0 <= b < columns]
        return len(inside) < 8 or any(np.isnan(z[a, b]) for a, b in inside)

    for i in range(rows):
        for j in range(columns):
            if np.isfinite(z[i, j]) and ends(i, j):
                level[i, j] = z[i, j]
                heapq.heappush(queue, (z[i, j], i, j))
    while queue:
        here, i, j = heapq.heappop(queue)
        for a, b in around:
            r, c = i + a, j + b
            if 0 <= r < rows and 0 <= c < columns and level[r, c] == np.inf:
                if np.isnan(z[r, c]):
                    continue
                level[r, c] = max(here, z[r, c])
                heapq.heappush(queue, (level[r, c], r, c))
    return np.where(np.isnan(z), np.nan, level)


def scene(seed, shape=(14, 17), dates=2):
    """A rough plain, a bowl that deepens, and nodata in both."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]]
    dem = 34 + 0.3 * rng.normal(size=shape) + 0.05 * x
    bowl = 4 * np.exp(-((y - 6) ** 2 + (x - 9) ** 2) / 12)
    sunk = np.stack([bowl * share for share in np.linspace(0.4, 1, dates)])
    dem[0, 3], sunk[:, 9, 2] = np.nan, np.nan
    return (
        with_grid(sunk, name="subsidence", units="m"),
        with_grid(dem, name="dem", units="m"),
    )


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 50), data=st.data())
def test_ponds_are_those_of_a_priority_flood(seed, data):
    sunk, dem = scene(seed)
    table = 1.2
    brim = ponding(sunk, dem)
    ground = ponding(sunk, dem, table, surface="groundwater")
    lower = ponding(sunk, dem, table)
    for step in range(2):
        terrain = dem.values - sunk.values[step]
        spill = flooded(terrain) - terrain
        by_table = np.where(np.isnan(terrain), np.nan, np.maximum(sunk.values[step] - table, 0))
        np.testing.assert_allclose(brim["terrain"].values[step], terrain)
        np.testing.assert_allclose(brim["water_depth"].values[step], spill, atol=1e-12)
        np.testing.assert_allclose(ground["water_depth"].values[step], by_table, atol=1e-12)
        both = np.minimum(spill, by_table)
        np.testing.assert_allclose(lower["water_depth"].values[step], both, atol=1e-12)
        before = flooded(dem.values) - dem.values
        added = np.maximum(spill - before, 0)
        np.testing.assert_allclose(brim["added_depth"].values[step], added, atol=1e-12)
    assert_chunk_invariant(
        ponding, sunk, dem, chunks=data.draw(chunkings((14, 17))), water_table=table
    )


def test_a_bowl_in_a_plain_fills_to_its_rim_and_by_the_water_table_to_less():
    sunk = np.zeros((9, 9))
    sunk[3:6, 3:6] = 3.0
    sunk[4, 4] = 4.0
    plain = with_grid(np.full((9, 9), 33.0), name="dem", units="m")
    ground = with_grid(1000 * sunk, name="subsidence", units="mm")
    np.testing.assert_array_equal(ponding(ground, plain)["water_depth"].values, sunk)
    ponds = ponding(ground, plain, 2.5)
    np.testing.assert_array_equal(ponds["water_depth"].values, np.maximum(sunk - 2.5, 0))
    # A ditch through the rim, 1 m deep, drains what stands above it.
    ditch = plain.copy()
    ditch[4, :] = 31.0
    deep = ponding(ground, ditch, 0.0)["water_depth"].values
    assert deep[4, 4] == 4.0
    assert deep[3, 3] == 1.0
    assert ponds["added_depth"].attrs["units"] == "m"


def test_what_the_edge_cuts_holds_no_water():
    sunk = with_grid(np.full((4, 4), 2.0), units="m")
    plain = with_grid(np.full((4, 4), 33.0), units="m")
    assert (ponding(sunk, plain)["water_depth"] == 0).all()


def test_depth_by_a_water_table_number_or_raster():
    sunk = with_grid(
        np.array([[[0.5, 2.0, np.nan, 4.0]], [[1.0, 3.0, 1.0, 5.0]]], "float32"), units="m"
    )
    np.testing.assert_allclose(
        water_depth(sunk, 1.5).values, [[[0, 0.5, np.nan, 2.5]], [[0, 1.5, 0, 3.5]]]
    )
    table = with_grid(np.array([[100, 100, 100, np.nan]], "float32"), units="cm", name="table")
    found = water_depth(sunk, table)
    np.testing.assert_allclose(found.values, [[[0, 1, np.nan, np.nan]], [[0, 2, 0, np.nan]]])
    assert found.dtype == "float32"
    assert found.attrs["units"] == "m"
    assert_chunk_invariant(water_depth, sunk, table, chunks={"y": (1,), "x": (1, 2, 1)})
    cube = sunk.rename("subsidence").to_dataset()
    np.testing.assert_array_equal(cube.mine.water_depth(table).values, found.values)


def test_seasonal_and_perennial_water():
    sunk = with_grid(np.array([[0.5, 1.0, 2.0, 3.5, np.nan]]), units="m")
    found = waterlogging(sunk, 1.0, 3.0)
    np.testing.assert_array_equal(found.values, [[0, 0, 1, 2, 255]])
    dry = with_grid(np.array([[3.0, 3, np.nan, 4, 3]]), units="m")
    np.testing.assert_array_equal(waterlogging(sunk, 1.0, dry).values, [[0, 0, 255, 1, 255]])
    assert_chunk_invariant(waterlogging, sunk, chunks={"x": (2, 3)}, wet=1.0, dry=3.0)
    with pytest.raises(ParameterError, match="exchange wet and dry"):
        waterlogging(sunk, 3.0, 1.0)


def test_building_ponds_reads_nothing():
    sunk, dem = scene(0)
    made = assert_lazy(ponding, sunk.chunk(y=5), dem.chunk(x=6), 1.0)
    assert all(layer.chunks for layer in made.data_vars.values())


def test_bad_input_is_named():
    sunk, dem = scene(0)
    with pytest.raises(ParameterError, match="surface='groundwater' needs the water_table"):
        ponding(sunk, dem, surface="groundwater")
    with pytest.raises(ParameterError, match="surface is 'brim'"):
        ponding(sunk, dem, surface="brim")
    with pytest.raises(SchemaError, match="give one elevation"):
        ponding(sunk, sunk.rename("dem"))
    with pytest.raises(GridMismatch):
        ponding(sunk, dem.isel(x=slice(5)))
    with pytest.raises(ParameterError, match="water_table is 'deep'"):
        water_depth(sunk, "deep")
    with pytest.raises(SchemaError, match="no variable 'subsidence'"):
        water_depth(xr.Dataset({"dem": dem}), 1.0)
