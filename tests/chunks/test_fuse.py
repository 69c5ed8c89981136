"""One task a block: what is private is computed inside it, what is shared once for all."""

from __future__ import annotations

import dask
import dask.array as da
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mineeco_xr.chunks.fuse import fused_tasks

CALLS: list[str] = []


def counted(block, *, who, add=0):
    CALLS.append(who)
    return block + add


def keep(label, values):
    return label, values


def grid(array):
    return [(i, j) for i in range(array.numblocks[0]) for j in range(array.numblocks[1])]


def groups_of(*arrays):
    return [((block,), [(array.name, *block) for array in arrays]) for block in grid(arrays[0])]


def test_a_diamond_is_computed_once_a_block():
    source = da.zeros((8, 6), chunks=(4, 3)).map_blocks(counted, who="source", dtype="f8")
    left = source.map_blocks(counted, who="left", add=1, dtype="f8")
    right = source.map_blocks(counted, who="right", add=2, dtype="f8")
    tasks = fused_tasks(keep, [source, left, right], groups_of(source, left, right))
    assert len(tasks) == 4
    CALLS.clear()
    found = dask.compute(*tasks)
    assert sorted(CALLS) == ["left"] * 4 + ["right"] * 4 + ["source"] * 4
    for label, (a, b, c) in found:
        assert label in grid(source)
        assert (a.mean(), b.mean(), c.mean()) == (0, 1, 2)


def test_what_blocks_share_is_computed_once_for_all():
    coarse = da.ones((8, 8), chunks=8).map_blocks(counted, who="coarse", dtype="f8")
    fine = coarse.rechunk(2) * coarse.sum()
    tasks = fused_tasks(keep, [fine], groups_of(fine))
    CALLS.clear()
    found = dask.compute(*tasks)
    assert CALLS.count("coarse") == 1
    assert all((values[0] == 64).all() for _, values in found)


def test_what_is_shared_is_one_layer_of_all_tasks():
    """A task with a graph of its own would be searched whole for each of its keys."""
    coarse = da.ones((8, 8), chunks=8).map_blocks(counted, who="coarse", dtype="f8")
    fine = coarse.rechunk(2) * coarse.sum()
    graphs = [task.__dask_graph__() for task in fused_tasks(keep, [fine], groups_of(fine))]
    layers = [set(graph.layers) - {key for key in graph.layers if "_run_group" in key} for graph
              in graphs]  # fmt: skip
    (common,) = set.union(*layers)
    assert layers == [{common}] * 16
    assert len({id(graph.layers[common]) for graph in graphs}) == 1


@given(
    rows=st.lists(st.integers(1, 4), min_size=1, max_size=4),
    columns=st.lists(st.integers(1, 4), min_size=1, max_size=4),
    depth=st.integers(0, 1),
)
def test_values_are_those_of_dask(rows, columns, depth):
    data = np.arange(sum(rows) * sum(columns), dtype="f8").reshape(sum(rows), -1)
    source = da.from_array(data, chunks=(tuple(rows), tuple(columns))) + 1
    mean = source.mean()
    smooth = source.map_overlap(np.negative, depth=depth, boundary="none", dtype="f8")
    second = smooth.rechunk(source.chunks) - mean
    found = dask.compute(*fused_tasks(keep, [source, second], groups_of(source, second)))
    expected = data + 1
    for (block, values), rows_cols in zip(found, grid(source), strict=True):
        assert block == rows_cols
        place = da.core.slices_from_chunks(source.chunks)[grid(source).index(block)]
        np.testing.assert_array_equal(values[0], expected[place])
        np.testing.assert_allclose(values[1], (-expected - expected.mean())[place])
