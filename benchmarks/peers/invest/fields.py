"""The layers of the comparison as functions of the cells' positions, the same at any side."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.landscape import terrain
from benchmarks.peers.invest.parameters import lulc_type

REGIONS = {
    "mines": "far mines 1",
    "roads": "far roads 4",
    "urban": "far urban 3",
    "arable": "far arable 4",
}
"""Noises that give every threat cells in the corner of 300 cells, and none far off within 1000."""
RELIEF = 4.0
"""Times the benchmarks' terrain, so that slopes pass 9 %, where two factors of erosion change."""
Field = Callable[[slice, slice], np.ndarray]
HOLES = {
    "dem": (0.5, 0.52, 0.05),
    "lulc": (0.3, 0.7, 0.04),
    "lulc_baseline": (0.31, 0.69, 0.045),
    "lulc_future": (0.62, 0.25, 0.03),
    "erosivity": (0.7, 0.4, 0.03),
    "erodibility": (0.69, 0.42, 0.02),
    "precipitation": (0.25, 0.3, 0.03),
    "evapotranspiration": (0.4, 0.2, 0.02),
    "soil_depth": (0.72, 0.7, 0.04),
    "available_water": (0.75, 0.72, 0.04),
    "mines": (0.6, 0.6, 0.06),
    "arable": (0.4, 0.45, 0.05),
}
"""Row, column and radius of what a layer lacks, as shares of the side."""


def noise(name: str, rows: slice, columns: slice, size: float, octaves: int = 1) -> np.ndarray:
    """Return smooth noise in [-1, 1] of its own for every name; ``size`` in cells."""
    from mineeco_xr.kernels.hash import gradient_noise, stream_key

    return gradient_noise(stream_key(4, name), rows, columns, wavelength=size, octaves=octaves)


def lacks(name: str, rows: slice, columns: slice, side: int) -> np.ndarray:
    """Return where a layer of the irregular case has no data: beyond a ragged edge, in a hole."""
    row, column = np.ogrid[rows, columns]
    row, column = (row + 0.5) / side, (column + 0.5) / side
    edge = 0.55 + 0.06 * noise("edge", rows, columns, 40, 3)
    ragged = noise(f"edge of {name}", rows, columns, 6) * 0.006
    outside = np.hypot(row - 0.5, column - 0.5) > edge + ragged
    if name not in HOLES:
        return outside
    y, x, radius = HOLES[name]
    return outside | (np.hypot(row - y, column - x) < radius + 2 * ragged)


def threat(name: str, rows: slice, columns: slice) -> np.ndarray:
    """Return 1 on the cells of a threat: rare mines, winding roads, towns, fields.

    Each keeps to some of the land, so that other land lies beyond its reach.
    """
    region = noise(REGIONS[name], rows, columns, 1300)
    if name == "roads":
        return (np.abs(noise("roads", rows, columns, 220, 2)) < 0.006) & (region > -0.15)
    if name == "mines":
        return (noise("mines", rows, columns, 45, 2) > 0.68 - 0.2 * region) & (region > 0.02)
    if name == "urban":
        return (noise("urban", rows, columns, 60, 3) > 0.55 - 0.3 * region) & (region > -0.2)
    return noise("arable", rows, columns, 90, 4) > 0.2 - 0.8 * region


def land_use(rows: slice, columns: slice, *, year: str = "lulc", case: str = "plain") -> np.ndarray:
    """Return classes: what grows by height and moisture, and what people put on it.

    The baseline has no mines, half of the arable land and no towns on the former wetland; in the
    future some arable land has become forest.
    """
    high = noise("high", rows, columns, 260, 5)
    moist = noise("moist", rows, columns, 180, 5)
    classes = np.select(
        [high < -0.5, moist > 0.45, high > 0.3, moist > 0.1, moist > -0.3],
        [11, 90, 41, 52, 71],
        31,
    )
    arable = threat("arable", rows, columns) & (high > -0.4)
    if year != "lulc":
        arable &= noise(year, rows, columns, 50) > (0.0 if year == "lulc_baseline" else -0.3)
    classes[arable] = 82
    if year == "lulc_future":
        classes[threat("arable", rows, columns) & ~arable & (classes == 71)] = 41
    classes[threat("urban", rows, columns) & ((year != "lulc_baseline") | (classes != 90))] = 21
    if year != "lulc_baseline":
        classes[threat("mines", rows, columns)] = 24
    return classes.astype(lulc_type(case)[0])


def elevation(rows: slice, columns: slice, *, case: str) -> np.ndarray:
    """Return hills with pits of all sizes, or flat land in whole metres, full of plateaus."""
    heights = terrain(rows, columns)
    return np.round(heights) if case == "plateaus" else np.float32(RELIEF) * heights


def erosivity(rows: slice, columns: slice) -> np.ndarray:
    """Return a smooth 1500 to 6500 MJ mm ha-1 h-1 yr-1."""
    return 4000 + 2500 * noise("erosivity", rows, columns, 700)


def erodibility(rows: slice, columns: slice) -> np.ndarray:
    """Return soils of 0.010 to 0.060 t ha h MJ-1 ha-1 mm-1."""
    return np.round(0.035 + 0.025 * noise("erodibility", rows, columns, 80, 3), 3)


def precipitation(rows: slice, columns: slice, *, case: str) -> np.ndarray:
    """Return 250 to 950 mm yr-1; in the irregular case with a desert without rain."""
    wet = noise("precipitation", rows, columns, 400, 2)
    return np.where((wet < -0.55) & (case == "irregular"), 0.0, 600 + 350 * wet)


def evapotranspiration(rows: slice, columns: slice) -> np.ndarray:
    """Return 650 to 1350 mm yr-1."""
    return 1000 + 350 * noise("evapotranspiration", rows, columns, 600)


def soil_depth(rows: slice, columns: slice) -> np.ndarray:
    """Return 200 to 3000 mm in steps of 50."""
    return 50 * np.round(32 + 28 * noise("soil depth", rows, columns, 70, 3))


def available_water(rows: slice, columns: slice) -> np.ndarray:
    """Return shares of 0.05 to 0.35 in steps of 0.01."""
    return np.round(0.2 + 0.15 * noise("available water", rows, columns, 70, 3), 2)
