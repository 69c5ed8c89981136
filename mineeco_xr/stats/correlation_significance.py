"""Which correlations of a scene are significant when their false discovery rate is controlled."""

from __future__ import annotations

import numpy as np
import xarray as xr

from mineeco_xr.chunks import Reduced, pointwise
from mineeco_xr.chunks.reread import reread
from mineeco_xr.stats.false_discovery import LEVELS, discovery_cuts

MEANINGS = "not_significant significant_10 significant_05 significant_01"
SMALLEST_P = 1e-300
"""A smaller one has no finite normal deviate; it would not be counted as a test."""


def significance_of(p: xr.DataArray) -> xr.DataArray:
    """Return codes of significance after Benjamini and Hochberg, over all cells of a raster.

    Parameters
    ----------
    p : xarray.DataArray
        Two-sided probabilities, ``(y, x)``; NaN is no test.

    Returns
    -------
    xarray.DataArray
        uint8: 0 is nodata, 1 not significant, 2, 3 and 4 at a false discovery rate of 0.10, 0.05
        and 0.01. With the attributes of a class map. Lazy when ``p`` is.
    """
    codes = pointwise(_code_block, normal_deviate(reread(p, 3)), shared=cuts_of(p), dtype="uint8")
    return codes.assign_attrs(
        units="1",
        long_name="significance, false discovery rate controlled",
        _FillValue=np.uint8(0),
        flag_values=np.arange(1, len(LEVELS) + 2, dtype="uint8"),
        flag_meanings=MEANINGS,
    )


def cuts_of(p: xr.DataArray) -> Reduced:
    """Return the least deviates that are significant at :data:`LEVELS`, an array (group, level).

    Parameters
    ----------
    p : xarray.DataArray
        Two-sided probabilities; each entry of a dim before ``(y, x)`` is a family of its own.
    """
    return discovery_cuts(normal_deviate(p), normal_deviate(reread(p, 2)), p.ndim > 2)


def normal_deviate(p: xr.DataArray) -> xr.DataArray:
    """Return the standard normal deviate of the same two-sided probability, at least 0."""
    return pointwise(_deviate_block, p, dtype="float64")


def _deviate_block(p: np.ndarray) -> np.ndarray:
    from scipy.special import ndtri

    return -ndtri(np.maximum(p, SMALLEST_P) / 2)


def _code_block(deviate: np.ndarray, *, shared: np.ndarray) -> np.ndarray:
    level = (deviate[..., None] >= shared[0]).sum(axis=-1) + 1
    return np.where(np.isnan(deviate), 0, level).astype("uint8")
