"""Data in and out: the grid, the exact warp, ingest, vectors, Zarr, units and provenance."""

from mineeco_xr.cube.area import cell_area
from mineeco_xr.cube.grid import (
    full,
    geobox_of,
    grid_coords,
    grid_difference,
    make_grid,
    require_metres,
    require_same_grid,
)
from mineeco_xr.cube.ingest import ingest
from mineeco_xr.cube.modis import decode_modis
from mineeco_xr.cube.modis_series import open_modis
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.cube.store import open_cube, write_cube
from mineeco_xr.cube.units import convert_units, parse_units, unit_factor, unit_ratio, units_of
from mineeco_xr.cube.vectors import burn, read_vectors
from mineeco_xr.cube.warp import warp

__all__ = [
    "burn",
    "cell_area",
    "convert_units",
    "decode_modis",
    "finalize",
    "full",
    "geobox_of",
    "grid_coords",
    "grid_difference",
    "ingest",
    "make_grid",
    "open_cube",
    "open_modis",
    "parse_units",
    "read_vectors",
    "require_metres",
    "require_same_grid",
    "unit_factor",
    "unit_ratio",
    "units_of",
    "warp",
    "write_cube",
]
