"""Displacement at epochs from displacements between pairs of epochs, by least squares.

A pair says ``s[secondary] - s[reference] = d``. The normal equations are the Laplacian of the
network of pairs, in whole numbers, with the first epoch of each connected part held at zero; they
are solved by Cholesky's method within their envelope. So the rank is counted, not guessed from
singular values: it is the number of epochs less that of the parts.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

OUTPUTS = ("rank", "pairs", "closure")


def invert_pairs(
    displacement: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    times: np.ndarray,
    *,
    minimum_norm: bool,
) -> np.ndarray:
    """Solve each pixel with the pairs that it has.

    Parameters
    ----------
    displacement : ndarray, (pairs, ...), float
        Displacement from the reference to the secondary epoch; what is not finite is missing.
    first, second : ndarray, (pairs,), int64
        Numbers of the reference and of the secondary epoch.
    times : ndarray, (epochs,), float64
        Strictly increasing.
    minimum_norm : bool
        Of a network in several parts take the solution whose velocities between epochs have the
        least sum of squares (Berardino et al. 2002), instead of nodata.

    Returns
    -------
    ndarray, (epochs + 3, ...), float64
        Cumulative displacement since the first epoch, then rank, number of pairs and root mean
        square of the residuals.
    """
    length = displacement.shape[0]
    flat = np.ascontiguousarray(displacement, dtype=np.float64).reshape(length, -1)
    out = np.empty((times.size + len(OUTPUTS), flat.shape[1]))
    _each_pixel(
        flat,
        np.ascontiguousarray(first, dtype=np.int64),
        np.ascontiguousarray(second, dtype=np.int64),
        np.ascontiguousarray(times, dtype=np.float64),
        minimum_norm,
        out,
    )
    return out.reshape(out.shape[0], *displacement.shape[1:])


@njit(nogil=True, cache=True)
def _each_pixel(displacement, first, second, times, minimum_norm, out):  # type: ignore[no-untyped-def]
    length, count = displacement.shape
    epochs = times.size
    used, before = np.zeros(length, dtype=np.bool_), np.zeros(length, dtype=np.bool_)
    part, begin = np.arange(epochs), np.arange(epochs)
    factor = np.eye(epochs)
    rank = 0
    right = np.empty(epochs)
    for i in range(count):
        pairs, same = 0, True
        for k in range(length):
            used[k] = np.isfinite(displacement[k, i])
            pairs += used[k]
            same = same and used[k] == before[k]
        # Neighbours mostly have the same pairs, and so the same factor.
        if not same:
            before[:] = used
            rank = _connect(first, second, used, part)
            _factorise(first, second, used, part, factor, begin)
        out[epochs, i], out[epochs + 1, i] = rank, pairs
        if pairs == 0 or (rank < epochs - 1 and not minimum_norm):
            out[:epochs, i] = np.nan
            out[epochs + 2, i] = np.nan
            continue
        right[:] = 0.0
        for k in range(length):
            if used[k]:
                right[second[k]] += displacement[k, i]
                right[first[k]] -= displacement[k, i]
        for j in range(epochs):
            if part[j] == j:
                right[j] = 0.0
        _substitute(factor, begin, right)
        squares = 0.0
        for k in range(length):
            if used[k]:
                left = displacement[k, i] - (right[second[k]] - right[first[k]])
                squares += left * left
        out[epochs + 2, i] = math.sqrt(squares / pairs)
        if rank < epochs - 1:
            _least_velocities(times, part, right)
        for j in range(epochs):
            out[j, i] = right[j]


@njit(nogil=True, cache=True)
def _connect(first, second, used, part):  # type: ignore[no-untyped-def]
    """Give each epoch the first one of its part of the network; return epochs less parts."""
    for j in range(part.size):
        part[j] = j
    rank = 0
    for k in range(first.size):
        if not used[k]:
            continue
        a, b = first[k], second[k]
        while part[a] != a:
            a = part[a]
        while part[b] != b:
            b = part[b]
        if a != b:
            part[max(a, b)] = min(a, b)
            rank += 1
    for j in range(part.size):
        part[j] = part[part[j]]
    return rank


@njit(nogil=True, cache=True)
def _factorise(first, second, used, part, factor, begin):  # type: ignore[no-untyped-def]
    """Write Cholesky's factor of the Laplacian, whose row ``j`` begins at ``begin[j]``."""
    factor[:] = 0.0
    for j in range(begin.size):
        begin[j] = j
    for k in range(first.size):
        if not used[k]:
            continue
        a, b = min(first[k], second[k]), max(first[k], second[k])
        factor[a, a] += 1.0
        factor[b, b] += 1.0
        if part[a] != a:
            factor[b, a] -= 1.0
            begin[b] = min(begin[b], a)
    for j in range(begin.size):
        if part[j] == j:
            factor[j, j] = 1.0
        for c in range(begin[j], j + 1):
            total = factor[j, c]
            for e in range(max(begin[j], begin[c]), c):
                total -= factor[j, e] * factor[c, e]
            factor[j, c] = math.sqrt(total) if c == j else total / factor[c, c]


@njit(nogil=True, cache=True)
def _substitute(factor, begin, right):  # type: ignore[no-untyped-def]
    for j in range(right.size):
        total = right[j]
        for c in range(begin[j], j):
            total -= factor[j, c] * right[c]
        right[j] = total / factor[j, j]
    for j in range(right.size - 1, -1, -1):
        right[j] /= factor[j, j]
        for c in range(begin[j], j):
            right[c] -= factor[j, c] * right[j]


@njit(nogil=True, cache=True)
def _least_velocities(times, part, series):  # type: ignore[no-untyped-def]
    """Shift the parts of a series so that the velocities between its epochs are least.

    Each interval between epochs of two parts asks that their shifts differ by the gap, with the
    weight of its length; the part of the first epoch stays.
    """
    epochs = times.size
    number = np.full(epochs, -1)
    parts = 0
    for j in range(epochs):
        if part[j] == j:
            number[j] = parts
            parts += 1
    normal, shift = np.zeros((parts, parts)), np.zeros(parts)
    for j in range(epochs - 1):
        a, b = number[part[j]], number[part[j + 1]]
        if a == b:
            continue
        weight = 1.0 / (times[j + 1] - times[j]) ** 2
        gap = series[j] - series[j + 1]
        normal[a, a] += weight
        normal[b, b] += weight
        normal[a, b] -= weight
        normal[b, a] -= weight
        shift[b] += weight * gap
        shift[a] -= weight * gap
    normal[0, :], normal[:, 0], normal[0, 0], shift[0] = 0.0, 0.0, 1.0, 0.0
    for j in range(parts):
        for c in range(j + 1):
            total = normal[j, c]
            for e in range(c):
                total -= normal[j, e] * normal[c, e]
            normal[j, c] = math.sqrt(total) if c == j else total / normal[c, c]
    _substitute(normal, np.zeros(parts, dtype=np.int64), shift)
    for j in range(epochs):
        series[j] += shift[number[part[j]]]
