"""Align: arrays on one grid get one set of coordinates, or an error."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

TOLERANCE = 1e-6
"""Coordinates that differ by less than this share of a step are one."""


def aligned(arrays: tuple[xr.DataArray, ...]) -> tuple[xr.DataArray, ...]:
    """Return arrays with equal coordinates.

    Parameters
    ----------
    arrays : tuple of xarray.DataArray
        Coordinates along ``y`` and ``x`` may differ by rounding: the first one's are taken.

    Returns
    -------
    tuple of xarray.DataArray
        The same values.

    Raises
    ------
    xarray.AlignmentError
        If coordinates differ by more, or sizes do.
    """
    reference: dict[Any, xr.DataArray] = {}
    snapped = []
    for array in arrays:
        nearly = {}
        for dim in ("y", "x"):
            if dim not in array.indexes:
                continue
            first = reference.setdefault(dim, array[dim])
            if _nearly_equal(first.values, array[dim].values):
                nearly[dim] = first
        snapped.append(array.assign_coords(nearly) if nearly else array)
    return tuple(xr.align(*snapped, join="exact", copy=False))


def _nearly_equal(first: np.ndarray, second: np.ndarray) -> bool:
    if first.shape != second.shape or np.array_equal(first, second):
        return False
    step = np.abs(np.diff(first)).min() if first.size > 1 else 1.0
    return bool(np.abs(first - second).max() <= TOLERANCE * step)
