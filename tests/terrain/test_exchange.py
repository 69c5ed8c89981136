"""Flow that divides over block borders: strips, what they write, and what they hand on."""

from __future__ import annotations

import importlib
import pickle

import dask
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mineeco_xr as mx
from mineeco_xr.errors import ParameterError, SchemaError
from mineeco_xr.kernels.perimeter import perimeter_cells
from mineeco_xr.terrain import flow_mesh, flow_state, flow_strip, multiple
from mineeco_xr.terrain.multiple_layers import accumulate_layers
from mineeco_xr.terrain.multiple_sums import ACCUMULATION, DESCENT
from mineeco_xr.terrain.stream_trace import KEEP, REACH
from mineeco_xr.testing import assert_chunk_invariant, assert_lazy, chunkings, with_grid

strips = importlib.import_module("mineeco_xr.chunks.strips")


@st.composite
def landscapes(draw, largest=26):
    """Draw directions of a filled terrain with many or few pits, and weights."""
    shape = (draw(st.integers(2, largest)), draw(st.integers(2, largest)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    tilt = np.add.outer(np.arange(shape[0]), np.arange(shape[1])) * draw(st.sampled_from([0, 3]))
    heights = tilt + rng.normal(0, draw(st.sampled_from([1, 9])), shape).round(1)
    heights[rng.random(shape) < draw(st.sampled_from([0.0, 0.05]))] = np.nan
    direction = mx.flow_direction(mx.fill_pits(with_grid(heights, units="m")), method="mfd")
    weights = rng.random((2, *shape))
    weights[rng.random((2, *shape)) < 0.1] = np.nan
    return direction, [with_grid(layer) for layer in weights]


def in_blocks(monkeypatch, *, threads=1, written=False, part=2**26):
    """Let no raster fit; on demand, write all blocks but one, and cells that can change only."""
    monkeypatch.setattr(multiple, "fits_in_memory", lambda cells: False)
    monkeypatch.setattr(flow_strip, "PART_BYTES", part)
    monkeypatch.setattr(strips, "MEMORY_SHARE", 0.0 if written else 0.25)
    monkeypatch.setattr(flow_state, "DENSE_SHARE", 2.0 if written else 0.5)
    return dask.config.set(scheduler="threads", num_workers=threads)


@settings(max_examples=12)
@given(
    data=st.data(), threads=st.integers(1, 5), written=st.booleans(), part=st.sampled_from([1, 999])
)
def test_strips_and_written_blocks_change_no_bit(data, threads, written, part):
    direction, (weights, _) = data.draw(landscapes())
    chunks = data.draw(chunkings(direction.shape))
    sums = mx.flow_accumulation(direction)

    def traced(accumulation, codes):
        return mx.streams(accumulation, 6, codes, trace=0.4)

    def distance(codes, accumulation, factors):
        return mx.downstream_distance(codes, accumulation > 9, weights=factors)

    with (
        pytest.MonkeyPatch.context() as patch,
        in_blocks(patch, threads=threads, written=written, part=part),
    ):
        options = {"chunks": chunks, "lazy": False}
        assert_chunk_invariant(mx.flow_accumulation, direction, weights, **options)
        assert_chunk_invariant(traced, sums, direction, **options)
        assert_chunk_invariant(distance, direction, sums, weights, **options)


@settings(max_examples=15)
@given(data=st.data())
def test_layers_at_once_have_the_bits_of_each_alone(data):
    direction, (first, second) = data.draw(landscapes())
    chunks = data.draw(chunkings(direction.shape))
    alone = [mx.flow_accumulation(direction, weights) for weights in (first, None, second)]
    lazy = direction.chunk(chunks)
    found = [accumulate_layers(direction, [first, None, second])]
    found += [assert_lazy(accumulate_layers, lazy, [first, None, second.chunk(chunks)])]
    with pytest.MonkeyPatch.context() as patch, in_blocks(patch, threads=2):
        found += [accumulate_layers(lazy, [first, None, second.chunk(chunks)])]
        found += [(*accumulate_layers(lazy, [first]), *alone[1:])]
    for layers in found:
        for layer, expected in zip(layers, alone, strict=True):
            assert layer.dims == ("y", "x")
            np.testing.assert_array_equal(layer, expected)


def test_layers_of_dates_and_wrong_weights():
    packed = with_grid(np.stack([np.full((2, 3), 15 << 4 * k, "uint32") for k in (0, 4)]))
    weights = with_grid(np.arange(12.0).reshape(2, 2, 3))
    counts, sums = accumulate_layers(packed.chunk({"time": 1, "x": 2}), [None, weights])
    np.testing.assert_array_equal(counts[:, 0], [[1, 2, 3], [3, 2, 1]])
    np.testing.assert_array_equal(sums[0], [[0, 1, 3], [3, 7, 12]])
    with pytest.raises(ParameterError, match="expected 0 or more"):
        accumulate_layers(packed, [None, weights - 1])


def serpentine(shape):
    """Directions along a path through all cells, row by row to and fro, and the rank of cells."""
    path = np.arange(shape[0] * shape[1]).reshape(shape)
    path[1::2] = path[1::2, ::-1]
    direction = np.full(shape, 15, dtype="uint32")
    direction[1::2] = 15 << 16
    direction[:, -1][::2] = 15 << 24
    direction[:, 0][1::2] = 15 << 24
    direction.flat[np.argmax(path)] = 0
    return direction, path + 1.0


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_a_path_that_winds_over_all_borders_costs_no_more_tasks(threads, monkeypatch):
    direction, rank = serpentine((40, 44))
    calls = []
    call = strips._Threads.call
    monkeypatch.setattr(
        strips._Threads, "call", lambda self, *given: [calls.append(given), call(self, *given)][1]
    )
    with in_blocks(monkeypatch, threads=threads, written=True):
        found = mx.flow_accumulation(with_grid(direction).chunk(8)).compute()
    np.testing.assert_array_equal(found, np.where(direction == 0, np.nan, rank))
    assert len(calls) < 2 * 30 + 10 * threads


def test_a_circle_over_borders_is_refused_and_nothing_is_left(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    ring = np.array([[0, 0, 0, 6], [2, 9, 9, 6], [2, 4, 4, 4]])
    codes = np.where(ring == 9, 0, np.uint32(15) << (4 * ring.astype("uint32") % 32))
    with (
        in_blocks(monkeypatch, threads=2, written=True),
        pytest.raises(SchemaError, match="circle"),
    ):
        mx.flow_accumulation(with_grid(codes.astype("uint32")).chunk(2))
    assert not list(tmp_path.iterdir())


def test_flow_ends_in_a_stream_beyond_the_border_that_flows_nowhere(monkeypatch):
    codes = with_grid(np.array([[15, 0, 15, 15]], dtype="uint32")).chunk({"x": 1})
    river = with_grid(np.array([[0, 1, 0, 0]], dtype="uint8"))
    with in_blocks(monkeypatch, threads=2):
        found = mx.downstream_distance(codes, river).values
    np.testing.assert_array_equal(found, [[30, 0, np.nan, np.nan]])


def first_states(direction, sums):
    """Return a window after its first run, for each kind of flow."""
    packed, outside = np.pad(direction, 1), np.pad(sums, 1, constant_values=np.nan)
    classes = np.where(np.isnan(outside), 255, (outside >= 2) + np.uint8(outside >= 6))
    classes = np.array([0, 2, 1, *[255] * 253], dtype="uint8")[classes.astype(int)]
    packed[0, 1:-1] = 15 << 24
    reached = np.zeros(flow_mesh.border_cells(direction.shape)[1].size, dtype="uint8")
    reached[2:5] = 3
    made = {
        "sums": (ACCUMULATION, ACCUMULATION.begin(packed, given=None)),
        "distance": (
            DESCENT,
            DESCENT.begin(packed, np.zeros_like(packed), np.ones(packed.shape), given=None,
                          lengths=np.ones(8), fill=None),
        ),
        "reach": (REACH, REACH.begin(packed, classes, given=None)),
        "keep": (KEEP, KEEP.begin(packed, classes, given=reached)),
    }  # fmt: skip
    for flow, state in made.values():
        flow.advance(state, None)
    return made


@pytest.mark.parametrize("kind", ["sums", "distance", "reach", "keep"])
@settings(max_examples=6)
@given(data=st.data())
def test_a_frozen_block_goes_on_as_if_it_had_stayed(kind, data):
    direction, _ = data.draw(landscapes())
    sums = mx.flow_accumulation(direction).values
    flow, state = first_states(direction.values, sums)[kind]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flow_state, "DENSE_SHARE", 2.0)
        frozen = pickle.loads(pickle.dumps(flow_state.freeze(flow, state)))
        again = flow_state.thaw(frozen)
    assert isinstance(frozen, flow_state.Frozen)
    _, around = flow_mesh.border_cells(direction.shape)
    changing = np.flatnonzero(flow.can_change(state, slice(None)))
    mark = {"sums": 5.0, "distance": 7.0, "reach": 3, "keep": 5}[kind]
    for one in (state, again):
        arrived = around[state.packed.ravel()[around] != 0]
        one.values.ravel()[arrived] = mark
        flow.advance(one, arrived)
    for own, other in ((state.values, again.values), (state.pending, again.pending)):
        if own is not None:
            np.testing.assert_array_equal(own.ravel()[changing], other.ravel()[changing])


def strip_of(direction, keys, mesh, chunks):
    strip = flow_strip.make_strip(10**9, {"flow": ACCUMULATION, "mesh": mesh, "options": {}})
    tops, lefts = (np.cumsum([0, *sizes]) for sizes in chunks)
    outside = np.pad(direction, 1)
    for i, j in keys:
        height, width = mesh.shape((i, j))
        window = outside[tops[i] : tops[i] + height + 2, lefts[j] : lefts[j] + width + 2]
        ring = window.ravel()[flow_mesh.border_cells((height, width))[1]]
        for _ in range(2):
            strip.enter((i, j), [ring], None, np.ascontiguousarray(window[1:-1, 1:-1]))
    return strip


def test_calls_that_are_repeated_change_nothing(monkeypatch):
    monkeypatch.setattr(flow_strip, "PART_BYTES", 1)
    direction, rank = serpentine((9, 8))
    chunks = ((3, 6), (5, 3))
    mesh = flow_mesh.Mesh.of(chunks)
    upper = strip_of(direction, [(0, 0), (0, 1)], mesh, chunks)
    lower = strip_of(direction, [(1, 0), (1, 1)], mesh, chunks)
    number, more, given = 0, True, []
    while more:
        part = upper.give(number)
        more = part is not None
        given.append(part)
        for _ in range(2):
            lower.take(part)
        number += 1
    assert number == 3
    for number, part in enumerate(given):
        again = upper.give(number)
        assert (again and [key for key, _, _ in again]) == (part and [key for key, _, _ in part])
        assert (again and [s is None for _, _, s in again]) == (
            part and [s is None for *_, s in part]
        )
    borders = pickle.loads(pickle.dumps(lower)).answer()
    for (i, j), border in borders.items():
        rows, columns = (slice(sum(sizes[:n]), sum(sizes[: n + 1])) for sizes, n in
                         zip(chunks, (i, j), strict=True))  # fmt: skip
        cells = perimeter_cells(mesh.shape((i, j)))
        np.testing.assert_array_equal(
            border.values[border.final], rank[rows, columns].ravel()[cells][border.final]
        )
        assert border.final.sum() == border.final.size - (direction[rows, columns] == 0).sum()
        assert not border.waits
