"""Accumulated cost in one tile: label setting with buckets, or a heap where buckets would be empty.

A step between neighbours costs ``length * (R_u + R_v) / 2``. A tile comes with a ring of one cell
around it that belongs to its neighbours: the ring's labels are given and never change here. Labels
only ever fall, and the least fixed point of ``d_v = min_u fl(d_u + w_uv)`` is unique, so that any
order of tiles and of cells ends at the same bits. Of tight predecessors the smallest owner wins.

Buckets are those of Denardo and Fox (1979): no wider than the cheapest step, so that all labels in
the lowest one are final in any order.
"""

from __future__ import annotations

import heapq
import math

import numpy as np
from numba import njit

MARGIN = 0.999
"""Buckets are narrower than the cheapest step by this, past any rounding of their number."""

MOST_BUCKETS = 40_000
"""When the dearest step is this many times the cheapest, nearly all buckets are empty."""

NO_OWNER = 2**31 - 1

RECORDS = {
    size: np.dtype([("label", "f8"), ("resistance", f"f{size}"), ("owner", "i4")], align=True)
    for size in (4, 8)
}
"""What is kept of a cell while its tile is settled, by the bytes of a resistance."""

UNREACHED = 255
STEPS = ((0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1))
"""Row and column steps to the neighbours E, SE, S, SW, W, NW, N, NE: back links 1 to 8."""


def half_steps(cell: tuple[float, float], connectivity: int) -> np.ndarray:
    """Return half the length of each of ``STEPS``; NaN for those that are not taken."""
    tall, wide = cell
    lengths = [math.sqrt((tall * a) ** 2 + (wide * b) ** 2) for a, b in STEPS]
    taken = [connectivity == 8 or a == 0 or b == 0 for a, b in STEPS]
    return np.array([0.5 * s if t else np.nan for s, t in zip(lengths, taken, strict=True)])


@njit(nogil=True, cache=True)
def _offsets(columns: int) -> np.ndarray:
    found = np.empty(8, dtype=np.int64)
    for k in range(8):
        found[k] = STEPS[k][0] * columns + STEPS[k][1]
    return found


@njit(nogil=True, cache=True)
def _resistance_range(resistance: np.ndarray) -> tuple[float, float]:
    least, largest = np.inf, 0.0
    for value in resistance.flat:
        if math.isfinite(value):
            least, largest = min(least, np.float64(value)), max(largest, np.float64(value))
    return least, largest


@njit(nogil=True, cache=True)
def _enter(
    resistance: np.ndarray, label: np.ndarray, owner: np.ndarray, half: np.ndarray, most: float
) -> tuple[np.ndarray, bool]:
    """Step from the ring into the tile; return the flat numbers of the cells that improved.

    Also say whether any label was met from two owners, see :func:`settle_tile`.
    """
    rows, columns = label.shape
    entered = np.empty(8 * (rows + columns), dtype=np.int64)
    count, doubt = 0, False
    for turn in range(2 * (rows + columns)):
        if turn < 2 * columns:
            i, j = (0 if turn < columns else rows - 1), turn % columns
        else:
            i, j = (turn - 2 * columns) % rows, (0 if turn < 2 * columns + rows else columns - 1)
        if not (math.isfinite(label[i, j]) and math.isfinite(resistance[i, j])):
            continue
        for k in range(8):
            a, b = i + STEPS[k][0], j + STEPS[k][1]
            if not (0 < a < rows - 1 and 0 < b < columns - 1):
                continue
            new = label[i, j] + half[k] * (
                np.float64(resistance[i, j]) + np.float64(resistance[a, b])
            )
            if not (new <= most and new <= label[a, b]):
                continue
            if new < label[a, b] or owner[i, j] < owner[a, b]:
                label[a, b], owner[a, b] = new, owner[i, j]
                entered[count] = a * columns + b
                count += 1
            else:
                doubt |= owner[i, j] > owner[a, b]
    return entered[:count], doubt


@njit(nogil=True, cache=True)
def _pack(resistance: np.ndarray, label: np.ndarray, owner: np.ndarray, cells: np.ndarray) -> None:
    """Fill the records of all cells; the ring and what is infinite become walls."""
    rows, columns = label.shape
    for i in range(rows):
        ring = i in (0, rows - 1)
        for j in range(columns):
            cell = cells[i * columns + j]
            cell["label"], cell["owner"] = label[i, j], owner[i, j]
            wall = ring or j in (0, columns - 1) or math.isinf(resistance[i, j])
            cell["resistance"] = np.nan if wall else resistance[i, j]


@njit(nogil=True, cache=True)
def _unpack(cells: np.ndarray, label: np.ndarray, owner: np.ndarray) -> None:
    rows, columns = label.shape
    for i in range(rows):
        for j in range(columns):
            cell = cells[i * columns + j]
            label[i, j], owner[i, j] = cell["label"], cell["owner"]


@njit(nogil=True, cache=True)
def _doubled(
    item: np.ndarray, key: np.ndarray, after: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Return the entries of the buckets with as many free ones behind them, and their number."""
    size = item.size
    after = np.append(after, np.arange(size + 1, 2 * size + 1))
    return np.append(item, item), np.append(key, key), after, 2 * size


@njit(nogil=True, cache=True)
def _settle_buckets(
    cells: np.ndarray,
    columns: int,
    entered: np.ndarray,
    half: np.ndarray,
    most: float,
    width: float,
    buckets: int,
) -> bool:
    offset, doubt = _offsets(columns), False
    keys = np.empty(entered.size, dtype=np.float64)
    for number in range(entered.size):
        keys[number] = cells[entered[number]]["label"]
    order = np.argsort(keys)
    base, scale, taken = keys[order[0]], 1.0 / width, 0
    ring = 1
    while ring < buckets:
        ring *= 2
    head, last = np.full(ring, -1, dtype=np.int64), ring - 1
    size = max(1024, 4 * columns)
    item, key = np.empty(size, dtype=np.int64), np.empty(size, dtype=np.float64)
    after = np.arange(1, size + 1)
    free, live, bucket = 0, 0, 0
    while live > 0 or taken < order.size:
        if live == 0:
            bucket = int((keys[order[taken]] - base) * scale)
        slot = bucket & last
        while taken < order.size and int((keys[order[taken]] - base) * scale) <= bucket:
            if free == size:
                item, key, after, size = _doubled(item, key, after)
            here, free = free, after[free]
            item[here], key[here] = entered[order[taken]], keys[order[taken]]
            after[here], head[slot] = head[slot], here
            taken, live = taken + 1, live + 1
        while head[slot] >= 0:
            here = head[slot]
            head[slot] = after[here]
            after[here], free = free, here
            live -= 1
            number = item[here]
            cell = cells[np.uint64(number)]
            start = cell["label"]
            if key[here] != start:
                continue
            own, value = cell["owner"], np.float64(cell["resistance"])
            # Final: nothing steps here any more, and its neighbours need not look at its label.
            cell["resistance"] = np.nan
            for k in range(8):
                other = cells[np.uint64(number + offset[k])]
                new = start + half[k] * (value + np.float64(other["resistance"]))
                if not (new <= other["label"] and new <= most):
                    continue
                if new == other["label"] and own >= other["owner"]:
                    doubt |= own > other["owner"]
                    continue
                other["label"], other["owner"] = new, own
                if free == size:
                    item, key, after, size = _doubled(item, key, after)
                spare, free = free, after[free]
                item[spare], key[spare] = number + offset[k], new
                place = int((new - base) * scale) & last
                after[spare], head[place] = head[place], spare
                live += 1
        bucket += 1
    return doubt


@njit(nogil=True, cache=True)
def _settle_heap(
    cells: np.ndarray, columns: int, entered: np.ndarray, half: np.ndarray, most: float
) -> bool:
    offset, doubt = _offsets(columns), False
    heap = [(np.float64(cells[number]["label"]), number) for number in entered]
    heapq.heapify(heap)
    while heap:
        start, number = heapq.heappop(heap)
        cell = cells[number]
        if start != cell["label"]:
            continue
        own, value = cell["owner"], np.float64(cell["resistance"])
        for k in range(8):
            other = cells[number + offset[k]]
            new = start + half[k] * (value + np.float64(other["resistance"]))
            if not (new <= other["label"] and new <= most):
                continue
            if new == other["label"] and own >= other["owner"]:
                doubt |= own > other["owner"]
                continue
            other["label"], other["owner"] = new, own
            heapq.heappush(heap, (new, number + offset[k]))
    return doubt


def settle_tile(
    resistance: np.ndarray,
    label: np.ndarray,
    owner: np.ndarray,
    seeds: np.ndarray,
    half: np.ndarray,
    most: float,
) -> tuple[bool, bool]:
    """Lower the labels of a tile to the fixed point that its ring and its sources allow.

    Parameters
    ----------
    resistance : ndarray of float, (h + 2, w + 2)
        Positive; NaN and infinity are walls. The outermost cells are the neighbours'.
    label : ndarray of float64, (h + 2, w + 2)
        Upper bounds, infinity where nothing is known; lowered in place inside the ring.
    owner : ndarray of int32, (h + 2, w + 2)
        Source that each label comes from, ``NO_OWNER`` where none; changed in place.
    seeds : ndarray of int64
        Flat numbers of the cells inside the ring whose labels were set from outside.
    half : ndarray of float64, (8,)
        From :func:`half_steps`.
    most : float
        Labels above are not given.

    Returns
    -------
    tuple of bool
        Whether any label or owner changed or there was a seed; and whether a label was met again
        from a larger owner. Where labels were lowered before, the smaller owner may then stem from
        a label that has fallen since, by less than the sum shows, and must be settled anew.
    """
    entered, doubt = _enter(resistance, label, owner, half, most)
    entered = np.append(entered, seeds)
    if entered.size == 0:
        return False, doubt
    least, largest = _resistance_range(resistance)
    # One record a cell: a look at a neighbour costs one line of the cache, not three.
    cells = np.empty(label.size, dtype=RECORDS[resistance.dtype.itemsize])
    _pack(resistance, label, owner, cells)
    width = MARGIN * 2.0 * float(np.nanmin(half)) * least
    buckets = math.ceil(2.0 * float(np.nanmax(half)) * largest / width) + 3
    if buckets > MOST_BUCKETS:
        met = _settle_heap(cells, label.shape[1], entered, half, most)
    else:
        met = _settle_buckets(cells, label.shape[1], entered, half, most, width, buckets)
    _unpack(cells, label, owner)
    return True, doubt or met


@njit(nogil=True, cache=True)
def back_links(
    resistance: np.ndarray,
    label: np.ndarray,
    owner: np.ndarray,
    half: np.ndarray,
) -> np.ndarray:
    """Return the step from each cell inside the ring to its predecessor.

    Parameters
    ----------
    resistance, label, owner, half : ndarray
        As for :func:`settle_tile`, at the fixed point.

    Returns
    -------
    ndarray of uint8, (h, w)
        0 at sources, 1 to 8 for the first of ``STEPS`` that explains the label and the owner,
        ``UNREACHED`` elsewhere.
    """
    rows, columns = label.shape
    found = np.full((rows - 2, columns - 2), UNREACHED, dtype=np.uint8)
    for i in range(1, rows - 1):
        for j in range(1, columns - 1):
            if not math.isfinite(label[i, j]):
                continue
            if label[i, j] == 0.0:
                found[i - 1, j - 1] = 0
                continue
            for k in range(8):
                a, b = i + STEPS[k][0], j + STEPS[k][1]
                if owner[a, b] != owner[i, j] or not label[a, b] < label[i, j]:
                    continue
                pair = np.float64(resistance[a, b]) + np.float64(resistance[i, j])
                if label[a, b] + half[k] * pair == label[i, j]:
                    found[i - 1, j - 1] = k + 1
                    break
    return found
