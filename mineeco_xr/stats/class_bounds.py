"""Upper bounds of classes of equal width, equal count and equal steps of standard deviations."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks import Reduced, reduce_blocks
from mineeco_xr.chunks.reread import reread
from mineeco_xr.stats.quantile import first_state, merge_counts, next_state
from mineeco_xr.stats.scene import extremes, groups_of, location_and_spread, moments_of, small_array


def equal_interval(scene: xr.DataArray, k: int, by: str | None) -> xr.DataArray:
    """Return bounds that cut the range into equal parts, dims ``(class, by)``."""
    pick = partial(_equal_parts, k=k)
    return small_array(moments_of(scene, by), pick, scene, by, dim="class", size=k)


def _equal_parts(moments: np.ndarray, *, k: int) -> np.ndarray:
    low, high = np.split(extremes(moments), 2, axis=1)
    bounds = low + (high - low) * np.arange(1, k + 1) / k
    bounds[:, -1] = high[:, 0]
    return bounds


def standard_deviation(scene: xr.DataArray, k: int, by: str | None) -> xr.DataArray:
    """Return bounds one standard deviation apart, symmetric about the mean."""
    pick = partial(_steps_about_mean, k=k)
    return small_array(moments_of(scene, by), pick, scene, by, dim="class", size=k)


def _steps_about_mean(moments: np.ndarray, *, k: int) -> np.ndarray:
    _, mean, spread, _ = np.split(location_and_spread(moments), 4, axis=1)
    bounds = mean + spread * (np.arange(1, k + 1) - k / 2)
    bounds[:, -1] = np.maximum(bounds[:, -2], extremes(moments)[:, 1])
    return bounds


def quantiles(scene: xr.DataArray, k: int, by: str | None) -> tuple[xr.DataArray, int]:
    """Return the quantiles 1/k, 2/k, ..., 1, interpolated between neighbours in rank, and passes.

    Each pass over the data fixes one more digit of the two values beside every quantile
    (:mod:`mineeco_xr.stats.quantile`), so that they are exact.
    """
    groups = 1 if by is None else scene.sizes[by]
    only = [np.array([1], dtype=np.int64)] * k
    shares = {number: (number + 1, k) for number in range(k)}
    state: Any = {**first_state(only, scene.dtype, groups), "shares": shares}
    grouped = by is not None
    found: Reduced | None = None
    for number in range(len(state["digits"])):
        found = reduce_blocks(
            _partial_digits,
            _merge_digits,
            reread(scene, number),
            finish=_finish_digits,
            shared=state if found is None else found,
            parameters={"grouped": grouped},
        )
    assert found is not None
    pick = partial(_between, k=k, dtype=str(scene.dtype))
    bounds = small_array(found, pick, scene, by, dim="class", size=k)
    return bounds, len(state["digits"])


def _partial_digits(block: np.ndarray, *, shared: Any, grouped: bool) -> list[Any]:
    from mineeco_xr.kernels import zonal as kernels

    cube = groups_of(block, grouped)[:, None, :]
    keys, valid = kernels.ordered_keys(cube), np.isfinite(cube)
    index = np.zeros(cube.shape[1:], dtype=np.int32)
    bits = shared["digits"][0]
    counts: list[Any] = []
    present = np.zeros(1, dtype=np.int64)
    for number, prefixes in enumerate(shared["prefixes"]):
        if number and shared["ranks"][number] is None:
            counts.append(counts[0])  # no digit is known: every quantile counts the same
            continue
        digits = kernels.digit_counts(keys, valid, index, prefixes, shared["shift"] - bits, bits)
        counts.append((present, digits))
    return counts


def _merge_digits(parts: list[list[Any]]) -> list[Any]:
    return [merge_counts(list(layer)) for layer in zip(*parts, strict=True)]


def _finish_digits(merged: list[Any], shared: Any) -> Any:
    total = shared.get("total")
    if total is None:
        total = merged[0][1][0, :, 0].sum(axis=-1)
    return {**next_state(merged, shared), "total": total}


def _between(state: Any, *, k: int, dtype: str) -> np.ndarray:
    from mineeco_xr.kernels import zonal as kernels

    bounds = np.full((state["total"].size, k), np.nan)
    some = state["total"] > 0
    for number, keys in enumerate(state["prefixes"]):
        low, high = kernels.from_ordered_keys(keys[:, some, 0], np.dtype(dtype))
        share = (state["total"][some] - 1) * (number + 1) % k / k
        bounds[some, number] = low + (high - low) * share
    return bounds
