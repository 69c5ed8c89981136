"""False discovery rate at scale: the cut of Benjamini and Hochberg by counting.

With ``m`` tests, the cut of level ``a`` is the largest ``p`` of rank ``r`` with ``p <= a r / m``.
Counts of ``|z|`` in narrow bins give the rank at each bin's end, which settles all bins but the few
in which the line ``a r / m`` crosses the sorted ``p``; the values of those are collected.
"""

from __future__ import annotations

from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from mineeco_xr.chunks import Reduced, reduce_blocks
from mineeco_xr.stats.scene import groups_of

LEVELS = (0.10, 0.05, 0.01)
"""Two-sided levels of confidence bins: 90, 95 and 99 %."""
CRITICAL = tuple(NormalDist().inv_cdf(1 - level / 2) for level in LEVELS)
BINS, BINS_PER_UNIT = 65536, 2048
MOST_COLLECTED = 1 << 20
"""Values that are collected at most; bins that hold more stay undecided, on the safe side."""


class Tail(NamedTuple):
    """How many tests there are, and the bins of those beyond the widest level."""

    tests: int
    bins: np.ndarray
    counts: np.ndarray
    low: np.ndarray
    high: np.ndarray


def two_sided(z: np.ndarray) -> np.ndarray:
    """Return the two-sided probability of a standard normal deviate."""
    from scipy.special import erfc

    return erfc(np.abs(z) / np.sqrt(2.0))


def discovery_cuts(first: xr.DataArray, second: xr.DataArray, grouped: bool) -> Reduced:
    """Return the least ``|z|`` that is significant at each of :data:`LEVELS`.

    Parameters
    ----------
    first, second : xarray.DataArray
        The same z scores, for each of the two passes; NaN is no test.
    grouped : bool
        Whether each entry of the first dim is a family of tests of its own.

    Returns
    -------
    Reduced
        An array (groups, levels), infinite where nothing is significant.
    """
    parameters = {"grouped": grouped}
    counted = reduce_blocks(
        _partial_tails, _merge_tails, first, finish=_settle, parameters=parameters
    )
    return reduce_blocks(
        _partial_values,
        _merge_values,
        second,
        finish=_finish_cuts,
        shared=counted,
        parameters=parameters,
    )


def _bins_of(z: np.ndarray) -> np.ndarray:
    return np.minimum((z - CRITICAL[0]) * BINS_PER_UNIT, BINS - 1).astype(np.int64)


def _partial_tails(block: np.ndarray, *, shared: None, grouped: bool) -> list[Tail]:
    return [_tail(row) for row in groups_of(block, grouped)]


def _tail(row: np.ndarray) -> Tail:
    size = np.abs(row)
    far = np.sort(size[size >= CRITICAL[0]])
    index, starts = np.unique(_bins_of(far), return_index=True)
    ends = np.append(starts[1:], far.size)
    tests = int(np.isfinite(row).sum())
    if not far.size:
        return Tail(tests, index, starts, far, far)
    return Tail(tests, index, ends - starts, far[starts], far[ends - 1])


def _merge_tails(parts: list[list[Tail]]) -> list[Tail]:
    merged = []
    for group in zip(*parts, strict=True):
        index = np.unique(np.concatenate([tail.bins for tail in group]))
        counts = np.zeros(index.size, dtype=np.int64)
        low, high = np.full(index.size, np.inf), np.full(index.size, -np.inf)
        for tail in group:
            at = np.searchsorted(index, tail.bins)
            counts[at] += tail.counts
            low[at] = np.minimum(low[at], tail.low)
            high[at] = np.maximum(high[at], tail.high)
        merged.append(Tail(sum(tail.tests for tail in group), index, counts, low, high))
    return merged


def _settle(merged: list[Tail], shared: None) -> list[dict[str, Any]]:
    """Find each level's cut as far as the ends of bins tell, and the bins that could lower it."""
    return [_settle_group(tail) for tail in merged]


def _settle_group(tail: Tail) -> dict[str, Any]:
    rank = tail.counts[::-1].cumsum()[::-1]
    worst, best = two_sided(tail.low), two_sided(tail.high)
    cuts, open_bins = [], []
    for level in LEVELS:
        passed = np.flatnonzero(worst <= level * rank / max(tail.tests, 1))
        lowest = passed[0] if passed.size else tail.bins.size
        cuts.append(tail.low[lowest] if passed.size else np.inf)
        # All but the last of a bin have a smaller p than its worst, and a lower rank.
        maybe = best <= level * (rank - 1) / max(tail.tests, 1)
        maybe[lowest:] = False
        few = tail.counts[maybe].sum() <= MOST_COLLECTED
        open_bins.append(np.flatnonzero(maybe & (tail.counts > 1)) if few else np.zeros(0, int))
    return {"tail": tail, "rank": rank, "cuts": cuts, "open": open_bins}


def _partial_values(block: np.ndarray, *, shared: list[Any], grouped: bool) -> list[np.ndarray]:
    found = []
    for row, state in zip(groups_of(block, grouped), shared, strict=True):
        wanted = state["tail"].bins[np.unique(np.concatenate(state["open"]))]
        size = np.abs(row)
        far = size[size >= CRITICAL[0]] if wanted.size else size[:0]
        found.append(far[np.isin(_bins_of(far), wanted)])
    return found


def _merge_values(parts: list[list[np.ndarray]]) -> list[np.ndarray]:
    return [np.concatenate(group) for group in zip(*parts, strict=True)]


def _finish_cuts(merged: list[np.ndarray], shared: list[dict[str, Any]]) -> np.ndarray:
    cuts = np.array([state["cuts"] for state in shared])
    for own, values, state in zip(cuts, merged, shared, strict=True):
        tail, place_of = state["tail"], _bins_of(values)
        for number, (level, places) in enumerate(zip(LEVELS, state["open"], strict=True)):
            for place in places:
                inside = np.sort(values[place_of == tail.bins[place]])
                rank = state["rank"][place] - np.arange(inside.size)
                passed = inside[two_sided(inside) <= level * rank / tail.tests]
                own[number] = min([own[number], *passed[:1]])
    return cuts
