"""The ways in which a computation crosses chunk borders: the only doors to Dask.

============ ============================================= =======================================
door         for                                           result
============ ============================================= =======================================
pointwise    indices, ratios, statistics over time         lazy, bit-identical for any chunking
generate     rasters made from cell positions              lazy, bit-identical
window       resampling onto another grid                  lazy, bit-identical
halo         focal statistics, kernels of a given radius   lazy, bit-identical or 1e-6 relative
reduce       zonal statistics, histograms, extrema         lazy, counts bit-identical
stitch       distance, patches, pits, flow                 lazy, three stages, bit-identical
============ ============================================= =======================================
"""

from mineeco_xr.chunks.halo import halo
from mineeco_xr.chunks.pointwise import generate, pointwise, whole_along
from mineeco_xr.chunks.reduce import Reduced, reduce_blocks
from mineeco_xr.chunks.run import active_client, run_tasks
from mineeco_xr.chunks.stitch import Place, stitch
from mineeco_xr.chunks.window import from_windows

__all__ = [
    "Place",
    "Reduced",
    "active_client",
    "from_windows",
    "generate",
    "halo",
    "pointwise",
    "reduce_blocks",
    "run_tasks",
    "stitch",
    "whole_along",
]
