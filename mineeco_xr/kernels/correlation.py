"""Pearson and partial correlation of many short series.

Cells are taken a block at a time, dates outside and cells inside, so that every loop is a vector
operation on what is in the cache.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numba import njit

from mineeco_xr.kernels.correlation_probability import two_sided

SLAB = 8192
"""Cells handed to the kernel together."""
COLLINEAR = 1e-10
"""A variable that others explain but for this share of its variance is a combination of them."""
_IN_CACHE = 16384
"""Values of a block of cells, in all: they stay in the second cache through all loops."""


def correlate_series(
    series: Sequence[np.ndarray],
    *,
    factors: int = 1,
    given: bool = False,
    min_n: int = 3,
    difference: bool = False,
) -> np.ndarray:
    """Return the correlation of the first series with each of its factors, p, and n.

    Parameters
    ----------
    series : sequence of ndarray, (t, ...), float
        The target, its factors, then what is held fixed for all; their further dims broadcast.
        Dates on which any is not finite are left out of all.
    factors : int
        How many factors there are.
    given : bool
        Hold the other factors fixed too.
    min_n : int
        Series with fewer dates get NaN everywhere but in n.
    difference : bool
        Take the differences of neighbouring dates first.

    Returns
    -------
    ndarray, (2 factors + 1, ...), float64
        All r, all two-sided p, and n. NaN where a variable is constant or a combination of those
        that are held fixed.
    """
    times = series[0].shape[0]
    shape = np.broadcast_shapes(*(one.shape[1:] for one in series))
    rows = [_flat(one, shape) for one in series]
    size = math.prod(shape)
    out = np.empty((2 * factors + 1, size))
    # One for all slabs, and not a power of two long: rows would share few places in the cache.
    work = np.zeros((len(series), times, min(SLAB, size) + 8))
    digits = np.array([float(np.finfo(row.dtype).eps) for row in rows])
    for start in range(0, size, SLAB):
        stop = min(start + SLAB, size)
        for held, row in zip(work, rows, strict=True):
            held[:, : stop - start] = row if row.shape[1] == 1 else row[:, start:stop]
        ready = _differences(work, digits) if difference else work
        # Contiguous always: a slice of the whole would be another type, compiled once more.
        part = np.empty((out.shape[0], stop - start))
        _correlate(ready, factors, given, min_n, part)
        out[:, start:stop] = part
    return out.reshape(2 * factors + 1, *shape)


def _differences(work: np.ndarray, digits: np.ndarray) -> np.ndarray:
    """Return the steps of series; steps that are equal but for the rounding of values are equal."""
    steps = np.diff(work, axis=1)
    limit = 4.0 * digits[:, None] * np.fmax.reduce(np.abs(work), axis=1)
    spread = np.fmax.reduce(steps, axis=1) - np.fmin.reduce(steps, axis=1)
    even = (spread <= limit)[:, None] & np.isfinite(steps)
    steps[even] = 0.0
    return steps


def _flat(one: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    if one.size == one.shape[0]:
        return one.reshape(-1, 1)
    return np.broadcast_to(one, (one.shape[0], *shape)).reshape(one.shape[0], -1)


@njit(nogil=True, cache=True, error_model="numpy")
def _correlate(work, factors, given, min_n, out):  # type: ignore[no-untyped-def]
    variables, times, _ = work.shape
    cells = out.shape[1]
    block = min(max(_IN_CACHE // (variables * times) // 8 * 8, 32), 256)
    series = np.empty((variables, times, block))
    valid = np.empty((times, block))
    n, r, p, means = np.zeros(block), np.empty(block), np.empty(block), np.empty((variables, block))
    scratch = np.empty((6, block))
    products = np.empty((variables, variables, block))
    fixed = variables - 1 - factors + (factors - 1 if given else 0)
    order = np.empty(fixed + 2, dtype=np.int64)
    for start in range(0, cells, block):
        size = min(block, cells - start)
        if not _centre_whole(work, start, series, n, means, size):
            _centre(work, start, series, valid, n, size)
            means[:] = 0.0
        if variables == 2:
            _products_of_two(series, means, products, size)
        else:
            for i in range(variables):
                for j in range(i + 1):
                    _product(series[i], series[j], products[i, j], size)
        for factor in range(1, factors + 1):
            count = 0
            for other in range(1, variables):
                if other > factors or (given and other != factor):
                    order[count] = other
                    count += 1
            order[count], order[count + 1] = 0, factor
            _coefficients(products, n, order, min_n, r, size)
            two_sided(r, n, 2 + fixed, p, scratch, size)
            for i in range(size):
                out[factor - 1, start + i] = r[i]
                out[factors + factor - 1, start + i] = p[i]
        for i in range(size):
            out[2 * factors, start + i] = n[i]


@njit(nogil=True, cache=True, error_model="numpy")
def _centre_whole(work, start, series, n, means, size):  # type: ignore[no-untyped-def]
    """Do the same as ``_centre``, bit by bit, and say so, if all dates are valid.

    Of two series the means are left in ``means``: their products take them away.
    """
    variables, times, _ = series.shape
    n[:] = times
    for v in range(variables):
        mean = means[v]
        first = work[v, 0, start : start + size]
        mean[:] = 0.0
        for t in range(times):
            row, own = work[v, t, start : start + size], series[v, t]
            for i in range(size):
                own[i] = row[i] - first[i]
                mean[i] += own[i]
        gaps = 0.0
        for i in range(size):
            mean[i] /= n[i]
            # What is not finite makes the sum so, and that less itself is not 0.
            gaps += mean[i] - mean[i]
        if gaps != 0.0:
            return False
        if variables == 2:
            continue
        for t in range(times):
            own = series[v, t]
            for i in range(size):
                own[i] -= mean[i]
    return True


@njit(nogil=True, cache=True, error_model="numpy")
def _centre(work, start, series, valid, n, size):  # type: ignore[no-untyped-def]
    """Copy a block, the mean of its common dates taken away and 0 on others, and count those dates.

    The first value is taken away before: a constant series becomes 0 exactly.
    """
    variables, times, block = series.shape
    n[:] = 0.0
    for t in range(times):
        use = valid[t]
        row = work[0, t, start : start + size]
        for i in range(size):
            use[i] = 1.0 if row[i] - row[i] == 0.0 else 0.0
        for v in range(1, variables):
            row = work[v, t, start : start + size]
            for i in range(size):
                use[i] = use[i] if row[i] - row[i] == 0.0 else 0.0
        for i in range(size):
            n[i] += use[i]
    first, mean, found = np.zeros(block), np.empty(block), np.empty(block)
    for v in range(variables):
        found[:] = 0.0
        for t in range(times):
            use, row = valid[t], work[v, t, start : start + size]
            count = 0.0
            for i in range(size):
                first[i] = row[i] if use[i] > found[i] else first[i]
                found[i] = use[i] if use[i] > found[i] else found[i]
            for i in range(size):
                if found[i] == 0.0:
                    count = 1.0
                    break
            if count == 0.0:
                break
        mean[:] = 0.0
        for t in range(times):
            use, row, own = valid[t], work[v, t, start : start + size], series[v, t]
            for i in range(size):
                own[i] = row[i] - first[i] if use[i] != 0.0 else 0.0
                mean[i] += own[i]
        for i in range(size):
            mean[i] /= n[i] if n[i] > 1.0 else 1.0
        for t in range(times):
            use, own = valid[t], series[v, t]
            for i in range(size):
                own[i] -= mean[i] * use[i]


@njit(nogil=True, cache=True, error_model="numpy")
def _products_of_two(series, means, products, size):  # type: ignore[no-untyped-def]
    left, both, right = products[0, 0], products[1, 0], products[1, 1]
    first, second = means[0], means[1]
    products[:] = 0.0
    for t in range(series.shape[1]):
        ones, others = series[0, t], series[1, t]
        for i in range(size):
            a, b = ones[i] - first[i], others[i] - second[i]
            left[i] += a * a
            both[i] += a * b
            right[i] += b * b


@njit(nogil=True, cache=True, error_model="numpy")
def _product(left, right, out, size):  # type: ignore[no-untyped-def]
    out[:] = 0.0
    for t in range(left.shape[0]):
        a, b = left[t], right[t]
        for i in range(size):
            out[i] += a[i] * b[i]


@njit(nogil=True, cache=True, error_model="numpy")
def _coefficients(products, n, order, min_n, out, size):  # type: ignore[no-untyped-def]
    """Correlate the last two of ``order``, all before them held fixed.

    Eliminating these from the correlation matrix R leaves a 2 x 2 one, whose inverse is that block
    of P = R^-1: its correlation is -P_ij / sqrt(P_ii P_jj).
    """
    if order.size == 2:
        a, b = order[0], order[1]
        own, other, both = products[a, a], products[b, b], products[max(a, b), min(a, b)]
        for i in range(size):
            r = both[i] / (math.sqrt(own[i]) * math.sqrt(other[i]))
            r = 1.0 if r > 1.0 else r
            r = -1.0 if r < -1.0 else r
            out[i] = r if n[i] >= min_n else np.nan
        return
    matrix, spread = np.empty((order.size, order.size)), np.empty(order.size)
    for i in range(size):
        out[i] = np.nan
        if n[i] < min_n:
            continue
        for j in range(order.size):
            spread[j] = math.sqrt(products[order[j], order[j], i])
        for j in range(order.size):
            for k in range(j + 1):
                a, b = max(order[j], order[k]), min(order[j], order[k])
                # 0 / 0 of a constant is NaN, and stays so.
                matrix[j, k] = products[a, b, i] / (spread[j] * spread[k])
        out[i] = _eliminate(matrix)


@njit(nogil=True, cache=True, error_model="numpy")
def _eliminate(matrix):  # type: ignore[no-untyped-def]
    """Return the partial correlation of the last two rows of a matrix given below its diagonal."""
    size = matrix.shape[0]
    for pivot in range(size - 2):
        if not matrix[pivot, pivot] > COLLINEAR:
            return np.nan
        for j in range(pivot + 1, size):
            share = matrix[j, pivot] / matrix[pivot, pivot]
            for k in range(pivot + 1, j + 1):
                matrix[j, k] -= share * matrix[k, pivot]
    own, other = matrix[size - 2, size - 2], matrix[size - 1, size - 1]
    if not (own > COLLINEAR and other > COLLINEAR):
        return np.nan
    r = matrix[size - 1, size - 2] / (math.sqrt(own) * math.sqrt(other))
    return min(max(r, -1.0), 1.0)
