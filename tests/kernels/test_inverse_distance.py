"""The kernel of inverse-distance weighting against all pairs of points and cells."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mineeco_xr.kernels.inverse_distance import TIES, weigh_points

X, Y = np.arange(17) * 30.0 + 15, 600 - np.arange(13) * 30.0


def brute_force(points, values, x, y, power, neighbours, radius):
    columns, rows = np.meshgrid(x, y)
    squares = (columns[..., None] - points[:, 0]) ** 2 + (rows[..., None] - points[:, 1]) ** 2
    limit = np.full(columns.shape, radius**2 * (1 + TIES))
    if neighbours:
        last = np.sort(squares, axis=-1)[..., min(neighbours, len(points)) - 1]
        limit = np.minimum(limit, last * (1 + TIES))
    use, hit = squares <= limit[..., None], squares == 0
    with np.errstate(divide="ignore", invalid="ignore"):
        weights = np.where(use, squares ** (-power / 2), 0.0)
        weights = np.where(hit.any(axis=-1, keepdims=True), hit & use, weights)
        found = (weights[..., None] * values).sum(axis=-2) / weights.sum(axis=-1)[..., None]
    return np.moveaxis(found, -1, 0), np.sqrt(squares.min(axis=-1))


@st.composite
def point_sets(draw):
    """Scattered, on the centres of cells (ties and samples), and in clusters far apart."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count = draw(st.integers(1, 150))
    kind = draw(st.sampled_from(["scattered", "centres", "clusters"]))
    if kind == "scattered":
        points = rng.random((count, 2)) * 600
    elif kind == "centres":
        points = rng.integers(0, 20, (count, 2)) * 30.0 + 15
    else:
        points = rng.normal(0, 5, (count, 2)) + rng.integers(0, 3, (count, 1)) * 3000.0
    return points, rng.normal(size=(count, 2))


@settings(max_examples=40)
@given(
    given_points=point_sets(),
    power=st.sampled_from([1.0, 2.0, 2.5, 3.0]),
    neighbours=st.sampled_from([0, 1, 3, 12, 50]),
    radius=st.sampled_from([np.inf, 400.0, 60.0]),
)
def test_equals_all_pairs_and_does_not_depend_on_the_block(given_points, power, neighbours, radius):
    points, values = given_points
    measures = {"power": power, "neighbours": neighbours, "radius": radius}
    found, nearest = weigh_points(points, values, X, Y, **measures)
    expected, least = brute_force(points, values, X, Y, power, neighbours, radius)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(nearest, least, rtol=1e-12)
    part, _ = weigh_points(points, values, X[3:9], Y[5:6], **measures)
    np.testing.assert_array_equal(part, found[:, 5:6, 3:9])
    order = np.arange(len(points))[::-1]
    turned, _ = weigh_points(points[order], values[order], X, Y, **measures)
    np.testing.assert_allclose(turned, found, rtol=1e-9, atol=1e-12)


def test_no_power_overflows():
    points, values = np.array([[0.0, 0.0], [3e6, 0.0]]), np.array([[1.0], [5.0]])
    found, _ = weigh_points(
        points, values, np.array([1e-3]), np.array([0.0]), power=60.0, neighbours=0, radius=np.inf
    )
    assert found.item() == 1.0


@pytest.mark.parametrize("neighbours", [1, 12])
def test_thousands_of_points_equal_a_tree(neighbours):
    from scipy.spatial import cKDTree

    rng = np.random.default_rng(3)
    points, values = rng.random((4000, 2)) * 9000, rng.normal(size=(4000, 1))
    x = np.arange(60) * 150.0 + 7
    found, _ = weigh_points(points, values, x, x, power=2.0, neighbours=neighbours, radius=np.inf)
    far, index = cKDTree(points).query(np.stack(np.meshgrid(x, x), -1), k=range(1, neighbours + 1))
    weights = far**-2.0
    expected = (weights * values[index, 0]).sum(axis=-1) / weights.sum(axis=-1)
    np.testing.assert_allclose(found[0], expected, rtol=1e-12, atol=1e-13)
