"""Directions of one receiver as InVEST finds them: the whole raster in one task."""

from __future__ import annotations

import numpy as np
import xarray as xr

from mineeco_xr.terrain.elevation import finite
from mineeco_xr.terrain.invest_tiles import INVEST_TILE
from mineeco_xr.terrain.multiple import along_flow


def directions_in_order(dem: xr.DataArray, corner: tuple[int, int]) -> xr.DataArray:
    """Return D8 codes as InVEST finds them, uint8; always one task.

    Parameters
    ----------
    dem : xarray.DataArray
        Elevations, float, dims ending in ``(y, x)``.
    corner : tuple of int
        Row and column of the first cell of InVEST's raster.
    """
    return along_flow(
        _directed, None, (dem,), (float("nan"),),
        dtype="uint8", parameters={"tile": INVEST_TILE, "corner": corner},
    )  # fmt: skip


def _directed(window: np.ndarray, *, tile: int, corner: tuple[int, int]) -> np.ndarray:
    from mineeco_xr.kernels.flow_direction import steepest
    from mineeco_xr.kernels.plateau_order import direct_in_order

    z = finite(window)
    codes = steepest(z)
    direct_in_order(z, codes, tile, corner)
    return codes[1:-1, 1:-1]
