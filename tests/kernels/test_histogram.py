"""Bins that do not depend on the blocks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mineeco_xr.kernels import histogram


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@given(data=st.data())
def test_distinct_values_equal_numpy_and_give_up_at_the_limit(dtype, data):
    values = data.draw(arrays(dtype, 40, elements=st.sampled_from(
        [0.0, -0.0, 1.0, 2.0, 3.0, 4.0, 1e30, -7.5, np.nan, np.inf])))  # fmt: skip
    expected, counts = np.unique(values[np.isfinite(values)] + 0.0, return_counts=True)
    found = histogram.distinct_counts(values, expected.size)
    np.testing.assert_array_equal(found.values, expected)
    np.testing.assert_array_equal(found.counts, counts)
    if expected.size:
        assert histogram.distinct_counts(values, expected.size - 1) is None


def test_whole_numbers_of_doubles_do_not_collide():
    """Their bits differ in the upper half alone."""
    found = histogram.distinct_counts(np.tile(np.arange(60_000.0), 3), 65536)
    np.testing.assert_array_equal(found.values, np.arange(60_000.0))
    assert (found.counts == 3).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@given(data=st.data())
def test_coarse_bins_keep_the_order(dtype, data):
    values = data.draw(arrays(dtype, 30))
    finite = np.sort(values[np.isfinite(values)])
    found = histogram.coarse_counts(values)
    assert found.counts.sum() == finite.size
    ends = np.cumsum(found.counts)
    np.testing.assert_array_equal(found.high, finite[ends - 1])
    np.testing.assert_array_equal(found.low, finite[ends - found.counts])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@given(data=st.data(), cut=st.integers(0, 30))
def test_coarse_bins_of_counted_values_and_of_parts_are_the_same(dtype, data, cut):
    values = data.draw(arrays(dtype, 30))
    whole = histogram.coarse_counts(values)
    counted = histogram.coarse_of_distinct(histogram.distinct_counts(values[:cut], 64))
    merged = histogram.merge_coarse([counted, histogram.coarse_counts(values[cut:])])
    for name in whole._fields:
        np.testing.assert_array_equal(getattr(merged, name), getattr(whole, name), err_msg=name)


@given(seed=st.integers(0, 999), parts=st.integers(1, 9))
def test_fine_bins_are_ordered_and_know_their_largest_value_and_mean(seed, parts):
    rng = np.random.default_rng(seed)
    values = rng.normal(0, 3, 300)
    values[::11] = np.nan
    coarse = histogram.coarse_counts(values)
    layout = histogram.cut_bins(coarse, np.full(coarse.bins.size, parts))
    counts, top = histogram.fine_counts(values, layout)
    finite = np.sort(values[np.isfinite(values)])
    assert counts[:, 0].sum() == finite.size
    used = counts[:, 0] > 0
    ends = np.cumsum(counts[used, 0])
    np.testing.assert_array_equal(top[used], finite[ends - 1])
    means = np.array([part.mean() for part in np.split(finite, ends[:-1])])
    width = (coarse.high - coarse.low).max() / parts
    found = histogram.fine_means(counts, layout)
    np.testing.assert_allclose(found[used], means, rtol=0, atol=width / 2**14)
    assert np.isnan(found[~used]).all()


def test_too_many_distinct_values_together():
    parts = [histogram.Distinct(np.arange(3.0) + i, np.ones(3, "int64")) for i in range(2)]
    assert histogram.merge_distinct(parts, 3) is None
    merged = histogram.merge_distinct(parts, 4)
    assert merged.counts.tolist() == [1, 2, 2, 1]
