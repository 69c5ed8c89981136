"""Moments with twice the digits of a float."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mineeco_xr.kernels import moments as kernel


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@given(seed=st.integers(0, 999), offset=st.sampled_from([0.0, 1e8, -1e12]))
def test_sums_are_exact_to_thirty_digits(dtype, seed, offset):
    rng = np.random.default_rng(seed)
    values = (rng.normal(size=(2, 50)) + offset).astype(dtype)
    values[1, ::7] = np.nan
    values[1, 3] = np.inf
    found = kernel.moments(values)
    for fields, row in zip(found, values, strict=True):
        cells = [Fraction(float(v)) for v in row[np.isfinite(row)]]
        assert fields[kernel.COUNT] == len(cells)
        assert (fields[kernel.LOW], fields[kernel.HIGH]) == (float(min(cells)), float(max(cells)))
        for at, power in ((kernel.SUM, 1), (kernel.SQUARE, 2)):
            total = Fraction(fields[at]) + Fraction(fields[at + 1])
            size = sum(abs(v) ** power for v in cells)
            assert abs(total - sum(v**power for v in cells)) <= size * Fraction(1, 10**28)


@given(seed=st.integers(0, 999), cut=st.integers(0, 40))
def test_merging_is_as_one_block_and_nothing_changes_nothing(seed, cut):
    values = np.random.default_rng(seed).normal(1e6, 1, (1, 40))
    whole = kernel.moments(values)
    parts = kernel.merge_moments(kernel.moments(values[:, :cut]), kernel.moments(values[:, cut:]))
    fine = whole[:, kernel.SQUARE] + whole[:, kernel.SQUARE_ERROR]
    np.testing.assert_array_equal(parts[:, kernel.SQUARE] + parts[:, kernel.SQUARE_ERROR], fine)
    np.testing.assert_array_equal(parts[:, [0, 5, 6]], whole[:, [0, 5, 6]])
    empty = kernel.moments(np.full((1, 3), np.nan))
    np.testing.assert_array_equal(kernel.merge_moments(empty, whole), whole)
