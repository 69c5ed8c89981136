"""Correlation of many short series, and its probability."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special, stats

from mineeco_xr.kernels.correlation import SLAB, correlate_series


@pytest.mark.parametrize("n", [3, 4, 5, 6, 24, 25, 60, 199, 200, 203, 204, 500])
@pytest.mark.parametrize("strength", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_r_and_p_are_scipys(n, strength):
    rng = np.random.default_rng(n)
    x = rng.normal(size=n)
    y = strength * x + np.sqrt(1 - strength**2) * rng.normal(size=n)
    r, p, count = correlate_series([x[:, None], y[:, None]])[:, 0]
    expected = stats.pearsonr(x, y)
    assert r == pytest.approx(expected.statistic, abs=1e-13)
    assert p == pytest.approx(expected.pvalue, rel=1e-9, abs=1e-300)
    assert p == pytest.approx(expected.pvalue, abs=1e-12)
    assert count == n


def test_small_p_keeps_its_digits_across_the_change_of_method():
    for freedom in (1, 2, 5, 22, 23, 197, 198):
        t = stats.t.isf(np.geomspace(1e-1, 1e-9, 60) / 2, freedom)
        r, p = _series_of(t / np.sqrt(t * t + freedom), freedom)
        expected = special.betainc(freedom / 2, 0.5, (1 - r) * (1 + r))
        assert (p > 1e-4).any()
        assert (p < 1e-6).any()
        np.testing.assert_allclose(p, expected, rtol=1e-10)


def _series_of(wanted, freedom):
    """Correlate series of ``freedom + 2`` values that have these correlations but for rounding."""
    base = np.random.default_rng(0).normal(size=(freedom + 2, 2))
    q, _ = np.linalg.qr(np.column_stack([np.ones(freedom + 2), base]))
    x, rest = q[:, 1, None], q[:, 2, None]
    return correlate_series([x, wanted * x + np.sqrt(1 - wanted**2) * rest])[:2]


def test_perfect_and_constant_series():
    x = np.arange(8.0)
    up, down, flat = 3 * x + 0.1, -x, np.full(8, 0.1)
    series = np.stack([up, down, flat, np.where(x == 0, 0.1, np.nan)], axis=1)
    r, p, n = correlate_series([x[:, None], series])
    np.testing.assert_allclose(r[:2], [1, -1], atol=1e-15)
    np.testing.assert_allclose(p[:2], 0, atol=1e-40)
    assert np.isnan(r[2:]).all()
    assert np.isnan(p[2:]).all()
    np.testing.assert_array_equal(n, [8, 8, 8, 1])


def test_cells_beyond_a_slab_and_shared_series():
    rng = np.random.default_rng(1)
    cells = rng.normal(size=(6, 3, SLAB)).astype("float32")
    one = rng.normal(size=(6, 1, 1))
    found = correlate_series([cells, one])
    assert found.shape == (3, 3, SLAB)
    for i, j in ((0, 0), (0, SLAB - 1), (1, 0), (2, SLAB - 1)):
        expected = stats.pearsonr(cells[:, i, j].astype(float), one[:, 0, 0])
        assert found[0, i, j] == pytest.approx(expected.statistic, abs=1e-13)


def test_steps_that_differ_by_rounding_are_equal():
    years = np.arange(12.0)[:, None]
    noise = np.random.default_rng(2).normal(size=(12, 1))
    for dtype in ("float32", "float64"):
        line = (0.1 * years + 7).astype(dtype)
        assert np.isnan(correlate_series([noise, line], difference=True)[0, 0])
    real = (years + 0.3 * noise).astype("float32")
    expected = stats.pearsonr(np.diff(noise[:, 0]), np.diff(real[:, 0].astype(float)))
    found = correlate_series([noise, real], difference=True)[:, 0]
    np.testing.assert_allclose(found, [*expected, 11], atol=1e-13)


def test_no_cells():
    assert correlate_series([np.ones((5, 0)), np.ones((5, 1))]).shape == (3, 0)


@pytest.mark.parametrize("gaps", [0.0, 0.04])
def test_a_cell_does_not_depend_on_its_neighbours(gaps):
    # Whole blocks and blocks with a gap take different ways, cells of one n are taken together.
    rng = np.random.default_rng(7)
    one, two = rng.normal(size=(2, 24, 500))
    two[:, ::2] += 3 * one[:, ::2]
    two[rng.random(two.shape) < gaps] = np.nan
    together = correlate_series([one, two])
    two[3, 1::7] = np.nan
    disturbed = correlate_series([one, two])
    same = np.arange(500) % 7 != 1
    np.testing.assert_array_equal(together[:, same], disturbed[:, same])
    alone = [correlate_series([one[:, [i]], two[:, [i]]])[:, 0] for i in range(60)]
    np.testing.assert_array_equal(np.transpose(alone), disturbed[:, :60])
