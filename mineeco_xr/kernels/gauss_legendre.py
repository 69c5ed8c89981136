"""Gauss-Legendre quadrature of Gaussians along lines: how many nodes, and where."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

MOST_ORDER = 16
"""Nodes a sub-interval has at most."""


@lru_cache(maxsize=64)
def longest_intervals(tolerance: float) -> np.ndarray:
    """Return how long a sub-interval may be for each number of nodes.

    The remainder of ``n`` nodes on a length ``l`` is at most ``l^(2n+1) (n!)^4 / ((2n+1) (2n)!^3)``
    times the largest derivative of order ``2n``, which is ``pi^n (2n)! / n!`` for
    ``exp(-pi t^2)``.

    Parameters
    ----------
    tolerance : float
        Largest remainder; the integral of the whole Gaussian is 1.

    Returns
    -------
    ndarray of float64, (MOST_ORDER,)
        For 1, 2, ... nodes; lengths in units of the radius of ``exp(-pi t^2)``.

    Examples
    --------
    >>> longest_intervals(1e-10)[[3, 7]].round(2)
    array([0.22, 1.01])
    """
    lengths = np.empty(MOST_ORDER)
    for n in range(1, MOST_ORDER + 1):
        logarithm = (
            math.log(tolerance * (2 * n + 1))
            + 2.0 * math.lgamma(2 * n + 1)
            - 3.0 * math.lgamma(n + 1)
            - n * math.log(math.pi)
        )
        lengths[n - 1] = math.exp(logarithm / (2 * n + 1))
    return lengths


def fewest_nodes(lengths: np.ndarray, tolerance: float) -> tuple[np.ndarray, np.ndarray]:
    """Return into how many parts to cut lines, and the nodes of a part, for the fewest in all.

    Parameters
    ----------
    lengths : ndarray of float64, (n,)
        In units of the radius of ``exp(-pi t^2)``.
    tolerance : float
        Largest remainder of a part.

    Returns
    -------
    tuple of ndarray of int64, (n,)
        Parts of each line, and nodes of each of its parts.
    """
    most = longest_intervals(tolerance)
    orders = np.arange(1, MOST_ORDER + 1)
    parts = np.maximum(1, np.ceil(np.asarray(lengths)[:, None] / most)).astype(np.int64)
    best = np.argmin(parts * orders, axis=1)
    return parts[np.arange(parts.shape[0]), best], orders[best]


@lru_cache(maxsize=MOST_ORDER)
def _rule(order: int) -> tuple[np.ndarray, np.ndarray]:
    places, weights = np.polynomial.legendre.leggauss(order)
    return 0.5 * (1.0 + places), 0.5 * weights


def line_nodes(lengths: np.ndarray, tolerance: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return quadrature nodes on many lines at once.

    Parameters
    ----------
    lengths : ndarray of float64, (n,)
        In units of the radius of ``exp(-pi t^2)``.
    tolerance : float
        Largest remainder of a part of a line.

    Returns
    -------
    line : ndarray of int64, (k,)
        To which line a node belongs; nodes of a line are neighbours and in order.
    place : ndarray of float64, (k,)
        Where on the line, 0 to 1.
    weight : ndarray of float64, (k,)
        Sum to 1 on each line.

    Examples
    --------
    >>> line, place, weight = line_nodes(np.array([0.01, 3.0]), 1e-3)
    >>> np.bincount(line, weight).round(12)
    array([1., 1.])
    """
    parts, orders = fewest_nodes(lengths, tolerance)
    counts = parts * orders
    begin = np.concatenate([[0], np.cumsum(counts)])
    line = np.repeat(np.arange(counts.size), counts)
    place, weight = np.empty(begin[-1]), np.empty(begin[-1])
    inside = np.arange(begin[-1]) - begin[line]
    for order in np.unique(orders):
        where = np.flatnonzero(orders[line] == order)
        part, node = np.divmod(inside[where], order)
        places, weights = _rule(int(order))
        share = parts[line[where]]
        place[where] = (part + places[node]) / share
        weight[where] = weights[node] / share
    return line, place, weight
