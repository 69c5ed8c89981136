"""Terrain: pits, slope and the way of water."""

from mineeco_xr.terrain.accumulation import flow_accumulation
from mineeco_xr.terrain.basins import basins
from mineeco_xr.terrain.direction import flow_direction
from mineeco_xr.terrain.downstream import downstream_distance
from mineeco_xr.terrain.fill import fill_pits
from mineeco_xr.terrain.retention import flow_retention
from mineeco_xr.terrain.slope import slope
from mineeco_xr.terrain.streams import streams

__all__ = [
    "basins",
    "downstream_distance",
    "fill_pits",
    "flow_accumulation",
    "flow_direction",
    "flow_retention",
    "slope",
    "streams",
]
