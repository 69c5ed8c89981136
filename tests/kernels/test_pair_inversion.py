"""Pairs to epochs against NumPy's pseudo-inverse of the design matrix."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mineeco_xr.kernels.pair_inversion import invert_pairs


def pseudo_inverse(displacement, first, second, times, *, minimum_norm):
    """Berardino et al.: velocities of the intervals, by the pseudo-inverse, cumulated."""
    steps = np.diff(times)
    design = np.zeros((len(first), steps.size))
    for row, i, j in zip(design, first, second, strict=True):
        row[i:j] = steps[i:j]
    out = np.full((times.size + 3, displacement.shape[1]), np.nan)
    for column, d in zip(out.T, displacement.T, strict=True):
        known = np.isfinite(d)
        rank = np.linalg.matrix_rank(design[known]) if known.any() else 0
        column[-3:-1] = rank, known.sum()
        if not known.any() or (rank < steps.size and not minimum_norm):
            continue
        velocity = np.linalg.pinv(design[known]) @ d[known]
        column[: times.size] = np.r_[0.0, np.cumsum(velocity * steps)]
        column[-1] = np.sqrt(((d[known] - design[known] @ velocity) ** 2).mean())
    return out


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    gaps=st.sampled_from([0.0, 0.3, 0.7]),
    minimum_norm=st.booleans(),
)
def test_equals_the_pseudo_inverse(seed, gaps, minimum_norm):
    rng = np.random.default_rng(seed)
    epochs, pairs = rng.integers(2, 9), rng.integers(1, 14)
    first = rng.integers(0, epochs - 1, pairs)
    second = np.array([rng.integers(i + 1, epochs) for i in first])
    times = np.cumsum(rng.integers(1, 40, epochs)).astype(float)
    displacement = rng.normal(size=(pairs, 12))
    displacement[rng.random(displacement.shape) < gaps] = np.nan
    found = invert_pairs(displacement, first, second, times, minimum_norm=minimum_norm)
    expected = pseudo_inverse(displacement, first, second, times, minimum_norm=minimum_norm)
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_a_chain_is_a_cumulative_sum():
    steps = np.random.default_rng(0).normal(size=(40, 3, 2))
    found = invert_pairs(
        steps, np.arange(40), np.arange(1, 41), np.arange(41.0), minimum_norm=False
    )
    np.testing.assert_allclose(found[1:41], np.cumsum(steps, axis=0), atol=1e-11)
    np.testing.assert_array_equal(found[0], 0)
    np.testing.assert_allclose(found[-1], 0, atol=1e-12)


@pytest.mark.parametrize("minimum_norm", [False, True])
def test_pixels_do_not_lean_on_their_neighbours(minimum_norm):
    """The factor of the pixel before is reused where the pairs are the same."""
    rng = np.random.default_rng(1)
    first, second = np.array([0, 1, 2, 0, 1]), np.array([1, 2, 3, 2, 3])
    displacement = rng.normal(size=(5, 200))
    displacement[rng.random((5, 200)) < 0.3] = np.nan
    given_all = invert_pairs(displacement, first, second, np.arange(4.0), minimum_norm=minimum_norm)
    one_by_one = [
        invert_pairs(
            displacement[:, i : i + 1], first, second, np.arange(4.0), minimum_norm=minimum_norm
        )
        for i in range(200)
    ]
    np.testing.assert_array_equal(given_all, np.hstack(one_by_one))
