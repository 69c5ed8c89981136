"""Exact medians of zones by counting digits, so that only counts are held in memory."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks import reduce_blocks

COUNT_BYTES = 64 * 2**20
"""What the counts of one pass may weigh: fewer bits a digit when there are many zones."""


def zone_medians(
    data: xr.DataArray, zones: xr.DataArray, ids: np.ndarray, nodata: float, times: int
) -> Any:
    """Return the median of each time and zone.

    The values become unsigned integers of the same order. Each pass counts the next digit of those
    that begin with the digits found so far, which fixes one more digit of the two middle values.

    Parameters
    ----------
    data : xarray.DataArray
        Dims ``(y, x)`` or ``(time, y, x)``.
    zones : xarray.DataArray
        Integers, dims ``(y, x)``.
    ids : ndarray of int64
        The zones, sorted.
    nodata : float
        Nodata value of integers; NaN for none.
    times : int
        Length of the leading dim.

    Returns
    -------
    dask.array.Array
        ``(times, zones)``, float64; NaN where a zone has no valid cell.
    """
    width = _key_bits(data.dtype)
    digits = _digit_widths(width, times * ids.size)
    state: Any = {"ids": ids, "prefixes": None, "ranks": None, "shift": width}
    for number, bits in enumerate(digits):
        state = reduce_blocks(
            _partial_counts,
            _merge_counts,
            _again(data, number),
            _again(zones, number),
            finish=_next_state,
            shared=state,
            parameters={"nodata": nodata, "bits": bits},
        )
    values = partial(_middle_values, dtype=str(data.dtype))
    return state.to_array(values, (times, ids.size), "float64")


def _key_bits(dtype: np.dtype) -> int:
    return 32 if dtype == np.float32 else 64


def _digit_widths(width: int, series: int) -> list[int]:
    affordable = max(2, int(np.log2(COUNT_BYTES / (2 * 8 * max(series, 1)))))
    bits = min(12, affordable)
    passes = -(-width // bits)
    return [width // passes + (1 if i < width % passes else 0) for i in range(passes)]


def _again(array: xr.DataArray, number: int) -> xr.DataArray:
    """Give the passes keys of their own: shared ones would keep the whole raster until the last."""
    from dask.graph_manipulation import clone

    if array.chunks is None or number == 0:
        return array
    return array.copy(data=clone(array.data, seed=("median", number)))


Counts = tuple[np.ndarray, np.ndarray, int]


def _partial_counts(
    values: np.ndarray, zones: np.ndarray, *, shared: dict[str, Any], nodata: float, bits: int
) -> Counts:
    from mineeco_xr.kernels import zonal as kernels

    cube = values.reshape(-1, *values.shape[-2:])
    index, present = kernels.locate_zones(zones.reshape(values.shape[-2:]), shared["ids"])
    prefixes = shared["prefixes"]
    if prefixes is None:
        prefixes = np.zeros((2, cube.shape[0], shared["ids"].size), dtype=np.uint64)
    valid = ~(np.isnan(cube) | (cube == nodata)) if cube.dtype.kind == "f" else cube != nodata
    counts = kernels.digit_counts(
        kernels.ordered_keys(cube),
        valid,
        index,
        np.ascontiguousarray(prefixes[:, :, present]),
        shared["shift"] - bits,
        bits,
    )
    return present, counts, bits


def _merge_counts(parts: list[Counts]) -> Counts:
    present = np.unique(np.concatenate([part[0] for part in parts]))
    first = parts[0][1]
    merged = np.zeros((*first.shape[:2], present.size, first.shape[3]), dtype=np.int64)
    for own, counts, _ in parts:
        merged[:, :, np.searchsorted(present, own)] += counts
    return present, merged, parts[0][2]


def _next_state(merged: Counts, state: dict[str, Any]) -> dict[str, Any]:
    present, sparse, bits = merged
    ids = state["ids"]
    counts = np.zeros((*sparse.shape[:2], ids.size, sparse.shape[3]), dtype=np.int64)
    counts[:, :, present] = sparse
    ranks, prefixes = state["ranks"], state["prefixes"]
    if ranks is None:
        total = counts[0].sum(axis=-1)
        ranks = np.stack([(total - 1) // 2, total // 2])
        prefixes = np.zeros(ranks.shape, dtype=np.uint64)
    upto = counts.cumsum(axis=-1)
    digit = (upto <= ranks[..., None]).sum(axis=-1).clip(max=counts.shape[-1] - 1)
    at = np.take_along_axis(upto - counts, digit[..., None], axis=-1)[..., 0]
    return {
        "ids": ids,
        "prefixes": (prefixes << np.uint64(bits)) | digit.astype(np.uint64),
        "ranks": ranks - at,
        "shift": state["shift"] - bits,
        "empty": state.get("empty", ranks[0] < 0),
    }


def _middle_values(state: dict[str, Any], *, dtype: str) -> np.ndarray:
    from mineeco_xr.kernels import zonal as kernels

    low, high = (kernels.from_ordered_keys(keys, np.dtype(dtype)) for keys in state["prefixes"])
    with np.errstate(invalid="ignore"):
        return np.where(state["empty"], np.nan, (low + high) / 2)
