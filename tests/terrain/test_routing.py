"""Accumulation, distance, streams and basins along given flow directions."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mineeco_xr as mx
from mineeco_xr.errors import GridMismatch, ParameterError, SchemaError
from mineeco_xr.terrain import multiple
from mineeco_xr.testing import assert_chunk_invariant, assert_lazy, chunkings, with_grid

ROWS = (0, -1, -1, -1, 0, 1, 1, 1)
COLUMNS = (1, 1, 0, -1, -1, -1, 0, 1)
PACKED = "uint32"


def snake(shape):
    """Heights that fall along a path which visits every row in turn."""
    path = np.arange(shape[0] * shape[1]).reshape(shape)
    path[1::2] = path[1::2, ::-1]
    return -path.astype(float)


def spiral(shape):
    """Heights that fall along a path from the rim to the middle."""
    heights = np.zeros(shape)
    left = np.arange(heights.size).reshape(shape)
    step = 0
    while left.size:
        for cell in left[0]:
            heights.flat[cell] = -step
            step += 1
        left = np.rot90(left[1:])
    return heights


def flow_over(heights, absent, rng, dtype, *, steepest):
    """Directions from each cell to lower ones, or over the edge; pits are nodata."""
    direction = np.full(heights.shape, 0 if dtype == PACKED else 255, dtype=dtype)
    for i, j in np.ndindex(*heights.shape):
        if absent[i, j]:
            continue
        lower, out = [], []
        for k in range(8):
            n = (i + ROWS[k], j + COLUMNS[k])
            if not (0 <= n[0] < heights.shape[0] and 0 <= n[1] < heights.shape[1]) or absent[n]:
                out.append(k)
            elif heights[n] < heights[i, j]:
                lower.append((heights[n], k))
        ways = [k for _, k in sorted(lower)] or out
        if not ways:
            continue
        if not steepest:
            rng.shuffle(ways)
        if dtype == PACKED:
            shares = {k: int(rng.integers(1, 16)) for k in ways[: 1 + int(rng.integers(8))]}
            if steepest:
                shares[ways[0]] = 15
            direction[i, j] = sum(share << (4 * k) for k, share in shares.items())
        else:
            direction[i, j] = ways[0]
    return direction


@st.composite
def flows(draw, dtype, *, largest=11):
    """Draw acyclic directions, and cells in an order in which none comes before its givers."""
    shape = (draw(st.integers(1, largest)), draw(st.integers(1, largest)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kind = draw(st.sampled_from(["noise", "snake", "spiral", "slope"]))
    heights = {
        "noise": rng.permutation(shape[0] * shape[1]).reshape(shape).astype(float),
        "snake": snake(shape),
        "spiral": spiral(shape),
        "slope": np.add.outer(np.arange(shape[0]) * 1.01, np.arange(shape[1])),
    }[kind]
    absent = rng.random(shape) < draw(st.sampled_from([0.0, 0.1, 1.0]))
    winding = kind in ("snake", "spiral")
    direction = flow_over(heights, absent, rng, dtype, steepest=winding and draw(st.booleans()))
    order = sorted(np.ndindex(*shape), key=lambda cell: -heights[cell])
    return with_grid(direction, name="direction"), order


def receivers(direction):
    """For each valid cell, the cells it flows into with their shares and the step's number."""
    found = {}
    for cell in np.ndindex(*direction.shape):
        code = int(direction[cell])
        if code == (0 if direction.dtype == PACKED else 255):
            continue
        shares = (
            {k: code >> (4 * k) & 15 for k in range(8)} if direction.dtype == PACKED else {code: 1}
        )
        found[cell] = [
            ((cell[0] + ROWS[k], cell[1] + COLUMNS[k]), share, k)
            for k, share in shares.items()
            if share
        ]
    return found


def brute_accumulation(direction, order, weights):
    graph = receivers(direction)
    sums = {cell: np.nan_to_num(weights[cell]) for cell in graph}
    for cell in (cell for cell in order if cell in graph):
        total = sum(share for _, share, _ in graph[cell])
        for other, share, _ in graph[cell]:
            if other in graph:
                sums[other] += sums[cell] * share / total
    out = np.full(direction.shape, np.nan)
    for cell, value in sums.items():
        out[cell] = value
    return out


def brute_distance(direction, order, streams, lengths, weights):
    graph = receivers(direction)
    out = np.where(streams, 0.0, np.nan)
    for cell in reversed(order):
        if streams[cell] or cell not in graph:
            continue
        total = shares = 0.0
        for other, share, k in graph[cell]:
            inside = 0 <= other[0] < out.shape[0] and 0 <= other[1] < out.shape[1]
            if not inside or np.isnan(out[other]):
                continue
            giver = other if direction.dtype == PACKED else cell
            total += share * (lengths[k] * np.nan_to_num(weights[giver]) + out[other])
            shares += share
        if shares:
            out[cell] = total / shares
    return out


def brute_streams(direction, sums, threshold, trace):
    graph = receivers(direction)
    strong = {c for c in graph if sums[c] >= threshold}
    weak = {c for c in graph if trace * threshold <= sums[c] < threshold}
    reached = {c for c in strong if any(other not in graph for other, _, _ in graph[c])}
    kept = set()
    while True:
        more = {c for c in (strong | weak) - reached if any(o in reached for o, _, _ in graph[c])}
        if not more:
            break
        reached |= more
    sources = reached & strong
    while True:
        more = {o for c in sources for o, _, _ in graph[c]} & reached & weak - kept
        if not more:
            break
        kept |= more
        sources = more
    out = np.where(np.isnan(sums), 255, 0)
    for cell in (reached & strong) | kept:
        out[cell] = 1
    return out


def brute_basins(direction, outlets):
    graph = receivers(direction)
    ends = {
        cell
        for cell in graph
        if (outlets[cell] if outlets is not None else graph[cell][0][0] not in graph)
    }
    numbers = {cell: n for n, cell in enumerate(sorted(ends), 1)}
    out = np.zeros(direction.shape, dtype="int32")
    for cell in graph:
        at = cell
        while at in graph and at not in ends:
            at = graph[at][0][0]
        out[cell] = numbers.get(at, 0)
    return out


def some_weights(shape, seed=0):
    rng = np.random.default_rng(seed)
    weights = rng.random(shape)
    weights[rng.random(shape) < 0.1] = np.nan
    return with_grid(weights, name="weight", units="t")


def some_streams(direction, seed=0):
    rng = np.random.default_rng(seed)
    cells = (rng.random(direction.shape) < 0.1).astype("uint8")
    cells[rng.random(direction.shape) < 0.05] = 255
    return with_grid(cells, name="stream").assign_attrs(_FillValue=255)


@pytest.mark.parametrize("dtype", ["uint8", PACKED])
@settings(max_examples=15)
@given(data=st.data())
def test_sums_and_distances_equal_brute_force(dtype, data):
    direction, order = data.draw(flows(dtype))
    weights, streams = some_weights(direction.shape), some_streams(direction)
    codes, ones = direction.values, np.ones(direction.shape)
    counts = mx.flow_accumulation(direction)
    np.testing.assert_allclose(counts, brute_accumulation(codes, order, ones), rtol=1e-12)
    found = mx.flow_accumulation(direction, weights)
    expected = brute_accumulation(codes, order, weights.values)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    river, root = streams.values == 1, np.sqrt(2)
    metres, pixels = np.array([30, 30 * root] * 4), np.array([1, root] * 4)
    for options, lengths, factor in (
        ({}, metres, ones),
        ({"weights": weights}, metres, weights.values),
        ({"convention": "invest"}, pixels, ones),
        ({"convention": "invest", "weights": weights}, np.ones(8), weights.values),
    ):
        found = mx.downstream_distance(direction, streams, **options)
        expected = brute_distance(codes, order, river, lengths, factor)
        np.testing.assert_allclose(found, expected, rtol=1e-12)


@settings(max_examples=12)
@given(data=st.data())
def test_one_receiver_in_any_chunking(data):
    direction, _ = data.draw(flows("uint8"))
    chunks = data.draw(chunkings(direction.shape))
    weights, streams = some_weights(direction.shape), some_streams(direction)
    assert_chunk_invariant(mx.flow_accumulation, direction, chunks=chunks)
    assert_chunk_invariant(mx.flow_accumulation, direction, weights, chunks=chunks, relative=1e-12)
    assert_chunk_invariant(
        mx.downstream_distance, direction, streams, chunks=chunks, relative=1e-12
    )
    assert_chunk_invariant(mx.basins, direction, chunks=chunks)


@settings(max_examples=8)
@given(data=st.data())
def test_many_receivers_in_any_chunking(data):
    direction, _ = data.draw(flows(PACKED))
    chunks = data.draw(chunkings(direction.shape))
    weights, streams = some_weights(direction.shape), some_streams(direction)
    sums = mx.flow_accumulation(direction)

    def weighted_distance(codes, rivers, factors):
        return mx.downstream_distance(codes, rivers, weights=factors)

    def traced(accumulation, codes):
        return mx.streams(accumulation, 3, codes)

    def unlimited(_):
        return True

    for fits in (unlimited, lambda cells: False):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(multiple, "fits_in_memory", fits)
            options = {"chunks": chunks, "lazy": fits is unlimited}
            assert_chunk_invariant(mx.flow_accumulation, direction, weights, **options)
            assert_chunk_invariant(weighted_distance, direction, streams, weights, **options)
            assert_chunk_invariant(traced, sums, direction, **options)


@pytest.mark.parametrize("path", [snake, spiral])
@pytest.mark.parametrize("dtype", ["uint8", PACKED])
def test_a_path_through_all_cells_crosses_borders_many_times(path, dtype, monkeypatch):
    monkeypatch.setattr(multiple, "fits_in_memory", lambda cells: False)
    heights = path((12, 14))
    direction = np.zeros(heights.shape, dtype=dtype)
    order = sorted(np.ndindex(*heights.shape), key=lambda cell: -heights[cell])
    for here, there in itertools.pairwise(order):
        step = (there[0] - here[0], there[1] - here[1])
        k = list(zip(ROWS, COLUMNS, strict=True)).index(step)
        direction[here] = 15 << (4 * k) if dtype == PACKED else k
    direction[order[-1]] = 0 if dtype == PACKED else 255
    rank = np.empty(heights.shape)
    for number, cell in enumerate(order, 1):
        rank[cell] = number
    end = np.zeros(heights.shape, dtype="uint8")
    end[order[-2]] = 1
    flow = with_grid(direction).chunk({"y": 3, "x": (1, 4, 4, 5)})
    expected = np.where(rank == rank.max(), np.nan, rank)
    np.testing.assert_array_equal(mx.flow_accumulation(flow), expected)
    left = mx.downstream_distance(flow, with_grid(end), convention="invest")
    np.testing.assert_array_equal(left, rank.max() - 1 - expected)
    if dtype == "uint8":
        np.testing.assert_array_equal(mx.basins(flow), rank < rank.max())


@given(data=st.data(), trace=st.sampled_from([0.3, 0.7, 1.0]))
def test_traced_streams_equal_brute_force(data, trace):
    direction, _ = data.draw(flows(PACKED))
    sums = mx.flow_accumulation(direction)
    found = mx.streams(sums, 4, direction, trace=trace)
    np.testing.assert_array_equal(found, brute_streams(direction.values, sums.values, 4, trace))


@settings(max_examples=12)
@given(data=st.data())
def test_basins_equal_brute_force(data):
    direction, _ = data.draw(flows("uint8"))
    outlets = some_streams(direction)
    found = mx.basins(direction, outlets=outlets)
    np.testing.assert_array_equal(found, brute_basins(direction.values, outlets.values == 1))
    np.testing.assert_array_equal(mx.basins(direction), brute_basins(direction.values, None))
    chunks = data.draw(chunkings(direction.shape))
    lazy = mx.basins(direction.chunk(chunks), outlets=outlets)
    np.testing.assert_array_equal(lazy, found)


def test_thresholds_are_strict_for_one_receiver_and_not_for_many():
    sums = with_grid(np.array([[1.0, 2.0, 3.0, np.nan]]))
    assert mx.streams(sums, 2).values.tolist() == [[0, 0, 1, 255]]
    assert mx.streams(sums, 2, inclusive=True).values.tolist() == [[0, 1, 1, 255]]
    for method, found in (("d8", 0), ("mfd", 1)):
        assert mx.streams(sums.assign_attrs(flow_method=method), 2).values[0, 1] == found
    one = mx.flow_accumulation(with_grid(np.array([[0, 0, 0]], dtype="uint8")))
    assert mx.streams(one, 2).values.tolist() == [[0, 0, 1]]
    assert mx.streams(one, 9).values.sum() == 0
    assert one.attrs["flow_method"] == "d8"


def test_a_weak_cell_is_kept_only_below_a_stream():
    east = np.full((1, 5), 15, dtype=PACKED)
    sums = with_grid(np.array([[8.0, 10.0, 8.0, 8.0, 10.0]]))
    assert mx.streams(sums, 10, with_grid(east)).values.tolist() == [[0, 1, 1, 1, 1]]
    assert mx.streams(sums, 10, with_grid(east), trace=1.0).values.tolist() == [[0, 0, 0, 0, 1]]


def test_invest_leaves_out_weak_cells_that_its_queue_meets_late():
    south, south_east = 15 << 24, 15 << 28
    flow = np.array([[south | south_east, 15 << 8], [south, south], [south, south]], dtype=PACKED)
    sums = with_grid(np.array([[10.0, 1.0], [8.0, 8.0], [10.0, 10.0]]))
    found = mx.streams(sums, 10, with_grid(flow))
    assert found.values.tolist() == [[1, 0], [1, 1], [1, 1]]
    found = mx.streams(sums, 10, with_grid(flow), convention="invest")
    assert found.values.tolist() == [[1, 0], [1, 0], [1, 1]]


@given(data=st.data(), trace=st.sampled_from([0.3, 0.7, 1.0]))
def test_invest_keeps_no_more_than_its_rule(data, trace):
    direction, _ = data.draw(flows(PACKED))
    chunks = data.draw(chunkings(direction.shape))
    sums = mx.flow_accumulation(direction)

    def traced(accumulation, codes):
        return mx.streams(accumulation, 4, codes, trace=trace, convention="invest")

    complete = mx.streams(sums, 4, direction, trace=trace)
    found = traced(sums, direction)
    assert (found <= complete).all()
    sure = (sums >= 4) | (trace == 1.0)
    np.testing.assert_array_equal(found.where(sure), complete.where(sure))
    assert_chunk_invariant(traced, sums, direction, chunks=chunks)


def test_dates_weights_units_and_stored_types():
    one = np.array([[0, 0, 255], [4, 4, 4]], dtype="uint8")
    dates = with_grid(np.stack([one, np.full_like(one, 2)]))
    found = mx.flow_accumulation(dates.chunk({"y": 1, "time": 2}))
    np.testing.assert_array_equal(found[0], mx.flow_accumulation(dates[0]))
    np.testing.assert_array_equal(found[1], [[2, 2, 2], [1, 1, 1]])
    weights = with_grid(np.array([[2, 2, 2], [-1, 2, 2]], "int16"), units="t")
    weights.attrs["_FillValue"] = -1
    found = mx.flow_accumulation(dates, weights)
    assert found.attrs["units"] == "t"
    np.testing.assert_array_equal(found[0], [[2, 4, np.nan], [4, 4, 2]])
    assert found.dims == ("time", "y", "x")
    stored = with_grid(np.where(one == 255, np.nan, one))
    stored.encoding["dtype"] = np.dtype("uint8")
    np.testing.assert_array_equal(mx.flow_accumulation(stored)[1], [3, 2, 1])
    packed = with_grid(np.stack([np.full((2, 3), 15 << 4 * k, PACKED) for k in (0, 4)]))
    found = mx.flow_accumulation(packed.chunk({"time": 1, "x": 2}))
    np.testing.assert_array_equal(found[:, 0], [[1, 2, 3], [3, 2, 1]])
    assert found.chunksizes["x"] == (2, 1)


def test_steps_of_cells_that_are_not_square():
    grid = mx.make_grid((0, 0, 60, 80), crs="EPSG:32650", resolution=(30, 40))
    flow = mx.cube.full(grid, 0, dtype="uint8").copy(data=np.array([[0, 6], [1, 255]], "uint8"))
    end = flow.copy(data=np.array([[0, 0], [0, 1]], dtype="uint8"))
    found = mx.downstream_distance(flow, end).values
    np.testing.assert_allclose(found, [[70, 40], [50 + 40, 0]])
    many = flow.copy(data=np.array([[15 | 5 << 24, 15 << 24], [15 << 4, 0]], dtype=PACKED))
    found = mx.downstream_distance(many, end).values
    np.testing.assert_allclose(found, [[(15 * 70 + 5 * 130) / 20, 40], [90, 0]])


def test_nothing_is_read_before_it_is_asked_for():
    one, many = np.zeros((4, 4), "uint8"), np.full((4, 4), 15, PACKED)
    for codes in (one, many):
        flow = with_grid(codes).chunk({"x": 2})
        sums = assert_lazy(mx.flow_accumulation, flow)
        river = assert_lazy(mx.streams, sums, 2, flow)
        assert_lazy(mx.downstream_distance, flow, river)
    assert_lazy(mx.basins, with_grid(one).chunk({"x": 2}))


@pytest.mark.parametrize("dtype", ["uint8", PACKED])
@pytest.mark.parametrize("chunks", [None, {"x": 2}])
def test_flow_in_a_circle_is_refused(dtype, chunks, monkeypatch):
    monkeypatch.setattr(multiple, "fits_in_memory", lambda cells: False)
    ring = np.array([[0, 0, 0, 6], [2, 255, 255, 6], [2, 4, 4, 4]], dtype="uint8")
    if dtype == PACKED:
        ring = np.where(ring == 255, 0, np.uint32(15) << (4 * ring.astype(PACKED) % 32))
    flow = with_grid(ring.astype(dtype))
    flow = flow if chunks is None else flow.chunk(chunks)
    stop = with_grid(np.zeros((3, 4), "uint8"))
    with pytest.raises(SchemaError, match="circle"):
        mx.flow_accumulation(flow).compute()
    with pytest.raises(SchemaError, match="circle"):
        mx.downstream_distance(flow, stop).compute()
    if dtype == "uint8":
        with pytest.raises(SchemaError, match="circle"):
            mx.basins(flow).compute()


def test_bad_input():
    flow = with_grid(np.zeros((2, 3), "uint8"), name="flow")
    many = with_grid(np.full((2, 3), 15, PACKED))
    other = with_grid(np.zeros((2, 3), "uint8"), resolution=10)
    with pytest.raises(ParameterError, match="down to -1; expected 0 or more"):
        mx.flow_accumulation(flow, with_grid(np.full((2, 3), -1.0)))
    with pytest.raises(ParameterError, match="is float64; expected uint8"):
        mx.flow_accumulation(flow.astype("float64"))
    with pytest.raises(ParameterError, match="'dinf' is unknown"):
        mx.flow_accumulation(flow, method="dinf")
    with pytest.raises(SchemaError, match=r"code 16; expected 0 \(east\)"):
        mx.flow_accumulation(with_grid(np.array([[1, 16]], "uint8")))
    with pytest.raises(SchemaError, match="code 16"):
        mx.basins(with_grid(np.array([[1, 16]], "uint8")))
    with pytest.raises(GridMismatch, match="weights"):
        mx.flow_accumulation(flow, other.astype("float32"))
    with pytest.raises(GridMismatch, match="streams"):
        mx.downstream_distance(flow, other)
    degrees = {"crs": "EPSG:4326", "resolution": 0.1, "origin": (100, 40)}
    flat = with_grid(np.zeros((2, 3), "uint8"), **degrees)
    with pytest.raises(GridMismatch, match="projected grid in metres"):
        mx.downstream_distance(flat, flat)
    with pytest.raises(ParameterError, match="'feet' is unknown"):
        mx.downstream_distance(flow, flow, convention="feet")
    with pytest.raises(ParameterError, match="direction is mfd"):
        mx.basins(many)
    with pytest.raises(ParameterError, match="'order' is unknown"):
        mx.streams(flow, 2, convention="order")
    with pytest.raises(ParameterError, match="threshold is 0"):
        mx.streams(flow, 0)
    with pytest.raises(ParameterError, match="needs direction= of method 'mfd'"):
        mx.streams(flow, 2, trace=0.7)
    with pytest.raises(ParameterError, match=r"trace is 1\.5"):
        mx.streams(many, 2, many, trace=1.5)


def test_memory_decides_between_one_task_and_rounds():
    assert multiple.fits_in_memory(10)
    assert not multiple.fits_in_memory(10**13)


def test_codes_in_another_type_are_checked_not_wrapped():
    codes = with_grid(np.array([[0, 0, 4]], "uint8"))
    for wrong in (np.array([[256, 257, 4]], "int16"), codes.values + 0.5, codes.values - 1.0):
        with pytest.raises(SchemaError, match="expected whole codes"):
            mx.flow_accumulation(with_grid(wrong), method="d8")
    with pytest.raises(ParameterError, match="of method 'd8', not 'mfd'"):
        mx.flow_accumulation(codes, method="mfd")
    right = with_grid(np.array([[0.0, 0, np.nan]]))
    np.testing.assert_array_equal(mx.flow_accumulation(right, method="d8"), [[1.0, 2.0, np.nan]])


def test_dims_keep_their_order():
    dem = with_grid(np.random.default_rng(0).random((2, 6, 7)))
    codes = mx.flow_direction(mx.fill_pits(dem)).transpose("x", "y", "time")
    sums = mx.flow_accumulation(codes)
    for found in (
        sums,
        mx.basins(codes),
        mx.streams(sums, 3),
        mx.downstream_distance(codes, sums > 3),
    ):
        assert found.dims == ("x", "y", "time")


def test_a_threshold_is_taken_in_the_precision_of_the_sums():
    sums = with_grid(np.array([[0.1, 0.2]], "float32"))
    assert mx.streams(sums, 0.1).values.tolist() == [[0, 1]]
