"""Vegetation cover and wetness of the ground, from land cover, terrain, rain and mining."""

from __future__ import annotations

import numpy as np

from mineeco_xr.synthetic.attributes import CLASSES
from mineeco_xr.synthetic.mining import RECOVERY_YEARS

COVER = {
    "cropland": (0.42, 0.38),
    "forest": (0.60, 0.32),
    "grassland": (0.12, 0.70),
    "water": (0.02, 0.0),
    "built_up": (0.12, 0.0),
    "bare": (0.03, 0.12),
    "open_pit": (0.02, 0.0),
    "dump": (0.03, 0.0),
    "restored_dump": (0.12, 0.70),
}
"""Cover of dry ground, and its gain to fully wet ground."""
WETNESS = {
    "cropland": 1.05,
    "forest": 1.0,
    "grassland": 1.0,
    "water": 1.0,
    "built_up": 0.5,
    "bare": 0.75,
    "open_pit": 0.45,
    "dump": 0.45,
    "restored_dump": 0.85,
}
"""How much of the wetness of natural ground a class keeps."""
RESTORED_SHARE = 0.75
"""Cover of a restored dump in the end, as a share of grassland's."""
ALIVE = (1, 2, 3, 9)
"""Classes whose cover varies from patch to patch."""


def by_class(table: dict[str, float]) -> np.ndarray:
    """Return a table indexed by class code, float32, 0 for code 0."""
    return np.array([0.0, *(table[name] for name in CLASSES.values())], dtype="float32")


def vegetation(
    years: np.ndarray,
    rain_anomaly: np.ndarray,
    land_class: np.ndarray,
    restoration_year: np.ndarray,
    moisture: np.ndarray,
    texture: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return vegetation cover and wetness.

    - ``w = k_class (0.10 + 0.75 m + 0.02 a)``, within [0.02, 1], with the moisture m and the
      year's rain anomaly a; 1 on water;
    - ``v = c0_class + c1_class w + 0.05 texture``, the last only on living classes;
    - on a restored dump ``v = 0.03 + (0.75 v - 0.03) (1 - exp(-(year - r + 1) / 2))`` with the
      restoration year r: a return that saturates below grassland;
    - ``v`` within [0.01, 0.97].

    Parameters
    ----------
    years, rain_anomaly : numpy.ndarray
        ``(t, 1, 1)``, float32.
    land_class : numpy.ndarray
        ``(t, y, x)``, uint8.
    restoration_year : numpy.ndarray
        ``(y, x)``, uint16.
    moisture, texture : numpy.ndarray
        ``(y, x)``, float32.

    Returns
    -------
    cover, wetness : numpy.ndarray
        ``(t, y, x)``, float32, in [0, 1].
    """
    dry, gain = (by_class({k: v[part] for k, v in COVER.items()}) for part in (0, 1))
    patchy = by_class({name: float(code in ALIVE) for code, name in CLASSES.items()})
    kept = by_class(WETNESS)[land_class]
    wetness = np.clip(kept * (0.10 + 0.75 * moisture + 0.02 * rain_anomaly), 0.02, 1)
    wetness[land_class == 4] = 1
    cover = dry[land_class] + gain[land_class] * wetness
    cover += 0.05 * patchy[land_class] * texture
    bare = COVER["dump"][0]
    grown = 1 - np.exp(-np.maximum(years - restoration_year + 1, 0) / RECOVERY_YEARS)
    recovering = bare + (RESTORED_SHARE * cover - bare) * grown.astype("float32")
    cover = np.where(land_class == 9, recovering, cover)
    return np.clip(cover, 0.01, 0.97), wetness
