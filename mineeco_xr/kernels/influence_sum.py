"""Sum separable influence functions of many nodes over the cells of a block.

Each node is a function of the row times a function of the column, so that the nodes of a group give
a window of cells by a matrix product. The product is written out here, not left to BLAS: a cell's
terms are added in one order whatever the block, so that its value is the same bit by bit, and one
task stays on one core. Nodes are ordered by row, and a row takes those within the cut-off alone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from mineeco_xr.kernels.gaussian import FARTHEST, fill_influence, fill_shares

LANES = 16
"""Columns are added in multiples of this, so that no loop ends in single steps."""

NODES = 8
"""Nodes that one pass over a row adds; the last ones count nothing."""


class Nodes(NamedTuple):
    """Groups of nodes; each group is summed over one window.

    Parameters
    ----------
    x, y : ndarray of float64, (k,)
        Map coordinates, m; ``y`` ascends within a group.
    radius : ndarray of float64, (k,)
        Main influence radius, m.
    weights : ndarray of float64, (w, k)
        What a node counts, in as many meanings as the bases need.
    start : ndarray of int64, (groups + 1,)
        Where the nodes of each group begin.
    piece : ndarray of int64, (groups,)
        The piece of mining that a group belongs to.
    bounds : ndarray of float64, (groups, 5)
        Least and largest ``x``, least and largest ``y``, largest radius.
    """

    x: np.ndarray
    y: np.ndarray
    radius: np.ndarray
    weights: np.ndarray
    start: np.ndarray
    piece: np.ndarray
    bounds: np.ndarray


def group_nodes(
    x: np.ndarray, y: np.ndarray, radius: np.ndarray, weights: np.ndarray, group: np.ndarray,
    piece: np.ndarray,
) -> Nodes:  # fmt: skip
    """Sort nodes into groups.

    Parameters
    ----------
    x, y, radius : ndarray of float64, (k,)
        As in :class:`Nodes`.
    weights : ndarray of float64, (w, k)
        As in :class:`Nodes`.
    group : ndarray of int64, (k,)
        Any number for each node; equal ones make a group, and groups come in their order.
    piece : ndarray of int64, (k,)
        The piece of each node, one for a group.

    Returns
    -------
    Nodes
        Sorted by group and then by row.
    """
    order = np.lexsort((x, y, group))
    x, y, radius, group = (np.asarray(a, np.float64)[order] for a in (x, y, radius, group))
    first = np.flatnonzero(np.diff(group, prepend=-np.inf))
    bounds = np.empty((first.size, 5))
    if first.size:
        for column, (values, extreme) in enumerate(
            [(x, np.minimum), (x, np.maximum), (y, np.minimum), (y, np.maximum),
             (radius, np.maximum)]
        ):  # fmt: skip
            bounds[:, column] = extreme.reduceat(values, first)
    return Nodes(
        x,
        y,
        radius,
        np.ascontiguousarray(np.asarray(weights, np.float64)[:, order]),
        np.append(first, x.size).astype(np.int64),
        np.asarray(piece)[order][first].astype(np.int64),
        bounds,
    )


def influence_sum(
    nodes: Nodes,
    y: np.ndarray,
    x: np.ndarray,
    bases: np.ndarray,
    response: np.ndarray,
    time_factors: np.ndarray,
    *,
    cutoff: float,
    dtype: str = "float32",
) -> np.ndarray:
    """Sum the influence of all nodes at the cells of a block.

    Parameters
    ----------
    nodes : Nodes
        Anywhere; those beyond the cut-off are passed over.
    y, x : ndarray of float64
        Coordinates of the cells' centres, m, ascending or descending.
    bases : ndarray of int64, (b, 3)
        Of each sum: the row of ``weights``, the order by ``y`` and the order by ``x``; one of order
        -1 is that over an area, and at least 0.
    response : ndarray of float64, (pieces, components, b)
        How the components are made of the bases.
    time_factors : ndarray of float64, (steps, pieces)
        What is there of each piece at each step.
    cutoff : float
        Influence radii beyond which nodes are passed over.
    dtype : str
        float32 or float64: what components are added in. The sums themselves are float64.

    Returns
    -------
    ndarray, (steps, components, ny, nx)
        The same bits for a cell, whatever else is in the block.
    """
    up, right = y.size < 2 or y[1] > y[0], x.size < 2 or x[1] > x[0]
    rows = np.ascontiguousarray(y if up else y[::-1], dtype=np.float64)
    columns = np.ascontiguousarray(x if right else x[::-1], dtype=np.float64)
    shape = (time_factors.shape[0], response.shape[1], rows.size, columns.size)
    out = np.zeros(shape, dtype=dtype)
    orders, slot = np.unique(bases[:, 2], return_inverse=True)
    _sum_groups(
        *nodes, columns, rows,
        np.column_stack([bases[:, :2], slot]).astype(np.int64),
        orders.astype(np.int64),
        np.ascontiguousarray(response, dtype=np.float64),
        np.ascontiguousarray(time_factors, dtype=np.float64),
        min(float(cutoff), FARTHEST), out,
    )  # fmt: skip
    return out[:, :, :: 1 if up else -1, :: 1 if right else -1]


@njit(nogil=True, cache=True, error_model="numpy")
def _sum_groups(  # type: ignore[no-untyped-def]
    x, y, radius, weights, start, piece, bounds, columns, rows, bases, orders, response, factors,
    cutoff, out
):  # fmt: skip
    sums = np.empty((bases.shape[0], _padded(columns.size)))
    part = np.empty(_padded(columns.size), dtype=out.dtype)
    for g in range(piece.size):
        p = piece[g]
        if not np.any(factors[:, p] != 0.0):
            continue
        reach = cutoff * bounds[g, 4]
        j0 = np.searchsorted(columns, bounds[g, 0] - reach)
        j1 = np.searchsorted(columns, bounds[g, 1] + reach, side="right")
        i0 = np.searchsorted(rows, bounds[g, 2] - reach)
        i1 = np.searchsorted(rows, bounds[g, 3] + reach, side="right")
        if i0 >= i1 or j0 >= j1:
            continue
        k0, k1 = start[g], start[g + 1]
        reached, across = _profiles(x[k0:k1], radius[k0:k1], columns[j0:j1], orders, cutoff)
        _sum_rows(
            y[k0:k1], 1.0 / radius[k0:k1], weights[:, k0:k1].copy(), reach, rows, i0, i1, j0, bases,
            orders, response[p], factors[:, p].copy(), reached, across, sums, part, out,
        )  # fmt: skip


@njit(nogil=True, cache=True, error_model="numpy")
def _padded(size):  # type: ignore[no-untyped-def]
    return (size + LANES - 1) // LANES * LANES


@njit(nogil=True, cache=True, error_model="numpy")
def _profiles(x, radius, columns, orders, cutoff):  # type: ignore[no-untyped-def]
    """Return what columns each node reaches, and its functions of them, constant beyond."""
    profiles = np.empty((orders.size, x.size + NODES, _padded(columns.size)))
    profiles[:, x.size :] = 0.0
    reached = np.empty((2, x.size), dtype=np.int64)
    wide = np.full(_padded(columns.size), columns[-1])
    wide[: columns.size] = columns
    for k in range(x.size):
        reach = cutoff * radius[k]
        a = np.searchsorted(columns, x[k] - reach)
        b = np.searchsorted(columns, x[k] + reach, side="right")
        reached[0, k], reached[1, k] = a, b
        c = min(a + _padded(b - a), profiles.shape[2])
        for o in range(orders.size):
            far = 0.5 if orders[o] < 0 else 0.0
            fill_influence(wide[a:c], x[k], radius[k], orders[o], profiles[o, k, a:c])
            profiles[o, k, :a] = -far
            profiles[o, k, b:] = far
    return reached, profiles


@njit(nogil=True, cache=True, error_model="numpy")
def _sum_rows(  # type: ignore[no-untyped-def]
    y, inverses, weights, reach, rows, i0, i1, j0, bases, orders, response, factors, reached,
    across, sums, part, out
):  # fmt: skip
    share = np.zeros(y.size + NODES)
    k0 = k1 = 0
    for i in range(i0, i1):
        while k0 < y.size and y[k0] < rows[i] - reach:
            k0 += 1
        while k1 < y.size and y[k1] <= rows[i] + reach:
            k1 += 1
        a, b = across.shape[2], 0
        for k in range(np.uint64(k0), np.uint64(k1)):
            a, b = min(a, reached[0, k]), max(b, reached[1, k])
        if a >= b:
            continue
        for base in range(bases.shape[0]):
            column, order = weights[bases[base, 0]], bases[base, 1]
            fill_shares(y, inverses, column, rows[i], order, k0, k1, share)
            for k in range(k1, k1 + NODES):
                share[k] = 0.0
            first, last = a // LANES * LANES, _padded(b)
            _product(share, across, bases[base, 2], k0, k1, first, last, sums, base)
            if orders[bases[base, 2]] < 0:
                # An integral over an area, whose remainder at the cut-off may be just below 0.
                for j in range(a, b):
                    sums[base, j] = max(sums[base, j], 0.0)
        _add_row(sums, response, factors, a, b, part, out, i, j0)


@njit(nogil=True, cache=True, error_model="numpy")
def _product(  # type: ignore[no-untyped-def]
    share, profiles, order, first, last, low, high, sums, base
):  # fmt: skip
    """Set the sums of a row: shares of the nodes times their profiles, eight nodes at a time.

    Indices are unsigned because signed ones may be negative, for which numba would ask each time;
    slices are left out for the counting of their references.
    """
    a, b, o, n = np.uint64(low), np.uint64(high), np.uint64(order), np.uint64(base)
    for j in range(a, b):
        sums[n, j] = 0.0
    for step in range(0, last - first, NODES):
        k0 = np.uint64(first + step)
        k1, k2, k3 = k0 + np.uint64(1), k0 + np.uint64(2), k0 + np.uint64(3)
        k4, k5, k6 = k0 + np.uint64(4), k0 + np.uint64(5), k0 + np.uint64(6)
        k7 = k0 + np.uint64(7)
        s0, s1, s2, s3 = share[k0], share[k1], share[k2], share[k3]
        s4, s5, s6, s7 = share[k4], share[k5], share[k6], share[k7]
        for j in range(a, b):
            sums[n, j] += (
                (s0 * profiles[o, k0, j] + s1 * profiles[o, k1, j])
                + (s2 * profiles[o, k2, j] + s3 * profiles[o, k3, j])
            ) + (
                (s4 * profiles[o, k4, j] + s5 * profiles[o, k5, j])
                + (s6 * profiles[o, k6, j] + s7 * profiles[o, k7, j])
            )


@njit(nogil=True, cache=True, error_model="numpy")
def _add_row(  # type: ignore[no-untyped-def]
    sums, response, factors, first, last, part, out, row, column
):  # fmt: skip
    a, b, i, j0 = np.uint64(first), np.uint64(last), np.uint64(row), np.uint64(column)
    for c in range(response.shape[0]):
        for j in range(a, b):
            part[j] = 0
        for base in range(response.shape[1]):
            factor = response[c, base]
            if factor != 0.0:
                for j in range(a, b):
                    part[j] += factor * sums[base, j]
        for t in range(factors.size):
            share = part.dtype.type(factors[t])
            if share != 0.0:
                for j in range(a, b):
                    out[t, c, i, j0 + j] += share * part[j]
