"""Data in and out: the grid, the exact warp, ingest, vectors, Zarr, units and provenance."""

from mineeco_xr.cube.grid import (
    cell_area,
    full,
    geobox_of,
    grid_coords,
    grid_difference,
    make_grid,
    require_metres,
    require_same_grid,
)
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.cube.units import convert_units, parse_units, unit_factor, unit_ratio, units_of

__all__ = [
    "cell_area",
    "convert_units",
    "finalize",
    "full",
    "geobox_of",
    "grid_coords",
    "grid_difference",
    "make_grid",
    "parse_units",
    "require_metres",
    "require_same_grid",
    "unit_factor",
    "unit_ratio",
    "units_of",
]
