"""Streams in the order of InVEST's tiles, which begin where its raster does."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mineeco_xr as mx
from mineeco_xr.errors import ParameterError
from mineeco_xr.terrain import stream_trace
from mineeco_xr.testing import with_grid

corners = st.tuples(st.integers(0, 9), st.integers(0, 9))


def terrain(seed, shape=(22, 26)):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=shape).cumsum(0).cumsum(1) + rng.normal(size=shape)
    z[rng.random(shape) < 0.03] = np.nan
    return mx.fill_pits(with_grid(z)).values


def streams_of(z, tile, **options):
    direction = mx.flow_direction(with_grid(z), "mfd")
    sums = mx.flow_accumulation(direction)
    with mock.patch.object(stream_trace, "INVEST_TILE", tile):
        return mx.streams(sums, 6, direction, trace=0.4, convention="invest", **options).values


@given(seed=st.integers(0, 10**6), tile=st.integers(2, 8), corner=corners)
def test_a_raster_cut_out_of_a_larger_one_is_told_by_its_corner(seed, tile, corner):
    z = terrain(seed)
    around = np.full((z.shape[0] + corner[0] + 2, z.shape[1] + corner[1] + 1), np.nan)
    inner = np.s_[corner[0] : -2, corner[1] : -1]
    around[inner] = z
    found = streams_of(around, tile, corner=corner)
    np.testing.assert_array_equal(found[inner], streams_of(z, tile))


def test_where_tiles_begin_decides_what_is_left_out():
    cases = [terrain(seed) for seed in range(40)]
    changed = [(streams_of(z, 8) != streams_of(z, 8, corner=(3, 5))).any() for z in cases]
    assert 0 < sum(changed) < 40
    # Whole tiles further on is the same place.
    assert all((streams_of(z, 8) == streams_of(z, 8, corner=(8, -16))).all() for z in cases[:5])


def test_a_corner_says_nothing_of_complete_streams():
    sums = with_grid(np.ones((3, 3)))
    with pytest.raises(ParameterError, match="Leave it out"):
        mx.streams(sums, 2, corner=(1, 0))
    found = mx.streams(sums, 2, convention="invest", corner=(1, 0))
    assert "corner=[1, 0]" in found.attrs["history"]
    assert "corner" not in mx.streams(sums, 2).attrs["history"]
