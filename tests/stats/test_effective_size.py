"""Effective sizes of samples that are correlated with themselves."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage, stats

from mineeco_xr.stats.effective_size import (
    distance_classes,
    dutilleul_sizes,
    lag_classes,
    lag_one_size,
)

CELL = 30.0


def field(rng, sigma, side=48):
    wide = ndimage.gaussian_filter(rng.normal(size=(side + 40, side + 40)), sigma)
    return wide[20:-20, 20:-20]


def places_of(side=48):
    y, x = np.mgrid[:side, :side]
    return np.stack([x.ravel() * CELL, y.ravel() * CELL, np.zeros(side * side)])


def by_matrices(values, places, far):
    """Dutilleul's M with full matrices."""
    size = values.shape[1]
    apart = np.hypot(places[0][:, None] - places[0][None], places[1][:, None] - places[1][None])
    classes = np.searchsorted(far, apart - 1e-9)
    off = ~np.eye(size, dtype=bool)
    matrices = []
    for one in values - values.mean(axis=1, keepdims=True):
        products = np.outer(one, one) / np.mean(one**2)
        matrix = np.eye(size)
        for number in np.unique(classes[off]):
            chosen = off & (classes == number)
            matrix[chosen] = products[chosen].mean()
        matrices.append((np.eye(size) - 1 / size) @ matrix)
    left, right = matrices
    return 1 + np.trace(left) * np.trace(right) / np.trace(left @ right)


@pytest.mark.parametrize("sigma", [1.5, 3.0])
def test_equals_dutilleuls_matrices(sigma):
    rng = np.random.default_rng(1)
    places = places_of(14)
    values = np.stack([field(rng, sigma, 14).ravel() for _ in range(2)])
    far = distance_classes(places[:2], CELL)
    found = dutilleul_sizes(
        values, [(0, 1), (1, 0)], places, size=196, far=far, late=lag_classes(np.zeros(1))
    )
    expected = by_matrices(values, places, far)
    assert expected < 150
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_a_sample_stands_for_all():
    rng = np.random.default_rng(2)
    places, whole, drawn = places_of(), [], []
    for _ in range(6):
        values = np.stack([field(rng, 3).ravel() for _ in range(2)])
        far, late = distance_classes(places[:2], CELL), lag_classes(np.zeros(1))
        chosen = rng.choice(values.shape[1], 500, replace=False)
        for points, sizes in ((slice(None), whole), (chosen, drawn)):
            sizes += dutilleul_sizes(
                values[:, points], [(0, 1)], places[:, points], size=2304, far=far, late=late
            ).tolist()
    assert 20 < np.median(whole) < 200
    np.testing.assert_allclose(drawn, whole, rtol=0.3)
    assert np.median(np.array(drawn) / whole) == pytest.approx(1, abs=0.1)


def test_fields_that_have_nothing_to_do_with_each_other_are_seldom_significant():
    rng = np.random.default_rng(3)
    places, naive, honest, trials = places_of(), 0, 0, 80
    chosen = rng.choice(places.shape[1], 400, replace=False)
    for _ in range(trials):
        values = np.stack([field(rng, 3).ravel() for _ in range(2)])
        r = stats.pearsonr(*values).statistic
        (size,) = dutilleul_sizes(
            values[:, chosen],
            [(0, 1)],
            places[:, chosen],
            size=places.shape[1],
            far=distance_classes(places[:2], CELL),
            late=lag_classes(np.zeros(1)),
        )
        for freedom in (places.shape[1] - 2, size - 2):
            wrong = 2 * stats.t.sf(abs(r) * np.sqrt(freedom / (1 - r * r)), freedom) < 0.05
            if freedom == size - 2:
                honest += wrong
            else:
                naive += wrong
    assert naive / trials > 0.5
    assert honest / trials < 0.13


def test_lag_one_is_bartletts():
    rng = np.random.default_rng(4)
    left, right = (np.convolve(rng.normal(size=60), [1, 0.9, 0.5], "valid") for _ in range(2))

    def memory(x):
        x = x - x.mean()
        return np.mean(x[1:] * x[:-1]) / np.mean(x**2)

    both = memory(left) * memory(right)
    assert lag_one_size(left, right) == pytest.approx(58 * (1 - both) / (1 + both), rel=1e-12)
    assert lag_one_size(left, right) < 45
    # Series that turn back where the others go on are worth no more than they have values.
    assert lag_one_size(left, np.where(np.arange(58) % 2, 1.0, -1.0)) == 58


def test_gaps_cost_dates_and_no_more():
    rng = np.random.default_rng(5)
    left, right = rng.normal(size=(2, 30)).cumsum(axis=1)
    left[4], right[9] = np.nan, np.nan
    assert 3 < lag_one_size(left, right) < 28
    assert lag_one_size(np.full(5, np.nan), right[:5]) == 0


def test_classes_reach_over_all_distances():
    places = places_of(20)[:2]
    ends = distance_classes(places, CELL)
    assert ends[0] == 0
    assert CELL < ends[1] < CELL * np.sqrt(2)
    assert ends[-1] >= 19 * CELL * np.sqrt(2)
    np.testing.assert_allclose(ends[2:] / ends[1:-1], np.sqrt(2))
    assert lag_classes(np.arange(24.0))[:4].tolist() == [0.5, 1.5, 3.5, 7.5]
    assert lag_classes(np.array([2001.0, 2003, 2005]))[0] == 1.0


def test_constant_variables_have_no_size():
    places = places_of(10)
    values = np.stack([np.ones(100), np.random.default_rng(0).normal(size=100)])
    far = distance_classes(places[:2], CELL)
    assert np.isnan(
        dutilleul_sizes(values, [(0, 1)], places, size=100, far=far, late=np.array([0.5]))
    )
