"""Sums over pairs of points by class of distance."""

from __future__ import annotations

import numpy as np

from mineeco_xr.kernels.pair_classes import pair_products


def test_equals_a_search_over_all_pairs():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(3, 40))
    places = np.stack([*(rng.integers(0, 6, (2, 40)) * 30.0), rng.integers(0, 5, 40)])
    far, late = np.array([0.0, 33.0, 66.0, 132.0]), np.array([0.5, 2.5])
    products, partners = pair_products(values, places, far, late)
    expected, counts = np.zeros((3, 8)), np.zeros((40, 8))
    for i in range(40):
        for j in range(40):
            if i == j:
                continue
            apart = np.hypot(*(places[:2, i] - places[:2, j]))
            space = min(np.searchsorted(far, apart - 1e-9), 3)
            time = min(np.searchsorted(late, abs(places[2, i] - places[2, j])), 1)
            expected[:, time * 4 + space] += values[:, i] * values[:, j] / 2
            counts[i, time * 4 + space] += 1
    np.testing.assert_allclose(products, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(partners, counts)


def test_one_point_has_no_partner():
    products, partners = pair_products(
        np.ones((1, 1)), np.zeros((3, 1)), np.array([0.0]), np.array([1.0])
    )
    assert products.sum() == partners.sum() == 0
