"""Subsidence over seams of varying depth: nodes inside the polygons, each with its own radius."""

from __future__ import annotations

import numpy as np

from mineeco_xr.kernels.gauss_legendre import line_nodes
from mineeco_xr.kernels.influence_sum import Nodes, group_nodes

BASES = {
    "W": (0, 0, 0),
    "ix": (0, 0, 1),
    "iy": (0, 1, 0),
    "Kx": (0, 0, 2),
    "Ky": (0, 2, 0),
    "Kxy": (0, 1, 1),
    "r ix": (1, 0, 1),
    "r iy": (1, 1, 0),
    "r Kx": (1, 0, 2),
    "r Ky": (1, 2, 0),
    "r Kxy": (1, 1, 1),
}
"""The row of the weights, the order by row and by column; ``r`` weighs by the node's radius."""

GROUP_RADII = 2.0
"""Influence radii that a group of nodes spans along a row."""


def area_nodes(
    edges: np.ndarray, radius: float, tolerance: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return nodes over the area of one polygon, holes left out.

    Parameters
    ----------
    edges : ndarray of float64, (n, 4)
        Begin and end, ``x`` and ``y``, m, of all rings; which way they run does not matter.
    radius : float
        Least main influence radius, m, which sets how dense the nodes are.
    tolerance : float
        Largest remainder of the quadrature of one part of a line.

    Returns
    -------
    x, y : ndarray of float64, (k,)
        Coordinates, m.
    area : ndarray of float64, (k,)
        What each stands for, m2.

    Notes
    -----
    Lines along the longest edge cut the polygon into intervals: Gauss-Legendre nodes across the
    strips between corners, and along each interval.
    """
    edges = np.asarray(edges, dtype=np.float64)
    origin = edges[0, :2]
    step = edges[:, 2:] - edges[:, :2]
    lengths = np.hypot(*step.T)
    cos, sin = step[np.argmax(lengths)] / lengths.max()
    turn = np.array([[cos, -sin], [sin, cos]])
    first, last = (edges[:, :2] - origin) @ turn, (edges[:, 2:] - origin) @ turn
    cuts = np.sort(first[:, 1])
    cuts = cuts[np.diff(cuts, prepend=-np.inf) > 1e-9 * radius]
    across, v_weight, rise = _strip_nodes(first, last, cuts, radius, tolerance)
    low, high = np.minimum(first[:, 1], last[:, 1]), np.maximum(first[:, 1], last[:, 1])
    crosses = (low <= across[:, None]) & (across[:, None] < high)
    slope = np.divide(last[:, 0] - first[:, 0], rise, out=np.zeros(rise.size), where=rise != 0)
    u = np.where(crosses, first[:, 0] + slope * (across[:, None] - first[:, 1]), np.inf)
    u.sort(axis=1)
    line, pair = np.nonzero(np.isfinite(u[:, 1::2]))
    begin, end = u[line, 2 * pair], u[line, 2 * pair + 1]
    interval, place, weight = line_nodes((end - begin) / radius, tolerance)
    along = begin[interval] + place * (end - begin)[interval]
    area = weight * (end - begin)[interval] * v_weight[line[interval]]
    x, y = (np.column_stack([along, across[line[interval]]]) @ turn.T + origin).T
    return x, y, area


def _strip_nodes(
    first: np.ndarray, last: np.ndarray, cuts: np.ndarray, radius: float, tolerance: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return ordinates across the strips and their weights, and the rise of the edges.

    The ends of an interval move along edges, so that it is the edges' length that counts.
    """
    rise = last[:, 1] - first[:, 1]
    height = np.diff(cuts)
    middle = 0.5 * (cuts[:-1] + cuts[1:])
    low, high = np.minimum(first[:, 1], last[:, 1]), np.maximum(first[:, 1], last[:, 1])
    steep = np.divide(
        np.hypot(last[:, 0] - first[:, 0], rise),
        np.abs(rise),
        out=np.ones(rise.size),
        where=rise != 0,
    )
    inside = (low < middle[:, None]) & (middle[:, None] < high)
    slant = np.where(inside, steep, 1.0).max(axis=1)
    strip, place, weight = line_nodes(slant * height / radius, tolerance)
    return cuts[strip] + place * height[strip], weight * height[strip], rise


def unit_nodes(
    x: np.ndarray, y: np.ndarray, radius: np.ndarray, volume: np.ndarray, piece: np.ndarray
) -> Nodes:
    """Return the nodes whose sums are the influence of units and its derivatives.

    Parameters
    ----------
    x, y : ndarray of float64, (k,)
        Where the units act at the surface, m.
    radius : ndarray of float64, (k,)
        Main influence radius of each, m.
    volume : ndarray of float64, (k,)
        Of the subsidence that each causes, m3.
    piece : ndarray of int64, (k,)
        The piece of mining that each belongs to.

    Returns
    -------
    Nodes
        Several groups a piece; ``BASES`` says which sums to take.
    """
    piece = np.asarray(piece, dtype=np.int64)
    count = int(piece.max(initial=-1)) + 1
    # Groups hang on to the piece's own corner, so that one piece is grouped alike among any others.
    left, width = np.full(count, np.inf), np.zeros(count)
    np.minimum.at(left, piece, x)
    np.maximum.at(width, piece, GROUP_RADII * radius)
    strip = np.floor((x - left[piece]) / width[piece]).astype(np.int64)
    group = piece * (int(strip.max(initial=0)) + 1) + strip
    return group_nodes(x, y, radius, np.stack([volume, volume * radius]), group, piece)


def mean_value_interpolation(
    points: np.ndarray, edges: np.ndarray, values: np.ndarray
) -> np.ndarray:
    """Interpolate what is known at the corners of a polygon over its inside.

    Parameters
    ----------
    points : ndarray of float64, (k, 2)
        Inside the polygon, or on its edges.
    edges : ndarray of float64, (n, 4)
        Of all rings, shells anticlockwise and holes clockwise.
    values : ndarray of float64, (n, v)
        At the beginning of each edge.

    Returns
    -------
    ndarray of float64, (k, v)
        Linear along edges, smooth inside, and exact where the values are those of a plane: mean
        value coordinates (Floater 2003, Computer Aided Geometric Design 20:19).
    """
    after = _next_corner(edges)
    totals, sums = np.zeros(len(points)), np.zeros((len(points), values.shape[1]))
    here, there = edges[:, :2], edges[:, 2:]
    a, b = here - points[:, None], there - points[:, None]
    ra, rb = np.hypot(a[..., 0], a[..., 1]), np.hypot(b[..., 0], b[..., 1])
    cross = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    dot = a[..., 0] * b[..., 0] + a[..., 1] * b[..., 1]
    on_edge = (np.abs(cross) <= 1e-10 * (ra * rb)) & (dot <= 0)
    # tan of half the angle at which the edge is seen, in the form that does not cancel.
    with np.errstate(divide="ignore", invalid="ignore"):
        half = np.where(dot < 0, (ra * rb - dot) / cross, cross / (ra * rb + dot))
        near, far = half / ra, half / rb
    weight = near + far[:, np.argsort(after)]
    usual = ~(on_edge.any(axis=1) | (ra == 0).any(axis=1))
    totals[usual] = weight[usual].sum(axis=1)
    sums[usual] = weight[usual] @ values
    for k in np.flatnonzero(~usual):
        e = int(np.argmax(on_edge[k] | (ra[k] == 0)))
        share = ra[k, e] / (ra[k, e] + rb[k, e])
        totals[k], sums[k] = 1.0, (1 - share) * values[e] + share * values[after[e]]
    return sums / totals[:, None]


def _next_corner(edges: np.ndarray) -> np.ndarray:
    """Return the edge that begins where each edge ends; rings stand one after the other."""
    after = np.arange(1, len(edges) + 1)
    first = 0
    for e in range(len(edges)):
        if np.array_equal(edges[e, 2:], edges[first, :2]):
            after[e] = first
            first = e + 1
    return after
