"""The incomplete beta function: against scipy, its symmetry, and the distributions it serves."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numba import njit
from scipy import special, stats

from mineeco_xr.kernels.incomplete_beta import regularized_incomplete_beta

SHAPES = np.array([0.05, 0.5, 1, 1.5, 2, 3.5, 6, 9.5, 10, 11, 20.5, 47, 100, 500.5, 3000, 20000])
PLACES = np.concatenate(
    [
        10.0 ** -np.arange(1, 300, 23.0),
        np.linspace(0.001, 0.999, 31),
        1 - 10.0 ** -np.arange(2, 16.0),
        [0.0, 1.0],
    ]
)


@njit
def on_grid(a, b, x, out):
    """Fill one number for each row, so that the test does not pay a call a number."""
    for i in range(a.size):
        out[i] = regularized_incomplete_beta(a[i], b[i], x[i])


def ours(a, b, x) -> np.ndarray:
    a, b, x = (np.ravel(part).astype(float) for part in np.broadcast_arrays(a, b, x))
    out = np.empty(a.size)
    on_grid(a, b, x, out)
    return out


def test_equals_scipy_over_a_wide_grid():
    """Where SciPy keeps its digits: not below 1e-280, nor at a = b = 1/2 near 1."""
    a, b, x = (part.ravel() for part in np.meshgrid(SHAPES, SHAPES, PLACES))
    near = np.repeat(SHAPES, SHAPES.size), np.tile(SHAPES, SHAPES.size)
    mean = near[0] / (near[0] + near[1])
    a, b = np.concatenate([a, *[near[0]] * 3]), np.concatenate([b, *[near[1]] * 3])
    x = np.concatenate([x, mean, 0.98 * mean, np.minimum(1.02 * mean, 1.0)])
    arcsine = (a == 0.5) & (b == 0.5)
    a, b, x = a[~arcsine], b[~arcsine], x[~arcsine]
    expected, found = special.betainc(a, b, x), ours(a, b, x)
    moderate = np.maximum(a, b) <= 3000
    np.testing.assert_allclose(found[moderate], expected[moderate], rtol=0, atol=1e-13)
    np.testing.assert_allclose(found, expected, rtol=0, atol=5e-13)
    shown = expected > 1e-270
    assert shown.mean() > 0.5
    np.testing.assert_allclose(found[shown], expected[shown], rtol=1e-11, atol=0)


def test_small_probabilities_keep_their_digits():
    statistic = 10.0 ** np.arange(0, 40, 0.5)
    for numerator, denominator in ((2, 21), (12, 11), (6, 3)):
        x = denominator / (denominator + numerator * statistic)
        expected = stats.f.sf(statistic, numerator, denominator)
        found = ours(denominator / 2, numerator / 2, x)
        np.testing.assert_allclose(found, expected, rtol=1e-11)


@pytest.mark.parametrize(
    ("a", "b", "x", "expected"),
    [
        (3000, 20.5, 0.7827666666666667, 1.19440762414440093e-282),
        (500.5, 9.5, 0.23386666666666667, 1.23206389119059278e-299),
        (20000, 0.5, 0.9999, 0.0454962144515572426),
        (3000, 1.5, 0.999, 0.111439960921901654),
        (11, 20000, 0.0005606916196092149, 0.56607097130524646),
        (2, 20000, 0.00010198980101989802, 0.6046997325292975),
    ],
)
def test_equals_mpmath_where_scipy_loses_digits(a, b, x, expected):
    """Numbers of mpmath 1.x at 60 digits."""
    np.testing.assert_allclose(ours(a, b, x), expected, rtol=2e-13)


@pytest.mark.parametrize("n", [3, 5, 24, 400])
def test_closed_forms(n):
    x = PLACES[1e-290 ** (1 / n) < PLACES]
    np.testing.assert_allclose(ours(n, 1, x), x**n, rtol=1e-12)
    y = PLACES[PLACES < 1]
    np.testing.assert_allclose(ours(1, n, y), -np.expm1(n * np.log1p(-y)), rtol=1e-12)
    np.testing.assert_allclose(ours(n, 2.5, x) + ours(2.5, n, 1 - x), 1, atol=1e-13)


def test_arcsine():
    x = PLACES[PLACES < 0.9]
    np.testing.assert_allclose(
        ours(0.5, 0.5, x), 2 / math.pi * np.arcsin(np.sqrt(x)), rtol=1e-13, atol=0
    )
    near = PLACES[PLACES > 0.5]
    expected = 1 - 2 / math.pi * np.arcsin(np.sqrt(1 - near))
    np.testing.assert_allclose(ours(0.5, 0.5, near), expected, rtol=0, atol=1e-14)


def test_pearson_p():
    rng = np.random.default_rng(0)
    for n in (4, 10, 24):
        first, second = rng.normal(size=(2, n))
        r, p = stats.pearsonr(first, second)
        assert ours((n - 2) / 2, 0.5, 1 - r * r)[0] == pytest.approx(p, rel=1e-11)


def test_outside_the_domain_there_is_no_number():
    bad = [(0, 1, 0.5), (1, -1, 0.5), (1, 1, -0.1), (1, 1, 1.1), (1, 1, np.nan), (np.nan, 1, 0.5)]
    assert np.isnan(ours(*np.array(bad).T)).all()
