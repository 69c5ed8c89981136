"""Exact partitions against every partition there is."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mineeco_xr.kernels.piecewise import piecewise_lines


def least_squares(design, y):
    return ((y - design @ np.linalg.lstsq(design, y, rcond=None)[0]) ** 2).sum()


def brute_force(y, t, m, shortest, continuous):
    """Return the least sum of squares over all choices of m breaks, infinite without any."""
    n, best = y.size, np.inf
    for inner in itertools.combinations(range(1, n - continuous), m):
        ends = [0, *inner, n - continuous]
        if min(np.diff(ends)) < shortest - continuous:
            continue
        if continuous:
            design = np.array([np.interp(t, t[ends], hat) for hat in np.eye(m + 2)]).T
            squares = least_squares(design, y)
        else:
            squares = sum(
                least_squares(np.c_[np.ones(b - a), t[a:b] - t[a]], y[a:b])
                for a, b in itertools.pairwise(ends)
            )
        best = min(best, squares)
    return best


def series(seed, n=11):
    rng = np.random.default_rng(seed)
    years = np.cumsum(rng.integers(1, 3, n)).astype(float)
    return 0.7 + rng.normal(0, 0.1, n) - 0.3 * (np.arange(n) > 5), years


@given(seed=st.integers(0, 10**6), m=st.integers(0, 3), shortest=st.integers(2, 4))
@pytest.mark.parametrize("continuous", [False, True])
def test_no_partition_is_better(continuous, seed, m, shortest):
    y, t = series(seed)
    expected = brute_force(y, t, m, shortest, continuous)
    found = piecewise_lines(
        y[:, None], t, breaks=m, min_length=shortest, continuous=continuous, min_obs=3
    )[:, 0]
    vertices = m + 2 if continuous else 2 * m + 2
    if np.isfinite(expected):
        assert found[0] == vertices
        assert found[1] == pytest.approx(np.sqrt(expected / y.size), rel=1e-9, abs=1e-12)
    else:
        assert found[0] < vertices


@given(seed=st.integers(0, 10**6), continuous=st.booleans())
def test_the_criterion_chooses_the_number(seed, continuous):
    y, t = series(seed)
    criteria = []
    for m in range(4):
        parameters = 2 * m + 2 if continuous else 3 * m + 2
        squares = brute_force(y, t, m, 3, continuous)
        if np.isfinite(squares) and (m == 0 or y.size > parameters):
            logs = y.size * np.log(squares / y.size), parameters * np.log(y.size)
            criteria.append(sum(logs))
    best = int(np.argmin(criteria))
    found = piecewise_lines(y[:, None], t, continuous=continuous, min_length=3)[:, 0]
    assert found[0] == (best + 2 if continuous else 2 * best + 2)


def test_vertices_are_the_ends_of_the_lines():
    years = np.arange(2001.0, 2013.0)
    y = np.where(years < 2007, 0.8 - 0.01 * (years - 2001), 0.2 + 0.05 * (years - 2007))
    free = piecewise_lines(y[:, None], years)[:, 0]
    np.testing.assert_array_equal(free[2:6], [2001, 2006, 2007, 2012])
    np.testing.assert_allclose(free[10:14], [0.8, 0.75, 0.2, 0.45], atol=1e-12)
    assert np.isnan(free[6:10]).all()
    bent = np.interp(years, [2001, 2005, 2012], [0.8, 0.2, 0.9])
    joined = piecewise_lines(bent[:, None], years, continuous=True)[:, 0]
    np.testing.assert_array_equal(joined[2:5], [2001, 2005, 2012])
    np.testing.assert_allclose(joined[7:10], [0.8, 0.2, 0.9], atol=1e-12)


@pytest.mark.parametrize("continuous", [False, True])
def test_gaps_are_as_if_they_were_not_there(continuous):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(14, 40)).cumsum(axis=0)
    values[rng.random(values.shape) < 0.2] = np.nan
    values[3, 5] = np.inf
    years = np.arange(14.0)
    found = piecewise_lines(values, years, continuous=continuous, min_obs=9)
    enough = 0
    for i in range(40):
        good = np.isfinite(values[:, i])
        alone = piecewise_lines(
            values[good, i][:, None], years[good], continuous=continuous, min_obs=9
        )
        np.testing.assert_array_equal(found[:, i], alone[:, 0])
        enough += found[0, i] > 0
        assert (found[0, i] == 0) == (good.sum() < 9)
    assert 0 < enough < 40


def test_far_from_zero_and_exact_series():
    rng = np.random.default_rng(1)
    y = rng.normal(size=(20, 30))
    y[10:] += 8
    years = np.arange(20.0)
    near = piecewise_lines(y, years, breaks=1)
    far = piecewise_lines(y + 1e6, years + 2000, breaks=1)
    np.testing.assert_allclose(far[1], near[1], rtol=1e-7)
    np.testing.assert_array_equal(far[3] - 2000, near[3])
    line = (0.1 * years + 5).astype("float32")
    assert piecewise_lines(line[:, None], years)[0, 0] == 2
    assert piecewise_lines(np.full((20, 1), 0.3, "float32"), years)[0, 0] == 2


def test_noise_has_few_breaks():
    noise = np.random.default_rng(2).normal(0, 0.02, (24, 4000))
    found = piecewise_lines(noise, np.arange(24.0))
    assert (found[0] > 2).mean() == pytest.approx(0.24, abs=0.03)
