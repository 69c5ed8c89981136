"""Soil before mining: texture, depth and plant-available water."""

from __future__ import annotations

import numpy as np


def soil(
    clay_noise: np.ndarray, moisture: np.ndarray, relief: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return soil depth, clay, sand and plant-available water.

    - ``clay = 20 + 8 c + 8 (m - 0.5)`` percent, with the clay noise c and the moisture m;
    - ``sand = 62 - 1.2 (clay - 20) - 10 (m - 0.5)`` percent;
    - ``depth = 350 + 700 m + 350 (1 - relief)`` mm;
    - ``available = 0.22 - 0.0018 sand + 0.0010 clay`` (fraction of volume).

    Parameters
    ----------
    clay_noise, moisture, relief : numpy.ndarray
        ``(y, x)``, float32.

    Returns
    -------
    tuple of numpy.ndarray
        Depth (mm), clay and sand (percent), available water (1), float32.
    """
    clay = 20 + 8 * clay_noise + 8 * (moisture - 0.5)
    sand = 62 - 1.2 * (clay - 20) - 10 * (moisture - 0.5)
    depth = 350 + 700 * moisture + 350 * (1 - relief)
    available = 0.22 - 0.0018 * sand + 0.0010 * clay
    return depth, clay, sand, available
