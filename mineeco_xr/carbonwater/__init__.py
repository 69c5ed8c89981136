"""Carbon and water: decoded products, spectral indices, water-use efficiency."""

from mineeco_xr.carbonwater.indices import available_indices, indices
from mineeco_xr.carbonwater.modis import decode_modis
from mineeco_xr.carbonwater.wue import wue, wue_zonal

__all__ = ["available_indices", "decode_modis", "indices", "wue", "wue_zonal"]
