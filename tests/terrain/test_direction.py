"""Directions of flow: InVEST's rules restated, and plateaus that cross every border."""

from __future__ import annotations

import heapq

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mineeco_xr as mx
from mineeco_xr.errors import GridMismatch, ParameterError
from mineeco_xr.terrain import plateau as across
from mineeco_xr.testing import assert_chunk_invariant, chunkings, rasters, with_grid

ROWS, COLUMNS = (0, -1, -1, -1, 0, 1, 1, 1), (1, 1, 0, -1, -1, -1, 0, 1)
SQRT2 = 2.0**0.5
METHODS = ("d8", "mfd")


def value(z, i, j):
    return z[i, j] if 0 <= i < z.shape[0] and 0 <= j < z.shape[1] else np.nan


def around(i, j):
    return [(i + di, j + dj) for di, dj in zip(ROWS, COLUMNS, strict=True)]


def packed(weights):
    total = 0.0
    for weight in weights:
        total += weight
    return sum(int(0.5 + w / total * 15) << 4 * i for i, w in enumerate(weights)) if total else 0


def plateaus(z, cells):
    """Yield the cells of each plateau that one of ``cells`` is on."""
    seen = set()
    for start in cells:
        if start in seen:
            continue
        found = [start]
        seen.add(start)
        for cell in found:
            for other in around(*cell):
                if other not in seen and value(z, *other) == z[start]:
                    seen.add(other)
                    found.append(other)
        yield found


def falls(z, cell):
    drops = [z[cell] - value(z, *other) for other in around(*cell)]
    return [d * (1 / SQRT2 if i & 1 else 1) if d > 0 else 0.0 for i, d in enumerate(drops)]


def distances(plateau, sources):
    inside, far = set(plateau), dict.fromkeys(sources, 0.0)
    heap = [(0.0, cell) for cell in sources]
    while heap:
        here, cell = heapq.heappop(heap)
        for i, other in enumerate(around(*cell)):
            length = here + (SQRT2 if i & 1 else 1.0)
            if other in inside and length < far.get(other, np.inf):
                far[other] = length
                heapq.heappush(heap, (length, other))
    return far


def directions(z, method):
    """Return D8 codes or packed shares, by the rules of pygeoprocessing's routing."""
    z = z.astype("float64")
    d8 = method == "d8"
    out = np.full(z.shape, 255 if d8 else 0, "uint8" if d8 else "uint32")
    flat = []
    for cell in np.ndindex(z.shape):
        if np.isnan(z[cell]):
            continue
        steep = falls(z, cell)
        if max(steep) > 0:
            out[cell] = int(np.argmax(steep)) if d8 else packed(steep)
        else:
            flat.append(cell)
    for plateau in plateaus(z, flat):
        drains = [cell for cell in plateau if max(falls(z, cell)) > 0]
        outlets = {
            cell: [np.isnan(value(z, *other)) for other in around(*cell)] for cell in plateau
        }
        if not drains:
            drains = [cell for cell, gaps in outlets.items() if any(gaps)]
            for cell in drains:
                gaps = outlets[cell]
                straight = [i for i in (0, 2, 4, 6) if gaps[i]]
                diagonal = [i for i in (1, 3, 5, 7) if gaps[i]]
                weights = [g * (1 / SQRT2 if i & 1 else 1.0) for i, g in enumerate(gaps)]
                out[cell] = (straight[:1] or diagonal[-1:])[0] if d8 else packed(weights)
        far = distances(plateau, drains)
        for cell in set(far) - set(drains):
            near = [far.get(other, np.inf) for other in around(*cell)]
            if d8:
                ways = [
                    i for i in (1, 3, 5, 7, 0, 2, 4, 6)
                    if near[i] + (SQRT2 if i & 1 else 1.0) == far[cell]
                ]  # fmt: skip
                out[cell] = ways[0]
            else:
                nearer = [n < far[cell] for n in near]
                out[cell] = packed(
                    [(1 / SQRT2 if i & 1 else 1.0) * n for i, n in enumerate(nearer)]
                )
    return out


@st.composite
def terrains(draw, largest=20, dtype="float32"):
    """Draw heights of few levels: lakes, plateaus and ties, with holes, on any border."""
    rows, columns = draw(st.integers(1, largest)), draw(st.integers(1, largest))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    levels, size = draw(st.integers(1, 5)), draw(st.sampled_from([1, 1, 3, 6]))
    coarse = rng.integers(0, levels, (rows // size + 1, columns // size + 1))
    z = np.kron(coarse, np.ones((size, size)))[:rows, :columns].astype(dtype)
    z[rng.random(z.shape) < draw(st.sampled_from([0.0, 0.0, 0.1]))] = np.nan
    if draw(st.booleans()):
        z[:, columns // 2] = np.nan
    if draw(st.integers(0, 9)) == 0:
        z[...] = np.nan
    return z


def serpentine(rows, columns):
    """Return one flat channel that winds from side to side between walls, and one drain."""
    z = np.full((rows, columns), 9.0)
    z[1:-1:2, 1:-1] = 5.0
    for number, row in enumerate(range(2, rows - 2, 2)):
        z[row, 1 if number % 2 else columns - 2] = 5.0
    z[0, 1] = 1.0
    return z


def spiral(side):
    """Return one flat channel that winds inwards between walls, drained at its outer end."""
    z = np.full((side, side), 9.0)
    i, j, di, dj = 1, 1, 0, 1
    z[0, 1] = 1.0
    z[i, j] = 5.0
    turns = 0
    while turns < 2:
        a, b = i + 2 * di, j + 2 * dj
        if 0 < a < side - 1 and 0 < b < side - 1 and z[a, b] == 9.0:
            i, j, turns = i + di, j + dj, 0
            z[i, j] = 5.0
        else:
            di, dj, turns = dj, -di, turns + 1
    return z


@pytest.mark.parametrize("method", METHODS)
@given(z=terrains(), data=st.data())
def test_equals_the_rules_in_any_chunking(method, z, data):
    dem = mx.fill_pits(with_grid(z)) if data.draw(st.booleans()) else with_grid(z)
    expected = directions(dem.values, method)
    np.testing.assert_array_equal(mx.flow_direction(dem, method), expected)
    chunks = data.draw(chunkings(z.shape, most=7))
    np.testing.assert_array_equal(mx.flow_direction(dem.chunk(chunks), method), expected)


@pytest.mark.parametrize("method", METHODS)
@given(values=rasters(largest=14), data=st.data())
def test_any_chunking_gives_the_same_bits(method, values, data):
    dem = mx.fill_pits(with_grid(values))
    chunks = data.draw(chunkings(values.shape))
    assert_chunk_invariant(mx.flow_direction, dem, chunks=chunks, method=method)
    np.testing.assert_array_equal(mx.flow_direction(dem, method), directions(dem.values, method))


@pytest.mark.parametrize("z", [serpentine(21, 23), spiral(27)], ids=["serpentine", "spiral"])
@pytest.mark.parametrize("size", [(5, 4), (1, 3), (21, 2)])
@pytest.mark.parametrize("method", METHODS)
def test_winding_channels_drain_along_their_whole_length(z, size, method):
    dem = with_grid(z)
    found = mx.flow_direction(dem.chunk(y=size[0], x=size[1]), method).values
    np.testing.assert_array_equal(found, directions(z, method))
    if method == "d8":
        for cell in zip(*np.nonzero(z == 5.0), strict=True):
            steps = 0
            while z[cell] == 5.0:
                cell = around(*cell)[found[cell]]
                steps += 1
                assert steps <= z.size
            assert z[cell] == 1.0


@pytest.mark.parametrize("method", METHODS)
def test_distances_that_are_forgotten_are_found_again(method, monkeypatch):
    monkeypatch.setattr(across, "KEPT_BYTES", 0)
    z = spiral(27)
    found = mx.flow_direction(with_grid(z).chunk(6), method)
    np.testing.assert_array_equal(found, directions(z, method))


def flows_off(z):
    """Say which cells end outside the raster when they follow D8."""
    found = mx.flow_direction(with_grid(z).chunk(4)).values
    for start in np.ndindex(z.shape):
        cell = start
        for _ in range(z.size):
            if np.isnan(value(z, *cell)):
                break
            cell = around(*cell)[found[cell]]
        assert np.isnan(value(z, *cell)), start


def test_a_level_raster_drains_over_its_edge_and_a_lake_over_its_rim():
    flows_off(np.zeros((13, 10)))
    lake = np.full((12, 12), 4.0)
    lake[1:-1, 1:-1] = 3.0
    flows_off(mx.fill_pits(with_grid(lake)).values)
    filled = mx.fill_pits(with_grid(np.random.default_rng(0).integers(0, 9, (20, 20)) * 1.0))
    flows_off(filled.values)


def test_the_edge_drains_only_what_has_no_other_way():
    z = np.array([[5.0, 5.0, 5.0, 4.0, 9.0]])
    assert mx.flow_direction(with_grid(z)).values[0, :3].tolist() == [0, 0, 0]
    assert mx.flow_direction(with_grid(z[:, :3])).values.tolist() == [[2, 2, 0]]


def test_a_pit_that_was_not_filled_has_no_direction():
    z = np.full((7, 7), 9.0)
    z[2:5, 2:5] = 1.0
    for chunk in (7, 3):
        dem = with_grid(z).chunk(chunk)
        assert (mx.flow_direction(dem).values[2:5, 2:5] == 255).all()
        shares = mx.flow_direction(dem, "mfd").values
        assert (shares[2:5, 2:5] == 0).all()
        assert (shares != 0).sum() == 40


def test_shares_are_those_of_the_drops():
    z = np.array([[9.0, 9, 9], [9, 4, 3], [9, 2, 9]])
    shares = int(mx.flow_direction(with_grid(z), "mfd")[1, 1])
    found = [shares >> 4 * i & 15 for i in range(8)]
    assert found == [5, 0, 0, 0, 0, 0, 10, 0]


def test_drops_count_over_the_true_steps():
    grid = mx.make_grid((0, 0, 90, 30), crs="EPSG:32650", resolution=(30, 10))
    dem = mx.cube.full(grid, 9.0)
    dem[1] = [7.0, 9.0, 9.0]
    dem[2, 1] = 8.0
    assert mx.flow_direction(dem)[1, 1] == 6
    square = with_grid(dem.values)
    assert mx.flow_direction(square)[1, 1] == 4


def test_each_date_is_a_terrain_of_its_own():
    z = np.random.default_rng(1).integers(0, 4, (2, 8, 9)).astype("int16")
    dem = with_grid(z)
    expected = [directions(layer, "d8") for layer in z]
    np.testing.assert_array_equal(mx.flow_direction(dem), expected)
    np.testing.assert_array_equal(mx.flow_direction(dem.chunk(time=1, y=3, x=4)), expected)


def test_words_of_the_result():
    dem = with_grid(np.arange(12.0).reshape(3, 4), name="dem")
    d8, mfd = (mx.flow_direction(dem, method) for method in METHODS)
    assert (d8.dtype, d8.attrs["_FillValue"]) == ("uint8", 255)
    assert d8.attrs["flag_meanings"] == "E NE N NW W SW S SE"
    assert (mfd.dtype, mfd.attrs["_FillValue"]) == ("uint32", 0)
    assert (d8.attrs["flow_method"], mfd.attrs["flow_method"]) == ("d8", "mfd")
    assert "flow_direction(dem, method='mfd')" in mfd.attrs["history"]
    with pytest.raises(ParameterError, match="'dinf' is unknown"):
        mx.flow_direction(dem, "dinf")
    with pytest.raises(GridMismatch, match="projected grid in metres"):
        mx.flow_direction(
            with_grid(np.zeros((3, 3)), crs="EPSG:4326", resolution=0.1, origin=(0, 1))
        )
