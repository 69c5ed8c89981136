"""Pit filling by basins: the level of every basin is a minimax path to the ocean.

With ``W`` the filled elevation and ``L`` that of the bottom of a cell's basin,
``W(c) = max(z(c), L(basin(c)))``: going down to the bottom and up again passes nothing higher than
``z(c)``. So only basins need a level, the least height over which water leaves them. Minima and
maxima alone are taken, so the result is exact in the type of the elevations.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def find(parent, node):  # type: ignore[no-untyped-def]
    """Return the root of a node in a union-find forest, halving the path to it."""
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node


def water_levels(
    first: np.ndarray, second: np.ndarray, weight: np.ndarray, count: int
) -> np.ndarray:
    """Return the level at which each node drains to the ocean, node 0.

    Parameters
    ----------
    first, second : ndarray of int64
        Nodes of the edges.
    weight : ndarray of float64
        Sorted upwards.
    count : int
        Number of nodes.

    Returns
    -------
    ndarray of float64
        ``min over paths of max over edges``; ``-inf`` for the ocean, ``inf`` without a path.
    """
    level = np.full(count, np.inf)
    level[0] = -np.inf
    _water_levels(first, second, weight, np.arange(count), level)
    return level


@njit(nogil=True, cache=True)
def _water_levels(first, second, weight, parent, level):  # type: ignore[no-untyped-def]
    for edge in range(first.size):
        a, b = find(parent, first[edge]), find(parent, second[edge])
        if a == b:
            continue
        # Groups that drain are never joined: each keeps the level at which it first did.
        if level[a] < np.inf:
            if level[b] == np.inf:
                level[b] = weight[edge]
        elif level[b] < np.inf:
            level[a] = weight[edge]
        else:
            parent[max(a, b)] = min(a, b)
    for node in range(level.size):
        level[node] = level[find(parent, node)]


def contract(
    first: np.ndarray, second: np.ndarray, weight: np.ndarray, terminal: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Reduce a graph to its terminals, keeping the bottleneck between any two of them.

    Parameters
    ----------
    first, second : ndarray of int64
        Nodes of the edges.
    weight : ndarray of float64
        Sorted upwards.
    terminal : ndarray of bool
        Nodes to keep.

    Returns
    -------
    first, second : ndarray of int64
        Terminals; a forest.
    weight : ndarray of float64
        Sorted upwards.
    """
    room = max(0, int(terminal.sum()) - 1)
    ends, heights = np.empty((2, room), np.int64), np.empty(room)
    parent = np.arange(terminal.size)
    stands = np.where(terminal, parent, -1)
    size = _contract(first, second, weight, parent, stands, ends, heights)
    return ends[0, :size], ends[1, :size], heights[:size]


@njit(nogil=True, cache=True)
def _contract(first, second, weight, parent, stands, ends, heights):  # type: ignore[no-untyped-def]
    """Join groups, for each of which one of its terminals stands, if it has any."""
    size = 0
    for edge in range(first.size):
        a, b = find(parent, first[edge]), find(parent, second[edge])
        if a == b:
            continue
        if stands[a] >= 0 and stands[b] >= 0:
            ends[0, size], ends[1, size], heights[size] = stands[a], stands[b], weight[edge]
            size += 1
        low, high = min(a, b), max(a, b)
        parent[high] = low
        if stands[low] < 0:
            stands[low] = stands[high]
    return size


@njit(nogil=True, cache=True)
def raise_cells(block, labels, level):  # type: ignore[no-untyped-def]
    """Return ``max(z, level of its basin)`` of every cell; nodata stays.

    Parameters
    ----------
    block : ndarray, (h, w)
        Elevations; NaN is nodata.
    labels : ndarray, (h + 2, w + 2), int32
        Basins.
    level : ndarray, of the type of the elevations
        Of each basin.

    Returns
    -------
    ndarray, (h, w)
        Filled elevations.
    """
    out = np.empty_like(block)
    for i in range(block.shape[0]):
        row = labels[i + 1, 1:-1]
        for j in range(block.shape[1]):
            value = block[i, j]
            height = level[row[j]]
            out[i, j] = height if height > value else value
    return out
