"""The truth that the satellites see: net primary production and evapotranspiration."""

from __future__ import annotations

import numpy as np

LARGEST_NPP = 1350.0
SCANT = 0.3
BEST_WETNESS = 0.62
WETNESS_BREADTH = 0.22
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

    - ``NPP = 1350 f (0.3 + 0.7 exp(-((w - 0.62) / 0.22)^2)) P / (P + 120)
      exp(-((T - 12) / 11)^2)`` gC m-2 yr-1: drought on one side, waterlogging on the other;
    - ``ET = ET0 (0.17 + 0.05 w (1 - v) + f (0.08 + 0.26 s) + 0.40 max(0, 10 w - 9))`` mm yr-1
      with ``s = 1 / (1 + exp((0.45 - w) / 0.07))``: bare ground, stomata that open when it is
      wet enough, and open water;
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
    thrift = SCANT + (1 - SCANT) * np.exp(-(((wetness - BEST_WETNESS) / WETNESS_BREADTH) ** 2))
    warmth = np.exp(-(((temperature - BEST_TEMPERATURE) / TEMPERATURE_BREADTH) ** 2))
    npp = LARGEST_NPP * light * thrift * precipitation / (precipitation + 120) * warmth
    opening = 1 / (1 + np.exp((0.45 - wetness) / np.float32(0.07)))
    open_water = 0.40 * np.maximum(0, 10 * wetness - 9)
    share = 0.17 + 0.05 * wetness * (1 - cover) + light * (0.08 + 0.26 * opening)
    et = reference * (share + open_water)
    return npp, et, npp / et
