"""Elevation: blocks of heights as the kernels want them."""

from __future__ import annotations

import numpy as np


def finite(window: np.ndarray) -> np.ndarray:
    """Return elevations as float64, so that kernels have one type, with NaN for infinities."""
    z = window.astype("float64")
    infinite = np.isinf(z)
    if infinite.any():
        z[infinite] = np.nan
    return z
