"""The truth that the satellites see: net primary production and evapotranspiration."""

from __future__ import annotations

import numpy as np

LARGEST_NPP = 1500.0
BEST_TEMPERATURE = 12.0
TEMPERATURE_BREADTH = 11.0


def absorbed(cover: np.ndarray) -> np.ndarray:
    """Return the share of light that vegetation absorbs, ``1 - exp(-2.2 v)``."""
    return 1 - np.exp(np.float32(-2.2) * cover)


def productivity(
    cover: np.ndarray,
    wetness: np.ndarray,
    precipitation: np.ndarray,
    temperature: np.ndarray,
    reference: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return NPP, ET and WUE.

    With the absorbed light ``f = 1 - exp(-2.2 v)``, cover v and wetness w:

    - ``NPP = 1500 f w^2 / (w^2 + 0.09) P / (P + 120) exp(-((T - 12) / 11)^2)`` gC m-2 yr-1;
    - ``ET = ET0 (0.16 + 0.06 w (1 - v) + 0.42 f (0.2 + 0.8 w) + 0.40 max(0, 10 w - 9))``
      mm yr-1, whose last term is open water;
    - ``WUE = NPP / ET`` gC m-2 mm-1.

    Parameters
    ----------
    cover, wetness, precipitation, temperature, reference : numpy.ndarray
        ``(t, y, x)``, float32.

    Returns
    -------
    tuple of numpy.ndarray
        Each ``(t, y, x)``, float32.
    """
    light = absorbed(cover)
    water = wetness**2 / (wetness**2 + np.float32(0.09))
    warmth = np.exp(-(((temperature - BEST_TEMPERATURE) / TEMPERATURE_BREADTH) ** 2))
    npp = LARGEST_NPP * light * water * precipitation / (precipitation + 120) * warmth
    open_water = 0.40 * np.maximum(0, 10 * wetness - 9)
    share = 0.16 + 0.06 * wetness * (1 - cover) + 0.42 * light * (0.2 + 0.8 * wetness)
    et = reference * (share + open_water)
    return npp, et, npp / et
