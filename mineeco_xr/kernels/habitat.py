"""Habitat degradation and quality of a block, cell by cell.

``D = sum_r i_r S_r w_r beta`` and ``Q = H (1 - D^z / (D^z + k^z))``, with ``i`` what is felt of a
threat, ``S`` the sensitivity to it, ``w`` its share of all weights, ``beta`` the access and ``H``
the suitability: equations 1 to 3 of Xu et al. (2023, Land 12:933) and of InVEST.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

NONE = np.empty((0, 0), dtype=np.float32)
"""Stands for a raster that there is none of."""

NO_NUMBERS = np.full(1, np.nan, dtype=np.float32)
"""Stands for the numbers of classes where a raster is in their place."""


class Values(NamedTuple):
    """A parameter of the cells of a block: numbers by class, or a raster.

    Attributes
    ----------
    numbers : ndarray of float32, (n,)
        At the place of each class; NaN for nodata.
    raster : ndarray of float32, (h, w)
        In their place, unless it is ``NONE``.
    """

    numbers: np.ndarray
    raster: np.ndarray = NONE


def add_degradation(
    places: np.ndarray,
    felt: np.ndarray,
    sensitivity: Values,
    weight: float,
    access: np.ndarray,
    total: np.ndarray,
    own: np.ndarray = NONE,
) -> None:
    """Add the degradation by one threat to that by all.

    Parameters
    ----------
    places : ndarray of uint16 or int32, (h, w)
        Where the numbers of each cell's class stand.
    felt : ndarray of float32, (h, w)
        What is felt of the threat.
    sensitivity : Values
        To this threat.
    weight : float
        Its share of all weights.
    access : ndarray of float32, (h, w)
        1 where the threat is free to act; NaN is 1, and so is ``NONE`` everywhere.
    total : ndarray of float32, (h, w)
        Added to.
    own : ndarray of float32, (h, w)
        Set to the degradation by this threat, unless it is ``NONE``.
    """
    _add(places, felt, sensitivity.numbers, sensitivity.raster, weight, access, total, own)


def habitat_quality(
    places: np.ndarray,
    degradation: np.ndarray,
    suitability: Values,
    half_saturation: float,
    scaling: float,
    out: np.ndarray,
) -> None:
    """Turn degradation into quality.

    Parameters
    ----------
    places : ndarray of uint16 or int32, (h, w)
        Where the numbers of each cell's class stand.
    degradation : ndarray of float32, (h, w)
        By all threats.
    suitability : Values
        As a habitat.
    half_saturation : float
        Degradation that halves the quality. 0, when nothing is degraded, leaves it whole.
    scaling : float
        The exponent ``z``.
    out : ndarray of float32, (h, w)
        Set to the quality.
    """
    half = math.pow(half_saturation, scaling)
    _quality(places, degradation, suitability.numbers, suitability.raster, half, scaling, out)


@njit(nogil=True, cache=True)
def _add(places, felt, numbers, raster, weight, access, total, own):  # type: ignore[no-untyped-def]
    by_class, free, kept = raster.size == 0, access.size == 0, own.size > 0
    rows, columns = places.shape
    for i in range(rows):
        for j in range(columns):
            sensitivity = numbers[places[i, j]] if by_class else raster[i, j]
            part = weight * sensitivity * felt[i, j]
            if not free and not math.isnan(access[i, j]):
                part *= access[i, j]
            total[i, j] += part
            if kept:
                own[i, j] = part


@njit(nogil=True, cache=True)
def _quality(places, degradation, numbers, raster, half, scaling, out):  # type: ignore[no-untyped-def]
    by_class, usual = raster.size == 0, scaling == 2.5
    rows, columns = places.shape
    for i in range(rows):
        for j in range(columns):
            suitability = numbers[places[i, j]] if by_class else raster[i, j]
            d = np.float64(degradation[i, j])
            power = d * d * math.sqrt(d) if usual else math.pow(d, scaling)
            lost = power / (power + half) if power != 0.0 else 0.0
            out[i, j] = suitability * (1.0 - lost)
