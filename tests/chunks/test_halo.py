"""The halo door: a focal mean whose answer ten lines of NumPy give."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mineeco_xr.chunks import halo
from mineeco_xr.errors import ParameterError
from mineeco_xr.testing import assert_chunk_invariant, chunkings, rasters, with_grid


def window_mean(window, *, depth):
    size = 2 * depth + 1
    views = np.lib.stride_tricks.sliding_window_view(window, (size, size), axis=(-2, -1))
    valid = np.isfinite(views)
    count = valid.sum(axis=(-2, -1))
    total = np.where(valid, views, 0).astype("float64").sum(axis=(-2, -1))
    return np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)


def focal_mean(data, depth):
    return halo(window_mean, data, depth=depth, dtype="float64", parameters={"depth": depth})


def brute_force(values, depth):
    out = np.full(values.shape, np.nan)
    for i in range(values.shape[0]):
        for j in range(values.shape[1]):
            near = values[max(0, i - depth) : i + depth + 1, max(0, j - depth) : j + depth + 1]
            if np.isfinite(near).any():
                out[i, j] = np.nanmean(near.astype("float64"))
    return out


@given(values=rasters(largest=14), depth=st.integers(1, 20))
def test_equals_brute_force(values, depth):
    found = focal_mean(with_grid(values), depth)
    np.testing.assert_allclose(found, brute_force(values, depth), rtol=1e-12)


@given(values=rasters(shape=(17, 23)), depth=st.sampled_from([1, 2, 5, 30]), data=st.data())
def test_any_chunking_gives_the_same_bits(values, depth, data):
    chunks = data.draw(chunkings((17, 23)))
    assert_chunk_invariant(focal_mean, with_grid(values), chunks=chunks, depth=depth)


@given(values=rasters(times=2, shape=(9, 8)), data=st.data())
def test_a_leading_dim_is_carried_along(values, data):
    chunks = {**data.draw(chunkings((9, 8))), "time": 1}
    assert_chunk_invariant(focal_mean, with_grid(values), chunks=chunks, depth=2)


def test_small_chunks_are_joined_and_large_ones_stay():
    data = with_grid(np.ones((300, 300), "float32"))
    assert focal_mean(data.chunk({"y": 10, "x": 100}), 20).chunksizes["y"] == (80, 80, 140)
    assert focal_mean(data.chunk({"y": 10, "x": 100}), 20).chunksizes["x"] == (100, 100, 100)


def test_two_rasters_share_their_window():
    left = with_grid(np.arange(30.0).reshape(5, 6))
    right = with_grid(np.ones((5, 6)))
    found = halo(np_difference, left.chunk({"y": 2}), right, depth=1, dtype="float64")
    np.testing.assert_array_equal(found, left - right)


def np_difference(a, b):
    return (a - b)[1:-1, 1:-1]


def test_bad_parameters():
    data = with_grid(np.ones((4, 4), "uint8"))
    with pytest.raises(ParameterError, match="depth is 0"):
        halo(np_difference, data, data, depth=0, dtype="uint8")
    with pytest.raises(ParameterError, match="fill="):
        halo(np_difference, data, data, depth=1, dtype="uint8")


def anisotropic_sum(window, *, depths):
    size = (2 * depths[0] + 1, 2 * depths[1] + 1)
    views = np.lib.stride_tricks.sliding_window_view(window, size, axis=(-2, -1))
    return views.astype("float64").sum(axis=(-2, -1))


def two_depths(data, depths, block=0):
    return halo(
        anisotropic_sum, data, depth=depths, dtype="float64", fill=0, block=block,
        parameters={"depths": depths},
    )  # fmt: skip


@given(
    depths=st.sampled_from([(0, 0), (3, 0), (0, 2), (1, 4), (20, 1)]),
    block=st.sampled_from([0, 4, 100]), data=st.data(),
)  # fmt: skip
def test_rows_and_columns_may_differ_in_depth(depths, block, data):
    values = np.random.default_rng(0).integers(0, 9, (2, 11, 13))
    chunks = {**data.draw(chunkings((11, 13))), "time": 1}
    assert_chunk_invariant(two_depths, with_grid(values), chunks=chunks, depths=depths, block=block)
    r, s = depths
    padded = np.pad(values, ((0, 0), (r, r), (s, s)))
    expected = sum(
        padded[:, i : i + 11, j : j + 13] for i in range(2 * r + 1) for j in range(2 * s + 1)
    )
    np.testing.assert_array_equal(two_depths(with_grid(values), depths), expected)


def test_blocks_are_as_large_as_asked_for_and_layers_as_few_as_fit(monkeypatch):
    data = with_grid(np.ones((6, 30, 40), "u1")).chunk({"y": 10, "x": 10, "time": -1})
    assert two_depths(data, (1, 2), block=20).chunks == ((6,), (30,), (20, 20))
    module = sys.modules["mineeco_xr.chunks.halo"]
    monkeypatch.setattr(module, "WINDOW_BYTES", 4 * 8 * (30 + 2) * (20 + 4))
    found = two_depths(data, (1, 2), block=20)
    assert found.chunks == ((4, 2), (30,), (20, 20))
    np.testing.assert_array_equal(found, two_depths(data.compute(), (1, 2)))
    with pytest.raises(ParameterError, match=r"depth is \(-1, 2\)"):
        two_depths(data, (-1, 2))


def beside(number, weight):
    return number[1:-1, 2:] + weight[1:-1, 2:]


@given(chunkings((5, 7)))
def test_each_array_may_have_its_own_outside(chunks):
    layers = (with_grid(np.ones((5, 7), "u1")), with_grid(np.ones((5, 7))))
    chunked = [layer.chunk(chunks) for layer in layers]
    for given_layers in (layers, chunked):
        found = halo(beside, *given_layers, depth=1, dtype="float64", fill=(9, 0.5))
        np.testing.assert_array_equal(found[:, :-1], 2.0)
        np.testing.assert_array_equal(found[:, -1], 9.5)
