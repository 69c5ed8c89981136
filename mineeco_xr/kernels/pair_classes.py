"""Sums over all pairs of points by how far they lie apart in space and in time."""

from __future__ import annotations

import numpy as np
from numba import njit


def pair_products(
    values: np.ndarray, places: np.ndarray, far: np.ndarray, late: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Sum the products of the values of each pair of points, by class of distance.

    Parameters
    ----------
    values : ndarray, (v, m), float64
        Variables at the points, less their means.
    places : ndarray, (3, m), float64
        x, y and time of the points.
    far, late : ndarray of float64
        Upper ends of the classes of distance and of time apart, increasing; the last hold all that
        is beyond.

    Returns
    -------
    products : ndarray, (v, d * l), float64
        Sums over unordered pairs; the class of time is the slower index.
    partners : ndarray, (m, d * l), float64
        How many other points lie in each class of a point.
    """
    classes = far.size * late.size
    products = np.zeros((values.shape[0], classes))
    partners = np.zeros((values.shape[1], classes))
    # Point first: the variables of a pair lie side by side.
    side_by_side = np.ascontiguousarray(values.T, dtype=np.float64)
    ends = np.ascontiguousarray(far, dtype=np.float64) ** 2
    _add_pairs(
        side_by_side,
        np.ascontiguousarray(places.T, dtype=np.float64),
        ends,
        np.ascontiguousarray(late, dtype=np.float64),
        products,
        partners,
    )
    return products, partners


@njit(nogil=True, cache=True)
def _add_pairs(values, places, far, late, products, partners):  # type: ignore[no-untyped-def]
    points, variables = values.shape
    for i in range(points):
        for j in range(i + 1, points):
            dx, dy = places[i, 0] - places[j, 0], places[i, 1] - places[j, 1]
            place = _class_of(abs(places[i, 2] - places[j, 2]), late) * far.size
            place += _class_of(dx * dx + dy * dy, far)
            partners[i, place] += 1.0
            partners[j, place] += 1.0
            for v in range(variables):
                products[v, place] += values[i, v] * values[j, v]


@njit(nogil=True, cache=True)
def _class_of(apart, ends):  # type: ignore[no-untyped-def]
    low, high = 0, ends.size - 1
    while low < high:
        middle = (low + high) // 2
        if apart <= ends[middle]:
            high = middle
        else:
            low = middle + 1
    return low
