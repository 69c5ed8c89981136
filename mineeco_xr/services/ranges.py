"""Checks of pixels that run before a long computation: values within what they can mean."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks import Reduced, reduce_blocks
from mineeco_xr.cube.nodata import code_in, fill_value_of
from mineeco_xr.errors import ParameterError


def require_range(
    data: xr.DataArray, low: float, high: float = np.inf, *, name: str, remedy: str
) -> Reduced:
    """Check that all values of a raster lie in a range, lazily.

    Parameters
    ----------
    data : xarray.DataArray
        Numbers; NaN, or ``_FillValue``, is nodata.
    low, high : float
        Both allowed, but infinity is none of the values.
    name : str
        Of the raster, for the message.
    remedy : str
        Last sentence of the message.

    Returns
    -------
    Reduced
        For ``Reduced.after``: a pass over the raster that is computed before any block.

    Raises
    ------
    ParameterError
        When computed, if a value is out of the range: with the count of such cells.
    """
    return reduce_blocks(
        _outside,
        _merge,
        data,
        finish=_refuse,
        shared=(low, high, name, remedy, fill_value_of(data)),
    )


Outside = tuple[int, float, float]


def _outside(block: np.ndarray, *, shared: Any) -> Outside:
    low, high, _, _, fill = shared
    if block.dtype.kind == "f":
        # Infinity is no number that a layer can mean, even where there is no highest one.
        high = min(high, np.finfo(block.dtype).max)
    bad = (block < low) | (block > high)
    code = None if fill is None else code_in(fill, block.dtype)
    if code is not None:
        bad &= block != code
    count = int(np.count_nonzero(bad))
    if not count:
        return 0, np.inf, -np.inf
    found = block[bad]
    return count, float(found.min()), float(found.max())


def _merge(parts: list[Outside]) -> Outside:
    counts, lows, highs = zip(*parts, strict=True)
    return sum(counts), min(lows), max(highs)


def _refuse(found: Outside, shared: Any) -> None:
    low, high, name, remedy, _ = shared
    if found[0]:
        allowed = f"{low:g} or more" if np.isinf(high) else f"{low:g} to {high:g}"
        raise ParameterError(
            f"{name} has {found[0]} cells between {found[1]:g} and {found[2]:g} that are out of "
            f"range; expected {allowed}. {remedy}"
        )
