"""Basins of a terrain and the minimum spanning tree of the heights between them.

Every cell walks down a path of never rising neighbours to the bottom of its basin. Nodata and what
lies outside the raster are the ocean: elevation ``-inf`` and basin 0.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from mineeco_xr.kernels.fill import find

SELF = 4
WALL, OCEAN, UNKNOWN = -1, 0, -2
TABLE_BITS = 14
"""Cells of the table that joins repeated pairs of basins; it stays in the second-level cache."""


def frame(block: np.ndarray, open_sides: tuple[bool, bool, bool, bool]) -> np.ndarray:
    """Put a block in a frame of one cell: ocean where the raster ends, wall where it goes on.

    Parameters
    ----------
    block : ndarray, (h, w), any float
        Elevations; NaN and infinities are nodata.
    open_sides : tuple of bool
        Whether the raster ends at the top, bottom, left and right of the block.

    Returns
    -------
    ndarray, (h + 2, w + 2), float64
        Elevations; ``-inf`` is ocean, the frame is ``inf`` where other blocks go on.
    """
    height, width = block.shape
    out = np.empty((height + 2, width + 2))
    inner = out[1:-1, 1:-1]
    inner[...] = block
    inner[~np.isfinite(block)] = -np.inf
    top, bottom, left, right = (-np.inf if side else np.inf for side in open_sides)
    out[1:-1, 0], out[1:-1, -1] = left, right
    out[0, 1:-1], out[-1, 1:-1] = top, bottom
    # A corner is a neighbour of one cell of the block, which an open side lets out anyway.
    out[0, 0], out[0, -1] = min(top, left), min(top, right)
    out[-1, 0], out[-1, -1] = min(bottom, left), min(bottom, right)
    return out


def find_basins(z: np.ndarray) -> tuple[np.ndarray, int]:
    """Label every cell by the basin that its path of lowest neighbours ends in.

    Parameters
    ----------
    z : ndarray, (h + 2, w + 2)
        From :func:`frame`.

    Returns
    -------
    labels : ndarray, (h + 2, w + 2), int32
        0 for the ocean and all that flows into it, -1 for walls, else the basin.
    count : int
        Largest label.
    """
    labels = np.full(z.shape, WALL, np.int32)
    edge = np.ones(z.shape, bool)
    edge[1:-1, 1:-1] = False
    labels[edge & (z == -np.inf)] = OCEAN
    codes = np.empty(z.shape, np.uint8)
    _receivers(z, codes)
    count = _follow(z.ravel(), codes.ravel(), labels.ravel(), z.shape[0], z.shape[1])
    return labels, count


@njit(nogil=True, cache=True)
def _receivers(z, codes):  # type: ignore[no-untyped-def]
    height, width = z.shape[0] - 2, z.shape[1] - 2
    for i in range(height):
        above, here, below = z[i], z[i + 1], z[i + 2]
        a, b, c = above[:width], above[1 : width + 1], above[2 : width + 2]
        d, e, f = here[:width], here[1 : width + 1], here[2 : width + 2]
        g, h, k = below[:width], below[1 : width + 1], below[2 : width + 2]
        out = codes[i + 1, 1 : width + 1]
        for j in range(width):
            # Strict comparisons in row order: of equal heights the first cell is the lowest, so
            # that paths on flats end.
            low, code = a[j], 0
            code = 1 if b[j] < low else code
            low = b[j] if b[j] < low else low
            code = 2 if c[j] < low else code
            low = c[j] if c[j] < low else low
            code = 3 if d[j] < low else code
            low = d[j] if d[j] < low else low
            code = 4 if e[j] < low else code
            low = e[j] if e[j] < low else low
            code = 5 if f[j] < low else code
            low = f[j] if f[j] < low else low
            code = 6 if g[j] < low else code
            low = g[j] if g[j] < low else low
            code = 7 if h[j] < low else code
            low = h[j] if h[j] < low else low
            code = 8 if k[j] < low else code
            low = k[j] if k[j] < low else low
            out[j] = code if low < np.inf else SELF


@njit(nogil=True, cache=True)
def _follow(z, codes, labels, rows, stride):  # type: ignore[no-untyped-def]
    steps = np.empty(9, np.int64)
    for code in range(9):
        steps[code] = (code // 3 - 1) * stride + code % 3 - 1
    for i in range(1, rows - 1):
        for cell in range(i * stride + 1, (i + 1) * stride - 1):
            labels[cell] = OCEAN if z[cell] == -np.inf else UNKNOWN
    count = 0
    for i in range(1, rows - 1):
        for cell in range(i * stride + 1, (i + 1) * stride - 1):
            if labels[cell] != UNKNOWN:
                continue
            end = cell
            while labels[end] == UNKNOWN and codes[end] != SELF:
                end += steps[codes[end]]
            if labels[end] == UNKNOWN:
                count += 1
                labels[end] = count
            label = labels[end]
            end = cell
            while labels[end] == UNKNOWN:
                labels[end] = label
                end += steps[codes[end]]
    return count


def basin_tree(
    z: np.ndarray, labels: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the minimum spanning tree of the basins, the ocean among them.

    An edge between two basins weighs the least ``max(z, z')`` of neighbouring cells. Boruvka's
    rounds: the first takes each basin's lowest way out while it reads the raster; the second
    reading keeps one edge for a pair of what is left, and the rest works on that list.

    Parameters
    ----------
    z, labels, count
        From :func:`frame` and :func:`find_basins`.

    Returns
    -------
    first, second : ndarray of int64
        Basins.
    weight : ndarray of float64
        Sorted.
    """
    tree = (np.empty(count, np.int32), np.empty(count, np.int32), np.empty(count))
    parent = np.arange(count + 1, dtype=np.int32)
    size = _lowest_exits(z, labels, parent, *tree) if count else 0
    if size < count:
        edges = _remaining_edges(z, labels, parent)
        size = _boruvka(*edges, parent, *tree, size)
    order = np.argsort(tree[2][:size])
    return (
        tree[0][order].astype(np.int64),
        tree[1][order].astype(np.int64),
        tree[2][order],
    )


@njit(nogil=True, cache=True)
def _lowest_exits(z, labels, parent, first, second, weight):  # type: ignore[no-untyped-def]
    rows, columns = z.shape
    count = parent.size - 1
    low = np.full(count + 1, np.inf)
    other = np.zeros(count + 1, np.int32)
    for i in range(rows - 1):
        here, below, z_here, z_below = labels[i], labels[i + 1], z[i], z[i + 1]
        for j in range(columns):
            a = here[j]
            if a < 0:
                continue
            za = z_here[j]
            # East, south-west, south, south-east: each pair of neighbours once.
            for step in range(4):
                column = j + 1 if step == 0 else j + step - 2
                if column < 0 or column >= columns:
                    continue
                b = here[column] if step == 0 else below[column]
                if b == a or b < 0:
                    continue
                zb = z_here[column] if step == 0 else z_below[column]
                height = za if za > zb else zb
                # A strict comparison in reading order is one total order for both basins: no cycle.
                if height < low[a]:
                    low[a], other[a] = height, b
                if height < low[b]:
                    low[b], other[b] = height, a
    size = 0
    for basin in range(1, count + 1):
        if low[basin] < np.inf:
            a, b = find(parent, basin), find(parent, other[basin])
            if a != b:
                parent[max(a, b)] = min(a, b)
                first[size], second[size], weight[size] = basin, other[basin], low[basin]
                size += 1
    return size


@njit(nogil=True, cache=True)
def _remaining_edges(z, labels, parent):  # type: ignore[no-untyped-def]
    rows, columns = z.shape
    group = np.empty_like(parent)
    for basin in range(parent.size):
        group[basin] = find(parent, basin)
    room = 1024
    first, second = np.empty(room, np.int32), np.empty(room, np.int32)
    weight = np.empty(room)
    table = np.full(1 << TABLE_BITS, -1, np.int64)
    size = 0
    for i in range(rows - 1):
        here, below, z_here, z_below = labels[i], labels[i + 1], z[i], z[i + 1]
        for j in range(columns):
            a = here[j]
            if a < 0:
                continue
            za = z_here[j]
            for step in range(4):
                column = j + 1 if step == 0 else j + step - 2
                if column < 0 or column >= columns:
                    continue
                b = here[column] if step == 0 else below[column]
                if b == a or b < 0:
                    continue
                ga, gb = group[a], group[b]
                if ga == gb:
                    continue
                zb = z_here[column] if step == 0 else z_below[column]
                height = za if za > zb else zb
                mixed = (min(ga, gb) * 2654435761 + max(ga, gb) * 40503) >> 5
                slot = mixed & ((1 << TABLE_BITS) - 1)
                known = table[slot]
                if known >= 0:
                    ka, kb = group[first[known]], group[second[known]]
                    if (ka == ga and kb == gb) or (ka == gb and kb == ga):
                        if height < weight[known]:
                            first[known], second[known], weight[known] = a, b, height
                        continue
                if size == room:
                    room *= 2
                    first, second = _grown(first, room), _grown(second, room)
                    weight = _grown(weight, room)
                first[size], second[size], weight[size] = a, b, height
                table[slot] = size
                size += 1
    return first[:size], second[:size], weight[:size]


@njit(nogil=True, cache=True)
def _grown(values, room):  # type: ignore[no-untyped-def]
    out = np.empty(room, values.dtype)
    for number in range(values.size):
        out[number] = values[number]
    return out


@njit(nogil=True, cache=True)
def _boruvka(first, second, weight, parent, tree_a, tree_b, tree_w, size):  # type: ignore[no-untyped-def]
    left = first.size
    best = np.empty(parent.size, np.int64)
    while left:
        for node in range(parent.size):
            best[node] = -1
        kept = 0
        for edge in range(left):
            a, b = find(parent, first[edge]), find(parent, second[edge])
            if a == b:
                continue
            first[kept], second[kept], weight[kept] = first[edge], second[edge], weight[edge]
            height = weight[kept]
            if best[a] < 0 or height < weight[best[a]]:
                best[a] = kept
            if best[b] < 0 or height < weight[best[b]]:
                best[b] = kept
            kept += 1
        left = kept
        for node in range(1, parent.size):
            edge = best[node]
            if edge < 0:
                continue
            a, b = find(parent, first[edge]), find(parent, second[edge])
            if a != b:
                parent[max(a, b)] = min(a, b)
                tree_a[size], tree_b[size] = first[edge], second[edge]
                tree_w[size] = weight[edge]
                size += 1
    return size
