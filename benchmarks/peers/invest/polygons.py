"""Watersheds and places of limited access, drawn in shares of the side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from benchmarks.peers.invest.parameters import CELL, CORNER, CRS, WATERSHEDS

if TYPE_CHECKING:
    import geopandas as gpd

MIDDLE = (0.472, 0.531)
INWARD = {
    "plain": (0.0,) * 8,
    "unthreatened": (0.0,) * 8,
    "plateaus": (0.0, 0.01, 0.02, 0.0, 0.01, 0.02, 0.0, 0.01),
    "irregular": (0.03, 0.06, 0.01, 0.04, 0.02, 0.05, 0.015, 0.03),
}
"""How far the eight points of the outline lie inside the grid, from the lower left counter-
clockwise."""
OUTLINE = ((0, 0), (0.5, 0), (1, 0), (1, 0.5), (1, 1), (0.5, 1), (0, 1), (0, 0.5))
ACCESS = (
    (0.0, ((0.12, 0.55), (0.33, 0.52), (0.36, 0.81), (0.15, 0.86))),
    (0.4, ((0.55, 0.6), (0.82, 0.66), (0.77, 0.9), (0.58, 0.84))),
    (0.85, ((0.6, 0.1), (0.9, 0.13), (0.71, 0.41))),
)
"""Share of access and corners of each place."""


def _frame(rings: list[np.ndarray], side: int, column: str, values: list) -> gpd.GeoDataFrame:
    import geopandas as gpd
    from shapely import Polygon

    # A third of a cell keeps the edges off the centres of cells.
    placed = [ring * side * CELL + np.array(CORNER) + CELL / 3 for ring in rings]
    return gpd.GeoDataFrame({column: values}, geometry=list(map(Polygon, placed)), crs=CRS)


def watersheds(side: int, case: str) -> gpd.GeoDataFrame:
    """Return four polygons that share a middle and cover nearly all of the grid."""
    margin = 3 / side
    outline = [
        np.clip(np.add(0.5, np.subtract(point, 0.5) * (1 - 2 * inward)), margin, 1 - margin)
        for point, inward in zip(OUTLINE, INWARD[case], strict=True)
    ]
    rings = [
        np.array([outline[i], outline[(i + 1) % 8], MIDDLE, outline[i - 1]]) for i in (0, 2, 4, 6)
    ]
    return _frame(rings, side, "ws_id", list(WATERSHEDS))


def access(side: int) -> gpd.GeoDataFrame:
    """Return places that threats reach in part or not at all."""
    rings = [np.array(corners) for _, corners in ACCESS]
    return _frame(rings, side, "access", [share for share, _ in ACCESS])
