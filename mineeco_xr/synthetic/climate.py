"""Yearly rain, temperature and reference evapotranspiration."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mineeco_xr.kernels.hash import stream_key, uniform_cells

NORMAL_RAIN = 290.0
RAIN_VARIATION = 0.10
NORMAL_TEMPERATURE = 2.5
WARMING = 0.035
LAPSE = 0.0065
NORMAL_ELEVATION = 1000.0


def anomalies(seed: int, name: str, years: Sequence[int]) -> np.ndarray:
    """Return a standardised anomaly for each year, the sum of twelve uniform numbers less six.

    A year's anomaly depends on the seed and the year alone, whatever years are asked for.
    """
    key = stream_key(seed, name)
    rows = [uniform_cells(key, slice(year, year + 1), slice(0, 12)) for year in years]
    return np.array([row.sum() - 6 for row in rows])


def climate(
    years: np.ndarray,
    rain_anomaly: np.ndarray,
    heat_anomaly: np.ndarray,
    elevation: np.ndarray,
    rain: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return precipitation, temperature and reference evapotranspiration.

    - ``P = 290 (1 + 0.10 a) (1 + 0.08 r) + 0.10 (z - 1000)`` mm yr-1, with the year's anomaly a
      and the rain pattern r;
    - ``T = 2.5 + 0.035 (year - 2001) + 0.3 b - 0.0065 (z - 1000)`` degC;
    - ``ET0 = 880 + 30 (T - 2.5) - 0.3 (P - 290)`` mm yr-1.

    Parameters
    ----------
    years, rain_anomaly, heat_anomaly : numpy.ndarray
        ``(t, 1, 1)``, float32.
    elevation, rain : numpy.ndarray
        ``(y, x)``, float32.

    Returns
    -------
    tuple of numpy.ndarray
        Each ``(t, y, x)``, float32.
    """
    above = elevation - np.float32(NORMAL_ELEVATION)
    precipitation = (
        NORMAL_RAIN * (1 + RAIN_VARIATION * rain_anomaly) * (1 + 0.08 * rain) + 0.10 * above
    )
    year_temperature = NORMAL_TEMPERATURE + WARMING * (years - 2001) + 0.3 * heat_anomaly
    temperature = year_temperature - LAPSE * above
    reference = 880 + 30 * (temperature - NORMAL_TEMPERATURE) - 0.3 * (precipitation - NORMAL_RAIN)
    return precipitation, temperature, reference
