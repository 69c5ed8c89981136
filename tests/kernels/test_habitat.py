"""Degradation and quality cell by cell against the equations written in NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from mineeco_xr.kernels.habitat import NO_NUMBERS, NONE, Values, add_degradation, habitat_quality

NUMBERS = np.array([0.2, 0.9, np.nan], dtype="float32")


def layers(dtype, seed=0):
    rng = np.random.default_rng(seed)
    places = rng.integers(0, 3, (5, 7)).astype(dtype)
    felt, access = rng.random((2, 5, 7)).astype("float32")
    access[0, :3] = np.nan
    return places, felt, access


@pytest.mark.parametrize("dtype", ["uint16", "int32"])
@pytest.mark.parametrize("by_class", [True, False])
@pytest.mark.parametrize("protected", [True, False])
def test_degradation_is_added_with_its_term(dtype, by_class, protected):
    places, felt, access = layers(dtype)
    raster = np.linspace(0, 1, places.size, dtype="float32").reshape(places.shape)
    sensitivity = Values(NUMBERS) if by_class else Values(NO_NUMBERS, raster)
    total, own = np.full(places.shape, 0.5, "float32"), np.zeros(places.shape, "float32")
    add_degradation(
        places * by_class, felt, sensitivity, 0.4, access if protected else NONE, total, own
    )
    share = np.where(np.isnan(access), 1, access) if protected else 1.0
    expected = 0.4 * felt * (NUMBERS[places] if by_class else raster) * share
    np.testing.assert_allclose(own, expected, rtol=1e-6)
    np.testing.assert_allclose(total, 0.5 + expected, rtol=1e-6)


@pytest.mark.parametrize("scaling", [2.5, 2.0, 0.7])
def test_quality_falls_by_half_at_half_saturation(scaling):
    places = np.array([[0, 1, 1, 2, 1]], dtype="uint16")
    degradation = np.array([[0.0, 0.3, 0.1, 0.3, np.nan]], dtype="float32")
    out = np.empty(places.shape, dtype="float32")
    habitat_quality(places, degradation, Values(NUMBERS), 0.3, scaling, out)
    lost = 0.1**scaling / (0.1**scaling + 0.3**scaling)
    np.testing.assert_allclose(out, [[0.2, 0.45, 0.9 * (1 - lost), np.nan, np.nan]], rtol=1e-6)


def test_nothing_degraded_leaves_quality_whole_even_at_half_saturation_zero():
    out = np.empty((1, 2), dtype="float32")
    suitability = Values(NO_NUMBERS, np.array([[0.3, 1.0]], dtype="float32"))
    habitat_quality(
        np.zeros((1, 2), "uint16"), np.zeros((1, 2), "float32"), suitability, 0.0, 2.5, out
    )
    np.testing.assert_array_equal(out, suitability.raster)
