"""The minimum mapping unit of events: patches of one year."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import xarray as xr

from mineeco_xr.chunks import halo
from mineeco_xr.cube.calendar import NO_YEAR


def drop_small_patches(events: xr.Dataset, least: int, *, keep: Collection[str]) -> xr.Dataset:
    """Make cells nodata whose patch of one year, corners connected, is smaller than ``least``.

    Parameters
    ----------
    events : xarray.Dataset
        With ``year``, 0 where there is none.
    least : int
        Cells that a patch needs.
    keep : collection of str
        Variables that are left alone.

    Returns
    -------
    xarray.Dataset
        Lazy when it was.

    Notes
    -----
    Crosses chunks by a halo of ``least - 1`` cells, and exactly: a patch of that many cells or more
    has that many within so many steps of any of its cells.
    """
    year = events["year"].transpose(..., "y", "x")
    large = halo(
        _large_patches,
        year,
        depth=least - 1,
        dtype="bool",
        fill=int(NO_YEAR),
        parameters={"least": least},
    )
    changed = {
        name: layer.where(large, NO_YEAR if layer.dtype.kind == "u" else np.nan)
        for name, layer in events.data_vars.items()
        if name not in keep
    }
    return events.assign(changed)


def _large_patches(window: np.ndarray, *, least: int) -> np.ndarray:
    from mineeco_xr.kernels.label import class_codes, label_cells

    codes = class_codes(window, fill=float(NO_YEAR))
    labels, numbers, _ = label_cells(codes, 8)
    found = numbers[labels]
    large = np.bincount(found.ravel()) >= least
    large[0] = False
    edge = least - 1
    kept: np.ndarray = large[found][edge:-edge, edge:-edge]
    return kept
