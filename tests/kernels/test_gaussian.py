"""The influence function and its integral by scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import erf

from mineeco_xr.kernels.gaussian import fill_shares, influence_at

U = np.concatenate([np.linspace(-9, 9, 40_001), [0.0, -0.0, 1e-300, 1e9, -1e9]])


def by_scipy(u, order):
    g = np.exp(-np.pi * u * u)
    return [0.5 * erf(np.sqrt(np.pi) * u), g, -2 * np.pi * u * g,
            2 * np.pi * (2 * np.pi * u * u - 1) * g][order + 1]  # fmt: skip


@pytest.mark.parametrize("order", [-1, 0, 1, 2])
def test_equals_scipy(order):
    u = U if order < 1 else U[np.abs(U) < 100]
    np.testing.assert_allclose(influence_at(u, order), by_scipy(u, order), rtol=0, atol=2e-13)


@pytest.mark.parametrize("order", [0, 1, 2])
def test_shares_of_many_sources(order):
    rng = np.random.default_rng(0)
    centres, radii, weights = rng.normal(0, 300, 37), rng.uniform(100, 400, 37), rng.random(37)
    out = np.full(37, 7.0)
    fill_shares(centres, 1 / radii, weights, 20.0, order, 3, 30, out)
    expected = weights * by_scipy((20.0 - centres) / radii, order) / radii ** (order + 1)
    np.testing.assert_allclose(out[3:30], expected[3:30], rtol=1e-11)
    assert (out[:3] == 7).all()
    assert (out[30:] == 7).all()
