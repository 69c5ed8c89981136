"""Subsidence over polygons of one influence radius: nodes on their boundary.

By Green's theorem the influence of a polygon is an integral along its edges, of the product of a
function of the row and one of the column: ``F = -oint E(X - s) g(Y - t) dt`` with the influence
function ``g`` and its integral ``E``, ``dF/dX = -oint g(X - s) g(Y - t) dt`` and
``dF/dY = oint g(X - s) g(Y - t) ds``; second derivatives follow. Gauss-Legendre nodes on the edges
make sums of it that converge exponentially. A hole is a ring that runs the other way.
"""

from __future__ import annotations

import numpy as np

from mineeco_xr.kernels.gauss_legendre import line_nodes
from mineeco_xr.kernels.influence_sum import Nodes, group_nodes

BASES = {
    "W": (0, 0, -1),
    "ix": (0, 0, 0),
    "iy": (1, 0, 0),
    "Kx": (0, 0, 1),
    "Ky": (1, 1, 0),
    "Kxy": (0, 1, 0),
}
"""The row of the nodes' weights, the order by row and the order by column, for each sum."""


def ring_edges(ring: np.ndarray, *, hole: bool = False) -> np.ndarray:
    """Return the edges of a ring, anticlockwise, or clockwise where it is a hole.

    Parameters
    ----------
    ring : ndarray of float64, (n, 2)
        Corners, closed or not.
    hole : bool
        Whether the ring is taken away.

    Returns
    -------
    ndarray of float64, (n, 4)
        Begin and end, ``x`` and ``y``.
    """
    ring = np.asarray(ring, dtype=np.float64)
    if np.array_equal(ring[0], ring[-1]):
        ring = ring[:-1]
    x, y = (ring - ring[0]).T
    twice_area = np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)
    if (twice_area < 0) != hole:
        ring = ring[::-1]
    return np.hstack([ring, np.roll(ring, -1, axis=0)])


def boundary_nodes(
    edges: np.ndarray, panel: np.ndarray, radius: np.ndarray, tolerance: float
) -> Nodes:
    """Return the nodes whose sums are the influence of polygons and its derivatives.

    Parameters
    ----------
    edges : ndarray of float64, (n, 4)
        Begin and end, ``x`` and ``y``, m; the mined side is to the left.
    panel : ndarray of int64, (n,)
        The polygon that an edge belongs to.
    radius : ndarray of float64, (panels,)
        Main influence radius of each polygon, m.
    tolerance : float
        Largest remainder of the quadrature of one part of an edge, as a share of the largest
        subsidence.

    Returns
    -------
    Nodes
        One group a polygon, its number as the piece; ``BASES`` says which sums to take.
    """
    edges = np.asarray(edges, dtype=np.float64)
    step = edges[:, 2:] - edges[:, :2]
    lengths = np.hypot(*step.T) / radius[panel]
    edge, place, weight = line_nodes(lengths, tolerance)
    x, y = (edges[edge, :2] + place[:, None] * step[edge]).T
    weights = np.stack([-weight * step[edge, 1], weight * step[edge, 0]])
    return group_nodes(x, y, radius[panel[edge]], weights, panel[edge], panel[edge])
