"""Reread: a pass of its own over any source."""

from __future__ import annotations

import dask
import dask.array as da
import numpy as np
import pytest

from mineeco_xr.chunks.reread import read_again

SOURCES = {
    "plain": lambda x: x + 1,
    "rechunked": lambda x: x.rechunk(((7, 1, 20, 32), (1, 30, 29))),
    "sliced": lambda x: x[1:, 2:],
    "joined": lambda x: da.concatenate([x, x]),
    "overlapped": lambda x: da.overlap.overlap(x, depth=1, boundary=0.0),
    "rechunked and overlapped": lambda x: da.overlap.overlap(
        x.rechunk((20, 15)), depth={0: 1, 1: 1}, boundary={0: 0.0, 1: 0.0}
    ),
    "stacked": lambda x: da.stack([x, x[::-1]])[1],
}


@pytest.mark.parametrize("make", SOURCES.values(), ids=SOURCES)
def test_each_pass_reads_every_block_once(make):
    reads = []

    def read(block):
        reads.append(1)
        return block

    values = np.arange(3600.0).reshape(60, 60)
    source = da.from_array(values, chunks=(32, 30))
    source = da.map_blocks(read, source, dtype=float, meta=np.empty((0, 0)))
    once = make(source)
    (expected,) = dask.compute(once.sum())
    alone = len(reads)
    reads.clear()
    both = dask.compute(once.sum(), read_again(once).sum(), read_again(once, "third").sum())
    assert both == (expected, expected, expected)
    assert len(reads) == 3 * alone
    np.testing.assert_array_equal(read_again(once), once)
