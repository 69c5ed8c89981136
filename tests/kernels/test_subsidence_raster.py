"""Influence over rasters by scipy's convolution, both ways."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import convolve2d
from scipy.special import erf

from mineeco_xr.kernels.subsidence_raster import (
    cell_taps,
    reach_of,
    scattered_influence,
    separable_influence,
)

STEP, CUTOFF = (20.0, 30.0), 2.2


def window(rng, shape, depths, share=0.4):
    values = rng.random([n + 2 * d for n, d in zip(shape, depths, strict=True)])
    values[rng.random(values.shape) > share] = 0.0
    return values


def test_taps_are_cell_integrals():
    taps = cell_taps(150.0, 30.0, 0, CUTOFF)
    edges = (np.arange(taps.size + 1) - taps.size / 2) * 30.0
    np.testing.assert_allclose(taps, np.diff(erf(np.sqrt(np.pi) * edges / 150) / 2), atol=1e-12)
    assert taps.size == 2 * 11 + 1


@pytest.mark.parametrize("orders", [(0, 0), (1, 0), (0, 1), (2, 0), (0, 2), (1, 1)])
@settings(max_examples=5)
@given(seed=st.integers(0, 9999))
def test_both_ways_equal_convolution(orders, seed):
    rng = np.random.default_rng(seed)
    radius = rng.uniform(40, 200)
    taps = tuple(cell_taps(radius, s, o, CUTOFF) for s, o in zip(STEP, orders, strict=True))
    depths = taps[0].size // 2 + 2, taps[1].size // 2
    values = window(rng, (17, 40), depths)
    expected = convolve2d(values[2:-2], np.outer(*taps), "valid")
    level = 1e-12 * np.abs(expected).max()
    found = separable_influence(values, taps, depths)
    np.testing.assert_allclose(found, expected, rtol=0, atol=level)
    radii = np.full(values.shape, radius)
    found = scattered_influence(values, radii, STEP, orders, depths, CUTOFF)
    np.testing.assert_allclose(found, expected, rtol=0, atol=level)


@pytest.mark.parametrize("orders", [(0, 0), (1, 2)])
def test_every_cell_has_its_own_radius(orders):
    rng = np.random.default_rng(1)
    depths = reach_of(200.0, STEP[0], CUTOFF), reach_of(200.0, STEP[1], CUTOFF)
    values = window(rng, (9, 12), depths, share=0.1)
    radii = rng.uniform(50, 200, values.shape)
    expected = np.zeros(values.shape)
    for i, j in zip(*np.nonzero(values), strict=True):
        one = np.zeros(values.shape)
        one[i, j] = values[i, j]
        taps = [cell_taps(radii[i, j], s, o, CUTOFF) for s, o in zip(STEP, orders, strict=True)]
        expected += convolve2d(one, np.outer(*taps), "same")
    inside = expected[depths[0] : -depths[0], depths[1] : -depths[1]]
    found = scattered_influence(values, radii, STEP, orders, depths, CUTOFF)
    np.testing.assert_allclose(found, inside, rtol=0, atol=1e-12 * np.abs(inside).max())


@settings(max_examples=15)
@given(seed=st.integers(0, 9999), cut=st.tuples(st.integers(0, 8), st.integers(0, 13)))
def test_same_bits_from_a_smaller_window(seed, cut):
    rng = np.random.default_rng(seed)
    taps = cell_taps(90.0, STEP[0], 0, CUTOFF), cell_taps(90.0, STEP[1], 0, CUTOFF)
    depths = taps[0].size // 2, taps[1].size // 2
    values = window(rng, (9, 14), depths, share=0.3)
    radii = np.round(rng.uniform(50, 90, values.shape))
    part = slice(cut[0], None), slice(cut[1], None)
    whole = separable_influence(values, taps, depths)
    np.testing.assert_array_equal(separable_influence(values[part], taps, depths), whole[part])
    how = (STEP, (0, 0), depths, CUTOFF)
    whole = scattered_influence(values, radii, *how)
    np.testing.assert_array_equal(scattered_influence(values[part], radii[part], *how), whole[part])


def test_margins_cut_off_what_reaches_beyond():
    values = np.zeros((3, 3))
    values[1, 1] = 1.0
    found = scattered_influence(values, np.full((3, 3), 900.0), STEP, (0, 0), (1, 1), CUTOFF)
    assert found.shape == (1, 1)
    np.testing.assert_allclose(found, 20 * 30 / 900**2, rtol=1e-2)
