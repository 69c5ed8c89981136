"""Cost distance against scikit-image and a plain label-correcting oracle."""

from __future__ import annotations

import importlib

import dask
import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from skimage.graph import MCP_Geometric

import mineeco_xr as mx
from mineeco_xr.errors import GridMismatch, ParameterError
from mineeco_xr.testing import assert_chunk_invariant, chunkings, with_grid


@st.composite
def surfaces(draw, largest=22):
    shape = draw(st.integers(1, largest)), draw(st.integers(1, largest))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kind = draw(st.sampled_from(["ties", "smooth", "wide"]))
    values = {
        "ties": rng.integers(1, 4, shape),
        "smooth": np.round(rng.uniform(1, 5, shape), 2),
        "wide": 10 ** rng.uniform(-4, 4, shape),
    }[kind].astype("float64")
    values[rng.random(shape) < draw(st.sampled_from([0, 0.3]))] = np.nan
    values[0, 0] = 1.5
    sources = rng.integers(1, 5, shape) * (rng.random(shape) < 0.05)
    sources[~np.isfinite(values)] = 0
    sources[0, 0] = 3
    return values, sources.astype("int32")


def skimage_cost(values, sources, cell):
    walls = np.where(np.isfinite(values), values, -1.0)
    path = MCP_Geometric(walls, fully_connected=True, sampling=cell[::-1])
    cost, _ = path.find_costs(np.argwhere(sources > 0).tolist())
    return np.where(np.isfinite(cost), cost, np.nan)


def oracle(values, sources, cell, connectivity=8):
    """Repeat every step until nothing changes: cost and smallest owner."""
    wide, tall = cell
    cost = np.where(sources > 0, 0.0, np.inf)
    owner = np.where(sources > 0, sources, 99)
    steps = [(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1) if (a, b) != (0, 0)]
    changed = True
    while changed:
        changed = False
        for i, j in np.argwhere(np.isfinite(values)):
            for a, b in steps:
                u = (i + a, j + b)
                inside = 0 <= u[0] < values.shape[0] and 0 <= u[1] < values.shape[1]
                if not inside or not np.isfinite(values[u]) or (connectivity == 4 and a and b):
                    continue
                half = 0.5 * np.sqrt((tall * a) ** 2 + (wide * b) ** 2)
                new = cost[u] + half * (values[u] + values[i, j])
                if new < cost[i, j] or (new == cost[i, j] and owner[u] < owner[i, j]):
                    cost[i, j], owner[i, j], changed = new, owner[u], True
    reached = np.isfinite(cost)
    return np.where(reached, cost, np.nan), np.where(reached, owner, 0)


@given(case=surfaces(10), cell=st.sampled_from([(30.0, 30.0), (20.0, 30.0)]))
def test_equals_the_oracle(case, cell):
    values, sources = case
    for connectivity in (8, 4):
        cost, owner = oracle(values, sources, cell, connectivity)
        found = mx.cost_distance(
            with_grid(values, resolution=cell), with_grid(sources, resolution=cell),
            connectivity=connectivity,
        )  # fmt: skip
        np.testing.assert_array_equal(found["cost_distance"], cost)
        np.testing.assert_array_equal(found["allocation"], owner)


@given(case=surfaces(), cell=st.sampled_from([(30.0, 30.0), (20.0, 30.0)]))
def test_equals_scikit_image_to_the_last_bit(case, cell):
    values, sources = case
    found = mx.cost_distance(
        with_grid(values, resolution=cell), with_grid(sources, resolution=cell)
    )
    np.testing.assert_array_equal(found["cost_distance"], skimage_cost(values, sources, cell))


def surface_and_sources(resistance, sources, **options):
    return mx.cost_distance(resistance, sources, **options)


@given(case=surfaces(), data=st.data())
def test_any_chunking_gives_the_same_bits(case, data):
    values, sources = (with_grid(array) for array in case)
    chunks = data.draw(chunkings(values.shape))
    most = data.draw(st.sampled_from([None, 200.0]))
    assert_chunk_invariant(
        surface_and_sources, values, sources, chunks=chunks, lazy=False, max_cost=most
    )


def test_owners_follow_labels_that_fall_by_a_rounding_error():
    """A label falls by one unit in the last place, and the sum that hangs on it does not change."""
    n = np.nan
    values = np.array(
        [
            [0.2, 0.1, 0.3, n, 0.2, 0.2],
            [0.3, n, 0.1, 0.3, 0.7, 0.3],
            [0.1, 0.2, 0.7, 0.1, n, n],
            [0.1, n, n, 0.3, n, 0.7],
        ]
    )
    sources = np.zeros((4, 6), "int32")
    sources[0, 1], sources[2, 2] = 1, 2
    whole = mx.cost_distance(with_grid(values), with_grid(sources), connectivity=4)
    cost, owner = oracle_in_order(values, sources)
    np.testing.assert_array_equal(whole["allocation"], owner)
    for threads in (1, 2, 3):
        with dask.config.set(scheduler="threads", num_workers=threads):
            found = mx.cost_distance(
                with_grid(values).chunk(2), with_grid(sources), connectivity=4
            ).compute()
        np.testing.assert_array_equal(found["cost_distance"], cost)
        np.testing.assert_array_equal(found["allocation"], owner)


def oracle_in_order(values, sources):
    """Return costs, and owners in the order of the costs: the smallest of tight neighbours."""
    cost, _ = oracle(values, sources, (30.0, 30.0), 4)
    owner = sources.copy()
    for i, j in sorted(np.argwhere(cost > 0).tolist(), key=lambda place: cost[tuple(place)]):
        tight = [
            owner[u]
            for u in ((i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1))
            if 0 <= u[0] < cost.shape[0] and 0 <= u[1] < cost.shape[1]
            and cost[u] + 15.0 * (values[u] + values[i, j]) == cost[i, j]
        ]  # fmt: skip
        owner[i, j] = min(tight)
    return cost, owner


def serpentine(side, gap):
    values = np.ones((side, side))
    for number, row in enumerate(range(gap, side, gap)):
        values[row] = np.nan
        values[row, -1 if number % 2 == 0 else 0] = 1
    return values


def spiral(side):
    values = np.full((side, side), np.nan)
    i = j = 0
    a, b = 0, 1
    for length in np.repeat(np.arange(side - 1, 0, -2), 2):
        for _ in range(length):
            values[i, j] = 1
            i, j = i + a, j + b
        a, b = b, -a
    return values


@pytest.mark.parametrize("values", [serpentine(60, 4), spiral(50)], ids=["serpentine", "spiral"])
def test_winding_landscapes_are_reached_to_their_end(values):
    sources = np.zeros(values.shape, "int32")
    sources[0, 0] = 1
    expected = skimage_cost(values, sources, (30.0, 30.0))
    assert np.isfinite(expected).sum() == np.isfinite(values).sum()
    for size in (7, 16):
        raster = with_grid(values).chunk({"y": size, "x": size + 3})
        found = mx.cost_distance(raster, with_grid(sources))
        np.testing.assert_array_equal(found["cost_distance"], expected)


@given(case=surfaces(12))
def test_links_lead_back_to_the_source_at_the_stated_cost(case):
    values, sources = case
    found = mx.cost_distance(with_grid(values), with_grid(sources))
    cost, link = found["cost_distance"].values, found["back_link"].values
    steps = [(0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1)]
    assert ((link == 255) == np.isnan(cost)).all()
    for i, j in np.argwhere((link != 255) & (link != 0)):
        a, b = steps[link[i, j] - 1]
        u = (i + a, j + b)
        half = 0.5 * np.sqrt((30.0 * a) ** 2 + (30.0 * b) ** 2)
        assert cost[u] + half * (values[u] + values[i, j]) == cost[i, j]
        assert found["allocation"].values[u] == found["allocation"].values[i, j]
    np.testing.assert_array_equal(link == 0, sources > 0)


def test_each_source_by_itself():
    rng = np.random.default_rng(1)
    values = rng.uniform(1, 5, (20, 21))
    sources = np.zeros((20, 21), "int32")
    for number, place in {2: (1, 1), 5: (15, 18), 9: (8, 3), 4: (2, 19), 30: (19, 0)}.items():
        sources[place] = number
    raster = with_grid(values).chunk({"y": 6, "x": 9})
    found = mx.cost_distance(raster, with_grid(sources), each=True)
    assert found["source"].values.tolist() == [2, 4, 5, 9, 30]
    for number in found["source"].values:
        alone = mx.cost_distance(with_grid(values), with_grid(np.where(sources == number, 1, 0)))
        for name in ("cost_distance", "back_link"):
            np.testing.assert_array_equal(found[name].sel(source=number), alone[name])
    nearest = mx.cost_distance(with_grid(values), with_grid(sources))["cost_distance"]
    np.testing.assert_array_equal(found["cost_distance"].min("source"), nearest)


def test_features_as_sources_and_a_limit():
    raster = with_grid(np.ones((10, 12)), units="1").chunk(5)
    points = gpd.GeoDataFrame(
        geometry=[shapely.Point(500_015, 4_799_985), shapely.Point(500_315, 4_799_715)],
        crs="EPSG:32650",
    )
    found = raster.mine.cost_distance(points, max_cost=90)
    assert found["cost_distance"].attrs["units"] == "m"
    assert found["allocation"].values[0, 0] == 1
    assert found["allocation"].values[9, 10] == 2
    assert found["cost_distance"].max() == 90
    assert found["allocation"].values[5, 5] == 0


def test_float32_resistance_is_summed_in_float64():
    rng = np.random.default_rng(5)
    values = rng.uniform(1, 5, (30, 30)).astype("float32")
    sources = np.zeros((30, 30), "int32")
    sources[3, 4] = 1
    found = mx.cost_distance(with_grid(values).chunk(11), with_grid(sources))
    expected = skimage_cost(values.astype("float64"), sources, (30.0, 30.0))
    np.testing.assert_array_equal(found["cost_distance"], expected)


def test_what_it_refuses():
    good = with_grid(np.ones((4, 5)), name="friction")
    one = with_grid(np.eye(4, 5, dtype="int32"), name="patches")
    for bad in (0.0, -2.0):
        with pytest.raises(ParameterError, match=r"'friction' has 1 cells of .* positive"):
            mx.cost_distance(good.where(good["x"] > good["x"][0], bad).where(one != 1, bad)[:1],
                             one[:1])  # fmt: skip
    with pytest.raises(ParameterError, match="no source"):
        mx.cost_distance(good, one * 0)
    with pytest.raises(ParameterError, match="no source"):
        mx.cost_distance(good.chunk(2), one.astype(float) * np.nan)
    walled = good.where(one == 0)
    with pytest.raises(ParameterError, match=r"sources \[1\] lie on nodata of 'friction'"):
        mx.cost_distance(walled, one)
    with pytest.raises(ParameterError, match="lie on nodata"):
        mx.cost_distance(good * np.nan, one)
    with pytest.raises(ParameterError, match="fractions"):
        mx.cost_distance(good, one * 0.5)
    with pytest.raises(ParameterError, match="number them from 1"):
        mx.cost_distance(good, -one)
    with pytest.raises(ParameterError, match="connectivity is 6"):
        mx.cost_distance(good, one, connectivity=6)
    with pytest.raises(ParameterError, match="max_cost is 0"):
        mx.cost_distance(good, one, max_cost=0)
    with pytest.raises(GridMismatch):
        mx.cost_distance(good, with_grid(np.ones((4, 5)), origin=(0, 0)))
    geographic = with_grid(np.ones((4, 5)), crs="EPSG:4326", resolution=0.1, origin=(9, 9))
    with pytest.raises(GridMismatch, match="metres"):
        mx.cost_distance(geographic, geographic)


def test_numbers_that_do_not_fit_are_refused_not_wrapped():
    good = with_grid(np.ones((1, 4)))
    for number in (2**32, 150_525_000_000, 2**31 - 1):
        with pytest.raises(ParameterError, match="number them from 1 to 2147483646"):
            mx.cost_distance(good, with_grid(np.array([[number, 0, 0, 2]])))
    with pytest.raises(ParameterError, match="numbered"):
        mx.cost_distance(good, with_grid(np.array([[np.inf, 0, 0, 2]])))


def test_features_without_a_cell_are_named():
    good = with_grid(np.ones((10, 12)))
    tiny = shapely.box(500_031, 4_799_960, 500_035, 4_799_964)
    wide = shapely.box(500_100, 4_799_800, 500_200, 4_799_900)
    frame = gpd.GeoDataFrame(geometry=[tiny, wide, wide], crs="EPSG:32650")
    with pytest.raises(ParameterError, match=r"sources \[1, 2\] \(rows .* have no cell"):
        mx.cost_distance(good, frame)
    field = mx.cost_distance(good, frame[1:2])
    with pytest.raises(ParameterError, match=r"targets \[1\] .* have no cell"):
        mx.least_cost_paths(field, frame[:2])


def test_a_range_in_which_steps_would_vanish_is_refused():
    values = np.ones((1, 8))
    values[0, :2] = 1e20
    with pytest.raises(ParameterError, match="steps would vanish"):
        mx.cost_distance(with_grid(values), with_grid(np.eye(1, 8, dtype="int32")))


def test_part_of_a_source_on_a_wall_is_left_out():
    values = np.ones((3, 4))
    values[1, 1] = np.nan
    sources = np.zeros((3, 4), "int32")
    sources[1, :2] = 1
    found = mx.cost_distance(with_grid(values), with_grid(sources))
    assert np.isnan(found["cost_distance"].values[1, 1])
    assert (found["back_link"].values == 0).sum() == 1


def test_an_interrupted_solve_leaves_nothing(monkeypatch, tmp_path):
    module = importlib.import_module("mineeco_xr.chunks.rounds")
    monkeypatch.setattr(module, "RESIDENT_BYTES", 1)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    calls = []
    exchange = importlib.import_module("mineeco_xr.spatial.cost_solve")._Exchange
    original = exchange.route

    def interrupted(self, key, reply):
        calls.append(key)
        if len(calls) == 60:
            assert list(tmp_path.rglob("*"))
            raise KeyboardInterrupt
        return original(self, key, reply)

    raster = with_grid(serpentine(40, 4)).chunk(8)
    sources = with_grid(np.eye(40, dtype="int32") * (np.arange(40) == 0))
    found = mx.cost_distance(raster, sources)["cost_distance"].compute()
    monkeypatch.setattr(exchange, "route", interrupted)
    with pytest.raises(KeyboardInterrupt):
        mx.cost_distance(raster, sources)
    assert not list(tmp_path.rglob("*"))
    monkeypatch.setattr(exchange, "route", original)
    with dask.config.set(scheduler="threads", num_workers=3):
        again = mx.cost_distance(raster, sources)["cost_distance"].compute()
    np.testing.assert_array_equal(found, again)
