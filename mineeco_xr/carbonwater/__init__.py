"""Carbon and water: spectral indices and water-use efficiency."""

from mineeco_xr.carbonwater.indices import available_indices, indices
from mineeco_xr.carbonwater.wue import wue, wue_zonal

__all__ = ["available_indices", "indices", "wue", "wue_zonal"]
