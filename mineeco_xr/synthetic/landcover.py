"""Land cover of a year, by ordered rules, and the years of loss and restoration."""

from __future__ import annotations

import numpy as np

from mineeco_xr.synthetic.settlements import BASELINE

RESERVE, REFERENCE, QUARRY = 1, 2, 4
"""Bits of the place mask."""
CROP_LIMIT = (0.66, -0.0022)
FOREST_LIMIT = (0.62, -0.0010)
BARE_LIMIT = (0.70, 0.0006)
"""Score from which a cell is of the class in the baseline year, and its change a year."""


def classify(
    years: np.ndarray,
    pit_year: np.ndarray,
    dump_year: np.ndarray,
    restoration_year: np.ndarray,
    built_year: np.ndarray,
    place: np.ndarray,
    bank_distance: np.ndarray,
    river_distance: np.ndarray,
    moisture: np.ndarray,
    relief: np.ndarray,
    wood: np.ndarray,
    parcel: np.ndarray,
    *,
    near: float,
) -> np.ndarray:
    """Return the class of each cell in each year; the first rule that holds counts.

    1. restored dump, from the restoration year on;
    2. dump, from the dumping year on;
    3. open pit, from the year of digging on;
    4. water, inside the banks of a river or the lake;
    5. built-up, from the building year on;
    6. bare: the quarry;
    7. grassland: the undisturbed reference;
    8. cropland, outside the reserve, where
       ``0.55 exp(-river_distance / near) + 0.30 (1 - relief) + 0.25 parcel`` passes its limit;
    9. forest, where ``0.45 wood + 0.35 relief + 0.20 moisture`` (+ 0.04 in the reserve) does;
    10. bare, where ``0.60 (1 - moisture) + 0.40 (1 - wood)`` does;
    11. grassland.

    Parameters
    ----------
    years : numpy.ndarray
        ``(t, 1, 1)``.
    pit_year, dump_year, restoration_year, built_year, place : numpy.ndarray
        ``(y, x)``, uint16; a year of 0 never comes.
    bank_distance, river_distance, moisture, relief, wood, parcel : numpy.ndarray
        ``(y, x)``, float32.
    near : float
        Distance over which cropland thins out away from rivers, m.

    Returns
    -------
    numpy.ndarray
        ``(t, y, x)``, uint8.
    """
    crop = 0.55 * np.exp(-river_distance / np.float32(near)) + 0.30 * (1 - relief) + 0.25 * parcel
    forest = 0.45 * wood + 0.35 * relief + 0.20 * moisture
    forest = forest + np.float32(0.04) * ((place & RESERVE) > 0)
    bare = 0.60 * (1 - moisture) + 0.40 * (1 - wood)
    crop = np.where((place & RESERVE) > 0, np.float32(-1), crop)
    out = np.full((years.shape[0], *pit_year.shape), 3, dtype="uint8")
    for layer, year in zip(out, years.ravel(), strict=True):
        passed = np.float32(year - BASELINE)
        layer[bare > _limit(BARE_LIMIT, passed)] = 6
        layer[forest > _limit(FOREST_LIMIT, passed)] = 2
        layer[crop > _limit(CROP_LIMIT, passed)] = 1
        layer[(place & REFERENCE) > 0] = 3
        layer[(place & QUARRY) > 0] = 6
        layer[_since(built_year, year)] = 5
        layer[bank_distance <= 0] = 4
        layer[_since(pit_year, year)] = 7
        layer[_since(dump_year, year)] = 8
        layer[_since(restoration_year, year)] = 9
    return out


def _limit(line: tuple[float, float], passed: np.float32) -> np.float32:
    # Nothing changes before the baseline year, and after 2040 only mining and towns do.
    return np.float32(line[0] + line[1] * float(np.clip(passed, 0, 40)))


def _since(start: np.ndarray, year: float) -> np.ndarray:
    return (start > 0) & (start <= year)


def disturbed(
    pit_year: np.ndarray,
    dump_year: np.ndarray,
    built_year: np.ndarray,
    bank_distance: np.ndarray,
) -> np.ndarray:
    """Return the year in which a cell lost its vegetation to a pit, a dump or a building.

    Parameters
    ----------
    pit_year, dump_year, built_year : numpy.ndarray
        ``(y, x)``, uint16; 0 is never.
    bank_distance : numpy.ndarray
        ``(y, x)``; building over water takes nothing.

    Returns
    -------
    numpy.ndarray
        ``(y, x)``, uint16; the earliest of the three, 0 where none comes after the baseline year.
    """
    never = np.uint16(9999)
    built = np.where((bank_distance > 0) & (built_year > BASELINE), built_year, 0)
    years = [np.where(year > 0, year, never) for year in (pit_year, dump_year, built)]
    earliest = np.minimum(np.minimum(years[0], years[1]), years[2])
    # A cell that was built up before the baseline year had nothing to lose.
    standing = (built_year > 0) & (built_year <= BASELINE)
    return np.where((earliest < never) & ~standing, earliest, 0).astype("uint16")
