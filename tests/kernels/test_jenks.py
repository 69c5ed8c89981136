"""Optimal classes against all possible ones."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mineeco_xr.kernels.jenks import optimal_classes


def within(values, weights, ends):
    total, start = 0.0, 0
    for end in ends:
        part, weight = values[start : end + 1], weights[start : end + 1]
        total += (weight * (part - np.average(part, weights=weight)) ** 2).sum()
        start = end + 1
    return total


@given(seed=st.integers(0, 9999), size=st.integers(2, 11), offset=st.sampled_from([0.0, 1e6]))
def test_no_division_has_less_spread(seed, size, offset):
    rng = np.random.default_rng(seed)
    values = np.unique(rng.normal(size=size).round(1)) + offset
    weights = rng.integers(1, 5, values.size)
    for k in range(1, values.size + 1):
        ends, found = optimal_classes(values, weights, k)
        assert ends[-1] == values.size - 1
        assert (np.diff([-1, *ends]) > 0).all()
        every = combinations(range(values.size - 1), k - 1)
        best = min(within(values, weights, [*cut, values.size - 1]) for cut in every)
        assert within(values, weights, ends) == pytest.approx(best, abs=1e-9)
        assert found == pytest.approx(best, abs=1e-9)


def test_equals_the_quadratic_programme_on_many_values():
    rng = np.random.default_rng(1)
    values, k = np.sort(rng.lognormal(size=600)), 6
    sums = np.concatenate([[0], values.cumsum()])
    squares = np.concatenate([[0], (values**2).cumsum()])
    size = np.arange(601)
    with np.errstate(divide="ignore", invalid="ignore"):
        count = size[None, :] - size[:, None]
        cost = squares[None] - squares[:, None] - (sums[None] - sums[:, None]) ** 2 / count
    cost[count <= 0] = np.inf
    best = cost[0]
    for _ in range(k - 1):
        best = (best[:, None] + cost).min(axis=0)
    assert optimal_classes(values, np.ones(600), k)[1] == pytest.approx(best[-1], rel=1e-10)


def test_a_far_outlier_does_not_blur_the_rest():
    values = np.array([-1e9, 0.0, 0.001, 0.002, 5.0, 5.001, 9.0])
    ends, _ = optimal_classes(values, np.ones(7), 4)
    assert ends.tolist() == [0, 3, 5, 6]
