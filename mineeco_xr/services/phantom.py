"""The threat that InVEST sees where there is none.

Its distance transform begins with a distance of rows and columns together in the first row of the
raster and adds one a row, and takes that for a distance when no cell of the raster is a threat.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from mineeco_xr.chunks import pointwise, reduce_blocks
from mineeco_xr.chunks.reread import reread
from mineeco_xr.services.lead import lead_numbers
from mineeco_xr.services.threat_table import HabitatThreat


def with_phantom(
    felt: xr.DataArray, present: xr.DataArray, threat: HabitatThreat, side: float
) -> xr.DataArray:
    """Put what InVEST makes of an empty raster in the place of nothing.

    Parameters
    ----------
    felt : xarray.DataArray
        What is felt of the threat, dims ``(y, x)`` or with one before them.
    present : xarray.DataArray
        0 and 1, of which it was made.
    threat : HabitatThreat
        Which one.
    side : float
        Width of a cell, metres.

    Returns
    -------
    xarray.DataArray
        ``felt`` itself where the raster is so large that the invented distance is out of reach.

    Notes
    -----
    Needs to know whether there is a threat anywhere: a pass over the raster before any block, which
    crosses chunks by reduction. Bit-identical for any chunking.
    """
    from mineeco_xr.kernels.decay import weights

    sizes = felt.sizes
    invented = (sizes["y"] + sizes["x"] + np.arange(sizes["y"])) * side
    if invented[0] > threat.max_distance:
        return felt
    effect = weights(invented, threat.decay, threat.max_distance).astype("float32")
    return pointwise(
        _invent,
        felt.transpose(..., "y", "x"),
        xr.DataArray(effect, dims="y", coords={"y": felt["y"]}),
        *lead_numbers(felt),
        dtype="float32",
        shared=reduce_blocks(_any_in_block, _any_of, reread(present, "phantom")),
    )


def _any_in_block(block: np.ndarray, *, shared: None) -> np.ndarray:
    return np.asarray(block.any(axis=(-2, -1)))


def _any_of(parts: list[np.ndarray]) -> np.ndarray:
    return np.asarray(np.logical_or.reduce(parts))


def _invent(
    felt: np.ndarray, effect: np.ndarray, *number: np.ndarray, shared: np.ndarray
) -> np.ndarray:
    found = shared[number] if number else shared
    return np.where(found, felt, effect)
