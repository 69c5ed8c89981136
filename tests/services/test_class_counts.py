"""Counts of codes of every integer type, however far apart its codes lie."""

from __future__ import annotations

import numpy as np
import pytest

import mineeco_xr as mx
from mineeco_xr.services.class_counts import MANY, STRIP, count_codes, has_class, merge_counts
from mineeco_xr.testing import with_grid


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "int32", "int64", "f4"])
def test_count_codes_is_numpys_unique_up_to_the_ends_of_a_type(dtype):
    limits = np.iinfo(dtype) if np.dtype(dtype).kind in "iu" else np.finfo("f2")
    codes = np.array([limits.min, limits.max, limits.min, 1, 1, 1], dtype=dtype)
    found, counts = count_codes(codes)
    expected, cells = np.unique(codes, return_counts=True)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(counts, cells)


@pytest.mark.parametrize("size", [MANY - 1, MANY, MANY + 1, 2 * STRIP + 3, 5 * STRIP])
def test_many_bytes_are_counted_in_pairs(size):
    codes = np.random.default_rng(size).integers(0, 256, size).astype("uint8")
    codes[codes == 7] = 255
    for given in (codes, codes[1:], codes[: size // 2 * 2].reshape(2, -1).T):
        found, counts = count_codes(given)
        expected, cells = np.unique(given, return_counts=True)
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(counts, cells)


def test_merge_counts_adds_the_same_codes():
    parts = [count_codes(np.array(codes)) for codes in ([1, 1, 5], [], [5, 2])]
    codes, counts = merge_counts(parts)
    assert codes.tolist() == [1, 2, 5]
    assert counts.tolist() == [2, 1, 2]


def test_nodata_and_what_is_not_finite_have_no_class():
    known = has_class(np.array([1.0, np.nan, np.inf, -1.0]), -1.0)
    assert known.tolist() == [True, False, False, False]
    assert has_class(np.array([0, 3]), None).all()


@pytest.mark.parametrize("dtype", ["int8", "int16"])
def test_rarity_of_codes_at_both_ends_of_a_small_type(dtype):
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    before = with_grid(np.array([[low, low, low, high]], dtype))
    now = with_grid(np.array([[low, high, high, high]], dtype))
    table = mx.habitat_rarity_table(now, before)["rarity_value"]
    assert table.to_dict() == {low: 0.75, high: 0.25}
