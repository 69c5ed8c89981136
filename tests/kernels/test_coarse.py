"""Sums over coarse cells, bilinear weights and fields."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mineeco_xr.kernels.coarse import (
    PARTS,
    accumulate,
    merge_sums,
    spread_bilinear,
    stencil_weights,
)


@given(seed=st.integers(0, 2**32 - 1), wide=st.booleans(), cut=st.integers(0, 200))
def test_sums_are_exact_in_any_order(seed, wide, cut):
    rng = np.random.default_rng(seed)
    exponents = rng.integers(-12, 5, 200) if wide else np.zeros(200)
    values = (rng.normal(size=(2, 200)) * 10.0**exponents).astype("float32").astype("float64")
    values[0, rng.random(200) < 0.1] = np.nan
    cell = rng.integers(-1, 5, 200)
    weight = rng.integers(1, 1 << 20, 200).astype("float64")
    sums, errors, lows, counts = accumulate(values, cell, weight, 5)
    order = rng.permutation(200)
    parts = [accumulate(values[:, at], cell[at], weight[at], 5) for at in np.split(order, [cut])]
    other, other_errors = parts[0][0], parts[0][1]
    merge_sums(other, other_errors, parts[1][0], parts[1][1])
    np.testing.assert_array_equal(other + other_errors, sums + errors)
    np.testing.assert_array_equal(parts[0][3] + parts[1][3], counts)
    np.testing.assert_array_equal(np.minimum(parts[0][2], parts[1][2]), lows)
    valid = np.isfinite(values).all(axis=0)
    for k, c in np.ndindex(2, 5):
        chosen = np.flatnonzero(valid & (cell == c))
        exact = sum((Fraction(values[k, i]) * int(weight[i]) for i in chosen), Fraction(0))
        assert sums[k, c] + errors[k, c] == float(exact)
        assert counts[c] == weight[chosen].sum()


def test_weights_and_field_say_the_same():
    rng = np.random.default_rng(0)
    row, column = rng.integers(0, 4, 500), rng.integers(0, 3, 500)
    across, down = rng.integers(0, PARTS, (2, 500))
    field = rng.normal(size=(6, 5))
    found = spread_bilinear(row, column, across, down, field)
    weights = stencil_weights(row * 3 + column, across, down, np.ones(500, bool), 12)
    number = np.bincount(row * 3 + column, minlength=12)
    np.testing.assert_array_equal(weights.sum(axis=0), number * PARTS**2)
    around = np.stack([field[i : i + 4, j : j + 3] for i in range(3) for j in range(3)])
    means = (weights.reshape(9, 4, 3) * around).sum(axis=0).ravel() / PARTS**2
    np.testing.assert_allclose(means, np.bincount(row * 3 + column, found, 12), rtol=1e-12)


def test_the_field_is_bilinear():
    from scipy.interpolate import RegularGridInterpolator

    rng = np.random.default_rng(1)
    field = rng.normal(size=(6, 5))
    row, column = rng.integers(0, 4, 300), rng.integers(0, 3, 300)
    across, down = rng.integers(0, PARTS, (2, 300))
    peer = RegularGridInterpolator((np.arange(6.0) - 0.5, np.arange(5.0) - 0.5), field)
    expected = peer(np.stack([row + down / PARTS, column + across / PARTS], axis=1))
    found = spread_bilinear(row, column, across, down, field)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)
    assert np.isnan(spread_bilinear(row * 0 - 1, column, across, down, field)).all()
