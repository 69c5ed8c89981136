"""Nodes on the boundary: orientation, holes, and what quadrature leaves over."""

from __future__ import annotations

import numpy as np
import pytest

from mineeco_xr.kernels.subsidence_polygon import boundary_nodes, ring_edges

SQUARE = np.array([[0.0, 0.0], [100.0, 0.0], [100.0, 100.0], [0.0, 100.0]])


def enclosed(edges):
    return 0.5 * np.sum(edges[:, 0] * edges[:, 3] - edges[:, 2] * edges[:, 1])


@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize("turned", [False, True])
def test_rings_run_anticlockwise_and_holes_clockwise(closed, turned):
    ring = np.concatenate([SQUARE, SQUARE[:1]]) if closed else SQUARE
    ring = (ring[::-1] if turned else ring) + 4_000_000.0
    shift = np.full(4, 4_000_000.0)
    assert enclosed(ring_edges(ring) - shift) == 10_000
    assert enclosed(ring_edges(ring, hole=True) - shift) == -10_000


def test_nodes_enclose_the_area():
    """Weights are pieces of ``-dy`` and ``dx``: they sum to 0, and with places to the area."""
    edges = np.concatenate([ring_edges(SQUARE), ring_edges(SQUARE * 0.5 + 20, hole=True)])
    nodes = boundary_nodes(edges, np.zeros(8, int), np.array([60.0]), 1e-6)
    np.testing.assert_allclose(nodes.weights.sum(axis=1), 0, atol=1e-10)
    np.testing.assert_allclose(-nodes.weights[0] @ nodes.x, 7500, rtol=1e-12)
    np.testing.assert_allclose(-nodes.weights[1] @ nodes.y, 7500, rtol=1e-12)
    assert (np.diff(nodes.y) >= 0).all()
    np.testing.assert_array_less(nodes.bounds[0, [0, 2]], 5)
