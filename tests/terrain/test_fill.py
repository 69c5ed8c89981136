"""Pits: equal to a priority flood in every chunking."""

from __future__ import annotations

import heapq

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mineeco_xr as mx
from mineeco_xr.errors import GridMismatch, SchemaError
from mineeco_xr.kernels import fill as kernels
from mineeco_xr.testing import assert_chunk_invariant, chunkings, rasters, with_grid


def priority_flood(z):
    rows, columns = z.shape

    def around(i, j):
        return [(i + a, j + b) for a in (-1, 0, 1) for b in (-1, 0, 1) if a or b]

    def outside(i, j):
        return not (0 <= i < rows and 0 <= j < columns) or np.isnan(z[i, j])

    out, done = np.full_like(z, np.nan), np.isnan(z)
    inner = [cell for cell in np.ndindex(z.shape) if not done[cell]]
    heap = [(z[cell], cell) for cell in inner if any(outside(*other) for other in around(*cell))]
    for _, cell in heap:
        done[cell] = True
    heapq.heapify(heap)
    while heap:
        level, cell = heapq.heappop(heap)
        out[cell] = level
        for other in around(*cell):
            if not outside(*other) and not done[other]:
                done[other] = True
                heapq.heappush(heap, (max(level, z[other]), other))
    return out


@given(values=rasters(largest=20), data=st.data())
def test_equals_a_priority_flood_in_any_chunking(values, data):
    dem = with_grid(values)
    chunks = data.draw(chunkings(values.shape))
    found = mx.fill_pits(dem.chunk(chunks)).compute()
    assert found.dtype == values.dtype
    np.testing.assert_array_equal(found, priority_flood(values))
    assert_chunk_invariant(mx.fill_pits, dem, chunks=chunks)


@pytest.mark.parametrize("dtype", ["float64", "int16", "uint8", "int32"])
@given(seed=st.integers(0, 10**6), data=st.data())
def test_every_type_is_kept(dtype, seed, data):
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 7, (9, 11)).astype(dtype)
    holes = rng.random(values.shape) < 0.1
    expected = np.where(holes, np.nan, values.astype("float64"))
    if dtype == "float64":
        dem, expected = with_grid(expected), priority_flood(expected)
    else:
        values[holes] = 99
        dem = with_grid(values).assign_attrs(_FillValue=99)
        expected = np.nan_to_num(priority_flood(expected), nan=99)
    for layer in (dem, dem.chunk(data.draw(chunkings(values.shape)))):
        found = mx.fill_pits(layer)
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, expected.astype(dtype))
    assert found.attrs.get("_FillValue") == (None if dtype == "float64" else 99)


def test_nothing_is_left_to_fill_and_filling_twice_changes_nothing():
    z = np.random.default_rng(0).normal(size=(60, 70)).astype("float32")
    once = mx.fill_pits(with_grid(z).chunk(16))
    twice = mx.fill_pits(once).compute()
    np.testing.assert_array_equal(once, twice)
    assert (once.values >= z).all()
    assert (once.values > z).mean() > 0.1


def test_a_crater_over_many_chunks_fills_to_its_lowest_rim():
    rows, columns = np.ogrid[:50, :50]
    z = np.hypot(rows - 25, columns - 25)
    z[z > 20] = 40 - z[z > 20]
    z[25, 38:] = 13.5
    found = mx.fill_pits(with_grid(z).chunk(7)).values
    inside = np.hypot(rows - 25, columns - 25) < 13
    assert (found[inside] == 13.5).all()


def test_infinite_heights_are_nodata():
    z = np.full((5, 5), 9.0)
    z[2, 2], z[2, 3] = 1.0, np.inf
    found = mx.fill_pits(with_grid(z))
    assert found[2, 2] == 1.0
    np.testing.assert_array_equal(mx.fill_pits(with_grid(z).chunk(2)), found)


def test_each_date_is_a_terrain_of_its_own():
    z = np.random.default_rng(1).integers(0, 6, (3, 8, 9)).astype("float32")
    dem = with_grid(z)
    expected = [priority_flood(layer) for layer in z]
    np.testing.assert_array_equal(mx.fill_pits(dem), expected)
    chunked = mx.fill_pits(dem.chunk(time=1, y=3, x=4))
    np.testing.assert_array_equal(chunked, expected)
    turned = mx.fill_pits(dem.transpose("y", "x", "time"))
    assert turned.dims == ("y", "x", "time")
    np.testing.assert_array_equal(turned.transpose("time", "y", "x"), expected)


def test_words_of_the_result():
    dem = with_grid(np.zeros((3, 3)), name="dem", units="ft").assign_attrs(long_name="surface")
    found = mx.fill_pits(dem)
    assert found.name == "dem_filled"
    assert found.attrs["units"] == "ft"
    assert found.attrs["long_name"] == "surface, pits filled"
    assert "fill_pits(dem)" in found.attrs["history"]
    with pytest.raises(GridMismatch, match="no coordinate reference"):
        mx.fill_pits(dem.drop_vars("spatial_ref"))


@given(seed=st.integers(0, 10**6), nodes=st.integers(1, 12))
def test_contracting_keeps_every_bottleneck(seed, nodes):
    rng = np.random.default_rng(seed)
    first, second = rng.integers(0, nodes, (2, 3 * nodes))
    weight = np.sort(rng.integers(0, 6, first.size).astype("float64"))
    terminal = rng.random(nodes) < 0.5
    terminal[0] = True
    small = kernels.contract(first, second, weight, terminal)
    assert small[0].size < terminal.sum()
    assert terminal[small[0]].all()
    assert terminal[small[1]].all()
    kept = np.flatnonzero(terminal)
    expected = kernels.water_levels(first, second, weight, nodes)[kept]
    found = kernels.water_levels(*small, nodes)[kept]
    np.testing.assert_array_equal(found, expected)
    levels = np.full((nodes, nodes), np.inf)
    np.fill_diagonal(levels, -np.inf)
    for a, b, w in zip(first, second, weight, strict=True):
        levels[a, b] = levels[b, a] = min(w, levels[a, b])
    for k in range(nodes):
        levels = np.minimum(levels, np.maximum(levels[:, [k]], levels[[k]]))
    np.testing.assert_array_equal(expected, levels[0][kept])


def test_the_whole_chain_is_lazy_and_the_same():
    z = np.random.default_rng(2).integers(0, 30, (40, 50)).astype("float32")
    dem = with_grid(z, units="m")

    def chain(layer):
        filled = mx.fill_pits(layer)
        return mx.flow_direction(filled, "mfd") + mx.slope(filled).astype("uint32")

    assert_chunk_invariant(chain, dem, chunks={"y": 13, "x": 17})


def test_codes_that_the_type_cannot_hold_mean_nothing():
    heights = np.array([[9, 9, 9, 9], [9, 1, 2, 5], [9, 9, 9, 9]])
    for dtype, code in (("int16", 65535), ("uint16", -9999), ("uint8", 300), ("int32", -9999.5)):
        dem = with_grid(heights.astype(dtype)).assign_attrs(_FillValue=code)
        found = mx.fill_pits(dem)
        assert found.dtype == dtype
        assert "_FillValue" not in found.attrs
        assert found.values[1].tolist() == [9, 5, 5, 5]


def test_any_byte_order_and_no_words_or_dates():
    heights = np.array([[9.0, 9, 9, 9], [9, 1, 2, 5], [9, np.inf, 9, 9]])
    found = mx.fill_pits(with_grid(heights.astype(">f4")))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, mx.fill_pits(with_grid(heights.astype("f4"))))
    assert np.isnan(found.values[2, 1]), "infinities are nodata"
    for wrong in (heights.astype("<U3"), heights.astype("complex64")):
        with pytest.raises(SchemaError, match="expected real numbers"):
            mx.fill_pits(with_grid(wrong))
