"""Nodes over areas: moments of polygons in closed form, and interpolation from corners."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mineeco_xr.kernels.subsidence_polygon import ring_edges
from mineeco_xr.kernels.subsidence_units import (
    GROUP_RADII,
    area_nodes,
    mean_value_interpolation,
    unit_nodes,
)


def star(rng, corners, *, turned=False):
    angle = np.sort(rng.uniform(0, 2 * np.pi, corners))
    angle = np.linspace(0, 2 * np.pi, corners, endpoint=False) + rng.uniform(0, 0.4, corners)
    away = rng.uniform(200, 900, corners)
    ring = np.column_stack([away * np.cos(angle), away * np.sin(angle)]) + 500_000
    return ring[::-1] if turned else ring


def moments(edges, origin):
    """Return the area and the first moments of a polygon by the shoelace formulas."""
    (x0, y0), (x1, y1) = (edges[:, :2] - origin).T, (edges[:, 2:] - origin).T
    cross = x0 * y1 - x1 * y0
    return cross.sum() / 2, (cross * (x0 + x1)).sum() / 6, (cross * (y0 + y1)).sum() / 6


@settings(max_examples=20)
@given(seed=st.integers(0, 9999), corners=st.integers(3, 12), hole=st.booleans())
def test_area_and_moments(seed, corners, hole):
    rng = np.random.default_rng(seed)
    rings = [ring_edges(star(rng, corners))]
    if hole:
        rings.append(ring_edges(star(rng, 5) * 0.1 + 450_000, hole=True))
    edges = np.concatenate(rings)
    x, y, area = area_nodes(edges, 250.0, 1e-8)
    found = area.sum(), area @ (x - 500_000), area @ (y - 500_000)
    expected = moments(edges, 500_000.0)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-9)
    np.testing.assert_allclose(found[1:], expected[1:], rtol=0, atol=1e-8 * expected[0] * 250.0)
    assert (area > 0).all()


def test_lines_run_along_the_longest_edge():
    turn = np.array([[0.8, 0.6], [-0.6, 0.8]])
    panel = np.array([[0.0, 0.0], [2000.0, 0.0], [2000.0, 150.0], [0.0, 150.0]]) @ turn
    x, y, _ = area_nodes(ring_edges(panel), 300.0, 1e-8)
    across = (np.column_stack([x, y]) @ turn.T)[:, 1]
    assert np.unique(across.round(6)).size < 7


@settings(max_examples=20)
@given(seed=st.integers(0, 9999), hole=st.booleans())
def test_planes_are_interpolated_exactly(seed, hole):
    rng = np.random.default_rng(seed)
    edges = ring_edges(star(rng, 7))
    if hole:
        edges = np.concatenate([edges, ring_edges(star(rng, 4) * 0.1 + 450_000, hole=True)])
    x, y, _ = area_nodes(edges, 400.0, 1e-4)
    points = np.column_stack([x, y])
    on_edge = 0.3 * edges[:, :2] + 0.7 * edges[:, 2:]
    points = np.concatenate([points, edges[:, :2], on_edge])
    slope = rng.normal(0, 0.3, 2)
    plane = 500 + (points - 500_000) @ slope
    values = 500 + (edges[:, :2] - 500_000) @ slope
    found = mean_value_interpolation(points, edges, values[:, None])[:, 0]
    np.testing.assert_allclose(found, plane, rtol=1e-6)


def test_interpolation_is_linear_along_edges_and_between_the_extremes_of_a_square():
    edges = ring_edges(np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]))
    values = np.array([[0.0], [1.0], [0.0], [1.0]])
    points = np.array([[0.25, 0.0], [0.5, 0.5], [1.0, 0.9], [0.25, 1e-9]])
    found = mean_value_interpolation(points, edges, values)[:, 0]
    np.testing.assert_allclose(found, [0.25, 0.5, 0.1, 0.25], atol=1e-8)


@pytest.mark.parametrize("shift", [0, 1])
def test_groups_are_narrow_and_of_one_piece(shift):
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0, 5000, (2, 400))
    piece = np.repeat([0, 1], 200) + shift
    nodes = unit_nodes(x, y, np.full(400, 200.0), np.ones(400), piece)
    assert set(nodes.piece) == {shift, 1 + shift}
    assert (nodes.bounds[:, 1] - nodes.bounds[:, 0] <= GROUP_RADII * 200).all()
    assert nodes.weights[0].sum() == 400
