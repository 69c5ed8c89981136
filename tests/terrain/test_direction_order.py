"""D8 as InVEST finds it: pygeoprocessing's walk restated, and what it wrote itself."""

from __future__ import annotations

import zlib
from collections import deque
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mineeco_xr as mx
from mineeco_xr.errors import ParameterError
from mineeco_xr.terrain import plateau_order
from mineeco_xr.testing import (
    assert_chunk_invariant,
    assert_lazy,
    chunkings,
    rasters,
    with_grid,
)

STEPS = ((0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1))
SQRT2 = 1.4142135623730951


def in_tiles(shape, tile, corner=(0, 0)):
    """Yield cells tile by tile, a tile row by row."""
    cells = np.ndindex(shape)
    place = [((i - corner[0]) // tile, (j - corner[1]) // tile, i, j) for i, j in cells]
    return ((i, j) for _, _, i, j in sorted(place))


def walked(z, tile, corner=(0, 0)):
    """Return D8 codes by the walk of pygeoprocessing 2.4's ``flow_dir_d8``."""
    rows, columns = z.shape
    out = np.full(z.shape, 255, "uint8")
    far, seen = np.full(z.shape, np.inf), np.zeros(z.shape, bool)

    def neighbours(cell):
        for k, (di, dj) in enumerate(STEPS):
            i, j = cell[0] + di, cell[1] + dj
            yield k, (i, j), z[i, j] if 0 <= i < rows and 0 <= j < columns else np.nan

    def fall(cell):
        best, steepest = 0.0, None
        for k, _, height in neighbours(cell):
            drop = (z[cell] - height) * (1.0 / SQRT2 if k & 1 else 1.0)
            if drop > best:
                best, steepest = drop, k
        return steepest

    for root in in_tiles(z.shape, tile, corner):
        if np.isnan(z[root]) or out[root] != 255:
            continue
        if fall(root) is not None:
            out[root] = fall(root)
            continue
        search, drains, edges = deque([root]), deque(), []
        seen[root] = True
        while search:
            cell = search.popleft()
            outwards = [k for k, _, height in neighbours(cell) if np.isnan(height)]
            for _, other, height in neighbours(cell):
                if height == z[root] and not seen[other]:
                    seen[other] = True
                    search.append(other)
            if fall(cell) is not None:
                drains.append((cell, fall(cell)))
            elif outwards:
                straight = [k for k in outwards if k % 2 == 0]
                edges.append((cell, straight[0] if straight else outwards[-1]))
        queue = deque()
        for cell, direction in drains or edges:
            out[cell], far[cell] = direction, 0.0
            queue.append(cell)
        while queue:
            cell = queue.popleft()
            for k, other, height in neighbours(cell):
                length = far[cell] + (SQRT2 if k & 1 else 1.0)
                if height == z[root] and far[other] > length:
                    out[other], far[other] = (k + 4) % 8, length
                    queue.append(other)
    return out


def directed(dem, tile, **options):
    with mock.patch.object(plateau_order, "INVEST_TILE", tile):
        return mx.flow_direction(dem, convention="invest", **options)


@st.composite
def terrains(draw, largest=17):
    """Draw heights of few levels, with holes: plateaus that cross tiles, with many ties."""
    rows, columns = draw(st.integers(1, largest)), draw(st.integers(1, largest))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    levels, size = draw(st.integers(1, 4)), draw(st.sampled_from([1, 2, 3, 6]))
    coarse = rng.integers(0, levels, (rows // size + 1, columns // size + 1))
    z = np.kron(coarse, np.ones((size, size)))[:rows, :columns].astype("float32")
    z[rng.random(z.shape) < draw(st.sampled_from([0.0, 0.03, 0.2, 1.0]))] = np.nan
    return mx.fill_pits(with_grid(z)) if draw(st.booleans()) else with_grid(z)


corners = st.tuples(st.integers(-3, 9), st.integers(-3, 9))


@given(dem=terrains(), tile=st.integers(1, 9), corner=corners, data=st.data())
def test_equals_the_walk_in_any_chunking(dem, tile, corner, data):
    expected = walked(dem.values.astype("float64"), tile, corner)
    np.testing.assert_array_equal(directed(dem, tile, corner=corner), expected)
    lazy = dem.chunk(data.draw(chunkings(dem.shape)))
    np.testing.assert_array_equal(directed(lazy, tile, corner=corner), expected)


@given(values=rasters(largest=14), data=st.data())
def test_any_chunking_gives_the_same_bits(values, data):
    dem = mx.fill_pits(with_grid(values))
    chunks = data.draw(chunkings(values.shape))
    assert_chunk_invariant(mx.flow_direction, dem, chunks=chunks, convention="invest")


@given(dem=terrains(15), tile=st.integers(2, 7), corner=st.tuples(*[st.integers(0, 9)] * 2))
def test_a_raster_cut_out_of_a_larger_one_is_told_by_its_corner(dem, tile, corner):
    around = np.full((dem.sizes["y"] + corner[0] + 2, dem.sizes["x"] + corner[1] + 1), np.nan)
    inner = np.s_[corner[0] : -2, corner[1] : -1]
    around[inner] = dem.values
    found = directed(with_grid(around), tile, corner=corner).values
    np.testing.assert_array_equal(found[inner], directed(dem, tile).values)


@given(dem=terrains())
def test_differs_from_the_usual_rule_on_plateaus_only(dem):
    other = (mx.flow_direction(dem) != directed(dem, 5)).values
    edges = np.pad(dem.values, 1, constant_values=np.nan)
    rows, columns = dem.shape
    near = [edges[1 + i : 1 + i + rows, 1 + j : 1 + j + columns] for i, j in STEPS]
    assert not (other & np.any([height < dem.values for height in near], axis=0)).any()


def steps(rows, columns):
    """Return terraces whose plateaus cross the tiles of 256 cells."""
    i, j = np.ogrid[:rows, :columns]
    z = (i * 7919 ^ j * 104729 ^ (i * j)) // 64 % 7 // 3 + 2.0 * (np.abs(j - 300) // 90)
    z = np.kron(z[: rows // 2, : columns // 2], np.ones((2, 2)))
    z[17, 250:262] = np.nan
    return mx.fill_pits(with_grid(z))


@pytest.mark.parametrize(
    ("shape", "digest"), [((40, 560), 3419659578), ((300, 300), 3778850599)], ids=["wide", "tall"]
)
def test_equals_what_pygeoprocessing_wrote(shape, digest):
    # CRC of what pygeoprocessing 2.4.11 made of the same elevations, 128 replaced by 255.
    dem = steps(*shape)
    found = mx.flow_direction(dem.chunk(130), convention="invest").values
    assert zlib.crc32(found.tobytes()) == digest
    assert 0 < (found != directed(dem, 10**6).values).sum() < 20
    assert (found != mx.flow_direction(dem).values).sum() > 1000


def test_equals_what_pygeoprocessing_wrote_of_a_few_cells():
    gap = np.nan
    z = [
        [5, 5, 5, 5, 5, 5, 4, 4, 5, 5, 5],
        [5, 5, 5, 5, 5, 5, 4, 4, 5, 5, 5],
        [3, 3, 4, 4, 4, 4, 3, 3, 4, 4, 4],
        [3, 3, 4, 4, 4, 4, 3, 3, 4, 4, 4],
        [4, 4, 3, 3, 5, 5, 5, 5, 3, 3, 4],
        [4, 4, 3, 3, gap, 5, 5, 5, 3, 3, 4],
        [5, 5, 3, 3, 4, 4, 5, 5, 4, 4, 3],
        [5, 5, 3, 3, 4, 4, 5, 5, 4, 4, 3],
    ]
    expected = [
        [6, 6, 6, 6, 6, 0, 6, 6, 4, 4, 6],
        [6, 6, 5, 6, 6, 7, 6, 6, 5, 6, 6],
        [4, 4, 4, 6, 0, 0, 7, 6, 4, 4, 6],
        [4, 4, 4, 6, 5, 0, 0, 7, 4, 6, 5],
        [2, 0, 0, 7, 4, 1, 2, 0, 7, 6, 4],
        [2, 0, 0, 0, 255, 6, 5, 0, 0, 7, 4],
        [2, 0, 0, 1, 4, 4, 4, 1, 2, 0, 0],
        [0, 0, 6, 6, 4, 4, 4, 0, 2, 0, 0],
    ]
    dem = with_grid(np.array(z, "float32"))
    assert mx.flow_direction(dem, convention="invest").values.tolist() == expected
    assert (mx.flow_direction(dem).values != expected).sum() == 4


def test_pits_and_rasters_of_nodata_have_no_direction():
    z = np.full((7, 7), 9.0)
    z[2:5, 2:5] = 1.0
    found = mx.flow_direction(with_grid(z), convention="invest").values
    assert (found[2:5, 2:5] == 255).all()
    assert (found == 255).sum() == 9
    assert (mx.flow_direction(with_grid(z * np.nan), convention="invest") == 255).all()


def test_is_lazy_and_keeps_the_chunks():
    dem = with_grid(np.random.default_rng(2).integers(0, 3, (9, 11)) * 1.0).chunk(y=4, x=5)
    built = assert_lazy(mx.flow_direction, dem, convention="invest")
    assert built.chunksizes == dem.chunksizes
    np.testing.assert_array_equal(built, walked(dem.values, 256))


def test_each_date_is_a_terrain_of_its_own():
    z = np.random.default_rng(1).integers(0, 3, (3, 8, 9)).astype("int16")
    expected = [walked(layer.astype("float64"), 4) for layer in z]
    np.testing.assert_array_equal(directed(with_grid(z), 4), expected)
    np.testing.assert_array_equal(directed(with_grid(z).chunk(time=2, y=3, x=4), 4), expected)


def test_cells_that_are_not_square_are_taken_for_squares():
    grid = mx.make_grid((0, 0, 90, 30), crs="EPSG:32650", resolution=(30, 10))
    dem = mx.cube.full(grid, 9.0)
    dem[1] = [7.0, 9.0, 9.0]
    dem[2, 1] = 8.0
    square = with_grid(dem.values)
    for method in ("d8", "mfd"):
        found = mx.flow_direction(dem, method, convention="invest")
        np.testing.assert_array_equal(found, mx.flow_direction(square, method))
        assert (found != mx.flow_direction(dem, method)).any()


def test_flow_that_divides_is_the_same():
    dem = steps(20, 30)
    np.testing.assert_array_equal(
        mx.flow_direction(dem, "mfd", convention="invest", corner=(1, 2)),
        mx.flow_direction(dem, "mfd"),
    )


def test_words_of_the_result_and_of_errors():
    dem = with_grid(np.arange(12.0).reshape(3, 4), name="dem")
    found = mx.flow_direction(dem, convention="invest", corner=(1, 2))
    assert "convention='invest', corner=[1, 2]" in found.attrs["history"]
    assert (found.dtype, found.attrs["flow_method"]) == ("uint8", "d8")
    with pytest.raises(ParameterError, match="'arcgis' is unknown"):
        mx.flow_direction(dem, convention="arcgis")
    with pytest.raises(ParameterError, match=r"corner is \(1, 2\).*convention='invest'"):
        mx.flow_direction(dem, corner=(1, 2))
    for corner in ((1.5, 2), 3, (1, 2, 3)):
        with pytest.raises(ParameterError, match="row and column of a cell"):
            mx.flow_direction(dem, convention="invest", corner=corner)
