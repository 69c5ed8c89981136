"""The reduce door: a histogram and a sum that depends on place."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mineeco_xr.chunks import reduce_blocks, run_tasks
from mineeco_xr.testing import chunkings, rasters, with_grid


def block_histogram(block, *, shared, low):
    return np.histogram(block[np.isfinite(block)], bins=shared, range=(low, 200))[0]


def add_up(parts):
    return sum(parts[1:], parts[0])


def weighted(block, weight, *, shared):
    return float(np.nansum(block * weight)), block.size


def add_pairs(parts):
    return tuple(map(sum, zip(*parts, strict=True)))


def share(total, shared):
    return total / total.sum() if total.sum() else total


@given(values=rasters(shape=(19, 21)), data=st.data())
def test_counts_are_equal_for_any_chunking(values, data):
    raster = with_grid(values)
    expected = np.histogram(values[np.isfinite(values)], bins=7, range=(-50, 200))[0]
    chunks = data.draw(chunkings((19, 21)))
    task = reduce_blocks(
        block_histogram, add_up, raster.chunk(chunks), shared=7, parameters={"low": -50}
    )
    np.testing.assert_array_equal(task.compute(), expected)


@given(data=st.data())
def test_a_vector_of_rows_is_broadcast(data):
    raster = with_grid(np.ones((9, 8)))
    rows = raster["y"].copy(data=np.arange(9.0)).drop_attrs()
    chunks = data.draw(chunkings((9, 8)))
    total, size = reduce_blocks(weighted, add_pairs, raster.chunk(chunks), rows).compute()
    assert (total, size) == (36 * 8, 72)


def test_finish_runs_once_and_reductions_chain():
    raster = with_grid(np.arange(100.0).reshape(10, 10)).chunk({"y": 3, "x": 4})
    first = reduce_blocks(
        block_histogram, add_up, raster, finish=share, shared=4, parameters={"low": 0}
    )
    assert first.compute().sum() == 1.0
    second = reduce_blocks(chained, add_up, raster, shared=first)
    np.testing.assert_allclose(second.compute(), first.compute() * 12)


def chained(block, *, shared):
    return shared


def test_run_tasks_tells_each_finished_task(tmp_path):
    import dask

    tasks = [dask.delayed((tmp_path / str(i)).touch)() for i in range(5)]
    told = []
    run_tasks(tasks, done=told.append)
    assert told == [1] * 5
    assert len(list(tmp_path.iterdir())) == 5
    run_tasks([])


def test_what_is_finished_is_finished_once_for_all_blocks():
    finished = []

    def finish(total, shared):
        finished.append(1)
        return total

    raster = with_grid(np.ones((6, 8))).chunk(2)
    total = reduce_blocks(lambda block, *, shared: block.sum(), sum, raster, finish=finish)
    lazy = total.to_array(np.asarray, (), "float64")
    (raster.data / lazy).compute()
    assert len(finished) == 1
