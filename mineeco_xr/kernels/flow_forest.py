"""Flow forests, given by the successor of each node: sums towards the roots and from them."""

from __future__ import annotations

import numpy as np
from numba import njit


def forest_order(successor: np.ndarray) -> np.ndarray:
    """Order nodes so that each comes before its successor.

    Parameters
    ----------
    successor : ndarray, (n,), int64
        Number of the next node, -1 at a root.

    Returns
    -------
    ndarray, (m,), int64
        The order; ``m < n`` when some nodes lie on a cycle or lead to one.
    """
    order = np.empty(successor.size, dtype=np.int64)
    return order[: _order(successor, order)]


@njit(nogil=True, cache=True)
def _order(successor, order):  # type: ignore[no-untyped-def]
    pending = np.zeros(successor.size, dtype=np.int32)
    for node in range(successor.size):
        if successor[node] >= 0:
            pending[successor[node]] += 1
    count = 0
    for start in range(successor.size):
        node = start
        while node >= 0 and pending[node] == 0:
            pending[node] = -1
            order[count] = node
            count += 1
            node = successor[node]
            if node >= 0:
                pending[node] -= 1
    return count


def sum_to_roots(values: np.ndarray, successor: np.ndarray, order: np.ndarray) -> None:
    """Add to each node the sums of the nodes that lead to it, in place.

    Parameters
    ----------
    values : ndarray, (n,), float64
        Own values, on return the sums.
    successor, order : ndarray of int64
        See :func:`forest_order`.
    """
    _sum_to_roots(values, successor, order)


@njit(nogil=True, cache=True)
def _sum_to_roots(values, successor, order):  # type: ignore[no-untyped-def]
    for node in order:
        if successor[node] >= 0:
            values[successor[node]] += values[node]


def pass_to_roots(
    values: np.ndarray, shares: np.ndarray, successor: np.ndarray, order: np.ndarray
) -> None:
    """Add to each node what the nodes that lead to it hand on of theirs, in place.

    Parameters
    ----------
    values : ndarray, (n,), float64
        Own values, on return with what arrives.
    shares : ndarray, (n,), float64
        What each node hands on of its value.
    successor, order : ndarray of int64
        See :func:`forest_order`.

    Examples
    --------
    >>> values, successor = np.array([8.0, 1.0, 0.0]), np.array([1, 2, -1])
    >>> pass_to_roots(values, np.array([0.5, 0.2, 1.0]), successor, forest_order(successor))
    >>> values
    array([8., 5., 1.])
    """
    _pass_to_roots(values, shares, successor, order)


@njit(nogil=True, cache=True)
def _pass_to_roots(values, shares, successor, order):  # type: ignore[no-untyped-def]
    for node in order:
        if successor[node] >= 0:
            values[successor[node]] += shares[node] * values[node]


def sum_from_roots(values: np.ndarray, successor: np.ndarray, order: np.ndarray) -> None:
    """Add to each node the sum of the nodes it leads to, in place.

    Parameters
    ----------
    values : ndarray, (n,), float64
        Own values, on return the sums to the root.
    successor, order : ndarray of int64
        See :func:`forest_order`.
    """
    _sum_from_roots(values, successor, order)


@njit(nogil=True, cache=True)
def _sum_from_roots(values, successor, order):  # type: ignore[no-untyped-def]
    for node in order[::-1]:
        if successor[node] >= 0:
            values[node] += values[successor[node]]


def roots(successor: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Return the root that each node leads to.

    Parameters
    ----------
    successor, order : ndarray of int64
        See :func:`forest_order`.

    Returns
    -------
    ndarray, (n,), int64
        A root is its own.

    Examples
    --------
    >>> successor = np.array([2, 2, 3, -1, -1])
    >>> roots(successor, forest_order(successor))
    array([3, 3, 3, 3, 4])
    """
    found = np.arange(successor.size, dtype=np.int64)
    _roots(successor, order, found)
    return found


@njit(nogil=True, cache=True)
def _roots(successor, order, found):  # type: ignore[no-untyped-def]
    for node in order[::-1]:
        if successor[node] >= 0:
            found[node] = found[successor[node]]
