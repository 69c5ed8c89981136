"""Algorithms over the neighbourhood of cells: distance, decay, patches, cost."""

from mineeco_xr.spatial.distance import allocation, distance

__all__ = ["allocation", "distance"]
