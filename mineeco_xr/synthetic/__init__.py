"""A synthetic coalfield with known truth: terrain, land cover, mines, satellite bands, NPP, ET."""

from mineeco_xr.synthetic.coalfield import Coalfield, coalfield
from mineeco_xr.synthetic.modis import modis_grid, write_modis_tiles

__all__ = ["Coalfield", "coalfield", "modis_grid", "write_modis_tiles"]
