"""Decay of a threat with distance: the weights, and their sum around every threatened cell.

The weights are those of InVEST's habitat quality: ``1 - d/m`` (linear) and ``exp(-2.99 d/m)``
(exponential) up to the distance ``m``, which the exponential one reaches at 0.05, and
``exp(-d/m)`` up to ``5 m``, the exponential one of InVEST 3.3 to 3.12.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numba import njit

from mineeco_xr.errors import ParameterError
from mineeco_xr.kernels.convolve import SymmetricKernel, convolve

RATES = {"linear": None, "exponential": 2.99, "legacy_exponential": 1.0}
"""Of the exponential, a maximum distance."""

REACHES = {"linear": 1.0, "exponential": 1.0, "legacy_exponential": 5.0}
"""Where the weight ends, in maximum distances."""

ROUNDING = 1e-9
"""A centre that lies at the reach counts, whatever the rounding of its distance."""

LARGEST_INTENSITY = 1e20
"""Larger ones might overflow float32 in a transform, whose sums grow with cells times weights."""


def weights(distance: np.ndarray, kind: str, max_distance: float) -> np.ndarray:
    """Return what is left of a threat at a distance.

    Parameters
    ----------
    distance : ndarray
        In metres; infinity gives 0 and NaN stays.
    kind : str
        ``"linear"``, ``"exponential"`` or ``"legacy_exponential"``.
    max_distance : float
        In metres.

    Returns
    -------
    ndarray
        1 at no distance, 0 beyond the reach, float64.
    """
    share = np.asarray(distance, dtype=np.float64) / max_distance
    rate = RATES[kind]
    near = np.maximum(1.0 - share, 0.0) if rate is None else np.exp(-rate * share)
    return np.where(share > REACHES[kind] * (1.0 + ROUNDING), 0.0, near)


def radii(kind: str, max_distance: float, step: tuple[float, float]) -> tuple[int, int]:
    """Return how many cells the weights reach, in rows and columns.

    Parameters
    ----------
    kind : str
        As in :func:`weights`.
    max_distance : float
        In metres.
    step : tuple of float
        Height and width of a cell, metres.

    Returns
    -------
    tuple of int
        Cells whose centres lie within the reach.
    """
    reach = max_distance * REACHES[kind] * (1.0 + ROUNDING)
    return math.floor(reach / step[0]), math.floor(reach / step[1])


@lru_cache(maxsize=8)
def decay_kernel(
    kind: str,
    max_distance: float,
    step: tuple[float, float],
    radius: tuple[int, int],
    normalised: bool,
) -> SymmetricKernel:
    """Return the weights around a cell.

    Parameters
    ----------
    kind : str
        As in :func:`weights`.
    max_distance : float
        In metres.
    step : tuple of float
        Height and width of a cell, metres.
    radius : tuple of int
        Rows and columns to keep: no more than the raster has need of.
    normalised : bool
        Divide by the sum of all weights, those beyond ``radius`` too.

    Returns
    -------
    SymmetricKernel
        Kept in memory for the next block.
    """
    across = np.arange(radius[1] + 1) * step[1]
    down = np.arange(radius[0] + 1)[:, None] * step[0]
    quarter = weights(np.hypot(down, across), kind, max_distance)
    if normalised:
        quarter /= _kernel_sum(kind, max_distance, step)
    return SymmetricKernel((kind, max_distance, step, radius, normalised), quarter)


@lru_cache(maxsize=64)
def _kernel_sum(kind: str, max_distance: float, step: tuple[float, float]) -> float:
    """Add up all weights, row by row: the whole kernel may be larger than memory."""
    rows, columns = radii(kind, max_distance, step)
    across = np.arange(columns + 1) * step[1]
    lines = []
    for i in range(rows + 1):
        line = weights(np.hypot(i * step[0], across), kind, max_distance)
        lines.append((2.0 * line.sum() - line[0]) * (1.0 if i == 0 else 2.0))
    return math.fsum(lines)


def accumulate(window: np.ndarray, kernel: SymmetricKernel, *, label: str) -> np.ndarray:
    """Sum the decayed threats of all cells around each cell of a window's inside.

    Parameters
    ----------
    window : ndarray, (..., h, w), float32
        Intensities, with margins as wide as the kernel; NaN is nodata: it threatens nothing, and
        stays nodata.
    kernel : SymmetricKernel
        As :func:`decay_kernel` gives it.
    label : str
        Of the threat, for messages.

    Returns
    -------
    ndarray, (..., h - 2 r, w - 2 s), float32
        At least 0, or NaN.

    Raises
    ------
    ParameterError
        If an intensity is negative, infinite or above ``LARGEST_INTENSITY``.
    """
    require_intensity(window, label)
    r, s = kernel.radii
    inside = window[..., r : window.shape[-2] - r, s : window.shape[-1] - s]
    layers = window.reshape(-1, *window.shape[-2:])
    out = convolve(layers, kernel).reshape(inside.shape)
    out[np.isnan(inside)] = np.nan
    return out


def require_intensity(values: np.ndarray, label: str) -> None:
    """Refuse intensities that no sum can take.

    Parameters
    ----------
    values : ndarray, float32
        NaN is nodata.
    label : str
        Of the threat, for the message.

    Raises
    ------
    ParameterError
        If a value is negative, infinite or above ``LARGEST_INTENSITY``.
    """
    if _any_bad(np.ascontiguousarray(values).reshape(-1)):
        raise ParameterError(
            f"{label} holds a negative or infinite intensity, or one above {LARGEST_INTENSITY:g}, "
            "as a nodata code that is not declared may be; expected 0 to 1, or any number between "
            "these. Mask it with .where(...) or clip it first."
        )


@njit(nogil=True, cache=True)
def _any_bad(values):  # type: ignore[no-untyped-def]
    bad = 0
    for k in range(values.size):
        bad += (values[k] < 0) | (values[k] > LARGEST_INTENSITY)
    return bad > 0
