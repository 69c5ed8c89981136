"""What both sides are given: names, classes, threats, constants. Imports nothing heavy."""

from __future__ import annotations

from typing import Any

MODELS = ("habitat", "sediment", "water_yield", "carbon")
CASES = ("irregular", "plateaus", "plain", "unthreatened")
"""Ragged nodata with holes; whole metres; all cells valid; a threat without any cell, which InVEST
takes for one that is as far away as the raster is large, so that it shows at 100 cells a side."""
ALGORITHMS = ("mfd", "d8")

CELL = 30.0
"""Metres a side of a cell."""
CORNER = (500_010.0, 4_200_030.0)
"""Lower left corner of every grid, EPSG:32650."""
CRS = "EPSG:32650"

GAPS: dict[str, float] = {
    "dem": -9999.0,
    "erosivity": -1.0,
    "erodibility": -3.4028234663852886e38,
    "precipitation": -1.0,
    "evapotranspiration": -32768.0,
    "soil_depth": -9999.0,
    "available_water": -1.0,
    "mines": 255,
    "roads": 255,
    "urban": 255,
    "arable": 255,
}
"""Nodata of the GeoTIFFs, as unlike each other as users have them."""

THREATS: dict[str, dict[str, Any]] = {
    "mines": {"max_dist": 10_000.0, "weight": 1.0, "decay": "exponential"},
    "roads": {"max_dist": 8_000.0, "weight": 0.8, "decay": "linear"},
    "urban": {"max_dist": 5_000.0, "weight": 1.0, "decay": "exponential"},
    "arable": {"max_dist": 3_000.0, "weight": 0.3, "decay": "linear"},
}

CLASS_COLUMNS = (
    *("name", "habitat", *THREATS, "usle_c", "usle_p", "lulc_veg", "root_depth", "kc", "demand"),
    *("c_above", "c_below", "c_soil", "c_dead"),
)
_ROWS: dict[int, tuple[Any, ...]] = {
    11: ("water", 1.0, 0.9, 0.6, 0.8, 0.7, 0.0, 1.0, 0, 1, 1.05, 0, 0, 0, 0, 0),
    21: ("urban", 0.0, 0, 0, 0, 0, 0.05, 1.0, 0, 1, 0.4, 12.5, 1.5, 0.5, 18.0, 0),
    24: ("mine", 0.0, 0, 0, 0, 0, 0.9, 1.0, 0, 1, 0.35, 30.0, 0, 0, 4.5, 0),
    31: ("barren", 0.2, 0.3, 0.3, 0.4, 0.2, 0.6, 1.0, 0, 1, 0.5, 0, 0.4, 0.2, 9.1, 0.1),
    41: ("forest", 1.0, 0.8, 0.7, 0.7, 0.5, 0.006, 1.0, 1, 3500, 1.0, 0, 62.3, 15.7, 98.4, 4.9),
    52: ("shrub", 0.8, 0.7, 0.5, 0.6, 0.4, 0.03, 1.0, 1, 2000, 0.9, 0, 12.8, 9.6, 61.2, 1.3),
    71: ("grass", 0.7, 0.6, 0.45, 0.6, 0.5, 0.05, 1.0, 1, 1200, 0.75, 0, 2.1, 6.3, 57.7, 0.6),
    82: ("arable", 0.3, 0.5, 0.3, 0.5, 0.0, 0.25, 0.5, 1, 700, 0.85, 3.2, 3.4, 0.7, 41.9, 0),
    90: ("wetland", 1.0, 1.0, 0.65, 0.85, 0.6, 0.004, 1.0, 1, 900, 1.1, 0, 6.6, 4.2, 143.0, 2.2),
}
CLASSES: dict[int, dict[str, Any]] = {
    code: dict(zip(CLASS_COLUMNS, row, strict=True)) for code, row in _ROWS.items()
}
"""Of each class of land use its row in every table."""

WATERSHEDS = (2, 3, 5, 9)
"""``ws_id`` of the polygons, in the order of :func:`.polygons.watersheds`."""
VALUATION_COLUMNS = (
    *("time_span", "discount", "efficiency", "fraction"),
    *("cost", "height", "kw_price"),
)
VALUATION: dict[int, tuple[float, ...]] = {
    2: (20, 5.0, 0.8, 0.6, 1e4, 25.0, 0.07),
    3: (30, 3.0, 0.85, 0.5, 2e5, 60.0, 0.08),
    5: (50, 8.0, 0.75, 1.0, 0.0, 10.0, 0.05),
    9: (10, 0.5, 0.9, 0.3, 5e3, 100.0, 0.1),
}

HALF_SATURATION = 0.05
SEDIMENT = {"k_param": 2.0, "ic_0_param": 0.5, "sdr_max": 0.8, "l_max": 122.0}
SEASONALITY = 5.0
CARBON_YEARS = (2000, 2022)
CARBON_VALUE = {"price_per_metric_ton_of_c": 43.0, "discount_rate": 7.0, "rate_change": 1.5}
"""Price a tonne of carbon; percent a year."""


def stream_threshold(side: int) -> int:
    """Return from how many cells on a stream begins."""
    return 1000 if side >= 1000 else 100


def default_case(side: int) -> str:
    """Return the case that is meant for a side."""
    return {300: "irregular", 500: "plateaus"}.get(side, "plain")


def lulc_type(case: str) -> tuple[str, int]:
    """Return dtype and nodata of the land-use rasters."""
    return ("int16", -1) if case == "irregular" else ("uint8", 255)
