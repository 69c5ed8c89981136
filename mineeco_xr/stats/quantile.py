"""Exact medians of zones by counting digits, so that only counts are held in memory.

The values become unsigned integers of the same order. Each pass over the data counts the next digit
of those that begin with the digits found so far, which fixes one more digit of the two middle
values of every zone and date.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks import Reduced, reduce_blocks
from mineeco_xr.chunks.reread import reread

COUNT_BYTES = 64 * 2**20
"""What the counts of one pass may weigh: fewer bits a digit when there are many zones."""

State = dict[str, Any]
Counts = tuple[np.ndarray, np.ndarray]


def first_state(ids: list[np.ndarray], dtype: np.dtype, times: int) -> State:
    """Return what is known before the first pass.

    Parameters
    ----------
    ids : list of ndarray
        Zones of each layer, sorted.
    dtype : dtype
        Of the data.
    times : int
        Dates of the data.

    Returns
    -------
    dict
        Digits found (``prefixes``) and ranks left, by layer; the widths of the digits to come.
    """
    series = times * sum(found.size for found in ids)
    width = 32 if dtype == np.float32 else 64
    return {
        "ids": ids,
        "prefixes": [np.zeros((2, times, found.size), dtype=np.uint64) for found in ids],
        "ranks": [None for _ in ids],
        "digits": _digit_widths(width, series),
        "shift": width,
    }


def _digit_widths(width: int, series: int) -> list[int]:
    affordable = max(2, int(np.log2(COUNT_BYTES / (2 * 8 * max(series, 1)))))
    bits = min(16, affordable)
    passes = -(-width // bits)
    return [width // passes + (1 if i < width % passes else 0) for i in range(passes)]


def remaining_passes(
    data: xr.DataArray, zones: list[xr.DataArray], passed: Reduced, first: State, nodata: float
) -> Reduced:
    """Run the passes after the first one, which went along with the other statistics.

    Parameters
    ----------
    data : xarray.DataArray
        Dims ``(y, x)`` or ``(time, y, x)``.
    zones : list of xarray.DataArray
        A raster a layer.
    passed : Reduced
        Result of the first pass, the state under ``"median"``.
    first : dict
        From :func:`first_state`, for the number of passes.
    nodata : float
        Nodata value of integers; NaN for none.

    Returns
    -------
    Reduced
        The last state, under ``"median"``.
    """
    for number in range(1, len(first["digits"])):
        passed = reduce_blocks(
            _partial_counts,
            _merge_layers,
            reread(data, ("median", number)),
            *(reread(raster, ("median", number)) for raster in zones),
            finish=_finish_counts,
            shared=passed,
            parameters={"nodata": nodata},
        )
    return passed


def _partial_counts(
    values: np.ndarray, *zones: np.ndarray, shared: dict[str, Any], nodata: float
) -> list[Counts]:
    from mineeco_xr.kernels import zonal as kernels

    cube = values.reshape(-1, *values.shape[-2:])
    state = shared["median"]
    counts = []
    for number, (raster, ids) in enumerate(zip(zones, state["ids"], strict=True)):
        index, present = kernels.locate_zones(raster.reshape(cube.shape[-2:]), ids)
        counts.append(block_counts(cube, index, present, state, number, nodata))
    return counts


def block_counts(
    cube: np.ndarray,
    index: np.ndarray,
    present: np.ndarray,
    state: State,
    number: int,
    nodata: float,
) -> Counts:
    """Count the next digit in a block.

    Parameters
    ----------
    cube : ndarray, (t, h, w)
        Values.
    index, present : ndarray
        From ``locate_zones``.
    state : dict
        What is known so far.
    number : int
        Of the layer.
    nodata : float
        Nodata value of integers; NaN for none.

    Returns
    -------
    tuple of ndarray
        The zones present and their counts.
    """
    from mineeco_xr.kernels import zonal as kernels

    bits = state["digits"][0]
    valid = ~(np.isnan(cube) | (cube == nodata)) if cube.dtype.kind == "f" else cube != nodata
    counts = kernels.digit_counts(
        kernels.ordered_keys(cube),
        valid,
        index,
        np.ascontiguousarray(state["prefixes"][number][:, :, present]),
        state["shift"] - bits,
        bits,
    )
    return present, counts


def _merge_layers(parts: list[list[Counts]]) -> list[Counts]:
    return [merge_counts(list(layer)) for layer in zip(*parts, strict=True)]


def merge_counts(parts: list[Counts]) -> Counts:
    """Add up the counts of blocks that hold different zones."""
    present = np.unique(np.concatenate([part[0] for part in parts]))
    first = parts[0][1]
    merged = np.zeros((*first.shape[:2], present.size, first.shape[3]), dtype=np.int64)
    for own, counts in parts:
        merged[:, :, np.searchsorted(present, own)] += counts
    return present, merged


def _finish_counts(merged: list[Counts], shared: dict[str, Any]) -> dict[str, Any]:
    return {"median": next_state(merged, shared["median"])}


def next_state(merged: list[Counts], state: State) -> State:
    """Fix one more digit of the middle values of every layer."""
    bits = state["digits"][0]
    found = [_next_digit(counts, state, number) for number, counts in enumerate(merged)]
    return {
        "ids": state["ids"],
        "prefixes": [prefixes for prefixes, _ in found],
        "ranks": [ranks for _, ranks in found],
        "empty": state.get("empty", [ranks[0] < 0 for _, ranks in found]),
        "digits": state["digits"][1:],
        "shift": state["shift"] - bits,
    }


def _next_digit(merged: Counts, state: State, number: int) -> tuple[np.ndarray, np.ndarray]:
    present, sparse = merged
    bits, ids = state["digits"][0], state["ids"][number]
    counts = np.zeros((*sparse.shape[:2], ids.size, sparse.shape[3]), dtype=np.int64)
    counts[:, :, present] = sparse
    ranks, prefixes = state["ranks"][number], state["prefixes"][number]
    if ranks is None:
        ranks = ranks_beside(counts[0].sum(axis=-1), *state.get("shares", {}).get(number, (1, 2)))
    upto = counts.cumsum(axis=-1)
    digit = (upto <= ranks[..., None]).sum(axis=-1).clip(max=counts.shape[-1] - 1)
    before = np.take_along_axis(upto - counts, digit[..., None], axis=-1)[..., 0]
    return (prefixes << np.uint64(bits)) | digit.astype(np.uint64), ranks - before


def ranks_beside(total: np.ndarray, part: int, parts: int) -> np.ndarray:
    """Return the ranks of the values below and above a quantile, from 0; negative without values.

    Parameters
    ----------
    total : ndarray of int64
        How many values there are.
    part, parts : int
        The quantile is ``part / parts`` of the way from the least to the largest value.

    Returns
    -------
    ndarray, (2, ...), int64
        Equal where a value stands at the quantile.
    """
    below = (total - 1) * part // parts
    return np.stack([below, below + ((total - 1) * part % parts > 0)])


def middle_values(passed: dict[str, Any], *, number: int, dtype: str) -> np.ndarray:
    """Return the medians of a layer, (times, zones); NaN where a zone has no valid cell."""
    from mineeco_xr.kernels import zonal as kernels

    state = passed["median"]
    low, high = (
        kernels.from_ordered_keys(keys, np.dtype(dtype)) for keys in state["prefixes"][number]
    )
    with np.errstate(invalid="ignore"):
        return np.where(state["empty"][number], np.nan, (low + high) / 2)
