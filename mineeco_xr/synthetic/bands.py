"""What Landsat sees: reflectance by mixing spectra, land surface temperature, and clouds."""

from __future__ import annotations

import numpy as np

from mineeco_xr.kernels.hash import stream_key, triangular_cells
from mineeco_xr.synthetic.attributes import BANDS, CLASSES
from mineeco_xr.synthetic.clouds import cloudy

VEGETATION = (0.025, 0.060, 0.035, 0.460, 0.190, 0.080)
SOIL = (0.110, 0.150, 0.200, 0.270, 0.340, 0.290)
BACKGROUND = {
    "cropland": SOIL,
    "forest": SOIL,
    "grassland": SOIL,
    "water": (0.060, 0.070, 0.050, 0.025, 0.012, 0.008),
    "built_up": (0.130, 0.150, 0.170, 0.210, 0.240, 0.230),
    "bare": (0.150, 0.200, 0.255, 0.330, 0.400, 0.360),
    "open_pit": (0.050, 0.055, 0.062, 0.080, 0.110, 0.110),
    "dump": (0.140, 0.180, 0.230, 0.290, 0.350, 0.320),
    "restored_dump": (0.120, 0.160, 0.210, 0.280, 0.345, 0.305),
}
"""Reflectance of dry ground without vegetation, by class."""
NOISE = 0.008
HEAT_NOISE = 0.8
"""Half widths of the triangular noise of the bands (1) and of the thermal band (K)."""


def observe(
    years: np.ndarray,
    row_numbers: np.ndarray,
    column_numbers: np.ndarray,
    land_class: np.ndarray,
    cover: np.ndarray,
    wetness: np.ndarray,
    temperature: np.ndarray,
    clay: np.ndarray,
    *,
    seed: int,
    gaps: float,
) -> tuple[np.ndarray, ...]:
    """Return the six reflective bands and the surface temperature, NaN under clouds.

    - ``rho = v rho_green + (1 - v) rho_class (1 - 0.3 w) (1 + 0.1 clay) + noise``, within
      [0.0005, 1]; on water without the factors of wetness and clay;
    - ``LST = wet + (1 - w) (27 - 19 v) + noise`` K with ``wet = 273.15 + T + 19``: a triangle
      of cover and temperature whose dry edge has w = 0.

    Parameters
    ----------
    years : numpy.ndarray
        ``(t, 1, 1)``.
    row_numbers, column_numbers : numpy.ndarray
        ``(y, 1)`` and ``(x,)``, places in the whole grid.
    land_class : numpy.ndarray
        ``(t, y, x)``, uint8.
    cover, wetness, temperature : numpy.ndarray
        ``(t, y, x)``, float32.
    clay : numpy.ndarray
        ``(y, x)``, float32, the clay noise.
    seed : int
        The user's seed.
    gaps : float
        Share of cells under clouds.

    Returns
    -------
    tuple of numpy.ndarray
        Seven of ``(t, y, x)``, float32: ``BANDS``, then K.
    """
    rows = slice(int(row_numbers.flat[0]), int(row_numbers.flat[-1]) + 1)
    columns = slice(int(column_numbers.flat[0]), int(column_numbers.flat[-1]) + 1)
    bands = tuple(np.empty(cover.shape, dtype="float32") for _ in range(len(BANDS) + 1))
    for t, year in enumerate(years.ravel().astype(int)):
        ground = _brightness(land_class[t], wetness[t], clay)
        reflectances = _mixed(land_class[t], cover[t], ground)
        heat = 273.15 + temperature[t] + 19 + (1 - wetness[t]) * (27 - 19 * cover[t])
        hidden = cloudy(year, rows, columns, seed=seed, share=gaps)
        for number, values in enumerate([*reflectances, heat]):
            key = stream_key(seed, "sensor", year, number)
            noise = triangular_cells(key, rows, columns)
            if number < len(BANDS):
                values = np.clip(values + np.float32(NOISE) * noise, 0.0005, 1)
            else:
                values = values + np.float32(HEAT_NOISE) * noise
            bands[number][t] = np.where(hidden, np.float32(np.nan), values)
    return bands


def _brightness(land_class: np.ndarray, wetness: np.ndarray, clay: np.ndarray) -> np.ndarray:
    bright = (1 - 0.3 * wetness) * (1 + 0.1 * clay)
    return np.where(land_class == 4, np.float32(1), bright)


def _mixed(land_class: np.ndarray, cover: np.ndarray, ground: np.ndarray) -> list[np.ndarray]:
    table = np.array([(0.0,) * len(BANDS), *(BACKGROUND[name] for name in CLASSES.values())])
    table = table.astype("float32")
    return [
        cover * np.float32(VEGETATION[band]) + (1 - cover) * table[land_class, band] * ground
        for band in range(len(BANDS))
    ]
