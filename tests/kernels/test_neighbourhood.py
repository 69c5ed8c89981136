"""Sums over discs and squares by brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mineeco_xr.kernels.neighbourhood import half_widths, neighbour_sums


def brute_force(values, radius, dx, dy, shape):
    rows, columns = np.mgrid[: values.shape[0], : values.shape[1]]
    valid = np.isfinite(values)
    sums = np.full(values.shape, np.nan)
    counts = np.zeros(values.shape)
    for i, j in np.ndindex(values.shape):
        down, across = np.abs(rows - i) * dy, np.abs(columns - j) * dx
        if shape == "disc":
            near = down**2 + across**2 <= radius**2 * (1 + 1e-9)
        else:
            near = np.maximum(down, across) <= radius * (1 + 1e-9)
        counts[i, j] = (near & valid).sum()
        if valid[i, j]:
            sums[i, j] = values[near & valid].sum()
    return sums, counts


@pytest.mark.parametrize("shape", ["disc", "square"])
@given(
    seed=st.integers(0, 999),
    radius=st.sampled_from([3.0, 5.0, 7.5, 13.0, 40.0]),
    cell=st.sampled_from([(1.0, 1.0), (3.0, 1.0), (1.0, 2.5)]),
    extra=st.integers(0, 2),
)
def test_equals_brute_force(shape, seed, radius, cell, extra):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(9, 11))
    values[rng.random(values.shape) < 0.2] = np.nan
    widths = half_widths(radius, *cell, shape)
    depth = max(widths.size - 1, widths[0]) + extra
    found = neighbour_sums(np.pad(values, depth, constant_values=np.nan), widths, depth)
    sums, counts = brute_force(values, radius, *cell, shape)
    np.testing.assert_allclose(found.real, sums, atol=1e-12)
    valid = np.isfinite(values)
    np.testing.assert_array_equal(found.imag[valid], counts[valid])


def test_a_disc_of_five_cells():
    assert half_widths(150, 30, 30, "disc").tolist() == [5, 4, 4, 4, 3, 0]
    assert half_widths(90, 30, 45, "square").tolist() == [3, 3, 3]


def test_wide_blocks_and_layers_give_the_bits_of_narrow_ones():
    """The strips that the kernel works in leave no seam."""
    values = np.random.default_rng(0).normal(size=(2, 8, 1300))
    widths = half_widths(3, 1, 1, "disc")
    padded = np.pad(values, ((0, 0), (3, 3), (3, 3)), constant_values=np.nan)
    whole = neighbour_sums(padded, widths, 3)
    for start in (0, 500, 777):
        part = neighbour_sums(padded[1:, :, start : start + 406], widths, 3)
        np.testing.assert_array_equal(part, whole[1:, :, start : start + 400])
