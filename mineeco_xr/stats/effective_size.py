"""How many independent pairs of values a sample is worth that is correlated with itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

STEP = 2**0.5
"""Of the classes of distance: each reaches so many times as far as the one before."""


def lag_one_size(left: np.ndarray, right: np.ndarray) -> float:
    """Return the effective size of a pair of series that each remember their last value.

    Parameters
    ----------
    left, right : ndarray, (t,)
        Evenly spaced; NaN is a gap.

    Returns
    -------
    float
        ``n (1 - a b) / (1 + a b)`` with the autocorrelations ``a`` and ``b`` at lag one (Bartlett
        1935), at most ``n``.
    """
    use = np.isfinite(left) & np.isfinite(right)
    memory = 1.0
    for series in (left, right):
        own = np.where(use, series, np.nan)
        own = own - np.nanmean(own) if use.any() else own
        steps = own[1:] * own[:-1]
        pairs, spread = np.isfinite(steps).sum(), np.nansum(own**2) / max(use.sum(), 1)
        memory *= np.nansum(steps) / pairs / spread if pairs and spread > 0 else 0.0
    memory = float(np.clip(memory, -1.0, 1.0))
    if memory <= 0:
        return float(use.sum())
    return float(use.sum() * (1 - memory) / (1 + memory))


def distance_classes(places: np.ndarray, cell: float) -> np.ndarray:
    """Return the upper ends of classes of distance: none, a neighbour, and on in equal ratios.

    Parameters
    ----------
    places : ndarray, (2, m)
        x and y.
    cell : float
        The smaller side of a cell.
    """
    reach = np.hypot(*np.ptp(places, axis=1)) if places.shape[1] else 0.0
    ends = [0.0, 1.1 * cell]
    while ends[-1] < reach:
        ends.append(ends[-1] * STEP)
    return np.array(ends)


def lag_classes(times: np.ndarray) -> np.ndarray:
    """Return the upper ends of classes of time apart: none, one step, two and three, up to seven.

    Parameters
    ----------
    times : ndarray
        Years of all dates.
    """
    step = float(np.median(np.diff(times))) if times.size > 1 else 1.0
    ends = [0.5]
    while ends[-1] < times.size - 1:
        ends.append(2 * ends[-1] + 0.5)
    return step * np.array(ends)


def dutilleul_sizes(
    values: np.ndarray,
    pairs: Sequence[tuple[int, int]],
    places: np.ndarray,
    *,
    size: int,
    far: np.ndarray,
    late: np.ndarray,
) -> np.ndarray:
    """Return the effective sizes of pairs of variables that are correlated in space and time.

    Parameters
    ----------
    values : ndarray, (v, m)
        Variables at points that stand for all: all of them, or a random sample.
    pairs : sequence of tuple of int
        Which variables are correlated.
    places : ndarray, (3, m)
        x, y and time of the points.
    size : int
        How many points there are in all.
    far, late : ndarray
        Classes, from :func:`distance_classes` and :func:`lag_classes`.

    Returns
    -------
    ndarray, (pairs,)
        At most ``size``; NaN where a variable is constant.

    Notes
    -----
    Dutilleul (1993): ``M = 1 + tr(B Sx) tr(B Sy) / tr(B Sx B Sy)``, where ``B`` takes the mean and
    ``S`` are autocorrelation matrices, estimated by class of distance (Clifford, Richardson and
    Hemon 1989). The traces are means over pairs of points times their number, and so may be
    estimated from the pairs of a random sample; the diagonal is that of all.
    """
    from mineeco_xr.kernels.pair_classes import pair_products

    apart = values - values.mean(axis=1, keepdims=True)
    products, partners = pair_products(apart, places, far, late)
    count = partners.sum(axis=0)
    spread = (apart**2).mean(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = 2 * products / np.maximum(count, 1) / spread[:, None]
    points = values.shape[1]
    # Mean autocorrelation of each point with all, itself among them.
    means = (1 + (size - 1) * found @ partners.T / max(points - 1, 1)) / size
    share = count / max(count.sum(), 1)
    sizes = np.full(len(pairs), np.nan)
    for number, (left, right) in enumerate(pairs):
        a, b = means[left], means[right]
        both = 1 + (size - 1) * (share @ (found[left] * found[right]))
        both += size * (a.mean() * b.mean() - 2 * (a * b).mean())
        own = size * (1 - a.mean()) * (1 - b.mean())
        if np.isfinite(both):
            sizes[number] = min(1 + own / both, size) if both > 0 else size
    return sizes
