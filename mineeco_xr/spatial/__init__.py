"""Algorithms over the neighbourhood of cells: distance, decay, patches, cost."""

from mineeco_xr.spatial.cost import cost_distance
from mineeco_xr.spatial.decay import decay
from mineeco_xr.spatial.distance import allocation, distance
from mineeco_xr.spatial.idw import idw
from mineeco_xr.spatial.idw_error import idw_error
from mineeco_xr.spatial.label import label
from mineeco_xr.spatial.patches import patches
from mineeco_xr.spatial.path import least_cost_paths

__all__ = [
    "allocation",
    "cost_distance",
    "decay",
    "distance",
    "idw",
    "idw_error",
    "label",
    "least_cost_paths",
    "patches",
]
