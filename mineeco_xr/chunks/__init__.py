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
rounds       cost distance                                 a barrier: computes; bit-identical
strips       flow that divides                             a barrier: computes; bit-identical
============ ============================================= =======================================
"""

from mineeco_xr.chunks.halo import halo
from mineeco_xr.chunks.pointwise import generate, pointwise, whole_along
from mineeco_xr.chunks.reduce import reduce_blocks
from mineeco_xr.chunks.reduced import Reduced
from mineeco_xr.chunks.rounds import rounds
from mineeco_xr.chunks.run import active_client, run_tasks
from mineeco_xr.chunks.shelf import Shelf
from mineeco_xr.chunks.stitch import stitch
from mineeco_xr.chunks.strips import join_strips
from mineeco_xr.chunks.tiles import Place, finish_tiles, tile_inputs
from mineeco_xr.chunks.window import from_windows

__all__ = [
    "Place",
    "Reduced",
    "Shelf",
    "active_client",
    "finish_tiles",
    "from_windows",
    "generate",
    "halo",
    "join_strips",
    "pointwise",
    "reduce_blocks",
    "rounds",
    "run_tasks",
    "stitch",
    "tile_inputs",
    "whole_along",
]
